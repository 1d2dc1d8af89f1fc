"""Statistics of validation studies: functions of arrays, results that say how they were computed.

Most functions return a frozen ``Estimate`` or ``TestResult`` with its method, number of cases and
number of groups. Undefined is NaN with a note; a wrong argument is a ``PlanError``.
"""

from plexor.stats.binormal import BinormalCurve, binormal_curve
from plexor.stats.bland_altman import LimitsOfAgreement, bland_altman
from plexor.stats.bootstrap import bootstrap_interval
from plexor.stats.calibration import Calibration, brier_score, calibration
from plexor.stats.change import (
    equivalence_test,
    mean_change,
    paired_t_test,
    sign_flip_test,
    signed_rank_test,
)
from plexor.stats.classification import accuracy, balanced_accuracy, confusion, recall_by_class
from plexor.stats.cluster import clustered_proportion
from plexor.stats.cochran import cochrans_q
from plexor.stats.decision_curve import DecisionCurve, decision_curve
from plexor.stats.delong import auc_difference, delong_test, delong_test_all, delong_test_unpaired
from plexor.stats.detection import Detection, detection, forced_choice
from plexor.stats.difference import difference_interval, subgroup_difference
from plexor.stats.estimate import Estimate
from plexor.stats.froc import FrocCase, jafroc, match_marks, reader_study_jafroc
from plexor.stats.icc import icc
from plexor.stats.kappa import cohens_kappa, cohens_kappa_of_table, pabak
from plexor.stats.krippendorff import alpha_statistic, krippendorff_alpha
from plexor.stats.likelihood_ratio import (
    LikelihoodRatios,
    PredictiveValues,
    clustered_likelihood_ratios,
    likelihood_ratios,
    predictive_values,
    probability_after,
)
from plexor.stats.mcnemar import clustered_mcnemar, mcnemar_test
from plexor.stats.mean import (
    clustered_mean,
    clustered_quantile,
    mean_absolute_error,
    median_absolute_error,
    r_squared,
    root_mean_square_error,
)
from plexor.stats.mrmc import ReaderStudy
from plexor.stats.multiplicity import (
    AdjustedTest,
    adjust,
    benjamini_hochberg,
    hochberg,
    holm,
    selected_level,
    simultaneous_level,
)
from plexor.stats.non_inferiority import auc_non_inferiority, proportion_non_inferiority
from plexor.stats.odds import paired_odds_ratio, paired_odds_ratio_interval
from plexor.stats.one_shot import one_shot_auc, one_shot_difference
from plexor.stats.paired import paired_difference, paired_difference_interval
from plexor.stats.planning import (
    kappa_power,
    kappa_sample_size,
    mcnemar_power,
    mcnemar_sample_size,
    simulated_power,
)
from plexor.stats.planning_accuracy import AccuracyPlan, accuracy_sample_size
from plexor.stats.planning_readers import (
    reader_mean_cases,
    reader_mean_power,
    reader_study_cases,
    reader_study_power,
)
from plexor.stats.planning_roc import PairedAucPlan
from plexor.stats.precision import average_precision, f1_score, matthews_correlation
from plexor.stats.proportion import proportion_interval
from plexor.stats.raters import fleiss_kappa, gwet_ac
from plexor.stats.reader_study import (
    reader_study,
    reader_study_auc,
    reader_study_proportion,
)
from plexor.stats.reads import proportion_by_reader, proportion_of_reads
from plexor.stats.resample import by_indices, weighted_mean
from plexor.stats.result import TestResult
from plexor.stats.result_text import table
from plexor.stats.roc import auc, partial_auc
from plexor.stats.roc_areas import RocAreas, auc_covariance
from plexor.stats.roc_curve import RocCurve, roc_curve, weighted_auc
from plexor.stats.roc_multiclass import auc_one_vs_rest, hand_till_auc, macro_auc
from plexor.stats.roc_point import sensitivity_at_specificity, youden
from plexor.stats.stratified import MantelHaenszel, mantel_haenszel, mantel_haenszel_of_tables
from plexor.stats.subgroup import by_subgroup
from plexor.stats.venkatraman import venkatraman_test, venkatraman_test_unpaired

__all__ = [
    "AccuracyPlan",
    "AdjustedTest",
    "BinormalCurve",
    "Calibration",
    "DecisionCurve",
    "Detection",
    "Estimate",
    "FrocCase",
    "LikelihoodRatios",
    "LimitsOfAgreement",
    "MantelHaenszel",
    "PairedAucPlan",
    "PredictiveValues",
    "ReaderStudy",
    "RocAreas",
    "RocCurve",
    "TestResult",
    "accuracy",
    "accuracy_sample_size",
    "adjust",
    "alpha_statistic",
    "auc",
    "auc_covariance",
    "auc_difference",
    "auc_non_inferiority",
    "auc_one_vs_rest",
    "average_precision",
    "balanced_accuracy",
    "benjamini_hochberg",
    "binormal_curve",
    "bland_altman",
    "bootstrap_interval",
    "brier_score",
    "by_indices",
    "by_subgroup",
    "calibration",
    "clustered_likelihood_ratios",
    "clustered_mcnemar",
    "clustered_mean",
    "clustered_proportion",
    "clustered_quantile",
    "cochrans_q",
    "cohens_kappa",
    "cohens_kappa_of_table",
    "confusion",
    "decision_curve",
    "delong_test",
    "delong_test_all",
    "delong_test_unpaired",
    "detection",
    "difference_interval",
    "equivalence_test",
    "f1_score",
    "fleiss_kappa",
    "forced_choice",
    "gwet_ac",
    "hand_till_auc",
    "hochberg",
    "holm",
    "icc",
    "jafroc",
    "kappa_power",
    "kappa_sample_size",
    "krippendorff_alpha",
    "likelihood_ratios",
    "macro_auc",
    "mantel_haenszel",
    "mantel_haenszel_of_tables",
    "match_marks",
    "matthews_correlation",
    "mcnemar_power",
    "mcnemar_sample_size",
    "mcnemar_test",
    "mean_absolute_error",
    "mean_change",
    "median_absolute_error",
    "one_shot_auc",
    "one_shot_difference",
    "pabak",
    "paired_difference",
    "paired_difference_interval",
    "paired_odds_ratio",
    "paired_odds_ratio_interval",
    "paired_t_test",
    "partial_auc",
    "predictive_values",
    "probability_after",
    "proportion_by_reader",
    "proportion_interval",
    "proportion_non_inferiority",
    "proportion_of_reads",
    "r_squared",
    "reader_mean_cases",
    "reader_mean_power",
    "reader_study",
    "reader_study_auc",
    "reader_study_cases",
    "reader_study_jafroc",
    "reader_study_power",
    "reader_study_proportion",
    "recall_by_class",
    "roc_curve",
    "root_mean_square_error",
    "selected_level",
    "sensitivity_at_specificity",
    "sign_flip_test",
    "signed_rank_test",
    "simulated_power",
    "simultaneous_level",
    "subgroup_difference",
    "table",
    "venkatraman_test",
    "venkatraman_test_unpaired",
    "weighted_auc",
    "weighted_mean",
    "youden",
]
