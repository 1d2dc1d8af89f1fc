"""A step of PGD on a volume beside a bare forward and backward pass, in time and in peak memory.

Every contender runs in a process of its own, so that peaks do not mix. The network is untrained:
its weights change neither time nor memory. What comes before and after the steps (the look at the
untouched volume, the last look) is left out by taking the difference of a long and a short search.
The goal is to raise the number: `deviate` searches up and down, at two passes a step.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import torch
from measuring import spread, write_result

from plexor.attacks import PGD, Move, Threat
from plexor.models import Batch, Regression, Scaling, TorchModel
from plexor.models.architectures import build_network
from plexor.models.recompute import recomputing

SIZE = (172, 220, 156)
LONG, SHORT, ROUNDS = 4, 1, 3


def subject(architecture: str, size: Sequence[int]) -> tuple[TorchModel, Batch]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_network(architecture, spatial_dims=3, channels=1, n_outputs=1)
        images = torch.randint(0, 256, (1, 1, *size)).float()
    one = torch.ones(1, 1, 1, 1, 1)
    batch = Batch(
        ids=("volume",),
        images=images,
        truth=torch.tensor([40.0]),
        low=0 * one,
        high=255 * one,
        quantum=one,
        scaling=Scaling(slope=one, intercept=0 * one),
    )
    return TorchModel(network, task=Regression(unit="a")), batch


def bare(model: TorchModel, batch: Batch, steps: int) -> None:
    """Passes only: no step, no ball."""
    images = batch.images.clone().requires_grad_()
    for _ in range(steps):
        torch.autograd.grad(model.outputs(images, batch.scaling).sum(), images)


def ours(model: TorchModel, batch: Batch, steps: int) -> None:
    threat = Threat(norm="linf", radius=2)
    PGD(steps=steps)(model, batch, Move(by=1000.0, kind="raise"), threat, seed=0)


def ours_recomputing(model: TorchModel, batch: Batch, steps: int) -> None:
    """As where one volume does not fit: activations are computed again in the backward pass."""
    with recomputing(model.network):
        ours(model, batch, steps)


CONTENDERS = {"bare passes": bare, "plexor": ours, "plexor, recomputing": ours_recomputing}


def one(name: str, architecture: str, size: Sequence[int]) -> None:
    """Prints seconds a step by processor time, of the contender and of bare passes, and the peak.

    Both are timed in turns, since what other programs leave of caches and memory changes both.
    """
    model, batch = subject(architecture, size)
    call, rounds = CONTENDERS[name], []
    call(model, batch, SHORT)
    for _ in range(ROUNDS):
        step, passes = (_step(one, model, batch) for one in (call, bare))
        rounds.append((step, passes))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    steps, alone = zip(*rounds, strict=True)
    over = statistics.median(step / passes for step, passes in rounds)
    print(
        json.dumps(
            {
                "step": statistics.median(steps),
                "bare": statistics.median(alone),
                "over_bare": over,
                "peak_mib": peak,
            }
        )
    )


def _step(call: Callable[[TorchModel, Batch, int], None], model: TorchModel, batch: Batch) -> float:
    """Processor seconds of a step, without what a search does once."""
    times = []
    for steps in (SHORT, LONG):
        start = time.process_time()
        call(model, batch, steps)
        times.append(time.process_time() - start)
    return (times[1] - times[0]) / (LONG - SHORT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architectures", nargs="+", default=["small-cnn", "brain-age"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--size", type=int, nargs=3, default=SIZE, help="voxels")
    parser.add_argument("--one", choices=list(CONTENDERS), help="measure this in this process")
    options = parser.parse_args()
    if options.one:
        one(options.one, options.architectures[0], options.size)
        return
    rows = []
    for architecture in options.architectures:
        found: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
        for _ in range(options.repeats):
            for name in CONTENDERS:
                command = [sys.executable, __file__, "--one", name, "--architectures", architecture]
                command += ["--size", *map(str, options.size)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                found[name].append(json.loads(done.stdout.splitlines()[-1]))
                print(architecture, name, found[name][-1], flush=True)
        rows += [
            {
                "architecture": architecture,
                "name": name,
                "step": spread([run["step"] for run in runs]),
                "over_bare": spread([run["over_bare"] for run in runs]),
                "peak_mib": statistics.median(run["peak_mib"] for run in runs),
            }
            for name, runs in found.items()
        ]
    write_result(
        "volume",
        {"size": " × ".join(map(str, options.size)), "rounds": ROUNDS, "repeats": options.repeats},
        rows,
    )


if __name__ == "__main__":
    main()
