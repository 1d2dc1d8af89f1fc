"""A JPEG's coefficients: read and written without loss, and decoded as the file's reader does."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from plexor.attacks.jpeg.decode import Decoder
from plexor.cases import Image, decode_image, read_image
from plexor.cases.formats.coefficients import Coefficients, read_coefficients, write_coefficients
from plexor.cases.image import OWN, EditingCodec
from plexor.core.errors import DataError

pytest.importorskip("jpeglib", reason="needs the extra `jpeg`")

DATA = Path(os.environ.get("PLEXOR_DATA") or Path(__file__).parents[3] / "shared" / "data")

KINDS: dict[str, dict[str, Any]] = {
    "grey": {},
    "4:4:4": {"subsampling": 0},
    "4:2:2": {"subsampling": 1},
    "4:2:0": {"subsampling": 2},
    "progressive": {"subsampling": 2, "progressive": True},
}
SIZES = [(37, 51), (16, 16), (9, 17), (64, 3), (5, 6), (1, 1)]


def jpeg(kind: str, size: tuple[int, int], *, quality: int = 90, seed: int = 0) -> bytes:
    rng = np.random.default_rng(seed)
    coarse = Pillow.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8))
    picture = np.asarray(coarse.resize(size[::-1], Pillow.Resampling.BICUBIC)).astype(int)
    pixels = np.clip(picture + rng.integers(-40, 40, picture.shape), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    shown = Pillow.fromarray(pixels[..., 0] if kind == "grey" else pixels)
    shown.save(file, "JPEG", quality=quality, **KINDS[kind])
    return file.getvalue()


def source_of(image: Image) -> bytes:
    codec = image.containers[OWN]
    assert isinstance(codec, EditingCodec)
    return codec.source


def decoded(coefficients: Coefficients, size: tuple[int, ...]) -> Any:
    decoder = Decoder.of([coefficients], (size[0], size[1]), torch.device("cpu"))
    planes = [torch.from_numpy(plane).double()[None] for plane in coefficients.planes]
    return decoder(planes)[0].numpy()


@pytest.mark.parametrize("quality", [10, 75, 100])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_pixels_are_those_of_the_reader_to_the_bit(
    kind: str, size: tuple[int, int], quality: int
) -> None:
    image = decode_image(jpeg(kind, size, quality=quality), "jpeg")
    found = decoded(read_coefficients(source_of(image)), image.pixels.shape[1:])
    np.testing.assert_array_equal(found, image.pixels)


@pytest.mark.parametrize("kind", KINDS)
def test_other_coefficients_are_read_back_from_the_same_tables(kind: str) -> None:
    image = decode_image(jpeg(kind, (37, 51)), "jpeg")
    before = read_coefficients(source_of(image))
    rng = np.random.default_rng(1)
    planes = tuple(
        (plane + (rng.random(plane.shape) < 0.01) * rng.choice([-1, 1], plane.shape)).astype("i2")
        for plane in before.planes
    )
    other = Coefficients(planes=planes, tables=before.tables, factors=before.factors)
    data = write_coefficients(source_of(image), other)
    after = read_coefficients(data)
    assert after.n_changed(other) == 0
    assert after.n_changed(before) == sum(
        int((one != two).sum()) for one, two in zip(planes, before.planes, strict=True)
    )
    assert after.factors == before.factors
    for one, two in zip(after.tables, before.tables, strict=True):
        np.testing.assert_array_equal(one, two)
    pixels = image.containers[OWN].decode(data)
    np.testing.assert_array_equal(decoded(other, pixels.shape[1:]), pixels)


def test_written_as_it_was_it_keeps_pixels_exif_and_profile() -> None:
    file, exif = io.BytesIO(), Pillow.Exif()
    exif[0x010E] = "a lesion"
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Pillow.fromarray(pixels).save(file, "JPEG", exif=exif, icc_profile=b"p" * 70_000)
    source = file.getvalue()
    again = write_coefficients(source, read_coefficients(source))
    one, two = (Pillow.open(io.BytesIO(data)) for data in (source, again))
    np.testing.assert_array_equal(np.asarray(one), np.asarray(two))
    assert one.info == two.info
    assert again.count(b"JFIF\0") == 1


def test_coefficients_of_another_file_are_refused() -> None:
    with pytest.raises(DataError, match="write to the file they are of"):
        write_coefficients(jpeg("4:2:0", (37, 51)), read_coefficients(jpeg("4:4:4", (37, 51))))


@pytest.mark.data
@pytest.mark.skipif(not DATA.exists(), reason="no PLEXOR_DATA and no ../shared/data")
def test_real_files_are_decoded_as_their_reader_does() -> None:
    for path in sorted((DATA / "ham10000" / "images").glob("*.jpg"))[::800]:
        image: Image = read_image(path)
        found = decoded(read_coefficients(source_of(image)), image.pixels.shape[1:])
        np.testing.assert_array_equal(found, image.pixels)


def test_gradients_are_those_of_the_decoding_without_its_roundings() -> None:
    image = decode_image(jpeg("4:2:0", (24, 24), quality=50), "jpeg")
    file = read_coefficients(source_of(image))
    decoder = Decoder.of([file], (24, 24), torch.device("cpu"))
    planes = [torch.from_numpy(p).double()[None] / 4 for p in file.planes]  # far from the clamps
    weight = torch.randn(1, 3, 24, 24, generator=torch.Generator().manual_seed(0)).double()
    for i, plane in enumerate(planes):
        inputs = [other.clone().requires_grad_(i == j) for j, other in enumerate(planes)]
        (gradient,) = torch.autograd.grad((decoder(inputs) * weight).sum(), inputs[i])
        along = torch.zeros_like(plane)
        along[0, 0, 0, 1, 2] = 8.0 / decoder.tables[i][0, 0, 0, 1, 2] * 4
        ahead, behind = (
            decoder([p + s * along if i == j else p for j, p in enumerate(planes)])
            for s in (1.0, -1.0)
        )
        change = float(((ahead - behind) * weight).sum()) / 2
        # roundings of some hundred pixels, each by less than a level, add noise of about 20
        assert float((gradient * along).sum()) == pytest.approx(change, abs=40)
