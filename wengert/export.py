"""``torch.export``: names for sizes that vary, as `torch.onnx.export` takes them in ``dynamic_shapes``.

Programs are recorded by `wengert.capture` and written by `wengert.onnx.export`; there is no ``ExportedProgram`` here,
and what would make, read or write one raises.
"""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn

from ._missing import absent
from ._public import publish as _publish

__all__ = ["Dim", "ExportedProgram", "dims", "export", "load", "register_dataclass", "save"]

# As in a package, so that `import torch.export.decomp_utils` is tried at all.
__path__: list[str] = []

_RULE = "(Only increasing linear operations with integer coefficients are supported.)"
_ABSENT = "[torch.export.{}] not in wengert: {}"


class _DimHint(NamedTuple):
    """Says of a dimension that it varies (``DYNAMIC``, ``AUTO``) or that it does not (``STATIC``), without a name."""

    kind: str
    min: int | None = None
    max: int | None = None

    def __call__(self, min: int | None = None, max: int | None = None) -> _DimHint:
        """The same hint with bounds. Raises TypeError for one that has some, or that takes none."""
        if self.kind == "STATIC" or self[1:] != (None, None):
            raise TypeError(f"[Dim] Dim.AUTO or Dim.DYNAMIC, without bounds so far, was expected; got {self!r}")
        return _DimHint(self.kind, min, max)

    def __repr__(self) -> str:
        bounds = [f"{name}={value}" for name, value in (("min", self.min), ("max", self.max)) if value is not None]
        return f"DimHint({', '.join([self.kind, *bounds])})"


class Dim:
    """The name of a size that varies, between ``min`` and ``max`` (None for no bound), and what is linear in it.

    ``2 * Dim("n") + 1`` is one more than twice the size. ``Dim.DYNAMIC``, ``Dim.AUTO`` and ``Dim.STATIC`` say that a
    size varies, may vary, or does not. Raises AssertionError for a name that is no identifier, for bounds the wrong way
    round and for sizes below zero, NotImplementedError for other than integers, and factors below one.

    >>> batch = torch.export.Dim("batch", max=64)
    >>> batch, 2 * batch + 1, torch.export.Dim.DYNAMIC
    (Dim('batch', min=0, max=64), 2*batch + 1, DimHint(DYNAMIC))
    """

    AUTO = _DimHint("AUTO")
    DYNAMIC = _DimHint("DYNAMIC")
    STATIC = _DimHint("STATIC")

    root: Dim
    """The size that this one depends on: itself, where it has a name of its own."""
    factor: int
    offset: int

    def __init__(self, name: str, *, min: int | None = None, max: int | None = None) -> None:
        low = 0 if min is None else min
        assert max is None or low <= max, f"Cannot create Dim with inconsistent min={low}, max={max}"
        assert name.isidentifier(), f"Dim name must be a valid identifier, got {name}"
        self.__name__, self.min, self.max = name, low, max
        self.root, self.factor, self.offset = self, 1, 0

    def _linear(self, factor: int, offset: int) -> Dim:
        """``factor`` times this size, plus ``offset``."""
        found = object.__new__(Dim)
        found.root = self.root
        found.factor, found.offset = self.factor * factor, self.offset * factor + offset
        named = f"{found.factor}*{self.root.__name__}" if found.factor != 1 else self.root.__name__
        sign = "-" if found.offset < 0 else "+"
        found.__name__ = named + (f" {sign} {abs(found.offset)}" if found.offset else "")
        found.min = self.min * factor + offset
        found.max = None if self.max is None else self.max * factor + offset
        assert found.min >= 0, (f"Expected derived min value of {found.__name__} to be >= 0. Please specify an "
                                f"appropriate min value for {self.root.__name__} (currently {self.root.min}).")
        return found

    def __add__(self, other: int) -> Dim:
        return self._linear(1, self._whole(other, "add {} to {}"))

    __radd__ = __add__

    def __sub__(self, other: int) -> Dim:
        return self._linear(1, -self._whole(other, "subtract {} from {}"))

    def __rsub__(self, other: int) -> NoReturn:
        raise NotImplementedError(f"Attempted to negate {self.__name__}. {_RULE}")

    def __mul__(self, other: int) -> Dim:
        return self._linear(self._whole(other, "multiply {} with {}", least=1), 0)

    __rmul__ = __mul__

    def _whole(self, number: Any, attempt: str, least: int | None = None) -> int:
        if type(number) is not int or (least is not None and number < least):
            wanted = "an integer" if least is None else "a positive integer"
            raise NotImplementedError(f"Attempted to {attempt.format(number, self.__name__)}, where {wanted} was "
                                      f"expected. {_RULE}")
        return number

    def __repr__(self) -> str:
        if self.root is not self:
            return self.__name__
        bounds = [f"{name}={value}" for name, value in (("min", self.min), ("max", self.max))
                  if value is not None and (name, value) != ("min", 2)]
        return f"Dim({', '.join([repr(self.__name__), *bounds])})"


def dims(*names: str, min: int | None = None, max: int | None = None) -> tuple[Dim, ...]:
    """Several names of sizes with the same bounds. Raises as `Dim`.

    >>> torch.export.dims("rows", "columns", min=1)
    (Dim('rows', min=1), Dim('columns', min=1))
    """
    return tuple([Dim(name, min=min, max=max) for name in names])


class ExportedProgram:
    """The class of PyTorch's exported programs, of which there are none: `wengert.capture` records programs.

    >>> torch.export.ExportedProgram()
    Traceback (most recent call last):
        ...
    NotImplementedError: [torch.export.ExportedProgram] not in wengert: record programs by torch.capture...
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        raise NotImplementedError(_ABSENT.format("ExportedProgram", "record programs by torch.capture, and write "
                                                 "models by torch.onnx.export"))


export = absent(NotImplementedError, _ABSENT.format("export", "record the program by torch.capture, or write the model "
                                                    "by torch.onnx.export"))
save = absent(NotImplementedError, _ABSENT.format("save", "write the model by torch.onnx.export"))
load = absent(NotImplementedError, _ABSENT.format("load", "read a model by wengert.onnx.load"))
register_dataclass = absent(NotImplementedError, _ABSENT.format(
    "register_dataclass", "recordings look into dataclasses as they are"))

_publish(__name__)
