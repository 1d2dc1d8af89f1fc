"""A starter plan: commented YAML for cases that were found in a folder."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from plexor.cases.case import split_labels
from plexor.cases.cells import parse_number
from plexor.cases.discover import Discovery
from plexor.core.errors import ModelError
from plexor.core.files import path_from
from plexor.models import ModelCard
from plexor.models.sources.inspection import inspect_model
from plexor.models.weights import read_card
from plexor.plans.starter_sample import Sample

_FEW = 100
_MOST_FEATURES = 12
_FEW_WORDS = "only {} images: intervals will be wide, and a model trained on them knows little"
_HEAD = """\
# A starter plan, written by `plexor init`. Every key and its default: docs/reference/plan.md,
# "The plan" on the site. Paths start from this file's folder.
"""
_MORE = """\
  # More to try; `plexor attacks` lists all, `plexor attacks NAME` shows one with its options:
  # - attack: square              # asks for scores only, as a vendor's black box would give them
  #   threat: {{norm: linf, radius: {radius}{unit}, access: scores}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """A starter plan.

    Attributes:
        plan: its text, YAML.
        notes: what was found and guessed, each a sentence for the user.
        complete: whether it can be run as it is; otherwise the last note says what is to be filled
            in.
    """

    plan: str
    notes: tuple[str, ...]
    complete: bool


def starter_plan(
    found: Discovery, folder: Path, *, manifest: str, model: Path | None = None
) -> Starter:
    """Writes a plan for cases that were found.

    Args:
        found: the cases.
        folder: where the plan will lie.
        manifest: name of the manifest's file beside it.
        model: a model's file to audit; without one the plan trains a small network.

    Raises:
        DataError: no image of a sample can be read.
        ModelError: the weights file is missing or damaged.
    """
    about = inspect_model(str(model)) if model else None
    if about and not about.key:
        raise ModelError(f"{model} is {about.kind}: {'; '.join(about.facts.values())}")
    card = read_card(model) if model and about and about.key == "weights" else None
    task = card.task.kind if card else _task(found)
    sample = Sample.of(found.files)
    parts = [
        _HEAD,
        f"name: {_flow(found.name)}\nseed: 0\n",
        _cohort(found, folder, manifest, task, card=card, trained=model is not None),
        _model(
            found,
            folder,
            task,
            sample=sample,
            model=model,
            card=card,
            key=about.key if about else "",
        ),
        "" if model else _train(found, sample, task),
        _probes(found, sample, task, card),
    ]
    bare = model is not None and card is None
    few = len(found.rows) < _FEW
    notes = [*found.notes, *([_FEW_WORDS.format(len(found.rows))] if few else [])]
    notes = [*notes, f"images: {sample.words}, seen on {len(sample.images)} of them"]
    if bare and about:
        notes.append(_unsaid(model, about.key, task))
    return Starter(
        plan="\n".join(part for part in parts if part),
        notes=tuple(notes),
        complete=bool(found.label_name) and not bare,
    )


def _task(found: Discovery) -> str:
    kinds = {"findings": "multilabel", "number": "regression", "mask": "segmentation"}
    two = len(set(found.labels)) == 2
    return kinds.get(found.truth, "binary" if two else "multiclass")


def _unsaid(model: Path | None, key: str, task: str) -> str:
    """What a file does not say of its model, and a user must."""
    wanted = ["its preprocessing"]
    if key == "weights":
        wanted.insert(0, "its network (name your function in `model.python`)")
    if task != "regression":
        wanted.append("its classes, in the order of the outputs")
    return (
        f"{model} does not say {' or '.join(wanted)}: fill these in; the values there are guesses"
    )


def _cohort(
    found: Discovery,
    folder: Path,
    manifest: str,
    task: str,
    *,
    card: ModelCard | None,
    trained: bool,
) -> str:
    lines = [
        "cohort:",
        f"  manifest: {manifest}",
        f"  root: {_flow(path_from(folder, found.root))}",
    ]
    if not found.label_name:
        lines[1] += "   # fill in its column `label` first"
    if task == "multilabel" and "No Finding" in found.labels:
        lines.append('  no_finding: "No Finding"')
    if task == "segmentation":
        lines.append(
            "  classes: [lesion]   # what the masks show; of several, the background first"
        )
    lines += _features(found, card)
    if "group" not in found.columns:
        lines.append("  # No column `group`: each image counts as a patient of its own.")
    if "split" in found.columns:
        splits = {row["split"] for row in found.rows}
        counts = ", ".join(
            f"{name} {n}" for name, n in Counter(r["split"] for r in found.rows).items()
        )
        audited = next((name for name in ("test", "validation") if name in splits), min(splits))
        lines.append(f"  audit: {_flow(audited)}   # the manifest's splits: {counts}")
    elif trained:
        lines.append(
            "  audit: null   # every case; those the model was trained on should be left out"
        )
    else:
        lines.append(
            "  split: {train: 0.7, validation: 0.1, test: 0.2}   # cuts no group; `test` is audited"
        )
    if task in ("binary", "multiclass") and found.label_name:
        counts = ", ".join(f"{name} {n}" for name, n in Counter(found.labels).most_common(8))
        lines.append(f"  # classes: {counts}")
    return "\n".join(lines) + "\n"


def _features(found: Discovery, card: ModelCard | None) -> list[str]:
    """The columns of the card's features, or those that could be some, as a comment."""
    if card is not None and card.features:
        return [f"  features: {_flow([one.name for one in card.features])}"]
    ours = ("id", "path", "label", "group", "split")
    numbers = [
        name
        for name in found.columns
        if name not in ours
        and all(parse_number(row.get(name, "")) is not None for row in found.rows)
    ]
    if not numbers:
        return []
    shown = _flow(numbers[:_MOST_FEATURES])
    return [f"  # features: {shown}   # where the network takes numbers beside the image"]


def _model(
    found: Discovery,
    folder: Path,
    task: str,
    *,
    sample: Sample,
    model: Path | None,
    card: ModelCard | None,
    key: str,
) -> str:
    if model is None:
        return "model:\n  weights: model.safetensors   # written by `plexor train`\n"
    lines = ["model:", f"  {key}: {_flow(path_from(folder, model))}"]
    if card is None:
        lines += _said_by_nobody(found, task, sample, key)
    return "\n".join(lines) + "\n"


def _said_by_nobody(found: Discovery, task: str, sample: Sample, key: str) -> list[str]:
    """What a file without a card leaves open, guessed from the cases."""
    lines: list[str] = []
    names = sorted({name for label in found.labels for name in split_labels(label)})
    if key == "weights":
        lines.append("  python: mymodel:network   # your function that returns the torch.nn.Module")
    lines.append(f"  task: {task}")
    if task == "regression":
        lines.append(f"  unit: {_unit(found)}")
    else:
        lines.append(f"  classes: {_flow(names)}   # in the order of the outputs")
    lines.append(f"  channels: {len(sample.first.pixels)}")
    volumes = len(sample.spatial) == 3
    if volumes:
        lines.append("  spatial_dims: 3")
    scaling = "window: null" if volumes or not sample.is_8_bit else "window: [0, 255]"
    what = "z-scores of each volume" if volumes else "as it was in training"
    lines.append(f"  preprocess: {{{scaling}}}   # {what}; size, spacing_mm, orientation, ...")
    return lines


def _train(found: Discovery, sample: Sample, task: str) -> str:
    architecture = "small-unet" if task == "segmentation" else "small-cnn"
    lines = [
        "train:",
        f"  architecture: {architecture}   # small and quick; densenet121 and others do better",
        f"  task: {task}",
    ]
    if task == "binary":
        second = max(set(found.labels))
        lines[-1] += f"   # the second class by name, {second}, is the positive one"
    if task == "regression":
        lines.append(f"  unit: {_unit(found)}")
    lines += [
        f"  preprocess: {{size: {sample.size()}, {sample.scaling()}}}",
        "  epochs: 12",
        "  batch_size: 8" if len(sample.spatial) == 3 else "  batch_size: 32",
        "  learning_rate: 0.003",
        "  augment: {rotate_degrees: 5, zoom: 0.1}   # flip: [0, 1] if sides mean nothing",
    ]
    return "\n".join(lines) + "\n"


def _probes(found: Discovery, sample: Sample, task: str, card: ModelCard | None) -> str:
    radii, unit, comment = sample.radii()
    unit += ", channels: tied" if sample.is_tied else ""
    comment += "; tied keeps grey images grey" if sample.is_tied else ""
    lines = ["probes:", "  - attack: pgd   # by gradients; noise of the same size comes by itself"]
    if goal := _goal(found, task, card):
        lines.append(f"    goal: {goal}")
    lines.append(f"    threat: {{norm: linf, radius: {_flow(_whole(radii))}{unit}}}   # {comment}")
    return "\n".join(lines) + "\n" + _MORE.format(radius=_whole(radii)[-1], unit=unit)


def _goal(found: Discovery, task: str, card: ModelCard | None) -> str:
    """The goal of a task that has no obvious one."""
    if task == "multilabel":
        named = {name for label in found.labels for name in split_labels(label)} - {"No Finding"}
        label = card.task.classes[0] if card else min(named)
        return f"{{hide: {_flow(label)}}}"
    if task == "regression":
        numbers = [n for label in found.labels if (n := parse_number(label)) is not None]
        spread = statistics.stdev(numbers) if len(numbers) > 1 else 0.0
        return f"{{deviate: {float(f'{spread / 2:.1g}') or 1:g}}}   # half of the labels' deviation"
    if task == "segmentation":
        of = card.task.classes[-1] if card else "lesion"
        return f"{{lower-dice: {_flow(of)}, below: 0.5}}"
    return ""


def _unit(found: Discovery) -> str:
    return "years" if found.label_name.lower() == "age" else '"(unit)"   # of the label'


def _whole(numbers: Sequence[float]) -> list[float]:
    return [int(number) if float(number).is_integer() else number for number in numbers]


def _flow(value: object) -> str:
    """A value as YAML, in one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
