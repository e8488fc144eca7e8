"""ModuleList, ModuleDict, ParameterList, ParameterDict, buffers, state_dict surgery, hooks, apply, deepcopy, repr."""

import copy
from collections import OrderedDict

import torch
from torch import nn

torch.manual_seed(3)


class Net(nn.Module):
    version = 2

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(4, 4) for _ in range(2)])
        self.blocks.append(nn.Linear(4, 4, bias=False))
        self.blocks.extend([nn.Identity()])
        self.choices = nn.ModuleDict({"conv": nn.Conv1d(1, 1, 3, padding=1), "pool": nn.MaxPool1d(3, 1, 1)})
        self.choices["act"] = nn.ELU(alpha=0.7)
        self.scales = nn.ParameterList([nn.Parameter(torch.full((4,), float(i + 1))) for i in range(2)])
        self.named = nn.ParameterDict({"left": nn.Parameter(torch.zeros(1)), "right": nn.Parameter(torch.ones(1))})
        self.register_buffer("running", torch.zeros(4))
        self.register_buffer("scratch", torch.ones(2), persistent=False)
        self.plain = torch.ones(3)

    def forward(self, x, choice="conv"):
        for i, block in enumerate(self.blocks):
            x = block(x) * self.scales[i % 2]
        x = self.choices[choice](x.unsqueeze(1)).squeeze(1)
        if self.training:
            self.running.mul_(0.9).add_(x.detach().mean(0), alpha=0.1)
        return x * self.named["right"] + self.named["left"]


net = Net()
print(net)
x = torch.randn(3, 4)
for choice in ("conv", "pool", "act"):
    print(choice, net(x, choice))
print([(name, tuple(p.shape)) for name, p in net.named_parameters()])
print([name for name, _ in net.named_modules()], [name for name, _ in net.named_children()])
print(list(net.state_dict()), [name for name, _ in net.named_buffers()])
state = net.state_dict()
renamed = OrderedDict((k.replace("blocks.0", "blocks.9"), v) for k, v in state.items())
print(net.load_state_dict(renamed, strict=False))
try:
    net.load_state_dict(renamed)
except RuntimeError as error:
    print(error)
state["running"] = torch.zeros(5)
try:
    net.load_state_dict(state)
except RuntimeError as error:
    print(error)
try:
    net.nothing
except AttributeError as error:
    print(error)
try:
    net.blocks = [1, 2]
except TypeError as error:
    print("TypeError", error)
try:
    net.register_buffer("forward", torch.zeros(1))
except KeyError as error:
    print("KeyError", error)
other = copy.deepcopy(net)
with torch.no_grad():
    for p in other.parameters():
        p.add_(1)
print(sum((p - q).abs().sum().item() for p, q in zip(net.parameters(), other.parameters())))
order = []
handles = [
    net.register_forward_pre_hook(lambda m, args, kwargs: order.append(("pre", sorted(kwargs))), with_kwargs=True),
    net.register_forward_hook(lambda m, args, output: output * 2),
    net.blocks[0].register_full_backward_hook(lambda m, gi, go: order.append(("back", gi[0] is None, tuple(go[0].shape)))),
    net.scales[0].register_hook(lambda g: g * 10),
]
out = net(x, choice="act")
out.sum().backward()
print(order, out.mean(), net.scales[0].grad, net.scales[1].grad)
[h.remove() for h in handles]
net.zero_grad()
print(all(p.grad is None for p in net.parameters()), net.double().running.dtype, net.half().named["left"].dtype)
net.float().requires_grad_(False)
print(net.get_parameter("blocks.1.weight").requires_grad, net.get_submodule("choices.conv"), net.extra_repr() == "")
print(net.blocks[1:], len(net.blocks), "pool" in net.choices, list(net.choices.keys()))
seq = nn.Sequential(OrderedDict([("a", nn.Linear(2, 3)), ("b", nn.ReLU6()), ("c", nn.Hardtanh(-2, 2))]))
seq.add_module("d", nn.Softmax(dim=-1))
seq[1] = nn.Softshrink(0.3)
print(seq, seq.a.in_features, seq(torch.ones(1, 2)))
del seq[2]
print(seq)
scripted = [m.__class__.__name__ for m in seq.modules()]
print(scripted, seq.training, seq.eval().training)
