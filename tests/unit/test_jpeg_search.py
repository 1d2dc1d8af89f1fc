"""The search on JPEG coefficients: within the threat as decoded, and stored as it was found."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from tests.helpers.tiny import Curved, Linear, batch_of, binary, image, model_of, multiclass
from tests.oracle.test_jpeg_coefficients import jpeg, source_of

from plexor.attacks import Misclassify, Threat, judge
from plexor.attacks.engine import propose
from plexor.attacks.jpeg import JPEGCoefficients
from plexor.cases import LOSSLESS, Image, decode_image
from plexor.cases.formats.coefficients import read_coefficients
from plexor.cases.image import OWN
from plexor.core.errors import DataError, PlanError
from plexor.models import Batch, TorchModel

pytest.importorskip("jpeglib", reason="needs the extra `jpeg`")

KINDS = ["grey", "4:4:4", "4:2:2", "4:2:0"]
SIZE = (19, 26)
THREATS = [Threat(norm="linf", radius=2), Threat(norm="l2", radius=60)]


def files(kind: str, *, quality: int = 90, n: int = 3) -> list[Image]:
    return [decode_image(jpeg(kind, SIZE, quality=quality, seed=i), kind) for i in range(n)]


def asked(stored: list[Image], *, seed: int = 0) -> tuple[TorchModel, Batch]:
    model = model_of(Curved(stored[0].pixels.shape, 3, seed=seed, scale=60.0), multiclass(3))
    batch = batch_of(stored)
    before = model.outputs(batch.images, batch.scaling).detach()
    return model, replace(batch, truth=before.argmax(1), before=before)


@pytest.mark.parametrize("quality", [75, 97])
@pytest.mark.parametrize("threat", THREATS, ids=["linf", "l2"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_proposed_is_what_the_written_file_holds(
    kind: str, threat: Threat, quality: int
) -> None:
    stored = files(kind, quality=quality)
    model, batch = asked(stored)
    goal = Misclassify()
    found = JPEGCoefficients(steps=4)(model, batch, goal, threat, seed=0)
    verdicts = judge(model, batch, stored, found.delta, goal=goal, threat=threat, edits=found.edits)
    before = goal.margin(model.task, batch.before, batch.truth)  # type: ignore[arg-type]
    for i, (own, lossless) in enumerate(zip(verdicts[OWN], verdicts[LOSSLESS], strict=True)):
        assert lossless.within_threat
        np.testing.assert_array_equal(own.pixels, lossless.pixels)
        assert own.margin == lossless.margin >= float(before[i])
        written, source = read_coefficients(own.data), read_coefficients(source_of(stored[i]))
        assert own.n_changed == written.n_changed(source)
        assert np.isnan(lossless.n_changed)
    assert any(own.n_changed > 0 for own in verdicts[OWN])
    assert found.n_gradients.tolist() == [4] * 3
    assert found.n_forwards.tolist() == [1] * 3


@pytest.mark.parametrize("threat", THREATS, ids=["linf", "l2"])
def test_a_case_does_not_feel_its_neighbours(threat: Threat) -> None:
    stored = [*files("4:2:0"), *files("4:4:4", n=1)]
    model, batch = asked(stored)
    attack = JPEGCoefficients(steps=3)
    whole = attack(model, batch, Misclassify(), threat, seed=0)
    for rows in ([0], [3, 1]):
        some = attack(model, batch.select(torch.tensor(rows)), Misclassify(), threat, seed=0)
        assert torch.equal(some.delta, whole.delta[rows])


@pytest.mark.parametrize("threat", [Threat(norm="linf", radius=32), Threat(norm="l2", radius=3000)])
@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 255)], ids=["white", "blue"])
def test_no_coefficient_goes_beyond_what_a_file_can_hold(
    colour: tuple[int, int, int], threat: Threat
) -> None:
    """Where pixels are at the end of their range, moves further out cost nothing."""
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:, 16:] = colour
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "JPEG", quality=100)
    stored = [decode_image(file.getvalue(), "sharp")]
    outwards = torch.tensor(colour)[:, None, None].sub(127.5).sign().expand(1, 3, 16, 32)
    model = model_of(Linear(1e-3 * outwards), binary())
    batch = batch_of(stored)
    found = JPEGCoefficients(steps=4)(model, batch, Misclassify(), threat, seed=0)
    (own,) = judge(
        model,
        batch,
        stored,
        found.delta,
        goal=Misclassify(),
        threat=threat,
        edits=found.edits,
    )[OWN]
    assert own.within_threat
    assert not np.isnan(own.n_changed)


def test_only_attempted_cases_have_edits() -> None:
    stored = files("4:2:0")
    model, batch = asked(stored)
    attempted = torch.tensor([True, False, True])
    attack: Any = JPEGCoefficients(steps=2)
    found = propose(model, batch, attack, Misclassify(), THREATS[0], attempted=attempted, seed=0)
    assert [one is None for one in found.edits] == [False, True, False]


def test_coefficients_that_are_not_the_pixels_are_not_believed() -> None:
    stored = files("4:2:0")
    model, batch = asked(stored)
    found = JPEGCoefficients(steps=2)(model, batch, Misclassify(), THREATS[0], seed=0)
    nothing = torch.zeros_like(found.delta)
    verdicts = judge(model, batch, stored, nothing, goal=None, threat=None, edits=found.edits)[OWN]
    compressed = judge(model, batch, stored, nothing, goal=None, threat=None)[OWN]
    for one, other, delta in zip(verdicts, compressed, found.delta, strict=True):
        assert delta.any()
        assert np.isnan(one.n_changed)
        assert one.data == other.data


def test_a_single_block_is_moved_as_far_as_the_best_of_all_single_moves() -> None:
    """A grey block under a linear model; one gradient must do no worse than one coefficient can."""
    generator = torch.Generator().manual_seed(0)
    stored = [decode_image(jpeg("grey", (8, 8), quality=80, seed=5), "grey")]
    weight = torch.randn(2, 1, 8, 8, generator=generator) / 50
    model, batch = model_of(Linear(weight), multiclass(2)), batch_of(stored)
    batch = replace(batch, truth=model.outputs(batch.images, batch.scaling).argmax(1))
    goal, threat = Misclassify(), Threat(norm="linf", radius=3)

    def margin(delta: torch.Tensor) -> float:
        outputs = model.outputs(batch.images + delta, batch.scaling)
        return float(goal.margin(model.task, outputs, batch.truth))

    source = read_coefficients(source_of(stored[0]))
    best = -np.inf
    for place in range(64):
        for step in (-1, 1):
            plane = source.planes[0].copy()
            plane.reshape(-1)[place] += step
            tried = _decoded(stored[0], replace(source, planes=(plane,))) - batch.images
            if float(tried.abs().max()) <= 3:
                best = max(best, margin(tried))
    found = JPEGCoefficients(steps=4, several=64)(model, batch, goal, threat, seed=0)
    assert margin(found.delta) >= best - 1e-6


def _decoded(stored: Image, coefficients: Any) -> torch.Tensor:
    from plexor.cases.formats.coefficients import write_coefficients

    data = write_coefficients(source_of(stored), coefficients)
    return torch.from_numpy(stored.containers[OWN].decode(data).astype("f4"))[None]


def test_bad_input_is_refused() -> None:
    stored = files("4:2:0")
    model, batch = asked(stored)
    with pytest.raises(PlanError, match="searches under linf, l2, got a threat in l1"):
        JPEGCoefficients()(model, batch, Misclassify(), Threat(norm="l1", radius=9), seed=0)
    other = batch_of([image(np.zeros((3, 8, 8), np.uint8))])
    with pytest.raises(DataError, match="expected images from JPEG files"):
        JPEGCoefficients()(model, other, Misclassify(), THREATS[0], seed=0)
    with pytest.raises(PlanError, match="`steps` must be at least 1"):
        JPEGCoefficients(steps=0)
    with pytest.raises(PlanError, match="`several` must be from 1 to 64"):
        JPEGCoefficients(several=0)
