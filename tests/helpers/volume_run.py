"""A run on volumes whose examples are known voxel by voxel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from tests.helpers import task_run

from plexor.findings.example import Example
from plexor.findings.run import RunDirectory

SIZE = (12, 14, 10)
SPACING = (2.0, 2.0, 3.0)
NIFTI_1: Any = nib.Nifti1Image
PROBE = "pgd-deviate-5-linf-2"


def pixels(dtype: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Original and perturbed, of three changes at most."""
    draw = np.random.default_rng(0)
    original = draw.integers(3, 250, SIZE)
    original[0, 0, 0] = 0  # nothing is symmetric about it
    change = draw.integers(-3, 4, SIZE)
    change.flat[1] = 3
    change[0, 0, 0] = 0
    if dtype == "float32":
        return (original / 7).astype(dtype), ((original + change) / 7).astype(dtype)
    return original.astype(dtype), (original + change).astype(dtype)


def nifti(array: NDArray[Any], *, to_left: bool, placed: bool) -> bytes:
    """A file whose first axis runs to the right, or to the left; or that does not say."""
    affine = np.diag([-SPACING[0] if to_left else SPACING[0], *SPACING[1:], 1.0])
    image = NIFTI_1(array, affine)
    if not placed:
        image.set_sform(None, 0)
        image.set_qform(None, 0)
    data: bytes = image.to_bytes()
    return data


def write(
    path: Path, *, dtype: str, n_cases: int = 1, to_left: bool = False, placed: bool = True
) -> RunDirectory:
    """The run: a model of a number, one attack."""
    run = task_run.write(path, task_run.AGE, task_run.DEVIATE, task_run.numbers("deviate"))
    original, perturbed = (nifti(one, to_left=to_left, placed=placed) for one in pixels(dtype))
    ids = sorted(run.findings()["case_id"].unique())[:n_cases]
    examples = [
        Example(case_id=case_id, probe=PROBE, original=original, perturbed=perturbed, suffix=".nii")
        for case_id in ids
    ]
    run.write_unit("examples", [], examples)
    return run
