"""``plexor readers create``, ``invite``, ``serve`` and the commands after them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plexor.cli.output import console, folding_table
from plexor.core.errors import DataError, PlanError, require

if TYPE_CHECKING:
    from plexor.readers.store import Store

_PACKAGES = ("sqlalchemy", "alembic", "fastapi", "uvicorn", "argon2")

Study = Annotated[Path, typer.Argument(help="The study's folder, written by `create`.")]
Database = Annotated[
    str | None,
    typer.Option(
        help="URL of the database, e.g. postgresql+pg8000://user@host/name; default: SQLite in "
        "the study's folder."
    ),
]
Key = Annotated[
    Path | None, typer.Option(help="The key's folder; default: STUDY-key beside the study.")
]
PASSWORD = "PLEXOR_READERS_PASSWORD"  # noqa: S105 (the name of a variable)
ADDRESS = "http://127.0.0.1:8750"


def create(
    study: Annotated[Path, typer.Argument(help="The study file, YAML.")],
    run: Annotated[
        Path | None, typer.Option(help="An audit's run directory; arms name its probes.")
    ] = None,
    cases: Annotated[
        Path | None, typer.Option(help="A folder with one sub-folder of images per arm.")
    ] = None,
    drawn: Annotated[
        Path | None, typer.Option(help="An image set of `plexor readers draw`.")
    ] = None,
    drawn_key: Annotated[Path | None, typer.Option(help="The key of that set, CSV.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="A new folder; default: the study's name.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="A new folder for the key; default: OUT-key.")
    ] = None,
    database: Database = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the draw; default: a new one. Kept in the key.")
    ] = None,
) -> None:
    """Create a reader study from an audit, a folder of arms, or a drawn image set.

    The study's folder is all that a server needs. The key says which image is which: keep it
    elsewhere until the study is closed.

    Example: plexor readers create study.yaml --run runs/ham
    """
    require(*_PACKAGES)
    from plexor.findings.study_file import run_directory
    from plexor.readers.design import load_study
    from plexor.readers.prepare import create_study
    from plexor.readers.sources import from_drawn, from_folder, from_run

    design = load_study(study)
    if [run, cases, drawn].count(None) != 2:
        raise PlanError("create: give one of --run, --cases and --drawn")
    if run is not None:
        found = from_run(run_directory(run), design)
    elif cases is not None:
        found = from_folder(cases, design)
    elif drawn is not None and drawn_key is not None:
        found = from_drawn(drawn, drawn_key, design)
    else:
        raise PlanError("create: --drawn needs the key of the set; give --drawn-key")
    folder = out or Path(design.name)
    made = create_study(
        design,
        found,
        folder=folder,
        key=key or _key_of(folder),
        database=database,
        seed=seed,
    )
    console.print(
        f"{made.n_cases} cases to read, {made.n_training} for practice, {made.n_images} images: "
        f"{made.folder}"
    )
    console.print(f"key, not for readers and not for the server: {made.key}")
    console.print(f"next: plexor readers check {folder}; plexor readers invite {folder} NAME ...")


def invite(
    study: Study,
    readers: Annotated[list[str], typer.Argument(help="Pseudonyms of the readers.")],
    address: Annotated[
        str, typer.Option(help="URL at which readers reach the server, for the links.")
    ] = ADDRESS,
    days: Annotated[float, typer.Option(help="Days until a link expires.")] = 90,
    pilot: Annotated[
        bool, typer.Option("--pilot", help="Keep their answers separate from the study.")
    ] = False,
    renew: Annotated[
        bool, typer.Option("--renew", help="Issue new links; old links and open sessions end.")
    ] = False,
    database: Database = None,
) -> None:
    """Print a personal link for each reader; links are shown only once.

    Whoever opens a link answers as this reader: send each to one person only.
    """
    with _opened(study, database) as store:
        from plexor.readers.enrol import invite as invite_readers

        for made in invite_readers(store, readers, days=days, pilot=pilot, renew=renew):
            console.print(f"{made.reader}: {made.link(address)}")


def serve(
    study: Study,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8750,
    https: Annotated[
        bool, typer.Option("--https", help="Readers connect by HTTPS, through a proxy.")
    ] = False,
    proxy: Annotated[
        str | None, typer.Option(help="Address of that proxy, which forwards readers' addresses.")
    ] = None,
    database: Database = None,
) -> None:
    """Serve the study until Ctrl-C.

    The investigator's page is at /investigator, with the password in the environment variable
    PLEXOR_READERS_PASSWORD when the server starts; without one nobody can sign in there. The
    server never opens the key.
    """
    with _opened(study, database) as store:
        from plexor.readers.serve import serve as run_server
        from plexor.readers.serve import set_password

        if password := os.environ.get(PASSWORD):
            set_password(store, password)
        console.print(f"serving {study} at http://{host}:{port}; Ctrl-C ends it")
        run_server(store, study, host=host, port=port, https=https, proxy=proxy)


def status(study: Study, database: Database = None) -> None:
    """Show how far each reader is; no answers."""
    with _opened(study, database) as store:
        from plexor.readers.enrol import progress

        table = folding_table("reader", "consented", "read", "of", "")
        for reader in progress(store):
            remark = "withdrawn" if reader.withdrawn else "pilot" if reader.pilot else ""
            consented = "yes" if reader.consented else "no"
            table.add_row(reader.reader, consented, str(reader.done), str(reader.total), remark)
        console.print(table)


def close(
    study: Study,
    with_open_reads: Annotated[
        bool, typer.Option("--with-open-reads", help="Even where readers have not finished.")
    ] = False,
    database: Database = None,
) -> None:
    """Close the study for good: no more answers; then it can be analysed."""
    with _opened(study, database) as store:
        from plexor.readers.enrol import close as close_study

        close_study(store, with_open_reads=with_open_reads)
        console.print(f"closed; next: plexor readers analyse {study}")


def forget(
    study: Study,
    reader: Annotated[str, typer.Argument(help="The reader's pseudonym.")],
    database: Database = None,
) -> None:
    """Delete a reader with all links, reads and answers."""
    with _opened(study, database) as store:
        from plexor.readers.enrol import forget as forget_reader

        n = forget_reader(store, reader)
        console.print(
            f"{reader} and {n} submissions are deleted; old copies of the database are not"
        )


def import_outside(
    study: Study,
    reads: Annotated[Path, typer.Argument(help="CSV file in the form that export writes.")],
    key: Annotated[
        Path | None, typer.Option(help="The key's folder, where images are named by case and arm.")
    ] = None,
    database: Database = None,
) -> None:
    """Add readers who read elsewhere, with their answers, from a CSV file; all of it or nothing.

    Needed columns: reader, question, answer, and image or case and arm; the codebook of an export
    says what they hold.
    """
    with _opened(study, database) as store:
        from plexor.readers.export import Unblinded
        from plexor.readers.outside import import_reads

        found = import_reads(store, reads, Unblinded.read(key) if key else None)
        console.print(f"{found.n_reads} reads of {', '.join(found.readers)}")


def export(
    study: Study,
    out: Annotated[Path, typer.Option(help="The file to write.")],
    form: Annotated[
        str, typer.Option("--format", help="csv, parquet, json; imrmc or rjafroc for R.")
    ] = "csv",
    key: Annotated[
        Path | None,
        typer.Option(help="The key's folder: adds arm, case and truth, once the study is closed."),
    ] = None,
    database: Database = None,
) -> None:
    """Write the answers as a table, with a codebook beside it; blinded without --key."""
    with _opened(study, database) as store:
        from plexor.readers.export import Unblinded
        from plexor.readers.export import export as write_export

        n = write_export(store, out, form, Unblinded.read(key) if key else None)
        console.print(f"{n} rows: {out}")


def analyse(
    study: Study,
    key: Key = None,
    run: Annotated[
        Path | None,
        typer.Option(
            help="The audit that the images are of: its model observer and its model are put "
            "beside the readers, and its report gets a section."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="JSON file; STUDY/analysis.json if not given. The page stands beside it, .html."
        ),
    ] = None,
    database: Database = None,
) -> None:
    """Analyse a closed study by the plan in its study file, and write its page.

    The plan is frozen before the key is opened, and the unblinding is logged in the database.
    """
    with _opened(study, database) as store:
        from plexor.core.files import write_atomic
        from plexor.findings.reader_results import dump_results, keep_results
        from plexor.findings.study_file import run_directory
        from plexor.readers.analyse import analyse_study, rows_of
        from plexor.report import reader_report, write_report

        audit = None if run is None else run_directory(run)
        found = analyse_study(store, study, key or _key_of(study), audit)
        table = folding_table("question", "measure", "who", "value (95 % interval)", "n")
        for row in rows_of(found):
            table.add_row(*row)
        console.print(table)
        for note in found.notes:
            console.print(f"note: {note}")
        path, results = out or study / "analysis.json", found.stored()
        page = path.with_suffix(".html")
        write_atomic(path, dump_results(results))
        write_atomic(page, reader_report(results).encode())
        console.print(f"every figure with its method: {path}; as a page: {page}")
        if audit is not None:
            keep_results(audit, results)
            console.print(f"section added to the audit's report: {write_report(audit.path)}")


def plan(
    study: Study,
    difference: Annotated[
        float, typer.Option(help="The difference that the next study should find, e.g. 0.05.")
    ],
    power: Annotated[float, typer.Option(help="Chance to find it.")] = 0.8,
    cases: Annotated[
        int | None, typer.Option(help="Also print the power of studies with this many cases.")
    ] = None,
    key: Key = None,
    database: Database = None,
) -> None:
    """Plan the next study from a closed one: cases for each number of readers.

    Obuchowski-Rockette components with the power of Hillis, for other readers and other cases of
    the same kind. Of a comparison of two arms, the difference between them; of a study of one
    change, how far readers are above guessing.
    """
    with _opened(study, database) as store:
        from plexor.readers.analyse import open_key
        from plexor.readers.power import READERS, pilots

        opened = open_key(store, study, key or _key_of(study))
        for pilot in pilots(opened.key.study, opened.reads):
            console.print(f"{pilot.question}: {pilot.measure}, {pilot.effect}")
            sized = [] if cases is None else [f"power with {cases} cases"]
            table = folding_table("readers", f"cases for a power of {power:g}", *sized)
            for n in READERS:
                needed = pilot.cases(difference, n, power)
                row = ["no number is enough" if needed is None else str(needed)]
                if cases is not None:
                    row.append(f"{pilot.power(difference, n, cases):.2f}")
                table.add_row(str(n), *row)
            console.print(table)


def check(study: Study, key: Key = None, database: Database = None) -> None:
    """Test whether anything sent to a browser, except pixels, tells the arms apart; fail if so.

    A copy of the study is served on this machine, each image is fetched, and a classifier looks at
    names, order, lengths, headers, bytes around the pixels and response times.
    """
    with _opened(study, database) as store:
        from plexor.readers.blinding import check_blinding

        leaks = []
        for found in check_blinding(store, study, key or _key_of(study)):
            console.print(found.worded())
            leaks += [found.what] if found.leaks else []
        if leaks:
            raise DataError(f"{study}: the arms can be distinguished by {', '.join(leaks)}")
        console.print("no difference between the arms found, except in the pixels")


def register(app: typer.Typer) -> None:
    """Adds the commands to ``plexor readers``."""
    app.command("import")(import_outside)
    for command in (create, invite, serve, status, close, export, analyse, plan, check, forget):
        app.command()(command)


@contextlib.contextmanager
def _opened(study: Path, database: str | None) -> Iterator[Store]:
    require(*_PACKAGES)
    from plexor.readers.store import Store, database_url

    store = Store.open(database_url(study, database))
    try:
        yield store
    finally:
        store.close()


def _key_of(study: Path) -> Path:
    return study.with_name(f"{study.name}-key")
