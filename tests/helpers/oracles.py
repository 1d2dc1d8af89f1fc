"""Every figure of another program beside Plexor's: one list, for a test and for the docs' table."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from plexor import stats
from plexor.stats.argument import t_quantile
from plexor.stats.bootstrap import replicate_limits
from plexor.stats.grouped_variance import Part, grouped_spread
from plexor.stats.icc import IccKind
from plexor.stats.kappa import AgreementWeights

FOLDER = Path(__file__).parents[1] / "oracle" / "golden"
Pair = tuple[float, float]
KINDS: tuple[IccKind, ...] = ("1,1", "A,1", "C,1", "1,k", "A,k", "C,k")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A function's figures beside an oracle's.

    Attributes:
        functions: names in ``plexor.stats``.
        figures: what is compared, in words.
        oracle: the other program.
        pairs: gives (ours, theirs) for each figure.
        closed: False where either side is the end of an iteration, so that digits end early.
    """

    functions: tuple[str, ...]
    figures: str
    oracle: str
    pairs: Callable[[], Iterable[Pair]]
    closed: bool = True

    def largest(self) -> tuple[int, float]:
        """How many figures there are, and the largest relative difference among them."""
        found = [(float(ours or 0), float(theirs)) for ours, theirs in self.pairs()]
        return len(found), max(
            abs(a - b) / abs(b) if b else abs(a) for a, b in found if not math.isnan(b)
        )


def _golden(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"stats_{name}.json").read_text())
    return found


def _limits(estimate: stats.Estimate, theirs: Iterable[float]) -> Iterator[Pair]:
    yield from zip((estimate.low, estimate.high), theirs, strict=True)


def _proportions(method: stats.proportion.ProportionMethod, key: str) -> Iterator[Pair]:
    for row in _golden("proportion")["intervals"]:
        ours = stats.proportion_interval(row["k"], row["n"], level=row["level"], method=method)
        yield from _limits(ours, row[key])


def _clustered() -> Iterator[Pair]:
    for row in _golden("proportion")["clustered"]:
        before, after = np.array(row["before"], bool), np.array(row["after"], bool)
        share = stats.clustered_proportion(before, row["group"])
        yield share.value, row["value"]
        change = stats.paired_difference(before, after, row["group"])
        yield change.value, float(after.mean() - before.mean())


def _grouped() -> Iterator[Pair]:
    """Variance and degrees of freedom with the working model's correlation 0, as clubSandwich."""
    for row in _golden("grouped")["cases"]:
        y, codes = np.array(row["y"]), np.array(row["group"]) - 1
        n_groups, side = int(codes.max()) + 1, np.array(row["side"]) == 1
        found = grouped_spread([Part(values=y, codes=codes)], n_groups, correlation=0.0)
        yield from ((found.variance, row["plain"]["variance"]), (found.df, row["plain"]["df"]))
        parts = [
            Part(values=y[of], codes=codes[of], weight=sign)
            for of, sign in ((side, 1.0), (~side, -1.0))
        ]
        apart = grouped_spread(parts, n_groups, correlation=0.0)
        yield apart.variance, row["difference"]["variance"]


def _correlated() -> Iterator[Pair]:
    """Variance and interval by default: correlation estimated, variance held from below."""
    for row in _golden("grouped")["cases"]:
        theirs = row["exchangeable"]
        ours = stats.clustered_mean(row["y"], row["group"])
        variance = max(theirs["variance"], theirs["floor"])
        yield ours.variance or 0, variance
        yield ours.high - ours.value, t_quantile(0.95, theirs["df"]) * math.sqrt(variance)


def _mcnemar(method: stats.mcnemar.McNemarMethod, key: str) -> Iterator[Pair]:
    for row in _golden("proportion")["mcnemar"]:
        yield stats.mcnemar_test(row["b"], row["c"], method=method).p_value, row[key]


def _unpaired(method: stats.difference.DifferenceMethod, key: str) -> Iterator[Pair]:
    for row in _golden("difference")["unpaired"]:
        yield from _limits(stats.difference_interval(*row["counts"], method=method), row[key])


def _tango() -> Iterator[Pair]:
    for row in _golden("difference")["paired"]:
        ours = stats.paired_difference_interval(*row["counts"], method="tango")
        yield from _limits(ours, row["tango"])


def _mid_p() -> Iterator[Pair]:
    for row in _golden("difference")["midp"]:
        yield from _limits(
            stats.proportion_interval(row["k"], row["n"], method="mid-p"), row["limits"]
        )


def _cochran() -> Iterator[Pair]:
    for row in _golden("difference")["q"]:
        ours = stats.cochrans_q(row["x"])
        yield from ((ours.statistic, row["statistic"]), (ours.p_value, row["p"]))


def _areas() -> Iterator[Pair]:
    for row in _golden("roc")["sets"].values():
        ours = stats.auc(row["truth"], row["a"], interval="wald")
        both = stats.auc_covariance(row["truth"], np.column_stack([row["a"], row["b"]]))
        yield from ((ours.value, row["auc"]), (ours.variance or 0, row["variance"]))
        yield from _limits(ours, row["wald"])
        yield both.covariance[0, 1], row["covariance"]


def _delong() -> Iterator[Pair]:
    for row in _golden("roc")["sets"].values():
        truth, a, b = row["truth"], row["a"], row["b"]
        paired, half = stats.delong_test(truth, a, b), len(truth) // 2
        unpaired = stats.delong_test_unpaired(truth[:half], a[:half], truth[half:], b[half:])
        yield paired.statistic, row["z"]
        yield unpaired.statistic, row["unpaired"]


def _partial() -> Iterator[Pair]:
    for row in _golden("roc")["sets"].values():
        cases = row["truth"], row["a"]
        yield stats.partial_auc(*cases, specificity=(0.8, 1)).value, row["partial"]
        yield stats.partial_auc(*cases, specificity=(0.55, 0.9)).value, row["partial_middle"]
        yield stats.partial_auc(*cases, sensitivity=(0.75, 1)).value, row["partial_sensitivity"]
        part = stats.partial_auc(*cases, specificity=(0.8, 1), standardised=True)
        yield part.value, row["standardised"]


def _points() -> Iterator[Pair]:
    for row in _golden("roc")["sets"].values():
        cases = row["truth"], row["a"]
        at = stats.sensitivity_at_specificity(*cases, 0.83, seed=1, n_resamples=50)
        yield at.value, row["at_specificity"]
        yield stats.youden(*cases, seed=1, n_resamples=50)[0].value, row["youden"]


def _hand_till() -> Iterator[Pair]:
    row = _golden("roc")["multiclass"]
    ours = stats.hand_till_auc(row["truth"], np.array(row["scores"]), ["x", "y", "z"])
    yield ours.value, row["hand_till"]


def _kappas() -> Iterator[Pair]:
    for row in _golden("agreement")["kappas"].values():
        plain = stats.cohens_kappa_of_table(row["table"])
        yield from ((plain.value, row["kappa"]), (plain.variance or 0, row["variance"]))
        for weights in ("linear", "quadratic"):
            ours = stats.cohens_kappa_of_table(row["table"], weights=weights)
            yield ours.value, row[weights]
            yield ours.variance or 0, row[f"{weights}_ase"] ** 2


def _raters() -> Iterator[Pair]:
    row = _golden("raters")["several"]
    for weights in get_args(AgreementWeights):
        for name, function in (("gwet_ac", stats.gwet_ac), ("fleiss_kappa", stats.fleiss_kappa)):
            ours = function(row["ratings"], [1, 2, 3, 4], weights=weights)
            theirs = row["found"][weights][name]
            yield ours.value, theirs["value"]
            yield math.sqrt(ours.variance or 0), theirs["se"]


def _alphas() -> Iterator[Pair]:
    for row in _golden("raters").values():
        for weights, scale in (("identity", "nominal"), ("quadratic", "interval")):
            ours = stats.krippendorff_alpha(row["ratings"], [1, 2, 3, 4], scale=scale)  # type: ignore[arg-type]
            yield ours.value, row["found"][weights]["krippendorff_alpha"]["value"]


def _iccs() -> Iterator[Pair]:
    for row in _golden("agreement")["icc"]:
        for place, kind in enumerate(KINDS):
            ours = stats.icc(row["x"], kind=kind, interval="f")
            yield ours.value, row["value"][place]
            yield from _limits(ours, (row["low"][place], row["high"][place]))


def _repeated() -> Iterator[Pair]:
    row = _golden("agreement")["repeated"]
    ours = stats.bland_altman(row["first"], row["second"], row["subject"])
    yield ours.bias.value, row["bias"]
    yield from ((ours.sd_between, row["between"]), (ours.sd_within, row["within"]))


def _binormal() -> Iterator[Pair]:
    for row in _golden("readers")["curves"]:
        counts = [*row["negative"], *row["positive"]]
        truth = np.repeat([0, 1], [sum(row["negative"]), sum(row["positive"])])
        curve = stats.binormal_curve(truth, np.repeat([*range(1, 6), *range(1, 6)], counts))
        yield curve.area.value, row["area"]
        yield from ((curve.intercept, row["intercept"]), (curve.slope, row["slope"]))


def _reads() -> Iterator[Pair]:
    row = _golden("readers")["reads"]
    yield (
        stats.proportion_of_reads(row["hit"], row["case"], row["reader"]).variance or 0,
        row["variance"],
    )


def _errors() -> Iterator[Pair]:
    row = _golden("continuous")
    given = row["truth"], row["prediction"], row["group"]
    mae = stats.mean_absolute_error(*given)
    yield mae.value, row["mae"]
    rmse, r2 = stats.root_mean_square_error(*given), stats.r_squared(*given)
    yield from ((rmse.value, row["rmse"]), (r2.value, row["r2"]))


def _changes() -> Iterator[Pair]:
    row = _golden("continuous")
    given = row["before"], row["after"]
    t = stats.paired_t_test(*given)
    yield from ((t.statistic, row["t"]), (t.p_value, row["t_p"]))
    yield from _limits(stats.mean_change(*given), row["t_interval"])
    yield stats.equivalence_test(*given, 1.2).p_value, max(row["greater"], row["less"])
    yield stats.signed_rank_test(*given).p_value, row["wilcoxon"]
    small = stats.sign_flip_test(row["small_before"], row["small_after"], scores="rank", seed=0)
    yield small.p_value, row["small_wilcoxon"]


def _bootstrap() -> Iterator[Pair]:
    row = _golden("bootstrap")
    x, weights = np.array(row["x"]), np.array(row["weights"], float)
    means = weights @ x / x.size
    variances = (weights * (x - means[:, None]) ** 2).sum(axis=1) / x.size**2
    errors = np.sqrt(np.concatenate([[x.var() / x.size], variances]))
    extras = {"percentile": None, "bca": (x.sum() - x) / (x.size - 1), "studentised": errors}
    for method, extra in extras.items():
        for place, level in enumerate((0.8, 0.95)):
            found = replicate_limits(float(x.mean()), means, extra, method, level)  # type: ignore[arg-type]
            yield from zip(found[:2], row[method][place], strict=True)


def _adjusted() -> Iterator[Pair]:
    row = _golden("planning")
    p = np.array(row["p"], float)
    for name, key in (("holm", "holm"), ("hochberg", "hochberg"), ("benjamini_hochberg", "bh")):
        theirs = np.array(row[key], float)
        yield from zip(getattr(stats, name)(p)[~np.isnan(p)], theirs[~np.isnan(p)], strict=True)


def _power() -> Iterator[Pair]:
    methods: dict[str, stats.planning.McNemarPlan] = {"exact": "exact", "mid": "mid-p"}
    for row in _golden("planning")["power"]:
        for key, method in methods.items():
            ours = stats.mcnemar_power(
                row["b"], row["c"], row["n"], alpha=row["alpha"], method=method
            )
            yield ours, row[key]


def _calibrations() -> Iterator[Pair]:
    for row in _golden("clinical")["calibrations"]:
        ours = stats.calibration(row["truth"], row["p"])
        yield from ((ours.slope.value, row["slope"]), (ours.intercept.value, row["intercept"]))
        yield from ((ours.in_the_large.value, row["large"]), (ours.brier.value, row["brier"]))
        yield ours.slope.variance or 0, row["slope_variance"]
        grouped = stats.calibration(row["truth"], row["p"], row["group"])
        yield grouped.slope.variance or 0, row["clustered"]


def _ratios() -> Iterator[Pair]:
    for row in _golden("clinical")["ratios"]:
        ours = stats.likelihood_ratios(*row["counts"], interval="log")
        yield from zip(ours.positive, row["positive"], strict=True)
        yield from zip(ours.negative, row["negative"], strict=True)
        score = stats.likelihood_ratios(*row["counts"]).positive
        yield from zip(score, row["score"], strict=True)


def _strata() -> Iterator[Pair]:
    for row in _golden("clinical")["stratified"]:
        ours = stats.mantel_haenszel_of_tables(row["tables"])
        yield ours.odds_ratio.value, row["odds"]
        yield from _limits(ours.odds_ratio, row["odds_interval"])
        yield from zip(ours.risk_ratio, row["risk"], strict=True)
        yield from zip(ours.risk_difference, row["difference"], strict=True)
        yield from zip(ours.test, (row["statistic"], row["p"]), strict=True)


def _correlation() -> Iterator[Pair]:
    row = _golden("clinical")["correlation"]
    yield stats.matthews_correlation(row["x"], row["y"]).value, row["r"]


def of_counts(n_positive: int, n: int, row: dict[str, Any]) -> tuple[list[int], list[float]]:
    """Truth and predictions of cases with the counts of a published curve.

    A case that is called at the i-th threshold and at no higher one has a prediction there.
    """
    truth: list[int] = []
    prediction: list[float] = []
    totals = (("true_positive", 1, n_positive), ("false_positive", 0, n - n_positive))
    for key, positive, total in totals:
        called = [total, *row[key], 0]
        for threshold, here, above in zip(
            [0.0, *row["thresholds"]], called[:-1], called[1:], strict=True
        ):
            truth += [positive] * (here - above)
            prediction += [threshold] * (here - above)
    return truth, prediction


def _net_benefits() -> Iterator[Pair]:
    found = _golden("dcurves")
    for row in found["models"]:
        thresholds = found["thresholds"]
        cases = of_counts(found["n_positive"], found["n"], {**row, "thresholds": thresholds})
        curve = stats.decision_curve(*cases, thresholds)
        yield from zip([one.value for one in curve.model], row["net_benefit"], strict=True)
        yield from zip([one.value for one in curve.treat_all], found["treat_all"], strict=True)


def _marginal_means() -> Iterator[Pair]:
    found = _golden("margins")
    for row in found["studies"]:
        areas = np.array(row["areas"])
        study = stats.reader_study(areas, np.zeros((areas.size, areas.size)), 50)
        test = study.test(inference="fixed cases")
        yield from ((test.statistic, row["statistic"]), (test.p_value, row["p"]))
        pairs = [(i, j) for i in range(len(areas)) for j in range(i + 1, len(areas))]
        theirs = [np.atleast_1d(row[key]).tolist() for key in ("estimate", "low", "high")]
        for place, (i, j) in enumerate(pairs):
            ours = study.difference(i, j, inference="fixed cases")
            yield from zip(ours, (column[place] for column in theirs), strict=True)
    right, truth = np.array(found["right"]), np.array(found["truth"])
    decision = np.where(right == 1, truth, (truth + 1) % 4)
    yield stats.balanced_accuracy(truth, decision, range(4)).value, found["balanced"]
    yield stats.subgroup_difference(right, found["member"]).value, found["between"]


def _predictive_values() -> Iterator[Pair]:
    for row in _golden("margins")["tables"]:
        ours = stats.predictive_values(*row["counts"], row["prevalence"])  # type: ignore[call-arg]
        yield from ((ours.positive.value, row["positive"]), (ours.negative.value, row["negative"]))


def _sample_sizes() -> Iterator[Pair]:
    for row in _golden("margins")["plans"]:
        given = ("sensitivity", "specificity", "prevalence", "half_width")
        ours = stats.accuracy_sample_size(**{name: row[name] for name in given}, method="wald")
        yield ours.n_positive, math.ceil(row["positive"])
        yield ours.n_negative, math.ceil(row["negative"])


def _precisions() -> Iterator[Pair]:
    for row in _golden("precision")["rows"]:
        truth, score = row["truth"], row["score"]
        ours = stats.average_precision(truth, score, seed=0, n_resamples=20)
        yield ours.value, row["average_precision"]
        yield stats.f1_score(truth, row["called"]).value, row["f1"]
        yield stats.brier_score(truth, score).value, row["brier"]


def _row(
    functions: str,
    figures: str,
    oracle: str,
    pairs: Callable[[], Iterable[Pair]],
    *,
    closed: bool = True,
) -> Comparison:
    return Comparison(
        functions=tuple(functions.split()),
        figures=figures,
        oracle=oracle,
        pairs=pairs,
        closed=closed,
    )


COMPARISONS = (
    _row(
        "proportion_interval",
        "Wilson limits",
        "R prop.test",
        lambda: _proportions("wilson", "wilson"),
    ),
    _row(
        "proportion_interval",
        "Clopper-Pearson limits",
        "R binom.test",
        lambda: _proportions("clopper-pearson", "exact"),
    ),
    _row(
        "proportion_interval",
        "Jeffreys limits",
        "R qbeta",
        lambda: _proportions("jeffreys", "jeffreys"),
    ),
    _row("proportion_interval", "mid-p limits", "root of the tail in R", _mid_p, closed=False),
    _row("clustered_proportion paired_difference", "values", "R survey", _clustered),
    _row(
        "clustered_mean subgroup_difference",
        "CR2 variances, degrees of freedom",
        "R clubSandwich",
        _grouped,
    ),
    _row(
        "clustered_mean",
        "variances, limits, correlation estimated",
        "dense matrices in R",
        _correlated,
    ),
    _row(
        "difference_interval", "Newcombe limits", "R Epi", lambda: _unpaired("newcombe", "newcombe")
    ),
    _row(
        "difference_interval",
        "score limits",
        "likelihood maximised in R",
        lambda: _unpaired("miettinen-nurminen", "score"),
        closed=False,
    ),
    _row(
        "paired_difference_interval",
        "Tango limits",
        "likelihood maximised in R",
        _tango,
        closed=False,
    ),
    _row("mcnemar_test", "exact p", "R binom.test", lambda: _mcnemar("exact", "exact")),
    _row(
        "mcnemar_test",
        "asymptotic p",
        "R mcnemar.test",
        lambda: _mcnemar("asymptotic", "asymptotic"),
    ),
    _row(
        "mcnemar_test", "corrected p", "R mcnemar.test", lambda: _mcnemar("corrected", "corrected")
    ),
    _row("cochrans_q", "Q, p", "R mantelhaen.test", _cochran),
    _row("auc auc_covariance", "areas, (co)variances, limits", "R pROC", _areas),
    _row("delong_test delong_test_unpaired", "z", "R pROC", _delong),
    _row("partial_auc", "areas", "R pROC", _partial),
    _row("sensitivity_at_specificity youden", "values", "R pROC", _points),
    _row("hand_till_auc", "value", "R pROC", _hand_till),
    _row("cohens_kappa_of_table", "values, variances, weighted too", "R vcd, psych", _kappas),
    _row("gwet_ac fleiss_kappa", "values, errors, ratings missing", "irrCAC", _raters),
    _row("krippendorff_alpha", "values, ratings missing", "irrCAC", _alphas),
    _row("icc", "six kinds, limits", "R psych", _iccs),
    _row("bland_altman", "bias, components", "R lme4, REML", _repeated, closed=False),
    _row("binormal_curve", "area, both parameters", "R optim", _binormal, closed=False),
    _row("proportion_of_reads", "two-way variance", "R sandwich", _reads),
    _row(
        "mean_absolute_error root_mean_square_error r_squared",
        "values",
        "R survey",
        _errors,
    ),
    _row(
        "paired_t_test mean_change equivalence_test signed_rank_test sign_flip_test",
        "t, p, limits",
        "R t.test, wilcox.test",
        _changes,
    ),
    _row("bootstrap_interval", "limits from the same resamples", "R boot", _bootstrap),
    _row("holm hochberg benjamini_hochberg", "adjusted p", "R p.adjust", _adjusted),
    _row("mcnemar_power", "power", "every table added up in R", _power),
    _row(
        "calibration brier_score",
        "intercept, slope, variances, Brier",
        "R glm, rms, sandwich",
        _calibrations,
        closed=False,
    ),
    _row("likelihood_ratios", "ratios, limits of both kinds", "R epiR", _ratios),
    _row(
        "mantel_haenszel",
        "three estimates, limits, test",
        "R mantelhaen.test, epiR",
        _strata,
    ),
    _row("matthews_correlation", "value", "R cor", _correlation),
    _row("average_precision f1_score brier_score", "values", "scikit-learn", _precisions),
    _row("predictive_values", "values at the sample's prevalence", "R epiR", _predictive_values),
    _row("decision_curve", "net benefit, published example", "R dcurves", _net_benefits),
    _row("accuracy_sample_size", "positives, negatives", "R epiR", _sample_sizes),
    _row(
        "reader_study balanced_accuracy subgroup_difference",
        "F, p, differences with limits (cases fixed); values",
        "R emmeans",
        _marginal_means,
    ),
)
