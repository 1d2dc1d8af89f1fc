"""Answers to fixed images tell one model from another, whatever the cohort and the machine."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from plexor.audits.fixed_images import N_IMAGES, N_KEPT, FixedAnswers, fixed_images
from plexor.cases import Image, Intensity
from plexor.models import Batch, Multiclass, TorchModel
from plexor.models.architectures import build_network

SHAPES = [(1, 9, 13), (3, 16, 16), (1, 5, 6, 7)]


def case(shape: tuple[int, ...], intensity: Intensity, *, seed: int = 0) -> Batch:
    pixels = np.random.default_rng(seed).integers(0, 200, shape).astype(np.uint8)
    image = Image(pixels=pixels, intensity=intensity, containers={})
    return Batch.of([f"case-{seed}"], [image], torch.zeros(1).long(), torch.device("cpu"))


EIGHT_BITS = Intensity(low=0, high=255, quantum=1)


class Summed(nn.Module):
    """Two outputs: the mean of an image times a factor that is not among the weights, and NaN."""

    def __init__(self, factor: float = 1) -> None:
        super().__init__()
        self.factor = factor
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, images: Tensor) -> Tensor:
        mean = self.weight * self.factor * images.flatten(1).mean(dim=1)
        return torch.stack([mean, mean * torch.nan], dim=1)


def together(first: Batch) -> Tensor:
    return torch.cat(list(fixed_images(first)))


def answers(factor: float, batch: Batch) -> FixedAnswers:
    return FixedAnswers.of(TorchModel(Summed(factor), task=Multiclass(classes=("a", "b"))), batch)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("intensity", [EIGHT_BITS, Intensity(low=-1024, high=3071, quantum=5)])
def test_images_are_storable_and_take_the_range(
    shape: tuple[int, ...], intensity: Intensity
) -> None:
    images = together(case(shape, intensity))
    assert images.shape == (N_IMAGES, *shape)
    assert torch.equal((images - intensity.low) % intensity.quantum, torch.zeros_like(images))
    for image in images:
        assert image.min() >= intensity.low
        assert image.max() <= intensity.high
        assert image.max() - image.min() > 0.8 * (intensity.high - intensity.low)
    down, along = images[2:]
    assert (down.diff(dim=1) >= 0).all()
    assert torch.equal(down, down[..., :1].expand_as(down))
    assert (along.diff(dim=-1) >= 0).all()


def test_cohorts_share_the_images() -> None:
    one, other = (together(case((1, 9, 13), EIGHT_BITS, seed=seed)) for seed in (0, 1))
    assert torch.equal(one, other)


def test_storage_in_fractions_has_no_steps() -> None:
    images = together(case((1, 9, 13), Intensity(low=0, high=1, quantum=0)))
    assert len(np.unique(images[0].numpy())) == 9 * 13


def test_answers_are_those_of_the_images() -> None:
    batch = case((1, 9, 13), EIGHT_BITS)
    found = answers(1, batch)
    # TorchModel sends shares of the stored range
    wanted = together(batch).flatten(1).mean(dim=1).double() / 255
    torch.testing.assert_close(found.outputs[:, 0], wanted, rtol=1e-5, atol=0)
    assert torch.equal(found.outputs[:, 1], torch.zeros(N_IMAGES, dtype=torch.float64))


def test_other_code_with_the_same_weights_is_told() -> None:
    batch = case((1, 9, 13), EIGHT_BITS)
    one, other = answers(1, batch), answers(1.5, batch)
    assert one.sha256 != other.sha256
    greatest = float(other.outputs.abs().max())
    assert one.difference(other) == pytest.approx(greatest / 3 / max(1, greatest), rel=1e-5)


def test_rounding_is_no_other_model() -> None:
    found = answers(1, case((1, 9, 13), EIGHT_BITS))
    shaken = replace(found, outputs=found.outputs * (1 + 1e-7))
    assert shaken.sha256 == found.sha256
    assert shaken.difference(found) < 1e-6


def test_answers_come_back_from_storage() -> None:
    found = answers(1, case((1, 9, 13), EIGHT_BITS))
    again = FixedAnswers.from_stored(found.stored())
    assert again.sha256 == found.sha256
    assert again.difference(found) < 1e-5
    assert again.stored() == found.stored()


def test_another_number_of_outputs_is_infinitely_far() -> None:
    found = answers(1, case((1, 9, 13), EIGHT_BITS))
    assert replace(found, outputs=found.outputs[:, :1]).difference(found) == math.inf


def test_zeros_have_a_hash() -> None:
    found = answers(0, case((1, 9, 13), EIGHT_BITS))
    assert found.stored()["outputs"] == [[0.0, 0.0]] * N_IMAGES


def test_of_many_outputs_some_are_kept() -> None:
    class Masks(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.flatten(1)

    batch = case((1, 9, 13), EIGHT_BITS)
    found = FixedAnswers.of(
        TorchModel(Masks(), task=Multiclass(classes=tuple(f"c{n}" for n in range(117)))), batch
    )
    kept = np.linspace(0, 116, N_KEPT).astype(int)
    wanted = together(batch).flatten(1)[:, kept] / 255
    torch.testing.assert_close(found.outputs.float(), wanted, rtol=1e-5, atol=1e-6)


def test_a_network_has_one_hash_on_any_number_of_threads() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_network("small-cnn", spatial_dims=2, channels=3, n_outputs=2)
    model = TorchModel(network.eval(), task=Multiclass(classes=("a", "b")))
    batch = case((3, 32, 32), EIGHT_BITS)
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(FixedAnswers.of(model, batch))
    finally:
        torch.set_num_threads(before)
    assert found[0].difference(found[1]) < 1e-5


def test_images_are_made_one_at_a_time() -> None:
    """Four large images would take more memory than the attack on one."""
    shape = (1, 1500, 1500)
    batch, greatest = case(shape, EIGHT_BITS), 0
    image_bytes = 4 * math.prod(shape)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        for image in fixed_images(batch):
            assert image.nbytes == image_bytes
            del image
    held = 0
    for event in sorted(_allocations(found), key=lambda event: event.start_ns()):
        held += event.nbytes()
        greatest = max(greatest, held)
    assert image_bytes <= greatest < 2 * image_bytes


def _allocations(found: profile) -> list[Any]:
    assert found.profiler is not None
    results: Any = found.profiler.kineto_results
    events = results.events()
    return [event for event in events if event.name() == "[memory]"]
