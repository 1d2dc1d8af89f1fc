"""Audits a model of several findings: opacity and marker on phantom chest films, hidden, invented.

    python examples/several_findings.py chest-findings runs/findings [NUMBER OF FILMS]

The network is trained here in seconds, with plain torch. Put yours in its place.
"""

import csv
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import plexor
from plexor.cases.phantoms import RadiographConfig, write_phantoms
from plexor.models import encode


def with_several_findings(manifest: Path) -> Path:
    """The manifest with every finding of a film in its label, as "marker|opacity"."""
    with manifest.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        found = ["marker"] * bool(row["marker"]) + ["opacity"] * (row["label"] == "opacity")
        row["label"] = "|".join(found)
    with manifest.with_name("findings.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return manifest.with_name("findings.csv")


def films_and_findings(cohort: plexor.Cohort, prepare: plexor.Preprocess) -> tuple[Tensor, Tensor]:
    """Films (N, 1, height, width) as the network takes them; findings (N, 2), 0 or 1."""
    stored = np.stack([plexor.read_image(case.path).pixels for case in cohort.cases])
    task = plexor.Multilabel(classes=cohort.classes)
    truth = encode(task, [case.truth for case in cohort.cases])
    return prepare(torch.from_numpy(stored.astype(np.float32))), truth.float()


def fit(network: nn.Module, films: Tensor, findings: Tensor) -> None:
    """Full steps down the logistic loss."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3, weight_decay=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(network(films), findings).backward()
        optimizer.step()


folder, out = Path(sys.argv[1]), Path(sys.argv[2])
n_cases = int(sys.argv[3]) if len(sys.argv) > 3 else 400
look = RadiographConfig(height=64, width=64, marker_presence=(0.6, 0.6))
drawn = write_phantoms("radiograph", folder, n_cases=n_cases, seed=0, config=look)
manifest = with_several_findings(drawn)
cohort = plexor.load_cohort(manifest, truth="findings")

torch.manual_seed(0)
prepare = plexor.Preprocess(window=(0, 255), mean=(0.5,), std=(0.25,))
network = nn.Sequential(
    nn.Conv2d(1, 8, 5, stride=2, padding=2),
    nn.ReLU(),
    nn.Conv2d(8, 16, 5, stride=2, padding=2),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(16 * 16 * 16, 2),
)
fit(network, *films_and_findings(cohort.with_split("train"), prepare))

model = plexor.TorchModel(
    network.eval(), task=plexor.Multilabel(classes=cohort.classes), preprocess=prepare
)
plan = {
    "name": "Several findings on phantom films",
    "cohort": {"manifest": str(manifest)},
    "probes": [
        {
            "attack": "pgd",
            "goal": {"hide": "opacity"},
            "threat": {"norm": "linf", "radius": [1, 2, 4]},
        },
        {
            "attack": "pgd",
            "goal": {"invent": "opacity"},
            "threat": {"norm": "linf", "radius": 8, "region": {"border": 8}},
        },
        {"attack": "fgsm", "threat": {"norm": "linf", "radius": 2}},
        {"attack": "pgd", "goal": {"hide": "marker"}, "threat": {"norm": "l1", "radius": 2000}},
    ],
}
run = plexor.audit(plan, model=model, out=out)
print(plexor.write_report(run.path))
