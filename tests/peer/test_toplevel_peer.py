"""Functions of layers at the top level, whose reductions are numbers, and runs, against PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import wengert
from tests.peer.side_by_side import both


def each(call: Any) -> list[Any]:
    """What a call gives on either library: nested lists, or the kind of its error."""
    found = []
    for library in (torch, wengert):
        try:
            made = call(library, library.tensor)
            found.append([part.tolist() for part in (made if isinstance(made, tuple) else (made,))])
        except Exception as error:
            found.append("refused" if isinstance(error, (RuntimeError, TypeError, IndexError)) else repr(error))
    return found


LOSSES = {
    "kl_div": lambda t, T, *r: t.kl_div(T([0.1, 0.2]), T([0.3, 0.4]), *r),
    "hinge": lambda t, T, *r: t.hinge_embedding_loss(T([1.0, 2.0]), T([1.0, -1.0]), 1.5, *r),
    "ranking": lambda t, T, *r: t.margin_ranking_loss(T([1.0, 2.0]), T([3.0, 4.0]), T([1.0, -1.0]), 0.5, *r),
    "cosine": lambda t, T, *r: t.cosine_embedding_loss(T([[1.0, 2.0], [0.0, 1.0]]), T([[3.0, 4.0], [1.0, 0.0]]),
                                                       T([1.0, -1.0]), 0.1, *r),
    "triplet": lambda t, T, *r: t.triplet_margin_loss(T([[1.0, 2.0], [0.0, 1.0]]), T([[3.0, 4.0], [1.0, 1.0]]),
                                                      T([[5.0, 6.0], [0.5, 0.5]]), 1.0, 2.0, 1e-6, False, *r),
    "logits": lambda t, T, *r: t.binary_cross_entropy_with_logits(T([1.0, 2.0]), T([1.0, 0.0]), None, None, *r),
    "ctc": lambda t, T, *r: t.ctc_loss(t.zeros(5, 2, 3).log_softmax(-1), T([[1, 2], [2, 1]]), T([5, 4]), T([2, 1]), 0,
                                       *r),
}


@pytest.mark.parametrize("reduction", [(), (0,), (1,), (2,), ("mean",)])
@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str, reduction: Any) -> None:
    """Without a number, nothing is reduced, as in PyTorch."""
    theirs, ours = each(lambda t, T: LOSSES[name](t, T, *reduction))
    if theirs == "refused":
        assert ours == "refused"
    else:
        assert torch.allclose(torch.tensor(theirs), torch.tensor(ours), atol=1e-5)


@pytest.mark.parametrize("reduce", ["sum", "mean", "prod", "max", "min", "nope"])
@pytest.mark.parametrize("initial", [None, 2.0])
def test_runs(reduce: str, initial: Any) -> None:
    """Lengths and offsets, of one dimension and of rows, with an empty run; and the gradient."""
    calls: list[Any] = [
        lambda t, T: t.segment_reduce(T([1.0, 2.0, 3.0]), reduce, lengths=T([1, 0, 2]), initial=initial),
        lambda t, T: t.segment_reduce(T([1.0, 2.0, 3.0]), reduce, offsets=T([0, 1, 3]), initial=initial),
        lambda t, T: t.segment_reduce(t.arange(12.0).reshape(3, 2, 2), reduce, lengths=T([2, 1]), initial=initial),
        lambda t, T: t.segment_reduce(t.arange(6.0).reshape(2, 3), reduce, lengths=T([[1, 2], [2, 1]]), axis=1,
                                      initial=initial),
        lambda t, T: t.segment_reduce(T([1.0, 2.0]), reduce, lengths=T([1, 2]), initial=initial),
        lambda t, T: t.segment_reduce(T([1.0, 2.0]), reduce, lengths=T([-1, 3]), initial=initial),
        lambda t, T: t.segment_reduce(T([1.0, 2.0]), reduce, initial=initial),
    ]

    def gradient(t: Any, T: Any) -> Any:
        x = T([1.0, 3.0, 3.0, 2.0], requires_grad=True)
        t.segment_reduce(x, reduce, lengths=T([3, 1]), initial=initial).sum().backward()
        return x.grad

    for call in (*calls, gradient):
        theirs, ours = each(call)
        if theirs == "refused":
            assert ours == "refused"
        else:
            assert torch.allclose(torch.tensor(theirs), torch.tensor(ours), equal_nan=True)


@pytest.mark.parametrize("mode", [0, 1, 2])
def test_embedding_bag(mode: int) -> None:
    for extra in ((), (False, None, True), (False, None, False, 1)):
        theirs, ours = each(lambda t, T, extra=extra: t.embedding_bag(
            t.arange(6.0).reshape(3, 2), T([0, 2, 1]), T([0, 2, 3] if extra[2:3] == (True,) else [0, 2]), False, mode,
            *extra))
        assert theirs[0] == ours[0]
        if len(extra) < 4:
            assert theirs[1:3] == ours[1:3]


def test_types_and_limits() -> None:
    for library in (torch, wengert):
        assert library.finfo(library.float32) == library.finfo(library.float)
        assert library.iinfo(library.int8) != library.iinfo(library.int16)
        assert library.typename(library.nn.Linear(1, 1)) == "torch.nn.modules.linear.Linear"
        assert [part.tolist() for part in library.native_dropout(library.ones(2), 0.0, True)] == [[1, 1], [True, True]]
        with pytest.raises(RuntimeError, match="Unknown Complex ScalarType"):
            library.int32.to_complex()
        with pytest.raises(TypeError):
            library.device()
        with pytest.raises(TypeError):
            library.promote_types("a", library.int8)
        with pytest.raises(ValueError, match="buffer"):
            library.frombuffer([1], dtype=library.uint8)


FOUND: dict[str, Any] = {
    "truth to the power of truth": lambda T: [T.tensor([True, False]) ** n for n in (True, False)],
    "the dtype of nansum": lambda T: [T.nansum(T.ones(3, dtype=getattr(T, a)), dtype=getattr(T, b))
                                      for a in ("bool", "uint8", "float32") for b in ("bool", "int32", "float64")],
    "blocks of one size": lambda T: [T.ones(4, 4).to_sparse_bsr(2).values(), T.ones(4, 4).to_sparse_bsc(2).values()],
    "drawn with gaps": lambda T: [
        T.testing.make_tensor(shape, dtype=getattr(T, dtype), device="cpu", noncontiguous=True)
        for shape in ((3, 4), (5,), (2, 1), (0, 3)) for dtype in ("float32", "int64", "bool")],
}

SIZES: dict[str, Any] = {
    "floats": lambda T: T.Size([1.5]), "a tensor of floats": lambda T: T.Size(T.ones(3)),
    "a tensor of integers": lambda T: T.Size(T.tensor([2, 3])), "a list of tensors": lambda T: T.Size([T.tensor(2)]),
    "a number": lambda T: T.Size(3), "text": lambda T: T.Size(["2"]), "nothing": lambda T: T.Size([None]),
    "numpy's": lambda T: T.Size([np.int32(4)]), "a sum": lambda T: type((1,) + T.Size([2])).__name__,
    "joined": lambda T: (0,) + T.Size([1, 2]) + (3,), "of a tensor": lambda T: T.ones(2, 3).shape + T.ones(1).size(),
}
REFUSED: dict[str, Any] = {
    "a dict": lambda T: T.tensor({}), "a complex number in a real tensor": lambda T: T.tensor(1j, dtype=T.float32),
    "a class of an old type": lambda T: type("Own", (T.FloatTensor,), {}),
    "means and deviations that do not meet": lambda T: T.normal(T.ones(120), T.ones(2, 3, 4, 5)),
    "a stride of nothing": lambda T: T.nn.functional.conv1d(T.ones(1, 1, 4), T.ones(1, 1, 2), stride=0),
    "a fill beside mirrors": lambda T: T.nn.functional.pad(T.ones(1, 4), (1, 1), "reflect", value=2.0),
    "a buffer over an attribute": lambda T: setattr(with_attribute(T), "name", T.nn.Buffer(T.ones(1))),
}


def with_attribute(T: Any) -> Any:
    module = T.nn.Module()
    module.name = 5
    return module


@pytest.mark.parametrize("name", [*SIZES, *REFUSED])
def test_sizes_and_refusals(name: str) -> None:
    both({**SIZES, **REFUSED}[name])


@pytest.mark.parametrize("name", FOUND)
def test_what_pytorchs_own_tests_ask(name: str) -> None:
    both(FOUND[name], warned=False)
