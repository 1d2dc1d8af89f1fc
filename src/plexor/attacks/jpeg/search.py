"""Perturbations of the quantised coefficients of JPEG files."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from plexor.attacks.description import EVERY_TASK
from plexor.attacks.goals import Goal, LossKind
from plexor.attacks.jpeg.decode import Decoder
from plexor.attacks.jpeg.moves import Moves
from plexor.attacks.objective import Objective
from plexor.attacks.options import check_counts, check_names, check_norm
from plexor.attacks.proposal import Proposal
from plexor.attacks.threat import Threat
from plexor.cases.formats.coefficients import Coefficients, read_coefficients
from plexor.cases.image import OWN, EditingCodec
from plexor.core.errors import DataError, PlanError
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class JPEGCoefficients:
    """Changes the quantised coefficients of a JPEG file by whole steps.

    The proposal is bit for bit what a JPEG with the file's tables and subsampling decodes to, so
    that storing it as such a JPEG loses nothing. The radius holds for the decoded image; with a
    coarse quantisation table, few changes or none are within a radius of one or two levels. JPEG
    inside DICOM is not supported.

    Each step starts from the file and goes along the sum of all gradients so far, each scaled to
    length 1. Under L∞, every block gets one change after another, ranked by first-order gain over
    the greatest change of a pixel, while one fits within the radius: luma first, then chroma. Under
    L2, changes are ranked by first-order gain over squared length, as many as the radius allows.

    Attributes:
        steps: number of gradients.
        several: under L∞, greatest number of changes in a block.
        loss: the loss that is maximised, see ``PGD``.
    """

    access: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = "Plexor's own; the decoder is libjpeg-turbo's, to the bit"
    summary: ClassVar[str] = (
        "changes the file's own quantised coefficients, so that it stays a JPEG with its tables"
    )

    steps: int = 8
    several: int = 64
    loss: LossKind = "margin"

    def __post_init__(self) -> None:
        check_names("jpeg", loss=self.loss)
        check_counts("jpeg", steps=self.steps)
        if not 1 <= self.several <= 64:
            raise PlanError(f"jpeg: `several` must be from 1 to 64, got {self.several}")

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the best JPEG seen; no change where none raises the margin.

        Raises:
            DataError: an image is not from a JPEG file whose coefficients can be written.
            MissingExtraError: jpeglib is not installed.
            PlanError: the threat is in L1 or L0.
        """
        check_norm("jpeg", threat, self.norms)
        codecs = [image.containers.get(OWN) for image in batch.stored]
        sources = [codec.source for codec in codecs if isinstance(codec, EditingCodec)]
        if len(sources) < len(batch):
            raise DataError(
                "jpeg: expected images from JPEG files, grey or with a subsampling of 4:4:4, 4:2:2 "
                "or 4:2:0, found others (JPEG inside DICOM is not searched); use pgd or lattice"
            )
        files = [read_coefficients(source) for source in sources]
        objective = Objective(model, batch, goal)
        delta = torch.zeros_like(batch.images)
        found = list(files)
        for rows in _alike(files):
            index = torch.tensor(rows, device=delta.device)
            some = [files[row] for row in rows]
            planes, changed = self._search(objective.select(index), threat, some)
            delta[index] = changed
            for row, *moved in zip(rows, *(p.cpu().numpy() for p in planes), strict=True):
                found[row] = replace(files[row], planes=tuple(p.astype(np.int16) for p in moved))
        return replace(objective.proposal(delta), edits=tuple(found))

    def _search(
        self, objective: Objective, threat: Threat, files: list[Coefficients]
    ) -> tuple[list[Tensor], Tensor]:
        """The best planes for files of one layout, and the changes of pixels, float32."""
        batch = objective.batch
        height, width = batch.images.shape[2:]
        moves = Moves(Decoder.of(files, (height, width), batch.images.device), batch, threat)
        untouched = [
            torch.from_numpy(np.stack([file.planes[i] for file in files])).to(batch.images).double()
            for i in range(len(files[0].planes))
        ]
        if bool(moves.delta(untouched).any()):
            raise DataError(
                "jpeg: expected files that decode as by libjpeg-turbo, found other pixels; use pgd "
                "or lattice"
            )
        best, margins = list(untouched), objective.untouched()
        slopes = [torch.zeros_like(plane) for plane in untouched]
        trial = untouched
        for _ in range(self.steps):
            margin, gradients = self._gradient(objective, moves, trial)
            best = _chosen(margin > margins, trial, best)
            margins = torch.maximum(margins, margin)
            slopes = _summed(slopes, gradients)
            if threat.norm == "l2":
                trial = moves.furthest(untouched, slopes)
            else:
                trial = moves.filled(untouched, slopes, several=self.several)
        margin = objective.margin(moves.delta(trial).float())
        best = _chosen(margin > margins, trial, best)
        return best, moves.delta(best).float()

    def _gradient(
        self, objective: Objective, moves: Moves, planes: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """Margin (N,), and the gradient of the loss in the coefficients of each plane."""
        inputs = [plane.detach().clone().requires_grad_() for plane in planes]
        with torch.enable_grad():
            delta = moves.delta(inputs)
        margin, _, slope = objective.gradient(delta.detach().float(), self.loss)
        return margin, list(torch.autograd.grad(delta, inputs, slope.double()))


def _alike(files: list[Coefficients]) -> list[list[int]]:
    """Indices of files grouped by layout: equal but for tables and coefficients."""
    groups: dict[object, list[int]] = defaultdict(list)
    for row, file in enumerate(files):
        groups[tuple(p.shape for p in file.planes), file.factors].append(row)
    return list(groups.values())


def _chosen(where: Tensor, these: list[Tensor], those: list[Tensor]) -> list[Tensor]:
    """Planes of ``these`` where ``where`` (N,) holds, of ``those`` elsewhere."""
    wide = where.view(-1, 1, 1, 1, 1)
    return [this.where(wide, that) for this, that in zip(these, those, strict=True)]


def _summed(sums: list[Tensor], gradients: list[Tensor]) -> list[Tensor]:
    """The sums plus one more gradient, scaled to length 1 over all planes."""
    squares = torch.stack([gradient.flatten(1).square().sum(1) for gradient in gradients]).sum(0)
    length = squares.sqrt().clamp(min=1e-30).view(-1, 1, 1, 1, 1)
    return [one + gradient / length for one, gradient in zip(sums, gradients, strict=True)]
