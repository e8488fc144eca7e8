"""`assert_close`: whether two results agree within the tolerance that their dtypes allow, and if not, where."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core.dtypes import float64
from ..core.layout import sparse_coo, strided
from ..ops.creation import as_tensor
from ..tensors.tensor import Tensor, make

_TOLERANCES = {"float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7),
               "complex32": (1e-3, 1e-5), "complex64": (1.3e-6, 1e-5), "complex128": (1e-7, 1e-7)}


def assert_close(actual: Any, expected: Any, *, allow_subclasses: bool = True, rtol: float | None = None,
                 atol: float | None = None, equal_nan: bool = False, check_device: bool = True,
                 check_dtype: bool = True, check_layout: bool = True, check_stride: bool = False,
                 msg: str | Callable[[str], str] | None = None) -> None:
    """Raises AssertionError unless ``|actual - expected| <= atol + rtol * |expected|`` for every element.

    Takes tensors, arrays, numbers, and sequences and mappings of them. Without ``rtol`` and ``atol`` (given together)
    they follow from the dtype: float32 1.3e-6 and 1e-5, float64 1e-7 and 1e-7, float16 1e-3 and 1e-5, bfloat16 1.6e-2
    and 1e-5; other dtypes must be equal. ``msg`` replaces the text, or makes it from the one found.

    >>> import wengert as torch
    >>> torch.testing.assert_close(torch.tensor([1.0]), torch.tensor([1.0000001]))
    """
    if (rtol is None) != (atol is None):
        raise ValueError("Both 'rtol' and 'atol' must be either specified or unspecified, but got no "
                         f"{'rtol' if rtol is None else 'atol'}.")
    options = _Options(rtol, atol, equal_nan, check_dtype, check_layout, check_stride, allow_subclasses)
    wrong = options.difference(actual, expected, "")
    if wrong is not None:
        raise AssertionError(msg(wrong) if callable(msg) else msg if msg is not None else wrong)


def assert_allclose(actual: Any, expected: Any, rtol: float | None = None, atol: float | None = None,
                    equal_nan: bool = True,
                    msg: str = "") -> None:
    """Deprecated, as in PyTorch: `assert_close` without the check of dtypes.

    >>> torch.testing.assert_allclose(torch.tensor([1.0]), torch.tensor([1.0000001]))
    """
    warnings.warn("`torch.testing.assert_allclose()` is deprecated since 1.12 and will be removed in a future "
                  "release. Please use `torch.testing.assert_close()` instead.", FutureWarning, stacklevel=2)
    expected = as_tensor(expected)
    assert_close(as_tensor(actual, dtype=expected.dtype), expected, rtol=rtol, atol=atol, equal_nan=equal_nan,
                 check_dtype=False,
                 msg=msg or None)


class _Options:
    """The arguments of one `assert_close`; `difference` compares, and says what differs."""

    def __init__(self, rtol: float | None, atol: float | None, equal_nan: bool, check_dtype: bool, check_layout: bool,
                 check_stride: bool, allow_subclasses: bool) -> None:
        self.rtol, self.atol, self.equal_nan, self.check_layout = rtol, atol, equal_nan, check_layout
        self.check_dtype, self.check_stride, self.allow_subclasses = check_dtype, check_stride, allow_subclasses

    def difference(self, actual: Any, expected: Any, place: str) -> str | None:
        """What differs, in words; None if nothing does. ``place`` says where in nested results."""
        if isinstance(expected, Mapping) and isinstance(actual, Mapping):
            if actual.keys() != expected.keys():
                return f"The keys of the mappings do not match:\nMissing keys in the actual mapping: " \
                       f"{sorted(expected.keys() - actual.keys())}\nAdditional keys in the actual mapping: " \
                       f"{sorted(actual.keys() - expected.keys())}"
            return self._first((actual[key], value, f"{place}[{key!r}]") for key, value in expected.items())
        if _is_sequence(expected) and _is_sequence(actual):
            if len(actual) != len(expected):
                return f"The length of the sequences mismatch: {len(actual)} != {len(expected)}"
            return self._first((a, e, f"{place}[{i}]") for i, (a, e) in enumerate(zip(actual, expected, strict=True)))
        if actual is None and expected is None:
            return None
        where = f"The failure occurred for item {place}" if place else ""
        found = self._of_values(actual, expected)
        return found if found is None or not where else f"{found}\n\n{where}"

    def _first(self, pairs: Any) -> str | None:
        return next((found for pair in pairs if (found := self.difference(*pair)) is not None), None)

    def _of_values(self, actual: Any, expected: Any) -> str | None:
        no_pair = f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}."
        scalars = not isinstance(actual, (Tensor, np.ndarray)) and not isinstance(expected, (Tensor, np.ndarray))
        try:
            a, e = (x if isinstance(x, Tensor) else as_tensor(x, float64 if isinstance(x, float) else None)
                    for x in (actual, expected))
        except (TypeError, RuntimeError, ValueError):
            raise TypeError(no_pair) from None
        if not scalars and isinstance(actual, Tensor) != isinstance(expected, Tensor):
            raise TypeError(no_pair)
        if not self.allow_subclasses and type(actual) is not type(expected):
            return f"Except for Python scalars, type equality is required; got {type(actual)} and {type(expected)}"
        if a.shape != e.shape:
            return f"The values for attribute 'shape' do not match: {a.shape} != {e.shape}."
        if a.layout is not e.layout:
            if self.check_layout:
                return f"The values for attribute 'layout' do not match: {a.layout} != {e.layout}."
            a, e = a.to_dense(), e.to_dense()
        if self.check_dtype and a.dtype is not e.dtype and not scalars:
            return f"The values for attribute 'dtype' do not match: {a.dtype} != {e.dtype}."
        if a.layout is not strided:
            return self._of_sparse(a, e)
        if self.check_stride and a.stride() != e.stride():
            return f"The values for attribute 'stride()' do not match: {a.stride()} != {e.stride()}."
        return self._of_numbers(a, e, scalars)

    def _of_sparse(self, actual: Any, expected: Any) -> str | None:
        """The parts of two sparse tensors of one layout, coalesced if they are by coordinates and not of one count."""
        by_coordinates = actual.layout is sparse_coo
        kind = "COO" if by_coordinates else str(actual.layout).removeprefix("torch.sparse_").upper()
        if actual._nnz() != expected._nnz():
            return (f"The number of specified values in sparse {kind} tensors does not match: {actual._nnz()} != "
                    f"{expected._nnz()}")
        if by_coordinates:
            if actual.is_coalesced() != expected.is_coalesced():
                actual, expected = actual.coalesce(), expected.coalesce()
            parts = {"indices": (actual._indices(), expected._indices())}
        else:
            parts = {"compressed indices": (make(actual._data.compressed, None), make(expected._data.compressed, None)),
                     "plain indices": (make(actual._data.plain, None), make(expected._data.plain, None))}
        parts["values"] = (actual._values(), expected._values())
        for word, (a, e) in parts.items():
            found = self._of_numbers(a, e, False) if a.shape == e.shape else f"{list(a.shape)} != {list(e.shape)}"
            if found is not None:
                return found.replace("Tensor-likes", f"Sparse {kind} {word}", 1)
        return None

    def _of_numbers(self, actual: Tensor, expected: Tensor, scalars: bool) -> str | None:
        tolerances = [_TOLERANCES.get(x.dtype.name, (0.0, 0.0)) for x in (actual, expected)]
        rtol = max(t[0] for t in tolerances) if self.rtol is None else self.rtol
        atol = max(t[1] for t in tolerances) if self.atol is None else self.atol
        wide = np.complex128 if actual.is_complex() or expected.is_complex() else np.float64
        exact = not rtol and not atol and actual.dtype is expected.dtype
        a, e = (x._concrete("assert_close") if exact else x._concrete("assert_close").astype(wide) for x in (actual,
                                                                                                             expected))
        with np.errstate(all="ignore"):
            apart = np.abs(a.astype(wide) - e.astype(wide))
            close = a == e
            if not exact:
                close |= np.isfinite(a) & np.isfinite(e) & (apart <= atol + rtol * np.abs(e))
            if self.equal_nan and not exact or self.equal_nan and a.dtype.kind in "fc":
                close |= np.isnan(a) & np.isnan(e)
            relative = apart / np.abs(e)
        if close.all():
            return None
        word = "close" if rtol or atol else "equal"
        if scalars:
            allowed = f" (up to {atol} allowed)" if word == "close" else ""
            share = f" (up to {rtol} allowed)" if word == "close" else ""
            return (f"Scalars are not {word}!\n\nExpected {expected.item()} but got {actual.item()}.\n"
                    f"Absolute difference: {apart.item()}{allowed}\nRelative difference: {relative.item()}{share}")
        lines = [f"Tensor-likes are not {word}!\n", f"Mismatched elements: "
                                                    f"{close.size - int(close.sum())} / {close.size} "
                 f"({(close.size - int(close.sum())) / close.size:.1%})"]
        for name, gaps, bound in (("absolute", apart, atol), ("relative", relative, rtol)):
            gaps = np.where(close, 0.0, gaps)
            index = np.unravel_index(np.argmax(gaps), gaps.shape)
            allowed = f" (up to {bound} allowed)" if word == "close" else ""
            lines.append(f"Greatest {name} difference: {gaps[index].item()} at index "
                         f"{tuple(int(i) for i in index)}{allowed}")
        return "\n".join(lines)


def _is_sequence(x: Any) -> bool:
    return isinstance(x, Sequence) and not isinstance(x, (str, bytes))
