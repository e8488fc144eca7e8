"""Further functions that PyTorch has at the top level with arguments of their own: recurrent layers as functions of
their weights, sampling by numbers for words, forms that write into their input."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

from ...ops import cat, stack
from ...ops.registry import with_out
from ...tensors.alias import own
from ...tensors.overrides import asking
from ...tensors.tensor import Tensor
from . import losses, margins
from .affine import limit_norms
from .alignment import ctc_loss as _ctc_loss
from .convolution import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d
from .dropouts import alpha_dropout, drop_channels, dropout, feature_alpha_dropout
from .margins import poisson_nll_loss as _poisson
from .margins import triplet_margin_loss as _triplet
from .normalization import batch_norm, group_norm, layer_norm
from .recurrent import one_step, recurrence
from .sampling import GRID_SAMPLE_INTERPOLATION_MODES, GRID_SAMPLE_PADDING_MODES, affine_grid, grid_sample

_REDUCTIONS = ("none", "mean", "sum")


def _chosen(op: str, what: str, choices: Iterable[Any], number: Any) -> Any:
    """The choice of that number. Raises ValueError where there is none."""
    known = tuple(choices)
    if not isinstance(number, int):
        raise TypeError(f"{op}(): argument must be int, not {type(number).__name__}: {what} by its number was expected")
    if type(number) is not int or not 0 <= number < len(known):
        raise ValueError(f"[{op}] {what} from 0 to {len(known) - 1} was expected; got {number!r}")
    return known[number]


# --- normalisation with its statistics --------------------------------------------------------------------------------


@asking
def native_layer_norm(input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None, bias: Tensor | None,
                      eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """`nn.functional.layer_norm`, the means, and the reciprocals of the standard deviations.

    >>> y, mean, rstd = torch.native_layer_norm(torch.tensor([[1.0, 3.0], [10.0, 30.0]]), (2,), None, None, 1e-5)
    >>> mean
    tensor([[ 2.],
            [20.]])
    """
    out = layer_norm(input, normalized_shape, weight, bias, eps)
    return out, *_statistics(input, tuple(range(-len(normalized_shape), 0)), True, eps)


@asking
def native_group_norm(input: Tensor, weight: Tensor | None, bias: Tensor | None, N: int, C: int, HxW: int, group: int,
                      eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """`nn.functional.group_norm` of ``(N, C, ...)`` with ``HxW`` places, and its statistics, ``(N, group)``.

    >>> x = torch.tensor([[[1.0], [3.0], [10.0], [30.0]]])
    >>> y, mean, rstd = torch.native_group_norm(x, None, None, 1, 4, 1, 2, 1e-5)
    >>> mean
    tensor([[ 2., 20.]])
    """
    out = group_norm(input, group, weight, bias, eps)
    return out, *_moments(input.reshape(N, group, C // group * HxW), (2,), False, eps)


@asking
@with_out
def native_batch_norm(input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None,
                      running_var: Tensor | None, training: bool, momentum: float, eps: float
                      ) -> tuple[Tensor, Tensor, Tensor]:
    """`nn.functional.batch_norm` and the statistics of the batch, which are of no elements in evaluation.

    >>> x = torch.tensor([[1.0, 10.0], [3.0, 30.0]])
    >>> y, mean, invstd = torch.native_batch_norm(x, None, None, None, None, True, 0.1, 1e-5)
    >>> mean
    tensor([ 2., 20.])
    """
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


@asking
def lstm(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor, Tensor]:
    """The layers of `nn.LSTM` as a function of their weights: the output, the last h and the last c.

    ``lstm(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)``, or of packed data
    ``lstm(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional)``; ``params`` holds
    w_ih, w_hh and, with biases, b_ih and b_hh of every layer and direction.

    >>> layer, x, state = nn.LSTM(3, 5), torch.ones(7, 2, 3), (torch.zeros(1, 2, 5), torch.zeros(1, 2, 5))
    >>> out, h, c = torch.lstm(x, state, list(layer.parameters()), True, 1, 0.0, False, False, False)
    >>> out.shape, h.shape, c.shape
    (torch.Size([7, 2, 5]), torch.Size([1, 2, 5]), torch.Size([1, 2, 5]))
    """
    out, (h, c) = _layers("LSTM", *args, **kwargs)
    return out, h, c


@asking
def gru(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """The layers of `nn.GRU`: the output and the last h. The arguments are those of `lstm`, with one state.

    >>> layer = nn.GRU(3, 5)
    >>> x, h = torch.ones(7, 2, 3), torch.zeros(1, 2, 5)
    >>> out, h = torch.gru(x, h, list(layer.parameters()), True, 1, 0.0, False, False, False)
    >>> out.shape, h.shape
    (torch.Size([7, 2, 5]), torch.Size([1, 2, 5]))
    """
    out, (h,) = _layers("GRU", *args, **kwargs)
    return out, h


@asking
def rnn_tanh(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """The layers of `nn.RNN`: the output and the last h. The arguments are those of `lstm`, with one state.

    >>> layer, x, h = nn.RNN(3, 5), torch.ones(7, 2, 3), torch.zeros(1, 2, 5)
    >>> out, h = torch.rnn_tanh(x, h, list(layer.parameters()), True, 1, 0.0, False, False, False)
    >>> out.shape, h.shape
    (torch.Size([7, 2, 5]), torch.Size([1, 2, 5]))
    """
    out, (h,) = _layers("RNN_TANH", *args, **kwargs)
    return out, h


@asking
def rnn_relu(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """`rnn_tanh` with max(x, 0) in the place of tanh.

    >>> layer = nn.RNN(3, 5, nonlinearity="relu")
    >>> x, h = torch.ones(7, 2, 3), torch.zeros(1, 2, 5)
    >>> out, h = torch.rnn_relu(x, h, list(layer.parameters()), True, 1, 0.0, False, False, False)
    >>> out.shape, h.shape
    (torch.Size([7, 2, 5]), torch.Size([1, 2, 5]))
    """
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
    return one_step(mode, input, states, weights)


@asking
def lstm_cell(
    input: Tensor, hx: Any, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> tuple[Tensor, ...]:
    """One step of an LSTM: from ``(N, in)`` and (h, c), each ``(N, H)``, to the next (h, c).

    >>> cell, x, h, c = nn.LSTMCell(3, 5), torch.ones(2, 3), torch.zeros(2, 5), torch.zeros(2, 5)
    >>> h, c = torch.lstm_cell(x, (h, c), cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh)
    >>> h.shape, c.shape
    (torch.Size([2, 5]), torch.Size([2, 5]))
    """
    return _cell("LSTM", input, tuple(hx), (w_ih, w_hh, b_ih, b_hh))


@asking
def gru_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """One step of a GRU: from ``(N, in)`` and h, ``(N, H)``, to the next h.

    >>> cell, x, h = nn.GRUCell(3, 5), torch.ones(2, 3), torch.zeros(2, 5)
    >>> weights = cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh
    >>> torch.equal(torch.gru_cell(x, h, *weights), cell(x, h))
    True
    """
    return _cell("GRU", input, (hx,), (w_ih, w_hh, b_ih, b_hh))[0]


@asking
def rnn_tanh_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """One step of an RNN: from ``(N, in)`` and h, ``(N, H)``, to the next h.

    >>> cell, x, h = nn.RNNCell(3, 5), torch.ones(2, 3), torch.zeros(2, 5)
    >>> weights = cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh
    >>> torch.equal(torch.rnn_tanh_cell(x, h, *weights), cell(x, h))
    True
    """
    return _cell("RNN_TANH", input, (hx,), (w_ih, w_hh, b_ih, b_hh))[0]


@asking
def rnn_relu_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """`rnn_tanh_cell` with max(x, 0) in the place of tanh.

    >>> cell, x, h = nn.RNNCell(3, 5, nonlinearity="relu"), torch.ones(2, 3), torch.zeros(2, 5)
    >>> weights = cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh
    >>> torch.equal(torch.rnn_relu_cell(x, h, *weights), cell(x, h))
    True
    """
    return _cell("RNN_RELU", input, (hx,), (w_ih, w_hh, b_ih, b_hh))[0]


# --- numbers for words ------------------------------------------------------------------------------------------------


@asking
def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`nn.functional.grid_sample`; the modes are numbers in the order of that function's words.

    >>> image, corners = torch.tensor([[[[1.0, 2.0]]]]), torch.tensor([[[[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]]])
    >>> torch.grid_sampler(image, corners, 0, 0, True)
    tensor([[[[1.0000, 1.5000, 2.0000]]]])
    """
    mode = _chosen("grid_sampler", "an interpolation_mode", GRID_SAMPLE_INTERPOLATION_MODES, interpolation_mode)
    padding = _chosen("grid_sampler", "a padding_mode", GRID_SAMPLE_PADDING_MODES, padding_mode)
    return grid_sample(input, grid, mode, padding, align_corners)


@asking
def grid_sampler_2d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`grid_sampler` of images.

    >>> image, corners = torch.tensor([[[[1.0, 2.0]]]]), torch.tensor([[[[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]]])
    >>> torch.grid_sampler_2d(image, corners, 0, 0, True)
    tensor([[[[1.0000, 1.5000, 2.0000]]]])
    """
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


@asking
def grid_sampler_3d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`grid_sampler` of volumes.

    >>> volume, middle = torch.arange(8.0).reshape(1, 1, 2, 2, 2), torch.zeros(1, 1, 1, 1, 3)
    >>> torch.grid_sampler_3d(volume, middle, 0, 0, True).item()
    3.5
    """
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


@asking
def affine_grid_generator(theta: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    """`nn.functional.affine_grid`.

    >>> identity = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> torch.affine_grid_generator(identity, (1, 1, 2, 2), True)[0, 0]
    tensor([[-1., -1.],
            [ 1., -1.]])
    """
    return affine_grid(theta, size, align_corners)


@asking
def convolution(input: Tensor, weight: Tensor, bias: Tensor | None, stride: Sequence[int], padding: Sequence[int],
                dilation: Sequence[int], transposed: bool, output_padding: Sequence[int], groups: int) -> Tensor:
    """The convolution, or transposed convolution, of as many dimensions as ``weight`` has beyond two.

    >>> x, w = torch.tensor([[[1.0, 2.0, 4.0, 7.0]]]), torch.tensor([[[-1.0, 1.0]]])
    >>> torch.convolution(x, w, None, [1], [0], [1], False, [0], 1)
    tensor([[[1., 2., 3.]]])
    """
    forms = (conv_transpose1d, conv_transpose2d, conv_transpose3d) if transposed else (conv1d, conv2d, conv3d)
    form = _chosen("convolution", "a weight of three dimensions more than a number", forms, weight.dim() - 3)
    if transposed:
        return form(input, weight, bias, stride, padding, output_padding, groups, dilation)
    return form(input, weight, bias, stride, padding, dilation, groups)


@asking
def ctc_loss(log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0,
             reduction: int = 0, zero_infinity: bool = False) -> Tensor:
    """`nn.functional.ctc_loss`; ``reduction`` 0, 1, 2 for none, mean, sum.

    >>> steps = torch.zeros(4, 1, 3).log_softmax(2)
    >>> torch.ctc_loss(steps, torch.tensor([[1, 2]]), torch.tensor([4]), torch.tensor([2]), reduction=2)
    tensor(1.6864)
    """
    word = _chosen("ctc_loss", "a reduction", _REDUCTIONS, reduction)
    return _ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, word, zero_infinity)


@asking
def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool, full: bool, eps: float, reduction: int
) -> Tensor:
    """`nn.functional.poisson_nll_loss`; ``reduction`` 0, 1, 2 for none, mean, sum.

    >>> torch.poisson_nll_loss(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 1.0]), True, False, 1e-8, 0)
    tensor([1.0000, 1.7183])
    """
    word = _chosen("poisson_nll_loss", "a reduction", _REDUCTIONS, reduction)
    return _poisson(input, target, log_input, full, eps=eps, reduction=word)


@asking
def triplet_margin_loss(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2,
                        eps: float = 1e-6, swap: bool = False, reduction: int = 0) -> Tensor:
    """`nn.functional.triplet_margin_loss`; ``reduction`` 0, 1, 2 for none, mean, sum.

    >>> anchor, near, far = torch.tensor([[0.0]]), torch.tensor([[1.0]]), torch.tensor([[1.5]])
    >>> torch.triplet_margin_loss(anchor, near, far, reduction=1)
    tensor(0.5000)
    """
    word = _chosen("triplet_margin_loss", "a reduction", _REDUCTIONS, reduction)
    return _triplet(anchor, positive, negative, margin, p, eps, swap, reduction=word)


@asking
def kl_div(input: Tensor, target: Tensor, reduction: int = 0, *, log_target: bool = False) -> Tensor:
    """`nn.functional.kl_div`; ``reduction`` 0, 1, 2 for none, mean, sum.

    >>> p, q = torch.tensor([0.5, 0.5]), torch.tensor([0.9, 0.1])
    >>> torch.kl_div(q.log(), p, reduction=2)
    tensor(0.5108)
    """
    word = _chosen("kl_div", "a reduction", _REDUCTIONS, reduction)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that "batchmean" would be the divergence, which has no number here
        return losses.kl_div(input, target, reduction=word, log_target=log_target)


@asking
def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, reduction: int = 0) -> Tensor:
    """`nn.functional.hinge_embedding_loss`; ``reduction`` 0, 1, 2 for none, mean, sum.

    >>> torch.hinge_embedding_loss(torch.tensor([0.3, 0.3]), torch.tensor([1, -1]), reduction=0)
    tensor([0.3000, 0.7000])
    """
    word = _chosen("hinge_embedding_loss", "a reduction", _REDUCTIONS, reduction)
    return margins.hinge_embedding_loss(input, target, margin, reduction=word)


@asking
def margin_ranking_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 0
                        ) -> Tensor:
    """`nn.functional.margin_ranking_loss`; ``reduction`` 0, 1, 2 for none, mean, sum.

    >>> torch.margin_ranking_loss(torch.tensor([2.0, 1.0]), torch.tensor([1.0, 2.0]), torch.ones(2), reduction=0)
    tensor([0., 1.])
    """
    word = _chosen("margin_ranking_loss", "a reduction", _REDUCTIONS, reduction)
    return margins.ranking_loss(input1, input2, target, margin, word)


@asking
def cosine_embedding_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 0
                          ) -> Tensor:
    """`nn.functional.cosine_embedding_loss`; ``reduction`` 0, 1, 2 for none, mean, sum.

    >>> a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]])
    >>> torch.cosine_embedding_loss(a, b, torch.tensor([1]), reduction=1)
    tensor(0.2929)
    """
    word = _chosen("cosine_embedding_loss", "a reduction", _REDUCTIONS, reduction)
    return margins.cosine_embedding_loss(input1, input2, target, margin, reduction=word)


@asking
def binary_cross_entropy_with_logits(input: Tensor, target: Tensor, weight: Tensor | None = None,
                                     pos_weight: Tensor | None = None, reduction: int = 0) -> Tensor:
    """`nn.functional.binary_cross_entropy_with_logits`; ``reduction`` 0, 1, 2 for none, mean, sum.

    >>> torch.binary_cross_entropy_with_logits(torch.tensor([0.0, 5.0]), torch.tensor([1.0, 1.0]), reduction=0)
    tensor([0.6931, 0.0067])
    """
    word = _chosen("binary_cross_entropy_with_logits", "a reduction", _REDUCTIONS, reduction)
    return losses.binary_cross_entropy_with_logits(input, target, weight, reduction=word, pos_weight=pos_weight)


@asking
def feature_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`dropout` of whole channels of ``(N, C, ...)``.

    >>> _ = torch.manual_seed(0)
    >>> torch.feature_dropout(torch.ones(1, 4, 2), 0.5, True)[0]
    tensor([[0., 0.],
            [0., 0.],
            [2., 2.],
            [0., 0.]])
    """
    return drop_channels(input, p, train, inplace=False)


# --- into the input ---------------------------------------------------------------------------------------------------


@asking
def dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.dropout`, written into ``input``.

    >>> _ = torch.manual_seed(0)
    >>> torch.dropout_(torch.ones(6), 0.5, train=True)
    tensor([0., 0., 2., 0., 0., 0.])
    """
    return dropout(input, p, train, inplace=True)


@asking
def alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.alpha_dropout`, written into ``input``.

    >>> _ = torch.manual_seed(0)
    >>> torch.alpha_dropout_(torch.ones(4), 0.5, True)
    tensor([-0.7792, -0.7792,  1.6656, -0.7792])
    """
    return alpha_dropout(input, p, train, inplace=True)


@asking
def feature_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`dropout_` of whole channels.

    >>> _ = torch.manual_seed(0)
    >>> torch.feature_dropout_(torch.ones(1, 4, 2), 0.5, True)[0]
    tensor([[0., 0.],
            [0., 0.],
            [2., 2.],
            [0., 0.]])
    """
    return drop_channels(input, p, train, inplace=True)


@asking
def feature_alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.feature_alpha_dropout`, written into ``input``.

    >>> _ = torch.manual_seed(0)
    >>> torch.feature_alpha_dropout_(torch.ones(1, 3, 2), 0.5, True)[0]
    tensor([[-0.7792, -0.7792],
            [-0.7792, -0.7792],
            [ 1.6656,  1.6656]])
    """
    return feature_alpha_dropout(input, p, train, inplace=True)


@asking
def embedding_renorm_(input: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """``input`` with the rows that ``indices`` names scaled down to norm ``max_norm``, in place.

    >>> vectors = torch.tensor([[3.0, 4.0], [0.3, 0.4]])
    >>> torch.embedding_renorm_(vectors, torch.tensor([0]), 1.0, 2.0)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])
    """
    limit_norms(input, indices, max_norm, norm_type)
    return input
