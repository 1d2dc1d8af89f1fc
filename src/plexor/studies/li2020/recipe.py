"""The study's steps: phantoms, estimator, training and audits of each network, comparison."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import yaml

from plexor.audits import audit, cohort_of
from plexor.cases import Cohort, load_cohort, read_image
from plexor.cases.manifest import read_manifest
from plexor.cases.phantoms import AgeingConfig
from plexor.core.files import write_atomic
from plexor.core.progress import Advance
from plexor.findings.study_file import write_study
from plexor.models import ModelSource, Preprocess, TorchModel, load_model
from plexor.plans import load_plan
from plexor.studies.carry import audit_arm, train_arm
from plexor.studies.li2020 import attention
from plexor.studies.li2020.cohorts import real_cohort, write_cohorts, write_real
from plexor.studies.li2020.diagnosis import Diagnosis, diagnose
from plexor.studies.li2020.estimator import (
    Estimator,
    calibrated,
    estimator_errors,
    rescan_radii,
)
from plexor.studies.li2020.estimator_training import train_estimator
from plexor.studies.li2020.layout import FEATURES
from plexor.studies.li2020.ours import Network
from plexor.studies.li2020.pipeline import Pipeline
from plexor.studies.li2020.plans import (
    COHORT,
    CONVENTIONAL,
    HYBRID,
    NETWORKS,
    REAL_COHORT,
    SEED,
    WHITE_MATTER,
    Scale,
    arm_of,
    plan_of,
    scale_of,
)
from plexor.studies.li2020.result import study_result
from plexor.studies.step import Request, Step, arm_steps, keep

_ESTIMATOR, _RADII = "estimator.safetensors", "radii.json"
_CALIBRATED_ON = 100
"""Training scans, at most, that the estimator's volumes are calibrated on."""
_BRIGHT = 99.0
"""Percentile of a real volume's stored numbers that stands for white matter."""


def steps(request: Request) -> list[Step]:
    """The steps of the study, in order.

    Raises:
        PlanError: an unknown scale or arm.
    """
    scale = scale_of(request.scale)
    arms = [_Arm(request, scale, name, seed) for seed in scale.seeds for name in NETWORKS]
    request.check_arms(tuple(arm.name for arm in arms))
    found = [
        Step(title="phantoms", unit="steps", run=partial(_cohorts, request, scale)),
        Step(title="estimator of volumes", unit="steps", run=partial(_estimator, request, scale)),
    ]
    for arm in arms:
        found += arm_steps(arm.name, arm)
    return [*found, Step(title="compare", unit="steps", run=partial(_compare, request, scale))]


@dataclass(frozen=True, slots=True)
class _Arm:
    """A network trained with one seed: its plan, weights and runs, in one folder."""

    request: Request
    scale: Scale
    network: str
    seed: int

    @property
    def name(self) -> str:
        return arm_of(self.network, self.seed)

    @property
    def folder(self) -> Path:
        return self.request.out / self.name

    def plan(self, kind: str) -> Path:
        """The plan of one of the arm's audits: "" for phantoms, "pipeline" or "real"."""
        folder = self.folder / kind if kind else self.folder
        return folder / "plan.yaml"

    def run(self, kind: str) -> Path:
        """The run directory of one of its audits."""
        return self.plan(kind).parent / "run"

    def train(self, advance: Advance) -> None:
        plan = self._write("")
        given = self.request.weights.get(self.name)
        train_arm(plan, advance, given=given, device=self.request.device)

    def audit(self, advance: Advance) -> None:
        """Audits on phantoms; of the hybrid as a pipeline too; on real volumes where given."""
        request = self.request
        audit_arm(self.plan(""), advance, device=request.device, workers=request.workers)
        if self.network == HYBRID:
            estimator = Estimator.load(request.out / _ESTIMATOR)
            self._also("pipeline", advance, lambda model: Pipeline(model, estimator))
        if real_cohort(request.out):
            self._also("real", advance, lambda model: model)
        self._diagnose()
        if self.is_attended and not (self.attended.exists() and self.maps.exists()):
            keep = partial(attention.save_maps, path=self.maps)
            attention.save(attention.attend(self.model(), self.scale, keep), self.attended)

    @property
    def is_attended(self) -> bool:
        """Whether its maps of attention are measured: of two networks, at the first seed."""
        return self.network in (CONVENTIONAL, HYBRID) and self.seed == self.scale.seeds[0]

    @property
    def attended(self) -> Path:
        """The file of what its maps showed."""
        return self.folder / "attention.json"

    @property
    def maps(self) -> Path:
        """The file of the maps of one scan."""
        return self.folder / "attention.npz"

    def model(self) -> TorchModel:
        """The trained network."""
        return load_model(ModelSource(weights=self.folder / "weights.safetensors"))

    def diagnosis(self) -> Diagnosis:
        """Its findings and diagnosis, as ``audit`` measured them."""
        return Diagnosis.load(self.folder / "diagnosis.json")

    def _write(self, kind: str) -> Path:
        """Writes the plan; once its audit has begun, the plan must equal the existing one."""
        out = self.request.out
        plan = plan_of(
            self.network,
            self.scale,
            seed=self.seed,
            n_voxels=_n_voxels(out),
            moved=_moved(out),
            real=_real_radius(out, self.scale) if kind == "real" else None,
            pipeline=kind == "pipeline",
        )
        if kind:
            del plan["train"]
            plan["cohort"]["manifest"] = f"../{plan['cohort']['manifest']}"
            plan["model"]["weights"] = f"../{plan['model']['weights']}"
        path = self.plan(kind)
        keep(path, yaml.safe_dump(plan, sort_keys=False), settled=self.run(kind).exists())
        return path

    def _also(
        self, kind: str, advance: Advance, made: Callable[[TorchModel], TorchModel | Pipeline]
    ) -> None:
        audit(
            load_plan(self._write(kind)),
            out=self.run(kind),
            model=made(self.model()),
            on_progress=lambda news: advance(news.done, news.total, f"{kind}, {news.probe}"),
        )

    def _diagnose(self) -> None:
        path = self.folder / "diagnosis.json"
        if path.exists():
            return
        cohort = cohort_of(load_plan(self.plan("")), "regression")
        found = diagnose(
            self.model(),
            self.scale,
            validation=cohort.with_split("validation").cases,
            test=cohort.with_split("test").cases,
            moved=_moved(self.request.out),
        )
        found.save(path)


def _cohorts(request: Request, scale: Scale, advance: Advance) -> None:
    """Draws the phantoms; lists the real volumes where they are given."""
    scale_file = request.out / "scale.json"
    keep(scale_file, json.dumps({"scale": scale.name, "data": str(request.data or "")}))
    write_cohorts(request.out, scale)
    n_real = len(write_real(request.out, request.data)) if request.data is not None else 0
    advance(1, 1, f"drawn; {n_real} real volumes")


def _estimator(request: Request, scale: Scale, advance: Advance) -> None:
    """Trains the estimator, and measures its error between two scans of a person."""
    out = request.out
    cohort = _phantoms(out)
    path = out / _ESTIMATOR
    if not path.exists():
        preprocess = Preprocess(
            size=scale.estimator_size, spacing_mm=scale.estimator_mm, window=None
        )
        trained = train_estimator(
            preprocess=preprocess,
            config=AgeingConfig(spacing_mm=scale.spacing_mm),
            n_people=scale.estimator_people,
            n_steps=scale.estimator_steps,
            seed=SEED,
            advance=advance,
        )
        calibrated(trained, cohort.with_split("train").cases[:_CALIBRATED_ON]).save(path)
    if not (out / _RADII).exists():
        radii = rescan_radii(Estimator.load(path), cohort.with_split("validation").cases)
        write_atomic(out / _RADII, json.dumps(radii, indent=1).encode())


def _phantoms(out: Path) -> Cohort:
    return load_cohort(out / COHORT, truth="number", features=FEATURES)


def _moved(out: Path) -> dict[str, float]:
    return dict(json.loads((out / _RADII).read_bytes()))


def _n_voxels(out: Path) -> int:
    first = read_manifest(out / COHORT).rows[0]
    return int(read_image(out / str(first.cells["path"])).pixels.size)


def _real_radius(out: Path, scale: Scale) -> float:
    """The main radius in stored numbers of the real volumes, at least one."""
    rows = read_manifest(out / REAL_COHORT).rows
    bright = [
        np.percentile(read_image(Path(str(row.cells["path"]))).pixels, _BRIGHT) for row in rows
    ]
    return max(1.0, float(round(float(np.median(bright)) * scale.main_radius / WHITE_MATTER)))


def _compare(request: Request, scale: Scale, advance: Advance) -> None:
    out = request.out

    def arms(network: str) -> list[_Arm]:
        return [_Arm(request, scale, network, seed) for seed in scale.seeds]

    def network(name: str, kind: str = "") -> Network:
        runs = [arm.run(kind) for arm in arms(name)]
        return Network.read(name, runs, [arm.diagnosis() for arm in arms(name)])

    has_real = real_cohort(out)
    result = study_result(
        scale,
        networks={name: network(name) for name in NETWORKS},
        pipeline=network(HYBRID, "pipeline"),
        real={name: network(name, "real") for name in NETWORKS} if has_real else {},
        real_radius=_real_radius(out, scale) if has_real else float("nan"),
        moved=_moved(out),
        estimated=estimator_errors(
            Estimator.load(out / _ESTIMATOR), _phantoms(out).with_split("test").cases
        ),
        l2=scale.l2(_n_voxels(out)),
        attended={
            name: attention.load(arm.attended)
            for name in NETWORKS
            for arm in arms(name)
            if arm.is_attended
        },
        maps=tuple(
            attention.shown_maps(name, arm.maps, out, scale)
            for name in NETWORKS
            for arm in arms(name)
            if arm.is_attended
        ),
    )
    write_study(out, result)
    advance(1, 1, "networks compared")
