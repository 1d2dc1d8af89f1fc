"""A summary of ten cases, every number of which is counted by hand."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from tests.helpers import synthetic_run as synthetic
from tests.helpers.summary_json import flat

from plexor.findings.schema import CLEAN, Finding, to_table
from plexor.findings.summary import classification, summarise
from plexor.findings.summary.classification import Classification
from plexor.findings.summary.judged import Judged
from plexor.stats import clustered_mcnemar, clustered_proportion, holm, mcnemar_test

#         truth, before, attacked, saved as JPEG, noise
CASES = [
    ("nv", "nv", "mel", "nv", "nv"),
    ("nv", "nv", "mel", "mel", "nv"),
    ("nv", "nv", "nv", "nv", "nv"),
    ("nv", "nv", "bkl", "nv", "mel"),
    ("nv", "mel", "mel", "nv", "nv"),
    ("mel", "mel", "nv", "nv", "mel"),
    ("mel", "mel", "nv", "mel", "mel"),
    ("mel", "nv", "nv", "nv", "nv"),
    ("bkl", "bkl", "bkl", "bkl", "bkl"),
    ("bkl", "nv", "nv", "nv", "nv"),
]
CLEAN_JPEG = {4: "nv"}
"""The one case that compression alone decides otherwise."""


def _finding(number: int, probe: str, stored: str, decision: str, **rest: Any) -> Finding:
    truth, before, *_ = CASES[number]
    return Finding(
        case_id=f"case-{number}",
        group=f"group-{number // 2}",
        truth=truth,
        probe=probe,
        stored=stored,
        decision_before=before,
        decision_after=decision,
        outputs_before=(0.0,) * 7,
        outputs_after=(0.0,) * 7,
        linf=1.0,
        l2=3.0,
        **rest,
    )


def _frame(rows: list[Finding]) -> pd.DataFrame:
    frame: pd.DataFrame = to_table(rows).to_pandas()
    return frame


def _rows(probe: str, goal: str | None) -> list[Finding]:
    """All findings, for one attack whose goal is to be wrong (None) or to become a class."""
    rows = []
    for number, (truth, before, attacked, jpeg, noise) in enumerate(CASES):
        rows.append(_finding(number, CLEAN, "lossless", before))
        rows.append(_finding(number, CLEAN, "recompressed-own", CLEAN_JPEG.get(number, before)))
        attempted = before == truth if goal is None else before != goal
        for stored, decision in (("lossless", attacked), ("recompressed-own", jpeg)):
            hit = decision != truth if goal is None else decision == goal
            rows.append(
                _finding(
                    number,
                    probe,
                    stored,
                    decision,
                    attempted=attempted,
                    reached=attempted and hit,
                    n_gradients=20 if attempted else 0,
                )
            )
        rows.append(_finding(number, "noise-linf-1", "lossless", noise))
    return rows


def _summary(frame: pd.DataFrame, *probes: dict[str, Any]) -> dict[str, Any]:
    plan = synthetic.plan(probes or (synthetic.probe("pgd", "linf", (1,)),))
    return flat(summarise(plan, synthetic.provenance(), frame))


@pytest.fixture(scope="module")
def summary() -> dict[str, Any]:
    return _summary(_frame(_rows("pgd-linf-1", None)))


def _counts(estimate: dict[str, Any]) -> tuple[int, int]:
    """Events and observations."""
    return round(estimate["value"] * estimate["n"]), estimate["n"]


def test_cohort(summary: dict[str, Any]) -> None:
    cohort = summary["cohort"]
    assert (cohort["n_cases"], cohort["n_groups"], cohort["n_failed"]) == (10, 5, 0)
    assert cohort["cases_by_class"] == {
        "akiec": 0, "bcc": 0, "bkl": 2, "df": 0, "mel": 3, "nv": 5, "vasc": 0,
    }  # fmt: skip
    assert (cohort["name"], cohort["split"]) == ("ham10000", "test")


@pytest.mark.parametrize(
    ("manifest", "name"),
    [
        ("films/manifest.csv", "films"),
        ("films/chest.csv", "chest"),
        ("manifest.csv", "manifest"),
        ("../manifest.csv", "manifest"),
    ],
)
def test_images_are_called_as_their_list_or_its_folder(manifest: str, name: str) -> None:
    plan = synthetic.plan()
    plan["cohort"]["manifest"] = manifest
    frame = _frame(_rows("pgd-linf-1", None))
    assert summarise(plan, synthetic.provenance(), frame).cohort.name == name


def test_clean(summary: dict[str, Any]) -> None:
    assert _counts(summary["clean"]["accuracy"]) == (7, 10)
    assert summary["clean"]["balanced_accuracy"]["value"] == pytest.approx(
        (4 / 5 + 2 / 3 + 1 / 2) / 3
    )
    assert _counts(summary["clean"]["stored"]["recompressed-own"]["accuracy"]) == (8, 10)


def test_attack(summary: dict[str, Any]) -> None:
    attack = summary["probes"][0]
    assert (attack["id"], attack["kind"], attack["control"]) == (
        "pgd-linf-1",
        "attack",
        "noise-linf-1",
    )
    assert _counts(attack["accuracy"]) == (2, 10)
    assert _counts(attack["success"]) == (5, 7)
    assert _counts(attack["fooling_ratio"]) == (5, 7)
    assert _counts(attack["control_success"]) == (1, 7)
    assert attack["targeted_success"] is None
    assert attack["accuracy_change"]["value"] == pytest.approx(-0.5)
    assert attack["cost"] == {"gradients_per_case": 20.0, "forwards_per_case": 0.0}
    assert attack["distance"]["l2"] == {"median": 3.0, "max": 3.0}


def test_per_class_and_matrices(summary: dict[str, Any]) -> None:
    attack = summary["probes"][0]
    names = summary["cohort"]["classes"]
    bkl, mel, nv = (names.index(name) for name in ("bkl", "mel", "nv"))
    recalls = [entry["recall"] for entry in attack["per_class"]]
    assert [_counts(recalls[i]) for i in (bkl, mel, nv)] == [(1, 2), (0, 3), (1, 5)]
    assert recalls[names.index("df")]["value"] is None
    assert recalls[names.index("df")]["note"] == "no cases of this class"
    assert [attack["confusion"][nv][i] for i in (bkl, mel, nv)] == [1, 3, 1]
    assert [attack["transitions"][nv][i] for i in (bkl, mel, nv)] == [1, 2, 3]
    assert sum(map(sum, attack["confusion"])) == sum(map(sum, attack["transitions"])) == 10


def test_mcnemar_is_that_of_the_same_cases_before_and_after(summary: dict[str, Any]) -> None:
    found = summary["probes"][0]["mcnemar"]
    before = [before == truth for truth, before, *_ in CASES]
    after = [attacked == truth for truth, _, attacked, *_ in CASES]
    groups = [n // 2 for n in range(10)]
    assert (found["n_lost"], found["n_gained"]) == (5, 0)
    assert found["used"] == "clustered"
    assert found["p_value"] == pytest.approx(clustered_mcnemar(before, after, groups).p_value)
    assert found["plain"]["p_value"] == pytest.approx(mcnemar_test(5, 0).p_value)


def test_a_container_is_compared_with_the_untouched_images_in_it(summary: dict[str, Any]) -> None:
    jpeg = summary["probes"][0]["stored"]["recompressed-own"]
    assert _counts(jpeg["accuracy"]) == (6, 10)
    assert jpeg["accuracy_change"]["value"] == pytest.approx(-0.2)
    assert (jpeg["mcnemar"]["n_lost"], jpeg["mcnemar"]["n_gained"]) == (2, 0)


def test_success_of_a_target_leaves_out_what_is_called_so_already() -> None:
    probe = synthetic.probe("pgd", "linf", (1,), target="nv")
    attack = _summary(_frame(_rows("pgd-to-nv-linf-1", "nv")), probe)["probes"][0]
    # Called mel or bkl before: cases 4, 5, 6 and 8; of them 5 and 6 become nv.
    assert _counts(attack["success"]) == _counts(attack["targeted_success"]) == (2, 4)
    assert _counts(attack["control_success"]) == (1, 4)


def test_a_failed_case_is_counted_and_is_neither_right_nor_robust() -> None:
    frame = _frame(_rows("pgd-linf-1", None))
    lost = (frame["probe"] == "pgd-linf-1") & (frame["case_id"] == "case-2")
    frame.loc[lost, "status"] = "failed"
    attack = _summary(frame)["probes"][0]
    assert (attack["n"], attack["n_failed"]) == (9, 1)
    assert _counts(attack["accuracy"]) == (1, 9)
    assert _counts(attack["success"]) == (5, 6)


def test_out_of_threat_is_counted_and_does_not_become_a_target() -> None:
    frame = _frame(_rows("pgd-to-nv-linf-1", "nv"))
    far = (frame["probe"] == "pgd-to-nv-linf-1") & (frame["case_id"] == "case-5")
    frame.loc[far, ["within_threat", "reached"]] = False
    probe = synthetic.probe("pgd", "linf", (1,), target="nv")
    attack = _summary(frame, probe)["probes"][0]
    assert attack["n_out_of_threat"] == 1
    assert _counts(attack["success"]) == _counts(attack["targeted_success"]) == (1, 4)


def test_a_share_of_nothing_is_undefined_and_says_so() -> None:
    frame = _frame(_rows("pgd-linf-1", None))
    frame.loc[frame["probe"] == "pgd-linf-1", ["attempted", "reached"]] = False
    success = _summary(frame)["probes"][0]["success"]
    assert (success["value"], success["low"], success["n"]) == (None, None, 0)
    assert success["note"] == "no observations"


def test_where_all_are_called_one_class_accuracy_is_its_prevalence() -> None:
    frame = _frame(_rows("pgd-linf-1", None))
    frame.loc[frame["probe"] == "pgd-linf-1", "decision_after"] = "mel"
    assert _counts(_summary(frame)["probes"][0]["accuracy"]) == (3, 10)


def test_an_accuracy_that_is_not_that_prevalence_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame = _frame(_rows("pgd-linf-1", None))
    frame["decision_after"] = "mel"
    wrong = clustered_proportion([True, False])
    monkeypatch.setattr(classification, "accuracy", lambda *_: wrong)
    with pytest.raises(RuntimeError, match=r"must be its prevalence 0\.3"):
        Classification(task="multiclass", classes=synthetic.CLASSES).performance(
            Judged.of(frame[frame["probe"] == CLEAN], frame[:0])
        )


def test_holm_corrects_over_attacks_and_not_over_controls() -> None:
    rows = _rows("pgd-linf-1", None)
    rows += [
        _finding(number, "fgsm-linf-1", "lossless", "mel" if number in (0, 1, 2, 8) else before)
        for number, (_, before, *_) in enumerate(CASES)
    ]
    probes = (synthetic.probe("pgd", "linf", (1,)), synthetic.probe("fgsm", "linf", (1,)))
    found = _summary(_frame(rows), *probes)["probes"]
    attacks = [probe["mcnemar"] for probe in found if probe["kind"] == "attack"]
    assert [test["p_holm"] for test in attacks] == pytest.approx(
        holm([test["p_value"] for test in attacks]).tolist()
    )
    assert all(probe["mcnemar"]["p_holm"] is None for probe in found if probe["kind"] == "control")


def test_independent_cases_get_the_exact_test() -> None:
    frame = _frame(_rows("pgd-linf-1", None))
    frame["group"] = frame["case_id"]
    found = _summary(frame)["probes"][0]["mcnemar"]
    assert found["used"] == "plain"
    assert found["p_value"] == pytest.approx(2 * 0.5**5)
