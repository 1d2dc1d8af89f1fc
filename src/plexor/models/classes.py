"""Checks of class names, shared by all tasks that have classes."""

from __future__ import annotations

from plexor.core.errors import PlanError


def check_classes(kind: str, classes: tuple[str, ...], *, at_least: int) -> None:
    """Checks the number of class names, and that no name is given twice.

    Raises:
        PlanError: fewer than ``at_least`` names, or a repeated one.
    """
    if len(classes) < at_least:
        raise PlanError(f"{kind}: needs at least {at_least} classes, got {len(classes)}")
    if len(set(classes)) != len(classes):
        raise PlanError(f"{kind}: class names must differ, got {', '.join(classes)}")
