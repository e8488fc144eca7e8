"""Twenty other attributions by captum: gradients, occlusions, layers and neurons."""

# ruff: noqa: B023, E731, E741
import warnings

import captum.attr as ca
import torch
from torch import nn

from tests.packages.printing import attempt, seeded

warnings.simplefilter("ignore")


class Net(nn.Module):
    def __init__(s):
        super().__init__()
        s.c = nn.Conv2d(1, 4, 3, padding=1)
        s.r = nn.ReLU()
        s.p = nn.MaxPool2d(2)
        s.l = nn.Linear(64, 3)
        s.r2 = nn.ReLU()
        s.l2 = nn.Linear(3, 3)

    def forward(s, x):
        return s.l2(s.r2(s.l(s.p(s.r(s.c(x))).flatten(1))))


@seeded
def net():
    return Net().eval(), torch.randn(2, 1, 8, 8)


N, X = net()
for n, f in {
    "saliency": lambda: ca.Saliency(N).attribute(X, target=1),
    "ixg": lambda: ca.InputXGradient(N).attribute(X, target=1),
    "guided": lambda: ca.GuidedBackprop(N).attribute(X, target=1),
    "deconv": lambda: ca.Deconvolution(N).attribute(X, target=1),
    "occl": lambda: ca.Occlusion(N).attribute(X, sliding_window_shapes=(1, 3, 3), strides=(1, 2, 2), target=0),
    "ablation": lambda: ca.FeatureAblation(N).attribute(X, target=0),
    "perm": lambda: (torch.manual_seed(0), ca.FeaturePermutation(N).attribute(X, target=0))[1],
    "gshap": lambda: (
        torch.manual_seed(0),
        __import__("numpy").random.seed(0),
        ca.GradientShap(N).attribute(X, torch.zeros(2, 1, 8, 8), target=0, n_samples=4),
    )[2],
    "lrp": lambda: ca.LRP(N).attribute(X, target=1),
    "lcond": lambda: ca.LayerConductance(N, N.c).attribute(X, target=1, n_steps=8),
    "lact": lambda: ca.LayerActivation(N, N.l).attribute(X),
    "ggc": lambda: ca.GuidedGradCam(N, N.c).attribute(X, target=1),
    "ncond": lambda: ca.NeuronConductance(N, N.c).attribute(X, (0, 1, 1), target=1, n_steps=8),
    "internal": lambda: ca.InternalInfluence(N, N.c).attribute(X, target=1, n_steps=8),
    "dlshap": lambda: ca.DeepLiftShap(N).attribute(
        X, torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(1)), target=1
    ),
    "lig": lambda: ca.LayerIntegratedGradients(N, N.c).attribute(X, target=1, n_steps=8),
    "ldl": lambda: ca.LayerDeepLift(N, N.c).attribute(X, target=1),
    "noise": lambda: (torch.manual_seed(0), ca.NoiseTunnel(ca.Saliency(N)).attribute(X, nt_samples=3, target=1))[1],
    "lime": lambda: (torch.manual_seed(0), ca.KernelShap(N).attribute(X[:1], target=1, n_samples=20))[1],
    "ng": lambda: ca.NeuronGradient(N, N.c).attribute(X, (0, 1, 1)),
    "lgx": lambda: ca.LayerGradientXActivation(N, N.c).attribute(X, target=1),
}.items():
    attempt("cap_" + n, f)
