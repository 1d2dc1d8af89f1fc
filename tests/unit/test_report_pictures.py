"""Pictures of a report: every example can be reached, and the page opens on a telling one."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from tests.helpers import synthetic_run as synthetic

from plexor.cases.formats import decode_image
from plexor.cases.formats.png import PngCodec
from plexor.findings.example import Example
from plexor.findings.run import RunDirectory
from plexor.findings.summary import summarise
from plexor.report import write_report
from plexor.report.comparator import comparator
from plexor.report.picture import uri
from plexor.report.pictures import FOLDER, THUMBNAIL, Pictures

PROBES = (synthetic.probe("pgd", "linf", (1, 2), settings=synthetic.PGD),)


def picture(seed: int = 0, side: int = 150) -> str:
    rng = np.random.default_rng(seed)
    return uri(rng.integers(0, 256, (side, side, 3), np.uint8))


def test_what_has_no_room_is_reduced_and_kept_in_full_beside_the_page() -> None:
    first, second = picture(0), picture(1)
    pictures = Pictures(most=len(first))
    assert pictures.place(first).source == first
    assert not pictures.files
    placed = pictures.place(second)
    ((name, data),) = pictures.files.items()
    assert placed.full == f"{FOLDER}/{name}"
    assert len(placed.source) < len(second) / 3
    full = decode_image(data, "full").pixels
    assert full.shape == (3, 150, 150)
    assert pictures.place(second).full == placed.full
    assert len(pictures.files) == 1


def test_a_reduced_picture_is_the_mean_of_blocks() -> None:
    plane = np.zeros((2 * THUMBNAIL, 2 * THUMBNAIL, 1), np.uint8)
    plane[::2] = 200
    pictures = Pictures(most=0)
    placed = pictures.place(uri(plane))
    assert placed.source == uri(np.full((THUMBNAIL, THUMBNAIL, 1), 100, np.uint8))


def run_with_examples(folder: Path) -> RunDirectory:
    run = synthetic.write(folder, n_cases=24, probes=PROBES)
    ids = sorted(run.findings()["case_id"].unique())[:6]
    codec = PngCodec()
    for probe in ("pgd-linf-1", "pgd-linf-2"):
        examples = []
        for seed, case_id in enumerate(ids):
            pixels = np.random.default_rng(seed).integers(2, 254, (3, 90, 90), np.uint8)
            change = pixels + np.uint8(1 + (probe == "pgd-linf-2"))
            examples.append(
                Example(
                    case_id=case_id,
                    probe=probe,
                    original=codec.encode(pixels),
                    perturbed=codec.encode(change),
                    suffix=".png",
                )
            )
        run.write_unit(f"examples-{probe}", [], examples)
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return run_with_examples(tmp_path_factory.mktemp("run"))


def test_every_kept_example_is_reachable_whatever_the_room(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plexor.report.build.MOST_CHARACTERS", 100_000)
    page = write_report(run.path).read_text(encoding="utf-8")
    assert page.count('class="perturbed"') == page.count('class="difference"') == 12
    named = set(re.findall(r'data-full="report-pictures/([0-9a-f]{16}\.png)"', page))
    kept = {path.name for path in (run.path / FOLDER).iterdir()}
    assert named == kept
    assert kept
    assert f"{len(kept)} pictures would make this page too large" in page

    page = write_report(run.path, one_file=True).read_text(encoding="utf-8")
    assert "data-full" not in page
    assert "with all that the audit kept." in page
    assert not list((run.path / FOLDER).glob("*.png")), "those of the earlier page are gone"


def test_the_page_opens_on_what_was_attempted(run: RunDirectory) -> None:
    """One case was attempted under the narrow attack only, all others never: they held before."""
    findings = run.findings()
    findings["attempted"], findings["reached"] = False, True
    chosen = sorted(findings["case_id"].unique())[4]
    row = (findings["case_id"] == chosen) & (findings["probe"] == "pgd-linf-1")
    findings.loc[row, ["attempted", "reached"]] = [True, False]
    summary = summarise(run.plan(), run.provenance(), run.findings())
    found = comparator(run, summary, findings, Pictures())
    assert found.cases[0].title.startswith(f"{chosen}, ")
    opened = next(p for p in found.cases[0].probes if p.title == found.cases[0].opens)
    assert opened.title == found.cases[0].probes[0].title
    assert "1" in opened.title

    findings.loc[findings["probe"] == "pgd-linf-2", ["attempted", "reached"]] = True
    found = comparator(run, summary, findings, Pictures())
    assert {case.opens for case in found.cases} == {found.cases[0].probes[1].title}
