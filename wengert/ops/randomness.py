"""Random numbers: the functions of the namespace and the in-place fills, on the arrays that `wengert.sampling` makes.

An in-place fill is a write like any other: by the law of views and writes it moves the version on, clears the history
of what it overwrites, and may not touch a leaf that requires grad while recording.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.errors import worded
from ..core.geometry import check_room
from ..core.primitive import P
from ..core.spec import broadcast_shapes
from ..core.state import state
from ..prims.draws import SAMPLERS
from ..sampling import integers, reals
from ..tensors.absent import Absent
from ..tensors.alias import check_writable, edge_of, rebase, write, wrote
from ..tensors.generator import Generator, default_generator
from ..tensors.given import check_operand, number
from ..tensors.nowhere import sampled
from ..tensors.tape import Edge, Node
from ..tensors.tensor import TENSORS, Tensor, make
from .arguments import check_given, check_options, dtype_of, integer, nothing_of, only, real, sizes_of
from .out import filled
from .registry import FUNCTIONS, function, method


def manual_seed(seed: int) -> Generator:
    """Starts the stream of random numbers of ``seed``, an int, and returns the default generator.

    >>> import wengert as torch
    >>> _ = torch.manual_seed(123)
    >>> torch.rand(2)
    tensor([0.2961, 0.5166])
    """
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Starts the stream of a seed taken from the operating system, and returns the seed.

    >>> value = torch.seed()
    >>> value == torch.initial_seed()
    True
    """
    return default_generator.seed()


def initial_seed() -> int:
    """The seed from which the stream was started.

    >>> _ = torch.manual_seed(42)
    >>> torch.initial_seed()
    42
    """
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default generator, as a tensor of bytes that `set_rng_state` (also PyTorch's) takes.

    >>> state = torch.get_rng_state()
    >>> a = torch.rand(3)
    >>> torch.set_rng_state(state)
    >>> torch.equal(a, torch.rand(3))
    True
    """
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Puts the default generator into a state that `get_rng_state` returned.

    >>> state = torch.get_rng_state()
    >>> a = torch.rand(3)
    >>> torch.set_rng_state(state)
    >>> torch.equal(a, torch.rand(3))
    True
    """
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(devices: Any = None, enabled: bool = True, device_type: str = "cpu") -> Iterator[None]:
    """A context after which the default generator goes on where it was before.

    >>> _ = torch.manual_seed(0)
    >>> with torch.random.fork_rng():
    ...     inside = torch.rand(2)
    >>> torch.equal(inside, torch.rand(2))
    True
    """
    saved = default_generator.state_array() if enabled else None
    if enabled and state.watcher is not None:
        state.watcher.draws(default_generator, reseeds=True)
    try:
        yield
    finally:
        if saved is not None:
            default_generator.set_state_array(saved)


FUNCTIONS.update({each.__name__: each for each in (manual_seed, seed, initial_seed, get_rng_state, set_rng_state)})


def _generator(generator: Generator | None) -> Generator:
    if generator is None:
        return default_generator
    if not isinstance(generator, Generator):
        raise TypeError(f"argument 'generator' must be a torch.Generator, not {type(generator).__name__}")
    return generator


def _dtype(dtype: Any) -> Any:
    return dtype_of(dtype) or dtypes.get_default_dtype()


# --- new tensors ------------------------------------------------------------------------------------------------------


def drawn(sampler: str, generator: Generator | None, *operands: Any, **params: Any) -> Tensor:
    """A new tensor of random numbers, by the sampler of that name (prims/draws.py)."""
    source, watcher = _generator(generator), state.watcher
    if watcher is not None and watcher.tracer is not None:
        return watcher.tracer.draw(sampler, source, operands, params)
    values = [x._data if isinstance(x, Tensor) else x for x in operands]
    for value in values:
        if isinstance(value, np.ndarray):  # which may be expanded: what is drawn is not
            check_room(sampler, value.shape, value.itemsize)
        elif type(value) is Absent:
            return make(sampled(sampler, values, params), None)
    return make(SAMPLERS[sampler].run(source, *values, **params), None)


def _leaf(tensor: Tensor, requires_grad: bool) -> Tensor:
    return tensor.requires_grad_() if requires_grad else tensor


def _sampled(name: str, sampler: str, fill: Callable[..., Tensor], summary: str,
             shown: str) -> None:
    """Registers a function of a size and its ``_like`` form. What does not lie in row-major order is drawn in the order
    of its memory, as ``fill(tensor, generator)`` does."""

    def plain(*sizes: Any, size: Any = None, generator: Generator | None = None, dtype: Any = None, layout: Any = None,
              device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
        meta = check_options(device, layout)
        if size is None:
            check_given(name, "size", sizes)
        shape = sizes_of(sizes if size is None else (size,), name)
        if meta:
            return nothing_of(shape, _dtype(dtype).numpy, requires_grad)
        return _leaf(drawn(sampler, generator, size=shape, dtype=_dtype(dtype)), requires_grad)

    def like(input: Tensor, *, generator: Generator | None = None, dtype: Any = None, layout: Any = None,
             device: Any = None, requires_grad: bool = False, memory_format: Any = None) -> Tensor:
        meta = check_options(device, layout, input)
        wanted = dtype_of(dtype) or input.dtype
        if meta:
            return _leaf(FUNCTIONS["empty_like"](input, dtype=wanted, device="meta", memory_format=memory_format),
                         requires_grad)
        made = FUNCTIONS["empty_like"](input, dtype=wanted, memory_format=memory_format)
        if not made.is_contiguous():
            return _leaf(fill(made, generator), requires_grad)
        return _leaf(drawn(sampler, generator, size=input._data.shape, dtype=wanted), requires_grad)

    plain.__name__ = plain.__qualname__ = name
    like.__name__ = like.__qualname__ = f"{name}_like"
    def drawing(*sizes: Any, size: Any = None, generator: Generator | None = None, **options: Any) -> Any:
        return sizes_of(sizes if size is None else (size,), name), lambda target: fill(target, generator)

    plain.__doc__ = (f"{summary}, in a tensor of the given size: ``{name}(2, 3)`` or ``{name}((2, 3))``.\n\n"
                     f">>> _ = torch.manual_seed(0)\n>>> torch.{name}(3)\ntensor([{shown}])")
    like.__doc__ = (f"{summary}, in a tensor of the shape and dtype of ``input``.\n\n"
                    f">>> _ = torch.manual_seed(0)\n>>> torch.{name}_like(torch.ones(3))\ntensor([{shown}])")
    function(method=False, takes_tensor=False, out=filled(drawing))(plain)
    function(method=False, out=False)(like)


@function(method=False, takes_tensor=False)
def randint(low: Any = None, high: Any = None, size: Any = None, *, generator: Generator | None = None,
            dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
            pin_memory: bool = False) -> Tensor:
    """Integers from ``low`` (0 if not given) up to, but not including, ``high``: ``randint(high, size)`` or
    ``randint(low, high, size)``; int64 unless ``dtype`` is given.

    >>> _ = torch.manual_seed(0)
    >>> torch.randint(10, (5,))
    tensor([4, 9, 3, 0, 3])
    """
    meta = check_options(device, layout)
    if size is None and low is not None:
        low, high, size = 0, low, high
        if isinstance(size, int):
            raise TypeError(f"randint(): argument 'size' (position 2) must be tuple of ints, not int; write "
                            f"randint({high}, {size}, (n,)) for n numbers from {high} on and below {size}")
    elif low is None or high is None:
        low, high = 0, low if high is None else high
    if size is None or high is None:
        raise TypeError("randint(): a size was expected: randint(high, size) or randint(low, high, size)")
    if meta:
        return nothing_of(sizes_of((size,), "randint"), (dtype_of(dtype) or dtypes.int64).numpy, requires_grad)
    return _leaf(drawn("random_from_to", generator, size=sizes_of((size,), "randint"), low=integer(low, "randint"),
                       high=integer(high, "randint"), dtype=dtype_of(dtype) or dtypes.int64), requires_grad)


@function(method=False, out=False)
def randint_like(input: Tensor, low: Any = None, high: Any = None, *, generator: Generator | None = None,
                 dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
                 memory_format: Any = None) -> Tensor:
    """Integers from ``low`` (0 if not given) up to ``high``, in a tensor of the shape and dtype of ``input``.

    >>> _ = torch.manual_seed(0)
    >>> torch.randint_like(torch.zeros(3), 10)
    tensor([4., 9., 3.])
    """
    if low is None and high is None:
        raise TypeError("randint_like(): an upper bound was expected: randint_like(input, high)")
    bounds = (0, low) if high is None else (low or 0, high)
    if check_options(device, layout, input):
        return _leaf(FUNCTIONS["empty_like"](input, dtype=dtype, device="meta", memory_format=memory_format),
                     requires_grad)
    made = FUNCTIONS["empty_like"](input, dtype=dtype, memory_format=memory_format)
    if not made.is_contiguous():
        return _leaf(random_(made, *bounds, generator=generator), requires_grad)
    return randint(*bounds, tuple(input._data.shape), generator=generator, dtype=dtype_of(dtype) or input.dtype,
                   layout=layout, device=device, requires_grad=requires_grad)


@function(method=False, takes_tensor=False)
def randperm(n: Any, *, generator: Generator | None = None, dtype: Any = None, layout: Any = None, device: Any = None,
             requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """The numbers 0 to n - 1 in random order; int64 unless ``dtype`` is given.

    >>> _ = torch.manual_seed(0)
    >>> torch.randperm(5)
    tensor([4, 0, 1, 3, 2])
    """
    meta = check_options(device, layout)
    count = integer(n, "randperm")
    if meta and count >= 0:
        return nothing_of((count,), (dtype_of(dtype) or dtypes.int64).numpy, requires_grad)
    if count > 0:
        check_room("randperm", (count,), 8)
    return _leaf(drawn("randperm", generator, n=count, dtype=dtype_of(dtype) or dtypes.int64), requires_grad)


def _normal_into(mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None,
                 **options: Any) -> Any:
    """Where `normal` is given a target: its shape, and how it is drawn into it, a standard number for each element."""
    shapes = [tuple(x._data.shape) for x in (mean, std) if isinstance(x, Tensor)]
    if not shapes:
        return (sizes_of((size,), "normal"),
                lambda target: normal_(target, real(mean, "normal"), real(std, "normal"), generator=generator))
    for x in (mean, std):
        if isinstance(x, Tensor) and state.grad and edge_of(x) is not None:
            raise RuntimeError("normal(): functions with out=... arguments don't support automatic differentiation, "
                               "but one of the arguments requires grad.")
    shape = np.broadcast_shapes(*shapes) if len(shapes) == 2 else None  # beside a number PyTorch's is not resized
    return shape, lambda target: normal_(target, generator=generator).mul_(std).add_(mean)


@function(method=False, takes_tensor=False, out=filled(_normal_into))
def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None, dtype: Any = None,
           layout: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """Normal numbers: with a mean and a standard deviation for each (tensors), or ``size`` of one mean and one
    deviation. Raises RuntimeError for a negative deviation.

    >>> _ = torch.manual_seed(0)
    >>> torch.normal(torch.tensor([0.0, 100.0]), torch.tensor([1.0, 1.0]))
    tensor([ 1.5410, 99.7066])
    """
    meta = check_options(device, layout)
    if size is not None and any([type(x) in TENSORS and (x.ndim or x.requires_grad) for x in (mean, std)]):
        raise TypeError("normal() received an invalid combination of arguments: a size was expected beside numbers "
                        "alone; got a tensor, whose size it has")
    if size is not None and meta:
        return nothing_of(sizes_of((size,), "normal"), _dtype(dtype).numpy, requires_grad)
    if size is not None:
        return _leaf(drawn("normal", generator, size=sizes_of((size,), "normal"), dtype=_dtype(dtype),
                           numbers=(real(mean, "normal"), real(std, "normal"))), requires_grad)
    if not isinstance(mean, Tensor) and not isinstance(std, Tensor):
        raise TypeError("normal(): a size was expected beside a mean and a std that are numbers; or give a tensor "
                        "of them")
    if isinstance(mean, Tensor) and isinstance(std, Tensor):
        broadcast_shapes(mean._data.shape, std._data.shape, op="normal")
    given = [x if isinstance(x, Tensor) else real(x, "normal") for x in (mean, std)]
    return _constant_in(drawn("normal_around", generator, *given), *given)


def _constant_in(made: Tensor, *parameters: Any) -> Tensor:
    """What was drawn, with a history in which it varies with its parameters by 0, as PyTorch records it."""
    for x in parameters:
        if isinstance(x, Tensor) and edge_of(x) is not None:
            made = P.kinked(made, P.expand(x, shape=made._data.shape))
    return made


def _bernoulli_into(input: Tensor, p: Any = None, *, generator: Generator | None = None) -> Any:
    return input._data.shape, lambda target: bernoulli_(target, input if p is None else p, generator=generator)


@function(out=filled(_bernoulli_into))
def bernoulli(input: Tensor, p: Any = None, *, generator: Generator | None = None) -> Tensor:
    """Ones with the probabilities in ``input`` (or ``p`` for every element), else zeros; of its shape and dtype.

    >>> _ = torch.manual_seed(0)
    >>> torch.bernoulli(torch.tensor([0.0, 0.5, 0.5, 1.0]))
    tensor([0., 0., 1., 1.])
    """
    if p is not None:
        check_operand("bernoulli", p, "p", 2)
    made = drawn("bernoulli", generator, input if p is None else p, size=input._data.shape, dtype=input.dtype)
    return _constant_in(made, input, *([] if p is None else [p]))


@function()
def multinomial(input: Tensor, num_samples: int, replacement: bool = False, *,
                generator: Generator | None = None) -> Tensor:
    """Indices drawn with the weights in ``input``, (categories) or (rows, categories); ``num_samples`` a row, int64.

    >>> _ = torch.manual_seed(0)
    >>> torch.multinomial(torch.tensor([0.0, 10.0, 1.0]), 2)
    tensor([1, 2])
    """
    count = integer(num_samples, "multinomial")
    return drawn("multinomial", generator, input, num_samples=count, replacement=replacement)


@function(method=False, out=False)
def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Poisson-distributed counts with the rates in ``input``.

    >>> _ = torch.manual_seed(0)
    >>> torch.poisson(torch.tensor([0.0, 3.0, 100.0]))
    tensor([ 0.,  6., 96.])
    """
    return drawn("poisson", generator, input)


@function(method=False, out=False, checked=True)
def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """Numbers of successes among ``count`` trials of probability ``prob`` each.

    >>> _ = torch.manual_seed(0)
    >>> torch.binomial(torch.tensor([10.0, 10.0, 10.0]), torch.tensor([0.0, 0.5, 1.0]))
    tensor([ 0.,  7., 10.])
    """
    return drawn("binomial", generator, count, prob)


@function(method=False, out=False)
def _standard_gamma(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Numbers of the gamma distributions of shape ``input`` and rate 1; gradients flow to ``input``."""
    return P.standard_gamma(input, drawn("gamma", generator, input))


@function(method=False, out=False)
def _standard_gamma_grad(input: Tensor, output: Tensor) -> Tensor:
    """How a draw ``output`` of `_standard_gamma` moves with its shape ``input``."""
    return P.standard_gamma_grad(input, output)


@function(method=False, out=False)
def _sample_dirichlet(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Points of the simplex of the Dirichlet distributions of ``input`` (..., K); gradients flow to ``input``."""
    return P.sample_dirichlet(input, drawn("dirichlet", generator, input))


@function(method=False, out=False)
def _dirichlet_grad(x: Tensor, alpha: Tensor, total: Tensor) -> Tensor:
    """How the part ``x`` of a Dirichlet draw moves with its ``alpha``, divided by 1 − x; ``total`` is Σ alpha."""
    return P.dirichlet_grad(x, alpha, total)


# --- into a tensor that exists ----------------------------------------------------------------------------------------


def _refill(tensor: Tensor, op: str, sampler: str, generator: Generator | None, fill: Callable[..., None],
            *operands: Any, **params: Any) -> Tensor:
    """Has ``fill(generator, array)`` write into the tensor's memory, or the sampler make what is then written there.
    Nothing of the old value is left: what it was computed from gets gradients of zero."""
    check_writable(tensor, op)
    edge = edge_of(tensor) if state.grad else None
    if type(tensor._data) is Absent:
        wrote(tensor)
        if state.grad:
            rebase(tensor, None if edge is None else _replaced(op, edge, tensor))
        return tensor
    if state.watcher is not None:
        # Elements are drawn in the order of the memory: as the memory's rows, turned round.
        order = sorted(range(tensor._data.ndim), key=lambda dim: -tensor._data.strides[dim])
        turned = [x.expand(tensor.shape).permute(order) if isinstance(x, Tensor) else x for x in operands]
        size = tuple([tensor._data.shape[dim] for dim in order])
        if sampler == "fill normal" and not tensor._data.flags.c_contiguous:
            sampler = "fill normal pairs"
        values = drawn(sampler, generator, *turned, size=size, dtype=tensor.dtype, **params)
        write(tensor, values.permute([order.index(dim) for dim in range(len(order))]), op)
        if edge is not None:
            rebase(tensor, _replaced(op, edge, tensor))
        return tensor
    try:
        fill(_generator(generator), tensor._data)
    except (ValueError, MemoryError) as error:
        wording = worded(op, error)
        if wording is None:
            raise
        raise wording from error
    wrote(tensor)
    if state.grad:
        rebase(tensor, None if edge is None else _replaced(op, edge, tensor))
    return tensor


def _replaced(op: str, edge: Edge, tensor: Tensor) -> Node:
    """The node of a tensor's value that was replaced: it depends on the old one, with a gradient of zero."""
    node = Node(P.fill, {}, (edge,), (None, None, None), (),
                tensor._data.shape, tensor._data.dtype)
    node.rarely()["label"] = f"{op.strip('_').title().replace('_', '')}Backward0"
    if state.watcher is not None:
        state.watcher.recorded(node)
    return node


def _fill_method(name: str, sample: Callable[..., Any], parameters: dict[str, Any], summary: str) -> None:
    """Registers the in-place method ``name`` for a function of `reals`; ``parameters`` with their defaults."""
    sampler = f"fill {name.rstrip('_')}"
    names = tuple(parameters)

    def fill(self: Tensor, *values: Any, generator: Generator | None = None, **named: Any) -> Tensor:
        if len(values) > len(names) or not named.keys() <= set(names[len(values):]):
            raise TypeError(f"{name}() takes {', '.join(names)} and generator; got {len(values)} positional "
                            f"arguments and the keywords {', '.join(named) or 'none'}")
        given = {**parameters, **dict(zip(names, values, strict=False)), **named}
        missing = [parameter for parameter, value in given.items() if value is ...]
        if missing:
            raise TypeError(f"{name}() missing 1 required positional argument: {missing[0]!r}")
        chosen = tuple([real(number(name, value, parameter, place, "float"), name)
                        for place, (parameter, value) in enumerate(given.items(), 1)])
        return _refill(self, name, sampler, generator, lambda source, target: reals.fill(
            target, lambda count: sample(source, count, target.dtype, *chosen)), numbers=chosen)

    fill.__doc__ = summary
    method(name)(fill)


_fill_method("uniform_", reals.uniform, {"from": 0.0, "to": 1.0}, """Fills this tensor with numbers spread evenly over
    [from, to).

    >>> _ = torch.manual_seed(0)
    >>> torch.zeros(3).uniform_()
    tensor([0.4963, 0.7682, 0.0885])""")
_fill_method("exponential_", reals.exponential, {"lambd": 1.0}, """Fills this tensor with exponential numbers of rate
    ``lambd``.

    >>> _ = torch.manual_seed(0)
    >>> torch.zeros(3).exponential_()
    tensor([3.5083, 1.2304, 0.6150])""")
_fill_method("cauchy_", reals.cauchy, {"median": 0.0, "sigma": 1.0}, """Fills this tensor with Cauchy-distributed
    numbers.

    >>> _ = torch.manual_seed(0)
    >>> torch.zeros(3).cauchy_()
    tensor([10.5977,  0.7648, -0.1283])""")
_fill_method("log_normal_", reals.log_normal, {"mean": 1.0, "std": 2.0}, """Fills this tensor with exponentials of
    normal numbers.

    >>> _ = torch.manual_seed(0)
    >>> torch.zeros(3).log_normal_(0.0, 1.0).log()
    tensor([ 1.5410, -0.2934, -2.1788])""")
_fill_method("geometric_", reals.geometric, {"p": ...}, """Fills this tensor with the number of trials up to the first
    success.

    >>> _ = torch.manual_seed(0)
    >>> torch.zeros(3).geometric_(0.5)
    tensor([1., 1., 2.])""")


@method("normal_")
def normal_(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fills this tensor with normal numbers of the given mean and standard deviation."""
    numbers = tuple([real(number("normal_", value, name, place, "float"), "normal_")
                     for place, (name, value) in enumerate((("mean", mean), ("std", std)), 1)])
    return _refill(self, "normal_", "fill normal", generator,
                   lambda source, target: reals.normal_fill(source, target, *numbers), numbers=numbers)


@method("random_")
def random_(self: Tensor, *bounds: Any, generator: Generator | None = None, **named: Any) -> Tensor:
    """Fills this tensor with integers: ``random_()`` over the range of the dtype, ``random_(to)`` from 0, or
    ``random_(from, to)``; ``to`` is excluded, and None means the dtype's largest.

    >>> _ = torch.manual_seed(0)
    >>> torch.zeros(3).random_(0, 10)
    tensor([4., 9., 3.])
    """
    low, high = only(named, "from to", "random_").get("from", 0), named.get("to")
    if len(bounds) == 1:
        low, high = (bounds[0], high) if "to" in named else (0, bounds[0])
    elif bounds:
        low, high = bounds
    if not bounds and not named:
        return _refill(self, "random_", "fill random", generator, lambda source, target: reals.fill(
            target, lambda count: integers.random_(source, count, target.dtype)))
    numbers = integer(low, "random_", plain=True), None if high is None else integer(high, "random_", plain=True)
    return _refill(self, "random_", "fill random_from_to", generator, lambda source, target: reals.fill(
        target, lambda count: integers.random_from_to(source, count, *numbers, target.dtype)), numbers=numbers)


@method("bernoulli_")
def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Fills this tensor with ones, with probability ``p`` (a number, or a tensor of them), and zeros."""
    chance = p if isinstance(p, Tensor) else real(p, "bernoulli_")
    return _refill(self, "bernoulli_", "fill bernoulli", generator, lambda source, target: reals.bernoulli_fill(
        source, target, chance._data if isinstance(chance, Tensor) else chance), chance)


_sampled("rand", "uniform", lambda made, generator: made.uniform_(generator=generator),
         "Numbers spread evenly over [0, 1)", "0.4963, 0.7682, 0.0885")
_sampled("randn", "normal", lambda made, generator: normal_(made, generator=generator),
         "Numbers of the standard normal distribution", " 1.5410, -0.2934, -2.1788")
