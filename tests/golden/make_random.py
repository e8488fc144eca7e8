"""Write ``random.json``: what PyTorch's CPU generator gives for a dozen seeds.

Run from the repository's root, with PyTorch installed: ``python tests/golden/make_random.py``.

Every seed starts a generator on which all the calls of ``CALLS`` are made in order, so that each depends on the place
in the stream and on the half pair of normal numbers that those before it left. A call is its method, size, dtype and
parameters. Of a result that is the same to the last bit everywhere a hash is kept; of one that went through the C
library's logarithm, eight of its values, exactly. At the end a hash of the generator's state is kept.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch

SEEDS = [0, 1, 2, 7, 42, 123, 1234, 2024, 2**31 - 1, 2**32 + 5, 2**64 - 1, -7]
UNIFORM_SIZES = [0, 1, 2, 3, 15, 16, 17, 31, 32, 33, 623, 624, 625, 1000, 1 << 17]
NORMAL_SIZES = [0, 1, 3, 15, 16, 17, 31, 32, 33, 47, 624, 1000, 1 << 14]

Call = tuple[str, Any, str, list[Any]]


def calls() -> list[Call]:
    """The method, size, dtype and parameters of every call."""
    made: list[Call] = []
    for size in UNIFORM_SIZES:
        made.append(("uniform_", size, "float32", [0.0, 1.0]))
        made.append(("normal_", min(size, 7), "float32", [0.0, 1.0]))
        made.append(("uniform_", size, "float64", [0.0, 1.0]))
        made.append(("random_", size, "int64", [0, 10]))
    for size in NORMAL_SIZES:
        made.append(("normal_", size, "float32", [0.0, 1.0]))
        made.append(("normal_", size, "float64", [0.0, 1.0]))
        made.append(("normal_", size, "float32", [0.3, 1.7]))
    for size in (1, 20, 1000):
        made.append(("uniform_", size, "float32", [-0.3, 0.5]))
        made.append(("uniform_", size, "float64", [-0.3, 0.5]))
        made.append(("uniform_", size, "float16", [0.0, 1.0]))
        made.append(("normal_", size, "float16", [0.0, 1.0]))
        made.append(("random_", size, "int64", []))
        made.append(("random_", size, "uint8", []))
        made.append(("random_", size, "float32", []))
        made.append(("random_", size, "int64", [-(2**40), 2**40 + 11]))
        made.append(("bernoulli_", size, "float32", [0.3]))
        made.append(("exponential_", size, "float32", [1.5]))
        made.append(("exponential_", size, "float64", [1.0]))
        made.append(("cauchy_", size, "float64", [0.5, 2.0]))
        made.append(("log_normal_", size, "float32", [0.0, 0.5]))
        made.append(("geometric_", size, "float32", [0.3]))
        made.append(("randperm", size, "int64", []))
    for size in (0, 2, 624, 70000):
        made.append(("randperm", size, "int64", []))
    for size in (3, 50):
        made.append(("bernoulli", size, "float32", []))
        made.append(("multinomial", size, "float32", [1, False]))
        made.append(("multinomial", size, "float32", [3, False]))
        made.append(("multinomial", size, "float64", [40, True]))
        made.append(("poisson", size, "float32", []))
        made.append(("binomial", size, "float64", []))
    made.append(("normal_", 5, "float32", [0.0, 1.0]))
    return made


CALLS = calls()


def is_exact(call: Call) -> bool:
    """Whether the call's result depends on arithmetic alone, and not on the C library."""
    method, size, dtype, _ = call
    if method == "normal_":
        return dtype == "float32" and size >= 16
    return method not in ("exponential_", "cauchy_", "log_normal_")


def weights(size: int, dtype: str) -> Any:
    """Some numbers of (0, 1), as probabilities."""
    return ((torch.arange(size, dtype=torch.float64) * 7 + 1) % 11 / 11).to(getattr(torch, dtype))


def perform(call: Call, generator: torch.Generator) -> torch.Tensor:
    """Makes the call with PyTorch."""
    method, size, dtype_name, parameters = call
    dtype = getattr(torch, dtype_name)
    if method == "randperm":
        return torch.randperm(size, dtype=dtype, generator=generator)
    p = weights(size, dtype_name)
    if method == "bernoulli":
        return torch.bernoulli(p, generator=generator)
    if method == "multinomial":
        return torch.multinomial(p, parameters[0], replacement=parameters[1], generator=generator)
    if method == "poisson":
        return torch.poisson(p * 30, generator=generator)
    if method == "binomial":
        return torch.binomial(torch.full_like(p, 40.0), p, generator=generator)
    return getattr(torch.empty(size, dtype=dtype), method)(*parameters, generator=generator)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


def some_values(values: list[float]) -> list[str]:
    """Eight of the values, the first and the last among them."""
    places = sorted({round(k * (len(values) - 1) / 7) for k in range(8)}) if values else []
    return [values[place].hex() for place in places]


def record(seed: int) -> dict[str, Any]:
    """The results of all calls for one seed."""
    generator = torch.Generator()
    generator.manual_seed(seed)
    results: list[Any] = []
    for call in CALLS:
        result = perform(call, generator)
        results.append(digest(result.numpy().tobytes()) if is_exact(call) else some_values(result.double().tolist()))
    state = generator.get_state().numpy().tobytes()
    # The half pair of normal numbers, at 5024, came from the C library: all of the state but that is hashed.
    return {"seed": seed, "results": results, "state": digest(state[:5024] + state[5032:])}


def main() -> None:
    rows = ",\n".join(json.dumps(record(seed), separators=(",", ":")) for seed in SEEDS)
    listed = ",\n".join(json.dumps([*call, is_exact(call)], separators=(",", ":")) for call in CALLS)
    text = f'{{"torch": "{torch.__version__.split("+")[0]}",\n"calls": [\n{listed}\n],\n"seeds": [\n{rows}\n]}}\n'
    Path(__file__).with_name("random.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
