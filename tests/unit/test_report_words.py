from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.helpers import synthetic_run as synthetic

from plexor.core import wording
from plexor.findings.schema import to_table
from plexor.findings.summary import summarise
from plexor.findings.summary.estimate import StoredEstimate
from plexor.findings.summary.summary import TaskSummary
from plexor.report import cells, rounding, words
from plexor.stats import Estimate
from plexor.threat_model.goals import LowerDice


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.715, "71.5 %"),
        (0.0, "0.0 %"),
        (1.0, "100.0 %"),
        (0.0004, "< 0.1 %"),
        (0.0006, "0.1 %"),
        (0.99951, "> 99.9 %"),
        (0.9994, "99.9 %"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_share(value: float | None, text: str) -> None:
    assert wording.share(value).replace("\N{NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.00009, "< .0001"),
        (0.0001, ".0001"),
        (0.00054, ".0005"),
        (0.001, ".001"),
        (0.0234, ".023"),
        (0.05, ".050"),
        (0.9996, "> .999"),
        (1.0, "> .999"),
        (None, "–"),
    ],
)
def test_p_value_is_never_nought_or_one(value: float | None, text: str) -> None:
    assert rounding.p_value(value).replace("\N{NO-BREAK SPACE}", " ") == text


def _estimate(value: float | None, low: float | None, high: float | None) -> StoredEstimate:
    return StoredEstimate(
        value=value, low=low, high=high, level=0.95, method="", n=10, n_groups=None,
        variance=None, note="",
    )  # fmt: skip


def test_an_interval_stands_in_brackets_and_does_not_break_in_a_sentence() -> None:
    estimate = _estimate(0.715, 0.69, 0.739)
    assert rounding.bounds(estimate) == "(69.0–73.9)"
    assert rounding.share_with_bounds(estimate).endswith(
        "(69.0\N{WORD JOINER}–\N{WORD JOINER}73.9)"
    )


def test_an_undefined_interval_is_left_out() -> None:
    assert rounding.bounds(_estimate(None, None, None)) == ""
    assert rounding.bounds(_estimate(0.9998, 0.99961, 0.99999)) == "(>99.9–>99.9)"
    assert rounding.bounds(_estimate(0.9998, 0.9, 1.0)) == "(90.0–100.0)"
    assert rounding.bounds(_estimate(0.0001, 0.0, 0.0004)) == "(0.0–<0.1)"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.021, "+2.1"), (-0.335, "\N{MINUS SIGN}33.5"), (0.0001, "0.0"), (None, "–")],
)
def test_points(value: float | None, text: str) -> None:
    assert rounding.points(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234.4, "1,234"),
        (99.96, "100"),
        (63.44, "63.4"),
        (0.96, "1.0"),
        (0.0564, "0.056"),
        (-6.31, "\N{MINUS SIGN}6.3"),
        (0.0, "0"),
        (None, "–"),
    ],
)
def test_amount(value: float | None, text: str) -> None:
    assert rounding.amount(value) == text


def test_an_amount_with_its_sign() -> None:
    assert [rounding.signed(value) for value in (1.2, -1.2, 0.0)] == [
        "+1.2",
        "\N{MINUS SIGN}1.2",
        "0",
    ]


@pytest.mark.parametrize(
    ("files", "text"),
    [
        (["w/small.safetensors"], "small"),
        (["w/small.safetensors", "wide.v2.safetensors"], "small and wide.v2"),
        (["a.safetensors", "b.safetensors", "c.safetensors"], "a, b and c"),
        (["x/best.safetensors", "y/best.safetensors"], "x/best and y/best"),
    ],
)
def test_surrogates_are_called_by_their_names(files: list[str], text: str) -> None:
    rng = np.random.default_rng(0)
    plan = (synthetic.probe("transfer", "linf", (1,), settings={"steps": 3, "surrogates": files}),)
    units = synthetic.findings_of(synthetic.subjects(10, rng), rng, plan)
    frame = to_table([row for unit in units.values() for row in unit]).to_pandas()
    (probe,) = summarise(synthetic.plan(plan), synthetic.provenance(), frame).attacks
    assert words.settings(probe) == f"steps 3, surrogates {text}"
    assert words.attack_described(probe).startswith(f"a search on other models, {text}, which")
    assert words.surrogates(replace(probe, settings={"steps": 3})) == ""


def test_what_is_said_reads_like_a_sentence() -> None:
    several = TaskSummary(kind="multilabel", classes=("a", "b"), unit="")
    assert words.said(several, "a|b") == "a, b"
    assert words.said(several, "") == "no label"
    number = TaskSummary(kind="regression", classes=(), unit="years")
    assert words.call(number, "63.412").replace("\N{NO-BREAK SPACE}", " ") == "63.4 years"
    one = TaskSummary(kind="binary", classes=(), unit="")
    assert words.call(one, "naevus") == "called naevus"


def test_counts_are_read_at_a_glance() -> None:
    assert wording.counted(1204, "image") == "1,204 images"
    assert wording.counted(1, "image") == "1 image"


@pytest.mark.parametrize(
    ("value", "text"), [(1056.4, "1,056"), (97.94, "97.9"), (2.0, "2"), (0.01234, "0.0123")]
)
def test_measure(value: float, text: str) -> None:
    assert rounding.measure(value) == text


@pytest.mark.parametrize(
    ("value", "half", "text"),
    [(6.9e-17, 0.5, "0"), (-6.9e-17, 0.5, "0"), (6.9e-17, 1e-17, "6.9e-17"), (0.01, 0.5, "0.01")],
)
def test_an_error_of_rounding_is_written_as_zero(value: float, half: float, text: str) -> None:
    estimate = StoredEstimate.of(
        Estimate(value=value, low=value - half, high=value + half, level=0.95, method="c", n=9)
    )
    assert cells.amount_cell(estimate).text == text


def test_names_with_braces_stand_in_sentences_as_they_are() -> None:
    figure = LowerDice(of="a{0.x}b{}", below=0.5).figure
    assert figure is not None
    assert (
        figure.sentence.replace(wording.PLACE, "0.81")
        == "outlined a{0.x}b{} with a mean Dice of 0.81"
    )
