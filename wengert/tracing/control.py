"""What programs say to the compiler beside `compile`: PyTorch's ``torch.compiler``, and parts of ``torch._dynamo``.

What has a meaning here has PyTorch's; what there is nothing to say about says so in its text. The one idea to know: a
`Stance` is not looked at by a call that is like the last one. It is put into the compiled functions when it is taken.
"""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

import numpy as np

from ..core.errors import TraceError
from ..ops import from_numpy
from ..tensors.evaluation import tracing
from ..tensors.tensor import Tensor
from .nests import RESULTS

BACKENDS = ("inductor", "eager", "aot_eager", "cudagraphs", "wengert")
"""The names of back ends that are accepted: there is one."""
STANCES = ("default", "force_eager", "eager_on_recompile", "fail_on_recompile")


class _Compiled(Protocol):
    """What is asked of a `compiled.Compiled`."""

    def forget(self) -> None: ...

    def take_stance(self) -> None: ...


class Settings:
    """What holds for all compiled functions. ``recompile_limit``: so often is a function recorded at most.
    ``automatic``: sizes of arguments that have varied may vary."""

    def __init__(self) -> None:
        self.recompile_limit = 8
        self.automatic = True
        self.stance = "default"


settings = Settings()
compiled: weakref.WeakSet[_Compiled] = weakref.WeakSet()
"""All compiled functions that there are."""


def reset() -> None:
    """Forgets all programs of all compiled functions: each is recorded anew when it is next called, also one that has
    been given up.

    >>> step = torch.compile(lambda x: x * 2)
    >>> _ = step(torch.ones(2))
    >>> torch.compiler.reset()
    >>> step(torch.ones(2))
    tensor([2., 2.])
    """
    for function in list(compiled):
        function.forget()


def is_compiling() -> bool:
    """Whether a function is being recorded just now, which a recorded function may ask to go another way.

    >>> torch.compiler.is_compiling()
    False
    >>> torch.compile(lambda x: x * 2 if torch.compiler.is_compiling() else x)(torch.ones(2))
    tensor([2., 2.])
    """
    return tracing()


is_dynamo_compiling = is_compiling


def is_exporting() -> bool:
    """False: there is no export.

    >>> torch.compiler.is_exporting()
    False
    """
    return False


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """A function, or a module, that is not compiled. One that is being recorded may not call it: it then runs as it is
    from the first to the last line, or raises `TraceError` with ``fullgraph=True``. A decorator without ``fn``.

    >>> @torch.compiler.disable
    ... def printed(x):
    ...     print("plain Python:", x.sum().item())
    ...     return x
    >>> printed(torch.compile(lambda x: x * 2)(torch.tensor([1.0, 2.0])))
    plain Python: 6.0
    tensor([2., 4.])
    """
    if fn is None:
        return lambda function: disable(function, recursive, reason=reason)
    if hasattr(fn, "named_parameters") and not isinstance(fn, type):
        fn.forward = disable(fn.forward, recursive, reason=reason)
        return fn

    @functools.wraps(fn)
    def run(*args: Any, **kwargs: Any) -> Any:
        if tracing():
            why = "" if reason is None else f": {reason}"
            raise TraceError(f"[compile] functions that may be recorded were expected; {fn.__name__} is disabled{why}; "
                             "call it outside the compiled function")
        return fn(*args, **kwargs)

    run.__dict__["_is_disabled"] = True
    return run


def allow_in_graph(fn: Any) -> Any:
    """``fn`` as it is: what functions do is recorded, whichever they are.

    >>> @torch.compiler.allow_in_graph
    ... def double(x):
    ...     return 2 * x
    >>> torch.compile(double)(torch.tensor([1.0, 2.0]))
    tensor([2., 4.])
    """
    return fn


def assume_constant_result(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose result in a recording is that of the recording for ever: what it reads is not guarded, and what
    it changes is not noticed.

    >>> settings = {"scale": 3.0}
    >>> @torch.compiler.assume_constant_result
    ... def scale():
    ...     return settings["scale"]
    >>> torch.compile(lambda x: scale() * x)(torch.tensor([1.0, 2.0]))
    tensor([3., 6.])
    """

    @functools.wraps(fn)
    def run(*args: Any, **kwargs: Any) -> Any:
        profile = sys.getprofile()
        if not tracing() or profile is None:
            return fn(*args, **kwargs)
        sys.setprofile(None)
        try:
            return fn(*args, **kwargs)
        finally:
            sys.setprofile(profile)

    return run


def cudagraph_mark_step_begin() -> None:
    """Nothing: there are no CUDA graphs, and what a compiled function gives is never overwritten by its next call.

    >>> torch.compiler.cudagraph_mark_step_begin()
    """


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> list[str]:
    """The names that ``compile(backend=...)`` takes; all of them are wengert's own compiler.

    >>> "inductor" in torch.compiler.list_backends()
    True
    """
    return sorted(BACKENDS)


class set_stance:
    """What compiled functions do from now on, or in a ``with`` block, or while a function that this decorates runs.

    "default"; "force_eager": they run as they are; "eager_on_recompile": a call that fits no program runs as it is;
    "fail_on_recompile": such a call is a RuntimeError. Raises RuntimeError for another word.

    >>> step = torch.compile(lambda x: (x * 2, torch.compiler.is_compiling()))
    >>> with torch.compiler.set_stance("force_eager"):
    ...     step(torch.ones(2))
    (tensor([2., 2.]), False)
    """

    def __init__(self, stance: str = "default", *, skip_guard_eval_unsafe: bool = False,
                 force_backend: Any = None) -> None:
        if stance not in STANCES:
            raise RuntimeError(f"[set_stance] a stance among {', '.join(STANCES)} was expected; got {stance!r}")
        self._stance, self._before = stance, settings.stance
        _take(stance)

    def __enter__(self) -> None:
        _take(self._stance)

    def __exit__(self, *_: object) -> None:
        _take(self._before)

    def __call__(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        _take(self._before)

        @functools.wraps(fn)
        def run(*args: Any, **kwargs: Any) -> Any:
            with set_stance(self._stance):
                return fn(*args, **kwargs)

        return run


def _take(stance: str) -> None:
    settings.stance = stance
    for function in list(compiled):
        function.take_stance()


def wrap_numpy(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A function of tensors out of one of arrays. It runs as it is, on the tensors' memory, without a history; a
    function that is being recorded may not call it, as numpy needs values.

    >>> sums = torch.compiler.wrap_numpy(lambda array: np.cumsum(array))
    >>> sums(torch.tensor([1.0, 2.0, 3.0]))
    tensor([1., 3., 6.])
    """

    @functools.wraps(fn)
    def run(*args: Any, **kwargs: Any) -> Any:
        leaves, form = RESULTS.flatten((args, kwargs))
        args, kwargs = form.build([x.detach().numpy() if isinstance(x, Tensor) else x for x in leaves])
        leaves, form = RESULTS.flatten(fn(*args, **kwargs))
        return form.build([from_numpy(x) if isinstance(x, np.ndarray) else x for x in leaves])

    return run


def graph_break() -> None:
    """Where PyTorch would cut a function in two. A function that is being recorded then runs as it is."""
    if tracing():
        raise TraceError("[compile] a function in one piece was expected; this line calls graph_break(); leave it out")


def load_compiled_function(file: Any, *, f_globals: dict[str, Any] | None = None,
                           external_data: dict[str, Any] | None = None) -> NoReturn:
    """Raises NotImplementedError: compiled functions are not written to files. What was compiled once is kept on disk
    by itself, and the next process that compiles the same function finds it.

    >>> torch.compiler.load_compiled_function("step.bin")
    Traceback (most recent call last):
        ...
    NotImplementedError: [load_compiled_function] a function was expected, as compiled functions are not written ...
    """
    raise NotImplementedError("[load_compiled_function] a function was expected, as compiled functions are not written "
                              "to files in wengert; got a file; call compile(function): what was compiled before is "
                              "found on disk")
