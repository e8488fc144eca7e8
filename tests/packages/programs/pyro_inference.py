"""Stochastic variational inference and NUTS, by pyro, on the eight schools."""

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import MCMC, NUTS, SVI, Trace_ELBO
from pyro.infer.autoguide import AutoNormal

y = torch.tensor([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
sigma = torch.tensor([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


def schools():
    mu = pyro.sample("mu", dist.Normal(0.0, 5.0))
    tau = pyro.sample("tau", dist.HalfCauchy(5.0))
    with pyro.plate("schools", 8):
        eta = pyro.sample("eta", dist.Normal(0.0, 1.0))
        pyro.sample("y", dist.Normal(mu + tau * eta, sigma), obs=y)


pyro.set_rng_seed(0)
guide = AutoNormal(schools)
svi = SVI(schools, guide, pyro.optim.Adam({"lr": 0.05}), Trace_ELBO())
for _ in range(8):
    print("svi", svi.step())
pyro.clear_param_store()
pyro.set_rng_seed(1)
mcmc = MCMC(NUTS(schools, max_tree_depth=4), num_samples=6, warmup_steps=6, disable_progbar=True)
mcmc.run()
for name, values in mcmc.get_samples().items():
    print(name, values.mean().item())
