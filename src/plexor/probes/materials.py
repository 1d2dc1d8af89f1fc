"""What probes are made from: files, models, and fits on a split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from plexor.attacks.by_shape import Shape
from plexor.attacks.fitted import DescribedFit, Fitted
from plexor.attacks.goals import Goal
from plexor.attacks.threat import Threat
from plexor.cases import Case
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
class Needs:
    """What must be read or fitted before a probe can be carried out.

    Attributes:
        files: files to be read, as the plan names them.
        models: weights of models to be loaded, as the plan names them.
        fitting: a fit to be carried out, if there is one.
        access: what the probe must see of the audited model.
        layers: whether it looks at hidden layers, so that the model must have a network.
    """

    files: tuple[Path, ...] = ()
    models: tuple[Path, ...] = ()
    fitting: Fitting | None = None
    access: Access = "none"
    layers: bool = False


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
    """

    paths: Mapping[Path, Path]
    sha256: Mapping[Path, str]
    models: Mapping[Path, TorchModel]
    fits: Mapping[str, SplitFits]
    audited: Sequence[Case]
    weights_sha256: str
