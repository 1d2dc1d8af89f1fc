"""Planted tags: their association is as asked for, and a network that uses them is told from one
that does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripts.planted_tags.films import (
    ASPECTS,
    SIDE,
    Aspect,
    Planted,
    Pool,
    deal,
    phantoms,
    plant,
)
from scripts.planted_tags.network import FILLS, Setting, measured
from scripts.planted_tags.page import figure, named, page, results


@pytest.fixture(scope="module")
def pool() -> Pool:
    return phantoms(360)


def value_of(pool: Pool, films: Planted, aspect: Aspect, index: int) -> int:
    tag = films.tags[index]
    if aspect == "presence":
        return int(tag is not None)
    if aspect == "stratum":
        return int(films.stratum[index])
    assert tag is not None
    box = tag.box
    burnt = films.images[index].pixels[0] != pool.pixels[index]
    ink = np.median(films.images[index].pixels[0][burnt])
    return {
        "letter": int(tag.text == "L"),
        "position": int(box.x0 > SIDE / 2),
        "size": int(box.height > 7),
        "brightness": int(ink > 200),
    }[aspect]


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("aspect", [*ASPECTS, "stratum"])
def test_the_planted_association_is_exact(pool: Pool, aspect: Aspect, phi: float) -> None:
    """The phi coefficient, which for two halves is the difference of two shares."""
    films = plant(pool, np.arange(200), aspect, phi, np.random.default_rng(0))
    values = np.array([value_of(pool, films, aspect, index) for index in range(200)])
    found = np.corrcoef(values, films.positive)[0, 1]
    assert found == pytest.approx(phi, abs=0.011)
    if aspect in ("letter", "size"):
        other: Aspect = "position"
        others = np.array([value_of(pool, films, other, index) for index in range(200)])
        assert abs(np.corrcoef(others, films.positive)[0, 1]) < 0.2


def test_a_box_is_around_all_that_was_burnt_in(pool: Pool) -> None:
    films = plant(pool, np.arange(40), "letter", 0.5, np.random.default_rng(1))
    for index, (image, tag) in enumerate(zip(films.images, films.tags, strict=True)):
        assert tag is not None
        changed = image.pixels[0] != pool.pixels[index]
        rows, columns = np.nonzero(changed)
        box = tag.box
        assert (box.y0 <= rows).all()
        assert (rows < box.y1).all()
        assert (box.x0 <= columns).all()
        assert (columns < box.x1).all()


def test_no_patient_is_trained_on_and_tested() -> None:
    groups = np.repeat([f"p{i}" for i in range(40)], 3)
    positive = np.repeat(np.arange(40) % 2 == 1, 3)
    some = Pool(pixels=np.zeros((120, 4, 4), np.uint8), positive=positive, groups=groups)
    train, test = deal(some, (60, 30), np.random.default_rng(0))
    assert not set(groups[train]) & set(groups[test])
    assert (positive[train].sum(), positive[test].sum()) == (30, 15)
    with pytest.raises(ValueError, match="too few films: 30 of 150 are missing"):
        deal(some, (120, 30), np.random.default_rng(0))


def test_a_network_that_uses_a_planted_tag_is_told_and_the_aspect_named(pool: Pool) -> None:
    setting = Setting(films="phantoms", aspect="position", phi=0.9, seed=0)
    found = measured(setting, pool)
    assert found["inpaint"]["margin"][1] > 0.2
    assert named(found) == "position"
    assert found["effects"]["position"][1] > 0.5


def row(films: str, aspect: str, phi: float, seed: int) -> dict[str, Any]:
    """A network whose measured reliance is its planted association."""
    interval = [phi, phi - 0.1, phi + 0.1]
    measures = {"margin": interval, "correct": interval, "confounder": interval}
    effects = {other: [phi * (other == aspect), -0.1, 0.1] for other in ASPECTS}
    found: dict[str, Any] = {
        "films": films, "aspect": aspect, "phi": phi, "seed": seed, "area": 0.8,
        **dict.fromkeys(FILLS, measures), "effects": effects,
    }  # fmt: skip
    if aspect == "stratum":
        found |= {"effects": {}, "overall": interval, "within": [[0.5, 0.4, 0.6]]}
        found["balanced"] = {"area": 0.5, **dict.fromkeys(FILLS, measures)}
    return found


def test_the_page_says_what_was_measured() -> None:
    rows = [
        row("phantoms", aspect, phi, 0)
        for aspect in (*ASPECTS, "stratum")
        for phi in (0.0, 0.3, 0.6, 0.9)
    ]
    text = page(rows)
    assert "24 networks were trained (24 on phantoms)" in text
    assert "phantoms +1.00 with black and +1.00 with inpaint (20 networks)" in text
    assert "| phantoms | all five | 20 | +0.00 | +0.30 | +0.60 | +0.90 | +1.00 |" in text
    assert "| fall of the margin, inpaint | 5 | 0 | 0.0% |" in text
    assert "| phantoms | 0.9 | 5 | 5 |" in text
    assert "0 and 0 of 1" in text
    assert "{" not in text
    assert figure(rows).startswith("<?xml")


def test_finished_networks_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scripts.planted_tags import __main__ as command

    asked: list[str] = []

    def measure(setting: Setting, _pool: object) -> dict[str, Any]:
        asked.append(setting.name)
        return {"phi": setting.phi}

    monkeypatch.setattr(command, "measured", measure)
    monkeypatch.setattr(command, "phantoms", lambda _n: None)
    monkeypatch.setattr(command, "PHIS", (0.0, 0.9))
    monkeypatch.setattr("sys.argv", ["x", "--out", str(tmp_path), "--rounds", "1"])
    command.main()
    first = list(asked)
    assert len(first) == len(set(first)) == 6 * (3 + 1)
    lines = (tmp_path / "phantoms.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "phantoms.jsonl").write_text("".join(lines[:10]))
    (tmp_path / "phantoms-of-another-run.jsonl").write_text("".join(lines[8:12]))
    command.main()
    assert asked[len(first) :] == first[12:]
    assert sorted(row["name"] for row in results(tmp_path)) == sorted(first)
