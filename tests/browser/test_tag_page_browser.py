"""The page that corrects boxes of tags, in a real browser: what is saved is exact."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.helpers.chromium import EXECUTABLE
from tests.helpers.tagged import burnt, tissue

from plexor.cases import Case, load_cohort
from plexor.cases.formats.png import PngCodec
from plexor.shortcuts.find import Box, Found, Tag, read_tags, write_tags
from plexor.shortcuts.page import write_page

pytest.importorskip("playwright")
pytestmark = pytest.mark.skipif(EXECUTABLE is None, reason="needs Chromium")

NAMES = ("wide.png", "odd.png", "none.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three films, of which the first is larger than it is shown, and their table of tags."""
    folder = tmp_path_factory.mktemp("films")
    wide, letter = burnt(tissue(900, 1500), "R", (40, 60))
    wide, text = burnt(wide, "KS", (1300, 70))
    odd, other = burnt(tissue(), "L", (20, 30))
    for name, film in zip(NAMES, (wide, odd, tissue()), strict=True):
        (folder / name).write_bytes(PngCodec().encode(film[None]))
    lines = ["path,label,group,id"]
    lines += [f"{n},{'ab'[i % 2]},p{i},film {i}" for i, n in enumerate(NAMES)]
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    tags = [
        (
            Tag(box=letter, kind="laterality", text="R", score=0.91),
            Tag(box=text, kind="text", text='=K, "S" </script>', score=0.7, mirrored=True, turns=1),
        ),
        (Tag(box=other, kind="laterality", text="L", score=0.8),),
        (),
    ]
    cases = load_cohort(folder / "manifest.csv").cases
    found = [Found(case=case, tags=these) for case, these in zip(cases, tags, strict=True)]
    write_tags(folder / "tags.csv", found, root=folder, show_text=True)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from tests.helpers.playwright_page import chromium

    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: Any, folder: Path) -> Iterator[Any]:
    from tests.helpers.playwright_page import DESK, opened

    written = write_page(cases(folder), folder / "tags.csv", folder / "page.html", root=folder)
    assert (written.n_images, written.n_beside, written.unread) == (3, 0, ())
    with opened(browser, written.page.as_uri(), **DESK) as there:
        there.wait_for_function("document.getElementById('picture').naturalWidth > 0")
        yield there


def cases(folder: Path) -> tuple[Case, ...]:
    return load_cohort(folder / "manifest.csv").cases


def saved(page: Any, tmp_path: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name="Save CSV").click()
    path = tmp_path / "saved.csv"
    download.value.save_as(path)
    assert download.value.suggested_filename == "tags.csv"
    return path


def boxes(path: Path) -> dict[str, list[Tag]]:
    return {name: list(tags) for name, tags in read_tags(path).items()}


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A drag between two places in pixels of the stored image."""
    frame = page.locator("#boxes").bounding_box()
    width, height = page.evaluate(
        "(() => { const box = document.getElementById('boxes').viewBox.baseVal;"
        " return [box.width, box.height]; })()"
    )
    places = [
        (frame["x"] + x / width * frame["width"], frame["y"] + y / height * frame["height"])
        for x, y in (start, end)
    ]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=4)
    page.mouse.up()


def test_a_page_saved_at_once_gives_the_same_bytes(page: Any, folder: Path, tmp_path: Path) -> None:
    assert saved(page, tmp_path).read_bytes() == (folder / "tags.csv").read_bytes()
    assert page.locator("b").count() == 0


def test_a_box_moved_by_mouse_is_moved_by_whole_pixels_of_the_stored_image(
    page: Any, folder: Path, tmp_path: Path
) -> None:
    before = boxes(folder / "tags.csv")
    letter = before["wide.png"][0].box
    middle = ((letter.x0 + letter.x1) / 2, (letter.y0 + letter.y1) / 2)
    drag(page, middle, (middle[0] + 211, middle[1] + 33))
    after = boxes(saved(page, tmp_path))
    moved = after["wide.png"][0]
    assert moved.box == Box(
        x0=letter.x0 + 211, y0=letter.y0 + 33, x1=letter.x1 + 211, y1=letter.y1 + 33
    )
    assert (moved.kind, moved.text, moved.score) == ("laterality", "R", 1.0)
    assert after["wide.png"][1:] == before["wide.png"][1:]
    assert {**after, "wide.png": []} == {**before, "wide.png": []}


def test_a_corner_resizes_and_the_image_bounds_it(page: Any, folder: Path, tmp_path: Path) -> None:
    letter = boxes(folder / "tags.csv")["wide.png"][0].box
    drag(page, (letter.x0, letter.y0), (letter.x0 - 15, letter.y0 - 500))
    found = boxes(saved(page, tmp_path))["wide.png"][0].box
    assert found == Box(x0=letter.x0 - 15, y0=0, x1=letter.x1, y1=letter.y1)


def test_keys_do_all_that_the_mouse_does(page: Any, folder: Path, tmp_path: Path) -> None:
    letter = boxes(folder / "tags.csv")["wide.png"][0].box
    for key in ("ArrowRight", "Shift+ArrowDown", "Control+ArrowRight", "Control+ArrowUp", "5"):
        page.keyboard.press(key)
    found = boxes(saved(page, tmp_path))["wide.png"][0]
    assert found.kind == "marker"
    assert found.box == Box(x0=letter.x0 + 1, y0=letter.y0 + 10, x1=letter.x1 + 2, y1=letter.y1 + 9)
    for _ in range(5):
        page.keyboard.press("u")
    assert saved(page, tmp_path).read_bytes() == (folder / "tags.csv").read_bytes()
    for _ in range(5):
        page.keyboard.press("y")
    assert boxes(saved(page, tmp_path))["wide.png"][0] == found


def test_boxes_are_deleted_and_drawn_and_none_is_a_row(
    page: Any, folder: Path, tmp_path: Path
) -> None:
    page.keyboard.press("n")
    page.keyboard.press("Delete")
    page.keyboard.press("n")
    assert "3 of 3" in page.locator("#position").inner_text()
    drag(page, (100, 50), (150, 90))
    page.keyboard.press("2")
    after = saved(page, tmp_path)
    found = boxes(after)
    assert found["odd.png"] == []
    (drawn,) = found["none.png"]
    assert (drawn.kind, drawn.score, drawn.turns) == ("text", 1.0, 0)
    for edge, wanted in zip(("x0", "y0", "x1", "y1"), (100, 50, 150, 90), strict=True):
        assert abs(getattr(drawn.box, edge) - wanted) <= 1  # a new box covers every pixel touched
    rows = {row["path"]: row for row in csv.DictReader(io.StringIO(after.read_text()))}
    assert (rows["odd.png"]["kind"], rows["odd.png"]["id"]) == ("none", "film 1")
    assert rows["none.png"]["id"] == "film 2"
    page.keyboard.press("u")
    page.keyboard.press("u")
    page.keyboard.press("u")
    assert saved(page, tmp_path).read_bytes() == (folder / "tags.csv").read_bytes()


def test_only_images_without_a_tag_are_shown_if_asked_for(page: Any) -> None:
    page.get_by_label("Show").select_option("none")
    page.get_by_role("button", name="Next").click()
    assert page.locator("#path").inner_text() == "none.png"
    assert page.get_by_role("button", name="Delete the box").is_disabled()


def test_images_beyond_the_bound_lie_beside_the_page(
    browser: Any, folder: Path, tmp_path: Path
) -> None:
    from tests.helpers.playwright_page import DESK, opened

    out = tmp_path / "small.html"
    written = write_page(cases(folder), folder / "tags.csv", out, root=folder, most_bytes=0)
    assert written.n_beside == 3
    assert out.stat().st_size < 60_000
    with opened(browser, out.as_uri(), **DESK) as page:
        page.wait_for_function("document.getElementById('picture').naturalWidth === 1000")


def test_nobody_is_kept_out(page: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python")
    source = Path(axe.__file__).with_name("axe.min.js").read_text()
    page.evaluate(source)
    found = page.evaluate("() => axe.run().then((result) => result.violations)")
    grave = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"][:80]) for one in grave] == []
