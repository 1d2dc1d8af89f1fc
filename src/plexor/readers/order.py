"""Images and order of each reader: pure functions of the design, a reader's number and a seed.

An order never depends on the meaning of arms, since it uses opaque tokens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from plexor.core.errors import PlanError
from plexor.core.seeds import seed_for
from plexor.readers.design import Design

_TRIES = 300
"""Number of attempts before the constraints are declared impossible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stimulus:
    """One image, or volume, as the server knows it.

    Attributes:
        id: opaque.
        case: opaque token of the case.
        group: opaque token of the patient or lesion.
        arm: opaque token of the arm.
        case_set: which set of a split-plot design its case is in.
        training: whether it is for practice.
    """

    id: str
    case: str
    group: str
    arm: str
    case_set: int = 0
    training: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One reading task.

    Attributes:
        stimuli: ids of one image, or of the left and the right one.
        case: the case's token.
        group: the group's token.
        block: 0 is the training block; reading begins with 1.
        kind: "training", "read", or "repeat" of an earlier read.
    """

    stimuli: tuple[str, ...]
    case: str
    group: str
    block: int
    kind: Literal["training", "read", "repeat"] = "read"


def latin_rows(n: int) -> list[list[int]]:
    """A balanced Latin square of 0 … n-1 (Williams, Aust J Sci Res A 1949;2:149).

    Over the rows, each number occurs equally often in each place and follows each other number
    equally often. Has ``n`` rows for even ``n`` and 2·n for odd ``n``.

    Example:
        >>> latin_rows(4)
        [[0, 1, 3, 2], [1, 2, 0, 3], [2, 3, 1, 0], [3, 0, 2, 1]]
    """
    first = [(k + 1) // 2 if k % 2 else (n - k // 2) % n for k in range(n)]
    rows = [[(value + shift) % n for value in first] for shift in range(n)]
    return rows + [row[::-1] for row in rows] if n % 2 and n > 1 else rows


def reads_for(study: Design, stimuli: Sequence[Stimulus], *, ordinal: int, seed: int) -> list[Read]:
    """All reads of a reader in order: training, then the blocks, each with its repeats.

    Args:
        study: the design.
        stimuli: all images of the study, with opaque tokens.
        ordinal: the reader's number, 0, 1, …; balance is over consecutive readers.
        seed: of this reader's random order.

    Raises:
        PlanError: no order satisfies the distances of the design.
    """
    practice = [stimulus for stimulus in stimuli if stimulus.training]
    own_set = ordinal % study.case_sets
    own = [s for s in stimuli if not s.training and s.case_set == own_set]
    training = _arranged(
        study, _items(study, practice, _rng(seed, "training")), [], _rng(seed, "training order")
    )
    reads = [replace(read, block=0, kind="training") for read in training]
    done: list[Read] = []
    for number, block in enumerate(_blocks(study, own, ordinal, seed), start=1):
        rng = _rng(seed, f"block {number}")
        new = [replace(read, block=number) for read in _arranged(study, block, done, rng)]
        done += new
    return reads + done + _repeats(study, done, _rng(seed, "repeats"))


def _blocks(study: Design, own: Sequence[Stimulus], ordinal: int, seed: int) -> list[list[Read]]:
    """The reads of each block: case sets, arms and sides balanced over readers."""
    arms = sorted({stimulus.arm for stimulus in own})
    n_blocks, n_arms = study.blocks.number, max(len(arms), 1)
    parts = n_blocks if study.blocks.arms == "mixed" else n_blocks // n_arms
    part_of = {case: index % parts for index, case in enumerate(_dealt_cases(own))}
    chosen = _chosen(study, own, arms, ordinal)
    if study.blocks.arms == "separate":
        rows = latin_rows(n_arms)
        arm_order = rows[ordinal % len(rows)]
        part_rows = latin_rows(parts)
        part_order = part_rows[ordinal // len(rows) % len(part_rows)]
        slots = [(arms[arm], part) for arm in arm_order for part in part_order]
        return [
            _items(study, [s for s in own if s.arm == arm and part_of[s.case] == part], None)
            for arm, part in slots
        ]
    rows = latin_rows(n_blocks)
    order = rows[ordinal % len(rows)]
    if study.shown == "crossed" and study.show == "one" and n_blocks > 1:
        # Each block has each case at most once; the arms of one case go to different blocks.
        turn = {case: index for index, case in enumerate(_dealt_cases(own))}
        by_block: list[list[Stimulus]] = [[] for _ in range(n_blocks)]
        for stimulus in chosen:
            place = (turn[stimulus.case] + arms.index(stimulus.arm)) % n_blocks
            by_block[order.index(place)].append(stimulus)
        return [_items(study, block, None) for block in by_block]
    rng = _rng(seed, "sides")
    return [_items(study, [s for s in chosen if part_of[s.case] == part], rng) for part in order]


def _chosen(
    study: Design, own: Sequence[Stimulus], arms: Sequence[str], ordinal: int
) -> list[Stimulus]:
    """The images for this reader: all, or one arm of each case, in rotation."""
    if study.shown != "counterbalanced":
        return list(own)
    turn = {case: index for index, case in enumerate(_dealt_cases(own))}
    step = ordinal // study.case_sets
    return [s for s in own if arms[(turn[s.case] + step) % len(arms)] == s.arm]


def _dealt_cases(own: Sequence[Stimulus]) -> list[str]:
    """Cases in the order of dealing: by arm, then by token."""
    arms: dict[str, list[str]] = {}
    for stimulus in own:
        arms.setdefault(stimulus.case, []).append(stimulus.arm)
    return sorted(arms, key=lambda case: (sorted(arms[case]), case))


def _items(
    study: Design, stimuli: Sequence[Stimulus], rng: np.random.Generator | None
) -> list[Read]:
    """Items shown together: one image, or both arms of a case, on either side half the time."""
    if study.show == "one":
        return [
            Read(stimuli=(s.id,), case=s.case, group=s.group, block=1)
            for s in sorted(stimuli, key=lambda s: s.id)
        ]
    by_case: dict[str, list[Stimulus]] = {}
    for stimulus in sorted(stimuli, key=lambda s: (s.case, s.arm)):
        by_case.setdefault(stimulus.case, []).append(stimulus)
    rng = np.random.default_rng(0) if rng is None else rng
    swapped = rng.permutation(np.arange(len(by_case)) % 2 == 1)
    return [
        Read(
            stimuli=tuple(s.id for s in (pair[::-1] if swap else pair)),
            case=case,
            group=pair[0].group,
            block=1,
        )
        for (case, pair), swap in zip(by_case.items(), swapped, strict=True)
    ]


def _arranged(
    study: Design, items: Sequence[Read], before: Sequence[Read], rng: np.random.Generator
) -> list[Read]:
    """A random order that separates groups and images of one case, also from ``before``."""
    if not items:
        return []
    for _ in range(_TRIES):
        if (found := _attempt(study, items, before, rng)) is not None:
            return found
    raise PlanError(
        f"order: no order of {len(items)} cases keeps images of one case {study.order.apart} apart"
        f"{' and groups from following each other' if study.order.groups_apart else ''}; lower "
        "`order.apart`, set `order.groups_apart: false`, or take more blocks or groups"
    )


def _attempt(
    study: Design, items: Sequence[Read], before: Sequence[Read], rng: np.random.Generator
) -> list[Read] | None:
    left = [items[i] for i in rng.permutation(len(items))]
    groups = Counter(item.group for item in left)
    placed = list(before)
    while left:
        recent = {read.case for read in placed[max(len(placed) - study.order.apart, 0) :]}
        last = placed[-1].group if placed and study.order.groups_apart else None
        free = [i for i, it in enumerate(left) if it.case not in recent and it.group != last]
        if not free:
            return None
        pick = free[0]
        top = max(groups[left[i].group] for i in free)
        # a group that fills half of the rest must come now, or it would follow itself
        if study.order.groups_apart and 2 * top >= len(left):
            pick = next(i for i in free if groups[left[i].group] == top)
        item = left.pop(pick)
        groups[item.group] -= 1
        placed.append(item)
    return placed[len(before) :]


def _repeats(study: Design, done: Sequence[Read], rng: np.random.Generator) -> list[Read]:
    """Some of the reads again, at the end of the last block, far from their first showing."""
    if not study.repeats:
        return []
    apart = study.order.apart
    early = list(done[: max(len(done) - apart, 0)])
    if len(early) < study.repeats:
        raise PlanError(
            f"repeats: {study.repeats} are wanted, and {len(early)} cases lie `order.apart` = "
            f"{apart} before the end; ask for fewer, or lower `order.apart`"
        )
    chosen = [early[i] for i in rng.permutation(len(early))[: study.repeats]]
    again = [replace(read, kind="repeat", block=done[-1].block) for read in chosen]
    return _arranged(study, again, done, rng)


def deal_sets(cases: Mapping[str, str], n_sets: int, *, seed: int) -> dict[str, int]:
    """Deals cases into sets of equal size, with each stratum spread evenly.

    Args:
        cases: case → stratum (its arm and class).
        n_sets: number of sets.
        seed: of the draw.

    Returns:
        case → set, 0 … n_sets-1.
    """
    rng = _rng(seed, "case sets")
    names = sorted(cases)
    drawn = [names[i] for i in rng.permutation(len(names))]
    ordered = sorted(drawn, key=lambda name: cases[name])
    return {name: index % n_sets for index, name in enumerate(ordered)}


def _rng(seed: int, *names: str) -> np.random.Generator:
    return np.random.default_rng(seed_for(seed, *names))
