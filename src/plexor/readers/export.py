"""Export of answers: one row for each current answer, with the screen's properties.

Without the key the table is blinded: it has the images' tokens, and neither arm nor truth.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd
import sqlalchemy as sa

from plexor.core.csv_text import csv_text
from plexor.core.errors import PlanError, unknown
from plexor.core.files import write_atomic
from plexor.readers.design import Study
from plexor.readers.interchange import imrmc, rjafroc
from plexor.readers.prepare import KeyRow, read_key
from plexor.readers.service import the_design
from plexor.readers.store import Store, log, the_study
from plexor.readers.tables import ReaderRow, ReadRow, SubmissionRow

Format = Literal["csv", "parquet", "json", "imrmc", "rjafroc"]
CODEBOOK = {
    "reader": "pseudonym",
    "role": "role of the reader, as stated by the reader",
    "years": "years of experience, as stated by the reader",
    "position": "place in the reader's own order, from 0",
    "block": "1, 2, …; 0 for training",
    "kind": "training, read, or repeat (shown a second time)",
    "image": "token of the image; with pairs, of the left one",
    "image_right": "with pairs, token of the right image",
    "question": "id of the question in the study file",
    "answer": "JSON: true or false, a number, an option, a side, or a list of marks; null if "
    "the time ran out",
    "revision": "1 for first answers, greater for corrections; earlier ones are not in this table",
    "elapsed_ms": "from when the image was visible to when the answer was sent, by the browser; "
    "empty where imported answers have none",
    "late": "whether the answer came after the time limit",
    "received_ms": "time of receipt by the server, milliseconds since 1970, UTC",
    "ratio": "pixels of the screen for one CSS pixel (devicePixelRatio)",
    "zoom": "screen pixels for one image pixel when the answer was sent",
    "window_width": "width of the browser's window, CSS pixels",
    "window_height": "height of the browser's window, CSS pixels",
    "arm": "arm of the image; with pairs, of the left one",
    "arm_right": "with pairs, arm of the right image",
    "case": "case id, as in the source of the images",
    "group": "patient or lesion",
    "truth": "class of the case",
    "lesions": "JSON: centres of lesions, [x, y, slice]",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unblinded:
    """The content of a key.

    Attributes:
        study: the study file with arms and analysis.
        rows: rows of the key, by image token.
    """

    study: Study
    rows: dict[str, KeyRow]

    @classmethod
    def read(cls, key: Path) -> Unblinded:
        """Reads the key's folder.

        Raises:
            DataError: a file is absent or damaged.
        """
        study, rows = read_key(key)
        return cls(study=study, rows={row.stimulus: row for row in rows})


def answers(store: Store, key: Unblinded | None = None) -> pd.DataFrame:
    """Current answers of all readers but pilots, ordered by reader, position and question.

    Args:
        store: the study's database.
        key: adds the columns arm, arm_right, case, group, truth and lesions.
    """
    query = (
        sa.select(ReaderRow, ReadRow, SubmissionRow)
        .join(ReadRow, ReadRow.reader_id == ReaderRow.id)
        .join(SubmissionRow, SubmissionRow.read_id == ReadRow.id)
        .where(~ReaderRow.pilot, SubmissionRow.revision.is_not(None))
        .order_by(ReaderRow.id, ReadRow.position, SubmissionRow.revision)
    )
    with store.reading() as session:
        questions = [question.id for question in the_design(session).questions]
        current = {read.id: (reader, read, sent) for reader, read, sent in session.execute(query)}
    rows = [
        _row(reader, read, sent, question, key)
        for reader, read, sent in current.values()
        for question in questions
    ]
    blinded = [name for name in CODEBOOK if key is not None or name not in _UNBLINDED]
    return pd.DataFrame(rows, columns=blinded)


_UNBLINDED = ("arm", "arm_right", "case", "group", "truth", "lesions")


def export(store: Store, out: Path, form: str, key: Unblinded | None = None) -> int:
    """Writes the answers, and ``codebook.csv`` beside them; returns the number of rows.

    Args:
        store: the study's database.
        out: the file.
        form: "csv", "parquet", "json"; "imrmc", ratings as iMRMC for R reads them; or "rjafroc",
            ratings or marks as an Excel file for RJafroc. The last two need the key.
        key: to unblind; the study must be closed then.

    Raises:
        PlanError: the format is unknown, or an open study would be unblinded.
    """
    if form not in get_args(Format):
        raise PlanError(unknown("format", form, get_args(Format)))
    with store.writing() as session:
        if key is not None and the_study(session).state != "closed":
            raise PlanError("the study is open; close it before its answers are unblinded")
        log(session, "exported", unblinded=key is not None, format=form)
    table = answers(store, key)
    if form in ("imrmc", "rjafroc"):
        if key is None:
            raise PlanError(
                f"the format {form} contains the truth; give --key after the study is closed"
            )
        data, book, n = (imrmc if form == "imrmc" else rjafroc)(key.study, table)
        write_atomic(out, data)
        _write_book(out, pd.DataFrame(book, columns=["column", "code", "meaning"]))
        return n
    match form:
        case "parquet":
            data = table.to_parquet(index=False)
        case "json":
            data = table.to_json(orient="records", force_ascii=False).encode()
        case _:
            data = _csv(table)
    write_atomic(out, data or b"")
    rows = [(name, CODEBOOK[name]) for name in table.columns]
    _write_book(out, pd.DataFrame(rows, columns=["column", "meaning"]))
    return len(table)


def _write_book(out: Path, book: pd.DataFrame) -> None:
    write_atomic(out.parent / "codebook.csv", _csv(book))


def _csv(table: pd.DataFrame) -> bytes:
    """The table as CSV; undefined values are empty."""
    whole = table.astype(object).where(table.notna(), "")
    return csv_text([str(name) for name in table.columns], whole.itertuples(index=False)).encode()


def _row(
    reader: ReaderRow,
    read: ReadRow,
    sent: SubmissionRow,
    question: str,
    key: Unblinded | None,
) -> dict[str, Any]:
    left, right = read.stimuli[0], read.stimuli[1] if len(read.stimuli) > 1 else ""
    row = {
        "reader": reader.name,
        "role": reader.profile.get("role", ""),
        "years": reader.profile.get("years"),
        "position": read.position,
        "block": read.block,
        "kind": read.kind,
        "image": left,
        "image_right": right,
        "question": question,
        "answer": json.dumps(sent.answers.get(question)),
        "revision": sent.revision,
        "elapsed_ms": None if sent.elapsed_ms < 0 else sent.elapsed_ms,
        "late": sent.late,
        "received_ms": sent.received_at,
        "ratio": sent.display.get("ratio"),
        "zoom": sent.display.get("zoom"),
        "window_width": sent.display.get("width"),
        "window_height": sent.display.get("height"),
    }
    if key is not None:
        about = key.rows[left]
        row |= {
            "arm": about.arm,
            "arm_right": key.rows[right].arm if right else "",
            "case": about.case,
            "group": about.group,
            "truth": about.truth,
            "lesions": about.lesions,
        }
    return row
