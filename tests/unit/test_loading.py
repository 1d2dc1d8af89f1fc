"""A model from a weights file, a built-in architecture, or code that one has to allow."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.helpers.tiny import binary, classes, multiclass

from plexor.core.errors import ModelError, PlanError
from plexor.models import Binary, ModelCard, ModelSource, Preprocess, Task, TorchModel, load_model
from plexor.models import save_weights as save
from plexor.models.architectures.small_cnn import SmallCNN

IMAGES = torch.rand(2, 3, 20, 20, generator=torch.Generator().manual_seed(0)) * 255


def small_cnn(n_outputs: int) -> SmallCNN:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return SmallCNN(2, 3, n_outputs)


def test_a_file_with_a_card_is_enough(tmp_path: Path) -> None:
    path, task, prepare = tmp_path / "w.safetensors", binary(0.2), Preprocess(size=(16, 16))
    net = small_cnn(1)
    card = ModelCard(
        task=task, preprocess=prepare, architecture="small-cnn", channels=3, spatial_dims=2
    )
    save(path, net, card)
    model = load_model(ModelSource(weights=path))
    assert model.task == task
    assert model.preprocess == prepare
    assert not model.was_training
    assert len(model.card.weights_sha256) == 64
    assert torch.equal(
        model.outputs(IMAGES), TorchModel(net, task=task, preprocess=prepare).outputs(IMAGES)
    )


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_other_weights_need_architecture_and_classes(tmp_path: Path, suffix: str) -> None:
    import safetensors.torch

    path, net = tmp_path / f"w.{suffix}", small_cnn(3)
    if suffix == "pt":
        torch.save(net.state_dict(), path)
    else:
        safetensors.torch.save_file(dict(net.state_dict()), path)
    source = ModelSource(weights=path, architecture="small-cnn", classes=classes(3))
    assert torch.equal(
        load_model(source).outputs(IMAGES), TorchModel(net, task=multiclass(3)).outputs(IMAGES)
    )
    with pytest.raises(PlanError, match="`classes` is needed"):
        load_model(ModelSource(weights=path, architecture="small-cnn"))
    with pytest.raises(PlanError, match="give `weights` written by plexor train, or"):
        load_model(ModelSource(weights=path, classes=classes(3)))
    with pytest.raises(ModelError, match="do not fit SmallCNN: size mismatch for head"):
        load_model(ModelSource(weights=path, architecture="small-cnn", classes=classes(4)))


def test_the_threshold_reaches_the_task(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save(small_cnn(1).state_dict(), path)
    source = ModelSource(
        weights=path, architecture="small-cnn", task="binary", classes=classes(2), threshold=0.8
    )
    assert load_model(source).task == Binary(classes=classes(2), threshold=0.8)


def with_card(path: Path, task: Task) -> Path:
    net = small_cnn(task.n_outputs)
    card = ModelCard(
        task=task, preprocess=Preprocess(), architecture="small-cnn", channels=3, spatial_dims=2
    )
    save(path, net, card)
    return path


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"threshold": 0.5}, "`threshold` is 0.5 in the plan and 0.2 in "),
        ({"task": "multiclass"}, "`task` is multiclass in the plan and binary in "),
        ({"channels": 1}, "`channels` is 1 in the plan and 3 in "),
        ({"spatial_dims": 3}, "`spatial_dims` is 3 in the plan and 2 in "),
    ],
)
def test_what_a_plan_says_is_never_silently_overruled(
    tmp_path: Path, said: dict[str, Any], complaint: str
) -> None:
    path = with_card(tmp_path / "w.safetensors", binary(0.2))
    with pytest.raises(PlanError, match=complaint):
        load_model(ModelSource(weights=path, **said))


def test_a_plan_may_repeat_what_the_card_says(tmp_path: Path) -> None:
    path = with_card(tmp_path / "w.safetensors", binary(0.2))
    source = ModelSource(weights=path, task="binary", threshold=0.2, channels=3, spatial_dims=2)
    assert load_model(source).task == binary(0.2)


def test_a_threshold_where_the_greatest_output_decides_is_refused(tmp_path: Path) -> None:
    path = with_card(tmp_path / "w.safetensors", multiclass(3))
    with pytest.raises(PlanError, match=r"`threshold` is 0\.3 in the plan and nothing in "):
        load_model(ModelSource(weights=path, threshold=0.3))
    with pytest.raises(PlanError, match="`threshold` has no meaning for a multiclass task"):
        ModelSource(classes=classes(3), threshold=0.3).described()


def test_an_architecture_without_weights_is_refused() -> None:
    with pytest.raises(PlanError, match="`weights` is needed for architecture 'small-cnn'"):
        load_model(ModelSource(architecture="small-cnn", classes=classes(2)))
    with pytest.raises(PlanError, match="give `weights` written by plexor train"):
        load_model(ModelSource(classes=classes(2)))


def test_missing_weights_say_how_to_get_them(tmp_path: Path) -> None:
    for name in ("w.safetensors", "w.pt"):
        with pytest.raises(ModelError, match=r"no weights at .*; train a model with: plexor train"):
            load_model(
                ModelSource(weights=tmp_path / name, architecture="small-cnn", classes=classes(2))
            )


CODE = """
import pathlib
import torch

pathlib.Path(__file__).with_name("it ran").touch()


def factory():
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1200, 2))


def nothing():
    return None
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "own_network_of_a_test.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "own_network_of_a_test", raising=False)
    return tmp_path


def own(name: str = "factory", **fields: Any) -> ModelSource:
    return ModelSource(python=f"own_network_of_a_test:{name}", classes=classes(2), **fields)


def test_code_is_not_imported_unasked(folder: Path) -> None:
    complaint = r"would import own_network_of_a_test and call factory\(\).* add allow_code=True"
    with pytest.raises(PlanError, match=complaint):
        load_model(own())
    assert not (folder / "it ran").exists()
    assert "own_network_of_a_test" not in sys.modules


def test_allowed_code_gives_the_model(folder: Path) -> None:
    model = load_model(own(), allow_code=True)
    assert (folder / "it ran").exists()
    assert model.card.architecture == "own_network_of_a_test:factory"
    assert model.outputs(IMAGES).shape == (2, 2)
    sys.modules.pop("own_network_of_a_test")


@pytest.mark.parametrize(
    ("python", "kind", "message"),
    [
        ("own_network_of_a_test", PlanError, "must be 'package.module:factory', got 'own_net"),
        ("own_network_of_a_test:absent", ModelError, "cannot load absent from own_network_of_a"),
        ("no_such_module:factory", ModelError, "cannot load factory from no_such_module"),
        ("own_network_of_a_test:nothing", ModelError, "returned NoneType, expected a torch.nn.Mod"),
    ],
)
def test_code_that_gives_no_network(
    folder: Path, python: str, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        load_model(ModelSource(python=python, classes=classes(2)), allow_code=True)
    sys.modules.pop("own_network_of_a_test", None)
