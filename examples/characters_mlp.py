"""A language model of characters (after Bengio et al., 2003), trained on the documentation that comes with Python.

Embeddings of the last 12 characters go through two layers and predict the next one. From 3.6 nats a character, which
is guessing, it comes below 1.9 on text it has not seen, and writes some of its own.
"""

import argparse
import textwrap
from pydoc_data.topics import topics

import torch
import torch.nn as nn
import torch.nn.functional as F

CONTEXT = 12
LETTERS = " abcdefghijklmnopqrstuvwxyz.,()'\n"


def load():
    text = "\n".join(topics[name].lower() for name in sorted(topics))
    text = " ".join("".join(c if c in LETTERS else " " for c in text).split(" "))
    while "  " in text:
        text = text.replace("  ", " ")
    number = {c: i for i, c in enumerate(LETTERS)}
    return torch.tensor([number[c] for c in text[:200_000]])


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(len(LETTERS), 16)
        self.hidden = nn.Linear(16 * CONTEXT, 192)
        self.norm = nn.Linear(192, 96)
        self.out = nn.Linear(96, len(LETTERS))

    def forward(self, x):
        x = self.embedding(x).flatten(1)
        x = torch.tanh(self.hidden(x))
        return self.out(F.gelu(self.norm(x)))


def batch_of(text, size):
    starts = torch.randint(len(text) - CONTEXT - 1, (size,))
    windows = text[starts[:, None] + torch.arange(CONTEXT + 1)]
    return windows[:, :CONTEXT], windows[:, CONTEXT]


@torch.no_grad()
def write(model, seed, length):
    model.eval()
    text = [LETTERS.index(c) for c in seed]
    for _ in range(length):
        logits = model(torch.tensor(text[-CONTEXT:])[None])[0]
        text.append(torch.multinomial(F.softmax(logits / 0.7, dim=0), 1).item())
    return "".join(LETTERS[i] for i in text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3000)
    options = parser.parse_args()

    torch.manual_seed(0)
    text = load()
    train, test = text[:180_000], text[180_000:]
    model = Model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=6e-3, total_steps=max(options.steps, 20) + 1)
    for step in range(1, options.steps + 1):
        inputs, targets = batch_of(train, 128)
        loss = F.cross_entropy(model(inputs), targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        if step <= 5 or step % 500 == 0:
            print(f"step {step:4d}  loss {loss.item():.4f}  lr {scheduler.get_last_lr()[0]:.6f}")

    with torch.no_grad():
        inputs, targets = batch_of(test, 5000)
        loss = F.cross_entropy(model(inputs), targets)
    print(textwrap.fill(write(model, "the class is ", 300), 100))
    print(f"\ntest loss {loss.item():.4f} nats a character")


if __name__ == "__main__":
    main()
