"""Training steps of every sort, computed with 1, 2, 3, 4 and 7 threads: the bits must be the same.

A case is a family (products, convolutions, recurrences, ...) and a number, from which the family draws sizes: on both
sides of every threshold of the kernels, odd, and small. It computes forward, backward and, where there are parameters,
some updates by an optimiser, and answers everything that came out.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable
from typing import Any

import wengert as torch
from wengert.compiler import threads
from wengert.compiler.blas import LEAST_LINES
from wengert.compiler.cells import LEAST_SEQUENCES
from wengert.compiler.updates import GRAIN
from wengert.core.generated import LARGE, LARGE_PRODUCT

from .target import Fault, Target

COUNTS = (1, 2, 3, 4, 7)
nn, F = torch.nn, torch.nn.functional
Case = tuple[str, int]
Results = Iterable[Any]

FAMILIES: dict[str, Callable[[random.Random], Results]] = {}


def family(function: Callable[[random.Random], Results]) -> Callable[[random.Random], Results]:
    """Puts a family into the table."""
    FAMILIES[function.__name__] = function
    return function


# --- what families have in common -------------------------------------------------------------------------------------


def near(chance: random.Random, *sizes: int) -> int:
    """One of these sizes, or a number on either side of it."""
    return max(1, chance.choice(sizes) + chance.choice((-1, 0, 0, 1)))


def dtype(chance: random.Random) -> Any:
    return chance.choice((torch.float32, torch.float32, torch.float64))


def tensor(chance: random.Random, *shape: int, dtype: Any = torch.float32) -> Any:
    """A leaf, at times one that lies transposed or with gaps in its memory."""
    whole = torch.randn(shape, dtype=dtype)
    form = chance.randrange(6)
    if form == 0 and len(shape) > 1:
        whole = whole.transpose(-1, -2).contiguous().transpose(-1, -2)
    elif form == 1:
        whole = torch.stack((whole, whole), -1)[..., 0]
    return whole.detach().requires_grad_()


def tensors_in(out: Any) -> Iterable[Any]:
    """The tensors in nested tuples and lists."""
    if isinstance(out, torch.Tensor):
        yield out
    elif isinstance(out, (tuple, list)):
        for part in out:
            yield from tensors_in(part)


def gradients(out: Any, *leaves: Any) -> list[Any]:
    """The outputs, and the gradients of the leaves for one random cotangent."""
    outs = list(tensors_in(out))
    wanted = [x for x in outs if x.requires_grad]
    if wanted:
        torch.autograd.backward(wanted, [torch.randn(x.shape, dtype=x.dtype) for x in wanted])
    return [*outs, *[x.grad for x in leaves if x.grad is not None]]


def trained(chance: random.Random, model: Any, *inputs: Any) -> list[Any]:
    """Outputs, gradients and parameters over two steps of an optimiser."""
    optimizer = an_optimizer(chance, list(model.parameters())) if list(model.parameters()) else None
    results: list[Any] = []
    for _ in range(2):
        leaves = [x for x in inputs if isinstance(x, torch.Tensor) and x.requires_grad]
        for leaf in leaves:
            leaf.grad = None
        if optimizer is not None:
            optimizer.zero_grad()
        results += gradients(model(*inputs), *leaves, *model.parameters())
        if optimizer is not None:
            optimizer.step()
        results += [*model.parameters(), *model.buffers()]
    return results


OPTIMIZERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("SGD", {"lr": 0.1}), ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("Adam", {}), ("Adam", {"amsgrad": True, "weight_decay": 0.01}), ("AdamW", {}), ("Adamax", {}), ("NAdam", {}),
    ("RAdam", {}), ("RMSprop", {"momentum": 0.5, "centered": True}), ("RMSprop", {}), ("Rprop", {}), ("ASGD", {}),
    ("Adadelta", {}), ("Adagrad", {}), ("Adafactor", {}),
)


def an_optimizer(chance: random.Random, parameters: list[Any]) -> Any:
    name, options = chance.choice(OPTIMIZERS)
    return getattr(torch.optim, name)(parameters, **options)


# --- families ---------------------------------------------------------------------------------------------------------

UNARY = ("exp", "tanh", "sigmoid", "log1p", "erf", "sin", "cos", "sqrt", "relu", "abs", "square", "expm1", "neg",
         "reciprocal", "exp2", "log", "rsqrt", "atan", "sinh", "floor", "erfc")
ACTIVATIONS = ("gelu", "silu", "mish", "softplus", "elu", "selu", "celu", "hardswish", "hardsigmoid", "leaky_relu",
               "logsigmoid", "softsign", "tanhshrink", "hardtanh", "relu6", "softshrink", "hardshrink")
BINARY = ("add", "sub", "mul", "div", "maximum", "minimum", "pow", "atan2", "hypot", "fmod")
LENGTHS = (1000, 4096, LARGE, 4 * LARGE, 100_003)


@family
def elementwise(chance: random.Random) -> Results:
    kind, size = dtype(chance), near(chance, *LENGTHS)
    shape = (size,) if chance.random() < 0.5 else (near(chance, 3, 8), near(chance, 5, size // 8))
    x, y = tensor(chance, *shape, dtype=kind), tensor(chance, *shape, dtype=kind)
    first = getattr(torch, chance.choice(UNARY))(x)
    second = getattr(F, chance.choice(ACTIVATIONS))(y)
    return gradients(getattr(torch, chance.choice(BINARY))(first.abs() + 0.5, second * 0.3 + 1), x, y)


@family
def reductions(chance: random.Random) -> Results:
    kind = dtype(chance)
    shape = tuple([near(chance, 1, 7, 33, 130) for _ in range(chance.randint(1, 3))])
    x = tensor(chance, *shape, dtype=kind)
    dim = chance.randrange(len(shape))
    name = chance.choice(("sum", "mean", "var", "std", "logsumexp", "amax", "cumsum", "prod", "norm", "max", "median",
                          "cumprod", "logcumsumexp", "sort", "whole"))
    if name == "whole":
        return gradients([x.sum(), x.mean(), x.var(), x.norm()], x)
    if name == "prod":
        x = (x.detach() * 0.01 + 1).requires_grad_()
    out = getattr(torch, name)(x, dim=dim)
    return gradients([out] if isinstance(out, torch.Tensor) else list(out), x)


PRODUCT_SIZES = (1, 2, 5, 16, 17, 31, 48, 64, 65, 96, 127, 128, 160, 200, 257, 300)


def _sizes(chance: random.Random) -> tuple[int, int, int]:
    """Rows, depth and columns, whose product is at times near what makes a product large."""
    rows, depth, columns = (near(chance, *PRODUCT_SIZES) for _ in range(3))
    if chance.random() < 0.4:
        depth = near(chance, max(1, LARGE_PRODUCT // (rows * columns)))
    while rows * depth * columns > 8_000_000:
        depth = max(1, depth // 2)
    if chance.random() < 0.02:  # the least that is cut into more than two parts
        return near(chance, 4 * LEAST_LINES), near(chance, 512), near(chance, 2 * LEAST_LINES)
    return rows, depth, columns


@family
def products(chance: random.Random) -> Results:
    kind = dtype(chance)
    rows, depth, columns = _sizes(chance)
    x, y = tensor(chance, rows, depth, dtype=kind), tensor(chance, depth, columns, dtype=kind)
    bias = tensor(chance, columns, dtype=kind)
    form = chance.randrange(5)
    if form == 0:
        return gradients(x @ y, x, y)
    if form == 1:
        return gradients(torch.addmm(bias, x, y, beta=0.5, alpha=chance.choice((1, 2))), bias, x, y)
    if form == 2:
        weight = tensor(chance, columns, depth, dtype=kind)
        return gradients(F.linear(x, weight, bias), x, weight, bias)
    if form == 3:
        step = chance.choice((2, 3))
        return gradients(x[::step] @ y, x, y)
    vector = tensor(chance, depth, dtype=kind)
    return gradients([x @ vector, vector @ y], x, y, vector)


@family
def stacks_of_products(chance: random.Random) -> Results:
    kind = dtype(chance)
    lead = tuple([near(chance, 1, 2, 3, 6) for _ in range(chance.randint(1, 2))])
    rows, depth, columns = (near(chance, 1, 7, 16, 33, 64) for _ in range(3))
    x, y = tensor(chance, *lead, rows, depth, dtype=kind), tensor(chance, *lead, depth, columns, dtype=kind)
    form = chance.randrange(5)
    if form == 0:
        return gradients(x @ y, x, y)
    if form == 1:
        flat = tensor(chance, depth, columns, dtype=kind)
        return gradients(x @ flat, x, flat)
    if form == 2:
        return gradients(torch.einsum("...ij,...jk->...ik", x, y), x, y)
    if form == 3:
        z = tensor(chance, *lead, columns, depth, dtype=kind)
        return gradients(F.scaled_dot_product_attention(x, z, z), x, z)
    return gradients(x.transpose(-1, -2) @ (x @ y), x, y)


def _window(chance: random.Random, rank: int, transposed: bool) -> tuple[dict[str, Any], int, int]:
    groups = chance.choice((1, 1, 2, 3))
    inputs, outputs = groups * chance.randint(1, 6), groups * chance.randint(1, 6)
    options: dict[str, Any] = {
        "kernel_size": tuple([chance.randint(1, 4) for _ in range(rank)]),
        "stride": tuple([chance.randint(1, 3) for _ in range(rank)]),
        "padding": tuple([chance.randint(0, 2) for _ in range(rank)]),
        "dilation": tuple([chance.randint(1, 2) for _ in range(rank)]),
        "groups": groups, "bias": chance.random() < 0.5,
    }
    if transposed:
        options["output_padding"] = tuple([chance.randrange(max(s, d)) for s, d in zip(
            options["stride"], options["dilation"], strict=True)])
    return options, inputs, outputs


@family
def convolutions(chance: random.Random) -> Results:
    rank, transposed, kind = chance.randint(1, 3), chance.random() < 0.3, dtype(chance)
    options, inputs, outputs = _window(chance, rank, transposed)
    name = f"Conv{'Transpose' if transposed else ''}{rank}d"
    layer = getattr(nn, name)(inputs, outputs, **options, dtype=kind)
    about = {1: (9, 40, 400, 3000), 2: (9, 15, 28, 33), 3: (9, 10, 12)}[rank]
    x = tensor(chance, chance.choice((1, 2, 3, 5, 9)), inputs, *[near(chance, *about) for _ in range(rank)], dtype=kind)
    return trained(chance, layer, x)


@family
def wide_convolutions(chance: random.Random) -> Results:
    kind = dtype(chance)
    channels = near(chance, 8, 16, 33)
    kernel = chance.choice((1, 3, 5))
    layer = nn.Conv2d(channels, near(chance, 6, 16, 31), kernel, stride=chance.choice((1, 2)), padding=kernel // 2,
                      dtype=kind)
    size = near(chance, 8, 14, 20)
    return trained(chance, layer, tensor(chance, chance.choice((1, 2, 7, 8, 13)), channels, size, size, dtype=kind))


@family
def pooling(chance: random.Random) -> Results:
    rank, kind = chance.randint(1, 3), dtype(chance)
    sizes = [near(chance, *{1: (50, 400), 2: (9, 33), 3: (8, 11)}[rank]) for _ in range(rank)]
    x = tensor(chance, near(chance, 2, 5), near(chance, 3, 8), *sizes, dtype=kind)
    kernel, stride = chance.randint(2, 3), chance.randint(1, 3)
    name = chance.choice(("max_pool", "avg_pool", "adaptive_avg_pool", "adaptive_max_pool", "lp_pool"))
    function = getattr(F, f"{name}{rank}d")
    if name == "lp_pool":
        return gradients(function(x, 2, kernel, stride), x)
    return gradients(function(x, kernel) if name.startswith("adaptive") else function(x, kernel, stride), x)


@family
def interpolation(chance: random.Random) -> Results:
    kind = dtype(chance)
    mode = chance.choice(("nearest", "linear", "bilinear", "bicubic", "trilinear", "area", "grid", "bilinear"))
    rank = {"linear": 1, "trilinear": 3, "nearest": chance.randint(1, 3)}.get(mode, 2)
    size = {1: (30, 300), 2: (17, 40, 63), 3: (8, 13)}[rank]
    x = tensor(chance, near(chance, 1, 4), near(chance, 1, 3, 9), *[near(chance, *size) for _ in range(rank)],
               dtype=kind)
    if mode == "grid":
        places = torch.rand(len(x), near(chance, 12, 50), near(chance, 12, 50), 2, dtype=kind)
        grid = (places * 2.2 - 1.1).requires_grad_()
        return gradients(F.grid_sample(x, grid, align_corners=False), x, grid)
    aligned = {"align_corners": chance.random() < 0.5} if "linear" in mode or mode == "bicubic" else {}
    return gradients(F.interpolate(x, size=tuple([near(chance, *size) for _ in range(rank)]), mode=mode, **aligned), x)


@family
def folds(chance: random.Random) -> Results:
    kind = dtype(chance)
    x = tensor(chance, near(chance, 1, 4), near(chance, 2, 5), near(chance, 12, 30), near(chance, 12, 30), dtype=kind)
    options = {"kernel_size": chance.randint(1, 3), "stride": chance.randint(1, 2), "padding": chance.randint(0, 1)}
    columns = F.unfold(x, **options)
    return gradients(F.fold(columns, tuple(x.shape[2:]), **options), x)


@family
def norms(chance: random.Random) -> Results:
    kind, rank = dtype(chance), chance.randint(0, 2)
    samples, channels = near(chance, 2, 16, 64), chance.choice((2, 4, 6, 12, 30))
    spread = [near(chance, 8, 12, 33) for _ in range(rank)]
    x = tensor(chance, max(2, samples), channels, *spread, dtype=kind)
    names = ["BatchNorm1d", "LayerNorm", "GroupNorm", "RMSNorm"]
    if rank == 2:
        names = ["BatchNorm2d", "LayerNorm", "GroupNorm", "InstanceNorm2d", "LocalResponseNorm"]
    elif rank == 1:
        names = ["BatchNorm1d", "LayerNorm", "InstanceNorm1d", "LocalResponseNorm"]
    name = chance.choice(names)
    if name == "LocalResponseNorm":
        return gradients(nn.LocalResponseNorm(3)(x), x)
    if name in ("LayerNorm", "RMSNorm"):
        return trained(chance, getattr(nn, name)(list(x.shape[1:]), dtype=kind), x)
    if name == "GroupNorm":
        return trained(chance, nn.GroupNorm(2, channels, dtype=kind), x)
    affine = {"affine": True} if name.startswith("Instance") else {}
    return trained(chance, getattr(nn, name)(channels, **affine, dtype=kind), x)


@family
def softmaxes(chance: random.Random) -> Results:
    kind = dtype(chance)
    shape = [near(chance, 3, 20, 64, 300) for _ in range(chance.randint(1, 3))]
    while len(shape) == 3 and shape[0] * shape[1] * shape[2] > 300_000:
        shape[0] = max(1, shape[0] // 2)
    x = tensor(chance, *shape, dtype=kind)
    function = chance.choice((torch.softmax, torch.log_softmax, F.softmin))
    return gradients(function(x, dim=chance.choice((-1, -1, 0))), x)


@family
def losses(chance: random.Random) -> Results:
    kind = dtype(chance)
    rows, classes = near(chance, 4, 64, 500), near(chance, 2, 10, 80)
    x, y = tensor(chance, rows, classes + 1, dtype=kind), torch.randn(rows, classes + 1, dtype=kind)
    labels, signs = torch.randint(classes, (rows,)), torch.randint(2, (rows, classes + 1)).to(kind)
    name = chance.choice(("cross_entropy", "nll_loss", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "bce",
                          "kl_div", "multi_margin_loss", "soft_margin_loss", "cosine", "triplet", "gaussian"))
    if name in ("cross_entropy", "multi_margin_loss"):
        return gradients(getattr(F, name)(x, labels), x)
    if name == "nll_loss":
        return gradients(F.nll_loss(torch.log_softmax(x, 1), labels), x)
    if name == "bce":
        return gradients([F.binary_cross_entropy_with_logits(x, signs),
                          F.binary_cross_entropy(torch.sigmoid(x), signs)], x)
    if name == "kl_div":
        return gradients(F.kl_div(torch.log_softmax(x, 1), torch.softmax(y, 1), reduction="batchmean"), x)
    if name == "soft_margin_loss":
        return gradients(F.soft_margin_loss(x, signs * 2 - 1), x)
    if name == "cosine":
        return gradients([F.cosine_similarity(x, y), F.pairwise_distance(x, y)], x)
    if name == "triplet":
        return gradients(F.triplet_margin_loss(x, y, y.flip(0)), x)
    if name == "gaussian":
        return gradients(F.gaussian_nll_loss(x, y, y.abs() + 0.1), x)
    return gradients(getattr(F, name)(x, y), x)


@family
def recurrences(chance: random.Random) -> Results:
    kind, name = dtype(chance), chance.choice(("LSTM", "LSTM", "GRU", "RNN"))
    inputs, width = near(chance, 3, 8, 20), near(chance, 5, 16, 33, 64, 100)
    sequences = chance.choice((1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 17, 31, 33, 4 * LEAST_SEQUENCES))
    steps = chance.randint(1, 7)
    options: dict[str, Any] = {"num_layers": chance.choice((1, 1, 2)), "bidirectional": chance.random() < 0.3}
    if name == "RNN":
        options["nonlinearity"] = chance.choice(("tanh", "relu"))
    model = getattr(nn, name)(inputs, width, **options, dtype=kind)
    x = tensor(chance, steps, sequences, inputs, dtype=kind)
    if chance.random() < 0.3:
        lengths = sorted((chance.randint(1, steps) for _ in range(sequences)), reverse=True)
        lengths[0] = steps
        packed = nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths))
        out, states = model(packed)
        states = states if isinstance(states, tuple) else (states,)
        return gradients([out.data, *states], x, *model.parameters())
    return trained(chance, model, x)


@family
def cells(chance: random.Random) -> Results:
    name = chance.choice(("LSTMCell", "GRUCell", "RNNCell"))
    inputs, width = near(chance, 8, 40), near(chance, 33, 64, 128)
    model = getattr(nn, name)(inputs, width)
    return trained(chance, model, tensor(chance, near(chance, 1, 7, 33), inputs))


@family
def layers(chance: random.Random) -> Results:
    name = chance.choice(("attention", "encoder", "bilinear", "embedding", "bag", "mlp", "lenet", "linear", "pad"))
    if name == "linear":
        inputs = near(chance, 17, 64, 200)
        x = tensor(chance, near(chance, 5, 33, 64), inputs)
        return trained(chance, nn.Linear(inputs, near(chance, 10, 33, 130)), x)
    if name == "bilinear":
        return trained(chance, nn.Bilinear(6, 7, near(chance, 9, 30)), tensor(chance, 33, 6), tensor(chance, 33, 7))
    if name == "embedding":
        return trained(chance, nn.Embedding(90, near(chance, 16, 40)), torch.randint(90, (near(chance, 50), 17)))
    if name == "bag":
        return trained(chance, nn.EmbeddingBag(90, near(chance, 16, 40)), torch.randint(90, (near(chance, 50), 17)))
    if name == "pad":
        x = tensor(chance, 2, 3, near(chance, 30, 60), near(chance, 30, 60))
        return gradients(F.pad(x, (1, 2, 3, 4), mode=chance.choice(("reflect", "replicate", "circular"))), x)
    if name == "mlp":
        sizes = [near(chance, 33, 100, 128) for _ in range(3)]
        model: Any = nn.Sequential(nn.Linear(sizes[0], sizes[1]), nn.ReLU(), nn.Linear(sizes[1], sizes[2]), nn.Tanh())
        return trained(chance, model, tensor(chance, near(chance, 16, 33, 64), sizes[0]))
    if name == "lenet":
        model = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(),
                              nn.Flatten(), nn.Linear(16 * 6 * 6, 30))
        return trained(chance, model, torch.randn(near(chance, 3, 17), 1, 20, 20))
    heads, width = chance.choice((1, 2, 4)), chance.choice((16, 32, 64))
    x = tensor(chance, near(chance, 9, 20, 33), near(chance, 1, 5), width)
    if name == "attention":
        return trained(chance, nn.MultiheadAttention(width, heads), x, x, x)
    return trained(chance, nn.TransformerEncoderLayer(width, heads, near(chance, 50, 100), dropout=0.0), x)


@family
def optimizers(chance: random.Random) -> Results:
    kind = dtype(chance)
    sizes = [near(chance, 5, GRAIN, 2 * GRAIN, 3 * GRAIN, 7 * GRAIN, 20_000) for _ in range(chance.randint(1, 4))]
    parameters = [tensor(random.Random(5), size, dtype=kind) for size in sizes]
    optimizer = an_optimizer(chance, parameters)
    for _ in range(3):
        for parameter in parameters:
            parameter.grad = torch.randn(parameter.shape, dtype=kind)
        optimizer.step()
    return parameters


@family
def other_optimizers(chance: random.Random) -> Results:
    if chance.random() < 0.5:
        weight = torch.randn(near(chance, 20, 64), near(chance, 33, 80), requires_grad=True)
        optimizer: Any = torch.optim.Muon([weight])
        for _ in range(2):
            weight.grad = torch.randn(weight.shape)
            optimizer.step()
        return [weight]
    x, target = torch.randn(near(chance, 33, 64), near(chance, 40, 90)), torch.randn(1)
    weight = torch.randn(x.shape[1], near(chance, 60, 90), requires_grad=True)
    optimizer = torch.optim.LBFGS([weight], max_iter=4)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = ((x @ weight - target) ** 2).mean()
        loss.backward()
        return loss

    return [optimizer.step(closure), weight]


@family
def random_numbers(chance: random.Random) -> Results:
    size = near(chance, 100, LARGE, 100_003)
    kind = dtype(chance)
    return [torch.randn(size, dtype=kind), torch.rand(size, dtype=kind), torch.randperm(size),
            torch.randint(9, (size,)), torch.bernoulli(torch.full((size,), 0.3)), F.dropout(torch.ones(size), 0.4)]


@family
def second_derivatives(chance: random.Random) -> Results:
    rows, depth, columns = (near(chance, 33, 64, 90) for _ in range(3))
    x, weight = torch.randn(rows, depth, requires_grad=True), torch.randn(depth, columns, requires_grad=True)
    (by_x,) = torch.autograd.grad(torch.tanh(x @ weight).sum(), x, create_graph=True)
    return gradients((by_x**2).sum(), x, weight)


# --- the target -------------------------------------------------------------------------------------------------------


def make(chance: random.Random) -> Case:
    return chance.choice(sorted(FAMILIES)), chance.randrange(2**32)


def digest(case: Case) -> str:
    """The bits of all that a case computes."""
    name, number = case
    torch.manual_seed(number)
    total = hashlib.sha256()
    for result in FAMILIES[name](random.Random(number)):
        array = result.detach().numpy()
        total.update(f"{array.shape} {array.dtype} ".encode() + array.tobytes())
    return total.hexdigest()


def run(case: Case) -> str:
    """Computes a case with each number of threads, with workers that are awake."""
    before, found = threads.get_num_threads(), {}
    try:
        for count in COUNTS:
            threads.set_num_threads(count)
            pool = threads.pool()
            pool._wake()
            found[count] = digest(case)
    finally:
        threads.set_num_threads(before)
    different = [count for count in COUNTS if found[count] != found[1]]
    if different:
        raise Fault(f"{case} has other bits with {different} threads than with 1")
    return case[0]


def target() -> Target:
    return Target(make, run, (), memory=None, seconds=60.0, watched=False, quick=60)


TARGETS = {"threads": target}
