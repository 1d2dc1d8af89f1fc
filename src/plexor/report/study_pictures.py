"""Pictures of a study: what its main change looks like in each arm, and how visible it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from plexor.core.errors import RunDirectoryError
from plexor.findings.run import RunDirectory
from plexor.findings.study_file import Arm, StudyResult
from plexor.findings.summary import Summary, summarise
from plexor.findings.summary.probe_summary import AttackSummary
from plexor.findings.tag_results import read_tag_results
from plexor.report.comparator import ExampleCase, comparator
from plexor.report.comparator_words import titles
from plexor.report.lead_attack import lead_attack
from plexor.report.pictures import Pictures
from plexor.report.tag_cases import TaggedCase, tagged_cases
from plexor.report.tag_words import map_words
from plexor.report.visibility_section import seen_words

N_CASES = 3
"""Cases shown of each arm; the others stand in the arm's own report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownArm:
    """The main attack of an arm.

    Attributes:
        title: of the arm.
        attack: the attack in words.
        seen: how visible its changes are; "" where that was not measured.
        cases: some cases, each with this attack alone; those that gave way first.
        report: path of the arm's own report from the page.
    """

    title: str
    attack: str
    seen: str
    cases: tuple[ExampleCase, ...]
    report: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTags:
    """Tags, and where a network looks with and without them.

    Attributes:
        title: of the arm whose network is shown.
        cases: images with their tags framed, and maps before and after covering.
        map_words: what the maps of each method say over all images.
        report: path of the page on this network's reliance, from the study's page.
    """

    title: str
    cases: tuple[TaggedCase, ...]
    map_words: tuple[str, ...]
    report: str


def study_tags(path: Path, result: StudyResult, pictures: Pictures) -> ShownTags | None:
    """Tagged images of the first arm with results on tags; None without such an arm.

    Args:
        path: the study's directory.
        result: what it holds.
        pictures: where they are placed.

    Raises:
        RunDirectoryError: the results are missing or damaged.
        DataError: pictures are.
    """
    arm = next((arm for arm in result.arms if arm.tags), None)
    if arm is None:
        return None
    found = read_tag_results(path / arm.tags)
    return ShownTags(
        title=arm.title,
        cases=tagged_cases(found, path / arm.tags, pictures),
        map_words=tuple(map_words(one) for one in found.maps),
        report=f"{arm.tags}/report.html",
    )


def study_pictures(path: Path, result: StudyResult, pictures: Pictures) -> tuple[ShownArm, ...]:
    """Some cases of each arm whose audit kept images.

    Args:
        path: the study's directory.
        result: what it holds.
        pictures: where they are placed.

    Raises:
        RunDirectoryError: an arm names an attack that its run does not have.
    """
    shown = (_arm(path, arm, pictures) for arm in result.arms)
    return tuple(one for one in shown if one is not None)


def _arm(path: Path, arm: Arm, pictures: Pictures) -> ShownArm | None:
    run = RunDirectory(path / arm.run)
    findings = run.findings()
    summary = summarise(run.plan(), run.provenance(), findings)
    attack = _attack(summary, arm)
    if attack is None:
        return None
    found = comparator(
        run, summary, findings, pictures, only=frozenset({attack.id}), most_cases=N_CASES
    )
    if not found.cases:
        return None
    name, _, size = titles(attack)
    return ShownArm(
        title=arm.title,
        attack=", ".join(filter(None, [name, size])),
        seen=seen_words(attack),
        cases=found.cases,
        report=f"{arm.run}/report.html",
    )


def _attack(summary: Summary, arm: Arm) -> AttackSummary | None:
    """The attack that the arm names, or the one that its own report speaks of first."""
    if not arm.shown:
        return lead_attack(summary)
    for attack in summary.attacks:
        if attack.id == arm.shown:
            return attack
    raise RunDirectoryError(
        f"{arm.run} has no attack {arm.shown}, which the study shows; run the study again"
    )
