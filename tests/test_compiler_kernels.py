"""Generated elementwise kernels: accuracy, edges, threads, and the cache on disk."""

from __future__ import annotations

import importlib.util
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from wengert.compiler import emit, jit, kernels, threads
from wengert.compiler.vectors import Machine
from wengert.core.generated import run_large
from wengert.core.primitive import P, Primitive

ROOT = Path(__file__).parent.parent
LARGE = 70_000
erf, erfc = np.vectorize(math.erf, otypes=[float]), np.vectorize(math.erfc, otypes=[float])


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WENGERT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _same_threads_after() -> Iterator[None]:
    before = threads.get_num_threads()
    yield
    threads.set_num_threads(before)


def unary(name: str) -> Callable:
    return lambda b, x: getattr(b, name)(x)


def compiled(lower: Callable, dtype: str = "float32", pattern: str = "a") -> kernels.Kernel:
    kernel = kernels.compile_elementwise(lower, dtype, pattern)
    assert kernel is not None
    return kernel


def apply(lower: Callable, *operands: object, dtype: str = "float32") -> np.ndarray:
    pattern = "".join("a" if isinstance(x, np.ndarray) else "s" for x in operands)
    kernel = compiled(lower, dtype, pattern)
    shape = next(x.shape for x in operands if isinstance(x, np.ndarray))
    return kernel(np.empty(shape, kernel.result), *operands)


def primitive(lower: Callable | None, arity: int = 1) -> SimpleNamespace:
    """A stand-in for a registered primitive."""
    return _Hashable(name="stand_in", arity=arity, lower=lower)


class _Hashable(SimpleNamespace):
    __hash__ = object.__hash__


def sigmoid(x: np.ndarray) -> np.ndarray:
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1) / (1 + small)


def normal_cdf(x: np.ndarray) -> np.ndarray:
    return 0.5 * erfc(-x * math.sqrt(0.5))


# The reference, and the largest error allowed in float32 and in float64, in units in the last place of the exact
# result: what `wengert.compiler.math` promises. None: not covered.
FUNCTIONS: dict[str, tuple[Callable, float, float | None]] = {
    "exp": (np.exp, 1.0, 1.0),
    "exp2": (np.exp2, 1.0, 1.0),
    "expm1": (np.expm1, 1.5, 1.75),
    "log": (np.log, 1.0, 1.0),
    "log2": (np.log2, 2.0, 2.0),
    "log10": (np.log10, 2.25, 2.0),
    "log1p": (np.log1p, 1.5, 1.6),
    "tanh": (np.tanh, 4.8, 2.5),
    "sigmoid": (sigmoid, 4.5, 2.0),
    "erf": (erf, 5.0, 6.0),
    "erfc": (erfc, 5.0, 7.0),
    "sin": (np.sin, 1.6, None),
    "cos": (np.cos, 1.6, None),
    "sqrt": (np.sqrt, 0.501, 0.501),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 1.5, 1.5),
    "reciprocal": (lambda x: 1 / x, 0.501, 0.501),
}


def float32_everywhere(step: int) -> np.ndarray:
    """One float32 in ``step``, of all there are: every sign, exponent, infinities and NaN."""
    return np.arange(0, 2**32, step, dtype=np.uint64).astype(np.uint32).view(np.float32)


def units(got: np.ndarray, exact: np.ndarray, digits: int, smallest: int) -> np.ndarray:
    """The error in units of the last of ``digits`` binary digits of the exact result."""
    last = np.ldexp(1.0, np.maximum(np.frexp(np.abs(exact))[1] - digits, smallest))
    return np.abs(got.astype(exact.dtype) - exact) / last


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_accuracy_over_all_arguments(name: str) -> None:
    reference, limit, _ = FUNCTIONS[name]
    few = reference in (erf, erfc)
    x = np.concatenate([float32_everywhere(200_003 if few else 20_011),
                        np.linspace(-110, 110, 30_001 if few else 300_001, dtype=np.float32)])
    got = apply(unary(name), x)
    with np.errstate(all="ignore"):
        exact = reference(x.astype(np.float64))
        single = exact.astype(np.float32)
    finite = np.isfinite(single) & np.isfinite(exact)
    assert np.array_equal(got[~finite], single[~finite], equal_nan=True)
    assert np.isfinite(got[finite]).all()
    assert units(got[finite], exact[finite], 24, -149).max() <= limit


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if FUNCTIONS[n][2] is not None])
def test_float64_accuracy(name: str) -> None:
    reference, _, limit = FUNCTIONS[name]
    random = np.random.default_rng(7)
    few = reference in (erf, erfc)
    x = np.concatenate([random.uniform(-745, 710, 20_000), random.uniform(-30, 30, 20_000), random.normal(size=20_000),
                        1 + np.ldexp(random.uniform(-1, 1, 5_000), random.integers(-50, 0, 5_000)),
                        np.ldexp(random.uniform(1, 2, 20_000), random.integers(-1074, 1023, 20_000))])
    got = apply(unary(name), x, dtype="float64")
    with np.errstate(all="ignore"):
        # The C library's erf is itself wrong by one unit; elsewhere more digits are at hand, on most machines.
        exact = np.asarray(reference(x if few else x.astype(np.longdouble)), np.longdouble)
        finite = np.isfinite(exact.astype(np.float64))
        assert np.array_equal(got[~finite], exact[~finite].astype(np.float64), equal_nan=True)
    slack = 1.0 if few or np.finfo(np.longdouble).nmant == 52 else 0.0
    assert limit is not None
    assert units(got[finite], exact[finite], 53, -1074).max() <= limit + slack


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_edges_are_those_of_numpy(name: str, dtype: str) -> None:
    reference, limit32, limit64 = FUNCTIONS[name]
    if dtype == "float64" and limit64 is None:
        pytest.skip("numpy keeps it")
    info = np.finfo(dtype)
    positive = [0, 1, 2, 0.5, 3.5, 88.7, 104, 745, info.tiny, info.smallest_subnormal, info.max, np.inf, 1 + info.eps]
    x = np.array([sign * v for v in positive for sign in (1, -1)] + [np.nan], dtype)
    got = apply(unary(name), x, dtype=dtype)
    with np.errstate(all="ignore"):
        expected = np.asarray(reference(x.astype(np.float64)), dtype)
    special = ~np.isfinite(expected) | (expected == 0)
    assert np.array_equal(got[special], expected[special], equal_nan=True)
    zero = expected == 0
    assert np.array_equal(np.signbit(got[zero]), np.signbit(expected[zero]))
    np.testing.assert_allclose(got[~special], expected[~special], rtol=8 * info.eps, atol=info.smallest_subnormal)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "low", "high"), [("tanh", -1, 1), ("erf", -1, 1), ("sigmoid", 0, 1), ("erfc", 2, 0)])
def test_saturation_is_exact(name: str, low: float, high: float, dtype: str) -> None:
    ends = np.array([40, 800, np.inf], dtype)
    assert (apply(unary(name), ends, dtype=dtype) == high).all()
    assert (apply(unary(name), -ends, dtype=dtype)[name == "sigmoid" :] == low).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_normal_distribution_function(dtype: str) -> None:
    x = np.concatenate([np.linspace(-9, 9, 20_001), [np.inf, -np.inf, np.nan]]).astype(dtype)
    got = apply(unary("normal_cdf"), x, dtype=dtype)
    error = np.abs(got - normal_cdf(x.astype(np.float64)))
    assert np.nanmax(error) < (3e-7 if dtype == "float32" else 5e-16)
    assert got[-3] == 1 and got[-2] == 0 and np.isnan(got[-1])
    assert np.nanmin(got) == 0 and np.nanmax(got) == 1


@pytest.mark.parametrize("machine", [Machine(16, False, False), Machine(32, True, False)], ids=["baseline", "256 bits"])
@pytest.mark.parametrize("name", ["exp", "expm1", "log", "log1p", "tanh", "sigmoid", "erf", "erfc", "sin", "cos"])
def test_machines_with_less(name: str, machine: Machine) -> None:
    """The code for processors without AVX-512, or without a fused multiply-add, on this one."""
    if machine.fused and not jit.engine().machine.fused:
        pytest.skip("this processor has no fused multiply-add")
    reference, limit, _ = FUNCTIONS[name]
    x = np.concatenate([np.linspace(-12, 12, 20_001, dtype=np.float32), float32_everywhere(1_000_003)])
    module = emit.elementwise_module(unary(name), "float32", "a", machine)
    kernel = compiled(unary(name))
    # Without the flag no product and sum are fused behind the builder's back, as on a processor that cannot.
    text = module.text if machine.fused else module.text.replace(" contract ", " ")
    kernel._library = jit.engine().load(text, "kernel")
    kernel._descriptor[0] = kernel._library.addresses["kernel"]
    got = kernel(np.empty_like(x), x)
    with np.errstate(all="ignore"):
        exact = reference(x.astype(np.float64))
        single = exact.astype(np.float32)
    finite = np.isfinite(single)
    assert np.array_equal(got[~finite], single[~finite], equal_nan=True)
    assert units(got[finite], exact[finite], 24, -149).max() <= limit + 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arithmetic_and_rounding(dtype: str) -> None:
    random = np.random.default_rng(1)
    x, y = (random.normal(size=999).astype(dtype) * 4 for _ in range(2))
    x[:6] = [0.5, 1.5, -2.5, -0.0, np.nan, 3]
    y[:6] = [1, np.nan, 2, 3, 4, 3]
    for name, expected in {"add": x + y, "sub": x - y, "mul": x * y, "div": x / y, "min": np.minimum(x, y),
                           "max": np.maximum(x, y), "lt": x < y, "le": x <= y, "gt": x > y, "ge": x >= y, "eq": x == y,
                           "ne": x != y, "copysign": np.copysign(x, y), "logical_and": (x != 0) & (y != 0),
                           "logical_or": (x != 0) | (y != 0)}.items():
        got = apply(lambda b, u, v, name=name: getattr(b, name)(u, v), x, y, dtype=dtype)
        assert got.dtype == expected.dtype and np.array_equal(got, expected, equal_nan=got.dtype != bool), name
    for name, expected in {"neg": -x, "abs": abs(x), "floor": np.floor(x), "ceil": np.ceil(x), "round": np.rint(x),
                           "trunc": np.trunc(x), "isnan": np.isnan(x), "logical_not": x == 0}.items():
        got = apply(unary(name), x, dtype=dtype)
        assert got.dtype == expected.dtype and np.array_equal(got, expected, equal_nan=got.dtype != bool), name
    got = apply(lambda b, u, v: b.select(b.lt(u, v), b.fma(u, v, 1), b.const(7)), x, y, dtype=dtype)
    np.testing.assert_allclose(got, np.where(x < y, x * y + 1, 7), rtol=1e-5 if dtype == "float32" else 1e-14)
    relu = apply(lambda b, u: b.max(u, b.const(0.0)), x, dtype=dtype)
    assert np.array_equal(relu, np.maximum(x, 0), equal_nan=True)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 15, 16, 17, 1023, 100_003])
@pytest.mark.parametrize("start", [0, 1, 3, 5, 16])
def test_every_length_and_start_gives_the_same_bits(count: int, start: int) -> None:
    values = np.random.default_rng(2).normal(size=100_100).astype(np.float32)
    kernel = compiled(unary("sigmoid"))
    whole = kernel(np.empty_like(values), values)
    for shift in (0, 2, 7):
        room = np.full(count + 64, -5, np.float32)
        out = room[8 + shift : 8 + shift + count]
        kernel(out, values[start : start + count])
        assert np.array_equal(out, whole[start : start + count])
        assert (room[: 8 + shift] == -5).all() and (room[8 + shift + count :] == -5).all()


def test_bool_results_of_every_length() -> None:
    x = np.random.default_rng(3).normal(size=5000).astype(np.float32)
    kernel = compiled(lambda b, u: b.gt(u, 0.0))
    for count in (0, 1, 15, 63, 64, 65, 4999):
        room = np.full(count + 200, True)
        out = room[77 : 77 + count]
        kernel(out, x[:count])
        assert np.array_equal(out, x[:count] > 0)
        assert room[:77].all() and room[77 + count :].all()


def test_arrays_that_begin_at_an_odd_byte() -> None:
    values = np.random.default_rng(11).normal(size=5000).astype(np.float32)
    kernel = compiled(unary("exp"))
    x = np.frombuffer(b"." + values.tobytes(), np.float32, offset=1)
    out = np.frombuffer(bytearray(values.nbytes + 3), np.float32, offset=3)
    assert not x.flags.aligned and not out.flags.aligned
    assert np.array_equal(kernel(out, x), kernel(np.empty_like(values), values))


def test_the_output_may_be_an_operand() -> None:
    x = np.random.default_rng(4).normal(size=LARGE).astype(np.float32)
    y = np.random.default_rng(5).normal(size=LARGE).astype(np.float32)
    expected = x * y
    assert compiled(lambda b, u, v: b.mul(u, v), pattern="aa")(y, x, y) is y
    assert np.array_equal(y, expected)


@pytest.mark.parametrize("lower", [unary("exp"), unary("sin"), unary("erf"), lambda b, x: b.mul(x, b.add(x, 1))])
def test_the_same_bits_for_any_number_of_threads(lower: Callable) -> None:
    x = np.random.default_rng(6).normal(size=1_000_003).astype(np.float32) * 1e3
    kernel = compiled(lower)
    results = []
    for count in (1, 2, 3, 5):
        threads.set_num_threads(count)
        results += [kernel(np.empty_like(x), x).tobytes() for _ in range(3)]
    assert len(set(results)) == 1


def test_set_num_threads_checks_its_argument() -> None:
    for wrong in (0, -1, 1.0, True, "2"):
        with pytest.raises(ValueError, match="positive int"):
            threads.set_num_threads(wrong)  # type: ignore[arg-type]
    threads.set_num_threads(3)
    assert threads.get_num_threads() == 3


def test_many_python_threads_at_once() -> None:
    kernel = compiled(unary("exp"))
    wrong = []

    def work(seed: int) -> None:
        x = np.random.default_rng(seed).normal(size=200_000).astype(np.float32)
        first = kernel(np.empty_like(x), x)
        for _ in range(20):
            if not np.array_equal(kernel(np.empty_like(x), x), first):
                wrong.append(seed)

    crew = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for member in crew:
        member.start()
    for member in crew:
        member.join()
    assert not wrong


def test_idle_workers_sleep() -> None:
    threads.set_num_threads(3)
    x = np.ones(1_000_000, np.float32)
    compiled(unary("exp"))(np.empty_like(x), x)
    pool = threads.pool()
    assert len(pool._workers) == 2
    deadline = time.monotonic() + 20
    while len(pool._asleep) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_scalars_and_zero_dimensional_operands() -> None:
    x = np.random.default_rng(8).normal(size=LARGE).astype(np.float32)
    sub, div = primitive(lambda b, u, v: b.sub(u, v), 2), primitive(lambda b, u, v: b.div(u, v), 2)
    zero_dimensional = np.array(0.7, np.float32)
    for left, right in [(x, 0.1), (0.1, x), (x, 3), (2, x), (x, zero_dimensional), (zero_dimensional, x)]:
        for p, expected in ((sub, np.subtract(left, right)), (div, np.divide(left, right))):
            got = kernels.run_large(p, left, right)
            assert got is not None and got.dtype == np.float32 and np.array_equal(got, expected)
    double = x.astype(np.float64)
    assert np.array_equal(kernels.run_large(sub, double, 0.1), double - 0.1)


def test_three_operands() -> None:
    x, y, z = (np.random.default_rng(k).normal(size=LARGE) for k in range(3))
    p = primitive(lambda b, u, v, w: b.select(b.lt(u, v), w, b.const(0.0)), 3)
    assert np.array_equal(kernels.run_large(p, x, y, z), np.where(x < y, z, 0))
    assert np.array_equal(kernels.run_large(p, x, 0.5, z), np.where(x < 0.5, z, 0))


def test_what_is_left_to_numpy() -> None:
    x = np.ones((300, 300), np.float32)
    add, exp = primitive(lambda b, u, v: b.add(u, v), 2), primitive(unary("exp"))
    assert kernels.run_large(exp, x) is not None
    for operands in [(x[:10],), (x[:, ::-2],), (x[:, ::2].T,), (x.astype(np.int64),), (x.astype(">f4"),),
                     (x.astype(">f2"),), (x.astype(complex),), ([1.0],), (1.0,)]:
        assert kernels.run_large(exp, *operands) is None
    for operands in [(x, x[0]), (x, x.astype(np.float64)), (x, x.T), (x, 2**60), (x, True), (x, 1j), (x, None),
                     (x, np.float64(1)), (x, np.array(1.0)), (x, np.array(1))]:
        assert kernels.run_large(add, *operands) is None
    assert kernels.run_large(primitive(None), x) is None
    assert kernels.run_large(primitive(unary("sin")), x.astype(np.float64)) is None
    assert kernels.kernel_for(primitive(None), "float32") is None
    assert kernels.kernel_for(exp, "int64") is None


def test_the_memory_order_is_kept() -> None:
    x = np.random.default_rng(9).normal(size=(300, 400)).astype(np.float32)
    exp, add = primitive(unary("exp")), primitive(lambda b, u, v: b.add(u, v), 2)
    got = kernels.run_large(exp, x.T)
    assert got is not None and got.shape == (400, 300) and got.flags.f_contiguous and got.base is None
    np.testing.assert_allclose(got, np.exp(x.T), rtol=1e-6)
    apart = kernels.run_large(exp, x[:, ::2])
    assert apart is not None and apart.flags.c_contiguous and np.array_equal(apart, got.T[:, ::2])
    both = kernels.run_large(add, x.T, x.T)
    assert both is not None and np.array_equal(both, x.T + x.T)


def test_kernels_refuse_arrays_that_do_not_fit() -> None:
    kernel = compiled(lambda b, u, v: b.add(u, v), pattern="as")
    x = np.ones(20, np.float32)
    locked = np.ones(20, np.float32)
    locked.flags.writeable = False
    for out, operands in [(x, (x,)), (x, (x[:10], 1.0)), (x[::2], (x[:10], 1.0)), (x.astype(np.float64), (x, 1.0)),
                          (x, (x.astype(np.float64), 1.0)), (locked, (x, 1.0)), (x, ([1.0] * 20, 1.0))]:
        with pytest.raises(ValueError, match="expected"):
            kernel(out, *operands)
    with pytest.raises(ValueError, match="at most 6 operands"):
        kernels.compile_elementwise(lambda b, *xs: xs[0], "float32", "aaaaaaa")


OF_DOUBLES = ("erfinv", "erfcx", "lgamma", "log_ndtr", "ndtri")


def test_every_primitive_with_a_lower_rule() -> None:
    """The registry's kernels against its own evaluation in numpy."""
    random = np.random.default_rng(10)
    checked = set()
    for p in P:
        if p.lower is None or p.name in ("where", "cast"):  # these two serve symbols: their operands mix dtypes
            continue
        for dtype, tolerance in (("float32", 2e-6), ("float64", 2e-14)):
            operands = [random.uniform(0.1, 0.9, 1000).astype(dtype) for _ in range(p.arity)]
            try:
                expected = p.run(*operands)
            except TypeError:  # it wants parameters
                continue
            kernel = kernels.kernel_for(p, dtype)
            if kernel is None:
                assert p.name in (("sin", "cos") if dtype == "float64" else OF_DOUBLES)
                continue
            got = kernel(np.empty(1000, kernel.result), *operands)
            assert got.dtype == expected.dtype, p.name
            np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance / 10, err_msg=p.name)
            checked.add(p.name)
    assert {"add", "mul", "exp", "tanh", "log", "sigmoid", "erf", "gelu", "relu"} <= checked


def settings_of(p: Primitive) -> list[dict]:
    """The parameters of a primitive's samples; none where it has none."""
    found = [params for *_, params in (p.samples() if p.samples is not None else ())]
    return [{}, *[params for params in found if params]]


EDGES = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, -0.5, 0.7, 1e-42, -1e-42, 3e38, -3e38, 1e-3,
                  6.0, -3.0, 3.0, 20.0, 25.0, -90.0])
ROUNDED_ALIKE = {"addcdiv", "addcmul", "clamp", "copysign", "frac", "hardshrink", "hardsigmoid", "hardswish",
                 "hardtanh", "heaviside", "leaky_relu", "lerp", "nan_to_num", "prelu", "sgn",
                 "sign", "softshrink", "threshold"}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_rule_in_steps_takes_the_steps_of_numpy() -> None:
    """At edges too, with every setting; bit for bit where no step is a function that numpy approximates otherwise."""
    seen, random = set(), np.random.default_rng(12)
    more = {"elu": [{"alpha": 0.7}, {"alpha": 0.5, "scale": 1.5, "input_scale": 2.0}], "softplus": [
        {"beta": 2.0, "threshold": 5.0}], "leaky_relu": [{"negative_slope": 0.2}, {"negative_slope": -1}],
        "addcmul": [{"value": 0.3}, {"value": 2}], "addcdiv": [{"value": -0.3}],
        "nan_to_num": [{"nan": 2.0, "posinf": None, "neginf": -1.0}], "clamp": [{"low": 0.7, "high": -0.5}]}
    for p in P:
        if p.kind != "elementwise" or p.name not in {*ROUNDED_ALIKE, *more, "logaddexp", "logaddexp2", "mish",
                                                     "gelu_tanh", "log_sigmoid"}:
            continue
        for dtype in ("float32", "float64"):
            for params in settings_of(p) + more.get(p.name, []):
                operands = []
                for _ in range(p.arity):
                    x = random.normal(size=LARGE + 5).astype(dtype) * 3
                    x[random.permutation(x.size)[: 40 * len(EDGES)]] = np.tile(EDGES, 40)
                    operands.append(x)
                try:
                    expected = p.run(*operands, **params)
                except TypeError:  # it has no values of its own for its parameters
                    continue
                got = run_large(p, operands, params)
                assert got is not None, (p.name, params)
                where = f"{p.name} {dtype} {params}"
                if p.name in ROUNDED_ALIKE:
                    np.testing.assert_array_equal(got, expected, where)
                    there = ~np.isnan(expected)
                    assert (np.signbit(got) == np.signbit(expected))[there].all(), where
                else:
                    tolerance = 3e-6 if dtype == "float32" else 3e-14
                    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance, err_msg=where)
                seen.add(p.name)
    assert ROUNDED_ALIKE | set(more) <= seen


@pytest.mark.parametrize("count", [16384, LARGE + 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_truth_values_choose_among_numbers(dtype: str, count: int) -> None:
    random = np.random.default_rng(14)
    chosen, x, y = random.random(count) < 0.5, *random.normal(size=(2, count)).astype(dtype)
    x[:3] = np.nan, -0.0, np.inf
    one = np.array([2.0], dtype)
    for operands in ((chosen, x, y), (chosen, 0.0, y), (chosen, x, one), (chosen, x, one[0])):
        np.testing.assert_array_equal(run_large(P.where, operands), np.where(*operands))
    for value in (0, -2.5, math.inf, math.nan):
        found = run_large(P.masked_fill, (x, chosen), {"value": value})
        np.testing.assert_array_equal(found, np.where(chosen, np.dtype(dtype).type(value), x))
    assert run_large(P.where, (chosen, x, np.ones(count, np.int64))) is None
    assert run_large(P.where, (chosen[:2], x, y)) is None and run_large(P.where, (chosen, chosen, chosen)) is None


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_vjp_of_several_operands_is_a_kernel_for_each() -> None:
    """Large cotangents, which kernels take, against small ones, with the parameters of the samples."""
    random, made = np.random.default_rng(13), set()
    for p in P:
        if p.kind != "elementwise" or p.vjp is None or p.name == "where":
            continue
        for dtype, tolerance in (("float32", 4e-6), ("float64", 1e-13)):
            for params in settings_of(p):
                ct, *operands = [random.uniform(0.1, 0.9, 20000).astype(dtype) for _ in range(1 + p.arity)]
                try:
                    out = p.run(*operands, **params)
                    needs = (True,) * p.arity
                    positions, _ = p.plan(needs)
                    saved = tuple([x if i in positions else None for i, x in enumerate((*operands, out))])
                    halves = [p.vjp(ct[part], (*[None if x is None else x[part] for x in saved], None), params, needs)
                              for part in (slice(0, 10000), slice(10000, 20000))]
                except (TypeError, RuntimeError):  # parameters that it wants, or dtypes that it does not take
                    continue
                got = p.vjp(ct, (*saved, None), params, needs)
                for place, (found, *parts) in enumerate(zip(got, *halves, strict=True)):
                    if found is not None:
                        np.testing.assert_allclose(found, np.concatenate(parts), rtol=tolerance, atol=tolerance,
                                                   err_msg=f"{p.name} {place} {params}")
    made = {key[0].name for key, kernel in kernels._kernels.items() if kernel is not None}
    for name in "atan2 logaddexp clamp threshold hardtanh elu prelu addcdiv lerp".split():
        assert f"{name} backward" in made, name


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # acosh of less than 1
def test_the_vjp_of_a_unary_primitive_is_one_kernel() -> None:
    """Rules run on symbols are the rules run on arrays: large cotangents (a kernel) against small ones (numpy)."""
    random = np.random.default_rng(11)
    checked = set()
    for p in P:
        if p.kind != "elementwise" or p.arity != 1 or p.vjp is None:
            continue
        for dtype, tolerance in (("float32", 4e-6), ("float64", 1e-13)):
            x = random.uniform(0.1, 0.9, 40000).astype(dtype)
            ct = random.normal(size=40000).astype(dtype)
            try:
                out = p.run(x)
            except TypeError:  # it wants parameters, and these are not in kernels
                continue
            positions, _ = p.plan((True,))
            saved = (x if 0 in positions else None, out if 1 in positions else None, None)
            try:
                parts = []
                for part in (slice(i, i + 10000) for i in range(0, 40000, 10000)):
                    kept = tuple(None if value is None else value[part] for value in saved)
                    parts.append(p.vjp(ct[part], kept, {}, (True,))[0])
            except TypeError:
                continue
            got = p.vjp(ct, saved, {}, (True,))[0]
            np.testing.assert_allclose(got, np.concatenate(parts), rtol=tolerance, atol=tolerance, err_msg=p.name)
            checked.add(p.name)
    kernels_made = {key[0].name for key, kernel in kernels._kernels.items() if kernel is not None}
    for name in "relu sigmoid tanh gelu silu softplus exp log square sqrt erf leaky_relu".split():
        assert name in checked and f"{name} backward" in kernels_made, name


def test_a_rule_that_a_kernel_cannot_hold_stays_with_numpy() -> None:
    from wengert.core.symbols import Symbol

    with pytest.raises(NotImplementedError, match="no 'shape'"):
        _ = Symbol(None, None).shape
    with pytest.raises(NotImplementedError, match="sinh has no lower rule"):
        P.sinh(Symbol(None, None))


def test_the_tables_are_what_the_tool_prints(capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("minimax", ROOT / "tools" / "minimax.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main()
    assert capsys.readouterr().out == (ROOT / "wengert" / "compiler" / "tables.py").read_text()


# --- memory ----------------------------------------------------------------------------------------------------------

@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the size of the process is read from /proc")
def test_dropped_kernels_are_freed() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    x = np.linspace(-1, 1, 100, dtype=np.float32)

    def make(first: int, count: int) -> None:
        for k in range(first, first + count):
            got = compiled(lambda b, u, k=k: b.add(u, k))(np.empty_like(x), x)
            assert got[0] == x[0] + np.float32(k)

    make(0, 50)
    before = resident()
    make(50, 200)
    assert resident() - before < 200 * 50_000
