"""MONAI bundles: metadata and the network's definition read as data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from plexor.core.door import option
from plexor.core.errors import ModelError, PlanError, brief, unknown
from plexor.core.ids import digest, digest_file
from plexor.core.yaml_text import read_written
from plexor.models.foreign_code import foreign_code
from plexor.models.sources.opened import Opened
from plexor.models.weights import fill, read_weights

_CONFIGS = ("inference", "evaluate", "train")
_NETWORKS = ("network_def", "network", "net")
_WEIGHTS = ("model.pt", "model.safetensors")
_DEEPEST = 20


class BundleNetwork(nn.Module):
    """A bundle's network.

    Args:
        network: as built, with its weights.
        sha256: of the definition and the weights.

    Attributes:
        source_sha256: of the bundle, which is part of the model's identity.
    """

    def __init__(self, network: nn.Module, sha256: str) -> None:
        super().__init__()
        self.network = network
        self.source_sha256 = sha256

    def forward(self, *inputs: Any) -> Any:
        """The network's answer."""
        return self.network(*inputs)


def metadata_of(folder: Path) -> dict[str, Any]:
    """The content of ``configs/metadata.json``.

    Raises:
        ModelError: the folder is no bundle.
    """
    path = folder / "configs" / "metadata.json"
    if not path.is_file():
        raise ModelError(f"{folder} is no MONAI bundle: there is no {path}")
    return _read(path)


def classes_of(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the output's channels, in their order; empty where the metadata has none."""
    outputs = metadata.get("network_data_format", {}).get("outputs", {})
    named: Any = next((one.get("channel_def", {}) for one in outputs.values()), {})
    if isinstance(named, list):
        return tuple(map(str, named))
    try:
        return tuple(str(named[key]) for key in sorted(named, key=int))
    except ValueError:
        return ()


def image_of(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What the metadata says of the input; empty where it says nothing."""
    inputs = metadata.get("network_data_format", {}).get("inputs", {})
    return dict(next(iter(inputs.values()), {}))


def open_bundle(folder: Path, *, allow_code: bool) -> Opened:
    """Builds the network of a bundle and loads its weights.

    Args:
        folder: the bundle.
        allow_code: whether expressions (``$...``) and foreign classes may be run, by MONAI's
            ConfigParser.

    Raises:
        ModelError: the bundle is incomplete, or its weights do not fit.
        PlanError: its definition needs code, and code is not allowed.
    """
    metadata = metadata_of(folder)
    path, config = _config(folder)
    name = next((one for one in _NETWORKS if one in config), None)
    if name is None:
        raise ModelError(f"{path} defines no network; expected one of {', '.join(_NETWORKS)}")
    try:
        network = _built(path, _resolved(config[name], config))
        ran = False
    except PlanError:
        if not allow_code:
            raise
        network, ran = _by_monai(path, name), True
    weights = next((p for one in _WEIGHTS if (p := folder / "models" / one).is_file()), None)
    if weights is None:
        raise ModelError(f"{folder} holds no weights; expected models/{_WEIGHTS[0]}")
    state = read_weights(weights)
    fill(network, state, source=weights)
    image = image_of(metadata)
    said = str(metadata.get("name") or folder.resolve().name)
    return Opened(
        network=BundleNetwork(network, digest([digest_file(path), digest_file(weights)])),
        access="gradients",
        name=f"MONAI bundle {said} {metadata.get('version', '')}".strip(),
        notes=(f"expressions in {path.name} were run, as was allowed",) if ran else (),
        channels=image.get("num_channels"),
    )


def _config(folder: Path) -> tuple[Path, dict[str, Any]]:
    for name in _CONFIGS:
        for ending in ("json", "yaml", "yml"):
            if (path := folder / "configs" / f"{name}.{ending}").is_file():
                return path, _read(path)
    raise ModelError(f"{folder} has no configs/inference.json, in which the network is defined")


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.suffix == ".json":
            found: Any = json.loads(path.read_text(encoding="utf-8"))
        else:
            found = read_written(path, "configuration").root.value
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read: {brief(error)}") from error
    if not isinstance(found, dict):
        raise ModelError(f"{path} is no mapping")
    return found


def _resolved(value: Any, config: Mapping[str, Any], depth: int = 0) -> Any:
    """A value of the configuration with references (``@name``) replaced.

    Raises:
        PlanError: it holds an expression.
    """
    if depth > _DEEPEST:
        raise ModelError("the bundle's configuration refers to itself")
    if isinstance(value, dict):
        return {key: _resolved(one, config, depth + 1) for key, one in value.items()}
    if isinstance(value, list):
        return [_resolved(one, config, depth + 1) for one in value]
    if isinstance(value, str) and value.startswith("$"):
        raise PlanError(
            f"model: the bundle's network is defined by the expression {value!r}, which would be "
            f"run; if you trust it, add {option('allow_code')}"
        )
    if isinstance(value, str) and value.startswith("@"):
        return _resolved(_referred(value[1:], config), config, depth + 1)
    if isinstance(value, str) and value.startswith("%"):
        raise PlanError(
            f"model: the bundle refers to {value!r}, another file; add {option('allow_code')}"
        )
    return value


def _referred(name: str, config: Mapping[str, Any]) -> Any:
    found: Any = config
    for part in name.replace("#", "::").split("::"):
        try:
            found = found[int(part)] if isinstance(found, list) else found[part]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ModelError(
                f"the bundle's configuration refers to @{name}, which is absent"
            ) from error
    return found


def _built(path: Path, definition: Any) -> nn.Module:
    """A network of ``monai.networks.nets`` with plain arguments."""
    from monai.networks import nets

    if not isinstance(definition, dict) or "_target_" not in definition:
        raise ModelError(f"{path} defines its network without `_target_`")
    target = str(definition["_target_"])
    module, _, name = target.rpartition(".")
    known = {one: kind for one, kind in vars(nets).items() if _is_network(kind)}
    if module and not f"{module}.".startswith("monai.networks.nets."):
        raise PlanError(
            f"model: the bundle's network is {target}, which is no network of MONAI and would be "
            f"imported; if you trust it, add {option('allow_code')}"
        )
    if name not in known:
        raise ModelError(f"{path}: {unknown('network', name, known)}")
    options = {key: one for key, one in definition.items() if not key.startswith("_")}
    if "pretrained" in options:
        options["pretrained"] = False  # the bundle brings its weights; nothing is downloaded
    if any(isinstance(one, dict) and "_target_" in one for one in options.values()):
        raise PlanError(
            f"model: the network of {path} is built of other objects; add {option('allow_code')}"
        )
    try:
        network: nn.Module = known[name](**options)
    except Exception as error:  # of MONAI's own checks
        raise ModelError(f"{path}: {name} cannot be built: {brief(error, longest=300)}") from error
    return network


def _is_network(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, nn.Module)


def _by_monai(path: Path, name: str) -> nn.Module:
    """The network as MONAI's ConfigParser builds it, which runs expressions."""
    from monai.bundle.config_parser import ConfigParser

    try:
        with foreign_code(path.name):
            parser = ConfigParser()
            parser.read_config(str(path))
            network = parser.get_parsed_content(name)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{path}: {name} cannot be built: {brief(error, longest=300)}") from error
    if not isinstance(network, nn.Module):
        raise ModelError(f"{path}: {name} is a {type(network).__name__}, expected a network")
    return network
