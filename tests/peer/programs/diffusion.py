"""A tiny DDPM on two-dimensional points: schedules with cumprod, sinusoidal embeddings, extract by gather, sampling."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(10)
timesteps = 10
betas = torch.linspace(1e-4, 0.2, timesteps)
alphas = 1.0 - betas
alphas_cumprod = torch.cumprod(alphas, axis=0)
alphas_cumprod_prev = F.pad(alphas_cumprod[:-1], (1, 0), value=1.0)
sqrt_recip_alphas = torch.sqrt(1.0 / alphas)
posterior_variance = betas * (1.0 - alphas_cumprod_prev) / (1.0 - alphas_cumprod)


def extract(a, t, x_shape):
    out = a.gather(-1, t.cpu())
    return out.reshape(t.shape[0], *((1,) * (len(x_shape) - 1))).to(t.device)


class SinusoidalPositionEmbeddings(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, time):
        half_dim = self.dim // 2
        embeddings = math.log(10000) / (half_dim - 1)
        embeddings = torch.exp(torch.arange(half_dim, device=time.device) * -embeddings)
        embeddings = time[:, None] * embeddings[None, :]
        return torch.cat((embeddings.sin(), embeddings.cos()), dim=-1)


class Residual(nn.Module):
    def __init__(self, fn):
        super().__init__()
        self.fn = fn

    def forward(self, x, *args, **kwargs):
        return self.fn(x, *args, **kwargs) + x


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.time = nn.Sequential(SinusoidalPositionEmbeddings(8), nn.Linear(8, 16), nn.SiLU())
        self.inp, self.out = nn.Linear(2, 16), nn.Linear(16, 2)
        self.mid = Residual(nn.Sequential(nn.GroupNorm(4, 16), nn.SiLU(), nn.Linear(16, 16)))

    def forward(self, x, t):
        return self.out(self.mid(self.inp(x) + self.time(t)))


model = Denoiser()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
angle = torch.rand(64) * 2 * torch.pi
points = torch.stack([angle.cos(), angle.sin()], dim=-1)
for step in range(8):
    x0 = points[torch.randperm(64)[:16]]
    t = torch.randint(0, timesteps, (16,)).long()
    noise = torch.randn_like(x0)
    x_noisy = extract(alphas_cumprod.sqrt(), t, x0.shape) * x0 + extract((1 - alphas_cumprod).sqrt(), t, x0.shape) * noise
    loss = F.huber_loss(noise, model(x_noisy, t)) if step % 2 else F.smooth_l1_loss(noise, model(x_noisy, t))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print("Loss:", loss.item())


@torch.no_grad()
def p_sample(x, t, i):
    mean = extract(sqrt_recip_alphas, t, x.shape) * (
        x - extract(betas, t, x.shape) * model(x, t) / extract((1.0 - alphas_cumprod).sqrt(), t, x.shape))
    return mean if i == 0 else mean + torch.sqrt(extract(posterior_variance, t, x.shape)) * torch.randn_like(x)


@torch.inference_mode()
def sample():
    x = torch.randn(3, 2)
    for i in reversed(range(0, timesteps)):
        x = p_sample(x, torch.full((3,), i, dtype=torch.long), i)
    return x


print(sample(), posterior_variance)
