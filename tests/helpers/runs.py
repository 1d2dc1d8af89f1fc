"""Small cohorts, a network trained on them in a second, plans, and the command line."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch
import yaml
from torch.nn import functional

from plexor.audits import Progress, audit
from plexor.cases import load_cohort, read_image
from plexor.cases.phantoms import LesionConfig, write_phantoms
from plexor.cli.app import main
from plexor.models import Model, ModelCard, Multiclass, Preprocess, TorchModel, save_weights
from plexor.models.architectures import build_network

CLASSES = ("keratosis", "melanoma", "naevus")
LINF_2 = {"attack": "pgd", "steps": 3, "threat": {"norm": "linf", "radius": 2}}
_SIDE = 32

Row = dict[str, str]


def write_lesions(folder: Path, *, n_cases: int = 48, file_format: str = "png") -> Path:
    """Phantom lesions of 32×32 pixels, two a group; the manifest."""
    config = LesionConfig(height=_SIDE, width=_SIDE)
    return write_phantoms(
        "lesion", folder, n_cases=n_cases, seed=0, file_format=file_format, config=config
    )


def train_briefly(manifest: Path, *, steps: int = 40) -> TorchModel:
    """A small-cnn that has seen every case: right on most, sure of few, so attacks have work."""
    cohort = load_cohort(manifest)
    pixels = np.stack([read_image(case.path).pixels for case in cohort.cases])
    images = torch.from_numpy(pixels.astype(np.float32)) / 255
    labels = torch.tensor([cohort.classes.index(str(case.truth)) for case in cohort.cases])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_network("small-cnn", spatial_dims=2, channels=3, n_outputs=3)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = functional.cross_entropy(network(images), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    card = ModelCard(
        task=Multiclass(classes=cohort.classes),
        preprocess=Preprocess(),
        architecture="small-cnn",
        channels=3,
        spatial_dims=2,
    )
    return TorchModel(network.eval(), task=card.task, preprocess=card.preprocess, card=card)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A folder with ``manifest.csv``, ``images/``, ``weights.safetensors`` and ``plan.yaml``."""

    folder: Path

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.csv"

    @property
    def weights(self) -> Path:
        return self.folder / "weights.safetensors"

    @property
    def plan(self) -> Path:
        return self.folder / "plan.yaml"

    @property
    def out(self) -> Path:
        return self.folder / "run"

    def images(self) -> list[Path]:
        return [self.folder / row["path"] for row in self.rows()]

    def rows(self) -> list[Row]:
        with self.manifest.open(newline="") as file:
            return list(csv.DictReader(file))

    def write_rows(self, rows: Sequence[Row]) -> None:
        columns = list(dict.fromkeys(name for row in rows for name in row))
        with self.manifest.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)

    def change_plan(self, **changes: object) -> None:
        """Replaces top-level parts of the plan."""
        self.plan.write_text(yaml.safe_dump(plan(**changes)))

    def any_model(
        self, *, channels: int = 3, spatial_dims: int = 2, classes: tuple[str, ...] = CLASSES
    ) -> dict[str, str]:
        """A plan's `model`: an untrained small-cnn in a file of its own."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = build_network(
                "small-cnn", spatial_dims=spatial_dims, channels=channels, n_outputs=len(classes)
            )
        card = ModelCard(
            task=Multiclass(classes=classes),
            preprocess=Preprocess(window=None),
            architecture="small-cnn",
            channels=channels,
            spatial_dims=spatial_dims,
        )
        save_weights(self.folder / "any.safetensors", network, card)
        return {"weights": "any.safetensors"}

    def plan_with(self, **changes: object) -> dict[str, Any]:
        """The plan with other top-level parts, seen from anywhere."""
        files = {
            "cohort": {"manifest": str(self.manifest), "audit": None},
            "model": {"weights": str(self.weights)},
        }
        return plan(**files | changes)


def set_up(folder: Path, *, n_cases: int = 48, file_format: str = "png") -> Setup:
    """Writes a whole setup."""
    setup = Setup(folder=folder)
    model = train_briefly(write_lesions(folder, n_cases=n_cases, file_format=file_format))
    save_weights(setup.weights, model.network, model.card)
    setup.plan.write_text(yaml.safe_dump(plan()))
    return setup


def plan(**changes: object) -> dict[str, Any]:
    """A plan for a setup, seen from its folder."""
    content: dict[str, Any] = {
        "cohort": {"manifest": "manifest.csv", "audit": None},
        "model": {"weights": "weights.safetensors"},
        "probes": [LINF_2],
        "unit_size": 8,
        "n_examples": 2,
    }
    return content | changes


def audited(
    plan: Path | Mapping[str, object],
    out: Path,
    *,
    model: Model | None = None,
    batch_size: int = 64,
    on_progress: Callable[[Progress], None] | None = None,
) -> pd.DataFrame:
    """Carries a plan out; its findings."""
    run = audit(plan, out=out, model=model, batch_size=batch_size, on_progress=on_progress)
    return run.findings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command left in a terminal."""

    status: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The error without its mark; fails if there is none, or a traceback."""
        assert self.status == 2, (self.status, self.out, self.err)
        assert "Traceback" not in self.out + self.err
        progress, mark, sentence = self.err.partition("error: ")
        assert mark
        assert all(line.startswith("audit: ") for line in progress.splitlines()), progress
        return " ".join(sentence.split())


def plexor(*arguments: object) -> Outcome:
    """Runs ``plexor`` in this process."""
    out, err = StringIO(), StringIO()
    status = 0
    argv = ["plexor", *map(str, arguments)]
    with patch.object(sys, "argv", argv), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
    return Outcome(status=status, out=out.getvalue(), err=err.getvalue())
