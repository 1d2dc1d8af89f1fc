from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.helpers import synthetic_run as synthetic

from plexor.findings.schema import Finding, to_table
from plexor.findings.summary import Summary, summarise
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
        (_harmless, "No harm was shown, which does not mean that there is none", "overturns"),
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


def _summary(frame: pd.DataFrame, *, margin: float | None = None, finished: bool = True) -> Summary:
    return summarise(
        synthetic.plan(PROBES) | {"margin": margin},
        synthetic.provenance(finished=finished),
        frame,
    )


def _answer(frame: pd.DataFrame, *, margin: float | None = None, finished: bool = True) -> str:
    return _spaced(summary_text(_summary(frame, margin=margin, finished=finished))).answer


def _five_of(n_right: int) -> pd.DataFrame:
    """One attack and its noise on ``n_right`` cases decided rightly; five are overturned."""
    rows = [
        Finding(
            case_id=f"case-{n}",
            group=f"case-{n}",
            truth="nv",
            probe=probe,
            stored="lossless",
            decision_before="nv",
            decision_after="mel" if n < 5 and probe == "pgd-linf-2" else "nv",
            outputs_before=(0.0,) * 7,
            outputs_after=(0.0,) * 7,
            reached=n < 5 and probe == "pgd-linf-2",
            margin_after=1.0 if n < 5 else -1.0,
            linf=0.0 if probe == "clean" else 2.0,
            n_gradients=20,
        )
        for probe in ("clean", "pgd-linf-2", "noise-linf-2")
        for n in range(n_right)
    ]
    frame: pd.DataFrame = to_table(rows).to_pandas()
    return frame


def test_not_shown_is_not_said_as_is_not() -> None:
    """5 of 41 overturned: exact p .0625; Newcombe's interval of the change leaves much open."""
    probes = (synthetic.probe("pgd", "linf", (2,), settings=synthetic.PGD),)
    summary = summarise(synthetic.plan(probes), synthetic.provenance(), _five_of(41))
    (attack,) = summary.attacks
    assert attack.lossless.main_test.p_value == pytest.approx(0.0625)
    low = attack.lossless.main_change.low
    assert low is not None
    assert low < -0.12
    answer = _spaced(summary_text(summary)).answer
    reached = 100 * (attack.lossless.success.high or 0)
    assert answer == (
        "No harm was shown, which does not mean that there is none: 41 images leave open that "
        f"accuracy falls by up to {-100 * low:.1f} points (PGD, 2 levels), and that the attack "
        f"reaches its goal in up to {reached:.1f} % of the images tried."
    )


def test_harm_is_small_only_within_a_margin_stated_beforehand() -> None:
    quiet = _harmless(_findings())
    (open_,) = re.findall(r"falls by up to ([\d.]+) points", _answer(quiet))
    limit = float(open_) / 100
    assert _answer(quiet, margin=limit + 0.001).startswith(
        "The harm of every attack tried was shown to be small: accuracy falls by less than the"
    )
    assert _answer(quiet, margin=limit - 0.001).startswith("No harm was shown, which does not mean")


def test_harm_within_the_margin_is_still_harm() -> None:
    answer = _answer(_findings(), margin=0.9)
    assert answer.startswith("A change of at most 1 level")
    assert answer.endswith("by less than the 90.0 points stated beforehand as small.")
    assert "beforehand" not in _answer(_findings(), margin=0.001)


def test_an_error_changes_the_answer() -> None:
    doubt = "the audit has not finished"
    quiet = _answer(_harmless(_findings()), finished=False)
    assert quiet == f"Nothing can be concluded from this audit yet: {doubt}."
    harm = _answer(_findings(), finished=False)
    assert harm.startswith(f"Not to be relied on yet ({doubt}): A change of at most 1 level")


def test_an_attack_that_changed_nothing_is_no_reassurance() -> None:
    frame = _harmless(_findings()).assign(linf=0.0, l2=0.0, l1=0.0, l0=0.0)
    assert _answer(frame) == "Nothing can be concluded from this audit yet: nothing was changed."


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


def _shortcuts(*, margin: float | None = None) -> str:
    rng = np.random.default_rng(2)
    cohort = synthetic.subjects(120, rng)
    put = (synthetic.shortcut("ruler", {"side": "left", "ticks": 20}),)
    units = synthetic.findings_of(cohort, rng, put, stored=("lossless",))
    frame = to_table([row for unit in units.values() for row in unit]).to_pandas()
    plan = synthetic.plan(put) | {"margin": margin}
    return _spaced(summary_text(summarise(plan, synthetic.provenance(), frame))).answer


def test_a_shortcut_of_which_nothing_was_shown() -> None:
    answer = _shortcuts()
    assert answer.startswith("No artefact was shown to change more of this model's decisions")
    (limit,) = re.findall(r"120 images leave open an excess of up to ([\d.]+) points", answer)
    assert _shortcuts(margin=float(limit) / 100 + 0.001).startswith(
        "Every artefact was shown to change hardly more decisions than its own tiles"
    )
    assert _shortcuts(margin=float(limit) / 100 - 0.001) == answer
