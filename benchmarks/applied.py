"""What a case costs once a generator is fitted, beside PGD, which begins anew with every image.

The generator is fitted, saved and loaded, and applied to images of the test split. With
``--slow-weights`` it is also set beside PGD on a network that is slower; there it is fitted for one
step only, since what it was taught makes no difference to what it costs.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from measuring import interleaved, spread, write_result
from peers import GREATEST, UnitNetwork
from subject import decided_rightly, from_all_over, ham10000
from torch import Tensor
from universal import Search, fooled

from plexor.attacks import PGD, Attack, FittedGenerator, Generator, Misclassify, Threat
from plexor.cases import Image
from plexor.models import Batch, ModelSource, load_model


def fitted(search: Search, steps: int, patch: int) -> FittedGenerator:
    """A generator as a file gives it back."""
    fit = Generator(steps=steps, patch=patch).fit
    generator = fit(search.model, search.batches, search.goal, search.threat, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        generator.save(Path(folder) / "generator.safetensors")
        return FittedGenerator.load(Path(folder) / "generator.safetensors")


def ours(attack: Attack, search: Search, batch: Batch) -> Tensor:
    parts = torch.arange(len(batch)).split(search.together)
    found = (
        attack(search.model, batch.select(part), search.goal, search.threat, seed=0)
        for part in parts
    )
    return torch.cat([each.delta for each in found])


def torchattacks_pgd(steps: int, search: Search, batch: Batch) -> Tensor:
    from torchattacks import PGD as Theirs  # noqa: N811 - a class, not a constant

    radius = search.threat.radius / GREATEST
    attack = Theirs(
        UnitNetwork(search.model).eval(), eps=radius, alpha=2.5 / steps * radius, steps=steps
    )
    torch.manual_seed(0)
    parts = zip(
        batch.images.split(search.together), batch.truth.split(search.together), strict=True
    )
    found = torch.cat([attack(images / GREATEST, truth) for images, truth in parts])
    return found * GREATEST - batch.images


def rates(
    search: Search, unseen: tuple[Batch, list[Image]], steps: int, options: argparse.Namespace
) -> list[dict[str, object]]:
    """Images a second, and the share that is fooled; None where the fit was too short to say."""
    batch, images = unseen
    generator = f"plexor, a saved generator in patches of {options.patch}"
    attacks: dict[str, Callable[[Search, Batch], Tensor]] = {
        generator: partial(ours, fitted(search, steps, options.patch)),
        f"plexor, PGD of {options.pgd_steps} steps": partial(ours, PGD(steps=options.pgd_steps)),
        f"torchattacks, PGD of {options.pgd_steps} steps": partial(
            torchattacks_pgd, options.pgd_steps
        ),
    }
    found: dict[str, Tensor] = {}

    def call(name: str) -> None:
        found[name] = attacks[name](search, batch)

    timings = interleaved({name: partial(call, name) for name in attacks}, options.repeats)
    return [
        {
            "network": search.model.card.architecture,
            "images": len(batch),
            "name": name,
            "images_per_second": spread([len(batch) / each.cpu for each in timings[name]]),
            "fooled": None
            if name == generator and steps == 1
            else fooled(search, batch, images, delta),
        }
        for name, delta in found.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="HAM10000_metadata.csv")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--slow-weights", type=Path, help="of a network that is slower")
    parser.add_argument("--seen", type=int, default=512, help="images fitted on")
    parser.add_argument("--together", type=int, default=16, help="images in a batch")
    parser.add_argument("--unseen", type=int, default=128)
    parser.add_argument("--slow-unseen", type=int, default=8, help="for the slower network")
    parser.add_argument("--radius", type=float, default=16)
    parser.add_argument("--patch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=200, help="of the fit")
    parser.add_argument("--pgd-steps", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    train, test = (ham10000(options.manifest, split) for split in ("train", "test"))
    rows = []
    for weights, n_unseen, steps in (
        (options.weights, options.unseen, options.steps),
        (options.slow_weights, options.slow_unseen, 1),
    ):
        if weights is None:
            continue
        model = load_model(ModelSource(weights=weights))
        seen = from_all_over(model, train, options.seen)
        search = Search(
            model=model,
            goal=Misclassify(),
            threat=Threat(norm="linf", radius=options.radius),
            seen=seen,
            together=options.together,
        )
        rows += rates(search, decided_rightly(model, test, n_unseen), steps, options)
    settings = {
        name: value
        for name, value in vars(options).items()
        if name in {"seen", "together", "radius", "steps", "repeats"}
    }
    write_result("applied", settings | {"weights": options.weights.name}, rows)


if __name__ == "__main__":
    main()
