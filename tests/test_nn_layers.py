"""Layers, activations, losses and initialisers, held against their formulas, without PyTorch at hand."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert
from wengert import Tensor, nn
from wengert.nn import functional as F
from wengert.nn import init

X = np.linspace(-6, 6, 25)


def sigma(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def phi(x: Any) -> Any:
    return np.array([0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x])


FORMULAS: list[tuple[nn.Module, Callable[[Any], Any]]] = [
    (nn.ReLU(), lambda x: np.maximum(x, 0)),
    (nn.LeakyReLU(0.2), lambda x: np.where(x > 0, x, 0.2 * x)),
    (nn.ELU(1.5), lambda x: np.where(x > 0, x, 1.5 * np.expm1(x))),
    (nn.SELU(), lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x))),
    (nn.CELU(2.0), lambda x: np.where(x > 0, x, 2 * np.expm1(x / 2))),
    (nn.GELU(), lambda x: x * phi(x)),
    (nn.GELU("tanh"), lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
    (nn.SiLU(), lambda x: x * sigma(x)),
    (nn.Mish(), lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    (nn.Softplus(2.0), lambda x: np.log1p(np.exp(2 * x)) / 2),
    (nn.Softsign(), lambda x: x / (1 + np.abs(x))),
    (nn.Sigmoid(), sigma),
    (nn.LogSigmoid(), lambda x: np.log(sigma(x))),
    (nn.Tanh(), np.tanh),
    (nn.Tanhshrink(), lambda x: x - np.tanh(x)),
    (nn.Hardtanh(-2, 3), lambda x: np.clip(x, -2, 3)),
    (nn.ReLU6(), lambda x: np.clip(x, 0, 6)),
    (nn.Hardsigmoid(), lambda x: np.clip(x + 3, 0, 6) / 6),
    (nn.Hardswish(), lambda x: x * np.clip(x + 3, 0, 6) / 6),
    (nn.Hardshrink(1.0), lambda x: np.where(np.abs(x) > 1, x, 0)),
    (nn.Softshrink(1.0), lambda x: np.sign(x) * np.maximum(np.abs(x) - 1, 0)),
    (nn.Threshold(0.5, 9.0), lambda x: np.where(x > 0.5, x, 9.0)),
    (nn.PReLU(init=0.1), lambda x: np.where(x > 0, x, np.float64(np.float32(0.1)) * x)),
    (nn.RReLU(0.1, 0.3).eval(), lambda x: np.where(x > 0, x, 0.2 * x)),
    (nn.Identity(), lambda x: x),
    (nn.Softmax(0), lambda x: np.exp(x) / np.exp(x).sum()),
    (nn.LogSoftmax(0), lambda x: x - np.log(np.exp(x).sum())),
    (nn.Softmin(0), lambda x: np.exp(-x) / np.exp(-x).sum()),
]


@pytest.mark.parametrize(
    "module, formula", FORMULAS, ids=lambda value: repr(value) if isinstance(value, nn.Module) else ""
)
def test_activations(module: nn.Module, formula: Callable[[Any], Any]) -> None:
    out = module.double()(wengert.tensor(X))
    np.testing.assert_allclose(out.detach().numpy(), formula(X), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("module", [m for m, _ in FORMULAS], ids=repr)
def test_activations_are_differentiated_rightly(module: nn.Module) -> None:
    points = wengert.tensor(X[::2] + 0.137, requires_grad=True)  # away from the kinks
    assert wengert.autograd.gradcheck(module.double(), (points,))


def test_activations_in_place() -> None:
    for module in (
        nn.ReLU(True),
        nn.ELU(inplace=True),
        nn.SELU(True),
        nn.LeakyReLU(inplace=True),
        nn.Hardtanh(inplace=True),
        nn.SiLU(True),
        nn.Threshold(0.0, 1.0, True),
        nn.ReLU6(True),
        nn.Hardswish(True),
        nn.Mish(True),
    ):
        x = wengert.tensor(X, requires_grad=True)
        y = x * 1
        kept = type(module).forward(module, y)
        assert kept is y
        kept.sum().backward()
        module.inplace = False
        other = wengert.tensor(X, requires_grad=True)
        module(other).sum().backward()
        assert wengert.equal(x.grad, other.grad)


def test_glu_and_softmax2d() -> None:
    x = wengert.tensor(X[:24].reshape(4, 6))
    a, b = x.numpy()[:, :3], x.numpy()[:, 3:]
    np.testing.assert_allclose(nn.GLU()(x).numpy(), a * sigma(b))
    image = wengert.rand(2, 3, 4, 5)
    assert wengert.allclose(nn.Softmax2d()(image).sum(1), wengert.ones(2, 4, 5))
    with pytest.raises(ValueError, match="expected input to be 3D or 4D, got 2D instead"):
        nn.Softmax2d()(x)
    with pytest.raises(RuntimeError, match="Halving dimension must be even, but dimension 1 is size 5"):
        F.glu(x[:, :5])


def test_a_missing_dimension_is_chosen_with_a_warning_at_the_callers_line() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nn.Softmax()(wengert.ones(2, 3))
        F.softmax(wengert.ones(2, 3))
    assert all("Implicit dimension choice for softmax" in str(entry.message) for entry in caught) and len(caught) == 2
    assert caught[0].filename == caught[1].filename == __file__


# --- layers -----------------------------------------------------------------------------------------------------------


def test_linear() -> None:
    layer = nn.Linear(3, 2)
    x = wengert.rand(4, 5, 3)
    np.testing.assert_allclose(
        layer(x).detach().numpy(), x.numpy() @ layer.weight.detach().numpy().T + layer.bias.detach().numpy(), rtol=1e-6
    )
    assert nn.Linear(3, 2, bias=False).bias is None
    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
        layer(wengert.rand(4, 2))
    assert wengert.autograd.gradcheck(
        F.linear,
        tuple(wengert.rand(*shape, dtype=wengert.float64, requires_grad=True) for shape in ((2, 3), (4, 3), (4,))),
    )


def test_linear_starts_as_in_pytorch() -> None:
    wengert.manual_seed(123)
    layer = nn.Linear(2, 1)
    assert layer.weight.tolist() == [[-0.2883412539958954, 0.0234226044267416]]
    assert layer.bias.tolist() == [-0.35119062662124634]


def test_bilinear() -> None:
    layer = nn.Bilinear(2, 3, 4).double()
    x, y = wengert.rand(5, 2).double(), wengert.rand(5, 3).double()
    expected = (
        np.einsum("ni,oij,nj->no", x.numpy(), layer.weight.detach().numpy(), y.numpy()) + layer.bias.detach().numpy()
    )
    np.testing.assert_allclose(layer(x, y).detach().numpy(), expected)
    with pytest.raises(RuntimeError, match="input2 size does not match weight size: got 2 but expected 3"):
        layer(x, x)


def test_flatten_and_unflatten() -> None:
    x = wengert.rand(2, 3, 4)
    assert nn.Flatten()(x).shape == (2, 12) and nn.Flatten(0, 1)(x).shape == (6, 4)
    assert wengert.equal(nn.Unflatten(1, (3, 4))(nn.Flatten()(x)), x)


def test_embedding() -> None:
    table = nn.Embedding(5, 3, padding_idx=1)
    assert table.weight[1].tolist() == [0, 0, 0]
    index = wengert.tensor([[0, 1], [4, 4]])
    out = table(index)
    assert out.shape == (2, 2, 3) and wengert.equal(out[1, 0], table.weight[4])
    out.sum().backward()
    assert table.weight.grad.sum(1).tolist() == [3, 0, 0, 0, 6]
    with pytest.raises(IndexError, match="index out of range in self"):
        table(wengert.tensor([5]))
    frozen = nn.Embedding.from_pretrained(wengert.ones(2, 3))
    assert not frozen.weight.requires_grad and frozen(wengert.tensor(1)).tolist() == [1, 1, 1]
    limited = nn.Embedding.from_pretrained(wengert.ones(2, 3) * 4, max_norm=1.0)
    assert limited(wengert.tensor([0])).norm().item() == pytest.approx(1, abs=1e-5)
    assert limited.weight[1].tolist() == [4, 4, 4]


def test_one_hot() -> None:
    assert F.one_hot(wengert.tensor([2, 0])).tolist() == [[0, 0, 1], [1, 0, 0]]
    with pytest.raises(RuntimeError, match="Class values must be smaller than num_classes."):
        F.one_hot(wengert.tensor([2]), 2)


@pytest.mark.parametrize("inplace", [False, True])
def test_dropout(inplace: bool) -> None:
    wengert.manual_seed(0)
    layer = nn.Dropout(0.25, inplace)
    x = wengert.ones(1000, requires_grad=True)
    out = layer(x * 1)
    kept = out.detach().numpy()
    assert set(np.unique(kept)) == {np.float32(0), np.float32(1) / np.float32(0.75)}
    assert 0.70 < (kept > 0).mean() < 0.80
    out.sum().backward()
    assert wengert.equal(x.grad, out.detach())
    assert layer.eval()(x) is x
    with pytest.raises(ValueError, match="dropout probability has to be between 0 and 1, but got 2"):
        nn.Dropout(2)


def test_dropout_of_channels() -> None:
    for layer, shape in (
        (nn.Dropout1d(), (8, 8, 4)),
        (nn.Dropout2d(), (8, 8, 2, 2)),
        (nn.Dropout3d(), (8, 8, 2, 2, 1)),
    ):
        out = layer(wengert.ones(*shape)).reshape(8, 8, -1)
        assert wengert.equal(out.amin(-1), out.amax(-1)) and 0 < (out > 0).sum() < out.numel()


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    wengert.manual_seed(0)
    out = nn.AlphaDropout(0.3)(wengert.randn(200_000))
    assert abs(out.mean().item()) < 0.02 and abs(out.var().item() - 1) < 0.03


# --- losses -----------------------------------------------------------------------------------------------------------


def pair() -> tuple[Tensor, Tensor]:
    random = np.random.RandomState(0)
    return wengert.tensor(random.standard_normal((3, 4)), requires_grad=True), wengert.tensor(
        random.standard_normal((3, 4))
    )


DIFFERENCES: list[tuple[nn.Module, Callable[[Any], Any]]] = [
    (nn.MSELoss(), lambda d: d**2),
    (nn.L1Loss(), np.abs),
    (nn.SmoothL1Loss(beta=0.5), lambda d: np.where(np.abs(d) < 0.5, d**2, np.abs(d) - 0.25)),
    (nn.HuberLoss(delta=0.5), lambda d: np.where(np.abs(d) < 0.5, d**2 / 2, 0.5 * (np.abs(d) - 0.25))),
]


@pytest.mark.parametrize(
    "loss, formula", DIFFERENCES, ids=lambda value: repr(value) if isinstance(value, nn.Module) else ""
)
def test_losses_of_differences(loss: Any, formula: Callable[[Any], Any]) -> None:
    x, y = pair()
    expected = formula(x.detach().numpy() - y.numpy())
    for reduction, value in (("mean", expected.mean()), ("sum", expected.sum()), ("none", expected)):
        loss.reduction = reduction
        np.testing.assert_allclose(loss(x, y).detach().numpy(), value)
        assert wengert.autograd.gradcheck(loss, (x, y.requires_grad_()))
        y = y.detach()


def test_losses_warn_of_shapes_that_meet_by_accident() -> None:
    for loss in (nn.MSELoss(), nn.L1Loss(), nn.SmoothL1Loss(), nn.HuberLoss()):
        with pytest.warns(
            UserWarning,
            match=r"Using a target size \(torch.Size\(\[3\]\)\) that is different to the input size "
            r"\(torch.Size\(\[3, 1\]\)\)",
        ):
            loss(wengert.ones(3, 1), wengert.ones(3))


def test_old_flags_warn() -> None:
    with pytest.warns(UserWarning, match="please use reduction='sum' instead"):
        assert nn.MSELoss(size_average=False).reduction == "sum"
    with pytest.raises(ValueError, match="median is not a valid value for reduction"):
        nn.MSELoss(reduction="median")(wengert.ones(1), wengert.ones(1))


def test_cross_entropy() -> None:
    x, _ = pair()
    target = wengert.tensor([1, 3, 0])
    log = x.detach().numpy() - np.log(np.exp(x.detach().numpy()).sum(1, keepdims=True))
    picked = -log[np.arange(3), target.numpy()]
    assert nn.CrossEntropyLoss()(x, target).item() == pytest.approx(picked.mean())
    assert nn.NLLLoss()(F.log_softmax(x, 1), target).item() == pytest.approx(picked.mean())
    weight = wengert.tensor([1.0, 2.0, 3.0, 4.0], dtype=wengert.float64)
    shares = weight.numpy()[target.numpy()]
    assert nn.CrossEntropyLoss(weight)(x, target).item() == pytest.approx((picked * shares).sum() / shares.sum())
    ignoring = nn.CrossEntropyLoss(ignore_index=3, reduction="none")(x, target).tolist()
    assert ignoring == pytest.approx([picked[0], 0, picked[2]])
    smooth = 0.9 * picked.mean() + 0.1 * -log.mean()
    assert nn.CrossEntropyLoss(label_smoothing=0.1)(x, target).item() == pytest.approx(smooth)
    assert F.cross_entropy(x, F.one_hot(target, 4).double()).item() == pytest.approx(picked.mean())
    assert math.isnan(F.cross_entropy(x, wengert.tensor([-100] * 3)).item())
    assert str(F.cross_entropy(x.float(), target)).endswith("grad_fn=<NllLossBackward0>)")


@pytest.mark.parametrize(
    "options", [{}, {"label_smoothing": 0.2}, {"ignore_index": 2}, {"reduction": "sum"}, {"reduction": "none"}]
)
def test_cross_entropy_is_differentiated_rightly(options: dict[str, Any]) -> None:
    target = wengert.tensor([[1, 2], [3, 0]])
    x = wengert.rand(2, 4, 2, dtype=wengert.float64, requires_grad=True)
    weight = wengert.rand(4, dtype=wengert.float64)
    assert wengert.autograd.gradcheck(lambda x: F.cross_entropy(x, target, **options), (x,))
    assert wengert.autograd.gradcheck(lambda x: F.cross_entropy(x, target, weight, **options), (x,))
    assert wengert.autograd.gradgradcheck(lambda x: F.cross_entropy(x, target, weight, **options), (x,))


def test_cross_entropy_refuses() -> None:
    x, _ = pair()
    with pytest.raises(IndexError, match="Target 4 is out of bounds"):
        F.cross_entropy(x, wengert.tensor([0, 4, 1]))
    with pytest.raises(ValueError, match=r"Expected input batch_size \(3\) to match target batch_size \(2\)"):
        F.cross_entropy(x, wengert.tensor([0, 1]))
    with pytest.raises(RuntimeError, match="expected target dtype to be Long or Byte"):
        F.cross_entropy(x, wengert.tensor([0.0, 1.0, 2.0]))


def test_binary_cross_entropy() -> None:
    x, _ = pair()
    y = wengert.tensor(np.random.RandomState(1).random_sample((3, 4)))
    p = sigma(x.detach().numpy())
    expected = -(y.numpy() * np.log(p) + (1 - y.numpy()) * np.log(1 - p))
    assert nn.BCELoss()(wengert.sigmoid(x), y).item() == pytest.approx(expected.mean())
    assert nn.BCEWithLogitsLoss()(x, y).item() == pytest.approx(expected.mean())
    assert nn.BCEWithLogitsLoss(reduction="sum")(x, y).item() == pytest.approx(expected.sum())
    assert F.binary_cross_entropy(wengert.tensor([0.0]), wengert.tensor([1.0])).item() == 100
    assert F.binary_cross_entropy_with_logits(wengert.tensor([-1e4]), wengert.tensor([1.0])).item() == 1e4
    assert wengert.autograd.gradcheck(F.binary_cross_entropy_with_logits, (x, y))
    with pytest.raises(RuntimeError, match="all elements of input should be between 0 and 1"):
        F.binary_cross_entropy(wengert.tensor([1.5]), wengert.tensor([1.0]))
    with pytest.raises(ValueError, match="Target size"):
        F.binary_cross_entropy_with_logits(x, y[0])


def test_weights_are_buffers() -> None:
    loss = nn.BCEWithLogitsLoss(pos_weight=wengert.ones(4))
    assert list(loss.state_dict()) == ["pos_weight"] and loss.double().pos_weight.dtype is wengert.float64


# --- initialisers -----------------------------------------------------------------------------------------------------


def test_initialisers_fill_in_place_and_record_nothing() -> None:
    for name in (
        "uniform_",
        "normal_",
        "xavier_uniform_",
        "xavier_normal_",
        "kaiming_uniform_",
        "kaiming_normal_",
        "orthogonal_",
        "trunc_normal_",
        "ones_",
        "zeros_",
        "eye_",
    ):
        parameter = nn.Parameter(wengert.empty(4, 3))
        assert getattr(init, name)(parameter) is parameter
        assert parameter.is_leaf and parameter.requires_grad and wengert.isfinite(parameter).all()


def test_spreads_are_as_published() -> None:
    wengert.manual_seed(0)
    w = wengert.empty(400, 300)
    assert init.kaiming_normal_(w, nonlinearity="relu").std().item() == pytest.approx(math.sqrt(2 / 300), rel=0.02)
    assert init.kaiming_uniform_(w, mode="fan_out").std().item() == pytest.approx(math.sqrt(2 / 400), rel=0.02)
    assert init.xavier_normal_(w).std().item() == pytest.approx(math.sqrt(2 / 700), rel=0.02)
    assert init.xavier_uniform_(w, gain=2).std().item() == pytest.approx(2 * math.sqrt(2 / 700), rel=0.02)
    truncated = init.trunc_normal_(w, std=1.0, a=-0.5, b=0.5)
    assert truncated.min() >= -0.5 and truncated.max() <= 0.5 and abs(truncated.mean().item()) < 0.01


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 2, 2)])
def test_orthogonal_rows_or_columns(shape: tuple[int, ...]) -> None:
    w = init.orthogonal_(wengert.empty(*shape, dtype=wengert.float64), gain=2).reshape(shape[0], -1)
    product = w @ w.T if shape[0] <= w.shape[1] else w.T @ w
    assert wengert.allclose(product, 4 * wengert.eye(product.shape[0], dtype=wengert.float64))


def test_dirac_passes_channels_on() -> None:
    w = init.dirac_(wengert.empty(2, 2, 3))
    assert w.sum().item() == 2 and w[0, 0, 1].item() == 1 and w[1, 1, 1].item() == 1


def test_sparse_columns() -> None:
    w = init.sparse_(wengert.empty(10, 4), 0.3)
    assert (w == 0).sum(0).tolist() == [3, 3, 3, 3]


def test_initialisers_refuse() -> None:
    with pytest.raises(
        ValueError, match="Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"
    ):
        init.xavier_normal_(wengert.empty(3))
    with pytest.raises(ValueError, match="Unsupported nonlinearity swish"):
        init.calculate_gain("swish")
    with pytest.warns(FutureWarning, match="`nn.init.normal` is now deprecated in favor of `nn.init.normal_`"):
        init.normal(wengert.empty(2, 2))
