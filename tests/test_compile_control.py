"""torch.compiler, torch._dynamo, torch._inductor and torch.jit as programs use them beside compile."""

from __future__ import annotations

import dataclasses
import gc
import importlib
import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert import nn
from wengert.core.errors import TraceError


@pytest.fixture(autouse=True)
def as_it_was() -> Any:
    yield
    torch.compiler.set_stance("default")
    torch._dynamo.config.recompile_limit = 8


def test_reset_forgets_programs_and_what_was_given_up() -> None:
    switch = {"branches": True}

    @torch.compile
    def f(x: Any) -> Any:
        return x * 2 if not switch["branches"] or x.sum() > 0 else x

    with pytest.warns(UserWarning, match="runs eagerly"):
        f(torch.ones(2))
    switch["branches"] = False
    assert f.eager is not None
    torch.compiler.reset()
    f(torch.ones(2))
    assert f.eager is None and len(f.programs) == 1
    torch._dynamo.reset()
    assert f.programs == []


def test_compiled_functions_are_not_kept_alive_by_the_list_of_them() -> None:
    from wengert.tracing.control import compiled

    f = torch.compile(lambda x: x)
    gc.collect()  # what earlier tests have dropped
    before = len(compiled)
    del f
    gc.collect()
    assert len(compiled) == before - 1


def test_is_compiling_while_a_function_is_recorded_alone() -> None:
    seen = []
    f = torch.compile(lambda x: x * (2 if torch.compiler.is_compiling() else 3), fullgraph=True)
    seen = [f(torch.ones(1)).item(), f(torch.ones(1)).item(), torch.compiler.is_compiling()]
    assert seen == [2.0, 2.0, False] and not torch.compiler.is_exporting()
    assert torch._dynamo.is_compiling() is torch.compiler.is_dynamo_compiling() is False


def test_a_disabled_function_is_not_compiled_nor_recorded() -> None:
    @torch.compiler.disable(reason="it looks at a file")
    def g(x: Any) -> Any:
        """It has a text."""
        return x + 1

    assert g.__doc__ == "It has a text." and torch.compile(g) is g
    f = torch.compile(lambda x: g(x) * 2)
    with pytest.warns(UserWarning, match="g is disabled: it looks at a file"):
        assert f(torch.ones(1)).item() == 4.0
    with pytest.raises(TraceError, match="disabled"):
        torch.compile(lambda x: g(x) * 2, fullgraph=True)(torch.ones(1))
    layer = torch.compiler.disable(nn.Linear(2, 2))
    with pytest.raises(TraceError, match="disabled"):
        torch.compile(layer, fullgraph=True)(torch.ones(1, 2))


def test_an_assumed_constant_is_read_once() -> None:
    state = {"n": 2.0}
    assumed = torch.compiler.assume_constant_result(lambda: state["n"])
    f = torch.compile(lambda x: x * assumed(), fullgraph=True)
    g = torch.compile(lambda x: x * state["n"], fullgraph=True)
    assert f(torch.ones(1)).item() == g(torch.ones(1)).item() == 2.0
    state["n"] = 5.0
    assert f(torch.ones(1)).item() == 2.0 and g(torch.ones(1)).item() == 5.0
    assert len(f.programs) == 1 and len(g.programs) == 2


def test_stances() -> None:
    f = torch.compile(lambda x: x * 2, fullgraph=True)
    f(torch.ones(2))
    calls = f.programs[0].calls
    with torch.compiler.set_stance("force_eager"):
        f(torch.ones(2))
        late = torch.compile(lambda x: x * 3)
        assert late(torch.ones(3)).sum() == 9 and not late.programs
    assert f.programs[0].calls == calls and f.eager is None
    late(torch.ones(3))
    assert len(late.programs) == 1
    with torch.compiler.set_stance("eager_on_recompile"):
        assert f(torch.ones(3)).sum() == 6 and len(f.programs) == 1
    torch.compiler.set_stance("fail_on_recompile")
    f(torch.ones(2))
    with pytest.raises(RuntimeError, match="had shape"):
        f(torch.ones(3))
    torch.compiler.set_stance("default")

    @torch.compiler.set_stance("force_eager")
    def run() -> int:
        f(torch.ones(5))
        return len(f.programs)

    assert run() == 1
    f(torch.ones(5))
    assert len(f.programs) == 2
    with pytest.raises(RuntimeError, match="a stance among"):
        torch.compiler.set_stance("lazy")


def test_a_function_that_was_given_up_stays_so_through_a_stance() -> None:
    f = torch.compile(lambda x: x if x.sum() > 0 else -x)
    with pytest.warns(UserWarning, match="runs eagerly"):
        f(torch.ones(2))
    why = f.eager
    with torch.compiler.set_stance("force_eager"):
        assert f.eager != why
    assert f.eager == why


def test_numpy_functions_take_and_give_tensors() -> None:
    f = torch.compiler.wrap_numpy(lambda x, y=None: {"sum": x.sum(0), "pair": (x + 1, y)})
    found = f(torch.ones(2, 3, requires_grad=True), y=4)
    assert found["sum"].tolist() == [2.0] * 3 and found["pair"][0].shape == (2, 3) and found["pair"][1] == 4
    with pytest.raises(TraceError, match="numpy"):
        torch.compile(lambda x: f(x)["sum"], fullgraph=True)(torch.ones(2))


@dataclasses.dataclass
class Pair:
    first: Any
    second: Any


def test_wrap_numpy_takes_and_gives_dataclasses() -> None:
    f = torch.compiler.wrap_numpy(lambda pair: Pair(np.cumsum(pair.first), pair.second.x))
    found = f(Pair(torch.ones(3), SimpleNamespace(x=torch.zeros(2))))
    assert isinstance(found, Pair)
    assert found.first.tolist() == [1.0, 2.0, 3.0] and found.second.tolist() == [0.0, 0.0]


def test_what_there_is_nothing_to_say_about() -> None:
    def f(x: Any) -> Any:
        return x

    assert torch.compiler.allow_in_graph(f) is f and torch.compiler.cudagraph_mark_step_begin() is None
    assert "inductor" in torch.compiler.list_backends()
    assert torch.compile(f, backend="inductor")(torch.ones(1)) == 1
    assert torch.compiler.compile(f)(torch.ones(1)) == 1


def test_the_limit_of_recordings_is_a_switch() -> None:
    torch._dynamo.config.cache_size_limit = 2
    assert torch._dynamo.config.recompile_limit == 2
    f = torch.compile(lambda x: x * 2)
    with pytest.warns(UserWarning, match="recorded 2 times"):
        for n in (2, 3, 4):
            f(torch.ones(n))
    with torch._dynamo.config.patch(recompile_limit=5, suppress_errors=True):
        assert torch._dynamo.config.cache_size_limit == 5 and torch._dynamo.config.suppress_errors
    assert torch._dynamo.config.recompile_limit == 2 and not torch._dynamo.config.suppress_errors


@pytest.mark.parametrize("name", ["_dynamo", "_inductor"])
def test_switches_that_are_not_there_cannot_be_set(name: str) -> None:
    config = importlib.import_module(f"wengert.{name}.config")
    with pytest.raises(AttributeError, match="does not exist"):
        config.no_such_switch = 1


def test_inductors_switches_keep_what_they_are_given() -> None:
    config = torch._inductor.config
    with config.patch({"max_autotune": True}):
        assert config.max_autotune
    config.triton.cudagraphs = True
    assert not config.max_autotune and config.triton.cudagraphs
    config.triton.cudagraphs = False


def test_dynamo_explains_optimises_and_breaks() -> None:
    told = torch._dynamo.explain(lambda x: x * 2 + 1)(torch.ones(2))
    assert told.graph_count == 1 and told.op_count == 2 and told.graph_break_count == 0 and "inputs:" in str(told)
    with pytest.warns(UserWarning, match="runs eagerly"):
        told = torch._dynamo.explain(lambda x: x if x.sum() > 0 else -x, torch.ones(2))
    assert told.graph_count == 0 and "value of a tensor" in told.break_reasons[0]
    f = torch._dynamo.optimize("inductor", nopython=True)(lambda x: x * 2)
    assert f(torch.ones(1)) == 2 and len(f.programs) == 1

    def broken(x: Any) -> Any:
        y = x * 2
        torch._dynamo.graph_break()
        return y + 1

    assert broken(torch.ones(1)) == 3
    with pytest.raises(TraceError, match="graph_break"):
        torch.compile(broken, fullgraph=True)(torch.ones(1))
    with pytest.raises(NotImplementedError, match="not in wengert"):
        torch._dynamo.export(broken)
    model = torch.compile(nn.Linear(1, 1), dynamic=True)
    assert isinstance(model, torch._dynamo.OptimizedModule)
    alike = model.dynamo_ctx(lambda x: x + 1)
    assert (alike(torch.ones(2)).tolist(), len(alike.programs)) == ([2, 2], 1)


def test_names_that_are_missing_say_so() -> None:
    with pytest.raises(AttributeError, match="not in wengert yet"):
        torch.compiler.save_cache_artifacts  # noqa: B018
    with pytest.raises(AttributeError, match="not in wengert yet"):
        torch._dynamo.guards  # noqa: B018
    assert "reset" in dir(torch.compiler) and "mark_dynamic" in dir(torch._dynamo)


def test_scripted_and_traced_functions_compile() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.script(lambda x: x * 2)
        traced = torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2))
    assert torch.compile(scripted, fullgraph=True)(torch.ones(1)) == 2
    assert torch.compile(traced, fullgraph=True)(torch.ones(1, 2)).shape == (1, 2)
    inside = torch.compile(lambda x: x * (2 if torch.jit.is_scripting() or torch.jit.is_tracing() else 3))
    assert inside(torch.ones(1)) == 3


def test_arrays_of_a_wrapped_function_are_its_own() -> None:
    x = torch.ones(3)
    torch.compiler.wrap_numpy(lambda a: np.add(a, 1, out=a))(x)
    assert x.tolist() == [2.0] * 3  # the array is the tensor's memory
