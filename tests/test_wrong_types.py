"""Every optimiser, schedule, sampler, loader, transform, initialiser and tool of ``nn.utils`` given something of the
wrong type in the place of each of its arguments in turn: an error in our words, of PyTorch's sorts, or none."""

from __future__ import annotations

import dis
import importlib
import inspect
import re
import warnings
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

import wengert as torch
from tests.fuzz.calls import NAMES
from tests.fuzz.class_patterns import CLASS_PATTERNS
from wengert.core.errors import INSIDE, OutOfRangeError, in_words

WRONG = ("b'x'", "None", "'x'", "object()", "nan", "2**64", "-1", "()")
ALLOWED = (TypeError, ValueError, RuntimeError, IndexError, KeyError, AssertionError, NotImplementedError,
           OverflowError, AttributeError)
FACES = ("optim", "optim.lr_scheduler", "optim.swa_utils", "nn.utils", "nn.utils.rnn", "nn.utils.prune",
         "nn.utils.parametrize", "nn.utils.parametrizations", "nn.init", "vision.transforms",
         "vision.transforms.functional", "utils.data")
KINDS = ("optim", "scheduler", "data", "utils", "init", "T", "TF")
SLOT = re.compile(r"\{((?:[^{}])*)\}")
HOME = str(Path(torch.__file__).parent)
HOMES = tuple(f"{HOME}/{place}" for place in ("optim/", "nn/utils/", "nn/init.py", "vision/transforms/", "utils/data/"))

BASES = {"Optimizer", "LRScheduler", "_LRScheduler", "Dataset", "IterableDataset", "Sampler", "BasePruningMethod",
         "PruningContainer", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured", "RandomStructured",
         "RandomUnstructured", "ParametrizationList", "PackedSequence", "DFIterDataPipe", "IterDataPipe", "MapDataPipe"}
"""What is made by subclasses, or by the functions that are called here."""

ALIASES = {"constant", "dirac", "eye", "kaiming_normal", "kaiming_uniform", "normal", "orthogonal", "sparse", "uniform",
           "xavier_normal", "xavier_uniform"}
"""Old names of initialisers, without the underscore."""

WITHOUT_ARGUMENTS = {"get_worker_info", "cached"}


def texts(name: str) -> Iterator[str]:
    for pattern in CLASS_PATTERNS[name]:
        slots = SLOT.findall(pattern)
        for place, right in enumerate(slots):
            if right.startswith("t("):
                continue  # what is done with tensors is fuzzed, and refused by the operations
            for wrong in WRONG:
                number = iter(range(len(slots)))
                yield SLOT.sub(lambda slot: wrong if next(number) == place else slot[1], pattern)  # noqa: B023


def is_wrong(error: Exception) -> bool:
    """Whether nobody in wengert raised an error, which came out of Python, numpy or the standard library there; or
    somebody did, but not of an allowed class."""
    trace: TracebackType | None = error.__traceback__
    asked, raised, here = "", False, False
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename.startswith(HOME) or "/tests/" in code.co_filename or code.co_filename == "<string>":
            asked = code.co_filename
            here |= code.co_filename.startswith(HOMES)
            raised = code.co_code[trace.tb_lasti] == dis.opmap["RAISE_VARARGS"]
        else:
            raised = False
        trace = trace.tb_next
    return here and asked.startswith(HOME) and not (raised and isinstance(error, ALLOWED))


@pytest.mark.parametrize("name", [name for name in CLASS_PATTERNS if name.partition(".")[0] in KINDS])
def test_what_is_of_the_wrong_type_is_refused_in_words(name: str) -> None:
    wrong = []
    for text in texts(name):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                eval(text, dict(NAMES))
            except Exception as error:
                if is_wrong(error):
                    wrong.append(f"{text}: {type(error).__name__}: {error}")
    assert not wrong, "\n".join(wrong)


def test_every_public_name_is_called_above() -> None:
    called = " ".join(text for name, texts in CLASS_PATTERNS.items() for text in texts
                      if name.partition(".")[0] in KINDS)
    missing = []
    for face in FACES:
        module = importlib.import_module(f"wengert.{face}")
        for name in dir(module):
            value = getattr(module, name)
            home = getattr(value, "__module__", "")
            if name.startswith("_") or not callable(value) or not home.startswith(f"wengert.{face}"):
                continue
            if inspect.isclass(value) and issubclass(value, (Enum, Exception)):
                continue
            if name not in BASES | ALIASES | WITHOUT_ARGUMENTS and not re.search(rf"\b{name}\b", called):
                missing.append(f"{face}.{name}")
    assert missing == []


def test_the_argument_that_is_of_the_wrong_type_is_named() -> None:
    weights = [torch.ones(2, requires_grad=True)]
    optimizer = torch.optim.SGD(weights, lr=0.1)
    for wrong, words in (
        (lambda: torch.optim.SGD(weights, lr=b"x"), r"^\[SGD\] float or Tensor was expected as lr; got b'x' of type"),
        (lambda: torch.optim.lr_scheduler.StepLR(optimizer, b"x"), r"^\[StepLR\] int was expected as step_size; got"),
        (lambda: torch.optim.lr_scheduler.CyclicLR(optimizer, 0.1, 0.9, step_size_down=b"x"),
         r"^\[CyclicLR\] int or None was expected as step_size_down"),
        (lambda: torch.nn.utils.clip_grad_norm_(weights, b"x"),
         r"^\[clip_grads_with_norm_\] float was expected as max_norm"),
        (lambda: torch.nn.utils.remove_weight_norm(weights[0]),
         r"^\[remove_weight_norm\] Module was expected as module; got tensor"),
        (lambda: torch.optim.Adam(weights, betas=(0.9,)), r"^\[Adam\] tuple\[float, float\] was expected as betas"),
    ):
        weights[0].grad = torch.ones(2)
        with pytest.raises(TypeError, match=words):
            wrong()


def test_errors_of_the_programs_own_code_pass_through() -> None:
    class Mine(torch.optim.Optimizer):
        def __init__(self, params: Any) -> None:
            super().__init__(params, {})
            self.rate = 1 / 0

    with pytest.raises(ZeroDivisionError, match="^division by zero$"):
        Mine([torch.ones(2, requires_grad=True)])

    def rows() -> Iterator[int]:
        yield int("no number")

    with pytest.raises(ValueError, match="^invalid literal"):
        torch.optim.SGD(rows(), lr=0.1)
    with pytest.raises(TypeError, match=r"missing 1 required positional argument: 'max_norm'$"):
        torch.nn.utils.clip_grad_norm_([])

    @in_words
    def pick(places: list[int], place: int) -> int:
        return places[place]

    with pytest.raises(IndexError, match="^list index out of range$"):
        pick([1], 3)  # this file is no part of wengert


def test_what_comes_from_inside_has_the_right_class() -> None:
    home = {"__name__": "wengert.made_here"}
    for code, kind in (("def f(x): return [1][x]", OutOfRangeError), ("def f(x): return {}[x]", KeyError),
                       ("def f(x): return x.missing", TypeError), ("def f(x): return 1 / (x - 3)", ValueError),
                       ("import struct\ndef f(x): return struct.pack('B', 2**9)", ValueError)):
        space = dict(home)
        exec(code, space)
        said = r"^.?\[f\] (arguments that fit together were|a dictionary with the key 3 was) expected; "
        with pytest.raises(kind, match=said) as caught:
            in_words(space["f"])(3)
        assert isinstance(caught.value.__cause__, INSIDE)
