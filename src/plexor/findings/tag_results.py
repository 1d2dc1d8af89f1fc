"""How far a model leans on burnt-in tags, as ``tags.json`` stores it.

Written by ``plexor shortcuts reliance``; read by the report, without torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from plexor.core.errors import RunDirectoryError
from plexor.core.files import write_atomic
from plexor.findings.json_format import JsonFormat
from plexor.findings.summary.counts import Count
from plexor.findings.summary.estimate import StoredEstimate, StoredTest

FILE = "tags.json"
Pixels = tuple[int, int, int, int]
Verdict = Literal["destroyed", "kept", "cannot tell"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KindShare:
    """One kind of tag.

    Attributes:
        kind: the kind, "any tag", or a side as "laterality R".
        n_tags: tags of this kind.
        share: label → share of its images that carry at least one.
    """

    kind: str
    n_tags: Count
    share: Mapping[str, StoredEstimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCarriers:
    """Carriers of any tag, one label against all others.

    Attributes:
        label: the label.
        odds: odds ratio over all cases.
        within: stratum → the same among its cases.
        common: odds ratio common to the strata, by Mantel and Haenszel; None without strata.
    """

    label: str
    odds: StoredEstimate
    within: Mapping[str, StoredEstimate]
    common: StoredEstimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TagsAloneArea:
    """The label told from the tags' kind, place and size, without any network.

    Attributes:
        label: the label told.
        classifier: what tells it.
        overall: area under the ROC curve, cross-validated by group.
        within: stratum → the same among its cases.
    """

    label: str
    classifier: str
    overall: StoredEstimate
    within: Mapping[str, StoredEstimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmArea:
    """The model's area under the ROC curve on one version of the images.

    Attributes:
        arm: "original", "covered", "covered elsewhere", "inpainted", "tags alone", "as much
            elsewhere alone", "re-trained, covered", "with a tag" or "without a tag"; the last two
            are the original images of these cases only.
        area: the area.
        change: area minus that of the originals, on the same cases; None for the originals and for
            arms of other cases.
        test: DeLong's test of that change.
    """

    arm: str
    area: StoredEstimate
    change: StoredEstimate | None = None
    test: StoredTest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelReliance:
    """Reliance on tags in telling one label from all others, among carriers.

    Attributes:
        label: the label.
        n_carriers: cases with a tag.
        margin: see ``plexor.shortcuts.reliance.Reliance``.
        decision: as above.
        decision_elsewhere: share of decisions that change under the control covers.
        decision_covered: share of decisions that change when tags are covered.
        correct: as ``margin``.
        sensitivity: as above, there ``confounder``.
        areas: the model's area on each version of the images, over all cases.
    """

    label: str
    n_carriers: Count
    margin: StoredEstimate
    decision: StoredEstimate
    decision_elsewhere: StoredEstimate
    decision_covered: StoredEstimate
    correct: StoredEstimate
    sensitivity: StoredEstimate
    areas: tuple[ArmArea, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AspectEffect:
    """What one aspect of another label's tag does.

    Attributes:
        aspect: see ``plexor.shortcuts.exchange.Aspect``.
        shift: mean fall of the margin of the true label, beyond that of the own tag drawn again.
        decision: share of decisions that change, beyond that of the own tag drawn again.
    """

    aspect: str
    shift: StoredEstimate
    decision: StoredEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class CuratedArea:
    """Cases chosen so that a label and all others carry the same kinds of tags.

    Attributes:
        label: the label.
        n_kept: cases kept.
        alone: classifier → area with which tags alone tell the label among the cases kept.
        model: area of the model, as it is, among the cases kept.
    """

    label: str
    n_kept: Count
    alone: Mapping[str, StoredEstimate]
    model: StoredEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedArea:
    """A linear classifier on a network's last features, within one label.

    Attributes:
        asked: what it tells, "has a tag" or "says R".
        label: the label whose cases are taken.
        network: "the model", "the model, tags inpainted" or "random weights".
        area: area under the ROC curve, cross-validated by group.
    """

    asked: str
    label: str
    network: str
    area: StoredEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class MapResult:
    """Where one method's maps lie, over cases with a tag.

    Attributes:
        method: its title.
        share: mean share of the map's mass on tags.
        area: mean share of the image that tags take.
        ratio: share over area.
        elsewhere: share over area of the matched control places.
        pointing: share of cases whose greatest value lies on a tag.
        sensitivity: share of the tags among the most attended tenth of the pixels.
        ratio_covered: share over area when tags are covered, in the same places.
        correlation: mean correlation of the maps before and after covering.
        correlation_outside: the same over the pixels outside of the tags.
        random_weights: mean rank correlation with maps of random weights.
        verdict: whether random weights destroy the map.
        n_flat: cases left out, since their map has no positive value.
    """

    method: str
    share: StoredEstimate
    area: StoredEstimate
    ratio: StoredEstimate
    elsewhere: StoredEstimate
    pointing: StoredEstimate
    sensitivity: StoredEstimate
    ratio_covered: StoredEstimate
    correlation: StoredEstimate
    correlation_outside: StoredEstimate
    random_weights: StoredEstimate
    verdict: Verdict
    n_flat: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCase:
    """A case that the page shows.

    Attributes:
        id: the case.
        label: its true label.
        before: what the model decides.
        after: what it decides when tags are covered.
        boxes: x0, y0, x1, y1 of its tags, in pixels of the stored image.
        kinds: of its tags.
        file: arrays in the directory: ``image``, ``covered`` (H, W, 1 or 3) and, for each method,
            ``before-N`` and ``after-N`` (H, W), N its place among ``methods``.
    """

    id: str
    label: str
    before: str
    after: str
    boxes: tuple[Pixels, ...]
    kinds: tuple[str, ...]
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TagResults:
    """Everything that the page prints.

    Attributes:
        format: of the file.
        plexor: version that wrote it.
        name: of the plan.
        architecture: of the model.
        labels: labels for which reliance is given: of two labels the second, else all.
        classes: all labels.
        cohort: name of the cohort.
        split: of the cohort; "" for all cases.
        stratum: column of the manifest; "" for none.
        n_cases: cases measured.
        n_groups: their groups.
        n_tagged: cases with a tag.
        failures: id and error of cases that could not be measured.
        fill: of the covers.
        draws: control covers a case.
        exchanges: draws of each exchanged aspect.
        seed: of the plan.
        kinds: which tags there are.
        carriers: who carries them.
        association: whether tags alone tell the label.
        curated: the same among cases with equal tags; empty where too few are left.
        reliance: for each of ``labels``.
        aspects: what matters about a tag.
        carried: whether the network carries the tag.
        methods: titles of the methods of attention.
        maps: where attention lies.
        shown: cases with pictures.
        notes: what was left out, and why.
    """

    format: Literal["plexor-tags/1"] = "plexor-tags/1"
    plexor: str
    name: str
    architecture: str
    labels: tuple[str, ...]
    classes: tuple[str, ...]
    cohort: str
    split: str
    stratum: str
    n_cases: Count
    n_groups: Count
    n_tagged: Count
    failures: tuple[str, ...]
    fill: str
    draws: Count
    exchanges: Count
    seed: int
    kinds: tuple[KindShare, ...]
    carriers: tuple[LabelCarriers, ...]
    association: tuple[TagsAloneArea, ...]
    reliance: tuple[LabelReliance, ...]
    aspects: tuple[AspectEffect, ...]
    carried: tuple[CarriedArea, ...]
    methods: tuple[str, ...]
    maps: tuple[MapResult, ...]
    shown: tuple[ShownCase, ...]
    notes: tuple[str, ...]
    curated: tuple[CuratedArea, ...] = ()


_FORMAT = JsonFormat(TagResults)


def is_tag_results(path: Path) -> bool:
    """Whether a directory holds results on tags."""
    return (path / FILE).is_file()


def write_tag_results(path: Path, results: TagResults) -> None:
    """Writes ``tags.json`` into a directory."""
    write_atomic(path / FILE, _FORMAT.dump(results))


def read_tag_results(path: Path) -> TagResults:
    """Reads ``tags.json`` of a directory.

    Raises:
        RunDirectoryError: it is missing or damaged.
    """
    file = path / FILE
    try:
        return _FORMAT.load(file.read_bytes())
    except OSError as error:
        raise RunDirectoryError(f"{file}: cannot be read: {error}") from error
    except RunDirectoryError as error:
        raise RunDirectoryError(f"{file}: {error}") from error
