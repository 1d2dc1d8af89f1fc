"""A manifest from a source: read, cleared of what cannot be used, counted, written."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from plexor.cases.case import split_labels
from plexor.cases.sources.catalogue import SOURCES
from plexor.cases.sources.options import configured
from plexor.cases.sources.source import MadeManifest, Record, Request
from plexor.cases.sources.write import check_name, write_manifest
from plexor.core.errors import DataError, PlanError, unknown
from plexor.core.progress import Advance, stepping
from plexor.core.wording import counted

_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """What a manifest holds.

    Attributes:
        n_images: rows.
        n_groups: groups; each row without one counts as a group of its own.
        n_by_label: class, or label → rows; empty where truth is a number or a mask.
        n_unlabelled: rows without a label.
        n_by_split: split → rows; empty without splits.
    """

    n_images: int
    n_groups: int
    n_by_label: Mapping[str, int]
    n_unlabelled: int
    n_by_split: Mapping[str, int]


def make_manifest(
    name: str,
    folder: Path | str,
    out: Path | str,
    options: Mapping[str, object] | None = None,
    *,
    advance: Advance | None = None,
) -> tuple[MadeManifest, Census]:
    """Reads a folder in a known layout and writes the manifest of its images.

    Rows that name one file twice with the same label are one row; with different labels, all of
    them are left out. Image files that must be taken out of a container go into a folder beside the
    manifest, called after it.

    Args:
        name: of the source, one of ``SOURCES``.
        folder: where the data lie.
        out: the manifest, ending in ``.csv`` or ``.parquet``.
        options: the source's options, as values or as texts.
        advance: receives the progress.

    Returns:
        The rows written, with what was left out and why; and their counts.

    Raises:
        PlanError: no such source or option, or another ending.
        DataError: the folder does not have the layout, or no image is left.
        RunDirectoryError: a file cannot be written.

    Example:
        >>> import tempfile
        >>> data = Path(tempfile.mkdtemp())
        >>> study = data / "valid/XR_HAND/patient11200/study1_negative"
        >>> study.mkdir(parents=True)
        >>> for film in ("image1.png", "image2.png"):
        ...     (study / film).touch()
        >>> made, counts = make_manifest("mura", data, data / "mura.csv")
        >>> counts.n_images, counts.n_groups, dict(counts.n_by_label)
        (2, 1, {'negative': 2})
    """
    if name not in SOURCES:
        raise PlanError(unknown("source", name, SOURCES))
    out = Path(out).resolve()
    check_name(out)
    source = configured(name, SOURCES[name], options or {})
    with stepping("cohort make", unit="images", quiet=True) as silent:
        request = Request(
            folder=Path(folder).resolve(),
            extracted=out.parent / f"{out.stem}-images",
            advance=advance or silent,
        )
        made = source.make(request)
    made = _noted(_each_once(made))
    if not made.rows:
        why = "; ".join(left_out_words(made)) or "the folder holds no file of this kind"
        raise DataError(f"{folder}: no image is left; {why}")
    write_manifest(made, out)
    return made, census(made)


def census(made: MadeManifest) -> Census:
    """Counts the rows of a manifest."""
    labels: list[tuple[str, ...]] = []
    if made.truth == "findings":
        labels = [split_labels(str(row["label"] or "")) for row in made.rows]
    elif made.truth == "class":
        labels = [(str(row["label"]),) if row["label"] else () for row in made.rows]
    splits = Counter(str(row["split"]) for row in made.rows if row.get("split"))
    groups = {str(row["group"]) for row in made.rows if row.get("group")}
    return Census(
        n_images=len(made.rows),
        n_groups=len(groups) + sum(not row.get("group") for row in made.rows),
        n_by_label=dict(sorted(Counter(one for names in labels for one in names).items())),
        n_unlabelled=sum(not names for names in labels),
        n_by_split=dict(sorted(splits.items())),
    )


def left_out_words(made: MadeManifest) -> list[str]:
    """For each reason, how many were left out, and the first of them."""
    return [
        f"{len(names):,} left out: {reason}, e.g. {names[0]}"
        for reason, names in made.left_out.items()
        if names
    ]


def _each_once(made: MadeManifest) -> MadeManifest:
    """Rows of one file with the same label become one; with different labels they are left out."""
    if len({row["path"] for row in made.rows}) == len(made.rows):
        return made
    by_path: dict[str, list[Record]] = defaultdict(list)
    for row in made.rows:
        by_path[str(row["path"])].append(row)
    several = {path: rows for path, rows in by_path.items() if len(rows) > 1}
    torn = [path for path, rows in several.items() if len({str(row["label"]) for row in rows}) > 1]
    again = [path for path, rows in several.items() for _ in rows[1:] if path not in set(torn)]
    gone = set(torn)
    return replace(
        made,
        rows=[rows[0] for path, rows in by_path.items() if path not in gone],
        left_out={
            **made.left_out,
            "listed more than once, with different labels": torn,
            "a repeated row of an image": again,
        },
    )


def _noted(made: MadeManifest) -> MadeManifest:
    """Adds a note on groups cut by the splits, and on groups that are not known."""
    splits: dict[str, set[str]] = defaultdict(set)
    for row in made.rows:
        if row.get("group") and row.get("split"):
            splits[str(row["group"])].add(str(row["split"]))
    cut = sorted(group for group, names in splits.items() if len(names) > 1)
    notes = list(made.notes)
    if cut:
        notes.append(
            f"{counted(len(cut), 'group')} in more than one split ({_few(cut)}): what is learnt of "
            "them in one is known in the other, and `plexor cohort check` refuses the manifest; "
            "remove their rows from one split, or the column `split`"
        )
    if not any(row.get("group") for row in made.rows):
        notes.append(
            "no patient is named, so each image counts as a patient of its own; where a patient "
            "has several images, intervals are too narrow"
        )
    return replace(made, notes=tuple(notes))


def _few(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
