"""How long the model observer takes for 2,000 pairs, and the distances beside it, one core."""

from __future__ import annotations

import argparse

import numpy as np
from measuring import interleaved, seconds, write_result

from plexor.visibility import Visibility, observe
from plexor.visibility.sight import look

SHAPES = ((3, 150, 200), (3, 450, 600), (1, 1024, 1024))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--images", type=int, default=20, help="timed; the rest is in proportion")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    rows = []
    for shape in SHAPES:
        image = rng.integers(0, 255, shape).astype(np.uint8)
        other = np.clip(image + rng.choice([-2, 2], shape), 0, 255).astype(np.uint8)

        def all_of(settings: Visibility, one: object = image, two: object = other) -> None:
            for _ in range(options.images):
                look(one, two, settings, low=0.0, span=255.0, quantum=1.0)  # type: ignore[arg-type]

        timings = interleaved(
            {
                "PSNR": lambda run=all_of: run(Visibility(observer="none")),
                "PSNR, dog": lambda run=all_of: run(Visibility()),
                "PSNR, gabor": lambda run=all_of: run(Visibility(observer="gabor")),
                "PSNR, SSIM, ΔE2000": lambda run=all_of: run(
                    Visibility(observer="none", similarity=True)
                ),
            },
            options.repeats,
        )
        rows += [
            {"what": name, "shape": list(shape), "images": options.images, **seconds(found)}
            for name, found in timings.items()
        ]
    before = rng.normal(size=(options.pairs, 20))
    after = before + rng.normal(0.1, 0.1, before.shape)
    timings = interleaved(
        {"observe": lambda: observe(before, after, np.arange(options.pairs) // 2, seed=0)},
        options.repeats,
    )
    rows.append({"what": f"observe, {options.pairs} pairs", **seconds(timings["observe"])})
    write_result("observer", {"pairs": options.pairs}, rows)


if __name__ == "__main__":
    main()
