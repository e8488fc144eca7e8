"""What a model is exported with: its inputs by name, and the sizes of them that vary.

The one idea to know: only tensors are inputs. They are taken out of the tuples and dicts that they come in, and the
model is recorded as a function of the tensors alone; numbers, strings and None stay what they are in the example.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..tensors.tensor import Tensor, make
from ..tracing.nests import ARGUMENTS, RESULTS
from .errors import OnnxExporterError


class Inputs:
    """The example's tensors, with their ``names``, and how a call is made of others in their place."""

    def __init__(self, model: Callable[..., Any], args: Any, kwargs: Mapping[str, Any] | None) -> None:
        signature = _signature(model)
        args, kwargs = _called(signature, args, kwargs)
        self._leaves, self._form = ARGUMENTS.flatten((args, dict(kwargs)))
        self._places = [i for i, leaf in enumerate(self._leaves) if isinstance(leaf, Tensor)]
        self.tensors: list[Tensor] = [self._leaves[i] for i in self._places]
        called = _positional(signature, len(args))
        paths = [path for i, path in enumerate(self._form.paths()) if i in set(self._places)]
        self.paths = [((path[1] if path[0] else called[path[1]]), *path[2:]) for path in paths]
        self.names = ["_".join(map(str, path)) for path in self.paths]

    def filled(self, tensors: Sequence[Tensor]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The call's arguments with these tensors."""
        leaves = list(self._leaves)
        for place, tensor in zip(self._places, tensors, strict=True):
            leaves[place] = tensor
        args, kwargs = self._form.build(leaves)
        return args, kwargs

    def renamed(self, names: Sequence[str] | None) -> list[str]:
        """The inputs' names, the first of them those that are given."""
        if names is None:
            return self.names
        if len(names) > len(self.names):
            raise OnnxExporterError(f"[onnx.export] names for at most {len(self.names)} inputs were expected, the "
                                    f"tensors among the arguments; got {len(names)}: {', '.join(names)}")
        return [*names, *self.names[len(names):]]


def _signature(model: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(getattr(model, "forward", model))
    except (TypeError, ValueError):
        return None


def _called(signature: inspect.Signature | None, args: Any, kwargs: Mapping[str, Any] | None
            ) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Positional and keyword arguments. A dict that comes last is of keywords where its keys are the function's own."""
    args = (args,) if isinstance(args, Tensor) or not isinstance(args, (tuple, list)) else tuple(args)
    if kwargs is None and args and isinstance(args[-1], dict) and signature is not None:
        named = [p.name for p in list(signature.parameters.values())[len(args) - 1:]
                 if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        if args[-1] and all(key in named for key in args[-1]):
            return args[:-1], args[-1]
        if not args[-1] and len(args) > len(signature.parameters):
            return args[:-1], {}
    return args, kwargs or {}


def _positional(signature: inspect.Signature | None, count: int) -> list[str]:
    names: list[str] = []
    for p in signature.parameters.values() if signature is not None else ():
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            names.append(p.name)
        elif p.kind == p.VAR_POSITIONAL:
            names += [f"{p.name}_{i}" for i in range(count - len(names))]
    return [*names, *(f"input_{i}" for i in range(len(names), count))]


def flat_results(value: Any) -> list[Tensor]:
    """The tensors of a result, which may be nested in tuples, lists, mappings and dataclasses, in their order."""
    leaves = RESULTS.flatten(value)[0]
    for leaf in leaves:
        if leaf is not None and not isinstance(leaf, (Tensor, bool, int, float, str)):
            raise OnnxExporterError("[onnx.export] a model that returns tensors, or tuples, lists, dicts and "
                                    f"dataclasses of them was expected; it returns a {type(leaf).__name__}")
    return [leaf for leaf in leaves if isinstance(leaf, Tensor)]


# --- sizes that vary --------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Axis:
    """A dimension of an input that varies: which, what its size is called, and whether somebody called it that. The
    size is ``factor`` times the one of that name, plus ``offset``, and ``most`` is the largest that it may be."""

    place: int
    dim: int
    name: str
    is_given: bool
    factor: int = 1
    offset: int = 0
    most: int | None = None

    def named_size(self, size: int) -> int:
        """The size of that name, where this dimension has ``size``. Raises `OnnxExporterError` where there is none."""
        found, rest = divmod(size - self.offset, self.factor)
        if rest:
            raise OnnxExporterError(f"[onnx.export] a size of {self.factor}*{self.name} + {self.offset} was expected; "
                                    f"the example has {size}")
        return found

    def size(self, named: int) -> int:
        """This dimension's size, where the one of that name is ``named``."""
        return self.factor * named + self.offset


def by_axes(names: Sequence[str], tensors: Sequence[Tensor], axes: Mapping[str, Any], outputs: Sequence[str]
            ) -> list[Axis]:
    """What ``dynamic_axes`` say: ``{"x": {0: "batch"}}`` or ``{"x": [0]}``."""
    found = []
    for name, which in axes.items():
        if name not in names:
            if name in outputs:
                continue  # the sizes of outputs follow
            raise OnnxExporterError(f"[onnx.export] dynamic_axes: one of the inputs {', '.join(names)} was expected; "
                                    f"got {name!r}")
        place = names.index(name)
        if not isinstance(which, (Mapping, Sequence)):
            raise OnnxExporterError(f"[onnx.export] dynamic_axes of {name}: {{0: 'batch'}} or [0] was expected; got "
                                    f"{which!r}")
        given = which if isinstance(which, Mapping) else {dim: None for dim in which}
        for dim, called in given.items():
            found.append(_axis(names, tensors, place, dim, called))
    return found


def by_shapes(inputs: Inputs, names: Sequence[str], shapes: Any) -> list[Axis]:
    """What ``dynamic_shapes`` say, in the form of the arguments: for each tensor None, ``{0: "batch"}``, or a name a
    dimension; names are strings, or those of `torch.export`: ``Dim("batch")``, ``2*Dim("n") + 1``, ``Dim.DYNAMIC``."""
    found: list[Axis] = []
    known = [*dict.fromkeys(path[0] for path in inputs.paths)]
    unknown = [name for name in shapes if name not in known and shapes[name] is not None] if isinstance(
        shapes, Mapping) else shapes[len(known):]
    if unknown:
        raise OnnxExporterError(f"[onnx.export] dynamic_shapes of the inputs {', '.join(map(str, known))} were "
                                f"expected; got also {unknown[0]!r}")
    for place, path in enumerate(inputs.paths):
        which = _within(shapes, path, inputs.paths)
        if which is None:
            continue
        given = which if isinstance(which, Mapping) else dict(enumerate(which))
        for dim, called in given.items():
            if called is not None and not isinstance(called, int) and getattr(called, "kind", "") != "STATIC":
                found.append(_axis(names, inputs.tensors, place, dim, called))
    return found


def _within(shapes: Any, path: tuple[Any, ...], paths: Sequence[tuple[Any, ...]]) -> Any:
    """What stands at a path: the first step is a parameter's name, or its place in a tuple."""
    if shapes is None:
        return None
    first = [*dict.fromkeys(each[0] for each in paths)]
    if isinstance(shapes, Mapping):
        found = shapes.get(path[0])
    else:
        place = first.index(path[0])
        found = shapes[place] if place < len(shapes) else None
    for step in path[1:]:
        if found is None:
            return None
        found = found.get(step) if isinstance(found, Mapping) else found[step]
    return found


def _axis(names: Sequence[str], tensors: Sequence[Tensor], place: int, dim: Any, called: Any) -> Axis:
    rank = len(tensors[place].shape)
    if not isinstance(dim, int) or not -rank <= dim < rank:
        raise OnnxExporterError(f"[onnx.export] a dimension of {names[place]}, which has {rank}, was expected; got "
                                f"{dim!r}")
    name = called if isinstance(called, str) else getattr(called, "__name__", None)
    is_given = isinstance(name, str) and type(called).__name__ != "_DimHint"
    if not is_given:
        return Axis(place, dim % rank, f"{names[place]}_dynamic_axes_{dim % rank + 1}", False)
    root, size = getattr(called, "root", called), tensors[place].shape[dim]
    least, most = getattr(called, "min", None), getattr(called, "max", None)
    if (least is not None and size < least) or (most is not None and size > most):
        raise OnnxExporterError(f"[onnx.export] a size of {names[place]} from {least} to {most} was expected, as "
                                f"{name} says; the example has {size}")
    return Axis(place, dim % rank, getattr(root, "__name__", str(name)), True, getattr(called, "factor", 1),
                getattr(called, "offset", 0), getattr(root, "max", None))


def resized(tensor: Tensor, sizes: Mapping[int, int]) -> Tensor:
    """A tensor of other sizes with elements of this one, over and over."""
    array = tensor._data
    for dim, size in sizes.items():
        if array.shape[dim] == 0:
            raise OnnxExporterError(f"[onnx.export] an example with elements was expected; got one of shape "
                                    f"{list(array.shape)}")
        array = array.take(np.arange(size) % array.shape[dim], axis=dim)
    return make(np.asarray(array, order="C"), None)
