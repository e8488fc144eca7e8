"""The random number generator: PyTorch's numbers, kept in ``golden/random.json``, and what wrong parameters raise."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wengert
from wengert.sampling import box_muller, integers, reals
from wengert.sampling.box_muller import fused_multiply_add
from wengert.sampling.kernels import normal_blocks
from wengert.tensors.generator import Generator, default_generator

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden" / "random.json").read_text(encoding="utf-8"))
BY_SEED: dict[int, dict[str, Any]] = {row["seed"]: row for row in GOLDEN["seeds"]}
FLOAT16, FLOAT32, FLOAT64 = (np.dtype(name) for name in ("float16", "float32", "float64"))
INT64, UINT8, BOOL = (np.dtype(name) for name in ("int64", "uint8", "bool"))

Array = np.ndarray[Any, np.dtype[Any]]


# ---- the golden numbers


def perform_on_arrays(method: str, size: int, dtype: np.dtype[Any], parameters: list[Any], generator: Any) -> Array:
    """Makes a call of the golden file with the functions on arrays."""
    simple: dict[str, Callable[..., Array]] = {
        "uniform_": reals.uniform,
        "normal_": reals.normal,
        "exponential_": reals.exponential,
        "cauchy_": reals.cauchy,
        "log_normal_": reals.log_normal,
        "geometric_": reals.geometric,
    }
    if method in simple:
        return simple[method](generator, size, dtype, *parameters)
    if method == "random_":
        if not parameters:
            return integers.random_(generator, size, dtype)
        return integers.random_from_to(generator, size, parameters[0], parameters[1], dtype)
    if method == "bernoulli_":
        return reals.bernoulli(generator, parameters[0], dtype, size)
    if method == "randperm":
        return integers.randperm(generator, size, dtype)
    p = ((np.arange(size) * 7 + 1) % 11 / 11).astype(dtype)
    if method == "bernoulli":
        return reals.bernoulli(generator, p, dtype)
    if method == "multinomial":
        return integers.multinomial(generator, p, parameters[0], parameters[1])
    if method == "poisson":
        return integers.poisson(generator, p * dtype.type(30))
    assert method == "binomial"
    return integers.binomial(generator, np.full_like(p, 40), p)


def perform_with_tensors(method: str, size: int, dtype: np.dtype[Any], parameters: list[Any], generator: Any) -> Array:
    """Makes a call of the golden file with the public functions and methods."""
    import wengert

    kind = getattr(wengert, dtype.name)
    if method == "randperm":
        return wengert.randperm(size, dtype=kind, generator=generator).numpy()
    p = wengert.from_numpy(((np.arange(size) * 7 + 1) % 11 / 11).astype(dtype))
    if method == "bernoulli":
        return wengert.bernoulli(p, generator=generator).numpy()
    if method == "multinomial":
        return wengert.multinomial(p, parameters[0], replacement=parameters[1], generator=generator).numpy()
    if method == "poisson":
        return wengert.poisson(p * 30, generator=generator).numpy()
    if method == "binomial":
        return wengert.binomial(wengert.full_like(p, 40.0), p, generator=generator).numpy()
    return getattr(wengert.empty(size, dtype=kind), method)(*parameters, generator=generator).numpy()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


def steps_apart(got: Array, expected: Array) -> int:
    """How many numbers of the dtype lie between the two, at most."""
    bits = [x.view(f"i{x.dtype.itemsize}").astype(np.int64) for x in (got, expected)]
    largest = np.iinfo(f"i{got.dtype.itemsize}").max
    ordered = [np.where(b < 0, -(b & largest), b) for b in bits]
    return int(np.abs(ordered[0] - ordered[1]).max(initial=0))


def check_against_golden(seed: int, perform: Callable[..., Array]) -> None:
    row = BY_SEED[seed]
    generator = Generator().manual_seed(seed)
    for (method, size, name, parameters, exact), expected in zip(GOLDEN["calls"], row["results"], strict=True):
        dtype = np.dtype(name)
        result = perform(method, size, dtype, parameters, generator)
        told = f"{method} of {size} {name} with {parameters}"
        if exact:
            assert digest(np.ascontiguousarray(result).tobytes()) == expected, told
        else:
            places = sorted({round(k * (size - 1) / 7) for k in range(8)}) if size else []
            values = np.array([float.fromhex(text) for text in expected]).astype(dtype)
            assert steps_apart(result[places], values) <= 1, told
    state = generator.state_array().tobytes()
    assert digest(state[:5024] + state[5032:]) == row["state"]


@pytest.mark.parametrize("seed", BY_SEED)
def test_arrays_are_those_of_pytorch(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box_muller, "generated", lambda *_: False)
    check_against_golden(seed, perform_on_arrays)


@pytest.mark.parametrize("seed", BY_SEED)
def test_tensors_are_those_of_pytorch(seed: int) -> None:
    check_against_golden(seed, perform_with_tensors)


# ---- the generator


def test_a_generator_starts_from_the_default_seed() -> None:
    assert Generator().initial_seed() == 67280421310721
    assert np.array_equal(Generator().random32(4), Generator().manual_seed(67280421310721).random32(4))


def test_only_the_low_half_of_a_seed_chooses_the_stream() -> None:
    one, other = Generator().manual_seed(5), Generator().manual_seed(2**32 + 5)
    assert np.array_equal(one.random32(1000), other.random32(1000))
    assert (one.initial_seed(), other.initial_seed()) == (5, 2**32 + 5)


def test_a_negative_seed_is_taken_as_its_complement() -> None:
    assert Generator().manual_seed(-1).initial_seed() == 2**64 - 1
    assert Generator().manual_seed(-(2**63)).initial_seed() == 2**63


@pytest.mark.parametrize("seed", [1.5, "7", None, True, [1]])
def test_a_seed_that_is_no_int_raises(seed: Any) -> None:
    generator = Generator().manual_seed(3)
    with pytest.raises(RuntimeError, match="manual_seed"):
        generator.manual_seed(seed)
    assert generator.initial_seed() == 3


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
def test_a_seed_out_of_range_raises(seed: int) -> None:
    with pytest.raises(ValueError, match=r"overflow"):
        Generator().manual_seed(seed)


def test_numpy_integers_are_seeds() -> None:
    assert Generator().manual_seed(np.int64(-5)).initial_seed() == 2**64 - 5  # type: ignore[arg-type]


def test_seed_takes_another_seed_each_time() -> None:
    generator = Generator()
    first, second = generator.seed(), generator.seed()
    assert first != second and generator.initial_seed() == second


def test_other_devices_raise() -> None:
    with pytest.raises(RuntimeError):
        Generator("cuda")
    assert Generator(device="cpu").device.type == "cpu"


def output_of(program: str) -> str:
    """What a Python program prints in a process of its own."""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_the_default_generator_is_seeded_by_chance() -> None:
    program = "from wengert.tensors.generator import default_generator; print(default_generator.initial_seed())"
    assert output_of(program) != output_of(program)
    assert isinstance(default_generator, Generator)


def test_however_words_are_asked_for_they_are_the_same() -> None:
    whole = Generator().manual_seed(9).random32(100_000)
    generator = Generator().manual_seed(9)
    lengths = [0, 1, 622, 1, 0, 1, 623, 624, 625, 1247, 1249, 50_000, 3, 40_000]
    parts = [generator.random32(length) for length in lengths]
    assert np.array_equal(np.concatenate(parts), whole[: sum(lengths)])
    doubles = Generator().manual_seed(9)
    expected = (Generator().manual_seed(9).random64(1000) & (2**53 - 1)) * 2.0**-53
    assert [doubles.random_double() for _ in range(1000)] == expected.tolist()


def test_words_that_were_handed_out_cannot_be_written_into_the_stream() -> None:
    generator = Generator().manual_seed(1)
    generator.random32(1)
    with pytest.raises(ValueError, match="read-only"):
        generator.random32(3)[0] = 0


@given(draws=st.lists(st.integers(0, 1300), max_size=5), normals=st.integers(0, 5))
def test_a_state_brings_the_stream_back(draws: list[int], normals: int) -> None:
    generator = Generator().manual_seed(4)
    for count in draws:
        generator.random32(count)
    reals.normal(generator, normals, FLOAT32)
    state = generator.state_array()
    assert state.dtype == np.uint8 and state.shape == (5056,)
    copies = [generator.clone_state(), pickle.loads(pickle.dumps(generator)), copy.deepcopy(generator)]
    restored = Generator()
    restored.set_state_array(state)
    expected = reals.normal(generator, 700, FLOAT64), reals.normal(generator, 3, FLOAT32)
    for other in (*copies, restored):
        assert np.array_equal(other.state_array(), state) and other.initial_seed() == 4
        assert np.array_equal(reals.normal(other, 700, FLOAT64), expected[0])
        assert np.array_equal(reals.normal(other, 3, FLOAT32), expected[1])


def test_wrong_states_raise_and_change_nothing() -> None:
    generator = Generator().manual_seed(2)
    generator.random32(5)
    before = generator.state_array()
    inconsistent = before.copy()
    inconsistent[8] += 1
    cases: list[tuple[type[Exception], Array]] = [
        (TypeError, np.zeros(5056)),
        (RuntimeError, np.zeros(10, np.uint8)),
        (RuntimeError, np.zeros(5056, np.uint8)),
        (RuntimeError, inconsistent),
    ]
    for error, state in cases:
        with pytest.raises(error, match=r"\[set_state\]"):
            generator.set_state_array(state)
    assert np.array_equal(generator.state_array(), before)


# ---- properties of the numbers


def test_fewer_than_sixteen_normals_come_in_pairs_of_which_the_second_is_kept() -> None:
    generator = Generator().manual_seed(0)
    one_by_one = [float(reals.normal(generator, 1, FLOAT64)[0]) for _ in range(7)]
    assert one_by_one == reals.normal(Generator().manual_seed(0), 7, FLOAT64).tolist()
    assert generator.next_normal is not None
    reals.normal(generator, 16, FLOAT64)
    assert generator.next_normal is not None  # blocks leave the half pair where it is
    assert generator.manual_seed(0).next_normal is None


def test_shapes() -> None:
    generator = Generator().manual_seed(0)
    flat = reals.uniform(generator, 24, FLOAT32)
    generator.manual_seed(0)
    assert np.array_equal(reals.uniform(generator, (2, 3, 4), FLOAT32), flat.reshape(2, 3, 4))
    for sample in (reals.uniform, reals.normal):
        for dtype in (FLOAT32, np.dtype("complex64")):
            assert sample(generator, (), dtype).shape == () and sample(generator, (0, 3), dtype).shape == (0, 3)
            assert isinstance(sample(generator, (), dtype), np.ndarray)


def test_uniform_never_reaches_its_upper_bound() -> None:
    for dtype in (FLOAT16, FLOAT32, FLOAT64):
        for low, high in ((0.0, 1.0), (1.0, 1.001), (-0.1, 0.0)):
            values = reals.uniform(Generator().manual_seed(3), 20_000, dtype, low, high)
            assert values.min() >= dtype.type(low) and values.max() < dtype.type(high)


def test_moments() -> None:
    generator = Generator().manual_seed(11)
    values = reals.normal(generator, 200_000, FLOAT64, 2.0, 3.0)
    assert abs(values.mean() - 2) < 0.03 and abs(values.std() - 3) < 0.03
    values = reals.normal(generator, 200_000, np.dtype("complex128"))
    assert abs((abs(values) ** 2).mean() - 1) < 0.02
    assert abs(reals.exponential(generator, 200_000, FLOAT64, 0.5).mean() - 2) < 0.03
    assert abs(reals.geometric(generator, 200_000, INT64, 0.25).mean() - 4) < 0.05
    assert abs(integers.poisson(generator, np.full(20_000, 3.0)).mean() - 3) < 0.08
    assert abs(integers.poisson(generator, np.full(20_000, 50.0)).mean() - 50) < 0.3
    for p in (0.1, 0.8):
        assert abs(integers.binomial(generator, np.full(20_000, 60.0), np.array(p)).mean() - 60 * p) < 0.15
    weights = np.array([1.0, 0.0, 3.0])
    assert abs(np.bincount(integers.multinomial(generator, weights, 20_000, True)) / 5000 - weights).max() < 0.1
    drawn = np.concatenate([integers.multinomial(generator, weights, 1) for _ in range(4000)])
    assert abs(np.bincount(drawn) / 1000 - weights).max() < 0.15


@pytest.mark.parametrize("n", [0, 1, 2, 999, 1000, 5000, 70_000])
def test_randperm_is_the_shuffle_step_by_step(n: int) -> None:
    words = Generator().manual_seed(n).random32(max(n - 1, 0)).tolist()
    order = list(range(n))
    for step, word in enumerate(words):
        partner = step + word % (n - step)
        order[step], order[partner] = order[partner], order[step]
    assert integers.randperm(Generator().manual_seed(n), n).tolist() == order


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (0.3, 1.7), (-2.0, 0.01), (0.0, 3.0), (1.0, 0.0)])
def test_generated_code_gives_the_same_bits_as_numpy(mean: float, std: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box_muller, "generated", lambda *_: False)
    for size in (0, 16, 48, 1 << 17):
        ours = reals.uniform(Generator().manual_seed(size), size, FLOAT32)
        by_numpy, by_kernel = ours.copy(), ours.copy()
        box_muller.box_muller(by_numpy, mean, std)
        if not normal_blocks(by_kernel, mean, std):
            pytest.skip("this processor has no fused multiply-add")
        assert np.array_equal(by_numpy.view(np.int32), by_kernel.view(np.int32))


def test_large_arrays_are_made_by_generated_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box_muller, "generated", box_muller._large_only)
    large = reals.normal(Generator().manual_seed(0), 1 << 17, FLOAT32)
    assert box_muller.generated is normal_blocks
    monkeypatch.setattr(box_muller, "generated", lambda *_: False)
    assert np.array_equal(reals.normal(Generator().manual_seed(0), 1 << 17, FLOAT32), large)


def test_dropout_masks_scale_what_they_keep() -> None:
    mask = reals.dropout_mask(Generator().manual_seed(0), 10_000, FLOAT32, 0.2)
    assert set(mask.tolist()) == {0.0, 1.25} and abs(mask.mean() - 1) < 0.02
    generator = Generator().manual_seed(0)
    assert reals.dropout_mask(generator, 3, FLOAT32, 0.0).tolist() == [1, 1, 1]
    assert reals.dropout_mask(generator, 3, FLOAT32, 1.0).tolist() == [0, 0, 0]
    assert np.array_equal(generator.state_array(), Generator().manual_seed(0).state_array())


def test_arrays_are_filled_in_the_order_of_their_memory() -> None:
    array = np.zeros((3, 4))
    reals.fill(array.T, lambda count: np.arange(float(count)))
    assert array.ravel().tolist() == list(range(12))
    reals.fill(array[:, ::2], lambda count: np.full(count, -1.0))
    assert (array[:, ::2] == -1).all() and (array[:, 1::2] >= 0).all()
    # Blocks of sixteen are for contiguous arrays only.
    strided, dense = np.zeros((20, 2)), np.zeros(20)
    reals.normal_fill(Generator().manual_seed(0), strided[:, 0])
    reals.normal_fill(Generator().manual_seed(0), dense)
    pairs = [reals.normal(Generator().manual_seed(0), 15, FLOAT64)]
    assert np.array_equal(strided[:15, 0], pairs[0]) and not np.array_equal(dense[:15], pairs[0])


def test_normals_around_arrays_broadcast() -> None:
    mean, std = np.arange(3.0)[:, None], np.array([0.0, 1.0])
    values = reals.normal_around(Generator().manual_seed(0), mean, std)
    standard = reals.normal(Generator().manual_seed(0), (3, 2), FLOAT64)
    assert np.array_equal(values, standard * std + mean)
    assert reals.normal_around(Generator(), np.zeros(4, np.float32), 2.0).dtype == np.float32
    assert reals.normal_around(Generator(), 1.0, np.zeros(4, np.float32)).tolist() == [1, 1, 1, 1]


@given(
    st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=5), st.floats(-1e6, 1e6), st.floats(-1e30, 1e30),
    st.sampled_from(["float32", "float64"]),
)
def test_fused_multiply_add_rounds_once(a: list[float], b: float, c: float, name: str) -> None:
    kind = np.dtype(name).type
    x, factor, summand = np.array(a).astype(name), float(kind(b)), float(kind(c))
    tiny = 1e-30 if name == "float32" else 1e-280
    for value, got in zip(x.tolist(), fused_multiply_add(x, factor, summand), strict=True):
        exact = Fraction(value) * Fraction(factor) + Fraction(summand)
        if exact and not tiny < abs(exact) < 1e37:
            continue  # results that are subnormal or overflow are not promised to be rounded once
        neighbours = [got, np.nextafter(got, kind(np.inf)), np.nextafter(got, kind(-np.inf))]
        assert abs(Fraction(float(got)) - exact) == min(abs(Fraction(float(n)) - exact) for n in neighbours)


# ---- wrong input


def refused() -> list[tuple[str, type[Exception], Callable[[Generator], Any]]]:
    """Each call that must raise, with PyTorch's class of error."""
    s, i = reals, integers
    weights = np.array([0.2, 0.8])
    complex64, inf, nan = np.dtype("complex64"), float("inf"), float("nan")
    return [
        ("uniform of ints", NotImplementedError, lambda g: s.uniform(g, 3, INT64)),
        ("uniform bounds swapped", RuntimeError, lambda g: s.uniform(g, 3, FLOAT32, 2, 1)),
        ("uniform bound infinite", RuntimeError, lambda g: s.uniform(g, 3, FLOAT32, 0, inf)),
        ("uniform bound beyond the dtype", RuntimeError, lambda g: s.uniform(g, 3, FLOAT16, 0, 70000)),
        ("uniform bound nan", RuntimeError, lambda g: s.uniform(g, 3, FLOAT32, 0, nan)),
        ("uniform range beyond the dtype", RuntimeError, lambda g: s.uniform(g, 3, FLOAT32, -3e38, 3e38)),
        ("normal of ints", NotImplementedError, lambda g: s.normal(g, 3, INT64)),
        ("normal std negative", RuntimeError, lambda g: s.normal(g, 3, FLOAT32, 0, -1)),
        ("normal std nan", RuntimeError, lambda g: s.normal(g, 3, FLOAT32, 0, nan)),
        ("complex normal std negative", RuntimeError, lambda g: s.normal(g, 3, complex64, 0, -1)),
        ("normal around negative stds", RuntimeError, lambda g: s.normal_around(g, 0.0, -weights)),
        ("normal around, shapes", ValueError, lambda g: s.normal_around(g, np.zeros(3), weights)),
        ("log_normal std zero", RuntimeError, lambda g: s.log_normal(g, 3, FLOAT32, 0, 0)),
        ("log_normal of ints", NotImplementedError, lambda g: s.log_normal(g, 3, INT64)),
        ("exponential rate zero", RuntimeError, lambda g: s.exponential(g, 3, FLOAT32, 0)),
        ("exponential rate nan", RuntimeError, lambda g: s.exponential(g, 3, FLOAT32, nan)),
        ("exponential of ints", RuntimeError, lambda g: s.exponential(g, 3, INT64)),
        ("cauchy sigma zero", RuntimeError, lambda g: s.cauchy(g, 3, FLOAT32, 0, 0)),
        ("cauchy of ints", RuntimeError, lambda g: s.cauchy(g, 3, INT64)),
        ("geometric p one", RuntimeError, lambda g: s.geometric(g, 3, FLOAT32, 1)),
        ("geometric of bools", NotImplementedError, lambda g: s.geometric(g, 3, BOOL, 0.5)),
        ("bernoulli p above one", RuntimeError, lambda g: s.bernoulli(g, 1.5, FLOAT32, 3)),
        ("bernoulli p nan", RuntimeError, lambda g: s.bernoulli(g, nan, FLOAT32, 3)),
        ("bernoulli without a size", TypeError, lambda g: s.bernoulli(g, 0.5, FLOAT32)),
        ("bernoulli of probabilities above one", RuntimeError, lambda g: s.bernoulli(g, weights * 2, FLOAT32)),
        ("bernoulli of ints", NotImplementedError, lambda g: s.bernoulli(g, np.ones(3, np.int64), FLOAT32)),
        ("bernoulli into complex", NotImplementedError, lambda g: s.bernoulli(g, 0.5, complex64, 3)),
        ("dropout p above one", ValueError, lambda g: s.dropout_mask(g, 3, FLOAT32, 1.5)),
        ("random_ of complex", NotImplementedError, lambda g: i.random_(g, 3, complex64)),
        ("randint of complex", RuntimeError, lambda g: i.random_from_to(g, 3, 0, 5, complex64)),
        ("randint empty range", RuntimeError, lambda g: i.random_from_to(g, 3, 5, 5, INT64)),
        ("randint beyond 64 bits", ValueError, lambda g: i.random_from_to(g, 3, 0, 2**63, INT64)),
        ("randint beyond the dtype", RuntimeError, lambda g: i.random_from_to(g, 3, 0, 257, UINT8)),
        ("randint below the dtype", RuntimeError, lambda g: i.random_from_to(g, 3, -1, 5, UINT8)),
        ("randint of bools", RuntimeError, lambda g: i.random_from_to(g, 3, 0, 3, BOOL)),
        ("randint of float16", RuntimeError, lambda g: i.random_from_to(g, 3, 0, 70000, FLOAT16)),
        ("randint, all bits, of uint8", RuntimeError, lambda g: i.random_from_to(g, 3, -(2**63), None, UINT8)),
        ("randperm negative", RuntimeError, lambda g: i.randperm(g, -1)),
        ("randperm of bools", NotImplementedError, lambda g: i.randperm(g, 3, BOOL)),
        ("randperm beyond the dtype", RuntimeError, lambda g: i.randperm(g, 300, UINT8)),
        ("randperm beyond float16", RuntimeError, lambda g: i.randperm(g, 3000, FLOAT16)),
        ("multinomial 3-D", RuntimeError, lambda g: i.multinomial(g, np.ones((2, 2, 2)), 1)),
        ("multinomial 0-D", RuntimeError, lambda g: i.multinomial(g, np.ones(()), 1)),
        ("multinomial of ints", RuntimeError, lambda g: i.multinomial(g, np.ones(3, np.int64), 1)),
        ("multinomial of no samples", RuntimeError, lambda g: i.multinomial(g, weights, 0)),
        ("multinomial of too many samples", RuntimeError, lambda g: i.multinomial(g, weights, 3)),
        ("multinomial without weight", RuntimeError, lambda g: i.multinomial(g, weights * 0, 1)),
        ("multinomial negative", RuntimeError, lambda g: i.multinomial(g, -weights, 5, True)),
        ("multinomial nan", RuntimeError, lambda g: i.multinomial(g, weights * nan, 1)),
        ("multinomial infinite", RuntimeError, lambda g: i.multinomial(g, weights * inf, 5, True)),
        ("multinomial of no categories", RuntimeError, lambda g: i.multinomial(g, np.ones((2, 0)), 1, True)),
        ("poisson negative", RuntimeError, lambda g: i.poisson(g, -weights)),
        ("poisson of ints", NotImplementedError, lambda g: i.poisson(g, np.ones(3, np.int64))),
        ("binomial of ints", ValueError, lambda g: i.binomial(g, np.ones(2, np.int64), weights)),
        ("binomial of two dtypes", RuntimeError, lambda g: i.binomial(g, np.ones(2, np.float32), weights)),
        ("binomial of float16", NotImplementedError, lambda g: i.binomial(g, weights.astype("e"), weights.astype("e"))),
    ]


@pytest.mark.parametrize(("error", "call"), [pytest.param(*case[1:], id=case[0]) for case in refused()])
def test_wrong_input_raises_before_the_generator_moves(error: type[Exception], call: Callable[..., Any]) -> None:
    generator = Generator().manual_seed(1)
    before = generator.state_array()
    with pytest.raises(error):
        call(generator)
    assert np.array_equal(generator.state_array(), before)


def test_a_range_with_gaps_in_a_floating_dtype_warns() -> None:
    with pytest.warns(UserWarning, match="out of bounds"):
        integers.random_from_to(Generator(), 3, 0, 2**30, FLOAT32)


@pytest.mark.parametrize("shape", [(0,), (2, 0)])
@pytest.mark.parametrize("replacement", [True, False])
def test_there_is_nothing_to_draw_of_no_categories(shape: tuple[int, ...], replacement: bool) -> None:
    for dtype in (wengert.float32, wengert.float64, wengert.float16):
        with pytest.raises(RuntimeError, match="n_sample|at least one category"):
            wengert.multinomial(wengert.ones(shape, dtype=dtype), 1, replacement)
    assert wengert.multinomial(wengert.ones(0, 3), 1, replacement).shape == (0, 1)


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_gamma_numbers_of_an_infinite_shape_are_infinite(name: str) -> None:
    """And draw as many numbers as others do."""
    infinite = wengert.full((3,), float("inf"), dtype=getattr(wengert, name))
    for draw in (wengert._standard_gamma, lambda shape: wengert.distributions.Gamma(shape, 2.5).sample()):
        wengert.manual_seed(0)
        assert draw(infinite).tolist() == [float("inf")] * 3
    assert wengert._standard_gamma(-infinite).isnan().all()
