"""skorch: a classifier in scikit-learn's grid search, with early stopping and a checkpoint."""

import tempfile

import torch
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier
from skorch.callbacks import Checkpoint, EarlyStopping
from torch import nn

X, y = make_classification(120, 8, n_informative=5, random_state=0)
X, y = X.astype("float32"), y.astype("int64")


class Net(nn.Module):
    def __init__(self, hidden=10):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, hidden), nn.ReLU(), nn.Linear(hidden, 2), nn.Softmax(dim=-1))

    def forward(self, X):
        return self.layers(X)


torch.manual_seed(0)
net = NeuralNetClassifier(Net, max_epochs=4, lr=0.1, batch_size=32, verbose=0)
search = GridSearchCV(net, {"module__hidden": [6, 12], "lr": [0.05, 0.2]}, cv=2, scoring="accuracy", refit=True)
search.fit(X, y)
print("scores", *search.cv_results_["mean_test_score"].tolist())
print("best", search.best_params_["module__hidden"], search.best_params_["lr"])
torch.manual_seed(1)
with tempfile.TemporaryDirectory() as folder:
    net = NeuralNetClassifier(Net, max_epochs=8, lr=0.2, batch_size=32, verbose=0,
                              callbacks=[EarlyStopping(patience=2), Checkpoint(dirname=folder)])
    net.fit(X, y)
    print("history", *net.history[:, "train_loss"], *net.history[:, "valid_loss"])
    again = NeuralNetClassifier(Net, verbose=0).initialize()
    again.load_params(checkpoint=Checkpoint(dirname=folder))
    print("again", again.predict_proba(X)[:4].sum(0).tolist()[0])
