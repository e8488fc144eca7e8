"""Whether operations are recorded: context managers that are decorators too."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, overload

from ..core.blocks import Block
from ..core.frames import warn
from ..core.state import state
from ..tensors.alias import INFERENCE, Untracked, untrack
from ..tensors.evaluation import Watcher

Function = TypeVar("Function", bound=Callable[..., Any])


class _Mode(Block):
    """Sets ``state.grad`` for a block, or for every call of a function it decorates (a generator's steps included)."""

    wanted: bool

    def __enter__(self) -> None:  # type: ignore[override]
        self._put_back(state.grad)
        state.grad = self.wanted

    def _put_back(self, grad: bool) -> None:
        """Says what is in force after the block, in this thread."""
        self.ends_with(functools.partial(state.here.update, grad=grad, inference=state.inference))

    def again(self) -> _Mode:
        """A fresh one of the same setting, so that a decorated function may call itself."""
        return type(self)()

    def __call__(self, function: Function) -> Function:
        if inspect.isclass(function):
            warn("Decorating classes is deprecated and will be disabled in future versions. You should only "
                 "decorate functions or methods; here the mode is in force while an instance is made",
                 FutureWarning)
        if inspect.isgeneratorfunction(function):
            return self._generator(function)

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self.again():
                return function(*args, **kwargs)

        return wrapped  # type: ignore[return-value]

    def _generator(self, function: Callable[..., Any]) -> Any:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            generator = function(*args, **kwargs)
            resume: Any = generator.send
            given: tuple[Any, ...] = (None,)
            while True:
                try:
                    with self.again():
                        value = resume(*given)
                except StopIteration as stop:
                    return stop.value
                try:
                    resume, given = generator.send, ((yield value),)
                except GeneratorExit:
                    with self.again():
                        generator.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - what is thrown into the generator reaches its body
                    resume, given = generator.throw, (error,)

        return wrapped


class no_grad(_Mode):
    """Nothing is recorded inside: results need no gradient. Use as ``with no_grad():`` or ``@no_grad()``.

    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> with torch.no_grad():
    ...     y = x * x
    >>> y.requires_grad
    False
    """

    wanted = False

    @overload
    def __new__(cls) -> no_grad: ...
    @overload
    def __new__(cls, function: Function) -> Function: ...  # type: ignore[misc]
    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        mode = super().__new__(cls)
        return mode if function is None else mode(function)


class enable_grad(no_grad):
    """Recording is on inside, also within `no_grad`.

    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> with torch.no_grad():
    ...     with torch.enable_grad():
    ...         y = x * x
    >>> y.requires_grad
    True
    """

    wanted = True


class set_grad_enabled(_Mode):
    """Recording is on or off as ``mode`` says: from the call on, or inside the block it opens. Raises nothing: whatever
    is given counts as true or false.

    >>> x, training = torch.tensor(2.0, requires_grad=True), False
    >>> with torch.set_grad_enabled(training):
    ...     y = x * x
    >>> y.requires_grad
    False
    """

    def __init__(self, mode: bool) -> None:
        self.previous = state.grad
        self.wanted = bool(mode)
        state.grad = self.wanted

    def __enter__(self) -> None:  # type: ignore[override]
        self._put_back(self.previous)
        state.grad = self.wanted

    def again(self) -> _Mode:
        return set_grad_enabled(self.wanted)

    def __call__(self, function: Function) -> Function:
        state.grad = self.previous
        return super().__call__(function)


class Marks(Watcher):
    """Makes inference tensors of those that are made where `inference_mode` is on, unless a tracer makes them."""

    def computed(self, primitive: Any, operands: Any, params: Any, out: Any) -> None:
        if state.inference and self.tracer is None:
            if type(out) is tuple:
                for part in out:
                    if part._alias is None:
                        part._cell = Untracked()
            elif out._alias is None:
                out._cell = Untracked()
            elif out._alias.tracked is False:
                untrack(out, INFERENCE)
        if self.outer is not None:
            self.outer.computed(primitive, operands, params, out)

    def made(self, tensor: Any) -> None:
        if state.inference and self.tracer is None:
            tensor._cell = Untracked()
        if self.outer is not None:
            self.outer.made(tensor)


class inference_mode(_Mode):
    """Like `no_grad`, and what is made inside are *inference tensors*: their writes are not counted, and outside they
    can be neither saved for backward nor written. ``clone()`` makes a normal tensor of one.

    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> with torch.inference_mode():
    ...     y = x * x
    >>> y.requires_grad, y.is_inference()
    (False, True)
    >>> (x + y).requires_grad
    True
    """

    def __new__(cls, mode: Any = True) -> Any:
        this = super().__new__(cls)
        if callable(mode):
            this.wanted, this.mode = False, True
            return this(mode)
        return this

    def __init__(self, mode: bool = True) -> None:
        self.mode = bool(mode)
        self.wanted = not self.mode

    def __enter__(self) -> None:  # type: ignore[override]
        here = state.here
        outer = watcher = here["watcher"]
        if self.mode:
            watcher = Marks()
            watcher.outer = outer
            watcher._settle()
        self.ends_with(functools.partial(here.update, grad=state.grad, inference=state.inference, watcher=outer))
        # The last thing done, as in a watcher, and no call, after which Python would look for Ctrl-C.
        state.grad, state.inference, state.watcher = not self.mode, self.mode, watcher

    def again(self) -> _Mode:
        return inference_mode(self.mode)


def is_grad_enabled() -> bool:
    """Whether operations are being recorded in this thread.

    >>> with torch.no_grad():
    ...     torch.is_grad_enabled()
    False
    """
    return state.grad


def is_inference_mode_enabled() -> bool:
    """Whether `inference_mode` is on in this thread.

    >>> with torch.inference_mode():
    ...     torch.is_inference_mode_enabled()
    True
    """
    return state.inference
