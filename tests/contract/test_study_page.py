"""A study's page: its first table, its numbers with what they rest on, links to its arms."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tests.helpers import synthetic_run as synthetic
from tests.helpers.page import Page

from plexor.cases.formats.png import PngCodec
from plexor.core.errors import RunDirectoryError
from plexor.findings.example import Example
from plexor.findings.study_file import (
    Agreement,
    Arm,
    Compared,
    Departure,
    Number,
    StudyConfusion,
    StudyResult,
    StudyRow,
    StudyTable,
    read_study,
    write_study,
)
from plexor.report import write_report
from plexor.report.rounding import MINUS

PROBES = (synthetic.probe("pgd", "linf", (1, 2), settings=synthetic.PGD),)
SHARE = Number(kind="share", value=0.715, low=0.68, high=0.7475, n=1204, n_groups=922)
POINTS = Number(kind="points", value=-0.125, low=-0.16, high=-0.09, n=3207)
RESULT = StudyResult(
    plexor="0.1.0",
    name="allyn2020",
    title="A study",
    citation="Somebody. Journal 2020.",
    question="Does it hold?",
    design="As they did.",
    scale="smoke",
    setting="Run on 200 images.",
    departures=(Departure(what="Split", published="by image", here="by lesion", why="a leak"),),
    rows=(
        Compared(
            id="accuracy",
            what="Accuracy",
            published=Number(kind="share", value=0.84, low=0.82, high=0.86, n=2003),
            ours={"one": SHARE, "two": None},
            agreement={
                "one": Agreement(word="differs", because="it is smaller", difference=POINTS),
                "two": Agreement(word="not measured here", because="it needs readers"),
            },
        ),
        Compared(
            id="mcnemar",
            what="McNemar's test",
            published=Number(kind="p-bound", value=0.0001, n=2003),
            ours={"one": Number(kind="p", value=3e-9), "two": Number(kind="p", value=0.2)},
            agreement={
                "one": Agreement(word="same conclusion"),
                "two": Agreement(word="other conclusion", because="<b>few</b> images"),
            },
        ),
        Compared(
            id="kappa",
            what="Kappa",
            published=Number(kind="kappa", value=-0.22, low=-0.49, high=-0.04, n=50),
            ours={"one": None, "two": None},
            agreement={},
        ),
    ),
    arms=(
        Arm(name="one", title="One", text="As published.", run="one/run", commands=("plexor x",)),
        Arm(name="two", title="Two", text="Clean.", run="two/run"),
    ),
    tables=(
        StudyTable(
            id="leak",
            title="The leak",
            text="See.",
            columns=("", "Estimate", "Word"),
            rows=(
                StudyRow(name="Difference", cells=(POINTS, "as a text")),
                StudyRow(name="Nothing", detail="at all", cells=(None, "")),
                StudyRow(
                    name="Undefined",
                    cells=(Number(kind="share", value=None, n=0, note="no observations"), ""),
                ),
                StudyRow(
                    name="d'", cells=(Number(kind="d-prime", value=0.02, low=-0.5, high=0.5), "")
                ),
            ),
            confusions=tuple(
                StudyConfusion(
                    arm=arm,
                    attack="an attack, 8 levels",
                    classes=("mel", "nv"),
                    before=((3, 1), (0, 4)),
                    after=((0, 4), (0, 4)),
                    transitions=((0, 3), (0, 5)),
                )
                for arm in ("one", "two")
            ),
        ),
    ),
    limits=("Not much.",),
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    for arm in RESULT.arms:
        synthetic.write(folder / arm.run, n_cases=30, probes=PROBES)
    write_study(folder, RESULT)
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def page(study: Path) -> Page:
    return Page((study / "report.html").read_text(encoding="utf-8"))


def plain(page: Page) -> list[str]:
    """The page's lines with the minus sign of keyboards."""
    return page.text.replace(MINUS, "-").splitlines()


def test_a_result_is_read_as_it_was_written(study: Path) -> None:
    assert read_study(study) == RESULT


def test_what_is_no_result_is_refused(tmp_path: Path, study: Path) -> None:
    with pytest.raises(RunDirectoryError, match="holds no study"):
        read_study(tmp_path)
    changed = json.loads((study / "study.json").read_text())
    changed["rows"][0]["agreement"]["one"]["word"] = "perhaps"
    (tmp_path / "study.json").write_text(json.dumps(changed))
    with pytest.raises(RunDirectoryError, match=r"at rows\.0\.agreement\.one\.word"):
        read_study(tmp_path)


def test_the_first_table_lays_published_beside_ours(page: Page) -> None:
    assert page.all("table")[0].attributes["class"] == "numbers said"
    lines = plain(page)
    row = next(line for line in lines if line.startswith("Accuracy"))
    assert row == (
        "Accuracy 84.0 % (82.0–86.0) n = 2,003 71.5 % (68.0–74.8) n = 1,204 in 922 "
        "differs, -12.5 (-16.0 to -9.0) because it is smaller – not measured here "
        "not measured here, because it needs readers"
    )
    test = next(line for line in lines if line.startswith("McNemar's test <"))
    assert test.startswith("McNemar's test < .0001 n = 2,003 < .0001 same conclusion .200 other")


def test_numbers_of_every_kind_are_worded(page: Page) -> None:
    lines = plain(page)
    assert "Difference -12.5 (-16.0 to -9.0) n = 3,207 as a text" in lines
    assert "Nothing at all – not measured here" in lines
    assert "Undefined – n = 0 no observations" in lines
    assert "d' 0.02 (-0.5 to 0.5)" in lines
    assert any(line.startswith("Kappa -0.22 (-0.49 to -0.04) n = 50 – ") for line in lines)


def test_each_arms_decisions_stand_before_and_after_behind_their_table(page: Page) -> None:
    lines = plain(page)
    for arm in ("one", "two"):
        start = lines.index(f"Truth and decision, {arm}")
        assert lines[start + 1 : start + 10] == [
            "3 decisions changed; most often mel → nv (3).",
            "Untouched",
            "Truth mel nv",
            "mel 3 1",
            "nv 0 4",
            "After an attack, 8 levels",
            "Truth mel nv",
            "mel 0 4",
            "nv 0 4",
        ]


def test_agreement_is_counted_arm_by_arm(page: Page) -> None:
    assert (
        "Beside the published figures: in “one” 1 agree, 1 differ, and 0 cannot be told; "
        "in “two” 0 agree, 1 differ, and 0 cannot be told." in page.text
    )


def test_every_arm_has_its_own_report_and_a_link_to_it(page: Page, study: Path) -> None:
    links = [tag.attributes["href"] for tag in page.all("a")]
    elsewhere = [link for link in links if not link.startswith("#")]
    assert elsewhere == ["one/run/report.html", "two/run/report.html"]
    assert all((study / link).is_file() for link in elsewhere)


def test_the_page_is_sound(page: Page, study: Path) -> None:
    ids = Counter(tag.attributes["id"] for tag in page.tags if "id" in tag.attributes)
    assert max(ids.values()) == 1
    inside = [t.attributes["href"][1:] for t in page.all("a") if t.attributes["href"][0] == "#"]
    assert set(inside) <= set(ids)
    for tag in page.tags:
        assert set(tag.attributes.get("aria-labelledby", "").split()) <= set(ids)
    assert [len(page.all(name)) for name in ("header", "nav", "main", "footer", "h1")] == [1] * 5
    levels = [int(tag.name[1]) for tag in page.tags if re.fullmatch("h[1-6]", tag.name)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(tag.attributes.get("scope") in ("row", "col") for tag in page.all("th"))
    assert len(page.all("script")) == 1  # of every page
    source = (study / "report.html").read_text(encoding="utf-8")
    assert "because &lt;b&gt;few&lt;/b&gt; images" in source
    for table in re.findall(r"<table.*?</table>", source, flags=re.DOTALL):
        widths = {len(re.findall(r"<t[hd]\b", row)) for row in table.split("<tr")[1:]}
        assert len(widths) == 1


def test_the_page_is_made_without_torch(study: Path) -> None:
    code = (
        "import sys; from plexor.report import write_report; "
        "write_report(sys.argv[1]); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, study], check=False).returncode == 0


def test_the_page_shows_what_the_change_looks_like_and_how_visible_it_is(tmp_path: Path) -> None:
    """Two of the three kept cases gave way; the study names the narrower attack."""
    probes = (synthetic.probe("pgd", "linf", (1, 2), settings=synthetic.PGD),)
    run = synthetic.write(tmp_path / "one" / "run", n_cases=30, probes=probes)
    codec, ids = PngCodec(), sorted(run.findings()["case_id"].unique())[:5]
    for probe in ("pgd-linf-1", "pgd-linf-2"):
        pixels = np.random.default_rng(0).integers(2, 250, (3, 20, 30), np.uint8)
        examples = [
            Example(
                case_id=case_id,
                probe=probe,
                original=codec.encode(pixels),
                perturbed=codec.encode(pixels + np.uint8(1)),
                suffix=".png",
            )
            for case_id in ids
        ]
        run.write_unit(f"examples-{probe}", [], examples)
    arm = replace(RESULT.arms[0], run="one/run", shown="pgd-linf-1")
    write_study(tmp_path, replace(RESULT, arms=(arm,)))
    page = Page(write_report(tmp_path).read_text(encoding="utf-8"))
    kinds = [tag.attributes.get("class") for tag in page.all("img")]
    assert kinds == ["original", "perturbed", "difference"] * 3
    assert "PGD" in page.text
    assert "at most 1 level" in page.text or "1 level" in page.text
    links = [tag.attributes["href"] for tag in page.all("a")]
    assert "one/run/report.html#images" in links

    write_study(tmp_path, replace(RESULT, arms=(replace(arm, shown="pgd-linf-3"),)))
    with pytest.raises(RunDirectoryError, match="has no attack pgd-linf-3, which the study shows"):
        write_report(tmp_path)
