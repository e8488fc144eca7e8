"""The names that public PyTorch programs use most are here; those that are not say so."""

from __future__ import annotations

import functools
import pkgutil
from importlib import import_module
from types import ModuleType

import pytest

import wengert as torch
from wengert._missing import explain
from wengert.core.errors import DeviceError

# Every name of torch's namespace, of its dtypes, of torch.linalg and torch.autograd, and every member of Tensor, that
# a survey of several hundred public programs found in two files or more and that makes sense on one CPU.
FUNCTIONS = """
FloatTensor Generator LongTensor Tensor __version__ abs acos add all allclose arange argmax argsort
autograd.Variable autograd.grad bfloat16 bincount bmm bool cat clamp cos cosh device diag dot empty exp eye flatten
float float16 float32 float64 floor from_numpy full inference_mode int int32 int64 inverse linalg.eig linalg.norm
linspace load log long manual_seed matmul max mean meshgrid min mm multinomial mv neg no_grad nonzero norm normal
ones ones_like pi pow rand randint randn randn_like randperm relu repeat_interleave reshape round rsqrt save
serialization.safe_globals set_grad_enabled sigmoid sin sinh softmax sort split sqrt square squeeze stack std sum
tanh tensor topk transpose tril unique unsqueeze use_deterministic_algorithms where zeros zeros_like
""".split()

MEMBERS = """
T abs add_ argmax backward bmm clamp clamp_ clone contiguous copy_ cpu cuda cumsum data detach device dim div dot
double dtype eq exp expand fill_ flatten float get_device grad int is_cuda item log log10 long masked_fill matmul
max mean min mm mul_ ndim nelement new_zeros norm normal_ numel numpy permute pin_memory pow random_ register_hook
relu repeat repeat_interleave requires_grad requires_grad_ reshape retain_grad scatter_ shape size split sqrt
squeeze squeeze_ std sum swapaxes t tanh to tolist transpose type type_as uniform_ unique unsqueeze var view view_as
zero_
""".split()

# Used as often, but not here yet: graphs of modules.
NOT_YET = ["nested"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_is_there(name: str) -> None:
    assert functools.reduce(getattr, name.split("."), torch) is not None


@pytest.mark.parametrize("name", MEMBERS)
def test_member_is_there(name: str) -> None:
    assert hasattr(torch.Tensor, name)


@pytest.mark.parametrize("name", NOT_YET)
def test_missing_name_says_so(name: str) -> None:
    with pytest.raises(AttributeError, match=f"wengert.{name} is not in wengert yet"):
        getattr(torch, name)


def test_missing_member_names_the_nearest() -> None:
    with pytest.raises(AttributeError, match="to_mkldnn is not in wengert yet"):
        _ = torch.ones(2).to_mkldnn
    with pytest.raises(AttributeError, match="reshap is not a name of PyTorch.s; did you mean Tensor.reshape"):
        _ = torch.ones(2).reshap


# --- dir ----------------------------------------------------------------------------------------------------------


@functools.cache
def public_modules() -> list[ModuleType]:
    """Every module that no underscore hides, but for those that want an extra which is not there."""
    names = [found.name for found in pkgutil.walk_packages(torch.__path__, "wengert.")]
    modules = [torch]
    for name in names:
        try:
            modules += [import_module(name)] if "._" not in name else []
        except ModuleNotFoundError as error:
            if "pip install 'wengert[" not in str(error):
                raise
    return modules


def test_what_dir_lists_is_there() -> None:
    lacking = [f"{module.__name__}.{name}" for module in public_modules() for name in dir(module)
               if not hasattr(module, name)]
    assert lacking == []


def test_what_is_there_is_in_dir() -> None:
    """Asked of each module that makes attributes when they are asked for: every name that any module has."""
    names = {name for module in public_modules() for name in dir(module)}
    making = [module for module in public_modules() if "__getattr__" in vars(module)]
    forgotten = {module.__name__: [name for name in names if hasattr(module, name) and name not in dir(module)]
                 for module in making}
    assert torch in making and torch.nn in making
    assert {name: found for name, found in forgotten.items() if found} == {}


@pytest.mark.parametrize("name", ["capture", "compile", "conv2d", "doctor", "graph", "load", "nn", "summary", "vmap"])
def test_dir_lists_what_loads_late(name: str) -> None:
    assert name in dir(torch)


# --- what is not there says so ----------------------------------------------------------------------------------------


def test_questions_about_devices_have_answers() -> None:
    assert not any(ask() for ask in (
        torch.cuda.is_available, torch.cuda.is_initialized, torch.cuda.is_bf16_supported,
        torch.accelerator.is_available, torch.xpu.is_available, torch.xpu.is_initialized,
        torch.backends.mps.is_available, torch.backends.mps.is_built, torch.backends.cuda.is_built,
        torch.backends.mkl.is_available, torch.backends.mkldnn.is_available, torch.backends.openmp.is_available,
        torch.distributed.is_nccl_available, torch.distributed.is_initialized, torch.onnx.is_in_onnx_export))
    assert torch.cuda.device_count() == torch.cuda.memory_allocated(0) == torch.accelerator.device_count() == 0
    assert torch.cuda.manual_seed_all(3) is torch.cuda.synchronize("cuda") is torch.cuda.empty_cache() is None
    assert torch.cuda.get_rng_state_all() == torch.cuda.get_arch_list() == []
    assert torch.xpu.device_count() == torch.xpu.memory_allocated() == 0 and torch.xpu.manual_seed_all(3) is None


def test_the_cpu_is_there() -> None:
    assert torch.cpu.is_available() and torch.cpu.is_initialized() and torch.cpu.device_count() == 1
    assert torch.cpu.current_device() == "cpu" and torch.cpu.synchronize() is torch.cpu.set_device("cpu") is None
    with torch.cpu.stream(torch.cpu.Stream()) as stream:
        stream.wait_stream(torch.cpu.current_stream())
        stream.wait_event(stream.record_event())
    assert stream.record_event().query()
    with torch.cpu.amp.autocast(dtype=torch.float16):
        assert torch.mv(torch.ones(2, 2), torch.ones(2)).dtype is torch.float32
        assert (torch.ones(2, 2) @ torch.ones(2)).dtype is torch.float16


@pytest.mark.parametrize("name", """
    cuda.init cuda.current_device cuda.set_device cuda.get_device_name cuda.get_device_properties
    cuda.get_device_capability cuda.current_stream cuda.default_stream cuda.mem_get_info cuda.get_rng_state cuda.Event
    xpu.init xpu.current_device xpu.set_device xpu.get_device_name xpu.get_device_properties xpu.synchronize
    cuda.Stream accelerator.current_device_index accelerator.set_device_index accelerator.synchronize
""".split())
def test_what_needs_a_device_says_that_there_is_none(name: str) -> None:
    package, function = name.split(".")
    words = rf"^\[{package}.{function}\] .* expected; .*ask {package}.is_available\(\) first"
    with pytest.raises(DeviceError, match=words):
        getattr(getattr(torch, package), function)()


def test_what_needs_other_processes_or_formats_says_so() -> None:
    with pytest.raises(ValueError, match=r"^\[init_process_group\] backend 'gloo' or 'mpi' was expected; got 'nccl'"):
        torch.distributed.init_process_group("nccl", rank=0)
    for name in ("destroy_process_group", "get_rank", "get_world_size", "get_backend", "barrier"):
        with pytest.raises(ValueError, match="Default process group has not been initialized"):
            getattr(torch.distributed, name)()
    with pytest.raises(NotImplementedError, match=r"^\[onnx.export\] custom_opsets is not in wengert"):
        torch.onnx.export(torch.nn.Linear(1, 1), (torch.ones(1),), custom_opsets={"mine": 1})


# --- functions go by their public names -------------------------------------------------------------------------------


def test_no_function_goes_by_a_name_of_the_inside() -> None:
    """Python's own errors about arguments name a function by its qualified name."""
    modules = [torch, torch.nn.functional, torch.linalg, torch.fft, torch.special, torch.masked]
    inside = {f"{module.__name__}.{name}" for module in modules for name in module.__all__
              if "<locals>" in getattr(getattr(module, name), "__qualname__", "")}
    assert inside == set()
    with pytest.raises(TypeError, match=r"^zeros\(\) got an unexpected keyword argument 'dytpe'"):
        torch.zeros(2, dytpe=torch.float32)


@pytest.mark.parametrize("owner, name, known, text", [
    ("wengert", "nested", (), "wengert.nested is not in wengert yet"),  # hollow, under `import torch` alone
    ("wengert", "SymInt", (), "wengert.SymInt is not in wengert yet"),
    ("wengert", "qint8", ("int8",), "wengert.qint8 is not in wengert yet; the nearest thing is wengert.int8"),
    ("wengert", "nested", (), "wengert.nested is not in wengert yet"),
    ("wengert", "exprot", (), "wengert.exprot is not a name of PyTorch's"),
    ("wengert.nn", "Linaer", ["Linear"], "wengert.nn.Linaer is not a name of PyTorch's; did you mean "
                                         "wengert.nn.Linear?"),
    ("Tensor", "dequantize", ["quantile"], "Tensor.dequantize is not in wengert yet; the nearest thing is "
                                           "Tensor.quantile"),
    ("Linear", "xpu", (), "Linear.xpu is not in wengert yet"),  # as Module.xpu
    ("Linear", "in_feature", ["in_features"], "Linear.in_feature is not a name of PyTorch's; did you mean "
                                              "Linear.in_features?"),
    ("Linear", "_private", (), "Linear._private is not in wengert yet"),
    ("NoClassOfPyTorchs", "x", (), "NoClassOfPyTorchs.x is not in wengert yet"),
])
def test_a_misspelt_name_is_told_from_a_missing_one(owner: str, name: str, known: list[str], text: str) -> None:
    assert explain(owner, name, known) == text
