"""``plexor flags``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from plexor.cli.class_options import plain_table
from plexor.cli.completion import flag_ids
from plexor.cli.output import AsJson, console, print_json

if TYPE_CHECKING:
    from plexor.findings.flags.flag_kind import FlagKind


def flags(
    flag: Annotated[
        str | None,
        typer.Argument(
            help="One flag: when it is raised, why, and what to do.",
            autocompletion=flag_ids,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the doubts that an audit can raise about itself, or explain one.

    Example: plexor flags zero-gradients
    """
    from plexor.core.errors import PlanError, unknown
    from plexor.findings.flags.catalogue import FLAG_KINDS

    kinds = {kind.id: kind for kind in FLAG_KINDS}
    if flag is not None and flag not in kinds:
        raise PlanError(unknown("flag", flag, kinds))
    chosen = [kinds[flag]] if flag else list(FLAG_KINDS)
    if as_json:
        print_json(_described(kind) for kind in chosen)
    elif flag:
        (kind,) = chosen
        console.print(f"{kind.id} ({kind.severity}): {kind.title}\n")
        console.print(f"Raised if {kind.raised_if}\n")
        console.print(f"{kind.why}\n")
        console.print(f"What to do: {kind.what_to_do}")
    else:
        table = plain_table("flag", "severity", text="doubt")
        for kind in chosen:
            table.add_row(kind.id, kind.severity, kind.title)
        console.print(table)


def _described(kind: FlagKind) -> dict[str, object]:
    return {
        "id": kind.id,
        "severity": kind.severity,
        "title": kind.title,
        "raised_if": kind.raised_if,
        "why": kind.why,
        "what_to_do": kind.what_to_do,
    }
