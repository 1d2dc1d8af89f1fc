"""Global optimality of our attacks and of others', by AttackBench (Cinà et al., AAAI 2025).

Each search gets the same images and budget; AttackBench notes the shortest perturbation among all
that the model is asked about. An attack's optimality is 1 where its curve of robust accuracy is as
low as that of the best attack for each image. Resumes from what it keeps in the cache.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from hardened import SIDE, hardened
from measuring import timed, write_result
from optimality_peers import Search, contenders, import_attackbench
from peers import GREATEST, UnitNetwork
from subject import CACHE, decided_rightly, ham10000, trained_on_squares
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from plexor.attacks.threat import Norm
from plexor.models import TorchModel
from plexor.models.classification import Multiclass
from plexor.models.device import keep_freed_memory

NORMS: tuple[Norm, ...] = ("linf", "l2", "l1", "l0")
NETWORKS = ("hardened", "plain")
_TOGETHER = 16
"""Images of a batch: AttackBench compares every query with all images of its batch."""
Found = dict[str, dict[str, Any]]
"""Of each model, what AttackBench returns for an attack."""
Subject = tuple[TorchModel, Tensor, Tensor]
"""A model, images from 0 to 1 (N, C, H, W), and their true classes (N,)."""


def run_all(
    models: Mapping[str, Subject], norm: Norm, kept: Path, *, passes: int, seed: int
) -> dict[str, Found]:
    """Name of each attack → what it found; what is in the folder ``kept`` is not run again."""
    found: dict[str, Found] = {}
    for name, search in contenders(norm, passes, seed).items():
        found[name] = {}
        for of, subject in models.items():
            path = kept / f"{norm}, {seed}, {of}, {name}.json"
            if not path.exists():
                ran: Found = {}
                timing = timed(
                    partial(run_one, ran, of, subject, search, norm, passes=passes, seed=seed)
                )
                if name.startswith("plexor") and any(ran[of]["batch_failures"]):
                    raise RuntimeError(f"{name} failed under {norm}; AttackBench printed why")
                path.write_text(json.dumps(ran[of] | {"cpu": timing.cpu}))
                print(f"{norm} {seed} {of} {name}: {timing.cpu:.1f} s", flush=True)
            found[name][of] = json.loads(path.read_text())
    return found


def run_one(
    found: Found,
    name: str,
    subject: Subject,
    search: Search,
    norm: Norm,
    *,
    passes: int,
    seed: int,
) -> None:
    """Keeps what AttackBench returns for a search, under the name of the model."""
    model, images, truth = subject
    bench = import_attackbench()
    from attackbench.models.benchmodel_wrapper import BenchModel

    found[name] = bench.run_attack(
        BenchModel(UnitNetwork(model)).eval(),  # else torchattacks leaves it in training mode
        DataLoader(TensorDataset(images, truth), batch_size=_TOGETHER),
        search,
        norm,
        device=model.device,
        query_budget=passes,
        seed=seed,
    )


def rows_of(rounds: Sequence[Mapping[str, Found]], norm: Norm) -> list[dict[str, Any]]:
    """One row for each attack, the best first; each round has its own images and seed."""
    bench = import_attackbench()
    boards = [bench.create_attack_leaderboard(found, norm) for found in rounds]
    scores = [dict(board["leaderboard"]) for board in boards]
    scale = 1.0 if norm == "l0" else GREATEST
    rows = []
    for name in rounds[0]:
        results = [result for found in rounds for result in found[name].values()]
        local = [board["attack_details"][name]["local_optimality"] for board in boards]
        rows.append(
            {
                "norm": norm,
                "name": name,
                "optimality": statistics.mean(score[name] for score in scores),
                "rounds": [score[name] for score in scores],
                "local": {of: statistics.mean(each[of] for each in local) for of in local[0]},
                "median": {
                    of: scale
                    * statistics.median(
                        distance
                        for found in rounds
                        for distance in found[name][of]["distances"][norm]
                    )
                    for of in rounds[0][name]
                },
                "passes": statistics.mean(
                    forward + backward
                    for result in results
                    for forward, backward in zip(
                        result["num_forwards"], result["num_backwards"], strict=True
                    )
                ),
                "failed": sum(any(result["batch_failures"]) for result in results),
                "seconds": sum(result["cpu"] for result in results) / len(rounds),
            }
        )
    return sorted(rows, key=lambda row: -row["optimality"])


def rounds_of(models: Mapping[str, Subject], n_rounds: int) -> list[dict[str, Subject]]:
    """The images dealt out to so many rounds of equal size."""
    return [
        {
            of: (model, images[i::n_rounds], truth[i::n_rounds])
            for of, (model, images, truth) in models.items()
        }
        for i in range(n_rounds)
    ]


def subjects(manifest: Path, n_images: int, names: Sequence[str]) -> dict[str, Subject]:
    """Networks by name, each with test images from 0 to 1 that it decides rightly."""
    cohort = ham10000(manifest, "test", side=SIDE)
    found = {}
    for name in names:
        model = hardened(manifest) if name == "hardened" else trained_on_squares(manifest, SIDE)
        batch, _ = decided_rightly(model, cohort, n_images)
        found[name] = (model, batch.images / GREATEST, batch.truth)
    return found


def untrained(n_images: int) -> dict[str, Subject]:
    """Two networks of random weights and random images, to see that everything runs."""
    found = {}
    task = Multiclass(classes=("a", "b", "c"))
    for name in NETWORKS:
        torch.manual_seed(len(found))
        network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 3))
        model = TorchModel(network, task=task)
        images = torch.rand(n_images, 3, 8, 8)
        truth = task.decide(model.outputs(images * GREATEST))
        found[name] = (model, images, truth)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    of = parser.add_mutually_exclusive_group(required=True)
    of.add_argument("--manifest", type=Path, help="HAM10000_metadata.csv")
    of.add_argument("--smoke", action="store_true", help="tiny networks and few steps")
    parser.add_argument("--images", type=int, default=16, help="for each network and round")
    parser.add_argument("--rounds", type=int, default=3, help="with other images and another seed")
    parser.add_argument("--passes", type=int, default=2000, help="forward and backward, an image")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--norms", nargs="+", choices=NORMS, default=NORMS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.INFO)
    torch.set_num_threads(1)
    keep_freed_memory()
    models = untrained(2 * options.rounds) if options.smoke else None
    models = models or subjects(options.manifest, options.images * options.rounds, options.networks)
    settings = {
        "images": len(next(iter(models.values()))[1]) // options.rounds,
        "networks": " and ".join(models),
        "passes": options.passes,
        "rounds": options.rounds,
    }
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as nowhere:
        kept = (
            Path(nowhere)
            if options.smoke
            else CACHE / f"optimality-{options.images}-{options.rounds}-{options.passes}"
        )
        kept.mkdir(parents=True, exist_ok=True)
        for norm in options.norms:
            found = [
                run_all(some, norm, kept, passes=options.passes, seed=seed)
                for seed, some in enumerate(rounds_of(models, options.rounds))
            ]
            rows += rows_of(found, norm)
            write_result("optimality", settings, rows)  # after each: a norm takes minutes


if __name__ == "__main__":
    main()
