"""Fits one perturbation for all films of the train split, and judges it on the test split.

    python examples/universal.py chest-phantoms/manifest.csv universal.safetensors

Only a few films are in memory at once. The network is small and trained here; put yours in its
place.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

import plexor
from plexor.attacks import Become, Threat, judge, matched_noise
from plexor.attacks.universal import UniversalPerturbation, UniversalSGD
from plexor.cases import LOSSLESS, Case, Image
from plexor.models import Batch, encode
from plexor.stats import clustered_proportion


class Films:
    """Films of one split, read a few at a time, anew whenever they are gone through."""

    def __init__(self, cohort: plexor.Cohort, task: plexor.Binary) -> None:
        self.cohort, self.task = cohort, task

    def read(self) -> Iterator[tuple[list[Case], list[Image], Batch]]:
        """Twenty cases at a time."""
        for start in range(0, len(self.cohort), 20):
            cases = list(self.cohort.cases[start : start + 20])
            images = [plexor.read_image(case.path) for case in cases]
            truth = encode(self.task, [case.truth for case in cases])
            ids = [case.id for case in cases]
            yield cases, images, Batch.of(ids, images, truth, torch.device("cpu"))

    def __iter__(self) -> Iterator[Batch]:
        return (batch for _, _, batch in self.read())


def train(network: nn.Module, prepare: plexor.Preprocess, films: Films) -> None:
    """Twenty passes down the logistic loss."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3, weight_decay=0.05)
    for _ in range(20):
        for batch in films:
            optimizer.zero_grad()
            outputs = network(prepare(batch.scaling.values(batch.images)))[:, 0]
            loss = nn.functional.binary_cross_entropy_with_logits(outputs, batch.truth.float())
            loss.backward()
            optimizer.step()


manifest, out = Path(sys.argv[1]), Path(sys.argv[2])
cohort = plexor.load_cohort(manifest)
task = plexor.Binary(classes=cohort.classes)
seen, unseen = (Films(cohort.with_split(name), task) for name in ("train", "test"))

torch.manual_seed(0)
prepare = plexor.Preprocess(size=(32, 32), window=None)  # z-score of each image
network = nn.Sequential(
    nn.Conv2d(1, 8, 5, stride=2, padding=2),
    nn.ReLU(),
    nn.Conv2d(8, 16, 5, stride=2, padding=2),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(16 * 8 * 8, 1),
)
train(network, prepare, seen)
model = plexor.TorchModel(network, task=task, preprocess=prepare)

goal = Become(target=task.classes[0])
threat = Threat(norm="linf", radius=2, unit="percent")
UniversalSGD(steps=50).fit(model, seen, goal, threat, seed=0).save(out)

attack = UniversalPerturbation.load(out)
reached: dict[str, list[bool]] = {"one perturbation": [], "noise": []}
groups = []
for cases, images, batch in unseen.read():
    open_ = (
        goal.margin(task, model.outputs(batch.images, batch.scaling), batch.truth) <= 0
    ).tolist()
    groups += [case.group for case, is_open in zip(cases, open_, strict=True) if is_open]
    deltas = {
        "one perturbation": attack(model, batch, goal, threat, seed=0).delta,
        "noise": matched_noise(batch, threat, seed=0),
    }
    for name, delta in deltas.items():
        verdicts = judge(model, batch, images, delta, goal=goal, threat=threat)[LOSSLESS]
        reached[name] += [
            verdict.within_threat and verdict.margin > 0
            for verdict, is_open in zip(verdicts, open_, strict=True)
            if is_open
        ]

both = sum(attack.card.saw(case.id) for case in unseen.cohort.cases)
print(f"fitted on {len(seen.cohort)} films, judged on {len(unseen.cohort)} others, {both} in both")
print(f"called {goal.target}, of those that were not, within {threat.name}:")
for name, events in reached.items():
    share = clustered_proportion(events, groups)
    print(
        f"  {name}: {100 * share.value:.0f} % ({100 * share.low:.0f} to {100 * share.high:.0f}; "
        f"n = {share.n}, {share.n_groups} groups)"
    )
