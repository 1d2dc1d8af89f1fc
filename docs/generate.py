"""Writes the pages of the reference that come from the code: plan, commands, attacks, summary.

    .venv/bin/python docs/generate.py

tests/unit/test_docs.py checks that the pages in the repository are current.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from typer.cli import get_docs_for_click

from plexor.attacks import CATALOGUE, FITTED, ON_SURROGATES, SEARCHES
from plexor.attacks.description import EVERY_TASK, Described
from plexor.cli.app import app
from plexor.findings.json_format import attribute_texts, attributes_in
from plexor.findings.summary import summary_schema
from plexor.plans import plan_schema
from plexor.probes import CATALOGUE as PROBES
from plexor.threat_model import GOALS, NORMS, REGIONS, Threat

REFERENCE = Path(__file__).parent / "reference"

PLAN = """\
# The plan

A YAML file; `plexor audit` writes it, with every default filled in, to `plan.yaml` in the run
directory. A key that is not listed here is refused, with the closest one that is. Relative paths
start from the plan's folder. How plans are written: [Write a plan](../how-to/plan.md).

`plexor.audit` and `plexor.plans.load_plan` take the same as a Python mapping.
`plexor.plans.plan_schema()` gives the JSON schema.
"""

ATTACKS = """\
# Attacks

Each is written once, against a threat and a goal, and works for every norm and task that is ticked,
in 2D and 3D. A tick is a promise that the tests hold every attack to: what it proposes can be
stored, lies within the threat, is no worse than nothing, depends on the case, the model and the
seed alone, and costs what it says (`tests/contract/test_attack_contract.py`). Their options stand
under [`probes[]`](plan.md), and `plexor attacks` prints this list.

What an attack sees of the model: `gradients`, `scores` (the goal's margin), or `decisions` (whether
the goal is reached).
"""
FITTED_ATTACKS = """\

## Fitted on one split, judged on another

These are searched once, over many cases, and then applied to cases they never saw, in one pass or
none, without a look at the model. What they see while they are fitted, and what they see when they
are applied, are two things: a saved one can be applied to a model that shows nothing. They have a
list of promises of their own (`tests/contract/test_fitted_contract.py`).
How to: [Fit one perturbation for all images](../how-to/universal.md).
"""
ON_OTHERS = """\

## Searched on other models

These follow the gradients of surrogates, whose weights the plan names, and never ask the model that
is audited; what they cost is counted on the surrogates. With the model itself as surrogate they
keep the promises of the first list.
How to: [Attack through other models](../how-to/plan.md#attack-through-other-models).
"""

# Definition → the place in a plan it describes.
PLACES = {
    "CohortSource": "cohort",
    "ModelSource": "model",
    "Training": "train",
    "Request": "model.request",
    "Response": "model.response",
    "Preprocess": "model.preprocess, train.preprocess",
    "Target": "model.target",
    "Augmentation": "train.augment",
    "Visibility": "visibility",
}
GOAL_PLACES = {f"probes[].goal: {', '.join(goal.forms)}": goal for goal in GOALS.values()}
REGION_PLACES = {f"probes[].threat.region: {region.form}": region for region in REGIONS.values()}
COMMON = ("kind", "attack", "id", "goal", "threat")
OF_FITTED = ("fit", "load", "fit_batch")
TOP = {
    "format": "of the plan itself; leave it out",
    "name": "what the report is called",
    "seed": "every random draw comes from it",
    "cohort": "where the cases come from",
    "model": "what is audited, or where training writes it",
    "train": "how the model is trained; not needed for an audit",
    "probes": "what is done to every case; the control of each attack and shortcut comes by itself",
    "visibility": "what is measured of how visible the changes are",
}
KIND = "may be left out"
PROBE = {
    "kind": KIND,
    "attack": "which one",
    "goal": "what it wants",
    "threat": "what it may change",
}


def pages() -> dict[str, str]:
    """File name → content of every generated page."""
    return {
        "plan.md": plan_page(),
        "cli.md": cli_page(),
        "attacks.md": attacks_page(),
        "summary.schema.json": json.dumps(summary_schema(), indent=1, ensure_ascii=False) + "\n",
    }


def attacks_page() -> str:
    """What every attack of the catalogue searches, and where it comes from."""
    listed = [
        f"- **`{name}`**: {attack.summary}. {attack.reference}."
        for name, attack in CATALOGUE.items()
    ]
    return "\n".join(
        [
            ATTACKS,
            _matrix(SEARCHES, sees={"sees": "access"}),
            FITTED_ATTACKS,
            _matrix(FITTED, sees={"sees, fitted": "access", "sees, applied": "applied"}),
            ON_OTHERS,
            _matrix(ON_SURROGATES, sees={"sees": "access", "of surrogates": "of_surrogates"}),
            "",
            "## Where they come from",
            "",
            *listed,
            "",
        ]
    )


def _matrix(attacks: Mapping[str, type[Described]], *, sees: Mapping[str, str]) -> str:
    """Ticks for every norm and task; ``sees`` names the columns of what is seen."""
    head = ["attack", *sees, *(norm.symbol for norm in NORMS.values()), *EVERY_TASK]
    rows = [head, ["---"] * len(head)]
    for name, attack in attacks.items():
        norms = ["✓" if norm in attack.norms else "" for norm in NORMS]
        tasks = ["✓" if task in attack.tasks else "" for task in EVERY_TASK]
        seen = [getattr(attack, field) for field in sees.values()]
        rows.append([f"`{name}`", *seen, *norms, *tasks])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def cli_page() -> str:
    """All commands with their options."""
    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="plexor")
    page = get_docs_for_click(obj=command, ctx=context, name="plexor", title="The command line")
    return page.rstrip() + "\n"


def plan_page() -> str:
    """All keys of a plan."""
    schema = plan_schema()
    definitions: Any = schema["$defs"]
    parts = [PLAN, *_section("The top", schema, texts=TOP)]
    for name, place in PLACES.items():
        parts += _described(definitions[name], place)
    one = definitions[_definition_of(next(iter(SEARCHES)), schema)]
    keys = {key: one["properties"][key] for key in COMMON} | {"attack": {"enum": list(CATALOGUE)}}
    common = {"properties": keys, "required": one["required"]}
    parts += _section("`probes[]`", common, texts=PROBE, intro="Every attack has these keys.")
    fitted = definitions[_definition_of(next(iter(FITTED)), schema)]["properties"]
    parts += _section(
        f"`probes[]`, `attack: {', '.join(FITTED)}`",
        {"properties": {key: fitted[key] for key in ("threat", *OF_FITTED)}},
        texts={},
        intro="What is fitted first has these keys too, and may leave `threat` out with `load`.",
    )
    for place, goal in GOAL_PLACES.items():
        parts += _described(definitions[goal.__name__], place, doc=inspect.getdoc(goal))
    threat = definitions["ThreatPlan"]
    parts += _described(threat, "probes[].threat", texts=_attributes_of(Threat))
    for place, region in REGION_PLACES.items():
        parts += _described(definitions[region.__name__], place, doc=inspect.getdoc(region))
    for name, attack in CATALOGUE.items():
        doc = inspect.getdoc(attack) or ""
        described = definitions[_definition_of(name, schema)]
        parts += _section(
            f"`probes[]`, `attack: {name}`",
            described,
            texts=_attributes_of(attack),
            intro=f"{_intro(doc)} Sees {attack.access}. Source: {attack.reference}.",
            hidden=(*COMMON, *OF_FITTED),
        )
    for kind, listed in PROBES.items():
        for name, options in listed.options.items():
            parts += _section(
                f"`probes[]`, `{kind}: {name}`",
                definitions[_definition_of(name, schema)],
                texts={"kind": KIND, kind: "which one"} | _attributes_of(options),
                intro=_intro(inspect.getdoc(options) or ""),
            )
    return "\n".join(parts)


def _described(
    described: Mapping[str, Any],
    place: str,
    *,
    doc: str | None = None,
    texts: dict[str, str] | None = None,
) -> Iterator[str]:
    """The section of a definition that is made from a dataclass.

    Args:
        described: the definition.
        place: in a plan.
        doc: docstring to take the words from; the definition's own if None.
        texts: of keys that the docstring does not describe.
    """
    doc = described.get("description", "") if doc is None else doc
    texts = (texts or {}) | {name: _as_yaml(text) for name, text in attributes_in(doc).items()}
    return _section(f"`{place}`", described, texts=texts, intro=_intro(doc), hidden=("kind",))


def _section(
    title: str,
    described: Mapping[str, Any],
    *,
    texts: Mapping[str, str],
    intro: str = "",
    hidden: tuple[str, ...] = (),
) -> Iterator[str]:
    yield f"## {title}\n"
    if intro:
        yield f"{intro}\n"
    keys = {k: v for k, v in described["properties"].items() if k not in hidden}
    if not keys:
        return
    yield "| key | type | default | |\n|---|---|---|---|"
    for key, about in keys.items():
        needed = key in described.get("required", ())
        default = "needed" if needed else _default(about)
        text = about.get("description") or texts[key]
        yield f"| `{key}` | {_type(about)} | {default} | {text} |"
    yield ""


def _definition_of(probe: str, schema: Mapping[str, Any]) -> str:
    kinds = schema["properties"]["probes"]["items"]["anyOf"]
    tags = {tag: one for kind in kinds for tag, one in kind["discriminator"]["mapping"].items()}
    return str(tags[probe]).rsplit("/", 1)[1]


def _type(about: Mapping[str, Any]) -> str:
    """A schema's type in a few words."""
    if "$ref" in about:
        return "mapping"
    if "const" in about:
        return f"`{about['const']}`"
    if "enum" in about:
        return ", ".join(f"`{choice}`" for choice in about["enum"])
    if options := about.get("anyOf", about.get("oneOf")):
        return " or ".join(dict.fromkeys(_type(option) for option in options))
    names = {"array": "list", "object": "mapping", "null": "`null`", "integer": "whole number"}
    kind = str(about["type"])
    return str(about.get("format") or names.get(kind, kind)).replace("string", "text")


def _default(about: Mapping[str, Any]) -> str:
    """The default as it would be written in YAML."""
    default = about.get("default", {} if about.get("type") == "object" else [])
    if isinstance(default, dict) and default:
        return f"`{default['kind']}`" if "kind" in default else "see there"
    names = {None: "null", True: "true", False: "false"}
    plain = default is None or isinstance(default, bool)
    return f"`{names[default] if plain else default}`"


def _intro(doc: str) -> str:
    """A docstring up to its sections."""
    text = re.split(r"\n\s*(?:Attributes|Args|Raises|Example):", doc)[0]
    return _as_yaml(text)


def _attributes_of(kind: type) -> dict[str, str]:
    """Of a class, with those that it has of others."""
    return {name: _as_yaml(text) for name, text in attribute_texts(kind).items()}


def _as_yaml(text: str) -> str:
    """A docstring's sentence with YAML's words and marks."""
    return re.sub(r"\bNone\b", "`null`", " ".join(text.split()).replace("``", "`"))


if __name__ == "__main__":
    for name, content in pages().items():
        (REFERENCE / name).write_text(content, encoding="utf-8")
