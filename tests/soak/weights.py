"""Damages weights, their cards and saved attacks, and counts what loading makes of them.

Each damaged file is loaded, and its model gives finite outputs of the right shape; or is refused
with one line (``PlexorError``). Anything else is a failure.

    python tests/soak/weights.py --trials 400

Run it from the repository's root. It is no test of the suite, since it takes a minute.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import safe_open

from plexor.attacks import Generator, Misclassify, Threat, UniversalSGD
from plexor.attacks.catalogue import load_fitted
from plexor.attacks.example import tiny_problem
from plexor.core.errors import PlexorError
from plexor.models import ModelCard, ModelSource, Multiclass, Preprocess, load_model, save_weights
from plexor.models.architectures import build_network

Random = np.random.Generator
STRANGE: tuple[object, ...] = (
    None, [], {}, "", "text", 7, -1, 0, 1.5, 1e400, float("nan"), True, [None], {"a": {"b": []}},
    10**30, ["a", "a"], [[1]], "x" * 1000, "\0",
)  # fmt: skip


def change(data: Any, rng: Random, depth: int) -> None:
    """Changes, drops or adds a value somewhere in plain data."""
    keys = list(data) if isinstance(data, dict) else list(range(len(data)))
    if not keys:
        return
    key = keys[int(rng.integers(len(keys)))]
    if depth > 1 and isinstance(data[key], dict | list):
        change(data[key], rng, depth - 1)
    elif (chance := rng.random()) < 0.2:
        del data[key]
    elif chance < 0.3 and isinstance(data, dict):
        data["strange"] = 1
    else:
        data[key] = STRANGE[int(rng.integers(len(STRANGE)))]


def other_card(path: Path, rng: Random) -> None:
    """Changes the card in a safetensors file."""
    with safe_open(path, framework="pt") as file:
        ((name, text),) = (file.metadata() or {}).items()
    tensors = safetensors.torch.load_file(path)
    chance = rng.random()
    if chance < 0.1:
        text = text[: int(rng.integers(len(text)))]
    elif chance < 0.15:
        text = "[" * 100_000
    elif chance < 0.2:
        text = "[1, 2]"
    else:
        card = json.loads(text)
        change(card, rng, int(rng.integers(1, 4)))
        text = json.dumps(card)
    path.write_bytes(safetensors.torch.save(tensors, metadata={name: text}))


def other_tensors(path: Path, rng: Random) -> None:
    """Renames, drops, reshapes or retypes a tensor of a safetensors file."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    tensors = safetensors.torch.load_file(path)
    name = sorted(tensors)[int(rng.integers(len(tensors)))]
    match int(rng.integers(6)):
        case 0:
            tensors = {f"model.{key}": value for key, value in tensors.items()}
        case 1:
            del tensors[name]
        case 2:
            tensors[name] = tensors[name].flatten()[:1].clone()
        case 3:
            tensors[name] = tensors[name].to(torch.int64)
        case 4:
            tensors["strange"] = torch.zeros(1)
        case _:
            tensors[name] = torch.zeros(0)
    path.write_bytes(safetensors.torch.save(tensors, metadata=metadata))


def flip(path: Path, rng: Random) -> None:
    """Flips three bits, most of them near the start."""
    data = bytearray(path.read_bytes())
    for at in rng.integers(0, len(data) if rng.random() < 0.3 else min(len(data), 600), 3):
        data[at] ^= 1 << int(rng.integers(8))
    path.write_bytes(bytes(data))


def cut(path: Path, rng: Random) -> None:
    """Cuts the file short."""
    data = path.read_bytes()
    path.write_bytes(data[: int(rng.integers(len(data)))])


def folder(path: Path, rng: Random) -> None:
    """Puts a folder in its place."""
    path.unlink()
    path.mkdir()


DAMAGE: dict[str, Callable[[Path, Random], None]] = {
    "another card": other_card,
    "other tensors": other_tensors,
    "bits flipped": flip,
    "cut short": cut,
    "a folder": folder,
}


def load_weights(path: Path) -> None:
    """Loads a model, and asks it once."""
    source = ModelSource(weights=path)
    if path.suffix != ".safetensors":
        source = ModelSource(weights=path, architecture="small-cnn", classes=("a", "b"))
    outputs = load_model(source).outputs(torch.zeros(2, 3, 32, 32))
    if outputs.shape != (2, 2):
        raise AssertionError(f"outputs of shape {tuple(outputs.shape)}")


def load_attack(path: Path) -> None:
    """Loads a fitted attack, and applies it once."""
    model, batch = tiny_problem()
    fitted = load_fitted(path)
    fitted(model, batch, Misclassify(), Threat(norm="linf", radius=3), seed=0)


def write_sound(folder: Path) -> dict[Path, Callable[[Path], None]]:
    """One file of each kind, with what loads it."""
    torch.manual_seed(0)
    network = build_network("small-cnn", spatial_dims=2, channels=3, n_outputs=2)
    card = ModelCard(
        task=Multiclass(classes=("a", "b")),
        preprocess=Preprocess(size=(32, 32), mean=(0.5,) * 3, std=(0.5,) * 3),
        architecture="small-cnn",
        channels=3,
        spatial_dims=2,
    )
    save_weights(folder / "weights.safetensors", network, card, training_groups=["g"])
    torch.save(network.state_dict(), folder / "weights.pt")
    model, batch = tiny_problem()
    threat = Threat(norm="linf", radius=3)
    for name, attack in (
        ("pattern", UniversalSGD(steps=2)),
        ("generator", Generator(steps=2, width=8)),
    ):
        attack.fit(model, [batch], Misclassify(), threat, seed=0).save(
            folder / f"{name}.safetensors"
        )
    return {
        folder / "weights.safetensors": load_weights,
        folder / "weights.pt": load_weights,
        folder / "pattern.safetensors": load_attack,
        folder / "generator.safetensors": load_attack,
    }


def outcome(path: Path, load: Callable[[Path], None]) -> tuple[str, str]:
    """ "loaded" or "refused", with what was said; anything else is a failure."""
    try:
        load(path)
    except PlexorError as error:
        return ("refused", str(error)) if "\n" not in str(error) else ("several lines", str(error))
    except BaseException as error:  # noqa: BLE001 - the point of the trial
        return "exception", f"{type(error).__name__}: {error}"[:300]
    return "loaded", ""


def main() -> int:
    """Runs the trials and prints a table of counts; status 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    counts: dict[str, Counter[str]] = {}
    failed = False
    with tempfile.TemporaryDirectory() as name:
        sound = write_sound(Path(name))
        for path, load in sound.items():
            if (found := outcome(path, load))[0] != "loaded":
                sys.exit(f"{path.name} is not loaded even without damage: {found[1]}")
        for trial in range(options.trials):
            path, load = list(sound.items())[trial % len(sound)]
            damages = [
                one for one in DAMAGE if path.suffix != ".pt" or DAMAGE[one] in (flip, cut, folder)
            ]
            damage = damages[trial // len(sound) % len(damages)]
            damaged = Path(name) / f"damaged{path.suffix}"
            damaged.write_bytes(path.read_bytes())
            DAMAGE[damage](damaged, np.random.default_rng([options.seed, trial]))
            kind, said = outcome(damaged, load)
            damaged.rmdir() if damaged.is_dir() else damaged.unlink()
            counts.setdefault(f"{path.stem}{path.suffix}, {damage}", Counter())[kind] += 1
            if kind not in ("loaded", "refused"):
                failed = True
                print(f"{path.name}, {damage}, {trial}: {kind}: {said}", flush=True)  # noqa: T201
    kinds = sorted({kind for count in counts.values() for kind in count})
    print(f"{'file, damage':40}" + "".join(f"{kind:>14}" for kind in kinds))  # noqa: T201
    for what, count in [*sorted(counts.items()), ("all", sum(counts.values(), Counter()))]:
        print(f"{what:40}" + "".join(f"{count[kind]:14}" for kind in kinds))  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
