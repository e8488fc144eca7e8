"""`ZeroRedundancyOptimizer` in its ways: groups, groups that are added, closures, states that are collected and loaded."""

import torch
import torch.distributed as dist
import torch.nn as nn
from torch.distributed.optim import ZeroRedundancyOptimizer

dist.init_process_group("gloo")
rank = dist.get_rank()


def model():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 1)).double()


def passes(net):
    """A backward pass with the mean of the ranks' gradients."""
    net.zero_grad()
    x = torch.arange(12.0, dtype=torch.float64).reshape(3, 4) / 10 + rank
    loss = net(x).square().mean()
    loss.backward()
    for parameter in net.parameters():
        dist.all_reduce(parameter.grad, dist.ReduceOp.AVG)
    return loss


def say(what, *values):
    if rank == 0:
        print(what, *(f"{value:.6f}" if isinstance(value, float) else value for value in values), flush=True)


def weights(net):
    return float(sum(parameter.detach().abs().sum() for parameter in net.parameters()))


def error(call):
    try:
        call()
    except Exception as raised:
        return type(raised).__name__
    return "nothing"


net = model()
parts = list(net.parameters())
optimizer = ZeroRedundancyOptimizer(parts[:2], torch.optim.Adam, lr=0.1, betas=(0.8, 0.9))
optimizer.add_param_group({"params": parts[2:], "lr": 0.01})
say("groups", [(group["lr"], group["betas"], len(group["params"])) for group in optimizer.param_groups])
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
for _ in range(3):
    passes(net)
    say("step", optimizer.step())
    scheduler.step()
say("weights", weights(net), [round(group["lr"], 6) for group in optimizer.param_groups])
say("not collected", error(optimizer.state_dict))
optimizer.consolidate_state_dict(to=0)
if rank == 0:
    state = optimizer.state_dict()
    say("state", sorted(state["state"]), [sorted(each) for each in state["state"].values()][0],
        [(round(group["lr"], 6), group["params"]) for group in state["param_groups"]],
        float(sum(each["exp_avg"].abs().sum() for each in state["state"].values())))

net, other = model(), model()
optimizer = ZeroRedundancyOptimizer(net.parameters(), torch.optim.Adam, lr=0.1)
passes(net)
optimizer.step()
optimizer.consolidate_state_dict(to=1)
box = [optimizer.state_dict() if rank == 1 else None]
dist.broadcast_object_list(box, 1)
other.load_state_dict(net.state_dict())
again = ZeroRedundancyOptimizer(other.parameters(), torch.optim.Adam, lr=0.5, parameters_as_bucket_view=True)
again.load_state_dict(box[0])
say("loaded", [round(group["lr"], 6) for group in again.param_groups])  # PyTorch's steps as if its state were new
passes(net)
optimizer.step()
say("goes on", weights(net))
third = ZeroRedundancyOptimizer(model().parameters(), torch.optim.SGD, lr=0.1, momentum=0.9)
say("closure", float(third.step(lambda: torch.tensor(2.0))))
say("nothing given", error(lambda: ZeroRedundancyOptimizer([], torch.optim.SGD, lr=0.1)))
say("no list", error(lambda: ZeroRedundancyOptimizer(3, torch.optim.SGD, lr=0.1)))
say("no tensors", error(lambda: ZeroRedundancyOptimizer([1, 2], torch.optim.SGD, lr=0.1)))
dist.destroy_process_group()
