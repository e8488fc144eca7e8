"""Every primitive on its own samples, compiled: what a native program gives is what eager mode gives."""

from typing import Any

import numpy as np
import pytest

import wengert as torch
from tests.test_primitives import ALL, samples_of
from wengert.compiler.kernels import generated_code_is_possible
from wengert.core.errors import TraceError
from wengert.tensors.apply import apply

if not generated_code_is_possible():
    pytest.skip("no generated code here", allow_module_level=True)

NAMES = [primitive for primitive in ALL if primitive.kind != "random" and samples_of(primitive)]


def close(found: Any, expected: Any) -> None:
    x, y = found.detach().numpy(), expected.detach().numpy()
    assert x.dtype == y.dtype and x.shape == y.shape
    wide = 1e-5 if x.dtype in ("float32", "complex64") else 1e-9
    np.testing.assert_allclose(x, y, rtol=wide, atol=wide / 10, equal_nan=True)


@pytest.mark.parametrize("primitive", NAMES, ids=lambda primitive: primitive.name)
def test_a_compiled_primitive_gives_what_it_gives(primitive: Any) -> None:
    for operands, params in samples_of(primitive):
        given = [torch.from_numpy(np.array(x)) if isinstance(x, np.ndarray) else x for x in operands]
        places = [k for k, x in enumerate(given) if isinstance(x, torch.Tensor)]

        def function(*tensors: Any, given: Any = given, places: Any = places, params: Any = params) -> Any:
            made = dict(zip(places, tensors, strict=True))
            return apply(primitive, tuple([made.get(k, x) for k, x in enumerate(given)]), dict(params))

        tensors = [given[k] for k in places]
        try:
            expected = function(*tensors)
        except (RuntimeError, TypeError, ValueError):  # samples that hold for one form of it only
            continue
        try:
            found = torch.compile(function, fullgraph=True)(*tensors)
        except TraceError:  # shapes that depend on values
            continue
        for got, wanted in zip(found if primitive.multiple else (found,),
                               expected if primitive.multiple else (expected,), strict=True):
            close(got, wanted)


def test_a_rule_that_lacks_a_parameter_is_no_rule() -> None:
    x = torch.randn(6)
    for decimals in (0, 1, -1):
        def rounded(x: Any, decimals: int = decimals) -> Any:
            return torch.round(x * 7, decimals=decimals)

        assert torch.equal(torch.compile(rounded, fullgraph=True)(x), rounded(x))
