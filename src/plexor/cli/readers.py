"""``plexor readers``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plexor.cli import reader_study
from plexor.cli.completion import probe_ids
from plexor.cli.output import console

app = typer.Typer(
    help="Reader studies: people look at images in a browser, blinded.", no_args_is_help=True
)


@app.callback()
def options() -> None:
    """Reader studies: people look at images in a browser, blinded.

    In this order: create, check, invite, serve; then status, close, export, analyse. Without a
    server: draw.
    """


@app.command()
def draw(
    run: Annotated[Path, typer.Argument(help="A run directory, or the folder of a study's arm.")],
    probe: Annotated[
        str,
        typer.Option(
            help="The probe whose images are shown, e.g. pgd-linf-2.", autocompletion=probe_ids
        ),
    ],
    out: Annotated[Path, typer.Option(help="A new folder for the images.")],
    key: Annotated[Path, typer.Option(help="A new CSV file elsewhere: which image is which.")],
    perturbed: Annotated[int, typer.Option(help="Perturbed images.")] = 30,
    original: Annotated[int, typer.Option(help="Untouched images.")] = 20,
    balance_classes: Annotated[
        bool,
        typer.Option("--balance-classes", help="Draw from the classes in turn."),
    ] = False,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the draw; default: a new one. Kept in the key.")
    ] = None,
) -> None:
    """Draw a blinded set of a run's images, to ask readers which were altered.

    Each case occurs once. `n_examples` of the run's plan sets how many cases are kept.
    """
    from plexor.findings.study_file import run_directory
    from plexor.readers.image_set import draw_image_set

    found = draw_image_set(
        run_directory(run),
        probe,
        folder=out,
        key=key,
        n_perturbed=perturbed,
        n_original=original,
        balance_classes=balance_classes,
        seed=seed,
    )
    console.print(f"{found.n_perturbed + found.n_original} images: {found.folder}")
    console.print(f"key, not for the readers: {found.key}")


reader_study.register(app)
