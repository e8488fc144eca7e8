"""Nests: tuples, lists and dicts in one another, taken apart into leaves and put together around others.

The one idea to know: a `ContainerKind` says of one sort of container what its members are and how another is made of
other members; a `Nests` says which values are such containers, and everything else is a leaf, None too. Who walks nests
states a `Nests` of its own, since each takes other containers from its users. What the leaves are is no matter here.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

Path = tuple[Any, ...]


class ContainerKind(NamedTuple):
    """One sort of container: how it is taken apart, and put together again.

    ``apart(value)`` gives the members and the *context*, which is all else that makes the container what it is: its
    type, its keys. ``together(members, context)`` makes one. ``keys(context, count)`` are what stands in the brackets
    behind the container to get each of its ``count`` members. Two forms are equal where their contexts are.
    """

    apart: Callable[[Any], tuple[Iterable[Any], Any]]
    together: Callable[[Sequence[Any], Any], Any]
    keys: Callable[[Any, int], Iterable[Any]] = lambda context, count: range(count)


def sequence(kind: type | None = None) -> ContainerKind:
    """Tuples, lists and named tuples; those that are not named are put together as ``kind``, else as what they were."""

    def apart(value: Any) -> tuple[Iterable[Any], Any]:
        return value, type(value) if kind is None or hasattr(value, "_fields") else kind

    def together(members: Sequence[Any], made: Any) -> Any:
        return getattr(made, "_make", made)(members)

    return ContainerKind(apart, together)


def mapping(kind: type | None = None) -> ContainerKind:
    """Dicts, in the order of their keys; they are put together as ``kind``, else as what they were."""
    return ContainerKind(
        lambda value: (value.values(), (kind or type(value), tuple(value))),
        lambda members, context: context[0](zip(context[1], members, strict=True)),
        lambda context, count: context[1],
    )


def double_ended() -> ContainerKind:
    """Deques, of the length that they had."""
    return ContainerKind(lambda value: (value, value.maxlen), lambda members, length: deque(members, length))


def defaulting() -> ContainerKind:
    """Dicts that make what is missing."""
    return ContainerKind(
        lambda value: (value.values(), (value.default_factory, tuple(value))),
        lambda members, context: defaultdict(context[0], zip(context[1], members, strict=True)),
        lambda context, count: context[1])


REGISTERED: dict[type, ContainerKind] = {}
"""Containers of the program's own, which it has named by `utils._pytree.register_pytree_node`."""


def registered(value: object) -> ContainerKind | None:
    """What sort of container of the program's own a value is, for the ``others`` of `Nests`."""
    return REGISTERED.get(type(value))


class Structure:
    """The form of a nest: its containers, without its leaves.

    Structures of the same form are equal and have one hash; printed, each leaf is a star.
    """

    __slots__ = ("children", "container", "context")

    def __init__(
        self, container: ContainerKind | None = None, context: Any = None, children: tuple[Structure, ...] = ()
    ) -> None:
        self.container, self.context, self.children = container, context, children

    @property
    def count(self) -> int:
        """How many leaves there are."""
        return 1 if self.container is None else sum([child.count for child in self.children])

    def build(self, leaves: Iterable[Any]) -> Any:
        """A nest of this form around ``leaves``, in their order. Raises ValueError if they are too many or too few."""
        values = list(leaves)
        if self.container is None and len(values) == 1:
            return values[0]
        if len(values) != self.count:
            raise ValueError(f"[build] {self.count} leaves were expected for {self!r}; got {len(values)}")
        return self._build(iter(values))

    def _build(self, leaves: Iterator[Any]) -> Any:
        if self.container is None:
            return next(leaves)
        return self.container.together([child._build(leaves) for child in self.children], self.context)

    def paths(self) -> Iterator[Path]:
        """For each leaf the keys that lead to it, the outermost first."""
        if self.container is None:
            yield ()
            return
        keys = self.container.keys(self.context, len(self.children))
        for key, child in zip(keys, self.children, strict=True):
            for path in child.paths():
                yield key, *path

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Structure):
            return NotImplemented
        return (self.container, self.context, self.children) == (other.container, other.context, other.children)

    def __hash__(self) -> int:
        return hash((self.context, self.children))

    def __repr__(self) -> str:
        return repr(self._build(iter([_Star()] * self.count)))


class _Star:
    def __repr__(self) -> str:
        return "*"


LEAF = Structure()


class Nests:
    """Which values are containers: those of a type that is registered, and those of ``families``, the first that fits.

    A family is a type, or a tuple of types, with all that is derived from it; None instead of a `ContainerKind` makes
    leaves of it. What is of none of them ``others`` may know.

    >>> nests = Nests({(tuple, list): sequence(), dict: mapping()})
    >>> leaves, form = nests.flatten({"a": [1, 2], "b": None})
    >>> leaves, form, list(form.paths())
    ([1, 2, None], {'a': [*, *], 'b': *}, [('a', 0), ('a', 1), ('b',)])
    >>> form.build("xyz")
    {'a': ['x', 'y'], 'b': 'z'}
    """

    def __init__(self, families: Mapping[type | tuple[type, ...], ContainerKind | None],
                 others: Callable[[Any], ContainerKind | None] = lambda value: None) -> None:
        self._families, self._others = tuple(families.items()), others
        self._types: dict[type, ContainerKind | None] = {}

    def register(self, kind: type, container: ContainerKind | None) -> None:
        """Values of exactly this type are such containers; None: they are leaves."""
        self._types[kind] = container

    def container(self, value: object) -> ContainerKind | None:
        """What sort of container a value is; None for a leaf."""
        if type(value) in self._types:
            return self._types[type(value)]
        for family, container in self._families:
            if isinstance(value, family):
                return container
        return self._others(value)

    def flatten(self, tree: object) -> tuple[list[Any], Structure]:
        """The leaves of a nest in order, and its form."""
        leaves: list[Any] = []
        return leaves, self._apart(tree, leaves)

    def _apart(self, tree: object, leaves: list[Any]) -> Structure:
        container = self.container(tree)
        if container is None:
            leaves.append(tree)
            return LEAF
        members, context = container.apart(tree)
        return Structure(container, context, tuple([self._apart(member, leaves) for member in members]))

    def map(self, function: Callable[[Any], Any], tree: object) -> Any:
        """The nest with ``function(leaf)`` in the place of each leaf."""
        leaves, form = self.flatten(tree)
        return form.build(map(function, leaves))
