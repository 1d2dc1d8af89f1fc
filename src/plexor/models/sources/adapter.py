"""From what a network takes and gives to what a task expects: layout, heads, logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from plexor.core.errors import ModelError, PlanError, unknown
from plexor.models.classification import Binary, Multiclass
from plexor.models.segmentation import Segmentation
from plexor.models.sliding_window import SlidingWindow
from plexor.models.sources.input_order import InputOrder, arranged, check_order, usual_order
from plexor.models.sources.target import Target
from plexor.models.task import Regression, Task

Layout = Literal["channels-first", "channels-last"]
Outputs = Literal["logits", "probabilities", "decisions"]
_LEAST = torch.finfo(torch.float32).tiny
_NEXT_TO_ONE = 1 - torch.finfo(torch.float32).eps / 2
_LAYOUTS: dict[str, Layout] = {
    "NCHW": "channels-first",
    "NCDHW": "channels-first",
    "NHWC": "channels-last",
    "NDHWC": "channels-last",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """What a network takes and gives.

    Attributes:
        layout: where the channels are in its input, and in outputs for every pixel: "NCHW" (or
            "NCDHW"), or "NHWC" (or "NDHWC").
        outputs: "logits"; "probabilities", of which the logarithms are taken; or "decisions",
            class numbers, or 1 and 0 for each label.
        head: number or name of the output that counts, of a network with several.
        columns: of the network's output, those that are the task's classes, in their order; empty
            takes all.
        inputs: what the network takes, in its order, see ``input_order``; empty: the image, then
            all features together.
        target: of a regression, from the output to the number.

    Raises:
        PlanError: an unknown layout or kind of outputs.
    """

    layout: str = "NCHW"
    outputs: Outputs = "logits"
    head: int | str | None = None
    columns: tuple[int, ...] = ()
    inputs: InputOrder = ()
    target: Target = Target()

    def __post_init__(self) -> None:
        if self.layout not in _LAYOUTS:
            raise PlanError(f"model: {unknown('layout', self.layout, _LAYOUTS)}")

    @property
    def channels_last(self) -> bool:
        """Whether the channels come after the spatial axes."""
        return _LAYOUTS[self.layout] == "channels-last"


class Adapted(nn.Module):
    """A network that takes (N, C, *spatial) and gives a task's logits.

    Args:
        network: as it is in its file.
        adapter: what it takes and gives.
        task: what its outputs mean.
        features: names of the numbers that it takes beside the image, as the card has them.
        window: windows in which it is asked; None asks for the whole image at once. A segmentation
            only, and an image without features beside it.

    Raises:
        PlanError: the adapter or the window has no meaning for the task.

    Example:
        >>> from plexor.models import Multiclass
        >>> network = nn.Sequential(nn.Flatten(), nn.Softmax(dim=1))
        >>> task = Multiclass(classes=("dark", "bright"))
        >>> adapted = Adapted(network, Adapter(outputs="probabilities"), task)
        >>> adapted(torch.tensor([[[[0.0, 2.0]]]])).softmax(dim=1)
        tensor([[0.1192, 0.8808]])
    """

    def __init__(
        self,
        network: nn.Module,
        adapter: Adapter,
        task: Task,
        *,
        features: Sequence[str] = (),
        window: SlidingWindow | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.adapter = adapter
        self.task = task
        self.window = window
        self.features = tuple(features)
        check_adapter(adapter, task)
        self.order = adapter.inputs or usual_order(self.features)
        check_order(self.order, self.features)
        if window is not None and not isinstance(task, Segmentation):
            raise PlanError(
                f"model: `sliding_window` is for a segmentation, and the task is {task.kind}; "
                "leave it out"
            )

    @property
    def outputs_depend_on(self) -> list[object]:
        """The file and the adapter, see ``DependsOnMore``."""
        one = self.adapter
        columns: list[object] = list(one.columns)
        known: list[object] = [
            getattr(self.network, "source_sha256", ""),
            [one.layout, one.outputs, one.head, columns],
        ]
        if one.inputs:
            known.append(
                {"inputs": [part if isinstance(part, str) else [*part] for part in one.inputs]}
            )
        if one.target != Target():
            known.append({"target": asdict(one.target)})
        return known if self.window is None else [*known, asdict(self.window)]

    def forward(self, images: Tensor, *features: Tensor) -> Tensor:
        """Logits of images (N, C, *spatial)."""
        if self.window is None:
            found = self._asked(images, *features)
        elif features:
            raise ModelError("sliding_window: a network that takes features is asked without")
        else:
            found = self.window(self._asked, images)
        return self.as_logits(found, images.ndim - 2)

    def _asked(self, images: Tensor, *features: Tensor) -> Tensor:
        """The network's output, for every pixel with the channels first."""
        last = self.adapter.channels_last
        given = images.movedim(1, -1) if last else images
        beside = features[0] if features else None
        inputs = arranged(self.order, self.features, given, beside)
        found = chosen(self.network(*inputs), self.adapter.head)
        pixelwise = isinstance(self.task, Segmentation) and found.ndim == images.ndim
        return found.movedim(-1, 1) if last and pixelwise else found

    def as_logits(self, found: Tensor, spatial_dims: int) -> Tensor:
        """The task's logits from the network's output.

        Args:
            found: the output, for every pixel with the channels first.
            spatial_dims: of the images, 2 or 3.

        Raises:
            ModelError: the output has another shape than the task needs.
        """
        pixelwise = isinstance(self.task, Segmentation)
        labels = self.adapter.outputs == "decisions"
        if labels and found.ndim == 1 + (spatial_dims if pixelwise else 0):
            return _one_hot(found, self.task)
        if not pixelwise:
            found = found.flatten(1) if found.ndim > 1 else found[:, None]
        if self.adapter.columns:
            found = self._columns(found)
        found = found.float()
        if isinstance(self.task, Regression):
            probabilities = self.adapter.outputs == "probabilities"
            return self.adapter.target.number(found, probabilities=probabilities)
        if labels:
            return 2 * found - 1 if self.task.n_outputs == 1 else found
        if self.adapter.outputs == "probabilities":
            found = _log_odds(found, self.task)
        if isinstance(self.task, Binary) and found.shape[1] == 2:
            found = found[:, 1:] - found[:, :1]
        return found

    def _columns(self, found: Tensor) -> Tensor:
        if max(self.adapter.columns) >= found.shape[1]:
            raise ModelError(
                f"model: `columns` names column {max(self.adapter.columns)}, and the network gives "
                f"{found.shape[1]}, numbered from 0"
            )
        return found[:, list(self.adapter.columns)]


def check_adapter(adapter: Adapter, task: Task) -> None:
    """Refuses an adapter that has no meaning for a task.

    Raises:
        PlanError: decisions or probabilities of a regression, a threshold on decisions, or another
            number of columns than the task has classes.
    """
    if isinstance(task, Regression):
        _check_number(adapter)
    elif adapter.target != Target():
        raise PlanError(f"model: `target` is for a regression, and the task is {task.kind}")
    threshold = getattr(task, "threshold", 0.5)
    if adapter.outputs == "decisions" and threshold != 0.5:
        raise PlanError(
            f"model: `threshold` is {threshold}, and the model gives decisions, which it made with "
            "its own; leave it out"
        )
    wanted = {task.n_outputs, 2} if isinstance(task, Binary) else {task.n_outputs}
    if adapter.target.bin_range is not None:
        wanted = {len(adapter.columns)}
    if adapter.columns and len(adapter.columns) not in wanted:
        raise PlanError(
            f"model: `columns` names {len(adapter.columns)} columns, and the task has "
            f"{task.n_outputs} outputs"
        )


def _check_number(adapter: Adapter) -> None:
    """The adapter of a regression: one column, or probabilities of bins."""
    bins = adapter.target.bin_range is not None
    if adapter.outputs == "decisions" or (adapter.outputs == "probabilities" and not bins):
        raise PlanError(
            f"model: `outputs: {adapter.outputs}` has no meaning for a regression without "
            "`target.bin_range`; leave it out"
        )


def chosen(found: Any, head: int | str | None) -> Tensor:
    """One of a network's outputs.

    Raises:
        ModelError: there are several and none is named, or none has this number or name.
    """
    if isinstance(found, Tensor):
        if head not in (None, 0):
            raise ModelError(f"model: `head` is {head!r}, and the network has one output")
        return found
    named = isinstance(found, Mapping)
    heads = (
        dict(found) if named else dict(enumerate(found)) if isinstance(found, tuple | list) else {}
    )
    if len(heads) == 1 and head is None:
        return chosen(next(iter(heads.values())), None)
    if head not in heads:
        shapes = ", ".join(
            f"{name!r} {tuple(one.shape) if isinstance(one, Tensor) else type(one).__name__}"
            for name, one in heads.items()
        )
        raise ModelError(
            f"the network has {len(heads)} outputs ({shapes or type(found).__name__}); name the "
            f"one that counts as `head`{'' if head is None else f', which is {head!r}'}"
        )
    return chosen(heads[head], None)


def _one_hot(found: Tensor, task: Task) -> Tensor:
    """Class numbers (N, *spatial) as 1 for the class decided, 0 for the others."""
    labels = found.long()
    n = task.n_outputs
    if n == 1:
        return 2 * labels.float()[:, None] - 1
    if bool(((labels < 0) | (labels >= n)).any()):
        raise ModelError(
            f"the model decided for class {int(labels.max())}, and there are {n}, numbered from 0"
        )
    return functional.one_hot(labels, n).movedim(-1, 1).float()


def _log_odds(found: Tensor, task: Task) -> Tensor:
    """Logits of probabilities: log p where one class of several is chosen, else log-odds."""
    low, high = float(found.detach().min()), float(found.detach().max())
    if low < -1e-4 or high > 1 + 1e-4:
        raise ModelError(
            f"model: `outputs: probabilities`, and the model answers {low:.3g} to {high:.3g}; "
            "write `outputs: logits`"
        )
    exclusive = isinstance(task, Multiclass) or (
        isinstance(task, Binary | Segmentation) and found.shape[1] > 1
    )
    if exclusive:
        return found.clamp(min=_LEAST).log()
    return torch.logit(found.clamp(_LEAST, _NEXT_TO_ONE))
