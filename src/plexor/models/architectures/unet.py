"""U-Net (Ronneberger et al., MICCAI 2015), MONAI's, in 2D and 3D: logits for every pixel."""

from __future__ import annotations

from torch import nn

from plexor.core.errors import require


def unet(spatial_dims: int, channels: int, n_outputs: int) -> nn.Module:
    """A U-Net of five levels, 32 to 256 features; images need 32 pixels or more along each axis."""
    return _built(spatial_dims, channels, n_outputs, width=32)


def small_unet(spatial_dims: int, channels: int, n_outputs: int) -> nn.Module:
    """``unet`` with a quarter of the features, for phantoms and quick tests."""
    return _built(spatial_dims, channels, n_outputs, width=8)


def _built(spatial_dims: int, channels: int, n_outputs: int, *, width: int) -> nn.Module:
    require("monai")
    from monai.networks.nets.basic_unet import BasicUNet

    network: nn.Module = BasicUNet(
        spatial_dims=spatial_dims,
        in_channels=channels,
        out_channels=n_outputs,
        features=(width, width, 2 * width, 4 * width, 8 * width, width),
    )
    return network
