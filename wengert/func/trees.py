"""Nested tuples, lists and dicts, taken apart into their leaves and put together again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any


def flatten(tree: Any) -> tuple[list[Any], Callable[[Iterable[Any]], Any]]:
    """The leaves of a tree in order, and a function that builds a tree of the same form around other leaves."""
    leaves: list[Any] = []
    build = _walk(tree, leaves)
    return leaves, lambda values: build(iter(list(values)))


def _walk(tree: Any, leaves: list[Any]) -> Callable[[Any], Any]:
    kind = type(tree)
    if kind in (dict, OrderedDict):
        keys, parts = list(tree), [_walk(value, leaves) for value in tree.values()]
        return lambda values: kind(zip(keys, [part(values) for part in parts], strict=True))
    if isinstance(tree, (tuple, list)):
        parts = [_walk(value, leaves) for value in tree]
        if hasattr(tree, "_fields"):
            return lambda values: kind(*[part(values) for part in parts])
        return lambda values: (list if isinstance(tree, list) else tuple)([part(values) for part in parts])
    leaves.append(tree)
    return next


def spread(prefix: Any, tree: Any, what: str) -> list[Any]:
    """One value a leaf of ``tree``: ``prefix`` is a value for all, or a tree that ends earlier than ``tree`` does.

    Raises ValueError where the forms do not fit.
    """
    if prefix is None or isinstance(prefix, int):
        return [prefix] * len(flatten(tree)[0])
    if isinstance(prefix, dict) and isinstance(tree, dict) and set(prefix) == set(tree):
        return [value for key in tree for value in spread(prefix[key], tree[key], what)]
    if isinstance(prefix, (tuple, list)) and isinstance(tree, (tuple, list)) and len(prefix) == len(tree):
        return [value for own, part in zip(prefix, tree, strict=True) for value in spread(own, part, what)]
    raise ValueError(f"[vmap] {what} is not compatible with the structure of what it is for; got {prefix!r} for a "
                     f"{type(tree).__name__}; give an int, None, or the same nesting")
