"""bfloat16 and float16 on the CPU: casts, arithmetic, mixed precision with autocast, printing, finfo."""

import torch
import torch.nn as nn

torch.manual_seed(0)
x = torch.randn(4, 6)
b, h = x.bfloat16(), x.half()
print(b, h, b.dtype, (b + h).dtype, (b * 2).dtype, (b + x).dtype, b.element_size())
print(torch.finfo(torch.bfloat16), torch.finfo(torch.float16).max, b.sum(), h.mean(), (b @ b.T)[0], h.exp()[0])
print(b.float().sub(x).abs().max(), torch.tensor([1e5]).half(), torch.tensor([3.3e38]).bfloat16(), b.softmax(-1)[0])
model = nn.Linear(6, 3).to(torch.bfloat16)
out = model(b)
out.float().pow(2).mean().backward()
print(out.dtype, model.weight.grad.dtype, model.weight.grad.float().norm())
net = nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 2))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
target = torch.tensor([0, 1, 1, 0])
for step in range(4):
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = net(x)
        loss = nn.functional.cross_entropy(logits, target)
    loss.backward()
    optimizer.step()
    print(loss.dtype, f"{loss.item():.2f}", net[0].weight.grad.dtype)
print(torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu"))
