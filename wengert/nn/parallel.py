"""Models on several devices. On a machine without accelerators PyTorch's `DataParallel` runs the module itself; so does
this one, which knows no other machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .._public import publish as _publish
from .module import Module

# As in a package, so that `import torch.nn.parallel.scatter_gather` is tried at all.
__path__: list[str] = []


class DataParallel(Module):
    """Calls ``module``; its parameters and state have ``module.`` before their names, as programs expect.

    ``device_ids``, ``output_device`` and ``dim`` are for devices that there are not.

    >>> import wengert as torch
    >>> from wengert import nn
    >>> model = nn.DataParallel(nn.Linear(2, 1))
    >>> list(model.state_dict())
    ['module.weight', 'module.bias']
    """

    module: Module

    def __init__(self, module: Module, device_ids: Sequence[Any] | None = None, output_device: Any = None,
                 dim: int = 0) -> None:
        super().__init__()
        self.module = module
        self.device_ids: list[int] = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)


if TYPE_CHECKING:

    class DistributedDataParallel(Module):
        """Above this floor: made in ``wengert.distributed.parallel``, when it is first asked for."""

        def __init__(self, module: Module, *arguments: Any, **options: Any) -> None: ...

_publish(__name__, late={"distributed.parallel": "DistributedDataParallel"}, base="wengert")
