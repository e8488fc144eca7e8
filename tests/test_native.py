"""Native programs: nests against their meaning, random functions and training steps against eager evaluation."""

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wengert as torch
from benchmarks import eager, networks
from tests.nests import run_nest
from tests.training_steps import classifying_step
from wengert.compiler.code import Code
from wengert.core.errors import TraceError
from wengert.native.expressions import never_above_zero
from wengert.native.loops import (
    Buffer,
    LoopError,
    Nest,
    Node,
    Nodes,
    Place,
    Reduce,
    Store,
    form_of,
    interpret,
    verify,
)
from wengert.native.modules import modules_of
from wengert.native.plan import row_major
from wengert.native.steps import Product
from wengert.nn import functional as F

pytestmark = pytest.mark.filterwarnings("error")

UNARY = ("neg", "abs", "exp", "tanh", "sigmoid", "sqrt", "floor", "log1p", "erf")
BINARY = ("add", "sub", "mul", "div", "max", "min")


# --- nests ------------------------------------------------------------------------------------------------------------


def random_nest(seed: int) -> tuple[Nest, dict[Buffer, np.ndarray[Any, Any]]]:
    """A nest over operands that are whole, repeated, turned or in part, with stores and reductions."""
    rng = np.random.default_rng(seed)
    nodes, arrays = Nodes(), {}
    shape = tuple(int(n) for n in rng.choice([1, 2, 3, 5, 7, 16, 17, 33, 70, 131], size=rng.integers(0, 4)))
    dtype = str(rng.choice(["float32", "float64"]))

    def buffer(dtype: str, size: int, fill: bool = True) -> Buffer:
        made = Buffer(len(arrays), "given", dtype, size)
        numbers = rng.uniform(0.1, 2.0, size) if fill else np.zeros(size)
        arrays[made] = (numbers * 3).astype(dtype) if dtype in ("int64", "bool") else numbers.astype(dtype)
        return made

    def load(dtype: str) -> Node:
        kept = tuple([n if rng.random() < 0.7 else 1 for n in shape])
        order = rng.permutation(len(shape))
        strides, step, apart = [0] * len(shape), 1, int(rng.choice([1, 1, 1, 2]))
        for d in order:
            strides[d] = step * apart if kept[d] > 1 else 0
            step *= kept[d]
        offset = int(rng.integers(0, 5))
        size = offset + 1 + sum(s * (n - 1) for s, n in zip(strides, shape, strict=True))
        return nodes.load(Place(buffer(dtype, size), offset, tuple(strides)))

    values = [load(dtype) for _ in range(3)]
    mask = nodes.node("gt", (values[0], nodes.const(1.0, dtype)), "bool", dtype)
    values.append(nodes.node("select", (mask, values[1], values[2]), dtype))
    count = nodes.node("cast", (load("int64"),), dtype, "int64")
    truth = nodes.node("cast", (load("bool"),), dtype, "bool")
    values += [count, truth]
    for _ in range(rng.integers(1, 8)):
        if rng.random() < 0.4:
            x = values[rng.integers(len(values))]
            op = str(rng.choice(UNARY))
            x = nodes.node("abs", (x,), dtype) if op in ("sqrt", "log1p") else x
            x = nodes.node("min", (x, nodes.const(3.0, dtype)), dtype) if op == "exp" else x
            values.append(nodes.node(op, (x,), dtype))
        else:
            x, y = values[rng.integers(len(values))], values[rng.integers(len(values))]
            op = str(rng.choice(BINARY))
            if op == "div":
                y = nodes.node("add", (nodes.node("abs", (y,), dtype), nodes.const(0.5, dtype)), dtype)
            values.append(nodes.node(op, (x, y), dtype))
    nest = Nest(shape)
    size = int(np.prod(shape))
    nest.roots.append(Store(values[-1], Place(buffer(dtype, size, False), 0, row_major(shape))))
    nest.roots.append(Store(mask, Place(buffer("bool", size, False), 0, row_major(shape))))
    real = [d for d, n in enumerate(shape) if n > 1]
    if real and rng.random() < 0.7:
        dims = tuple(sorted(rng.choice(real, size=rng.integers(1, len(real) + 1), replace=False).tolist()))
        kept = tuple([1 if d in dims else n for d, n in enumerate(shape)])
        pieces = int(rng.choice([1, 2])) if shape[dims[0]] > 1 else 1
        for op in ("sum", "max", "min"):
            total = int(np.prod(kept))
            wide = "float64" if op == "sum" and pieces > 1 else dtype
            place = Place(buffer(wide, total * pieces, False), 0, row_major(kept))
            nest.roots.append(Reduce(op, values[-1], place, dims, pieces, total))
    return nest, arrays


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_nests_do_what_they_mean(seed: int) -> None:
    nest, arrays = random_nest(seed)
    meant = {buffer: array.copy() for buffer, array in arrays.items()}
    interpret(nest, meant)
    run_nest(nest, arrays)
    wide = 1e-5 if any(buffer.dtype == "float32" for buffer in arrays) else 1e-12
    for buffer, array in arrays.items():
        np.testing.assert_allclose(array, meant[buffer], rtol=wide, atol=wide, err_msg=str(nest))


def test_nests_are_printed_and_those_of_one_form_share_a_function() -> None:
    nodes = Nodes()
    one, two, out = (Buffer(k, "given", "float32", 6) for k in range(3))
    values = [nodes.node("exp", (nodes.load(Place(b, 0, (3, 1))),), "float32") for b in (one, two)]
    nests = [Nest((2, 3), [Store(value, Place(out, 0, (3, 1)))]) for value in values]
    assert str(nests[0]) == ("nest over 2x3\n  %0 = load b0[0; 3,1] : float32\n  %1 = exp %0 : float32\n"
                             "  store b2[0; 3,1] <- %1")
    assert form_of(nests[0]) == form_of(nests[1])
    assert nodes.load(Place(one, 0, (3, 1))) is nodes.load(Place(one, 0, (3, 1)))


@pytest.mark.parametrize(("nest", "message"), [
    (lambda n, b: Nest((2, 4), [Store(n.load(Place(b, 0, (3, 1))), Place(b, 0, (3, 1)))]), "inside a buffer of 6"),
    (lambda n, b: Nest((2, 3), [Store(n.load(Place(b, 0, (3,))), Place(b, 0, (3, 1)))]), "a stride for each of 2"),
    (lambda n, b: Nest((6,), [Store(n.node("what", (), "float32"), Place(b, 0, (1,)))]), "a known operation"),
    (lambda n, b: Nest((6,), [Store(n.const(1, "int64"), Place(b, 0, (1,)))]), "a value of float32"),
    (lambda n, b: Nest((6,), [Reduce("sum", n.const(1.0, "float32"), Place(b, 0, (1,)), (0,))]), "a sum or an extreme"),
])
def test_nests_that_are_wrong_are_refused(nest: Callable[..., Nest], message: str) -> None:
    with pytest.raises(LoopError, match=message):
        verify(nest(Nodes(), Buffer(0, "given", "float32", 6)))


# --- functions --------------------------------------------------------------------------------------------------------


def close(found: Any, expected: Any, wide: float | None = None) -> None:
    """The same up to rounding, in the size of the largest number."""
    assert found.dtype == expected.dtype and found.shape == expected.shape
    wide = wide or (1e-12 if found.dtype == torch.float64 else 1e-5)
    x, y = found.detach().double().numpy(), expected.detach().double().numpy()
    np.testing.assert_allclose(x, y, rtol=wide, atol=wide * max(1.0, float(np.abs(y).max(initial=0.0))))


def random_step(seed: int, compiled: bool) -> list[Any]:
    """Some calls of a random function that runs back and updates its parameters; what it gave and left behind."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    dtype = torch.float64 if rng.random() < 0.5 else torch.float32
    rows, columns = int(rng.integers(1, 40)), int(rng.integers(1, 40))
    shapes = [(rows, columns), (columns,), (rows, 1), (1, columns), ()]
    leaves = [(torch.rand(shape, dtype=dtype) + 0.1).requires_grad_() for shape in shapes]
    plan = [(int(rng.integers(0, 18)), int(rng.integers(0, 5))) for _ in range(int(rng.integers(2, 9)))]

    def function(x: Any) -> Any:
        value = x + leaves[1] * 0.1
        for what, which in plan:
            other = leaves[which]
            value = [
                lambda v, o: v + o, lambda v, o: v * o, lambda v, o: v - o, lambda v, o: v / (o.abs() + 0.5),
                lambda v, o: v.tanh(), lambda v, o: torch.sigmoid(v), lambda v, o: F.gelu(v * 0.5),
                lambda v, o: torch.where(v > o, v, o * 0.5), lambda v, o: v - v.mean(0, keepdim=True),
                lambda v, o: F.softmax(v, -1), lambda v, o: v + v.sum(-1, keepdim=True) * 0.1,
                lambda v, o: (v.t() * 0.5).t(), lambda v, o: v.reshape(-1).reshape(rows, columns),
                lambda v, o: torch.cat((v[: rows // 2], v[rows // 2:] * 2)), lambda v, o: v * v.amax(),
                lambda v, o: (v @ v.t()) @ leaves[0] * 0.01, lambda v, o: F.layer_norm(v, (columns,)),
                lambda v, o: v.clamp(-1.0, 1.0) + F.softplus(v),
            ][what](value, other)
            value = value / (1 + value.abs().max().detach())
        return value

    def step(x: Any) -> Any:
        for leaf in leaves:
            leaf.grad = None
        out = function(x)
        loss = (out * out).sum()
        loss.backward()
        with torch.no_grad():
            for leaf in leaves:
                if leaf.grad is not None:
                    leaf.sub_(leaf.grad * 0.01)
        return out.detach(), loss.detach()

    run = torch.compile(step, fullgraph=True) if compiled else step
    inputs = [torch.rand(rows, columns, dtype=dtype) for _ in range(2)]
    results = [value for x in inputs for value in run(x)]
    return [*results, *leaves, *(leaf.grad for leaf in leaves if leaf.grad is not None)]


@given(st.integers(0, 2**32))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_random_steps_do_what_they_do_as_they_are(seed: int) -> None:
    for found, expected in zip(random_step(seed, True), random_step(seed, False), strict=True):
        close(found, expected, 1e-10 if found.dtype == torch.float64 else 1e-4)


NETWORKS = {"adaline": eager.adaline_step, "mlp": networks.mlp, "lenet": networks.lenet}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_learn_the_same(name: str) -> None:
    def trained(compiled: bool) -> list[Any]:
        found: list[Any] = []
        torch.manual_seed(0)
        step = NETWORKS[name](torch)
        optimizer = next(cell.cell_contents for cell in step.__closure__ or ()
                         if isinstance(cell.cell_contents, torch.optim.Optimizer))
        run = torch.compile(step, fullgraph=True) if compiled else step
        for _ in range(5):
            run()
        for group in optimizer.param_groups:
            found += group["params"]
        return found

    for got, expected in zip(trained(True), trained(False), strict=True):
        close(got, expected, 1e-3)


def test_the_same_bits_for_any_number_of_threads() -> None:
    def left(threads: int) -> list[Any]:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            torch.manual_seed(0)
            x, w = torch.rand(300, 500), torch.rand(500, 200, requires_grad=True)

            @torch.compile(fullgraph=True)
            def step(x: Any) -> Any:
                loss = F.softmax(F.gelu(x @ w), 1).log().mean() + (x * x).sum() * 1e-3
                loss.backward()
                return loss.detach(), F.layer_norm(x, (500,)).sum(0)

            return [*step(x), w.grad]
        finally:
            torch.set_num_threads(before)

    first, *others = (left(threads) for threads in (1, 2, 3))
    assert all(torch.equal(a, b) for other in others for a, b in zip(first, other, strict=True))


# --- states -----------------------------------------------------------------------------------------------------------


def test_states_are_read_as_they_were_however_they_are_written() -> None:
    def run(compiled: bool) -> list[Any]:
        torch.manual_seed(0)
        u, w, v = torch.rand(4, 4), torch.rand(4, 4), torch.rand(4, 4)

        def step(x: Any) -> Any:
            before = u.clone()
            u.copy_(w.t() + x)
            w.copy_(before @ w)
            v.copy_(v.t())
            return before + v

        step = torch.compile(step, fullgraph=True) if compiled else step
        return [*(step(torch.full((4, 4), float(k))) for k in range(3)), u, w, v]

    for found, expected in zip(run(True), run(False), strict=True):
        close(found, expected)


def test_a_program_that_fails_leaves_what_eager_mode_leaves() -> None:
    """The optimiser does not step, but has cleared its gradients before."""
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    step = torch.compile(fullgraph=True)(classifying_step(model, optimizer))
    for _ in range(3):
        step(torch.rand(5, 4), torch.tensor([0, 1, 2, 1, 0]))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    momenta = [optimizer.state[p]["momentum_buffer"].clone() for p in model.parameters()]
    assert model.weight.grad is not None
    with pytest.raises(IndexError, match="Target 7 is out of bounds"):
        step(torch.rand(5, 4), torch.tensor([0, 1, 7, 1, 0]))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    for parameter, momentum in zip(model.parameters(), momenta, strict=True):
        assert torch.equal(optimizer.state[parameter]["momentum_buffer"], momentum)
    assert model.weight.grad is None


@pytest.mark.parametrize("shape", [(7, 4100), (70, 131), (3, 50, 200), (2, 96)])
def test_sums_of_columns_go_row_by_row(shape: tuple[int, ...]) -> None:
    def columns(x: Any) -> Any:
        return x.sum(0), (x * 2).exp(), x.amax(0), (x * x).sum(0)

    x = torch.rand(shape)
    for got, expected in zip(torch.compile(columns, fullgraph=True)(x), columns(x), strict=True):
        close(got, expected)


@pytest.mark.parametrize("cuts", [[(0, 4), (4, 9)], [(0, 3), (2, 9)], [(5, 9), (0, 5)], [(1, 3), (5, 6), (6, 8)]])
def test_gradients_of_parts_stand_side_by_side(cuts: list[tuple[int, int]]) -> None:
    def step(x: Any, y: Any) -> Any:
        parts = [y[:, low:high] for low, high in cuts]
        total = sum((number + 1) * (part * x[:, :1]).exp().sum() for number, part in enumerate(parts))
        return torch.autograd.grad(total, y)[0]

    x, y = torch.rand(5, 2), torch.rand(5, 9, requires_grad=True)
    close(torch.compile(step, fullgraph=True)(x, y), step(x, y))


def test_what_is_turned_and_what_is_not_is_computed_once() -> None:
    def step(x: Any, w: Any) -> Any:
        y = torch.tanh(x)
        return y @ w, y.t() @ x, y.t().sum(0)

    x, w = torch.rand(70, 90), torch.rand(90, 60)
    compiled = torch.compile(step, fullgraph=True)
    for got, expected in zip(compiled(x, w), step(x, w), strict=True):
        close(got, expected)
    assert str(compiled.explain()).count("passes over memory") == 1
    assert "1 passes over memory" in compiled.explain()


def test_what_numpy_computes_stands_between_native_parts() -> None:
    w = torch.rand(6)

    def step(x: Any) -> Any:
        order = (x * 2 + w).sort().values
        w.add_(order)
        return order * 3, x.cumsum(0) + 1

    compiled = torch.compile(step, fullgraph=True)
    compiled(torch.rand(6))
    assert "numpy computes sort (1)" in compiled.explain() and "passes over memory" in compiled.explain()
    for _ in range(3):
        x, before = torch.rand(6), w.clone()
        found, left = compiled(x), w.clone()
        w.copy_(before)
        for got, expected in zip((*found, left), (*step(x), w), strict=True):
            close(got, expected)


def test_a_compiled_function_that_is_dropped_is_freed() -> None:
    def made() -> Any:
        w = torch.rand(8)
        compiled = torch.compile(lambda x: (x * w).tanh().sum(), fullgraph=True)
        compiled(torch.rand(8))
        program = compiled.programs[0]._run.program
        assert program is not None
        return weakref.ref(program), weakref.ref(w)

    found = [made() for _ in range(3)]
    gc.collect()
    assert all(program() is None and w() is None for program, w in found)


DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128, torch.int8,
          torch.uint8, torch.int16, torch.int32, torch.int64, torch.bool]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype_computes_what_it_does_in_eager_mode(dtype: Any) -> None:
    w = torch.arange(9).view(3, 3).to(dtype)

    def step(x: Any) -> Any:
        y = x.sum(0) + w if dtype is not torch.bool else x.any(0) & w
        return y, torch.where(y == y, y, w), y.to(torch.float32), y.clone()

    x = torch.ones(2, 3, dtype=dtype)
    for mine, its in zip(torch.compile(step, fullgraph=True)(x), step(x), strict=True):
        assert mine.dtype is its.dtype and mine.tolist() == its.tolist()


def test_a_step_may_be_a_product_and_nothing_else() -> None:
    x, w = torch.rand(300, 40), torch.rand(300, 50)
    close(torch.compile(lambda x: x.t() @ w, fullgraph="native")(x), x.t() @ w)


def test_columns_by_rows_are_multiplications_and_what_follows_goes_along() -> None:
    """A product of depth one sums nothing: its result is stored once, by the pass that also does what follows."""

    def run(x: Any, y: Any, scale: Any) -> tuple[Any, Any]:
        outer = x[:, :, None] @ y[:, None, :]
        return outer, (outer * scale[:, None, None]).relu()

    compiled = torch.compile(run, fullgraph="native")
    x, y, scale = torch.randn(20, 30), torch.randn(20, 77), torch.randn(20)
    for got, wanted in zip(compiled(x, y, scale), run(x, y, scale), strict=True):
        assert torch.equal(got, wanted)
    steps = compiled.programs[0]._run.program.schedule.steps
    assert [type(step) for step in steps] == [Nest] and len(steps[0].roots) == 2


def test_gradients_example_by_example_multiply_no_columns_by_rows() -> None:
    weight, bias = torch.randn(16, 40), torch.randn(16)
    x, y = torch.randn(24, 40), torch.randint(0, 16, (24,))

    def loss(weight: Any, bias: Any, x: Any, y: Any) -> Any:
        return torch.nn.functional.cross_entropy((weight @ x + bias)[None], y[None])

    gradients = torch.func.vmap(torch.func.grad(loss, argnums=(0, 1)), in_dims=(None, None, 0, 0))
    compiled = torch.compile(lambda: gradients(weight, bias, x, y), fullgraph="native")
    for got, wanted in zip(compiled(), gradients(weight, bias, x, y), strict=True):
        assert torch.allclose(got, wanted, atol=1e-5)
    steps = compiled.programs[0]._run.program.schedule.steps
    assert all(step.left.shape[-1] > 1 for step in steps if isinstance(step, Product))


def test_what_numpy_computes_can_be_refused() -> None:
    x, w = torch.rand(20, 30), torch.rand(20)
    native = torch.compile(lambda x: (x @ x.t()).softmax(-1), fullgraph="native")
    close(native(x), (x @ x.t()).softmax(-1))

    def step(x: Any) -> Any:
        w.add_(1)
        return x.sort().values * 2

    before = w.clone()
    with pytest.raises(TraceError, match=r"got sort, which numpy computes"):
        torch.compile(step, fullgraph="native")(x)
    assert torch.equal(w, before)
    with pytest.raises(RuntimeError, match=r"True, False or \"native\""):
        torch.compile(step, fullgraph="whole")


def test_functions_that_call_each_other_share_a_module() -> None:
    tile, other = Code("tile", visible=False), Code("other", visible=False)
    callers = [Code(f"caller{n}", visible=False) for n in range(20)]
    for n, caller in enumerate(callers):
        if n % 5 == 0:
            caller.call("void", "tile", *caller.parameters)
        for _ in range(2000):
            caller.add(caller.parameters[1], n)
    for each in (tile, other, *callers):
        each.done()
    modules = modules_of([*callers, tile, other], {caller.name for caller in callers})
    assert len(modules) > 1
    assert sorted(name for names, _ in modules for name in names) == sorted(caller.name for caller in callers)
    for names, text in modules:
        assert re.findall(r"ptr @(\w+)", text.splitlines()[0]) == names
        assert set(re.findall(r"^define .*@(\w+)\(", text, re.MULTILINE)) - {"tile", "other"} == set(names)
        assert ("call void @tile" in text) == ("@tile(" in text) and "declare void @tile" not in text


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_exponentials_of_what_is_never_positive_have_all_edges(dtype: str) -> None:
    """They are written without a bound above; the lanes that vanish are left out."""
    x = np.array([0.0, -0.0, 1, -3, 10.1, 10.3, -27.2, 27.5, 1e4, -1e19, 1e30, np.inf, -np.inf, np.nan, 0.5, 2], dtype)
    x = np.tile(x, 300)
    nodes, buffers = Nodes(), [Buffer(k, "given", dtype, x.size) for k in range(3)]
    places = [Place(buffer, 0, (1,)) for buffer in buffers]
    value = nodes.load(places[0])
    square = nodes.node("mul", (value, value), dtype)
    minus, half = nodes.node("neg", (square,), dtype), nodes.node("mul", (square, nodes.const(-0.5, dtype)), dtype)
    assert never_above_zero(minus) and never_above_zero(half)
    assert not never_above_zero(square) and not never_above_zero(nodes.node("neg", (value,), dtype))
    nest = Nest((x.size,), [Store(nodes.node("exp", (argument,), dtype), place)
                            for argument, place in zip((minus, half), places[1:], strict=True)])
    arrays = {buffers[0]: x, **{buffer: np.full(x.size, 7, dtype) for buffer in buffers[1:]}}
    run_nest(nest, arrays)
    with np.errstate(all="ignore"):
        for buffer, factor in zip(buffers[1:], (1.0, 0.5), strict=True):
            np.testing.assert_allclose(arrays[buffer], np.exp(-factor * x * x), rtol=1e-6, atol=1e-44)
