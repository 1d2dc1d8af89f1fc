"""Films without tags, and tags planted on them with a chosen association with the label."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from plexor.cases import Image, load_cohort, read_image
from plexor.cases.intensity import Intensity
from plexor.cases.phantoms.chest import LABELS, draw_chest
from plexor.cases.phantoms.marker import letters
from plexor.cases.phantoms.radiography import RadiographConfig, radiograph
from plexor.shortcuts.find import Box, Tag

SIDE = 64
"""Height and width of every film, in pixels."""
Aspect = Literal["presence", "letter", "position", "size", "brightness", "stratum"]
ASPECTS: tuple[Aspect, ...] = ("presence", "letter", "position", "size", "brightness")
Rng = np.random.Generator
_MARGIN, _PLACES = 2, 10
"""Pixels between a tag and the border, and over which its place varies."""
_TONES = (0.62, 0.98)
_PRESENT = (0.1, 0.9)
"""How often a tag is present in each stratum."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """Films without tags, from which those of each network are drawn.

    Attributes:
        pixels: (n, SIDE, SIDE) uint8.
        positive: whether each shows the finding, (n,).
        groups: the patient of each, (n,).
    """

    pixels: NDArray[np.uint8]
    positive: NDArray[np.bool_]
    groups: NDArray[np.str_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Planted:
    """Films of one network, with their tags.

    Attributes:
        images: one a film.
        tags: the tag of each; None where there is none.
        positive: whether each shows the finding.
        groups: the patient of each.
        stratum: 0 or 1; a film of stratum 1 is mirrored. 0 where no stratum is planted.
    """

    images: list[Image]
    tags: list[Tag | None]
    positive: NDArray[np.bool_]
    groups: list[str]
    stratum: NDArray[np.int64]


def phantoms(n: int, *, seed: int = 0) -> Pool:
    """Drawn chests, of which half have an opacity, each of a patient of its own."""
    config = RadiographConfig(
        height=SIDE, width=SIDE, marker_presence=(0.0, 0.0), contrast=(0.12, 0.3)
    )
    draw = np.random.default_rng(seed)
    films = [radiograph(draw, draw_chest(draw, LABELS[i % 2]), config) for i in range(n)]
    return Pool(
        pixels=np.stack([film.pixels[0] for film in films]).astype(np.uint8),
        positive=np.arange(n) % 2 == 1,
        groups=np.array([f"patient-{i}" for i in range(n)]),
    )


def real_films(manifest: Path) -> Pool:
    """Films of a manifest, averaged to SIDE × SIDE pixels; their own tags must be gone."""
    cohort = load_cohort(manifest)
    small = []
    for case in cohort.cases:
        image = read_image(case.path)
        whole = torch.from_numpy(image.pixels[:1].astype(np.float32))[None]
        shrunk = functional.interpolate(whole, size=(SIDE, SIDE), mode="bilinear", antialias=True)
        small.append(np.clip(np.round(np.asarray(shrunk[0, 0])), 0, 255).astype(np.uint8))
    return Pool(
        pixels=np.stack(small),
        positive=np.array([case.truth == cohort.classes[1] for case in cohort.cases]),
        groups=np.array([case.group for case in cohort.cases]),
    )


def with_drawn_labels(pool: Pool, *, seed: int = 0) -> Pool:
    """The negative films, half of their patients called positive at random.

    Nothing but a planted tag tells these labels.
    """
    kept = ~pool.positive
    groups = pool.groups[kept]
    names = np.random.default_rng(seed).permutation(np.unique(groups))
    called = np.isin(groups, names[: len(names) // 2])
    return Pool(pixels=pool.pixels[kept], positive=called, groups=groups)


def deal(pool: Pool, sizes: tuple[int, int], rng: Rng) -> tuple[NDArray[Any], NDArray[Any]]:
    """Films to train on and to test on, half positive each; no patient is in both.

    Returns:
        Their indices, negatives first.
    """
    taken: tuple[list[int], list[int]] = ([], [])
    known: dict[str, int] = {}
    left = {(part, side): sizes[part] // 2 for part in (0, 1) for side in (False, True)}
    order = rng.permutation(len(pool.positive))
    first = {str(pool.groups[index]): place for place, index in reversed(list(enumerate(order)))}
    # all films of a patient one after the other, so that few patients are begun and not finished
    for index in sorted(order, key=lambda index: first[str(pool.groups[index])]):
        side, group = bool(pool.positive[index]), str(pool.groups[index])
        parts = [known[group]] if group in known else [1, 0]
        part = next((part for part in parts if left[part, side]), None)
        if part is None:
            continue
        known[group] = part
        left[part, side] -= 1
        taken[part].append(int(index))
    if any(left.values()):
        raise ValueError(f"too few films: {sum(left.values())} of {sum(sizes)} are missing")
    train, test = (sorted(part, key=lambda i: bool(pool.positive[i])) for part in taken)
    return np.array(train), np.array(test)


def plant(pool: Pool, indices: NDArray[Any], aspect: Aspect, phi: float, rng: Rng) -> Planted:
    """Plants a tag on each film, of which one aspect goes with the label.

    The aspect has two values, each on half of the films; its phi coefficient with the label is
    ``phi``, up to half a film. All other aspects are drawn at random for each film.

    Args:
        pool: films.
        indices: of the films, half positive.
        aspect: what goes with the label; "stratum" mirrors films, and a tag is present on
            90 % of these and 10 % of the others, whatever their label.
        phi: 0 to 1.
        rng: of all draws.
    """
    positive = pool.positive[indices]
    high = np.zeros(len(indices), dtype=int)
    for side, share in ((True, (1 + phi) / 2), (False, (1 - phi) / 2)):
        members = np.flatnonzero(positive == side)
        high[rng.permutation(members)[: round(share * len(members))]] = 1
    images, tags = [], []
    for film, value in zip(pool.pixels[indices], high, strict=True):
        look = {name: int(rng.integers(2)) for name in ("letter", "position", "size", "brightness")}
        present = True
        pixels = film.copy()
        if aspect == "presence":
            present = bool(value)
        elif aspect == "stratum":
            present = bool(rng.uniform() < _PRESENT[value])
            pixels = pixels[:, ::-1].copy() if value else pixels
        else:
            look[aspect] = int(value)
        tag = _burn(pixels, look, rng) if present else None
        span = Intensity(low=0.0, high=255.0)
        images.append(Image(pixels=pixels[None], intensity=span, containers={}))
        tags.append(tag)
    return Planted(
        images=images,
        tags=tags,
        positive=positive,
        groups=[str(group) for group in pool.groups[indices]],
        stratum=high if aspect == "stratum" else np.zeros_like(high),
    )


def _burn(pixels: NDArray[np.uint8], look: dict[str, int], rng: Rng) -> Tag:
    """Burns a letter into pixels, in place."""
    letter = "RL"[look["letter"]]
    ink = letters(letter, 1 + look["size"]) > 0.5
    height, width = ink.shape
    x, y = (int(_MARGIN + rng.integers(_PLACES)) for _ in range(2))
    if look["position"]:
        x = SIDE - width - x
    part = pixels[y : y + height, x : x + width]
    part[ink] = round(255 * (_TONES[look["brightness"]] + rng.uniform(-0.02, 0.02)))
    return Tag(box=Box(x0=x, y0=y, x1=x + width, y1=y + height), kind="laterality", text=letter)
