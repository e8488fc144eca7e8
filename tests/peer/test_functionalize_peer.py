"""`functionalize`, `debug_unwrap` and `replace_all_batch_norm_modules_` beside PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import wengert

X = np.random.RandomState(0).standard_normal((3, 4))


def of_a_view(t: Any, x: Any) -> Any:
    y = x + 1
    y.view(-1).add_(1)
    return y


def of_parts(t: Any, x: Any) -> Any:
    y = x * 2
    y[0] = x[1] ** 2
    y[:, 1:3].mul_(y[:, :2].clone())
    y.diagonal().fill_(3)
    return y.sin_(), y.t()


def of_arguments(t: Any, x: Any) -> Any:
    x.t()[1:3].mul_(2)
    return x * x


def of_choices(t: Any, x: Any) -> Any:
    y = t.zeros_like(x)
    y.scatter_(1, t.tensor([[0, 1], [2, 3], [1, 0]]), x[:, :2])
    y.index_fill_(0, t.tensor([2]), -1.0)
    return t.where(y > 0, y, x).cumsum_(0)


@pytest.mark.parametrize("remove", ["mutations", "mutations_and_views"])
@pytest.mark.parametrize("program", [of_a_view, of_parts, of_arguments, of_choices])
def test_values_and_arguments(program: Callable[..., Any], remove: str) -> None:
    found = []
    for t in (wengert, torch):
        x = t.tensor(X)
        out = t.func.functionalize(lambda x, t=t: program(t, x), remove=remove)(x)
        found.append([*(out if isinstance(out, tuple) else (out,)), x, x._version])
    *ours, our_version = found[0]
    *theirs, their_version = found[1]
    assert (our_version > 0) is (their_version > 0)
    for a, b in zip(ours, theirs, strict=True):
        assert tuple(a.shape) == tuple(b.shape) and np.allclose(a.numpy(), b.numpy(), rtol=1e-12)


def test_derivatives_around() -> None:
    for program in (of_a_view, of_choices):
        grads = [t.func.grad(t.func.functionalize(lambda x, t=t, p=program: p(t, x).pow(2).sum()))(t.tensor(X))
                 for t in (wengert, torch)]
        assert np.allclose(grads[0].numpy(), grads[1].numpy(), rtol=1e-12)


def test_errors() -> None:
    for t in (wengert, torch):
        with pytest.raises(RuntimeError, match="received invalid argument for remove=views"):
            t.func.functionalize(lambda x: x, remove="views")(t.tensor(X))


def test_unwrapping() -> None:
    for t in (wengert, torch):
        seen: list[Any] = []

        def look(x: Any, t: Any = t, seen: list[Any] = seen) -> Any:
            seen.append((tuple(t.func.debug_unwrap(x, recurse=False).shape), tuple(t.func.debug_unwrap(x).shape)))
            return x + 1

        t.func.vmap(t.func.vmap(look))(t.zeros(5, 3, 4))
        assert seen == [((3, 4), (5, 3, 4))]
        plain = t.zeros(2)
        assert t.func.debug_unwrap(plain) is plain


def test_batch_normalisation_lets_go_of_its_statistics() -> None:
    states = []
    for t in (wengert, torch):
        net = t.nn.Sequential(t.nn.BatchNorm1d(4), t.nn.Sequential(t.nn.BatchNorm2d(2)),
                              t.nn.InstanceNorm1d(3, track_running_stats=True), t.nn.SyncBatchNorm(3))
        assert t.func.replace_all_batch_norm_modules_(net) is net
        states.append((sorted(net.state_dict()), [m.track_running_stats for m in (net[0], net[1][0], net[2], net[3])]))
        x = t.tensor(X).float()
        states[-1] = (*states[-1], np.round(net[0](x).detach().numpy(), 5).tolist())
    assert states[0] == states[1]


PATTERNS = [
    ("a b c -> c a b", {}), ("a b c -> (a b) c", {}), ("a b (c1 c2) -> a c1 b c2", {"c1": 2}), ("... c -> c ...", {}),
    ("a b c -> a 1 b c", {}), ("a ... -> ... a ()", {}), ("... -> (...)", {}), ("a b c -> (a c) b", {"a": 2}),
    ("(a1 a2) b (c1 c2) -> (c2 a1) (b a2) c1", {"a1": 1, "c2": 2}), ("a b c ... -> ... (c b a)", {}),
    ("a b c -> a (b ) 1 c 1", {}), ("a (b1 b2) c -> a b1 b2 c", {}), ("a b (c1 c2) -> a c1 b c2", {"c1": 3}),
    ("a b c -> a b", {}), ("a b -> b a", {}), ("a b c -> a b c d", {}), ("a b c", {}), ("a a b -> a b", {}),
    ("a b c -> a b c", {"d": 3}), ("a b (c -> a b c", {}), ("a b c -> a ... b c", {}), ("a b c -> a 2 b c", {}),
    ("a b ((c d)) -> a b c d", {"c": 2}), ("a b 1 -> a b", {}), ("a b c -> b -> a", {}), ("a_ b c -> b c a_", {}),
    ("1a b c -> b c 1a", {}), ("a b (c d) -> a b c d", {"c": 2.0}), ("a b c -> c b a", {"c": 5}), ("a.b c -> c", {}),
]


@pytest.mark.parametrize(("pattern", "lengths"), PATTERNS)
def test_rearrangements(pattern: str, lengths: dict[str, Any]) -> None:
    found: list[Any] = []
    for t in (wengert, torch):
        try:
            found.append(t.func.rearrange(t.arange(24.0).view(2, 3, 4), pattern, **lengths).numpy())
        except Exception as error:  # whose class is looked at
            found.append(error)
    ours, theirs = found
    if isinstance(theirs, Exception):
        assert type(ours) is type(theirs) or isinstance(ours, ValueError) and "Bind" in type(theirs).__name__
    elif pattern == "a b 1 -> a b":  # of which PyTorch takes the first place, of four
        assert isinstance(ours, ValueError)
    elif lengths == {"c": 5}:
        assert isinstance(ours, ValueError)
    else:
        assert ours.shape == theirs.shape and np.array_equal(ours, theirs)


def test_rearranged_lists_and_transformed_ones() -> None:
    found = []
    for t in (wengert, torch):
        x = t.arange(24.0).view(2, 3, 4)
        pairs = t.func.rearrange([x, x + 1], "n a b c -> a (n b) c")
        inside = t.func.vmap(lambda x, t=t: t.func.rearrange(x, "a (b c) -> (c a) b", b=2))(x)
        grads = t.func.grad(lambda x, t=t: (t.func.rearrange(x, "a b c -> c (a b)")[1] ** 2).sum())(x)
        found.append([pairs.numpy(), inside.numpy(), grads.numpy()])
    for a, b in zip(*found, strict=True):
        assert np.array_equal(a, b)
