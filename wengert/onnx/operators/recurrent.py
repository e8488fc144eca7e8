"""Recurrent layers: LSTM, GRU and RNN with everything that ONNX lets them have, a step after the other.

Inputs are (T, N, I), or with ``layout=1`` (N, T, I); weights have a first dimension for the directions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import wengert as torch

from ...nn import functional as F
from .table import operator

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "relu": lambda x, a, b: torch.relu(x), "tanh": lambda x, a, b: torch.tanh(x),
    "sigmoid": lambda x, a, b: torch.sigmoid(x), "softsign": lambda x, a, b: F.softsign(x),
    "softplus": lambda x, a, b: F.softplus(x), "affine": lambda x, a, b: _or(a, 1.0) * x + _or(b, 0.0),
    "leakyrelu": lambda x, a, b: F.leaky_relu(x, _or(a, 0.01)),
    "thresholdedrelu": lambda x, a, b: torch.where(x >= _or(a, 1.0), x, 0.0),
    "scaledtanh": lambda x, a, b: _or(a, 1.0) * torch.tanh(_or(b, 1.0) * x),
    "hardsigmoid": lambda x, a, b: torch.clamp(_or(a, 0.2) * x + _or(b, 0.5), 0.0, 1.0),
    "elu": lambda x, a, b: F.elu(x, _or(a, 1.0)),
}
_WITH_ALPHA = ("affine", "leakyrelu", "thresholdedrelu", "scaledtanh", "hardsigmoid", "elu")
_WITH_BETA = ("affine", "scaledtanh", "hardsigmoid")


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _activations(call: Any, default: Sequence[str], directions: int) -> list[list[Callable[[Any], Any]]]:
    """The activation functions of each direction; parameters go to those that take them, in their order."""
    names = [name.lower() for name in call.get("activations", [*default] * directions)]
    alphas, betas = iter(call.get("activation_alpha", [])), iter(call.get("activation_beta", []))
    clip = call.get("clip")
    found: list[Callable[[Any], Any]] = []
    for name in names:
        a = next(alphas, None) if name in _WITH_ALPHA else None
        b = next(betas, None) if name in _WITH_BETA else None
        found.append(_bounded(_FUNCTIONS[name], a, b, clip))
    count = len(default)
    return [found[d * count: (d + 1) * count] for d in range(directions)]


def _bounded(function: Callable[..., Any], a: float | None, b: float | None, clip: float | None
             ) -> Callable[[Any], Any]:
    if clip is None:
        return lambda x: function(x, a, b)
    return lambda x: function(torch.clamp(x, -clip, clip), a, b)


def _layer(call: Any, x: Any, lengths: Any, states: Sequence[Any], width: int, default: Sequence[str],
           step: Callable[..., tuple[Any, ...]]) -> Any:
    """All directions: ``step(direction, activations, x_t, *states) -> states``, of which the first is the output."""
    layout, direction = call.get("layout", 0), call.get("direction", "forward")
    x = x.transpose(0, 1) if layout else x
    steps, batch = x.shape[:2]
    directions = 2 if direction == "bidirectional" else 1
    activations = _activations(call, default, directions)
    known = None if lengths is None else call.ints(4)
    alive = None if known is None or all(n == steps for n in known) else [
        torch.tensor([t < n for n in known]).reshape(-1, 1) for t in range(steps)]
    outs, lasts = [], []
    for d in range(directions):
        backwards = direction == "reverse" or d == 1
        now = [torch.zeros(batch, width, dtype=x.dtype) if state is None else
               (state[:, d] if layout else state[d]) for state in states]
        rows: list[Any] = [None] * steps
        for t in range(steps)[::-1] if backwards else range(steps):
            new = step(d, activations[d], x[t], *now)
            if alive is not None:
                rows[t] = torch.where(alive[t], new[0], 0.0)
                now = [torch.where(alive[t], one, other) for one, other in zip(new, now, strict=True)]
            else:
                rows[t], now = new[0], list(new)
        outs.append(torch.stack(rows) if rows else torch.zeros(0, batch, width, dtype=x.dtype))
        lasts.append(now)
    y = torch.stack(outs, 1)  # (T, directions, N, H)
    ends = [torch.stack(each) for each in zip(*lasts, strict=True)]
    if layout:
        y, ends = y.permute(2, 0, 1, 3), [end.transpose(0, 1) for end in ends]
    return (y, *ends)


def _bias(b: Any, d: int, size: int) -> tuple[Any, Any]:
    return (0.0, 0.0) if b is None else (b[d, :size], b[d, size:])


@operator("RNN")
def _rnn(call: Any, x: Any, w: Any, r: Any, b: Any = None, lengths: Any = None, h0: Any = None) -> Any:
    width = r.shape[-1]

    def step(d: int, f: Any, x: Any, h: Any) -> tuple[Any, ...]:
        given, kept = _bias(b, d, width)
        return (f[0](F.linear(x, w[d]) + F.linear(h, r[d]) + given + kept),)

    return _layer(call, x, lengths, (h0,), width, ("Tanh",), step)


@operator("GRU")
def _gru(call: Any, x: Any, w: Any, r: Any, b: Any = None, lengths: Any = None, h0: Any = None) -> Any:
    width, after = r.shape[-1], bool(call.get("linear_before_reset", 0))

    def step(d: int, f: Any, x: Any, h: Any) -> tuple[Any, ...]:
        given, kept = _bias(b, d, 3 * width)
        inputs = F.linear(x, w[d]) + given
        part = 2 * width
        gates = inputs[:, :part] + F.linear(h, r[d, :part]) + (kept if b is None else kept[:part])
        z, reset = f[0](gates[:, :width]), f[0](gates[:, width:])
        rest = 0.0 if b is None else kept[part:]
        if after:
            new = inputs[:, part:] + reset * (F.linear(h, r[d, part:]) + rest)
        else:
            new = inputs[:, part:] + F.linear(reset * h, r[d, part:]) + rest
        return ((1 - z) * f[1](new) + z * h,)

    return _layer(call, x, lengths, (h0,), width, ("Sigmoid", "Tanh"), step)


@operator("LSTM")
def _lstm(call: Any, x: Any, w: Any, r: Any, b: Any = None, lengths: Any = None, h0: Any = None, c0: Any = None,
          peepholes: Any = None) -> Any:
    width, coupled = r.shape[-1], bool(call.get("input_forget", 0))

    def step(d: int, f: Any, x: Any, h: Any, c: Any) -> tuple[Any, ...]:
        given, kept = _bias(b, d, 4 * width)
        gates = F.linear(x, w[d]) + F.linear(h, r[d]) + given + kept
        i, o, forget, new = gates.split(width, 1)
        if peepholes is not None:
            p_i, p_o, p_f = peepholes[d].split(width)
            i, forget = i + p_i * c, forget + p_f * c
        i = f[0](i)
        forget = 1 - i if coupled else f[0](forget)
        c = forget * c + i * f[1](new)
        o = f[0](o if peepholes is None else o + p_o * c)
        return o * f[2](c), c

    return _layer(call, x, lengths, (h0, c0), width, ("Sigmoid", "Tanh", "Tanh"), step)
