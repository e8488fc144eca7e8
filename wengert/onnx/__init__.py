"""``torch.onnx``: models written as ONNX, and ONNX models as modules that run and train.

`export` writes a model from its recording, `load` reads one. Both need the package onnx, the extra ``wengert[onnx]``,
which is imported where it is used.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from .._public import publish as _publish

if TYPE_CHECKING:
    from . import errors as errors
    from .errors import OnnxExporterError as OnnxExporterError
    from .exporting import export as export, is_in_onnx_export as is_in_onnx_export
    from .loading import OnnxModule as OnnxModule, load as load
    from .program import ONNXProgram as ONNXProgram


class TrainingMode(enum.Enum):
    """In which mode a model is exported: eval, its own, or train.

    >>> torch.onnx.TrainingMode.EVAL.name
    'EVAL'
    """

    EVAL = 0
    PRESERVE = 1
    TRAINING = 2


class OperatorExportTypes(enum.Enum):
    """What operators a model may be written with; it is always ONNX's own.

    >>> torch.onnx.OperatorExportTypes.ONNX.name
    'ONNX'
    """

    ONNX = 0
    ONNX_ATEN = 1
    ONNX_ATEN_FALLBACK = 2
    ONNX_FALLTHROUGH = 3


_publish(__name__, "errors", {
    "errors": "OnnxExporterError",
    "exporting": "export is_in_onnx_export",
    "loading": "OnnxModule load",
    "program": "ONNXProgram",
})
