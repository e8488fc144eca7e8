"""Tensors that say what they are of an image: the image itself, boxes in it, a mask of it. Transforms of
``transforms.v2`` ask that and turn them all alike.

What is computed with one is a plain tensor, but for ``clone``, ``to``, ``detach`` and ``requires_grad_``, unless
`set_return_type` says otherwise. `wrap` makes it what another is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from enum import Enum
from typing import Any

import wengert as torch
from wengert import Tensor

from ..overrides import DisableTorchFunctionSubclass

_returned = "Tensor"


class set_return_type(AbstractContextManager[None]):
    """Says what is computed with these tensors: ``"Tensor"`` (as at first) or ``"TVTensor"``; as a context, until its
    end. Raises ValueError for another word.

    >>> from wengert.vision import tv_tensors
    >>> image = tv_tensors.Image(torch.zeros(3, 2, 2))
    >>> with tv_tensors.set_return_type("TVTensor"):
    ...     type(image + 1).__name__
    'Image'
    >>> type(image + 1).__name__
    'Tensor'
    """

    def __init__(self, return_type: str) -> None:
        global _returned
        if return_type.lower() not in ("tensor", "tvtensor"):
            raise ValueError(f"return_type must be 'TVTensor' or 'Tensor', got {return_type!r}")
        self.before, _returned = _returned, return_type

    def __exit__(self, *failure: object) -> None:
        global _returned
        _returned = self.before


class TVTensor(Tensor):
    """What all of them derive from.

    >>> from wengert.vision import tv_tensors
    >>> isinstance(tv_tensors.Mask(torch.zeros(2, 2)), tv_tensors.TVTensor)
    True
    """

    @staticmethod
    def _plain(data: Any, dtype: Any, device: Any, requires_grad: bool | None) -> Tensor:
        if requires_grad is None:
            requires_grad = data.requires_grad if isinstance(data, Tensor) else False
        return torch.as_tensor(data, dtype=dtype, device=device).requires_grad_(requires_grad)

    @classmethod
    def wrap(cls, tensor: Tensor, like: Any, **options: Any) -> Any:
        """``tensor`` as one of this kind, with what ``like`` says of itself."""
        return tensor.as_subclass(cls)

    def _like_this(self, output: Any) -> Any:
        if isinstance(output, (tuple, list)):
            return type(output)(self._like_this(part) for part in output)
        return type(self).wrap(output, self) if isinstance(output, Tensor) and type(output) is Tensor else output

    @classmethod
    def __torch_function__(cls, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (),
                           kwargs: dict[str, Any] | None = None) -> Any:
        if not all(issubclass(cls, each) for each in types):
            return NotImplemented
        with DisableTorchFunctionSubclass():
            output = func(*args, **(kwargs or {}))
        first = next((each for each in (*args, *(kwargs or {}).values()) if isinstance(each, cls)), None)
        keeps = getattr(func, "__name__", "") in _KEEPING and bool(args) and args[0] is first
        if first is not None and (keeps or _returned.lower() == "tvtensor"):
            return first._like_this(output)
        return output.as_subclass(Tensor) if isinstance(output, cls) else output

    def _text_with(self, **more: Any) -> str:
        words = ", ".join(f"{name}={value}" for name, value in more.items())
        return f"{super().__repr__()[:-1]}, {words})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self.detach().clone().requires_grad_(self.requires_grad)


_KEEPING = frozenset({"clone", "to", "detach", "requires_grad_", "pin_memory"})


class Image(TVTensor):
    """An image (..., C, H, W), or (H, W), which becomes (1, H, W); from a tensor, an array or a picture of Pillow's.
    Raises ValueError for fewer dimensions.

    >>> from wengert.vision import tv_tensors
    >>> tv_tensors.Image(torch.zeros(3, 2, 2)).shape
    torch.Size([3, 2, 2])
    """

    def __new__(cls, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool | None = None) -> Any:
        tensor = cls._plain(_pixels(data), dtype, device, requires_grad)
        if tensor.ndim < 2:
            raise ValueError(f"Tensor must be 2D or higher, got {tensor.ndim}D tensor.")
        return (tensor.unsqueeze(0) if tensor.ndim == 2 else tensor).as_subclass(cls)

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return self._text_with()


class Video(TVTensor):
    """A film (..., T, C, H, W). Raises ValueError for fewer dimensions.

    >>> from wengert.vision import tv_tensors
    >>> tv_tensors.Video(torch.zeros(5, 3, 2, 2)).shape
    torch.Size([5, 3, 2, 2])
    """

    def __new__(cls, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool | None = None) -> Any:
        tensor = cls._plain(data, dtype, device, requires_grad)
        if tensor.ndim < 4:
            raise ValueError(f"Tensor must be 4D or higher, got {tensor.ndim}D tensor.")
        return tensor.as_subclass(cls)


class Mask(TVTensor):
    """What of an image belongs to what: (..., H, W) of classes, or of ones and zeros for each object.

    >>> from wengert.vision import tv_tensors
    >>> tv_tensors.Mask(torch.tensor([[0, 1], [1, 1]])).sum()
    tensor(3)
    """

    def __new__(cls, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool | None = None) -> Any:
        return cls._plain(_pixels(data), dtype, device, requires_grad).as_subclass(cls)


def _pixels(data: Any) -> Any:
    """The data, a picture as a tensor."""
    if hasattr(data, "getbands"):
        from .transforms.functional import pil_to_tensor

        return pil_to_tensor(data)
    return data


class BoundingBoxFormat(Enum):
    """How boxes are written: by two corners, by a corner or the centre and the sides, with an angle or by all
    corners.

    >>> from wengert.vision import tv_tensors
    >>> tv_tensors.BoundingBoxFormat("xywh".upper()).value
    'XYWH'
    """

    XYXY = "XYXY"
    XYWH = "XYWH"
    CXCYWH = "CXCYWH"
    XYWHR = "XYWHR"
    CXCYWHR = "CXCYWHR"
    XYXYXYXY = "XYXYXYXY"


def is_rotated_bounding_format(format: BoundingBoxFormat | str) -> bool:
    """Whether boxes of a format have an angle.

    >>> from wengert.vision import tv_tensors
    >>> tv_tensors.is_rotated_bounding_format("XYWHR")
    True
    """
    if not isinstance(format, (BoundingBoxFormat, str)):
        raise ValueError(f"format should be str or BoundingBoxFormat, got {type(format)}")
    name = format.value if isinstance(format, BoundingBoxFormat) else format
    return name in ("XYWHR", "CXCYWHR", "XYXYXYXY")


class BoundingBoxes(TVTensor):
    """Boxes (N, 4), or one (4), in a ``format``, of an image of ``canvas_size`` (height, width). Raises ValueError for
    more dimensions and for integer boxes with an angle.

    >>> from wengert.vision import tv_tensors
    >>> boxes = tv_tensors.BoundingBoxes(torch.tensor([[1, 1, 3, 4]]), format="XYXY", canvas_size=(6, 8))
    >>> boxes.shape, boxes.format.value, boxes.canvas_size
    (torch.Size([1, 4]), 'XYXY', (6, 8))
    """

    format: BoundingBoxFormat
    canvas_size: tuple[int, int]
    clamping_mode: str | None

    def __new__(cls, data: Any, *, format: BoundingBoxFormat | str, canvas_size: tuple[int, int],
                clamping_mode: str | None = "soft", dtype: Any = None, device: Any = None,
                requires_grad: bool | None = None) -> Any:
        tensor = cls._plain(data, dtype, device, requires_grad)
        if tensor.ndim not in (1, 2):
            raise ValueError(f"Expected a 1D or 2D tensor, got {tensor.ndim}D")
        if not tensor.is_floating_point() and is_rotated_bounding_format(format):
            raise ValueError(f"Rotated bounding boxes should be floating point tensors, got {tensor.dtype}.")
        return cls._made(tensor.reshape(-1, tensor.shape[-1]), format, canvas_size, clamping_mode)

    @classmethod
    def _made(cls, tensor: Tensor, format: BoundingBoxFormat | str, canvas_size: tuple[int, int],
              clamping_mode: str | None) -> Any:
        if clamping_mode not in (None, "hard", "soft"):
            raise ValueError(f"clamping_mode must be None, hard or soft, got {clamping_mode}.")
        boxes = tensor.as_subclass(cls)
        boxes.format = BoundingBoxFormat[format.upper()] if isinstance(format, str) else format
        boxes.canvas_size, boxes.clamping_mode = canvas_size, clamping_mode
        return boxes

    @classmethod
    def wrap(cls, tensor: Tensor, like: Any, **options: Any) -> Any:
        """``tensor`` as boxes with the format, size and mode of ``like``, or those given by name."""
        return cls._made(tensor, options.get("format", like.format), options.get("canvas_size", like.canvas_size),
                         options.get("clamping_mode", like.clamping_mode))

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return self._text_with(format=self.format, canvas_size=self.canvas_size, clamping_mode=self.clamping_mode)


class KeyPoints(TVTensor):
    """Points (..., 2), x and y, of an image of ``canvas_size`` (height, width); one point (2) becomes (1, 2). Raises
    ValueError for other shapes.

    >>> from wengert.vision import tv_tensors
    >>> tv_tensors.KeyPoints(torch.tensor([[1, 1], [9, 9]]), canvas_size=(6, 8)).shape
    torch.Size([2, 2])
    """

    canvas_size: tuple[int, int]

    def __new__(cls, data: Any, *, canvas_size: tuple[int, int], dtype: Any = None, device: Any = None,
                requires_grad: bool | None = None) -> Any:
        tensor = cls._plain(data, dtype, device, requires_grad)
        if tensor.ndim == 1:
            tensor = tensor.unsqueeze(0)
        elif tensor.shape[-1] != 2:
            raise ValueError(f"Expected a tensor of shape (..., 2), not {tensor.shape}")
        return cls._made(tensor, canvas_size)

    @classmethod
    def _made(cls, tensor: Tensor, canvas_size: tuple[int, int]) -> Any:
        points = tensor.as_subclass(cls)
        points.canvas_size = canvas_size
        return points

    @classmethod
    def wrap(cls, tensor: Tensor, like: Any, **options: Any) -> Any:
        """``tensor`` as points of an image of the size of ``like``, or that given by name."""
        return cls._made(tensor, options.get("canvas_size", like.canvas_size))

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return self._text_with(canvas_size=self.canvas_size)


def wrap(wrappee: Tensor, *, like: Any, **options: Any) -> Any:
    """``wrappee`` as a tensor of the kind of ``like``, with what that says of itself, or what is given by name.

    >>> from wengert.vision import tv_tensors
    >>> image = tv_tensors.Image(torch.zeros(3, 2, 2))
    >>> type(tv_tensors.wrap(image.as_subclass(torch.Tensor) + 1, like=image)).__name__
    'Image'
    """
    if isinstance(like, TVTensor):
        return type(like).wrap(wrappee, like, **options)
    return wrappee.as_subclass(type(like))
