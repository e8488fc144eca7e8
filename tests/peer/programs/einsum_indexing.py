"""Einsum-heavy code, advanced indexing, scatter and gather, and their gradients."""

import torch

torch.manual_seed(9)
b, h, i, j, d = 2, 3, 4, 5, 6
q, k, v = torch.randn(b, h, i, d, requires_grad=True), torch.randn(b, h, j, d, requires_grad=True), torch.randn(b, h, j, d)
scores = torch.einsum("bhid,bhjd->bhij", q, k) * d**-0.5
out = torch.einsum("bhij,bhjd->bhid", scores.softmax(-1), v)
out.pow(2).sum().backward()
print(out[0, 0], q.grad.norm(), k.grad.norm())
A, B = torch.arange(6.0).view(2, 3), torch.arange(12.0).view(3, 4)
for equation, operands in {
    "ij,jk->ik": (A, B), "ij->ji": (A,), "ij->": (A,), "ii->i": (A @ A.T,), "ii": (A @ A.T,), "i,j->ij": (A[0], A[1]),
    "ij,ij->i": (A, A), "...ij,...jk": (torch.ones(2, 2, 3), B), "ij,jk,kl->il": (A, B, B.T), "b...->...b": (torch.ones(2, 3, 4),),
    "a b, b c -> a c": (A, B),
}.items():
    r = torch.einsum(equation, *operands)
    print(equation, tuple(r.shape), float(r.sum()))
print(torch.einsum("nk,kl,nl->n", A[:, :2], torch.tensor([[1.0, 2.0], [3.0, 4.0]]), A[:, 1:]), torch.tensordot(A, B, dims=1).sum())

src = torch.arange(1.0, 11.0).view(2, 5).requires_grad_()
index = torch.tensor([[0, 1, 2, 0, 0], [2, 1, 0, 1, 1]])
print(torch.zeros(3, 5).scatter_(0, index, src.detach()), torch.zeros(3, 5).scatter_add(0, index, src))
print(torch.full((3, 5), 2.0).scatter_reduce(0, index, src, reduce="amax", include_self=False))
print(torch.zeros(3, 5).scatter_(1, torch.tensor([[1], [2], [0]]), 1.0), src.gather(1, torch.tensor([[4, 0], [1, 1]])))
(src.gather(1, torch.tensor([[4, 0], [1, 1]])) * torch.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
print(src.grad)
x = torch.randn(4, 5, 6, requires_grad=True)
rows, cols = torch.tensor([0, 2, 2]), torch.tensor([1, 1, 4])
parts = [x[rows, cols], x[rows, :, cols], x[:, rows], x[rows[:, None], cols], x[1:3, cols, ::2], x[x > 1], x[..., cols],
         x[rows, 1:3, 2], x[torch.tensor([True, False, True, False])], x[-1, None, :, [0, 5]]]
for p in parts:
    print(tuple(p.shape), f"{p.sum().item():.5f}")
sum((p * (n + 1)).sum() for n, p in enumerate(parts)).backward()
print(x.grad.sum(dim=(1, 2)))
y = torch.zeros(4, 4)
y[rows] += 1
y[[0, 1], [1, 0]] = torch.tensor([5.0, 6.0])
y[y == 0] = -1
y[:, 3] = torch.arange(4)
y[1::2, ::3] *= 10
y[None, 2, ...] = 9
print(y)
z = torch.zeros(5)
z.index_add_(0, torch.tensor([0, 4, 0]), torch.tensor([1.0, 2.0, 3.0]), alpha=2)
z.index_copy_(0, torch.tensor([1]), torch.tensor([7.0]))
z.index_fill_(0, torch.tensor([2]), -1.0)
print(z, z.take(torch.tensor([4, 0])), torch.take_along_dim(y, y.argsort(1), 1), z.put_(torch.tensor([3]), torch.tensor([8.0])))
print(y.index_select(1, torch.tensor([3, 0])), torch.index_select(y, 0, rows[:2]), y.masked_fill(y > 5, 0).sum())
print(torch.ones(3, 3).masked_scatter(torch.eye(3).bool(), torch.arange(9.0)), torch.nonzero(y > 5, as_tuple=True))
print(torch.ones(2, 3).fill_diagonal_(0), torch.diagonal_scatter(torch.zeros(3, 3), torch.ones(3)), torch.select_scatter(torch.zeros(2, 2), torch.ones(2), 0, 1))
print(torch.eye(4).unfold(0, 2, 1).shape, torch.nn.functional.one_hot(torch.tensor([0, 2]), 4), torch.block_diag(A, B).shape)
print(torch.tensor([1, 2, 3]).unsqueeze(0) == torch.tensor([[1], [3]]), (y[0] > 0).any(), (y > -2).all(dim=0))
