"""Cards of weights and of saved attacks that hold anything: one line, never a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import nn

from plexor.attacks import Threat
from plexor.attacks.fitted import FitCard, read_card, read_fitted
from plexor.core.errors import DataError, ModelError
from plexor.models import ModelCard, Multiclass, Preprocess
from plexor.models.weights import fill, read_weights
from plexor.models.weights import read_card as read_model_card

CARD = ModelCard(
    task=Multiclass(classes=("a", "b")), preprocess=Preprocess(size=(8, 8)), channels=3
)
FIT = FitCard(
    method="universal-sgd",
    options={},
    threat=Threat(norm="linf", radius=3),
    goal={"kind": "misclassify"},
    seed=0,
    shape=(1, 4, 4),
    model_sha256="",
    seen=frozenset(),
    n_gradients=0,
    n_forwards=0,
)
STRANGE: tuple[Any, ...] = (None, [], {}, -1, 1.5, True, [None], {"a": []}, "x", [[1]], "\0")


def _save(path: Path, key: str, text: str) -> Path:
    path.write_bytes(safetensors.torch.save({"a": torch.zeros(1)}, metadata={key: text}))
    return path


def _variants(card: dict[str, Any]) -> list[str]:
    """The card with each entry dropped, or replaced by something strange; and no mapping at all."""
    changed = [{k: v for k, v in card.items() if k != name} for name in card]
    changed += [card | {name: value} for name in card for value in STRANGE]
    return [
        *map(json.dumps, changed),
        "[" * 100_000,
        "[1, 2]",
        "3",
        "{",
        json.dumps(card | {"?": 1}),
    ]


def test_a_models_card(tmp_path: Path) -> None:
    path, refused = tmp_path / "w.safetensors", 0
    for text in _variants(CARD.to_dict()):
        try:
            read_model_card(_save(path, "plexor_card", text))
        except ModelError as error:
            assert str(error).startswith(f"the card in {path} cannot be read")  # noqa: PT017
            assert "\n" not in str(error)  # noqa: PT017
            refused += 1
    assert refused > 60


def test_a_fitted_attacks_card(tmp_path: Path) -> None:
    path, refused = tmp_path / "p.safetensors", 0
    for text in _variants(FIT.to_dict()):
        try:
            read_card(_save(path, "plexor_fitted", text))
        except DataError as error:
            assert str(error).startswith(f"the card in {path} was not written by")  # noqa: PT017
            assert "\n" not in str(error)  # noqa: PT017
            refused += 1
    assert refused > 90


def test_folders(tmp_path: Path) -> None:
    for suffix in ("pt", "safetensors"):
        (tmp_path / f"w.{suffix}").mkdir()
        with pytest.raises(ModelError, match="is a folder; name the file of weights in it"):
            read_weights(tmp_path / f"w.{suffix}")
    with pytest.raises(DataError, match="is a folder; name the file of a fitted attack in it"):
        read_fitted(tmp_path / "w.safetensors")


@pytest.mark.parametrize("prefix", ["model.", "module.", "net.encoder."])
def test_a_wrappers_prefix_is_told_and_taken_off(
    prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    state = {f"{prefix}{name}": tensor for name, tensor in network.state_dict().items()}
    state["criterion.weight"] = torch.ones(2)
    wanted = {name: tensor + 1 for name, tensor in network.state_dict().items()}
    state |= {f"{prefix}{name}": tensor for name, tensor in wanted.items()}
    fill(network, state, source=Path("epoch=3.ckpt"))
    assert all(torch.equal(one, wanted[name]) for name, one in network.state_dict().items())
    assert f"every name in epoch=3.ckpt starts with '{prefix}'" in caplog.text


def test_weights_of_another_network_are_told_in_one_short_line() -> None:
    network = nn.Sequential(*(nn.Linear(2, 2) for _ in range(50)))
    with pytest.raises(ModelError, match="do not fit Sequential: Missing key") as caught:
        fill(network, {"0.weight": torch.zeros(2, 2)}, source=Path("w.pt"))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_names_that_are_no_texts(tmp_path: Path) -> None:
    torch.save({1: torch.zeros(1)}, tmp_path / "w.pt")
    with pytest.raises(ModelError, match="is not a mapping from names to tensors"):
        read_weights(tmp_path / "w.pt")
