"""The lead attack of the page, and whether an attack had an effect."""

from __future__ import annotations

from plexor.findings.summary.probe_summary import AttackSummary
from plexor.findings.summary.regression_results import RegressionPerformance
from plexor.findings.summary.results import AttackResult
from plexor.findings.summary.summary import Summary
from plexor.report.attack_family import SIGNIFICANT


def lead_attack(summary: Summary) -> AttackSummary | None:
    """The attack that the page presents first; None without attacks.

    The effective attack with the smallest radius, preferably in the norm of the plan's first
    attack. If no attack is effective, the attack of that norm with the largest radius.
    """
    attacks = summary.attacks
    if not attacks:
        return None

    def rank(probe: AttackSummary) -> tuple[bool, float, float]:
        same = probe.threat.norm == attacks[0].threat.norm
        return not same, probe.threat.radius, _standing(probe.lossless)

    ranked = sorted(attacks, key=rank)
    last_of_norm = [probe for probe in ranked if not rank(probe)[0]][-1]
    return next((probe for probe in ranked if effective(probe.lossless)), last_of_norm)


def _standing(result: AttackResult) -> float:
    """Sort key; lower for greater harm."""
    value = result.main.value or 0.0
    return -value if isinstance(result, RegressionPerformance) else value


def harmful(result: AttackResult) -> bool:
    """Whether the main figure got worse with a corrected p below the significance level."""
    test = result.main_test
    p = test.p_value if test.p_holm is None else test.p_holm
    change = result.main_change.value or 0.0
    worse = change > 0 if isinstance(result, RegressionPerformance) else change < 0
    return p is not None and p < SIGNIFICANT and worse


def effective(result: AttackResult) -> bool:
    """Whether harm was shown, or the goal was reached clearly more often than by noise."""
    reached, noise = result.success.low, result.control_success.high
    return harmful(result) or (reached is not None and noise is not None and reached > noise)
