"""Nests of containers as PyTorch's ``torch.utils._pytree`` has them, for programs that take trees apart by its names.

The one idea to know: containers are known by their exact type, so that a class of one's own is a leaf until it is
registered; taking apart and putting together is `core.trees`.
"""

from __future__ import annotations

import dataclasses
import json
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from ..core.spec import Size
from ..core.trees import (
    LEAF,
    REGISTERED,
    ContainerKind,
    Nests,
    Structure,
    defaulting,
    double_ended,
    mapping,
    sequence,
)

__all__ = [
    "GetAttrKey", "LeafSpec", "MappingKey", "SequenceKey", "TreeSpec", "arg_tree_leaves", "key_get", "keystr",
    "register_constant", "register_dataclass", "register_pytree_node", "tree_all", "tree_all_only", "tree_any",
    "tree_any_only", "tree_flatten", "tree_flatten_with_path", "tree_is_leaf", "tree_iter", "tree_leaves",
    "tree_leaves_with_path", "tree_map", "tree_map_", "tree_map_only", "tree_map_only_", "tree_map_with_path",
    "tree_structure", "tree_unflatten", "treespec_dumps", "treespec_loads",
]

PyTree = Any
Predicate = Callable[[Any], bool]


class SequenceKey(NamedTuple):
    """The step from a sequence to one of its members."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"

    def get(self, tree: Any) -> Any:
        """The member of a sequence."""
        return tree[self.idx]


class MappingKey(NamedTuple):
    """The step from a dict to one of its values."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"

    def get(self, tree: Any) -> Any:
        """The value in a dict."""
        return tree[self.key]


class GetAttrKey(NamedTuple):
    """The step from an object to one of its attributes."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"

    def get(self, tree: Any) -> Any:
        """The attribute of an object."""
        return getattr(tree, self.name)


def _keyed(kind: ContainerKind, key: Callable[[Any], Any]) -> ContainerKind:
    return kind._replace(keys=lambda context, count: map(key, kind.keys(context, count)))


_list, _tuple = _keyed(sequence(list), SequenceKey), _keyed(sequence(tuple), SequenceKey)
_dict, _ordered = _keyed(mapping(dict), MappingKey), _keyed(mapping(OrderedDict), MappingKey)
_named = ContainerKind(lambda value: (value, type(value)), lambda members, kind: getattr(kind, "_make", kind)(members),
                       lambda kind, count: map(GetAttrKey, kind._fields))
_deque, _default = _keyed(double_ended(), SequenceKey), _keyed(defaulting(), MappingKey)

_size = _keyed(ContainerKind(lambda value: (value, None), lambda members, context: tuple(members)), SequenceKey)

_types: dict[ContainerKind, Any] = {_list: list, _tuple: tuple, _size: Size, _dict: dict, _ordered: OrderedDict,
                                     _deque: deque, _default: defaultdict, _named: namedtuple}


class _Trees(Nests):
    """Nests of exactly these types, and of named tuples; down to what a predicate takes for a leaf."""

    def __init__(self, kinds: dict[type, ContainerKind | None], is_leaf: Predicate | None = None) -> None:
        super().__init__({})
        self._types, self.is_leaf = kinds, is_leaf

    def container(self, value: object) -> ContainerKind | None:
        if self.is_leaf is not None and self.is_leaf(value):
            return None
        kind = type(value)
        if kind in self._types:
            return self._types[kind]
        return _named if issubclass(kind, tuple) and hasattr(kind, "_fields") else None


_kinds: dict[type, ContainerKind | None] = {
    kind: container for container, kind in _types.items() if container is not _named}


class TreeSpec:
    """The form of a tree: its containers, without its leaves. ``TreeSpec(type, context, children)`` makes the form of a
    container from those of its members, as PyTorch's; ``type`` None makes that of a leaf."""

    def __init__(self, form: Structure | type | Callable[..., Any] | None, context: Any = None,
                 children_specs: Iterable[TreeSpec] = ()) -> None:
        if isinstance(form, Structure):
            self._form = form
            return
        children = tuple([child._form for child in children_specs])
        if form is None:
            self._form = LEAF
            return
        container = _container_of(form)
        if form in (dict, OrderedDict):
            context = (form, tuple(context))
        elif form is defaultdict:
            context = (context[0], tuple(context[1]))
        elif form in (list, tuple):
            context = form
        self._form = Structure(container, context, children)

    @property
    def type(self) -> Any:
        """The type of the outermost container (of named tuples `namedtuple`, their own is the context); None for a
        leaf."""
        container = self._form.container
        return None if container is None else _types[container]

    @property
    def context(self) -> Any:
        """What else makes the outermost container: the keys of a dict, the length of a deque."""
        context, kind = self._form.context, self.type
        if kind in (dict, OrderedDict):
            return list(context[1])
        if kind is defaultdict:
            return [context[0], list(context[1])]
        return None if kind in (list, tuple) else context

    @property
    def num_leaves(self) -> int:
        """How many leaves there are."""
        return self._form.count

    @property
    def num_children(self) -> int:
        """How many members the outermost container has."""
        return len(self._form.children)

    @property
    def num_nodes(self) -> int:
        """How many containers and leaves there are."""
        return 1 + sum([child.num_nodes for child in self.children()])

    def children(self) -> list[TreeSpec]:
        """The forms of the members."""
        return [TreeSpec(child) for child in self._form.children]

    def child(self, index: int) -> TreeSpec:
        """The form of one member."""
        return TreeSpec(self._form.children[index])

    children_specs = property(children)

    def is_leaf(self) -> bool:
        """Whether this is the form of a leaf."""
        return self._form.container is None

    def unflatten(self, leaves: Iterable[Any]) -> PyTree:
        """A tree of this form around leaves. Raises ValueError if they are too many or too few."""
        return self._form.build(leaves)

    def flatten_up_to(self, tree: PyTree) -> list[PyTree]:
        """The parts of a tree at the places of this form's leaves. Raises ValueError where the forms differ."""
        if self.is_leaf():
            return [tree]
        container = _plain.container(tree)
        if container is None or container is not self._form.container:
            raise ValueError(f"Type mismatch; expected {self.type!r}, but got {type(tree)!r}.")
        members, context = container.apart(tree)
        parts = list(members)
        if len(parts) != self.num_children:
            raise ValueError(f"Node arity mismatch; expected {self.num_children}, but got {len(parts)}.")
        if self.type in (dict, OrderedDict, defaultdict):
            if set(tree) != set(self._form.context[1]):
                raise ValueError(f"Node keys mismatch; expected {list(self._form.context[1])}, got {list(tree)}.")
            parts = [tree[key] for key in self._form.context[1]]
        elif context != self._form.context:
            raise ValueError(f"Node context mismatch; expected {self._form.context!r}, but got {context!r}.")
        return [leaf for child, part in zip(self.children(), parts, strict=True) for leaf in child.flatten_up_to(part)]

    def __eq__(self, other: object) -> bool:
        return self._form == other._form if isinstance(other, TreeSpec) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._form.count)

    def __repr__(self) -> str:
        if self.is_leaf():
            return "*"
        inside = ",\n".join(repr(child).replace("\n", "\n  ") if i == 0 else "  " + repr(child).replace("\n", "\n  ")
                            for i, child in enumerate(self.children()))
        return f"TreeSpec({self.type.__name__}, {self.context}, [{inside}])"


def LeafSpec() -> TreeSpec:  # noqa: N802 - PyTorch's name
    """The form of a leaf."""
    return TreeSpec(LEAF)


_plain = _Trees(_kinds)


def _container_of(kind: Any) -> ContainerKind:
    container = _named if kind is namedtuple else _kinds.get(kind)
    if container is None:
        raise ValueError(f"[TreeSpec] the type of a container was expected; {kind!r} is registered as none")
    return container


def _get_node_type(tree: Any) -> Any:
    """The type of a container as registered: `namedtuple` of a named tuple."""
    return namedtuple if _plain.container(tree) is _named else type(tree)


class NodeDef(NamedTuple):
    """How containers of one type are taken apart and put together."""

    type: Any
    flatten_fn: Callable[[Any], tuple[list[Any], Any]]
    unflatten_fn: Callable[[Iterable[Any], Any], Any]


class _SupportedNodes(Mapping[Any, NodeDef]):
    """What is registered, as PyTorch's table has it; read alone."""

    def __getitem__(self, kind: Any) -> NodeDef:
        if kind is not namedtuple and _kinds.get(kind) is None:
            raise KeyError(kind)

        def apart(value: Any) -> tuple[list[Any], Any]:
            members, context = _container_of(kind).apart(value)
            return list(members), TreeSpec(Structure(_container_of(kind), context)).context

        def together(members: Iterable[Any], context: Any) -> Any:
            parts = list(members)
            return TreeSpec(kind, context, [LeafSpec() for _ in parts]).unflatten(parts)

        return NodeDef(kind, apart, together)

    def __iter__(self) -> Iterator[Any]:
        yield from _kinds
        yield namedtuple

    def __len__(self) -> int:
        return len(_kinds) + 1


SUPPORTED_NODES: Mapping[Any, NodeDef] = _SupportedNodes()
Context = Any


def _dict_flatten(d: dict[Any, Any]) -> tuple[list[Any], list[Any]]:
    """The values and the keys of a dict."""
    return list(d.values()), list(d)


def _dict_flatten_with_keys(d: dict[Any, Any]) -> tuple[list[tuple[MappingKey, Any]], list[Any]]:
    """The values with their steps, and the keys of a dict."""
    return [(MappingKey(key), value) for key, value in d.items()], list(d)


def _dict_unflatten(values: Iterable[Any], context: Iterable[Any]) -> dict[Any, Any]:
    """A dict of keys and values."""
    return dict(zip(context, values, strict=True))


def _trees(is_leaf: Predicate | None) -> _Trees:
    return _plain if is_leaf is None else _Trees(_kinds, is_leaf)


def register_pytree_node(
    cls: type, flatten_fn: Callable[[Any], tuple[Iterable[Any], Any]], unflatten_fn: Callable[[Any, Any], Any], *,
    serialized_type_name: str | None = None, to_dumpable_context: Any = None, from_dumpable_context: Any = None,
    flatten_with_keys_fn: Callable[[Any], tuple[Iterable[tuple[Any, Any]], Any]] | None = None,
) -> None:
    """Makes containers of a class: ``flatten_fn(value)`` gives members and context, ``unflatten_fn(members, context)``
    puts another together. Raises ValueError for a class that is one already."""
    if cls in _kinds:
        raise ValueError(f"{cls} is already registered as pytree node.")
    with_keys = flatten_with_keys_fn

    def apart(value: Any) -> tuple[Iterable[Any], Any]:
        if with_keys is None:
            return flatten_fn(value)
        pairs, context = with_keys(value)
        listed = list(pairs)
        return [member for _, member in listed], _Keyed(context, [key for key, _ in listed])

    kind = ContainerKind(
        apart, lambda members, context: unflatten_fn(list(members), getattr(context, "context", context)),
        lambda context, count: context.keys if isinstance(context, _Keyed) else map(SequenceKey, range(count)))
    _types[kind] = cls
    _kinds[cls] = REGISTERED[cls] = kind
    if serialized_type_name is not None:
        _WRITTEN[cls] = serialized_type_name, to_dumpable_context, from_dumpable_context


class _Keyed:
    """A user's context, with the keys of the members, which do not make the form another."""

    def __init__(self, context: Any, keys: list[Any]) -> None:
        self.context, self.keys = context, keys

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Keyed) and self.context == other.context

    __hash__ = object.__hash__


_register_pytree_node = register_pytree_node


def register_dataclass(cls: Any, *, field_names: Sequence[str] | None = None,
                       drop_field_names: Sequence[str] | None = None, serialized_type_name: str | None = None) -> None:
    """Makes containers of a dataclass, its fields the members."""
    names = [field.name for field in dataclasses.fields(cls) if field.init] if field_names is None else field_names
    names = [name for name in names if name not in (drop_field_names or ())]
    register_pytree_node(
        cls, lambda value: ([getattr(value, name) for name in names], None),
        lambda members, context: cls(**dict(zip(names, members, strict=True))),
        flatten_with_keys_fn=lambda value: ([(GetAttrKey(name), getattr(value, name)) for name in names], None))


def register_constant(cls: type) -> None:
    """Makes values of a class parts of the form, without leaves."""
    register_pytree_node(cls, lambda value: ([], value), lambda members, value: value)


# --- forms as texts ---------------------------------------------------------------------------------------------------

_PROTOCOL = 1
_WRITTEN: dict[Any, tuple[str, Any, Any]] = {}
"""Of types that a program registered with a name: that name, and how a context becomes JSON and comes back."""
_BUILTIN = {f"{kind.__module__}.{kind.__qualname__}": kind
            for kind in (list, tuple, dict, OrderedDict, defaultdict, deque)}


def treespec_dumps(treespec: TreeSpec, protocol: int | None = None) -> str:
    """A form as JSON, as PyTorch writes it. Raises NotImplementedError for a type that was registered without a
    ``serialized_type_name``, ValueError for a protocol that is not 1."""
    if not isinstance(treespec, TreeSpec):
        raise TypeError(f"Expected `treespec` to be an instance of PyTreeSpec but got item of type {type(treespec)}.")
    if protocol not in (None, _PROTOCOL):
        raise ValueError(f"Unknown protocol {protocol}. Available protocols: [{_PROTOCOL}]")
    return json.dumps((_PROTOCOL, _written(treespec)))


def _written(spec: TreeSpec) -> dict[str, Any]:
    if spec.is_leaf():
        return {"type": None, "context": None, "children_spec": []}
    kind, context = spec.type, spec.context
    name, dump, _ = _WRITTEN.get(kind, (f"{kind.__module__}.{kind.__qualname__}", None, None))
    if name not in _BUILTIN and kind not in _WRITTEN:
        raise NotImplementedError(f"No registered serialization name for {context if kind is namedtuple else kind} "
                                  "found; give one where it is registered, as serialized_type_name=...")
    if kind is defaultdict:
        shown: Any = {"default_factory_module": context[0].__module__,
                      "default_factory_name": context[0].__qualname__, "dict_context": context[1]}
    else:
        context = getattr(context, "context", context)
        shown = json.dumps(context) if dump is None else dump(context)
    return {"type": name, "context": shown, "children_spec": [_written(child) for child in spec.children()]}


def treespec_loads(serialized: str) -> TreeSpec:
    """The form that `treespec_dumps` wrote. Raises ValueError for another protocol, NotImplementedError for a type
    that is not registered."""
    protocol, data = json.loads(serialized)
    if protocol != _PROTOCOL:
        raise ValueError(f"Unknown protocol {protocol}. Available protocols: [{_PROTOCOL}]")
    return _read(data)


def _read(data: dict[str, Any]) -> TreeSpec:
    name, context = data["type"], data["context"]
    if name is None:
        return LeafSpec()
    kind, load = next(((kind, load) for kind, (known, _, load) in _WRITTEN.items() if known == name),
                      (_BUILTIN.get(name), None))
    if kind is None:
        raise NotImplementedError(f"Deserializing `{name}` in pytree is not registered.")
    if kind is defaultdict:
        factory = import_module(context["default_factory_module"])
        for part in context["default_factory_name"].split("."):
            factory = getattr(factory, part)
        context = [factory, context["dict_context"]]
    else:
        context = json.loads(context) if load is None else load(context)
    return TreeSpec(kind, context, [_read(child) for child in data["children_spec"]])


# --- apart and together -----------------------------------------------------------------------------------------------


def tree_is_leaf(tree: PyTree, is_leaf: Predicate | None = None) -> bool:
    """Whether a value is no container."""
    return _trees(is_leaf).container(tree) is None


_is_leaf = tree_is_leaf


def tree_flatten(tree: PyTree, is_leaf: Predicate | None = None) -> tuple[list[Any], TreeSpec]:
    """The leaves of a tree in order, and its form."""
    leaves, form = _trees(is_leaf).flatten(tree)
    return leaves, TreeSpec(form)


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> PyTree:
    """A tree of a form around leaves."""
    if not isinstance(treespec, TreeSpec):
        raise TypeError("tree_unflatten(leaves, treespec): Expected `treespec` to be instance of TreeSpec but got item "
                        f"of type {type(treespec)}.")
    return treespec.unflatten(leaves)


def tree_leaves(tree: PyTree, is_leaf: Predicate | None = None) -> list[Any]:
    """The leaves of a tree in order."""
    return _trees(is_leaf).flatten(tree)[0]


def tree_iter(tree: PyTree, is_leaf: Predicate | None = None) -> Iterator[Any]:
    """The leaves of a tree, one after another."""
    yield from tree_leaves(tree, is_leaf)


def tree_structure(tree: PyTree, is_leaf: Predicate | None = None) -> TreeSpec:
    """The form of a tree."""
    return tree_flatten(tree, is_leaf)[1]


def arg_tree_leaves(*args: PyTree, **kwargs: PyTree) -> list[Any]:
    """The leaves of arguments and keywords."""
    return [leaf for tree in (*args, *kwargs.values()) for leaf in tree_leaves(tree)]


def tree_map(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: Predicate | None = None) -> PyTree:
    """The tree with ``func(leaf, *parts of the others there)`` in the place of each leaf."""
    leaves, spec = tree_flatten(tree, is_leaf)
    return spec.unflatten(map(func, leaves, *[spec.flatten_up_to(rest) for rest in rests]))


def tree_map_(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: Predicate | None = None) -> PyTree:
    """Calls ``func`` as `tree_map` does, and returns the tree as it is."""
    tree_map(func, tree, *rests, is_leaf=is_leaf)
    return tree


def _fits(chosen: Any) -> Predicate:
    if isinstance(chosen, (type, tuple)) or not callable(chosen):
        return lambda leaf: isinstance(leaf, chosen)
    return chosen


def tree_map_only(chosen: Any, func: Callable[[Any], Any], tree: PyTree, is_leaf: Predicate | None = None) -> PyTree:
    """`tree_map` for the leaves of some types, or for which a function is true; others stay."""
    fits = _fits(chosen)
    return tree_map(lambda leaf: func(leaf) if fits(leaf) else leaf, tree, is_leaf=is_leaf)


def tree_map_only_(chosen: Any, func: Callable[[Any], Any], tree: PyTree, is_leaf: Predicate | None = None) -> PyTree:
    """Calls ``func`` as `tree_map_only` does, and returns the tree as it is."""
    tree_map_only(chosen, func, tree, is_leaf)
    return tree


def tree_all(pred: Predicate, tree: PyTree, is_leaf: Predicate | None = None) -> bool:
    """Whether a function is true of all leaves."""
    return all(map(pred, tree_leaves(tree, is_leaf)))


def tree_any(pred: Predicate, tree: PyTree, is_leaf: Predicate | None = None) -> bool:
    """Whether a function is true of a leaf."""
    return any(map(pred, tree_leaves(tree, is_leaf)))


def tree_all_only(chosen: Any, pred: Predicate, tree: PyTree, is_leaf: Predicate | None = None) -> bool:
    """`tree_all` of the leaves of some types."""
    return all(pred(leaf) for leaf in filter(_fits(chosen), tree_leaves(tree, is_leaf)))


def tree_any_only(chosen: Any, pred: Predicate, tree: PyTree, is_leaf: Predicate | None = None) -> bool:
    """`tree_any` of the leaves of some types."""
    return any(pred(leaf) for leaf in filter(_fits(chosen), tree_leaves(tree, is_leaf)))


# --- paths ------------------------------------------------------------------------------------------------------------


def tree_flatten_with_path(tree: PyTree, is_leaf: Predicate | None = None) -> tuple[list[tuple[Any, Any]], TreeSpec]:
    """The leaves with the keys that lead to each, and the form."""
    leaves, spec = tree_flatten(tree, is_leaf)
    return list(zip(spec._form.paths(), leaves, strict=True)), spec


def tree_leaves_with_path(tree: PyTree, is_leaf: Predicate | None = None) -> list[tuple[Any, Any]]:
    """The leaves with the keys that lead to each."""
    return tree_flatten_with_path(tree, is_leaf)[0]


def tree_map_with_path(func: Callable[..., Any], tree: PyTree, *rests: PyTree,
                       is_leaf: Predicate | None = None) -> PyTree:
    """`tree_map` with the keys that lead to a leaf as the first argument."""
    pairs, spec = tree_flatten_with_path(tree, is_leaf)
    paths, leaves = [path for path, _ in pairs], [leaf for _, leaf in pairs]
    return spec.unflatten(map(func, paths, leaves, *[spec.flatten_up_to(rest) for rest in rests]))


def keystr(path: Iterable[Any]) -> str:
    """A path as text: ``"['a'][0]"``."""
    return "".join(map(str, path))


def key_get(tree: PyTree, path: Iterable[Any]) -> Any:
    """What stands in a tree at the end of a path."""
    for key in path:
        tree = key.get(tree)
    return tree


def _broadcast_to_and_flatten(tree: PyTree, treespec: TreeSpec, is_leaf: Predicate | None = None) -> list[Any] | None:
    """The leaves of a tree that may end earlier than a form does, one a leaf of the form; None where it does not
    fit."""
    if tree_is_leaf(tree, is_leaf):
        return [tree] * treespec.num_leaves
    if treespec.is_leaf() or _plain.container(tree) is not treespec._form.container:
        return None
    container = treespec._form.container
    assert container is not None
    members, context = container.apart(tree)
    parts = list(members)
    if context != treespec._form.context or len(parts) != treespec.num_children:
        return None
    found: list[Any] = []
    for child, part in zip(treespec.children(), parts, strict=True):
        inner = _broadcast_to_and_flatten(part, child, is_leaf)
        if inner is None:
            return None
        found += inner
    return found
