"""Perturbations that drive a model to NaN: never preferred to a success, and never forgotten."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from tests.helpers import synthetic_run as synthetic
from tests.helpers.tiny import AS_STORED, batch_of, image
from torch import Tensor, nn

from plexor.attacks import Misclassify, Objective, Threat
from plexor.attacks.best import Best
from plexor.attacks.gradient import PGD
from plexor.attacks.objective import BROKEN
from plexor.attacks.query.square import Square
from plexor.findings.schema import NOT_FINITE, to_table
from plexor.findings.summary import summarise
from plexor.models import Batch, Multiclass, TorchModel
from plexor.report.summary_text import summary_text


class Fragile(nn.Module):
    """Says "b" once the image's second half is bright; NaN once its first number exceeds 103."""

    def __init__(self, *, firm: float = 103.0, boundary: float = 101.5) -> None:
        super().__init__()
        self.firm, self.boundary = firm, boundary

    def forward(self, inputs: Tensor) -> Tensor:
        flat = inputs.flatten(1)
        rise = flat[:, 8:].mean(dim=1) - self.boundary
        rise = torch.where(flat[:, 0] > self.firm, torch.nan, rise)
        return torch.stack([-rise, rise], dim=1)


def _problem(**options: float) -> tuple[TorchModel, Batch]:
    task = Multiclass(classes=("a", "b"))
    model = TorchModel(Fragile(**options).eval(), task=task, preprocess=AS_STORED)
    return model, batch_of([image(np.full((1, 4, 4), 100, np.uint8))])


def _trial(first: float, second: float) -> Tensor:
    delta = torch.full((1, 1, 4, 4), float(second))
    delta[0, 0, 0, 0] = first
    return delta


def test_a_success_is_kept_whatever_broke_before_and_after() -> None:
    model, batch = _problem()
    best = Best(Objective(model, batch, Misclassify()))
    for trial in (_trial(8, 0), _trial(0, 4), _trial(8, 4)):
        best.keep(trial, best.objective.margin(trial))
    assert best.margins.item() == 5.0
    assert torch.equal(best.proposal().delta, _trial(0, 4))


def test_a_broken_case_is_still_searched_and_proposed_in_the_end() -> None:
    model, batch = _problem()
    best = Best(Objective(model, batch, Misclassify()))
    assert best.ask(_trial(8, 0)).item() == BROKEN
    assert best.leave() is None
    assert best.ask(_trial(0, 1)).item() == -1.0
    assert torch.equal(best.proposal().delta, _trial(8, 0))
    assert best.outcome()[1].item() == BROKEN


@pytest.mark.parametrize("attack", [PGD(steps=40, restarts=3), Square(queries=300)])
def test_searches_find_the_success_beside_what_breaks(attack: PGD | Square) -> None:
    model, batch = _problem()
    threat = Threat(norm="linf", radius=8)
    proposal = attack(model, batch, Misclassify(), threat, seed=0)
    outputs = model.outputs(batch.images + proposal.delta, batch.scaling)
    assert outputs.isfinite().all()
    assert outputs.argmax().item() == 1


@pytest.mark.parametrize("attack", [PGD(steps=40, restarts=3), Square(queries=300)])
def test_searches_propose_what_breaks_where_nothing_succeeds(attack: PGD | Square) -> None:
    model, batch = _problem(boundary=200.0)
    proposal = attack(model, batch, Misclassify(), Threat(norm="linf", radius=8), seed=0)
    assert not model.outputs(batch.images + proposal.delta, batch.scaling).isfinite().any()


def test_cases_driven_to_nan_are_counted_on_their_own() -> None:
    rng = np.random.default_rng(3)
    probes = (synthetic.probe("pgd", "linf", (1,), settings=synthetic.PGD),)
    units = synthetic.findings_of(synthetic.subjects(40, rng), rng, probes, stored=("lossless",))
    frame: pd.DataFrame = to_table([row for unit in units.values() for row in unit]).to_pandas()
    rows = frame.index[frame["probe"] == "pgd-linf-1"]
    frame.loc[rows[:3], ["status", "error"]] = ["failed", NOT_FINITE]
    frame.loc[rows[3], ["status", "error"]] = ["failed", "another reason"]
    summary = summarise(synthetic.plan(probes), synthetic.provenance(), frame)
    result = summary.attacks[0].lossless
    assert (result.n, result.n_failed, result.n_not_finite) == (36, 4, 3)
    answer = summary_text(summary).answer.replace("\N{NO-BREAK SPACE}", " ")
    assert answer.startswith(
        "PGD, 1 level, drives the model's outputs to NaN or infinity in 3 of 40 images. "
    )
