"""Sources of a study's cases: an audit, a folder of arms, or a drawn image set."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from plexor.cases.image import LOSSLESS
from plexor.core.csv_text import plain_cell
from plexor.core.errors import DataError, PlanError, unknown
from plexor.findings.run import RunDirectory
from plexor.readers.design import Study

Lesion = tuple[float, float, int]
"""Centre of a lesion: x and y in pixels of the stored image, slice from 0."""
TABLE = "cases.csv"
_COLUMNS = ("case", "group", "truth", "training", "lesions")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCase:
    """A case with its image files.

    Attributes:
        id: id of the case in its source.
        group: patient or lesion.
        truth: class, or "".
        files: arm → image file.
        training: whether it is for practice; None lets the design decide.
        lesions: positions to be marked.
    """

    id: str
    group: str
    truth: str
    files: Mapping[str, Path]
    training: bool | None = None
    lesions: tuple[Lesion, ...] = field(default=())


def from_run(run: RunDirectory, study: Study) -> list[SourceCase]:
    """The cases that an audit has kept for every arm, and that every probe changed.

    Raises:
        PlanError: a probe is unknown, or no case exists in all arms.
    """
    findings = run.findings()
    probes = {name: arm.probe for name, arm in study.arms.items()}
    known = set(findings["probe"])
    for probe in probes.values():
        if probe is not None and probe not in known:
            raise PlanError(f"arms: {unknown('probe', probe, known)}")
    wanted = [probe for probe in probes.values() if probe is not None]
    if not wanted:
        raise PlanError("arms: a study of a run needs an arm with a `probe`")
    rows = findings[(findings["stored"] == LOSSLESS) & (findings["status"] == "ok")]
    about = {p: rows[(rows["probe"] == p) & (rows["l0"] > 0)].set_index("case_id") for p in wanted}
    kept = {(e.probe, e.case_id): e for e in run.examples()}
    common = [
        case_id
        for case_id in about[wanted[0]].index
        if all(case_id in about[p].index and (p, case_id) in kept for p in wanted)
    ]
    if not common:
        raise PlanError(
            f"{run.path} keeps no case that {', '.join(wanted)} changed; audit with a greater "
            "`n_examples`"
        )
    return [
        SourceCase(
            id=case_id,
            group=str(about[wanted[0]].loc[case_id, "group"]),
            truth=str(about[wanted[0]].loc[case_id, "truth"]),
            files={
                name: kept[wanted[0], case_id].original
                if probe is None
                else kept[probe, case_id].perturbed
                for name, probe in probes.items()
            },
        )
        for case_id in sorted(common)
    ]


def from_folder(folder: Path, study: Study) -> list[SourceCase]:
    """Cases from ``FOLDER/ARM/CASE.png`` (any format), described by ``FOLDER/cases.csv``.

    The table may be absent. Its columns, all but ``case`` optional: ``group`` (the case itself if
    empty), ``truth``, ``training`` (yes or no), ``lesions`` (``x,y`` or ``x,y,slice``, separated
    by semicolons).

    Raises:
        DataError: an arm has no folder or no images, or the table does not match.
    """
    files: dict[str, dict[str, Path]] = {}
    for arm in study.arms:
        inside = sorted((folder / arm).glob("*")) if (folder / arm).is_dir() else []
        found = [path for path in inside if path.is_file() and not path.name.startswith(".")]
        if not found:
            raise DataError(f"{folder / arm} holds no images, expected those of the arm {arm!r}")
        for path in found:
            case = path.name.split(".", 1)[0]
            if arm in files.setdefault(case, {}):
                raise DataError(f"{path}: the case {case!r} has two images in this arm")
            files[case][arm] = path
    table = _table(folder / TABLE)
    if strangers := sorted(set(table) - set(files)):
        raise DataError(f"{folder / TABLE} names {', '.join(strangers[:5])}, without an image")
    return [_described(case, files[case], table.get(case, {})) for case in sorted(files)]


def from_drawn(folder: Path, key: Path, study: Study) -> list[SourceCase]:
    """Cases from an image set of ``plexor readers draw`` and its key; each in one arm.

    Raises:
        DataError: the key is invalid, or names a missing image.
        PlanError: the key has other arms than the study file.
    """
    rows = _rows(key, {"id", "arm", "case_id", "group", "truth"})
    cases = []
    for row in rows:
        if row["arm"] not in study.arms:
            raise PlanError(f"arms: {unknown('arm', row['arm'], study.arms)} in {key}")
        path = folder / f"{row['id']}.png"
        if not path.is_file():
            raise DataError(f"{path} is missing, but {key} names it")
        cases.append(
            SourceCase(
                id=row["case_id"],
                group=row["group"],
                truth=row["truth"],
                files={row["arm"]: path},
            )
        )
    return cases


def lesions_json(lesions: Sequence[Lesion]) -> str:
    """Lesions as one cell of the key."""
    return json.dumps([list(lesion) for lesion in lesions])


def _described(case: str, files: Mapping[str, Path], row: Mapping[str, str]) -> SourceCase:
    training = {"": None, "yes": True, "no": False}
    if row.get("training", "") not in training:
        raise DataError(f"{TABLE}: `training` of {case} is {row['training']!r}, expected yes or no")
    return SourceCase(
        id=case,
        group=row.get("group") or case,
        truth=row.get("truth", ""),
        files=files,
        training=training[row.get("training", "")],
        lesions=_lesions(case, row.get("lesions", "")),
    )


def _lesions(case: str, text: str) -> tuple[Lesion, ...]:
    found = []
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        numbers = part.split(",")
        try:
            x, y = float(numbers[0]), float(numbers[1])
            piece = int(numbers[2]) if len(numbers) > 2 else 0
        except (ValueError, IndexError) as error:
            raise DataError(
                f"{TABLE}: `lesions` of {case} has {part!r}, expected x,y or x,y,slice"
            ) from error
        found.append((x, y, piece))
    return tuple(found)


def _table(path: Path) -> dict[str, dict[str, str]]:
    if not path.exists():
        return {}
    rows = _rows(path, {"case"})
    if strange := sorted(set(rows[0]) - set(_COLUMNS)) if rows else []:
        raise DataError(f"{path}: {unknown('column', strange[0], _COLUMNS)}")
    names = [row["case"] for row in rows]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{path} has two rows for {twice[0]}; keep one")
    return {row["case"]: row for row in rows}


def _rows(path: Path, needed: set[str]) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [
                {key: plain_cell(value or "") for key, value in row.items() if key is not None}
                for row in csv.DictReader(file)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    if rows and (missing := sorted(needed - set(rows[0]))):
        raise DataError(f"{path} lacks the column {missing[0]}")
    return rows
