"""Arrays in, results that explain themselves out.

Every function returns a frozen ``Estimate`` or ``TestResult`` that says its method, its n and its
number of groups. Undefined is NaN with a note; a wrong argument is a ``PlanError``.
"""

from plexor.stats.classification import accuracy, balanced_accuracy, confusion, recall_by_class
from plexor.stats.cluster import clustered_proportion
from plexor.stats.cochran import cochrans_q
from plexor.stats.difference import difference_interval, subgroup_difference
from plexor.stats.estimate import Estimate
from plexor.stats.mcnemar import clustered_mcnemar, mcnemar_test
from plexor.stats.multiplicity import holm
from plexor.stats.odds import paired_odds_ratio, paired_odds_ratio_interval
from plexor.stats.paired import paired_difference, paired_difference_interval
from plexor.stats.proportion import proportion_interval
from plexor.stats.result import TestResult

__all__ = [
    "Estimate",
    "TestResult",
    "accuracy",
    "balanced_accuracy",
    "clustered_mcnemar",
    "clustered_proportion",
    "cochrans_q",
    "confusion",
    "difference_interval",
    "holm",
    "mcnemar_test",
    "paired_difference",
    "paired_difference_interval",
    "paired_odds_ratio",
    "paired_odds_ratio_interval",
    "proportion_interval",
    "recall_by_class",
    "subgroup_difference",
]
