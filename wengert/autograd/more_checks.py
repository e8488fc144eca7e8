"""What `gradcheck` compares besides backward's Jacobian: forward mode's, and derivatives in batches.

The one idea to know: every check compares two ways to the same numbers, one of which has been checked before.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core.operands import Array
from ..tensors.alias import edge_of
from ..tensors.tensor import Tensor, make
from . import forward_ad
from .engine import grad, over_batch
from .jacobians import GradcheckError, numerical, outputs_of, parts_of, reals


def check_forward(func: Callable[..., Any], tensors: Sequence[Tensor], wanted: list[int], eps: float, atol: float,
                  rtol: float, fast: bool) -> None:
    """Tangents by forward mode are what differences of values say: along each element of each input, or, ``fast``,
    along one random direction of each."""
    for i in wanted:
        shape, dtype = tensors[i]._data.shape, tensors[i]._data.dtype
        directions = [_random(shape, dtype)] if fast else [
            _unit(shape, dtype, place, step) for place in np.ndindex(shape) for step in parts_of(tensors[i]._data)]
        columns = [_tangents(func, tensors, wanted, i, direction) for direction in directions]
        expected = numerical(func, tensors, i, eps)
        for k, jacobian in enumerate(expected):
            if fast:
                jacobian = (jacobian @ reals(directions[0]))[:, None]
            analytical = np.stack([column[k] for column in columns], 1) if columns else np.zeros_like(jacobian)
            if not np.allclose(analytical, jacobian, rtol, atol, equal_nan=True):
                raise GradcheckError(
                    f"Jacobian computed with forward mode mismatch for output {k} with respect to input {i},\n"
                    f"numerical:{make(jacobian.T.copy(), None)}\nanalytical:{make(analytical.T.copy(), None)}\n"
                    f"(greatest difference {np.abs(jacobian - analytical).max():.3g})")


def check_batched_forward(func: Callable[..., Any], tensors: Sequence[Tensor], wanted: list[int]) -> None:
    """Forward mode for two directions at once, by `vmap`, gives what it gives for one after the other."""
    for i in wanted:
        array = tensors[i]._data
        directions = [_random(array.shape, array.dtype, seed) for seed in range(2)]

        def along(direction: Tensor, i: int = i) -> tuple[Tensor, ...]:
            return tuple([tangent for tangent in _duals(func, tensors, wanted, i, direction) if tangent is not None])

        singly = [along(make(direction, None)) for direction in directions]
        try:
            together = over_batch(functools.partial(_first, along), [make(np.stack(directions), None)])
        except RuntimeError as error:
            drawn = "vmap: We do not yet support calling random operations inside of vmap: "
            raise GradcheckError(
                f"While computing batched gradients, got: {drawn if 'random operation' in str(error) else ''}{error}"
                "\n\ngradcheck or gradgradcheck failed while testing batched gradient computation by forward mode. To "
                "find the problem, run vmap over func.jvp of the function") from error
        for k, found in enumerate(together):
            _same_in_batches(found._data, np.stack([single[k]._data for single in singly]), i, k)


def check_undefined_forward(func: Callable[..., Any], tensors: Sequence[Tensor], wanted: list[int]) -> None:
    """Where one input after the other stands still, the tangents are those of one that moves by zeros."""
    directions = {n: _random(tensors[n]._data.shape, tensors[n]._data.dtype, n) for n in wanted}
    for i in wanted:
        by_zeros, still = (_moved(func, tensors, {**directions, i: at_rest}) for at_rest in
                           (np.zeros_like(directions[i]), None))
        for k, (one, other) in enumerate(zip(by_zeros, still, strict=True)):
            if one is not None and other is not None and not np.allclose(one._data, other._data, equal_nan=True):
                raise GradcheckError(f"Mismatch in tangent values for output with index: {k} when input: {i} has an "
                                     f"undefined tangent value. Got: {other} but expected: {one}")


def check_batched(func: Callable[..., Any], tensors: Sequence[Tensor], wanted: list[int]) -> None:
    """Backward for two gradients at once (``is_grads_batched``) gives what it gives for one after the other."""
    outputs = outputs_of(func, tensors)
    inputs = [tensors[i] for i in wanted]
    for k, output in enumerate(outputs):
        if edge_of(output) is None:
            continue
        cts = [_random(output._data.shape, output._data.dtype, seed) for seed in range(2)]
        singly = [grad([output], inputs, [make(ct, None)], retain_graph=True, allow_unused=True) for ct in cts]
        try:
            together = grad([output], inputs, [make(np.stack(cts), None)], retain_graph=True, allow_unused=True,
                            is_grads_batched=True)
        except RuntimeError as error:
            raise GradcheckError(
                f"While computing batched gradients, got: {error}\n\ngradcheck or gradgradcheck failed while testing "
                "batched gradient computation. This could have been invoked in a number of ways (via a test that calls "
                "gradcheck/gradgradcheck directly or via an autogenerated test). To find the problem, run "
                "torch.autograd.grad with is_grads_batched=True on the function") from error
        for n, found in enumerate(together):
            if (found is None) != (singly[0][n] is None):
                raise GradcheckError(f"For output {k} and input {wanted[n]}: one of the gradients, in batches or "
                                     "singly, is missing")
            if found is not None:
                _same_in_batches(found._data, np.stack([single[n]._data for single in singly]), wanted[n], k)


def _first(function: Callable[..., Any], batch: Sequence[Tensor]) -> Any:
    return function(batch[0])


def _same_in_batches(found: Array, expected: Array, i: int, k: int) -> None:
    if not np.allclose(found, expected, equal_nan=True):
        raise GradcheckError(
            f"For output {k} and input {i}:\n\ngradcheck or gradgradcheck failed while testing batched gradient "
            f"computation.\nGot:\n{make(np.array(found), None)}\n\nExpected:\n{make(np.array(expected), None)}")


def _duals(func: Callable[..., Any], tensors: Sequence[Tensor], wanted: list[int], i: int, direction: Tensor
           ) -> list[Any]:
    """The outputs' tangents where input ``i`` of the ``wanted`` moves along a direction and the others stand still."""
    still = {n: np.zeros(tensors[n]._data.shape, tensors[n]._data.dtype) for n in wanted}
    return _moved(func, tensors, {**still, i: direction})


def _moved(func: Callable[..., Any], tensors: Sequence[Tensor], directions: Mapping[int, Any]) -> list[Any]:
    """The outputs' tangents where the inputs that are named move along these directions; None for one at rest."""
    with forward_ad.dual_level():
        moved: list[Any] = [x.detach() if isinstance(x, Tensor) else x for x in tensors]
        for n, direction in directions.items():
            if direction is not None:
                tangent = direction if isinstance(direction, Tensor) else make(direction, None)
                moved[n] = forward_ad.make_dual(moved[n], tangent)
        return [forward_ad.unpack_dual(output).tangent for output in outputs_of(func, moved)]


def _tangents(func: Callable[..., Any], tensors: Sequence[Tensor], wanted: list[int], i: int, direction: Array
              ) -> list[np.ndarray]:
    """`_duals` as rows of reals, zeros where an output does not move."""
    sizes = [reals(output._data).size for output in outputs_of(func, tensors)]
    try:
        found = _duals(func, tensors, wanted, i, make(direction, None))
    except NotImplementedError as error:
        raise GradcheckError(f"Forward mode is not there for the function: {error}") from error
    return [np.zeros(size) if tangent is None else reals(tangent._data)
            for size, tangent in zip(sizes, found, strict=True)]


def _unit(shape: tuple[int, ...], dtype: Any, place: tuple[int, ...], step: complex) -> np.ndarray:
    unit = np.zeros(shape, dtype)
    unit[place] = step
    return unit


def _random(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    values = np.asarray(generator.standard_normal(shape))
    if dtype.kind == "c":
        values = values + 1j * generator.standard_normal(shape)
    return np.asarray(values).astype(dtype)
