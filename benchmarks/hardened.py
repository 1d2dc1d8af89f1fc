"""An adversarially trained network on HAM10000, for benchmarks where strength must show.

Squares of 32 pixels a side, seven classes, PGD under L∞ in every step (Madry et al., ICLR 2018).
Resumes from the last epoch.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from subject import CACHE, SMOKE, batch_of, ham10000
from torch import Tensor, nn
from torch.nn import functional

from plexor.cases import Cohort
from plexor.models import ModelCard, ModelSource, TorchModel, load_model
from plexor.models.architectures import build_network
from plexor.models.classification import Multiclass
from plexor.models.preprocess import Preprocess
from plexor.models.weights import save_weights

SIDE = 32
PREPROCESS = Preprocess(size=(SIDE, SIDE), mean=(0.76, 0.55, 0.57), std=(0.14, 0.15, 0.17))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardening:
    """Settings of the training; lengths are in levels."""

    radius: float = 4.0
    step_size: float = 1.5
    steps: int = 5
    epochs: int = 1 if SMOKE else 40
    batch_size: int = 64
    learning_rate: float = 2e-3


def hardened(manifest: Path) -> TorchModel:
    """The trained network; trains it where it is not in the cache."""
    weights = CACHE / f"hardened-{SIDE}.safetensors"
    if not weights.exists():
        _train(manifest, weights, Hardening())
    return load_model(ModelSource(weights=weights))


def _train(manifest: Path, weights: Path, config: Hardening) -> None:
    cohort = ham10000(manifest, None, side=SIDE)
    task = Multiclass(classes=tuple(sorted({str(case.truth) for case in cohort.cases})))
    torch.manual_seed(0)
    network = build_network("small-cnn", spatial_dims=2, channels=3, n_outputs=task.n_outputs)
    card = ModelCard(
        task=task, preprocess=PREPROCESS, architecture="small-cnn", channels=3, spatial_dims=2
    )
    images, truth = _tensors(network, card, cohort.with_split("train"))
    held, held_truth = _tensors(network, card, cohort.with_split("validation"))
    counts = torch.bincount(truth, minlength=task.n_outputs)
    balance = (counts.sum() / counts / task.n_outputs).sqrt()
    network.requires_grad_()
    optimizer = torch.optim.AdamW(network.parameters(), config.learning_rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.epochs)
    state = weights.with_suffix(".pt")
    first = _resumed(state, network, optimizer, schedule)
    for epoch in range(first, config.epochs):
        for seen, labels in _shuffled(images, truth, config.batch_size, seed=epoch):
            delta = _perturbation(network, seen, labels, config)
            network.train()
            loss = functional.cross_entropy(_logits(network, seen + delta), labels, balance)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
        delta = _perturbation(network, held, held_truth, config)
        with torch.no_grad():
            clean = _logits(network, held).argmax(1) == held_truth
            robust = clean & (_logits(network, held + delta).argmax(1) == held_truth)
        print(
            f"epoch {epoch + 1}: {float(clean.float().mean()):.3f} clean, "
            f"{float(robust.float().mean()):.3f} after PGD",
            flush=True,
        )
        _save(state, epoch + 1, network, optimizer, schedule)
    save_weights(weights, network.eval(), card)


def _tensors(network: nn.Module, card: ModelCard, cohort: Cohort) -> tuple[Tensor, Tensor]:
    """Stored images (N, C, H, W) and labels (N,)."""
    batch, _ = batch_of(TorchModel(network, task=card.task, card=card), cohort.cases)
    return batch.images, batch.truth


def _shuffled(
    images: Tensor, truth: Tensor, size: int, *, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of one epoch, mirrored at random along each axis."""
    draw = torch.Generator().manual_seed(seed)
    for rows in torch.randperm(len(truth), generator=draw).split(size):
        seen = images[rows]
        for axis in (2, 3):
            turned = torch.rand(len(rows), 1, 1, 1, generator=draw) < 0.5
            seen = torch.where(turned, seen.flip(axis), seen)
        yield seen, truth[rows]


def _perturbation(network: nn.Module, images: Tensor, truth: Tensor, config: Hardening) -> Tensor:
    """PGD on cross-entropy from a random start, with the statistics of evaluation."""
    network.eval()
    delta = torch.empty_like(images).uniform_(-config.radius, config.radius)
    for _ in range(config.steps):
        delta = ((images + delta).clamp_(0, 255) - images).requires_grad_()
        loss = functional.cross_entropy(_logits(network, images + delta), truth)
        (gradient,) = torch.autograd.grad(loss, delta)
        with torch.no_grad():
            delta = delta + config.step_size * gradient.sign()
            delta.clamp_(-config.radius, config.radius)
    return (images + delta.detach()).clamp_(0, 255) - images


def _logits(network: nn.Module, images: Tensor) -> Tensor:
    logits: Tensor = network(PREPROCESS(images).contiguous(memory_format=torch.channels_last))
    return logits


def _resumed(
    path: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> int:
    """Loads the state after the last epoch; the number of epochs done."""
    if not path.exists():
        return 0
    saved = torch.load(path, weights_only=True)
    network.load_state_dict(saved["network"])
    optimizer.load_state_dict(saved["optimizer"])
    schedule.load_state_dict(saved["schedule"])
    return int(saved["epochs"])


def _save(
    path: Path,
    epochs: int,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> None:
    state = {
        "epochs": epochs,
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
    }
    torch.save(state, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="HAM10000_metadata.csv")
    torch.set_num_threads(1)
    hardened(parser.parse_args().manifest)


if __name__ == "__main__":
    main()
