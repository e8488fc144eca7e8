"""Sequence labelling: what is each word of a Python program? The punctuation is hidden.

The words of some modules of the standard library are labelled by what stands beside them: defined (after ``def`` or
``class``), called (before a parenthesis), an attribute (after a dot), or neither. A bidirectional GRU reads 30 words at
a time and labels each. Accuracy on a module it has not seen: above 0.9, where the commonest label is right for 0.77.
"""

import argparse
import collections
import inspect
import io
import keyword
import textwrap
import tokenize

import torch
import torch.nn as nn
import torch.nn.functional as F

LABELS = ["other", "defined", "called", "attribute"]
LENGTH, UNKNOWN = 30, 0


def read(module):
    """The words of a module and their labels."""
    tokens = list(tokenize.generate_tokens(io.StringIO(inspect.getsource(module)).readline))
    words, labels = [], []
    for before, token, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if token.type == tokenize.NAME:
            words.append(token.string)
            labels.append(
                1 if before.string in ("def", "class")
                else 2 if after.string == "(" and not keyword.iskeyword(token.string)
                else 3 if before.string == "."
                else 0
            )
    return words, labels


def windows(words, labels, numbers):
    x = torch.tensor([numbers.get(word, UNKNOWN) for word in words])
    y = torch.tensor(labels)
    count = len(x) // LENGTH
    return x[: count * LENGTH].view(count, LENGTH), y[: count * LENGTH].view(count, LENGTH)


class Tagger(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.embedding = nn.Embedding(words, 32)
        self.dropout = nn.Dropout(0.3)
        self.gru = nn.GRU(32, 32, batch_first=True, bidirectional=True)
        self.out = nn.Linear(64, len(LABELS))

    def forward(self, x):
        h, _ = self.gru(self.dropout(self.embedding(x)))
        return self.out(self.dropout(h))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()

    torch.manual_seed(0)
    words, labels = [], []
    for module in (argparse, collections, inspect, tokenize):
        more = read(module)
        words += more[0]
        labels += more[1]
    common = [word for word, count in collections.Counter(words).most_common() if count >= 3]
    numbers = {word: i for i, word in enumerate(sorted(common), 1)}
    x, y = windows(words, labels, numbers)
    test_words, test_labels = read(textwrap)
    test_x, test_y = windows(test_words, test_labels, numbers)
    print(f"{len(words)} words, {len(numbers)} of them known; {len(test_words)} to test with")

    model = Tagger(len(numbers) + 1)
    optimizer = torch.optim.NAdam(model.parameters(), lr=5e-3)
    for step in range(1, options.steps + 1):
        batch = torch.randint(len(x), (32,))
        loss = F.cross_entropy(model(x[batch]).transpose(1, 2), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step <= 5 or step % 50 == 0:
            print(f"step {step:3d}  loss {loss.item():.4f}")

    model.eval()
    with torch.no_grad():
        guess = model(test_x).argmax(dim=2)
    for word, label in zip(test_words[300:315], guess.flatten()[300:315].tolist(), strict=True):
        print(f"  {word:<20} {LABELS[label]}")
    commonest = (test_y == 0).float().mean().item()
    print(f"\ntest accuracy {(guess == test_y).float().mean().item():.4f} (all taken for other: {commonest:.4f})")


if __name__ == "__main__":
    main()
