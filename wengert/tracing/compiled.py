"""`Compiled`: a function that runs as recorded programs, and as itself where it cannot be recorded.

The one idea to know: a call looks for the program whose key and guards fit it, the last used first; where there is
none, the function is recorded for this call. What cannot be recorded is never wrong and never silent: it is an error,
or the function runs as it is from then on and one warning says which line is why.
"""

from __future__ import annotations

import copy
import functools
import logging
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from typing import Any

from ..autograd.watchers import saves_are_hooked
from ..core.errors import TraceError
from ..core.forks import in_child
from ..core.frames import as_cell
from ..ir import InstructionGraph
from ..native import Stages, StepInfo, table, told
from ..tensors.evaluation import tracing
from .again import NOT, prepare
from .arguments import Arguments
from .checking import checked
from .control import BACKENDS, compiled, settings
from .function import parameters_of, record
from .generalised import MOST, Families
from .names import has_unmade_parameters
from .program import Program
from .reads import ChangeError, KeptError
from .sizes import SizeNotes
from .whose import is_users

_LOCK = threading.RLock()
"""Held by every compiled call: while a function is recorded, the tensors that it meets hold no numbers."""

_FORCED = "the stance is force_eager"
"""Why a function runs as it is under that stance."""


def _renew() -> None:
    global _LOCK
    _LOCK = threading.RLock()


in_child(_renew)
log = logging.getLogger("wengert.compile")


class RecompileError(RuntimeError):
    """A call that fits no recording, where `control.set_stance` forbids another."""


class Compiled:
    """A compiled function; see `compile`. ``programs`` are its recordings, the last used first."""

    def __init__(self, function: Callable[..., Any], *, fullgraph: bool | str = False, check: int = 0,
                 dynamic: bool | None = None) -> None:
        self.function, self.fullgraph, self.check, self.dynamic = function, fullgraph, check, dynamic
        self.sizes = None if dynamic is False else Families(bool(dynamic))
        """The recordings that serve several sizes."""
        self.programs: list[Program] = []
        self.eager: str | None = None
        """Why it runs as it is, where it does."""
        functools.update_wrapper(self, function, updated=())
        self._names = parameters_of(function)
        self._said_limit = False
        self._held: str | None = None
        self._varying: set[str] = set()
        """Integers among the arguments that have varied while all else was alike: numbers that each call reads."""
        self._again: Callable[[tuple[Any, ...], dict[str, Any]], Any] | None = None
        """Runs a call that is like the last one (`again.prepare`); None where it runs as it is."""
        compiled.add(self)
        self.take_stance()

    def forget(self) -> None:
        """Makes it what it was before its first call."""
        with _LOCK:
            self.programs, self._held, self._again, self._varying = [], None, None, set()
            self._said_limit = False
            self.sizes = None if self.dynamic is False else Families(bool(self.dynamic))
            self.eager = None
            self.take_stance()

    def take_stance(self) -> None:
        """Looks at what `control.set_stance` said last."""
        self._again = None
        forced = settings.stance == "force_eager"
        if forced and self.eager != _FORCED:
            self._held, self.eager = self.eager, _FORCED
        elif not forced and self.eager == _FORCED:
            self._held, self.eager = None, self._held

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the program that fits these arguments, recorded now if there is none."""
        again = self._again
        if again is not None:
            try:
                with _LOCK:
                    result = again(args, kwargs)  # which says no while something is recorded
            except Exception as error:
                failed = error
            else:
                return self._looked_up(args, kwargs) if result is NOT else result
            return self._failed(failed, args, kwargs)
        return self._looked_up(args, kwargs)

    def _looked_up(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """`__call__` for a call that is not like the last one."""
        if self.eager is not None or tracing() or saves_are_hooked():  # hooks see each tensor that eager mode saves
            return self.function(*args, **kwargs)
        failed: Exception | None = None
        with _LOCK:
            for place, known in enumerate(self.programs):
                if known.again is not None and known.again is not self._again:
                    try:
                        result = known.again(args, kwargs)
                    except Exception as error:
                        failed = error
                        break
                    if result is not NOT:
                        if place:
                            self.programs.insert(0, self.programs.pop(place))
                        self._again = known.again
                        return result
            if failed is not None:
                return self._failed(failed, args, kwargs)
            try:
                arguments = Arguments(self._names, args, kwargs, self._varying)
                program = self._fitting(arguments, keeps=False)
            except TraceError as error:
                if isinstance(error, KeptError) or (isinstance(error, ChangeError) and not self.fullgraph):
                    result = self.function(*args, **kwargs)
                    self._record_after(args, kwargs)
                    return result
                self._give_up(error)
                program = None
            except RecompileError:
                raise
            except Exception as error:  # most likely the function's own: then it fails again, and leaves what it leaves
                result = self.function(*args, **kwargs)
                self._give_up(_unrecorded(self.name, error))
                return result
            if program is not None:
                if program.calls < self.check:
                    return checked(self.name, program, arguments, lambda: self.function(*args, **kwargs))
                try:
                    result = program.run_fitting(arguments) if program.calls else self._first(program, arguments)
                except Exception as error:
                    failed = error
                else:
                    prepare(program, arguments)
                    self._again = program.again
                    return result
                return self._failed(failed, args, kwargs)
        return self.function(*args, **kwargs)

    def _failed(self, error: Exception, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a call does of which the program has raised, and left everything as it was: it runs as it is, as it then
        raises too, and leaves what it leaves. Not where the program drew random numbers, or had come to its end."""
        if isinstance(error, (MemoryError, TraceError)) or any([
                program.generators or program.later.failed is error for program in self.programs]):
            raise error
        result = self.function(*args, **kwargs)
        self._give_up(_unrecorded(self.name, error))
        return result

    def _record_after(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Records a function that has just run as it is, as it changed more than tensors, or keeps some: it may do so
        in its first call only, or when something has changed. If it would again, it is given up."""
        try:
            self._fitting(Arguments(self._names, args, kwargs, self._varying))
        except TraceError as error:
            self._give_up(error)
        except Exception as error:
            self._give_up(_unrecorded(self.name, error))

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.function, self.fullgraph, self.check, self.dynamic)

    def __deepcopy__(self, memo: dict[int, Any]) -> Compiled:
        return _again(copy.deepcopy(self.function, memo), self.fullgraph, self.check, self.dynamic)

    def _fitting(self, arguments: Arguments, keeps: bool = True) -> Program | None:
        """The program for a call; None where the function has been recorded too often. See `record` for ``keeps``."""
        for place, program in enumerate(self.programs):
            if program.mismatch(arguments) is None:
                if place:
                    self.programs.insert(0, self.programs.pop(place))
                return program
        reason = self.programs[0].mismatch(arguments) if self.programs else None
        if settings.automatic and self.dynamic is not False:
            varying = {name for program in self.programs for name in arguments.integers_besides(program.key)}
            if varying:
                self._varying |= varying
                arguments.vary(varying)
        if has_unmade_parameters(self.function):
            return None
        made = self._for_sizes(arguments)
        if made is not None:
            return made
        if settings.stance != "default" and self.programs:
            if settings.stance == "fail_on_recompile":
                raise RecompileError(f"[compile] a call that fits a recording of {self.name} was expected, as the "
                                     f"stance is fail_on_recompile; {reason}")
            return None
        limit = settings.recompile_limit
        if self._count() >= limit:
            if not self._said_limit:
                self._said_limit = True
                _warn(f"[compile] {self.name} has been recorded {limit} times, and calls still differ (last: "
                              f"{reason}); calls that fit no recording run eagerly from now on")
            return None
        program = self._recorded(arguments, reason, keeps)
        self.programs.insert(0, program)
        return program

    def _count(self) -> int:
        """How many recordings there are; those that have become one program for many sizes are one."""
        alone = [program for program in self.programs if program.sizes is None]
        return len(alone) + (0 if self.sizes is None else self.sizes.recorded)

    def _for_sizes(self, arguments: Arguments) -> Program | None:
        """The program for a call that differs from others in sizes that may vary, made without recording."""
        if self.sizes is None:
            return None
        self.sizes.note(arguments)
        stages = Stages()
        with stages.stage("planning"):
            program = self.sizes.program(arguments)
        if program is None or program.mismatch(arguments) is not None:
            return None
        program.stages = stages
        program.compile(whole=self.fullgraph == "native")
        self.sizes.share(program, arguments)
        others = [each for each in self.programs if each.sizes is not None and each.recording is None]
        if len(others) >= MOST:
            self.programs.remove(others[-1])
        self.programs.insert(0, program)
        return program

    def _recorded(self, arguments: Arguments, reason: str | None, keeps: bool) -> Program:
        stages = Stages()

        def run(sizes: SizeNotes | None) -> Program:
            return record(self.function, self._names, arguments, sizes, keeps=keeps)

        with told(stages, self.name), stages.stage("recording"):
            program, alone = (run(None), None) if self.sizes is None else self.sizes.record(arguments, run)
        if alone is not None:
            _warn(f"[compile] sizes of {self.name}'s arguments are marked as dynamic, but each is recorded by itself: "
                  f"{alone}")
        program.stages = stages
        program.compile(whole=self.fullgraph == "native")
        for line in program.printed:
            _warn(f"[compile] {as_cell(line)} prints while {self.name} is recorded, and not when it runs compiled")
        if "recompile" in _wanted_logs() or ("compile" in _wanted_logs() and reason is None):
            log.warning("%s recorded in %.3f s%s: %r", self.name, stages.total,
                        "" if reason is None else f" again, as {reason}", program)
        return program

    def _first(self, program: Program, arguments: Arguments) -> Any:
        """The first run of a program, which makes its machine code."""
        with told(program.stages, self.name):
            result = program.run_fitting(arguments)
        if "compile" in _wanted_logs():
            count = len(self.kernels)
            log.warning("%s compiled in %.3f s (%s): %d steps, %d of numpy", self.name, program.stages.total,
                        program.stages, count, sum([not step.native for step in self.kernels]))
        return result

    def _give_up(self, error: TraceError) -> None:
        if self.fullgraph:
            raise error
        self.eager, self._again = str(error), None
        where = _line_of(error)
        _warn(f"[compile] {self.name} runs eagerly from now on{'' if where is None else f', because of {where}'}"
                      f": {error}")

    @property
    def name(self) -> str:
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    # --- for people ---------------------------------------------------------------------------------------------------

    @property
    def graph(self) -> InstructionGraph:
        """The graph of the program last used."""
        return self.last.graph

    @property
    def last(self) -> Program:
        """The program last used. Raises `TraceError` where there is none."""
        if not self.programs:
            raise TraceError("[compile] nothing has been compiled yet; call the function")
        return self.programs[0]

    def explain(self) -> str:
        """What the program last used takes, keeps and leaves behind, as text; or why there is none."""
        if self.eager is not None:
            return f"{self.name} runs eagerly: {self.eager}"
        return self.last.explain()

    @property
    def kernels(self) -> list[StepInfo]:
        """The steps of the program last used: passes over memory, products, kernels, and calls of numpy between them.
        Each has ``ir``, ``llvm`` and ``assembly``, its ``flops`` and ``bytes``, and after `profile` its ``seconds``.
        Those of the backward half come last."""
        return self.last.kernels

    def profile(self, *args: Any, rounds: int = 20, **kwargs: Any) -> str:
        """How long each step of the program for these arguments takes, the least of so many rounds, and what share of
        the machine's limit that is, as a table. Nothing of yours is changed: the steps run on copies.

        The limit is the least time for a step's operations (at the rate of independent multiply-adds) and for its
        bytes (at the rate of a copy that no cache can hold), so a small step whose data are in a cache may exceed it.
        """
        with _LOCK:
            arguments = Arguments(self._names, args, kwargs, self._varying)
            program = self._fitting(arguments) if self.eager is None else None
            if program is None:
                raise TraceError(f"[profile] a compiled program was expected; {self.name} runs eagerly"
                                 f"{'' if self.eager is None else f': {self.eager}'}")
            program.profile(arguments, rounds)
        kernels = self.kernels
        total = sum([step.seconds or 0 for step in kernels])
        return f"{table(kernels)}\n{total * 1e6:9.1f} {'':8} in all"

    def __repr__(self) -> str:
        count = len(self.programs)
        what = "runs eagerly" if self.eager else f"{count} program{'' if count == 1 else 's'}"
        return f"<compiled {self.name}: {what}>"


def compile_function(
    function: Callable[..., Any],
    *,
    fullgraph: bool | str = False,
    dynamic: bool | None = None,
    backend: str | Callable[..., Any] = "inductor",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
    check: int = 0,
) -> Any:
    """The function as a `Compiled`; itself where it is one, or compiling is switched off. See `compile`."""
    if mode not in MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(map(repr, MODES))}")
    if mode is not None and options is not None:
        raise RuntimeError("Either mode or options can be specified, but both can't be specified at the same time.")
    if backend not in BACKENDS:
        raise RuntimeError(f"[compile] a backend among {', '.join(BACKENDS)} was expected; got {backend!r}; leave it "
                           "out")
    if isinstance(fullgraph, str) and fullgraph != "native":
        raise RuntimeError(f'[compile] fullgraph was expected to be True, False or "native"; got {fullgraph!r}')
    if not callable(function):
        raise TypeError(f"compile(): a function or a module was expected; got {type(function).__name__}")
    if disable or isinstance(function, Compiled) or getattr(function, "_is_disabled", False):
        return function
    return Compiled(function, fullgraph=fullgraph, check=check, dynamic=dynamic)


MODES = (None, "default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")


def _again(function: Callable[..., Any], fullgraph: bool | str, check: int, dynamic: bool | None) -> Compiled:
    """A copy of a compiled function, without its programs."""
    return Compiled(function, fullgraph=fullgraph, check=check, dynamic=dynamic)


def _warn(message: str) -> None:
    """Warns at the line of the user's that called."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and not is_users(frame.f_code.co_filename):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)


def _wanted_logs() -> list[str]:
    return os.environ.get("WENGERT_LOG", "").split(",")


def _line_of(error: BaseException) -> str | None:
    """The user's line from which an error came: the innermost."""
    lines = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)
             if is_users(frame.filename)]
    return lines[-1] if lines else None


def _unrecorded(name: str, error: Exception) -> TraceError:
    """That a function which works failed while it was recorded: a mistake of the recorder's."""
    made = TraceError(f"[compile] {name} cannot be recorded: {type(error).__name__}: {error}")
    made.__cause__ = error
    return made.with_traceback(error.__traceback__)
