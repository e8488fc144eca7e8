"""That no name of ``torch.nn`` is left out of the comparison, that classes and arguments are PyTorch's, and what is no
single computation: containers, conversions, wrong calls."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import wengert  # noqa: E402
from tests.peer.nn_cases import (  # noqa: E402
    ABSENT_CLASSES,
    ABSENT_FUNCTIONS,
    ELSEWHERE,
    FUNCTIONS,
    FUNCTIONS_ELSEWHERE,
    LAYERS,
)
from tests.peer.side_by_side import both  # noqa: E402

HERE = Path(__file__).parent


# --- nothing is left out ----------------------------------------------------------------------------------------------


def public(module: Any, kind: Any) -> set[str]:
    return {name for name in dir(module) if not name.startswith("_") and kind(getattr(module, name))}


def test_every_class_is_compared_or_said_to_be_absent() -> None:
    classes = public(torch.nn, inspect.isclass)
    assert classes == {*LAYERS, *ELSEWHERE, *ABSENT_CLASSES}
    assert not set(LAYERS) & {*ELSEWHERE, *ABSENT_CLASSES}
    for name, file in ELSEWHERE.items():
        assert re.search(rf"\bnn\.{name}\b|\"{name}\"", (HERE / f"{file}.py").read_text("utf-8")), (name, file)
    for name in ABSENT_CLASSES:
        with pytest.raises(AttributeError, match="is not (in wengert yet|a name of PyTorch's)"):
            getattr(wengert.nn, name)


def test_every_function_is_compared_or_said_to_be_absent() -> None:
    functions = public(torch.nn.functional, lambda f: callable(f) and not inspect.isclass(f))
    assert functions == {*FUNCTIONS, *FUNCTIONS_ELSEWHERE, *ABSENT_FUNCTIONS}
    for name, file in FUNCTIONS_ELSEWHERE.items():
        assert re.search(rf"\bF\.{name}\b|functional\.{name}\b", (HERE / f"{file}.py").read_text("utf-8")), (name, file)
    for name in ABSENT_FUNCTIONS:
        with pytest.raises(AttributeError, match="is not (in wengert yet|a name of PyTorch's)"):
            getattr(wengert.nn.functional, name)


@pytest.mark.parametrize("name", [*LAYERS, *ELSEWHERE])
def test_classes_are_subclasses_of_each_other_where_pytorchs_are(name: str) -> None:
    """Programs ask ``isinstance(module, nn.ReLU)``."""
    names = [*LAYERS, *ELSEWHERE]
    mine, its = getattr(wengert.nn, name), getattr(torch.nn, name)
    above = [[other for other in names if issubclass(cls, getattr(lib.nn, other))]
             for lib, cls in ((wengert, mine), (torch, its))]
    # There a buffer without a shape is no Buffer, though it has all that one has.
    assert [other for other in above[0] if (name, other) != ("UninitializedBuffer", "Buffer")] == above[1]


def parameters_of(function: Any) -> list[tuple[str, Any, Any]]:
    return [(p.name, p.kind, None if callable(p.default) else p.default)
            for p in inspect.signature(function).parameters.values()
            if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


@pytest.mark.parametrize("name", [name for name in LAYERS if not re.match(r"LazyConv|RNN$|LSTM$|GRU$", name)])
def test_arguments_of_layers(name: str) -> None:
    assert parameters_of(getattr(wengert.nn, name).__init__) == parameters_of(getattr(torch.nn, name).__init__)


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_arguments_of_functions(name: str) -> None:
    function = getattr(torch.nn.functional, name)
    if not inspect.isfunction(function) or "with_indices" in name or function.__code__.co_name == "fn":
        pytest.skip("PyTorch's tells no arguments")
    assert parameters_of(getattr(wengert.nn.functional, name)) == parameters_of(function)


# --- the classes that are no single computation -----------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
def test_other_classes() -> None:
    both(lambda T: T.nn.Container(a=T.nn.Linear(2, 3), b=T.nn.ReLU()))
    both(lambda T: T.nn.DataParallel(T.nn.Linear(2, 3))(T.ones(1, 2)))
    both(lambda T: T.nn.DataParallel(T.nn.Linear(2, 3)))
    both(lambda T: T.nn.RNNBase("LSTM", 3, 2, num_layers=2, proj_size=0))
    both(lambda T: T.nn.RNNBase("GRU", 3, 2, bidirectional=True))
    both(lambda T: T.nn.RNNCellBase(3, 2, True, 4))
    both(lambda T: [repr(T.nn.UninitializedParameter()), T.nn.UninitializedParameter().requires_grad])
    both(lambda T: T.nn.UninitializedParameter().shape)
    both(lambda T: repr(T.nn.UninitializedBuffer()))

    def shaped(T: Any) -> Any:
        made = [T.nn.UninitializedParameter(dtype=T.float64), T.nn.UninitializedBuffer()]
        for each in made:
            each.materialize((2, 3))
        return [tuple(each.shape) for each in made], [str(each.dtype) for each in made], type(made[0]) is T.nn.Parameter

    both(shaped)

    def with_buffers(T: Any) -> Any:
        module = T.nn.Module()
        module.kept, module.left = T.nn.Buffer(T.ones(2)), T.nn.Buffer(T.zeros(1), persistent=False)
        return module, [name for name, _ in module.named_buffers()], repr(module.kept)

    both(with_buffers)


@pytest.mark.filterwarnings("ignore")
def test_converting_to_synchronised_batch_normalisation() -> None:
    def program(T: Any) -> Any:
        net = T.nn.Sequential(T.nn.Conv2d(2, 3, 1), T.nn.BatchNorm2d(3), T.nn.Sequential(T.nn.BatchNorm1d(4)))
        return T.nn.SyncBatchNorm.convert_sync_batchnorm(net)

    both(program)


def test_adaptive_softmax_beyond_its_forward() -> None:
    def program(T: Any) -> Any:
        layer = T.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 6], div_value=2.0)
        x = T.randn(20, 8) * 3
        return layer.log_prob(x), layer.predict(x), layer.predict(x[:1]), layer(x, T.arange(20) % 12)._fields

    both(program, rtol=1e-4, atol=1e-5)
    both(lambda T: T.nn.AdaptiveLogSoftmaxWithLoss(8, 12, []))
    both(lambda T: T.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [6, 3]))
    both(lambda T: T.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [12]))
    both(lambda T: T.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3])(T.ones(2, 8), T.tensor([1, 12])))
    both(lambda T: T.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3])(T.ones(2, 8), T.tensor([1])))
    both(lambda T: T.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3])(T.ones(2, 8), T.tensor([[1]])))


WRONG: list[Any] = [
    lambda F, T: F.grid_sample(T.zeros(1, 1, 2, 2), T.zeros(1, 1, 1, 2), mode="cubic"),
    lambda F, T: F.grid_sample(T.zeros(1, 1, 2, 2), T.zeros(1, 1, 1, 2), padding_mode="none"),
    lambda F, T: F.grid_sample(T.zeros(1, 1, 2, 2), T.zeros(2, 1, 1, 2)),
    lambda F, T: F.grid_sample(T.zeros(1, 1, 2, 2), T.zeros(1, 1, 1, 3)),
    lambda F, T: F.grid_sample(T.zeros(1, 1, 2, 2), T.zeros(1, 1, 2)),
    lambda F, T: F.grid_sample(T.zeros(1, 1, 2, 2, 2), T.zeros(1, 1, 1, 1, 3), mode="bicubic"),
    lambda F, T: F.grid_sample(T.zeros(1, 1, 0, 2), T.zeros(1, 1, 1, 2)),
    lambda F, T: F.affine_grid(T.zeros(1, 2, 3), (1, 1, 2)),
    lambda F, T: F.affine_grid(T.zeros(1, 3, 3), (1, 1, 2, 2)),
    lambda F, T: F.affine_grid(T.zeros(1, 2, 3).long(), (1, 1, 2, 2)),
    lambda F, T: F.affine_grid(T.zeros(1, 2, 3), (1, 1, 0, 2)),
    lambda F, T: F.fractional_max_pool2d(T.zeros(1, 1, 4, 4), 2),
    lambda F, T: F.fractional_max_pool2d(T.zeros(1, 1, 4, 4), 2, output_size=4),
    lambda F, T: F.multilabel_margin_loss(T.zeros(2, 3), T.zeros(2, 4).long()),
    lambda F, T: F.pdist(T.zeros(3)),
    lambda F, T: F.pdist(T.zeros(3, 2), p=-1),
    lambda F, T: F.conv_tbc(T.zeros(3, 2), T.zeros(1, 2, 2), T.zeros(2)),
    lambda F, T: F.interpolate(T.zeros(1, 1, 4, 4), 2, mode="nearest", antialias=True),
    lambda F, T: F.interpolate(T.zeros(1, 1, 4), 2, mode="linear", antialias=True),
    lambda F, T: F.interpolate(T.zeros(1, 1, 4, 4), 2, mode="lanczos"),
    lambda F, T: F.linear_cross_entropy(T.zeros(2, 3), T.zeros(4, 2), T.zeros(2).long()),
    lambda F, T: F.linear_cross_entropy(T.zeros(2, 3), T.zeros(4, 3), T.zeros(2).long(), linear_bias=T.zeros(3)),
    lambda F, T: T.nn.FractionalMaxPool2d(2),
    lambda F, T: T.nn.FractionalMaxPool2d(2, output_size=1, output_ratio=0.5),
    lambda F, T: T.nn.FractionalMaxPool2d(2, output_ratio=(1.5, 0.5)),
    lambda F, T: T.nn.LinearCrossEntropyLoss(2, 3, label_smoothing=2.0),
    lambda F, T: T.nn.LinearCrossEntropyLoss(2, 3, weight=T.zeros(2)),
    lambda F, T: T.nn.LinearCrossEntropyOptions(acc_policy="fast"),
    lambda F, T: T.nn.LinearCrossEntropyOptions(chunking_method="halves"),
    lambda F, T: T.nn.LinearCrossEntropyOptions(batch_chunk_size=0),
    lambda F, T: T.nn.SyncBatchNorm(3)(T.zeros(3)),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_wrong_calls_raise_the_same(number: int) -> None:
    both(lambda T: WRONG[number](T.nn.functional, T), warned=False)


def test_the_forerunner_of_local_response_norm() -> None:
    """Its values; PyTorch's gradient of it is not that of its values, ours is."""
    x = np.random.RandomState(0).randn(2, 7, 3, 4)
    theirs, ours = (library.nn.CrossMapLRN2d(3, alpha=0.5, beta=0.6, k=1.2)(library.from_numpy(x))
                    for library in (torch, wengert))
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-12)
    layer = wengert.nn.CrossMapLRN2d(3, alpha=0.5, beta=0.6, k=1.2)
    assert wengert.autograd.gradcheck(layer, wengert.from_numpy(x).requires_grad_())
