"""`wengert.array_api` held against numpy, whose main namespace follows the array API standard: every function of the
standard's list, with shapes, dtypes, promotion, Python numbers, keyword arguments and special values that hypothesis
draws. What differs stands in ``array_api_differences.txt`` with its reason, a line each; the file may only shrink.
"""

from __future__ import annotations

import inspect
import operator
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wengert as torch
from wengert import array_api as xp

SIGNED = ["int8", "int16", "int32", "int64"]
UNSIGNED = ["uint8", "uint16", "uint32", "uint64"]
INTEGERS = SIGNED + UNSIGNED
FLOATS = ["float32", "float64"]
COMPLEX = ["complex64", "complex128"]
REAL = INTEGERS + FLOATS
FLOATING = FLOATS + COMPLEX
NUMERIC = REAL + COMPLEX
ALL = ["bool", *NUMERIC]
SPECIAL = [float("nan"), float("inf"), float("-inf"), -0.0, 0.0, 1.0, -1.0, 2.0, -2.5, 0.5, 1e-3, 300.0]

Call = tuple[tuple[Any, ...], dict[str, Any]]
DIFFERENCES = dict(
    line.split(": ", 1) for line in (Path(__file__).parent / "array_api_differences.txt").read_text().splitlines()
)
MOST_DIFFERENCES = 5


def shapes(least: int = 0, most: int = 3, side: int = 3, smallest: int = 0) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.integers(smallest, side), min_size=least, max_size=most).map(tuple)


@st.composite
def arrays(draw: Any, dtypes: list[str] = ALL, shape: Any = None, special: bool = True, low: int = -5,
           high: int = 6) -> np.ndarray:
    """An array of small numbers, with infinite ones, nan and -0.0 among floating ones if ``special``."""
    dtype = draw(st.sampled_from(dtypes))
    size = draw(shapes() if shape is None else shape) if not isinstance(shape, tuple) else shape
    count = int(np.prod(size, dtype=int))

    def some(elements: Any) -> np.ndarray:
        return np.asarray(draw(st.lists(elements, min_size=count, max_size=count))).reshape(size)

    if dtype == "bool":
        return some(st.booleans()).astype(bool)
    if dtype in INTEGERS:
        return some(st.integers(max(low, 0) if dtype in UNSIGNED else low, high)).astype(dtype)
    numbers = st.sampled_from(SPECIAL) if special else st.integers(low * 8, high * 8).map(lambda n: n / 8)
    if dtype in FLOATS:
        return some(numbers).astype(dtype)
    plain = st.integers(low * 8, high * 8).map(lambda n: n / 8)
    return np.asarray(some(plain) + 1j * some(plain), dtype)


def same_kind(left: str, right: str) -> bool:
    """Whether the standard says to which dtype the two go."""
    kinds = [next(kind for kind, names in (("b", ["bool"]), ("i", INTEGERS), ("f", FLOATING)) if name in names)
             for name in (left, right)]
    both = np.result_type(left, right)
    return kinds[0] == kinds[1] and not (kinds[0] == "i" and both.kind == "f")


@st.composite
def pairs(draw: Any, dtypes: list[str], special: bool = True, low: int = -5, high: int = 6) -> Call:
    """Two arrays whose shapes go together and whose dtypes have a common one, or an array and a Python number."""
    first = draw(arrays(dtypes, special=special, low=low, high=high))
    if draw(st.integers(0, 3)) == 0:
        number: Any = draw(st.integers(max(low, 0), high))
        if first.dtype.kind == "b":
            number = draw(st.booleans())
        elif first.dtype.kind == "f" and draw(st.booleans()):
            number = number / 4
        elif first.dtype.kind == "c":
            number = complex(number, 1)
        return ((first, number) if draw(st.booleans()) else (number, first)), {}
    seconds = [name for name in dtypes if same_kind(first.dtype.name, name)]
    cut = draw(st.integers(0, first.ndim))
    shape = tuple(1 if draw(st.booleans()) else size for size in first.shape[cut:])
    second = draw(arrays(seconds, shape, special, low, high))
    return ((first, second) if draw(st.booleans()) else (second, first)), {}


def one(dtypes: list[str], special: bool = True) -> st.SearchStrategy[Call]:
    return arrays(dtypes, special=special).map(lambda x: ((x,), {}))


@st.composite
def reduced(draw: Any, dtypes: list[str], single: bool = False, smallest: int = 0, special: bool = False,
            **options: Any) -> Call:
    """An array and an axis, none or several of them, and perhaps keepdims."""
    x = draw(arrays(dtypes, shapes(smallest=smallest), special))
    keywords: dict[str, Any] = {name: draw(value) for name, value in options.items()}
    axes = st.integers(-x.ndim, x.ndim - 1) if x.ndim else st.none()
    if not single and x.ndim > 1:
        axes = axes | st.permutations(range(x.ndim)).map(lambda order: tuple(order[:2]))
    keywords["axis"] = draw(axes | st.none())
    if draw(st.booleans()):
        keywords["keepdims"] = draw(st.booleans())
    return (x,), keywords


@st.composite
def along(draw: Any, dtypes: list[str] = ALL, none: bool = True, special: bool = False, smallest: int = 0,
          **options: Any) -> Call:
    """An array of one dimension or more, and an axis."""
    x = draw(arrays(dtypes, shapes(1, 3, smallest=smallest), special))
    keywords = {name: draw(value) for name, value in options.items()}
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    if not (none and draw(st.booleans())):
        keywords["axis"] = axis
    return (x,), keywords


@st.composite
def cumulative(draw: Any) -> Call:
    (x,), keywords = draw(along(NUMERIC, none=False, smallest=1))
    if draw(st.booleans()):
        keywords["include_initial"] = draw(st.booleans())
    return (x,), keywords


@st.composite
def several(draw: Any, dtypes: list[str] = ALL) -> Call:
    """Two or three arrays of one shape."""
    first = draw(arrays(dtypes, shapes(1, 3), False))
    kinds = [name for name in dtypes if same_kind(first.dtype.name, name)]
    more = [draw(arrays(kinds[-1:] if False else [first.dtype.name] if first.dtype.kind == "b" else kinds, first.shape,
                        False)) for _ in range(draw(st.integers(1, 2)))]
    if np.result_type(first, *more).kind == "f" and first.dtype.kind in "iu":
        more = [first] * len(more)
    return ([first, *more],), {}


@st.composite
def matrices(draw: Any, square: bool = True, dtypes: list[str] = FLOATING, definite: bool = False, **options: Any
             ) -> Call:
    """Well conditioned matrices."""
    batch = draw(shapes(0, 1, 2, 1))
    rows = draw(st.integers(1, 3))
    columns = rows if square else draw(st.integers(1, 3))
    x = draw(arrays(dtypes, (*batch, rows, columns), False))
    if square:
        x = x + 20 * np.eye(rows, dtype=x.dtype)
    if definite:
        x = x @ x.conj().swapaxes(-1, -2)
    return (x,), {name: draw(value) for name, value in options.items()}


@st.composite
def products(draw: Any) -> Call:
    n, k, m = (draw(st.integers(1, 3)) for _ in range(3))
    batch = draw(shapes(0, 1, 2, 1))
    left = draw(st.sampled_from([(k,), (n, k), (*batch, n, k)]))
    right = draw(st.sampled_from([(k,), (k, m), (*batch, k, m)]))
    first = draw(arrays(NUMERIC, left, False))
    return (first, draw(arrays([n for n in NUMERIC if same_kind(first.dtype.name, n)], right, False))), {}


@st.composite
def vectors(draw: Any, length: int | None = None) -> Call:
    shape = draw(shapes(0, 2, 3, 1))
    long = length or draw(st.integers(1, 3))
    place = draw(st.integers(0, len(shape)))
    first = draw(arrays(NUMERIC, (*shape[:place], long, *shape[place:]), False))
    second = draw(arrays([n for n in NUMERIC if same_kind(first.dtype.name, n)], first.shape, False))
    return (first, second), {"axis": place - first.ndim}


@st.composite
def systems(draw: Any) -> Call:
    (x,), _ = draw(matrices())
    rows = x.shape[-1]
    shape = draw(st.sampled_from([(rows,), (rows, 2), (2, rows, 1) if x.ndim == 2 else (rows, 2)]))
    return (x, draw(arrays([x.dtype.name], shape, False))), {}


def mapped(strategy: Any, change: Callable[..., Call]) -> Any:
    return strategy.map(lambda call: change(*call[0], **call[1]))


@st.composite
def drawn(draw: Any, make: Callable[[Any], Call]) -> Call:
    return make(draw)


def flips(draw: Any) -> Call:
    (x,), keywords = draw(reduced(ALL))
    keywords.pop("keepdims", None)
    return (x,), keywords


def rolls(draw: Any) -> Call:
    (x,), keywords = flips(draw)
    axis = keywords["axis"]
    shift: Any = draw(st.integers(-4, 4))
    if isinstance(axis, tuple) and draw(st.booleans()):
        shift = (shift, 1)
    return (x, shift), keywords


def moved(draw: Any) -> Call:
    x = draw(arrays(ALL, shapes(1, 3)))
    return (x, draw(st.integers(-x.ndim, x.ndim - 1)), draw(st.integers(-x.ndim, x.ndim - 1))), {}


def permuted(draw: Any) -> Call:
    x = draw(arrays(ALL))
    return (x, tuple(draw(st.permutations(range(x.ndim))))), {}


def reshaped(draw: Any) -> Call:
    x = draw(arrays(ALL))
    shape = draw(st.sampled_from([(x.size,), (1, x.size), (x.size, 1, 1), (-1,) if x.size else (x.size,)]))
    return (x, shape), draw(st.sampled_from([{}, {"copy": True}, {"copy": None}]))


def squeezed(draw: Any) -> Call:
    x = draw(arrays(ALL, shapes(1, 3, 2, 1)))
    place = draw(st.integers(0, x.ndim))
    return (np.expand_dims(x, place), place if draw(st.booleans()) else (place,)), {}


def taken(draw: Any) -> Call:
    x = draw(arrays(ALL, shapes(1, 3, 3, 1)))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    indices = draw(st.lists(st.integers(0, x.shape[axis] - 1), max_size=4))
    return (x, np.asarray(indices, draw(st.sampled_from(["int32", "int64", "int8"])))), {"axis": axis}


def taken_along(draw: Any) -> Call:
    x = draw(arrays(ALL, shapes(1, 3, 3, 1)))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    shape = list(x.shape)
    shape[axis] = 2
    return (x, draw(arrays(["int64"], tuple(shape), low=0, high=x.shape[axis] - 1))), {"axis": axis}


def repeated(draw: Any) -> Call:
    (x,), keywords = draw(along())
    count = x.size if "axis" not in keywords else x.shape[keywords["axis"]]
    times = draw(st.integers(0, 3) | st.just(None))
    return (x, times if times is not None else draw(arrays(["int64"], (count,), low=0, high=3))), keywords


def searched(draw: Any) -> Call:
    dtype = draw(st.sampled_from(REAL))
    row = np.sort(draw(arrays([dtype], shapes(1, 1, 5), False)))
    return (row, draw(arrays([dtype], special=False))), {"side": draw(st.sampled_from(["left", "right"]))}


def clipped(draw: Any) -> Call:
    x = draw(arrays(REAL))
    low, high = sorted([draw(st.integers(0, 6)), draw(st.integers(0, 6))])
    bounds = [low, high]
    if draw(st.booleans()):
        bounds = [np.asarray(bound, x.dtype) for bound in bounds]
    return (x, *draw(st.sampled_from([(bounds[0], None), (None, bounds[1]), tuple(bounds)]))), {}


def chosen(draw: Any) -> Call:
    (first, second), _ = draw(pairs(ALL))
    shape = np.broadcast_shapes(np.shape(first), np.shape(second))
    return (draw(arrays(["bool"], shape)), first, second), {}


def ranges(draw: Any) -> Call:
    numbers = [draw(st.integers(-6, 6)), draw(st.integers(-6, 6)), draw(st.sampled_from([-2, -1, 1, 2, 3]))]
    if draw(st.booleans()):
        numbers = [number / 2 for number in numbers]
    keywords = {} if draw(st.booleans()) else {"dtype": np.dtype(draw(st.sampled_from(["float32", "float64"])))}
    if not keywords and isinstance(numbers[0], float):
        keywords = {"dtype": np.dtype("float64")}
    return tuple(numbers[: draw(st.integers(1, 3))]), keywords


def lines(draw: Any) -> Call:
    keywords = {"dtype": np.dtype(draw(st.sampled_from(FLOATS))), "endpoint": draw(st.booleans())}
    return (draw(st.integers(-5, 5)), draw(st.integers(-5, 5)), draw(st.integers(0, 7))), keywords


def filled(draw: Any) -> Call:
    number = draw(st.sampled_from([True, 3, -2]))
    return (draw(shapes()), number), draw(st.sampled_from([{}, {"dtype": np.dtype("float32")}]))


def made(draw: Any) -> Call:
    return (draw(shapes() | st.integers(0, 3)),), {"dtype": np.dtype(draw(st.sampled_from(ALL)))}


def alike(draw: Any) -> Call:
    return (draw(arrays(ALL)),), draw(st.sampled_from([{}, {"dtype": np.dtype("int16")}]))


def identities(draw: Any) -> Call:
    return (draw(st.integers(0, 3)), draw(st.none() | st.integers(0, 3))), {
        "k": draw(st.integers(-4, 4)), "dtype": np.dtype(draw(st.sampled_from(NUMERIC)))}


def triangles(draw: Any) -> Call:
    return (draw(arrays(NUMERIC, shapes(2, 3), False)),), {"k": draw(st.integers(-3, 3))}


def grids(draw: Any) -> Call:
    dtype = draw(st.sampled_from(NUMERIC))
    rows = [draw(arrays([dtype], shapes(1, 1), False)) for _ in range(draw(st.integers(1, 3)))]
    return tuple(rows), {"indexing": draw(st.sampled_from(["ij", "xy"]))}


def differences(draw: Any) -> Call:
    (x,), keywords = draw(along(NUMERIC, none=False, smallest=2))
    return (x,), {**keywords, "n": draw(st.integers(1, 2))}


def converted(draw: Any) -> Call:
    x = draw(arrays(["bool", *INTEGERS, *FLOATS], special=False, low=0))
    return (x, np.dtype(draw(st.sampled_from(ALL)))), {"copy": draw(st.booleans())}


def powers(draw: Any) -> Call:
    (x,), _ = draw(matrices())
    return (x, draw(st.integers(0, 3))), {}


def outer_factors(draw: Any) -> Call:
    first = draw(arrays(NUMERIC, shapes(1, 1), False))
    return (first, draw(arrays([first.dtype.name], shapes(1, 1), False))), {}


def contracted(draw: Any) -> Call:
    k = draw(st.integers(1, 3))
    first = draw(arrays(NUMERIC, (2, k), False))
    second = draw(arrays([first.dtype.name], (k, 3), False))
    return (first, second), {"axes": draw(st.sampled_from([0, 1, ((1,), (0,)), ((-1,), (0,))]))}


def transforms(kinds: list[str], *, real: bool = False) -> Any:
    def make(draw: Any) -> Call:
        x = draw(arrays(kinds, shapes(1, 3, 4, 2), False))
        return (x,), {"axis": draw(st.integers(-x.ndim, x.ndim - 1)), "n": draw(st.none() | st.integers(2, 5)),
                      "norm": draw(st.sampled_from(["backward", "ortho", "forward"]))}
    return drawn(make)


def many_transforms(kinds: list[str]) -> Any:
    def make(draw: Any) -> Call:
        x = draw(arrays(kinds, shapes(2, 3, 4, 2), False))
        return (x,), {"axes": draw(st.sampled_from([(0, 1), (-1,), (1, 0)])),
                      "norm": draw(st.sampled_from(["backward", "ortho", "forward"]))}
    return drawn(make)


def shifted(draw: Any) -> Call:
    x = draw(arrays(FLOATING, shapes(1, 3), False))
    return (x,), {"axes": draw(st.none() | st.integers(-x.ndim, x.ndim - 1))}


BITS = pairs(["bool", *INTEGERS])
SHIFTS = pairs(SIGNED + UNSIGNED, low=0, high=6)
CASES: dict[str, Any] = {
    **dict.fromkeys("acos acosh asin asinh atan atanh cos cosh exp expm1 log log10 log1p log2 sin sinh sqrt tan tanh"
                    .split(), one(FLOATING)),
    **dict.fromkeys("abs isfinite isinf isnan positive square".split(), one(NUMERIC)),
    **dict.fromkeys("ceil floor trunc".split(), one(REAL)),
    **dict.fromkeys("conj imag".split(), one(COMPLEX)),
    "real": one(FLOATING), "round": one(NUMERIC), "negative": one(NUMERIC), "sign": one(NUMERIC),
    "reciprocal": one(FLOATS), "signbit": one(FLOATS), "bitwise_invert": one(["bool", *INTEGERS]),
    "logical_not": one(["bool"]),
    **dict.fromkeys("add subtract multiply".split(), pairs(NUMERIC)),
    **dict.fromkeys("divide".split(), pairs(FLOATING, special=False)),
    **dict.fromkeys("equal not_equal".split(), pairs(ALL)),
    **dict.fromkeys("greater greater_equal less less_equal maximum minimum".split(), pairs(REAL)),
    **dict.fromkeys("atan2 copysign hypot logaddexp nextafter".split(), pairs(FLOATS)),
    **dict.fromkeys("bitwise_and bitwise_or bitwise_xor".split(), BITS),
    **dict.fromkeys("bitwise_left_shift bitwise_right_shift".split(), SHIFTS),
    **dict.fromkeys("logical_and logical_or logical_xor".split(), pairs(["bool"])),
    **dict.fromkeys("floor_divide remainder".split(), pairs(REAL, special=False, low=1)),
    "pow": pairs(REAL, special=False, low=0, high=4), "clip": drawn(clipped), "where": drawn(chosen),
    **dict.fromkeys("sum prod".split(), reduced(NUMERIC)),
    **dict.fromkeys("max min".split(), reduced(REAL, smallest=1, special=True)),
    "mean": reduced(FLOATING, smallest=1), "var": reduced(FLOATS, smallest=3, correction=st.sampled_from([0, 1, 0.5])),
    "std": reduced(FLOATS, smallest=3, correction=st.sampled_from([0, 1, 0.5])),
    **dict.fromkeys("cumulative_sum cumulative_prod".split(), cumulative()),
    **dict.fromkeys("all any count_nonzero".split(), reduced(ALL)),
    **dict.fromkeys("argmax argmin".split(), reduced(REAL, True, 1)),
    "diff": drawn(differences),
    "concat": mapped(several(), lambda parts: ((parts,), {"axis": -1})),
    "stack": mapped(several(), lambda parts: ((parts,), {"axis": 1})),
    "expand_dims": arrays().flatmap(lambda x: st.integers(-x.ndim - 1, x.ndim).map(lambda a: ((x,), {"axis": a}))),
    "flip": drawn(flips), "roll": drawn(rolls), "moveaxis": drawn(moved), "permute_dims": drawn(permuted),
    "reshape": drawn(reshaped), "squeeze": drawn(squeezed), "repeat": drawn(repeated),
    "tile": arrays().flatmap(lambda x: shapes(0, 3).map(lambda times: ((x, times), {}))),
    "unstack": along(none=False), "matrix_transpose": arrays(ALL, shapes(2, 3)).map(lambda x: ((x,), {})),
    "broadcast_to": arrays().map(lambda x: ((x, (2, *x.shape)), {})), "broadcast_arrays": pairs(ALL).filter(
        lambda call: all(isinstance(x, np.ndarray) for x in call[0])),
    "take": drawn(taken), "take_along_axis": drawn(taken_along),
    "nonzero": arrays(ALL, shapes(1, 3)).map(lambda x: ((x,), {})), "searchsorted": drawn(searched),
    "sort": along(REAL), "argsort": along(REAL, stable=st.just(True)),
    **dict.fromkeys("unique_all unique_counts unique_inverse unique_values".split(), one(REAL)),
    "isin": pairs(INTEGERS).filter(lambda call: isinstance(call[0][0], np.ndarray)),
    "matmul": products(), "tensordot": drawn(contracted), "vecdot": vectors(),
    "arange": drawn(ranges), "linspace": drawn(lines), "full": drawn(filled), "eye": drawn(identities),
    **dict.fromkeys("ones zeros".split(), drawn(made)), **dict.fromkeys("ones_like zeros_like".split(), drawn(alike)),
    "full_like": drawn(lambda draw: ((draw(arrays(ALL)), True), {})),
    "tril": drawn(triangles), "triu": drawn(triangles), "meshgrid": drawn(grids),
    "asarray": arrays().map(lambda x: ((x.tolist(),), {"dtype": x.dtype})), "astype": drawn(converted),
    "result_type": pairs(ALL), "can_cast": st.tuples(st.sampled_from(ALL), st.sampled_from(ALL)).filter(
        lambda names: same_kind(*names)).map(lambda names: (tuple(map(np.dtype, names)), {})),
    "isdtype": st.tuples(st.sampled_from(ALL), st.sampled_from(["bool", "integral", "numeric", "real floating",
                         "signed integer", "unsigned integer", "complex floating"])).map(
        lambda call: ((np.dtype(call[0]), call[1]), {})),
    "linalg.cholesky": matrices(definite=True, upper=st.booleans()), "linalg.cross": vectors(3),
    "linalg.det": matrices(), "linalg.inv": matrices(), "linalg.slogdet": matrices(),
    "linalg.diagonal": matrices(False, NUMERIC, offset=st.integers(-1, 1)),
    "linalg.trace": matrices(False, NUMERIC, offset=st.integers(0, 0)),
    "linalg.eigvalsh": matrices(definite=True), "linalg.svdvals": matrices(False),
    "linalg.matrix_norm": matrices(False, keepdims=st.booleans(),
                                   ord=st.sampled_from(["fro", "nuc", 1, -1, np.inf, 2])),
    "linalg.matrix_power": drawn(powers), "linalg.matrix_rank": matrices(), "linalg.pinv": matrices(),
    "linalg.solve": systems(), "linalg.outer": drawn(outer_factors),
    "linalg.vector_norm": reduced(FLOATING, smallest=1, ord=st.sampled_from([1, 2, 0, np.inf, 3])),
    "linalg.matmul": products(), "linalg.tensordot": drawn(contracted), "linalg.vecdot": vectors(),
    "linalg.matrix_transpose": arrays(ALL, shapes(2, 3)).map(lambda x: ((x,), {})),
    **dict.fromkeys(["fft.fft", "fft.ifft"], transforms(FLOATING)), "fft.rfft": transforms(FLOATS),
    "fft.irfft": transforms(COMPLEX), "fft.hfft": transforms(COMPLEX), "fft.ihfft": transforms(FLOATS),
    **dict.fromkeys(["fft.fftn", "fft.ifftn"], many_transforms(FLOATING)), "fft.rfftn": many_transforms(FLOATS),
    "fft.irfftn": many_transforms(COMPLEX), **dict.fromkeys(["fft.fftshift", "fft.ifftshift"], drawn(shifted)),
    **dict.fromkeys(["fft.fftfreq", "fft.rfftfreq"], st.integers(1, 8).map(lambda n: ((n,), {"d": 0.5}))),
}
OWN = {"empty", "empty_like", "from_dlpack", "finfo", "iinfo", "broadcast_shapes", "linalg.eig", "linalg.eigvals",
       "linalg.eigh", "linalg.qr", "linalg.svd", "e", "inf", "nan", "pi", "newaxis", "fft", "linalg", *ALL}
"""What has a test of its own below, as numpy's results are no measure or its words are others."""


def found(namespace: Any, name: str) -> Any:
    return operator.attrgetter(name)(namespace)


def ours(value: Any) -> Any:
    """numpy's array or dtype as wengert's."""
    if isinstance(value, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(value).reshape(value.shape).copy())
    if isinstance(value, np.dtype):
        return getattr(xp, value.name)
    return [ours(each) for each in value] if isinstance(value, list) else value


def agree(got: Any, wanted: Any) -> None:
    if isinstance(wanted, (tuple, list)):
        assert len(got) == len(wanted)
        for left, right in zip(got, wanted, strict=True):
            agree(left, right)
    elif isinstance(wanted, np.dtype):
        assert got is getattr(xp, wanted.name)
    elif isinstance(wanted, bool):
        assert got is wanted
    else:
        wanted = np.asarray(wanted)
        assert isinstance(got, torch.Tensor)
        array = got.detach().resolve_conj().numpy()
        assert array.shape == wanted.shape
        assert array.dtype == wanted.dtype
        exact = wanted.dtype.kind in "biu"
        relative = 0 if exact else 2e-5 if wanted.dtype.name in ("float32", "complex64") else 1e-10
        np.testing.assert_allclose(array, wanted, rtol=relative, atol=0 if exact else relative)


def held(name: str, call: Call) -> None:
    arguments, keywords = call
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of too few numbers for a variance
        wanted = found(np, name)(*arguments, **keywords)
    got = found(xp, name)(*map(ours, arguments), **{key: ours(value) for key, value in keywords.items()})
    if name in ("fft.fftfreq", "fft.rfftfreq"):
        wanted = wanted.astype("float32")  # numpy's default dtype is float64
    if name == "unique_values":
        wanted = np.sort(wanted)  # the standard leaves the order open
    if name == "asarray" and not np.asarray(arguments[0]).size:
        wanted = wanted.reshape(got.shape)
    agree(got, wanted)


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_function_is_the_standard_s(name: str) -> None:
    @settings(max_examples=25, deadline=None, database=None, derandomize=True,
              suppress_health_check=list(HealthCheck))
    @given(CASES[name])
    def check(call: Call) -> None:
        held(name, call)

    if name in DIFFERENCES:
        with pytest.raises(AssertionError):
            check()
    else:
        check()


def sliced(draw: Any) -> Call:
    x = draw(arrays(ALL, shapes(0, 3)))
    parts: list[Any] = []
    for size in x.shape:
        ends = sorted([draw(st.integers(0, size)), draw(st.integers(0, size))])
        part = slice(*ends, draw(st.sampled_from([None, 1, 2])))
        parts.append(draw(st.integers(-size, size - 1)) if size and draw(st.booleans()) else part)
    if draw(st.booleans()) and x.ndim:
        place = draw(st.integers(0, x.ndim - 1))
        parts[place:] = [...]
    if draw(st.booleans()):
        parts.insert(0, None)
    return (x, tuple(parts)), {}


def masked(draw: Any) -> Call:
    x = draw(arrays(ALL, shapes(1, 3)))
    return (x, draw(arrays(["bool"], x.shape))), {}


def with_dimensions(strategy: Any) -> Any:
    """Pairs in which every array has dimensions: PyTorch promotes others less."""
    return strategy.filter(lambda call: all(np.ndim(x) or not isinstance(x, np.ndarray) for x in call[0])
                           and any(isinstance(x, np.ndarray) for x in call[0]))


def narrow(kinds: list[str]) -> list[str]:
    """Without the three unsigned dtypes that PyTorch hardly computes with."""
    return [name for name in kinds if name not in UNSIGNED[1:]]


OPERATORS: dict[str, tuple[Callable[..., Any], Any]] = {
    **{name: (getattr(operator, name), with_dimensions(pairs(narrow(kinds), **options))) for name, kinds, options in (
        ("add", NUMERIC, {}), ("sub", NUMERIC, {}), ("mul", NUMERIC, {}), ("truediv", FLOATS, {"special": False}),
        ("eq", ALL, {}), ("ne", ALL, {}), ("lt", REAL, {}), ("le", REAL, {}), ("gt", REAL, {}), ("ge", REAL, {}),
        ("and_", ["bool", *INTEGERS], {}), ("or_", ["bool", *INTEGERS], {}), ("xor", ["bool", *INTEGERS], {}),
        ("lshift", INTEGERS, {"low": 0}), ("rshift", INTEGERS, {"low": 0}),
        ("floordiv", REAL, {"special": False, "low": 1}), ("mod", REAL, {"special": False, "low": 1}),
        ("pow", FLOATS, {"special": False, "low": 0, "high": 3}),
    )},
    "neg": (operator.neg, one(NUMERIC)), "pos": (operator.pos, one(NUMERIC)), "abs": (operator.abs, one(NUMERIC)),
    "invert": (operator.invert, one(["bool", *INTEGERS])),
    "matmul": (operator.matmul, products().filter(lambda call: call[0][0].dtype == call[0][1].dtype)),
    "matmul of two dtypes": (operator.matmul, products().filter(lambda call: call[0][0].dtype != call[0][1].dtype)),
    "add without dimensions": (operator.add, pairs(FLOATS)),
    "add of wide unsigned": (operator.add, with_dimensions(pairs(INTEGERS))),
    "getitem with a negative step": (
        operator.getitem, arrays(shape=(3,)).map(lambda x: ((x, slice(None, None, -1)), {}))),
    "getitem": (operator.getitem, drawn(sliced)), "mask": (operator.getitem, drawn(masked)),
    "iadd": (operator.iadd, arrays(NUMERIC).map(lambda x: ((x, 2), {}))),
    "imul": (operator.imul, arrays(NUMERIC).map(lambda x: ((x, x.copy()), {}))),
}
ATTRIBUTES: dict[str, Callable[[Any], Any]] = {
    "T": lambda x: x.T, "mT": lambda x: x.mT, "ndim": lambda x: x.ndim, "shape": lambda x: tuple(x.shape),
    "size": lambda x: x.size, "len": len, "bool": lambda x: bool(x[0, 0]), "float": lambda x: float(x[0, 1]),
    "int": lambda x: int(x[1, 1]), "complex": lambda x: complex(x[0, 0]), "index": lambda x: [5, 6, 7][int(x[1, 0])],
}


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_an_operator_is_the_standard_s(name: str) -> None:
    function, strategy = OPERATORS[name]

    @settings(max_examples=1000 if name in DIFFERENCES else 25, deadline=None, database=None, derandomize=True,
              suppress_health_check=list(HealthCheck))
    @given(strategy)
    def check(call: Call) -> None:
        with np.errstate(all="ignore"):
            wanted = function(*(x.copy() if isinstance(x, np.ndarray) else x for x in call[0]))
        agree(function(*map(ours, call[0])), wanted)

    if name in DIFFERENCES:
        with pytest.raises((AssertionError, ValueError, RuntimeError)):
            check()
    else:
        check()


@pytest.mark.parametrize("name", sorted(ATTRIBUTES))
def test_an_attribute_is_the_standard_s(name: str) -> None:
    array = np.asarray([[1.0, 2.0], [0.0, 4.0]])
    got, wanted = ATTRIBUTES[name](ours(array)), ATTRIBUTES[name](array)
    if name in DIFFERENCES:
        assert got != wanted
    else:
        agree(got, wanted) if isinstance(got, torch.Tensor) else np.testing.assert_equal(got, wanted)


def test_every_name_of_the_standard_is_walked() -> None:
    below = {f"{space}.{name}" for space in ("linalg", "fft") for name in found(xp, space).__all__}
    names = {*xp.__all__} | below
    assert names == {*CASES, *OWN}
    assert DIFFERENCES.keys() <= CASES.keys() | OPERATORS.keys() | ATTRIBUTES.keys()
    assert len(DIFFERENCES) <= MOST_DIFFERENCES


def test_every_function_says_what_it_does_and_takes_arrays_by_place() -> None:
    for name in sorted(CASES.keys() - {"broadcast_arrays", "meshgrid", "result_type"}):
        function = found(xp, name)
        assert function.__doc__, name
        assert function.__name__ == name.rpartition(".")[2]
        first = next(iter(inspect.signature(function).parameters.values()))
        positional = first.kind is inspect.Parameter.POSITIONAL_ONLY
        assert positional or name in {"isdtype", "ones", "zeros", "full", "fft.fftfreq", "moveaxis"}, name


def test_a_tensor_knows_its_namespace() -> None:
    x = torch.ones(2)
    assert x.__array_namespace__() is xp
    assert x.__array_namespace__(api_version="2023.12") is x.__array_namespace__(api_version="2025.12") is xp
    with pytest.raises(ValueError, match="2025.12 was expected; got .1999.01"):
        x.__array_namespace__(api_version="1999.01")
    assert x.to_device("cpu") is x
    assert xp.zeros(1, device=x.device).device == x.device
    with pytest.raises(ValueError, match="no stream"):
        x.to_device("cpu", stream=1)


def test_the_namespace_says_what_it_has() -> None:
    info = xp.__array_namespace_info__()
    assert info.capabilities() == {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}
    assert info.devices() == [info.default_device()] == [torch.device("cpu")]
    assert info.default_dtypes() == {"real floating": xp.float32, "complex floating": xp.complex64,
                                     "integral": xp.int64, "indexing": xp.int64}
    assert list(info.dtypes()) == sorted(ALL, key=list(info.dtypes()).index)
    assert len(info.dtypes()) == len(ALL)
    assert info.dtypes(kind="unsigned integer") == {name: getattr(xp, name) for name in UNSIGNED}
    assert info.dtypes(kind=("bool", "real floating")).keys() == {"bool", *FLOATS}


@pytest.mark.parametrize("name", FLOATING)
def test_finfo_is_numpy_s_with_a_dtype(name: str) -> None:
    got, wanted = xp.finfo(getattr(xp, name)), np.finfo(name)
    assert got.dtype is getattr(xp, wanted.dtype.name)
    for word in ("bits", "eps", "max", "min", "smallest_normal"):
        assert getattr(got, word) == float(getattr(wanted, word))
    assert xp.finfo(xp.zeros(1, dtype=getattr(xp, name))) == got


@pytest.mark.parametrize("name", INTEGERS)
def test_iinfo_is_numpy_s_with_a_dtype(name: str) -> None:
    got, wanted = xp.iinfo(getattr(xp, name)), np.iinfo(name)
    assert (got.bits, got.max, got.min) == (wanted.bits, wanted.max, wanted.min)
    assert got.dtype is getattr(xp, name)


@pytest.mark.parametrize("name", FLOATING)
def test_decompositions_compose_again(name: str) -> None:
    rng = np.random.default_rng(0)
    x = ours((rng.normal(size=(2, 3, 3)) + (1j * rng.normal(size=(2, 3, 3)) if name in COMPLEX else 0)).astype(name))
    close = {"rtol": 0, "atol": 1e-4 if name in ("float32", "complex64") else 1e-12}
    q, r = xp.linalg.qr(x)
    torch.testing.assert_close(q @ r, x, **close)
    assert xp.linalg.qr(x[..., :2], mode="complete").Q.shape == (2, 3, 3)
    u, s, vh = xp.linalg.svd(x[..., :2], full_matrices=False)
    torch.testing.assert_close((u * xp.astype(s, x.dtype)[:, None, :]) @ vh, x[..., :2], **close)
    assert xp.linalg.svd(x[..., :2]).U.shape == (2, 3, 3)
    hermitian = x + xp.conj(xp.matrix_transpose(x))
    found = xp.linalg.eigh(hermitian)
    values = xp.astype(found.eigenvalues, x.dtype)
    torch.testing.assert_close(hermitian @ found.eigenvectors, found.eigenvectors * values[:, None, :], **close)
    found, wide = xp.linalg.eig(x), xp.astype(x, xp.complex64 if name in ("float32", "complex64") else xp.complex128)
    torch.testing.assert_close(wide @ found.eigenvectors, found.eigenvectors * found.eigenvalues[:, None, :], **close)
    torch.testing.assert_close(xp.sum(xp.linalg.eigvals(x), axis=-1), xp.linalg.trace(wide), **close)


def test_memory_goes_over_by_dlpack() -> None:
    array = np.arange(4.0)
    shared, copied = xp.from_dlpack(array), xp.from_dlpack(array, copy=True)
    array[0] = 7
    assert shared[0].item() == 7
    assert copied[0].item() == 0
    assert np.from_dlpack(shared)[0] == 7
    assert shared.__dlpack_device__() == (1, 0)
    assert xp.from_dlpack(shared).data_ptr() == shared.data_ptr()
    for options in ({"stream": None}, {"stream": -1}, {"max_version": (1, 0)}, {"dl_device": (1, 0)}, {"copy": True}):
        assert type(shared.__dlpack__(**options)).__name__ == "PyCapsule"
    with pytest.raises(TypeError, match="integer or None"):
        shared.__dlpack__(stream="default")
    with pytest.raises(BufferError, match="detach"):
        shared.clone().requires_grad_().__dlpack__()
    absent = torch.ones(2, device="meta")
    with pytest.raises(BufferError, match="meta device"):
        absent.__dlpack__()
    with pytest.raises(ValueError, match="meta"):
        absent.__dlpack_device__()


def test_arrays_without_dimensions_count_in_promotion() -> None:
    wide = xp.asarray(1.0, dtype=xp.float64)
    assert xp.add(xp.ones(2), wide).dtype is xp.float64
    assert (xp.ones(2) + wide).dtype is xp.float32  # the operator is PyTorch's
    with pytest.raises(TypeError, match="uint64"):
        xp.result_type(xp.uint64, xp.int8)
    with pytest.raises(TypeError, match="at least one array"):
        xp.result_type(1, 2.0)


def test_functions_are_differentiable() -> None:
    x = torch.tensor([[1.0, 2.0], [3.0, 5.0]], dtype=torch.float64, requires_grad=True)

    def together(x: Any) -> Any:
        return (xp.std(x) + xp.sum(xp.clip(x, 1.5, 4)) + xp.linalg.det(xp.matrix_transpose(x)) + xp.max(xp.sort(x))
                + xp.sum(xp.cumulative_prod(x, axis=0)) + xp.sum(xp.unique_values(x) ** 2) + xp.vecdot(x, x)[0])

    assert torch.autograd.gradcheck(together, (x,))


def test_wrong_calls_say_what_was_expected() -> None:
    x = xp.ones((2, 3))
    for call, words in (
        (lambda: xp.squeeze(x, 0), "size 1"), (lambda: xp.cumulative_sum(x), "axis"),
        (lambda: xp.take(x, xp.asarray([0])), "axis"), (lambda: xp.nonzero(xp.asarray(1)), "one dimension"),
        (lambda: xp.matrix_transpose(xp.ones(2)), "two dimensions"), (lambda: xp.isdtype(xp.int8, "whole"), "integral"),
        (lambda: xp.reshape(x.T, (6,), copy=False), "no copy"), (lambda: xp.linalg.cross(x, x, axis=0), "three"),
        (lambda: xp.asarray(x, dtype=xp.int8, copy=False), "copy=False"), (lambda: xp.vecdot(x, xp.ones(2)), "length"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    for call, words in (
        (lambda: xp.mean(xp.asarray([1])), "floating"),
        (lambda: xp.astype(xp.ones(1, dtype=xp.complex64), xp.int8), "real"),
        (lambda: xp.sin(1.0), "asarray"), (lambda: xp.isdtype(xp.int8, 3), "dtype"),
    ):
        with pytest.raises(TypeError, match=words):
            call()
    with pytest.raises(IndexError, match="from -2 to 1"):
        xp.sum(x, axis=2)


@pytest.mark.parametrize("call", [
    lambda x: x.reshape((4,), order="C"), lambda x: x.repeat(2, axis=0), lambda x: x.tile(reps=2),
    lambda x: x.flip(ax=0), lambda x: x.squeeze(d=0), lambda x: x.permute(0, 1, order=1), lambda x: x.split(1, size=2),
    lambda x: x.tensor_split(2, n=1), lambda x: x.hsplit(2, n=1), lambda x: torch.broadcast_to(x, shape=(2, 2)),
    lambda x: x.random_(low=1),
])
def test_an_unknown_keyword_is_a_type_error(call: Any) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        call(torch.ones(2, 2))


def test_numpy_s_functions_take_tensors() -> None:
    x = torch.tensor([[1.5, -2.0], [0.25, 3.0]])
    assert isinstance(np.sin(x), torch.Tensor)
    assert isinstance(np.add(x, 1), torch.Tensor)
    assert np.reshape(x, (4,)).shape == (4,)
    assert np.repeat(x, 2).shape == (8,)
    assert np.sum(x).item() == 2.75
