"""`compile`: functions and modules that run as recorded programs; the machinery is in ``tracing``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..tracing.compiled import Compiled, compile_function
from .module import Module


class OptimizedModule(Module):
    """A module whose calls run compiled. It shares the parameters of the module that it was made from, ``_orig_mod``,
    and its attributes, which are read, set and deleted there; names in its ``state_dict`` begin with ``_orig_mod.``, as
    in PyTorch."""

    def __init__(self, module: Module, compiled: Compiled, dynamo_ctx: Callable[[Any], Any]) -> None:
        super().__init__()
        self._adopt("_modules", "module", "_orig_mod", module)
        self.__dict__["_compiled"] = compiled
        self.__dict__["dynamo_ctx"] = dynamo_ctx  # compiles other functions alike, as lightning does its steps

    @property
    def training(self) -> bool:
        """Whether the module that it was made from trains."""
        return bool(self._orig_mod.training)

    @training.setter
    def training(self, mode: bool) -> None:
        self._orig_mod.training = mode

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._compiled(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("_orig_mod"), name)

    def __setattr__(self, name: str, value: Any) -> None:
        there = self if self._has(name) else self._orig_mod
        super().__setattr__(name, value) if there is self else setattr(there, name, value)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name) if self._has(name) else delattr(self._orig_mod, name)

    def _has(self, name: str) -> bool:
        """Whether an attribute is the wrapper's own: what all modules have."""
        return name == "_orig_mod" or name in self.__dict__ or hasattr(type(self), name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(self._orig_mod)})

    def profile(self, *args: Any, rounds: int = 20, **kwargs: Any) -> str:
        """How long each step of the program for these arguments takes, forward and backward; see `Compiled.profile`."""
        return self._compiled.profile(*args, rounds=rounds, **kwargs)

    @property
    def kernels(self) -> list[Any]:
        """The steps of the program last used, forward and backward; see `Compiled.kernels`."""
        return self._compiled.kernels

    @property
    def graph(self) -> Any:
        """The graph of the program last used: that of the forward pass."""
        return self._compiled.graph

    @property
    def programs(self) -> list[Any]:
        """The recordings, the last used first."""
        return self._compiled.programs

    def explain(self) -> str:
        """What the program last used takes, keeps and leaves behind, as text; or why there is none."""
        return self._compiled.explain()

    def __repr__(self) -> str:
        return f"OptimizedModule(\n  (_orig_mod): {repr(self._orig_mod).replace(chr(10), chr(10) + '  ')}\n)"


class OptimizedWrapper(OptimizedModule):
    """An `OptimizedModule` of one that says, by ``compiles_inside``, which of its modules is compiled: what it does
    around that cannot be recorded (`DistributedDataParallel` sends messages)."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        wrapper: Any = self._orig_mod
        return wrapper.forward_by(self._compiled, args, kwargs)


def compile(model: Any = None, *, fullgraph: bool | str = False, dynamic: bool | None = None,
            backend: str | Callable[..., Any] = "inductor", mode: str | None = None,
            options: dict[str, Any] | None = None, disable: bool = False, check: int = 0) -> Any:
    """A function, or a module, that does the same and runs as one recorded program.

    Whatever a training step does is recorded, ``backward()`` and the optimiser's update too: tensors that it reaches by
    any way are captured, floats among the arguments and the settings of optimisers are read anew at each call, other
    Python values that the function reads are guarded (another value is another recording). What cannot be recorded,
    such as ``if loss > 3``, is a `TraceError` with ``fullgraph=True``; else the function runs as it is from then on,
    and one warning names the line. The result can be differentiated outside.

    ``model`` is a function or a `Module`; without it this is a decorator. ``fullgraph="native"``
    also refuses what numpy would compute in the midst of machine code; ``disable`` gives the function back as it is;
    with ``check``, the first calls, so many, run as they are as well, and a difference is an error. With ``dynamic``
    recordings for a few sizes of the arguments become one program for all, with machine code for each size; else each
    size is a recording of its own, but for those that `torch._dynamo.mark_dynamic` marks, of which ``dynamic=False``
    takes no notice. ``backend``, ``mode`` and ``options`` are PyTorch's, and change nothing. Raises TypeError for
    anything that cannot be called.

    >>> import wengert as torch
    >>> @torch.compile
    ... def f(x, y):
    ...     return (x * y).sum()
    >>> f(torch.ones(3), torch.arange(3.0))
    tensor(3.)
    >>> f
    <compiled f: 1 program>
    """

    settings: dict[str, Any] = {"fullgraph": fullgraph, "dynamic": dynamic, "backend": backend, "mode": mode,
                                "options": options, "disable": disable, "check": check}
    alike = partial(compile, **settings)

    def made(model: Any) -> Any:
        inside = getattr(model, "compiles_inside", None)
        if isinstance(model, Module) and isinstance(inside, str) and not isinstance(model, OptimizedModule):
            compiled = compile_function(getattr(model, inside), **settings)
            return OptimizedWrapper(model, compiled, alike) if isinstance(compiled, Compiled) else model
        compiled = model if isinstance(model, OptimizedModule) else compile_function(model, **settings)
        if isinstance(model, Module) and isinstance(compiled, Compiled):
            return OptimizedModule(model, compiled, alike)
        return compiled

    made_of: Callable[[Any], Any] = made
    return made_of if model is None else made(model)
