"""Texts that are read again: graphs of the viewer as JSON, graphs of instructions, states of generators; and objects
that `save` accepts, which `load` has to give back."""

from __future__ import annotations

import io
import json
import math
import random
import xml.etree.ElementTree as ElementTree
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

import wengert as torch
from wengert.ir.graph import GraphError, format_graph
from wengert.ir.interpreter import Interpreter
from wengert.ir.parser import parse_graph
from wengert.ir.verifier import verify
from wengert.view.graph import Graph

from .damage import VALUES, altered, damaged
from .target import Fault, Target

# --- the viewer's graphs ----------------------------------------------------------------------------------------------


def graph_json() -> Target:
    x = torch.arange(4.0).requires_grad_()
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh())
    text = torch.graph(model(x).sum()).to_json()
    table = json.loads(text)
    words = ("shape", "value", "partial", "calls", "module", "name", "operation", "kind")

    def make(chance: random.Random) -> str:
        if chance.random() < 0.3:
            return damaged(text.encode(), chance).decode("utf-8", "surrogateescape")
        return json.dumps(altered(table, chance, words))

    def run(case: str) -> str:
        graph = Graph.from_json(case)
        picture = graph.svg()
        ElementTree.fromstring(picture.encode())
        graph.html().encode()
        graph.to_json().encode()
        return "drawn"

    return Target(make=make, run=run, refusals=(ValueError,), samples=[text], memory=60_000_000, per_byte=2000,
                  seconds=20.0, may=("open", "os."), quick=60)


# --- graphs of instructions -------------------------------------------------------------------------------------------

BY_HAND = """graph views(%0: float32[3,4])
  const %c: int64[2] = [1, 0]
  %1: float32[2,3] = as_strided(%0, size=(2, 3), stride=(2, 1), offset=1)
  return %1, %c"""

MOST_ELEMENTS = 100_000


def ir_samples() -> list[str]:
    """Graphs of instructions with each kind of view, as the recorder writes them."""
    x = torch.arange(12.0).view(3, 4)
    calls: list[Callable[[Any], Any]] = [
        lambda x: x[:, :1].expand(3, 5),
        lambda x: x.unfold(1, 2, 1),
        lambda x: x[1:, ::2],
        lambda x: (x @ x.t()).softmax(-1).sum(0),
        lambda x: x.gather(1, torch.zeros(3, 2, dtype=torch.int64)),
        lambda x: torch.nn.functional.pad(x, (1, 2)).flip(0).cumsum(1),
        lambda x: torch.nn.functional.max_pool1d(x[None], 2),
    ]
    return [BY_HAND, *(format_graph(torch.capture(call).record(x).graph) for call in calls)]


def ir_text() -> Target:
    samples = ir_samples()

    def make(chance: random.Random) -> str:
        text = chance.choice(samples)
        numbers = [at for at, each in enumerate(text) if each.isdigit()]
        for _ in range(chance.choice((1, 1, 2, 3))):
            at = chance.choice(numbers)
            other = chance.choice(("0", "-1", "7", "99999", "2147483648", "1152921504606846977", "None", "1.5", "()",
                                   "(1, 2)", "nan", "True", "'x'", "-9223372036854775808"))
            text = text[:at] + other + text[at + 1 :]
        return damaged(text.encode(), chance).decode("utf-8", "replace") if chance.random() < 0.2 else text

    def run(case: str) -> str:
        graph = verify(parse_graph(case))
        specs = [value.spec for value in (*graph.inputs, *graph.states)]
        specs += [result.spec for instr in graph.instrs for result in instr.results]
        if any(math.prod(spec.shape) > MOST_ELEMENTS for spec in specs):
            return "verified"
        arrays = [np.ones(value.spec.shape, value.spec.dtype.numpy) for value in graph.inputs]
        states = [np.ones(value.spec.shape, value.spec.dtype.numpy) for value in graph.states]
        try:
            _, outputs = Interpreter(graph)(arrays, states)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            return f"refused when run: {type(error).__name__}"
        for value, output in zip(graph.outputs, outputs, strict=True):
            if output.shape != value.spec.shape:
                raise Fault(f"{value} came out of shape {output.shape}")
            output.tobytes()  # reads every element
        return "run"

    # The verifier evaluates each line on ones, and so asks for what running it would take.
    return Target(make=make, run=run, refusals=(GraphError,), samples=samples, memory=200_000_000, per_byte=2000,
                  starves=True, may=("open", "os.", "compile"), quick=200)


# --- states of generators ---------------------------------------------------------------------------------------------


def generator_state() -> Target:
    generator = torch.Generator()
    samples = []
    for count in (0, 3, 700):
        torch.rand(count, generator=generator)
        samples.append(bytes(generator.get_state().tolist()))

    def make(chance: random.Random) -> bytes:
        content = chance.choice(samples)
        if chance.random() < 0.7:  # the counters, in front of and behind the words
            at = chance.choice((*range(24), *range(len(content) - 40, len(content))))
            return content[:at] + damaged(content[at : at + 8], chance)[:8].ljust(8, b"\0") + content[at + 8 :]
        return damaged(content, chance)

    def run(case: bytes) -> str:
        fresh = torch.Generator()
        fresh.set_state(torch.tensor(list(case), dtype=torch.uint8))
        drawn = torch.rand(1500, generator=fresh)
        if not bool(((drawn >= 0) & (drawn < 1)).all()):
            raise Fault("it drew numbers outside [0, 1)")
        torch.randn(20, generator=fresh)
        torch.randint(0, 5, (700,), generator=fresh)
        return "taken up"

    return Target(make=make, run=run, refusals=(RuntimeError,), samples=samples, may=("open", "os.", "compile"),
                  quick=150)


# --- there and back ---------------------------------------------------------------------------------------------------


def any_object(chance: random.Random, depth: int = 0) -> Any:
    if depth > 3 or chance.random() < 0.35:
        return any_leaf(chance)
    parts = [any_object(chance, depth + 1) for _ in range(chance.randrange(5))]
    match chance.randrange(7):
        case 0:
            return parts
        case 1:
            return tuple(parts)
        case 2:
            return {any_key(chance): part for part in parts}
        case 3:
            return OrderedDict((any_key(chance), part) for part in parts)
        case 4:
            return {any_key(chance) for _ in parts}
        case 5:
            return Counter(chance.choices("abc", k=5))
        case _:
            return [parts, parts, *parts]


def any_key(chance: random.Random) -> Any:
    return chance.choice(("a", "b.c", "\ud800", "\x00", "", 0, 1, -5, 2**70, 1.5, None, True, b"k", (1, "x"),
                          torch.int8, frozenset((1, 2)), "__metadata__", "tensor", chance.random()))


def any_leaf(chance: random.Random) -> Any:
    kind = chance.choice((torch.float32, torch.int64, torch.bool, torch.complex64, torch.bfloat16, torch.uint8))
    shape = [chance.randrange(4) for _ in range(chance.randrange(4))]
    if chance.random() < 0.5:
        simple = [value for value in VALUES if not isinstance(value, (list, dict))]
        return chance.choice([*simple, b"\xff", torch.float16, torch.Size([2]), 1 + 2j, math.inf])
    made = torch.zeros(shape).add(chance.randrange(2)).to(kind)
    match chance.randrange(6):
        case 0:
            return [made, made.reshape(-1)[1:], made]
        case 1:
            return made.t() if made.dim() == 2 else made[None].expand(3, *made.shape)
        case 2 if kind in (torch.float32, torch.complex64):
            return torch.nn.Parameter(made)
        case 3 if kind is torch.complex64:
            return (torch.view_as_real(made), made.real)
        case _:
            return made


def same(got: Any, want: Any) -> bool:
    if isinstance(want, torch.Tensor):
        return got.dtype == want.dtype and got.shape == want.shape and got.tolist() == want.tolist()
    if type(got) is not type(want):
        return False
    if isinstance(want, dict):
        return list(got) == list(want) and all(same(got[key], want[key]) for key in want)
    if isinstance(want, (list, tuple)):
        return len(got) == len(want) and all(map(same, got, want))
    return bool(got == want)


def round_trip() -> Target:
    def run(case: Any) -> str:
        file = io.BytesIO()
        torch.save(case, file)
        content = file.getvalue()
        if not same(torch.load(io.BytesIO(content)), case):
            raise Fault(f"it came back otherwise: {case!r:.300}")
        return "pickled" if content.startswith(b"PK") else "came back"

    return Target(make=any_object, run=run, refusals=(), samples=[[1]], length=lambda case: 1, may=("open", "os."),
                  quick=200)


TARGETS: dict[str, Callable[[], Target]] = {
    "graph-json": graph_json,
    "ir-text": ir_text,
    "generator-state": generator_state,
    "round-trip": round_trip,
}
