"""A neural spline flow and a masked autoregressive one, by zuko."""

import torch
import zuko

torch.manual_seed(0)
x = torch.randn(64, 2) @ torch.tensor([[1.0, 0.4], [0.0, 0.6]])
for name, kind in (("spline", zuko.flows.NSF), ("autoregressive", zuko.flows.MAF)):
    torch.manual_seed(1)
    flow = kind(features=2, transforms=2, hidden_features=(16, 16))
    optimizer = torch.optim.Adam(flow.parameters(), lr=1e-2)
    for _ in range(4):
        optimizer.zero_grad()
        loss = -flow().log_prob(x).mean()
        loss.backward()
        optimizer.step()
        print(name, loss.item())
    torch.manual_seed(2)
    print(name, *flow().sample((3,)).reshape(-1).tolist())
