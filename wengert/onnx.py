"""``torch.onnx``: not there yet; `export` says so."""

from __future__ import annotations

from ._missing import absent, answers
from ._public import publish as _publish

__all__ = ["export", "is_in_onnx_export"]

is_in_onnx_export = answers(False, "False.")
export = absent(
    NotImplementedError,
    "[onnx.export] wengert does not write ONNX files yet; save model.state_dict() with wengert.io.save_torch, load it "
    "under PyTorch, and export there",
)

_publish(__name__)
