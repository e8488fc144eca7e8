"""PowerSGD (Vogels, Karimireddy & Jaggi, 2019): a matrix of gradients as a product of two thin ones, and what that
leaves out is added to the next gradient."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....futures import Future, settled
from ....tensors.tensor import make
from ...collectives import all_reduce, group_of
from ...reducer import GradBucket
from ...transport import ReduceOp
from .default_hooks import allreduce_hook

__all__ = ["PowerSGDState", "batched_powerSGD_hook", "powerSGD_hook"]


class PowerSGDState:
    """What `powerSGD_hook` keeps between steps: the errors and the factors of each bucket.

    ``matrix_approximation_rank``: columns of the factors. The first ``start_powerSGD_iter`` steps take the plain mean.
    Matrices that a factorisation would make less than ``min_compression_rate`` times smaller stay as they are.

    >>> from wengert import distributed as dist
    >>> from wengert.distributed.algorithms.ddp_comm_hooks import powerSGD_hook
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> state = powerSGD_hook.PowerSGDState(None, matrix_approximation_rank=2, start_powerSGD_iter=10)
    >>> state.matrix_approximation_rank
    2
    >>> dist.destroy_process_group()
    """

    def __init__(self, process_group: Any, matrix_approximation_rank: int = 1, start_powerSGD_iter: int = 1000,
                 min_compression_rate: float = 2, use_error_feedback: bool = True, warm_start: bool = True,
                 orthogonalization_epsilon: float = 0, random_seed: int = 0, compression_stats_logging_frequency: int
                 = 10_000, batch_tensors_with_same_shape: bool = False) -> None:
        if (use_error_feedback or warm_start) and start_powerSGD_iter <= 1:
            raise ValueError("Expect `start_powerSGD_iter` > 1 if `use_error_feedback` or `warm_start` is enabled, "
                             "because "
                             "PowerSGD can only be applied after the first two iterations in DDP.")
        self.process_group = process_group
        self.matrix_approximation_rank = matrix_approximation_rank
        self.start_powerSGD_iter, self.min_compression_rate = start_powerSGD_iter, min_compression_rate
        self.use_error_feedback, self.warm_start = use_error_feedback, warm_start
        self.orthogonalization_epsilon = orthogonalization_epsilon
        self.rng = np.random.RandomState(random_seed)
        self.error_dict: dict[int, Any] = {}
        self.q_memory_dict: dict[tuple[int, int], Any] = {}
        self.iter = 0


def _orthogonal(matrix: Any, epsilon: float) -> Any:
    return np.linalg.qr(matrix)[0] if epsilon == 0 else matrix / (np.linalg.norm(matrix, axis=0) + epsilon)


def _mean(array: Any, group: Any) -> None:
    all_reduce(make(array, None), ReduceOp.AVG, group)


def _approximated(state: PowerSGDState, group: Any, key: tuple[int, int], matrix: Any, rank: int) -> Any:
    """The mean of the ranks' matrices, as a product of factors of so many columns; ``key`` finds last step's factor."""
    q = state.q_memory_dict.get(key) if state.warm_start else None
    if q is None or q.shape != (matrix.shape[1], rank):
        q = _orthogonal(state.rng.standard_normal((matrix.shape[1], rank)).astype(matrix.dtype), 0)
    p = np.ascontiguousarray(matrix @ q)
    _mean(p, group)
    p = _orthogonal(p, state.orthogonalization_epsilon)
    q = np.ascontiguousarray(matrix.T @ p)
    _mean(q, group)
    state.q_memory_dict[key] = q
    return p @ q.T


def powerSGD_hook(state: PowerSGDState, bucket: GradBucket) -> Future:
    """The mean of the ranks' gradients, its matrices approximated by products of rank
    ``state.matrix_approximation_rank``.

    >>> from wengert import distributed as dist
    >>> from wengert.distributed.algorithms.ddp_comm_hooks import powerSGD_hook
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> model = nn.parallel.DistributedDataParallel(nn.Linear(1, 1, bias=False))
    >>> state = powerSGD_hook.PowerSGDState(None, matrix_approximation_rank=1, start_powerSGD_iter=2)
    >>> model.register_comm_hook(state, powerSGD_hook.powerSGD_hook)
    >>> model(torch.ones(1, 1)).sum().backward()
    >>> model.module.weight.grad
    tensor([[1.]])
    >>> dist.destroy_process_group()
    """
    if state.iter < state.start_powerSGD_iter:
        state.iter += bucket.is_last()
        return allreduce_hook(state.process_group, bucket)
    group, buffer = group_of(state.process_group), bucket.buffer()
    flat, number = buffer._data, bucket.index()
    before = flat.copy() if state.use_error_feedback else None
    if before is not None:
        if number in state.error_dict and state.error_dict[number].shape == flat.shape:
            flat += state.error_dict[number]
        before[...] = flat
    plain = []
    for index, gradient in enumerate(bucket.gradients()):
        array = gradient._data
        rows = array.shape[0] if array.ndim > 1 and array.size else 1
        columns = array.size // rows
        rank = min(rows, columns, state.matrix_approximation_rank)
        if array.ndim < 2 or (rows + columns) * rank * state.min_compression_rate >= rows * columns:
            plain.append(array)
            continue
        matrix = array.reshape(rows, columns)
        matrix[...] = _approximated(state, group, (number, index), matrix, rank)
    if before is not None:
        error = before - flat
    if plain:
        together = np.concatenate([array.reshape(-1) for array in plain])
        _mean(together, group)
        cuts = np.cumsum([array.size for array in plain])[:-1]
        for array, part in zip(plain, np.split(together, cuts), strict=True):
            array[...] = part.reshape(array.shape)
    if before is not None:
        state.error_dict[number] = error
    state.iter += bucket.is_last()
    return settled(buffer)


def batched_powerSGD_hook(state: PowerSGDState, bucket: GradBucket) -> Future:
    """The mean of the ranks' gradients, all of a bucket as one square matrix, filled up by zeros, which is approximated
    by a product of rank ``state.matrix_approximation_rank``: quicker than `powerSGD_hook`, and much coarser.

    >>> from wengert import distributed as dist
    >>> from wengert.distributed.algorithms.ddp_comm_hooks import powerSGD_hook
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> model = nn.parallel.DistributedDataParallel(nn.Linear(1, 1, bias=False))
    >>> state = powerSGD_hook.PowerSGDState(None, matrix_approximation_rank=1, start_powerSGD_iter=2)
    >>> model.register_comm_hook(state, powerSGD_hook.batched_powerSGD_hook)
    >>> model(torch.ones(1, 1)).sum().backward()
    >>> model.module.weight.grad
    tensor([[1.]])
    >>> dist.destroy_process_group()
    """
    if state.iter < state.start_powerSGD_iter:
        state.iter += bucket.is_last()
        return allreduce_hook(state.process_group, bucket)
    buffer, number = bucket.buffer(), bucket.index()
    flat = buffer._data
    side = math.ceil(math.sqrt(flat.size))
    square = np.zeros(side * side, flat.dtype)
    square[:flat.size] = flat
    if state.use_error_feedback and number in state.error_dict and state.error_dict[number].shape == square.shape:
        square += state.error_dict[number]
    made = _approximated(state, group_of(state.process_group), (number, 0), square.reshape(side, side),
                         min(side, state.matrix_approximation_rank)).reshape(-1)
    if state.use_error_feedback:
        state.error_dict[number] = square - made
    flat[...] = made[:flat.size]
    state.iter += bucket.is_last()
    return settled(buffer)
