"""Selective checkpoints: which results of a checkpointed function are kept, and which are computed again in backward.

The one idea to know: whoever watches evaluation may stand in its place. In the first run a watcher keeps the results
for which the policy asks; in the second one gives them back, in their order, instead of computing them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from enum import Enum
from typing import Any

from ..core.primitive import Primitive
from ..ops.aten import Operator, operator_of
from ..tensors.alias import version_cell
from ..tensors.evaluation import Watcher

SAC_IGNORED_OPS = frozenset({"alias", "clone", "detach", "draw"})
"""Primitives that no policy is asked about: what they give takes no time, or has to be drawn again."""


class CheckpointPolicy(Enum):
    """What a policy says of a result: kept, or computed again. ``MUST_`` and ``PREFER_`` are the same without a
    compiler that could know better; the kept ones stay on the CPU, where all are.

    >>> torch.utils.checkpoint.CheckpointPolicy.MUST_SAVE
    <CheckpointPolicy.MUST_SAVE: 0>
    """

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4
    PREFER_CPU_OFFLOAD = 5


_SAVES = frozenset({CheckpointPolicy.MUST_SAVE, CheckpointPolicy.PREFER_SAVE, CheckpointPolicy.MUST_CPU_OFFLOAD,
                    CheckpointPolicy.PREFER_CPU_OFFLOAD})


class SelectiveCheckpointContext:
    """What a policy is told beside the operator and its arguments: whether this is the second run, and, in the first,
    the result.

    >>> torch.utils.checkpoint.SelectiveCheckpointContext(is_recompute=True).is_recompute
    True
    """

    def __init__(self, *, is_recompute: bool, op_output: Any = None) -> None:
        self.is_recompute, self.op_output = is_recompute, op_output


Policy = Callable[..., Any]


def _saves(policy: Policy, context: SelectiveCheckpointContext, op: Operator, operands: tuple[Any, ...],
           params: dict[str, Any]) -> bool:
    said = policy(context, op, *operands, **params)
    if isinstance(said, bool):
        return said
    if not isinstance(said, CheckpointPolicy):
        raise TypeError(f"[checkpoint] the policy was expected to return a CheckpointPolicy or a bool; got {said!r}")
    return said in _SAVES


class _Keeping(Watcher):
    """Watches the first run."""

    def __init__(self, policy: Policy, kept: dict[Operator, list[Any]]) -> None:
        self.policy, self.kept = policy, kept

    def computed(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any], out: Any) -> None:
        super().computed(primitive, operands, params, out)
        if primitive.name in SAC_IGNORED_OPS:
            return
        op = operator_of(primitive, operands)
        context = SelectiveCheckpointContext(is_recompute=False, op_output=out)
        if _saves(self.policy, context, op, operands, params):
            parts = out if primitive.multiple else (out,)
            self.kept.setdefault(op, []).append([(part._data, version_cell(part), version_cell(part)[0])
                                                 for part in parts])


class _Giving(Watcher):
    """Stands in the place of evaluation in the second run."""

    def __init__(self, policy: Policy, kept: dict[Operator, list[Any]], allow_mutation: bool) -> None:
        self.policy, self.kept, self.allow_mutation = policy, kept, allow_mutation

    def evaluate(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        op = operator_of(primitive, operands)
        if primitive.name in SAC_IGNORED_OPS or not _saves(
                self.policy, SelectiveCheckpointContext(is_recompute=True), op, operands, params):
            return super().evaluate(primitive, operands, params)
        if op not in self.kept:
            raise RuntimeError(f"[checkpoint] {op} encountered during backward, but not found in storage; the policy "
                               "must say the same in both runs")
        if not self.kept[op]:
            raise RuntimeError("[checkpoint] Trying to backward an extra time. You are only allowed to backward once "
                               "on any region computed under selective activation checkpoint.")
        parts = self.kept[op].pop(0)
        if not self.allow_mutation and any(cell[0] != count for _, cell, count in parts):
            raise RuntimeError("[checkpoint] Tensor cached during selective activation checkpoint has been mutated; "
                               "write out of place, or pass allow_cache_entry_mutation=True")
        return tuple([data for data, _, _ in parts]) if primitive.multiple else parts[0][0]


def create_selective_checkpoint_contexts(
    policy_fn_or_list: Policy | Sequence[Operator], allow_cache_entry_mutation: bool = False
) -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    """The two contexts of a `checkpoint` that keeps some results, for its ``context_fn``.

    ``policy_fn_or_list`` is a list of operators whose results are kept, or a function ``policy(context, op, *args,
    **kwargs)`` that says so by a `CheckpointPolicy` (or True for keeping); it must say the same in both runs.

    >>> import functools
    >>> import wengert as torch
    >>> from wengert.utils.checkpoint import checkpoint
    >>> w, x = torch.ones(2, 2, requires_grad=True), torch.ones(2, 2)
    >>> from wengert.utils.checkpoint import create_selective_checkpoint_contexts
    >>> context_fn = functools.partial(create_selective_checkpoint_contexts, [torch.ops.aten.mm.default])
    >>> checkpoint(lambda x: (x @ w).sin().sum(), x, use_reentrant=False, context_fn=context_fn).backward()
    >>> w.grad
    tensor([[-0.8323, -0.8323],
            [-0.8323, -0.8323]])
    """
    if isinstance(policy_fn_or_list, (list, tuple)):
        for op in policy_fn_or_list:
            if isinstance(op, Operator) and not op.overload:
                raise ValueError("[checkpoint] Expected op in `op_list` to be an OpOverload, got an OpOverloadPacket; "
                                 f"please update the OpOverloadPacket to a specific OpOverload, as {op}.default")
            if not isinstance(op, Operator):
                raise ValueError(f"[checkpoint] Expected op in `op_list` to be an OpOverload, such as "
                                 f"torch.ops.aten.mm.default; got {op!r} of type {type(op).__name__}")
        chosen = frozenset(policy_fn_or_list)

        def policy(context: SelectiveCheckpointContext, op: Operator, *args: Any, **kwargs: Any) -> CheckpointPolicy:
            return CheckpointPolicy.MUST_SAVE if op in chosen else CheckpointPolicy.PREFER_RECOMPUTE
    elif callable(policy_fn_or_list):
        policy = policy_fn_or_list
    else:
        raise TypeError("[checkpoint] policy_fn_or_list must be either a function or a list of ops; got "
                        f"{type(policy_fn_or_list).__name__}")
    kept: dict[Operator, list[Any]] = {}
    return _Keeping(policy, kept), _Giving(policy, kept, allow_cache_entry_mutation)
