"""Custom autograd functions (Legendre polynomial, straight-through, save_for_backward, non-differentiable outputs,
gradient reversal), gradcheck, and a custom optimiser."""

import math

import torch
from torch.autograd import Function, gradcheck
from torch.autograd.function import once_differentiable
from torch.optim import Optimizer


class LegendrePolynomial3(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return 0.5 * (5 * input**3 - 3 * input)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * input**2 - 1)


class GradReverse(Function):
    @staticmethod
    def forward(ctx, x, lambd):
        ctx.lambd = lambd
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output.neg() * ctx.lambd, None


class Sign(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.sign(x)

    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return torch.where(x.abs() <= 1, g, torch.zeros_like(g))


class SortWithIndex(Function):
    @staticmethod
    def forward(ctx, x):
        values, index = x.sort()
        ctx.mark_non_differentiable(index)
        ctx.save_for_backward(index)
        ctx.set_materialize_grads(False)
        return values, index

    @staticmethod
    def backward(ctx, g, _):
        (index,) = ctx.saved_tensors
        return torch.zeros_like(g).index_add_(0, index, g)


class Lion(Optimizer):
    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
        if not 0.0 <= lr:
            raise ValueError("Invalid learning rate: {}".format(lr))
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                p.data.mul_(1 - group["lr"] * group["weight_decay"])
                state = self.state[p]
                if len(state) == 0:
                    state["exp_avg"] = torch.zeros_like(p)
                exp_avg = state["exp_avg"]
                beta1, beta2 = group["betas"]
                update = exp_avg * beta1 + p.grad * (1 - beta1)
                p.add_(update.sign_(), alpha=-group["lr"])
                exp_avg.mul_(beta2).add_(p.grad, alpha=1 - beta2)
        return loss


dtype = torch.float
x = torch.linspace(-math.pi, math.pi, 200, dtype=dtype)
y = torch.sin(x)
a, b, c, d = (torch.full((), v, dtype=dtype, requires_grad=True) for v in (0.0, -1.0, 0.0, 0.3))
for t in range(300):
    y_pred = a + b * LegendrePolynomial3.apply(c + d * x)
    loss = (y_pred - y).pow(2).sum()
    if t % 100 == 99:
        print(t, loss.item())
    loss.backward()
    with torch.no_grad():
        for p in (a, b, c, d):
            p -= 5e-6 * p.grad
            p.grad = None
print(f"Result: y = {a.item():.4f} + {b.item():.4f} * P3({c.item():.4f} + {d.item():.4f} x)")
print(gradcheck(LegendrePolynomial3.apply, torch.randn(5, dtype=torch.double, requires_grad=True)))
w = torch.tensor([0.5, -2.0, 0.1], requires_grad=True)
GradReverse.apply(w * 2, 0.5).sum().backward()
print(w.grad, Sign.apply(w), GradReverse.apply(w, 1.0).grad_fn.name())
w.grad.zero_()
Sign.apply(w).sum().backward()
print(w.grad)
values, index = SortWithIndex.apply(w)
print(values.requires_grad, index.requires_grad, index)
(values * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
print(w.grad)
torch.manual_seed(0)
net = torch.nn.Linear(3, 2)
lion = Lion(net.parameters(), lr=0.01, weight_decay=0.1)
inputs = torch.randn(10, 3)
for _ in range(4):
    def closure():
        lion.zero_grad()
        loss = net(inputs).square().mean()
        loss.backward()
        return loss

    print(f"{lion.step(closure).item():.6f}")
print(lion)
print(lion.state_dict()["state"][1])
