"""Options given several times, each a name and its value: ``--column label=dx``."""

from __future__ import annotations

from collections.abc import Sequence

from plexor.core.errors import PlanError


def named_values(
    written: Sequence[str] | None, option: str, *, form: str = "NAME=VALUE"
) -> dict[str, str]:
    """The values of such an option by their names.

    Args:
        written: as typed, e.g. ``["label=dx", "group=patient"]``; None where the option is absent.
        option: its name, for the message, e.g. "--column".
        form: how the option's help writes it, for the message.

    Raises:
        PlanError: no equals sign, an empty name or value, or a name given twice.

    Example:
        >>> named_values(["label=dx", "group=patient"], "--column")
        {'label': 'dx', 'group': 'patient'}
    """
    found: dict[str, str] = {}
    for text in written or ():
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise PlanError(f"{option}: expected {form}, got {text!r}")
        if name in found:
            raise PlanError(
                f"{option}: {name!r} is given twice, as {found[name]!r} and {value!r}; give it once"
            )
        found[name] = value
    return found
