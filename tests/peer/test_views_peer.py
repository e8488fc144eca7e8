"""Views and in-place writes, held against PyTorch: the matrix, and random programs."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import wengert
from tests.peer.agreement import MODULES
from tests.peer.side_by_side import both
from wengert.testing.programs import Outcome, gradients, interpret, random_program, run
from wengert.testing.views import MATRIX

torch = pytest.importorskip("torch")

# Where PyTorch does otherwise, and why we do not follow: it refuses operands that overlap their target in part, and
# cannot run back where the operand is the target. The law gives both a meaning.
DIFFERENT = ("write by itself", "write by own view", "view written by base's view")


def assert_same(ours: Outcome, theirs: Outcome) -> None:
    assert ours.refused == theirs.refused
    for got, expected in zip(ours.values, theirs.values, strict=True):
        assert (got is None) == (expected is None)
        if got is not None:
            np.testing.assert_allclose(got, expected, atol=1e-12)
    if theirs.error is None:
        assert ours.error is None
        assert ours.first == pytest.approx(theirs.first, abs=1e-9)
        assert ours.second == pytest.approx(theirs.second, abs=1e-9)


@pytest.mark.parametrize("name", [name for name in MATRIX if name not in DIFFERENT])
def test_matrix(name: str) -> None:
    ours, theirs = gradients(wengert, MATRIX[name]), gradients(torch, MATRIX[name])
    assert_same(ours, theirs)
    assert (ours.error is None) == (theirs.error is None)


@pytest.mark.parametrize("name", DIFFERENT)
def test_the_differences_are_still_there(name: str) -> None:
    ours, theirs = gradients(wengert, MATRIX[name]), gradients(torch, MATRIX[name])
    assert ours.error is None and not ours.refused
    assert theirs.error is not None or theirs.refused


def tamed(program: Any) -> Any:
    """A program without what PyTorch treats in ways of its own: views made under no_grad, which say that they require
    grad and have no grad_fn; a leaf that has views and is then written under no_grad or through a detached twin, after
    which the gradients of those views get lost; zero_ of an expanded tensor, which it lets pass, unlike other
    writes."""
    lines = [line._replace(grad=True) for line in program]
    lines = [line._replace(kind="compute", what="twice") if line.kind == "detach" else line for line in lines]
    return [line._replace(what="twice_") if line.what == "zero_" else line for line in lines]



def overlaps(program: Any) -> bool:
    """Whether an operand shares its target's memory, which PyTorch refuses or leaves undefined."""
    variables, _, _ = run(torch, program)
    memory = [None if v is None else v.untyped_storage().data_ptr() for v in variables]
    return any(
        line.kind == "write" and len(line.operands) == 2 and memory[line.operands[0]] == memory[line.operands[1]]
        for line in program
    )


def test_random_programs() -> None:
    compared = 0
    for seed in range(500):
        program = tamed(random_program(seed, length=12))
        if overlaps(program):
            continue
        ours, theirs = gradients(wengert, program), gradients(torch, program)
        assert_same(ours, theirs)
        compared += theirs.error is None
        if theirs.error is not None and ours.error is None:
            meant = interpret(program)
            assert ours.first == pytest.approx(meant.first, abs=1e-9)
    assert compared > 150


DTYPES = ("bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128").split()
GEOMETRIES: dict[str, Any] = {
    "dense": lambda x: x, "permuted": lambda x: x.permute(1, 0, 2), "gaps": lambda x: x[..., ::2],
    "offset": lambda x: x[:, :, 1:], "expanded": lambda x: x[:1, :1].expand(3, 4, -1), "empty": lambda x: x[:0],
    "empty and expanded": lambda x: x[:0, :1].expand(-1, 4, -1), "0-d": lambda x: x[0, 0, 0],
    "odd strides": lambda x: x.as_strided((2, 2, 16), (16, 1, 1)), "few": lambda x: x[..., :3],
    "rows": lambda x: x[1::2],
}


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_views_of_another_dtype_lie_as_pytorchs(dtype: str, geometry: str) -> None:
    found: list[list[Any]] = []
    for T in MODULES:
        x = GEOMETRIES[geometry](T.zeros(2, 2, 16, dtype=getattr(T, dtype)))
        found.append([])
        for other in DTYPES[1:]:
            try:
                seen = x.view(getattr(T, other))
            except RuntimeError as error:
                found[-1].append(str(error).removeprefix("[view] ").split(" to view")[0])
            else:
                found[-1].append((tuple(seen.shape), seen.stride(), seen.storage_offset()))
    assert found[0] == found[1]


REFUSED: dict[str, Any] = {
    "complex of odd strides": lambda T: T.view_as_complex(T.zeros(3, 3).as_strided((2, 2), (1, 1))),
    "complex of an odd offset": lambda T: T.view_as_complex(T.zeros(5)[1:].reshape(2, 2)),
    "complex of nothing": lambda T: T.view_as_complex(T.tensor([])),
    "complex of 0-d": lambda T: T.view_as_complex(T.tensor(2.0)),
    "split of negative sizes": lambda T: T.zeros(7).split([-1, 8]),
    "split of another sum": lambda T: T.zeros(7).split([1, 8]),
    "resize too large": lambda T: T.zeros(()).resize_([2, 4, 2**29, 2**29]),
    "resize of what has a gradient": lambda T: T.zeros(2, requires_grad=True).resize_(2),
}


@pytest.mark.parametrize("name", REFUSED)
def test_views_that_pytorch_refuses(name: str) -> None:
    words = []
    for T in MODULES:
        with pytest.raises(RuntimeError) as caught:
            REFUSED[name](T)
        words.append(str(caught.value))
    start = words[1].split(",")[0].split("=")[0].split(" ")[:6]
    assert " ".join(start) in words[0], words


def test_expanded_and_resized_tensors_lie_as_pytorchs() -> None:
    for sizes in [(1, 1, 5), (2, 1, 5), (1, 3, 5), (4, 1, 1, 5), (1, 1, 0, 5)]:
        both(lambda T, sizes=sizes: T.arange(5)[:sizes[-1]].expand(sizes).stride())
        both(lambda T, sizes=sizes: T.ones(5, 2)[:sizes[-1]].t()[:1].expand(sizes).stride())
    both(lambda T: (T.ones(()).expand(1, 1).stride(), T.ones(2, 1).expand(1, 2, 3).stride()))
    both(lambda T: T.arange(6.0, requires_grad=True).resize(2, 3))
    both(lambda T: T.arange(6.0).resize_as(T.ones(3, 2)))
    both(lambda T: T.arange(6.0).resize(2))


# --- who may write to a view ------------------------------------------------------------------------------------------


def _alone(T: Any) -> Any:
    class Alone(T.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x[:1]

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return T.cat([grad, T.zeros(2, 3)])

    return Alone


def _with_another(T: Any) -> Any:
    class WithAnother(T.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x[:1], x * 2

        @staticmethod
        def backward(ctx: Any, first: Any, second: Any) -> Any:
            return second * 2 + T.cat([first, T.zeros(2, 3)])

    return WithAnother


PARTS: dict[str, Any] = {
    "slice": lambda T, x: x[:1],
    "view of a part": lambda T, x: x.unbind()[0].view(3, 1),
    "unbind": lambda T, x: x.unbind()[1],
    "iteration": lambda T, x: list(x)[1],
    "split": lambda T, x: x.split(2)[0],
    "split to sizes": lambda T, x: x.split([1, 2], 1)[1],
    "split_with_sizes": lambda T, x: x.split_with_sizes((1, 2))[0],
    "chunk": lambda T, x: x.chunk(2, 1)[0],
    "chunk of one": lambda T, x: x.chunk(1)[0],
    "tensor_split": lambda T, x: x.tensor_split(3)[0],
    "hsplit": lambda T, x: x.hsplit(3)[0],
    "vsplit": lambda T, x: x.vsplit(3)[0],
    "unsafe_split": lambda T, x: x.unsafe_split(1)[0],
    "unsafe_split_with_sizes": lambda T, x: x.unsafe_split_with_sizes((1, 2))[0],
    "unsafe_chunk": lambda T, x: x.unsafe_chunk(3)[0],
    "detached": lambda T, x: x.unbind()[0].detach(),
    "Function": lambda T, x: _alone(T).apply(x),
    "Function of several": lambda T, x: _with_another(T).apply(x)[0],
}
MAKINGS = ("recorded", "no_grad", "inference_mode")
WHAT_HAPPENS: dict[str, Any] = {
    "written": lambda T, x, part: part.mul_(2).sum().backward(),
    "written by what moves": lambda T, x, part: part.mul_(T.ones(1, requires_grad=True)).sum().backward(),
    "written without recording": lambda T, x, part: (T.no_grad()(part.mul_)(2), (part.detach() * 2).sum().item()),
    "written so, then read": lambda T, x, part: (T.no_grad()(part.mul_)(2), part.grad_fn is None),
    "whole written": lambda T, x, part: (x.mul_(2), part.grad_fn is None),
    "part of the whole written": lambda T, x, part: (x[1].mul_(2), (part * 1).sum().backward()),
    "whole read": lambda T, x, part: (part.mul_(2), x.sum().backward()),
    "set at a place": lambda T, x, part: part.__setitem__(0, 1.0),
    "relu": lambda T, x, part: T.nn.functional.relu(part, inplace=True),
    "copy_": lambda T, x, part: part.copy_(T.ones(())),
    "zero_": lambda T, x, part: part.zero_(),
    "unsqueezed": lambda T, x, part: part.unsqueeze_(0),
    "transposed": lambda T, x, part: T.no_grad()(part.transpose_)(0, 0),
    "transposed, then written": lambda T, x, part: (T.no_grad()(part.transpose_)(0, 0), part.add_(1)),
    "shown": lambda T, x, part: (T.no_grad()(part.mul_)(0), repr(part).count("Invalid")),
}


def _told(T: Any, start: str, take: str, making: str, happens: str) -> tuple[str, str]:
    leaf = T.full((3, 3), 2.0, requires_grad=start != "plain")
    x = leaf.clone() if start == "computed" else leaf
    modes = {"recorded": T.enable_grad, "no_grad": T.no_grad, "inference_mode": T.inference_mode}
    try:
        with modes[making]():
            part = PARTS[take](T, x)
        WHAT_HAPPENS[happens](T, x, part)
    except RuntimeError as error:
        found = re.search("multiple views|custom Function|no_grad mode|inference mode|leaf Variable|not require grad|"
                          "overlap|single memory|modified by an inplace", str(error))
        word = str(error) if found is None else found.group()
        untold = take.startswith("Function") and making != "recorded"  # which of the modes it was, PyTorch's words miss
        return "refused", "a mode" if untold and word.endswith(("mode", "Function")) else word
    return "done", str(None if not leaf.is_leaf or leaf.grad is None else leaf.grad.tolist())


@pytest.mark.parametrize("take", PARTS)
def test_writes_to_views_are_refused_as_pytorchs(take: str) -> None:
    for start in ("computed", "leaf", "plain"):
        for making in MAKINGS:
            for happens in WHAT_HAPPENS:
                if take.startswith("unsafe") and making == "inference_mode" and happens.endswith("whole written"):
                    continue  # PyTorch lets the part go on with a history that is not its own
                ours, theirs = (_told(T, start, take, making, happens) for T in MODULES)
                assert ours == theirs, (start, making, happens)
