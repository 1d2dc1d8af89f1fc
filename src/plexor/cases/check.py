"""Check of a cohort: all that is wrong with it, in one list."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from plexor.cases.between import names_alike
from plexor.cases.case import Case, split_labels
from plexor.cases.check_images import Seen, content_problems, image_problems, look
from plexor.cases.check_numbers import number_problems
from plexor.cases.cohort import Cohort, inspect_manifest
from plexor.cases.problem import Problem, error, warning
from plexor.cases.rows import TruthKind


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortReport:
    """The composition of a cohort, and what is wrong with it.

    Attributes:
        name: of the cohort.
        n_cases: cases that have a path and a label, whether or not their image can be read.
        n_groups: groups of these cases.
        n_by_class: cases of each class; empty where truth is a number or a mask.
        n_by_split: split → cases; "" for those without one.
        n_groups_by_split: split → groups.
        n_by_shape: (channels, *spatial) → images that could be read.
        problems: errors first; each kind in the manifest's order.
    """

    name: str
    n_cases: int
    n_groups: int
    n_by_class: Mapping[str, int]
    n_by_split: Mapping[str, int]
    n_groups_by_split: Mapping[str, int]
    n_by_shape: Mapping[tuple[int, ...], int]
    problems: tuple[Problem, ...]

    @property
    def usable(self) -> bool:
        """Whether there are no errors; warnings do not count."""
        return not any(problem.severity == "error" for problem in self.problems)


def check_cohort(
    manifest: Path | str,
    *,
    root: Path | str | None = None,
    columns: Mapping[str, str] | None = None,
    path_template: str | None = None,
    classes: Sequence[str] | None = None,
    truth: TruthKind = "class",
    no_finding: str = "",
    masks: Mapping[str, str] | None = None,
    features: Sequence[str] = (),
    codes: Mapping[str, Mapping[str, float]] | None = None,
    unit: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CohortReport:
    """Reads a manifest, opens every image, and lists all that is wrong.

    Args:
        manifest: as for ``load_cohort``, like the arguments up to ``masks``.
        root: folder that relative paths start from.
        columns: what the manifest calls its columns.
        path_template: builds the path from other columns.
        classes: the classes there may be.
        truth: "class", "findings", "number" or "mask".
        no_finding: for several labels, the manifest's value for none.
        masks: name → the column with the paths of its masks, or a template that builds them.
        features: columns of numbers that a model takes beside the image.
        codes: feature → text of a cell → the number that it stands for.
        unit: of labels that are numbers, where it is known, e.g. "years".
        progress: called with the number of images opened and the number of all.

    Raises:
        DataError: the manifest cannot be read as a table, or lacks a column that is needed.
    """
    cohort, problems = inspect_manifest(
        Path(manifest),
        root=None if root is None else Path(root),
        columns=columns or {},
        path_template=path_template,
        classes=classes,
        truth=truth,
        no_finding=no_finding,
        masks=masks,
        features=features,
        codes=codes or {},
    )
    missing = {problem.where for problem in problems if problem.id == "file-missing"}
    cases = [case for case in cohort.cases if case.id not in missing]
    seen = list(zip(cases, look(cases, progress), strict=True))
    readable = [(case, image) for case, image in seen if not image.error]
    problems += [
        error("image-unreadable", case.id, image.error) for case, image in seen if image.error
    ]
    problems += image_problems(readable)
    problems += content_problems(readable)
    problems += number_problems(cohort.cases, number=truth == "number", unit=unit)
    labels = {case.id: _labels(case, truth) for case in cohort.cases}
    problems += _cohort_problems(cohort, labels, truth)
    names = (name for names in labels.values() for name in names)
    problems += names_alike("label", names)
    problems += names_alike("split", cohort.splits)
    problems += names_alike("group", {case.group for case in cohort.cases})
    return _report(cohort, labels, [image for _, image in readable], problems)


def _labels(case: Case, truth: TruthKind) -> tuple[str, ...]:
    """The class or the labels of a case; none for a number or a mask."""
    if truth in ("number", "mask"):
        return ()
    return split_labels(str(case.truth)) if truth == "findings" else (str(case.truth),)


def _cohort_problems(
    cohort: Cohort, labels: Mapping[str, tuple[str, ...]], truth: TruthKind
) -> Iterator[Problem]:
    """Classes and splits that are empty or missing."""
    by_class = Counter(name for names in labels.values() for name in names)
    named = () if truth == "mask" else cohort.classes
    for name in named:
        if not by_class[name]:
            yield warning("class-empty", name, "no case has this class")
    if named and len(set(labels.values())) == 1:
        only = " and ".join(next(iter(labels.values()))) or "none"
        message = f"every case is {only}, expected two classes or more"
        yield warning("class-single", "label", message)
    for split in cohort.splits:
        present = {n for case in cohort.cases if case.split == split for n in labels[case.id]}
        for name in named:
            if by_class[name] and name not in present:
                message = f"no case of class {name}"
                yield warning("class-absent-from-split", split, message)
    n_without = sum(case.split is None for case in cohort.cases)
    if cohort.splits and n_without:
        message = f"{n_without} cases are in no split and would not be used"
        yield warning("split-missing", "split", message)
    if cohort.cases and all(case.group == case.id for case in cohort.cases):
        message = "every case is its own group; name the patient or lesion if some belong together"
        yield warning("group-unknown", "group", message)


def _report(
    cohort: Cohort,
    labels: Mapping[str, tuple[str, ...]],
    images: list[Seen],
    problems: list[Problem],
) -> CohortReport:
    groups: dict[str, set[str]] = defaultdict(set)
    for case in cohort.cases:
        groups[case.split or ""].add(case.group)
    classes = [name for names in labels.values() for name in names]
    return CohortReport(
        name=cohort.name,
        n_cases=len(cohort),
        n_groups=len({case.group for case in cohort.cases}),
        n_by_class=dict(sorted(Counter(classes).items())),
        n_by_split=dict(sorted(Counter(case.split or "" for case in cohort.cases).items())),
        n_groups_by_split={split: len(names) for split, names in sorted(groups.items())},
        n_by_shape=dict(Counter(image.shape for image in images).most_common()),
        problems=tuple(sorted(problems, key=lambda problem: problem.severity != "error")),
    )
