"""gpytorch: sixteen kernels, each of an exact Gaussian process that is fitted, and two tasks at once."""

# ruff: noqa: B023, E731, E741
import warnings

import gpytorch
import torch

from tests.packages.printing import attempt, seeded

warnings.simplefilter("ignore")

tx = torch.linspace(0, 1, 12)
ty = torch.sin(6 * tx)
for n, k in {
    "rq": lambda: gpytorch.kernels.RQKernel(),
    "mat15": lambda: gpytorch.kernels.MaternKernel(1.5),
    "mat05": lambda: gpytorch.kernels.MaternKernel(0.5),
    "per": lambda: gpytorch.kernels.PeriodicKernel(),
    "lin": lambda: gpytorch.kernels.LinearKernel(),
    "poly": lambda: gpytorch.kernels.PolynomialKernel(2),
    "cos": lambda: gpytorch.kernels.CosineKernel(),
    "sm": lambda: gpytorch.kernels.SpectralMixtureKernel(2),
    "sum": lambda: gpytorch.kernels.RBFKernel() + gpytorch.kernels.LinearKernel(),
    "prod": lambda: gpytorch.kernels.RBFKernel() * gpytorch.kernels.PeriodicKernel(),
    "pp": lambda: gpytorch.kernels.PiecewisePolynomialKernel(),
    "rff": lambda: gpytorch.kernels.RFFKernel(10),
    "arc": lambda: gpytorch.kernels.ArcKernel(gpytorch.kernels.MaternKernel(2.5)),
    "grid": lambda: gpytorch.kernels.GridInterpolationKernel(gpytorch.kernels.RBFKernel(), 16, 1),
}.items():
    if k is None:
        continue

    @seeded
    def run():
        lik = gpytorch.likelihoods.GaussianLikelihood()

        class M(gpytorch.models.ExactGP):
            def __init__(s):
                super().__init__(tx, ty, lik)
                s.m = gpytorch.means.ConstantMean()
                s.k = gpytorch.kernels.ScaleKernel(k())

            def forward(s, x):
                return gpytorch.distributions.MultivariateNormal(s.m(x), s.k(x))

        m = M()
        m.train()
        mll = gpytorch.mlls.ExactMarginalLogLikelihood(lik, m)
        o = torch.optim.Adam(m.parameters(), 0.1)
        for _ in range(10):
            o.zero_grad()
            loss = -mll(m(tx), ty)
            loss.backward()
            o.step()
        m.eval()
        lik.eval()
        with torch.no_grad():
            p = lik(m(torch.linspace(0, 1, 5)))
            return loss, p.mean, p.variance

    attempt("gp_" + n, run)


@seeded
def mt():
    lik = gpytorch.likelihoods.MultitaskGaussianLikelihood(2)
    t2 = torch.stack([ty, torch.cos(6 * tx)], -1)

    class M(gpytorch.models.ExactGP):
        def __init__(s):
            super().__init__(tx, t2, lik)
            s.m = gpytorch.means.MultitaskMean(gpytorch.means.ConstantMean(), 2)
            s.k = gpytorch.kernels.MultitaskKernel(gpytorch.kernels.RBFKernel(), 2, 1)

        def forward(s, x):
            return gpytorch.distributions.MultitaskMultivariateNormal(s.m(x), s.k(x))

    m = M()
    mll = gpytorch.mlls.ExactMarginalLogLikelihood(lik, m)
    loss = -mll(m(tx), t2)
    loss.backward()
    m.eval()
    lik.eval()
    p = lik(m(tx[:3]))
    return loss, p.mean, p.variance


attempt("gp_multitask", mt)
