"""The study's result: tables, published figures beside ours, and the verdict in words."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from plexor.core.version import __version__
from plexor.findings.study_file import (
    Agreement,
    Arm,
    Compared,
    Number,
    StudyMaps,
    StudyResult,
    StudyTable,
)
from plexor.stats import clustered_mean
from plexor.studies.li2020.attention import Attended, attention_table
from plexor.studies.li2020.ours import Network, Paired, paired, relative_difference
from plexor.studies.li2020.plans import (
    CONVENTIONAL,
    HYBRID,
    NETWORKS,
    PERMUTED,
    VOLUMES,
    Scale,
    arm_of,
)
from plexor.studies.li2020.published import LI2020, PHANTOMS
from plexor.studies.li2020.tables import (
    age_table,
    attackers_table,
    away,
    clean_table,
    crossing_table,
    paired_table,
    real_table,
    share_table,
    size_table,
    universal_table,
)

_FIGURES = {"mae-image": CONVENTIONAL, "mae-both": HYBRID, "mae-volumes": VOLUMES}
_OTHER_PEOPLE = "the published figure is of other people, and ours of phantoms"
_FEWEST_SEEDS = 3
_ANATOMY = "It is thus not shown that it is anatomy, rather than any second input, that protects."
PIPELINE, BOTH, ALONE = (
    "hybrid: volumes estimated – held",
    "hybrid: image and volumes – image",
    "hybrid: volumes – image",
)


def study_result(
    scale: Scale,
    *,
    networks: Mapping[str, Network],
    pipeline: Network,
    real: Mapping[str, Network],
    real_radius: float,
    moved: Mapping[str, float],
    estimated: Mapping[str, tuple[float, float]],
    l2: float,
    attended: Mapping[str, tuple[Attended, ...]],
    maps: tuple[StudyMaps, ...] = (),
) -> StudyResult:
    """The contents of the report.

    Args:
        scale: of the run.
        networks: name → the network on phantoms.
        pipeline: the hybrid with estimated volumes.
        real: name → the network on real volumes; empty without.
        real_radius: in stored numbers of these.
        moved: measurement error of each feature, in ml.
        estimated: error of each volume's estimate in ml, and its correlation with the truth.
        l2: the L2 radius.
        attended: name → where the maps of the network's first seed lie.
        maps: of one scan, to be looked at.
    """
    comparisons = _comparisons(networks, pipeline, scale)
    study = LI2020
    tables: list[StudyTable] = [
        clean_table(networks),
        attackers_table(networks, pipeline, moved, estimated, scale),
        paired_table(comparisons, _errors(networks), _relative(networks, scale)),
        size_table(networks, scale, l2),
        crossing_table(networks, scale),
        universal_table(networks, scale),
        age_table(networks, scale),
        share_table(networks),
        attention_table(attended, scale),
    ]
    if real:
        tables.append(real_table(real, real_radius))
    n_real = max((len(found.clean()["case_id"].unique()) for found in real.values()), default=0)
    return StudyResult(
        plexor=__version__,
        name=study.name,
        title=study.title,
        citation=study.citation,
        question=study.question,
        design=study.design,
        scale=scale.name,
        setting=scale.setting(real=n_real),
        departures=study.departures,
        rows=tuple(_row(figure, networks[name]) for figure, name in _FIGURES.items()),
        arms=tuple(_arm(name, seed) for name in networks for seed in range(len(scale.seeds))),
        tables=tuple(tables),
        limits=study.limits,
        maps=maps,
        verdict=f"{PHANTOMS} {verdict(networks, comparisons, scale)}",
    )


def _row(figure: str, network: Network) -> Compared:
    published = LI2020.figure(figure)
    return Compared(
        id=figure,
        what=published.what,
        published=published.number(),
        ours={"phantoms": network.mae()},
        agreement={"phantoms": Agreement(word="cannot be compared", because=_OTHER_PEOPLE)},
    )


def _arm(name: str, seed: int) -> Arm:
    arm = arm_of(name, seed)
    return Arm(
        name=arm,
        title=f"{name}, seed {seed}",
        text="Trained on phantoms, and audited on those of other people.",
        run=f"{arm}/run",
        commands=(
            f"plexor train {arm}/plan.yaml",
            f"plexor audit {arm}/plan.yaml --out {arm}/run",
        ),
    )


def _comparisons(networks: Mapping[str, Network], pipeline: Network, scale: Scale) -> list[Paired]:
    """Networks before the same attacker, then attackers on the hybrid, all at the main radius."""
    probe = away(scale.main_radius)
    shifts = {name: found.shifts(probe) for name, found in networks.items()}
    hybrid = networks[HYBRID]
    pairs = {
        f"{one} – {other}": (shifts[one], shifts[other])
        for one, other in (
            (CONVENTIONAL, HYBRID),
            (CONVENTIONAL, PERMUTED),
            (PERMUTED, HYBRID),
            (HYBRID, VOLUMES),
        )
    }
    pairs[PIPELINE] = (pipeline.shifts(probe), shifts[HYBRID])
    pairs[BOTH] = (hybrid.shifts(hybrid.find("both-")), shifts[HYBRID])
    pairs[ALONE] = (hybrid.shifts(hybrid.find("features-")), shifts[HYBRID])
    return paired(pairs)


def _errors(networks: Mapping[str, Network]) -> dict[str, str]:
    """Difference of clean absolute errors of each pair of networks, in words."""
    found = {}
    for one in NETWORKS:
        for other in NETWORKS:
            if one != other:
                difference = _error_difference(networks[one], networks[other])
                found[f"{one} – {other}"] = _years(difference)
    return found


def _relative(networks: Mapping[str, Network], scale: Scale) -> dict[str, str]:
    """Difference of shifts in units of each network's clean error, of each pair, in words."""
    return {
        f"{one} – {other}": _in_errors(networks[one], networks[other], scale)
        for one in NETWORKS
        for other in NETWORKS
        if one != other
    }


def _in_errors(one: Network, other: Network, scale: Scale) -> str:
    probe, errors = away(scale.main_radius), (one.mae().value, other.mae().value)
    if not (errors[0] and errors[1]):
        return "undefined"
    found = relative_difference(one.shifts(probe), errors[0], other.shifts(probe), errors[1])
    return f"{found.value:+.2f} ({found.low:+.2f} to {found.high:+.2f})"


def _error_difference(one: Network, other: Network) -> Number:
    """Mean of the first's absolute errors minus the second's, over the same scans."""

    def errors(network: Network) -> pd.DataFrame:
        rows = network.clean()
        wide = rows.assign(error=(rows["after"] - rows["truth"]).abs())
        return wide.groupby("case_id").agg(group=("group", "first"), error=("error", "mean"))

    first, second = errors(one), errors(other)
    both = first.merge(second, left_index=True, right_index=True, suffixes=("", "_other"))
    difference = (both["error"] - both["error_other"]).to_numpy(float)
    return Number.of("years", clustered_mean(difference, both["group"].to_numpy(str)))


def _years(number: Number) -> str:
    if number.value is None or number.low is None or number.high is None:
        return "undefined"
    return f"{number.value:+.2f} years ({number.low:+.2f} to {number.high:+.2f})"


def verdict(
    networks: Mapping[str, Network],
    comparisons: list[Paired],
    scale: Scale,
) -> str:
    """What was shown, and what was not, in sentences."""
    by_name = {one.name: one for one in comparisons}
    against, permuted = by_name[f"{CONVENTIONAL} – {HYBRID}"], by_name[f"{PERMUTED} – {HYBRID}"]
    held, own = "the hybrid with volumes held", "the hybrid with its own volumes"
    pairs = (
        (f"In this run, at L∞ ≤ {scale.main_radius:g}: with volumes held, ", against,
         "the conventional network", "the hybrid"),
        ("With the volumes of other people, ", permuted, "the hybrid so trained", own),
        ("Where the volumes are estimated from the attacked image, ", by_name[PIPELINE],
         "the hybrid", held),
        ("Before an attacker who also moves the volumes within their measurement error, ",
         by_name[BOTH], "the hybrid", held),
    )  # fmt: skip
    parts = [f"{start}{_compared(found, one, other)}." for start, found, one, other in pairs]
    parts.insert(1, _equal_error(networks))
    parts.insert(2, _corrected(networks, scale))
    if against.shown and against.difference.value > 0 and not permuted.shown:
        parts.insert(4, _ANATOMY)
    if len(scale.seeds) < _FEWEST_SEEDS:
        parts.append(
            f"With {len(scale.seeds)} training seed(s) no difference between networks is a finding."
        )
    return " ".join(filter(None, parts))


def _compared(found: Paired, one: str, other: str) -> str:
    """A comparison in words, with its interval and p."""
    value, low, high = found.difference.value, found.difference.low, found.difference.high
    figures = f"{abs(value):.2f} years, 95 % interval of the difference {low:+.2f} to {high:+.2f}"
    p = f"p = {found.corrected:.3f} after Holm's correction"
    if not found.shown:
        return f"no difference was shown between {one} and {other} ({figures}, {p})"
    way = "further" if value > 0 else "less far"
    return f"{one} moved {way} than {other} ({figures}, {p})"


def _corrected(networks: Mapping[str, Network], scale: Scale) -> str:
    """The shifts in units of each network's own error."""
    found = _in_errors(networks[CONVENTIONAL], networks[HYBRID], scale)
    return f"In units of its own clean error, the conventional network's shift differs by {found}."


def _equal_error(networks: Mapping[str, Network]) -> str:
    """Whether the two networks were equally accurate."""
    difference = _error_difference(networks[CONVENTIONAL], networks[HYBRID])
    if difference.low is None or difference.high is None:
        return ""
    if difference.low <= 0 <= difference.high:
        return f"Their clean errors differ by {_years(difference)}, which chance may explain."
    return (
        f"Their clean errors differ by {_years(difference)}: at unequal accuracy a difference in "
        "robustness is not one of design alone."
    )
