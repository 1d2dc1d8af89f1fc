"""Identity of a run: what its findings depend on, and how two runs differ in it."""

from __future__ import annotations

from collections.abc import Mapping

from plexor.core.ids import digest

_OTHER = {
    "plan": "another plan",
    "cohort": "another cohort",
    "images": "other images",
    "fits": "other cases, or another file, that probes are made from",
    "model": "another model",
    "stand-ins": "another network in `backward`",
}


def identity_of(plan: dict[str, object], rest: dict[str, str]) -> dict[str, str]:
    """The run's identity, as in ``fingerprint.json``: the plan's hash, and ``rest``."""
    return {"plan": digest(plan), **rest}


def differences_of(found: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """Differences of a run from the expected identity, with advice; "" if none."""
    differ = [name for name in {**wanted, **found} if found.get(name) != wanted.get(name)]
    if not differ:
        return ""
    listed = [
        _OTHER.get(name)
        or f"{name} {found.get(name, 'of an unknown version')} (this is {wanted.get(name)})"
        for name in differ
    ]
    advice = (
        "choose another directory with --out, or remove this one"
        if any(name in _OTHER for name in differ)
        else "findings of two versions are not mixed: use a new directory with --out, or continue "
        "with the versions that started this one; plexor report reads it with either"
    )
    return f"{', '.join(listed[:-1])}{' and ' if listed[1:] else ''}{listed[-1]}; {advice}"
