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

from plexor.readers.enrol import close, forget, invite, progress
from plexor.readers.export import answers
from plexor.readers.serve import served, set_password
from plexor.readers.store import Store
from plexor.readers.tables import Base, SubmissionRow

pytestmark = pytest.mark.skipif(INITDB is None, reason="needs PostgreSQL")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with postgresql() as started:
        yield started


def test_a_study_from_invitation_to_export(url: str, tmp_path: Path) -> None:
    store = bare(tmp_path, url=url)
    (tmp_path / "images").mkdir()
    with store.reading() as session:
        context = MigrationContext.configure(session.connection())
        assert compare_metadata(context, Base.metadata) == []
    set_password(store, "a long password")
    with served(store, tmp_path) as base:
        first, second = invite(store, ["r1", "r2"])
        with signed_in(base, first.token) as browser, signed_in(base, first.token) as other:
            for number in range(6):
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
        assert session.scalar(query) == 13
        assert session.scalar(query.where(SubmissionRow.revision == 1)) == 7
    again = Store.open(url)
    close(again, with_open_reads=True)
    assert len(answers(again)) == 7
    assert forget(again, "r2") == 1
    assert len(answers(again)) == 6
    again.close()
    store.close()
