"""What is wrong with a condition is told before an audit begins."""

from __future__ import annotations

import pytest
from tests.unit.test_summary_file import _of_classes

from plexor.core.errors import PlanError
from plexor.findings.require import holds, names_of
from plexor.findings.require_check import check_condition

IDS = ("pgd-linf-2", "noise-linf-2", "ruler")
PGD = 'probes["pgd-linf-2"]'


@pytest.mark.parametrize(
    "condition",
    [
        "not flags",
        "clean.accuracy.n > 0 and not flags",
        "not (flags or flags_unchecked)",
        f"{PGD}.accuracy.low > 0.5",
        f"{PGD}.accuracy_change.value > -0.1",
        f'{PGD}.stored["recompressed-own"].accuracy.low > 0.5',
        f"{PGD}.stored['lossless'].mcnemar.p_holm < 0.05",
        f"{PGD}.threat.radius == 2",
        f"{PGD}.settings.steps >= 20",
        f"{PGD}.per_label[0].dice.low > 0.5",
        f"{PGD}.per_class[-1].recall.value * 2 - 1 > 0",
        f"{PGD}.mae.high < 5",
        'shortcuts["ruler"].fooling_excess.high < 0.02',
        "clean.n_failed == 0",
        "cohort.classes[1] == 'b'",
        "cohort.cases_by_class.melanoma > 10",
        "0.2 < clean.accuracy.value < 0.4",
        "model.card.architecture == 'small-cnn'",
        "flags[0].severity != 'error'",
        "margin < 0.05",
    ],
)
def test_what_a_summary_may_answer_is_taken(condition: str) -> None:
    check_condition(condition, IDS)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("__import__('os').system('true')", "is not understood"),
        ("clean.accuracy.__class__ == 1", "unknown name '__class__'"),
        ("(lambda: 1)() == 1", "is not understood"),
        ("[1 for _ in ()] == 1", "is not understood"),
        ("clean.accuracy.value ** 9 > 1", "is not understood"),
        ("clean.accuracy.low if flags else 1", "is not understood"),
        ("clean.acuracy.low > 0", "did you mean 'accuracy'"),
        ("claen.accuracy.low > 0", "did you mean 'clean'"),
        ("probes['pgd-linf-3'].accuracy.low > 0", "did you mean 'pgd-linf-2'"),
        (f"1 < 2 or {PGD}.acuracy.low > 0", "unknown name 'acuracy'"),
        (f"{PGD}.accuracy > 0.5", r"accuracy\.value"),
        (f"{PGD}.accuracy.low", "expected a comparison"),
        ("0.5", "expected a comparison"),
        ("clean and flags", "expected a comparison"),
        ("flags > 0", "is no number"),
        ("clean.accuracy.low.value > 0", "unknown name 'value'"),
        ("clean.accuracy.low >", "cannot read"),
        ("(" * 400 + "1" + ")" * 400, "cannot read"),
        ("1 < 2" + " and 1 < 2" * 400, "at most 1000 characters"),
        ("1 < \0", "cannot read"),
    ],
)
def test_what_no_summary_can_answer_is_refused(condition: str, message: str) -> None:
    with pytest.raises(PlanError, match=f"require: .*({message})"):
        check_condition(condition, IDS)


def test_every_name_of_a_summary_passes() -> None:
    """All paths to numbers, texts and truths of a real summary, written as conditions."""
    summary = _of_classes()
    ids = [probe.id for probe in summary.probes]
    paths = [path for path in _paths(names_of(summary), "") if path.isascii()]
    assert len(paths) > 500
    for path in paths:
        check_condition(f"{path} == 0", ids)


def _paths(value: object, at: str) -> list[str]:
    if isinstance(value, dict):
        found = []
        for key, one in value.items():
            name = f"{at}[{key!r}]" if at else key
            found += _paths(one, name)
        return found
    if isinstance(value, list):
        return [path for i, one in enumerate(value) for path in _paths(one, f"{at}[{i}]")]
    return [] if value is None else [at]


def test_flags_are_a_list_of_a_real_summary() -> None:
    summary = _of_classes()
    assert holds("not flags", summary) is (not summary.flags)
    assert holds("not not flags", summary) is bool(summary.flags)
