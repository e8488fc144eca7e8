"""The transforms that do the same each time."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Number
from typing import Any

import wengert as torch
from wengert import Tensor, nn

from ...core.errors import in_words
from . import functional
from .functional import InterpolationMode
from .functional.geometry import PADDING_MODES, four_sides, two_sizes
from .functional.modes import mode_of

KERNEL_SIZES = "Kernel size should be a tuple/list of two integers"


@in_words
class ToTensor:
    """A picture, or an array ``(H, W, C)``, as a tensor ``(C, H, W)``, bytes as numbers of 0…1.

    >>> from wengert.vision import transforms
    >>> transforms.ToTensor()(np.array([[0, 255]], dtype=np.uint8))
    tensor([[[0., 1.]]])
    """

    def __call__(self, pic: Any) -> Tensor:
        return functional.to_tensor(pic)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


@in_words
class PILToTensor:
    """A picture as a tensor ``(C, H, W)`` of its own numbers.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.PILToTensor()(transforms.ToPILImage()(image)).shape
    torch.Size([3, 4, 4])
    """

    def __call__(self, pic: Any) -> Tensor:
        return functional.pil_to_tensor(pic)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


@in_words
class ConvertImageDtype(nn.Module):
    """A tensor in another dtype, its values scaled to the dtype's range.

    >>> from wengert.vision import transforms
    >>> transforms.ConvertImageDtype(torch.float32)(torch.tensor([[[0, 255]]], dtype=torch.uint8))
    tensor([[[0., 1.]]])
    """

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, image: Tensor) -> Tensor:
        return functional.convert_image_dtype(image, self.dtype)


@in_words
class ToPILImage:
    """A picture, of the mode given or that of the channels, of a tensor ``(C, H, W)`` or an array ``(H, W, C)``.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.ToPILImage()(image).size
    (4, 4)
    """

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        return functional.to_pil_image(pic, self.mode)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'' if self.mode is None else f'mode={self.mode}'})"


@in_words
class Normalize(nn.Module):
    """``(image - mean) / std`` for each channel of a tensor ``(..., C, H, W)``.

    >>> from wengert.vision.transforms import Normalize
    >>> Normalize((0.5,), (0.5,))(torch.tensor([[[0.0, 1.0]]]))
    tensor([[[-1.,  1.]]])
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        super().__init__()
        self.mean, self.std, self.inplace = mean, std, inplace

    def forward(self, tensor: Tensor) -> Tensor:
        return functional.normalize(tensor, self.mean, self.std, self.inplace)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mean={self.mean}, std={self.std})"


@in_words
class Resize(nn.Module):
    """An image of another size: ``(height, width)``, or the length of the shorter edge. See `functional.resize`.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.Resize((2, 6))(image).shape
    torch.Size([3, 2, 6])
    """

    def __init__(self, size: int | Sequence[int], interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
                 max_size: int | None = None, antialias: bool | None = True) -> None:
        super().__init__()
        if not isinstance(size, (int, Sequence)):
            raise TypeError(f"Size should be int or sequence. Got {type(size)}")
        if isinstance(size, Sequence) and len(size) not in (1, 2):
            raise ValueError("If size is a sequence, it should have 1 or 2 values")
        self.size, self.max_size, self.antialias = size, max_size, antialias
        self.interpolation = mode_of(interpolation)

    def forward(self, img: Any) -> Any:
        return functional.resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(size={self.size}, interpolation={self.interpolation.value}, "
            f"max_size={self.max_size}, antialias={self.antialias})"
        )


@in_words
class CenterCrop(nn.Module):
    """The middle of an image.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.CenterCrop(2)(image)[0]
    tensor([[ 5,  6],
            [ 9, 10]], dtype=torch.uint8)
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = two_sizes(size)

    def forward(self, img: Any) -> Any:
        return functional.center_crop(img, self.size)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size})"


@in_words
class FiveCrop(nn.Module):
    """A tuple of the four corners and the middle of an image.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> [part.shape for part in transforms.FiveCrop(2)(image)][:2]
    [torch.Size([3, 2, 2]), torch.Size([3, 2, 2])]
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = two_sizes(size)

    def forward(self, img: Any) -> tuple[Any, ...]:
        return functional.five_crop(img, self.size)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size})"


@in_words
class TenCrop(nn.Module):
    """A tuple of the four corners and the middle, of the image and of the image flipped.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> len(transforms.TenCrop(2)(image))
    10
    """

    def __init__(self, size: int | Sequence[int], vertical_flip: bool = False) -> None:
        super().__init__()
        self.size, self.vertical_flip = two_sizes(size), vertical_flip

    def forward(self, img: Any) -> tuple[Any, ...]:
        return functional.ten_crop(img, self.size, self.vertical_flip)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, vertical_flip={self.vertical_flip})"


@in_words
class Pad(nn.Module):
    """An image with a frame. See `functional.pad`.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.Pad(1)(image).shape
    torch.Size([3, 6, 6])
    """

    def __init__(self, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant") -> None:
        super().__init__()
        four_sides(padding)
        if not isinstance(fill, (Number, tuple, list)):
            raise TypeError("Got inappropriate fill arg")
        if padding_mode not in PADDING_MODES:
            raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
        self.fill: Any = fill
        self.padding, self.padding_mode = padding, padding_mode

    def forward(self, img: Any) -> Any:
        return functional.pad(img, self.padding, self.fill, self.padding_mode)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(padding={self.padding}, fill={self.fill}, padding_mode={self.padding_mode})"


@in_words
class Grayscale(nn.Module):
    """An image in grey, of one channel or of three equal ones.

    >>> from wengert.vision import transforms
    >>> image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    >>> transforms.Grayscale()(image).shape
    torch.Size([1, 4, 4])
    """

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img: Any) -> Any:
        return functional.rgb_to_grayscale(img, self.num_output_channels)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(num_output_channels={self.num_output_channels})"


@in_words
class LinearTransformation(nn.Module):
    """``(flat image - mean_vector) @ transformation_matrix``, such as a whitening, for tensors ``(..., C, H, W)``.

    ``transformation_matrix`` is ``(D, D)``, ``mean_vector`` ``(D,)`` with D = C · H · W. Raises ValueError.

    >>> from wengert.vision import transforms
    >>> transforms.LinearTransformation(2 * torch.eye(4), torch.ones(4))(torch.ones(1, 2, 2) * 3)
    tensor([[[4., 4.],
             [4., 4.]]])
    """

    def __init__(self, transformation_matrix: Tensor, mean_vector: Tensor) -> None:
        super().__init__()
        shape = tuple(transformation_matrix.shape)
        if shape[0] != shape[1]:
            raise ValueError(f"transformation_matrix should be square. Got {shape} rectangular matrix.")
        if mean_vector.shape[0] != shape[0]:
            raise ValueError(
                f"mean_vector should have the same length {mean_vector.shape[0]} as any one of the dimensions of the "
                f"transformation_matrix [{shape}]"
            )
        if transformation_matrix.dtype != mean_vector.dtype:
            raise ValueError(
                f"Input tensors should have the same dtype. Got {transformation_matrix.dtype} and {mean_vector.dtype}"
            )
        self.transformation_matrix, self.mean_vector = transformation_matrix, mean_vector

    def forward(self, tensor: Tensor) -> Tensor:
        shape = tensor.shape
        count = shape[-3] * shape[-2] * shape[-1]
        if count != self.transformation_matrix.shape[0]:
            raise ValueError(
                f"Input tensor and transformation matrix have incompatible shape. {tuple(shape[-3:])} are {count} "
                f"numbers, not {self.transformation_matrix.shape[0]}"
            )
        centred = tensor.reshape(-1, count) - self.mean_vector
        return torch.mm(centred, self.transformation_matrix.to(centred.dtype)).reshape(shape)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(transformation_matrix={self.transformation_matrix.tolist()}, "
            f"mean_vector={self.mean_vector.tolist()})"
        )
