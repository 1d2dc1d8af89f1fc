"""What is audited: models, their tasks, preprocessing, weights and training."""

from plexor.core.errors import require

require("torch")

from plexor.models.architectures import ARCHITECTURES
from plexor.models.batch import Batch, Scaling
from plexor.models.card import ModelCard
from plexor.models.classification import Binary, Multiclass, Multilabel
from plexor.models.features import Feature, Features
from plexor.models.loading import load_model
from plexor.models.model import HasNetwork, Model, ModelAccess
from plexor.models.model_source import ModelSource
from plexor.models.preprocess import Preprocess
from plexor.models.segmentation import Segmentation
from plexor.models.sources.opening import open_model
from plexor.models.task import Regression, Task, task_from
from plexor.models.torch_model import TorchModel
from plexor.models.truth import encode
from plexor.models.weights import read_training_groups, read_weights, save_weights

__all__ = [
    "ARCHITECTURES",
    "Batch",
    "Binary",
    "Feature",
    "Features",
    "HasNetwork",
    "Model",
    "ModelAccess",
    "ModelCard",
    "ModelSource",
    "Multiclass",
    "Multilabel",
    "Preprocess",
    "Regression",
    "Scaling",
    "Segmentation",
    "Task",
    "TorchModel",
    "encode",
    "load_model",
    "open_model",
    "read_training_groups",
    "read_weights",
    "save_weights",
    "task_from",
]
