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
    answers_of: Annotated[
        Path | None,
        typer.Option(
            help="Another plan, whose model is asked about the training and validation images; its "
            "decisions are learned instead of the labels. The weights are a surrogate of that "
            "model, for the attack `transfer`."
        ),
    ] = None,
    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="Allow that other model to run code.")
    ] = False,
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
    from plexor.audits.answers import teach
    from plexor.core.errors import PlanError
    from plexor.models.device import choose_device
    from plexor.models.training.fit import train as run

    loaded = load(plan, changes, limit)
    weights = loaded.model_source().weights
    if weights is None:
        raise PlanError(f"{plan}: `model.weights` is needed, it says where the weights are written")
    cohort, teacher = cohort_of(loaded, loaded.training().task), None
    if answers_of is not None:
        with stepping("asking", unit="cases", quiet=quiet) as advance:
            cohort, teacher = teach(
                cohort,
                load(answers_of, None),
                loaded.training().task,
                allow_code=allow_code,
                on_progress=lambda done, n: advance(done, n, "answers"),
            )
        agree = "" if teacher.n_agree is None else f", {teacher.n_agree} as labelled"
        console.print(
            f"{teacher.model} decided {teacher.n_cases} cases{agree}; sent {teacher.n_paid} images"
        )
    with stepping("training", unit="steps", quiet=quiet) as advance:
        result = run(
            cohort,
            loaded.training(),
            weights,
            seed=loaded.seed,
            about={} if teacher is None else teacher.about,
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
