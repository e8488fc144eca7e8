"""Writes ``checkpoint.pt`` and ``legacy.pt`` (the form before 1.6), files of PyTorch's own, so that reading them is
tested where PyTorch is not installed.

Run it with PyTorch installed: ``python tests/golden/make_checkpoint.py``.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any


def contents(torch: ModuleType) -> dict[str, Any]:
    """What the file holds, made with PyTorch; ``tests/test_io.py`` makes the same with wengert."""
    torch.manual_seed(0)
    base = torch.arange(12.0).view(3, 4)
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    kinds = [
        torch.bool,
        torch.uint8,
        torch.int8,
        torch.int16,
        torch.int32,
        torch.int64,
        torch.float16,
        torch.bfloat16,
        torch.float32,
        torch.float64,
        torch.complex64,
        torch.complex128,
    ]
    return {
        "base": base,
        "row": base[1],
        "transposed": base.t(),
        "expanded": torch.ones(1).expand(3, 2),
        "kinds": [torch.tensor([0, 1]).to(kind) for kind in kinds],
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "leaf": torch.ones(2, requires_grad=True),
        "parameter": torch.nn.Parameter(torch.zeros(2)),
        "frozen": torch.nn.Parameter(torch.zeros(2), False),
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "plain": [
            1,
            -(2**70),
            2.5,
            None,
            True,
            "text ü",
            b"\x00\xff",
            (1, (2,)),
            {1, 2},
            1 + 2j,
            bytearray(b"xy"),
        ],
        "names": [torch.float32, torch.device("cpu"), torch.Size([2, 3])],
        5: Counter("aab"),
        (1, "a"): {},
    }


if __name__ == "__main__":
    import torch

    torch.save(contents(torch), Path(__file__).with_name("checkpoint.pt"))
    torch.save(contents(torch), Path(__file__).with_name("legacy.pt"), _use_new_zipfile_serialization=False)
