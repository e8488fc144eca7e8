"""``torch.quasirandom``: Sobol sequences, whose points fill the unit cube more evenly than random ones.

Each coordinate is a sequence of its own: point ``i`` is the exclusive or of *direction numbers*, one for each one among
the digits of ``i`` in Gray's code. A coordinate's direction numbers follow from a primitive polynomial over the field
of two elements and as many odd numbers as its degree (Joe & Kuo, *Constructing Sobol sequences with better
two-dimensional projections*, SIAM J. Sci. Comput. 30, 2008; their table D(6), for 21,201 dimensions, is in
``sampling/directions.bin``). Scrambling is Owen's, by random lower triangular matrices and a digital shift.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .core.dtypes import get_default_dtype
from .ops import randint, zeros
from .ops.arguments import dtype_of, integer
from .tensors.generator import Generator
from .tensors.tensor import Tensor, wrap

__all__ = [
    "SobolEngine",
]

Ints = np.ndarray[Any, np.dtype[np.int64]]

_POLYNOMIALS = (1, 1, 2, 2, 6, 6, 18, 16, 48, 60, 176, 144, 630, 756, 1800, 2048, 7710, 7776)
"""How many primitive polynomials there are of each degree from 1 on; the dimensions after the first take them in
order."""


@cache
def _bits() -> np.ndarray[Any, Any]:
    """The table's bits. For each dimension from the third on: the inner coefficients of its polynomial of degree s, of
    the highest power first (s - 1 bits), and its numbers m_2 to m_s, each without its last bit, which is 1 (i - 1 bits
    of m_i)."""
    return np.unpackbits(np.fromfile(Path(__file__).parent / "sampling" / "directions.bin", np.uint8))


def _numbers(bits: np.ndarray[Any, Any]) -> Ints:
    """Rows of bits as integers, the highest first."""
    weights = 1 << np.arange(bits.shape[1] - 1, -1, -1, dtype=np.int64)
    return bits.astype(np.int64) @ weights


def direction_numbers(dimension: int, bits: int) -> Ints:
    """The direction numbers of the first coordinates, (dimension, bits): the fractions times 2 ** bits.

    >>> direction_numbers(3, 4)
    array([[ 8,  4,  2,  1],
           [ 8, 12, 10, 15],
           [ 8, 12,  6,  9]])
    """
    odd = np.ones((dimension, bits), np.int64)
    first, place = 1, 0
    for degree, count in enumerate(_POLYNOMIALS, start=1):
        wanted = min(count, dimension - first)
        if wanted <= 0:
            break
        width = (degree - 1) * (degree + 2) // 2
        table = _bits()[place:place + wanted * width].reshape(wanted, width)
        place += count * width
        m, column = odd[first:first + wanted], degree - 1
        for i in range(2, min(degree, bits) + 1):
            m[:, i - 1] = 2 * _numbers(table[:, column:column + i - 1]) + 1
            column += i - 1
        for k in range(degree, bits):
            m[:, k] = m[:, k - degree] ^ m[:, k - degree] << degree
            for j in range(1, degree):
                m[:, k] ^= table[:, j - 1].astype(np.int64) * m[:, k - j] << j
        first += wanted
    return odd << np.arange(bits - 1, -1, -1)


class SobolEngine:
    """Points of a Sobol sequence in the unit cube of ``dimension`` coordinates, 1 to 21201.

    ``scramble`` randomises the sequence and keeps how evenly it fills the cube; ``seed`` says how. The numbers are
    those of PyTorch. Raises ValueError for another number of dimensions.

    >>> torch.quasirandom.SobolEngine(2).draw(3)
    tensor([[0.0000, 0.0000],
            [0.5000, 0.5000],
            [0.7500, 0.2500]])
    """

    MAXBIT = 30
    MAXDIM = 21201

    def __init__(self, dimension: int, scramble: bool = False, seed: int | None = None) -> None:
        count = integer(dimension, "SobolEngine")
        if not 1 <= count <= self.MAXDIM:
            raise ValueError(f"[SobolEngine] Supported range of dimensionality for SobolEngine is [1, {self.MAXDIM}]; "
                             f"got {count}")
        self.dimension, self.scramble, self.seed = count, scramble, seed
        self.sobolstate = wrap(direction_numbers(count, self.MAXBIT))
        self.shift = zeros(count, dtype=self.sobolstate.dtype)
        if scramble:
            self._scramble()
        self.num_generated = 0
        self.quasi: Tensor = self.shift.clone()
        self._first_point = (self.quasi / 2**self.MAXBIT).reshape(1, -1)

    def _scramble(self) -> None:
        generator = None  # without a seed, the one of the program
        if self.seed is not None:
            generator = Generator()
            generator.manual_seed(self.seed)
        bits, count = self.MAXBIT, self.dimension
        digits = randint(2, (count, bits), generator=generator).numpy()
        self.shift = wrap(digits @ (1 << np.arange(bits, dtype=np.int64)))
        lower = np.tril(randint(2, (count, bits, bits), generator=generator).numpy())
        lower[:, range(bits), range(bits)] = 1
        state = self.sobolstate.numpy()
        places = np.arange(bits - 1, -1, -1)
        for row in range(0, count, 256):  # rows at a time, as their digits take 900 numbers each
            digits = state[row:row + 256, :, None] >> places & 1
            mixed = np.einsum("dpk,djk->djp", lower[row:row + 256], digits) & 1
            state[row:row + 256] = mixed @ (1 << places)

    def draw(self, n: int = 1, out: Tensor | None = None, dtype: Any = None) -> Tensor:
        """The next ``n`` points, (n, dimension), of ``dtype`` or the default; into ``out``, where that is given."""
        wanted = dtype_of(dtype) or get_default_dtype()
        count = integer(n, "draw")
        if count < 0:
            raise ValueError(f"[draw] a number of points from 0 on was expected; got {count}")
        places = self._walk(count)
        points = (wrap(places).to(wanted) * 2.0**-self.MAXBIT)
        if self.num_generated == 0 and count:
            points[0] = self._first_point[0].to(wanted)
        self.num_generated += count
        if out is None:
            return points
        out.resize_as_(points).copy_(points)
        return out

    def _walk(self, count: int) -> Ints:
        """The next points times 2 ** MAXBIT. Each differs from the one before by the direction number of the lowest 0
        among the digits of that one's number."""
        if not count:
            return np.empty((0, self.dimension), np.int64)
        start, state = self.num_generated, self.sobolstate.numpy()
        if start + count > 2**self.MAXBIT:
            raise ValueError(f"[draw] {2**self.MAXBIT} points at most were expected, as many as there are; got {count} "
                             f"after {start}")
        numbers = np.arange(max(start, 1) - 1, start + count - 1)
        lowest = np.log2((~numbers & numbers + 1).astype(np.float64)).astype(np.int64)
        steps = state[:, lowest].T
        head = self.quasi.numpy()[None]
        found = np.bitwise_xor.accumulate(np.concatenate([head, steps]), axis=0)
        self.quasi = wrap(found[-1].copy())
        return found if start == 0 else found[1:]

    def draw_base2(self, m: int, out: Tensor | None = None, dtype: Any = None) -> Tensor:
        """The next ``2 ** m`` points. Raises ValueError where all points drawn would be no power of two, for which the
        sequence is balanced."""
        count = 2 ** integer(m, "draw_base2")
        total = self.num_generated + count
        if total & total - 1:
            raise ValueError(f"[draw_base2] The balance properties of Sobol' points require n to be a power of 2. "
                             f"{self.num_generated} points have been previously generated, then: "
                             f"n={self.num_generated}+2**{m}={total}. If you still want to do this, please use "
                             "'SobolEngine.draw()' instead.")
        return self.draw(n=count, out=out, dtype=dtype)

    def reset(self) -> SobolEngine:
        """Goes back to the beginning; returns itself."""
        self.quasi = self.shift.clone()
        self.num_generated = 0
        return self

    def fast_forward(self, n: int) -> SobolEngine:
        """Passes over ``n`` points; returns itself."""
        count = integer(n, "fast_forward")
        if count < 0:
            raise ValueError(f"[fast_forward] a number of points from 0 on was expected; got {count}")
        if self.num_generated + count > 2**self.MAXBIT:
            raise ValueError(f"[fast_forward] {2**self.MAXBIT} points at most were expected, as many as there are; got "
                             f"{count} after {self.num_generated}")
        if count:
            reached = self.num_generated + count - 1  # the point that is passed over last: its Gray code says all
            gray, state = reached ^ reached >> 1, self.sobolstate.numpy()
            chosen = state[:, [bit for bit in range(self.MAXBIT) if gray >> bit & 1]]
            self.quasi = wrap(self.shift.numpy() ^ np.bitwise_xor.reduce(chosen, axis=1))
        self.num_generated += count
        return self

    def __repr__(self) -> str:
        scramble = ", scramble=True" if self.scramble else ""
        seed = "" if self.seed is None else f", seed={self.seed}"
        return f"SobolEngine(dimension={self.dimension}{scramble}{seed})"
