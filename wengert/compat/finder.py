"""``import torch`` finds wengert: a finder on the meta path that answers for torch and torchvision alone.

A PyTorch that is installed is never looked at. ``torch.nn`` and ``wengert.nn`` are one module object, so that classes
are the same whichever way a program, or a library that it uses, came by them; ``torch`` itself is a face of wengert
that has PyTorch's version.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from .._missing import explain
from ..nn.parameter import Parameter
from ..tensors.tensor import Tensor
from .children import in_children
from .face import FOLLOWED, Named, face
from .hollow_modules import ABOVE, hollow_module

# Which package of ours answers to which name.
PACKAGES = {"torch": "wengert", "torchvision": "wengert.vision"}


INSIDE = f"{__package__}.torch"
"""The package with names of PyTorch's inside, which exist under ``import torch`` alone."""


def torch_name(name: str) -> str:
    """What PyTorch and torchvision call a name of wengert's: ``"torchvision.io"`` for ``"wengert.vision.io"``."""
    if name == INSIDE or name.startswith(f"{INSIDE}."):
        return f"torch{name.removeprefix(INSIDE)}"
    for theirs, ours in sorted(PACKAGES.items(), reverse=True):  # wengert.vision before wengert
        if name == ours or name.startswith(f"{ours}."):
            return theirs + name[len(ours) :]
    return name


class MissingModuleError(ModuleNotFoundError):
    """A module of PyTorch's that wengert does not have."""


class TorchFinder(MetaPathFinder):
    """Finds the modules of `PACKAGES` among wengert's own."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of ``fullname``, None for packages of others. Raises MissingModuleError."""
        if fullname.partition(".")[0] not in PACKAGES:
            return None
        module = find_module(fullname)
        return ModuleSpec(fullname, _Alias(module), is_package=hasattr(module, "__path__") or fullname in ABOVE)

    def find_distributions(self, context: Any = None) -> Iterator[Named]:
        """What `importlib.metadata` is told of the packages that wengert stands for."""
        wanted = getattr(context, "name", None)
        yield from (Named(name) for name in FOLLOWED if wanted in (None, name))


class InsideFinder(MetaPathFinder):
    """Finds, after all others, what stands for a part of PyTorch's below a module that knows itself by wengert's name:
    ``from torch.distributed import rpc`` asks for ``wengert.distributed.rpc``."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of ``fullname``; None where nothing stands for it."""
        name = torch_name(fullname)
        if name == fullname or fullname.startswith(INSIDE):
            return None
        module = _import_inside(name)
        return None if module is None else ModuleSpec(fullname, _Alias(module), is_package=hasattr(module, "__path__"))


class _Alias(Loader):
    """A loader that loads nothing: the module is there under its own name."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._own_spec = module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has put the spec of the other name there.
        alias, own = module.__spec__, self._own_spec
        module.__spec__ = own
        if alias is None or own is None:
            return
        # A module that shares its name with a function of its package (autograd.gradcheck) is found under the other
        # name at once: importing it there would put it in the function's place.
        for name, value in list(vars(module).items()):
            inner = sys.modules.get(f"{own.name}.{name}")
            if inner is not None and value is not inner:
                sys.modules[f"{alias.name}.{name}"] = inner


def find_module(name: str) -> ModuleType:
    """Wengert's module for a name such as ``torch.nn.functional``. Raises MissingModuleError."""
    root, *rest = name.split(".")
    module = _import(PACKAGES[root])
    if module is None:
        raise MissingModuleError(f"{root} is not in wengert yet", name=name)
    module = face(root, module)
    owner = root
    for part in rest:
        found: Any = getattr(module, part, None)
        if not isinstance(found, ModuleType):
            inside = PACKAGES.get(module.__name__, module.__name__)
            real = hasattr(module, "__path__") and not inside.startswith("torch.")  # what is hollow goes by PyTorch's
            found = _import(f"{inside}.{part}") if real else None
            if found is None:
                found = _import_inside(f"{owner}.{part}")
        if found is None:
            raise MissingModuleError(explain(owner, part, dir(module)), name=name)
        module, owner = found, f"{owner}.{part}"
    return module


def _import(name: str) -> ModuleType | None:
    """The module ``name``, None if there is none. An error inside it is not mistaken for its absence."""
    if name not in sys.modules:
        above = name.rpartition(".")[0]
        if above and not hasattr(_import(above), "__path__") or find_spec(name) is None:
            return None
    return import_module(name)


def _import_inside(name: str) -> ModuleType | None:
    """The module that stands for one of PyTorch's inside, None if there is none."""
    if not name.startswith("torch."):
        return None
    return _import(f"{INSIDE}{name.removeprefix('torch')}") or hollow_module(name)


def install() -> None:
    """Makes ``import torch`` give wengert in this process, for good."""
    if not any(isinstance(finder, TorchFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, TorchFinder())
        sys.meta_path.append(InsideFinder())
        _call_classes("torch", "torch.nn.parameter")


def _call_classes(*modules: str) -> tuple[str, ...]:
    """Says of which modules the classes of tensors and parameters are, and gives what was said before: packages tell by
    the module of ``type(x)`` whose arrays they were given."""
    before = (Tensor.__module__, Parameter.__module__)
    Tensor.__module__, Parameter.__module__ = modules
    return before


@contextlib.contextmanager
def torch_is_wengert() -> Iterator[None]:
    """A context in which ``import torch`` gives wengert, as ``import torchvision`` gives wengert.vision.

    What was imported under these names before is set aside, and comes back at the end.

    >>> with torch_is_wengert():
    ...     import torch
    >>> torch.__name__, torch.__version__
    ('torch', '2.13.0')
    """
    finder, inside = TorchFinder(), InsideFinder()
    kept = {name: sys.modules.pop(name) for name in _taken()}
    sys.meta_path.insert(0, finder)
    sys.meta_path.append(inside)
    called = _call_classes("torch", "torch.nn.parameter")
    try:
        with in_children(install):
            yield
    finally:
        _call_classes(*called)
        if sys.meta_path is not None:  # it is, where the interpreter ends within the context
            sys.meta_path.remove(finder)
            sys.meta_path.remove(inside)
            for name in _taken():
                del sys.modules[name]
            sys.modules.update(kept)


def _taken() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] in PACKAGES]
