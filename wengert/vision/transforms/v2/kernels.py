"""The functions of `functional` for one kind each: ``resize_image``, ``resize_mask``, ``resize_bounding_boxes`` and so
on take plain tensors, and as arguments what a kind says of itself (``format``, ``canvas_size``), and give plain ones.
By `register_kernel` a program adds a kind of its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from wengert import Tensor

from ... import tv_tensors

Function = TypeVar("Function", bound=Callable[..., Any])
Parameter = inspect.Parameter

_REGISTERED: dict[str, tuple[Callable[..., Any], dict[type, Callable[..., Any]]]] = {}
"""By name, each function that changes a sample, and what is done to kinds of a program's own."""

COLOURS = ("adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_hue", "adjust_saturation",
           "adjust_sharpness", "autocontrast", "equalize", "erase", "five_crop", "gaussian_blur", "gaussian_noise",
           "get_dimensions", "get_num_channels", "invert", "jpeg", "normalize", "permute_channels", "posterize",
           "solarize", "ten_crop", "to_dtype")
MOVING = ("affine", "center_crop", "crop", "elastic", "horizontal_flip", "pad", "perspective", "resize",
          "resized_crop", "rotate", "vertical_flip")
FILMS = ("get_num_frames", "uniform_temporal_subsample")
_SIZED = {"center_crop", "crop", "pad", "resize", "resized_crop", "rotate"}
"""After these an image has another size, which is given beside the boxes and points."""
_OF_PIXELS = {"interpolation", "fill", "antialias"}


def by_kind(function: Function) -> Function:
    """A function that changes a sample, for the kinds that it knows and for those that are registered."""
    kernels: dict[type, Callable[..., Any]] = {}
    signature = inspect.signature(function)

    @wraps(function)
    def functional(*args: Any, **options: Any) -> Any:
        if kernels:
            given = signature.bind(*args, **options)
            given.apply_defaults()
            inpt, *_ = given.arguments.values()
            kind = next((each for each in type(inpt).__mro__ if each in kernels), None)
            if kind is not None:
                return kernels[kind](inpt, **dict(list(given.arguments.items())[1:]))
        return function(*args, **options)

    _REGISTERED[function.__name__] = functional, kernels
    return functional  # type: ignore[return-value]


def register_kernel(functional: str | Callable[..., Any], tv_tensor_cls: type) -> Callable[[Function], Function]:
    """What makes the decorated function that which ``functional``, or the function of that name, does to tensors of a
    class of a program's own; other functions leave these as they are. Raises ValueError for something else, and for
    the classes of `tv_tensors`.

    >>> from wengert.vision import tv_tensors
    >>> from wengert.vision.transforms.v2 import functional as TF
    >>> class Flow(tv_tensors.TVTensor):
    ...     pass
    >>> @TF.register_kernel("horizontal_flip", Flow)
    ... def flip(flow):
    ...     return tv_tensors.wrap(-flow.flip(-1), like=flow)
    >>> TF.horizontal_flip(torch.tensor([1, 2]).as_subclass(Flow)).tolist()
    [-2, -1]
    """
    name = functional if isinstance(functional, str) else getattr(functional, "__name__", "")
    known, kernels = _REGISTERED.get(name, (None, {}))
    if isinstance(functional, str) and known is None:
        raise ValueError(f"Could not find functional with name '{functional}' in torchvision.transforms.v2.functional.")
    if not isinstance(functional, str) and functional is not known:
        raise ValueError("Kernels can only be registered on functionals from the torchvision.transforms.v2.functional "
                         f"namespace, but got {functional}.")
    if not (isinstance(tv_tensor_cls, type) and issubclass(tv_tensor_cls, tv_tensors.TVTensor)):
        raise ValueError("Kernels can only be registered for subclasses of torchvision.tv_tensors.TVTensor, but got "
                         f"{tv_tensor_cls}.")
    if tv_tensor_cls in vars(tv_tensors).values():
        raise ValueError(f"Kernels cannot be registered for the builtin tv_tensor classes, but got {tv_tensor_cls}")
    if tv_tensor_cls in kernels:
        raise ValueError(f"Functional {functional} already has a kernel registered for type {tv_tensor_cls}.")

    def register(kernel: Function) -> Function:
        kernels[tv_tensor_cls] = kernel
        return kernel

    return register


def _plain(found: Any) -> Any:
    if isinstance(found, (tuple, list)):
        return type(found)(_plain(each) for each in found)
    return found.as_subclass(Tensor) if isinstance(found, Tensor) else found


def _with_size(sized: bool, found: Any) -> Any:
    return (_plain(found), tuple(found.canvas_size)) if sized else _plain(found)


def _parameters(function: Callable[..., Any], kind: str) -> list[Parameter]:
    """What a kernel takes, in torchvision's order: after the tensor what it says of itself, where that matters."""
    name = function.__name__
    first, *rest = inspect.signature(function).parameters.values()
    first = first.replace(name=kind)
    if kind in ("image", "video"):
        return [first, *rest]
    dropped = _OF_PIXELS if kind != "mask" else {"antialias"} if name == "resize" else _OF_PIXELS - {"fill"}
    rest = [each for each in rest if each.name not in dropped]
    if kind == "mask":
        return [first, *rest]
    size = Parameter("canvas_size", Parameter.POSITIONAL_OR_KEYWORD)
    form = size.replace(name="format")
    mode = size.replace(name="clamping_mode", default="soft")
    sizes = [] if name in ("crop", "resized_crop") else [size]  # these say the new size themselves
    if kind == "keypoints":
        return [first, rest[0], size, *rest[1:]] if name == "resize" else [first, *sizes, *rest]
    if name == "resize":
        return [first, size, *rest, form.replace(default=tv_tensors.BoundingBoxFormat.XYXY), mode]
    return [first, form, *sizes, *rest, *([] if name.endswith("flip") else [mode])]


def kernel(function: Callable[..., Any], kind: str) -> Callable[..., Any]:
    """A function for tensors that are of one ``kind``: image, video, mask, keypoints or bounding_boxes."""
    name = function.__name__
    signature = inspect.Signature(_parameters(function, kind))

    def compute(*args: Any, **options: Any) -> Any:
        given = signature.bind(*args, **options)
        given.apply_defaults()
        values = dict(given.arguments)
        numbers = values.pop(kind)
        if kind in ("image", "video"):
            return _plain(function(_plain(numbers), **values))
        if kind == "mask":
            return _plain(function(tv_tensors.Mask(_plain(numbers)), **values))
        size: Any = values.pop("canvas_size", None) or (values.get("height"), values.get("width"))
        if kind == "keypoints":
            points = tv_tensors.KeyPoints(_plain(numbers), canvas_size=size)
            return _with_size(name in _SIZED or name == "affine", function(points, **values))
        boxes = tv_tensors.BoundingBoxes(_plain(numbers), format=values.pop("format"), canvas_size=size,
                                         clamping_mode=values.pop("clamping_mode", "soft"))
        return _with_size(name in _SIZED, function(boxes, **values))

    compute.__name__ = compute.__qualname__ = f"{name}_{kind}"
    compute.__doc__ = f"`{name}` of a plain tensor that is {_CALLED[kind]}, as a plain tensor."
    compute.__module__ = function.__module__
    compute.__signature__ = signature  # type: ignore[attr-defined]
    return compute


_CALLED = {"image": "an image", "video": "a film", "mask": "a mask", "keypoints": "points", "bounding_boxes": "boxes"}


_KINDS = {"image": {*COLOURS, *MOVING, "get_size", "grayscale_to_rgb", "rgb_to_grayscale"},
          "video": {*COLOURS, *MOVING, *FILMS, "get_size"}, "mask": {*MOVING}, "keypoints": {*MOVING},
          "bounding_boxes": {*MOVING}}


def kernel_names() -> list[str]:
    """The names of all functions for one kind each."""
    return [f"{name}_{kind}" for kind, names in _KINDS.items() for name in names]


def kernel_called(name: str, functions: dict[str, Callable[..., Any]]) -> Callable[..., Any] | None:
    """The kernel of that name, of ``functions`` by theirs; None where there is none."""
    for kind, names in _KINDS.items():
        if name.endswith(f"_{kind}") and name.removesuffix(f"_{kind}") in names:
            if name not in _MADE:
                _MADE[name] = kernel(functions[name.removesuffix(f"_{kind}")], kind)
            return _MADE[name]
    return None


_MADE: dict[str, Callable[..., Any]] = {}
