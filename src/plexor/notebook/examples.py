"""The example images of a run, shown in a notebook."""

from __future__ import annotations

from html import escape
from typing import SupportsIndex, overload

from plexor.cases.formats import read_image
from plexor.findings import StoredExample
from plexor.report.comparator_words import reached
from plexor.report.picture import frame, show, show_change

MOST_SHOWN = 12
"""Examples that a notebook shows of a list; a slice shows others."""


class Examples(list[StoredExample]):
    """Examples of a run; a notebook shows original, changed image and difference of each.

    Example:
        >>> from plexor.notebook import Examples
        >>> Examples([]).of("pgd-linf-2")
        []
    """

    def of(self, probe: str) -> Examples:
        """Those of one probe."""
        return Examples(one for one in self if one.probe == probe)

    @overload
    def __getitem__(self, index: SupportsIndex) -> StoredExample: ...

    @overload
    def __getitem__(self, index: slice) -> Examples: ...

    def __getitem__(self, index: SupportsIndex | slice) -> StoredExample | Examples:
        """One example, or a part of them that shows itself, too."""
        if isinstance(index, slice):
            return Examples(super().__getitem__(index))
        return super().__getitem__(index)

    def _repr_html_(self) -> str:
        """A row of three pictures for each of the first examples, pixels as they are stored."""
        shown = "".join(map(_row, self[:MOST_SHOWN]))
        left = len(self) - MOST_SHOWN
        more = f"<p>{left} more: examples[{MOST_SHOWN}:]</p>" if left > 0 else ""
        return f"{shown or '<p>no examples were kept</p>'}{more}"


def _row(example: StoredExample) -> str:
    original, perturbed = read_image(example.original), read_image(example.perturbed)
    seen = frame(original, perturbed)
    change = show_change(original, perturbed, seen)
    pictures = (
        ("original", show(original, seen)),
        (example.probe, change.perturbed),
        (f"difference, up to {reached(change)}", change.difference),
    )
    cells = "".join(
        f'<figure style="margin:0 12px 0 0"><img src="{source}" alt="{escape(said)}" '
        f'style="image-rendering:pixelated;min-width:128px"><figcaption>{escape(said)}</figcaption>'
        "</figure>"
        for said, source in pictures
    )
    return f'<p>{escape(example.case_id)}</p><div style="display:flex">{cells}</div>'
