"""What is wrong with a call, in the words that PyTorch's own tests look for: the same kind of error on both sides."""

from __future__ import annotations

import math
import re
import warnings
from typing import Any

import pytest
import torch as peer

import wengert

CALLS = r"""
index_select(x, 0, torch.tensor([[0]])) | Index is supposed to be a vector
index_select(x, 0, i.float()) | Expected dtype int32 or int64 for index
index_select(torch.tensor(2.0), 0, torch.tensor([0, 0])) | Index to scalar can have only 1 value
take(x, torch.tensor([100])) | out of range: tried to access index
take(x, i.int()) | take\(\): Expected a long tensor for index, but got Int
take(x, i, out=torch.empty(0, dtype=torch.float64)) | expected to have the same dtype
x.put(i.int(), torch.ones(2)) | put_\(\): Expected a long tensor for index, but got Int
x.index_copy(0, i.int(), s) | index_copy_\(\): Expected a long tensor for index, but got Int
x.index_copy(0, i.view(1, 2), s) | Index should have dimension 1 or 0 \(got 2\)
x.index_add(0, i.float(), s) | index_add_\(\): Expected dtype int32/int64 for index but got: Float
x.index_add(0, i.view(1, 2), s) | index_add_\(\): Index is supposed to be a vector, but got dim: 2
x.index_fill(0, i.int(), 1.0) | index_fill_\(\): Expected dtype int64 for index
x.index_fill(0, i, torch.ones(2)) | only supports a 0-dimensional value tensor, but got tensor with 1 dimension
x.index_put((i,), s.double()) | source and destination dtypes match, got Float for the destination and Double
x.index_put((i,), torch.ones(3, 4)) | cannot be broadcast to indexing result of shape \[2, 4\]
x.index_put((torch.tensor([9]),), torch.tensor(1.0)) | index 9 is out of bounds for dimension 0 with size 3
x[torch.tensor([True, False])] | \[2\] at index 0 does not match the shape of the indexed tensor \[3, 4\] at index 0
x.__setitem__(x[:, 0] > 9, torch.ones(3, 4)) | shape mismatch: value tensor of shape \[3, 4\] cannot be broadcast
x.__setitem__(0, [1.0, 2.0, 3.0, 4.0]) | can't assign a list to a torch.FloatTensor
x.__setitem__(0, "a") | can't assign a str to a torch.FloatTensor
masked_select(x, x > 0, out=torch.empty(0, dtype=torch.float64)) | self and result must have the same scalar type
masked_select(x, i) | masked_select: expected BoolTensor for mask
nonzero(x, out=torch.empty(0)) | scalar type Long
amax(x[:0]) | Specify the reduction dim with the 'dim' argument
amax(x[:0], 0) | Expected reduction dim 0 to have non-zero size
amax(x, 0, out=torch.empty(0, dtype=torch.float64)) | Expected the dtype for input and out to match
mode(x, out=(torch.empty(0, dtype=torch.float64), i)) | expected scalar type .* but got .* for values
mode(x, out=(torch.empty(0), i.float())) | expected scalar type .* but got .* for indices
quantile(x, 0.5, out=torch.empty(0, dtype=torch.float64)) | out tensor must be same dtype as the input tensor
unique(torch.empty(5, 0, 0), dim=1) | Number of zero sized dimensions is more than one
unique_consecutive(torch.empty(5, 0), dim=0) | There are 0 sized dimensions
histogram(x[0], torch.tensor([[1.0]])) | bins tensor should have one dimension
histogram(x[0], torch.tensor([])) | bins tensor should have at least 1 element
histogram(x[0], torch.tensor([1.0, 2.0], dtype=torch.float64)) | bins tensors should have the same dtype
histogram(x[0], 3, weight=x[0].double()) | input tensor and weight tensor should have the same dtype
histogram(x[0], 3, weight=x[0, :2]) | it should have the same shape as the input tensor
histogram(x[0], 3, range=(2.0, 1.0)) | min should not exceed max
histc(torch.tensor([1.0, inf])) | range of \[1, inf\] is not finite
x.renorm(2, 0, -1.0) | renorm: expected maxnorm to be >= 0 but got -1
(x > 0) - (x > 0) | Use the `\^` or `logical_xor\(\)` operator instead.
x - (x > 0) | If you are trying to invert a mask, use the `~` or `logical_not\(\)` operator instead
+(x > 0) | The `\+` operator, on a bool tensor is not supported
isclose(x, x, rtol=-1) | rtol must be greater than or equal to zero
maximum(c, c) | maximum not implemented for complex tensors
fmin(c, c) | fmin not implemented for complex tensors
heaviside(c, c) | heaviside is not yet implemented for complex tensors
signbit(c) | signbit is not implemented for complex tensors
isposinf(c) | isposinf does not support complex inputs
c.abs_() | In-place abs is not supported for complex tensors
relu(c) | clamp is not supported for complex types
lerp(x, x.double(), 0.5) | expected dtype float for `end` but got dtype double
float_power(x, 2, out=torch.empty(0)) | operation's result requires dtype Double
heaviside(x, x, out=torch.empty(0, dtype=torch.float64)) | not yet implemented for tensors with different dtypes
cumsum(x, 0).cumsum_(0, dtype=torch.float64) | Bad in-place call: input tensor dtype
trapezoid(x, dx=1j) | only support dx as a real number
roll(x, shifts=(), dims=()) | required
arange(3j) | value cannot be converted to type double without overflow
linspace(torch.tensor([0.0]), 1, 3) | only supports 0-dimensional start and end tensors
linspace(0, 1j, 3, dtype=torch.float32) | can't be safely cast to passed dtype Float
eye(-1) | n must be greater or equal to 0, got -1
tril_indices(-1, 3) | row must be non-negative
complex(i, i) | Expected both inputs to be Half, Float or Double tensors but got Long and Long
iinfo(torch.bool) | torch.bool is not supported by torch.iinfo
frombuffer([1], dtype=torch.uint8) | object does not implement Python buffer protocol
where(x > 0, x) | invalid combination of arguments
linalg.inv(torch.zeros(2, 2)) | The diagonal element 1 is zero, the inversion could not be completed
linalg.inv(torch.stack([torch.eye(2), torch.ones(2, 2)])) | \(Batch element 1\): The diagonal element 2 is zero
linalg.inv(i.expand(2, 2)) | Expected a floating point or complex tensor as input. Got Long
linalg.inv(torch.eye(2).half()) | Low precision dtypes not supported. Got Half
linalg.eig(torch.full((2, 2), inf)) | input tensor should not contain infs or NaNs
linalg.svd(torch.full((2, 2), inf - inf)) | failed to converge because the input matrix contained non-finite values
linalg.svd(x, driver="gesvd") | keyword argument `driver=` is only supported on CUDA inputs
linalg.multi_dot([x, torch.ones(4), x]) | tensor 1 must be 2D but got 1D
linalg.tensorinv(torch.eye(2), 0) | Expected a strictly positive integer for 'ind'
linalg.lu(torch.eye(2), pivot=False) | linalg.lu_factor: LU without pivoting is not implemented on the CPU
x.mv(s[:, 0]) | size mismatch, got input \(3\), mat \(3x4\), vec \(2\)
bmm(x, x) | batch1 must be a 3D tensor
addmm(torch.ones(5), torch.ones(2, 3), x) | The expanded size of the tensor \(4\) must match the existing size \(5\)
einsum("i2", x) | invalid subscript given at index 1 in the equation string
einsum("ij->k", x) | output subscript k does not appear in the equation for any input operand
tensordot(x, x, ([0, 1], [0])) | both dimension lists should have same length
cov(x, fweights=torch.ones(4)) | expected fweights to have integral dtype but got fweights with Float dtype
cdist(x, x, compute_mode="a") | a is not a valid value for compute_mode
fft.fft(torch.tensor(1.0)) | Dimension specified as -1 but tensor has no dimensions
fft.rfft(c) | rfft expects a real input tensor, but got ComplexFloat
fft.fft(x.bfloat16()) | Unsupported dtype BFloat16
stft(x[0], 4, hop_length=0, return_complex=True) | expected hop_length > 0, but got hop_length=0
stft(x[0], 4, win_length=9, return_complex=True) | expected 0 < win_length <= n_fft, but got win_length=9
stft(x[0], 4, window=torch.ones(9), return_complex=True) | but got window with size \[9\]
nn.functional.conv2d(image, kernel, stride=(1, 1, 1)) | but got stride=\[1, 1, 1\]
nn.functional.max_pool1d(x, -1) | max_pool1d\(\) kernel_size must be greater than zero, but got -1
nn.functional.max_pool1d(x, 2, padding=2) | max_pool1d\(\) padding should be at most half of kernel size
nn.functional.max_pool2d(image, 2, padding=-1) | pad must be non-negative
nn.functional.max_pool2d(image, (2, 2, 2)) | kernel_size must either be a single int, or a tuple of two ints
nn.functional.avg_pool2d(image, 20) | Output size is too small
nn.functional.unfold(image, 20) | but its components must be at least one
"""
"""A call, as of `torch` where it begins with a name of its, and what its message is searched for."""


@pytest.mark.parametrize("line", CALLS.strip().splitlines())
def test_the_words_that_pytorchs_own_tests_look_for(line: str) -> None:
    call, _, words = line.partition(" | ")
    errors = []
    for library in (peer, wengert):
        named: dict[str, Any] = {name: getattr(library, name) for name in re.findall(r"^(\w{3,})[.(]", call)}
        named |= {"torch": library, "nn": library.nn, "inf": math.inf, "x": library.arange(12.0).reshape(3, 4),
                  "i": library.tensor([0, 2]), "s": library.ones(2, 4), "c": library.tensor([1j]),
                  "image": library.ones(1, 2, 5, 5), "kernel": library.ones(3, 2, 2, 2)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(Exception) as caught:
                eval(call, named)
        assert re.search(words, str(caught.value)), str(caught.value)
        errors.append(caught.value)
    kind = next(each for each in type(errors[0]).__mro__ if each.__module__ == "builtins")
    assert isinstance(errors[1], kind), errors


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_gradients_of_convolutions_by_shapes(rank: int) -> None:
    found = []
    for library in (peer, wengert):
        x = library.arange(2.0 * 5 ** rank).reshape(1, 2, *(5,) * rank)
        w = library.arange(4.0 * 3 ** rank).reshape(2, 2, *(3,) * rank).requires_grad_()
        g = library.arange(2.0 * 3 ** rank).reshape(1, 2, *(3,) * rank)
        of = library.nn.grad
        by_input = getattr(of, f"conv{rank}d_input")(x.shape, w, g)
        by_input.sum().backward()
        found.append((by_input.tolist(), w.grad.tolist(), getattr(of, f"conv{rank}d_weight")(x, w.shape, g).tolist()))
    assert found[0] == found[1]


def test_signs_of_infinite_complex_numbers() -> None:
    values = [complex(math.inf, 1), complex(1, math.inf), complex(math.inf, math.nan), 0j, 3 + 4j]
    its, ours = peer.tensor(values).sgn(), wengert.tensor(values).sgn()
    peer.testing.assert_close(peer.tensor(ours.tolist()), its, equal_nan=True)
