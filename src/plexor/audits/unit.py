"""A unit: the smallest part of an audit that is executed, stored and resumed as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass

from plexor.cases import Case
from plexor.core.ids import digest
from plexor.findings import SCHEMA
from plexor.probes import Probe, Ready
from plexor.visibility import Visibility

FINDINGS_VERSION = SCHEMA.metadata[b"plexor_findings"].decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Some cases under one probe.

    Attributes:
        id: hash of everything its findings depend on, except the versions of Plexor and torch,
            which are the same throughout a run directory.
        probe: the probe.
        cases: the cases it is applied to.
        visibility: which visibility measures are computed.
    """

    id: str
    probe: Probe
    cases: tuple[Case, ...]
    visibility: Visibility = Visibility()


def units_of(
    ready: Ready,
    cases: Sequence[Case],
    *,
    size: int,
    seed: int,
    model_sha256: str,
    images_sha256: Mapping[str, str],
    visibility: Visibility = Visibility(),
) -> list[Unit]:
    """Splits the cases, in their order, into units of at most ``size``.

    Args:
        ready: the probe, with its sources.
        cases: the cases it is applied to.
        size: maximum number of cases per unit.
        seed: the run's seed.
        model_sha256: hash of everything that determines the model's outputs.
        images_sha256: case id → hash.
        visibility: which visibility measures are computed.
    """
    probe = ready.probe
    about = {
        "findings": FINDINGS_VERSION,
        "seed": seed,
        "model": model_sha256,
        "probe": probe.id,
        "kind": probe.kind,
        "name": probe.name,
        "made_from": [*ready.made_from] or dict(probe.about.settings),
        "goal": _plain(probe.goal),
        "threat": _plain(probe.threat),
        "visibility": _plain(visibility),
    }
    units = []
    for start in range(0, len(cases), size):
        some = tuple(cases[start : start + size])
        content = [
            [
                c.id,
                images_sha256[c.id],
                c.truth,
                c.group,
                *([dict(c.features)] if c.features else []),
            ]
            for c in some
        ]
        unit_id = f"{probe.id}-{digest([about, content])[:20]}"
        units.append(Unit(id=unit_id, probe=probe, cases=some, visibility=visibility))
    return units


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return [type(value).__name__, asdict(value)]
    return None
