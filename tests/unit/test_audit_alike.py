"""Which images share a batch."""

from __future__ import annotations

import numpy as np
from tests.helpers import volume_run

from plexor.audits.execute import alike
from plexor.cases.formats.nifti import decode_nifti


def test_a_volume_that_does_not_say_where_it_lies_does_not_share_a_batch() -> None:
    """A batch has axes only where all of its volumes have: one would make the others fail."""
    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    placed, unplaced = (
        decode_nifti(volume_run.nifti(voxels, to_left=False, placed=there))
        for there in (True, False)
    )
    assert alike(placed) != alike(unplaced)
    assert alike(placed) == alike(decode_nifti(volume_run.nifti(voxels, to_left=True, placed=True)))
