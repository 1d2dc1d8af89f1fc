"""A cohort: the cases of a valid manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path

from plexor.cases.between import problems_between_cases
from plexor.cases.case import Case, split_labels
from plexor.cases.cells import parse_number
from plexor.cases.manifest import read_manifest
from plexor.cases.problem import Problem
from plexor.cases.rows import CaseReader, TruthKind
from plexor.core.door import option
from plexor.core.errors import DataError, unknown
from plexor.core.ids import digest

_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Cohort:
    """Cases with one kind of truth.

    Attributes:
        name: the manifest's, without its ending.
        cases: in the manifest's order.
        classes: class names, or labels, in the order of a model's outputs; empty where truth is
            a number, or a mask whose classes nobody named.
        digest: SHA-256 of every case's id, truth, group, split and features and of the classes;
            independent of the order of rows and of where the files lie. The images have hashes of
            their own.
    """

    name: str
    cases: tuple[Case, ...]
    classes: tuple[str, ...]
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        rows = sorted([case.id, str(case.truth), case.group, case.split] for case in self.cases)
        content: list[object] = [list(self.classes), rows]
        features = sorted([case.id, dict(case.features)] for case in self.cases if case.features)
        object.__setattr__(self, "digest", digest([*content, features] if features else content))

    def __len__(self) -> int:
        return len(self.cases)

    def __repr__(self) -> str:
        """Name and numbers, as in ``Cohort(films: 12 cases of 6 groups; test 4, train 8)``.

        The cases are in ``cases``.
        """
        n_groups = len({case.group for case in self.cases})
        parts = [f"{len(self)} cases of {n_groups} groups"]
        listed = (self._counts("split"), self._counts("truth") if self.classes else {})
        parts += [", ".join(f"{name} {n}" for name, n in one.items()) for one in listed if one]
        return f"Cohort({self.name}: {'; '.join(parts)})"

    def _repr_html_(self) -> str:
        """Cases by class and split, as a table for a notebook."""
        splits: list[str | None] = [*self._counts("split")] or [None]
        head = "".join(f"<th>{escape(split or 'cases')}</th>" for split in splits)
        rows = ""
        for name in self._counts("truth") if self.classes else ():
            within = (
                sum(str(case.truth) == name and case.split in (split, None) for case in self.cases)
                for split in splits
            )
            rows += f"<tr><th>{escape(name)}</th>{''.join(f'<td>{n}</td>' for n in within)}</tr>"
        return f"<p>{escape(repr(self))}</p><table><tr><th></th>{head}</tr>{rows}</table>"

    def _counts(self, name: str) -> dict[str, int]:
        """Cases of each split, or of each truth, sorted by name."""
        values = [getattr(case, name) for case in self.cases]
        return dict(sorted(Counter(str(one) for one in values if one is not None).items()))

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, sorted."""
        return tuple(sorted({case.split for case in self.cases if case.split is not None}))

    def with_split(self, name: str) -> Cohort:
        """The cases of one split, with all classes.

        Raises:
            DataError: no case is in that split.
        """
        if not self.splits:
            raise DataError(
                f"{self.name}: split {name!r} was asked for, and no case has a split; give the "
                "manifest a `split` column, or in a plan say how to split (`cohort.split`) or take "
                "every case (`cohort.audit: null`)"
            )
        if name not in self.splits:
            raise DataError(f"{self.name}: {unknown('split', name, self.splits)}")
        return self.select(lambda case: case.split == name)

    def select(self, keep: Callable[[Case], bool]) -> Cohort:
        """The cases for which ``keep`` is true, in order, with all classes."""
        return replace(self, cases=tuple(case for case in self.cases if keep(case)))


def load_cohort(
    manifest: Path | str,
    *,
    root: Path | str | None = None,
    columns: Mapping[str, str] | None = None,
    path_template: str | None = None,
    classes: Sequence[str] | None = None,
    truth: TruthKind = "class",
    no_finding: str = "",
    masks: Mapping[str, str] | None = None,
    include_padding: bool = False,
    split: str | None = None,
    features: Sequence[str] = (),
    codes: Mapping[str, Mapping[str, float]] | None = None,
) -> Cohort:
    """Reads a manifest, or refuses it with a list of all that is wrong.

    Images are not opened, only their files are looked for; ``check_cohort`` opens them.

    Args:
        manifest: CSV or Parquet with the columns ``path``, ``label``, and optionally ``group``,
            ``split`` and ``id``. Every other column becomes metadata. Without a group column
            every case is its own group. Or a folder with a sub-folder of images for each class.
        root: folder that relative paths start from; the manifest's own where None.
        columns: what the manifest calls its columns, e.g.
            ``{"label": "dx", "group": "lesion_id"}``.
        path_template: builds the path from other columns, e.g. ``"images/{image_id}.jpg"``.
        classes: the classes in the order of a model's outputs; any other label is an error.
            Sorted labels where None; masks have none.
        truth: "class"; "findings" for several labels a case, as "effusion|nodule"; "number" for
            regression: each label is then a finite number; "mask" for a segmentation: each label
            is then the path of an image that numbers the class of each pixel, 0 for the background.
        no_finding: for several labels, the manifest's value for none, e.g. "No Finding"; an empty
            cell if not given.
        masks: name → the column with the paths of its masks, e.g. ``{"lesion": "lesion_mask"}``,
            or a template that builds them, ``{"lesion": "masks/{image_id}.png"}``. An empty cell
            says that there is none of it in the image.
        include_padding: treat DICOM's Pixel Padding as part of the image.
        split: keep only this split.
        features: columns of numbers that a model takes beside the image; a cell that is no finite
            number is an error.
        codes: feature → text of a cell → the number that it stands for, e.g.
            ``{"sex": {"F": 0, "M": 1}}``.

    Raises:
        DataError: the manifest or any row of it is broken.
    """
    cohort, problems = inspect_manifest(
        Path(manifest),
        root=None if root is None else Path(root),
        columns=columns or {},
        path_template=path_template,
        classes=classes,
        truth=truth,
        no_finding=no_finding,
        masks=masks or {},
        features=features,
        codes=codes or {},
    )
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        lines = [f"  {error.where}: {error.message}" for error in errors[:_MOST_SHOWN]]
        more = len(errors) - len(lines)
        lines += [f"  and {more} more"] if more else []
        noun = "problem" if len(errors) == 1 else "problems"
        raise DataError("\n".join([f"{manifest}: {len(errors)} {noun}", *lines]))
    if include_padding:
        cases = tuple(replace(case, include_padding=True) for case in cohort.cases)
        cohort = replace(cohort, cases=cases)
    return cohort if split is None else cohort.with_split(split)


def inspect_manifest(
    manifest: Path,
    *,
    root: Path | None,
    columns: Mapping[str, str],
    path_template: str | None,
    classes: Sequence[str] | None,
    truth: TruthKind,
    no_finding: str = "",
    masks: Mapping[str, str] | None = None,
    features: Sequence[str] = (),
    codes: Mapping[str, Mapping[str, float]] | None = None,
) -> tuple[Cohort, list[Problem]]:
    """The cases of a manifest's valid rows, and all that is wrong with it.

    Raises:
        DataError: the manifest cannot be read as a table, or lacks a column that is needed.
    """
    table = read_manifest(manifest)
    reader = CaseReader(
        table=table,
        root=table.folder if root is None else root,
        columns=columns,
        path_template=path_template,
        truth=truth,
        no_finding=no_finding,
        masks=masks or {},
        features=features,
        codes=codes or {},
    )
    cases, problems = reader.read()
    problems += problems_between_cases(cases)
    texts = {case.truth for case in cases if isinstance(case.truth, str)}
    if truth == "findings":
        texts = {name for text in texts for name in split_labels(text)}
    found = sorted(texts)
    if truth == "class":
        problems += _label_problems(cases, found, classes)
    elif truth == "findings" and classes is not None:
        problems += [
            Problem(
                severity="error",
                id="label-unknown",
                where=case.id,
                message=unknown("label", name, classes),
            )
            for case in cases
            for name in split_labels(str(case.truth))
            if name not in classes
        ]
    if truth == "number":
        order: tuple[str, ...] = ()
    elif truth == "mask":
        order = tuple(classes or ())
    else:
        order = tuple(found if classes is None else classes)
    return Cohort(name=manifest.stem, cases=tuple(cases), classes=order), problems


def _label_problems(
    cases: Collection[Case], found: Sequence[str], classes: Sequence[str] | None
) -> list[Problem]:
    if classes is not None:
        return [
            Problem(
                severity="error",
                id="label-unknown",
                where=case.id,
                message=unknown("label", str(case.truth), classes),
            )
            for case in cases
            if case.truth not in classes
        ]
    numbers = [parse_number(label) for label in found]
    fractions = [number for number in numbers if number is not None and not number.is_integer()]
    if fractions and None not in numbers:
        message = (
            f"labels are numbers such as {fractions[0]}, read as class names; for a regression "
            f"say {option('truth', 'number')}"
        )
        return [Problem(severity="error", id="label-number", where="label", message=message)]
    return []
