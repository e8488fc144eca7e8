"""Storages that are made, indexed, written, cloned and compared, and einsum's form of lists, held against PyTorch."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.peer.agreement import MODULES

Program = Callable[[Any], Any]


def written(T: Any) -> Any:
    x = T.arange(4, dtype=T.int16)
    memory = x.untyped_storage()
    memory[2] = 9
    found = memory[4], memory[-1], len(memory), memory.nbytes()
    memory.fill_(1)
    return found, x.tolist()


def copied(T: Any) -> Any:
    x = T.arange(3.0)
    memory, other = x.untyped_storage(), T.zeros(3).untyped_storage()
    other.copy_(memory)
    apart, deep = memory.clone(), copy.deepcopy(memory)
    x.zero_()
    return other.tolist(), apart.tolist(), deep.tolist(), apart.data_ptr() == memory.data_ptr()


def swapped(T: Any) -> Any:
    a, b = T.nn.Parameter(T.ones(2)), T.arange(3.0)
    (a * 3).sum().backward()
    b.note = "kept"
    holder = [a, b]
    T.utils.swap_tensors(a, b)
    before = [type(x).__name__ for x in holder], a.tolist(), b.tolist(), a.note, b.grad.tolist(), a.requires_grad
    (b * 2).sum().backward()
    return before, b.grad.tolist(), holder[1] is b


def derived(T: Any) -> Any:
    class Named(T.Tensor):
        def twice(self) -> Any:
            return self * 2

    x = T.ones(3, requires_grad=True)
    shown = (x * 3).as_subclass(Named)
    shown.twice().sum().backward()
    leaf = T.Tensor._make_subclass(Named, T.zeros(2), True)
    (leaf + 1).sum().backward()
    plain = T.zeros(2)
    plain.as_subclass(Named).add_(1)
    return (type(shown).__name__, isinstance(leaf, T.Tensor), x.grad.tolist(), leaf.grad.tolist(), leaf.is_leaf,
            plain.tolist())


PROGRAMS: dict[str, Program] = {
    "written": written, "copied": copied, "swapped": swapped, "derived": derived,
    "a class that is no tensor's": lambda T: T.ones(2).as_subclass(int),
    "of a number": lambda T: (len(T.UntypedStorage(8)), T.UntypedStorage(0).tolist(), len(T.UntypedStorage())),
    "of bytes": lambda T: (T.UntypedStorage([1, 2, 255]).tolist(), list(T.UntypedStorage([3, 4]))),
    "a slice": lambda T: T.UntypedStorage([1, 2, 3, 4])[1:3].tolist(),
    "typed": lambda T: (T.TypedStorage([1, 2], dtype=T.float64).tolist(), T.TypedStorage(3, dtype=T.int32).size()),
    "typed around bytes": lambda T: T.TypedStorage(
        wrap_storage=T.tensor([1.5, 2.5]).untyped_storage(), dtype=T.float32).tolist(),
    "compared": lambda T: (lambda x: (x.untyped_storage().data_ptr() == x[1:].untyped_storage().data_ptr(),
                                      x.untyped_storage().data_ptr() == x.clone().untyped_storage().data_ptr()))(
        T.ones(3)),
    "out of range": lambda T: T.UntypedStorage([1])[4],
    "of other lengths": lambda T: T.UntypedStorage(3).copy_(T.UntypedStorage(5)),
    "a tensor on it": lambda T: T.empty(0).set_(T.tensor([1.0, 2.0, 3.0]).untyped_storage(), 1, (2,)).tolist(),
    "einsum of lists": lambda T: T.einsum(T.ones(2, 3), [0, 1], T.arange(6.0).reshape(3, 2), [1, 2], [0, 2]).tolist(),
    "einsum of lists, without a result": lambda T: T.einsum(T.ones(2, 3), [0, 30], T.ones(3, 2), [30, 2]).tolist(),
    "einsum of lists, with an ellipsis": lambda T: T.einsum(
        T.ones(2, 3, 4), [..., 0, 1], T.ones(2, 4, 3), [..., 1, 5], [..., 0, 5]).tolist(),
    "einsum of letters out of range": lambda T: T.einsum(T.ones(2), [52]),
}


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_agree(name: str) -> None:
    found: list[Any] = []
    for T in MODULES:
        try:
            found.append(PROGRAMS[name](T))
        except Exception as error:  # noqa: BLE001 - which built-in class it is of is compared
            found.append([kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins"])
    got, want = found
    assert set(want) <= set(got) if name.endswith(("range", "lengths", "tensor's")) else got == want
