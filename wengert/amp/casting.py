"""What `autocast` does to operations: those on its lists get their operands in another precision.

The one idea to know: nobody pays for this who does not use it. The functions on the lists are plain functions until the
program makes its first `autocast` block; then each of them keeps its identity and gets code that reads
``state.casting`` (`tensors/overrides.py:hand_over`). The lists are PyTorch's for the CPU. An operation runs with
casting off, so that what it is composed of here does not matter; what PyTorch composes of several listed operations,
and wengert has as one, stands in `COMPOSED`.

Only floating tensors narrower than float64 are cast; complex ones, integers and numbers are left, and so is a call with
``out=``. A cast is an operation like any other: recorded on the tape, in a compiled program, under `torch.func`.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from importlib import import_module
from math import prod
from types import FunctionType
from typing import Any

from ..autograd.modes import enable_grad
from ..core.dtypes import DType, bfloat16, float16, float32
from ..core.forks import in_child
from ..core.state import state
from ..nn.functional import recurrent
from ..ops.conversion import cast
from ..tensors.alias import version_cell
from ..tensors.evaluation import tracing
from ..tensors.overrides import hand_over, innermost
from ..tensors.tape import Leaf
from ..tensors.tensor import TENSORS, Tensor

LOWER = """
    _addmm_activation _native_multi_head_attention addbmm addmm baddbmm bmm conv1d conv2d conv3d conv_tbc
    conv_transpose1d conv_transpose2d conv_transpose3d linalg.vecdot linear matmul __matmul__ __rmatmul__ mm prelu
    scaled_dot_product_attention
"""
"""Computed in the lower precision."""

FULL = """
    adaptive_avg_pool3d adaptive_max_pool3d avg_pool3d binary_cross_entropy binary_cross_entropy_with_logits cdist
    cholesky cholesky_inverse cholesky_solve cosine_embedding_loss cross_entropy ctc_loss fractional_max_pool2d
    fractional_max_pool3d geqrf grid_sample grid_sampler grid_sampler_2d grid_sampler_3d hinge_embedding_loss huber_loss
    inverse kl_div l1_loss lu lu_solve margin_ranking_loss max_unpool1d max_unpool2d max_unpool3d mse_loss
    multi_margin_loss multilabel_margin_loss nanquantile nll_loss nll_loss2d orgqr ormqr pinverse poisson_nll_loss polar
    prod qr quantile smooth_l1_loss soft_margin_loss stft svd trace triangular_solve triplet_margin_loss view_as_complex
    adaptive_max_pool3d_with_indices fractional_max_pool2d_with_indices fractional_max_pool3d_with_indices
    fft.fft fft.fft2 fft.fftn fft.hfft fft.ifft fft.ifft2 fft.ifftn fft.ihfft fft.irfft fft.irfft2 fft.irfftn fft.rfft
    fft.rfft2 fft.rfftn
    linalg.cholesky linalg.cholesky_ex linalg.cond linalg.eig linalg.eigh linalg.eigvals linalg.eigvalsh
    linalg.householder_product linalg.inv linalg.inv_ex linalg.lstsq linalg.matrix_rank linalg.qr linalg.solve
    linalg.svd linalg.svdvals linalg.tensorinv linalg.tensorsolve
"""
"""Computed in float32."""

WIDEST = "cat concat concatenate stack index_copy hstack vstack dstack column_stack row_stack"
"""Computed in the widest of the lower precision and those of the operands. The stacks are joined by these."""

COMPOSED = """
    chain_matmul corrcoef cov linalg.matmul linalg.multi_dot multi_head_attention_forward
"""
"""What PyTorch computes by products in the lower precision."""

Operands = tuple[tuple[Any, ...], dict[str, Any]]
Policy = Callable[[DType, tuple[Any, ...], dict[str, Any]], Operands]

# --- one operand ------------------------------------------------------------------------------------------------------


class Switches(threading.local):
    """What `autocast` is told in this thread, by device; and the parameters that it has cast since its outermost block
    began, which `Switches.leaf` keeps."""

    def __init__(self) -> None:
        self.enabled: dict[str, bool] = {}
        self.dtypes: dict[str, DType] = {}
        self.cache, self.nesting = True, 0
        self.kept: dict[tuple[int, DType], tuple[weakref.ref[Tensor], int, Tensor]] = {}

    def dtype(self, device: str) -> DType:
        """The lower precision of a device: where nothing was said, bfloat16 on the CPU, and float16 on most others."""
        return self.dtypes.get(device, bfloat16 if device in ("cpu", "hpu", "xla") else float16)

    def put(self, device: str, enabled: bool, dtype: DType) -> None:
        """Says what holds for a device from now on."""
        self.enabled, self.dtypes = self.enabled | {device: enabled}, self.dtypes | {device: dtype}
        if device == "cpu":
            if enabled:
                arm()
            state.casting = dtype if enabled else None

    def leaf(self, x: Tensor, dtype: DType) -> Tensor:
        """A parameter in ``dtype``: as it was cast before, unless it was written since."""
        version = version_cell(x)[0]
        found = self.kept.get((id(x), dtype))
        if found is not None and found[0]() is x and found[1] == version:
            return found[2]
        with enable_grad():  # the first use may be one that records nothing
            made = cast(x, dtype)
        self.kept[id(x), dtype] = weakref.ref(x), version, made
        return made


switches = Switches()


def eligible(x: Any) -> bool:
    """Whether `autocast` casts a value: a floating tensor narrower than float64."""
    return isinstance(x, Tensor) and x.is_floating_point() and x.dtype.itemsize < 8


def to(x: Any, dtype: DType) -> Any:
    """An operand, or the members of a list of them, in ``dtype``, where they are cast at all."""
    if type(x) is list or type(x) is tuple:
        return type(x)([to(each, dtype) for each in x]) if any([isinstance(each, Tensor) for each in x]) else x
    if not eligible(x) or x.dtype is dtype:
        return x
    if type(x) not in TENSORS or dtype is float32:
        return x.to(dtype)
    if (type(x._edge) is Leaf and x.dtype is float32 and (x._alias is None or not x._alias.steps)
            and not state.inference and switches.cache and not tracing()):
        return switches.leaf(x, dtype)
    return cast(x, dtype)


# --- what is done to the operands of an operation ---------------------------------------------------------------------


def lower(low: DType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Operands:
    """All in the lower precision."""
    return tuple([to(x, low) for x in args]), {name: to(x, low) for name, x in kwargs.items()}


def full(low: DType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Operands:
    """All in float32."""
    return lower(float32, args, kwargs)


def widest(low: DType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Operands:
    """All in float32 where one of them is, else in the lower precision. Raises RuntimeError beside another."""
    found = set()
    for x in (*args, *kwargs.values()):
        found |= {each.dtype for each in (x if type(x) is list or type(x) is tuple else (x,)) if eligible(each)}
    if not found <= {float32, low}:
        other = next(iter(found - {float32, low}))
        raise RuntimeError(f"[autocast] tensors of {low} and float32 were expected together; got {other}: Unexpected "
                           "floating ScalarType in at::autocast::prioritize; convert it with .to(...) first")
    return lower(float32 if float32 in found else low, args, kwargs)


def unchanged(low: DType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Operands:
    """None is cast: operations in place, whose result has a dtype already."""
    return args, kwargs


def contracting(low: DType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Operands:
    """In the lower precision where an einsum has products with sums, which two operands share."""
    equation, *operands = args
    if not isinstance(equation, str):
        return lower(low, args, kwargs)
    terms, arrow, result = equation.replace(" ", "").partition("->")
    letters = "".join(["".join(dict.fromkeys(term)) for term in terms.split(",")])
    shared = {c for c in letters if c.isalpha() and letters.count(c) > 1}
    summed = shared - set(result) if arrow else shared
    return lower(low, args, kwargs) if summed and len(terms.split(",")) > 1 else (args, kwargs)


def tensordot(low: DType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Operands:
    """In the lower precision but for a single number, which is a sum of products of elements."""
    named = dict(zip(("a", "b", "dims"), args, strict=False)) | kwargs
    a, b, dims = named["a"], named["b"], named.get("dims", 2)
    if isinstance(dims, int):
        dims = range(-dims, 0), range(dims)
    left, right = ([n for d, n in enumerate(x.shape) if d not in places and d - x.dim() not in places]
                   for x, places in ((a, dims[0]), (b, dims[1])))
    return (args, kwargs) if prod(left) == prod(right) == 1 else lower(low, args, kwargs)


def inner(low: DType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Operands:
    """In the lower precision where it is a product of matrices, or with one."""
    ranks = [x.dim() for x in (*args, *kwargs.values())]
    return lower(low, args, kwargs) if min(ranks) > 0 and max(ranks) > 1 else (args, kwargs)


def matrix_power(low: DType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Operands:
    """An inverse in float32, products in the lower precision."""
    n = (*args, *kwargs.values())[1]
    return full(low, args, kwargs) if n < 0 else (args, kwargs) if n < 2 else lower(low, args, kwargs)


def padded(low: DType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Operands:
    """Reflections over one and two dimensions and replications are computed in float32."""
    named = dict(zip(("input", "pad", "mode"), args, strict=False)) | kwargs
    mode, sizes = named.get("mode", "constant"), len(named.get("pad") or ())
    return full(low, args, kwargs) if mode == "replicate" or (mode == "reflect" and sizes <= 4) else (args, kwargs)


def max_pool3d(low: DType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Operands:
    """In float32 where no indices are asked for."""
    return (args, kwargs) if kwargs.get("return_indices") or args[6:7] == (True,) else full(low, args, kwargs)


def interpolate(low: DType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Operands:
    """Means over volumes in float32."""
    named = dict(zip(("input", "size", "scale_factor", "mode"), args, strict=False)) | kwargs
    volumes = named.get("mode") == "area" and named["input"].dim() == 5
    return full(low, args, kwargs) if volumes else (args, kwargs)


def rounded(low: DType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Operands:
    """Rounded to the lower precision, and computed with in float32: products before what is computed so."""
    return full(low, *lower(low, args, kwargs))


def pieces(low: DType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Operands:
    """A linear layer and its loss; in pieces, where that can be, they are computed as they are."""
    weight, target = (*args[1:3], *[kwargs[name] for name in ("linear_weight", "target") if name in kwargs])
    apart = (kwargs.get("options") is not None and weight.dim() == 2 and not kwargs.get("label_smoothing")
             and not target.is_floating_point())
    return (args, kwargs) if apart else rounded(low, args, kwargs)


def recurrence(low: DType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Operands:
    """LSTMs of sequences of one length and plain recurrent layers run in the lower precision. Of others, and of GRUs,
    it has the products, and they are in the precision of the states."""
    mode, sizes = args[0], args[2]
    alike = mode != "GRU" and (mode != "LSTM" or len(set(sizes)) == 1) and not _projects(args)
    return lower(low, args, kwargs) if alike else _by_states(low, args[3], args, kwargs)


def one_step(low: DType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Operands:
    """`recurrence` for a cell."""
    return lower(low, args, kwargs) if args[0] not in ("GRU", "LSTM") else _by_states(low, args[2], args, kwargs)


def _projects(args: tuple[Any, ...]) -> bool:
    """Whether a recurrent layer ends in a product of its state."""
    return any([weight is not None for weight in args[4][4:]])


def _by_states(low: DType, states: tuple[Tensor, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Operands:
    wide = any([state.dtype is float32 for state in states])
    return (rounded if wide else lower)(low, args, kwargs)


Lowered = Callable[[DType, tuple[Any, ...], dict[str, Any], Any], Any]


def result(low: DType, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> Any:
    """A result that a product gives."""
    return to(out, low)


def first_result(low: DType, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> Any:
    """The first of several results."""
    return (to(out[0], low), *out[1:])


def power(low: DType, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> Any:
    """More than the inverse itself is a product."""
    return to(out, low) if (*args, *kwargs.values())[1] < -1 else out


def projected(low: DType, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> Any:
    """What an LSTM projects is a product; its cells are not."""
    return (to(out[0], low), (to(out[1][0], low), *out[1][1:])) if _projects(args) else out


RESULTS: dict[str, Lowered] = {
    "linalg.pinv": result, "svd_lowrank": first_result, "pca_lowrank": first_result, "linalg.matrix_power": power,
    "matrix_power": power,
}
"""What becomes of results that PyTorch computes by a product last."""

RULES: dict[str, Policy] = {
    **dict.fromkeys((LOWER + COMPOSED).split(), lower), **dict.fromkeys(FULL.split(), full),
    **dict.fromkeys(WIDEST.split(), widest), "einsum": contracting, "inner": inner, "tensordot": tensordot,
    "linalg.matrix_power": matrix_power, "matrix_power": matrix_power, "pad": padded, "max_pool3d": max_pool3d,
    "interpolate": interpolate, "linear_cross_entropy": pieces, "linalg.pinv": full, "svd_lowrank": full,
    "pca_lowrank": full,
}


class Casting:
    """Stands behind a function on the lists: casts its operands where `autocast` is on, and runs it as it was."""

    __slots__ = ("kept", "policy", "result")

    def __init__(self, kept: FunctionType, policy: Policy, result: Lowered | None) -> None:
        self.kept, self.policy, self.result = kept, policy, result

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        low = state.casting
        if low is None or kwargs.get("out") is not None:
            return self.kept(*args, **kwargs)
        state.casting = None
        try:
            args, kwargs = self.policy(low, args, kwargs)
            out = self.kept(*args, **kwargs)
            return out if self.result is None else self.result(low, args, kwargs, out)
        finally:
            state.casting = low


# --- arming -----------------------------------------------------------------------------------------------------------

_is_armed = False
_arming = threading.Lock()


def _renew() -> None:
    global _arming
    _arming = threading.Lock()


in_child(_renew)  # forked off in the middle it begins again: what casts already runs its inside with casting off


def named(name: str) -> Iterator[Any]:
    """What is public under a name of the lists."""
    root = __package__.rpartition(".")[0]
    home, _, last = name.rpartition(".")
    if home:
        yield getattr(import_module(f"{root}.{home}"), last)
        return
    for place in ("", ".nn.functional"):
        yield getattr(import_module(root + place), last, None)
    yield vars(Tensor).get(last)


def arm() -> None:
    """Has the functions on the lists cast what they are given, where `autocast` is on, from now on."""
    global _is_armed
    with _arming:
        if _is_armed:
            return
        found: list[FunctionType] = []
        for name, policy in RULES.items():
            for function in named(name):
                if type(function) is FunctionType and function not in found:
                    found.append(function)
                    _put(function, policy, RESULTS.get(name))
            inplace = vars(Tensor).get(f"{name}_")
            if type(inplace) is FunctionType:
                _put(inplace, unchanged)
        _put(recurrent.recurrence, recurrence, projected)
        _put(recurrent.one_step, one_step)
        _is_armed = True


def _put(function: Any, policy: Policy, result: Lowered | None = None) -> None:
    hand_over(innermost(function), lambda kept: Casting(kept, policy, result))
