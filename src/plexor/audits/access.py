"""Whether a model shows an attack what it needs."""

from __future__ import annotations

from plexor.attacks.catalogue import CATALOGUE, FITTED
from plexor.core.errors import PlanError
from plexor.models.model import Model, network_of
from plexor.probes.probe import Probe, Saved
from plexor.threat_model import ACCESS

_STRONGEST = ("cascade", "pgd", "square", "sparse-rs", "hop-skip-jump", "transfer")
"""In the order in which docs/how-to/which-attack.md recommends them."""


def check_access(probe: Probe, model: Model) -> None:
    """Refuses an attack that needs to see more than the model shows.

    Raises:
        PlanError: the model shows less, or the attack looks at hidden layers and the model has
            none. The message names the strongest attack that fits.
    """
    if probe.kind != "attack" or probe.threat is None:
        return
    fitted, fitted_before = FITTED.get(probe.name), isinstance(probe.source, Saved)
    needed = fitted.applied if fitted and fitted_before else CATALOGUE[probe.name].access
    if ACCESS.index(needed) > ACCESS.index(model.access):
        advice = _advice(probe.threat.norm, model)
        if fitted:
            advice += f", or `load` a {probe.name} that was fitted on another model"
        raise PlanError(
            f"{probe.name} needs to see the model's {needed}, and this model shows its "
            f"{model.access} only; {advice}"
        )
    if fitted and fitted.layers and not fitted_before:
        network_of(model, method=probe.name)


def _advice(norm: str, model: Model) -> str:
    allowed = ACCESS.index(model.access)
    for name in _STRONGEST:
        attack = CATALOGUE[name]
        if (
            ACCESS.index(attack.access) <= allowed
            and norm in attack.norms
            and model.task.kind in attack.tasks
        ):
            return f"take {name}, the strongest attack that fits"
    return f"no search under {norm} needs so little, take another norm"
