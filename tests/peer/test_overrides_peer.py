"""``__torch_function__`` against PyTorch's: who is told what by which call, and of which class results are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import wengert

LIBS = (wengert, torch)


def logging_class(T: Any) -> Any:
    class Logging(T.Tensor):
        calls: list[Any] = []

        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            cls.calls.append((func.__name__, [kind.__name__ for kind in types], [type(x).__name__ for x in args]))
            return super().__torch_function__(func, types, args, kwargs or {})

    return Logging


def numbers(T: Any) -> Any:
    return T.from_numpy(np.arange(1.0, 5.0).reshape(2, 2))


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda T, x: x + 1, "radd": lambda T, x: 1 + x, "sub": lambda T, x: x - x, "mul": lambda T, x: x * 2,
    "div": lambda T, x: x / 2, "matmul": lambda T, x: x @ x, "plain first": lambda T, x: numbers(T) @ x,
    "neg": lambda T, x: -x, "pow": lambda T, x: x**2, "eq": lambda T, x: x == x, "lt": lambda T, x: x < 2,
    "getitem": lambda T, x: x[0], "sum": lambda T, x: x.sum(), "torch.sum": lambda T, x: T.sum(x),
    "mean": lambda T, x: x.mean(0), "max": lambda T, x: x.max(0), "cat": lambda T, x: T.cat([x, numbers(T)]),
    "stack": lambda T, x: T.stack([x, x]), "where": lambda T, x: T.where(x > 2, x, 0.0), "exp": lambda T, x: T.exp(x),
    "shape": lambda T, x: x.shape, "dtype": lambda T, x: x.dtype, "T": lambda T, x: x.T, "size": lambda T, x: x.size(),
    "view": lambda T, x: x.view(4), "reshape": lambda T, x: x.reshape(-1), "item": lambda T, x: x[0, 0].item(),
    "tolist": lambda T, x: x.tolist(), "len": lambda T, x: len(x), "detach": lambda T, x: x.detach(),
    "clone": lambda T, x: x.clone(), "to": lambda T, x: x.to("cpu"), "add_": lambda T, x: x.add_(1),
    "iadd": lambda T, x: x.__iadd__(1), "zero_": lambda T, x: x.zero_(), "split": lambda T, x: x.split(1),
    "relu": lambda T, x: T.nn.functional.relu(x), "mse": lambda T, x: T.nn.functional.mse_loss(x, x),
    "einsum": lambda T, x: T.einsum("ij,jk->ik", x, x), "zeros_like": lambda T, x: T.zeros_like(x),
    "requires_grad": lambda T, x: x.requires_grad, "numpy": lambda T, x: x.numpy().tolist(),
}


def described(result: Any) -> Any:
    if isinstance(result, (list, tuple)) and not isinstance(result, (torch.Size, wengert.Size)):
        return [described(part) for part in result]
    if hasattr(result, "requires_grad"):
        return type(result).__name__, result.tolist()
    return str(result)


@pytest.mark.parametrize("name", CALLS)
def test_calls_are_told_and_results_are_of_the_class(name: str) -> None:
    ends = []
    for T in LIBS:
        kind = logging_class(T)
        x = numbers(T).as_subclass(kind)
        kind.calls.clear()
        result = CALLS[name](T, x)
        told = [call for call in kind.calls]
        ends.append((told, described(result)))
    assert ends[0] == ends[1]


def of_subclasses(T: Any) -> list[Any]:
    class Base(T.Tensor):
        pass

    class Derived(Base):
        pass

    class Apart(T.Tensor):
        pass

    base, derived, apart = Base([1.0, 2.0]), Derived([3.0, 4.0]), Apart([5.0, 6.0])
    results = (base + derived, derived + base, 1 - base, T.stack([base, base]), T.nn.Linear(2, 2)(base),
               base.max(0)[0], base.as_subclass(T.Tensor))
    for call in (lambda: base + apart, lambda: T.add(base, apart), lambda: T.cat([base, apart])):
        with pytest.raises(TypeError):
            call()
    base.requires_grad_()
    (base * base).sum().backward()
    return [*(type(x).__name__ for x in results), repr(derived), type(base.grad).__name__, base.grad.tolist(),
            T.overrides.has_torch_function((base,)), T.overrides.is_tensor_like(base)]


def test_a_subclass_without_a_rule_of_its_own() -> None:
    assert of_subclasses(wengert) == of_subclasses(torch)


def test_what_a_mode_sees() -> None:
    ends = []
    for T in LIBS:
        class Recording(T.overrides.TorchFunctionMode):
            def __init__(self) -> None:
                self.names: list[str] = []

            def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                self.names.append(func.__name__)
                return func(*args, **(kwargs or {}))

        with Recording() as mode:
            a = T.ones(2, requires_grad=True)
            b = a * 2
            b.sum().backward()
            _ = a.shape, a[0], -a, a.size(), a.view(2), T.rand(2), T.nn.functional.mse_loss(a, b)
        with Recording() as outer, Recording() as inner:
            T.zeros(1)
        ends.append((mode.names, outer.names, inner.names))
    assert ends[0] == ends[1]


def test_objects_of_no_tensor_class() -> None:
    ends = []
    for T in LIBS:
        class Foreign:
            @classmethod
            def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                return func.__name__, [kind.__name__ for kind in types], [type(x).__name__ for x in args]

        foreign, x = Foreign(), T.ones(2)
        ends.append([T.mean(foreign), T.add(x, foreign), x + foreign, T.cat([x, foreign]), x.mul(foreign),
                     T.matmul(foreign, x), T.where(x > 0, foreign, x), T.sum(foreign, 0), T.stack((foreign, x))])
    assert ends[0] == ends[1]


def test_names() -> None:
    ends = []
    for T in LIBS:
        resolve = T.overrides.resolve_name
        ends.append([resolve(T.add), resolve(T.nn.functional.relu), resolve(T.Tensor.backward), resolve(T.cat)])
        assert T.add in T.overrides.get_overridable_functions()[T]
    assert ends[0] == ends[1]


def test_the_two_libraries_do_not_answer_for_each_other() -> None:
    with pytest.raises(TypeError):
        torch.nn.functional.relu(wengert.ones(2))
    with pytest.raises(TypeError):
        torch.add(wengert.ones(2), torch.ones(2))
