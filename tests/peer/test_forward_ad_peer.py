"""``torch.autograd.forward_ad`` against PyTorch's: dual tensors, modules, gradients inside, what is left afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert
import wengert.autograd.forward_ad

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
X, T = np.array([0.3, -0.7, 1.2]), np.array([1.0, 0.5, -2.0])


def pair(t: Any) -> Any:
    return t.from_numpy(X.copy()), t.from_numpy(T.copy())


def plain(t: Any) -> Any:
    fw = t.autograd.forward_ad
    x, v = pair(t)
    with fw.dual_level():
        dual = fw.make_dual(x, v)
        out = (dual.sin() * dual.sum()).cumsum(0)
        primal, tangent = fw.unpack_dual(out)
        assert fw.unpack_dual(x).tangent is None
    after = fw.unpack_dual(out)
    assert after.tangent is None
    return primal, tangent, after.primal * 2


def module(t: Any) -> Any:
    fw = t.autograd.forward_ad
    t.manual_seed(0)
    net = t.nn.Sequential(t.nn.Linear(3, 4), t.nn.Tanh(), t.nn.Linear(4, 2)).double()
    parameters = {name: p.detach() for name, p in net.named_parameters()}
    x, v = pair(t)
    with fw.dual_level():
        moving = {name: fw.make_dual(p, t.ones_like(p)) for name, p in parameters.items()}
        by_weights = fw.unpack_dual(t.func.functional_call(net, moving, (x,))).tangent
        by_input = fw.unpack_dual(net(fw.make_dual(x, v)))
    by_input.primal.sum().backward()
    return by_weights, by_input.tangent, net[0].weight.grad


def gradient_inside(t: Any) -> Any:
    fw = t.autograd.forward_ad
    x, v = pair(t)
    x.requires_grad_()
    with fw.dual_level():
        dual = fw.make_dual(x, v)
        y = (dual**3).sum() * dual.exp().sum()
        (g,) = t.autograd.grad(y, x, create_graph=True)
        return fw.unpack_dual(g)


def writes(t: Any) -> Any:
    fw = t.autograd.forward_ad
    x, v = pair(t)
    with fw.dual_level():
        dual = fw.make_dual(x, v)
        out = t.zeros_like(dual)
        out[0] = dual[1]
        out[1:].add_(dual[1:] ** 2)
        out.mul_(dual)
        return fw.unpack_dual(out)


CASES = {each.__name__: each for each in (plain, module, gradient_inside, writes)}


@pytest.mark.parametrize("name", CASES)
def test_values(name: str) -> None:
    for ours, theirs in zip(CASES[name](wengert), CASES[name](torch), strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-7)


def no_level(t: Any) -> None:
    t.autograd.forward_ad.make_dual(*pair(t))


def other_shape(t: Any) -> None:
    with t.autograd.forward_ad.dual_level():
        t.autograd.forward_ad.make_dual(pair(t)[0], t.ones(2, dtype=t.float64))


def integers(t: Any) -> None:
    with t.autograd.forward_ad.dual_level():
        t.autograd.forward_ad.make_dual(t.ones(2, dtype=t.int64), t.ones(2))


def nested(t: Any) -> None:
    with t.autograd.forward_ad.dual_level(), t.autograd.forward_ad.dual_level():
        pass


def never_entered(t: Any) -> None:
    t.autograd.forward_ad.exit_dual_level()


@pytest.mark.parametrize("call", [no_level, other_shape, integers, nested, never_entered])
def test_errors_of_the_same_class(call: Any) -> None:
    with pytest.raises(Exception) as theirs:
        call(torch)
    with pytest.raises(type(theirs.value)):
        call(wengert)
    assert wengert.autograd.forward_ad._current() is None


def test_a_tensor_that_lived_through_a_level_is_plain() -> None:
    fw = wengert.autograd.forward_ad
    x = wengert.tensor([1.0, 2.0], requires_grad=True)
    with fw.dual_level():
        out = (fw.make_dual(x, wengert.ones(2)) ** 2)
        total = out.sum()
    assert out.tolist() == [1.0, 4.0] and type(out._data) is np.ndarray
    total.backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_dual_tensors_print_as_pytorchs() -> None:
    shown = []
    for library in (torch, wengert):
        ad = library.autograd.forward_ad
        with ad.dual_level():
            dual = ad.make_dual(library.ones(2), library.tensor([2.0, 3.0]))
            shown.append([repr(dual), repr(dual * dual), repr(ad.unpack_dual(dual).primal), repr(library.ones(1))])
    assert shown[0] == shown[1]


@pytest.mark.parametrize("place", [0, 1])
def test_a_dual_tensor_is_part_of_no_other_one_at_its_level(place: int) -> None:
    for t in (torch, wengert):
        fw = t.autograd.forward_ad
        with fw.dual_level():
            parts = [t.ones(2), t.ones(2)]
            parts[place] = fw.make_dual(t.ones(2), t.ones(2))
            with pytest.raises(RuntimeError, match="a forward gradient at the same level"):
                fw.make_dual(*parts)
