"""What of a layer its input does not fit: the setting that says a size, and the axis of the input that has it.

The one idea to know: a layer's settings are attributes that bear the names of its arguments, so that one table of names
and axes tells for all layers which argument would make them fit.
"""

from __future__ import annotations

from typing import Any

Shape = tuple[int, ...]
SETTINGS: tuple[tuple[str, int], ...] = (
    ("num_features", 1), ("num_channels", 1), ("input_size", -1), ("embed_dim", -1), ("normalized_shape", -1),
)
"""Settings that say a size, and the axis of the input for which they say it."""


def misfit(module: Any, shape: Shape) -> tuple[str, Shape, set[int], set[int], list[str]] | None:
    """A setting of a module that an input of this shape does not fit: its name and sizes, the axes of the input and of
    the setting that disagree, and what would make them fit; None where there is none."""
    for name, axis in SETTINGS:
        setting = getattr(module, name, None)
        wanted = tuple(setting) if isinstance(setting, (tuple, list)) else (setting,)
        if not wanted or not all(isinstance(size, int) for size in wanted) or len(shape) < max(len(wanted), 2):
            continue
        axes = range(len(shape) - len(wanted), len(shape)) if axis < 0 else range(axis, axis + 1)
        wrong = [i for i, at in enumerate(axes) if shape[at] != wanted[i]]
        if wrong:
            changes = _changes(name, setting, wanted, shape, list(axes))
            return name, wanted, {axes[i] for i in wrong}, set(wrong), changes
    return None


def _changes(name: str, setting: Any, wanted: Shape, shape: Shape, axes: list[int]) -> list[str]:
    found = []
    if len(wanted) == 1 and wanted[0] in shape[1:]:
        at, to = shape.index(wanted[0], 1), axes[0] if axes[0] == 1 else -1
        found.append(f"move the axis of size {wanted[0]} to where the layer looks for it: movedim({at}, {to})")
    came = tuple(shape[at] for at in axes)
    value: Any = came if isinstance(setting, (tuple, list)) else came[0]
    return [*found, f"{name}={value} for the layer, which now has {setting}"]
