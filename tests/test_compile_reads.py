"""What a compiled function's code reads besides tensors, by any way: a change is noticed, or reading it is refused.

Each case gets a way to compile and gives what it observed while things changed; compiled it must observe the same.
"""

from __future__ import annotations

import array
import collections
import contextvars
import copy
import dataclasses
import datetime
import dis
import functools
import inspect
import itertools
import json
import math
import operator
import sys
import threading
import types
import warnings
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import wengert as torch
import wengert.nn.functional as F
from wengert import nn
from wengert.core.errors import TraceError
from wengert.tracing import exploration

Case = Callable[[Any], list[Any]]
CASES: list[Case] = []
X = torch.ones(2)


def case(function: Case) -> Case:
    CASES.append(function)
    return function


def seen(function: Any, *changes: Callable[[], Any]) -> list[Any]:
    """What a function gives, before and after each change."""
    found = [function(X)]
    for change in changes:
        change()
        found.append(function(X))
    return found


def setter(thing: Any, name: str, value: Any) -> Callable[[], None]:
    return lambda: setattr(thing, name, value)


def putter(thing: Any, key: Any, value: Any) -> Callable[[], None]:
    return lambda: thing.__setitem__(key, value)


@case
def a_dict_of_numbers_that_an_attribute_holds(compile: Any) -> list[Any]:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.settings = {"scale": 1.0}

        def scaled(self, x: Any) -> Any:
            return x * self.settings["scale"]

        def forward(self, x: Any) -> Any:
            return self.scaled(x)

    net = Net()
    return seen(compile(net), putter(net.settings, "scale", 5.0), setter(net, "settings", {"scale": 7.0}))


@case
def an_array_that_an_attribute_holds(compile: Any) -> list[Any]:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = np.array([1.0, 2.0], np.float32)

        def scaled(self, x: Any) -> Any:
            return x * torch.from_numpy(self.scale)

        def forward(self, x: Any) -> Any:
            return self.scaled(x)

    net = Net()
    return seen(compile(net), putter(net.scale, 0, 5.0), setter(net, "scale", np.array([3.0, 4.0], np.float32)))


@case
def a_plain_tensor_of_a_module_that_is_bound_anew(compile: Any) -> list[Any]:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mask = torch.ones(2)

        def forward(self, x: Any) -> Any:
            return x * self.mask

    net = Net()
    return seen(compile(net), setter(net, "mask", torch.tensor([0.0, 1.0])))


@case
def objects_in_dicts_in_objects(compile: Any) -> list[Any]:
    thing = types.SimpleNamespace(part=types.SimpleNamespace(table={"k": [1.0, {"z": 2.0}]}))

    def inner(x: Any) -> Any:
        found = thing.part.table["k"]
        return x * found[1]["z"] + found[0]

    table: Any = thing.part.table["k"]
    return seen(compile(lambda x: inner(x)), putter(table[1], "z", 9.0), putter(table, 0, 3.0))


@case
def an_object_among_the_arguments(compile: Any) -> list[Any]:
    class Box:
        def __init__(self) -> None:
            self.scale, self.table = 1.0, {"a": 1.0}

    f, first, second = compile(lambda x, box: x * box.scale * box.table["a"]), Box(), Box()
    found = [f(X, first), f(X, second)]
    for box, key in ((first, "a"), (second, "a")):
        box.table[key] = 3.0
        found += [f(X, first), f(X, second)]
    return found


@case
def names_that_are_computed(compile: Any) -> list[Any]:
    class Settings:
        scale = 1.5

    thing = types.SimpleNamespace(a=1.0)
    found = seen(compile(lambda x: x * getattr(Settings, "sca" + "le")), setter(Settings, "scale", 9.0))
    return [*found, *seen(compile(lambda x: x * vars(thing)["a"]), setter(thing, "a", 4.0))]


@case
def globals_by_their_names(compile: Any) -> list[Any]:
    variables = {"__name__": __name__, "k": 1.0}
    exec("def f(x): return x * globals()['k']", variables)
    return seen(compile(variables["f"]), putter(variables, "k", 3.0))


@case
def getters(compile: Any) -> list[Any]:
    thing, table = types.SimpleNamespace(a=1.0), {"a": 1.0}
    attribute, item = operator.attrgetter("a"), operator.itemgetter("a")
    return seen(compile(lambda x: x * attribute(thing) + item(table)), setter(thing, "a", 2.0), putter(table, "a", 5.0))


@case
def slots(compile: Any) -> list[Any]:
    class Slotted:
        __slots__ = ("scale",)

    thing = Slotted()
    thing.scale = 2.0
    return seen(compile(lambda x: x * thing.scale), setter(thing, "scale", 3.0))


@case
def attributes_that_hide_others(compile: Any) -> list[Any]:
    class Above:
        scale = 1.0

    class Below(Above):
        pass

    thing = Below()
    return seen(compile(lambda x: x * thing.scale), setter(Above, "scale", 2.0), setter(Below, "scale", 3.0),
                setter(thing, "scale", 4.0))


@case
def attributes_by_getattr(compile: Any) -> list[Any]:
    class Open:
        def __init__(self) -> None:
            self.__dict__["table"] = {"k": 1.0}

        def __getattr__(self, name: str) -> Any:
            return self.__dict__["table"][name]  # of a name that is not there: no AttributeError

    thing = Open()
    return seen(compile(lambda x: x * thing.k), putter(thing.table, "k", 3.0))


@case
def attributes_of_functions_and_of_classes_of_classes(compile: Any) -> list[Any]:
    class Kind(type):
        scale = 1.0

    class Thing(metaclass=Kind):
        pass

    def scaled(x: Any) -> Any:
        return x * scaled.scale  # type: ignore[attr-defined]

    scaled.scale = 1.0  # type: ignore[attr-defined]
    return [*seen(compile(scaled), setter(scaled, "scale", 3.0)),
            *seen(compile(lambda x: x * Thing.scale), setter(Kind, "scale", 3.0))]


@case
def functions_and_methods_that_are_replaced(compile: Any) -> list[Any]:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Identity()

        def bent(self, x: Any) -> Any:
            return x.relu()

        def forward(self, x: Any) -> Any:
            return self.bent(self.inner(x))

    net = Net()
    return seen(compile(net), setter(Net, "bent", lambda self, x: x * 2), setter(net, "bent", lambda x: x * 3),
                setter(net.inner, "forward", lambda x: x + 1), setter(Net, "forward", lambda self, x: x * 7))


@case
def containers_that_a_class_holds(compile: Any) -> list[Any]:
    class Thing:
        weights, table = [1.0, 2.0], {"a": 1.0}  # noqa: RUF012

        def scaled(self, x: Any) -> Any:
            return x * self.weights[1] * self.table["a"]

    return seen(compile(Thing().scaled), putter(Thing.weights, 1, 5.0), putter(Thing.table, "a", 3.0))


@case
def containers_of_the_library(compile: Any) -> list[Any]:
    row: Any = collections.deque([1.0, 2.0], maxlen=2)
    table: Any = collections.UserDict(a=1.0)
    chain: Any = collections.ChainMap({}, {"a": 1.0})
    numbers, letters = array.array("d", [1.0, 2.0]), bytearray(b"ab")
    return [*seen(compile(lambda x: x * row[0]), lambda: row.append(5.0)),
            *seen(compile(lambda x: x * table["a"]), putter(table, "a", 3.0)),
            *seen(compile(lambda x: x * chain["a"]), putter(chain, "a", 3.0)),
            *seen(compile(lambda x: x * numbers[1]), putter(numbers, 1, 3.0)),
            *seen(compile(lambda x: x * letters[1]), putter(letters, 1, 3))]


@case
def long_containers(compile: Any) -> list[Any]:
    weights, table, which = [1.0] * 5000, {f"k{i}": 1.0 for i in range(500)}, "k7"
    return [*seen(compile(lambda x: x * weights[4000]), putter(weights, 4000, 4.0)),
            *seen(compile(lambda x: x * table[which]), putter(table, "k7", 4.0))]


@case
def keys_of_any_kind(compile: Any) -> list[Any]:
    thing, weight = object(), torch.ones(2)
    table: dict[Any, float] = {thing: 1.0, weight: 2.0, (1, 2): 3.0}
    return seen(compile(lambda x: x * table[thing] * table[weight] * table[1, 2]), putter(table, thing, 4.0),
                putter(table, weight, 5.0), putter(table, (1, 2), 6.0))


@case
def partials(compile: Any) -> list[Any]:
    table = {"a": 1.0}

    def scaled(x: Any, y: float) -> Any:
        return x * table["a"] * y

    partial = functools.partial(scaled, y=2.0)
    return [*seen(compile(lambda x: partial(x)), putter(table, "a", 2.0), putter(partial.keywords, "y", 5.0)),
            *seen(compile(functools.partial(scaled, y=2.0)), putter(table, "a", 3.0))]


@case
def variables_of_a_context_and_of_a_thread(compile: Any) -> list[Any]:
    variable, local = contextvars.ContextVar("variable", default=1.0), threading.local()
    local.a = 1.0
    return [*seen(compile(lambda x: x * variable.get()), lambda: variable.set(3.0)),
            *seen(compile(lambda x: x * local.a), setter(local, "a", 3.0))]


@case
def a_weak_reference(compile: Any) -> list[Any]:
    class Thing:
        scale = 1.0

    thing = Thing()
    reference: Any = weakref.ref(thing)
    return seen(compile(lambda x: x * reference().scale), setter(thing, "scale", 3.0))


@case
def a_module_that_is_imported_inside(compile: Any) -> list[Any]:
    made: Any = types.ModuleType("settings_of_a_test")
    made.scale = 1.0
    sys.modules["settings_of_a_test"] = made

    def f(x: Any) -> Any:
        import settings_of_a_test  # type: ignore[import-not-found]

        return x * settings_of_a_test.scale

    return seen(compile(f), setter(made, "scale", 2.0))


@case
def what_the_library_goes_through(compile: Any) -> list[Any]:
    table: Any = {"a": {"b": 2.0}}
    thing = types.SimpleNamespace(inner=types.SimpleNamespace(scale=1.0))
    return [*seen(compile(lambda x: x * json.loads(json.dumps(table))["a"]["b"]), putter(table["a"], "b", 3.0)),
            *seen(compile(lambda x: x * copy.deepcopy(thing).inner.scale), setter(thing.inner, "scale", 3.0))]


@case
def attributes_set_on_a_compiled_module(compile: Any) -> list[Any]:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = 1.0

        def forward(self, x: Any) -> Any:
            return x * self.scale if self.training else x

    net = compile(Net())
    found = seen(net, setter(net, "scale", 3.0), net.eval)
    found.append([net.training, net.scale])
    net.train()
    net.weight = nn.Parameter(torch.zeros(2))
    del net.scale
    return [*found, net.training, hasattr(net, "scale"), [name.split(".")[-1] for name, _ in net.named_parameters()]]


@case
def state_that_is_made_in_the_first_call(compile: Any) -> list[Any]:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mask: Any = None

        def forward(self, x: Any) -> Any:
            if self.mask is None:
                self.mask = torch.arange(2.0)
            return x * self.mask

    net = Net()
    f = compile(net)
    return [f(X), f(X), f(X), *seen(f, lambda: net.mask.add_(1)), net.mask]


@case
def an_optimiser_of_ones_own(compile: Any) -> list[Any]:
    class Own(torch.optim.Optimizer):
        def __init__(self, parameters: Any) -> None:
            super().__init__(parameters, {"lr": 0.1, "beta": 0.9})

        @torch.no_grad()
        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for p in group["params"]:
                    state = self.state[p]
                    if not state:
                        state["mean"] = torch.zeros_like(p)
                    state["mean"].mul_(group["beta"]).add_(p.grad)
                    p.add_(state["mean"], alpha=-group["lr"])

    torch.manual_seed(0)
    net = nn.Linear(2, 2)
    optimizer = Own(net.parameters())
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = net(x).square().sum()
        loss.backward()
        optimizer.step()
        return loss

    f, found = compile(step), []
    for _ in range(12):
        found.append(f(X).detach())
        schedule.step()
    return [*found, net.weight.detach(), optimizer.state[net.weight]["mean"], optimizer.param_groups[0]["lr"]]


@case
def settings_of_an_optimiser_that_the_function_reads(compile: Any) -> list[Any]:
    net = nn.Linear(2, 2)
    nn.init.ones_(net.weight)
    nn.init.ones_(net.bias)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1, betas=(0.8, 0.9))

    def step(x: Any) -> Any:
        group = optimizer.param_groups[0]
        optimizer.zero_grad()
        loss = net(x).square().sum() * group["lr"] * group["betas"][0]
        loss.backward()
        optimizer.step()
        return loss, group["lr"]

    f, found = compile(step), []
    for _ in range(12):
        loss, lr = f(X)
        found += [loss.detach(), lr]
        optimizer.param_groups[0]["lr"] *= 0.9
    optimizer.param_groups[0]["betas"] = (0.5, 0.6)
    return [*found, f(X)[0].detach(), optimizer.param_groups[0]["lr"], type(optimizer.param_groups[0]["lr"])]


@case
def floats_that_tensors_are_made_of(compile: Any) -> list[Any]:
    f = compile(lambda x, a: torch.full((2,), a) + torch.tensor(a) * torch.tensor([a, 2 * a]) + x)
    return [f(X, 2.0), f(X, 3.5), f(X, 2.0)]


@case
def bounds_that_are_nan(compile: Any) -> list[Any]:
    functions = (torch.clamp, lambda x, a: torch.clamp(x, a), lambda x, a: torch.clamp(x, max=a),
                 lambda x, a: F.hardtanh(x, -1.0, a), lambda x, a: F.threshold(x, a, 3.0),
                 lambda x, a: torch.minimum(torch.tensor(float("nan")), x * a))
    return [compile(f)(X * 2, a) for f in functions for a in (1.0, float("nan"))]


@case
def shapes_among_the_results(compile: Any) -> list[Any]:
    f = compile(lambda x: (x.shape, slice(0, x.shape[0]), x * 2), dynamic=True)
    return [plain for n in (2, 3, 4, 5, 6) for plain in (*f(torch.ones(n))[:2],)]


@case
def a_compiled_function_inside_one_that_has_run(compile: Any) -> list[Any]:
    """What was written to ask whether a call is like the last one is no code of the user's."""
    table = {"a": 2.0}
    inner = compile(lambda x: x * table["a"])
    found = [inner(X) for _ in range(4)]
    return [*found, *seen(compile(lambda x: inner(x) + 1), putter(table, "a", 3.0)), inner(X)]


@case
def hooks_on_parameters_of_a_compiled_module(compile: Any) -> list[Any]:
    """They run once, where the gradient arrives."""
    torch.manual_seed(0)
    net = nn.Linear(2, 2)
    calls: list[int] = []
    net.weight.register_hook(lambda grad: calls.append(1) or grad * 2)  # type: ignore[func-returns-value]
    net.weight.register_post_accumulate_grad_hook(lambda p: None if p.grad.mul_(3) is p else None)
    f = compile(net)
    for _ in range(3):
        net.zero_grad()
        f(X).sum().backward()
    return [net.weight.grad, net.bias.grad, len(calls)]


def plain(thing: Any) -> Any:
    if isinstance(thing, torch.Tensor):
        return thing.detach().numpy()
    return [*map(plain, thing)] if isinstance(thing, (list, tuple)) else thing


def itself(function: Any, **_: Any) -> Any:
    return function


@pytest.mark.parametrize("observe", CASES, ids=lambda observe: observe.__name__)
def test_what_has_changed_is_noticed(observe: Case) -> None:
    expected = plain(observe(itself))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # and nothing runs as it is
        found = plain(observe(lambda function, **options: torch.compile(function, **options)))
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        if isinstance(other, (np.ndarray, float)):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
        else:
            assert type(one) is type(other) and one == other


# --- what is refused --------------------------------------------------------------------------------------------------


def iterators() -> dict[str, Any]:
    def numbers() -> Any:
        yield from (1.0, 2.0, 3.0)

    return {"a list's": iter([1.0, 2.0, 3.0]), "a count": itertools.count(1), "a cycle": itertools.cycle([1.0, 2.0]),
            "a generator": numbers(), "a map": map(float, [1, 2, 3])}


@pytest.mark.parametrize("name", list(iterators()))
def test_an_iterator_that_was_begun_before_is_not_taken_from(name: str) -> None:
    def taken(wrap: Any) -> list[Any]:
        iterator = iterators()[name]
        f = wrap(lambda x: x * next(iterator))
        return plain([f(X) for _ in range(3)])

    with pytest.warns(UserWarning, match="an iterator that was begun before"):
        found = taken(torch.compile)
    np.testing.assert_array_equal(found, taken(itself))
    iterator = iterators()[name]
    f = torch.compile(lambda x: x * next(iterator), fullgraph=True)
    with pytest.raises(TraceError, match="an iterator that was begun before"):
        f(X)
    assert next(iterator) == 1.0


def test_what_comes_from_outside_the_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "number"
    path.write_text("1.0")
    for f, words in ((lambda x: x * float(path.read_text()), "open"),
                     (lambda x: x + datetime.datetime.now().year, "datetime.now"),
                     (lambda x: x * (2 if type(x) is float else 3), None)):
        compiled = torch.compile(f, fullgraph=True)
        if words is None:
            assert compiled(X).tolist() == [3.0, 3.0]
        else:
            with pytest.raises(TraceError, match=words):
                compiled(X)
    with pytest.raises(TraceError, match=r"a, a float, and may ask for its type\(\)"):
        torch.compile(lambda x, a: x * (2 if type(a) is float else 3), fullgraph=True)(X, 1.0)


def test_what_a_function_makes_at_every_call_is_told_at_the_first() -> None:
    made: dict[int, Any] = {}

    @torch.compile
    def f(x: Any) -> Any:
        made[len(made)] = x.shape
        return x * len(made)

    with pytest.warns(UserWarning, match="changes made"):
        assert f(X).tolist() == [1.0, 1.0]
    assert f(X).tolist() == [2.0, 2.0] and len(made) == 2
    assert f(X).tolist() == [3.0, 3.0] and len(made) == 3


def _table(kept: Any) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        if kept.table is None or kept.length < x.shape[0]:
            kept.length, kept.table = x.shape[0], torch.arange(float(x.shape[0]))
        return x * kept.table[:x.shape[0]]

    return f


def _chosen(kept: Any) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        if kept.mode == "":
            kept.mode = "double" if x.shape[0] > 1 else "half"
        kept.seen[x.shape[0]] = True
        return x * (2 if kept.mode == "double" else 0.5)

    return f


def _memo(kept: Any) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        if x.shape not in kept.memo:
            kept.memo[x.shape] = math.sqrt(x.numel())
            kept.order.append(x.shape)
        return x * kept.memo[x.shape]

    return f


@pytest.mark.parametrize("make", [_table, _chosen, _memo])
def test_what_a_function_settles_in_a_call_is_recorded_after_it(make: Any) -> None:
    """A cache that grows with what comes, a switch that is set once: there is nothing to warn of."""
    found = []
    for wrap in (lambda f: f, torch.compile):
        kept = SimpleNamespace(table=None, length=-1, mode="", seen={}, memo={}, order=[])
        f = wrap(make(kept))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found.append([[f(torch.ones(size)).tolist() for size in (2, 2, 3, 2, 3, 4, 4)], kept.length, kept.mode,
                          kept.seen, kept.memo, kept.order])
    assert found[0] == found[1] and len(f.programs) >= 3 and f.eager is None


@pytest.mark.parametrize("fullgraph", [False, True])
def test_a_table_that_is_made_once_can_be_used_outside_too(fullgraph: bool) -> None:
    """Python's own cache holds it, into which nobody can look."""

    @functools.lru_cache(None)
    def table(size: int) -> Any:
        return torch.arange(float(size))

    f = torch.compile(lambda x: x * table(x.shape[0]), fullgraph=fullgraph)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for size in (3, 4, 3, 4):
            assert f(torch.ones(size)).tolist() == list(range(size)) == table(size).tolist()
    table(3).add_(1)
    assert f(torch.ones(3)).tolist() == [1.0, 2.0, 3.0] and f.programs


def test_names_are_read_off_the_bytes_of_code() -> None:
    """As `dis` words them, names with numbers of two bytes among them."""
    def within(code: types.CodeType) -> Iterator[types.CodeType]:
        yield code
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                yield from within(constant)

    sources = [Path(module.__file__ or "").read_text() for module in (inspect, dataclasses, torch)]
    sources.append("def f():\n" + "".join([f"    global n{i}\n    n{i}, m{i}.a{i} = k{i}, 1\n" for i in range(200)]))
    for code in [code for source in sources for code in within(compile(source, "source", "exec"))]:
        for kinds in (exploration._OF_GLOBALS, exploration._IMPORTS, exploration._STORES):
            worded = [each.argval for each in dis.get_instructions(code) if each.opname in kinds]
            assert exploration.names_of(code, kinds) == list(dict.fromkeys(worded)), code
