"""Selective checkpoints: what a policy keeps is not computed again, and gradients are those without a checkpoint."""

from __future__ import annotations

import functools
from typing import Any

import pytest

import wengert as torch
from wengert.tensors.evaluation import Watcher
from wengert.utils.checkpoint import (
    CheckpointPolicy,
    SelectiveCheckpointContext,
    checkpoint,
    create_selective_checkpoint_contexts,
)

F = torch.nn.functional


class Counting(Watcher):
    """Counts what is evaluated outside of a recomputation that is given its result."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def evaluate(self, primitive: Any, operands: Any, params: Any) -> Any:
        self.names.append(primitive.name)
        return super().evaluate(primitive, operands, params)


def function(x: Any, w: Any) -> Any:
    return (F.dropout(torch.tanh(x @ w), 0.5) @ w).sin().sum()


def gradients(context_fn: Any = None) -> tuple[Any, list[str]]:
    torch.manual_seed(1)
    x, w = torch.randn(3, 3, requires_grad=True), torch.randn(3, 3, requires_grad=True)
    if context_fn is None:
        function(x, w).backward()
        return (x.grad, w.grad), []
    out = checkpoint(function, x, w, use_reentrant=False, context_fn=context_fn)
    with Counting() as counting:
        out.backward()
    return (x.grad, w.grad), counting.names


def selective(policy: Any, **options: Any) -> Any:
    return functools.partial(create_selective_checkpoint_contexts, policy, **options)


@pytest.mark.parametrize(("policy", "again"), [
    ([torch.ops.aten.mm.default], 0), ([], 1), (lambda ctx, op, *args, **kwargs: True, 0),
    (lambda ctx, op, *args, **kwargs: CheckpointPolicy.PREFER_RECOMPUTE, 1),
    (lambda ctx, op, *args, **kwargs: CheckpointPolicy.MUST_SAVE if op == torch.ops.aten.mm.default
     else CheckpointPolicy.MUST_RECOMPUTE, 0),
])
def test_what_is_kept_is_not_computed_again(policy: Any, again: int) -> None:
    expected, _ = gradients()
    found, evaluated = gradients(selective(policy))
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.equal(ours, theirs)
    products = [name for name in evaluated if name == "matmul"]
    assert len(products) == 2 * again  # backward itself runs on arrays, which nobody watches


def test_a_policy_is_told_the_operator_and_the_run() -> None:
    seen: list[tuple[str, bool, bool]] = []

    def policy(ctx: SelectiveCheckpointContext, op: Any, *args: Any, **kwargs: Any) -> CheckpointPolicy:
        seen.append((repr(op), ctx.is_recompute, ctx.op_output is None))
        return CheckpointPolicy.PREFER_RECOMPUTE

    w = torch.ones(2, 2, requires_grad=True)
    checkpoint(lambda x: (x @ w).sin().sum(), torch.ones(2, 2), use_reentrant=False,
               context_fn=selective(policy)).backward()
    assert seen[:3] == [(f"aten.{name}.default", False, False) for name in ("mm", "sin", "sum")]
    assert seen[3][:2] == ("aten.mm.default", True) and seen[3][2]


def test_what_goes_wrong_is_said() -> None:
    w = torch.ones(2, 2, requires_grad=True)
    with pytest.raises(ValueError, match="op_list"):
        create_selective_checkpoint_contexts([torch.mm])
    with pytest.raises(TypeError, match="function or a list"):
        create_selective_checkpoint_contexts(3)
    changing = selective(lambda ctx, op, *args, **kwargs: ctx.is_recompute)
    out = checkpoint(lambda x: (x @ w).sin().sum(), torch.ones(2, 2), use_reentrant=False, context_fn=changing)
    with pytest.raises(RuntimeError, match="not found in storage"):
        out.backward()
    out = checkpoint(lambda x: (x @ w).sin().sum(), torch.ones(2, 2), use_reentrant=False,
                     context_fn=selective([torch.ops.aten.mm.default]))
    out.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="extra time"):
        out.backward()
    with pytest.raises(TypeError, match="CheckpointPolicy"):
        checkpoint(lambda x: x @ w, torch.ones(2, 2), use_reentrant=False,
                   context_fn=selective(lambda ctx, op, *args, **kwargs: "save"))


@pytest.mark.parametrize("allowed", [False, True])
def test_a_result_that_was_written_to_meanwhile(allowed: bool) -> None:
    w = torch.ones(2, 2, requires_grad=True)

    def mutating(x: Any) -> Any:
        y = x @ w
        y.mul_(2)
        return y.sin().sum()

    out = checkpoint(mutating, torch.ones(2, 2), use_reentrant=False,
                     context_fn=selective([torch.ops.aten.mm.default], allow_cache_entry_mutation=allowed))
    if allowed:
        out.backward()
        assert w.grad is not None
    else:
        with pytest.raises(RuntimeError, match="mutated"):
            out.backward()


def test_names_of_operators() -> None:
    assert torch.ops.aten.mm.default == torch.ops.aten.mm == torch.ops.aten.mm.out
    assert torch.equal(torch.ops.aten.add.Tensor(torch.ones(1), 1), torch.tensor([2.0]))
    with pytest.raises(AttributeError):
        torch.ops.aten.no_such_operator  # noqa: B018


def test_a_packet_of_operators_is_no_operator() -> None:
    with pytest.raises(ValueError, match="update the OpOverloadPacket to a specific OpOverload"):
        create_selective_checkpoint_contexts([torch.ops.aten.sin])
