"""Further functions that PyTorch has at the top level with arguments of their own: recurrent layers as functions of
their weights, sampling by numbers for words, forms that write into their input."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

from ...ops import cat, stack
from ...ops.registry import with_out
from ...tensors.alias import own
from ...tensors.tensor import Tensor
from . import losses, margins
from .affine import limit_norms
from .alignment import ctc_loss as _ctc_loss
from .convolution import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d
from .dropouts import alpha_dropout, drop_channels, dropout, feature_alpha_dropout
from .margins import poisson_nll_loss as _poisson
from .margins import triplet_margin_loss as _triplet
from .normalization import batch_norm, group_norm, layer_norm
from .recurrent import recurrence
from .sampling import GRID_SAMPLE_INTERPOLATION_MODES, GRID_SAMPLE_PADDING_MODES, affine_grid, grid_sample

_REDUCTIONS = ("none", "mean", "sum")


def _chosen(op: str, what: str, choices: Iterable[Any], number: Any) -> Any:
    """The choice of that number. Raises ValueError where there is none."""
    known = tuple(choices)
    if type(number) is not int or not 0 <= number < len(known):
        raise ValueError(f"[{op}] {what} from 0 to {len(known) - 1} was expected; got {number!r}")
    return known[number]


# --- normalisation with its statistics --------------------------------------------------------------------------------


def native_layer_norm(input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None, bias: Tensor | None,
                      eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """`nn.functional.layer_norm`, the means, and the reciprocals of the standard deviations."""
    out = layer_norm(input, normalized_shape, weight, bias, eps)
    return out, *_statistics(input, tuple(range(-len(normalized_shape), 0)), True, eps)


def native_group_norm(input: Tensor, weight: Tensor | None, bias: Tensor | None, N: int, C: int, HxW: int, group: int,
                      eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """`nn.functional.group_norm` of ``(N, C, ...)`` with ``HxW`` places, and its statistics, ``(N, group)``."""
    out = group_norm(input, group, weight, bias, eps)
    return out, *_moments(input.reshape(N, group, C // group * HxW), (2,), False, eps)


@with_out
def native_batch_norm(input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None,
                      running_var: Tensor | None, training: bool, momentum: float, eps: float
                      ) -> tuple[Tensor, Tensor, Tensor]:
    """`nn.functional.batch_norm` and the statistics of the batch, which are of no elements in evaluation."""
    out = batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    if not training:
        return out, input.new_empty(0), input.new_empty(0)
    return out, *_statistics(input, (0, *range(2, input.dim())), False, eps)


def _statistics(input: Tensor, dims: tuple[int, ...], keepdim: bool, eps: float) -> tuple[Tensor, Tensor]:
    """`_moments` that, as in PyTorch, no gradient flows back from."""
    return _moments(input.detach(), dims, keepdim, eps)


def _moments(input: Tensor, dims: tuple[int, ...], keepdim: bool, eps: float) -> tuple[Tensor, Tensor]:
    """The means and the reciprocals of the standard deviations."""
    mean = input.mean(dims, keepdim=keepdim)
    return mean, (input.var(dims, correction=0, keepdim=keepdim) + eps).rsqrt()


# --- recurrent layers -------------------------------------------------------------------------------------------------


def lstm(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor, Tensor]:
    """The layers of `nn.LSTM` as a function of their weights: the output, the last h and the last c.

    ``lstm(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)``, or of packed data
    ``lstm(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional)``; ``params`` holds
    w_ih, w_hh and, with biases, b_ih and b_hh of every layer and direction.
    """
    out, (h, c) = _layers("LSTM", *args, **kwargs)
    return out, h, c


def gru(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """The layers of `nn.GRU`: the output and the last h. The arguments are those of `lstm`, with one state."""
    out, (h,) = _layers("GRU", *args, **kwargs)
    return out, h


def rnn_tanh(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """The layers of `nn.RNN`: the output and the last h. The arguments are those of `lstm`, with one state."""
    out, (h,) = _layers("RNN_TANH", *args, **kwargs)
    return out, h


def rnn_relu(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """`rnn_tanh` with max(x, 0) in the place of tanh."""
    out, (h,) = _layers("RNN_RELU", *args, **kwargs)
    return out, h


def _layers(mode: str, first: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Both forms: of packed data the fourth argument is the weights, of a padded tensor the third."""
    packed = "batch_sizes" in kwargs or isinstance(args[2] if len(args) > 2 else None, (list, tuple))
    return _packed(mode, first, *args, **kwargs) if packed else _padded(mode, first, *args, **kwargs)


def _padded(mode: str, input: Tensor, hx: Any, params: Sequence[Tensor], has_biases: bool, num_layers: int,
            dropout: float, train: bool, bidirectional: bool, batch_first: bool) -> tuple[Tensor, tuple[Tensor, ...]]:
    steps_first = input.transpose(0, 1) if batch_first else input
    steps, batch = steps_first.shape[:2]
    data = steps_first.reshape(steps * batch, steps_first.shape[2])
    sizes = (batch,) * steps
    out, last = _run(mode, data, sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional)
    out = out.reshape(steps, batch, out.shape[-1])
    return own(out.transpose(0, 1)) if batch_first else own(out), last


def _packed(mode: str, data: Tensor, batch_sizes: Tensor, hx: Any, params: Sequence[Tensor], has_biases: bool,
            num_layers: int, dropout: float, train: bool, bidirectional: bool) -> tuple[Tensor, tuple[Tensor, ...]]:
    sizes = tuple(batch_sizes.tolist())
    return _run(mode, data, sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional)


def _run(mode: str, data: Tensor, sizes: tuple[int, ...], hx: Any, params: Sequence[Tensor], has_biases: bool,
         num_layers: int, dropout_p: float, train: bool, bidirectional: bool) -> tuple[Tensor, tuple[Tensor, ...]]:
    states = tuple(hx) if mode == "LSTM" else (hx,)
    directions = 2 if bidirectional else 1
    per, rest = divmod(len(params), max(1, num_layers * directions))
    plain = 4 if has_biases else 2
    if num_layers < 1 or rest or per not in (plain, plain + 1) or (per > plain and mode != "LSTM"):
        raise RuntimeError(
            f"[{mode.lower()}] expected {plain} weights for each of {num_layers * directions} layers and directions; "
            f"got {len(params)} in all"
        )
    ends = []
    for layer in range(num_layers):
        outs = []
        for direction in range(directions):
            number = layer * directions + direction
            own = list(params[number * per : (number + 1) * per])
            projection = [own.pop()] if per > plain else []
            weights = (*own, *([] if has_biases else [None, None]), *projection)
            first = tuple(state[number] for state in states)
            out, last = recurrence(mode, data, sizes, first, weights, direction == 1)
            outs.append(out)
            ends.append(last)
        data = outs[0] if directions == 1 else cat(outs, 1)
        if dropout_p and layer < num_layers - 1:
            data = dropout(data, dropout_p, train)
    return data, tuple(stack(each) for each in zip(*ends, strict=True))


def _cell(mode: str, input: Tensor, states: tuple[Tensor, ...], weights: tuple[Any, ...]) -> tuple[Tensor, ...]:
    return recurrence(mode, input, (input.shape[0],), states, weights)[1]


def lstm_cell(
    input: Tensor, hx: Any, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> tuple[Tensor, ...]:
    """One step of an LSTM: from ``(N, in)`` and (h, c), each ``(N, H)``, to the next (h, c)."""
    return _cell("LSTM", input, tuple(hx), (w_ih, w_hh, b_ih, b_hh))


def gru_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """One step of a GRU: from ``(N, in)`` and h, ``(N, H)``, to the next h."""
    return _cell("GRU", input, (hx,), (w_ih, w_hh, b_ih, b_hh))[0]


def rnn_tanh_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """One step of an RNN: from ``(N, in)`` and h, ``(N, H)``, to the next h."""
    return _cell("RNN_TANH", input, (hx,), (w_ih, w_hh, b_ih, b_hh))[0]


def rnn_relu_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """`rnn_tanh_cell` with max(x, 0) in the place of tanh."""
    return _cell("RNN_RELU", input, (hx,), (w_ih, w_hh, b_ih, b_hh))[0]


# --- numbers for words ------------------------------------------------------------------------------------------------


def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`nn.functional.grid_sample`; the modes are numbers in the order of that function's words."""
    mode = _chosen("grid_sampler", "an interpolation_mode", GRID_SAMPLE_INTERPOLATION_MODES, interpolation_mode)
    padding = _chosen("grid_sampler", "a padding_mode", GRID_SAMPLE_PADDING_MODES, padding_mode)
    return grid_sample(input, grid, mode, padding, align_corners)


def grid_sampler_2d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`grid_sampler` of images."""
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


def grid_sampler_3d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`grid_sampler` of volumes."""
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


def affine_grid_generator(theta: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    """`nn.functional.affine_grid`."""
    return affine_grid(theta, size, align_corners)


def convolution(input: Tensor, weight: Tensor, bias: Tensor | None, stride: Sequence[int], padding: Sequence[int],
                dilation: Sequence[int], transposed: bool, output_padding: Sequence[int], groups: int) -> Tensor:
    """The convolution, or transposed convolution, of as many dimensions as ``weight`` has beyond two."""
    forms = (conv_transpose1d, conv_transpose2d, conv_transpose3d) if transposed else (conv1d, conv2d, conv3d)
    form = _chosen("convolution", "a weight of three dimensions more than a number", forms, weight.dim() - 3)
    if transposed:
        return form(input, weight, bias, stride, padding, output_padding, groups, dilation)
    return form(input, weight, bias, stride, padding, dilation, groups)


def ctc_loss(log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0,
             reduction: int = 1, zero_infinity: bool = False) -> Tensor:
    """`nn.functional.ctc_loss`; ``reduction`` 0, 1, 2 for none, mean, sum."""
    word = _chosen("ctc_loss", "a reduction", _REDUCTIONS, reduction)
    return _ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, word, zero_infinity)


def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool, full: bool, eps: float, reduction: int
) -> Tensor:
    """`nn.functional.poisson_nll_loss`; ``reduction`` 0, 1, 2 for none, mean, sum."""
    word = _chosen("poisson_nll_loss", "a reduction", _REDUCTIONS, reduction)
    return _poisson(input, target, log_input, full, eps=eps, reduction=word)


def triplet_margin_loss(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2,
                        eps: float = 1e-6, swap: bool = False, reduction: int = 1) -> Tensor:
    """`nn.functional.triplet_margin_loss`; ``reduction`` 0, 1, 2 for none, mean, sum."""
    word = _chosen("triplet_margin_loss", "a reduction", _REDUCTIONS, reduction)
    return _triplet(anchor, positive, negative, margin, p, eps, swap, reduction=word)


def kl_div(input: Tensor, target: Tensor, reduction: int = 1, *, log_target: bool = False) -> Tensor:
    """`nn.functional.kl_div`; ``reduction`` 0, 1, 2 for none, mean, sum."""
    word = _chosen("kl_div", "a reduction", _REDUCTIONS, reduction)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that "batchmean" would be the divergence, which has no number here
        return losses.kl_div(input, target, reduction=word, log_target=log_target)


def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, reduction: int = 1) -> Tensor:
    """`nn.functional.hinge_embedding_loss`; ``reduction`` 0, 1, 2 for none, mean, sum."""
    word = _chosen("hinge_embedding_loss", "a reduction", _REDUCTIONS, reduction)
    return margins.hinge_embedding_loss(input, target, margin, reduction=word)


def margin_ranking_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1
                        ) -> Tensor:
    """`nn.functional.margin_ranking_loss`; ``reduction`` 0, 1, 2 for none, mean, sum."""
    word = _chosen("margin_ranking_loss", "a reduction", _REDUCTIONS, reduction)
    return margins.margin_ranking_loss(input1, input2, target, margin, reduction=word)


def cosine_embedding_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1
                          ) -> Tensor:
    """`nn.functional.cosine_embedding_loss`; ``reduction`` 0, 1, 2 for none, mean, sum."""
    word = _chosen("cosine_embedding_loss", "a reduction", _REDUCTIONS, reduction)
    return margins.cosine_embedding_loss(input1, input2, target, margin, reduction=word)


def binary_cross_entropy_with_logits(input: Tensor, target: Tensor, weight: Tensor | None = None,
                                     pos_weight: Tensor | None = None, reduction: int = 1) -> Tensor:
    """`nn.functional.binary_cross_entropy_with_logits`; ``reduction`` 0, 1, 2 for none, mean, sum."""
    word = _chosen("binary_cross_entropy_with_logits", "a reduction", _REDUCTIONS, reduction)
    return losses.binary_cross_entropy_with_logits(input, target, weight, reduction=word, pos_weight=pos_weight)


def feature_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`dropout` of whole channels of ``(N, C, ...)``."""
    return drop_channels(input, p, train, inplace=False)


# --- into the input ---------------------------------------------------------------------------------------------------


def dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.dropout`, written into ``input``."""
    return dropout(input, p, train, inplace=True)


def alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.alpha_dropout`, written into ``input``."""
    return alpha_dropout(input, p, train, inplace=True)


def feature_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`dropout_` of whole channels."""
    return drop_channels(input, p, train, inplace=True)


def feature_alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.feature_alpha_dropout`, written into ``input``."""
    return feature_alpha_dropout(input, p, train, inplace=True)


def embedding_renorm_(input: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """``input`` with the rows that ``indices`` names scaled down to norm ``max_norm``, in place."""
    limit_norms(input, indices, max_norm, norm_type)
    return input
