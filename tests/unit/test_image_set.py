"""Images drawn for readers: blinded, apart from their key, and in the proportions asked for."""

from __future__ import annotations

import csv
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.helpers import synthetic_run as synthetic
from typer.testing import CliRunner

from plexor.cases.formats import read_image
from plexor.cases.formats.png import PngCodec
from plexor.cli.app import app
from plexor.core.errors import DataError, PlanError
from plexor.findings import Example, Finding, RunDirectory
from plexor.readers.image_set import draw_image_set

PROBE = "pgd-linf-2"
N_CASES = 80


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """Eighty images of forty lesions, three quarters naevi; four were not changed."""
    rng = np.random.default_rng(0)
    run = RunDirectory(tmp_path_factory.mktemp("run"))
    run.open(synthetic.plan(), {"model": "m"})
    rows, examples = [], []
    for number in range(N_CASES):
        image = rng.integers(20, 200, (3, 12, 16)).astype(np.uint8)
        changed = number >= 4
        other = image + rng.integers(1, 3, image.shape).astype(np.uint8) * changed
        case_id = f"case-{number:02d}"
        rows.append(
            Finding(
                case_id=case_id,
                group=f"lesion-{number // 2}",
                truth="nv" if number % 4 else "mel",
                probe=PROBE,
                stored="lossless",
                l0=192.0 * changed,
            )
        )
        codec = PngCodec(chunks=((b"tEXt", f"case\0{case_id}".encode()),))
        examples.append(
            Example(
                case_id=case_id,
                probe=PROBE,
                original=codec.encode(image),
                perturbed=codec.encode(other),
                suffix=".png",
            )
        )
    run.write_unit(f"{PROBE}-0", rows, examples)
    return run


def drawn(run: RunDirectory, folder: Path, **options: Any) -> list[dict[str, str]]:
    key = folder.with_suffix(".csv")
    draw_image_set(run, PROBE, folder=folder, key=key, seed=5, **options)
    with key.open() as file:
        return list(csv.DictReader(file))


def test_every_image_is_what_the_key_says(run: RunDirectory, tmp_path: Path) -> None:
    key = drawn(run, tmp_path / "set")
    assert Counter(row["arm"] for row in key) == {"perturbed": 30, "original": 20}
    assert len({row["case_id"] for row in key}) == 50
    kept = {example.case_id: example for example in run.examples()}
    for row in key:
        example = kept[row["case_id"]]
        source = example.perturbed if row["arm"] == "perturbed" else example.original
        shown = read_image(tmp_path / "set" / f"{row['id']}.png").pixels
        assert np.array_equal(shown, read_image(source).pixels)
        assert int(row["case_id"].removeprefix("case-")) >= 4  # none that the probe left alone
    # Forty lesions, two of them unchanged: each is taken once before any is taken twice.
    assert len({row["group"] for row in key}) == 38


def test_nothing_in_the_folder_tells_the_arms_apart(run: RunDirectory, tmp_path: Path) -> None:
    key = drawn(run, tmp_path / "set")
    names = sorted(row["id"] for row in key)
    folder = tmp_path / "set"
    assert {p.name for p in folder.iterdir()} == {*(f"{n}.png" for n in names), "answers.csv"}
    about = {(p.stat().st_size, p.stat().st_mtime) for p in folder.glob("*.png")}
    assert len(about) == 1
    for path in folder.glob("*.png"):
        assert b"tEXt" not in path.read_bytes()
        assert b"case-" not in path.read_bytes()
    arms = [row["arm"] for row in sorted(key, key=lambda row: row["id"])]
    switches = sum(a != b for a, b in pairwise(arms))
    assert 15 < switches < 35  # 24 are expected of a random order
    assert (folder / "answers.csv").read_text().splitlines()[1:] == [f"{name}," for name in names]


def test_classes_are_mixed_in_both_arms(run: RunDirectory, tmp_path: Path) -> None:
    for balance, share in ((False, 0.25), (True, 0.5)):
        key = drawn(run, tmp_path / f"set-{balance}", n_perturbed=18, n_original=18,
                    balance_classes=balance)  # fmt: skip
        counts = Counter((row["arm"], row["truth"]) for row in key)
        for arm in ("perturbed", "original"):
            assert counts[arm, "mel"] / 18 == pytest.approx(share, abs=0.12)
        assert abs(counts["perturbed", "mel"] - counts["original", "mel"]) <= 1


def test_the_seed_decides_and_is_kept_in_the_key_alone(run: RunDirectory, tmp_path: Path) -> None:
    assert drawn(run, tmp_path / "a") == drawn(run, tmp_path / "b")
    key, other = tmp_path / "c.csv", tmp_path / "d.csv"
    draw_image_set(run, PROBE, folder=tmp_path / "c", key=key)
    draw_image_set(run, PROBE, folder=tmp_path / "d", key=other)
    assert key.read_text() != other.read_text()


def test_a_key_that_readers_would_see_is_refused(run: RunDirectory, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    for key in (folder / "key.csv", folder / "sub" / "key.csv", folder / ".." / "set" / "k.csv"):
        with pytest.raises(PlanError, match="which readers see"):
            draw_image_set(run, PROBE, folder=folder, key=key)
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(PlanError, match="which readers see"):
        draw_image_set(run, PROBE, folder=folder, key=tmp_path / "link" / "key.csv")
    assert not folder.exists()


def test_what_cannot_be_drawn_is_refused(run: RunDirectory, tmp_path: Path) -> None:
    folder, key = tmp_path / "set", tmp_path / "key.csv"
    with pytest.raises(PlanError, match=r"100 images are wanted, but .* keeps 76 that .* of 80"):
        draw_image_set(run, PROBE, folder=folder, key=key, n_perturbed=80)
    with pytest.raises(PlanError, match="did you mean 'pgd-linf-2'"):
        draw_image_set(run, "pgd-linf-3", folder=folder, key=key)
    with pytest.raises(PlanError, match="one image or more"):
        draw_image_set(run, PROBE, folder=folder, key=key, n_perturbed=0, n_original=0)
    key.write_text("kept")
    with pytest.raises(DataError, match="never overwritten"):
        draw_image_set(run, PROBE, folder=folder, key=key)
    folder.mkdir()
    (folder / "mine.txt").write_text("kept")
    with pytest.raises(DataError, match="not an empty folder"):
        draw_image_set(run, PROBE, folder=folder, key=tmp_path / "other.csv")


def test_the_command_draws_what_is_asked(run: RunDirectory, tmp_path: Path) -> None:
    folder, key = tmp_path / "set", tmp_path / "key.csv"
    done = CliRunner().invoke(
        app,
        ["readers", "draw", str(run.path), "--probe", PROBE, "--out", str(folder), "--key",
         str(key), "--perturbed", "5", "--original", "5", "--balance-classes", "--seed", "1"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert len(list(folder.glob("*.png"))) == 10
    assert "perturbed" not in (folder / "answers.csv").read_text()
    assert len(key.read_text().splitlines()) == 11
