"""How a figure of ours stands to a published one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from plexor.findings.study_file import Number
from plexor.stats import clustered_proportion, difference_interval, proportion_interval
from plexor.studies import Published, compare, difference

BECAUSE = "the images are smaller"


def published(value: float = 0.84, n: int | None = 2003, rounding: float = 0.0) -> Published:
    return Published(
        id="accuracy", what="accuracy", value=value, n=n, where="table 1", rounding=rounding
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


def test_the_word_is_whether_the_interval_covers_nothing() -> None:
    near, far = (compare(published(), ours(k, 1000), because=BECAUSE) for k in (830, 750))
    assert (near.word, near.because) == ("within sampling error", "")
    assert (far.word, far.because) == ("differs", BECAUSE)
    for found, covers in ((near, True), (far, False)):
        assert found.difference is not None
        low, high = found.difference.low, found.difference.high
        assert low is not None
        assert high is not None
        assert (low <= 0 <= high) is covers


def test_a_figure_printed_coarsely_may_lie_anywhere_within_its_last_digit() -> None:
    exact, coarse = (published(rounding=r) for r in (0.0, 0.005))
    fine = difference(exact, ours(8070, 10000))
    wide = difference(coarse, ours(8070, 10000))
    assert wide.low == pytest.approx(fine.low - 0.005)
    assert wide.high == pytest.approx(fine.high + 0.005)
    share = ours(8170, 10000)
    assert compare(exact, share, because="").word == "differs"
    assert compare(coarse, share, because="").word == "within sampling error"


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
    [(0.03, "same conclusion"), (0.05, "other conclusion"), (0.4, "other conclusion")],
)
def test_tests_are_compared_by_what_they_conclude(p: float, word: str) -> None:
    bound = Published(id="p", what="p", kind="p-bound", value=0.0001, where="table 1")
    found = compare(bound, Number(kind="p", value=p), because=BECAUSE)
    assert found.word == word
    assert found.because == ("" if word == "same conclusion" else BECAUSE)
    assert found.difference is None


def test_figures_of_one_truth_differ_in_one_case_of_twenty() -> None:
    rng = np.random.default_rng(0)
    words = [
        compare(
            published(value=rng.binomial(800, 0.7) / 800, n=800),
            ours(int(rng.binomial(500, 0.7)), 500),
            because="",
        ).word
        for _ in range(800)
    ]
    assert 0.03 < words.count("differs") / len(words) < 0.07
