"""Execution of one unit: images in, findings out. Uses no file and no clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from plexor.attacks.engine import halving, unreached
from plexor.attacks.judge import judge
from plexor.audits import row
from plexor.audits.unit import Unit
from plexor.cases import Case, Image, truth_of
from plexor.cases.image import LOSSLESS
from plexor.core.errors import DataError, OutageError, PlexorError
from plexor.findings import CLEAN, Example, Finding
from plexor.models.batch import MOST_NUMBERS, Batch
from plexor.models.features import Features
from plexor.models.model import Model, Waits, answer
from plexor.models.segmentation import Segmentation
from plexor.models.task import Task
from plexor.models.truth import encode

Outputs = tuple[float, ...]
_ABREAST = 4
"""Parts of a unit at once, of a model that is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitResult:
    """Outcome of a unit.

    Attributes:
        unit_id: id of the unit.
        findings: one row per case and container; a failed case has one row.
        examples: image files to keep.
        batch_size: the batch size that fitted into memory.
    """

    unit_id: str
    findings: list[Finding]
    examples: list[Example]
    batch_size: int


def execute(
    unit: Unit,
    images: Mapping[str, Image | PlexorError],
    model: Model,
    *,
    before: Mapping[str, Outputs],
    seed: int,
    batch_size: int,
    keep: Collection[str] = (),
    draws: int = 1,
) -> UnitResult:
    """Applies the unit's probe to each case, and has the judge measure the result.

    Args:
        unit: the probe and its cases.
        images: case id → the stored image, or the error raised on reading it.
        model: the audited model.
        before: case id → outputs for the untouched image; ignored by the clean probe. A case
            without outputs failed under the clean probe and fails here, too.
        seed: the run's.
        batch_size: cases per batch; fewer of images that together have more than ``MOST_NUMBERS``
            numbers, and when memory runs out. Findings depend on it only
            through the device's arithmetic: a convolution over another number of cases may sum in
            another order, and a change in the last bit may flip the sign of a gradient.
        keep: ids of the cases whose image files are kept.
        draws: number of times the judge asks the model about each image, see ``judge``.
    """
    rows: dict[str, list[Finding]] = {}
    examples: list[Example] = []
    groups: dict[object, list[_Member]] = defaultdict(list)
    for case in unit.cases:
        image = images[case.id]
        label = encoded(model.task, case, image) if isinstance(image, Image) else image
        if not isinstance(image, Image) or not isinstance(label, Tensor):
            rows[case.id] = [row.failed(case, unit.probe, str(label))]
        elif unit.probe.id != CLEAN and case.id not in before:
            rows[case.id] = [row.failed(case, unit.probe, "the untouched image had failed already")]
        else:
            groups[alike(image)].append((case, image, label))
    for members in groups.values():
        work = _Work(unit, members, model, before, seed, keep, draws)
        try:
            most = min(batch_size, max(1, MOST_NUMBERS // members[0][1].pixels.size))
            if isinstance(model, Waits) and model.waits:
                parts, fitting = _abreast(work, len(members), most), most
            else:
                parts, fitting = halving(work, len(members), most, model=model)
            batch_size = batch_size if fitting == most else fitting
            for found in parts:
                for case, findings, example in found:
                    rows[case.id] = findings
                    if example is not None:
                        examples.append(example)
        except OutageError:  # no fault of the cases: the audit ends, and can be resumed
            raise
        except PlexorError as error:
            rows |= {case.id: [row.failed(case, unit.probe, str(error))] for case, *_ in members}
    ordered = [finding for case in unit.cases for finding in rows[case.id]]
    return UnitResult(unit_id=unit.id, findings=ordered, examples=examples, batch_size=batch_size)


def alike(image: Image) -> object:
    """Key that is equal for images that may share a batch."""
    return (
        image.pixels.shape,
        tuple(image.containers),
        image.intensity.quantum > 0,
        tuple(image.masks),
        image.grid is not None and image.grid.axes.shape == (3, 3),
    )


def encoded(task: Task, case: Case, image: Image) -> Tensor | DataError:
    """The encoded label of a case, (...), or the error if it is missing or unknown."""
    try:
        return encode(task, [truth_of(case, image)])[0]
    except DataError as error:
        return DataError(f"{case.truth_mask}: {error}") if case.truth_mask else error


_Member = tuple[Case, Image, Tensor]
Found = list[tuple[Case, list[Finding], Example | None]]


def _abreast(work: _Work, n: int, most: int) -> list[Found]:
    """Parts of the cases in several threads: one computes while the others wait for answers."""
    size = min(most, -(-n // _ABREAST))
    parts = [slice(start, start + size) for start in range(0, n, size)]
    with ThreadPoolExecutor(_ABREAST, thread_name_prefix="cases") as pool:
        return list(pool.map(work, parts))


@dataclass(frozen=True, slots=True)
class _Work:
    """Work on cases of one shape; called on a slice of them."""

    unit: Unit
    members: Sequence[_Member]
    model: Model
    before: Mapping[str, Outputs]
    seed: int
    keep: Collection[str]
    draws: int

    def __call__(self, part: slice) -> Found:
        cases, images, labels = zip(*self.members[part], strict=True)
        model, probe = self.model, self.unit.probe
        ids = [case.id for case in cases]
        features = Features.of(cases, model.device)
        batch = Batch.of(ids, images, torch.stack(labels), model.device, features=features)
        batch = replace(batch, before=self._before(batch))
        attempted = torch.ones(len(batch), dtype=torch.bool)
        if probe.goal is not None:
            attempted = unreached(probe.goal, model.task, batch)
        proposal = probe.propose(model, batch, seed=self.seed)
        verdicts = judge(
            model,
            batch,
            images,
            proposal.delta,
            goal=probe.goal,
            threat=probe.threat,
            edits=proposal.edits,
            features=proposal.features,
            draws=self.draws,
            keep=self.keep,
        )
        lossless = verdicts[LOSSLESS]
        before = batch.before
        if before is None:
            before = torch.stack([torch.from_numpy(verdict.outputs) for verdict in lossless])
        starts = row.started(
            model.task,
            probe,
            list(zip(cases, images, strict=True)),
            truth=batch.truth,
            before=before,
            attempted=attempted,
            proposal=proposal,
            features=proposal.features or batch.features,
        )
        truth, by_position = batch.truth, proposal.by_position
        del batch, proposal  # as large as the images
        seen = row.seen(images, lossless, self.unit.visibility)
        found: Found = []
        for i, case in enumerate(cases):
            findings = [
                row.judged(starts[i], name, judged[i], seen[i] if name == LOSSLESS else row.UNSEEN)
                for name, judged in verdicts.items()
            ]
            kept = None
            if case.id in self.keep:
                container = row.kept_as(verdicts, i)
                kept = row.example(
                    model.task,
                    case,
                    probe,
                    images[i],
                    verdicts[container][i],
                    container=container,
                    truth=truth[i],
                    before=before[i],
                    by_position=None if by_position is None else by_position[i],
                )
            found.append((case, findings, kept))
        return found

    def _before(self, batch: Batch) -> Tensor | None:
        """The outputs for the untouched images; None for the clean probe, which computes them.

        Outputs of a segmentation are too large to keep and are computed again.
        """
        if isinstance(self.model.task, Segmentation):
            with torch.no_grad():
                return answer(self.model, batch, batch.images)
        if self.unit.probe.id == CLEAN:
            return None
        known = torch.tensor([self.before[case_id] for case_id in batch.ids])
        return known.to(self.model.device)
