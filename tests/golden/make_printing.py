"""Write ``printing.json``: arrays, print options and PyTorch's text for them.

Run from the repository's root, with PyTorch installed: ``python tests/golden/make_printing.py``.

Each case holds what a test needs to rebuild the array (its values, as texts that keep every bit, repeated to
fill the shape) and the text of ``repr`` or ``format``. One case a line: a change can be read as a diff.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch

FLOAT_VALUES: dict[str, list[float]] = {
    "whole": [1, -2, 30, 0],
    "fractions": [0.5, -1.25, 3, 22.125],
    "thirds": [1 / 3, -2 / 3, 4 / 3],
    "special": [math.nan, math.inf, -math.inf, 0.0, -0.0],
    "special beside whole": [math.nan, math.inf, -math.inf, -0.0, 7],
    "special beside scientific": [math.nan, math.inf, -math.inf, 0.0, 1e-6, 3],
    "ratio 1000": [0.5, 500],
    "ratio above 1000": [0.5, 500.5],
    "1e8": [1e8, 2e7],
    "above 1e8": [2e8, 3e7],
    "1e-4": [1e-4, 2e-4],
    "above 1e-4": [1.01e-4, 2e-4],
    "denormal": [6e-8, 1e-7],
    "rounded up": [9.99999, -99.99999, 0.00005],
}
SHAPES = [(), (1,), (4,), (30,), (2, 3), (2, 2, 3), (2, 1, 2, 2), (0,), (0, 3)]
LONG_SHAPES = [(1000,), (1001,), (40, 40), (7, 200), (11, 12, 13)]
OPTIONS: list[dict[str, Any]] = [
    {"precision": 2},
    {"precision": 0},
    {"sci_mode": True},
    {"sci_mode": False},
    {"threshold": 5, "edgeitems": 1},
    {"threshold": 5, "edgeitems": 0},
    {"linewidth": 30},
    {"profile": "short"},
    {"profile": "full"},
]
SPECS = [".3f", "8.2e", ">12", "d", "g", "s", ".1%"]


def case(
    dtype: str,
    values: list[Any],
    shape: tuple[int, ...],
    *,
    options: dict[str, Any] | None = None,
    default_dtype: str = "float32",
    history: str | None = None,
    spec: str | None = None,
) -> dict[str, Any]:
    """One golden case; ``history`` is None, "leaf", "parameter" or "result"."""
    count = math.prod(shape)
    flat = (values * (count // len(values) + 1))[:count]
    tensor = torch.tensor(flat, dtype=getattr(torch, dtype)).reshape(shape)
    tensor.requires_grad_(history is not None)
    if history == "parameter":
        tensor = torch.nn.Parameter(tensor)
    elif history == "result":
        tensor = tensor.clone()
    torch.set_default_dtype(getattr(torch, default_dtype))
    torch.set_printoptions(profile="default")
    torch.set_printoptions(**(options or {}))
    try:
        text = repr(tensor) if spec is None else format(tensor, spec)
    except (TypeError, ValueError) as error:
        text = f"{type(error).__name__}: {error}"
    finally:
        torch.set_printoptions(profile="default")
        torch.set_default_dtype(torch.float32)
    return {
        "dtype": dtype,
        "values": list(map(str, values[:count])),
        "shape": list(shape),
        "options": options or {},
        "default_dtype": default_dtype,
        "history": history,
        "spec": spec,
        "text": text,
    }


def cases() -> list[dict[str, Any]]:
    """All golden cases."""
    mixed = [0.25, -3, 17.5, 0, 100]
    pairs = [1 + 2j, -0.5j, complex(0.25, -100), complex(math.nan, math.inf), 3]
    counting = list(range(-3, 98))
    numbers: dict[str, list[Any]] = {
        **dict.fromkeys(["float16", "bfloat16", "float32", "float64"], mixed),
        **dict.fromkeys(["complex64", "complex128"], pairs),
        **dict.fromkeys(["int8", "int16", "int32", "int64"], [-100, 0, 7, 21]),
        "uint8": [0, 7, 255],
        "bool": [True, False, False],
    }
    found = [case(dtype, values, shape) for dtype, values in numbers.items() for shape in SHAPES]
    for dtype in ("float16", "bfloat16", "float32", "float64"):
        for values in FLOAT_VALUES.values():
            kept = [value for value in values if dtype != "float16" or not 65504 < abs(value) < math.inf]
            if kept:
                found.append(case(dtype, kept, (len(kept),)))
                found.append(case(dtype, kept, ()))
    for shape in LONG_SHAPES:
        found += [case(dtype, counting, shape) for dtype in ("int64", "float32")]
        found.append(case("complex64", pairs, shape))
    for options in OPTIONS:
        for shape in ((), (4,), (2, 4), (40, 40)):
            small = (2, 30) if options.get("profile") == "full" and shape == (40, 40) else shape
            for dtype in ("float32", "complex64", "int64"):
                found.append(case(dtype, numbers[dtype], small, options=options))
    for default_dtype in ("float64", "float16"):
        for dtype in numbers:
            for shape in ((2,), (0,)):
                found.append(case(dtype, numbers[dtype], shape, default_dtype=default_dtype))
    for history in ("leaf", "parameter", "result"):
        for dtype in ("float32", "float64", "complex64"):
            values = numbers[dtype]
            found += [case(dtype, values, shape, history=history) for shape in ((), (3,), (2, 9), (0, 2))]
            for linewidth in (20, 45, 60):
                found.append(case(dtype, values, (2, 3), history=history, options={"linewidth": linewidth}))
    for dtype in numbers:
        found += [case(dtype, numbers[dtype], (), spec=spec) for spec in ("", *SPECS)]
        found += [case(dtype, numbers[dtype], (3,), spec=spec) for spec in ("", ".3f")]
    return found


if __name__ == "__main__":
    lines = ",\n".join(json.dumps(found) for found in cases())
    Path(__file__).with_name("printing.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
