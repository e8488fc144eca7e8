"""More training steps than `networks` has, of the architectures that people compile: forward, backward, update.

Each is written once against the parameter `torch`, which is either library, and returns the step to be timed.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from benchmarks.networks import Step, training_step


def softmax_of_layer_norm(torch: ModuleType) -> Step:
    """`softmax(layer_norm(x))` along the rows of 4096×1024, no gradient wanted."""
    F = torch.nn.functional
    torch.manual_seed(0)
    x, weight, bias = torch.randn(4096, 1024), torch.rand(1024), torch.rand(1024)

    def step() -> Any:
        return F.softmax(F.layer_norm(x, (1024,), weight, bias), -1)

    return step


def vae(torch: ModuleType) -> Step:
    """Kingma & Welling 2014: 784-256-16 and back, the noise drawn in the step, a batch of 64, Adam."""
    nn, F = torch.nn, torch.nn.functional

    class Autoencoder(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.encode = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 32))
            self.decode = nn.Sequential(nn.Linear(16, 256), nn.ReLU(), nn.Linear(256, 784))

        def forward(self, x: Any) -> Any:
            mean, logarithm = self.encode(x).chunk(2, dim=1)
            drawn = mean + torch.randn_like(mean) * torch.exp(0.5 * logarithm)
            divergence = -0.5 * (1 + logarithm - mean.pow(2) - logarithm.exp()).sum()
            return F.binary_cross_entropy_with_logits(self.decode(drawn), x, reduction="sum") + divergence

    torch.manual_seed(0)
    model = Autoencoder()
    images = torch.rand(64, 784)
    optimizer = torch.optim.Adam(model.parameters())

    def step() -> Any:
        optimizer.zero_grad()
        loss = model(images) / 64
        loss.backward()
        optimizer.step()
        return loss

    return step


def separable(torch: ModuleType) -> Step:
    """Four depthwise 3×3 and pointwise convolutions with batch norm (as MobileNet), 32 images of 32×32, SGD."""
    nn = torch.nn
    torch.manual_seed(0)
    layers: list[Any] = [nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    for inputs, outputs, stride in ((16, 32, 1), (32, 64, 2), (64, 64, 1), (64, 128, 2)):
        layers += [nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False), nn.BatchNorm2d(inputs),
                   nn.ReLU(), nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))
    images, labels = torch.rand(32, 3, 32, 32), torch.randint(10, (32,))
    return training_step(torch, model, images, labels, torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9))


def bigru(torch: ModuleType) -> Step:
    """A bidirectional GRU of 64 that reads 32 texts of 40 characters; its two last states are classified, Adam."""
    nn = torch.nn

    class Classifier(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(80, 32)
            self.gru = nn.GRU(32, 64, batch_first=True, bidirectional=True)
            self.head = nn.Linear(128, 5)

        def forward(self, x: Any) -> Any:
            _, last = self.gru(self.embedding(x))
            return self.head(torch.cat([last[0], last[1]], dim=1))

    torch.manual_seed(0)
    model = Classifier()
    text, labels = torch.randint(80, (32, 40)), torch.randint(5, (32,))
    return training_step(torch, model, text, labels, torch.optim.Adam(model.parameters()))


def unet(torch: ModuleType) -> Step:
    """Ronneberger et al. 2015, small: two levels down and up with skips, 8 images of 32×32 in two classes, Adam."""
    nn = torch.nn

    def block(inputs: int, outputs: int) -> Any:
        return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
                             nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU())

    class Net(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.bottom = block(1, 8), block(8, 16), block(16, 32)
            self.pool = nn.MaxPool2d(2)
            self.up_second, self.up_first = nn.ConvTranspose2d(32, 16, 2, 2), nn.ConvTranspose2d(16, 8, 2, 2)
            self.back_second, self.back_first, self.head = block(32, 16), block(16, 8), nn.Conv2d(8, 2, 1)

        def forward(self, x: Any) -> Any:
            first = self.first(x)
            second = self.second(self.pool(first))
            bottom = self.bottom(self.pool(second))
            inner = self.back_second(torch.cat([self.up_second(bottom), second], dim=1))
            return self.head(self.back_first(torch.cat([self.up_first(inner), first], dim=1)))

    torch.manual_seed(0)
    model = Net()
    images, labels = torch.rand(8, 1, 32, 32), torch.randint(2, (8, 32, 32))
    return training_step(torch, model, images, labels, torch.optim.Adam(model.parameters()))


def vit(torch: ModuleType) -> Step:
    """Dosovitskiy et al. 2021, small: 16 images of 32×32 in patches of 4×4, three layers, 64 wide, 4 heads, AdamW."""
    nn, F = torch.nn, torch.nn.functional
    width, heads = 64, 4

    class Block(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x: Any) -> Any:
            batch, steps, _ = x.shape
            q, k, v = self.qkv(self.ln1(x)).view(batch, steps, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
            mixed = F.scaled_dot_product_attention(q, k, v)
            x = x + self.project(mixed.transpose(1, 2).reshape(batch, steps, width))
            return x + self.mlp(self.ln2(x))

    class Model(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, width, 4, 4)
            self.first = nn.Parameter(torch.zeros(1, 1, width))
            self.positions = nn.Parameter(torch.randn(1, 65, width) * 0.02)
            self.blocks = nn.Sequential(*(Block() for _ in range(3)))
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 10)

        def forward(self, x: Any) -> Any:
            tokens = self.patches(x).flatten(2).transpose(1, 2)
            tokens = torch.cat([self.first.expand(x.shape[0], -1, -1), tokens], dim=1) + self.positions
            return self.head(self.norm(self.blocks(tokens))[:, 0])

    torch.manual_seed(0)
    model = Model()
    images, labels = torch.rand(16, 3, 32, 32), torch.randint(10, (16,))
    return training_step(torch, model, images, labels, torch.optim.AdamW(model.parameters()))


def wavenet(torch: ModuleType) -> Step:
    """van den Oord et al. 2016, small: six gated residual convolutions of dilations 1 to 32 over 8 sequences of 256
    samples in 64 classes, Adam."""
    nn, F = torch.nn, torch.nn.functional
    width = 32

    class Layer(nn.Module):  # type: ignore[name-defined]
        def __init__(self, dilation: int) -> None:
            super().__init__()
            self.past = dilation
            self.gates = nn.Conv1d(width, 2 * width, 2, dilation=dilation)
            self.mix = nn.Conv1d(width, width, 1)

        def forward(self, x: Any) -> Any:
            value, gate = self.gates(F.pad(x, (self.past, 0))).chunk(2, dim=1)
            inner = torch.tanh(value) * torch.sigmoid(gate)
            return x + self.mix(inner)

    class Model(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(64, width)
            self.layers = nn.Sequential(*(Layer(2**n) for n in range(6)))
            self.head = nn.Conv1d(width, 64, 1)

        def forward(self, x: Any) -> Any:
            return self.head(F.relu(self.layers(self.embedding(x).transpose(1, 2))))

    torch.manual_seed(0)
    model = Model()
    samples, following = torch.randint(64, (8, 256)), torch.randint(64, (8, 256))
    return training_step(torch, model, samples, following, torch.optim.Adam(model.parameters()))


def neural_ode(torch: ModuleType) -> Step:
    """Chen et al. 2018: a field 2-64-2 with tanh, ten steps of Runge and Kutta's fourth order, 64 points, Adam."""
    nn = torch.nn
    torch.manual_seed(0)
    field = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 2))
    start, end = torch.randn(64, 2), torch.randn(64, 2)
    optimizer = torch.optim.Adam(field.parameters())
    h = 0.1

    def step() -> Any:
        optimizer.zero_grad()
        y = start
        for _ in range(10):
            k1 = field(y)
            k2 = field(y + h / 2 * k1)
            k3 = field(y + h / 2 * k2)
            k4 = field(y + h * k3)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        loss = ((y - end) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    return step


def pinn(torch: ModuleType) -> Step:
    """Raissi et al. 2019: u'' = -sin in 256 points by a network 1-32-32-1, two derivatives inside the step, Adam."""
    nn = torch.nn
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
    x = (torch.rand(256, 1) * 6.28).requires_grad_()
    source = -torch.sin(x.detach())
    optimizer = torch.optim.Adam(model.parameters())

    def step() -> Any:
        optimizer.zero_grad()
        u = model(x)
        (first,) = torch.autograd.grad(u.sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
        loss = ((second - source) ** 2).mean() + u[0, 0] ** 2
        loss.backward(inputs=list(model.parameters()))
        optimizer.step()
        return loss

    return step


def triplet(torch: ModuleType) -> Step:
    """Triplet loss of normalised embeddings 128-64-32, 64 triplets, gradients clipped by their norm, SGD."""
    nn, F = torch.nn, torch.nn.functional
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 32))
    anchors, positives, negatives = torch.randn(64, 128), torch.randn(64, 128), torch.randn(64, 128)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def step() -> Any:
        optimizer.zero_grad()
        a, p, n = (F.normalize(model(x), dim=1) for x in (anchors, positives, negatives))
        loss = F.triplet_margin_loss(a, p, n, margin=0.3)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    return step
