"""A model takes stored images and gives logits, or says what is wrong with its network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.helpers.tiny import batch_of, binary, image, images, model_of, multiclass
from torch import Tensor, nn

import plexor
from plexor.attacks import PGD, Misclassify, Threat
from plexor.audits.checks import Check, check_model
from plexor.core.errors import ModelError
from plexor.models import ModelCard, Preprocess, TorchModel


class Given(nn.Module):
    """Gives what it is told, whatever it sees, with a trace of the images in it."""

    def __init__(self, outputs: Tensor) -> None:
        super().__init__()
        self.outputs = nn.Parameter(outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.outputs[: len(inputs)] + 0 * inputs.flatten(1).sum(1, keepdim=True)


PIXELS = np.arange(2 * 1 * 3 * 3, dtype="u1").reshape(2, 1, 3, 3)
BATCH = batch_of([image(one) for one in PIXELS])


def checks(network: nn.Module, n_classes: int = 3) -> dict[str, Check]:
    task = binary() if n_classes == 1 else multiclass(n_classes)
    return {check.id: check for check in check_model(model_of(network, task), BATCH)}


def test_a_model_sees_values_not_stored_numbers() -> None:
    """Two files that say the same in different numbers, one of them upside down."""
    seen: list[Tensor] = []

    class Seeing(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            seen.append(inputs)
            return inputs.flatten(1)[:, :2]

    values = np.arange(9.0).reshape(1, 3, 3)
    plain = image(values.astype("i2"))
    turned = image(((values - 20) / -0.5).astype("i2"), slope=-0.5, intercept=20)
    batch = batch_of([plain, turned])
    model = TorchModel(Seeing(), task=multiclass(2), preprocess=Preprocess(window=(0, 10)))
    outputs = model.outputs(batch.images, batch.scaling)
    torch.testing.assert_close(seen[0][0], seen[0][1])
    torch.testing.assert_close(seen[0][0].double(), torch.from_numpy(values / 10))
    assert outputs.dtype == torch.float32
    assert model.device.type == "cpu"


class Flat(nn.Module):
    """Overwrites its input, and flattens images or what a convolution makes of them."""

    def __init__(self, *, convolves: bool, views: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution = nn.Conv2d(3, 3, 3, padding=1) if convolves else nn.Identity()
        self.linear, self.views = nn.Linear(3 * 8 * 8, 3), views

    def forward(self, inputs: Tensor) -> Tensor:
        inputs -= 100
        seen = self.convolution(inputs)
        flat = seen.view(len(seen), -1) if self.views else seen.flatten(1)
        outputs: Tensor = self.linear(flat / 255)
        return outputs


@pytest.mark.parametrize("convolves", [False, True])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_code_that_wants_channels_first_in_memory_is_given_them(
    norm: str, *, convolves: bool
) -> None:
    batch = batch_of(images((3, 8, 8), 4))
    model = model_of(Flat(convolves=convolves, views=True), multiclass(3))
    other = model_of(Flat(convolves=convolves, views=False), multiclass(3))
    for _ in range(2):
        found, expected = model.outputs(batch.images), other.outputs(batch.images)
        torch.testing.assert_close(found, expected)
    threat = Threat(norm=norm, radius=20)  # type: ignore[arg-type]
    delta = PGD()(model, batch, Misclassify(), threat, seed=0).delta
    reached = model.task.decide(model.outputs(batch.images + delta)) != batch.truth
    theirs = PGD()(other, batch, Misclassify(), threat, seed=0).delta
    also = other.task.decide(other.outputs(batch.images + theirs)) != batch.truth
    assert reached.tolist() == also.tolist()


def test_a_network_is_put_into_evaluation_mode_and_frozen() -> None:
    network = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(9), nn.Linear(9, 3)).train()
    model = model_of(network, multiclass(3))
    assert model.was_training
    assert not any(part.training for part in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    images = BATCH.images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model.outputs(images).sum(), images)
    assert gradient.shape == images.shape


@pytest.mark.parametrize("shape", [(2, 2), (2, 4)])
def test_outputs_of_a_wrong_shape_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ModelError, match=r"expected \(2, 3\) for multiclass with 3 classes"):
        model_of(Given(torch.zeros(shape)), multiclass(3)).outputs(BATCH.images)


def test_other_channels_than_the_cards_are_refused() -> None:
    card = ModelCard(task=multiclass(3), preprocess=Preprocess(), channels=3)
    model = TorchModel(Given(torch.zeros(2, 3)), task=multiclass(3), card=card)
    with pytest.raises(ModelError, match="takes images with 3 channels, got 1"):
        model.outputs(BATCH.images)


def test_a_sound_model_raises_nothing() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(9, 3)).eval()
    assert not any(check.raised for check in checks(network).values())


@pytest.mark.parametrize(
    ("outputs", "n_classes", "raised"),
    [
        (torch.tensor([[0.2, 0.3, 0.5], [0.0, 0.0, 1.0]]), 3, True),
        (torch.tensor([[0.2, 0.3, 0.6], [0.0, 0.0, 1.0]]), 3, False),
        (torch.tensor([[0.2, -0.3, 1.1], [0.0, 0.0, 1.0]]), 3, False),
        (torch.tensor([[0.2], [0.9]]), 1, True),
        (torch.tensor([[0.2], [1.9]]), 1, False),
    ],
)
def test_probabilities_instead_of_logits_are_noticed(
    outputs: Tensor, n_classes: int, raised: bool
) -> None:
    found = checks(Given(outputs), n_classes)["probability-outputs"]
    assert found.raised is raised
    assert "logits are expected" in found.message


class Normalised(nn.Module):
    """Batch normalisation by the batch itself, in evaluation mode too."""

    def __init__(self, *, tracked: bool) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(1, affine=False, track_running_stats=tracked)
        self.last = nn.Linear(9, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        scores: Tensor = self.last(self.norm(inputs).flatten(1))
        return scores


@pytest.mark.parametrize("tracked", [True, False])
def test_an_answer_that_depends_on_the_batch_is_noticed(tracked: bool) -> None:
    found = checks(Normalised(tracked=tracked).eval())
    assert found["batch-dependent"].raised is not tracked
    assert found["non-deterministic"].raised is False


def test_what_all_outputs_have_in_common_hides_no_dependence_on_the_batch() -> None:
    class Raised(Normalised):
        def forward(self, inputs: Tensor) -> Tensor:
            return super().forward(inputs) + 1000

    assert checks(Raised(tracked=False).eval())["batch-dependent"].raised is True
    assert checks(Raised(tracked=True).eval())["batch-dependent"].raised is False


def test_one_case_is_tried_in_company() -> None:
    model = model_of(Normalised(tracked=False).eval(), multiclass(3))
    one = BATCH.select(torch.tensor([1]))
    found = {check.id: check.raised for check in check_model(model, one)}
    assert found["batch-dependent"] is True


def test_dropout_that_stays_on_is_noticed() -> None:
    class Stubborn(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(9, 3)

        def forward(self, inputs: Tensor) -> Tensor:
            dropped = nn.functional.dropout(inputs.flatten(1), 0.5, training=True)
            logits: Tensor = self.last(dropped)
            return logits

    assert checks(Stubborn())["non-deterministic"].raised


def test_a_network_without_gradient_is_noticed_and_cannot_be_followed() -> None:
    class Detached(Given):
        def forward(self, inputs: Tensor) -> Tensor:
            return super().forward(inputs).detach()

    constant, detached = Given(torch.eye(3)[:2]), Detached(torch.eye(3)[:2])
    assert checks(constant)["zero-gradients"].raised
    assert checks(detached)["zero-gradients"].raised
    threat = Threat(norm="linf", radius=1)
    with pytest.raises(ModelError, match="the model is not differentiable"):
        PGD()(model_of(detached, multiclass(3)), BATCH, Misclassify(), threat, seed=0)
    proposal = PGD()(model_of(constant, multiclass(3)), BATCH, Misclassify(), threat, seed=0)
    assert not proposal.delta.any()


def test_outputs_that_are_no_numbers_are_let_through_to_be_judged() -> None:
    outputs = model_of(Given(torch.full((2, 3), torch.nan)), multiclass(3)).outputs(BATCH.images)
    assert bool(outputs.isnan().all())


def test_the_spelling_of_earlier_versions_is_the_torch_model() -> None:
    assert plexor.Model is plexor.TorchModel is TorchModel
