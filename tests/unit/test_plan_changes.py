"""``--set`` and ``--limit``: a plan changed from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from plexor.core.errors import PlanError
from plexor.plans import load_plan
from plexor.plans.changes import with_changes

PLAN: dict[str, Any] = {
    "cohort": {"manifest": "m.csv"},
    "probes": [{"attack": "pgd", "steps": 20, "threat": {"norm": "linf", "radius": [1, 2]}}],
}


@pytest.mark.parametrize(
    ("change", "place", "value"),
    [
        ("seed=7", ("seed",), 7),
        ("cohort.limit=10", ("cohort", "limit"), 10),
        ("probes[0].steps=5", ("probes", 0, "steps"), 5),
        ("probes[0].threat.radius=[4, 8]", ("probes", 0, "threat", "radius"), [4, 8]),
        ("probes[0].threat.radius[1]=3", ("probes", 0, "threat", "radius", 1), 3),
        ("train.augment.flip=true", ("train", "augment", "flip"), True),
        ("cohort.audit=null", ("cohort", "audit"), None),
        ("name=a = b", ("name",), "a = b"),
    ],
)
def test_a_value_is_set_at_its_place(
    change: str, place: tuple[str | int, ...], value: object
) -> None:
    found: Any = with_changes(PLAN, [change])
    for part in place:
        found = found[part]
    assert found == value
    assert with_changes(PLAN, []) == PLAN


def test_the_last_of_two_changes_holds_and_the_plan_given_stays_as_it_was() -> None:
    assert with_changes(PLAN, ["seed=1", "seed=2"])["seed"] == 2
    assert "seed" not in PLAN


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("seed", "--set seed: expected PLACE=VALUE"),
        ("=3", "--set =3: expected PLACE=VALUE"),
        ("probes.0.steps=3", "--set probes.0.steps=3: expected PLACE=VALUE"),
        ("probes[3].steps=3", r"there is no item \[3\] \(1 items\)"),
        ("probes[" + "9" * 5000 + "]=3", "expected PLACE=VALUE"),
        ("cohort[0]=3", r"there is no item \[0\] \(no list\)"),
        ("cohort.manifest.x=3", "'x' is a key, and there is no mapping to put it"),
        ("seed=[1", "the value is not valid YAML"),
        ("seed=010", "010"),
        ("sead=3", r"plan with --set sead=3: unknown key `sead`|.*sead.*did you mean.*seed"),
        ("probes[0].steps=many", r"with --set probes\[0\].steps=many: .*steps"),
    ],
)
def test_a_change_that_cannot_be_made_is_one_clear_line(change: str, sentence: str) -> None:
    with pytest.raises(PlanError, match=sentence) as raised:
        load_plan(PLAN, [change])
    assert "\n" not in str(raised.value)


def test_a_file_is_changed_without_being_written(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(PLAN))
    before = path.read_bytes()
    plan = load_plan(path, ["probes[0].steps=5"])
    assert [probe.id for probe in plan.all_probes()] == [
        probe.id
        for probe in load_plan(PLAN | {"probes": [PLAN["probes"][0] | {"steps": 5}]}).all_probes()
    ]
    assert path.read_bytes() == before
    assert plan.path(Path("x")) == tmp_path / "x"
