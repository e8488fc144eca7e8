"""pyro: normalising flows of its own transforms fitted to points, a mixture whose classes are enumerated, and HMC."""

import pyro
import pyro.distributions as dist
import pyro.distributions.transforms as flows
import torch
from pyro import poutine
from pyro.infer import HMC, MCMC, SVI, TraceEnum_ELBO, config_enumerate, infer_discrete
from pyro.infer.autoguide import AutoDelta

pyro.set_rng_seed(0)
x = torch.randn(40, 2) @ torch.tensor([[1.0, 0.4], [0.0, 0.6]])
for name in ("affine_autoregressive", "affine_coupling", "spline", "spline_coupling"):
    pyro.set_rng_seed(1)
    flow = getattr(flows, name)(2)
    model = dist.TransformedDistribution(dist.Normal(torch.zeros(2), 1.0).to_event(1), [flow])
    optimizer = torch.optim.Adam(flow.parameters(), lr=1e-2)
    for _ in range(3):
        optimizer.zero_grad()
        loss = -model.log_prob(x).mean()
        loss.backward()
        optimizer.step()
        model.clear_cache()
        print(name, loss.item())
for name in ("planar", "radial", "sylvester", "polynomial", "block_autoregressive"):
    pyro.set_rng_seed(2)
    flow = getattr(flows, name)(2)
    y = flow(x)
    print(name, y.sum().item(), flow.log_abs_det_jacobian(x, y).sum().item())


@config_enumerate
def mixture(data):
    weights = pyro.sample("weights", dist.Dirichlet(torch.ones(2)))
    with pyro.plate("components", 2):
        places = pyro.sample("places", dist.Normal(0.0, 5.0))
    with pyro.plate("data", len(data)):
        which = pyro.sample("which", dist.Categorical(weights))
        pyro.sample("seen", dist.Normal(places[which], 1.0), obs=data)


pyro.clear_param_store()
pyro.set_rng_seed(3)
data = x[:12, 0] + 4 * (torch.arange(12) % 2)
guide = AutoDelta(poutine.block(mixture, expose=["weights", "places"]))
svi = SVI(mixture, guide, pyro.optim.ClippedAdam({"lr": 0.1}), TraceEnum_ELBO(max_plate_nesting=1))
for _ in range(5):
    print("mixture", svi.step(data))
known = poutine.condition(mixture, data=guide(data))
found = poutine.trace(infer_discrete(known, first_available_dim=-2, temperature=0)).get_trace(data)
print("classes", *found.nodes["which"]["value"].tolist())
mcmc = MCMC(HMC(mixture, step_size=0.05, num_steps=3), num_samples=3, warmup_steps=3, disable_progbar=True)
mcmc.run(data)
print("places", *mcmc.get_samples()["places"].mean(0).tolist())
