"""Every file that comes with pydicom, sound or broken: read and written back, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from plexor.cases import LOSSLESS, decode_image, read_image
from plexor.core.errors import DataError

FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"
FILES = sorted(path for path in FOLDER.rglob("*") if path.is_file())


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom warns of odd headers
@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_round_trip_or_reason(path: Path) -> None:
    try:
        image = read_image(path)
    except DataError as error:
        assert str(error).startswith(f"{path}: ")  # noqa: PT017
        assert len(str(error)) > len(f"{path}: ") + 10  # noqa: PT017
        return
    codec = image.containers[LOSSLESS]
    noise = np.random.default_rng(0).integers(-3, 4, image.pixels.shape)
    for pixels in (image.pixels, image.storable(image.pixels.astype(np.float64) + noise)):
        again = decode_image(codec.encode(pixels), "copy")
        np.testing.assert_array_equal(again.pixels, pixels)
        assert again.pixels.dtype == image.pixels.dtype
        assert again.intensity == image.intensity
        assert again.spacing_mm == image.spacing_mm


def test_the_corpus_is_there_and_mostly_readable() -> None:
    """The test above would pass if everything were refused."""
    readable = 0
    for path in FILES:
        if path.suffix == ".dcm":
            try:
                read_image(path)
            except DataError:
                continue
            readable += 1
    assert readable >= 40


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",
        "MR_small_RLE.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "SC_rgb_jpeg_gdcm.dcm",
        "SC_rgb_jpeg_dcmtk.dcm",
        "image_dfl.dcm",
    ],
)
def test_a_truncated_file_is_refused_or_whole(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    whole = decode_image(data, name).pixels
    cuts = [*range(0, len(data), len(data) // 40), *range(len(data) - 8, len(data))]
    for cut in cuts:
        try:
            pixels = decode_image(data[:cut], name).pixels
        except DataError:
            continue
        np.testing.assert_array_equal(pixels, whole)
