"""`Generator`: the stream of random words of `wengert.sampling`, with its state as a tensor; and the default one."""

from __future__ import annotations

from ..core.state import state
from ..sampling.twister import MersenneTwister
from .tensor import Tensor, wrap

__all__ = ["Generator", "default_generator"]


class Generator(MersenneTwister):
    """A stream of random numbers, the same as PyTorch's CPU generator's for the same seed.

    ``device`` must be the CPU. A generator that nobody has seeded starts from PyTorch's default seed. States made by
    `get_state` can be given to PyTorch's ``set_state`` and the other way round. One generator is not to be used by
    two threads at once.

    >>> g = torch.Generator()
    >>> _ = g.manual_seed(0)
    >>> torch.rand(2, generator=g)
    tensor([0.4963, 0.7682])
    >>> _ = g.manual_seed(0)
    >>> torch.rand(2, generator=g)
    tensor([0.4963, 0.7682])
    """

    __slots__ = ()

    def get_state(self) -> Tensor:
        """The state as a uint8 tensor of 5056 elements, which PyTorch's ``set_state`` understands too."""
        if state.watcher is not None:
            state.watcher.draws(self, reseeds=True)
        return wrap(self.state_array())

    def set_state(self, new_state: Tensor, /) -> Generator:
        """Takes up a state that `get_state` returned; see `set_state_array` for what it raises."""
        if not isinstance(new_state, Tensor):
            raise TypeError(
                f"[set_state] expected a torch.ByteTensor; got {type(new_state).__name__}; pass what get_state() gave"
            )
        if state.watcher is not None:
            state.watcher.draws(self, reseeds=True)
        self.set_state_array(new_state._data)
        return self


default_generator = Generator()
default_generator.seed()
