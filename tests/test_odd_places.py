"""Values in places where they are seldom seen: tensors that are numbers, sizes that are none, matrices without
elements, elements that share their memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as torch

F = torch.nn.functional
t = torch.ones(2, 3)


@pytest.mark.parametrize("call", [
    lambda n: F.elu(-t, n(2.0)), lambda n: F.leaky_relu(-t, n(0.5)), lambda n: F.celu(-t, n(2.0)),
    lambda n: F.hardshrink(t, n(0.5)), lambda n: F.threshold(t, n(2.0), n(0.5)), lambda n: F.softplus(t, n(2.0)),
    lambda n: torch.addmm(t, t, torch.eye(3), alpha=n(2.0), beta=n(3.0)), lambda n: torch.cumsum(t, n(1)),
    lambda n: t.gather(n(0), torch.zeros(1, 2, dtype=torch.int64)), lambda n: torch.addcmul(t, t, t, value=n(2)),
    lambda n: torch.cdist(t, -t, n(1.0)), lambda n: torch.tril(t, n(1)), lambda n: torch.rot90(t, n(1)),
])
def test_a_tensor_without_dimensions_is_the_number_that_it_is(call: Any) -> None:
    assert torch.equal(call(torch.tensor), call(lambda number: number))


def test_a_number_with_a_history_is_none() -> None:
    with pytest.raises(TypeError, match="alpha"):
        F.elu(t, torch.tensor(2.0, requires_grad=True))


@pytest.mark.parametrize("call", [lambda: t.cumsum(1.0), lambda: torch.mode(t, 1.0),
                                  lambda: torch.median(t, 0.0), lambda: torch.logcumsumexp(t, 1.5)])
def test_a_float_is_no_dimension(call: Any) -> None:
    with pytest.raises(TypeError):
        call()


@pytest.mark.parametrize("name", ["det", "svd", "svdvals", "eigh", "eigvalsh", "cholesky", "lu", "lu_factor",
                                  "lu_factor_ex", "ldl_factor", "ldl_factor_ex", "cond"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_matrices_without_elements_in_half_precision(name: str, dtype: Any) -> None:
    function = getattr(torch.linalg, name)
    result = function(torch.ones(0, 0, dtype=dtype))
    first = result if isinstance(result, torch.Tensor) else result[0]
    assert first.dtype is dtype
    with pytest.raises(RuntimeError):
        function(torch.ones(1, 1, dtype=dtype))


def test_a_chain_of_one_matrix() -> None:
    assert torch.chain_matmul(t) is t
    with pytest.raises(RuntimeError, match="expected 2"):
        torch.chain_matmul(torch.ones(3))


@pytest.mark.parametrize(("write", "want"), [
    (lambda x: x.masked_fill_(torch.tensor([[True, False, True], [False, False, True]]), 5.0), [5, 0, 5]),
    (lambda x: x.__setitem__(torch.tensor([[True, False, False], [False, True, False]]), 5.0), [5, 5, 0]),
    (lambda x: x.index_fill_(1, torch.tensor([1]), 5.0), [0, 5, 0]),
    (lambda x: x.index_put_((torch.tensor([0]), torch.tensor([2])), torch.tensor(5.0)), [0, 0, 5]),
])
def test_some_elements_of_an_expanded_tensor_are_written_with_all_that_share_their_memory(
        write: Any, want: list[int]) -> None:
    memory = torch.zeros(1, 3)
    with pytest.warns(UserWarning, match="expanded"):
        write(memory.expand(2, 3))
    assert memory.tolist() == [want] and memory._version > 0
    with pytest.raises(RuntimeError, match="single memory location"):
        write((memory.clone().requires_grad_() * 1).expand(2, 3))


@pytest.mark.parametrize("call", [
    lambda n: F.avg_pool2d(torch.ones(1, 1, 4, 4), 2, n(1)), lambda n: F.max_pool2d(torch.ones(1, 1, 4, 4), n(2), n(2)),
    lambda n: F.conv2d(torch.ones(1, 2, 4, 4), torch.ones(2, 1, 3, 3), groups=n(2)), lambda n: t.roll(n(1), n(0)),
])
@pytest.mark.parametrize("number", [np.int64, np.int32, torch.tensor])
def test_sizes_may_be_numbers_of_numpy(call: Any, number: Any) -> None:
    assert torch.equal(call(number), call(int))


@pytest.mark.parametrize("size", [1e-25, 1e25])
def test_deviations_whose_squares_are_beyond_the_dtype(size: float) -> None:
    assert torch.tensor([size, 3 * size]).std().item() == pytest.approx(size * 2**0.5)
    rows = torch.tensor([[1e-25, 3e-25], [1.0, 3.0], [2.0, 2.0]]).std(1)
    assert rows.tolist() == pytest.approx([1e-25 * 2**0.5, 2**0.5, 0.0])


def test_norms_of_one_element_are_its_absolute_value() -> None:
    assert torch.linalg.vector_norm(torch.tensor([[-8.5]]), ord=-100, dim=1).tolist() == [8.5]


def test_tolerances() -> None:
    assert torch.allclose(torch.tensor(1.0), torch.tensor(5.0), rtol=torch.inf)
    assert not torch.allclose(torch.tensor(torch.inf), torch.tensor(1.0), rtol=torch.inf)
    with pytest.raises(RuntimeError, match="rtol"):
        torch.allclose(t, t, rtol=torch.nan)


@pytest.mark.parametrize(("equation", "strides"), [("ij,jk->ki", (2, 1)), ("bij,bjk->kbi", (2, 4, 1)),
                                                   ("bij,bjk->bki", (4, 2, 1)), ("bij,bjk->ibk", (2, 4, 1))])
def test_the_product_of_two_lies_as_the_result_names_its_dimensions(equation: str, strides: tuple[int, ...]) -> None:
    sizes = dict(zip("bijk", (2, 2, 3, 2), strict=True))
    x, y = (torch.rand([sizes[c] for c in term]) for term in equation.partition("->")[0].split(","))
    found = torch.einsum(equation, x, y)
    assert found.stride() == strides
    assert torch.allclose(found, torch.einsum(equation, x.double(), y.double()).float())


def test_what_may_stand_beside() -> None:
    assert not torch.zeros(2, requires_grad=None).requires_grad
    assert torch.ones(5, 1).broadcast_to(-1, 3).shape == (5, 3)
    with pytest.raises(RuntimeError, match="0-dimensional value"):
        t.masked_fill(t > 0, torch.ones(2))


@pytest.mark.parametrize(("call", "kind"), [
    (lambda: F.interpolate(torch.ones(3, 4), (3,)), ValueError),
    (lambda: F.interpolate(torch.ones(2, 3, 4), (2, 2), mode="bilinear"), ValueError),
    (lambda: F.interpolate(torch.ones(2, 3, 4), 2, mode="bilinear"), NotImplementedError),
    (lambda: F.triplet_margin_loss(t[None], t, t), RuntimeError),
    (lambda: F.pad(t, (1, 1), None), TypeError),
    (lambda: torch.triangular_solve(torch.eye(2).long(), torch.eye(2)), RuntimeError),
    (lambda: torch.linalg.tensorsolve(torch.eye(2).double(), torch.ones(2)), RuntimeError),
    (lambda: torch.linalg.pinv(t.long()), RuntimeError),
    (lambda: torch.linalg.matrix_rank(t.long()), RuntimeError),
    *[(lambda norm=norm: norm(t, 1j), RuntimeError) for norm in
      (torch.linalg.vector_norm, torch.linalg.matrix_norm, torch.linalg.norm, torch.norm)],
    (lambda: torch.full((2,), torch.ones(2)), TypeError),
    (lambda: t.scatter_reduce(0, torch.zeros(1, 2, dtype=torch.int64), t, None), TypeError),
    (lambda: torch.linalg.qr(t, 3), TypeError),
    (lambda: torch.div(t, t, rounding_mode=3), TypeError),
    (lambda: torch.frexp(t, out=torch.ones(0)), TypeError),
    (lambda: torch.fft.fft(t, norm=3), TypeError),
    (lambda: torch.zeros(2, layout="x"), TypeError),
    (lambda: t.clone(memory_format="x"), TypeError),
    (lambda: t.float(3), TypeError),
    (lambda: torch.linalg.svd(t, full_matrices="x"), TypeError),
    (lambda: torch.linalg.eigh(torch.eye(2).long()), NotImplementedError),
])
@pytest.mark.filterwarnings("ignore:.*deprecated")
def test_the_class_of_a_refusal_is_pytorchs(call: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        call()
