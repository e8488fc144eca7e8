"""Generated convolutions against numpy's, over random geometries."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.compiler import blocks, memory, threads
from wengert.compiler import convolution as generated
from wengert.compiler.code import Code, module
from wengert.compiler.jit import engine
from wengert.compiler.turning import turning
from wengert.compiler.vectors import Machine
from wengert.core.windows import out_sizes
from wengert.prims import convolution as prims


def geometry(draw: random.Random) -> dict[str, Any]:
    """A convolution of one to three dimensions that has at least one window."""
    rank = draw.choice([1, 2, 2, 3])

    def each(*choices: int) -> tuple[int, ...]:
        return tuple(draw.choice(choices) for _ in range(rank))

    kernel, stride, padding, dilation = each(1, 2, 3, 5), each(1, 1, 2, 3), each(0, 1, 2), each(1, 1, 2)
    least = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    drawn = each(3, 5, 8) if rank == 3 else each(4, 7, 9, 16, 21, 33)
    return {"groups": draw.choice([1, 1, 2, 3]), "inputs": draw.choice([1, 2, 5]),
            "outputs": draw.choice([1, 3, 4, 6, 7]), "samples": draw.choice([1, 2, 5]),
            "sizes": tuple(max(n, m) for n, m in zip(drawn, least, strict=True)), "kernel": kernel, "stride": stride,
            "padding": padding, "dilation": dilation}


def wide(draw: random.Random) -> dict[str, Any]:
    """A convolution whose channels fill vectors: what the code of programs computes, block by block."""
    g = geometry(draw)
    if draw.random() < 0.3:
        g |= {"groups": draw.choice([16, 19, 40]), "inputs": 1, "outputs": 1}
    else:
        g |= {"groups": draw.choice([1, 1, 2]), "inputs": draw.choice([3, 8, 17, 20]),
              "outputs": draw.choice([16, 21, 32, 70])}
    if len(g["sizes"]) < 3 and draw.random() < 0.3:
        g["sizes"] = (*g["sizes"][:-1], draw.choice([65, 150, 300]))
    return g | {"samples": draw.choice([1, 2, 5, 9])}


def arrays(g: dict[str, Any], dtype: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The input, the weight, the bias and a cotangent of the result."""
    normal = np.random.default_rng(seed).normal
    out = out_sizes(g["sizes"], g["kernel"], g["stride"], g["padding"], g["dilation"])
    x = normal(size=(g["samples"], g["groups"] * g["inputs"], *g["sizes"])).astype(dtype)
    weight = normal(size=(g["groups"] * g["outputs"], g["inputs"], *g["kernel"])).astype(dtype)
    ct = normal(size=(g["samples"], g["groups"] * g["outputs"], *out)).astype(dtype)
    return x, weight, normal(size=weight.shape[0]).astype(dtype), ct


def both(monkeypatch: pytest.MonkeyPatch, compute: Any) -> tuple[Any, Any]:
    """What generated code gives, and what numpy gives."""
    monkeypatch.setattr(prims, "_LARGE", 0)
    ours = compute()
    monkeypatch.setattr(prims, "_LARGE", float("inf"))
    return ours, compute()


@pytest.mark.parametrize("seed", range(60))
def test_a_convolution_its_adjoint_and_its_weights_gradient(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    g = geometry(random.Random(seed))
    dtype, tolerance = (("float32", 1e-4), ("float64", 1e-11))[seed % 2]
    x, weight, bias, ct = arrays(g, dtype, seed)
    params = {name: g[name] for name in ("stride", "padding", "dilation", "groups")}
    calls: list[str] = []
    for name in ("convolve", "convolve_weight"):
        function = getattr(generated, name)
        monkeypatch.setattr(generated, name, lambda *a, _f=function, _n=name: (calls.append(_n), _f(*a))[1])

    def compute() -> list[np.ndarray]:
        out = prims.convolution.run(x, weight, bias, **params)
        saved = (x, weight, None, None, [a.shape for a in (x, weight, bias)])
        return [out, *prims.convolution.vjp(ct, saved, params, (True, True, True))]

    ours, theirs = both(monkeypatch, compute)
    few = prims._fills_few_vectors(x.shape[0], weight.shape, g["groups"], ct.shape[2:])  # then products of matrices
    assert calls.count("convolve") >= 2 and calls.count("convolve_weight") == (0 if few else 1)
    for got, expected in zip(ours, theirs, strict=True):
        assert got.shape == expected.shape and got.dtype == expected.dtype
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * max(1, np.abs(expected).max()))


@pytest.fixture(params=[None, Machine(32, True, False), Machine(16, True, False)], ids=["own", "32", "16"])
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine, and ones with shorter vectors, of whose code nothing is left."""
    own = engine().machine
    if request.param is not None:
        if request.param.vector_bytes > own.vector_bytes or not own.fused:
            pytest.skip("longer vectors than this machine has")
        monkeypatch.setattr(engine(), "machine", request.param)
    caches = blocks._driver, blocks._code
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.usefixtures("machine")
def test_blocks_of_windows_by_the_code_of_programs(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The convolution and the gradient of its weight by blocks, of which some are cut off at the edges, in small rooms
    too; also where what lies beyond the windows is not finite."""
    draw = random.Random(seed)
    g = wide(draw)
    dtype, tolerance = (("float32", 1e-4), ("float64", 1e-11))[seed % 2]
    x, weight, bias, ct = arrays(g, dtype, seed)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", draw.choice([2**12, 2**15, blocks.BLOCK_BYTES]))
    monkeypatch.setattr(blocks, "MOST_OF_SUMS", draw.choice([2**12, blocks.MOST_OF_SUMS]))
    out, (kernel, stride, padding, dilation, groups) = ct.shape[2:], [
        g[name] for name in ("kernel", "stride", "padding", "dilation", "groups")]
    placed = generated._geometry(x.shape, x.dtype.char, out, len(weight), kernel, stride, padding, dilation, groups)
    assert placed is not None
    least = draw.choice([1, 2, 3])
    forward, gradient = ([blocks._block(placed, parts > 0, least), parts] for parts in (0, draw.choice([1, 2, 8])))
    assert forward[0] is not None and gradient[0] is not None
    result = np.full(ct.shape, np.nan, dtype)
    blocks.Plan(placed, *forward[:1], True, 0, least).convolve(x, weight, bias, result)
    weights = np.full(weight.shape, np.nan, dtype)
    blocks.Plan(placed, gradient[0], False, gradient[1], least).convolve_weight(x, ct, weights)
    monkeypatch.setattr(prims, "_LARGE", float("inf"))
    params = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    for got, expected in ((result, prims.convolution.run(x, weight, bias, **params)),
                          (weights, prims.convolution_weight.run(x, ct, kernel=kernel, **params))):
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * max(1, np.abs(expected).max()))


def test_blocks_take_nothing_from_beyond_their_windows() -> None:
    """A stride leaves out the last rows and columns: what is not finite there goes into no sum."""
    x, weight = np.ones((3, 16, 8, 70), np.float32), np.ones((16, 16, 3, 3), np.float32)
    x[:, :, 7:], x[:, :, :, 69:] = np.nan, np.inf
    geometry = {"stride": (2, 2), "padding": (0, 0), "dilation": (1, 1)}
    out = prims.convolution.run(x, weight, **geometry)
    assert out.shape == (3, 16, 3, 34) and (out == 144).all()
    gradient = prims.convolution_weight.run(x, out, kernel=(3, 3), **geometry)
    assert out.flags.c_contiguous and gradient.flags.c_contiguous
    assert (gradient == 3 * 3 * 34 * 144).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (16, 16), (17, 8), (129, 33), (260, 5)])
@pytest.mark.usefixtures("machine")
def test_a_matrix_is_turned_round(shape: tuple[int, int], dtype: str) -> None:
    code = Code()
    operands, _, _ = code.parameters
    table = code.address(operands, 0)
    source, target = (code.address(table, k) for k in range(2))
    code.call("void", "turn", source, code.word(table, 2), target, code.word(table, 3), code.word(table, 4),
              code.word(table, 5))
    code.done()
    kernel = threads.Parts(module(code, *turning("turn", dtype, engine().machine)))
    x = np.random.default_rng(0).normal(size=(shape[0], shape[1] + 3)).astype(dtype)
    for begin in (0, 1, 7):  # wherever the target's lines begin, and with a step of its own
        room = np.zeros(begin + shape[1] * (shape[0] + 2) + 40, dtype)
        numbers = threads.table(6)
        numbers[:] = [memory.address(x), memory.address(room[begin:]), x.shape[1], shape[0] + 2, *shape]
        kernel.run(1, 1e9, numbers)
        seen = room[begin:begin + shape[1] * (shape[0] + 2)].reshape(shape[1], -1)
        assert (seen[:, :shape[0]] == x[:, :shape[1]].T).all()
        assert not seen[:, shape[0]:].any() and not room[:begin].any() and not room[begin + seen.size:].any()


def test_the_adjoint_with_large_strides_and_extra_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Phases that no place of the kernel meets stay zero."""
    x, weight = np.ones((2, 3, 4, 4), np.float32), np.ones((3, 2, 2, 2), np.float32)
    params = {"stride": (3, 4), "padding": (0, 1), "dilation": (1, 2), "transposed": True, "extra": (2, 1)}
    ours, theirs = both(monkeypatch, lambda: prims.convolution.run(x, weight, **params))
    assert ours.shape == theirs.shape == (2, 2, 13, 14) and (ours == theirs).all()
    assert (ours[:, :, 2::3] == 0).all() and ours.sum() > 0


@pytest.mark.parametrize("samples, channels", [(5, (8, 12)), (5, (16, 32)), (1, (16, 40))])
def test_results_do_not_depend_on_the_number_of_threads(samples: int, channels: tuple[int, int]) -> None:
    both = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1)}
    x, weight, bias, _ = arrays({"groups": 1, "inputs": channels[0], "outputs": channels[1], "samples": samples,
                                 "sizes": (17, 19), "kernel": (3, 3), **both}, "float32", 0)
    before, results = threads.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            out = prims.convolution.run(x, weight, bias, **both)
            results.append((out, generated.convolve_weight(x, out, (3, 3), *both.values(), 1)))
    finally:
        threads.set_num_threads(before)
    assert all((part == first).all() for result in results for part, first in zip(result, results[0], strict=True))


def test_narrow_rows_of_the_input_may_hold_nan_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lanes beyond a short row are read and not used: a NaN of another sample must not leak into a sample's result."""
    monkeypatch.setattr(prims, "_LARGE", 0)
    x = np.ones((3, 4, 5, 5), np.float32)
    x[2] = np.nan
    out = prims.convolution.run(x, np.ones((4, 4, 3, 3), np.float32), stride=(1, 1), padding=(1, 1), dilation=(1, 1))
    assert np.isfinite(out[:2]).all() and np.isnan(out[2]).all()


def test_dtypes_and_sizes_that_generated_code_lacks_go_to_numpy() -> None:
    x, weight = (torch.ones(*shape, dtype=torch.complex64) for shape in ((2, 3, 40, 40), (4, 3, 3, 3)))
    whole = torch.nn.functional.conv2d(x, weight)
    assert whole.dtype is torch.complex64 and bool((whole == 27).all())
    assert prims._generated(np.ones((1, 1, 4)), 6) is None
