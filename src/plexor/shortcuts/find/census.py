"""How often each kind of tag occurs in the images of each label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from plexor.cases import Case
from plexor.shortcuts.find.tag import KINDS, Tag
from plexor.stats import Estimate, clustered_proportion

ANY = "any tag"


@dataclass(frozen=True, slots=True, kw_only=True)
class CensusRow:
    """One kind of tag.

    Attributes:
        kind: the kind, ``ANY``, or a side as "laterality R".
        n_tags: tags of this kind.
        share: label → share of its images that carry at least one, with a clustered interval.
    """

    kind: str
    n_tags: int
    share: Mapping[str, Estimate]

    @property
    def widest(self) -> float:
        """Greatest difference of the share between two labels; 0 for one label."""
        values = [share.value for share in self.share.values()]
        return max(values) - min(values) if values else 0.0


def census(tags: Mapping[str, Sequence[Tag]], cases: Sequence[Case]) -> list[CensusRow]:
    """Counts each kind of tag by label; kinds that never occur are left out.

    Args:
        tags: case id → tags; cases that are not in it could not be read and are not counted.
        cases: with their labels and groups.
    """
    seen = [case for case in cases if case.id in tags]
    names = {case.id: [_names(tag) for tag in tags[case.id]] for case in seen}
    sides = [f"laterality {side}" for side in ("L", "R")]
    rows = []
    for kind in (ANY, "laterality", *sides, *KINDS[1:]):
        n_tags = sum(kind in of_tag for of_case in names.values() for of_tag in of_case)
        if n_tags == 0 and kind != ANY:
            continue
        has = {case.id: any(kind in of_tag for of_tag in names[case.id]) for case in seen}
        rows.append(CensusRow(kind=kind, n_tags=n_tags, share=_shares(has, seen)))
    return rows


def _names(tag: Tag) -> tuple[str, ...]:
    """The rows of the census in which a tag is counted."""
    side = tag.text[:1].upper() if tag.kind == "laterality" else ""
    return (ANY, tag.kind, *((f"laterality {side}",) if side else ()))


def _shares(has: Mapping[str, bool], cases: Sequence[Case]) -> dict[str, Estimate]:
    shares = {}
    for label in sorted({str(case.truth) for case in cases}):
        here = [case for case in cases if str(case.truth) == label]
        shares[label] = clustered_proportion(
            [has[case.id] for case in here], [case.group for case in here]
        )
    return shares
