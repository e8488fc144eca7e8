"""Tensors made in inference mode: which are, what they refuse outside, and what stays normal inside."""

import copy

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

SAID = ("Inplace update to inference tensor outside", "cannot be saved for backward", "do not track version",
        "Setting requires_grad=True on inference")


def tell(name, function):
    try:
        print(name, function())
    except RuntimeError as error:
        print(name, "RuntimeError", [words for words in SAID if words in str(error)])


with torch.inference_mode():
    i = torch.ones(2, 3)
    k = torch.randn(3)
    layer = nn.Linear(3, 2)
    made = [
        i, i * 2, k, i[0], torch.zeros_like(i), i.clone(), i.detach(), torch.empty(2), torch.arange(3.0),
        torch.sort(k)[0], torch.cat([i, i]), torch.tensor([1.0, 2.0]), torch.from_numpy(np.ones(2)), layer(i),
        i.softmax(1), i[i > 0], i.to(torch.float64), i.unbind()[0], i.max(0).values,
        F.conv1d(torch.ones(1, 1, 4), torch.ones(1, 1, 2)), torch.stack([k, k]), i.split(1)[0], i.reshape(3, 2),
        i.t().contiguous(), i.sum(), i.cumsum(0), torch.where(i > 0, i, i), torch.linspace(0, 1, 3), i > 0, i.nonzero(),
        F.embedding(torch.tensor([0]), i), F.dropout(i), torch.linalg.qr(i)[0], i.topk(1).values, F.pad(i, (1, 1)),
        torch.einsum("ij->ji", i), i.repeat(2, 1), i.expand(2, 2, 3), torch.full((2,), 1.0), torch.eye(2),
        torch.randint(3, (2,)), torch.randperm(3), torch.multinomial(torch.ones(3), 1), i.data, torch.roll(i, 1),
    ]
    tell("version inside", lambda: i._version)
    tell("in place inside", lambda: (i.add_(1) is i, i.mul_(2) is i))
    print(torch.is_inference_mode_enabled(), torch.is_grad_enabled())
    with torch.inference_mode(False):
        print(torch.ones(2).is_inference(), torch.is_inference_mode_enabled(), torch.is_grad_enabled())
    print(torch.ones(2).is_inference())
print([x.is_inference() for x in made], [torch.is_inference(x) for x in made])
print(layer.weight.is_inference(), layer.weight.requires_grad)

x, normal = torch.ones(2, 3, requires_grad=True), torch.ones(2, 3)
tell("sum", lambda: (x + i).requires_grad)
tell("product", lambda: x * i)
tell("product of constants", lambda: (normal * i).is_inference())
tell("matrix product", lambda: x @ i.t())
tell("relu", lambda: F.relu(x + i).requires_grad)
tell("linear", lambda: F.linear(x, i))
tell("layer", lambda: nn.Linear(3, 2)(i))
tell("frozen layer", lambda: nn.Linear(3, 2).requires_grad_(False)(i).is_inference())
tell("joined", lambda: torch.cat([x, i]).requires_grad)
tell("views", lambda: (i.view(-1).is_inference(), i[0].is_inference(), i.detach().is_inference(), i.data.is_inference()))
tell("clone", lambda: (i.clone().is_inference(), (x * i.clone()).requires_grad))
tell("deepcopy", lambda: copy.deepcopy(i).is_inference())
for name, write in {
    "add_": lambda: i.add_(1), "mul_": lambda: i.mul_(2), "+=": lambda: i.__iadd__(1), "zero_": lambda: i.zero_(),
    "fill_": lambda: i.fill_(1), "copy_": lambda: i.copy_(x), "of a view": lambda: i[0].add_(1),
    "exp_": lambda: i.exp_(), "uniform_": lambda: i.uniform_(), "setitem": lambda: i.__setitem__(0, 1.0),
    "out": lambda: torch.add(normal, normal, out=i),
}.items():
    tell(name, write)
with torch.no_grad():
    tell("without grad", lambda: i.add_(1))
tell("version", lambda: i._version)
tell("requires_grad_", lambda: i.requires_grad_())
tell("requires_grad", lambda: setattr(i, "requires_grad", True))
tell("parameter", lambda: nn.Parameter(i))

with torch.inference_mode():
    part = normal[0]
    part.add_(1)
    normal.mul_(2)
print(part.is_inference(), normal.is_inference(), normal._version, (normal * x).requires_grad, normal)


def written_after_it_was_saved():
    a = torch.ones(2, requires_grad=True) * 2
    b = a * a
    with torch.inference_mode():
        a.add_(1)
    b.sum().backward()


tell("saved and written", written_after_it_was_saved)


class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a * b

    @staticmethod
    def backward(ctx, grad):
        return grad, grad


tell("a Function's", lambda: Product.apply(x, i))


@torch.inference_mode()
def decorated():
    return torch.ones(2)


print(decorated().is_inference(), i.numpy().shape, i.tolist() != [])
