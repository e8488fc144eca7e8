"""The columns of the table: each a function of an entry that returns, is inapplicable, or raises what differs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

import wengert

from .comparison import Inapplicable, Mismatch, attempt, geometry, same_error, short, tensors
from .database import Call, copied, counterpart, mapped
from .derivatives import forward_mode, gradient, reference_gradient, same_derivatives
from .samples import (
    alike,
    backward_dtype,
    both,
    calls,
    chosen,
    compared,
    each,
    main_dtype,
    ours_of,
)

# Half precision is not among them: where PyTorch lacks a kernel for it on the CPU, wengert computes.
REFUSABLE = "bool uint8 int8 int16 int32 int64 float32 float64 complex64 complex128".split()

Column = Callable[[Any], None]


def values(name: str, entry: Any) -> None:
    dtype = getattr(torch, name)
    if not entry.supports_dtype(dtype, "cpu"):
        raise Inapplicable
    ours = ours_of(entry)
    each(calls(entry, dtype), partial(compared, ours, entry.op, entry))


def reference(entry: Any) -> None:
    """The larger and odder set: NaN, Inf, strides, scalars, a million elements."""
    if entry.reference_inputs_func is None:
        raise Inapplicable
    ours = ours_of(entry)
    samples = map(Call, chosen(entry.reference_inputs("cpu", main_dtype(entry)), 60))
    each(samples, partial(compared, ours, entry.op, entry))


def non_contiguous(entry: Any) -> None:
    ours = ours_of(entry)

    def check(call: Call) -> None:
        both(ours, entry.op, Call(call.sample.noncontiguous()), entry)

    each(calls(entry, main_dtype(entry), most=20), check)


def views(entry: Any) -> None:
    """Strides of results as PyTorch's, and memory shared with inputs where PyTorch shares it."""
    ours = ours_of(entry)

    def check(call: Call) -> None:
        its_args, its_kwargs = call.theirs()
        want, refusal = attempt(entry.op, its_args, its_kwargs)
        if refusal is not None or any(part.is_conj() or part.is_neg() for part in tensors(want)):
            raise Inapplicable
        my_args, my_kwargs = call.ours()
        got, problem = attempt(ours, my_args, my_kwargs)
        if problem is not None:
            raise problem
        mine = geometry(got, tensors([my_args, my_kwargs]))
        its = geometry(want, tensors([its_args, its_kwargs]))
        if mine != its:
            raise Mismatch(f"(strides, [place in inputs]) {its} expected; {mine} came")

    each(calls(entry, main_dtype(entry)), check)
    each(map(lambda call: Call(call.sample.noncontiguous()), calls(entry, main_dtype(entry), most=10)), check)


def vmap(entry: Any) -> None:
    ours = ours_of(entry)

    def batched(lib: Any, function: Callable[..., Any], call: Call) -> Any:
        args, kwargs = call.theirs() if lib is torch else call.ours()
        first = next(iter(tensors([args, kwargs])), None)
        if first is None:
            raise Inapplicable
        stacked = lib.stack([first, first.flip(0) if first.dim() else first])

        def placed(value: Any) -> Any:
            a, k = mapped((args, kwargs), lambda x: value if x is first else x)
            result = function(*a, **k)
            return tuple(result) if isinstance(result, (tuple, list)) else result

        result, problem = attempt(lib.vmap(placed), (stacked,), {})
        if problem is not None:
            raise problem
        return result

    def check(call: Call) -> None:
        try:
            want = batched(torch, entry.op, call)
        except Exception as error:  # noqa: BLE001 - PyTorch does not batch this sample
            raise Inapplicable from error
        alike(call, batched(wengert, ours, call), want, entry)

    each(calls(entry, main_dtype(entry), most=12), check)


def in_place(entry: Any) -> None:
    """The in-place form: its values, its target, its gradient, and what it refuses."""
    if entry.inplace_variant is None:
        raise Inapplicable
    theirs = entry.inplace_variant
    ours = counterpart(theirs, entry.name + "_")

    def check(call: Call) -> None:
        both(ours, theirs, call, entry)
        my_args, my_kwargs = call.ours()
        got, problem = attempt(ours, my_args, my_kwargs)
        if problem is None and got is not my_args[0] and attempt(theirs, *call.theirs())[0] is not None:
            raise Mismatch("the in-place form returns another tensor than its target")

    each(calls(entry, main_dtype(entry), most=20), check)
    try:
        dtype = backward_dtype(entry, torch.float64)
    except Inapplicable:
        return

    def leaf(call: Call) -> None:
        same_refusal(ours, theirs, call)
        if entry.supports_inplace_autograd and not call.sample.broadcasts_input:
            same_derivatives(ours, theirs, call, 1)

    samples = calls(entry, dtype, requires_grad=True, most=12)
    if samples:
        each(samples, leaf)


def same_refusal(ours: Callable[..., Any], theirs: Callable[..., Any], call: Call) -> None:
    """Where PyTorch refuses a call, so does wengert, by the same class."""
    _, refusal = attempt(theirs, *call.theirs())
    _, problem = attempt(ours, *call.ours())
    if refusal is not None:
        same_error(problem, refusal)
    elif problem is not None:
        raise problem


def out_forms(lib: Any, result: Any, form: str) -> Any:
    """Targets for a result: as it is, strided, of no elements, of a wrong dtype or one of its kind, with grad."""

    def target(part: Any) -> Any:
        shape, dtype = tuple(part.shape), part.dtype
        if form == "strided":
            return lib.zeros((*shape, 2), dtype=dtype)[..., 0]
        if form == "empty":
            return lib.zeros((0,), dtype=dtype)
        if form == "wrong dtype":
            return lib.zeros(shape, dtype=lib.int64 if dtype != lib.int64 else lib.bool)
        if form == "other dtype":
            kin = {lib.float64: lib.float32, lib.complex128: lib.complex64, lib.int64: lib.int32, lib.bool: lib.uint8}
            return lib.zeros(shape, dtype=kin.get(dtype, dtype))
        if form == "requires grad":
            return lib.zeros(shape, dtype=dtype, requires_grad=dtype.is_floating_point)
        return lib.zeros(shape, dtype=dtype)

    made = [target(part) for part in tensors(result)]
    return made[0] if len(made) == 1 and not isinstance(result, (tuple, list)) else made


def out(entry: Any) -> None:
    if not entry.supports_out:
        raise Inapplicable
    ours, theirs = ours_of(entry), entry.op

    def given(lib: Any, function: Callable[..., Any], call: Call, form: str, shapes: Any) -> tuple[Any, Any]:
        args, kwargs = call.theirs() if lib is torch else call.ours()
        targets = out_forms(lib, shapes, form)
        if isinstance(targets, list):
            targets = tuple(targets) if not isinstance(shapes, list) else targets
        result, problem = attempt(function, args, {**kwargs, "out": targets})
        pairs = [] if result is None else zip(tensors(result), tensors(targets), strict=True)
        if any(a is not b for a, b in pairs):
            raise Mismatch(f"out= ({form}) is not what is returned")
        return tuple([x.detach() for x in tensors(targets)]), problem

    def check(call: Call) -> None:
        its_args, its_kwargs = call.theirs()
        want, refusal = attempt(theirs, its_args, its_kwargs)
        if refusal is not None or not tensors(want):
            raise Inapplicable
        my_args, my_kwargs = call.ours()
        mine, problem = attempt(ours, my_args, my_kwargs)
        if problem is not None:
            raise problem
        for form in ("plain", "strided", "empty", "wrong dtype", "other dtype", "requires grad"):
            its, refusal = given(torch, theirs, call, form, want)
            got, problem = given(wengert, ours, call, form, mine)
            try:
                if refusal is not None:
                    same_error(problem, refusal)
                elif problem is not None:
                    raise Mismatch(short(problem))
                else:
                    alike(call, got, its, entry)
                    if geometry(got, []) != geometry(its, []):
                        raise Mismatch(f"strides {geometry(its, [])} expected; {geometry(got, [])} came")
            except Mismatch as error:
                raise Mismatch(f"out= ({form}): {error}") from None

    each(calls(entry, main_dtype(entry), most=6), check)


def forms(entry: Any) -> None:
    """The method, the operator and its in-place form."""
    variants = [
        (variant, writes)
        for variant, writes in (
            (entry.method_variant, False), (entry.operator_variant, False), (entry.inplace_operator_variant, True),
        )
        if variant is not None
    ]
    samples = calls(entry, main_dtype(entry), most=12)
    samples = [call for call in samples if isinstance(call.sample.input, torch.Tensor)]
    if not variants:
        raise Inapplicable
    for variant, writes in variants:
        ours = counterpart(variant, getattr(variant, "__name__", entry.name))
        plain = [call for call in samples if not writes or not call.sample.broadcasts_input]
        if plain:
            each(plain, partial(compared, ours, variant, entry))


def aliases(entry: Any) -> None:
    if not entry.aliases:
        raise Inapplicable
    samples = calls(entry, main_dtype(entry), most=6)
    for alias in entry.aliases:
        for theirs, suffix in ((alias.op, ""), (alias.method_variant, ""), (alias.inplace_variant, "_")):
            if theirs is not None and samples:
                ours = counterpart(theirs, alias.name + suffix)
                each(samples, partial(compared, ours, theirs, entry))


def wrong_input(entry: Any) -> None:
    """Each wrong call that the database knows raises the built-in class that PyTorch raises, or one derived from it."""
    if entry.error_inputs_func is None:
        raise Inapplicable
    ours = ours_of(entry)

    def check(call: Call) -> None:
        _, refusal = attempt(entry.op, *call.theirs())
        if refusal is None:
            raise Inapplicable
        _, problem = attempt(ours, *call.ours())
        same_error(problem, refusal)

    each((Call(error.sample_input) for error in chosen(entry.error_inputs("cpu"), 200)), check)


def refused_dtypes(entry: Any) -> None:
    """Of a sample in every dtype that PyTorch does not take: what it refuses, is refused."""
    ours = ours_of(entry)
    usual = main_dtype(entry)
    samples = calls(entry, usual, most=3)
    known = {str(dtype).removeprefix("torch.") for dtype in entry.supported_dtypes("cpu")}
    wrong = [getattr(torch, name) for name in REFUSABLE if name not in known]

    def casts() -> Iterator[Call]:
        for dtype in wrong:
            for call in samples:
                yield Call(call.sample.transform(partial(cast, usual, dtype)))

    def check(call: Call) -> None:
        _, refusal = attempt(entry.op, *call.theirs())
        if refusal is None:
            raise Inapplicable
        _, problem = attempt(ours, *call.ours())
        if problem is None or isinstance(problem, AttributeError):
            same_error(problem, refusal)

    each(casts(), check)


def cast(usual: Any, dtype: Any, value: Any) -> Any:
    if isinstance(value, torch.Tensor) and value.dtype == usual:
        return copied(value).to(dtype)
    return dtype if value == usual and isinstance(value, torch.dtype) else value


COLUMNS: dict[str, Column] = {
    **{name: partial(values, name) for name in
       ("float64", "float32", "int64", "bool", "complex128", "float16", "bfloat16", "complex32", "uint16",
        "uint32", "uint64")},
    "reference": reference,
    "grad": partial(gradient, "float64", 1),
    "grad-complex": partial(gradient, "complex128", 1),
    "grad-reference": reference_gradient,
    "grad-second": partial(gradient, "float64", 2),
    "forward": forward_mode,
    "vmap": vmap,
    "in-place": in_place,
    "out": out,
    "forms": forms,
    "aliases": aliases,
    "views": views,
    "strided": non_contiguous,
    "wrong-input": wrong_input,
    "wrong-dtype": refused_dtypes,
}
# Whole groups of columns by one name.
GROUPS = {
    "values": ["float64", "float32", "int64", "bool", "complex128", "float16", "bfloat16", "complex32", "uint16",
               "uint32", "uint64"],
    "gradients": ["grad", "grad-complex", "grad-reference", "grad-second", "forward"],
}
TITLES = {
    **{name: f"values, {name}" for name in GROUPS["values"]},
    "reference": "reference inputs (NaN, Inf, odd strides, scalars, large)",
    "grad": "gradient",
    "grad-complex": "gradient, complex",
    "grad-reference": "gradient of reference inputs",
    "grad-second": "second order",
    "forward": "forward mode",
    "vmap": "`vmap`",
    "in-place": "in-place variant (values, gradient, refusals)",
    "out": "`out=` (strided, empty, wrong dtype, with grad)",
    "forms": "method and operators",
    "aliases": "aliases",
    "views": "views, aliasing and strides as PyTorch's",
    "strided": "non-contiguous inputs",
    "wrong-input": "wrong input raises the right class",
    "wrong-dtype": "dtypes that PyTorch refuses are refused",
}
