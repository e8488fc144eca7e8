"""What a compiled function gives is what eager gives, also where results share memory, or only some have a gradient."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import wengert as torch
from wengert.core.errors import TraceError

WRAPS = {"capture": torch.capture, "compile": lambda f: torch.compile(f, fullgraph=True)}


def world(wrap: Callable[[Any], Any], function: Callable[..., Any]) -> list[Any]:
    """What is left when the last result has been written to, and whether results want gradients and are leaves."""
    state = {"w": torch.arange(6.0), "p": torch.arange(6.0).requires_grad_()}
    f = wrap(lambda x: function(x, **state))
    for _ in range(3):
        x = torch.arange(6.0)
        results = f(x)
        results = results if isinstance(results, tuple) else (results,)
        with torch.no_grad():
            results[-1].fill_(9.0)
        found = [(t.tolist(), t.requires_grad, t.is_leaf) for t in (*results, x, *state.values())]
        with torch.no_grad():
            for tensor in state.values():
                tensor.copy_(torch.arange(6.0))
    return found


SHARING: dict[str, Callable[..., Any]] = {
    "a part of another result": lambda x, w, p: ((y := x * 2), y[:3]),
    "the whole after its part": lambda x, w, p: ((y := x * 2)[1:4], y),
    "two parts of what is not returned": lambda x, w, p: ((y := x * 2)[:4], y.view(2, 3)[1]),
    "a detached one": lambda x, w, p: ((y := x * p), y.detach()),
    "a part of one with a history": lambda x, w, p: ((y := x * p), y.view(3, 2)[1:]),
    "two shapes of one": lambda x, w, p: ((y := x * 2).view(2, 3), y.view(3, 2).t()),
    "the same twice": lambda x, w, p: ((y := x * 2), y),
    "a part of an argument": lambda x, w, p: x[1:4],
    "an argument in another shape, which is written": lambda x, w, p: x.mul_(2).view(2, 3)[1],
    "a part of a state": lambda x, w, p: (x * 2, w[2:]),
    "a part of a parameter": lambda x, w, p: p[2:4],
    "a detached part of a parameter": lambda x, w, p: p[2:4].detach(),
    "a parameter detached": lambda x, w, p: (x * p, p.detach()),
    "a parameter's data": lambda x, w, p: p.data,
}


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("name", SHARING)
def test_results_that_share_memory_do(name: str, wrap: str) -> None:
    assert world(WRAPS[wrap], SHARING[name]) == world(lambda f: f, SHARING[name])


@pytest.mark.parametrize("wrap", WRAPS)
def test_gradients_go_through_results_that_are_views(wrap: str) -> None:
    def f(x: Any) -> Any:
        y = x * p
        return y, y[1:], p[2:], p.detach()[:2]

    found = []
    for run in (f, WRAPS[wrap](f)):
        p = torch.arange(1.0, 5.0).requires_grad_()
        y, part, own, apart = run(torch.full((4,), 2.0))
        (y.sum() + (part * 3).sum() + (own ** 2).sum() + apart.sum()).backward()
        found.append(p.grad.tolist())
    assert found[0] == found[1] == [2.0, 8.0, 14.0, 16.0]


@pytest.mark.parametrize("wrap", WRAPS)
def test_a_result_that_is_not_differentiated_takes_no_part(wrap: str) -> None:
    """Its cotangent is none, and not zeros, which an infinite derivative would make NaN."""

    def f(x: Any) -> Any:
        shared = x * 2
        return shared.sum(), (shared - 3).log(), shared.sqrt().sum()

    run = WRAPS[wrap](f)
    for chosen in ((0,), (2,), (0, 2)):
        grads = []
        for each in (f, run):
            x = torch.tensor([0.25, 1.0], requires_grad=True)
            results = each(x)
            sum([results[i] for i in chosen]).backward()
            grads.append(x.grad.tolist())
        assert grads[0] == pytest.approx(grads[1], rel=1e-6)
    x = torch.tensor([0.0, 1.0], requires_grad=True)
    total, _, roots = run(x)
    (first,) = torch.autograd.grad(total, x, create_graph=True)
    assert first.tolist() == [2.0, 2.0]


@pytest.mark.parametrize("wrap", WRAPS)
def test_cotangents_that_meet_where_one_is_missing(wrap: str) -> None:
    def f(x: Any) -> Any:
        a, b = x * 2, x * 3
        joined = torch.cat([a, b])
        return (a * b).sum(), joined, torch.stack([a, joined[:2]])

    run = WRAPS[wrap](f)
    for chosen in ((0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)):
        grads = []
        for each in (f, run):
            x = torch.tensor([1.0, 2.0], requires_grad=True)
            results = each(x)
            sum([(results[i] * (i + 1)).sum() for i in chosen]).backward()
            grads.append(x.grad.tolist())
        assert grads[0] == grads[1], chosen


@pytest.mark.parametrize("wrap", WRAPS)
def test_a_part_by_an_index_that_is_a_tensor_is_right_or_refused(wrap: str) -> None:
    """In eager mode x[i] is a view for such an index; in a recording, where its value is not known, a copy."""
    lost: list[Callable[..., Any]] = [
        lambda x, i: x[i].add_(1.0).sum(),
        lambda x, i: x[i][0].add_(1.0).sum(),
        lambda x, i: ((y := x * 2)[i].add_(1.0), y.sum())[1],
        lambda x, i: ((y := x * 2), y[i].mul_(2.0), y)[0],
        lambda x, i: ((r := x[i]), x.add_(1.0), r * 2)[2],
    ]
    for function in lost:
        with pytest.raises(TraceError, match=r"write x\[i\] = "):
            WRAPS[wrap](function)(torch.zeros(3, 2), torch.tensor(1))

    def kept(x: Any, w: Any, i: Any) -> Any:
        x[i] += 1.0
        x[i, i] *= 2.0
        y = x * w
        y[i] += w.sum()
        row = y[i].clone().mul_(3.0)
        y[i] = row + y[i]
        return y, x[i] * 2

    found = []
    for run in (kept, WRAPS[wrap](kept)):
        x, w = torch.ones(3, 3), torch.arange(3.0).requires_grad_()
        for number in (1, 0, 2):
            y, row = run(x, w, torch.tensor(number))
            y.sum().backward()
        found.append((y.tolist(), row.tolist(), x.tolist(), w.grad.tolist()))
    assert found[0] == found[1]
    index = torch.tensor([1])
    gathered = WRAPS[wrap](lambda x: x[index].add_(1.0))  # that is a copy in eager mode too
    assert gathered(torch.zeros(3)).tolist() == [1.0]


def test_views_among_the_results_follow_sizes() -> None:
    f = torch.compile(lambda x: ((y := x * 2), y[:y.shape[0] - 1], x[1:x.shape[0]]), dynamic=True, fullgraph=True)
    for n in (4, 6, 9, 5, 12, 30):
        x = torch.arange(float(n))
        whole, part, own = f(x)
        part.zero_()
        own.fill_(7.0)
        assert whole.tolist() == [0.0] * (n - 1) + [2.0 * (n - 1)] and x.tolist() == [0.0] + [7.0] * (n - 1)
    assert sum([family.made for family in f.sizes._families]) == 3


def test_leaves_that_a_function_makes_are_leaves() -> None:
    """With the gradients that they have; also through parts without a history."""

    def f(x: Any) -> Any:
        a, b = x.detach().clone().requires_grad_(), torch.ones(3, requires_grad=True)
        c = (x * 2).detach().requires_grad_()
        (a * b * x).sum().backward(inputs=[a, b])
        return a, {"b": b}, c, a.detach(), a

    compiled = torch.compile(f, fullgraph=True)
    for _ in range(4):
        x = torch.arange(3.0)
        for (a, more, c, part, again), wanted in ((compiled(x), f(x)),):
            assert again is a and part.data_ptr() == a.data_ptr() and not part.requires_grad
            for came, other in zip((a, more["b"], c), (wanted[0], wanted[1]["b"], wanted[2]), strict=True):
                assert came.is_leaf and came.requires_grad and came.tolist() == other.tolist()
                assert (came.grad is None) is (other.grad is None)
                assert came.grad is None or came.grad.tolist() == other.grad.tolist()
            (a * c).sum().backward()
            assert a.grad.tolist() == (wanted[0].grad + c.detach()).tolist() and c.grad.tolist() == a.tolist()
    assert len(compiled.programs) == 1


BEGINNING: dict[str, Any] = {
    "one": lambda x, w: ((a := x.detach().clone().requires_grad_()), (a * w).sum()),
    "two": lambda x, w: ((a := x.detach().clone().requires_grad_()), (b := torch.ones(3, requires_grad=True)),
                         (a * b * w).sum(), (b * b).sum()),
    "after a backward inside": lambda x, w: (
        (a := x.detach().clone().requires_grad_()), (a**2).sum().backward(), (a * w).sum())[::2],
    "beside an argument": lambda x, w: ((a := x.detach().clone().requires_grad_()), (a * x * w).sum(), x * w),
    "in a view": lambda x, w: ((a := x.detach().clone().requires_grad_()), (a * w)[1:]),
}


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("name", BEGINNING)
def test_histories_may_begin_at_other_results(name: str, wrap: str) -> None:
    """At leaves that the function has made: a backward outside reaches these."""
    def world(wrap: Callable[[Any], Any]) -> list[Any]:
        f, found = wrap(lambda x: BEGINNING[name](x, w)), []
        for number in range(4):
            w.grad, x = None, torch.arange(3.0) + number
            results = f(x.requires_grad_(name == "beside an argument"))
            ends = [y for y in results if not y.is_leaf]
            sum([y.sum() for y in ends]).backward()  # type: ignore[union-attr]
            found.append([(y.tolist(), y.is_leaf, y.is_leaf and y.grad.tolist()) for y in results])
            found.append([w.grad.tolist(), x.grad is not None and x.grad.tolist()])
        return found

    w = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    assert world(WRAPS[wrap]) == world(lambda f: f)


def test_a_result_that_retains_its_gradient_does() -> None:
    def f(x: Any) -> Any:
        y, z = x * 2, x.sin()
        y.retain_grad()
        return y, z.sum()

    compiled = torch.compile(f, fullgraph=True)
    for _ in range(3):
        found = []
        for function in (f, compiled):
            x = torch.arange(3.0, requires_grad=True)
            y, loss = function(x)
            (loss + (y * 3).sum()).backward()
            found.append((y.grad, x.grad))
        for expected, came in zip(*found, strict=True):
            torch.testing.assert_close(came, expected)


def test_a_result_of_which_others_are_computed_retains_none() -> None:
    def f(x: Any) -> Any:
        y = x * 2
        y.retain_grad()
        return y, y.sin().sum()

    with pytest.raises(TraceError, match="on which no other depends"):
        torch.compile(f, fullgraph=True)(torch.ones(3, requires_grad=True))


def test_a_gradient_with_regard_to_another_result_is_refused() -> None:
    def f(x: Any) -> Any:
        y = x * 2
        return y, y.sin().sum()

    y, loss = torch.compile(f, fullgraph=True)(torch.ones(3, requires_grad=True))
    with pytest.raises(RuntimeError, match="not have been used"):
        torch.autograd.grad(loss, y)


@pytest.mark.parametrize("what", ["argument", "buffer", "constant argument"])
def test_what_the_way_back_reads_may_not_be_written_before_it(what: str) -> None:
    """As in eager mode; what it does not read may be."""
    buffer, w = torch.arange(3.0), torch.ones(3, requires_grad=True)
    f = torch.compile(lambda x, y: (w * x * buffer + y).sum(), fullgraph=True)
    for _ in range(4):
        x, y = torch.ones(3), torch.ones(3)
        loss = f(x, y)
        {"argument": x, "buffer": buffer, "constant argument": y}[what].add_(1)
        if what == "constant argument":
            loss.backward()
            assert w.grad is not None and w.grad.tolist() == buffer.tolist()
            w.grad = None
        else:
            with pytest.raises(RuntimeError, match="has been modified|overwritten|in-?place"):
                loss.backward()


@pytest.mark.parametrize("wrap", [torch.capture, torch.compile])
def test_a_view_that_the_way_back_reads_is_as_it_was_or_an_error(wrap: Any) -> None:
    f = wrap(lambda x, w: (x.reshape(2, 3).t() @ w).sum())
    for _ in range(3):
        x, w = torch.arange(6.0), torch.ones(2, 2, requires_grad=True)
        loss = f(x, w)
        x.fill_(100.0)
        try:
            loss.backward()
        except RuntimeError as error:
            assert "modified" in str(error) or "in-place" in str(error)
        else:
            assert w.grad is not None and w.grad.tolist() == [[3.0, 3.0], [12.0, 12.0]]


def test_a_result_may_be_written_where_the_way_back_does_not_read_it() -> None:
    f = torch.compile(lambda x: (x.exp(), x.sin(), x * 3), fullgraph=True)
    for _ in range(4):
        x = torch.arange(3.0, requires_grad=True)
        a, b, c = f(x)
        with torch.no_grad():
            b.mul_(2)
        c.mul_(2)
        (a.sum() + b.sum() + c.sum()).backward()
        torch.testing.assert_close(x.grad, (x.exp() + x.cos() + 6).detach())


def test_hooks_on_saved_tensors_see_what_eager_mode_saves() -> None:
    """Calls within them run as they are, and others compiled."""
    packed: list[Any] = []

    def pack(tensor: Any) -> Any:
        packed.append(tensor)
        return tensor * 2

    f = torch.compile(lambda x: (x.sin() * x).sum(), fullgraph=True)
    x = torch.arange(3.0, requires_grad=True)
    for number in range(6):
        x.grad = None
        packed.clear()
        if number % 2:
            with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t / 2):
                loss = f(x)
        else:
            loss = f(x)
        loss.backward()
        torch.testing.assert_close(x.grad, (x.sin() + x * x.cos()).detach())
        assert len(packed) == 3 * (number % 2)
    assert len(f.programs) == 1


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_compiled_function_in_a_checkpoint(reentrant: bool) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Dropout(0.5), torch.nn.Linear(3, 1))

    def run(function: Any) -> list[Any]:
        torch.manual_seed(0)
        found = []
        for _ in range(3):
            model.zero_grad()
            x = torch.randn(2, 3, requires_grad=True)
            loss = torch.utils.checkpoint.checkpoint(function, x, use_reentrant=reentrant).sum()
            loss.backward()
            found += [loss.detach(), x.grad, model[0].weight.grad.clone()]
        return found

    for expected, came in zip(run(model), run(torch.compile(model)), strict=True):
        torch.testing.assert_close(came, expected)


LAYOUTS: dict[str, Callable[..., Any]] = {
    "transposed": lambda x: (x * 2).mT,
    "permuted": lambda x: (x * 2).permute(2, 0, 3, 1),
    "sliced": lambda x: (x * 2)[:, ::2, 1:],
    "one of each": lambda x: (x * 2)[..., 1],
    "expanded": lambda x: (x * 2).sum(1, keepdim=True).expand(2, 3, 4, 5),
    "windows": lambda x: (x * 2).unfold(2, 2, 1),
    "a diagonal": lambda x: (x * 2).diagonal(0, 2, 3),
    "of what lies otherwise": lambda x: (x.transpose(1, 3) * 2).relu(),
    "a part of what lies otherwise": lambda x: (x.transpose(1, 3) * 2)[:, 1:],
    "transposed and copied": lambda x: (x * 2).mT.contiguous(),
    "channels last": lambda x: (x * 2).to(memory_format=torch.channels_last),
    "a convolution of channels last": lambda x: torch.conv2d(x.to(memory_format=torch.channels_last),
                                                             torch.ones(2, 3, 2, 2)),
    "chunks": lambda x: tuple((x * 2).chunk(2, 2)),
    "a view and what it is of": lambda x: ((y := x.mT * 2), y[:, 1:], y.mT),
    "unbound": lambda x: (x * 2).unbind(3),
    "a product's": lambda x: torch.einsum("abcd,bd->acb", x, x[0, :, 0]),
    "sorted": lambda x: tuple((x * 2).sort(1)),
    "in a dict": lambda x: {"a": (x * 2).mT, "b": [x.sum(), (x + 1).mT]},
}


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("name", LAYOUTS)
def test_results_lie_as_those_of_eager_mode_do(name: str, wrap: str) -> None:
    """Strides, values, whose views they are, whether writes are counted; with a history, without one, inferred."""
    def world(wrap: Callable[[Any], Any]) -> list[Any]:
        f, found = wrap(LAYOUTS[name]), []
        for seed in range(5):
            torch.manual_seed(seed)
            for mode in (torch.enable_grad, torch.no_grad, torch.inference_mode):
                x = torch.randn(2, 3, 4, 5).requires_grad_(mode is torch.enable_grad)
                with mode():
                    results = f(x)
                for y in torch.utils._pytree.tree_leaves(results):
                    found.append((y.stride(), y.is_inference(), y.requires_grad, y.tolist()))
                    if y.requires_grad and y.dim():
                        y[..., :1].square().sum().backward(retain_graph=True)
                found.append(None if x.grad is None else (x.grad.stride(), x.grad.tolist()))
        return found

    for came, wanted in zip(world(WRAPS[wrap]), world(lambda f: f), strict=True):
        if wanted is None:
            assert came is None
        else:
            assert came[:-1] == wanted[:-1]
            torch.testing.assert_close(torch.tensor(came[-1]), torch.tensor(wanted[-1]))


@pytest.mark.parametrize("wrap", WRAPS)
def test_gradients_that_a_step_sets_lie_as_those_of_eager_mode_do(wrap: str) -> None:
    """In the place of none, and of ones that are there."""
    def world(wrap: Callable[[Any], Any]) -> list[Any]:
        torch.manual_seed(0)
        weights = [torch.randn(4, 3).t(), torch.randn(2, 3, 2, 2).to(memory_format=torch.channels_last),
                   torch.randn(3, 2)[:, :1]]
        for weight in weights:
            weight.requires_grad_()

        def step(x: Any) -> Any:
            for weight in weights:
                weight.grad = None
            a, b, c = weights
            y = torch.conv2d(x, b).sum((2, 3))
            ((x.sum((0, 2, 3)) @ a).square().sum() + y.square().sum() + (c * c).sum()).backward()

        step, found = wrap(step), []
        for _ in range(4):
            step(torch.randn(2, 3, 4, 5))
            found.append([(w.grad.stride(), w.grad.numpy().round(2).tolist()) for w in weights])
        return found

    came, wanted = world(WRAPS[wrap]), world(lambda f: f)
    assert [[s for s, _ in each] for each in came] == [[s for s, _ in each] for each in wanted]
    for one, other in zip(came, wanted, strict=True):
        for (_, x), (_, y) in zip(one, other, strict=True):
            torch.testing.assert_close(torch.tensor(x), torch.tensor(y), rtol=1e-3, atol=0.02)


@pytest.mark.parametrize("function", [
    lambda x, more: x.permute(0, 3, 1, 2).flatten(2) + more,
    lambda x, more: more + x.permute(0, 3, 1, 2).flatten(2),
    lambda x, more: torch.where(more > 0.5, (x * 2).permute(0, 3, 1, 2).flatten(2), more),
    lambda x, more: (x * 2).permute(0, 3, 1, 2).flatten(2) > more,
    lambda x, more: torch.lerp(x.permute(0, 3, 1, 2).flatten(2), more, 0.3),
    lambda x, more: torch.autograd.grad((x.permute(0, 3, 1, 2).exp() * x.permute(0, 3, 1, 2)).sum(), x)[0],
    lambda x, more: torch.autograd.grad(x.movedim(0, -1).exp().mean(), x)[0],
])
@pytest.mark.parametrize("times", [1, 40])
def test_results_of_operands_that_lie_differently_lie_as_those_of_eager_mode_do(function: Any, times: int) -> None:
    x, more = torch.rand(2, 3, 5 * times, 7).requires_grad_(), torch.rand(2, 7, 15 * times)
    assert torch.compile(function, fullgraph=True)(x, more).stride() == function(x, more).stride()


@pytest.mark.parametrize("wrap", [torch.compile, torch.capture, partial(torch.compile, dynamic=True)])
@pytest.mark.parametrize("function", [
    lambda x, y: (x.permute(0, 3, 1, 2).exp() * y).sum((1, 2)), lambda x, y: x.transpose(1, 2).flatten(2) * y.sum(),
    lambda x, y: torch.nn.functional.conv2d(x, y[:, :3]), lambda x, y: x.mT.expand(2, 2, 3, 7, 5) * y.mean(),
    lambda x, y: (x.permute(0, 3, 1, 2).clone(), y.mT * 2)])
def test_gradients_outside_lie_as_those_of_eager_mode_do(function: Any, wrap: Any) -> None:
    """And where a second derivative is taken through them, it is the same."""
    found, compiled = [], wrap(function)
    for f in (function, compiled, compiled, compiled):
        x = torch.arange(210.0).reshape(2, 3, 5, 7).div(210).requires_grad_()
        y = torch.arange(210.0).reshape(2, 7, 3, 5).div(210).requires_grad_()
        out = f(x, y)
        total = sum([part.square().sum() for part in out]) if isinstance(out, tuple) else out.square().sum()
        first = torch.autograd.grad(total, [x, y], create_graph=True)
        second = torch.autograd.grad(sum([g.square().sum() for g in first]), [x, y], retain_graph=True)
        found.append(([g.stride() for g in first], [g.sum().item() for g in (*first, *second)]))
    for strides, totals in found[1:]:
        assert strides == found[0][0] and totals == pytest.approx(found[0][1], rel=1e-4)
