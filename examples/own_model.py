"""Audits a network made in Python: any torch.nn.Module that takes images and returns logits.

    python examples/own_model.py chest-phantoms/manifest.csv runs/own

The network here is small enough to be trained in a second, with plain torch. Put yours in its
place.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import plexor


def images_and_labels(cohort: plexor.Cohort, prepare: plexor.Preprocess) -> tuple[Tensor, Tensor]:
    """Images (N, 1, height, width) as the network takes them; labels (N,), 1 for the 2nd class."""
    images = []
    for case in cohort.cases:
        image = plexor.read_image(case.path)
        stored = torch.from_numpy(image.pixels.astype(np.float32))[None]
        images.append(prepare(stored * image.intensity.slope + image.intensity.intercept))
    labels = [float(case.truth == cohort.classes[1]) for case in cohort.cases]
    return torch.cat(images), torch.tensor(labels)


def fit(network: nn.Module, images: Tensor, labels: Tensor) -> None:
    """Forty full steps down the logistic loss."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3, weight_decay=0.05)
    for _ in range(40):
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(network(images)[:, 0], labels)
        loss.backward()
        optimizer.step()


manifest, out = Path(sys.argv[1]), Path(sys.argv[2])
cohort = plexor.load_cohort(manifest)
prepare = plexor.Preprocess(size=(32, 32), window=None)  # z-score of each image

torch.manual_seed(0)
network = nn.Sequential(
    nn.Conv2d(1, 8, 5, stride=2, padding=2),
    nn.ReLU(),
    nn.Conv2d(8, 16, 5, stride=2, padding=2),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(16 * 8 * 8, 1),
)
fit(network, *images_and_labels(cohort.with_split("train"), prepare))

task = plexor.Binary(classes=cohort.classes)
model = plexor.TorchModel(network.eval(), task=task, preprocess=prepare)
small = {"norm": "linf", "radius": 0.5, "unit": "percent"}
plan = {
    "name": "Own model",
    "cohort": {"manifest": str(manifest)},
    "probes": [
        {"attack": "pgd", "threat": small | {"radius": [0.5, 1]}},
        {"attack": "pgd", "threat": small, "goal": {"become": cohort.classes[0]}},
    ],
}
run = plexor.audit(plan, model=model, out=out)
print(plexor.write_report(run.path))
