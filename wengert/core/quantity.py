"""A number that is read anew at each call of a recorded function, where Python code sees a float.

An argument that is a float, or the ``lr`` of an optimiser, must not be frozen into a recording. While a function is
recorded, such a number is a `Quantity`: arithmetic with it is written down, and what needs to know its value notes so.
The recorder makes them (tracing/quantities.py); here is only what the promotion of operands must know.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from .dtypes import DType


class Quantity(ABC):
    """Stands for a Python float; ``isinstance(quantity, float)`` holds."""

    __slots__ = ()

    __class__ = property(lambda self: float)

    @abstractmethod
    def cast(self, dtype: DType) -> Quantity:
        """The number in the dtype in which it meets a tensor."""

    @abstractmethod
    def fixed(self) -> float:
        """Its value, which is part of the recording from now on: another value is another recording."""
