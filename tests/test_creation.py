"""New tensors, conversions, default dtypes, random fills, switches and the namespace."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as torch


@pytest.mark.parametrize(
    ("data", "dtype", "shape"),
    [
        (1, torch.int64, ()),
        (1.5, torch.float32, ()),
        (True, torch.bool, ()),
        (1j, torch.complex64, ()),
        ([], torch.float32, (0,)),
        ([[]], torch.float32, (1, 0)),
        ([1, 2.5], torch.float32, (2,)),
        ([True, 2], torch.int64, (2,)),
        (np.float64(1), torch.float64, ()),
        ([np.float32(1)], torch.float32, (1,)),
        (np.arange(3), torch.int64, (3,)),
        (range(2), torch.int64, (2,)),
        ([np.ones(2)], torch.float64, (1, 2)),
    ],
)
def test_inferred_dtypes(data: Any, dtype: Any, shape: Any) -> None:
    made = torch.tensor(data)
    assert made.dtype is dtype and made.shape == shape


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda: torch.tensor([[1, 2], [3]]), ValueError),
        (lambda: torch.tensor(["a"]), ValueError),
        (lambda: torch.tensor("a"), TypeError),
        (lambda: torch.tensor([None]), RuntimeError),
        (lambda: torch.tensor([2**70]), ValueError),
        (lambda: torch.tensor([300], dtype=torch.uint8), RuntimeError),
        (lambda: torch.zeros(-1), RuntimeError),
        (lambda: torch.zeros(2.5), TypeError),
        (lambda: torch.zeros(2, dtype="float32"), TypeError),
        (lambda: torch.arange(1, 0), RuntimeError),
        (lambda: torch.arange(0, 1, 0), RuntimeError),
        (lambda: torch.linspace(0, 1, -1), RuntimeError),
        (lambda: torch.tensor([1], requires_grad=True), RuntimeError),
        (lambda: torch.device("nowhere"), RuntimeError),
        (lambda: torch.from_numpy([1]), TypeError),
        (lambda: torch.from_numpy(np.array(["a"])), TypeError),
        (lambda: torch.randint(5, 3, (2,)), RuntimeError),
        (lambda: torch.normal(0.0, -1.0, (2,)), RuntimeError),
        (lambda: torch.from_numpy(np.arange(3)[::-1]), ValueError),
    ],
)
def test_wrong_input(call: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        call()


def test_sequences() -> None:
    assert torch.arange(5).dtype is torch.int64 and torch.arange(5.0).dtype is torch.float32
    assert torch.arange(1, 2.5, 0.5).tolist() == [1.0, 1.5, 2.0] and torch.arange(5, 0, -2).tolist() == [5, 3, 1]
    assert torch.linspace(0, 1, 5).tolist() == [0, 0.25, 0.5, 0.75, 1] and torch.linspace(3, 9, 1).tolist() == [3]
    assert torch.logspace(0, 2, 3).tolist() == [1, 10, 100]
    assert torch.eye(2, 3).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert torch.full((2,), 7).dtype is torch.int64 and torch.full((2,), 7.0).dtype is torch.float32
    assert torch.tril_indices(2, 2).tolist() == [[0, 1, 1], [0, 0, 1]]
    with pytest.warns(UserWarning, match="deprecated"):
        assert torch.range(1, 3).tolist() == [1, 2, 3]


def test_new_tensors_are_leaves_of_their_own() -> None:
    array = np.ones(2, np.float32)
    copied, shared = torch.tensor(array), torch.as_tensor(array)
    array[0] = 5
    assert copied.tolist() == [1, 1] and shared.tolist() == [5, 1]
    leaf = torch.ones(2, requires_grad=True)
    assert (
        leaf.is_leaf
        and torch.zeros_like(leaf).requires_grad is False
        and torch.zeros_like(leaf, requires_grad=True).requires_grad
    )
    with pytest.warns(UserWarning, match="recommended to use sourceTensor.detach"):
        assert not torch.tensor(leaf).requires_grad
    assert leaf.new_zeros(2, dtype=torch.int64).dtype is torch.int64


def test_conversions() -> None:
    x = torch.tensor([1.7, -1.7], requires_grad=True)
    assert x.to(torch.float32) is x and x.to("cpu") is x and x.cpu() is x and x.to(x, copy=True) is not x
    assert x.int().tolist() == [1, -1] and x.bool().tolist() == [True, True] and x.long().dtype is torch.int64
    x.double().sum().backward()
    assert x.grad.tolist() == [1, 1] and x.grad.dtype is torch.float32
    assert (
        x.type() == "torch.FloatTensor"
        and x.type("torch.LongTensor").dtype is torch.int64
        and x.type(torch.float16).dtype is torch.float16
    )
    assert (
        torch.promote_types(torch.uint8, torch.int8) is torch.int16
        and torch.result_type(torch.ones(1).int(), 1.5) is torch.float32
    )
    assert torch.can_cast(torch.int64, torch.float16) and not torch.can_cast(torch.float32, torch.int64)


@pytest.mark.parametrize(
    "call",
    [
        lambda: torch.ones(1).to("cuda"),
        lambda: torch.ones(1).cuda(),
        lambda: torch.zeros(1, device="cuda:0"),
        lambda: torch.rand(1, device=torch.device("cuda")),
        lambda: torch.cuda.current_device(),
        lambda: torch.accelerator.set_device_index(0),
        lambda: torch.set_default_device("cuda"),
    ],
)
def test_there_is_only_the_cpu(call: Any) -> None:
    with pytest.raises(RuntimeError, match="expected"):
        call()


def test_questions_about_devices() -> None:
    assert not torch.cuda.is_available() and torch.cuda.device_count() == 0 and not torch.backends.mps.is_available()
    assert torch.accelerator.current_accelerator() is None and not torch.accelerator.is_available()
    torch.cuda.manual_seed_all(1)
    torch.cuda.synchronize()
    torch.backends.cudnn.deterministic = True
    with torch.backends.cudnn.flags(benchmark=True):
        assert torch.backends.cudnn.benchmark
    assert not torch.backends.cudnn.benchmark and torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = False
    torch.backends.cuda.matmul.allow_tf32 = True


def test_switches() -> None:
    torch.use_deterministic_algorithms(True)
    assert torch.are_deterministic_algorithms_enabled() and torch.get_deterministic_debug_mode() == 2
    torch.use_deterministic_algorithms(False)
    torch.set_float32_matmul_precision("high")
    assert torch.get_float32_matmul_precision() == "high"
    torch.set_float32_matmul_precision("highest")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    assert torch.get_num_threads() == 1
    torch.set_num_threads(threads)
    with pytest.raises(RuntimeError):
        torch.set_num_threads(0)
    try:
        torch.set_default_dtype(torch.float64)
        assert torch.ones(1).dtype is torch.float64 and torch.tensor(1j).dtype is torch.complex128
    finally:
        torch.set_default_dtype(torch.float32)


def test_old_types() -> None:
    assert torch.LongTensor([1, 2]).dtype is torch.int64 and torch.FloatTensor(2, 3).shape == (2, 3)
    assert isinstance(torch.ones(1), torch.FloatTensor) and not isinstance(torch.ones(1), torch.LongTensor)
    assert torch.Tensor([1, 2]).dtype is torch.float32 and torch.Tensor(2, 3).shape == (2, 3)
    assert (
        repr(torch.FloatTensor) == "<class 'torch.FloatTensor'>"
        and torch.typename(torch.ones(1)) == "torch.FloatTensor"
    )


def test_seeded_numbers() -> None:
    torch.manual_seed(0)
    assert torch.rand(2).tolist() == pytest.approx([0.4962565899, 0.7682217956])
    torch.manual_seed(123)
    assert torch.randperm(10).tolist() == torch.randperm(10, generator=torch.Generator().manual_seed(123)).tolist()
    state = torch.get_rng_state()
    first = torch.randn(3).tolist()
    torch.set_rng_state(state)
    with torch.random.fork_rng():
        torch.rand(100)
    assert torch.randn(3).tolist() == first
    assert torch.initial_seed() == 123


@pytest.mark.parametrize(
    "name", ["uniform_", "normal_", "exponential_", "bernoulli_", "random_", "cauchy_", "log_normal_"]
)
def test_random_fills_are_writes(name: str) -> None:
    leaf = torch.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        getattr(leaf, name)()
    middle = leaf * 1
    result = middle * middle
    assert getattr(middle[1:], name)().shape == (2,)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        result.sum().backward()
    middle.sum().backward()
    assert leaf.grad.tolist() == [1, 0, 0]


def test_channels_last() -> None:
    x = torch.arange(24.0).view(1, 2, 3, 4)
    y = x.to(memory_format=torch.channels_last)
    assert y.stride() == (24, 1, 8, 2) and (y == x).numpy().all()
    assert y.is_contiguous(memory_format=torch.channels_last) and not y.is_contiguous()


def test_assert_close() -> None:
    torch.testing.assert_close(torch.tensor([1.0]), torch.tensor([1.0 + 1e-7]))
    torch.testing.assert_close({"a": [1.0, torch.ones(2)]}, {"a": [1.0, torch.ones(2)]})
    with pytest.raises(AssertionError, match=r"Mismatched elements: 1 / 2 \(50.0%\)\n.*1.0 at index \(1,\)"):
        torch.testing.assert_close(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0]))
    with pytest.raises(AssertionError, match="'dtype' do not match"):
        torch.testing.assert_close(torch.ones(1), torch.ones(1).double())
    with pytest.raises(AssertionError, match="mine"):
        torch.testing.assert_close(torch.ones(1), torch.zeros(1), msg="mine")
    with pytest.raises(AssertionError):
        torch.testing.assert_close(torch.tensor(float("nan")), torch.tensor(float("nan")))
    torch.testing.assert_close(torch.tensor(float("nan")), torch.tensor(float("nan")), equal_nan=True)
    with pytest.raises(ValueError, match="both|Both"):
        torch.testing.assert_close(1, 1, rtol=0.1)


def test_missing_names() -> None:
    with pytest.raises(
        AttributeError, match="wengert.zeross is not a name of PyTorch.s; did you mean wengert.zeros"
    ):
        torch.zeross  # noqa: B018
    with pytest.raises(
        AttributeError, match="Tensor.reshap is not a name of PyTorch.s; did you mean Tensor.reshape"
    ):
        torch.ones(1).reshap  # noqa: B018


@pytest.mark.parametrize("name, meant", [
    ("why_nan", "autograd.why_nan"), ("Linear", "nn.Linear"), ("SGD", "optim.SGD"),
    ("DataLoader", "utils.data.DataLoader"), ("cross_entropy", "nn.functional.cross_entropy"), ("jvp", "func.jvp"),
])
def test_a_name_that_is_in_another_module(name: str, meant: str) -> None:
    with pytest.raises(AttributeError, match=f"is not a name of PyTorch's; did you mean wengert.{meant}\\?$"):
        getattr(torch, name)
    assert not hasattr(torch, name)
    assert not hasattr(torch.ones(1), "nothing") and not hasattr(torch, "nothing")
    assert "nn" in dir(torch) and "zeros" in dir(torch)


@pytest.mark.parametrize("data", [range(3), [0, 1, 2], (0, 1, 2), np.arange(3), torch.arange(3), range(0)])
def test_new_holds_any_sequence(data: Any) -> None:
    assert torch.ones(2, dtype=torch.float64).new(data).tolist() == list(map(float, data))


def test_the_class_of_tensors_is_the_default_type() -> None:
    assert (torch.tensor([1, 2]) < 2).type(torch.Tensor).tolist() == [1.0, 0.0]
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.tensor([True]).type(torch.Tensor).dtype is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_tensor_without_numbers_is_refused_however_it_is_called() -> None:
    class Mine(torch.Tensor):
        pass

    for call in (lambda: torch.Tensor._make_wrapper_subclass(Mine, (2,)),
                 lambda: Mine._make_wrapper_subclass(Mine, size=(2,), dtype=torch.float32)):
        with pytest.raises(NotImplementedError, match="Mine wants PyTorch's dispatcher"):
            call()
