"""A machine for pickles that hold data: it knows the instructions for numbers, strings and containers, and no names.

A pickle is a program. Python's own machine looks up any name the program asks for and calls it. This one asks
``resolve``, which answers from a list, and calls nothing but what that list holds. Its work and its memory are bounded
by the length of the program: lengths are checked against what is left of it, copies are counted (`keys.Budget`).
The instructions are described in the standard library's ``pickletools``.
"""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict
from collections.abc import Callable
from types import MemberDescriptorType
from typing import IO, Any, NamedTuple

from .errors import CheckpointError, escaped, shown
from .keys import Budget, check_depth


class Global(NamedTuple):
    """What a name in a pickle stands for: ``call`` makes an object of arguments; ``value`` is the thing itself, where
    it may be kept as a value, and is what the program sees then."""

    name: str
    call: Callable[..., Any] | None
    value: Any


_MARK = object()
_MAPPINGS = (dict, OrderedDict, Counter)


class PickleMachine:
    """Runs one pickle. ``resolve(module, name)`` answers for globals, ``persistent(id)`` for persistent ids;
    ``classes`` are those that the user has declared safe, on whose objects the program's state may be set;
    ``encoding`` is that of the strings of Python 2; ``budget`` what it may cost, if the file is more than the pickle;
    ``at`` is where in ``data`` the pickle begins."""

    def __init__(
        self,
        data: bytes,
        resolve: Callable[[str, str], Any],
        persistent: Callable[[Any], Any],
        classes: frozenset[type] = frozenset(),
        encoding: str = "ascii",
        budget: Budget | None = None,
        at: int = 0,
    ) -> None:
        self._encoding = encoding
        self._data, self.at, self._classes = data, at, classes
        self._resolve, self._persistent = resolve, persistent
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._makers: dict[int, Global] = {}  # by the id of the thing itself, which `resolve` keeps
        self.budget = Budget(len(data)) if budget is None else budget

    def run(self) -> Any:
        """The object that the program makes; ``at`` is behind it then.

        Damaged programs raise LookupError, ValueError, TypeError or the like.
        """
        instructions, data = _INSTRUCTIONS, self._data
        while True:
            code = data[self.at]
            self.at += 1
            if code == _STOP:
                made = self.pop()
                check_depth(made, Global)
                return made
            instruction = instructions.get(code)
            if instruction is None:
                raise _unknown(code)
            instruction(self)

    # -- reading ---------------------------------------------------------------------------------------------------

    def take(self, count: int) -> bytes:
        start, end = self.at, self.at + count
        if end > len(self._data):
            raise EOFError("it ends early")
        self.at = end
        return self._data[start:end]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def line(self) -> str:
        end = self._data.index(b"\n", self.at)
        text = self._data[self.at : end].decode("utf-8")
        self.at = end + 1
        return text

    # -- the stack -------------------------------------------------------------------------------------------------

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def pop(self) -> Any:
        value = self._stack.pop()
        if value is _MARK:
            raise ValueError("a mark where a value was expected")
        return value

    def top(self) -> Any:
        return self._stack[-1]

    def marked(self) -> list[Any]:
        """All values above the topmost mark; they and the mark are taken off."""
        stack = self._stack
        position = len(stack) - 1
        while stack[position] is not _MARK:
            position -= 1
            if position < 0:
                raise ValueError("a mark is missing")
        values = stack[position + 1 :]
        del stack[position:]
        return values

    # -- what takes more than a line -------------------------------------------------------------------------------

    def put_items(self, pairs: list[Any]) -> None:
        mapping = self.top()
        if type(mapping) not in _MAPPINGS or len(pairs) % 2:
            raise TypeError(f"items for a {type(mapping).__name__}")
        self.budget.check_keys(pairs[::2], mapping)
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            mapping[key] = value

    def call(self) -> None:
        arguments, what = self.pop(), self.pop()
        maker = self._maker(what)
        if maker is None or maker.call is None or type(arguments) is not tuple:
            raise CheckpointError(
                f"[load] the maker of a tensor or container was expected; the pickle calls "
                f"{type(what).__name__ if maker is None else escaped(maker.name)}"
            )
        self._charge(arguments)
        self.push(maker.call(*arguments))

    def _maker(self, what: Any) -> Global | None:
        """What a name stood for, if ``what`` came of one."""
        return what if type(what) is Global else self._makers.get(id(what))

    def _charge(self, values: tuple[Any, ...]) -> None:
        """Takes account of what may be copied."""
        self.budget.charge(len(values))
        for value in values:
            if isinstance(value, (str, bytes, bytearray, list, tuple, set, frozenset, dict)):
                self.budget.charge(len(value))

    def new(self) -> None:
        arguments, what = self.pop(), self.pop()
        maker = self._maker(what)
        if maker is not None and isinstance(maker.value, type) and maker.value in self._classes:
            self.push(maker.value.__new__(maker.value, *arguments))
        else:
            self.push(what)
            self.push(arguments)
            self.call()

    def build(self) -> None:
        state, made = self.pop(), self.top()
        if type(made) is OrderedDict:
            # The versions of the modules that a state_dict is from; PyTorch knows no other.
            if type(state) is not dict or len(state) != 1 or "_metadata" not in state:
                raise CheckpointError(
                    "[load] the _metadata of an OrderedDict was expected; the pickle sets others of its "
                    "attributes"
                )
            made._metadata = state["_metadata"]  # type: ignore[attr-defined]
        elif type(made) in self._classes:
            self._charge(state if type(state) is tuple else (state,))
            if hasattr(made, "__setstate__"):
                made.__setstate__(state)
            else:
                named, slots = state if type(state) is tuple and len(state) == 2 else (state, None)
                if not {type(named), type(slots)} <= {dict, type(None)}:
                    raise TypeError(f"a {type(state).__name__} as the state of an object")
                if named:
                    made.__dict__.update(named)
                for name, value in (slots or {}).items():
                    if type(getattr(type(made), name, None)) is not MemberDescriptorType:
                        raise TypeError(f"a slot {shown(name)} that its class has not")
                    setattr(made, name, value)
        else:
            raise CheckpointError(
                f"[load] a container was expected; the pickle sets the state of a {type(made).__name__}"
            )

    def look_up(self, module: str, name: str) -> None:
        if type(module) is not str or type(name) is not str:
            raise TypeError("a name that is no string")
        found = self._resolve(module, name)
        if type(found) is Global and found.value is not None:
            self._makers[id(found.value)] = found
            found = found.value
        self.push(found)

    def keep(self, number: int) -> None:
        self._memo[number] = self.top()

    def make_set(self, kind: type, values: list[Any]) -> None:
        self.budget.check_keys(values)
        self.push(kind(values))

    def extend(self, values: list[Any]) -> None:
        target = self.top()
        if type(target) is set:
            self.budget.check_keys(values, target)
            target.update(values)
        elif type(target) is list:
            target.extend(values)
        else:
            raise TypeError(f"values for a {type(target).__name__}")

    def make_dict(self, pairs: list[Any]) -> None:
        self.push({})
        self.put_items(pairs)

    def make_tuple(self, count: int) -> None:
        values = [self.pop() for _ in range(count)]
        self.push(tuple(reversed(values)))

    def text(self, size: int) -> None:
        self.push(self.take(self.number(size)).decode("utf-8", "surrogatepass"))

    def named_on_stack(self) -> None:
        name, module = self.pop(), self.pop()
        self.look_up(module, name)

    def skip_protocol(self) -> None:
        version = self.number(1)
        if version > 5:
            raise ValueError(f"it is of protocol {version}")


def _signed(machine: PickleMachine, size: int) -> int:
    return int.from_bytes(machine.take(size), "little", signed=True)


def end_of_pickle(file: IO[bytes], room: int) -> int:
    """How many of the next ``room`` bytes of a file belong to the pickle that begins there, found without running it.

    Raises `CheckpointError` for an instruction that the machine does not have, EOFError where there is no end.
    """
    begin = file.tell()
    while True:
        code = file.read(1)
        if not code:
            raise EOFError("it ends early")
        if code[0] not in _INSTRUCTIONS and code[0] != _STOP:
            raise _unknown(code[0])
        for _ in range(_LINES.get(code[0], 0)):
            file.readline()
        count = _FIXED.get(code[0], 0)
        if code[0] in _COUNTED:
            count = int.from_bytes(file.read(_COUNTED[code[0]]), "little")
        end = file.tell() + count
        if end > begin + room:
            raise EOFError("it ends early")
        file.seek(end)
        if code[0] == _STOP:
            return end - begin


def _unknown(code: int) -> CheckpointError:
    return CheckpointError(f"[load] a pickle of tensors and containers was expected; it has the instruction "
                           f"{chr(code)!r}, which only weights_only=False may run")


_STOP = ord(".")
# What follows an instruction: so many bytes; a number of so many bytes and as many bytes as that says; so many lines.
_FIXED = {0x80: 1, 0x95: 8, ord("J"): 4, ord("K"): 1, ord("M"): 2, ord("G"): 8, ord("h"): 1, ord("j"): 4, ord("q"): 1,
          ord("r"): 4}
_COUNTED = {0x8A: 1, 0x8B: 4, ord("X"): 4, 0x8C: 1, 0x8D: 8, ord("B"): 4, ord("C"): 1, 0x8E: 8, 0x96: 8, ord("T"): 4,
            ord("U"): 1}
_LINES = {ord("c"): 2}
_INSTRUCTIONS: dict[int, Callable[[PickleMachine], Any]] = {
    0x80: PickleMachine.skip_protocol,
    0x95: lambda m: m.take(8),  # the length of a frame, of no use to one who has the whole
    ord("("): lambda m: m.push(_MARK),
    ord("0"): lambda m: m._stack.pop(),
    ord("1"): PickleMachine.marked,
    ord("2"): lambda m: m.push(m.top()),
    ord("N"): lambda m: m.push(None),
    0x88: lambda m: m.push(True),
    0x89: lambda m: m.push(False),
    ord("J"): lambda m: m.push(_signed(m, 4)),
    ord("K"): lambda m: m.push(m.number(1)),
    ord("M"): lambda m: m.push(m.number(2)),
    0x8A: lambda m: m.push(_signed(m, m.number(1))),
    0x8B: lambda m: m.push(_signed(m, m.number(4))),
    ord("G"): lambda m: m.push(struct.unpack(">d", m.take(8))[0]),
    ord("X"): lambda m: m.text(4),
    0x8C: lambda m: m.text(1),
    0x8D: lambda m: m.text(8),
    ord("B"): lambda m: m.push(m.take(m.number(4))),
    ord("C"): lambda m: m.push(m.take(m.number(1))),
    0x8E: lambda m: m.push(m.take(m.number(8))),
    0x96: lambda m: m.push(bytearray(m.take(m.number(8)))),
    ord("T"): lambda m: m.push(m.take(m.number(4)).decode(m._encoding)),  # strings of Python 2
    ord("U"): lambda m: m.push(m.take(m.number(1)).decode(m._encoding)),
    ord("]"): lambda m: m.push([]),
    ord("a"): lambda m: m.extend([m.pop()]),
    ord("e"): lambda m: m.extend(m.marked()),
    ord("l"): lambda m: m.push(m.marked()),
    ord(")"): lambda m: m.push(()),
    ord("t"): lambda m: m.push(tuple(m.marked())),
    0x85: lambda m: m.make_tuple(1),
    0x86: lambda m: m.make_tuple(2),
    0x87: lambda m: m.make_tuple(3),
    ord("}"): lambda m: m.push({}),
    ord("d"): lambda m: m.make_dict(m.marked()),
    ord("s"): lambda m: m.put_items([m.pop(), m.pop()][::-1]),
    ord("u"): lambda m: m.put_items(m.marked()),
    0x8F: lambda m: m.push(set()),
    0x90: lambda m: m.extend(m.marked()),
    0x91: lambda m: m.make_set(frozenset, m.marked()),
    ord("c"): lambda m: m.look_up(m.line(), m.line()),
    0x93: PickleMachine.named_on_stack,
    ord("R"): PickleMachine.call,
    0x81: PickleMachine.new,
    ord("b"): PickleMachine.build,
    ord("Q"): lambda m: m.push(m._persistent(m.pop())),
    ord("h"): lambda m: m.push(m._memo[m.number(1)]),
    ord("j"): lambda m: m.push(m._memo[m.number(4)]),
    ord("q"): lambda m: m.keep(m.number(1)),
    ord("r"): lambda m: m.keep(m.number(4)),
    0x94: lambda m: m.keep(len(m._memo)),
}
