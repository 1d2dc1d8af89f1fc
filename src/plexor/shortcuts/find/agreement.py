"""Agreement of found tags with boxes that a person drew: precision and recall."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from plexor.shortcuts.find.tag import Kind, Tag
from plexor.stats import Estimate, clustered_proportion

OVERLAP = 0.5
"""Minimum intersection over union of a found and a drawn box that match."""
_NONE_FOUND = "nothing was found"
_NONE_DRAWN = "nothing is there to be found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Agreement of found boxes with drawn ones.

    Attributes:
        precision: share of found boxes that were drawn.
        recall: share of drawn boxes that were found.
        image_precision: of the images in which something was found, the share that have a tag.
        image_recall: of the images that have a tag, the share in which one was found.
        image_specificity: of the images without a tag, the share in which nothing was found.
    """

    precision: Estimate
    recall: Estimate
    image_precision: Estimate
    image_recall: Estimate
    image_specificity: Estimate


def agreement(
    found: Mapping[str, Sequence[Tag]],
    drawn: Mapping[str, Sequence[Tag]],
    *,
    kinds: Collection[Kind] | None = None,
    groups: Mapping[str, str] | None = None,
    same_kind: bool = False,
    level: float = 0.95,
) -> Agreement:
    """Precision and recall of a finder, by box and by image.

    A found box matches a drawn box if their intersection over union is at least 0.5. Each box is
    matched at most once, in descending order of overlap. Intervals are clustered by image, or by
    group where groups are given.

    Args:
        found: image → its tags as found. Images that are not in ``drawn`` are ignored.
        drawn: image → its tags as drawn, empty for an image without one.
        kinds: only found and drawn boxes of these kinds are compared; None compares all.
        groups: image → patient.
        same_kind: whether a pair must also be of one kind.
        level: nominal coverage.

    Returns:
        A share whose denominator is 0 is NaN with a note.

    Example:
        >>> from plexor.shortcuts.find.tag import Box
        >>> box = Box(x0=0, y0=0, x1=9, y1=9)
        >>> tag = Tag(box=box, kind="laterality", text="R")
        >>> agreement({"a": [tag], "b": [tag]}, {"a": [tag], "b": []}).precision.value
        0.5
    """
    right: list[bool] = []
    right_of: list[str] = []
    hit: list[bool] = []
    hit_of: list[str] = []
    some_found: dict[str, bool] = {}
    some_drawn: dict[str, bool] = {}
    for image, wanted in drawn.items():
        there = [tag for tag in wanted if kinds is None or tag.kind in kinds]
        seen = [tag for tag in found.get(image, ()) if kinds is None or tag.kind in kinds]
        pairs = _pairs(seen, there, same_kind=same_kind)
        right += [i in pairs for i in range(len(seen))]
        hit += [j in pairs.values() for j in range(len(there))]
        group = (groups or {}).get(image, image)
        right_of += [group] * len(seen)
        hit_of += [group] * len(there)
        some_found[image], some_drawn[image] = bool(seen), bool(there)

    def by_image(outcome: Mapping[str, bool], among: Collection[str], note: str) -> Estimate:
        return _share(
            [outcome[image] for image in among],
            [(groups or {}).get(image, image) for image in among],
            note,
            level,
        )

    positive = [image for image in drawn if some_drawn[image]]
    negative = [image for image in drawn if not some_drawn[image]]
    nothing = {image: not seen for image, seen in some_found.items()}
    return Agreement(
        precision=_share(right, right_of, _NONE_FOUND, level),
        recall=_share(hit, hit_of, _NONE_DRAWN, level),
        image_precision=by_image(
            some_drawn, [image for image in drawn if some_found[image]], _NONE_FOUND
        ),
        image_recall=by_image(some_found, positive, _NONE_DRAWN),
        image_specificity=by_image(nothing, negative, "every image has a tag"),
    )


def _share(outcomes: Sequence[bool], of: Sequence[str], note: str, level: float) -> Estimate:
    if not outcomes:
        return Estimate(
            value=float("nan"),
            low=float("nan"),
            high=float("nan"),
            level=level,
            method="none",
            n=0,
            note=note,
        )
    return clustered_proportion(outcomes, of, level=level)


def _pairs(found: Sequence[Tag], drawn: Sequence[Tag], *, same_kind: bool) -> dict[int, int]:
    """Found → drawn, each once, those that overlap most first."""
    candidates = [
        (one.box.overlap(other.box), i, j)
        for i, one in enumerate(found)
        for j, other in enumerate(drawn)
        if not same_kind or one.kind == other.kind
    ]
    pairs: dict[int, int] = {}
    for overlap, i, j in sorted(candidates, key=lambda one: (-one[0], one[1], one[2])):
        if overlap >= OVERLAP and i not in pairs and j not in pairs.values():
            pairs[i] = j
    return pairs
