"""One recurrent layer in one direction over packed sequences: what `nn.RNN`, `nn.LSTM`, `nn.GRU` and their cells
call."""

from __future__ import annotations

from ...core.primitive import P
from ...ops import zeros
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
            found = P.lstm_projected(inputs, *states, recurrent, projection[0], sizes=sizes, reverse=reverse)
        else:
            found = P.lstm(inputs, *states, recurrent, sizes=sizes, reverse=reverse)
        all_h, last, cell, *_ = found
        return all_h, (last, cell)
    all_h, last, *_ = P.rnn(inputs, states[0], recurrent, sizes=sizes, reverse=reverse, relu=mode == "RNN_RELU")
    return all_h, (last,)



def one_step(mode: str, input: Tensor, states: tuple[Tensor, ...], weights: tuple[Tensor | None, ...]
             ) -> tuple[Tensor, ...]:
    """The states after one step of a cell: `recurrence` of ``input`` (N, in)."""
    return recurrence(mode, input, (input.shape[0],), states, weights)[1]
