"""torch-geometric: thirty layers, pooling, aggregations, utilities, and graphs of several kinds."""

# ruff: noqa: B023, E731, E741
import warnings

import torch
import torch_geometric.nn as gn
from torch import nn
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader as GL

from tests.packages.printing import attempt, seeded

warnings.simplefilter("ignore")


@seeded
def graph():
    return torch.randn(8, 6), torch.randint(0, 8, (2, 24)), torch.rand(24), torch.randn(24, 3)


gx, ge, gw, ga = graph()
for n, mk, args in [
    ("GCN", lambda: gn.GCNConv(6, 4), (gw,)),
    ("GAT", lambda: gn.GATConv(6, 4, 2), ()),
    ("GATv2", lambda: gn.GATv2Conv(6, 4, 2, edge_dim=3), (ga,)),
    ("SAGE", lambda: gn.SAGEConv(6, 4), ()),
    ("SAGEmax", lambda: gn.SAGEConv(6, 4, aggr="max"), ()),
    ("GIN", lambda: gn.GINConv(nn.Linear(6, 4)), ()),
    ("GINE", lambda: gn.GINEConv(nn.Linear(6, 4), edge_dim=3), (ga,)),
    ("Cheb", lambda: gn.ChebConv(6, 4, 3), (gw,)),
    ("Transformer", lambda: gn.TransformerConv(6, 4, 2, edge_dim=3), (ga,)),
    ("Graph", lambda: gn.GraphConv(6, 4), (gw,)),
    ("ARMA", lambda: gn.ARMAConv(6, 4), (gw,)),
    ("SG", lambda: gn.SGConv(6, 4, 2), (gw,)),
    ("TAG", lambda: gn.TAGConv(6, 4), (gw,)),
    ("Edge", lambda: gn.EdgeConv(nn.Linear(12, 4)), ()),
    ("NN", lambda: gn.NNConv(6, 4, nn.Linear(3, 24)), (ga,)),
    ("GMM", lambda: gn.GMMConv(6, 4, 3, 2), (ga,)),
    ("RGCN", lambda: gn.RGCNConv(6, 4, 3), ((torch.arange(24) % 3),)),
    (
        "PNA",
        lambda: gn.PNAConv(
            6, 4, ["mean", "max", "std"], ["identity", "amplification"], torch.bincount(ge[1], minlength=4)
        ),
        (),
    ),
    ("GPS", lambda: gn.GPSConv(6, gn.GCNConv(6, 6), heads=2, act="relu", norm=None), ()),
    ("Gated", lambda: gn.GatedGraphConv(6, 2), (gw,)),
    ("APPNP", lambda: gn.APPNP(3, 0.1), (gw,)),
    ("FiLM", lambda: gn.FiLMConv(6, 4), ()),
    ("Super", lambda: gn.SuperGATConv(6, 4), ()),
    ("Hyper", lambda: gn.HypergraphConv(6, 4), ()),
    ("Leconv", lambda: gn.LEConv(6, 4), (gw,)),
    ("CG", lambda: gn.CGConv(6, 3), (ga,)),
    ("GENConv", lambda: gn.GENConv(6, 4), ()),
    ("DNA", lambda: gn.ClusterGCNConv(6, 4), ()),
    ("Res", lambda: gn.ResGatedGraphConv(6, 4), ()),
    ("Dir", lambda: gn.DirGNNConv(gn.GATv2Conv(6, 4, add_self_loops=False)), ()),
]:

    @seeded
    def run():
        m = mk().eval()
        x = gx.clone().requires_grad_()
        o = m(x, ge, *args)
        o.square().sum().backward()
        return o, x.grad

    attempt("pyg_" + n, run)


@seeded
def batch():
    ds = [
        Data(x=torch.randn(k, 6), edge_index=torch.randint(0, k, (2, 10)), y=torch.tensor([k % 2]))
        for k in (4, 5, 6, 7)
    ]
    out = []
    for b in GL(ds, 2):
        out += [gn.global_mean_pool(b.x, b.batch), gn.global_max_pool(b.x, b.batch), gn.global_add_pool(b.x, b.batch)]
    p = gn.TopKPooling(6, 0.5)(b.x, b.edge_index, None, b.batch)[0]
    s = gn.SAGPooling(6)(b.x, b.edge_index, None, b.batch)[0]
    q = gn.GraphNorm(6)(b.x, b.batch)
    a = gn.aggr.SoftmaxAggregation(learn=True)(b.x, b.batch)
    loss = gn.aggr.LSTMAggregation(6, 3)(b.x, b.batch)
    st = gn.aggr.Set2Set(6, 2)(b.x, b.batch)
    md = gn.aggr.MedianAggregation()(b.x, b.batch)
    jk = gn.JumpingKnowledge("max")([b.x, b.x * 2])
    w = gn.GCN(6, 8, 2, 3)(b.x, b.edge_index)
    return out + [p, s, q, a, loss, st, md, jk, w]


attempt("pyg_batch", batch)


@seeded
def n2v():
    from torch_geometric.utils import (
        coalesce,
        degree,
        get_laplacian,
        k_hop_subgraph,
        scatter,
        softmax,
        to_dense_adj,
        to_undirected,
    )

    return (
        to_dense_adj(ge),
        degree(ge[0], 8),
        to_undirected(ge).float(),
        softmax(gw, ge[1]),
        scatter(ga, ge[1], reduce="mul"),
        get_laplacian(ge, gw, "sym")[1],
        k_hop_subgraph(0, 1, ge)[0].float(),
        coalesce(ge, gw)[1],
    )


attempt("pyg_utils", n2v)


@seeded
def het():
    from torch_geometric.data import HeteroData

    d = HeteroData()
    d["a"].x = torch.randn(4, 6)
    d["b"].x = torch.randn(5, 6)
    d["a", "to", "b"].edge_index = torch.stack([torch.randint(0, 4, (8,)), torch.randint(0, 5, (8,))])
    d["b", "rev", "a"].edge_index = d["a", "to", "b"].edge_index.flip(0)
    h = gn.HeteroConv(
        {("a", "to", "b"): gn.SAGEConv(6, 4), ("b", "rev", "a"): gn.GATConv((6, 6), 4, add_self_loops=False)}
    )
    o = h(d.x_dict, d.edge_index_dict)
    g = gn.HGTConv(6, 4, d.metadata(), 2)(d.x_dict, d.edge_index_dict)
    made = gn.to_hetero(gn.GraphSAGE((6, 6), 4, 1), d.metadata())(d.x_dict, d.edge_index_dict)
    return o["a"], o["b"], g["a"], made["a"], made["b"]


attempt("pyg_hetero", het)
