"""Often used functions beside PyTorch, one by one: ``python -m benchmarks.operations [NAME...]``.

Each is called on one thread with few elements (8×8) and with many (a million float32), alone and with its gradient.
Both libraries run in this process, in turns, and what counts is the least processor time of any round: other programs
only ever add to it. The table has the slowest, as a multiple of PyTorch's time, first.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from inspect import signature
from types import ModuleType
from typing import Any, NamedTuple

from .report import duration, lined_up

Call = Callable[[], Any]
SECONDS, ROUNDS = 0.004, 5
SIZES = {"few": (8, (1, 4, 8, 8)), "many": (1024, (4, 16, 128, 128))}
"""The side of a matrix, and the shape of a batch of images."""


class Operation(NamedTuple):
    """A function of a library and of operands by the names of its parameters: matrices x and y, places i in them,
    images m, and places in images g."""

    name: str
    function: Callable[..., Any]
    smooth: bool = True
    """Whether its gradient is measured too."""


def _named(names: str, smooth: bool = True, functional: bool = False) -> Iterator[Operation]:
    """Functions of one matrix that both libraries have under a name."""
    for name in names.split():
        def function(t: ModuleType, x: Any, name: str = name) -> Any:
            return getattr(t.nn.functional if functional else t, name)(x)

        yield Operation(name, function, smooth)


def _paired(names: str, smooth: bool = True) -> Iterator[Operation]:
    """The same of two matrices."""
    for name in names.split():
        def function(t: ModuleType, x: Any, y: Any, name: str = name) -> Any:
            return getattr(t, name)(x, y)

        yield Operation(name, function, smooth)


def _along(names: str, smooth: bool = True) -> Iterator[Operation]:
    """The same along each dimension of a matrix."""
    for name in names.split():
        for dim in (0, 1):
            def function(t: ModuleType, x: Any, name: str = name, dim: int = dim) -> Any:
                found = getattr(t, name)(x, dim=dim)
                return found if isinstance(found, t.Tensor) else found[0]

            yield Operation(f"{name} dim {dim}", function, smooth)


def _losses(names: str) -> Iterator[Operation]:
    for name in names.split():
        def function(t: ModuleType, x: Any, y: Any, name: str = name) -> Any:
            return getattr(t.nn.functional, name)(x, y.detach())

        yield Operation(name, function)


def _written() -> dict[str, Callable[..., Any]]:
    """Functions with arguments of their own."""
    return {
        "add row": lambda t, x, y: x + y[0], "mul column": lambda t, x, y: x * y[:, :1],
        "add number": lambda t, x: x + 1.5,
        "pow 3": lambda t, x: x**3, "add turned": lambda t, x, y: x.t() + y,
        "where": lambda t, x, y: t.where(x > 0.5, x, y), "masked_fill": lambda t, x: x.masked_fill(x > 0.5, 0.0),
        "x[mask]": lambda t, x: x[x > 0.5], "clamp": lambda t, x: x.clamp(0.2, 0.7),
        "clamp tensors": lambda t, x, y: t.clamp(x, y - 0.1, y + 0.1), "lerp": lambda t, x, y: t.lerp(x, y, 0.3),
        "addcmul": lambda t, x, y: t.addcmul(x, y, y, value=0.5),
        "normalize": lambda t, x: t.nn.functional.normalize(x),
        "gather": lambda t, x, i: t.gather(x, 1, i), "gather dim 0": lambda t, x, i: t.gather(x, 0, i),
        "scatter_add": lambda t, x, y, i: t.scatter_add(x, 1, i, y),
        "scatter": lambda t, x, y, i: t.scatter(x, 1, i, y),
        "index_add": lambda t, x, y, i: t.index_add(x, 0, i[0], y),
        "index_select": lambda t, x, i: x.index_select(1, i[0]),
        "x[i]": lambda t, x, i: x[i[0]], "x[i, j]": lambda t, x, i: x[i, i.t()], "take": lambda t, x, i: t.take(x, i),
        "embedding": lambda t, x, i: t.nn.functional.embedding(i[:, :8], x[:, :128]),
        "embedding_bag": lambda t, x, i: t.nn.functional.embedding_bag(i[:, :8], x[:, :128]),
        "cat": lambda t, x, y: t.cat([x, y]), "cat dim 1": lambda t, x, y: t.cat([x, y], 1),
        "stack": lambda t, x, y: t.stack([x, y]), "flip": lambda t, x: x.flip(1), "roll": lambda t, x: t.roll(x, 3, 1),
        "repeat_interleave": lambda t, x: x.repeat_interleave(2, 1), "turned": lambda t, x: x.t().contiguous(),
        "channels last": lambda t, m: m.permute(0, 2, 3, 1).contiguous(), "topk": lambda t, x: t.topk(x, 5)[0],
        "softmax": lambda t, x: x.softmax(1), "log_softmax": lambda t, x: x.log_softmax(1),
        "softmax of channels": lambda t, m: m.softmax(1), "tril": lambda t, x: x.tril(),
        "double": lambda t, x: x.double(),
        "cross_entropy": lambda t, x, i: t.nn.functional.cross_entropy(x, i[0]),
        "layer_norm": lambda t, x: t.nn.functional.layer_norm(x, x.shape[-1:]),
        "batch_norm": lambda t, m: t.nn.functional.batch_norm(m, None, None, training=True),
        "group_norm": lambda t, m: t.nn.functional.group_norm(m, 2),
        "max_pool2d": lambda t, m: t.nn.functional.max_pool2d(m, 2),
        "avg_pool2d": lambda t, m: t.nn.functional.avg_pool2d(m, 2),
        "adaptive_avg_pool2d": lambda t, m: t.nn.functional.adaptive_avg_pool2d(m, 7),
        "pad": lambda t, m: t.nn.functional.pad(m, (1, 1, 1, 1)),
        "pad reflect": lambda t, m: t.nn.functional.pad(m, (1, 1, 1, 1), mode="reflect"),
        "unfold": lambda t, m: t.nn.functional.unfold(m, 3),
        "pixel_shuffle": lambda t, m: t.nn.functional.pixel_shuffle(m, 2),
        "interpolate nearest": lambda t, m: t.nn.functional.interpolate(m, scale_factor=2),
        "interpolate bilinear": lambda t, m: t.nn.functional.interpolate(m, scale_factor=2, mode="bilinear"),
        "grid_sample": lambda t, m, g: t.nn.functional.grid_sample(m, g, align_corners=False),
        "matmul": lambda t, x, y: x @ y, "vector": lambda t, x, y: x @ y[0], "bmm": lambda t, m: m @ m.mT,
        "einsum": lambda t, m: t.einsum("bcij,bckj->bcik", m, m),
        "linear": lambda t, x, y: t.nn.functional.linear(x, y, y[0]),
        "cdist": lambda t, x, y: t.cdist(x[:256, :64], y[:256, :64]), "outer": lambda t, x, y: t.outer(x[0], y[0]),
        "attention": lambda t, m: t.nn.functional.scaled_dot_product_attention(m, m, m),
        "cosine_similarity": lambda t, x, y: t.nn.functional.cosine_similarity(x, y),
        "fft": lambda t, x: t.fft.fft(x).real,
        "dropout": lambda t, x: t.nn.functional.dropout(x), "i0": lambda t, x: t.i0(x),
        "digamma": lambda t, x: t.digamma(x),
    }


OPERATIONS = (
    *_named("exp log log1p expm1 sqrt rsqrt sin cos tan tanh sinh atan sigmoid erf erfinv lgamma abs neg reciprocal "
            "square logit frac nan_to_num sum mean prod var std norm median max min clone"),
    *_named("sign floor round isnan isfinite argmax", smooth=False),
    *_named("relu gelu silu elu selu leaky_relu softplus hardtanh hardswish hardsigmoid relu6 mish logsigmoid "
            "softshrink hardshrink glu", functional=True),
    *_paired("add sub mul div pow maximum minimum atan2 fmod remainder hypot logaddexp xlogy"),
    *_paired("lt eq", smooth=False),
    *_along("sum mean amax var norm logsumexp max cumsum cumprod cummax sort median"),
    *_losses("mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits"),
    *(Operation(name, function) for name, function in _written().items()),
)


def operands(torch: ModuleType, operation: Operation, size: str) -> list[Any]:
    """What an operation is called with, the same numbers for both libraries."""
    side, shape = SIZES[size]
    torch.manual_seed(0)
    made = {"x": lambda: torch.rand(side, side) * 0.8 + 0.1, "i": lambda: torch.randint(0, side, (side, side)),
            "m": lambda: torch.rand(shape), "g": lambda: torch.rand(shape[0], *shape[2:], 2) * 2 - 1}
    made["y"] = made["x"]
    names = list(signature(operation.function).parameters)[1:]
    return [made[name]() for name in names if name in made]


def calls(torch: ModuleType, operation: Operation, size: str) -> list[Call]:
    """The operation alone, and with its gradient if it has one."""
    given = operands(torch, operation, size)
    found: list[Call] = [lambda: operation.function(torch, *given)]
    if operation.smooth:
        leaves = [x.clone().requires_grad_() if x.is_floating_point() else x for x in given]
        wanted = [x for x in leaves if x.requires_grad]
        ct = torch.ones_like(operation.function(torch, *leaves))
        found.append(lambda: torch.autograd.grad(operation.function(torch, *leaves), wanted, ct, allow_unused=True))
    return found


def seconds(call: Call, count: int) -> float:
    """The processor seconds that one of ``count`` calls takes."""
    begin = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - begin) / count


def compared(pair: tuple[Call, Call], rounds: int) -> tuple[float, float]:
    """The least of all rounds, which go in turns, for both calls."""
    counts = []
    for call in pair:
        call()
        counts.append(max(1, round(SECONDS / max(seconds(call, 3), 1e-7))))
    found = [[seconds(call, count) for call, count in zip(pair, counts, strict=True)] for _ in range(rounds)]
    ours, theirs = map(min, zip(*found, strict=True))
    return ours, theirs


def main() -> None:
    about = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.operations", description=about)
    parser.add_argument("names", nargs="*", help="names of operations; all of them where there are none")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    options = parser.parse_args()
    libraries = [import_module(name) for name in ("wengert", "torch")]
    for library in libraries:
        library.set_num_threads(1)
    rows: list[tuple[float, tuple[str, ...]]] = []
    for operation in OPERATIONS:
        for size in options.sizes if not options.names or operation.name in options.names else ():
            for pair, what in zip(zip(*[calls(library, operation, size) for library in libraries], strict=True),
                                  ("", "with gradient"), strict=False):
                ours, theirs = compared(pair, options.rounds)
                rows.append((ours / theirs, (operation.name, size, what, duration(ours), duration(theirs),
                                             f"{ours / theirs:.2f}")))
    rows.sort(reverse=True)
    print(lined_up([("function", "elements", "", "wengert", "PyTorch", "ratio"), *[cells for _, cells in rows]]))


if __name__ == "__main__":
    main()
