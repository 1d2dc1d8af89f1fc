"""What the options and threats of every attack are held to, in one wording."""

from __future__ import annotations

from plexor.attacks.threat import Threat
from plexor.core.errors import PlanError


def check_norm(attack: str, threat: Threat, norms: tuple[str, ...]) -> None:
    """Refuses a threat the attack does not search.

    Raises:
        PlanError: its norm is not one of ``norms``.
    """
    if threat.norm not in norms:
        raise PlanError(
            f"{attack}: searches under {', '.join(norms)}, got a threat in {threat.norm}; "
            "choose another attack or norm"
        )


def check_counts(attack: str, **options: int | None) -> None:
    """Refuses counts below 1; None is left to the attack.

    Raises:
        PlanError: names the first of them.
    """
    for name, count in options.items():
        if count is not None and not count >= 1:
            raise PlanError(f"{attack}: `{name}` must be at least 1, got {count}")


def check_positive(attack: str, **options: float | None) -> None:
    """Refuses numbers that are not above zero, NaN among them; None is left to the attack.

    Raises:
        PlanError: names the first of them.
    """
    for name, number in options.items():
        if number is not None and not number > 0:
            raise PlanError(f"{attack}: `{name}` must be positive, got {number}")
