"""What probes are made from: files, models, and fits on a split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from plexor.attacks.by_shape import Shape
from plexor.attacks.fitted import DescribedFit, Fitted
from plexor.attacks.goals import Goal
from plexor.attacks.threat import Threat
from plexor.cases import Case
from plexor.models.stand_ins import Network, StandIn
from plexor.models.torch_model import TorchModel
from plexor.threat_model import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """A fit on a split's cases, one for each shape of image.

    Attributes:
        attack: the search.
        goal: what is searched for.
        threat: within which bound.
        split: the cases it is fitted on.
        batch_size: cases a batch; the outcome depends on it.
    """

    attack: DescribedFit
    goal: Goal
    threat: Threat
    split: str
    batch_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedStandIn:
    """A network of the user's own that stands for a layer in the backward pass, not made yet.

    Attributes:
        python: "package.module:factory", which makes it.
        weights: file of its parameters, as the plan names it; None keeps those of the factory.
    """

    python: str
    weights: Path | None = None

    @property
    def written(self) -> dict[str, object]:
        """As a plan writes it."""
        return {"python": self.python, "weights": self.weights and str(self.weights)}


PlannedStandIn = StandIn | CodedStandIn
"""What stands for a layer, where a network of the user's own has not been made yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What must be read or fitted before a probe can be carried out.

    Attributes:
        files: files to be read, as the plan names them.
        models: weights of models to be loaded, as the plan names them.
        fitting: a fit to be carried out, if there is one.
        access: what the probe must see of the audited model.
        layers: whether it looks at hidden layers, so that the model must have a network.
        backward: name of a layer → what is to stand for it in the backward pass.
    """

    files: tuple[Path, ...] = ()
    models: tuple[Path, ...] = ()
    fitting: Fitting | None = None
    access: Access = "none"
    layers: bool = False
    backward: Mapping[str, PlannedStandIn] = field(default_factory=dict)

    @property
    def coded(self) -> tuple[CodedStandIn, ...]:
        """Those of ``backward`` that are networks of the user's own."""
        return tuple(one for one in self.backward.values() if isinstance(one, CodedStandIn))


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResult:
    """The outcome of a fit on images of one shape.

    Attributes:
        id: the fit's.
        shape: (C, *spatial) of its images.
        fitted: the attack; None where the fit failed.
        error: why it failed, else "".
        seconds: time it took.
    """

    id: str
    shape: Shape
    fitted: Fitted | None
    error: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitFits:
    """The outcome of a ``Fitting``.

    Attributes:
        results: one for each shape.
        n_split: number of cases in the split.
        n_unread: number of them that cannot be read, or have no usable truth.
    """

    results: tuple[FitResult, ...]
    n_split: int
    n_unread: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Materials:
    """Everything an audit has read and fitted for its probes.

    Attributes:
        paths: file as the plan names it → its path.
        sha256: file as the plan names it → hash of its content.
        models: weights file as the plan names it → the model.
        fits: probe's id → outcome of its fits; a probe without fits is not in it.
        audited: the cases that probes will be judged on.
        weights_sha256: hash of the audited model's weights; "" for a model made in memory.
        networks: a stand-in as the plan names it → the network, and its hash.
    """

    paths: Mapping[Path, Path]
    sha256: Mapping[Path, str]
    models: Mapping[Path, TorchModel]
    fits: Mapping[str, SplitFits]
    audited: Sequence[Case]
    weights_sha256: str
    networks: Mapping[CodedStandIn, tuple[Network, str]] = field(default_factory=dict)


def resolved(
    planned: Mapping[str, PlannedStandIn], networks: Mapping[CodedStandIn, tuple[Network, str]]
) -> dict[str, StandIn]:
    """Stand-ins with the networks in place of their names."""
    return {
        name: networks[one][0] if isinstance(one, CodedStandIn) else one
        for name, one in planned.items()
    }
