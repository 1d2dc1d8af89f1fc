"""Maps of attention of DenseNet-121: ours beside MONAI, Captum and pytorch-grad-cam, a case.

Every contender gets the same network (random weights: the time does not depend on them), the same
images, layer and output, and returns maps at the image's size. pytorch-grad-cam imports torchvision
for reading pictures and for detectors, not for maps; empty names stand in where it is missing.
"""

from __future__ import annotations

import argparse
import copy
import sys
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import torch
from measuring import interleaved, ratios, seconds, write_result
from torch import Tensor, nn

from plexor.attention import GradCAM, IntegratedGradients, coarsest_layer
from plexor.models import Batch, Multiclass, Preprocess, TorchModel
from plexor.models.architectures import build_network
from plexor.models.batch import Scaling

GREATEST = 255
LAYER = "class_layers.relu"


class Contenders:
    """One question: where the evidence for output 1 lies in these images."""

    def __init__(self, model: TorchModel, batch: Batch, layer: str, steps: int) -> None:
        self.model, self.batch, self.layer, self.steps = model, batch, layer, steps
        self.inputs = batch.images / GREATEST
        self.peer: Any = None
        # A copy each, made once: MONAI's hooks stay in the network and would slow the others.
        self.networks = {
            name: copy.deepcopy(model.network) for name in ("monai", "captum", "pytorch_grad_cam")
        }

    def plexor(self) -> Tensor:
        return GradCAM(layer=self.layer)(self.model, self.batch, output=1)

    def monai(self) -> Tensor:
        from monai.visualize.class_activation_maps import GradCAM as Peer

        if self.peer is None:
            network = self.networks["monai"]
            self.peer = Peer(network, self.layer, postprocessing=lambda maps: maps)
        peer = self.peer
        return peer(self.inputs.clone().requires_grad_(), class_idx=1).detach()[:, 0]

    def captum(self) -> Tensor:
        from captum.attr import LayerAttribution, LayerGradCam

        network = self.networks["captum"]
        peer = LayerGradCam(network, network.get_submodule(self.layer))
        maps = peer.attribute(
            self.inputs.clone().requires_grad_(), target=1, relu_attributions=True
        )
        size = tuple(self.inputs.shape[2:])
        return LayerAttribution.interpolate(maps, size, "bilinear").detach()[:, 0]

    def pytorch_grad_cam(self) -> Tensor:
        _stand_in_for_torchvision()
        from pytorch_grad_cam import GradCAM as Peer
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        network = self.networks["pytorch_grad_cam"]
        with Peer(network, [network.get_submodule(self.layer)]) as peer:
            targets = [ClassifierOutputTarget(1)] * len(self.inputs)
            return torch.from_numpy(peer(self.inputs.clone().requires_grad_(), targets))

    def plexor_integrated(self) -> Tensor:
        return IntegratedGradients(steps=self.steps)(self.model, self.batch, output=1)

    def captum_integrated(self) -> Tensor:
        from captum.attr import IntegratedGradients as Peer

        method = IntegratedGradients(steps=self.steps)
        start = method.baseline_of(self.batch.images) / GREATEST
        maps = Peer(self.networks["captum"]).attribute(
            self.inputs, start, target=1, n_steps=self.steps, internal_batch_size=len(self.inputs)
        )
        return maps.detach().sum(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--steps", type=int, default=32)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    network = build_network("densenet121", spatial_dims=2, channels=1, n_outputs=2)
    for layer in network.modules():
        if isinstance(layer, nn.ReLU):
            layer.inplace = False  # the hooks of MONAI and Captum need it
    task = Multiclass(classes=("a", "b"))
    model = TorchModel(network, task=task, preprocess=Preprocess(window=(0, GREATEST)))
    batch = _batch(options.images, options.side)
    assert coarsest_layer(model, batch) == LAYER
    asked = Contenders(model, batch, LAYER, options.steps)
    maps: dict[str, Callable[[], Tensor]] = {
        "Grad-CAM, plexor": asked.plexor,
        "Grad-CAM, MONAI": asked.monai,
        "Grad-CAM, Captum": asked.captum,
        "Grad-CAM, pytorch-grad-cam": asked.pytorch_grad_cam,
        "integrated gradients, plexor": asked.plexor_integrated,
        "integrated gradients, Captum": asked.captum_integrated,
    }
    found = {
        name: first for name, call in maps.items() if (first := _tried(name, call)) is not None
    }
    timings = interleaved({name: maps[name] for name in found}, options.repeats)
    rows = []
    for name, first in found.items():
        ours = f"{name.split(',')[0]}, plexor"
        per_case = [t.cpu / options.images for t in timings[name]]
        rows.append(
            {
                "name": name,
                "seconds": seconds(timings[name]),
                "ms_a_case": 1000 * float(np.median(per_case)),
                "over_ours": ratios(timings, name, ours),
                "correlation": _correlation(first, found[ours]),
            }
        )
    write_result("attention", vars(options), rows)


def _stand_in_for_torchvision() -> None:
    if "torchvision" in sys.modules or find_spec("torchvision") is not None:
        return
    names = {"torchvision": (), "torchvision.transforms": ("Compose", "Normalize", "ToTensor")}
    for module, imported in (names | {"torchvision.transforms.functional": ("resize",)}).items():
        sys.modules[module] = ModuleType(module)
        for name in imported:
            setattr(sys.modules[module], name, None)


def _correlation(one: Tensor, other: Tensor) -> float:
    """Mean over images of the correlation of two maps: pytorch-grad-cam scales each map alone."""
    pairs = zip(one.flatten(1), other.flatten(1), strict=True)
    return float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs]))


def _tried(name: str, call: Callable[[], Tensor]) -> Tensor | None:
    """The maps of a first call; None for a library that cannot be imported."""
    try:
        return call().detach()
    except (ImportError, RuntimeError) as error:
        print(f"{name} is left out: {error}")
        return None


def _batch(n_images: int, side: int) -> Batch:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, GREATEST + 1, (n_images, 1, side, side), generator=generator).float()
    one = torch.ones(n_images, 1, 1, 1)
    return Batch(
        ids=tuple(map(str, range(n_images))),
        images=images,
        truth=torch.zeros(n_images, dtype=torch.int64),
        low=0 * one,
        high=GREATEST * one,
        quantum=one,
        scaling=Scaling(slope=one, intercept=0 * one),
    )


if __name__ == "__main__":
    main()
