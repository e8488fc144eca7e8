"""Spectral normalisation by hooks: the old form of `nn.utils.parametrizations.spectral_norm`.

A weight, seen as a matrix, is divided by its largest singular value, which power iteration follows from call to call
(Miyato et al., *Spectral Normalization for Generative Adversarial Networks*, 2018).
"""

from __future__ import annotations

from typing import Any, TypeVar

from ...autograd.modes import no_grad
from ...core.errors import in_words
from ...core.geometry import check_count
from ...ops import dot, mv
from ...ops.arguments import integer
from ...tensors.tensor import Tensor
from ..functional.affine import normalize
from ..layers import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from ..module import Module
from ..parameter import Parameter, is_lazy
from .pre_hooks import remove_pre_hook

ModuleT = TypeVar("ModuleT", bound=Module)


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """``weight`` with ``dim`` as the rows and all other dimensions as the columns."""
    if dim != 0:
        weight = weight.permute(dim, *(d for d in range(weight.dim()) if d != dim))
    return weight.reshape(weight.shape[0], -1)


def output_dim(module: Module, dim: int | None) -> int:
    """``dim``; where it is None, the dimension of the outputs of ``module``."""
    if dim is not None:
        return dim
    return 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0


class SpectralNorm:
    """The hook: before every call it computes the weight ``name`` from the parameter ``name_orig`` and the singular
    vectors in the buffers ``name_u`` and ``name_v``, which move on in training."""

    _version = 1

    def __init__(self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        check_count("spectral_norm", "n_power_iterations", n_power_iterations)
        self.name = name
        self.dim = dim
        self.n_power_iterations = integer(n_power_iterations, "spectral_norm")
        self.eps = eps

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        """The weight divided by its largest singular value."""
        weight = getattr(module, self.name + "_orig")
        u, v = getattr(module, self.name + "_u"), getattr(module, self.name + "_v")
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(normalize(mv(matrix.t(), u), dim=0, eps=self.eps))
                    u.copy_(normalize(mv(matrix, v), dim=0, eps=self.eps))
                # The graph keeps these: the next call may overwrite the buffers before backward.
                u, v = u.clone(), v.clone()
        return weight / dot(u, mv(matrix, v))

    @staticmethod
    def apply(module: Module, name: str, n_power_iterations: int, dim: int, eps: float) -> SpectralNorm:
        """Draws the singular vectors and registers the hook. Raises RuntimeError where it is there already, ValueError
        for a parameter that is None or lazy."""
        for hook in module._own_hooks().forward_pre.values():
            if isinstance(hook.function, SpectralNorm) and hook.function.name == name:
                raise RuntimeError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
        made = SpectralNorm(name, n_power_iterations, dim, eps)
        if name not in module._parameters:
            raise KeyError(name)
        weight = module._parameters[name]
        if weight is None:
            raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
        if is_lazy(weight):
            raise ValueError(
                "The module passed to `SpectralNorm` can't have uninitialized parameters. Make sure to run the dummy "
                "forward before applying spectral normalization"
            )
        with no_grad():
            height, width = as_matrix(weight, dim).shape
            u = normalize(weight.new_empty(height).normal_(0, 1), dim=0, eps=eps)
            v = normalize(weight.new_empty(width).normal_(0, 1), dim=0, eps=eps)
        delattr(module, name)
        module.register_parameter(name + "_orig", weight)
        # No parameter: the optimiser is not to see it. The first call makes it anew.
        setattr(module, name, weight.data)
        module.register_buffer(name + "_u", u)
        module.register_buffer(name + "_v", v)
        module.register_forward_pre_hook(made)
        module.register_state_dict_post_hook(made._note_version)
        return made

    def _note_version(self, module: Module, state_dict: Any, prefix: str, local_metadata: dict[str, Any]) -> None:
        local_metadata.setdefault("spectral_norm", {})[self.name + ".version"] = self._version

    def remove(self, module: Module) -> None:
        """Makes the normalised weight the parameter."""
        with no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        for suffix in ("", "_u", "_v", "_orig"):
            delattr(module, self.name + suffix)
        module.register_parameter(self.name, Parameter(weight.detach()))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, do_power_iteration=module.training))


@in_words
def spectral_norm(
    module: ModuleT, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> ModuleT:
    """Divides the parameter ``name`` of ``module``, before every call, by its largest singular value; returns
    ``module``.

    ``dim`` is the dimension that counts as the rows: that of the outputs if None. Raises KeyError where the module has
    no such parameter, RuntimeError where it is divided already, and ValueError for less than one iteration.

    >>> layer = nn.utils.spectral_norm(nn.Linear(3, 3), n_power_iterations=20)
    >>> _ = layer(torch.ones(1, 3))
    >>> torch.allclose(torch.linalg.matrix_norm(layer.weight, 2), torch.tensor(1.0), atol=1e-2)
    True
    """
    SpectralNorm.apply(module, name, n_power_iterations, output_dim(module, dim), eps)
    return module


@in_words
def remove_spectral_norm(module: ModuleT, name: str = "weight") -> ModuleT:
    """Undoes `spectral_norm`; the normalised weight stays. Raises ValueError where there is none.

    >>> layer = nn.utils.spectral_norm(nn.Linear(3, 3))
    >>> layer = nn.utils.remove_spectral_norm(layer)
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'weight']
    """
    hook = remove_pre_hook(module, lambda function: isinstance(function, SpectralNorm) and function.name == name)
    if hook is None:
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    hook.remove(module)
    posts = module._own_hooks().state_dict_post
    for key, post in list(posts.items()):
        if getattr(post.function, "__self__", None) is hook:
            del posts[key]
    return module
