"""Recurrent layers: each direction of a layer as one operator.

The one idea to know: wengert records the product of all inputs with ``weight_ih`` before the steps, as one ``linear``;
ONNX's operators take inputs and weight apart. So the rule takes the operands of that product, and the product itself,
which nothing needs any more, goes. Where the gates come from elsewhere, they are inputs, and the weight is an identity.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.dtypes import int64
from ..sizes import Extent, Steps
from ..writer import NoFormError, Symbol, Writer
from .table import absent, rule


def _parts(w: Writer, x: Symbol, order: Sequence[int], count: int) -> Symbol:
    """A weight, or bias, with its ``count`` gates in ONNX's order, and a first dimension for the direction."""
    assert x.shape is not None, x
    width = x.shape[0] // count
    if list(order) != list(range(count)):
        rows = np.concatenate([np.arange(g * width, (g + 1) * width) for g in order])
        x = w.op("Gather", x, w.constant(rows, int64), axis=0)
    found: Symbol = w.op("Unsqueeze", x, w.ints([0]))
    return found


def _steps(sizes: Any) -> tuple[Any, Any]:
    if isinstance(sizes, Steps):
        return sizes.count, sizes.rows
    if len(set(sizes)) > 1:
        raise NoFormError("a packed sequence, whose steps have more and fewer rows")
    return len(sizes), sizes[0] if sizes else 0


def _features(x: Symbol) -> Any:
    assert x.shape is not None, x
    return x.shape[-1]


def _written(w: Writer, kind: str, gates: Symbol, states: Sequence[Symbol], weight: Symbol, bias: Symbol | None,
             sizes: Any, reverse: bool, order: Sequence[int], **attributes: Any) -> Any:
    """The operator: all h (rows, H), then the last h and, of an LSTM, c."""
    count, rows = _steps(sizes)
    gates_count, width = len(order), _features(states[0])
    made = w.producers.get(gates.name)
    if made is not None and made[0] == "linear" and len(made[1][0].shape) == 2:
        x, weight_in, *rest = made[1]
        bias_in = rest[0] if rest else None
    else:
        x, weight_in, bias_in = gates, w.constant(np.eye(gates_count * width), gates.dtype), None
    features = _features(x)
    steps = w.reshape(x, [count, rows, features])
    zeros = w.constant(np.zeros((1, gates_count * width)), gates.dtype)
    biases = None
    if bias_in is not None or bias is not None:
        biases = w.op("Concat", *[zeros if each is None else _parts(w, each, order, gates_count)
                                  for each in (bias_in, bias)], axis=1)
    found = w.op(kind, steps, _parts(w, weight_in, order, gates_count), _parts(w, weight, order, gates_count), biases,
                 None, *[w.op("Unsqueeze", state, w.ints([0])) for state in states], outputs=1 + len(states),
                 hidden_size=width, direction="reverse" if reverse else "forward", **attributes)
    total = count * rows if not (isinstance(count, Extent) and isinstance(rows, Extent)) else -1
    return w.reshape(found[0], [total, width]), *[w.op("Squeeze", each, w.ints([0])) for each in found[1:]]


def _only(outs: Any, first: int) -> None:
    if any(each is not None for each in outs[first:]):
        raise NoFormError("the gates of every step, which backward passes read")


@rule("lstm")
def _lstm(w: Writer, outs: Any, gates: Symbol, h0: Symbol, c0: Symbol, weight: Symbol, *, sizes: Any,
          reverse: bool = False) -> Any:
    _only(outs, 3)
    return *_written(w, "LSTM", gates, (h0, c0), weight, None, sizes, reverse, (0, 3, 1, 2)), None, None, None


@rule("gru")
def _gru(w: Writer, outs: Any, gates: Symbol, h0: Symbol, weight: Symbol, bias: Symbol, sizes: Any,
         reverse: bool = False) -> Any:
    _only(outs, 2)
    found = _written(w, "GRU", gates, (h0,), weight, bias, sizes, reverse, (1, 0, 2), linear_before_reset=1)
    return *found, None, None, None


@rule("rnn")
def _rnn(w: Writer, outs: Any, inputs: Symbol, h0: Symbol, weight: Symbol, sizes: Any, reverse: bool = False,
         relu: bool = False) -> Any:
    _only(outs, 2)
    found = _written(w, "RNN", inputs, (h0,), weight, None, sizes, reverse, (0,),
                     activations=["Relu" if relu else "Tanh"])
    return *found, *[None] * (len(outs) - 2)


absent("ONNX's LSTM has no projection", "lstm_projected")
absent("it is recorded in backward passes alone", "lstm_gradient lstm_projected_gradient gru_gradient rnn_gradient")
