"""One recurrent layer in one direction over packed sequences: what `nn.RNN`, `nn.LSTM`, `nn.GRU` and their cells
call."""

from __future__ import annotations

from typing import Any

from ...core.primitive import P
from ...ops import cat, zeros
from ...tensors.tensor import Tensor
from .affine import linear

Sizes = tuple[int, ...]


def recurrence(mode: str, input: Tensor, sizes: Sizes, states: tuple[Tensor, ...], weights: tuple[Tensor | None, ...],
               reverse: bool = False) -> tuple[Tensor, tuple[Tensor, ...]]:
    """All hidden states, packed as ``input`` is, and the last states.

    ``mode`` is ``"LSTM"``, ``"GRU"``, ``"RNN_TANH"`` or ``"RNN_RELU"``; ``input`` is ``(rows, in)``, ``sizes`` how many
    sequences each step has, ``states`` (h,) or (h, c), each ``(N, H)``; ``weights`` are w_ih, w_hh, b_ih, b_hh (or
    None) and, for an LSTM that projects, w_hr.
    """
    to_gates, recurrent, bias, second, *projection = weights
    assert to_gates is not None and recurrent is not None
    if mode == "GRU":
        if second is None:
            second = zeros(recurrent.shape[0], dtype=input.dtype)
        all_h, last, *_ = P.gru(linear(input, to_gates, bias), states[0], recurrent, second, sizes=sizes,
                                reverse=reverse)
        return all_h, (last,)
    inputs = linear(input, to_gates, None if bias is None or second is None else bias + second)
    if mode == "LSTM":
        if projection and projection[0] is not None:
            return _projected(inputs, sizes, states, recurrent, projection[0], reverse)
        all_h, last, cell, *_ = P.lstm(inputs, *states, recurrent, sizes=sizes, reverse=reverse)
        return all_h, (last, cell)
    all_h, last, *_ = P.rnn(inputs, states[0], recurrent, sizes=sizes, reverse=reverse, relu=mode == "RNN_RELU")
    return all_h, (last,)


def _projected(
    inputs: Tensor, sizes: Sizes, states: tuple[Tensor, ...], recurrent: Tensor, projection: Tensor, reverse: bool
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """An LSTM whose hidden state is a projection of what its cell gives (Sak et al., 2014), step by step."""
    h, c = states
    starts = [0]
    for count in sizes:
        starts.append(starts[-1] + count)
    outputs: list[Any] = [None] * len(sizes)
    for t in reversed(range(len(sizes))) if reverse else range(len(sizes)):
        count = sizes[t]
        gates = inputs[starts[t] : starts[t + 1]] + linear(h[:count], recurrent)
        i, f, g, o = gates.chunk(4, 1)
        cell = f.sigmoid() * c[:count] + i.sigmoid() * g.tanh()
        outputs[t] = linear(o.sigmoid() * cell.tanh(), projection)
        h = outputs[t] if count == h.shape[0] else cat([outputs[t], h[count:]])
        c = cell if count == c.shape[0] else cat([cell, c[count:]])
    return cat(outputs), (h, c)
