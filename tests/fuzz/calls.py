"""Calls of every public function with sizes, dimensions, indices and tensors of all sorts, most of them nonsense.

A call returns or raises an error of a documented sort, soon and within its memory. It never crashes or hangs, and no
error of numpy's or Python's own comes out of the inside. Two more targets make such calls with every block of memory
against a page that cannot be read (`guard.c`), and small sizes from which generated code takes over.

A call is a piece of Python text, so that a report shows it whole and it can be run again by hand. It is made of a
pattern with slots; what stands in the slots first is valid (`patterns.py` for functions whose arguments depend on each
other, else what the parameters' names say), and then one or two slots get something hostile.
"""

from __future__ import annotations

import dis
import faulthandler
import gc
import inspect
import random
import re
import resource
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

import wengert as torch
from wengert import nn
from wengert.vision import transforms

from . import guard
from .class_patterns import CLASS_PATTERNS
from .patterns import PATTERNS
from .target import Fault, Target
from .words import values, words

F, linalg, fft, special = nn.functional, torch.linalg, torch.fft, torch.special

# --- what the texts of calls are made of ------------------------------------------------------------------------------


def t(*shape: int, dtype: str = "float32", form: str = "plain", fill: Any = None, grad: bool = False) -> Any:
    """A tensor of numbers without pattern (integers 0, 1 and 2), or of ``fill``, that lies in memory as ``form``
    says."""
    kind = getattr(torch, dtype)
    lay = {"transposed": shape[::-1], "stepped": tuple(2 * n for n in shape), "offset": (*shape[:-1], shape[-1] + 3)
           if shape else shape, "expanded": tuple(1 for _ in shape)}.get(form, shape)
    x = torch.tensor(values(lay, kind, fill)).to(kind)
    if form == "transposed":
        x = x.permute(*range(len(shape))[::-1])
    elif form == "stepped":
        x = x[tuple(slice(None, None, 2) for _ in shape)]
    elif form == "offset" and shape:
        x = x[..., 3:]
    elif form == "expanded":
        x = x.expand(*shape)
    return x.requires_grad_() if grad and (kind.is_floating_point or kind.is_complex) else x


def back(result: Any) -> Any:
    """Runs backward through whatever of a result can be differentiated."""
    parts = [x for x in (result if isinstance(result, (tuple, list)) else (result,)) if isinstance(x, torch.Tensor)]
    for x in parts:
        if x.requires_grad:
            total = (x.abs() if x.is_complex() else x).sum()
            total.backward(retain_graph=True)
    return result


def step(kind: str, x: Any, **options: Any) -> Any:
    """One step of an optimiser on a leaf of the values of ``x``, and a view into it."""
    whole = x.detach().clone().requires_grad_()
    part = x.detach().requires_grad_()
    (whole.sum() + (part * part).sum()).backward()
    optimizer = getattr(torch.optim, kind)([whole, part], **options)
    for _ in range(2):
        optimizer.step(*([lambda: (whole * whole).sum()] if kind == "LBFGS" else []))
    return whole


def use(made: Any, size: Any = (), value: Any = None) -> Any:
    """All that a distribution tells, of ``value`` or of what it draws."""
    drawn = made.sample(size)
    value = drawn if value is None else value
    for tell in (lambda: made.rsample(size), lambda: made.log_prob(value), made.entropy, lambda: made.cdf(value),
                 lambda: made.icdf(value), lambda: made.mean, lambda: made.variance, lambda: made.mode,
                 lambda: made.expand((2, *made.batch_shape)), made.enumerate_support, lambda: repr(made)):
        try:
            tell()
        except NotImplementedError:
            pass  # not every distribution has all
    return drawn


def turn(transform: Any, x: Any) -> Any:
    """There and back by a transform, and the logarithm of its determinant."""
    y = transform(x)
    try:
        transform.log_abs_det_jacobian(transform.inv(y), y)
        transform.inverse_shape(transform.forward_shape(x.shape))
    except NotImplementedError:
        pass
    return y


NAMES: dict[str, Any] = {**words(torch), "t": t, "back": back, "step": step, "use": use, "turn": turn,
                         "T": transforms, "TF": transforms.functional}

# --- all other functions: arguments by the parameters' names ----------------------------------------------------------

SHAPES = ("3", "3, 3", "4, 4", "2, 3", "2, 3, 4", "2, 4, 6, 6", "1, 2, 3, 4, 5", "", "6", "4, 3, 3", "129, 128")
INTEGRAL = "dtype='int64'"
BY_NAME: dict[str, tuple[str, ...]] = {
    "dim": ("0", "-1", "1", "(0, 1)"), "dims": ("(0, 1)", "(1, 0)", "0"), "dim0": ("0",), "dim1": ("1", "0"),
    "dim2": ("-1",), "axis0": ("0",), "axis1": ("1",), "start_dim": ("0",), "end_dim": ("-1",), "dimension": ("0",),
    "source": ("0", "t(3)", "t(2, 3)"), "destination": ("1", "-1"),
    "kernel_size": ("2", "3"), "stride": ("1", "2"), "padding": ("0", "1"), "dilation": ("1",), "groups": ("1",),
    "output_padding": ("0",), "output_size": ("2", "(2, 3)"), "ceil_mode": ("False", "True"),
    "size": ("(2, 3)", "(6,)", "2"), "sizes": ("(2, 3)",), "shape": ("(2, 3)", "(6,)", "(-1,)"), "s": ("None", "(4,)"),
    "n": ("2", "3", "1"), "k": ("1", "2"), "m": ("3",), "N": ("3",), "r": ("2",), "d": ("1.0",), "steps": ("5",),
    "start": ("0", "1"), "end": ("4", "1"), "step": ("1",), "length": ("2",), "window_length": ("8",),
    "chunks": ("2",), "split_size_or_sections": ("2",), "split_sizes": ("[1, 2]",), "indices_or_sections": ("2", "[1]"),
    "repeats": ("2",), "shifts": ("1", "(1, 2)"), "num_classes": ("4",), "bins": ("5",), "offset": ("0", "1"),
    "diagonal": ("0", "-1"), "decimals": ("2",), "count": ("t(3)",), "num_samples": ("2",), "row": ("3",),
    "col": ("4",), "index": (f"t(2, {INTEGRAL})", "0", f"t(2, 3, {INTEGRAL})"), "indices": (f"t(3, {INTEGRAL})",),
    "mask": ("t(3, 3, dtype='bool')", "t(2, 3, dtype='bool')"), "value": ("1.5", "t(3)"), "values": ("t(3)",),
    "target": ("t(2, 3)", "t(3)", f"t(3, {INTEGRAL})"), "dtype": ("None", "torch.float64", "torch.int64"),
    "p": ("2", "0.5", "1"), "q": ("0.5",), "eps": ("1e-5",), "alpha": ("1", "2"), "beta": ("1",), "ord": ("2", "None"),
    "mode": ("'nearest'", "'reduced'"), "norm": ("None", "'ortho'"), "reduction": ("'mean'", "'none'", "'sum'"),
    "equation": ("'ij,jk->ik'",), "high": ("5",), "low": ("0",), "fill_value": ("2",), "upscale_factor": ("1", "2"),
    "downscale_factor": ("1", "2"), "scale_factor": ("2",), "size_average": ("None",), "reduce": ("None",),
    "num_features": ("3", "2"), "normalized_shape": ("(3,)", "(4,)", "3"), "num_groups": ("1", "2"),
    "in_features": ("3",), "out_features": ("2",), "n_fft": ("4",), "keepdim": ("False", "True"), "bias": ("None",),
    "tensors": ("(t(2, 3), t(2, 3))", "[t(3), t(3)]"), "tensor": ("t(3)", "t(4, 4)"), "weight": ("t(3)", "t(3, 3)"),
    "parameters": ("[t(3, grad=True)]",), "negative_slope": ("0.1",), "exponent": ("2", "t(3)"), "repeat": ("2",),
    "threshold": ("0.5",), "min": ("0.2", "None"), "max": ("0.8", "None"), "lambd": ("0.5",), "margin": ("1.0",),
    "generator": ("None",), "condition": ("t(3, dtype='bool')",), "A": ("t(3, 3)", "t(2, 3, 3)"), "B": ("t(3, 3)",),
    "axis": ("0",), "correction": ("1",), "num_parameters": ("1",), "unflattened_size": ("(2, 3)",),
}
OPTIONAL = ("dim", "keepdim", "dtype", "n", "s", "norm", "stride", "padding", "dilation", "p", "eps", "offset", "dims",
            "diagonal", "alpha", "beta", "k", "reduction", "groups", "output_size", "correction", "largest",
            "descending")

# What changes the process, speaks to the world outside, or takes functions, and is tested elsewhere.
LEFT_OUT = re.compile(
    r"(set_|use_|manual_seed|seed|initial_seed|load|save|compile|capture|vmap|doctor|summary|graph|from_dlpack|"
    r"clear_autocast|get_|is_autocast|autocast_|frombuffer|register_|share_memory|apply_|map_|backward|retain_grad|"
    r"cuda$|"
    r"to_dlpack|from_numpy|numpy$|typename|requires_grad_|has_torch|handle_torch|pin_memory|ipu|xpu|storage|data_ptr|"
    r"untyped_storage|mutate|why|tolist|ndimension|type$|record|unsafe|module_load|boolean_dispatch|assert_|"
    r"multi_head_attention_forward|factory_kwargs|can_cast|promote_types|is_storage|is_tensor|element_size|lstm$|gru$|rnn_)")


@dataclass(frozen=True)
class Function:
    """A function, and how its calls are written: patterns, or its parameters in groups of required and optional."""

    name: str
    patterns: tuple[str, ...]
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    variadic: str = ""
    layer: bool = False


def _public(prefix: str, space: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name in sorted(dir(space)):
        value = getattr(space, name)
        if name.startswith("_") or LEFT_OUT.match(name) or not callable(value) or inspect.ismodule(value):
            continue
        if inspect.isclass(value) and not (prefix == "nn" and issubclass(value, nn.Module)):
            continue
        yield f"{prefix}.{name}", value


_NO_FORWARD = ("Module", "ModuleDict", "ModuleList", "Sequential", "Container", "DataParallel", "RNNBase",
               "RNNCellBase", "ParameterDict", "ParameterList", "TransformerEncoder", "TransformerDecoder",
               "TransformerDecoderLayer", "Transformer", "LinearCrossEntropyLoss", "TripletMarginWithDistanceLoss")


def catalogue() -> list[Function]:
    """Every public function once, under its first name."""
    seen: set[int] = set()
    found = [Function(name, tuple(patterns)) for name, patterns in PATTERNS.items()]
    named = {name.split(".", 1)[1] for name in PATTERNS if not name.startswith("nn.")}
    spaces = (("torch", torch), ("F", F), ("linalg", linalg), ("fft", fft), ("special", special), ("nn", nn),
              ("rnn", nn.utils.rnn), ("torch.Tensor", torch.Tensor))
    for prefix, space in spaces:
        for name, value in _public(prefix, space):
            short = name.split(".")[-1]
            if id(value) in seen or name in PATTERNS or short in _NO_FORWARD or (prefix != "nn" and short in named):
                continue
            seen.add(id(value))
            found.append(_function(name, value))
    return found


def _function(name: str, value: Any) -> Function:
    layer = inspect.isclass(value)
    required, optional, variadic = [], [], ""
    for p in inspect.signature(value).parameters.values():
        if p.kind is p.VAR_POSITIONAL:
            variadic = p.name
        elif p.kind is p.VAR_KEYWORD or p.name.startswith("_") and p.default is not p.empty:
            continue
        elif p.default is p.empty:
            required.append(p.name)
        elif p.name in OPTIONAL:
            optional.append(p.name)
    return Function(name, (), tuple(required), tuple(optional), variadic, layer)


def _valid(name: str, shape: str, rng: random.Random) -> str:
    """An argument that a parameter of this name may well take."""
    if name in BY_NAME and rng.random() < 0.9:
        return rng.choice(BY_NAME[name])
    if rng.random() < 0.15:
        shape = rng.choice(SHAPES)
    return f"t({shape})" if rng.random() < 0.85 else f"t({shape}{', ' if shape else ''}{INTEGRAL})"


def _pattern_of(function: Function, rng: random.Random) -> str:
    """A pattern for a function that has none."""
    shape = rng.choice(SHAPES)
    slots = [f"{{{_valid(name, shape, rng)}}}" for name in function.required]
    if function.variadic:
        by_name = {"tensors": "t(2, 3)", "matrices": "t(3, 3)", "shapes": "(2, 3)"}
        sizes = by_name.get(function.variadic, rng.choice(("1", "0", "2", "t(3)")))
        slots += [f"{{{sizes}}}" for _ in range(rng.choice((1, 1, 2)))]
    slots += [f"{name}={{{_valid(name, shape, rng)}}}" for name in function.optional if rng.random() < 0.4]
    text = f"{function.name}({', '.join(slots)})"
    if function.layer:
        count = 2 if "Loss" in function.name or "Similarity" in function.name or "Distance" in function.name else 1
        text += f"({', '.join([f'{{t({shape})}}'] * count)})"
    return text


# --- what is hostile --------------------------------------------------------------------------------------------------

INTEGERS = ("0", "-1", "-2", "1", "3", "7", "17", "255", "4097", "2**15 + 1", "2**31 - 1", "2**31", "2**32 + 1",
            "2**40", "2**62", "2**63 - 1", "-2**31", "-2**40", "-2**62", "-2**63", "2**64", "True", "1.5")
REALS = ("0.0", "-1.0", "1e-30", "1e30", "-1e12 - 0.5", "inf", "-inf", "nan", "0", "-1", "2**62", "1e308")
OTHERS = ("None", "'x'", "()", "[]", "torch.bool", "object()", "t(3)", "(1, 2, 3, 4, 5, 6)", "(-1, 0)", "[2**62]",
          "(2**40, 2**40)", "(0, 0)", "slice(None)", "...", "b'x'", "1j")
DTYPES = ("float64", "int64", "int32", "uint8", "int8", "bool", "float16", "bfloat16", "complex64", "complex128")
FORMS = ("transposed", "stepped", "offset", "expanded")
FILLS = ("-1", "0", "2**31", "2**40", "-2**62", "nan", "inf", "-inf", "1e30", "127", "5")
DIMS = (0, 0, 1, 2, 3, 5, 17, 64, 129)
_SLOT = re.compile(r"\{((?:[^{}])*)\}")
_TENSOR = re.compile(r"t\(([\d, ]*)((?:, )?(?:dtype|fill|form).*)?\)$")


def _hostile(text: str, rng: random.Random) -> str:
    """What stands in the place of ``text`` in a slot."""
    tensor = _TENSOR.match(text)
    if tensor:
        return _hostile_tensor(tensor, rng) if rng.random() < 0.93 else rng.choice(OTHERS + INTEGERS)
    if rng.random() < 0.08:
        return rng.choice(OTHERS)
    if re.fullmatch(r"-?\d+", text):
        return rng.choice(INTEGERS) if rng.random() < 0.85 else f"({rng.choice(INTEGERS)}, {rng.choice(INTEGERS)})"
    if re.fullmatch(r"-?[\d.e-]+", text):
        return rng.choice(REALS)
    if text.startswith(("(", "[")):
        numbers = re.sub(r"-?\d+", lambda m: rng.choice(INTEGERS) if rng.random() < 0.6 else m[0], text)
        return numbers if rng.random() < 0.8 else rng.choice(OTHERS)
    return rng.choice(OTHERS + INTEGERS + ("t(0)", "t(2, 3)", "'nearest'", "True", "False"))


def _hostile_tensor(tensor: re.Match[str], rng: random.Random) -> str:
    shape = [int(n) for n in tensor[1].replace(" ", "").split(",") if n]
    rest = dict(re.findall(r"(\w+)=([^,]+)", tensor[2] or ""))
    for _ in range(rng.choice((1, 1, 2))):
        choice = rng.randrange(6)
        if choice == 0 and shape:
            shape[rng.randrange(len(shape))] = rng.choice(DIMS)
        elif choice == 1:
            shape = shape[1:] if shape and rng.random() < 0.5 else [*shape, rng.choice((1, 2, 0))]
        elif choice == 2:
            rest["dtype"] = repr(rng.choice(DTYPES))
        elif choice == 3:
            rest["form"] = repr(rng.choice(FORMS))
        elif choice == 4:
            rest["fill"] = rng.choice(FILLS)
        elif shape:
            shape = [0] * len(shape) if rng.random() < 0.3 else [rng.choice(DIMS[:6]) for _ in shape]
    if rest.get("dtype", "").strip("'") in ("int64", "int32", "uint8", "int8", "bool") and \
            rest.get("fill") in ("nan", "inf", "-inf", "1e30"):
        rest["fill"] = "2**40" if rest["dtype"] == "'int64'" else "100"
    parts = [str(n) for n in shape] + [f"{name}={value}" for name, value in rest.items()]
    return f"t({', '.join(parts)})"


@cache
def _functions() -> list[Function]:
    return catalogue()


@cache
def _classes() -> list[Function]:
    return [Function(name, tuple(patterns)) for name, patterns in CLASS_PATTERNS.items()]


def call(rng: random.Random, functions: Callable[[], list[Function]] = _functions) -> str:
    """The text of a call."""
    function = rng.choice(functions())
    pattern = rng.choice(function.patterns) if function.patterns else _pattern_of(function, rng)
    slots = _SLOT.findall(pattern)
    changed: set[int] = set()
    if slots and rng.random() < (0.95 if function.patterns else 0.6):
        changed = {rng.randrange(len(slots)) for _ in range(rng.choice((1, 1, 1, 2)))}
    number, grad = iter(range(len(slots))), rng.random() < 0.4

    def fill(slot: re.Match[str]) -> str:
        text = _hostile(slot[1], rng) if next(number) in changed else slot[1]
        return text[:-1] + (", grad=True)" if text != "t()" else "grad=True)") if grad and _TENSOR.match(text) else text

    text = _SLOT.sub(fill, pattern)
    return f"back({text})" if grad else text


# --- how a call is judged ---------------------------------------------------------------------------------------------

SECONDS = 15.0
"""Processor time that a call may take."""

MEMORY = 2**30 * 3 // 2
"""Bytes that a call may take beyond what the process has."""

DOCUMENTED = (TypeError, ValueError, RuntimeError, IndexError, NotImplementedError, AssertionError, OverflowError,
              KeyError)
"""The sorts of errors that PyTorch raises, and wengert's are all of: OverflowError for integers beyond 64 bits,
KeyError for settings that a group lacks."""

_NO_TENSOR = re.compile(r"'(?!Tensor|ndarray)[\w.]+' object has no attribute|\[\w+\] a tensor was expected")
_SMALL = {"LARGE": 64, "LARGE_IF_CHEAP": 64, "LARGE_PRODUCT": 512, "_LARGE": 100}


@cache
def _limit(guarded: bool) -> None:
    """Limits this process as long as it lives; a call that computes for too long ends it."""
    warnings.simplefilter("ignore")
    faulthandler.enable()
    faulthandler.register(signal.SIGPROF, all_threads=False, chain=True)
    if guarded:
        _use_kernels_for_small_arrays()
    for kind in "fdFD":  # OpenBLAS crashes where it cannot have the memory that it keeps: it has it before the limit
        _ = np.ones((300, 300), kind) @ np.ones((300, 300), kind)
    limit = _taken() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    if guarded:
        guard.start()


def _taken() -> int:
    """Bytes of address space that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _use_kernels_for_small_arrays() -> None:
    """Lets generated code take over from a few elements on: it reads where the arrays of cheap calls end."""
    for name in ("blas", "convolution", "kernels", "normalization", "recurrent", "softmax", "updates"):
        import_module(f"wengert.compiler.{name}")
    for module in [module for name, module in sys.modules.items() if name.startswith("wengert.")]:
        for name, size in _SMALL.items():
            if isinstance(getattr(module, name, None), int):
                setattr(module, name, size)


def _run(text: str, guarded: bool) -> str:
    """What came of a call, in a word. Raises `Fault` where that is no documented error."""
    _limit(guarded)
    print("call:", text, file=sys.stderr, flush=True)  # to be read where it is the last
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        eval(text, dict(NAMES))
    except Exception as error:
        wrong = _wrong(error)
        if wrong:
            raise Fault(f"{text}: {wrong}") from error
        return type(error).__name__
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        if resource.getrlimit(resource.RLIMIT_AS)[0] - _taken() < MEMORY // 2:
            gc.collect()  # what this call left in circles is not the next one's
    return "returned"


def _wrong(error: Exception) -> str:
    """What is wrong with an error: its class, or that nobody raised it, but it came from inside."""
    trace = error.__traceback__
    assert trace is not None
    codes = [trace.tb_frame.f_code]
    while trace.tb_next is not None:
        trace = trace.tb_next
        codes.append(trace.tb_frame.f_code)
    code = codes[-1]
    if code.co_filename in ("<string>", __file__, words.__code__.co_filename) or t.__code__ in codes:
        return ""  # the text itself is at fault, such as a tensor that cannot be made
    if isinstance(error, AttributeError) and _NO_TENSOR.match(str(error)):
        return ""  # as in PyTorch, where something that is no tensor stands in the place of one
    where = traceback.extract_tb(trace)[-1]
    said = f"{type(error).__name__} at {where.filename}:{where.lineno} {where.line}: {str(error)[:100]}"
    if not isinstance(error, DOCUMENTED):
        return said
    raised = code.co_code[trace.tb_lasti] == dis.opmap["RAISE_VARARGS"] and "/numpy/" not in code.co_filename
    fitting = raised or isinstance(error, TypeError) or type(error) is RuntimeError
    return "" if fitting else f"it came from inside: {said}"


def _target(guarded: str, functions: Callable[[], list[Function]] = _functions) -> Target:
    start, missing = guarded == "start", guard.missing() if guarded else ""
    return Target(make=lambda chance: call(chance, functions), run=lambda text: _run(text, bool(guarded)), refusals=(),
                  memory=None, watched=False, seconds=SECONDS, missing=missing, quick=100 if guarded else 200,
                  environment=lambda: guard.environment(start) if guarded else {})


TARGETS: dict[str, Callable[[], Target]] = {
    "calls": lambda: _target(""),
    "classes": lambda: _target("", _classes),
    "classes-guarded": lambda: _target("end", _classes),
    "calls-guarded": lambda: _target("end"),
    "calls-guarded-start": lambda: _target("start"),
}
