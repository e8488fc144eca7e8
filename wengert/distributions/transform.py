"""`Transform`: a differentiable function of tensors with its inverse, and what transforms are put together with."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any, ClassVar

import wengert
from wengert import Tensor

from . import constraints
from .utils import _sum_rightmost


class Transform:
    """A function y = f(x) on the set ``domain`` with values in ``codomain``.

    A subclass defines ``_call`` and, as far as they exist, ``_inverse`` and `log_abs_det_jacobian`. ``cache_size`` is
    0, or 1 to keep the last pair (x, y): the inverse of what was just computed is then returned as it was. Raises
    ValueError for another size.

    >>> D = torch.distributions
    >>> class Cube(D.Transform):
    ...     domain = codomain = D.constraints.real
    ...     bijective, sign = True, 1
    ...     def _call(self, x):
    ...         return x**3
    ...     def log_abs_det_jacobian(self, x, y):
    ...         return (3 * x**2).log()
    >>> Cube()(torch.tensor([1.0, 2.0]))
    tensor([1., 8.])
    """

    bijective: Any = False
    domain: Any
    codomain: Any
    _made_of: ClassVar[tuple[str, ...]]
    """The attributes that a family's constructor takes, in its order."""

    def __init__(self, cache_size: int = 0) -> None:
        if cache_size not in (0, 1):
            raise ValueError("cache_size must be 0 or 1")
        self._cache_size = cache_size
        self._inverted: Any = None  # a weak reference to the inverse, which refers to this one
        self._cached_x_y: tuple[Any, Any] = (None, None)  # transforms of pyro read it
        super().__init__()  # a module's, where a class is both

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_inverted": None, "_cached_x_y": (None, None)}

    @property
    def event_dim(self) -> int:
        """The dimensions of an event, where domain and codomain agree on them; else a ValueError."""
        if self.domain.event_dim != self.codomain.event_dim:
            raise ValueError("Please use either .domain.event_dim or .codomain.event_dim")
        return int(self.domain.event_dim)

    @property
    def inv(self) -> Transform:
        """The inverse, itself a transform."""
        inverse = None if self._inverted is None else self._inverted()
        if inverse is None:
            inverse = _InverseTransform(self)
            self._inverted = weakref.ref(inverse)
        return inverse

    @property
    def sign(self) -> Any:
        """1 or −1 for an increasing or a decreasing function of numbers."""
        raise NotImplementedError

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The same transform with a cache of that size."""
        if cache_size == self._cache_size:
            return self
        if type(self).__init__ is Transform.__init__:
            return type(self)(cache_size=cache_size)
        family: Any = next((kind for kind in type(self).__mro__ if "_made_of" in kind.__dict__), None)
        if family is not None:
            return family(*(getattr(self, name) for name in family._made_of), cache_size=cache_size)
        raise NotImplementedError(f"{type(self)}.with_cache is not implemented")

    def __call__(self, x: Tensor) -> Tensor:
        if self._cache_size == 0:
            return self._call(x)
        if self._cached_x_y[0] is not x:
            self._cached_x_y = (x, self._call(x))
        result: Tensor = self._cached_x_y[1]
        return result

    def _inv_call(self, y: Tensor) -> Tensor:
        if self._cache_size == 0:
            return self._inverse(y)
        if self._cached_x_y[1] is not y:
            self._cached_x_y = (self._inverse(y), y)
        result: Tensor = self._cached_x_y[0]
        return result

    def _call(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def _inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """log |det dy/dx| of each event, for y = f(x)."""
        raise NotImplementedError

    def forward_shape(self, shape: Sequence[int]) -> Any:
        """The shape of f(x) for an x of ``shape``."""
        return shape

    def inverse_shape(self, shape: Sequence[int]) -> Any:
        """The shape of x for an f(x) of ``shape``."""
        return shape

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Fixed(Transform):
    """A transform without parameters: any two of one family are equal."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, next(kind for kind in type(self).__mro__ if Fixed in kind.__bases__))

    __hash__ = object.__hash__


class _InverseTransform(Transform):
    """The inverse of a transform."""

    def __init__(self, transform: Transform) -> None:
        super().__init__(cache_size=transform._cache_size)
        self._inv = transform

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:
        """The codomain of what is inverted."""
        return self._inv.codomain

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> Any:
        """The domain of what is inverted."""
        return self._inv.domain

    @property
    def bijective(self) -> bool:
        """As what is inverted."""
        return bool(self._inv.bijective)

    @property
    def sign(self) -> Any:
        """As what is inverted."""
        return self._inv.sign

    @property
    def inv(self) -> Transform:
        """What is inverted."""
        return self._inv

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The inverse of the transform with such a cache."""
        return self._inv.with_cache(cache_size).inv

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _InverseTransform) and self._inv == other._inv

    __hash__ = object.__hash__

    def __call__(self, x: Tensor) -> Tensor:
        return self._inv._inv_call(x)

    def _inv_call(self, y: Tensor) -> Tensor:
        return self._inv(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Minus that of what is inverted."""
        return -self._inv.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape: Sequence[int]) -> Any:
        """The other way round."""
        return self._inv.inverse_shape(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Any:
        """The other way round."""
        return self._inv.forward_shape(shape)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._inv!r})"


class ComposeTransform(Transform):
    """The transforms ``parts`` one after the other, the first of them first.

    >>> D = torch.distributions
    >>> t = D.ComposeTransform([D.AffineTransform(0.0, 2.0), D.ExpTransform()])
    >>> t(torch.tensor([0.0, 1.0]))
    tensor([1.0000, 7.3891])
    """

    _made_of = ("parts",)

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        self.parts = [part.with_cache(cache_size) for part in parts] if cache_size else list(parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ComposeTransform) and self.parts == other.parts

    __hash__ = object.__hash__

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:
        """The first part's, with as many event dimensions as any part needs."""
        if not self.parts:
            return constraints.real
        needed = self.parts[-1].codomain.event_dim
        for part in reversed(self.parts):
            needed = max(needed + part.domain.event_dim - part.codomain.event_dim, part.domain.event_dim)
        return _deepened(self.parts[0].domain, needed)

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> Any:
        """The last part's, with as many event dimensions as any part needs."""
        if not self.parts:
            return constraints.real
        needed = self.parts[0].domain.event_dim
        for part in self.parts:
            needed = max(needed + part.codomain.event_dim - part.domain.event_dim, part.codomain.event_dim)
        return _deepened(self.parts[-1].codomain, needed)

    @property
    def bijective(self) -> bool:
        """Whether all parts are."""
        return all(part.bijective for part in self.parts)

    @property
    def sign(self) -> Any:
        """The product of the parts'."""
        sign: Any = 1
        for part in self.parts:
            sign = sign * part.sign
        return sign

    @property
    def inv(self) -> Transform:
        """The inverses in reverse order."""
        inverse = None if self._inverted is None else self._inverted()
        if inverse is None:
            inverse = ComposeTransform([part.inv for part in reversed(self.parts)])
            self._inverted, inverse._inverted = weakref.ref(inverse), weakref.ref(self)
        return inverse

    def __call__(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x)
        return x

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The sum of the parts', by the chain rule."""
        if not self.parts:
            return wengert.zeros_like(x)
        values = [x]
        for part in self.parts[:-1]:
            values.append(part(values[-1]))
        values.append(y)
        total: Any = 0
        depth = self.domain.event_dim
        for part, before, after in zip(self.parts, values[:-1], values[1:], strict=True):
            total = total + _sum_rightmost(part.log_abs_det_jacobian(before, after), depth - part.domain.event_dim)
            depth += part.codomain.event_dim - part.domain.event_dim
        result: Tensor = total
        return result

    def forward_shape(self, shape: Sequence[int]) -> Any:
        """Through all parts."""
        for part in self.parts:
            shape = part.forward_shape(shape)
        return shape

    def inverse_shape(self, shape: Sequence[int]) -> Any:
        """Back through all parts."""
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return shape

    def __repr__(self) -> str:
        inside = ",\n    ".join(map(repr, self.parts))
        return f"{type(self).__name__}(\n    {inside}\n)"


def _deepened(constraint: Any, event_dim: int) -> Any:
    more = event_dim - constraint.event_dim
    return constraints.independent(constraint, more) if more else constraint


identity_transform = ComposeTransform([])
"""The transform that changes nothing."""


class IndependentTransform(Transform):
    """``base_transform`` with ``reinterpreted_batch_ndims`` batch dimensions counted as dimensions of the event.

    >>> D = torch.distributions
    >>> x = torch.tensor([[1.0, 2.0]])
    >>> D.IndependentTransform(D.ExpTransform(), 1).log_abs_det_jacobian(x, x.exp())
    tensor([3.])
    """

    _made_of = ("base_transform", "reinterpreted_batch_ndims")

    def __init__(self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        self.base_transform = base_transform.with_cache(cache_size)
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:
        """The base's, of deeper events."""
        return constraints.independent(self.base_transform.domain, self.reinterpreted_batch_ndims)

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> Any:
        """The base's, of deeper events."""
        return constraints.independent(self.base_transform.codomain, self.reinterpreted_batch_ndims)

    @property
    def bijective(self) -> bool:
        """As the base."""
        return bool(self.base_transform.bijective)

    @property
    def sign(self) -> Any:
        """As the base."""
        return self.base_transform.sign

    def _call(self, x: Tensor) -> Tensor:
        if x.dim() < self.domain.event_dim:
            raise ValueError("Too few dimensions on input")
        return self.base_transform(x)

    def _inverse(self, y: Tensor) -> Tensor:
        if y.dim() < self.codomain.event_dim:
            raise ValueError("Too few dimensions on input")
        return self.base_transform.inv(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The base's, summed over the reinterpreted dimensions."""
        result: Tensor = _sum_rightmost(self.base_transform.log_abs_det_jacobian(x, y), self.reinterpreted_batch_ndims)
        return result

    def forward_shape(self, shape: Sequence[int]) -> Any:
        """As the base."""
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Any:
        """As the base."""
        return self.base_transform.inverse_shape(shape)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_transform!r}, {self.reinterpreted_batch_ndims})"
