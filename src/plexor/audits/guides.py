"""The audited model as the attacks of a plan differentiate it."""

from __future__ import annotations

from collections.abc import Sequence

from plexor.attacks.cascade import Cascade
from plexor.audits.backward import Networks
from plexor.models.backward import Backward
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.probes import PlannedAttack, PlannedProbe, Search
from plexor.probes.materials import resolved


def guides_of(
    probes: Sequence[PlannedProbe], model: Model, networks: Networks, batch: Batch
) -> list[Model]:
    """The models whose gradients a plan's attacks follow in place of the audited model's own.

    A stand-in (``backward``) takes other gradients, and so does a cascade where something hides
    them.

    Args:
        probes: the plan's probes.
        model: the audited model.
        networks: see ``load_networks``.
        batch: cases to run it on.

    Returns:
        One model for each way of differentiating it; empty if an attack follows the model's own
        gradient, or none follows any.
    """
    found: dict[str, Model] = {}
    for probe in probes:
        if not isinstance(probe, PlannedAttack) or probe.needs.access != "gradients":
            continue
        search = probe.source.search if isinstance(probe.source, Search) else None
        way = repr((isinstance(search, Cascade), probe.needs.backward))
        if way in found:
            continue
        stand_ins = resolved(probe.needs.backward, networks)
        guide = Backward(model, stand_ins) if stand_ins else model
        if isinstance(search, Cascade):
            guide = search.guide(guide, batch, probe.goal, probe.threat)
        found[way] = guide
    guides = list(found.values())
    return [] if any(guide is model for guide in guides) else guides
