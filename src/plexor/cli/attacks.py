"""``plexor attacks``."""

from __future__ import annotations

from plexor.cli.output import console, folding_table


def attacks() -> None:
    """List the attacks: what each needs to see, its norms, its tasks, its source.

    A fitted one is searched on one split for all cases; what it needs to see is said twice: while
    it is fitted, and once it is. Of an attack on surrogates, what it needs to see of these.

    How to choose: docs/how-to/which-attack.md, "Which attack to take" on the site.
    """
    from plexor.attacks import LISTED
    from plexor.attacks.fitted_catalogue import FittedEntry
    from plexor.attacks.surrogate_catalogue import SurrogateEntry

    table = folding_table("attack", "what it does", "sees", "norms", "tasks", "reference")
    for name, entry in LISTED.items():
        seen: str = entry.access
        if isinstance(entry, FittedEntry):
            seen = f"{entry.access} when fitted, then {entry.applied}"
        if isinstance(entry, SurrogateEntry):
            seen = f"{entry.access} (of surrogates {entry.of_surrogates})"
        table.add_row(
            name,
            entry.summary,
            seen,
            ", ".join(entry.norms),
            ", ".join(entry.tasks),
            entry.reference,
        )
    console.print(table)
