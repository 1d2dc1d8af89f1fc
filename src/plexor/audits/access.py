"""Check of the access that a model gives against the access that a probe needs."""

from __future__ import annotations

from plexor.attacks.catalogue import CATALOGUE
from plexor.core.errors import PlanError
from plexor.models.model import Model, network_of
from plexor.probes import PlannedProbe
from plexor.threat_model import ACCESS

_STRONGEST = ("cascade", "pgd", "square", "sparse-rs", "hop-skip-jump", "transfer")
"""In the order recommended in docs/how-to/which-attack.md."""


def check_access(probe: PlannedProbe, model: Model) -> None:
    """Refuses a probe that needs more access than the model gives.

    Raises:
        PlanError: the model gives less access, or has no hidden layers though the probe needs
            them. The message names the strongest attack that fits.
    """
    needs = probe.needs
    if ACCESS.index(needs.access) > ACCESS.index(model.access):
        advice = _advice(probe.threat.norm if probe.threat else "", model)
        if needs.fitting is not None:
            advice += f", or `load` a {probe.name} that was fitted on another model"
        raise PlanError(
            f"{probe.name} needs access to the model's {needs.access}, but this model gives its "
            f"{model.access} only; {advice}"
        )
    if needs.layers:
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
    return f"no attack under {norm} manages with this access; take another norm"
