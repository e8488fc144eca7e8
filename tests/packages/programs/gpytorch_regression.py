"""An exact Gaussian process and a variational one, by gpytorch."""

import gpytorch
import torch

torch.manual_seed(0)
x = torch.linspace(0, 1, 24)
y = torch.sin(6 * x) + 0.1 * torch.randn(24)


class Exact(gpytorch.models.ExactGP):
    def __init__(self, x, y, likelihood):
        super().__init__(x, y, likelihood)
        self.mean_module = gpytorch.means.ConstantMean()
        self.covar_module = gpytorch.kernels.ScaleKernel(gpytorch.kernels.RBFKernel())

    def forward(self, x):
        return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))


likelihood = gpytorch.likelihoods.GaussianLikelihood()
model = Exact(x, y, likelihood)
model.train()
likelihood.train()
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
objective = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)
for _ in range(10):
    optimizer.zero_grad()
    loss = -objective(model(x), y)
    loss.backward()
    optimizer.step()
    print("exact", loss.item())
model.eval()
likelihood.eval()
with torch.no_grad():
    predicted = likelihood(model(torch.tensor([0.25, 0.6])))
    print("mean", *predicted.mean.tolist())
    print("variance", *predicted.variance.tolist())


class Variational(gpytorch.models.ApproximateGP):
    def __init__(self, points):
        distribution = gpytorch.variational.CholeskyVariationalDistribution(points.size(0))
        super().__init__(gpytorch.variational.VariationalStrategy(self, points, distribution))
        self.mean_module = gpytorch.means.ConstantMean()
        self.covar_module = gpytorch.kernels.ScaleKernel(gpytorch.kernels.MaternKernel(nu=1.5))

    def forward(self, x):
        return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))


torch.manual_seed(1)
model, likelihood = Variational(x[::4].reshape(-1, 1)), gpytorch.likelihoods.GaussianLikelihood()
optimizer = torch.optim.Adam([*model.parameters(), *likelihood.parameters()], lr=0.05)
objective = gpytorch.mlls.VariationalELBO(likelihood, model, num_data=24)
for _ in range(5):
    optimizer.zero_grad()
    loss = -objective(model(x.reshape(-1, 1)), y)
    loss.backward()
    optimizer.step()
    print("variational", loss.item())
