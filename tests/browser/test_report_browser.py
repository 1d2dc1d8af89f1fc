"""The report in a real browser: its script, its keys, its widths."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.helpers import synthetic_run as synthetic
from tests.helpers import task_run
from tests.helpers.chromium import EXECUTABLE, Browser, browser

from plexor.cases.formats.png import PngCodec
from plexor.core.csv_text import plain_cell
from plexor.findings.example import Example
from plexor.report import write_report

pytestmark = pytest.mark.skipif(EXECUTABLE is None, reason="needs Chromium")

POSITION = "document.querySelector('[data-position]').textContent"
PROBE = "document.querySelector('[data-probe]').value"
MODE = "document.querySelector('.panes').dataset.mode"
SCALE = "document.querySelector('[data-scale]').textContent"
SHOWS_AFTER = "document.querySelector('.stack').classList.contains('after')"
FOCUS = "document.getElementById('viewer').focus()"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    probes = (synthetic.probe("pgd", "linf", (1, 2), settings=synthetic.PGD),)
    run = synthetic.write(tmp_path_factory.mktemp("run"), n_cases=40, probes=probes)
    ids = sorted(run.findings()["case_id"].unique())[:3]
    codec = PngCodec()
    for probe in ("pgd-linf-1", "pgd-linf-2"):
        pixels = np.random.default_rng(0).integers(2, 254, (3, 150, 200), np.uint8)
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
    return write_report(run.path)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def test_arrows_go_from_case_to_case_and_round(page: Browser, report: Path) -> None:
    page.open(report)
    page.evaluate(FOCUS)
    seen = [page.evaluate(POSITION)]
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft"):
        page.press(key)
        seen.append(page.evaluate(POSITION))
    assert seen == ["1 of 3", "2 of 3", "3 of 3", "1 of 3", "3 of 3"]


SAVE = """(() => {
  const Own = Blob, click = HTMLAnchorElement.prototype.click, found = [];
  const tables = [...document.querySelectorAll("main .scroll > table:not(.paged)")];
  window.Blob = function (parts, options) {
    found.push([parts.join("")]);
    return new Own(parts, options);
  };
  HTMLAnchorElement.prototype.click = function () { found.at(-1).unshift(this.download); };
  tables[0].tBodies[0].rows[0].cells[0].childNodes[0].textContent = '=1+1, "odd"';
  document.querySelectorAll("button.csv:not([data-save])").forEach((button) => button.click());
  window.Blob = Own;
  HTMLAnchorElement.prototype.click = click;
  const large = (cell) => [...cell.childNodes].filter((node) => node.nodeName !== "SMALL");
  const shown = (cell) => large(cell).map((node) => node.textContent).join("").trim();
  const heads = (table) => [...table.rows].map((row) => shown(row.cells[0]));
  return JSON.stringify([found, tables.map(heads)]);
})()"""


def test_each_table_is_saved_as_csv(page: Browser, report: Path) -> None:
    page.open(report)
    saved, tables = json.loads(str(page.evaluate(SAVE)))
    assert len(saved) == len(tables) > 3
    assert all(name.endswith(".csv") for name, _ in saved)
    for (_, text), heads in zip(saved, tables, strict=True):
        rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
        assert len({len(row) for row in rows}) == 1
        assert [plain_cell(row[0]) for row in rows[1:]] == heads[1:]
    assert "'=1+1" in saved[0][1]


def test_space_flickers_and_stops(page: Browser, report: Path) -> None:
    page.open(report)
    page.evaluate(FOCUS)
    top = page.evaluate("scrollY")
    page.press(" ")
    assert page.evaluate(MODE) == "flicker"
    page.wait(SHOWS_AFTER)
    page.wait(f"!{SHOWS_AFTER}")
    page.press(" ")
    assert page.evaluate(MODE) == "side"
    assert page.evaluate("scrollY") == top


def test_nothing_moves_by_itself_where_stillness_is_asked_for(page: Browser, report: Path) -> None:
    page.open(report, prefers={"prefers-reduced-motion": "reduce"})
    page.evaluate("setInterval = () => { throw new Error('it moves'); }")
    page.evaluate(FOCUS)
    page.press(" ")
    assert page.evaluate(MODE) == "flicker"
    assert page.evaluate(SHOWS_AFTER) is False
    page.press(" ")
    assert page.evaluate(SHOWS_AFTER) is True


def test_further_keys(page: Browser, report: Path) -> None:
    page.open(report)
    page.evaluate(FOCUS)
    before = page.evaluate(SCALE)
    page.press("+")
    assert page.evaluate(SCALE) > before
    page.press("-")
    assert page.evaluate(SCALE) == before
    first = page.evaluate(PROBE)
    page.press("p")
    assert page.evaluate(PROBE) != first


def test_keys_elsewhere_are_left_alone(page: Browser, report: Path) -> None:
    page.open(report)
    page.press("ArrowRight")
    assert page.evaluate(POSITION) == "1 of 3"
    page.evaluate("document.querySelector('[value=swipe]').click()")
    page.evaluate("document.querySelector('.split input').focus()")
    page.press("ArrowRight")
    assert page.evaluate(POSITION) == "1 of 3"


def test_the_slider_moves_the_split(page: Browser, report: Path) -> None:
    page.open(report)
    page.evaluate("document.querySelector('[value=swipe]').click()")
    page.evaluate(
        "(slider => { slider.value = 30; slider.dispatchEvent(new Event('input')); })"
        "(document.querySelector('.split input'))"
    )
    cover = "getComputedStyle(document.querySelector('.stack img + img')).clipPath"
    assert page.evaluate(cover) == "inset(0px 0px 0px 30%)"


def test_pixels_are_never_smoothed(page: Browser, report: Path) -> None:
    page.open(report)
    page.wait(
        "[...document.querySelectorAll('.viewer img[src]')].every(image => image.naturalWidth)"
    )
    shown = page.evaluate(
        "[...document.querySelectorAll('.viewer img[src]')].map(image => "
        "[getComputedStyle(image).imageRendering, "
        "parseFloat(image.style.width) / image.naturalWidth])"
    )
    assert len(shown) >= 4
    assert {rendering for rendering, _ in shown} == {"pixelated"}
    assert all(scale == int(scale) >= 1 for _, scale in shown)


def test_outlines_lie_on_both_images_and_can_be_taken_off(
    page: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = task_run.write_outlines(tmp_path_factory.mktemp("outlined"))
    page.open(write_report(run.path))
    places = page.evaluate(
        "[...document.querySelectorAll('.viewer .layer')].map(layer => "
        "['img', 'svg'].map(name => JSON.stringify("
        "layer.querySelector(name).getBoundingClientRect())))"
    )
    assert len(places) == 2
    assert all(image == outline for image, outline in places)
    shown = "document.querySelector('.viewer svg').checkVisibility()"
    assert page.evaluate(shown) is True
    page.evaluate("document.querySelector('[data-outlines]').click()")
    assert page.evaluate(shown) is False


def test_a_charts_points_are_told_to_pointer_and_keys(page: Browser, report: Path) -> None:
    page.open(report)
    tip = "document.querySelector('.tip')"
    page.evaluate("document.querySelector('.chart').scrollIntoView({ block: 'center' })")
    place = page.evaluate(
        "(box => [box.x + box.width / 2, box.y + box.height / 2])(document.querySelector("
        "'.chart .mark:last-of-type circle').getBoundingClientRect())"
    )
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=place[0], y=place[1])
    page.wait(f"!{tip}.hidden")
    words = page.evaluate(f"{tip}.textContent")
    assert re.fullmatch(
        r"attacked, 2\s?levels \(L∞\): \d+\.\d\s% \([\d.]+–[\d.]+\); 40 cases in \d+ groups", words
    )
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
    page.wait(f"{tip}.hidden")
    page.evaluate("document.querySelector('.chart').focus()")
    seen = []
    for _ in range(3):
        page.press("ArrowRight")
        seen.append(page.evaluate(f"{tip}.textContent"))
    assert len(set(seen)) == 3
    assert all("; 40 cases" in one for one in seen)
    page.press("Escape")
    assert page.evaluate(f"{tip}.hidden")


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_the_page_never_scrolls_sideways(page: Browser, report: Path, width: int) -> None:
    page.open(report, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(page: Browser, report: Path, scheme: str) -> None:
    page.open(report, prefers={"prefers-color-scheme": scheme})
    colours = page.evaluate(
        "(style => ['paper', 'raised', 'ink', 'muted', 'attack', 'recompressed', 'control', 'link']"
        ".map(name => style.getPropertyValue('--' + name).trim()))"
        "(getComputedStyle(document.documentElement))"
    )
    paper, raised, *texts = map(_luminance, colours)
    for ground in (paper, raised):
        for text in texts:
            light, dark = max(ground, text), min(ground, text)
            assert (light + 0.05) / (dark + 0.05) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_no_grave_barrier(page: Browser, report: Path, scheme: str, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python")
    page.open(report, width=width, prefers={"prefers-color-scheme": scheme})
    page.wait("!document.getElementById('case-table').hidden")
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    page.evaluate("document.querySelector('#case-table tbody .bare').click()")
    page.evaluate(Path(axe.__file__).with_name("axe.min.js").read_text(encoding="utf-8"))
    run = "axe.run().then((result) => result.violations)"
    answer = page.call("Runtime.evaluate", expression=run, awaitPromise=True, returnByValue=True)
    grave = [
        (found["id"], found["nodes"][0]["html"][:90])
        for found in answer["result"]["value"]
        if found["impact"] in ("serious", "critical")
    ]
    assert grave == []


def _luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    ]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def test_print_shows_what_the_screen_folds_away(page: Browser, report: Path) -> None:
    page.open(report)
    height = "document.querySelector('.case').getBoundingClientRect().height"
    assert page.evaluate(height) == 0
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("[...document.querySelectorAll('details')].every(part => part.open)")
    page.call("Emulation.setEmulatedMedia", media="print")
    assert page.evaluate(height) > 100
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert not page.evaluate("[...document.querySelectorAll('details')].some(part => part.open)")


@pytest.fixture
def beside(report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same report, with room for one picture in the page."""
    monkeypatch.setattr("plexor.report.build.MOST_CHARACTERS", 150_000)
    run = tmp_path / "run"
    shutil.copytree(report.parent, run)
    return write_report(run)


def test_pictures_beside_the_page_are_shown_in_full(page: Browser, beside: Path) -> None:
    page.open(beside)
    page.evaluate(FOCUS)
    page.press("ArrowRight")
    page.wait(
        "[...document.querySelectorAll('.viewer img[src]')].every(image => image.naturalWidth)"
    )
    widths = "[...document.querySelectorAll('.viewer img[src]')].map(image => image.naturalWidth)"
    assert set(page.evaluate(widths)) == {200}
    assert page.evaluate("document.querySelectorAll('.case img[data-full]').length") > 0


def test_without_them_the_reduced_ones_are_shown(page: Browser, beside: Path) -> None:
    shutil.rmtree(beside.parent / "report-pictures")
    page.open(beside)
    page.evaluate(FOCUS)
    page.press("ArrowRight")
    page.wait(
        "[...document.querySelectorAll('.viewer img[src]')].every(image => image.naturalWidth)"
    )
    widths = "[...document.querySelectorAll('.viewer img[src]')].map(image => image.naturalWidth)"
    assert 67 in page.evaluate(widths)
