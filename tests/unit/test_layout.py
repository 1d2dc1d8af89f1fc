"""Searches with channels last: the same answers, and no step in the other layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.helpers.tiny import Linear, batch_of, image, images, model_of, multiclass
from torch import Tensor

from plexor.attacks import APGD, PGD, Misclassify, Objective, Threat, geometry
from plexor.attacks.best import unbeaten
from plexor.attacks.norms import Box
from plexor.models import Batch, Preprocess, TorchModel
from plexor.models.layout import as_network_computes, cases_of, layout_of

LAST = torch.channels_last


def colour(n_cases: int = 3) -> tuple[TorchModel, Batch]:
    generator = torch.Generator().manual_seed(0)
    network = Linear(torch.randn(3, 3, 6, 5, generator=generator, dtype=torch.float64))
    return model_of(network, multiclass(3)), batch_of(images((3, 6, 5), n_cases))


def test_only_colour_images_in_two_dimensions_are_laid_out_anew() -> None:
    model, batch = colour()
    assert layout_of(as_network_computes(model, batch).images) == LAST
    for shape in ((1, 6, 5), (3, 4, 5, 6)):
        other = batch_of(images(shape, 2))
        assert as_network_computes(model, other).images.is_contiguous()


def test_some_cases_keep_the_layout_of_all() -> None:
    numbers = torch.arange(60.0).view(2, 3, 2, 5)
    rows = torch.tensor([1])
    for tensor in (numbers, numbers.contiguous(memory_format=LAST)):
        some = cases_of(tensor, rows)
        assert layout_of(some) == layout_of(tensor)
        assert torch.equal(some, numbers[1:])


def test_numbers_in_order_of_memory_come_back_as_images() -> None:
    numbers = torch.arange(60.0).view(2, 3, 2, 5)
    for tensor in (numbers, numbers.contiguous(memory_format=LAST)):
        flat = geometry.numbers_of(tensor)
        assert flat.data_ptr() == tensor.data_ptr()
        back = geometry.as_images(flat, tensor)
        assert torch.equal(back, numbers)
        assert back.stride() == tensor.stride()


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
@pytest.mark.parametrize("attack", [PGD(steps=6), APGD(steps=12, stop_at_success=True)])
def test_a_search_stays_in_its_layout(
    attack: Any, norm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mixture of layouts would take several times as long at every step."""
    model, batch = colour()
    seen: list[torch.memory_format] = []
    gradient = Objective.gradient

    def watched(self: Objective, delta: Tensor, loss: Any) -> tuple[Tensor, Tensor, Tensor]:
        found = gradient(self, delta, loss)
        seen.extend((layout_of(self.batch.images), layout_of(delta), layout_of(found[2])))
        return found

    monkeypatch.setattr(Objective, "gradient", watched)
    threat = Threat(norm=norm, radius={"linf": 3, "l2": 20, "l1": 150}[norm])
    delta = attack(model, batch, Misclassify(), threat, seed=0).delta
    assert set(seen) == {LAST}
    assert delta.is_contiguous()


@pytest.mark.parametrize("norm", ["linf", "l2", "l1", "l0"])
def test_a_norm_computes_the_same_in_both_layouts(norm: Any) -> None:
    _, batch = colour()
    threat = Threat(norm=norm, radius=4)
    noise = 20 * torch.randn(batch.images.shape, generator=torch.Generator().manual_seed(0))
    other = noise.contiguous(memory_format=LAST)
    for of in (threat.project, threat.furthest, threat.store):
        torch.testing.assert_close(of(other, batch), of(noise, batch), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(threat.measure(other), threat.measure(noise))


def test_a_normalisation_is_the_same_with_channels_last() -> None:
    prepare = Preprocess(window=(0, 255), mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    _, batch = colour()
    assert torch.equal(prepare(batch.images.contiguous(memory_format=LAST)), prepare(batch.images))


def test_rounding_alone_stays_in_a_box_of_whole_numbers() -> None:
    """The search of a storable length leaves the box out, and finds what it finds with it."""
    _, batch = colour()
    threat = Threat(norm="l2", radius=30)
    noise = torch.randn(batch.images.shape, generator=torch.Generator().manual_seed(0))
    delta = threat.random_start(noise, batch)
    assert threat.box(batch).is_whole()
    assert torch.equal(threat.around(batch).store(delta), threat.store(delta, batch))
    halves = Box(torch.full((1, 1, 1, 2), -1.5), torch.full((1, 1, 1, 2), 2.0))
    assert not halves.is_whole()


def test_what_cannot_be_followed_is_not_free() -> None:
    low, high = torch.tensor([[-1.0, -1.0, 0.0, -1.0]]), torch.tensor([[1.0, 1.0, 0.0, 1.0]])
    gradient = torch.tensor([[2.0, -3e-44, 5.0, -3.0]])
    delta = torch.tensor([[1.0, 0.5, 0.0, -1.0]])
    assert Box(low, high).free(gradient, delta).tolist() == [[0.0, gradient[0, 1].item(), 0.0, 0.0]]


def test_adopted_perturbations_are_exchanged_where_most_are_better() -> None:
    model, _ = colour()
    batch = batch_of([image(np.full((3, 6, 5), 100, np.uint8))] * 3)
    best = unbeaten(Objective(model, batch, Misclassify()))
    first, margins = torch.ones_like(batch.images), torch.tensor([1.0, 2.0, 3.0])
    best.adopt(first, margins)
    better = torch.tensor([2.0, 1.0, 4.0])
    best.adopt(torch.full_like(batch.images, 2.0), better)
    best.adopt(torch.full_like(batch.images, 3.0), torch.tensor([0.0, 0.0, 5.0]))
    assert best.delta.mean((1, 2, 3)).tolist() == [2.0, 1.0, 3.0]
    assert best.margins.tolist() == [2.0, 2.0, 5.0]
