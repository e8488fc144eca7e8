"""What a tensor holds while a function is recorded: a `TracedArray`, its place on a `Memory` of the graph.

Note [shadows]: beside its graph value every traced array has an array, its *shadow*: what the value would be for what
the arguments and states hold at the time, its numbers computed when somebody asks for them (`shadows.py`). Shadows are
never shown to the function being recorded; they tell shapes, dtypes and strides, by which alone can be said whether
numpy would copy in a reshape, and they make errors that depend on values (an index out of range) come at the user's
line. Nothing is ever written into the user's arrays: shadows, like values, are replaced.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ..core.errors import TraceError
from ..core.frames import as_cell
from ..ir import Value
from ..tensors.evaluation import Unseen
from .sizes import SizeNotes

Step = tuple[Any, dict[str, Any]]
Cut = tuple[Value, int]
"""An operand of an instruction: its first result, and the number of the operand. Note [cuts] in `backward`."""


class Memory:
    """One memory with its whole current value. A write replaces the value and moves the generation on.

    ``source`` is the name under which it enters the graph, None where it was made inside. ``parts`` remembers the views
    that have been read from the current value. ``origin`` is the memory, with its generation, of which this one is a
    part in eager mode, and a copy in a recording: Note [x of i]. ``counts`` says whether writes to it are counted, as
    they are not of what is made in `inference_mode`.
    """

    __slots__ = ("array", "counts", "first", "generation", "line", "origin", "parts", "source", "value")

    def __init__(self, value: Value, array: np.ndarray, source: str | None = None) -> None:
        self.value = self.first = value
        self.array, self.source = array, source
        self.generation = 0
        self.counts = True
        self.origin: tuple[Memory, int] | None = None
        self.line = ""  # that of the last write
        self.parts: dict[str, tuple[Value, np.ndarray]] = {}

    def replace(self, value: Value, array: np.ndarray) -> None:
        """What a write leaves."""
        self.value, self.array = value, array
        self.generation += 1
        self.parts = {}


class TracedArray(Unseen):
    """A tensor's data while recording: a memory and the view steps that lead from the whole of it to this part.

    When recording has ended the traced array is dead: any use raises `TraceError` with the line that made it.
    """

    __slots__ = ("__weakref__", "_array", "_memory", "_value", "generation", "line", "sizes", "steps")

    def __init__(
        self, memory: Memory, steps: tuple[Step, ...], value: Value, array: np.ndarray, line: str
    ) -> None:
        self._memory: Memory | None = memory
        self._value: Value | None = value
        self._array: np.ndarray | None = array
        self.steps, self.line = steps, line
        self.generation = memory.generation
        self.sizes: SizeNotes | None = None
        """Where it is noted which sizes are asked for, if it is."""

    def kill(self) -> None:
        """Ends its life; it keeps its line to tell where it was made."""
        self._memory = self._value = self._array = None
        self.steps = ()

    @property
    def alive(self) -> bool:
        return self._memory is not None

    @property
    def memory(self) -> Memory:
        if self._memory is None:
            raise TraceError(
                f"[capture] a tensor of this moment was expected; got one that was made at {as_cell(self.line)} while "
                f"a function was recorded, and has no value outside it; return it from the function, or copy it into a "
                f"tensor that is there before (state.copy_(x))"
            )
        return self._memory

    @property
    def value(self) -> Value:
        assert self._value is not None, self.memory
        return self._value

    @property
    def array(self) -> np.ndarray:
        """The shadow."""
        assert self._array is not None, self.memory
        return self._array

    def refresh(self, value: Value, array: np.ndarray) -> None:
        """Takes note of what its memory holds now."""
        self._value, self._array, self.generation = value, array, self.memory.generation

    @property
    def shape(self) -> tuple[int, ...]:
        shape = (self._array if self._array is not None else self.array).shape
        return shape if self.sizes is None else self.sizes.shape(shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return (self._array if self._array is not None else self.array).dtype

    @property
    def strides(self) -> tuple[int, ...]:
        return self._fixed().strides

    @property
    def flags(self) -> Any:
        return (self._array if self._array is not None else self.array).flags

    @property
    def ndim(self) -> int:
        return (self._array if self._array is not None else self.array).ndim

    @property
    def size(self) -> int:
        return self._fixed().size

    @property
    def itemsize(self) -> int:
        return self.array.itemsize

    @property
    def nbytes(self) -> int:
        return self._fixed().nbytes

    def _fixed(self) -> np.ndarray:
        """The shadow, by whose sizes something is decided."""
        array = self.array
        if self.sizes is not None:
            self.sizes.fix(array.shape)
        return array

    def _refuse(self, what: str) -> NoReturn:
        self.memory  # noqa: B018  (raises where the traced array is dead)
        raise TraceError(
            f"[capture] an operation asked a tensor for {what} while a function is being recorded, when there is "
            f"none; this operation cannot be recorded in wengert yet: take it out of the function"
        )

    def __repr__(self) -> str:
        return f"{self._value!r} made at {as_cell(self.line)}" if self.alive else f"dead, made at {as_cell(self.line)}"
