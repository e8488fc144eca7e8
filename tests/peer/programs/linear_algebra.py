"""torch.linalg in use: least squares, PCA by SVD, Cholesky for a Gaussian process, eigenvalues, determinants, solve."""

import math

import torch

torch.manual_seed(21)
X = torch.randn(30, 4, dtype=torch.float64)
w = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)
y = X @ w + 0.01 * torch.randn(30, dtype=torch.float64)
print(torch.linalg.lstsq(X, y.unsqueeze(1)).solution.squeeze(), torch.linalg.solve(X.T @ X, X.T @ y), torch.linalg.pinv(X) @ y)
U, S, Vh = torch.linalg.svd(X - X.mean(0), full_matrices=False)
print(S, (U * S) @ Vh - (X - X.mean(0)) < 1e-9, torch.linalg.matrix_rank(X), torch.linalg.cond(X))
print(torch.linalg.norm(X), torch.linalg.norm(X, 2), torch.linalg.norm(X, "nuc"), torch.linalg.vector_norm(X, 3), X.norm(dim=1)[:3])
C = torch.cov(X.T)
L, V = torch.linalg.eigh(C)
print(L, torch.linalg.eigvalsh(C), torch.allclose(V @ torch.diag(L) @ V.T, C), torch.corrcoef(X.T)[0])
print(torch.linalg.det(C), torch.logdet(C), torch.linalg.slogdet(C), torch.linalg.inv(C) @ C, torch.trace(C))
Q, R = torch.linalg.qr(X)
print(torch.allclose(Q @ R, X), torch.linalg.multi_dot([X.T, X, w]), torch.linalg.matrix_power(C, 3)[0], torch.linalg.matrix_exp(C)[0])
print(torch.linalg.eigvals(torch.tensor([[0.0, 1.0], [-1.0, 0.0]])), torch.kron(torch.eye(2), torch.ones(1, 2)), torch.cross(w[:3], w[1:], dim=0))


def kernel(a, b, scale):
    return torch.exp(-0.5 * torch.cdist(a, b) ** 2 / scale**2)


scale = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
noise = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
inputs = torch.linspace(0, 5, 12, dtype=torch.float64).unsqueeze(1)
targets = inputs.sin().squeeze()
optimizer = torch.optim.Adam([scale, noise], lr=0.05)
for step in range(6):
    K = kernel(inputs, inputs + 1e-9, scale) + noise**2 * torch.eye(12, dtype=torch.float64)
    chol = torch.linalg.cholesky(K)
    alpha = torch.cholesky_solve(targets.unsqueeze(1), chol).squeeze()
    loss = 0.5 * targets @ alpha + chol.diagonal().log().sum() + 6 * math.log(2 * math.pi)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"{step} nll {loss.item():.6f} scale {scale.item():.5f} noise {noise.item():.5f}")
print(torch.linalg.solve_triangular(chol, targets.unsqueeze(1), upper=False).norm(), torch.cholesky_inverse(chol).trace())
M = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
for f in (torch.linalg.det, lambda m: torch.linalg.inv(m).sum(), lambda m: torch.linalg.svdvals(m).sum(), lambda m: torch.linalg.qr(m)[1].diagonal().abs().log().sum(),
          lambda m: torch.linalg.eigvalsh(m @ m.T).log().sum(), lambda m: torch.linalg.matrix_exp(m * 0.1).sum(), lambda m: m.logsumexp((0, 1))):
    print(torch.autograd.grad(f(M), M)[0][0])
try:
    torch.linalg.inv(torch.zeros(2, 2))
except RuntimeError as error:
    print(type(error).__name__, isinstance(error, torch.linalg.LinAlgError))
try:
    torch.linalg.cholesky(-torch.eye(2))
except torch.linalg.LinAlgError:
    print("not positive definite")
