"""A pyramid of features, in which every level knows what the ones above it see (Lin et al., 2017)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from wengert import Tensor, nn

from .misc import Conv2dNormActivation


class ExtraFPNBlock(nn.Module):
    """What adds levels to a pyramid: `forward` gets the results, the features they were made of, and the names."""

    def forward(self, results: list[Tensor], x: list[Tensor], names: list[str]) -> tuple[list[Tensor], list[str]]:
        """The results and names with those that are added. NotImplementedError here: a class derived from this has
        it."""
        raise NotImplementedError("[ExtraFPNBlock] forward was expected in the class that derives from it")


class FeaturePyramidNetwork(nn.Module):
    """Features of several levels, the finest first, as many maps of ``out_channels``: each brought to that many by a
    1 × 1 convolution, added to the enlarged one above it, and smoothed by a 3 × 3 convolution.

    >>> import wengert as torch
    >>> from wengert.vision import ops
    >>> pyramid = ops.FeaturePyramidNetwork([4, 8], 3)
    >>> features = {"fine": torch.rand(1, 4, 8, 8), "coarse": torch.rand(1, 8, 4, 4)}
    >>> {name: tuple(level.shape) for name, level in pyramid(features).items()}
    {'fine': (1, 3, 8, 8), 'coarse': (1, 3, 4, 4)}
    """

    _version = 2

    def __init__(self, in_channels_list: list[int], out_channels: int, extra_blocks: ExtraFPNBlock | None = None,
                 norm_layer: Callable[..., nn.Module] | None = None) -> None:
        super().__init__()
        if 0 in in_channels_list:
            raise ValueError("in_channels=0 is currently not supported")
        self.inner_blocks, self.layer_blocks = nn.ModuleList(), nn.ModuleList()
        for channels in in_channels_list:
            for blocks, first, size in ((self.inner_blocks, channels, 1), (self.layer_blocks, out_channels, 3)):
                blocks.append(Conv2dNormActivation(first, out_channels, size, padding=None if size == 3 else 0,
                                                   norm_layer=norm_layer, activation_layer=None))
        _draw(self)
        if extra_blocks is not None and not isinstance(extra_blocks, ExtraFPNBlock):
            raise TypeError(f"extra_blocks should be of type ExtraFPNBlock not {type(extra_blocks)}")
        self.extra_blocks = extra_blocks

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *rest: Any
                              ) -> None:
        if local_metadata.get("version", 1) < 2:  # a block was a convolution
            for blocks in ("inner_blocks", "layer_blocks"):
                for place in range(len(getattr(self, blocks))):
                    for name in ("weight", "bias"):
                        old = f"{prefix}{blocks}.{place}.{name}"
                        if old in state_dict:
                            state_dict[f"{prefix}{blocks}.{place}.0.{name}"] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def forward(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
        """The levels by name, the finest first, then those of ``extra_blocks``."""
        names, features = list(x), list(x.values())
        last = self.inner_blocks[-1](features[-1])
        results = [self.layer_blocks[-1](last)]
        for level in range(len(features) - 2, -1, -1):
            inner = self.inner_blocks[level](features[level])
            last = inner + nn.functional.interpolate(last, size=inner.shape[-2:], mode="nearest")
            results.insert(0, self.layer_blocks[level](last))
        if self.extra_blocks is not None:
            results, names = self.extra_blocks(results, features, names)
        return OrderedDict(zip(names, results, strict=True))


def _draw(module: nn.Module) -> None:
    for each in module.modules():
        if isinstance(each, nn.Conv2d):
            nn.init.kaiming_uniform_(each.weight, a=1)
            if each.bias is not None:
                nn.init.constant_(each.bias, 0)


class LastLevelMaxPool(ExtraFPNBlock):
    """One level more: every second pixel of the last."""

    def forward(self, results: list[Tensor], x: list[Tensor], names: list[str]) -> tuple[list[Tensor], list[str]]:
        """The results with that level, whose name is ``pool``."""
        return [*results, nn.functional.max_pool2d(results[-1], kernel_size=1, stride=2, padding=0)], [*names, "pool"]


class LastLevelP6P7(ExtraFPNBlock):
    """Two levels more, ``p6`` and ``p7``, by convolutions with a stride of 2: of the last result where
    ``in_channels == out_channels``, else of the last features (Lin et al., *Focal loss*, 2017)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.p6 = nn.Conv2d(in_channels, out_channels, 3, 2, 1)
        self.p7 = nn.Conv2d(out_channels, out_channels, 3, 2, 1)
        _draw(self)
        self.use_P5 = in_channels == out_channels

    def forward(self, results: list[Tensor], x: list[Tensor], names: list[str]) -> tuple[list[Tensor], list[str]]:
        """The results with both levels."""
        p6 = self.p6(results[-1] if self.use_P5 else x[-1])
        return [*results, p6, self.p7(nn.functional.relu(p6))], [*names, "p6", "p7"]
