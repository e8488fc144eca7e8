"""The nests that functions of tensors take and give: tuples, lists, named tuples, dicts, deques, and what the program
has registered (`utils._pytree`)."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from typing import Any

from ..core.trees import Nests, defaulting, double_ended, mapping, registered, sequence
from ..tensors.tensor import Tensor

NESTS = Nests({tuple: sequence(tuple), list: sequence(list)}, registered)
NESTS.register(dict, mapping())
NESTS.register(OrderedDict, mapping())
NESTS.register(defaultdict, defaulting())
NESTS.register(deque, double_ended())
NESTS.register(Tensor, None)  # a leaf, as all else is, found without a look at its bases
flatten = NESTS.flatten


def spread(prefix: Any, tree: Any, what: str, count: int | None = None) -> list[Any]:
    """One value a leaf of ``tree``, of which there are ``count`` if that is known: ``prefix`` is a value for all, or a
    tree that ends earlier than ``tree`` does.

    Raises ValueError where the forms do not fit.
    """
    if prefix is None or isinstance(prefix, int):
        return [prefix] * (flatten(tree)[1].count if count is None else count)
    if isinstance(prefix, dict) and isinstance(tree, dict) and set(prefix) == set(tree):
        return [value for key in tree for value in spread(prefix[key], tree[key], what)]
    if isinstance(prefix, (tuple, list)) and isinstance(tree, (tuple, list)) and len(prefix) == len(tree):
        return [value for own, part in zip(prefix, tree, strict=True) for value in spread(own, part, what)]
    container = NESTS.container(prefix)
    if container is not None and NESTS.container(tree) is container:
        (values, context), (parts, wanted) = container.apart(prefix), container.apart(tree)
        values, parts = list(values), list(parts)
        if context == wanted and len(values) == len(parts):
            return [each for value, part in zip(values, parts, strict=True) for each in spread(value, part, what)]
    raise ValueError(f"[vmap] {what} is not compatible with the structure of what it is for; got {prefix!r} for a "
                     f"{type(tree).__name__}; give an int, None, or the same nesting")
