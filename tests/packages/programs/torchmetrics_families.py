"""A classifier's training logged by torchmetrics: a `MetricCollection`, a tracker of its best epoch, bootstrapping, and
metrics of regression, images, retrieval, clustering and aggregation"""

import torch
import torchmetrics
from torch import nn
from torchmetrics import clustering, image, regression, retrieval, wrappers

from tests.packages.printing import attempt, seeded


def tracked():
    features = torch.randn(90, 5)
    classes = (features[:, 0] + features[:, 1] > 0).long() + (features[:, 2] > 0.7).long()
    model = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    metrics = torchmetrics.MetricCollection({
        "accuracy": torchmetrics.Accuracy(task="multiclass", num_classes=3, average="macro"),
        "f1": torchmetrics.F1Score(task="multiclass", num_classes=3, average="weighted"),
        "kappa": torchmetrics.CohenKappa(task="multiclass", num_classes=3),
        "auroc": torchmetrics.AUROC(task="multiclass", num_classes=3),
        "calibration": torchmetrics.CalibrationError(task="multiclass", num_classes=3, n_bins=5),
    })
    tracker = wrappers.MetricTracker(metrics, maximize=[True, True, True, True, False])
    for _ in range(6):
        tracker.increment()
        for rows in torch.randperm(90).split(30):
            scores = model(features[rows])
            optimizer.zero_grad()
            nn.functional.cross_entropy(scores, classes[rows]).backward()
            optimizer.step()
            tracker.update(scores.softmax(1).detach(), classes[rows])
    best, step = tracker.best_metric(return_step=True)
    every = tracker.compute_all()
    return [*(best[name] for name in sorted(best)), *(step[name] for name in sorted(step)),
            *(every[name] for name in sorted(every))]


def saved_and_loaded():
    running = torchmetrics.MeanMetric()
    running.persistent(True)
    running.update(torch.arange(5.0), weight=torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0]))
    state = running.state_dict()
    again = torchmetrics.MeanMetric()
    again.persistent(True)
    again.load_state_dict(state)
    again.update(10.0)
    summed = torchmetrics.SumMetric() + torchmetrics.MaxMetric()
    summed.update(torch.tensor([1.0, 4.0, 2.0]))
    return again.compute(), summed.compute(), running.compute()


def of_regression():
    predicted, wanted = torch.rand(40) + 0.1, torch.rand(40) + 0.1
    kinds = [regression.MeanSquaredError(squared=False), regression.R2Score(), regression.ExplainedVariance(),
             regression.PearsonCorrCoef(), regression.SpearmanCorrCoef(), regression.KendallRankCorrCoef(),
             regression.ConcordanceCorrCoef(), regression.MeanAbsolutePercentageError(), regression.LogCoshError(),
             regression.TweedieDevianceScore(power=1.5), regression.MinkowskiDistance(p=3)]
    return [kind(predicted, wanted) for kind in kinds]


def of_images():
    one, other = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    return [image.StructuralSimilarityIndexMeasure(data_range=1.0)(one, other),
            image.PeakSignalNoiseRatio(1.0)(one, other),
            image.TotalVariation()(one), image.UniversalImageQualityIndex()(one, other),
            image.SpectralAngleMapper()(one, other), image.RelativeAverageSpectralError()(one, other)]


def of_retrieval_and_clusters():
    scores, wanted = torch.rand(24), torch.randint(0, 2, (24,))
    queries = torch.arange(4).repeat_interleave(6)
    found = [kind()(scores, wanted, indexes=queries) for kind in
             (retrieval.RetrievalMAP, retrieval.RetrievalMRR, retrieval.RetrievalNormalizedDCG,
              retrieval.RetrievalRPrecision)]
    labels, truth, points = torch.randint(0, 3, (30,)), torch.randint(0, 3, (30,)), torch.randn(30, 2)
    found += [kind()(labels, truth) for kind in (clustering.AdjustedRandScore, clustering.NormalizedMutualInfoScore,
                                                 clustering.VMeasureScore, clustering.FowlkesMallowsIndex)]
    return [*found, clustering.CalinskiHarabaszScore()(points, labels), clustering.DaviesBouldinScore()(points, labels)]


attempt("tracked", seeded(tracked))
attempt("saved_and_loaded", seeded(saved_and_loaded))
attempt("regression", seeded(of_regression))
attempt("images", seeded(of_images))
attempt("retrieval_and_clusters", seeded(of_retrieval_and_clusters))
