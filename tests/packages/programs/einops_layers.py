"""einops: functions and layers, forward and backward."""

import torch
from einops import einsum, pack, rearrange, reduce, repeat, unpack
from einops.layers.torch import EinMix, Rearrange, Reduce
from torch import nn

torch.manual_seed(0)
x = torch.randn(2, 3, 8, 8, requires_grad=True)
patches = rearrange(x, "b c (h p) (w q) -> b (h w) (p q c)", p=4, q=4)
print("patches", patches.sum().item(), patches[1, 2, 7].item())
print("reduce", *reduce(x, "b c h w -> b c", "max").reshape(-1).tolist())
print("repeat", repeat(x[0, 0], "h w -> (h 2) w c", c=3).sum().item())
print("einsum", einsum(patches, patches, "b i d, b j d -> b i j").sum().item())
packed, shapes = pack([patches, patches[:, 0]], "b * d")
print("pack", packed.sum().item(), unpack(packed, shapes, "b * d")[1].sum().item())
model = nn.Sequential(Rearrange("b c (h p) (w q) -> b (h w) (p q c)", p=4, q=4), nn.Linear(48, 16), nn.GELU(),
                      EinMix("b t c -> b t d", weight_shape="c d", bias_shape="d", c=16, d=8),
                      Reduce("b t d -> b d", "mean"), nn.Linear(8, 2))
loss = model(x).square().mean()
loss.backward()
print("loss", loss.item(), x.grad.abs().sum().item())
