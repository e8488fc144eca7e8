"""`wengert.nn` against PyTorch: outputs, gradients, text, errors and warnings of the same calls on the same numbers."""

from __future__ import annotations

import copy
import re
import warnings
from collections import OrderedDict
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import wengert
from wengert import nn as our_nn

torch = pytest.importorskip("torch")
from torch import nn as their_nn  # noqa: E402

Array = np.ndarray[Any, Any]

OURS = SimpleNamespace(lib=wengert, nn=our_nn, F=our_nn.functional)
THEIRS = SimpleNamespace(lib=torch, nn=their_nn, F=their_nn.functional)


@pytest.fixture(autouse=True)
def _seed() -> None:
    np.random.seed(0)


def array(*shape: int, dtype: str = "float64") -> Array:
    return np.random.standard_normal(shape).astype(dtype)


def to(side: Any, value: Any, grad: bool = False) -> Any:
    """An array as a tensor of ``side``, a leaf if ``grad`` and floating; anything else as it is."""
    if not isinstance(value, np.ndarray):
        return value
    tensor = side.lib.tensor(value.copy())
    return tensor.requires_grad_() if grad and value.dtype.kind == "f" else tensor


def back(value: Any) -> Any:
    return value.detach().numpy() if hasattr(value, "detach") else value


class Outcome:
    """What a call gave: its value and gradients, or its error; and the text of its warnings."""

    def __init__(self, side: Any, call: Callable[..., Any], operands: tuple[Any, ...], grad: bool = True) -> None:
        self.error: Exception | None = None
        self.grads: list[Any] = []
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                leaves = [to(side, operand, grad) for operand in operands]
                out = call(side, *leaves)
                self.value = back(out)
                self.shape = tuple(out.shape)
                if getattr(out, "requires_grad", False):
                    ct = np.random.RandomState(1).standard_normal(out.shape)
                    out.backward(side.lib.tensor(ct).to(out.dtype))
                    self.grads = [
                        back(leaf.grad) if getattr(leaf, "grad", None) is not None else None for leaf in leaves
                    ]
                    self.name = out.grad_fn.name()
            except Exception as error:
                self.error = error
        self.warnings = [(entry.category, str(entry.message)) for entry in caught]


def same(call: Callable[..., Any], *operands: Any, rtol: float = 1e-6, atol: float = 1e-9, grad: bool = True) -> None:
    """Asserts that ``call(side, *tensors)`` gives the same on both sides."""
    ours, theirs = (Outcome(side, call, operands, grad) for side in (OURS, THEIRS))
    assert (ours.error is None) == (theirs.error is None), f"ours: {ours.error!r}; theirs: {theirs.error!r}"
    if theirs.error is not None:
        assert isinstance(ours.error, type(theirs.error)), f"{ours.error!r} where PyTorch raises {theirs.error!r}"
        return
    assert [w for w, _ in ours.warnings] == [w for w, _ in theirs.warnings], (ours.warnings, theirs.warnings)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours.value, theirs.value, rtol=rtol, atol=atol)
    assert len(ours.grads) == len(theirs.grads)
    for mine, its in zip(ours.grads, theirs.grads, strict=True):
        assert (mine is None) == (its is None)
        if its is not None:
            np.testing.assert_allclose(mine, its, rtol=rtol, atol=atol)


# --- activations ------------------------------------------------------------------------------------------------------

POINTS = np.array([-25.0, -4.0, -3.0, -1.5, -1.0, -0.5, -0.1, 0.0, 0.1, 0.5, 1.0, 2.5, 3.0, 4.0, 6.0, 7.0, 25.0])

ACTIVATIONS: list[tuple[str, dict[str, Any]]] = [
    ("relu", {}),
    ("relu6", {}),
    ("leaky_relu", {}),
    ("leaky_relu", {"negative_slope": 0.3}),
    ("elu", {}),
    ("elu", {"alpha": 0.7}),
    ("selu", {}),
    ("celu", {}),
    ("celu", {"alpha": 2.5}),
    ("gelu", {}),
    ("gelu", {"approximate": "tanh"}),
    ("silu", {}),
    ("mish", {}),
    ("softplus", {}),
    ("softplus", {"beta": 2.0, "threshold": 5.0}),
    ("softsign", {}),
    ("sigmoid", {}),
    ("logsigmoid", {}),
    ("tanh", {}),
    ("tanhshrink", {}),
    ("hardtanh", {}),
    ("hardtanh", {"min_val": -0.5, "max_val": 2.5}),
    ("hardsigmoid", {}),
    ("hardswish", {}),
    ("hardshrink", {}),
    ("hardshrink", {"lambd": 1.0}),
    ("softshrink", {}),
    ("softshrink", {"lambd": 1.0}),
    ("threshold", {"threshold": 0.5, "value": -7.0}),
    ("rrelu", {}),
]


NEVER_IN_PLACE = "gelu softplus softsign sigmoid logsigmoid tanh tanhshrink hardshrink softshrink".split()


@pytest.mark.parametrize("name, options", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_activations(name: str, options: dict[str, Any], dtype: str) -> None:
    tolerance = 1e-6 if dtype == "float64" else 2e-5  # PyTorch has some constants in single precision
    same(lambda s, x: getattr(s.F, name)(x, **options), POINTS.astype(dtype), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    "name, options",
    [(name, options) for name, options in ACTIVATIONS if name not in NEVER_IN_PLACE],
)
def test_activations_in_place(name: str, options: dict[str, Any]) -> None:
    def call(side: Any, x: Any) -> Any:
        y = x * 1.0
        result = getattr(side.F, name)(y, inplace=True, **options)
        assert result is y
        return result

    same(call, POINTS, grad=name not in {"leaky_relu", "rrelu"})
    with pytest.raises(RuntimeError):
        getattr(OURS.F, name)(to(OURS, POINTS, grad=True), inplace=True, **options)


@pytest.mark.parametrize("name", ["relu_", "elu_", "selu_", "celu_", "leaky_relu_", "hardtanh_", "rrelu_"])
def test_activations_with_underscores(name: str) -> None:
    same(lambda s, x: getattr(s.F, name)(x), POINTS, grad=False)


def test_nan_passes_through_activations() -> None:
    for name in "relu relu6 hardtanh leaky_relu elu softshrink hardshrink silu gelu hardsigmoid".split():
        same(lambda s, x, name=name: getattr(s.F, name)(x), np.array([np.nan]), grad=False)


@pytest.mark.parametrize("shape, count", [((3, 4), 1), ((3, 4), 4), ((2, 4, 3), 4), ((5,), 1), ((), 1)])
def test_prelu(shape: tuple[int, ...], count: int) -> None:
    same(lambda s, x, w: s.F.prelu(x, w), array(*shape) if shape else np.array(-2.0), array(count))


def test_prelu_wrong_weights() -> None:
    same(lambda s, x, w: s.F.prelu(x, w), array(3, 4), array(3))
    same(lambda s, x, w: s.F.prelu(x, w), array(3, 4), array(2, 2))


def test_rrelu_in_training_draws_the_same_slopes() -> None:
    def call(side: Any, x: Any) -> Any:
        side.lib.manual_seed(5)
        return side.F.rrelu(x, training=True)

    same(call, array(40))
    same(call, array(40).astype("float32"))


def test_glu() -> None:
    for dim in (-1, 0, 1):
        same(lambda s, x, dim=dim: s.F.glu(x, dim), array(4, 6))
    same(lambda s, x: s.F.glu(x), array(4, 3))
    same(lambda s, x: s.F.glu(x), np.array(3.0))


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
def test_softmaxes(name: str) -> None:
    for dim in (0, 1, -1):
        same(lambda s, x, dim=dim: getattr(s.F, name)(x, dim), array(3, 4))
    same(lambda s, x: getattr(s.F, name)(x, 1, dtype=s.lib.float64), array(3, 4, dtype="float32"))
    for shape in ((4,), (3, 4), (2, 3, 4), (2, 2, 3, 2)):
        same(lambda s, x: getattr(s.F, name)(x), array(*shape))


@pytest.mark.parametrize("hard", [False, True])
def test_gumbel_softmax(hard: bool) -> None:
    def call(side: Any, x: Any) -> Any:
        side.lib.manual_seed(3)
        return side.F.gumbel_softmax(x, tau=0.7, hard=hard)

    same(call, array(5, 4, dtype="float32"), rtol=1e-4, atol=1e-6)


def test_wrong_options_of_activations() -> None:
    same(lambda s, x: s.F.celu(x, 0.0), POINTS)
    same(lambda s, x: s.F.gelu(x, approximate="no"), POINTS)
    same(lambda s, x: s.F.softshrink(x, -1.0), POINTS)
    same(lambda s, x: s.nn.Hardtanh(1.0, -1.0)(x), POINTS)
    same(lambda s, x: s.nn.Softmax2d()(x), array(3, 4))


# --- dropout ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, shape",
    [
        ("dropout", (40, 5)),
        ("dropout1d", (6, 5, 4)),
        ("dropout1d", (6, 5)),
        ("dropout2d", (6, 5, 3, 2)),
        ("dropout2d", (6, 5, 3)),
        ("dropout2d", (6, 5)),
        ("dropout3d", (4, 5, 2, 2, 2)),
        ("dropout3d", (4, 5, 2, 2)),
        ("alpha_dropout", (40, 5)),
        ("feature_alpha_dropout", (6, 5, 3)),
        ("dropout1d", (3,)),
    ],
)
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("inplace", [False, True])
def test_dropouts(name: str, shape: tuple[int, ...], p: float, inplace: bool) -> None:
    def call(side: Any, x: Any) -> Any:
        side.lib.manual_seed(11)
        return getattr(side.F, name)(x * 1.0, p, training=True, inplace=inplace)

    same(call, array(*shape, dtype="float32"), rtol=1e-5)


def test_dropout_in_evaluation_is_the_identity() -> None:
    x = wengert.ones(3)
    assert our_nn.Dropout(0.5).eval()(x) is x
    same(lambda s, x: s.F.dropout(x, 1.5), array(3))
    same(lambda s, x: s.nn.Dropout(-0.1)(x), array(3))


# --- affine -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lead", [(), (5,), (2, 5), (2, 3, 5), (0,)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(lead: tuple[int, ...], bias: bool) -> None:
    operands = [array(*lead, 3), array(4, 3), *([array(4)] if bias else [])]
    same(lambda s, *a: s.F.linear(*a), *operands)


def test_linear_with_a_vector_for_a_weight_and_wrong_sizes() -> None:
    same(lambda s, *a: s.F.linear(*a), array(5, 3), array(3))
    same(lambda s, *a: s.F.linear(*a), array(5, 3), array(4, 2))
    same(lambda s, x: s.nn.Linear(2, 3).double()(x), array(5, 3))


@pytest.mark.parametrize("lead", [(), (5,), (2, 5)])
def test_bilinear(lead: tuple[int, ...]) -> None:
    same(lambda s, *a: s.F.bilinear(*a), array(*lead, 3), array(*lead, 4), array(2, 3, 4), array(2))
    same(lambda s, *a: s.F.bilinear(*a), array(*lead, 3), array(*lead, 3), array(2, 3, 4))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"padding_idx": 2},
        {"padding_idx": -1},
        {"scale_grad_by_freq": True},
        {"max_norm": 0.5},
        {"max_norm": 1.0, "norm_type": 1.0},
        {"padding_idx": 7},
    ],
)
def test_embedding(options: dict[str, Any]) -> None:
    index = np.array([[1, 2, 2], [4, 0, 2]])
    same(lambda s, i, w: s.F.embedding(i, w * 1.0 if "max_norm" not in options else w, **options), index, array(5, 3))


def test_embedding_wrong_indices() -> None:
    same(lambda s, i, w: s.F.embedding(i, w), np.array([5]), array(5, 3))
    same(lambda s, i, w: s.F.embedding(i, w), np.array([1.0]), array(5, 3))


def test_one_hot_and_distances() -> None:
    for count in (-1, 3, 5, 2):
        same(lambda s, i, count=count: s.F.one_hot(i, count), np.array([[0, 2], [1, 1]]))
    same(lambda s, x: s.F.normalize(x, dim=1), array(3, 4))
    same(lambda s, x, y: s.F.cosine_similarity(x, y), array(3, 4), array(3, 4))
    same(lambda s, x, y: s.F.pairwise_distance(x, y), array(3, 4), array(3, 4))


# --- losses -----------------------------------------------------------------------------------------------------------

REDUCTIONS = ["mean", "sum", "none"]
NUMBERED = ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", NUMBERED)
def test_losses_of_differences(name: str, reduction: str) -> None:
    same(lambda s, x, y: getattr(s.F, name)(x, y, reduction=reduction), array(3, 4), array(3, 4))
    same(lambda s, x, y: getattr(s.F, name)(x, y, reduction=reduction), array(3, 1), array(3))  # warns
    same(lambda s, x, y: getattr(s.F, name)(x, y, reduction=reduction), array(0, 3), array(0, 3))
    same(lambda s, x, y: getattr(s.F, name)(x, y, reduction=reduction), array(3, 4), array(3, 5))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_settings_of_losses_of_differences(reduction: str) -> None:
    for value in (0.0, 0.3, 1.0, 2.0, -1.0):
        same(lambda s, x, y, v=value: s.F.smooth_l1_loss(x, y, beta=v, reduction=reduction), array(3, 4), array(3, 4))
        same(lambda s, x, y, v=value: s.F.huber_loss(x, y, delta=v, reduction=reduction), array(3, 4), array(3, 4))
    for name in ("mse_loss", "l1_loss", "huber_loss"):
        same(
            lambda s, x, y, w, name=name: getattr(s.F, name)(x, y, weight=w, reduction=reduction),
            array(3, 4),
            array(3, 4),
            np.random.random((3, 4)),
        )
        if name == "l1_loss":
            continue
        same(
            lambda s, x, y, w, name=name: getattr(s.F, name)(x, y, weight=w, reduction=reduction),
            array(3, 4),
            array(3, 4),
            np.random.random(4),
        )


@pytest.mark.parametrize(
    "flags", [(True, None), (False, None), (None, True), (None, False), (False, False), (True, False)]
)
def test_old_flags(flags: tuple[Any, Any]) -> None:
    old = {"size_average": flags[0], "reduce": flags[1]}
    for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "binary_cross_entropy_with_logits", "kl_div"):
        same(lambda s, x, y, name=name: getattr(s.F, name)(x, y, **old), array(3, 4), np.random.random((3, 4)))
    same(lambda s, x, y: s.nn.MSELoss(*flags)(x, y), array(3, 4), array(3, 4))
    same(lambda s, x, y: s.F.cross_entropy(x, y, **old), array(3, 4), np.array([0, 1, 2]))


def test_wrong_reductions() -> None:
    for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div", "binary_cross_entropy_with_logits"):
        same(lambda s, x, y, name=name: getattr(s.F, name)(x, y, reduction="median"), array(3), np.random.random(3))
    same(lambda s, x, y: s.F.mse_loss(x, y, reduction="elementwise_mean"), array(3), array(3))


@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
@pytest.mark.parametrize("log_target", [False, True])
def test_kl_div(reduction: str, log_target: bool) -> None:
    target = np.random.random((3, 4))
    target[0, 0] = 0.0 if not log_target else -3.0
    same(
        lambda s, x, y: s.F.kl_div(s.F.log_softmax(x, 1), y, reduction=reduction, log_target=log_target),
        array(3, 4),
        target,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_binary_cross_entropies(reduction: str) -> None:
    p, y, w, pos = np.random.random((3, 4)), np.random.random((3, 4)), np.random.random((3, 4)), np.random.random(4) * 3
    same(lambda s, x, y: s.F.binary_cross_entropy(x, y, reduction=reduction), p, y)
    for weight in (w, w[0], w[:, :1]):

        def weighted(s: Any, x: Any, y: Any, w: Any) -> Any:
            return s.F.binary_cross_entropy(x, y, weight=w.detach(), reduction=reduction)

        same(weighted, p, y, weight)
    logits = array(3, 4)
    for options in ({}, {"weight": w}, {"pos_weight": pos}, {"weight": w[0], "pos_weight": pos}):

        def with_logits(s: Any, x: Any, y: Any, options: dict[str, Any] = options) -> Any:
            given = {name: to(s, value) for name, value in options.items()}
            return s.F.binary_cross_entropy_with_logits(x, y, reduction=reduction, **given)

        same(with_logits, logits, y)
        same(with_logits, logits * 300, np.round(y))


def test_binary_cross_entropies_at_the_edge_and_beyond() -> None:
    same(lambda s, x, y: s.F.binary_cross_entropy(x, y.detach()), np.array([0.0, 1.0, 0.5]), np.array([0.0, 0.0, 1.0]))
    same(lambda s, x, y: s.F.binary_cross_entropy(x, y), np.array([1.5]), np.array([1.0]))
    same(lambda s, x, y: s.F.binary_cross_entropy(x, y), np.array([np.nan]), np.array([1.0]))
    same(lambda s, x, y: s.F.binary_cross_entropy(x, y), np.random.random((3, 1)), np.random.random(3))
    same(lambda s, x, y: s.F.binary_cross_entropy_with_logits(x, y), array(3, 1), array(3))


def classes(*shape: int) -> Array:
    return np.random.randint(0, 4, shape)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(4,), (3, 4), (3, 4, 2), (3, 4, 2, 5), (3, 4, 2, 1, 2), (0, 4)])
@pytest.mark.parametrize("ignored", [-100, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_class_losses(reduction: str, shape: tuple[int, ...], ignored: int, weighted: bool) -> None:
    target = np.asarray(classes(*shape[:1], *shape[2:]) if len(shape) > 1 else np.int64(1))
    if ignored == -100 and target.ndim and target.size:
        target.flat[0] = -100
    weight = np.random.random(4)
    for smoothing in (0.0, 0.2):

        def loss(s: Any, x: Any, t: Any, smoothing: float = smoothing) -> Any:
            given = to(s, weight) if weighted else None
            return s.F.cross_entropy(x, t, given, ignore_index=ignored, reduction=reduction, label_smoothing=smoothing)

        same(loss, array(*shape), target)

    def likelihood(s: Any, x: Any, t: Any) -> Any:
        return s.F.nll_loss(x, t, to(s, weight) if weighted else None, ignore_index=ignored, reduction=reduction)

    same(likelihood, array(*shape), target)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(4,), (3, 4), (3, 4, 2)])
def test_cross_entropy_of_probabilities(reduction: str, shape: tuple[int, ...]) -> None:
    for smoothing in (0.0, 0.2):
        for weight in (None, np.random.random(4)):

            def loss(s: Any, x: Any, t: Any, smoothing: float = smoothing, weight: Any = weight) -> Any:
                return s.F.cross_entropy(x, t, to(s, weight), reduction=reduction, label_smoothing=smoothing)

            same(loss, array(*shape), np.random.random(shape))


def test_cross_entropy_when_all_are_ignored() -> None:
    for reduction in REDUCTIONS:
        same(lambda s, x, t, r=reduction: s.F.cross_entropy(x, t, reduction=r), array(3, 4), np.array([-100] * 3))


@pytest.mark.parametrize(
    "target",
    [
        np.array([0, 1, 9]),
        np.array([0, 1, -1]),
        np.array([0, 1]),
        np.array([0.0, 1.0, 2.0]),
        np.array([0, 1, 2], dtype=np.int32),
        np.array([0, 1, 2], dtype=np.uint8),
        np.array([[0, 1, 2]]),
        np.array(1),
        np.array([[0, 1, 2, 3]] * 3),
    ],
)
def test_wrong_classes(target: Array) -> None:
    same(lambda s, x, t: s.F.cross_entropy(x, t), array(3, 4), target)
    if target.shape != (3, 4):
        same(lambda s, x, t: s.F.nll_loss(x, t), array(3, 4), target)


def test_wrong_options_of_class_losses() -> None:
    target = np.array([0, 1, 2])
    same(lambda s, x, t: s.F.cross_entropy(x, t, label_smoothing=2.0), array(3, 4), target)
    same(lambda s, x, t: s.F.cross_entropy(x, t, weight=to(s, np.ones(3))), array(3, 4), target)
    same(lambda s, x, t: s.F.cross_entropy(x, t, ignore_index=1), array(3, 4), np.random.random((3, 4)))
    same(lambda s, x, t: s.F.nll_loss(x, t), array(3, 4, 2), classes(3, 3))
    same(lambda s, x, t: s.F.nll_loss(x, t), array(3, 4, 2, 2), classes(3, 3, 2))
    same(lambda s, x, t: s.F.nll_loss(x, t), np.array(1.0), np.array(1))


def test_names_of_nodes_are_pytorchs() -> None:
    calls: list[Callable[[Any, Any], Any]] = [
        lambda s, x: s.F.mse_loss(x, x.detach()),
        lambda s, x: s.F.l1_loss(x, x.detach()),
        lambda s, x: s.F.smooth_l1_loss(x, x.detach()),
        lambda s, x: s.F.huber_loss(x, x.detach()),
        lambda s, x: s.F.binary_cross_entropy(s.lib.sigmoid(x), s.lib.sigmoid(x.detach())),
        lambda s, x: s.F.binary_cross_entropy_with_logits(x, x.detach()),
        lambda s, x: s.F.nll_loss(x, s.lib.tensor([0, 1, 2])),
        lambda s, x: s.F.cross_entropy(x, s.lib.tensor([0, 1, 2])),
        lambda s, x: s.F.dropout(x),
        lambda s, x: s.F.softmin(x, 1),
        lambda s, x: s.F.hardswish(x),
        lambda s, x: s.F.hardsigmoid(x),
        lambda s, x: s.F.softshrink(x),
        lambda s, x: s.F.hardshrink(x),
        lambda s, x: s.F.prelu(x, s.lib.tensor([0.2])),
        lambda s, x: s.F.relu(x),
        lambda s, x: s.F.relu6(x),
        lambda s, x: s.F.leaky_relu(x),
        lambda s, x: s.F.selu(x),
        lambda s, x: s.F.silu(x),
        lambda s, x: s.F.mish(x),
        lambda s, x: s.F.gelu(x),
        lambda s, x: s.F.softplus(x),
        lambda s, x: s.F.logsigmoid(x),
        lambda s, x: s.F.threshold(x, 0.1, 2.0),
        lambda s, x: s.F.elu(x),
        lambda s, x: s.nn.Linear(4, 2)(x),
    ]
    for call in calls:
        values = array(3, 4, dtype="float32")
        assert (
            call(OURS, to(OURS, values, True)).grad_fn.name() == call(THEIRS, to(THEIRS, values, True)).grad_fn.name()
        )


# --- modules ----------------------------------------------------------------------------------------------------------

# What the grid of `nn_cases` does not hold.
MODULES: list[Callable[[Any], Any]] = [
    lambda nn: nn.Linear(3, 4),
    lambda nn: nn.Linear(3, 4, bias=False),
    lambda nn: nn.Flatten(0, 1),
    lambda nn: nn.Unflatten(1, [2, 3]),
    lambda nn: nn.Dropout(0.2, True),
    lambda nn: nn.ReLU(inplace=True),
    lambda nn: nn.LeakyReLU(0.2, True),
    lambda nn: nn.PReLU(3, 0.1),
    lambda nn: nn.ELU(0.5, True),
    lambda nn: nn.SELU(True),
    lambda nn: nn.CELU(2, True),
    lambda nn: nn.GELU("tanh"),
    lambda nn: nn.SiLU(True),
    lambda nn: nn.Softplus(2, 5),
    lambda nn: nn.Hardtanh(-2, 2, True),
    lambda nn: nn.Hardswish(True),
    lambda nn: nn.ReLU6(True),
    lambda nn: nn.Softmax(),
    lambda nn: nn.Threshold(0.1, 20, True),
    lambda nn: nn.RReLU(0.1, 0.2, True),
    lambda nn: nn.Embedding(5, 3),
    lambda nn: nn.Embedding(5, 3, padding_idx=-1, max_norm=2.0, norm_type=1.0, scale_grad_by_freq=True),
    lambda nn: nn.Sequential(),
    lambda nn: nn.ModuleList(),
    lambda nn: nn.ModuleDict(),
    lambda nn: nn.ParameterList(),
    lambda nn: nn.ParameterDict(),
    lambda nn: nn.Sequential(nn.Linear(1, 2), nn.Sequential(nn.ReLU(), nn.Sequential()), nn.Tanh()),
    lambda nn: nn.Sequential(OrderedDict(first=nn.Linear(1, 2), second=nn.ReLU())),
    lambda nn: nn.ModuleList(
        [nn.Linear(1, 2), nn.Linear(1, 2), nn.ReLU(), nn.Sequential(nn.ReLU()), nn.Sequential(nn.ReLU())]
    ),
    lambda nn: nn.ModuleDict({"a": nn.Linear(1, 2), "b": nn.ModuleList([nn.ReLU()] * 3)}),
]


@pytest.mark.parametrize("number", range(len(MODULES)))
def test_modules_print_and_start_like_pytorchs(number: int) -> None:
    wengert.manual_seed(number)
    torch.manual_seed(number)
    ours, theirs = MODULES[number](our_nn), MODULES[number](their_nn)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for mine, its in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        assert str(mine.dtype) == str(its.dtype)
        np.testing.assert_array_equal(mine.numpy(), its.numpy())
    assert wengert.rand(1).item() == torch.rand(1).item()


def test_parameter_containers_print_like_pytorchs() -> None:
    def build(side: Any) -> list[Any]:
        ones, eye = side.lib.ones(2, 3), side.lib.eye(2).double()
        return [
            side.nn.ParameterList([ones, side.nn.Parameter(eye), "text", 3]),
            side.nn.ParameterList([ones]),
            side.nn.ParameterDict({"b": ones, "a": "text", "c": eye}),
            side.nn.ParameterDict([("b", ones), ("a", eye)]),
        ]

    assert [repr(module) for module in build(OURS)] == [repr(module) for module in build(THEIRS)]


@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (15, 16), (64, 784), (1, 300), (0, 3)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_linear_starts_with_the_same_bits(shape: tuple[int, int], dtype: str) -> None:
    for seed in (0, 123):
        states = []
        for side in (OURS, THEIRS):
            side.lib.manual_seed(seed)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                states.append(side.nn.Linear(shape[1], shape[0], dtype=getattr(side.lib, dtype)).state_dict())
        for mine, its in zip(*(state.values() for state in states), strict=True):
            np.testing.assert_array_equal(mine.numpy(), its.numpy())


def make_net(side: Any) -> Any:
    class Net(side.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.body = side.nn.Sequential(side.nn.Linear(3, 4), side.nn.ReLU())
            self.head = side.nn.Linear(4, 2)
            self.register_buffer("count", side.lib.zeros(()))
            self.register_buffer("scratch", side.lib.zeros(2), persistent=False)
            self.shared = self.head

        def forward(self, x: Any) -> Any:
            return self.head(self.body(x))

    return Net()


def described(module: Any) -> dict[str, Any]:
    return {
        "parameters": [name for name, _ in module.named_parameters()],
        "all parameters": [name for name, _ in module.named_parameters(remove_duplicate=False)],
        "own": [name for name, _ in module.named_parameters(recurse=False)],
        "prefixed": [name for name, _ in module.named_parameters(prefix="net")],
        "buffers": [name for name, _ in module.named_buffers()],
        "modules": [(name, type(each).__name__) for name, each in module.named_modules()],
        "all modules": [name for name, _ in module.named_modules(prefix="p", remove_duplicate=False)],
        "children": [name for name, _ in module.named_children()],
        "counts": (len(list(module.parameters())), len(list(module.buffers())), len(list(module.modules()))),
        "state": list(module.state_dict()),
        "metadata": dict(module.state_dict()._metadata),
        "prefixed state": list(module.state_dict(prefix="net.")),
        "text": repr(module),
    }


def test_walking_a_tree() -> None:
    assert described(make_net(OURS)) == described(make_net(THEIRS))
    assert described(copy.deepcopy(make_net(OURS))) == described(copy.deepcopy(make_net(THEIRS)))


BROKEN: list[Callable[[Any, Any], Any]] = [
    lambda s, d: d.pop("head.bias"),
    lambda s, d: d.update(extra=s.lib.zeros(1)),
    lambda s, d: d.update({"body.5.x": s.lib.zeros(1)}),
    lambda s, d: d.update({"head.weight": s.lib.zeros(3, 4)}),
    lambda s, d: d.update({"count": s.lib.zeros(1)}),
    lambda s, d: d.update({"head.weight": [1, 2]}),
    lambda s, d: None,
    lambda s, d: d.clear(),
    lambda s, d: d.update({"scratch": s.lib.zeros(2)}),
    lambda s, d: d.update({"head.weight": s.lib.zeros(2, 4).double()}),
]


@pytest.mark.parametrize("number", range(len(BROKEN)))
@pytest.mark.parametrize("strict", [True, False])
def test_load_state_dict_says_the_same(number: int, strict: bool) -> None:
    texts = []
    for side in (OURS, THEIRS):
        net = make_net(side)
        state = net.state_dict()
        BROKEN[number](side, state)
        try:
            texts.append(repr(net.load_state_dict(state, strict=strict)))
        except (RuntimeError, TypeError) as error:
            texts.append(f"{type(error).__name__}: {error}")
    assert texts[0] == texts[1]


def test_load_state_dict_of_the_wrong_type() -> None:
    for side in (OURS, THEIRS):
        with pytest.raises(TypeError, match="Expected state_dict to be dict-like, got <class 'list'>."):
            make_net(side).load_state_dict([])


MISUSES: list[Callable[[Any, Any], Any]] = [
    lambda s, m: m.register_parameter("a.b", None),
    lambda s, m: m.register_parameter("", None),
    lambda s, m: m.register_parameter("forward", None),
    lambda s, m: m.register_parameter(3, None),
    lambda s, m: m.register_parameter("w", s.lib.zeros(1)),
    lambda s, m: m.register_parameter("w", s.nn.Parameter(s.lib.zeros(1)) * 2),
    lambda s, m: m.register_buffer("a.b", None),
    lambda s, m: m.register_buffer("", None),
    lambda s, m: m.register_buffer("head", None),
    lambda s, m: m.register_buffer("w", 3),
    lambda s, m: m.register_buffer(3, None),
    lambda s, m: m.add_module("a.b", None),
    lambda s, m: m.add_module("", None),
    lambda s, m: m.add_module("count", None),
    lambda s, m: m.add_module("x", 3),
    lambda s, m: m.add_module(3, s.nn.ReLU()),
    lambda s, m: setattr(m, "head", 3),
    lambda s, m: setattr(m.head, "weight", s.lib.zeros(2, 4)),
    lambda s, m: setattr(m.head, "weight", 3),
    lambda s, m: setattr(m, "count", 3),
    lambda s, m: m.missing,
    lambda s, m: delattr(m, "missing"),
    lambda s, m: m.get_submodule("body.7"),
    lambda s, m: m.get_submodule("head.weight"),
    lambda s, m: m.get_parameter("head.x"),
    lambda s, m: m.get_parameter("count"),
    lambda s, m: m.get_buffer("head.weight"),
    lambda s, m: m.get_buffer("nothing"),
    lambda s, m: m.train("yes"),
    lambda s, m: m.to(s.lib.int64),
    lambda s, m: s.nn.Module()(1),
    lambda s, m: m(s.lib.zeros(5, 7)),
    lambda s, m: s.nn.Linear(2),
    lambda s, m: m.body[5],
    lambda s, m: m.body + s.nn.ReLU(),
    lambda s, m: m.body * 0,
    lambda s, m: m.body * "x",
    lambda s, m: m.body.insert(7, s.nn.ReLU()),
    lambda s, m: s.nn.ModuleList(3),
    lambda s, m: s.nn.ModuleDict([1]),
    lambda s, m: s.nn.ModuleDict([(1, 2, 3)]),
    lambda s, m: s.nn.ParameterList(3),
    lambda s, m: s.nn.ParameterList([])(1),
    lambda s, m: s.nn.ParameterDict({})(1),
    lambda s, m: s.nn.ParameterDict({1: 2}),
    lambda s, m: m.set_submodule("", s.nn.ReLU()),
    lambda s, m: m.set_submodule("head", 3),
    lambda s, m: m.set_submodule("nothing", s.nn.ReLU(), strict=True),
    lambda s, m: s.nn.Unflatten(0, 3),
    lambda s, m: s.nn.Unflatten(0, (1, "x")),
    lambda s, m: s.nn.Bilinear(0, 1, 1),
    lambda s, m: s.nn.Embedding(3, 2, padding_idx=5),
]


@pytest.mark.parametrize("number", range(len(MISUSES)))
def test_misuse_raises_the_same(number: int) -> None:
    errors = []
    for side in (OURS, THEIRS):
        with pytest.raises(Exception) as caught:  # noqa: B017
            MISUSES[number](side, make_net(side))
        errors.append(caught.value)
    ours, theirs = errors
    assert isinstance(ours, type(theirs)), f"{ours!r} where PyTorch raises {theirs!r}"
    if not isinstance(theirs, (RuntimeError, AssertionError)) and "index" not in str(theirs):
        expected = re.sub(r"torch\.nn\.modules\.\w+\.", "", str(theirs).split(" Open an issue")[0])
        assert re.sub(r"wengert\.nn\.[\w.]+\.", "", str(ours)).startswith(expected)


def before_init(side: Any, value: Callable[[Any], Any]) -> Any:
    class Early(side.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            self.x = value(side)
            super().__init__()

    return Early()


@pytest.mark.parametrize("value", [lambda s: s.nn.Parameter(s.lib.zeros(1)), lambda s: s.nn.ReLU()])
def test_assignment_before_init(value: Callable[[Any], Any]) -> None:
    texts = []
    for side in (OURS, THEIRS):
        with pytest.raises(AttributeError) as caught:
            before_init(side, value)
        texts.append(str(caught.value))
    assert texts[0] == texts[1]


def log_of_hooks(side: Any) -> list[Any]:
    """What the hooks of a small network see, in order."""
    log: list[Any] = []
    np.random.seed(3)
    net = make_net(side)
    for parameter in net.parameters():
        parameter.data = side.lib.tensor(np.random.standard_normal(tuple(parameter.shape)).astype("float32"))

    def numbers(values: Any) -> Any:
        return [None if v is None else v.detach().numpy().astype(float).tolist() for v in values]

    net.register_forward_pre_hook(lambda m, args: log.append(("pre", numbers(args))))
    net.body.register_forward_pre_hook(lambda m, args, kwargs: ((args[0] * 2,), kwargs), with_kwargs=True)
    net.body.register_forward_hook(lambda m, args, out: log.append(("forward", numbers(args), numbers([out]))))
    net.head.register_forward_hook(lambda m, args, kwargs, out: out + 1, with_kwargs=True)
    net.head.register_forward_hook(lambda m, args, out: log.append("first"), prepend=True)
    net.head.register_full_backward_pre_hook(lambda m, ct: log.append(("backward pre", numbers(ct))))
    net.head.register_full_backward_hook(lambda m, gi, go: log.append(("backward", numbers(gi), numbers(go))))
    net.body.register_full_backward_hook(lambda m, gi, go: (gi[0] * 3,))
    x = side.lib.tensor(np.random.standard_normal((2, 3)).astype("float32"), requires_grad=True)
    (net(x) ** 2).sum().backward()
    log.append(numbers([x.grad, *(parameter.grad for parameter in net.parameters())]))
    return log


def test_hooks_see_the_same() -> None:
    ours, theirs = log_of_hooks(OURS), log_of_hooks(THEIRS)
    assert [entry[0] if isinstance(entry, tuple) else None for entry in ours] == [
        entry[0] if isinstance(entry, tuple) else None for entry in theirs
    ]
    assert flattened(ours) == pytest.approx(flattened(theirs), rel=1e-4, abs=1e-5, nan_ok=True)


def flattened(value: Any) -> list[float]:
    """The numbers in nested lists; what is not a number as NaN."""
    if isinstance(value, (list, tuple)):
        return [number for entry in value for number in flattened(entry)]
    return [value if isinstance(value, float) else float("nan")]


def test_backward_hooks_without_gradients_of_inputs() -> None:
    logs = []
    for side in (OURS, THEIRS):
        log: list[Any] = []
        layer = side.nn.Linear(2, 1)
        layer.register_full_backward_hook(lambda m, gi, go, log=log: log.append((gi, [g.tolist() for g in go])))
        with pytest.warns(UserWarning, match="Full backward hook is firing"):
            layer(side.lib.ones(3, 2)).sum().backward()
        logs.append(log)
    assert logs[0] == logs[1]


def train(side: Any, steps: int = 30) -> list[float]:
    """The losses of a small network on fixed data."""
    rng = np.random.RandomState(0)
    x, y = rng.standard_normal((40, 3)).astype("float32"), rng.randint(0, 2, 40)
    side.lib.manual_seed(7)
    net = side.nn.Sequential(side.nn.Linear(3, 8), side.nn.ReLU(), side.nn.Dropout(0.1), side.nn.Linear(8, 2))
    loss_of = side.nn.CrossEntropyLoss()
    losses = []
    for _ in range(steps):
        loss = loss_of(net(side.lib.tensor(x)), side.lib.tensor(y))
        net.zero_grad()
        loss.backward()
        with side.lib.no_grad():
            for parameter in net.parameters():
                parameter -= 0.1 * parameter.grad
        losses.append(loss.item())
    return losses


def test_training_walks_the_same_curve() -> None:
    np.testing.assert_allclose(train(OURS), train(THEIRS), rtol=2e-5)
