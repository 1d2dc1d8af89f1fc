"""Where the networks of the study li2020 look in a volume, in three planes, as one picture.

    python scripts/brain_attention.py RUN --scale small --picture docs/images/brain-attention.png

RUN is the directory of ``plexor study run li2020``; the conventional network and the hybrid of the
first seed are asked about the first of the phantom people of the study's table of attention, before
and after the attack of that table.
"""

from __future__ import annotations

import argparse
import io
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image

from plexor.models import ModelSource, load_model
from plexor.report.overlay import for_the_eye
from plexor.report.study_maps import around_head, centre, planes
from plexor.studies.li2020 import attention
from plexor.studies.li2020.plans import CONVENTIONAL, HYBRID, arm_of, scale_of

mpl.use("Agg")
from matplotlib import pyplot as plt


def maps(run: Path, network: str, scale_name: str) -> attention.MapsOfOne:
    """The maps of one network, of one person."""
    scale = replace(scale_of(scale_name), attended=1)
    model = load_model(
        ModelSource(weights=run / arm_of(network, scale.seeds[0]) / "weights.safetensors")
    )
    found: list[attention.MapsOfOne] = []
    attention.attend(model, scale, found.append)
    return found[0]


def draw(networks: dict[str, attention.MapsOfOne], radius: float, picture: Path) -> None:
    """A row for each network: the scan, and the maps before and after the attack over it."""
    figure, axes = plt.subplots(len(networks), 3, figsize=(12, 1.75 * len(networks)), squeeze=False)
    for row, (name, one) in zip(axes, networks.items(), strict=True):
        head = around_head(one.volume)
        at, most = centre(one.volume[head]), float(np.percentile(one.before, 99.9))
        grey = planes(one.volume[head], at)
        titles = (
            f"{name}: the scan",
            f"untouched, {one.years[0]:.0f} years",
            f"attacked, L∞ ≤ {radius:g}: {one.years[1]:.0f} years",
        )
        for axis, title, values in zip(row, titles, (None, one.before, one.after), strict=True):
            axis.imshow(grey, cmap="gray", vmax=np.percentile(one.volume, 99.5))
            if values is not None:
                share = np.clip(for_the_eye(planes(values[head], at)) / most, 0, 1)
                axis.imshow(share, cmap="inferno", vmin=0, vmax=1, alpha=0.65 * np.sqrt(share))
            axis.set_title(title, fontsize=10)
            axis.axis("off")
    figure.tight_layout()
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=72)
    Image.open(drawn).convert("RGB").quantize(200, method=Image.Quantize.FASTOCTREE).save(
        picture, optimize=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--scale", default="small")
    parser.add_argument("--picture", type=Path, required=True)
    options = parser.parse_args()
    found = {name: maps(options.run, name, options.scale) for name in (CONVENTIONAL, HYBRID)}
    draw(found, scale_of(options.scale).main_radius, options.picture)


if __name__ == "__main__":
    main()
