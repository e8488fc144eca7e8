"""What a call gives, looked at before the function runs, as what is of the wrong type may well compute.

A string is a true flag to Python, a row of one element multiplies as a number does, numpy's float64 makes a result of
another dtype, and an array comes back as an array. What a parameter's annotation says is held against the types of the
values alone, so that the usual call pays one look-up for each of its arguments.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import KindError, no_tensor
from ..core.state import state
from .creation import TENSORS

_USUAL: dict[str, tuple[type, ...]] = {"bool": (bool,), "int": (int,), "float": (float, int)}
NUMBER_KINDS = {"bool": "", "int": "iu", "float": "iuf"}
"""The annotations of numbers, and the kinds of dtypes whose tensors without dimensions may stand there."""

_WHOLE = (int, float, complex, str, bytes, tuple, list, dict, np.ndarray, type(None))
_NO_TENSORS = (np.generic, *_WHOLE)

PYTHON = ("init",)
"""Modules whose functions are Python code in PyTorch, which computes with what it is given."""

FREE = {"inplace", "return_indices", "hard", "antialias", "recompute_scale_factor", "size_average", "reduce",
        "norm_type", "tau", "normalize.p", "normalize.eps", "_lp_pool.norm", "gaussian_nll_loss.full",
        "gaussian_nll_loss.target", "multilabel_soft_margin_loss.target", "multilabel_soft_margin_loss.weight",
        "triplet_margin_with_distance_loss.swap", "add_zero_attn", "embed_dim_to_check", "num_heads", "enforce_sorted",
        "local_response_norm.alpha", "local_response_norm.beta", "local_response_norm.k", "local_response_norm.size",
        "stft.center", "pca_lowrank.center", "lu.get_infos"}
"""What Python code asks for being true or computes with, in PyTorch too: by name, or by function and name."""


SCALARS = {"lambd", "softplus.beta", "softplus.threshold", "threshold.threshold", "threshold.value",
           "renorm.p", "renorm.maxnorm", "histc.min", "histc.max", "dist.p"}
"""Numbers of any kind until they are read as real ones, so that a complex one is of the wrong value, not type."""

INDICES = {"groups", "padding_idx", "storage_offset", "output_size", "k",
           *(f"{kind}.n" for kind in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"))}
"""What is read as an index is, by name or by function and name: a tensor of one integer, of any shape, is one too."""


class Given:
    """What is known of a function's parameters: ``named``, the usual types by name; ``places``, the same in order, None
    for what may be anything."""

    __slots__ = ("function", "kinds", "named", "places", "read")

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.read = False  # which the first call does
        self.kinds: dict[str, str] = {}
        self.named: dict[str, frozenset[type]] = {}
        self.places: list[frozenset[type] | None] = []

    def _read(self) -> None:
        tensors, name = frozenset([*TENSORS, type(None)]), self.function.__name__
        python = self.function.__module__.rpartition(".")[2] in PYTHON
        for parameter in inspect.signature(self.function).parameters.values():
            words = str(parameter.annotation).split(" | ")
            kinds, known = [word for word in words if word != "None"], None
            if python or FREE & {parameter.name, f"{name}.{parameter.name}"}:
                pass
            elif kinds == ["Tensor"]:
                known = tensors
            elif len(kinds) == 1 and kinds[0] in _USUAL:
                none = [type(None)] if "None" in words or parameter.default is None else []
                known = frozenset([*_USUAL[kinds[0]], *none])
            if known is not None:
                self.kinds[parameter.name], self.named[parameter.name] = kinds[0], known
            if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
                self.places.append(known)
        self.read = True

    def is_usual(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether all that a call gives is of the usual types."""
        if not self.read:
            self._read()
        for x, kinds in zip(args, self.places, strict=False):
            if kinds is not None and type(x) not in kinds:
                return False
        if kwargs:
            named = self.named
            for name, x in kwargs.items():
                if name in named and type(x) not in named[name]:
                    return False
        return True

    def settled(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with numbers of Python's in the place of numpy's, and of tensors that are one. Raises KindError
        for what PyTorch does not take there."""
        try:
            given = inspect.signature(self.function).bind(*args, **kwargs)
        except TypeError:
            return args, kwargs  # the call says it itself
        names = list(given.signature.parameters)
        for name, value in given.arguments.items():
            if name in self.named and type(value) not in self.named[name]:
                given.arguments[name] = self._number(name, names.index(name) + 1, value)
        return given.args, given.kwargs

    def _number(self, name: str, place: int, value: Any) -> Any:
        kind, watcher = self.kinds[name], state.watcher
        number = value.item() if isinstance(value, np.generic) else value
        if kind == "Tensor":
            if not isinstance(value, _NO_TENSORS):
                return value
            raise no_tensor(self.function.__name__, name, place, value)
        elif type(value) in TENSORS:
            index = INDICES & {name, f"{self.function.__name__}.{name}"}
            if index and value.numel() == 1 and value._data.dtype.kind in "iu":
                return int(value)
            if (watcher is not None and watcher.intercepts) or type(value._data) is not np.ndarray:
                return value  # whose number is not known
            if is_number(value, NUMBER_KINDS[kind]):
                return value.item()
        elif isinstance(number, bool):
            if kind != "int":
                return float(number) if kind == "float" and "nn" in self.function.__module__.split(".") else number
        elif isinstance(number, complex):
            if name == "ord":
                return number  # of which the norm says that it is of the wrong value
            if {name, f"{self.function.__name__}.{name}"} & SCALARS:
                raise RuntimeError(f"[{self.function.__name__}] value cannot be converted to type float without "
                                   f"overflow: {name} is {number}")
        elif isinstance(number, _USUAL[kind]) or not isinstance(number, _WHOLE):
            return number  # what stands for a number in a recording, for one
        raise KindError(f"{self.function.__name__}(): argument '{name}' (position {place}) must be {kind}, not "
                        f"{type(value).__name__}")


def check_tensor(op: str, input: Any, name: str = "input", position: int = 1) -> None:
    """Raises KindError for an array, a number or a word in the place of a tensor."""
    if type(input) not in TENSORS and isinstance(input, _NO_TENSORS):
        raise no_tensor(op, name, position, input)


def is_number(x: Any, kinds: str | None = None) -> bool:
    """Whether ``x`` is a tensor that may stand for a number: without dimensions and gradient, of a dtype of these
    ``kinds`` if they are said."""
    return type(x) in TENSORS and not x.ndim and not x.requires_grad and (
        kinds is None or x._data.dtype.kind in kinds)


def number(op: str, x: Any, name: str, position: int, kind: str = "Number") -> Any:
    """What is given for a number: one of Python's, that of a tensor which is one, or what stands for one. Raises
    KindError, which says what ``kind`` of number is wanted, for a tensor of dimensions or with a gradient, and for what
    is no number."""
    if type(x) in TENSORS:
        if is_number(x):
            return x.item()
    elif isinstance(x, np.generic):
        return x.item()
    elif isinstance(x, (int, float, complex)) or not isinstance(x, _WHOLE):
        return x
    raise KindError(f"{op}(): argument '{name}' (position {position}) must be {kind}, not {type(x).__name__}")


def check_operand(op: str, x: Any, name: str, position: int) -> None:
    """Raises KindError for what numpy computes with and PyTorch does not, in the place of a tensor or a number."""
    if x is None or isinstance(x, (np.ndarray, list, tuple, str, bytes, dict)):
        raise no_tensor(op, name, position, x)
