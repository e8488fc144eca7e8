"""tensorboard: the graph of a model, read back by TensorBoard's own reader"""

import glob
import tempfile

import torch
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto.graph_pb2 import GraphDef
from torch import nn
from torch.utils.tensorboard import SummaryWriter


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(3, 4)
        self.act = nn.ReLU()
        self.out = nn.Linear(4, 2)

    def forward(self, x):
        return self.out(self.act(self.hidden(x)))


with tempfile.TemporaryDirectory() as folder:
    with SummaryWriter(folder) as writer:
        writer.add_graph(Net(), torch.ones(5, 3))
    graphs = [GraphDef.FromString(event.graph_def) for file in glob.glob(f"{folder}/*")
              for event in EventFileLoader(file).Load() if event.graph_def]
(graph,) = graphs
shapes = {node.name: [d.size for d in node.attr["_output_shapes"].list.shape[0].dim] for node in graph.node
          if node.attr["_output_shapes"].list.shape}
print("graphs", len(graphs))
for scope in ("Net/Linear[hidden]", "Net/ReLU[act]", "Net/Linear[out]"):
    inside = [node for node in graph.node if node.name.startswith(f"{scope}/")]
    assert inside, [node.name for node in graph.node]
    print(scope, int(bool(inside)))
print("input", *[size for name, sizes in shapes.items() if name.startswith("input") for size in sizes])
