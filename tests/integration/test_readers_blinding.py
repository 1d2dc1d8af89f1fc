"""`readers check`: silent on studies as they are made, and loud on each way to leak the arms."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.helpers.reader_study import made, open_study, write_images
from typer.testing import CliRunner

from plexor.cases.formats import read_image
from plexor.cases.formats.png import PngCodec
from plexor.cli.app import app
from plexor.readers import blinding, prepare
from plexor.readers.blinding import features, fetch_all, tell_apart
from plexor.readers.export import Unblinded


@pytest.fixture(scope="module", autouse=True)
def same_draws() -> Iterator[None]:
    """Tokens and orders drawn alike each time: by chance some tell the arms apart."""
    drawn = random.Random(1)  # noqa: S311 (nothing secret)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "new_id", lambda: f"{drawn.getrandbits(64):016x}")
        patch.setattr("plexor.readers.enrol.secrets.randbits", drawn.getrandbits)
        yield


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blind")
    images = write_images(folder / "images", n_cases=16, side=16)
    return made(folder, images, shown="crossed", order={"apart": 2})


def test_a_study_as_it_is_made_is_blind(study: Path) -> None:
    run = CliRunner().invoke(
        app, ["readers", "check", str(study / "study"), "--key", str(study / "key")]
    )
    assert run.exception is None, run.output
    assert "no difference between the arms found, except in the pixels" in run.output
    assert "LEAK" not in run.output


def test_every_image_is_of_one_length_and_has_its_pixels(study: Path) -> None:
    key = Unblinded.read(study / "key")
    lengths = set()
    for path in (study / "study" / "images").glob("*/*.png"):
        row = key.rows[path.parent.name]
        source = read_image(study / "images" / row.arm / f"{row.case}.png").pixels
        assert np.array_equal(read_image(path).pixels, source)
        lengths.add(path.stat().st_size)
    assert len(lengths) == 1


def longer(path: Path, data: bytes) -> None:
    path.write_bytes(data + b"\0")


def packed(path: Path, data: bytes) -> None:
    path.write_bytes(PngCodec().encode(read_image(path).pixels))


def described(path: Path, data: bytes) -> None:
    extra = PngCodec(chunks=((b"tEXt", b"arm\0altered"),), packed=False)
    path.write_bytes(extra.encode(read_image(path).pixels))


@pytest.mark.parametrize("leak", [longer, packed, described])
def test_files_that_tell_are_found(
    study: Path, tmp_path: Path, leak: Callable[[Path, bytes], None]
) -> None:
    for name in ("study", "key"):
        shutil.copytree(study / name, tmp_path / name)
    key = Unblinded.read(tmp_path / "key")
    for path in (tmp_path / "study" / "images").glob("*/*.png"):
        if key.rows[path.parent.name].arm == "altered":
            leak(path, path.read_bytes())
    run = CliRunner().invoke(
        app, ["readers", "check", str(tmp_path / "study"), "--key", str(tmp_path / "key")]
    )
    assert "can be distinguished by" in str(run.exception)
    assert "LEAK: lengths" in run.output or "LEAK: bytes" in run.output


def test_lengths_that_follow_the_case_are_found_in_a_small_fixed_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Compressed, altered images are longer, but cases differ more: no classifier of six sees it.
    images = write_images(tmp_path / "images", n_cases=6, side=16)
    monkeypatch.setattr(prepare, "padded_png", lambda plane, _: PngCodec().encode(plane))
    for number, path in enumerate(sorted(images.glob("*/*.png"))):
        pixels = read_image(path).pixels.copy()
        pixels[:, : number + 1] = 0
        path.write_bytes(PngCodec().encode(pixels))
    folder = made(tmp_path, images, arms={"original": {"cases": 3}, "altered": {"cases": 3}})
    run = CliRunner().invoke(
        app, ["readers", "check", str(folder / "study"), "--key", str(folder / "key")]
    )
    assert "LEAK: lengths" in run.output
    assert "different ones, expected all alike" in run.output
    assert "can be distinguished by lengths, headers" in str(run.exception)


def test_names_headers_order_and_times_that_tell_are_found(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blinding, "_REPEATS", 1)
    with open_study(study) as store:
        fetched = fetch_all(store, study / "study")
    key = Unblinded.read(study / "key")
    arms = np.array([key.rows[one.image].arm for one in fetched])
    cases = np.array([one.case for one in fetched])
    altered = arms == "altered"
    planted: dict[str, Callable[[Any], None]] = {
        "names": lambda f: f.update(names=f["names"] + 16 * altered[:, None]),
        "order": lambda f: f.update(order=np.argsort(np.argsort(altered))[:, None] * 1.0),
        "headers": lambda f: f.update(headers=altered[:, None] * 1.0),
        "response times": lambda f: f.update(
            {"response times": f["response times"] + altered[:, None] * 0.5}
        ),
    }
    for what, plant in planted.items():
        found = features(fetched)
        assert not tell_apart(what, found[what], arms, cases, n_families=7).leaks or what == (
            "response times"
        )
        plant(found)
        assert tell_apart(what, found[what], arms, cases, n_families=7).leaks
