"""Whole training steps of small networks (forward, backward, optimiser), on synthetic data of the usual shapes.

Each is written once against the parameter `torch`, which is either library, and returns the step to be timed.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

Step = Callable[[], Any]


def mlp(torch: ModuleType) -> Step:
    """784-128-64-10 with ReLU, a batch of 64, cross-entropy, Adam."""
    nn = torch.nn
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
    images, labels = torch.rand(64, 784), torch.randint(10, (64,))
    optimizer = torch.optim.Adam(model.parameters())
    return training_step(torch, model, images, labels, optimizer)


def lenet(torch: ModuleType) -> Step:
    """Two 5×5 convolutions of 6 and 16 channels with tanh and max pooling, 400-120-84-10, a batch of 128 images of
    28×28, SGD with momentum."""
    nn = torch.nn
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Tanh(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
    )
    images, labels = torch.rand(128, 1, 28, 28), torch.randint(10, (128,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return training_step(torch, model, images, labels, optimizer)


def resnet20(torch: ModuleType) -> Step:
    """The CIFAR form of ResNet-20 (He et al. 2015, section 4.2) on 32 images of 32×32, SGD with momentum and weight
    decay."""
    nn = torch.nn

    class Block(nn.Module):  # type: ignore[name-defined]
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(outputs)
            self.shortcut = nn.Sequential()
            if stride != 1 or inputs != outputs:
                projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
                self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(outputs))

        def forward(self, x: Any) -> Any:
            inner = torch.relu(self.bn1(self.conv1(x)))
            return torch.relu(self.bn2(self.conv2(inner)) + self.shortcut(x))

    torch.manual_seed(0)
    layers: list[Any] = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    inputs = 16
    for outputs, stride in ((16, 1), (32, 2), (64, 2)):
        for number in range(3):
            layers.append(Block(inputs, outputs, stride if number == 0 else 1))
            inputs = outputs
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    images, labels = torch.rand(32, 3, 32, 32), torch.randint(10, (32,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    return training_step(torch, model, images, labels, optimizer)


def lstm(torch: ModuleType) -> Step:
    """A character model: embedding of 80 in 64, LSTM of 128, linear to 80; a batch of 32, 64 characters, Adam."""
    nn = torch.nn

    class CharacterModel(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(80, 64)
            self.lstm = nn.LSTM(64, 128, batch_first=True)
            self.head = nn.Linear(128, 80)

        def forward(self, x: Any) -> Any:
            return self.head(self.lstm(self.embedding(x))[0]).flatten(0, 1)

    torch.manual_seed(0)
    model = CharacterModel()
    text, following = torch.randint(80, (32, 64)), torch.randint(80, (32 * 64,))
    return training_step(torch, model, text, following, torch.optim.Adam(model.parameters()))


def gpt(torch: ModuleType) -> Step:
    """Four causal transformer layers, 128 wide, 4 heads, on 12 sequences of 64 characters, AdamW."""
    nn, F = torch.nn, torch.nn.functional
    width, heads, length, characters = 128, 4, 64, 80

    class Block(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x: Any) -> Any:
            batch, steps, _ = x.shape
            parts = self.qkv(self.ln1(x)).split(width, dim=2)
            q, k, v = (part.view(batch, steps, heads, width // heads).transpose(1, 2) for part in parts)
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.project(mixed.transpose(1, 2).contiguous().view(batch, steps, width))
            return x + self.mlp(self.ln2(x))

    class Model(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.positions = nn.Embedding(characters, width), nn.Embedding(length, width)
            self.blocks = nn.Sequential(*(Block() for _ in range(4)))
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, characters, bias=False)

        def forward(self, x: Any) -> Any:
            embedded = self.tokens(x) + self.positions(torch.arange(x.shape[1]))
            return self.head(self.norm(self.blocks(embedded))).flatten(0, 1)

    torch.manual_seed(0)
    model = Model()
    text, following = torch.randint(characters, (12, length)), torch.randint(characters, (12 * length,))
    return training_step(torch, model, text, following, torch.optim.AdamW(model.parameters()))


def pointwise(torch: ModuleType) -> Step:
    """`(gelu(1.5 x + 0.1) · sigmoid(x) + tanh(x) · exp(-x²)).sum()` of 4096×1024, forward and backward."""
    gelu = torch.nn.functional.gelu
    torch.manual_seed(0)
    x = torch.randn(4096, 1024, requires_grad=True)

    def step() -> None:
        x.grad = None
        (gelu(1.5 * x + 0.1) * torch.sigmoid(x) + torch.tanh(x) * torch.exp(-(x**2))).sum().backward()

    return step


def training_step(torch: ModuleType, model: Any, inputs: Any, labels: Any, optimizer: Any) -> Step:
    """Forward, cross-entropy, backward, optimiser."""
    loss_function = torch.nn.CrossEntropyLoss()

    def step() -> None:
        optimizer.zero_grad()
        loss_function(model(inputs), labels).backward()
        optimizer.step()

    return step
