"""`utils._pytree`, held against PyTorch's: trees taken apart, put together and mapped, their forms, their paths."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from typing import Any

import pytest
import torch.utils._pytree as theirs

import wengert.utils._pytree as ours

Point = namedtuple("Point", ["x", "y"])
LIBRARIES: tuple[Any, Any] = (ours, theirs)
TREES: list[Any] = [
    1, None, [], (), {}, [1, 2], (1, [2, 3]), {"b": 1, "a": [2, {"c": 3}]}, Point(1, [2]), OrderedDict(z=1, y=(2, 3)),
    deque([1, 2], 5), defaultdict(list, {"k": 1}), [None, [None, 2]], {"only": {}}, [[[]], 1],
]


class Own:
    def __init__(self, left: Any, right: Any) -> None:
        self.left, self.right = left, right

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own) and (self.left, self.right) == (other.left, other.right)

    __hash__ = None  # type: ignore[assignment]


for library in LIBRARIES:
    library.register_pytree_node(Own, lambda own: ([own.left, own.right], None), lambda parts, context: Own(*parts))


def name_of(tree: Any) -> str:
    return "Own" if isinstance(tree, Own) else repr(tree)


@pytest.mark.parametrize("tree", [*TREES, Own(1, [2, 3])], ids=name_of)
def test_trees_are_taken_apart_and_put_together(tree: Any) -> None:
    found = []
    for T in LIBRARIES:
        leaves, spec = T.tree_flatten(tree)
        assert T.tree_unflatten(leaves, spec) == tree and type(T.tree_unflatten(leaves, spec)) is type(tree)
        assert T.tree_structure(tree) == spec and T.tree_leaves(tree) == leaves == list(T.tree_iter(tree))
        mapped = T.tree_map(lambda leaf: (leaf, "seen") if leaf is None else leaf * 10, tree)
        pairs = [] if type(tree) is Own else T.tree_leaves_with_path(tree)  # which has no keys
        assert all([T.key_get(tree, path) is leaf for path, leaf in pairs])
        paths = [(T.keystr(path), leaf) for path, leaf in pairs]
        found.append([leaves, spec.num_leaves, spec.num_nodes, spec.num_children, spec.is_leaf(), mapped, paths,
                      T.tree_map_only(int, lambda n: -n, tree), T.tree_any(lambda leaf: leaf == 2, tree),
                      T.tree_all_only(int, lambda n: n > 0, tree), spec.type])
    assert found[0] == found[1]


def is_flat(tree: Any) -> bool:
    return isinstance(tree, list) and all(isinstance(each, int) for each in tree)


def test_several_trees_are_mapped_together() -> None:
    found = []
    for T in LIBRARIES:
        found.append([T.tree_map(lambda a, b: (a, b), {"a": [1, 2]}, {"a": [[3], 4]}),
                      T.tree_map_with_path(lambda path, leaf: (len(path), leaf), [1, {"k": 2}]),
                      T.tree_map(len, [[1, 2], [3]], is_leaf=is_flat),
                      T._broadcast_to_and_flatten([1, 2], T.tree_structure([[0, 0], 0])),
                      T._broadcast_to_and_flatten([1], T.tree_structure([0, 0])), T.arg_tree_leaves([1], k=(2, 3))])
    assert found[0] == found[1]


def test_forms_compare_and_wrong_ones_raise() -> None:
    for T in LIBRARIES:
        assert T.tree_structure([1, 2]) == T.tree_structure([3, 4]) != T.tree_structure((3, 4))
        assert T.tree_structure({"a": 1}) != T.tree_structure({"b": 1})
        for wrong in ([1], {"a": 1}, [[1], 2, 3]):
            with pytest.raises(ValueError):
                T.tree_map(lambda a, b: a, [1, 2], wrong)
        with pytest.raises(ValueError):
            T.tree_unflatten([1], T.tree_structure([1, 2]))
        with pytest.raises(ValueError):
            T.register_pytree_node(Own, lambda own: ([], None), lambda parts, context: Own(1, 2))
