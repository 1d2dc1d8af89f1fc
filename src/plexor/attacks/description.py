"""What an attack class says about itself, for plans, reports and ``plexor attacks``."""

from __future__ import annotations

from typing import ClassVar, Protocol

from plexor.threat_model import Access

EVERY_NORM = ("linf", "l2", "l1", "l0")
EVERY_TASK = ("multiclass", "binary", "multilabel", "regression", "segmentation")


class Described(Protocol):
    """Class variables of every attack in the catalogue.

    Attributes:
        access: what the search sees of the model it runs on; of an attack on surrogates, what it
            sees of the audited model.
        norms: norms of the threats it searches.
        tasks: kinds of task it works for.
        reference: the publication.
        summary: what it does, in one line without a full stop.
    """

    access: ClassVar[Access]
    norms: ClassVar[tuple[str, ...]]
    tasks: ClassVar[tuple[str, ...]]
    reference: ClassVar[str]
    summary: ClassVar[str]
