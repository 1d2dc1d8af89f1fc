"""``plexor attacks``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from plexor.cli.class_options import facts_table, options_of, options_table, plain_table
from plexor.cli.completion import attack_names, norms, task_names
from plexor.cli.output import console, print_json
from plexor.threat_model import ACCESS, Access

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plexor.attacks.description import Described


def attacks(
    name: Annotated[
        str | None,
        typer.Argument(
            help="One attack: its options, their defaults, its source.",
            autocompletion=attack_names,
        ),
    ] = None,
    access: Annotated[
        Access | None, typer.Option(help="Only attacks that need no more of the model than this.")
    ] = None,
    norm: Annotated[
        str | None,
        typer.Option(
            help="Only attacks under this norm: linf, l2, l1 or l0.", autocompletion=norms
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="Only attacks for this task, e.g. regression.", autocompletion=task_names
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, with options and references.")
    ] = False,
) -> None:
    """List the attacks, or show one with its options.

    `sees` is what an attack needs of the model: gradients, scores or decisions. A fitted attack is
    fitted on one split and applied to another: the second word is what it needs when applied.

    How to choose: docs/how-to/which-attack.md, "Which attack to take" on the site.

    Example: plexor attacks --access scores --norm l2
    """
    from plexor.attacks import CATALOGUE
    from plexor.core.errors import PlanError, unknown

    if name is not None and name not in CATALOGUE:
        raise PlanError(unknown("attack", name, CATALOGUE))
    chosen = {name: CATALOGUE[name]} if name else _fitting(CATALOGUE, access, norm, task)
    if not chosen:
        raise PlanError("no attack fits these filters; `plexor attacks` lists all")
    if as_json:
        print_json(_about(*item) | {"options": options_of(item[1])} for item in chosen.items())
    elif name:
        _show(name, chosen[name])
    else:
        console.print(_listed(chosen))
        console.print(f"\nplexor attacks {next(iter(chosen))}: one attack with its options")


def _fitting(
    catalogue: Mapping[str, type[Described]], access: str | None, norm: str | None, task: str | None
) -> dict[str, type[Described]]:
    """The attacks that pass every filter given.

    Raises:
        PlanError: a filter names a norm or task that does not exist.
    """
    from plexor.attacks.description import EVERY_NORM, EVERY_TASK
    from plexor.core.errors import PlanError, unknown

    for kind, value, choices in (("norm", norm, EVERY_NORM), ("task", task, EVERY_TASK)):
        if value is not None and value not in choices:
            raise PlanError(unknown(kind, value, choices))
    return {
        name: attack
        for name, attack in catalogue.items()
        if (access is None or ACCESS.index(attack.access) <= ACCESS.index(access))
        and (norm is None or norm in attack.norms)
        and (task is None or task in attack.tasks)
    }


def _listed(attacks: Mapping[str, type[Described]]) -> Table:
    table = plain_table("attack", "sees", "norms", text="what it does")
    for name, attack in attacks.items():
        table.add_row(name, attack.access, " ".join(attack.norms), attack.summary)
    return table


def _show(name: str, attack: type[Described]) -> None:
    about = _about(name, attack)
    console.print(f"{name}: {attack.summary}\n")
    facts = facts_table()
    for key in ("sees", "applied", "of_surrogates", "norms", "tasks", "reference"):
        if value := about.get(key):
            words = ", ".join(value) if isinstance(value, list) else str(value)
            facts.add_row(key.replace("_", " "), words)
    console.print(facts)
    if options := options_of(attack):
        console.print()
        console.print(options_table(options))
    console.print("\nIn a plan:\n")
    console.print(f"  - attack: {name}\n    threat: {{norm: {attack.norms[0]}, radius: 2}}")
    if "of_surrogates" in about:
        console.print("    surrogates: [other.safetensors]")


def _about(name: str, attack: type[Described]) -> dict[str, object]:
    """What the catalogue and the class say of an attack, without its options."""
    from plexor.attacks import FITTED, ON_SURROGATES

    about: dict[str, object] = {"name": name, "summary": attack.summary, "sees": attack.access}
    if name in FITTED:
        about["applied"] = FITTED[name].applied
    if name in ON_SURROGATES:
        about["of_surrogates"] = ON_SURROGATES[name].of_surrogates
    return about | {
        "norms": list(attack.norms),
        "tasks": list(attack.tasks),
        "reference": attack.reference,
    }
