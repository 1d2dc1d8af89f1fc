"""Known defences in miniature, each around a small network that has learnt something."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image as Picture
from torch import Tensor, nn

SEED = 0


class Rounded(nn.Module):
    """Bit-depth reduction to three bits (Xu et al., NDSS 2018)."""

    def __init__(self, network: nn.Module, *, bits: int = 3) -> None:
        super().__init__()
        self.network, self.most = network, 2**bits - 1

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.network((inputs * self.most).round() / self.most)
        return logits


class Compressed(nn.Module):
    """JPEG compression (Guo et al., ICLR 2018), by Pillow."""

    def __init__(self, network: nn.Module, *, quality: int = 40) -> None:
        super().__init__()
        self.network, self.quality = network, quality

    def forward(self, inputs: Tensor) -> Tensor:
        pixels = (inputs.detach() * 255).round().clamp(0, 255).byte().cpu().numpy()
        again = np.stack([self._through_file(one) for one in pixels])
        logits: Tensor = self.network(torch.from_numpy(again).to(inputs))
        return logits

    def _through_file(self, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> object:
        file = io.BytesIO()
        Picture.fromarray(pixels.transpose(1, 2, 0)).save(file, "JPEG", quality=self.quality)
        return np.asarray(Picture.open(file)).transpose(2, 0, 1) / 255.0


class Thermometer(nn.Module):
    """Thermometer encoding (Buckman et al., ICLR 2018), decoded again for the same network."""

    def __init__(self, network: nn.Module, *, levels: int = 16) -> None:
        super().__init__()
        self.network = network
        self.thresholds = torch.arange(1, levels + 1) / (levels + 1)

    def forward(self, inputs: Tensor) -> Tensor:
        passed = (inputs[..., None] > self.thresholds.to(inputs)).to(inputs)
        logits: Tensor = self.network(passed.mean(dim=-1))
        return logits


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
    "3-bit rounding": Rounded,
    "thermometer": Thermometer,
    "JPEG 40": Compressed,
    "random resize and pad": Resized,
    "noise": Noisy,
    "dropout": DroppedOut,
    "k-WTA": WinnersOnly,
    "logits times 10,000": Scaled,
    "softmax of these": lambda network: Scaled(network, last=lambda x: x.softmax(dim=1)),
    "tanh of these": lambda network: Scaled(network, last=torch.tanh),
    "decisions only": Decisions,
}
