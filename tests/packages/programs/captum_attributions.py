"""Attributions of a small convolutional network by captum."""

import torch
from captum.attr import (
    DeepLift,
    FeatureAblation,
    InputXGradient,
    IntegratedGradients,
    LayerGradCam,
    Occlusion,
    Saliency,
    ShapleyValueSampling,
)
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3)).eval()
x = torch.randn(2, 1, 8, 8)
baseline = torch.zeros_like(x)


def say(name, found):
    print(name, found.sum().item(), found.abs().sum().item(), found.reshape(-1)[5].item())


say("IntegratedGradients", IntegratedGradients(model).attribute(x, baseline, target=1, n_steps=20))
say("Saliency", Saliency(model).attribute(x.clone().requires_grad_(), target=1))
say("InputXGradient", InputXGradient(model).attribute(x.clone().requires_grad_(), target=2))
say("DeepLift", DeepLift(model).attribute(x, baseline, target=0))
say("GradCAM", LayerGradCam(model, model[0]).attribute(x, target=1))
say("FeatureAblation", FeatureAblation(model).attribute(x, target=1))
say("Occlusion", Occlusion(model).attribute(x, target=1, sliding_window_shapes=(1, 3, 3), strides=(1, 2, 2)))
mask = torch.arange(4).repeat_interleave(16).reshape(1, 1, 8, 8)
torch.manual_seed(3)
say("Shapley", ShapleyValueSampling(model).attribute(x, target=1, feature_mask=mask, n_samples=6))
