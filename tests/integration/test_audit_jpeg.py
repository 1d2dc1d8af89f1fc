"""A whole audit with the search on JPEG coefficients: what it leaves, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image as Pillow
from PIL.JpegImagePlugin import JpegImageFile, get_sampling
from tests.helpers.page import Page
from tests.helpers.runs import Setup, plan, plexor, set_up
from tests.helpers.summary_json import read_flat

from plexor.cases import LOSSLESS
from plexor.cases.formats.coefficients import read_coefficients
from plexor.cases.image import OWN
from plexor.findings import RunDirectory

pytest.importorskip("jpeglib", reason="needs the extra `jpeg`")

PROBES = {
    "jpeg-linf-3": {"attack": "jpeg", "threat": {"norm": "linf", "radius": 3}, "steps": 3},
    "jpeg-l2-60": {"attack": "jpeg", "threat": {"norm": "l2", "radius": 60}, "steps": 3},
}
RADIUS = {"jpeg-linf-3": ("linf", 3.0), "jpeg-l2-60": ("l2", 60.0)}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    setup = set_up(tmp_path_factory.mktemp("jpeg"), n_cases=24, file_format="jpeg")
    setup.plan.write_text(yaml.safe_dump(plan(probes=list(PROBES.values()), n_examples=4)))
    outcome = plexor("audit", setup.plan, "--out", setup.out)
    assert outcome.status == 0, outcome.err
    return setup


@pytest.fixture(scope="module")
def rows(done: Setup) -> pd.DataFrame:
    frame = RunDirectory(done.out).findings()
    return frame[frame["attempted"] & frame["probe"].isin(PROBES)]


def jpeg(path: Path) -> JpegImageFile:
    """Opened and decoded by a reader that knows nothing of coefficients."""
    file = Pillow.open(path)
    assert isinstance(file, JpegImageFile)
    file.load()
    return file


@pytest.mark.parametrize("probe", PROBES)
def test_the_files_kept_are_jpeg_files_of_the_same_tables_and_subsampling(
    done: Setup, rows: pd.DataFrame, probe: str
) -> None:
    norm, radius = RADIUS[probe]
    told = rows[(rows["probe"] == probe) & (rows["stored"] == OWN)].set_index("case_id")
    kept = [e for e in RunDirectory(done.out).examples() if e.probe == probe]
    kept = [example for example in kept if example.case_id in told.index]
    assert kept
    for example in kept:
        source = done.folder / example.case_id
        assert example.original.read_bytes() == source.read_bytes()
        before, after = jpeg(source), jpeg(example.perturbed)
        assert after.quantization == before.quantization
        assert get_sampling(after) == get_sampling(before)
        change = np.asarray(after).astype(float) - np.asarray(before)
        length = np.abs(change).max() if norm == "linf" else np.sqrt(np.square(change).sum())
        row = told.loc[example.case_id]
        assert length == pytest.approx(row[norm])
        assert 0 < length <= radius
        files = [read_coefficients(path.read_bytes()) for path in (source, example.perturbed)]
        assert files[1].n_changed(files[0]) == row["coefficients"] > 0


@pytest.mark.parametrize("probe", PROBES)
def test_saving_takes_nothing_away(rows: pd.DataFrame, probe: str) -> None:
    some = rows[rows["probe"] == probe].set_index("case_id")
    own, lossless = (some[some["stored"] == name] for name in (OWN, LOSSLESS))
    assert own["within_threat"].all()
    for column in ("linf", "l2", "margin_after", "reached"):
        assert own[column].equals(lossless[column])
    assert own["coefficients"].notna().all()
    assert some.loc[some["stored"] != OWN, "coefficients"].isna().all()


def test_summary_and_report_say_how_many_coefficients_moved(
    done: Setup, rows: pd.DataFrame
) -> None:
    summary = read_flat(done.out)
    text = " ".join(Page((done.out / "report.html").read_text()).text.split())
    for entry in summary["probes"]:
        if entry["kind"] != "attack":
            continue
        moved = rows[rows["probe"] == entry["id"]]["coefficients"].dropna()
        assert entry["coefficients"] == {
            "median": moved.median(),
            "max": moved.max(),
            "n": len(moved),
            "n_unmoved": (moved == 0).sum(),
        }
    assert text.count("coefficients of a JPEG file (median") == len(PROBES)


def test_a_coarse_table_leaves_nothing_to_move(tmp_path: Path) -> None:
    """Where every table is 255, one quantum of any coefficient changes some pixel by over 30."""
    setup = set_up(tmp_path, n_cases=6)
    rows = setup.rows()
    for row in rows:
        source, row["path"] = setup.folder / row["path"], row["path"].replace(".png", ".jpg")
        picture = Pillow.open(source)
        picture.save(setup.folder / row["path"], qtables=[[255] * 64] * 2, subsampling=2)
    setup.write_rows(rows)
    setup.plan.write_text(yaml.safe_dump(plan(probes=[PROBES["jpeg-linf-3"]])))
    outcome = plexor("audit", setup.plan, "--out", setup.out)
    assert outcome.status == 0, outcome.err
    (told,) = (
        entry["coefficients"]
        for entry in read_flat(setup.out)["probes"]
        if entry["kind"] == "attack"
    )
    assert told["max"] == 0
    assert told["n_unmoved"] == told["n"] > 0
