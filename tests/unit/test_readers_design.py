"""Study files: what is refused, in which words; which answers a question takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plexor.core.errors import PlanError
from plexor.readers.design import load_study
from plexor.readers.question import check_answers

YES_NO = {"id": "altered", "ask": "Altered?", "type": "yes-no"}
SIDE = {"id": "which", "ask": "Which?", "type": "side"}
ARMS: dict[str, Any] = {"original": {}, "altered": {"probe": "pgd-linf-2"}}


def fields(**changes: Any) -> dict[str, Any]:
    whole = {"name": "s", "title": "t", "consent": "c", "questions": [YES_NO], "arms": ARMS}
    return whole | changes


def test_everything_wrong_is_told_at_once_with_the_closest_name() -> None:
    wrong = fields(consnt="c", show="both", arms={"original": {"prob": "x"}})
    wrong["questions"] = [{"id": "a", "ask": "?", "type": "yesno"}]
    with pytest.raises(PlanError) as caught:
        load_study(wrong)
    said = str(caught.value)
    for part in (
        "unknown key 'consnt'; did you mean 'consent'?",
        "unknown key 'prob'; did you mean 'probe'? (known: cases, probe) in arms.original",
        "unknown show 'both'",
        "unknown type 'yesno'; did you mean 'yes-no'?",
    ):
        assert part in said
    assert "at least 1 item" not in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"questions": [YES_NO, YES_NO]}, "several questions have the id altered"),
        ({"questions": [SIDE]}, "needs `show: pair`"),
        ({"show": "pair", "questions": [SIDE]}, "needs two arms and `shown: crossed`"),
        ({"display": {"compare": ["flicker"]}}, "`display.compare` needs `show: pair`"),
        ({"arms": {"a": {}, "b": {}, "c": {"probe": "x"}}}, "2 arms have no probe"),
        ({"arms": {"a": {"cases": 3}, "b": {}}}, "given for some arms only"),
        ({"shown": "crossed", "arms": {"a": {"cases": 3}, "b": {"cases": 3}}}, "is for `shown:"),
        ({"blocks": {"arms": "separate"}}, "`blocks.arms: separate` needs"),
        ({"blocks": {"washout_days": 3}}, "needs two blocks or more"),
        ({"analysis": {"positive": {"altred": {"arm": "altered"}}}}, "did you mean 'altered'"),
        ({"analysis": {"positive": {"altered": {"arm": "orignal"}}}}, "did you mean 'original'"),
        ({"analysis": {"positive": {"altered": {}}}}, "either `arm` or `truth`"),
        ({"languages": ["en", "fr"], "title": {"en": "t"}}, "lacks the language fr"),
        ({"blocks": {"number": 0}}, "`blocks.number`"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(PlanError, match=said):
        load_study(fields(**changes))


def test_files_that_are_no_study(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="cannot read the study file"):
        load_study(tmp_path / "absent.yaml")
    (tmp_path / "list.yaml").write_text("[1]")
    with pytest.raises(PlanError, match="expected a mapping"):
        load_study(tmp_path / "list.yaml")
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(PlanError, match="not valid YAML"):
        load_study(tmp_path / "bad.yaml")


def test_the_server_s_design_says_nothing_of_arms() -> None:
    study = load_study(fields(analysis={"positive": {"altered": {"arm": "altered"}}}))
    told = study.without_arms()
    assert "arms" not in told
    assert "analysis" not in told
    assert "pgd" not in str(told)


MARK = {"x": 3.5, "y": 2, "slice": 0, "rating": 4}


@pytest.mark.parametrize(
    ("question", "right", "wrong"),
    [
        ({"type": "yes-no"}, [True, False], [1, "yes", []]),
        ({"type": "rating", "points": 6}, [1, 6], [0, 7, True, 1.5, "3"]),
        (
            {"type": "options", "options": [{"id": "nv", "text": "N"}, {"id": "mel", "text": "M"}]},
            ["nv", "mel"],
            ["bkl", "", {}, ["nv"]],
        ),
        ({"type": "side"}, ["left", "right"], ["both", True]),
        (
            {"type": "marks", "most": 2},
            [[], [MARK], [MARK, MARK]],
            [
                0,
                [MARK] * 3,
                [{"x": 1}],
                [MARK | {"x": float("nan")}],
                [MARK | {"x": -1}],
                [MARK | {"slice": True}],
                [MARK | {"rating": 5}],
                [1],
            ],
        ),
    ],
)
def test_answers_are_checked(question: dict[str, Any], right: list[Any], wrong: list[Any]) -> None:
    asked = {"id": "q", "ask": "?"} | question
    changes: dict[str, Any] = {"questions": [asked]}
    if question["type"] == "side":
        changes |= {"show": "pair", "shown": "crossed"}
    questions = load_study(fields(**changes)).questions
    for answer in [*right, None]:
        check_answers(questions, {"q": answer})
    for answer in wrong:
        with pytest.raises(PlanError, match=r"^q: "):
            check_answers(questions, {"q": answer})
    with pytest.raises(PlanError, match="expected q, got none"):
        check_answers(questions, {})
