"""What nodes show of what they have saved, beside PyTorch, for every entry of its operator database whose result has a
node of the same name in both."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
import torch

import wengert

pytest.importorskip("expecttest", reason="PyTorch's operator database needs it: pip install expecttest")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from tools.conformance import samples
    from tools.conformance.comparison import Inapplicable, tensors
    from tools.conformance.database import Call, entries

OTHERWISE = ("dim", "dims", "dim0", "dim1", "dim2", "index", "ignore_index", "correction", "U", "Vh", "Q", "R",
             "eigenvectors", "ord", "padding", "stride", "mask", "k")
"""Words that PyTorch shows as they were given, and wengert as they are computed with (dimensions from 0, a norm's
infinity, a stride that was left out, a mask that was expanded), and factors of which there are several."""


COMPOSED = ("linalg.tensorsolve", "linalg.matrix_power", "masked.mean", "nanmean", "logit",
            "nn.functional.multi_head_attention_forward", "tensordot")
"""Entries whose last node has the name of PyTorch's and another operand: sizes of solutions, powers multiplied in
another order, a count that is no integer, numbers that were clamped before, a result that is reshaped otherwise."""
LACKING = 100
"""So many of the words that PyTorch shows may lack, of all entries: of values that backward does not read here."""


def plain(value: Any) -> Any:
    if isinstance(value, (torch.Tensor, wengert.Tensor)):
        return value.detach().numpy(), str(value.dtype)
    return tuple(map(plain, value)) if isinstance(value, (tuple, list)) else value


def agree(ours: Any, theirs: Any) -> bool:
    ours, theirs = plain(ours), plain(theirs)
    if isinstance(theirs, tuple) and theirs and isinstance(theirs[0], np.ndarray) and isinstance(ours, tuple):
        alike = ours[1] == theirs[1] and ours[0].shape == theirs[0].shape
        return bool(alike and np.allclose(ours[0], theirs[0], 1e-5, 1e-6, equal_nan=True))
    if isinstance(theirs, tuple) and isinstance(ours, tuple):
        return len(ours) == len(theirs) and all(map(agree, ours, theirs))
    return bool(ours == theirs or ours is theirs)


@pytest.mark.filterwarnings("ignore")
def test_what_nodes_show_is_what_pytorchs_show() -> None:
    shown, lacking, wrong, too_many = 0, set(), {}, set()
    for name, entry in entries().items():
        if name in COMPOSED:
            continue
        try:
            dtype = samples.backward_dtype(entry, torch.float64)
            ours = samples.ours_of(entry)
            every = entry.sample_inputs("cpu", dtype, requires_grad=True)
            calls = [Call(each) for each in list(itertools.islice(every, 2))[-1:]]
        except Inapplicable:
            continue
        for call in calls:
            nodes = []
            for library, function, (args, kwargs) in ((torch, entry.op, call.theirs()), (wengert, ours, call.ours())):
                library.manual_seed(0)
                results = [each for each in tensors(function(*args, **kwargs)) if each.grad_fn is not None]
                nodes.append(results[0].grad_fn if results else None)
            its, mine = nodes
            if its is None or mine is None or its.name() != mine.name():
                continue
            words = {word for word in dir(its) if word.startswith("_saved_")}
            too_many |= {(its.name(), word) for word in dir(mine) if word.startswith("_saved_") and word not in words}
            for word in words:
                if not hasattr(mine, word):
                    lacking.add((its.name(), word))
                    continue
                shown += 1
                if not agree(getattr(mine, word), getattr(its, word)) and word.removeprefix("_saved_") not in OTHERWISE:
                    wrong[its.name(), word] = (name, getattr(mine, word), getattr(its, word))
    assert shown > 700 and len(lacking) <= LACKING, (shown, lacking)
    assert not wrong and not too_many, (wrong, too_many)
