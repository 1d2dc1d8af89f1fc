"""Results of a repeated study, as stored in ``study.json``: published figures beside ours.

A study's directory has ``study.json`` and, for each arm, a run directory of its own. Like a run
directory it is read without torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from plexor.core.errors import RunDirectoryError
from plexor.core.files import write_atomic
from plexor.findings.json_format import JsonFormat
from plexor.findings.run import RunDirectory
from plexor.findings.summary.estimate import StoredEstimate, finite
from plexor.stats import Estimate

FILE = "study.json"
Matrix = tuple[tuple[int, ...], ...]
NumberKind = Literal[
    "share",
    "points",
    "kappa",
    "p",
    "p-bound",
    "d-prime",
    "years",
    "area",
    "area-change",
    "amount",
]
Word = Literal[
    "agrees",
    "differs",
    "cannot tell",
    "no verdict",
    "same conclusion",
    "other conclusion",
    "cannot be compared",
    "not measured here",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A figure, published or ours.

    Attributes:
        kind: decides its wording: a share, a difference of two shares, a kappa, a p-value, an upper
            bound of a p-value, a d', a number of years, an area under a ROC curve, a difference of
            two areas, a number in the unit that its row names.
        value: the figure; None if undefined, with the reason in ``note``.
        low: lower limit of its 95 % interval; None without one.
        high: upper limit.
        n: number of cases; None if unknown.
        n_groups: number of independent groups; None if unknown, or if each case is a group.
        method: how value and interval were computed, or where they are printed.
        note: why it is undefined, or must be interpreted with care.
        remark: text shown beside it.
    """

    kind: NumberKind
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    n_groups: int | None = None
    method: str = ""
    note: str = ""
    remark: str = ""

    @classmethod
    def of(cls, kind: NumberKind, estimate: Estimate | StoredEstimate) -> Number:
        """Converts an estimate."""
        return cls(
            kind=kind,
            value=finite(estimate.value),
            low=finite(estimate.low),
            high=finite(estimate.high),
            n=estimate.n,
            n_groups=estimate.n_groups,
            method=estimate.method,
            note=estimate.note,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Agreement of a figure of ours with the published one.

    Attributes:
        word: the verdict.
        because: the reason, if they differ or cannot be compared; else empty.
        difference: ours minus published; None if not computed.
    """

    word: Word
    because: str = ""
    difference: Number | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A row of the study's first table.

    Attributes:
        id: unique among the rows.
        what: the figure in words.
        published: as printed; None for a figure that only ours has.
        ours: arm → our figure; None if not measured.
        agreement: arm → agreement of the two; missing for figures without a published one.
    """

    id: str
    what: str
    published: Number | None
    ours: Mapping[str, Number | None]
    agreement: Mapping[str, Agreement]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRow:
    """A row of a further table: its name, and a number, a text or None for each column."""

    name: str
    detail: str = ""
    cells: tuple[Number | str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyConfusion:
    """Confusion matrices of an arm, untouched and attacked.

    Attributes:
        arm: its name.
        attack: in words.
        classes: names, in the order of rows and columns.
        before: cases by truth (rows) and decision (columns), untouched, (K, K).
        after: attacked, as stored losslessly.
        transitions: by decision before (rows) and after (columns).
    """

    arm: str
    attack: str
    classes: tuple[str, ...]
    before: Matrix
    after: Matrix
    transitions: Matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyTable:
    """A further table of a study.

    Attributes:
        id: unique in the study.
        title: what it shows.
        text: what one should see in it, before the table.
        columns: headings; the first is of the rows' names.
        rows: as many cells as there are columns after the first.
        note: what one must know to read it, below the table.
        confusions: what stands behind it, arm by arm, case by case.
    """

    id: str
    title: str
    text: str
    columns: tuple[str, ...]
    rows: tuple[StudyRow, ...]
    note: str = ""
    confusions: tuple[StudyConfusion, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One way in which the study was carried out.

    Attributes:
        name: e.g. "clean"; also the arm's folder.
        title: in words.
        text: what is done in it.
        run: its run directory, relative to the study's.
        commands: what one would type to get the same without ``plexor study``.
        shown: id of the attack whose images stand in the study's page; "" takes the one that the
            arm's own report speaks of first.
        tags: directory of its network's reliance on tags (``plexor shortcuts reliance``), relative
            to the study's; "" for none.
    """

    name: str
    title: str
    text: str
    run: str
    commands: tuple[str, ...] = ()
    shown: str = ""
    tags: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """One thing that is done otherwise than in the publication: what, how there, how here, why."""

    what: str
    published: str
    here: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyMaps:
    """A volume, and maps of attention over it, in a file of the study's directory.

    Attributes:
        title: whose maps these are.
        text: what one should see in them.
        file: NumPy's ``.npz`` relative to the study's directory: ``volume`` and each name of
            ``shown``, (X, Y, Z), along right, anterior, superior; maps are not negative.
        shown: name of a map in the file → what stands below it.
        note: which scan it is, and the convention.
    """

    title: str
    text: str
    file: str
    shown: Mapping[str, str]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResult:
    """Everything a study's report says.

    Attributes:
        schema: of the file.
        plexor: version that wrote it.
        name: e.g. "allyn2020".
        title: of the publication.
        citation: where it was published.
        question: what it asked.
        design: its design.
        scale: "smoke", "small" or "full".
        setting: which images, which networks, at which size.
        departures: deviations of the repetition.
        rows: published figures beside ours.
        arms: the study's arms, those of the first table first.
        tables: further tables.
        limits: conclusions that the figures do not support.
        verdict: the answer in words, at the top of the page; "" if the number of figures that agree
            with the published ones is the answer.
        maps: volumes with maps of attention.
    """

    schema: Literal["plexor-study/1"] = "plexor-study/1"
    plexor: str
    name: str
    title: str
    citation: str
    question: str
    design: str
    scale: str
    setting: str
    departures: tuple[Departure, ...]
    rows: tuple[Compared, ...]
    arms: tuple[Arm, ...]
    tables: tuple[StudyTable, ...]
    limits: tuple[str, ...]
    verdict: str = ""
    maps: tuple[StudyMaps, ...] = ()


_FORMAT = JsonFormat(StudyResult)


def is_study(path: Path) -> bool:
    """Whether a directory holds a study's result."""
    return (path / FILE).is_file()


def run_directory(path: Path) -> RunDirectory:
    """The run at a path: a run directory, or that of a study's arm.

    Raises:
        RunDirectoryError: the path is a study's directory, which has a run for each arm.
    """
    if is_study(path):
        arms = ", ".join(str(path / arm.name) for arm in read_study(path).arms)
        raise RunDirectoryError(f"{path} is a study, with a run for each arm; name one of {arms}")
    inside = path / "run"
    return RunDirectory(inside if inside.is_dir() else path)


def write_study(path: Path, result: StudyResult) -> Path:
    """Writes a study's result into its directory; returns the file."""
    file = path / FILE
    write_atomic(file, _FORMAT.dump(result))
    return file


def read_study(path: Path) -> StudyResult:
    """Reads a study's result from its directory.

    Raises:
        RunDirectoryError: it has none, or one of another version.
    """
    file = path / FILE
    try:
        return _FORMAT.load(file.read_bytes())
    except OSError as error:
        raise RunDirectoryError(
            f"{path} holds no study: cannot read {file}: {error.strerror}; run plexor study run"
        ) from error
    except RunDirectoryError as error:
        raise RunDirectoryError(
            f"{file} is of another version of Plexor: {error}; run the study again, "
            "which redoes this file only"
        ) from error
