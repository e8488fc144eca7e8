"""Architectures in jax whose parameters are a dict by the names that the same networks have in `networks` and
`architectures`: so that both can start from the same numbers, and one be held against the other.

Each is a function of the ``start``, parameters and buffers by name, and of what is ``given``, inputs and labels; random
ones of the same shapes where there are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from benchmarks.jax_parts import Step, adam, cross_entropy, keyed, layer_norm, modules, momentum

Named = dict[str, Any]
Shapes = dict[str, tuple[int, ...]]


def resnet20(start: tuple[Named, Named] | None = None, given: Sequence[Any] = ()) -> Step:
    """`networks.resnet20`: SGD with momentum and decay."""
    jax, np = modules()
    shapes, kept = {**_convolution("0", 3, 16, 3), **_norm("1", 16), **_linear("14", 64, 10)}, ["1"]
    blocks, inputs = [], 16
    for number, (outputs, stride) in enumerate(
            [(width, 2 if at == 0 and width > 16 else 1) for width in (16, 32, 64) for at in range(3)], start=3):
        name = str(number)
        shapes |= _convolution(f"{name}.conv1", inputs, outputs, 3) | _norm(f"{name}.bn1", outputs)
        shapes |= _convolution(f"{name}.conv2", outputs, outputs, 3) | _norm(f"{name}.bn2", outputs)
        kept += [f"{name}.bn1", f"{name}.bn2"]
        if stride != 1 or inputs != outputs:
            shapes |= _convolution(f"{name}.shortcut.0", inputs, outputs, 1) | _norm(f"{name}.shortcut.1", outputs)
            kept.append(f"{name}.shortcut.1")
        blocks.append((name, stride))
        inputs = outputs

    def loss(weights: Named, statistics: Named, x: Any, labels: Any) -> Any:
        net = _Net(weights, statistics)
        x = jax.nn.relu(net.norm("1", net.convolution("0", x, padding=1)))
        for name, stride in blocks:
            inner = net.convolution(f"{name}.conv1", x, stride, 1)
            inner = net.convolution(f"{name}.conv2", jax.nn.relu(net.norm(f"{name}.bn1", inner)), 1, 1)
            inner = net.norm(f"{name}.bn2", inner)
            if f"{name}.shortcut.0.weight" in weights:
                x = net.norm(f"{name}.shortcut.1", net.convolution(f"{name}.shortcut.0", x, stride))
            x = jax.nn.relu(inner + x)
        return cross_entropy(net.linear("14", x.mean((2, 3))), labels), net.statistics

    weights, statistics = start or _started(shapes, kept)
    return momentum(loss, weights, *(given or _pictures(32, 3, 32)), rate=0.1, decay=1e-4, kept=statistics)


def separable(start: tuple[Named, Named] | None = None, given: Sequence[Any] = ()) -> Step:
    """`architectures.separable`: SGD with momentum."""
    jax, np = modules()
    layers, inputs = [("0", 2, 1)], 3
    shapes: Shapes = {}
    for outputs, stride in ((16, 0), (32, 1), (64, 2), (64, 1), (128, 2)):
        if stride:
            layers.append((str(3 * len(layers)), stride, inputs))
            shapes |= _convolution(layers[-1][0], 1, inputs, 3) | _norm(str(3 * len(layers) - 2), inputs)
            layers.append((str(3 * len(layers)), 1, 1))
        shapes |= _convolution(layers[-1][0], inputs, outputs, 1 if stride else 3)
        shapes |= _norm(str(3 * len(layers) - 2), outputs)
        inputs = outputs
    head = str(3 * len(layers) + 2)

    def loss(weights: Named, statistics: Named, x: Any, labels: Any) -> Any:
        net = _Net(weights, statistics)
        for name, stride, groups in layers:
            x = net.convolution(name, x, stride, weights[f"{name}.weight"].shape[-1] // 2, groups=groups)
            x = jax.nn.relu(net.norm(str(int(name) + 1), x))
        return cross_entropy(net.linear(head, x.mean((2, 3))), labels), net.statistics

    shapes |= _linear(head, 128, 10)
    weights, statistics = start or _started(shapes, [str(int(name) + 1) for name, *_ in layers])
    return momentum(loss, weights, *(given or _pictures(32, 3, 32)), rate=0.05, kept=statistics)


def bigru(start: tuple[Named, Named] | None = None, given: Sequence[Any] = ()) -> Step:
    """`architectures.bigru`: the walks over the characters are scans."""
    jax, np = modules()
    shapes: Shapes = {"embedding.weight": (80, 32), **_linear("head", 128, 5)}
    for turn in ("", "_reverse"):
        shapes |= {f"gru.weight_ih_l0{turn}": (192, 32), f"gru.weight_hh_l0{turn}": (192, 64),
                   f"gru.bias_ih_l0{turn}": (192,), f"gru.bias_hh_l0{turn}": (192,)}

    def last(weights: Named, x: Any, turn: str) -> Any:
        inputs, states, bias, inner = (weights[f"gru.{name}_l0{turn}"] for name in (
            "weight_ih", "weight_hh", "bias_ih", "bias_hh"))

        def move(h: Any, row: Any) -> Any:
            one, other = np.split(row, 3, axis=1), np.split(h @ states.T + inner, 3, axis=1)
            r, z = (jax.nn.sigmoid(one[k] + other[k]) for k in range(2))
            n = np.tanh(one[2] + r * other[2])
            return (1 - z) * n + z * h, None

        rows = (x @ inputs.T + bias).transpose(1, 0, 2)
        return jax.lax.scan(move, np.zeros((x.shape[0], 64)), rows, reverse=bool(turn))[0]

    def loss(weights: Named, text: Any, labels: Any) -> Any:
        x = weights["embedding.weight"][text]
        h = np.concatenate([last(weights, x, turn) for turn in ("", "_reverse")], axis=1)
        return cross_entropy(_Net(weights, {}).linear("head", h), labels)

    weights, _ = start or _started(shapes, [])
    return adam(loss, weights, *(given or _classes((32, 40), 80, (32,), 5)))


def unet(start: tuple[Named, Named] | None = None, given: Sequence[Any] = ()) -> Step:
    """`architectures.unet`."""
    jax, np = modules()
    levels = {"first": (1, 8), "second": (8, 16), "bottom": (16, 32), "back_second": (32, 16), "back_first": (16, 8)}
    shapes: Shapes = {"up_second.weight": (32, 16, 2, 2), "up_second.bias": (16,), "up_first.weight": (16, 8, 2, 2),
                      "up_first.bias": (8,), **_convolution("head", 8, 2, 1, bias=True)}
    for name, (inputs, outputs) in levels.items():
        shapes |= _convolution(f"{name}.0", inputs, outputs, 3, bias=True) | _norm(f"{name}.1", outputs)
        shapes |= _convolution(f"{name}.3", outputs, outputs, 3, bias=True) | _norm(f"{name}.4", outputs)

    def pooled(x: Any) -> Any:
        return jax.lax.reduce_window(x, -np.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    def loss(weights: Named, statistics: Named, x: Any, labels: Any) -> Any:
        net = _Net(weights, statistics)

        def block(name: str, x: Any) -> Any:
            for at in (0, 3):
                x = jax.nn.relu(net.norm(f"{name}.{at + 1}", net.convolution(f"{name}.{at}", x, padding=1)))
            return x

        def up(name: str, x: Any) -> Any:  # windows of 2 that are 2 apart do not overlap
            found = np.einsum("nchw,cokl->nohkwl", x, weights[f"{name}.weight"])
            batch, channels, height, _, width, _ = found.shape
            return found.reshape(batch, channels, 2 * height, 2 * width) + weights[f"{name}.bias"][:, None, None]

        first = block("first", x)
        second = block("second", pooled(first))
        bottom = block("bottom", pooled(second))
        inner = block("back_second", np.concatenate([up("up_second", bottom), second], axis=1))
        out = net.convolution("head", block("back_first", np.concatenate([up("up_first", inner), first], axis=1)))
        return _of_places(out, labels), net.statistics

    weights, statistics = start or _started(shapes, [f"{name}.{at}" for name in levels for at in (1, 4)])
    return adam(loss, weights, *(given or _pictures(8, 1, 32, 2, (8, 32, 32))), kept=statistics)


def vit(start: tuple[Named, Named] | None = None, given: Sequence[Any] = ()) -> Step:
    """`architectures.vit`: AdamW."""
    jax, np = modules()
    width, heads = 64, 4
    shapes: Shapes = {**_convolution("patches", 3, width, 4, bias=True), "first": (1, 1, width),
                      "positions": (1, 65, width), **_norm("norm", width), **_linear("head", width, 10)}
    for number in range(3):
        name = f"blocks.{number}"
        shapes |= _norm(f"{name}.ln1", width) | _norm(f"{name}.ln2", width) | _linear(f"{name}.qkv", width, 3 * width)
        shapes |= _linear(f"{name}.project", width, width) | _linear(f"{name}.mlp.0", width, 4 * width)
        shapes |= _linear(f"{name}.mlp.2", 4 * width, width)

    def loss(weights: Named, x: Any, labels: Any) -> Any:
        net = _Net(weights, {})
        x = net.convolution("patches", x, 4)
        batch = x.shape[0]
        x = x.reshape(batch, width, -1).transpose(0, 2, 1)
        x = np.concatenate([np.broadcast_to(weights["first"], (batch, 1, width)), x], axis=1) + weights["positions"]
        for number in range(3):
            name = f"blocks.{number}"
            parts = net.linear(f"{name}.qkv", net.layer_norm(f"{name}.ln1", x))
            q, k, v = parts.reshape(batch, -1, 3, heads, width // heads).transpose(2, 0, 3, 1, 4)
            mixed = jax.nn.softmax(q @ k.transpose(0, 1, 3, 2) / (width // heads) ** 0.5) @ v
            x = x + net.linear(f"{name}.project", mixed.transpose(0, 2, 1, 3).reshape(batch, -1, width))
            inner = jax.nn.gelu(net.linear(f"{name}.mlp.0", net.layer_norm(f"{name}.ln2", x)), approximate=False)
            x = x + net.linear(f"{name}.mlp.2", inner)
        return cross_entropy(net.linear("head", net.layer_norm("norm", x)[:, 0]), labels)

    weights, _ = start or _started(shapes, [])
    return adam(loss, weights, *(given or _pictures(16, 3, 32)), decay=0.01)


def wavenet(start: tuple[Named, Named] | None = None, given: Sequence[Any] = ()) -> Step:
    """`architectures.wavenet`."""
    jax, np = modules()
    width = 32
    shapes: Shapes = {"embedding.weight": (64, width), "head.weight": (64, width, 1), "head.bias": (64,)}
    for number in range(6):
        name = f"layers.{number}"
        shapes |= {f"{name}.gates.weight": (2 * width, width, 2), f"{name}.gates.bias": (2 * width,),
                   f"{name}.mix.weight": (width, width, 1), f"{name}.mix.bias": (width,)}

    def loss(weights: Named, samples: Any, labels: Any) -> Any:
        net = _Net(weights, {})
        x = weights["embedding.weight"][samples].transpose(0, 2, 1)
        for number in range(6):
            name, past = f"layers.{number}", 2**number
            padded = np.pad(x, ((0, 0), (0, 0), (past, 0)))
            value, gate = np.split(net.convolution(f"{name}.gates", padded, dilation=past), 2, axis=1)
            x = x + net.convolution(f"{name}.mix", np.tanh(value) * jax.nn.sigmoid(gate))
        return _of_places(net.convolution("head", jax.nn.relu(x)), labels)

    weights, _ = start or _started(shapes, [])
    return adam(loss, weights, *(given or _classes((8, 256), 64, (8, 256), 64)))


# --- layers by name ---------------------------------------------------------------------------------------------------


class _Net:
    """Layers that find their parameters by name, and the ``statistics`` that their norms leave."""

    def __init__(self, weights: Named, statistics: Named) -> None:
        self._weights, self.statistics = weights, dict(statistics)

    def linear(self, name: str, x: Any) -> Any:
        return x @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def layer_norm(self, name: str, x: Any) -> Any:
        return layer_norm((self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]), x)

    def convolution(self, name: str, x: Any, stride: int = 1, padding: int = 0, groups: int = 1, dilation: int = 1
                    ) -> Any:
        jax, _ = modules()
        rank = x.ndim - 2
        found = jax.lax.conv_general_dilated(
            x, self._weights[f"{name}.weight"], (stride,) * rank, [(padding, padding)] * rank,
            rhs_dilation=(dilation,) * rank, feature_group_count=groups)
        bias = self._weights.get(f"{name}.bias")
        return found if bias is None else found + bias.reshape(-1, *(1,) * rank)

    def norm(self, name: str, x: Any) -> Any:
        """Batch norm in training."""
        jax, _ = modules()
        mean, variance = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
        count = x.size // x.shape[1]
        for what, now in (("mean", mean), ("var", variance * count / (count - 1))):
            place = f"{name}.running_{what}"
            self.statistics[place] = 0.9 * self.statistics[place] + 0.1 * now.reshape(-1)
        weight, bias = (self._weights[f"{name}.{what}"][:, None, None] for what in ("weight", "bias"))
        return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * weight + bias


def _of_places(logits: Any, labels: Any) -> Any:
    """The cross-entropy of classes in dimension 1, at every place."""
    _, np = modules()
    classes = logits.shape[1]
    return cross_entropy(np.moveaxis(logits, 1, -1).reshape(-1, classes), labels.reshape(-1))


def _convolution(name: str, inputs: int, outputs: int, size: int, bias: bool = False) -> Shapes:
    return {f"{name}.weight": (outputs, inputs, size, size), **({f"{name}.bias": (outputs,)} if bias else {})}


def _linear(name: str, inputs: int, outputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _started(shapes: Shapes, normed: Sequence[str]) -> tuple[Named, Named]:
    """Random weights, and the statistics of these norms."""
    jax, np = modules()
    keys, weights = keyed(), {}
    for name, shape in shapes.items():
        if len(shape) == 1:
            weights[name] = np.ones(shape) if name.endswith("weight") else np.zeros(shape)
        else:
            bound = prod(shape[1:]) ** -0.5
            weights[name] = jax.random.uniform(next(keys), shape, minval=-bound, maxval=bound)
    statistics = {f"{name}.running_{what}": make(shapes[f"{name}.weight"]) for name in normed
                  for what, make in (("mean", np.zeros), ("var", np.ones))}
    return weights, statistics


def _pictures(count: int, channels: int, size: int, classes: int = 10, labels: tuple[int, ...] = ()) -> list[Any]:
    jax, _ = modules()
    keys = keyed()
    return [jax.random.uniform(next(keys), (count, channels, size, size)),
            jax.random.randint(next(keys), labels or (count,), 0, classes)]


def _classes(shape: tuple[int, ...], values: int, labels: tuple[int, ...], classes: int) -> list[Any]:
    jax, _ = modules()
    keys = keyed()
    return [jax.random.randint(next(keys), shape, 0, values), jax.random.randint(next(keys), labels, 0, classes)]
