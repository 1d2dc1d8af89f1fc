"""The study's steps: films, tags, images of each arm, networks, audits, reliance, comparison."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

from plexor.audits import audit
from plexor.core.errors import PlanError
from plexor.core.progress import Advance
from plexor.findings import CLEAN
from plexor.findings.planned import shuffled_id
from plexor.findings.study_file import write_study
from plexor.models import ModelSource, load_model
from plexor.models.device import choose_device
from plexor.plans import load_plan
from plexor.shortcuts.find import Finder, reader
from plexor.shortcuts.tags_covered import Known, TagsCovered
from plexor.studies.carry import audit_arm, train_arm
from plexor.studies.step import Request, Step, arm_steps, keep
from plexor.studies.yi2022.images import (
    chosen,
    find_tags,
    read_films,
    tags_of,
    write_arms,
    write_films,
)
from plexor.studies.yi2022.layout import read_layout
from plexor.studies.yi2022.leaning import measure_leaning, read_leaning
from plexor.studies.yi2022.ours import Asked, Scores, by_study, read_scores
from plexor.studies.yi2022.phantoms import write_phantoms
from plexor.studies.yi2022.plans import (
    ARMS,
    AT_INFERENCE,
    COVER,
    INPAINT,
    ORIGINAL,
    Scale,
    Source,
    folder_of,
    inference_plan,
    plan_of,
    scale_of,
)
from plexor.studies.yi2022.result import Measured, study_result
from plexor.studies.yi2022.tables import BY_MODEL, BY_TABLE, ELSEWHERE, STROKES, UNCOVERED

_SETTING = "scale.json"


def steps(request: Request) -> list[Step]:
    """What is to be done, in order; a seed is finished in all arms before the next begins.

    Raises:
        PlanError: an unknown scale or arm, no data at another scale than "smoke", or initial
            weights, which this study does not take.
    """
    scale = scale_of(request.scale)
    request.check_data()
    known: Known = {}
    arms = [_Arm(request, scale, arm, seed, known) for seed in scale.seeds for arm in ARMS]
    request.check_arms(tuple(arm.name for arm in arms))
    if request.start:
        raise PlanError("yi2022: networks of grey films start from random weights; no --start")
    found = [
        Step(title="films", unit="films", run=partial(_films, request, scale)),
        Step(title="tags", unit="films", run=partial(_tags, request)),
        Step(title="images of each arm", unit="images", run=partial(write_arms, request.out)),
    ]
    for seed in scale.seeds:
        for arm in (arm for arm in arms if arm.seed == seed):
            found += arm_steps(arm.name, arm)
        measure = partial(measure_leaning, request.out, scale, seed, request.device)
        title = f"reliance, {folder_of(ORIGINAL, seed)}"
        found.append(Step(title=title, unit="films", run=measure))
    return [*found, Step(title="compare", unit="steps", run=partial(_compare, request, scale))]


@dataclass(frozen=True, slots=True)
class _Arm:
    """An arm's network trained with one seed: its plan, weights and runs, in one folder."""

    request: Request
    scale: Scale
    arm: str
    seed: int
    known: Known

    @property
    def name(self) -> str:
        return folder_of(self.arm, self.seed)

    @property
    def folder(self) -> Path:
        return self.request.out / self.name

    def train(self, advance: Advance) -> None:
        plan = plan_of(self.arm, self.scale, seed=self.seed)
        path = self.folder / "plan.yaml"
        begun = (self.folder / "run").exists()
        keep(path, yaml.safe_dump(plan, sort_keys=False), settled=begun)
        given = self.request.weights.get(self.name)
        train_arm(path, advance, given=given, device=self.request.device)

    def audit(self, advance: Advance) -> None:
        """Audits on the arm's test films; of the original films behind the wrapper, too."""
        request = self.request
        audit_arm(
            self.folder / "plan.yaml", advance, device=request.device, workers=request.workers
        )
        if self.arm == ORIGINAL:
            self._audit_covered(advance)

    def _audit_covered(self, advance: Advance) -> None:
        plan = self.folder / AT_INFERENCE / "plan.yaml"
        run = plan.parent / "run"
        written = yaml.safe_dump(inference_plan(self.scale, seed=self.seed), sort_keys=False)
        keep(plan, written, settled=run.exists())
        source = ModelSource(weights=self.folder / "weights.safetensors")
        inner = load_model(source).to(choose_device(self.request.device))
        audit(
            load_plan(plan),
            out=run,
            model=TagsCovered(inner, _finder(), access="scores", known=self.known),
            device=self.request.device,
            on_progress=lambda news: advance(
                news.done, news.total, f"{AT_INFERENCE}, {news.probe}"
            ),
        )


def _finder() -> Finder:
    return Finder(reader=reader())


def _films(request: Request, scale: Scale, advance: Advance) -> None:
    """Lists, deals out and writes the films; draws phantoms where no data are given."""
    source: Source
    if request.data is None:
        folder = write_phantoms(request.out / "phantoms", n_patients=scale.phantoms)
        source, films = "phantoms", read_layout(folder)[1]
    else:
        source, films = read_layout(request.data)
    about = {"scale": scale.name, "data": str(request.data or ""), "source": source}
    keep(request.out / _SETTING, json.dumps(about))
    write_films(request.out, chosen(films, scale), advance)


def _tags(request: Request, advance: Advance) -> None:
    find_tags(request.out, _finder(), advance)


def _compare(request: Request, scale: Scale, advance: Advance) -> None:
    out = request.out
    cohort = read_films(out)
    source: Source = json.loads((out / _SETTING).read_text(encoding="utf-8"))["source"]
    films = _scores(out, scale, {arm: (arm, "run", CLEAN) for arm in ARMS})
    ways = {
        UNCOVERED: (ORIGINAL, "run", CLEAN),
        BY_TABLE: (ORIGINAL, "run", COVER),
        ELSEWHERE: (ORIGINAL, "run", shuffled_id(COVER)),
        STROKES: (ORIGINAL, "run", INPAINT),
        BY_MODEL: (ORIGINAL, f"{AT_INFERENCE}/run", CLEAN),
    }
    found = Measured(
        source=source,
        cohort=cohort,
        tags=tags_of(out, cohort.cases),
        films=films,
        studies=by_study(films),
        inference=_scores(out, scale, ways),
        leaning=read_leaning(out, scale),
    )
    write_study(out, study_result(scale, found))
    advance(1, 1, "arms compared")


def _scores(out: Path, scale: Scale, asked: dict[str, tuple[str, str, str]]) -> Scores:
    cohort = read_films(out).with_split("test")
    runs: dict[str, list[Asked]] = {
        name: [(out / folder_of(arm, seed) / run, probe) for seed in scale.seeds]
        for name, (arm, run, probe) in asked.items()
    }
    return read_scores(cohort.cases, cohort.classes[1], runs)
