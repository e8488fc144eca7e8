"""What rules write ONNX with: a `Writer` that collects nodes, and `Symbol`, a value of the graph that is written.

The one idea to know: a symbol has numpy's operators and numpy's functions (`Numpy`), each of which writes a node. So
the rule by which an elementwise primitive computes arrays, ``eval(xp, x, ...)``, writes the nodes for it as well, when
it is run with symbols; what has a node of its own in ONNX says so in a table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core.computed import FORMS
from ..core.dtypes import DType, bool_, by_name, float32, float64, from_numpy, int32, int64
from ..core.spec import Spec
from .errors import UnsupportedOperatorError
from .packages import needs
from .sizes import Extent, Grown, Scaled

ELEMENTS = {"float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "bool": 9,
            "float16": 10, "float64": 11, "uint32": 12, "uint64": 13, "bfloat16": 16, "float8_e4m3fn": 17,
            "float8_e4m3fnuz": 18, "float8_e5m2": 19, "float8_e5m2fnuz": 20, "float8_e8m0fnu": 24}
"""ONNX's numbers for element types (``TensorProto.DataType``)."""
_ORDERS = ("Less", "LessOrEqual", "Greater", "GreaterOrEqual")


class NoFormError(Exception):
    """A rule that finds no nodes for what it is given; the message ends the sentence "has no ONNX form: ..."."""


class Symbol:
    """A value of the graph that is being written. ``shape`` is known of what instructions take and give; ``array`` of
    constants."""

    __slots__ = ("array", "dtype", "name", "shape", "writer")
    __array_ufunc__ = None  # numpy's numbers leave the operators to us

    def __init__(self, writer: Writer, name: str, dtype: DType, shape: tuple[Any, ...] | None = None,
                 array: np.ndarray | None = None) -> None:
        self.writer, self.name, self.dtype, self.shape, self.array = writer, name, dtype, shape, array

    @property
    def ndim(self) -> int:
        if self.shape is None:
            raise NoFormError("a rule asks for the dimensions of an inner value")
        return len(self.shape)

    def astype(self, dtype: Any, copy: bool = True) -> Symbol:
        return self.writer.cast(self, dtype if isinstance(dtype, DType) else from_numpy(np.dtype(dtype)))

    def __bool__(self) -> bool:
        raise NoFormError("the way that it goes depends on values")

    def __add__(self, other: Any) -> Symbol:
        return self.writer.both("Add", self, other)

    def __radd__(self, other: Any) -> Symbol:
        return self.writer.both("Add", other, self)

    def __sub__(self, other: Any) -> Symbol:
        return self.writer.both("Sub", self, other)

    def __rsub__(self, other: Any) -> Symbol:
        return self.writer.both("Sub", other, self)

    def __mul__(self, other: Any) -> Symbol:
        return self.writer.both("Mul", self, other)

    def __rmul__(self, other: Any) -> Symbol:
        return self.writer.both("Mul", other, self)

    def __truediv__(self, other: Any) -> Symbol:
        return self.writer.both("Div", self, other)

    def __rtruediv__(self, other: Any) -> Symbol:
        return self.writer.both("Div", other, self)

    def __pow__(self, other: Any) -> Symbol:
        return self.writer.both("Pow", self, other)

    def __neg__(self) -> Symbol:
        return self.writer.op("Neg", self)

    def __and__(self, other: Any) -> Symbol:
        return self.writer.both("And", self, other, dtype=bool_)

    def __or__(self, other: Any) -> Symbol:
        return self.writer.both("Or", self, other, dtype=bool_)

    def __invert__(self) -> Symbol:
        return self.writer.op("Not", self, dtype=bool_)

    def __lt__(self, other: Any) -> Symbol:
        return self.writer.both("Less", self, other, dtype=bool_)

    def __gt__(self, other: Any) -> Symbol:
        return self.writer.both("Greater", self, other, dtype=bool_)

    def __le__(self, other: Any) -> Symbol:
        return self.writer.both("LessOrEqual", self, other, dtype=bool_)

    def __ge__(self, other: Any) -> Symbol:
        return self.writer.both("GreaterOrEqual", self, other, dtype=bool_)

    def __eq__(self, other: Any) -> Symbol:  # type: ignore[override]
        return self.writer.both("Equal", self, other, dtype=bool_)

    def __ne__(self, other: Any) -> Symbol:  # type: ignore[override]
        return ~(self == other)

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<symbol {self.name}: {self.dtype.name}{'' if self.shape is None else list(self.shape)}>"


class Writer:
    """Collects the nodes and initializers of one graph, for one version of the operators."""

    def __init__(self, opset: int) -> None:
        self.opset, self.helper = opset, needs("onnx").helper
        self.nodes: list[Any] = []
        self.initializers: dict[str, np.ndarray] = {}
        self.constants: dict[str, np.ndarray] = {}
        """What is no parameter: small arrays are written as nodes."""
        self.producers: dict[str, Any] = {}
        """What gave a symbol of this name: the primitive's name, and its operands."""
        self._taken: set[str] = set()
        self._known: dict[Any, Symbol] = {}
        self._places: dict[Extent, tuple[Symbol, int]] = {}
        self._count = 0

    # --- names and values ---------------------------------------------------------------------------------------------

    def free(self, wanted: str) -> str:
        """``wanted``, or with a number behind it where it is taken."""
        name, number = wanted, 0
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        return name

    def made(self, name: str, spec: Spec, array: np.ndarray | None = None) -> Symbol:
        """A symbol of this name, whose sizes can be read from it from now on."""
        symbol = Symbol(self, name, spec.dtype, tuple(spec.shape), array)
        return self.measured(symbol)

    def measured(self, symbol: Symbol) -> Symbol:
        """Notes the sizes of a symbol: those that vary are read where they are first met."""
        for dim, size in enumerate(symbol.shape or ()):
            if isinstance(size, Extent):
                self._places.setdefault(size, (symbol, dim))
        return symbol

    def initializer(self, name: str, array: np.ndarray, dtype: DType | None = None) -> Symbol:
        """An array that is kept in the model under this name."""
        name = self.free(name)
        self.initializers[name] = array
        return Symbol(self, name, dtype or from_numpy(array.dtype), array.shape, array)

    def constant(self, value: Any, dtype: DType) -> Symbol:
        """An array, or a number, of a dtype; equal numbers are kept once."""
        array = np.asarray(value).astype(dtype.numpy)
        key = (array.tobytes(), array.shape, dtype.name)
        if key not in self._known:
            name = self.free("const")
            self.constants[name] = array
            self._known[key] = Symbol(self, name, dtype, array.shape, array)
        return self._known[key]

    def number(self, value: Any, dtype: DType) -> Symbol:
        """A number, a `Scaled` one or an `Extent` as a symbol without dimensions."""
        if isinstance(value, (Extent, Scaled)):
            return self.cast(self.scalar(self._one(value)), dtype)
        return self.constant(value, dtype)

    def _one(self, value: Any) -> Symbol:
        if isinstance(value, Extent):
            return self.size(value)
        number, whole = value.number, self.cast(self.size(value.extent), float64)
        form = FORMS[value.form][1]
        if value.form == 2:
            return number * (whole / (whole - 1.0))
        found: Symbol = number / whole if form(1.0, 2) == 0.5 else whole * number
        return found

    # --- nodes --------------------------------------------------------------------------------------------------------

    def op(self, kind: str, *inputs: Symbol | None, dtype: DType | None = None, outputs: int = 1, **attributes: Any
           ) -> Any:
        """A node and its result, or results; of the dtype of its first input if none is given."""
        names = ["" if x is None else x.name for x in inputs]
        while names and not names[-1]:
            names.pop()
        self._count += 1
        results = [self.free(f"{kind.lower()}_{self._count}" + (f"_{i}" if i else "")) for i in range(outputs)]
        given = {name: value for name, value in attributes.items() if value is not None}
        self.nodes.append(self.helper.make_node(kind, names, results, name=f"{kind}_{self._count}", **given))
        if dtype is None:
            dtype = next(x.dtype for x in inputs if x is not None)
        made = [Symbol(self, name, dtype) for name in results]
        return made[0] if outputs == 1 else made

    def both(self, kind: str, x: Any, y: Any, dtype: DType | None = None) -> Symbol:
        """A node of two operands, of which one may be a number; numbers take the other's dtype."""
        like = (x if isinstance(x, Symbol) else y).dtype
        x, y = (each if isinstance(each, Symbol) else self.number(each, like) for each in (x, y))
        if like is bool_ and kind in _ORDERS:
            x, y = self.cast(x, int32), self.cast(y, int32)
        found: Symbol = self.op(kind, x, y, dtype=dtype)
        return found

    def cast(self, x: Symbol, dtype: DType) -> Symbol:
        """The same elements in another dtype."""
        if x.dtype is dtype:
            return x
        if dtype.name not in ELEMENTS:
            raise NoFormError(f"ONNX has no {dtype.name} that runtimes compute with")
        found: Symbol = self.op("Cast", x, dtype=dtype, to=ELEMENTS[dtype.name])
        return found

    def where(self, condition: Symbol, x: Any, y: Any) -> Symbol:
        """``x`` where the condition holds, else ``y``; numbers take the other's dtype."""
        like = next((each.dtype for each in (x, y) if isinstance(each, Symbol)), float32)
        x, y = (each if isinstance(each, Symbol) else self.number(each, like) for each in (x, y))
        if like is bool_:
            return (condition & x) | (~condition & y)
        found: Symbol = self.op("Where", condition, x, y, dtype=x.dtype)
        return found

    # --- sizes --------------------------------------------------------------------------------------------------------

    def size(self, extent: Extent | int) -> Symbol:
        """A size as an array of one integer: read from a value that has it, or else computed."""
        if not isinstance(extent, Extent):
            return self.constant([extent], int64)
        if extent in self._known:
            return self._known[extent]
        if extent in self._places:
            symbol, dim = self._places[extent]
            found = self.op("Shape", symbol, dtype=int64, start=dim, end=dim + 1)
        else:
            found = self._computed(extent)
        self._known[extent] = found
        return found

    def scalar(self, x: Symbol) -> Symbol:
        """An array of one element without its dimension."""
        found: Symbol = self.op("Squeeze", x, self.constant([0], int64))
        return found

    def range(self, count: Extent | int) -> Symbol:
        """The numbers below a size."""
        zero, one = self.number(0, int64), self.number(1, int64)
        found: Symbol = self.op("Range", zero, self.scalar(self.size(count)), one, dtype=int64)
        return found

    def _computed(self, extent: Extent) -> Symbol:
        divisor = math.lcm(*[factor.denominator for factor in extent.terms.values()])
        total = None
        for product, factor in extent.terms.items():
            term: Any = None
            for name in product:
                one = self._named(name)
                term = one if term is None else term * one
            whole = int(factor * divisor)
            term = self.constant([whole], int64) if term is None else term if whole == 1 else term * whole
            total = term if total is None else total + term
        assert total is not None, extent
        return total if divisor == 1 else total / divisor

    def _named(self, name: str) -> Symbol:
        single = Extent({(name,): 1})  # type: ignore[dict-item]
        if single in self._places or single in self._known:
            return self.size(single)
        for extent in self._places:  # one that is linear in it
            factor, offset = extent.terms.get((name,), 0), extent.terms.get((), 0)
            if factor and not {*extent.terms} - {(name,), ()}:
                symbol, dim = self._places[extent]
                read = self.op("Shape", symbol, dtype=int64, start=dim, end=dim + 1)
                self._known[single] = (read - int(offset)) / int(factor)
                return self._known[single]
        raise NoFormError(f"no input has the size {name}")

    def ints(self, values: Sequence[Any]) -> Symbol:
        """Integers, of which some may be extents, as an array of int64."""
        if not any(isinstance(value, Extent) for value in values):
            return self.constant(np.array(values, np.int64).reshape(-1), int64)
        parts: list[Any] = []
        for value in values:
            if isinstance(value, Extent) or not parts or isinstance(parts[-1], Extent):
                parts.append(value if isinstance(value, Extent) else [value])
            else:
                parts[-1].append(value)
        written = [self.size(part) if isinstance(part, Extent) else self.constant(part, int64) for part in parts]
        return written[0] if len(written) == 1 else self.op("Concat", *written, axis=0)

    def reshape(self, x: Symbol, shape: Sequence[Any]) -> Symbol:
        """The same elements in another shape. Sizes that the operand has at the same place are taken from it, and one
        that varies is left to the runtime, so that hardly any shape has to be computed."""
        has = x.shape or ()
        kept = [d < len(has) and isinstance(n, Extent) and has[d] == n for d, n in enumerate(shape)]
        wanted: list[Any] = [0 if keep else n for keep, n in zip(kept, shape, strict=True)]
        left = [d for d, n in enumerate(wanted) if isinstance(n, Extent)]
        if left and 0 not in [n for n in shape if isinstance(n, int)]:
            wanted[left[0]] = -1 if len(left) == 1 else wanted[left[0]]
        zero = 1 if 0 in [n for n in shape if isinstance(n, int)] else None
        if zero and any(kept):
            wanted = list(shape)
        found: Symbol = self.op("Reshape", x, self.ints(wanted), allowzero=zero)
        found.shape = tuple(shape)
        return found

    def permute(self, x: Symbol, dims: Sequence[int]) -> Symbol:
        """The dimensions in another order."""
        found: Symbol = self.op("Transpose", x, perm=list(dims))
        found.shape = None if x.shape is None else tuple([x.shape[d] for d in dims])
        return found

    def expand(self, x: Symbol, shape: Sequence[Any]) -> Symbol:
        """Repeated along dimensions of size 1 and new ones in front. Others are kept without asking for their size."""
        has = x.shape
        assert has is not None, x
        lead = len(shape) - len(has)
        wanted = [1 if d >= lead and has[d - lead] == n else n for d, n in enumerate(shape)]
        found: Symbol = self.op("Expand", x, self.ints(wanted)) if any(n != 1 for n in wanted) or lead else x
        return found if found is x else Symbol(self, found.name, x.dtype, tuple(shape))

    def filled(self, value: Any, shape: Sequence[Any], dtype: DType) -> Symbol:
        """An array of one number."""
        if not any(isinstance(n, Extent) for n in shape) and math.prod(shape) <= 64:
            return self.constant(np.full(tuple(shape), value), dtype)
        one = self.helper.make_tensor("value", ELEMENTS[dtype.name], [1], [value])
        found: Symbol = self.op("ConstantOfShape", self.ints(shape), dtype=dtype, value=one)
        found.shape = tuple(shape)
        return found

    def grown(self, constant: Grown) -> Symbol:
        """A constant whose size varies."""
        dtype = from_numpy(constant.dtype)
        total: Symbol | None = None
        rank = len(constant.shape)
        for dim, (size, step) in enumerate(zip(constant.shape, constant.steps, strict=True)):
            if step == 0:
                continue
            places = self.range(size)
            along = self.cast(places, dtype) * self.number(step, dtype)
            along = self.op("Unsqueeze", along, self.constant([d for d in range(rank) if d != dim], int64))
            total = along if total is None else total + along
        if total is None:
            if isinstance(constant.start, (Extent, Scaled)):
                return self.op("Expand", self.number(constant.start, dtype), self.ints(constant.shape))
            return self.filled(constant.start, constant.shape, dtype)
        if constant.start != 0:
            total = total + self.number(constant.start, dtype)
        return self.op("Expand", total, self.ints(constant.shape))


class Numpy:
    """The array module that elementwise rules are given: numpy's functions, each of which writes nodes."""

    float32, float64, int64, bool_ = np.float32, np.float64, np.int64, np.bool_
    pi, inf, nan, e = np.pi, np.inf, np.nan, np.e

    def __init__(self, writer: Writer, functions: Mapping[str, Callable[..., Any]]) -> None:
        self._writer, self._functions = writer, functions

    def __getattr__(self, name: str) -> Any:
        function = self._functions.get(name)
        if function is None:
            raise NoFormError(f"ONNX has nothing for numpy's {name}")
        return lambda *operands, **options: function(self._writer, *operands, **options)


def dtype_of(element: int) -> DType:
    """The dtype for one of ONNX's numbers. Raises `UnsupportedOperatorError` where wengert has none."""
    for name, number in ELEMENTS.items():
        if number == element:
            found: DType = by_name(name)
            return found
    raise UnsupportedOperatorError(f"[onnx] an element type of wengert's was expected; got ONNX's number {element}")
