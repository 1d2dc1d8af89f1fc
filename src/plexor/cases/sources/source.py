"""What a source of cases is: a layout on disk, read into the rows of a manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

from plexor.cases.rows import TruthKind
from plexor.core.progress import Advance

Cell = str | int | float | None
Record = Mapping[str, Cell]
"""A row of a manifest: column → cell. ``path`` and ``label`` are always there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeManifest:
    """The rows that a source has read; nothing is written yet.

    Attributes:
        root: folder that the paths of all rows start from.
        rows: ``path`` and ``label``; ``group`` and ``split`` where known; then what else is known
            of a case, by the names ``age``, ``sex``, ``view``, ``body_part``, ``study``,
            ``device``, ``site`` where it is one of these. A missing cell is None or absent.
        truth: how labels are to be read. Of several labels, none is an empty text.
        path_columns: columns that hold paths from ``root``; ``label`` is one where truth is a mask.
        left_out: reason → names of what is not in ``rows``, e.g. "no file" → paths.
        notes: what a user must know about these rows, each a sentence.
        plan: further keys of a plan's ``cohort`` that these rows need, e.g. ``classes``.
    """

    root: Path
    rows: Sequence[Record]
    truth: TruthKind = "class"
    path_columns: tuple[str, ...] = ("path",)
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    plan: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a source is asked to read.

    Attributes:
        folder: where the data lie.
        extracted: a folder for image files that must be taken out of a container; made only by a
            source that needs it. Data that are image files already stay where they are.
        advance: receives the progress.
    """

    folder: Path
    extracted: Path
    advance: Advance


class Source(Protocol):
    """A layout that many data sets are distributed in.

    A source is a frozen dataclass. Its fields are its options, each with a default and a line under
    ``Attributes`` in its docstring; a field is a text, a whole number, a bool, a ``Literal`` of
    texts, or a tuple of texts.

    Attributes:
        reads: what it reads, in one line.
        licence: licence of the data, and who may have them.
        obtain: where the data come from.
        traps: what goes wrong with these data, each a sentence.
    """

    reads: ClassVar[str]
    licence: ClassVar[str]
    obtain: ClassVar[str]
    traps: ClassVar[tuple[str, ...]]

    def make(self, request: Request) -> MadeManifest:
        """Reads the layout.

        Raises:
            DataError: the folder does not have the layout, or a table in it is damaged.
        """
        ...
