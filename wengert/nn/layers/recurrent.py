"""Recurrent layers and cells. All parameters start uniform in ±1/√hidden_size."""

from __future__ import annotations

import math
from typing import Any

from ...core.errors import RankError, ShapeError
from ...core.frames import warn
from ...core.geometry import TENSOR, check_count, check_room
from ...core.state import state as threads
from ...ops import cat, empty, stack, zeros
from ...tensors.alias import own
from ...tensors.tensor import Tensor
from .. import init
from ..functional.dropouts import dropout
from ..functional.recurrent import one_step, recurrence
from ..module import Module
from ..parameter import Parameter
from ..utils.rnn import PackedSequence

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


def _uniform(layer: Module, hidden_size: int) -> None:
    bound = 1.0 / math.sqrt(hidden_size) if hidden_size > 0 else 0
    for weight in layer.parameters():
        init.uniform_(weight, -bound, bound)


class RNNBase(Module):
    """What `RNN`, `LSTM` and `GRU` share: ``num_layers`` layers, each the next one's input, in one or both directions.

    Layer k has ``weight_ih_lk`` (gates · H, in), ``weight_hh_lk`` (gates · H, H) and, with ``bias``, ``bias_ih_lk`` and
    ``bias_hh_lk``; those of the backward direction end in ``_reverse``. ``dropout`` acts between layers in training.
    Raises ValueError and TypeError for numbers that make no sense.

    >>> layer = nn.RNNBase("GRU", 3, 5)
    >>> [name for name, _ in layer.named_parameters()]
    ['weight_ih_l0', 'weight_hh_l0', 'bias_ih_l0', 'bias_hh_l0']
    """

    def __init__(self, mode: str, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
                 batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0,
                 device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._check_numbers(dropout)
        directions, made = 2 if bidirectional else 1, {"device": device, "dtype": dtype}
        rows, out = _GATES[mode] * hidden_size, proj_size or hidden_size
        check_count(type(self).__name__, "num_layers", num_layers)
        check_room(type(self).__name__, (num_layers, directions), 4 * rows * out + 4 * TENSOR)
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            width = input_size if layer == 0 else out * directions
            for direction in range(directions):
                shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, width), "weight_hh": (rows, out)}
                if bias:
                    shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
                if proj_size > 0:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                end = f"_l{layer}{'_reverse' if direction else ''}"
                for name, shape in shapes.items():
                    setattr(self, name + end, Parameter(empty(shape, **made)))
                self._all_weights.append([name + end for name in shapes])
        self.reset_parameters()

    def _check_numbers(self, dropout: float) -> None:
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
            )
        if dropout > 0 and self.num_layers == 1:
            warn("dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                 f"num_layers greater than 1, but got dropout={dropout} and num_layers={self.num_layers}")
        for name, kind in (("bias", bool), ("batch_first", bool), ("input_size", int), ("hidden_size", int),
                           ("num_layers", int)):
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
            if kind is int and value <= 0:
                raise ValueError(f"{name} must be greater than zero")
        if self.proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")

    def reset_parameters(self) -> None:
        """Draws all parameters anew, as PyTorch does."""
        _uniform(self, self.hidden_size)

    def flatten_parameters(self) -> None:
        """Does nothing: it arranges memory for cuDNN in PyTorch."""

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters, a list for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self) -> list[Parameter]:
        return [getattr(self, name) for name in self._flat_weights_names]

    def _weights(self, number: int) -> tuple[Tensor | None, ...]:
        """w_ih, w_hh, b_ih, b_hh, w_hr of a layer and direction, None for what is not there."""
        end = self._all_weights[number][0].removeprefix("weight_ih")
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
        return tuple([getattr(self, kind + end) if kind + end in self._all_weights[number] else None for kind in kinds])

    def _initial(self, batch: int, like: Tensor) -> tuple[Tensor, ...]:
        """Zeros for the states: (h,), for an LSTM (h, c)."""
        count = self.num_layers * (2 if self.bidirectional else 1)
        h = zeros(count, batch, self.proj_size or self.hidden_size, dtype=like.dtype, device=like.device)
        if self.mode != "LSTM":
            return (h,)
        return h, zeros(count, batch, self.hidden_size, dtype=like.dtype, device=like.device)

    def _check(self, input: Tensor, states: tuple[Tensor, ...], batch: int) -> None:
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"[{type(self).__name__}] input.size(-1) must be equal to input_size. Expected {self.input_size}, got "
                f"{input.shape[-1]}"
            )
        count = self.num_layers * (2 if self.bidirectional else 1)
        for name, state, width in zip(("hidden[0]", "hidden[1]") if self.mode == "LSTM" else ("hidden",), states,
                                      (self.proj_size or self.hidden_size, self.hidden_size), strict=False):
            if tuple(state.shape) != (count, batch, width):
                raise RuntimeError(
                    f"[{type(self).__name__}] Expected {name} size {(count, batch, width)}, got {list(state.shape)}"
                )

    def _run(self, data: Tensor, sizes: tuple[int, ...], states: tuple[Tensor, ...]) -> Any:
        """All layers over packed data: the last layer's output and the states after it."""
        directions = 2 if self.bidirectional else 1
        ends: list[tuple[Tensor, ...]] = []
        for layer in range(self.num_layers):
            outs = []
            for direction in range(directions):
                number = layer * directions + direction
                first = tuple([state[number] for state in states])
                out, last = recurrence(self.mode, data, sizes, first, self._weights(number), direction == 1)
                outs.append(out)
                ends.append(last)
            data = outs[0] if directions == 1 else cat(outs, 1)
            if self.dropout and layer < self.num_layers - 1:
                data = dropout(data, self.dropout, self.training)
        return data, tuple([stack(each) for each in zip(*ends, strict=True)])

    def forward(self, input: Any, hx: Any = None) -> Any:
        """``(T, N, in)``, ``(N, T, in)`` with ``batch_first``, ``(T, in)`` or a `PackedSequence`, and the first states
        ``(layers · directions, N, H)``, zeros if None: the last layer's states at every step, and all last states.

        Raises ValueError and RuntimeError for shapes that do not fit.
        """
        states = None if hx is None else tuple(hx) if self.mode == "LSTM" else (hx,)
        if states is not None and self.mode == "LSTM" and len(states) != 2:
            came = f"a tensor of shape {list(hx.shape)}" if isinstance(hx, Tensor) else f"{len(states)} states"
            raise RankError(f"[{type(self).__name__}] the two first states were expected as hx; got {came}; write "
                            f"(h_0, c_0)")
        if isinstance(input, PackedSequence):
            out, last = self._packed(input, states)
        else:
            out, last = self._padded(input, states)
        return out, last if self.mode == "LSTM" else last[0]

    def _packed(self, input: PackedSequence, states: Any) -> Any:
        data, batch_sizes, order, back = input
        sizes = tuple(batch_sizes.tolist())
        if not sizes or min(sizes) < 0:
            raise ShapeError(f"[{type(self).__name__}] batch sizes from 0 on, one or more, were expected; got {sizes}")
        if states is None:
            states = self._initial(sizes[0], data)
        elif order is not None:
            states = tuple([state.index_select(1, order) for state in states])
        self._check(data, states, sizes[0])
        out, last = self._run(data, sizes, states)
        if back is not None:
            last = tuple([state.index_select(1, back) for state in last])
        return PackedSequence(out, batch_sizes, order, back), last

    def _padded(self, input: Tensor, states: Any) -> Any:
        name = type(self).__name__
        weight = self.weight_ih_l0
        if input._data.dtype != weight._data.dtype and threads.casting is None:
            raise ValueError(f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). Convert "
                             f"input: input.to({weight.dtype}), or convert model: model.to({input.dtype})")
        if input.dim() not in (2, 3):
            raise ValueError(f"{name}: Expected input to be 2D or 3D, got {input.dim()}D instead")
        alone = input.dim() == 2
        for state in states or ():
            if state.dim() != input.dim():
                kind = "unbatched 2-D" if alone else "batched 3-D"
                raise RuntimeError(
                    f"[{name}] For {kind} input, hx should also be {input.dim()}-D but got {state.dim()}-D tensor"
                )
        if alone:
            input = input.unsqueeze(1)
            states = None if states is None else tuple([state.unsqueeze(1) for state in states])
        elif self.batch_first:
            input = input.transpose(0, 1)
        steps, batch = input.shape[:2]
        if states is None:
            states = self._initial(batch, input)
        self._check(input, states, batch)
        if steps == 0:
            raise RuntimeError(f"[{name}] Expected sequence length to be larger than 0 in RNN")
        out, last = self._run(input.reshape(steps * batch, input.shape[2]), (batch,) * steps, states)
        out = out.reshape(steps, batch, out.shape[-1])
        if alone:
            return out.squeeze(1), tuple([state.squeeze(1) for state in last])
        return own(out.transpose(0, 1)) if self.batch_first else own(out), last

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size != 0:
            text += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            text += f", num_layers={self.num_layers}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if self.batch_first is not False:
            text += f", batch_first={self.batch_first}"
        if self.dropout != 0:
            text += f", dropout={self.dropout}"
        if self.bidirectional is not False:
            text += f", bidirectional={self.bidirectional}"
        return text


class RNN(RNNBase):
    """h' = tanh(W x + b + V h + c), or relu with ``nonlinearity="relu"`` (Elman, 1990). Arguments as for `RNNBase`.

    >>> out, h = nn.RNN(3, 5, num_layers=2)(torch.zeros(7, 2, 3))
    >>> out.shape, h.shape
    (torch.Size([7, 2, 5]), torch.Size([2, 2, 5]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        arguments = list(args)
        nonlinearity = arguments.pop(3) if len(arguments) > 3 else kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{nonlinearity.upper()}", *arguments, **kwargs)
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Long short-term memory (Hochreiter & Schmidhuber, 1997), gates in the order i, f, g, o; its states are (h, c).

    i, f, o = σ(W x + b + V h + d), g = tanh(W x + b + V h + d), each with its own rows of the weights (V and d those of
    the state); c' = f c + i g and h' = o tanh(c'), element by element (Gers et al., 2000, for f).

    Arguments as for `RNNBase`; with ``proj_size`` the hidden state is a projection (Sak et al., 2014).

    >>> import wengert as torch
    >>> from wengert import nn
    >>> out, (h, c) = nn.LSTM(3, 5, batch_first=True)(torch.zeros(2, 7, 3))
    >>> out.shape, h.shape
    (torch.Size([2, 7, 5]), torch.Size([1, 2, 5]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)


class GRU(RNNBase):
    """Gated recurrent units (Cho et al., 2014), gates in the order r, z, n. Arguments as for `RNNBase`.

    r, z = σ(W x + b + V h + d), n = tanh(W x + b + r (V h + d)), each with its own rows of the weights (V and d those
    of the state); h' = (1 − z) n + z h, element by element.

    >>> out, h = nn.GRU(3, 5, batch_first=True)(torch.zeros(2, 7, 3))
    >>> out.shape, h.shape
    (torch.Size([2, 7, 5]), torch.Size([1, 2, 5]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)


class RNNCellBase(Module):
    """One step of a recurrent layer.

    >>> isinstance(nn.GRUCell(3, 5), nn.RNNCellBase)
    True
    """

    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        made, rows = {"device": device, "dtype": dtype}, num_chunks * hidden_size
        self.weight_ih = Parameter(empty((rows, input_size), **made))
        self.weight_hh = Parameter(empty((rows, hidden_size), **made))
        self.register_parameter("bias_ih", Parameter(empty(rows, **made)) if bias else None)
        self.register_parameter("bias_hh", Parameter(empty(rows, **made)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws all parameters anew, as PyTorch does."""
        _uniform(self, self.hidden_size)

    def _step(self, mode: str, input: Tensor, states: tuple[Tensor, ...] | None) -> tuple[Tensor, ...]:
        name = type(self).__name__
        if input.dim() not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        called = ("hx[0]", "hx[1]") if mode == "LSTM" else ("hidden",)
        for number, state in enumerate(states or ()):
            if state.dim() not in (1, 2):
                raise ValueError(f"{name}: Expected {called[number]} to be 1D or 2D, got {state.dim()}D instead")
        alone = input.dim() == 1
        if alone:
            input = input.unsqueeze(0)
            states = None if states is None else tuple([state.unsqueeze(0) for state in states])
        if states is None:
            none = zeros(input.shape[0], self.hidden_size, dtype=input.dtype, device=input.device)
            states = (none,) * (2 if mode == "LSTM" else 1)
        if input.shape[1] != self.input_size:
            raise RuntimeError(
                f"[{name}] input has inconsistent input_size: got {input.shape[1]} expected {self.input_size}"
            )
        for number, state in enumerate(states):
            if state.shape[0] != input.shape[0]:
                raise RuntimeError(f"[{name}] Input batch size {input.shape[0]} doesn't match hidden{number} batch "
                                   f"size {state.shape[0]}")
            if state.shape[1] != self.hidden_size:
                raise RuntimeError(f"[{name}] hidden{number} has inconsistent hidden_size: got {state.shape[1]}, "
                                   f"expected {self.hidden_size}")
        weights = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        last = one_step(mode, input, states, weights)
        return tuple([state.squeeze(0) for state in last]) if alone else last

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        return text


class RNNCell(RNNCellBase):
    """One step of `RNN`: from ``(N, input_size)`` and h, ``(N, hidden_size)``, to the next h.

    >>> cell, h = nn.RNNCell(3, 5), torch.zeros(2, 5)
    >>> for x in torch.ones(7, 2, 3):
    ...     h = cell(x, h)
    >>> h.shape
    torch.Size([2, 5])
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh",
                 device: Any = None, dtype: Any = None) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self._step(f"RNN_{self.nonlinearity.upper()}", input, None if hx is None else (hx,))[0]

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}")


class LSTMCell(RNNCellBase):
    """One step of `LSTM`: from ``(N, input_size)`` and (h, c), each ``(N, hidden_size)``, to the next (h, c).

    >>> cell, h, c = nn.LSTMCell(3, 5), torch.zeros(2, 5), torch.zeros(2, 5)
    >>> for x in torch.ones(7, 2, 3):
    ...     h, c = cell(x, (h, c))
    >>> h.shape, c.shape
    (torch.Size([2, 5]), torch.Size([2, 5]))
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        h, c = self._step("LSTM", input, hx)
        return h, c


class GRUCell(RNNCellBase):
    """One step of `GRU`: from ``(N, input_size)`` and h, ``(N, hidden_size)``, to the next h.

    >>> cell, h = nn.GRUCell(3, 5), torch.zeros(2, 5)
    >>> for x in torch.ones(7, 2, 3):
    ...     h = cell(x, h)
    >>> h.shape
    torch.Size([2, 5])
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step("GRU", input, None if hx is None else (hx,))[0]
