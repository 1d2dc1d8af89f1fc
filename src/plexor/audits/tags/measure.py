"""Asks a model about all versions of a case's image, and where its attention lies."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from plexor.attention import (
    AttentionMethod,
    in_mask_by_case,
    map_correlation,
    penultimate,
    rank_correlation,
)
from plexor.audits.tags.edits import Edits, Versions
from plexor.audits.tags.record import CaseRecord, MapRecord, Outputs
from plexor.cases import Case, Image
from plexor.core.errors import PlexorError
from plexor.models import Batch, Model
from plexor.models.features import Features
from plexor.models.model import answer
from plexor.shortcuts.exchange import ASPECTS
from plexor.shortcuts.find import Box, Tag
from plexor.shortcuts.shortcut import black_and_white, canvas

Maps = NDArray[np.float32]
_WHITE = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What is measured of every case.

    Attributes:
        model: the model.
        retrained: a model trained on covered images; None for none.
        twins: the model with random weights, once a draw; empty where it has no network.
        methods: name → method of attention.
        edits: what is done to the images.
        batch_size: images a pass.
        layers: whether the network has last features that can be read.
        compared: ids of the cases whose maps are compared with those of random weights.
        shown: ids of the cases whose pictures are kept.
    """

    model: Model
    retrained: Model | None
    twins: tuple[Model, ...]
    methods: Mapping[str, AttentionMethod]
    edits: Edits
    batch_size: int
    layers: bool
    compared: frozenset[str]
    shown: frozenset[str]

    def case(
        self, case: Case, image: Image | PlexorError, tags: Sequence[Tag]
    ) -> tuple[CaseRecord, bytes | None]:
        """The record of a case, and its pictures (a NumPy archive) where they are kept."""
        if not isinstance(image, Image):
            return _failed(case, image), None
        try:
            versions = self.edits.versions(case, image, tags)
            return self._measured(case, versions)
        except PlexorError as error:
            return _failed(case, error), None

    def _measured(self, case: Case, versions: Versions) -> tuple[CaseRecord, bytes | None]:
        answers = self._asked(self.model, case, [one.image for one in versions.all])
        named: dict[str, list[Outputs]] = {}
        first: dict[str, Image] = {}
        for version, outputs in zip(versions.all, answers, strict=True):
            named.setdefault(version.name, []).append(outputs)
            first.setdefault(version.name, version.image)
        pair = _batch(case, [first["original"], first["covered"]], self.model)
        before = torch.tensor([named["original"][0]], device=self.model.device)
        pair = replace(pair, before=before.expand(2, -1))
        found = self._maps(pair) if versions.boxes else {}
        features, inpainted, random = self._features(case, first)
        record = CaseRecord(
            id=case.id,
            size=canvas(first["original"]),
            original=named["original"][0],
            covered=named["covered"][0],
            elsewhere=tuple(named.get("elsewhere", ())),
            inpainted=named["inpainted"][0],
            alone=named["alone"][0],
            elsewhere_alone=named.get("elsewhere alone", [()])[0],
            aspects={name: tuple(named[name]) for name in ASPECTS if name in named},
            retrained=self._retrained(case, first["covered"]),
            features=features,
            features_inpainted=inpainted,
            features_random=random,
            maps={
                name: self._map_record(case, pair, maps, versions, name)
                for name, maps in found.items()
            },
        )
        kept = _pictures(first, found) if case.id in self.shown else None
        return record, kept

    def _asked(self, model: Model, case: Case, images: Sequence[Image]) -> list[Outputs]:
        found: list[Outputs] = []
        for start in range(0, len(images), self.batch_size):
            part = _batch(case, images[start : start + self.batch_size], model)
            with torch.no_grad():
                outputs = answer(model, part, part.images)
            found += [tuple(row) for row in outputs.cpu().tolist()]
        return found

    def _retrained(self, case: Case, covered: Image) -> Outputs:
        return () if self.retrained is None else self._asked(self.retrained, case, [covered])[0]

    def _features(self, case: Case, first: Mapping[str, Image]) -> tuple[Outputs, Outputs, Outputs]:
        """Last features: as it is, with tags inpainted, and as it is under random weights."""
        if not self.layers:
            return (), (), ()
        both = _batch(case, [first["original"], first["inpainted"]], self.model)
        own, inpainted = penultimate(self.model, both).cpu().tolist()
        random: list[float] = []
        if self.twins:
            one = both.select(torch.tensor([0], device=self.model.device))
            random = penultimate(self.twins[0], one)[0].cpu().tolist()
        return tuple(own), tuple(inpainted), tuple(random)

    def _maps(self, pair: Batch) -> dict[str, Maps]:
        """Method → maps (2, H, W) of what is decided for the original: before, after covering."""
        return {
            name: method(self.model, pair).cpu().numpy() for name, method in self.methods.items()
        }

    def _map_record(
        self, case: Case, pair: Batch, maps: Maps, versions: Versions, name: str
    ) -> MapRecord:
        tags = _mask(versions.boxes, maps.shape[1:])
        places = _mask(versions.elsewhere, maps.shape[1:])
        found = in_mask_by_case(
            np.stack([maps[0], maps[0], maps[1]]), np.stack([tags, places, tags])
        )
        asked = bool(self.twins) and case.id in self.compared
        return MapRecord(
            share=_known(found.share[0]),
            area=float(found.area[0]),
            pointing=_known(found.pointing[0]),
            sensitivity=_known(found.sensitivity[0]),
            elsewhere=_known(found.share[1]),
            elsewhere_area=float(found.area[1]),
            covered=_known(found.share[2]),
            correlation=_known(map_correlation(maps[:1], maps[1:])[0]),
            outside=_known(map_correlation(maps[:1], maps[1:], ~tags[None])[0]),
            random_weights=self._random(pair, maps, name) if asked else None,
            random_asked=asked,
        )

    def _random(self, pair: Batch, maps: Maps, name: str) -> float | None:
        one = pair.select(torch.tensor([0], device=pair.images.device))
        found = [
            float(rank_correlation(maps[:1], self.methods[name](twin, one).cpu().numpy())[0])
            for twin in self.twins
        ]
        known = [value for value in found if not math.isnan(value)]
        return sum(known) / len(known) if known else None


def _batch(case: Case, images: Sequence[Image], model: Model) -> Batch:
    ids = [case.id] * len(images)
    features = Features.of([case] * len(images), model.device)
    truth: Tensor = torch.zeros(len(images), dtype=torch.int64)
    return Batch.of(ids, images, truth, model.device, features=features)


def _mask(boxes: Sequence[Box], size: Sequence[int]) -> NDArray[np.bool_]:
    mask = np.zeros(tuple(size), dtype=bool)
    for box in boxes:
        mask[box.within(*mask.shape).slices] = True
    return mask


def _pictures(first: Mapping[str, Image], found: Mapping[str, Maps]) -> bytes:
    arrays: dict[str, NDArray[np.generic]] = {
        name: _for_screen(first[version])
        for name, version in (("image", "original"), ("covered", "covered"))
    }
    for number, maps in enumerate(found.values()):
        arrays[f"before-{number}"], arrays[f"after-{number}"] = maps.astype(np.float32)
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def _for_screen(image: Image) -> NDArray[np.uint8]:
    """The image from its black to its white, (H, W, 1 or 3)."""
    black, white = black_and_white(image)
    share = (image.pixels.astype(np.float64) - black) / ((white - black) or 1)
    pixels = np.round(_WHITE * share).clip(0, _WHITE).astype(np.uint8)
    return np.moveaxis(pixels, 0, -1)


def _known(value: np.float64) -> float | None:
    return None if math.isnan(value) else float(value)


def _failed(case: Case, error: PlexorError) -> CaseRecord:
    return CaseRecord(id=case.id, error=str(error), aspects={}, maps={})
