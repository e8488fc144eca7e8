"""Every function of ``torch.nn.functional`` against PyTorch over the grid of `nn_cases`: results and gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import wengert

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


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic", "lanczos"])
def test_interpolation_of_bytes_is_theirs_to_the_bit(mode: str) -> None:
    given = torch.randint(0, 256, (2, 3, 23, 17), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for antialias, aligned in ((False, None), (True, None), (True, False), (False, True)):
        if mode == "lanczos" and not antialias or mode.startswith("nearest") and (antialias or aligned):
            continue
        for size in ((11, 7), (32, 20), (23, 40)):
            for last in (False, True):
                theirs = given.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
                ours = wengert.tensor(given.numpy())
                ours = ours.contiguous(memory_format=wengert.channels_last if last else wengert.contiguous_format)
                options = {"size": size, "mode": mode, "antialias": antialias, "align_corners": aligned}
                found = wengert.nn.functional.interpolate(ours[:, :, 1:, :-2], **options)
                expected = torch.nn.functional.interpolate(theirs[:, :, 1:, :-2], **options)
                assert found.tolist() == expected.tolist(), options
                assert found.stride() == expected.stride(), options
