"""Nests are taken apart and put together again, and their forms compare, print and hash."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wengert.core.trees import ContainerKind, Nests, mapping, sequence


class Pair(NamedTuple):
    first: Any
    second: Any


class Odd(list[Any]):
    pass


NESTS = Nests({bytes: None, (tuple, list): sequence(), dict: mapping()})
TREES = st.recursive(
    st.integers() | st.none() | st.text(),
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.builds(Pair, inner, inner),
        st.dictionaries(st.text() | st.integers(), inner),
        st.dictionaries(st.text(), inner).map(OrderedDict),
    ),
    max_leaves=12,
)


@given(TREES)
def test_what_is_taken_apart_is_put_together_again(tree: Any) -> None:
    leaves, form = NESTS.flatten(tree)
    again = form.build(leaves)
    assert again == tree and repr(again) == repr(tree)
    assert form.count == len(leaves) == len(list(form.paths()))
    for leaf, path in zip(leaves, form.paths(), strict=True):
        reached = tree
        for key in path:
            reached = reached[key]
        assert reached is leaf


@given(TREES, TREES)
def test_forms_are_equal_where_they_print_alike(tree: Any, other: Any) -> None:
    mine, its = NESTS.flatten(tree)[1], NESTS.flatten(other)[1]
    assert (mine == its) == (repr(mine) == repr(its))
    assert mine != its or hash(mine) == hash(its)
    assert mine == NESTS.flatten(NESTS.map(str, tree))[1]


def test_a_form_prints_as_the_nest_with_stars() -> None:
    _, form = NESTS.flatten({"a": (1, None), "b": Pair([2], {})})
    assert repr(form) == "{'a': (*, *), 'b': Pair(first=[*], second={})}"
    assert form != repr(form)


def test_leaves_must_be_as_many_as_the_form_has() -> None:
    _, form = NESTS.flatten([1, (2, 3)])
    for wrong in ([], [1, 2], [1, 2, 3, 4]):
        with pytest.raises(ValueError, match=r"3 leaves were expected for \[\*, \(\*, \*\)\]; got "):
            form.build(wrong)


def test_families_take_what_is_derived_and_a_registered_type_itself_alone() -> None:
    nests = Nests({list: sequence(list)})
    nests.register(dict, mapping())
    assert nests.flatten([Odd([1]), {"k": 2}, defaultdict(int, k=3), (4,)])[0] == [1, 2, {"k": 3}, (4,)]
    assert type(nests.map(abs, Odd([-1]))) is list and type(NESTS.map(abs, Odd([-1]))) is Odd
    assert NESTS.flatten([b"ab", "ab"])[0] == [b"ab", "ab"]
    nests.register(Odd, None)
    assert nests.flatten([Odd([1])])[0] == [Odd([1])]


def test_a_container_of_ones_own() -> None:
    nests = Nests({tuple: sequence()})
    nests.register(set, ContainerKind(lambda value: (sorted(value), len(value)), lambda members, size: set(members)))
    leaves, form = nests.flatten(({3, 1}, 2))
    assert leaves == [1, 3, 2] and form.build([5, 6, 7]) == ({5, 6}, 7)
    assert form == nests.flatten(({8, 9}, 0))[1] != nests.flatten(({8}, 0))[1]
