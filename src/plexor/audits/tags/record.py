"""What is measured of one case, and how it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from plexor.findings.json_format import JsonFormat

Outputs = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapRecord:
    """One method's map of one case; None where a measure is undefined.

    Attributes:
        share: of the map's mass on tags.
        area: share of the image that tags take.
        pointing: 1 where the greatest value lies on a tag, else 0.
        sensitivity: share of the tags among the most attended tenth of the pixels.
        elsewhere: share of the mass on the first control places.
        elsewhere_area: share of the image that these take.
        covered: share of the mass on the covered tags.
        correlation: of the maps before and after covering.
        outside: the same outside of the tags.
        random_weights: rank correlation with the maps of random weights, mean over their draws.
        random_asked: whether random weights were tried on this case.
    """

    share: float | None
    area: float
    pointing: float | None
    sensitivity: float | None
    elsewhere: float | None
    elsewhere_area: float
    covered: float | None
    correlation: float | None
    outside: float | None
    random_weights: float | None
    random_asked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRecord:
    """What is measured of one case.

    Attributes:
        id: the case.
        error: why it could not be measured; then everything else is empty.
        size: height and width of the image, pixels.
        original: the model's outputs for the untouched image.
        covered: with its tags covered.
        elsewhere: with as much covered elsewhere, for each draw; empty without a tag.
        inpainted: with the tags' strokes inpainted.
        alone: with everything but the tags black.
        elsewhere_alone: with everything but the first control places black; empty without a tag.
        aspects: aspect → outputs for each draw; "none" is the own tag drawn again.
        retrained: outputs of the re-trained model for the covered image; empty without one.
        features: the network's last features for the untouched image; empty where it has none.
        features_inpainted: with the tags' strokes inpainted.
        features_random: of the untouched image, with random weights.
        maps: method → its map; empty without a tag.
    """

    id: str
    error: str = ""
    size: tuple[int, int] = (0, 0)
    original: Outputs = ()
    covered: Outputs = ()
    elsewhere: tuple[Outputs, ...] = ()
    inpainted: Outputs = ()
    alone: Outputs = ()
    elsewhere_alone: Outputs = ()
    aspects: Mapping[str, tuple[Outputs, ...]]
    retrained: Outputs = ()
    features: Outputs = ()
    features_inpainted: Outputs = ()
    features_random: Outputs = ()
    maps: Mapping[str, MapRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """The cases of one unit.

    Attributes:
        cases: in the cohort's order.
    """

    cases: tuple[CaseRecord, ...]


RECORDS = JsonFormat(Records)
