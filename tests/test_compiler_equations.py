"""Generated code for many small systems, against LAPACK: sizes, counts around a vector's, layouts, singular ones."""

import numpy as np
import pytest

import wengert as torch
from wengert.compiler.equations import LARGEST, solutions
from wengert.compiler.kernels import generated_code_is_possible
from wengert.core.generated import MANY_SYSTEMS

if not generated_code_is_possible():
    pytest.skip("no generated code here", allow_module_level=True)


def laid(x, turned):
    """The same numbers, each matrix lying column by column where it is ``turned``."""
    return np.swapaxes(np.ascontiguousarray(np.swapaxes(x, -1, -2)), -1, -2) if turned else x


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 7, 8, LARGEST])
def test_solutions_are_those_of_lapack(dtype, rows):
    rng = np.random.default_rng(rows)
    for count, columns, turned in ((64, 1, (False, False)), (65, 3, (True, False)), (127, 8, (False, True)),
                                   (200, LARGEST, (True, True))):
        a = rng.standard_normal((count, rows, rows)).astype(dtype)
        b = rng.standard_normal((count, rows, columns)).astype(dtype)
        found = solutions(laid(a, turned[0]), laid(b, turned[1]))
        expected = np.linalg.solve(a, b)
        assert found is not None and found.shape == expected.shape and found.dtype == dtype
        scale = np.abs(np.linalg.inv(a)).sum((1, 2)).max() * np.abs(a).max() * np.abs(expected).max()
        assert np.abs(found - expected).max() <= 1e-14 * rows**2 * scale + np.finfo(dtype).eps * np.abs(expected).max()


def test_what_it_does_not_take():
    a, b = np.eye(3) + np.zeros((64, 3, 3)), np.ones((64, 3, 2))
    assert solutions(a, b) is not None
    a[17] = 0
    assert solutions(a, b) is None  # LAPACK says what is wrong
    assert solutions(a[:MANY_SYSTEMS - 1], b[:MANY_SYSTEMS - 1]) is None
    assert solutions(a.astype(complex), b.astype(complex)) is None
    assert solutions(a, b.astype("float32")) is None and solutions(a, b[:32]) is None and solutions(a, b[:, :2]) is None
    large = np.eye(LARGEST + 1) + np.zeros((64, 1, 1))
    assert solutions(large, large) is None and solutions(b, b) is None


def test_pivots_are_chosen_system_by_system():
    """Matrices whose first element is zero, in one lane and not in the next, at every row."""
    rng = np.random.default_rng(0)
    a = np.stack([np.eye(5)[rng.permutation(5)] * rng.uniform(1, 2, (5, 1)) for _ in range(300)])
    b = rng.standard_normal((300, 5, 1))
    assert np.allclose(a @ solutions(a, b), b, rtol=0, atol=1e-14)


def test_solve_and_inverses_take_that_way_and_say_what_is_singular():
    torch.manual_seed(0)
    a = torch.randn(100, 4, 4).double() + 4 * torch.eye(4).double()
    b = torch.randn(100, 4, 2).double()
    assert torch.allclose(a @ torch.linalg.solve(a, b), b)
    assert torch.allclose(torch.linalg.inv(a) @ a, torch.eye(4).double().expand(100, 4, 4))
    upper = a.triu()
    assert torch.allclose(upper @ torch.linalg.solve_triangular(upper, b, upper=True), b)
    one = torch.func.vmap(torch.linalg.solve, in_dims=(None, 0))(a[0], b)
    assert torch.allclose(one, torch.linalg.solve(a[:1].expand(100, 4, 4), b))
    a[7] = 0.0
    with pytest.raises(torch.linalg.LinAlgError, match="singular"):
        torch.linalg.solve(a, b)
    with pytest.raises(torch.linalg.LinAlgError, match="singular"):
        torch.linalg.inv(a)


def test_nothing_is_read_or_written_beside_the_arrays():
    whole = np.full(2 + 67 * 9 + 2, np.nan)
    a = whole[2:-2].reshape(67, 3, 3)
    a[...] = np.random.default_rng(1).standard_normal(a.shape)
    before = whole.copy()
    found = solutions(a, np.ones((67, 3, 1)))
    assert np.isfinite(found).all() and np.array_equal(whole, before, equal_nan=True)


def test_the_same_bits_for_any_number_of_threads():
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((5000, 6, 6)), rng.standard_normal((5000, 6, 1))
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(solutions(a, b))
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[0], found[2])
