"""Comparison of two runs: its figures are those of ``plexor.stats`` on the pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.helpers.two_runs import ATTACK, FAILED, write

from plexor.core.errors import PlanError, RunDirectoryError
from plexor.findings.comparison import ProbeDifference, RunComparison, compare_runs
from plexor.findings.comparison.pairing import _by_hash
from plexor.findings.run import RunDirectory
from plexor.findings.schema import CLEAN
from plexor.stats import clustered_mcnemar, mcnemar_test, paired_difference

N = 120


def outcomes(seed: int, share: float) -> list[str]:
    """ "nv" (right) or "mel"."""
    right = np.random.default_rng(seed).random(N) < share
    return ["nv" if one else "mel" for one in right]


def run(path: Path, seed: int, share: float, **rest: object) -> RunDirectory:
    given_: dict[str, list[str]] = {CLEAN: outcomes(seed, 0.9), ATTACK: outcomes(seed + 1, share)}
    return write(path, given_, truth=["nv"] * N, **rest)  # type: ignore[arg-type]


def of(found: RunComparison, probe: str) -> ProbeDifference:
    return next(one for one in found.probes if one.id == probe)


@pytest.mark.parametrize("grouped", [False, True])
def test_figures_are_those_of_the_pairs(tmp_path: Path, grouped: bool) -> None:
    groups = [f"g{i // 3}" for i in range(N)] if grouped else None
    a = run(tmp_path / "a", 0, 0.7, groups=groups)
    b = run(tmp_path / "b", 5, 0.5, groups=groups)
    attack = of(compare_runs(a, b), ATTACK)
    right_a, right_b = np.array(outcomes(1, 0.7)) == "nv", np.array(outcomes(6, 0.5)) == "nv"
    broken, mended = int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())
    assert (attack.n_broken, attack.n_mended) == (broken, mended)
    names = groups or [f"case-{i}" for i in range(N)]
    expected = paired_difference(right_a, right_b, names)
    assert (attack.difference.value, attack.difference.low, attack.difference.high) == (
        pytest.approx((expected.value, expected.low, expected.high))
    )
    test = clustered_mcnemar(right_a, right_b, names) if grouped else mcnemar_test(broken, mended)
    assert attack.test.p_value == pytest.approx(test.p_value)
    assert attack.p_holm == attack.test.p_value  # the only attack
    assert attack.difference.value == pytest.approx((mended - broken) / N)
    assert attack.verdict == "worse"
    assert len(attack.broken) == broken


def test_a_run_does_not_differ_from_itself(tmp_path: Path) -> None:
    a = run(tmp_path / "a", 3, 0.4)
    found = compare_runs(a, a)
    assert found.differences == ()
    assert found.same_model
    for probe in found.probes:
        assert (probe.difference.value, probe.n_broken, probe.n_mended) == (0, 0, 0)
        assert (probe.broken, probe.mended, probe.verdict) == ((), (), "equal")
    assert {one.verdict for one in compare_runs(a, a, margin=0.05).probes} == {"within margin"}


def test_exchanged_runs_have_the_opposite_difference(tmp_path: Path) -> None:
    a, b = run(tmp_path / "a", 0, 0.7), run(tmp_path / "b", 5, 0.5)
    there, back = (of(one, ATTACK) for one in (compare_runs(a, b), compare_runs(b, a)))
    assert there.difference.value == pytest.approx(-(back.difference.value or 0))
    assert there.difference.low == pytest.approx(-(back.difference.high or 0))
    assert there.test.p_value == pytest.approx(back.test.p_value)
    assert (there.n_broken, there.verdict, back.verdict) == (back.n_mended, "worse", "better")


def test_pairs_are_found_by_hash_and_what_is_not_paired_is_told(tmp_path: Path) -> None:
    truth = ["nv", "mel", "nv", "nv", "bcc"]
    a = write(
        tmp_path / "a",
        {CLEAN: truth, ATTACK: ["nv", "nv", FAILED, "nv", "bcc"]},
        truth=truth,
        names=["p", "q", "r", "s", "only"],
        hashes=["1", "2", "3", "4", "5"],
    )
    b = write(
        tmp_path / "b",
        {CLEAN: ["nv", "mel", "nv", "nv"], ATTACK: ["mel", "mel", "nv", "nv"]},
        truth=["nv", "mel", "nv", "mel"],
        names=["x", "y", "z", "s"],
        groups=["x", "x", "z", "s"],
        hashes=["1", "2", "3", "4"],
        packages={"torch": "2.14.0"},
    )
    found = compare_runs(a, b)
    assert (found.paired.n, found.paired.n_only_a, found.paired.n_truth_differs) == (3, 1, 1)
    assert found.paired.n_group_differs == 3
    attack = of(found, ATTACK)
    assert (attack.n_failed_a, attack.n_failed_b, attack.difference.n) == (1, 0, 2)
    assert [(one.case_id, one.case_id_b, one.a, one.b) for one in attack.broken] == [
        ("p", "x", "nv", "mel")
    ]
    assert [one.case_id for one in attack.mended] == ["q"]
    assert {one.what for one in found.differences if one.kind == "versions"} >= {"packages.torch"}


def test_nothing_in_common_is_refused(tmp_path: Path) -> None:
    one = {CLEAN: ["nv"], ATTACK: ["nv"]}
    a = write(tmp_path / "a", one, truth=["nv"], hashes=["1"])
    b = write(tmp_path / "b", one, truth=["nv"], hashes=["2"])
    with pytest.raises(RunDirectoryError, match="no image with the same truth in common"):
        compare_runs(a, b)
    with pytest.raises(PlanError, match="margin"):
        compare_runs(a, a, margin=0)


names = st.lists(st.integers(0, 8), max_size=12, unique=True)


@given(names, names, st.lists(st.integers(0, 3), min_size=9, max_size=9))
def test_every_case_is_paired_once_or_counted(
    a: list[int], b: list[int], hash_of: list[int]
) -> None:
    sides = []
    for part in (a, b):
        found: dict[str, list[str]] = {}
        for one in part:
            found.setdefault(str(hash_of[one]), []).append(str(one))
        sides.append(found)
    pairs, (left_a, left_b) = _by_hash(*sides)
    assert len({p for p, _ in pairs}) == len({q for _, q in pairs}) == len(pairs)
    assert not {p for p, _ in pairs} & left_a
    assert not {q for _, q in pairs} & left_b
    for p, q in pairs:
        assert hash_of[int(p)] == hash_of[int(q)]
    assert {str(one) for one in {*a} & {*b}} <= {p for p, _ in pairs}
