"""What follows a product is done along with it, and what two passes compute is handed on: against what is meant."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import pytest

import wengert as torch
from tests.test_native_rows import Space
from wengert.compiler import memory
from wengert.compiler.code import Code, module
from wengert.compiler.jit import engine
from wengert.compiler.kernels import generated_code_is_possible
from wengert.compiler.products import Products, geometry
from wengert.native.checks import check
from wengert.native.handing import handed_on
from wengert.native.loops import LoopError, Nest, Node, Place, Reduce, Store, interpret
from wengert.native.plan import Plan, row_major
from wengert.native.steps import Matrices, Product, places_read, places_written
from wengert.native.tails import endings_of, with_tails
from wengert.nn import functional as F

pytestmark = [pytest.mark.filterwarnings("error"),
              pytest.mark.skipif(not generated_code_is_possible(), reason="no generated code here")]

WIDE = {"float32": 2e-5, "float64": 1e-12}


class Multiplied:
    """A product with a tail of its own, in numbers."""

    def __init__(self, seed: int, low: bool = False) -> None:
        space = self.space = Space(seed)
        rng = space.rng
        self.dtype = dtype = str(rng.choice(["float32", "float64"]))
        batch = tuple(int(n) for n in rng.integers(1, 4, rng.integers(0, 3)))
        rows, depth, columns = int(rng.integers(15, 70)), int(rng.integers(1, 50)), int(rng.integers(1, 100))
        if seed % 3 == 0:  # dealt out by rows
            batch, rows = (), int(rng.integers(200, 400))
        self.shape = (*batch, rows, columns)
        left, right = space.place((*batch, rows, depth), range(9), dtype), space.place((*batch, depth, columns),
                                                                                       range(9), dtype)
        out = space.place(self.shape, range(9), dtype, "arena")
        cut = geometry(engine().machine, dtype, batch, (rows, depth, columns), left.strides, right.strides, out.strides)
        assert cut is not None
        self.cut = cut = replace(cut, low=low and not cut.lay_left, alone=bool(cut.by_panels and seed % 2))
        self.product = Product(Matrices(left, (*batch, rows, depth)), Matrices(right, (*batch, depth, columns)),
                               Matrices(out, self.shape), dtype, cut)

    @property
    def raw(self) -> Node:
        return self.space.nodes.load(self.product.out.place)

    def run(self) -> None:
        """Items from the last to the first."""
        product, cut, arrays = self.product, self.cut, self.space.arrays
        writer = Products(engine().machine)
        functions = [writer.panels(cut, "a"), writer.left(cut, "b"),
                     writer.product(cut, "c", True, endings_of(product, cut, "c", engine().machine))]
        entries = []
        for function in functions:
            entries.append(Code(f"run_{function.name}"))
            entries[-1].call("void", function.name, *entries[-1].parameters)
            entries[-1].done()
        library = engine().load(module(*writer.functions, *entries), *[code.name for code in entries])
        panels = np.full(cut.panel_elements, np.nan, self.dtype)
        laid = np.full(max(1, cut.left_elements), np.nan, self.dtype)

        def call(name: str, items: int, *where: int) -> None:
            table = (ctypes.c_void_p * len(where))(*where)
            operands = (ctypes.c_void_p * 1)(ctypes.addressof(table))
            function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(library.addresses[name])
            for item in reversed(range(items)):
                function(ctypes.addressof(operands), item, item + 1)

        left, right = (self.at(side.place) for side in (product.left, product.right))
        if not cut.by_panels:
            call("run_a", prod(cut.batch) * cut.panels, right, memory.address(panels))
        elif cut.lay_left:
            call("run_b", prod(cut.batch) * cut.tiles, left, memory.address(laid))
        assert all(array.size for array in arrays.values())
        call("run_c", cut.items, left, right, memory.address(panels), memory.address(laid), *map(self.at, product.ends))

    def at(self, place: Place) -> int:
        array = self.space.arrays[place.buffer]
        return memory.address(array) + place.offset * array.itemsize

    def meant(self, nest: Nest) -> dict[Any, Any]:
        """The buffers after the product and its tail."""
        product, arrays = self.product, self.space.arrays
        meant = {buffer: array.copy() for buffer, array in arrays.items()}
        left, right = (arrays[side.place.buffer].reshape(side.shape) for side in (product.left, product.right))
        meant[product.out.place.buffer][:] = (left.astype("float64") @ right).astype(self.dtype).ravel()
        interpret(nest, meant)
        if all(root.place != product.out.place for root in nest.roots):
            meant[product.out.place.buffer] = arrays[product.out.place.buffer].copy()
        return meant


@pytest.mark.parametrize("low", [False, True])
@pytest.mark.parametrize("seed", range(24))
def test_a_tail_computes_what_its_nest_means(seed: int, low: bool) -> None:
    found = Multiplied(seed, low)
    space, nodes, shape, rank = found.space, found.space.nodes, found.shape, len(found.shape)
    scale = nodes.const(1 / 16, found.dtype)
    raw = nodes.node("mul", (found.raw, scale), found.dtype)
    dims = [range(rank), [rank - 1], [rank - 2], range(rank - 1), []]
    values = [raw, *[nodes.load(space.place(shape, list(each), found.dtype)) for each in dims]]
    nest = Nest(shape)
    for _ in range(space.rng.integers(1, 4)):
        value = nodes.node("add", (space.mixed(values, found.dtype), raw), found.dtype)
        nest.roots.append(Store(value, space.place(shape, range(rank), found.dtype, "arena")))
    truth = nodes.node("lt", (raw, values[1]), "bool", found.dtype)
    mask = Place(space.buffer(prod(shape), "bool", "arena"), 0, row_major(shape))
    nest.roots.append(Store(truth, mask))
    if seed % 2:
        nest.roots.append(Store(found.raw, found.product.out.place))
    found.product.tail = nest
    if not found.cut.alone:
        room = [Place(space.buffer(max(1, n), found.dtype, "arena"), 0, ())
                for n in (found.cut.panel_elements, found.cut.left_elements)]
        found.product.panels, found.product.laid = room[0], room[1] if found.cut.lay_left else room[0]
    else:
        found.product.panels = found.product.laid = found.product.right.place
    if found.cut.alone and found.cut.lay_left:
        found.product.laid = Place(space.buffer(found.cut.left_elements, found.dtype, "arena"), 0, ())
    check(found.product)
    meant = found.meant(nest)
    found.run()
    for buffer in {root.place.buffer for root in nest.roots} | {found.product.out.place.buffer}:
        if buffer.dtype == "bool":  # rounding may decide
            assert (space.arrays[buffer] == meant[buffer]).mean() > 0.98
            continue
        np.testing.assert_allclose(space.arrays[buffer], meant[buffer], rtol=WIDE[found.dtype], atol=WIDE[found.dtype])


def native_steps(f: Any) -> list[Any]:
    return list(f.programs[0]._run.program.schedule.steps)


def tails(f: Any) -> list[Nest]:
    return [step.tail for step in native_steps(f) if type(step) is Product and step.tail is not None]


KINDS: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
    "linear": (lambda x, w, b: F.linear(x, w, b), [(41, 37), (50, 37), (50,)]),
    "linear of sequences": (lambda x, w, b: F.linear(x, w, b), [(3, 29, 24), (33, 24), (33,)]),
    "many rows": (lambda x, w, b: x @ w + b, [(333, 20), (20, 47), (47,)]),
    "columns": (lambda x, w, b: x.T @ w + b, [(20, 333), (20, 47), (47,)]),
    "batches": (lambda x, w, b: x @ w.transpose(-1, -2) + b, [(2, 3, 31, 20), (2, 3, 35, 20), (35,)]),
}
TAILS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "bias": lambda y, same, row: y,
    "gelu": lambda y, same, row: F.gelu(y),
    "residual": lambda y, same, row: y * 0.5 + same,
    "relu and a mask": lambda y, same, row: torch.where(same > 1, y.relu(), -y),
    "a number a row": lambda y, same, row: y * row,
    "two results": lambda y, same, row: torch.cat([y.tanh().flatten(), (y * same).flatten()]),
    "a cast": lambda y, same, row: y.double() * 1.5,
}


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tails_of_products_are_what_eager_evaluation_computes(kind: str, tail: str, dtype: Any) -> None:
    multiply, shapes = KINDS[kind]
    after = TAILS[tail]
    torch.manual_seed(0)
    given = [torch.rand(shape, dtype=dtype) - 0.3 for shape in shapes]
    out = multiply(*given)
    same, row = torch.rand(out.shape, dtype=dtype) * 2, torch.rand(*out.shape[:-1], 1, dtype=dtype)
    step = torch.compile(lambda *given: after(multiply(*given[:3]), *given[3:]), fullgraph="native")
    expected, found = after(out, same, row), step(*given, same, row)
    wide = WIDE[str(dtype).split(".")[-1]]
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=wide, atol=wide)
    assert tails(step), native_steps(step)
    assert all(step.tail is not None or step.out.place.buffer.kind == "fresh"
               for step in native_steps(step) if type(step) is Product)
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            assert torch.equal(step(*given, same, row), found)
    finally:
        torch.set_num_threads(before)


def trained(steps: int, compiled: bool) -> list[Any]:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(24, 67), torch.nn.GELU(), torch.nn.Linear(67, 39), torch.nn.SiLU(),
                                torch.nn.Linear(39, 21))
    x, y = torch.rand(131, 24), torch.rand(131, 21)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step() -> Any:
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    run = torch.compile(step, fullgraph="native") if compiled else step
    losses = [run().item() for _ in range(steps)]
    if compiled:
        nests = [s.tail if type(s) is Product else s for s in native_steps(run)]
        dear = [node.op for nest in nests if type(nest) is Nest for node in nest.nodes()
                if node.op in ("normal_cdf", "sigmoid")]
        assert sorted(dear) == ["normal_cdf", "sigmoid"], "each computed once"
        assert len(tails(run)) >= 4
    return [*losses, *[p.detach().numpy() for p in model.parameters()]]


def test_a_training_step_with_tails_forward_and_back() -> None:
    for mine, its in zip(trained(4, True), trained(4, False), strict=True):
        np.testing.assert_allclose(mine, its, rtol=2e-5, atol=1e-6)


def test_parts_of_a_product_with_a_bias_are_views_of_it() -> None:
    torch.manual_seed(0)
    x, w, b = torch.rand(64, 32), torch.rand(96, 32), torch.rand(96)

    def parts(x: Any) -> Any:
        q, k, v = F.linear(x, w, b).split(32, dim=1)
        return (q.view(2, 32, 32) @ k.view(2, 32, 32).transpose(1, 2)) @ v.view(2, 32, 32)

    step = torch.compile(parts, fullgraph="native")
    np.testing.assert_allclose(step(x).numpy(), parts(x).numpy(), rtol=1e-4)
    assert not [s for s in native_steps(step) if type(s) is Nest] and len(tails(step)) == 1


def test_a_product_is_stored_where_a_copy_would_bring_it() -> None:
    torch.manual_seed(0)
    x, y = torch.rand(3, 2, 33, 20), torch.rand(3, 2, 20, 47)
    step = torch.compile(lambda x, y: (x @ y).transpose(1, 2).reshape(3, 33, 94), fullgraph="native")
    np.testing.assert_allclose(step(x, y).numpy(), (x @ y).transpose(1, 2).reshape(3, 33, 94).numpy(), rtol=1e-5)
    assert not any(type(s) is Nest for s in native_steps(step))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [(33, 20, 47), (64, 64, 32), (16, 8, 100)])
def test_a_product_whose_columns_are_wanted_is_computed_turned(dtype: str, sizes: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    rows, depth, columns = sizes
    kind = getattr(torch, dtype)
    x, y = torch.rand(3, 2, rows, depth, dtype=kind), torch.rand(3, 2, depth, columns, dtype=kind)
    more = torch.rand(3, columns, 2 * rows, dtype=kind)
    moved = (lambda x, y: (x @ y).permute(0, 3, 1, 2).reshape(3, columns, 2 * rows).contiguous(),
             lambda x, y: (more + (x @ y).permute(0, 3, 1, 2).reshape(3, columns, 2 * rows)).tanh(),
             lambda x, y: ((x @ y).transpose(-1, -2) * 2).contiguous())
    for f in moved:
        step = torch.compile(f, fullgraph="native")
        np.testing.assert_allclose(step(x, y).numpy(), f(x, y).numpy(), rtol=WIDE[dtype], atol=WIDE[dtype])
        (product,) = [s for s in native_steps(step) if type(s) is Product]
        assert product.out.shape == (3, 2, columns, rows)
        assert not any(type(s) is Nest for s in native_steps(step))


def test_a_pass_that_picks_from_elsewhere_turns_no_product() -> None:
    torch.manual_seed(0)
    x, y, table = torch.rand(20, 30), torch.rand(30, 40), torch.rand(9, 20)
    rows = torch.arange(40) % 9

    def picked(x: Any, y: Any) -> Any:
        return (x @ y).T + table[rows]

    step = torch.compile(picked, fullgraph="native")
    np.testing.assert_allclose(step(x, y).numpy(), picked(x, y).numpy(), rtol=1e-5)
    assert [s.out.shape for s in native_steps(step) if type(s) is Product] == [(20, 40)]


def test_a_product_that_is_wanted_both_ways_stays_as_it_is() -> None:
    torch.manual_seed(0)
    x, y = torch.rand(3, 33, 20), torch.rand(3, 20, 47)

    def both(x: Any, y: Any) -> Any:
        out = x @ y
        return out + 1, (out.transpose(-1, -2) * 2).contiguous()

    step = torch.compile(both, fullgraph="native")
    for found, right in zip(step(x, y), both(x, y), strict=True):
        np.testing.assert_allclose(found.numpy(), right.numpy(), rtol=1e-5)
    assert [s.out.shape for s in native_steps(step) if type(s) is Product] == [(3, 33, 47)]


def test_what_is_written_in_between_stays_in_order() -> None:
    torch.manual_seed(0)
    state, x, w = torch.rand(60, 40), torch.rand(60, 30), torch.rand(30, 40)
    kept, was = state.clone(), state.clone()

    def step(x: Any, state: Any) -> Any:
        y = x @ w
        state.add_(y)
        z = y * state
        state.mul_(2)
        return z

    made = torch.compile(step, fullgraph="native")
    found = made(x, state)
    expected = step(x, was)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-5)
    np.testing.assert_allclose(state.numpy(), was.numpy(), rtol=1e-5)
    assert not torch.equal(kept, state)


def planned(seed: int = 0) -> tuple[Plan, Product, Nest]:
    """A product, and a nest that adds something to it."""
    plan = Plan()
    x, y, more = (plan.whole(plan.buffer("given", "float32", prod(shape)), shape)
                  for shape in ((40, 30), (30, 50), (40, 50)))
    out = plan.product(x, y)
    node = plan.nodes.node("add", (out.node, more.node), "float32")
    nest = Nest((40, 50), [Store(node, Place(plan.buffer("arena", "float32", 2000), 0, (50, 1)))])
    return plan, next(step for step in plan.steps if type(step) is Product), nest


def test_a_nest_that_comes_after_becomes_the_tail() -> None:
    plan, product, nest = planned()
    steps = with_tails([*plan.steps, nest], plan)
    assert steps == plan.steps and product.tail is not None
    check(product)
    assert product.out.place not in [*places_read(product), *places_written(product)]
    assert [*places_written(product)][-1] == nest.roots[0].place


@pytest.mark.parametrize("op", ["sum", "max"])
@pytest.mark.parametrize("down", [True, False])
def test_of_sums_down_the_columns_each_tile_leaves_its_own(op: str, down: bool) -> None:
    plan, product, nest = planned()
    total = Place(plan.buffer("arena", "float32", 50), 0, (0, 1) if down else (1, 0))
    nest.roots.append(Reduce(op, nest.roots[0].value, total, (0,) if down else (1,)))
    *_, rest = with_tails([*plan.steps, nest], plan)
    assert product.tail is not None and product.cut is not None and type(rest) is Nest
    assert [type(root) for root in rest.roots] == [Reduce]
    assert len(product.sums) == (down and op == "sum")
    source = product.sums[0].place if product.sums else nest.roots[0].place
    assert rest.roots[0].value.args == (source,)
    assert rest.shape == ((product.cut.tiles, 50) if product.sums else (40, 50))
    check(product)
    check(rest)
    for wrong in (Store(nest.roots[0].value, Place(product.sums[0].place.buffer, 1, (50, 1))),
                  Store(nest.roots[0].value, Place(product.left.place.buffer, 0, (50, 1))),
                  Store(plan.nodes.load(total), product.sums[0].place)) if product.sums else ():
        product.sums[0] = wrong
        with pytest.raises(LoopError):
            check(product)


@pytest.mark.parametrize("seed", range(24))
def test_sums_of_tiles(seed: int) -> None:
    """Of values of the tail, stored or not, each row once, whatever tiles have it."""
    found = Multiplied(seed)
    if found.cut.batch:
        pytest.skip("a batch")
    space, nodes, shape, cut = found.space, found.space.nodes, found.shape, found.cut
    one = nodes.node("mul", (found.raw, nodes.load(space.place(shape, [1], found.dtype))), found.dtype)
    other = nodes.node("add", (one, nodes.load(space.place(shape, range(2), found.dtype))), found.dtype)
    nest = found.product.tail = Nest(shape, [
        Store(value, space.place(shape, range(2), found.dtype, "arena")) for value in (one, other)])
    panels = Place(space.buffer(max(1, cut.panel_elements), found.dtype, "arena"), 0, ())
    laid = Place(space.buffer(max(1, cut.left_elements), found.dtype, "arena"), 0, ())
    found.product.panels = found.product.right.place if cut.alone else panels
    found.product.laid = laid if cut.lay_left else found.product.panels
    for value in (one, other):
        buffer = space.buffer(cut.tiles * cut.columns, found.dtype, "arena")
        found.product.sums.append(Store(value, Place(buffer, 0, (cut.columns, 1))))
    check(found.product)
    found.run()
    for root, sums in zip(nest.roots, found.product.sums, strict=True):
        rows = np.lib.stride_tricks.as_strided(
            space.arrays[root.place.buffer][root.place.offset:], shape,
            [s * space.arrays[root.place.buffer].itemsize for s in root.place.strides]).astype("float64")
        expected = np.stack([rows[at:at + cut.tile_rows].sum(0) for at in range(0, shape[0], cut.tile_rows)])
        np.testing.assert_allclose(space.arrays[sums.place.buffer].reshape(cut.tiles, cut.columns), expected,
                                   rtol=WIDE[found.dtype], atol=20 * WIDE[found.dtype])


@pytest.mark.parametrize("rows", [8, 15, 97, 400])
def test_the_gradient_of_a_bias_comes_with_the_product_before_it(rows: int) -> None:
    torch.manual_seed(0)
    first, second = torch.nn.Linear(20, 45), torch.nn.Linear(45, 64)
    x = torch.rand(rows, 20)

    def step(x: Any) -> Any:
        loss = (second(torch.tanh(first(x))) ** 2).sum()
        first.zero_grad()
        loss.backward()
        return first.bias.grad.clone()

    expected = step(x).numpy()
    compiled = torch.compile(step)
    found = [compiled(x).numpy() for _ in range(2)]
    np.testing.assert_allclose(found[0], expected, rtol=2e-5, atol=1e-5)
    assert np.array_equal(*found)
    assert rows < 97 or any(s.sums for s in native_steps(compiled) if type(s) is Product)


def test_a_product_that_others_read_is_stored_too() -> None:
    plan, product, nest = planned()
    other = Nest((50, 40), [Store(plan.nodes.load(Place(product.out.place.buffer, 0, (1, 50))),
                                  Place(plan.buffer("arena", "float32", 2000), 0, (40, 1)))])
    with_tails([*plan.steps, nest, other], plan)
    assert product.tail is not None and product.out.place in [*places_written(product)]


def test_a_second_nest_joins_the_tail_unless_it_reads_what_the_first_stores() -> None:
    for reads in (False, True):
        plan, product, nest = planned()
        stored = nest.roots[0].place if reads else Place(plan.buffer("given", "float32", 2000), 0, (50, 1))
        value = plan.nodes.node("mul", (plan.nodes.load(product.out.place), plan.nodes.load(stored)), "float32")
        second = Nest((40, 50), [Store(value, Place(plan.buffer("arena", "float32", 2000), 0, (50, 1)))])
        steps = with_tails([*plan.steps, nest, second], plan)
        assert product.tail is not None and (second in steps) is reads
        check(product)
        assert (product.out.place in [*places_written(product)]) is reads


@pytest.mark.parametrize("wrong", ["a row of it", "another element", "what it writes is read", "a fold"])
def test_what_is_no_tail(wrong: str) -> None:
    plan, product, nest = planned()
    nodes, place = plan.nodes, product.out.place
    (root,) = nest.roots
    if wrong == "a row of it":
        value = nodes.node("add", (root.value, nodes.load(Place(place.buffer, 0, (0, 1)))), "float32")
        nest = Nest(nest.shape, [Store(value, root.place)])
    elif wrong == "another element":
        value = nodes.load(Place(place.buffer, 0, (1, 0)))
        nest = Nest(nest.shape, [Store(value, root.place)])
    elif wrong == "what it writes is read":
        nest = Nest(nest.shape, [Store(root.value, Place(product.left.place.buffer, 0, (30, 0)))])
    else:
        value = nodes.node("row_sum", (root.value, (1,)), "float32")
        nest = Nest(nest.shape, [Store(value, Place(root.place.buffer, 0, (50, 0)))])
    with_tails([*plan.steps, nest], plan)
    assert product.tail is None


def test_tails_that_the_code_cannot_be_for_are_refused() -> None:
    plan, product, nest = planned()
    with_tails([*plan.steps, nest], plan)
    tail, (root,) = product.tail, nest.roots
    assert tail is not None
    check(product)
    for wrong in (Nest((50, 40), [Store(root.value, Place(root.place.buffer, 0, (40, 1)))]),
                  Nest((40, 50), [Reduce("sum", root.value, Place(root.place.buffer, 0, (0, 1)), (0,))]),
                  Nest((40, 50), [Store(root.value, Place(root.place.buffer, 1, (50, 1)))]),
                  Nest((40, 50), [Store(root.value, Place(next(iter(root.value.leaves[1:])).buffer, 0, (50, 1)))])):
        product.tail = wrong
        with pytest.raises(LoopError):
            check(product)


def two_passes() -> tuple[Plan, Nest, Nest]:
    plan = Plan()
    shape = (60, 90)
    places = [Place(plan.buffer("given", "float32", 5400), 0, (90, 1)) for _ in range(2)]
    x, ct = map(plan.nodes.load, places)
    dear = plan.nodes.node("sigmoid", (x,), "float32")
    first = plan.nodes.node("mul", (x, dear), "float32")
    second = plan.nodes.node("mul", (ct, plan.nodes.node("fma", (x, dear, dear), "float32")), "float32")
    results = [Place(plan.buffer("arena", "float32", 5400), 0, (90, 1)) for _ in range(2)]
    return plan, Nest(shape, [Store(first, results[0])]), Nest(shape, [Store(second, results[1])])


def test_what_two_passes_compute_is_handed_on() -> None:
    plan, early, late = two_passes()
    rng = np.random.default_rng(0)
    arrays = {buffer: rng.standard_normal(buffer.size).astype("float32") for buffer in plan.buffers}
    meant = {buffer: array.copy() for buffer, array in arrays.items()}
    for nest in (early, late):
        interpret(nest, meant)
    steps: list[Any] = handed_on([early, late], plan)
    arrays |= {buffer: np.zeros(buffer.size, "float32") for buffer in plan.buffers if buffer not in arrays}
    assert "sigmoid" not in [node.op for node in steps[1].nodes()]
    assert len([node for node in steps[1].nodes() if node.op == "load"]) == 2
    for nest in steps:
        interpret(nest, arrays)
    for buffer, array in meant.items():
        np.testing.assert_array_equal(arrays[buffer], array)


def test_what_has_changed_in_between_is_not_handed_on() -> None:
    plan, early, late = two_passes()
    x = early.roots[0].value.leaves[0]
    between = Nest(early.shape, [Store(plan.nodes.const(1.0, "float32"), x)])
    steps = handed_on([early, between, late], plan)
    assert steps[2] is late and len(early.roots) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_number_that_an_operand_is_multiplied_by_multiplies_the_product(dtype: str) -> None:
    torch.manual_seed(0)
    kind = getattr(torch, dtype)
    x, y = torch.rand(2, 3, 40, 30, dtype=kind), torch.rand(2, 3, 30, 50, dtype=kind)
    scaled = (lambda x, y: (x * 0.3) @ y, lambda x, y: x @ (0.3 * y), lambda x, y: (x * 0.3) @ (y * -2),
              lambda x, y: (x[0, 0] * 0.3) @ y[0, 0] + 1, lambda x, y: ((x * 0.3) @ y[0, 0]).transpose(1, 2))
    for f in scaled:
        step = torch.compile(f, fullgraph="native")
        np.testing.assert_allclose(step(x, y).numpy(), f(x, y).numpy(), rtol=WIDE[dtype])
        assert len([s for s in native_steps(step) if type(s) is Nest]) <= 1, "what is in memory is read as it is"
    narrow = torch.compile(lambda x, y: (x * 0.3) @ y, fullgraph="native")
    x, y = torch.rand(400, 16, dtype=kind), torch.rand(16, 100, dtype=kind)
    np.testing.assert_allclose(narrow(x, y).numpy(), ((x * 0.3) @ y).numpy(), rtol=WIDE[dtype])
    assert type(native_steps(narrow)[0]) is Nest, "to multiply the operand is less"
