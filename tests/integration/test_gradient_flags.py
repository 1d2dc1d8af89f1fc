"""A model with a gradient that lies, audited to the report, beside the same model without."""

from __future__ import annotations

import pytest
from tests.helpers.runs import Setup, audited
from tests.helpers.summary_json import read_flat
from torch import Tensor, nn

from plexor.models import ModelSource, TorchModel, load_model
from plexor.report import write_report

OF_GRADIENTS = {"false-gradients", "unbounded-fails", "queries-beat-gradients"}


class Reversed(nn.Module):
    """Leaves images alone; the gradient points the wrong way."""

    def forward(self, inputs: Tensor) -> Tensor:
        return 2 * inputs.detach() - inputs


@pytest.mark.parametrize("lies", [False, True])
def test_a_gradient_that_lies_is_in_the_report(setup: Setup, *, lies: bool) -> None:
    threat = {"norm": "linf", "radius": 40}
    setup.change_plan(
        n_examples=0,
        probes=[
            {"attack": "pgd", "threat": threat},
            {"attack": "square", "threat": threat, "queries": 60},
        ],
    )
    sound = load_model(ModelSource(weights=setup.weights))
    network = nn.Sequential(Reversed() if lies else nn.Identity(), sound.network)
    audited(setup.plan, setup.out, model=TorchModel(network, task=sound.task))
    write_report(setup.out)
    summary = read_flat(setup.out)
    raised = {flag["id"]: flag["probe"] for flag in summary["flags"] if flag["id"] in OF_GRADIENTS}
    if lies:
        assert raised.keys() == OF_GRADIENTS
        assert raised["queries-beat-gradients"] == "square-linf-40"
    else:
        assert raised == {}
        assert set(summary["flags_passed"]) >= OF_GRADIENTS
    page = (setup.out / "report.html").read_text()
    assert "An attack with less access finds more" in page
