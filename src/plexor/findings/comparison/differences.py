"""Everything beside the findings in which two runs differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from plexor.findings.comparison.results import Difference

_ABSENT = ""
_OF_PROVENANCE: dict[str, Literal["model", "data", "versions", "machine"]] = {
    "model": "model",
    "model_sha256": "model",
    "cohort_sha256": "data",
    "plexor": "versions",
    "python": "versions",
    "packages": "versions",
    "platform": "machine",
    "computed": "machine",
    "device": "machine",
    "threads": "machine",
}


def differences(
    plan_a: Mapping[str, Any],
    plan_b: Mapping[str, Any],
    provenance_a: Mapping[str, Any],
    provenance_b: Mapping[str, Any],
) -> tuple[Difference, ...]:
    """Lists what is not the same: the plan's keys, then model, data, versions and machine.

    Args:
        plan_a: the first run's resolved plan.
        plan_b: the second's.
        provenance_a: of the first run.
        provenance_b: of the second.
    """
    found = [
        Difference(kind="plan", what=what, a=a, b=b) for what, a, b in _unequal(plan_a, plan_b)
    ]
    for key, kind in _OF_PROVENANCE.items():
        one, other = provenance_a.get(key), provenance_b.get(key)
        found += [
            Difference(kind=kind, what=what, a=a, b=b) for what, a, b in _unequal(one, other, key)
        ]
    return tuple(found)


def _unequal(a: Any, b: Any, place: str = "") -> Iterator[tuple[str, str, str]]:
    """(place, value there in a, value there in b) wherever two plain values differ."""
    if a == b:
        return
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for key in [*a, *(key for key in b if key not in a)]:
            inner = f"{place}.{key}" if place else str(key)
            yield from _unequal(a.get(key), b.get(key), inner)
        return
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for number, (one, other) in enumerate(zip(a, b, strict=True)):
            yield from _unequal(one, other, f"{place}[{number}]")
        return
    yield place, _text(a), _text(b)


def _text(value: Any) -> str:
    if value is None:
        return _ABSENT
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
