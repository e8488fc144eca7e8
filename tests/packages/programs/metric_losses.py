"""pytorch-metric-learning: losses of pairs and of classes on a small network, with and without a miner"""

import torch
from pytorch_metric_learning import losses, miners

torch.manual_seed(0)
network = torch.nn.Linear(6, 4)
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
x, y = torch.randn(24, 6), torch.arange(24) % 4
miner = miners.MultiSimilarityMiner()
PAIRS = """TripletMarginLoss ContrastiveLoss NTXentLoss MultiSimilarityLoss CircleLoss AngularLoss FastAPLoss
    LiftedStructureLoss NPairsLoss SupConLoss MarginLoss TupletMarginLoss SignalToNoiseRatioContrastiveLoss"""
CLASSES = """ArcFaceLoss CosFaceLoss NormalizedSoftmaxLoss ProxyNCALoss ProxyAnchorLoss SphereFaceLoss
    SubCenterArcFaceLoss SoftTripleLoss"""
for name in PAIRS.split():
    of = getattr(losses, name)()
    for mined in (False, True):
        found = network(x)
        loss = of(found, y, miner(found, y)) if mined else of(found, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(name, loss.item())
for name in CLASSES.split():
    torch.manual_seed(1)
    loss = getattr(losses, name)(num_classes=4, embedding_size=4)(network(x), y)
    loss.backward()
    print(name, loss.item())
memory = losses.CrossBatchMemory(losses.NTXentLoss(), 4, memory_size=48)
print("memory", *[memory(network(x), y).item() for _ in range(3)])
