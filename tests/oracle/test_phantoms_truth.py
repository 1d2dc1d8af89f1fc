"""What a phantom says of itself is what can be measured in its pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from plexor.cases.phantoms import (
    TISSUES,
    BrainConfig,
    LesionConfig,
    RadiographConfig,
    brain,
    draw_chest,
    draw_head,
    draw_spot,
    lesion,
    radiograph,
)
from plexor.cases.phantoms.chest import LABELS
from plexor.cases.phantoms.marker import letters
from plexor.cases.phantoms.radiography import draw_film, render


def box(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@pytest.mark.parametrize(
    ("presence", "right"), [((0.2, 0.9), (0.7, 0.1)), ((1.0, 0.0), (0.0, 1.0))]
)
def test_markers_are_as_frequent_as_the_configuration_says(
    presence: tuple[float, float], right: tuple[float, float]
) -> None:
    config = RadiographConfig(marker_presence=presence, marker_right=right)
    generator = np.random.default_rng(5)
    for which, label in enumerate(LABELS):
        markers = [draw_film(generator, label, config).marker for _ in range(2000)]
        n_present = sum(marker != "" for marker in markers)
        assert stats.binomtest(n_present, 2000, presence[which]).pvalue > 1e-4
        if n_present:
            n_right = markers.count("R")
            assert stats.binomtest(n_right, n_present, right[which]).pvalue > 1e-4


def test_the_marker_lies_in_its_box_and_can_be_read_there() -> None:
    generator = np.random.default_rng(2)
    config = RadiographConfig(marker_presence=(1, 1), marker_right=(0.5, 0.5))
    sides: set[str] = set()
    for _ in range(20):
        film = radiograph(generator, draw_chest(generator, "normal"), config)
        truth, mask = film.truth, film.masks["marker"]
        corners = [truth[f"marker_{edge}"] for edge in ("left", "top", "right", "bottom")]
        assert list(box(mask)) == corners
        marker, (left, top, *_) = str(truth["marker"]), box(mask)
        sides.add(marker)
        assert (left < 48) == (marker == "R")
        ink = film.pixels[0, top : top + 7, left : left + 5] > 240
        assert (ink[letters(marker, 1) > 0]).all()
    assert sides == {"L", "R"}


def test_an_opacity_brightens_the_film_where_its_mask_is_and_nowhere_else() -> None:
    generator = np.random.default_rng(4)
    config = RadiographConfig(marker_presence=(0, 0), bits=16)
    for _ in range(10):
        chest = draw_chest(generator, "opacity")
        assert chest.opacity is not None
        film = replace(draw_film(generator, "opacity", config), grain=0.0)
        ill = render(chest, film, config)
        well = render(replace(chest, opacity=None), film, config)
        added = (ill.pixels[0].astype(float) - well.pixels[0]) / 65535
        inside = ill.masks["opacity"] == 1
        assert (ill.label, well.label) == ("opacity", "normal")
        assert not well.masks["opacity"].any()
        assert added.min() >= 0
        assert added[inside].min() > 0.35 * 0.12 * 0.8
        assert added[inside].mean() > 5 * added[~inside].mean()
        columns = np.flatnonzero(inside.any(axis=0))
        assert ill.truth["opacity_side"] == ("right" if columns.mean() < 47.5 else "left")


def test_lesion_classes_differ_where_a_reader_looks() -> None:
    generator = np.random.default_rng(6)
    config = LesionConfig(hair=0, vignette=0)
    roughness, contrast = {}, {}
    for label in ("naevus", "melanoma", "keratosis"):
        pictures = [
            lesion(generator, draw_spot(generator, label, config), config) for _ in range(30)
        ]
        rough, spread = [], []
        for picture in pictures:
            inside = picture.masks["lesion"].astype(bool)
            edge = (inside[1:] ^ inside[:-1]).sum() + (inside[:, 1:] ^ inside[:, :-1]).sum()
            rough.append(edge / np.sqrt(inside.sum()))
            spread.append(picture.pixels[:, inside].std(axis=1).mean())
            assert picture.pixels[2][inside].mean() < picture.pixels[2][~inside].mean()
        roughness[label], contrast[label] = np.mean(rough), np.mean(spread)
    assert roughness["melanoma"] > roughness["keratosis"] > roughness["naevus"]
    assert contrast["melanoma"] > max(contrast["naevus"], contrast["keratosis"])


def test_brain_volumes_agree_with_the_mask_and_hardly_depend_on_the_voxel() -> None:
    fine, coarse = BrainConfig(shape=(90, 108, 90), spacing_mm=2.0), BrainConfig()
    head = draw_head(np.random.default_rng(1), 60.0)
    scans = [brain(np.random.default_rng(3), head, config) for config in (fine, coarse)]
    for name in ("csf", "cortex", "white_matter", "cerebellar_cortex", "brainstem"):
        known = [float(scan.truth[f"{name}_ml"]) for scan in scans]
        counted = (scans[0].masks["tissues"] == TISSUES.index(name)).sum() * 8 / 1000
        assert known[0] == pytest.approx(counted, rel=0.08)
        assert known[0] == pytest.approx(known[1], rel=0.08)
    whole = [float(scan.truth["intracranial_ml"]) for scan in scans]
    assert whole[0] == pytest.approx(whole[1], rel=0.01)
    parts = sum(float(ml) for name, ml in scans[0].truth.items() if name != "intracranial_ml")
    assert whole[0] == pytest.approx(parts, abs=0.01)


def test_a_brain_ages_without_scatter_where_there_is_no_spread() -> None:
    config = BrainConfig(spread=0)
    scans = [
        brain(np.random.default_rng(1), draw_head(np.random.default_rng(2), age, config), config)
        for age in (20.0, 40.0, 60.0, 75.0, 90.0)
    ]
    assert [scan.label for scan in scans] == [20.0, 40.0, 60.0, 75.0, 90.0]

    def volumes(name: str) -> list[float]:
        return [float(scan.truth[f"{name}_ml"]) for scan in scans]

    for name in ("lateral_ventricle_left", "lateral_ventricle_right", "third_ventricle", "csf"):
        assert (np.diff(volumes(name)) > 0).all()
    for name in ("cortex", "white_matter", "hippocampi"):
        assert (np.diff(volumes(name)) < 0).all()
    left = [(scan.masks["tissues"] == TISSUES.index("lateral_ventricle_left")) for scan in scans]
    assert all(np.argwhere(mask)[:, 0].mean() < 29.5 for mask in left)
    assert 2 < volumes("lateral_ventricle_left")[-1] / volumes("lateral_ventricle_left")[0] < 5
    assert np.ptp(volumes("intracranial")) < 0.01 * volumes("intracranial")[0]
