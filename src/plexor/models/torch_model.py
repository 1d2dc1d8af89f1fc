"""A torch network with its preprocessing and task, as one model that takes stored images."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn

from plexor.core.errors import ModelError, OutageError, PlanError, brief
from plexor.core.ids import digest, digest_bytes
from plexor.models.batch import Scaling
from plexor.models.card import ModelCard
from plexor.models.device import is_out_of_memory
from plexor.models.features import Features
from plexor.models.foreign_code import foreign_code
from plexor.models.model import ModelAccess
from plexor.models.normalisation import mend_gradients
from plexor.models.orientation import reorderings, turned_back
from plexor.models.preprocess import Preprocess, resampled
from plexor.models.segmentation import Segmentation
from plexor.models.task import Task, check_outputs


@runtime_checkable
class DependsOnMore(Protocol):
    """A network whose outputs depend on more than its class and its parameters."""

    @property
    def outputs_depend_on(self) -> list[object]:
        """Plain data that, with class and parameters, decides the outputs."""
        ...


class TorchModel:
    """A network with its preprocessing and task; a ``Model`` that shows its gradients.

    Args:
        network: takes (N, C, *size), and standardised features (N, n) as a second argument where
            the card names any, and returns logits (N, n_outputs), for a segmentation
            (N, n_outputs, *any size). It is put in evaluation mode, its parameters are frozen, and
            it stays on its own device. It is not copied. Its layers of batch and instance
            normalisation get a hook that corrects gradients, see ``plexor.models.normalisation``.
        task: meaning of the logits.
        preprocess: from values to the network's input; that of the card if not given, without a
            card ``Preprocess()``.
        card: where the model comes from; made from the other arguments if not given.

    Attributes:
        network: the network given.
        task: the task given.
        preprocess: the preprocessing used.
        card: the card given, or made.
        was_training: whether the network was in training mode when it was passed in.

    Examples:
        A network that decides by the mean of the image, which is scaled to 0...1 before:

        >>> import torch
        >>> from torch import nn
        >>> from plexor.models import Multiclass, Preprocess, TorchModel
        >>> network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 2))
        >>> network[2].weight.data = torch.tensor([[-1.0], [1.0]])
        >>> network[2].bias.data = torch.tensor([0.5, -0.5])
        >>> task = Multiclass(classes=("dark", "bright"))
        >>> model = TorchModel(network, task=task, preprocess=Preprocess(window=(0, 255)))
        >>> images = torch.full((2, 1, 8, 8), 255.0) * torch.tensor([0.2, 0.8]).view(2, 1, 1, 1)
        >>> model.outputs(images)
        tensor([[ 0.3000, -0.3000],
                [-0.3000,  0.3000]])
        >>> [task.classes[label] for label in task.decide(model.outputs(images))]
        ['dark', 'bright']
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        task: Task,
        preprocess: Preprocess | None = None,
        card: ModelCard | None = None,
    ) -> None:
        self.was_training = network.training
        try:
            self.network = network.eval().requires_grad_(requires_grad=False)
        except Exception as error:  # e.g. of parameters that are not initialised yet
            raise _unusable(network, error) from error
        mend_gradients(network)
        self._layout: torch.memory_format | None = None  # not known before the first images
        self.task = task
        self.preprocess = preprocess or (card and card.preprocess) or Preprocess()
        if isinstance(task, Segmentation) and self.preprocess.spacing_mm is not None:
            raise PlanError(
                "preprocess: a segmentation answers for the voxels of the image as stored, which "
                "`spacing_mm` changes; leave it out"
            )
        self.card = card or ModelCard(
            task=task, preprocess=self.preprocess, architecture=type(network).__qualname__
        )

    def __repr__(self) -> str:
        """Network, task and preprocessing, in one line."""
        named = ", ".join(self.task.classes) or getattr(self.task, "unit", "")
        takes = "any size" if self.preprocess.size is None else f"resizes to {self.preprocess.size}"
        name = self.card.architecture or type(self.network).__qualname__
        return f"TorchModel({name}: {self.task.kind} of {named}; {takes}; on {self.device})"

    @property
    def access(self) -> ModelAccess:
        """See ``Model``."""
        return "gradients"

    @property
    def device(self) -> torch.device:
        """Device of the network's first parameter; the CPU for a network without any."""
        parameter = next(self.network.parameters(), None)
        return torch.device("cpu") if parameter is None else parameter.device

    def to(self, device: torch.device) -> Self:
        """See ``Model``; moves the network."""
        self.network.to(device)
        return self

    def identity(self) -> str:
        """SHA-256 of the network's class and state, preprocessing, task and features."""
        try:
            parts = [
                [name, str(tensor.dtype), digest_bytes(_bytes(tensor))]
                for name, tensor in self.network.state_dict().items()
            ]
        except Exception as error:  # of a hook, or of a tensor without numbers
            raise _unusable(self.network, error) from error
        kind = f"{type(self.network).__module__}.{type(self.network).__qualname__}"
        known = [kind, parts, self.preprocess.known(), asdict(self.task)]  # type: ignore[call-overload]
        if self.card.features:
            known.append([asdict(feature) for feature in self.card.features])
        if isinstance(self.network, DependsOnMore):
            known.append(self.network.outputs_depend_on)
        return digest(known)

    def outputs(
        self, images: Tensor, scaling: Scaling | None = None, features: Features | None = None
    ) -> Tensor:
        """Logits (N, n_outputs), float32, differentiable in ``images`` and ``features``.

        Of a segmentation (N, n_outputs, *spatial): where the network works at another size than
        the image's, its logits are interpolated back, as by ``resampled``.

        Args:
            images: stored numbers, (N, C, *spatial).
            scaling: from stored numbers to values; None where they are the same.
            features: numbers beside the images, where the card names any.

        Raises:
            ModelError: images the network cannot take, features missing or given to a model
                without, or outputs of a wrong shape. An error that
                says that memory ran out is raised as it is.
        """
        n_cases, shape = len(images), tuple(images.shape[1:])
        given = _place(images)
        self.card.check_image(shape[0])
        values = images if scaling is None else scaling.values(images)
        del images  # images may be large, and whoever asks need not keep them
        axes = None if scaling is None else scaling.axes
        inputs = self.preprocess(values, axes)
        beside = self._beside(features)
        if inputs.ndim == 4 and self._layout is not None:
            inputs = inputs.contiguous(memory_format=self._layout)
        if given is not None and _place(inputs) == given:
            inputs = inputs.clone()  # for networks that write into their input
        del values
        try:
            with foreign_code("the network"):
                outputs: Tensor = (
                    self._in_a_layout(inputs, beside)
                    if inputs.ndim == 4 and self._layout is None
                    else self.network(inputs, *beside)
                )
        except (ModelError, OutageError):
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise ModelError(
                f"the network fails on images of shape {shape}: "
                f"{type(error).__name__}: {_what(error)}{self._hint(error)}"
            ) from error
        spatial = shape[1:]
        outputs = _as_rows(outputs, self.task, n_cases)
        check_outputs(self.task, outputs, n_cases, spatial_dims=len(spatial))
        if isinstance(self.task, Segmentation):
            outputs = self._at(spatial, outputs.float(), axes)
        # a copy: a network may answer into the same memory at every call
        return outputs.to(torch.float32, copy=True)

    def _in_a_layout(self, inputs: Tensor, beside: tuple[Tensor, ...]) -> Tensor:
        """The network's output for the first images, with channels last in memory if it runs so.

        Convolutions are faster so, but ``x.view(len(x), -1)`` fails. The layout is kept to.
        """
        laid = inputs.clone(memory_format=torch.channels_last)  # a network may write into it
        try:
            outputs: Tensor = self.network(laid, *beside)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
        else:
            self._layout = torch.channels_last
            return outputs
        outputs = self.network(inputs.clone(memory_format=torch.contiguous_format), *beside)
        self._layout = torch.contiguous_format
        return outputs

    def _at(self, spatial: tuple[int, ...], outputs: Tensor, axes: Tensor | None) -> Tensor:
        """Logits for every pixel of the stored images, from those at the network's own grid."""
        if (code := self.preprocess.orientation) is None:
            return resampled(outputs, spatial)
        each = [
            turned_back(resampled(one[None], tuple(spatial[axis] for axis in turn.axes)), turn)
            for one, turn in zip(outputs, reorderings(axes, code), strict=True)
        ]
        return torch.cat(each)

    def _hint(self, error: Exception) -> str:
        """Advice where a network leaves torch, or may want other inputs than it was given."""
        if "requires grad" in str(error):
            return (
                "; an attack by gradients needs `backward`, which says what stands for a layer "
                "that leaves torch; `cascade` finds such layers, and queries need no gradients"
            )
        if self.card.features:
            return (
                "; it was given the image and then the features, unless `model.inputs` says "
                "another order"
            )
        if not isinstance(error, TypeError):
            return ""
        if "positional argument" not in str(error):
            return ""
        return (
            "; if the network takes numbers beside the image, name them in `model.features` and "
            "`cohort.features`"
        )

    def _beside(self, features: Features | None) -> tuple[Tensor, ...]:
        """The standardised features, where the card names any."""
        wanted = self.card.features
        names = ", ".join(feature.name for feature in wanted)
        if wanted and features is None:
            raise ModelError(
                f"the model takes the features {names} beside the image, and none were given; name "
                "their columns in `cohort.features`"
            )
        if features is None:
            return ()
        if not wanted:
            raise ModelError(
                f"the model takes the image only, and was given {', '.join(features.names)}; leave "
                "the features out"
            )
        return (features.standardised(wanted),)


def _what(error: Exception) -> str:
    """An error in one line; of TorchScript, whose errors begin with its own code, the last line."""
    said = str(error).strip()
    if "TorchScript interpreter" in said:
        return brief(
            RuntimeError(said.splitlines()[-1].removeprefix("RuntimeError: ")), longest=500
        )
    return brief(error, longest=500)


def _as_rows(outputs: Any, task: Task, n_cases: int) -> Any:
    """(N,) as (N, 1) where one output is wanted, and (N, n, 1, 1, ...) as (N, n)."""
    if not isinstance(outputs, Tensor) or isinstance(task, Segmentation):
        return outputs
    if tuple(outputs.shape) == (n_cases,) and task.n_outputs == 1:
        return outputs[:, None]
    return outputs.flatten(1) if outputs.ndim > 2 and outputs.shape[2:].numel() == 1 else outputs


def _place(tensor: Tensor) -> int | None:
    """Where a tensor starts in memory; None for those of ``torch.func``, without memory."""
    try:
        return tensor.data_ptr()
    except RuntimeError:
        return None


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().numpy().tobytes()


def _unusable(network: nn.Module, error: Exception) -> ModelError:
    return ModelError(
        f"the parameters of {type(network).__name__} cannot be read: {type(error).__name__}: "
        f"{brief(error)}; load weights into it, and run it once if it has lazy layers"
    )
