from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.helpers import synthetic_run as synthetic
from tests.helpers import task_run

from plexor.attacks.catalogue import SEARCHES
from plexor.attacks.stages import STAGES
from plexor.findings.flags.access import QUERY_STAGES
from plexor.findings.flags.catalogue import FLAG_KINDS
from plexor.findings.schema import CLEAN, to_table
from plexor.findings.summary import summarise

MEASURED = (
    "training-mode",
    "non-deterministic",
    "batch-dependent",
    "probability-outputs",
    "zero-gradients",
    "false-gradients",
    "unbounded-fails",
    "answers-differ",
    "answers-drifted",
    "groups-overlap",
    "grey-in-colour",
)
PROBES = (
    synthetic.probe("pgd", "linf", (1, 2), settings=synthetic.PGD),
    synthetic.probe("fgsm", "linf", (1,)),
    synthetic.probe("square", "linf", (1,)),
    synthetic.probe("cascade", "linf", (2,)),
    synthetic.probe("universal-sgd", "linf", (1,)),
)
SEEN = {"square": "scores", "cascade": "gradients", "universal-sgd": "gradients"}
FITTED = "universal-sgd-linf-1"
FIT: dict[str, Any] = {
    "split": "train",
    "file": None,
    "same_model": True,
    "shapes": [[3, 64, 64]],
    "settings": {},
    "goal": {"kind": "misclassify"},
    "n_split": 400,
    "n_unread": 0,
    "n_cases": 400,
    "n_groups": 300,
    "cases_in_both": 0,
    "groups_in_both": 0,
    "gradients": 4000,
    "forwards": 400,
    "seconds": 60.0,
    "errors": [],
}


@dataclass(kw_only=True)
class Audit:
    plan: dict[str, Any]
    provenance: dict[str, Any]
    findings: pd.DataFrame

    def rows(self, probe: str) -> pd.Series:
        return self.findings["probe"] == probe

    def raised(self) -> dict[str, list[str | None]]:
        """Flag id → the probes it was raised for."""
        summary = summarise(self.plan, self.provenance, self.findings)
        found: dict[str, list[str | None]] = {}
        for flag in summary.flags:
            found.setdefault(flag.id, []).append(flag.probe)
        return found

    def unchecked(self) -> list[str]:
        summary = summarise(self.plan, self.provenance, self.findings)
        return list(summary.flags_unchecked)


@cache
def _sound() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    names = {f"case-{n}": synthetic.CLASSES[n % 7] for n in range(140)}
    cohort = synthetic.subjects(140, rng, names)
    units = synthetic.findings_of(cohort, rng, PROBES, stored=("lossless",))
    frame: pd.DataFrame = to_table([row for unit in units.values() for row in unit]).to_pandas()
    return frame


@pytest.fixture
def audit() -> Audit:
    """An audit that gives no reason for doubt."""
    provenance = synthetic.provenance()
    provenance["attacks"] |= {name: {"access": access} for name, access in SEEN.items()}
    provenance["fits"] = {FITTED: dict(FIT)}
    return Audit(
        plan=synthetic.plan(PROBES),
        provenance=provenance,
        findings=_sound().copy(),
    )


def test_a_sound_audit_raises_nothing_and_leaves_nothing_unchecked(audit: Audit) -> None:
    assert audit.raised() == {}
    assert audit.unchecked() == []


def _unfinished(audit: Audit) -> None:
    audit.provenance["finished"] = False


def _decisions_vary(audit: Audit) -> None:
    row = audit.findings.index[audit.rows("pgd-linf-1")][0]
    before = audit.findings.loc[row, "decision_before"]
    audit.findings.loc[row, "decision_before"] = "nv" if before != "nv" else "mel"


def _without_control(audit: Audit) -> None:
    audit.findings = audit.findings[~audit.rows("noise-linf-1")]


def _noise_reaches_all(audit: Audit) -> None:
    rows = audit.rows("noise-linf-2")
    wrong = np.where(audit.findings.loc[rows, "truth"] == "nv", "mel", "nv")
    audit.findings.loc[rows, "decision_after"] = wrong


def _wider_is_worse(audit: Audit) -> None:
    rows = audit.findings.index[audit.rows("pgd-linf-2") & audit.findings["reached"]]
    audit.findings.loc[rows[2:], "reached"] = False


def _short_of_the_radius(audit: Audit) -> None:
    audit.findings.loc[audit.rows("pgd-linf-2"), "linf"] = 0.9


def _few_passes(audit: Audit) -> None:
    audit.findings["n_gradients"] = audit.findings["n_gradients"].clip(upper=8)


def _only_queries_reach(audit: Audit, n: int = 16) -> None:
    """Of the cases that all attacks tried, the first ``n`` fall to the query attack alone."""
    for probe in ("pgd-linf-1", "fgsm-linf-1", "square-linf-1"):
        tried = audit.findings.index[audit.rows(probe) & audit.findings["attempted"]]
        audit.findings.loc[tried, "reached"] = np.arange(len(tried)) < n * (probe[0] == "s")


def _one_gradient_keeps_up(audit: Audit) -> None:
    _only_queries_reach(audit)
    tried = audit.findings.index[audit.rows("fgsm-linf-1") & audit.findings["attempted"]]
    audit.findings.loc[tried[:15], "reached"] = True


def _found_by(audit: Audit, n: int) -> None:
    """Of the cases that fell to the cascade, the first ``n`` fell to its last stage."""
    fallen = audit.findings.index[audit.rows("cascade-linf-2") & audit.findings["reached"]]
    audit.findings.loc[fallen, "found_by"] = ["square"] * n + ["pgd"] * (len(fallen) - n)


def _without_gradients(audit: Audit) -> None:
    rows = audit.findings.index[audit.rows("cascade-linf-2") & audit.findings["attempted"]]
    audit.findings.loc[rows[:7], "n_gradients"] = 0


def _beyond_the_threat(audit: Audit) -> None:
    row = audit.findings.index[audit.rows("fgsm-linf-1")][0]
    audit.findings.loc[row, ["within_threat", "reached"]] = False


def _untouched(audit: Audit) -> None:
    """Whatever happened to decisions, e.g. by a model that answers by chance."""
    audit.findings.loc[audit.rows("fgsm-linf-1"), ["linf", "l2", "l1", "l0"]] = 0.0


def _untouched_but_one(audit: Audit) -> None:
    _untouched(audit)
    tried = audit.findings.index[audit.rows("fgsm-linf-1") & audit.findings["attempted"]]
    audit.findings.loc[tried[-1], "linf"] = 1.0


def _scores_only(audit: Audit) -> None:
    audit.provenance["model_access"] = "scores"


def _one_failed(audit: Audit) -> None:
    row = audit.findings.index[audit.rows("pgd-linf-1")][0]
    audit.findings.loc[row, "status"] = "failed"


def _guessing(audit: Audit) -> None:
    rows = audit.rows(CLEAN)
    audit.findings.loc[rows, "decision_after"] = "nv"


def _nine_of_a_class(audit: Audit) -> None:
    vasc = audit.findings.loc[audit.rows(CLEAN) & (audit.findings["truth"] == "vasc"), "case_id"]
    audit.findings = audit.findings[~audit.findings["case_id"].isin(list(vasc)[9:])]


def _groups(audit: Audit, number: int) -> None:
    order = audit.findings["case_id"].astype("category").cat.codes
    audit.findings["group"] = (order % number).astype(str)


def _every_case_its_own(audit: Audit) -> None:
    audit.findings["group"] = audit.findings["case_id"]


def _nothing_happens(audit: Audit) -> None:
    audit.findings["reached"] = False
    audit.findings["decision_after"] = audit.findings["decision_before"]


def _half_of_the_radius(audit: Audit) -> None:
    audit.findings["linf"] = audit.findings["linf"] / 2


def _ten_passes(audit: Audit) -> None:
    audit.findings["n_gradients"] = 10


def _fitted_on_a_group(audit: Audit) -> None:
    audit.provenance["fits"][FITTED]["groups_in_both"] = 1


def _only_averages(audit: Audit) -> None:
    """The outputs vary, and all attacks but the cascade are gone."""
    (check,) = [one for one in audit.provenance["checks"] if one["id"] == "non-deterministic"]
    check |= {"raised": True, "message": "something was seen"}
    audit.plan["probes"] = [one for one in audit.plan["probes"] if one["attack"] == "cascade"]
    kept = audit.findings["probe"].isin([CLEAN, "cascade-linf-2", "noise-linf-2"])
    audit.findings = audit.findings[kept]


RAISERS: dict[str, tuple[Callable[[Audit], None], str | None]] = {
    "run-unfinished": (_unfinished, None),
    "non-deterministic-averaged": (_only_averages, None),
    "decisions-vary": (_decisions_vary, None),
    "nothing-changed": (_untouched, "fgsm-linf-1"),
    "control-missing": (_without_control, "pgd-linf-1"),
    "control-beats-attack": (_noise_reaches_all, "pgd-linf-2"),
    "queries-beat-gradients": (_only_queries_reach, "square-linf-1"),
    "stages-skipped": (_without_gradients, "cascade-linf-2"),
    "success-not-growing": (_wider_is_worse, "pgd-linf-2"),
    "budget-unused": (_short_of_the_radius, "pgd-linf-2"),
    "search-short": (_few_passes, None),
    "out-of-threat": (_beyond_the_threat, "fgsm-linf-1"),
    "gradients-unseen": (_scores_only, None),
    "fit-overlap": (_fitted_on_a_group, FITTED),
    "failed-cases": (_one_failed, "pgd-linf-1"),
    "clean-at-chance": (_guessing, None),
    "classes-rare": (_nine_of_a_class, None),
    "groups-few": (lambda audit: _groups(audit, 29), None),
    "groups-unknown": (_every_case_its_own, None),
}


@pytest.mark.parametrize("flag", [kind.id for kind in FLAG_KINDS if kind.id not in MEASURED])
def test_is_raised(audit: Audit, flag: str) -> None:
    spoil, probe = RAISERS[flag]
    spoil(audit)
    assert probe in audit.raised().get(flag, [])


def test_a_change_of_what_was_not_attempted_is_none(audit: Audit) -> None:
    _untouched(audit)
    rest = audit.rows("fgsm-linf-1") & ~audit.findings["attempted"]
    assert rest.any()
    audit.findings.loc[rest, "linf"] = 1.0
    assert audit.raised()["nothing-changed"] == ["fgsm-linf-1"]


@pytest.mark.parametrize("flag", MEASURED)
def test_what_was_measured_on_the_model_is_passed_on(audit: Audit, flag: str) -> None:
    check = next(entry for entry in audit.provenance["checks"] if entry["id"] == flag)
    check |= {"raised": True, "message": "something was seen"}
    summary = summarise(audit.plan, audit.provenance, audit.findings)
    assert [entry.id for entry in summary.flags] == [flag]
    assert summary.flags[0].message == "Something was seen."


@pytest.mark.parametrize("flag", MEASURED)
def test_what_was_not_measured_does_not_pass(audit: Audit, flag: str) -> None:
    audit.provenance["checks"] = [e for e in audit.provenance["checks"] if e["id"] != flag]
    also = [f"{flag}-averaged"] if flag == "non-deterministic" else []
    assert audit.unchecked() == [flag, *also]


@pytest.mark.parametrize(
    ("flag", "spoil"),
    [
        pytest.param("groups-few", lambda audit: _groups(audit, 30), id="thirty groups"),
        pytest.param(
            "control-beats-attack",
            _nothing_happens,
            id="neither the attack nor the noise does anything",
        ),
        pytest.param(
            "budget-unused",
            _half_of_the_radius,
            id="half of the radius",
        ),
        pytest.param(
            "queries-beat-gradients",
            lambda audit: _only_queries_reach(audit, 5),
            id="five cases only, which may be chance",
        ),
        pytest.param(
            "queries-beat-gradients",
            _one_gradient_keeps_up,
            id="one of the gradient attacks keeps up",
        ),
        pytest.param(
            "queries-beat-gradients",
            lambda audit: _found_by(audit, 5),
            id="five cases of a cascade",
        ),
        pytest.param(
            "nothing-changed",
            _untouched_but_one,
            id="one number of one image",
        ),
        pytest.param(
            "non-deterministic",
            _only_averages,
            id="every attack averages over outputs",
        ),
        pytest.param(
            "search-short",
            _ten_passes,
            id="ten passes",
        ),
    ],
)
def test_is_not_raised_just_on_this_side_of_its_rule(
    audit: Audit, flag: str, spoil: Callable[[Audit], None]
) -> None:
    spoil(audit)
    assert flag not in audit.raised()


@pytest.mark.parametrize(
    ("narrow", "wide", "raised"),
    [(0.0, 0.0, False), (0.5, 0.5, True), (0.5, 0.6, False), (0.6, 0.5, True), (1.0, 0.96, False)],
)
def test_success_must_grow_unless_there_is_none_or_nothing_left(
    audit: Audit, narrow: float, wide: float, raised: bool
) -> None:
    for probe, share in (("pgd-linf-1", narrow), ("pgd-linf-2", wide)):
        tried = audit.findings.index[audit.rows(probe) & audit.findings["attempted"]]
        audit.findings.loc[tried, "reached"] = np.arange(len(tried)) < share * len(tried)
    assert ("success-not-growing" in audit.raised()) is raised


@pytest.mark.parametrize(
    ("falls", "keeps_up", "raised"),
    [(5, 0, False), (6, 0, True), (14, 5, False), (16, 5, True), (5, 16, False)],
)
def test_queries_must_reach_significantly_more_of_independent_cases(
    audit: Audit, falls: int, keeps_up: int, raised: bool
) -> None:
    """Exact p of so many against so many: 0.0625, 0.031, 0.064, 0.027."""
    _every_case_its_own(audit)
    ids = sorted(set(audit.findings["case_id"]))
    audit.findings["attempted"] |= audit.findings["probe"] != CLEAN
    order = audit.findings["case_id"].map({name: n for n, name in enumerate(ids)})
    for probe in ("pgd-linf-1", "fgsm-linf-1"):
        audit.findings.loc[audit.rows(probe), "reached"] = order.between(100, 99 + keeps_up)
    audit.findings.loc[audit.rows("square-linf-1"), "reached"] = order < falls
    assert ("square-linf-1" in audit.raised().get("queries-beat-gradients", [])) is raised


@pytest.mark.parametrize(("n_groups", "raised"), [(2, False), (16, True)])
def test_queries_must_reach_significantly_more_of_groups(
    audit: Audit, n_groups: int, raised: bool
) -> None:
    """Sixteen cases are far beyond chance if they are independent, and not if they are two."""
    _only_queries_reach(audit)
    rows = audit.findings[audit.rows("square-linf-1") & audit.findings["reached"]]
    fallen = {case: f"fallen-{n % n_groups}" for n, case in enumerate(rows["case_id"])}
    audit.findings["group"] = audit.findings["case_id"].map(fallen).fillna(audit.findings["group"])
    assert ("queries-beat-gradients" in audit.raised()) is raised


def test_attacks_that_tried_no_case_in_common_are_not_compared(audit: Audit) -> None:
    _only_queries_reach(audit)
    audit.findings.loc[audit.rows("square-linf-1"), "attempted"] = False
    assert "queries-beat-gradients" not in audit.raised()


def test_a_fit_on_unknown_groups_may_overlap(audit: Audit) -> None:
    audit.provenance["fits"][FITTED]["groups_in_both"] = None
    assert audit.unchecked() == ["fit-overlap"]


def test_one_radius_leaves_growth_unchecked(audit: Audit) -> None:
    audit.findings = audit.findings[~audit.rows("pgd-linf-2")]
    assert "success-not-growing" in audit.unchecked()


def test_a_cascade_in_which_many_fall_to_queries_only_is_doubted(audit: Audit) -> None:
    _found_by(audit, 12)
    assert audit.raised()["queries-beat-gradients"] == ["cascade-linf-2"]


@pytest.mark.parametrize(
    ("late", "fallen", "raised"), [(5, 20, False), (6, 20, True), (6, 60, True), (6, 61, False)]
)
def test_six_and_a_tenth_of_what_falls_to_a_cascade_must_fall_to_queries(
    audit: Audit, late: int, fallen: int, raised: bool
) -> None:
    mine = audit.findings.index[audit.rows("cascade-linf-2") & audit.findings["attempted"]]
    audit.findings.loc[mine, "reached"] = np.arange(len(mine)) < fallen
    _found_by(audit, late)
    assert ("cascade-linf-2" in audit.raised().get("queries-beat-gradients", [])) is raised


def test_without_a_query_attack_or_a_cascade_gradients_have_no_rival(audit: Audit) -> None:
    audit.findings = audit.findings[~audit.rows("square-linf-1") & ~audit.rows("cascade-linf-2")]
    assert audit.unchecked() == ["queries-beat-gradients", "stages-skipped"]


def test_the_stages_that_ask_for_no_gradient_are_known() -> None:
    access: dict[object, str] = {attack: attack.access for attack in SEARCHES.values()}
    blind = [stage.name for stage in STAGES if access[type(stage.attack)] != "gradients"]
    assert tuple(dict.fromkeys(blind)) == QUERY_STAGES


def test_without_an_attack_no_control_of_one_is_looked_for() -> None:
    probes = (synthetic.shortcut("ruler", {"side": "left", "ticks": 20}),)
    rng = np.random.default_rng(1)
    units = synthetic.findings_of(synthetic.subjects(20, rng), rng, probes, ("lossless",))
    frame = to_table([row for unit in units.values() for row in unit]).to_pandas()
    summary = summarise(synthetic.plan(probes), synthetic.provenance(), frame)
    assert "control-missing" in summary.flags_unchecked
    assert "control-missing" not in summary.flags_passed


def test_only_labels_that_may_be_guessed_are_doubted() -> None:
    """Effusion is always called where it is, nodule in every other case whether it is or not."""
    rows = []
    for n in range(40):
        truth = "|".join(["effusion"] * (n % 2) + ["nodule"] * (n // 2 % 2))
        called = "|".join(["effusion"] * (n % 2) + ["nodule"] * (n // 4 % 2))
        rows += [
            replace(row, case_id=str(n), group=str(n), truth=truth, decision_after=called,
                    outputs_after=task_run.logits(called, n))
            for row in task_run.several()[:3]
        ]  # fmt: skip
    summary = summarise(
        task_run.plan(task_run.HIDE),
        task_run.provenance(task_run.FINDINGS),
        to_table(rows).to_pandas(),
    )
    (said,) = [flag.message for flag in summary.flags if flag.id == "clean-at-chance"]
    assert "nodule (" in said
    assert "effusion" not in said


@pytest.mark.parametrize(("case", "raised"), [(2, False), (3, True)])
def test_outlines_are_doubted_only_where_the_whole_image_does_as_well(
    case: int, raised: bool
) -> None:
    """Untouched, case 2 is outlined as its truth is, and case 3 beside it."""
    rows = [
        replace(row, case_id=f"{row.case_id}-{n}", group=str(n))
        for n in range(3)
        for row in task_run.outlines()
        if row.case_id == f"case-{case}"
    ]
    summary = summarise(
        task_run.plan(task_run.LOWER),
        task_run.provenance(task_run.OUTLINES),
        to_table(rows).to_pandas(),
    )
    said = [flag.message for flag in summary.flags if flag.id == "clean-at-chance"]
    assert bool(said) is raised
    assert all("disc (0.00, and 0.75)" in message for message in said)
    assert ("clean-at-chance" in summary.flags_passed) is not raised
