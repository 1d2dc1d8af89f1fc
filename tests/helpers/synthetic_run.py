"""A run directory with findings that look like an audit's, made without a model.

Every case has logits. An attack moves them from the truth towards the strongest rival by an amount
that grows with its radius; recompression undoes about half; noise moves them at random, a little.
Decisions, margins and verdicts then follow as the judge's would, so that all rules of the schema
hold: what is reached was attempted, and a decision is the greatest output.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plexor.cases.formats import read_image
from plexor.cases.formats.png import PngCodec
from plexor.findings.example import Example
from plexor.findings.planned import Planned, planned, planned_shortcuts
from plexor.findings.run import RunDirectory
from plexor.findings.schema import CLEAN, Finding
from plexor.threat_model import Threat
from plexor.threat_model.goals import Become

CLASSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
PREVALENCE = (0.033, 0.051, 0.11, 0.012, 0.111, 0.67, 0.013)
STORED = ("lossless", "recompressed-own", "recompressed-q90", "recompressed-q75")
KEPT = {
    "lossless": 1.0,
    "recompressed-own": 0.55,
    "recompressed-q90": 0.5,
    "recompressed-q75": 0.25,
}
N_PIXELS = 200 * 150 * 3

Logits = NDArray[np.float64]
Plain = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A case before anything is done to it."""

    id: str
    group: str
    truth: str
    logits: Logits


def probe(
    attack: str,
    norm: str,
    radius: tuple[float, ...],
    *,
    target: str | None = None,
    settings: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """An entry of a resolved plan: one attack, one norm, its radii."""
    goal = {"kind": "misclassify"} if target is None else {"kind": "become", "target": target}
    return {
        "attack": attack,
        "id": None,
        "goal": goal,
        "threat": {"norm": norm, "radius": list(radius), "unit": "level"},
        **(settings or {}),
    }


def shortcut(name: str, settings: Mapping[str, object], *, named: str | None = None) -> Plain:
    """An entry of a resolved plan: something that means nothing, put into every image."""
    return {"shortcut": name, "id": named, **settings}


PGD: dict[str, object] = {"steps": 20, "step_size": None, "restarts": 1, "loss": "ce"}
PROBES = (
    probe("pgd", "linf", (1, 2, 4), settings=PGD),
    probe("pgd", "l2", (100, 200), settings=PGD),
    probe("fgsm", "linf", (1, 2, 4)),
    probe("pgd", "linf", (2,), target="nv", settings=PGD),
)


def plan(probes: tuple[Mapping[str, Any], ...] = PROBES) -> dict[str, Any]:
    """A resolved plan."""
    return {
        "format": "plexor-plan/1",
        "name": "Dermatoscopic lesions, seven classes",
        "seed": 0,
        "cohort": {
            "manifest": "ham10000.csv",
            "columns": {"label": "dx", "group": "lesion_id"},
            "split": {"train": 0.7, "validation": 0.1, "test": 0.2},
            "audit": "test",
        },
        "model": {"weights": "densenet201.safetensors"},
        "probes": [dict(entry) for entry in probes],
        "unit_size": 64,
        "n_examples": 12,
    }


def provenance(case_ids: tuple[str, ...] = (), *, finished: bool = True) -> dict[str, Any]:
    """What such an audit keeps of where its findings came from."""
    quiet = (
        "training-mode",
        "non-deterministic",
        "batch-dependent",
        "probability-outputs",
        "zero-gradients",
        "false-gradients",
        "unbounded-fails",
        "answers-differ",
        "answers-drifted",
        "groups-overlap",
        "grey-in-colour",
    )
    return {
        "plexor": "0.1.0",
        "python": "3.11.2",
        "packages": {"torch": "2.13.0", "monai": "1.5.1", "numpy": "2.4.1", "Pillow": "12.1.0"},
        "platform": "Linux x86-64",
        "device": "cpu",
        "threads": 2,
        "attacks": {
            "pgd": {
                "title": "PGD",
                "summary": "many small steps along the gradient",
                "access": "gradients",
                "reference": "Madry et al., ICLR 2018",
            },
            "fgsm": {
                "title": "FGSM",
                "summary": "one step along the gradient",
                "access": "gradients",
                "reference": "Goodfellow et al., ICLR 2015",
            },
        },
        "shortcuts": {
            "ruler": {"title": "Ruler", "summary": "a scale with ticks along one side"},
            "ink": {"title": "Ink", "summary": "two arcs of a violet pen around the middle"},
            "tag-cover": {"title": "Tags covered", "summary": "burnt-in tags covered"},
            "tag-transplant": {"title": "Tags exchanged", "summary": "another label's tag"},
        },
        "model": {
            "task": {"kind": "multiclass", "classes": list(CLASSES)},
            "architecture": "densenet201",
            "channels": 3,
            "spatial_dims": 2,
            "weights_sha256": "9f" * 32,
            "preprocess": {"size": [96, 72], "mean": [0.485, 0.456, 0.406]},
        },
        "model_sha256": "7d" * 32,
        "model_access": "gradients",
        "cohort_sha256": "4b" * 32,
        "images": dict.fromkeys(case_ids, "c0" * 32),
        "checks": [{"id": name, "raised": False, "message": "nothing seen"} for name in quiet],
        "finished": finished,
    }


def subjects(
    n: int, rng: np.random.Generator, names: Mapping[str, str] | None = None
) -> list[Subject]:
    """A cohort with the classes' usual prevalence, about four images of three lesions.

    Args:
        n: number of cases.
        rng: all randomness.
        names: id → truth of the first cases, where real images stand behind them.
    """
    known = list((names or {}).items())
    skill = dict(zip(CLASSES, (0.6, 1.1, 0.8, 0.6, 0.6, 1.9, 1.7), strict=True))
    found = []
    group = 0
    for number in range(n):
        group += int(number == 0 or rng.random() < 0.75)
        case_id = known[number][0] if number < len(known) else f"ISIC_{24300 + number:07d}"
        truth = known[number][1] if number < len(known) else str(rng.choice(CLASSES, p=PREVALENCE))
        logits = rng.normal(0, 1, len(CLASSES))
        logits[CLASSES.index("nv")] += 0.5
        logits[CLASSES.index(truth)] += skill[truth] + 0.6
        found.append(Subject(id=case_id, group=f"HAM_{group:07d}", truth=truth, logits=logits))
    return found


def findings_of(
    cohort: list[Subject],
    rng: np.random.Generator,
    probes: tuple[Mapping[str, Any], ...] = PROBES,
    stored: tuple[str, ...] = STORED,
) -> dict[str, list[Finding]]:
    """Findings of every probe and its control, by unit."""
    units = {CLEAN: [_clean(case, name, rng) for name in stored for case in cohort]}
    attacks = list(planned({"probes": probes}))
    for entry in attacks:
        units[entry.id] = _attack(cohort, entry, stored, rng)
    for entry in attacks:
        if entry.control not in units:
            units[entry.control] = _noise(cohort, entry.control, entry.threat, stored, rng)
    for put in planned_shortcuts({"probes": probes}):
        units[put.id] = _put(
            cohort, put.id, 2.5 if put.name in ("ink", "tag-cover") else 0.3, stored, rng
        )
        units[put.control] = _put(cohort, put.control, 0.3, stored, rng)
    return units


def write(
    path: Path,
    *,
    n_cases: int = 400,
    seed: int = 7,
    images: Path | None = None,
    names: Mapping[str, str] | None = None,
    probes: tuple[Mapping[str, Any], ...] = PROBES,
) -> RunDirectory:
    """Makes the whole run directory; with ``images``, the named cases' files become examples."""
    rng = np.random.default_rng(seed)
    cohort = subjects(n_cases, rng, names)
    run = RunDirectory(path)
    run.open(plan(probes), {"model": "9f" * 32})
    threats: dict[str, Threat] = {}
    for entry in planned({"probes": probes}):
        threats |= {entry.id: entry.threat, entry.control: entry.threat}
    for unit, rows in findings_of(cohort, rng, probes).items():
        shown = [] if images is None or unit == CLEAN else list(names or {})
        kept = [_example(images, case_id, unit, threats[unit], rng) for case_id in shown if images]
        run.write_unit(unit, rows, kept)
    run.write_provenance(provenance(tuple(case.id for case in cohort)))
    return run


def _finding(case: Subject, probe_id: str, stored: str, after: Logits, **rest: Any) -> Finding:
    return Finding(
        case_id=case.id,
        group=case.group,
        truth=case.truth,
        probe=probe_id,
        stored=stored,
        decision_before=_decision(case.logits),
        decision_after=_decision(after),
        outputs_before=tuple(case.logits.tolist()),
        outputs_after=tuple(after.tolist()),
        **rest,
    )


def _clean(case: Subject, stored: str, rng: np.random.Generator) -> Finding:
    jitter = 0.0 if stored == "lossless" else 0.12
    after = case.logits + rng.normal(0, jitter, len(CLASSES))
    return _finding(case, CLEAN, stored, after, linf=0.0, l2=0.0, l1=0.0, l0=0.0)


def _attack(
    cohort: list[Subject],
    entry: Planned,
    stored: tuple[str, ...],
    rng: np.random.Generator,
) -> list[Finding]:
    threat, goal = entry.threat, entry.goal
    levels = threat.radius if threat.norm == "linf" else threat.radius / 110
    strength = (1.0 if entry.name == "pgd" else 0.5) * levels
    rows = []
    for case in cohort:
        before = _decision(case.logits)
        target = goal.target if isinstance(goal, Become) else None
        attempted = before != target if target else before == case.truth
        push = np.zeros(len(CLASSES))
        if attempted:
            push[CLASSES.index(target or _rival(case))] += 0.8 * strength * rng.uniform(0.5, 1.6)
            push[CLASSES.index(before)] -= 0.8 * strength * rng.uniform(0.5, 1.6)
        for name in stored:
            after = case.logits + KEPT[name] * push
            decision = _decision(after)
            hit = decision == target if target else decision != case.truth
            rows.append(
                _finding(
                    case,
                    entry.id,
                    name,
                    after,
                    attempted=attempted,
                    margin_after=float(np.ptp(after)) * (1 if hit else -1),
                    reached=attempted and hit,
                    n_gradients=entry.settings.get("steps", 1),
                    n_forwards=1,
                    **_distances(threat, rng),
                )
            )
    return rows


def _noise(
    cohort: list[Subject],
    probe_id: str,
    threat: Threat,
    stored: tuple[str, ...],
    rng: np.random.Generator,
) -> list[Finding]:
    spread = 0.04 * (threat.radius if threat.norm == "linf" else threat.radius / 110)
    return [
        _finding(
            case,
            probe_id,
            name,
            case.logits + rng.normal(0, spread, len(CLASSES)),
            **_distances(threat, rng),
        )
        for name in stored
        for case in cohort
    ]


def _put(
    cohort: list[Subject],
    probe_id: str,
    pull: float,
    stored: tuple[str, ...],
    rng: np.random.Generator,
) -> list[Finding]:
    """A shortcut, or its tiles: pulls towards melanoma, in one case in two with ``pull``."""
    towards = np.eye(len(CLASSES))[CLASSES.index("mel")]
    pulls = {case.id: pull * rng.integers(0, 2) for case in cohort}
    return [
        _finding(
            case,
            probe_id,
            name,
            case.logits + pulls[case.id] * towards,
            linf=120.0,
            l2=2000.0,
            l1=50_000.0,
            l0=560.0,
        )
        for name in stored
        for case in cohort
    ]


def _distances(threat: Threat, rng: np.random.Generator) -> dict[str, float]:
    radius = float(threat.radius)
    if threat.norm == "linf":
        length = radius * np.sqrt(N_PIXELS) * rng.uniform(0.8, 0.95)
        return {"linf": radius, "l2": length, "l1": length * 250, "l0": N_PIXELS / 3}
    return {"linf": 3.0, "l2": radius * rng.uniform(0.96, 1), "l1": radius * 150, "l0": 9000.0}


def _example(
    folder: Path, case_id: str, probe_id: str, threat: Threat, rng: np.random.Generator
) -> Example:
    image = read_image(folder / f"{case_id}.jpg")
    reach = int(threat.radius) if threat.norm == "linf" else 2
    change = rng.integers(-reach, reach + 1, image.pixels.shape)
    perturbed = image.storable(image.pixels + change.astype(np.float64))
    codec = PngCodec()
    return Example(
        case_id=case_id,
        probe=probe_id,
        original=codec.encode(image.pixels),
        perturbed=codec.encode(perturbed),
        suffix=".png",
    )


def _decision(logits: Logits) -> str:
    return CLASSES[int(np.argmax(logits))]


def _rival(case: Subject) -> str:
    order = np.argsort(case.logits)[::-1]
    return CLASSES[int(order[0] if CLASSES[int(order[0])] != case.truth else order[1])]
