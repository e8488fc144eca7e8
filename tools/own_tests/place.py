"""wengert in PyTorch's place, for PyTorch's testing modules.

The one idea to know: `torch.testing._internal`, on which the tests stand, is loaded from the installed PyTorch's files
and runs on wengert; what it imports of PyTorch that wengert has no such thing for (its compilers, its exporter, its
reference implementations) is a `Hollow`, and a function of the operator database that wengert lacks raises.
"""

from __future__ import annotations

import builtins
import importlib.abc
import importlib.machinery
import importlib.util
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import CodeType, ModuleType, SimpleNamespace
from typing import Any

THEIRS = ("torch.testing._internal", "torch.testing._utils", "torch.testing._comparison", "torch._vendor",
          "torch.utils._import_utils")
"""What is loaded from PyTorch's files."""
HOLLOW = ("torch._prims", "torch._prims_common", "torch._inductor", "torch.onnx", "torch._logging",
          "torch.utils.cpp_extension", "torch.utils._triton", "torch._native", "torch._dynamo", "torch._export",
          "torch.backends.xnnpack", "torch._subclasses", "torch._utils_internal", "torch.export", "torch._functorch",
          "torch._higher_order_ops", "torch.ao", "functorch", "torch._vmap_internals")
DTYPES = ("complex32 float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn_x2 quint8 "
          "qint8 qint32 quint4x2 quint2x4 uint1 uint2 uint3 uint4 uint5 uint6 uint7 int1 int2 int3 int4 int5 int6 int7 "
          "bits8 bits16")
NAMES = ("per_tensor_affine per_channel_affine per_tensor_symmetric per_channel_symmetric "
         "per_channel_affine_float_qparams jagged _mkldnn")


class Hollow(ModuleType):
    """A module, function or class that is not there: it has every name, is false, and gives itself when called."""

    __path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return []
        if name.startswith("__"):
            raise AttributeError(name)
        found = Hollow(f"{self.__name__}.{name}")
        setattr(self, name, found)
        return found

    def __call__(self, *arguments: Any, **options: Any) -> Hollow:
        return Hollow(f"{self.__name__}()")

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __deepcopy__(self, memo: Any) -> Hollow:
        return self

    def __bool__(self) -> bool:
        return False


class Lacking:
    """A function that wengert lacks: it raises where it is called."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        raise NotImplementedError(f"{self.__name__} is not in wengert")


class _Database(importlib.machinery.SourceFileLoader):
    """Loads the operator database's classes so that they take functions that are not there for `Lacking` ones."""

    def get_code(self, fullname: str) -> CodeType:
        looked_up = "        obj = getattr(obj, path)\n"
        text = Path(self.path).read_text("utf-8")
        if looked_up not in text:
            raise ImportError(f"[own_tests] {self.path} was expected to look functions up by getattr(obj, path)")
        return compile(text.replace(looked_up, "        obj = getattr(obj, path, None) or _lacking(path)\n"), self.path,
                       "exec")


class _Made(importlib.abc.Loader):
    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return Hollow(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


class Finder(importlib.abc.MetaPathFinder):
    """Finds PyTorch's testing modules in the folder of the installed one, and `Hollow` modules."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        own = name.replace("wengert.", "torch.", 1) if name.startswith("wengert.") else name
        if own == name and _below(name, THEIRS):
            base = self.folder.joinpath(*name.split(".")[1:])
            if (base / "__init__.py").is_file():
                return importlib.util.spec_from_file_location(name, base / "__init__.py",
                                                              submodule_search_locations=[str(base)])
            file = base.with_suffix(".py")
            if file.is_file():
                loader = _Database(name, str(file)) if name.endswith("opinfo.core") else None
                return importlib.util.spec_from_file_location(name, file, loader=loader)
        if _below(own, HOLLOW) and (own == name or _is_absent(name)):
            return importlib.machinery.ModuleSpec(name, _Made(), is_package=True)
        return None


def _below(name: str, roots: tuple[str, ...]) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def _is_absent(name: str) -> bool:
    import wengert

    base = Path(wengert.__file__).parent.joinpath(*name.split(".")[1:])
    return not (base.is_dir() or base.with_suffix(".py").is_file())


def install() -> None:
    """Puts wengert in PyTorch's place in this process, with what PyTorch's testing modules ask for beside it."""
    spec = importlib.util.find_spec("torch")  # which imports nothing
    if spec is None or spec.origin is None:
        raise SystemExit("own_tests: PyTorch is not installed here, and its testing modules with it")
    folder = Path(spec.origin).parent
    from wengert.compat import finder

    finder.install()
    sys.meta_path.insert(0, Finder(folder))
    builtins._lacking = Lacking  # type: ignore[attr-defined]
    import torch

    _fill(torch, folder)
    _fill_database(torch, folder / "testing" / "_internal")


def _fill(torch: Any, folder: Path) -> None:
    """What the testing modules ask of PyTorch about machines, builds and dtypes that wengert knows nothing of."""
    no = SimpleNamespace(is_available=lambda: False, device_count=lambda: 0, is_initialized=lambda: False)
    for name in ("xpu", "mtia", "mps"):
        _give(torch, name, no)
    torch.cpu.get_capabilities = dict
    for name in ("_is_avx2_supported", "_is_amx_fp16_supported"):
        _give(torch.cpu, name, lambda: False)
    _give(torch.version, "xpu", None)
    _give(import_module("torch._utils"), "_is_privateuse1_backend_available", lambda: False)
    for name in ("quantized", "xnnpack"):
        _give(torch.backends, name, SimpleNamespace(supported_engines=[], engine="none"))
    _give(torch.backends, "disable_global_flags", lambda: None)
    _give(torch.backends, "python_native", SimpleNamespace(available_dsls=[], all_dsls=[]))
    _give(torch.cuda, "jiterator", Hollow("jiterator"))
    import_module("torch.testing._utils")
    torch.nn.modules.__name__ = "torch.nn.modules"  # the names of tests are made of it
    _give(torch, "ao", import_module("torch.ao"))
    theirs = _their_gradcheck(folder)
    for name in ("_get_numerical_jacobian", "_iter_tensors"):
        _give(import_module("torch.autograd.gradcheck"), name, getattr(theirs, name))
    method = type("ScriptMethod", (), {"__call__": lambda self, *given, **options: None})
    for name, value in {
        "_get_cpu_capability": lambda: "AVX2", "_get_graph_executor_optimize": lambda *given: True,
        "_jit_set_num_profiled_runs": lambda count: 0, "ScriptMethod": method, "_len_torch_function_stack": lambda: 0,
        "_get_torch_function_state": lambda: 0, "_TorchFunctionState": SimpleNamespace(ENABLED=0),
    }.items():
        _give(torch._C, name, value)
    for name in DTYPES.split():
        _give(torch, name, _absent_dtype(torch.dtype, name))
    _give(torch, "chalf", torch.complex32)
    for name in NAMES.split():
        _give(torch, name, name)
    known = torch.finfo

    def finfo(dtype: Any = None) -> Any:
        lacks = type(dtype) is not torch.dtype and isinstance(dtype, torch.dtype)
        if lacks:
            return SimpleNamespace(max=448.0, min=-448.0, eps=0.125, tiny=2**-6)
        return known() if dtype is None else known(dtype)

    torch.finfo = finfo


def _their_gradcheck(folder: Path) -> ModuleType:
    """PyTorch's own numerical derivatives, with which its tests of layers compare."""
    spec = importlib.util.spec_from_file_location("torch.testing._gradcheck", folder / "autograd" / "gradcheck.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _absent_dtype(base: Any, name: str) -> Any:
    """A dtype that wengert lacks: it has a name and is equal to itself."""
    kind = "c" if name == "complex32" else "f" if name.startswith("float") else "u"
    made = type("AbsentDType", (base,), {"__init__": lambda self: None})()
    made.name, made.kind, made.itemsize, made.rank, made._numpy = name, kind, 2, 99, None
    return made


def _fill_database(torch: Any, folder: Path) -> None:
    """`Lacking` functions for the names that the operator database asks of modules, and which are not there."""
    text = "".join((folder / file).read_text("utf-8") for file in ("common_methods_invocations.py", "opinfo/core.py"))
    for owner, name in sorted(set(re.findall(r"(?<![\w.])torch((?:\.\w+)*)\.(\w+)", text))):
        place = torch
        for part in owner.split(".")[1:]:
            place = getattr(place, part, None)
        theirs = owner.startswith((".testing._internal", "._", ".version")) or _below(f"torch{owner}.{name}", THEIRS)
        if isinstance(place, ModuleType) and not theirs:
            _give(place, name, Lacking(name))
    functions = (folder.parents[1] / "_C" / "_VariableFunctions.pyi").read_text("utf-8")
    for name in set(re.findall(r"_foreach_\w+", functions)):
        _give(torch, name, Lacking(name))
    for name in ("prims", "mylib"):
        _give(torch.ops, name, Hollow(f"torch.ops.{name}"))
    for name in set(re.findall(r"torch\.ops\.aten\.(\w+)", text)):
        _give(torch.ops.aten, name, Hollow(f"torch.ops.aten.{name}"))


def _give(owner: Any, name: str, value: Any) -> None:
    if hasattr(owner, name):
        return
    if isinstance(owner, ModuleType):
        vars(owner)[name] = value  # which those of switches refuse to others
    else:
        setattr(owner, name, value)
