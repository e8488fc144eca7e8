"""Calls as an example makes them, which can be made again with other arguments."""

from __future__ import annotations

import ast
import contextlib
import doctest
import functools
import inspect
import io
import os
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import wengert

SWITCHES = ("set_", "enter_", "exit_")
"""How the names begin of what changes the process."""

LARGE = ("wengert.vision.models.alexnet", "wengert.vision.models.resnet", "wengert.vision.models.vgg")
"""Modules whose functions make more than should be made again and again."""

ONCE = ("wengert.distributed", "wengert.multiprocessing", "wengert.utils.data.datapipes")
"""Packages whose examples start processes, or enter names in a table: they are not run again."""

Path = tuple[Any, ...]
"""Where an argument is: in which call of a chain, by which parameter, and in which places of lists from there."""


@dataclass
class Chain:
    """A call of a name, and the call of what came of it, if the example makes one: of a module, a function's
    derivative, a distribution. Each is its arguments by parameter."""

    target: Any
    stages: list[dict[str, Any]]
    signatures: list[inspect.Signature]
    works: bool = False
    """Whether it can be made again."""

    def run(self, changed: dict[Path, Any]) -> Any:
        """The result, with other arguments in some places. What is not replaced is copied: calls may write."""
        result = self.target
        for number, (stage, signature) in enumerate(zip(self.stages, self.signatures, strict=True)):
            values = {name: _rebuilt(value, (number, name), changed) for name, value in stage.items()}
            bound = inspect.BoundArguments(signature, values)
            result = result(*bound.args, **bound.kwargs)
        return result

    def leaves(self) -> Iterator[tuple[Path, Any]]:
        """Each argument with its place, those in lists and dictionaries one by one."""
        for number, stage in enumerate(self.stages):
            for name, value in stage.items():
                yield from leaves_of(value, (number, name))


def leaves_of(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    items = value.items() if type(value) is dict else enumerate(value) if type(value) in (list, tuple) else None
    if items is None:
        yield path, value
    else:
        for key, part in items:
            yield from leaves_of(part, (*path, key))


def _rebuilt(value: Any, path: Path, changed: dict[Path, Any]) -> Any:
    if path in changed:
        return changed[path]
    if type(value) is dict:
        return {key: _rebuilt(part, (*path, key), changed) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_rebuilt(part, (*path, place), changed) for place, part in enumerate(value))
    if isinstance(value, wengert.Tensor) and value.is_leaf and value.layout is wengert.strided:
        return value.detach().clone().requires_grad_(value.requires_grad)
    return value


# --- calls of examples ------------------------------------------------------------------------------------------------


class _Noted(ast.NodeTransformer):
    """Calls through a function that notes them."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        return ast.copy_location(
            ast.Call(ast.Name("__noted__", ast.Load()), [node.func, *node.args], node.keywords), node)


@functools.cache
def chain(value: Any) -> Chain | None:
    """The last call of a name in its own example that takes or gives tensors, or the last one at all."""
    found: list[tuple[Chain, Any]] = []
    if (getattr(value, "__module__", None) or "").startswith(ONCE):
        return None

    def noted(function: Any, *args: Any, **kwargs: Any) -> Any:
        own = getattr(function, "__func__", None) is value
        earlier = next((link for link, result in reversed(found) if result is function and len(link.stages) == 1), None)
        if not (own or function is value or earlier is not None):
            return function(*args, **kwargs)
        with contextlib.suppress(TypeError, ValueError):
            signature = _signature(function if earlier is not None else value)
            arguments = (function.__self__, *args) if own else args
            bound = _kept(signature.bind(*arguments, **kwargs).arguments)
            result = function(*args, **kwargs)
            if earlier is not None and not isinstance(result, type):
                found.append((Chain(value, [*earlier.stages, bound], [*earlier.signatures, signature]), result))
            else:
                found.append((Chain(value, [bound], [signature]), result))
            return result
        return function(*args, **kwargs)

    names = {"wengert": wengert, "torch": wengert, "nn": wengert.nn, "F": wengert.nn.functional, "np": np,
             "__name__": "__main__", "__noted__": noted}
    with aside():
        for example in doctest.DocTestParser().get_examples(inspect.getdoc(value) or ""):
            try:
                tree = ast.fix_missing_locations(_Noted().visit(ast.parse(example.source, mode="single")))
                exec(compile(tree, "<example>", "single", dont_inherit=True), names)
            except Exception:  # an example may show an error, which ends it
                continue
    with_results = [link for link, result in found if sizes(result) is not None]
    with_operands = [link for link, _ in found if any(isinstance(part, wengert.Tensor) for _, part in link.leaves())]
    candidates = [link for links in (with_results, with_operands, [link for link, _ in found])
                  for link in reversed(links)]
    with aside():
        for link in candidates:
            if _runs(link):
                link.works = True
                return link
    return candidates[0] if candidates else None


def _runs(link: Chain) -> bool:
    """Whether the calls can be made again: not those of a tape that is used up, or of tensors of a transformation, and
    not what switches something in the process."""
    if (getattr(link.target, "__module__", None) or "").startswith(LARGE):
        return False
    if getattr(link.target, "__name__", "").startswith(SWITCHES) and not any(
            isinstance(part, wengert.Tensor) for _, part in link.leaves()):
        return False
    try:
        link.run({})
    except Exception:
        return False
    return True


def _signature(function: Any) -> inspect.Signature:
    return inspect.signature(function.forward if isinstance(function, wengert.nn.Module) else function)


def _kept(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments as they were before the call, which may write to them."""
    return {name: _rebuilt(value, (), {}) for name, value in arguments.items()}


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """Whatever is done within leaves the process, and the folder it works in, as they were, and prints nothing."""
    where, dtype, threads = os.getcwd(), wengert.get_default_dtype(), wengert.get_num_threads()
    grad = wengert.is_grad_enabled()
    with (tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), wengert.random.fork_rng(),
          contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()),
          np.errstate(all="ignore")):
        warnings.simplefilter("ignore")
        wengert.manual_seed(0)
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(where)
            wengert.set_default_dtype(dtype)
            wengert.set_num_threads(threads)
            wengert.set_grad_enabled(grad)


def sizes(result: Any) -> tuple[tuple[int, ...], ...] | None:
    """The shapes of the tensors in a result: of a distribution, that of its samples."""
    if isinstance(result, wengert.distributions.Distribution):
        return (tuple(result.batch_shape) + tuple(result.event_shape),)
    tensors = [part for _, part in leaves_of(tuple(result) if isinstance(result, tuple) else result, ())
               if isinstance(part, wengert.Tensor)]
    return tuple(tuple(tensor.shape) for tensor in tensors) or None


def changeable(value: Any) -> bool:
    """Whether a tensor's values are an array of numpy's, which can be made longer and put in other shapes."""
    if value.layout is not wengert.strided:
        return False
    try:
        value.detach().numpy()
    except (TypeError, RuntimeError):
        return False
    return True


def longer(tensor: wengert.Tensor, by: dict[int, int]) -> wengert.Tensor:
    """A tensor made longer along axes by what stands at its beginning; a square matrix by ones on its diagonal, so that
    it stays invertible and positive."""
    array = tensor.detach().numpy()
    if sorted(by) == [array.ndim - 2, array.ndim - 1] and array.dtype.kind in "fc":
        rows, columns = (array.shape[axis] + more for axis, more in sorted(by.items()))
        grown = np.zeros((*array.shape[:-2], rows, columns), array.dtype)
        grown[...] = np.eye(rows, columns, dtype=array.dtype)
        grown[..., :array.shape[-2], :array.shape[-1]] = array
    else:
        grown = array
        for axis, more in by.items():
            grown = np.take(grown, np.arange(array.shape[axis] + more) % max(array.shape[axis], 1), axis=axis)
    return wengert.tensor(np.ascontiguousarray(grown)).requires_grad_(tensor.requires_grad)


def of_shape(tensor: wengert.Tensor, shape: tuple[int, ...]) -> wengert.Tensor:
    """The values of a tensor over and over, in another shape."""
    array = np.resize(tensor.detach().numpy(), shape)
    return wengert.tensor(array).requires_grad_(tensor.requires_grad)


def given(link: Chain, changed: dict[Path, Any]) -> list[wengert.dtype] | None:
    """The dtypes of the tensors that come."""
    try:
        result = link.run(changed)
    except Exception:
        return None
    return [part.dtype for _, part in leaves_of(tuple(result) if isinstance(result, tuple) else result, ())
            if isinstance(part, wengert.Tensor)]




def refusal(link: Chain, changed: dict[Path, Any]) -> str | None:
    """The name of the error that comes."""
    try:
        link.run(changed)
    except Exception as error:
        return type(error).__name__
    return None


def with_tensors(value: Any) -> bool:
    """Whether tensors go into the calls of a name's example, or come out of them."""
    link = chain(value)
    if link is None:
        return False
    with aside():
        results = given(link, {}) if link.works else None
    return bool(results) or any(isinstance(part, wengert.Tensor) for _, part in link.leaves())


def with_arguments(value: Any) -> bool:
    """Whether a name is called with arguments in its example."""
    link = chain(value)
    return link is not None and any(path[1] != "self" for path, _ in link.leaves())


def names_of(paths: list[Path]) -> list[str]:
    """What arguments are called: by their parameter, of several in one by their place."""
    return [name_of(path, True) if path[1] == "args" else path[1] + "".join(f"[{key!r}]" for key in path[2:])
            for path in paths]


def name_of(path: Path, within: bool = False) -> str:
    """The parameter of an argument."""
    if path[1] == "args" and len(path) > 2:
        return f"argument {path[2] + 1}" + "".join(f"[{key!r}]" for key in path[3:] if within)
    return str(path[2] if path[1] == "kwargs" and len(path) > 2 else path[1])


def listed(words: list[str], last: str = "and") -> str:
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), words[-1])))


