"""Every architecture builds in 2D and 3D, and can be started from torchvision's weights."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from plexor.core.errors import ModelError, PlanError
from plexor.models import ARCHITECTURES, Multiclass, Segmentation, TorchModel
from plexor.models.architectures import WITH_FEATURES, build_network, check_architecture
from plexor.models.architectures.catalogue import PIXELWISE
from plexor.models.architectures.densenet import from_torchvision_names, load_start

TORCHVISION_DENSENET121 = {
    "features.conv0.weight": (64, 3, 7, 7),
    "features.norm0.running_mean": (64,),
    "features.denseblock1.denselayer1.norm1.weight": (64,),
    "features.denseblock1.denselayer1.conv1.weight": (128, 64, 1, 1),
    "features.denseblock1.denselayer1.norm2.bias": (128,),
    "features.denseblock1.denselayer1.conv2.weight": (32, 128, 3, 3),
    "features.denseblock3.denselayer24.conv1.weight": (128, 992, 1, 1),
    "features.transition1.norm.running_var": (256,),
    "features.transition1.conv.weight": (128, 256, 1, 1),
    "features.denseblock4.denselayer16.conv2.weight": (32, 128, 3, 3),
    "features.norm5.weight": (1024,),
    "classifier.weight": (1000, 1024),
    "classifier.bias": (1000,),
}
"""A few of the names and shapes in torchvision's densenet121 file."""


def build(name: str, spatial_dims: int, channels: int, n_outputs: int, seed: int = 0) -> TorchModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_network(
            name, spatial_dims=spatial_dims, channels=channels, n_outputs=n_outputs
        )
    classes = tuple(f"class {i}" for i in range(n_outputs))
    task = Segmentation(classes=classes) if name in PIXELWISE else Multiclass(classes=classes)
    return TorchModel(network, task=task)


@pytest.mark.parametrize("spatial_dims", [2, 3])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_builds_in_two_and_three_dimensions(name: str, spatial_dims: int) -> None:
    channels = 3 if spatial_dims == 2 else 1
    model = build(name, spatial_dims, channels, 3)
    images = torch.rand(2, channels, *[32] * spatial_dims).mul(255).requires_grad_()
    outputs = model.outputs(images)
    assert outputs.shape == (2, 3, *([32] * spatial_dims if name in PIXELWISE else []))
    (gradient,) = torch.autograd.grad(outputs[:, 0].sum(), images)
    assert bool(gradient.abs().flatten(1).amax(1).gt(0).all())


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_initial_weights_come_from_the_random_state_alone(name: str) -> None:
    one, same, other = (build(name, 2, 1, 2, seed).network.state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("spatial_dims", [2, 3])
@pytest.mark.parametrize("name", WITH_FEATURES)
def test_networks_with_a_second_input_use_it(name: str, spatial_dims: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_network(
            name, spatial_dims=spatial_dims, channels=1, n_outputs=1, n_features=3
        ).eval()
    images = torch.rand(2, 1, *[17] * spatial_dims).requires_grad_()
    features = torch.rand(2, 3).requires_grad_()
    outputs = network(images, features)
    assert outputs.shape == (2, 1)
    by_image, by_features = torch.autograd.grad(outputs.sum(), (images, features))
    assert bool(by_features.abs().amax(1).gt(0).all())
    assert bool(by_image.any()) is (name != "features-only")


def test_brain_age_networks_take_sizes_from_eight_up_with_the_same_parameters() -> None:
    network = build_network("brain-age", spatial_dims=3, channels=1, n_outputs=1).eval()
    for size in ((8, 9, 8), (17, 12, 30), (45, 54, 45)):
        assert network(torch.zeros(1, 1, *size)).shape == (1, 1)
    assert 1e5 < sum(p.numel() for p in network.parameters()) < 4e5
    with pytest.raises(ModelError, match="need 8 elements or more along each axis"):
        network(torch.zeros(1, 1, 7, 20, 20))


def test_an_unknown_architecture_is_answered_with_the_nearest() -> None:
    with pytest.raises(PlanError, match="unknown architecture 'densnet121'; did you mean 'dense"):
        build("densnet121", 2, 3, 2)


def test_a_function_named_as_architecture_is_answered_with_the_key_that_takes_it() -> None:
    with pytest.raises(PlanError, match=r"a function of your own is `model\.python: mine:build`"):
        build("mine:build", 2, 3, 2)


def torchvision_file(legacy: bool) -> dict[str, Tensor]:
    """An ImageNet DenseNet-121 as torchvision names it; in its oldest files "norm.1"."""
    weights = {}
    for name, tensor in build("densenet121", 2, 3, 1000, seed=1).network.state_dict().items():
        theirs = name.replace(".layers.", ".").replace("class_layers.out.", "classifier.")
        if legacy and ".denselayer" in theirs:
            for part in ("norm1", "norm2", "conv1", "conv2"):
                theirs = theirs.replace(f".{part}.", f".{part[:-1]}.{part[-1]}.")
        weights[theirs] = tensor.clone()
    return weights


@pytest.mark.parametrize("legacy", [False, True])
def test_everything_but_the_head_starts_from_torchvisions_weights(legacy: bool) -> None:
    given = torchvision_file(legacy)
    if legacy:
        assert "features.denseblock1.denselayer1.norm.1.weight" in given
    else:
        assert {key: tuple(given[key].shape) for key in TORCHVISION_DENSENET121} == (
            TORCHVISION_DENSENET121
        )
    network = build("densenet121", 2, 3, 7).network
    head = {name: tensor.clone() for name, tensor in network.state_dict().items() if "out" in name}
    left = load_start(network, given)
    assert sorted(left) == ["class_layers.out.bias", "class_layers.out.weight"] == sorted(head)
    source = build("densenet121", 2, 3, 1000, seed=1).network.state_dict()
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, head.get(name, source[name])), name


def test_weights_that_are_no_start_are_refused() -> None:
    network = build("densenet121", 2, 3, 7).network
    given = torchvision_file(legacy=False)
    del given["features.denseblock2.denselayer3.conv1.weight"]
    complaint = r"1 of \d+ tensors .* first 'features.denseblock2.denselayer3.layers.conv1.weight'"
    with pytest.raises(ModelError, match=complaint):
        load_start(network, given)
    grey = build("densenet121", 2, 1, 7).network
    with pytest.raises(ModelError, match=r"another shape, first 'features\.conv0\.weight'"):
        load_start(grey, torchvision_file(legacy=False))


def test_names_that_are_monais_already_stay() -> None:
    own = build("densenet121", 2, 3, 2).network.state_dict()
    assert list(from_torchvision_names(own)) == list(own)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_head_for_as_many_classes_is_taken_along(name: str) -> None:
    source, target = build(name, 2, 3, 3, seed=1), build(name, 2, 3, 3)
    assert load_start(target.network, source.network.state_dict()) == []
    images = torch.rand(1, 3, 32, 32)
    assert torch.equal(source.outputs(images), target.outputs(images))


@pytest.mark.parametrize(("height", "width"), [(32, 48), (37, 45), (50, 16)])
def test_what_answers_for_every_pixel_takes_any_size(height: int, width: int) -> None:
    model = build("small-unet", 2, 1, 2)
    assert model.outputs(torch.zeros(1, 1, height, width)).shape == (1, 2, height, width)


def test_an_architecture_that_does_not_answer_as_the_task_needs_is_refused() -> None:
    with pytest.raises(
        PlanError, match=r"densenet121 has outputs per image, .* unet or small-unet"
    ):
        check_architecture("densenet121", task="segmentation")
    with pytest.raises(PlanError, match="unet has outputs per pixel, which does not fit"):
        check_architecture("unet", task="binary")
    check_architecture("unet", task="segmentation")
    check_architecture("small-cnn", task="regression")
