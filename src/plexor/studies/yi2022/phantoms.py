"""Phantom films in the layout of MURA, with markers that go with the label."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from plexor.cases.formats.png import PngCodec
from plexor.cases.phantoms.chest import LABELS, draw_chest
from plexor.cases.phantoms.radiography import RadiographConfig, radiograph
from plexor.core.files import write_atomic
from plexor.core.seeds import seed_for
from plexor.studies.yi2022.plans import SEED

REGION = "XR_PHANTOM"
_SIDE = 128
_FILMS = 2
_ENDINGS = ("negative", "positive")
_CONFIG = RadiographConfig(
    height=_SIDE, width=_SIDE, marker_presence=(0.6, 0.9), marker_right=(0.8, 0.3)
)
"""Markers are commoner on films with an opacity, and say L more often: a planted shortcut."""


def write_phantoms(folder: Path, *, n_patients: int) -> Path:
    """Draws two films of each patient; the same arguments give the same bytes.

    Args:
        folder: gets ``MURA-v1.1/train``.
        n_patients: half of them with an opacity.

    Returns:
        The folder.
    """
    for number in range(n_patients):
        generator = np.random.default_rng(seed_for(SEED, "yi2022", str(number)))
        which = number % len(LABELS)
        chest = draw_chest(generator, LABELS[which])
        study = f"{REGION}/patient{number + 1:05d}/study1_{_ENDINGS[which]}"
        for image in range(_FILMS):
            film = radiograph(generator, chest, _CONFIG)
            path = folder / "MURA-v1.1" / "train" / study / f"image{image + 1}.png"
            if not path.exists():
                write_atomic(path, PngCodec().encode(film.pixels))
    return folder
