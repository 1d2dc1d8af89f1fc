"""Audits of medical-imaging models: how small changes of images, as stored, affect their decisions.

The names below suffice for a notebook. They are imported on first use, so that the command line
starts quickly and results can be read without torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from plexor.core.version import __version__

if TYPE_CHECKING:
    from plexor import attacks
    from plexor.attacks import Threat
    from plexor.cases import Cohort, load_cohort, read_case, read_image, split_groups
    from plexor.core.errors import (
        DataError,
        MissingExtraError,
        ModelError,
        PlanError,
        PlexorError,
        RunDirectoryError,
    )
    from plexor.findings import RunDirectory
    from plexor.models import (
        Binary,
        Multiclass,
        Multilabel,
        Preprocess,
        Regression,
        Segmentation,
        TorchModel,
        load_model,
        open_model,
    )
    from plexor.notebook import Run
    from plexor.notebook.audit import audit
    from plexor.plans import Plan, load_plan
    from plexor.report import write_report

_HOME = {
    "Binary": "plexor.models",
    "Cohort": "plexor.cases",
    "DataError": "plexor.core.errors",
    "MissingExtraError": "plexor.core.errors",
    "ModelError": "plexor.core.errors",
    "Multiclass": "plexor.models",
    "Multilabel": "plexor.models",
    "Plan": "plexor.plans",
    "PlanError": "plexor.core.errors",
    "PlexorError": "plexor.core.errors",
    "Preprocess": "plexor.models",
    "Regression": "plexor.models",
    "Run": "plexor.notebook",
    "RunDirectory": "plexor.findings",
    "RunDirectoryError": "plexor.core.errors",
    "Segmentation": "plexor.models",
    "Threat": "plexor.attacks",
    "TorchModel": "plexor.models",
    "audit": "plexor.notebook.audit",
    "load_cohort": "plexor.cases",
    "load_model": "plexor.models",
    "open_model": "plexor.models",
    "load_plan": "plexor.plans",
    "read_case": "plexor.cases",
    "read_image": "plexor.cases",
    "split_groups": "plexor.cases",
    "write_report": "plexor.report",
}

__all__ = [
    "Binary",
    "Cohort",
    "DataError",
    "MissingExtraError",
    "Model",
    "ModelError",
    "Multiclass",
    "Multilabel",
    "Plan",
    "PlanError",
    "PlexorError",
    "Preprocess",
    "Regression",
    "Run",
    "RunDirectory",
    "RunDirectoryError",
    "Segmentation",
    "Threat",
    "TorchModel",
    "__version__",
    "attacks",
    "audit",
    "load_cohort",
    "load_model",
    "load_plan",
    "open_model",
    "read_case",
    "read_image",
    "split_groups",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name == "attacks":
        return importlib.import_module("plexor.attacks")
    if name == "Model":  # the spelling of earlier versions; the protocol is plexor.models.Model
        name = "TorchModel"
    if name not in _HOME:
        raise AttributeError(f"module 'plexor' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
