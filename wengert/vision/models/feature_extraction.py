"""What happens inside a network, as results of its own: a network traced by `torch.fx`, cut after the nodes asked for.

A node is named by the module that it is in and what it is there (``layer1.0.conv1``, ``layer1.0.relu_1``,
``flatten``); a module's name stands for the last node in it.
"""

from __future__ import annotations

import inspect
import math
import re
import warnings
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

from wengert import fx, nn

from ...fx.graph_module import _copy_path as copy_path
from .. import ops

__all__ = ["create_feature_extractor", "get_graph_node_names"]

Names = Sequence[str] | dict[str, str]


class LeafModuleAwareTracer(fx.Tracer):
    """A tracer for which modules of some classes, ``leaf_modules``, are one node each."""

    def __init__(self, *args: Any, leaf_modules: Sequence[type] = (), **kwargs: Any) -> None:
        self.leaf_modules = tuple(leaf_modules)
        super().__init__(*args, **kwargs)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is one node."""
        return isinstance(m, self.leaf_modules) or super().is_leaf_module(m, module_qualified_name)


class NodePathTracer(LeafModuleAwareTracer):
    """A tracer that knows in which module each node is made: ``node_to_qualname``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.current_module_qualname = ""
        self.node_to_qualname: dict[fx.Node, str] = {}

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
                    ) -> Any:
        """Goes into a module, or makes a node of it."""
        above = self.current_module_qualname
        try:
            self.current_module_qualname = path = self.path_of_module(m)
            if self.is_leaf_module(m, path):
                return self.create_proxy("call_module", path, args, kwargs)
            return forward(*args, **kwargs)
        finally:
            self.current_module_qualname = above

    def create_proxy(self, kind: str, target: Any, args: Any, kwargs: Any, name: str | None = None,
                     type_expr: Any = None, *rest: Any) -> fx.Proxy:
        """Makes a node, and names it."""
        proxy = super().create_proxy(kind, target, args, kwargs, name, type_expr, *rest)
        self.node_to_qualname[proxy.node] = self._named(proxy.node)
        return proxy

    def _named(self, node: fx.Node) -> str:
        name = self.current_module_qualname
        if node.op != "call_module":
            name = f"{name}.{node}" if name else str(node)
        name = re.sub(r"(.)_[0-9]+$", r"\1", name)
        again = re.compile(rf"{re.escape(name)}(?:_([0-9]+))?$")
        for other in reversed(self.node_to_qualname.values()):
            found = again.match(other)
            if found is not None:
                return f"{name}_{int(found[1] or 0) + 1}"
        return name


def _settings(given: dict[str, Any] | None) -> dict[str, Any]:
    """What a tracer is told: the modules and functions of `ops` are nodes."""
    told = dict(given or {})
    blocks = [kind for kind in vars(ops).values() if inspect.isclass(kind) and issubclass(kind, nn.Module)]
    told["autowrap_modules"] = tuple({*told.get("autowrap_modules", ()), math, ops})
    told["leaf_modules"] = [*told.get("leaf_modules", ()), *blocks]
    return told


def _traced(model: nn.Module, training: bool, told: dict[str, Any], concrete_args: dict[str, Any] | None
            ) -> tuple[NodePathTracer, fx.Graph]:
    tracer = NodePathTracer(**told)
    return tracer, tracer.trace(model.train(training), concrete_args=concrete_args)


def _within(few: list[str], many: list[str]) -> bool:
    rest = iter(many)
    return all(name in rest for name in few)


def _warn_differences(train: list[str], evaluated: list[str]) -> None:
    if train == evaluated:
        return
    words = "The nodes obtained by tracing the model in train mode are different to those obtained in eval mode. "
    for few, many, names in ((evaluated, train, ("eval", "train")), (train, evaluated, ("train", "eval"))):
        if _within(few, many):
            words = (f"NOTE: The nodes obtained by tracing the model in {names[0]} mode are a subsequence of those "
                     f"obtained in {names[1]} mode. ")
            break
    warnings.warn(f"{words}When choosing nodes for feature extraction, you may need to specify output nodes for train "
                  "and eval mode separately.", stacklevel=3)


def get_graph_node_names(model: nn.Module, tracer_kwargs: dict[str, Any] | None = None,
                         suppress_diff_warning: bool = False, concrete_args: dict[str, Any] | None = None
                         ) -> tuple[list[str], list[str]]:
    """The names of a model's nodes in the order in which they run, while training and in evaluation; a warning says
    where these differ.

    >>> from wengert import nn
    >>> from wengert.vision.models.feature_extraction import get_graph_node_names
    >>> get_graph_node_names(nn.Sequential(nn.Linear(2, 3), nn.ReLU()))[0]
    ['input', '0', '1']
    """
    told, training = _settings(tracer_kwargs), model.training
    try:
        train, evaluated = (list(_traced(model, mode, told, concrete_args)[0].node_to_qualname.values())
                            for mode in (True, False))
    finally:
        model.train(training)
    if not suppress_diff_warning:
        _warn_differences(train, evaluated)
    return train, evaluated


class DualGraphModule(fx.GraphModule):
    """A module with one graph for training and one for evaluation; `train` and `eval` choose."""

    def __init__(self, root: nn.Module, train_graph: fx.Graph, eval_graph: fx.Graph, class_name: str = "GraphModule"
                 ) -> None:
        super().__init__(root, train_graph, class_name)
        for node in eval_graph.nodes:
            if node.op in ("get_attr", "call_module"):
                copy_path(root, self, node.target)
        self.train_graph, self.eval_graph = train_graph, eval_graph

    def train(self, mode: bool = True) -> DualGraphModule:
        """Training, by its graph; or, with False, evaluation."""
        graphs = self.__dict__
        wanted = graphs.get("train_graph" if mode else "eval_graph")
        if wanted is not None and mode != self.training:
            self.graph = wanted
        super().train(mode)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        held = nn.Module()
        held.__dict__.update({name: self.__dict__[name] for name in ("_parameters", "_buffers", "_modules")})
        return _dual, (held, self.train_graph, self.eval_graph, type(self).__name__, self.training)

    def __deepcopy__(self, memo: dict[int, Any]) -> DualGraphModule:
        make, parts = self.__reduce__()
        made: DualGraphModule = make(*deepcopy(parts, memo))
        return made


def _dual(root: nn.Module, train_graph: fx.Graph, eval_graph: fx.Graph, name: str, training: bool) -> DualGraphModule:
    made = DualGraphModule(root, train_graph, eval_graph, name)
    return made.train(not made.training).train(training)


def _by_name(names: Names) -> dict[str, str]:
    return {str(name): str(names[name] if isinstance(names, dict) else name) for name in names}


def _cut(tracer: NodePathTracer, graph: fx.Graph, wanted: dict[str, str]) -> fx.Graph:
    """The graph with the wanted nodes as its results, without what only others need. Raises ValueError for a name that
    is no node's."""
    named = tracer.node_to_qualname
    for query in wanted:
        if not any(re.match(rf"{re.escape(query)}(\.|$)", name) for name in named.values()):
            raise ValueError(f"node: '{query}' is not present in model. Hint: use `get_graph_node_names` to make sure "
                             "the `return_nodes` you specified are present. It may even be that you need to specify "
                             "`train_return_nodes` and `eval_return_nodes` separately.")
    for node in [node for node in graph.nodes if node.op == "output"]:
        graph.erase_node(node)
    left = dict(wanted)
    results: dict[str, fx.Node] = {}
    for node in reversed(list(graph.nodes)):
        name = named.get(node, "")
        found = next((query for query in left if re.match(rf"{re.escape(query)}(\.|$)", name)), None)
        if found is not None:
            results[left.pop(found)] = node
    graph.output(dict(reversed(list(results.items()))))
    graph.eliminate_dead_code()
    return graph


def create_feature_extractor(
    model: nn.Module, return_nodes: Names | None = None, train_return_nodes: Names | None = None,
    eval_return_nodes: Names | None = None, tracer_kwargs: dict[str, Any] | None = None,
    suppress_diff_warning: bool = False, concrete_args: dict[str, Any] | None = None,
) -> fx.GraphModule:
    """A module that gives what ``return_nodes`` (names, or ``{name: key of the result}``) give inside ``model``, as a
    dictionary; or one choice while training and another in evaluation. It has the model's parameters, of what is
    needed. Raises ValueError for a name that is no node's, and where both choices or none are given.

    >>> import wengert as torch
    >>> from wengert import nn
    >>> from wengert.vision.models.feature_extraction import create_feature_extractor
    >>> inside = create_feature_extractor(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)), {"1": "hidden"})
    >>> {key: tuple(value.shape) for key, value in inside(torch.ones(4, 2)).items()}
    {'hidden': (4, 3)}
    """
    if (train_return_nodes is None) != (eval_return_nodes is None):
        raise ValueError("If any of `train_return_nodes` and `eval_return_nodes` are specified, then both should be "
                         "specified")
    if (return_nodes is None) == (train_return_nodes is None):
        raise ValueError("Either `return_nodes` or `train_return_nodes` and `eval_return_nodes` together, should be "
                         "specified")
    told, training = _settings(tracer_kwargs), model.training
    names, graphs = [], []
    try:
        for mode, chosen in ((True, train_return_nodes), (False, eval_return_nodes)):
            tracer, graph = _traced(model, mode, told, concrete_args)
            names.append(list(tracer.node_to_qualname.values()))
            graphs.append(_cut(tracer, graph, _by_name(return_nodes if chosen is None else chosen)))  # type: ignore[arg-type]
    finally:
        model.train(training)
    if not suppress_diff_warning:
        _warn_differences(*names)
    return _dual(model, graphs[0], graphs[1], type(model).__name__, training)
