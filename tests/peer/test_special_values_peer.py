"""NaN, infinities, zeros and whole numbers in every function of one or two elements that PyTorch's database knows:
values, gradients and forward derivatives, beside PyTorch's."""

from __future__ import annotations

import fnmatch
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch

import wengert

pytest.importorskip("expecttest", reason="PyTorch's operator database needs it: pip install expecttest")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.opinfo.core import BinaryUfuncInfo, SampleInput, UnaryUfuncInfo

    from tools.conformance.comparison import Inapplicable, Mismatch, attempt, same, short, tensors
    from tools.conformance.database import ROUGH, Call, entries
    from tools.conformance.derivatives import derivatives
    from tools.conformance.samples import ours_of

pytestmark = pytest.mark.filterwarnings("ignore")
nan, inf = float("nan"), float("inf")
VALUES = [nan, inf, -inf, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 6.0, 30.0, -30.0, 100.0, -100.0, 1e-5,
          -1e-5, 1e5, -1e5]
# What differs on purpose, or stays apart: patterns of names, with where ("values" too, or derivatives alone) and why.
APART = {
    "special.*polynomial*": ("values", "for NaN PyTorch returns a variable that was never set"),
    "*polygamma*": ("values", "at poles PyTorch's trigamma is a large number by rounding"),
    "digamma": ("derivatives", "the same"),
    "mvlgamma*": ("derivatives", "PyTorch adds 0 to -0.0"),
    "nn.functional.[ehrs]*": ("derivatives", "PyTorch's code for vectors and that for single elements differ at NaN"),
    "nn.functional.celu": ("derivatives", "the same"),
    "logit": ("derivatives", "the same"),
    "nn.functional.prelu": ("derivatives", "at 0 PyTorch's forward derivative is not its gradient"),
    "special.log_ndtr": ("derivatives", "far out PyTorch's formula cancels"),
    "polar": ("derivatives", "PyTorch's gradient has the wrong sign by negative radii"),
    "clamp_m*": ("derivatives", "forward, PyTorch's follows a bound where the input is NaN; its gradient does not"),
    "__r*__": ("derivatives", "PyTorch multiplies by a reciprocal"),
}


def within(name: str, what: str) -> bool:
    return not any(fnmatch.fnmatch(name, key) and where in ("values", what) for key, (where, _) in APART.items())


ENTRIES = {name: entry for name, entry in entries().items()
           if isinstance(entry, (UnaryUfuncInfo, BinaryUfuncInfo)) and entry.supports_dtype(torch.float64, "cpu")}


def given(entry: Any) -> Iterator[SampleInput]:
    """The values, or all pairs of them, with each set of settings that the database has."""
    whole, seen = torch.tensor(VALUES, dtype=torch.float64), set()
    for sample in list(entry.sample_inputs("cpu", torch.float64))[:12]:
        settings = str((sample.kwargs, [x for x in sample.args if not isinstance(x, torch.Tensor)]))
        operands = [x for x in (sample.input, *sample.args) if isinstance(x, torch.Tensor)]
        pair = isinstance(entry, BinaryUfuncInfo)
        if settings in seen or len(operands) != 1 + pair or any(tensors(list(sample.kwargs.values()))):
            continue
        seen.add(settings)
        if pair:
            first, second = torch.meshgrid(whole, whole, indexing="ij")
            yield SampleInput(first.reshape(-1), args=(second.reshape(-1), *sample.args[1:]), kwargs=sample.kwargs)
        else:
            yield SampleInput(whole, args=sample.args, kwargs=sample.kwargs)


@pytest.mark.parametrize("name", [name for name in ENTRIES if within(name, "values")])
def test_values(name: str) -> None:
    entry = ENTRIES[name]
    for sample in given(entry):
        call = Call(sample)
        want, refusal = attempt(entry.op, *call.theirs())
        if refusal is None:
            got, problem = attempt(ours_of(entry), *call.ours())
            assert problem is None, problem
            same(got, want, rough=ROUGH.get(name, (0.0, 0.0)))


def moved(lib: Any, function: Any, call: Call) -> list[Any]:
    """The forward derivative, every operand moving by 1."""
    args, kwargs = call.theirs() if lib is torch else call.ours()
    places = [i for i, x in enumerate(args) if isinstance(x, lib.Tensor)]
    primals = tuple(args[i] for i in places)

    def placed(*values: Any) -> tuple[Any, ...]:
        whole = list(args)
        for i, value in zip(places, values, strict=True):
            whole[i] = value
        return tuple(tensors(function(*whole, **kwargs)))

    return list(lib.func.jvp(placed, primals, tuple(lib.ones_like(x) for x in primals))[1])


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items()
                                  if within(name, "derivatives") and entry.supports_autograd])
def test_derivatives(name: str) -> None:
    entry, found = ENTRIES[name], {}
    for sample in given(entry):
        call, leaves = Call(sample), Call(sample.transform(
            lambda x: x.clone().requires_grad_() if isinstance(x, torch.Tensor) else x))
        for way, run in (("backward", lambda lib, f, c=leaves: derivatives(lib, f, c, 1)),
                         ("forward", lambda lib, f, c=call: moved(lib, f, c))):
            try:
                want = run(torch, entry.op)
            except Exception:  # noqa: BLE001 - PyTorch has no such derivative
                continue
            try:
                same(run(wengert, ours_of(entry)), want)
            except (Inapplicable, Mismatch) as error:
                found[way] = str(error)
            except Exception as error:  # noqa: BLE001 - a refusal where PyTorch computes
                found[way] = short(error)
    assert not found, found
