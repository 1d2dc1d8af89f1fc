"""A study's database: opening, migration to the current version, transactions."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.orm import Session

from plexor.core.errors import DataError, PlanError
from plexor.readers.tables import LogRow, StudyRow

_BUSY_SECONDS = 20
_WRITES = "plexor_writes"
_SERVER_ENDS = "57P"
"""SQLSTATE of a server that is shut down, crashed or starting (class 57, operator intervention)."""


class Store:
    """One study's database.

    Reading and writing are transactions; a write is on disk when its block ends. With SQLite,
    writers of this process queue here, writers of other processes in the database.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._write_lock = (
            threading.Lock() if engine.dialect.name == "sqlite" else contextlib.nullcontext()
        )

    @classmethod
    def open(cls, url: str, *, create: bool = False) -> Store:
        """Opens a database, and migrates it from an earlier version.

        Args:
            url: URL for SQLAlchemy, e.g. "sqlite:////studies/a/database.sqlite" or
                "postgresql+pg8000://user@host/name".
            create: whether to require an empty database; else one with a study.

        Raises:
            PlanError: not a URL of SQLite or PostgreSQL.
            DataError: it cannot be reached, is of a later version, or holds no study, or (with
                ``create``) holds one already.
        """
        engine = _engine(url, create=create)
        shown = engine.url.render_as_string(hide_password=True)
        try:
            with engine.begin() as connection:
                _upgrade(connection, shown, create=create)
        except DBAPIError as error:
            engine.dispose()
            raise DataError(f"cannot use the database {shown}: {error.orig}") from error
        except DataError:
            engine.dispose()
            raise
        store = cls(engine)
        with store.reading() as session:
            there = session.scalar(sa.select(sa.func.count()).select_from(StudyRow))
        if create and there:
            store.close()
            raise DataError(f"the database {shown} holds a study already; choose another")
        if not create and not there:
            store.close()
            raise DataError(f"the database {shown} holds no study; run: plexor readers create")
        return store

    @contextlib.contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that writes nothing."""
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextlib.contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that is committed if the block ends without an error."""
        engine = self._engine.execution_options(**{_WRITES: True})
        with self._write_lock, Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        """Ends all connections."""
        self._engine.dispose()


def now_ms() -> int:
    """The current time, in milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def log(session: Session, what: str, **detail: object) -> None:
    """Appends a line to the study's log."""
    session.add(LogRow(at=now_ms(), what=what, detail=detail))


def the_study(session: Session, *, shared: bool = False, exclusive: bool = False) -> StudyRow:
    """The study's row, read once in a transaction, and anew to lock it.

    Args:
        session: a transaction.
        shared: the study cannot be closed before this transaction ends.
        exclusive: others cannot invite, close or answer before this transaction ends; SQLite has
            only one writer anyway.
    """
    lock = {"read": not exclusive} if shared or exclusive else None
    return session.get_one(StudyRow, 1, with_for_update=lock)


def database_url(folder: Path, database: str | None) -> str:
    """The URL given, or that of the SQLite file in a study's folder."""
    return database or f"sqlite:///{(folder / 'database.sqlite').absolute()}"


def _engine(url: str, *, create: bool) -> sa.Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise PlanError(
            f"database: {url!r} is not a URL, expected e.g. "
            "postgresql+pg8000://user:password@host/name"
        ) from error
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+pg8000")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise PlanError(
            f"database: expected SQLite or PostgreSQL, got {parsed.get_backend_name()!r}"
        )
    if parsed.get_backend_name() == "postgresql":
        try:
            engine = sa.create_engine(parsed, pool_size=20, max_overflow=20)
        except (NoSuchModuleError, ModuleNotFoundError) as error:
            raise PlanError(f"database: {error}; use postgresql+pg8000://") from error
        sa.event.listen(engine, "handle_error", _notice_restart)
        return engine
    path = Path(parsed.database or "")
    if not create and not path.is_file():
        raise DataError(f"{path} is absent; a study is made by: plexor readers create")
    engine = sa.create_engine(
        parsed, pool_size=20, max_overflow=30, connect_args={"timeout": _BUSY_SECONDS}
    )
    sa.event.listen(engine, "connect", _set_up_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _notice_restart(context: sa.engine.ExceptionContext) -> None:
    """Ends all connections of the pool once the server has ended one of them.

    Asking before each transaction whether the connection lives would cost as much as a statement;
    so the first request after a restart of the server fails, and its browser sends it again.
    """
    told = context.original_exception.args
    code = told[0].get("C", "") if told and isinstance(told[0], dict) else ""
    if str(code).startswith(_SERVER_ENDS):
        context.is_disconnect = True


def _set_up_sqlite(connection: Any, _record: object) -> None:
    """Sets write-ahead logging, commits synchronised to disk, and overwriting of deleted data.

    Transactions are begun by ``_begin_sqlite``.
    """
    connection.isolation_level = None
    pragmas = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    # a transaction that reads and then writes would fail if another wrote in between
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _upgrade(connection: sa.Connection, shown: str, *, create: bool) -> None:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    script = ScriptDirectory.from_config(config)
    found = MigrationContext.configure(connection).get_current_revision()
    known = {revision.revision for revision in script.walk_revisions()}
    if found is not None and found not in known:
        raise DataError(
            f"the database {shown} is of version {found}, but this Plexor knows versions up to "
            f"{script.get_current_head()}; update Plexor"
        )
    if found is None and not create:
        raise DataError(f"the database {shown} holds no study; run: plexor readers create")
    if found != script.get_current_head():
        command.upgrade(config, "head")
