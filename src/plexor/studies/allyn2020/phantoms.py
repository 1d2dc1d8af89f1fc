"""Phantom lesions in the layout of HAM10000, for a run without data."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from plexor.cases.phantoms import LesionConfig, draw_spot, lesion
from plexor.cases.phantoms.dermatoscopy import KERATOSIS, MELANOMA, NAEVUS
from plexor.cases.phantoms.encode import jpeg
from plexor.core.files import write_atomic
from plexor.core.seeds import seed_for
from plexor.studies.allyn2020.layout import TABLES

_DX = {NAEVUS: "nv", MELANOMA: "mel", KERATOSIS: "bkl"}
_TURNS = (NAEVUS, NAEVUS, MELANOMA, NAEVUS, NAEVUS, KERATOSIS)
"""Two lesions in three are naevi, as in HAM10000."""
_SHOTS = (1, 3, 2)
"""Number of images of successive lesions; some lesions have several, as in HAM10000."""


def write_phantoms(
    folder: Path, *, n_lesions: int, side: int, seed: int, prefix: str = "lesion"
) -> Path:
    """Draws lesions and writes images and metadata; the same arguments give the same bytes.

    Args:
        folder: gets ``HAM10000_metadata.csv``, written last, and ``images``.
        n_lesions: number of lesions; each has one to three images.
        side: of the square images, pixels.
        seed: seed of all draws.
        prefix: of the lesions' names.

    Returns:
        The folder.
    """
    config = LesionConfig(height=side, width=side)
    lines = ["lesion_id,image_id,dx"]
    for number in range(n_lesions):
        generator = np.random.default_rng(seed_for(seed, "allyn2020", str(number)))
        label = _TURNS[number % len(_TURNS)]
        spot, name = draw_spot(generator, label, config), f"{prefix}-{number + 1:04d}"
        for shot in range(_SHOTS[number // len(_TURNS) % len(_SHOTS)]):
            image = f"{name}-{shot + 1}"
            phantom = lesion(generator, spot, config)
            write_atomic(folder / "images" / f"{image}.jpg", jpeg(phantom, name))
            lines.append(f"{name},{image},{_DX[label]}")
    write_atomic(folder / TABLES[0], ("\n".join(lines) + "\n").encode())
    return folder
