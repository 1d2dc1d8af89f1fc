from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.helpers import synthetic_run as synthetic

from plexor.findings.schema import to_table
from plexor.findings.summary import summarise
from plexor.report.model_outputs import probabilities
from plexor.report.summary_text import SummaryText, summary_text

PROBES = (synthetic.probe("pgd", "linf", (2, 1), settings=synthetic.PGD),)
TARGETED = (synthetic.probe("pgd", "l2", (200,), target="nv", settings=synthetic.PGD),)


@cache
def _findings(*, targeted: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    cohort = synthetic.subjects(120, rng)
    units = synthetic.findings_of(cohort, rng, TARGETED if targeted else PROBES)
    frame: pd.DataFrame = to_table([row for unit in units.values() for row in unit]).to_pandas()
    return frame


def _text(frame: pd.DataFrame, probes: tuple[dict[str, Any], ...] = PROBES) -> SummaryText:
    summary = summarise(synthetic.plan(probes), synthetic.provenance(), frame)
    return _spaced(summary_text(summary))


def _spaced(story: SummaryText) -> SummaryText:
    def plain(text: str) -> str:
        return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{WORD JOINER}", "")

    return SummaryText(
        answer=plain(story.answer),
        paragraphs=tuple(map(plain, story.paragraphs)),
        limits=tuple(map(plain, story.limits)),
        figures=story.figures,
    )


def test_the_smallest_change_that_did_harm_comes_first() -> None:
    assert _text(_findings()).answer.startswith("A change of at most 1 level, if searched for,")


def test_another_norm_comes_first_where_only_it_does_harm() -> None:
    both = (*PROBES, *TARGETED)
    frame = _findings()
    linf = frame["probe"].isin(["pgd-linf-1", "pgd-linf-2"])
    quiet = _harmless(frame[linf])
    other = _findings(targeted=True)
    frame = pd.concat([frame[~linf], quiet, other[other["probe"] != "clean"]])
    assert _text(frame, both).answer.startswith("A change of at most 200 levels,")


def test_the_answer_says_what_noise_does() -> None:
    frame = _findings()
    tried = (frame["stored"] == "lossless") & frame["attempted"]
    attacked = frame[tried & (frame["probe"] == "pgd-linf-1")]
    share = f"{100 * attacked['reached'].mean():.1f} %"
    answer = _text(frame).answer
    assert f"overturns {share} of this model's right decisions" in answer
    assert re.search(r"random noise of the same size, \d\.\d %\.$", answer)


def test_a_target_is_named() -> None:
    story = _text(_findings(targeted=True), TARGETED)
    assert "of other decisions into nv" in story.answer
    assert story.figures[-1].label == "made to be called nv"
    assert "by a total (Euclidean) length of at most 200 levels" in story.paragraphs[0]


def _harmless(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(decision_after=frame["decision_before"], reached=False)


def _without_noise(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[~frame["probe"].str.startswith("noise")]


def _without_jpeg(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["stored"] == "lossless"]


@pytest.mark.parametrize(
    ("change", "present", "absent"),
    [
        (_harmless, "None of the attacks tried did more than chance explains.", "overturns"),
        (_harmless, "at most 2 levels in any pixel", "lost most"),
        (_without_noise, "overturns", "noise of the same size"),
        (_without_noise, "read back", "after noise"),
        (_without_jpeg, "overturns", "JPEG"),
    ],
)
def test_what_was_not_found_or_not_done_is_not_text(
    change: Callable[[pd.DataFrame], pd.DataFrame], present: str, absent: str
) -> None:
    story = _text(change(_findings()))
    text = " ".join([story.answer, *story.paragraphs])
    assert present in text
    assert absent not in text


def test_what_the_result_does_not_show_is_always_said() -> None:
    limits = _text(_harmless(_findings())).limits
    assert len(limits) == 5
    assert any(limit.startswith("That the model withstands whatever failed") for limit in limits)


@pytest.mark.parametrize(
    ("outputs", "given", "expected"),
    [
        ([0.0, 0.0], False, [0.5, 0.5]),
        ([1000.0, 0.0, 0.0], False, [1.0, 0.0, 0.0]),
        ([np.log(3.0), 0.0], False, [0.75, 0.25]),
        ([np.log(3.0)], False, [0.25, 0.75]),
        ([0.2], True, [0.8, 0.2]),
        ([0.1, 0.7, 0.2], True, [0.1, 0.7, 0.2]),
    ],
)
def test_probabilities(outputs: list[float], given: bool, expected: list[float]) -> None:
    np.testing.assert_allclose(probabilities(np.array(outputs), given=given), expected)
