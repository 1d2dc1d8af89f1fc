"""One tiny network, and what the measures of reliance say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scripts.planted_tags.films import ASPECTS, SIDE, Aspect, Planted, Pool, Rng, deal, plant
from torch import nn
from torch.nn import functional

from plexor.cases import Case
from plexor.core.seeds import seed_for
from plexor.models.architectures.small_cnn import SmallCNN
from plexor.shortcuts.association import association, tag_features
from plexor.shortcuts.cover import Fill, Floating, control_boxes, cover
from plexor.shortcuts.exchange import cut, draw, exchange, mixed
from plexor.shortcuts.find import Box, Tag
from plexor.shortcuts.reliance import reliance, transplant_effect
from plexor.stats import Estimate, auc

N_TRAIN, N_TEST = 240, 100
_EPOCHS, _BATCH, _RATE = 6, 24, 0.01
FILLS: tuple[Fill, ...] = ("black", "inpaint")
"""Covers that reliance is measured by."""
_DRAWS = 2
"""Control covers of each film."""
Scores = NDArray[np.float64]
Numbers = dict[str, Any]
"""A network's results, as JSON holds them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is planted for one network.

    Attributes:
        films: name of the pool.
        aspect: what goes with the label.
        phi: how much.
        seed: of the network, its films and its tags.
    """

    films: str
    aspect: Aspect
    phi: float
    seed: int

    @property
    def name(self) -> str:
        """Unique among settings."""
        return f"{self.films} {self.aspect} {self.phi:g} {self.seed}"


def measured(setting: Setting, pool: Pool) -> Numbers:
    """Trains a network on planted films and measures its reliance on the tags of others."""
    rng = np.random.default_rng(seed_for(0, "planted tags", setting.name))
    train, test = deal(pool, (N_TRAIN, N_TEST), rng)
    seen = plant(pool, train, setting.aspect, setting.phi, rng)
    shown = plant(pool, test, setting.aspect, setting.phi, rng)
    network = trained(seen, seed=setting.seed)
    found: Numbers = {
        "films": setting.films, "aspect": setting.aspect, "phi": setting.phi,
        "seed": setting.seed, "effects": {}, **_leaning(network, shown, rng),
    }  # fmt: skip
    if setting.aspect == "stratum":
        fewer = min(int(pool.positive.sum()), int((~pool.positive).sum()))
        every, _ = deal(pool, (2 * fewer, 0), rng)
        found |= _strata(plant(pool, every, setting.aspect, setting.phi, rng), setting.seed)
        found["balanced"] = _leaning(network, plant(pool, test, setting.aspect, 0.0, rng), rng)
    else:
        found["effects"] = effects(network, shown, rng)
    return found


def trained(films: Planted, *, seed: int) -> nn.Module:
    """The house's small network, trained for a second."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_for(seed, "planted tags", "weights"))
        network = SmallCNN(spatial_dims=2, channels=1, n_outputs=1).train()
    inputs = _inputs([image.pixels for image in films.images])
    labels = torch.from_numpy(films.positive.astype(np.float32))
    steps = _EPOCHS * -(-len(labels) // _BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=_RATE, total_steps=steps)
    order = torch.Generator().manual_seed(seed_for(seed, "planted tags", "order"))
    for _ in range(_EPOCHS):
        for some in torch.split(torch.randperm(len(labels), generator=order), _BATCH):
            loss = functional.binary_cross_entropy_with_logits(
                network(inputs[some])[:, 0], labels[some]
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return network.eval()


def scores(network: nn.Module, films: Sequence[NDArray[Any]]) -> Scores:
    """The logit of each film, (1, SIDE, SIDE), rounded as an 8-bit file would hold it."""
    with torch.no_grad():
        logits = network(_inputs([np.clip(np.round(film), 0, 255) for film in films]))
    return np.asarray(logits[:, 0], dtype=np.float64)


def effects(network: nn.Module, films: Planted, rng: Rng) -> dict[str, list[float]]:
    """Shift toward the donor's label by each aspect of its tag, beyond the own tag drawn again."""
    donors = [_donor(films, index, rng) for index in range(len(films.images))]
    bare = [
        cover(image, _boxes(tag), fill="inpaint", rng=rng)
        for image, tag in zip(films.images, films.tags, strict=True)
    ]
    own = [
        None if tag is None else cut(image, tag)
        for image, tag in zip(films.images, films.tags, strict=True)
    ]

    def with_aspect(aspect: Any) -> Scores:
        made: list[Floating] = []
        for index, image in enumerate(films.images):
            donor, mine = donors[index], own[index]
            if mine is None:
                plain = image.pixels.astype(np.float64)
                given = aspect == "presence"
                made.append(exchange(image, None, donor, aspect, rng=rng) if given else plain)
            elif aspect == "presence":
                made.append(bare[index])
            else:  # as ``exchange`` does, which would inpaint anew for each aspect
                made.append(draw(image, bare[index], mixed(mine, donor, aspect)))
        return scores(network, made)

    redrawn = with_aspect("none")
    toward = np.where(films.positive, -1.0, 1.0)
    return {
        aspect: _plain(transplant_effect(toward, with_aspect(aspect), redrawn, films.groups))
        for aspect in ASPECTS
    }


def _leaning(network: nn.Module, films: Planted, rng: Rng) -> Numbers:
    boxes = [_boxes(tag) for tag in films.tags]
    elsewhere = [
        [control_boxes(image, there, rng=rng) for _ in range(_DRAWS)]
        for image, there in zip(films.images, boxes, strict=True)
    ]
    original = scores(network, [image.pixels for image in films.images])
    found: Numbers = {"area": auc(films.positive, original).value}
    for fill in FILLS:

        def shown(which: Sequence[Sequence[Box]], fill: Fill = fill) -> Scores:
            pairs = zip(films.images, which, strict=True)
            return scores(network, [cover(one, there, fill=fill, rng=rng) for one, there in pairs])

        controls = [shown([places[draw] for places in elsewhere]) for draw in range(_DRAWS)]
        leans = reliance(
            films.positive, original, shown(boxes), np.stack(controls, 1), films.groups
        )
        found[fill] = {
            "margin": _plain(leans.margin),
            "correct": _plain(leans.correct),
            "confounder": _plain(leans.confounder),
        }
    return found


def _strata(films: Planted, seed: int) -> Numbers:
    """Association of tags with the label in the data: overall, and within strata."""
    cases, rows = [], []
    for index, tag in enumerate(films.tags):
        label = "positive" if films.positive[index] else "negative"
        about = {"stratum": str(films.stratum[index])}
        group, name = films.groups[index], str(index)
        cases.append(Case(id=name, path=Path(name), truth=label, group=group, metadata=about))
        rows.append(tag_features([] if tag is None else [tag], (SIDE, SIDE)))
    told = association(np.stack(rows), cases, positive="positive", stratum="stratum", seed=seed)[0]
    within = [area for area in told.within.values() if not np.isnan(area.value)]
    return {"overall": _plain(told.overall), "within": [_plain(area) for area in within]}


def _donor(films: Planted, index: int, rng: Rng) -> Any:
    """A tag cut from a film of the other label."""
    others = [
        (other, tag)
        for other, tag in enumerate(films.tags)
        if tag is not None and films.positive[other] != films.positive[index]
    ]
    chosen = int(rng.choice([index for index, _ in others]))
    return cut(films.images[chosen], dict(others)[chosen])


def _boxes(tag: Tag | None) -> list[Box]:
    return [] if tag is None else [tag.box]


def _inputs(films: Sequence[NDArray[Any]]) -> torch.Tensor:
    return torch.from_numpy(np.stack(films).astype(np.float32)) / 255


def _plain(estimate: Estimate) -> list[float]:
    return [float(estimate.value), float(estimate.low), float(estimate.high)]
