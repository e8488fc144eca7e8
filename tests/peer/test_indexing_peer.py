"""Indexing, gathering, scattering and sorting against PyTorch: values, memory, gradients, errors."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.peer.agreement import MODULES, agree  # noqa: E402
from tests.peer.side_by_side import both  # noqa: E402


def random_index(chance: random.Random, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """An index expression for a tensor of this shape: ints, slices, None, Ellipsis, masks, lists and arrays; sometimes
    out of range. Arrays stand for index tensors."""
    items: list[Any] = []
    dims = list(shape)
    broadcast = chance.choice([(2,), (2,), (3, 1), (1,), ()])
    while dims and chance.random() < 0.85:
        n = dims.pop(0)
        kind = chance.random()
        if kind < 0.22:
            items.append(chance.randint(-n, n - 1) if n and chance.random() < 0.95 else chance.randint(-n - 1, n))
        elif kind < 0.5:
            start, stop = (chance.choice([None, chance.randint(-n - 1, n + 1)]) for _ in range(2))
            items.append(slice(start, stop, chance.choice([None, 1, 2, 3])))
        elif kind < 0.62:
            items.append(None)
            dims.insert(0, n)
        elif kind < 0.72 and not any(item is Ellipsis for item in items):
            items.append(Ellipsis)
            del dims[: chance.randint(0, len(dims))]
        elif kind < 0.82 and n:
            mask_shape = (n, dims.pop(0)) if dims and chance.random() < 0.4 else (n,)
            mask = np.zeros(mask_shape, bool)
            count = int(np.prod(broadcast))
            if mask.size >= count:  # as many as the other index arrays have, so that they broadcast
                mask.reshape(-1)[chance.sample(range(mask.size), count)] = True
            items.append(mask)
        elif kind < 0.9 and n:
            items.append([chance.randint(-n, n - 1) for _ in range(2)])
        elif n:
            high = n if chance.random() < 0.05 else n - 1
            items.append(
                np.array([chance.randint(-n, high) for _ in range(int(np.prod(broadcast)))], np.int64).reshape(
                    broadcast
                )
            )
    return tuple(items)


def as_tensors(module: Any, index: tuple[Any, ...]) -> Any:
    made = tuple(module.from_numpy(i.copy()) if isinstance(i, np.ndarray) else i for i in index)
    return made[0] if len(made) == 1 else made


SHAPES = [(5,), (3, 4), (2, 3, 4), (4, 1, 3), (2, 3, 2, 2), (0, 3), (3, 0), ()]


@pytest.mark.parametrize("seed", range(400))
def test_getitem(seed: int) -> None:
    chance = random.Random(seed)
    shape = chance.choice(SHAPES)
    index = random_index(chance, shape)
    agree(lambda T, x: x[as_tensors(T, index)], shape, layout=not any(isinstance(i, (np.ndarray, list)) for i in index))


@pytest.mark.parametrize("seed", range(400))
def test_setitem(seed: int) -> None:
    chance = random.Random(1000 + seed)
    shape = chance.choice(SHAPES)
    index = random_index(chance, shape)
    try:
        part = torch.zeros(shape)[as_tensors(torch, index)].shape
    except (IndexError, RuntimeError):
        part = (1,)
    fits = [tuple(part), tuple(part[1:]), (1, *part), tuple(1 for _ in part), (7,)]
    value: Any = chance.choice([2.5, -1, True, *fits])

    def write(T: Any, x: Any, *rest: Any) -> Any:
        y = x * 2
        y[as_tensors(T, index)] = rest[0]
        return y

    agree(write, shape, value, layout=False)


@pytest.mark.parametrize("seed", range(60))
def test_chains_of_views_and_writes(seed: int) -> None:
    """Writes through indexed views reach the base and its history."""
    chance = random.Random(2000 + seed)
    shape = chance.choice([(3, 4), (2, 3, 4)])
    index, second = (tuple(i for i in random_index(chance, shape) if isinstance(i, (slice, int))) for _ in range(2))

    def program(T: Any, x: Any) -> Any:
        y = x * 1
        try:
            view = y[index]
            view *= y.sum()
            y[second] = y[second] + 1
        except IndexError:
            return y
        return y, view * 2

    agree(program, shape, layout=False, exact=False)


ROWS, ALONG = np.array([2, 0, 2]), np.array([[0, 2, 1], [2, 0, 0]])
MASK = np.array([[True, False, True, True], [False] * 4, [False, True, False, True]])
GRADED = np.array([[3.0, 1, 2, 2], [0, 0, 5, -1], [2, 7, 7, 7]])

CASES: dict[str, tuple[Any, ...]] = {
    "gather": (lambda T, x, i: x.gather(0, i), (3, 4), ALONG),
    "gather along 1": (lambda T, x, i: T.gather(x, 1, i), (2, 3), ALONG),
    "gather smaller": (lambda T, x, i: T.gather(x, dim=-1, index=i), (5, 3), ALONG),
    "gather 0-d": (lambda T, x, i: x.gather(0, i), (), np.array(0)),
    "gather out of range": (lambda T, x, i: x.gather(0, i), (2, 4), ALONG),
    "gather of floats": (lambda T, x, i: x.gather(0, i), (2, 4), (2, 2)),
    "gather of other rank": (lambda T, x, i: x.gather(0, i), (2, 4), ROWS),
    "gather too large": (lambda T, x, i: x.gather(0, i), (3, 2), ALONG),
    "take_along_dim": (lambda T, x, i: T.take_along_dim(x, i, 1), (2, 3), ALONG),
    "take_along_dim broadcast": (lambda T, x, i: x.take_along_dim(i, dim=0), (3, 1), ALONG),
    "take_along_dim flat": (lambda T, x, i: x.take_along_dim(i), (2, 3), ALONG),
    "scatter": (lambda T, x, i, s: x.scatter(0, i, s), (3, 4), np.array([[0, 2, 1], [2, 0, 0]]), (2, 3)),
    "scatter value": (lambda T, x, i: x.scatter(0, i, 3), (3, 4), ALONG),
    "scatter value=": (lambda T, x, i: x.scatter(0, i, value=2.5), (3, 4), ALONG),
    "scatter larger source": (lambda T, x, i, s: x.scatter(1, i, s), (2, 4), np.array([[0, 2], [3, 1]]), (3, 3)),
    "scatter add": (lambda T, x, i: x.detach().scatter(0, i, 2.0, reduce="add"), (3, 4), ALONG),
    "scatter multiply": (
        lambda T, x, i, s: x.detach().scatter(0, i, s.detach(), reduce="multiply"),
        (3, 4),
        ALONG,
        (2, 3),
    ),
    "scatter_": (lambda T, x, i: (x * 1).scatter_(0, i, 1.0), (3, 4), ALONG),
    "scatter out of range": (lambda T, x, i: x.scatter(0, i, 1.0), (2, 4), ALONG),
    "scatter other dtype": (lambda T, x, i, s: x.scatter(0, i, s), (3, 4), ALONG, np.ones((2, 3), np.float32)),
    "scatter one-hot": (lambda T, i: T.zeros(3, 4, dtype=T.float64).scatter_(1, i.unsqueeze(1), 1), ROWS),
    "scatter_add": (lambda T, x, i, s: x.scatter_add(0, i, s), (3, 4), ALONG, (2, 3)),
    "scatter_add_": (lambda T, x, i, s: (x * 1).scatter_add_(1, i, s), (2, 4), ALONG, (2, 4)),
    "index_select": (lambda T, x, i: x.index_select(0, i), (3, 4), ROWS),
    "index_select 1": (lambda T, x, i: T.index_select(x, -1, i), (2, 3), ROWS),
    "index_select int32": (lambda T, x, i: T.index_select(x, 0, i), (3, 2), ROWS.astype(np.int32)),
    "index_select 0-d index": (lambda T, x, i: T.index_select(x, 0, i), (3, 2), np.array(1)),
    "index_select 0-d": (lambda T, x, i: T.index_select(x, 0, i), (), np.array([0])),
    "index_select out of range": (lambda T, x, i: T.index_select(x, 0, i), (2, 2), ROWS),
    "index_select negative": (lambda T, x, i: T.index_select(x, 0, i), (4, 2), -ROWS),
    "index_select matrix index": (lambda T, x, i: T.index_select(x, 0, i), (4, 2), ALONG),
    "index_add": (lambda T, x, i, s: x.index_add(0, i, s), (3, 4), ROWS, (3, 4)),
    "index_add alpha": (lambda T, x, i, s: T.index_add(x, 1, i, s, alpha=2.5), (4, 3), ROWS, (4, 3)),
    "index_add_": (lambda T, x, i, s: (x * 1).index_add_(0, i, s, alpha=-1), (3,), ROWS, (3,)),
    "index_add shapes": (lambda T, x, i, s: x.index_add(0, i, s), (3, 4), ROWS, (2, 4)),
    "index_copy": (lambda T, x, i, s: x.index_copy(0, i, s), (3, 4), np.array([2, 0]), (2, 4)),
    "index_copy_": (lambda T, x, i, s: (x * 1).index_copy_(1, i, s), (4, 3), np.array([2, 0]), (4, 2)),
    "index_fill": (lambda T, x, i: x.index_fill(0, i, 2.5), (3, 4), ROWS),
    "index_fill tensor": (lambda T, x, i, v: x.index_fill(1, i, v), (4, 3), ROWS, ()),
    "index_fill_": (lambda T, x, i: (x * 1).index_fill_(1, i, 1), (2, 3), ROWS),
    "index_put": (lambda T, x, i, s: x.index_put((i,), s), (3, 4), np.array([2, 0]), (2, 4)),
    "index_put accumulate": (lambda T, x, i, s: x.index_put((i,), s, accumulate=True), (3, 4), ROWS, (4,)),
    "index_put mask": (lambda T, x, m, s: x.index_put((m,), s), (3, 4), MASK, ()),
    "index_put_ two": (lambda T, x, i, s: (x * 1).index_put_((i, i), s, accumulate=True), (3, 3), ROWS, (3,)),
    "take": (lambda T, x, i: x.take(i), (3, 4), ALONG),
    "take negative": (lambda T, x, i: T.take(x, i), (3, 4), -ALONG),
    "take out of range": (lambda T, x, i: T.take(x, i), (2,), ALONG),
    "put_": (lambda T, x, i, s: (x * 1).put_(i, s), (3, 4), np.array([5, 0, 11]), (3,)),
    "put_ accumulate": (lambda T, x, i, s: (x * 1).put_(i, s, accumulate=True), (3, 4), ROWS, (3,)),
    "masked_fill": (lambda T, x, m: x.masked_fill(m, 0.5), (3, 4), MASK),
    "masked_fill broadcast": (lambda T, x, m: x.masked_fill(m, -1), (2, 1, 4), MASK),
    "masked_fill tensor": (lambda T, x, m, v: x.masked_fill(m, v), (3, 4), MASK, ()),
    "masked_fill inf": (lambda T, x, m: x.masked_fill(m, float("-inf")), (3, 4), MASK),
    "masked_fill_": (lambda T, x, m: (x * 1).masked_fill_(m, 2), (3, 4), MASK),
    "masked_fill int": (lambda T, x, m: x.masked_fill(m, 2.0), np.arange(12).reshape(3, 4), MASK),
    "masked_fill byte mask": (lambda T, x, m: x.masked_fill(m, 2.0), (3, 4), MASK.astype(np.uint8)),
    "masked_fill vector": (lambda T, x, m, v: x.masked_fill(m, v), (3, 4), MASK, (1,)),
    "masked_select": (lambda T, x, m: x.masked_select(m), (3, 4), MASK),
    "masked_select broadcast": (lambda T, x, m: T.masked_select(x, m), (4,), MASK),
    "masked_scatter": (lambda T, x, m, s: x.masked_scatter(m, s), (3, 4), MASK, (9,)),
    "masked_scatter_": (lambda T, x, m, s: (x * 1).masked_scatter_(m, s), (3, 4), MASK, (2, 3)),
    "masked_scatter short": (lambda T, x, m, s: x.masked_scatter(m, s), (3, 4), MASK, (2,)),
    "nonzero": (lambda T, m: (T.nonzero(m), m.nonzero(as_tuple=True), T.argwhere(m)), MASK),
    "nonzero 0-d": (lambda T: (T.tensor(3).nonzero(), T.tensor(0).nonzero(), T.tensor(3).nonzero(as_tuple=True)),),
    "isin": (lambda T, x: (T.isin(x, T.tensor([2.0, 7.0])), T.isin(x, 2.0, invert=True)), GRADED),
    "fill_diagonal_": (lambda T, x: (x * 1).fill_diagonal_(5), (3, 4)),
    "fill_diagonal_ wrap": (lambda T, x: (x * 1).fill_diagonal_(5, wrap=True), (7, 3)),
    "fill_diagonal_ cube": (lambda T, x: (x * 1).fill_diagonal_(0), (3, 3, 3)),
    "select_scatter": (lambda T, x, s: x.select_scatter(s, 0, 1), (3, 4), (4,)),
    "slice_scatter": (lambda T, x, s: x.slice_scatter(s, 1, 1, 3), (3, 4), (3, 2)),
    "diagonal_scatter": (lambda T, x, s: x.diagonal_scatter(s, 1), (3, 4), (3,)),
    "sort": (lambda T, x: tuple(x.sort()), (3, 5)),
    "sort ties": (lambda T, x: tuple(x.sort(stable=True, dim=1)), GRADED),
    "sort descending": (lambda T, x: tuple(T.sort(x, dim=0, descending=True, stable=True)), GRADED),
    "sort 0-d": (lambda T, x: tuple(x.sort()), ()),
    "sort nan": (lambda T: tuple(T.tensor([2.0, float("nan"), 1.0]).sort(descending=True)),),
    "sort bool": (lambda T, m: tuple(m.sort(stable=True)), MASK),
    "sort dim": (lambda T, x: x.sort(dim=2), (3, 4)),
    "argsort": (lambda T, x: (x.argsort(), T.argsort(x, 0, descending=True)), (3, 5)),
    "msort": (lambda T, x: T.msort(x), (3, 5)),
    "topk": (lambda T, x: tuple(x.topk(2)), (3, 5)),
    "topk smallest": (lambda T, x: tuple(T.topk(x, 2, dim=0, largest=False)), (3, 5)),
    "topk 0-d": (lambda T, x: tuple(T.topk(x, 1)), ()),
    "topk too many": (lambda T, x: T.topk(x, 6), (3, 5)),
    "kthvalue": (lambda T, x: tuple(x.kthvalue(2)), (3, 5)),
    "kthvalue keepdim": (lambda T, x: tuple(T.kthvalue(x, 1, 0, keepdim=True)), (3, 5)),
    "kthvalue out of range": (lambda T, x: T.kthvalue(x, 6), (3, 5)),
    "unique": (lambda T, x: x.unique(return_inverse=True, return_counts=True), GRADED),
    "unique plain": (lambda T, x: (T.unique(x), T.unique(x, return_counts=True)), np.array([3, 1, 3, 2])),
    "unique dim": (
        lambda T, x: T.unique(x, dim=0, return_inverse=True, return_counts=True),
        np.array([[1, 2], [0, 5], [1, 2]]),
    ),
    "unique dim 1": (lambda T, x: T.unique(x, dim=1), np.array([[1, 2, 1], [0, 5, 0]])),
    "unique_consecutive": (
        lambda T, x: T.unique_consecutive(x, return_inverse=True, return_counts=True),
        np.array([1, 1, 2, 1, 1, 1]),
    ),
    "unique_consecutive dim": (lambda T, x: T.unique_consecutive(x, dim=0), np.array([[1, 2], [1, 2], [0, 0]])),
    "searchsorted": (
        lambda T, s, v: (T.searchsorted(s, v), T.searchsorted(s, v, right=True), T.searchsorted(s, v, side="right")),
        np.array([1.0, 3, 3, 5]),
        np.array([[0.0, 3], [5, 6]]),
    ),
    "searchsorted rows": (
        lambda T, s, v: T.searchsorted(s, v, out_int32=True),
        np.array([[1.0, 3], [2, 5]]),
        np.array([[3.0], [3]]),
    ),
    "searchsorted number": (lambda T, s: T.searchsorted(s, 3.0), np.array([1.0, 3, 5])),
    "bucketize": (lambda T, v, s: (T.bucketize(v, s), T.bucketize(v, s, right=True)), GRADED, np.array([0.0, 2, 5])),
}
for _reduce in ("sum", "prod", "mean", "amax", "amin"):
    for _include in (True, False):
        CASES[f"scatter_reduce {_reduce} {_include}"] = (
            lambda T, x, i, s, r=_reduce, inc=_include: x.scatter_reduce(0, i, s, r, include_self=inc),
            (3, 4),
            ALONG,
            (2, 3),
        )
    CASES[f"scatter_reduce int {_reduce}"] = (
        lambda T, x, i, s, r=_reduce: x.scatter_reduce(0, i, s, r),
        np.arange(12).reshape(3, 4),
        ALONG,
        np.arange(6).reshape(2, 3) - 2,
    )


@pytest.mark.parametrize("name", CASES)
def test_function(name: str) -> None:
    function, *inputs = CASES[name]
    # PyTorch has no derivative of unique, nor of a scatter whose source is larger than its index.
    undifferentiable = name.startswith("unique") or name in ("scatter larger source", "scatter_add_")
    agree(function, *inputs, exact=False, layout=False, grads=not undifferentiable)


BY_INDEX: dict[str, Any] = {
    "index_select": lambda T, x, i: x.index_select(0, i), "gather": lambda T, x, i: x.gather(0, i),
    "scatter": lambda T, x, i: x.scatter(0, i, 1.0), "scatter_add": lambda T, x, i: x.scatter_add(0, i, x[:1]),
    "index_add": lambda T, x, i: x.index_add(0, i, x[:1]), "index_copy": lambda T, x, i: x.index_copy(0, i, x[:1]),
    "index_fill": lambda T, x, i: x.index_fill(0, i, 1.0), "take": lambda T, x, i: x.take(i),
    "index_reduce": lambda T, x, i: x.index_reduce(0, i, x[:1], "prod"), "put": lambda T, x, i: x.put(i, x[:1]),
    "take_along_dim": lambda T, x, i: T.take_along_dim(x, i, 0), "brackets": lambda T, x, i: x[i.expand(4)],
    "written": lambda T, x, i: x.__setitem__(i.expand(4), 1.0),
    "embedding": lambda T, x, i: T.nn.functional.embedding(i, x[:, None]),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["float32", "int16", "int8", "complex64"])
@pytest.mark.parametrize("name", BY_INDEX)
def test_indices_of_a_wrong_dtype_raise_pytorchs_class(name: str, dtype: str) -> None:
    raised = []
    for T in MODULES:
        with pytest.raises(Exception) as found:  # noqa: PT011 - which class it is, is compared
            BY_INDEX[name](T, T.zeros(4), T.zeros(1, dtype=getattr(T, dtype)))
        raised.append(found.value)
    kind = next(kind for kind in type(raised[1]).__mro__ if kind.__module__ == "builtins")
    assert isinstance(raised[0], kind), raised


MASKS = {"0-d": (lambda T, x, m: x[m(1)], lambda T, x, m: x[m(0)]), "a row": (lambda T, x, m: x[m([1, 0])],),
         "all": (lambda T, x, m: x[m([[1, 0, 1], [0, 0, 1]])],), "two": (lambda T, x, m: x[m([1, 1]), m([1, 0, 1])],),
         "of nothing": (lambda T, x, m: x[0, 0][m(1)], lambda T, x, m: x[0, 0][m(0)])}


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("name", MASKS)
def test_masks_of_bytes_are_masks_with_a_warning_each(name: str, written: bool) -> None:
    for program in MASKS[name]:
        def run(T: Any, program: Any = program) -> Any:
            x = T.arange(6.0).reshape(2, 3)
            masks: list[Any] = []

            def mask(values: Any) -> Any:
                masks.append(T.tensor(values, dtype=T.uint8))
                return masks[-1]

            found = program(T, x, mask)
            if written:
                x[tuple(masks)] = T.full_like(x[tuple(masks)], -1.0)
            return found, x

        both(run)


@pytest.mark.parametrize("value", [-1.0, [-1.0], [[-1.0, -2.0, -3.0]]])
def test_masks_of_bytes_are_filled_with_no_single_number(value: Any) -> None:
    def program(T: Any) -> Any:
        x = T.arange(6.0).reshape(2, 3)
        x[T.tensor([1, 0], dtype=T.uint8)] = T.tensor(value) if isinstance(value, list) else value
        return x

    both(program)


def test_what_cannot_be_indexed_so_raises_pytorchs_class() -> None:
    def delete(T: Any) -> None:
        del T.ones(3)[0]

    both(delete)
    for indices, shape in [(0.5, (2, 2)), ([], (10, 3)), (1, (1, 2.0)), (0, (2, -3)), (1, 2.5), (True, (2, 2))]:
        both(lambda T, i=indices, s=shape: T.unravel_index(T.tensor(i), s))
    both(lambda T: T.unravel_index(T.tensor([1]), T.tensor([1, 2])))
    both(lambda T: T.unravel_index(T.tensor([1, 5]), [2, 3]))


def test_masks_of_a_size_of_zero_have_to_fit_as_well() -> None:
    for size in ((2, 3), (0, 3), (2, 0), (3,), ()):
        for mask_size in ((0,), (0, 3), (2, 0), (0, 0), (2, 3), (3,), (0, 3, 1)):
            for use in (lambda x, m: x[m], lambda x, m: x[..., m], lambda x, m: x[None, m], lambda x, m: x[:1, m],
                        lambda x, m: x.index_put((m,), x.new_zeros(())), lambda x, m: x.__setitem__(m, 0)):
                found: list[Any] = []
                for module in MODULES:
                    x, m = module.ones(size), module.ones(mask_size, dtype=module.bool)
                    try:
                        got = use(x, m)
                        found.append(None if got is None else tuple(got.shape))
                    except IndexError:
                        found.append(IndexError)
                assert found[0] == found[1], (size, mask_size)


@pytest.mark.parametrize("name", ["scatter", "scatter_add", "scatter_reduce"])
def test_scatters_of_nothing_have_the_dtypes_and_the_history_of_others(name: str) -> None:
    """Whatever the shapes, a source of another dtype is refused, and one with a history hands it on."""
    more = ("sum",) if name == "scatter_reduce" else ()
    for size, index, source in itertools.product(((3,), (2, 3), ()), ((0,), (0, 3), (2, 0), (3,), ()),
                                                 ((0,), (0, 3), (4,), (2, 3), ())):
        for dtype, follows, kind in (("float32", True, "int64"), ("float64", True, "int64"), ("float32", True, "bool"),
                                     ("float64", False, "int64"), ("float32", False, "int32")):
            found: list[Any] = []
            for module in MODULES:
                put = module.ones(source, dtype=getattr(module, dtype), requires_grad=follows)
                try:
                    out = getattr(module.zeros(size), name)(
                        0, module.zeros(index, dtype=getattr(module, kind)), put, *more)
                    found.append((out.tolist(), out.grad_fn and out.grad_fn.name()))
                    if follows and index == source == (0,):
                        out.sum().backward()
                        found[-1] += (put.grad.tolist(),)
                except RuntimeError:
                    found.append(RuntimeError)
            assert found[0] == found[1], (size, index, source, dtype, follows, kind)
