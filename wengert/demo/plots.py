"""The two pictures of the demo, drawn with matplotlib's Agg canvas: no window, no global state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from wengert.demo.iris import FEATURES, SPECIES, Split

INK = "#22262e"
GREY = "#8a93a3"
BLUE, ORANGE = "#2f6db5", "#d9742b"
PALE_BLUE, PALE_ORANGE = "#e6eef8", "#fbecdf"
# Drawn over each other from wide to narrow, so that equal curves all stay visible.
CURVE_STYLES: tuple[dict[str, Any], ...] = (
    {"color": "#f2b98a", "linewidth": 9, "solid_capstyle": "round"},
    {"color": BLUE, "linewidth": 3},
    {"color": INK, "linewidth": 0, "marker": "o", "markersize": 3.5},
)


def draw_loss(curves: Mapping[str, Sequence[float]], path: Path) -> None:
    """Draw the loss after each epoch, one curve for each way of training, into the PNG file `path`."""
    figure, axes = _canvas("ADALINE on Iris: three ways to the gradient, one curve")
    for (name, losses), style in zip(curves.items(), CURVE_STYLES, strict=True):
        axes.plot(range(1, len(losses) + 1), losses, label=name, **style)
    axes.set_xlabel("epoch")
    axes.set_ylabel("mean squared error on the training flowers")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.set_xlim(0, 1 + max(len(losses) for losses in curves.values()))
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color="#e3e6eb", linewidth=0.8)
    axes.legend(frameon=False, loc="best")
    _save(figure, path)


def draw_decision(split: Split, line: tuple[float, float, float], path: Path) -> None:
    """Draw the test flowers in centimetres and the boundary p·x₁ + q·x₂ = r, `line` in normalised features."""
    figure, axes = _canvas("ADALINE on Iris: the decision boundary on the test flowers")
    features = (split.test_features * split.deviation + split.mean).numpy()
    labels = split.test_labels.numpy()
    slopes = np.array(line[:2]) / split.deviation.numpy()
    threshold = line[2] + slopes @ split.mean.numpy()
    low, high = features.min(axis=0) - 0.3, features.max(axis=0) + 0.3
    axes.set_xlim(low[0], high[0])
    axes.set_ylim(low[1], high[1])
    decided = isfinite(threshold) and np.isfinite(slopes).all() and slopes.any()
    if decided:
        _shade(axes, slopes, float(threshold))
    for label, (species, color, marker) in enumerate(zip(SPECIES, (BLUE, ORANGE), "o^", strict=True)):
        x, y = features[labels == label].T
        axes.scatter(x, y, s=64, c=color, marker=marker, edgecolors="white", linewidths=0.9, label=species, zorder=3)
    if decided:
        wrong = features[(features @ slopes > threshold) != (labels == 1)]
        if len(wrong):
            count = f"on the wrong side: {len(wrong)} of {len(features)}"
            x, y = wrong.T
            axes.scatter(x, y, s=190, facecolors="none", edgecolors=INK, linewidths=1.3, label=count)
    axes.set_xlabel(f"{FEATURES[0].replace('_', ' ')} in cm")
    axes.set_ylabel(f"{FEATURES[1].replace('_', ' ')} in cm")
    axes.legend(frameon=True, framealpha=0.9, edgecolor="none", loc="upper left")
    _save(figure, path)


def _canvas(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8, 4.8), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", color=INK, fontsize=13, pad=12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=INK)
    return figure, axes


def _shade(axes: Axes, slopes: np.ndarray, threshold: float) -> None:
    """Tint the two sides of the boundary slopes·x = threshold, and draw the boundary itself."""
    x, y = np.meshgrid(np.linspace(*axes.get_xlim(), 400), np.linspace(*axes.get_ylim(), 400))
    height = slopes[0] * x + slopes[1] * y - threshold
    axes.contourf(x, y, height > 0, levels=[-0.5, 0.5, 1.5], colors=[PALE_BLUE, PALE_ORANGE], zorder=0)
    axes.contour(x, y, height, levels=[0.0], colors=[INK], linewidths=1.6, zorder=2)
    axes.plot([], [], color=INK, linewidth=1.6, label="decision boundary")


def _save(figure: Figure, path: Path) -> None:
    # The software version would be matplotlib's only word in the file that changes from machine to machine.
    figure.savefig(path, metadata={"Software": "wengert demo"})
