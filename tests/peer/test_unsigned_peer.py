"""uint16, uint32 and uint64 beside PyTorch: stored, cast, viewed and compared; they meet floating types alone."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
import pytest
import torch

import wengert
from wengert.io import save_torch

NAMES = ("uint16", "uint32", "uint64")
EXPRESSIONS = """
    x * 2 | x / 2 | x * 1.5 | x + 1.5 | x.sum() | x.sum(0) | x.prod() | x.cumsum(0) | x == x | x != 1 | x.eq(3) | x & x
    x ^ x | x[0] | x[1:] | x[lib.tensor([0, 2])] | x.float() | x.double() | x.half() | x.long() | x.bool() | x.tolist()
    x[0].item() | int(x[1]) | lib.cat([x, x]) | lib.stack([x, x]) | x.view(lib.uint8) | x.sort()[0] | x.unique()
    x.clone().fill_(3) | x.clone().copy_(lib.tensor([4, 5, 6])) | x.expand(2, 3) | x.roll(1) | x.repeat(2)
    x.reshape(3, 1)
    lib.where(x == 2, x, x[0]) | x.any() | x.all() | x.sqrt() | lib.isnan(x) | lib.isclose(x, x) | x.int().to(x.dtype)
    lib.tensor([-1]).to(x.dtype) | lib.tensor([3.7]).to(x.dtype) | lib.zeros(2, dtype=x.dtype) | lib.ones_like(x)
    lib.full((2,), 7, dtype=x.dtype) | x.new_zeros(2) | x.element_size() | x.is_signed() | x.is_floating_point()
    lib.iinfo(x.dtype).max | lib.result_type(x, 1) | lib.result_type(x, 1.5) | lib.promote_types(x.dtype, lib.float16)
    lib.promote_types(x.dtype, lib.int64) | lib.promote_types(x.dtype, lib.bool) | x + lib.tensor([1, 2, 3]) | x.mean()
    lib.tensor(70000, dtype=lib.uint16) | lib.special.i0e(x) | lib.special.xlog1py(x, x)
    lib.hash_tensor(x.float()) | lib.can_cast(x.dtype, lib.int64)
    x + lib.tensor(2.0) | lib.tensor(lib.iinfo(x.dtype).max, dtype=x.dtype) | x.type() | x.numpy() | x.nbytes
"""


def outcome(lib: Any, name: str, text: str) -> str:
    x = lib.tensor([1, 2, 3], dtype=getattr(lib, name))
    try:
        return repr(eval(text, {"x": x, "lib": lib}))
    except (RuntimeError, TypeError) as error:
        return next(kind.__name__ for kind in type(error).__mro__ if kind in (RuntimeError, TypeError))


@pytest.mark.parametrize("name", NAMES)
def test_expressions_are_the_same(name: str) -> None:
    texts = [text.strip() for line in EXPRESSIONS.strip().splitlines() for text in line.split(" | ")]
    differ = {text: (got, want) for text in texts
              if (got := outcome(wengert, name, text)) != (want := outcome(torch, name, text))}
    assert differ == {}


@pytest.mark.parametrize("name", NAMES)
def test_files_hold_them(name: str) -> None:
    numbers = np.array([[0, 1], [7, np.iinfo(name).max]], name)
    for tensor in (wengert.from_numpy(numbers), wengert.from_numpy(numbers).t()[1:]):
        file = io.BytesIO()
        save_torch({"x": tensor}, file)
        file.seek(0)
        assert torch.load(file)["x"].numpy().tolist() == tensor.tolist()
        file.seek(0)
        again = wengert.load(file)["x"]
        assert again.dtype is getattr(wengert, name) and again.tolist() == tensor.tolist()
        assert pickle.loads(pickle.dumps(tensor)).tolist() == tensor.tolist()
    file = io.BytesIO()
    torch.save(torch.from_numpy(numbers), file)
    file.seek(0)
    assert wengert.load(file).numpy().tolist() == numbers.tolist()


@pytest.mark.parametrize("name", NAMES)
def test_compiled_functions_take_them(name: str) -> None:
    x = wengert.tensor([1, 2, 3], dtype=getattr(wengert, name))

    def function(x: Any, y: Any) -> Any:
        return (x * y).sum(), x == 2, x.double() + y, x[1:]

    y = wengert.tensor([0.5, 1.5, 2.5])
    for compiled in (wengert.capture(function), wengert.compile(function)):
        for got, want in zip(compiled(x, y), function(x, y), strict=True):
            assert got.dtype is want.dtype and got.tolist() == want.tolist()
