"""Conditions on a summary: every operator, undefined numbers, and nothing that could run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from plexor.core.errors import PlanError
from plexor.findings.require import holds_of as holds

NAMES: Mapping[str, Any] = {
    "clean": {"accuracy": {"value": 0.8, "low": 0.75, "high": 0.85, "n": 200}},
    "cohort": {"name": "lesions", "classes": ["a", "b"]},
    "flags": [],
    "probes": {
        "pgd-linf-2": {
            "accuracy": {"value": 0.3, "low": 0.25, "high": 0.36},
            "success": {"value": None, "low": None, "high": None},
            "threat": {"norm": "linf", "radius": 2},
            "finished": True,
        },
        "noise-linf-2": {"accuracy": {"value": 0.79, "low": 0.74, "high": 0.84}},
    },
}
PGD = 'probes["pgd-linf-2"]'
UNDEFINED = f"{PGD}.success.value"


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        ("clean.accuracy.low > 0.7", True),
        ("clean.accuracy.low > 0.75", False),
        ("clean.accuracy.low >= 0.75", True),
        ("clean.accuracy.low < 0.75", False),
        ("clean.accuracy.low <= 0.75", True),
        ("clean.accuracy.n == 200", True),
        ("clean.accuracy.n != 200", False),
        (f'{PGD}.threat.norm == "linf"', True),
        (f'{PGD}["accuracy"]["value"] < 0.5', True),
        ("cohort.classes[1] == 'b'", True),
        ("cohort.classes[-2] == 'a'", True),
        ("0.2 < " + PGD + ".accuracy.value < 0.4", True),
        ("0.2 < " + PGD + ".accuracy.value < 0.3", False),
        ("clean.accuracy.value - " + PGD + ".accuracy.value < 0.6", True),
        ("clean.accuracy.value + 0.1 == 0.9", True),
        ("clean.accuracy.n * 2 == 400", True),
        ("clean.accuracy.n / 4 == 50", True),
        ("-clean.accuracy.n < -199", True),
        ("clean.accuracy.n > 100 and clean.accuracy.low > 0.7", True),
        ("clean.accuracy.n > 100 and clean.accuracy.low > 0.9", False),
        ("clean.accuracy.n > 300 or clean.accuracy.low > 0.7", True),
        ("clean.accuracy.n > 300 or clean.accuracy.low > 0.9", False),
        ("not clean.accuracy.n > 300", True),
        ("(not clean.accuracy.n > 300) and not (1 > 2 or 2 > 3)", True),
        (f"{PGD}.finished", True),
        (f"not {PGD}.finished", False),
        ("  clean.accuracy.n > 0 ", True),
        ("not flags", True),
        ("not cohort.classes", False),
        ("clean.accuracy.n > 0 and not flags", True),
        ("flags or clean.accuracy.n > 300", False),
    ],
)
def test_operators(condition: str, answer: bool) -> None:
    assert holds(condition, NAMES) is answer


@pytest.mark.parametrize("comparison", ["<", "<=", ">", ">=", "==", "!="])
@pytest.mark.parametrize(
    "undefined",
    [UNDEFINED, f"-{UNDEFINED}", f"1 - {UNDEFINED}", f"{UNDEFINED} * 0", "1 / 0", "1 / (2 - 2)"],
)
def test_nothing_holds_of_an_undefined_number_nor_its_contrary(
    comparison: str, undefined: str
) -> None:
    for condition in (f"{undefined} {comparison} 0.5", f"0.5 {comparison} {undefined}"):
        assert holds(condition, NAMES) is False
        assert holds(f"not {condition}", NAMES) is False
        assert holds(f"{condition} or 1 > 2", NAMES) is False
        assert holds(f"{condition} or 1 < 2", NAMES) is True
        assert holds(f"{condition} and 1 < 2", NAMES) is False
        assert holds(f"not ({condition} and 1 > 2)", NAMES) is True


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("", "cannot read ''"),
        ("-" * 900 + "1 > 0", "more than 100 parts within each other in"),
        ("1is 1", "cannot read '1is 1'"),
        ("clean.accuracy.low >", "cannot read"),
        ("import os", "cannot read"),
        ("a = 1", "cannot read"),
        ("clean.acuracy.low > 0", "unknown name 'acuracy'; did you mean 'accuracy'"),
        ("probes['pgd-linf-3'].accuracy.low > 0", "did you mean 'pgd-linf-2'"),
        ("1 < 2 or clean.acuracy.low > 0", "unknown name 'acuracy'"),
        ("1 > 2 and clean.acuracy.low > 0", "unknown name 'acuracy'"),
        ("cohort.classes[2] == 'c'", "unknown name '2'"),
        ("clean.accuracy.low.value > 0", "unknown name 'value'"),
        ("clean.accuracy.low", "is 0.75, expected a comparison"),
        ("clean.accuracy", "expected a comparison"),
        ("clean.accuracy > 0.5", r"clean.accuracy.value, clean.accuracy.low or"),
        ("probes and clean", "expected a comparison"),
        ("not clean", "expected a comparison"),
        ("clean.accuracy.low and 1 < 2", "is 0.75, expected a comparison"),
        ("cohort.name > 0.5", "cannot evaluate|no number"),
        ("cohort.name + 1 > 0.5", "no number"),
        ("'a' * 1000000000000 == 'a'", "no number"),
        ("-cohort.name < 1", "no number"),
        ("'a' in cohort.classes", "is not understood"),
        ("clean.accuracy.low is 1", "is not understood"),
    ],
)
def test_what_is_no_condition_is_refused(condition: str, message: str) -> None:
    with pytest.raises(PlanError, match=f"require: .*({message})"):
        holds(condition, NAMES)


@pytest.mark.filterwarnings("ignore:invalid decimal literal")
@pytest.mark.parametrize(
    "condition",
    [
        "__import__('os').system('true') == 0",
        "clean.__class__.__mro__[1].__subclasses__() != 0",
        "clean.accuracy.low.__class__ == 1",
        "(lambda: 1)() == 1",
        "[x for x in probes] == 1",
        "{x: 1 for x in probes} == 1",
        "(x for x in probes) == 1",
        "sum(probes) > 0",
        "open('/etc/passwd') == 1",
        "f'{clean}' == 'x'",
        "(n := 3) == 3",
        "clean.accuracy.n ** 99999999 > 1",
        "1 << 99999999 > 1",
        "[1, 2] == 1",
        "(1, 2) == 1",
        "probes[0:1] == 1",
        "1 if clean else 2",
        "None == None",
        "b'x' == b'x'",
        "... == 1",
        "~1 == 1",
        "await clean",
        "print",
        "(" * 50 + "1" + ")" * 50 + " + print() > 1",
    ],
)
def test_nothing_is_executed(condition: str) -> None:
    with pytest.raises(PlanError, match="require: "):
        holds(condition, NAMES)
