"""Numbers and booleans in a plan are taken only as what they are."""

from __future__ import annotations

from typing import Any

import pytest

from plexor.core.errors import PlanError
from plexor.core.written import MOST
from plexor.plans import load_plan

BASE = {"cohort": {"manifest": "m.csv"}, "model": {"weights": "w.safetensors"}}
SIZE = {"preprocess": {"size": [8, 8]}}
LINF = {"norm": "linf", "radius": 2}


def pgd(**keys: object) -> dict[str, object]:
    return {"probes": [{"attack": "pgd", "threat": LINF, **keys}]}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"seed": True}, "`seed`: Input should be a valid integer, got True"),
    ({"seed": "3"}, "`seed`: Input should be a valid integer, got '3'"),
    ({"unit_size": 2**62}, f"`unit_size`: Input should be less than or equal to {MOST}"),
    ({"margin": True}, "`margin`: Input should be a valid number"),
    ({"visibility": {"detector": 1}}, "`visibility.detector`: Input should be a valid boolean"),
    (
        {"cohort": {"manifest": "m.csv", "limit": True}},
        "`cohort.limit`: Input should be a valid integer",
    ),
    (
        {"cohort": {"manifest": "m.csv", "include_padding": "yes"}},
        "`cohort.include_padding`: Input should be a valid boolean",
    ),
    ({"train": SIZE | {"epochs": True}}, "`train.epochs`: Input should be a valid integer"),
    (
        {"train": {"preprocess": {"size": [8, True]}}},
        "`train.preprocess.size.1`: Input should be a valid integer",
    ),
    (
        {"train": SIZE | {"augment": {"zoom": True}}},
        "`train.augment.zoom`: Input should be a valid number",
    ),
    (pgd(steps=True), "`probes.0.pgd.steps`: Input should be a valid integer"),
    (pgd(steps=2**62), f"`probes.0.pgd.steps`: Input should be less than or equal to {MOST}"),
    (
        pgd(threat={"norm": "linf", "radius": [1, True]}),
        "`probes.0.pgd.threat.radius.1`: Input should be a valid number",
    ),
    (
        {"probes": [{"shortcut": "ruler", "ticks": True}]},
        "`probes.0.ruler.ticks`: Input should be a valid integer",
    ),
]


@pytest.mark.parametrize(("keys", "words"), REFUSED)
def test_a_value_of_another_kind_is_refused_by_its_key(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanError) as refused:
        load_plan(BASE | keys)
    assert words in str(refused.value)


def test_an_integer_is_a_number_and_a_seed_may_be_large() -> None:
    plan = load_plan(BASE | pgd() | {"margin": 1, "seed": 2**62})
    assert plan.margin == 1.0
    assert plan.seed == 2**62
    assert load_plan(plan.resolved()).resolved() == plan.resolved()


@pytest.mark.parametrize("written", ["plexor-plan/0", "plexor-plan/2"])
def test_a_plan_of_another_format_says_which_is_read(written: str) -> None:
    told = f"`format` is {written}, and this version of Plexor reads plexor-plan/1; use the version"
    with pytest.raises(PlanError, match=told):
        load_plan(BASE | {"format": written})
