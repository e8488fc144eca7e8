"""`wengert check` tells names that are missing from those that PyTorch has not either."""

from __future__ import annotations

from pathlib import Path

import pytest

from wengert.compat import torch_is_wengert
from wengert.compat.check import check, missing_names
from wengert.compat.report import of_others


@pytest.mark.parametrize("name", ["torch.npu.is_available", "torch.ops.pyg.knn", "torch.classes.pyg.Map",
                                  "torch.version.cann", "torch.backends.musa.matmul"])
def test_a_name_of_other_packages(name: str) -> None:
    assert of_others(name)


@pytest.mark.parametrize("name", ["torch.nn.Linear", "torch.ops.aten.mm", "torch.ops.load_library", "torch.version.hip",
                                  "torch.backends.cudnn.enabled", "torch.mps.empty_cache"])
def test_a_name_of_pytorch(name: str) -> None:
    assert not of_others(name)


def test_they_are_counted_apart(tmp_path: Path) -> None:
    file = tmp_path / "package.py"
    file.write_text("import torch\ntorch.npu.is_available()\ntorch.nothing_of_this_name()\ntorch.cuda.nccl.x\n")
    text, found = check(str(file))
    assert found == 1
    assert text.startswith(f"{file} asks for 4 names of torch, 1 of them missing; PyTorch has not 1 either: "
                           "misspelt, or of another version; 1 is for other packages to bring\n")
    assert "torch.npu" not in text.partition("\n")[2]
    assert missing_names(str(file)) == ["torch.cuda.nccl"]


def test_a_misspelt_name_is_told(tmp_path: Path) -> None:
    file = tmp_path / "package.py"
    file.write_text("import torch\nimport torchvision\ntorch.nn.Linaer(2, 3)\nx = torch.zeroes(2)\n"
                    "torchvision.io.read_video('a')\nfrom torchvision.models import resnet19\n")
    text, found = check(str(file))
    head, *rows = text.splitlines()
    assert found == 0
    assert head.endswith("none of PyTorch's missing; PyTorch has not 4 either: misspelt, or of another version")
    assert [" ".join(row.split()) for row in rows] == [
        "torch.nn.Linaer line 3 not a name of PyTorch's; did you mean torch.nn.Linear?",
        "torch.zeroes line 4 not a name of PyTorch's; did you mean torch.zeros?",
        "torchvision.io.read_video line 5 not a name of PyTorch's",
        "torchvision.models.resnet19 line 6 not a name of PyTorch's; did you mean torchvision.models.resnet18?",
    ]


def test_what_packages_ask_of_devices_and_of_the_inside() -> None:
    with torch_is_wengert():
        import torch
        import torch._C._distributed_rpc
        from torch._utils import _element_size
        from torch.amp.autocast_mode import _cast
        from torch.amp.grad_scaler import GradScaler, OptState
        from torch.cuda.random import get_rng_state_all
        from torch.utils.checkpoint import get_device_states, set_device_states

        assert GradScaler is torch.amp.GradScaler
        assert OptState.READY.value == 0
        assert get_rng_state_all() == torch.xpu.get_rng_state_all() == []
        assert torch._C._get_accelerator() == torch.device("cpu")
        assert torch._C._distributed_rpc._is_current_rpc_agent_set() is False
        assert _element_size(torch.float64) == 8
        x = torch.ones(2)
        nest = _cast({"a": [x, 3, x.double()], "b": (x.int(),)}, "cpu", torch.float16)
        assert [nest["a"][0].dtype, nest["a"][1], nest["a"][2].dtype] == [torch.float16, 3, torch.float64]
        assert nest["b"][0].dtype is torch.int32
        assert get_device_states(x) == ([], [])
        set_device_states([], [])
        with pytest.raises(ValueError, match="no devices"):
            set_device_states([0], [x])
