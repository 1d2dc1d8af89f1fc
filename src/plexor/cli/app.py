"""``plexor``: the list of commands, and how errors are printed."""

from __future__ import annotations

import io
import logging
import sys
from typing import Annotated, TextIO

import typer
from rich.console import Console
from rich.logging import RichHandler

from plexor.cli import (
    architectures,
    attacks,
    audit,
    cohort,
    compare,
    demo,
    flags,
    init,
    model,
    plan,
    readers,
    report,
    shortcuts,
    study,
    train,
)
from plexor.core.door import enter_command, leave_command
from plexor.core.errors import PlexorError, missing_extra
from plexor.core.version import __version__

_INTERRUPTED = 130
"""The status with which typer ends a command on Ctrl-C."""

app = typer.Typer(
    name="plexor",
    help="Audits medical-imaging models for robustness, on the images as stored.\n\n"
    "A first look, with no data: plexor demo. With your own images: plexor init FOLDER writes a "
    "plan and says what to run next.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("init")(init.init)
app.add_typer(cohort.app, name="cohort")
app.add_typer(plan.app, name="plan")
app.command("train")(train.train)
app.command("audit")(audit.audit)
app.command("report")(report.report)
app.command("compare")(compare.compare)
app.add_typer(study.app, name="study")
app.add_typer(readers.app, name="readers")
app.command("attacks")(attacks.attacks)
app.add_typer(shortcuts.app, name="shortcuts")
app.command("architectures")(architectures.architectures)
app.command("flags")(flags.flags)
app.add_typer(model.app, name="model")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"plexor {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Options before the command."""
    token = enter_command()
    context.call_on_close(lambda: leave_command(token))
    logging.basicConfig(
        level=logging.WARNING,
        format="%(message)s",
        handlers=[RichHandler(console=Console(stderr=True), show_time=False, show_path=False)],
    )


def main() -> None:
    """Runs the command line. An expected error is printed as one sentence, without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        show_all_characters(stream)
    try:
        app()
    except PlexorError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"[red]error:[/red] {_plain(error)}"
        )
        sys.exit(2)
    except ModuleNotFoundError as error:
        absent = missing_extra(error)
        if absent is None:
            raise
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"[red]error:[/red] {_plain(absent)}"
        )
        sys.exit(2)
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            Console(stderr=True).print("stopped; run the same command again to resume")
        raise


def show_all_characters(stream: TextIO) -> None:
    """Makes a console escape the characters that its code page lacks, instead of failing.

    A pipe on Windows has the code page 1252; a class may be named in any script.
    """
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def _plain(error: PlexorError) -> str:
    return str(error).replace("[", r"\[")
