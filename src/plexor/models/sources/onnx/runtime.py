"""onnxruntime: what an ONNX file is compared with, and what answers where torch cannot."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import TensorProto
from torch import Tensor, nn

from plexor.core.errors import ModelError, brief
from plexor.models.sources.onnx.file import OnnxFile

_NUMPY: dict[int, Any] = {
    TensorProto.FLOAT: np.float32,
    TensorProto.DOUBLE: np.float64,
    TensorProto.FLOAT16: np.float16,
    TensorProto.UINT8: np.uint8,
    TensorProto.INT8: np.int8,
    TensorProto.UINT16: np.uint16,
    TensorProto.INT16: np.int16,
    TensorProto.INT32: np.int32,
    TensorProto.INT64: np.int64,
}


class Runtime(nn.Module):
    """An ONNX file as onnxruntime answers it, on the CPU; without gradients.

    Args:
        file: the file.
        output: name of the output that is given; None gives the first.

    Attributes:
        source_sha256: hash of the file, which is part of the model's identity.
    """

    def __init__(self, file: OnnxFile, output: str | None = None) -> None:
        super().__init__()
        self.source_sha256 = file.sha256
        self._path = str(file.path)
        self._model = file.model.SerializeToString()
        self._inputs = [(one.name, one.dtype) for one in file.inputs]
        self._output = output or file.outputs[0]
        self._session: Any = None

    def forward(self, *inputs: Tensor) -> Tensor:
        """The output, for numbers of any type; whole numbers are rounded and cut to their range."""
        given = {
            name: _as_declared(one.detach().cpu().numpy(), number)
            for (name, number), one in zip(self._inputs, inputs, strict=True)
        }
        try:
            (found,) = self._opened().run([self._output], given)
        except ModelError:
            raise
        except Exception as error:  # onnxruntime has errors of its own
            raise ModelError(f"{self._path}: onnxruntime: {brief(error, longest=300)}") from error
        return torch.from_numpy(self._numbers(found)).to(inputs[0].device)

    def _numbers(self, found: Any) -> NDArray[Any]:
        """The answer as an array; of names with numbers, as converters of scikit-learn give."""
        if isinstance(found, list) and all(isinstance(one, dict) for one in found):
            found = [list(one.values()) for one in found]
        array = np.array(found)
        if array.dtype.kind not in "biuf":
            raise ModelError(
                f"{self._path}: its output {self._output!r} holds text, not numbers; name another "
                "one as `head`"
            )
        return array

    def _opened(self) -> Any:
        """The session, opened when it is first needed, in whichever process that is."""
        if self._session is None:
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.log_severity_level = 4
            options.intra_op_num_threads = torch.get_num_threads()
            try:
                self._session = onnxruntime.InferenceSession(
                    self._model, options, providers=["CPUExecutionProvider"]
                )
            except Exception as error:  # as above
                raise ModelError(
                    f"{self._path}: onnxruntime cannot open it: {brief(error, longest=300)}"
                ) from error
        return self._session

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_session": None}


def _as_declared(array: NDArray[Any], number: int) -> NDArray[Any]:
    """Numbers in the type of the graph's input."""
    dtype = _NUMPY.get(number, np.float32)
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        array = np.rint(array).clip(limits.min, limits.max)
    return np.ascontiguousarray(array, dtype=dtype)
