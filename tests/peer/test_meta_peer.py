"""Meta tensors against PyTorch's: PyTorch's operator database on tensors without elements, shapes, dtypes, strides and
devices of every result."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import pytest

torch = pytest.importorskip("torch")
try:
    from tools.conformance.database import Call, Inapplicable, counterpart, entries, mapped
except ImportError:  # the database is not in every build of PyTorch
    pytest.skip("PyTorch's operator database is not installed", allow_module_level=True)

import wengert  # noqa: E402

SAMPLES = 3
BY_VALUE = frozenset("""
    hash_tensor linalg.matrix_rank linalg.matrix_rank.hermitian resize_ resize_as_ nonzero_static
    nn.functional.embedding_bag nn.functional.ctc_loss repeat_interleave
    linspace.tensor_overload
    logspace.tensor_overload nn.functional.multilabel_margin_loss linalg.pinv linalg.pinv.singular
    nn.functional.one_hot index_fill
    as_strided.partial_views native_batch_norm
""".split())
"""Entries that ask for elements here, and not in PyTorch."""
OTHER_STRIDES = frozenset("""
    broadcast_to linalg.tensorinv lu_solve linalg.lu_solve linalg.solve_triangular linalg.solve linalg.inv fft.hfft2
    fft.rfftn meshgrid.variadic_tensors meshgrid.list_of_tensors svd_lowrank pca_lowrank linalg.solve_ex
    triangular_solve linalg.inv_ex linalg.eig linalg.eigvals linalg.lstsq linalg.lstsq.grad_oriented
    nn.functional.interpolate.nearest
""".split())
"""Entries of which some result lies otherwise, as it does on the CPU, or where a size of 1 leaves its stride open."""


def specs(result: Any, strides: bool) -> Any:
    if isinstance(result, (list, tuple)):
        return [specs(part, strides) for part in result]
    if not hasattr(result, "stride"):
        return repr(result)
    steps = tuple(result.stride()) if strides and result.numel() > 1 else None
    return tuple(result.shape), str(result.dtype), steps, str(result.device)


def on_meta(lib: Any) -> Any:
    def move(x: Any) -> Any:
        if isinstance(x, lib.device):
            return lib.device("meta")
        return x.detach().to("meta") if isinstance(x, lib.Tensor) else x

    return move


@pytest.mark.parametrize("name", sorted(entries()))
def test_results_lie_as_pytorchs(name: str) -> None:
    entry = entries()[name]
    if not entry.dtypes or name in BY_VALUE:
        return
    dtype = torch.float32 if torch.float32 in entry.dtypes else min(entry.dtypes, key=str)
    ours = counterpart(entry.op, entry.name)
    for sample in itertools.islice(entry.sample_inputs("cpu", dtype), SAMPLES):
        call = Call(sample)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            args, kwargs = mapped(call.theirs(), on_meta(torch))
            try:
                expected = entry.op(*args, **kwargs)
            except Exception:  # PyTorch has no rule for it, or the entry means elements
                continue
            if "meta" not in str(specs(expected, False)):
                continue
            try:
                args, kwargs = mapped(call.ours(), on_meta(wengert))
            except Inapplicable:
                continue
            found = ours(*args, **kwargs)
        strides = name not in OTHER_STRIDES
        assert specs(found, strides) == specs(expected, strides), str(call)


PROGRAMS = {
    "printing": lambda T: [repr(T.empty(2, 3, device="meta")), repr(T.empty(2, device="meta").long()),
                           repr(T.nn.Linear(2, 3, device="meta").weight), str(T.device("meta")),
                           repr(T.empty(2, device="meta", requires_grad=True) * 2)],
    "attributes": lambda T: [T.empty(2, 3, device="meta").is_meta, T.empty(2, 3, device="meta").data_ptr(),
                             T.empty(2, 3, device="meta").untyped_storage().nbytes(),
                             T.empty(2, 3, device="meta").get_device()],
    "float": lambda T: float(T.empty((), device="meta")), "numpy": lambda T: T.empty(2, device="meta").numpy(),
    "list": lambda T: T.empty(2, device="meta").tolist(), "copy": lambda T: T.ones(2).copy_(T.empty(2, device="meta")),
    "to": lambda T: T.nn.Linear(2, 3, device="meta").to("cpu"), "add": lambda T: T.ones(2) + T.ones(2, device="meta"),
    "number": lambda T: repr(T.tensor(2.0) + T.ones(2, device="meta")),
    "cat": lambda T: T.empty(2, device="meta").nonzero(),
    "gradient": lambda T: (lambda w: (w.to("meta").sum().backward(), w.grad))(T.ones(2, requires_grad=True)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_end_as_pytorchs(name: str) -> None:
    ends = []
    for lib in (wengert, torch):
        try:
            ends.append(PROGRAMS[name](lib))
        except Exception as error:
            ends.append(error)
    ours, theirs = ends
    if isinstance(theirs, Exception):
        assert isinstance(ours, type(theirs)), repr(ours)
    else:
        assert ours == theirs
