"""Large images are measured band by band: the same figures, in little memory."""

from __future__ import annotations

import dataclasses
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.helpers.runs import audited, set_up
from tests.helpers.tiny import AS_STORED, Curved, batch_of, images

from plexor.attacks import FGSM, PGD, Border, Misclassify, Threat, matched_noise
from plexor.attacks.judge import Distances
from plexor.cases import LOSSLESS, Image, Intensity, decode_image
from plexor.cases.bands import bands
from plexor.cases.formats.png import PngCodec
from plexor.models import Multiclass, TorchModel
from plexor.visibility import Visibility
from plexor.visibility.sight import look

SHAPES = [(1, 60, 41), (3, 57, 33), (1, 40, 13, 12)]


def _pair(shape: tuple[int, ...]) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    smooth = np.cumsum(rng.integers(-3, 4, shape), axis=1).clip(-100, 100) + 120
    moved = smooth + rng.integers(-2, 3, shape)
    return smooth.astype(np.uint8), moved.astype(np.uint8)


def _image(pixels: Any) -> Image:
    codec = PngCodec()
    return Image(pixels=pixels, intensity=Intensity.of_integers("u1"), containers={LOSSLESS: codec})


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("rows", [1, 7, 25])
def test_bands_cover_every_row_once(
    shape: tuple[int, ...], rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plexor.cases.bands._BAND", rows * int(np.prod(shape)) // shape[1])
    found = bands(shape)
    assert len(found) > 1
    covered = [row for band in found for row in range(shape[1])[band]]
    assert covered == list(range(shape[1]))
    windows = [
        start for band in bands(shape, overlap=10) for start in range(band.start, band.stop - 10)
    ]
    assert windows == list(range(shape[1] - 10))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("observer", ["dog", "gabor"])
def test_figures_do_not_depend_on_bands(
    shape: tuple[int, ...], observer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, other = _pair(shape)
    settings = Visibility(similarity=True, observer=observer)

    def figures() -> Any:
        sight = look(original, other, settings, low=0, span=255, quantum=1)
        return sight, Distances.between(original, other), _image(original).changed(other * 0.37)

    whole, apart, pixels = figures()
    monkeypatch.setattr("plexor.cases.bands._BAND", 9 * int(np.prod(shape)) // shape[1])
    assert len(bands(shape)) > 4
    in_bands, apart_in_bands, pixels_in_bands = figures()
    assert in_bands.ssim == pytest.approx(whole.ssim, rel=1e-12)
    assert in_bands.psnr == pytest.approx(whole.psnr, rel=1e-12)
    assert in_bands.levels == whole.levels
    np.testing.assert_allclose(in_bands.responses, whole.responses, atol=1e-6)
    np.testing.assert_allclose(
        (in_bands.delta_e.mean, in_bands.delta_e.p95, in_bands.delta_e.max),
        (whole.delta_e.mean, whole.delta_e.p95, whole.delta_e.max),
        rtol=1e-9,
    )
    assert apart_in_bands.l2 == pytest.approx(apart.l2, rel=1e-12)
    assert (apart_in_bands.linf, apart_in_bands.l1, apart_in_bands.l0) == (
        apart.linf,
        apart.l1,
        apart.l0,
    )
    np.testing.assert_array_equal(pixels_in_bands, pixels)


def test_memory_stays_below_six_float32_images() -> None:
    """Reading, storing a change and measuring it: 3000 × 3000 here, in proportion beyond."""
    side = 3000
    rows = np.arange(side, dtype=np.uint32)
    pixels = (np.add.outer(rows, rows) // 7 % 251).astype(np.uint8)[None]
    data = PngCodec().encode(pixels)
    change = np.ones(pixels.shape, np.float32)
    tracemalloc.start()
    try:
        image = decode_image(data, "large")
        other = image.changed(change)
        Distances.between(image.pixels, other)
        look(image.pixels, other, Visibility(similarity=True), low=0, span=255, quantum=1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6 * 4 * side**2


@pytest.mark.parametrize("dtype", ["u1", "f4"])
@pytest.mark.parametrize(
    "threat",
    [
        Threat(norm="linf", radius=1.5, unit="percent"),
        Threat(norm="l2", radius=60, unit="value"),
        Threat(norm="l1", radius=500, unit="value"),
        Threat(norm="l0", radius=9, unit="count"),
    ],
    ids=lambda threat: threat.norm,
)
def test_perturbations_do_not_depend_on_bands(
    threat: Threat, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bounds that are computed in bands are those kept whole, to the last bit."""
    stored = images((2, 24, 9), 2, dtype=dtype)
    padding = np.zeros((24, 9), bool)
    padding[3:8, 2:] = True
    stored[0] = dataclasses.replace(stored[0], padding=padding)
    batch = batch_of(stored)
    model = TorchModel(
        Curved((2, 24, 9), 2), task=Multiclass(classes=("a", "b")), preprocess=AS_STORED
    )
    threat = dataclasses.replace(threat, region=Border(width=7))

    def found() -> list[torch.Tensor]:
        attacks = (FGSM(), PGD(steps=3, restarts=2))
        return [
            *[attack(model, batch, Misclassify(), threat, seed=1).delta for attack in attacks],
            matched_noise(batch, threat, seed=1),
            *threat.bounds(batch),
        ]

    whole = found()
    assert all(bool(delta.any()) for delta in whole[2:])
    monkeypatch.setattr("plexor.attacks.norms.box._LARGE", 0)
    monkeypatch.setattr("plexor.cases.bands._BAND", 5 * 2 * 9)
    assert len(bands((2, 24, 9))) > 4
    for one, other in zip(whole, found(), strict=True):
        assert torch.equal(one, other)


def test_large_images_are_processed_one_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plexor.audits.execute.MOST_NUMBERS", 100)
    monkeypatch.setattr("plexor.audits.sample.MOST_NUMBERS", 100)
    setup = set_up(tmp_path, n_cases=6)
    asked: list[int] = []
    outputs = TorchModel.outputs

    def counted(self: TorchModel, seen: torch.Tensor, *rest: Any) -> torch.Tensor:
        asked.append(len(seen))
        return outputs(self, seen, *rest)

    monkeypatch.setattr(TorchModel, "outputs", counted)
    assert len(audited(setup.plan, setup.out)) == 3 * 6
    assert max(asked) == 2  # beside a white image, in the check of the batch
    assert asked.count(1) > 3 * 6
