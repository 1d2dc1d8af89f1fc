"""``plexor train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plexor.cli.output import Quiet, console
from plexor.cli.plan_options import Changes, Limit, load
from plexor.core.progress import stepping


def train(
    plan: Annotated[
        Path, typer.Argument(help="The plan (YAML) with `cohort`, `train` and `model.weights`.")
    ],
    limit: Limit = None,
    changes: Changes = None,
    device: Annotated[
        str | None, typer.Option(help="Device, e.g. cuda:0; by default a GPU if there is one.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Train a model on a plan's cohort and write its weights.

    A training that was stopped with Ctrl-C or killed is resumed at the last complete epoch by the
    same command.
    """
    from plexor.audits import cohort_of
    from plexor.core.errors import PlanError
    from plexor.models.device import choose_device
    from plexor.models.training.fit import train as run

    loaded = load(plan, changes, limit)
    weights = loaded.model_source().weights
    if weights is None:
        raise PlanError(f"{plan}: `model.weights` is needed, it says where the weights are written")
    with stepping("training", unit="steps", quiet=quiet) as advance:
        result = run(
            cohort_of(loaded, loaded.training().task),
            loaded.training(),
            weights,
            seed=loaded.seed,
            device=choose_device(device),
            on_progress=lambda news: advance(
                news.step,
                news.n_steps,
                f"epoch {news.epoch}, loss {news.loss:.3f}"
                + ("" if news.figure is None else f", {_figure(news.score, news.figure)}"),
            ),
        )
    figures = ", ".join(_figure(name, value) for name, value in result.figures.items())
    console.print(
        f"kept epoch {result.epoch} of {result.epochs}: {figures} on the validation split"
    )
    console.print(f"weights: {result.weights}")


def _figure(name: str, value: float) -> str:
    """A measure on the validation split with its name, e.g. ``balanced accuracy 71.2%``."""
    number = f"{value:.1%}" if name.endswith("accuracy") else f"{value:.3g}"
    return f"{name.replace('_', ' ')} {number}"
