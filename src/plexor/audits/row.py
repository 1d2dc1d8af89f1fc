"""Rows of findings, and the examples stored beside them, from the judge's measurements."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from plexor.attacks.judge import Verdict
from plexor.attacks.outlined_area import sizes
from plexor.attacks.proposal import Proposal
from plexor.cases import LOSSLESS, Case, Image
from plexor.cases.image import EditingCodec
from plexor.findings import CLEAN, Example, Finding
from plexor.findings.schema import NOT_FINITE
from plexor.models.features import Features
from plexor.models.segmentation import Segmentation
from plexor.models.task import Task
from plexor.models.truth import in_words
from plexor.probes import Probe
from plexor.visibility import Sight, Visibility
from plexor.visibility.colour import ColourDifference
from plexor.visibility.sight import Pair, look_at_all

UNSEEN = Sight(
    psnr=math.nan, ssim=math.nan, delta_e=ColourDifference.unknown(), responses=(), levels=()
)
"""Visibility of a change in a container in which it is not measured."""


def started(
    task: Task,
    probe: Probe,
    members: Sequence[tuple[Case, Image]],
    *,
    truth: Tensor,
    before: Tensor,
    attempted: Tensor,
    proposal: Proposal,
    features: Features | None = None,
) -> list[Finding]:
    """Starts the row of each case, before its proposal is judged.

    Args:
        task: the model's.
        probe: the probe.
        members: cases and their stored images.
        truth: the cases' labels, (N, ...).
        before: outputs for the untouched images, (N, ...).
        attempted: whether the goal was not met already, (N,) bool.
        proposal: the attack's proposal.
        features: given to the model with the images as changed.
    """
    outlined = isinstance(task, Segmentation)
    decided = task.decide(before)
    decisions, truths = in_words(task, decided), in_words(task, truth)
    tried, reaching = _counted(proposal, attempted)
    rows = [
        Finding(
            case_id=case.id,
            group=case.group,
            truth=truths[i] if outlined else str(case.truth),
            probe=probe.id,
            stored=LOSSLESS,
            decision_before=decisions[i],
            outputs_before=() if outlined else tuple(before[i].tolist()),
            attempted=bool(attempted[i]),
            n_gradients=int(proposal.n_gradients[i]),
            n_forwards=int(proposal.n_forwards[i]),
            found_by=proposal.found_by[i] if proposal.found_by else "",
            positions_tried=tried[i],
            positions_reaching=reaching[i],
            features=() if features is None else tuple(features.values[i].tolist()),
        )
        for i, (case, _) in enumerate(members)
    ]
    if not isinstance(task, Segmentation):
        return rows
    dice = task.dice(decided, truth).tolist()
    size_truth, size_before = sizes(task, truth).tolist(), sizes(task, decided).tolist()
    return [
        replace(
            row,
            dice_before=tuple(dice[i]),
            size_truth=tuple(size_truth[i]),
            size_before=tuple(size_before[i]),
            spacing_mm=image.spacing_mm or (),
        )
        for i, (row, (_, image)) in enumerate(zip(rows, members, strict=True))
    ]


def _counted(proposal: Proposal, attempted: Tensor) -> tuple[list[float], list[float]]:
    """Number of positions tried alone, and of those that reach the goal, per case; NaN if none."""
    if proposal.by_position is None:
        unknown = [math.nan] * len(attempted)
        return unknown, unknown
    margins = proposal.by_position.flatten(1)
    counts = torch.stack([~margins.isnan(), margins > 0]).sum(dim=2).double()
    tried, reaching = counts.where(attempted, torch.nan).tolist()
    return tried, reaching


def judged(start: Finding, container: str, verdict: Verdict, sight: Sight) -> Finding:
    """Fills the row of a case in one container.

    Args:
        start: see ``started``.
        container: the container.
        verdict: measured in it.
        sight: visibility of the change; ``UNSEEN`` but in the lossless container.
    """
    if not np.isfinite(verdict.outputs).all():
        return Finding(
            case_id=start.case_id,
            group=start.group,
            truth=start.truth,
            probe=start.probe,
            stored=container,
            status="failed",
            error=NOT_FINITE,
            attempted=False,
            within_threat=False,
            n_gradients=start.n_gradients,
            n_forwards=start.n_forwards,
            found_by=start.found_by,
        )
    outline = verdict.outline
    row = replace(
        start,
        stored=container,
        decision_after=verdict.decision,
        outputs_after=() if outline else tuple(verdict.outputs.tolist()),
        margin_after=verdict.margin,
        reached=verdict.within_threat and verdict.margin > 0,
        reached_share=verdict.share if verdict.within_threat else 0.0 * verdict.share,
        within_threat=verdict.within_threat,
        linf=verdict.distances.linf,
        l2=verdict.distances.l2,
        l1=verdict.distances.l1,
        l0=verdict.distances.l0,
        coefficients=verdict.n_changed,
        psnr=sight.psnr,
        ssim=sight.ssim,
        delta_e_mean=sight.delta_e.mean,
        delta_e_p95=sight.delta_e.p95,
        delta_e_max=sight.delta_e.max,
        responses=sight.responses,
        levels=sight.levels,
    )
    if outline is None:
        return row
    return replace(
        row,
        dice_after=tuple(outline.dice.tolist()),
        agreement=tuple(outline.agreement.tolist()),
        size_after=tuple(outline.size.tolist()),
        moved=tuple(outline.moved.tolist()),
    )


def seen(images: Sequence[Image], verdicts: Sequence[Verdict], settings: Visibility) -> list[Sight]:
    """Visibility of the change to each case, in its lossless file."""
    pairs = [
        Pair(
            original=image.pixels,
            other=verdict.pixels,
            low=image.intensity.low,
            span=image.intensity.span,
            quantum=image.intensity.quantum,
            padding=image.padding,
        )
        for image, verdict in zip(images, verdicts, strict=True)
    ]
    return look_at_all(pairs, settings)


def failed(case: Case, probe: Probe, error: str) -> Finding:
    """The row of a case that could not be judged."""
    return Finding(
        case_id=case.id,
        group=case.group,
        truth=str(case.truth),
        probe=probe.id,
        stored=LOSSLESS,
        status="failed",
        attempted=False,
        within_threat=False,
        error=error,
    )


def kept_as(verdicts: Mapping[str, Sequence[Verdict]], i: int) -> str:
    """The container of a stored example: one written from an edit of its file, else lossless."""
    edited = (name for name in verdicts if not np.isnan(verdicts[name][i].n_changed))
    return next(edited, LOSSLESS)


def example(
    task: Task,
    case: Case,
    probe: Probe,
    image: Image,
    verdict: Verdict,
    *,
    container: str,
    truth: Tensor,
    before: Tensor,
    by_position: Tensor | None,
) -> Example | None:
    """A case's files for the report; None for the clean probe.

    Args:
        task: the model's.
        case: the case.
        probe: the probe.
        image: as stored.
        verdict: the verdict in a container that stores the proposal exactly.
        container: that container.
        truth: the case's label, (...).
        before: the model's outputs for the untouched image, (...).
        by_position: greatest margin that a change of each position alone reached, (*spatial), if
            known.
    """
    if probe.id == CLEAN:
        return None
    codec = image.containers[container]
    labels = b""
    if isinstance(task, Segmentation):
        after = task.decide(torch.from_numpy(verdict.outputs)[None])[0]
        labels = _packed(truth=truth, before=task.decide(before[None])[0], after=after)
    return Example(
        case_id=case.id,
        probe=probe.id,
        original=codec.source if isinstance(codec, EditingCodec) else codec.encode(image.pixels),
        perturbed=verdict.data,
        suffix=codec.suffix,
        labels=labels,
        by_position=b"" if by_position is None else _array(by_position),
    )


def _packed(*, truth: Tensor, before: Tensor, after: Tensor) -> bytes:
    """Label masks (*spatial) as an npz file."""
    file = io.BytesIO()
    small = {
        name: mask.cpu().numpy().astype(np.uint16)
        for name, mask in (("truth", truth), ("before", before), ("after", after))
    }
    np.savez_compressed(file, **small)  # type: ignore[arg-type]
    return file.getvalue()


def _array(numbers: Tensor) -> bytes:
    """As an npy file."""
    file = io.BytesIO()
    np.save(file, numbers.numpy(), allow_pickle=False)
    return file.getvalue()
