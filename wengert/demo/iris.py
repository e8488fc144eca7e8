"""The flowers that the demo learns from: one hundred rows of Iris, split and normalised as in the lecture.

`iris.csv` holds the versicolor and virginica flowers of R. A. Fisher's measurements (*The use of multiple measurements
in taxonomic problems*, 1936), in centimetres, in the order in which everyone ships them.
"""

from __future__ import annotations

import csv
from importlib import resources
from typing import NamedTuple

import wengert
from wengert import Tensor

SPECIES = ("versicolor", "virginica")
FEATURES = ("sepal_width", "petal_length")


class Split(NamedTuple):
    """Normalised training and test flowers.

    Features are float32 of shape `(N, 2)`, labels int64 of shape `(N,)`: 0 is versicolor and 1 is virginica.
    `mean` and `deviation`, of shape `(2,)`, are the training set's, in centimetres.
    """

    train_features: Tensor
    train_labels: Tensor
    test_features: Tensor
    test_labels: Tensor
    mean: Tensor
    deviation: Tensor


def load() -> tuple[Tensor, Tensor]:
    """Read the flowers: features of shape `(100, 2)` in centimetres, float32, and labels of shape `(100,)`, int64."""
    text = resources.files(__package__).joinpath("iris.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    features = wengert.tensor([[float(row[name]) for name in FEATURES] for row in rows])
    labels = wengert.tensor([SPECIES.index(row["species"]) for row in rows])
    return features, labels


def shuffle_and_split(features: Tensor, labels: Tensor, seed: int) -> Split:
    """Shuffle by `seed`, take 70 % for training, and normalise both parts with the training set's mean and deviation.

    The published figures hang on one quirk of the lecture, kept here: it applies the same permutation twice, once to
    order the flowers and once more to pick the two parts from them.
    """
    wengert.manual_seed(seed)
    order = wengert.randperm(labels.size(0))
    features, labels = features[order], labels[order]
    count = int(labels.size(0) * 0.7)
    train, test = order[:count], order[count:]
    mean, deviation = features[train].mean(dim=0), features[train].std(dim=0)
    return Split(
        (features[train] - mean) / deviation,
        labels[train],
        (features[test] - mean) / deviation,
        labels[test],
        mean,
        deviation,
    )
