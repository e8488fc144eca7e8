"""A tour of tensors as in the beginners' tutorials: creation, printing, indexing, shapes, types, numpy bridges."""

import numpy as np
import torch

torch.manual_seed(0)
print(torch.tensor([[1, 2], [3, 4]]), torch.from_numpy(np.array([1.5, 2.5])), torch.rand((2, 3,)))
x = torch.arange(24).view(2, 3, 4)
print(x, x.T.shape if x.dim() == 2 else x.mT.shape, x.stride(), x.is_contiguous(), x.transpose(0, 2).is_contiguous())
print(x[..., 0], x[:, 1], x[0, :, ::2], x[:, [0, 2]], x[x % 5 == 0], x[None].shape, x[1, -1, -1])
print(torch.zeros(3), torch.ones(2, dtype=torch.int16), torch.eye(2), torch.full((2, 2), 7.5), torch.empty(0))
print(torch.tensor(3.14159), torch.tensor(1e-8), torch.tensor([1e10, 1.0]), torch.tensor([0.00001, 1000.0]))
print(torch.tensor([float("nan"), float("inf"), -1.0]), torch.tensor([True, False]), torch.tensor([1 + 2j, -0.5j]))
print(torch.arange(2000.0), torch.arange(10000).view(100, 100))
print(torch.linspace(0, 1, 5), torch.logspace(0, 2, 3), torch.randperm(6), torch.randint(0, 10, (2, 4)))
t = torch.ones(4, 4)
t[:, 1] = 0
print(f"First row: {t[0]} First column: {t[:, 0]} Last column: {t[..., -1]}")
t1 = torch.cat([t, t, t], dim=1)
print(t1, t.matmul(t.T), t * t, t.mul(2).add_(5))
agg = t.sum()
print(agg.item(), type(agg.item()), agg)
n = t.numpy()
t.add_(1)
print(n[0], t.dtype, t.device, t.layout)
print(x.float().mean(dim=(0, 2)), x.float().std(), x.float().var(1, unbiased=False), x.max(2), x.argmin())
values, indices = torch.sort(torch.tensor([3, 1, 2]), descending=True)
print(values, indices, torch.topk(torch.tensor([1.0, 5.0, 3.0]), 2), torch.kthvalue(torch.tensor([4, 2, 9]), 2))
print(torch.unique(torch.tensor([2, 1, 2, 3, 1]), return_counts=True, return_inverse=True))
print(torch.where(x > 10), torch.nonzero(x > 21), torch.masked_select(x, x > 20))
print(x.to(torch.float16) / 3, (x / 7).to(torch.bfloat16)[0, 0], x.double()[0, 0], x.bool()[0, 0], x.char()[0, 0])
print(torch.clamp(x, 3, 7)[0], x.clip(max=5)[0, 2], x.fmod(5)[1, 0], x.remainder(-5)[1, 0], x // 5 == x.floor_divide(5))
print(torch.stack([t[0], t[1]]).shape, torch.chunk(torch.arange(7), 3), torch.split(torch.arange(7), [3, 4]))
print(torch.tensor([1, 2, 3]).repeat(2, 2), torch.tensor([[1], [2]]).expand(2, 3), torch.repeat_interleave(torch.tensor([1, 2]), 2))
print(torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij"), torch.cartesian_prod(torch.arange(2), torch.arange(2)))
print(torch.tril(torch.ones(3, 3)), torch.triu(torch.ones(3, 3), 1), torch.diag(torch.tensor([1, 2])), torch.flip(torch.arange(3), [0]))
print(torch.cumsum(torch.arange(5), 0), torch.cumprod(torch.arange(1.0, 5.0), 0), torch.diff(torch.tensor([1, 4, 9])))
print(torch.bincount(torch.tensor([0, 1, 1, 5])), torch.histc(torch.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3))
print(torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([0, 3, 6])), torch.bucketize(torch.tensor([3]), torch.tensor([1, 3])))
a = torch.tensor([1.0, 2.0], requires_grad=True)
print(a, a * 2, a.detach(), (a * 2).sum(), a.grad, a.is_leaf, torch.nn.Parameter(a.detach()))
print(repr(torch.Size([1, 2])), torch.float32, torch.device("cpu"), torch.zeros(2, 0), torch.zeros(1, 1, 1))
torch.set_printoptions(precision=2, sci_mode=False, linewidth=60)
print(torch.rand(3, 8) * 100, torch.tensor([1e-5, 1.0]))
torch.set_printoptions(profile="default")
big = torch.zeros(3, dtype=torch.uint8)
big -= 1
print(big, torch.tensor([200], dtype=torch.uint8) + 100, torch.iinfo(torch.int8), torch.finfo(torch.float32).max)
print(torch.promote_types(torch.int32, torch.float16), (torch.ones(1, dtype=torch.int8) + 1.5).dtype, torch.result_type(torch.ones(1), 1j))
for bad in ("torch.ones(2, 3) @ torch.ones(2, 3)", "torch.ones(3)[5]", "torch.ones(2).view(3)", "torch.ones(2) + torch.ones(3)",
            "torch.tensor([[1, 2], [3]])", "int(torch.ones(2))", "torch.ones(2, requires_grad=True).numpy()"):
    try:
        eval(bad)
    except Exception as error:
        kinds = [k.__name__ for k in type(error).__mro__ if k.__module__ == "builtins"][:2]
        print(bad, "->", kinds[0])
