"""`gradcheck` and `gradgradcheck`: derivatives held against differences of values.

Complex values are taken as pairs of reals: the Jacobian compared is the real one, with the real and the imaginary part
of each element of an input as two columns and those of each element of an output as two rows. (By PyTorch's convention
the gradient of a real L by z = a + ib is dL/da + i dL/db, so both sides are the same real numbers.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.frames import warn
from ..core.operands import Array
from ..tensors.alias import edge_of, overlaps_itself
from ..tensors.tensor import Tensor, make
from . import more_checks
from .engine import grad
from .jacobians import (
    GradcheckError as GradcheckError,
)
from .jacobians import (
    analytical,
    check_alike,
    is_sparse,
    kept_in,
    numerical,
    outputs_of,
    random_like,
    reals,
    values,
    vjp,
)

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


def gradcheck(func: Callable[..., Any], inputs: Tensor | Sequence[Any], *, eps: float = 1e-6, atol: float = 1e-5,
              rtol: float = 1e-3, raise_exception: bool = True, nondet_tol: float = 0.0,
              check_undefined_grad: bool = True, check_grad_dtypes: bool = False, check_batched_grad: bool = False,
              check_batched_forward_grad: bool = False, check_forward_ad: bool = False, check_backward_ad: bool = True,
              fast_mode: bool = False, masked: bool | None = None) -> bool:
    """Whether the gradients of ``func(*inputs)`` by the inputs that require grad are right.

    Each element of these inputs is moved by ``eps`` both ways, and the difference of the outputs compared with the
    analytical Jacobian within ``atol`` and ``rtol``; ``fast_mode`` compares it in one random direction only. The
    inputs should be float64 or complex128. Raises `GradcheckError` with both Jacobians, or returns False where
    ``raise_exception`` is false. ``nondet_tol`` is what two runs of backward may differ by; ``check_undefined_grad``
    also runs backward with the gradient of one output at a time. ``check_forward_ad`` compares forward mode's tangents
    too, ``check_batched_grad`` and ``check_batched_forward_grad`` run either for two directions at once, by `vmap`, and
    ``check_backward_ad=False`` leaves backward out. An input may be sparse; if ``masked``, its gradient counts where it
    keeps values alone.

    >>> x = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(torch.log, (x,))
    True
    """
    if not check_forward_ad and not check_backward_ad:
        raise AssertionError("[gradcheck] Expected at least one of check_forward_ad or check_backward_ad to be True")
    if check_batched_grad and not check_backward_ad:
        raise AssertionError("[gradcheck] Setting check_batched_grad=True requires check_backward_ad to be True")
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError("[gradcheck] Setting check_batched_forward_grad=True requires check_forward_ad to be True")
    tensors = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    try:
        wanted = _checked_inputs(tensors)
        outputs = outputs_of(func, tensors)
        if not any(edge_of(output) is not None for output in outputs):
            _check_constant(func, tensors, wanted, eps)
            return True
        if any(is_sparse(output._data) for output in outputs):
            raise ValueError("[gradcheck] strided outputs were expected; Sparse output is not supported at gradcheck "
                             "yet. Please call to_dense(masked_grad=...) on the output of fn for gradcheck.")
        if check_backward_ad:
            if fast_mode and not any(is_sparse(tensors[i]._data) for i in wanted):
                _compare_fast(func, tensors, wanted, eps, atol, rtol)
            else:
                _compare(func, tensors, wanted, eps, atol, rtol, bool(masked))
        if check_forward_ad:
            more_checks.check_forward(func, tensors, wanted, eps, atol, rtol, fast_mode)
        if check_forward_ad and check_undefined_grad:
            more_checks.check_undefined_forward(func, tensors, wanted)
        if check_batched_forward_grad:
            more_checks.check_batched_forward(func, tensors, wanted)
        if check_backward_ad:
            _check_backward(func, tensors, wanted, nondet_tol, check_grad_dtypes)
        if check_batched_grad:
            more_checks.check_batched(func, tensors, wanted)
        if check_backward_ad and check_undefined_grad:
            _check_undefined(func, tensors, wanted)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(func: Callable[..., Any], inputs: Tensor | Sequence[Any],
                  grad_outputs: Tensor | Sequence[Tensor] | None = None, *, eps: float = 1e-6, atol: float = 1e-5,
                  rtol: float = 1e-3, gen_non_contig_grad_outputs: bool = False, raise_exception: bool = True,
                  nondet_tol: float = 0.0, check_undefined_grad: bool = True, check_grad_dtypes: bool = False,
                  check_batched_grad: bool = False, check_fwd_over_rev: bool = False, check_rev_over_rev: bool = True,
                  fast_mode: bool = False, masked: bool = False) -> bool:
    """Whether the second derivatives are right: `gradcheck` of the gradient of ``func`` as a function of ``inputs`` and
    of ``grad_outputs`` (random where not given). Arguments as there.

    >>> x = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradgradcheck(torch.log, (x,))
    True
    """
    if not check_fwd_over_rev and not check_rev_over_rev:
        raise AssertionError("[gradgradcheck] Expected at least one of check_fwd_over_rev or check_rev_over_rev to be "
                             "True")
    tensors = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    if grad_outputs is None:
        outputs = [output for output in outputs_of(func, tensors) if edge_of(output) is not None]
        cotangents = tuple([random_like(output, gen_non_contig_grad_outputs) for output in outputs])
    else:
        cotangents = (grad_outputs,) if isinstance(grad_outputs, Tensor) else tuple(grad_outputs)
    count = len(cotangents)
    differentiable = [isinstance(x, Tensor) and edge_of(x) is not None for x in (*tensors, *cotangents)]

    def gradient(*everything: Any) -> Any:
        everything = tuple([x.requires_grad_() if wanted and edge_of(x) is None else x  # forward mode takes it away
                            for x, wanted in zip(everything, differentiable, strict=True)])
        arguments, cts = everything[:-count], everything[-count:]
        wanted = [x for x in arguments if isinstance(x, Tensor) and edge_of(x) is not None]
        outs = [output for output in outputs_of(func, arguments) if edge_of(output) is not None]
        found = grad(outs, wanted, cts, create_graph=True, allow_unused=True)
        return tuple([g for g in found if g is not None])

    return gradcheck(gradient, (*tensors, *cotangents), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception,
                     nondet_tol=nondet_tol, check_undefined_grad=check_undefined_grad,
                     check_grad_dtypes=check_grad_dtypes, check_batched_grad=check_batched_grad, fast_mode=fast_mode,
                     check_forward_ad=check_fwd_over_rev, check_backward_ad=check_rev_over_rev, masked=masked)


# --- what was PyTorch's inside, and is asked for --------------------------------------------------------------------


def get_numerical_jacobian(fn: Callable[[Any], Any], inputs: Sequence[Tensor], target: Any = None, eps: float = 1e-3,
                           grad_out: float = 1.0) -> tuple[Tensor, ...]:
    """The Jacobians of the first output of ``fn(inputs)`` by the ``target`` inputs, or by those that require grad, by
    central differences: inputs' elements by outputs', of real tensors. Raises ValueError for another ``grad_out``."""
    _deprecated("get_numerical_jacobian")
    if grad_out != 1.0:
        raise ValueError("Expected grad_out to be 1.0. get_numerical_jacobian no longer supports values of grad_out != "
                         "1.0.")
    given = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    asked = (target,) if isinstance(target, Tensor) else target
    wanted = [i for i, x in enumerate(given)
              if (x.requires_grad if asked is None else any(x is one for one in asked))]
    return tuple([make(numerical(lambda *each: fn(each), given, i, eps)[0].T.copy(), None) for i in wanted])


def get_analytical_jacobian(inputs: Any, output: Tensor, nondet_tol: float = 0.0, grad_out: float = 1.0
                            ) -> tuple[tuple[Tensor, ...], bool, bool, bool]:
    """The Jacobians of ``output`` by the inputs that require grad, a backward a row, of real tensors; whether a second
    backward gives the same within ``nondet_tol``; and, twice, that gradients have their inputs' shapes and dtypes,
    which the engine holds them to. Raises ValueError for another ``grad_out``."""
    _deprecated("get_analytical_jacobian")
    if grad_out != 1.0:
        raise ValueError("Expected grad_out to be 1.0. get_analytical_jacobian no longer supports values of grad_out "
                         "!= 1.0.")
    wanted = [x for x in ((inputs,) if isinstance(inputs, Tensor) else inputs) if x.requires_grad]
    first, again = analytical([output], 0, wanted), analytical([output], 0, wanted)
    same = all(np.allclose(a, b, 0, nondet_tol) for a, b in zip(first, again, strict=True))
    return tuple([make(block.T.copy(), None) for block in first]), same, True, True


def _deprecated(name: str) -> None:
    warn(f"`{name}` was part of PyTorch's private API and not meant to be exposed; use "
         "torch.autograd.functional.jacobian for derivatives, and gradcheck to check them", FutureWarning)


# --- checks -----------------------------------------------------------------------------------------------------------


def _checked_inputs(tensors: tuple[Any, ...]) -> list[int]:
    """The positions of the inputs to differentiate by."""
    wanted = [i for i, x in enumerate(tensors) if isinstance(x, Tensor) and edge_of(x) is not None]
    if not wanted:
        raise ValueError("gradcheck expects at least one input tensor to require gradient, but none of the them have "
                         "requires_grad=True.")
    for i in wanted:
        array = tensors[i]._data
        if array.dtype not in (np.float64, np.complex128):
            warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. This check "
                "will likely fail if all the inputs are not of double precision floating point or complex. ",
            )
        if not is_sparse(array) and overlaps_itself(array):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are "
                "non-overlapping to be able to compute the numerical gradients correctly. You should call "
                ".contiguous on the input before passing it to gradcheck."
            )
    return wanted


def _compare(func: Callable[..., Any], tensors: Sequence[Tensor], wanted: list[int], eps: float, atol: float,
             rtol: float, masked: bool) -> None:
    outputs = outputs_of(func, tensors)
    inputs = [tensors[i] for i in wanted]
    differences = [numerical(func, tensors, i, eps, masked) for i in wanted]
    for k in range(len(outputs)):
        for n, found in enumerate(analytical(outputs, k, inputs)):
            expected = differences[n][k]
            if masked:
                kept = kept_in(inputs[n])
                found, expected = found * kept, expected * kept
            if not np.allclose(found, expected, rtol, atol, equal_nan=True):
                raise GradcheckError(_words(k, wanted[n], expected, found, tensors[wanted[n]], outputs[k]))


def _words(k: int, i: int, numerical: Array, analytical: Array, x: Tensor, out: Tensor) -> str:
    pairs = part = ""
    if "c" in (x._data.dtype.kind, out._data.dtype.kind):
        pairs = "(complex elements as pairs of real and imaginary part)\n"
    difference = np.abs(numerical - analytical)
    if out._data.dtype.kind in "cW":
        worst = "imaginary" if difference[1::2].max(initial=0) >= difference[::2].max(initial=0) / 2 else "real"
        part = f"While considering the {worst} part of complex outputs only, "
    return (
        f"{part}Jacobian mismatch for output {k} with respect to input {i},\n{pairs}"
        f"numerical:{make(numerical.T.copy(), None)}\nanalytical:{make(analytical.T.copy(), None)}\n"
        f"(rows: elements of the input, columns: elements of the output; greatest difference {difference.max():.3g})"
    )


def _compare_fast(func: Callable[..., Any], tensors: Sequence[Tensor], wanted: list[int], eps: float, atol: float,
                  rtol: float) -> None:
    """Compares v . J u for one random direction u of each input and one v of each output."""
    generator = np.random.default_rng(0)
    outputs = outputs_of(func, tensors)
    for i in wanted:
        array = tensors[i]._data
        kept = array.copy()
        direction = np.asarray(generator.standard_normal(array.shape) * 1.0)
        if array.dtype.kind in "cW":
            direction = direction + 1j * generator.standard_normal(array.shape)
        direction /= max(np.linalg.norm(direction), 1e-30)
        try:
            array[...] = kept + eps * direction
            above = values(func, tensors)
            array[...] = kept - eps * direction
            below = values(func, tensors)
        finally:
            array[...] = kept
        check_alike(above, below)
        for k, output in enumerate(outputs):
            weights = generator.standard_normal(above[k].size)
            expected = float(weights @ ((above[k] - below[k]) / (2 * eps)))
            ct = weights.view(np.complex128) if output._data.dtype.kind in "cW" else weights
            ct = ct.reshape(output._data.shape).astype(output._data.dtype)
            gradient = reals(vjp([output], [tensors[i]], [ct])[0]) if edge_of(output) is not None else 0.0
            analytical = float(np.sum(gradient * reals(direction)))
            if not np.allclose(analytical, expected, rtol, atol * max(1.0, np.sqrt(weights.size)), equal_nan=True):
                raise GradcheckError(
                    f"Jacobian mismatch for output {k} with respect to input {i} in a random direction,\n"
                    f"numerical: {expected}\nanalytical: {analytical}\nRun with fast_mode=False to see "
                    "the Jacobians."
                )


def _check_constant(func: Callable[..., Any], tensors: Sequence[Tensor], wanted: list[int], eps: float) -> None:
    for i in wanted:
        for jacobian in numerical(func, tensors, i, eps):
            if jacobian.size and np.abs(jacobian).max() > eps:
                raise GradcheckError(
                    "Numerical gradient for function expected to be zero: no output requires grad, but the "
                    f"outputs vary with input {i}"
                )


def _check_backward(func: Callable[..., Any], tensors: Sequence[Tensor], wanted: list[int], nondet_tol: float,
                    check_dtypes: bool) -> None:
    """Backward must give the same twice, be linear (zeros from zeros), and keep shape and dtype."""
    outputs = [output for output in outputs_of(func, tensors) if edge_of(output) is not None]
    inputs = [tensors[i] for i in wanted]
    cts = [random_like(output, False)._data for output in outputs]
    first, second = vjp(outputs, inputs, cts), vjp(outputs, inputs, cts)
    for a, b in zip(first, second, strict=True):
        if a.size and np.abs(a - b).max() > nondet_tol:
            raise GradcheckError(
                f"Backward is not reentrant, i.e., running backward with same input and grad_output multiple "
                f"times gives different values, although analytical gradient matches numerical gradient. The "
                f"tolerance for nondeterminism was {nondet_tol}."
            )
    zeros = [make(np.zeros_like(ct), None) for ct in cts]
    for x, pulled in zip(inputs, grad(outputs, inputs, zeros, retain_graph=True, allow_unused=True), strict=True):
        _check_layout(x, pulled)
    for x, g in zip(inputs, vjp(outputs, inputs, [np.zeros_like(ct) for ct in cts]), strict=True):
        if g.size and np.abs(g).max() > 0:
            raise GradcheckError("backward not multiplied by grad_output")
        if g.shape != x._data.shape or (check_dtypes and g.dtype != x._data.dtype):
            raise GradcheckError(f"grad is incorrect size or type: got {list(g.shape)} {g.dtype} for an input of "
                                 f"{list(x._data.shape)} {x._data.dtype}")


def _check_layout(x: Tensor, grad: Tensor | None) -> None:
    """Raises where a gradient is sparse in another way than its input."""
    if grad is None or not is_sparse(grad._data):
        return
    if grad.layout != x.layout:
        raise GradcheckError(f"grad is incorrect layout ({grad.layout} is not {x.layout})")
    for dim in ("sparse_dim", "dense_dim"):
        if getattr(grad, dim)() != getattr(x, dim)():
            raise GradcheckError(f"grad is sparse tensor, but has incorrect {dim}")


def _check_undefined(func: Callable[..., Any], tensors: Sequence[Tensor], wanted: list[int]) -> None:
    """The gradient from some outputs alone is that with zeros for the others."""
    outputs = [output for output in outputs_of(func, tensors) if edge_of(output) is not None]
    inputs = [tensors[i] for i in wanted]
    cts = [random_like(output, False)._data for output in outputs]
    for k in range(len(outputs) if len(outputs) > 1 else 0):
        alone: list[Any] = [ct if i == k else None for i, ct in enumerate(cts)]
        filled = [ct if i == k else np.zeros_like(ct) for i, ct in enumerate(cts)]
        try:
            found = vjp(outputs, inputs, alone)
        except (TypeError, KeyError, AttributeError) as error:
            raise GradcheckError(
                'Expected backward function to handle undefined output grads. Please look at "Notes about '
                f'undefined output gradients": {type(error).__name__}: {error}'
            ) from error
        for a, b in zip(found, vjp(outputs, inputs, filled), strict=True):
            if not np.allclose(a, b, equal_nan=True):
                raise GradcheckError(
                    "Expected all input grads from an undefined output grad to be those from a zero one"
                )
