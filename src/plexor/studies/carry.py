"""Training and audit as steps of a study, equal to ``plexor train`` and ``plexor audit``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

from plexor.audits import Ray, audit, cohort_of
from plexor.cases import Cohort
from plexor.core.errors import ModelError, RunDirectoryError
from plexor.core.files import write_atomic
from plexor.core.progress import Advance
from plexor.models.device import choose_device
from plexor.models.training.config import Training
from plexor.models.training.fit import train
from plexor.models.weights import read_card
from plexor.plans import load_plan

_HOW_COMPUTED = ("precision", "workers")
"""Options of a training that affect how it is computed, not its result."""


def train_arm(
    plan_file: Path, advance: Advance, *, given: Path | None = None, device: str | None = None
) -> None:
    """Trains a plan's model and writes its weights, unless they exist.

    Args:
        plan_file: a plan with ``train`` and ``model.weights``.
        advance: told of each step.
        given: weights trained earlier, copied if they were trained by an equal plan.
        device: where to compute.

    Raises:
        ModelError: the given or existing weights were trained by another plan.
    """
    plan = load_plan(plan_file)
    training = plan.training()
    cohort = cohort_of(plan, training.task)
    weights = plan.model_source().weights
    assert weights is not None  # noqa: S101 (our own plans name them)
    if given is not None and not weights.exists():
        check_trained(given, training, cohort, seed=plan.seed)
        write_atomic(weights, given.read_bytes())
    if weights.exists():
        check_trained(weights, training, cohort, seed=plan.seed)
        advance(1, 1, f"{weights} is there")
        return
    train(
        cohort,
        training,
        weights,
        seed=plan.seed,
        device=choose_device(device),
        on_progress=lambda news: advance(
            news.step, news.n_steps, f"epoch {news.epoch}, loss {news.loss:.3f}"
        ),
    )


def audit_arm(
    plan_file: Path, advance: Advance, *, device: str | None = None, workers: int | None = None
) -> None:
    """Runs or resumes a plan's audit, in the folder ``run`` beside the plan.

    Args:
        plan_file: plan of the audit.
        advance: told of each step.
        device: where to compute.
        workers: number of Ray's workers; None runs in this process.

    Raises:
        RunDirectoryError: the folder holds another run, such as one of another version.
    """
    try:
        audit(
            load_plan(plan_file),
            out=plan_file.parent / "run",
            device=device,
            executor=None if workers is None else Ray(workers=workers, gpu=device != "cpu"),
            on_progress=lambda news: advance(
                news.done,
                news.total,
                f"{news.stage} {news.probe}",
                unit=news.unit,
                seconds_left=news.seconds_left,
            ),
        )
    except RunDirectoryError as error:
        raise RunDirectoryError(
            f"{error}. It is a step of a study, and another version of plexor may have started it: "
            "run the study in a new directory, or write the page of the steps that are done with "
            "plexor report on the study's directory"
        ) from error


def check_trained(weights: Path, training: Training, cohort: Cohort, *, seed: int) -> None:
    """Refuses weights of another training, cohort or split.

    Raises:
        ModelError: configuration, cohort or seed differ; the message names the first difference.
            Precision and workers may differ.
    """
    card = read_card(weights)
    found = dict(card.training) if card else {}
    config: Any = found.get("config", {})
    # options missing in the card did not exist when it was written
    not_yet = {f.name: f.default for f in fields(training) if not is_dataclass(f.default)}
    there = {**found, **not_yet, **_flat(config)}
    wanted = {"seed": seed, "cohort_sha256": cohort.digest, **_flat(asdict(training))}
    for name, value in wanted.items():
        if name not in _HOW_COMPUTED and there.get(name) != value:
            raise ModelError(
                f"{weights} is of another training: `{name}` is {there.get(name)}, expected "
                f"{value}; give weights that were trained with this arm's plan, or none"
            )


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """A training's configuration as in its card; initial weights by the name of their file."""
    plain: dict[str, Any] = json.loads(json.dumps(config, default=str))
    for name, value in plain.items():
        if isinstance(value, dict):  # what is not given may be unknown to an older card
            plain[name] = {key: one for key, one in value.items() if one is not None}
    if plain.get("start") is not None:
        plain["start"] = Path(plain["start"]).name
    return plain
