"""The public face of a module, finished by one call at its end: names that load late, ``dir``, ``__all__``, and what is
said of names that are not there (PEP 562).

Type checkers see none of this, so that a misspelt name is an error for them; what loads late is imported for them under
``TYPE_CHECKING``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from ._missing import MissingError


def publish(module: str, modules: str = "", late: Mapping[str, str] | None = None, base: str | None = None
            ) -> None:
    """Finishes the face of ``module``, which calls this last, with its ``__name__``.

    ``modules`` of it (``"attention utils"``) are imported when they are first asked for, and so are the ``late`` names,
    by the module that has them: ``{"nn.functional": "conv1d conv2d"}``, below ``base``, which is ``module`` itself if
    it is not given: names of a low floor may be made by a higher one. Without an ``__all__``, the module gets one: what
    of wengert's it holds that is no module, and what is named here.
    """
    namespace = vars(sys.modules[module])
    homes = dict.fromkeys(modules.split(), "")
    for home, names in (late or {}).items():
        homes |= dict.fromkeys(names.split(), home)

    def missing(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            plain = f"module {module!r} has no attribute {name!r}"
            raise MissingError(module, name, lambda: {*namespace["__all__"], *homes}, plain)
        found = getattr(import_module(f"{base or module}.{home}"), name) if home else import_module(f"{module}.{name}")
        return namespace.setdefault(name, found)

    def directory() -> list[str]:
        return sorted({*namespace, *homes})

    eager = (name for name, value in namespace.items()
             if name[0] != "_" and name != "TYPE_CHECKING" and not isinstance(value, ModuleType)
             and getattr(value, "__module__", module).startswith(("wengert", "torch")))
    namespace.setdefault("__all__", sorted({*eager, *homes}))
    namespace.update(__getattr__=missing, __dir__=directory)
