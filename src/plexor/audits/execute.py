"""Carries out one unit: images in, findings out. Touches no file and no clock."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from plexor.attacks.control import matched_noise
from plexor.attacks.engine import halving, propose
from plexor.attacks.judge import Verdict, judge
from plexor.attacks.proposal import Proposal
from plexor.audits.plan import Probe
from plexor.audits.unit import Unit
from plexor.cases import Case, Image
from plexor.cases.image import LOSSLESS
from plexor.core.errors import PlexorError
from plexor.core.seeds import seed_for
from plexor.findings import CLEAN, Example, Finding
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.models.task import encode, in_words

Outputs = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitResult:
    """What a unit came to.

    Attributes:
        unit_id: the unit's.
        findings: one row a case and container; a failed case has one row.
        examples: image files to keep.
        batch_size: what fitted into memory.
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
) -> UnitResult:
    """Does what the unit's probe says to each case.

    Args:
        unit: probe and cases.
        images: case id → the stored image, or why it could not be read.
        model: what is audited.
        before: case id → outputs for the untouched image; not looked at by the clean probe. A case
            without is one that failed clean, and fails here.
        seed: the run's.
        batch_size: cases at a time; fewer when memory runs out. Findings depend on it by the
            device's arithmetic only: a convolution over another number of cases may sum in another
            order, and an attack follows a last bit that changes a gradient's sign.
        keep: ids of cases whose image files are wanted.
    """
    rows: dict[str, list[Finding]] = {}
    examples: list[Example] = []
    groups: dict[object, list[tuple[Case, Image]]] = defaultdict(list)
    for case in unit.cases:
        image = images[case.id]
        if not isinstance(image, Image):
            rows[case.id] = [_failed(case, unit.probe, str(image))]
        elif unit.probe.id != CLEAN and case.id not in before:
            rows[case.id] = [_failed(case, unit.probe, "failed before anything was done to it")]
        else:
            groups[alike(image)].append((case, image))
    for members in groups.values():
        work = _Work(unit.probe, members, model, before, seed, keep)
        try:
            parts, batch_size = halving(work, len(members), batch_size)
            for found in parts:
                for case, findings, example in found:
                    rows[case.id] = findings
                    if example is not None:
                        examples.append(example)
        except PlexorError as error:
            rows |= {case.id: [_failed(case, unit.probe, str(error))] for case, _ in members}
    ordered = [finding for case in unit.cases for finding in rows[case.id]]
    return UnitResult(unit_id=unit.id, findings=ordered, examples=examples, batch_size=batch_size)


def alike(image: Image) -> object:
    """Equal for images that can be in one batch."""
    return (
        image.pixels.shape,
        tuple(image.containers),
        image.intensity.quantum > 0,
        tuple(image.masks),
    )


Found = list[tuple[Case, list[Finding], Example | None]]


@dataclass(frozen=True, slots=True)
class _Work:
    """Cases of one shape; called on a slice of them."""

    probe: Probe
    members: Sequence[tuple[Case, Image]]
    model: Model
    before: Mapping[str, Outputs]
    seed: int
    keep: Collection[str]

    def __call__(self, part: slice) -> Found:
        cases, images = zip(*self.members[part], strict=True)
        model, probe = self.model, self.probe
        truth = encode(model.task, [case.truth for case in cases])
        batch = Batch.of([case.id for case in cases], images, truth, model.device)
        if probe.threat is not None:
            known = torch.tensor([self.before[case_id] for case_id in batch.ids])
            batch = replace(batch, before=known.to(model.device))
        attempted, proposal = self._proposed(batch)
        verdicts = judge(model, batch, images, proposal.delta, goal=probe.goal, threat=probe.threat)
        lossless = verdicts[LOSSLESS]
        before = batch.before
        if before is None:
            before = torch.stack([torch.from_numpy(verdict.outputs) for verdict in lossless])
        named = in_words(model.task, model.task.decide(before))
        found: Found = []
        for i, case in enumerate(cases):
            common = Finding(
                case_id=case.id,
                group=case.group,
                truth=str(case.truth),
                probe=probe.id,
                stored=LOSSLESS,
                decision_before=named[i],
                outputs_before=tuple(before[i].tolist()),
                attempted=bool(attempted[i]),
                n_gradients=int(proposal.n_gradients[i]),
                n_forwards=int(proposal.n_forwards[i]),
                found_by=proposal.found_by[i] if proposal.found_by else "",
            )
            findings = [_finding(common, name, verdicts[name][i]) for name in verdicts]
            example = (
                _example(case, probe, images[i], lossless[i]) if case.id in self.keep else None
            )
            found.append((case, findings, example))
        return found

    def _proposed(self, batch: Batch) -> tuple[Tensor, Proposal]:
        """Whether the goal was open, and the proposal, for each case."""
        probe, model = self.probe, self.model
        everyone = torch.ones(len(batch), dtype=torch.bool)
        nothing = Proposal.nothing(batch)
        if probe.threat is None or batch.before is None:
            return everyone, nothing
        if probe.attack is None or probe.goal is None:
            noise = matched_noise(batch, probe.threat, seed=self.seed)
            return everyone, replace(nothing, delta=noise)
        margins = probe.goal.margin(model.task, batch.before, batch.truth, batch.before)
        attempted = (margins <= 0).cpu()
        proposal = propose(
            model,
            batch,
            probe.attack,
            probe.goal,
            probe.threat,
            attempted=attempted,
            seed=seed_for(self.seed, probe.id),
        )
        return attempted, proposal


def _finding(common: Finding, container: str, verdict: Verdict) -> Finding:
    if not all(map(math.isfinite, verdict.outputs)):
        return replace(
            common,
            stored=container,
            status="failed",
            error="the model's outputs are not finite",
            decision_before="",
            outputs_before=(),
            attempted=False,
            within_threat=False,
        )
    return replace(
        common,
        stored=container,
        decision_after=verdict.decision,
        outputs_after=tuple(verdict.outputs.tolist()),
        margin_after=verdict.margin,
        reached=verdict.within_threat and verdict.margin > 0,
        within_threat=verdict.within_threat,
        linf=verdict.distances.linf,
        l2=verdict.distances.l2,
        l1=verdict.distances.l1,
        l0=verdict.distances.l0,
    )


def _failed(case: Case, probe: Probe, error: str) -> Finding:
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


def _example(case: Case, probe: Probe, image: Image, verdict: Verdict) -> Example | None:
    if probe.kind == "clean":
        return None
    codec = image.containers[LOSSLESS]
    return Example(
        case_id=case.id,
        probe=probe.id,
        original=codec.encode(image.pixels),
        perturbed=verdict.data,
        suffix=codec.suffix,
    )
