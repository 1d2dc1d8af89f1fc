"""The sources a manifest can be made from: name → class, whose fields are its options."""

from __future__ import annotations

from plexor.cases.sources.dicom import Dicom
from plexor.cases.sources.mura import Mura
from plexor.cases.sources.source import Source

SOURCES: dict[str, type[Source]] = {
    "dicom": Dicom,
    "mura": Mura,
}
"""Every source, in the order in which they are listed."""
