"""The row of a case that could not be judged."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import torch

from plexor.audits import row
from plexor.cases.case import Case
from plexor.probes.clean import CleanProbe


def test_a_failed_case_is_neither_attempted_nor_reached_nor_within_the_threat() -> None:
    case = Case(id="a", path=Path("a.png"), truth="nv", group="g")
    found = row.failed(case, CleanProbe(), "damaged")
    assert (found.case_id, found.group, found.truth, found.probe) == ("a", "g", "nv", "clean")
    assert (found.status, found.error, found.stored) == ("failed", "damaged", "lossless")
    assert not any((found.attempted, found.reached, found.within_threat))
    assert math.isnan(found.linf)
    assert math.isnan(found.margin_after)


def test_margins_by_position_are_kept_as_numpy_reads_them() -> None:
    margins = torch.tensor([[0.5, -1.0], [float("nan"), 2.0]])
    kept = np.load(io.BytesIO(row._array(margins)), allow_pickle=False)
    np.testing.assert_array_equal(kept, margins.numpy())
