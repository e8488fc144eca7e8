"""Every layer and function of ``torch.nn`` against PyTorch over the grid of `nn_cases`, and that none is left out."""

from __future__ import annotations

import inspect
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import wengert  # noqa: E402
from tests.peer.layer_pairs import agree, flat, numbers, weighted  # noqa: E402
from tests.peer.layer_pairs import SIDES  # noqa: E402
from tests.peer.nn_cases import (  # noqa: E402
    ABSENT_CLASSES,
    ABSENT_FUNCTIONS,
    ELSEWHERE,
    FUNCTIONS,
    FUNCTIONS_ELSEWHERE,
    LAYERS,
    Case,
    Leaf,
)
from tests.peer.side_by_side import both  # noqa: E402

dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
HERE = Path(__file__).parent


def arrays_of(case: Case, dtype: str) -> list[tuple[Any, bool]]:
    """The inputs as arrays of ``dtype``, with whether they get gradients; other values as they are."""
    random = np.random.RandomState(0)
    made: list[tuple[Any, bool]] = []
    for given in case.inputs:
        if type(given) is tuple:
            made.append((random.standard_normal(given).astype(dtype), True))
        elif isinstance(given, Leaf):
            made.append((given.value.astype(dtype), True))
        elif isinstance(given, np.ndarray) and given.dtype.kind == "f":
            made.append((given.astype(dtype), False))
        else:
            made.append((given, False))
    return made


def tensors_of(side: Any, arrays: list[tuple[Any, bool]]) -> list[Any]:
    made = []
    for value, leaf in arrays:
        if isinstance(value, np.ndarray):
            value = side.lib.tensor(value.copy())
            value = value.requires_grad_() if leaf else value
        made.append(value)
    return made


def run(side: Any, call: Any, arrays: list[tuple[Any, bool]], parameters: Any = ()) -> list[Any]:
    """Results and gradients, of the inputs and of ``parameters``, as arrays."""
    side.lib.manual_seed(3)
    operands = tensors_of(side, arrays)
    outs = flat(call(*operands))
    leaves = [x for x, (_, leaf) in zip(operands, arrays, strict=True) if leaf] + list(parameters)
    loss = weighted(side, outs)
    wanted = leaves if not isinstance(loss, int) and loss.requires_grad else []
    grads = side.lib.autograd.grad(loss, wanted, allow_unused=True) if wanted else []
    return numbers(outs) + numbers(grads)


def numbered(cases: dict[str, list[Case]]) -> list[Any]:
    return [pytest.param(name, case, id=f"{name}-{k}") for name, listed in cases.items() for k, case in enumerate(listed)]


@dtypes
@pytest.mark.parametrize("name, case", numbered(LAYERS))
@pytest.mark.filterwarnings("ignore")
def test_layers(name: str, case: Case, dtype: str) -> None:
    layers = []
    for side in SIDES:
        side.lib.manual_seed(7)
        layers.append(getattr(side.nn, name)(*case.args, **case.kwargs))
    assert repr(layers[0]) == repr(layers[1])
    arrays = arrays_of(case, dtype)
    for mode in (True, True, False):
        found = []
        for side, layer in zip(SIDES, layers, strict=True):
            layer.to(getattr(side.lib, dtype)).train(mode)
            if name.startswith("Lazy"):
                side.lib.manual_seed(5)
                layer(*tensors_of(side, arrays))
            found.append(run(side, layer, arrays, layer.parameters()) + numbers(layer.buffers()))
        agree(*found, dtype)
    states = [layer.state_dict() for layer in layers]
    assert list(states[0]) == list(states[1])
    assert repr(layers[0]) == repr(layers[1])


@dtypes
@pytest.mark.parametrize("name", [name for name in LAYERS if not name.startswith("Lazy")])
@pytest.mark.filterwarnings("ignore")
def test_initial_weights_bit_for_bit(name: str, dtype: str) -> None:
    for seed in (0, 11):
        for case in LAYERS[name]:
            states = []
            for side in SIDES:
                cls = getattr(side.nn, name)
                made = {"dtype": getattr(side.lib, dtype)} if "dtype" in inspect.signature(cls).parameters else {}
                side.lib.manual_seed(seed)
                states.append(cls(*case.args, **case.kwargs, **made).state_dict())
            assert list(states[0]) == list(states[1])
            for key in states[0]:
                mine, its = (state[key].numpy() for state in states)
                assert mine.dtype == its.dtype and np.array_equal(mine, its), key


@dtypes
@pytest.mark.parametrize("name, case", numbered(FUNCTIONS))
@pytest.mark.filterwarnings("ignore")
def test_functions(name: str, case: Case, dtype: str) -> None:
    arrays = arrays_of(case, dtype)
    found = []
    for side in SIDES:
        function = getattr(side.F, name)

        def call(*given: Any, function: Any = function) -> Any:
            if name.endswith("_"):
                given = (given[0] * 1, *given[1:])  # no leaf
            elif name in ("layer_norm", "group_norm"):
                given = NORMALIZATIONS[name](*given)
            return function(*given, *case.args, **case.kwargs)

        found.append(run(side, call, arrays))
    agree(*found, dtype)


NORMALIZATIONS: dict[str, Any] = {
    "layer_norm": lambda x, shape, *rest: (x, tuple(shape.shape), *rest),
    "group_norm": lambda *given: given,
}


@dtypes
def test_multi_head_attention_forward(dtype: str) -> None:
    def program(T: Any) -> Any:
        kind = getattr(T, dtype)
        q, k, v = (T.randn(n, 2, 4).to(kind) for n in (3, 5, 5))
        weights = [T.randn(*shape).to(kind) for shape in ((12, 4), (12,), (1, 1, 4), (1, 1, 4), (4, 4), (4,))]
        return T.nn.functional.multi_head_attention_forward(
            q, k, v, 4, 2, *weights[:4], True, 0.0, *weights[4:], training=False
        )

    both(program, rtol=1e-4, atol=1e-5)


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
        with pytest.raises(AttributeError, match="is not in wengert yet"):
            getattr(wengert.nn, name)


def test_every_function_is_compared_or_said_to_be_absent() -> None:
    functions = public(torch.nn.functional, lambda f: callable(f) and not inspect.isclass(f))
    assert functions == {*FUNCTIONS, *FUNCTIONS_ELSEWHERE, *ABSENT_FUNCTIONS}
    for name, file in FUNCTIONS_ELSEWHERE.items():
        assert re.search(rf"\bF\.{name}\b|functional\.{name}\b", (HERE / f"{file}.py").read_text("utf-8")), (name, file)
    for name in ABSENT_FUNCTIONS:
        with pytest.raises(AttributeError, match="is not in wengert yet"):
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
    lambda F, T: F.fractional_max_pool2d(T.zeros(4, 4), 2, output_size=2),
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
    lambda F, T: T.nn.SyncBatchNorm(3)(T.zeros(3)),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_wrong_calls_raise_the_same(number: int) -> None:
    both(lambda T: WRONG[number](T.nn.functional, T), warned=False)
