"""``plexor attacks``."""

from __future__ import annotations

from plexor.cli.output import console, folding_table


def attacks() -> None:
    """List the attacks: what each needs to see, its norms, its tasks, its source.

    A fitted attack is fitted on one split and applied to others: the list names what fitting needs
    to see, then what applying it does. For an attack on surrogates it also names what it needs to
    see of these.

    How to choose: docs/how-to/which-attack.md, "Which attack to take" on the site.
    """
    from plexor.attacks import CATALOGUE, FITTED, ON_SURROGATES

    table = folding_table("attack", "what it does", "sees", "norms", "tasks", "reference")
    for name, attack in CATALOGUE.items():
        seen: str = attack.access
        if name in FITTED:
            seen = f"{attack.access} when fitted, then {FITTED[name].applied}"
        if name in ON_SURROGATES:
            seen = f"{attack.access} (of surrogates {ON_SURROGATES[name].of_surrogates})"
        table.add_row(
            name,
            attack.summary,
            seen,
            ", ".join(attack.norms),
            ", ".join(attack.tasks),
            attack.reference,
        )
    console.print(table)
