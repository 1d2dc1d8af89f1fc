"""``summary.json``: written, read back, refused, and read in its earlier form."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.helpers import synthetic_run as synthetic
from tests.helpers import task_run
from tests.helpers.summary_json import checked

from plexor.core.errors import RunDirectoryError
from plexor.findings.require import holds
from plexor.findings.schema import Finding, to_table
from plexor.findings.summary import Summary, read_summary, summarise, write_summary
from plexor.findings.summary.class_results import ClassAttackResult, ClassShortcutResult
from plexor.findings.summary.estimate import StoredEstimate
from plexor.findings.summary.multilabel_results import MultilabelAttackResult
from plexor.findings.summary.regression_results import RegressionAttackResult
from plexor.findings.summary.results import of_kind
from plexor.findings.summary.segmentation_results import SegmentationAttackResult
from plexor.findings.summary.summary_file import SUMMARY, from_json
from plexor.threat_model import Threat
from plexor.threat_model.goals import Become, Flip, LowerDice, Misclassify, Move

OLD = Path(__file__).parent / "summary_v2"
PROBES = (
    synthetic.probe("pgd", "linf", (2,), settings=synthetic.PGD),
    synthetic.probe("pgd", "linf", (2,), target="nv", settings=synthetic.PGD),
    synthetic.shortcut("ruler", {"side": "left", "ticks": 20}),
)


@cache
def _of_classes() -> Summary:
    rng = np.random.default_rng(11)
    units = synthetic.findings_of(synthetic.subjects(30, rng), rng, PROBES)
    rows = [row for unit in units.values() for row in unit]
    return _summary(synthetic.plan(PROBES), synthetic.provenance(), rows)


def _of_task(task: dict[str, Any], goal: dict[str, Any], rows: list[Finding]) -> Summary:
    return _summary(task_run.plan(goal), task_run.provenance(task), rows)


def _summary(plan: dict[str, Any], provenance: dict[str, Any], rows: list[Finding]) -> Summary:
    return summarise(plan, provenance, to_table(rows).to_pandas())


SUMMARIES: dict[str, Callable[[], Summary]] = {
    "classes": _of_classes,
    "findings": lambda: _of_task(task_run.FINDINGS, task_run.HIDE, task_run.several()),
    "outlines": lambda: _of_task(task_run.OUTLINES, task_run.LOWER, task_run.outlines()),
    "number": lambda: _of_task(task_run.AGE, task_run.DEVIATE, task_run.numbers("deviate")),
}


@pytest.mark.parametrize("name", SUMMARIES)
def test_what_is_read_back_is_what_was_written(name: str, tmp_path: Path) -> None:
    summary = SUMMARIES[name]()
    write_summary(tmp_path / "summary.json", summary)
    assert read_summary(tmp_path / "summary.json") == summary


@pytest.mark.parametrize("name", SUMMARIES)
def test_what_is_written_follows_the_schema(name: str) -> None:
    assert checked(SUMMARIES[name]())["schema"] == "plexor-summary/3"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("surprise",), 1, "unknown key at surprise"),
        (("cohort", "surprise"), 1, r"unknown key at cohort\.surprise"),
        (("probes", 0, "surprise"), 1, r"unknown key at probes\.0\.surprise"),
        (
            ("probes", 0, "stored", "lossless", "accuracy", "surprise"),
            1,
            r"unknown key at probes\.0\.stored\.lossless\.accuracy\.surprise",
        ),
        (("probes", 0, "threat", "surprise"), 1, r"unknown key at probes\.0\.threat\.surprise"),
        (("probes", 0, "goal", "surprise"), 1, r"unknown key at probes\.0\.goal\.surprise"),
        (
            ("probes", 0, "kind"),
            "corruption",
            r"'change', 'control' at probes\.0",
        ),
        (("probes", 0, "goal", "kind"), "become", r"at probes\.0\.attack\.goal"),
        (("probes", 0, "threat", "radius"), -1.0, "`radius` must be positive"),
        (("probes", 0, "stored", "lossless", "task"), "ranking", "'multiclass'"),
        (("cohort", "n_cases"), "many", r"valid integer at cohort\.n_cases"),
        (("cohort", "n_cases"), None, r"valid integer at cohort\.n_cases"),
        (("clean", "stored"), {}, "`lossless`"),
        (
            ("schema",),
            "plexor-summary/4",
            "unknown summary schema 'plexor-summary/4'; did you mean",
        ),
        (("schema",), None, "unknown summary schema 'None'"),
    ],
)
def test_what_does_not_follow_the_form_is_refused_in_one_line(
    tmp_path: Path, path: tuple[str | int, ...], value: object, message: str
) -> None:
    found = json.loads(SUMMARY.dump(_of_classes()))
    part = found
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    file = tmp_path / "summary.json"
    file.write_text(json.dumps(found))
    with pytest.raises(RunDirectoryError, match=message) as refused:
        read_summary(file)
    said = str(refused.value)
    assert said.startswith(f"{file}: ")
    assert "\n" not in said


@pytest.mark.parametrize("key", ["plexor", "cohort", "clean", "probes", "flags"])
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    found = json.loads(SUMMARY.dump(_of_classes()))
    del found[key]
    (tmp_path / "summary.json").write_text(json.dumps(found))
    with pytest.raises(RunDirectoryError, match=f"at {key}; run plexor report"):
        read_summary(tmp_path / "summary.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "null"])
def test_what_is_no_summary_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "summary.json").write_text(text)
    with pytest.raises(RunDirectoryError, match="summary"):
        read_summary(tmp_path / "summary.json")


def test_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match=r"cannot read .*; run plexor report"):
        read_summary(tmp_path / "summary.json")


def _old(name: str) -> Summary:
    return from_json((OLD / f"{name}.json").read_bytes())


def test_version_2_has_its_probes_and_shortcuts_in_one_list() -> None:
    summary = _old("classes")
    assert [(probe.id, probe.kind) for probe in summary.probes] == [
        ("pgd-linf-2", "attack"),
        ("pgd-to-nv-linf-2", "attack"),
        ("ruler", "shortcut"),
        ("noise-linf-2", "control"),
        ("ruler-shuffled", "control"),
    ]
    wrong, to_naevus = summary.attacks
    assert (wrong.goal, to_naevus.goal) == (Misclassify(), Become(target="nv"))
    assert wrong.threat == Threat(norm="linf", radius=2.0)
    noise = summary.noise(wrong)
    assert noise is not None
    assert noise.threat == wrong.threat
    (ruler,) = summary.shortcuts
    tiles = summary.shuffled(ruler)
    assert tiles is not None
    assert tiles.about == ruler.about


@pytest.mark.parametrize("name", SUMMARIES)
def test_version_2_gives_every_figure_that_version_3_has(name: str) -> None:
    old = json.loads((OLD / f"{name}.json").read_text())
    new = checked(_old(name))
    entries = {probe["id"]: probe for probe in (*old["probes"], *old["shortcuts"])}
    assert {probe["id"] for probe in new["probes"]} == set(entries)
    pairs = [(old["clean"], new["clean"])]
    pairs += [(entries[probe["id"]], probe) for probe in new["probes"]]
    for before, after in pairs:
        for container, figures in after["stored"].items():
            for key, value in figures.items():
                if key not in ("task", "per_class", "per_label", "n_not_finite"):
                    assert before["stored"][container][key] == value, (container, key)


def test_version_2_says_label_where_it_said_finding() -> None:
    (attack,) = _old("findings").attacks
    result = of_kind(attack.lossless, MultilabelAttackResult)
    assert attack.goal == Flip(kind="hide", label="effusion")
    assert [one.label for one in result.per_label] == ["effusion", "nodule"]
    # counted by hand in tests/oracle/test_summary_tasks.py
    assert (result.per_label[0].n_hidden, result.per_label[0].n_invented) == (3, 0)


def test_version_2_says_label_in_the_goal_of_a_fit_too() -> None:
    found = json.loads((OLD / "findings.json").read_text())
    (fitted,) = (probe for probe in found["probes"] if probe["kind"] == "attack")
    fitted["fit"] = {
        "split": "train", "file": None, "shapes": [[1, 8, 8]], "settings": {}, "same_model": True,
        "goal": fitted["goal"], "n_split": 9, "n_unread": 0, "n_cases": 9, "n_groups": 9,
        "cases_in_both": 0, "groups_in_both": 0, "gradients": 9, "forwards": 0, "seconds": 1.0,
        "errors": [],
    }  # fmt: skip
    (attack,) = from_json(json.dumps(found).encode()).attacks
    assert attack.fit is not None
    assert attack.fit.goal == attack.goal == Flip(kind="hide", label="effusion")


def test_version_2_of_outlines_and_of_numbers() -> None:
    (outlines,) = _old("outlines").attacks
    assert outlines.goal == LowerDice(of="disc", below=0.5)
    assert of_kind(outlines.lossless, SegmentationAttackResult).n_not_applicable == 1
    (number,) = _old("number").attacks
    assert (number.goal, number.goal_unit) == (Move(kind="deviate", by=5.0), "years")
    shift = of_kind(number.lossless, RegressionAttackResult).greatest_absolute_shift
    assert shift == np.abs(task_run.AGES[:, 2] - task_run.AGES[:, 1]).max()


def test_version_2_of_a_targeted_attack_and_of_a_shortcut() -> None:
    summary = _old("classes")
    wrong, to_naevus = (of_kind(probe.lossless, ClassAttackResult) for probe in summary.attacks)
    assert wrong.targeted_success is None
    assert to_naevus.targeted_success == to_naevus.success
    (ruler,) = summary.shortcuts
    result = of_kind(ruler.lossless, ClassShortcutResult)
    assert (result.fooling_excess.value, result.fooling_test.n_gained) == (0, 0)


def test_a_key_that_version_2_always_has_is_named_if_missing(tmp_path: Path) -> None:
    found = json.loads((OLD / "classes.json").read_text())
    del found["model"]["task"]
    (tmp_path / "summary.json").write_text(json.dumps(found))
    with pytest.raises(RunDirectoryError, match="`task`"):
        read_summary(tmp_path / "summary.json")


def test_conditions_name_probes_and_shortcuts_alike() -> None:
    summary = _of_classes()
    (ruler,) = summary.shortcuts
    n = ruler.lossless.n
    for name in ("probes", "shortcuts"):
        assert holds(f'{name}["ruler"].n == {n}', summary)
        assert holds(f'{name}["ruler"].stored["lossless"].n == {n}', summary)
        assert holds(f'{name}["ruler-shuffled"].kind == "control"', summary)
    assert holds("clean.n == 30 and clean.accuracy.n == 30", summary)
    assert holds('probes["pgd-linf-2"].threat.radius == 2', summary)
    assert holds('probes["pgd-linf-2"].success.n <= 30', summary)


@pytest.mark.parametrize(
    ("limits", "least", "most", "found"),
    [
        ((-53.9, 94.0), 0.0, math.inf, (0.0, 94.0)),
        ((-1.2, 1.3), -1.0, 1.0, (-1.0, 1.0)),
        ((0.2, 0.4), 0.0, 1.0, (0.2, 0.4)),
    ],
)
def test_limits_are_cut_to_what_is_possible(
    limits: tuple[float, float], least: float, most: float, found: tuple[float, float]
) -> None:
    low, high = limits
    estimate = StoredEstimate(
        value=0.3, low=low, high=high, level=0.95, method="Student's", n=9, n_groups=4,
        variance=None, note="",
    )  # fmt: skip
    cut = estimate.within(least, most)
    assert (cut.low, cut.high) == found
    assert cut.method.endswith("cut to the possible range") is (found != limits)


def test_no_interval_of_a_number_or_an_outline_leaves_its_range() -> None:
    number = SUMMARIES["number"]().attacks[0].lossless
    outline = SUMMARIES["outlines"]().attacks[0].lossless
    assert isinstance(number, RegressionAttackResult)
    assert isinstance(outline, SegmentationAttackResult)
    sizes = [number.mae, number.rmse, number.absolute_shift, number.median_absolute_shift]
    assert all(one.low is None or one.low >= 0 for one in sizes)
    assert -1 <= (outline.dice_change.low or 0) <= (outline.dice_change.high or 0) <= 1
    assert 0 <= (outline.dice.low or 0) <= (outline.dice.high or 0) <= 1
