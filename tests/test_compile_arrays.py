"""Arrays of numpy that a compiled function reads are inputs; what looks at their numbers guards them."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import wengert as torch
from tests.test_compile_traps import alike, itself, plain
from wengert.core.errors import TraceError

TABLE = np.arange(3.0, dtype=np.float32)
X = torch.tensor([1.0, 2.0, 3.0])


class Scaling(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale, self.weight = np.ones(3, np.float32), torch.nn.Parameter(torch.ones(3))

    def forward(self, x: Any) -> Any:
        return x * torch.from_numpy(self.scale) * self.weight


def _helped(x: Any) -> Any:
    return x + torch.as_tensor(TABLE)


def by_a_global(compile: Any, place: Any) -> Callable[[Any], Any]:
    place.array = TABLE
    return compile(lambda x: x * torch.from_numpy(TABLE))


def by_a_helper(compile: Any, place: Any) -> Callable[[Any], Any]:
    place.array = TABLE
    return compile(lambda x: _helped(x) * 2)


def by_a_closure(compile: Any, place: Any) -> Callable[[Any], Any]:
    array = place.array
    return compile(lambda x: (x * torch.tensor(array, dtype=torch.float64)).sum())


def by_an_attribute(compile: Any, place: Any) -> Callable[[Any], Any]:
    return compile(lambda x: x * torch.asarray(place.array)[1:].sum())


def by_a_layer(compile: Any, place: Any) -> Callable[[Any], Any]:
    model = Scaling()
    place.array = model.scale
    run = compile(model)

    def step(x: Any) -> Any:
        model.zero_grad()
        run(x).square().sum().backward()
        return model.weight.grad

    return step


def two_views(compile: Any, place: Any) -> Callable[[Any], Any]:
    place.part = place.array[1:]
    return compile(lambda x: x[1:] * torch.from_numpy(place.part) + torch.from_numpy(place.array)[0])


def beside_a_tensor_on_it(compile: Any, place: Any) -> Callable[[Any], Any]:
    whole = torch.from_numpy(place.array)
    return compile(lambda x: x * torch.from_numpy(place.array) + whole)


def that_is_written(compile: Any, place: Any) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        counts = torch.from_numpy(place.array)
        counts.add_(x)
        return counts * 2

    return compile(f)


def that_is_returned(compile: Any, place: Any) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        return torch.from_numpy(place.array)[1:], x * 2

    f = compile(f)

    def step(x: Any) -> Any:
        part, twice = f(x)
        part.mul_(2)
        return part, twice

    return step


INPUTS = [by_a_global, by_a_helper, by_a_closure, by_an_attribute, by_a_layer, two_views, beside_a_tensor_on_it,
          that_is_written, that_is_returned]


def observed(make: Any, compile: Any, kinds: tuple[Any, ...] = (np.float32,)) -> Any:
    found = []
    for kind in kinds:
        place = SimpleNamespace(array=np.array([1.0, -2.0, 3.0], kind))
        TABLE[:] = [0, 1, 2]
        f = make(compile, place)
        for number in range(12):
            place.array[number % 3] += number
            found += [plain(f(X * number)), plain(place.array), type(place.array) is np.ndarray]
    return found


@pytest.mark.parametrize("make", INPUTS)
def test_other_numbers_are_no_other_recording(make: Any) -> None:
    made: list[Any] = []

    def compile(f: Any) -> Any:
        made.append(torch.compile(f, fullgraph=True))
        return made[-1]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert alike(observed(make, compile), observed(make, itself))
    assert len(made[0].programs) == 1


def test_another_array_is_found_at_the_place() -> None:
    place = SimpleNamespace(array=np.ones(3, np.float32), other=None)
    place.other = place.array
    f = torch.compile(lambda x: x * torch.from_numpy(place.array), fullgraph=True)
    g = torch.compile(lambda x: x * torch.from_numpy(place.array) + torch.from_numpy(place.other), fullgraph=True)
    for number in range(4):
        place.array = np.full(3, float(number), np.float32)
        assert f(X).tolist() == [number, 2 * number, 3 * number]
        assert g(X).tolist() == [number + place.other[0], 2 * number + 1, 3 * number + 1]
    place.array = np.full(3, 2.0)  # of another dtype
    assert f(X).dtype is torch.float64 and len(f.programs) == 2 and len(g.programs) <= 2
    place.array = np.arange(3.0, dtype=np.float32)[::-1].copy()
    assert f(X).tolist() == [2.0, 2.0, 0.0] and len(f.programs) == 2


LOOKS: dict[str, Callable[[Any, Any], Any]] = {
    "a number": lambda x, a: x * float(a[0]),
    "a branch": lambda x, a: x * torch.from_numpy(a) if a.max() > 5 else x,
    "a sum of numpy's": lambda x, a: x * float(np.sum(a)),
    "arithmetic": lambda x, a: x * torch.from_numpy(a * 2 + 1),
    "a list": lambda x, a: x + torch.tensor(a.tolist()),
    "an iteration": lambda x, a: sum([x * float(n) for n in a]),
    "a copy": lambda x, a: x * torch.from_numpy(copy.copy(a)),
    "numpy's own": lambda x, a: x * torch.from_numpy(np.asarray(a)),
    "text": lambda x, a: x * len(f"{a}"),
    "a tensor's value": lambda x, a: x * torch.from_numpy(a).sum().item() if (torch.from_numpy(a) > 0).all() else x,
    "a mask": lambda x, a: x[torch.from_numpy(a) > 1.5],
    "an index": lambda x, a: x[torch.from_numpy(a.astype(np.int64)) % 3],
    "an operand": lambda x, a: torch.add(x, a) if isinstance(a, torch.Tensor) else x * torch.as_tensor(a + 0),
    "its type": lambda x, a: x if type(a) is np.ndarray else x * 2,
}


@pytest.mark.parametrize("name", LOOKS)
def test_what_looks_at_numbers_follows_them(name: str) -> None:
    found = []
    for compile in (itself, lambda f: torch.compile(f, fullgraph=True)):
        place, look = SimpleNamespace(array=np.array([1.0, 2.0, 3.0], np.float32)), LOOKS[name]

        def f(x: Any, place: Any = place, look: Any = look) -> Any:
            return look(x, place.array)

        g = compile(f)
        found.append([])
        for number in range(5):
            place.array[number % 3] += number
            found[-1] += [plain(g(X)), plain(g(X))]
        assert type(place.array) is np.ndarray
    assert alike(*found)


def test_a_failed_recording_puts_the_array_back() -> None:
    place = SimpleNamespace(array=np.ones(3, np.float32))

    def f(x: Any) -> Any:
        return int((x * torch.from_numpy(place.array)).sum())

    with pytest.raises(TraceError):
        torch.compile(f, fullgraph=True)(X)
    assert type(place.array) is np.ndarray and f(X) == 6


ARGUMENTS: dict[str, Any] = {
    "alone": lambda a: torch.from_numpy(a) * 2,
    "as a tensor": lambda a: torch.as_tensor(a) + torch.tensor(a, dtype=torch.float64),
    "in a list": lambda a: sum(map(torch.from_numpy, [a][0:1])) if len(a) else None,
    "by its shape": lambda a: torch.zeros(a.shape) + torch.from_numpy(a) * a.ndim * a.size,
    "is an array": lambda a: torch.from_numpy(a) if isinstance(a, np.ndarray) else None,
    "written to as a tensor": lambda a: torch.from_numpy(a).add_(1).sum(),
    "given back": lambda a: (torch.from_numpy(a), torch.from_numpy(a)[1:]),
}


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_arrays_among_the_arguments_are_inputs(name: str, nested: bool) -> None:
    """One recording serves all numbers; what is written shows in the array, and results share its memory."""
    function = ARGUMENTS[name]
    f = torch.compile((lambda d: function(d["a"][0])) if nested else function, fullgraph=True)
    for number in range(12):
        found = []
        for run in (function, (lambda a: f({"a": [a, "b"]})) if nested else f):
            a = np.arange(4, dtype=np.float32) + number
            results = run(a)
            results = results if isinstance(results, tuple) else (results,)
            found.append([*[x.tolist() for x in results], a.tolist()])
            if name == "given back":
                a[:] = 7
                found[-1].append([x.tolist() for x in results])
        assert found[0] == found[1]
    assert len(f.programs) == 1


def test_arrays_among_the_arguments_that_are_looked_at_are_guarded() -> None:
    uses: list[Any] = [
        lambda x, a: x * float(a.sum()), lambda x, a: x + a[0], lambda x, a: x * a.tolist()[1],
        lambda x, a: x * (a > 1).sum(),
        lambda x, a: x + torch.from_numpy(a * 2), lambda x, a: x * len(str(a)), lambda x, a: (x, type(a) is np.ndarray),
        lambda x, a: x * 2 if a.any() else x]
    for number, use in enumerate(uses):
        f = torch.compile(use, fullgraph=True)
        for scale in (0, 1, 2, 1, 0, 2):
            a, x = np.arange(3, dtype=np.float32) * scale, torch.ones(3)
            came, wanted = f(x, a), use(x, a)
            assert str(came) == str(wanted), (number, scale)
        assert len(f.programs) <= 3


def test_an_array_among_the_arguments_that_is_written_by_numpy_is_not_recorded() -> None:
    def f(a: Any) -> Any:
        a[0] += 1
        return torch.from_numpy(a) * 2

    g = torch.compile(f)
    with pytest.warns(UserWarning, match="runs eagerly from now on"):
        for _ in range(2):
            a = np.zeros(2)
            assert g(a).tolist() == [2, 0] and a.tolist() == [1, 0]


def test_arrays_among_the_arguments_of_what_is_differentiated_outside() -> None:
    w = torch.ones(3, requires_grad=True)
    f = torch.compile(lambda a, s: (w * torch.from_numpy(a)).sum() * s, fullgraph=True)
    for number in range(5):
        w.grad = None
        f(np.full(3, number, np.float32), np.float64(number)).backward()
        assert w.grad.tolist() == [number * number] * 3
    assert len(f.programs) == 1
