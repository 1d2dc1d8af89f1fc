"""Training and auditing as steps of a study: what ``plexor train`` and ``plexor audit`` do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

from plexor.audits import Ray, audit, cohort_of
from plexor.cases import Cohort
from plexor.core.errors import ModelError
from plexor.core.files import write_atomic
from plexor.models.device import choose_device
from plexor.models.training.config import Training
from plexor.models.training.fit import train
from plexor.models.weights import read_card
from plexor.plans import load_plan
from plexor.studies.step import Advance

_HOW_COMPUTED = ("precision", "workers")
"""Options of a training that say how it is computed, not what."""


def train_arm(
    plan_file: Path, advance: Advance, *, given: Path | None = None, device: str | None = None
) -> None:
    """Writes the weights that a plan names, unless they are there.

    Args:
        plan_file: with ``train`` and ``model.weights``.
        advance: told of each step.
        given: weights trained before; copied, if they were trained as the plan would.
        device: where to compute.

    Raises:
        ModelError: the weights, given or found, were trained in another way.
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
    """Carries a plan out into ``run`` beside it, or goes on with it.

    Args:
        plan_file: of the audit.
        advance: told of each step.
        device: where to compute.
        workers: Ray's, units at a time; this process does the work where None.
    """
    audit(
        load_plan(plan_file),
        out=plan_file.parent / "run",
        device=device,
        executor=None if workers is None else Ray(workers=workers, gpu=device != "cpu"),
        on_progress=lambda news: advance(news.done, news.total, f"{news.stage} {news.probe}"),
    )


def check_trained(weights: Path, training: Training, cohort: Cohort, *, seed: int) -> None:
    """Refuses weights that were not trained in this way on these cases in this split.

    Raises:
        ModelError: another configuration, cohort or seed; the first difference is named. Precision
            and workers may differ.
    """
    card = read_card(weights)
    found = dict(card.training) if card else {}
    config: Any = found.get("config", {})
    # what the card does not know was no option yet when it was written
    not_yet = {f.name: f.default for f in fields(training) if not is_dataclass(f.default)}
    there = {**found, **not_yet, **_flat(config)}
    wanted = {"seed": seed, "cohort_sha256": cohort.digest, **_flat(asdict(training))}
    for name, value in wanted.items():
        if name not in _HOW_COMPUTED and there.get(name) != value:
            raise ModelError(
                f"{weights} was trained otherwise: `{name}` is {there.get(name)}, expected "
                f"{value}; give weights that were trained with this arm's plan, or none"
            )


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """A training's configuration as its card holds it; of a file to start from, the name alone."""
    plain: dict[str, Any] = json.loads(json.dumps(config, default=str))
    for name, value in plain.items():
        if isinstance(value, dict):  # what is not given may be unknown to an older card
            plain[name] = {key: one for key, one in value.items() if one is not None}
    if plain.get("start") is not None:
        plain["start"] = Path(plain["start"]).name
    return plain
