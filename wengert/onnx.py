"""``torch.onnx``: not there yet; `export` says so."""

from __future__ import annotations

from typing import Any, NoReturn

from ._public import publish as _publish

__all__ = ["export", "is_in_onnx_export"]


def export(model: Any, *args: Any, **options: Any) -> NoReturn:
    """Raises NotImplementedError: wengert does not write ONNX yet."""
    raise NotImplementedError("[onnx.export] wengert does not write ONNX files yet; save model.state_dict() with "
                              "wengert.io.save_torch, load it under PyTorch, and export there")


def is_in_onnx_export() -> bool:
    """False."""
    return False


_publish(__name__)
