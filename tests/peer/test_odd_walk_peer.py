"""Every odd argument that `tools.odd_calls` knows, in calls of functions of which each kind is settled: what PyTorch
takes gives the same, in dtype, strides and gradients, and what it refuses is refused by the same clause."""

from __future__ import annotations

import pytest

from tools.odd_calls.beside import difference
from tools.odd_calls.cases import Case, cases
from tools.odd_calls.different import reason
from tools.odd_calls.walk import variants


def differing(case: Case, kinds: str = "") -> list[str]:
    """The differences that are not meant, of kinds that begin so."""
    found = []
    for place, what, values in variants(case):
        for grad in (False, True):
            seen = difference(case, values, -1 if what == "as is" else place, grad)
            if seen and seen[0].startswith(kinds) and reason(case.name, what, *seen) is None:
                found.append(f"{case.written(place, what)}: {seen}")
                break
    return found


WHOLE = ("softplus", "softshrink", "hardtanh", "rrelu", "threshold_", "bilinear", "cosine_similarity",
         "margin_ranking_loss", "avg_pool2d", "pdist")


@pytest.mark.parametrize("name", WHOLE)
def test_functions(name: str) -> None:
    case = next(case for case in cases("functional") if case.name == f"F.{name}")
    assert differing(case) == []


@pytest.mark.parametrize(("group", "name"), [
    ("nn", "nn.PReLU"), ("nn", "nn.Fold"), ("nn", "nn.Embedding"), ("utils", "init.uniform_"),
    ("utils", "init.normal_"), ("utils", "utils.rnn.unpack_sequence"),
    ("utils", "utils.fuse_conv_bn_eval"), ("fft", "fft.rfft2"), ("fft", "fft.ifftn"),
    ("torch", "torch.sort"), ("torch", "torch.baddbmm"), ("torch", "torch.index_put"), ("torch", "Tensor.size"),
])
def test_layers_and_tools(group: str, name: str) -> None:
    assert differing(next(case for case in cases(group) if case.name == name)) == []
