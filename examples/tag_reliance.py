"""Measures how far a network leans on burnt-in markers of phantom films, which go with the label.

    python examples/tag_reliance.py chest-markers runs/markers [NUMBER OF FILMS]

Finds the markers, covers and exchanges them. The network is trained here in seconds. Put
yours in its place.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import plexor
from plexor.audits.tags import TagQuestions, measure_tags
from plexor.cases.phantoms import RadiographConfig, write_phantoms
from plexor.report.tag_words import advice, answer
from plexor.shortcuts.find import Finder, search, write_tags


def films_and_labels(cohort: plexor.Cohort, prepare: plexor.Preprocess) -> tuple[Tensor, Tensor]:
    """Films (N, 1, height, width) as the network takes them; (N, 1), 1.0 for an opacity."""
    stored = np.stack([plexor.read_image(case.path).pixels for case in cohort.cases])
    truth = torch.tensor([[float(case.truth == cohort.classes[1])] for case in cohort.cases])
    return prepare(torch.from_numpy(stored.astype(np.float32))), truth


def fit(network: nn.Module, films: Tensor, truth: Tensor) -> None:
    """Full steps down the logistic loss."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-2, weight_decay=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(network(films), truth).backward()
        optimizer.step()


folder, out = Path(sys.argv[1]), Path(sys.argv[2])
n_cases = int(sys.argv[3]) if len(sys.argv) > 3 else 120
# Markers on 10 % of normal films and on 90 % of those with an opacity, which is hard to see.
look = RadiographConfig(height=128, width=128, marker_presence=(0.1, 0.9), contrast=(0.03, 0.06))
seen, unseen = (
    write_phantoms("radiograph", folder / name, n_cases=n_cases, seed=seed, config=look)
    for seed, name in enumerate(("seen", "unseen"))
)
cohort = plexor.load_cohort(seen)

torch.manual_seed(0)
prepare = plexor.Preprocess(window=(0, 255), mean=(0.5,), std=(0.25,))
network = nn.Sequential(
    nn.Conv2d(1, 8, 7, stride=4, padding=3),
    nn.ReLU(),
    nn.Conv2d(8, 16, 5, stride=2, padding=2),
    nn.ReLU(),
    nn.AdaptiveMaxPool2d(2),
    nn.Flatten(),
    nn.Linear(16 * 2 * 2, 1),
)
fit(network, *films_and_labels(cohort, prepare))
model = plexor.TorchModel(
    network.eval(), task=plexor.Binary(classes=cohort.classes), preprocess=prepare
)

tags = unseen.with_name("tags.csv")
films = plexor.load_cohort(unseen)
write_tags(tags, search(films.cases, Finder()), root=unseen.parent)
source = {"manifest": str(unseen), "audit": None}  # all splits
plan = plexor.load_plan({"name": "Markers", "cohort": source, "probes": []})
questions = TagQuestions(draws=5, exchanges=1, attention=("integrated-gradients",))
results = measure_tags(plan, tags, out, questions, model=model)

print(answer(results))
for aspect in results.aspects:
    print(f"margin lost by another label's {aspect.aspect}: {aspect.shift.value:+.2f} logits")
for one in advice(results):
    print(f"{one.title}: {one.effect}")
print(plexor.write_report(out))
