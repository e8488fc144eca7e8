"""`Distribution`: what every family offers, and the checks of parameters and values.

The one idea to know: a family says in `Distribution._batched` which of its attributes have the batch shape in front,
in `Distribution._inner` which are distributions of that batch shape, and in `Distribution._kept` which stay as they
are; `expand` is derived from the three. Shapes are always ``sample_shape + batch_shape + event_shape``.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import wengert
from wengert import Size, Tensor

from ..core.errors import TraceError, constructor_of, name_constructor
from ..ops.arguments import sizes_of
from . import constraints
from .utils import lazy_property


def _holds(constraint: constraints.Constraint, value: Tensor) -> bool:
    """Whether all of ``value`` satisfies the constraint; nothing of the check is recorded. What has no value yet, as a
    function is being recorded (`wengert.compile`), is taken to do so."""
    with wengert.no_grad():
        try:
            return bool(constraint.check(value).all())
        except TraceError:
            return True


def shape_of(sample_shape: Any) -> Size:
    """The shape of a sample as it is given. Raises TypeError and RuntimeError for what is none."""
    return Size(sizes_of((tuple([int(n) if type(n) is bool else n for n in sample_shape]),), "sample"))


class Distribution:
    """A probability distribution, or a batch of independent ones of one family.

    ``batch_shape`` is the shape of the batch of distributions, ``event_shape`` that of one draw from one of them.
    ``validate_args`` says whether parameters and values are checked; None takes the default, which
    `set_default_validate_args` sets (True, unless Python runs with ``-O``).

    >>> class Certain(torch.distributions.Distribution):
    ...     arg_constraints = {}
    ...     def __init__(self, value):
    ...         self.value = value
    ...         super().__init__(value.shape)
    ...     def sample(self, sample_shape=()):
    ...         return self.value.expand(self._extended_shape(torch.Size(sample_shape)))
    >>> Certain(torch.tensor([1.0, 2.0])).sample((3,)).shape
    torch.Size([3, 2])
    """

    has_rsample: Any = False
    has_enumerate_support: Any = False
    _validate_args: bool = __debug__

    _batched: ClassVar[Mapping[str, int] | None] = None
    """The tensors that `expand` expands, each with the number of its dimensions behind the batch shape."""

    _inner: ClassVar[tuple[str, ...]] = ()
    """The attributes that are distributions of the same batch shape, which `expand` expands with it."""

    _kept: ClassVar[tuple[str, ...]] = ()
    """The attributes that `expand` takes over as they are."""

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions made from now on check their arguments. Raises ValueError for what is no bool."""
        if value not in (True, False):
            raise ValueError(f"[set_default_validate_args] True or False was expected; got {value!r}")
        Distribution._validate_args = value

    def __init_subclass__(cls, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if cls.__module__.partition(".")[0] == __name__.partition(".")[0]:
            name_constructor(cls)

    def __init__(self, batch_shape: Sequence[int] = Size(), event_shape: Sequence[int] = Size(),
                 validate_args: bool | None = None) -> None:
        self._batch_shape = Size(batch_shape)
        self._event_shape = Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()
        super().__init__()  # a module's, where a class is both

    # ---- shapes

    @property
    def batch_shape(self) -> Size:
        """The shape of the batch of distributions."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one draw."""
        return self._event_shape

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The distribution with its batch expanded, without a copy, to ``batch_shape``."""
        family = next((kind for kind in type(self).__mro__ if kind.__dict__.get("_batched") is not None), None)
        if family is None:
            raise NotImplementedError(f"[expand] {type(self).__name__} does not say how its batch is expanded")
        new = self._get_checked_instance(family, _instance)
        shape = Size(batch_shape)
        for kind in type(self).__mro__:
            for name, behind in (kind.__dict__.get("_batched") or {}).items():
                value = self.__dict__.get(name)
                if value is not None:
                    new.__dict__[name] = value.expand(shape + value.shape[value.dim() - behind :])
            for name in kind.__dict__.get("_kept", ()):
                new.__dict__[name] = self.__dict__[name]
            for name in kind.__dict__.get("_inner", ()):
                new.__dict__[name] = self.__dict__[name].expand(shape)
        return self._finish(new, shape, self._event_shape)

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        """An empty instance to expand into; a subclass with a constructor of its own must expand by itself."""
        made = constructor_of(cls)
        if _instance is None and constructor_of(type(self)) is not made:
            named = next(kind for kind in type(self).__mro__ if constructor_of(kind) is made)
            raise NotImplementedError(
                f"Subclass {type(self).__name__} of {named.__name__} that defines a custom __init__ method must also "
                f"define a custom .expand() method."
            )
        return type(self).__new__(type(self)) if _instance is None else _instance

    def _finish(self, new: Any, batch_shape: Sequence[int], event_shape: Sequence[int]) -> Any:
        """Gives an instance that `expand` has filled its shapes, unchecked: what is expanded has been checked."""
        Distribution.__init__(new, batch_shape, event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def _extended_shape(self, sample_shape: Any = Size()) -> Size:
        """The shape of ``sample(sample_shape)``."""
        return shape_of(sample_shape) + self._batch_shape + self._event_shape

    # ---- what a family declares

    @property
    def arg_constraints(self) -> Mapping[str, constraints.Constraint]:
        """The constraint on each parameter, by name."""
        raise NotImplementedError

    @property
    def support(self) -> Any:
        """The constraint that every draw satisfies."""
        raise NotImplementedError

    @property
    def mean(self) -> Tensor:
        """The mean, of shape ``batch_shape + event_shape``."""
        raise NotImplementedError

    @property
    def mode(self) -> Tensor:
        """The value of the greatest density or probability, of shape ``batch_shape + event_shape``."""
        raise NotImplementedError(f"{type(self)} does not implement mode")

    @property
    def variance(self) -> Tensor:
        """The variance, of shape ``batch_shape + event_shape``."""
        raise NotImplementedError

    @property
    def stddev(self) -> Tensor:
        """The standard deviation, of shape ``batch_shape + event_shape``."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        """Draws without a gradient, of shape ``sample_shape + batch_shape + event_shape``."""
        with wengert.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        """Draws through which gradients flow to the parameters."""
        raise NotImplementedError

    def sample_n(self, n: int) -> Tensor:
        """``sample((n,))``, the old way of saying it."""
        warnings.warn("sample_n(n) will be deprecated. Use .sample((n,)) instead.", FutureWarning, stacklevel=2)
        return self.sample(Size((n,)))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density, or probability, at ``value``."""
        raise NotImplementedError

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of a draw of at most ``value``."""
        raise NotImplementedError

    def icdf(self, value: Tensor) -> Tensor:
        """The inverse of `cdf`: the quantile of the probability ``value``."""
        raise NotImplementedError

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values of a discrete distribution along a new first dimension; ``expand`` them over the batch or not."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """The entropy in nats, of shape ``batch_shape``."""
        raise NotImplementedError

    def perplexity(self) -> Tensor:
        """The exponential of the entropy, of shape ``batch_shape``."""
        return wengert.exp(self.entropy())

    # ---- checks

    def _check_parameters(self) -> None:
        try:
            declared = self.arg_constraints
        except NotImplementedError:
            declared = {}
            warnings.warn(
                f"{type(self)} does not define `arg_constraints`. Please set `arg_constraints = {{}}` or initialize "
                f"the distribution with `validate_args=False` to turn off validation.",
                stacklevel=4,
            )
        for name, constraint in declared.items():
            if constraints.is_dependent(constraint):
                continue
            if name not in self.__dict__ and isinstance(getattr(type(self), name, None), lazy_property):
                continue  # computed from the other parameters, which are checked
            value = getattr(self, name)
            if not _holds(constraint, value):
                raise ValueError(f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of "
                                 f"distribution {self!r} to satisfy the constraint {constraint!r}, but found invalid "
                                 f"values:\n{value}")

    def _check_sample(self, value: Tensor) -> None:
        """`_validate_sample`, where this distribution checks its arguments."""
        if self._validate_args:
            self._validate_sample(value)

    def _validate_sample(self, value: Tensor) -> None:
        """Raises ValueError for a ``value`` that is no tensor, does not fit the shapes, or is outside the support."""
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        first = value.dim() - len(self._event_shape)
        if value.shape[max(first, 0) :] != self._event_shape:
            raise ValueError(
                f"The right-most size of value must match event_shape: {value.shape} vs {self._event_shape}."
            )
        expected = self._batch_shape + self._event_shape
        for ours, theirs in zip(reversed(value.shape), reversed(expected), strict=False):
            if ours != theirs and ours != 1 and theirs != 1:
                raise ValueError(
                    f"Value is not broadcastable with batch_shape+event_shape: {value.shape} vs {expected}."
                )
        try:
            support = self.support
        except NotImplementedError:
            warnings.warn(f"{type(self)} does not define `support` to enable sample validation. Please initialize the "
                          f"distribution with `validate_args=False` to turn off validation.",
                          stacklevel=3)
            return
        if not _holds(support, value):
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be within the "
                f"support ({support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def __repr__(self) -> str:
        shown = []
        for name in self.arg_constraints:
            value = self.__dict__.get(name)
            if value is not None:
                shown.append(f"{name}: {value if value.numel() == 1 else value.shape}")
        return f"{type(self).__name__}({', '.join(shown)})"
