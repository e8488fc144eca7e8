"""Subgraphs, sequences and optional values. A sequence is a list of tensors; an optional value may be None."""

from __future__ import annotations

from typing import Any

import numpy as np

import wengert as torch

from .table import operator, wrapped


@operator("If")
def _if(call: Any, condition: Any) -> Any:
    known = call.known.get(call.step.inputs[0])
    chosen = bool(known) if known is not None else bool(condition)
    return tuple(call.inner("then_branch" if chosen else "else_branch", ()))


@operator("Loop")
def _loop(call: Any, count: Any = None, condition: Any = None, *carried: Any) -> Any:
    """Steps until the count is reached, or the condition fails; what each gives besides is stacked."""
    times = call.ints(0)
    most = None if times is None else times[0]
    goes_on = True if condition is None else bool(condition)
    state, rows, i = list(carried), [], 0
    body = call.get("body")
    extra = len(body.outputs) - 1 - len(state)
    while goes_on and (most is None or i < most):
        first = {name: np.asarray(value) for name, value in zip(body.inputs[:2], (i, goes_on), strict=False)}
        keep, *found = call.inner("body", (torch.tensor(i), torch.tensor(goes_on), *state), first)
        goes_on = bool(keep)
        state = found[: len(state)]
        rows.append(found[len(state):])
        i += 1
    stacked = [torch.stack([row[n] for row in rows]) if rows else torch.zeros(0) for n in range(extra)]
    return (*state, *stacked)


@operator("Scan")
def _scan(call: Any, *inputs: Any) -> Any:
    if call.version < 9:
        return _scan_of_batches(call, *inputs)
    count = call.get("num_scan_inputs")
    state, scanned = list(inputs[:-count]), inputs[-count:]
    outputs = len(call.get("body").outputs) - len(state)
    axes = call.get("scan_input_axes", [0] * count)
    back = call.get("scan_input_directions", [0] * count)
    parts = [list(x.unbind(wrapped(axis, x.dim()))) for x, axis in zip(scanned, axes, strict=True)]
    parts = [part[::-1] if turned else part for part, turned in zip(parts, back, strict=True)]
    state, rows = _scanned(call, state, parts)
    out_axes = call.get("scan_output_axes", [0] * outputs)
    out_back = call.get("scan_output_directions", [0] * outputs)
    found = []
    for n in range(outputs):
        row = [each[n] for each in rows]
        row = row[::-1] if out_back[n] else row
        found.append(torch.stack(row, wrapped(out_axes[n], row[0].dim() + 1)))
    return (*state, *found)


def _scanned(call: Any, state: list[Any], parts: list[list[Any]]) -> tuple[list[Any], list[list[Any]]]:
    rows = []
    for each in zip(*parts, strict=True):
        found = call.inner("body", (*state, *each))
        state, row = found[: len(state)], found[len(state):]
        rows.append(row)
    return state, rows


def _scan_of_batches(call: Any, lengths: Any, *inputs: Any) -> Any:
    """Version 8: everything has a first dimension of examples."""
    count = call.get("num_scan_inputs")
    back = call.get("directions", [0] * count)
    states, outs = [], []
    for example in range(inputs[0].shape[0]):
        state = [x[example] for x in inputs[:-count]]
        parts = [list(x[example].unbind(0)) for x in inputs[-count:]]
        parts = [part[::-1] if turned else part for part, turned in zip(parts, back, strict=True)]
        last, rows = _scanned(call, state, parts)
        states.append(last)
        outs.append([torch.stack(column) for column in zip(*rows, strict=True)])
    return (*[torch.stack(column) for column in zip(*states, strict=True)],
            *[torch.stack(column) for column in zip(*outs, strict=True)])


# --- sequences --------------------------------------------------------------------------------------------------------


@operator("SequenceConstruct")
def _sequence_construct(call: Any, *xs: Any) -> Any:
    return list(xs)


@operator("SequenceEmpty")
def _sequence_empty(call: Any) -> Any:
    return []


@operator("SequenceAt")
def _sequence_at(call: Any, xs: Any, place: Any) -> Any:
    return xs[call.ints(1)[0]]


@operator("SequenceInsert")
def _sequence_insert(call: Any, xs: Any, x: Any, place: Any = None) -> Any:
    found = list(xs)
    where = call.ints(2)
    found.insert(len(found) if where is None else where[0], x)
    return found


@operator("SequenceErase")
def _sequence_erase(call: Any, xs: Any, place: Any = None) -> Any:
    found = list(xs)
    where = call.ints(1)
    del found[-1 if where is None else where[0]]
    return found


@operator("SequenceLength")
def _sequence_length(call: Any, xs: Any) -> Any:
    return torch.tensor(len(xs))


@operator("SplitToSequence")
def _split_to_sequence(call: Any, x: Any, sizes: Any = None) -> Any:
    axis = wrapped(call.get("axis", 0), x.dim())
    if sizes is None:
        parts = [x.narrow(axis, i, 1) for i in range(x.shape[axis])]
        return [part.squeeze(axis) for part in parts] if not call.get("keepdims", 1) else parts
    given = call.ints(1)
    return list(torch.split(x, given if sizes.dim() else given[0], axis))


@operator("ConcatFromSequence")
def _concat_from_sequence(call: Any, xs: Any) -> Any:
    join = torch.stack if call.get("new_axis", 0) else torch.cat
    return join(list(xs), call.get("axis"))


@operator("SequenceMap")
def _sequence_map(call: Any, xs: Any, *others: Any) -> Any:
    rows = [call.inner("body", (x, *[each[i] if isinstance(each, list) else each for each in others]))
            for i, x in enumerate(xs)]
    found = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(call.wanted)]
    return tuple(found)


@operator("Optional")
def _optional(call: Any, x: Any = None) -> Any:
    return x


@operator("OptionalHasElement")
def _optional_has_element(call: Any, x: Any = None) -> Any:
    return torch.tensor(x is not None)


@operator("OptionalGetElement")
def _optional_get_element(call: Any, x: Any) -> Any:
    return x
