"""Event files for TensorBoard, written with its own package: the extra ``wengert[tensorboard]``."""

from __future__ import annotations

try:
    import tensorboard as _tensorboard  # noqa: F401
except ImportError:
    raise ModuleNotFoundError("torch.utils.tensorboard writes its files with the package tensorboard: pip install "
                              "'wengert[tensorboard]'", name="tensorboard") from None

from .writer import FileWriter as FileWriter, SummaryWriter as SummaryWriter

__all__ = ["FileWriter", "SummaryWriter"]
