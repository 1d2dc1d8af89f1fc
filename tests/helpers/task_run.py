"""Runs of a model of several findings and of one that gives a number, to be counted by hand.

Each case stands in one line: the truth, and what is said of it untouched, attacked, under noise.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from plexor.cases.formats.png import PngCodec
from plexor.findings.example import Example
from plexor.findings.run import RunDirectory
from plexor.findings.schema import CLEAN, Finding

NOISE = "noise-linf-2"
HIDE = {"kind": "hide", "label": "effusion"}
DEVIATE = {"kind": "deviate", "by": 5.0}


def plan(goal: dict[str, Any]) -> dict[str, Any]:
    """PGD at 2 levels, as resolved."""
    return {
        "name": "",
        "cohort": {"manifest": "cohort.csv", "audit": None},
        "probes": [
            {
                "attack": "pgd",
                "id": None,
                "goal": goal,
                "threat": {"norm": "linf", "radius": [2], "unit": "level"},
                "steps": 20,
            }
        ],
    }


def provenance(task: dict[str, Any]) -> dict[str, Any]:
    """What goes with it."""
    about = {
        "title": "PGD",
        "summary": "many small steps along the gradient",
        "access": "gradients",
        "reference": "Madry et al., ICLR 2018",
    }
    return {
        "model": {"task": task, "architecture": "small-cnn"},
        "cohort_sha256": "4b" * 32,
        "finished": True,
        "checks": [],
        "attacks": {"pgd": about},
    }


def write(
    path: Path, task: dict[str, Any], goal: dict[str, Any], rows: list[Finding]
) -> RunDirectory:
    """The run directory."""
    run = RunDirectory(path)
    run.open(plan(goal), {})
    run.write_unit("all", rows, [])
    run.write_provenance(provenance(task))
    return run


# Several findings: truth, called untouched, called attacked, called under noise.
FINDINGS: dict[str, Any] = {
    "kind": "multilabel",
    "classes": ["effusion", "nodule"],
    "threshold": 0.5,
}
CASES = [
    ("effusion", "effusion", "", "effusion"),
    ("effusion", "effusion|nodule", "nodule", "nodule"),
    ("effusion|nodule", "nodule", "nodule", "nodule"),
    ("nodule", "effusion|nodule", "effusion", "effusion|nodule"),
    ("", "", "", ""),
    ("", "effusion", "", "effusion"),
]


def logits(called: str, case: int) -> tuple[float, ...]:
    """Sure of what is called, more so in later cases."""
    return tuple(
        (1 if name in called else -1) * (1.0 + case / 10) for name in ("effusion", "nodule")
    )


def several() -> list[Finding]:
    """All rows of the findings."""
    rows = []
    for number, (truth, before, attacked, noise) in enumerate(CASES):
        for probe, after in (
            (CLEAN, before),
            ("pgd-hide-effusion-linf-2", attacked),
            (NOISE, noise),
        ):
            aimed = probe.startswith("pgd")
            rows.append(
                Finding(
                    case_id=f"case-{number}",
                    group=f"group-{number // 2}",
                    truth=truth,
                    probe=probe,
                    stored="lossless",
                    decision_before=before,
                    decision_after=after,
                    outputs_before=logits(before, number),
                    outputs_after=logits(after, number),
                    attempted="effusion" in before if aimed else True,
                    reached=aimed and "effusion" not in after,
                )
            )
    return rows


# A number: truth, said untouched, attacked, under noise.
AGE: dict[str, Any] = {"kind": "regression", "classes": [], "unit": "years"}
AGES = np.array(
    [
        (21.0, 25.0, 31.0, 25.5),
        (29.9, 28.0, 22.0, 27.0),
        (30.0, 33.0, 40.0, 33.0),
        (44.0, 40.0, 41.0, 40.5),
        (58.0, 66.0, 60.0, 65.5),
        (61.0, 61.0, 54.5, 61.0),
    ]
)


def numbers(kind: str) -> list[Finding]:
    """All rows of the numbers, for a goal of that kind, by 5 years."""
    rows = []
    for number, (truth, before, attacked, noise) in enumerate(AGES):
        for probe, after in ((CLEAN, before), (f"pgd-{kind}-5-linf-2", attacked), (NOISE, noise)):
            moved = after - before
            far = {"deviate": abs(moved), "raise": moved, "lower": -moved}[kind]
            rows.append(
                Finding(
                    case_id=f"case-{number}",
                    group=f"group-{number}",
                    truth=str(truth),
                    probe=probe,
                    stored="lossless",
                    decision_before=f"{before:g}",
                    decision_after=f"{after:g}",
                    outputs_before=(before,),
                    outputs_after=(after,),
                    reached=probe.startswith("pgd") and bool(far > 5),
                )
            )
    return rows


# Outlines on 100 pixels of 2 by 2 mm: truth, outlined untouched, attacked, under noise, as columns
# that are filled. The last case has nothing to outline.
OUTLINES: dict[str, Any] = {"kind": "segmentation", "classes": ["background", "disc"]}
LOWER = {"kind": "lower-dice", "of": "disc", "below": 0.5}
COLUMNS = [
    (range(4), range(4), range(4, 6), range(4)),
    (range(2, 6), range(2, 7), range(5, 9), range(3, 7)),
    (range(3, 5), range(3, 5), range(3, 5), range(3, 5)),
    (range(6), range(6, 9), range(7, 9), range(6, 9)),
    (range(0), range(0), range(1, 2), range(0)),
]


def dice(one: range, other: range) -> float:
    """Of two stretches of columns."""
    total = len(one) + len(other)
    return 2 * len(set(one) & set(other)) / total if total else float("nan")


def outlines() -> list[Finding]:
    """All rows of the outlines."""
    rows = []
    for number, (truth, before, attacked, noise) in enumerate(COLUMNS):
        for probe, after in (
            (CLEAN, before),
            ("pgd-lower-dice-disc-0.5-linf-2", attacked),
            (NOISE, noise),
        ):
            aimed = probe.startswith("pgd")
            open_ = bool(truth) and dice(truth, before) >= 0.5
            both = bool(before) and bool(after)
            moved = abs(np.mean(before) - np.mean(after)) if both else float("nan")
            margin = (1.0 if dice(truth, after) < 0.5 else -1.0) if truth else float("nan")
            rows.append(
                Finding(
                    case_id=f"case-{number}",
                    group=f"group-{number}",
                    truth="disc" if truth else "",
                    probe=probe,
                    stored="lossless",
                    decision_before="disc" if before else "",
                    decision_after="disc" if after else "",
                    attempted=open_ if aimed else True,
                    reached=aimed and bool(truth) and dice(truth, after) < 0.5,
                    margin_after=margin if aimed else float("nan"),
                    dice_before=(dice(truth, before),),
                    dice_after=(dice(truth, after),),
                    agreement=(dice(before, after),),
                    size_truth=(100 - 10 * len(truth), 10 * len(truth)),
                    size_before=(100 - 10 * len(before), 10 * len(before)),
                    size_after=(100 - 10 * len(after), 10 * len(after)),
                    moved=(float(moved),),
                    spacing_mm=(2.0, 2.0),
                )
            )
    return rows


def write_outlines(path: Path) -> RunDirectory:
    """A run that outlines, with one example under each probe."""
    run = write(path, OUTLINES, LOWER, outlines())
    codec = PngCodec()
    pixels = np.zeros((1, 8, 8), np.uint8)
    masks = {name: np.eye(8, dtype=np.uint16) for name in ("truth", "before", "after")}
    file = io.BytesIO()
    np.savez_compressed(file, **masks)  # type: ignore[arg-type]
    for probe in sorted(set(run.findings()["probe"]) - {CLEAN}):
        example = Example(
            case_id="case-0",
            probe=probe,
            original=codec.encode(pixels),
            perturbed=codec.encode(pixels + np.uint8(1)),
            suffix=".png",
            labels=file.getvalue(),
        )
        run.write_unit(f"examples-{probe}", [], [example])
    return run
