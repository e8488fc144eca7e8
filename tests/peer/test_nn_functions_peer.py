"""Every function of ``torch.nn.functional`` against PyTorch over the grid of `nn_cases`: results and gradients."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")
from tests.peer.layer_pairs import SIDES, agree  # noqa: E402
from tests.peer.nn_cases import FUNCTIONS, Case  # noqa: E402
from tests.peer.nn_grid import SINGLE, arrays_of, dtypes, numbered, run  # noqa: E402
from tests.peer.side_by_side import both  # noqa: E402


@dtypes
@pytest.mark.parametrize("name, case", numbered(FUNCTIONS))
@pytest.mark.filterwarnings("ignore")
def test_functions(name: str, case: Case, dtype: str) -> None:
    arrays = arrays_of(case, dtype)
    found = []
    for side in SIDES:
        function = getattr(side.F, name)

        def call(*given: Any, function: Any = function) -> Any:
            if name.endswith("_"):
                given = (given[0] * 1, *given[1:])  # no leaf
            elif name in ("layer_norm", "group_norm"):
                given = NORMALIZATIONS[name](*given)
            return function(*given, *case.args, **case.kwargs)

        found.append(run(side, call, arrays))
    agree(*found, "float32" if name in SINGLE else dtype)


NORMALIZATIONS: dict[str, Any] = {
    "layer_norm": lambda x, shape, *rest: (x, tuple(shape.shape), *rest),
    "group_norm": lambda *given: given,
}


@dtypes
def test_multi_head_attention_forward(dtype: str) -> None:
    def program(T: Any) -> Any:
        kind = getattr(T, dtype)
        q, k, v = (T.randn(n, 2, 4).to(kind) for n in (3, 5, 5))
        weights = [T.randn(*shape).to(kind) for shape in ((12, 4), (12,), (1, 1, 4), (1, 1, 4), (4, 4), (4,))]
        return T.nn.functional.multi_head_attention_forward(
            q, k, v, 4, 2, *weights[:4], True, 0.0, *weights[4:], training=False
        )

    both(program, rtol=1e-4, atol=1e-5)


def test_channels_dealt_out_without_gradients() -> None:
    both(lambda T: T.nn.functional.native_channel_shuffle(T.randn(2, 6, 3), 3))
