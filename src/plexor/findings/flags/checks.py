"""The rules of the flags that depend on the findings, one function each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

from plexor.cases.image import LOSSLESS
from plexor.core.wording import counted
from plexor.findings.flags.evidence import Doubt, Evidence
from plexor.findings.summary.probe_summary import AttackSummary, ShortcutSummary
from plexor.threat_model import Threat

FEW_PASSES = 10
SATURATED = 0.95
SMALL_USE = 0.5


def measured(check_id: str) -> Callable[[Evidence], list[Doubt] | None]:
    """A doubt from a check of the loaded model, stored in the provenance."""

    def check(evidence: Evidence) -> list[Doubt] | None:
        for entry in evidence.provenance.get("checks", []):
            if entry["id"] == check_id and entry["raised"] is not None:
                return [(None, _sentence(entry["message"]))] if entry["raised"] else []
        return None

    return check


_measured_to_vary = measured("non-deterministic")


def non_deterministic(evidence: Evidence) -> list[Doubt] | None:
    """Outputs vary, and an attack, or a plan without attacks, looks at one of them."""
    doubts = _measured_to_vary(evidence)
    return [] if doubts and _all_average(evidence) else doubts


def averaged(evidence: Evidence) -> list[Doubt] | None:
    """Outputs vary, and every attack averages over them."""
    doubts = _measured_to_vary(evidence)
    return doubts if doubts is None or _all_average(evidence) else []


def _all_average(evidence: Evidence) -> bool:
    return bool(evidence.attacks) and all(
        probe.name == "cascade" or probe.settings.get("samples", 1) > 1
        for probe in evidence.attacks
    )


def _sentence(message: str) -> str:
    return f"{message[:1].upper()}{message[1:].rstrip('.')}."


def unfinished(evidence: Evidence) -> list[Doubt]:
    """The audit has unfinished units."""
    if evidence.provenance.get("finished"):
        return []
    return [(None, "The audit has not finished; the figures are of the units done so far.")]


def gradients_unseen(evidence: Evidence) -> list[Doubt] | None:
    """The model gives no gradients, so their checks were left out."""
    access = evidence.provenance.get("model_access")
    if access is None:
        return None
    if access == "gradients":
        return []
    said = (
        f"The model gives access to its {access} only. Checks of gradients and attacks that need "
        "them were not possible."
    )
    notes = evidence.provenance.get("model", {}).get("source", {}).get("notes", ())
    return [(None, " ".join([said, *map(_sentence, notes)]))]


def failed_cases(evidence: Evidence) -> Iterator[Doubt]:
    """Cases could not be judged, untouched or under a probe."""
    untouched, total = evidence.cohort.n_failed, evidence.cohort.n_cases
    if untouched:
        yield None, f"{untouched} of {total} untouched cases could not be judged."
    for probe in evidence.probes:
        further = probe.lossless.n_failed - untouched
        if further > 0:
            yield probe.id, f"{further} of {total} cases failed that could be judged untouched."


def out_of_threat(evidence: Evidence) -> list[Doubt] | None:
    """Proposals went beyond what the threat allows."""
    if not evidence.attacks:
        return None
    return [
        (
            probe.id,
            (
                f"The judge rejected {probe.n_out_of_threat} of {probe.lossless.n} proposals, "
                "which went beyond the threat; they do not count as reached."
            ),
        )
        for probe in evidence.attacks
        if probe.n_out_of_threat
    ]


def _moves_features(probe: object) -> bool:
    """Whether an attack changes more than the image, so that it may leave that as it is."""
    return isinstance(probe, AttackSummary) and bool(probe.threat.features)


def nothing_changed(evidence: Evidence) -> list[Doubt] | None:
    """An attack or a shortcut left every stored image as it was."""
    rows = evidence.findings
    tried = rows[(rows["stored"] == LOSSLESS) & (rows["status"] == "ok") & rows["attempted"]]
    changes = (AttackSummary, ShortcutSummary)
    lengths = [
        (probe.id, tried.loc[tried["probe"] == probe.id, "linf"])
        for probe in evidence.probes
        if isinstance(probe, changes) and not _moves_features(probe)
    ]
    known = [(name, length) for name, length in lengths if len(length)]
    if not known:
        return None
    return [
        (
            name,
            f"It was tried on {counted(len(length), 'case')} and changed no stored number.",
        )
        for name, length in known
        if (length == 0).all()
    ]


def control_missing(evidence: Evidence) -> list[Doubt] | None:
    """An attack has no noise of its size to stand beside."""
    if not evidence.attacks:
        return None
    return [
        (probe.id, "No noise of the same size was tried on these cases.")
        for probe in evidence.attacks
        if evidence.noise(probe) is None
    ]


def control_beats_attack(evidence: Evidence) -> list[Doubt] | None:
    """Noise reaches the goal at least as often as the search."""
    pairs = [
        (probe, probe.lossless.success.value, probe.lossless.control_success.value)
        for probe in evidence.attacks
        if evidence.noise(probe) is not None
    ]
    if not pairs:
        return None
    return [
        (
            probe.id,
            (
                f"Noise of the same size reached the goal in {noise:.1%} of the same cases, "
                f"the attack in {success:.1%}."
            ),
        )
        for probe, success, noise in pairs
        if success is not None and noise and noise >= success
    ]


def fit_overlap(evidence: Evidence) -> list[Doubt] | None:
    """An attack is judged on cases of its fit."""
    cohort = evidence.cohort
    fitted = [(probe.id, probe.fit) for probe in evidence.attacks if probe.fit is not None]
    doubts: list[Doubt] = [
        (
            name,
            (
                f"It was fitted on {fit.cases_in_both} of the {cohort.n_cases} audited cases, and "
                f"on cases of {_known(fit.groups_in_both)} of the {cohort.n_groups} audited groups."
            ),
        )
        for name, fit in fitted
        if fit.cases_in_both or fit.groups_in_both
    ]
    if doubts:
        return doubts
    known = all(fit.groups_in_both is not None for _, fit in fitted)
    return [] if fitted and known else None


def _known(number: int | None) -> str:
    return "an unknown number" if number is None else str(number)


def success_not_growing(evidence: Evidence) -> list[Doubt] | None:
    """Success does not grow with the radius."""
    families: dict[str, list[AttackSummary]] = defaultdict(list)
    for probe in evidence.attacks:
        same = replace(probe.threat, radius=1.0)
        families[repr((probe.name, probe.settings, probe.goal, same))].append(probe)
    steps = [
        step
        for family in families.values()
        for step in pairwise(sorted(family, key=lambda probe: probe.threat.radius))
    ]
    if not steps:
        return None
    rated = [
        (narrow, wide, narrow.lossless.success.value, wide.lossless.success.value)
        for narrow, wide in steps
    ]
    return [
        (
            wide.id,
            (
                f"Success is {there:.1%}, no greater than {here:.1%} for {narrow.id}, whose radius "
                "is smaller."
            ),
        )
        for narrow, wide, here, there in rated
        if here is not None and there is not None and _stagnates(here, there)
    ]


def _stagnates(narrow: float, wide: float) -> bool:
    return wide <= narrow and narrow > 0 and not wide >= SATURATED


def budget_unused(evidence: Evidence) -> list[Doubt] | None:
    """The search fails with changes well below the radius."""
    rated = [
        (probe, probe.distance.length(probe.threat.norm).median, probe.threat.radius)
        for probe in evidence.attacks
        if probe.threat.unit in ("level", "count") and probe.threat.channels != "apart"
    ]
    if not rated:
        return None
    return [
        (
            probe.id,
            (
                f"Half of the changes are no longer than {used:.3g} {_counted(probe.threat)}, "
                f"of {allowed:g} allowed."
            ),
        )
        for probe, used, allowed in rated
        if used is not None
        and used < SMALL_USE * allowed
        and (probe.lossless.success.value or 0) < SATURATED
    ]


def _counted(threat: Threat) -> str:
    return "positions" if threat.norm == "l0" else "levels"


def search_short(evidence: Evidence) -> list[Doubt] | None:
    """The attacks used few passes on the cases they did not reach."""
    rows = evidence.findings[evidence.findings["probe"].isin([p.id for p in evidence.attacks])]
    if rows.empty:
        return None
    missed = rows[(rows["status"] == "ok") & rows["attempted"] & ~rows["reached"]]
    passes = missed["n_gradients"] + missed["n_forwards"]
    if missed.empty or passes.max() >= FEW_PASSES:
        return []
    return [(None, f"No case that withstood was attacked with more than {passes.max()} passes.")]


def decisions_vary(evidence: Evidence) -> list[Doubt]:
    """The decision on an untouched image varies between probes."""
    done = evidence.findings[evidence.findings["status"] == "ok"]
    kinds = done.groupby("case_id")["decision_before"].nunique()
    varying = int((kinds > 1).sum())
    if not varying:
        return []
    return [(None, f"The decision varied for {varying} of {len(kinds)} untouched images.")]
