"""scikit-learn's estimators and metrics given tensors (`array_api_dispatch=True`): what they learn and predict are
tensors again."""

import os

os.environ["SCIPY_ARRAY_API"] = "1"

import numpy as np
import torch
from sklearn import config_context, decomposition, kernel_approximation, metrics, mixture, naive_bayes, preprocessing
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier, RidgeCV
from sklearn.model_selection import cross_val_predict, train_test_split

rng = np.random.default_rng(0)
data = rng.normal(size=(60, 5))
X = torch.asarray(data)
y = torch.asarray((data[:, 0] + 0.3 * rng.normal(size=60) > 0).astype(np.int64))
t = torch.asarray(data @ np.arange(5.0) + 0.1 * rng.normal(size=60))


def show(word, array):
    assert isinstance(array, torch.Tensor), word
    array = array.to(torch.float64)
    print(word, abs(array).sum().item(), abs(array.reshape(-1)[-1]).item())


with config_context(array_api_dispatch=True):
    show("ridge", Ridge(solver="svd").fit(X, t).predict(X))
    show("ridge-cv", RidgeCV().fit(X, t).coef_)
    show("ridge-classes", RidgeClassifier(solver="svd").fit(X, y).decision_function(X))
    show("logistic", LogisticRegression().fit(X, y).predict_proba(X))
    show("pca", decomposition.PCA(2, svd_solver="full").fit_transform(X))
    show("pca-eigh", decomposition.PCA(2, svd_solver="covariance_eigh").fit(X).explained_variance_)
    show("discriminants", LinearDiscriminantAnalysis().fit(X, y).predict_proba(X))
    show("bayes", naive_bayes.GaussianNB().fit(X, y).predict_proba(X))
    show("mixture", mixture.GaussianMixture(2, random_state=0, init_params="random").fit(X).means_)
    show("nystroem", kernel_approximation.Nystroem(n_components=5, random_state=0).fit_transform(X))
    for name in ("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "Normalizer", "PolynomialFeatures", "Binarizer"):
        show(name, getattr(preprocessing, name)().fit_transform(X))
    show("codes", preprocessing.LabelEncoder().fit_transform(y))
    show("cross-validation", cross_val_predict(Ridge(solver="svd"), X, t))
    for place, part in enumerate(train_test_split(X, y, random_state=0)):
        show(f"split-{place}", part)
    for name in ("euclidean_distances", "rbf_kernel", "cosine_similarity"):
        show(name, getattr(metrics.pairwise, name)(X, X[:7]))
    print("accuracy", metrics.accuracy_score(y, X[:, 0] > 0))
    print("f1", float(metrics.f1_score(y, (X[:, 0] > 0).to(torch.int64))))
    print("errors", metrics.mean_squared_error(t, t * 0.5), metrics.r2_score(t, t * 0.5))
