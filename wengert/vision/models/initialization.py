"""How the weights of a new network are drawn, where several of torchvision's draw them alike."""

from __future__ import annotations

from wengert import nn


def draw_weights(model: nn.Module) -> None:
    """Draws the weights of convolutions and linear layers; those of norms are 1, and biases 0."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
        elif isinstance(module, (nn.BatchNorm2d, nn.GroupNorm)):
            assert module.weight is not None  # these are affine
            nn.init.ones_(module.weight)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
