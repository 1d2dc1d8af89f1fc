"""Personal data: everything stored about one reader, for this reader."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from plexor.readers.tables import OpeningRow, ReaderRow, ReadRow, SubmissionRow


def personal_data(session: Session, reader: ReaderRow) -> dict[str, Any]:
    """Plain data: the profile, and each read with its times and answers."""
    reads = session.scalars(
        sa.select(ReadRow).where(ReadRow.reader_id == reader.id).order_by(ReadRow.position)
    )
    return {
        "reader": reader.name,
        "profile": reader.profile,
        "language": reader.language,
        "invited_ms": reader.created_at,
        "consented_ms": reader.consented_at,
        "withdrawn_ms": reader.withdrawn_at,
        "reads": [
            {
                "position": read.position,
                "openings": [
                    {"at_ms": row.opened_at, "display": row.display}
                    for row in session.scalars(
                        sa.select(OpeningRow).where(OpeningRow.read_id == read.id)
                    )
                ],
                "submissions": [
                    {
                        "at_ms": row.received_at,
                        "answers": row.answers,
                        "elapsed_ms": row.elapsed_ms,
                        "revision": row.revision,
                        "display": row.display,
                    }
                    for row in session.scalars(
                        sa.select(SubmissionRow).where(SubmissionRow.read_id == read.id)
                    )
                ],
            }
            for read in reads
        ],
    }
