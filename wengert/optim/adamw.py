"""PyTorch's path to `AdamW`, which shares its file with Adam."""

from .adam import AdamW as AdamW
