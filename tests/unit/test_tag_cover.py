"""Covering, isolating and exchanging tags, against what can be worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.helpers.tagged import as_image, burnt, inverted, tissue
from typer.testing import CliRunner

from plexor.cases import load_cohort, read_image
from plexor.cases.phantoms import RadiographConfig, write_phantoms
from plexor.cli.app import app
from plexor.core.errors import DataError
from plexor.shortcuts.cover import FILLS, Fill, control_boxes, cover, moved_boxes
from plexor.shortcuts.exchange import ASPECTS, cut, exchange
from plexor.shortcuts.find import Box, Tag
from plexor.shortcuts.isolate import boxes_alone, isolate, recentre

FILM, BOX = burnt(tissue(), "R", (20, 30), dot=4)
IMAGE = as_image(FILM)
OWN = Tag(box=BOX, kind="laterality", text="R")


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("fill", FILLS)
def test_a_cover_hides_the_strokes_and_leaves_the_rest(fill: Fill) -> None:
    covered = cover(IMAGE, [BOX], fill=fill, rng=rng())
    outside = np.ones(FILM.shape, dtype=bool)
    outside[BOX.grown(3).slices] = False
    np.testing.assert_array_equal(covered[0][outside], FILM[outside])
    strokes = FILM == 255
    assert covered[0][strokes].max() < 200
    if fill == "black":
        assert not covered[0][BOX.slices].any()


def test_inpainting_gives_back_a_smooth_surrounding() -> None:
    rows, columns = np.mgrid[:120, :160]
    plain = (60 + 0.5 * rows + 0.3 * columns).astype(np.uint8)
    film, box = burnt(plain, "R", (40, 50), dot=3)
    filled = cover(as_image(film), [box], fill="inpaint", rng=rng())
    assert np.abs(filled[0] - plain).max() < 2


def test_black_is_black_where_zero_is_white() -> None:
    covered = cover(inverted(FILM), [BOX], rng=rng())
    assert (covered[0][BOX.slices] == 255).all()


def test_boxes_outside_and_over_the_border_change_what_is_inside_only() -> None:
    beyond = Box(x0=-20, y0=-20, x1=4, y1=3)
    covered = cover(IMAGE, [beyond, Box(x0=900, y0=0, x1=950, y1=9)], rng=rng())
    assert (covered[0] != FILM).sum() == 12
    assert not covered[0][:3, :4].any()


def test_control_boxes_have_the_size_touch_nothing_and_lie_in_like_surroundings() -> None:
    film = np.where(np.arange(300) < 150, 40, 160).astype(np.uint8)[None].repeat(240, axis=0)
    box = Box(x0=20, y0=30, x1=40, y1=58)
    seen = set()
    draw = rng()
    for _ in range(20):
        (control,) = control_boxes(as_image(film), [box], rng=draw)
        assert (control.width, control.height) == (20, 28)
        assert not control.shared(box)
        assert control.x1 <= 150  # the half that is as dark
        seen.add(control)
    assert len(seen) > 10
    whole = Box(x0=0, y0=0, x1=300, y1=240)
    with pytest.raises(DataError, match="no place for a control"):
        control_boxes(as_image(film), [whole], rng=draw)


def test_moved_boxes_keep_their_size_and_stay_inside() -> None:
    (moved,) = moved_boxes(IMAGE, [BOX], rng=rng())
    assert (moved.width, moved.height) == (BOX.width, BOX.height)
    assert moved == moved.within(240, 300) != BOX


def test_tags_alone_and_boxes_alone() -> None:
    alone = isolate(IMAGE, [BOX])
    assert alone.sum() == FILM[BOX.slices].astype(float).sum()
    middle = recentre(IMAGE, [BOX])
    assert middle.sum() == alone.sum()
    rows, columns = np.nonzero(middle[0])
    assert abs(rows.mean() - 120) < 3
    assert abs(columns.mean() - 150) < 3
    blank = boxes_alone(IMAGE, [BOX])
    assert np.unique(blank).tolist() == [0, 127.5]
    assert (blank == 0).sum() == BOX.area
    assert not isolate(IMAGE, []).any()


def test_each_aspect_is_taken_from_the_donor_and_the_rest_kept() -> None:
    other, where = burnt(tissue(seed=1), "L", (200, 150), dot=6, brightness=240)
    donor = cut(as_image(other), Tag(box=where, kind="laterality", text="L"))
    own = cut(IMAGE, OWN)
    bare = cover(IMAGE, [BOX], fill="inpaint", rng=rng())
    for aspect in ASPECTS:
        made = exchange(IMAGE, OWN, donor, aspect, rng=rng())[0]
        strokes = np.argwhere(made - bare[0] > 40)
        if aspect == "presence":
            np.testing.assert_array_equal(made, bare[0])
            continue
        (top, left), (bottom, right) = strokes.min(0), strokes.max(0) + 1
        wide = where if aspect in ("whole", "size") else BOX
        at = where if aspect in ("whole", "position") else BOX
        assert bottom - top == pytest.approx(wide.height, abs=2)
        assert (top + bottom) / 2 == pytest.approx((at.y0 + at.y1) / 2, abs=1.5)
        assert (left + right) / 2 == pytest.approx((at.x0 + at.x1) / 2, abs=1.5)
        tone = 240 if aspect in ("whole", "brightness") else 255
        assert np.median(made[made - bare[0] > 40]) == pytest.approx(tone, abs=7)
    drawn_again = exchange(IMAGE, OWN, donor, "none", rng=rng())[0]
    np.testing.assert_allclose(drawn_again[FILM == 255], 255)
    assert own.shape.sum() == (FILM == 255).sum()


def test_an_image_without_a_tag_takes_a_whole_one_only() -> None:
    plain = as_image(tissue())
    donor = cut(IMAGE, OWN)
    put = exchange(plain, None, donor, "presence", rng=rng())
    np.testing.assert_array_equal(put[0], FILM)
    with pytest.raises(DataError, match="needs a tag"):
        exchange(plain, None, donor, "size", rng=rng())
    with pytest.raises(DataError, match="outside"):
        cut(plain, Tag(box=Box(x0=400, y0=0, x1=420, y1=9), kind="text"))


def test_the_commands_write_images_and_a_manifest_that_loads(tmp_path: Path) -> None:
    films = tmp_path / "films"
    config = RadiographConfig(height=200, width=200, marker_presence=(1, 1))
    write_phantoms("radiograph", films, n_cases=6, seed=1, config=config)
    table = tmp_path / "tags.csv"
    rows = ["path,x0,y0,x1,y1,kind"]
    cohort = load_cohort(films / "manifest.csv")
    for case in cohort.cases:
        box = ",".join(
            str(int(float(str(case.metadata[f"marker_{side}"]))))
            for side in ("left", "top", "right", "bottom")
        )
        rows.append(f"{case.id},{box},laterality")
    table.write_text("\n".join(rows) + "\n")
    run = CliRunner()
    for command in (
        ["cover"], ["cover", "--control", "--fill", "mean"], ["isolate"],
        ["isolate", "--show", "boxes"], ["transplant"], ["transplant", "--aspect", "position"],
    ):  # fmt: skip
        out = tmp_path / "-".join(command)
        done = run.invoke(
            app,
            ["shortcuts", *command[:1], str(films / "manifest.csv"), "--tags", str(table),
             "--out", str(out), *command[1:]],
        )  # fmt: skip
        assert done.exit_code == 0, done.output
        written = load_cohort(out / "manifest.csv")
        assert [case.id for case in written.cases] == [case.id for case in cohort.cases]
        for case, before in zip(written.cases, cohort.cases, strict=True):
            assert (case.truth, case.group, case.split) == (
                before.truth,
                before.group,
                before.split,
            )
            changed = read_image(case.path).pixels != read_image(before.path).pixels
            assert changed.any()
