"""The multinomial distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import wengert
from wengert import Size, Tensor

from . import constraints
from .binomial import Binomial
from .categorical import OverCategories
from .distribution import shape_of


class Multinomial(OverCategories):
    """How often each of K categories comes up in ``total_count`` draws; parameters as of `Categorical`.

    ``total_count`` is one int for the whole batch; another raises NotImplementedError.

    >>> p = torch.distributions.Multinomial(2, torch.tensor([0.5, 0.5]))
    >>> p.log_prob(torch.tensor([1.0, 1.0])).exp(), p.mean
    (tensor(0.5000), tensor([1., 1.]))
    """

    total_count: int
    _batched = {}
    _kept = ("total_count",)

    def __init__(self, total_count: int = 1, probs: Tensor | None = None, logits: Tensor | None = None,
                 validate_args: bool | None = None) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        super().__init__(probs, logits, validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        """Counts that sum to ``total_count``."""
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        sample_shape = shape_of(sample_shape)
        chosen = self._categorical.sample(Size((self.total_count,)) + sample_shape)
        chosen = chosen.movedim(0, -1)
        counts = wengert.zeros(self._extended_shape(sample_shape), dtype=self.probs.dtype)
        return counts.scatter_add_(-1, chosen, wengert.ones(chosen.shape, dtype=counts.dtype))

    def entropy(self) -> Tensor:
        """Of K categories the counts are binomial; their log factorials are summed over all values."""
        count = wengert.tensor(self.total_count, dtype=self.probs.dtype)
        parts = Binomial(self.total_count, self.probs)
        values = parts.enumerate_support(expand=False)[1:]
        expected = (parts.log_prob(values).exp() * (values + 1).lgamma()).sum((0, -1))
        return self.total_count * self._categorical.entropy() - (count + 1).lgamma() + expected

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_sample(value)
        logits, value = wengert.broadcast_tensors(self.logits, value)
        # 0 · −∞ counts as 0: a category of probability 0 may come up 0 times.
        terms = (value * wengert.where((value == 0) & (logits == -float("inf")), 0.0, logits)).sum(-1)
        return (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1) + terms
