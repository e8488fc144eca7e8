"""Generated products of matrices, against products in float64: sizes around every cut, layouts, batches, dtypes."""

import ctypes
from dataclasses import replace
from math import prod

import numpy as np
import pytest

from wengert.compiler import memory
from wengert.compiler.code import Code, module
from wengert.compiler.jit import engine
from wengert.compiler.kernels import generated_code_is_possible
from wengert.compiler.products import Products, geometry
from wengert.compiler.vectors import Machine

if not generated_code_is_possible():
    pytest.skip("no generated code here", allow_module_level=True)


def entry(name, function):
    """A function that others can call, as the functions of a module are its own."""
    code = Code(name)
    code.call("void", function.name, *code.parameters)
    code.done()
    return code


def multiplied(left, right, parts=1, spans=None):
    """``left @ right`` by generated code, its items dealt out in so many calls from the last to the first. ``spans``
    says of a cut which part of the depth each tile of each panel has."""
    size, batch = left.itemsize, left.shape[:-2]
    out = np.full((*batch, left.shape[-2], right.shape[-1]), np.nan, left.dtype)
    strides = [tuple(s // size for s in x.strides) for x in (left, right, out)]
    cut = geometry(engine().machine, left.dtype.name, batch, (*left.shape[-2:], right.shape[-1]), *strides)
    if cut is None:
        return None
    if spans is not None:
        cut = replace(cut, spans=spans(cut))
    writer = Products(engine().machine)
    functions = writer.panels(cut, "a"), writer.left(cut, "b"), writer.product(cut, "c", lay=True)
    wrapped = [entry(f"run_{function.name}", function) for function in functions]
    names = [code.name for code in wrapped]
    library = engine().load(module(*writer.functions, *wrapped), *names)
    panels = np.full(cut.panel_elements, np.nan, left.dtype)
    laid = np.full(cut.left_elements, np.nan, left.dtype)

    def call(name, items, *arrays):
        table = (ctypes.c_void_p * len(arrays))(*map(memory.address, arrays))
        operands = (ctypes.c_void_p * 1)(ctypes.addressof(table))
        function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(library.addresses[name])
        edges = sorted({items * part // parts for part in range(parts + 1)}, reverse=True)
        for stop, start in zip(edges, edges[1:], strict=False):
            function(ctypes.addressof(operands), start, stop)

    if not cut.by_panels:
        call(names[0], prod(batch) * cut.panels, right, panels)
    elif cut.lay_left:
        call(names[1], prod(batch) * cut.tiles, left, laid)
    call(names[2], cut.items, left, right, panels, laid, out)
    return out


def matrices(rng, batch, rows, columns, dtype, turned):
    if turned:
        return np.swapaxes(rng.standard_normal((*batch, columns, rows)).astype(dtype), -1, -2)
    return rng.standard_normal((*batch, rows, columns)).astype(dtype)


@pytest.mark.parametrize("rows", [181, 183, 196, 211, 253, 340])
@pytest.mark.parametrize("turned", [False, True])
def test_a_last_tile_that_is_an_item_of_its_own_leaves_the_rows_of_the_one_before(rows, turned):
    """Whichever of the two runs first: a deep product goes by parts, and what both have is added up once."""
    rng = np.random.default_rng(rows)
    for depth, columns in ((640, 40), (1100, 64)):
        left, right = matrices(rng, (), rows, depth, "float32", turned), matrices(rng, (), depth, columns, "float32", 0)
        expected = left.astype(np.float64) @ right
        for parts in (1, 1000):
            found = multiplied(left, right, parts)
            assert found is not None
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(12))
def test_random_sizes_and_layouts(dtype, seed):
    rng = np.random.default_rng(seed)
    rows, depth, columns = (int(n) for n in rng.integers(1, 100, 3))
    if seed % 4 == 0:
        depth *= 16
    rows = max(8, rows * 4 if seed % 3 == 0 else rows)
    batch = tuple(int(n) for n in rng.integers(1, 4, seed % 3))
    left = matrices(rng, batch, rows, depth, dtype, seed % 2 == 0)
    right = matrices(rng, batch, depth, columns, dtype, seed % 5 < 2)
    out = multiplied(left, right)
    expected = left.astype("float64") @ right.astype("float64")
    scale = np.abs(left).astype("float64") @ np.abs(right).astype("float64")
    assert out is not None
    assert (np.abs(out - expected) <= (depth + 4) * np.finfo(dtype).eps * scale).all()
    assert np.array_equal(out, multiplied(left, right, parts=5))


@pytest.mark.parametrize("sizes", [(8, 1, 1), (14, 3, 33), (13, 16, 16), (200, 40, 17), (29, 1024, 40), (300, 64, 200)])
def test_edges_of_tiles_panels_and_squares(sizes):
    rng = np.random.default_rng(0)
    rows, depth, columns = sizes
    for left_turned in (False, True):
        for right_turned in (False, True):
            left = matrices(rng, (), rows, depth, "float64", left_turned)
            right = matrices(rng, (), depth, columns, "float64", right_turned)
            out = multiplied(left, right)
            assert out is not None
            np.testing.assert_allclose(out, left @ right, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("shape", [(1, 1), (6, 4), (24,)])
def test_columns_of_many_left_matrices_are_fetched_ahead(shape):
    rng = np.random.default_rng(3)
    left, right = matrices(rng, shape, 64, 64, "float32", True), matrices(rng, shape, 64, 40, "float32", False)
    strides = [tuple(s // 4 for s in x.strides) for x in (left, right, left @ right)]
    cut = geometry(engine().machine, "float32", shape, (64, 64, 40), *strides)
    assert cut.by_matrices is (len(left.reshape(-1, 64, 64)) > 1), "the last one has none after it"
    for parts in (1, 7):
        np.testing.assert_allclose(multiplied(left, right, parts), left @ right, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("seed", range(12))
def test_tiles_that_have_a_part_of_the_depth_of_their_own(seed):
    """Nothing else is read, whole tiles may have none, and the order of the sums stays."""
    rng = np.random.default_rng(seed)
    rows, depth, columns = (int(n) for n in rng.integers(14, 100, 3))
    batch = tuple(int(n) for n in rng.integers(1, 3, seed % 3))
    if seed % 4 == 0:
        rows, depth, batch = rows * 4, depth * 12, ()
    left = matrices(rng, batch, rows, depth, "float32", seed % 2 == 0)
    right = matrices(rng, batch, depth, columns, "float32", seed % 5 < 2)
    found, expected = {}, {}

    def spans(cut):
        ends = np.sort(rng.integers(0, depth + 1, (cut.panels, cut.tiles, 2)), axis=-1)
        ends[rng.random((cut.panels, cut.tiles)) < 0.2] = 0
        found["cut"], found["ends"] = cut, ends
        return tuple((int(start), int(stop)) for start, stop in ends.reshape(-1, 2))

    out = multiplied(left, right, 3, spans)
    cut = found["cut"]
    for panel in range(cut.panels):
        for tile in range(cut.tiles):
            start, stop = found["ends"][panel, tile]
            row = min(tile * cut.tile_rows, rows - cut.tile_rows)
            mine = slice(row, row + cut.tile_rows), slice(panel * cut.width, (panel + 1) * cut.width)
            expected[panel, tile] = mine, (
                left[..., mine[0], start:stop].astype("float64") @ right[..., start:stop, mine[1]].astype("float64"))
    for panel in range(cut.panels):
        for tile in range(cut.tiles):
            mine, value = expected[panel, tile]
            shared = tile == cut.tiles - 1 and rows % cut.tile_rows  # rows that the tile before has too
            own = -(rows % cut.tile_rows) if shared else 0
            here = out[(..., *mine)][..., own:, :] if shared else out[(..., *mine)]
            if tile == cut.tiles - 2 and rows % cut.tile_rows:
                here, value = here[..., :rows % cut.tile_rows, :], value[..., :rows % cut.tile_rows, :]
            np.testing.assert_allclose(here, value[..., own:, :], rtol=0, atol=1e-3)


def test_strides_that_products_meet():
    rng = np.random.default_rng(1)
    whole = rng.standard_normal((4, 50, 3, 32)).astype("float32")
    heads = whole.transpose(0, 2, 1, 3)  # (4, 3, 50, 32), as attention sees its heads
    out = multiplied(heads, np.swapaxes(heads, -1, -2))
    assert out is not None
    np.testing.assert_allclose(out, heads @ np.swapaxes(heads, -1, -2), rtol=1e-4, atol=1e-4)
    shared = np.broadcast_to(rng.standard_normal((32, 20)).astype("float32"), (4, 3, 32, 20))
    np.testing.assert_allclose(multiplied(heads, shared), heads @ shared, rtol=1e-4, atol=1e-4)


def test_what_is_left_to_others():
    machine = engine().machine
    assert geometry(machine, "float32", (), (4, 32, 32), (32, 1), (32, 1), (32, 1)) is None  # few rows
    assert geometry(machine, "float32", (), (64, 32, 32), (32, 1), (64, 2), (32, 1)) is None  # no neighbours
    assert geometry(machine, "float32", (), (2048, 2048, 2048), (2048, 1), (2048, 1), (2048, 1)) is None  # deep


def test_which_left_operands_are_read_where_they_stand_a_strip_at_a_time():
    def cut(rows, depth, columns, along, batch=()):
        strides = [(0,) * len(batch) + pair for pair in ((1, along), (columns, 1), (columns, 1))]
        return geometry(Machine(64, True, True), "float32", batch, (rows, depth, columns), *strides)

    for rows, depth, columns in ((512, 2048, 128), (80, 2048, 128), (384, 768, 128)):
        found = cut(rows, depth, columns, rows)
        assert found.by_strips and not found.lay_left and found.cut <= 96 and found.items >= 6
    assert not cut(128, 768, 512, 128).by_strips  # few tiles and many panels
    assert not cut(512, 400, 128, 512).by_strips  # not deep
    assert not cut(512, 2048, 128, 512, (3,)).by_strips
    assert cut(512, 2048, 128, 4096).lay_left  # lines that fall on each other in the second-level cache
