"""Weights as data: safetensors files that hold the model's card; reading them runs no code."""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from plexor.core.errors import ModelError, brief
from plexor.core.files import write_atomic
from plexor.core.ids import digest, digest_file
from plexor.models.card import ModelCard
from plexor.models.checkpoint_state import PLAIN_TYPES, check_downloaded, state_of

logger = logging.getLogger(__name__)

_CARD = "plexor_card"
_GROUPS = "training_groups"

_SOURCES = {".onnx": "onnx", ".keras": "keras", ".pt2": "exported"}
"""Endings of model files that another key of a plan takes."""
_FOREIGN: tuple[tuple[str, tuple[str, ...], bytes], ...] = (
    ("Keras (HDF5)", (".h5", ".hdf5"), b"\x89HDF\r\n\x1a\n"),
    ("TensorFlow", (".pb", ".tflite"), b""),
    ("scikit-learn or joblib", (".joblib",), b""),
)
"""Program, endings and first bytes of model files that are no weights for torch."""
_LONGEST_START = 8
_TORCH_STARTS = (b"PK", b"\x80")
"""First bytes of a ZIP archive and of a pickle, in which torch saves."""


def group_hash(group: str) -> str:
    """First 12 digits of the SHA-256 of a group's name; tells whether a patient was trained on."""
    return digest(group)[:12]


def save_weights(
    path: Path, network: nn.Module, card: ModelCard, *, training_groups: Iterable[str] = ()
) -> None:
    """Writes weights and card to one safetensors file, atomically.

    Args:
        path: the file, ending in .safetensors.
        network: the network whose state is saved.
        card: stored in the file's header.
        training_groups: names of the groups in the training data; only their hashes are stored.
    """
    tensors = {name: t.detach().cpu().contiguous() for name, t in network.state_dict().items()}
    about = card.to_dict() | {_GROUPS: sorted(map(group_hash, training_groups))}
    # one key: safetensors writes several in any order, and equal models would differ in bytes
    data = safetensors.torch.save(tensors, metadata={_CARD: json.dumps(about)})
    write_atomic(path, data)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file, or of a torch checkpoint of tensors and plain values.

    Raises:
        ModelError: the file is missing or damaged, or would execute code when loaded.
    """
    _check_exists(path)
    if path.suffix == ".safetensors":
        try:
            return safetensors.torch.load_file(path)
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{path} is not a complete safetensors file: {error}") from error
    _check_format(path)
    try:
        with torch.serialization.safe_globals(PLAIN_TYPES):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch.load raises errors of many types for damaged files, from KeyError to RuntimeError
        if "TorchScript" in str(error):
            raise ModelError(
                f"{path} is a TorchScript file, a whole model; name it as `model.torchscript`"
            ) from error
        if isinstance(error, pickle.UnpicklingError):
            raise ModelError(
                f"{path} holds more than tensors and would execute code when loaded; if you trust "
                "it, load it yourself, write torch.save(model.state_dict(), 'weights.pt'), and "
                "name that file"
            ) from error
        with path.open("rb") as file:
            if not file.read(2).startswith(_TORCH_STARTS):
                raise ModelError(
                    f"{path} is no file of weights, by its first bytes; expected a safetensors "
                    "file, or a state_dict saved by torch"
                ) from error
        raise ModelError(
            f"{path} is not a complete torch file: {type(error).__name__}: "
            f"{(str(error).splitlines() or [''])[0]}"
        ) from error
    return state_of(path, loaded)


def read_card(path: Path) -> ModelCard | None:
    """The card in a weights file, with the file's hash; None for a file without card.

    Raises:
        ModelError: the file is missing or damaged.
    """
    _check_exists(path)
    about = _about(path)
    if about is None:
        return None
    about.pop(_GROUPS, None)
    try:
        card = ModelCard.from_dict(about)
    except Exception as error:  # a card may hold anything
        raise _strange_card(path, error) from error
    return replace(card, weights_sha256=digest_file(path))


def read_training_groups(path: Path) -> frozenset[str]:
    """Hashes (``group_hash``) of the groups in the training data; empty where not known."""
    about = _about(path)
    return frozenset(about.get(_GROUPS, ())) if about else frozenset()


def fill(network: nn.Module, weights: Mapping[str, Tensor], *, source: Path) -> None:
    """Loads weights into a network; every tensor must fit.

    A prefix before every name of the network, as Lightning writes "model.", is taken off, and
    tensors without it, such as those of a loss, are left out.

    Raises:
        ModelError: a tensor is missing, unexpected, or has another shape.
    """
    if prefix := _prefix(network, weights):
        logger.warning(
            "every name in %s starts with %r, as the wrapper of a training program writes them "
            "(Lightning's is 'model.'); the network's weights are taken without it",
            source,
            prefix,
        )
        weights = {
            name.removeprefix(prefix): tensor
            for name, tensor in weights.items()
            if name.startswith(prefix)
        }
    try:
        network.load_state_dict(weights, strict=True)
    except Exception as error:  # RuntimeError, and others for tensors of strange types
        _, _, first = str(error).partition("\n")
        raise ModelError(
            f"the weights in {source} do not fit {type(network).__name__}: "
            f"{brief(ValueError(first)) if first else brief(error)}; check architecture, channels "
            "and classes"
        ) from error


def _prefix(network: nn.Module, weights: Mapping[str, Tensor]) -> str:
    """What stands before every name of the network in these weights; "" if nothing does."""
    own = network.state_dict().keys()
    first = next(iter(own), "")
    for name in weights:
        prefix = name.removesuffix(first)
        if prefix and prefix != name and all(f"{prefix}{one}" in weights for one in own):
            return prefix
    return ""


def _check_exists(path: Path) -> None:
    if path.is_dir():
        raise ModelError(f"{path} is a folder; name the file of weights in it")
    if not path.exists():
        raise ModelError(f"no weights at {path}; train a model with: plexor train PLAN")
    check_downloaded(path)


def _check_format(path: Path) -> None:
    """Refuses code and files of other programs, told by their ending or their first bytes."""
    if path.suffix == ".py":
        raise ModelError(
            f"{path} is Python code; name a function in it that returns the network as "
            f"`model.python: {path.stem}:FUNCTION`"
        )
    if (key := _SOURCES.get(path.suffix.lower())) is not None:
        raise ModelError(f"{path} is a whole model, not weights; name it as `model.{key}`")
    with path.open("rb") as file:
        start = file.read(_LONGEST_START)
    for of, endings, magic in _FOREIGN:
        if path.suffix.lower() in endings or (magic and start.startswith(magic)):
            raise ModelError(
                f"{path} is a file of {of}, and weights are a state_dict saved by torch or as "
                "safetensors; wrap the model in a class of your own with `outputs`, and hand it to "
                "plexor.audit or name its factory in the plan as `model.python`"
            )


def _about(path: Path) -> dict[str, Any] | None:
    """The card and the groups in the file's header; None for a file without card."""
    if path.suffix != ".safetensors" or not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
        return dict(json.loads(header[_CARD])) if _CARD in header else None
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is not a complete safetensors file: {error}") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise _strange_card(path, error) from error


def _strange_card(path: Path, error: Exception) -> ModelError:
    return ModelError(
        f"the card in {path} cannot be read by this version of Plexor: {brief(error)}"
    )
