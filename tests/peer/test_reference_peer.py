"""The examples of the reference print the same under PyTorch, but for the differences that are named here."""

from __future__ import annotations

import builtins
import contextlib
import doctest
import inspect
import io
import warnings
from importlib import import_module
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tools import reference  # noqa: E402

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
CHECKER = doctest.OutputChecker()

# What differs, and why, by the name under which the example stands.
DIFFERENT = {
    "wengert.autograd.profiler.profile": "PyTorch names the operations that its own are made of",
    "wengert.autograd.profiler.record_function": "PyTorch names the operations that its own are made of",
    "wengert.cuda.device": "PyTorch's asks CUDA for its device",
    "wengert.export.ExportedProgram": "there are no exported programs here, and it says so",
    "wengert.fx.CodeGen": "the methods of the writer are our own",
    "wengert.jit.Attribute": "PyTorch's is a pair, which its compiler takes apart",
    "wengert.jit.interface": "PyTorch compiles it, and wants its source",
    "wengert.jit.load": "there is no TorchScript here",
    "wengert.jit.save": "there is no TorchScript here",
    "wengert.jit.script_method": "PyTorch compiles it, and wants its source",
    "wengert.profiler.kineto_available": "there is no Kineto here",
    "wengert.utils.benchmark.Measurement": "PyTorch's wants what was measured as an object of its own",
    "wengert.compiler.load_compiled_function": "PyTorch's takes an open file alone",
    "wengert.nn.functional.grouped_mm": "PyTorch's kernel wants rows of 16 bytes",
    "wengert.serialization.get_unsafe_globals_in_checkpoint": "PyTorch's reads on from the file's end",
    "wengert.serialization.storage_to_tensor_type": "PyTorch's takes an inner kind of storage",
    "wengert.xpu.device": "PyTorch's asks for a device",
    "wengert.Tensor.pin_memory": "PyTorch raises where there is no accelerator",
    "wengert.Tensor.storage_type": "there is one class of storages here",
    "wengert.autograd.detect_anomaly": "a NaN is reported here where it is made, on the way forward",
    "wengert.autograd.kineto_available": "there is no Kineto here",
    "wengert.compile": "what a compiled function looks like",
    "wengert.overrides.enable_reentrant_dispatch": "there is no __torch_dispatch__ here",
    "wengert.saddmm": "PyTorch's asserts that its first operand is sparse too",
    "wengert.sparse.as_sparse_gradcheck": "gradcheck itself takes sparse tensors here",
    "wengert.testing.make_tensor": "PyTorch's has no default device",
}


APART = ("wengert.distributed", "wengert.nn.parallel", "wengert.multiprocessing", "wengert.hub", "wengert.onnx")
"""What is not compared: PyTorch's starts processes, opens connections, or wants packages of its own."""


def cases() -> list[tuple[str, str]]:
    """Each example by its name, with the docstring."""
    shown = reference.homes()
    return [(f"{page}.{name}", inspect.getdoc(value) or "") for page in reference.PAGES if not page.startswith(APART)
            for name, value in reference.members(page)
            if shown[id(value)] == f"{page}.{name}" and reference.example(value)]


def there(name: str) -> bool:
    """Whether PyTorch has the name."""
    value: Any = torch
    for part in name.split(".")[1:]:
        value = getattr(value, part, None)
    return value is not None


def run(example: doctest.Example, names: dict[str, Any]) -> str | Exception:
    """What the example prints under PyTorch, or the error that it raises."""
    said = io.StringIO()
    source = example.source.replace("import wengert as torch", "import torch").replace("wengert", "torch")
    with contextlib.redirect_stdout(said):
        try:
            exec(compile(source, "<example>", "single"), names)
        except Exception as error:
            return error
    return said.getvalue()


def same(example: doctest.Example, got: str | Exception) -> bool:
    """Whether an example came out alike: what is printed, or an error that ``except`` clauses take for PyTorch's."""
    if example.exc_msg is None:
        return not isinstance(got, Exception) and CHECKER.check_output(example.want, got, FLAGS)
    place, _, kind = example.exc_msg.partition(":")[0].rpartition(".")
    ours = getattr(import_module(place) if place else builtins, kind)
    theirs = next((base for base in type(got).__mro__ if base.__module__ == "builtins"), object)
    return isinstance(got, Exception) and issubclass(ours, theirs)


def differing(name: str, text: str) -> list[str]:
    """The statements of an example that do something else under PyTorch."""
    names = {"torch": torch, "wengert": torch, "nn": torch.nn, "F": torch.nn.functional, "np": np,
             "__name__": "__main__"}
    wrong = []
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        for example in doctest.DocTestParser().get_examples(text, name):
            got = run(example, names)
            if not same(example, got):
                wrong.append(f"{example.source.strip()} -> {str(got).strip()[:200]}")
    return wrong


def test_the_examples_print_what_pytorch_prints(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for page in reference.PAGES:  # what wengert loads when it is first asked for
        with contextlib.suppress(ImportError):
            import_module(page.replace("wengert", "torch"))
    monkeypatch.chdir(tmp_path)
    threads, found = torch.get_num_threads(), {}
    torch.set_num_threads(1)
    try:
        for name, text in cases():
            if there(name) and (wrong := differing(name, text)):
                found[name] = wrong
    finally:
        torch.set_num_threads(threads)
    assert {name: wrong for name, wrong in found.items() if name not in DIFFERENT} == {}
    assert sorted(found) == sorted(DIFFERENT)  # what is named as different is


def test_most_examples_are_compared() -> None:
    assert sum(there(name) for name, _ in cases()) > 1270
