"""The test functions of data-apis' suite (array-api-tests), by its files and names, and what holds each of them here.

Most are of one function, whose results `test_array_api` compares with numpy's under the same keywords; what the suite
asks beyond results (errors, indices, writing, extremes of dtypes, sizes of zero, signatures) is restated below. The
suite itself is on no package index.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tests.test_array_api as results
import wengert as torch
from tests.test_array_api import ALL, CASES, COMPLEX, FLOATING, FLOATS, INTEGERS, NUMERIC, OPERATORS
from wengert import array_api as xp

SUITE: dict[str, str] = {
    "array_object": "getitem getitem_arrays_and_ints setitem getitem_masking setitem_masking scalar_casting",
    "constants": "constants",
    "creation_functions": "arange arange_at_the_ends_of_a_dtype asarray empty eye full full_like linspace meshgrid "
                          "ones ones_like zeros zeros_like tril triu ends_of_linspace",
    "data_type_functions": "astype broadcast_arrays broadcast_shapes broadcast_to can_cast finfo iinfo isdtype "
                           "result_type",
    "dlpack": "dlpack",
    "fft": "fft.fft fft.ifft fft.fftn fft.ifftn fft.rfft fft.irfft fft.rfftn fft.irfftn fft.hfft fft.ihfft fft.fftfreq "
           "fft.rfftfreq fft.fftshift fft.ifftshift fft_over_axes",
    "has_names": "has_names",
    "indexing_functions": "take take_along_axis",
    "inspection_functions": "inspection",
    "linalg": "linalg.cholesky linalg.cross linalg.det linalg.diagonal linalg.eig linalg.eigh linalg.eigvals "
              "linalg.eigvalsh linalg.inv linalg.matmul linalg.matrix_norm linalg.matrix_power linalg.matrix_rank "
              "linalg.matrix_transpose linalg.outer linalg.pinv linalg.qr linalg.slogdet linalg.solve linalg.svd "
              "linalg.svdvals linalg.tensordot linalg.trace linalg.vecdot linalg.vector_norm matmul matrix_transpose "
              "tensordot vecdot sizes_of_zero numbers_that_are_none named_tuples tolerances norms wrong_shapes",
    "manipulation_functions": "concat expand_dims moveaxis squeeze flip permute_dims repeat reshape roll stack tile "
                              "unstack wrong_axes no_dimensions",
    "operators_and_elementwise_functions":
        "abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_left_shift bitwise_invert bitwise_or "
        "bitwise_right_shift bitwise_xor ceil clip conj copysign cos cosh divide equal exp expm1 floor floor_divide "
        "greater greater_equal hypot imag isfinite isinf isnan less less_equal log logaddexp log1p log2 log10 "
        "logical_and logical_not logical_or logical_xor maximum minimum multiply negative nextafter not_equal positive "
        "pow real reciprocal remainder round sign signbit sin sinh square sqrt subtract tan tanh trunc where numbers "
        "shifts operators",
    "searching_functions": "argmax argmin count_nonzero nonzero searchsorted searchsorted_by_a_sorter wrong_axes",
    "set_functions": "unique_all unique_counts unique_inverse unique_values isin",
    "signatures": "signatures",
    "sorting_functions": "argsort sort descending",
    "special_cases": "special_values",
    "statistical_functions": "cumulative_sum cumulative_prod max mean min prod std sum var sums_in_a_dtype",
    "utility_functions": "all any diff",
}
ELSEWHERE: dict[str, Callable[..., None]] = {
    "finfo": results.test_finfo_is_numpy_s_with_a_dtype, "iinfo": results.test_iinfo_is_numpy_s_with_a_dtype,
    "dlpack": results.test_memory_goes_over_by_dlpack, "inspection": results.test_the_namespace_says_what_it_has,
    **dict.fromkeys([f"linalg.{name}" for name in ("eig", "eigh", "eigvals", "qr", "svd")],
                    results.test_decompositions_compose_again),
    "special_values": results.test_a_function_is_the_standard_s,
    "operators": results.test_an_operator_is_the_standard_s,
    "has_names": results.test_every_name_of_the_standard_is_walked,
}


def arrayed(name: str, shape: tuple[int, ...] = (2, 3)) -> Any:
    return xp.reshape(xp.astype(xp.arange(int(np.prod(shape))), getattr(xp, name)), shape)


def same(got: Any, wanted: Any) -> None:
    np.testing.assert_array_equal(got.numpy(), wanted)
    assert got.shape == wanted.shape


def test_every_test_of_the_suite_is_held_somewhere() -> None:
    here = {name.removeprefix("test_"): value for name, value in globals().items() if name.startswith("test_")}
    for file, names in SUITE.items():
        for name in names.split():
            assert name in CASES or name in OPERATORS or callable({**ELSEWHERE, **here}.get(name)), (file, name)


def test_constants() -> None:
    assert (xp.e, xp.pi, xp.inf, xp.newaxis) == (np.e, np.pi, np.inf, None)
    assert xp.nan != xp.nan
    assert xp.__array_api_version__ == "2024.12"


@pytest.mark.parametrize("name", ALL)
def test_empty(name: str) -> None:
    for shape in ((2, 3), (), (0,)):
        x = xp.empty(shape, dtype=getattr(xp, name))
        for got in (x, xp.empty_like(x)):
            assert (got.shape, got.dtype) == (shape, getattr(xp, name))
    assert xp.empty(3).shape == (3,)
    assert xp.empty(3).dtype is xp.empty_like(x, dtype=xp.float32).dtype is xp.float32


@pytest.mark.parametrize("name", ALL)
def test_getitem(name: str) -> None:
    x = arrayed(name)
    array = x.numpy()
    for key in (0, -1, (1, 2), (slice(None), -1), (Ellipsis, 1), (None, 1), (slice(0, 1), slice(0, 3, 2)), (), Ellipsis,
                (slice(2, 2),)):
        same(x[key], array[key])


@pytest.mark.parametrize("index", ["int32", "int64"])
@pytest.mark.parametrize("name", ALL)
def test_getitem_arrays_and_ints(name: str, index: str) -> None:
    x, i = arrayed(name), np.asarray([[0, -1], [1, 0]], index)
    array = x.numpy()
    for key in ((i,), (i, 1), (0, i), (i, i), (np.asarray(1, index), i), (i, np.asarray([0, 1], index))):
        same(x[tuple(map(results.ours, key))], array[key])


@pytest.mark.parametrize("name", ALL)
def test_setitem(name: str) -> None:
    for key in (0, (1, 2), (Ellipsis, 1), (slice(None), 0), ()):
        for value in (True if name == "bool" else 1, arrayed(name, ())):
            x = xp.asarray(arrayed(name), copy=True)
            array = x.numpy().copy()
            x[key] = value
            array[key] = value if isinstance(value, int) else value.numpy()
            same(x, array)
    if name in INTEGERS:
        for value in (xp.iinfo(getattr(xp, name)).min, xp.iinfo(getattr(xp, name)).max):
            x = xp.zeros(3, dtype=getattr(xp, name))
            x[1] = value
            assert [int(each) for each in x] == [0, value, 0]
            assert int(xp.full((), value, dtype=x.dtype)) == int(xp.asarray([value], dtype=x.dtype)[0]) == value
            assert int(xp.full_like(x, value)[2]) == value


@pytest.mark.parametrize("name", ALL)
def test_getitem_masking(name: str) -> None:
    x = arrayed(name)
    assert x[xp.asarray(True)].shape == (1, 2, 3)
    assert x[xp.asarray(False)].shape == (0, 2, 3)
    same(x[xp.asarray([False, True])], x.numpy()[1:])
    same(x[x != 0], x.numpy()[x.numpy() != 0])
    nothing = xp.zeros((0, 3), dtype=x.dtype)
    assert nothing[xp.ones((0,), dtype=xp.bool)].shape == (0, 3)
    assert nothing[xp.ones((0, 3), dtype=xp.bool)].shape == (0,)
    for shape in ((3,), (2, 1), (2, 3, 1), (0,), (0, 3), (2, 0), (0, 0), (1,)):
        mask = xp.ones(shape, dtype=xp.bool)
        for use in (lambda: x[mask], lambda: operator.setitem(x, mask, 0),  # noqa: B023
                    lambda: x.index_put((mask,), xp.zeros((), dtype=x.dtype))):  # noqa: B023
            with pytest.raises(IndexError):
                use()
    with pytest.raises(IndexError, match=r"mask \[0\].* tensor \[2, 3\] from dimension 1"):
        x[1, xp.ones((0,), dtype=xp.bool)]


@pytest.mark.parametrize("name", ALL)
def test_setitem_masking(name: str) -> None:
    for value in (True if name == "bool" else 1, xp.ones((), dtype=getattr(xp, name))):
        for shape in ((2, 3), (), (0,)):
            x = xp.zeros(shape, dtype=getattr(xp, name))
            x[xp.ones(shape, dtype=xp.bool)] = value
            assert xp.all(x == 1)
            x[xp.zeros(shape, dtype=xp.bool)] = 0
            assert xp.all(x == 1)


@pytest.mark.parametrize("name", ALL)
def test_scalar_casting(name: str) -> None:
    x = xp.ones((), dtype=getattr(xp, name))
    kinds: list[type] = [bool, complex] if name in COMPLEX else [bool, int, float, complex]
    for kind in kinds:
        assert type(kind(x)) is kind
        assert kind(x) == 1
    if name in INTEGERS:
        for value in (xp.iinfo(x.dtype).min, xp.iinfo(x.dtype).max):
            assert operator.index(xp.asarray(value, dtype=x.dtype)) == int(xp.asarray(value, dtype=x.dtype)) == value


@pytest.mark.parametrize("name", [*FLOATING, "int8", "int64", "uint8"])
def test_ends_of_linspace(name: str) -> None:
    dtype = getattr(xp, name)
    for start, stop in ((0, 1), (3, 3), (0.1, 0.7), (1.5, -3.25), (-1e30, 1e30)):
        if name not in FLOATING:
            start, stop = int(min(start + 2, 100)), int(min(stop + 4, 100))
        if abs(start) > 1 and name in INTEGERS:
            continue
        for count in (0, 1, 2, 7):
            closed = xp.linspace(start, stop, count, dtype=dtype)
            opened = xp.linspace(start, stop, count, dtype=dtype, endpoint=False)
            assert closed.shape == opened.shape == (count,)
            if count:
                assert closed[0] == opened[0] == xp.asarray(start, dtype=dtype)
            if count > 1:
                assert closed[-1] == xp.asarray(stop, dtype=dtype)


@pytest.mark.parametrize("name", INTEGERS)
def test_arange_at_the_ends_of_a_dtype(name: str) -> None:
    info = xp.iinfo(getattr(xp, name))
    for start in (info.min, info.max - 2):
        got = xp.arange(start, start + 2, dtype=info.dtype)
        assert [int(each) for each in got] == [start, start + 1]
        assert got.dtype is info.dtype


def test_broadcast_shapes() -> None:
    for shapes in ((), ((),), ((2, 1), (3,)), ((0,), (1,)), ((4, 1, 3), (2, 1), ())):
        assert xp.broadcast_shapes(*shapes) == np.broadcast_shapes(*shapes)
    with pytest.raises(ValueError, match="broadcast"):
        xp.broadcast_shapes((2,), (3,))


@pytest.mark.parametrize("name", COMPLEX)
def test_fft_over_axes(name: str) -> None:
    x = xp.ones((2, 3, 4), dtype=getattr(xp, name))
    for transform in ("fftn", "ifftn", "irfftn"):
        for sizes, axes in ((None, None), ((2, 2, 5), (0, 1, 2)), (None, [0]), ((4,), [1]), ((3, 2), [2, 0])):
            wanted = getattr(np.fft, transform)(x.numpy(), s=sizes, axes=axes)
            torch.testing.assert_close(getattr(xp.fft, transform)(x, s=sizes, axes=axes),
                                       results.ours(wanted.astype(name if transform != "irfftn" else
                                                                  "float32" if name == "complex64" else "float64")))


@pytest.mark.parametrize("name", FLOATING)
def test_sizes_of_zero(name: str) -> None:
    dtype = getattr(xp, name)
    for shape in ((0, 0), (2, 0, 0), (0, 2, 2), (1, 1)):
        x = xp.broadcast_to(xp.eye(shape[-1], dtype=dtype), shape)
        for function in ("inv", "cholesky", "pinv", "matrix_transpose"):
            assert getattr(xp.linalg, function)(x).shape == shape
        for function in ("det", "trace", "matrix_norm", "matrix_rank"):
            assert getattr(xp.linalg, function)(x).shape == shape[:-2]
        for power in (-3, 0, 5):
            assert xp.linalg.matrix_power(x, power).shape == shape
        for columns in ((), (2,), (0,)):
            right = xp.ones((shape[-1],) if not columns else (*shape[:-1], *columns), dtype=dtype)
            assert xp.linalg.solve(x, right).shape == (*shape[:-1], *columns)
        assert xp.linalg.svd(x).S.shape == xp.linalg.eigh(x).eigenvalues.shape == shape[:-1]
        assert xp.linalg.qr(x).Q.shape == shape


@pytest.mark.parametrize("name", FLOATING)
def test_numbers_that_are_none(name: str) -> None:
    for value in (float("nan"), float("inf")):
        x = xp.full((2, 2, 2), value, dtype=getattr(xp, name))
        assert not xp.any(xp.isfinite(xp.linalg.det(x)))
        assert xp.linalg.slogdet(x).sign.dtype is x.dtype
        assert xp.linalg.qr(x).R.shape == (2, 2, 2)


@pytest.mark.parametrize("function, fields", [("eigh", "eigenvalues eigenvectors"), ("eig", "eigenvalues eigenvectors"),
                                              ("qr", "Q R"), ("svd", "U S Vh"), ("slogdet", "sign logabsdet")])
def test_named_tuples(function: str, fields: str) -> None:
    got = getattr(xp.linalg, function)(xp.eye(2))
    assert isinstance(got, tuple)
    assert type(got) is not tuple
    assert len(got) == len(fields.split())
    for i, field in enumerate(fields.split()):
        assert got[i] is getattr(got, field)


@pytest.mark.parametrize("name", FLOATING)
def test_tolerances(name: str) -> None:
    matrices = np.stack([np.diag([1.0, 0.3]), np.diag([4.0, 0.3]), np.zeros((2, 2))]).astype(name)
    x, limits = results.ours(matrices), np.asarray([0.5, 0.05, 0.1], "float32" if name in ("float32", "complex64") else
                                                   "float64")
    tensor = results.ours(limits)
    same(xp.linalg.matrix_rank(x, rtol=tensor), np.asarray([1, 2, 0]))
    wanted = np.linalg.pinv(matrices, rcond=limits)
    for got in (xp.linalg.pinv(x, rtol=tensor), torch.linalg.pinv(x, atol=tensor * tensor.new_tensor([1, 4, 1]))):
        torch.testing.assert_close(got, results.ours(wanted))
    same(xp.linalg.matrix_rank(torch.linalg.pinv(x, atol=0.5)), np.asarray([1, 1, 0]))
    if name == "float64":
        assert torch.autograd.gradcheck(lambda x: xp.linalg.pinv(x[:2], rtol=tensor[:2]) ** 2, (x.requires_grad_(),))


@pytest.mark.parametrize("name", FLOATING)
def test_norms(name: str) -> None:
    x = arrayed(name, (3, 2, 4)) + 1
    array, real = x.numpy(), "float32" if name in ("float32", "complex64") else "float64"
    for order in (2, 1, 0, -1, -2, np.inf, -np.inf, 20, -20, 0.5, -3.5):
        for axis in (None, 0, -1, (0, 2)):
            for keep in (False, True):
                got = xp.linalg.vector_norm(x, ord=order, axis=axis, keepdims=keep)
                wanted = np.linalg.vector_norm(array.astype("complex128"), ord=order, axis=axis, keepdims=keep)
                np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-4)
                assert got.dtype is getattr(xp, real)
                assert got.shape == wanted.shape


def test_wrong_shapes() -> None:
    for first, second in (((), (2,)), ((2,), (3,)), ((2,), (3, 2)), ((2, 3), (2,)), ((2, 3), (2, 3))):
        with pytest.raises((ValueError, RuntimeError)):
            xp.matmul(xp.ones(first), xp.ones(second))
    for function in (xp.vecdot, xp.linalg.cross):
        with pytest.raises((ValueError, RuntimeError)):
            function(xp.ones((1,)), xp.ones((3,)))
    for first, second, axis in (((3,), (2, 3), -1), ((3, 4), (3, 1), -2), ((2, 3, 4), (3, 4), -2)):
        assert xp.linalg.cross(xp.ones(first), xp.ones(second), axis=axis).shape == np.broadcast_shapes(first, second)


def test_wrong_axes() -> None:
    x = xp.ones((2, 3))
    calls: list[Callable[[], Any]] = [
        lambda: xp.expand_dims(x, axis=3), lambda: xp.expand_dims(x, axis=-4), lambda: xp.argmax(x, axis=2),
        lambda: xp.concat([x, x], axis=2), lambda: xp.flip(x, axis=2), lambda: xp.stack([x, x], axis=3),
        lambda: xp.unstack(x, axis=2), lambda: xp.sort(x, axis=2), lambda: xp.squeeze(x, 2), lambda: xp.max(x, axis=2)]
    for call in calls:
        with pytest.raises(IndexError):
            call()
    for axis in (0, (0, 1)):
        with pytest.raises(ValueError, match="size 1"):
            xp.squeeze(x, axis)
    with pytest.raises(ValueError, match="one dimension"):
        xp.nonzero(xp.asarray(1))


@pytest.mark.parametrize("name", ALL)
def test_no_dimensions(name: str) -> None:
    x = xp.ones((), dtype=getattr(xp, name))
    assert xp.roll(x, 3).shape == xp.flip(x).shape == xp.squeeze(x, ()).shape == ()
    assert xp.stack([x, x]).shape == (2,)
    assert xp.concat([x, arrayed(name)], axis=None).shape == (7,)
    assert xp.repeat(x, 3).shape == xp.tile(x, (3,)).shape == (3,)
    assert xp.reshape(x, (1, 1)).shape == (1, 1)


@pytest.mark.parametrize("name", [name for name in NUMERIC if name not in COMPLEX])
def test_descending(name: str) -> None:
    x = xp.astype(xp.asarray([[2, 0, 2], [1, 3, 3]]), getattr(xp, name))
    for stable in (True, False):
        same(xp.sort(x, descending=True, stable=stable), np.flip(np.sort(x.numpy()), -1))
    same(xp.argsort(x, descending=True), np.asarray([[0, 2, 1], [1, 2, 0]]))
    assert xp.argsort(x, axis=0, descending=True, stable=False).dtype is xp.int64


def test_searchsorted_by_a_sorter() -> None:
    x, wanted = xp.asarray([3.0, 1.0, 2.0]), {"left": [1, 0, 2], "right": [2, 0, 3]}
    for side, places in wanted.items():
        same(xp.searchsorted(x, xp.asarray([2.0, 0.5, 3.0]), side=side, sorter=xp.argsort(x)), np.asarray(places))
        assert xp.searchsorted(xp.sort(x), xp.ones((2, 3)), side=side).shape == (2, 3)
        assert xp.searchsorted(xp.sort(x), 1.5, side=side).shape == ()


@pytest.mark.parametrize("name", NUMERIC)
def test_sums_in_a_dtype(name: str) -> None:
    x = arrayed(name)
    for other in (each for each in NUMERIC if np.promote_types(name, each) == np.dtype(each)):
        for function in ("sum", "prod", "cumulative_sum", "cumulative_prod"):
            keywords: dict[str, Any] = {"axis": 1, "dtype": getattr(xp, other)}
            got = getattr(xp, function)(x, **keywords)
            wanted = getattr(np, function)(x.numpy(), axis=1, dtype=other)
            same(got, wanted)
            assert got.dtype is getattr(xp, other)
            whole = {} if function.startswith("cumulative") else {"axis": None}
            assert getattr(xp, function)(x, **{**keywords, **whole}).dtype is getattr(xp, other)


@pytest.mark.parametrize("name", [name for name in NUMERIC if name not in COMPLEX])
def test_numbers(name: str) -> None:
    x = xp.astype(xp.asarray([1, 2]), getattr(xp, name))
    functions = "add subtract multiply floor_divide remainder pow maximum minimum".split()
    for function in functions + ("divide atan2 hypot copysign nextafter logaddexp".split() if name in FLOATS else []):
        for number in (2, 2.5) if name in FLOATS else (2,):
            for arguments in ((x, number), (number, x)):
                got = getattr(xp, function)(*arguments)
                assert (got.dtype, got.shape) == (x.dtype, x.shape)
    for function in "equal not_equal less less_equal greater greater_equal".split():
        assert getattr(xp, function)(2, x).dtype is getattr(xp, function)(x, 2).dtype is xp.bool
    if name in INTEGERS:
        for function in "bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift".split():
            assert getattr(xp, function)(2, x).dtype is getattr(xp, function)(x, 2).dtype is x.dtype


@pytest.mark.parametrize("name", INTEGERS)
def test_shifts(name: str) -> None:
    info = np.iinfo(name)
    values = np.asarray([1, info.max, info.min, 5], name)[:, None]
    by = np.asarray([0, 1, info.bits - 1, info.bits], name)
    for function in ("bitwise_left_shift", "bitwise_right_shift"):
        same(getattr(xp, function)(results.ours(values), results.ours(by)), getattr(np, function)(values, by))


SIGNATURES = """
asarray(obj,/,*,dtype=,device=,copy=) arange(start,/,stop=,step=,*,dtype=,device=) empty(shape,*,dtype=,device=)
eye(n_rows,n_cols=,/,*,k=,dtype=,device=) from_dlpack(x,/,*,device=,copy=) full(shape,fill_value,*,dtype=,device=)
full_like(x,/,fill_value,*,dtype=,device=) linspace(start,stop,/,num,*,dtype=,device=,endpoint=)
meshgrid(*arrays,indexing=) tril(x,/,*,k=) zeros_like(x,/,*,dtype=,device=) astype(x,dtype,/,*,copy=,device=)
broadcast_to(x,/,shape) can_cast(from_,to,/) finfo(type,/) isdtype(dtype,kind) clip(x,/,min=,max=) add(x1,x2,/)
concat(arrays,/,*,axis=) flip(x,/,*,axis=) moveaxis(x,source,destination,/) permute_dims(x,/,axes)
repeat(x,repeats,/,*,axis=) reshape(x,/,shape,*,copy=) roll(x,/,shift,*,axis=) squeeze(x,/,axis)
stack(arrays,/,*,axis=) tile(x,repetitions,/) unstack(x,/,*,axis=) take(x,indices,/,*,axis=)
take_along_axis(x,indices,/,*,axis=) argmax(x,/,*,axis=,keepdims=) count_nonzero(x,/,*,axis=,keepdims=) nonzero(x,/)
searchsorted(x1,x2,/,*,side=,sorter=) where(condition,x1,x2,/) unique_all(x,/) isin(x1,x2,/,*,invert=)
sort(x,/,*,axis=,descending=,stable=) argsort(x,/,*,axis=,descending=,stable=)
cumulative_sum(x,/,*,axis=,dtype=,include_initial=) max(x,/,*,axis=,keepdims=) sum(x,/,*,axis=,dtype=,keepdims=)
std(x,/,*,axis=,correction=,keepdims=) all(x,/,*,axis=,keepdims=) matmul(x1,x2,/) tensordot(x1,x2,/,*,axes=)
vecdot(x1,x2,/,*,axis=) linalg.cholesky(x,/,*,upper=) linalg.cross(x1,x2,/,*,axis=) linalg.diagonal(x,/,*,offset=)
linalg.matrix_norm(x,/,*,keepdims=,ord=) linalg.matrix_power(x,n,/) linalg.matrix_rank(x,/,*,rtol=)
linalg.pinv(x,/,*,rtol=) linalg.qr(x,/,*,mode=) linalg.svd(x,/,*,full_matrices=) linalg.trace(x,/,*,offset=,dtype=)
linalg.vector_norm(x,/,*,axis=,keepdims=,ord=) linalg.solve(x1,x2,/) fft.fft(x,/,*,n=,axis=,norm=)
fft.fftn(x,/,*,s=,axes=,norm=) fft.fftfreq(n,/,*,d=,dtype=,device=) fft.fftshift(x,/,*,axes=)
""".split()


def test_signatures() -> None:
    for wanted in SIGNATURES:
        name, words = wanted.removesuffix(")").split("(")
        parameters = list(inspect.signature(results.found(xp, name)).parameters.values())
        got: list[str] = []
        for before, each in zip([None, *parameters], [*parameters, None], strict=True):
            kinds = before and before.kind, each and each.kind
            if before and before.kind is before.POSITIONAL_ONLY and kinds[1] is not before.POSITIONAL_ONLY:
                got.append("/")
            if each and each.kind is each.KEYWORD_ONLY and (before is None or kinds[0] not in (
                    each.KEYWORD_ONLY, each.VAR_POSITIONAL)):
                got.append("*")
            if each:
                star = "*" if each.kind is each.VAR_POSITIONAL else ""
                got.append(star + each.name + ("" if each.default is each.empty else "="))
        assert ",".join(got) == words, name
