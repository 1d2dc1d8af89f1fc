"""Detection of each probe, by a detector trained and tested on the run's kept images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from plexor.audits.detector import detect
from plexor.audits.progress import Listener, Progress
from plexor.cases import read_image
from plexor.findings.example import StoredExample
from plexor.findings.run import RunDirectory
from plexor.visibility.array import Pixels


def detections(
    run: RunDirectory,
    probes: Sequence[str],
    groups: Mapping[str, str],
    *,
    seed: int,
    device: torch.device,
    report_progress: Listener,
) -> dict[str, dict[str, Any]]:
    """Probe → the detector's result as plain data; results that the run already has are reused.

    Uses the kept cases that the probe changed, of the commonest shape among them.

    Args:
        run: with all units of the probes done.
        probes: their ids.
        groups: case id → group.
        seed: of each detector.
        device: where to compute.
        report_progress: called after each probe.

    Raises:
        DataError: a kept image is damaged.
    """
    kept: dict[str, list[StoredExample]] = {probe: [] for probe in probes}
    for example in run.examples():
        if example.probe in kept:
            kept[example.probe].append(example)
    known = {probe: found for probe in probes if (found := run.detection(probe)) is not None}
    resumed = len(known)
    for probe in probes:
        if probe in known:
            continue
        known[probe] = _detected(kept[probe], groups, seed=seed, device=device)
        run.write_detection(probe, known[probe])
        report_progress(
            Progress(
                stage="detect",
                probe=f"detecting {probe}",
                done=len(known),
                total=len(probes),
                resumed=resumed,
            )
        )
    return {probe: known[probe] for probe in probes}


def _detected(
    kept: Sequence[StoredExample],
    groups: Mapping[str, str],
    *,
    seed: int,
    device: torch.device,
) -> dict[str, Any]:
    pairs: list[tuple[str, Pixels, Pixels]] = []
    for example in kept:
        before, after = (read_image(f).pixels for f in (example.original, example.perturbed))
        if not np.array_equal(before, after):
            pairs.append((groups[example.case_id], before, after))
    shapes = Counter(before.shape for _, before, _ in pairs)
    commonest = max(shapes, key=lambda shape: (shapes[shape], shape), default=())
    alike = [pair for pair in pairs if pair[1].shape == commonest]
    return detect(
        [before for _, before, _ in alike],
        [after for _, _, after in alike],
        [group for group, _, _ in alike],
        seed=seed,
        device=device,
    ).to_dict()
