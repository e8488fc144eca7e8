"""Derivatives of functions of tensors: Jacobians, Hessians, and their products with vectors, as in
``torch.autograd.functional``, on the engine that ``torch.func`` has (autograd/derivatives.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..core.primitive import P
from ..tensors.tensor import Tensor, make
from . import derivatives
from .derivatives import apart, moving, pull, push
from .levels import off_tape
from .modes import enable_grad

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Tensors: TypeAlias = Tensor | tuple[Tensor, ...]


def _tuple(name: str, what: str, value: Any) -> tuple[bool, tuple[Any, ...]]:
    """Whether a value is several tensors, in a tuple, and they."""
    many = isinstance(value, tuple)
    tensors = value if many else (value,)
    for i, tensor in enumerate(tensors):
        if not isinstance(tensor, Tensor):
            which = f"value at index {i}" if many else f"given {what}"
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the {which} has type "
                f"{type(tensor)}."
            )
    return many, tensors


class _Flat:
    """The user's function as one from a list of tensors to a list of tensors. ``inputs`` are those to differentiate by:
    on the tape of the caller where the result shall be differentiable, else apart."""

    def __init__(self, name: str, func: Callable[..., Any], inputs: Tensors, create_graph: bool) -> None:
        self.name, self.function = name, func
        self.many_in, tensors = _tuple(name, "inputs", inputs)
        self.inputs = tuple([apart(x, create_graph) for x in tensors])
        self.many_out = False
        self.recorded: list[bool] = []

    def __call__(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        self.many_out, outputs = _tuple(self.name, "outputs of the user-provided function",
                                        self.function(*inputs))
        self.recorded = [output.requires_grad for output in outputs]
        return outputs


def _vectors(name: str, v: Tensors | None, like: tuple[Any, ...], many: bool) -> tuple[Any, ...]:
    """The vector of a product, of the shapes of ``like``; it may be left out where that is a single number."""
    if v is None:
        if len(like) != 1 or like[0]._data.size != 1:
            of = "user-provided function returns" if name == "vjp" else "input to the user-provided function is"
            raise RuntimeError(f"[{name}] The vector v can only be None if the {of} a single Tensor with a single "
                               "element; pass v")
        return (_one(like[0]),)
    return _check_vectors(name, v, like, many)


def _check_vectors(name: str, v: Any, like: tuple[Any, ...], many: bool) -> tuple[Any, ...]:
    """The vectors, held against the tensors that they belong to, ``many`` in a tuple; none, if there is none."""
    vectors = () if v is None else _tuple(name, "v", v)[1]
    if v is None:
        return vectors
    if len(vectors) != len(like):
        why = (f"v is a tuple of invalid length: should be {len(like)} but got {len(vectors)}." if many else
               f"The given v should contain a single Tensor.; got {len(vectors)}")
        raise RuntimeError(f"[{name}] {why}")
    for i, (vector, x) in enumerate(zip(vectors, like, strict=True)):
        if vector._data.shape != x._data.shape:
            entry = f"Entry {i} in " if many else ""
            raise RuntimeError(f"[{name}] {entry}v has invalid size: should be {x.shape} but got {vector.shape}.")
    return vectors


def _construct_standard_basis_for(tensors: Sequence[Tensor], tensor_numels: Sequence[int]) -> tuple[Tensor, ...]:
    """The unit vectors of the space of all elements of some tensors, cut into the columns of each: matrices of
    ``sum(tensor_numels)`` rows, of the tensors' dtypes."""
    total, begin, parts = sum(tensor_numels), 0, []
    for tensor, count in zip(tensors, tensor_numels, strict=True):
        columns = np.eye(total, count, k=-begin, dtype=tensor.dtype.numpy)
        parts.append(make(columns, None))
        begin += count
    return tuple(parts)


def _one(like: Tensor) -> Tensor:
    """A cotangent, or tangent, of 1."""
    return P.fill(off_tape(like), value=1)


def _result(many: bool, tensors: Sequence[Tensor], create_graph: bool) -> Any:
    results = tuple([tensor if create_graph else tensor.detach() for tensor in tensors])
    return results if many else results[0]


def vjp(func: Callable[..., Any], inputs: Tensors, v: Tensors | None = None, create_graph: bool = False,
        strict: bool = False) -> Any:
    """``(func(*inputs), v^T J)``: the product of a vector, of the shape of the output, with the Jacobian.

    >>> x, v = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 10.0])
    >>> torch.autograd.functional.vjp(lambda x: x**2, x, v)
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    with enable_grad():
        flat = _Flat("vjp", func, inputs, create_graph)
        outputs = flat(flat.inputs)
        vectors = _vectors("vjp", v, outputs, flat.many_out)
        found = pull(outputs, flat.inputs, vectors, create_graph, "vjp" if strict else None)
    return _result(flat.many_out, outputs, create_graph), _result(flat.many_in, found, create_graph)


def jvp(func: Callable[..., Any], inputs: Tensors, v: Tensors | None = None, create_graph: bool = False,
        strict: bool = False) -> Any:
    """``(func(*inputs), J v)``: the product of the Jacobian with a vector of the shape of the inputs.

    >>> x, v = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 10.0])
    >>> torch.autograd.functional.jvp(lambda x: x**2, x, v)
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    with enable_grad():
        flat = _Flat("jvp", func, inputs, create_graph)
        tangents = _vectors("jvp", v, flat.inputs, flat.many_in)
        outputs, moved = push(flat, flat.inputs, tangents)
        for i, tangent in enumerate(moved if strict else ()):
            if tangent is None and flat.recorded[i]:
                raise RuntimeError("[jvp] The output of the user-provided function is independent of input 0. This is "
                                   "not allowed in strict mode.")
            if tangent is None:
                raise RuntimeError(f"[jvp] Output {i} of the user-provided function does not require gradients. The "
                                   "outputs must be computed in a differentiable manner from the input when running in "
                                   "strict mode.")
            if create_graph and not tangent.requires_grad:
                derivatives.check_bends("jvp", 0)
        found = list(map(moving, outputs, moved))
    return _result(flat.many_out, outputs, create_graph), _result(flat.many_out, found, create_graph)


def jacobian(func: Callable[..., Any], inputs: Tensors, create_graph: bool = False, strict: bool = False,
             vectorize: bool = False, strategy: str = "reverse-mode") -> Any:
    """The Jacobian, of shape ``(*output.shape, *input.shape)``: nested tuples ``[output][input]`` of several.
    With ``vectorize`` many rows are computed at once, else one by one; with ``strategy="forward-mode"``, which needs
    ``vectorize``, columns, forward.

    >>> torch.autograd.functional.jacobian(lambda x: x**2, torch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('[jacobian] Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If '
                             'your function has more outputs than inputs, "forward-mode" tends to be more performant. '
                             f'Otherwise, prefer to use "reverse-mode"; got {strategy!r}')
    if strict and (vectorize or strategy == "forward-mode"):
        raise RuntimeError("[jacobian] torch.autograd.functional.jacobian: `strict=True` and `vectorize=True` are not "
                           "supported together, nor with strategy=\"forward-mode\"; set one of them")
    if strategy == "forward-mode" and (create_graph or not vectorize):
        raise NotImplementedError("[jacobian] `create_graph=True` and `strategy=\"forward-mode\"` are not supported "
                                  "together: Computing Jacobian using forward-AD or forward-over-reverse Hessian is "
                                  "only implemented for `vectorize=True`, and create_graph=False; use "
                                  "torch.func.jacfwd, which nests")
    with enable_grad():
        flat = _Flat("jacobian", func, inputs, create_graph)
        if strategy == "forward-mode":
            blocks = derivatives.forward_jacobian(flat, [x.detach() for x in flat.inputs])
        else:
            blocks = [derivatives.jacobian(output, flat.inputs, create_graph, "jacobian" if strict else None,
                                           None if vectorize else 1) for output in flat(flat.inputs)]
    rows = tuple([_result(flat.many_in, block, create_graph) for block in blocks])
    return rows if flat.many_out else rows[0]


def _scalar(name: str, output: object) -> Any:
    _tuple(name, "outputs of the user-provided function", output)
    if not isinstance(output, Tensor):
        raise RuntimeError(f"The function given to {name} should return a single Tensor; got a "
                           f"{type(output).__name__}")
    if output._data.size != 1:
        raise RuntimeError(
            f"The Tensor returned by the function given to {name} should contain a single element; got shape "
            f"{list(output._data.shape)}"
        )
    return P.reshape(output, shape=())


def hessian(func: Callable[..., Any], inputs: Tensors, create_graph: bool = False, strict: bool = False,
            vectorize: bool = False, outer_jacobian_strategy: str = "reverse-mode") -> Any:
    """The Hessian of a function with a single number as its value: the Jacobian of its gradient.

    >>> torch.autograd.functional.hessian(lambda x: (x**3).sum(), torch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    many_in, _ = _tuple("hessian", "inputs", inputs)
    gradient = _gradient_of(func, many_in, "hessian", strict)
    return jacobian(gradient, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)


def _gradient_of(func: Callable[..., Any], many: bool, name: str, strict: bool) -> Callable[..., Any]:
    def gradient(*xs: Tensor) -> Any:
        with enable_grad():
            inputs = [apart(x, True) for x in xs]
            output = _scalar(name, func(*inputs))
            found = pull([output], inputs, [_one(output)], True, name if strict else None)
        return tuple(found) if many else found[0]

    return gradient


def vhp(func: Callable[..., Any], inputs: Tensors, v: Tensors | None = None, create_graph: bool = False,
        strict: bool = False) -> Any:
    """``(func(*inputs), v^T H)``: the product of a vector with the Hessian of a function that gives one number.

    >>> x, v = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0])
    >>> torch.autograd.functional.vhp(lambda x: (x**3).sum(), x, v)
    (tensor(9.), tensor([6., 0.]))
    """
    return _product("vhp", func, inputs, v, create_graph, strict)


def _product(name: str, func: Callable[..., Any], inputs: Tensors, v: Tensors | None, create_graph: bool, strict: bool
             ) -> Any:
    many_in, tensors = _tuple(name, "inputs", inputs)
    v_given = _vectors(name, v, tensors, many_in)
    _, product = vjp(_gradient_of(func, many_in, name, strict), inputs,
                     v_given if many_in else v_given[0], create_graph, False)
    return _value(func, tensors, create_graph), product


def hvp(func: Callable[..., Any], inputs: Tensors, v: Tensors | None = None, create_graph: bool = False,
        strict: bool = False) -> Any:
    """``(func(*inputs), H v)``. The Hessian is symmetric, so this is `vhp`, which is cheaper than a product J v.

    >>> x, v = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0])
    >>> torch.autograd.functional.hvp(lambda x: (x**3).sum(), x, v)
    (tensor(9.), tensor([6., 0.]))
    """
    return _product("hvp", func, inputs, v, create_graph, strict)


def _value(func: Callable[..., Any], tensors: tuple[Any, ...], create_graph: bool) -> Any:
    with enable_grad():
        output = func(*[apart(x, create_graph) for x in tensors])
    return output if create_graph else output.detach()
