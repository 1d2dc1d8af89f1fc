"""Preprocessing from values to a network's input: declared, differentiable, part of the model."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor
from torch.nn import functional

from plexor.core.errors import ModelError, PlanError
from plexor.models.orientation import check_orientation, reorderings, turned

_STRAIGHT = 1e-3
"""Voxels that the far end of a volume may be off where its axes count as parallel to the grid's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocess:
    """Turn and resize, then clip, then scale, then normalise.

    Attributes:
        orientation: of volumes: axes that the network was trained on, e.g. "RAS" (right, anterior,
            superior). Axes are reordered and flipped to these, not interpolated, and answers for
            every voxel are turned back. The file must say where its voxels lie. None takes the
            axes as they are stored.
        size: spatial size of the network's input, e.g. (72, 96); None keeps the size of the image.
            2D images are resized bilinearly with antialiasing, volumes by area when they shrink and
            trilinearly otherwise. The aspect ratio is not kept.
        spacing_mm: of volumes: they are brought to RAS+ axes (right, anterior, superior) and to
            voxels of this edge, by trilinear interpolation, with averages over the voxels that
            shrink into one, and cropped or filled with 0 to ``size`` around their middle. The file
            must say where its voxels lie. None resizes the whole image to ``size`` as it is stored.
        clip: least and greatest value, e.g. (-1000, 400); values beyond are set to these, and
            have no gradient. None keeps them.
        clip_percentiles: the same with percentiles of each resized image, all its channels
            together, e.g. (0.5, 99.5), linear between numbers as in ``numpy.percentile``. In
            gradients they are constants, as where many numbers are equal.
        window: values mapped to 0 and 1, e.g. (0, 255); values outside are not clipped. None
            computes z-scores with the mean and standard deviation of each image instead.
        mean: subtracted after scaling; one number per channel, or one for all channels.
        std: divisor after that, likewise.

    Raises:
        PlanError: a size, window or standard deviation that has no meaning.

    Example:
        >>> import torch
        >>> prepare = Preprocess(size=(1, 2), window=(0, 200), mean=(0.5,), std=(0.25,))
        >>> prepare(torch.tensor([[[[0.0, 200.0], [100.0, 100.0]]]]))
        tensor([[[[-1.,  1.]]]])
    """

    size: tuple[int, ...] | None = None
    spacing_mm: float | None = None
    orientation: str | None = None
    clip: tuple[float, float] | None = None
    clip_percentiles: tuple[float, float] | None = None
    window: tuple[float, float] | None = (0.0, 255.0)
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if self.size is not None and (len(self.size) not in (2, 3) or min(self.size) < 1):
            raise PlanError(f"preprocess: `size` must be 2 or 3 positive numbers, got {self.size}")
        if self.spacing_mm is not None and not (
            0 < self.spacing_mm < float("inf") and self.size is not None and len(self.size) == 3
        ):
            raise PlanError(
                "preprocess: `spacing_mm` must be a positive number of millimetres and needs a "
                f"`size` of 3 numbers, got {self.spacing_mm} and {self.size}"
            )
        self._check_axes_and_ends()
        if self.window is not None and self.window[0] >= self.window[1]:
            raise PlanError(
                f"preprocess: `window` must be (low, high) with low < high, got {self.window}"
            )
        if not self.mean or not self.std or min(self.std) <= 0:
            raise PlanError(
                "preprocess: `mean` and `std` need one number or one per channel, and `std` must "
                f"be positive, got {self.mean} and {self.std}"
            )

    def _check_axes_and_ends(self) -> None:
        if self.orientation is not None:
            check_orientation(self.orientation)
            if self.spacing_mm is not None:
                raise PlanError(
                    "preprocess: `spacing_mm` brings volumes to the axes RAS itself; leave "
                    "`orientation` out"
                )
        if self.clip is not None and not self.clip[0] < self.clip[1]:
            raise PlanError(
                f"preprocess: `clip` must be (low, high) with low < high, got {self.clip}"
            )
        if (ends := self.clip_percentiles) is not None and not 0 <= ends[0] < ends[1] <= 100:
            raise PlanError(
                "preprocess: `clip_percentiles` must be (low, high) of 0 to 100 with low < high, "
                f"got {ends}"
            )

    def __call__(self, values: Tensor, axes: Tensor | None = None) -> Tensor:
        """The network's input for values (N, C, *spatial); same device and dtype.

        Args:
            values: of the images.
            axes: (N, 3, 3) in mm, see ``Scaling``; for ``spacing_mm``.

        Raises:
            ModelError: the axes are needed and not known, volumes differ in shape once turned, the
                images have another dimension than
                ``size``, or ``mean`` or ``std`` have neither one number nor one per channel.
        """
        return self.normalise(self.scale(self.resize(values, axes)))

    def known(self) -> dict[str, object]:
        """Plain data that decides what this does; of the optional steps only those that are set."""
        plain = asdict(self)
        for name in ("orientation", "clip", "clip_percentiles"):
            if plain[name] is None:
                del plain[name]
        return plain

    def resize(self, values: Tensor, axes: Tensor | None = None) -> Tensor:
        """The turn and the resize alone."""
        if self.spacing_mm is not None and self.size is not None:
            if axes is None or values.ndim != 5:
                raise ModelError(
                    f"preprocess: the model works on volumes of {self.spacing_mm:g} mm, and the "
                    "image's file does not say where its voxels lie; write orientation and "
                    "spacing into its header"
                )
            return placed(values, axes, self.size, self.spacing_mm)
        if self.orientation is not None:
            return self._turned_and_resized(values, axes, self.orientation)
        return self._resized(values)

    def _turned_and_resized(self, values: Tensor, axes: Tensor | None, code: str) -> Tensor:
        turns = reorderings(axes, code)
        if all(turn == turns[0] for turn in turns):
            return self._resized(turned(values, turns[0]))
        each = [
            self._resized(turned(one[None], turn)) for one, turn in zip(values, turns, strict=True)
        ]
        if len({one.shape for one in each}) > 1:
            raise ModelError(
                "preprocess: volumes of one stored shape run along different axes, and differ in "
                "shape once turned; write `preprocess.size`"
            )
        return torch.cat(each)

    def _resized(self, values: Tensor) -> Tensor:
        spatial = tuple(values.shape[2:])
        if self.size is None or spatial == self.size:
            return values
        if len(spatial) != len(self.size):
            raise ModelError(
                f"preprocess: the model takes {len(self.size)}D images of size {self.size}, "
                f"got images of size {spatial}"
            )
        return resampled(values, self.size)

    def scale(self, values: Tensor) -> Tensor:
        """Clip and scaling: the ends of the window become 0 and 1; without window, z-scores."""
        if self.clip is not None:
            values = values.clamp(*self.clip)
        if self.clip_percentiles is not None:
            fixed = values.detach()
            least, greatest = (percentile(fixed, share) for share in self.clip_percentiles)
            values = torch.minimum(torch.maximum(values, least), greatest)
        if self.window is not None:
            low, high = self.window
            # in place: the difference is needed by nobody else, and images may be large
            return values / high if low == 0 else (values - low).div_(high - low)
        axes = tuple(range(1, values.ndim))
        centred = values - values.mean(axes, keepdim=True)
        return centred / centred.square().mean(axes, keepdim=True).add(1e-12).sqrt()

    def normalise(self, scaled: Tensor) -> Tensor:
        """The normalisation alone: subtracts ``mean``, divides by ``std``."""
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            _check_channels(name, numbers, scaled)
        if not any(self.mean) and all(number == 1 for number in self.std):
            return scaled
        return (scaled - _per_channel(self.mean, scaled)).div_(_per_channel(self.std, scaled))


def percentile(values: Tensor, percent: float) -> Tensor:
    """A percentile of each image (N, C, *spatial), linear between numbers; (N, 1, ...).

    ``torch.quantile`` takes no more than 2²⁴ numbers.

    Example:
        >>> percentile(torch.tensor([[[0.0, 10.0, 20.0]]]), 75)
        tensor([[[15.]]])
    """
    flat = values.flatten(1)
    place = percent / 100 * (flat.shape[1] - 1)
    below = int(place)
    found = flat.kthvalue(below + 1, dim=1).values
    if place > below:
        found = found.lerp(flat.kthvalue(below + 2, dim=1).values, place - below)
    return found.view(-1, *[1] * (values.ndim - 1))


def placed(values: Tensor, axes: Tensor, size: tuple[int, ...], spacing_mm: float) -> Tensor:
    """Volumes (N, C, X, Y, Z) on a RAS+ grid around their middle, (N, C, *size); differentiable.

    Trilinear; where a voxel of the new grid spans several of the old, the mean of as many samples
    along each axis. 0 outside of the volume. A case does not depend on the others of the batch.

    Args:
        values: the volumes.
        axes: (N, 3, 3), the step in mm from one voxel to the next along each axis, in RAS+.
        size: of the new grid, along right, anterior and superior.
        spacing_mm: of the new grid.
    """
    return torch.cat(
        [
            _placed(one[None], step, size, spacing_mm)
            for one, step in zip(values, axes.double(), strict=True)
        ]
    )


def _placed(volume: Tensor, axes: Tensor, size: tuple[int, ...], spacing_mm: float) -> Tensor:
    to_index = torch.linalg.inv(axes)
    n_samples = max(1, round(float(to_index.norm(dim=1).max()) * spacing_mm))
    fine = [n * n_samples for n in size]
    along = to_index.abs().argmax(dim=1).tolist()
    beside = to_index.abs().scatter(1, torch.tensor(along, device=axes.device)[:, None], 0)
    if sorted(along) == [0, 1, 2] and float(beside.max()) * max(fine) * spacing_mm < _STRAIGHT:
        return _placed_straight(
            volume, to_index, along, size=size, spacing_mm=spacing_mm, n_samples=n_samples
        )
    lines = [
        (torch.arange(n, device=volume.device, dtype=torch.float64) - (n - 1) / 2)
        * (spacing_mm / n_samples)
        for n in fine
    ]
    world = torch.stack(torch.meshgrid(*lines, indexing="ij"), dim=-1)
    half = torch.tensor([max(n - 1, 1) / 2 for n in volume.shape[2:]], device=volume.device)
    # grid_sample wants the last axis first, and -1 to 1 between the centres of the end voxels
    grid = (world @ to_index.mT / half).flip(-1)[None].to(volume.dtype)
    found = functional.grid_sample(
        volume, grid, mode="bilinear", padding_mode="zeros", align_corners=True
    )
    return functional.avg_pool3d(found, n_samples) if n_samples > 1 else found


def _placed_straight(
    volume: Tensor,
    to_index: Tensor,
    along: list[int],
    *,
    size: tuple[int, ...],
    spacing_mm: float,
    n_samples: int,
) -> Tensor:
    """The same for volumes whose axes are those of the grid in any order: one matrix an axis.

    Trilinear weights are products of linear ones, so that each axis is resampled by itself, in a
    few per cent of the time that the whole grid takes.
    """
    for axis, target in enumerate(along):
        n_old, n_new = volume.shape[2], size[target]  # the axis at hand is always the first
        fine = torch.arange(n_new * n_samples, device=volume.device, dtype=torch.float64)
        step = spacing_mm / n_samples
        places = (fine - (len(fine) - 1) / 2) * step * to_index[axis, target] + (n_old - 1) / 2
        old = torch.arange(n_old, device=volume.device)
        weights = (1 - (places[:, None] - old).abs()).clamp(min=0)
        means = weights.view(n_new, n_samples, n_old).mean(1).to(volume.dtype)
        volume = torch.tensordot(volume, means, dims=([2], [1]))
    return volume.permute(0, 1, *(2 + along.index(target) for target in range(3))).contiguous()


def resampled(values: Tensor, size: tuple[int, ...]) -> Tensor:
    """Resizes values (N, C, *spatial); differentiable, same device and dtype.

    Images are resized bilinearly with antialiasing, volumes by area when they shrink and
    trilinearly otherwise.
    """
    spatial = tuple(values.shape[2:])
    if spatial == size:
        return values
    if len(spatial) == 2:
        return functional.interpolate(values, size, mode="bilinear", antialias=True)
    if all(new <= old for new, old in zip(size, spatial, strict=True)):
        return functional.interpolate(values, size, mode="area")
    return functional.interpolate(values, size, mode="trilinear")


def _check_channels(name: str, numbers: tuple[float, ...], like: Tensor) -> None:
    channels = like.shape[1]
    if len(numbers) not in (1, channels):
        raise ModelError(
            f"preprocess: `{name}` has {len(numbers)} numbers, expected 1 or one for each of the "
            f"image's {channels} channels"
        )


def _per_channel(numbers: tuple[float, ...], like: Tensor) -> Tensor:
    each = torch.tensor(numbers, dtype=like.dtype, device=like.device)
    each = each.view(1, -1, *[1] * (like.ndim - 2))
    if like.is_contiguous() or not like.is_contiguous(memory_format=torch.channels_last):
        return each
    # one for every pixel: with channels last, three numbers for all take ten times as long
    return each.expand_as(like[:1]).contiguous(memory_format=torch.channels_last)
