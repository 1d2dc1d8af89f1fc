"""ONNX files: read as data, and computed in torch, so that attacks see gradients."""

from plexor.core.errors import require

require("onnx", "onnxruntime")

from plexor.models.sources.onnx.file import OnnxFile, read_onnx
from plexor.models.sources.onnx.network import OnnxNetwork
from plexor.models.sources.onnx.node import OPERATORS, UnsupportedError
from plexor.models.sources.onnx.runtime import Runtime

__all__ = ["OPERATORS", "OnnxFile", "OnnxNetwork", "Runtime", "UnsupportedError", "read_onnx"]
