"""The entries of the database, and how what they hold (functions, tensors, nests) is carried over to wengert."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db

import wengert

SEED = 42
MOST_DIMENSIONS = 64  # of a numpy array
# What the walk leaves out on purpose: names (or beginnings that end in a dot), each with its reason.
LEFT_OUT = {
    "sparse.": "of sparse layouts, which tests/peer/test_sparse_peer.py holds against PyTorch",
    "to_sparse": "of sparse layouts, which tests/peer/test_sparse_peer.py holds against PyTorch",
    "jiterator_unary": "compiles CUDA source",
    "jiterator_binary": "compiles CUDA source",
    "jiterator_4inputs_with_extra_args": "compiles CUDA source",
    "jiterator_binary_return_by_ref": "compiles CUDA source",
    "jiterator_2inputs_2outputs": "compiles CUDA source",
    "torch.ops.": "reached through torch.ops alone",
    "max_pool2d_with_indices_backward": "reached through torch.ops alone",
    "native_dropout_backward": "reached through torch.ops alone",
    "torch._scaled_mm": "an internal product of float8 numbers",
    "torch._scaled_mm_v2": "an internal product of float8 numbers",
    "bmm.triton_optimized": "a CUDA kernel",
    "_softmax_backward_data": "internal to PyTorch",
    "_native_batch_norm_legit": "internal to PyTorch",
    "_batch_norm_with_update": "internal to PyTorch",
    "_upsample_bilinear2d_aa": "internal to PyTorch",
    "_unsafe_masked_index": "internal to PyTorch",
    "_unsafe_masked_index_put_accumulate": "internal to PyTorch",
    "_chunk_cat": "internal to PyTorch",
    "_segment_reduce.": "internal to PyTorch",
    "slice": "reached through torch.ops alone",
}

# Columns of single entries that are left out, as PyTorch's own answer there is wrong or an accident of how it is
# written: (entry, column) with the reason.
FAULTS = {
    ("narrow_copy", "out"): "PyTorch writes into a strided target as if it were dense",
    ("nn.functional.avg_pool3d", "out"): "PyTorch writes into a strided target as if it were dense",
    ("fft.ihfft2", "out"): "PyTorch leaves the target unwritten",
    ("fft.ihfftn", "out"): "PyTorch leaves the target unwritten",
    ("matmul", "out"): "PyTorch takes a strided target of a vector's product off its memory",
    ("nn.functional.linear", "out"): "PyTorch takes a strided target of a vector's product off its memory",
    ("lu", "out"): "PyTorch takes strided targets off their memory",
    ("narrow_copy", "wrong-input"): "PyTorch asks for a report of its own error",
    ("__rdiv__", "wrong-input"): "PyTorch fails inside, at a number that it takes for a tensor",
    ("all", "out"): "into bytes, PyTorch cuts the input to integers first, so that 0.5 counts as false",
    **{("as_strided_scatter", column): "PyTorch gives the input the gradient of what is replaced, and none to the rest"
       for column in ("grad", "grad-complex")},
    ("nn.functional.ctc_loss", "grad"): "PyTorch's is no derivative but behind a log_softmax: it has a multiple of the "
                                        "probabilities more",
    **{(f"nn.functional.linear_cross_entropy.{name}", "grad-second"): "PyTorch's pieces have no second derivative, "
                                                                      "silently"
       for name in ("chunked", "chunked_none")},
    ("linalg.norm.subgradients_at_zero", "grad-second"): "PyTorch's is NaN at zero, by 0 / 0 in its formula",
    ("native_group_norm", "strided"): "PyTorch refuses an input that is laid as it likes, and asks for a report",
    ("any", "out"): "into bytes, PyTorch cuts the input to integers first, so that 0.5 counts as false",
    **{(f"nn.functional.{name}", "grad-reference"): "at NaN PyTorch's vector code gives another gradient than its code "
       "for single elements, so that it depends on how many there are"
       for name in ("elu", "celu", "selu", "softshrink", "hardshrink", "hardtanh", "relu6")},
    ("addcdiv", "grad-reference"): "PyTorch rounds a product to bfloat16 on the way to a gradient in float32",
    ("digamma", "grad-reference"): "at the poles below 0 PyTorch's derivative is a large number by rounding, 6.6e32 at "
                                   "-1, and not infinite",
    ("polar", "grad-reference"): "by a negative radius PyTorch's derivative has the wrong sign",
    ("special.log_ndtr", "grad-reference"): "far below 0 PyTorch's formula cancels: it is right to two digits at -5e6",
    ("signal.windows.kaiser", "reference"): "of beta 100 in float32, PyTorch's window is of zeros and NaN",
    ("cholesky_inverse", "forward"): "beside differences PyTorch's derivative is wrong, but for an L next to 1",
    ("logcumsumexp", "forward"): "beside differences PyTorch's is right to five digits only",
    ("triangular_solve", "forward"): "PyTorch's derivative by the triangle that is not read is not zero",
}


# Entries of which PyTorch has a few digits right and wengert all (tests/peer/test_special_peer.py holds both beside
# mpmath): they are compared to (relative, absolute) differences of so much.
ROUGH = {
    "special.bessel_j0": (1e-5, 1e-6), "special.bessel_j1": (1e-5, 1e-6), "special.bessel_y0": (1e-5, 1e-6),
    "special.bessel_y1": (1e-4, 1e-6), "special.airy_ai": (1e-4, 1e-5),
}


class Inapplicable(Exception):
    """A column says nothing about this entry, or this sample."""


def why_left_out(name: str) -> str | None:
    return next((why for key, why in LEFT_OUT.items() if name == key or key[-1] == "." and name.startswith(key)), None)


def entries() -> dict[str, Any]:
    """The entries of the walk by their full names, `norm.nuc` and such."""
    return {entry.full_name: entry for entry in op_db if why_left_out(entry.full_name) is None}


def seeded(op: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The database's `wrapper_set_seed`, for both libraries."""
    torch.manual_seed(SEED)
    wengert.manual_seed(SEED)
    return op(*args, **kwargs)


def counterpart(function: Any, name: str) -> Callable[..., Any]:
    """What wengert has in the place of a function of PyTorch's, or of the database's.

    A function of the database is run as it is written, with `torch` standing for wengert; the name of one of PyTorch's
    is looked up.
    """
    name = name.removeprefix("torch.")
    if isinstance(function, partial):  # such as the form with ``inplace=True``, of the same name
        return partial(counterpart(function.func, name.removesuffix("_")), *function.args, **function.keywords)
    module = getattr(function, "__module__", None) or ""
    if isinstance(function, types.FunctionType) and module.startswith("torch.testing"):
        return rebound(function)
    if module == "_operator":
        return function
    if type(function).__name__ in {"method_descriptor", "wrapper_descriptor"} or module == "torch._tensor":
        return getattr(wengert.Tensor, function.__name__)
    own = getattr(function, "__name__", "")
    for path in (name, own):
        found: Any = wengert
        for part in path.split("."):
            found = getattr(found, part, None)
        if found is not None:
            return found
    raise AttributeError(f"module 'wengert' has no attribute {name!r}")


def rebound(function: types.FunctionType) -> Callable[..., Any]:
    """A function of the database with `torch` standing for wengert."""
    world = {**function.__globals__, "torch": wengert, "wrapper_set_seed": seeded, "F": wengert.nn.functional}
    cells = function.__closure__
    if cells is not None:
        cells = tuple(types.CellType(carried(cell.cell_contents)) for cell in cells)
    made = types.FunctionType(function.__code__, world, function.__name__, function.__defaults__, cells)
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def copied(tensor: Any) -> Any:
    """A leaf of PyTorch's with memory of its own, laid out as the given one."""
    with torch.no_grad():
        plain = tensor.detach()
        if tensor.is_conj():
            return copied(plain.conj()).conj().requires_grad_(tensor.requires_grad)
        size = tensor.untyped_storage().nbytes() // tensor.element_size()
        memory = plain.as_strided((size,), (1,), 0).clone()
        laid = memory.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())
        return laid.detach().requires_grad_(tensor.requires_grad)  # a view made in no_grad may not be written to


def carried(value: Any) -> Any:
    """The same value for wengert: tensors with their strides, dtypes, functions of the database; others as they are."""
    if isinstance(value, torch.Tensor):
        return carried_tensor(value)
    if isinstance(value, torch.Size):
        return wengert.Size(value)
    if type(value) in (torch.dtype, torch.layout, torch.memory_format):
        return getattr(wengert, str(value).removeprefix("torch."))
    if isinstance(value, torch.device):
        return wengert.device(str(value))
    if isinstance(value, types.FunctionType) and value.__module__.startswith("torch.testing"):
        return rebound(value)
    if type(value).__module__.startswith("torch.nn."):
        return carried_object(value)
    return value


def carried_object(value: Any) -> Any:
    """A layer without parameters, or a set of options."""
    kind = getattr(wengert.nn, type(value).__name__)
    if is_dataclass(value):
        return kind(**{field.name: carried(getattr(value, field.name)) for field in fields(value)})
    made = kind()
    for name in value.__constants__:
        setattr(made, name, getattr(value, name))
    return made


def carried_tensor(tensor: Any) -> Any:
    if tensor.is_meta or tensor.dim() > MOST_DIMENSIONS:
        raise Inapplicable
    with torch.no_grad(), wengert.no_grad():
        plain = tensor.detach()
        if tensor.is_conj():
            return carried(plain.conj()).conj().requires_grad_(tensor.requires_grad)
        size = tensor.untyped_storage().nbytes() // tensor.element_size()
        memory = plain.resolve_neg().as_strided((size,), (1,), 0)
        if tensor.dtype in (torch.bfloat16, torch.complex32):  # of which numpy knows the bits alone
            bits = memory.view(torch.int16 if tensor.dtype is torch.bfloat16 else torch.int32)
            ours = wengert.tensor(bits.numpy()).view(carried(tensor.dtype))
        else:
            ours = wengert.tensor(np.array(memory.numpy(), copy=True))
        made = ours.as_strided(tuple(tensor.shape), tensor.stride(), tensor.storage_offset()).detach()
        return made.requires_grad_() if tensor.requires_grad else made


def mapped(nest: Any, change: Callable[[Any], Any]) -> Any:
    """A nest of lists, tuples and dicts with every value changed."""
    if isinstance(nest, (list, tuple)) and not isinstance(nest, torch.Size):
        parts = [mapped(part, change) for part in nest]
        return type(nest)(*parts) if hasattr(nest, "_fields") else type(nest)(parts)
    if isinstance(nest, dict):
        return {key: mapped(part, change) for key, part in nest.items()}
    return change(nest)


class Call:
    """One sample as arguments for both libraries, fresh at each asking."""

    def __init__(self, sample: Any) -> None:
        self.sample = sample
        self.nest = ((sample.input, *sample.args), dict(sample.kwargs))

    def theirs(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return mapped(self.nest, lambda x: copied(x) if isinstance(x, torch.Tensor) else x)

    def ours(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return mapped(self.nest, carried)

    def processed(self, result: Any, ours: bool) -> Any:
        """What the database says may be differentiated, or compared where a result is one of several: |U| and such."""
        process = self.sample.output_process_fn_grad
        return (carried(process) if ours else process)(result)

    def __str__(self) -> str:
        return self.sample.summary().replace(', device="cpu"', "").replace("broadcasts_input=False, ", "")
