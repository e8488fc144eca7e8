"""Creation, conversion, randomness and exchange with numpy against PyTorch."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.peer.agreement import MODULES, agree, same  # noqa: E402

X = (2, 3)
INTS = np.arange(-3, 3).reshape(2, 3)

CASES: dict[str, tuple[Any, ...]] = {
    "tensor": (
        lambda T: (
            T.tensor(1),
            T.tensor(1.5),
            T.tensor(True),
            T.tensor(1j),
            T.tensor([]),
            T.tensor([[]]),
            T.tensor([1, 2]),
            T.tensor([1, 2.5]),
            T.tensor([True, 2]),
            T.tensor([[1, 2], [3, 4]]),
            T.tensor((1.0, 2j)),
            T.tensor(range(3)),
        ),
    ),
    "tensor dtype": (
        lambda T: (
            T.tensor([1, 2], dtype=T.float64),
            T.tensor([1.7, -1.7], dtype=T.int32),
            T.tensor([0, 2], dtype=T.bool),
            T.tensor([-1], dtype=T.uint8),
            T.tensor(3, dtype=float),
            T.tensor([1.5], dtype=T.float16),
        ),
    ),
    "tensor of arrays": (
        lambda T: (
            T.tensor(np.arange(3)),
            T.tensor(np.float32(2.5)),
            T.tensor(np.float64(2.5)),
            T.tensor([np.float64(1), 2]),
            T.tensor([np.arange(2), np.arange(2)]),
            T.tensor(np.array([True])),
        ),
    ),
    "tensor of tensors": (
        lambda T: (T.tensor([T.tensor(1.0), T.tensor(2.0)]), T.tensor(T.tensor([1, 2])), T.tensor([T.tensor(1), 2.5])),
    ),
    "tensor ragged": (lambda T: T.tensor([[1, 2], [3]]),),
    "tensor of text": (lambda T: T.tensor(["a"]),),
    "tensor of a word": (lambda T: T.tensor("a"),),
    "tensor of None": (lambda T: T.tensor([None]),),
    "tensor of object": (lambda T: T.tensor(object()),),
    "tensor overflow": (lambda T: T.tensor([300], dtype=T.uint8),),
    "tensor overflow of a number": (lambda T: T.tensor(300, dtype=T.uint8),),
    "tensor too large": (lambda T: T.tensor([2**70]),),
    "tensor integer grad": (lambda T: T.tensor([1], requires_grad=True),),
    "tensor unknown dtype": (lambda T: T.tensor([1], dtype="float32"),),
    "tensor numpy dtype": (lambda T: T.zeros(2, dtype=np.float32),),
    "tensor device": (lambda T: T.tensor([1], device="gpu"),),
    "tensor cuda": (lambda T: T.tensor([1], device="cuda"),),
    "as_tensor": (
        lambda T: (
            T.as_tensor([1, 2]),
            T.as_tensor(np.arange(2.0)),
            T.as_tensor([1], dtype=T.float),
            T.asarray([1.5]),
            T.asarray(3),
        ),
    ),
    "zeros": (
        lambda T: (
            T.zeros(2, 3),
            T.zeros((2, 3)),
            T.zeros([0]),
            T.zeros(()),
            T.zeros(size=(2,)),
            T.zeros(2, dtype=T.int64),
            T.ones(3),
            T.ones(2, 2, dtype=T.bool),
        ),
    ),
    "zeros negative": (lambda T: T.zeros(-1),),
    "zeros of float": (lambda T: T.zeros(2.5),),
    "empty": (
        lambda T: (T.empty(2, 3).shape, T.empty(0), T.empty((2,), dtype=T.int8).dtype, T.empty_like(T.ones(2)).dtype),
    ),
    "full": (
        lambda T: (
            T.full((2, 3), 7),
            T.full((2,), 1.5),
            T.full((), True),
            T.full((2,), 1, dtype=T.float64),
            T.full([2], 1j),
        ),
    ),
    "like": (
        lambda T, x: (
            T.zeros_like(x),
            T.ones_like(x, dtype=T.int32),
            T.full_like(x, 3),
            T.zeros_like(x.t()),
            T.full_like(x, 2.5, dtype=T.float32),
        ),
        X,
    ),
    "new": (
        lambda T, x: (
            x.new_zeros(2),
            x.new_ones((2, 2)),
            x.new_full((2,), 3),
            x.new_tensor([1, 2]),
            x.new_zeros(2, dtype=T.int64),
            x.new_empty(3).shape,
            x.new([1, 2]),
            x.new(2, 3).shape,
        ),
        X,
    ),
    "eye": (lambda T: (T.eye(3), T.eye(2, 4), T.eye(0), T.eye(2, dtype=T.int64)),),
    "eye negative": (lambda T: T.eye(-1),),
    "arange": (
        lambda T: (
            T.arange(5),
            T.arange(5.0),
            T.arange(1, 4),
            T.arange(1, 2, 0.25),
            T.arange(5, 0, -2),
            T.arange(0),
            T.arange(3, dtype=T.float32),
            T.arange(0, 1, 0.1),
            T.arange(1, 2.5, 0.5),
            T.arange(end=3),
            T.arange(start=1, end=3),
            T.arange(T.tensor(3)),
            T.arange(0, 5, 2, dtype=T.int32),
            T.arange(True),
        ),
    ),
    "arange long": (
        lambda T: (
            T.arange(0, 10, 0.01),
            T.arange(-5, 5, 0.1),
            T.arange(0, 100, 0.3, dtype=T.float64),
            T.arange(1.0, 2000.0),
        ),
    ),
    "arange wrong sign": (lambda T: T.arange(1, 0),),
    "arange zero step": (lambda T: T.arange(0, 1, 0),),
    "arange of infinity": (lambda T: T.arange(0, float("inf")),),
    "range": (lambda T: (T.range(1, 4), T.range(0, 1, 0.25)),),
    "linspace ints": (lambda T: (T.linspace(0, 10, 5, dtype=T.int64), T.linspace(0, 9, 4, dtype=T.int32)),),
    "linspace negative": (lambda T: T.linspace(0, 1, -1),),
    "tril_indices": (lambda T: (T.tril_indices(3, 4), T.triu_indices(3, 3, 1), T.tril_indices(2, 2, offset=-1)),),
    "legacy": (
        lambda T: (
            T.FloatTensor([1, 2]),
            T.LongTensor([1.5]),
            T.Tensor([1, 2]),
            T.Tensor(2, 3).shape,
            T.FloatTensor(2).shape,
            T.Tensor(np.arange(2)),
            T.IntTensor(np.arange(2)),
            T.LongTensor(),
            T.BoolTensor([1, 0]),
            T.ByteTensor([1]),
            T.Tensor(T.Size([2])).shape,
            T.DoubleTensor([[1], [2]]),
        ),
    ),
    "legacy number": (lambda T: T.Tensor(2.5),),
    "legacy other dtype": (lambda T: T.FloatTensor(T.zeros(2, dtype=T.float64)),),
    "legacy checks": (
        lambda T, x: (
            isinstance(x, T.DoubleTensor),
            isinstance(x, T.FloatTensor),
            isinstance(x, T.Tensor),
            isinstance(3, T.FloatTensor),
        ),
        X,
    ),
    "to": (
        lambda T, x: (
            x.to(T.float32),
            x.to(T.float64) is x,
            x.to("cpu") is x,
            x.to(T.device("cpu"), T.float16),
            x.to(T.zeros(1)),
            x.to(dtype=T.int64),
            x.to("cpu", T.int32, True),
            x.to(x, copy=True) is x,
            x.to(device="cpu", dtype=T.float32, non_blocking=True),
        ),
        X,
    ),
    "to cuda": (lambda T, x: x.to("cuda"), X),
    "to unknown": (lambda T, x: x.to("nowhere"), X),
    "cuda": (lambda T, x: x.cuda(), X),
    "conversions": (
        lambda T, x: (
            x.float(),
            x.double(),
            x.half(),
            x.int(),
            x.long(),
            x.short(),
            x.char(),
            x.bool(),
            x.cfloat(),
            x.cdouble(),
        ),
        X,
    ),
    "conversions of ints": (lambda T, x: (x.float(), x.byte(), x.bool(), x.half(), x.char(), x.cfloat()), INTS),
    "type": (
        lambda T, x: (
            x.type(),
            x.type(T.float32),
            x.type("torch.IntTensor"),
            x.type(T.LongTensor),
            x.int().type(),
            x.bool().type(),
            x.type_as(T.zeros(1)),
        ),
        X,
    ),
    "type unknown": (lambda T, x: x.type("torch.Nothing"), X),
    "questions": (
        lambda T, x: (
            T.is_tensor(x),
            T.is_tensor(3),
            T.is_floating_point(x),
            T.is_complex(x),
            T.numel(x),
            x.is_signed(),
            T.is_nonzero(T.tensor(2)),
            x.element_size(),
            x.itemsize,
            x.get_device(),
            x.is_cuda,
            x.layout,
            x.device,
            x.is_pinned(),
            x.is_shared(),
            T.typename(x),
        ),
        X,
    ),
    "is_nonzero of more": (lambda T, x: T.is_nonzero(x), X),
    "result_type": (
        lambda T, x: (
            T.result_type(x, 1), T.result_type(tensor=x, other=1), T.result_type(scalar=1.0, tensor=x),
            T.result_type(T.tensor([1]), 1.5),
            T.result_type(T.tensor(1), T.tensor([True])),
            T.promote_types(T.uint8, T.int8),
            T.promote_types(T.float16, T.int64),
        ),
        X,
    ),
    "can_cast": (
        lambda T: [
            T.can_cast(a, b)
            for a in (T.bool, T.uint8, T.int8, T.int64, T.float32, T.complex64)
            for b in (T.bool, T.uint8, T.int64, T.float16, T.complex64)
        ],
    ),
    "fills": (
        lambda T, x: (
            (x * 1).fill_(2),
            (x * 1).zero_(),
            (x * 1).copy_(T.ones(3)),
            (x * 1).fill_(T.tensor(3)),
            (x * 1).copy_(INTS_OF(T)),
        ),
        X,
    ),
    "fill_ vector": (lambda T, x: (x * 1).fill_(T.ones(2)), X),
    "copy_ shapes": (lambda T, x: (x * 1).copy_(T.ones(2)), X),
    "resize_": (lambda T: (T.arange(6).resize_(2, 2), T.arange(6).resize_(3, 2), T.zeros(2).resize_(3).shape),),
    "set_": (lambda T: T.zeros(2).set_(T.arange(3.0)),),
    "tolist": (lambda T, x: (x.tolist(), x[0, 0].tolist(), x.bool().tolist(), T.zeros(0).tolist()), X),
    "contains": (lambda T: (2 in T.arange(3), 5 in T.arange(3), T.tensor(1) in T.arange(3)),),
    "contains text": (lambda T: "a" in T.arange(3),),
    "numpy of grad": (lambda T: T.ones(2).requires_grad_().numpy(),),
    "numpy forced": (lambda T: str(T.ones(2).requires_grad_().numpy(force=True)),),
    "len of number": (lambda T: len(T.tensor(1)),),
    "iterate number": (lambda T: list(T.tensor(1)),),
    "int of two": (lambda T: int(T.ones(2)),),
    "truth of two": (lambda T: bool(T.ones(2)),),
    "item of two": (lambda T: T.ones(2).item(),),
    "python numbers": (
        lambda T: (
            int(T.tensor(2.7)),
            float(T.tensor(2)),
            bool(T.tensor(0)),
            complex(T.tensor(1j)),
            [10, 20][T.tensor(1)],
            T.tensor(3).__index__(),
        ),
    ),
    "index of float": (lambda T: [1, 2][T.tensor(1.0)],),
    "array and tensor": (lambda T, x: (x * np.ones(3), x - np.ones((2, 3)), x == np.zeros(3)), X),
    "numpy functions": (lambda T, x: (np.sin(x), np.add(np.ones(3), x), np.exp(x)), X),
    "finfo": (
        lambda T: (T.finfo(T.float32).eps, T.finfo(T.float64).max, T.iinfo(T.int16).min, T.finfo(T.float16).tiny),
    ),
    "constants": (
        lambda T: (
            T.pi,
            T.e,
            T.inf,
            str(T.nan),
            T.newaxis,
            T.strided,
            T.contiguous_format,
            T.channels_last,
            T.float,
            T.long,
            T.half,
        ),
    ),
    "cuda questions": (
        lambda T: (
            T.cuda.is_available(),
            T.cuda.device_count(),
            T.cuda.memory_allocated(),
            T.cuda.is_bf16_supported(),
            T.accelerator.is_available(),
            T.accelerator.device_count(),
            T.accelerator.current_accelerator(),
            T.backends.mps.is_available(),
            T.backends.cudnn.version(),
            T.cuda.manual_seed_all(1),
            T.cuda.empty_cache(),
            T.version.cuda,
        ),
    ),
    "cuda device": (lambda T: T.cuda.current_device(),),
    "accelerator device": (lambda T: T.accelerator.set_device_index(0),),
    "split with weights": (lambda T, x: T.block_diag(), X),
    "empty_strided": (lambda T: (T.empty_strided((2, 3), (1, 2)).stride(), T.empty_strided((0,), (1,)).shape),),
    "frombuffer": (lambda T: T.frombuffer(bytearray(b"\x01\x02\x03\x04"), dtype=T.uint8, offset=1),),
}


def INTS_OF(T: Any) -> Any:  # noqa: N802
    return T.arange(3)


@pytest.mark.parametrize("name", CASES)
def test_function(name: str) -> None:
    function, *inputs = CASES[name]
    agree(
        function,
        *inputs,
        layout=False,
        grads=not name.startswith(("new", "numpy functions", "conversions", "like", "array")),
    )


@pytest.mark.parametrize(
    "arguments", [(0, 1, 11), (0, 1, 7), (-3.5, 10, 100), (5, -5, 33), (0, 1, 1), (1, 2, 0), (0, 3, 1000)]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_linspace_to_an_ulp(arguments: tuple[float, float, int], dtype: str) -> None:
    for name in ("linspace", "logspace"):
        if name == "logspace" and abs(arguments[1]) > 4:
            continue
        mine, theirs = (getattr(T, name)(*arguments, dtype=getattr(T, dtype)).numpy() for T in MODULES)
        assert mine.dtype == theirs.dtype and mine.shape == theirs.shape
        np.testing.assert_array_max_ulp(mine, theirs, 2 if name == "linspace" else 16)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_numbers_in_half_precision_are_spaced_bit_for_bit(dtype: str) -> None:
    for arguments in ((4.3, -3, 50), (0, 1, 11), (-20, 20, 100), (0.1, 0.7, 37), (2, 2, 3), (5, 1, 1), (0, 1, 3000)):
        mine, theirs = (T.linspace(*arguments, dtype=getattr(T, dtype)).tolist() for T in MODULES)
        assert mine == theirs, arguments
    for bins, low, high in ((10, 0, 0), (7, -1, 1), (100, -0.3, 0.55)):
        mine, theirs = (T.histc(T.linspace(-2, 2, 200).to(getattr(T, dtype)), bins, low, high).tolist()
                        for T in MODULES)
        assert mine == theirs, (bins, low, high)


NOTHING: dict[str, Callable[[Any], Any]] = {
    "new": lambda T: T.zeros(2, 0, 3), "of sizes": lambda T: T.rand(0), "of a list": lambda T: T.tensor([]),
    "masked": lambda T: T.ones(3)[T.ones(3) > 1], "computed": lambda T: T.zeros(0, 3) * 2,
    "cast": lambda T: T.zeros(2, 3, 0).double(), "reduced": lambda T: T.zeros(3, 4, 0).sum(0),
    "a product": lambda T: T.ones(0, 3) @ T.ones(3, 2), "sliced": lambda T: T.zeros(3, 4)[3:],
    "joined": lambda T: T.cat([T.zeros(0), T.zeros(0)]),
    "a layer's": lambda T: T.nn.functional.conv2d(T.ones(0, 2, 4, 4), T.ones(3, 2, 1, 1)),
}


@pytest.mark.parametrize("name", NOTHING)
def test_strides_without_elements(name: str) -> None:
    mine, theirs = (NOTHING[name](T) for T in MODULES)
    assert mine.stride() == theirs.stride() and mine.is_contiguous() is theirs.is_contiguous()


def draws(T: Any) -> list[Any]:
    """One of every random function, in a row, so that each must leave the stream where PyTorch does."""
    T.manual_seed(7)
    generator = T.Generator().manual_seed(3)
    x = T.ones(4, 5)
    results = [
        T.rand(3),
        T.rand((2, 2), dtype=T.float64),
        T.randn(5),
        T.randn(4, 4),
        T.randint(10, (3,)),
        T.randint(3, 9, (2, 2)),
        T.randint(5, size=(2,)),
        T.randperm(9),
        T.normal(0.0, 2.0, (3,)),
        T.normal(T.zeros(20), 1.0),
        T.normal(1.0, T.ones(3)),
        T.normal(T.zeros(3), T.ones(3)),
        T.normal(mean=0.5, std=1.0, size=(2, 2)),
        T.bernoulli(x * 0.3),
        x.bernoulli(0.5),
        T.multinomial(T.tensor([1.0, 2, 3]), 2),
        T.multinomial(T.tensor([[1.0, 2], [3, 4]]), 3, replacement=True),
        T.poisson(x * 3),
        T.rand_like(x),
        T.randn_like(x),
        T.randint_like(x, 5),
        T.randint_like(x, 2, 7),
        T.rand(2, generator=generator),
        T.randn(2, generator=generator),
        T.randperm(4, generator=generator),
        T.empty(6).uniform_(),
        T.empty(3).uniform_(-1, 1),
        T.empty(20).normal_(),
        T.empty(3).normal_(1, 2),
        T.empty(3).normal_(mean=1, std=0.5),
        T.empty(4).exponential_(),
        T.empty(4).exponential_(2.0),
        T.empty(4).exponential_(lambd=0.5),
        T.empty(3).bernoulli_(),
        T.empty(3).bernoulli_(0.9),
        T.empty(3).bernoulli_(T.tensor([0.1, 0.9, 0.5])),
        T.empty(3, dtype=T.int64).random_(),
        T.empty(3).random_(10),
        T.empty(3).random_(5, 8),
        T.empty(3).geometric_(0.3),
        T.empty(3).cauchy_(),
        T.empty(3).log_normal_(),
        T.empty(3, 4).t().uniform_(),
        T.empty(5, 8).t().normal_(),
        T.empty(3).uniform_(generator=generator),
        T.empty(3).normal_(generator=generator),
        T.rand(2),
        T.initial_seed(),
    ]
    state = T.get_rng_state()
    before = T.rand(3)
    T.set_rng_state(state)
    results += [before, T.rand(3), state.dtype, state.shape]
    with T.random.fork_rng():
        T.rand(5)
    return [*results, T.rand(1), generator.get_state().sum(), generator.initial_seed()]


def test_random_functions() -> None:
    same(draws(MODULES[0]), draws(MODULES[1]), exact=False)


@pytest.mark.parametrize(
    "name", ["uniform_", "normal_", "exponential_", "bernoulli_", "random_", "cauchy_", "log_normal_"]
)
def test_random_fills_are_writes(name: str) -> None:
    for T in MODULES:
        leaf = T.ones(3, requires_grad=True)
        with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
            getattr(leaf, name)()
        with T.no_grad():
            assert getattr(leaf, name)() is leaf and leaf.requires_grad
        whole = leaf * 2
        getattr(whole[1:], name)()
        whole.sum().backward()
        assert leaf.grad.tolist() == [2.0, 0.0, 0.0]
        square = leaf.detach().clone().requires_grad_()
        middle = square * 1
        result = middle * middle
        getattr(middle, name)()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            result.sum().backward()


@pytest.mark.parametrize(
    "arguments", [("randint", 5, 3, (2,)), ("randperm", -1), ("normal", 0.0, -1.0, (2,)), ("rand", -1), ("randn", 2.5)]
)
def test_wrong_arguments_leave_the_stream_alone(arguments: tuple[Any, ...]) -> None:
    name, *rest = arguments
    agree(lambda T: getattr(T, name)(*rest))
    for T in MODULES:
        T.manual_seed(0)
        try:
            getattr(T, name)(*rest)
        except (RuntimeError, TypeError):
            pass
        assert T.rand(1).item() == pytest.approx(0.4962565899)


def test_memory_is_shared_with_numpy_both_ways() -> None:
    for T in MODULES:
        array = np.zeros((2, 3), np.float32)
        tensor = T.from_numpy(array)
        tensor[0] = 1
        array[1, 2] = 7
        assert tensor.tolist() == array.tolist() == [[1, 1, 1], [0, 0, 7]]
        tensor.t().numpy()[0, 0] = 9
        assert array[0, 0] == 9
        assert T.as_tensor(array).data_ptr() == tensor.data_ptr() != T.tensor(array).data_ptr()
        assert T.asarray(array).data_ptr() == tensor.data_ptr() != T.asarray(array, copy=True).data_ptr()


def test_dlpack_between_wengert_and_pytorch() -> None:
    import wengert.utils.dlpack  # noqa: F401

    mine, theirs = MODULES
    for source, target in ((mine, theirs), (theirs, mine)):
        for make in (
            lambda T: T.arange(6.0).view(2, 3).t(),
            lambda T: T.tensor([1, 2]),
            lambda T: T.tensor(3.5),
            lambda T: T.zeros(0, 2),
        ):
            exported = make(source)
            taken = target.from_dlpack(exported)
            assert taken.tolist() == exported.tolist() and str(taken.dtype) == str(exported.dtype)
            if taken.numel():
                taken.fill_(5)
                assert exported.reshape(-1)[0].item() == 5
    assert np.from_dlpack(mine.arange(3)).tolist() == [0, 1, 2]
    assert mine.utils.dlpack.from_dlpack(mine.utils.dlpack.to_dlpack(mine.arange(3))).tolist() == [0, 1, 2]
    for T in MODULES:
        with pytest.raises(BufferError):
            T.ones(2, requires_grad=True).__dlpack__()


def test_copies_and_pickles() -> None:
    facts = []
    for T in MODULES:
        base = T.arange(6.0).view(2, 3).clone()
        pair = (base, base[1], base.t())
        fact: list[Any] = []
        read = pickle.loads(pickle.dumps(pair))
        fact += [part.tolist() for part in read] + [read[2].stride()]
        twins = copy.deepcopy(pair)
        twins[1][0] = 100  # shared memory is shared again
        fact += [part.tolist() for part in twins] + [twins[2].stride(), base.tolist()]
        leaf = T.ones(2, requires_grad=True)
        leaf.grad = T.ones(2)
        twin, shallow = copy.deepcopy(leaf), copy.copy(leaf)
        fact += [
            twin.requires_grad,
            twin.grad.tolist(),
            twin.grad is leaf.grad,
            shallow.data_ptr() == leaf.data_ptr(),
            shallow.requires_grad,
        ]
        fact += [
            pickle.loads(pickle.dumps(x)).tolist()
            for x in (T.tensor(1), T.zeros(0, 2), T.tensor([True]), T.ones(2, dtype=T.bfloat16), T.tensor(1j))
        ]
        parameter = T.nn.Parameter(T.ones(2))
        read = pickle.loads(pickle.dumps(parameter))
        fact += [
            type(read) is T.nn.Parameter,
            read.requires_grad,
            read.is_leaf,
            (leaf * 2).__reduce_ex__(2) is not None,
        ]
        try:
            copy.deepcopy(leaf * 2)
        except RuntimeError:
            fact.append("refused")
        fact.append(hash(leaf) == id(leaf))
        facts.append(fact)
    assert facts[0] == facts[1]


def test_default_dtype_and_device() -> None:
    for T in MODULES:
        try:
            T.set_default_dtype(T.float64)
            assert [
                x.dtype for x in (T.tensor(1.5), T.zeros(2), T.rand(2), T.tensor(1j), T.arange(1.5), T.full((1,), 0.5))
            ] == [T.float64, T.float64, T.float64, T.complex128, T.float64, T.float64]
            assert T.get_default_dtype() is T.float64
        finally:
            T.set_default_dtype(T.float32)
        try:
            T.set_default_device("cpu")
            assert T.get_default_device() == T.device("cpu")
        finally:
            T.set_default_device(None)
        assert T.get_default_device() == T.device("cpu")
        with pytest.raises(TypeError):
            T.set_default_dtype(T.int64)


@pytest.mark.parametrize("name", ["sort", "topk", "kthvalue"])
def test_named_results_print_alike(name: str) -> None:
    texts = []
    for T in MODULES:
        x = T.tensor([3.0, 1.0, 2.0])
        result = getattr(x, name)() if name == "sort" else getattr(x, name)(2)
        assert result.values is result[0] and result.indices is result[1]
        texts.append(repr(result))
        assert isinstance(result, tuple) and isinstance(result, getattr(T.return_types, name))
    assert texts[0] == texts[1]
