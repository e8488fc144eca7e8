"""Sparse tensors: what they can do, put on their class; everything else of `Tensor` raises by its name.

Imported when the first one is made. The registry of functions comes here with calls that have a sparse tensor among
their arguments.
"""

from __future__ import annotations

from typing import Any

from ...core.errors import DTypeError, needs_strided
from ...core.state import state
from ...tensors.alias import castable
from ...tensors.sparse import SparseTensor, refusal
from ...tensors.tensor import Tensor
from .. import registry
from ..out import CASTS, COMPUTED
from . import arithmetic, making, operation, products, reductions as reductions, shapes as shapes

_KEPT = frozenset("""
    __class__ __new__ __init__ __init_subclass__ __subclasshook__ __getattribute__ __getattr__ __setattr__ __delattr__
    __dir__ __doc__ __module__ __dict__ __slots__ __weakref__ __hash__ __repr__ __str__ __format__ __reduce__
    __reduce_ex__ __sizeof__ __deepcopy__ __annotations__ __array_priority__ __array__ __len__ __bool__ __int__
    __float__ __complex__ __static_attributes__ __firstlineno__ __getstate__ __torch_function__
    _alias _cell _data _edge _rare _rarely _set_edge _number _real_number _concrete _text _base _is_view _version
    shape dtype device ndim layout size dim ndimension numel nelement element_size itemsize nbytes get_device
    is_cuda is_cpu is_mps is_xpu is_sparse is_sparse_csr is_quantized is_meta is_mkldnn is_nested is_floating_point
    is_complex is_signed is_conj is_neg is_inference is_leaf is_pinned is_distributed is_vulkan is_ipu is_maia is_mtia
    is_xla requires_grad requires_grad_ grad grad_fn output_nr backward retain_grad retains_grad register_hook
    register_post_accumulate_grad_hook detach detach_ data item graph name names
    _is_any_true _has_names has_names
""".split())
"""What of `Tensor` holds for sparse tensors as it is."""

_PROPERTIES = ("T", "mT", "H", "mH", "real", "imag")
_OPERATORS = {"add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "floordiv": "floor_divide", "pow": "pow",
              "matmul": "matmul"}


def _install() -> None:
    mine = dict(vars(SparseTensor))
    for name in dir(Tensor):
        if name in mine or name in _KEPT:
            continue
        found = getattr(Tensor, name, None)
        method = operation.METHODS.get(name)
        if method is None:
            method = refusal(name.strip("_") if name.startswith("__") else name)
        setattr(SparseTensor, name, property(method) if isinstance(found, property) or name in _PROPERTIES else method)
    for name, method in operation.METHODS.items():
        if name not in _PROPERTIES and name not in mine:
            setattr(SparseTensor, name, method)
    for word, name in _OPERATORS.items():
        run = operation.FUNCTIONS[name]
        setattr(SparseTensor, f"__{word}__", _operator(run, False))
        setattr(SparseTensor, f"__r{word}__", _operator(run, True))
        written = operation.METHODS.get(f"{name}_")
        if written is not None:
            setattr(SparseTensor, f"__i{word}__", written)
    setattr(SparseTensor, "__setitem__", _setitem)  # noqa: B010  # mypy takes it for the method of dense tensors
    for word, name in (("neg", "neg"), ("abs", "abs"), ("pos", "positive")):
        setattr(SparseTensor, f"__{word}__", operation.FUNCTIONS[name])


def _operator(run: Any, reflected: bool) -> Any:
    def operator(self: Any, other: Any) -> Any:
        if not isinstance(other, (Tensor, *arithmetic.NUMBERS)):
            return NotImplemented
        return run(other, self) if reflected else run(self, other)

    return operator


def _setitem(self: SparseTensor, index: Any, value: Any) -> None:
    """Raises TypeError."""
    raise TypeError("[setitem] Cannot assign to a sparse tensor; a strided one was expected; use to_dense()")


def _of_sparse(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a public function makes of a call with sparse tensors; raises for a function that takes none."""
    given = [*args, *kwargs.values()]
    given += [x for part in given if isinstance(part, (list, tuple)) for x in part]
    sparse = next((x for x in given if isinstance(x, SparseTensor)), None)
    if sparse is None:
        return NotImplemented
    run = operation.FUNCTIONS.get(name)
    if run is None and name in _KEPT and args and args[0] is sparse:
        return getattr(sparse, name)(*args[1:], **kwargs)
    if run is None:
        raise needs_strided(name, sparse.layout)
    target = kwargs.pop("out", None)
    return run(*args, **kwargs) if target is None else _into(target, run(*args, **kwargs), name)


def _into(target: Any, result: Any, name: str) -> Any:
    """What ``out=`` means where a result or its target is sparse: they have one layout, and no history."""
    if not isinstance(target, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(target).__name__}")
    if not isinstance(result, SparseTensor) and not isinstance(target, SparseTensor):
        return COMPUTED.put(result, target, name, name in CASTS)
    if result.layout is not target.layout:
        raise needs_strided(f"{name}(out=)", result.layout if isinstance(result, SparseTensor) else target.layout)
    if state.grad and (result.requires_grad or target.requires_grad):
        raise RuntimeError(f"{name}(): functions with out=... arguments don't support automatic differentiation, but "
                           "one of the arguments requires grad.")
    if not castable(result._data.dtype, target._data.dtype):
        raise DTypeError(f"[{name}] result type {result.dtype} can't be cast to the desired output type {target.dtype}")
    return target.replace(arithmetic.cast(result, target.dtype), name)


_install()
registry.of_sparse = _of_sparse

sparse_coo_tensor, sparse_csr_tensor = making.sparse_coo_tensor, making.sparse_csr_tensor
sparse_bsr_tensor, sparse_bsc_tensor = making.sparse_bsr_tensor, making.sparse_bsc_tensor
sparse_csc_tensor, sparse_compressed_tensor = making.sparse_csc_tensor, making.sparse_compressed_tensor
hspmm = hsmm = products.hspmm
sspaddmm, smm = products.sspaddmm, products.smm
spmm = dsmm = products.mm
saddmm = products.addmm
