"""Padding of an image comes along in a batch, and leaves a change no room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.helpers.enhanced import WORDS, written

from plexor.cases import Image, decode_image, load_cohort, read_case
from plexor.models.batch import Batch
from plexor.visibility import Visibility
from plexor.visibility.sight import look

PADDED = WORDS.copy()
PADDED[:2] = 0


def _image(*, padded: bool) -> Image:
    return decode_image(written(PADDED, PixelPaddingValue=0 if padded else 5000), "x")


def _batch(*padded: bool) -> Batch:
    images = [_image(padded=one) for one in padded]
    ids = [str(i) for i in range(len(images))]
    return Batch.of(ids, images, torch.zeros(len(images)), torch.device("cpu"))


def test_padding_has_no_room() -> None:
    batch = _batch(True, False)
    assert batch.padding is not None
    assert batch.padding.shape == (2, 1, 40, 48)
    assert batch.padding.flatten(1).sum(1).tolist() == [2 * 48, 0]
    low, high = batch.room()
    stored = torch.from_numpy(np.stack([PADDED, PADDED])[:, None].astype("float32"))
    free = ~batch.padding
    torch.testing.assert_close(low, torch.where(free, 0 - stored, 0))
    torch.testing.assert_close(high, torch.where(free, 4095 - stored, 0))


def test_padding_follows_the_cases() -> None:
    batch = _batch(True, False).select(torch.tensor([1, 0]))
    assert batch.padding is not None
    assert batch.padding.flatten(1).sum(1).tolist() == [0, 2 * 48]


def test_without_padding_the_range_is_all_there_is() -> None:
    batch = _batch(False)
    assert batch.padding is None
    low, high = batch.room()
    torch.testing.assert_close(high - low, torch.full_like(low, 4095.0))


@pytest.mark.parametrize("include_padding", [False, True])
def test_padding_can_be_included(tmp_path: Path, *, include_padding: bool) -> None:
    (tmp_path / "x.dcm").write_bytes(written(PADDED, PixelPaddingValue=0))
    (tmp_path / "m.csv").write_text("path,label\nx.dcm,a\n")
    cohort = load_cohort(tmp_path / "m.csv", include_padding=include_padding)
    assert (read_case(cohort.cases[0]).padding is None) == include_padding


def test_figures_of_a_change_leave_padding_out() -> None:
    image = _image(padded=True)
    assert image.padding is not None
    changed = image.pixels.copy()
    changed[:, 2:] += 1
    sight = look(
        image.pixels,
        changed,
        Visibility(observer="none"),
        low=0,
        span=4095,
        quantum=1,
        padding=image.padding,
    )
    assert sight.psnr == pytest.approx(20 * np.log10(4095))
    assert sight.levels[:2] == (0, 38 * 48)
