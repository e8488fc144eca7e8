"""Weight normalisation by hooks: the old form of `nn.utils.parametrizations.weight_norm`, with the same formula.

w = g v / ‖v‖, the norm taken over all dimensions but one (Salimans & Kingma, *Weight Normalization*, 2016).
"""

from __future__ import annotations

from typing import Any, TypeVar

from ...core.errors import in_words
from ...core.frames import warn
from ...tensors.tensor import Tensor
from ..functional.affine import norm_except_dim, normed
from ..module import Module
from ..parameter import Parameter, is_lazy
from .pre_hooks import remove_pre_hook

ModuleT = TypeVar("ModuleT", bound=Module)


class WeightNorm:
    """The hook: before every call it computes the weight ``name`` from its length ``name_g`` and direction ``name_v``,
    which are the parameters."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Tensor:
        """The weight for the parameters as they are."""
        return normed(getattr(module, self.name + "_v"), getattr(module, self.name + "_g"), self.dim)

    @staticmethod
    def apply(module: Module, name: str, dim: int | None) -> WeightNorm:
        """Splits the parameter ``name`` and registers the hook. Raises RuntimeError where it is there already,
        ValueError for a lazy parameter."""
        for hook in module._own_hooks().forward_pre.values():
            if isinstance(hook.function, WeightNorm) and hook.function.name == name:
                raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
        made = WeightNorm(name, dim)
        weight = getattr(module, name)
        if is_lazy(weight):
            raise ValueError(
                "The module passed to `WeightNorm` can't have uninitialized parameters. Make sure to run the dummy "
                "forward before applying weight normalization"
            )
        del module._parameters[name]
        module.register_parameter(name + "_g", Parameter(norm_except_dim(weight.detach(), 2, made.dim)))
        module.register_parameter(name + "_v", Parameter(weight.data))
        setattr(module, name, made.compute_weight(module))
        module.register_forward_pre_hook(made)
        return made

    def remove(self, module: Module) -> None:
        """Makes one parameter of the two again."""
        weight = self.compute_weight(module)
        delattr(module, self.name)
        del module._parameters[self.name + "_g"], module._parameters[self.name + "_v"]
        setattr(module, self.name, Parameter(weight.data))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


@in_words
def weight_norm(module: ModuleT, name: str = "weight", dim: int | None = 0) -> ModuleT:
    """Replaces the parameter ``name`` of ``module`` by its length, one for each place along ``dim`` (None: one for
    all), and its direction. Deprecated in favour of `nn.utils.parametrizations.weight_norm`. Returns ``module``. Raises
    AttributeError where the module has no such parameter, and RuntimeError where it is replaced already.

    >>> layer = nn.utils.weight_norm(nn.Linear(3, 2))
    >>> sorted(name for name, _ in layer.named_parameters())
    ['bias', 'weight_g', 'weight_v']
    """
    warn(
        "`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
    )
    WeightNorm.apply(module, name, dim)
    return module


@in_words
def remove_weight_norm(module: ModuleT, name: str = "weight") -> ModuleT:
    """Undoes `weight_norm`. Raises ValueError where there is none.

    >>> layer = nn.utils.weight_norm(nn.Linear(3, 2))
    >>> layer = nn.utils.remove_weight_norm(layer)
    >>> sorted(name for name, _ in layer.named_parameters())
    ['bias', 'weight']
    """
    hook = remove_pre_hook(module, lambda function: isinstance(function, WeightNorm) and function.name == name)
    if hook is None:
        raise ValueError(f"weight_norm of '{name}' not found in {module}")
    hook.remove(module)
    return module
