"""How far a plan's model leans on burnt-in tags: measured case by case, and resumed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from plexor.attention import METHODS, AttentionMethod, penultimate, randomised
from plexor.audits.ahead import read_ahead, read_images
from plexor.audits.inputs import cohort_of, model_of
from plexor.audits.provenance import images_sha256
from plexor.audits.sample import checked_cases, example_ids
from plexor.audits.tags.edits import Edits
from plexor.audits.tags.measure import Measure
from plexor.audits.tags.measured import Measured, picture_file
from plexor.audits.tags.record import RECORDS, CaseRecord, Records
from plexor.audits.tags.summarise import summarise_tags
from plexor.cases import Case, Cohort
from plexor.core.errors import PlanError, PlexorError, RunDirectoryError, unknown
from plexor.core.files import sole_writer, write_atomic
from plexor.core.ids import digest
from plexor.core.seeds import seed_for
from plexor.core.version import __version__
from plexor.findings.tag_results import TagResults, write_tag_results
from plexor.models import ModelSource, load_model
from plexor.models.device import choose_device
from plexor.models.model import HasNetwork, Model
from plexor.plans import Plan
from plexor.shortcuts.cover import FILLS, Fill
from plexor.shortcuts.find import Tag, read_tags, tags_of_cases
from plexor.shortcuts.variants import Donors

ASKED = "asked.json"
_UNIT = 8
"""Cases a file; a killed run loses no more."""
_COMPARED = 40
"""Cases whose maps are compared with those of random weights."""
_TWINS = 2
_SHOWN = 6
Listener = Callable[[int, int, str], None]
"""(cases done, cases in all, what was done last)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagQuestions:
    """What is asked about a model and the tags of its images.

    Attributes:
        fill: of the covers, see ``plexor.shortcuts.cover.Fill``.
        draws: control covers a case, each as large as the tags, elsewhere in comparable tissue.
        exchanges: draws of each exchanged aspect.
        attention: names of methods, see ``plexor.attention.METHODS``.
        stratum: column of the manifest within whose values association is given; "" for none.
    """

    fill: Fill = "black"
    draws: int = 20
    exchanges: int = 2
    attention: tuple[str, ...] = ("grad-cam", "integrated-gradients")
    stratum: str = ""

    def __post_init__(self) -> None:
        if self.fill not in FILLS:
            raise PlanError(unknown("fill", self.fill, FILLS))
        for name in self.attention:
            if name not in METHODS:
                raise PlanError(unknown("method of attention", name, METHODS))
        for field, value in (("draws", self.draws), ("exchanges", self.exchanges)):
            if value < 1:
                raise PlanError(f"reliance: `{field}` must be at least 1, got {value}")


def measure_tags(
    plan: Plan,
    tags: Path,
    out: Path,
    questions: TagQuestions = TagQuestions(),
    *,
    model: Model | None = None,
    retrained: Path | None = None,
    device: torch.device | str | None = None,
    batch_size: int = 64,
    allow_code: bool = False,
    on_progress: Listener = lambda _done, _all, _note: None,
) -> TagResults:
    """Measures how far a model leans on burnt-in tags, and writes ``tags.json`` into a directory.

    Cases that are already in the directory are not asked again.

    Args:
        plan: with ``cohort`` and ``model``; its probes are not carried out.
        tags: the table of ``plexor shortcuts find``, corrected or not.
        out: the directory.
        questions: what is asked.
        model: the model instead of the plan's.
        retrained: weights, written by ``plexor train``, of a model that was trained on covered
            images; it is asked about covered images.
        device: where to compute; None takes a CUDA device if there is one.
        batch_size: images a pass.
        allow_code: allow the plan's ``model.python`` to be imported and called.
        on_progress: called after each part.

    Raises:
        PlexorError: plan, cohort, model or table are invalid, no case has a tag, or ``out`` holds
            something else. An error in a single case is counted, not raised.
    """
    where = choose_device(device)
    model = model or model_of(plan, device=where, allow_code=allow_code)
    cohort = _audited(plan, model)
    known = _tags(plan, tags, cohort)
    other = None if retrained is None else load_model(ModelSource(weights=retrained), device=where)
    _check(model, other, cohort, known)
    asked = {
        "Plexor": __version__,
        "torch": str(torch.__version__),
        "model": model.identity(),
        "retrained": "" if other is None else other.identity(),
        "cohort": cohort.digest,
        "images": digest(dict(images_sha256(cohort.cases))),
        "tags": digest({name: [asdict(tag) for tag in found] for name, found in known.items()}),
        "questions": asdict(questions),
        "seed": plan.seed,
    }
    _check_directory(out, asked)
    with sole_writer(out):
        write_atomic(out / ASKED, json.dumps(asked, indent=1).encode())
        measure, notes = _measure(
            plan, model, other, cohort, known, questions=questions, batch_size=batch_size
        )
        records = _carry_out(measure, cohort.cases, known, out, on_progress)
        results = summarise_tags(
            Measured(
                plan=plan,
                model=model,
                cohort=cohort,
                tags=known,
                records=records,
                questions=questions,
                methods={name: METHODS[name].title for name in measure.methods},
                shown=tuple(sorted(measure.shown)),
                notes=notes,
            )
        )
        write_tag_results(out, results)
    return results


def _audited(plan: Plan, model: Model) -> Cohort:
    cohort = cohort_of(plan, model.task.kind)
    audited = cohort if plan.cohort.audit is None else cohort.with_split(plan.cohort.audit)
    return replace(audited, cases=tuple(sorted(audited.cases, key=lambda case: case.id)))


def _tags(plan: Plan, table: Path, cohort: Cohort) -> dict[str, tuple[Tag, ...]]:
    manifest = plan.path(plan.cohort.manifest)
    root = plan.cohort.root
    folder = plan.path(root) if root is not None else manifest
    if root is None and not manifest.is_dir():
        folder = manifest.parent
    return tags_of_cases(read_tags(table), cohort.cases, folder, table=str(table))


def _check(
    model: Model, other: Model | None, cohort: Cohort, tags: Mapping[str, Sequence[Tag]]
) -> None:
    if model.task.kind not in ("binary", "multiclass"):
        raise PlanError(
            "reliance on tags is measured for models that decide between classes, binary or "
            f"multiclass; this one is for {model.task.kind}"
            + (
                ", whose labels the probes tag-cover and tag-transplant of an audit tell apart"
                if model.task.kind == "multilabel"
                else ""
            )
        )
    if other is not None and other.task.classes != model.task.classes:
        raise PlanError(
            f"the re-trained model knows {', '.join(other.task.classes)}, and the plan's knows "
            f"{', '.join(model.task.classes)}; both must have the same classes in one order"
        )
    if not any(tags.values()):
        raise PlanError(
            f"none of the {len(cohort.cases)} images of {cohort.name} has a tag in the table, so "
            "that there is nothing to measure"
        )


def _check_directory(out: Path, asked: Mapping[str, object]) -> None:
    """Refuses a directory with another run."""
    try:
        before = json.loads((out / ASKED).read_bytes())
    except FileNotFoundError:
        if out.is_dir() and any(out.iterdir()):
            raise RunDirectoryError(
                f"{out} has other files in it; give an empty or a new folder"
            ) from None
        out.mkdir(parents=True, exist_ok=True)
        return
    except (OSError, ValueError) as error:
        raise RunDirectoryError(f"{out / ASKED}: cannot be read: {error}") from error
    now = json.loads(json.dumps(asked))
    if differing := sorted(key for key in now if before.get(key) != now[key]):
        raise RunDirectoryError(
            f"{out} holds a run with another value of {', '.join(differing)}; give another folder, "
            "or the values of before to resume it"
        )


def _measure(
    plan: Plan,
    model: Model,
    other: Model | None,
    cohort: Cohort,
    tags: Mapping[str, Sequence[Tag]],
    *,
    questions: TagQuestions,
    batch_size: int,
) -> tuple[Measure, tuple[str, ...]]:
    """What is measured, and notes on what cannot be."""
    notes = []
    tagged = [case for case in cohort.cases if tags[case.id]]
    methods: dict[str, AttentionMethod] = {name: METHODS[name]() for name in questions.attention}
    twins: tuple[Model, ...] = ()
    layers = isinstance(model, HasNetwork)
    if layers:
        layers, note = _reads_features(model, cohort)
        notes += [note] if note else []
        seeds = [seed_for(plan.seed, "random weights", str(draw)) for draw in range(_TWINS)]
        twins = tuple(randomised(model, seed=seed % 2**32) for seed in seeds)
    else:
        left = [name for name, method in methods.items() if method.needs_network]
        left += [name for name in methods if name == "integrated-gradients"
                 and model.access != "gradients" and name not in left]  # fmt: skip
        methods = {name: method for name, method in methods.items() if name not in left}
        notes.append(
            "The model has no torch network here: its last features are not looked at, maps are "
            "not compared with those of random weights"
            + (f", and {', '.join(left)} is left out." if left else ".")
        )
    by_draw = sorted(tagged, key=lambda case: seed_for(plan.seed, "compared", case.id))
    measure = Measure(
        model=model,
        retrained=other,
        twins=twins,
        methods=methods,
        edits=Edits(
            donors=_donors(cohort.cases, tags, plan.seed),
            fill=questions.fill,
            draws=questions.draws,
            exchanges=questions.exchanges,
            seed=plan.seed,
        ),
        batch_size=batch_size,
        layers=layers,
        compared=frozenset(case.id for case in by_draw[:_COMPARED]),
        shown=example_ids(tagged, _SHOWN, seed=plan.seed),
    )
    if measure.edits.donors is None:
        notes.append("Tags are in images of one label only, so that none can be exchanged.")
    return measure, tuple(notes)


def _reads_features(model: Model, cohort: Cohort) -> tuple[bool, str]:
    try:
        penultimate(model, checked_cases(cohort, model.task, model.device))
    except PlexorError as error:
        return False, f"The network's last features are not looked at: {error}."
    return True, ""


def _donors(cases: Sequence[Case], tags: Mapping[str, Sequence[Tag]], seed: int) -> Donors | None:
    """Tags to be exchanged; None where a label finds none among the others."""
    labels = {str(case.truth) for case in cases}
    carrying = {str(case.truth) for case in cases if tags[case.id]}
    if any(not carrying - {label} for label in labels):
        return None
    return Donors(cases, tags, seed=seed)


def _carry_out(
    measure: Measure,
    cases: Sequence[Case],
    tags: Mapping[str, Sequence[Tag]],
    out: Path,
    on_progress: Listener,
) -> list[CaseRecord]:
    parts = [cases[start : start + _UNIT] for start in range(0, len(cases), _UNIT)]
    files = [out / "units" / f"{number:05d}.json" for number in range(len(parts))]
    missing = [(part, file) for part, file in zip(parts, files, strict=True) if not file.exists()]
    done = len(cases) - sum(len(part) for part, _ in missing)
    if done:
        on_progress(done, len(cases), "resumed")
    with contextlib.closing(read_ahead([part for part, _ in missing], read_images)) as ahead:
        for (part, file), images in zip(missing, ahead, strict=True):
            records = []
            for case in part:
                record, pictures = measure.case(case, images[case.id], tags[case.id])
                if pictures is not None:
                    write_atomic(out / picture_file(case.id), pictures)
                records.append(record)
            write_atomic(file, RECORDS.dump(Records(cases=tuple(records))))
            done += len(part)
            on_progress(done, len(cases), part[-1].id)
    return [record for file in files for record in RECORDS.load(file.read_bytes()).cases]
