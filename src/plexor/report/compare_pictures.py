"""Images of cases that newly break, or are mended, in the second of two runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from plexor.cases.formats import read_image
from plexor.findings.comparison.results import ChangedCase, ProbeDifference, RunComparison
from plexor.findings.example import StoredExample
from plexor.findings.run import RunDirectory
from plexor.findings.schema import CLEAN
from plexor.report.picture import Frame, frame, show
from plexor.report.pictures import Pictures, Placed

MOST_SHOWN = 12
"""Cases shown that broke, and of those that were mended."""

Kept = Mapping[tuple[str, str], StoredExample]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One image with its caption."""

    picture: Placed
    caption: str
    alt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One changed case: the original, then the image that each run judged, if it was kept."""

    title: str
    width: int
    height: int
    shots: tuple[Shot, ...]


def changed_pictures(
    runs: tuple[RunDirectory, RunDirectory],
    found: RunComparison,
    pictures: Pictures,
    *,
    mended: bool,
) -> tuple[Shown, ...]:
    """The changed cases of which a run kept images, each once, untouched images first.

    Args:
        runs: the two directories.
        found: their comparison.
        pictures: where the pictures are placed.
        mended: show those that were mended, instead of those that broke.

    Raises:
        DataError: an example's file is damaged.
    """
    kept = tuple({(one.case_id, one.probe): one for one in run.examples()} for run in runs)
    shown: list[Shown] = []
    seen: set[str] = set()
    for probe, case in _changed(found, mended=mended):
        if len(shown) == MOST_SHOWN:
            break
        files = _files(probe, case, *kept)
        if files and case.case_id not in seen:
            seen.add(case.case_id)
            shown.append(_shown(probe, case, files, pictures))
    return tuple(shown)


def _changed(
    found: RunComparison, *, mended: bool
) -> Iterator[tuple[ProbeDifference, ChangedCase]]:
    for probe in found.probes:
        if probe.kind != "control":
            for case in probe.mended if mended else probe.broken:
                yield probe, case


def _files(
    probe: ProbeDifference, case: ChangedCase, kept_a: Kept, kept_b: Kept
) -> list[tuple[str, StoredExample]]:
    """("original", any example of the case), then what each run kept of this probe."""
    ids = ((case.case_id, kept_a, "A"), (case.case_id_b, kept_b, "B"))
    of_case = [
        one for name, kept, _ in ids for (case_id, _), one in kept.items() if case_id == name
    ]
    if not of_case:
        return []
    found = [("original", of_case[0])]
    if probe.id != CLEAN:
        found += [
            (run, kept[name, probe.id]) for name, kept, run in ids if (name, probe.id) in kept
        ]
    return found


def _shown(
    probe: ProbeDifference,
    case: ChangedCase,
    files: list[tuple[str, StoredExample]],
    pictures: Pictures,
) -> Shown:
    original = read_image(files[0][1].original)
    changed = [(run, read_image(one.perturbed)) for run, one in files[1:]]
    seen: Frame = frame(original, changed[0][1] if changed else original)
    shots = [Shot(picture=pictures.place(show(original, seen)), caption="original", alt="Original")]
    for run, image in changed:
        said = case.a if run == "A" else case.b
        caption = f"as {run} judged it: {said}"
        shots.append(
            Shot(
                picture=pictures.place(show(image, seen)),
                caption=caption,
                alt=f"The image under {probe.id}, {caption}",
            )
        )
    return Shown(
        title=f"{case.case_id}, truly {case.truth}; {probe.id}: A {case.a}, B {case.b}",
        width=seen.columns.stop - seen.columns.start,
        height=seen.rows.stop - seen.rows.start,
        shots=tuple(shots),
    )
