"""`torch.autocast` on the CPU beside PyTorch's: dtypes of results over PyTorch's lists and its operator database."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

import wengert
from wengert.amp import casting

pytestmark = pytest.mark.filterwarnings("ignore")  # PyTorch warns of what is deprecated and of what it falls back to
pytest.importorskip("expecttest", reason="PyTorch's operator database needs it: pip install expecttest")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.autocast_test_lists import AutocastCPUTestLists

    from tools.conformance.database import carried, counterpart, entries, mapped
    from tools.conformance.samples import calls, ours_of

LOW = ("bfloat16", "float16")
ENTRIES = entries()
LISTED = [name for name, entry in ENTRIES.items()
          if {name, name.partition(".")[2], entry.name.rpartition(".")[2], entry.name} & set(casting.RULES)]
# One of each twenty of the others: these take what they are given, and their results say so.
OTHERS = [name for name in ENTRIES if name not in LISTED][::20]


def dtypes(result: Any, tensor: type) -> list[str]:
    if isinstance(result, tensor):
        return [str(result.dtype)]  # type: ignore[attr-defined]
    return [each for part in result for each in dtypes(part, tensor)] if isinstance(result, (list, tuple)) else []


def beside(theirs: Any, ours: Any, args: Any, kwargs: Any, low: str) -> None:
    """Both under autocast: refused by PyTorch, or the same dtypes."""
    mine = mapped((args, kwargs), carried)
    try:
        with torch.autocast("cpu", dtype=getattr(torch, low)):
            wanted = dtypes(theirs(*args, **kwargs), torch.Tensor)
    except (RuntimeError, TypeError, ValueError, IndexError):
        return
    with wengert.autocast("cpu", dtype=getattr(wengert, low)):
        found = dtypes(ours(*mine[0], **mine[1]), wengert.Tensor)
    assert found == wanted, (args, kwargs)


@pytest.mark.parametrize("low", LOW)
@pytest.mark.parametrize("name", [*LISTED, *OTHERS])
def test_results_have_pytorchs_dtypes(name: str, low: str) -> None:
    entry = ENTRIES[name]
    if not entry.supports_dtype(torch.float32, "cpu"):
        return
    ours = ours_of(entry)
    for given in (torch.float32, getattr(torch, low)):
        for call in calls(entry, torch.float32, most=2):
            args, kwargs = mapped(call.theirs(), lambda x, to=given: x.to(to) if isinstance(x, torch.Tensor)
                                  and x.dtype == torch.float32 else x)
            if given is not torch.float32 and name.startswith("linalg.") and 0 in getattr(args[0], "shape", ()):
                continue  # PyTorch factorises nothing in half precision, where there is nothing to compute
            beside(entry.op, ours, args, kwargs, low)


@pytest.mark.parametrize("low", LOW)
def test_pytorchs_own_lists(low: str) -> None:
    lists, walked = AutocastCPUTestLists(torch.device("cpu")), 0
    for kind in ("torch_expect_builtin_promote", "methods_expect_builtin_promote", "torch_16", "torch_fp32", "nn_16",
                 "nn_fp32", "torch_need_autocast_promote"):
        for name, *rest in getattr(lists, kind):
            args = rest[low == "float16"] if "promote" in kind else rest[0]
            kwargs = rest[-1] if isinstance(rest[-1], dict) else {}
            home = torch._C._nn if kind.startswith("nn") else torch.Tensor if kind.startswith("methods") else torch
            theirs = getattr(home, name, None)
            if theirs is None or name in ("_addmm_activation", "_native_multi_head_attention", "poisson_nll_loss",
                                          "nll_loss2d", "__div__", "reflection_pad1d"):
                continue
            ours = (getattr(wengert.Tensor, name) if kind.startswith("methods") else counterpart(theirs, name)
                    if home is torch else getattr(wengert.nn.functional, name))
            beside(theirs, ours, args, kwargs, low)
            walked += 1
    assert walked > 45


def layers(torch: Any) -> dict[str, Any]:
    """Layers' outputs under autocast, of both libraries."""
    nn, ones, pack = torch.nn, torch.ones, torch.nn.utils.rnn.pack_sequence
    sequence, rows = ones(5, 3, 4), ones(3, 4)
    return {
        "lstm": lambda: nn.LSTM(4, 4)(sequence), "gru": lambda: nn.GRU(4, 4)(sequence),
        "rnn": lambda: nn.RNN(4, 4)(sequence), "two": lambda: nn.LSTM(4, 4, 2, bidirectional=True)(sequence),
        "projected": lambda: nn.LSTM(4, 4, proj_size=2)(sequence), "lstm cell": lambda: nn.LSTMCell(4, 4)(rows),
        "gru cell": lambda: nn.GRUCell(4, 4)(rows), "rnn cell": lambda: nn.RNNCell(4, 4)(rows),
        "packed": lambda: nn.LSTM(4, 4)(pack([ones(3, 4), ones(2, 4)]))[0].data,
        "packed gru": lambda: nn.GRU(4, 4)(pack([ones(3, 4), ones(2, 4)]))[0].data,
        "of half": lambda: nn.GRU(4, 4)(sequence.bfloat16()), "half": lambda: nn.LSTM(4, 4)(sequence.bfloat16()),
        "attention": lambda: nn.MultiheadAttention(4, 2)(sequence, sequence, sequence),
        "masked": lambda: nn.MultiheadAttention(4, 2)(sequence, sequence, sequence, attn_mask=torch.zeros(5, 5)),
        "encoder": lambda: nn.TransformerEncoderLayer(4, 2, 8)(sequence),
        "decoder": lambda: nn.TransformerDecoderLayer(4, 2, 8)(sequence, sequence),
        "convolution": lambda: nn.BatchNorm2d(2)(nn.Conv2d(1, 2, 3)(ones(1, 1, 5, 5))),
        "norm": lambda: nn.LayerNorm(4)(nn.Linear(4, 4)(rows)), "embedding": lambda: nn.Embedding(3, 2)(
            torch.tensor([1])), "bilinear": lambda: nn.Bilinear(4, 4, 2)(rows, rows), "prelu": lambda: nn.PReLU()(rows),
        "in place": lambda: torch.zeros(3, 4).addmm_(rows, ones(4, 4)),
        "out": lambda: torch.mm(rows, ones(4, 4), out=torch.empty(3, 4)),
        "operator": lambda: rows @ ones(4, 4), "vector": lambda: ones(4, 4) @ ones(4),
        "mv": lambda: ones(4, 4).mv(ones(4)),
    }


@pytest.mark.parametrize("name", list(layers(torch)))
def test_layers(name: str) -> None:
    found = []
    for library in (torch, wengert):
        with library.autocast("cpu"):
            found.append(dtypes(layers(library)[name](), library.Tensor))
    assert found[0] and found[0] == found[1]


def test_a_training_step_moves_parameters_alike() -> None:
    found = []
    for library in (torch, wengert):
        library.manual_seed(0)
        model = library.nn.Sequential(library.nn.Linear(8, 16), library.nn.ReLU(), library.nn.Linear(16, 1))
        optimizer = library.optim.SGD(model.parameters(), lr=0.1)
        x = library.randn(32, 8)
        for _ in range(5):
            with library.autocast("cpu", dtype=library.bfloat16):
                loss = library.nn.functional.mse_loss(model(x), x[:, :1])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        found.append(([p.detach().numpy() for p in model.parameters()], loss.item()))
    for theirs, ours in zip(*[each[0] for each in found], strict=True):
        assert abs(theirs - ours).max() < 5e-3
    assert found[1][1] == pytest.approx(found[0][1], rel=0.02)
