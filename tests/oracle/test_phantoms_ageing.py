"""The ageing phantom has the volumes that were published, and says truly which it has."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest

from plexor.cases.phantoms.ageing import (
    REGIONS,
    AgeingConfig,
    draw_person,
    scan,
    scan_with_shares,
)
from plexor.cases.phantoms.ageing.deformation import fitted, velocities, warp
from plexor.cases.phantoms.ageing.norms import AGES, LOG_RATIO, log_ratios
from plexor.cases.phantoms.ageing.template import template
from plexor.core.errors import MissingExtraError, PlanError

MM = 6
CONFIG = AgeingConfig(spacing_mm=MM)
needs_template = pytest.mark.skipif(
    importlib.util.find_spec("nilearn") is None,
    reason="nilearn is not installed; pip install -c constraints.txt -e '.[neuro]'",
)


def test_expected_volumes_are_the_published_ratios() -> None:
    for place, age in enumerate(AGES):
        ours = log_ratios(age) - log_ratios(40)
        assert ours == pytest.approx([row[place] for row in LOG_RATIO.values()])
    assert log_ratios(55)[0] == pytest.approx((log_ratios(50)[0] + log_ratios(60)[0]) / 2)


@needs_template
def test_the_template_is_cut_into_regions_that_do_not_overlap() -> None:
    basis = template(MM)
    total = basis.fluid + basis.grey + basis.white + basis.skull + basis.scalp
    assert total.min() > -1e-3
    assert total.max() < 1.1
    assert np.sum(list(basis.regions.values()), axis=0).max() < 1.01
    assert 850 < basis.millilitres(basis.grey) < 1150
    assert 550 < basis.millilitres(basis.white) < 750
    assert 4 < basis.millilitres(basis.regions["hippocampi"]) < 10


@needs_template
@pytest.mark.parametrize("age", [20, 60, 90])
def test_regions_get_the_volumes_asked_for(age: float) -> None:
    before = warp(np.zeros_like(velocities(MM)[0]), MM).volumes
    found = fitted(log_ratios(age), MM)
    assert np.log(found.volumes / before) == pytest.approx(log_ratios(age), abs=0.05)


@needs_template
def test_a_deformation_folds_nowhere() -> None:
    shift = fitted(log_ratios(90), MM).shift
    gradient = np.stack([np.stack(np.gradient(one)) for one in shift])
    jacobian = np.moveaxis(gradient, (0, 1), (-2, -1)) + np.eye(3)
    assert np.linalg.det(jacobian).min() > 0


@needs_template
def test_the_true_volumes_are_those_of_the_tissue_drawn() -> None:
    person = draw_person(np.random.default_rng(3), 70, CONFIG)
    grey = sum(person.volumes_ml[name] for name in REGIONS if name.endswith("grey"))
    basis = template(MM)
    drawn = basis.millilitres(person.tissues[1]) * person.cavity_ml / 1886
    assert 0.75 * drawn < grey + person.volumes_ml["hippocampi"] < drawn  # the rest is deep grey


@needs_template
@pytest.mark.parametrize("age", [25, 88])
def test_the_true_shares_of_a_scan_sum_to_the_true_volumes(age: int) -> None:
    """Of every region within 4 %, which interpolation twice takes or adds, and of the cavity."""
    generator = np.random.default_rng(age)
    person = draw_person(generator, age, CONFIG)
    alone = scan(np.random.default_rng(1), person, CONFIG)
    phantom, shares = scan_with_shares(np.random.default_rng(1), person, CONFIG)
    assert np.array_equal(alone.pixels, phantom.pixels)
    assert shares.shape == (len(REGIONS) + 1, *phantom.pixels.shape[1:])
    assert shares.sum(axis=0).max() < 1.001
    ml = shares.sum(axis=(1, 2, 3), dtype=np.float64) * MM**3 / 1000
    assert ml[:-1] == pytest.approx(list(person.volumes_ml.values()), rel=0.04)
    # the skull has room for a rim of fluid that the intracranial volume does not count
    assert ml.sum() == pytest.approx(1.10 * person.cavity_ml, rel=0.01)
    white = shares[REGIONS.index("white_matter")] > 0.95
    fluid = shares[REGIONS.index("ventricles")] > 0.6
    assert np.median(phantom.pixels[0][white]) > 2 * np.median(phantom.pixels[0][fluid])


@needs_template
def test_people_of_one_age_differ_as_published_and_no_further() -> None:
    ages = np.linspace(25, 85, 12)
    people = [draw_person(np.random.default_rng([1, i]), age, CONFIG) for i, age in enumerate(ages)]
    share = np.log([p.volumes_ml["ventricles"] / p.cavity_ml for p in people])
    expected = np.array([log_ratios(age)[0] for age in ages])
    residual = share - share.mean() - (expected - expected.mean())
    assert 0.2 < residual.std() < 0.6  # published: 0.37
    assert np.corrcoef(share, expected)[0, 1] > 0.5


@needs_template
def test_a_seed_gives_one_scan_and_a_person_several() -> None:
    def taken(seed: int, n: int) -> list[np.ndarray]:
        generator = np.random.default_rng(seed)
        person = draw_person(generator, 50, CONFIG)
        return [scan(generator, person, CONFIG).pixels for _ in range(n)]

    one, again = taken(5, 2), taken(5, 2)
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one[0], one[1])
    assert not np.array_equal(one[0], taken(6, 1)[0])
    assert one[0].dtype == np.int16


def test_without_nilearn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nilearn", None)
    with pytest.raises(MissingExtraError, match=r"plexor\[neuro\]"):
        template(5)


@pytest.mark.parametrize(
    "wrong",
    [{"spacing_mm": 0.5}, {"youngest": 10}, {"oldest": 95}, {"n_scanners": 0}, {"grain": -1}],
)
def test_configurations_without_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(PlanError, match="ageing"):
        AgeingConfig(**wrong)  # type: ignore[arg-type]
