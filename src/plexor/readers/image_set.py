"""A blinded set of perturbed and original images on paper or disk, for readers."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from plexor.cases.formats import read_image
from plexor.cases.formats.png import PngCodec
from plexor.cases.image import LOSSLESS, Pixels
from plexor.core.csv_text import csv_text
from plexor.core.errors import DataError, PlanError, unknown
from plexor.core.files import write_atomic
from plexor.core.ids import digest_bytes
from plexor.findings.example import StoredExample
from plexor.findings.run import RunDirectory

_COLUMNS = ("id", "arm", "case_id", "group", "truth", "probe", "sha256", "seed")
_SAME_TIME = 946_684_800
"""Date of every file, 2000-01-01, since dates would reveal the order of writing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSet:
    """The image set that was written.

    Attributes:
        folder: the images, and ``answers.csv`` to be filled in.
        key: which image is which; not for the readers.
        n_perturbed: number of perturbed images.
        n_original: number of original images.
    """

    folder: Path
    key: Path
    n_perturbed: int
    n_original: int


def draw_image_set(
    run: RunDirectory,
    probe: str,
    *,
    folder: Path,
    key: Path,
    n_perturbed: int = 30,
    n_original: int = 20,
    balance_classes: bool = False,
    seed: int | None = None,
) -> ImageSet:
    """Draws cases from the examples of a run, and writes them blinded.

    Every case occurs once, perturbed or not. No second image of a group is taken while other groups
    are left, and within each class the two arms are mixed in the set's proportions. Defaults as in
    Allyn et al., Medicine 2020;99(50):e23568.

    Names are random, and nothing else visible in a folder distinguishes the arms: all files are PNG
    without compression or metadata, so of the size of their image, and of one date.

    Args:
        run: a finished run; ``n_examples`` of its plan sets how many cases it keeps.
        probe: the attack or control whose images are shown, e.g. "pgd-linf-2".
        folder: folder for the images; absent or empty.
        key: a new CSV file outside of ``folder``.
        n_perturbed: number of images from the probe, which must have changed them.
        n_original: number of untouched images.
        balance_classes: draw from the classes in turn instead of by their frequency.
        seed: seed of the draw, kept in the key; by default a new one, so that the key cannot be
            derived from the run.

    Raises:
        PlanError: an unknown probe, fewer examples than images wanted, or a key within the folder.
        DataError: ``folder`` or ``key`` holds something already, or an image is not 8-bit and 2D.
    """
    _check(folder, key, n_perturbed, n_original)
    seed = secrets.randbits(32) if seed is None else seed
    rng = np.random.default_rng(seed)
    about = _about(run, probe)
    kept = {e.case_id: e for e in run.examples() if e.probe == probe}
    examples = {case_id: e for case_id, e in kept.items() if case_id in about.index}
    wanted = n_perturbed + n_original
    if len(examples) < wanted:
        raise PlanError(
            f"image set: {wanted} images are wanted, but {run.path} keeps {len(examples)} that "
            f"{probe} changed, of {len(kept)} kept; audit with a greater `n_examples`, or ask for "
            "fewer"
        )
    chosen = choose_cases(about.loc[sorted(examples)], wanted, rng, balance_classes=balance_classes)
    arms = _dealt(chosen, n_perturbed)
    names = _names(wanted, rng)
    rows = []
    for number in rng.permutation(wanted):
        case_id, perturbed = str(chosen.index[number]), bool(arms[number])
        data = PngCodec(packed=False).encode(_shown(examples[case_id], perturbed=perturbed))
        _write(folder / f"{names[number]}.png", data)
        arm = "perturbed" if perturbed else "original"
        truth, group = chosen.loc[case_id, ["truth", "group"]]
        rows.append((names[number], arm, case_id, group, truth, probe, digest_bytes(data), seed))
    _write(folder / "answers.csv", _csv(("id", "altered"), [(name, "") for name in sorted(names)]))
    write_atomic(key, _csv(_COLUMNS, sorted(rows)))
    return ImageSet(folder=folder, key=key, n_perturbed=n_perturbed, n_original=n_original)


def _check(folder: Path, key: Path, n_perturbed: int, n_original: int) -> None:
    if min(n_perturbed, n_original) < 0 or n_perturbed + n_original < 1:
        raise PlanError(
            f"image set: expected one image or more, got {n_perturbed} perturbed and "
            f"{n_original} original"
        )
    if key.resolve().is_relative_to(folder.resolve()):
        raise PlanError(
            f"image set: the key {key} would lie in {folder}, which readers see; keep it elsewhere"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} is not an empty folder; choose another")
    if key.exists():
        raise DataError(f"{key} exists, and a key is never overwritten; choose another name")


def _about(run: RunDirectory, probe: str) -> pd.DataFrame:
    """Truth and group of the cases that a probe changed, by case."""
    findings = run.findings()
    if probe not in set(findings["probe"]):
        raise PlanError(unknown("probe", probe, set(findings["probe"])))
    rows = findings[(findings["probe"] == probe) & (findings["stored"] == LOSSLESS)]
    return rows[(rows["status"] == "ok") & (rows["l0"] > 0)].set_index("case_id")


def choose_cases(
    about: pd.DataFrame, n: int, rng: np.random.Generator, *, balance_classes: bool
) -> pd.DataFrame:
    """Draws ``n`` cases; no second case of a group while other groups are left.

    Args:
        about: one row for each case, indexed by case, with the columns "truth" and "group".
        n: number of cases.
        rng: generator of the draw.
        balance_classes: draw from the classes in turn.

    Returns:
        The rows drawn, sorted by class.
    """
    drawn = about.iloc[rng.permutation(len(about))]
    turns = [drawn.groupby("group").cumcount()]
    if balance_classes:
        # the order of groups in a class, and of images in a group, is random
        turns.append(
            drawn.assign(turn=turns[0])
            .sort_values("turn", kind="stable")
            .groupby("truth")
            .cumcount()
            .reindex(drawn.index)
        )
    order = np.lexsort([turn.to_numpy() for turn in turns])
    return drawn.iloc[order[:n]].sort_values("truth", kind="stable")


def _dealt(chosen: pd.DataFrame, n_perturbed: int) -> Sequence[bool]:
    """Chooses the perturbed cases, evenly spread over the order."""
    n = len(chosen)
    return [(i + 1) * n_perturbed // n > i * n_perturbed // n for i in range(n)]


def _names(n: int, rng: np.random.Generator) -> list[str]:
    """Distinct random names of six letters and digits."""
    return [f"{number:06x}" for number in rng.choice(16**6, size=n, replace=False)]


def _shown(example: StoredExample, *, perturbed: bool) -> Pixels:
    image = read_image(example.perturbed if perturbed else example.original)
    pixels = image.pixels
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or len(pixels) not in (1, 3):
        raise DataError(
            f"image set: {example.case_id} is {pixels.dtype} of shape {pixels.shape}, expected "
            "8-bit grey or colour in 2D; other images need a viewer with a window"
        )
    return pixels


def _write(path: Path, data: bytes) -> None:
    write_atomic(path, data)
    os.utime(path, (_SAME_TIME, _SAME_TIME))


def _csv(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    return csv_text(columns, rows).encode()
