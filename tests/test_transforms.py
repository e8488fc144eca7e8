"""The registry, walked inside transformations: forward derivatives, batches and nests of them, against numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import wengert as torch
from tests.test_primitives import DIFFERENTIABLE, differences, directions, floating, inner, samples_of
from wengert.autograd.derivatives import moving, pull, push
from wengert.autograd.rows import rowwise, rule_for_rows
from wengert.core.primitive import P, Primitive
from wengert.tensors.tape import Node
from wengert.tensors.tensor import Tensor, wrap

ALL = [(p, i) for p in P for i in range(len(samples_of(p)))]
COUNT = 3


def _id(case: Any) -> str:
    return f"{case[0].name}-{case[1]}"


def parts_of(out: Any) -> list[Any]:
    return list(out) if isinstance(out, tuple) else [out]


def function_of(primitive: Primitive, operands: Any, params: Any) -> Any:
    """The primitive as a function from a list of its floating operands to a list of its floating results."""

    def run(given: Any) -> list[Tensor]:
        rest = iter(given)
        filled = [next(rest) if floating(x) else wrap(x) if isinstance(x, np.ndarray) else x for x in operands]
        return [part for part in parts_of(primitive(*filled, **params)) if part._data.dtype.kind in "fc"]

    return run


def cotangents(outs: list[Tensor], seed: int) -> list[Tensor]:
    random = np.random.RandomState(seed)
    return [wrap(np.asarray(random.standard_normal(t._data.shape) + (
        1j * random.standard_normal(t._data.shape) if t._data.dtype.kind == "c" else 0))) for t in outs]


@pytest.mark.parametrize("case", DIFFERENTIABLE, ids=_id)
def test_forward_derivative(case: Any) -> None:
    """J v against central differences, and ⟨J v, u⟩ against ⟨v, J' u⟩."""
    primitive, number = case
    operands, params = samples_of(primitive)[number]
    direction = directions(operands, 1)
    slopes = differences(primitive, operands, params, direction)
    run = function_of(primitive, operands, params)
    values, moved = [x for x in operands if floating(x)], [wrap(np.asarray(d)) for d in direction if d is not None]
    outs, tangents = push(run, [wrap(x) for x in values], moved)
    tangents = [moving(*pair) for pair in zip(outs, tangents, strict=True)]
    for out, tangent, slope in zip(outs, tangents, slopes, strict=True):
        assert tangent.shape == out.shape and tangent.dtype == out.dtype
        scale = 1 + (float(np.abs(slope).max()) if slope.size else 0)
        assert np.allclose(tangent._data, slope, atol=1e-5 * scale, rtol=1e-5)
    leaves = [wrap(x.copy()).requires_grad_() for x in values]
    cts = cotangents(outs, 2)
    back = pull(run(leaves), leaves, cts)
    forth = sum(inner(u._data, t._data) for u, t in zip(cts, tangents, strict=True))
    assert sum(inner(g._data, d._data) for g, d in zip(back, moved, strict=True)) == pytest.approx(
        forth, rel=1e-9, abs=1e-8 * (1 + abs(forth)))


@pytest.mark.parametrize("case", DIFFERENTIABLE, ids=_id)
def test_forward_over_reverse_is_reverse_over_reverse(case: Any) -> None:
    primitive, number = case
    if primitive.missing.get("second order"):
        pytest.skip(primitive.missing["second order"])
    operands, params = samples_of(primitive)[number]
    run = function_of(primitive, operands, params)
    values = [wrap(x) for x in operands if floating(x)]
    direction = [wrap(np.asarray(d)) for d in directions(operands, 3) if d is not None]
    cts = cotangents(run(values), 4)

    def gradient(xs: Any) -> list[Tensor]:
        leaves = [x.detach().requires_grad_() if not x.requires_grad and not hasattr(x._data, "level") else
                  P.reshape(x, shape=x._data.shape) for x in xs]
        leaves = [x if x.requires_grad else x.requires_grad_() for x in leaves]
        return pull(run(leaves), leaves, cts, create_graph=any(x.requires_grad for x in xs))

    grads, tangents = push(gradient, values, direction)
    forth = [moving(*pair)._data for pair in zip(grads, tangents, strict=True)]
    leaves = [x.detach().requires_grad_() for x in values]
    firsts = pull(run(leaves), leaves, cts)
    weights = [P.zeros_like(g.detach()).requires_grad_() for g in firsts]
    seconds = pull(firsts, leaves, weights)
    back = pull(seconds, weights, direction)
    for ours, theirs in zip(forth, back, strict=True):
        scale = 1 + (float(np.abs(theirs._data).max()) if theirs._data.size else 0)
        assert np.allclose(ours, theirs._data, rtol=1e-8, atol=1e-8 * scale)


def varied(x: np.ndarray, count: int) -> np.ndarray:
    """``count`` examples of an operand, all of them valid as it is."""
    if x.dtype.kind in "fc":
        return np.stack([x * (1 + 0.03 * i) for i in range(count)])
    return np.stack([x if i % 2 == 0 or not x.ndim else np.flip(x, -1) for i in range(count)])


def choices(operands: Any) -> Iterator[tuple[bool, ...]]:
    """Which operands differ from example to example: each alone, and all of them."""
    arrays = [isinstance(x, np.ndarray) for x in operands]
    for place, is_array in enumerate(arrays):
        if is_array:
            yield tuple(i == place for i in range(len(operands)))
    if sum(arrays) > 1:
        yield tuple(arrays)


def agree(ours: Any, theirs: Any) -> None:
    assert len(ours) == len(theirs)
    for mine, its in zip(ours, theirs, strict=True):
        assert tuple(mine.shape) == its.shape and mine._data.dtype == its.dtype
        scale = 1 + (float(np.nanmax(np.abs(its))) if its.size and its.dtype.kind in "fc" else 0)
        assert np.allclose(mine._data, its, rtol=1e-9, atol=1e-9 * scale, equal_nan=True)


def looped(primitive: Primitive, operands: Any, chosen: Any, params: Any, count: int) -> list[np.ndarray]:
    rows = []
    with np.errstate(all="ignore"):
        for i in range(count):
            example = [x[i] if c else x for x, c in zip(operands, chosen, strict=True)]
            rows.append([np.asarray(part) for part in parts_of(primitive.run(*example, **params))])
    return [np.stack(column) for column in zip(*rows, strict=True)]


def by_value(primitive: Primitive, operands: Any, chosen: Any, params: Any) -> bool:
    """Whether the shape of the result depends on values that differ from example to example."""
    masks = any(c and x.dtype == bool for x, c in zip(operands, chosen, strict=True))
    return (primitive.name == "bincount" and not params) or (
        primitive.name in ("index", "index_adjoint", "index_put", "masked_select") and masks)


@pytest.mark.parametrize("case", ALL, ids=_id)
def test_batch_against_a_loop(case: Any) -> None:
    primitive, number = case
    operands, params = samples_of(primitive)[number]
    for chosen in choices(operands):
        wide = [varied(x, COUNT) if c else x for x, c in zip(operands, chosen, strict=True)]
        given = [wrap(x) if isinstance(x, np.ndarray) else x for x in wide]

        def run(*tensors: Any) -> Any:
            return primitive(*tensors, **params)

        mapped = torch.vmap(run, in_dims=tuple(0 if c else None for c in chosen))
        if by_value(primitive, operands, chosen, params):
            with pytest.raises(RuntimeError, match="depends on the values"):
                mapped(*given)
            continue
        agree(parts_of(mapped(*given)), looped(primitive, wide, chosen, params, COUNT))


def narrowed(x: Any) -> Any:
    """An operand in single precision."""
    return x.astype({"f": np.float32, "c": np.complex64}.get(x.dtype.kind, x.dtype)) if isinstance(x, np.ndarray) else x


@pytest.mark.parametrize("case", ALL, ids=_id)
def test_a_level_keeps_single_precision(case: Any) -> None:
    """Rules run on arrays there, where nothing but numpy says in which dtype numbers meet."""
    primitive, number = case
    operands, params = samples_of(primitive)[number]
    operands = [narrowed(x) for x in operands]
    given = [wrap(x) if isinstance(x, np.ndarray) else x for x in operands]

    def run(*tensors: Any) -> Any:
        return primitive(*tensors, **params)

    plain = [part.dtype for part in parts_of(run(*given))]
    *_, chosen = choices(operands)
    if not by_value(primitive, operands, chosen, params):
        wide = [wrap(np.stack([x, x])) if c else g for x, g, c in zip(operands, given, chosen, strict=True)]
        batch = torch.vmap(run, in_dims=tuple(0 if c else None for c in chosen))(*wide)
        assert [part.dtype for part in parts_of(batch)] == plain
    if not primitive.records or primitive.jvp is None and primitive.vjp is None:
        return
    moving_ones = [g if floating(x) else None for x, g in zip(operands, given, strict=True)]
    outs, tangents = push(lambda xs: parts_of(run(*xs)), given, moving_ones)
    for out, tangent, dtype in zip(outs, tangents, plain, strict=True):
        assert out.dtype == dtype and (tangent is None or (tangent.dtype == dtype and tangent.shape == out.shape))


@pytest.mark.parametrize("case", ALL, ids=_id)
def test_batch_of_batches_along_any_dimension(case: Any) -> None:
    """Twice, the outer examples along the last dimension of what the inner ones are taken from."""
    primitive, number = case
    operands, params = samples_of(primitive)[number]
    *_, chosen = choices(operands)
    if by_value(primitive, operands, chosen, params):
        return
    wide = [np.stack([varied(x, COUNT) * (1 + 0.01 * j) if floating(x) else varied(x, COUNT) for j in range(2)], -1)
            if c else x for x, c in zip(operands, chosen, strict=True)]
    given = [wrap(x) if isinstance(x, np.ndarray) else x for x in wide]

    def run(*tensors: Any) -> Any:
        return primitive(*tensors, **params)

    dims = tuple(0 if c else None for c in chosen)
    twice = torch.vmap(torch.vmap(run, dims), tuple(-1 if c else None for c in chosen))
    rows = [looped(primitive, [x[..., j] if c else x for x, c in zip(wide, chosen, strict=True)], chosen, params, COUNT)
            for j in range(2)]
    agree(parts_of(twice(*given)), [np.stack(column) for column in zip(*rows, strict=True)])


@pytest.mark.parametrize("case", DIFFERENTIABLE, ids=_id)
def test_a_rule_for_rows_is_a_loop(case: Any) -> None:
    """What says that it takes cotangents with a dimension more gives, for each, what it gives for it alone."""
    primitive, number = case
    operands, params = samples_of(primitive)[number]
    floats = [i for i, x in enumerate(operands) if floating(x)]
    for wanted in [*[[i] for i in floats], floats]:
        given = [wrap(x).requires_grad_(i in wanted) if isinstance(x, np.ndarray) else x
                 for i, x in enumerate(operands)]
        out = primitive(*given, **params)
        node = out._edge if isinstance(out, Tensor) else None
        rule = None if node is None or type(node) is not Node else rule_for_rows(node)
        if rule is None:
            continue
        cts = [cotangents([out], 5 + i)[0]._data for i in range(COUNT)]
        rows = rule(np.stack(cts), rowwise(node, node.saved), params, node.edges)
        for place in wanted:
            theirs = np.stack([np.asarray(node.pull(ct, None)[place]) for ct in cts])
            assert np.allclose(rows[place], theirs, rtol=1e-12, atol=1e-12, equal_nan=True)


def test_layers_of_a_network_have_rules_for_rows() -> None:
    found = {primitive.name for primitive, _ in DIFFERENTIABLE if primitive.kind == "elementwise" or primitive.rows}
    assert {"linear", "matmul", "tanh", "relu", "add", "mul"} <= found


def mlp_of(x: Tensor) -> Tensor:
    return torch.tanh(x @ WEIGHT + x.sin()) * x


WEIGHT = torch.tensor(np.random.RandomState(0).standard_normal((4, 4)))
POINT = torch.tensor(np.random.RandomState(1).standard_normal(4))


def by_loop(f: Any, x: Tensor) -> np.ndarray:
    leaf = x.detach().requires_grad_()
    out = f(leaf)
    return np.stack([torch.autograd.grad(out[i], leaf, retain_graph=True)[0].numpy() for i in range(len(out))])


@pytest.mark.parametrize("f", [
    mlp_of, lambda x: x, lambda x: x + x, lambda x: WEIGHT @ x, lambda x: x.unsqueeze(0).expand(4, 4).diagonal() * x,
    lambda x: torch.where(x > 0, x, x * 2), lambda x: x.relu().cumsum(0), lambda x: (WEIGHT.T @ x).softmax(0),
    lambda x: x.clone().mul_(2).sin_(), lambda x: WEIGHT @ torch.stack([x, x * x], 1) @ torch.ones(2).double(),
], ids=range(10))
def test_a_jacobian_by_rows_is_a_loop(f: Any) -> None:
    for chunk in (None, 3, 1):
        assert np.allclose(torch.func.jacrev(f, chunk_size=chunk)(POINT).numpy(), by_loop(f, POINT), atol=1e-12)


def test_a_jacobian_by_rows_meets_hooks_writes_and_several_inputs() -> None:
    leaf = POINT.clone().requires_grad_()
    calls = []

    def hooked(x: Tensor) -> Tensor:
        y = x * 2
        y.register_hook(lambda grad: calls.append(grad.shape) or grad * 3)
        return y.tanh()

    wanted = np.diag(6 / np.cosh(2 * POINT.numpy()) ** 2)
    assert np.allclose(torch.func.jacrev(hooked)(POINT).numpy(), wanted) and calls == [(4,)]

    def written(x: Tensor) -> Tensor:
        y = x.exp()
        out = y * 1
        y.mul_(2)
        return out

    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.func.jacrev(written)(POINT)
    a, b = torch.func.jacrev(torch.add, argnums=(0, 1))(POINT, POINT)
    a.zero_()
    assert np.array_equal(b.numpy(), np.eye(4))
    used, unused = torch.func.jacrev(lambda x, y: mlp_of(x), argnums=(0, 1))(POINT, POINT)
    assert unused.shape == (4, 4) and not unused.any() and np.allclose(used.numpy(), by_loop(mlp_of, POINT))
    outer = torch.func.jacrev(mlp_of)(leaf)
    assert outer.requires_grad
    second = torch.autograd.grad(outer.sum(), leaf)[0]
    assert np.allclose(second.numpy(), torch.func.jacfwd(torch.func.jacrev(mlp_of))(POINT).sum((0, 1)).numpy())
