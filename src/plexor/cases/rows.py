"""Cases from the rows of a manifest, and what is wrong with each row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from plexor.cases.case import Case, join_labels, split_labels
from plexor.cases.cells import is_code, is_text, metadata_of, parse_number, text_of
from plexor.cases.manifest import Manifest, Row
from plexor.cases.problem import Problem
from plexor.cases.row_path import RowPath
from plexor.core.door import is_typed
from plexor.core.errors import DataError, unknown

TruthKind = Literal["class", "findings", "number", "mask"]
_ROLES = ("path", "label", "group", "split", "id")
_INTRACRANIAL = re.compile(r"(?<![a-z])(e?tiv|icv|intracranial)", re.IGNORECASE)
"""Names of columns with the volume of the cranial cavity, which nobody has 0 of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReader:
    """Makes cases from rows.

    Attributes:
        table: the manifest.
        root: folder that relative paths start from.
        columns: role → the manifest's name for it, where it differs.
        path_template: builds the path from other columns; None where there is a path column.
        truth: what labels are.
        no_finding: for several labels, the manifest's value for none.
        masks: name → the column with the paths of its masks, or a template that builds them.
        features: columns of numbers that a model takes beside the image.
        codes: feature → text of a cell → the number that it stands for.

    Raises:
        DataError: a template is wrong, or a column that is needed, mapped or named in one is not
            there.
    """

    table: Manifest
    root: Path
    columns: Mapping[str, str]
    path_template: str | None
    truth: TruthKind
    no_finding: str = ""
    masks: Mapping[str, str] = field(default_factory=dict)
    features: Sequence[str] = ()
    codes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.codes:
            if name not in self.features:
                raise DataError(f"codes: {unknown('feature', name, self.features)}")
        for role in self.columns:
            if role not in _ROLES:
                raise DataError(unknown("column role", role, _ROLES))
        paths = (self._path, *self._masks.values())
        of_paths = [column for path in paths for column in path.columns]
        named = {self._name("label"), *self.columns.values(), *of_paths, *self.features}
        for name in sorted(named):
            if name not in self.table.columns:
                what = unknown("column", name, self.table.columns)
                raise DataError(f"{self.table.path}: {what}{self._naming(name)}")

    def read(self) -> tuple[list[Case], list[Problem]]:
        """Cases of the rows that have a path and a label, and what is wrong with any row."""
        cases: list[Case] = []
        problems: list[Problem] = []
        numeric = self._numeric_columns()
        for row in self.table.rows:
            found = list(self._row_problems(row))
            problems += found
            if not found:
                cases.append(self._case(row.cells, numeric))
        return cases, problems

    def _naming(self, name: str) -> str:
        """How to name the column of a role, if ``name`` is one that no column was named for."""
        if name not in _ROLES or name in self.columns.values():
            return ""
        if not is_typed():
            return f"; if another column holds it, name that with columns={{{name!r}: ...}}"
        return (
            f"; if another column holds it, name that with --column {name}=COLUMN, or in a plan "
            f"with `columns: {{{name}: COLUMN}}` in `cohort`"
        )

    def _name(self, role: str) -> str:
        return self.columns.get(role, role)

    @property
    def _path(self) -> RowPath:
        if self.path_template is None:
            return RowPath.of_column(self._name("path"))
        return RowPath.of_template(self.path_template)

    @property
    def _masks(self) -> dict[str, RowPath]:
        return {name: RowPath.of_either(written) for name, written in self.masks.items()}

    def _row_problems(self, row: Row) -> Iterable[Problem]:  # noqa: PLR0912 (a list of checks)
        def problem(kind: str, message: str) -> Problem:
            return Problem(severity="error", id=kind, where=f"row {row.line}", message=message)

        n_columns = len(self.table.columns)
        if row.n_cells != n_columns:
            yield problem("row-shape", f"has {row.n_cells} cells, expected {n_columns}")
            return
        required = {"path": self._path.columns, "label": (self._name("label"),)}
        for role in ("group", "id"):
            if self._name(role) in self.table.columns:
                required[role] = (self._name(role),)
        if self.truth == "findings" and not self.no_finding:
            del required["label"]
        used = {*(self._name(role) for role in _ROLES), *self._path.columns}
        strange = [name for name in sorted(used & row.cells.keys()) if not is_text(row.cells[name])]
        for name in strange:
            kind = type(row.cells[name]).__name__
            yield problem(
                "cell-not-text",
                f"column {name!r} holds {kind}, expected text; write it as one text, several "
                "labels as effusion|nodule",
            )
        if strange:
            return
        for role, names in required.items():
            empty = [name for name in names if text_of(row.cells[name]) == ""]
            if empty:
                whose = "" if role == "path" else f" for {self._identity(row.cells)}"
                yield problem(f"{role}-missing", f"column {empty[0]!r} is empty{whose}")
        for kind, message in self._feature_problems(row):
            yield problem(kind, message)
        label = text_of(row.cells[self._name("label")])
        if self.truth == "number" and label and parse_number(label) is None:
            hint = "; write decimals with a point" if "," in label else ""
            message = f"label {label!r} is not a finite number{hint}"
            yield problem("label-not-a-number", message)
        if self.truth == "findings" and label != self.no_finding:
            names = split_labels(label)
            if "" in names:
                message = f"label {label!r} has an empty part; remove the stray bar"
                yield problem("label-part-empty", message)
            elif self.no_finding and self.no_finding in names:
                message = f"label {label!r} says {self.no_finding!r} and something else; repair it"
                yield problem("label-contradictory", message)

    def _feature_problems(self, row: Row) -> Iterator[tuple[str, str]]:
        """Each feature of the row that is no finite number, and intracranial volumes of 0."""
        for name in self.features:
            cell = text_of(row.cells[name])
            number = self._number(name, cell)
            start = f"feature {name!r} of {self._identity(row.cells)} is"
            if number is None:
                rest = f"{cell!r}, expected" if cell else "empty, expected"
                known = ", ".join(map(repr, self.codes.get(name, {})))
                what = f"a finite number or {known}" if known else "a finite number"
                advice = (
                    f"write what it stands for in `cohort.codes: {{{name}: {{{cell}: ...}}}}`"
                    if cell and "," not in cell
                    else "fill it in"
                    if not cell
                    else "write decimals with a point"
                )
                message = f"{start} {rest} {what}; {advice}, or leave the case out"
                yield "feature-not-a-number", message
            elif number <= 0 and _INTRACRANIAL.search(name):
                rest = "expected a positive volume; measure it, or leave the case out"
                yield "intracranial-volume-zero", f"{start} {cell}, {rest}"

    def _number(self, name: str, cell: str) -> float | None:
        """The number of a feature's cell; None where it is none."""
        code = self.codes.get(name, {}).get(cell)
        return parse_number(cell) if code is None else float(code)

    def _identity(self, row: Mapping[str, object]) -> str:
        """The id that a row's case has."""
        texts = {name: text_of(row[name]) for name in self.table.columns}
        return texts.get(self._name("id")) or self._path.fill(texts)

    def _case(self, row: Mapping[str, object], numeric: set[str]) -> Case:
        texts = {name: text_of(row[name]) for name in self.table.columns}
        path = self._path.fill(texts)
        label = texts[self._name("label")]
        identity = self._identity(row)
        used = {*(self._name(role) for role in _ROLES), *self.masks.values()}
        return Case(
            id=identity,
            path=self.root / path,
            truth=self._truth(label),
            group=texts.get(self._name("group")) or identity,
            split=texts.get(self._name("split")) or None,
            metadata={
                name: metadata_of(row[name], number=name in numeric)
                for name in self.table.columns
                if name not in used
            },
            features={
                name: number
                for name in self.features
                if (number := self._number(name, texts[name])) is not None
            },
            masks={
                name: None if mask.lacks(texts) else self.root / mask.fill(texts)
                for name, mask in self._masks.items()
            },
            truth_mask=self.root / label if self.truth == "mask" else None,
        )

    def _truth(self, label: str) -> str | float:
        if self.truth == "number":
            return float(label)
        if self.truth == "mask":
            return ""
        if self.truth == "class":
            return label
        return "" if label == self.no_finding else join_labels(split_labels(label))

    def _numeric_columns(self) -> set[str]:
        """Text columns in which every cell that is not empty is a number, and none a code."""
        numeric = set()
        for name in self.table.columns:
            cells = {text_of(row.cells.get(name)) for row in self.table.rows} - {""}
            if (
                cells
                and not any(map(is_code, cells))
                and all(parse_number(cell) is not None for cell in cells)
            ):
                numeric.add(name)
        return numeric
