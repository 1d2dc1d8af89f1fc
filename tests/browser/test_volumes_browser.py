"""The viewer of three planes in a real browser: what is drawn is what was stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.helpers import volume_run
from tests.helpers.chromium import EXECUTABLE, Browser, browser

from plexor.cases.formats.nifti import decode_nifti
from plexor.report import write_report
from plexor.report.picture import window

pytestmark = pytest.mark.skipif(EXECUTABLE is None, reason="needs Chromium")

FOCUS = "document.getElementById('planes').focus()"
READ = """(figure => {{
  const canvas = figure.querySelector('canvas');
  const {{ data }} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return [canvas.width, canvas.height, [...data]];
}})(document.querySelector('figure[data-version="{version}"][data-plane="{plane}"]'))"""
VOXEL = "document.querySelector('[data-voxel]').textContent"
GAIN = "document.querySelector('[data-gained]').textContent"
LETTERS = """[...document.querySelectorAll('figure[data-version="before"][data-plane="{}"] b')]
  .map(letter => letter.textContent)"""
SLIDER = "document.querySelector('[data-slice=\"{}\"]').value"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = volume_run.write(tmp_path_factory.mktemp("run"), dtype="int16", n_cases=2, to_left=True)
    return write_report(run.path)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def viewer(page: Browser, report: Path) -> Browser:
    page.open(report)
    page.wait("!document.getElementById('planes').hidden")
    page.evaluate(FOCUS)
    return page


def drawn(page: Browser, version: str, plane: int, *, channel: int | None = 0) -> NDArray[Any]:
    """Levels of a slice as the browser holds them, (height, width), of one channel or of all."""
    width, height, levels = page.evaluate(READ.format(version=version, plane=plane))
    shown = np.array(levels).reshape(height, width, 4)
    return shown if channel is None else shown[..., channel]


def stored() -> tuple[NDArray[Any], NDArray[Any], float, float]:
    """Original and perturbed to right, anterior, superior, and the window."""
    original, perturbed = volume_run.pixels("int16")
    image = decode_nifti(volume_run.nifti(original, to_left=True, placed=True))
    black, white, _ = window(image)
    return original[::-1], perturbed[::-1], black, white


def grey(values: NDArray[Any], black: float, white: float) -> NDArray[Any]:
    """Levels of a window; halves are rounded up, as in JavaScript."""
    return np.floor(255 / (white - black) * (values - black) + 0.5).clip(0, 255)


def test_each_plane_shows_its_slice_upright(viewer: Browser) -> None:
    original, perturbed, black, white = stored()
    x, y, z = (size // 2 for size in original.shape)
    for version, volume in (("before", original), ("after", perturbed)):
        for plane, slice_ in enumerate((volume[:, :, z], volume[:, y], volume[x])):
            upright = slice_.T[::-1]  # the later axis runs up, the earlier to the right
            np.testing.assert_array_equal(
                drawn(viewer, version, plane), grey(upright, black, white), err_msg=version
            )


def test_the_difference_is_amplified_as_it_says(viewer: Browser) -> None:
    original, perturbed, black, white = stored()
    for presses in ("g", "G", "G"):
        viewer.press(presses)
        gain = float(viewer.evaluate(GAIN).split()[0])
        change = (perturbed.astype(float) - original)[:, :, original.shape[2] // 2].T[::-1]
        paler = (255 - 2 * gain * 255 / (white - black) * np.abs(change)).clip(0, 255)
        shown = drawn(viewer, "difference", 0, channel=None)
        for channel, whole in ((0, change > 0), (1, change == 0), (2, change < 0)):
            expected = np.where(whole, 255, paler)
            assert np.abs(shown[..., channel] - expected).max() <= 0.6


def test_the_window_can_be_set_and_reset(viewer: Browser) -> None:
    original, _, black, white = stored()
    upright = original[:, :, original.shape[2] // 2].T[::-1]
    centre, width = black + 0.3 * (white - black), 0.2 * (white - black)
    viewer.evaluate(
        f"""for (const [name, value] of [["middle", {centre}], ["span", {width}]]) {{
          const slider = document.querySelector(`[data-${{name}}]`);
          slider.value = value;
          slider.dispatchEvent(new Event("input"));
        }}"""
    )
    expected = grey(upright, centre - width / 2, centre + width / 2)
    assert np.abs(drawn(viewer, "before", 0) - expected).max() <= 1
    viewer.evaluate(FOCUS)
    viewer.press("w")
    np.testing.assert_array_equal(drawn(viewer, "before", 0), grey(upright, black, white))


def test_the_wheel_and_the_keys_go_through_the_slices(viewer: Browser) -> None:
    original, _, black, white = stored()
    z = original.shape[2] // 2
    viewer.evaluate(
        "document.querySelector('figure[data-plane=\"0\"] .slice')"
        ".dispatchEvent(new WheelEvent('wheel', { deltaY: -80, cancelable: true }))"
    )
    assert viewer.evaluate(SLIDER.format(0)) == str(z + 2)
    np.testing.assert_array_equal(
        drawn(viewer, "before", 0), grey(original[:, :, z + 2].T[::-1], black, white)
    )
    viewer.press("ArrowDown")
    assert viewer.evaluate(SLIDER.format(0)) == str(z + 1)
    for key, plane, axis, by in (
        ("PageUp", 1, 1, 1), ("ArrowRight", 2, 0, 1), ("ArrowLeft", 2, 0, -1),
    ):  # fmt: skip
        before = int(viewer.evaluate(SLIDER.format(plane)))
        viewer.press(key)
        assert int(viewer.evaluate(SLIDER.format(plane))) == before + by, key
        assert 0 <= before < original.shape[axis]


def test_sides_are_named_and_change_with_the_convention(viewer: Browser) -> None:
    assert viewer.evaluate(LETTERS.format(0)) == ["L", "R", "A"]
    assert viewer.evaluate(LETTERS.format(2)) == ["P", "A", "S"]
    neurological = drawn(viewer, "before", 0)
    viewer.press("r")
    assert viewer.evaluate(LETTERS.format(0)) == ["R", "L", "A"]
    np.testing.assert_array_equal(drawn(viewer, "before", 0), neurological[:, ::-1])
    assert "Radiological" in viewer.evaluate(
        "document.querySelector('[data-sides]').selectedOptions[0].textContent"
    )


def test_the_crosshair_names_the_voxel_that_was_clicked(viewer: Browser) -> None:
    original, perturbed, _, _ = stored()
    for sides in ("neurological", "radiological"):
        viewer.evaluate(
            "(slice => { const box = slice.getBoundingClientRect(); slice.dispatchEvent("
            "new PointerEvent('pointerdown', { clientX: box.left + box.width * 2.5 / 12, "
            "clientY: box.top + box.height * 3.5 / 14, pointerId: 1 })); })"
            "((slice => { slice.setPointerCapture = () => {}; return slice; })"
            '(document.querySelector(\'figure[data-version="after"][data-plane="0"] .slice\')))'
        )
        x = 2 if sides == "neurological" else original.shape[0] - 3
        at = (x, original.shape[1] - 4, original.shape[2] // 2)
        before, after = int(original[at]), int(perturbed[at])
        assert f"{before} before, {after} after" in viewer.evaluate(VOXEL), sides
        viewer.press("r")


def test_another_case_keeps_the_probe_and_the_page_loads_nothing(viewer: Browser) -> None:
    viewer.evaluate(
        "(list => { list.selectedIndex = 1; list.dispatchEvent(new Event('change')); })"
        "(document.querySelector('[data-volume]'))"
    )
    assert viewer.evaluate("document.querySelector('[data-change]').value") == "0"
    assert viewer.evaluate("performance.getEntriesByType('resource').length") == 0
