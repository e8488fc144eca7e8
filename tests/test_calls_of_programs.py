"""Calls as programs write them: keywords that are in use, narrow dtypes that stay narrow, what errors say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as torch

F, nn = torch.nn.functional, torch.nn


def ones(*shape: int) -> Any:
    return torch.ones(*shape)


def parameters() -> list[Any]:
    return [nn.Parameter(ones(2))]


def data() -> Any:
    return torch.utils.data.TensorDataset(ones(6, 2))


# Every keyword that stands in two or more of several hundred public programs, in a call that uses it.
KEYWORDS: list[Callable[[], Any]] = [
    lambda: ones(2, 3).argmax(dim=1, keepdim=True),
    lambda: ones(2).clamp(min=2),
    lambda: ones(2, 3).mean(dim=1, keepdim=True),
    lambda: ones(2).repeat_interleave(2, dim=0),
    lambda: ones(4).split(2, dim=0),
    lambda: ones(2, 1).squeeze(dim=1),
    lambda: ones(2, 3).std(dim=1),
    lambda: ones(2, 3).sum(axis=1, keepdims=True),
    lambda: ones(2, 3).sum(dim=(0, 1), keepdim=True),
    lambda: ones(2).to("cpu", non_blocking=True),
    lambda: ones(2).unique(return_counts=True),
    lambda: torch.arange(3, dtype=torch.float32, device="cpu", requires_grad=True),
    lambda: torch.argmax(ones(2, 2), dim=1),
    lambda: torch.argsort(ones(2, 2), dim=1, descending=True),
    lambda: torch.autograd.grad(
        outputs=parameters()[0].sum() * (w := parameters()[0]), inputs=w, grad_outputs=ones(2), retain_graph=True,
        create_graph=True,
    ),
    lambda: torch.cat(tensors=[ones(2), ones(2)], dim=0),
    lambda: torch.cat([ones(2), ones(2)], axis=0),
    lambda: torch.flatten(ones(2, 3, 4), start_dim=1),
    lambda: torch.full((2,), 1.5, device="cpu", dtype=torch.float64),
    lambda: torch.max(ones(2, 2), dim=1),
    lambda: torch.mean(ones(2, 2), axis=1),
    lambda: torch.meshgrid(ones(2), ones(3), indexing="xy"),
    lambda: torch.multinomial(ones(3), num_samples=2, generator=torch.Generator().manual_seed(1)),
    lambda: nn.BCEWithLogitsLoss(reduction="sum")(ones(2), ones(2)),
    lambda: nn.CrossEntropyLoss(reduction="none")(ones(2, 3), torch.tensor([0, 1])),
    lambda: nn.Dropout(p=0.5)(ones(2)),
    lambda: nn.Embedding(num_embeddings=3, embedding_dim=2, padding_idx=0)(torch.tensor([0, 2])),
    lambda: nn.LeakyReLU(negative_slope=0.2, inplace=True)(ones(2)),
    lambda: nn.Linear(in_features=2, out_features=3, bias=False)(ones(2)),
    lambda: nn.MSELoss(reduction="sum")(ones(2), ones(2)),
    lambda: nn.ReLU(inplace=True)(ones(2)),
    lambda: nn.Softmax(dim=-1)(ones(2)),
    lambda: F.binary_cross_entropy(ones(2), ones(2), reduction="sum"),
    lambda: F.cross_entropy(ones(2, 3), torch.tensor([0, 1]), reduction="sum", ignore_index=1),
    lambda: F.dropout(ones(2), p=0.5, training=False),
    lambda: F.leaky_relu(ones(2), negative_slope=0.1),
    lambda: F.log_softmax(ones(2), dim=0),
    lambda: F.nll_loss(ones(2, 3), torch.tensor([0, 1]), reduction="mean"),
    lambda: F.one_hot(torch.tensor([0, 1]), num_classes=3),
    lambda: F.relu(ones(2), inplace=True),
    lambda: F.softmax(ones(2), dim=0),
    lambda: nn.init.kaiming_normal_(ones(2, 2), mode="fan_out", nonlinearity="relu"),
    lambda: nn.init.kaiming_uniform_(ones(2, 2), mode="fan_in", nonlinearity="leaky_relu"),
    lambda: nn.init.normal_(ones(2), mean=0.0, std=0.1),
    lambda: torch.normal(mean=0.0, std=1.0, size=(2, 2), requires_grad=True),
    lambda: torch.ones(2, device="cpu", dtype=torch.int64),
    lambda: torch.optim.Adam(parameters(), lr=0.1, betas=(0.5, 0.9), weight_decay=0.1),
    lambda: torch.optim.AdamW(parameters(), lr=0.1, betas=(0.5, 0.9), weight_decay=0.1, foreach=True),
    lambda: torch.optim.SGD(parameters(), lr=0.1, momentum=0.9, weight_decay=0.1),
    lambda: torch.rand(size=(2, 2), device="cpu", dtype=torch.float64),
    lambda: torch.randint(0, 5, size=(2,), device="cpu", dtype=torch.int32, generator=torch.Generator()),
    lambda: torch.randn(size=(2,), device="cpu", requires_grad=True, generator=torch.Generator()),
    lambda: torch.randperm(4, dtype=torch.int32),
    lambda: torch.repeat_interleave(ones(2), repeats=2, dim=0),
    lambda: torch.softmax(ones(2, 2), axis=1),
    lambda: torch.stack([ones(2), ones(2)], axis=1),
    lambda: torch.sum(ones(2, 2), axis=1),
    lambda: torch.tensor([1.0], dtype=torch.float64, device="cpu", requires_grad=True),
    lambda: torch.topk(ones(3), k=2, dim=0),
    lambda: torch.unsqueeze(ones(3), dim=1),
    lambda: torch.zeros(2, dtype=torch.float64, device="cpu", requires_grad=True),
    lambda: torch.utils.data.DataLoader(
        dataset=data(), batch_size=2, sampler=torch.utils.data.RandomSampler(data(), replacement=True, num_samples=4),
        num_workers=0, drop_last=True, pin_memory=False, collate_fn=list,
    ),
    lambda: torch.utils.data.DataLoader(data(), shuffle=True),
    lambda: torch.utils.data.random_split(data(), lengths=[4, 2], generator=torch.Generator().manual_seed(0)),
]


@pytest.mark.parametrize("place", range(len(KEYWORDS)))
def test_a_keyword_in_use_is_taken(place: int) -> None:
    assert KEYWORDS[place]() is not None


# bfloat16 is not numpy's own: beside a Python float numpy widens it. Its results and its gradients must not be.
NARROW: dict[str, Callable[[Any], Any]] = {
    "number": lambda x: 1.5 - x * 2.5 + x / 2,
    "power": lambda x: x**0.5 + x**3,
    "choice": lambda x: torch.where(x > 0.5, x, 0.0),
    "clamp": lambda x: x.clamp(0.3, 0.8),
    "deviation": lambda x: x.std(),
    "norm": lambda x: x.norm(),
    "relu": lambda x: x.relu() + F.leaky_relu(x, 0.1) + F.elu(x) + F.gelu(x),
    "square": lambda x: x.square() + x.rsqrt() + x.erf(),
    "loss": lambda x: F.mse_loss(x, torch.zeros_like(x)) + F.huber_loss(x, torch.zeros_like(x)),
    "entropy": lambda x: F.cross_entropy(x.reshape(1, 3), torch.tensor([1])),
    "binary": lambda x: F.binary_cross_entropy(x, torch.zeros_like(x)),
    "fused": lambda x: torch.addcmul(x, x, x, value=0.5) + torch.atan2(x, x),
}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", NARROW)
def test_narrow_floats_stay_narrow(name: str, dtype: Any) -> None:
    pytest.importorskip("ml_dtypes")
    x = torch.tensor([0.5, 0.25, 0.75], dtype=dtype, requires_grad=True)
    y = NARROW[name](x)
    assert y.dtype == dtype
    (by_grad,) = torch.autograd.grad(y.sum(), x, retain_graph=True)
    y.sum().backward()
    assert by_grad.dtype == x.grad.dtype == dtype
    wide = torch.tensor(x.tolist(), requires_grad=True)
    NARROW[name](wide).sum().backward()
    np.testing.assert_allclose(x.grad.float().numpy(), wide.grad.numpy(), rtol=0.03, atol=0.02)


TRUTH = torch.tensor([True, False])


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: TRUTH - TRUTH,
        lambda: ones(2) - TRUTH,
        lambda: TRUTH - ones(2),
        lambda: TRUTH - 1.0 * TRUTH.logical_not(),
        lambda: ones(2) - True,
        lambda: torch.sub(TRUTH, TRUTH),
        lambda: torch.rsub(ones(2), TRUTH),
    ],
)
def test_truth_values_have_no_difference(wrong: Callable[[], Any]) -> None:
    words = r"(two bool tensors is not supported\. Use|a bool tensor is not supported\. If .*,? use) the `(\^|~)` or "
    with pytest.raises(RuntimeError, match=rf"^\[sub\] Subtraction, .* with {words}.* Got .*(bool|True)"):
        wrong()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: ones(2) & ones(2),
        lambda: torch.bitwise_and(ones(2), ones(2)),
        lambda: torch.tensor([1j]) < torch.tensor([1j]),
        lambda: TRUTH // TRUTH,
        lambda: ones(2) << ones(2),
    ],
)
def test_a_dtype_an_operation_does_not_take(wrong: Callable[[], Any]) -> None:
    with pytest.raises(NotImplementedError, match="not implemented for") as caught:
        wrong()
    assert "ufunc" not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (lambda: ones(3)[5], IndexError, r"^\[slice\] index 5 .* with size 3; got float32\[3\]; count from"),
        (lambda: ones(3)[0, 0], IndexError, r"^\[index\] too many indices .*; got 2; leave"),
        (lambda: ones(3)[1.5], IndexError, r"^\[index\] only int.* \(got float\); convert"),
        (lambda: ones(3).sum(4), IndexError, r"^\[sum\] Dimension out of range .*; got .*; count"),
        (lambda: torch.ones(2, dtype="float32"), TypeError, r"^\[dtype\] argument .*; got 'float32'; pass"),
        (lambda: torch.device("gpu"), RuntimeError, r"^\[device\] Expected one of cpu, .*; got 'gpu'; use 'cpu'"),
        (lambda: ones(2, 3) + ones(4, 5), RuntimeError, r"^\[add\] .* \(3\) .* \(5\) at .* dimension 1; got"),
    ],
)
def test_an_error_says_what_was_expected_what_came_and_what_to_do(
    wrong: Callable[[], Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        wrong()


def test_the_name_of_an_embedding_s_node() -> None:
    rows = F.embedding(torch.tensor([[0, 2]]), torch.ones(3, 2, requires_grad=True))
    assert rows.shape == (1, 2, 2) and rows.grad_fn.name() == "EmbeddingBackward0"
