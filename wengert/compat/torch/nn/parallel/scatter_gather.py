"""``torch.nn.parallel.scatter_gather``: names alone, as there is one device."""

from __future__ import annotations

from ....hollows import fill

fill(vars(), functions="scatter scatter_kwargs gather")
