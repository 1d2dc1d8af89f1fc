"""What a universal pattern means in files that differ, whom it listens to, and hidden layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.helpers.tiny import AS_STORED, Linear, batch_of, binary, image, model_of, multiclass
from torch import Tensor, nn

from plexor.attacks import Misclassify, Move, Threat
from plexor.attacks.fitted import FitCard
from plexor.attacks.universal import (
    UniversalDeepFool,
    UniversalPerturbation,
    UniversalSGD,
    UniversalSingular,
)
from plexor.attacks.universal.layer import Response, find_layer, quarter_layer
from plexor.core.errors import ModelError, PlanError
from plexor.models import Batch, Regression, TorchModel
from plexor.models.architectures.small_cnn import SmallCNN

SHAPE = (1, 2, 3)
PATTERN = torch.tensor([[[6.0, -6.0, 2.0], [0.0, 4.0, -2.0]]])


def applied(batch: Batch, threat: Threat) -> Tensor:
    card = FitCard(
        method="by hand",
        options={},
        threat=threat,
        goal={},
        seed=0,
        shape=SHAPE,
        model_sha256="",
        seen=frozenset(),
        n_gradients=0,
        n_forwards=0,
    )
    model = model_of(Linear(torch.zeros(1, *SHAPE)), binary())
    found = UniversalPerturbation(pattern=PATTERN, card=card)
    return found(model, batch, Misclassify(), threat, seed=0).delta


def test_levels_are_what_each_file_counts_in() -> None:
    stored = [image(np.full(SHAPE, 100, "u1")), image(np.full(SHAPE, 100, "u1"), slope=-2.0)]
    delta = applied(batch_of(stored), Threat(norm="linf", radius=6))
    assert torch.equal(delta, PATTERN.expand_as(delta))


def test_values_are_added_whatever_the_rescale() -> None:
    """Also where dark is stored as high: what is brightened in one is brightened in all."""
    slopes = [1.0, 0.5, -2.0]
    stored = [image(np.full(SHAPE, 100, "i2"), slope=slope) for slope in slopes]
    batch = batch_of(stored)
    delta = applied(batch, Threat(norm="linf", radius=6, unit="value"))
    assert torch.equal(delta * batch.scaling.slope, PATTERN.expand_as(delta))


def test_percent_are_of_each_files_own_range() -> None:
    generator = np.random.default_rng(0)
    stored = []
    for scale in (1.0, 40.0):
        pixels = scale * generator.random(SHAPE).astype("f4")
        pixels[0, 1, 0], pixels[0, 0, 0] = 0.0, scale
        stored.append(image(pixels))
    batch = batch_of(stored)
    delta = applied(batch, Threat(norm="linf", radius=6, unit="percent"))
    wanted = PATTERN / 100 * (batch.high - batch.low)
    wanted = (batch.images + wanted).clamp(batch.low, batch.high) - batch.images
    torch.testing.assert_close(delta, wanted)
    assert not delta[:, 0, 0, 0].any(), "already as high as the file goes"


def test_a_case_beyond_the_clip_does_not_pull() -> None:
    """The two cases want opposite things; the second's loss is beyond the clip from the start."""
    weight = torch.tensor([[[[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]])
    model = model_of(Linear(weight), binary())
    stored = [image(np.full(SHAPE, value, "u1")) for value in (0, 4, 200)]
    batch = batch_of(stored, [0, 0, 1])
    threat = Threat(norm="linf", radius=2)

    def fitted(index: list[int], clip: float) -> float:
        attack = UniversalSGD(steps=20, clip=clip)
        some = batch.select(torch.tensor(index))
        return float(attack.fit(model, [some], Misclassify(), threat, seed=0).pattern[0, 0, 0])

    assert fitted([0], 9.0) == 2, "up is wrong, for an absent one"
    assert fitted([2], 9.0) == -2, "down is wrong, for a present one"
    assert fitted([1], 3.0) == 0, "wrong by more than 3 nats already"
    assert fitted([1], float("inf")) == 2


def test_untouched_images_are_asked_about_where_the_goal_is_about_a_change() -> None:
    stored = [image(np.full(SHAPE, value, "u1")) for value in (0, 4, 200)]
    threat = Threat(norm="linf", radius=2)
    network = Linear(torch.ones(1, *SHAPE))
    wrong = UniversalSGD(steps=5).fit(
        model_of(network, binary()), [batch_of(stored)], Misclassify(), threat, seed=0
    )
    assert (wrong.card.n_gradients, wrong.card.n_forwards) == (5 * 3, 0)
    higher = UniversalSGD(steps=5).fit(
        model_of(network, Regression(unit="years")),
        [batch_of(stored)],
        Move(by=1.0, kind="raise"),
        threat,
        seed=0,
    )
    assert (higher.card.n_gradients, higher.card.n_forwards) == (5 * 3, 5 * 3)


def test_deepfool_asks_no_more_than_it_looks_at() -> None:
    """One case, three looks: at the pattern so far, after a step, and whether enough are there."""
    batch = batch_of([image(np.full(SHAPE, 1, "u1"))])
    model = model_of(Linear(torch.ones(1, *SHAPE), torch.tensor([-9.0])), binary())
    threat = Threat(norm="linf", radius=9)
    fitted = UniversalDeepFool(epochs=1).fit(model, [batch], Misclassify(), threat, seed=0)
    assert fitted.pattern.any()
    assert (fitted.card.n_gradients, fitted.card.n_forwards) == (1, 3)


def test_a_goal_the_sgd_cannot_see_leaves_the_pattern_empty() -> None:
    model = model_of(Linear(torch.zeros(1, *SHAPE)), binary())
    batch = batch_of([image(np.full(SHAPE, 9, "u1"))])
    for norm in ("linf", "l2", "l1", "l0"):
        threat: Any = Threat(norm=norm, radius=2)
        fitted = UniversalSGD(steps=3).fit(model, [batch], Misclassify(), threat, seed=0)
        assert not fitted.pattern.any()


def small_cnn(dims: int) -> TorchModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return TorchModel(SmallCNN(dims, 1, 3), task=multiclass(3))


@pytest.mark.parametrize(
    ("shape", "name"),
    [((1, 32, 32), "features.3"), ((1, 33, 30), "features.3"), ((1, 16, 17, 18), "features.3")],
)
def test_the_layer_looked_at_is_the_first_of_a_quarter_of_the_size(
    shape: tuple[int, ...], name: str
) -> None:
    batch = batch_of([image(np.zeros(shape, "u1"))] * 2)
    assert quarter_layer(small_cnn(len(shape) - 1), batch) == name


def test_without_such_a_layer_it_is_the_outputs() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(6, 3))
    model = TorchModel(network, task=multiclass(3), preprocess=AS_STORED)
    assert quarter_layer(model, batch_of([image(np.zeros(SHAPE, "u1"))])) == ""


def test_a_layer_that_is_written_over_is_seen_as_it_was() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        first = nn.Conv2d(1, 4, 1)
        network = nn.Sequential(first, nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(24, 3))
    model = TorchModel(network, task=multiclass(3), preprocess=AS_STORED)
    batch = batch_of([image(np.full(SHAPE, 9, "u1"))])
    moved = Response(model, find_layer(model, "0"), batch).moved(torch.ones(1, *SHAPE))
    torch.testing.assert_close(moved, first.weight.sum((1, 2, 3)).view(1, 4, 1, 1).expand_as(moved))


def test_layers_that_will_not_do_are_named() -> None:
    model = small_cnn(2)
    batch = batch_of([image(np.zeros((1, 16, 16), "u1"))])
    threat = Threat(norm="linf", radius=2)
    with pytest.raises(PlanError, match=r"unknown layer 'feature\.3'; did you mean 'features\.3'"):
        UniversalSingular(layer="feature.3").fit(model, [batch], Misclassify(), threat, seed=0)
    model.network.idle = nn.Linear(2, 2)
    with pytest.raises(ModelError, match="the output of the layer Linear is no tensor"):
        UniversalSingular(layer="idle").fit(model, [batch], Misclassify(), threat, seed=0)
