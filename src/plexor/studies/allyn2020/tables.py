"""The report's tables after the comparison with published figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from plexor.findings.study_file import Number, StudyConfusion, StudyRow, StudyTable
from plexor.findings.summary.class_results import ClassAttackResult, ClassPerformance
from plexor.findings.summary.estimate import StoredEstimate
from plexor.findings.summary.probe_summary import AttackSummary
from plexor.findings.summary.results import AttackResult, of_kind
from plexor.stats import cohens_kappa_of_table, detection, proportion_interval
from plexor.studies.allyn2020.layout import NAEVUS
from plexor.studies.allyn2020.ours import Ours, aims_at
from plexor.studies.allyn2020.plans import (
    GENERATOR,
    MAIN_RADIUS,
    NAEVI_KEPT,
    ONE_PIXEL,
    RADII,
    UNIVERSAL,
    UNTARGETED_RADIUS,
)
from plexor.studies.allyn2020.published import (
    ALLYN2020,
    CORRECT_REJECTIONS,
    HITS,
    N_IMAGES,
    N_NAEVI,
    N_ORIGINAL,
    N_PERTURBED,
    OBSERVERS,
)

_AGAIN = "recompressed-own"
_NAMES = {GENERATOR: "Generator, an image at a time", UNIVERSAL: "Generator, one change for all"}


def class_table(arms: Mapping[str, Ours]) -> StudyTable:
    """The fooling ratio by class, and over the images not called a naevus before."""
    published = ALLYN2020.figure("fooling-by-class")
    classes = next(iter(arms.values())).summary.cohort.classes
    probes = {name: arm.probe(GENERATOR, MAIN_RADIUS) for name, arm in arms.items()}
    rows = [
        StudyRow(
            name=name,
            cells=(
                published.number(),
                *(arms[arm].called_naevus(probes[arm].id, truth=name) for arm in arms),
            ),
        )
        for name in classes
    ]
    success = StudyRow(
        name="Not called naevi before",
        detail="targeted success",
        cells=(None, *(_targeted(probes[arm].lossless) for arm in arms)),
    )
    return StudyTable(
        id="fooling-by-class",
        title="Fooling ratio by class",
        text=f"Images called {NAEVUS} once changed, by the generator at {MAIN_RADIUS} levels, "
        "stored losslessly. Naevi that were called naevi before are among the first rows; the "
        "last row is over the images that there was something to change in. Below, what each image "
        "was called, untouched and changed: rows are the truth, columns the decision; the darker a "
        "cell, the greater its share of the row.",
        columns=("True class", "Published", *arms),
        rows=(*rows, success),
        note="The paper does not say how many images each class has, so that agreement cannot be "
        "told class by class.",
        confusions=tuple(_confusion(arm, arms[arm], probe) for arm, probe in probes.items()),
    )


def _confusion(name: str, arm: Ours, probe: AttackSummary) -> StudyConfusion:
    """Confusion matrices of an arm, untouched and under a probe."""
    result = of_kind(probe.lossless, ClassAttackResult)
    return StudyConfusion(
        arm=name,
        attack=f"the generator, {_levels(probe.threat.radius)}",
        classes=arm.summary.cohort.classes,
        before=of_kind(arm.summary.clean.lossless, ClassPerformance).confusion,
        after=result.confusion,
        transitions=result.transitions,
    )


def identity_table(
    arms: Mapping[str, Ours], *, most_lesions: int | None, drawn: bool
) -> StudyTable:
    """Accuracy after the attack beside the share of naevi, equal if all are called naevi.

    Args:
        arms: name → what came of it.
        most_lesions: of each class but naevi, that the scale keeps; None for all.
        drawn: whether the images are phantoms.
    """
    probes = {name: arm.probe(GENERATOR, MAIN_RADIUS) for name, arm in arms.items()}
    share = proportion_interval(N_NAEVI, N_IMAGES)
    return StudyTable(
        id="identity",
        title="What accuracy after the attack measures",
        text="Once every image is called a naevus, exactly the naevi are called rightly: accuracy "
        "is their share of the images, whatever the classifier was worth before.",
        columns=("", "Published", *arms),
        rows=(
            StudyRow(
                name="Share of naevi",
                detail="published: of all HAM10000",
                cells=(Number.of("share", share), *(arm.prevalence() for arm in arms.values())),
            ),
            StudyRow(
                name="Accuracy, changed images",
                cells=(
                    ALLYN2020.figure("accuracy-after").number(),
                    *(arm.accuracy(probes[name].id) for name, arm in arms.items()),
                ),
            ),
            StudyRow(
                name="Accuracy is the share of naevi",
                cells=(
                    "to the digits printed",
                    *(arm.identity(probes[name].id) for name, arm in arms.items()),
                ),
            ),
        ),
        note=_shares(most_lesions, drawn=drawn),
    )


def _shares(most_lesions: int | None, *, drawn: bool) -> str:
    """What decides the share of naevi among our images."""
    if drawn:
        return (
            "Two thirds of the phantoms' lesions are drawn as naevi, about as many as HAM10000 "
            "has. That accuracy after a perfect attack is near the published number is that choice."
        )
    if most_lesions is None:
        return ""
    return (
        f"This scale keeps at most {most_lesions} lesions of each class, and of naevi "
        f"{NAEVI_KEPT * most_lesions}, so that naevi are another share of the images than of "
        "HAM10000, and accuracy after a perfect attack is that share. The identity holds all the "
        "same; the number is not to be compared with the published one."
    )


def size_table(arms: Mapping[str, Ours]) -> StudyTable:
    """Every targeted attack at every radius, lossless and compressed again, beside noise."""
    rows = [
        StudyRow(
            name=_NAMES.get(attack, attack.upper()),
            detail=_levels(radius),
            cells=tuple(
                cell
                for arm in arms.values()
                for cell in _sized(arm.find(attack, radius), _targeted)
            ),
        )
        for attack, radius in _attacks(arms)
    ]
    columns = ("turned into naevi", "compressed again", "noise", "accuracy")
    return StudyTable(
        id="size",
        title="By size of the change",
        text="Of the images not called naevi before, the share that is called so: stored "
        "losslessly; once more as JPEG with the file's own tables; and, for noise of the same "
        "size, losslessly. Accuracy is over all images, lossless.",
        columns=("Attack", *(f"{name}: {column}" for name in arms for column in columns)),
        rows=tuple(rows),
        note="A dash: not run in this arm, or the files are no JPEGs. Where the plan lets PGD stop "
        "at success, as at `small`, it leaves an image as soon as it is turned, and compression "
        "easily undoes what only just got there.",
    )


def other_table(clean: Ours) -> StudyTable:
    """The untargeted generator, and the one-pixel attack, which the paper's abstract mentions."""
    tried = [
        (
            _NAMES[GENERATOR],
            _levels(UNTARGETED_RADIUS),
            clean.find(GENERATOR, UNTARGETED_RADIUS, target=None),
        ),
        ("One pixel", "differential evolution", clean.find(ONE_PIXEL, 1, target=None)),
    ]
    return StudyTable(
        id="any-mistake",
        title="Any mistake, and a single pixel",
        text="After any wrong class, not naevi alone: the generator, and the change of a single "
        "pixel, with which the paper's abstract begins. Clean arm, stored losslessly; the share of "
        "rightly called images that became wrong, beside noise of the same size.",
        columns=("Attack", "Became wrong", "Compressed again", "By noise", "Accuracy"),
        rows=tuple(
            StudyRow(name=name, detail=detail, cells=tuple(_sized(probe, _reached)))
            for name, detail, probe in tried
        ),
        note="The search for a pixel asks for a limited number of answers an image (its options "
        "stand in the arm's plan); one that finds nothing has not shown that there is none. A "
        "dash: not run at this scale.",
    )


def transfer_table(first: Ours, second: Ours) -> StudyTable:
    """Transfer of the generators to another network."""
    networks = [arm.summary.model.architecture for arm in (first, second)]
    return StudyTable(
        id="transfer",
        title="On another network",
        text="The generators of the clean arm, fitted on the first network, and the same images "
        "given to a second one that they have not seen. Both networks learnt the same images.",
        columns=(
            "Attack",
            *(f"turned into naevi: {name}" for name in networks),
            f"noise: {networks[1]}",
        ),
        rows=tuple(
            StudyRow(
                name=_NAMES[attack],
                detail=_levels(radius),
                cells=(
                    _targeted(first.probe(attack, radius).lossless),
                    _targeted(second.probe(attack, radius).lossless),
                    _share(second.probe(attack, radius).lossless.control_success),
                ),
            )
            for attack in (GENERATOR, UNIVERSAL)
            for radius in RADII
        ),
        note="Each column is over the images that its network did not call naevi before.",
    )


def observer_table() -> StudyTable:
    """A new analysis of the two readers' published answers."""
    kappa = cohens_kappa_of_table(OBSERVERS)
    found = detection(HITS, N_PERTURBED, N_ORIGINAL - CORRECT_REJECTIONS, N_ORIGINAL)
    again = {
        "sensitivity": Number.of("share", proportion_interval(HITS, N_PERTURBED)),
        "specificity": Number.of("share", proportion_interval(CORRECT_REJECTIONS, N_ORIGINAL)),
        "kappa": Number.of("kappa", kappa),
    }
    rows = [
        StudyRow(
            name=ALLYN2020.figure(name).what,
            cells=(ALLYN2020.figure(name).number(), number, number.method),
        )
        for name, number in again.items()
    ]
    d_prime = Number.of("d-prime", found.d_prime)
    return StudyTable(
        id="observers",
        title="The observers' answers, analysed again",
        text="From the counts in the paper: how often the two said “changed” of 30 changed and 20 "
        "untouched images each, and of which images both said the same. An interval of d' that "
        "covers 0 is what guessing gives.",
        columns=("", "Published", "Again", "Method"),
        rows=(*rows, StudyRow(name="d'", cells=("not printed", d_prime, d_prime.method))),
        note="Wald's intervals of both shares are the printed ones. Of kappa the upper limit is "
        "printed below 0; the table of answers gives one above 0, so that the two observers do not "
        "disagree more than chance has it. Answers of one observer are taken as independent.",
    )


def _attacks(arms: Mapping[str, Ours]) -> Iterator[tuple[str, float]]:
    """Every (attack, radius) with the target naevus, in the order of the arms' plans."""
    found = [
        (probe.name, probe.threat.radius)
        for arm in reversed(list(arms.values()))
        for probe in arm.summary.attacks
        if aims_at(probe) == NAEVUS
    ]
    yield from dict.fromkeys(found)


def _sized(
    probe: AttackSummary | None, figure: Callable[[AttackResult], Number | None]
) -> Iterator[Number | None]:
    """Success rates lossless, recompressed and by noise; accuracy."""
    if probe is None:
        yield from (None,) * 4
        return
    result = probe.lossless
    yield figure(result)
    yield figure(probe.stored[_AGAIN]) if _AGAIN in probe.stored else None
    yield _share(result.control_success)
    yield _share(result.main)


def _targeted(result: AttackResult) -> Number | None:
    """Over the images not called the target before."""
    found = of_kind(result, ClassAttackResult).targeted_success
    return None if found is None else _share(found)


def _reached(result: AttackResult) -> Number:
    return _share(result.success)


def _levels(radius: float) -> str:
    return f"{radius:g} level{'' if radius == 1 else 's'}"


def _share(estimate: StoredEstimate) -> Number:
    return Number.of("share", estimate)
