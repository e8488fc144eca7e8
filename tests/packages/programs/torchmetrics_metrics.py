"""Thirty metrics of torchmetrics, accumulated over two batches."""

import torch
import torchmetrics as tm

torch.manual_seed(0)
classes = {"task": "multiclass", "num_classes": 5}
probabilities = torch.randn(2, 64, 5).softmax(-1)
labels = torch.randint(0, 5, (2, 64))
scores, truth = torch.rand(2, 64), torch.randint(0, 2, (2, 64))
x, y = torch.randn(2, 64), torch.randn(2, 64)
images, others = torch.rand(2, 2, 3, 32, 32), torch.rand(2, 2, 3, 32, 32)

METRICS = [
    *[(name, getattr(tm, name)(**classes), probabilities, labels) for name in (
        "Accuracy", "Precision", "Recall", "F1Score", "Specificity", "AUROC", "AveragePrecision", "CohenKappa",
        "ConfusionMatrix", "JaccardIndex", "MatthewsCorrCoef", "CalibrationError", "HammingDistance", "StatScores")],
    *[(f"Binary{name}", getattr(tm, name)(task="binary"), scores, truth) for name in (
        "Accuracy", "F1Score", "AUROC", "AveragePrecision", "HingeLoss")],
    *[(name, getattr(tm, name)(), x, y) for name in (
        "MeanSquaredError", "MeanAbsoluteError", "R2Score", "PearsonCorrCoef", "SpearmanCorrCoef", "ExplainedVariance",
        "ConcordanceCorrCoef", "KendallRankCorrCoef")],
    ("MeanMetric", tm.MeanMetric(), x, None), ("SumMetric", tm.SumMetric(), x, None),
    ("MaxMetric", tm.MaxMetric(), x, None),
    ("PeakSignalNoiseRatio", tm.image.PeakSignalNoiseRatio(data_range=1.0), images, others),
    ("StructuralSimilarity", tm.image.StructuralSimilarityIndexMeasure(data_range=1.0), images, others),
]

for name, metric, predictions, targets in METRICS:
    for batch in range(2):
        metric.update(*([predictions[batch]] if targets is None else [predictions[batch], targets[batch]]))
    print(name, *metric.compute().double().reshape(-1).tolist())
