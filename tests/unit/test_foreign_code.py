"""Networks whose code ends the program, changes torch's settings or writes into its input."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from tests.helpers.tiny import AS_STORED
from torch import Tensor, nn

from plexor.attacks import PGD, Misclassify, Threat
from plexor.attacks.engine import halving
from plexor.attacks.example import tiny_problem
from plexor.core.errors import ModelError
from plexor.models import Multiclass, TorchModel
from plexor.models.device import is_out_of_memory


class Network(nn.Module):
    """Two logits, the second the mean; something is done first."""

    def __init__(self, act: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.act = act

    def forward(self, images: Tensor) -> Tensor:
        mean = images.mean((1, 2, 3))
        self.act(images)
        return torch.stack([torch.zeros_like(mean), mean], dim=1)


def model_of(act: Callable[[Tensor], object]) -> TorchModel:
    task = Multiclass(classes=("a", "b"))
    return TorchModel(Network(act), task=task, preprocess=AS_STORED)


@pytest.mark.parametrize("status", [0, None, 3, "good bye"])
def test_a_network_that_ends_the_program_is_an_error_of_the_model(status: object) -> None:
    def leave(_: Tensor) -> None:
        sys.exit(status)  # type: ignore[arg-type]

    with pytest.raises(ModelError, match=f"ended the program with status {status or 0}; remove"):
        model_of(leave).outputs(torch.ones(2, 1, 4, 4))


def test_what_is_no_exception_is_an_error_of_the_model_and_ctrl_c_is_not() -> None:
    def odd(_: Tensor) -> None:
        raise BaseException("odd")

    def interrupt(_: Tensor) -> None:
        raise KeyboardInterrupt

    with pytest.raises(ModelError, match="the network failed: BaseException: odd"):
        model_of(odd).outputs(torch.ones(2, 1, 4, 4))
    with pytest.raises(KeyboardInterrupt):
        model_of(interrupt).outputs(torch.ones(2, 1, 4, 4))


@pytest.mark.parametrize(
    "act",
    [
        lambda _: np.seterr(all="raise"),
        lambda _: warnings.simplefilter("ignore"),
        lambda _: sys.setrecursionlimit(5000),
    ],
    ids=["numpy", "warnings", "recursion"],
)
def test_settings_of_python_are_put_back(act: Callable[[Tensor], object]) -> None:
    def settings() -> object:
        return np.geterr(), tuple(warnings.filters), sys.getrecursionlimit()

    before = settings()
    model_of(act).outputs(torch.ones(2, 1, 4, 4))
    assert settings() == before


def test_outputs_are_kept_though_a_network_answers_into_the_same_memory() -> None:
    buffer = torch.zeros(1, 2)

    class Buffered(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            buffer[:, 1] = images.mean()
            return buffer

    model = TorchModel(Buffered(), task=Multiclass(classes=("a", "b")), preprocess=AS_STORED)
    first = model.outputs(torch.ones(1, 1, 4, 4))
    model.outputs(torch.zeros(1, 1, 4, 4))
    assert first.tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (lambda _: torch.set_default_dtype(torch.float64), "default dtype to torch.float64"),
        (lambda _: torch.set_default_device("meta"), "default device to meta"),
        (lambda _: torch.set_grad_enabled(mode=False), ""),
    ],
)
def test_settings_of_torch_are_put_back(
    act: Callable[[Tensor], object], told: str, caplog: pytest.LogCaptureFixture
) -> None:
    outputs = model_of(act).outputs(torch.ones(2, 1, 4, 4))
    assert torch.get_default_dtype() == torch.float32
    assert torch.get_default_device() == torch.device("cpu")
    assert torch.is_grad_enabled()
    assert told in caplog.text
    assert outputs.tolist() == [[0.0, 1.0]] * 2


def test_settings_are_put_back_after_an_error() -> None:
    def act(_: Tensor) -> None:
        torch.set_default_dtype(torch.float64)
        raise ValueError("no")

    with pytest.raises(ModelError, match="ValueError: no"):
        model_of(act).outputs(torch.ones(1, 1, 4, 4))
    assert torch.get_default_dtype() == torch.float32


def test_images_are_not_written_into() -> None:
    images = torch.ones(2, 1, 4, 4)
    model_of(lambda x: x.fill_(7)).outputs(images)
    assert torch.equal(images, torch.ones(2, 1, 4, 4))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda o: o + 0j, "complex"),
        (lambda o: o.to_sparse(), "sparse"),
        (lambda o: o.to("meta"), "on meta"),
    ],
)
def test_outputs_that_are_no_dense_real_numbers(
    change: Callable[[Tensor], Tensor], found: str
) -> None:
    model = model_of(lambda _: None)
    model.network.register_forward_hook(lambda _module, _inputs, outputs: change(outputs))
    with pytest.raises(ModelError, match=f"outputs that are {found} .*, expected a dense tensor"):
        model.outputs(torch.ones(2, 1, 4, 4))


@pytest.mark.parametrize(
    "words",
    [
        "CUDA error: out of memory\nCUDA kernel errors might be reported later",
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "[enforce fail at alloc_cpu.cpp:114] . DefaultCPUAllocator: can't allocate memory",
    ],
)
def test_batches_are_halved_whatever_words_say_that_memory_ran_out(words: str) -> None:
    def act(images: Tensor) -> None:
        if len(images) > 2:
            raise RuntimeError(words)

    model, images = model_of(act), torch.ones(5, 1, 4, 4)
    done, size = halving(lambda part: model.outputs(images[part]), 5, 5)
    assert [len(part) for part in done] == [2, 2, 1]
    assert size == 2


def test_other_errors_with_such_words_are_none() -> None:
    assert not is_out_of_memory(ValueError("out of memory"))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


class _Failing(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor) -> Tensor:
        return images.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        raise ValueError("no gradient today")


def test_a_backward_pass_that_fails_is_an_error_of_the_model() -> None:
    model, batch = tiny_problem()
    model.network = nn.Sequential(_Applied(), model.network)
    with pytest.raises(ModelError, match="the model is not differentiable: no gradient today"):
        PGD(steps=1)(model, batch, Misclassify(), Threat(norm="linf", radius=2), seed=0)


class _Applied(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = _Failing.apply(images)  # type: ignore[no-untyped-call]
        return found


def test_parameters_that_cannot_be_read_are_told() -> None:
    task = Multiclass(classes=("a", "b"))
    with pytest.raises(ModelError, match="the parameters of LazyLinear cannot be read"):
        TorchModel(nn.LazyLinear(2), task=task)
    network = nn.Linear(2, 2)
    network.register_state_dict_post_hook(lambda *_: 1 / 0)  # type: ignore[no-untyped-call]
    with pytest.raises(ModelError, match="Linear cannot be read: ZeroDivisionError"):
        TorchModel(network, task=task).identity()
    with pytest.raises(ModelError, match="Linear cannot be read: NotImplementedError"):
        TorchModel(nn.Linear(2, 2, device="meta"), task=task).identity()
