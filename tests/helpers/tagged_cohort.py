"""Films on disk of which some carry an R, and models that look at known places."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tests.helpers.tagged import burnt, tissue
from torch import Tensor, nn

from plexor.cases.formats.png import PngCodec
from plexor.models import Binary, Preprocess, TorchModel
from plexor.plans import Plan, load_plan

HEIGHT, WIDTH = 48, 60
TAG = (4, 4)
"""Left and top of the R, whose dots are one pixel."""
LESION = (slice(24, 34), slice(30, 40))
TASK = Binary(classes=("normal", "opacity"))


@dataclass(frozen=True)
class TaggedCohort:
    """Where the cohort lies.

    Attributes:
        folder: with ``manifest.csv`` and the images.
        tags: the table of tags.
        carriers: names of the images with an R.
    """

    folder: Path
    tags: Path
    carriers: frozenset[str]

    def plan(self, **more: Any) -> Plan:
        """A plan of all cases; the model is given in memory."""
        cohort = {
            "manifest": self.folder / "manifest.csv",
            "classes": list(TASK.classes),
            "audit": None,
        }
        return load_plan({"name": "films", "cohort": cohort, "model": {}, **more})


def tagged_cohort(
    folder: Path, *, n_cases: int = 40, carry: tuple[float, float] = (0.9, 0.3)
) -> TaggedCohort:
    """Writes films: half have a bright square, and each label carries an R with its own share.

    Args:
        folder: where they are written.
        n_cases: number; two films a patient.
        carry: share of normal films, and of those with an opacity, that carry an R.
    """
    rng = np.random.default_rng(1)
    rows, boxes, carriers = [], [], []
    (folder / "images").mkdir(parents=True)
    for i in range(n_cases):
        label = (i // 2) % 2
        film = np.clip(tissue(HEIGHT, WIDTH, seed=i), 0, 150)
        if label:
            film[LESION] = 200
        name = f"images/{i:03d}.png"
        if rng.random() < carry[label]:
            film, box = burnt(film, "R", TAG, dot=1)
            boxes.append([name, box.x0, box.y0, box.x1, box.y1, "laterality", "R"])
            carriers.append(name)
        else:
            boxes.append([name, "", "", "", "", "none", ""])
        (folder / name).write_bytes(PngCodec().encode(film[None]))
        view = "AP" if i % 4 < 2 else "PA"
        rows.append([name, TASK.classes[label], f"p{i // 2}", view])
    _write(folder / "manifest.csv", ["path", "label", "group", "view"], rows)
    tags = folder / "tags.csv"
    _write(tags, ["path", "x0", "y0", "x1", "y1", "kind", "text"], boxes)
    return TaggedCohort(folder=folder, tags=tags, carriers=frozenset(carriers))


class Looks(nn.Module):
    """A logit that is the brightness of one rectangle, read through a convolution and a head.

    Args:
        rows: of the rectangle.
        columns: of the rectangle.
        gain: of the logit for brightness from 0 to 1.
        threshold: brightness at which the logit is 0.
    """

    def __init__(self, rows: slice, columns: slice, *, gain: float, threshold: float) -> None:
        super().__init__()
        self.blur = nn.Conv2d(1, 2, 3, padding=1, bias=False)
        self.blur.weight.data.zero_()
        self.blur.weight.data[:, 0, 1, 1] = 1.0
        self.head = nn.Linear(2, 1)
        self.head.weight.data.fill_(gain / 2)
        self.head.bias.data.fill_(-gain * threshold)
        self.window = (rows, columns)

    def forward(self, inputs: Tensor) -> Tensor:
        rows, columns = self.window
        logit: Tensor = self.head(self.blur(inputs)[:, :, rows, columns].mean((2, 3)))
        return logit


def looking_at(rows: slice, columns: slice, *, gain: float, threshold: float) -> TorchModel:
    """A model that decides by the brightness of one rectangle."""
    torch.manual_seed(0)
    network = Looks(rows, columns, gain=gain, threshold=threshold)
    return TorchModel(network, task=TASK, preprocess=Preprocess(window=(0, 255)))


def _write(path: Path, header: list[str], rows: list[Any]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
