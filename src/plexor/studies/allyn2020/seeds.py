"""The figures of the first table with several seeds, and their spread."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from plexor.findings import CLEAN as UNTOUCHED
from plexor.findings.study_file import Number, StudyRow, StudyTable
from plexor.findings.summary.class_results import ClassAttackResult
from plexor.findings.summary.results import of_kind
from plexor.studies.allyn2020.ours import Ours
from plexor.studies.allyn2020.plans import CLEAN, GENERATOR, MAIN_RADIUS, PUBLISHED

REPEATED = (PUBLISHED, CLEAN)
"""The arms that are run with every seed."""
_FIGURES = {
    "accuracy": "Accuracy, untouched",
    "accuracy-after": "Accuracy, changed",
    "called": "Called a naevus once changed, all images",
    "turned": "Turned into a naevus, of those not called one before",
    "noise": "Turned into a naevus by noise of the same size",
}


def folder_of(out: Path, seed: int) -> Path:
    """Where the arms of a seed lie; those of seed 0 are the study's own."""
    return out if seed == 0 else out / f"seed-{seed}"


def read_seeds(out: Path, seeds: int, lesion_of: Mapping[str, str]) -> dict[str, tuple[Ours, ...]]:
    """Arm → its results with each seed."""
    return {
        arm: tuple(
            Ours.read(folder_of(out, seed) / arm / "run", lesion_of) for seed in range(seeds)
        )
        for arm in REPEATED
    }


def seeds_table(arms: Mapping[str, Sequence[Ours]]) -> StudyTable:
    """Each figure with each seed, and how far they lie apart.

    Args:
        arms: arm → its results with each seed.
    """
    seeds = range(len(next(iter(arms.values()))))
    measured = {arm: [_figures(ours) for ours in found] for arm, found in arms.items()}
    rows = []
    for name, words in _FIGURES.items():
        for arm, found in measured.items():
            numbers = [figures[name] for figures in found]
            rows.append(StudyRow(name=words, detail=arm, cells=(*numbers, spread(numbers))))
    return StudyTable(
        id="seeds",
        title="With other seeds",
        text=f"The generator at {MAIN_RADIUS} levels, stored losslessly. Every seed draws "
        "everything anew: which images are trained on and judged, the network's first weights and "
        "the order of training, the generator, the noise. The intervals say what other images of "
        "the same kind would change; the spread says what another training changes, too.",
        columns=("Figure", *(f"seed {seed}" for seed in seeds), "spread"),
        rows=tuple(rows),
        note="The spread is from the least to the greatest, with the standard deviation (SD) over "
        "the seeds. Few seeds give a rough idea of it only.",
    )


def spread(numbers: Sequence[Number]) -> str:
    """The least and the greatest of several shares, and their standard deviation, in words."""
    values = [number.value for number in numbers if number.value is not None]
    if len(values) < len(numbers):
        return "undefined with some seeds"
    low, high = (f"{100 * value:.1f}" for value in (min(values), max(values)))
    return f"{low} to {high} %, SD {100 * statistics.stdev(values):.1f} points"


def _figures(ours: Ours) -> dict[str, Number]:
    """The figures of one arm with one seed."""
    probe = ours.probe(GENERATOR, MAIN_RADIUS)
    result = of_kind(probe.lossless, ClassAttackResult)
    turned, noise = result.targeted_success, result.control_success
    return {
        "accuracy": ours.accuracy(UNTOUCHED),
        "accuracy-after": ours.accuracy(probe.id),
        "called": ours.called_naevus(probe.id),
        "turned": Number(kind="share", value=None)
        if turned is None
        else Number.of("share", turned),
        "noise": Number.of("share", noise),
    }
