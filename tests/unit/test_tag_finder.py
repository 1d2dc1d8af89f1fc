"""The finder on films whose tags were burnt in by the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from tests.helpers.tagged import as_image, burnt, inverted, tissue
from tests.helpers.tiny import image

from plexor.cases import Case, load_cohort
from plexor.cases.phantoms import RadiographConfig, write_phantoms
from plexor.core.errors import DataError, MissingExtraError
from plexor.shortcuts.find import (
    Box,
    Finder,
    RapidOcr,
    Read,
    Tag,
    agreement,
    brightness,
    census,
    read_tags,
    reader,
    search,
    stroke_mask,
    tags_of_cases,
    write_tags,
)
from plexor.shortcuts.find.ocr import Reader
from plexor.shortcuts.find.strokes import Plane
from plexor.shortcuts.find.words import kind_of_text


@dataclass(frozen=True)
class Says:
    """A reader that always reads the same."""

    text: str
    score: float = 0.99
    found: tuple[Read, ...] = field(default=())

    def read(self, plane: Plane, tags: Sequence[Tag]) -> list[Read]:
        return [Read(text=self.text, score=self.score) for _ in tags]

    def search(self, plane: Plane) -> list[Read]:
        return list(self.found)


@pytest.mark.parametrize("side", ["L", "R"])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_letter_is_found_in_every_position_of_a_film(
    side: str, mirrored: bool, turns: int
) -> None:
    film, box = burnt(tissue(), side, (20, 30), dot=4, mirrored=mirrored, turns=turns)
    (tag,) = Finder()(as_image(film))
    assert (tag.kind, tag.text, tag.box) == ("laterality", side, box)
    if side == "R":  # an L that is mirrored and turned by a quarter is a turned L
        assert (tag.mirrored, tag.turns) == (mirrored, turns)


@pytest.mark.parametrize("how", ["8 bits", "monochrome1", "colour", "16 bits", "black on white"])
def test_a_letter_is_found_however_the_film_is_stored(how: str) -> None:
    film, box = burnt(tissue(), "R", (250, 30), dot=4)
    stored = {
        "8 bits": as_image(film),
        "monochrome1": inverted(film),
        "colour": as_image(np.stack([film] * 3)),
        "16 bits": image((film.astype(np.uint16) * 16)[None]),
        "black on white": as_image(255 - film),
    }[how]
    (tag,) = Finder()(stored)
    assert (tag.text, tag.box) == ("R", box)


def test_a_film_without_a_tag_has_none_and_tiny_ones_are_taken() -> None:
    assert Finder()(as_image(tissue())) == []
    assert Finder()(as_image(np.zeros((8, 8), np.uint8))) == []
    assert Finder()(as_image(np.full((64, 64), 7, np.uint8))) == []


def test_edges_of_a_collimator_and_shutters_are_no_tags() -> None:
    film = tissue()
    film[:, :25] = 0
    film[:12] = 255
    film[:, 280:283] = 255
    assert Finder()(as_image(film)) == []


def test_a_line_of_text_is_one_box_and_ticks_are_a_scale() -> None:
    film, box = burnt(tissue(), "TAP", (200, 200), dot=2)
    for row in range(20, 220, 25):
        film[row, :6] = 255
    scale, text = Finder()(as_image(film))
    assert (text.kind, text.box) == ("text", box)
    assert (scale.kind, scale.box) == ("scale", Box(x0=0, y0=20, x1=6, y1=196))


def test_what_a_reader_says_decides_the_kind_and_doubts_lower_the_score() -> None:
    film, _ = burnt(tissue(), "TAP", (200, 200), dot=2)
    (form,) = Finder()(as_image(film))
    kinds = {
        text: Finder(reader=Says(text))(as_image(film), identifiers=["Tapley^Ann"])[0].kind
        for text in ("TAP", "17:13:03", "TAPLEY")
    }
    assert kinds == {"TAP": "text", "17:13:03": "time", "TAPLEY": "identifier"}
    (doubted,) = Finder(reader=Says(""), least=0)(as_image(film))
    assert doubted.score == pytest.approx(0.75 * form.score, abs=1e-3)


def test_the_search_of_the_whole_image_adds_what_has_no_strokes() -> None:
    film, box = burnt(tissue(), "R", (20, 30), dot=4)
    elsewhere = Box(x0=150, y0=150, x1=190, y1=170)
    reader = Says("R", found=(Read(text="R", score=0.99, box=box),
                              Read(text="KV 70", score=0.99, box=elsewhere)))  # fmt: skip
    found = Finder(reader=reader, search="whole")(as_image(film))
    assert [(tag.kind, tag.box) for tag in found] == [("laterality", box), ("text", elsewhere)]


def test_dates_are_times_and_decimals_are_not() -> None:
    said = ("2020-01-02", "02.01.2020", "8:05", "mAs:2.88", "L", "Right", "R2")
    assert [kind_of_text(text) for text in said] == [
        "time", "time", "time", "text", "laterality", "laterality", "text"
    ]  # fmt: skip


def test_strokes_are_the_letters_pixels_and_a_box_outside_has_none() -> None:
    film, box = burnt(tissue(), "R", (20, 30), dot=4)
    plane = brightness(as_image(film))
    strokes = stroke_mask(plane, box.grown(3))
    np.testing.assert_array_equal(strokes, film == 255)
    assert not stroke_mask(plane, Box(x0=400, y0=0, x1=420, y1=20)).any()
    faint = Box(x0=100, y0=100, x1=110, y1=105)
    assert stroke_mask(brightness(as_image(np.full((200, 200), 9, np.uint8))), faint).sum() == 50


def test_volumes_are_refused() -> None:
    with pytest.raises(DataError, match="2D"):
        Finder()(image(np.zeros((1, 8, 8, 8), np.uint8)))


def test_precision_and_recall_count_each_box_once() -> None:
    box = Box(x0=0, y0=0, x1=10, y1=10)
    away = Box(x0=50, y0=50, x1=60, y1=60)
    one, other = Tag(box=box, kind="laterality"), Tag(box=away, kind="text")
    near = Tag(box=Box(x0=1, y0=0, x1=11, y1=10), kind="laterality")
    found = {"a": [one, near], "b": [], "c": [other], "d": []}
    drawn = {"a": [one], "b": [other], "c": [], "d": []}
    got = agreement(found, drawn)
    assert got.precision.value == pytest.approx(1 / 3)
    assert got.recall.value == 0.5
    assert got.image_precision.value == 0.5
    assert got.image_recall.value == 0.5
    assert got.image_specificity.value == 0.5
    assert agreement(found, drawn, kinds=["laterality"]).precision.value == 0.5
    assert np.isnan(agreement({}, {"d": []}).recall.value)
    moved = {"a": [Tag(box=box, kind="text")]}
    assert agreement(moved, {"a": [one]}).recall.value == 1
    assert agreement(moved, {"a": [one]}, same_kind=True).recall.value == 0


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    config = RadiographConfig(height=270, width=270, marker_presence=(0.5, 0.9))
    write_phantoms("radiograph", folder, n_cases=8, seed=3, config=config,
                   file_format="dicom-monochrome1")  # fmt: skip
    return folder


def test_a_table_holds_every_image_and_hides_what_tags_say(films: Path, tmp_path: Path) -> None:
    cohort = load_cohort(films / "manifest.csv")
    found = list(search(cohort.cases, Finder()))
    broken = Case(id="x", path=films / "absent.dcm", truth="normal", group="x")
    found += search([broken], Finder())
    assert found[-1].error
    write_tags(tmp_path / "tags.csv", found, root=films)
    read = read_tags(tmp_path / "tags.csv")
    assert len(read) == len(cohort)
    back = tags_of_cases(read, cohort.cases, films, table="tags.csv")
    for one in found[:-1]:
        assert [tag.box for tag in back[one.case.id]] == [tag.box for tag in one.tags]
    with pytest.raises(DataError, match="not in it"):
        tags_of_cases(read, [broken], films, table="tags.csv")
    text = Tag(box=Box(x0=0, y0=0, x1=9, y1=9), kind="text", text="DOE")
    hidden = [type(found[0])(case=found[0].case, tags=(text,))]
    write_tags(tmp_path / "hidden.csv", hidden, root=films)
    assert "DOE" not in (tmp_path / "hidden.csv").read_text()
    write_tags(tmp_path / "hidden.csv", hidden, root=films, show_text=True)
    assert "DOE" in (tmp_path / "hidden.csv").read_text()


def test_phantom_markers_are_found_and_counted_by_label(films: Path) -> None:
    cohort = load_cohort(films / "manifest.csv")
    found = list(search(cohort.cases, Finder()))
    marked = {one.case.id: bool(one.tags) for one in found}
    missed = [case.id for case in cohort.cases if bool(case.metadata["marker"]) != marked[case.id]]
    assert len(missed) <= 1  # an L on a bright shoulder
    for one in found:
        sides = {tag.text for tag in one.tags if tag.kind == "laterality"}
        assert sides <= {one.case.metadata["marker"]}
    rows = {row.kind: row for row in census({one.case.id: one.tags for one in found}, cohort.cases)}
    for label in ("normal", "opacity"):
        here = [marked[case.id] for case in cohort.cases if case.truth == label]
        assert rows["any tag"].share[label].value == pytest.approx(np.mean(here))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("path,x0,y0,x1,y1\n", "no 'kind'"),
        ("path,x0,y0,x1,y1,kind\na,1,1,5,5,badge\n", "unknown kind 'badge'"),
        ("path,x0,y0,x1,y1,kind\na,1,1,1,5,text\n", "x0 < x1"),
        ("path,x0,y0,x1,y1,kind\na,1,1,p,5,text\n", "numbers of pixels"),
        ("path,x0,y0,x1,y1,kind\na,1,1,nan,5,text\n", "numbers of pixels"),
    ],
)
def test_a_table_that_is_none_is_refused(rows: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(rows)
    with pytest.raises(DataError, match=message):
        read_tags(tmp_path / "t.csv")


def test_a_table_of_another_program_is_read(films: Path, tmp_path: Path) -> None:
    cohort = load_cohort(films / "manifest.csv")
    first, *others = cohort.cases
    rows = [f"text,{first.path.resolve()},0.9,1.2,10.7,20.1,me"]
    rows += [f"none,{case.path.resolve()},,,,,me" for case in others]
    table = tmp_path / "t.csv"
    table.write_text("\n".join(["kind,path,x0,y0,x1,y1,reader", *rows]) + "\n")
    tags = tags_of_cases(read_tags(table), cohort.cases, films, table="t.csv")
    (tag,) = tags[first.id]
    assert tag.box == Box(x0=0, y0=1, x1=11, y1=21)
    assert not any(tags[case.id] for case in others)


@pytest.mark.skipif(reader() is None, reason="the extra ocr is not installed")
def test_a_whole_film_is_searched_after_lines_were_read() -> None:
    film, box = burnt(tissue(), "R", (20, 30), dot=4)
    ocr = RapidOcr()
    (tag,) = Finder(reader=ocr)(as_image(film))
    assert tag.box == box
    assert [one.box for one in Finder(reader=ocr, search="whole")(as_image(film))] == [box]


def test_a_reader_that_is_not_installed_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rapidocr", None)
    absent: Reader = RapidOcr()
    film, box = burnt(tissue(), "R", (20, 30), dot=4)
    tag = Tag(box=box, kind="laterality")
    with pytest.raises(MissingExtraError, match=r"plexor\[ocr\]"):
        absent.read(brightness(as_image(film)), [tag])
