"""Known defences in miniature, each around a small network that has learnt something."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Picture
from torch import Tensor, nn

SEED = 0


class Guarded(nn.Module):
    """A network behind a layer, ``guard``, that changes its input."""

    def __init__(self, guard: nn.Module, network: nn.Module) -> None:
        super().__init__()
        self.guard, self.network = guard, network

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.network(self.guard(inputs))
        return logits


class Rounded(nn.Module):
    """Bit-depth reduction to three bits (Xu et al., NDSS 2018)."""

    def forward(self, inputs: Tensor) -> Tensor:
        return (inputs * 7).round() / 7


class Compressed(nn.Module):
    """JPEG compression at quality 40 (Guo et al., ICLR 2018), by Pillow."""

    def forward(self, inputs: Tensor) -> Tensor:
        pixels = (inputs.detach() * 255).round().clamp(0, 255).byte().cpu().numpy()
        return torch.from_numpy(np.stack([_through_file(one) for one in pixels])).to(inputs)


def _through_file(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    file = io.BytesIO()
    Picture.fromarray(pixels.transpose(1, 2, 0)).save(file, "JPEG", quality=40)
    return np.asarray(Picture.open(file)).transpose(2, 0, 1) / 255.0


class Thermometer(nn.Module):
    """Thermometer encoding (Buckman et al., ICLR 2018), decoded again for the same network."""

    def forward(self, inputs: Tensor) -> Tensor:
        thresholds = (torch.arange(1, 17) / 17).to(inputs)
        return (inputs[..., None] > thresholds).to(inputs).mean(dim=-1)


class Resized(nn.Module):
    """Random resizing and padding (Xie et al., ICLR 2018)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.generator = network, torch.Generator().manual_seed(SEED)

    def forward(self, inputs: Tensor) -> Tensor:
        size = inputs.shape[-1]
        small = size - int(torch.randint(0, 4, (), generator=self.generator))
        left, top = torch.randint(0, size - small + 1, (2,), generator=self.generator).tolist()
        shrunk = nn.functional.interpolate(inputs, (small, small), mode="bilinear")
        right, bottom = size - small - left, size - small - top
        logits: Tensor = self.network(nn.functional.pad(shrunk, (left, right, top, bottom)))
        return logits


class Noisy(nn.Module):
    """Gaussian noise on the input of every pass."""

    def __init__(self, network: nn.Module, *, deviation: float = 0.1) -> None:
        super().__init__()
        self.network, self.deviation = network, deviation
        self.generator = torch.Generator().manual_seed(SEED)

    def forward(self, inputs: Tensor) -> Tensor:
        noise = torch.randn(inputs.shape, generator=self.generator, dtype=inputs.dtype)
        logits: Tensor = self.network(inputs + self.deviation * noise)
        return logits


class DroppedOut(nn.Module):
    """Dropout that stays on (Dhillon et al., ICLR 2018, drop activations likewise)."""

    def __init__(self, network: nn.Module, *, share: float = 0.2) -> None:
        super().__init__()
        self.network, self.share = network, share
        self.generator = torch.Generator().manual_seed(SEED)

    def forward(self, inputs: Tensor) -> Tensor:
        kept = torch.rand(inputs.shape, generator=self.generator) >= self.share
        logits: Tensor = self.network(inputs * kept / (1 - self.share))
        return logits


class WinnersOnly(nn.Module):
    """k-winners-take-all (Xiao et al., ICLR 2020) on the features before the head."""

    def __init__(self, network: nn.Module, *, share: float = 0.2) -> None:
        super().__init__()
        self.network, self.share = network, share

    def forward(self, inputs: Tensor) -> Tensor:
        features = self.network.features(inputs)  # type: ignore[operator]
        k = max(1, int(self.share * features.shape[1]))
        least = features.topk(k, dim=1).values[:, -1:]
        logits: Tensor = self.network.head(features * (features >= least))  # type: ignore[operator]
        return logits


class Scaled(nn.Module):
    """Logits times ten thousand, then a softmax or a tanh, if any."""

    def __init__(
        self, network: nn.Module, *, last: Callable[[Tensor], Tensor] | None = None
    ) -> None:
        super().__init__()
        self.network, self.last = network, last

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = 1e4 * self.network(inputs)
        return logits if self.last is None else self.last(logits)


class Decisions(nn.Module):
    """One for the class that is decided, zero for all others."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.network(inputs)
        return nn.functional.one_hot(logits.argmax(1), logits.shape[1]).to(logits)


GALLERY: dict[str, Callable[[nn.Module], nn.Module]] = {
    "3-bit rounding": lambda network: Guarded(Rounded(), network),
    "thermometer": lambda network: Guarded(Thermometer(), network),
    "JPEG 40": lambda network: Guarded(Compressed(), network),
    "random resize and pad": Resized,
    "noise": Noisy,
    "dropout": DroppedOut,
    "k-WTA": WinnersOnly,
    "logits times 10,000": Scaled,
    "softmax of these": lambda network: Scaled(network, last=lambda x: x.softmax(dim=1)),
    "tanh of these": lambda network: Scaled(network, last=torch.tanh),
    "decisions only": Decisions,
}
