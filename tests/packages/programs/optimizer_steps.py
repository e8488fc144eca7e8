"""pytorch-optimizer: steps by 32 optimisers on a small network"""

import pytorch_optimizer
import torch

NAMES = """AdaBelief AdamP Adan Adai ADOPT Amos AdEMAMix Aida CAME DAdaptAdam Fromage GaLore Grams Kate LaProp Lion
    Lamb MADGRAD NovoGrad Prodigy PAdam QHAdam Shampoo ScheduleFreeAdamW StableAdamW Tiger Yogi SM3 MARS FTRL
    Gravity Nero"""
for name in NAMES.split():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    x, y = torch.randn(16, 4), torch.randn(16, 1)
    optimizer = getattr(pytorch_optimizer, name)(network.parameters(), lr=1e-2)
    for _ in range(5):
        optimizer.zero_grad()
        loss = ((network(x) - y) ** 2).mean()
        loss.backward()
        optimizer.step()
    print(name, loss.item())
