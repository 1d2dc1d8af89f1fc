"""What every report must be: one valid, accessible, self-contained page."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.helpers import synthetic_run as synthetic
from tests.helpers import task_run
from tests.helpers.page import Page, Tag

from plexor.cases.formats.png import PngCodec
from plexor.findings.example import Example
from plexor.findings.run import RunDirectory
from plexor.findings.schema import CLEAN
from plexor.report import build_report, write_report

PROBES = (
    synthetic.probe("pgd", "linf", (1, 2), settings=synthetic.PGD),
    synthetic.probe("pgd", "linf", (2,), target="nv", settings=synthetic.PGD),
    synthetic.shortcut("ruler", {"side": "left", "ticks": 20}),
)
N_CASES = 40


def _with_examples(path: Path, *, n_cases: int, side: int) -> RunDirectory:
    """A run whose first cases have noise for images, under every probe."""
    run = synthetic.write(path, n_cases=N_CASES, probes=PROBES)
    rng = np.random.default_rng(0)
    ids = sorted(run.findings()["case_id"].unique())[:n_cases]
    codec = PngCodec()
    for probe in sorted(set(run.findings()["probe"]) - {CLEAN}):
        examples = []
        for case_id in ids:
            pixels = rng.integers(2, 254, (3, side, side), np.uint8)
            changed = pixels + rng.integers(-2, 3, pixels.shape).astype(np.int8).astype(np.uint8)
            examples.append(
                Example(
                    case_id=case_id,
                    probe=probe,
                    original=codec.encode(pixels),
                    perturbed=codec.encode(changed),
                    suffix=".png",
                )
            )
        run.write_unit(f"examples-{probe}", [], examples)
    return run


def _fail(run: RunDirectory, case_id: str) -> None:
    """Turns a case of a run into one that could not be judged."""
    for path in (run.path / "units").glob("*.parquet"):
        rows = pd.read_parquet(path)
        lost = rows["case_id"] == case_id
        rows.loc[lost, ["status", "error"]] = ["failed", "the file is <empty>"]
        rows.to_parquet(path, index=False)


@pytest.fixture(scope="module", params=["classes", "findings", "number", "outlines"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def source(kind: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("run")
    if kind == "classes":
        run = _with_examples(folder, n_cases=3, side=8)
        _fail(run, run.findings()["case_id"].max())
        return build_report(run)
    if kind == "findings":
        rows = task_run.several()
        return build_report(task_run.write(folder, task_run.FINDINGS, task_run.HIDE, rows))
    if kind == "outlines":
        return build_report(task_run.write_outlines(folder))
    rows = task_run.numbers("deviate")
    return build_report(task_run.write(folder, task_run.AGE, task_run.DEVIATE, rows))


@pytest.fixture(scope="module")
def page(source: str) -> Page:
    return _parsed(source)


@cache
def _parsed(source: str) -> Page:
    return Page(source)


def test_nothing_is_fetched(page: Page, source: str) -> None:
    links = [
        tag.attributes[key] for tag in page.tags for key in ("src", "href") if key in tag.attributes
    ]
    assert links
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in links)
    assert not page.all("link")
    assert not re.search(r"@import|url\((?!#)|fetch\(|XMLHttpRequest", source)


def test_every_link_leads_somewhere(page: Page) -> None:
    ids = Counter(tag.attributes["id"] for tag in page.tags if "id" in tag.attributes)
    assert max(ids.values()) == 1
    targets = {tag.attributes["href"][1:] for tag in page.all("a")}
    assert targets <= set(ids)


def test_what_is_described_elsewhere_is_there(page: Page) -> None:
    ids = {tag.attributes.get("id") for tag in page.tags}
    for tag in page.tags:
        for key in ("aria-labelledby", "aria-describedby"):
            assert set(tag.attributes.get(key, "").split()) <= ids


def test_landmarks_language_and_headings(page: Page) -> None:
    assert page.all("html")[0].attributes["lang"] == "en"
    assert [len(page.all(name)) for name in ("header", "nav", "main", "footer", "h1")] == [1] * 5
    levels = [int(tag.name[1]) for tag in page.tags if re.fullmatch("h[1-6]", tag.name)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_tables_have_captions_and_scopes(page: Page) -> None:
    assert len(page.all("caption")) == len(page.all("table")) > 0
    assert all(tag.attributes.get("scope") in ("row", "col") for tag in page.all("th"))


def test_every_row_is_as_wide_as_its_head(source: str) -> None:
    for table in re.findall(r"<table.*?</table>", source, flags=re.DOTALL):
        widths = {len(re.findall(r"<t[hd]\b", row)) for row in table.split("<tr")[1:]}
        assert len(widths) == 1


def test_images_have_sizes_and_words(page: Page, kind: str) -> None:
    shown = [tag for tag in page.all("img") if "src" in tag.attributes]
    assert len(shown) == {"classes": 3 * (1 + 2 * 7), "outlines": 1 + 2 * 2}.get(kind, 0)
    assert all(tag.attributes["alt"] and tag.attributes["width"] == "8" for tag in shown)


def test_charts_have_titles(page: Page, kind: str) -> None:
    charts: list[Tag] = [one for one in page.all("svg") if "aria-hidden" not in one.attributes]
    assert len(charts) == {"classes": 2, "findings": 0, "number": 1, "outlines": 0}[kind]
    assert all(chart.attributes["role"] == "img" for chart in charts)


def test_outlines_lie_on_every_image_but_the_difference(source: str, kind: str) -> None:
    drawn = re.findall(r'<svg class="outline".*?</svg>', source)
    assert len(drawn) == (3 if kind == "outlines" else 0)
    # Around a diagonal: two ends of one pixel, and between them steps over two; truth and decision.
    counts = [[one.count(step) for step in ("h1", "h2", "v1", "v2")] for one in drawn]
    assert all(count == [4, 14, 4, 14] for count in counts)


def test_a_cohorts_own_words_are_text_and_never_markup(tmp_path: Path) -> None:
    run = synthetic.write(tmp_path, n_cases=N_CASES, probes=PROBES)
    plan = synthetic.plan(PROBES) | {"name": "<script>alert(1)</script>"}
    stranger = RunDirectory(tmp_path / "other")
    stranger.open(plan, {})
    stranger.write_provenance(run.provenance())
    for path in (run.path / "units").iterdir():
        (stranger.path / "units").mkdir(exist_ok=True)
        (stranger.path / "units" / path.name).write_bytes(path.read_bytes())
    source = build_report(stranger)
    assert "&lt;script&gt;alert(1)" in source
    # of every page, of the comparator, of all cases, and their rows
    assert len(Page(source).all("script")) == 4


def test_however_many_images_a_run_keeps_its_report_stays_below_5_mb(tmp_path: Path) -> None:
    run = _with_examples(tmp_path, n_cases=12, side=150)
    kept = sum(e.perturbed.stat().st_size for e in run.examples())
    source = build_report(run)
    assert 4 / 3 * kept > 5_000_000
    assert 3_000_000 < len(source.encode()) < 5_000_000
    # The page's first probe is shown for every case before any other.
    titles = re.findall(
        r'class="probed(?: opens)?" data-probe="[^"]*" data-title="([^"]*)"', source
    )
    assert titles.count("PGD, be wrong, 1\N{NO-BREAK SPACE}level (L∞)") == 12
    assert source.count('class="perturbed"') == 84
    assert "pictures would make this page too large" in source


def test_of_many_kept_cases_the_comparator_has_some_and_the_table_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _with_examples(tmp_path, n_cases=3, side=8)
    monkeypatch.setattr("plexor.report.build.MOST_CASES", 2)
    source = build_report(run)
    assert source.count('<article class="case"') == 2
    assert "2 cases of 3 that the audit kept" in source
    write_report(run.path, one_file=True)
    whole = (run.path / "report.html").read_text(encoding="utf-8")
    assert whole.count('<article class="case"') == 3


def test_an_example_of_a_case_that_failed_is_not_shown(tmp_path: Path) -> None:
    run = _with_examples(tmp_path, n_cases=2, side=8)
    lost = run.findings()["case_id"].min()
    _fail(run, lost)
    text = Page(build_report(run)).text
    assert f"{lost}, truly" not in text
    assert "1 of 40 untouched cases could not be judged." in text


def test_the_clean_images_alone_make_a_report(tmp_path: Path) -> None:
    run = synthetic.write(tmp_path, n_cases=N_CASES, probes=PROBES)
    for path in (run.path / "units").iterdir():
        if path.stem != CLEAN:
            path.unlink()
    text = Page(build_report(run)).text
    assert "No attack has been judged yet." in text
    assert "Every attack" not in text


def test_attacks_at_one_radius_are_tabled_without_charts(tmp_path: Path) -> None:
    page = Page(build_report(synthetic.write(tmp_path, n_cases=N_CASES, probes=PROBES[1:])))
    assert "Every attack" in page.text
    assert not page.all("svg")
    assert "#size" not in {tag.attributes["href"] for tag in page.all("a")}


def test_writing_leaves_summary_and_report_beside_the_findings(tmp_path: Path) -> None:
    synthetic.write(tmp_path, n_cases=N_CASES, probes=PROBES)
    path = write_report(tmp_path)
    assert path == tmp_path / "report.html"
    assert (tmp_path / "summary.json").exists()
    assert path.read_text(encoding="utf-8") == build_report(RunDirectory(tmp_path))


def test_a_report_is_made_without_torch() -> None:
    code = "import sys, plexor.report.build; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
