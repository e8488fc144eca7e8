"""Some of the workloads in jax: the same sizes and arithmetic, one jitted function a step, its state handed on.

The architectures that have parameters of many names are in `jax_architectures`, functions of functions in `jax_func`.
"""

from __future__ import annotations

from typing import Any

from benchmarks.jax_architectures import bigru, resnet20, separable, unet, vit, wavenet
from benchmarks.jax_func import (
    hessian,
    jacobian,
    laplacian,
    per_sample_lenet,
    per_sample_mlp,
    runge_kutta,
    solves,
)
from benchmarks.jax_parts import (
    Step,
    adam,
    convolved,
    convolving,
    cross_entropy,
    dense,
    keyed,
    layer_norm,
    linear,
    modules,
    momentum,
    normed,
    stepping,
)

__all__ = ["adaline", "bigru", "gpt", "hessian", "jacobian", "laplacian", "lenet", "lstm", "mlp", "neural_ode",
           "per_sample_lenet", "per_sample_mlp", "pinn", "pointwise", "resnet20", "runge_kutta", "separable",
           "softmax_of_layer_norm", "solves", "triplet", "unet", "vae", "vit", "wavenet"]


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
