"""Products of matrices and vectors, and contractions composed of them."""

from __future__ import annotations

import string
from collections.abc import Sequence
from math import prod
from typing import Any

from ..core.errors import RankError, ShapeError
from ..core.primitive import HALVES, REAL_ONLY, TRUTHS, P
from ..core.spec import wrap_dim
from ..core.state import state
from ..prims.distances import apart
from ..tensors.alias import check_writable, own, type_name
from ..tensors.apply import check_takes, result_type
from ..tensors.given import number as number_of
from ..tensors.hot import product
from ..tensors.inplace import needs_tape
from ..tensors.tape import labelled
from ..tensors.tensor import TENSORS, Tensor
from .arguments import check_one_dtype
from .conversion import cast
from .halves import in_float32
from .out import Out
from .registry import METHODS, function, method

_LABELS = {(1, 1): "Dot", (2, 1): "Mv", (1, 2): "SqueezeBackward4", (2, 2): "Mm"}


def _check_operands(op: str, *operands: Any) -> None:
    """Raises unless all are tensors of one dtype."""
    first = operands[0]
    for position, x in enumerate(operands):
        if type(x) not in TENSORS:
            raise TypeError(f"{op}(): argument (position {position + 1}) must be Tensor, not {type(x).__name__}")
        if x._data.dtype != first._data.dtype:
            both = "expected both vectors to have same dtype: " if op in ("dot", "vdot") else ""
            raise RuntimeError(f"[{op}] {both}expected m1 and m2 to have the same dtype, but got: "
                               f"{type_name(first._data.dtype)} != "
                               f"{type_name(x._data.dtype)}; convert one with .to(...)")


def _check_rank(op: str, x: Any, rank: int, name: str) -> None:
    if x._data.ndim != rank:
        kind = {1: "1D tensors", 2: "a matrix", 3: "a 3D tensor"}[rank]
        raise RankError(f"[{op}] {name} must be {kind}: {rank}D tensors expected, but got {x._data.ndim}D of shape "
                         f"{tuple(x._data.shape)}")


def _multiply(x: Any, y: Any) -> Any:
    ranks = (x._data.ndim, y._data.ndim)
    return P.matmul(x, y, label=_LABELS.get(ranks, "UnsafeView"))


def _matmul(input: Any, other: Any) -> Any:
    if type(other) not in TENSORS or input._data.dtype is not other._data.dtype:
        _check_operands("matmul", input, other)
    return _multiply(input, other)


def _operator(input: Any, other: Any) -> Any:
    return _matmul(input, other) if type(other) in TENSORS else NotImplemented


_product = product(P.matmul, _matmul)


@function(direct=lambda full: product(P.matmul, full))
def matmul(input: Any, other: Any) -> Tensor:
    """The matrix product: vectors as a row or a column, leading dimensions as batches that broadcast.

    Raises `ShapeError` (a RuntimeError) unless the inner sizes agree, and RuntimeError for differing dtypes.

    >>> A = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> A @ A
    tensor([[ 7., 10.],
            [15., 22.]])
    >>> torch.matmul(A, torch.tensor([1.0, 1.0]))
    tensor([3., 7.])
    >>> torch.matmul(torch.ones(5, 1, 2, 3), torch.ones(4, 3, 6)).shape
    torch.Size([5, 4, 2, 6])
    """
    return _matmul(input, other)


METHODS["__matmul__"] = product(P.matmul, _operator)
METHODS["__rmatmul__"] = lambda self, other: _matmul(other, self) if type(other) in TENSORS else NotImplemented


@function()
def mm(input: Any, mat2: Any) -> Tensor:
    """The product of two matrices, ``(N, M)`` and ``(M, P)``.

    >>> torch.mm(torch.tensor([[1, 2], [3, 4]]), torch.tensor([[1], [10]]))
    tensor([[21],
            [43]])
    """
    if type(mat2) not in TENSORS or input._data.dtype is not mat2._data.dtype:
        _check_operands("mm", input, mat2)
    if input._data.ndim != 2 or mat2._data.ndim != 2:
        _check_rank("mm", input, 2, "self")
        _check_rank("mm", mat2, 2, "mat2")
    return _product(input, mat2)


@function()
def bmm(input: Any, mat2: Any) -> Tensor:
    """The products of two batches of matrices, ``(B, N, M)`` and ``(B, M, P)``.

    >>> a, b = torch.arange(4.0).reshape(2, 1, 2), torch.ones(2, 2, 1)
    >>> torch.bmm(a, b).flatten()
    tensor([1., 5.])
    """
    _check_operands("bmm", input, mat2)
    _check_rank("bmm", input, 3, "batch1")
    _check_rank("bmm", mat2, 3, "batch2")
    batch, _, inner = input._data.shape
    if mat2._data.shape[0] != batch or mat2._data.shape[1] != inner:
        raise ShapeError(f"[bmm] Expected size for first two dimensions of batch2 tensor to be: [{batch}, {inner}] "
                         f"but got: [{mat2._data.shape[0]}, {mat2._data.shape[1]}].")
    return P.matmul(input, mat2, label="Bmm")


@function()
def mv(input: Any, vec: Any) -> Tensor:
    """A matrix ``(N, M)`` times a vector ``(M)``.

    >>> torch.mv(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([10.0, 1.0]))
    tensor([12., 34.])
    """
    _check_operands("mv", input, vec)
    _check_rank("mv", input, 2, "input")
    _check_rank("mv", vec, 1, "vec")
    return P.matmul(input, vec, label="Mv")


def _check_vectors(op: str, x: Any, y: Any) -> None:
    _check_operands(op, x, y)
    _check_rank(op, x, 1, "input")
    _check_rank(op, y, 1, "tensor")
    if x._data.shape != y._data.shape:
        raise ShapeError(f"[{op}] inconsistent tensor size, expected tensor {list(x._data.shape)} and src "
                         f"{list(y._data.shape)} to have the same number of elements, but got {x._data.size} and "
                         f"{y._data.size} elements respectively")


@function()
def dot(input: Any, tensor: Any) -> Tensor:
    """The sum of products of two vectors of one length.

    >>> torch.dot(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    tensor(11.)
    """
    _check_vectors("dot", input, tensor)
    return P.matmul(input, tensor, label="Dot")


@function()
def vdot(input: Any, other: Any) -> Tensor:
    """`dot` with the first vector conjugated.

    >>> torch.vdot(torch.tensor([1 + 1j, 2]), torch.tensor([1, 1j]))
    tensor(1.+1.j)
    """
    _check_vectors("vdot", input, other)
    first = P.conj(input) if input._data.dtype.kind in "cW" else input
    return P.matmul(first, other, label="Vdot")


@function(out=Out(casts=lambda input, other: not input._data.ndim or not other._data.ndim))
def inner(input: Any, other: Any) -> Tensor:
    """Sums of products over the last dimension of each; a product where one is 0-d.

    >>> torch.inner(torch.tensor([[1, 2], [3, 4]]), torch.tensor([10, 1]))
    tensor([12, 34])
    """
    if not input._data.ndim or not other._data.ndim:
        return input * other
    _check_operands("inner", input, other)
    if input._data.shape[-1] != other._data.shape[-1]:
        raise ShapeError(f"[inner] inner() the last dimension must match on both input tensors but got shapes "
                         f"{list(input._data.shape)} and {list(other._data.shape)}")
    return tensordot(input, other, dims=([-1], [-1]))


@function(aliases=("ger",))
def outer(input: Any, vec2: Any) -> Tensor:
    """All products of elements of two vectors, ``(N)`` and ``(M)``: ``(N, M)``.

    >>> torch.outer(torch.tensor([1, 2, 3]), torch.tensor([1, 10]))
    tensor([[ 1, 10],
            [ 2, 20],
            [ 3, 30]])
    """
    _check_rank("outer", input, 1, "self")
    _check_rank("outer", vec2, 1, "vec2")
    return input[:, None] * vec2


# --- products added to something --------------------------------------------------------------------------------------


def _added(op: str, base: Any, x: Any, y: Any, beta: Any, alpha: Any, label: str) -> Any:
    _check_operands(op, base, x, y)
    beta, alpha = _factor(op, beta, base, "beta", 4), _factor(op, alpha, base, "alpha", 5)
    return P.addmm(base, x, y, beta=beta, alpha=alpha, label=label)


def _factor(op: str, x: Any, base: Any, name: str, place: int) -> Any:
    """A factor in the dtype of what it multiplies: of integers the whole part."""
    if type(x) is not int and type(x) is not float:
        x = number_of(op, x, name, place)
        if isinstance(x, complex) and base._data.dtype.kind not in "cW":
            raise RuntimeError(f"[{op}] value cannot be converted to type {base.dtype} without overflow: {name} is {x}")
    return int(x) if base._data.dtype.kind in "iu" and isinstance(x, float) else x


def _expandable(op: str, base: Any, shape: tuple[int, ...]) -> None:
    have = base._data.shape
    fits = len(have) <= len(shape) and all(n in (1, m) for n, m in zip(reversed(have), reversed(shape), strict=False))
    if not fits:
        place = next(d for d in range(1, max(len(have), len(shape)) + 1) if d > len(shape) or (
            d <= len(have) and have[-d] not in (1, shape[-d])))
        raise ShapeError(f"[{op}] The expanded size of the tensor ({shape[-place] if place <= len(shape) else 0}) must "
                         f"match the existing size ({have[-place]}) at non-singleton dimension {len(shape) - place}. "
                         f"Target sizes: {list(shape)}. Tensor sizes: {list(have)}; give what is added to that shape, "
                         "or sizes of 1")


@function(inplace=True)
def addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``beta · input + alpha · (mat1 @ mat2)``, for matrices; ``input`` is broadcast.

    >>> x, w, b = torch.ones(2, 3), torch.ones(3, 2), torch.tensor([10.0, 20.0])
    >>> torch.addmm(b, x, w)
    tensor([[13., 23.],
            [13., 23.]])
    """
    _check_rank("addmm", mat1, 2, "mat1")
    _check_rank("addmm", mat2, 2, "mat2")
    if mat1._data.shape[1] == mat2._data.shape[0]:
        _expandable("addmm", input, (mat1._data.shape[0], mat2._data.shape[1]))
    return _added("addmm", input, mat1, mat2, beta, alpha, "Addmm")


@function(inplace=True)
@in_float32
def addmv(input: Any, mat: Any, vec: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``beta · input + alpha · (mat @ vec)``.

    >>> torch.addmv(torch.tensor([1.0, 1.0]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1.0, 1.0]))
    tensor([4., 8.])
    """
    _check_rank("addmv", mat, 2, "mat")
    _check_rank("addmv", vec, 1, "vec")
    _expandable("addmv", input, mat._data.shape[:1])
    return _added("addmv", input, mat, vec, beta, alpha, "Addmv")


@function(inplace=True)
def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``beta · input + alpha · (batch1 @ batch2)``, for batches of matrices.

    >>> torch.baddbmm(torch.zeros(1, 2, 2), torch.ones(5, 2, 3), torch.ones(5, 3, 2), alpha=0.5).shape
    torch.Size([5, 2, 2])
    """
    _check_rank("baddbmm", batch1, 3, "batch1")
    _check_rank("baddbmm", batch2, 3, "batch2")
    batch, rows, inner = batch1._data.shape
    if batch2._data.shape[:2] == (batch, inner):  # else the product says so, if it does not broadcast
        _expandable("baddbmm", input, (batch, rows, batch2._data.shape[2]))
    elif batch2._data.shape[1] == inner:
        raise ShapeError(f"[baddbmm] Expected size for first two dimensions of batch2 tensor to be: [{batch}, {inner}] "
                         f"but got: [{batch2._data.shape[0]}, {inner}].")
    return _added("baddbmm", input, batch1, batch2, beta, alpha, "Baddbmm")


@function(inplace=True)
@in_float32
def addbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``beta · input + alpha · Σ (batch1 @ batch2)``, the sum over the batch.

    >>> a, b = torch.ones(3, 2, 4), torch.ones(3, 4, 2)
    >>> torch.addbmm(torch.eye(2), a, b)
    tensor([[13., 12.],
            [12., 13.]])
    """
    _check_operands("addbmm", input, batch1, batch2)
    beta, alpha = _factor("addbmm", beta, input, "beta", 4), _factor("addbmm", alpha, input, "alpha", 5)
    total = P.sum(bmm(batch1, batch2), dim=(0,))
    _expandable("addbmm", input, total._data.shape)
    return input * beta + total * alpha


_addbmm_within = METHODS["addbmm_"]


@method("addbmm_")
def addbmm_(self: Tensor, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """In-place version of `addbmm`. A target that broadcasts is resized, as PyTorch does in this form alone."""
    if state.watcher is None and not needs_tape(self, batch1, batch2):
        result = addbmm(self, batch1, batch2, beta=beta, alpha=alpha)
        if result._data.shape != self._data.shape:
            check_writable(self, "addbmm_")
            self._data, self._alias, self._cell = result._data, None, None
            return self
    return _addbmm_within(self, batch1, batch2, beta=beta, alpha=alpha)


@function(inplace=True)
@in_float32
def addr(input: Any, vec1: Any, vec2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``beta · input + alpha · outer(vec1, vec2)``.

    >>> torch.addr(torch.zeros(2, 3), torch.tensor([1.0, 2.0]), torch.tensor([1.0, 10.0, 100.0]))
    tensor([[  1.,  10., 100.],
            [  2.,  20., 200.]])
    """
    beta, alpha = number_of("addr", beta, "beta", 4), number_of("addr", alpha, "alpha", 5)
    if input._data.dtype.kind in "iub" and (isinstance(beta, float) or isinstance(alpha, float)):
        raise RuntimeError("[addr] For integral input tensors, argument beta must not be a floating point number, nor "
                           f"alpha; got {beta} and {alpha}")
    kinds = {x._data.dtype.kind for x in (input, vec1, vec2)}
    if kinds == {"b"}:
        beta, alpha = bool(beta), bool(alpha)
    for name, factor in (("beta", beta), ("alpha", alpha)):
        if isinstance(factor, bool) and kinds != {"b"}:
            raise RuntimeError(f"[addr] Boolean {name} only supported for Boolean results.")
        if isinstance(factor, complex) and not kinds & {"c", "W"}:
            raise RuntimeError(f"[addr] value cannot be converted to type {input.dtype} without overflow: {name} is "
                               f"{factor}")
    product_ = outer(vec1, vec2)
    _expandable("addr", input, product_._data.shape)
    product_ = product_ if alpha == 1 else product_ * alpha
    return product_ if beta == 0 else (input if beta == 1 else input * beta) + product_


# --- contractions -----------------------------------------------------------------------------------------------------


def _contract(x: Any, y: Any, x_dims: Sequence[int], y_dims: Sequence[int]) -> Any:
    """The sum of products over paired dimensions: the rest of ``x``, then the rest of ``y``."""
    x_rest = [d for d in range(x._data.ndim) if d not in x_dims]
    y_rest = [d for d in range(y._data.ndim) if d not in y_dims]
    x_shape, y_shape = x._data.shape, y._data.shape
    inner_size = prod(x_shape[d] for d in x_dims)
    left = P.reshape(P.permute(x, dims=(*x_rest, *x_dims)), shape=(prod(x_shape[d] for d in x_rest), inner_size))
    right = P.reshape(P.permute(y, dims=(*y_dims, *y_rest)), shape=(inner_size, prod(y_shape[d] for d in y_rest)))
    return P.reshape(P.matmul(left, right), shape=(*(x_shape[d] for d in x_rest), *(y_shape[d] for d in y_rest)))


@function(method=False)
def tensordot(a: Any, b: Any, dims: Any = 2) -> Tensor:
    """The sum of products over the last ``dims`` dimensions of ``a`` and the first of ``b``, or over two lists of
    paired dimensions. Raises RuntimeError unless the paired sizes agree (a size of 1 is summed away on the other
    side).

    >>> torch.tensordot(torch.ones(2, 3, 4), torch.ones(3, 4, 5)).shape
    torch.Size([2, 5])
    >>> torch.tensordot(torch.ones(2, 3), torch.ones(3, 2), dims=([0, 1], [1, 0]))
    tensor(6.)
    """
    _check_operands("tensordot", a, b)
    if type(dims) in TENSORS:
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        a_dims, b_dims = list(range(a._data.ndim - dims, a._data.ndim)), list(range(dims))
    else:
        if not isinstance(dims, (tuple, list)) or len(dims) != 2:
            raise ShapeError("tensordot expects dims to be int or tuple[list[int], list[int]] or list[list[int]] "
                               f"containing two lists, but got dims={dims}")
        a_dims, b_dims = ([one] if isinstance(one, int) else list(one) for one in dims)
    if len(a_dims) != len(b_dims):
        raise RuntimeError("both dimension lists should have same length")
    a_dims = [wrap_dim(d, a._data.ndim, "tensordot") for d in a_dims]
    b_dims = [wrap_dim(d, b._data.ndim, "tensordot") for d in b_dims]
    for i, j in zip(a_dims, b_dims, strict=True):
        m, n = a._data.shape[i], b._data.shape[j]
        if m == 1 and n != 1:
            b = P.sum(b, dim=(j,), keepdim=True)
        elif n == 1 and m != 1:
            a = P.sum(a, dim=(i,), keepdim=True)
        elif m != n:
            raise RuntimeError(f"contracted dimensions need to match, but first has size {m} in dim {i} and second "
                               f"has size {n} in dim {j}")
    return _contract(a, b, a_dims, b_dims)


def _subscripts(equation: str, operands: Sequence[Any]) -> tuple[list[str], str]:
    """The letters of every operand and of the result, with unused letters for what an ellipsis covers."""
    if "->" in equation:
        left, result = equation.replace(" ", "").split("->")
    else:
        left, result = equation.replace(" ", ""), None
    terms = left.split(",")
    if len(terms) != len(operands):
        raise RuntimeError(f"einsum(): {'more' if len(terms) < len(operands) else 'fewer'} operands were provided than "
                           f"specified in the equation: got {len(operands)} for {len(terms)} terms")
    used = set(left) | set(result or "")
    spare = [c for c in string.ascii_letters if c not in used]
    covered = [x._data.ndim - len(t.replace("...", "")) for t, x in zip(terms, operands, strict=True) if "..." in t]
    widest = max(covered, default=0)
    letters = "".join(spare[:widest])
    for position, (term, x) in enumerate(zip(terms, operands, strict=True)):
        extra = x._data.ndim - len(term.replace("...", ""))
        if extra < 0 or (extra and "..." not in term):
            raise RuntimeError("einsum(): the number of subscripts in the equation "
                               f"({len(term.replace('...', ''))}) does not "
                               f"match the number of dimensions ({x._data.ndim}) for operand {position} and no "
                               "ellipsis was given")
        terms[position] = term.replace("...", letters[widest - extra:])
        if not all(c in string.ascii_letters for c in terms[position]):
            wrong = next(c for c in terms[position] if c not in string.ascii_letters)
            raise RuntimeError(f"einsum(): invalid subscript given at index {equation.index(wrong)} in the equation "
                               "string, subscripts must be in [a-zA-Z]")
    if result is None:
        everything = "".join(terms)
        result = letters + "".join(sorted(c for c in set(everything) if everything.count(c) == 1 and c not in letters))
    else:
        result = result.replace("...", letters)
    for c in result:
        if result.count(c) > 1:
            raise RuntimeError(f"einsum(): output subscript {c} appears more than once in the output")
        if not any(c in t for t in terms):
            raise RuntimeError(f"einsum(): output subscript {c} does not appear in the equation for any input operand")
    return terms, result


def _without_repeats(x: Any, term: str) -> tuple[Any, str]:
    """Repeated letters of one operand: its diagonal."""
    for letter in set(term):
        while term.count(letter) > 1:
            first, second = [i for i, c in enumerate(term) if c == letter][:2]
            if x._data.shape[first] != x._data.shape[second]:
                raise RuntimeError(f"einsum(): subscript {letter} is repeated for an operand but the sizes don't "
                                   f"match, {x._data.shape[second]} != {x._data.shape[first]}")
            x = P.diagonal(x, offset=0, dim1=first, dim2=second)
            term = "".join(c for i, c in enumerate(term) if i not in (first, second)) + letter
    return x, term


def _summed(x: Any, term: str, wanted: set[str]) -> tuple[Any, str]:
    """The operand without the dimensions that nobody else has and nobody wants."""
    gone = tuple(i for i, c in enumerate(term) if c not in wanted)
    return (P.sum(x, dim=gone), "".join(c for c in term if c in wanted)) if gone else (x, term)


def _pair(x: Any, x_term: str, y: Any, y_term: str, wanted: set[str]) -> tuple[Any, str]:
    """Two operands contracted to one, as a batched product of matrices: (batch, rows, inner) @ (batch, inner,
    columns)."""
    x, x_term = _summed(x, x_term, wanted | set(y_term))
    y, y_term = _summed(y, y_term, wanted | set(x_term))
    shared = [c for c in x_term if c in y_term]
    sizes: dict[str, int] = {}
    for term, operand in ((x_term, x), (y_term, y)):
        for c, n in zip(term, operand._data.shape, strict=True):
            sizes[c] = n if sizes.get(c, 1) == 1 else sizes[c]
    batch = "".join(c for c in shared if c in wanted)
    inner_ = "".join(c for c in shared if c not in wanted)
    rows = "".join(c for c in x_term if c not in shared)
    columns = "".join(c for c in y_term if c not in shared)
    if not inner_ and x._data.dtype != y._data.dtype:  # no sums: a product of elements, whose dtypes may meet
        x, y = (cast(each, result_type("einsum", (x, y))) for each in (x, y))
    left = _arranged(x, x_term, (batch, rows, inner_), sizes)
    right = _arranged(y, y_term, (batch, inner_, columns), sizes)
    found = P.matmul(left, right, label="Bmm")
    term = batch + rows + columns
    return P.reshape(found, shape=tuple(sizes[c] for c in term)), term


def _arranged(x: Any, term: str, groups: tuple[str, str, str], sizes: dict[str, int]) -> Any:
    order = "".join(groups)
    moved = P.permute(x, dims=tuple(term.index(c) for c in order))
    full = tuple(sizes[c] for c in order)
    if moved._data.shape != full:
        moved = P.expand(moved, shape=full)
    return P.reshape(moved, shape=tuple(prod(sizes[c] for c in group) for group in groups))


def _of_lists(given: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """The equation, and the operands, of operands and lists of numbers by turns, and a list for the result."""
    operands, lists = given[0:len(given) - len(given) % 2:2], given[1::2]
    terms = ",".join(map(_letters, lists))
    return f"{terms}->{_letters(given[-1])}" if len(given) % 2 else terms, operands


def _letters(numbers: Any) -> str:
    """The letters, capitals first, that stand for numbers from 0 to 51; ``...`` for Ellipsis."""
    found = []
    for number in numbers:
        if number is not Ellipsis and not 0 <= number < 52:
            raise ValueError(f"[einsum] subscripts within the valid range [0, 52) were expected; got {number}")
        found.append("..." if number is Ellipsis else string.ascii_uppercase[number] if number < 26
                     else string.ascii_lowercase[number - 26])
    return "".join(found)


@function(method=False, takes_tensor=False, out=False)
def einsum(equation: Any, *operands: Any) -> Tensor:
    """Sums of products by Einstein's notation: ``einsum("bij,bjk->bik", x, y)``, or with numbers below 52 in the place
    of letters ``einsum(x, [0, 1, 2], y, [0, 2, 3], [0, 1, 3])``.

    Repeated letters of one operand take its diagonal, letters that the result lacks are summed over, ``...`` stands for
    leading dimensions that broadcast. Several operands are contracted from left to right. Raises RuntimeError.

    >>> a, b = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([10.0, 1.0])
    >>> torch.einsum("ij,j->i", a, b)
    tensor([12., 34.])
    >>> torch.einsum("ii", a)
    tensor(5.)
    """
    if type(equation) in TENSORS and operands:
        equation, operands = _of_lists((equation, *operands))
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    if not operands:
        raise ValueError("einsum(): must specify the equation string and at least one operand, or at least one operand "
                         "and its subscripts list; got no operand")
    for place, x in enumerate(operands):
        if not isinstance(x, Tensor):
            raise TypeError(f"einsum(): expected Tensor as element {place} in argument 1, but got {type(x).__name__}")
    terms, result = _subscripts(equation, operands)
    sizes: dict[str, int] = {}
    for position, (term, x) in enumerate(zip(terms, operands, strict=True)):
        for c, n in zip(term, x._data.shape, strict=True):
            if n != 1 and sizes.setdefault(c, n) not in (1, n):
                raise RuntimeError("einsum(): operands do not broadcast with remapped shapes [original->remapped]: "
                                   f"subscript {c} of operand {position} has size {n} where another has {sizes[c]}")
    waiting = [_without_repeats(x, term) for x, term in zip(operands, terms, strict=True)]
    x, term = waiting.pop(0)
    while waiting:
        y, y_term = waiting.pop(0)
        wanted = set(result).union(*(t for _, t in waiting)) if waiting else set(result)
        rows, columns = (min([result.find(c) for c in one if c not in other], default=-1)
                         for one, other in ((term, y_term), (y_term, term)))
        if not waiting and rows > columns >= 0:  # the product lies in memory as the result names its dimensions
            x, term, y, y_term = y, y_term, x, term
        x, term = _pair(x, term, y, y_term, wanted)
    x, term = _summed(x, term, set(result))
    order = tuple(term.index(c) for c in result)
    return x if order == tuple(range(len(order))) else P.permute(x, dims=order)


@function()
def kron(input: Any, other: Any) -> Tensor:
    """Kronecker's product: each element of ``input`` times all of ``other``, as a block.

    >>> torch.kron(torch.eye(2), torch.tensor([[1.0, 2.0]]))
    tensor([[1., 2., 0., 0.],
            [0., 0., 1., 2.]])
    """
    rank = max(input._data.ndim, other._data.ndim)
    a, b = ((1,) * (rank - x._data.ndim) + x._data.shape for x in (input, other))
    left = P.reshape(input, shape=tuple(n for size in a for n in (size, 1)))
    right = P.reshape(other, shape=tuple(n for size in b for n in (1, size)))
    return own(P.reshape(left * right, shape=tuple(m * n for m, n in zip(a, b, strict=True))))


_MODES = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
"""How PyTorch may work out distances; the result is the same."""


@function(method=False, checked=True)
def cdist(x1: Any, x2: Any, p: float = 2.0, compute_mode: str | None = None) -> Tensor:
    """The ``p``-norms of all differences of rows: ``(..., N, M)`` and ``(..., K, M)`` give ``(..., N, K)``.

    >>> torch.cdist(torch.tensor([[0.0, 0.0], [3.0, 4.0]]), torch.tensor([[0.0, 0.0]]))
    tensor([[0.],
            [5.]])
    """
    if x1._data.ndim < 2 or x2._data.ndim < 2:
        raise RuntimeError("cdist only supports at least 2D tensors, X1 got: "
                           f"{x1._data.ndim}D and X2 got: {x2._data.ndim}D")
    if x1._data.shape[-1] != x2._data.shape[-1]:
        raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {x1._data.shape[-1]} X2: "
                           f"{x2._data.shape[-1]}")
    if compute_mode not in (None, *_MODES):
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    check_takes("cdist", REAL_ONLY + HALVES, x1)
    check_one_dtype("cdist", x1, x2)
    if p < 0:
        raise RuntimeError(f"[cdist] cdist only supports non-negative p values; got {p}")
    if p == 2 and state.watcher is None:  # who looks on or transforms sees the steps
        return P.cdist(x1, x2)
    differences = apart(x1, x2)
    return labelled(P.vector_norm(differences, ord=float(p), dim=(differences._data.ndim - 1,)), "Cdist")


@function()
def trace(input: Any) -> Tensor:
    """The sum of the diagonal of a matrix.

    >>> torch.trace(torch.tensor([[1, 2], [3, 4]]))
    tensor(5)
    """
    check_takes("trace", TRUTHS, input)
    if input._data.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input._data.ndim}")
    diagonal = P.diagonal(input, offset=0, dim1=0, dim2=1)
    return labelled(P.sum(diagonal, dim=(0,)), "Trace", self_sym_sizes=input.shape)
