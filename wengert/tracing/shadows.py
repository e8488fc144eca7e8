"""Shadows: what the values of a recording would be for the arguments and states of the moment.

The one idea to know: hardly anybody looks at the numbers of a shadow, only at how it lies in memory; so what is dear
to compute is *owed*. Such a shadow is uninitialised memory that lies as the result would, a view of it is an ordinary
view, and `Shadows.known` computes the numbers into it, in place, when they are asked for. What depends on numbers (an
index, a decomposition that may fail) has its operands paid first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.dtypes import from_numpy
from ..core.layout import in_order, laid_as
from ..core.primitive import Primitive, evaluate, has_spec_rule
from ..core.spec import Spec
from .memory import root_of

ndarray = np.ndarray

WORTH = 4096
"""Elements of an operand or a result from which on computing is dear."""
Log = list[tuple[Sequence[Any], Sequence[Any]]]
"""Of instructions the shadows of the operands, and of the results."""

_TOTAL = ("view", "elementwise", "reduction", "linear", "bilinear", "fused")
_TOTAL_TOO = frozenset({"cast", "fill", "overwrite", "masked_fill", "normalize_gradient", "lstm_gradient",
                        "lstm_projected_gradient", "gru_gradient", "rnn_gradient", "window_winner", "argmax", "argmin",
                        "max_dim", "min_dim", "cummax", "cummin"})
"""Kinds, and opaque primitives, that take any real numbers: only shapes, dtypes and indices can make them fail."""
_PARTIAL = frozenset({"binary_cross_entropy"})
_BY_INDEX = frozenset({"index", "index_adjoint", "index_put", "gather", "scatter", "scatter_add", "nll_loss"})
"""Those of them that fail where an index is out of range, or whose shape depends on one."""
_IN_ROWS = frozenset({"matmul", "linear", "addmm", "convolution_weight", "sum", "mean", "sum_to",
                      "view_adjoint"})
"""Those whose results lie in rows however their operands do; of the others where all operands lie in rows."""


_REAL = "fcVW"
"""numpy's letters for the kinds of dtypes of real and complex numbers; bfloat16 is a ``V``."""


class Debt(NamedTuple):
    """What gives the numbers that are owed in ``results``, when those of ``values`` are known."""

    values: Sequence[Any]
    results: tuple[ndarray, ...]
    numbers: Callable[[], Sequence[Any]]


class Shadows:
    """Evaluates primitives on shadows."""

    def __init__(self) -> None:
        self._owed: dict[int, Debt] = {}
        """What is owed, by the identity of the memory in which it belongs."""
        self._specs: dict[Any, tuple[Spec, ...] | None] = {}

    def evaluate(self, primitive: Primitive, values: Sequence[Any], params: dict[str, Any]) -> Any:
        """What the primitive gives; its numbers may be owed."""
        arrays = [x for x in values if type(x) is ndarray]
        total, by_index = _is_total(primitive, arrays), primitive.name in _BY_INDEX
        owed = [x for x in arrays if id(x if x.base is None else root_of(x)) in self._owed] if self._owed else []
        for x in owed:
            if not total or by_index and x.dtype.kind not in _REAL:
                self.known(x)
        if total and not by_index and primitive.kind != "view" and any([x.size >= WORTH for x in arrays]):
            results = self._room(primitive, values, arrays, params)
            if results is not None:
                return self._owed_by(primitive, values, params, results, True)
        found = evaluate(primitive, values, params)
        if total and owed:
            return self._owed_by(primitive, values, params, tuple(
                [np.asarray(part) for part in (found if primitive.multiple else (found,))]), False)
        return found

    def _owed_by(self, primitive: Primitive, values: Sequence[Any], params: dict[str, Any],
                 results: tuple[ndarray, ...], apart: bool) -> Any:
        """The results of a primitive, which are owed."""
        def numbers() -> Sequence[Any]:
            found = evaluate(primitive, values, params)
            return found if primitive.multiple else (found,)

        found = self.owe(Debt(values, results, numbers), apart)
        return found if primitive.multiple else found[0]

    def known(self, array: ndarray) -> ndarray:
        """The array, with its numbers."""
        todo = [id(root_of(array))]
        while todo:
            debt = self._owed.get(todo[-1])
            if debt is None:
                todo.pop()
                continue
            before = [id(root_of(x)) for x in debt.values if type(x) is ndarray and id(root_of(x)) in self._owed]
            if before:
                todo += before
                continue
            for result, part in zip(debt.results, debt.numbers(), strict=True):
                if self._owed.pop(id(root_of(result)), None) is not None:
                    np.copyto(result, part)
        return array

    def owe(self, debt: Debt, apart: bool) -> tuple[ndarray, ...]:
        """The results of a debt, which is noted; but not for what is memory of an operand, unless all lie ``apart``."""
        known = set() if apart else {id(root_of(x)) for x in debt.values if type(x) is ndarray}
        for result in debt.results:
            root = id(result if result.base is None else root_of(result))
            if root not in known:
                self._owed[root] = debt
        return debt.results

    def _room(self, primitive: Primitive, values: Sequence[Any], arrays: Sequence[ndarray], params: dict[str, Any]
              ) -> tuple[ndarray, ...] | None:
        """Uninitialised memory that lies as the results will, where it is known how they lie."""
        if not has_spec_rule(primitive):
            return None
        rows = primitive.name in _IN_ROWS or all([x.flags.c_contiguous for x in arrays])
        is_ufunc = isinstance(primitive.run, np.ufunc)
        if not (rows or is_ufunc or primitive.name == "convolution" and arrays[0].ndim == 4):
            return None
        specs = self._specs_of(primitive, values, params)
        if specs is None:
            return None
        if rows:
            return tuple([np.empty(spec.shape, spec.dtype.numpy) for spec in specs])
        (spec,) = specs
        if is_ufunc:
            return _room_of_ufunc(arrays, spec),
        return laid_as(np.empty(spec.shape, spec.dtype.numpy), *arrays[:2]),

    def _specs_of(self, primitive: Primitive, values: Sequence[Any], params: dict[str, Any]) -> tuple[Spec, ...] | None:
        """What a rule says of the results."""
        specs = [Spec(x.shape, from_numpy(x.dtype)) if type(x) is ndarray else x for x in values]
        key: Any = primitive.name, tuple([(type(x), x) for x in specs]), tuple(params.items())
        try:
            if key in self._specs:
                return self._specs[key]
        except TypeError:  # parameters that cannot be compared
            key = None
        try:
            found: Any = primitive.spec(*specs, **params)
        except Exception:  # evaluation says in its own words what is wrong
            return None
        found = tuple(found) if primitive.multiple else (found,)
        if key is not None:
            self._specs[key] = found
        return found


def _room_of_ufunc(arrays: Sequence[ndarray], spec: Spec) -> ndarray:
    """Memory that lies as in eager mode for what a ufunc makes of these, and numbers: first by numpy's iterator."""
    flags: Any = [*[["readonly"] for _ in arrays], ["writeonly", "allocate"]]
    dtypes: Any = [*[None for _ in arrays], spec.dtype.numpy]
    made = np.nditer([*arrays, None], ["zerosize_ok"], flags, dtypes, order="K", casting="unsafe")
    return in_order(made.operands[-1], *arrays)


def _is_total(primitive: Primitive, arrays: Sequence[ndarray]) -> bool:
    """Whether no numbers that the operands could hold, but for indices, make it fail."""
    if primitive.kind == "elementwise":  # of integers, powers and quotients may fail
        return any([x.dtype.kind in _REAL for x in arrays]) or all([x.dtype.kind == "b" for x in arrays])
    return primitive.kind in _TOTAL and primitive.name not in _PARTIAL or primitive.name in _TOTAL_TOO
