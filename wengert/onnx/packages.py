"""The packages of the extra ``wengert[onnx]``, imported where they are used."""

from __future__ import annotations

import functools
from importlib import import_module
from types import ModuleType

EXTRA = "ONNX models need the package {package}: pip install 'wengert[onnx]'"


@functools.cache
def needs(module: str) -> ModuleType:
    """A module of the package onnx, or onnxruntime. Raises ImportError, which names the extra, where it is missing."""
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(EXTRA.format(package=package)) from error
