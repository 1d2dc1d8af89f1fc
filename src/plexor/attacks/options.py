"""Checks of attack options and threats."""

from __future__ import annotations

from typing import Literal, get_args

from plexor.attacks.goals import LossKind
from plexor.attacks.objective import Precision
from plexor.attacks.threat import Threat
from plexor.core.errors import PlanError, unknown
from plexor.models.segmentation import Segmentation
from plexor.models.task import Task

FitLoss = LossKind | Literal["auto"]
FIT_LOSSES = ("auto", *get_args(LossKind))


def fit_loss(loss: FitLoss, task: Task) -> LossKind:
    """The loss of a fit for all images; "auto" depends on the task.

    Cross-entropy more often settles on a class that few cases turn to. The margin of a
    segmentation is a Dice, with hardly a slope at most images.
    """
    if loss != "auto":
        return loss
    return "ce" if isinstance(task, Segmentation) else "margin"


def check_norm(attack: str, threat: Threat, norms: tuple[str, ...]) -> None:
    """Checks that the attack searches the threat's norm.

    Raises:
        PlanError: its norm is not one of ``norms``.
    """
    if threat.norm not in norms:
        raise PlanError(
            f"{attack}: searches under {', '.join(norms)}, got a threat in {threat.norm}; "
            "choose another attack or norm"
        )


def check_counts(attack: str, **options: int | None) -> None:
    """Checks that counts are at least 1; None is accepted.

    Raises:
        PlanError: names the first that fails.
    """
    for name, count in options.items():
        if count is not None and not count >= 1:
            raise PlanError(f"{attack}: `{name}` must be at least 1, got {count}")


def check_positive(attack: str, **options: float | None) -> None:
    """Checks that numbers are above 0 and not NaN; None is accepted.

    Raises:
        PlanError: names the first that fails.
    """
    for name, number in options.items():
        if number is not None and not number > 0:
            raise PlanError(f"{attack}: `{name}` must be positive, got {number}")


def check_names(
    attack: str,
    *,
    loss: str = "margin",
    losses: tuple[str, ...] = get_args(LossKind),
    precision: str = "float32",
) -> None:
    """Checks that the loss is one of ``losses``, and that the precision exists.

    Raises:
        PlanError: names the unknown one, the closest match and all choices.
    """
    for kind, name, known in (
        ("loss", loss, losses),
        ("precision", precision, get_args(Precision)),
    ):
        if name not in known:
            raise PlanError(f"{attack}: {unknown(kind, name, known)}")
