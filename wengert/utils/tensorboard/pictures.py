"""What is to be seen, as arrays of bytes: images, grids of them, figures, films."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np

from ...core.dtypes import bfloat16, float16
from ...tensors.tensor import Tensor

Array = np.ndarray


def as_array(values: Any) -> Array:
    """The numbers of a tensor, an array or a number. Raises NotImplementedError for what is none of these."""
    if isinstance(values, np.ndarray):
        return values
    if np.isscalar(values):
        return np.asarray([values])
    if isinstance(values, Tensor):
        values = values.detach()
        return (values.to(float16) if values.dtype is bfloat16 else values).numpy()
    raise NotImplementedError(f"Got {type(values)}, but numpy array or torch tensor are expected.")


def as_bytes(pixels: Array) -> Array:
    """Pixels from 0 to 1, or bytes, as bytes."""
    scale = 1 if pixels.dtype == np.uint8 else 255
    return (pixels.astype(np.float32) * scale).clip(0, 255).astype(np.uint8)


def grid(images: Array, columns: int = 8) -> Array:
    """Images (N, C, H, W) side by side as one of three channels, (3, H', W')."""
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise AssertionError(f"Input should be a 4D numpy array with 3 channels; got shape {images.shape}")
    images = np.broadcast_to(images, (len(images), 3, *images.shape[2:]))
    count, _, height, width = images.shape
    columns = min(count, columns)
    rows = math.ceil(count / columns)
    out = np.zeros((3, height * rows, width * columns), images.dtype)
    for place, image in enumerate(images):
        row, column = divmod(place, columns)
        out[:, row * height : (row + 1) * height, column * width : (column + 1) * width] = image
    return out


def to_hwc(pixels: Array, layout: str) -> Array:
    """Pixels whose dimensions are called ``layout`` (``"CHW"``, ``"NHWC"``, ``"HW"``) as (H, W, C)."""
    layout = layout.upper()
    if len(set(layout)) != len(layout):
        raise AssertionError(f"You can not use the same dimension shorthand twice. input_format: {layout}")
    if pixels.ndim != len(layout):
        raise AssertionError("size of input tensor and input format are different. tensor shape: "
                             f"{pixels.shape}, input_format: {layout}")
    wanted = {4: "NCHW", 3: "HWC", 2: "HW"}.get(len(layout), "")
    if set(layout) != set(wanted):
        raise ValueError(f"[add_image] dimensions NCHW, CHW or HW in some order were expected; got {layout!r}")
    pixels = pixels.transpose([layout.index(letter) for letter in wanted])
    if len(layout) == 4:
        return grid(pixels).transpose(1, 2, 0)
    if len(layout) == 2:
        pixels = pixels[..., None]
    return np.repeat(pixels, 3, 2) if pixels.shape[2] == 1 else pixels


def png(pixels: Array, rescale: float = 1, boxes: Array | None = None, labels: list[str] | None = None) -> bytes:
    """Bytes (H, W, C) as a file, larger by ``rescale``, with ``boxes`` (N, 4) drawn and labelled."""
    from PIL import Image

    picture = Image.fromarray(pixels)
    for place, box in enumerate([] if boxes is None else boxes):
        _draw(picture, [float(edge) for edge in box], labels[place] if labels else "")
    if rescale != 1:
        size = int(picture.width * rescale), int(picture.height * rescale)
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _draw(picture: Any, box: list[float], label: str) -> None:
    from PIL import ImageDraw

    drawing = ImageDraw.Draw(picture)
    drawing.rectangle(box, outline="red", width=2)
    if label:
        left, top, right, bottom = drawing.textbbox((box[0], box[3]), label, anchor="lb")
        drawing.rectangle((left, top, right, bottom), fill="red")
        drawing.text((box[0], box[3]), label, fill="black", anchor="lb")


def figure(figures: Any, close: bool) -> Array:
    """Figures of matplotlib as bytes: (3, H, W) of one, (N, 3, H, W) of a list."""
    if isinstance(figures, list):
        return np.stack([figure(each, close) for each in figures])
    from matplotlib import pyplot
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figures)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].transpose(2, 0, 1).copy()
    if close:
        pyplot.close(figures)
    return pixels


def film(frames: Array) -> Array:
    """Films (N, T, C, H, W) side by side as one, of frames (T, H', W', C) of bytes."""
    if frames.ndim != 5:
        raise ValueError(f"[add_video] films (N, T, C, H, W) were expected; got shape {frames.shape}")
    count, times, channels, height, width = frames.shape
    if count & (count - 1):
        empty = np.zeros((2 ** count.bit_length() - count, *frames.shape[1:]), frames.dtype)
        frames = np.concatenate([frames, empty])
    rows = 2 ** ((count.bit_length() - 1) // 2)
    tiled = frames.reshape(rows, len(frames) // rows, times, channels, height, width).transpose(2, 0, 4, 1, 5, 3)
    return as_bytes(tiled.reshape(times, rows * height, -1, channels))


def gif(frames: Array, fps: float) -> bytes:
    """Frames (T, H, W, C) of bytes as a film that repeats."""
    from PIL import Image

    pictures = [Image.fromarray(np.repeat(frame, 3, 2) if frame.shape[2] == 1 else frame) for frame in frames]
    file = io.BytesIO()
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], duration=1000 / fps, loop=0)
    return file.getvalue()
