"""Surrogates: models on which attacks search instead of the audited one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from plexor.core.errors import PlanError
from plexor.models import Model, ModelSource, TorchModel, load_model
from plexor.models.ensemble import check_alike
from plexor.models.weights import read_card
from plexor.probes import PlannedProbe


def load_surrogates(
    probes: Sequence[PlannedProbe], model: Model, *, path: Callable[[Path], Path]
) -> dict[Path, TorchModel]:
    """Loads every surrogate of a plan once, onto the CPU.

    Args:
        probes: the plan's probes.
        model: the audited model.
        path: file as the plan names it → its path.

    Returns:
        File as the plan names it → the model.

    Raises:
        ModelError: a file is missing or damaged.
        PlanError: a file has no card, or differs from ``model`` in task, classes or images.
    """
    found: dict[Path, TorchModel] = {}
    for file in dict.fromkeys(file for probe in probes for file in probe.needs.models):
        where = path(file)
        if read_card(where) is None:
            raise PlanError(
                f"surrogates: {where} has no model card; take a file written by plexor train"
            )
        found[file] = load_model(ModelSource(weights=where))
        _check_fits(found[file], model, what=f"surrogates: {where}")
    return found


def surrogate_cards(surrogates: Mapping[Path, TorchModel]) -> list[dict[str, object]]:
    """The surrogates' part of ``provenance.json``; each card has the weights' hash."""
    return [{"file": str(file), **model.card.to_dict()} for file, model in surrogates.items()]


def _check_fits(surrogate: TorchModel, model: Model, *, what: str) -> None:
    check_alike(model.task, surrogate.task, what=what)
    known = {feature.name for feature in model.card.features}
    if more := sorted({feature.name for feature in surrogate.card.features} - known):
        raise PlanError(
            f"{what} takes the features {', '.join(more)}, which the model that is audited does "
            "not; take a surrogate of the image, or of the same features"
        )
    for name, said in (("channels", "channels"), ("spatial_dims", "spatial dimensions")):
        wanted, found = getattr(model.card, name), getattr(surrogate.card, name)
        if None not in (wanted, found) and wanted != found:
            raise PlanError(
                f"{what} takes images with {found} {said}, the audited model {wanted}; "
                "use one that takes the same images"
            )
