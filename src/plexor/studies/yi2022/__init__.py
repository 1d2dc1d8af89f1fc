"""Yi et al., AJR 2022;218:714: burnt-in tags on radiographs as a confounder."""

from plexor.studies.yi2022.published import YI2022

__all__ = ["YI2022"]
