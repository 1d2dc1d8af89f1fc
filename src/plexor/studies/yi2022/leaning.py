"""How far the networks of the original films lean on tags: measured, and as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from plexor.audits.tags import TagQuestions, measure_tags
from plexor.core.progress import Advance
from plexor.findings.study_file import Number, NumberKind, StudyRow, StudyTable
from plexor.findings.summary.estimate import StoredEstimate
from plexor.findings.tag_results import MapResult, TagResults, read_tag_results
from plexor.plans import load_plan
from plexor.studies.yi2022.images import read_films, tags_of
from plexor.studies.yi2022.plans import (
    COVERED,
    ORIGINAL,
    RELIANCE,
    TAG_TABLE,
    Scale,
    folder_of,
)

Of = Callable[[TagResults], StoredEstimate]
_RELIANCE: Sequence[tuple[str, str, NumberKind, Of]] = (
    ("Decisions changed", "tags covered", "share",
     lambda found: found.reliance[0].decision_covered),
    ("Decisions changed", "as much covered elsewhere", "share",
     lambda found: found.reliance[0].decision_elsewhere),
    ("Decisions changed", "the difference, points", "points",
     lambda found: found.reliance[0].decision),
    ("Right decisions that need the tag", "beyond covers elsewhere, points", "points",
     lambda found: found.reliance[0].correct),
    ("Fall of the margin", "beyond covers elsewhere, logits", "amount",
     lambda found: found.reliance[0].margin),
    ("Sensitivity of the score", "0.5 is none", "area",
     lambda found: found.reliance[0].sensitivity),
)  # fmt: skip
"""Row and detail, and which estimate it holds; the study has two labels, hence one reliance."""
_MAPS: Sequence[tuple[str, NumberKind, Callable[[MapResult], StoredEstimate]]] = (
    ("share of the attention on tags", "share", lambda found: found.share),
    ("attention on tags over their area", "amount", lambda found: found.ratio),
    ("the same, places like them elsewhere", "amount", lambda found: found.elsewhere),
    ("the same, tags covered", "amount", lambda found: found.ratio_covered),
)


def has_tags(out: Path) -> bool:
    """Whether any test film carries a tag, without which there is nothing to measure."""
    films = read_films(out).with_split("test").cases
    return any(tags_of(out, films).values())


def measure_leaning(
    out: Path, scale: Scale, seed: int, device: str | None, advance: Advance
) -> None:
    """Measures the network of the original films; what is measured already is kept.

    The network of the covered films of the same seed is asked, too, as the re-trained one.
    """
    if not has_tags(out):
        return
    measure_tags(
        load_plan(out / folder_of(ORIGINAL, seed) / "plan.yaml"),
        out / TAG_TABLE,
        out / reliance_folder(seed),
        TagQuestions(draws=scale.draws, exchanges=1, attention=scale.attention),
        retrained=out / folder_of(COVERED, seed) / "weights.safetensors",
        device=device,
        on_progress=advance,
    )


def reliance_folder(seed: int) -> str:
    """The folder of what ``measure_leaning`` finds, from the study's directory."""
    return f"{folder_of(ORIGINAL, seed)}/{RELIANCE}"


def read_leaning(out: Path, scale: Scale) -> list[TagResults]:
    """What was measured, once a seed; empty where no test film carries a tag."""
    if not has_tags(out):
        return []
    return [read_tag_results(out / reliance_folder(seed)) for seed in scale.seeds]


def reliance_table(found: Sequence[TagResults], seeds: Sequence[int]) -> StudyTable:
    """Reliance of each seed's network, with controls, and its attention."""
    rows = [
        StudyRow(name=name, detail=detail, cells=tuple(Number.of(kind, of(one)) for one in found))
        for name, detail, kind, of in _RELIANCE
    ]
    rows += [
        StudyRow(
            name=title,
            detail=detail,
            cells=tuple(Number.of(kind, of(one.maps[index])) for one in found),
        )
        for index, title in enumerate(found[0].methods)
        for detail, kind, of in _MAPS
    ]
    return StudyTable(
        id="reliance",
        title="How far these networks lean on tags",
        text="Networks of the films as they are, asked about test films with a tag: as they are, "
        "with the tag covered, and with as much covered elsewhere in comparable tissue.",
        columns=("Figure", *(f"Seed {seed}" for seed in seeds)),
        rows=tuple(rows),
        note=f"Covers are black; {found[0].draws} control covers a film; intervals are clustered "
        "by patient. “Over their area”: 1 where attention does not care for tags.",
    )


def aspects_table(found: Sequence[TagResults], seeds: Sequence[int]) -> StudyTable:
    """What of a tag matters to each seed's network."""
    names = list(dict.fromkeys(one.aspect for results in found for one in results.aspects))
    effects = [{one.aspect: one for one in results.aspects} for results in found]
    return StudyTable(
        id="aspects",
        title="What about a tag matters",
        text="Fall of the margin of the true label, in logits, when one aspect of a tag is taken "
        "from a film of the other label, beyond that of the own tag removed and drawn again.",
        columns=("Aspect", *(f"Seed {seed}" for seed in seeds)),
        rows=tuple(
            StudyRow(
                name=name,
                cells=tuple(
                    Number.of("amount", of[name].shift) if name in of else None for of in effects
                ),
            )
            for name in names
        ),
        note="“Whole” takes all aspects together. “Presence” removes the tag of a film that has "
        "one, and puts one into a film that has none.",
    )


def leaning_words(found: Sequence[TagResults]) -> str:
    """Decisions that change under covers, over the seeds, in a sentence."""
    shares = [
        [100 * (of(one).value or 0) for one in found] for of in (_RELIANCE[0][3], _RELIANCE[1][3])
    ]
    covered, elsewhere = (
        " to ".join(dict.fromkeys(f"{end:.1f}" for end in (min(some), max(some))))
        for some in shares
    )
    return (
        f"On films with a tag, covering it changes {covered} % of decisions over the seeds, "
        f"covering as much elsewhere {elsewhere} %."
    )
