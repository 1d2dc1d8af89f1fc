"""``plexor attacks``: the list, one attack, filters and JSON."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, cast

import pytest
import yaml
from tests.helpers.runs import plexor

from plexor.attacks import CATALOGUE, ON_SURROGATES
from plexor.attacks.description import EVERY_NORM, EVERY_TASK
from plexor.plans import load_plan
from plexor.threat_model import ACCESS, Access

WIDTH = 80


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))


def test_the_list_fits_a_terminal_and_cuts_no_word() -> None:
    lines = plexor("attacks").out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    words = set(" ".join(lines).split())
    for name, attack in CATALOGUE.items():
        assert {name, attack.access, *attack.norms, *attack.summary.split()} <= words


@pytest.mark.parametrize("name", CATALOGUE)
def test_one_attack_shows_its_options_and_a_probe_that_a_plan_accepts(name: str) -> None:
    attack = CATALOGUE[name]
    out = plexor("attacks", name).out
    shown = " ".join(out.split())
    assert attack.reference in shown
    for field in dataclasses.fields(cast("Any", attack)):
        assert f" {field.name} " in shown
    (probe,) = yaml.safe_load(out.split("In a plan:")[1])
    if name in ON_SURROGATES:
        assert probe["surrogates"]
    plan = load_plan(
        {"cohort": {"manifest": "m.csv"}, "model": {"weights": "w.safetensors"}, "probes": [probe]}
    )
    assert len(plan.probes) == 1


@pytest.mark.parametrize("access", ACCESS)
def test_who_sees_more_may_take_what_needs_less(access: Access) -> None:
    listed = json.loads(plexor("attacks", "--access", access, "--json").out)
    allowed = ACCESS[: ACCESS.index(access) + 1]
    assert {one["name"] for one in listed} == {
        name for name, attack in CATALOGUE.items() if attack.access in allowed
    }


def test_filters_hold_together() -> None:
    for norm in EVERY_NORM:
        for task in EVERY_TASK:
            listed = json.loads(plexor("attacks", "--norm", norm, "--task", task, "--json").out)
            assert listed
            assert all(norm in one["norms"] and task in one["tasks"] for one in listed)


def test_json_holds_every_option_with_its_default() -> None:
    (about,) = json.loads(plexor("attacks", "fgsm", "--json").out)
    (pgd,) = json.loads(plexor("attacks", "pgd", "--json").out)
    assert about["sees"] == "gradients"
    assert {
        key: option[key]
        for option in pgd["options"]
        if option["name"] == "random_start"
        for key in ("name", "default")
    } == {"name": "random_start", "default": True}
    assert all(option["text"] for option in pgd["options"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["pdg"], "unknown attack 'pdg'; did you mean 'pgd'?"),
        (["--norm", "l3"], "unknown norm 'l3'"),
        (["--task", "regresion"], "unknown task 'regresion'; did you mean 'regression'?"),
        (["--access", "none", "--norm", "l0"], "no attack fits these filters"),
    ],
)
def test_what_does_not_exist_is_named(arguments: list[str], sentence: str) -> None:
    assert plexor("attacks", *arguments).sentence.startswith(sentence)
