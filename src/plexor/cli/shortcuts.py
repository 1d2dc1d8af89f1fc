"""``plexor shortcuts``: burnt-in tags, found and put to the test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from plexor.cases.rows import TruthKind
from plexor.cli.output import console
from plexor.cli.reliance import reliance
from plexor.cli.shortcuts_list import list_shortcuts
from plexor.cli.tags import (
    Column,
    Manifest,
    Root,
    Search,
    ShowText,
    Table,
    Truth,
    cohort_of,
    make_finder,
    print_census,
    root_of,
    searching,
)
from plexor.core.progress import stepping

if TYPE_CHECKING:
    from numpy.random import Generator

    from plexor.cases import Case, Image
    from plexor.shortcuts.cover import Floating
    from plexor.shortcuts.find import Box

Fill = Literal["black", "mean", "noise", "inpaint"]
Alone = Literal["tags", "recentred", "boxes", "anatomy"]
Aspect = Literal["whole", "presence", "letter", "position", "size", "brightness", "none"]
Out = Annotated[Path, typer.Option(help="Folder of the images and their manifest.csv.")]
Seed = Annotated[int, typer.Option(help="Of everything drawn at random.")]

app = typer.Typer(
    help="Find burnt-in tags on radiographs, and make the images that test what they matter.",
    no_args_is_help=True,
)


@app.callback()
def options() -> None:
    """Find burnt-in tags on radiographs, and make the images that test what they matter."""


app.command("list")(list_shortcuts)


@app.command()
def find(
    manifest: Manifest,
    out: Annotated[Path, typer.Option(help="The table to be written.")] = Path("tags.csv"),
    root: Root = None,
    column: Column = None,
    truth: Truth = "class",
    search: Annotated[
        Search,
        typer.Option(
            help="strokes: read what is made of strokes; whole: also search the whole image."
        ),
    ] = "strokes",
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    show_text: ShowText = False,
) -> None:
    """Find burnt-in tags: a row for each box, and a row "none" for each image without one.

    The columns are path, x0, y0, x1, y1, kind, text, score, mirrored and turns, in pixels of the
    stored image. Nothing is changed. OCR reads the tags where the extra `ocr` is installed.
    """
    from plexor.shortcuts.find import write_tags

    cohort = cohort_of(manifest, root, column, truth)
    found = list(searching(cohort.cases, make_finder(search), workers))
    write_tags(out, found, root=root_of(manifest, root), show_text=show_text)
    print_census(found)
    console.print(f"tags: {out}")


@app.command()
def page(
    manifest: Manifest,
    tags: Table,
    out: Annotated[Path, typer.Option(help="The HTML file to be written.")] = Path("tags.html"),
    root: Root = None,
    column: Column = None,
    truth: Truth = "class",
    most_mb: Annotated[
        float,
        typer.Option(min=0, help="Images in the page, in MB; further ones are put beside it."),
    ] = 20.0,
) -> None:
    """Write one HTML page on which boxes are corrected by mouse or key, and saved as CSV.

    It needs no server and no network. The images are in it: do not pass it on.
    """
    from plexor.shortcuts.page import write_page

    cases = cohort_of(manifest, root, column, truth).cases
    with stepping("page", unit="images") as advance:
        written = write_page(
            cases,
            tags,
            out,
            root=root_of(manifest, root),
            most_bytes=int(most_mb * 1e6),
            advance=advance,
        )
    for error in written.unread[:5]:
        console.print(f"not shown: {error}")
    if written.n_other_rows:
        console.print(
            f"{written.n_other_rows} rows of images outside of the manifest are kept, not shown"
        )
    beside = f", {written.n_beside} of them in the folder beside it" if written.n_beside else ""
    console.print(f"page: {out}, {written.n_images} images{beside}")


@app.command()
def cover(
    manifest: Manifest,
    tags: Table,
    out: Out,
    fill: Annotated[
        Fill, typer.Option(help="black, mean or noise of the surroundings, or inpaint.")
    ] = "black",
    control: Annotated[
        bool,
        typer.Option(
            "--control", help="Cover equal areas elsewhere in comparable tissue, not the tags."
        ),
    ] = False,
    root: Root = None,
    column: Column = None,
    truth: Truth = "class",
    seed: Seed = 0,
) -> None:
    """Write the images with their tags covered, and a manifest of them."""
    from plexor.shortcuts.cover import control_boxes
    from plexor.shortcuts.cover import cover as covered

    def edit(_case: Case, image: Image, boxes: Sequence[Box], rng: Generator) -> Floating:
        where = control_boxes(image, boxes, rng=rng) if control else boxes
        return covered(image, where, fill=fill, rng=rng)

    name = f"cover-{fill}" + ("-control" if control else "")
    _write(_Job(manifest, root, column, truth, tags, out, seed), name, edit)


@app.command()
def isolate(
    manifest: Manifest,
    tags: Table,
    out: Out,
    show: Annotated[
        Alone,
        typer.Option(
            help="tags: black but for the tags; recentred: tags in the middle; boxes: "
            "black boxes on grey; anatomy: tags inpainted."
        ),
    ] = "tags",
    root: Root = None,
    column: Column = None,
    truth: Truth = "class",
    seed: Seed = 0,
) -> None:
    """Write images of the tags alone, of boxes alone, or of the anatomy alone, and a manifest."""
    from plexor.shortcuts.cover import cover as covered
    from plexor.shortcuts.isolate import boxes_alone, recentre
    from plexor.shortcuts.isolate import isolate as isolated

    def edit(_case: Case, image: Image, boxes: Sequence[Box], rng: Generator) -> Floating:
        match show:
            case "tags":
                return isolated(image, boxes)
            case "recentred":
                return recentre(image, boxes)
            case "boxes":
                return boxes_alone(image, boxes)
            case "anatomy":
                return covered(image, boxes, fill="inpaint", rng=rng)

    _write(_Job(manifest, root, column, truth, tags, out, seed), f"isolate-{show}", edit)


@app.command()
def transplant(
    manifest: Manifest,
    tags: Table,
    out: Out,
    aspect: Annotated[
        Aspect,
        typer.Option(help="What is taken from the other label's tag; none draws the own again."),
    ] = "whole",
    root: Root = None,
    column: Column = None,
    truth: Truth = "class",
    seed: Seed = 0,
) -> None:
    """Write images with a tag, or one aspect of it, of a case of another label, and a manifest."""
    from plexor.shortcuts.find import read_tags, tags_of_cases
    from plexor.shortcuts.variants import Donors, exchanged, first_tag

    job = _Job(manifest, root, column, truth, tags, out, seed)
    cases = cohort_of(manifest, root, column, truth).cases
    known = tags_of_cases(read_tags(tags), cases, root_of(manifest, root), table=str(tags))
    donors = Donors(cases, known, seed=seed)

    def edit(case: Case, image: Image, _boxes: Sequence[Box], rng: Generator) -> Floating:
        own = first_tag(known[case.id])
        return exchanged(case, image, own, donors, aspect=aspect, rng=rng)

    _write(job, f"transplant-{aspect}", edit)


app.command()(reliance)


class _Job(NamedTuple):
    """What the commands that write images have in common."""

    manifest: Path
    root: Path | None
    column: list[str] | None
    truth: TruthKind
    tags: Path
    out: Path
    seed: int


def _write(
    job: _Job, name: str, edit: Callable[[Case, Image, Sequence[Box], Generator], Floating]
) -> None:
    from plexor.shortcuts.find import read_tags, tags_of_cases
    from plexor.shortcuts.variants import write_variant

    cases = cohort_of(job.manifest, job.root, job.column, job.truth).cases
    root = root_of(job.manifest, job.root)
    known = tags_of_cases(read_tags(job.tags), cases, root, table=str(job.tags))

    def with_boxes(case: Case, image: Image, rng: Generator) -> Floating:
        return edit(case, image, [tag.box for tag in known[case.id]], rng)

    with stepping(name, unit="images") as advance:
        for done, path in enumerate(
            write_variant(cases, with_boxes, job.out, name=name, seed=job.seed), 1
        ):
            advance(done, len(cases), path.name)
    console.print(f"manifest: {job.out / 'manifest.csv'}")
