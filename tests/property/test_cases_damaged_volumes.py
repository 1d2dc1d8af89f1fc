"""Whatever happens to a volume's files, they are read or refused in one line."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from tests.helpers.itk import itk_files, itk_image
from tests.helpers.series import enhanced_file, series_files

from plexor.cases import decode_image, read_image
from plexor.cases.formats.dicom_series import pack
from plexor.cases.formats.slices import listed
from plexor.cases.sources.dicom_masks import mask_file
from plexor.core.errors import DataError
from plexor.core.ids import digest_bytes

FILES = {
    **{name: data for name, data in itk_files().items() if "flat" not in name},
    "mask": mask_file(np.arange(60, dtype=np.uint16).reshape(3, 4, 5), None),
    "series": pack(series_files()),
    "enhanced": enhanced_file(),
}


def _damaged(data: bytes, draw: np.random.Generator) -> bytes:
    """A few bytes changed, put in, or lost; half of the time near the beginning."""
    found = bytearray(data)
    for _ in range(int(draw.integers(1, 4))):
        reach = min(len(found), 400) if draw.random() < 0.5 else len(found)
        at = int(draw.integers(reach))
        match int(draw.integers(4)):
            case 0:
                found[at] = int(draw.integers(256))
            case 1:
                found[at] ^= 1 << int(draw.integers(8))
            case 2:
                found[at:at] = bytes([int(draw.integers(48, 58))])
            case _:
                del found[at : at + int(draw.integers(1, 20))]
    return bytes(found)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_file_is_read_or_refused(name: str) -> None:
    draw = np.random.default_rng(len(name))
    for _ in range(40):
        said, size = "file: ", 1
        try:
            size = decode_image(_damaged(FILES[name], draw), "file").pixels.size
        except DataError as error:
            said = str(error)
        assert said.startswith("file: ")
        assert "\n" not in said
        assert size > 0


@pytest.mark.parametrize("kind", ["mhd", "nhdr", "slices"])
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_header_is_read_or_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"volume.{kind}"
    if kind == "slices":
        (tmp_path / "whole.dcm").write_bytes(enhanced_file())
        sha = digest_bytes(enhanced_file())
        path.write_bytes(listed(tmp_path, [(tmp_path / "whole.dcm", sha, 2)]).text())
    else:
        SimpleITK.WriteImage(itk_image(), str(path))
    header = path.read_bytes()
    assert read_image(path).pixels.size > 0
    draw = np.random.default_rng(0)
    for _ in range(60):
        path.write_bytes(_damaged(header, draw))
        with contextlib.suppress(DataError):
            assert read_image(path).pixels.size > 0


@pytest.mark.filterwarnings("ignore")
def test_a_frame_of_a_damaged_file_is_refused(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    path, whole = tmp_path / "frame.slices", tmp_path / "whole.dcm"
    for _ in range(40):
        data = _damaged(enhanced_file(), draw)
        whole.write_bytes(data)
        path.write_bytes(listed(tmp_path, [(whole, digest_bytes(data), 2)]).text())
        with contextlib.suppress(DataError):
            assert read_image(path).pixels.size > 0
