"""`functionalize`: the numbers of the function, and no write to what it made; `debug_unwrap`; statistics let go of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert import nn
from wengert.func import (
    debug_unwrap,
    functional_call,
    functionalize,
    grad,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    per_sample_grads,
    replace_all_batch_norm_modules_,
    vmap,
)
from wengert.tensors.evaluation import Watcher

X = torch.tensor(np.random.RandomState(0).standard_normal((3, 4)))
REMOVE = ("mutations", "mutations_and_views")


class Writes(Watcher):
    """Notes what is written, and which results of views lie in the memory of their operand."""

    def __init__(self) -> None:
        self.written: list[Any] = []
        self.views: list[str] = []

    def writes(self, tensor: Any, new: Any) -> None:
        self.written.append(tensor)

    def computed(self, primitive: Any, operands: Any, params: Any, out: Any) -> None:
        if primitive.kind == "view":
            self.views.append(primitive.name)


def of_a_view(x: Any) -> Any:
    y = x + 1
    y.view(-1).add_(1)
    return y


def of_parts(x: Any) -> Any:
    y = x * 2
    y[0] = x[1] ** 2
    y[:, 1:3].mul_(y[:, :2])
    y.t()[1] += y[2, 0]
    return y.sin_()


def of_a_detached_one(x: Any) -> Any:
    y = x.exp()
    z = y.detach()
    z[1].zero_()
    return y * z


def of_masks(x: Any) -> Any:
    y = x.clone()
    y[x > 0] = 7.0
    y.masked_fill_(x < -1, 2.0).clamp_(max=5)
    return torch.cat([y, x]).index_add_(0, torch.tensor([0, 1]), x[:2])


def of_form(x: Any) -> Any:
    y = x.clone()
    y.unsqueeze_(0).transpose_(1, 2)
    y[..., 0] = 3.0
    return y.squeeze_(0)


def of_out(x: Any) -> Any:
    y = torch.zeros_like(x)
    torch.mul(x, x, out=y)
    return y, y.view(-1)[:2]


def of_values(x: Any) -> Any:
    y = x.clone()
    while y.sum().item() < 40:
        y.add_(1.5)
    return y


PROGRAMS = [of_a_view, of_parts, of_a_detached_one, of_masks, of_form, of_out, of_values]
SMOOTH = [of_a_view, of_parts, of_form]


def arrays(found: Any) -> list[np.ndarray]:
    return [np.array(x.detach().numpy()) for x in (found if isinstance(found, tuple) else (found,))]


def same(ours: Any, theirs: Any) -> None:
    for a, b in zip(arrays(ours), arrays(theirs), strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype and np.array_equal(a, b)


@pytest.mark.parametrize("remove", REMOVE)
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_same_numbers_and_no_write(program: Callable[..., Any], remove: str) -> None:
    before, free = X.clone(), functionalize(program, remove=remove)
    with Writes() as plain:
        wanted = program(X)
    with Writes() as seen:
        found = free(X)
    same(found, wanted)
    assert plain.written and not seen.written
    assert torch.equal(X, before) and X._version == 0
    parts = found if isinstance(found, tuple) else (found,)
    if remove == "mutations_and_views" and len(parts) > 1:
        assert not np.shares_memory(parts[0].numpy(), parts[1].numpy())


@pytest.mark.parametrize("remove", REMOVE)
def test_arguments_are_written_once_at_the_end(remove: str) -> None:
    def program(x: Any, *, other: Any) -> Any:
        for _ in range(3):
            x.view(-1)[::2] *= 2
        other["y"].add_(x[0])
        return x, other["y"] * 1

    ours, theirs = [(X.clone(), X[0].clone()) for _ in range(2)]
    wanted = program(theirs[0], other={"y": theirs[1]})
    with Writes() as seen:
        found = functionalize(program, remove=remove)(ours[0], other={"y": ours[1]})
    same(found, wanted)
    same(ours, theirs)
    assert [x is y for x, y in zip(seen.written, ours, strict=True)] == [True, True]
    assert [x._version for x in ours] == [1, 1]


def test_arguments_that_share_memory_and_the_same_from_outside() -> None:
    def program(x: Any, y: Any) -> Any:
        x.add_(1)
        return x + y

    for pair in (lambda x: (x, x), lambda x: (x[0], x), lambda x: (x.t(), x.t())):
        a, b = X.clone(), X.clone()
        same(functionalize(program)(*pair(a)), program(*pair(b)))
        same(a, b)
    a, b = X.clone(), X.clone()
    same(functionalize(lambda x: x.mul_(2) + a)(a), (lambda x: x.mul_(2) + b)(b))
    same(functionalize(lambda x: a.mul_(2) + x)(a), (lambda x: b.mul_(2) + x)(b))
    same(a, b)
    layer = nn.BatchNorm1d(4).double()
    functionalize(layer)(X)
    assert int(layer.num_batches_tracked) == 1  # from elsewhere: written as ever


def test_a_function_that_fails_writes_nothing() -> None:
    x = X.clone()

    def program(x: Any) -> Any:
        x.zero_()
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        functionalize(program)(x)
    assert torch.equal(x, X)
    same(functionalize(of_parts)(x), of_parts(X))
    with pytest.raises(RuntimeError, match=r"remove='mutations'"):
        functionalize(of_parts, remove="all")
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        functionalize(lambda x: x.add_(1))(X.clone().requires_grad_())


def test_random_numbers_are_those_of_the_function() -> None:
    def program(x: Any) -> Any:
        return x.clone().normal_() + torch.rand(4) + nn.functional.dropout(x)

    torch.manual_seed(3)
    wanted = program(X)
    torch.manual_seed(3)
    same(functionalize(program)(X), wanted)


AROUND: dict[str, Callable[[Any], Any]] = {
    "grad": lambda f: grad(lambda x: f(x).sum()),
    "vmap": lambda f: lambda x: vmap(lambda scale: f(x * scale))(torch.tensor([1.0, 2.0]).double()),
    "jvp": lambda f: lambda x: jvp(f, (x,), (torch.ones_like(x),)),
    "jacrev": jacrev, "jacfwd": jacfwd,
    "hessian": lambda f: hessian(lambda x: f(x)[:2].sum()),
    "compile": torch.compile, "capture": torch.capture,
    "tape": lambda f: lambda x: by_tape(f, x),
}


def by_tape(f: Callable[[Any], Any], x: Any) -> Any:
    leaf = x.clone().requires_grad_()
    f(leaf).sum().backward()
    return leaf.grad


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("program", SMOOTH)
def test_inside_and_outside_of_the_others(program: Callable[..., Any], around: str) -> None:
    wanted = AROUND[around](program)(X)
    for found in (AROUND[around](functionalize(program))(X), AROUND[around](functionalize(functionalize(program)))(X)):
        for a, b in zip(arrays(found), arrays(wanted), strict=True):
            assert np.allclose(a, b, rtol=1e-12, atol=1e-12)
    if around not in ("compile", "capture", "tape"):
        for a, b in zip(arrays(functionalize(AROUND[around](program))(X)), arrays(wanted), strict=True):
            assert np.allclose(a, b, rtol=1e-12, atol=1e-12)


def test_a_custom_function_inside() -> None:
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(x: Any) -> Any:
            return x**3

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx: Any, ct: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 3 * x**2 * ct

    def program(x: Any) -> Any:
        y = x * 1
        y[0] = 2.0
        return Cube.apply(y)

    same(functionalize(program)(X), program(X))
    same(by_tape(functionalize(program), X), by_tape(program, X))
    same(functionalize(grad(lambda x: program(x).sum()))(X), grad(lambda x: program(x).sum())(X))


def test_unwrapping_shows_what_is_held() -> None:
    shapes = []

    def look(x: Any) -> Any:
        shapes.append((x.shape, debug_unwrap(x, recurse=False).shape, debug_unwrap(x).shape))
        return x * 2

    vmap(vmap(look))(torch.zeros(5, 3, 4))
    assert shapes == [((4,), (3, 4), (5, 3, 4))]
    jvp(lambda x: shapes.append(torch.equal(debug_unwrap(x), X)) or x, (X,), (X,))
    assert shapes[1:] == [True] and debug_unwrap(X) is X
    with pytest.raises(TypeError, match="a tensor was expected; got float"):
        debug_unwrap(3.0)


def test_batch_normalisation_without_statistics_has_gradients_example_by_example() -> None:
    torch.manual_seed(0)
    instances = nn.InstanceNorm1d(2, track_running_stats=True)
    net = nn.Sequential(nn.Linear(4, 3), nn.Sequential(nn.BatchNorm1d(3)), instances)
    assert replace_all_batch_norm_modules_(net) is net
    norm, untouched = net[1][0], net[2]
    assert norm.running_mean is norm.running_var is norm.num_batches_tracked is None and not norm.track_running_stats
    assert untouched.track_running_stats and untouched.running_mean is not None
    assert replace_all_batch_norm_modules_(nn.BatchNorm2d(2)).running_mean is None
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Flatten(0), nn.Linear(15, 1)).double()
    examples = torch.tensor(np.random.RandomState(0).standard_normal((2, 5, 4)))
    with pytest.raises(RuntimeError):
        vmap(lambda x: functional_call(model, {}, (x,)))(examples)
    replace_all_batch_norm_modules_(model)
    found = vmap(lambda x: functional_call(model, {}, (x,)))(examples)
    assert torch.allclose(found, torch.stack([model(x) for x in examples]))
    assert set(per_sample_grads(nn.Linear(4, 1).double(), nn.MSELoss(), examples[0], torch.zeros(5, 1).double())) == {
        "weight", "bias"}
