"""Orders of reading: what the design asks for holds for every design, reader and seed."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plexor.core.errors import PlanError
from plexor.readers.design import Study, load_study
from plexor.readers.order import Read, Stimulus, deal_sets, latin_rows, reads_for

ARMS = ("a-arm", "b-arm")


def study(**changes: object) -> Study:
    fields: dict[str, object] = {
        "name": "s",
        "title": "t",
        "consent": "c",
        "questions": [{"id": "altered", "ask": "Altered?", "type": "yes-no"}],
        "arms": {"original": {}, "altered": {"probe": "pgd"}},
    }
    return load_study(fields | changes)


def crossed(n_cases: int, *, per_group: int = 1, n_sets: int = 1) -> list[Stimulus]:
    return [
        Stimulus(
            id=f"{case:03d}-{arm}",
            case=f"case-{case}",
            group=f"group-{case // per_group}",
            arm=arm,
            case_set=case % n_sets,
        )
        for case in range(n_cases)
        for arm in ARMS
    ]


@pytest.mark.parametrize("n", range(1, 13))
def test_latin_rows_are_balanced(n: int) -> None:
    rows = latin_rows(n)
    assert all(sorted(row) == list(range(n)) for row in rows)
    for place in range(n):
        assert len(set(Counter(row[place] for row in rows).values())) == 1
    after = Counter(pair for row in rows for pair in pairwise(row))
    assert len(after) == n * (n - 1)
    assert len(set(after.values())) <= 1


@given(
    n_cases=st.integers(12, 40),
    apart=st.integers(0, 5),
    ordinal=st.integers(0, 30),
    seed=st.integers(0, 2**63 - 1),
    blocks=st.integers(1, 3),
    shown=st.sampled_from(["crossed", "counterbalanced"]),
    per_group=st.integers(1, 3),
)
@settings(max_examples=60, deadline=None)
def test_constraints_hold_and_nobody_misses_a_case(
    *, n_cases: int, apart: int, ordinal: int, seed: int, blocks: int, shown: str, per_group: int
) -> None:
    design = study(shown=shown, order={"apart": apart}, blocks={"number": blocks})
    stimuli = crossed(n_cases, per_group=per_group)
    reads = reads_for(design, stimuli, ordinal=ordinal, seed=seed)
    assert reads == reads_for(design, stimuli[::-1], ordinal=ordinal, seed=seed)
    assert [read.block for read in reads] == sorted(read.block for read in reads)
    seen = Counter(read.stimuli[0] for read in reads)
    if shown == "crossed":
        assert seen == Counter(stimulus.id for stimulus in stimuli)
        if blocks > 1:
            assert max(Counter((read.block, read.case) for read in reads).values()) == 1
    else:
        assert Counter(read.case for read in reads) == Counter({s.case for s in stimuli})
    _assert_apart(reads, apart)


def _assert_apart(reads: list[Read], apart: int) -> None:
    assert all(one.group != other.group for one, other in pairwise(reads))
    last: dict[str, int] = {}
    for place, read in enumerate(reads):
        assert place - last.get(read.case, -1000) > apart
        last[read.case] = place


@given(n_cases=st.integers(6, 30), seed=st.integers(0, 10**9), first=st.integers(0, 20))
@settings(max_examples=25, deadline=None)
def test_two_consecutive_readers_see_every_image_once_when_counterbalanced(
    n_cases: int, seed: int, first: int
) -> None:
    design = study(shown="counterbalanced", order={"apart": 0})
    reads = [
        read
        for ordinal in (first, first + 1)
        for read in reads_for(design, crossed(n_cases), ordinal=ordinal, seed=seed)
    ]
    assert Counter(r.stimuli[0] for r in reads) == Counter(s.id for s in crossed(n_cases))


def test_before_and_after_are_blocks_of_one_arm_and_change_over() -> None:
    design = study(
        shown="crossed",
        blocks={"number": 2, "arms": "separate", "washout_days": 28},
        order={"apart": 3},
    )
    firsts = []
    for ordinal in (0, 1):
        reads = reads_for(design, crossed(12), ordinal=ordinal, seed=1)
        arms = [{r.stimuli[0].split("-", 1)[1] for r in reads if r.block == b} for b in (1, 2)]
        assert [len(arm) for arm in arms] == [1, 1]
        assert arms[0] != arms[1]
        firsts.append(arms[0])
    assert firsts[0] != firsts[1]


def test_pairs_have_each_arm_left_half_the_time() -> None:
    design = study(
        show="pair",
        shown="crossed",
        questions=[{"id": "which", "ask": "Which?", "type": "side"}],
    )
    reads = reads_for(design, crossed(20), ordinal=3, seed=5)
    assert len(reads) == 20
    assert Counter(read.stimuli[0].split("-", 1)[1] for read in reads) == dict.fromkeys(ARMS, 10)
    assert all(len({s.split("-")[0] for s in read.stimuli}) == 1 for read in reads)


def test_repeats_come_last_and_far_from_the_first_time() -> None:
    design = study(shown="counterbalanced", repeats=5, order={"apart": 6})
    reads = reads_for(design, crossed(20), ordinal=0, seed=9)
    again = [read for read in reads if read.kind == "repeat"]
    assert reads[-5:] == again
    assert {read.stimuli for read in again} < {read.stimuli for read in reads[:-5]}
    _assert_apart(reads, 6)


def test_a_reader_of_a_split_plot_reads_one_set() -> None:
    design = study(shown="crossed", case_sets=2, order={"apart": 1})
    stimuli = crossed(12, n_sets=2)
    own = [
        {read.case for read in reads_for(design, stimuli, ordinal=ordinal, seed=0)}
        for ordinal in (0, 1, 2)
    ]
    assert own[0] == own[2]
    assert not own[0] & own[1]
    assert len(own[0] | own[1]) == 12


def test_training_comes_first_and_apart_from_the_rest() -> None:
    practice = Stimulus(id="p", case="p", group="p", arm=ARMS[0], training=True)
    reads = reads_for(
        study(order={"apart": 1}, shown="crossed"), [practice, *crossed(6)], ordinal=0, seed=0
    )
    assert [read.kind for read in reads[:2]] == ["training", "read"]
    assert reads[0].block == 0


def test_an_impossible_order_is_told_with_what_to_change() -> None:
    with pytest.raises(PlanError, match=r"order: no order of 8 cases .* lower `order.apart`"):
        reads_for(study(shown="crossed", order={"apart": 9}), crossed(4), ordinal=0, seed=0)
    with pytest.raises(PlanError, match="repeats: 5 are wanted, and 2 cases"):
        reads_for(
            study(shown="counterbalanced", repeats=5, order={"apart": 10}),
            crossed(12),
            ordinal=0,
            seed=0,
        )


@given(st.dictionaries(st.text(max_size=5), st.sampled_from("ab"), min_size=4), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_sets_are_of_equal_size_and_alike(cases: dict[str, str], n_sets: int) -> None:
    sets = deal_sets(cases, n_sets, seed=0)
    for stratum in "ab":
        sizes = Counter(sets[case] for case, name in cases.items() if name == stratum)
        counts = [sizes[index] for index in range(n_sets)]
        assert max(counts) - min(counts) <= 1
