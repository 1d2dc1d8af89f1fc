"""``plexor attacks``."""

from __future__ import annotations

from plexor.cli.output import console, folding_table


def attacks() -> None:
    """List the attacks with the access each needs, its norms, tasks and reference.

    A fitted attack is fitted on one split and applied to others: the list gives the access needed
    for fitting, then the access needed for applying it. For an attack on surrogates it also gives
    the access needed to these.

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
