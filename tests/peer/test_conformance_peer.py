"""The walk of PyTorch's operator database: its columns find what differs, and its workers outlive what they run."""

from __future__ import annotations

import os
import signal
import time
import warnings
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import wengert

pytest.importorskip("expecttest", reason="PyTorch's operator database needs it: pip install expecttest")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from tools.conformance import columns, derivatives, pool, report
    from tools.conformance.comparison import Inapplicable, Mismatch
    from tools.conformance.database import FAULTS, LEFT_OUT, Call, carried, entries, op_db, why_left_out

# Entries that hold in every column, some of each kind; all of them are walked by `python -m tools.conformance`.
WHOLE = ("tanh", "expand", "scatter_add", "clone", "special.ndtr")


# What holds in one column, found in a walk of all and mended: a sample of each mechanism.
HOLD = {
    "wrong-dtype": (
        "addmm", "addcmul", "clamp", "lerp", "bmm", "linspace", "isin", "topk", "searchsorted", "unique", "trace",
        "igamma", "cdist", "dist", "unravel_index", "isposinf", "index_reduce.amax", "nn.functional.conv1d",
        "nn.functional.conv2d",
        "nn.functional.avg_pool2d", "nn.functional.adaptive_max_pool2d", "nn.functional.max_unpool2d.grad",
        "nn.functional.interpolate.bilinear", "nn.functional.interpolate.linear", "nn.functional.layer_norm",
        "nn.functional.elu", "nn.functional.relu6", "nn.functional.hardswish", "nn.functional.glu",
        "nn.functional.rrelu",
        "nn.functional.binary_cross_entropy", "nn.functional.pad.reflect", "arange", "tril_indices",
        "round.decimals_0", "linalg.vecdot", "scatter_reduce.mean", "nn.functional.one_hot", "special.ndtri",
        "pca_lowrank", "nn.functional.gaussian_nll_loss", "nn.functional.pdist",
        "nn.functional.feature_alpha_dropout.with_train",
    ),
    "float16": ("clamp", "linspace"), "bfloat16": ("clamp", "histc"),
    "in-place": ("addbmm", "nn.functional.dropout3d"),
    "float64": ("view_copy", "unbind_copy", "nonzero_static", "as_strided_scatter", "index_reduce.mean", "diff", "cov",
                "corrcoef", "conj_physical", "unsafe_chunk", "native_layer_norm",
                "native_batch_norm", "scalar_tensor", "stft", "gradient", "nn.functional.pad.circular",
                "nn.functional.multi_margin_loss", "nn.functional.max_unpool1d", "nn.functional.max_unpool3d.grad",
                "nn.functional.triplet_margin_with_distance_loss", "nn.functional.batch_norm", "gather", "histogramdd",
                "unique_consecutive", "searchsorted", "nn.functional.feature_alpha_dropout.without_train",
                "nn.functional.pixel_shuffle", "linalg.lstsq", "linalg.norm", "linalg.vander", "linalg.matrix_rank",
                "svd_lowrank", "pca_lowrank", "zero_", "resize_as_", "__rdiv__",
                "nn.functional.linear_cross_entropy.chunked_none"),
    "grad": ("permute_copy", "index_reduce.prod", "index_reduce.amin", "unsafe_split", "diff", "cholesky_inverse",
             "cholesky_solve", "complex", "matmul", "quantile", "nanquantile", "native_group_norm", "nextafter",
             "normal", "bernoulli", "linalg.eigh", "linalg.matrix_power", "gradient", "svd_lowrank",
             "nn.functional.linear_cross_entropy.chunked"),
    "wrong-input": ("fft.fft", "fft.ihfft2", "bitwise_xor", "remainder", "pow", "xlogy", "hstack", "dstack", "renorm",
                    "linalg.cross", "complex", "cov", "ldexp", "narrow", "special.zeta", "__radd__",
                    "nn.functional.rrelu", "nn.functional.conv2d", "nn.functional.max_pool1d"),
    "grad-complex": ("addmm", "baddbmm", "istft", "logaddexp", "logcumsumexp"),
    "grad-second": ("linalg.lstsq", "nn.functional.conv_transpose2d", "nn.functional.conv_transpose3d"),
    "int64": ("addmv", "addbmm", "linspace", "logspace", "nn.functional.avg_pool1d", "nn.functional.avg_pool3d",
              "nn.functional.hardtanh", "nn.functional.relu6", "hash_tensor", "topk"),
    "bool": ("sort", "addr", "sum_to_size"),
    "complex128": ("logsumexp", "logaddexp"),
    "reference": ("complex", "div.floor_rounding", "floor_divide", "nn.functional.multi_margin_loss", "__rsub__",
                  "__rpow__",
                  "igamma", "igammac", "special.zeta", "special.chebyshev_polynomial_w", "special.bessel_y1"),
    "grad-reference": ("clamp_min", "clamp_max", "__rsub__", "half", "logaddexp"),
    "forward": ("cov", "nn.functional.max_unpool2d.grad", "cdouble", "linalg.cholesky_ex", "linalg.eigh",
                "masked.logaddexp"),
    "vmap": ("linspace.tensor_overload", "histogram", "bincount", "resize_", "nonzero_static", "argwhere",
             "nn.functional.dropout2d", "nn.functional.feature_alpha_dropout.with_train",
             "nn.functional.scaled_dot_product_attention", "linalg.cholesky_ex"),
    "out": ("stack", "column_stack", "isneginf", "isin", "nansum", "cumsum", "bernoulli",
            "randn", "zeros", "histc", "slice_scatter", "split_with_sizes_copy", "linalg.qr", "linalg.eigh", "topk",
            "nn.functional.gelu", "nn.functional.avg_pool2d", "native_batch_norm", "float_power", "signbit",
            "diff", "inner", "lerp"),
    "strided": ("quantile",),
    "views": ("empty_permuted", "new_empty_strided", "double", "bool", "expand_copy", "unfold_copy", "diff",
              "transpose_copy", "fft.irfftn", "linalg.svd", "linalg.lstsq", "quantile", "unique", "nonzero",
              "unravel_index", "slice_scatter", "as_strided_scatter", "ravel", "masked_scatter", "stft",
              "nn.functional.max_unpool2d", "nn.functional.interpolate.nearest", "histogramdd"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("column", HOLD)
def test_what_was_mended_holds(column: str, database: dict[str, Any]) -> None:
    found = {name: pool.judged(columns.COLUMNS[column], database[name]) for name in HOLD[column]}
    assert not any(found.values()), {name: message for name, message in found.items() if message}


@pytest.fixture(scope="module")
def database() -> dict[str, Any]:
    return entries()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("column", columns.COLUMNS)
def test_entries_hold(column: str, database: dict[str, Any]) -> None:
    found = {}
    for name in WHOLE:
        try:
            found[name] = pool.judged(columns.COLUMNS[column], database[name])
        except Inapplicable:
            continue
    # PyTorch takes any dtype in all of these.
    assert found or column == "wrong-dtype"
    assert not any(found.values()), found


def test_every_entry_is_walked_or_left_out_for_a_reason(database: dict[str, Any]) -> None:
    names = {entry.full_name for entry in op_db}
    assert set(database) | {name for name in names if why_left_out(name)} == names
    for key in LEFT_OUT:
        assert any(why_left_out(name) and name.startswith(key) for name in names), key
    assert {name for name, _ in FAULTS} <= set(database)
    assert {column for _, column in FAULTS} <= set(columns.COLUMNS)


def test_tensors_are_carried_with_their_layout() -> None:
    base = torch.arange(24.0, dtype=torch.float64).reshape(4, 6)
    for tensor in (base.t()[1:, ::2], base[1:].expand(2, 3, 6), base.to(torch.bfloat16)[:, 1]):
        ours = carried(tensor)
        assert tuple(ours.shape) == tuple(tensor.shape)
        assert ours.stride() == tensor.stride()
        assert ours.storage_offset() == tensor.storage_offset()
        assert ours.tolist() == tensor.tolist()


def sample(*args: Any) -> Call:
    from torch.testing._internal.opinfo.core import SampleInput

    return Call(SampleInput(args[0], args=args[1:]))


@pytest.mark.parametrize(
    ("ours", "theirs", "message"),
    [
        (lambda x: x + 1, lambda x: x, "values: 1.0 expected at (0,)"),
        (lambda x: x.float(), lambda x: x, "dtype float64 expected; float32 came"),
        (lambda x: x[None], lambda x: x, "shape (3,) expected; (1, 3) came"),
        (lambda x: x.tolist(), lambda x: x, "1 results expected; 3 came"),
        (lambda x: x, lambda x: x.view(7), "PyTorch raises RuntimeError"),
    ],
)
def test_differences_are_found(ours: Any, theirs: Any, message: str) -> None:
    with pytest.raises(Mismatch) as caught:
        columns.both(ours, theirs, sample(torch.ones(3, dtype=torch.float64)), SimpleNamespace(name="here"))
    assert message in str(caught.value)


def test_wrong_gradients_are_found() -> None:
    call = sample(torch.ones(3, dtype=torch.float64, requires_grad=True))
    derivatives.same_derivatives(lambda x: x * x, torch.square, call, 2)
    with pytest.raises(Mismatch, match="values: 1.0 expected"):
        derivatives.same_derivatives(lambda x: x.detach() * x, torch.square, call, 1)


def test_workers_outlive_a_crash_and_a_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(entry: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def hang(entry: Any) -> None:
        if entry == "b":
            time.sleep(60)

    def fine(entry: Any) -> None:
        assert wengert.ones(2).sum() == 2

    made = {"crash": crash, "fine": fine, "hang": hang}
    monkeypatch.setattr(pool, "COLUMNS", made)
    monkeypatch.setattr(pool, "SILENCE", 2.0)
    rows = dict(pool.walk({"a": "a", "b": "b"}, list(made), 1))
    died = "the process died (-9)"
    assert rows["a"] == {"crash": died, "fine": None, "hang": None}
    assert rows["b"] == {"crash": died, "fine": None, "hang": "hung for 2 s"}


def test_the_table_counts_what_applies() -> None:
    rows: dict[str, pool.Row] = {"a": {"float64": None, "vmap": "no"}, "b": {"float64": None}}
    assert report.figures(rows) == [("float64", 2, 2), ("vmap", 0, 1)]
    assert report.whole(rows) == 1
    assert "- `a`: vmap" in report.failures(rows)
