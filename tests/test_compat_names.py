"""What packages ask of PyTorch before they begin: its version, its metadata, names of its inside, hooks of modules."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

import wengert
from wengert import nn
from wengert.compat import torch_is_wengert
from wengert.compat.hollows import hollow, is_hollow
from wengert.torch_version import TorchVersion


def test_versions_compare_as_versions() -> None:
    version: Any = TorchVersion("2.13.0")
    assert version == "2.13.0" == version and version == (2, 13) and version == "2.13" and version != "2.13.1"
    assert version > "2.9" and version >= (2, 4) and version < (3,) and version <= [2, 13, 0]
    assert TorchVersion("2.0.0a1") < TorchVersion("2.0.0rc1") < "2.0.0" < TorchVersion("2.0.0+cpu") < "2.0.0.post1"
    assert version > "not a version" or version < "not a version"
    assert isinstance(version, str) and version.split(".")[:2] == ["2", "13"] and hash(version) == hash("2.13.0")
    with pytest.raises(TypeError):
        assert version < 2


def test_under_the_name_torch_the_version_is_that_of_the_api() -> None:
    with torch_is_wengert():
        import torch
        import torchvision

        assert torch.__version__ >= (2, 13) and torch.version.__version__ == torch.__version__
        assert wengert.__version__ == wengert.version.__version__ == importlib.metadata.version("wengert")
        assert torch.__name__ == "torch" and torch.nn is wengert.nn and torch.Tensor is wengert.Tensor
        assert torchvision.__version__ == "0.28.0" and "ones" in dir(torch)
        assert importlib.metadata.version("torch") == "2.13.0"
        assert "torch" in importlib.metadata.packages_distributions()
        assert importlib.util.find_spec("torch") is not None and not hasattr(torch, "no_such_name")
        torch.set_on_it = 3
        assert wengert.set_on_it == 3  # type: ignore[attr-defined]  # what is set on one is set on both
        del torch.set_on_it
        assert not hasattr(wengert, "set_on_it") and not hasattr(torch, "set_on_it")
        names: dict[str, Any] = {}
        exec("from torch import *", names)
        assert names["ones"] is wengert.ones
        with pytest.raises(ImportError):
            from torch import no_such_name  # noqa: F401
    if importlib.util.find_spec("torch") is None:
        with pytest.raises(importlib.metadata.PackageNotFoundError):
            importlib.metadata.version("torch")


def test_every_name_of_the_inside_can_be_imported() -> None:
    import wengert.compat.torch as inside

    root = Path(inside.__path__[0])
    paths = [path.relative_to(root.parent).with_suffix("") for path in root.rglob("*.py")]
    found = [".".join(path.parts).removesuffix(".__init__") for path in paths if len(path.parts) > 2]
    assert len(found) > 15
    before = set(sys.modules)
    with torch_is_wengert():
        for module in found:
            if module.endswith(".foreach"):
                continue
            loaded = importlib.import_module(module)
            for name, value in vars(loaded).items():
                if isinstance(value, type) and is_hollow(value):
                    with pytest.raises(NotImplementedError, match=f"{name}. not in wengert"):
                        value()
                elif is_hollow(value):
                    with pytest.raises(NotImplementedError, match="not in wengert"):
                        value()
    assert not any(name.startswith("torch.distributed.fsdp") for name in set(sys.modules) - before)


def test_what_is_hollow_can_be_named_and_derived_from() -> None:
    Kind = hollow("torch.somewhere.Kind")
    assert not isinstance(3, Kind) and Kind[int] is Kind and Kind.__module__ == "torch.somewhere"

    class Own(Kind):  # type: ignore[misc, valid-type]  # what packages do
        def __init__(self, value: int) -> None:
            self.value = value

    assert Own(4).value == 4 and issubclass(Own, Kind)


def test_names_that_have_a_meaning() -> None:
    with torch_is_wengert():
        import torch

        torch._C._log_api_usage_once("package.name")
        assert torch._C._get_tracing_state() is None and not torch._C._functorch.is_batchedtensor(torch.ones(1))
        device, dtype, non_blocking, _ = torch._C._nn._parse_to("cpu", torch.float64, non_blocking=True)
        assert (str(device), dtype, non_blocking) == ("cpu", torch.float64, True)
        assert "NumPy" in torch.__config__.show()
        torch._check(True)
        with pytest.raises(RuntimeError, match="so"):
            torch._check(False, lambda: "so")
        with pytest.raises(RuntimeError, match="Expected Tensor"):
            torch._assert_async(torch.tensor(False))
        assert torch.sym_int(torch.tensor(3)) == 3 and torch._shape_as_tensor(torch.ones(2, 3)).tolist() == [2, 3]
        assert not isinstance(3, torch.SymInt) and torch.futures.Future[int] is not None
        with pytest.raises(ValueError, match="Default process group"):
            torch.nn.parallel.DistributedDataParallel(nn.Linear(1, 1))
        assert isinstance(nn.LazyLinear(2).weight, torch.nn.parameter.UninitializedTensorMixin)
        assert torch.hub.HASH_REGEX.search("resnet18-f37072fd.pth").group(1) == "f37072fd"


def test_operations_on_lists_of_tensors() -> None:
    with torch_is_wengert():
        import torch

        x = [torch.tensor([1.0, 4.0]), torch.tensor([9.0])]
        y = [torch.tensor([2.0, 2.0]), torch.tensor([3.0])]
        assert [t.tolist() for t in torch._foreach_add(x, y, alpha=2)] == [[5.0, 8.0], [15.0]]
        assert [t.tolist() for t in torch._foreach_mul(x, 2)] == [[2.0, 8.0], [18.0]]
        assert [t.tolist() for t in torch._foreach_div(x, [1.0, 3.0])] == [[1.0, 4.0], [3.0]]
        assert [t.tolist() for t in torch._foreach_maximum(x, 3)] == [[3.0, 4.0], [9.0]]
        assert [t.tolist() for t in torch._foreach_pow(2.0, y)] == [[4.0, 4.0], [8.0]]
        assert [t.item() for t in torch._foreach_norm(y)] == pytest.approx([8**0.5, 3.0])
        first = x[0]
        torch._foreach_sqrt_(x)
        torch._foreach_addcdiv_(x, y, y, [1.0, 2.0])
        assert x[0] is first and [t.tolist() for t in x] == [[2.0, 3.0], [5.0]]
        torch._foreach_zero_(x)
        torch._foreach_copy_(x, y)
        assert [t.tolist() for t in x] == [[2.0, 2.0], [3.0]]
        with pytest.raises(RuntimeError, match="one length"):
            torch._foreach_add(x, y[:1])
        with pytest.raises(TypeError):
            torch._foreach_add(x, weight=2)
        x = [torch.zeros(2)]
        ones = [torch.ones(2)]
        for name, given, wanted in (
            ("add", {"scalar": 2}, 2), ("mul", {"other": ones}, 0), ("sub", {"scalars": [3.0]}, -3),
            ("maximum", {"scalar": 1.0}, 1), ("pow", {"exponent": 2}, 0),
            ("lerp", {"tensors1": ones, "weight": 0.5}, 0.5),
            ("addcmul", {"tensor1": ones, "tensor2": ones, "value": 3}, 3),
        ):
            assert getattr(torch, f"_foreach_{name}")(x, **given)[0].tolist() == [wanted] * 2
        copies = torch._foreach_clone(x)
        assert copies[0] is not x[0] and copies[0].tolist() == x[0].tolist()


def test_the_classes_of_tensors_say_that_they_are_pytorch_s() -> None:
    before = wengert.Tensor.__module__
    with torch_is_wengert():
        import torch

        assert importlib.import_module("torch.utils.model_zoo").load_url is torch.hub.load_state_dict_from_url
        assert (torch.Tensor.__module__, nn.Parameter.__module__) == ("torch", "torch.nn.parameter")
        assert pickle.loads(pickle.dumps([torch.Tensor, nn.Parameter])) == [torch.Tensor, nn.Parameter]
    assert wengert.Tensor.__module__ == before


def test_the_tables_of_a_modules_hooks() -> None:
    model, seen = nn.Linear(2, 1), []
    assert len(model._forward_hooks) == 0 and not model._backward_hooks and "_hooks" not in vars(model)
    handle = model.register_forward_hook(lambda *_: seen.append("hook"))
    assert list(model._forward_hooks) == [handle.id] and callable(model._forward_hooks[handle.id])
    kept = dict(model._forward_hooks)
    model._forward_hooks.clear()
    model(wengert.ones(2))
    assert seen == []
    model._forward_hooks.update(kept)
    model(wengert.ones(2))
    assert seen == ["hook"]
    handle.remove()
    assert len(model._forward_hooks) == 0
    model._forward_pre_hooks[7] = lambda *_: seen.append("before")
    model(wengert.ones(2))
    assert seen == ["hook", "before"]
    model._forward_pre_hooks = {}
    model(wengert.ones(2))
    assert seen == ["hook", "before"]
    for name in ("_backward_pre_hooks", "_state_dict_hooks", "_load_state_dict_pre_hooks"):
        assert dict(getattr(model, name)) == {}
