"""Real T1 volumes with ages and regional volumes, in two layouts, as rows of a cohort.

*Tables*: a folder ``nifti`` of volumes named after their subject, a table with the columns ``MRID``
and ``Age`` (``nichart_participants.csv``, or one in ``lists``), and a table of DLMUSE volumes in
mm³ by region code (``nichart_dlmuse_vol.csv``, or one in ``dlmuse``) with the dictionary
``nichart_muse_dict.csv``.

*BIDS*: ``sub-*/anat/*_T1w.nii(.gz)`` and ``participants.tsv`` with ``participant_id``, ``age`` and
a column in ml for each of ``FEATURES``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from plexor.cases.cells import parse_number, text_of
from plexor.cases.manifest import Row, read_manifest
from plexor.cases.phantoms.ageing import REGIONS
from plexor.cases.sources.bids import PARTICIPANTS, bids_images, participants
from plexor.core.errors import DataError

FEATURES = (*(f"{region}_ml" for region in REGIONS), "intracranial_ml")
"""Columns of a cohort, in ml, that networks with a second input take."""
_DLMUSE: Mapping[str, tuple[str, ...]] = {
    "ventricles_ml": ("Ventricles",),
    "hippocampi_ml": ("Hippocampus_L", "Hippocampus_R"),
    "frontal_grey_ml": ("Frontal_GM",),
    "parietal_grey_ml": ("Parietal_GM",),
    "temporal_grey_ml": ("Temporal_GM",),
    "occipital_grey_ml": ("Occipital_GM",),
    "white_matter_ml": ("WM",),
    "cerebellum_ml": ("Cerebellum",),
    "intracranial_ml": ("ICV",),
}
_MM3_PER_ML = 1000.0
_OLDEST = 120.0
_MOST_SHOWN = 20
_ENDINGS = (".nii", ".nii.gz")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A T1 volume of one subject.

    Attributes:
        subject: its name.
        path: the NIfTI file.
        age: in years.
        volumes_ml: for each of ``FEATURES``.
    """

    subject: str
    path: Path
    age: float
    volumes_ml: Mapping[str, float]


def read_layout(folder: Path) -> tuple[Scan, ...]:
    """Every volume of a folder, with age and regional volumes, by subject.

    Raises:
        DataError: the folder has neither layout, or lists every subject without an age or a
            volume, with an age in months, or with an intracranial volume of 0.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; give --data the folder that holds the volumes")
    read = _read_bids if (folder / PARTICIPANTS).is_file() else _read_tables
    files, ages, volumes = read(folder)
    problems = [
        problem
        for subject in files
        for problem in _problems(subject, ages.get(subject, ""), volumes.get(subject))
    ]
    if problems:
        shown = [f"  {problem}" for problem in problems[:_MOST_SHOWN]]
        more = len(problems) - len(shown)
        shown += [f"  and {more} more"] if more else []
        raise DataError("\n".join([f"{folder}: {len(problems)} problems", *shown]))
    return tuple(
        Scan(subject=subject, path=path, age=float(ages[subject]), volumes_ml=volumes[subject])
        for subject, path in sorted(files.items())
    )


Read = tuple[dict[str, Path], dict[str, str], dict[str, dict[str, float]]]
"""Subject → file, age as written, and volumes in ml."""


def _read_tables(folder: Path) -> Read:
    ages = {
        text_of(row.cells.get("MRID")): text_of(row.cells.get("Age"))
        for row in _table(folder, "nichart_participants.csv", "lists").values()
    }
    table = _table(folder, "nichart_dlmuse_vol.csv", "dlmuse")
    names = _table(folder, "nichart_muse_dict.csv", "").values()
    codes = {text_of(row.cells.get("Name")): text_of(row.cells.get("Index")) for row in names}
    volumes = {subject: _volumes(row, codes) for subject, row in table.items()}
    found = [path for path in sorted((folder / "nifti").glob("*")) if _is_volume(path)]
    if not found:
        raise DataError(f"{folder / 'nifti'} holds no NIfTI volume (.nii, .nii.gz)")
    files = {_subject(path, [*ages, *volumes]): path for path in found}
    return files, ages, volumes


def _volumes(row: Row, codes: Mapping[str, str]) -> dict[str, float]:
    """Sums of a row's regions in ml; a region that is no number is left out."""
    found = {}
    for feature, regions in _DLMUSE.items():
        cells = [parse_number(text_of(row.cells.get(codes.get(name, "")))) for name in regions]
        if None not in cells:
            found[feature] = sum(cell for cell in cells if cell is not None) / _MM3_PER_ML
    return found


def _read_bids(folder: Path) -> Read:
    people = participants(folder)
    ages = {subject: cells.get("age", "") for subject, cells in people.items()}
    volumes = {
        subject: {
            name: number
            for name in FEATURES
            if (number := parse_number(cells.get(name, ""))) is not None
        }
        for subject, cells in people.items()
    }
    files: dict[str, Path] = {}
    for image in bids_images(folder, "T1w"):
        subject, path = image.subject, folder / image.path
        if subject in files:
            raise DataError(
                f"{subject}: two T1 volumes, {files[subject]} and {path}; keep one of them"
            )
        files[subject] = path
    if not files:
        raise DataError(f"{folder} holds no sub-*/anat/*_T1w.nii.gz")
    return files, ages, volumes


def _table(folder: Path, name: str, inside: str) -> dict[str, Row]:
    """Rows by their first column, of a table in the folder or of the only one in a subfolder.

    Raises:
        DataError: there is none, or several.
    """
    path = folder / name
    if not path.is_file():
        found = sorted((folder / inside).glob("*.csv")) if inside else []
        if len(found) != 1:
            where = f" nor one table in {folder / inside}" if inside else ""
            raise DataError(f"{folder}: found neither {name}{where}; a BIDS folder has "
                            "participants.tsv instead")  # fmt: skip
        path = found[0]
    table = read_manifest(path)
    return {text_of(row.cells.get(table.columns[0])): row for row in table.rows}


def _is_volume(path: Path) -> bool:
    return path.name.lower().endswith(_ENDINGS)


def _subject(path: Path, subjects: list[str]) -> str:
    """The longest subject name that the file's name starts with; else the file's name."""
    fitting = [name for name in subjects if name and path.name.startswith(name)]
    return max(fitting, key=len, default=path.name)


def _problems(subject: str, age: str, volumes: Mapping[str, float] | None) -> Iterator[str]:
    years = parse_number(age)
    if years is None:
        yield f"{subject}: the age is {age or 'missing'!r}, expected a number of years"
    elif not 0 <= years <= _OLDEST:
        yield f"{subject}: the age is {years:g}, expected years; is it in months?"
    if volumes is None:
        yield f"{subject}: no row of regional volumes; name its row as the image"
        return
    for name in FEATURES:
        if name not in volumes:
            yield f"{subject}: {name} is missing in the table of volumes"
    if volumes.get("intracranial_ml", 1.0) <= 0:
        yield f"{subject}: the intracranial volume is {volumes['intracranial_ml']:g} ml"
