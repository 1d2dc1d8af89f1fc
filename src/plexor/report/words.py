"""How attacks, tasks and what a model says are worded."""

from __future__ import annotations

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
}


def attack(probe: AttackSummary) -> str:
    """An attack's short name."""
    return probe.about.title


def aim(probe: AttackSummary) -> str:
    """What an attack is after, e.g. ``be wrong``, ``raise by 5 years or more``."""
    return probe.goal.aim(probe.goal_unit)


def attack_described(probe: AttackSummary) -> str:
    """An attack in words that need no knowledge of the field."""
    if searched := surrogates(probe):
        return f"a search on other models, {searched}, which sees nothing of this ({attack(probe)})"
    search = SEARCHES.get(probe.about.access, "a search")
    return f"{search} ({attack(probe)})"


def surrogates(probe: AttackSummary | ShortcutSummary) -> str:
    """The models an attack searched on in place of this one, by the names of their files, or ""."""
    files = [PurePath(file) for file in probe.settings.get("surrogates", ())]
    names = [file.stem for file in files]
    if len(set(names)) < len(names):  # files of one name in several folders
        names = [file.with_suffix("").as_posix() for file in files]
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def settings(probe: AttackSummary | ShortcutSummary) -> str:
    """An attack's options, e.g. ``steps 20, restarts 1``; those left to the attack are not said."""
    return ", ".join(
        f"{name.replace('_', ' ')} "
        + (surrogates(probe) if name == "surrogates" else _setting(value))
        for name, value in probe.settings.items()
        if value is not None
    )


def _setting(value: object) -> str:
    """An option's value; of files their names."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " and ".join(map(_setting, value))
    if isinstance(value, str):
        return PurePath(value).name
    return f"{value:g}" if isinstance(value, float) else str(value)


def task(described: TaskSummary) -> str:
    """What a model decides, e.g. ``7 classes``, ``2 findings``, ``a number in years``."""
    if described.kind == "regression":
        return f"a number in {described.unit}"
    if described.kind == "multilabel":
        return counted(len(described.classes), "finding")
    if described.kind == "segmentation":
        return f"outlines of {', '.join(described.outlined)}"
    return counted(len(described.classes), "class", "classes")


def call(task: TaskSummary, text: str) -> str:
    """What a model said of an image, after a comma: ``called naevus``, ``71.2 years``."""
    if task.kind == "segmentation":
        return f"outlined: {said(task, text)}"
    return said(task, text) if task.kind == "regression" else f"called {said(task, text)}"


def said(task: TaskSummary, text: str) -> str:
    """A truth or a decision as findings keep it, to be read: a class, findings, a number."""
    if task.kind == "regression":
        return with_unit(amount(float(text)), task.unit)
    if task.kind == "multilabel":
        return text.replace("|", ", ") or "no finding"
    if task.kind == "segmentation":
        return text.replace("|", ", ") or "nothing"
    return text


def container(name: str) -> str:
    """How the judged image was stored."""
    return _CONTAINERS.get(name, name)
