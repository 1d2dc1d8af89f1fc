"""Everything that is wrong with a cohort, in one list."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from plexor.cases.case import Case, split_labels
from plexor.cases.cohort import Cohort, inspect_manifest
from plexor.cases.mask import read_case
from plexor.cases.problem import Problem, Severity
from plexor.cases.rows import TruthKind
from plexor.core.errors import DataError
from plexor.core.ids import digest_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortReport:
    """What a cohort is made of, and what is wrong with it.

    Attributes:
        name: the cohort's.
        n_cases: cases that have a path and a label, whether or not their image can be read.
        n_groups: groups among them.
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
        """Whether there are only warnings, or nothing at all."""
        return not any(problem.severity == "error" for problem in self.problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What opening one image showed; ``error`` says why nothing else is known."""

    error: str = ""
    shape: tuple[int, ...] = ()
    intensity: tuple[float, float, str] = (0.0, 0.0, "")
    constant: bool = False
    content: str = ""


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
        no_finding: of findings, the label that stands for none.
        masks: name → the column with the paths of its masks, or a template that builds them.
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
    )
    missing = {problem.where for problem in problems if problem.id == "file-missing"}
    cases = [case for case in cohort.cases if case.id not in missing]
    seen = list(zip(cases, _look(cases, progress), strict=True))
    readable = [(case, image) for case, image in seen if not image.error]
    problems += [
        _problem("error", "image-unreadable", case.id, image.error)
        for case, image in seen
        if image.error
    ]
    problems += _image_problems(readable)
    problems += _content_problems(readable)
    labels = {case.id: _labels(case, truth) for case in cohort.cases}
    problems += _cohort_problems(cohort, labels, truth)
    return _report(cohort, labels, [image for _, image in readable], problems)


def _labels(case: Case, truth: TruthKind) -> tuple[str, ...]:
    """The classes or findings of a case; none for a number or a mask."""
    if truth in ("number", "mask"):
        return ()
    return split_labels(str(case.truth)) if truth == "findings" else (str(case.truth),)


def _look(cases: list[Case], progress: Callable[[int, int], None] | None) -> Iterator[_Seen]:
    """Opens all images; threads are enough, since decoders and hashes let go of the interpreter."""
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for done, image in enumerate(pool.map(_look_at, cases), 1):
            if progress is not None:
                progress(done, len(cases))
            yield image


def _look_at(case: Case) -> _Seen:
    try:
        image = read_case(case)
    except DataError as error:
        return _Seen(error=str(error))
    pixels = image.pixels
    head = f"{pixels.shape} {pixels.dtype}".encode()
    return _Seen(
        shape=pixels.shape,
        intensity=(image.intensity.low, image.intensity.high, image.intensity.unit)
        if pixels.dtype.kind != "f"
        else (0.0, 0.0, f"float {image.intensity.unit}"),
        constant=bool(pixels.min() == pixels.max()),
        content=digest_bytes(head + pixels.tobytes()),
    )


def _image_problems(readable: list[tuple[Case, _Seen]]) -> Iterator[Problem]:
    """Images that differ from most in channels or dimensions, sizes and ranges; constant ones."""
    layouts = Counter((image.shape[0], len(image.shape) - 1) for _, image in readable)
    usual = max(layouts, key=lambda layout: layouts[layout], default=(0, 0))
    for case, image in readable:
        layout = (image.shape[0], len(image.shape) - 1)
        if layout != usual:
            message = (
                f"has {layout[0]} channels in {layout[1]}D where most images have {usual[0]} in "
                f"{usual[1]}D; convert it"
            )
            yield _problem("error", "channels-mixed", case.id, message)
        if image.constant:
            message = "every pixel has the same value; is this the right image?"
            yield _problem("warning", "image-constant", case.id, message)
    shapes = {image.shape[1:] for _, image in readable}
    if len(shapes) > 1:
        message = f"images have {len(shapes)} different sizes; they are batched by size"
        yield _problem("warning", "sizes-mixed", "images", message)
    ranges = sorted({image.intensity for _, image in readable})
    if len(ranges) > 1:
        found = ", ".join(f"{low:g} to {high:g} {unit}" for low, high, unit in ranges[:5])
        message = f"images have {len(ranges)} different intensity ranges: {found}"
        yield _problem("warning", "ranges-mixed", "images", message)


def _content_problems(readable: list[tuple[Case, _Seen]]) -> Iterator[Problem]:
    """The same pixels under several names."""
    by_content: dict[str, list[Case]] = defaultdict(list)
    for case, image in readable:
        by_content[image.content].append(case)
    for same in by_content.values():
        if len({case.path for case in same}) == 1:
            continue
        names = ", ".join(case.id for case in same)
        truths = sorted({str(case.truth) for case in same})
        splits = sorted({case.split or "none" for case in same})
        if len(truths) > 1:
            message = f"the same image is labelled {' and '.join(truths)}"
            yield _problem("error", "content-labels-differ", names, message)
        elif len(splits) > 1:
            message = f"the same image is in the splits {' and '.join(splits)}"
            yield _problem("error", "content-across-splits", names, message)
        elif len({case.group for case in same}) > 1:
            message = "the same image is in several groups; are they one patient?"
            yield _problem("warning", "content-across-groups", names, message)
        else:
            message = "the same image is there under several names"
            yield _problem("warning", "content-duplicate", names, message)


def _cohort_problems(
    cohort: Cohort, labels: Mapping[str, tuple[str, ...]], truth: TruthKind
) -> Iterator[Problem]:
    """Classes and splits that are empty, or not there."""
    by_class = Counter(name for names in labels.values() for name in names)
    named = () if truth == "mask" else cohort.classes
    for name in named:
        if not by_class[name]:
            yield _problem("warning", "class-empty", name, "no case has this class")
    if named and len(set(labels.values())) == 1:
        message = f"every case is {cohort.cases[0].truth or 'none'}; nothing can be told apart"
        yield _problem("warning", "class-single", "label", message)
    for split in cohort.splits:
        present = {n for case in cohort.cases if case.split == split for n in labels[case.id]}
        for name in named:
            if by_class[name] and name not in present:
                message = f"no case of class {name}"
                yield _problem("warning", "class-absent-from-split", split, message)
    n_without = sum(case.split is None for case in cohort.cases)
    if cohort.splits and n_without:
        message = f"{n_without} cases are in no split and would not be used"
        yield _problem("warning", "split-missing", "split", message)
    if all(case.group == case.id for case in cohort.cases):
        message = "every case is its own group; name the patient or lesion if some belong together"
        yield _problem("warning", "group-unknown", "group", message)


def _report(
    cohort: Cohort,
    labels: Mapping[str, tuple[str, ...]],
    images: list[_Seen],
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


def _problem(severity: Severity, kind: str, where: str, message: str) -> Problem:
    return Problem(severity=severity, id=kind, where=where, message=message)
