"""``torch._tensor_str``: how tensors are printed, as packages ask."""

from __future__ import annotations

from typing import Any

from ...tensors.printing import get_printoptions
from ...tensors.printing import printoptions as printoptions
from ...tensors.printing import set_printoptions as set_printoptions
from ...tensors.tensor import Tensor


class _Options:
    """The options in force: ``PRINT_OPTS.threshold``."""

    def __getattr__(self, name: str) -> Any:
        try:
            return get_printoptions()[name]
        except KeyError:
            raise AttributeError(name) from None


PRINT_OPTS = _Options()


def _str(self: Tensor, *, tensor_contents: Any = None) -> str:
    """The text of a tensor."""
    return repr(self)


_str_intern = _str


def _tensor_str(self: Tensor, indent: int) -> str:
    """The elements of a tensor in brackets, without ``tensor(...)`` around them; lines after the first begin with
    ``indent`` spaces."""
    text = repr(self.detach()).removeprefix("tensor(")
    end = text.rindex("]") + 1 if self.dim() else len(text) - 1
    return text[:end].replace("\n" + " " * 7, "\n" + " " * indent)


def _add_suffixes(tensor_str: str, suffixes: list[str], indent: int, force_newline: bool) -> str:
    """A text with what is said behind the elements, in the same line where it fits."""
    out, last = [tensor_str], len(tensor_str) - tensor_str.rfind("\n") + 1
    for suffix in suffixes:
        if force_newline or last + len(suffix) + 2 > PRINT_OPTS.linewidth:
            out.append(",\n" + " " * indent + suffix)
            last, force_newline = indent + len(suffix), False
        else:
            out.append(", " + suffix)
            last += len(suffix) + 2
    return "".join([*out, ")"])
