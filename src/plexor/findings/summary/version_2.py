"""``plexor-summary/2`` in the form of ``plexor-summary/3``.

Version 2 repeated a probe's lossless figures beside ``stored``, kept shortcuts in a list of their
own, had a null for every field of an attack that a control lacks, wrote the unit of a regression
into goals, and called the labels of a multilabel model findings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plexor.threat_model.goals import current_spelling

Json = dict[str, Any]
_ATTACK = (
    "id", "kind", "name", "about", "settings", "fit", "threat", "goal", "control",
    "n_out_of_threat", "cost", "found_by", "positions", "coefficients", "distance", "visibility",
)  # fmt: skip
_NOISE = (
    "id", "kind", "name", "threat", "n_out_of_threat", "cost", "distance", "visibility"
)  # fmt: skip
_SHORTCUT = ("id", "kind", "name", "about", "settings", "control", "distance")
_SHUFFLED = ("id", "kind", "name", "about", "settings", "distance")


def upgraded(old: Mapping[str, Any]) -> Json:
    """A summary of version 2, as a JSON object, in the form of version 3.

    Raises:
        KeyError: a key that version 2 always has is missing.
    """
    card = old["model"]
    task = card["task"]
    probes = [_probe(probe, task["kind"]) for probe in (*old["probes"], *old["shortcuts"])]
    return {
        **{key: value for key, value in old.items() if key != "shortcuts"},
        "schema": "plexor-summary/3",
        "model": {
            "task": {
                "kind": task["kind"],
                "classes": task["classes"],
                "unit": task.get("unit", ""),
            },
            "architecture": card.get("architecture") or "",
            "card": card,
        },
        "clean": {"stored": _stored(old["clean"]["stored"], task["kind"])},
        "probes": sorted(probes, key=lambda probe: probe["kind"] == "control"),
    }


def _probe(old: Mapping[str, Any], task: str) -> Json:
    """An entry with the fields of its kind."""
    of_attack = "threat" in old
    control = old["kind"] == "control"
    keys = (_NOISE if control else _ATTACK) if of_attack else (_SHUFFLED if control else _SHORTCUT)
    found = {key: old[key] for key in keys if key in old}
    if control:
        found["of"] = "attack" if of_attack else "shortcut"
    if of_attack:
        found["threat"] = _without(old["threat"], "access")
    if "goal" in found:
        found["goal"] = _without(current_spelling(old["goal"]), "unit")
        found["goal_unit"] = old["goal"].get("unit", "")
    if found.get("fit") and found["fit"]["goal"]:
        found["fit"] = found["fit"] | {"goal": current_spelling(found["fit"]["goal"])}
    return {**found, "stored": _stored(old["stored"], task)}


def _stored(old: Mapping[str, Mapping[str, Any]], task: str) -> Json:
    return {container: _result(result, task) for container, result in old.items()}


def _result(old: Mapping[str, Any], task: str) -> Json:
    """One container's figures, with the task they are of."""
    found = {"task": task, **old}
    if "per_class" in found:
        found["per_class"] = [_renamed(entry, "class", "name") for entry in found["per_class"]]
    if "per_finding" in found:
        labels = found.pop("per_finding")
        found["per_label"] = [_renamed(entry, "finding", "label") for entry in labels]
    return found


def _without(data: Mapping[str, Any], key: str) -> Json:
    return {name: value for name, value in data.items() if name != key}


def _renamed(entry: Mapping[str, Any], old: str, new: str) -> Json:
    return {new if key == old else key: value for key, value in entry.items()}
