"""What the commands on burnt-in tags share: the cohort, the finder, and what is printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from plexor.cases.rows import TruthKind
from plexor.cli.named_values import named_values
from plexor.cli.output import console, folding_table
from plexor.core.progress import stepping

if TYPE_CHECKING:
    from plexor.cases import Case, Cohort
    from plexor.shortcuts.find import Finder, Found, Tag
    from plexor.stats import Estimate

Search = Literal["strokes", "whole"]
Manifest = Annotated[
    Path, typer.Argument(help="A manifest (CSV or Parquet), or a folder with one folder a class.")
]
Root = Annotated[Path | None, typer.Option(help="Folder that image paths are relative to.")]
Column = Annotated[
    list[str] | None,
    typer.Option(
        help="PLEXOR'S=MANIFEST'S column, e.g. --column label=dx --column group=lesion_id."
    ),
]
Truth = Annotated[TruthKind, typer.Option(help="What labels are: class, findings, number or mask.")]
Table = Annotated[Path, typer.Option("--tags", help="The table of `plexor shortcuts find`.")]
ShowText = Annotated[
    bool,
    typer.Option("--show-text", help="Print and write what the tags say, which may be a name."),
]
NO_READER = (
    "the extra `ocr` is not installed: tags are found by the form of their strokes, and no text is "
    "read; run: pip install 'plexor[ocr]'"
)


def cohort_of(
    manifest: Path, root: Path | None, column: Sequence[str] | None, truth: TruthKind
) -> Cohort:
    """The cohort of a manifest; its images are not opened."""
    from plexor.cases import load_cohort

    return load_cohort(manifest, root=root, columns=named_values(column, "--column"), truth=truth)


def root_of(manifest: Path, root: Path | None) -> Path:
    """The folder that paths in a table of tags start from."""
    if root is not None:
        return root
    return manifest if manifest.is_dir() else manifest.parent


def make_finder(search: Search) -> Finder:
    """The finder, with OCR where it is installed; says so where it is not."""
    from plexor.shortcuts.find import Finder, reader

    ocr = reader()
    if ocr is None:
        console.print(NO_READER)
    return Finder(reader=ocr, search=search)


def searching(cases: Sequence[Case], finder: Finder, workers: int) -> Iterator[Found]:
    """Looks for tags, with progress, and says what stands out in an image."""
    from plexor.shortcuts.find import search

    with stepping("tags", unit="images") as advance:
        for done, found in enumerate(search(cases, finder, workers=workers), 1):
            advance(done, len(cases), found.case.id)
            yield found


def print_census(found: Sequence[Found]) -> None:
    """Prints how many images have tags, of which kinds, and how they differ over the labels."""
    from plexor.shortcuts.find.census import census

    looked = [one for one in found if not one.error]
    with_tags = sum(bool(one.tags) for one in looked)
    console.print(
        f"{len(looked)} images: {with_tags} with a tag, {len(looked) - with_tags} without"
        + (f"; {len(found) - len(looked)} could not be read" if len(looked) < len(found) else "")
    )
    tags: dict[str, tuple[Tag, ...]] = {one.case.id: one.tags for one in looked}
    rows = census(tags, [one.case for one in looked])
    labels = list(rows[0].share)
    table = folding_table("kind", "tags", *(f"share of {label}" for label in labels))
    for row in rows:
        table.add_row(row.kind, str(row.n_tags), *(_share(row.share[label]) for label in labels))
    console.print(table)
    _print_association(looked, labels)
    if any(tag.kind == "identifier" for of_image in tags.values() for tag in of_image):
        console.print(
            "warning: a patient's name or number of the file's header is burnt into the image; "
            "do not pass these images on"
        )
    notes = Counter(note for one in found for note in one.notes)
    for note, count in notes.most_common(10):
        console.print(f"note: {note} ({count} images)")
    for one in [one for one in found if one.error][:5]:
        console.print(f"not looked at: {one.error}")


def _print_association(found: Sequence[Found], labels: Sequence[str]) -> None:
    """Prints how well tags alone tell each label, where there are enough patients to say so."""
    import numpy as np

    from plexor.core.errors import MissingExtraError, PlanError
    from plexor.shortcuts.association import association, tag_features

    if len(labels) < 2:
        return
    features = np.stack([tag_features(one.tags, one.size) for one in found])
    cases = [one.case for one in found]
    table = folding_table("label told from tags alone", "classifier", "area under the curve")
    try:
        for label in labels[1:] if len(labels) == 2 else labels:
            for told in association(features, cases, positive=label, seed=0):
                area = told.overall
                words = f"{area.value:.3f} ({area.low:.3f}–{area.high:.3f})"
                table.add_row(label, told.classifier, words)
    except PlanError as error:
        console.print(f"note: {error}")
        return
    except ModuleNotFoundError:
        console.print(f"note: {MissingExtraError('sklearn')}")
        return
    console.print(table)
    console.print("0.5 is guessing; each patient is judged by a classifier that did not see them")


def _share(share: Estimate) -> str:
    return f"{share.value:.1%} ({share.low:.1%}–{share.high:.1%})"
