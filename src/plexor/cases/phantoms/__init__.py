"""Phantoms: synthetic images with known truth, drawn in milliseconds from a seed.

They show that an audit works from end to end and what it would find; they say nothing about
patients.
Each kind has a subject shared by several images (``Chest``, ``Spot``, ``Head``), a function that
draws a subject, and one that takes another image of it.
"""

from plexor.cases.phantoms.ageing import AgeingConfig
from plexor.cases.phantoms.chest import Chest, draw_chest
from plexor.cases.phantoms.cohort import write_phantoms
from plexor.cases.phantoms.dermatoscopy import LesionConfig, Spot, draw_spot, lesion
from plexor.cases.phantoms.head import TISSUES, Head
from plexor.cases.phantoms.mri import BrainConfig, brain, draw_head
from plexor.cases.phantoms.phantom import Phantom
from plexor.cases.phantoms.radiography import RadiographConfig, radiograph

__all__ = [
    "TISSUES",
    "AgeingConfig",
    "BrainConfig",
    "Chest",
    "Head",
    "LesionConfig",
    "Phantom",
    "RadiographConfig",
    "Spot",
    "brain",
    "draw_chest",
    "draw_head",
    "draw_spot",
    "lesion",
    "radiograph",
    "write_phantoms",
]
