"""What scientists ask of a model, without rewriting it: gradients example by example, products with curvature,
Jacobians, Laplacians, the tangent kernel.

A model is a module, called by its parameters in a dict; whatever of them does not require grad stands still.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..autograd import enable_grad
from ..autograd.derivatives import apart, basis, chunk_of, forward_jacobian, moving, pull
from ..autograd.derivatives import jacobian as rows_of
from ..autograd.engine import grad as tape_grad
from ..autograd.second import SecondLevel
from ..core.primitive import P
from ..tensors.tensor import Tensor
from .batching import vmap
from .derivatives import grad, jacrev, jvp, vjp
from .modules import functional_call
from .trees import flatten

Tensors = dict[str, Tensor]
Loss = Callable[[Any, Any], Tensor]


def parameters_of(model: Any) -> Tensors:
    """The parameters of a module that require grad, by their dotted names, as plain tensors."""
    return {name: parameter.detach() for name, parameter in model.named_parameters() if parameter.requires_grad}


def _check_floating(op: str, x: object) -> None:
    """Raises TypeError for what is no tensor, RuntimeError for one of integers or truths."""
    if not isinstance(x, Tensor):
        raise TypeError(f"[{op}] a tensor was expected; got {type(x).__name__}; make it one with torch.tensor")
    if not (x.is_floating_point() or x.is_complex()):
        raise RuntimeError(f"[{op}] a tensor of a floating point or complex dtype was expected; got {x.dtype}; convert "
                           "with .float() first")


def _one(model: Any, parameters: Mapping[str, Tensor], x: Tensor) -> Any:
    """What a module gives for one example: it is called with a batch of one."""
    return functional_call(model, parameters, (x[None],))


def per_sample_grads(model: Any, loss_fn: Loss, x: Tensor, y: Any, *, chunk_size: int | None = None,
                     randomness: str = "error") -> Tensors:
    """The gradient of each example's loss: by parameter name a tensor ``(N, *parameter.shape)``.

    ``x`` is ``(N, ...)`` and ``y`` the targets, ``(N, ...)``; ``loss_fn(outputs, targets)`` gets batches of one.
    ``chunk_size`` and ``randomness`` (for dropout) as for `vmap`. Raises RuntimeError where the model writes statistics
    of the batch, as batch normalisation does in training: there is no gradient of one example then.

    >>> import wengert as torch
    >>> layer = torch.nn.Linear(2, 1, bias=False)
    >>> x, y = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.zeros(2, 1)
    >>> grads = torch.func.per_sample_grads(layer, lambda out, target: (out - target).sum(), x, y)
    >>> grads["weight"]
    tensor([[[1., 0.]],
    <BLANKLINE>
            [[0., 2.]]])
    """

    def loss(parameters: Tensors, x: Tensor, y: Any) -> Any:
        targets, form = flatten(y)
        return loss_fn(_one(model, parameters, x), form.build(target[None] for target in targets))

    found: Tensors = vmap(grad(loss), in_dims=(None, 0, 0), chunk_size=chunk_size, randomness=randomness)(
        parameters_of(model), x, y)
    return found


def hvp(loss: Any, params: Any, v: Any) -> Any:
    """The product of the Hessian of ``loss`` with ``v``, nested as ``params``.

    ``loss`` is a function of ``params`` (a tensor, or a nest of tensors) that gives a scalar: then the product is taken
    forward over reverse, in the time of a few gradients. Or it is a scalar that was computed from ``params``: then it
    is taken back twice over the tape that is there.

    >>> import wengert as torch
    >>> torch.func.hvp(lambda w: (w**3).sum(), torch.tensor([1.0, 2.0]), torch.tensor([1.0, 1.0]))
    tensor([ 6., 12.])
    """
    if not isinstance(loss, Tensor):
        return jvp(grad(loss), (params,), (v,))[1]
    leaves, form = flatten(params)
    directions, given = flatten(v)
    if form != given:
        raise RuntimeError(f"[hvp] a vector nested as the parameters was expected; got {given} for {form}")
    grads = tape_grad(loss, leaves, retain_graph=True, create_graph=True, allow_unused=True)
    pairs = [(g, t) for g, t in zip(grads, directions, strict=True) if g is not None and g.requires_grad]
    found = pull([g for g, _ in pairs], leaves, [t for _, t in pairs], create_graph=False) if pairs else [
        P.zeros_like(x.detach()) for x in leaves]
    return form.build(found)


def jacobian(f: Callable[[Tensor], Tensor], x: Tensor, *, batched: bool = False,
             chunk_size: int | None = None) -> Tensor:
    """The derivatives of ``f(x)`` by ``x``, of the shape of both: by rows, or by columns where these are fewer.

    With ``batched``, ``f`` maps each row of ``x`` for itself, as a module does: ``(N, *output, *input)``. ``f`` may be
    a module; ``chunk_size`` rows or columns are computed at once.

    >>> import wengert as torch
    >>> torch.func.jacobian(torch.sin, torch.tensor([0.0, 0.0]))
    tensor([[1., 0.],
            [0., 1.]])
    """
    _check_floating("jacobian", x)
    if batched:
        found: Tensor = vmap(lambda row: jacobian(lambda one: f(one[None])[0], row, chunk_size=chunk_size))(x)
        return found
    with enable_grad():
        leaf = apart(x, True)
        out = f(leaf)
    if not isinstance(out, Tensor):
        raise RuntimeError(f"[jacobian] a function that gives one tensor was expected; got {type(out).__name__}; use "
                           "jacrev or jacfwd for others")
    if out._data.size <= x._data.size:
        return rows_of(out, [leaf], x.requires_grad, chunk=chunk_size)[0]
    return forward_jacobian(lambda given: [f(given[0])], [x], chunk_size)[0][0]


def laplacian(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The sum of the second derivatives of ``f`` by each coordinate: of a function of one point ``(d,)``, at ``x``
    ``(d,)``, or at each of the points ``(N, d)``. One run of ``f`` forward, in which what it computes moves along all
    coordinates, and bends (autograd/second.py). Raises RuntimeError for other shapes, or results that are no tensor.

    >>> import wengert as torch
    >>> torch.func.laplacian(lambda p: (p**3).sum(), torch.tensor([[1.0, 2.0], [0.0, 1.0]]))
    tensor([18.,  6.])
    """
    _check_floating("laplacian", x)
    if x.dim() not in (1, 2):
        raise RuntimeError(f"[laplacian] a point (d,) or points (N, d) were expected; got shape {list(x._data.shape)}; "
                           "flatten what a point is made of")
    whole = f if x.dim() == 1 else vmap(f)
    coordinates = x._data.shape[-1]
    step = chunk_of(coordinates, 4 * x._data.size, x._data.itemsize, None)
    total: Any = None
    for start in range(0, max(coordinates, 1), step):
        unit = basis(start, min(start + step, coordinates), (coordinates,), x)
        if x.dim() == 2:
            unit = P.expand(unit[:, None], shape=(len(unit), *x._data.shape))
        with SecondLevel() as inside:
            out = whole(inside.bent(x, unit, None))
            if not isinstance(out, Tensor):
                raise RuntimeError(f"[laplacian] a function that gives one tensor was expected; got "
                                   f"{type(out).__name__}; return the tensor alone")
            value, _, second = inside.unpacked(out)
        found = moving(value, second)
        total = found if total is None else total + found
    return total


def gauss_newton_product(model: Any, loss_fn: Loss, x: Any, y: Any, v: Tensors) -> Tensors:
    """Jᵀ H J v, with J the derivatives of the model's outputs by its parameters and H the Hessian of
    ``loss_fn(outputs, y)`` by the outputs (Schraudolph, *Fast curvature matrix-vector products*, 2002). ``v`` and the
    result are dicts by parameter name. Of a loss that is convex in the outputs it is positive semi-definite.

    >>> model = nn.Linear(2, 1, bias=False)
    >>> x, y = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.zeros(2, 1)
    >>> v = {"weight": torch.ones(1, 2)}
    >>> torch.func.gauss_newton_product(model, F.mse_loss, x, y, v)["weight"]
    tensor([[1., 4.]])
    """

    def outputs(parameters: Tensors) -> Any:
        return functional_call(model, parameters, x if isinstance(x, tuple) else (x,))

    parameters = _fitting("gauss_newton_product", model, v)
    out, moved = jvp(outputs, (parameters,), (v,))
    curved = jvp(grad(lambda o: loss_fn(o, y)), (out,), (moved,))[1]
    found: Tensors = vjp(outputs, parameters)[1](curved)[0]
    return found


def fisher_product(model: Any, loss_fn: Loss, x: Tensor, y: Any, v: Tensors) -> Tensors:
    """The empirical Fisher matrix times ``v``: the mean over the examples of gᵢ (gᵢ · v), with gᵢ the gradient of the
    loss of example i (a negative log-likelihood). ``v`` and the result are dicts by parameter name.

    >>> model = nn.Linear(2, 1, bias=False)
    >>> _ = nn.init.ones_(model.weight)
    >>> x, y = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.zeros(2, 1)
    >>> v = {"weight": torch.tensor([[1.0, 10.0]])}
    >>> torch.func.fisher_product(model, F.mse_loss, x, y, v)["weight"]
    tensor([[ 2., 20.]])
    """

    def losses(parameters: Tensors) -> Tensor:
        def one(x: Tensor, y: Any) -> Tensor:
            targets, form = flatten(y)
            return loss_fn(_one(model, parameters, x), form.build(target[None] for target in targets))

        found: Tensor = vmap(one)(x, y)
        return found

    parameters = _fitting("fisher_product", model, v)
    slopes = jvp(losses, (parameters,), (v,))[1]
    found: Tensors = vjp(losses, parameters)[1](slopes * (1 / max(1, len(slopes))))[0]
    return found


def ntk(model: Any, x1: Tensor, x2: Tensor | None = None) -> Tensor:
    """The empirical neural tangent kernel: ``(N1, N2, *output, *output)``, for each two examples the products of the
    derivatives of their outputs by the parameters (Jacot, Gabriel & Hongler, *Neural tangent kernel*, 2018). ``x2`` is
    ``x1`` if not given.

    >>> model = nn.Linear(2, 1, bias=False)
    >>> x = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    >>> torch.func.ntk(model, x).reshape(2, 2)
    tensor([[1., 1.],
            [1., 2.]])
    """
    parameters = parameters_of(model)
    by_example = vmap(jacrev(lambda p, x: _one(model, p, x)[0]), in_dims=(None, 0))
    left = by_example(parameters, x1)
    right = left if x2 is None else by_example(parameters, x2)
    total: Any = None
    for name, parameter in parameters.items():
        rank = parameter._data.ndim
        a, b = (_flat(jacobians[name], rank) for jacobians in (left, right))
        term = P.matmul(P.reshape(a, shape=(-1, a._data.shape[-1])),
                        P.permute(P.reshape(b, shape=(-1, b._data.shape[-1])), dims=(1, 0)))
        total = term if total is None else total + term
    if total is None:
        raise RuntimeError("[ntk] a model with a parameter that requires grad was expected; got none")
    output = tuple(a._data.shape[1:-1])
    split = P.reshape(total, shape=(len(x1), *output, len(right[name]), *output))
    rank = len(output)
    found: Tensor = P.permute(split, dims=(0, rank + 1, *range(1, rank + 1), *range(rank + 2, 2 * rank + 2)))
    return found


def _flat(jacobian_: Tensor, rank: int) -> Tensor:
    """Derivatives with the ``rank`` dimensions of the parameter as one."""
    shape = jacobian_._data.shape
    size = 1
    for n in shape[len(shape) - rank:]:
        size *= n
    found: Tensor = P.reshape(jacobian_, shape=(*shape[:len(shape) - rank], size))
    return found


def _fitting(op: str, model: Any, v: Tensors) -> Tensors:
    """The parameters of a model, which the vector must have the names of."""
    parameters = parameters_of(model)
    if not isinstance(v, Mapping) or set(v) != set(parameters):
        got = sorted(v) if isinstance(v, Mapping) else type(v).__name__
        raise RuntimeError(f"[{op}] a dict with a tensor for each parameter, {sorted(parameters)}, was expected; got "
                           f"{got}")
    return {name: parameters[name] for name in v}
