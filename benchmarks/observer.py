"""How long the model observer takes for 2,000 pairs, and the distances beside it, one core."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from measuring import interleaved, spread, write_result

from plexor.visibility import Visibility, observe
from plexor.visibility.sight import look

SHAPES = ((3, 150, 200), (3, 450, 600), (1, 1024, 1024))
MEASURES = {
    "PSNR": Visibility(observer="none"),
    "PSNR and the observer's channels, `dog` (the default)": Visibility(),
    "PSNR and the observer's channels, `gabor`": Visibility(observer="gabor"),
    "PSNR, SSIM and ΔE2000": Visibility(observer="none", similarity=True),
}
Pairs = list[tuple[np.ndarray, np.ndarray]]


def pairs(shape: tuple[int, ...], n: int) -> Pairs:
    """Noise, and the same moved by two levels up or down."""
    rng = np.random.default_rng(0)
    images = [rng.integers(2, 254, shape, dtype=np.uint8) for _ in range(n)]
    return [(image, image + rng.choice((-2, 2), shape).astype(np.uint8)) for image in images]


def seen(pair: tuple[np.ndarray, np.ndarray], settings: Visibility) -> tuple[float, ...]:
    """What is measured of the second image beside the first."""
    return look(*pair, settings, low=0.0, span=255.0, quantum=1.0).responses


def look_at(some: Pairs, settings: Visibility) -> None:
    for pair in some:
        seen(pair, settings)


def observed(some: Pairs) -> None:
    """The observer from the first pixel to the last interval."""
    settings = Visibility()
    before = [seen((original, original), settings) for original, _ in some]
    after = [seen(pair, settings) for pair in some]
    observe(before, after, np.arange(len(some)) // 2, seed=0)


def timed(
    of: str, calls: Mapping[str, Callable[[], None]], n: int, repeats: int
) -> list[dict[str, object]]:
    """A row for each call, which does the same n times."""
    timings = interleaved(calls, repeats)
    return [
        {"what": name, "of": of, "milliseconds": spread([1000 * one.cpu / n for one in found])}
        for name, found in timings.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--images", type=int, default=20, help="timed, of each shape")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    rows = []
    for shape in SHAPES:
        some = pairs(shape, options.images)
        calls = {name: partial(look_at, some, settings) for name, settings in MEASURES.items()}
        of = f"an image of {' × '.join(map(str, shape))}"
        rows += timed(of, calls, options.images, options.repeats)
    many = pairs(SHAPES[0], options.pairs)
    of = f"{options.pairs:,} pairs of {' × '.join(map(str, SHAPES[0]))}"
    whole = {"the observer: channels of both images, training, test": partial(observed, many)}
    rows += timed(of, whole, 1, options.repeats)
    rng = np.random.default_rng(0)
    before = rng.normal(size=(options.pairs, 20))
    after = before + rng.normal(0.1, 0.1, before.shape)
    groups = np.arange(options.pairs) // 2
    known = {"the observer: training and test": lambda: observe(before, after, groups, seed=0)}
    rows += timed(f"{options.pairs:,} pairs of 20 channels", known, 1, options.repeats)
    write_result("observer", {"images": options.images, "repeats": options.repeats}, rows)


if __name__ == "__main__":
    main()
