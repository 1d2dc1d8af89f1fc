"""A step of PGD on a volume beside a bare forward and backward pass, in time and in peak memory.

Every contender runs in a process of its own, so that peaks do not mix. The network is untrained:
its weights change neither time nor memory. What comes before and after the steps (the look at the
untouched volume, the last look) is left out by taking the difference of a long and a short search.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

import torch
from measuring import spread, write_result

from plexor.attacks import PGD, Move, Threat
from plexor.models import Batch, Model, Regression, Scaling, TorchModel
from plexor.models.architectures import build_network
from plexor.models.recompute import recomputing

SIZE = (172, 220, 156)
LONG, SHORT = 4, 1


def subject(architecture: str) -> tuple[TorchModel, Batch]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_network(architecture, spatial_dims=3, channels=1, n_outputs=1)
        images = torch.randint(0, 256, (1, 1, *SIZE)).float()
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


def bare(model: Model, batch: Batch, steps: int) -> None:
    """Passes only: no step, no ball."""
    images = batch.images.clone().requires_grad_()
    for _ in range(steps):
        torch.autograd.grad(model.outputs(images, batch.scaling).sum(), images)


def ours(model: Model, batch: Batch, steps: int) -> None:
    threat = Threat(norm="linf", radius=2)
    PGD(steps=steps)(model, batch, Move(by=1000.0, kind="deviate"), threat, seed=0)


def ours_recomputing(model: Model, batch: Batch, steps: int) -> None:
    """As where one volume does not fit: activations are computed again in the backward pass."""
    assert isinstance(model, TorchModel)
    with recomputing(model.network):
        ours(model, batch, steps)


CONTENDERS = {"bare passes": bare, "plexor": ours, "plexor, recomputing": ours_recomputing}


def one(name: str, architecture: str) -> None:
    """Prints seconds a step, by processor time, and the peak, in MiB."""
    model, batch = subject(architecture)
    call, times = CONTENDERS[name], {}
    call(model, batch, SHORT)
    for steps in (SHORT, LONG):
        start = time.process_time()
        call(model, batch, steps)
        times[steps] = time.process_time() - start
    step = (times[LONG] - times[SHORT]) / (LONG - SHORT)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"step": step, "peak_mib": peak}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architectures", nargs="+", default=["small-cnn", "brain-age"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--one", choices=list(CONTENDERS), help="measure this in this process")
    options = parser.parse_args()
    if options.one:
        one(options.one, options.architectures[0])
        return
    rows = []
    for architecture in options.architectures:
        found: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
        for _ in range(options.repeats):
            for name in CONTENDERS:
                command = [sys.executable, __file__, "--one", name, "--architectures", architecture]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                found[name].append(json.loads(done.stdout.splitlines()[-1]))
                print(architecture, name, found[name][-1], flush=True)
        bare_steps = [run["step"] for run in found["bare passes"]]
        for name, runs in found.items():
            steps = [run["step"] for run in runs]
            over = [a / b for a, b in zip(steps, bare_steps, strict=True)]
            rows.append(
                {
                    "architecture": architecture,
                    "name": name,
                    "step": spread(steps),
                    "over_bare": spread(over),
                    "peak_mib": statistics.median(run["peak_mib"] for run in runs),
                }
            )
    write_result("volume", {"size": " × ".join(map(str, SIZE)), "repeats": options.repeats}, rows)


if __name__ == "__main__":
    main()
