"""`wengert.fx` without PyTorch: leaves that a module marks, tables, what lint finds, features and side effects."""

from __future__ import annotations

import math
import threading
from typing import Any

import pytest

import wengert as torch
from wengert import fx, nn


@fx.wrap
def chosen_by_value(x: Any, top: int) -> Any:
    return x if x.shape[0] > top else -x


fx.wrap("len")


def test_marked_functions_are_one_node_and_run() -> None:
    def program(x: Any) -> Any:
        return chosen_by_value(x, 3) * math.sqrt(len(x))

    traced = fx.symbolic_trace(program)
    assert [getattr(node.target, "__name__", node.target) for node in traced.graph.nodes] == [
        "x", "chosen_by_value", "len", "sqrt", "mul", "output"]
    assert traced(torch.ones(4)).tolist() == [2.0] * 4 and traced(torch.ones(1)).tolist() == [-1.0]
    assert chosen_by_value(torch.ones(4), 3).tolist() == [1.0] * 4 and len([1, 2]) == 2
    assert fx.symbolic_trace(traced).code == traced.code
    with pytest.raises(NotImplementedError, match="top level of a module"):
        fx.wrap("print")


def test_nothing_stays_changed_when_tracing_fails() -> None:
    before = nn.Module.__call__, vars(nn.Module).get("__getattr__"), math.sqrt, globals()["chosen_by_value"]
    with pytest.raises(fx.proxy.TraceError):
        fx.symbolic_trace(lambda x: x if x > 0 else -x)
    assert (nn.Module.__call__, vars(nn.Module).get("__getattr__"), math.sqrt, globals()["chosen_by_value"]) == before


def test_a_table_of_nodes(capsys: pytest.CaptureFixture[str]) -> None:
    fx.symbolic_trace(lambda x: x.add(1)).graph.print_tabular()
    assert capsys.readouterr().out.splitlines() == [
        "opcode       name    target  args    kwargs",
        "-----------  ------  ------  ------  ------",
        "placeholder  x       x       ()      {}",
        "call_method  add     add     (x, 1)  {}",
        "output       output  output  (add,)  {}",
    ]


def test_lint_finds_what_cannot_be_computed() -> None:
    graph = fx.Graph()
    x = graph.placeholder("x")
    y = graph.call_function(torch.relu, (x,))
    z = graph.call_function(torch.tanh, (y,))
    graph.output(z)
    graph.lint()
    y.append(x)
    with pytest.raises(RuntimeError, match="used before it has been defined"):
        graph.lint()
    y.prepend(x)
    y.args = (fx.Graph().placeholder("of_another"),)
    with pytest.raises(RuntimeError, match="does not belong to this Graph"):
        graph.lint()
    with pytest.raises(NotImplementedError, match="does not support mutation"):
        graph.call_function(torch.cat, ([x, x],)).args[0].append(x)
    module = fx.GraphModule(nn.Module(), fx.Graph())
    module.graph.call_module("absent")
    with pytest.raises(RuntimeError, match="nonexistent attribute absent"):
        module.graph.lint()


def test_submodules_are_added_and_taken_out() -> None:
    module = fx.symbolic_trace(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
    assert module.add_submodule("inner.more", nn.Linear(1, 1)) and module.inner.more.in_features == 1
    assert not module.add_submodule("0.weight.x", nn.ReLU()) and not module.delete_submodule("nowhere.x")
    module.delete_all_unused_submodules()
    assert [name for name, _ in module.named_modules()] == ["", "0", "1"]
    assert module.print_readable(print_output=False).startswith("class Sequential(torch.nn.Module):\n    def forward(")


def test_each_module_has_code_of_its_own() -> None:
    first, second = fx.symbolic_trace(lambda x: x + 1), fx.symbolic_trace(lambda x: x + 2)
    assert (first(1), second(1)) == (2, 3) and type(first) is not type(second)
    assert isinstance(first, fx.GraphModule)


def test_features_are_read_by_an_interpreter() -> None:
    class Seen(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            found = super().run_node(n)
            shapes[n.name] = tuple(found.shape)
            return found

    shapes: dict[str, tuple[int, ...]] = {}
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten())
    Seen(fx.symbolic_trace(model)).run(torch.ones(1, 1, 4, 4))
    assert shapes["_0"] == (1, 2, 2, 2) and shapes["_2"] == (1, 8)
    with pytest.raises(RuntimeError, match="Expected positional argument for parameter"):
        fx.Interpreter(fx.symbolic_trace(model)).run()


def test_other_threads_go_on_while_a_program_is_traced() -> None:
    layer, found = nn.Linear(2, 2), []

    def program(x: Any) -> Any:
        thread = threading.Thread(target=lambda: found.append(layer(torch.ones(1, 2)).shape))
        thread.start()
        thread.join()
        return x + 1

    fx.symbolic_trace(program)
    assert [tuple(shape) for shape in found] == [(1, 2)]


def test_a_tracer_that_traces_by_itself() -> None:
    """As torch-geometric's, which calls what PyTorch's tracer is made of by its private names."""
    st = fx._symbolic_trace

    class Tracer(fx.Tracer):
        @st.compatibility(is_backward_compatible=True)
        def trace(self, root: Any, concrete_args: Any = None) -> fx.Graph:
            self.root = root
            self.submodule_paths = {module: name for name, module in root.named_modules()}
            self.graph, self.tensor_attrs = fx.Graph(tracer_cls=type(self)), {root.held: "held"}
            function, args = self.create_args_for_root(type(root).forward, True, concrete_args)
            read: dict[str, Any] = {}

            @st.functools.wraps(st._orig_module_getattr)
            def getattr_of(module: Any, name: str) -> Any:
                return self.getattr(name, st._orig_module_getattr(module, name), read)

            @st.functools.wraps(st._orig_module_call)
            def call_of(module: Any, *args: Any, **kwargs: Any) -> Any:
                return self.call_module(module, lambda *a, **k: st._orig_module_call(module, *a, **k), args, kwargs)

            with st._Patcher() as patcher:
                patcher.patch_method(nn.Module, "__getattr__", getattr_of, deduplicate=False)
                patcher.patch_method(nn.Module, "__call__", call_of, deduplicate=False)
                st._patch_wrapped_functions(patcher)
                st._autowrap_check(patcher, function.__globals__, self._autowrap_function_ids)
                self.create_node("output", "output", (self.create_arg(function(*args)),), {})
            assert not isinstance(root.held, st.ScriptObject)
            return self.graph

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.weight, self.held = nn.Linear(2, 2), nn.Parameter(torch.ones(2)), torch.ones(2) * 3

        def forward(self, x: Any) -> Any:
            return self.layer(x) * self.weight + self.held

    net, x = Net(), torch.ones(1, 2)
    graph = Tracer().trace(net)
    assert [node.op for node in graph.nodes] == ["placeholder", "call_module", "get_attr", "call_function", "get_attr",
                                                 "call_function", "output"]
    assert torch.equal(fx.GraphModule(net, graph)(x), net(x))
    assert nn.Module.__call__ is st._orig_module_call
