"""What results on tags mean, in sentences: the answer, the advice, what is not shown."""

from __future__ import annotations

from dataclasses import dataclass

from plexor.core import wording
from plexor.findings.summary.estimate import StoredEstimate
from plexor.findings.tag_results import ArmArea, LabelReliance, MapResult, TagResults
from plexor.report import rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Something that can be done, and what it was measured to do.

    Attributes:
        title: what to do.
        effect: the measured effect, or why there is none.
        text: how to do it, and what to bear in mind.
    """

    title: str
    effect: str
    text: str


def lead(results: TagResults) -> LabelReliance:
    """The label in which covering tags changes most decisions, beyond covers elsewhere."""
    return max(results.reliance, key=lambda one: one.decision.value or 0)


def answer(results: TagResults) -> str:
    """The result in one or two sentences, for the label of ``lead``."""
    found = lead(results)
    which = f" on {found.label} against all others" if len(results.reliance) > 1 else ""
    n = wording.counted(found.n_carriers, "image")
    covered, elsewhere = found.decision_covered, found.decision_elsewhere
    low = covered.low if found.decision.low is None else found.decision.low
    if low is not None and low > 0 and (elsewhere.value or 0) < (covered.value or 0):
        return (
            f"This model leans on burnt-in tags: covering them changes "
            f"{wording.share(covered.value)} of its decisions{which} on the {n} that carry one, "
            f"covers of the same size elsewhere {wording.share(elsewhere.value)}."
        )
    if found.margin.low is not None and found.margin.low > 0:
        return (
            "Burnt-in tags move this model's outputs more than other places of the same size do, "
            "by "
            f"{rounding.amount(found.margin.value)} {rounding.amount_bounds(found.margin)} logits "
            "of margin, and were not shown to change more of its decisions."
        )
    # Where no decision changes, the interval of the difference holds the controls' spread only, or
    # none; that of the share says what other images may do.
    unchanged = found.decision.high is None or covered.value == 0
    limit = covered.high if unchanged else found.decision.high
    if limit is None:
        return f"Whether this model leans on burnt-in tags cannot be told from {n} with a tag."
    return (
        "No reliance on burnt-in tags was shown, which does not mean that there is none: "
        f"{n} with a tag leave open that covering tags changes up to "
        f"{100 * max(0.0, limit):.1f} points more decisions than covers elsewhere."
    )


def advice(results: TagResults) -> tuple[Advice, ...]:
    """Cover, re-train, curate: each with its measured effect, for the label of ``lead``."""
    found = lead(results)
    areas = {row.arm: row for row in found.areas}
    return (
        Advice(
            title="Cover tags before the model is asked",
            effect=_change(areas["covered"], found.label),
            text=f"Covers of the same size elsewhere: "
            f"{_change(areas['covered elsewhere'], found.label)} "
            "The difference between the two is the tags' part. A cover is a change of its own, "
            "which the model did not see in training.",
        ),
        Advice(
            title="Re-train on covered images",
            effect=_change(areas["re-trained, covered"], found.label)
            if "re-trained, covered" in areas
            else "Not measured here.",
            text="Measured on covered images, against this model on the originals. "
            "plexor shortcuts cover writes the images, plexor train trains on them, and "
            "--retrained measures the result. One training is one draw: repeat it with other "
            "seeds.",
        ),
        Advice(
            title="Curate the data",
            effect=_curated(results, found, areas),
            text="If tags alone tell the label, any network can learn them. What they still tell "
            "on images with the same kinds of tags lies in their place and look, which dropping "
            "images does not balance: cover those. What training on chosen images does was not "
            "measured.",
        ),
    )


def limits() -> tuple[str, ...]:
    """What the page does not show."""
    return (
        (
            "Tags that the table does not list are taken for anatomy. Look at the boxes below, "
            "and correct the table."
        ),
        (
            "A tag may stand for something else, such as a view or a device: reliance on the tag "
            "is measured, not why it helps."
        ),
        (
            "Maps of attention illustrate; they do not prove. What covering changes is the "
            "measurement."
        ),
    )


def map_words(found: MapResult) -> str:
    """What one method's maps say, and whether to believe them."""
    ratio = found.ratio
    if ratio.value is None:
        return f"{found.method}: no map could be measured ({ratio.note or 'no cases'})."
    check = {
        "destroyed": "Random weights destroy the map, as they must.",
        "kept": "The map stays much the same with random weights, so that it shows the image or "
        "the form of the network rather than what it has learnt. Do not read it.",
        "cannot tell": "Whether random weights destroy the map cannot be told; read it with doubt.",
    }[found.verdict]
    return (
        f"{found.method}: {wording.share(found.share.value)} of the attention lies on tags, which "
        f"take {wording.share(found.area.value)} of the image, {rounding.amount(ratio.value)} "
        f"times as much as their area {rounding.amount_bounds(ratio)}; places like them elsewhere "
        f"get {rounding.amount(found.elsewhere.value)} times their area. {check}"
    )


def _change(row: ArmArea, label: str) -> str:
    change = row.change
    if change is None or change.value is None:
        return f"{label}: cannot be told."
    said = "no change shown"
    if change.low is not None and change.low > 0:
        said = "better"
    elif change.high is not None and change.high < 0:
        said = "worse"
    p = "" if row.test is None else f", p {_equals(rounding.p_value(row.test.p_value))}"
    return f"Area for {label} {three(change, signed=True)}{p}: {said}."


def _curated(results: TagResults, found: LabelReliance, areas: dict[str, ArmArea]) -> str:
    alone = [row for row in results.association if row.label == found.label]
    best = max(alone, key=lambda row: row.overall.value or 0, default=None)
    kept = next((row for row in results.curated if row.label == found.label), None)
    model = f"The model's area is {three(areas['original'].area)} on all images"
    parts = []
    if best is not None:
        parts.append(
            f"Tags alone tell {found.label} with an area of {three(best.overall)} "
            f"({best.classifier}) on all {wording.counted(results.n_cases, 'image')}"
        )
        if kept is not None:
            parts.append(
                f"with {three(kept.alone[best.classifier])} on {wording.count(kept.n_kept)} of "
                "them, chosen so that both sides carry the same kinds"
            )
    if kept is not None:
        model += f" and {three(kept.model)} on the chosen ones"
    return "; ".join(parts) + (". " if parts else "") + f"{model}."


def three(found: StoredEstimate, *, signed: bool = False) -> str:
    """An area, or a change of it, to three decimals with its interval; a dash with the reason."""
    if found.value is None:
        return f"{wording.UNDEFINED} ({found.note})"
    return " ".join(filter(None, three_parts(found, signed=signed)))


def three_parts(found: StoredEstimate, *, signed: bool = False) -> tuple[str, str]:
    """An area to three decimals, as Yi et al. print it, and its interval in brackets."""
    form = "+.3f" if signed else ".3f"
    if found.value is None:
        return wording.UNDEFINED, ""
    limits = ""
    if found.low is not None and found.high is not None:
        limits = f"({format(found.low, form)} to {format(found.high, form)})"
    value = format(found.value, form)
    return value.replace("-", rounding.MINUS), limits.replace("-", rounding.MINUS)


def _equals(p: str) -> str:
    return p if p[:1] in "<>" else f"= {p}"
