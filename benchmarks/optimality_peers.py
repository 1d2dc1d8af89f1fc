"""What AttackBench runs under each norm: our searches, and those of other libraries.

Everyone gets the same forward and backward passes an image, 2,000 in AttackBench's paper, and as
many steps as they have room for. AttackBench's own settings are kept otherwise.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from plexor.attacks import APGD, DDN, FMN, Attack, Misclassify, SigmaZero, Threat
from plexor.attacks.threat import Norm
from plexor.models import Batch, TorchModel
from plexor.models.batch import Scaling
from plexor.models.classification import Multiclass
from plexor.models.preprocess import Preprocess

_FIRST_AND_LAST = {"linf": 38, "l2": 38, "l1": 50, "l0": 50}
"""Passes of ours beside steps: the image itself, to compare 6 ways, the shortest multiple."""
_RADII = 10
"""Radii at which a search within one radius is asked."""
_NAMED_ONLY = ("wandb", "torchvision", "torchvision.datasets", "visdom")
Search = Callable[..., Tensor]


def import_attackbench() -> Any:
    """AttackBench without what it and adv-lib import and these runs do not use.

    That is a client of a web service, data sets and a window for plots.
    """
    for name in _NAMED_ONLY:
        sys.modules.setdefault(name, _Unused(name))
    import attackbench

    return attackbench


class _Unused(types.ModuleType):
    """A module whose members are empty classes."""

    __path__: list[str] = []  # noqa: RUF012 - what makes it a package

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Each(Threat):
    """A threat whose radius is multiplied by a number for each case, by the case's id."""

    factors: dict[str, float]

    def radii(self, batch: Batch) -> Tensor:
        factors = torch.tensor([self.factors[name] for name in batch.ids])
        return self.radius * factors.view_as(batch.low)


def unit_batch(images: Tensor, labels: Tensor) -> Batch:
    """Images from 0 to 1 in floating numbers, as AttackBench has them."""
    one = images.new_ones((len(images), *[1] * (images.ndim - 1)))
    return Batch(
        ids=tuple(str(i) for i in range(len(images))),
        images=images,
        truth=labels,
        low=0 * one,
        high=one,
        quantum=0 * one,
        scaling=Scaling(slope=one, intercept=0 * one, identity=True),
    )


def ours(
    attack: Attack,
    norm: Norm,
    model: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    *,
    targeted: bool = False,
    eps: Tensor | None = None,
    seed: int = 0,
) -> Tensor:
    """One of our attacks as AttackBench calls them; ``eps`` (N,) radii, everything by default."""
    if targeted:
        raise NotImplementedError("these runs have no target class")
    batch = unit_batch(inputs, labels)
    classes = tuple(str(i) for i in range(int(model.num_classes)))  # type: ignore[arg-type]
    network = TorchModel(
        model, task=Multiclass(classes=classes), preprocess=Preprocess(window=(0, 1))
    )
    numbers = inputs[0].numel()
    widest = {"linf": 1.0, "l2": numbers**0.5, "l1": float(numbers), "l0": float(numbers)}[norm]
    far = Threat(
        norm=norm,
        radius=widest,
        unit="count" if norm == "l0" else "value",
        channels="apart" if norm == "l0" else "together",  # AttackBench counts every number
    )
    if eps is not None:
        factors = dict(zip(batch.ids, eps.tolist(), strict=True))
        far = Each(norm=norm, radius=1.0, unit="value", factors=factors)
    return inputs + attack(network, batch, Misclassify(), far, seed=seed).delta


def contenders(norm: Norm, passes: int, seed: int = 0) -> dict[str, Search]:
    """Name → attack; "plexor" stands in the names of ours. ``seed`` is for ours."""
    import_attackbench()
    steps = passes // 2
    at_a_radius = min(100, steps // _RADII)
    mine = _ours(norm, (passes - _FIRST_AND_LAST[norm]) // 2, at_a_radius, seed)
    return {f"plexor, {name}": search for name, search in mine.items()} | _theirs(
        norm, steps, at_a_radius
    )


def _ours(norm: Norm, steps: int, at_a_radius: int, seed: int) -> dict[str, Search]:
    found: dict[str, Search] = {"FMN": partial(ours, FMN(steps=steps), norm)}
    if norm == "l2":
        found["DDN"] = partial(ours, DDN(steps=steps), norm)
    if norm == "l0":
        found["sigma-zero"] = partial(ours, SigmaZero(steps=steps), norm)
    if norm in ("linf", "l1"):
        from attackbench.attacks.adv_lib.wrapper import adv_lib_minimal_wrapper

        found["APGD at radii by bisection"] = partial(
            adv_lib_minimal_wrapper,
            attack=partial(ours, APGD(steps=at_a_radius, stop_at_success=True), norm, seed=seed),
            init_eps={"linf": 1 / 255, "l1": 10}[norm],
            max_eps=1 if norm == "linf" else None,
        )
    return found


def _theirs(norm: Norm, steps: int, at_a_radius: int) -> dict[str, Search]:
    """By AttackBench's registry; FMN and sigma-zero, which it has for some norms only, directly."""
    from attackbench.attacks.adv_lib.wrapper import adv_lib_wrapper
    from attackbench.attacks.foolbox.wrapper import foolbox_wrapper
    from attackbench.attacks.registry import get_attack

    def registered(lib: str, attack: str, **settings: Any) -> Search:
        found = get_attack(lib=lib, attack=attack, threat_model=norm, **settings)
        # 2.0.2 hands these more arguments than they take, through a wrapper that passes all on.
        bare: Search = found.keywords["attack"] if lib == "original" else found
        return bare

    import foolbox.attacks as of_foolbox
    from adv_lib.attacks import fmn, sigma_zero

    order = {"linf": float("inf"), "l2": 2, "l1": 1, "l0": 0}[norm]
    first_step = 10 if norm == "linf" else 1
    of_norm = {"linf": "LInfFMNAttack", "l2": "L2FMNAttack", "l1": "L1FMNAttack"}
    foolbox_fmn = getattr(of_foolbox, of_norm.get(norm, "L0FMNAttack"))
    found: dict[str, Search] = {
        "adv-lib, FMN": partial(
            adv_lib_wrapper, attack=partial(fmn, norm=order, steps=steps, α_init=first_step)
        ),
        "foolbox, FMN": partial(
            foolbox_wrapper, attack=partial(foolbox_fmn, steps=steps, max_stepsize=first_step)
        ),
    }
    if norm == "linf":
        found["adv-lib, PDPGD"] = registered("adv_lib", "pdpgd", num_steps=steps)
        found["adv-lib, APGD"] = registered("adv_lib", "apgd_minimal", num_steps=at_a_radius)
        found["torchattacks, APGD"] = registered(
            "torchattacks", "apgd_minimal", num_steps=at_a_radius
        )
    elif norm == "l2":
        found["adv-lib, DDN"] = registered("adv_lib", "ddn_NQ", num_steps=steps)
        found["adv-lib, PDGD"] = registered("adv_lib", "pdgd", num_steps=steps)
        found["adv-lib, ALMA"] = registered("adv_lib", "alma", num_steps=steps)
        found["foolbox, DDN"] = registered("foolbox", "ddn", num_steps=steps)
        found["torchattacks, C&W"] = registered("torchattacks", "cw_l2", num_steps=steps)
    elif norm == "l1":
        found["adv-lib, ALMA"] = registered("adv_lib", "alma", num_steps=steps)
        found["AutoAttack's APGD"] = registered("original", "apgd_minimal", num_steps=at_a_radius)
    else:
        found["adv-lib, sigma-zero"] = partial(
            adv_lib_wrapper, attack=partial(sigma_zero, num_steps=steps)
        )
        found["its authors' sigma-zero"] = registered("original", "sigma_zero", num_steps=steps)
        found["adv-lib, PDPGD"] = registered("adv_lib", "pdpgd", num_steps=steps)
    return found
