"""The judge measures what is stored, and believes nothing of what was proposed."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow
from pydicom import dcmread
from pydicom.data import get_testdata_file
from tests.helpers.tiny import Linear, batch_of, image, images, model_of, multiclass
from torch import Tensor

from plexor.attacks import (
    Border,
    Distances,
    Goal,
    Masked,
    Misclassify,
    Proposal,
    Threat,
    Verdict,
    judge,
    matched_noise,
)
from plexor.audits.execute import execute
from plexor.audits.unit import Unit
from plexor.cases import LOSSLESS, Case, Image, decode_image
from plexor.cases.formats.png import PngCodec
from plexor.findings import Finding
from plexor.models import Batch, Model, TorchModel
from plexor.probes import AttackProbe

SHAPE = (1, 4, 5)


def first_pixel_model(shape: tuple[int, ...] = SHAPE, *, weight: float = 1.0) -> TorchModel:
    """Says "a" by 1.5, less ``weight`` for each unit of the first pixel's value."""
    weights = torch.zeros(2, *shape)
    weights[1].view(-1)[0] = weight
    return model_of(Linear(weights, torch.tensor([1.5, 0.0]).double()), multiclass(2))


def verdicts(stored: list[Image], delta: Tensor, threat: Threat | None) -> list[Verdict]:
    batch, model = batch_of(stored), first_pixel_model(stored[0].pixels.shape)
    goal = Misclassify() if threat else None
    return judge(model, batch, stored, delta, goal=goal, threat=threat)[LOSSLESS]


def zeros(n_cases: int = 1) -> Tensor:
    return torch.zeros(n_cases, *SHAPE)


def grey(value: int, dtype: str = "u1") -> Image:
    return image(np.full(SHAPE, value, dtype))


@pytest.mark.parametrize(
    ("lie", "norm", "within", "stored_as"),
    [
        (2.0, "linf", True, 2.0),
        (3.0, "linf", False, 3.0),
        (-3.0, "linf", False, -3.0),
        (2.4, "linf", True, 2.0),  # no file holds 2.4 levels
        (2.6, "linf", False, 3.0),
        (2.0, "l2", True, 2.0),
        (3.0, "l2", False, 3.0),
        (1e9, "linf", False, 155.0),
        (-1e9, "l2", False, -100.0),
        (math.nan, "linf", False, 0.0),
        (math.inf, "linf", False, 0.0),
        (-math.inf, "l2", False, 0.0),
    ],
)
def test_a_lie_is_measured_as_it_would_be_stored(
    lie: float, norm: str, within: bool, stored_as: float
) -> None:
    """Beside an honest neighbour, whom it does not touch."""
    stored, delta = [grey(100), grey(100)], zeros(2)
    delta[0, 0, 0, 0] = lie
    delta[1, 0, 0, 0] = 1.0
    threat = Threat(norm="linf" if norm == "linf" else "l2", radius=2)
    liar, neighbour = verdicts(stored, delta, threat)
    assert liar.within_threat is within
    expected = np.full(SHAPE, 100, "u1")
    expected[0, 0, 0] = int(100 + stored_as)
    np.testing.assert_array_equal(stored[0].containers[LOSSLESS].decode(liar.data), expected)
    assert liar.distances.linf == abs(stored_as)
    assert liar.outputs.tolist() == [1.5, 100 + stored_as]
    assert neighbour.within_threat
    assert neighbour.outputs.tolist() == [1.5, 101.0]


def test_a_file_that_is_not_kept_is_not_compressed_and_judged_alike() -> None:
    file = PngCodec().encode(np.full((1, 30, 30), 100, "u1"))
    stored, delta = [decode_image(file, "x")] * 2, torch.zeros(2, 1, 30, 30)
    delta[:, 0, 0, 0] = 2.0
    batch, model = batch_of(stored), first_pixel_model((1, 30, 30))
    threat = Threat(norm="linf", radius=2)
    found = judge(
        model, batch, stored, delta, goal=Misclassify(), threat=threat, keep=[batch.ids[0]]
    )
    kept, other = found[LOSSLESS]
    assert len(kept.data) < 900 < len(other.data)
    np.testing.assert_array_equal(decode_image(other.data, "x").pixels, kept.pixels)
    assert kept.distances == other.distances == Distances(linf=2, l2=2, l1=2, l0=1)
    assert (kept.margin, kept.within_threat) == (other.margin, other.within_threat)


@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_distances_of_bytes_are_those_of_wider_numbers(dtype: str) -> None:
    rng = np.random.default_rng(3)
    one, other = rng.integers(0, 256, (2, 3, 20, 30)).astype("u1")
    other[:, :10] = one[:, :10]
    assert Distances.between(one, other) == Distances.between(
        one.astype(dtype), other.astype(dtype)
    )
    assert Distances.between(one, one) == Distances(linf=0, l2=0, l1=0, l0=0)


def test_a_change_out_of_range_counts_for_what_is_left_of_it() -> None:
    """White cannot become whiter: nothing is stored, so nothing was done."""
    (verdict,) = verdicts([grey(255)], zeros() + 50, Threat(norm="linf", radius=2))
    assert verdict.within_threat
    assert verdict.distances == Distances(linf=0, l2=0, l1=0, l0=0)


@pytest.mark.parametrize("n_pixels", [1, 4, 20])
def test_many_small_changes_are_together_too_long(n_pixels: int) -> None:
    delta = zeros()
    delta.view(-1)[:n_pixels] = 2.0
    (verdict,) = verdicts([grey(100)], delta, Threat(norm="l2", radius=4))
    assert verdict.distances.l2 == pytest.approx(2 * n_pixels**0.5)
    assert verdict.within_threat is (n_pixels <= 4)


REGIONS = [Border(width=1), Masked(mask="lesion"), Masked(mask="lesion", outside=True)]


def covered(number: int) -> NDArray[np.bool_]:
    """Two pixels of the mask of each image, not the same for every image; never (0, 1)."""
    mask = np.zeros(SHAPE, bool)
    mask[0, 1, 1 + number], mask[0, 0, 0] = True, True
    return mask


@pytest.mark.parametrize("region", REGIONS, ids=lambda region: region.name)
@pytest.mark.parametrize("norm", ["linf", "l2", "l1", "l0"])
def test_a_change_outside_the_region_is_outside_the_threat(norm: Any, region: Any) -> None:
    """One pixel at a time, one level each, far within the radius: only its place decides."""
    stored = [replace(grey(100), masks={"lesion": covered(number)}) for number in range(2)]
    threat = Threat(norm=norm, radius=5, region=region)
    border = np.ones(SHAPE, bool)
    border[0, 1:-1, 1:-1] = False
    for place in np.ndindex(*SHAPE):
        delta = zeros(2)
        delta[(slice(None), *place)] = 1.0
        found = [verdict.within_threat for verdict in verdicts(stored, delta, threat)]
        allowed = [
            border[place] if isinstance(region, Border) else covered(i)[place] != region.outside
            for i in range(2)
        ]
        assert found == allowed
    both = zeros(2)
    both[:, 0, 0, :2] = torch.tensor([1.0, -1.0])  # of two pixels, the second is never covered
    expected = isinstance(region, Border)
    assert [verdict.within_threat for verdict in verdicts(stored, both, threat)] == [expected] * 2


@pytest.mark.parametrize("region", REGIONS, ids=lambda region: region.name)
def test_within_the_region_the_radius_still_holds(region: Any) -> None:
    stored = [replace(grey(100), masks={"lesion": covered(0)})]
    delta = zeros()
    delta[0, 0, 3, 4] = delta[0, 0, 0, 0] = 3.0
    allowed = delta * threat_region(region, stored)
    for radius, within in ((3, True), (2, False)):
        threat = Threat(norm="linf", radius=radius, region=region)
        (verdict,) = verdicts(stored, allowed, threat)
        assert verdict.within_threat is within


def threat_region(region: Any, stored: list[Image]) -> Tensor:
    allowed: Tensor = region.allowed(batch_of(stored))
    return allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Liar:
    """Proposes what it pleases, and says it was for nothing."""

    change: float

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        nothing = Proposal.nothing(batch)
        return Proposal(
            delta=nothing.delta + self.change,
            n_gradients=nothing.n_gradients,
            n_forwards=nothing.n_forwards,
        )


@pytest.mark.parametrize(
    ("change", "within", "reached"),
    [(2.0, True, True), (0.4, True, False), (3.0, False, False), (math.nan, False, False)],
)
def test_a_goal_reached_by_cheating_is_not_reached(
    change: float, within: bool, reached: bool
) -> None:
    """The model turns from "a" to "b" at the second level; the radius is two."""
    threat = Threat(norm="linf", radius=2)
    probe = AttackProbe(
        id="x", name="x", attack=Liar(change=change), goal=Misclassify(), threat=threat,
        settings={},
    )  # fmt: skip
    case = Case(id="c", path=Path("c"), truth="a", group="g")
    (finding,) = execute(
        Unit(id="u", probe=probe, cases=(case,)),
        {"c": grey(0)},
        first_pixel_model(),
        before={"c": (1.5, 0.0)},
        seed=0,
        batch_size=1,
    ).findings
    assert isinstance(finding, Finding)
    assert (finding.within_threat, finding.reached) == (within, reached)
    assert finding.decision_after == ("b" if change in (2.0, 3.0) else "a")


def test_without_threat_and_goal_outputs_and_file_are_the_originals() -> None:
    stored = images(SHAPE, 3)
    found = verdicts(stored, zeros(3), None)
    for verdict, one in zip(found, stored, strict=True):
        assert verdict.within_threat
        assert math.isnan(verdict.margin)
        assert verdict.distances.l0 == 0
        assert verdict.data == one.containers[LOSSLESS].encode(one.pixels)
        assert verdict.outputs.tolist() == [1.5, float(one.pixels[0, 0, 0])]
        assert verdict.outputs.dtype == np.float32


def test_distances() -> None:
    """Two channels; a step over the whole range of an unsigned type; a place changed in both."""
    original = np.array([[[0, 255], [10, 10]], [[0, 0], [10, 7]]], "u1")
    other = np.array([[[255, 0], [10, 10]], [[1, 0], [10, 9]]], "u1")
    distances = Distances.between(original, other)
    assert distances.linf == 255
    assert distances.l1 == 255 + 255 + 1 + 2
    assert distances.l2 == pytest.approx(math.sqrt(2 * 255**2 + 1 + 4))
    assert distances.l0 == 3


@pytest.mark.parametrize("colour", [False, True])
def test_a_jpeg_is_judged_in_each_of_its_containers(colour: bool) -> None:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (24, 24, 3) if colour else (24, 24), dtype=np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "JPEG", quality=85)
    stored = decode_image(file.getvalue(), "x.jpg")
    shape = stored.pixels.shape
    model, batch = first_pixel_model(shape), batch_of([stored])
    threat = Threat(norm="linf", radius=2)
    delta = torch.full((1, *shape), 2.0)
    found = judge(model, batch, [stored], delta, goal=Misclassify(), threat=threat)
    assert list(found) == [LOSSLESS, "recompressed-own", "recompressed-q90", "recompressed-q75"]
    for container, (verdict,) in found.items():
        read = stored.containers[container].decode(verdict.data)
        assert verdict.distances == Distances.between(stored.pixels, read)
        assert verdict.outputs.tolist() == [1.5, float(read.ravel()[0])]
        assert (verdict.distances.linf <= 2) is (container == LOSSLESS)
        assert verdict.within_threat, "a container's own error is not the adversary's"
    outside = judge(model, batch, [stored], 2 * delta, goal=Misclassify(), threat=threat)
    assert not any(verdict.within_threat for (verdict,) in outside.values())


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_a_dicom_file_is_perturbed_as_stored_and_seen_as_values(photometric: str) -> None:
    """CT_small with a slope of 2.5: one level is 2.5 HU, the other way round in MONOCHROME1."""
    path = get_testdata_file("CT_small.dcm")
    assert isinstance(path, str)
    dataset = dcmread(path)
    dataset.PhotometricInterpretation = photometric
    dataset.RescaleSlope, dataset.RescaleIntercept = "2.5", "-1024"
    file = io.BytesIO()
    dataset.save_as(file)
    stored = decode_image(file.getvalue(), "x.dcm")
    slope = -2.5 if photometric == "MONOCHROME1" else 2.5
    assert stored.intensity.slope == slope
    batch, model = batch_of([stored]), first_pixel_model(stored.pixels.shape)
    threat = Threat(norm="linf", radius=10, unit="value")
    delta = torch.full((1, *stored.pixels.shape), 4.0)
    (verdict,) = judge(model, batch, [stored], delta, goal=None, threat=threat)[LOSSLESS]
    assert verdict.within_threat
    assert verdict.distances.linf == 4
    before = slope * float(stored.pixels.ravel()[0]) + stored.intensity.intercept
    assert verdict.outputs[1] == before + 4 * slope
    written = dcmread(io.BytesIO(verdict.data)).pixel_array
    np.testing.assert_array_equal(written, stored.pixels[0] + 4)
    (verdict,) = judge(model, batch, [stored], delta + 1, goal=None, threat=threat)[LOSSLESS]
    assert not verdict.within_threat


@pytest.mark.parametrize("offset", [0.0, 1000.0, 30000.0])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_floating_file_rounds_without_blame(norm: str, offset: float) -> None:
    """float32 near 30,000 holds steps of 0.002, a fiftieth of the radius."""
    generator = np.random.default_rng(0)
    stored = [image((generator.random((1, 6, 6, 6)) * 100 + offset).astype("f4")) for _ in range(4)]
    batch = batch_of(stored)
    threat = Threat(norm="linf" if norm == "linf" else "l2", radius=0.1, unit="percent")
    noise = matched_noise(batch, threat, seed=0)
    assert all(verdict.within_threat for verdict in verdicts(stored, noise, threat))
    assert not any(verdict.within_threat for verdict in verdicts(stored, 1.5 * noise, threat))


@pytest.mark.parametrize(("radius", "within"), [(2.2361, True), (2.2360, False), (2.23, False)])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2"])
def test_a_length_on_a_grid_is_forgiven_nothing(dtype: str, radius: float, within: bool) -> None:
    """Two levels and one: √5 = 2.236068."""
    delta = zeros()
    delta[0, 0, 1, 1:3] = torch.tensor([2.0, -1.0])
    (verdict,) = verdicts([grey(100, dtype)], delta, Threat(norm="l2", radius=radius))
    assert verdict.within_threat is within


@pytest.mark.parametrize(
    ("channels", "radius", "within"),
    [("together", 1, True), ("apart", 1, False), ("apart", 2, True), ("apart", 3, True)],
)
def test_positions_count_once_or_once_a_channel(channels: Any, radius: int, within: bool) -> None:
    stored = [image(np.full((3, 4, 5), 100, "u1"))]
    delta = torch.zeros(1, 3, 4, 5)
    delta[0, :2, 1, 1] = 50.0
    threat = Threat(norm="l0", radius=radius, channels=channels)
    (verdict,) = verdicts(stored, delta, threat)
    assert verdict.within_threat is within
    assert verdict.distances.l0 == 1


def test_sixteen_bit_numbers_are_not_wrapped_around() -> None:
    stored = [grey(32760, "i2"), grey(-32760, "i2")]
    delta = torch.cat([zeros() + 100, zeros() - 100])
    threat = Threat(norm="linf", radius=100)
    top, bottom = verdicts(stored, delta, threat)
    assert (top.distances.linf, bottom.distances.linf) == (7, 8)
    assert (top.outputs[1], bottom.outputs[1]) == (32767, -32768)
