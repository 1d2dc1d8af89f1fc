"""Audits a model that gives a number: age from phantom brain volumes, moved by five years.

    python examples/brain_age.py brain-phantoms runs/age [NUMBER OF VOLUMES]

The network is trained here in seconds, with plain torch, on coarse volumes. Put yours in its place.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import plexor
from plexor.cases.phantoms import BrainConfig, write_phantoms


def volumes_and_ages(cohort: plexor.Cohort, prepare: plexor.Preprocess) -> tuple[Tensor, Tensor]:
    """Volumes (N, 1, *size) as the network takes them; ages (N,) in years."""
    stored = np.stack([plexor.read_image(case.path).pixels for case in cohort.cases])
    ages = [float(case.truth) for case in cohort.cases]
    return prepare(torch.from_numpy(stored.astype(np.float32))), torch.tensor(ages)


class Age(nn.Module):
    """Three convolutions and a line; years around fifty-five."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv3d(1, 8, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv3d(8, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv3d(16, 16, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool3d(3),
            nn.Flatten(),
            nn.Linear(16 * 27, 1),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        return 55 + 20 * self.layers(inputs)


def fit(network: nn.Module, volumes: Tensor, ages: Tensor) -> None:
    """Full steps down the mean squared error."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=4e-3, weight_decay=0.05)
    for _ in range(100):
        optimizer.zero_grad()
        nn.functional.mse_loss(network(volumes)[:, 0] / 20, ages / 20).backward()
        optimizer.step()


folder, out = Path(sys.argv[1]), Path(sys.argv[2])
n_cases = int(sys.argv[3]) if len(sys.argv) > 3 else 240
coarse = BrainConfig(shape=(24, 28, 24), spacing_mm=7.5)
manifest = write_phantoms("brain", folder, n_cases=n_cases, seed=0, config=coarse)
cohort = plexor.load_cohort(manifest, truth="number")

torch.manual_seed(0)
prepare = plexor.Preprocess(window=None)  # z-score of each volume
network = Age()
fit(network, *volumes_and_ages(cohort.with_split("train"), prepare))

model = plexor.TorchModel(network.eval(), task=plexor.Regression(unit="years"), preprocess=prepare)
plan = {
    "name": "Age from phantom brains",
    "cohort": {"manifest": str(manifest)},
    "probes": [
        {
            "attack": "pgd",
            "goal": {"deviate": 5},
            "threat": {"norm": "linf", "radius": [2, 5, 10]},
        },
        {"attack": "pgd", "goal": {"lower": 5}, "threat": {"norm": "linf", "radius": 5}},
        {"attack": "pgd", "goal": {"deviate": 5}, "threat": {"norm": "l2", "radius": 200}},
    ],
}
run = plexor.audit(plan, model=model, out=out)
print(plexor.write_report(run.path))
