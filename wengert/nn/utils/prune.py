"""Pruning: weights set to zero by a mask, before every call, while the parameter itself lives on.

Pruning the tensor ``weight`` moves the parameter to ``weight_orig``, keeps the mask in the buffer ``weight_mask``, and
registers the method as a forward pre-hook that computes their product. Methods applied one after another to the same
tensor are gathered in a `PruningContainer`; each sees only what is left.
"""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from ...core.errors import in_words
from ...ops import kthvalue, ones_like, rand, rand_like, topk, zeros_like
from ...ops.linalg import vector_norm
from ...tensors.tensor import Tensor
from ..module import Module
from .clipping import parameters_to_vector
from .pre_hooks import remove_pre_hook

ModuleT = TypeVar("ModuleT", bound=Module)

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured", "PruningContainer",
    "RandomStructured", "RandomUnstructured", "custom_from_mask", "global_unstructured", "identity", "is_pruned",
    "l1_unstructured", "ln_structured", "random_structured", "random_unstructured", "remove",
]


@in_words
class BasePruningMethod(ABC):
    """The base of all methods: a subclass says in `compute_mask` what stays.

    ``PRUNING_TYPE`` is ``"unstructured"`` (elements), ``"structured"`` (whole slices along ``dim``) or ``"global"``.

    >>> class First(nn.utils.prune.BasePruningMethod):
    ...     PRUNING_TYPE = "unstructured"
    ...     def compute_mask(self, t, default_mask):
    ...         mask = default_mask.clone()
    ...         mask.view(-1)[0] = 0
    ...         return mask
    >>> layer = nn.Linear(3, 1)
    >>> _ = First.apply(layer, "weight")
    >>> layer.weight_mask
    tensor([[0., 1., 1.]])
    """

    PRUNING_TYPE: str
    _tensor_name: str

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of ones and zeros for the importances ``t``, within ``default_mask``."""

    def apply_mask(self, module: Module) -> Tensor:
        """The parameter times the mask."""
        original = getattr(module, self._tensor_name + "_orig")
        return getattr(module, self._tensor_name + "_mask").to(dtype=original.dtype) * original

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> BasePruningMethod:
        """Prunes the parameter ``name`` of ``module`` by the method made of the other arguments, on top of what has
        been pruned before. ``importance_scores`` decides instead of the parameter. Raises AssertionError where its
        shape differs."""
        made = cls(*args, **kwargs)
        made._tensor_name = name
        earlier = _take_off(module, name)
        method: BasePruningMethod = made
        if earlier is not None:
            method = earlier if isinstance(earlier, PruningContainer) else PruningContainer(earlier)
            method.add_pruning_method(made)
        parameter = getattr(module, name)
        scores = parameter if importance_scores is None else importance_scores
        if scores.shape != parameter.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as parameter {name} of {module}, got {scores.shape} vs "
                f"{parameter.shape}"
            )
        # The mask first: where it cannot be computed the module stays as it was.
        before = ones_like(parameter) if earlier is None else getattr(module, name + "_mask").detach().clone()
        mask = method.compute_mask(scores.detach(), default_mask=before.detach())
        if earlier is None:
            module.register_parameter(name + "_orig", parameter)
            del module._parameters[name]
        module.register_buffer(name + "_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """``t`` with the elements that the method drops at zero; nothing is registered."""
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as tensor t, got {scores.shape} vs {t.shape}"
            )
        return t * self.compute_mask(scores, default_mask=ones_like(t) if default_mask is None else default_mask)

    def remove(self, module: Module) -> None:
        """Makes the pruned tensor the parameter, for good."""
        weight = self.apply_mask(module)
        name = self._tensor_name
        delattr(module, name)
        original: Any = module._parameters.pop(name + "_orig")
        original.data = weight.data
        del module._buffers[name + "_mask"]
        setattr(module, name, original)


def _take_off(module: Module, name: str) -> Any:
    """The method that prunes the tensor ``name`` of ``module``, its hook removed; None where there is none."""
    return remove_pre_hook(module, lambda hook: isinstance(hook, BasePruningMethod) and hook._tensor_name == name)


@in_words
class PruningContainer(BasePruningMethod):
    """Methods applied to one tensor, in turn. Each computes its mask on what those before it have left.

    >>> layer = nn.utils.prune.random_unstructured(nn.Linear(4, 1), "weight", amount=1)
    >>> layer = nn.utils.prune.l1_unstructured(layer, "weight", amount=1)
    >>> hook = next(iter(layer._forward_pre_hooks.values()))
    >>> type(hook).__name__, len(hook), (layer.weight == 0).sum().item()
    ('PruningContainer', 2, 2)
    """

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if args:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Adds a method for the same tensor. Raises TypeError or ValueError for anything else."""
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if self._tensor_name != method._tensor_name:
            raise ValueError(f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to "
                             f"PruningContainer {self}. Found '{method._tensor_name}'")
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, index: int) -> BasePruningMethod:
        return self._pruning_methods[index]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        method = self._pruning_methods[-1]
        mask = default_mask.to(dtype=t.dtype).clone()
        kind = method.PRUNING_TYPE
        where: Any
        if kind == "unstructured":
            where = default_mask == 1
        elif kind == "structured":
            dim = method.dim % t.dim()  # type: ignore[attr-defined]
            left = default_mask.sum(dim=[d for d in range(t.dim()) if d != dim]) != 0
            where = tuple(left if d == dim else slice(None) for d in range(t.dim()))
        elif kind == "global":
            where = (slice(None),) * t.dim()
        else:
            raise ValueError(f"Unrecognized PRUNING_TYPE {kind}")
        mask[where] = method.compute_mask(t[where], default_mask=default_mask[where]).to(dtype=mask.dtype)
        return mask


class Identity(BasePruningMethod):
    """Prunes nothing, but moves the parameter as pruning does.

    >>> layer = nn.Linear(3, 1)
    >>> _ = nn.utils.prune.Identity.apply(layer, "weight")
    >>> layer.weight_mask
    tensor([[1., 1., 1.]])
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class _Amount(BasePruningMethod):
    """A method that drops ``amount``: a number of elements or slices, or a part of them between 0 and 1.

    Raises TypeError or ValueError for another.
    """

    amount: Any

    def __init__(self, amount: Any) -> None:
        if not isinstance(amount, numbers.Real):
            raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
        whole = isinstance(amount, numbers.Integral)
        if float(amount) < 0 or (not whole and float(amount) > 1.0):
            raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")
        self.amount = amount

    def _count(self, size: int) -> int:
        """How many of ``size`` to drop. Raises ValueError where there are not so many."""
        if not isinstance(self.amount, numbers.Integral):
            return round(self.amount * size)
        count = int(self.amount)
        if count > size:
            raise ValueError(f"amount={count} should be smaller than the number of parameters to prune={size}")
        return count


class _Unstructured(_Amount):
    """Drops the elements that score lowest."""

    PRUNING_TYPE = "unstructured"

    def _lowest(self, t: Tensor, count: int) -> Tensor:
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        count = self._count(t.numel())
        mask = default_mask.clone()
        if count:
            mask.view(-1)[self._lowest(t, count)] = 0
        return mask


class RandomUnstructured(_Unstructured):
    """Drops ``amount`` elements at random.

    >>> layer = nn.Linear(4, 1)
    >>> _ = nn.utils.prune.RandomUnstructured.apply(layer, "weight", amount=2)
    >>> (layer.weight_mask == 0).sum()
    tensor(2)
    """

    def _lowest(self, t: Tensor, count: int) -> Tensor:
        return topk(rand_like(t).view(-1), k=count).indices


class L1Unstructured(_Unstructured):
    """Drops the ``amount`` elements of the smallest magnitude.

    >>> layer = nn.Linear(3, 1)
    >>> _ = nn.init.constant_(layer.weight, 1.0)
    >>> layer.weight.data[0, 1] = 0.1
    >>> _ = nn.utils.prune.L1Unstructured.apply(layer, "weight", amount=1)
    >>> layer.weight_mask
    tensor([[1., 0., 1.]])
    """

    def _lowest(self, t: Tensor, count: int) -> Tensor:
        return topk(t.abs().view(-1), k=count, largest=False).indices


class _Structured(_Amount):
    """Drops whole slices along ``dim``. Raises ValueError for a vector, IndexError for a dimension there is not."""

    PRUNING_TYPE = "structured"
    dim: int

    def _kept(self, t: Tensor, count: int) -> Tensor:
        """Which slices stay: a mask or indices along ``dim``."""
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if t.dim() <= 1:
            raise ValueError(
                "Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
                f"{t.shape} with {t.dim()} dims"
            )
        if self.dim >= t.dim():
            raise IndexError(f"Invalid index {self.dim} for tensor of size {t.shape}")
        count = self._count(t.shape[self.dim])
        if count == 0:
            return default_mask
        mask = zeros_like(t)
        where: list[Any] = [slice(None)] * t.dim()
        where[self.dim] = self._kept(t, count)
        mask[tuple(where)] = 1
        return mask * default_mask.to(dtype=mask.dtype)


@in_words
class RandomStructured(_Structured):
    """Drops ``amount`` slices along ``dim`` at random.

    >>> layer = nn.Linear(2, 3)
    >>> _ = nn.utils.prune.RandomStructured.apply(layer, "weight", amount=1, dim=0)
    >>> (layer.weight_mask == 0).sum()
    tensor(2)
    """

    def __init__(self, amount: float, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def _kept(self, t: Tensor, count: int) -> Tensor:
        drawn = rand(t.shape[self.dim])
        return drawn > kthvalue(drawn, k=count).values


@in_words
class LnStructured(_Structured):
    """Drops the ``amount`` slices along ``dim`` with the smallest ``n``-norms.

    >>> layer = nn.Linear(2, 3)
    >>> _ = layer.weight.data.copy_(torch.tensor([[1.0, 1.0], [0.1, 0.1], [2.0, 2.0]]))
    >>> _ = nn.utils.prune.LnStructured.apply(layer, "weight", amount=1, n=2, dim=0)
    >>> layer.weight_mask
    tensor([[1., 1.],
            [0., 0.],
            [1., 1.]])
    """

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        super().__init__(amount)
        self.n = n
        self.dim = dim

    def _kept(self, t: Tensor, count: int) -> Tensor:
        others = tuple(d for d in range(t.dim()) if d != self.dim % t.dim())
        order = {"fro": 2.0, "nuc": None}.get(self.n, self.n)
        if order is None:
            raise NotImplementedError("LnStructured: the nuclear norm is not in wengert yet; use n=2")
        norms = vector_norm(t, float(order), others)
        return topk(norms, k=t.shape[self.dim] - count, largest=True).indices


@in_words
class CustomFromMask(BasePruningMethod):
    """Drops what ``mask`` says.

    >>> layer = nn.Linear(3, 1)
    >>> _ = nn.utils.prune.CustomFromMask.apply(layer, "weight", torch.tensor([[1.0, 0.0, 1.0]]))
    >>> layer.weight_mask
    tensor([[1., 0., 1.]])
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"default_mask shape {default_mask.shape} must match self.mask shape {self.mask.shape}"
            )
        return default_mask * self.mask.to(dtype=default_mask.dtype)


@in_words
def identity(module: ModuleT, name: str) -> ModuleT:
    """Moves the parameter ``name`` as pruning does, with a mask of ones; returns ``module``.

    >>> layer = nn.utils.prune.identity(nn.Linear(3, 1), "weight")
    >>> layer.weight_mask
    tensor([[1., 1., 1.]])
    """
    Identity.apply(module, name)
    return module


@in_words
def random_unstructured(module: ModuleT, name: str, amount: float) -> ModuleT:
    """Drops ``amount`` elements (a number, or a part of all) of the parameter ``name`` at random; returns
    ``module``.

    >>> layer = nn.utils.prune.random_unstructured(nn.Linear(4, 1), "weight", amount=0.5)
    >>> (layer.weight == 0).sum()
    tensor(2)
    """
    RandomUnstructured.apply(module, name, amount=amount)
    return module


@in_words
def l1_unstructured(
    module: ModuleT, name: str, amount: float, importance_scores: Tensor | None = None
) -> ModuleT:
    """Drops the ``amount`` elements (a number, or a part of all) of smallest magnitude; returns ``module``. Raises
    AttributeError where the module has no such parameter, TypeError where ``amount`` is no number, and ValueError where
    it is negative, no part of one and no whole number, or more than there are.

    >>> import wengert as torch
    >>> from wengert import nn
    >>> layer = nn.Linear(2, 1, bias=False)
    >>> _ = layer.weight.data.copy_(torch.tensor([[0.1, -3.0]]))
    >>> nn.utils.prune.l1_unstructured(layer, "weight", amount=1).weight
    tensor([[ 0., -3.]], grad_fn=<MulBackward0>)
    """
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


@in_words
def random_structured(module: ModuleT, name: str, amount: float, dim: int) -> ModuleT:
    """Drops ``amount`` slices along ``dim`` at random; returns ``module``.

    >>> layer = nn.utils.prune.random_structured(nn.Linear(2, 3), "weight", amount=1, dim=0)
    >>> (layer.weight_mask == 0).sum()
    tensor(2)
    """
    RandomStructured.apply(module, name, amount=amount, dim=dim)
    return module


@in_words
def ln_structured(
    module: ModuleT, name: str, amount: float, n: Any, dim: int, importance_scores: Tensor | None = None
) -> ModuleT:
    """Drops the ``amount`` slices along ``dim`` with the smallest ``n``-norms; returns ``module``.

    >>> layer = nn.Linear(2, 3)
    >>> _ = layer.weight.data.copy_(torch.tensor([[1.0, 1.0], [0.1, 0.1], [2.0, 2.0]]))
    >>> nn.utils.prune.ln_structured(layer, "weight", amount=1, n=2, dim=0).weight_mask
    tensor([[1., 1.],
            [0., 0.],
            [1., 1.]])
    """
    LnStructured.apply(module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores)
    return module


@in_words
def custom_from_mask(module: ModuleT, name: str, mask: Tensor) -> ModuleT:
    """Drops the elements of the parameter ``name`` where ``mask`` is zero; returns ``module``.

    >>> layer = nn.utils.prune.custom_from_mask(nn.Linear(3, 1), "weight", torch.tensor([[1.0, 0.0, 1.0]]))
    >>> (layer.weight != 0)
    tensor([[ True, False,  True]])
    """
    CustomFromMask.apply(module, name, mask=mask)
    return module


@in_words
def global_unstructured(parameters: Iterable[tuple[Module, str]], pruning_method: type[BasePruningMethod],
                        importance_scores: dict[tuple[Module, str], Tensor] | None = None, **kwargs: Any) -> None:
    """Prunes the parameters given as pairs of module and name as if they were one vector.

    ``pruning_method`` is one of single elements, made of the other arguments. Raises TypeError for anything else.

    >>> net = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    >>> places = [(net[0], "weight"), (net[1], "weight")]
    >>> nn.utils.prune.global_unstructured(places, nn.utils.prune.L1Unstructured, amount=4)
    >>> sum((layer.weight == 0).sum().item() for layer in net)
    4
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    chosen = list(parameters)
    values = [getattr(module, name) for module, name in chosen]
    important = [scores.get(key, value).detach() for key, value in zip(chosen, values, strict=True)]
    masks = [getattr(module, name + "_mask", None) for module, name in chosen]
    before = [ones_like(value).detach() if m is None else m for m, value in zip(masks, values, strict=True)]
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            f'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method {pruning_method} of '
            f"type {method.PRUNING_TYPE}"
        )
    method._tensor_name = "all"
    mask = PruningContainer(method).compute_mask(parameters_to_vector(important), parameters_to_vector(before))
    start = 0
    for (module, name), value in zip(chosen, values, strict=True):
        stop = start + value.numel()
        custom_from_mask(module, name, mask=mask[start:stop].view_as(value))
        start = stop


@in_words
def remove(module: ModuleT, name: str) -> ModuleT:
    """Makes the pruned tensor ``name`` the parameter, for good; returns ``module``. Raises ValueError where it is not
    pruned.

    >>> layer = nn.utils.prune.l1_unstructured(nn.Linear(4, 1), "weight", amount=2)
    >>> layer = nn.utils.prune.remove(layer, "weight")
    >>> sorted(name for name, _ in layer.named_parameters()), (layer.weight == 0).sum()
    (['bias', 'weight'], tensor(2))
    """
    hook = _take_off(module, name)
    if hook is None:
        raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")
    hook.remove(module)
    return module


@in_words
def is_pruned(module: Module) -> bool:
    """Whether ``module``, or any beneath it, is pruned.

    >>> from wengert import nn
    >>> nn.utils.prune.is_pruned(nn.Linear(2, 1))
    False
    """
    return any(isinstance(hook.function, BasePruningMethod)
               for each in module.modules()
               for hook in (each._hooks.forward_pre.values() if each._hooks is not None else ()))
