"""Operations and blocks of networks for images, in the shape of ``torchvision.ops``."""

from __future__ import annotations

from . import misc as misc
from .drops import (
    DropBlock2d as DropBlock2d, DropBlock3d as DropBlock3d, StochasticDepth as StochasticDepth,
    drop_block2d as drop_block2d, drop_block3d as drop_block3d, stochastic_depth as stochastic_depth,
)
from .misc import (
    MLP as MLP, Conv2dNormActivation as Conv2dNormActivation, Conv3dNormActivation as Conv3dNormActivation,
    FrozenBatchNorm2d as FrozenBatchNorm2d, Permute as Permute, SqueezeExcitation as SqueezeExcitation,
)
