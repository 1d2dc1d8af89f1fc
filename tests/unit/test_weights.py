"""Weights are data: what is written is read back, and nothing that is read can run."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from tests.helpers.tiny import binary, multiclass
from torch import Tensor, nn

from plexor.core.errors import ModelError
from plexor.core.ids import digest_file
from plexor.models import (
    ModelCard,
    Preprocess,
    Task,
    read_training_groups,
    read_weights,
    save_weights,
)
from plexor.models.architectures.small_cnn import SmallCNN
from plexor.models.sources.torch_files import open_torch_file
from plexor.models.weights import fill, group_hash, read_card

CARD = ModelCard(
    task=multiclass(3),
    preprocess=Preprocess(size=(32, 24), window=None, mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 3.0)),
    architecture="small-cnn",
    channels=3,
    spatial_dims=2,
    training={"epochs": 3, "config": {"start": None, "learning_rate": 1e-3}},
)


def network(channels: int = 3, n_outputs: int = 3) -> SmallCNN:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return SmallCNN(2, channels, n_outputs)


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert sorted(one) == sorted(other)
    for name, tensor in one.items():
        assert tensor.dtype == other[name].dtype
        assert torch.equal(tensor, other[name])


def test_weights_card_and_groups_are_given_back(tmp_path: Path) -> None:
    path, net = tmp_path / "w.safetensors", network()
    first = net.features[0].weight
    assert isinstance(first, nn.Parameter)
    first.data = first.data.contiguous(memory_format=torch.channels_last)
    save_weights(path, net, CARD, training_groups=["patient 2", "patient 1"])
    assert_same(read_weights(path), dict(net.state_dict()))
    card = read_card(path)
    assert card is not None
    assert card.weights_sha256 == digest_file(path)
    assert {**card.to_dict(), "weights_sha256": ""} == CARD.to_dict()
    assert card.preprocess == CARD.preprocess
    assert card.task == CARD.task
    assert read_training_groups(path) == {group_hash("patient 1"), group_hash("patient 2")}
    assert b"patient" not in path.read_bytes()


@pytest.mark.parametrize("task", [multiclass(2), binary(0.3)])
def test_a_card_survives_as_plain_data(task: Task) -> None:
    for preprocess in (Preprocess(), CARD.preprocess, Preprocess(size=(4, 5, 6), window=(-5, 5))):
        card = ModelCard(task=task, preprocess=preprocess, channels=1, spatial_dims=3)
        assert ModelCard.from_dict(json.loads(json.dumps(card.to_dict()))) == card


def test_a_file_without_a_card_says_nothing_of_itself(tmp_path: Path) -> None:
    path = tmp_path / "plain.safetensors"
    safetensors.torch.save_file(dict(network().state_dict()), path)
    assert read_card(path) is None
    assert read_training_groups(path) == frozenset()
    assert_same(read_weights(path), dict(network().state_dict()))


@pytest.mark.parametrize("wrapped", [False, True])
def test_torch_checkpoints_of_tensors_are_taken(tmp_path: Path, wrapped: bool) -> None:
    state, path = network().state_dict(), tmp_path / "w.pt"
    torch.save({"state_dict": state, "epoch": 7} if wrapped else state, path)
    assert_same(read_weights(path), dict(state))
    assert read_card(path) is None


class _Planted:
    """A pickle of this makes a file when it is read."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.mark),)


def test_a_checkpoint_that_would_run_code_is_refused_and_does_not_run(tmp_path: Path) -> None:
    mark, path = tmp_path / "it ran", tmp_path / "w.pt"
    torch.save({"layer": torch.zeros(2), "planted": _Planted(mark)}, path)
    with pytest.raises(ModelError, match="would execute code when loaded; if you trust it"):
        read_weights(path)
    assert not mark.exists()
    torch.load(path, weights_only=False)
    assert mark.exists(), "the trap was no trap"


def test_a_whole_pickled_module_is_refused(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "w.pt")
    with pytest.raises(ModelError, match=r"torch\.save\(model\.state_dict\(\)"):
        read_weights(tmp_path / "w.pt")


@pytest.mark.parametrize("content", [[1, 2], {"a": torch.zeros(1), "b": 3}, torch.zeros(3)])
def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(ModelError, match="is not a mapping from names to tensors"):
        read_weights(tmp_path / "w.pt")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("suffix", ["safetensors", "pt", "old.pt"])
def test_damaged_files_are_read_or_refused(tmp_path: Path, suffix: str) -> None:
    """Cut anywhere, or with any byte changed, a file gives tensors or a ModelError."""
    path = tmp_path / f"w.{suffix}"
    state = {"a": torch.arange(6.0), "b.c": torch.zeros(2, 2)}
    if suffix == "safetensors":
        safetensors.torch.save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=suffix == "pt")
    whole = path.read_bytes()
    generator = np.random.default_rng(0)
    refused = 0
    for i in range(200):
        damaged = bytearray(whole)
        if i % 2:
            damaged = damaged[: generator.integers(len(whole))]
        else:
            damaged[generator.integers(min(len(whole), 400))] ^= 1 << int(generator.integers(8))
        path.write_bytes(damaged)
        try:
            read_weights(path)
            read_card(path)
        except ModelError as error:
            assert str(path) in str(error)  # noqa: PT017
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("card", ["{", "[]", '{"task": 3}', '{"preprocess": {}, "kind": "x"}'])
def test_a_card_of_another_kind_is_refused(tmp_path: Path, card: str) -> None:
    path = tmp_path / "w.safetensors"
    safetensors.torch.save_file(dict(network().state_dict()), path, metadata={"plexor_card": card})
    with pytest.raises(ModelError, match=r"the card in .* cannot be read by this version"):
        read_card(path)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (network(channels=1), r"do not fit SmallCNN: size mismatch for features.0.weight"),
        (network(n_outputs=7), r"do not fit SmallCNN: size mismatch for head.weight"),
        (nn.Linear(2, 2), r"do not fit SmallCNN: Missing key\(s\) .*features.0.weight"),
    ],
)
def test_misfits_name_the_first_tensor(other: nn.Module, message: str) -> None:
    net = network()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(ModelError, match=message) as caught:
        fill(net, other.state_dict(), source=Path("w.pt"))
    assert "w.pt" in str(caught.value)
    assert "check architecture, channels and classes" in str(caught.value)
    assert list(before) == list(net.state_dict())


PATHS_AND_FIGURES = {
    "args": argparse.Namespace(lr=0.1, out=Path("runs")),
    "best": np.float64(0.9),
    "epoch": 3,
}


@pytest.mark.parametrize("key", ["model_state_dict", "model", "net", "network_weights", "mine"])
def test_weights_are_found_beside_what_training_programs_keep(tmp_path: Path, key: str) -> None:
    state = network().state_dict()
    optimizer = {"state": {}, "param_groups": [{"lr": 0.1}]}
    torch.save({key: state, "optimizer": optimizer, **PATHS_AND_FIGURES}, tmp_path / "w.pt")
    assert_same(read_weights(tmp_path / "w.pt"), dict(state))


def test_of_several_sets_of_weights_the_one_that_is_taken_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = network().state_dict()
    torch.save({"model_ema": {"a": torch.zeros(1)}, "model": state}, tmp_path / "w.pt")
    assert_same(read_weights(tmp_path / "w.pt"), dict(state))
    assert "'model' is taken, not 'model_ema'" in caplog.text
    torch.save({"student": state, "teacher": state}, tmp_path / "w.pt")
    with pytest.raises(ModelError, match="it has student, teacher, of which none is known"):
        read_weights(tmp_path / "w.pt")


@pytest.mark.parametrize("ending", ["pt", "safetensors"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "is a pointer of Git LFS"),
        (b"<!DOCTYPE html><html>", "is a web page, not a model: its download failed"),
        (b"", "is empty"),
    ],
)
def test_what_lies_in_the_place_of_a_model_is_told(
    tmp_path: Path, ending: str, content: bytes, message: str
) -> None:
    (tmp_path / f"w.{ending}").write_bytes(content)
    with pytest.raises(ModelError, match=message):
        read_weights(tmp_path / f"w.{ending}")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_whole_model_and_a_checkpoint_point_at_each_others_key(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(network()), tmp_path / "net.pt")
    with pytest.raises(ModelError, match=r"a whole model; name it as `model\.torchscript`"):
        read_weights(tmp_path / "net.pt")
    torch.save(network().state_dict(), tmp_path / "w.pt")
    with pytest.raises(ModelError, match="is a checkpoint without a network; name it as `weights`"):
        open_torch_file(tmp_path / "w.pt", "torchscript", allow_code=True)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_file_of_half_precision_takes_images_of_single(tmp_path: Path) -> None:
    made = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).half().eval()
    images = torch.tensor([[[[0.5, 1], [2, 3]]]])
    torch.jit.save(torch.jit.trace(made, images.half()), tmp_path / "net.pt")  # type: ignore[no-untyped-call]
    opened = open_torch_file(tmp_path / "net.pt", "torchscript", allow_code=True).network
    assert torch.equal(opened(images), made(images.half()))


def test_a_file_of_another_kind_is_no_file_of_weights(tmp_path: Path) -> None:
    path = tmp_path / "notes.pt"
    path.write_text("hello")
    with pytest.raises(ModelError, match=r"notes\.pt is no file of weights, by its first bytes"):
        read_weights(path)
