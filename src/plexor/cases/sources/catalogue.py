"""The sources a manifest can be made from: name → class, whose fields are its options."""

from __future__ import annotations

from plexor.cases.sources.bids import Bids
from plexor.cases.sources.chexpert import CheXpert
from plexor.cases.sources.dicom import Dicom
from plexor.cases.sources.hf import HuggingFace
from plexor.cases.sources.medmnist import MedMnist
from plexor.cases.sources.msd import Msd
from plexor.cases.sources.mura import Mura
from plexor.cases.sources.nih import Nih
from plexor.cases.sources.padchest import PadChest
from plexor.cases.sources.source import Source
from plexor.cases.sources.vindr import VinDr

SOURCES: dict[str, type[Source]] = {
    "mura": Mura,
    "chexpert": CheXpert,
    "nih": Nih,
    "vindr": VinDr,
    "padchest": PadChest,
    "bids": Bids,
    "msd": Msd,
    "medmnist": MedMnist,
    "hf": HuggingFace,
    "dicom": Dicom,
}
"""Every source, in the order in which they are listed."""
