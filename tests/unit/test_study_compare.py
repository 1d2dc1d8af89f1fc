"""How a figure of ours stands to a published one."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from plexor.findings.study_file import Number
from plexor.stats import clustered_proportion, difference_interval, proportion_interval
from plexor.studies import Published, compare, difference

BECAUSE = "the images are smaller"


def published(value: float = 0.84, n: int | None = 2003, rounding: float = 0.0) -> Published:
    return Published(
        id="accuracy",
        what="accuracy",
        value=value,
        n=n,
        where="table 1",
        rounding=rounding,
        margin=0.05,
    )


def ours(k: int, n: int) -> Number:
    return Number.of("share", proportion_interval(k, n))


@pytest.mark.parametrize(("k", "n"), [(840, 1000), (700, 1000), (16, 20), (20, 20), (0, 20)])
def test_the_difference_is_newcombes(k: int, n: int) -> None:
    found = difference(published(value=1680 / 2000, n=2000), ours(k, n))
    known = difference_interval(k, n, 1680, 2000)
    assert (found.value, found.low, found.high) == pytest.approx(
        (known.value, known.low, known.high), abs=1e-12
    )
    assert found.n == n + 2000


@pytest.mark.parametrize(
    ("k", "n", "word"),
    [
        (840, 1000, "agrees"),
        (8000, 10_000, "cannot tell"),
        (860, 1000, "agrees"),
        (875, 1000, "cannot tell"),
        (21, 25, "cannot tell"),
        (1, 2, "cannot tell"),
        (760, 1000, "cannot tell"),
        (730, 1000, "differs"),
        (9300, 10_000, "differs"),
    ],
)
def test_the_verdict_is_where_the_interval_lies(k: int, n: int, word: str) -> None:
    found = compare(published(), ours(k, n), because=BECAUSE)
    assert found.word == word
    assert found.difference is not None
    low, high = found.difference.low, found.difference.high
    assert low is not None
    assert high is not None
    within, beyond = low >= -0.05 and high <= 0.05, low > 0.05 or high < -0.05
    assert (within, beyond) == (word == "agrees", word == "differs")
    assert (found.because == BECAUSE) is beyond


def test_a_small_sample_never_agrees() -> None:
    """Whatever it counts: 25 lesions agreed in all four figures where 1,470 agreed in none."""
    assert {compare(published(), ours(k, 25), because="").word for k in range(26)} == {
        "cannot tell",
        "differs",
    }


def test_phantoms_and_studies_without_a_margin_get_no_verdict() -> None:
    drawn = compare(published(), ours(840, 1000), because=BECAUSE, drawn=True)
    assert (drawn.word, drawn.because) == ("no verdict", "the images are drawn phantoms")
    free = compare(replace(published(), margin=None), ours(840, 1000), because=BECAUSE)
    assert (free.word, free.because) == ("cannot be compared", "the study states no margin")


def test_a_figure_printed_coarsely_may_lie_anywhere_within_its_last_digit() -> None:
    exact, coarse = (published(rounding=r) for r in (0.0, 0.005))
    fine = difference(exact, ours(8070, 10000))
    wide = difference(coarse, ours(8070, 10000))
    assert wide.low == pytest.approx(fine.low - 0.005)
    assert wide.high == pytest.approx(fine.high + 0.005)
    share = ours(7700, 10000)
    assert compare(exact, share, because="").word == "differs"
    assert compare(coarse, share, because="").word == "cannot tell"


def test_without_the_published_n_there_is_no_interval() -> None:
    found = compare(published(n=None), ours(830, 1000), because=BECAUSE)
    assert found.word == "cannot be compared"
    assert found.because == "the publication does not say of how many cases"
    assert found.difference is not None
    assert found.difference.value == pytest.approx(-0.01)
    assert (found.difference.low, found.difference.high) == (None, None)
    assert math.isnan(difference(published(n=None), ours(830, 1000)).low)


def test_a_figure_of_ours_that_is_undefined_or_missing() -> None:
    nothing = Number.of("share", clustered_proportion([]))
    undefined = compare(published(), nothing, because=BECAUSE)
    assert (undefined.word, undefined.because) == ("cannot be compared", "no observations")
    one = clustered_proportion([True, False], ["a", "a"])
    single = compare(published(), Number.of("share", one), because=BECAUSE)
    assert single.word == "cannot be compared"
    assert "one single group" in single.because
    missing = compare(published(), None, because="it needs readers")
    assert (missing.word, missing.because) == ("not measured here", "it needs readers")


@pytest.mark.parametrize(
    ("p", "word"),
    [(0.03, "same conclusion"), (0.05, "cannot tell"), (0.4, "cannot tell")],
)
def test_tests_are_compared_by_what_they_conclude(p: float, word: str) -> None:
    bound = Published(id="p", what="p", kind="p-bound", value=0.0001, where="table 1")
    found = compare(bound, Number(kind="p", value=p), because=BECAUSE)
    assert found.word == word
    assert (found.because == "") is (word == "same conclusion")


def test_a_test_that_was_not_significant_and_is_now_differs() -> None:
    printed = Published(id="p", what="p", kind="p-bound", value=0.3, where="table 1")
    found = compare(printed, Number(kind="p", value=0.01), because=BECAUSE)
    assert (found.word, found.because) == ("other conclusion", BECAUSE)
    assert found.difference is None


@pytest.mark.parametrize("word", ["agrees", "differs"])
def test_at_the_margin_each_verdict_is_wrong_in_one_case_of_forty(word: str) -> None:
    """The truth lies exactly at the margin, where both verdicts are wrong; 2.5 % each."""
    rng = np.random.default_rng(0)
    words: list[str] = [
        compare(
            published(value=rng.binomial(4000, 0.7) / 4000, n=4000),
            ours(int(rng.binomial(4000, 0.65)), 4000),
            because="",
        ).word
        for _ in range(800)
    ]
    assert 0.01 < words.count(word) / len(words) < 0.045
