"""The random number generator: MT19937 with PyTorch's seeding, order of draws and saved state.

The one idea to know: everything random is a function of a stream of 32-bit words. `MersenneTwister` hands out that
stream and knows how PyTorch stores its place in it; what is made of the words stands in `reals` and `integers`.
numpy's MT19937 is the engine. It is asked for whole blocks of 624 words only, and the place within a block is kept
here, so that a small request is a slice of an array. ``numpy.random`` is imported with the first draw.

This module may import ``core``; it knows arrays only.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.device import device as Device
from ..core.device import require_cpu
from ..core.state import state as thread

if TYPE_CHECKING:
    from typing import Self

    from numpy.random import MT19937

Words = np.ndarray[Any, np.dtype[np.uint32]]

BLOCK = 624  # the words that MT19937 makes at a time: the length of its state
_BLOCKS_AT_ONCE = 64  # of a long request, asked of the engine together: 320 KB, which stay in the cache
_DEFAULT_SEED = 67280421310721  # of a generator that nobody has seeded

# Note [The saved state]: PyTorch saves a C structure, every word of the engine widened to 64 bits:
#   seed u64 | left i32 | seeded i32 | next u64 | 624 words u64 | x f64 | y f64 | rho f64 | has y i32 | padding 4
#   | float normal f32 | has float normal u8 | padding 3
# `next` words of the block have been used and `left` is 625 - next; only a generator that was seeded and has drawn
# nothing has next = 0 with left = 1: its words are the seed's, from which the first block is still to be made. `y` is
# the second normal number of a pair of which only the first was asked for. x, rho and the float normal are not used.
_HEAD = struct.Struct("<QiiQ")
_TAIL = struct.Struct("<dddi4xfB3x")
_STATE_BYTES = _HEAD.size + 8 * BLOCK + _TAIL.size
_NORMAL_BYTES = slice(_HEAD.size + 8 * BLOCK, _STATE_BYTES)


class MersenneTwister:
    """A stream of random numbers, the same as PyTorch's CPU generator's for the same seed.

    ``device`` must be the CPU. A generator that nobody has seeded starts from PyTorch's default seed. States made by
    `state_array` are PyTorch's too. One generator is not to be used by two threads at once.

    >>> from wengert.sampling.reals import uniform
    >>> uniform(MersenneTwister().manual_seed(0), 3, np.dtype("float32"))
    array([0.4962566 , 0.7682218 , 0.08847743], dtype=float32)
    """

    __slots__ = (
        "__weakref__", "_block", "_engine", "_numbers", "_position", "_seed", "_started", "device", "next_normal",
    )

    def __init__(self, device: Device | str = "cpu") -> None:
        require_cpu(device)
        self.device = Device(device)
        self._engine: MT19937 | None = None
        self._seed = _DEFAULT_SEED
        self._rewind()

    def _rewind(self) -> None:
        """Goes to the start of the stream of ``_seed``; the engine is seeded with the first draw."""
        self._started = False  # whether the engine holds the seed and has made a block
        self._block: Words = np.empty(0, np.uint32)
        self._position = BLOCK  # the words of the block that have been used
        self._numbers: list[int] | None = None  # the block as Python numbers, made when single words are asked for
        self.next_normal: float | None = None  # see Note [The saved state]

    # ---- seeds

    def manual_seed(self, seed: int, /) -> Self:
        """Starts the stream of ``seed`` and returns the generator.

        Seeds from -2**63 to 2**64 - 1 are taken, a negative one as its two's complement. As in PyTorch the low 32
        bits choose the stream. Raises RuntimeError for what is no int and ValueError for one out of range.
        """
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
            raise RuntimeError(
                f"[manual_seed] a long was expected; got {type(seed).__name__}; convert with int(...) first"
            )
        seed = int(seed)
        if not -(2**63) <= seed < 2**64:
            raise ValueError(
                f"[manual_seed] a seed from -2**63 to 2**64 - 1 was expected; got {seed}, which would overflow; take "
                f"it modulo 2**64"
            )
        if thread.watcher is not None:
            thread.watcher.draws(self, reseeds=True)
        self._seed = seed % 2**64
        self._rewind()
        return self

    def seed(self) -> int:
        """Starts the stream of a seed from the operating system's entropy, and returns that seed."""
        if thread.watcher is not None:
            thread.watcher.draws(None, reseeds=True)
        self.manual_seed(int.from_bytes(os.urandom(8), "little"))
        return self._seed

    def initial_seed(self) -> int:
        """The seed that the stream was started from."""
        return self._seed

    # ---- the stream

    def random32(self, count: int) -> Words:
        """The next ``count`` words of the stream, as an array of uint32 that is not to be written to."""
        if thread.watcher is not None:
            thread.watcher.draws(self)
        position, end = self._position, self._position + count
        if end <= BLOCK:
            self._position = end
            return self._block[position:end]
        words = np.empty(count, np.uint32)
        filled = BLOCK - position
        words[:filled] = self._block[position:]
        engine = self._running_engine()
        while count - filled >= BLOCK:
            length = min((count - filled) // BLOCK, _BLOCKS_AT_ONCE) * BLOCK
            words[filled : filled + length] = engine.random_raw(length)
            filled += length
        # The next block is made when a word of it is asked for and not before: the saved state depends on it.
        self._position = BLOCK
        if filled < count:
            self._next_block(engine)
            self._position = count - filled
            words[filled:] = self._block[: count - filled]
        return words

    def random64(self, count: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
        """The next ``count`` pairs of words as an array of uint64; the first word of a pair is the upper half."""
        words = self.random32(2 * count)
        return (words[0::2].astype(np.uint64) << np.uint64(32)) | words[1::2]

    def random_double(self) -> float:
        """One double of [0, 1), from the lower 53 bits of a pair of words; for algorithms that draw one by one."""
        if thread.watcher is not None:
            thread.watcher.draws(self)
        position = self._position
        if position + 2 <= BLOCK:
            if self._numbers is None:
                self._numbers = self._block.tolist()
            high, low = self._numbers[position], self._numbers[position + 1]
            self._position = position + 2
        else:
            high, low = self.random32(2).tolist()
        return ((high & 0x1FFFFF) << 32 | low) * 2.0**-53

    def _running_engine(self) -> MT19937:
        """The engine, positioned after the last block that it made."""
        engine = self._engine
        if engine is None:
            from numpy.random import MT19937

            engine = self._engine = MT19937(0)
        if not self._started:
            # The seeding of Matsumoto and Nishimura's init_genrand, which numpy keeps for its own old programs.
            engine._legacy_seeding(self._seed & 0xFFFFFFFF)
            self._started = True
        return engine

    def _next_block(self, engine: MT19937) -> None:
        block = engine.random_raw(BLOCK).astype(np.uint32)
        block.flags.writeable = False  # slices of it are handed out
        self._block, self._position, self._numbers = block, 0, None

    # ---- states

    def state_array(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """The state as PyTorch saves it: 5056 bytes, see Note [The saved state]."""
        drawn = self._started
        engine_state: Any = self._running_engine().state
        self._started = drawn
        used = self._position if drawn else 0
        left = BLOCK + 1 - used if drawn else 1
        normal = 0.0 if self.next_normal is None else self.next_normal
        words = engine_state["state"]["key"].astype("<u8").tobytes()
        head = _HEAD.pack(self._seed, left, 1, used)
        tail = _TAIL.pack(0.0, normal, 0.0, self.next_normal is not None, 0.0, 0)
        return np.frombuffer(bytearray(head + words + tail), np.uint8)

    def set_state_array(self, state: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
        """Takes up the state that `state_array`, or PyTorch, saved: 5056 bytes of any shape.

        Raises TypeError for another dtype and RuntimeError for another size or bytes that are no state; the
        generator is then as it was.
        """
        if state.dtype != np.uint8:
            raise TypeError(
                f"[set_state] RNG state must be a torch.ByteTensor (dtype uint8); got dtype {state.dtype}; pass what "
                f"get_state() returned"
            )
        if state.size != _STATE_BYTES:
            raise RuntimeError(
                f"[set_state] a CPU generator's state of {_STATE_BYTES} bytes was expected; got {state.size} bytes; "
                f"pass what get_state() returned"
            )
        data = state.tobytes()
        seed, left, seeded, used = _HEAD.unpack_from(data)
        drawn = (left, used) != (1, 0)
        if not seeded or (drawn and not (1 <= used <= BLOCK and left == BLOCK + 1 - used)):
            raise RuntimeError(
                f"[set_state] a valid mt19937 state was expected; got one with seeded={seeded}, left={left} and "
                f"next={used}; pass what get_state() returned"
            )
        _, normal, _, has_normal, _, _ = _TAIL.unpack(data[_NORMAL_BYTES])
        key = np.frombuffer(data, "<u8", BLOCK, _HEAD.size).astype(np.uint32)
        self._seed = seed
        self._rewind()
        if drawn:
            engine = self._running_engine()
            # From position 0 the engine hands out the block that these words are, and makes no new one.
            engine.state = {"bit_generator": "MT19937", "state": {"key": key, "pos": 0}}
            self._next_block(engine)
            self._position = used
        self.next_normal = normal if has_normal else None

    def clone_state(self) -> Self:
        """A new generator in the same state; the two then go their own ways."""
        clone = type(self)(self.device)
        clone.set_state_array(self.state_array())
        return clone

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.device,), self.state_array().tobytes()

    def __setstate__(self, state: bytes) -> None:
        self.set_state_array(np.frombuffer(state, np.uint8))
