"""A physics-informed network for Burgers' equation: second derivatives by autograd.grad with create_graph, float64."""

from collections import OrderedDict

import numpy as np
import torch

torch.manual_seed(1234)
np.random.seed(1234)
torch.set_default_dtype(torch.float64)


class DNN(torch.nn.Module):
    def __init__(self, layers):
        super(DNN, self).__init__()
        self.depth = len(layers) - 1
        self.activation = torch.nn.Tanh
        layer_list = list()
        for i in range(self.depth - 1):
            layer_list.append(("layer_%d" % i, torch.nn.Linear(layers[i], layers[i + 1])))
            layer_list.append(("activation_%d" % i, self.activation()))
        layer_list.append(("layer_%d" % (self.depth - 1), torch.nn.Linear(layers[-2], layers[-1])))
        self.layers = torch.nn.Sequential(OrderedDict(layer_list))

    def forward(self, x):
        return self.layers(x)


lambda_1 = torch.nn.Parameter(torch.tensor([0.0], requires_grad=True))
lambda_2 = torch.nn.Parameter(torch.tensor([-6.0]))
dnn = DNN([2, 12, 12, 1])
dnn.register_parameter("lambda_1", lambda_1)
dnn.register_parameter("lambda_2", lambda_2)
X = np.random.uniform([-1, 0], [1, 1], (40, 2))
x = torch.tensor(X[:, 0:1], requires_grad=True).double()
t = torch.tensor(X[:, 1:2], requires_grad=True).double()
u = -torch.sin(np.pi * x) * torch.exp(-t)
u = u.detach()


def net_f(x, t):
    u = dnn(torch.cat([x, t], dim=1))
    u_t = torch.autograd.grad(u, t, grad_outputs=torch.ones_like(u), retain_graph=True, create_graph=True)[0]
    u_x = torch.autograd.grad(u, x, grad_outputs=torch.ones_like(u), retain_graph=True, create_graph=True)[0]
    u_xx = torch.autograd.grad(u_x, x, grad_outputs=torch.ones_like(u_x), retain_graph=True, create_graph=True)[0]
    return u, u_t + lambda_1 * u * u_x - torch.exp(lambda_2) * u_xx


def loss_func():
    u_pred, f_pred = net_f(x, t)
    return torch.mean((u - u_pred) ** 2) + torch.mean(f_pred**2)


optimizer_Adam = torch.optim.Adam(dnn.parameters())
for epoch in range(10):
    loss = loss_func()
    optimizer_Adam.zero_grad()
    loss.backward()
    optimizer_Adam.step()
    if epoch % 2 == 0:
        print("It: %d, Loss: %.3e, Lambda_1: %.6f, Lambda_2: %.6f" % (
            epoch, loss.item(), lambda_1.item(), torch.exp(lambda_2.detach()).item()))
optimizer = torch.optim.LBFGS(dnn.parameters(), lr=1.0, max_iter=15, max_eval=20, history_size=10,
                              tolerance_grad=1e-5, tolerance_change=1.0 * np.finfo(float).eps,
                              line_search_fn="strong_wolfe")
calls = 0


def closure():
    global calls
    optimizer.zero_grad()
    loss = loss_func()
    loss.backward()
    calls += 1
    return loss


print("before", optimizer.step(closure).item(), "calls", calls, "after", loss_func().item())
print(dnn(torch.zeros(1, 2)), lambda_1)
