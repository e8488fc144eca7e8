"""Tensors of the meta device: shapes, dtypes and strides without elements, forward and back, whatever their size."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert import nn
from wengert.core.errors import DeviceError
from wengert.core.primitive import P
from wengert.tensors.nowhere import viewed

F = nn.functional
HUGE = 10**6


def meta(*shape: int, **options: Any) -> Any:
    return torch.empty(shape, device="meta", **options)


def test_a_meta_tensor_says_where_it_is() -> None:
    x = meta(2, 3)
    assert (x.device, x.is_meta, x.is_cpu, x.get_device(), x.data_ptr()) == (torch.device("meta"), True, False, -1, 0)
    assert (tuple(x.shape), x.stride(), x.dtype, x.nbytes) == ((2, 3), (3, 1), torch.float32, 24)
    assert not torch.ones(2).is_meta


FACTORIES: dict[str, Callable[[], Any]] = {
    "empty": lambda: torch.empty(HUGE, HUGE), "zeros": lambda: torch.zeros(HUGE, HUGE),
    "ones": lambda: torch.ones(HUGE, HUGE), "full": lambda: torch.full((HUGE, HUGE), 2.0),
    "rand": lambda: torch.rand(HUGE, HUGE), "randn": lambda: torch.randn(HUGE, HUGE),
    "randint": lambda: torch.randint(3, (HUGE, HUGE)), "normal": lambda: torch.normal(0.0, 1.0, (HUGE, HUGE)),
    "eye": lambda: torch.eye(HUGE), "arange": lambda: torch.arange(HUGE**2),
    "linspace": lambda: torch.linspace(0, 1, HUGE**2), "randperm": lambda: torch.randperm(HUGE**2),
    "empty_strided": lambda: torch.empty_strided((HUGE, HUGE), (1, HUGE)), "tensor": lambda: torch.tensor([1, 2]),
    "as_tensor": lambda: torch.as_tensor([1, 2]), "from an array": lambda: torch.as_tensor(np.ones(2)),
    "tril_indices": lambda: torch.tril_indices(3, 3), "scalar_tensor": lambda: torch.scalar_tensor(3),
    "empty_permuted": lambda: torch.empty_permuted((HUGE, HUGE), (1, 0)), "hann_window": lambda: torch.ones(3),
}


@pytest.mark.parametrize("make", FACTORIES.values(), ids=FACTORIES)
def test_what_is_made_under_the_device_has_no_elements_and_draws_nothing(make: Callable[[], Any]) -> None:
    torch.manual_seed(4)
    expected = torch.rand(1).item()
    torch.manual_seed(4)
    with torch.device("meta"):
        assert make().is_meta
        assert torch.zeros(1, device="cpu").device.type == "cpu"
    assert torch.rand(1).item() == expected
    assert not torch.zeros(1).is_meta


def test_devices_nest_and_the_default_can_be_set() -> None:
    with torch.device("meta"), torch.device("cpu"):
        assert not torch.zeros(1).is_meta
    torch.set_default_device("meta")
    try:
        assert torch.get_default_device() == torch.device("meta")
        assert torch.zeros(1).is_meta
    finally:
        torch.set_default_device(None)
    assert not torch.zeros(1).is_meta
    with pytest.raises(DeviceError):
        torch.set_default_device("cuda")


def test_what_is_made_like_another_is_where_that_is() -> None:
    x = meta(4, 3)
    for made in (torch.zeros_like(x), torch.rand_like(x), torch.full_like(x, 2), x.new_ones(2), x.new_zeros(1),
                 x.new_tensor([1]), x.new_full((2,), 3), torch.randint_like(x, 3)):
        assert made.is_meta
    assert torch.zeros_like(x, device="cpu").tolist() == [[0.0] * 3] * 4
    assert torch.zeros_like(torch.ones(2), device="meta").is_meta


OPERATIONS: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {
    "exp": (lambda x: x.exp(), (HUGE, HUGE)), "add": (lambda x: x + x, (HUGE, HUGE)),
    "a number": (lambda x: 2 * x - 1, (HUGE, HUGE)), "compare": (lambda x: x > 0, (HUGE, HUGE)),
    "sum": (lambda x: x.sum(), ()), "mean": (lambda x: x.mean(0), (HUGE,)), "matmul": (lambda x: x @ x, (HUGE, HUGE)),
    "softmax": (lambda x: x.softmax(-1), (HUGE, HUGE)), "cumsum": (lambda x: x.cumsum(1), (HUGE, HUGE)),
    "argmax": (lambda x: x.argmax(1), (HUGE,)), "sort": (lambda x: x.sort()[1], (HUGE, HUGE)),
    "topk": (lambda x: x.topk(3)[0], (HUGE, 3)), "logsumexp": (lambda x: x.logsumexp(0), (HUGE,)),
    "std": (lambda x: x.std(1), (HUGE,)), "norm": (lambda x: x.norm(), ()), "prod": (lambda x: x.prod(1), (HUGE,)),
    "cat": (lambda x: torch.cat([x, x]), (2 * HUGE, HUGE)), "stack": (lambda x: torch.stack([x, x]), (2, HUGE, HUGE)),
    "index": (lambda x: x[[1, 2]], (2, HUGE)), "slice": (lambda x: x[1:, ::2], (HUGE - 1, HUGE // 2)),
    "gather": (lambda x: x.gather(1, meta(HUGE, 2, dtype=torch.int64)), (HUGE, 2)),
    "where": (lambda x: torch.where(x > 0, x, 0.0), (HUGE, HUGE)), "tril": (lambda x: x.tril(), (HUGE, HUGE)),
    "masked_fill": (lambda x: x.masked_fill(x > 0, 1), (HUGE, HUGE)),
    "reshape": (lambda x: x.t().reshape(-1), (HUGE**2,)),
    "expand": (lambda x: x.expand(3, HUGE, HUGE), (3, HUGE, HUGE)),
    "pad": (lambda x: F.pad(x, (1, 1)), (HUGE, HUGE + 2)),
    "flip": (lambda x: x.flip(0), (HUGE, HUGE)), "roll": (lambda x: x.roll(1, 0), (HUGE, HUGE)),
    "dropout": (lambda x: F.dropout(x), (HUGE, HUGE)), "layer_norm": (lambda x: F.layer_norm(x, (HUGE,)), (HUGE, HUGE)),
    "einsum": (lambda x: torch.einsum("ij,kj->ik", x, x), (HUGE, HUGE)), "mse": (lambda x: F.mse_loss(x, x), ()),
    "cast": (lambda x: x.to(torch.float64), (HUGE, HUGE)), "scatter": (lambda x: x.scatter_add(
        1, meta(2, 2, dtype=torch.int64), x), (HUGE, HUGE)),
    "cross entropy": (lambda x: F.cross_entropy(x, meta(HUGE, dtype=torch.int64)), ()),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_find_the_shape_and_compute_nothing(name: str) -> None:
    run, shape = OPERATIONS[name]
    out = run(meta(HUGE, HUGE))  # four terabytes, if they were there
    assert out.is_meta and tuple(out.shape) == shape


@pytest.mark.parametrize("name", OPERATIONS)
def test_gradients_have_the_shape_of_their_tensors(name: str) -> None:
    x = meta(HUGE, HUGE, requires_grad=True)
    out = OPERATIONS[name][0](x)
    if not out.is_floating_point():
        return
    assert out.requires_grad
    out.backward(torch.ones_like(out))
    assert x.grad.is_meta and x.grad.shape == x.shape


def test_views_writes_and_versions_work_as_ever() -> None:
    x = meta(4, 6)
    assert (x.t().stride(), x[1:, ::2].stride(), x[1:].storage_offset()) == ((1, 6), (6, 2), 6)
    assert x[0]._base is x and not x.t().is_contiguous()
    x[0].fill_(2)
    x.add_(1).mul_(x)
    x[:, 1] = 3.0
    x.copy_(torch.ones(4, 6))
    assert x._version == 5
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        x.t().view(24)
    y = meta(3, requires_grad=True)
    z = y * 1
    z.mul_(2)
    z.sum().backward()
    assert y.grad.is_meta


@pytest.mark.parametrize(("shape", "order", "wanted"), [
    ((2, 3, 4), (0, 1, 2), (6, 4)), ((2, 3, 4), (0, 1, 2), (2, 12)), ((2, 3, 4), (0, 2, 1), (2, 12)),
    ((2, 3, 4), (2, 0, 1), (4, 6)), ((2, 3, 4), (1, 0, 2), (6, 4)), ((2, 1, 4), (0, 1, 2), (1, 8, 1)),
    ((2, 3, 4), (0, 1, 2), (2, 3, 2, 2)), ((4,), (0,), (2, 2)), ((0, 3), (0, 1), (3, 0)), ((1, 1), (0, 1), (1,)),
])
def test_whether_a_view_is_possible_is_known_without_memory(shape: Any, order: Any, wanted: Any) -> None:
    array = np.zeros(shape).transpose(order)
    found = viewed(array.shape, array.strides, wanted)
    try:
        expected = array.reshape(wanted, copy=False)
    except ValueError:
        assert found is None
    else:
        assert found is not None and (expected.strides == found or not array.size or 1 in wanted)


def test_modules_are_made_moved_and_filled() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3, device="meta"), nn.BatchNorm2d(8, device="meta"), nn.ReLU(),
                          nn.Flatten(), nn.Linear(8 * 36, 5, device="meta"))
    out = model(meta(2, 3, 8, 8))
    F.cross_entropy(out, meta(2, dtype=torch.int64)).backward()
    assert all(p.grad is not None and p.grad.is_meta for p in model.parameters())
    torch.optim.Adam(model.parameters()).step()
    with pytest.raises(NotImplementedError, match="to_empty"):
        model.to("cpu")
    model.to_empty(device="cpu")
    assert not any(t.is_meta for t in model.state_dict().values())
    assert all(isinstance(p, nn.Parameter) and p.requires_grad for p in model.parameters())
    model.to("meta")
    assert all(p.is_meta for p in model.parameters())


def test_a_large_transformer_is_sized_without_memory() -> None:
    with torch.device("meta"):
        layer = nn.TransformerEncoderLayer(12288, 96, 49152, batch_first=True)
        out = layer(torch.empty(4, 2048, 12288))
    out.sum().backward()
    assert tuple(out.shape) == (4, 2048, 12288)
    assert sum(p.numel() for p in layer.parameters()) == 1_812_099_072


def test_weights_are_loaded_by_assignment() -> None:
    source, target = nn.Linear(3, 4), nn.Linear(3, 4, device="meta")
    target.load_state_dict(source.state_dict(), assign=True)
    assert torch.equal(target.weight, source.weight) and isinstance(target.weight, nn.Parameter)
    assert target.weight.requires_grad
    with pytest.raises(RuntimeError, match="no data"):
        nn.Linear(3, 4).load_state_dict(nn.Linear(3, 4, device="meta").state_dict())


def test_skip_init_draws_nothing() -> None:
    torch.manual_seed(0)
    expected = torch.rand(1).item()
    torch.manual_seed(0)
    made = nn.utils.skip_init(nn.Linear, 3, 4)
    assert not made.weight.is_meta and torch.rand(1).item() == expected


ELEMENTS: dict[str, Callable[[Any], Any]] = {
    "item": lambda x: x.sum().item(), "bool": lambda x: bool(x.sum()), "float": lambda x: float(x.sum()),
    "int": lambda x: int(x.sum()), "tolist": lambda x: x.tolist(), "cpu": lambda x: x.cpu(),
    "to": lambda x: x.to("cpu"), "nonzero": lambda x: x.nonzero(), "mask": lambda x: x[x > 0],
    "masked_select": lambda x: x.masked_select(x > 0), "unique": lambda x: x.unique(),
    "equal": lambda x: x.equal(x), "allclose": lambda x: torch.allclose(x, x),
    "bincount": lambda x: x.long()[0].bincount(), "copy": lambda x: torch.ones(2, 3).copy_(x),
    "put": lambda x: torch.ones(2, 3).__setitem__(0, x[0]), "mixed": lambda x: x + torch.ones(2, 3),
    "mixed product": lambda x: x @ torch.ones(3, 2), "mixed cat": lambda x: torch.cat([x, torch.ones(2, 3)]),
    "mixed linear": lambda x: nn.Linear(3, 2)(x), "in place": lambda x: torch.ones(2, 3).add_(x),
}


@pytest.mark.parametrize("name", ELEMENTS)
def test_elements_that_are_not_there_are_an_error(name: str) -> None:
    with pytest.raises(RuntimeError):
        ELEMENTS[name](meta(2, 3))


def test_numpy_gets_no_array() -> None:
    for ask in (lambda x: x.numpy(), lambda x: np.asarray(x)):
        with pytest.raises(TypeError, match="meta"):
            ask(meta(2))


def test_generated_code_refuses_what_has_no_memory() -> None:
    big = meta(300, 300)
    for run in (lambda: big @ big, lambda: big.exp(), lambda: F.softmax(big, -1), lambda: F.layer_norm(big, (300,)),
                lambda: F.conv2d(meta(8, 8, 40, 40), meta(8, 8, 3, 3)),
                lambda: nn.LSTM(300, 300, device="meta")(meta(5, 300, 300))[0], lambda: big.index_select(
                    0, meta(5, dtype=torch.int64))):
        assert run().is_meta
    weight = nn.Parameter(meta(300, 300))
    weight.grad = meta(300, 300)
    for kind in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop, torch.optim.Adagrad):
        kind([weight]).step()
    assert weight.is_meta
    with pytest.raises(RuntimeError, match="cannot be recorded"):
        torch.compile(lambda x: (x * 2).sin(), fullgraph=True)(big)


def test_printing() -> None:
    assert repr(meta(2, 3)) == "tensor(..., device='meta', size=(2, 3))"
    assert repr(meta(2, dtype=torch.int64)) == "tensor(..., device='meta', size=(2,), dtype=torch.int64)"
    assert repr(meta(2, requires_grad=True) * 2) == "tensor(..., device='meta', size=(2,), grad_fn=<MulBackward0>)"
    assert f"{meta()}" == "tensor(..., device='meta', size=())"


def test_copies_and_files_keep_the_device() -> None:
    weight = nn.Linear(3, 4, device="meta").weight
    file = io.BytesIO()
    torch.save({"w": weight, "t": meta(2, 3).t()}, file)
    file.seek(0)
    loaded = torch.load(file)
    assert loaded["w"].is_meta and loaded["t"].stride() == (1, 3)
    for again in (copy.deepcopy(weight), pickle.loads(pickle.dumps(weight)), loaded["w"]):
        assert again.is_meta and again.shape == weight.shape and again.requires_grad
    file = io.BytesIO()
    torch.save(nn.Linear(3, 4).state_dict(), file)
    file.seek(0)
    assert torch.load(file, map_location="meta")["weight"].is_meta
    assert meta(2, 3).untyped_storage().nbytes() == 24


def test_a_gradient_does_not_come_back_from_where_nothing_is() -> None:
    w = torch.ones(3, requires_grad=True)
    out = w.to("meta").sum()
    with pytest.raises(NotImplementedError, match="no data"):
        out.backward()
    assert w.grad is None


def test_sizes_that_cannot_be_counted_are_refused() -> None:
    with pytest.raises(RuntimeError, match="counted|out of bounds"):
        meta(2**40, 2**40)


def walked() -> list[Any]:
    """The primitives with samples, but for those of which elements decide what comes."""
    by_value = {"masked_select", "bincount", "histogram", "histogram_grid", "matrix_rank", "hash_tensor", "draw",
                "index"}
    return [p for p in P if p.samples is not None and p.name not in by_value]


@pytest.mark.parametrize("primitive", walked(), ids=lambda p: p.name)
def test_no_primitive_gives_elements_where_there_are_none(primitive: Any) -> None:
    """Whether it would fail on an operand without elements, or not touch it at all: the shape is as on the CPU."""
    for operands, params in list(primitive.samples())[:4]:
        if not any(isinstance(x, np.ndarray) and x.dtype != bool for x in operands):
            continue
        tensors = [torch.tensor(x) if isinstance(x, np.ndarray) else x for x in operands]
        moved = [x.to("meta") if isinstance(x, torch.Tensor) else x for x in tensors]
        expected, found = primitive(*tensors, **params), primitive(*moved, **params)
        pairs = zip(expected, found, strict=True) if primitive.multiple else [(expected, found)]
        for here, nowhere in pairs:
            assert nowhere.is_meta
            assert (nowhere.shape, nowhere.dtype) == (here.shape, here.dtype)


def test_fake_tensors_are_meta_tensors() -> None:
    from wengert.compat.torch._subclasses import FakeTensor, FakeTensorMode

    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        out = nn.Linear(3, HUGE)(torch.ones(2, 3))
        assert isinstance(out, FakeTensor) and tuple(out.shape) == (2, HUGE)
    fake = mode.from_tensor(torch.ones(2, 3, requires_grad=True).t())
    assert fake.is_meta and fake.stride() == (1, 3) and not isinstance(torch.ones(1), FakeTensor)


def test_recurrent_layers_and_attention_make_their_states_where_their_input_is() -> None:
    for layer in (nn.LSTM(3, 4, device="meta"), nn.GRU(3, 4, device="meta"), nn.RNN(3, 4, device="meta")):
        assert layer(meta(5, 2, 3))[0].is_meta
    assert nn.LSTMCell(3, 4, device="meta")(meta(2, 3))[0].is_meta
    attention = nn.MultiheadAttention(4, 2, add_zero_attn=True, add_bias_kv=True, device="meta")
    assert attention(*[meta(5, 2, 4)] * 3)[0].is_meta


def test_checks_of_values_are_left_out_where_there_are_none() -> None:
    F, integers = torch.nn.functional, torch.empty(2, 3, device="meta", dtype=torch.int64)
    x = torch.empty(2, 3, device="meta")
    assert F.multi_margin_loss(x, integers[:, 0]).shape == ()
    assert F.multilabel_margin_loss(x, integers).shape == ()
    assert F.gaussian_nll_loss(x, x, x).shape == ()
    assert F.max_unpool1d(x, integers, 2).shape == (2, 6)
    assert F.scaled_dot_product_attention(x, x, x).shape == (2, 3)
    assert torch.searchsorted(x[0], x[0], sorter=integers[0]).shape == (3,)
