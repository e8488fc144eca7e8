"""The registry, walked: every rule of every primitive held against numbers on the primitive's own samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.core.batching import each
from wengert.core.dtypes import from_numpy
from wengert.core.primitive import P, Primitive, elementwise
from wengert.core.spec import Spec
from wengert.tensors.tensor import Tensor, wrap

EPS = 1e-6


def _default_samples(primitive: Primitive) -> Any:
    from wengert.core.samples import reals

    return reals(*[(0.3, 0.9)] * primitive.arity) if primitive.arity > 1 else reals(0.3, 0.9)


def samples_of(primitive: Primitive) -> list[Any]:
    if primitive.samples is not None:
        return list(primitive.samples())
    if primitive.kind == "elementwise" and primitive.promotion != "where":
        return list(_default_samples(primitive)())
    return []


ALL = list(P)
DIFFERENTIABLE = [(p, i) for p in ALL if p.vjp is not None for i in range(len(samples_of(p)))]


def _id(case: Any) -> str:
    return f"{case[0].name}-{case[1]}"


def floating(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def evaluate(primitive: Primitive, operands: Any, params: Any) -> list[np.ndarray]:
    """The floating results of a primitive, as a list."""
    with np.errstate(all="ignore"):
        out = primitive.run(*operands, **params)
    parts = out if primitive.multiple else (out,)
    return [np.asarray(part) for part in parts if np.asarray(part).dtype.kind in "fc"]


def inner(a: Any, b: Any) -> float:
    return float(np.real(np.sum(np.conj(np.asarray(a)) * np.asarray(b))))


def differences(primitive: Primitive, operands: Any, params: Any, direction: Any) -> list[np.ndarray]:
    """Central differences of the results in a direction of the operands."""
    def moved(step: float) -> Any:
        return [np.asarray(x + step * d) if floating(x) else x for x, d in zip(operands, direction, strict=True)]

    ahead, behind = evaluate(primitive, moved(EPS), params), evaluate(primitive, moved(-EPS), params)
    return [(a - b) / (2 * EPS) for a, b in zip(ahead, behind, strict=True)]


def directions(operands: Any, seed: int) -> list[Any]:
    random = np.random.RandomState(seed)
    return [random.standard_normal(x.shape) if floating(x) else None for x in operands]


@pytest.mark.filterwarnings("error::numpy.exceptions.ComplexWarning")
@pytest.mark.parametrize("primitive", [p for p in ALL if p.kind == "elementwise"], ids=lambda p: p.name)
def test_complex_numbers_are_computed_or_refused_and_never_lose_their_imaginary_parts(primitive: Primitive) -> None:
    for operands, params in samples_of(primitive):
        given = [torch.tensor(x + 0.5j) if floating(x) else x for x in operands]
        if any(isinstance(x, Tensor) for x in given):
            try:
                primitive(*given, **params)
            except (TypeError, NotImplementedError) as error:
                assert "omplex" in str(error)


@pytest.mark.parametrize("primitive", ALL, ids=lambda p: p.name)
def test_says_which_rules_it_lacks_and_why(primitive: Primitive) -> None:
    for rule in ("vjp", "jvp", "batch"):
        if getattr(primitive, rule) is None:
            assert primitive.missing.get(rule), f"{primitive.name} has no {rule} and gives no reason"
    if primitive.batch is each:
        assert primitive.missing.get("loop"), f"{primitive.name} goes through examples one by one and gives no reason"
    with_samples = primitive.samples is not None or primitive.kind == "elementwise"
    assert with_samples or primitive.missing.get("samples"), f"{primitive.name} has no samples"


def test_a_derivative_is_said_once() -> None:
    with pytest.raises(ValueError, match=r"\[twice\] one of derivative, selects and vjp was expected; got several"):
        elementwise("twice", "positive", derivative=1, selects=lambda x, out: x > 0)
    assert "twice" not in P


@pytest.mark.parametrize("case", DIFFERENTIABLE, ids=_id)
def test_vjp_and_jvp_against_central_differences(case: Any) -> None:
    primitive, number = case
    operands, params = samples_of(primitive)[number]
    direction = directions(operands, 1)
    slopes = differences(primitive, operands, params, direction)
    tensors = [wrap(x.copy()).requires_grad_() if floating(x) else wrap(x) if isinstance(x, np.ndarray) else x
               for x in operands]
    out = primitive(*tensors, **params)
    outs = [t for t in (out if primitive.multiple else (out,)) if t._data.dtype.kind in "fc"]
    random = np.random.RandomState(2)
    cts = [random.standard_normal(t._data.shape) + (1j * random.standard_normal(t._data.shape)
                                                    if t._data.dtype.kind == "c" else 0) for t in outs]
    wanted = sum(inner(ct, slope) for ct, slope in zip(cts, slopes, strict=True))
    leaves = [t for t in tensors if isinstance(t, Tensor) and t.requires_grad]
    grads = torch.autograd.grad(outs, leaves, [wrap(np.asarray(ct)) for ct in cts], allow_unused=True)
    moved = [d for d in direction if d is not None]
    got = sum(inner(g._data, d) for g, d in zip(grads, moved, strict=True) if g is not None)
    scale = 1 + max((float(np.abs(s).max()) for s in slopes if s.size), default=0.0) * (1 + sum(s.size for s in slopes))
    assert got == pytest.approx(wanted, abs=1e-5 * scale, rel=1e-5)
    for grad, leaf in zip(grads, leaves, strict=True):
        if grad is not None:
            assert grad.shape == leaf.shape and grad.dtype == leaf.dtype
    if primitive.jvp is not None and not primitive.multiple:
        tangent = primitive.jvp([d if d is None else np.asarray(d) for d in direction], operands,
                                primitive.run(*operands, **params), params)
        assert np.allclose(0 if tangent is None else tangent, slopes[0], atol=1e-5 * scale, rtol=1e-5)


@pytest.mark.parametrize("case", DIFFERENTIABLE, ids=_id)
def test_second_order_against_central_differences(case: Any) -> None:
    primitive, number = case
    if primitive.missing.get("second order"):
        pytest.skip(primitive.missing["second order"])
    operands, params = samples_of(primitive)[number]
    random = np.random.RandomState(3)

    def first(values: Any) -> tuple[list[Tensor], list[Tensor | None]]:
        leaves = [wrap(x.copy()).requires_grad_() if floating(x) else wrap(x) if isinstance(x, np.ndarray) else x
                  for x in values]
        out = primitive(*leaves, **params)
        outs = [t for t in (out if primitive.multiple else (out,)) if t._data.dtype.kind in "fc"]
        random.seed(4)
        cts = [wrap(np.asarray(random.standard_normal(t._data.shape), dtype=t._data.dtype)) for t in outs]
        leaves = [t for t in leaves if isinstance(t, Tensor) and t.requires_grad]
        return leaves, list(torch.autograd.grad(outs, leaves, cts, create_graph=True, allow_unused=True))

    leaves, grads = first(operands)
    random.seed(5)
    weights = [None if g is None else random.standard_normal(g._data.shape) for g in grads]
    terms = [P.sum(g * wrap(np.asarray(w)), dim=tuple(range(len(g.shape)))) for g, w in zip(grads, weights, strict=True)
             if g is not None and g.requires_grad]
    direction = directions(operands, 6)

    def weighted(step: float) -> float:
        pairs = zip(operands, direction, strict=True)
        _, moved = first([np.asarray(x + step * d) if d is not None else x for x, d in pairs])
        return sum(inner(w, g._data) for g, w in zip(moved, weights, strict=True) if g is not None)

    wanted = (weighted(EPS) - weighted(-EPS)) / (2 * EPS)
    got = 0.0
    if terms:
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        seconds = torch.autograd.grad(total, leaves, allow_unused=True)
        got = sum(inner(s._data, d) for s, d in zip(seconds, [d for d in direction if d is not None], strict=True)
                  if s is not None)
    scale = 1 + abs(wanted) + sum(float(np.abs(g._data).sum()) for g in grads if g is not None)
    assert got == pytest.approx(wanted, abs=2e-5 * scale, rel=2e-5)


@pytest.mark.parametrize("primitive", [p for p in ALL if samples_of(p)], ids=lambda p: p.name)
def test_spec_agrees_with_evaluation(primitive: Primitive) -> None:
    for operands, params in samples_of(primitive):
        with np.errstate(all="ignore"):
            out = primitive.run(*operands, **params)
        # Index operands keep their values: what they select decides the shape.
        specs = [Spec(x.shape, from_numpy(x.dtype)) if floating(x) or primitive.kind == "elementwise" and isinstance(
            x, np.ndarray) else x for x in operands]
        spec = primitive.spec(*specs, **params)
        parts, expectations = (out, spec) if primitive.multiple else ((out,), (spec,))
        for part, expected in zip(parts, expectations, strict=True):
            assert tuple(expected.shape) == np.shape(part)
            assert expected.dtype.numpy == np.asarray(part).dtype


@pytest.mark.parametrize("primitive", [p for p in ALL if p.kind == "view" and samples_of(p)], ids=lambda p: p.name)
def test_views_share_memory(primitive: Primitive) -> None:
    for operands, params in samples_of(primitive):
        x = np.ascontiguousarray(operands[0])
        if x.size:
            assert np.shares_memory(primitive.run(x, **params), x)
