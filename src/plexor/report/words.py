"""Wording of attacks, tasks and model outputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from plexor.core.wording import counted, with_unit
from plexor.findings.summary.probe_summary import AttackSummary, ShortcutSummary
from plexor.findings.summary.summary import TaskSummary
from plexor.report.rounding import amount
from plexor.threat_model.access import SEARCHES

_CONTAINERS = {
    "lossless": "lossless",
    "recompressed-own": "JPEG, own tables",
    "recompressed-q90": "JPEG, quality 90",
    "recompressed-q75": "JPEG, quality 75",
    "int16": "16-bit integers",
    "resampled-1mm": "resampled to 1 mm and back",
}


def attack(probe: AttackSummary) -> str:
    """An attack's short name, e.g. ``PGD``, ``PGD (denoiser as blur 1.5)``."""
    backward: Mapping[str, object] = probe.settings.get("backward") or {}
    said = [f"{layer} as {_stand_in(one)}" for layer, one in backward.items()]
    return f"{probe.about.title} ({', '.join(said)})" if said else probe.about.title


def _stand_in(written: object) -> str:
    """What stands for a layer in the backward pass, in short."""
    if not isinstance(written, Mapping):
        return str(written)
    kind, value = next(iter(written.items()))
    if kind == "python":
        return str(value)
    return str(kind) if isinstance(value, Mapping) else f"{kind} {_setting(value)}"


def aim(probe: AttackSummary) -> str:
    """The goal of an attack, e.g. ``be wrong``, ``raise by 5 years or more``."""
    return probe.goal.aim(probe.goal_unit)


def attack_described(probe: AttackSummary) -> str:
    """An attack in everyday words."""
    if searched := surrogates(probe):
        return f"a search on other models, {searched}, which sees nothing of this ({attack(probe)})"
    search = SEARCHES.get(probe.about.access, "a search")
    return f"{search} ({attack(probe)})"


def surrogates(probe: AttackSummary | ShortcutSummary) -> str:
    """Names of the files of an attack's surrogates, or ""."""
    files = [PurePath(file) for file in probe.settings.get("surrogates", ())]
    names = [file.stem for file in files]
    if len(set(names)) < len(names):  # files of one name in several folders
        names = [file.with_suffix("").as_posix() for file in files]
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def settings(probe: AttackSummary | ShortcutSummary) -> str:
    """An attack's options, e.g. ``steps 20, restarts 1``, without those left to it or empty."""
    return ", ".join(
        f"{name.replace('_', ' ')} "
        + (surrogates(probe) if name == "surrogates" else _setting(value))
        for name, value in probe.settings.items()
        if value is not None and value not in ([], (), {})
    )


def _setting(value: object) -> str:
    """An option's value; for files their names."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        said = [f"{name}: {_setting(one)}" for name, one in value.items() if one is not None]
        return f"({', '.join(said)})"
    if isinstance(value, list | tuple):
        return " and ".join(map(_setting, value))
    if isinstance(value, str):
        return PurePath(value).name
    return f"{value:g}" if isinstance(value, float) else str(value)


def task(described: TaskSummary) -> str:
    """A task in words, e.g. ``7 classes``, ``2 labels``, ``a number in years``."""
    if described.kind == "regression":
        return f"a number in {described.unit}"
    if described.kind == "multilabel":
        return counted(len(described.classes), "label")
    if described.kind == "segmentation":
        return f"outlines of {', '.join(described.outlined)}"
    return counted(len(described.classes), "class", "classes")


def call(task: TaskSummary, text: str) -> str:
    """A model's decision, as the end of a sentence: ``called naevus``, ``71.2 years``."""
    if task.kind == "segmentation":
        return f"outlined: {said(task, text)}"
    return said(task, text) if task.kind == "regression" else f"called {said(task, text)}"


def said(task: TaskSummary, text: str) -> str:
    """A truth or a decision of a finding in words: a class, labels, a number."""
    if task.kind == "regression":
        return with_unit(amount(float(text)), task.unit)
    if task.kind == "multilabel":
        return text.replace("|", ", ") or "no label"
    if task.kind == "segmentation":
        return text.replace("|", ", ") or "nothing"
    return text


def container(name: str) -> str:
    """Name of a container."""
    return _CONTAINERS.get(name, name)
