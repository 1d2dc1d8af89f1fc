"""The comparator's pixels in a real browser: window, zoom, panning, and the difference."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.helpers import synthetic_run as synthetic
from tests.helpers.chromium import EXECUTABLE, Browser, browser

from plexor.cases.formats import decode_image
from plexor.cases.formats.png import PngCodec
from plexor.findings.example import Example
from plexor.report import write_report

pytestmark = pytest.mark.skipif(EXECUTABLE is None, reason="needs Chromium")

HEIGHT, WIDTH = 30, 40
PROBE = "pgd-linf-2"
RAMP = np.linspace(20_000, 30_000, HEIGHT * WIDTH).round().astype(np.uint16)
RAMP = RAMP.reshape(1, HEIGHT, WIDTH)


def _report(folder: Path, original: NDArray[np.generic], perturbed: NDArray[np.generic]) -> Path:
    probes = (synthetic.probe("pgd", "linf", (1, 2), settings=synthetic.PGD),)
    run = synthetic.write(folder, n_cases=40, probes=probes)
    codec = PngCodec()
    example = Example(
        case_id=min(run.findings()["case_id"]), probe=PROBE, original=codec.encode(original),
        perturbed=codec.encode(perturbed), suffix=".png",
    )  # fmt: skip
    run.write_unit("examples", [], [example])
    return write_report(run.path)


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _report(tmp_path_factory.mktemp("deep"), RAMP, RAMP + np.uint16(3))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    original = np.random.default_rng(0).integers(9, 240, (3, HEIGHT, WIDTH), np.uint8)
    perturbed = original.copy()
    perturbed[:, :, :20] += 1
    perturbed[:, :, 20:30] -= 1
    perturbed[:, 0, 0] += 7
    return _report(tmp_path_factory.mktemp("plain"), original, perturbed)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def _open(page: Browser, path: Path) -> None:
    page.open(path)
    page.evaluate("document.getElementById('viewer').focus()")
    page.wait(
        "[...document.querySelectorAll('.viewer img[src]')].every(image => image.naturalWidth)"
    )


def _press(page: Browser, key: str, times: int) -> None:
    for _ in range(times):
        page.press(key)


def _pixels(page: Browser, pane: str) -> NDArray[np.uint8]:
    """What the screen shows of a pane's picture, one pixel a pixel, (3, H, W)."""
    image = f"document.querySelector('[data-pane={pane}] img')"
    page.evaluate(f"{image}.scrollIntoView({{ block: 'center' }})")
    x, y, scale = page.evaluate(
        f"(box => [box.x, box.y, box.width / {WIDTH}])({image}.getBoundingClientRect())"
    )
    shot = page.call("Page.captureScreenshot", format="png")
    screen = decode_image(base64.b64decode(shot["data"]), "screenshot").pixels[:3]
    rows = np.floor(y + scale * (np.arange(HEIGHT) + 0.5)).astype(int)
    columns = np.floor(x + scale * (np.arange(WIDTH) + 0.5)).astype(int)
    return np.asarray(screen[:, rows[:, None], columns])


def _window(page: Browser, centre: float, width: float) -> None:
    page.evaluate(
        f"""for (const [name, value] of [["width", {width}], ["centre", {centre}]]) {{
          const slider = document.querySelector(`[data-${{name}}]`);
          slider.value = value;
          slider.dispatchEvent(new Event("input"));
        }}"""
    )


@pytest.mark.parametrize("window", [(25_000.0, 10_000.0), (22_000.0, 400.0)])
@pytest.mark.parametrize(("pane", "more"), [("before", 0), ("after", 3)])
def test_sixteen_bits_are_shown_in_the_window_that_is_set(
    page: Browser, deep: Path, window: tuple[float, float], pane: str, more: int
) -> None:
    centre, width = window
    _open(page, deep)
    _window(page, centre, width)
    values = RAMP[0].astype(float) + more
    wanted = (255 * (values - centre + width / 2) / width).clip(0, 255)
    shown = _pixels(page, pane)
    for channel in shown:
        np.testing.assert_allclose(channel, wanted, atol=1.0)
    assert len(np.unique(shown)) > 30


def test_w_resets_the_window_to_the_originals_percentiles(page: Browser, deep: Path) -> None:
    _open(page, deep)
    before = _pixels(page, "before")
    _window(page, 22_000, 400)
    assert (_pixels(page, "before") != before).any()
    page.evaluate("document.getElementById('viewer').focus()")
    page.press("w")
    np.testing.assert_array_equal(_pixels(page, "before"), before)
    low, high = np.percentile(RAMP, (1, 99))
    wanted = (255 * (RAMP[0] - low) / (high - low)).clip(0, 255)
    np.testing.assert_allclose(before[0], wanted, atol=1.0)


def test_eight_bits_have_a_window_too(page: Browser, plain: Path) -> None:
    _open(page, plain)
    before = _pixels(page, "before").astype(float)
    _window(page, 100, 50)
    wanted = (255 * (before - 75) / 50).clip(0, 255)
    np.testing.assert_allclose(_pixels(page, "before"), wanted, atol=1.0)


def test_one_level_is_red_or_blue_when_the_difference_is_amplified(
    page: Browser, plain: Path
) -> None:
    _open(page, plain)
    shown = _pixels(page, "difference")
    assert list(shown[:, 0, 0]) == [255, 0, 0]
    assert shown[1, 5, 5] == pytest.approx(255 * 7 / 8, abs=1)
    _press(page, "d", 3)
    assert page.evaluate("document.querySelector('[data-most]').textContent") == "+1 level"
    shown = _pixels(page, "difference")
    assert (np.abs(shown[:, 5, :20].T - np.array([255.0, 0, 0])) <= 4).all()
    assert (np.abs(shown[:, 5, 20:30].T - np.array([0.0, 0, 255])) <= 4).all()
    assert (shown[:, 5, 30:] == 255).all()


def test_thirty_two_times_and_the_middle_stays(page: Browser, plain: Path) -> None:
    _open(page, plain)
    _press(page, "+", 9)
    assert page.evaluate("document.querySelector('[data-scale]').textContent") == "32 ×"
    widths = "[...document.querySelectorAll('.viewer img[src]')].map((image) => image.clientWidth)"
    assert set(page.evaluate(widths)) <= {32 * WIDTH, 0}
    middle = (
        "(pane => (pane.scrollLeft + pane.clientWidth / 2) / pane.scrollWidth)"
        "(document.querySelector('[data-pane=before] .pane'))"
    )
    page.evaluate("document.querySelector('[data-pane=before] .pane').scrollLeft = 250")
    there = page.evaluate(middle)
    page.press("-")
    assert page.evaluate(middle) == pytest.approx(there, abs=0.02)


def test_a_drag_moves_all_pictures_together(page: Browser, plain: Path) -> None:
    _open(page, plain)
    _press(page, "+", 9)
    page.evaluate("document.querySelector('[data-pane=after]').scrollIntoView()")
    x, y = page.evaluate(
        "(box => [box.x + 200, box.y + 200])"
        "(document.querySelector('[data-pane=after] .pane').getBoundingClientRect())"
    )
    scrolled = (
        "[...document.querySelectorAll('.pane')].filter((pane) => pane.clientWidth)"
        ".map((pane) => [pane.scrollLeft, pane.scrollTop])"
    )
    start = page.evaluate(scrolled)[0]
    for kind, dx, dy, buttons in (
        ("mouseMoved", 0, 0, 0), ("mousePressed", 0, 0, 1), ("mouseMoved", -60, -30, 1),
        ("mouseReleased", -60, -30, 0),
    ):  # fmt: skip
        page.call(
            "Input.dispatchMouseEvent", type=kind, x=x + dx, y=y + dy, button="left",
            buttons=buttons, clickCount=1,
        )  # fmt: skip
    moved = f"{scrolled}[0].map((place, axis) => Math.round(place - {start}[axis]))"
    page.wait(f"String({moved}) === '60,30'")
    page.wait(f"new Set({scrolled}.slice(0, 2).map(String)).size === 1")
