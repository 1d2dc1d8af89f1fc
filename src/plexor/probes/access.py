"""Whether a model shows an attack what it needs."""

from __future__ import annotations

from plexor.attacks.fitted_catalogue import LISTED, FittedEntry
from plexor.core.errors import PlanError
from plexor.models.model import Model
from plexor.threat_model import ACCESS, Access

_STRONGEST = ("cascade", "pgd", "square", "sparse-rs", "hop-skip-jump", "transfer")
"""In the order in which docs/how-to/which-attack.md recommends them."""


def check_access(name: str, needed: Access, *, norm: str, model: Model) -> None:
    """Refuses an attack that needs to see more than the model shows.

    Args:
        name: the attack's, in its catalogue.
        needed: what it needs to see.
        norm: of its threat.
        model: the audited model.

    Raises:
        PlanError: the model shows less. The message names the strongest attack that fits.
    """
    if ACCESS.index(needed) <= ACCESS.index(model.access):
        return
    advice = _advice(norm, model)
    if isinstance(LISTED[name], FittedEntry):
        advice += f", or `load` a {name} that was fitted on another model"
    raise PlanError(
        f"{name} needs to see the model's {needed}, and this model shows its "
        f"{model.access} only; {advice}"
    )


def _advice(norm: str, model: Model) -> str:
    allowed = ACCESS.index(model.access)
    for name in _STRONGEST:
        entry = LISTED[name]
        if (
            ACCESS.index(entry.access) <= allowed
            and norm in entry.norms
            and model.task.kind in entry.tasks
        ):
            return f"take {name}, the strongest attack that fits"
    return f"no search under {norm} needs so little, take another norm"
