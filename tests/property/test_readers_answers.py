"""Whatever a reader's browsers and the server do, each read has exactly one current answer."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy.orm import Session
from tests.helpers.reader_study import bare

from plexor.readers.design import Design
from plexor.readers.enrol import invite
from plexor.readers.service import (
    consent,
    standing,
    submit,
    the_design,
    view_read,
)
from plexor.readers.store import Store, database_url
from plexor.readers.tables import ReaderRow, ReadRow, SubmissionRow
from plexor.readers.turn import RefusedError


@dataclass
class Tab:
    """A browser's tab: what it shows, and what it has not got through yet."""

    read: str = ""
    revision: int = 0
    unsent: list[tuple[str, str, int, bool]] = field(default_factory=list)


class _Crash(Exception):  # noqa: N818
    """The server dies before its transaction is on the disk."""


class Readers(RuleBasedStateMachine):
    """Three tabs of one reader, on any devices, with clicks, reloads, resends and crashes."""

    corrections = False

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = bare(self.folder, n_cases=4, corrections=self.corrections)
        invite(self.store, ["r"])
        with self.store.writing() as session:
            consent(session, self._reader(session), language="en", profile={})
        self.tabs = [Tab() for _ in range(3)]
        self.acknowledged: dict[str, bool] = {}
        self.count = 0

    def _reader(self, session: Session) -> ReaderRow:
        return session.scalars(sa.select(ReaderRow)).one()

    def _design(self, session: Session) -> Design:
        return the_design(session)

    @rule(tab=st.integers(0, 2))
    def reload(self, tab: int) -> None:
        with self.store.reading() as session:
            now = standing(session, self._design(session), self._reader(session))
        if now.read is not None:
            self.tabs[tab].read, self.tabs[tab].revision = now.read.id, now.read.revision

    @rule(tab=st.integers(0, 2), back=st.integers(0, 3))
    def go_back(self, tab: int, back: int) -> None:
        with self.store.reading() as session:
            reads = session.scalars(sa.select(ReadRow).order_by(ReadRow.position)).all()
            try:
                view = view_read(
                    session, self._design(session), self._reader(session), reads[back].id
                )
            except RefusedError:
                return
        self.tabs[tab].read, self.tabs[tab].revision = view.id, view.revision

    @rule(tab=st.integers(0, 2), answer=st.booleans())
    def click(self, tab: int, answer: bool) -> None:
        shown = self.tabs[tab]
        if shown.read:
            self.count += 1
            shown.unsent.append((f"key-{self.count}", shown.read, shown.revision, answer))

    @rule(tab=st.integers(0, 2), fate=st.sampled_from(["ok", "ok", "lost reply", "crash"]))
    def send(self, tab: int, fate: str) -> None:
        if not self.tabs[tab].unsent:
            return
        key, read, revises, answer = self.tabs[tab].unsent[0]
        try:
            with self.store.writing() as session:
                receipt = submit(
                    session,
                    self._design(session),
                    self._reader(session),
                    read,
                    client_key=key,
                    revises=revises,
                    answers={"altered": answer},
                    elapsed_ms=100,
                    display={},
                )
                if fate == "crash":
                    raise _Crash
        except RefusedError:
            self.tabs[tab].unsent.pop(0)
            return
        except _Crash:
            self.store.close()
            self.store = Store.open(database_url(self.folder, None))
            return
        if fate == "lost reply":
            return
        self.tabs[tab].unsent.pop(0)
        if receipt.counted:
            assert self.acknowledged.setdefault(key, answer) == answer

    @invariant()
    def one_current_answer_for_each_answered_read(self) -> None:
        with self.store.reading() as session:
            rows = list(session.scalars(sa.select(SubmissionRow)))
            now = standing(session, self._design(session), self._reader(session))
        by_read: dict[str, list[int]] = {}
        for row in rows:
            if row.revision is not None:
                by_read.setdefault(row.read_id, []).append(row.revision)
        for revisions in by_read.values():
            assert sorted(revisions) == list(range(1, len(revisions) + 1))
            assert self.corrections or len(revisions) == 1
        assert now.done == len(by_read)
        keys = [row.client_key for row in rows]
        assert len(keys) == len(set(keys))
        counted = {row.client_key: row.answers["altered"] for row in rows if row.revision}
        assert self.acknowledged.items() <= counted.items()

    @precondition(lambda self: self.count > 0)
    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = Store.open(database_url(self.folder, None))

    def teardown(self) -> None:
        self.store.close()


class Correcting(Readers):
    """The same where answers may be corrected."""

    corrections = True


_BUDGET = settings(max_examples=12, stateful_step_count=25, deadline=None)
TestReaders = Readers.TestCase
TestReaders.settings = _BUDGET
TestCorrecting = Correcting.TestCase
TestCorrecting.settings = _BUDGET
