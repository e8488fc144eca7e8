"""Rows that are gone through several times in one nest: folds, the phases of a row, and nests that become one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wengert as torch
from tests.nests import run_nest
from wengert.compiler.jit import engine
from wengert.native import emission
from wengert.native.joining import joined
from wengert.native.loops import Buffer, LoopError, Nest, Node, Nodes, Place, Reduce, Store, interpret, verify
from wengert.native.plan import row_major
from wengert.nn import functional as F

pytestmark = pytest.mark.filterwarnings("error")


class Space:
    """Buffers with numbers in them, and nodes over a shape."""

    def __init__(self, seed: int) -> None:
        self.rng, self.nodes = np.random.default_rng(seed), Nodes()
        self.arrays: dict[Buffer, np.ndarray[Any, Any]] = {}

    def buffer(self, size: int, dtype: str, kind: str = "given") -> Buffer:
        made = Buffer(len(self.arrays), kind, dtype, size)
        self.arrays[made] = self.rng.uniform(0.1, 2.0, size).astype(dtype)
        return made

    def place(self, shape: Sequence[int], along: Sequence[int], dtype: str, kind: str = "given") -> Place:
        """A place that runs through these dimensions, in rows."""
        sizes = tuple([n if d in along else 1 for d, n in enumerate(shape)])
        return Place(self.buffer(int(np.prod(sizes)), dtype, kind), 0, row_major(sizes))

    def mixed(self, values: list[Node], dtype: str) -> Node:
        """Some operations on some of the values."""
        for _ in range(self.rng.integers(1, 4)):
            x, y = (values[self.rng.integers(len(values))] for _ in range(2))
            op = str(self.rng.choice(["add", "sub", "mul", "max", "exp", "sigmoid", "sqrt", "div"]))
            if op in ("exp", "sigmoid"):
                x = self.nodes.node(op, (self.nodes.node("min", (x, self.nodes.const(2.0, dtype)), dtype),), dtype)
            elif op in ("sqrt", "div"):
                y = self.nodes.node("abs", (y,), dtype)
                size = self.nodes.node("add", (y, self.nodes.const(0.5, dtype)), dtype)
                x = self.nodes.node(op, (size,) if op == "sqrt" else (x, size), dtype)
            else:
                x = self.nodes.node(op, (x, y), dtype)
            values.append(x)
        return values[-1]

    def check(self, nests: Sequence[Nest], run: Callable[[], None], meant: dict[Buffer, np.ndarray[Any, Any]],
              wide: float) -> None:
        run()
        for buffer, array in self.arrays.items():
            np.testing.assert_allclose(array, meant[buffer], rtol=wide, atol=wide, err_msg="\n".join(map(str, nests)))


def random_rows(seed: int) -> tuple[Nest, Space]:
    """A nest with folds along some of its dimensions, that depend on each other, and perhaps sums across the rows."""
    space = Space(seed)
    rng, nodes = space.rng, space.nodes
    rank = int(rng.integers(1, 4))
    shape = tuple(int(n) for n in rng.choice([2, 3, 5, 16, 17, 33, 70], size=rank))
    rows = tuple(sorted(rng.choice(rank, size=rng.integers(1, rank + 1), replace=False).tolist()))
    outer = [d for d in range(rank) if d not in rows]
    dtype = str(rng.choice(["float32", "float64"]))
    every = list(range(rank))
    choices = [every, every, rows, outer, every[-1:]]
    values = [nodes.load(space.place(shape, choices[k], dtype)) for k in range(5)]
    nest = Nest(shape)
    for _ in range(rng.integers(1, 4)):
        fold = str(rng.choice(["row_sum", "row_max", "row_min"]))
        total = nodes.node(fold, (space.mixed(values, dtype), rows), dtype)
        values.append(nodes.node("div", (total, nodes.const(float(np.prod(shape)), dtype)), dtype))
        if rng.random() < 0.5:
            nest.roots.append(Store(total, space.place(shape, outer, dtype, "arena")))
    nest.roots.append(Store(space.mixed(values, dtype), space.place(shape, every, dtype, "arena")))
    nest.roots.append(Store(space.mixed(values, dtype), space.place(shape, every, dtype, "fresh")))
    if outer and rng.random() < 0.5:
        dims, pieces = tuple(outer), int(rng.choice([1, 2]))
        kept = tuple([1 if d in dims else n for d, n in enumerate(shape)])
        total = int(np.prod(kept))
        place = Place(space.buffer(total * pieces, "float64" if pieces > 1 else dtype), 0, row_major(kept))
        nest.roots.append(Reduce("sum", values[-1], place, dims, pieces, total))
    return nest, space


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_rows_do_what_they_mean(seed: int) -> None:
    nest, space = random_rows(seed)
    meant = {buffer: array.copy() for buffer, array in space.arrays.items()}
    interpret(nest, meant)
    wide = 3e-5 if any(buffer.dtype == "float32" for buffer in meant) else 1e-11
    space.check([nest], lambda: run_nest(nest, space.arrays), meant, wide)


def test_rows_in_pairs_do_what_they_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large nests go through two rows at once, here all that can."""
    if not engine().machine.avx512:
        pytest.skip("too few registers for two rows")
    monkeypatch.setattr(emission, "MANY", 0)
    tried = 0
    for seed in range(500):
        nest, space = random_rows(seed)
        if emission._Emission(verify(nest), "nest", engine().machine).pair is None:
            continue
        tried += 1
        meant = {buffer: array.copy() for buffer, array in space.arrays.items()}
        interpret(nest, meant)
        wide = 3e-5 if any(buffer.dtype == "float32" for buffer in meant) else 1e-11
        space.check([nest], partial(run_nest, nest, space.arrays), meant, wide)
    assert tried >= 12


@pytest.mark.parametrize("size", [32, 16])
def test_rows_do_what_they_mean_on_machines_with_shorter_vectors(size: int) -> None:
    here = engine().machine
    machine = replace(here, vector_bytes=min(size, here.vector_bytes), fused=here.fused and size > 16, avx512=False)
    for seed in range(25):
        nest, space = random_rows(seed)
        meant = {buffer: array.copy() for buffer, array in space.arrays.items()}
        interpret(nest, meant)
        wide = 3e-5 if any(buffer.dtype == "float32" for buffer in meant) else 1e-11
        space.check([nest], partial(run_nest, nest, space.arrays, machine), meant, wide)


def random_nests(seed: int) -> tuple[list[Any], Space]:
    """Nests over one space and over its rows, each of which reads what some before it have left."""
    space = Space(seed)
    rng, nodes = space.rng, space.nodes
    rows, length = int(rng.choice([16, 24])), int(rng.choice([9, 19, 40]))
    shape, dtype = (rows, length), "float64"
    whole = [space.place(shape, (0, 1), dtype), space.place(shape, (1,), dtype)]
    each = [space.place((rows,), (0,), dtype)]
    nests: list[Any] = []
    for _ in range(rng.integers(2, 9)):
        if rng.random() < 0.3:
            values = [nodes.load(each[rng.integers(len(each))]) for _ in range(3)]
            each.append(space.place((rows,), (0,), dtype, "arena"))
            cut = (4, rows // 4) if rng.random() < 0.3 else (rows,)
            wider = [nodes.load(Place(x.args[0].buffer, 0, row_major(cut))) for x in values]
            nests.append(Nest(cut, [Store(space.mixed(wider, dtype), Place(each[-1].buffer, 0, row_major(cut)))]))
            continue
        values = [nodes.load(whole[rng.integers(len(whole))]) for _ in range(2)]
        values += [nodes.load(Place(place.buffer, 0, (1, 0))) for place in (each[rng.integers(len(each))],)]
        what = rng.random()
        value = space.mixed(values, dtype)
        if what < 0.5:
            place = space.place(shape, (0, 1), dtype, str(rng.choice(["arena", "fresh"])))
            whole.append(place)
            nests.append(Nest(shape, [Store(value, place)]))
        elif what < 0.85:
            place = space.place(shape, (0,), dtype, "arena")
            each.append(Place(place.buffer, 0, (1,)))
            nests.append(Nest(shape, [Reduce(str(rng.choice(["sum", "max"])), value, place, (1,))]))
        else:
            place = space.place(shape, (1,), dtype, "arena")
            whole.append(place)
            nests.append(Nest(shape, [Reduce("sum", value, place, (0,))]))
        if rng.random() < 0.2:  # written where it was read
            given = next(place for place in whole if place.buffer.kind == "given" and place.strides[0])
            whole.remove(given)
            nests.append(Nest(shape, [Store(space.mixed([nodes.load(given), *values], dtype), given)]))
            whole.append(space.place(shape, (0, 1), dtype))
    return nests, space


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_nests_that_become_one_do_what_they_did(seed: int) -> None:
    nests, space = random_nests(seed)
    meant = {buffer: array.copy() for buffer, array in space.arrays.items()}
    for nest in nests:
        interpret(verify(nest), meant)
    fewer = [step for step in joined(nests, space.nodes) if isinstance(step, Nest)]
    assert len(fewer) <= len(nests)

    def run() -> None:
        for nest in fewer:
            run_nest(nest, space.arrays)

    space.check([*nests, *fewer], run, meant, 1e-10)


def test_a_fold_is_printed_and_nests_with_folds_that_are_wrong_are_refused() -> None:
    nodes, b, out = Nodes(), Buffer(0, "given", "float32", 6), Buffer(1, "given", "float32", 6)
    x = nodes.load(Place(b, 0, (3, 1)))
    total = nodes.node("row_sum", (x, (1,)), "float32")
    share = nodes.node("div", (x, total), "float32")
    assert str(verify(Nest((2, 3), [Store(share, Place(out, 0, (3, 1)))]))) == (
        "nest over 2x3\n  %0 = load b0[0; 3,1] : float32\n  %1 = row_sum %0 (1,) : float32\n"
        "  %2 = div %0 %1 : float32\n  store b1[0; 3,1] <- %2")
    verify(Nest((2, 3), [Store(total, Place(out, 0, (1, 0)))]))
    other = nodes.node("row_sum", (x, (0,)), "float32")
    for root, message in ((Store(share, Place(out, 0, (1, 0))), "a place along the row"),
                          (Store(nodes.node("add", (total, other), "float32"), Place(out, 0, (3, 1))), "folds along"),
                          (Reduce("sum", share, Place(out, 0, (1, 0)), (1,)), "a place along the row"),
                          (Reduce("sum", share, Place(out, 0, (0, 0)), (0,)), "a place along the row")):
        with pytest.raises(LoopError, match=message):
            verify(Nest((2, 3), [root]))


# --- programs ---------------------------------------------------------------------------------------------------------


def own_norm(x: Any, w: Any) -> Any:
    """A normalisation as a user writes it."""
    centred = x - x.mean(-1, keepdim=True)
    return centred / ((centred * centred).mean(-1, keepdim=True) + 1e-5).sqrt() * w


MASK = torch.tril(torch.ones(40, 40)).bool()
FORWARD: dict[str, Callable[[Any, Any], Any]] = {
    "softmax": lambda x, w: F.softmax(x * w, -1),
    "log_softmax": lambda x, w: F.log_softmax(x + w, -1),
    "masked": lambda x, w: F.softmax(torch.where(MASK, x, -float("inf")), -1),
    "layer_norm": lambda x, w: F.layer_norm(x, (40,), w, w),
    "rms_norm": lambda x, w: F.rms_norm(x, (40,), w),
    "own": own_norm,
    "softmax of layer norm": lambda x, w: F.softmax(F.layer_norm(x, (40,), w), -1),
    "normalize": lambda x, w: F.normalize(x, dim=-1),
    "channels": lambda x, w: F.softmax(x, 0),
    "two dimensions": lambda x, w: F.layer_norm(x, (40, 40)) * w,
    "logsumexp": lambda x, w: x - torch.logsumexp(x, -1, keepdim=True),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", FORWARD)
def test_what_normalises_rows_is_one_pass_and_right(name: str, dtype: Any) -> None:
    torch.manual_seed(0)
    x, w = (torch.rand(24, 40, 40, dtype=dtype) - 0.3).requires_grad_(), torch.rand(40, dtype=dtype, requires_grad=True)

    def forward(x: Any, w: Any) -> Any:
        return FORWARD[name](x, w)

    def step(x: Any, w: Any) -> Any:
        out = FORWARD[name](x, w)
        return out.detach(), *torch.autograd.grad((out * out.detach().cos()).sum(), (x, w), allow_unused=True)

    compiled = torch.compile(forward, fullgraph=True)
    with torch.no_grad():
        compiled(x, w)
    assert "1 passes over memory" in compiled.explain(), compiled.explain()
    wide = 1e-5 if dtype is torch.float32 else 1e-11
    for got, expected in zip(torch.compile(step, fullgraph=True)(x, w), step(x, w), strict=True):
        if expected is not None:
            size = max(1.0, float(expected.abs().max()))
            np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=wide, atol=wide * size)


def test_what_is_not_a_number_stays_so_in_its_row() -> None:
    x = torch.rand(20, 50)
    x[3, 17], x[5, 0], x[7] = float("nan"), float("inf"), -float("inf")
    for function in (lambda x: F.softmax(x, -1), lambda x: F.log_softmax(x, -1), lambda x: F.layer_norm(x, (50,)),
                     lambda x: x - x.amax(-1, keepdim=True)):
        got, expected = torch.compile(function, fullgraph=True)(x), function(x)
        np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("shape", "dim"), [
    ((5, 3001), (1,)), ((3001, 40), (0,)), ((40, 301, 7), (1,)), ((17, 300, 20), (0, 2)), ((9, 4100, 3), (1, 2)),
    ((70, 5000), (0,)), ((65536,), (0,))], ids=str)
def test_sums_are_exact_however_many_numbers_they_have(shape: tuple[int, ...], dim: tuple[int, ...]) -> None:
    """Runs of float32 lose no more than some numbers do, wherever a loop ends."""

    def step(x: Any) -> Any:
        return x.sum(dim), (x * x).mean(dim), x - x.mean(dim, keepdim=True)

    torch.manual_seed(0)
    x = torch.randn(shape)
    wide = x.numpy().astype(np.float64)
    size = np.abs(wide).sum(dim)
    total, square, centred = (y.numpy() for y in torch.compile(step, fullgraph=True)(x))
    assert (np.abs(total - wide.sum(dim)) <= 3e-7 * size).all()
    np.testing.assert_allclose(square, (wide * wide).mean(dim), rtol=1e-6)
    np.testing.assert_allclose(centred, wide - wide.mean(dim, keepdims=True), atol=2e-6)


def test_rows_that_are_wide_have_no_sums_on_the_stack() -> None:
    torch.manual_seed(0)
    x, w = torch.randn(20, 30000, requires_grad=True), torch.rand(30000, requires_grad=True)

    def step(x: Any, w: Any) -> Any:
        out = F.layer_norm(x, (30000,), w, w)
        return torch.autograd.grad((out * out.detach().cos()).sum(), (x, w))

    for got, expected in zip(torch.compile(step, fullgraph=True)(x, w), step(x, w), strict=True):
        size = float(expected.abs().max())
        np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-5, atol=1e-5 * size)


def test_an_extreme_is_found_again_among_the_values_that_it_is_of() -> None:
    """Sums of products are rounded once or twice, as loops want it; where they are compared they must be the same."""

    def step(x: Any, w: Any) -> Any:
        v = x + w * 0.1
        loss = (v * v.amax()).sum() + (v * v).sum() + v.norm(float("inf"), dim=1).sum()
        return torch.autograd.grad(loss, w)[0], (x - w * 0.3).max(1).indices, (x - w * 0.3).argmin(0)

    compiled = torch.compile(step, fullgraph=True)
    for seed in range(40):
        torch.manual_seed(seed)
        x, w = torch.rand(27, 4, dtype=torch.float64), torch.rand(4, dtype=torch.float64, requires_grad=True)
        for got, expected in zip(compiled(x, w), step(x, w), strict=True):
            np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-11, atol=1e-11)


def test_a_state_is_normalised_where_it_lies() -> None:
    def run(compiled: bool) -> Any:
        torch.manual_seed(0)
        w, seen = torch.rand(30, 60), torch.zeros(30, 60)

        def step(x: Any) -> Any:
            seen.copy_(w * 2 + seen)
            w.sub_(x)
            w.div_(w.norm(dim=1, keepdim=True))
            return (w * x).sum(1)

        step = torch.compile(step, fullgraph=True) if compiled else step
        return [*(step(torch.full((30, 60), k / 10)) for k in range(3)), w, seen]

    for got, expected in zip(run(True), run(False), strict=True):
        np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_the_same_bits_for_any_number_of_threads() -> None:
    torch.manual_seed(0)
    x, w = torch.rand(700, 90, requires_grad=True), torch.rand(90, requires_grad=True)

    def left(threads: int) -> list[Any]:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            def step(x: Any, w: Any) -> Any:
                loss = F.softmax(F.layer_norm(x, (90,), w), -1).log().square().sum()
                return loss.detach(), *torch.autograd.grad(loss, (x, w))

            return list(torch.compile(step, fullgraph=True)(x, w))
        finally:
            torch.set_num_threads(before)

    first, *others = (left(threads) for threads in (1, 2, 3))
    assert all(torch.equal(a, b) for other in others for a, b in zip(first, other, strict=True))


def nests_of(f: Any) -> list[Nest]:
    return [step for step in f.programs[0]._run.program.schedule.steps if isinstance(step, Nest)]


@pytest.mark.parametrize(("length", "dtypes"), [(1024, {"float32"}), (130, {"float32", "float64"})])
def test_long_rows_are_centred_before_their_squares_are_summed(length: int, dtypes: set[str]) -> None:
    """Short ones go by sums in float64, one way through a row fewer. Either keeps what a large mean leaves."""
    x = torch.randn(40, length) + 1e3
    norm = torch.compile(lambda x: F.layer_norm(x, (length,)), fullgraph="native")
    wide = x.numpy().astype(np.float64)
    centred = wide - wide.mean(1, keepdims=True)
    scale = np.sqrt((centred**2).mean(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(norm(x).numpy(), centred / scale, atol=1e-4)
    (nest,) = nests_of(norm)
    assert {node.dtype for node in nest.nodes()} == dtypes


def test_of_what_a_later_way_through_a_row_stores_the_lines_of_that_row_are_fetched() -> None:
    """And of what is read those of the next rows, of which two are gone through at once."""
    softmax = torch.compile(lambda x: (x * 2).softmax(-1), fullgraph="native")
    softmax(torch.randn(512, 1024))
    (nest,) = nests_of(softmax)
    (root,) = nest.roots
    written = emission._Emission(nest, "nest", engine().machine)
    dearest, distance = written.ahead
    assert dearest is not None and any(node.op == "exp" for node in dearest.nodes)
    pair = 1 if written.pair is None else 2
    assert distance == {place: 0 if place == root.place else pair * 1024 * 4 for place in written.places}
