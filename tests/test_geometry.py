"""Nothing that is laid into memory by strides reaches outside it."""

from __future__ import annotations

import io
import itertools
import json
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert as torch
from wengert.core import segments
from wengert.core.errors import ShapeError
from wengert.core.geometry import bytes_of, check_inside, first_and_last, laid_out

HUGE = 2**60 + 1
"""So many elements of stride 16 end, counted in 64 bits, where they begin."""


def places(shape: Any, strides: Any, offset: int) -> list[int]:
    return [offset + sum(i * s for i, s in zip(index, strides, strict=True))
            for index in itertools.product(*map(range, shape))]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-5, 5)), max_size=3), st.integers(-6, 30), st.integers(0, 40))
def test_inside_is_what_counting_every_element_says(dims: list[tuple[int, int]], offset: int, room: int) -> None:
    shape, strides = [n for n, _ in dims], [s for _, s in dims]
    found = places(shape, strides, offset)
    assert first_and_last(shape, strides, offset) == ((min(found), max(found)) if found else None)
    inside = all(0 <= place < room for place in found)
    try:
        check_inside("test", room, shape, strides, offset)
    except ShapeError:
        assert not inside
    else:
        assert inside


@pytest.mark.parametrize("room", [0, 64])
@pytest.mark.parametrize(("shape", "strides", "offset"), [
    ((1000,), (4,), 0), ((HUGE,), (16,), 0), ((HUGE, 2), (16, 4), 0), ((2,), (2**62,), 2**62), ((2,), (-4,), 0),
    ((1,), (4,), -4), ((1,), (4,), 64), ((1,), (4,), 61), ((-1,), (4,), 0), ((2,), (4, 4), 0),
    ((0, HUGE, HUGE), (4, 4, 4), 0),
])
def test_outside_is_refused(room: int, shape: Any, strides: Any, offset: int) -> None:
    with pytest.raises(ShapeError, match=r"\[test\]"):
        laid_out("test", np.zeros(room, np.uint8), np.dtype(np.float32), shape, strides, offset)


def test_bytes_of_memory_that_lies_with_gaps_or_backwards() -> None:
    buffer = bytearray(range(48))
    backwards = np.ndarray((3,), np.float64, buffer, 40, (-16,))
    assert bytes_of(backwards).tobytes() == bytes(range(8, 48))
    assert bytes_of(np.asfortranarray(np.arange(6.0).reshape(2, 3))).view(float).tolist() == [0, 3, 1, 4, 2, 5]


@pytest.mark.parametrize("make", [
    lambda x: x.as_strided((1000,), (1,)),
    lambda x: x.as_strided((HUGE,), (4,)),
    lambda x: x.as_strided((2,), (2**62,)),
    lambda x: x.as_strided((2,), (1,), 2**63),
    lambda x: torch.zeros(0).as_strided((1000,), (1,)),
    lambda x: torch.zeros(0).as_strided((1,), (1,)),
    lambda x: x.as_strided((2,), (-1,), 3),
    lambda x: x.set_(x.storage(), -1, (2,), (1,)),
    lambda x: x.set_(x.storage(), 2, (2,), (-1,)),
    lambda x: x.set_(x.untyped_storage(), 0, (HUGE,), (4,)),
    lambda x: x.set_(x, 0, (2, 2), (1,)),
    lambda x: x.set_(x.long()),
    lambda x: x.unfold(0, 2**62, 1),
    lambda x: x.unfold(0, -1, 1),
    lambda x: x.expand(2**62),
])
def test_public_functions_refuse_what_lies_outside(make: Any) -> None:
    with pytest.raises(RuntimeError):
        make(torch.zeros(4))


def test_gradient_of_what_lies_beside_the_operand() -> None:
    """The operand of `as_strided` gets a gradient where it shows an element, and there may be none."""
    x = torch.arange(5.0).requires_grad_()
    x[:0].as_strided((2,), (1,), 1).sum().backward()
    x[1:3].as_strided((2, 2), (2, 1), 1).mul(torch.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    assert x.grad.tolist() == [0.0, 1.0, 2.0, 0.0, 0.0]


def test_set_beyond_the_storage_makes_it_grow() -> None:
    x = torch.arange(4.0)
    storage = torch.arange(3.0).untyped_storage()
    assert x.set_(storage, 1, (100,), (1,)).shape == (100,)
    assert x[:2].tolist() == [1.0, 2.0]
    assert storage.nbytes() == 404 and x.data_ptr() == storage.data_ptr() + 4
    assert x.set_(torch.arange(8.0), 1, (2, 2), (4, 2)).tolist() == [[1.0, 3.0], [5.0, 7.0]]


# --- files ------------------------------------------------------------------------------------------------------------


def native(obj: Any, change: Any) -> io.BytesIO:
    """A checkpoint whose entries of tensors are changed."""
    file = io.BytesIO()
    torch.io.save_plain(obj, file)
    data = file.getvalue()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8: 8 + length])
    document = json.loads(header["__metadata__"]["wengert"])
    change(document["tensors"])
    header["__metadata__"]["wengert"] = json.dumps(document)
    text = json.dumps(header).encode()
    return io.BytesIO(len(text).to_bytes(8, "little") + text + data[8 + length:])


@pytest.mark.parametrize("size", [0, 4])
@pytest.mark.parametrize(("shape", "strides", "offset"), [
    ([1000], [4], 0), ([HUGE], [16], 0), ([2], [2**62], 2**62), ([1], [4], -4), ([1], [4], 16), ([2], [-4], 0),
    ([1], [], 0), ([-1], [4], 0), ([1.5], [4], 0),
])
def test_load_refuses_a_tensor_outside_its_record(size: int, shape: Any, strides: Any, offset: int) -> None:
    content = native(torch.zeros(size), lambda entries: entries[0].update(shape=shape, strides=strides, offset=offset))
    with pytest.raises(torch.io.CheckpointError):
        torch.load(content)


def test_unpickling_refuses_a_tensor_outside_its_memory() -> None:
    base = torch.arange(6.0).view(2, 3)
    rebuild, arguments = base.t().__reduce_ex__(2)
    assert pickle.loads(pickle.dumps(base.t())).tolist() == base.t().tolist()
    for geometry in (((1000,), (4,), 0), ((HUGE,), (16,), 0), ((1,), (4,), -4)):
        with pytest.raises(ShapeError):
            rebuild(*arguments[:3], geometry, *arguments[4:])


def test_shared_memory_is_laid_out_inside_it() -> None:
    if not segments.AVAILABLE:
        pytest.skip("this system passes no memory between processes")
    segment = segments.allocate(64)
    kind = np.dtype(np.float64)
    assert segments.place(segment, kind, (8,)).tolist() == [0.0] * 8
    assert segments.place(segment, kind, (4,), (-16,), 56).tolist() == [0.0] * 4
    for shape, strides, offset in (((9,), None, 0), ((8,), None, 8), ((HUGE,), (16,), 0), ((2,), (-8,), 0)):
        with pytest.raises(ShapeError, match=r"\[share_memory_\]"):
            segments.place(segment, kind, shape, strides, offset)
