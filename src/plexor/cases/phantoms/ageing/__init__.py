"""Heads that age as people's do: a template brain, deformed to published regional volumes.

Needs the extra ``neuro``: the package nilearn carries the MNI152 template. The true regional
volumes of every head are known. The heads are no patients: cortical folds are those of one
template, no lesion occurs, and regions are cut by planes.
"""

from plexor.cases.phantoms.ageing.norms import REGIONS
from plexor.cases.phantoms.ageing.person import (
    AgeingConfig,
    Person,
    draw_person,
    scan,
    scan_with_shares,
)

__all__ = [
    "REGIONS",
    "AgeingConfig",
    "Person",
    "draw_person",
    "scan",
    "scan_with_shares",
]
