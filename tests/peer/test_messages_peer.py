"""Wrong calls of indexing, shapes, searching and counting raise PyTorch's class, with its words in ours: programs, and
tests, look for them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

import wengert

CALLS = {
    "index_add, too many": "torch.zeros(3, 2).index_add_(0, torch.tensor([0, 2]), torch.ones(3, 2))",
    "index_add, dtypes": "torch.zeros(3, 2).index_add_(0, torch.tensor([0, 2]), torch.ones(2, 2).double())",
    "index_add, range": "torch.zeros(3, 2).index_add_(0, torch.tensor([0, 3]), torch.ones(2, 2))",
    "index_add, range of columns": "torch.zeros(3, 2).index_add_(1, torch.tensor([0, 2]), torch.ones(3, 2))",
    "index_copy, slices": "torch.zeros(3, 2).index_copy_(0, torch.tensor([0, 1]), torch.ones(2, 3))",
    "take, range": "torch.ones(2, 3).take(torch.tensor([6]))",
    "take, nothing": "torch.ones(0).take(torch.tensor([0]))",
    "put, range": "torch.zeros(3).put_(torch.tensor([3]), torch.tensor([1.]))",
    "put, numbers": "torch.zeros(3).put_(torch.tensor([0, 1]), torch.tensor([1.]))",
    "put, dtypes": "torch.zeros(3).put_(torch.tensor([0]), torch.tensor([1]))",
    "masked_fill": "torch.zeros(3).masked_fill_(torch.tensor([1, 0, 1], dtype=torch.uint8), 1)",
    "masked_scatter": "torch.zeros(3).masked_scatter_(torch.tensor([True, False, True]), torch.ones(1))",
    "isin": "torch.isin(1, 2)",
    "searchsorted, sorter's dtype": "torch.searchsorted(torch.ones(2), torch.ones(2), sorter=torch.ones(2))",
    "searchsorted, sorter's range": "torch.searchsorted(torch.ones(2), torch.ones(2), sorter=torch.tensor([0, 3]))",
    "searchsorted, sorter's size": "torch.searchsorted(torch.ones(2), torch.ones(2), sorter=torch.tensor([0]))",
    "searchsorted, one number": "torch.searchsorted(torch.ones(()), torch.ones(2))",
    "view, larger": "torch.ones(2, 3, dtype=torch.uint8).view(torch.int32)",
    "view, strides": "torch.ones(2, 3).t().view(torch.int64)",
    "view, no dimension": "torch.ones(()).view(torch.uint8)",
    "unflatten": "torch.ones(2, 3).unflatten(1, ())",
    "movedim": "torch.movedim(torch.ones(2, 3), (0, 0), (0, 1))",
    "permute": "torch.ones(2, 3).permute(0, 0)",
    "repeat_interleave": "torch.ones(2).repeat_interleave(-1)",
    "trapezoid": "torch.trapezoid(torch.ones(3), torch.ones(2))",
    "bincount": "torch.bincount(torch.tensor([1.5]))",
    "histc, infinite": "torch.histc(torch.tensor([1., float('inf')]))",
    "histogram, integers": "torch.histogram(torch.arange(4), 2)",
    "histogram, weights": "torch.histogram(torch.arange(4.), 2, weight=torch.ones(3))",
    "unique": "torch.unique(torch.ones(2, 0), dim=0)",
    "topk": "torch.topk(torch.ones(3), 1.5)",
    "float_power_": "torch.tensor([2.]).float_power_(2)",
    "frombuffer, empty": "torch.frombuffer(b'', dtype=torch.uint8)",
    "frombuffer, count": "torch.frombuffer(bytearray(8), dtype=torch.float32, count=3)",
    "frombuffer, offset": "torch.frombuffer(bytearray(8), dtype=torch.float32, offset=8)",
    "frombuffer, size": "torch.frombuffer(bytearray(6), dtype=torch.float32)",
    "empty_strided": "torch.empty_strided((2, 3), (1,))",
    "empty_permuted": "torch.empty_permuted((2, 3, 4), (2, 0, 0))",
    "empty, preserved": "torch.empty(2, 3, 4, 5, memory_format=torch.preserve_format)",
    "empty, channels of two": "torch.empty(2, 3, memory_format=torch.channels_last)",
    "contiguous, channels of three": "torch.zeros(2, 3, 4).contiguous(memory_format=torch.channels_last)",
    "index of a number": "torch.tensor(3)[0]",
    "slice of a number": "torch.tensor(3)[:]",
    "index of nothing": "torch.zeros(0, 3)[torch.tensor([0])]",
    "slice, step": "torch.zeros(3)[slice(0, 2, 0)]",
    "slice, kind": "torch.zeros(3)[slice('a', 2)]",
    "cat": "torch.cat((torch.ones(2, 3), torch.ones(2, 2)))",
    "tensor_split, dimensions": "torch.tensor_split(torch.ones(5), torch.tensor([[1]]))",
    "tensor_split, dtype": "torch.tensor_split(torch.ones(5), torch.tensor(1.5))",
    "vsplit": "torch.vsplit(torch.ones(3), 3)",
    "cartesian_prod": "torch.cartesian_prod(torch.ones(2, 2))",
    "combinations": "torch.combinations(torch.ones(2), -1)",
    "broadcast_shapes": "torch.broadcast_shapes((-1,))",
    "meshgrid": "torch.meshgrid(torch.ones(2), torch.ones(3).int(), indexing='ij')",
    "multi_margin_loss, weight": "F.multi_margin_loss(torch.ones(2, 3), torch.tensor([0, 1]), weight=torch.ones(2))",
    "multi_margin_loss, target": "F.multi_margin_loss(torch.ones(2, 3), torch.tensor([0, 3]))",
    "attention": "F.scaled_dot_product_attention(*[torch.ones(1, 2, 3)] * 3, attn_mask=torch.ones(2, 2).int())",
    "pooling, too small": "F.max_pool2d(torch.randn(2, 3, 4, 4), 5)",
    "pooling, no channels": "F.max_pool2d(torch.randn(2, 0, 4, 4), 2)",
    "pooling to nothing": "F.adaptive_avg_pool2d(torch.randn(2, 3, 0, 4), 2)",
    "unpooling, size": "F.max_unpool2d(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2).long(), 3, 2, 0, (9, 9))",
    "unpooling, sizes": "F.max_unpool2d(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2).long(), 3, 2, 0, (9,))",
    "unpooling, range": "F.max_unpool2d(torch.ones(1, 1, 2, 2), torch.full((1, 1, 2, 2), 100), 2)",
    "unpooling, shapes": "F.max_unpool2d(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2).long(), 2)",
    "fractional, samples": "F.fractional_max_pool2d(torch.ones(2, 3, 4, 4), 2, 1, _random_samples=torch.ones(1, 3, 2))",
    "fractional, dtype": "F.fractional_max_pool2d(torch.ones(1, 3, 4, 4), 2, 1, "
                         "_random_samples=torch.ones(1, 3, 2).double())",
    "fractional, no channels": "F.fractional_max_pool2d(torch.ones(1, 0, 4, 4), 2, 1)",
    "vjp, strict": "A.vjp(lambda x: x.detach(), torch.ones(2), torch.ones(2), strict=True)",
    "jvp, strict": "A.jvp(lambda x: x.detach(), torch.ones(2), torch.ones(2), strict=True)",
    "jvp, linear": "A.jvp(lambda x: x * 2, torch.ones(2), torch.ones(2), create_graph=True, strict=True)",
    "jacobian, strict": "A.jacobian(lambda x: x.detach(), torch.ones(2), strict=True)",
    "hessian, strict": "A.hessian(lambda x: x.sum(), torch.ones(2), strict=True)",
    "vhp, strict": "A.vhp(lambda x: x.sum(), torch.ones(2), torch.ones(2), strict=True)",
    "hvp, strict": "A.hvp(lambda x: x.sum(), torch.ones(2), torch.ones(2), strict=True)",
    "vjp, vectors": "A.vjp(lambda x: x, torch.ones(2), (torch.ones(2), torch.ones(2)))",
    "vjp, vector's size": "A.vjp(lambda x: (x, x), torch.ones(2), (torch.ones(2), torch.ones(3)))",
    "vjp, number of vectors": "A.vjp(lambda x: (x, x), torch.ones(2), (torch.ones(2),))",
    "jacobian, forward": "A.jacobian(lambda x: x, torch.ones(2), strategy='forward-mode')",
    "tensor, kind of element": "torch.tensor([1, 'a'])",
    "tensor, one word": "torch.tensor('a')",
    "device, index": "torch.device('cpu', -2)",
    "device, digits": "torch.device('cuda:01')",
    "device, nothing": "torch.device('')",
    "arange beyond": "torch.arange(2**63)",
    "vander": "torch.linalg.vander(torch.ones(2), N=-1)",
    "lstsq, driver": "torch.linalg.lstsq(torch.ones(2, 2), torch.ones(2, 1), driver='foo')",
    "lstsq, rows": "torch.linalg.lstsq(torch.ones(2, 2), torch.ones(3, 1))",
    "norm, order": "torch.norm(torch.ones(2, 2), p='foo')",
    "norm, dimensions": "torch.norm(torch.ones(2, 2, 2), 'nuc')",
    "sum, a word": "torch.sum(torch.ones(2), dim='a')",
    "sign": "torch.sign(torch.tensor([1j]))",
    "gcd": "torch.gcd(torch.ones(1), torch.ones(1))",
    "hypot": "torch.hypot(torch.tensor([3]), torch.tensor([4]))",
    "dim_order, open": "torch.ones(1, 1, 4, 5).dim_order(ambiguity_check=True)",
    "storage, index": "torch.FloatStorage([1, 2, 3])[5]",
    "storage, kind of index": "torch.FloatStorage([1, 2, 3])['a']",
}


def raised(library: Any, call: str) -> BaseException:
    try:
        names = {"torch": library, "F": library.nn.functional, "A": library.autograd.functional}
        eval(call, names)
    except Exception as error:
        return error
    raise AssertionError(f"{call} was expected to raise on {library}")


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
@pytest.mark.parametrize("name", CALLS)
def test_the_class_is_pytorchs_and_its_words_are_in_ours(name: str) -> None:
    theirs, ours = raised(torch, CALLS[name]), raised(wengert, CALLS[name])
    assert isinstance(ours, type(theirs))
    words = set(re.findall(r"[a-z]{4,}", str(theirs).lower()[:90]))
    found = set(re.findall(r"[a-z]{4,}", str(ours).lower()))
    assert len(words - found) <= 0.4 * len(words), f"{ours}\n{theirs}"


FORMS = {
    "empty": "torch.empty(2, 3, 4, 5, memory_format=torch.channels_last)",
    "zeros_like": "torch.zeros_like(torch.empty(2, 3, 4, 5), memory_format=torch.channels_last)",
    "ones_like": "torch.ones_like(torch.empty(2, 3, 4, 5, 6), memory_format=torch.channels_last_3d)",
    "kept": "torch.zeros_like(torch.empty(2, 3, 4, 5, memory_format=torch.channels_last))",
}


@pytest.mark.parametrize("name", FORMS)
def test_new_tensors_lie_as_the_memory_format_says(name: str) -> None:
    ours, theirs = (eval(FORMS[name], {"torch": library}) for library in (wengert, torch))
    assert ours.stride() == theirs.stride()
    assert ours.dim_order() == tuple(sorted(range(ours.ndim), key=lambda dim: -theirs.stride(dim)))


@pytest.mark.parametrize("make", [
    "torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)", "torch.randn(3, 4).t()",
    "torch.randn(4, 6)[:, ::2]", "torch.randn(4, 3, 2).permute(2, 0, 1)", "torch.randn(3, 4)", "torch.randn(4)[::2]"])
@pytest.mark.parametrize("use", ["(x * 2).sum()", "(x.reshape(-1) * 2).sum()", "(x + x.detach()).pow(2).sum()"])
def test_a_gradient_lies_as_its_leaf_does(make: str, use: str) -> None:
    found = []
    for library in (wengert, torch):
        x = eval(make, {"torch": library}).detach().requires_grad_()
        for _ in range(2):
            eval(use, {"x": x}).backward()
        found.append(x.grad.stride())
    assert found[0] == found[1]
