"""Choosing cases so that every label carries the same tags."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from plexor.cases import Case
from plexor.shortcuts.find.tag import Tag

Signature = tuple[str, ...]


def with_equal_tags(
    tags: Mapping[str, Sequence[Tag]], cases: Sequence[Case], label: str, *, seed: int
) -> list[Case]:
    """Drops cases until a label and all others carry equally many tags of each combination.

    Cases are put together that carry the same kinds of tags, with the same sides (L or R); of each
    such set, as many cases of the label as of the others are kept, drawn at random. Where tags are
    and how they look is not balanced.

    Args:
        tags: case id → tags.
        cases: cases that are in ``tags``.
        label: the label.
        seed: of the draw.

    Returns:
        The cases kept, in their order; none where no combination occurs on both sides.

    Example:
        >>> from pathlib import Path
        >>> cases = [Case(id=n, path=Path(n), truth=n[0], group=n) for n in ("a1", "a2", "b1")]
        >>> none = {"a1": (), "a2": (), "b1": ()}
        >>> [case.id for case in with_equal_tags(none, cases, "b", seed=0)]
        ['a1', 'b1']
    """
    sides: dict[Signature, tuple[list[Case], list[Case]]] = defaultdict(lambda: ([], []))
    for case in cases:
        sides[signature(tags[case.id])][str(case.truth) == label].append(case)
    rng = np.random.default_rng(seed)
    kept = set()
    for _, pair in sorted(sides.items()):
        n = min(map(len, pair))
        kept |= {side[i].id for side in pair for i in rng.permutation(len(side))[:n].tolist()}
    return [case for case in cases if case.id in kept]


def signature(tags: Sequence[Tag]) -> Signature:
    """Kinds of an image's tags, with the side of a laterality; sorted, each once."""
    return tuple(
        sorted(
            {
                f"laterality {tag.text[:1].upper()}" if tag.kind == "laterality" else tag.kind
                for tag in tags
            }
        )
    )
