"""Which public names of PyTorch's wengert lacks: ``python -m tools.absent_names`` writes them, with PyTorch installed.

They go into ``wengert/_absent.py``, by which messages tell a name that is missing from a misspelt one, and into
``docs/coming_from_pytorch.md``, between its two marks. A test holds both against PyTorch where that is installed.
"""

from __future__ import annotations

import re
import sys
import textwrap
import warnings
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, NamedTuple

import wengert
from wengert._missing import BASES
from wengert.compat.finder import MissingModuleError, find_module
from wengert.compat.hollow_modules import WORDS

ROOT = Path(__file__).parents[1]
SOURCE, PAGE = ROOT / "wengert" / "_absent.py", ROOT / "docs" / "coming_from_pytorch.md"
START, END = "<!-- absent names: made by python -m tools.absent_names -->", "<!-- the end of absent names -->"

MODULES = """
torch torch.amp torch.autograd torch.autograd.forward_ad torch.autograd.functional torch.autograd.graph
torch.autograd.profiler torch.backends torch.compiler torch.cpu torch.cuda torch.cuda.amp torch.distributed
torch.distributions torch.export torch.fft torch.func torch.futures torch.fx torch.hub torch.jit torch.library
torch.linalg torch.masked torch.mps torch.multiprocessing torch.nested torch.nn torch.nn.attention torch.nn.functional
torch.nn.init torch.nn.parallel torch.nn.utils torch.nn.utils.parametrizations torch.nn.utils.parametrize
torch.nn.utils.prune torch.nn.utils.rnn torch.onnx torch.optim torch.optim.lr_scheduler torch.optim.swa_utils
torch.overrides torch.package torch.profiler torch.quasirandom torch.random torch.serialization torch.signal.windows
torch.sparse torch.special torch.testing torch.types torch.utils torch.utils.benchmark torch.utils.checkpoint
torch.utils.data torch.utils.dlpack torch.utils.hooks torch.xpu
torchvision torchvision.datasets torchvision.io torchvision.models torchvision.ops torchvision.transforms
torchvision.transforms.functional torchvision.transforms.v2 torchvision.transforms.v2.functional torchvision.tv_tensors
torchvision.utils
""".split()
"""The modules whose names are compared; of PyTorch's classes, the members too."""

REASONS = (
    (r"torch\.(cuda|mps|xpu|cpu)(\.|$)|\.(ipu|mtia|xpu|is_(ipu|maia|mtia|vulkan|xla))$|cudnn|miopen|nccl|mps_|tf32",
     "an accelerator's: wengert runs on the processor"),
    (r"quantiz|fbgemm|\.q_|qscheme|int_repr|dequant|\.Q[A-Z]|quint|qint|choose_qparams|observer|\.qat$|fake_quant|fused_moving",
     "there are no quantised tensors"),
    (r"torch\.jit|\.Script|\.[A-Za-z]*Type$|Graph(Executor)?|Block$|CompilationUnit|\.(Argument|Code|Value|Use|Node|Gradient)",
     "TorchScript's: Python runs the program, and `compile` records it"),
    (r"Storage(Base)?$|StorageContext$", "an untyped storage and `TypedStorage` are there, kinds by dtype are not"),
    (r"torch\.distributed|nn\.parallel|DistributedDataParallel", "of several processes"),
    (r"torch\.(export|package|library|nested)(\.|$)", "a part of PyTorch's that wengert does not have"),
    (r"torch\.onnx", "the older exporter's own tools, and operators beside ONNX's"),
    (r"DataPipe|datapipe|determinism|argument_validation|runtime_validation|DataChunk", "deprecated in PyTorch itself"),
    (r"\.(eig|lstsq|solve|symeig|matrix_rank|chain_matmul|volatile|reinforce|resize|resize_as)$",
     "removed from PyTorch, which only says so"),
    (r"mkldnn|mkl|onednn|xnnpack|nnpack|vulkan|opt_einsum", "a library's that wengert does not use"),
    (r"_(copy)$|sparse_bs|ccol_indices|semi_structured", "of sparse layouts other than COO and CSR"),
    (r"Profil|Kineto|itt|ExecutionTrace", "of PyTorch's own profiler"),
    (r"torchvision\.models", "networks of torchvision's that wengert does not have"),
    (r"torchvision\.datasets", "data sets of torchvision's that wengert does not have"),
)
"""What is said of an absent name, by the first pattern that its full name has."""


class Walked(NamedTuple):
    """What the two libraries have in common, by owner: a module, or a class by its own name."""

    counts: dict[str, int]
    absent: dict[str, list[str]]


def main() -> int:
    walked = walk()
    SOURCE.write_text(source(walked), encoding="utf-8")
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(with_table(text, walked), encoding="utf-8")
    return 0


def walk() -> Walked:
    """Compares the names."""
    counts: dict[str, int] = {}
    absent: dict[str, list[str]] = {}
    declare_operators()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that PyTorch is about to drop
        for module in MODULES:
            theirs = import_module(module)
            try:
                ours: Any = find_module(module)
            except MissingModuleError:
                ours = None
            ours = None if getattr(ours, "__doc__", "") == WORDS else ours
            names = sorted(public(theirs))
            counts[module] = len(names)
            absent[module] = [name for name in names if not hasattr(ours, name) and not is_module(f"{module}.{name}")]
            for name in names if module.startswith("torch.") or module == "torch" else ():
                kind, own = getattr(theirs, name, None), getattr(ours, name, None)
                if isinstance(kind, type) and isinstance(own, type) and type(own) is type(own.__base__):
                    members = [each for each in dir(kind) if each[0] != "_"]
                    counts.setdefault(own.__name__, len(members))
                    absent.setdefault(own.__name__, [each for each in members if not hasattr(own, each)])
    inherited = {name for base in BASES for name in absent[base]}
    for owner, names in absent.items():
        if not owner.startswith("torch") and owner not in BASES:
            absent[owner] = [name for name in names if name not in inherited]
    return Walked(counts, absent)


_LIBRARIES: list[Any] = []


def declare_operators() -> None:
    """Lets torchvision's Python be imported where its compiled part cannot: beside a PyTorch for the processor."""
    import torch

    try:
        import_module("torchvision")
    except RuntimeError:
        _LIBRARIES.append(torch.library.Library("torchvision", "FRAGMENT"))
        for name in ("nms", "qnms"):
            _LIBRARIES[0].define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        for half_done in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[half_done]


def is_module(name: str) -> bool:
    """Whether wengert has a module of PyTorch's."""
    try:
        return find_module(name).__doc__ != WORDS
    except (MissingModuleError, AttributeError):
        return False
    except ModuleNotFoundError:
        return True  # one that wants an extra, which it names


def public(module: ModuleType) -> set[str]:
    """The names that a module of PyTorch's offers: those it lists, what it defines itself or takes from C,
    and the modules below it."""
    found = set(getattr(module, "__all__", ()))
    for name, value in vars(module).items():
        home = getattr(value, "__module__", None)
        own = callable(value) if home is None else home.startswith(("torch._C", module.__name__))
        if own and not isinstance(value, ModuleType):
            found.add(name)
    found |= {each.name for each in iter_modules(getattr(module, "__path__", ()))}
    return {name for name in found if not name.startswith("_")}


def source(walked: Walked) -> str:
    """The text of the module with the names."""
    warnings.simplefilter("ignore")  # of names that PyTorch is about to drop
    lines = ['"""The public names of PyTorch\'s that are not there: made by ``python -m tools.absent_names``.', "",
             "A module by its full name in PyTorch, a class by its own name; those of which nothing is absent are in",
             '`WHOLE`, and in `INSIDE` modules and other names that are there under ``import torch`` alone."""', "",
             "ABSENT = {"]
    for owner, names in sorted(walked.absent.items()):
        if names:
            lines.append(f'    "{owner}": """')
            lines += textwrap.wrap(" ".join(names), 118)
            lines.append('""",')
    whole = " ".join(sorted(owner for owner, names in walked.absent.items() if not names))
    inside = " ".join(f"{module}.{name}" for module in MODULES for name in sorted(public(import_module(module)))
                      if (is_module(f"{module}.{name}") and not is_own(f"{module}.{name}")
                          or module == "torch" and name not in walked.absent[module] and not hasattr(wengert, name)))
    return "\n".join([*lines, "}", "", 'WHOLE = """', *textwrap.wrap(whole, 118), '"""', "",
                      'INSIDE = """', *textwrap.wrap(inside, 118), '"""', ""])


def is_own(name: str) -> bool:
    """Whether a module of PyTorch's can be imported as wengert's own, and not under ``import torch`` alone."""
    try:
        return find_spec(name.replace("torchvision", "wengert.vision").replace("torch", "wengert", 1)) is not None
    except ModuleNotFoundError:  # of what it is below
        return False


def with_table(text: str, walked: Walked) -> str:
    """The page with its table made anew."""
    head, _, rest = text.partition(START)
    return "\n".join([head + START, "", *rows(walked), "", END]) + rest.partition(END)[2]


def rows(walked: Walked) -> Iterator[str]:
    """The two tables: how many of a module's names are there, and which are absent and why."""
    yield "| module | names | there |"
    yield "|---|---:|---:|"
    for module in MODULES:
        count = walked.counts[module]
        yield f"| `{module}` | {count} | {count - len(walked.absent[module])} |"
    for owner in BASES:
        count = walked.counts[owner]
        yield f"| members of `{owner}` | {count} | {count - len(walked.absent[owner])} |"
    yield ""
    yield "What is absent, by reason; those of one module stand together."
    yield ""
    grouped: dict[str, dict[str, list[str]]] = {}
    for owner, names in walked.absent.items():
        for name in names if owner.startswith("torch") or owner in BASES else ():
            grouped.setdefault(reason(f"{owner}.{name}"), {}).setdefault(owner, []).append(name)
    order = [why for _, why in REASONS]
    for why in sorted(grouped, key=lambda why: order.index(why) if why in order else len(order)):
        yield f"**{why[0].upper()}{why[1:]}**"
        yield ""
        for owner, names in grouped[why].items():
            yield textwrap.fill(f"- {owner}: " + ", ".join(f"`{name}`" for name in names), 118,
                                subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)
        yield ""


def reason(name: str) -> str:
    """Why a name is absent."""
    return next((why for pattern, why in REASONS if re.search(pattern, name)), "not there yet")


if __name__ == "__main__":
    sys.exit(main())
