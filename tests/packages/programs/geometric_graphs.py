"""torch-geometric, without its compiled parts: layers that pass messages, on graphs made here."""

import torch
from torch import nn
from torch_geometric.data import Batch, Data
from torch_geometric.loader import DataLoader
from torch_geometric.nn import (
    GATConv,
    GCNConv,
    GINConv,
    GraphConv,
    MessagePassing,
    SAGEConv,
    global_add_pool,
    global_mean_pool,
)
from torch_geometric.utils import add_self_loops, degree, softmax, to_dense_adj

torch.manual_seed(0)
edges = torch.tensor([[0, 1, 1, 2, 2, 3, 3, 0, 4, 1], [1, 0, 2, 1, 3, 2, 0, 3, 1, 4]])
x, y = torch.randn(5, 6), torch.tensor([0, 1, 0, 1, 1])


class Mean(MessagePassing):
    def __init__(self):
        super().__init__(aggr="mean")
        self.linear = nn.Linear(6, 4)

    def forward(self, x, edge_index):
        return self.propagate(edge_index, x=self.linear(x))

    def message(self, x_i, x_j):
        return x_j - x_i


LAYERS = {"gcn": lambda: GCNConv(6, 4), "gat": lambda: GATConv(6, 4, heads=2, concat=False), "mean": Mean,
          "sage": lambda: SAGEConv(6, 4), "graph": lambda: GraphConv(6, 4),
          "gin": lambda: GINConv(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4)))}
for name, make in LAYERS.items():
    torch.manual_seed(1)
    layer, head = make(), nn.Linear(4, 2)
    optimizer = torch.optim.SGD([*layer.parameters(), *head.parameters()], lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(head(layer(x, edges).relu()), y)
        loss.backward()
        optimizer.step()
        print(name, loss.item())
print("degree", *degree(edges[0], 5).tolist())
print("softmax", *softmax(torch.arange(10.0) / 5, edges[1]).tolist())
print("dense", to_dense_adj(add_self_loops(edges)[0]).sum().item())
graphs = [Data(x=x * k, edge_index=edges, y=torch.tensor([k % 2])) for k in range(1, 5)]
for batch in DataLoader(graphs, batch_size=2):
    print("batch", batch.num_graphs, batch.num_nodes, global_mean_pool(batch.x, batch.batch).sum().item(),
          global_add_pool(batch.x, batch.batch).abs().sum().item(), *batch.ptr.tolist())
print("again", Batch.from_data_list(graphs).get_example(2).x.sum().item())
