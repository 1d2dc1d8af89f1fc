"""Cases held back from a fit, and what a fit of one pattern does with them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.helpers.tiny import Linear, batch_of, binary, image, model_of

from plexor.attacks import Misclassify, Threat, UniversalSGD
from plexor.attacks.fitted import Stream
from plexor.attacks.held_back import hold_back
from plexor.core.errors import PlanError
from plexor.models import Batch, Model

SHAPE = (1, 2, 3)
THREAT = Threat(norm="linf", radius=4)


def cases(n: int) -> Batch:
    return batch_of([image(np.full(SHAPE, 100, "u1")) for _ in range(n)])


def parts(batch: Batch, size: int) -> list[Batch]:
    return [batch.select(index) for index in torch.split(torch.arange(len(batch)), size)]


def turning(at: int) -> Model:
    """Wrong once the sum of the six numbers is above 600 plus a change of ``at`` in each."""
    return model_of(Linear(torch.ones(1, *SHAPE), torch.tensor([-600.0 - 6 * at])), binary())


def test_cases_are_drawn_by_their_ids_whatever_the_batches() -> None:
    every = cases(200)
    drawn = [
        hold_back(Stream(method="m", batches=parts(every, size)), 0.25, most=99, seed=3)
        for size in (7, 200)
    ]
    assert drawn[0].ids == drawn[1].ids
    assert 30 <= len(drawn[0].ids) <= 70
    assert sorted(i for batch in drawn[0].batches for i in batch.ids) == sorted(drawn[0].ids)
    left = [i for batch in parts(every, 7) for i in drawn[0].others(batch).ids]
    assert sorted([*left, *drawn[0].ids]) == sorted(every.ids)


def test_the_stream_is_read_no_further_than_to_the_most_and_too_few_are_none() -> None:
    stream = Stream(method="m", batches=parts(cases(200), 10))
    assert len(hold_back(stream, 0.25, most=5, seed=0).ids) == 5
    assert len(stream.seen) < 100
    few = Stream(method="m", batches=[cases(8)])
    assert not hold_back(few, 0.5, most=9, fewest=8, seed=0).ids
    almost_all = Stream(method="m", batches=[cases(3)])
    assert not hold_back(almost_all, 1 - 1e-12, most=9, seed=0).ids, "something must be fitted on"


def test_a_round_that_adds_nothing_is_the_last() -> None:
    """Two levels turn every case, which the first round does: the second adds none."""
    fit = UniversalSGD(steps=500, held_back=0.25).fit
    fitted = fit(turning(2), parts(cases(120), 24), Misclassify(), THREAT, seed=0)
    held = fitted.card.n_forwards // 2
    assert held >= 8
    assert fitted.card.n_gradients < (12 + 24) * 8
    assert fitted.card.n_gradients > (12 + 24) * 2
    assert bool((fitted.pattern == 4).all())


def test_rounds_go_on_where_nothing_is_held_back() -> None:
    for options, wanted in (({"steps": 100}, 800), ({"steps": 5}, 40), ({"together": 3}, 300)):
        attack = UniversalSGD(held_back=0, **options)  # type: ignore[arg-type]
        fitted = attack.fit(turning(2), [cases(24)], Misclassify(), THREAT, seed=0)
        assert (fitted.card.n_gradients, fitted.card.n_forwards) == (wanted, 0)


def test_all_cannot_be_held_back() -> None:
    with pytest.raises(PlanError, match=r"universal-sgd: `held_back` must lie in \[0, 1\), got 1"):
        UniversalSGD(held_back=1)
