"""The study's steps: images, then training and audit of each arm, then the comparison."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from plexor.attacks.fitted import read_card
from plexor.core.errors import RunDirectoryError
from plexor.core.progress import Advance
from plexor.core.seeds import seed_for
from plexor.findings.study_file import write_study
from plexor.studies.allyn2020.held_out import write_held_out
from plexor.studies.allyn2020.layout import NAEVUS, TABLES, Photo, read_layout
from plexor.studies.allyn2020.phantoms import write_phantoms
from plexor.studies.allyn2020.photos import write_photos
from plexor.studies.allyn2020.plans import (
    ARMS,
    CLEAN,
    GENERATOR,
    HELD_OUT,
    NAEVI_KEPT,
    RADII,
    SEED,
    TRANSFER,
    UNIVERSAL,
    Scale,
    held_out_plan,
    loaded_probe,
    plan_of,
    repeated_plan,
    scale_of,
)
from plexor.studies.allyn2020.result import study_result
from plexor.studies.allyn2020.seeds import REPEATED, folder_of
from plexor.studies.carry import audit_arm, train_arm
from plexor.studies.step import Request, Step, arm_steps, keep

_N_PHANTOM_LESIONS, _PHANTOM_SIDE = 180, 48


def steps(request: Request) -> list[Step]:
    """The study's steps, in order.

    Raises:
        PlanError: an unknown scale or arm, or no data at another scale than "smoke".
    """
    scale = scale_of(request.scale)
    request.check_data()
    request.check_arms(ARMS)
    found = [Step(title="images", unit="steps", run=partial(_images, request, scale))]
    for name in ARMS:
        arm = _Arm(request, scale, name)
        found += arm_steps(name, arm)
    if request.heldout is not None:
        arm = _HeldOut(request, scale, HELD_OUT)
        found.append(Step(title=f"audit, {HELD_OUT}", unit="pieces", run=arm.audit))
    for seed in range(1, request.seeds):
        for name in REPEATED:
            arm = _Repeated(request, scale, name, seed)
            found += arm_steps(f"{name}, seed {seed}", arm)
    return [*found, Step(title="compare", unit="steps", run=partial(_compare, request, scale))]


@dataclass(frozen=True, slots=True)
class _Arm:
    """An arm's training and audit, both of the plan in its folder."""

    request: Request
    scale: Scale
    name: str

    @property
    def plan(self) -> Path:
        return self.request.out / self.name / "plan.yaml"

    @property
    def run(self) -> Path:
        return self.request.out / self.name / "run"

    def train(self, advance: Advance) -> None:
        loaded = _loaded(self.request.out) if self.name == TRANSFER else ()
        start = self.request.start.get(self.name)
        plan = plan_of(self.name, self.scale, start=start, loaded=loaded)
        # The plan may change until its audit has started; the weights record their own training.
        keep(self.plan, yaml.safe_dump(plan, sort_keys=False), settled=self.run.exists())
        given = self.request.weights.get(self.name)
        train_arm(self.plan, advance, given=given, device=self.request.device)

    def audit(self, advance: Advance) -> None:
        request = self.request
        audit_arm(self.plan, advance, device=request.device, workers=request.workers)


class _HeldOut(_Arm):
    """The audit of the clean arm's network and generators on the held-out images."""

    __slots__ = ()

    def audit(self, advance: Advance) -> None:
        plan = held_out_plan(self.scale, loaded=_loaded(self.request.out))
        keep(self.plan, yaml.safe_dump(plan, sort_keys=False), settled=self.run.exists())
        super().audit(advance)


@dataclass(frozen=True, slots=True)
class _Repeated(_Arm):
    """An arm once more, with another seed."""

    seed: int

    @property
    def plan(self) -> Path:
        return folder_of(self.request.out, self.seed) / self.name / "plan.yaml"

    @property
    def run(self) -> Path:
        return self.plan.parent / "run"

    def train(self, advance: Advance) -> None:
        plan = repeated_plan(self.name, self.scale, self.seed)
        keep(self.plan, yaml.safe_dump(plan, sort_keys=False), settled=self.run.exists())
        train_arm(self.plan, advance, device=self.request.device)


def _images(request: Request, scale: Scale, advance: Advance) -> None:
    """Writes the list of images once; without data it draws phantoms first."""
    folder = request.data
    if folder is None:
        folder = request.out / "phantoms"
        if not (folder / TABLES[0]).exists():  # written last, so the phantoms are complete
            write_phantoms(folder, n_lesions=_N_PHANTOM_LESIONS, side=_PHANTOM_SIDE, seed=SEED)
    photos = read_layout(folder)
    if request.data is not None and scale.most_lesions is not None:
        photos = some_of(photos, scale.most_lesions)
    write_photos(request.out, photos)
    held_out: tuple[Photo, ...] = ()
    if request.heldout is not None:
        held_out = write_held_out(request.out, request.heldout, photos)
    more = f", {len(held_out)} held out" if held_out else ""
    advance(1, 1, f"{len(photos)} images{more}")


def some_of(photos: Iterable[Photo], most: int) -> tuple[Photo, ...]:
    """Images of a number of lesions per class, four times that of naevi, drawn by name."""
    lesions: dict[str, dict[str, None]] = defaultdict(dict)
    photos = tuple(photos)
    for photo in photos:
        lesions[photo.dx][photo.lesion_id] = None
    kept: set[str] = set()
    for dx, names in lesions.items():
        drawn = sorted(names, key=lambda name: seed_for(SEED, "some", name))
        kept.update(drawn[: most * (NAEVI_KEPT if dx == NAEVUS else 1)])
    return tuple(photo for photo in photos if photo.lesion_id in kept)


def _loaded(out: Path) -> list[dict[str, Any]]:
    """Probes with every generator that the clean arm fitted for the target naevus.

    Raises:
        RunDirectoryError: a fit is missing.
    """
    files: Mapping[tuple[str, float], Path] = {
        (card.method, card.threat.radius): file
        for file in sorted((out / CLEAN / "run" / "artifacts").glob("*.safetensors"))
        if (card := read_card(file)).goal.get("target") == NAEVUS
    }
    probes = []
    for attack in (GENERATOR, UNIVERSAL):
        for radius in RADII:
            if (attack, radius) not in files:
                raise RunDirectoryError(
                    f"{out / CLEAN} holds no {attack} of {radius} levels; remove that folder and "
                    "run the study again"
                )
            inside = files[attack, radius].relative_to(out)
            probes.append(loaded_probe(attack, radius, Path("..") / inside))
    return probes


def _compare(request: Request, scale: Scale, advance: Advance) -> None:
    result = study_result(
        request.out,
        scale,
        drawn=request.data is None,
        held_out=request.heldout is not None,
        seeds=request.seeds,
    )
    write_study(request.out, result)
    advance(1, 1, "published beside ours")
