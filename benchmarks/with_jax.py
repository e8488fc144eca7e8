"""Some of the workloads in jax: the same sizes and arithmetic, one jitted function a step, its state handed on.

jax answers before it has computed; a step here ends when its results are there, as the others' do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

Step = Callable[[], Any]


def adaline() -> Step:
    """`eager.adaline_step`."""
    jax, np = modules()
    keys = jax.random.split(jax.random.PRNGKey(0), 4)
    x, y = jax.random.uniform(keys[0], (10, 2)), jax.random.uniform(keys[1], (10,))
    weights = jax.random.uniform(keys[2], (1, 2)), jax.random.uniform(keys[3], (1,))

    def loss(weights: Any, x: Any, y: Any) -> Any:
        w, b = weights
        return (((x @ w.T + b).reshape(-1) - y) ** 2).mean()

    def update(weights: Any, x: Any, y: Any) -> Any:
        value, gradients = jax.value_and_grad(loss)(weights, x, y)
        return jax.tree_util.tree_map(lambda w, g: w - 0.01 * g, weights, gradients), value

    return stepping(update, weights, x, y)


def mlp() -> Step:
    """`networks.mlp`: cross-entropy, Adam with the usual numbers."""
    jax, np = modules()
    keys = keyed()
    weights = [dense(keys, n, m) for n, m in ((784, 128), (128, 64), (64, 10))]
    x, labels = jax.random.uniform(next(keys), (64, 784)), jax.random.randint(next(keys), (64,), 0, 10)

    def loss(weights: Any, x: Any, labels: Any) -> Any:
        *inner, last = weights
        for layer in inner:
            x = jax.nn.relu(linear(layer, x))
        return cross_entropy(linear(last, x), labels)

    return adam(loss, weights, x, labels)


def lenet() -> Step:
    """`networks.lenet`: SGD with momentum."""
    jax, np = modules()
    keys = keyed()
    weights = [convolving(keys, 1, 6, 5), convolving(keys, 6, 16, 5),
               *[dense(keys, n, m) for n, m in ((400, 120), (120, 84), (84, 10))]]
    x, labels = jax.random.uniform(next(keys), (128, 1, 28, 28)), jax.random.randint(next(keys), (128,), 0, 10)

    def pooled(x: Any) -> Any:
        return jax.lax.reduce_window(np.tanh(x), -np.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    def loss(weights: Any, x: Any, labels: Any) -> Any:
        first, second, *inner, last = weights
        x = pooled(convolved(first, x, padding=2))
        x = pooled(convolved(second, x)).reshape(len(x), -1)
        for layer in inner:
            x = np.tanh(linear(layer, x))
        return cross_entropy(linear(last, x), labels)

    return momentum(loss, weights, x, labels, rate=0.01)


def lstm() -> Step:
    """`networks.lstm`: the walk over the characters is a scan."""
    jax, np = modules()
    keys = keyed()
    weights = {"embedding": jax.random.normal(next(keys), (80, 64)), "inputs": dense(keys, 64, 512),
               "states": dense(keys, 128, 512), "head": dense(keys, 128, 80)}
    text, labels = jax.random.randint(next(keys), (32, 64), 0, 80), jax.random.randint(next(keys), (2048,), 0, 80)

    def loss(weights: Any, text: Any, labels: Any) -> Any:
        given = linear(weights["inputs"], weights["embedding"][text]).transpose(1, 0, 2)

        def move(state: Any, row: Any) -> Any:
            h, c = state
            i, f, g, o = np.split(row + linear(weights["states"], h), 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * np.tanh(g)
            h = jax.nn.sigmoid(o) * np.tanh(c)
            return (h, c), h

        start = np.zeros((32, 128))
        _, every = jax.lax.scan(move, (start, start), given)
        return cross_entropy(linear(weights["head"], every.transpose(1, 0, 2).reshape(2048, 128)), labels)

    return adam(loss, weights, text, labels)


def gpt() -> Step:
    """`networks.gpt`: AdamW."""
    jax, np = modules()
    keys = keyed()
    width, heads, length = 128, 4, 64
    blocks = [{"ln1": normed(width), "ln2": normed(width), "qkv": dense(keys, width, 3 * width),
               "project": dense(keys, width, width), "up": dense(keys, width, 4 * width),
               "down": dense(keys, 4 * width, width)} for _ in range(4)]
    weights = {"tokens": jax.random.normal(next(keys), (80, width)), "positions": jax.random.normal(
        next(keys), (length, width)), "blocks": blocks, "norm": normed(width), "head": dense(keys, width, 80)[0]}
    text, labels = jax.random.randint(next(keys), (12, length), 0, 80), jax.random.randint(next(keys), (768,), 0, 80)
    hidden = np.triu(np.full((length, length), -np.inf), 1)

    def attended(block: Any, x: Any) -> Any:
        q, k, v = (part.reshape(12, length, heads, -1).transpose(0, 2, 1, 3)
                   for part in np.split(linear(block["qkv"], x), 3, axis=2))
        scores = q @ k.transpose(0, 1, 3, 2) / (width // heads) ** 0.5 + hidden
        mixed = (jax.nn.softmax(scores) @ v).transpose(0, 2, 1, 3).reshape(12, length, width)
        return linear(block["project"], mixed)

    def loss(weights: Any, text: Any, labels: Any) -> Any:
        x = weights["tokens"][text] + weights["positions"]
        for block in weights["blocks"]:
            x = x + attended(block, layer_norm(block["ln1"], x))
            inner = jax.nn.gelu(linear(block["up"], layer_norm(block["ln2"], x)), approximate=False)
            x = x + linear(block["down"], inner)
        return cross_entropy((layer_norm(weights["norm"], x) @ weights["head"]).reshape(768, 80), labels)

    return adam(loss, weights, text, labels, decay=0.01)


def vae() -> Step:
    """`architectures.vae`; the key of the noise is part of the state."""
    jax, np = modules()
    keys = keyed()
    weights = [dense(keys, n, m) for n, m in ((784, 256), (256, 32), (16, 256), (256, 784))]
    x = jax.random.uniform(next(keys), (64, 784))

    def loss(weights: Any, key: Any, x: Any) -> Any:
        mean, logarithm = np.split(linear(weights[1], jax.nn.relu(linear(weights[0], x))), 2, axis=1)
        drawn = mean + jax.random.normal(key, mean.shape) * np.exp(0.5 * logarithm)
        out = linear(weights[3], jax.nn.relu(linear(weights[2], drawn)))
        divergence = -0.5 * (1 + logarithm - mean**2 - np.exp(logarithm)).sum()
        return ((jax.nn.softplus(out) - x * out).sum() + divergence) / 64

    return adam(loss, weights, x, key=jax.random.PRNGKey(1))


def neural_ode() -> Step:
    """`architectures.neural_ode`."""
    jax, np = modules()
    keys = keyed()
    weights = [dense(keys, 2, 64), dense(keys, 64, 2)]
    start, end = (jax.random.normal(next(keys), (64, 2)) for _ in range(2))
    h = 0.1

    def loss(weights: Any, y: Any, end: Any) -> Any:
        def field(y: Any) -> Any:
            return linear(weights[1], np.tanh(linear(weights[0], y)))

        for _ in range(10):
            k1 = field(y)
            k2 = field(y + h / 2 * k1)
            k3 = field(y + h / 2 * k2)
            k4 = field(y + h * k3)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return ((y - end) ** 2).mean()

    return adam(loss, weights, start, end)


def pinn() -> Step:
    """`architectures.pinn`."""
    jax, np = modules()
    keys = keyed()
    weights = [dense(keys, 1, 32), dense(keys, 32, 32), dense(keys, 32, 1)]
    x = jax.random.uniform(next(keys), (256, 1)) * 6.28

    def loss(weights: Any, x: Any) -> Any:
        def u(x: Any) -> Any:
            *inner, last = weights
            for layer in inner:
                x = np.tanh(linear(layer, x))
            return linear(last, x)

        first = jax.grad(lambda x: u(x).sum())
        second = jax.grad(lambda x: first(x).sum())
        return ((second(x) + np.sin(x)) ** 2).mean() + u(x)[0, 0] ** 2

    return adam(loss, weights, x)


def triplet() -> Step:
    """`architectures.triplet`: gradients clipped by their norm, SGD with momentum."""
    jax, np = modules()
    keys = keyed()
    weights = [dense(keys, 128, 64), dense(keys, 64, 32)]
    given = [jax.random.normal(next(keys), (64, 128)) for _ in range(3)]

    def loss(weights: Any, *given: Any) -> Any:
        parts = [linear(weights[1], jax.nn.relu(linear(weights[0], x))) for x in given]
        a, p, n = (x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12) for x in parts)
        near, far = (np.linalg.norm(a - other + 1e-6, axis=1) for other in (p, n))
        return jax.nn.relu(near - far + 0.3).mean()

    return momentum(loss, weights, *given, rate=0.05, largest=1.0)


def pointwise() -> Step:
    """`networks.pointwise`."""
    jax, np = modules()
    x = jax.random.normal(jax.random.PRNGKey(0), (4096, 1024))

    def total(x: Any) -> Any:
        gelu = jax.nn.gelu(1.5 * x + 0.1, approximate=False)
        return (gelu * jax.nn.sigmoid(x) + np.tanh(x) * np.exp(-(x**2))).sum()

    gradient = jax.jit(jax.grad(total))
    return lambda: gradient(x).block_until_ready()


def softmax_of_layer_norm() -> Step:
    """`architectures.softmax_of_layer_norm`."""
    jax, np = modules()
    keys = jax.random.split(jax.random.PRNGKey(0), 3)
    given = jax.random.normal(keys[0], (4096, 1024)), *[jax.random.uniform(key, (1024,)) for key in keys[1:]]

    def forward(x: Any, weight: Any, bias: Any) -> Any:
        mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return jax.nn.softmax((x - mean) / np.sqrt(variance + 1e-5) * weight + bias, axis=-1)

    compiled = jax.jit(forward)
    return lambda: compiled(*given).block_until_ready()


# --- what they share --------------------------------------------------------------------------------------------------


def keyed() -> Iterator[Any]:
    """Keys for one random array after another."""
    jax, _ = modules()
    key = jax.random.PRNGKey(0)
    while True:
        key, found = jax.random.split(key)
        yield found


def dense(keys: Iterator[Any], inputs: int, outputs: int) -> Any:
    """Weight and bias of a linear layer."""
    jax, np = modules()
    bound = inputs**-0.5
    return jax.random.uniform(next(keys), (inputs, outputs), minval=-bound, maxval=bound), np.zeros(outputs)


def linear(layer: Any, x: Any) -> Any:
    """``x @ weight + bias``."""
    weight, bias = layer
    return x @ weight + bias


def convolving(keys: Iterator[Any], inputs: int, outputs: int, size: int) -> Any:
    """Weight and bias of a convolution."""
    weight, bias = dense(keys, inputs * size * size, outputs)
    return weight.T.reshape(outputs, inputs, size, size), bias


def convolved(layer: Any, x: Any, padding: int = 0) -> Any:
    """A convolution of stride 1 with its bias."""
    jax, _ = modules()
    weight, bias = layer
    found = jax.lax.conv_general_dilated(x, weight, (1, 1), [(padding, padding)] * 2)
    return found + bias[:, None, None]


def normed(width: int) -> Any:
    """Weight and bias of a layer norm."""
    _, np = modules()
    return np.ones(width), np.zeros(width)


def layer_norm(layer: Any, x: Any) -> Any:
    """The norm along the last dimension."""
    jax, _ = modules()
    weight, bias = layer
    centred = x - x.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * weight + bias


def cross_entropy(logits: Any, labels: Any) -> Any:
    """The mean over rows."""
    jax, np = modules()
    return -jax.nn.log_softmax(logits)[np.arange(len(labels)), labels].mean()


def adam(loss: Callable[..., Any], weights: Any, *given: Any, decay: float = 0.0, key: Any = None) -> Step:
    """A step of Adam with the usual numbers, weights decaying as AdamW's; where there is a ``key``, the loss has one of
    its own at each step."""
    jax, np = modules()
    each = jax.tree_util.tree_map

    def update(state: Any, *given: Any) -> Any:
        weights, first, second, count, key = state
        mine: tuple[Any, ...] = ()
        if key is not None:
            key, *mine = jax.random.split(key)
        value, gradients = jax.value_and_grad(loss)(weights, *mine, *given)
        count = count + 1
        first = each(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
        second = each(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
        rate, root = 1e-3 / (1 - 0.9**count), np.sqrt(1 - 0.999**count)
        weights = each(lambda w, m, v: w * (1 - 1e-3 * decay) - rate * m / (np.sqrt(v) / root + 1e-8), weights, first,
                       second)
        return (weights, first, second, count, key), value

    first, second = (each(np.zeros_like, weights) for _ in range(2))
    return stepping(update, (weights, first, second, np.zeros(()), key), *given)


def momentum(loss: Callable[..., Any], weights: Any, *given: Any, rate: float, largest: float | None = None) -> Step:
    """A step of SGD with momentum 0.9, gradients no larger than ``largest`` together."""
    jax, np = modules()
    each = jax.tree_util.tree_map

    def update(state: Any, *given: Any) -> Any:
        weights, moving = state
        value, gradients = jax.value_and_grad(loss)(weights, *given)
        if largest is not None:
            norm = np.sqrt(sum((g**2).sum() for g in jax.tree_util.tree_leaves(gradients)))
            gradients = each(lambda g: g * np.minimum(1, largest / (norm + 1e-6)), gradients)
        moving = each(lambda v, g: 0.9 * v + g, moving, gradients)
        return (each(lambda w, v: w - rate * v, weights, moving), moving), value

    return stepping(update, (weights, each(np.zeros_like, weights)), *given)


# --- functions of functions: the workloads of `func` ------------------------------------------------------------------


def per_sample_mlp() -> Step:
    """`func.per_sample` of `func.mlp`."""
    jax, np = modules()
    sizes = (784, 128, 64, 10)

    def network(weights: Any, x: Any) -> Any:
        for w, b in weights[:-1]:
            x = jax.nn.relu(x @ w + b)
        w, b = weights[-1]
        return x @ w + b

    return _per_sample(network, _dense(sizes), (784,))


def per_sample_lenet() -> Step:
    """`func.per_sample` of `func.lenet`."""
    jax, np = modules()
    keys = jax.random.split(jax.random.PRNGKey(1), 2)
    filters = jax.random.normal(keys[0], (6, 1, 5, 5)) / 5, jax.random.normal(keys[1], (16, 6, 5, 5)) / 12

    def pooled(x: Any) -> Any:
        return jax.lax.reduce_window(jax.nn.relu(x), -np.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    def network(weights: Any, x: Any) -> Any:
        (first, second), dense = weights
        x = pooled(jax.lax.conv(x[None], first, (1, 1), "SAME"))
        x = pooled(jax.lax.conv(x, second, (1, 1), "VALID")).reshape(-1)
        for w, b in dense[:-1]:
            x = jax.nn.relu(x @ w + b)
        w, b = dense[-1]
        return x @ w + b

    return _per_sample(network, (filters, _dense((400, 120, 84, 10))), (1, 28, 28))


def _dense(sizes: tuple[int, ...]) -> Any:
    """Weights and biases of dense layers."""
    jax, np = modules()
    keys = jax.random.split(jax.random.PRNGKey(0), len(sizes))
    return [(jax.random.normal(key, (n, m)) / n**0.5, np.zeros(m))
            for key, n, m in zip(keys, sizes[:-1], sizes[1:], strict=False)]


def _per_sample(network: Callable[..., Any], weights: Any, shape: tuple[int, ...]) -> Step:
    """The gradients of 128 examples, one by one."""
    jax, _ = modules()
    x = jax.random.normal(jax.random.PRNGKey(2), (128, *shape))
    labels = jax.random.randint(jax.random.PRNGKey(3), (128,), 0, 10)

    def loss(weights: Any, x: Any, label: Any) -> Any:
        return -jax.nn.log_softmax(network(weights, x))[label]

    gradients = jax.jit(jax.vmap(jax.grad(loss), in_axes=(None, 0, 0)))
    return lambda: jax.block_until_ready(gradients(weights, x, labels))


def jacobian() -> Step:
    """`func.jacobian`."""
    jax, np = modules()
    (w, b), (v, c) = _dense((100, 100, 100))
    x = jax.random.normal(jax.random.PRNGKey(4), (100,))
    found = jax.jit(jax.jacrev(lambda x: np.tanh(x @ w + b) @ v + c))
    return lambda: found(x).block_until_ready()


def hessian() -> Step:
    """`func.hessian`."""
    jax, np = modules()
    matrix = jax.random.normal(jax.random.PRNGKey(5), (200, 200)) / 14
    x = jax.random.normal(jax.random.PRNGKey(6), (200,))
    found = jax.jit(jax.hessian(lambda x: (np.tanh(matrix @ x) ** 2).sum() + (x * np.sin(matrix @ x)).sum()))
    return lambda: found(x).block_until_ready()


def laplacian() -> Step:
    """`func.laplacian`."""
    jax, np = modules()
    weights = _dense((3, 64, 64, 64, 1))
    points, unit = jax.random.normal(jax.random.PRNGKey(7), (1000, 3)), np.eye(3)

    def network(x: Any) -> Any:
        for w, b in weights[:-1]:
            x = np.tanh(x @ w + b)
        w, b = weights[-1]
        return (x @ w + b)[..., 0]

    def second(points: Any, direction: Any) -> Any:
        along = np.broadcast_to(direction, points.shape)
        return jax.jvp(lambda x: jax.jvp(network, (x,), (along,))[1], (points,), (along,))[1]

    found = jax.jit(lambda points: jax.vmap(second, (None, 0))(points, unit).sum(0))
    return lambda: found(points).block_until_ready()


def solves() -> Step:
    """`func.solves`."""
    jax, np = modules()
    a = jax.random.normal(jax.random.PRNGKey(8), (1000, 4, 4)) + 4 * np.eye(4)
    b = jax.random.normal(jax.random.PRNGKey(9), (1000, 4))
    found = jax.jit(jax.vmap(np.linalg.solve))
    return lambda: found(a, b).block_until_ready()


def runge_kutta() -> Step:
    """`func.runge_kutta`."""
    jax, np = modules()
    h = 0.02

    def slope(y: Any, rate: Any) -> Any:
        return np.stack([y[0] * (rate - y[1]), y[1] * (y[0] - 1)])

    def solution(rate: Any) -> Any:
        y = np.array([1.0, 0.5])
        for _ in range(20):
            k1 = slope(y, rate)
            k2 = slope(y + h / 2 * k1, rate)
            k3 = slope(y + h / 2 * k2, rate)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + slope(y + h * k3, rate))
        return y

    found = jax.jit(lambda rate: jax.jvp(solution, (rate,), (np.ones(()),)))
    rate = np.array(1.2)
    return lambda: jax.block_until_ready(found(rate))


def stepping(update: Callable[..., Any], state: Any, *given: Any) -> Step:
    """A step that hands the state on from call to call; the old one's memory may be used for the new."""
    jax, _ = modules()
    compiled = jax.jit(update, donate_argnums=0)

    def step() -> Any:
        nonlocal state
        state, value = compiled(state, *given)
        jax.block_until_ready(state)
        return value

    return step


def modules() -> tuple[Any, Any]:
    """jax and its numpy."""
    return import_module("jax"), import_module("jax.numpy")
