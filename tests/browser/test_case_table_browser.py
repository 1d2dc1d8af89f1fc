"""The table of all cases in a real browser: it sorts, chooses, turns pages, shows pictures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.helpers import synthetic_run as synthetic
from tests.helpers.chromium import EXECUTABLE, Browser, browser

from plexor.cases.formats.png import PngCodec
from plexor.findings.example import Example
from plexor.findings.run import RunDirectory
from plexor.report import write_report

pytestmark = pytest.mark.skipif(EXECUTABLE is None, reason="needs Chromium")

PROBES = (synthetic.probe("pgd", "linf", (1, 2), settings=synthetic.PGD),)
ROWS = """[...document.querySelectorAll('#case-table tbody tr:not(.looked)')].map(
  (row) => [...row.cells].map((cell) => cell.textContent))"""
HEADS = "[...document.querySelectorAll('#case-table thead th')].map((head) => head.dataset.of)"
COUNT = "document.querySelector('[data-count]').textContent"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    made = synthetic.write(tmp_path_factory.mktemp("run"), n_cases=60, probes=PROBES)
    codec, pixels = PngCodec(), np.full((3, 20, 30), 90, np.uint8)
    kept = min(made.findings()["case_id"].unique())
    example = Example(
        case_id=kept, probe="pgd-linf-2", original=codec.encode(pixels),
        perturbed=codec.encode(pixels + np.uint8(2)), suffix=".png",
    )  # fmt: skip
    made.write_unit("examples", [], [example])
    write_report(made.path)
    return made


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def shown(page: Browser) -> pd.DataFrame:
    return pd.DataFrame(page.evaluate(ROWS), columns=page.evaluate(HEADS))


def choose(page: Browser, column: str, text: str) -> None:
    page.evaluate(
        f"""(() => {{
          const select = document.querySelector('[data-choices] [data-of="{column}"]');
          const named = ({{ text }}) => text === {json.dumps(text)};
          select.value = [...select.options].find(named).value;
          select.dispatchEvent(new Event("change"));
        }})()"""
    )


@pytest.fixture
def opened(page: Browser, run: RunDirectory) -> Browser:
    page.open(run.path / "report.html")
    page.wait("!document.getElementById('case-table').hidden")
    return page


def _titled(page: Browser, probe: str) -> str:
    return str(
        page.evaluate(f"""document.querySelector('.probed[data-probe="{probe}"]').dataset.title""")
    )


def test_naevi_out_of_melanomas_at_two_levels_are_those_of_the_findings(
    opened: Browser, run: RunDirectory
) -> None:
    choose(opened, "probe", _titled(opened, "pgd-linf-2"))
    choose(opened, "truth", "mel")
    choose(opened, "after", "nv")
    found = run.findings()
    found = found[
        (found["probe"] == "pgd-linf-2")
        & (found["stored"] == "lossless")
        & (found["truth"] == "mel")
        & (found["decision_after"] == "nv")
    ]
    assert len(found) > 0
    assert set(shown(opened)["case"]) == set(found["case_id"])
    assert opened.evaluate(COUNT).startswith(f"{len(found)} of {len(run.findings()):,} rows, ")


@pytest.mark.parametrize(
    "column", ["case", "group", "truth", "before", "after", "sure_after", "l2"]
)
def test_each_heading_sorts_both_ways(opened: Browser, column: str) -> None:
    head = f"document.querySelector('#case-table th[data-of=\"{column}\"]')"
    for way in ("ascending", "descending"):
        opened.evaluate(f"{head}.querySelector('button').click()")
        assert opened.evaluate(f"{head}.getAttribute('aria-sort')") == way
        values: Any = shown(opened)[column]
        if column in ("sure_after", "l2"):
            values = values.astype(float)
        elif column in ("truth", "before", "after"):
            values = values.map(synthetic.CLASSES.index)
        expected = values.sort_values(ascending=way == "ascending", kind="stable")
        assert list(values) == list(expected)


def test_pages_turn_and_a_text_finds_a_group(opened: Browser, run: RunDirectory) -> None:
    seen = set(shown(opened)["case"])
    assert len(seen) == 25
    for _ in range(2):
        opened.evaluate("document.querySelector('[data-turn=\"1\"]').click()")
        seen |= set(shown(opened)["case"])
    assert seen == set(run.findings()["case_id"])
    assert opened.evaluate("document.querySelector('[data-turn=\"1\"]').disabled")
    group = run.findings()["group"].iloc[0]
    opened.evaluate(
        f"""(find => {{ find.value = {json.dumps(group.upper())};
        find.dispatchEvent(new Event("input")); }})(document.querySelector("[data-find]"))"""
    )
    opened.wait(f"!{COUNT}.startsWith('60 ')")
    assert set(shown(opened)["group"]) == {group}


def test_a_kept_picture_is_shown_and_opens_the_comparator(
    opened: Browser, run: RunDirectory
) -> None:
    kept = run.examples()[0].case_id
    choose(opened, "probe", _titled(opened, "pgd-linf-2"))
    opened.evaluate("document.querySelector('th[data-of=case] button').click()")
    assert shown(opened)["case"][0] == kept
    opened.evaluate("document.querySelector('#case-table tbody .bare').focus()")
    opened.evaluate("document.activeElement.click()")
    widths = "[...document.querySelectorAll('.look img')].map((image) => image.naturalWidth)"
    opened.wait(f"{widths}.length === 3 && {widths}.every((width) => width === 30)")
    assert opened.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    opened.evaluate("document.querySelector('.look > button').click()")
    assert opened.evaluate("document.activeElement.id") == "viewer"
    assert opened.evaluate("document.querySelector('[data-case]').textContent").startswith(kept)


def test_only_rows_with_pictures_and_all_of_them_open(opened: Browser, run: RunDirectory) -> None:
    kept = run.examples()[0].case_id
    choose(opened, "probe", _titled(opened, "pgd-linf-2"))
    opened.evaluate("document.querySelector('[data-pictures]').click()")
    assert opened.evaluate("document.querySelectorAll('.look').length") <= 1
    opened.evaluate("document.querySelector('[data-kept]').click()")
    assert list(shown(opened)["case"]) == [kept]
    assert opened.evaluate(COUNT).startswith("1 of ")
    assert opened.evaluate(COUNT).endswith(", 1 with pictures")
    assert opened.evaluate("document.querySelectorAll('.look img').length") == 3


def test_a_case_without_pictures_says_how_to_keep_them(opened: Browser) -> None:
    opened.evaluate("document.querySelectorAll('#case-table tbody .bare')[5].click()")
    text = opened.evaluate("document.querySelector('.look').textContent")
    assert "No picture of it was kept" in text
    assert "plexor audit PLAN --set n_examples=60 --out NEW" in text


def test_the_rows_chosen_are_saved_as_csv(opened: Browser) -> None:
    choose(opened, "outcome", "Goal reached")
    saved = opened.evaluate(
        """(() => {
          const Own = Blob, click = HTMLAnchorElement.prototype.click;
          let text = "";
          window.Blob = function (parts, options) {
            text = parts.join("");
            return new Own(parts, options);
          };
          HTMLAnchorElement.prototype.click = () => {};
          document.querySelector("[data-save]").click();
          window.Blob = Own;
          HTMLAnchorElement.prototype.click = click;
          return text;
        })()"""
    )
    lines = saved.removeprefix("\ufeff").splitlines()
    assert lines[0].startswith("Case,Group,Probe,Stored as,Truth,")
    assert f"{len(lines) - 1} of " in opened.evaluate(COUNT)


def test_kept_cases_beyond_the_comparator_show_what_lies_in_the_run_directory(
    page: Browser, run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plexor.report.build.MOST_CASES", 0)
    moved = tmp_path / "run of a case"
    shutil.copytree(run.path, moved)
    page.open(write_report(moved))
    page.wait("!document.getElementById('case-table').hidden")
    assert page.evaluate("document.getElementById('viewer')") is None
    page.evaluate("document.querySelector('[data-clear]').click()")
    page.evaluate("document.querySelector('[data-kept]').click()")
    page.evaluate("document.querySelector('[data-pictures]').click()")
    widths = "[...document.querySelectorAll('.look img')].map((image) => image.naturalWidth)"
    page.wait(f"{widths}.length === 8 && {widths}.every((width) => width === 30)")
    shutil.rmtree(moved / "artifacts")
    page.open(moved / "report.html")
    page.wait("!document.getElementById('case-table').hidden")
    page.evaluate("document.querySelector('[data-clear]').click()")
    page.evaluate("document.querySelector('[data-kept]').click()")
    page.evaluate("document.querySelector('[data-pictures]').click()")
    page.wait("document.querySelector('.look').textContent.includes('is not beside this page')")
