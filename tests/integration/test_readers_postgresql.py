"""A reader study on PostgreSQL: the same answers, also when requests race."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from tests.helpers.postgresql import INITDB, postgresql
from tests.helpers.reader_study import bare, signed_in

from plexor.core.errors import PlanError
from plexor.readers.enrol import close, forget, invite, progress
from plexor.readers.export import answers
from plexor.readers.serve import served
from plexor.readers.store import Store
from plexor.readers.tables import Base, ReaderRow, SubmissionRow

pytestmark = pytest.mark.skipif(INITDB is None, reason="needs PostgreSQL")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with postgresql() as started:
        yield started


def test_readers_who_are_invited_at_once_take_different_turns(url: str, tmp_path: Path) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE invited"))
    engine.dispose()
    store = bare(tmp_path, url=url.replace("/postgres", "/invited"))
    start = threading.Barrier(8)
    refused: list[str] = []

    def add(name: str) -> None:
        start.wait()
        try:
            invite(store, [name])
        except PlanError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=add, args=(f"r{i // 2}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.reading() as session:
        rows = list(session.scalars(sa.select(ReaderRow)))
    assert sorted(row.name for row in rows) == ["r0", "r1", "r2", "r3"]
    assert sorted(row.ordinal for row in rows) == [0, 1, 2, 3]
    assert len(refused) == 4
    assert all("has been invited already" in said for said in refused)
    store.close()


def test_a_study_from_invitation_to_export(url: str, tmp_path: Path) -> None:
    store = bare(tmp_path, n_cases=3, url=url)
    (tmp_path / "images").mkdir()
    with store.reading() as session:
        context = MigrationContext.configure(session.connection())
        assert compare_metadata(context, Base.metadata) == []
    with served(store, tmp_path) as base:
        first, second = invite(store, ["r1", "r2"])
        with signed_in(base, first.token) as browser, signed_in(base, first.token) as other:
            for number in range(3):
                read = browser.state()["read"]["id"]
                other.state()
                bodies = [
                    (b, b.submission({"altered": answer}))
                    for b, answer in ((browser, True), (other, False))
                ]
                found: list[dict[str, Any]] = []

                def send(b: Any, body: Any, read: str = read, found: Any = found) -> None:
                    reply = b.post(f"/api/reads/{read}/submissions", body)
                    found.append(reply.raise_for_status().json())

                # Each tab sends twice, as after a reply that was lost; all four at once.
                threads = [threading.Thread(target=send, args=args) for args in bodies * 2]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                assert sorted(reply["counted"] for reply in found) == [False, False, True, True]
                assert progress(store)[0].done == number + 1
        with signed_in(base, second.token) as browser:
            browser.answer({"altered": True})
    with store.reading() as session:
        query = sa.select(sa.func.count()).select_from(SubmissionRow)
        assert session.scalar(query) == 7
        assert session.scalar(query.where(SubmissionRow.revision == 1)) == 4
    again = Store.open(url)
    close(again, with_open_reads=True)
    assert len(answers(again)) == 4
    assert forget(again, "r2") == 1
    assert len(answers(again)) == 3
    again.close()
    store.close()


def test_the_server_goes_on_after_the_database_ended_its_connections(
    url: str, tmp_path: Path
) -> None:
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE ended"))
    store = bare(tmp_path, n_cases=6, url=url.replace("/postgres", "/ended"))
    (tmp_path / "images").mkdir()
    (invitation,) = invite(store, ["r1"])
    with served(store, tmp_path) as base, signed_in(base, invitation.token) as browser:
        threads = [threading.Thread(target=browser.state) for _ in range(6)]  # several connections
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with admin.connect() as connection:
            ended = connection.execute(
                sa.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'ended'"
                )
            )
            assert len(ended.all()) >= 2
        assert browser.http.get("/api/state").status_code == 503
        assert browser.answer({"altered": True})["counted"]
    admin.dispose()
    store.close()
