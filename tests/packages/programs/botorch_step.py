"""botorch: a Gaussian process fitted to a function, and steps of acquisition on it."""

import warnings

import torch
from botorch.acquisition import LogExpectedImprovement, UpperConfidenceBound, qLogExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.transforms import Normalize, Standardize
from botorch.optim import optimize_acqf
from botorch.sampling import SobolQMCNormalSampler
from gpytorch.mlls import ExactMarginalLogLikelihood

warnings.simplefilter("ignore")
torch.manual_seed(0)
X = torch.rand(8, 2, dtype=torch.float64)
Y = 1 - (X - 0.4).norm(dim=-1, keepdim=True) + 0.05 * torch.randn(8, 1, dtype=torch.float64)
bounds = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
model = SingleTaskGP(X, Y, input_transform=Normalize(2), outcome_transform=Standardize(1))
objective = ExactMarginalLogLikelihood(model.likelihood, model)
fit_gpytorch_mll(objective)
print("fitted", *model.covar_module.lengthscale.flatten().tolist(), model.likelihood.noise.item())
grid = torch.tensor([[[0.2, 0.3]], [[0.8, 0.5]], [[0.45, 0.4]]], dtype=torch.float64)
posterior = model.posterior(grid)
print("posterior", *posterior.mean.flatten().tolist(), *posterior.variance.flatten().tolist())
acquisition = LogExpectedImprovement(model, best_f=Y.max())
print("improvement", *acquisition(grid).tolist())
print("confidence", *UpperConfidenceBound(model, beta=0.2)(grid).tolist())
several = qLogExpectedImprovement(model, Y.max(), sampler=SobolQMCNormalSampler(torch.Size([64]), seed=1))
print("several", several(grid.transpose(0, 1)).item())
torch.manual_seed(1)
candidate, value = optimize_acqf(acquisition, bounds, q=1, num_restarts=3, raw_samples=16)
print("candidate", *candidate.flatten().tolist(), value.item())
