"""A recurrent layer in one direction as one node: LSTM, GRU and the plain recurrence, over all its steps.

The steps' inputs, already multiplied by their weight, stand packed below each other: ``sizes`` says how many sequences
each step still has, never more than the one before. A batch of equal lengths is the case of equal sizes. Of step t the
first ``sizes[t]`` sequences move on, and the others keep their state; so the state that remains at the end is every
sequence's own last one, and with ``reverse`` a sequence joins in at its own end.

Backward, what does not depend on later steps is computed for all steps at once; the loop holds what is left. Where
nobody differentiates what backward computes, each has its gradient as one node too, so that generated code
(`compiler/cells.py`) may take all steps in one call; else the rule is written out, and is differentiated as such.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from types import ModuleType
from typing import Any

import numpy as np

from ..core.batching import WRITTEN_OUT, each, size_of, spread
from ..core.errors import DTypeError, ShapeError
from ..core.generated import LARGE_PRODUCT, too_late
from ..core.operands import Array, ByOutput, Dims, Needs, Numbers, Params, Rule, Saved
from ..core.primitive import P, Primitive, fused, is_final, opaque
from ..core.samples import cases
from ..core.spec import Spec

ndarray = np.ndarray
_TRANSPOSED = {"jvp": "it is the transpose of the vjp"}


def _steps(sizes: Dims, reverse: bool) -> list[tuple[int, int]]:
    """Start and number of rows of every step, in the order in which they are walked."""
    starts = [0, *accumulate(sizes)][:-1]
    steps = list(zip(starts, sizes, strict=True))
    return steps[::-1] if reverse else steps


def check_steps(op: str, gates: int, inputs: Any, states: tuple[Any, ...], weight: Any, sizes: Dims,
                projection: Any = None) -> None:
    """Raises ShapeError unless inputs, states, recurrent weight and projection, all with a shape and a dtype, fit
    together, and the steps fit the inputs: all that follows, generated code too, goes by ``sizes``."""
    rows, (batch, state) = inputs.shape[0], states[0].shape
    width = state if projection is None else projection.shape[1]
    whole = (rows, gates * width), (gates * width, state)
    if (inputs.shape, weight.shape) != whole or any(other.shape != (batch, width) for other in states[1:]) or (
            projection is not None and projection.shape[0] != state):
        raise ShapeError(f"[{op}] inputs {list(whole[0])}, a weight {list(whole[1])} and states {[batch, state]} and "
                         f"{[batch, width]} were expected; got {list(inputs.shape)}, {list(weight.shape)} and "
                         f"{[list(other.shape) for other in states]}")
    kinds = {array.dtype for array in (inputs, weight, *states, *([] if projection is None else [projection]))}
    if len(kinds) > 1:
        raise DTypeError(f"[{op}] inputs, weight and states of one dtype were expected; got {sorted(map(str, kinds))}")
    if not sizes or sizes[0] > batch or sizes[-1] < 0 or sum(sizes) != rows or any(
            after > before for before, after in zip(sizes, sizes[1:], strict=False)):
        raise ShapeError(f"[{op}] batch sizes that never grow, from at most {batch}, and are {rows} together were "
                         f"expected; got {list(sizes)!r:.100}")


def _previous(states: Numbers, first: Numbers, sizes: Dims, reverse: bool) -> Any:
    """For every row of every step the state from which it came; ``first`` is the state before all steps."""
    if len(sizes) == 1:
        return first[: sizes[0]]
    steps = _steps(sizes, False)
    parts: list[tuple[Any, int, int]] = []  # of which array, from where to where

    def take(array: Any, start: int, stop: int) -> None:
        if parts and parts[-1][0] is array and parts[-1][2] == start:
            start = parts.pop()[1]
        if start < stop:
            parts.append((array, start, stop))

    for t, (_, count) in enumerate(steps):
        if not reverse:
            start = steps[t - 1][0] if t else 0
            take(states if t else first, start, start + count)
            continue
        start, later = steps[t + 1] if t + 1 < len(steps) else (0, 0)
        take(states, start, start + later)
        take(first, later, count)
    return P.cat(*[array[start:stop] for array, start, stop in parts], dim=0) if parts else states


def _renewed(new: Numbers, state: Numbers, count: int) -> Any:
    """The state with its first ``count`` rows replaced."""
    return new if count == state.shape[0] else P.cat(new, state[count:], dim=0)


def _in_order(rows: list[Any], reverse: bool) -> Any:
    """What the walk back collected, put into the order of the steps. (The walk back of a forward layer goes last to
    first.)"""
    return P.cat(*(rows if reverse else rows[::-1]), dim=0)


def _public(results: tuple[Any, ...]) -> tuple[Any, ...]:
    """The results with a copy of the first, every step's h, in its place, and itself at the end: what backward reads
    must not be what programs overwrite."""
    return (results[0].copy(), *results[1:], results[0])


def _walk_spec(states: int, *kept: int) -> Rule:
    """The rule of a recurrence of so many ``states``: of what every step has in `_public` between the last states and
    all h, how many times as wide as a state it is."""

    def spec(gates: Spec, h0: Spec, *others: Spec, **params: Any) -> tuple[Spec, ...]:
        rows, width = gates.shape[0], h0.shape[1]
        every = h0._replace(shape=(rows, width))
        return (every, *(h0,) * states, *[h0._replace(shape=(rows, times * width)) for times in kept], every)

    return spec


def _lstm_spec(gates: Spec, h0: Spec, c0: Spec, *weights: Spec, **params: Any) -> tuple[Spec, ...]:
    """The same of an LSTM, whose h may be narrower than its c."""
    every, cells = (state._replace(shape=(gates.shape[0], state.shape[1])) for state in (h0, c0))
    return every, h0, c0, gates._replace(dtype=h0.dtype), cells, every


def _of_steps(ct: ByOutput, kept: int) -> Any:
    """The cotangent of every step's h: of the copy that the program has, and of the one kept as output ``kept``."""
    first, second = ct.get(0), ct.get(kept)
    return second if first is None else first if second is None else first + second


def _zeros(x: Numbers) -> Any:
    return P.zeros_like(x)


def _grads_of_weight(rows: Numbers, before: Numbers) -> Any:
    return P.matmul(P.permute(rows, dims=(1, 0)), before)


def _is_large(given: Any, weight: Numbers) -> bool:
    """Whether generated code pays, which lays out the weight. A plain recurrence, without gates, has little else to
    gain by it."""
    plain = weight.shape[0] == weight.shape[1]
    return bool(given.size * weight.shape[1] >= (4 * LARGE_PRODUCT if plain else LARGE_PRODUCT))


def _generated(given: Numbers, weight: Numbers) -> Any:
    """The module of generated recurrences, where it should be asked; it is loaded by the first that is large."""
    if type(given) is not ndarray or not _is_large(given, weight) or too_late():
        return None
    from ..compiler import recurrent

    return recurrent


@lru_cache(256)
def walk(sizes: Dims, reverse: bool, sequences: int, back: bool, parts: int = 0) -> Any:
    """The steps as a table for generated code, in the order of the walk forth or back."""
    from ..compiler.cells import walk_table

    return walk_table(_steps(sizes, reverse), sequences, back, parts)


def _forward(sort: str, inputs: Array, bias: Array | None, states: tuple[Array, ...], weights: tuple[Array, ...],
             sizes: Dims, reverse: bool) -> Any:
    """What generated code computes of a recurrence; None where numpy should."""
    generated = _generated(inputs, weights[0])
    if generated is None:
        return None
    return generated.forward(sort, walk(tuple(sizes), reverse, len(states[0]), False), inputs, bias, states, weights)


def _backward(sort: str, by_steps: Array | None, by_states: tuple[Array | None, ...], saved: tuple[Array, ...],
              states: tuple[Array, ...], weights: tuple[Array, ...], sizes: Dims, reverse: bool) -> Any:
    """The same of its gradient; ``saved`` are results, the gates first, ``states`` the first states."""
    generated = _generated(saved[0], weights[0])
    if generated is None:
        return None
    gates = {"lstm": 4, "gru": 3}.get(sort, 1)
    check_steps(f"{sort}_gradient", gates, saved[0], states, weights[0], sizes, *weights[1:])
    table, needed = walk(tuple(sizes), reverse, len(states[0]), True), {"lstm": states[1:], "gru": states}.get(sort, ())
    return generated.backward(sort, table, by_steps, by_states, saved, needed, weights)


def _at_once(primitive: Primitive, gates: Numbers, weight: Numbers, operands: tuple[Any, ...],
             unwanted: tuple[Any, ...], params: Params) -> Any:
    """The gradient as one node or one evaluation, which returns it for all operands but the weight; None where it has
    to be written out: where it is differentiated itself, is small, or there are ``unwanted`` cotangents."""
    if type(gates) is ndarray and not _is_large(gates, weight) or any([ct is not None for ct in unwanted]):
        return None
    if not is_final() and any([type(x) is not ndarray and x is not None for x in operands]):
        return None
    params = {**params, "sizes": tuple(params["sizes"]), "reverse": params.get("reverse", False)}
    return getattr(P, primitive.name)(*operands, **params)


# --- LSTM -------------------------------------------------------------------------------------------------------------


def _lstm(xp: ModuleType, gates: Array, h0: Array, c0: Array, weight: Array, projection: Array | None = None, *,
          sizes: Dims, reverse: bool = False) -> tuple[Array, ...]:
    """Hochreiter & Schmidhuber, *Long Short-Term Memory*, 1997, with forget gates; the gates are i, f, g, o. With a
    projection: Sak, Senior & Beaufays, *Long Short-Term Memory Recurrent Neural Network Architectures*, 2014."""
    check_steps("lstm", 4, gates, (h0, c0), weight, sizes, projection)
    found = _forward("lstm", gates, None, (h0, c0), _weights(weight, projection), sizes, reverse)
    if found is not None:
        return _public(tuple(found))
    width = c0.shape[1]
    # sigmoid(a) is tanh(a / 2) / 2 + 1 / 2: one function for all four gates.
    half = xp.full(4 * width, 0.5, gates.dtype)
    half[2 * width: 3 * width] = 1
    rise = 1 - half
    active, columns = gates * half, xp.ascontiguousarray((weight * half[:, None]).T)
    h, c = h0.copy(), c0.copy()
    hs, cs = xp.empty((len(gates), h0.shape[1]), gates.dtype), xp.empty((len(gates), width), gates.dtype)
    for start, count in _steps(sizes, reverse):
        rows = active[start: start + count]
        rows += P.matmul(h[:count], columns)
        xp.tanh(rows, rows)
        rows *= half
        rows += rise
        i, f, g, o = (rows[:, k * width: (k + 1) * width] for k in range(4))
        new = cs[start: start + count]
        xp.multiply(f, c[:count], new)
        new += i * g
        c[:count] = new
        out = hs[start: start + count]
        if projection is None:
            xp.tanh(new, out)
            out *= o
        else:
            out[...] = P.matmul(o * xp.tanh(new), projection.T)
        h[:count] = out
    return _public((hs, h, c, active, cs))


def _weights(weight: Array, projection: Array | None) -> tuple[Array, ...]:
    return (weight,) if projection is None else (weight, projection)


def _lstm_vjp(ct: ByOutput, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    _, h0, c0, weight, *projection, (_, _, _, gates, cs, hs), _ = saved
    by_steps, extra, by_cells = _of_steps(ct, 5), ct.get(3), ct.get(4)
    operands = by_steps, ct.get(1), ct.get(2), h0, c0, weight, *projection, gates, cs, hs
    primitive = lstm_projected_gradient if projection else lstm_gradient
    found = _at_once(primitive, gates, weight, operands, (extra, by_cells), params)
    if found is None:
        found = _lstm_back(by_steps, ct.get(1), ct.get(2), extra, by_cells, h0, c0, weight,
                           projection[0] if projection else None, gates, cs, **_walk(params))
    rows, dh, dc, *totals = found
    for_weight = _grads_of_weight(rows, _previous(hs, h0, **_walk(params))) if needs[3] else None
    found = rows, dh if needs[1] else None, dc if needs[2] else None, for_weight
    if not projection:
        return found
    return *found, _grads_of_weight(totals[0], gates[:, 3 * c0.shape[1]:] * P.tanh(cs)) if needs[4] else None


def _walk(params: Params) -> dict[str, Any]:
    return {"sizes": params["sizes"], "reverse": params.get("reverse", False)}


def _lstm_back(by_steps: Any, dh: Any, dc: Any, extra: Any, by_cells: Any, h0: Numbers, c0: Numbers, weight: Numbers,
               projection: Any, gates: Numbers, cs: Numbers, sizes: Dims, reverse: bool) -> tuple[Any, ...]:
    """The cotangents of the gates' inputs, h0 and c0, with a projection also the whole ones of every step's h;
    ``extra`` and ``by_cells`` are those of the gates and of all c."""
    width = c0.shape[1]
    i, f, g, o = (gates[:, k * width: (k + 1) * width] for k in range(4))
    bent = P.tanh(cs)
    before = _previous(cs, c0, sizes, reverse)
    by_cell = P.cat(g * i * (1 - i), before * f * (1 - f), i * (1 - g * g), dim=1)
    by_out = bent * o * (1 - o)
    through = o * (1 - bent * bent)
    if extra is not None:
        extra = extra * P.cat(i * (1 - i), f * (1 - f), 1 - g * g, o * (1 - o), dim=1)
    dh = _zeros(h0) if dh is None else dh
    dc = _zeros(c0) if dc is None else dc
    rows, totals = [], []
    for start, count in _steps(sizes, not reverse):
        stop = start + count
        now = dh[:count] if by_steps is None else dh[:count] + by_steps[start: stop]
        if projection is not None:
            totals.append(now)
            now = P.matmul(now, projection)
        cell = dc[:count] + now * through[start: stop]
        if by_cells is not None:
            cell = cell + by_cells[start: stop]
        row = P.cat(P.cat(cell, cell, cell, dim=1) * by_cell[start: stop], now * by_out[start: stop], dim=1)
        if extra is not None:
            row = row + extra[start: stop]
        rows.append(row)
        dh = _renewed(P.matmul(row, weight), dh, count)
        dc = _renewed(cell * f[start: stop], dc, count)
    found = _in_order(rows, reverse), dh, dc
    return found if projection is None else (*found, _in_order(totals, reverse))


def _batch(primitive: Any, operands: Sequence[Any], mapped: Sequence[bool], params: Params) -> Any:
    """The examples are further sequences, of which each step has so many times as many. Weights (and the bias) that
    differ from example to example are multiplied by one example after the other."""
    states = 1 if primitive.name in ("rnn", "gru") else 2
    if any(mapped[1 + states:]):
        return each(primitive, operands, mapped, params)
    count = size_of(operands, mapped)
    rows = [_sequences_folded(spread(x, is_mapped, count))
            for x, is_mapped in zip(operands[: 1 + states], mapped, strict=False)]
    sizes = tuple([count * n for n in params["sizes"]])
    found = primitive(*rows, *operands[1 + states:], **{**params, "sizes": sizes})
    return tuple([_sequences_unfolded(part, count) for part in found])


def _sequences_folded(x: Numbers) -> Any:
    """(B, rows, H) as (rows * B, H): the rows of a step stay together."""
    return P.reshape(P.permute(x, dims=(1, 0, 2)), shape=(x.shape[0] * x.shape[1], x.shape[2]))


def _sequences_unfolded(x: Numbers, count: int) -> Any:
    """The other way round."""
    inner = x.shape[0] // count if count else 0
    return P.permute(P.reshape(x, shape=(inner, count, x.shape[1])), dims=(1, 0, 2))


def _lstm_gradient(xp: ModuleType, by_steps: Array | None, dh: Array | None, dc: Array | None, h0: Array, c0: Array,
                   weight: Array, *others: Array, sizes: Dims, reverse: bool) -> Any:
    *projections, gates, cs, hs = others
    projection = projections[0] if projections else None
    weights = _weights(weight, projection)
    found = _backward("lstm", by_steps, (dh, dc), (gates, cs), (h0, c0), weights, sizes, reverse)
    return found or _lstm_back(by_steps, dh, dc, None, None, h0, c0, weight, projection, gates, cs, sizes, reverse)


_EVEN = {"sizes": (2, 2, 2)}
_RAGGED = {"sizes": (3, 2, 2, 1)}
lstm = fused(
    "lstm", _lstm, batch=_batch, arity=4, spec=_lstm_spec, agree=(0, 1, 2, 3), multiple=True, keeps=(3, 4, 5),
    vjp=_lstm_vjp, saves=("y", "z", "w", "out"), missing=_TRANSPOSED, label="Lstm",
    samples=cases(((6, 8), (2, 2), (2, 2), (8, 2), _EVEN), ((8, 8), (3, 2), (3, 2), (8, 2), _RAGGED),
                  ((8, 8), (3, 2), (3, 2), (8, 2), _RAGGED | {"reverse": True})),
    doc="Of the gates' inputs (rows, 4 H), h0 and c0 (N, H) and the recurrent weight (4 H, H): all h, the last h, "
        "the last c, the gates, all c; then all h again, for backward.",
)


lstm_gradient = opaque(
    "lstm_gradient", _lstm_gradient, batch=each, arity=9,
    spec=lambda *given, **params: (given[6], given[3], given[4]), agree=tuple(range(9)), multiple=True, widens=True,
    missing=WRITTEN_OUT,
    samples=cases(((6, 2), (2, 2), (2, 2), (2, 2), (2, 2), (8, 2), (6, 8), (6, 2), (6, 2), _EVEN | {"reverse": False})),
    doc="The cotangents of lstm's gates, h0 and c0, of those of every step's h, of the last h and of the last c.",
)

lstm_projected = fused(
    "lstm_projected", _lstm, batch=_batch, arity=5, spec=_lstm_spec, agree=(0, 1, 2, 3, 4), multiple=True,
    keeps=(3, 4, 5), vjp=_lstm_vjp, saves=("y", "z", "w", 4, "out"), missing=_TRANSPOSED, label="LstmProjected",
    samples=cases(((6, 12), (2, 2), (2, 3), (12, 2), (2, 3), _EVEN),
                  ((8, 12), (3, 2), (3, 3), (12, 2), (2, 3), _RAGGED | {"reverse": True})),
    doc="The same with a projection (P, H), by which h is (N, P) and the recurrent weight (4 H, P).",
)

lstm_projected_gradient = opaque(
    "lstm_projected_gradient", _lstm_gradient, batch=each, arity=10,
    spec=lambda *given, **params: (given[7], given[3], given[4], given[9]), agree=tuple(range(10)), multiple=True,
    widens=True, missing=WRITTEN_OUT,
    samples=cases(((6, 2), (2, 2), (2, 3), (2, 2), (2, 3), (12, 2), (2, 3), (6, 12), (6, 3), (6, 2),
                   _EVEN | {"reverse": False})),
    doc="The cotangents of lstm_projected's gates, h0, c0 and every step's whole h, of those of every step's h, of the "
        "last h and of the last c.",
)


# --- GRU --------------------------------------------------------------------------------------------------------------


def _gru(xp: ModuleType, gates: Array, h0: Array, weight: Array, bias: Array, sizes: Dims,
         reverse: bool = False) -> tuple[Array, ...]:
    """Cho et al., *Learning Phrase Representations*, 2014, in cuDNN's form, where the reset gate comes after the
    product; the gates are r, z, n."""
    check_steps("gru", 3, gates, (h0,), weight, sizes)
    _check_bias(bias, weight)
    found = _forward("gru", gates, bias, (h0,), (weight,), sizes, reverse)
    if found is not None:
        return _public(tuple(found))
    width, half = h0.shape[1], gates.dtype.type(0.5)
    active, columns = gates.copy(), xp.ascontiguousarray(weight.T)
    inner = xp.empty((len(gates), width), gates.dtype)
    hs = xp.empty((len(gates), width), gates.dtype)
    h = h0.copy()
    for start, count in _steps(sizes, reverse):
        rows = active[start: start + count]
        product = P.matmul(h[:count], columns)
        product += bias
        both = rows[:, : 2 * width]
        both += product[:, : 2 * width]
        both *= half
        xp.tanh(both, both)
        both *= half
        both += half
        r, z, n = (rows[:, k * width: (k + 1) * width] for k in range(3))
        lin = inner[start: start + count]
        lin[...] = product[:, 2 * width:]
        n += r * lin
        xp.tanh(n, n)
        out = xp.subtract(h[:count], n, hs[start: start + count])
        out *= z
        out += n
        h[:count] = out
    return _public((hs, h, active, inner))


def _check_bias(bias: Array, weight: Array) -> None:
    if bias.shape != (len(weight),) or bias.dtype != weight.dtype:
        raise ShapeError(f"[gru] a bias {[len(weight)]} of {weight.dtype} was expected; got {list(bias.shape)} of "
                         f"{bias.dtype}")


def _gru_vjp(ct: ByOutput, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    _, h0, weight, _, (_, _, gates, inner, hs), _ = saved
    by_steps, extra, by_inner = _of_steps(ct, 4), ct.get(2), ct.get(3)
    found = _at_once(gru_gradient, gates, weight, (by_steps, ct.get(1), h0, weight, gates, inner, hs),
                     (extra, by_inner), params)
    if found is None:
        found = _gru_back(by_steps, ct.get(1), extra, by_inner, h0, weight, gates, inner, hs, **_walk(params))
    outer, rows, dh = found
    return (outer, dh if needs[1] else None,
            _grads_of_weight(rows, _previous(hs, h0, **_walk(params))) if needs[2] else None,
            P.sum(rows, dim=(0,)) if needs[3] else None)


def _gru_back(by_steps: Any, dh: Any, extra: Any, by_inner: Any, h0: Numbers, weight: Numbers, gates: Numbers,
              inner: Numbers, hs: Numbers, sizes: Dims, reverse: bool) -> tuple[Any, ...]:
    """The cotangents of the gates' inputs, of the recurrent product and of h0; ``extra`` and ``by_inner`` are those of
    the gates and of the new gate's recurrent part."""
    width = h0.shape[1]
    r, z, n = (gates[:, k * width: (k + 1) * width] for k in range(3))
    before = _previous(hs, h0, sizes, reverse)
    to_new = (1 - z) * (1 - n * n)
    to_update = (before - n) * z * (1 - z)
    to_reset = inner * r * (1 - r)
    bends = P.cat(r * (1 - r), z * (1 - z), 1 - n * n, dim=1) if extra is not None else None
    dh = _zeros(h0) if dh is None else dh
    outer, inside = [], []
    for start, count in _steps(sizes, not reverse):
        stop = start + count
        now = dh[:count] if by_steps is None else dh[:count] + by_steps[start: stop]
        new, update = now * to_new[start: stop], now * to_update[start: stop]
        reset = 0.0
        if bends is not None:
            more = extra[start: stop] * bends[start: stop]
            reset, update, new = more[:, :width], update + more[:, width: 2 * width], new + more[:, 2 * width:]
        reset = new * to_reset[start: stop] + reset
        linear = new * r[start: stop]
        if by_inner is not None:
            linear = linear + by_inner[start: stop]
        row = P.cat(reset, update, linear, dim=1)
        outer.append(P.cat(reset, update, new, dim=1))
        inside.append(row)
        dh = _renewed(now * z[start: stop] + P.matmul(row, weight), dh, count)
    return _in_order(outer, reverse), _in_order(inside, reverse), dh


def _gru_gradient(xp: ModuleType, by_steps: Array | None, dh: Array | None, h0: Array, weight: Array, gates: Array,
                  inner: Array, hs: Array, *, sizes: Dims, reverse: bool) -> Any:
    found = _backward("gru", by_steps, (dh,), (gates, inner, hs), (h0,), (weight,), sizes, reverse)
    return found or _gru_back(by_steps, dh, None, None, h0, weight, gates, inner, hs, sizes, reverse)


gru = fused(
    "gru", _gru, batch=_batch,
    arity=4, spec=_walk_spec(1, 3, 1), agree=(0, 1, 2, 3), multiple=True, keeps=(2, 3, 4), vjp=_gru_vjp,
    saves=("y", "z", "out"), missing=_TRANSPOSED,
    label="Gru",
    samples=cases(((6, 6), (2, 2), (6, 2), (6,), _EVEN), ((8, 6), (3, 2), (6, 2), (6,), _RAGGED),
                  ((8, 6), (3, 2), (6, 2), (6,), _RAGGED | {"reverse": True})),
    doc="Of the gates' inputs (rows, 3 H), h0 (N, H), the recurrent weight (3 H, H) and bias (3 H,): all h, the "
        "last h, the gates, and the new gate's recurrent part; then all h again, for backward.",
)

gru_gradient = opaque(
    "gru_gradient", _gru_gradient, arity=7, spec=lambda *given, **params: (given[4], given[4], given[2]),
    agree=tuple(range(7)), multiple=True, widens=True,
    batch=each,
    missing=WRITTEN_OUT,
    samples=cases(((6, 2), (2, 2), (2, 2), (6, 2), (6, 6), (6, 2), (6, 2), _EVEN | {"reverse": False})),
    doc="The cotangents of gru's gates, of its recurrent product and of h0, of those of every step's h and the last.",
)


# --- the plain recurrence ---------------------------------------------------------------------------------------------


def _rnn(xp: ModuleType, inputs: Array, h0: Array, weight: Array, sizes: Dims, reverse: bool = False,
         relu: bool = False) -> tuple[Array, ...]:
    check_steps("rnn", 1, inputs, (h0,), weight, sizes)
    found = _forward("relu" if relu else "tanh", inputs, None, (h0,), (weight,), sizes, reverse)
    if found is not None:
        return _public(tuple(found))
    hs, columns, h = inputs.copy(), xp.ascontiguousarray(weight.T), h0.copy()
    for start, count in _steps(sizes, reverse):
        rows = hs[start: start + count]
        rows += P.matmul(h[:count], columns)
        if relu:
            xp.maximum(rows, 0, out=rows)
        else:
            xp.tanh(rows, rows)
        h[:count] = rows
    return _public((hs, h))


def _rnn_vjp(ct: ByOutput, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    _, h0, weight, (_, _, hs), _ = saved
    by_steps, relu = _of_steps(ct, 2), params.get("relu", False)
    found = _at_once(rnn_gradient, hs, weight, (by_steps, ct.get(1), h0, weight, hs), (), {**params, "relu": relu})
    if found is None:
        found = _rnn_back(by_steps, ct.get(1), h0, weight, hs, **_walk(params), relu=relu)
    rows, dh = found
    for_weight = _grads_of_weight(rows, _previous(hs, h0, **_walk(params))) if needs[2] else None
    return rows, dh if needs[1] else None, for_weight


def _rnn_back(by_steps: Any, dh: Any, h0: Numbers, weight: Numbers, hs: Numbers, sizes: Dims, reverse: bool, relu: bool
              ) -> tuple[Any, ...]:
    """The cotangents of the inputs and of h0."""
    slope = P.cast(hs > 0, dtype=hs.dtype) if relu else 1 - hs * hs
    dh = _zeros(h0) if dh is None else dh
    rows = []
    for start, count in _steps(sizes, not reverse):
        now = dh[:count] if by_steps is None else dh[:count] + by_steps[start: start + count]
        row = now * slope[start: start + count]
        rows.append(row)
        dh = _renewed(P.matmul(row, weight), dh, count)
    return _in_order(rows, reverse), dh


def _rnn_gradient(xp: ModuleType, by_steps: Array | None, dh: Array | None, h0: Array, weight: Array, hs: Array, *,
                  sizes: Dims, reverse: bool, relu: bool) -> Any:
    found = _backward("relu" if relu else "tanh", by_steps, (dh,), (hs,), (h0,), (weight,), sizes, reverse)
    return found or _rnn_back(by_steps, dh, h0, weight, hs, sizes, reverse, relu)


rnn = fused(
    "rnn", _rnn, batch=_batch, arity=3, spec=_walk_spec(1), agree=(0, 1, 2), multiple=True, keeps=(2,), vjp=_rnn_vjp,
    saves=("y", "z", "out"), missing=_TRANSPOSED, label="Rnn",
    samples=cases(((6, 2), (2, 2), (2, 2), _EVEN), ((8, 2), (3, 2), (2, 2), _RAGGED | {"reverse": True}),
                  ((8, 2), (3, 2), (2, 2), _RAGGED | {"relu": True})),
    doc="h = tanh(input + h W'), or relu, of the inputs (rows, H), h0 (N, H) and the recurrent weight (H, H): "
        "all h, the last h; then all h again, for backward.",
)

rnn_gradient = opaque(
    "rnn_gradient", _rnn_gradient, arity=5, spec=lambda *given, **params: (given[4], given[2]),
    agree=tuple(range(5)), multiple=True, widens=True,
    batch=each,
    missing=WRITTEN_OUT,
    samples=cases(((6, 2), (2, 2), (2, 2), (2, 2), (6, 2), _EVEN | {"reverse": False, "relu": False})),
    doc="The cotangents of rnn's inputs and of h0, of those of every step's h and of the last.",
)
