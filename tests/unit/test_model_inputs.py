"""Inputs in another order, z-scores and bins: against plain numpy and a hand-made network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from plexor.core.errors import ModelError, PlanError
from plexor.models import Features, ModelCard, Regression, TorchModel
from plexor.models.features import Feature
from plexor.models.sources.adapter import Adapted, Adapter
from plexor.models.sources.input_order import InputOrder, check_order, order_of_file
from plexor.models.sources.target import Target

YEARS = Regression(unit="years")
NAMES = ("icv", "age", "sex")


class Sum(nn.Module):
    """Takes two numbers, the image and one number: each has a place in the sum."""

    def forward(self, numbers: Tensor, image: Tensor, one: Tensor) -> Tensor:
        weighed = numbers @ torch.tensor([[10.0], [100.0]])
        return image.flatten(1).sum(1, keepdim=True) + weighed + one


def model(network: nn.Module, adapter: Adapter, features: tuple[str, ...] = NAMES) -> TorchModel:
    adapted = Adapted(network, adapter, YEARS, features=features)
    named = tuple(Feature(name=name) for name in features)
    return TorchModel(adapted, task=YEARS, card=ModelCard(task=YEARS, features=named))


def test_a_network_gets_its_inputs_in_the_order_of_the_plan() -> None:
    order: InputOrder = (("sex", "age"), "image", "icv")
    values = torch.tensor([[1000.0, 2.0, 3.0], [2000.0, 4.0, 5.0]])
    asked = model(Sum(), Adapter(inputs=order))
    found = asked.outputs(torch.zeros(2, 1, 2, 2), None, Features(names=NAMES, values=values))
    wanted = 10 * values[:, 2] + 100 * values[:, 1] + values[:, 0]
    torch.testing.assert_close(found[:, 0], wanted)


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (("image", ("icv", "age")), "names sex 0 times"),
        (("image", NAMES, "sex"), "names sex 2 times"),
        ((NAMES,), "names image 0 times"),
        (("image", ("icv", "age", "sx")), "did you mean 'sex'"),
    ],
)
def test_an_order_names_the_image_and_each_feature_once(order: InputOrder, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        check_order(order, NAMES)


def test_a_file_of_two_inputs_shows_their_order() -> None:
    shapes = [("numbers", (None, 3)), ("scan", (None, 1, 8, 8, 8))]
    assert order_of_file("net", shapes, NAMES, ()) == (NAMES, "image")
    assert order_of_file("net", shapes[::-1], NAMES, ()) == ("image", NAMES)
    with pytest.raises(PlanError, match="takes 3 numbers as numbers, and the plan gives 2"):
        order_of_file("net", shapes, NAMES[:2], ())
    with pytest.raises(PlanError, match="say which come together"):
        order_of_file("net", [*shapes, ("sex", (None, 1))], NAMES, ())


class Row(nn.Module):
    """Answers with the image's row of numbers, in the shape asked."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, image: Tensor) -> Tensor:
        return image.reshape(len(image), *self.shape)


def test_bins_give_the_expectation_over_their_middles() -> None:
    logits = torch.tensor(np.random.default_rng(0).normal(size=(5, 1, 1, 40)), dtype=torch.float32)
    shares = np.exp(logits.double().numpy().reshape(5, 40))
    shares /= shares.sum(1, keepdims=True)
    wanted = shares @ (42.5 + np.arange(40))  # Peng et al.: bins of a year from 42 to 82
    target = Target(bin_range=(42, 82))
    for network in (Row(40), Row(40, 1, 1, 1)):
        adapted = Adapted(network, Adapter(target=target), YEARS)
        np.testing.assert_allclose(adapted(logits)[:, 0], wanted, rtol=1e-5)
    probable = Adapted(Row(40), Adapter(target=target, outputs="probabilities"), YEARS)
    given = torch.tensor(shares, dtype=torch.float32).view(5, 1, 1, 40)
    np.testing.assert_allclose(probable(given)[:, 0], wanted, rtol=1e-5)


def test_a_z_score_is_scaled_back_and_its_gradient_too() -> None:
    images = torch.tensor([[[[0.5]]]], requires_grad=True)
    found = Adapted(Row(1), Adapter(target=Target(mean=44, std=16)), YEARS)(images)
    found.sum().backward()
    assert found.item() == 52
    assert images.grad is not None
    assert images.grad.item() == 16


def test_what_has_no_meaning_is_refused() -> None:
    with pytest.raises(ModelError, match="bin_range"):
        Adapted(Row(4), Adapter(), YEARS)(torch.zeros(1, 1, 2, 2))
    with pytest.raises(ModelError, match="one number for an image"):
        Adapted(Row(1), Adapter(target=Target(bin_range=(0, 9))), YEARS)(torch.zeros(1, 1, 1, 1))
    with pytest.raises(PlanError, match="positive finite `std`"):
        Target(std=0)
    with pytest.raises(PlanError, match="edge"):
        Target(bin_range=(9, 9))


@pytest.mark.parametrize("shape", [(), (1,), (1, 1, 1)])
def test_one_number_for_an_image_may_have_any_number_of_axes(shape: tuple[int, ...]) -> None:
    images = torch.tensor([0.25, 0.5]).view(2, 1, 1, 1)
    found = TorchModel(Row(*shape), task=YEARS).outputs(images * 255)
    torch.testing.assert_close(found, torch.tensor([[0.25], [0.5]]))


def test_a_network_of_several_outputs_is_told_what_to_name() -> None:
    class Several(nn.Module):
        def forward(self, image: Tensor) -> dict[str, Tensor]:
            return {"age": image.flatten(1), "spread": image.flatten(1)}

    with pytest.raises(ModelError, match=r"`model.head` \(here age, spread\)"):
        TorchModel(Several(), task=YEARS).outputs(torch.zeros(1, 1, 1, 1))
