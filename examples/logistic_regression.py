"""Logistic regression: is a tumour malignant or benign? 30 measurements of 569 patients.

Learns one weight for each measurement, and prints the ones that say most. Test accuracy: above 0.95.
"""

import argparse

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn


def load():
    data = load_breast_cancer()
    x = torch.tensor(data.data, dtype=torch.float32)
    y = torch.tensor(data.target, dtype=torch.float32)
    order = torch.randperm(len(x))
    train, test = order[:400], order[400:]
    mean, std = x[train].mean(0), x[train].std(0)
    x = (x - mean) / std
    return x[train], y[train], x[test], y[test], data.feature_names


def accuracy(model, x, y):
    with torch.no_grad():
        return ((model(x).squeeze(1) > 0) == (y > 0.5)).float().mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()

    torch.manual_seed(0)
    train_x, train_y, test_x, test_y, names = load()
    model = nn.Linear(30, 1)
    loss_of = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9, weight_decay=1e-2)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=options.steps)

    for step in range(1, options.steps + 1):
        loss = loss_of(model(train_x).squeeze(1), train_y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        if step <= 5 or step % 50 == 0:
            print(f"step {step:3d}  loss {loss.item():.4f}  accuracy {accuracy(model, train_x, train_y):.4f}")

    weights = model.weight.detach()[0]
    print("\nspeaks most for a benign (+) or a malignant (-) tumour:")
    for index in weights.abs().topk(5).indices.tolist():
        print(f"  {weights[index].item():+.3f}  {names[index]}")
    print(f"\ntest accuracy {accuracy(model, test_x, test_y):.4f}")


if __name__ == "__main__":
    main()
