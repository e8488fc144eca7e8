"""k-fold cross-validation with SubsetRandomSampler and Subset, a confusion matrix, per-class weights."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader, Subset, SubsetRandomSampler, TensorDataset

torch.manual_seed(42)
np.random.seed(42)
centres = torch.tensor([[0.0, 0.0], [2.0, 2.0], [0.0, 3.0]])
labels = torch.arange(60) % 3
features = centres[labels] + torch.randn(60, 2)
dataset = ConcatDataset([TensorDataset(features[:30], labels[:30]), TensorDataset(features[30:], labels[30:])])
print(len(dataset), dataset.cumulative_sizes)


def reset_weights(m):
    for layer in m.children():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()


folds = np.array_split(np.random.permutation(len(dataset)), 3)
results = {}
network = nn.Sequential(nn.Linear(2, 8), nn.Softplus(), nn.Linear(8, 3))
for fold in range(3):
    test_ids = folds[fold]
    train_ids = np.concatenate([f for i, f in enumerate(folds) if i != fold])
    trainloader = DataLoader(dataset, batch_size=10, sampler=SubsetRandomSampler(train_ids))
    testloader = DataLoader(Subset(dataset, test_ids), batch_size=10)
    network.apply(reset_weights)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-1)
    weight = 1.0 / torch.bincount(labels[torch.as_tensor(train_ids)], minlength=3).float()
    loss_function = nn.CrossEntropyLoss(weight=weight, label_smoothing=0.05)
    for epoch in range(2):
        current_loss = 0.0
        for i, data in enumerate(trainloader, 0):
            inputs, targets = data
            optimizer.zero_grad()
            loss = loss_function(network(inputs), targets)
            loss.backward()
            optimizer.step()
            current_loss += loss.item()
        print("fold %d epoch %d loss %.4f" % (fold, epoch, current_loss / (i + 1)))
    confusion = torch.zeros(3, 3, dtype=torch.int64)
    correct, total = 0, 0
    with torch.no_grad():
        for inputs, targets in testloader:
            _, predicted = torch.max(network(inputs).data, 1)
            total += targets.size(0)
            correct += (predicted == targets).sum().item()
            confusion.index_put_((targets, predicted), torch.ones_like(targets), accumulate=True)
    results[fold] = 100.0 * (correct / total)
    print(confusion)
    print("recall", confusion.diag() / confusion.sum(1).clamp(min=1), "trace", confusion.trace())
print(results, f"Average: {sum(results.values()) / len(results):.2f} %")
