"""Schedules of the learning rate: objects that change an optimiser's settings as training goes on."""

from ..._public import publish as _publish
from .combined import ChainedScheduler as ChainedScheduler, SequentialLR as SequentialLR
from .cosine import CosineAnnealingLR as CosineAnnealingLR, CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts
from .cyclic import CyclicLR as CyclicLR, OneCycleLR as OneCycleLR
from .plateau import ReduceLROnPlateau as ReduceLROnPlateau
from .scheduler import LRScheduler as LRScheduler, _LRScheduler as _LRScheduler
from .simple import (
    ConstantLR as ConstantLR, ExponentialLR as ExponentialLR, LambdaLR as LambdaLR, LinearLR as LinearLR,
    MultiplicativeLR as MultiplicativeLR, MultiStepLR as MultiStepLR, PolynomialLR as PolynomialLR, StepLR as StepLR,
)

_publish(__name__)
