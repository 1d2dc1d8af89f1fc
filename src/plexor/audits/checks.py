"""Checks of the model on a few untouched cases, before any attack."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from plexor.attacks.engine import halving
from plexor.attacks.threat import Threat
from plexor.audits.check import Check, worst
from plexor.audits.gradient_checks import Guides, check_gradients, own_only
from plexor.core.errors import ModelError
from plexor.models.batch import Batch
from plexor.models.card import ModelCard
from plexor.models.classification import Multiclass
from plexor.models.model import HasNetwork, Model, answer, asked_anew
from plexor.models.task import Regression, check_outputs
from plexor.models.tied import is_grey
from plexor.models.weights import group_hash

_SUM_TOLERANCE = 1e-3
_ALONE = 4
"""Number of cases that are also evaluated alone."""
_COMPANY = 0.01
"""Tolerated change of a case's outputs in another batch, as a share of how far outputs lie apart.
Larger than rounding errors, including those of convolutions in TF32 or half precision."""
_OFFSET = 0.05
"""Share of the greatest output that outputs are taken to lie apart at least: rounding errors grow
with the output, also where all have a large number in common."""

__all__ = [
    "Check",
    "check_channels",
    "check_groups",
    "check_model",
    "check_taken",
    "checked_in_parts",
]


def check_model(model: Model, batch: Batch, guides: Guides = own_only) -> list[Check]:
    """Runs every check that needs only the model and a few cases.

    Args:
        model: any model.
        batch: some of the audited cases.
        guides: see ``check_gradients``.

    Raises:
        ModelError: the outputs do not suit the task.
    """
    with torch.inference_mode():
        outputs = answer(model, batch, batch.images)
        with asked_anew(model):
            again = answer(model, batch, batch.images)
        # logits of a weak model may lie between 0 and 1 on real images, but hardly on these as well
        darkest = answer(model, batch, batch.low.expand_as(batch.images))
        brightest = answer(model, batch, batch.high.expand_as(batch.images))
    _check_returned(model, outputs, batch)
    varies = _non_deterministic(outputs, again)
    return [
        _training_mode(model),
        varies,
        _batch_dependent(model, batch, outputs, varies=bool(varies.raised)),
        _probabilities(model, torch.cat([outputs, darkest, brightest])),
        *check_gradients(model, batch, guides),
    ]


def checked_in_parts(
    model: Model, batch: Batch, batch_size: int, guides: Guides = own_only
) -> list[Check]:
    """``check_model`` on as many cases at a time as memory allows; the worst result of each check.

    Args:
        model: any model.
        batch: some of the audited cases.
        batch_size: cases at a time, at most.
        guides: see ``check_gradients``.

    Raises:
        ModelError: see ``check_model``; the message names the first image tried.
    """

    def work(part: slice) -> list[Check]:
        some = batch.select(torch.arange(part.start, part.stop))
        with _naming_first(some):
            return check_model(model, some, guides)

    parts, _ = halving(work, len(batch), batch_size, model=model)
    return worst(parts)


def check_taken(card: ModelCard, batch: Batch) -> None:
    """Refuses images that a model says it cannot take, by its card alone.

    A model that may not be run is asked no more than this: channels, and what comes before the
    network.

    Raises:
        ModelError: in the words of the model itself, see ``TorchModel.outputs``.
    """
    with _naming_first(batch):
        card.check_image(batch.images.shape[1])
        if card.preprocess is not None:
            first = batch.select(torch.zeros(1, dtype=torch.long, device=batch.images.device))
            scaling = first.scaling
            values = first.images if scaling is None else scaling.values(first.images)
            card.preprocess(values, None if scaling is None else scaling.axes)


@contextlib.contextmanager
def _naming_first(batch: Batch) -> Iterator[None]:
    """Adds the first image's name to what a model says against a batch."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{error} (the first image tried was {batch.ids[0]})") from error


def check_groups(training_groups: frozenset[str], groups: Iterable[str]) -> Check:
    """Checks whether the model was trained on an audited group.

    Args:
        training_groups: hashes, as in a weights file.
        groups: names of the audited groups.
    """
    audited = set(groups)
    shared = sum(group_hash(group) in training_groups for group in audited)
    return Check(
        id="groups-overlap",
        raised=shared > 0 if training_groups else None,
        message=f"{shared} of {len(audited)} audited groups were used in training"
        if training_groups
        else "the weights file does not say which groups were used in training",
    )


def check_channels(batch: Batch, threats: Iterable[Threat]) -> Check:
    """Whether grey images stored in several equal channels are attacked in colour.

    Args:
        batch: some of the audited cases.
        threats: of the plan's attacks.
    """
    free = sorted({threat.name for threat in threats if threat.channels != "tied"})
    grey = is_grey(batch)
    seen = (
        f"the images are grey and stored with {batch.images.shape[1]} equal channels"
        if grey
        else "the images are stored in one channel, or in colour"
    )
    return Check(
        id="grey-in-colour",
        raised=grey and bool(free),
        message=f"{seen}, and {', '.join(free)} may colour them" if grey and free else seen,
    )


def _check_returned(model: Model, outputs: Tensor, batch: Batch) -> None:
    check_outputs(model.task, outputs, len(batch), spatial_dims=batch.images.ndim - 2)
    found, wanted = (outputs.dtype, outputs.device.type), (torch.float32, model.device.type)
    if found != wanted:
        raise ModelError(
            f"the model returned {found[0]} on {found[1]}, expected {wanted[0]} on {wanted[1]}; "
            "convert the outputs in its method `outputs`"
        )


def _training_mode(model: Model) -> Check:
    if not isinstance(model, HasNetwork):
        seen = "the model has no network, so its mode is unknown"
        return Check(id="training-mode", raised=None, message=seen)
    still = [name for name, part in model.network.named_modules() if part.training]
    raised = model.was_training or bool(still)
    seen = (
        f"{len(still)} modules stay in training mode, e.g. {still[0]!r}"
        if still
        else "the network was in training mode and was switched to evaluation mode"
        if model.was_training
        else "the network was in evaluation mode"
    )
    return Check(id="training-mode", raised=raised, message=seen)


def _non_deterministic(first: Tensor, second: Tensor) -> Check:
    difference = float((first - second).nan_to_num().abs().max())  # NaN in both counts as equal
    return Check(
        id="non-deterministic",
        raised=difference > 0,
        message=f"two evaluations of the same images differ by up to {difference:.3g}",
    )


def _batch_dependent(model: Model, batch: Batch, outputs: Tensor, *, varies: bool) -> Check:
    """Compares a case's outputs in its batch with those alone, and beside a white image."""
    if varies:
        seen = "the outputs for one batch vary, so the effect of other cases cannot be measured"
        return Check(id="batch-dependent", raised=None, message=seen)
    n_tried = min(len(batch), _ALONE)
    furthest, scale = 0.0, _apart(outputs)
    for case in range(n_tried):
        some = batch.select(torch.tensor([case], device=batch.images.device))
        beside = batch.select(torch.tensor([case, case], device=batch.images.device))
        beside.images[1:] = beside.high[1:]
        with torch.inference_mode():
            alone = answer(model, some, some.images)
            in_company = answer(model, beside, beside.images)[:1]
        own = outputs[case : case + 1]
        for other in (alone, in_company):
            furthest = max(furthest, float((own - other).nan_to_num().abs().max()) / scale)
    return Check(
        id="batch-dependent",
        raised=furthest > _COMPANY,
        message=f"{n_tried} cases evaluated alone or beside other images have outputs that "
        f"differ from those in their batch by up to {furthest:.1%} of how far outputs lie apart",
    )


def _apart(outputs: Tensor) -> float:
    """How far the outputs of several cases lie apart; of a single number, its size."""
    known = outputs[outputs.isfinite()]
    if len(known) == 0:
        return 1.0
    greatest = float(known.abs().max())
    spread = float(known.max() - known.min()) if len(known) > 1 else greatest
    return max(spread, _OFFSET * greatest, torch.finfo().tiny)


def _probabilities(model: Model, outputs: Tensor) -> Check:
    if isinstance(model.task, Regression):
        return Check(id="probability-outputs", raised=None, message="the outputs are numbers")
    if model.access == "decisions":
        return Check(id="probability-outputs", raised=None, message="the outputs are decisions")
    within = bool(((outputs >= 0) & (outputs <= 1)).all())
    sums = outputs.sum(dim=1)
    several = isinstance(model.task, Multiclass)
    raised = within and (not several or bool(((sums - 1).abs() < _SUM_TOLERANCE).all()))
    seen = f"outputs lie between {float(outputs.min()):.3g} and {float(outputs.max()):.3g}"
    if several:
        seen += f" and sum to {float(sums.min()):.3g} to {float(sums.max()):.3g} a case"
    return Check(id="probability-outputs", raised=raised, message=f"{seen}; logits are expected")
