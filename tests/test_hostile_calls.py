"""Calls with sizes, strides, indices and lengths that make no sense: an error of PyTorch's class, at once, and nothing
outside the arrays is read or written."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import pytest

import wengert as torch
from wengert import nn
from wengert.core.errors import OutOfMemoryError, ShapeError
from wengert.nn.utils.rnn import PackedSequence
from wengert.prims import polynomials
from wengert.vision import transforms

F = torch.nn.functional
HUGE = 2**40
X = torch.ones(1, 2, 9, 8)
BAG = torch.zeros(7, dtype=torch.int64)

NO_WINDOW: dict[str, Callable[[], Any]] = {
    "a kernel of size 0": lambda: F.conv2d(X, torch.ones(3, 2, 0, 0)),
    "a transposed kernel of size 0": lambda: F.conv_transpose2d(X, torch.ones(2, 2, 0, 0)),
    "unfold backwards": lambda: F.unfold(X, 2, dilation=-1),
    "unfold of nothing": lambda: F.unfold(X, 0),
    "unfold without a step": lambda: F.unfold(X, 2, stride=0),
    "unfold with negative padding": lambda: F.unfold(X, 2, padding=-1),
    "fold of nothing": lambda: F.fold(torch.ones(2, 4, 4), (4, 5), 0),
    "fold without a step": lambda: F.fold(torch.ones(1, 4, 4), (3, 3), 2, stride=0),
    "a pool of nothing": lambda: F.max_pool2d(X, 0),
    "a pool without a step": lambda: F.avg_pool2d(X, 3, 0),
    "a dilation beyond counting": lambda: F.conv2d(X, torch.ones(3, 2, 3, 3), dilation=2**64),
    "windows further apart than can be counted": lambda: F.conv_transpose2d(X, torch.ones(2, 2, 3, 3), stride=HUGE),
    "a negative size": lambda: F.interpolate(X, size=-1),
    "no size": lambda: F.interpolate(X, size=0),
    "a negative scale": lambda: F.interpolate(X, scale_factor=-1.0),
    "a scale of nothing": lambda: F.interpolate(X, scale_factor=0),
    "an infinite scale": lambda: F.interpolate(X, scale_factor=math.inf),
    "negative adaptive windows": lambda: F.adaptive_avg_pool1d(X[0], -1),
    "negative adaptive maxima": lambda: F.adaptive_max_pool2d(X, -3),
    "pixels dealt to none": lambda: F.pixel_shuffle(X, 0),
    "pixels gathered from none": lambda: F.pixel_unshuffle(X, 0),
    "pixels without channels": lambda: F.pixel_shuffle(X[0, 0], 1),
    "channels of no group": lambda: F.channel_shuffle(X, 0),
    "a transform of -1 numbers": lambda: torch.fft.fft(torch.ones(4), -1),
    "a real transform of no number": lambda: torch.fft.irfft(torch.ones(4), 0),
    "a class that there is not": lambda: F.multilabel_margin_loss(torch.ones(2, 3), torch.full((2, 3), 7)),
    "a negative class": lambda: F.multilabel_margin_loss(torch.ones(2, 3), torch.full((2, 3), -7)),
}


@pytest.mark.parametrize("case", NO_WINDOW)
def test_windows_and_sizes_that_there_are_not_raise(case: str) -> None:
    with pytest.raises(RuntimeError, match=r"^\["):
        NO_WINDOW[case]()


TOO_LARGE: dict[str, Callable[[], Any]] = {
    "padding": lambda: F.conv2d(X, torch.ones(3, 2, 3, 3), padding=HUGE),
    "padding of a line": lambda: F.conv1d(X[0], torch.ones(3, 9, 3), padding=HUGE),
    "padding and stride": lambda: F.conv2d(X, torch.ones(3, 2, 3, 3), padding=HUGE, stride=HUGE),
    "stride of a transposed line": lambda: F.conv_transpose1d(X[0, :, :, :5], torch.ones(9, 2, 3), stride=HUGE),
    "pooling": lambda: F.max_pool2d(X, HUGE, padding=HUGE // 2),
    "adaptive means": lambda: F.adaptive_avg_pool1d(X[0], HUGE),
    "adaptive maxima": lambda: F.adaptive_max_pool1d(X[0], HUGE),
    "nearest": lambda: F.interpolate(X[0], size=2**50),
    "bilinear": lambda: F.interpolate(X, size=HUGE, mode="bilinear"),
    **{f"{name} of {size}": (lambda name=name, size=size: getattr(torch, name)(*size))
       for name in ("zeros", "ones", "empty", "rand", "randn")
       for size in ((2**62,), (2**50,), (HUGE, HUGE))},
    "arange": lambda: torch.arange(2**50),
    "eye": lambda: torch.eye(HUGE),
    "linspace": lambda: torch.linspace(0, 1, 2**50),
    "full": lambda: torch.full((2**50,), 1.0),
    "full beyond counting": lambda: torch.full((HUGE, HUGE), 1.0),
    "randperm": lambda: torch.randperm(2**50),
    "randint": lambda: torch.randint(0, 3, (2**50,)),
    "hann_window": lambda: torch.hann_window(2**50),
    "empty_strided": lambda: torch.empty_strided((HUGE, HUGE), (1, 1)),
    "repeat": lambda: X.repeat(2**50, 1, 1, 1),
    "new_ones": lambda: X.new_ones(2**50),
    "resize_": lambda: torch.ones(3).resize_(2**50),
    "zero padding": lambda: F.pad(X, (HUGE, HUGE, 0, 0)),
    "bincount": lambda: torch.bincount(torch.tensor([2**50])),
    "one_hot": lambda: F.one_hot(torch.tensor([2**50])),
    "a layer": lambda: nn.Linear(2**31, 2**31),
    "draws from a distribution": lambda: torch.distributions.Normal(torch.ones(3), torch.ones(3)).sample((2**50,)),
    "chunks of nothing": lambda: torch.zeros(0).chunk(2**50),
    "parts of nothing": lambda: torch.zeros(0).tensor_split(2**50),
    "the views of a tensor without end": lambda: torch.ones(1).expand(HUGE).unbind(),
    "the rows of a tensor without end": lambda: list(torch.ones(1).expand(HUGE)),
    "the numbers of a tensor without end": lambda: torch.ones(1).expand(HUGE).tolist(),
    "parts of one of a tensor without end": lambda: torch.ones(1).expand(HUGE).split(1),
    "resize_ beside a dimension of size 0": lambda: torch.ones(3).resize_(0, 2**62),
}


@pytest.mark.parametrize("case", TOO_LARGE)
def test_what_is_too_large_raises_at_once(case: str) -> None:
    with pytest.raises((OutOfMemoryError, ShapeError), match=r"^\[|Storage size"):
        TOO_LARGE[case]()


ENCODER = nn.TransformerEncoderLayer(4, 2, 8)
STEP_BY_STEP: dict[str, Callable[[int], Any]] = {
    "layers of an RNN": lambda n: nn.RNN(5, 8, num_layers=n),
    "layers of an LSTM": lambda n: nn.LSTM(5, 8, num_layers=n),
    "layers of a GRU": lambda n: nn.GRU(5, 8, num_layers=n, bidirectional=True),
    "layers of an encoder": lambda n: nn.TransformerEncoder(ENCODER, n, enable_nested_tensor=False),
    "layers of a decoder": lambda n: nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 8), n),
    "encoders of a Transformer": lambda n: nn.Transformer(4, 2, n, 1, 8),
    "decoders of a Transformer": lambda n: nn.Transformer(4, 2, 1, n, 8),
    "workers": lambda n: torch.utils.data.DataLoader([1, 2], num_workers=n),
    "power iterations": lambda n: nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3), n_power_iterations=n),
    "power iterations of the old form": lambda n: nn.utils.spectral_norm(nn.Linear(3, 3), n_power_iterations=n),
    "changes of a picture": lambda n: transforms.RandAugment(num_ops=n),
    "steps of an iteration": lambda n: stepped_by_muon(n),
    "a degree of Laguerre's": lambda n: torch.special.laguerre_polynomial_l(torch.ones(3), n),
    "a degree of Legendre's": lambda n: torch.special.legendre_polynomial_p(torch.full((3,), 0.5), n),
}


def stepped_by_muon(steps: int) -> None:
    weight = torch.ones(3, 3, requires_grad=True)
    weight.sum().backward()
    torch.optim.Muon([weight], ns_steps=steps).step()


@pytest.mark.parametrize("count", [2**15 + 1, 2**31, 2**62])
@pytest.mark.parametrize("case", STEP_BY_STEP)
def test_what_is_done_one_by_one_has_an_end(case: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers that Python counts up to: refused at once where they would take hours."""
    monkeypatch.setattr(polynomials, "STEPS", 2**10)
    monkeypatch.setattr(polynomials, "_MOST_STEPS", 2**14)
    begin = time.process_time()
    with pytest.raises(ValueError, match="at most|less than 100"):
        STEP_BY_STEP[case](count)
    assert time.process_time() - begin < 10


@pytest.mark.parametrize("name", [name for name in dir(torch.special) if "_polynomial_" in name])
@pytest.mark.parametrize("degree", [2**18, 2**40, -(2**40)])
def test_polynomials_of_any_degree_end(name: str, degree: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polynomials, "STEPS", 2**10)
    monkeypatch.setattr(polynomials, "_MOST_STEPS", 2**14)
    x = torch.tensor([-2.0, -1.0, 0.0, 0.5, 1.0, 1 + 1e-15, 3.0, math.nan], dtype=torch.float64)
    try:
        result = getattr(torch.special, name)(x, degree)
    except ValueError as error:
        assert name.startswith(("laguerre", "legendre"))
        assert f"[{name}] degrees of at most" in str(error)
    else:
        assert degree > 0 or (result == 0).all()


def test_chebyshevs_polynomials_beyond_all_steps_are_those_of_the_recurrence(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.tensor([-3.0, -1.5, -1.0001, -1.0, -0.3, 0.0, 0.7, 1.0, 1.00001, 1.5, 3.0], dtype=torch.float64)
    names = [name for name in dir(torch.special) if "chebyshev" in name]
    by_steps = {(name, n): getattr(torch.special, name)(x, n) for name in names for n in (11, 12, 20, 31)}
    monkeypatch.setattr(polynomials, "STEPS", 10)
    for (name, n), expected in by_steps.items():
        assert torch.allclose(getattr(torch.special, name)(x, n), expected, rtol=1e-8), (name, n)


def test_batches_ahead_are_asked_for_until_there_are_none() -> None:
    loader = torch.utils.data.DataLoader([1, 2, 3], num_workers=1, prefetch_factor=2**62)
    assert [int(batch) for batch in loader] == [1, 2, 3]


@pytest.mark.filterwarnings("ignore:mean is more than 2 std")
def test_a_distribution_whose_bounds_lie_far_off_is_no_hang() -> None:
    for mean in (2.0**64, 1e6, math.nan):
        with pytest.raises(ValueError, match="bounds that normal numbers reach"):
            nn.init.trunc_normal_(torch.ones(3, 4), mean, 1.0, -2.0, 2.0)
    drawn = nn.init.trunc_normal_(torch.ones(300), 5.0, 1.0, -2.0, 2.0)
    assert bool(((drawn >= -2) & (drawn <= 2)).all())


def test_no_memory_is_a_runtime_error_as_in_pytorch_and_a_memory_error() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.zeros(2**50)
    assert isinstance(caught.value, MemoryError)
    assert torch.OutOfMemoryError is torch.cuda.OutOfMemoryError is OutOfMemoryError


def test_a_stride_beyond_the_input_takes_the_first_window() -> None:
    weight = torch.ones(3, 2, 3, 3)
    for stride in (50, 2**31, HUGE, 2**62):
        x = torch.ones(64, 2, 32, 32, requires_grad=True)
        out = F.conv2d(x, weight.requires_grad_(), stride=stride)
        assert out.shape == (64, 3, 1, 1)
        assert bool((out == 18).all())
        (grad,) = torch.autograd.grad(out.sum(), x)
        assert float(grad.sum()) == 64 * 2 * 9 * 3
    assert F.conv_transpose2d(torch.ones(1, 2, 1, 1), torch.ones(2, 2, 3, 3), stride=HUGE).shape == (1, 2, 3, 3)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("width", [4, 256])
@pytest.mark.parametrize("sizes", [[4, 3, 9], [2, 3, 4], [4, 3], [-1, 10], [0], [9000], [5, 5], [4, 6, -1], []])
def test_batch_sizes_that_do_not_fit_their_data_raise(kind: Any, width: int, sizes: list[int]) -> None:
    packed = PackedSequence(torch.ones(9, 5), torch.tensor(sizes, dtype=torch.int64))
    for both in (False, True):
        with pytest.raises(RuntimeError, match=r"^\["):
            kind(5, width, bidirectional=both)(packed)


def test_packed_sequences_that_do_not_fit_are_not_padded() -> None:
    for sizes in ([2**31, 3, 2], [4, 3], [2, 3, 4], []):
        with pytest.raises(RuntimeError, match=r"^\["):
            nn.utils.rnn.pad_packed_sequence(PackedSequence(torch.ones(9, 5), torch.tensor(sizes, dtype=torch.int64)))
    with pytest.raises(RuntimeError, match=r"^\["):
        nn.utils.rnn.pad_packed_sequence(PackedSequence(torch.ones(9, 5), torch.tensor([4, 3, 2])), total_length=HUGE)


def scheduled(kind: str, *arguments: Any, **options: Any) -> None:
    optimizer = torch.optim.SGD([torch.ones(2, requires_grad=True)], lr=0.5, momentum=0.5)
    scheduler = getattr(torch.optim.lr_scheduler, kind)(optimizer, *arguments, **options)
    for _ in range(5):
        optimizer.step()
        scheduler.step()


INSIDE: dict[str, Callable[[], Any]] = {
    "a dimension that a shape lacks": lambda: F.glu(torch.ones(4), dim=3),
    "shapes that numpy cannot broadcast": lambda: torch.masked_select(X, torch.ones(3, 3, dtype=torch.bool)),
    "a matrix of no dimension": lambda: torch.lu_unpack(torch.ones(3), torch.ones(3)),
    "a norm of order 0": lambda: F.lp_pool2d(X, 0, 2),
    "frequencies of -1 numbers": lambda: torch.fft.fftfreq(-1),
    "a window of a word": lambda: nn.ConstantPad1d("x", 0.5)(X),
    "a ratio without end": lambda: F.fractional_max_pool2d(X, 2, output_ratio=math.inf),
    "a kernel below 0": lambda: F.fractional_max_pool2d(X, -5, output_size=3),
    "the size of no dimension": lambda: torch.tensor(1.0).size(0),
    "the stride of no dimension": lambda: torch.tensor(1.0).stride(0),
    "widths of words": lambda: F.pad(X, (1, "x")),
    "probabilities of too many dimensions": lambda: F.ctc_loss(torch.ones(2, 3, 1, 4), torch.ones(2, 2), [2], [1]),
    "a permutation beyond counting": lambda: torch.randperm(2**63 - 1),
    "channels in no group": lambda: F.group_norm(X, 0),
    "a layer of no group": lambda: nn.GroupNorm(0, 4),
    "a bag beyond the numbers": lambda: F.embedding_bag(BAG, torch.ones(5, 6), torch.tensor([0, 2**62])),
    "bags that go back": lambda: F.embedding_bag(BAG, torch.ones(5, 6), torch.tensor([0, 5, 3])),
    "a bag before the numbers": lambda: F.embedding_bag(BAG, torch.ones(5, 6), torch.tensor([0, -2**63])),
    "a reduction that there is not": lambda: torch.poisson_nll_loss(X, X, True, False, 1e-8, 7),
    "a reduction below 0": lambda: torch.triplet_margin_loss(X, X, X, reduction=-1),
    "a mode that there is not": lambda: torch.grid_sampler(X, torch.ones(1, 2, 2, 2), 17, 0, True),
    "a convolution of no rank": lambda: torch.convolution(X, X[0, 0], None, 1, 0, 1, False, 0, 1),
    "no layer": lambda: torch.lstm(X[0], (X[0], X[0]), [X], True, 0, 0.0, False, False, False),
    "fewer targets than lengths": lambda: F.ctc_loss(X[0, 0].view(9, 2, 4), torch.ones(0, 4), [9, 9], [4, 2]),
    "a size of bytes": lambda: F.fold(torch.ones(2, 12, 12), (17, b"x"), 2),
    "a stride of a fraction": lambda: F.max_pool2d(X, 2.5),
    "a share beyond all": lambda: nn.init.sparse_(torch.ones(3, 4), 1e308),
    "a factor that cannot be taken back": lambda: scheduled("ConstantLR", factor=0.0, total_iters=1),
    "rates beyond counting": lambda: scheduled("PolynomialLR", total_iters=2, power=-1.0),
    "a cycle of no step": lambda: scheduled("CyclicLR", 0.1, 0.9, step_size_up=2, step_size_down=-2),
    "a rate divided by nothing": lambda: scheduled("OneCycleLR", 0.9, total_steps=9, div_factor=0.0),
    "draws from no rows": lambda: list(torch.utils.data.RandomSampler([], num_samples=3)),
    "rows for too many": lambda: list(torch.utils.data.DistributedSampler(range(5), 2**50, 0)),
    "an element that a storage lacks": lambda: torch.ones(5).storage()[7],
    "a picture without a row": lambda: transforms.functional.resize(torch.ones(3, 0, 4), 4),
    "an angle without end": lambda: transforms.functional.rotate(X[0], math.inf),
    "a cut of a negative size": lambda: transforms.RandomResizedCrop(4, (-5.0, 1.0))(X[0]),
    "a sample of a half": lambda: torch.distributions.Categorical(torch.ones(3)).sample((2, 1.5)),
    "samples of a half": lambda: torch.multinomial(torch.ones(3), 1.5, True),
    "a deviation of nothing": lambda: nn.init.trunc_normal_(torch.ones(3), std=0),
    "corners that are no numbers": lambda: transforms.functional.perspective(
        X[0], [[0, 0], [7, 0], [7, 8], [0, 8]], [[1, 0], [7, (1, 2)], [6, 8], [0, 7]]),
    "a perspective without end": lambda: transforms.RandomPerspective(-math.inf, 1.0)(X[0]),
    "a blur without end": lambda: transforms.ElasticTransform(5.0, math.inf)(X[0]),
    "a scale of bytes": lambda: F.interpolate(X, scale_factor=b"x"),
    "a scale of a word": lambda: nn.Upsample(scale_factor="x"),
    "a deviation of a word": lambda: torch.ones(3).normal_(0, "x"),
    "a median of bytes": lambda: torch.ones(3).cauchy_(b"x", 0),
    "bounds of a word": lambda: torch.ones(3).random_("x"),
    "a mean that is none": lambda: torch.normal(..., 1.0, (3,)),
    "a window whose share is a word": lambda: torch.hamming_window(8, alpha="x"),
    "the gamma function of many dimensions": lambda: torch.mvlgamma(torch.ones(6), 2**31 * 1000),
}


@pytest.mark.parametrize("case", INSIDE)
def test_errors_from_inside_are_worded(case: str) -> None:
    kinds = (RuntimeError, IndexError, TypeError, ValueError, ZeroDivisionError)
    with pytest.raises(kinds, match=r"^\[|\(\): argument"):
        INSIDE[case]()


def test_a_concentration_of_nothing_is_no_hang() -> None:
    """Nothing would ever be accepted: what is drawn is NaN."""
    drawn = torch.distributions.VonMises(0.5, torch.tensor([0.0, 1.0]), validate_args=False).sample((4,))
    assert drawn[:, 0].isnan().all() and not drawn[:, 1].isnan().any()


def test_what_was_refused_leaves_the_generator_as_it_was() -> None:
    """A count of one and a half once moved the generator between two of its words."""
    torch.manual_seed(0)
    before = torch.get_rng_state()
    for shape in ((2, 1.5), (1.5,), ((2, 2),)):
        with pytest.raises(TypeError):
            torch.distributions.Categorical(torch.ones(3)).sample(shape)
    assert torch.equal(torch.get_rng_state(), before)


def test_errors_of_code_that_was_called_pass_through() -> None:
    class Strange:
        def __index__(self) -> int:
            raise ZeroDivisionError("the program's own")

    with pytest.raises(ZeroDivisionError, match="the program's own"):
        torch.zeros(Strange())


def test_states_and_weights_of_cells_that_do_not_fit_raise() -> None:
    for width in (4, 256):
        weights = torch.ones(4 * width, 5), torch.ones(4 * width, width)
        for h, c in ((2, 3), (3, 2), (1, 1)):
            with pytest.raises(RuntimeError, match=r"^\["):
                torch.lstm_cell(torch.ones(3, 5), (torch.ones(h, width), torch.ones(c, width)), *weights)
        with pytest.raises(RuntimeError, match=r"^\["):
            torch.lstm_cell(torch.ones(3, 5), (torch.ones(3, width), torch.ones(3, width)), weights[0],
                            torch.ones(4 * width, width - 1))


def test_polygamma_far_below_zero() -> None:
    x = torch.tensor([-1e12 - 0.5, -1e3 - 0.5, -3.25], dtype=torch.float64)
    reflected = 2 * math.pi**2 - float(torch.polygamma(1, torch.tensor(4.25, dtype=torch.float64)))
    expected = torch.tensor([math.pi**2, 9.868605400173442, reflected], dtype=torch.float64)
    assert torch.allclose(torch.polygamma(1, x), expected)
    assert not bool(torch.isfinite(torch.polygamma(2**31, x)).any())


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("width", [4, 256])
def test_states_of_another_dtype_raise(kind: Any, width: int) -> None:
    h = torch.zeros(1, 3, width)
    with pytest.raises(RuntimeError, match=r"^\["):
        kind(5, width).double()(torch.ones(9, 3, 5, dtype=torch.float64), (h, h) if kind is nn.LSTM else h)


@pytest.mark.parametrize("function", [
    lambda x: F.softmax(x, -1), lambda x: F.layer_norm(x, (400,)), lambda x: nn.LSTM(400, 64)(x[None])[0][0],
    lambda x: F.conv2d(x[None, None], torch.ones(8, 1, 3, 3)),
])
def test_hooks_of_nodes_that_change_the_shape_of_a_gradient_do_not_reach_kernels(function: Any) -> None:
    x = torch.ones(300, 400, requires_grad=True)
    out = function(x)
    out.grad_fn.register_prehook(lambda grads: tuple([None if g is None else g[..., :1] for g in grads]))
    with pytest.raises(RuntimeError):
        out.sum().backward()


def test_differences_of_any_order_and_gradients_of_layers_without_width() -> None:
    assert torch.diff(torch.ones(2, 3), n=2**62).shape == (2, 0)
    x = torch.ones(2, 3, 0, requires_grad=True)
    weight = torch.ones(4, 0, requires_grad=True)
    F.linear(x, weight).sum().backward()
    assert x.grad is not None and x.grad.shape == (2, 3, 0)
    assert weight.grad is not None and weight.grad.shape == (4, 0)
