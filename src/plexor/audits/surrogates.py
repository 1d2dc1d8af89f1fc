"""The models that an audit's attacks search on in place of the one that is audited."""

from __future__ import annotations

from collections.abc import Mapping

from plexor.core.errors import PlanError
from plexor.models import Model, ModelSource, TorchModel, load_model
from plexor.models.ensemble import check_alike
from plexor.models.weights import read_card
from plexor.plans.plan import Plan
from plexor.probes.probe import Surrogates


def load_surrogates(plan: Plan, model: Model) -> dict[str, TorchModel]:
    """Every surrogate of a plan once: file as the plan has it → the model, on the CPU.

    Raises:
        ModelError: a file is missing or damaged.
        PlanError: it has no card, or is of another task, other classes, or other images than
            ``model``.
    """
    sources = [probe.source for probe in plan.all_probes()]
    files = [file for one in sources if isinstance(one, Surrogates) for file in one.files]
    found: dict[str, TorchModel] = {}
    for file in dict.fromkeys(files):
        path = plan.path(file)
        if read_card(path) is None:
            raise PlanError(
                f"surrogates: {path} does not say what model it is of; take a file that plexor "
                "train wrote"
            )
        found[str(file)] = load_model(ModelSource(weights=path))
        _check_fits(found[str(file)], model, what=f"surrogates: {path}")
    return found


def surrogate_cards(surrogates: Mapping[str, TorchModel]) -> list[dict[str, object]]:
    """What ``provenance.json`` says of them; each card has the weights' hash."""
    return [{"file": file, **model.card.to_dict()} for file, model in surrogates.items()]


def _check_fits(surrogate: TorchModel, model: Model, *, what: str) -> None:
    check_alike(model.task, surrogate.task, what=what)
    for name, said in (("channels", "channels"), ("spatial_dims", "spatial dimensions")):
        wanted, found = getattr(model.card, name), getattr(surrogate.card, name)
        if None not in (wanted, found) and wanted != found:
            raise PlanError(
                f"{what} takes images with {found} {said}, the model that is audited {wanted}; "
                "take one that takes the same images"
            )
