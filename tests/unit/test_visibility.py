"""From rows with responses to the summary's visibility, and to the report's section."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.helpers import synthetic_run as synthetic
from tests.helpers import task_run
from tests.helpers.page import Page
from tests.helpers.summary_json import checked

from plexor.findings import Finding
from plexor.findings.run import RunDirectory
from plexor.findings.schema import CLEAN
from plexor.findings.summary import Summary, summarise
from plexor.findings.summary.class_results import ClassAttackResult, ClassPerformance
from plexor.findings.summary.estimate import StoredEstimate
from plexor.findings.summary.probe_summary import AttackSummary
from plexor.findings.summary.results import of_kind
from plexor.findings.summary.summary import CleanSummary
from plexor.findings.summary.visibility import crossings
from plexor.report import write_report
from plexor.visibility.channels import dense_dog
from plexor.visibility.energies import log_energies

PROBES = (synthetic.probe("pgd", "linf", (1, 2, 4), settings=synthetic.PGD),)
SHIFT = {"linf-1": 0.4, "linf-2": 0.8, "linf-4": 1.6}


def seen(rows: list[Finding], rng: np.random.Generator) -> list[Finding]:
    """The lossless rows as if three channels had looked: noise, and a shift by radius."""
    found = []
    for row in rows:
        if row.stored != "lossless":
            found.append(row)
            continue
        shift = next((s for name, s in SHIFT.items() if row.probe.endswith(name)), 0.0)
        shift *= 0.0 if row.probe.startswith("noise") else 1.0
        responses = rng.normal(0, 1, 3) + np.array([shift, 0.0, 0.0])
        psnr = math.inf if row.probe == CLEAN else 48 - 20 * math.log10(row.linf)
        moved = (
            [100, 0, 0] if row.probe == CLEAN else [10, 90, 0] if row.linf == 1 else [10, 30, 60]
        )
        levels = (*moved, 0, 0, 0, 0, 0, 0)
        found.append(replace(row, psnr=psnr, responses=tuple(responses.tolist()), levels=levels))
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    rng = np.random.default_rng(3)
    run = RunDirectory(tmp_path_factory.mktemp("visible"))
    settings = {"similarity": False, "observer": "dog", "colour": "each", "internal_noise": 0.0}
    run.open(synthetic.plan(PROBES) | {"visibility": settings}, {"model": "m"})
    cohort = synthetic.subjects(600, rng)
    for unit, rows in synthetic.findings_of(cohort, rng, PROBES).items():
        run.write_unit(unit, seen(rows, rng), [])
    run.write_provenance(synthetic.provenance(tuple(case.id for case in cohort)))
    return run


def test_the_summary_has_what_was_put_there(run: RunDirectory) -> None:
    summary = checked(summarise(run.plan(), run.provenance(), run.findings()))
    for probe in summary["probes"]:
        visible = probe["visibility"]
        observer = visible["observer"]
        shift = SHIFT[probe["id"].split("-", 1)[1]] if probe["kind"] == "attack" else 0.0
        assert observer["n_channels"] == 3
        assert observer["d_prime"]["value"] == pytest.approx(shift, abs=0.3)
        assert observer["d_prime"]["n_groups"] < visible["n_changed"]
        assert visible["psnr"]["value"] is not None
        assert visible["ssim"] is None
    (crossing,) = summary["visibility"]["crossings"]
    assert crossing["probes"] == ["pgd-linf-1", "pgd-linf-2", "pgd-linf-4"]
    assert 1.5 < crossing["d_prime"]["value"] < 3.6
    assert crossing["d_prime"]["low"] < crossing["d_prime"]["value"]


def test_an_image_of_a_few_pixels_is_left_out_and_counted(run: RunDirectory) -> None:
    """Its channels are larger than itself, and respond with NaN."""
    findings = run.findings()
    rows = (findings["probe"] == "pgd-linf-4") & (findings["stored"] == "lossless")
    first = findings.index[rows & (findings["l0"] > 0)][0]
    responses = list(findings["responses"])
    responses[findings.index.get_loc(first)] = np.full(3, np.nan)
    findings["responses"] = pd.Series(responses, index=findings.index)
    summary = checked(summarise(run.plan(), run.provenance(), findings))
    left_out = {p["id"]: p["visibility"]["observer"]["n_left_out"] for p in summary["probes"]}
    assert left_out.pop("pgd-linf-4") == 1
    assert set(left_out.values()) == {0}


def test_runs_without_measurements_have_no_visibility(tmp_path: Path) -> None:
    run = synthetic.write(tmp_path, n_cases=30, probes=PROBES)
    summary = summarise(run.plan(), run.provenance(), run.findings())
    assert summary.visibility is None
    assert "How visible?" not in write_report(tmp_path).read_text()


def test_the_report_says_how_far_numbers_were_moved(run: RunDirectory) -> None:
    lines = Page(write_report(run.path).read_text()).text.splitlines()
    start = lines.index("By how many levels the image's numbers were moved, lossless")
    assert lines[start + 1] == "Attack its goal Change allowed 0 ±1 ±2"
    for line, shares in zip(
        lines[start + 2 : start + 5], ("10 90 0", "10 30 60", "10 30 60"), strict=True
    ):
        found = " ".join(f"{share}.0 % ({share}.0–{share}.0)" for share in shares.split())
        assert line.endswith(found), line


def test_the_report_says_both_radii(run: RunDirectory) -> None:
    text = Page(write_report(run.path).read_text()).text
    assert "How visible?" in text
    assert "accuracy falls below one half at" in text
    assert "in 76 % of pairs (d' = 1) at" in text


def estimate(value: float | None) -> StoredEstimate:
    return StoredEstimate(
        value=value, low=value, high=value, level=0.95, method="", n=10, n_groups=5,
        variance=None, note="",
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(run: RunDirectory) -> Summary:
    return summarise(run.plan(), run.provenance(), run.findings())


def attacks(
    made: Summary, d_primes: list[float | None], accuracies: list[float]
) -> list[AttackSummary]:
    """The summary's three attacks with these figures."""
    found = []
    for probe, d_prime, accuracy in zip(made.attacks, d_primes, accuracies, strict=True):
        assert probe.visibility is not None
        assert probe.visibility.observer is not None
        observer = replace(
            probe.visibility.observer,
            d_prime=estimate(d_prime),
            d_prime_forced_choice=estimate(d_prime),
        )
        result = replace(of_kind(probe.lossless, ClassAttackResult), accuracy=estimate(accuracy))
        found.append(
            replace(
                probe,
                visibility=replace(probe.visibility, observer=observer),
                stored={"lossless": result},
            )
        )
    return found


def test_crossings_are_straight_between_radii(made: Summary) -> None:
    untouched = of_kind(made.clean.lossless, ClassPerformance)
    clean = CleanSummary(stored={"lossless": replace(untouched, accuracy=estimate(0.9))})
    (found,) = crossings(clean, attacks(made, [0.2, 0.6, 1.4], [0.8, 0.6, 0.3]))
    assert found.accuracy is not None
    assert found.d_prime.value == pytest.approx(3.0)
    assert found.accuracy.value == pytest.approx(2 + 2 / 3)
    (gap,) = crossings(clean, attacks(made, [0.2, None, 1.4], [0.4, 0.6, 0.3]))
    assert gap.accuracy is not None
    assert gap.d_prime.value == pytest.approx(3.0)
    assert gap.accuracy.value == pytest.approx(0.8)
    (never,) = crossings(clean, attacks(made, [0.2, 0.3, 0.4], [0.8, 0.6, 0.6]))
    assert never.d_prime.value is None
    assert never.d_prime.note == "not passed up to 4"
    (short,) = crossings(clean, attacks(made, [0.2, 0.3, None], [0.8, 0.6, 0.6]))
    assert short.d_prime.note == "not passed up to 2"
    (unknown,) = crossings(clean, attacks(made, [None, None, None], [0.8, 0.6, 0.6]))
    assert unknown.d_prime.value is None
    assert unknown.d_prime.note.startswith("not known")
    assert not crossings(clean, attacks(made, [0.2, 0.3, 0.4], [0.8, 0.6, 0.6])[:1])


def test_a_task_without_accuracy_has_no_radius_at_which_it_falls(
    made: Summary, tmp_path: Path
) -> None:
    other = task_run.write(tmp_path, task_run.AGE, task_run.DEVIATE, task_run.numbers("deviate"))
    ages = summarise(other.plan(), other.provenance(), other.findings())
    (found,) = crossings(ages.clean, attacks(made, [0.2, 0.6, 1.4], [0.8, 0.6, 0.3]))
    assert found.accuracy is None


def test_rows_are_kept_as_they_are(run: RunDirectory) -> None:
    findings: pd.DataFrame = run.findings()
    lossy = findings[findings["stored"] != "lossless"]
    assert lossy["psnr"].isna().all()
    assert (lossy["responses"].map(len) == 0).all()


def test_a_channel_that_passes_nothing_of_a_small_image_has_no_energy() -> None:
    """Three by three pixels have no frequency as low as the lowest channels'; no warning either."""
    channels = dense_dog()
    found = log_energies(np.full((3, 3), 7.0), channels, rounding=1.0)
    assert found.shape == (len(channels),)
    assert not np.isinf(found).any()
    assert np.isfinite(log_energies(np.full((64, 64), 7.0), channels, rounding=1.0)).all()
