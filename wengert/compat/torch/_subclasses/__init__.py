"""``torch._subclasses``: tensors without elements, as summaries of models ask for them."""

from .fake_tensor import FakeTensor as FakeTensor, FakeTensorMode as FakeTensorMode
