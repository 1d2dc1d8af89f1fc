"""Tables and charts of results on tags."""

from __future__ import annotations

from dataclasses import replace

from plexor.core import wording
from plexor.findings.summary.estimate import StoredEstimate, StoredTest
from plexor.findings.tag_results import LabelReliance, TagResults
from plexor.report import rounding
from plexor.report.cells import amount_cell, area_cell, points_cell, share_cell
from plexor.report.forest import ForestRow, Role, forest
from plexor.report.table import Cell, Table
from plexor.report.tag_words import three_parts

_CONTROLS = ("covered elsewhere", "as much elsewhere alone")


def kinds_table(results: TagResults) -> Table:
    """How often each kind of tag occurs, by label."""
    return Table(
        id="tags-kinds",
        caption="Images that carry each kind of tag",
        columns=(
            Cell(text="Kind"),
            Cell(text="Tags"),
            *(Cell(text=label) for label in results.classes),
        ),
        rows=tuple(
            (
                Cell(text=row.kind, header=True),
                Cell(text=wording.count(row.n_tags)),
                *(share_cell(row.share.get(label)) for label in results.classes),
            )
            for row in results.kinds
        ),
        note="In brackets 95 % intervals, clustered by group.",
    )


def carriers_table(results: TagResults) -> Table:
    """Odds ratios of carrying a tag, and how well tags alone tell each label."""
    rows = []
    for one in results.carriers:
        alone = [row for row in results.association if row.label == one.label]
        rows.append(
            (
                Cell(text=one.label, detail="all images", header=True),
                amount_cell(one.odds),
                *(area_cell(row.overall) for row in alone),
            )
        )
        rows += [
            (
                Cell(text=one.label, detail=f"{results.stratum} {stratum}", header=True),
                amount_cell(odds),
                *(area_cell(row.within.get(stratum)) for row in alone),
            )
            for stratum, odds in one.within.items()
        ]
        if one.common is not None:
            common = Cell(text=one.label, detail="common to the strata", header=True)
            rows.append((common, amount_cell(one.common), *[Cell(text="")] * len(alone)))
    names = list(dict.fromkeys(row.classifier for row in results.association))
    return Table(
        id="tags-carriers",
        caption="Who carries a tag, and how well tags alone tell the label",
        columns=(
            Cell(text="Label", detail="against all others"),
            Cell(text="Odds ratio", detail="of carrying any tag"),
            *(Cell(text="Area", detail=f"tags alone, {name}") for name in names),
        ),
        rows=tuple(rows),
        note="The odds ratio is 1 where the label does not matter. The area is that under the ROC "
        "curve of kinds, places and sizes of tags, without any network, cross-validated by group; "
        "0.5 is guessing. If an association disappears within strata, the tag stands for the "
        "stratum. The common odds ratio (Mantel and Haenszel) takes images as independent.",
    )


def reliance_table(results: TagResults) -> Table:
    """What covering does, minus covers elsewhere."""
    return Table(
        id="tags-reliance",
        caption="Reliance on tags, beyond covers of the same size elsewhere",
        columns=(
            Cell(text="Label", detail="against all others"),
            Cell(text="Images", detail="with a tag"),
            Cell(text="Fall of the margin", detail="logits"),
            Cell(text="Decisions changed", detail="in points"),
            Cell(text="Right decisions that need the tag", detail="in points"),
            Cell(text="Sensitivity of the score", detail="0.5 is none"),
        ),
        rows=tuple(
            (
                Cell(text=one.label, header=True),
                Cell(text=wording.count(one.n_carriers)),
                amount_cell(one.margin, with_sign=True),
                _points_cell(one.decision),
                _points_cell(one.correct),
                area_cell(one.sensitivity),
            )
            for one in results.reliance
        ),
        note=f"Covers are filled with {results.fill}. Each is compared with the mean over "
        f"{wording.counted(results.draws, 'cover')} of the same size elsewhere in comparable "
        "tissue. “Sensitivity”: mean change of the score when tags are covered, over that plus the "
        "mean change under covers elsewhere: 0.5 where tags matter as much as any place of that "
        "size, 1 where nothing else does.",
    )


def areas_table(results: TagResults) -> Table:
    """The model's area on each version of the images."""
    rows = [
        (
            Cell(text=one.label, detail=arm.arm, header=True),
            _three_cell(arm.area),
            Cell(text="") if arm.change is None else _three_cell(arm.change, signed=True),
            Cell(text="") if arm.test is None else _p_cell(arm.test),
        )
        for one in results.reliance
        for arm in one.areas
    ]
    return Table(
        id="tags-areas",
        caption="The model's area under the ROC curve on each version of the images",
        columns=(
            Cell(text="Label", detail="images"),
            Cell(text="Area"),
            Cell(text="Change", detail="from the originals"),
            Cell(text="p", detail="DeLong, clustered"),
        ),
        rows=tuple(rows),
        note="An image without a tag stays as it is when tags are covered, and is black when they "
        "are left alone. “Covered elsewhere” has the mean score over all control covers, which "
        "averages their noise away. p-values are not corrected for the number of versions.",
    )


def aspects_table(results: TagResults) -> Table | None:
    """What matters about a tag; None where none could be exchanged."""
    if not results.aspects:
        return None
    return Table(
        id="tags-aspects",
        caption="What matters about a tag: one aspect taken from a tag of another label",
        columns=(
            Cell(text="Aspect"),
            Cell(text="Images"),
            Cell(text="Fall of the true label's margin", detail="logits"),
            Cell(text="Decisions changed"),
        ),
        rows=tuple(
            (
                Cell(text=one.aspect, header=True),
                Cell(text=wording.count(one.shift.n)),
                amount_cell(one.shift, with_sign=True),
                share_cell(one.decision),
            )
            for one in results.aspects
        ),
        note="Both are counted from the image with its own tag removed and drawn again, so that "
        "cutting and drawing cancel. “Presence” removes the tag of an image that has one, and puts "
        "one into an image that has none.",
    )


def carried_table(results: TagResults) -> Table | None:
    """Whether the network carries the tag; None where its features were not read."""
    if not results.carried:
        return None
    networks = list(dict.fromkeys(row.network for row in results.carried))
    asked = list(dict.fromkeys((row.label, row.asked) for row in results.carried))
    found = {(row.label, row.asked, row.network): row.area for row in results.carried}
    return Table(
        id="tags-carried",
        caption="A linear classifier on the network's last features, within each label",
        columns=(Cell(text="Label", detail="what is told"), *(Cell(text=n) for n in networks)),
        rows=tuple(
            (
                Cell(text=label, detail=question, header=True),
                *(area_cell(found.get((label, question, name))) for name in networks),
            )
            for label, question in asked
        ),
        note="Areas under the ROC curve, cross-validated by group; 0.5 is guessing. Within a "
        "label, so that the label does not tell the tag. If the area stays with tags inpainted, "
        "the network tells tagged images by something else; random weights show what the form of "
        "the network alone carries. A network may carry a tag without using it.",
    )


def maps_table(results: TagResults) -> Table | None:
    """Where attention lies; None without maps."""
    if not results.maps:
        return None
    return Table(
        id="tags-maps",
        caption="Attention on tags, before and after covering",
        columns=(
            Cell(text="Method"),
            Cell(text="Share of attention", detail="on tags"),
            Cell(text="Area of tags"),
            Cell(text="Ratio", detail="1 is none"),
            Cell(text="Ratio", detail="places like them"),
            Cell(text="Ratio", detail="tags covered"),
            Cell(text="Greatest value on a tag"),
            Cell(text="Tags among the top tenth"),
            Cell(text="Map before and after", detail="correlation; outside"),
            Cell(text="Random weights", detail="rank correlation"),
        ),
        rows=tuple(
            (
                Cell(text=one.method, header=True),
                share_cell(one.share),
                share_cell(one.area),
                amount_cell(one.ratio),
                amount_cell(one.elsewhere),
                amount_cell(one.ratio_covered),
                share_cell(one.pointing),
                share_cell(one.sensitivity),
                _correlations(one.correlation, one.correlation_outside),
                Cell(
                    text=rounding.area(one.random_weights.value),
                    detail=rounding.area_bounds(one.random_weights),
                    reason=f"map {one.verdict}",
                ),
            )
            for one in results.maps
        ),
        note="Of what the model decides for the untouched image. “Tags among the top tenth” and "
        "the correlation of the maps before and after covering are the confounder sensitivity and "
        "the explanation NCC of Sun et al., MICCAI 2023. Random weights must destroy a map "
        "(Adebayo et al., NeurIPS 2018): a rank correlation of 0.5 and more counts as kept.",
    )


def decision_forest(found: LabelReliance, number: int) -> str:
    """Changed decisions, with tags covered and elsewhere."""
    rows = [
        ForestRow(label="tags covered", role="attack", estimate=found.decision_covered),
        ForestRow(label="covered elsewhere", role="control", estimate=found.decision_elsewhere),
        ForestRow(label="right, need the tag", role="attack", estimate=found.correct),
    ]
    title = f"Decisions changed, {found.label}"
    return forest(f"tags-decisions-{number}", title, rows, percent=True, chance=None)


def area_forest(found: LabelReliance, number: int) -> str:
    """Areas on each version of the images."""
    rows = [ForestRow(label=arm.arm, role=_role(arm.arm), estimate=arm.area) for arm in found.areas]
    title = f"Areas under the ROC curve, {found.label}"
    return forest(f"tags-areas-{number}", title, rows, percent=False, chance=0.5)


def _role(arm: str) -> Role:
    if arm in ("original", "with a tag", "without a tag"):
        return "clean"
    return "control" if arm in _CONTROLS else "attack"


def _correlations(whole: StoredEstimate, outside: StoredEstimate) -> Cell:
    return Cell(
        text=rounding.area(whole.value),
        detail=f"{rounding.area_bounds(whole)}; {rounding.area(outside.value)}",
        reason=whole.note if whole.value is None else "",
    )


def _points_cell(found: StoredEstimate) -> Cell:
    """A difference in points, with the reason where it has no interval."""
    cell = points_cell(found)
    return cell if found.low is not None else replace(cell, reason=found.note)


def _three_cell(found: StoredEstimate, *, signed: bool = False) -> Cell:
    text, limits = three_parts(found, signed=signed)
    return Cell(text=text, detail=limits, reason=found.note if found.low is None else "")


def _p_cell(test: StoredTest) -> Cell:
    undefined = test.p_value is None
    return Cell(text=rounding.p_value(test.p_value), reason=test.note if undefined else "")
