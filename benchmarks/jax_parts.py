"""What the workloads in jax are put together of: layers, losses, optimisers, and a step that hands its state on.

jax answers before it has computed; a step here ends when its results are there, as the others' do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

Step = Callable[[], Any]


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


def adam(loss: Callable[..., Any], weights: Any, *given: Any, decay: float = 0.0, key: Any = None, kept: Any = None
         ) -> Step:
    """A step of Adam with the usual numbers, weights decaying as AdamW's; where there is a ``key``, the loss has one of
    its own at each step. What is ``kept`` beside the weights, such as statistics, the loss is given after them, and
    gives anew beside its value."""
    jax, np = modules()
    each = jax.tree_util.tree_map

    def update(state: Any, *given: Any) -> Any:
        weights, first, second, count, key, kept = state
        mine: tuple[Any, ...] = ()
        if key is not None:
            key, *mine = jax.random.split(key)
        value, kept, gradients = _differentiated(loss, weights, kept, *mine, *given)
        count = count + 1
        first = each(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
        second = each(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
        rate, root = 1e-3 / (1 - 0.9**count), np.sqrt(1 - 0.999**count)
        weights = each(lambda w, m, v: w * (1 - 1e-3 * decay) - rate * m / (np.sqrt(v) / root + 1e-8), weights, first,
                       second)
        return (weights, first, second, count, key, kept), value

    first, second = (each(np.zeros_like, weights) for _ in range(2))
    return stepping(update, (weights, first, second, np.zeros(()), key, kept), *given)


def momentum(loss: Callable[..., Any], weights: Any, *given: Any, rate: float, largest: float | None = None,
             decay: float = 0.0, kept: Any = None) -> Step:
    """A step of SGD with momentum 0.9, gradients no larger than ``largest`` together, to which the weights are added
    times ``decay``; ``kept`` as of `adam`."""
    jax, np = modules()
    each = jax.tree_util.tree_map

    def update(state: Any, *given: Any) -> Any:
        weights, moving, kept = state
        value, kept, gradients = _differentiated(loss, weights, kept, *given)
        if largest is not None:
            norm = np.sqrt(sum((g**2).sum() for g in jax.tree_util.tree_leaves(gradients)))
            gradients = each(lambda g: g * np.minimum(1, largest / (norm + 1e-6)), gradients)
        moving = each(lambda v, g, w: 0.9 * v + g + decay * w, moving, gradients, weights)
        return (each(lambda w, v: w - rate * v, weights, moving), moving, kept), value

    return stepping(update, (weights, each(np.zeros_like, weights), kept), *given)


def _differentiated(loss: Callable[..., Any], weights: Any, kept: Any, *given: Any) -> tuple[Any, Any, Any]:
    """The value of a loss, what is kept beside the weights, and the gradients."""
    jax, _ = modules()
    if kept is None:
        value, gradients = jax.value_and_grad(loss)(weights, *given)
        return value, None, gradients
    (value, kept), gradients = jax.value_and_grad(loss, has_aux=True)(weights, kept, *given)
    return value, kept, gradients


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
