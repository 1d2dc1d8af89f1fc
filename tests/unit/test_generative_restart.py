"""A training of a generator that gets nowhere starts again from other random weights."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import nn

from plexor.attacks import Become, Threat, UniversalGenerator
from plexor.attacks.example import tiny_problem
from plexor.attacks.generative.network import fill_at_random
from plexor.core.seeds import seed_for
from plexor.models import Batch, TorchModel

GOAL = Become(target="bright")
FIT = UniversalGenerator(steps=20, width=8, patience=1, held_back=0.5)


def cases() -> tuple[TorchModel, list[Batch]]:
    """Twelve dark images, some of which are held back, whatever the seed."""
    model, batch = tiny_problem()
    index = torch.zeros(12, dtype=torch.int64)
    dark = batch.select(index)
    renamed = Batch(
        ids=tuple(f"case-{i}" for i in range(12)),
        images=dark.images,
        truth=dark.truth,
        low=dark.low,
        high=dark.high,
        quantum=dark.quantum,
        scaling=dark.scaling,
    )
    return model, [renamed]


def kill_first(monkeypatch: pytest.MonkeyPatch, n_dead: int) -> list[int]:
    """Makes the first ``n_dead`` networks output zero for ever; returns the seeds asked for."""
    seeds: list[int] = []

    def fill(network: nn.Module, seed: int) -> None:
        fill_at_random(network, seed)
        seeds.append(seed)
        if len(seeds) <= n_dead:
            for parameter in network.parameters():
                parameter.data.zero_()
                parameter.register_hook(torch.zeros_like)  # type: ignore[no-untyped-call]

    monkeypatch.setattr("plexor.attacks.generative.training.fill_at_random", fill)
    monkeypatch.setattr("plexor.attacks.generative.training._LOOK_EVERY", 10)
    return seeds


def share(fit: UniversalGenerator) -> float:
    model, batches = cases()
    threat = Threat(norm="linf", radius=3)
    found = fit.fit(model, batches, GOAL, threat, seed=0)
    delta = found(model, batches[0], GOAL, threat, seed=0).delta
    outputs = model.outputs(batches[0].images + delta, batches[0].scaling)
    return float((outputs.argmax(1) == 1).float().mean())


def test_a_stuck_training_starts_again_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seeds = kill_first(monkeypatch, 1)
    with caplog.at_level(logging.WARNING):
        assert share(FIT) == 1.0
    assert seeds == [
        seed_for(0, FIT.method, "generator"),
        seed_for(0, FIT.method, "generator-1"),
    ]
    assert "0 % of the held-back cases reach the goal; training starts again" in caplog.text


def test_without_restarts_or_with_all_of_them_stuck_the_result_is_what_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seeds = kill_first(monkeypatch, 9)
    assert share(UniversalGenerator(steps=20, width=8, patience=1, restarts=1)) == 0.0
    assert len(seeds) == 2


def test_a_training_that_succeeds_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = kill_first(monkeypatch, 0)
    assert share(FIT) == 1.0
    assert len(seeds) == 1
