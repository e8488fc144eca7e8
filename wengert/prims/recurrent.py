"""A recurrent layer in one direction as one node: LSTM, GRU and the plain recurrence, over all its steps.

The steps' inputs, already multiplied by their weight, stand packed below each other: ``sizes`` says how many sequences
each step still has, never more than the one before. A batch of equal lengths is the case of equal sizes. Of step t the
first ``sizes[t]`` sequences move on, and the others keep their state; so the state that remains at the end is every
sequence's own last one, and with ``reverse`` a sequence joins in at its own end.

Backward, what does not depend on later steps is computed for all steps at once; the loop holds what is left.
"""

from __future__ import annotations

from itertools import accumulate
from types import ModuleType
from typing import Any

import numpy as np

from ..core.errors import DTypeError, ShapeError
from ..core.generated import LARGE_PRODUCT, too_late
from ..core.operands import Array, ByOutput, Dims, Needs, Numbers, Params, Rule, Saved
from ..core.primitive import P, fused, is_final, opaque
from ..core.samples import cases
from ..core.spec import Spec

ndarray = np.ndarray
_LATER = {"jvp": "not in wengert yet"}


def _steps(sizes: Dims, reverse: bool) -> list[tuple[int, int]]:
    """Start and number of rows of every step, in the order in which they are walked."""
    starts = [0, *accumulate(sizes)][:-1]
    steps = list(zip(starts, sizes, strict=True))
    return steps[::-1] if reverse else steps


def check_steps(
    op: str, gates: int, inputs: Array, states: tuple[Array, ...], weight: Array, sizes: Dims
) -> None:
    """Raises ShapeError unless inputs, states and recurrent weight fit together, and the steps fit the inputs: all that
    follows, generated code too, goes by ``sizes``."""
    rows, (batch, width) = len(inputs), states[0].shape
    whole = (rows, gates * width), (gates * width, width)
    if (inputs.shape, weight.shape) != whole or any(state.shape != (batch, width) for state in states):
        raise ShapeError(f"[{op}] inputs {list(whole[0])}, a weight {list(whole[1])} and states {[batch, width]} were "
                         f"expected; got {list(inputs.shape)}, {list(weight.shape)} and "
                         f"{[list(state.shape) for state in states]}")
    kinds = {array.dtype for array in (inputs, weight, *states)}
    if len(kinds) > 1:
        raise DTypeError(f"[{op}] inputs, weight and states of one dtype were expected; got {sorted(map(str, kinds))}")
    if not sizes or sizes[0] > batch or sizes[-1] < 0 or sum(sizes) != rows or any(
            after > before for before, after in zip(sizes, sizes[1:], strict=False)):
        raise ShapeError(f"[{op}] batch sizes that never grow, from at most {batch}, and are {rows} together were "
                         f"expected; got {list(sizes)!r:.100}")


def _previous(states: Numbers, first: Numbers, sizes: Dims, reverse: bool) -> Any:
    """For every row of every step the state from which it came; ``first`` is the state before all steps."""
    steps = _steps(sizes, False)
    parts = []
    for t, (_, count) in enumerate(steps):
        if not reverse:
            start = steps[t - 1][0] if t else 0
            parts.append(states[start: start + count] if t else first[:count])
            continue
        later = steps[t + 1] if t + 1 < len(steps) else (0, 0)
        if later[1]:
            parts.append(states[later[0]: later[0] + later[1]])
        if later[1] < count or not count:
            parts.append(first[later[1]: count])
    return P.cat(*parts, dim=0)


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


def _of_steps(ct: ByOutput, kept: int) -> Any:
    """The cotangent of every step's h: of the copy that the program has, and of the one kept as output ``kept``."""
    first, second = ct.get(0), ct.get(kept)
    return second if first is None else first if second is None else first + second


def _zeros(x: Numbers) -> Any:
    return P.zeros_like(x)


def _grads_of_weight(rows: Numbers, before: Numbers) -> Any:
    return P.matmul(P.permute(rows, dims=(1, 0)), before)


def _generated(gates: Numbers, h0: Numbers) -> Any:
    """The module of generated recurrences, where it should be asked; it is loaded by the first that is large."""
    if type(gates) is not ndarray or gates.size * h0.shape[1] < LARGE_PRODUCT or too_late():
        return None
    from ..compiler import recurrent

    return recurrent


def _tables(generated: ModuleType, sizes: Dims, reverse: bool, back: bool) -> Any:
    """The steps as tables for generated code, in the order of the walk forth or back."""
    walk = _steps(sizes, reverse)
    before = [(0, 0), *walk[:-1]]
    pairs = [(*here, *there) for here, there in zip(walk, before, strict=True)]
    return generated.Steps(*np.array(pairs[::-1] if back else pairs, np.int64).T.copy())


# --- LSTM -------------------------------------------------------------------------------------------------------------


def _lstm(xp: ModuleType, gates: Array, h0: Array, c0: Array, weight: Array, sizes: Dims,
          reverse: bool = False) -> tuple[Array, ...]:
    """Hochreiter & Schmidhuber, *Long Short-Term Memory*, 1997, with forget gates; the gates are i, f, g, o."""
    check_steps("lstm", 4, gates, (h0, c0), weight, sizes)
    generated = _generated(gates, h0)
    if generated is not None:
        result = generated.lstm(gates, h0, c0, weight, _tables(generated, sizes, reverse, back=False))
        if result is not None:
            return _public(result)
    width = h0.shape[1]
    # sigmoid(a) is tanh(a / 2) / 2 + 1 / 2: one function for all four gates.
    half = xp.full(4 * width, 0.5, gates.dtype)
    half[2 * width: 3 * width] = 1
    rise = 1 - half
    active, columns = gates * half, xp.ascontiguousarray((weight * half[:, None]).T)
    h, c = h0.copy(), c0.copy()
    hs, cs = xp.empty((len(gates), width), gates.dtype), xp.empty((len(gates), width), gates.dtype)
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
        out = xp.tanh(new, hs[start: start + count])
        out *= o
        h[:count] = out
    return _public((hs, h, c, active, cs))


def _lstm_vjp(ct: ByOutput, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    _, h0, c0, weight, (_, _, _, gates, cs, hs), _ = saved
    by_steps = _of_steps(ct, 5)
    sizes, reverse, width = params["sizes"], params.get("reverse", False), h0.shape[1]
    given = by_steps, ct.get(1), ct.get(2)
    walked = ct.get(3) is None and ct.get(4) is None
    if walked and type(gates) is not ndarray and is_final() and sum(sizes) * 4 * width**2 >= LARGE_PRODUCT:
        rows, dh, dc = P.lstm_gradient(*given, h0, c0, weight, gates, cs, hs, sizes=tuple(sizes), reverse=reverse)
        for_weight = _grads_of_weight(rows, _previous(hs, h0, sizes, reverse)) if needs[3] else None
        return rows, dh if needs[1] else None, dc if needs[2] else None, for_weight
    if walked and all(type(a) is ndarray for a in (*ct.values(), gates)):
        generated = _generated(gates, h0)
        tables = _tables(generated, sizes, reverse, back=True) if generated is not None else None
        found = generated and generated.lstm_gradient(by_steps, ct.get(1), ct.get(2), gates, cs, c0, weight, tables)
        if found:
            for_weight = _grads_of_weight(found[0], _previous(hs, h0, sizes, reverse)) if needs[3] else None
            return found[0], found[1] if needs[1] else None, found[2] if needs[2] else None, for_weight
    i, f, g, o = (gates[:, k * width: (k + 1) * width] for k in range(4))
    bent = P.tanh(cs)
    before = _previous(cs, c0, sizes, reverse)
    by_cell = P.cat(g * i * (1 - i), before * f * (1 - f), i * (1 - g * g), dim=1)
    by_out = bent * o * (1 - o)
    through = o * (1 - bent * bent)
    extra = None
    if ct.get(3) is not None:
        extra = ct[3] * P.cat(i * (1 - i), f * (1 - f), 1 - g * g, o * (1 - o), dim=1)
    dh = ct[1] if ct.get(1) is not None else _zeros(h0)
    dc = ct[2] if ct.get(2) is not None else _zeros(c0)
    rows = []
    for start, count in _steps(sizes, not reverse):
        stop = start + count
        now = dh[:count] if by_steps is None else dh[:count] + by_steps[start: stop]
        cell = dc[:count] + now * through[start: stop]
        if ct.get(4) is not None:
            cell = cell + ct[4][start: stop]
        row = P.cat(P.cat(cell, cell, cell, dim=1) * by_cell[start: stop], now * by_out[start: stop], dim=1)
        if extra is not None:
            row = row + extra[start: stop]
        rows.append(row)
        dh = _renewed(P.matmul(row, weight), dh, count)
        dc = _renewed(cell * f[start: stop], dc, count)
    for_gates = _in_order(rows, reverse)
    for_weight = _grads_of_weight(for_gates, _previous(hs, h0, sizes, reverse)) if needs[3] else None
    return for_gates, dh if needs[1] else None, dc if needs[2] else None, for_weight


def _lstm_gradient(xp: ModuleType, by_steps: Array | None, dh: Array | None, dc: Array | None, h0: Array, c0: Array,
                   weight: Array, gates: Array, cs: Array, hs: Array, *, sizes: Dims, reverse: bool) -> Any:
    ct = {number: given for number, given in enumerate((by_steps, dh, dc)) if given is not None}
    saved: Any = None, h0, c0, weight, (None, None, None, gates, cs, hs), None
    return _lstm_vjp(ct, saved, {"sizes": sizes, "reverse": reverse}, (True, True, True, False))[:3]


_EVEN = {"sizes": (2, 2, 2)}
_RAGGED = {"sizes": (3, 2, 2, 1)}
lstm = fused(
    "lstm", _lstm, arity=4, spec=_walk_spec(2, 4, 1), agree=(0, 1, 2, 3), multiple=True, keeps=(3, 4, 5), vjp=_lstm_vjp,
    saves=("y", "z", "w", "out"), missing=_LATER, label="Lstm",
    samples=cases(((6, 8), (2, 2), (2, 2), (8, 2), _EVEN), ((8, 8), (3, 2), (3, 2), (8, 2), _RAGGED),
                  ((8, 8), (3, 2), (3, 2), (8, 2), _RAGGED | {"reverse": True})),
    doc="Of the gates' inputs (rows, 4 H), h0 and c0 (N, H) and the recurrent weight (4 H, H): all h, the last h, "
        "the last c, the gates, all c; then all h again, for backward.",
)


lstm_gradient = opaque(
    "lstm_gradient", _lstm_gradient, arity=9,
    spec=lambda *given, **params: (given[6], given[3], given[4]), agree=tuple(range(9)), multiple=True, widens=True,
    missing={"vjp": "where a derivative is wanted, it is written out", **_LATER},
    samples=cases(((6, 2), (2, 2), (2, 2), (2, 2), (2, 2), (8, 2), (6, 8), (6, 2), (6, 2), _EVEN | {"reverse": False})),
    doc="The cotangents of lstm's gates, h0 and c0, of those of every step's h, of the last h and of the last c.",
)


# --- GRU --------------------------------------------------------------------------------------------------------------


def _gru(xp: ModuleType, gates: Array, h0: Array, weight: Array, bias: Array, sizes: Dims,
         reverse: bool = False) -> tuple[Array, ...]:
    """Cho et al., *Learning Phrase Representations*, 2014, in cuDNN's form, where the reset gate comes after the
    product; the gates are r, z, n."""
    check_steps("gru", 3, gates, (h0,), weight, sizes)
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


def _gru_vjp(ct: ByOutput, saved: Saved, params: Params, needs: Needs) -> tuple[Any, ...]:
    _, h0, weight, _, (_, _, gates, inner, hs), _ = saved
    by_steps = _of_steps(ct, 4)
    sizes, reverse, width = params["sizes"], params.get("reverse", False), h0.shape[1]
    r, z, n = (gates[:, k * width: (k + 1) * width] for k in range(3))
    before = _previous(hs, h0, sizes, reverse)
    to_new = (1 - z) * (1 - n * n)
    to_update = (before - n) * z * (1 - z)
    to_reset = inner * r * (1 - r)
    bends = P.cat(r * (1 - r), z * (1 - z), 1 - n * n, dim=1) if ct.get(2) is not None else None
    dh = ct[1] if ct.get(1) is not None else _zeros(h0)
    outer, inside = [], []
    for start, count in _steps(sizes, not reverse):
        stop = start + count
        now = dh[:count] if by_steps is None else dh[:count] + by_steps[start: stop]
        new, update = now * to_new[start: stop], now * to_update[start: stop]
        reset = 0.0
        if bends is not None:
            extra = ct[2][start: stop] * bends[start: stop]
            reset, update, new = extra[:, :width], update + extra[:, width: 2 * width], new + extra[:, 2 * width:]
        reset = new * to_reset[start: stop] + reset
        linear = new * r[start: stop]
        if ct.get(3) is not None:
            linear = linear + ct[3][start: stop]
        row = P.cat(reset, update, linear, dim=1)
        outer.append(P.cat(reset, update, new, dim=1))
        inside.append(row)
        dh = _renewed(now * z[start: stop] + P.matmul(row, weight), dh, count)
    rows = _in_order(inside, reverse)
    return (_in_order(outer, reverse) if needs[0] else None, dh if needs[1] else None,
            _grads_of_weight(rows, before) if needs[2] else None, P.sum(rows, dim=(0,)) if needs[3] else None)


gru = fused(
    "gru", _gru, arity=4, spec=_walk_spec(1, 3, 1), agree=(0, 1, 2, 3), multiple=True, keeps=(2, 3, 4), vjp=_gru_vjp,
    saves=("y", "z", "out"), missing=_LATER,
    label="Gru",
    samples=cases(((6, 6), (2, 2), (6, 2), (6,), _EVEN), ((8, 6), (3, 2), (6, 2), (6,), _RAGGED),
                  ((8, 6), (3, 2), (6, 2), (6,), _RAGGED | {"reverse": True})),
    doc="Of the gates' inputs (rows, 3 H), h0 (N, H), the recurrent weight (3 H, H) and bias (3 H,): all h, the "
        "last h, the gates, and the new gate's recurrent part; then all h again, for backward.",
)


# --- the plain recurrence ---------------------------------------------------------------------------------------------


def _rnn(xp: ModuleType, inputs: Array, h0: Array, weight: Array, sizes: Dims, reverse: bool = False,
         relu: bool = False) -> tuple[Array, ...]:
    check_steps("rnn", 1, inputs, (h0,), weight, sizes)
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
    by_steps = _of_steps(ct, 2)
    sizes, reverse = params["sizes"], params.get("reverse", False)
    slope = P.cast(hs > 0, dtype=hs.dtype) if params.get("relu") else 1 - hs * hs
    dh = ct[1] if ct.get(1) is not None else _zeros(h0)
    rows = []
    for start, count in _steps(sizes, not reverse):
        now = dh[:count] if by_steps is None else dh[:count] + by_steps[start: start + count]
        row = now * slope[start: start + count]
        rows.append(row)
        dh = _renewed(P.matmul(row, weight), dh, count)
    for_inputs = _in_order(rows, reverse)
    for_weight = _grads_of_weight(for_inputs, _previous(hs, h0, sizes, reverse)) if needs[2] else None
    return for_inputs, dh if needs[1] else None, for_weight


rnn = fused(
    "rnn", _rnn, arity=3, spec=_walk_spec(1), agree=(0, 1, 2), multiple=True, keeps=(2,), vjp=_rnn_vjp,
    saves=("y", "z", "out"), missing=_LATER, label="Rnn",
    samples=cases(((6, 2), (2, 2), (2, 2), _EVEN), ((8, 2), (3, 2), (2, 2), _RAGGED | {"reverse": True}),
                  ((8, 2), (3, 2), (2, 2), _RAGGED | {"relu": True})),
    doc="h = tanh(input + h W'), or relu, of the inputs (rows, H), h0 (N, H) and the recurrent weight (H, H): "
        "all h, the last h; then all h again, for backward.",
)
