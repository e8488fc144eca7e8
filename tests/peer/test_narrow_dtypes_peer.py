"""complex32 and the floating types of 8 bits beside PyTorch: conversions by their bits, and calls by what they give."""

from __future__ import annotations

import io
import pickle
import warnings

import numpy as np
import pytest
import torch

import wengert

EIGHTHS = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu")
BITS = np.random.default_rng(0)
WORDS = np.arange(65536, dtype=np.uint16)
SPREAD = BITS.standard_normal(20000) * 10.0 ** BITS.uniform(-8, 8, 20000)
SOURCES = {
    "float16": WORDS.view(np.float16),
    "float32": np.concatenate([BITS.integers(0, 2**32, 50000, dtype=np.uint32).view(np.float32),
                               SPREAD.astype(np.float32)]),
    "float64": np.concatenate([BITS.integers(0, 2**63, 50000, dtype=np.int64).view(np.float64), SPREAD]),
    "int64": np.arange(-70000, 70000),
    "uint8": np.arange(256, dtype=np.uint8),
    "uint16": WORDS,
    "uint64": BITS.integers(0, 2**64, 1000, dtype=np.uint64),
    "bool": np.array([True, False]),
    "complex64": SPREAD.astype(np.complex64),
}
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def bits(lib, tensor):
    kind = {1: lib.uint8, 2: lib.int16, 4: lib.int32, 8: lib.int64}[tensor.element_size()]
    return tensor.view(kind).numpy()


@pytest.mark.parametrize("name", EIGHTHS)
@pytest.mark.parametrize("source", [*SOURCES, "bfloat16"])
def test_numbers_become_the_same_codes(name, source):
    found = []
    for lib in (torch, wengert):
        array = WORDS.copy() if source == "bfloat16" else SOURCES[source].copy()
        numbers = lib.from_numpy(array)
        numbers = numbers.view(lib.bfloat16) if source == "bfloat16" else numbers
        found.append(bits(lib, numbers.to(getattr(lib, name))))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("name", EIGHTHS)
@pytest.mark.parametrize("target", ["float16", "float32", "float64", "bfloat16", "complex64", *EIGHTHS])
def test_codes_become_the_same_numbers(name, target):
    found = []
    for lib in (torch, wengert):
        codes = lib.arange(256, dtype=lib.uint8).view(getattr(lib, name))
        found.append(bits(lib, codes.to(getattr(lib, target))))
        back = codes.to(getattr(lib, target))
    if target in ("float32", *EIGHTHS):
        np.testing.assert_array_equal(*found)
    else:  # of NaN only that it is one
        assert back.dtype is getattr(wengert, target)
        wide = [np.asarray(lib.arange(256, dtype=lib.uint8).view(getattr(lib, name)).to(getattr(lib, target)).to(
            lib.complex128).numpy()) for lib in (torch, wengert)]
        np.testing.assert_array_equal(*wide)


@pytest.mark.parametrize("source", ["float16", "float32", "float64", "int64", "uint8", "bool", "complex64"])
def test_numbers_become_the_same_complex32(source):
    found = []
    for lib in (torch, wengert):
        numbers = lib.from_numpy(SOURCES[source].copy()).to(lib.complex32)
        found.append(numbers.to(lib.complex64).numpy())
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("target", ["bool", "float16", "float32", "float64", "bfloat16", "complex64", "complex128",
                                    "int32", *EIGHTHS])
def test_complex32_becomes_the_same_numbers(target):
    parts = (BITS.standard_normal(4000) * 10.0 ** BITS.uniform(-3, 2, 4000)).astype(np.float16)
    found = []
    for lib in (torch, wengert):
        numbers = lib.view_as_complex(lib.from_numpy(parts.copy()).reshape(-1, 2))
        found.append(bits(lib, numbers.to(getattr(lib, target)).reshape(-1)) if target != "complex128"
                     else numbers.to(lib.complex128).numpy())
    np.testing.assert_array_equal(*found)


CALLS = """
    T.tensor([1, 2.5, -3], dtype=D) | T.tensor(2, dtype=D) | T.zeros(2, 3, dtype=D) | T.ones(3, dtype=D)
    T.full((2,), 0.3, dtype=D) | T.empty_like(x).shape | T.empty_strided((2, 2), (1, 2), dtype=D).stride() | x[0]
    x[1:, ::2] | x.clone() | x.t().contiguous() | x.reshape(-1) | x.flip(0) | x.roll(1) | x.repeat(2, 1)
    x.expand(2, 2, 3) | T.cat([x, x]) | T.stack([x, x], 1) | x.unfold(1, 2, 1) | x.as_strided((2, 2), (1, 1))
    x.tile(2, 2) | x.diagonal() | x.unbind() | x == x | x != x | x == 1 | x < x | x.isnan() | x.any() | x.all()
    T.where(x == x, x, x) | T.where(x == x, x, 1.0) | x.hash_tensor() | x[0, 0].item() | x.tolist() | float(x[0, 1])
    x.fill_(3) | x.copy_(T.ones(2, 3) * 7) | x.zero_() | x.index_select(0, T.tensor([1, 0])) | x[T.tensor([1, 0])]
    x[x == x] | x.masked_select(x == x) | x.__setitem__((0, 0), 5) or x
    x.__setitem__((slice(None), 0), T.tensor([1.5, 2.5])) or x | repr(x) | repr(x[0, 0]) | repr(T.zeros(0, dtype=D))
    x.type() | x.element_size() | x.nbytes | D.itemsize | D.is_signed | x.is_floating_point() | x.is_complex()
    x.requires_grad_() | T.result_type(x, 1) | T.promote_types(D, D) | T.promote_types(D, T.int64)
    T.result_type(x, x.float()) | x.new_tensor([1, 2]) | x.new_full((2,), 3) | T.can_cast(D, T.float32) | T.finfo(D).max
    T.finfo(D).eps | T.finfo(D).tiny | T.finfo(D).min | T.finfo(D).bits | str(D) | x.untyped_storage().nbytes() | x + x
    x - x | x * x | x.mul(2) | x - 1.5 | x.sub_(x) | x.mul_(x) | -x | x.view(-1)[1:4]
    T.nn.functional.pad(x[:, :2], (0, 0)) | x.numpy() | D.to_complex() | D.to_real() | x.conj() | x.real
    T.nn.functional.embedding(T.tensor([1, 0]), x) | x.bool() | x.half() | x.cfloat() | T.set_default_dtype(D)
    T.arange(3, dtype=D) | x.max() | x.sort() | x.argmax() | x.minimum(x) | x.topk(1) | x.unique() | x.histc()
    T.rand(3, dtype=D) | T.randn(3, dtype=D) | x.normal_() | x.uniform_() | x.double() | x.new_zeros(2) | x.detach()
    x.untyped_storage()[0]
"""
ONLY_EIGHTHS = """
    x + 1 | x / x | x.add_(1) | x.exp() | x.sum() | x.mean(0) | x.cumsum(0) | x ** 2 | T.eye(2, dtype=D)
    T.softmax(x, 0) | x.abs().sum() | x.sqrt() | x.sign() | x.tril() | x.prod() | x.var() | x.clamp(0, 1)
    x.masked_fill(x == x, 2) | T.linspace(0, 1, 3, dtype=D)
"""
ONLY_COMPLEX = """
    x + 1j | x * 1j | x.abs() | x.imag | T.view_as_real(x) | x.sgn() | x.masked_fill(x == x, 2)
    x.index_fill(0, T.tensor([0]), 2) | x.index_add(0, T.tensor([0]), x[:1]) | x.norm() | x.isfinite() | x.isreal()
    x.count_nonzero() | T.result_type(x, 1.5) | x.tril() | T.complex(x.real, x.imag) | T.zeros(2, dtype=T.half) + 1j
    x.chalf() | x.H
"""


def outcome(lib, call, name):
    lib.manual_seed(0)
    dtype = getattr(lib, name)
    numbers = [[1.0, 2.0, -3.0], [0.5, 4.0, 8.0]]
    x = lib.tensor(numbers).to(dtype) if name != "complex32" else (lib.tensor(numbers) * (1 + 0.5j)).to(dtype)
    try:
        return shown(lib, eval(call, {"T": lib, "D": dtype, "x": x}))
    except Exception as error:  # noqa: BLE001 - either library's refusal is what is compared
        return error
    finally:
        lib.set_default_dtype(lib.float32)


def shown(lib, value):
    if isinstance(value, lib.Tensor):
        return str(value.dtype), tuple(value.shape), str(value.detach().tolist()), value.requires_grad
    if isinstance(value, (list, tuple)) and not isinstance(value, lib.Size):
        return [shown(lib, part) for part in value]
    return repr(value)


@pytest.mark.parametrize("name", [*EIGHTHS, "complex32"])
def test_calls_give_the_same_or_are_refused(name):
    rest = ONLY_COMPLEX if name == "complex32" else ONLY_EIGHTHS
    wrong = []
    for call in [call.strip() for line in (CALLS + rest).split("\n") for call in line.split(" | ") if call.strip()]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs, ours = outcome(torch, call, name), outcome(wengert, call, name)
        if isinstance(theirs, Exception):
            kind = next(kind for kind in type(theirs).__mro__ if kind.__module__ == "builtins")
            kind = RuntimeError if kind is NotImplementedError else kind
            same = isinstance(ours, kind) and "not in wengert" not in str(ours)
        else:
            same = ours == theirs
        if not same:
            wrong.append((call, theirs, ours))
    assert not wrong


@pytest.mark.parametrize("name", [*EIGHTHS, "complex32"])
def test_files_go_both_ways(name):
    saved = {}
    for lib in (torch, wengert):
        memory = io.BytesIO()
        (wengert.io.save_torch if lib is wengert else torch.save)(kept(lib, name), memory)
        saved[lib] = memory.getvalue()
    theirs = torch.load(io.BytesIO(saved[wengert]), weights_only=True)["x"]
    ours = wengert.load(io.BytesIO(saved[torch]))["x"]
    own = io.BytesIO()
    wengert.save(kept(wengert, name), own)
    again = wengert.load(io.BytesIO(own.getvalue()))["x"]
    pickled = pickle.loads(pickle.dumps(kept(wengert, name)))["x"]
    for lib, tensor in ((torch, theirs), (wengert, ours), (wengert, again), (wengert, pickled)):
        assert str(tensor.dtype) == f"torch.{name}"
        assert tensor.to(lib.complex64).tolist() == [[1, 2], [4, 8]]


def kept(lib, name):
    return {"x": lib.tensor([[1.0, 2.0], [4.0, 8.0]]).to(getattr(lib, name))}


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu"])
def test_safetensors_hold_them(name, tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file(kept(torch, name), tmp_path / "theirs")
    wengert.io.save_file(kept(wengert, name), tmp_path / "ours")
    assert wengert.load(tmp_path / "theirs")["x"].float().tolist() == [[1, 2], [4, 8]]
    assert safetensors.load_file(tmp_path / "ours")["x"].float().tolist() == [[1, 2], [4, 8]]


@pytest.mark.parametrize("name", [*EIGHTHS, "complex32"])
def test_gradients_pass_a_conversion(name):
    found = []
    for lib in (torch, wengert):
        x = lib.tensor([1.0, 2.3, -3.7], requires_grad=True)
        weights = lib.tensor([1.0, 0.3, 7.1])
        narrow = x.to(getattr(lib, name))
        (narrow.to(lib.float32 if name != "complex32" else lib.complex64).abs() * weights).sum().backward()
        found.append(x.grad.tolist())
    assert found[0] == pytest.approx(found[1], rel=1e-3)


def test_complex32_is_computed_in_complex64():
    found = []
    for lib in (torch, wengert):
        x = lib.tensor([30 + 30j, 1e-4 + 2j, 3.0]).to(lib.complex32).requires_grad_()
        y = (x * x.conj() + x).abs()
        y.float().sum().backward()
        found.append([*y.tolist(), *lib.view_as_real(x.grad.to(lib.complex64)).reshape(-1).tolist()])
    np.testing.assert_allclose(*found, rtol=2e-3)
