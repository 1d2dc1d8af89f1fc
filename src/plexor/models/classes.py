"""Class names: what every task that has some asks of them."""

from __future__ import annotations

from plexor.core.errors import PlanError


def check_classes(kind: str, classes: tuple[str, ...], *, at_least: int) -> None:
    """Refuses too few names, or one given twice.

    Raises:
        PlanError: they are.
    """
    if len(classes) < at_least:
        raise PlanError(f"{kind}: needs at least {at_least} classes, got {len(classes)}")
    if len(set(classes)) != len(classes):
        raise PlanError(f"{kind}: class names must differ, got {', '.join(classes)}")
