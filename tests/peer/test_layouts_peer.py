"""How results lie in memory, held against PyTorch: the strides of what many operations give of tensors that lie in many
ways, and what is drawn in the order of memory. A program's `view` works or fails by the one, its dropout by both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import wengert
from tests.peer.agreement import MODULES, flat, is_tensor

Function = Callable[[Any, Any], Any]
SHAPES = {3: (4, 6, 5), 4: (2, 4, 6, 5), 5: (2, 4, 3, 6, 5)}


def numbers(T: Any, *shape: int) -> Any:
    return T.from_numpy(np.random.RandomState(3).standard_normal(shape))


def laid(T: Any, shape: tuple[int, ...], how: str) -> Any:
    """A tensor of the shape that lies in memory as the word says."""
    rank = len(shape)
    whole: dict[str, Callable[[], Any]] = {
        "in rows": lambda: numbers(T, *shape),
        "turned round": lambda: numbers(T, *shape[::-1]).permute(*reversed(range(rank))),
        "transposed": lambda: numbers(T, *shape[:-2], shape[-1], shape[-2]).transpose(-1, -2),
        "channels last": lambda: numbers(T, shape[0], *shape[2:], shape[1]).permute(0, rank - 1, *range(1, rank - 1)),
        "channels first": lambda: numbers(T, shape[1], shape[0], *shape[2:]).transpose(0, 1),
        "sliced": lambda: numbers(T, *(2 * n for n in shape))[(slice(None, None, 2),) * rank],
        "expanded": lambda: numbers(T, 1, *shape[1:]).expand(*shape),
    }
    return whole[how]()


HOW = ["in rows", "turned round", "transposed", "channels last", "channels first", "sliced", "expanded"]


def along(name: str, *places: Any, **options: Any) -> Function:
    return lambda T, x: getattr(T, name)(x, *places, **options)


def _reductions() -> dict[str, Function]:
    names = ["sum", "mean", "prod", "amax", "amin", "std", "var", "logsumexp", "norm", "argmax", "argmin", "median",
             "nansum", "nanmean", "nanmedian", "max", "min", "std_mean", "var_mean"]
    cases = {f"{name} {dim} {keepdim}": along(name, dim=dim, keepdim=keepdim)
             for name in names for dim in (0, 1, -1) for keepdim in (False, True)}
    cases |= {f"{name} {dim}": (lambda T, x, name=name, dim=dim: getattr(T, name)(x > 0, dim))
              for name in ("any", "all", "count_nonzero") for dim in (0, 1, -1)}
    cases |= {f"aminmax {dim}": along("aminmax", dim=dim) for dim in (0, 1, -1)}
    return cases | {"sum (0, 2)": along("sum", (0, 2)), "sum of integers": lambda T, x: (x > 0).sum(1),
                    "kthvalue": along("kthvalue", 2, 1), "kthvalue kept": along("kthvalue", 2, 0, True)}


def _scans() -> dict[str, Function]:
    names = ["cumsum", "cumprod", "cummax", "cummin", "logcumsumexp", "softmax", "log_softmax", "sort", "argsort"]
    return {f"{name} {dim}": along(name, dim=dim) for name in names for dim in (0, 1, -1)}


def _moves() -> dict[str, Function]:
    cases: dict[str, Function] = {f"{name} {dim}": (lambda T, x, name=name, dim=dim: getattr(T, name)([x, x], dim))
                                  for name in ("cat", "stack") for dim in (0, 1, 2, -1)}
    cases |= {f"cat with rows {dim}": (lambda T, x, dim=dim: T.cat([x, x.contiguous()], dim)) for dim in (0, 1, -1)}
    cases |= {f"topk {dim}": along("topk", 2, dim) for dim in (0, 1, -1)}
    cases |= {f"flip {dim}": along("flip", [dim]) for dim in (0, 1, -1)}
    return cases | {
        "hstack": lambda T, x: T.hstack([x, x]), "vstack": lambda T, x: T.vstack([x, x]),
        "clone": lambda T, x: x.clone(), "contiguous": lambda T, x: x.contiguous(), "float": lambda T, x: x.float(),
        "zeros_like": along("zeros_like"), "empty_like": along("empty_like"), "full_like": along("full_like", 2.0),
        "where": lambda T, x: T.where(x > 0, x, 0.0), "masked_fill": lambda T, x: x.masked_fill(x > 0, 1.0),
        "gather": lambda T, x: x.gather(1, T.zeros_like(x).long()), "tril": along("tril"),
        "scatter": lambda T, x: x.scatter(1, T.zeros_like(x).long(), 1.0),
        "take_along_dim": lambda T, x: T.take_along_dim(x, T.zeros_like(x).long(), 1),
        "index_select": lambda T, x: x.index_select(1, T.tensor([0, 1, 0])), "diff": along("diff"),
        "repeat": lambda T, x: x.repeat(2, *(1,) * (x.dim() - 1)), "tile": lambda T, x: x.tile(2),
        "repeat_interleave": lambda T, x: x.repeat_interleave(2, 1), "reshape": lambda T, x: x.reshape(-1),
        "flatten": lambda T, x: x.flatten(1), "roll": lambda T, x: x[0].roll(1, 0), "abs": along("abs"),
        "ravel": along("ravel"), "nonzero": along("nonzero"), "argwhere": lambda T, x: (x > 0).argwhere(),
        "nonzero as tuple": lambda T, x: (x > 0).nonzero(as_tuple=True),
        "select_scatter": lambda T, x: x.select_scatter(x[:, 0], 1, 1),
        "slice_scatter": lambda T, x: x.slice_scatter(x[:, :2], 1, 1, 3),
        "diagonal_scatter": lambda T, x: x.diagonal_scatter(x.diagonal()),
        "quantiles": lambda T, x: [x.quantile(T.tensor([0.1, 0.7], dtype=T.float64), dim) for dim in (None, 0, 1, -1)],
        "unique": lambda T, x: [(x > 0).unique(dim=dim) for dim in (0, 1, -1)],
        "unique_consecutive": lambda T, x: [x.unique_consecutive(dim=dim) for dim in (0, 1, -1)],
        "unravel_index": lambda T, x: list(T.unravel_index((x > 0).long(), (2, 2, 2))),
        "masked_scatter": lambda T, x: x.masked_scatter(x > 0, x.clone()),
        "exp": along("exp"), "clamp": along("clamp", -1, 1), "times a row": lambda T, x: x * numbers(T, 5),
    }


def _products() -> dict[str, Function]:
    return {
        "matmul": lambda T, x: x @ x.transpose(-1, -2), "matmul right": lambda T, x: x @ numbers(T, 5, 3),
        "matmul left": lambda T, x: numbers(T, 3, 6) @ x, "matmul vector": lambda T, x: x @ numbers(T, 5),
        "linear": lambda T, x: T.nn.functional.linear(x, numbers(T, 3, 5), numbers(T, 3)),
        "bilinear": lambda T, x: T.nn.functional.bilinear(x, x[..., :3], numbers(T, 7, 5, 3), numbers(T, 7)),
        "layer_norm": lambda T, x: T.nn.functional.layer_norm(x, (5,)),
        "layer_norm of two": lambda T, x: T.nn.functional.layer_norm(x, (6, 5)),
        "instance_norm": lambda T, x: T.nn.functional.instance_norm(x),
        "batch_norm": lambda T, x: T.nn.functional.batch_norm(x, None, None, training=True),
        "pad": lambda T, x: T.nn.functional.pad(x[0], (1, 1)), "relu": lambda T, x: T.relu(x),
        "dropout": lambda T, x: T.nn.functional.dropout(x, 0.5),
    }


def _factorisations() -> dict[str, Function]:
    """Of (..., 6, 5) matrices x, of square ones, and of what is solved by them."""

    def square(T: Any, x: Any) -> Any:
        return x @ x.mT + 9 * T.eye(6, dtype=T.float64)

    of_square: dict[str, Callable[..., Any]] = {
        "inv": lambda L, a, x: L.inv(a), "inv_ex": lambda L, a, x: L.inv_ex(a), "eigh": lambda L, a, x: L.eigh(a),
        "eig": lambda L, a, x: L.eig(a), "cholesky": lambda L, a, x: L.cholesky(a),
        "cholesky upper": lambda L, a, x: L.cholesky(a, upper=True), "cholesky_ex": lambda L, a, x: L.cholesky_ex(a),
        "solve": lambda L, a, x: L.solve(a, x), "solve_ex": lambda L, a, x: L.solve_ex(a, x),
        "solve right": lambda L, a, x: L.solve(a, x.mT, left=False), "lu": lambda L, a, x: L.lu(a),
        "solve vectors": lambda L, a, x: L.solve(a, x[..., 0]), "lu_factor": lambda L, a, x: L.lu_factor(a),
        "solve_triangular": lambda L, a, x: L.solve_triangular(a, x, upper=False),
        "solve_triangular right": lambda L, a, x: L.solve_triangular(a, x.mT, upper=True, left=False),
        "matrix_power": lambda L, a, x: [L.matrix_power(a, n) for n in (-2, -1, 0, 1, 2, 3)],
    }
    of_any: dict[str, Callable[..., Any]] = {
        "pinv": lambda L, x: L.pinv(x),
        "qr": lambda L, x: [part for mode in ("reduced", "complete", "r") for part in L.qr(x, mode)],
        "svd": lambda L, x: [part for full in (False, True) for part in L.svd(x, full)],
        "lstsq": lambda L, x: [tuple(L.lstsq(x, x, driver=driver)) for driver in (None, "gels", "gelsd")],
    }
    cases: dict[str, Function] = {f"linalg.{name}": (lambda T, x, f=f: f(T.linalg, square(T, x), x))
                                  for name, f in of_square.items()}
    cases |= {f"linalg.{name}": (lambda T, x, f=f: f(T.linalg, x)) for name, f in of_any.items()}
    cases |= {f"linalg.{name} of wide": (lambda T, x, f=f: f(T.linalg, x.mT)) for name, f in of_any.items()}
    return cases | {
        "cholesky_solve": lambda T, x: T.cholesky_solve(x, square(T, x)),
        "cholesky_inverse": lambda T, x: T.cholesky_inverse(square(T, x)),
        "triangular_solve": lambda T, x: tuple(T.triangular_solve(x, square(T, x))), "svd": lambda T, x: T.svd(x),
        "svd without vectors": lambda T, x: tuple(T.svd(x, compute_uv=False)),
    }


def _transforms() -> dict[str, Function]:
    """Fourier's, with the dimensions that are transformed in every order."""
    dims: dict[str, list[Any]] = {"": [0, 1, 2], "2": [(0, 1), (1, 0), (2, 0)], "n": [(0,), (2, 1), (2, 0, 1)]}
    return {f"{name}{several} {dim}": (lambda T, x, name=name + several, dim=dim: getattr(T.fft, name)(x, dim=dim))
            for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft") for several in dims for dim in dims[several]}


def _three() -> dict[str, Function]:
    terms = {"ijk->kji": (), "ijk->ik": (), "ijk,ijl->ikl": ((4, 6, 3),), "ijk,lk->ijl": ((3, 5),), "ijk->jik": ()}
    cases: dict[str, Function] = {
        f"einsum {term}": (lambda T, x, term=term, rest=rest: T.einsum(term, x, *(numbers(T, *s) for s in rest)))
        for term, rest in terms.items()}
    options: dict[str, dict[str, Any]] = {"": {}, " padded": {"padding": 1}, " grouped": {"groups": 2}}
    cases |= {f"conv1d{name}": (lambda T, x, o=o: T.nn.functional.conv1d(
        x, numbers(T, 2, 6 // o.get("groups", 1), 3), **o)) for name, o in options.items()}
    return cases | {
        "conv_transpose1d": lambda T, x: T.nn.functional.conv_transpose1d(x, numbers(T, 6, 2, 3)),
        "max_pool1d": lambda T, x: T.nn.functional.max_pool1d(x, 2), "bmm": lambda T, x: T.bmm(x, x.mT),
        "baddbmm": lambda T, x: T.baddbmm(numbers(T, 4, 6, 6), x, x.mT), "cdist": lambda T, x: T.cdist(x, x),
        "multinomial": lambda T, x: x[0].abs().multinomial(3), "quantile": lambda T, x: x.quantile(0.3, 1),
    }


def _four() -> dict[str, Function]:
    weights: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
        "": ((3, 4, 3, 3), {}), " of one channel": ((1, 4, 3, 3), {"padding": 1}), " of a place": ((8, 4, 1, 1), {}),
        " grouped": ((4, 2, 3, 3), {"groups": 2}), " depthwise": ((4, 1, 3, 3), {"groups": 4}),
        " strided": ((3, 4, 3, 3), {"stride": 2, "padding": 1}), " dilated": ((3, 4, 2, 2), {"dilation": 2}),
    }
    cases: dict[str, Function] = {
        f"conv2d{name}": (lambda T, x, w=w, o=o: T.nn.functional.conv2d(x, numbers(T, *w), **o))
        for name, (w, o) in weights.items()}
    cases |= {f"conv2d{name}, weight channels last": (lambda T, x, w=w, o=o: T.nn.functional.conv2d(
        x.contiguous(), numbers(T, *w).contiguous(memory_format=T.channels_last), **o))
        for name, (w, o) in weights.items() if name != " of a place"}
    return cases | {
        "conv_transpose2d": lambda T, x: T.nn.functional.conv_transpose2d(x, numbers(T, 4, 2, 3, 3), stride=2),
        "conv_transpose2d of stride 1": lambda T, x: T.nn.functional.conv_transpose2d(x, numbers(T, 4, 2, 3, 3)),
        "conv_transpose2d grouped": lambda T, x: T.nn.functional.conv_transpose2d(x, numbers(T, 4, 2, 3, 3), groups=2),
        "max_pool2d": lambda T, x: T.nn.functional.max_pool2d(x, 2), "max_pool2d with indices": lambda T, x: list(
            T.nn.functional.max_pool2d(x, 2, return_indices=True)), "var": lambda T, x: x.var((0, 2)),
        "avg_pool2d": lambda T, x: T.nn.functional.avg_pool2d(x, 3, 1, 1),
        "group_norm": lambda T, x: T.nn.functional.group_norm(x[:, :, :3].transpose(2, 3), 2),
        "unfold": lambda T, x: T.nn.functional.unfold(x, 2),
        "pixel_shuffle": lambda T, x: T.nn.functional.pixel_shuffle(x, 2),
        "pixel_unshuffle": lambda T, x: T.nn.functional.pixel_unshuffle(x[:, :, :2, :2], 2),
        "channel_shuffle": lambda T, x: T.nn.functional.channel_shuffle(x, 2),
        "bicubic": lambda T, x: T.nn.functional.interpolate(x, (6, 7), mode="bicubic"),
        "bilinear": lambda T, x: T.nn.functional.interpolate(x, (6, 7), mode="bilinear"),
        "lrn": lambda T, x: T.nn.functional.local_response_norm(x.contiguous(), 3),
    }


def _images() -> dict[str, Function]:
    """What is computed of planes and volumes alike."""
    cases: dict[str, Function] = {
        f"pad {mode}": (lambda T, x, mode=mode: T.nn.functional.pad(x, (1, 1) * (x.dim() - 2), mode=mode))
        for mode in ("constant", "reflect", "replicate", "circular")}
    cases |= {f"interpolate {mode}": (lambda T, x, mode=mode: T.nn.functional.interpolate(
        x, tuple(n + 2 for n in x.shape[2:]), mode=mode)) for mode in ("nearest", "nearest-exact", "area")}
    cases |= {f"adaptive {kind} {size}": (lambda T, x, kind=kind, size=size: getattr(
        T.nn.functional, f"adaptive_{kind}_pool{x.dim() - 2}d")(x, size)) for kind in ("avg", "max") for size in (2, 3)}
    return cases | {
        "batch_norm evaluated": lambda T, x: T.nn.functional.batch_norm(x, numbers(T, 4), numbers(T, 4) ** 2),
        "group_norm of all": lambda T, x: T.nn.functional.group_norm(x, 2),
        "rms_norm": lambda T, x: T.nn.functional.rms_norm(x, x.shape[-1:]),
        "logsigmoid": lambda T, x: T.nn.functional.logsigmoid(x), "renorm": lambda T, x: T.renorm(x, 2, 0, 1.0),
        "roll": lambda T, x: T.roll(x, 1, 1),
        "index_add": lambda T, x: x.index_add(1, T.tensor([0]), x[:, :1]),
        "index": lambda T, x: x[T.tensor([0, 1, 0])], "index last": lambda T, x: x[..., T.tensor([0, 1])],
        "index apart": lambda T, x: x[T.tensor([0]), :, T.tensor([0])],
        "index masked": lambda T, x: x[T.tensor([True, False])],
        "index_select": lambda T, x: x.index_select(1, T.tensor([0, 1])),
        "repeat_interleave": lambda T, x: x.repeat_interleave(2, 1),
    }


def _five() -> dict[str, Function]:
    return {
        "conv3d": lambda T, x: T.nn.functional.conv3d(x, numbers(T, 3, 4, 2, 3, 3)),
        "conv_transpose3d": lambda T, x: T.nn.functional.conv_transpose3d(x, numbers(T, 4, 2, 2, 3, 3)),
        "max_pool3d": lambda T, x: T.nn.functional.max_pool3d(x, 2),
        "avg_pool3d": lambda T, x: T.nn.functional.avg_pool3d(x, 2),
        "batch_norm": lambda T, x: T.nn.functional.batch_norm(x, None, None, training=True),
    }


EVERY = _reductions() | _scans() | _moves() | _products()
CASES = ([(name, function, rank) for rank in (3, 4) for name, function in EVERY.items()]
         + [(name, function, rank)
            for rank, group in ((3, _three() | _factorisations() | _transforms()), (4, _four() | _images()),
                                (5, _five() | _images()))
            for name, function in group.items()])


@pytest.mark.filterwarnings("ignore:torch.triangular_solve")
@pytest.mark.parametrize(("name", "function", "rank"), CASES, ids=[f"{name}-{rank}d" for name, _, rank in CASES])
def test_results_lie_in_memory_as_pytorchs(name: str, function: Function, rank: int) -> None:
    for how in HOW:
        found = []
        for T in MODULES:
            T.manual_seed(0)
            found.append([tuple(step for step, n in zip(part.stride(), part.shape, strict=True) if n > 1)
                          for part in flat(function(T, laid(T, SHAPES[rank], how))) if is_tensor(part)])
        assert found[0] == found[1], how


DRAWS: dict[str, Function] = {
    "rand_like": lambda T, x: T.rand_like(x), "randn_like": lambda T, x: T.randn_like(x),
    "randint_like": lambda T, x: T.randint_like(x, 3, 90), "bernoulli": lambda T, x: T.bernoulli(x.sigmoid()),
    "dropout": lambda T, x: T.nn.functional.dropout(x, 0.5),
    "dropout2d": lambda T, x: T.nn.functional.dropout2d(x, 0.5),
    "alpha_dropout": lambda T, x: T.nn.functional.alpha_dropout(x, 0.5, True),
    "dropout after a convolution": lambda T, x: T.nn.functional.dropout(
        T.nn.functional.conv2d(x, numbers(T, 3, 4, 3, 3)), 0.5),
    "gumbel_softmax": lambda T, x: T.nn.functional.gumbel_softmax(x),
    "multinomial": lambda T, x: T.multinomial(x.flatten(0, -2).contiguous().sigmoid(), 3),
    "multinomial of columns": lambda T, x: T.multinomial(x.flatten(0, -2).t().contiguous().t().sigmoid(), 3),
    "normal_": lambda T, x: T.empty_like(x).normal_(), "uniform_": lambda T, x: T.empty_like(x).uniform_(),
}


@pytest.mark.parametrize("name", DRAWS)
def test_numbers_are_drawn_in_the_order_of_memory(name: str) -> None:
    for how in HOW:
        results = []
        for T in MODULES:
            T.manual_seed(0)
            results.append(DRAWS[name](T, laid(T, SHAPES[4], how)))
        got, want = results
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-12, err_msg=how)


@pytest.mark.parametrize("module", [wengert, torch])
def test_a_convolution_of_few_channels_can_be_viewed_flat(module: Any) -> None:
    h = module.nn.functional.relu(module.nn.Conv2d(1, 3, 3, groups=1)(module.zeros(2, 1, 8, 8)))
    assert h.view(h.size(0), -1).shape == (2, 108)


TOGETHER = {
    2: "add sub mul div pow maximum minimum atan2 eq lt logical_and fmod remainder hypot copysign floor_divide fmax "
       "xlogy nextafter logaddexp heaviside true_divide fmin ge logical_xor gt".split(),
    3: "addcmul addcdiv lerp where clamp".split(),
}


def scattered(T: Any, numbers: np.random.RandomState, shape: tuple[int, ...]) -> Any:
    """A tensor of the shape, or of one that broadcasts to it, whose dimensions lie in any order, some with gaps."""
    if numbers.rand() < 0.2:
        shape = tuple(1 if numbers.rand() < 0.4 else n for n in shape)
    order, gaps = numbers.permutation(len(shape)), numbers.rand(len(shape)) < 0.15
    whole = numbers.rand(*[int(shape[d] * (1 + gap)) for d, gap in zip(order, gaps, strict=True)]) + 0.1
    part = T.from_numpy(whole)[tuple(slice(None, None, 1 + int(gap)) for gap in gaps)]
    return part.permute(*np.argsort(order).tolist())


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("name", [*TOGETHER[2], *TOGETHER[3]])
def test_operands_that_lie_differently(name: str, recorded: bool) -> None:
    """The result lies as PyTorch's iterator orders the dimensions of all operands, also where a number of another dtype
    or no gradient is there."""
    differ = []
    for seed in range(60):
        found = []
        for T in (torch, wengert):
            numbers = np.random.RandomState(seed)
            shape = tuple(numbers.randint(2, 5, numbers.randint(2, 5)).tolist())
            operands = [scattered(T, numbers, shape) for _ in range(2 if name in TOGETHER[2] else 3)]
            operands[0] = operands[0] > 0.5 if name == "where" else operands[0]
            if seed % 4 == 0 and name not in ("where", "lerp", "nextafter", "heaviside"):
                operands[0] = operands[0].float()
            with T.set_grad_enabled(recorded):
                result = getattr(T, name)(*operands)
            found.append([(n, step) for n, step in zip(result.shape, result.stride(), strict=True) if n > 1])
        if found[0] != found[1]:
            differ.append((seed, *found))
    assert differ == []


ALONE: dict[str, Callable[[Any], Any]] = {
    "times a number": lambda x: x * 2, "from a number": lambda x: 1 - x, "a power": lambda x: x ** 2,
    "negated": lambda x: -x, "exp": lambda x: x.exp(), "compared": lambda x: x > 0.5, "with itself": lambda x: x + x,
    "gelu": lambda x: torch.nn.functional.gelu(x) if isinstance(x, torch.Tensor) else wengert.nn.functional.gelu(x),
    "copied": lambda x: x.clone(), "cast": lambda x: x.float(), "halved": lambda x: x.bfloat16(),
    "zeros": lambda x: (torch if isinstance(x, torch.Tensor) else wengert).zeros_like(x),
    "drawn": lambda x: (torch if isinstance(x, torch.Tensor) else wengert).rand_like(x),
    "clamped": lambda x: x.clamp(0, 1), "with one of none": lambda x: x * x.new_tensor(2.0),
}


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("name", ALONE)
def test_operands_whose_dimensions_lie_on_each_other(name: str, recorded: bool) -> None:
    """Windows, repeats and diagonals: strides that are alike, or 0, leave the order to the sizes."""
    differ = []
    for seed in range(60):
        found = []
        for T in (torch, wengert):
            choose = np.random.RandomState(seed)
            x = T.from_numpy(choose.rand(*choose.randint(1, 4, choose.randint(1, 4)))).requires_grad_(recorded)
            for _ in range(choose.randint(1, 4)):
                d, way = choose.randint(x.dim()), choose.randint(3)
                x = x.transpose(0, d) if way == 0 else x.unfold(d, choose.randint(1, x.shape[d] + 1), 1) if (
                    way == 1) else x.unsqueeze(d).expand(*x.shape[:d], 3, *x.shape[d:])
            with T.set_grad_enabled(recorded):
                result = ALONE[name](x)
            found.append([(n, step) for n, step in zip(result.shape, result.stride(), strict=True) if n > 1])
        if found[0] != found[1]:
            differ.append((seed, *found))
    assert differ == []
