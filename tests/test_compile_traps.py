"""What users of torch.compile, jax.jit, TinyJit and mx.compile stumble over, one function each, and what happens here.

A trap is a small program that gets a way to compile and returns what it observed. Those under ``@works`` observe the
same whether compiled or not, without a word. Those under ``@eager(words)`` observe the same as well, and one warning
says why the function runs as it is; with ``fullgraph=True`` that is a `TraceError`. Those under ``@says(words)``
observe the same and warn.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import gc
import io
import logging
import math
import os
import pickle
import random
import sys
import threading
import time
from collections import OrderedDict, UserDict, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

import wengert as torch
from tests.training_steps import classifying_step
from wengert.core.errors import TraceError
from wengert.nn import functional as F

Trap = Callable[[Any], Any]
WORK: dict[str, Trap] = {}
EAGER: dict[str, tuple[Trap, str]] = {}
SAY: dict[str, tuple[Trap, str]] = {}


def works(trap: Trap) -> Trap:
    WORK[trap.__name__] = trap
    return trap


def eager(words: str) -> Callable[[Trap], Trap]:
    def note(trap: Trap) -> Trap:
        EAGER[trap.__name__] = trap, words
        return trap

    return note


def says(words: str) -> Callable[[Trap], Trap]:
    def note(trap: Trap) -> Trap:
        SAY[trap.__name__] = trap, words
        return trap

    return note


def observed(trap: Trap, compile: Any) -> Any:
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    try:
        return plain(trap(compile))
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)


def plain(thing: Any) -> Any:
    """Tensors as what can be compared: dtype, shape, numbers."""
    if isinstance(thing, torch.Tensor):
        return str(thing.dtype), tuple(thing.shape), plain(thing.detach().tolist())
    if isinstance(thing, np.ndarray):
        return str(thing.dtype), thing.shape, plain(thing.tolist())
    if isinstance(thing, (list, tuple)):
        return [plain(part) for part in thing]
    if isinstance(thing, dict):
        return {key: plain(part) for key, part in thing.items()}
    return "nan" if isinstance(thing, float) and math.isnan(thing) else thing


def alike(x: Any, y: Any) -> bool:
    """Whether two observations are equal, numbers up to rounding."""
    if type(x) is float and type(y) is float:
        return math.isclose(x, y, rel_tol=1e-4, abs_tol=1e-6)
    if isinstance(x, (list, tuple)) and isinstance(y, (list, tuple)):
        return len(x) == len(y) and all(map(alike, x, y))
    if isinstance(x, dict) and isinstance(y, dict):
        return x.keys() == y.keys() and all(alike(x[key], y[key]) for key in x)
    return bool(x == y)


def itself(function: Any, **_: Any) -> Any:
    return function


def whole(function: Any, **options: Any) -> Any:
    return torch.compile(function, **{"fullgraph": True, **options})


@pytest.mark.parametrize("name", WORK)
@pytest.mark.filterwarnings("error")
def test_works(name: str) -> None:
    assert alike(observed(WORK[name], whole), observed(WORK[name], itself))


@pytest.mark.parametrize("name", EAGER)
def test_runs_eagerly_and_says_so(name: str) -> None:
    trap, words = EAGER[name]
    with pytest.warns(UserWarning, match=f"(?s)runs eagerly from now on.*({words})"):
        found = observed(trap, torch.compile)
    assert alike(found, observed(trap, itself))
    with pytest.raises(TraceError, match=words):
        observed(trap, whole)


@pytest.mark.parametrize("name", SAY)
def test_works_and_says(name: str) -> None:
    trap, words = SAY[name]
    with pytest.warns(UserWarning, match=words):
        found = observed(trap, torch.compile)
    assert alike(found, observed(trap, itself))


def test_there_are_enough() -> None:
    assert len(WORK) + len(EAGER) + len(SAY) >= 100


def model_and_data() -> tuple[Any, Any, Any]:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    return model, torch.randn(5, 3), torch.randint(0, 2, (5,))


def training(
    compile: Any, between: Callable[[int, Any, Any], None] = lambda *_: None, make: Any = None, steps: int = 5
) -> list[Any]:
    """Training, with something done ``between`` the steps: (number, model, optimizer)."""
    model, x, y = model_and_data()
    optimizer = (make or (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)))(model.parameters())
    step, losses = compile(classifying_step(model, optimizer)), []
    for number in range(steps):
        losses.append(step(x, y))
        between(number, model, optimizer)
    return [losses, list(model.parameters()), [p.grad for p in model.parameters()]]


# --- Python's side effects --------------------------------------------------------------------------------------------

x3 = torch.tensor([1.0, 2.0, 3.0])
log: list[Any] = []
settings: dict[str, Any] = {"calls": 0}
count = 0


@eager("changes log")
def a_list_of_losses_is_appended_to(compile: Any) -> Any:
    log.clear()

    def f(x: Any) -> Any:
        log.append(x.sum())
        return x * 2

    f = compile(f)
    return [f(x3), f(x3), len(log), list(log)]


@eager("changes settings")
def a_dict_counts(compile: Any) -> Any:
    settings["calls"] = 0

    def f(x: Any) -> Any:
        settings["calls"] += 1
        return x * settings["calls"]

    f = compile(f)
    return [f(x3), f(x3), f(x3), settings["calls"]]


@eager("changes count")
def a_global_counts(compile: Any) -> Any:
    global count
    count = 0

    def f(x: Any) -> Any:
        global count
        count += 1
        return x + count

    f = compile(f)
    return [f(x3), f(x3), count]


@eager("changes total")
def a_closure_counts(compile: Any) -> Any:
    total = 0

    def f(x: Any) -> Any:
        nonlocal total
        total += 1
        return x + total

    f = compile(f)
    return [f(x3), f(x3), total]


@eager("changes self.steps|changes .*steps")
def an_attribute_counts(compile: Any) -> Any:
    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.steps = 0

        def forward(self, x: Any) -> Any:
            self.steps += 1
            return x * self.steps

    net = Net()
    f = compile(net)
    return [f(x3), f(x3), net.steps]


@works
def an_attribute_keeps_the_last_activation(compile: Any) -> Any:
    class Net(torch.nn.Module):
        last: Any = None

        def forward(self, x: Any) -> Any:
            self.last = x * 2
            return self.last + 1

    net = Net()
    f = compile(net)
    return [f(x3), net.last, f(x3 + 1), net.last]


@eager("changes")
def a_class_attribute_counts(compile: Any) -> Any:
    class Meter:
        calls = 0

    def f(x: Any) -> Any:
        Meter.calls += 1
        return x + Meter.calls

    f = compile(f)
    return [f(x3), f(x3), Meter.calls]


@eager("changes")
def a_mutable_default_collects(compile: Any) -> Any:
    def f(x: Any, seen: list[int] = []) -> Any:  # noqa: B006
        seen.append(1)
        return x * len(seen)

    f = compile(f)
    return [f(x3), f(x3), f(x3)]


@eager("changes one of them|changes")
def a_list_among_the_arguments_is_appended_to(compile: Any) -> Any:
    def f(x: Any, out: list[Any]) -> Any:
        out.append(x * 2)
        return x

    f, out = compile(f), []
    f(x3, out)
    f(x3, out)
    return out


@eager("changes")
def a_dict_among_the_arguments_is_written(compile: Any) -> Any:
    def f(batch: dict[str, Any]) -> Any:
        batch["y"] = batch["x"] * 2
        return batch["y"]

    f, batch = compile(f), {"x": x3}
    return [f(batch), batch]


@says("prints while")
def a_print(compile: Any) -> Any:
    with contextlib.redirect_stdout(io.StringIO()):
        f = compile(lambda x: (print("shape", x.shape), x * 2)[1])
        return [f(x3), f(x3)]


@says("prints while")
def a_log_call(compile: Any) -> Any:
    logger = logging.getLogger("trap")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())

    def f(x: Any) -> Any:
        logger.warning("called")
        return x * 2

    f = compile(f)
    return [f(x3), f(x3)]


@eager(r"time.time\(\)|time\.perf_counter\(\)")
def the_clock(compile: Any) -> Any:
    def f(x: Any) -> Any:
        time.perf_counter()
        return x * 2

    return compile(f)(x3)


@eager(r"random.random\(\)")
def random_of_python(compile: Any) -> Any:
    def f(x: Any) -> Any:
        return x * random.random()

    f = compile(f)
    random.seed(0)
    return [f(x3), f(x3)]


@works
def a_generator_of_numpy_that_is_only_read(compile: Any) -> Any:
    rng = np.random.default_rng(0)
    f = compile(lambda x: x * 2 if rng is not None else x)
    found = [f(x3)]
    rng.random()
    return [*found, f(x3)]


@eager("changes rng")
def a_generator_of_numpy_that_draws(compile: Any) -> Any:
    rng = np.random.default_rng(0)
    f = compile(lambda x: x * float(rng.random()))
    return [f(x3), f(x3)]


@eager(r"numpy.random")
def random_of_numpy(compile: Any) -> Any:
    def f(x: Any) -> Any:
        return x * float(np.random.rand())

    f = compile(f)
    np.random.seed(0)
    return [f(x3), f(x3)]


@works
def random_numbers_are_drawn_anew(compile: Any) -> Any:
    f = compile(lambda x: x + torch.randn(3))
    torch.manual_seed(3)
    return [f(x3), f(x3), torch.rand(2), f(x3)]


@eager("by the generator itself")
def a_seed_set_inside(compile: Any) -> Any:
    def f(x: Any) -> Any:
        torch.manual_seed(7)
        return x + torch.rand(3)

    f = compile(f)
    return [f(x3), f(x3), torch.rand(1)]


@works
def a_generator_of_ones_own(compile: Any) -> Any:
    generator = torch.Generator().manual_seed(3)
    f = compile(lambda x: x + torch.rand(3, generator=generator))
    return [f(x3), f(x3), torch.rand(1, generator=generator), torch.rand(1)]


@works
def environment_variables(compile: Any) -> Any:
    def f(x: Any) -> Any:
        return x * float(os.environ.get("WENGERT_TRAP", "1"))

    f, found = compile(f), []
    try:
        for value in ("2", "3", "2"):
            os.environ["WENGERT_TRAP"] = value
            found.append(f(x3))
    finally:
        os.environ.pop("WENGERT_TRAP", None)
    return found


# --- what Python code reads -------------------------------------------------------------------------------------------

factor = 2.0


@works
def a_global_that_changes(compile: Any) -> Any:
    global factor
    f, found = compile(lambda x: x * factor), []
    for value in (2.0, 3.0, 2.0):
        factor = value
        found.append(f(x3))
    return found


@works
def a_closure_that_changes(compile: Any) -> Any:
    scale = 1.0

    def f(x: Any) -> Any:
        return x * scale

    f, found = compile(f), []
    for scale in (1.0, 2.0, 3.0):  # noqa: B007
        found.append(f(x3))
    return found


@works
def a_loop_variable_in_lambdas(compile: Any) -> Any:
    functions = [compile(lambda x: x * i) for i in range(3)]  # noqa: B023
    bound = [compile(lambda x, i=i: x * i) for i in range(3)]
    return [[f(x3) for f in functions], [f(x3) for f in bound]]


@works
def default_arguments_that_change(compile: Any) -> Any:
    def f(x: Any, scale: float = 2.0) -> Any:
        return x * scale

    compiled = compile(f)
    found = [compiled(x3), compiled(x3, 3.0), compiled(x3, scale=4.0)]
    f.__defaults__ = (5.0,)
    return [*found, compiled(x3)]


@works
def numbers_among_the_arguments(compile: Any) -> Any:
    f = compile(lambda x, n, s, flag: x * n + s if flag else x)
    return [f(x3, n, s, flag) for n in (1, 2) for s in (0.5, 1.5) for flag in (True, False)]


@works
def true_is_not_one(compile: Any) -> Any:
    f = compile(lambda x, k: x + 1 if k is True else x * k)
    return [f(x3, 1), f(x3, True), f(x3, 1.0)]


@works
def a_helper_that_is_replaced(compile: Any) -> Any:
    space = {"torch": torch}
    exec("def helper(x): return x * 2\ndef f(x): return helper(x) + 1", space)
    f = compile(space["f"])
    found = [f(x3)]
    exec("def helper(x): return x * 3", space)
    return [*found, f(x3)]


@works
def named_tuples_as_arguments(compile: Any) -> Any:
    class Pair(NamedTuple):
        a: Any
        b: float

    f = compile(lambda pair: pair.a * pair.b)
    return [f(Pair(x3, 2.0)), f(Pair(x3, 3.0))]


@works
def dataclasses_as_arguments(compile: Any) -> Any:
    @dataclass
    class Batch:
        x: Any
        scale: float
        name: str = "a"
        more: Any = None

    f = compile(lambda batch: batch.x * batch.scale + (1 if batch.name == "a" else batch.more["b"].k))
    more = {"b": SimpleNamespace(k=torch.ones(3))}
    batches = [Batch(x3, 2.0), Batch(x3 + 1, 3.0), Batch(x3, 2.0, "b", more), Batch(x3 - 1, 0.5, "b", more)]
    return [f(batch) for batch in batches]


@works
def containers_of_many_types_as_results(compile: Any) -> Any:
    @dataclass(frozen=True, slots=True)
    class Point:
        x: Any
        name: str

    class Output(OrderedDict[str, Any]):
        """A dict whose entries are attributes too, as models of other packages return it."""

        def __setitem__(self, key: str, value: Any) -> None:
            raise AssertionError("it is made whole")

    w = torch.ones(3, requires_grad=True)

    def f(x: Any) -> Any:
        y = x * w
        output, lists = Output(), defaultdict(list)
        OrderedDict.__setitem__(output, "y", y)
        output.y = y
        lists["y"].append(y)
        return Point(y, "p"), output, lists, OrderedDict(b=y, a=1), SimpleNamespace(y=y, n=2), UserDict(y=y)

    f, found = compile(f), []
    for number in range(3):
        point, output, lists, ordered, space, user = results = f(x3 + number)
        assert [type(each).__name__ for each in results] == [
            "Point", "Output", "defaultdict", "OrderedDict", "SimpleNamespace", "UserDict"]
        assert output.y is output["y"] and lists["new"] == []
        ordered.move_to_end("b")
        point.x.sum().backward()
        found.append([point.x, point.name, list(output), lists, list(ordered), space.y, space.n, user["y"], w.grad * 1])
    return found


@works
def attributes_of_an_object_that_is_passed(compile: Any) -> Any:
    @dataclass
    class Config:
        scale: float

    config = Config(2.0)
    f = compile(lambda x, config: x * config.scale)
    found = [f(x3, config)]
    config.scale = 5.0
    return [*found, f(x3, config), f(x3, Config(7.0))]


@works
def train_and_eval(compile: Any) -> Any:
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3), torch.nn.Dropout(0.5))
    f, x, found = compile(model), torch.randn(4, 3), []
    for mode in (True, False, True):
        model.train(mode)
        found.append(f(x))
    return [found, model[1].running_mean, model[1].num_batches_tracked]


@works
def the_p_of_a_dropout(compile: Any) -> Any:
    dropout = torch.nn.Dropout(0.2)
    f, found = compile(lambda x: dropout(x)), []
    for p in (0.2, 0.8, 0.2):
        dropout.p = p
        found.append(f(torch.ones(20)))
    return found


@works
def momentum_none_of_batch_norm(compile: Any) -> Any:
    norm = torch.nn.BatchNorm1d(3, momentum=None)
    f = compile(lambda x: norm(x))
    return [[f(torch.randn(4, 3)) for _ in range(3)], norm.running_mean, norm.running_var, norm.num_batches_tracked]


@works
def a_layer_that_is_replaced(compile: Any) -> Any:
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.ReLU())
    f, found = compile(model), []
    found.append(f(x3[None]))
    model[1] = torch.nn.Tanh()
    found.append(f(x3[None]))
    model.append(torch.nn.Linear(3, 1))
    return [*found, f(x3[None])]


@works
def layers_in_a_loop_chosen_by_a_flag(compile: Any) -> Any:
    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = torch.nn.ModuleList([torch.nn.Linear(3, 3) for _ in range(3)])
            self.depth = 3

        def forward(self, x: Any) -> Any:
            for layer in self.layers[: self.depth]:
                x = layer(x).relu()
            return x

    net = Net()
    f, found = compile(net), []
    for net.depth in (3, 1, 2, 3):
        found.append(f(x3))
    return found


@works
def hooks_added_later(compile: Any) -> Any:
    model = torch.nn.Sequential(torch.nn.Linear(3, 3))
    f = compile(lambda x: model(x))
    found = [f(x3)]
    handle = model[0].register_forward_hook(lambda module, args, out: out * 10)
    found.append(f(x3))
    handle.remove()
    return [*found, f(x3)]


@works
def the_default_dtype_changes(compile: Any) -> Any:
    f = compile(lambda x: x + torch.ones(3))
    found = [f(x3)]
    torch.set_default_dtype(torch.float64)
    found.append(f(x3))
    torch.set_default_dtype(torch.float32)
    return [*found, f(x3)]


@works
def the_number_of_threads_changes(compile: Any) -> Any:
    before = torch.get_num_threads()
    f = compile(lambda x: (x @ x).sum())
    x = torch.randn(20, 20)
    found = [f(x)]
    torch.set_num_threads(1)
    found.append(f(x))
    torch.set_num_threads(before)
    return found


# --- training ---------------------------------------------------------------------------------------------------------


@works
def a_schedule_of_the_rate(compile: Any) -> Any:
    def between(number: int, model: Any, optimizer: Any) -> None:
        optimizer.param_groups[0]["lr"] *= 0.5

    return training(compile, between)


@works
def a_schedule_of_momentum(compile: Any) -> Any:
    def between(number: int, model: Any, optimizer: Any) -> None:
        optimizer.param_groups[0]["momentum"] = 0.9 - 0.1 * number

    return training(compile, between)


@works
def weight_decay_switched_on(compile: Any) -> Any:
    def between(number: int, model: Any, optimizer: Any) -> None:
        if number == 2:
            optimizer.param_groups[0]["weight_decay"] = 0.1

    return training(compile, between)


@works
def one_cycle_with_betas(compile: Any) -> Any:
    schedules: list[Any] = []

    def make(parameters: Any) -> Any:
        optimizer = torch.optim.Adam(parameters, lr=0.01)
        schedules.append(torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10))
        return optimizer

    return training(compile, lambda *_: schedules[0].step(), make)


@works
def a_schedule_stepped_inside(compile: Any) -> Any:
    model, x, y = model_and_data()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2)

    def step() -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    step, found = compile(step), []
    for _ in range(5):
        found.append(step())
        schedule.step()
    return found


@works
def a_param_group_added(compile: Any) -> Any:
    extra = torch.nn.Parameter(torch.ones(2))

    def run() -> Any:
        model, x, y = model_and_data()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)

        def step() -> Any:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x) * extra, y)
            loss.backward()
            optimizer.step()
            return loss.detach()

        step, found = compile(step), []
        for number in range(5):
            found.append(step())
            if number == 1:
                optimizer.add_param_group({"params": [extra], "lr": 0.5})
        return [found, extra, list(model.parameters())]

    return run()


@works
def a_param_group_removed(compile: Any) -> Any:
    def make(parameters: Any) -> Any:
        first, *rest = parameters
        return torch.optim.Adam([{"params": [first]}, {"params": rest, "lr": 0.1}], lr=0.01)

    def between(number: int, model: Any, optimizer: Any) -> None:
        if number == 2:
            del optimizer.param_groups[1]

    return training(compile, between, make)


@works
def the_optimisers_state_is_loaded(compile: Any) -> Any:
    states: list[Any] = []

    def between(number: int, model: Any, optimizer: Any) -> None:
        if number == 1:
            states.append(copy.deepcopy(optimizer.state_dict()))
        if number == 3:
            optimizer.load_state_dict(states[0])

    return training(compile, between, lambda p: torch.optim.Adam(p, lr=0.05), 6)


@works
def the_models_state_is_loaded(compile: Any) -> Any:
    states: list[Any] = []

    def between(number: int, model: Any, optimizer: Any) -> None:
        if number == 1:
            states.append(copy.deepcopy(model.state_dict()))
        if number == 3:
            model.load_state_dict(states[0])

    return training(compile, between, steps=6)


@works
def the_data_of_parameters_is_replaced(compile: Any) -> Any:
    def between(number: int, model: Any, optimizer: Any) -> None:
        for parameter in model.parameters():
            parameter.data = parameter.data * 0.5

    return training(compile, between)


@works
def a_parameter_is_replaced(compile: Any) -> Any:
    model = torch.nn.Linear(3, 2)
    f = compile(lambda x: model(x))
    found = [f(x3)]
    model.weight = torch.nn.Parameter(torch.ones(2, 3))
    return [*found, f(x3)]


@works
def parameters_written_under_no_grad(compile: Any) -> Any:
    def between(number: int, model: Any, optimizer: Any) -> None:
        with torch.no_grad():
            model[0].weight.clamp_(-0.3, 0.3)

    return training(compile, between)


@works
def tied_weights(compile: Any) -> Any:
    embedding, head = torch.nn.Embedding(5, 4), torch.nn.Linear(4, 5, bias=False)
    head.weight = embedding.weight
    optimizer = torch.optim.SGD([embedding.weight], lr=0.1)

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(head(embedding(x)), x)
        loss.backward()
        optimizer.step()
        return loss.detach()

    step = compile(step)
    found = [step(torch.arange(5)) for _ in range(3)]
    head.weight = torch.nn.Parameter(torch.ones(5, 4))  # untied
    return [*found, step(torch.arange(5)), embedding.weight]


@works
def frozen_and_thawed_parameters(compile: Any) -> Any:
    def between(number: int, model: Any, optimizer: Any) -> None:
        model[0].requires_grad_(number % 2 == 1)

    return training(compile, between)


@works
def frozen_and_thawed_inside(compile: Any) -> Any:
    critic, x = torch.nn.Linear(3, 1), torch.randn(4, 3)
    noise = torch.nn.Parameter(torch.zeros(3))
    optimizer = torch.optim.SGD([noise, *critic.parameters()], lr=0.1)

    def step() -> Any:
        optimizer.zero_grad()
        for parameter in critic.parameters():
            parameter.requires_grad_(False)
        critic(x + noise).sum().backward()
        for parameter in critic.parameters():
            parameter.requires_grad_(True)
        critic(x).square().sum().backward()
        optimizer.step()

    step = compile(step)
    for _ in range(3):
        step()
    return [noise, list(critic.parameters()), [p.requires_grad for p in critic.parameters()]]


@works
def gradients_that_are_none_or_not(compile: Any) -> Any:
    w = torch.ones(3, requires_grad=True)

    def f(x: Any) -> Any:
        (w * x).sum().backward()

    f, found = compile(f), []
    for number in range(5):
        f(x3)
        found.append(w.grad.clone())
        if number % 2:
            w.grad = None
    return found


@works
def accumulation_outside(compile: Any) -> Any:
    model, x, y = model_and_data()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    forward = compile(lambda x, y: F.cross_entropy(model(x), y))
    for number in range(6):
        (forward(x, y) / 2).backward()
        if number % 2:
            optimizer.step()
            optimizer.zero_grad(set_to_none=number % 4 == 1)
    return [list(model.parameters()), [p.grad for p in model.parameters()]]


@works
def gradients_assigned_from_outside(compile: Any) -> Any:
    w = torch.nn.Parameter(torch.ones(3))
    given = torch.tensor([0.5, 1.0, 2.0])
    optimizer = torch.optim.SGD([w], lr=0.1)

    def step(g: Any) -> Any:
        w.grad = g
        optimizer.step()
        return w.sum().detach()

    def captured() -> None:
        w.grad = given
        optimizer.step()

    step, captured = compile(step), compile(captured)
    found = [step(torch.ones(3)), step(torch.ones(3) * 2)]
    captured()
    same = w.grad is given
    captured()
    return [*found, w, w.grad, same]


@works
def two_optimisers(compile: Any) -> Any:
    a, b = torch.nn.Linear(3, 3), torch.nn.Linear(3, 1)
    first, second = torch.optim.Adam(a.parameters()), torch.optim.SGD(b.parameters(), lr=0.1)

    def step(x: Any) -> Any:
        first.zero_grad()
        second.zero_grad()
        b(a(x)).sum().backward()
        first.step()
        second.step()

    step = compile(step)
    for _ in range(3):
        step(torch.randn(2, 3))
    return [list(a.parameters()), list(b.parameters())]


@works
def averaged_weights(compile: Any) -> Any:
    model, x, y = model_and_data()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    ema = [p.detach().clone() for p in model.parameters()]

    def step() -> Any:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        with torch.no_grad():
            for average, parameter in zip(ema, model.parameters(), strict=True):
                average.mul_(0.9).add_(parameter, alpha=0.1)

    step = compile(step)
    for _ in range(3):
        step()
    return ema


@works
def swa_outside(compile: Any) -> Any:
    averages: list[Any] = []

    def between(number: int, model: Any, optimizer: Any) -> None:
        if not averages:
            averages.append(torch.optim.swa_utils.AveragedModel(model))
        averages[0].update_parameters(model)

    return [training(compile, between), list(averages[0].parameters())]


def averaged_inside(compile: Any, **options: Any) -> Any:
    model, x, y = model_and_data()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    average = torch.optim.swa_utils.AveragedModel(model, **options)

    def step(x: Any) -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        average.update_parameters(model)

    step = compile(step)
    for _ in range(4):
        step(x)
    return [list(average.parameters()), average.n_averaged]


@works
def swa_inside(compile: Any) -> Any:
    return averaged_inside(compile)


@works
def ema_inside(compile: Any) -> Any:
    decayed = torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
    return averaged_inside(compile, multi_avg_fn=decayed, use_buffers=True)


@works
def a_gradient_scaler(compile: Any) -> Any:
    model, x, y = model_and_data()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=2)

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        return loss.detach()

    step, found = compile(step), []
    for number in range(6):
        found.append(step(x * (math.inf if number == 3 else 1.0)))
    return [found, list(model.parameters()), scaler.get_scale(), scaler.state_dict()["_growth_tracker"]]


@eager("closure|value of a tensor")
def lbfgs_with_a_closure(compile: Any) -> Any:
    w = torch.nn.Parameter(torch.tensor([3.0, -2.0]))
    optimizer = torch.optim.LBFGS([w], lr=0.5, max_iter=3)

    def step() -> Any:
        def closure() -> Any:
            optimizer.zero_grad()
            loss = (w.square() * torch.tensor([1.0, 3.0])).sum()
            loss.backward()
            return loss

        optimizer.step(closure)

    step = compile(step)
    step()
    step()
    return w


@works
def clipping_and_norms(compile: Any) -> Any:
    model, x, y = model_and_data()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)

    def step() -> Any:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        torch.nn.utils.clip_grad_value_(model.parameters(), 0.05)
        optimizer.step()
        return norm

    step = compile(step)
    return [step(), step(), list(model.parameters())]


@works
def hooks_on_gradients(compile: Any) -> Any:
    w = torch.ones(3, requires_grad=True)

    def f(x: Any) -> Any:
        y = w * x
        y.register_hook(lambda grad: grad * 2)
        y.sum().backward()

    f = compile(f)
    f(x3)
    f(x3)
    return w.grad


@works
def hooks_on_parameters(compile: Any) -> Any:
    w = torch.ones(3, requires_grad=True)
    handle = w.register_hook(lambda grad: grad * 2)

    def f(x: Any) -> Any:
        (w * x).sum().backward()

    f = compile(f)
    f(x3)
    f(x3)
    handle.remove()
    f(x3)
    return w.grad


# --- values -----------------------------------------------------------------------------------------------------------


@eager("value of a tensor")
def an_if_on_a_value(compile: Any) -> Any:
    def f(x: Any) -> Any:
        if x.sum() > 0:
            return x
        return -x

    f = compile(f)
    return [f(x3), f(-x3)]


@eager("value of a tensor")
def a_while_on_a_value(compile: Any) -> Any:
    def f(x: Any) -> Any:
        while x.norm() > 1:
            x = x / 2
        return x

    f = compile(f)
    return [f(x3), f(x3 * 100)]


@works
def an_item_returned(compile: Any) -> Any:
    f = compile(lambda x: (x.sum().item(), x * x.max().item()))
    return [f(x3), f(-x3)]


@eager("value of a tensor")
def a_float_of_a_tensor(compile: Any) -> Any:
    f = compile(lambda x: math.sqrt(float(x.sum())))
    return [f(x3), f(x3 * 4)]


@eager("value of a tensor")
def an_int_as_a_size(compile: Any) -> Any:
    f = compile(lambda n: torch.zeros(int(n)))
    return [f(torch.tensor(2)), f(torch.tensor(3))]


@eager("value of a tensor")
def an_assertion_on_values(compile: Any) -> Any:
    def f(x: Any) -> Any:
        assert x.sum() > 0
        return x

    return compile(f)(x3)


@eager("shape does not depend on values")
def a_mask_as_an_index(compile: Any) -> Any:
    f = compile(lambda x: x[x > 1.5])
    return [f(x3), f(x3 * 2)]


@eager("shape does not depend on values|value of a tensor")
def the_places_that_are_not_zero(compile: Any) -> Any:
    f = compile(lambda x: torch.nonzero(x > 1.5))
    return [f(x3), f(x3 * 2)]


@works
def a_mask_that_is_assigned_through(compile: Any) -> Any:
    def f(x: Any) -> Any:
        x = x.clone()
        x[x > 1.5] = 0.0
        return x

    f = compile(f)
    return [f(x3), f(x3 * 2)]


@eager("numpy")
def numpy_inside(compile: Any) -> Any:
    f = compile(lambda x: torch.from_numpy(np.sort(x.numpy())[::-1].copy()))
    return [f(x3), f(-x3)]


@works
def numpy_arrays_captured(compile: Any) -> Any:
    table = np.array([1.0, 2.0, 3.0], np.float32)
    f = compile(lambda x: x * torch.from_numpy(table))
    found = [f(x3)]
    table[0] = 7.0
    return [*found, f(x3)]


@works
def numpy_arrays_as_arguments(compile: Any) -> Any:
    def f(x: Any) -> Any:
        return torch.from_numpy(x) * 2

    f = compile(f)
    return [f(np.ones(3)), f(np.zeros(3))]


@eager("value of a tensor")
def a_tensor_printed(compile: Any) -> Any:
    f = compile(lambda x: f"{x.sum():.2f}")
    return [f(x3), f(x3 * 2)]


# --- shapes, dtypes, layouts ------------------------------------------------------------------------------------------


@works
def python_that_depends_on_shapes(compile: Any) -> Any:
    def f(x: Any) -> Any:
        return x.mean() if x.shape[0] > 2 else x.sum() * len(x)

    f = compile(f)
    return [f(x3), f(x3[:2]), f(x3)]


@works
def batches_of_several_sizes(compile: Any) -> Any:
    model = torch.nn.Linear(3, 2)
    f = compile(model)
    return [f(torch.randn(n, 3)) for n in (4, 3, 4, 1)]


@works
def empty_batches(compile: Any) -> Any:
    model = torch.nn.Linear(3, 2)
    f = compile(lambda x: (model(x), model(x).sum()))
    return [f(torch.zeros(0, 3)), f(torch.ones(1, 3))]


@works
def tensors_without_dimensions(compile: Any) -> Any:
    f = compile(lambda x: x * 2 + x)
    return [f(torch.tensor(2.0)), f(torch.tensor(3))]


@works
def the_dtype_changes(compile: Any) -> Any:
    f = compile(lambda x: x / 2)
    return [f(x3), f(x3.double()), f(x3.long()), f(x3 > 1)]


@works
def inputs_that_are_not_contiguous(compile: Any) -> Any:
    x = torch.randn(4, 3)
    f = compile(lambda x: (x @ x.mT, x.reshape(-1), x.contiguous().view(-1)))
    return [f(x), f(x.mT), f(x[::2]), f(x.expand(2, 4, 3)[0])]


@works
def one_tensor_given_twice(compile: Any) -> Any:
    f = compile(lambda a, b: a * 2 + b)
    return [f(x3, x3), f(x3, x3 + 1), f(x3 + 1, x3)]


@works
def views_of_one_tensor_given(compile: Any) -> Any:
    x = torch.arange(6.0)
    f = compile(lambda a, b: a * b)
    return [f(x[:3], x[3:]), f(x[:3], x[1:4]), f(x[:3], x[:3])]


def _adds_to_first(a: Any, b: Any) -> Any:
    a.add_(1)
    return b * 2


@works
def a_written_argument_that_is_given_twice(compile: Any) -> Any:
    x = torch.arange(4.0)
    f = compile(_adds_to_first)
    return [f(x, x), x, f(x, torch.ones(4)), x]


@eager("comes to it twice|share memory")
def a_written_argument_and_a_view_of_it(compile: Any) -> Any:
    x = torch.arange(4.0)

    def f(a: Any, b: Any) -> Any:
        a.add_(1)
        return b * 2

    f = compile(f)
    return [f(x[:3], x[1:]), x]


@eager("comes to it twice")
def an_argument_that_is_also_captured(compile: Any) -> Any:
    w = torch.ones(3)

    def f(x: Any) -> Any:
        w.add_(1)
        return x * w

    f = compile(f)
    return [f(x3), f(w), w, f(x3)]


@works
def an_input_is_written_to(compile: Any) -> Any:
    def f(x: Any) -> Any:
        x.mul_(2)
        return x + 1

    f, x = compile(f), torch.ones(3)
    return [f(x), x, f(x), x]


@works
def a_result_is_an_input(compile: Any) -> Any:
    f, x = compile(lambda x: (x, x * 2)), torch.ones(3)
    same, _ = f(x)
    again, _ = f(x)
    return [same is x, again is x]


@works
def a_result_is_a_state(compile: Any) -> Any:
    w = torch.ones(3)

    def f(x: Any) -> Any:
        w.add_(x)
        return w

    f = compile(f)
    return [f(x3) is w, f(x3) is w, w]


@works
def a_result_is_a_view_of_an_input(compile: Any) -> Any:
    f, x = compile(lambda x: x[1:]), torch.ones(3)
    f(x)
    part = f(x)
    part.add_(1)
    return [part, x]


@works
def a_result_is_a_view_of_a_state(compile: Any) -> Any:
    w = torch.ones(3)
    f = compile(lambda x: (w.add_(x), w[1:])[1])
    f(x3)
    part = f(x3)
    part.zero_()
    return [part, w]


@works
def a_view_of_an_input_that_has_taken_another_shape(compile: Any) -> Any:
    def f(x: Any) -> Any:
        part = x[0]
        x.t_()
        return x.detach(), part, x[1]

    f = compile(f)
    return [f(torch.arange(6.0).view(2, 3)), f(torch.arange(6.0).view(2, 3) * 2)]


@works
def the_same_tensor_returned_twice(compile: Any) -> Any:
    def f(x: Any) -> Any:
        y = x * 2
        return y, y, [y]

    f = compile(f)
    f(x3)
    a, b, (c,) = f(x3)
    return [a is b, b is c, a]


@works
def results_of_two_calls_are_two(compile: Any) -> Any:
    f = compile(lambda x: x * 2)
    first = f(x3)
    f(x3 * 10)
    return first


@works
def none_and_nests(compile: Any) -> Any:
    f = compile(lambda x, y=None: {"a": None if y is None else y * 2, "b": [x, (x + 1, "s", 3)]})
    return [f(x3), f(x3, x3), f(x3, y=None)]


@works
def keywords_in_any_order(compile: Any) -> Any:
    f = compile(lambda x, *, a, b: x * a - b)
    return [f(x3, a=x3, b=1.0), f(x3, b=1.0, a=x3), f(a=x3, b=2.0, x=x3)]


@works
def any_number_of_arguments(compile: Any) -> Any:
    f = compile(lambda *xs, **named: sum(xs) + sum(named.values()))
    return [f(x3), f(x3, x3), f(x3, a=x3), f(x3, b=x3, a=x3)]


# --- grad mode and differentiation ------------------------------------------------------------------------------------


@works
def no_grad_outside(compile: Any) -> Any:
    model = torch.nn.Linear(3, 2)
    f = compile(model)
    found = [f(x3).requires_grad]
    with torch.no_grad():
        found.append(f(x3).requires_grad)
    return [*found, f(x3).requires_grad]


@works
def no_grad_and_enable_grad_inside(compile: Any) -> Any:
    w = torch.ones(3, requires_grad=True)

    def f(x: Any) -> Any:
        with torch.no_grad():
            a = w * x
            with torch.enable_grad():
                b = w * x
        return a, b

    f = compile(f)
    a, b = f(x3)
    b.sum().backward()
    return [a.requires_grad, b.requires_grad, w.grad, torch.is_grad_enabled()]


@works
def inference_mode(compile: Any) -> Any:
    model = torch.nn.Linear(3, 2)
    f = compile(model)
    with torch.inference_mode():
        return [f(x3), f(x3).requires_grad]


@works
def a_table_made_in_inference_mode(compile: Any) -> Any:
    w = torch.ones(3, requires_grad=True)
    with torch.inference_mode():
        table = torch.arange(3.0)

    def f(x: Any) -> Any:
        return (x * w + table).sum()

    f, found = compile(f), []
    for _ in range(3):
        w.grad = None
        loss = f(x3)
        loss.backward()
        found += [loss, w.grad]
    return found


@works
def grad_mode_left_switched(compile: Any) -> Any:
    def f(x: Any) -> Any:
        torch.set_grad_enabled(False)
        return x * 2

    f = compile(f)
    f(x3)
    torch.set_grad_enabled(True)
    f(x3)
    return torch.is_grad_enabled()


@works
def autocast(compile: Any) -> Any:
    model = torch.nn.Linear(3, 2)
    f = compile(lambda x: model(x))
    found = [f(x3).dtype]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found.append(f(x3).dtype)
    return [str(d) for d in [*found, f(x3).dtype]]


@works
def autocast_inside(compile: Any) -> Any:
    model = torch.nn.Linear(3, 2)

    def f(x: Any) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return model(x)

    f = compile(f)
    return [f(x3), f(x3)]


@works
def detached_values(compile: Any) -> Any:
    w = torch.ones(3, requires_grad=True)
    f = compile(lambda x: (w * x).detach() * w)
    f(x3).sum().backward()
    f(x3).sum().backward()
    return w.grad


@works
def checkpointed_parts(compile: Any) -> Any:
    model = torch.nn.Linear(3, 3)

    def f(x: Any) -> Any:
        torch.utils.checkpoint.checkpoint(lambda x: F.dropout(model(x).tanh()), x, use_reentrant=False).sum().backward()

    f = compile(f)
    f(x3)
    f(x3)
    return [p.grad for p in model.parameters()]


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * 2

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        x, = ctx.saved_tensors
        return grad * 10 * x


@works
def a_function_of_ones_own(compile: Any) -> Any:
    w = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)

    def f(x: Any) -> Any:
        Doubled.apply(w * x).sum().backward()

    outside = compile(lambda x: Doubled.apply(w * x).sum())
    f = compile(f)
    f(x3)
    f(x3)
    outside(x3).backward()
    return w.grad


@works
def a_graph_that_is_retained(compile: Any) -> Any:
    w = torch.ones(3, requires_grad=True)

    def f(x: Any) -> Any:
        loss = (w * x).square().sum()
        loss.backward(retain_graph=True)
        loss.backward()

    f = compile(f)
    f(x3)
    outside = compile(lambda x: (w * x).square().sum())(x3)
    outside.backward(retain_graph=True)
    outside.backward()
    return w.grad


@works
def second_order(compile: Any) -> Any:
    w = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)

    def f(x: Any) -> Any:
        grad, = torch.autograd.grad((w * x).pow(3).sum(), w, create_graph=True)
        grad.square().sum().backward()

    f = compile(f)
    f(x3)
    f(x3)
    return w.grad


@works
def inputs_that_require_gradients(compile: Any) -> Any:
    f, found = compile(lambda x: (x * 2).square().sum()), []
    for _ in range(2):
        x = x3.clone().requires_grad_()
        f(x).backward()
        f(x * 2).backward()
        found.append(x.grad)
    return found


@works
def a_history_that_began_outside(compile: Any) -> Any:
    w = torch.ones(3, requires_grad=True)
    found = []
    for _ in range(2):
        hidden = w * x3
        f = compile(lambda x: (hidden * x).sum())  # noqa: B023
        f(x3).backward()
        found.append(w.grad.clone())
    return found


@works
def a_history_that_is_another_at_each_call(compile: Any) -> Any:
    w = torch.ones(3, requires_grad=True)
    holder = {"hidden": w * 1.0}
    f = compile(lambda x: (holder["hidden"] * x).sum())
    for number in range(3):
        holder["hidden"] = w * float(number)
        f(x3).backward()
    return w.grad


@works
def the_state_of_a_recurrent_net_is_carried(compile: Any) -> Any:
    cell = torch.nn.GRUCell(3, 4)
    optimizer = torch.optim.SGD(cell.parameters(), lr=0.1)

    def step(x: Any, h: Any) -> Any:
        optimizer.zero_grad()
        new = cell(x, h)
        new.square().sum().backward()
        optimizer.step()
        return new.detach()

    step, h = compile(step), torch.zeros(2, 4)
    for _ in range(3):
        h = step(torch.randn(2, 3), h)
    return [h, list(cell.parameters())]


@works
def a_whole_recurrent_net(compile: Any) -> Any:
    net = torch.nn.LSTM(3, 4, 2, dropout=0.2)
    f = compile(lambda x, state: net(x, state))
    state = None
    for _ in range(3):
        out, state = f(torch.randn(5, 2, 3), state)
    out.sum().backward()
    return [out, state, [p.grad for p in net.parameters()]]


# --- modules ----------------------------------------------------------------------------------------------------------


@works
def lazy_modules(compile: Any) -> Any:
    model = torch.nn.Sequential(torch.nn.LazyLinear(4), torch.nn.ReLU(), torch.nn.LazyLinear(2))
    f = compile(model, fullgraph=False)
    found = [f(torch.randn(3, 5)) for _ in range(3)]
    return [found, [tuple(p.shape) for p in model.parameters()], getattr(f, "eager", None)]


@works
def weight_norm(compile: Any) -> Any:
    model = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(3, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        model(x).square().sum().backward()
        optimizer.step()

    step = compile(step)
    for _ in range(3):
        step(x3)
    return [model.weight, list(model.parameters())]


@works
def spectral_norm(compile: Any) -> Any:
    model = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(3, 2))
    f = compile(lambda x: model(x))
    found = [f(x3) for _ in range(3)]
    return [found, list(model.buffers())]


@works
def methods_properties_and_static_methods(compile: Any) -> Any:
    class Thing:
        def __init__(self) -> None:
            self.w, self.k = torch.ones(3), 2.0

        @property
        def doubled(self) -> Any:
            return self.w * self.k

        @staticmethod
        def square(x: Any) -> Any:
            return x * x

        @classmethod
        def named(cls, x: Any) -> Any:
            return x + len(cls.__name__)

        def method(self, x: Any) -> Any:
            return self.named(self.square(x)) * self.doubled

        __call__ = method

    thing = Thing()
    f, g, h = compile(thing.method), compile(thing), compile(Thing.square)
    found = [f(x3), g(x3), h(x3)]
    thing.k, thing.w = 3.0, torch.zeros(3) + 2
    return [*found, f(x3), g(x3), h(x3)]


@works
def partials_and_lambdas(compile: Any) -> Any:
    f = compile(functools.partial(lambda x, k, s: x * k + s, k=2.0, s=x3))
    return [f(x3), f(x3, k=3.0)]


@works
def a_decorated_method(compile: Any) -> Any:
    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(3, 2)

        def forward(self, x: Any) -> Any:
            return self.layer(x)

        half = compile(lambda self, x: self.layer(x) / 2)

    a, b = Net(), Net()
    return [a.half(x3), b.half(x3), a.half(x3)]


@works
def recursion_and_compiled_functions_inside(compile: Any) -> Any:
    inner = compile(lambda x: x * 2)

    def power(x: Any, n: int) -> Any:
        return x if n == 0 else inner(power(x, n - 1))

    outer = compile(power)
    return [outer(x3, 3), outer(x3, 2), inner(x3)]


@works
def generators_inside(compile: Any) -> Any:
    def parts(x: Any) -> Iterator[Any]:
        for i in range(3):
            yield x * i

    f = compile(lambda x: sum(parts(x)))
    return [f(x3), f(x3 * 2)]


@eager("generator")
def a_generator_compiled(compile: Any) -> Any:
    def parts(x: Any) -> Iterator[Any]:
        for i in range(3):
            yield x * i

    f = compile(parts)
    return [list(f(x3)), list(f(x3))]


@eager("coroutine")
def a_coroutine_compiled(compile: Any) -> Any:
    async def f(x: Any) -> Any:
        return x * 2

    def drive(coroutine: Any) -> Any:
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return stop.value
        return None

    f = compile(f)
    return [drive(f(x3)), drive(f(x3 * 2))]


@works
def copies_and_pickles(compile: Any) -> Any:
    model = torch.nn.Linear(3, 2)
    f = compile(model)
    found = [f(x3)]
    again = copy.deepcopy(f)
    other = pickle.loads(pickle.dumps(f))
    with torch.no_grad():
        model.weight.zero_()
    return [*found, again(x3), other(x3), f(x3)]


@works
def captured_tensors_deleted(compile: Any) -> Any:
    space: dict[str, Any] = {"w": torch.ones(3)}
    exec("def f(x): return x * w", space)
    f = compile(space["f"])
    found = [f(x3)]
    space["w"] = torch.zeros(3)
    found.append(f(x3))
    del space["w"]
    with pytest.raises(NameError):
        f(x3)
    return found


@works
def an_exception_in_the_middle(compile: Any) -> Any:
    w = torch.zeros(3)

    def f(x: Any, fail: bool) -> Any:
        w.add_(1)
        if fail:
            raise ValueError("no")
        w.add_(x)
        return w * 2

    f, found = compile(f), []
    for fail in (False, True, False, True):
        try:
            found.append(f(x3, fail))
        except ValueError:
            found.append(w.clone())
    return found


@works
def an_exception_that_is_caught_inside(compile: Any) -> Any:
    def f(x: Any) -> Any:
        try:
            return x @ torch.ones(7)
        except RuntimeError:
            return x * 2

    f = compile(f)
    return [f(x3), f(x3)]


@works
def a_keyboard_interrupt(compile: Any) -> Any:
    w, interrupted = torch.zeros(3), [True]

    def f(x: Any) -> Any:
        w.add_(x)
        if interrupted[0]:
            raise KeyboardInterrupt
        return w * 2

    f = compile(f)
    with pytest.raises(KeyboardInterrupt):
        f(x3)
    interrupted[0] = False
    w.zero_()
    return [f(x3), f(x3)]


@works
def threads(compile: Any) -> Any:
    w = torch.ones(3)
    f = compile(lambda x: (x * w).sum())
    found: dict[int, Any] = {}

    def run(number: int) -> None:
        found[number] = [f(torch.full((3,), float(number))).item() for _ in range(10)]

    running = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return dict(sorted(found.items()))


@works
def sets_and_enumerations(compile: Any) -> Any:
    names = {"a", "b"}
    f = compile(lambda x, key: x * 2 if key in names else x)
    found = [f(x3, "a"), f(x3, "c")]
    names.add("c")
    return [*found, f(x3, "c")]


@works
def a_list_of_weights_that_grows(compile: Any) -> Any:
    weights = [torch.ones(3)]

    def f(x: Any) -> Any:
        for w in weights:
            x = x * w
        return x

    f = compile(f)
    found = [f(x3)]
    weights.append(torch.full((3,), 2.0))
    found.append(f(x3))
    weights[0] = torch.zeros(3)
    return [*found, f(x3)]


@works
def writing_a_tensors_part_later(compile: Any) -> Any:
    table = torch.zeros(4, 3)

    def f(x: Any, row: Any) -> Any:
        table[row] = x
        return table.sum()

    f = compile(f)
    return [f(x3, torch.tensor(1)), f(x3, torch.tensor(2)), f(x3 * 2, 3), table]


@works
def results_that_share_memory(compile: Any) -> Any:
    f = compile(lambda x: ((y := x * 2), y[:2], y.detach()))
    y, part, apart = f(x3)
    part.zero_()
    apart.add_(1.0)
    return [y, part, apart]


@works
def a_result_that_shares_memory_with_a_parameter(compile: Any) -> Any:
    w = torch.ones(3, requires_grad=True)
    rows = compile(lambda x: (x * w, w[1:], w.detach()))
    product, part, plain = rows(x3)
    (product.sum() + (part * 3).sum()).backward()
    with torch.no_grad():
        part.fill_(5.0)
    return [w, w.grad, plain]


@works
def an_infinite_derivative_beside_the_loss(compile: Any) -> Any:
    x = torch.zeros(3, requires_grad=True)
    loss, _ = compile(lambda x: ((x * 2).sum(), x.sqrt()))(x)
    loss.backward()
    return x.grad


@works
def adding_to_a_row_by_a_traced_index(compile: Any) -> Any:
    def f(x: Any, i: Any) -> Any:
        x[i] += 1.0
        x[i, i] *= 2.0
        return x

    x = torch.zeros(3, 3)
    f = compile(f)
    f(x, torch.tensor(1))
    return f(x, torch.tensor(2))


@works
def counts_and_truths_among_the_results(compile: Any) -> Any:
    def f(x: Any, y: Any) -> Any:
        right = (x.argmax(1) == y).sum().item()
        total = 0
        for row in y:
            total += row.item()
        return right, right / len(y), 100.0 * right, 3 - right * 2, -right, total, (y > 0).all().item(), x * right

    f = compile(f)
    found = [f(torch.eye(3), torch.tensor(labels)) for labels in ([0, 1, 2], [2, 1, 0], [1, 1, 1])]
    return [(each, [type(part).__name__ for part in each]) for each in found]


@eager("no values yet")
def a_count_as_an_index(compile: Any) -> Any:
    return compile(lambda x, y: x[(y > 0).sum().item()])(x3, torch.tensor([1, 0]))


@eager("no values yet")
def a_loop_over_a_count(compile: Any) -> Any:
    return compile(lambda x, y: [x * k for k in range(y.sum().item())])(x3, torch.tensor([1, 1]))


@eager(r"write x\[i\] = ")
def writing_into_a_row_by_a_traced_index(compile: Any) -> Any:
    x = torch.zeros(3, 3)
    compile(lambda x, i: x[i].add_(1.0).sum())(x, torch.tensor(1))
    return x


@works
def an_inplace_transpose_at_every_call(compile: Any) -> Any:
    w = torch.arange(9.0).reshape(3, 3)

    def f(x: Any) -> Any:
        w.t_()
        w.add_(x)
        return w * 1

    f = compile(f)
    return [f(x3) for _ in range(4)]


@works
def batches_of_every_size(compile: Any) -> Any:
    f = compile(lambda x: (x - x.mean(0)) / x.shape[0], dynamic=True)
    return [f(torch.arange(2.0 * n).reshape(n, 2)) for n in (4, 7, 3, 12, 30, 2, 1, 5)]


@works
def a_branch_on_a_size_that_varies(compile: Any) -> Any:
    f = compile(lambda x: x * 2 if (x + 1).shape[0] > 5 else x * 3, dynamic=True)
    return [f(torch.ones(n)) for n in (2, 3, 4, 5, 6, 7, 8, 9)]


@works
def a_loop_over_a_size_that_varies(compile: Any) -> Any:
    def f(x: Any) -> Any:
        total = torch.zeros(())
        for i in range(x.shape[0]):
            total = total + x[i] * i
        return total

    f = compile(f, dynamic=True)
    return [f(torch.ones(n)) for n in (2, 3, 4, 5, 6)]


@works
def a_slice_that_is_cut_off(compile: Any) -> Any:
    f = compile(lambda x: x[:6].sum() / x[:6].shape[0], dynamic=True)
    return [f(torch.arange(float(n))) for n in (9, 10, 11, 12, 5, 3)]


@works
def padding_to_a_multiple(compile: Any) -> Any:
    f = compile(lambda x: F.pad(x, (0, -x.shape[0] % 4)).view(-1, 4).sum(0), dynamic=True)
    return [f(torch.arange(float(n))) for n in (8, 16, 24, 32, 9, 30, 7)]


@eager("is disabled")
def a_function_that_is_not_to_be_compiled(compile: Any) -> Any:
    helper = torch.compiler.disable(lambda x: x + 1)
    return compile(lambda x: helper(x) * 2)(x3)


@eager("graph_break")
def a_break_in_the_graph(compile: Any) -> Any:
    def f(x: Any) -> Any:
        y = x * 2
        torch._dynamo.graph_break()
        return y + 1

    return compile(f)(x3)


@works
def a_stance_for_a_while(compile: Any) -> Any:
    f = compile(lambda x: x * 2)
    found = [f(x3)]
    with torch.compiler.set_stance("force_eager"):
        found.append(f(torch.ones(5)))
    return [*found, f(x3)]


@works
def memory_read_by_strides(compile: Any) -> Any:
    f = compile(lambda x: ((y := x * 2).as_strided((2, 2), (1, 1)).clone(), y.as_strided((3,), (1,)).zero_(), y)[0::2])
    return list(f(torch.arange(6.0)))


@works
def a_running_product_with_a_zero(compile: Any) -> Any:
    def f(x: Any) -> Any:
        w = x.detach().requires_grad_()
        w.cumprod(0).sum().backward()
        return w.grad

    f = compile(f)
    return [f(torch.tensor([2.0, 3.0, 4.0])), f(torch.tensor([2.0, 0.0, 4.0])), f(torch.tensor([0.0, 0.0, 1.0]))]


@works
def slopes_drawn_for_negative_numbers(compile: Any) -> Any:
    f = compile(lambda x: F.rrelu(x, training=True))
    return [f(torch.tensor([-1.0, 2.0, -3.0])), f(torch.tensor([-1.0, -2.0, -3.0])), torch.rand(2)]


@works
def a_distribution_in_a_step(compile: Any) -> Any:
    """Its parameters and values are not known while the step is recorded, and are not checked then."""
    policy = torch.nn.Linear(4, 3)

    def act(x: Any) -> Any:
        with torch.no_grad():
            found = torch.distributions.Categorical(logits=policy(x))
            action = found.sample()
            return action, found.log_prob(action), found.entropy()

    act = compile(act)
    return [act(torch.arange(8.0).reshape(2, 4)), act(torch.ones(2, 4)), torch.rand(2)]


@works
def a_scheduler_that_steps_inside(compile: Any) -> Any:
    w = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()
        scheduler.step()
        return w.detach().clone()

    step = compile(step)
    return [step(torch.ones(3)), step(torch.ones(3)), scheduler.get_last_lr(), scheduler.last_epoch]


@eager("or its state")
def random_numbers_on_the_side(compile: Any) -> Any:
    def f(x: Any) -> Any:
        with torch.random.fork_rng():
            noise = torch.rand(3)
        return x + noise + torch.rand(3)

    f = compile(f)
    return [f(x3), f(x3), torch.rand(3)]


@works
def an_attribute_set_by_its_name(compile: Any) -> Any:
    place = SimpleNamespace()

    def f(x: Any) -> Any:
        setattr(place, "last", x * 2)  # noqa: B010
        place.first = x
        return x + 1

    f = compile(f)
    return [f(x3), place.last, place.first, f(x3 + 1), place.last, place.first]


@works
def a_tensor_of_a_class(compile: Any) -> Any:
    class Meter:
        total = torch.zeros(3)

    def f(x: Any) -> Any:
        Meter.total = Meter.total + x
        return Meter.total * 2

    f = compile(f)
    return [f(x3), f(x3), Meter.total]


def test_what_is_no_number_behind_a_mask_is_met_as_in_eager_mode() -> None:
    def f(query: Any, value: Any) -> Any:
        return F.scaled_dot_product_attention(query, query, value, is_causal=True)

    query, value = torch.randn(1, 2, 64, 16), torch.randn(1, 2, 64, 16)
    value[:, :, -1] = math.nan
    assert torch.compile(f, fullgraph=True)(query, value).isnan().all() and f(query, value).isnan().all()
    torch.compile(f, fullgraph=True, check=1)(query, value)
    value[:, :, -1] = 1.0
    torch.testing.assert_close(torch.compile(f, fullgraph=True, check=1)(query, value), f(query, value))


def test_a_thousand_functions_leave_memory_flat() -> None:
    """Python's objects, and all that numpy and LLVM have asked the system for."""

    def run(count: int) -> None:
        for number in range(count):
            w = torch.full((64, 64), float(number), requires_grad=True)
            f = torch.compile(lambda x, w=w: (x * w).sum(), fullgraph=True)
            f(torch.ones(64, 64)).backward()
        gc.collect()

    def resident() -> int:
        statm = Path("/proc/self/statm")
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0

    run(200)  # until the heap is as large as the work wants it
    grown = []
    for _ in range(2):  # a leak grows each time; Python's own tables (of interned strings) now and then
        before = sys.getallocatedblocks(), resident()
        run(400)
        grown.append((sys.getallocatedblocks() - before[0], resident() - before[1]))
    assert min(blocks for blocks, _ in grown) < 400, f"{grown} blocks and bytes have not been given back"
    assert min(size for _, size in grown) < 1_500_000, f"{grown} blocks and bytes have not been given back"
