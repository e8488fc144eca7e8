"""torch.func: grad, vjp, jacrev, hessian, functional_call, per-sample gradients by vmap, an ensemble."""

import copy

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.func import functional_call, grad, grad_and_value, hessian, jacfwd, jacrev, jvp, stack_module_state, vjp, vmap

torch.manual_seed(0)
x = torch.tensor([0.1, 0.5, -0.4])
print(grad(lambda t: (t.sin() * t).sum())(x))
print(grad(grad(torch.sin))(torch.tensor(0.7)))
print(grad_and_value(lambda t, s: (t**2 * s).sum(), argnums=(0, 1))(x, x + 1))
out, pull = vjp(torch.tanh, x)
print(out, pull(torch.ones(3)))
print(jvp(torch.tanh, (x,), (torch.ones(3),)))
print(jacrev(lambda t: t.outer(t))(x).shape, jacfwd(torch.sin)(x))
print(hessian(lambda t: t.prod() + t.pow(3).sum())(x))
print(vmap(lambda row: row / row.norm())(torch.arange(1.0, 7.0).view(2, 3)))
print(vmap(torch.dot)(torch.ones(4, 3), torch.arange(12.0).view(4, 3)))
print(vmap(torch.mv, in_dims=(None, 0), out_dims=1)(torch.arange(6.0).view(2, 3), torch.ones(4, 3)))

model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
params = {k: v.detach() for k, v in model.named_parameters()}
data, targets = torch.randn(6, 4), torch.randint(0, 3, (6,))


def compute_loss(params, sample, target):
    prediction = functional_call(model, params, (sample.unsqueeze(0),))
    return F.cross_entropy(prediction, target.unsqueeze(0))


per_sample = vmap(grad(compute_loss), in_dims=(None, 0, 0))(params, data, targets)
for name, value in per_sample.items():
    print(name, value.shape, value.norm())
F.cross_entropy(model(data), targets).backward()
print(all(torch.allclose(per_sample[n].mean(0), p.grad, atol=1e-6) for n, p in model.named_parameters()))

models = [nn.Linear(4, 2) for _ in range(3)]
stacked, buffers = stack_module_state(models)
base = copy.deepcopy(models[0])


def fmodel(params, buffers, x):
    return functional_call(base, (params, buffers), (x,))


predictions = vmap(fmodel, in_dims=(0, 0, None))(stacked, buffers, data)
print(predictions.shape, torch.allclose(predictions, torch.stack([m(data) for m in models]), atol=1e-6))
print(torch.vmap(lambda a: a.sum())(data))
