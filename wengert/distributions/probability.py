"""Families with one parameter under two names: the probabilities ``probs``, or the ``logits``.

A user gives one of the two; the other is computed from it when first read.
"""

from __future__ import annotations

from typing import Any

from wengert import Tensor

from .utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits


class Binary:
    """The two names of the probability of a success. Instances hold the one that was given."""

    _is_binary = True

    def _take(self, probs: Any, logits: Any, *others: Any) -> tuple[Tensor, ...]:
        """Keeps the one of the two that is given, broadcast with the ``others``, which are returned."""
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        name, given = ("logits", logits) if probs is None else ("probs", probs)
        *rest, value = broadcast_all(*others, given)
        self.__dict__[name] = value
        return tuple(rest)

    @property
    def _param(self) -> Tensor:
        """One of the two, for its shape and dtype."""
        kept: Tensor | None = self.__dict__.get("probs")
        return self.logits if kept is None else kept

    @lazy_property
    def logits(self) -> Tensor:
        """The logarithm of the odds, log p − log(1 − p), of each success; or log p of each category."""
        return probs_to_logits(self.probs, self._is_binary)

    @lazy_property
    def probs(self) -> Tensor:
        """The probability of each success, or of each category."""
        return logits_to_probs(self.logits, self._is_binary)

    @property
    def param_shape(self) -> Any:
        """The shape of the parameter."""
        return self._param.shape


class Categories(Binary):
    """The same for several categories: the last dimension of the parameter."""

    _is_binary = False

    def _take(self, probs: Any, logits: Any, *others: Any) -> tuple[Tensor, ...]:
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        name, given = ("logits", logits) if probs is None else ("probs", probs)
        if given.dim() < 1:
            raise ValueError(f"`{name}` parameter must be at least one-dimensional.")
        if name == "probs":
            self.__dict__[name] = given / given.sum(-1, keepdim=True)
        else:
            self.__dict__[name] = given - given.logsumexp(-1, keepdim=True)
        return ()
