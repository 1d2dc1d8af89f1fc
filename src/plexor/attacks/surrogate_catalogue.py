"""What attacks there are that search on other models: name → class."""

from __future__ import annotations

from dataclasses import dataclass

from plexor.attacks.catalogue import EVERY_TASK
from plexor.attacks.gradient import Transfer
from plexor.threat_model import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class SurrogateEntry:
    """An attack on surrogates as ``plexor attacks`` lists it.

    Attributes:
        attack: the class; its ``using`` gives the attack once surrogates are there.
        access: what it needs to see of the model.
        of_surrogates: what it needs to see of the surrogates.
        norms: the threats it searches.
        tasks: the tasks it works for.
        reference: where it comes from.
        summary: one line.
    """

    attack: type[Transfer]
    access: Access
    of_surrogates: Access
    norms: tuple[str, ...]
    tasks: tuple[str, ...]
    reference: str
    summary: str


ON_SURROGATES: dict[str, SurrogateEntry] = {
    "transfer": SurrogateEntry(
        attack=Transfer,
        access="none",
        of_surrogates="gradients",
        norms=("linf", "l2"),
        tasks=EVERY_TASK,
        reference="Dong et al., CVPR 2018, arXiv:1710.06081; views: Xie et al., CVPR 2019, "
        "arXiv:1803.06978; ensembles: Liu et al., ICLR 2017, arXiv:1611.02770",
        summary="steps along a decaying sum of other models' gradients; cost counted on these",
    ),
}
