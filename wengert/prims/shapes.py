"""Views, and primitives that move elements about. Rules of views return memory shared with their operand."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from ..core.batching import all_spread, along, changed, each, lifted, moved, native, resolved
from ..core.dtypes import from_numpy, to_complex, to_real
from ..core.errors import ShapeError
from ..core.geometry import LARGEST, bytes_of, check_inside, laid_out, room_for, row_major, strided_view
from ..core.layout import copy_with_gaps, has_channels_last, imag_part, in_rows, laid_as, order_of, parts_of, real_part
from ..core.operands import Array, ByOutput, Dims, Needs, Numbers, Params, Saved
from ..core.primitive import (
    P,
    Primitive,
    as_first,
    linear,
    of_first,
    of_given_shape,
    opaque,
    register,
    summing_dtype,
    view,
)
from ..core.samples import cases
from ..core.spec import Spec

_COMPLEX = {"samples": "its operand is complex, and the walk over the registry takes differences of real operands"}


def _same(params: Params, count: int, shape: Dims) -> Params:
    """The parameters of a view of the last dimensions, which leaves those in front alone."""
    return params


def _label(default: str) -> Any:
    return lambda params: params.get("label", default)


def _reshape(xp: ModuleType, x: Array, shape: Dims, label: str = "") -> Array:
    return x.reshape(shape)


reshape = view(
    "reshape", _reshape, label=_label("View"),
    adjoint=lambda ct, shape, params: P.reshape(ct, shape=shape),
    samples=cases(((2, 3), {"shape": (3, 2)}), ((), {"shape": (1, 1)}), ((0, 2), {"shape": (2, 0)})),
    behind=lambda params, count, shape: {**params, "shape": (count, *resolved(params["shape"], shape))},
    doc="The caller makes sure that no copy is needed where a view is promised; numpy copies otherwise.",
)
permute = view(
    "permute", lambda xp, x, dims, label="": x.transpose(dims), label=_label("Permute"),
    adjoint=lambda ct, shape, params: P.permute(ct, dims=_inverse(params["dims"])),
    samples=cases(((2, 3, 4), {"dims": (2, 0, 1)})),
    behind=lambda params, count, shape: {**params, "dims": (0, *[d + 1 for d in params["dims"]])},
)


def _inverse(dims: Dims) -> tuple[int, ...]:
    inverse = [0] * len(dims)
    for position, dim in enumerate(dims):
        inverse[dim] = position
    return tuple(inverse)


def _expand(xp: ModuleType, x: Array, shape: Dims) -> Array:
    """Repeats by a stride of zero; the result is writable where the operand is, as views of it may be written."""
    x = xp.asarray(x)
    lead = len(shape) - x.ndim
    strides: tuple[int, ...] = (0,) * lead if not x.ndim or 1 not in shape[:lead] else ()
    if x.ndim:
        strides += tuple([0 if n == 1 and m != 1 else s
                          for n, m, s in zip(x.shape, shape[lead:], x.strides, strict=True)])
    while len(strides) < len(shape):  # a new dimension of one place has the stride that a dense one would have
        place = len(shape) - len(strides) - 1
        strides = (shape[place + 1] * strides[0] if shape[place] == 1 else 0, *strides)
    if x.flags.c_contiguous and x.dtype.kind not in "VW" and x.size:
        return xp.ndarray(shape, x.dtype, x, 0, strides)  # as below, at a tenth of its cost
    if lead < 0 or any(n not in (1, m) for n, m in zip(x.shape, shape[lead:], strict=True)):
        raise ShapeError(f"[expand] sizes to which {list(x.shape)} can be expanded were expected; got {list(shape)}")
    return strided_view(x, shape, strides)


def _expand_batch(primitive: Primitive, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
    x, shape = operands[0], params["shape"]
    return P.expand(lifted(x, len(shape)), shape=(x.shape[0], *shape))


expand = view("expand", _expand, adjoint=lambda ct, shape, params: P.sum_to(ct, shape=shape), batch=_expand_batch,
              samples=cases(((3, 1), {"shape": (2, 3, 4)}), ((), {"shape": (2,)})))


def _slice_label(params: Params) -> str:
    if "label" in params:
        return str(params["label"])
    last = next((i for i in reversed(params["index"]) if i is not None and i != slice(None)), None)
    if last is None:
        return "Unsqueeze" if None in params["index"] else "Alias"
    return "Slice" if isinstance(last, slice) else "Select"


slice_ = view(
    "slice", lambda xp, x, index, label="": x[(*index, ...)], label=_slice_label,
    samples=cases(((3, 4), {"index": (1,)}), ((3, 4), {"index": (slice(None), None, slice(0, 4, 2))})),
    behind=lambda params, count, shape: {**params, "index": (slice(None), *params["index"])},
    doc="Basic indexing: ints, slices, None and Ellipsis, in a tuple.",
)
diagonal = view(
    "diagonal", lambda xp, x, offset=0, dim1=0, dim2=1: _writable(x.diagonal(offset, dim1, dim2), x),
    samples=cases(((3, 4), {}), ((3, 4, 3), {"offset": -1, "dim1": 2, "dim2": 0})),
    behind=lambda params, count, shape: moved({"dim1": 0, "dim2": 1, **params}),
)


def _writable(part: Array, whole: Array) -> Any:
    """numpy marks diagonals read-only; they are ordinary views."""
    if whole.flags.writeable:
        part.flags.writeable = True
    return part


def _unfold(xp: ModuleType, x: Array, dimension: int, size: int, step: int) -> Array:
    if not 0 <= size <= x.shape[dimension] or step < 1:
        raise ShapeError(f"[unfold] a size from 0 to {x.shape[dimension]} and a step from 1 on were expected; got size "
                         f"{size} and step {step}")
    count = (x.shape[dimension] - size) // step + 1
    shape = (*x.shape[:dimension], count, *x.shape[dimension + 1:], size)
    stride = x.strides[dimension]
    strides = (*x.strides[:dimension], stride * step, *x.strides[dimension + 1:], stride)
    return strided_view(x, shape, strides)


unfold = view("unfold", _unfold, behind=lambda params, count, shape: moved(params),
              samples=cases(((7,), {"dimension": 0, "size": 3, "step": 2}),
                                               ((2, 5), {"dimension": 1, "size": 2, "step": 1})))


def _as_strided(xp: ModuleType, x: Array, size: Dims, stride: Dims, offset: int = 0,
                geometry: tuple[Dims, int] | None = None) -> Array:
    """A view of the operand's memory, where the operand lies in it as ``geometry`` says. A cotangent or a copy may lie
    otherwise: each element is looked for in it by its place, and is zero where it does not show that place."""
    width = x.dtype.itemsize
    if geometry is None and x.flags.c_contiguous and room_for(size, stride, offset) <= x.size:
        return laid_out("as_strided", bytes_of(x), x.dtype, size, [step * width for step in stride], offset * width)
    strides, start = geometry or (row_major(x.shape), 0)
    root = x
    while isinstance(root.base, np.ndarray):
        root = root.base
    memory = bytes_of(root)
    need = max(room_for(size, stride, offset), room_for(x.shape, strides, start))
    if need * x.itemsize > memory.nbytes or x.size and not _lies(x, memory, strides, start):
        source = _source(_places(x.shape, strides, start), _places(size, stride, offset))
        found = xp.zeros(size, x.dtype)
        found[source >= 0] = x.reshape(-1)[source[source >= 0]]
        return found
    return laid_out("as_strided", memory, x.dtype, size, [step * width for step in stride], offset * width)


def _lies(x: Array, memory: Array, strides: Dims, start: int) -> bool:
    """Whether an array has these strides and this place in its memory (a dimension of size 1 has any stride)."""
    return (x.__array_interface__["data"][0] - memory.__array_interface__["data"][0] == start * x.itemsize
            and all(n == 1 or have == s * x.itemsize for n, have, s in zip(x.shape, x.strides, strides, strict=True)))


def _as_strided_adjoint(ct: Numbers, shape: Dims, params: Params) -> Any:
    """Each element of the result is an element of the operand, found by its place in memory; those that the operand
    does not show get no gradient. Elements of an expanded operand that lie at one place share its gradient evenly."""
    shown = _places(shape, *(params.get("geometry") or (row_major(shape), 0)))
    source = _source(shown, _places(params["size"], params["stride"], params["offset"]))
    count = prod(shape)
    flat = P.index_adjoint(ct, np.where(source < 0, count, source), shape=(count + 1,), places=(True,))[:count]
    last = _source(shown, shown).reshape(-1)
    shares = np.bincount(last, minlength=count)[last]
    if (shares > 1).any():
        kind = from_numpy(getattr(flat.dtype, "numpy", flat.dtype))
        flat = P.index(flat, last, places=(True,)) * (1.0 / shares).astype(to_real(kind).numpy)
    return P.reshape(flat, shape=shape)


def _source(shown: Any, wanted: Any) -> Any:
    """For each place that is wanted the number of the (last) element that is shown at it, -1 where none is."""
    if not shown.size:
        return np.full(wanted.shape, -1)
    flat = shown.reshape(-1)
    order = np.argsort(flat, kind="stable")
    source = order[np.searchsorted(flat, wanted, side="right", sorter=order) - 1]
    return np.where(flat[source] == wanted, source, -1)


def _places(shape: Dims, stride: Dims, offset: int) -> Any:
    """The place in memory of every element of a tensor of this geometry."""
    check_inside("as_strided", LARGEST, shape, stride, offset)
    places = np.full(shape, offset)
    for dim, (n, step) in enumerate(zip(shape, stride, strict=True)):
        places += (np.arange(n) * step).reshape((n,) + (1,) * (len(shape) - dim - 1))
    return places


def _as_strided_spec(x: Spec, size: Dims, stride: Dims, offset: int = 0, geometry: Any = None) -> Spec:
    check_inside("as_strided", LARGEST, size, stride, offset, x.dtype.itemsize)
    return Spec(tuple(size), x.dtype)


def _as_strided_batch(primitive: Primitive, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
    """A copy: each element found by its place in the memory that an example lies in."""
    x = operands[0]
    shape = tuple(x.shape[1:])
    source = _source(_places(shape, *(params.get("geometry") or (row_major(shape), 0))),
                     _places(params["size"], params["stride"], params.get("offset", 0)))
    flat = P.reshape(x, shape=(x.shape[0], prod(shape)))
    return P.index(flat, source, places=(False, True))


as_strided = view(
    "as_strided", _as_strided, adjoint=_as_strided_adjoint, spec=_as_strided_spec, batch=_as_strided_batch,
    samples=cases(((3, 4), {"size": (2, 3), "stride": (2, 1), "offset": 1}), ((6,), {"size": (3, 2), "stride": (1, 1),
                                                                                     "offset": 0})),
    doc="params['geometry'] is the operand's own (strides, offset), row-major from the start if not given; all in "
        "elements from the start of the memory.",
)
real = view("real", lambda xp, x: real_part(x), behind=_same,
            adjoint=lambda ct, shape, params: P.complex(ct, P.zeros_like(ct)),
            missing=_COMPLEX)
imag = view("imag", lambda xp, x: imag_part(x), behind=_same,
            adjoint=lambda ct, shape, params: P.complex(P.zeros_like(ct), ct),
            missing=_COMPLEX)


def _view_as_complex(xp: ModuleType, x: Array) -> Array:
    """A view where the two parts lie side by side. Those of a cotangent may not: they are copied."""
    if x.strides[-1] != x.itemsize:
        x = xp.array(x, order="C")
    return x.view(to_complex(from_numpy(x.dtype)).numpy)[..., 0]


view_as_real = view(
    "view_as_real", lambda xp, x: parts_of(x), behind=_same, missing=_COMPLEX,
    adjoint=lambda ct, shape, params: P.complex(ct[..., 0], ct[..., 1]),
)
view_as_complex = view(
    "view_as_complex", _view_as_complex, behind=_same, adjoint=lambda ct, shape, params: P.stack_parts(ct),
    samples=cases(((3, 2), {})),
)
stack_parts = linear(
    "stack_parts", lambda xp, x: xp.array(parts_of(x), order="C"),
    transpose=lambda ct, shape, params: P.complex(ct[..., 0], ct[..., 1]), label="ViewAsReal",
    missing=_COMPLEX, batch=native,
)


Step: TypeAlias = tuple[Primitive, Params]
"""A view: the primitive that shows a part, and its parameters."""


def _view_adjoint(xp: ModuleType, ct: Array, step: Step, shape: Dims) -> Array:
    """Zeros of ``shape`` with ``ct`` added in through the view ``step``; overlapping elements accumulate."""
    primitive, params = step
    if primitive.name == "unfold":
        zeros = xp.zeros(shape, summing_dtype(ct.dtype))
        places = primitive.run(xp.arange(zeros.size).reshape(shape), **params)
        xp.add.at(zeros.reshape(-1), places.reshape(-1), xp.asarray(ct).reshape(-1))
        return zeros.astype(ct.dtype, copy=False)
    zeros = xp.zeros(shape, ct.dtype)
    primitive.run(zeros, **params)[...] = ct
    return zeros


def _view_adjoint_batch(primitive: Primitive, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
    (viewing, step), shape, count = params["step"], params["shape"], operands[0].shape[0]
    if viewing.behind is None:
        return each(primitive, operands, mapped, params)
    behind = viewing.behind(step, count, tuple(shape))
    return P.view_adjoint(operands[0], step=(viewing, behind), shape=(count, *shape))


view_adjoint = linear(
    "view_adjoint", _view_adjoint, spec=of_first(of_given_shape), label="SliceBackward", batch=_view_adjoint_batch,
    transpose=lambda ct, shape, params: params["step"][0](ct, **params["step"][1]),
    samples=lambda: iter([((np.array([1.0, 2.0]),), {"step": (P.slice, {"index": (slice(1, 3),)}), "shape": (4,)}),
                          ((np.ones((3, 2)),), {"step": (P.unfold, {"dimension": 0, "size": 2, "step": 1}),
                                                "shape": (4,)})]),
    doc="The adjoint of a view: what a gradient of a part is, seen as a gradient of the whole.",
)


def _follow(array: Numbers, steps: Sequence[Step]) -> Any:
    for primitive, params in steps:
        array = primitive.run(array, **params)
    return array


def _scatter_view(xp: ModuleType, base: Array, part: Array, steps: Sequence[Step], gaps: bool = False) -> Array:
    """``gaps``: the result has the strides of the base, also where these leave gaps, as PyTorch's scatters have."""
    result = copy_with_gaps(base) if gaps else xp.array(base, copy=True)
    target = _follow(result, steps)
    if np.may_share_memory(target, result) or not target.size:
        target[...] = part
        return result
    # A chain with as_strided over a base that does not lie as it did: the places are found by number.
    places = _follow(np.arange(1, result.size + 1).reshape(result.shape), steps)
    shown = np.unravel_index(places[places > 0] - 1, result.shape)
    result[shown] = np.broadcast_to(part, places.shape)[places > 0]
    return result


def _scatter_view_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    steps = params["steps"]
    for_base = P.scatter_view(ct, _constant_like(ct, steps), steps=steps) if needs[0] else None
    for_part = None
    if needs[1]:
        for_part = ct
        for primitive, step in steps:
            for_part = primitive(for_part, **step)
    return for_base, for_part


def _constant_like(ct: Numbers, steps: Sequence[Step]) -> Any:
    part = ct
    for primitive, step in steps:
        part = primitive(part, **step)
    return P.zeros_like(part)


def _scatter_view_batch(primitive: Primitive, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
    base, part = all_spread(operands, mapped)
    shape: Any = tuple(base.shape[1:])
    steps = []
    for viewing, step in params["steps"]:
        if viewing.behind is None:
            return each(primitive, operands, mapped, params)
        steps.append((viewing, viewing.behind(step, base.shape[0], shape)))
        shape = viewing.run(np.broadcast_to(np.empty((), np.complex64), shape), **step).shape
    return P.scatter_view(base, part, steps=tuple(steps))


scatter_view = register(Primitive(
    "scatter_view", "linear", _scatter_view, arity=2, spec=of_first(as_first),
    vjp=_scatter_view_vjp, label="torch::autograd::CopySlices",
    batch=_scatter_view_batch,
    jvp=lambda tangents, operands, out, params: P.scatter_view(
        *(P.zeros_like(x) if t is None else t for t, x in zip(tangents, operands, strict=True)), **params),
    samples=lambda: iter([((np.ones((3, 2)), np.array([2.0, 3.0])), {"steps": ((P.slice, {"index": (1,)}),)})]),
    doc="The base with the part that a chain of view steps shows replaced: what a write through a view leaves.",
))


def _cat_shape(*parts: Spec, dim: int, **params: Any) -> Dims:
    shapes = [part.shape for part in parts if part.shape != (0,)] or [parts[0].shape]
    first = shapes[0]
    for shape in shapes:
        if len(shape) != len(first) or any(n != m for d, (n, m) in enumerate(zip(shape, first, strict=True))
                                           if d != dim):
            raise ShapeError(f"[cat] Sizes of tensors must match except in dimension {dim}; got "
                             f"{' and '.join(str(list(each)) for each in shapes)}")
    return (*first[:dim], sum(shape[dim] for shape in shapes), *first[dim + 1:])


def _cat(xp: ModuleType, *arrays: Array, dim: int) -> Array:
    result = xp.concatenate(arrays, axis=dim)
    if result.flags.c_contiguous:
        return result
    return result if all([x.shape[dim] > 1 and has_channels_last(x) for x in arrays]) else in_rows(result)


def _cat_vjp(ct: Numbers, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    dim, start, grads = params["dim"], 0, []
    head = (slice(None),) * dim
    for shape, need in zip(saved[-1], needs, strict=True):
        stop = start + shape[dim]
        grads.append(ct[(*head, slice(start, stop))] if need else None)
        start = stop
    return tuple(grads)


cat = register(Primitive(
    "cat", "linear", _cat, arity=-1, shape=_cat_shape, vjp=_cat_vjp, saves=("shapes",), batch=along,
    jvp=lambda tangents, operands, out, params: P.cat(
        *(P.zeros_like(x) if t is None else t for t, x in zip(tangents, operands, strict=True)), **params),
    samples=cases(((2, 3), (1, 3), {"dim": 0}), ((2, 0), (2, 2), (2, 1), {"dim": 1})),
))


def _parts(xp: ModuleType, x: Array, dim: int, sizes: Dims | None = None, label: str = "") -> tuple[Array, ...]:
    if sizes is None:
        return tuple(xp.moveaxis(x, dim, 0).copy())
    return tuple([part.copy() for part in xp.split(x, np.cumsum(sizes[:-1]), dim)]) if sizes else ()


def _parts_spec(x: Spec, dim: int, sizes: Dims | None = None, label: str = "") -> tuple[Spec, ...]:
    before, after = x.shape[:dim], x.shape[dim + 1:]
    if sizes is None:
        return (x._replace(shape=(*before, *after)),) * x.shape[dim]
    return tuple([x._replace(shape=(*before, size, *after)) for size in sizes])


def _parts_vjp(ct: ByOutput, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    """The cotangents one after the other; between them zeros, of which neighbours are made at once."""
    shape, dim, sizes = saved[-1][0], params["dim"], params.get("sizes")
    some = next(iter(ct.values()))
    pieces: list[Any] = []
    missing = 0
    for number, size in enumerate((1,) * shape[dim] if sizes is None else sizes):
        given = ct.get(number)
        if given is None:
            missing += size
            continue
        if missing:
            pieces.append(P.zeros_of(some, shape=(*shape[:dim], missing, *shape[dim + 1:])))
            missing = 0
        pieces.append(given if sizes is not None else P.reshape(given, shape=(*shape[:dim], 1, *shape[dim + 1:])))
    if missing:
        pieces.append(P.zeros_of(some, shape=(*shape[:dim], missing, *shape[dim + 1:])))
    return (pieces[0] if len(pieces) == 1 else P.cat(*pieces, dim=dim),)


parts = opaque(
    "parts", _parts, spec=_parts_spec, vjp=_parts_vjp, saves=("shapes",), multiple=True, batch=along,
    label=_label("Split"), jvp=lambda tangents, operands, out, params: P.parts(tangents[0], **params),
    samples=cases(((3, 2), {"dim": 0}), ((2, 5), {"dim": 1, "sizes": (2, 0, 3)})),
    doc="The node of functions that show several parts of a tensor: `unbind` without sizes, `split` with them. The "
        "parts themselves are slices, each a view with steps of its own.",
)


def _flip(xp: ModuleType, x: Array, dims: tuple[int, ...]) -> Array:
    """The order along ``dims`` reversed, in an array of its own."""
    return x[tuple([slice(None, None, -1) if dim in dims else slice(None) for dim in range(x.ndim)])].copy(
        order=order_of(x))


flip = linear("flip", _flip, batch=along, spec=of_first(as_first),
              transpose=lambda ct, shape, params: P.flip(ct, **params),
              samples=cases(((2, 3), {"dims": (0, 1)}), ((3,), {"dims": ()})))
roll = linear("roll", lambda xp, x, shifts, dims: laid_as(xp.roll(x, shifts, dims), x), batch=along,
              spec=of_first(as_first),
              transpose=lambda ct, shape, params: P.roll(
                  ct, shifts=tuple(-s for s in params["shifts"]), dims=params["dims"]),
              samples=cases(((2, 3), {"shifts": (1, -2), "dims": (0, 1)})))


def _tri(name: str) -> Any:
    def evaluate(xp: ModuleType, x: Array, diagonal: int = 0) -> Array:
        return in_rows(getattr(xp, name)(x, diagonal))

    return linear(name, evaluate, transpose=lambda ct, shape, params: getattr(P, name)(ct, **params), batch=native,
                  spec=of_first(as_first),
                  samples=cases(((3, 4), {}), ((2, 3, 3), {"diagonal": -1})))


tril = _tri("tril")
triu = _tri("triu")


def _padded_shape(x: Spec, widths: Any, value: float = 0.0) -> Dims:
    shape = tuple([n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)])
    if any(n < 0 for n in shape):
        raise ShapeError(f"[pad] widths that leave something were expected; got {tuple(widths)} for sizes "
                         f"{list(x.shape)}")
    return shape


def _pad(xp: ModuleType, x: Array, widths: Array, value: float = 0.0) -> Array:
    """Constant padding by ``widths``, a pair a dimension; negative widths crop."""
    shape = tuple([n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)])
    result = laid_as(xp.zeros(shape, x.dtype) if value == 0 else xp.full(shape, value, x.dtype), x)
    if all([a >= 0 <= b for a, b in widths]):
        result[tuple([slice(a, a + n) for n, (a, _) in zip(x.shape, widths, strict=True)])] = x
        return result
    inner = tuple([slice(max(a, 0), n - max(b, 0)) for n, (a, b) in zip(shape, widths, strict=True)])
    outer = tuple([slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape, widths, strict=True)])
    result[inner] = x[outer]
    return result


pad = linear("pad", _pad, label="ConstantPadNd", spec=of_first(_padded_shape),
             batch=changed(lambda params, count, shape: {**params, "widths": ((0, 0), *params["widths"])}),
             transpose=lambda ct, shape, params: P.pad(ct, widths=tuple((-a, -b) for a, b in params["widths"])),
             samples=cases(((2, 3), {"widths": ((1, 0), (2, 1))}), ((4,), {"widths": ((-1, 2),)}),
                           ((2, 3), {"widths": ((1, 0), (0, 2)), "value": 5.0})))
# Affine where the padding is not zero: what pads a tangent is the derivative of a constant.
pad.jvp = lambda tangents, operands, out, params: P.pad(tangents[0], widths=params["widths"])
