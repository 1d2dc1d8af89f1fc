"""``plexor attacks``."""

from __future__ import annotations

from plexor.cli.output import console, folding_table


def attacks() -> None:
    """List the attacks: what each needs to see, its norms, its tasks, its source."""
    from plexor.attacks import CATALOGUE

    table = folding_table("attack", "what it does", "sees", "norms", "tasks", "reference")
    for name, entry in CATALOGUE.items():
        table.add_row(
            name,
            entry.summary,
            entry.access,
            ", ".join(entry.norms),
            ", ".join(entry.tasks),
            entry.reference,
        )
    console.print(table)
