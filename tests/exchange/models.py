"""Models as people export them; each with an example, further inputs of other sizes, and the dimensions that vary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import wengert as torch
import wengert.nn.functional as F
from wengert import nn


class Case(NamedTuple):
    """``make()`` gives the model, ``example(batch)`` arguments for a batch; ``axes`` are the ``dynamic_axes``."""

    make: Callable[[], Any]
    example: Callable[[int], tuple[Any, ...]]
    axes: dict[str, dict[int, str]]


def mlp() -> Any:
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 3))


def cnn() -> Any:
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Conv2d(8, 12, 3, stride=2), nn.BatchNorm2d(12), nn.SiLU(), nn.AvgPool2d(2),
                         nn.Flatten(), nn.Linear(12, 5))


class Residual(nn.Module):
    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inner, outer, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outer)
        self.conv2 = nn.Conv2d(outer, outer, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outer)
        self.shortcut = nn.Sequential()
        if stride != 1 or inner != outer:
            self.shortcut = nn.Sequential(nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer))

    def forward(self, x: Any) -> Any:
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(out + self.shortcut(x))


class ResNet20(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        blocks, inner = [], 16
        for outer, stride in ((16, 1), (32, 2), (64, 2)):
            for i in range(3):
                blocks.append(Residual(inner, outer, stride if i == 0 else 1))
                inner = outer
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(64, 10)

    def forward(self, x: Any) -> Any:
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


class Recurrent(nn.Module):
    def __init__(self, kind: Any, **options: Any) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 7)
        self.rnn = kind(7, 9, batch_first=True, **options)
        self.head = nn.Linear(9 * (2 if options.get("bidirectional") else 1), 4)

    def forward(self, tokens: Any) -> Any:
        out, state = self.rnn(self.embed(tokens))
        return self.head(out), state


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Any) -> Any:
        batch, steps, width = x.shape
        q, k, v = self.qkv(x).split(width, dim=2)
        q, k, v = (t.view(batch, steps, self.heads, width // self.heads).transpose(1, 2) for t in (q, k, v))
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(out.transpose(1, 2).contiguous().view(batch, steps, width))


class GPT(nn.Module):
    def __init__(self, width: int = 24, heads: int = 3, words: int = 30) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(words, width), nn.Embedding(16, width)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(approximate="tanh"), nn.Linear(4 * width, width))
        self.head = nn.Linear(width, words, bias=False)

    def forward(self, tokens: Any) -> Any:
        x = self.tokens(tokens) + self.places(torch.arange(tokens.shape[1]))
        x = x + self.attention(self.norm1(x))
        x = x + self.mlp(self.norm2(x))
        return self.head(self.norm3(x))


class ViT(nn.Module):
    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, width, 4, 4)
        self.cls = nn.Parameter(torch.randn(1, 1, width))
        self.places = nn.Parameter(torch.randn(1, 17, width))
        layer = nn.TransformerEncoderLayer(width, 2, 32, dropout=0.1, activation="gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, 5)

    def forward(self, x: Any) -> Any:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], dim=1) + self.places
        return self.head(self.encoder(x)[:, 0])


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()

        def block(inner: int, outer: int) -> Any:
            return nn.Sequential(nn.Conv2d(inner, outer, 3, padding=1), nn.GroupNorm(2, outer), nn.LeakyReLU(0.1))

        self.down1, self.down2, self.middle = block(1, 4), block(4, 8), block(8, 16)
        self.up2, self.up1 = nn.ConvTranspose2d(16, 8, 2, 2), nn.ConvTranspose2d(8, 4, 2, 2)
        self.left2, self.left1, self.head = block(16, 8), block(8, 4), nn.Conv2d(4, 2, 1)

    def forward(self, x: Any) -> Any:
        one = self.down1(x)
        two = self.down2(F.max_pool2d(one, 2))
        middle = self.middle(F.max_pool2d(two, 2))
        x = self.left2(torch.cat([self.up2(middle), two], 1))
        x = self.left1(torch.cat([self.up1(x), one], 1))
        return {"logits": self.head(x), "coarse": F.interpolate(middle, scale_factor=2, mode="nearest")}


def depthwise() -> Any:
    return nn.Sequential(nn.Conv2d(3, 6, 3, padding=1, groups=3), nn.Conv2d(6, 8, 1), nn.BatchNorm2d(8), nn.Hardswish(),
                         nn.Conv2d(8, 8, 5, padding=4, dilation=2, groups=8, bias=False), nn.ReLU6(),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4), nn.Softmax(1))


def autoencoder() -> Any:
    return nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.ELU(), nn.Conv2d(4, 8, 3, 2, 1), nn.Tanh(),
                         nn.ConvTranspose2d(8, 4, 3, 2, 1, output_padding=1), nn.Softplus(),
                         nn.ConvTranspose2d(4, 1, 4, 2, 1), nn.Sigmoid())


class Bag(nn.Module):
    def __init__(self, mode: str = "mean") -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(20, 6, mode=mode)
        self.head = nn.Linear(6, 2)

    def forward(self, words: Any) -> Any:
        return F.log_softmax(self.head(self.bag(words)), dim=-1)


def images(channels: int, size: int) -> Callable[[int], tuple[Any, ...]]:
    return lambda batch: (torch.randn(batch, channels, size, size),)


def tokens(steps: int) -> Callable[[int], tuple[Any, ...]]:
    return lambda batch: (torch.randint(0, 20, (batch, steps)),)


BATCH = {"x": {0: "batch"}}
CASES = {
    "mlp": Case(mlp, lambda batch: (torch.randn(batch, 6),), BATCH),
    "cnn": Case(cnn, images(3, 13), BATCH),
    "resnet20": Case(ResNet20, images(3, 16), BATCH),
    "lstm": Case(lambda: Recurrent(nn.LSTM, num_layers=2), tokens(5), BATCH),
    "bidirectional lstm": Case(lambda: Recurrent(nn.LSTM, bidirectional=True), tokens(5), BATCH),
    "gru": Case(lambda: Recurrent(nn.GRU, bidirectional=True), tokens(4), BATCH),
    "rnn": Case(lambda: Recurrent(nn.RNN, nonlinearity="relu"), tokens(4), BATCH),
    "gpt": Case(GPT, tokens(8), BATCH),
    "vit": Case(ViT, images(3, 16), BATCH),
    "unet": Case(UNet, images(1, 16), BATCH),
    "depthwise": Case(depthwise, images(3, 9), BATCH),
    "autoencoder": Case(autoencoder, images(1, 12), BATCH),
    "embedding bag": Case(Bag, tokens(6), BATCH),
    "embedding bag of maxima": Case(lambda: Bag("max"), tokens(6), BATCH),
}
