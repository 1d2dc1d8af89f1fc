"""The entries of a plan's ``probes``: attacks and the other kinds of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import PlainValidator, TypeAdapter

from plexor.attacks.catalogue import CATALOGUE as ATTACKS
from plexor.core.errors import PlanError, unknown
from plexor.plans.attack_plan import UnknownAttackPlan, attacks_adapter
from plexor.plans.kind_plan import kind_adapter
from plexor.plans.written import ProbePlan
from plexor.probes import CATALOGUE


def checked_probes(value: object) -> tuple[ProbePlan, ...]:
    """A plan's ``probes``, validated.

    Raises:
        PlanError: an entry is of an unknown kind.
        ValidationError: an entry is invalid in another way.
    """
    return _ENTRIES.validate_python(value)


def probes_schema() -> dict[str, Any]:
    """JSON schema of a plan's ``probes``."""
    kinds = [
        adapter.json_schema(ref_template="#/$defs/{model}")
        for adapter in (attacks_adapter(), *map(kind_adapter, CATALOGUE))
    ]
    definitions = {name: one for kind in kinds for name, one in kind.pop("$defs").items()}
    return {"type": "array", "items": {"anyOf": kinds}, "$defs": definitions}


def _checked(entry: object) -> ProbePlan:
    kind = _kind(entry)
    if kind == "attack" and isinstance(entry, Mapping):
        name = entry.get("attack")
        if isinstance(name, str) and name not in ATTACKS:
            UnknownAttackPlan.model_validate(entry)  # tells of the name and all else that is wrong
    adapter: TypeAdapter[Any] = attacks_adapter() if kind == "attack" else kind_adapter(kind)
    checked: ProbePlan = adapter.validate_python(entry)
    return checked


def _kind(entry: object) -> str:
    """The entry's ``kind``; without one, the key that names a kind; otherwise "attack"."""
    if isinstance(entry, ProbePlan):
        return entry.kind
    if not isinstance(entry, Mapping):
        return "attack"
    kind = entry.get("kind", next((kind for kind in CATALOGUE if kind in entry), "attack"))
    if kind != "attack" and kind not in CATALOGUE:
        raise PlanError("probes: " + unknown("kind", str(kind), ("attack", *CATALOGUE)))
    return str(kind)


_ENTRIES: TypeAdapter[tuple[ProbePlan, ...]] = TypeAdapter(
    tuple[Annotated[ProbePlan, PlainValidator(_checked)], ...]
)
