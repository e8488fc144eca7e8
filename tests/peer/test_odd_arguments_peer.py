"""Calls in which one argument is of another type than it should be, under wengert and under PyTorch: what is taken
gives the same, in the same dtype, and what is refused is refused by the same clause.

Each function of ``torch.nn.functional`` is called rightly, and then with something odd in the place of one argument
after the other.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import wengert
from tests.peer import nn_cases
from tests.peer.nn_grid import arrays_of
from tools.conformance.comparison import Mismatch, same
from tools.conformance.database import carried, copied
from tools.conformance.derivatives import total

# In these PyTorch takes such a thing apart by Python, and says of it what comes of that; here it is taken or refused.
BY_PYTHON = ("interpolate", "upsample", "max_unpool", "adaptive_", "lp_pool", "fractional_max", "local_response",
             "gaussian_nll", "layer_norm", "poisson_nll", "multilabel_soft", "fold",
             "unfold", "normalize", "embedding", "grid_sample", "threshold_")
WITH_ARRAYS = ("conv1d", "conv2d", "conv3d", "linear")
"""These take an array as their bias."""


def odd(value: Any) -> Iterator[tuple[str, Any]]:
    """Other things for a flag, a number, a word, a tensor."""
    if isinstance(value, torch.Tensor):
        yield from (("array", value.numpy()), ("number", 1.5), ("word", "x"), ("list", value.tolist()))
    elif isinstance(value, bool):
        yield from (("0", 0), ("None", None), ("word", "x"), ("row", (True,)), ("tensor", torch.tensor(True)))
    elif isinstance(value, int):
        yield from (("half", value + 0.5), ("word", "x"), ("numpy's", np.int64(value)))
    elif isinstance(value, float):
        yield from (("numpy's", np.float64(value)), ("word", "x"), ("row", [value]), ("tensor", torch.tensor([value])),
                    ("0-d", torch.tensor(value)))
    elif isinstance(value, str):
        yield from (("other", "x"), ("None", None), ("number", 1), ("list", [value]))


def outcome(lib: Any, name: str, case: nn_cases.Case, arguments: list[Any]) -> Any:
    """What a function makes of arguments, or its error; with the gradient of what is a floating tensor."""
    def made(x: Any) -> Any:
        x = copied(x) if isinstance(x, torch.Tensor) else x
        return carried(x) if lib is wengert else x

    given, count = [made(x) for x in arguments], len(case.inputs) + len(case.args)
    lib.manual_seed(0)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            options = dict(zip(case.kwargs, given[count:], strict=True))
            return getattr(lib.nn.functional, name)(*given[:count], **options)
        except Exception as error:  # noqa: BLE001 - its class is what is compared
            return error


def difference(name: str, case: nn_cases.Case, arguments: list[Any]) -> str:
    want, got = outcome(torch, name, case, arguments), outcome(wengert, name, case, arguments)
    if isinstance(want, Exception):
        kind = next(kind for kind in type(want).__mro__ if kind.__module__ == "builtins")
        return "" if isinstance(got, kind) else f"PyTorch raises {want!r}; here {got!r}"[:300]
    try:
        same(got, want)
    except Mismatch as error:
        return str(error)
    return ""


def called(name: str) -> tuple[nn_cases.Case, list[Any]]:
    """The first case of a function, and all of its arguments, arrays as tensors."""
    case = nn_cases.FUNCTIONS[name][-1]
    values = [value for value, _ in arrays_of(case, "float32")] + [*case.args, *case.kwargs.values()]
    return case, [torch.tensor(x) if isinstance(x, np.ndarray) else x for x in values]


@pytest.mark.parametrize("name", [name for name in nn_cases.FUNCTIONS if not name.startswith(BY_PYTHON)])
def test_what_is_of_another_type_is_taken_or_refused_as_in_pytorch(name: str) -> None:
    case, arguments = called(name)
    differing = []
    for place, right in enumerate(arguments):
        for what, wrong in odd(right):
            if name in WITH_ARRAYS and what == "array":
                continue
            found = difference(name, case, [*arguments[:place], wrong, *arguments[place + 1:]])
            if found:
                differing.append(f"argument {place}, {what}: {found}")
    assert differing == []


CONSTANTS = {
    "batch_norm": ("running_mean", lambda F, x: F.batch_norm(x(4, 3), x(3), x(3).detach(), momentum=0.2)),
    "instance_norm": ("running_mean", lambda F, x: F.instance_norm(x(2, 3, 4), x(3), x(3).detach())),
    "binary_cross_entropy": ("weight", lambda F, x: F.binary_cross_entropy(x(3), x(3).detach(), x(3))),
    "binary_cross_entropy_with_logits": (
        "pos_weight", lambda F, x: F.binary_cross_entropy_with_logits(x(3), x(3).detach(), pos_weight=x(3))),
    "nll_loss": ("weight", lambda F, x: F.nll_loss(x(2, 3), x.classes(2), x(3))),
    "cross_entropy": ("weight", lambda F, x: F.cross_entropy(x(2, 3), x.classes(2), x(3), label_smoothing=0.1)),
    "multi_margin_loss": ("weight", lambda F, x: F.multi_margin_loss(x(2, 3), x.classes(2), weight=x(3))),
    "soft_margin_loss": ("target", lambda F, x: F.soft_margin_loss(x(3), x(3))),
}


class Leaves:
    """Makes leaves of a library."""

    def __init__(self, lib: Any) -> None:
        self.lib = lib

    def __call__(self, *shape: int) -> Any:
        return self.lib.full(shape, 0.5, requires_grad=True)

    def classes(self, count: int) -> Any:
        return self.lib.arange(count)


@pytest.mark.parametrize("name", CONSTANTS)
def test_what_is_no_variable_of_a_function_may_require_no_gradient(name: str) -> None:
    argument, call = CONSTANTS[name]
    for lib in (torch, wengert):
        with pytest.raises(RuntimeError, match=f"is not differentiable with respect to argument '{argument}'"):
            call(lib.nn.functional, Leaves(lib))
        with lib.no_grad():
            call(lib.nn.functional, Leaves(lib))


ODD_NUMBERS = {
    "linear by rows of biases": lambda m: (x := m.ones(2, 3, requires_grad=True), b := m.ones(2, 4, requires_grad=True),
                                           m.nn.functional.linear(x, m.ones(4, 3), b), b)[2:],
    "lp_pool of infinity": lambda m: m.nn.functional.lp_pool2d(m.arange(16.0).reshape(1, 4, 4) - 8, float("inf"), 2),
    "lp_pool of -infinity": lambda m: m.nn.functional.lp_pool1d(m.arange(8.0).reshape(1, 8) - 4, -float("inf"), 2),
    "places of bytes": lambda m: m.nn.functional.max_pool1d(m.zeros(1, 5, dtype=m.uint8), 3, 2, 1, return_indices=True),
    "NaN in adaptive windows": lambda m: m.nn.functional.adaptive_max_pool1d(m.full((1, 7), float("nan")), 3, True),
    "NaN in margins": lambda m: m.nn.functional.multi_margin_loss(m.full((1, 3), float("nan")), m.tensor([1])),
    "infinite variance": lambda m: m.nn.functional.gaussian_nll_loss(m.ones(2), m.zeros(2), m.tensor([1.0, m.inf])),
    "dropout of six dimensions": lambda m: (m.manual_seed(0), m.nn.functional.dropout3d(m.ones(2, 3, 2, 2, 1, 1)))[1],
    "a target of more dimensions": lambda m: m.nn.functional.multilabel_soft_margin_loss(
        m.arange(4.0), m.ones(3, 4), reduction="none"),
    "classes of a transposed tensor": lambda m: m.nn.functional.one_hot(
        m.tensor([[0, 1], [2, 0], [1, 1]]).t()).stride(),
    "tensors of one shape": lambda m: (x := m.ones(2, requires_grad=True),
                                       m.broadcast_tensors(x, m.zeros(1))[0] is x)[1],
    "outside of a support": lambda m: m.distributions.GeneralizedPareto(0.5, 1.5, 0.1, validate_args=False).log_prob(
        m.tensor([-20.0, 0.6])),
    "a sample of the shape True": lambda m: m.distributions.Normal(0.0, 1.0).sample((True, 3)),
    "odd numbers of widths": lambda m: [m.nn.ZeroPad1d(())(m.ones(1, 3)), m.nn.ZeroPad1d((1, 1, 1, 1))(m.ones(1, 3))],
    "sequences taken apart": lambda m: [x.stride() for x in m.nn.utils.rnn.unpad_sequence(
        m.ones(4, 3, 5), m.tensor([4, 2, 1]))],
    "sequences of two dtypes": lambda m: m.nn.utils.rnn.pad_sequence([m.ones(2, dtype=m.int64), m.ones(3) / 2]),
    "truth along no dimension": lambda m: [m.tensor([[0, 2], [1, 0]]).any(()), m.tensor([0, 2]).all(dim=())],
    "unshuffling nothing": lambda m: m.nn.functional.pixel_unshuffle(m.ones(0, 2, 6, 4), 2),
}


@pytest.mark.parametrize("name", ODD_NUMBERS)
@pytest.mark.filterwarnings("ignore:dropout3d")
def test_values_of_odd_numbers(name: str) -> None:
    found, grads = [], []
    for lib in (wengert, torch):
        found.append(ODD_NUMBERS[name](lib))
        result = found[-1]
        grads.append(lib.autograd.grad(total(lib, result[0]), result[1]) if "linear" in name else ())
    same(*found)
    same(*grads)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64", "bool", "bfloat16", "float16"])
def test_numbers_beyond_a_dtype_are_compared_as_in_pytorch(dtype: str) -> None:
    for number in (-1, 255, 256, 300, -129, 128, 2**31, 2**40, -2**63, 2**63 - 1):
        for compare in ("eq", "ne", "lt", "le", "gt", "ge"):
            found = []
            for lib in (wengert, torch):
                x = lib.tensor([0, 1, 3, 1 if dtype == "bool" else 127], dtype=getattr(lib, dtype))
                found.append(getattr(x, compare)(number).tolist())
            assert found[0] == found[1], (number, compare)


REFUSED = {
    "probabilities as targets": lambda m: m.nn.functional.binary_cross_entropy(m.ones(2) / 2, m.tensor([0.5, 1.5])),
    "a target of more rows": lambda m: m.nn.functional.soft_margin_loss(m.ones(3), m.ones(2, 3)),
    "complex statistics": lambda m: m.nn.BatchNorm1d(3)(m.ones(2, 3, dtype=m.complex64)),
    "no output channels": lambda m: m.nn.functional.conv1d(m.ones(1, 2, 5), m.ones(0, 2, 3)),
    "nothing to transpose": lambda m: m.nn.functional.conv_transpose1d(m.ones(1, 2, 0), m.ones(2, 3, 3)),
    "NaN to factorise": lambda m: m.linalg.cholesky(m.full((2, 2), float("nan"))),
    "a size beyond 64 bits": lambda m: m.empty(2**63),
    "a Jacobian by rows of complex numbers": lambda m: m.func.jacrev(lambda x: x * x)(m.ones(2, dtype=m.complex64)),
    "a complex Jacobian by rows": lambda m: m.func.jacrev(lambda x: x * 1j)(m.ones(2)),
    "a word to differentiate by": lambda m: m.autograd.grad(m.ones(2, requires_grad=True).sum(), "x"),
    "an array to add": lambda m: m.add(m.ones(2), np.ones(2)),
    "one width": lambda m: m.nn.ZeroPad1d((1,))(m.ones(1, 3)),
    "no widths to reflect": lambda m: m.nn.ReflectionPad1d(())(m.ones(1, 3)),
    "a number of numpy's": lambda m: m.distributions.Normal(np.float32(0.5), 1.0),
    "a complex number": lambda m: m.distributions.Normal(1j, 1.0),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_pytorch_refuses_is_refused(name: str) -> None:
    with pytest.raises(Exception) as theirs:  # noqa: B017, PT011 - any class
        REFUSED[name](torch)
    with pytest.raises(next(kind for kind in type(theirs.value).__mro__ if kind.__module__ == "builtins")):
        REFUSED[name](wengert)


@pytest.mark.filterwarnings("ignore")
def test_the_variance_of_a_students_t_has_a_gradient_beside_where_it_is_infinite() -> None:
    grads = []
    for lib in (wengert, torch):
        df = lib.tensor([2.0, 4.0], requires_grad=True)
        variance = lib.distributions.StudentT(df).variance
        grads.append(lib.autograd.grad(lib.where(lib.isinf(variance), 0.0, variance).sum(), df)[0])
    same(*grads)


ALONG: dict[str, Any] = {
    **{name: lambda m, x, dim, name=name: getattr(x, name)(dim) for name in (
        "sum mean amax flip cumsum softmax squeeze unsqueeze argmax sort unbind logsumexp stride flatten prod nansum "
        "median cumprod logcumsumexp cummax var log_softmax argsort count_nonzero mode").split()},
    "any": lambda m, x, dim: (x > 2).any(dim), "select": lambda m, x, dim: x.select(dim, 0),
    "transpose": lambda m, x, dim: x.transpose(dim, 1), "narrow": lambda m, x, dim: x.narrow(dim, 0, 1),
    "cat": lambda m, x, dim: m.cat([x, x], dim), "stack": lambda m, x, dim: m.stack([x, x], dim),
    "gather": lambda m, x, dim: x.gather(dim, m.zeros(2, 3, dtype=m.int64)),
    "unfold": lambda m, x, dim: x.unfold(dim, 1, 1), "topk": lambda m, x, dim: x.topk(1, dim),
    "index_select": lambda m, x, dim: x.index_select(dim, m.tensor([0])),
    "repeat_interleave": lambda m, x, dim: x.repeat_interleave(2, dim), "diff": lambda m, x, dim: x.diff(1, dim),
    "quantile": lambda m, x, dim: x.quantile(0.5, dim), "roll": lambda m, x, dim: x.roll(1, dim),
    "vector_norm": lambda m, x, dim: m.linalg.vector_norm(x, 2, dim), "unique": lambda m, x, dim: x.unique(dim=dim),
}
OTHERWISE = {("flip", "beyond 64 bits"), ("logsumexp", "nothing"), ("var", "a row of True")}
DIMS = {"True": True, "a row of True": (True,), "beyond 64 bits": 2**63, "a real number": 1.0, "numpy's": np.int64(1),
        "nothing": (), "out of range": 7}


@pytest.mark.parametrize("what", DIMS)
def test_odd_dimensions(what: str) -> None:
    differing = []
    for name, call in ALONG.items():
        found: list[Any] = []
        for lib in (torch, wengert):
            try:
                found.append(call(lib, lib.arange(6.0).reshape(2, 3), DIMS[what]))
            except Exception as error:  # noqa: BLE001 - its class is what is compared
                found.append(error)
        want, got = found
        if isinstance(want, Exception):
            kind = next(kind for kind in type(want).__mro__ if kind.__module__ == "builtins")
            wrong = "" if isinstance(got, kind) else f"{want!r} expected; {got!r} came"
        else:
            wrong = "" if str(got) == str(want) else f"{want} expected; {got} came"
        if wrong and (name, what) not in OTHERWISE:
            differing.append(f"{name}: {wrong}"[:200])
    assert differing == []


SPARSE: dict[str, Any] = {
    **{name: lambda m, a, out, name=name: getattr(m, name)(a, out=out) for name in
       "neg sqrt abs sin floor sign log1p".split()},
    **{name: lambda m, a, out, name=name: getattr(m, name)(a, a, out=out) for name in "add sub mul".split()},
    **{name: lambda m, a, out, name=name: getattr(m, name)(a, m.ones(2, 2), out=out) for name in "mm matmul".split()},
    "div": lambda m, a, out: m.div(a, 2, out=out), "pow": lambda m, a, out: m.pow(a, 2, out=out),
    "addmm": lambda m, a, out: m.addmm(m.ones(2, 2), a, m.ones(2, 2), out=out),
}


@pytest.mark.parametrize("name", SPARSE)
def test_out_of_sparse_operands_is_written(name: str) -> None:
    found = []
    for lib in (wengert, torch):
        dense = name in ("mm", "matmul", "addmm")
        out = lib.zeros(2, 2) if dense else lib.zeros(2, 2).to_sparse()
        assert SPARSE[name](lib, lib.eye(2).to_sparse(), out) is out
        found.append(out if dense else out.to_dense())
        with pytest.raises(RuntimeError):
            SPARSE[name](lib, lib.eye(2).to_sparse(), lib.zeros(2, 2) if not dense else lib.zeros(2, 2).to_sparse())
    same(*found)


def test_tensors_of_files(tmp_path: Any) -> None:
    (tmp_path / "numbers").write_bytes(bytes(range(64)))
    for lib in (wengert, torch):
        whole = lib.from_file(str(tmp_path / "numbers"), size=16)
        part = lib.from_file(str(tmp_path / "numbers"), shared=False, size=4, dtype=lib.int32)
        assert whole.dtype is lib.float32 and part.tolist() == [50462976, 117835012, 185207048, 252579084]
        part.fill_(1)  # which is not written to the file
        made = lib.from_file(str(tmp_path / lib.__name__), shared=True, size=3, dtype=lib.int16).fill_(7)
        assert made.tolist() == [7, 7, 7] and (tmp_path / lib.__name__).read_bytes() == b"\7\0" * 3
        for name, size in (("nothing", 8), ("numbers", 1000)):
            with pytest.raises(RuntimeError):
                lib.from_file(str(tmp_path / name), size=size)
    assert (tmp_path / "numbers").read_bytes() == bytes(range(64))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_that_are_expanded_give_rows(dtype: str) -> None:
    for call in (lambda x: x.sin(), lambda x: x * 2, lambda x: x.lgamma(), lambda x: 1 / x, lambda x: x.logaddexp(-x)):
        strides = [call(lib.ones(1, 3, dtype=getattr(lib, dtype)).expand(3, 3)).stride() for lib in (wengert, torch)]
        assert strides[0] == strides[1]


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("odd_number", [float("nan"), float("inf")])
def test_a_weight_that_is_not_finite_spoils_only_what_it_meets(rank: int, odd_number: float) -> None:
    for options in ({}, {"stride": 2, "padding": 1}, {"dilation": 2, "groups": 2}, {"stride": 2}):
        found = []
        for lib in (wengert, torch):
            F, sizes = lib.nn.functional, (7, 6, 5)[:rank]
            x = (lib.arange(2.0 * 4 * np.prod(sizes)).reshape(2, 4, *sizes) * 0.7).sin()
            weight = lib.arange(4.0 * (4 // options.get("groups", 1)) * 3**rank).cos()
            weight[1] = odd_number
            weight = weight.reshape(4, -1, *(3,) * rank)
            spread = getattr(F, f"conv_transpose{rank}d")(x, weight, **options)
            leaf = x.clone().requires_grad_()
            out = getattr(F, f"conv{rank}d")(leaf, weight, **options)
            found.append([spread, lib.autograd.grad(total(lib, out), leaf)[0]])
        same(*found)


COMPOSED = "floor ceil round trunc sign sgn lgamma digamma nan_to_num sigmoid erf expm1 logit i0 sinc".split()


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "int64", "bool"])
def test_what_is_computed_of_each_element_lies_as_the_operand(dtype: str) -> None:
    differing = []
    for name in COMPOSED:
        for how in ("transposed", "expanded", "permuted"):
            strides = []
            for lib in (wengert, torch):
                x = lib.ones(1, 3, 4).to(getattr(lib, dtype))
                x = {"transposed": lambda x: x[0].t(), "expanded": lambda x: x[0, :1].expand(3, 4),
                     "permuted": lambda x: x.repeat(2, 1, 1).permute(2, 0, 1)}[how](x)
                try:
                    strides.append(getattr(lib, name)(x).stride() if hasattr(lib, name) else ())
                except (RuntimeError, TypeError):
                    strides.append("refused")
            if strides[0] != strides[1]:
                differing.append((name, how, *strides))
    assert differing == []
