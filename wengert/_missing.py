"""What to say when a name of PyTorch's is asked for that wengert does not have, or a device that is not there."""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

Answer = TypeVar("Answer")

SOUGHT = ("nn", "optim", "nn.functional", "autograd", "utils.data", "func", "linalg", "vision")
"""The modules of this package in which a name that the package itself lacks is looked for, the likeliest first."""

BASES = ("Tensor", "Module", "Optimizer")
"""Classes that many others derive from: what they lack, those lack too."""


ELSEWHERE = {
    "Dense": "Linear", "BatchNormalization": "BatchNorm2d", "MaxPooling2D": "MaxPool2d", "expand_dims": "unsqueeze",
    "astype": "to", "cast": "to", "copy": "clone", "array": "tensor", "to_numpy": "numpy", "set_seed": "manual_seed",
    "random_seed": "manual_seed", "seed_all": "manual_seed", "reduce_mean": "mean", "reduce_sum": "sum",
    "uniform": "rand", "random_normal": "randn", "dot_product": "dot", "stop_gradient": "detach", "length": "numel",
    "concatenation": "cat", "dimension": "dim", "power": "pow",
}
"""What other libraries call a thing, and people who remember it half."""


def nearest(name: str, known: Iterable[str], cutoff: float = 0.75) -> str:
    """The public name that was meant: the same but for capitals and underscores, what other libraries call so, or the
    most alike; "" where none is."""
    folded: dict[str, str] = {}
    for each in known:
        if not each.startswith("_"):
            folded.setdefault(_folded(each), each)
    other = ELSEWHERE.get(name, "")
    if other and folded.get(_folded(other)) == other:
        return other
    near = difflib.get_close_matches(_folded(name), folded, n=1, cutoff=cutoff)
    return folded[near[0]] if near else ""


def _folded(name: str) -> str:
    return name.replace("_", "").lower() or name


class MissingError(AttributeError):
    """A name that is not there. The text is built when it is read, so that ``hasattr`` stays fast."""

    def __init__(self, owner: str, name: str, known: Callable[[], Iterable[str]], plain: str) -> None:
        super().__init__(name)
        self._owner, self._known, self._plain = owner, known, plain
        self.name: str = name

    def __str__(self) -> str:
        if self.name.startswith("__"):
            return self._plain
        return f"{self._plain}: {explain(self._owner, self.name, self._known())}"


def explain(owner: str, name: str, known: Iterable[str]) -> str:
    """The message for a missing attribute: that it is not in wengert yet, or not in PyTorch either; and the place where
    this very name is, or the nearest name that is there."""
    near = nearest(name, known)
    if is_of_pytorch(owner, name):
        return f"{owner}.{name} is not in wengert yet" + (f"; the nearest thing is {owner}.{near}" if near else "")
    meant = _elsewhere(owner, name) or (f"{owner}.{near}" if near else "")
    return f"{owner}.{name} is not a name of PyTorch's" + (f"; did you mean {meant}?" if meant else "")


def _elsewhere(owner: str, name: str) -> str:
    """The full name under which one of the modules that people take from has the name."""
    homes = [f"{owner}.{home}" for home in SOUGHT] if owner == "wengert" else []
    return next((f"{home}.{name}" for home in homes if name in dir(importlib.import_module(home))), "")


def is_of_pytorch(owner: str, name: str) -> bool:
    """Whether PyTorch has a name that wengert lacks, as far as its public names tell: what is private, and what
    belongs to an owner of which they say nothing, may be."""
    from ._absent import ABSENT, INSIDE, WHOLE

    owner = re.sub(r"^wengert(\.vision)?(?=\.|$)", lambda found: "torchvision" if found[1] else "torch", owner)
    if name.startswith("_") or not (owner in ABSENT or owner in WHOLE.split()):
        return True
    if f"{owner}.{name}" in INSIDE.split():  # there under `import torch` alone
        return True
    return any(name in ABSENT[each].split() for each in (owner, *BASES) if each in ABSENT)


def answers(value: Answer, doc: str) -> Callable[..., Answer]:
    """A function of PyTorch's that has one answer here, ``value``, whatever it is asked."""

    def answer(*args: Any, **options: Any) -> Answer:
        return value

    answer.__doc__ = doc
    return answer


def absent(error: type[Exception], message: str) -> Callable[..., Any]:
    """A function of PyTorch's that needs what is not there: it raises ``error``."""

    def refuse(*args: Any, **options: Any) -> Any:
        raise error(message)

    refuse.__doc__ = f"Raises {error.__name__}."
    return refuse
