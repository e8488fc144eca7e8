"""What a program sees under the names ``torch`` and ``torchvision``: wengert's modules, with the version of the API
that they follow, for packages that ask which PyTorch this is before they begin.

The one idea to know: only the root of each package is a module of its own. It holds nothing but its version, fetches
every other name from wengert's module and writes there what is set on it, so that classes, functions and submodules are
the same whichever way a program came by them.
"""

from __future__ import annotations

from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from ..torch_version import TorchVersion

FOLLOWED = {"torch": "2.13.0", "torchvision": "0.28.0"}
"""The versions of the APIs."""


class Face(ModuleType):
    """The root module ``name``, of which ``module`` is the substance."""

    def __init__(self, name: str, module: ModuleType) -> None:
        version = TorchVersion(FOLLOWED[name])
        own: dict[str, Any] = {
            "__version__": version, "__doc__": module.__doc__, "__package__": name, "_module": module,
            "__spec__": ModuleSpec(name, None, origin=module.__file__, is_package=True),
        }
        if name == "torch":
            own["version"] = ModuleType("torch.version", "What this build is: its version, and that it has no CUDA.")
            vars(own["version"]).update(vars(import_module("wengert.version")), __name__="torch.version",
                                        __version__=version)
            own["torch"] = self  # packages say torch.torch.Tensor, and get away with it
        super().__init__(name)
        vars(self).update(own, _own=frozenset(own))

    def __getattr__(self, name: str) -> Any:
        try:
            found = getattr(vars(self)["_module"], name)
        except AttributeError:
            if self.__name__ != "torch" or (name.startswith("__") and name not in ("__config__", "__future__")):
                raise
            inside = import_module("wengert.compat.torch")
            if name in vars(inside):
                found = getattr(inside, name)
            elif find_spec(f"{inside.__name__}.{name}") is not None:
                found = import_module(f"{inside.__name__}.{name}")
            else:
                raise
        if not name.startswith("__"):
            vars(self)[name] = found  # from now on found at once
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        vars(self)[name] = value
        if name not in self._own and not name.startswith("__"):
            setattr(self._module, name, value)

    def __delattr__(self, name: str) -> None:
        vars(self).pop(name, None)
        if name not in self._own:
            delattr(self._module, name)

    def __dir__(self) -> list[str]:
        return dir(self._module)


_faces: dict[str, Face] = {}


def face(name: str, module: ModuleType) -> Face:
    """The face called ``name`` of a module: always the same one."""
    if name not in _faces:
        _faces[name] = Face(name, module)
    return _faces[name]


class Named(Distribution):
    """What `importlib.metadata` says of a package that wengert stands for: its name and the version of its API."""

    def __init__(self, name: str) -> None:
        self._texts = {
            "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {FOLLOWED[name]}\n"
                        f"Summary: the API of {name}, as wengert has it\n",
            "top_level.txt": f"{name}\n",
        }

    def read_text(self, filename: str) -> str | None:
        """One of the files of metadata, None if there is none of that name."""
        return self._texts.get(filename)

    def locate_file(self, path: Any) -> Any:
        """Raises FileNotFoundError: the package has no files of its own."""
        raise FileNotFoundError(f"[metadata] {path} is no file of a package: wengert stands for it")
