"""Plans: what they become, and every way to say no to one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from plexor.attacks import (
    CATALOGUE,
    FGSM,
    FITTED,
    ON_SURROGATES,
    PGD,
    SEARCHES,
    Attack,
    Become,
    Misclassify,
    Threat,
)
from plexor.core.errors import PlanError
from plexor.findings import Finding, RunDirectory
from plexor.models import ModelSource, Preprocess
from plexor.models.training import Training
from plexor.plans import Plan, load_plan, plan_schema
from plexor.probes import PlannedAttack, PlannedProbe, Search
from plexor.shortcuts import LISTED as SHORTCUTS

THREAT = {"norm": "linf", "radius": 2}
PROBE = {"attack": "pgd", "threat": THREAT}
SMALLEST: dict[str, Any] = {"cohort": {"manifest": "m.csv"}, "probes": [PROBE]}
EVERYTHING: dict[str, Any] = {
    "name": "lesions",
    "seed": 7,
    "cohort": {
        "manifest": "data/m.csv",
        "root": "data",
        "columns": {"label": "dx"},
        "path_template": "images/{image_id}.jpg",
        "classes": ["nv", "mel"],
        "split": {"train": 0.7, "validation": 0.1, "test": 0.2},
        "audit": None,
    },
    "model": {"weights": "w.safetensors", "preprocess": {"size": [72, 96], "mean": [0.5]}},
    "train": {
        "architecture": "small-cnn",
        "preprocess": {"size": [72, 96]},
        "augment": {"flip": [0, 1]},
        "start": "imagenet.pth",
    },
    "probes": [
        {"attack": "pgd", "steps": 3, "threat": {"norm": "linf", "radius": [1, 2.5]}},
        {"attack": "fgsm", "goal": {"become": "nv"}, "threat": THREAT},
        {
            "attack": "pgd",
            "id": "strong",
            "restarts": 4,
            "loss": "margin",
            "goal": "misclassify",
            "threat": {"norm": "l2", "radius": 5, "unit": "percent"},
        },
    ],
    "unit_size": 8,
    "n_examples": 0,
}


def changed(place: str, value: object) -> dict[str, Any]:
    """EVERYTHING with one thing set; ``place`` as "probes.0.threat.norm"."""
    plan: dict[str, Any] = json.loads(json.dumps(EVERYTHING))
    node: Any = plan
    *parents, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    for part in parents:
        node = node[part]
    node[last] = value
    return plan


def complaints(plan: Mapping[str, object]) -> str:
    with pytest.raises(PlanError) as caught:
        load_plan(plan)
    return str(caught.value)


def search_of(probe: PlannedProbe) -> Attack:
    assert isinstance(probe, PlannedAttack)
    assert isinstance(probe.source, Search)
    return probe.source.search


def test_radii_expand_and_controls_follow() -> None:
    probes = load_plan(EVERYTHING).all_probes()
    assert [(probe.id, probe.kind) for probe in probes] == [
        ("clean", "clean"),
        ("pgd-linf-1", "attack"),
        ("pgd-linf-2.5", "attack"),
        ("fgsm-to-nv-linf-2", "attack"),
        ("strong-l2-5-percent", "attack"),
        ("noise-linf-1", "control"),
        ("noise-linf-2.5", "control"),
        ("noise-linf-2", "control"),
        ("noise-l2-5-percent", "control"),
    ]
    strong = probes[4]
    assert search_of(strong) == PGD(restarts=4, loss="margin")
    assert strong.goal == Misclassify()
    assert strong.threat == Threat(norm="l2", radius=5, unit="percent")
    assert (search_of(probes[3]), probes[3].goal) == (FGSM(), Become(target="nv"))


def test_one_control_serves_all_attacks_of_a_threat() -> None:
    plan = load_plan({**SMALLEST, "probes": [PROBE, {**PROBE, "attack": "fgsm"}]})
    assert [probe.id for probe in plan.all_probes()] == [
        "clean", "pgd-linf-2", "fgsm-linf-2", "noise-linf-2",
    ]  # fmt: skip


@pytest.mark.parametrize("content", [SMALLEST, EVERYTHING])
def test_a_resolved_plan_is_the_same_plan_with_nothing_left_unsaid(
    content: dict[str, Any], tmp_path: Path
) -> None:
    plan = load_plan(content)
    resolved = plan.resolved()
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(resolved))
    for again in (Plan.model_validate(resolved), load_plan(path)):
        assert again.resolved() == resolved
        assert again.all_probes() == plan.all_probes()
        assert again.model == plan.model
        assert again.train == plan.train
    assert set(resolved) == set(Plan.model_fields)
    written: Any = resolved
    for key, default in (("steps", 20), ("restarts", 1), ("loss", "ce")):
        assert key in written["probes"][0]
        assert load_plan(SMALLEST).resolved()["probes"][0][key] == default  # type: ignore[index]
    if plan.train:
        assert {f.name for f in fields(Training)} == set(written["train"])


def test_defaults_are_those_of_the_classes_themselves() -> None:
    plan = load_plan(SMALLEST)
    assert search_of(plan.all_probes()[1]) == PGD()
    assert plan.model == ModelSource()
    assert plan.train is None
    with pytest.raises(PlanError, match="the plan has no key `train`"):
        plan.training()
    trained = load_plan({**SMALLEST, "train": {"preprocess": {"size": [8, 8]}}}).training()
    assert trained == Training(preprocess=Preprocess(size=(8, 8)))


def test_paths_are_relative_to_the_plans_file(tmp_path: Path) -> None:
    folder = tmp_path / "plans"
    folder.mkdir()
    (folder / "plan.yaml").write_text(yaml.safe_dump(EVERYTHING))
    plan = load_plan(folder / "plan.yaml")
    assert plan.path(plan.cohort.manifest) == folder / "data" / "m.csv"
    assert plan.model_source().weights == folder / "w.safetensors"
    assert plan.training().start == folder / "imagenet.pth"
    absolute = load_plan(changed("model.weights", str(tmp_path / "w.safetensors")))
    assert absolute.model_source().weights == tmp_path / "w.safetensors"


@pytest.mark.parametrize(
    ("place", "meant", "where"),
    [
        ("sed", "seed", ""),
        ("cohort.manifst", "manifest", " in cohort"),
        ("model.weigths", "weights", " in model"),
        ("model.preprocess.sizes", "size", " in model.preprocess"),
        ("train.epoch", "epochs", " in train"),
        ("train.preprocess.windows", "window", " in train.preprocess"),
        ("train.augment.flips", "flip", " in train.augment"),
        ("probes.0.stps", "steps", " in probes.0.pgd"),
        ("probes.1.los", "loss", " in probes.1.fgsm"),
        ("probes.0.threat.nrm", "norm", " in probes.0.pgd.threat"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest(place: str, meant: str, where: str) -> None:
    said = complaints(changed(place, 1))
    assert f"unknown key {place.rsplit('.', maxsplit=1)[-1]!r}; did you mean {meant!r}?" in said
    assert said.endswith(f"){where}")


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("probes.0.attack", "pdg", "unknown attack 'pdg'; did you mean 'pgd'? (known: "),
        ("probes.0", {"threat": THREAT}, "`probes.0.attack` is missing"),
        ("probes.0", 3, "`probes.0`"),
        ("probes", {"attack": "pgd"}, "`probes`"),
        ("probes.0.steps", "many", "`probes.0.pgd.steps`"),
        ("probes.0.steps", 2.5, "`probes.0.pgd.steps`"),
        ("probes.0.steps", 0, "pgd: `steps` must be at least 1, got 0 in probes.0.pgd"),
        ("probes.0.loss", "dlr", "`probes.0.pgd.loss`"),
        ("probes.0.threat", "linf", "`probes.0.pgd.threat`"),
        ("probes.0.threat", {"norm": "linf"}, "`probes.0.pgd.threat.radius` is missing"),
        ("probes.0.threat.radius", "two", "`probes.0.pgd.threat.radius"),
        ("probes.0.threat.radius", [], "`probes.0.pgd.threat.radius`"),
        ("probes.0.threat.radius", [1, -2], "`radius` must be positive and finite, got -2"),
        ("probes.0.threat.norm", "l3", "`probes.0.pgd.threat.norm`"),
        ("probes.0.goal", "misclasify", "goal: expected `misclassify`, `{become: CLASS}`"),
        ("probes.0.goal", {"becom": "nv"}, "goal: expected `misclassify`, `{become: CLASS}`"),
        ("probes.0.goal", {"kind": "becom", "target": "nv"}, "unknown kind 'becom'; did you mean"),
        ("probes.0.goal", {"kind": "become", "tagret": "nv"}, "'tagret'; did you mean 'target'?"),
        ("cohort.manifest", 3, "`cohort.manifest`"),
        ("cohort.classes", "nv", "`cohort.classes`"),
        ("cohort.split", {"train": "most"}, "`cohort.split.train`"),
        ("model.channels", "three", "`model.channels`"),
        ("model.preprocess.window", [3, 1], "preprocess: `window` must be (low, high)"),
        ("train.preprocess.size", [1, 2, 3, 4], "preprocess: `size` must be 2 or 3 positive"),
        ("train.architecture", "smalcnn", "unknown architecture 'smalcnn'; did you mean 'small-"),
        ("train.task", "binry", "`train.task`: unknown task 'binry'; did you mean 'binary'?"),
        ("model.architecture", "densenet12", "architecture 'densenet12'; did you mean 'densenet12"),
        ("model.task", "multiclas", "unknown task 'multiclas'; did you mean 'multiclass'?"),
        ("train.epochs", 0, "train: `epochs` must be at least 1, got 0"),
        ("train.precision", "bf16", "`train.precision`: unknown precision 'bf16' (known: 16-mixed"),
        ("unit_size", 0, "`unit_size`"),
        ("format", "plexor-plan/9", "`format`"),
    ],
)
def test_a_wrong_value_is_named_by_its_place(place: str, value: object, said: str) -> None:
    assert said in complaints(changed(place, value))


def test_everything_that_is_wrong_is_said_at_once() -> None:
    plan = changed("sed", 1)
    plan["unit_size"] = "x"
    plan["cohort"]["manifst"] = 1
    plan["probes"][0]["stps"] = 3
    plan["probes"][1]["threat"] = {"norm": "linf", "radius": -1}
    plan["probes"][2]["restarts"] = 0
    plan["train"]["epochs"] = 0
    plan["model"]["preprocess"]["window"] = [1, 0]
    said = complaints(plan)
    for part in (
        "'sed'", "`unit_size`", "'manifst'", "'stps'", "got -1", "`restarts`", "`epochs`", "(1.0",
    ):  # fmt: skip
        assert part in said
    head, *listed = said.splitlines()
    assert head == "plan: 8 errors"
    assert len(listed) == 8


@pytest.mark.parametrize(
    ("probe", "complaint"),
    [
        ({"shortcut": "rular"}, "unknown shortcut 'rular'; did you mean 'ruler'"),
        ({"shortcut": "ruler", "tick": 1}, "unknown key 'tick'; did you mean 'ticks'"),
        ({"shortcut": "ruler", "threat": {}}, "unknown key 'threat'"),
        ({"shortcut": "ruler", "side": "lft"}, "unknown side 'lft'; did you mean 'left'"),
        ({"shortcut": "ink", "width": 2}, "ink: width is a share of the image"),
        ({"shortcut": "transplant"}, "either a `pair` of image files or a `stamp`"),
        ({"shortcut": "transplant", "stamp": "a", "pair": ["b", "c"]}, "either a `pair`"),
        ({"shortcut": "transplant", "pair": ["b"]}, "probes.0.transplant.pair"),
    ],
)
def test_what_is_wrong_with_a_shortcut_is_said(probe: dict[str, Any], complaint: str) -> None:
    assert complaint in complaints({**SMALLEST, "probes": [probe]})


def test_two_probes_of_one_name_are_refused() -> None:
    for probes in ([PROBE, PROBE], [{**PROBE, "threat": {"norm": "linf", "radius": [2, 2]}}]):
        said = complaints({**SMALLEST, "probes": probes})
        assert "several probes have the id pgd-linf-2; give one of them another `id`" in said
    said = complaints({**SMALLEST, "probes": [{**PROBE, "id": "noise"}]})
    assert "several probes have the id noise-linf-2" in said
    assert load_plan({**SMALLEST, "probes": [PROBE, {**PROBE, "id": "again"}]})
    said = complaints({**SMALLEST, "probes": [{"shortcut": "ruler"}] * 2})
    assert "several probes have the id ruler; give one of them another `id`" in said


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"cohort: [unclosed", "not valid YAML"),
        (b"cohort: \xff\xfe", "is not valid YAML"),
        (b"- a\n- list", "expected a mapping with `cohort`, `model` and `probes`"),
        (b"", "expected a mapping with `cohort`, `model` and `probes`"),
        (b"!!python/object/apply:os.system ['true']", "expected a mapping with `cohort`"),
        (b"probes: []", "`cohort` is missing"),
    ],
)
def test_files_that_are_no_plan(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_bytes(content)
    with pytest.raises(PlanError, match=message) as caught:
        load_plan(path)
    assert str(path) in str(caught.value)


def test_a_path_may_be_a_text(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(SMALLEST))
    plan = load_plan(str(path))
    assert plan.path(plan.cohort.manifest).parent == tmp_path


def test_everything_wrong_in_a_file_is_listed_by_line(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(
        "cohort: {manifest: m.csv}\n"
        "probes:\n"
        "  - attack: pdg\n"
        "    threat: {norm: l7, radius: 2, radios: 3}\n"
        "    goal: misclasify\n"
        "seed: 010\n"
        "seed: 11\n"
    )
    with pytest.raises(PlanError) as caught:
        load_plan(path)
    head, *listed = str(caught.value).splitlines()
    assert head == f"{path}: 6 errors"
    for line, start in zip(
        listed,
        (
            "  line 3, column 13: `probes.0.attack`: unknown attack 'pdg'; did you mean 'pgd'?",
            "  line 4, column 20: `probes.0.threat.norm`: unknown norm 'l7'",
            "  line 4, column 35: unknown key 'radios'; did you mean 'radius'?",
            "  line 5, column 11: goal: expected `misclassify`",
            "  line 6, column 7: 010 is 8 to some programs and 10 to others",
            "  line 7, column 1: the key 'seed' is given twice, first on line 6",
        ),
        strict=True,
    ):
        assert line.startswith(start)


def test_more_radii_than_anybody_asks_for(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(changed("probes.0.threat.radius", list(range(1, 20001)))))
    with pytest.raises(PlanError, match=r"at most 100 items.* got \[1, 2, 3, 4, 5, 6, \.\.\.\]$"):
        load_plan(path)


def test_a_plan_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"cannot read the plan .*: No such file"):
        load_plan(tmp_path / "plan.yaml")


@pytest.mark.parametrize("name", ["../../escaped", "a/b", "/x", "Bowen's disease / AK"])
def test_no_name_leads_out_of_the_run_directory(name: str, tmp_path: Path) -> None:
    """Ids of probes come from plans and class names, and become names of files."""
    plan = load_plan({**SMALLEST, "probes": [{**PROBE, "id": name}]})
    probe = plan.all_probes()[1].id
    assert probe == f"{name}-linf-2"
    run = RunDirectory(tmp_path / "run")
    run.open(plan.resolved(), {})
    finding = Finding(case_id="c", group="g", truth="t", probe=probe, stored="lossless")
    run.write_unit(f"{probe}-0", [finding], [])
    assert run.has_unit(f"{probe}-0")
    assert run.findings()["probe"].tolist() == [probe]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def definitions(schema: Mapping[str, Any]) -> Iterator[Any]:
    """Every part of a schema."""
    yield schema
    for value in schema.values():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                yield from definitions(part)


def test_the_schema_is_whole_and_knows_each_attacks_options() -> None:
    schema: Any = json.loads(json.dumps(plan_schema()))
    for part in definitions(schema):
        reference = part.get("$ref")
        if isinstance(reference, str):
            assert re.fullmatch(r"#/\$defs/\w+", reference)
            assert reference.rsplit("/", 1)[1] in schema["$defs"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["cohort"]
    of_attacks, shortcuts = schema["properties"]["probes"]["items"]["anyOf"]
    tags = of_attacks["discriminator"]["mapping"]
    assert sorted(tags) == sorted(CATALOGUE)
    assert sorted(shortcuts["discriminator"]["mapping"]) == sorted(SHORTCUTS)
    of_fitted = {"fit", "load", "fit_batch"}
    attacks: dict[str, Any] = {**CATALOGUE}
    for name, attack in attacks.items():
        known = schema["$defs"][tags[name].rsplit("/", 1)[1]]
        assert known["additionalProperties"] is False
        assert known["properties"]["attack"]["const"] == name
        options = {option.name: option.default for option in fields(attack)}
        common = {"kind", "attack", "id", "goal", "threat"} | (
            of_fitted if name in FITTED else set()
        )
        common |= {"surrogates"} if name in ON_SURROGATES else set()
        of_gradients = name in SEARCHES and attack.access == "gradients"
        common |= {"backward"} if of_gradients else set()
        assert set(known["properties"]) == {*common, *options}
        for option, default in options.items():
            assert default is not MISSING
            assert known["properties"][option]["default"] == default


def test_a_seed_below_0_is_refused() -> None:
    with pytest.raises(PlanError, match="`seed`: Input should be greater than or equal to 0"):
        load_plan({"cohort": {"manifest": "m.csv"}, "seed": -1})
