"""Attributes of an enhanced DICOM object's only frame, which lie in functional groups.

An enhanced object (PS3.3, C.7.6.16) keeps the attributes of its frames in sequences: one that all
frames share, and one for each frame. A classic object has the same attributes at its top level.
"""

from __future__ import annotations

from typing import Any

from pydicom import Dataset

from plexor.core.errors import DataError

SHARED, PER_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"


def frame_macro(dataset: Dataset, keyword: str) -> Dataset | None:
    """The item of a functional group macro for the only frame; None where there is none.

    Args:
        dataset: of one frame.
        keyword: of the macro's sequence, e.g. "PixelMeasuresSequence".

    Raises:
        DataError: groups of several frames, several items, or shared and own groups that differ.
    """
    found = [
        macro
        for sequence in (PER_FRAME, SHARED)
        for macro in items(_only(dataset, sequence), keyword)
    ]
    if any(macro != found[0] for macro in found):
        raise DataError(
            f"the DICOM header gives several {keyword} that differ for its one frame; repair it"
        )
    return found[0] if found else None


def frame_value(dataset: Dataset, macro: str, keyword: str) -> Any:
    """An attribute of the only frame: in its macro, else at the top level; None where in neither.

    Raises:
        DataError: as for ``frame_macro``.
    """
    groups = frame_macro(dataset, macro)
    value = None if groups is None else groups.get(keyword)
    return dataset.get(keyword) if value is None else value


def _only(dataset: Dataset, sequence: str) -> Dataset:
    """The one item of a sequence of functional groups; an empty one where there is none."""
    found = items(dataset, sequence)
    if len(found) > 1:
        raise DataError(
            f"the DICOM file has one frame and functional groups of {len(found)} ({sequence}); "
            "repair its header"
        )
    return found[0] if found else Dataset()


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence; none where it is absent.

    Raises:
        DataError: it is no sequence.
    """
    if keyword not in dataset:
        return []
    element = dataset[keyword]
    if element.VR != "SQ":
        raise DataError(f"{keyword} is written as {element.VR}, expected SQ; repair the header")
    return list(element.value or ())
