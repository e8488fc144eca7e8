"""`wengert.compile`: the same as the function itself, with nothing frozen that may change, and nothing silent."""

from __future__ import annotations

import copy
import cProfile
import io
import logging
import pickle
import re
import sys
import threading
import types
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import wengert as torch
from tests.training_steps import classifying_step
from wengert.core.errors import TraceError
from wengert.nn import functional as F

pytestmark = pytest.mark.filterwarnings("error")


def close(found: Any, expected: Any) -> bool:
    """Whether two tensors are the same up to rounding: a compiled step adds up in another order."""
    same = found.dtype == expected.dtype and found.shape == expected.shape
    wide = 1e-10 if found.dtype == torch.float64 else 2e-5
    return same and torch.allclose(found.double(), expected.double(), rtol=wide, atol=wide / 10, equal_nan=True)


def trained(compiled: bool, make: Callable[[], tuple[Any, Any]], steps: int = 5, **options: Any) -> list[Any]:
    """What ``steps`` calls of a step give, and the state of the model afterwards."""
    torch.manual_seed(0)
    step, model = make()
    if compiled:
        step = torch.compile(step, fullgraph=True, **options)
    torch.manual_seed(1)
    results = [step(torch.randn(6, 4), torch.randint(0, 3, (6,))) for _ in range(steps)]
    return [*results, *(value.clone() for value in model.state_dict().values()), torch.rand(3)]


def same(make: Callable[[], tuple[Any, Any]], programs: int = 1, **options: Any) -> None:
    plain, compiled = trained(False, make, **options), trained(True, make, **options)
    assert all(close(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(plain, compiled, strict=True))


def classifier() -> Any:
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, amsgrad=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.01),
    "adadelta": lambda p: torch.optim.Adadelta(p),
    "adamax": lambda p: torch.optim.Adamax(p),
    "nadam": lambda p: torch.optim.NAdam(p),
    "radam": lambda p: torch.optim.RAdam(p),
    "asgd": lambda p: torch.optim.ASGD(p),
    "rprop": lambda p: torch.optim.Rprop(p),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_steps_with_every_optimiser_and_a_schedule(name: str) -> None:
    def make() -> tuple[Any, Any]:
        model = classifier()
        optimizer = OPTIMIZERS[name](model.parameters())
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
        step = classifying_step(model, optimizer)
        inner = torch.compile(step, fullgraph=True) if compiled else step

        def outer(x: Any, y: Any) -> Any:
            loss = inner(x, y)
            schedule.step()
            return loss

        steps.append(inner)
        return outer, model

    steps: list[Any] = []
    compiled = False
    plain = trained(False, make)
    compiled = True
    found = trained(False, make)
    assert all(close(a, b) for a, b in zip(plain, found, strict=True))
    assert len(steps[1].programs) == 1, "a schedule is no reason to record anew"


def test_accumulation_clipping_and_zero_grad_both_ways() -> None:
    for to_none in (True, False):
        def make(to_none: bool = to_none) -> tuple[Any, Any]:
            model = classifier()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

            def step(x: Any, y: Any) -> Any:
                optimizer.zero_grad(set_to_none=to_none)
                for part in (0, 1):
                    (F.cross_entropy(model(x[part * 3: part * 3 + 3]), y[part * 3: part * 3 + 3]) / 2).backward()
                norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
                optimizer.step()
                return norm

            return step, model

        same(make)


def test_batch_norm_in_both_modes() -> None:
    def make() -> tuple[Any, Any]:
        nn = torch.nn
        model = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))

        def step(x: Any, y: Any) -> Any:
            return F.cross_entropy(model(x), y).detach()

        inner = torch.compile(step) if compiled else step

        def outer(x: Any, y: Any) -> Any:
            model.train()
            first = inner(x, y)
            model.eval()
            return first + inner(x, y)

        return outer, model

    compiled = False
    plain = trained(False, make)
    compiled = True
    assert all(close(a, b) for a, b in zip(plain, trained(False, make), strict=True))


def test_two_steps_over_shared_state() -> None:
    def run(compiled: bool) -> list[Any]:
        torch.manual_seed(0)
        generator, critic = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
        of_generator = torch.optim.Adam(generator.parameters(), lr=0.01)
        of_critic = torch.optim.Adam(critic.parameters(), lr=0.01)

        def step_critic(real: Any, noise: Any) -> Any:
            of_critic.zero_grad()
            loss = F.softplus(-critic(real)).mean() + F.softplus(critic(generator(noise).detach())).mean()
            loss.backward()
            of_critic.step()
            return loss.detach()

        def step_generator(noise: Any) -> Any:
            of_generator.zero_grad()
            loss = F.softplus(-critic(generator(noise))).mean()
            loss.backward()
            of_generator.step()
            return loss.detach()

        if compiled:
            step_critic, step_generator = torch.compile(step_critic), torch.compile(step_generator)
        return [value for _ in range(4)
                for value in (step_critic(torch.randn(5, 3), torch.randn(5, 2)), step_generator(torch.randn(5, 2)))]

    assert all(map(close, run(True), run(False)))


# --- differentiated outside -------------------------------------------------------------------------------------------


def test_a_compiled_model_is_differentiated_outside() -> None:
    torch.manual_seed(0)
    model = classifier()
    compiled = torch.compile(model)
    x = torch.randn(5, 4, requires_grad=True)

    def gradients(f: Any) -> list[Any]:
        model.zero_grad()
        x.grad = None
        f(x * 2).square().sum().backward()
        return [x.grad, *(p.grad for p in model.parameters())]

    assert all(close(a, b) for a, b in zip(gradients(compiled), gradients(model), strict=True))
    assert compiled(x).grad_fn.name() == "CompiledFunctionBackward0"
    with torch.no_grad():
        assert not compiled(x).requires_grad


def test_second_derivatives_of_a_compiled_function() -> None:
    w = torch.tensor([0.3, -0.7], dtype=torch.float64, requires_grad=True)

    def f(x: Any) -> Any:
        return (torch.sin(x * w) * x).sum()

    def second(f: Any) -> list[Any]:
        x = torch.tensor([1.1, 0.4], dtype=torch.float64, requires_grad=True)
        grad, = torch.autograd.grad(f(x), x, create_graph=True)
        return list(torch.autograd.grad(grad.square().sum(), (x, w)))

    assert all(torch.allclose(a, b) for a, b in zip(second(torch.compile(f)), second(f), strict=True))


def test_a_gradient_penalty_inside_the_step() -> None:
    def make() -> tuple[Any, Any]:
        model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

        def step(x: Any, y: Any) -> Any:
            optimizer.zero_grad()
            x = x.clone().requires_grad_()
            out = model(x).sum()
            grad, = torch.autograd.grad(out, x, create_graph=True)
            ((grad.norm(dim=1) - 1) ** 2).mean().backward()
            optimizer.step()
            return out.detach()

        return step, model

    same(make)


def test_backward_notices_a_parameter_that_was_written_to() -> None:
    model = torch.nn.Linear(2, 1)
    loss = torch.compile(model)(torch.ones(1, 2, requires_grad=True)).square().sum()
    with torch.no_grad():
        model.weight.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


# --- nothing is frozen ------------------------------------------------------------------------------------------------


alpha = 2.0
settings = {"scale": 1.0, "deep": {"bias": 0.5}}
weight = torch.ones(2)


class Holder:
    factor = 3

    def __init__(self) -> None:
        self.shift = 1.0

    def __call__(self, x: Any) -> Any:
        return x * self.factor + self.shift


def test_floats_among_the_arguments_are_inputs() -> None:
    f = torch.compile(lambda x, lr, pair=(1.0, 2.0): x * lr + pair[1])
    assert [f(torch.ones(1), lr).item() for lr in (0.5, 1.5, -2.0)] == [2.5, 3.5, 0.0]
    assert f(torch.ones(1), 1.0, (0.0, 7.0)).item() == 8.0
    assert len(f.programs) == 2  # with and without the pair


def test_what_is_found_out_about_a_float_is_guarded() -> None:
    f = torch.compile(lambda x, lr: x * lr if lr > 1 else x - lr)
    assert [f(torch.ones(1), lr).item() for lr in (2.0, 3.0, 0.5, 0.25, 4.0)] == [2.0, 3.0, 0.5, 0.75, 4.0]
    assert len(f.programs) == 2
    import math

    g = torch.compile(lambda x, lr: x * math.sqrt(lr))
    assert [g(torch.ones(1), lr).item() for lr in (4.0, 9.0, 4.0)] == [2.0, 3.0, 2.0]
    assert len(g.programs) == 2


def test_python_values_that_a_function_reads_are_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    beta = 1.0
    holder = Holder()

    def function(x: Any) -> Any:
        return holder(x * alpha) * beta + settings["scale"] + settings["deep"]["bias"]

    compiled = torch.compile(function)
    x = torch.tensor([1.0, 2.0])

    def check(count: int) -> None:
        assert close(compiled(x), function(x))
        assert len(compiled.programs) == count

    check(1)
    check(1)
    monkeypatch.setitem(globals(), "alpha", 5.0)
    check(2)
    beta = 3.0
    check(3)
    holder.shift = 7.0
    check(4)
    monkeypatch.setattr(Holder, "factor", 4)
    check(5)
    monkeypatch.setitem(settings["deep"], "bias", 9.0)
    check(6)
    holder.factor = 11  # hides that of the class
    check(7)


def test_an_attribute_is_no_global_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    holder = Holder()
    holder.alpha = 2.0
    compiled = torch.compile(lambda x: x * holder.alpha, fullgraph=True)
    assert compiled(torch.ones(1)).item() == 2.0
    monkeypatch.setitem(globals(), "alpha", 5.0)
    assert compiled(torch.ones(1)).item() == 2.0 and len(compiled.programs) == 1
    holder.alpha = 3.0
    assert compiled(torch.ones(1)).item() == 3.0 and len(compiled.programs) == 2


def _double(model: Any, optimizer: Any) -> None:
    model.double()


def _unfreeze(model: Any, optimizer: Any) -> None:
    model[1].bias.requires_grad_(True)


def _momentum(model: Any, optimizer: Any) -> None:
    for group in optimizer.param_groups:
        group.update({"momentum": 0.5} if "momentum" in group else {"amsgrad": True})


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("change", [_double, _unfreeze, _momentum])
@pytest.mark.parametrize("steps", [0, 2])
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_state_that_no_longer_fits_the_parameters_goes_on_as_in_eager_mode(
    optimizer: str, steps: int, change: Callable[[Any, Any], None]
) -> None:
    """The next step makes it anew or converts it; that is done before the step is recorded."""
    found = []
    for wrap in (lambda step: step, lambda step: torch.compile(step, fullgraph=True)):
        torch.manual_seed(0)
        nn = torch.nn
        model = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
        model[1].bias.requires_grad_(change is not _unfreeze)
        settings = {"momentum": 0.0 if change is _momentum else 0.9} if optimizer == "SGD" else {}
        made = getattr(torch.optim, optimizer)(model.parameters(), lr=0.1, **settings)
        step, losses = wrap(classifying_step(model, made)), []
        for turn in range(steps + 4):
            if turn == steps:
                change(model, made)
            x = torch.randn(6, 4).to(model[1].weight.dtype)
            losses.append(step(x, torch.tensor([0, 1, 2, 0, 1, 2])).item())
        found.append((losses, [p.detach() for p in model.parameters()],
                      [value.dtype for state in made.state.values() for value in state.values()]))
    (eager, its, dtypes), (compiled, mine, others) = found
    assert compiled == pytest.approx(eager, rel=1e-5) and dtypes == others
    assert all(torch.allclose(one, other, rtol=1e-4, atol=1e-6) for one, other in zip(its, mine, strict=True))


def test_tensors_that_are_bound_anew_are_found_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    f = torch.compile(lambda x: x * weight)
    assert f(torch.ones(2)).tolist() == [1, 1]
    monkeypatch.setitem(globals(), "weight", torch.tensor([2.0, 3.0]))
    assert f(torch.ones(2)).tolist() == [2, 3]
    assert len(f.programs) == 1


@pytest.mark.parametrize("change", [
    lambda m: m.eval(), lambda m: setattr(m[1], "p", 0.9), lambda m: setattr(m[2], "eps", 0.5),
    lambda m: setattr(m[0], "weight", torch.nn.Parameter(torch.ones(4, 4))),
    lambda m: m.__setitem__(0, torch.nn.Identity()),
])
def test_modules_are_guarded(change: Callable[[Any], Any]) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout(0.0), torch.nn.LayerNorm(4))
    compiled = torch.compile(model, fullgraph=True)
    x = torch.randn(2, 4)
    assert close(compiled(x), model(x))
    change(model)
    torch.manual_seed(3)
    plain = model(x)
    torch.manual_seed(3)
    assert close(compiled(x), plain)


# --- nothing is silent ------------------------------------------------------------------------------------------------


counter = [0]
seen: list[Any] = []


def counts(x: Any) -> Any:
    counter[0] += 1
    return x + counter[0]


def appends(x: Any) -> Any:
    seen.append(x.detach())
    return x


def asks(x: Any) -> Any:
    if x.sum() > 0:
        return x
    return -x


def draws_from_outside(x: Any) -> Any:
    import random

    return x * random.random()


@pytest.mark.parametrize(("function", "words"), [
    (counts, "changes counter"), (appends, "changes seen"), (asks, "value of a tensor"),
    (draws_from_outside, r"random.random\(\)"),
])
def test_what_cannot_be_recorded_runs_eagerly_and_says_so_once(function: Any, words: str) -> None:
    counter[0], seen[:] = 0, []
    compiled = torch.compile(function)
    first, last = function.__code__.co_firstlineno, max(line for *_, line in function.__code__.co_lines() if line)
    with pytest.warns(UserWarning, match=words) as caught:
        compiled(torch.ones(2))
    said = re.search(r"test_compile.py:(\d+)", str(caught[0].message))
    assert said is not None and first < int(said[1]) <= last and caught[0].filename == __file__
    compiled(torch.ones(2))
    assert counter[0] in (0, 2) and len(seen) in (0, 2)
    counter[0] = 0
    with pytest.raises(TraceError, match=words):
        torch.compile(function, fullgraph=True)(torch.ones(2))
    assert counter[0] == 0, "an attempt to record leaves everything as it was"


def test_a_print_is_told() -> None:
    def function(x: Any) -> Any:
        print("here")
        return x

    with pytest.warns(UserWarning, match="prints while"):
        torch.compile(function)(torch.ones(1))


class Output(io.StringIO):
    """A notebook's output: Python code of some package, which keeps what was written until another takes it."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[str] = []
        self.calls = 0
        self.taken = ""

    def write(self, text: str) -> int:
        self.calls += 1
        self.waiting.append(text)
        self.hand_on()
        return len(text)

    def hand_on(self) -> None:
        """What another thread does now and then: it takes all, and leaves a new list."""
        self.taken += "".join(self.waiting)
        self.waiting = []


def _logs() -> None:
    logger = logging.getLogger("of a step")
    handler = logging.StreamHandler(sys.stdout)
    logger.addHandler(handler)
    try:
        logger.warning("here")
    finally:
        logger.removeHandler(handler)


def _shows(message: Any, category: Any, *_: Any) -> None:
    OUTPUT[0].write(f"{message}")


OUTPUT: list[Output] = []
SAYINGS: dict[str, Any] = {
    "print": lambda: print("here"), "print at once": lambda: print("here", flush=True),
    "write": lambda: sys.stdout.write("here"), "to the errors": lambda: print("here", file=sys.stderr),
    "log": _logs, "warn": lambda: warnings.warn("here", stacklevel=1),
    "print of an object": lambda: print(types.SimpleNamespace(x="here")),
}


@pytest.mark.parametrize("way", SAYINGS)
def test_where_a_recorded_function_prints_to_is_left_alone(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    output, says = Output(), SAYINGS[way]
    OUTPUT[:] = [output]
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(sys, "stderr", output)

    def function(x: Any) -> Any:
        says()
        return 2 * x

    compiled = torch.compile(function, fullgraph=True)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = _shows
        first = compiled(torch.ones(2))
    said, calls = output.taken, output.calls
    assert first.tolist() == compiled(torch.ones(2)).tolist() == [2, 2] and len(compiled.programs) == 1
    assert said.count("here") == 1 and calls >= 1 and output.waiting == [], "not put back to what it was before"
    assert (output.taken, output.calls) == (said, calls), "a replay prints nothing"
    assert "prints while function is recorded" in said


def test_what_is_read_after_a_print_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Output())
    settings = {"factor": 2.0}

    def factor() -> float:
        return settings["factor"]

    def function(x: Any) -> Any:
        print("here")
        return factor() * x

    compiled = torch.compile(function, fullgraph=True)
    with pytest.warns(UserWarning, match="prints while"):
        found = [compiled(torch.ones(1)).item()]
        settings["factor"] = 3.0
        found.append(compiled(torch.ones(1)).item())
    assert found == [2, 3]


def test_too_many_shapes_end_in_eager_calls_and_say_what_differed() -> None:
    f = torch.compile(lambda x: x.sum(), dynamic=False)
    with pytest.warns(UserWarning, match=r"shape \(8,\) then and has \(9,\) now"):
        assert [f(torch.ones(n)).item() for n in range(1, 12)] == list(range(1, 12))
    assert len(f.programs) == 8


def test_an_error_of_the_users_is_the_users() -> None:
    def function(x: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        torch.compile(function)(torch.ones(1))


# --- forms ------------------------------------------------------------------------------------------------------------


def test_methods_decorators_nesting_and_copies() -> None:
    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(2, 2)

        @torch.compile
        def forward(self, x: Any) -> Any:
            return self.layer(x) * 2

    model = Model()
    x = torch.ones(1, 2)
    assert close(model(x), model.layer(x) * 2)

    @torch.compile(fullgraph=True)
    def outer(x: Any) -> Any:
        return model(x) + 1

    assert close(outer(x), model(x) + 1)
    plain = torch.nn.Linear(2, 2)
    plain.compile()
    assert plain(x).grad_fn.name() == "CompiledFunctionBackward0"
    again = pickle.loads(pickle.dumps(copy.deepcopy(torch.compile(torch.nn.Linear(2, 2)))))
    assert again(x).shape == (1, 2)
    assert list(torch.compile(plain).state_dict()) == ["_orig_mod.weight", "_orig_mod.bias"]
    assert torch.compile(plain).in_features == 2
    assert torch.compile(plain, disable=True) is plain


def test_nests_of_arguments_and_results() -> None:
    from typing import NamedTuple

    class Pair(NamedTuple):
        a: Any
        b: Any

    f = torch.compile(lambda p, d: {"sum": Pair(p.a + p.b, 1), "list": [d["x"] * 2, None, "s"]}, fullgraph=True)
    found = f(Pair(torch.ones(1), torch.ones(1)), {"x": torch.ones(2)})
    assert found["sum"].a.item() == 2 and found["sum"].b == 1 and found["list"][0].tolist() == [2, 2]
    assert found["list"][1:] == [None, "s"]


def test_two_threads() -> None:
    w = torch.ones(3)
    f = torch.compile(lambda x: (x * w).sum())
    results: list[Any] = []

    def run(value: float) -> None:
        results.extend((value, f(torch.full((3,), value)).item()) for _ in range(20))

    threads = [threading.Thread(target=run, args=(float(i),)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 80 and all(found == 3 * value for value, found in results)


def test_check_runs_both() -> None:
    def make() -> tuple[Any, Any]:
        model = classifier()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        return classifying_step(model, optimizer), model

    plain = trained(False, make)
    found = trained(True, make, check=3)
    assert all(close(a, b) for a, b in zip(plain, found, strict=True))


def test_nothing_warns_where_nothing_is_wrong() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.compile(lambda x: x.relu().sum())(torch.ones(3, requires_grad=True)).backward()


def test_a_backward_half_leaves_out_what_nobody_wants() -> None:
    """Here the gradient with regard to x, which the rule of group normalisation gives as well."""
    model = torch.nn.GroupNorm(2, 4)
    f = torch.compile(lambda x: model(x).sum() + model.bias.sum(), fullgraph=True)
    f(torch.randn(3, 4)).backward()
    assert model.bias.grad is not None and model.bias.grad.tolist() == [4.0] * 4


def test_what_is_factored_or_inverted_is_recorded() -> None:
    def f(x: Any) -> Any:
        square = x @ x.mT + torch.eye(3)
        return torch.linalg.cholesky(square), torch.linalg.inv(square), torch.linalg.solve(square, x)

    x = torch.randn(3, 3)
    assert all(torch.allclose(a, b, rtol=1e-4) for a, b in zip(torch.compile(f, fullgraph=True)(x), f(x), strict=True))


def test_tensors_that_take_another_shape_in_place() -> None:
    def run(wrap: Callable[[Any], Any]) -> list[Any]:
        s, view, leaf = torch.arange(6.0).view(2, 3), torch.arange(6.0)[1:5], torch.ones(2, 1, requires_grad=True)
        s = s.clone()

        def f(x: Any) -> Any:
            s.t_().add_(1)
            x.unsqueeze_(0).mul_(2)
            view.unsqueeze_(-1)
            with torch.no_grad():
                leaf.squeeze_()
                leaf.unsqueeze_(-1)
            return s * 2

        f, x = wrap(f), torch.ones(3)
        return [f(x).tolist() for _ in range(3)] + [t.tolist() for t in (x, s, view, leaf)] + [s.shape, x.shape]

    assert run(torch.compile) == run(lambda f: f)
    assert run(lambda f: torch.compile(f, fullgraph=True)) == run(lambda f: f)


def test_values_that_depend_on_nothing_can_be_looked_at() -> None:
    def f(x: Any) -> Any:
        places = torch.arange(3) % 2 == 0
        return x[places], x * places.sum().item(), x.sum() if places.any() else x, x[[True, False, True]]

    x = torch.randn(3)
    assert all(torch.equal(a, b) for a, b in zip(torch.compile(f, fullgraph=True)(x), f(x), strict=True))


def test_items_are_numbers_that_are_computed_with_and_returned() -> None:
    def f(x: Any) -> Any:
        total = x.sum().item()
        return total, x / total, {"mean": total / 3 + 1}

    compiled = torch.compile(f, fullgraph=True)
    for x in (torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.5, -2.0, 0.1])):
        total, scaled, means = compiled(x)
        assert type(total) is float and (total, means) == (f(x)[0], f(x)[2]) and torch.equal(scaled, f(x)[1])
    assert len(compiled.programs) == 1


@pytest.mark.parametrize("fullgraph", [False, True])
def test_a_function_that_fails_leaves_what_it_left(fullgraph: bool) -> None:
    calls, w = [0], torch.zeros(2)

    def f(x: Any) -> Any:
        w.add_(1)
        calls[0] += 1
        raise ValueError("no")

    def g(x: Any) -> Any:
        w.add_(1)
        return x @ torch.ones(7)

    for function, error in ((f, ValueError), (g, RuntimeError)):
        w.zero_()
        with pytest.raises(error):
            torch.compile(function, fullgraph=fullgraph)(torch.ones(2))
        assert w.tolist() == [1.0, 1.0]
    assert calls == [1]


LAYOUTS = {
    "turned": lambda: torch.randn(4, 3, 5).transpose(0, 1), "channels last": lambda: torch.randn(2, 4, 5, 3).permute(
        0, 3, 1, 2), "every other": lambda: torch.randn(4, 10)[:, ::2], "twice turned": lambda: torch.randn(
        2, 3, 4, 5).permute(3, 1, 0, 2), "plain": lambda: torch.randn(3, 4)}
DRAWS = {
    "rand_like": torch.rand_like, "randn_like": torch.randn_like, "dropout": lambda x: F.dropout(x, 0.4),
    "bernoulli_": lambda x: torch.empty_like(x).bernoulli_(0.3), "normal_": lambda x: torch.zeros_like(x).normal_(),
    "exponential_": lambda x: torch.ones_like(x).exponential_(), "uniform_": lambda x: x.clone().uniform_(),
    "alpha_dropout": lambda x: F.alpha_dropout(x, 0.3, True),
    "gumbel_softmax": lambda x: F.gumbel_softmax(x, dim=-1), "randint_like": lambda x: torch.randint_like(x, 9),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("draw", DRAWS)
def test_draws_like_tensors_of_any_layout_are_those_of_eager_mode(layout: str, draw: str) -> None:
    x = LAYOUTS[layout]()
    results = []
    for wrap in (lambda function: function, torch.capture, torch.compile):
        function = wrap(lambda x: DRAWS[draw](x * 2))
        torch.manual_seed(5)
        results.append((function(x), torch.rand(3)))
    for found in results[1:]:
        torch.testing.assert_close(found, results[0])


@pytest.mark.parametrize("wrap", [torch.capture, torch.compile])
def test_what_a_result_does_not_depend_on_gets_no_gradient_from_it(wrap: Any) -> None:
    w, v = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    x = torch.arange(3.0)
    function = wrap(lambda x: ((w * x).sum(), (v * x).square().sum()))
    for _ in range(2):
        w.grad = v.grad = None
        function(x)[0].backward()
        assert w.grad is not None and v.grad is None and w.grad.tolist() == [0, 1, 2]
        found = torch.autograd.grad(function(x)[1], [w, v], allow_unused=True)
        assert found[0] is None and found[1].tolist() == [0, 2, 8]
        first = torch.autograd.grad(function(x)[1], [w, v], allow_unused=True, create_graph=True)
        assert first[0] is None
        assert torch.autograd.grad(first[1].sum(), v)[0].tolist() == [0, 2, 8]


def test_a_result_whose_history_has_been_written_over_is_refused_with_the_line() -> None:
    w, slope = torch.ones(3, requires_grad=True), torch.ones(1, requires_grad=True)

    def f(x: Any) -> Any:
        y = x * w
        z = F.prelu(y, slope)
        y.relu_()
        return y.sum(), z

    with pytest.raises(TraceError, match=r"can be differentiated were expected.*test_compile\.py:\d+"):
        torch.capture(f)(torch.ones(3))
    with pytest.warns(UserWarning, match="runs eagerly"):
        y, _ = torch.compile(f)(torch.ones(3))
    y.backward()
    assert w.grad is not None and w.grad.tolist() == [1, 1, 1]


@pytest.mark.parametrize("options", [{}, {"bidirectional": True, "num_layers": 2}])
def test_the_gradient_of_an_lstm_is_one_instruction(options: Any) -> None:
    def make() -> tuple[Any, Any]:
        torch.manual_seed(0)
        layer = torch.nn.LSTM(6, 32, **options)
        x = torch.randn(9, 8, 6, requires_grad=True)

        def step(scale: Any) -> Any:
            layer.zero_grad()
            x.grad = None
            out, (h, c) = layer(x * scale)
            loss = out.square().mean() + h.sum() * 0.1 - c.mean()
            loss.backward()
            return loss, x.grad, *[p.grad for p in layer.parameters()]

        return step, layer

    (plain, _), (function, _) = make(), make()
    compiled = torch.compile(function, fullgraph=True)
    for scale in (torch.tensor(1.0), torch.tensor(0.5)):
        assert all(close(a, b) for a, b in zip(compiled(scale), plain(scale), strict=True))
    names = [instr.primitive.name for instr in compiled.graph.instrs]
    assert names.count("lstm_gradient") == names.count("lstm") == (4 if options else 1)
    assert len(names) < 60 * names.count("lstm"), names


def test_a_second_derivative_of_an_lstm_is_recorded() -> None:
    torch.manual_seed(0)
    layer = torch.nn.LSTM(6, 32)
    x = torch.randn(4, 8, 6, requires_grad=True)

    def f(x: Any) -> Any:
        (first,) = torch.autograd.grad(layer(x)[0].square().sum(), x, create_graph=True)
        return torch.autograd.grad(first.square().sum(), x)[0]

    expected = f(x)
    assert close(torch.compile(f, fullgraph=True)(x), expected) and expected.abs().sum().item() > 0


def test_a_profiler_goes_on_after_a_recording() -> None:
    profiler = cProfile.Profile()
    step = torch.compile(lambda x: (x * 3).sum(), fullgraph=True)
    profiler.enable()
    found = step(torch.ones(4))
    torch.eye(2)
    profiler.disable()
    assert found.item() == 12
    names = {entry.code.co_name for entry in profiler.getstats() if not isinstance(entry.code, str)}
    assert {"record", "eye"} <= names
    seen = []
    sys.setprofile(lambda frame, event, _: seen.append(frame.f_code.co_name))
    step(torch.ones(5))
    torch.eye(2)
    sys.setprofile(None)
    assert {"record", "eye"} <= {*seen}
