"""A mixture density network: logsumexp of Gaussians, with distributions and by hand, and sampling from it."""

import numpy as np
import torch
from torch import distributions as D
from torch import nn

torch.manual_seed(0)


class MDN(nn.Module):
    def __init__(self, n_hidden, n_gaussians):
        super().__init__()
        self.z_h = nn.Sequential(nn.Linear(1, n_hidden), nn.Tanh())
        self.z_pi = nn.Linear(n_hidden, n_gaussians)
        self.z_mu = nn.Linear(n_hidden, n_gaussians)
        self.z_sigma = nn.Linear(n_hidden, n_gaussians)

    def forward(self, x):
        h = self.z_h(x)
        return nn.functional.softmax(self.z_pi(h), -1), self.z_mu(h), torch.exp(self.z_sigma(h))


def gaussian(y, mu, sigma):
    ret = (y.expand_as(mu) - mu) * torch.reciprocal(sigma)
    return (-0.5 * (ret * ret)) - torch.log(sigma) - 0.5 * np.log(2 * np.pi)


x = torch.linspace(-1, 1, 50)[:, None]
y = x + 0.3 * torch.sin(2 * np.pi * x) + 0.05 * torch.randn(x.size())
x, y = y, x
net = MDN(10, 3)
optimizer = torch.optim.Adam(net.parameters(), lr=0.03)
for step in range(6):
    pi, mu, sigma = net(x)
    loss = -torch.logsumexp(torch.log(pi) + gaussian(y, mu, sigma), dim=1).mean()
    mixture = D.MixtureSameFamily(D.Categorical(pi), D.Normal(mu, sigma))
    other = -mixture.log_prob(y.squeeze(1)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"{step} {loss.item():.5f} {other.item():.5f}")
with torch.no_grad():
    pi, mu, sigma = net(x[:5])
    k = torch.multinomial(pi, 1).view(-1)
    picked = torch.normal(mu, sigma)[torch.arange(5), k]
    print(k, picked)
    print(mixture.mean[:3], D.kl_divergence(D.Normal(mu[0], sigma[0]), D.Normal(0.0, 1.0)))
