"""`vmap`'s level: tensors that hold the values of all examples at once.

The examples lie along the first dimension of the tensor below; what is the same for all is held once, without that
dimension. Primitives run by their ``batch`` rules (core/batching.py); one without a rule by a loop over the examples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.batching import call, spread
from ..core.frames import user_line
from ..core.primitive import HALVES, P, Primitive, evaluate
from ..core.state import state
from ..tensors.alias import same_memory
from ..tensors.apply import FAILURES, bare
from ..tensors.inplace import overwrite
from ..tensors.tape import Node
from ..tensors.tensor import TENSORS, Tensor, make
from .levels import Level, Lifted, array_of, drawn, has_history, plain_array
from .modes import set_grad_enabled
from .rows import rowwise, rule_for_rows

ndarray = np.ndarray

_FIRST_INDEX = {"index": 1, "index_adjoint": 1, "index_put": 2}
"""From which operand on primitives have index arrays, of which masks show as many elements as they mark."""
_BY_VALUE = {"masked_select", "bincount", *_FIRST_INDEX}
"""Primitives of which the shape of the result may depend on values."""


_RULES: dict[Primitive, Any] = {}
"""The batch rules of primitives that `BatchLevel.brief` runs; None for others."""


def _rule_of(primitive: Primitive) -> Any:
    apart = primitive.kind == "view" or primitive.multiple or primitive.name in _BY_VALUE
    return None if apart or primitive.promotion == "where" else primitive.batch


class Batched(Lifted):
    """The values of all examples: a tensor below, ``mapped`` if the examples lie along its first dimension."""

    __slots__ = ("mapped",)

    def __init__(self, level: BatchLevel, value: Tensor, mapped: bool, outside: bool = False) -> None:
        self.level, self.value, self.outside, self.mapped = level, value, outside, mapped
        data = value._data
        shape = data.shape
        self.dtype, self.shape = data.dtype, shape[1:] if mapped else shape
        self._whole, self.steps, self.generation = None, (), 0

    def __repr__(self) -> str:
        return f"Batched({self.value!r}, mapped={self.mapped})"


class BatchLevel(Level):
    """One `vmap` in force over ``count`` examples. ``randomness``: ``"error"``, ``"different"`` or ``"same"``."""

    name = "vmap"
    kind = Batched

    def __init__(self, count: int, randomness: str = "error") -> None:
        self.count, self.randomness = count, randomness

    def constant(self, value: Tensor, outside: bool) -> Batched:
        return Batched(self, value, False, outside)

    def mapped(self, value: Tensor) -> Tensor:
        """A tensor of the level below as one whose examples lie along its first dimension."""
        return make(Batched(self, value, True), None)

    def wrap(self, array: Any, mapped: bool) -> Tensor:
        """An array of the plain level below as a tensor of this one."""
        return bare(Batched(self, bare(array), mapped))

    def ruled(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        values, mapped = [], []
        for x in operands:
            if type(x) in TENSORS:
                data = x._data
                if data.steps and data.generation != data.root.generation:
                    self.settle(data)
                values.append(data.value)
                mapped.append(data.mapped)
            else:
                values.append(x)
                mapped.append(False)
        if True in mapped and primitive.name in _BY_VALUE:
            self._check_shape(primitive, [x._data if type(x) in TENSORS else x for x in values], mapped, params)
        result, is_mapped = call(primitive, values, mapped, params)
        if primitive.multiple:
            return tuple([Batched(self, part, is_mapped) for part in result])
        out = Batched(self, result, is_mapped)
        if primitive.kind == "view" and same_memory(result, values[0]):
            out.part_of(operands[0]._data, (primitive, params))
        return out

    def brief(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any], recorded: bool) -> Any:
        if self.outer is not None:
            return None
        rule = _RULES.get(primitive, primitive)
        if rule is primitive:
            rule = _RULES[primitive] = _rule_of(primitive)
        arrays: list[Any] = []
        mapped: list[bool] = []
        dtype = None
        for x in operands:
            is_mapped = False
            if type(x) in TENSORS:
                data = x._data
                if type(data) is Batched and data.level is self:
                    if data.steps and data.generation != data.root.generation:
                        return None
                    x, is_mapped = data.value, data.mapped
                x = plain_array(x, dtype, recorded)
                if x is None:
                    return None
                dtype = x.dtype
            elif x is not None and type(x) is not float and type(x) is not int:
                return None
            arrays.append(x)
            mapped.append(is_mapped)
        if rule is None or dtype is None or dtype.char in primitive.refuses:
            return None
        whole = True in mapped
        try:
            if whole:
                result = state.here["quiet"](rule, primitive, arrays, mapped, params)
            else:
                result = evaluate(primitive, arrays, params)
        except FAILURES:
            return None  # the longer way words it
        return Batched(self, bare(result), whole)

    def at_once(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        arrays: list[Any] = []
        mapped = []
        recorded = self.records_below()
        for x in operands:
            if type(x) in TENSORS:
                data = x._data
                array = array_of(data.value, recorded)
                if array is None or (data.steps and data.generation != data.root.generation):
                    return None
                arrays.append(array)
                mapped.append(data.mapped)
            else:
                arrays.append(x)
                mapped.append(False)
        if True not in mapped or primitive.batch is None:
            return None
        if primitive.kind == "view":
            return self._seen_at_once(primitive, operands[0]._data, params, recorded)
        if primitive.name in _BY_VALUE:
            self._check_shape(primitive, arrays, mapped, params)
        result = state.here["quiet"](primitive.batch, primitive, arrays, mapped, params)
        if primitive.multiple:
            return tuple([Batched(self, bare(part), True) for part in result])
        return Batched(self, bare(result), True)

    def pull(self, node: Node, ct: Any) -> Sequence[Any] | None:
        """Rules that take rows (autograd/rows.py), on the arrays of all examples: see Note [on arrays]."""
        if self.outer is not None or state.grad or (node.rare is not None and "packed" in node.rare):
            return None
        rule = rule_for_rows(node)
        if rule is None:
            return None
        saved: Any = node.saved
        elements = node.primitive.kind == "elementwise"
        for cell, count in node.guards:
            if cell[0] != count:
                return None  # the longer way words it
        rank, below = len(node.shape), self.records_below()
        found = self.array_of(ct, False, below)
        if found is None or found[0].ndim - found[1] != rank:
            return None
        arrays: list[Any] = []
        for place, value in enumerate(saved[:-1]):
            if type(value) is Batched:
                if value.level is not self or (value.steps and value.generation != value.root.generation):
                    return None
                array = array_of(value.value, below)
                if array is None or (value.mapped and not (elements and array.ndim - 1 == rank)):
                    return None
                value = array
            elif type(value) is ndarray:
                if value.dtype.char in HALVES or (below and node.edge_at(place, True) is not None):
                    return None
            elif value is not None and type(value) is not float and type(value) is not int:
                return None
            arrays.append(value)
        given = found[0]
        grads = state.here["quiet"](rule, given, rowwise(node, (*arrays, saved[-1])), node.params, node.edges)
        return [grad if grad is None else ct if grad is given else self.wrap(grad, np.ndim(grad) > rank)
                for grad in grads]

    def array_of(self, value: Tensor, here: bool, below: bool) -> tuple[Any, bool] | None:
        """The array that a tensor inside holds, and whether it has the examples along its first dimension; None where
        it has a history at this level, and ``here`` one is being recorded, or one ``below``, likewise."""
        if here and has_history(value):
            return None
        data = value._data
        mapped = False
        if type(data) is Batched:
            if data.level is not self or (data.steps and data.generation != data.root.generation):
                return None
            value, mapped = data.value, data.mapped
        array = array_of(value, below)
        return None if array is None else (array, mapped)

    def brief_view(self, primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any],
                   recorded: bool) -> Any:
        x = operands[0]
        if self.outer is not None or len(operands) != 1 or type(x) not in TENSORS:
            return None
        data = x._data
        if (type(data) is not Batched or data.level is not self or not data.mapped
                or (data.steps and data.generation != data.root.generation) or array_of(data.value, recorded) is None):
            return None
        try:
            return self._seen_at_once(primitive, data, params, recorded)
        except FAILURES:
            return None  # the longer way words it

    def _seen_at_once(self, primitive: Primitive, data: Batched, params: dict[str, Any],
                      recorded: bool) -> Batched | None:
        if primitive.behind is None:
            return None
        shape = data.value._data.shape
        params_below = primitive.behind(params, shape[0], shape[1:])
        seen = primitive.run(data.value._data, **params_below)
        value = self.seen(data.value, seen, primitive, params_below, recorded)
        out = Batched(self, value, True)
        if value._alias is not None:
            out.part_of(data, (primitive, params))
        return out

    def _check_shape(self, primitive: Primitive, values: list[Any], mapped: list[bool], params: dict[str, Any]) -> None:
        """Raises where the shape of the result depends on values that differ from example to example."""
        if primitive.name == "masked_select":
            by_value = mapped[1]
        elif primitive.name == "bincount":
            by_value = not params.get("minlength")
        else:
            first = _FIRST_INDEX[primitive.name]
            by_value = any([is_mapped and x.dtype.kind == "b" for x, is_mapped in
                            zip(values[first:], mapped[first:], strict=True)])
        if by_value:
            raise RuntimeError(
                f"[vmap] {primitive.name} gives a result whose shape depends on the values, which differ from example "
                f"to example (at {user_line()}); compute with torch.where or masked_fill instead, or run one example "
                "after the other with vmap(..., chunk_size=1)")

    def settle(self, data: Batched) -> None:
        root = data.root
        value, mapped = root.value, root.mapped
        for primitive, params in data.steps:
            value = value.detach() if primitive is None else call(primitive, (value,), (mapped,), params)[0]
        data.value, data.mapped, data.generation = value, mapped, root.generation

    def detached(self, data: Batched, value: Tensor) -> Batched:
        out = Batched(self, value, data.mapped)
        out.part_of(data, (None, {}))
        return out

    def put(self, data: Batched, new: Batched, op: str) -> None:
        if new.mapped and not data.mapped:
            root = data.root
            root.value, root.mapped = P.clone(spread(root.value, False, self.count), order="C"), True
            root.generation += 1
            if data is root:
                data.generation = root.generation
            else:
                self.settle(data)
        overwrite(data.value, new.value, op)

    def put_outside(self, tensor: Tensor, new: Batched, op: str) -> None:
        if new.mapped:
            raise RuntimeError(
                "[vmap] vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor "
                "`other` in extra_args that has more elements than `self`. A tensor made inside the function, or one "
                "that is mapped over, was expected to be written with values that differ from example to example; got "
                f"one from outside (at {user_line()}); write out of place, or pass the tensor with an in_dim")
        overwrite(tensor, new.value, op)

    def plain(self, tensor: Tensor, what: str) -> Tensor:
        if not self.owns(tensor):
            return tensor
        data = self.current(tensor)
        if not data.mapped:
            value: Tensor = data.value
            return value
        asked = f".{what}()" if what not in ("bool", "in") else "its truth (data-dependent control flow)"
        raise RuntimeError(
            f"[vmap] vmap: It looks like you're calling {asked} on a Tensor that has one value an example (at "
            f"{user_line()}). Compute with tensors (torch.where instead of if), or run one example after the other "
            "with vmap(..., chunk_size=1)")

    def lies(self, tensor: Tensor, absolute: bool) -> tuple[int, int]:
        data = self.current(tensor) if self.owns(tensor) else None
        if data is None or not data.mapped:
            return super().lies(tensor, absolute)
        steps = [(n - 1) * stride // data.itemsize for n, stride in zip(data.shape, data.strides, strict=True)]
        return 0, 1 + sum(steps) if data.size else 0  # an example lies in a memory of its own

    def collected(self, ct: Tensor) -> Tensor:
        data = self.current(ct) if self.owns(ct) else None
        if data is None:
            return ct
        if not data.mapped:
            return self.below(P.mul, data.value, float(self.count))
        return self.below(lambda: P.sum(data.value, dim=(0,)))

    def one_by_one(self, run: Callable[..., Any], tensors: tuple[Any, ...]) -> Any:
        pairs = [self.unmapped(x) if type(x) in TENSORS else (x, False) for x in tensors]
        if not any(mapped for _, mapped in pairs):
            return super().one_by_one(run, tensors)
        found = self.below(self._each_example, run, pairs)
        return tuple([self.mapped(part) for part in found]) if isinstance(found, tuple) else self.mapped(found)

    def _each_example(self, run: Callable[..., Any], pairs: list[Any]) -> Any:
        results = [run(*[x[place] if mapped else x for x, mapped in pairs]) for place in range(self.count)]
        columns = list(zip(*results, strict=True)) if isinstance(results[0], tuple) else [tuple(results)]
        for column in columns:
            shapes = {tuple(part._data.shape) for part in column}
            if len(shapes) > 1:
                raise RuntimeError(
                    f"[vmap] results of one shape for all examples were expected, as they are stacked; got "
                    f"{' and '.join(str(list(shape)) for shape in sorted(shapes)[:2])} (at {user_line()}); run one "
                    "example after the other with vmap(..., chunk_size=1)")
        stacked = [P.cat(*[part[None] for part in column], dim=0) for column in columns]
        return tuple(stacked) if isinstance(results[0], tuple) else stacked[0]

    def unmapped(self, tensor: Tensor) -> tuple[Tensor, bool]:
        """The tensor below that a result holds, and whether it has the examples along its first dimension."""
        if not self.owns(tensor):
            return tensor, False
        data = self.current(tensor)
        return data.value, data.mapped

    # --- random numbers -----------------------------------------------------------------------------------------------

    def draws(self, generator: Any, reseeds: bool = False) -> None:
        if not reseeds:
            self._check_random()
        super().draws(generator, reseeds)

    def _check_random(self) -> None:
        if self.randomness == "error":
            raise RuntimeError(
                "[vmap] vmap: called random operation while in randomness error mode. Please either use the 'same' or "
                f"'different' randomness flags on vmap or perform the randomness operation out of vmap (at "
                f"{user_line()}): vmap(..., randomness='different')")

    def draw(self, sampler: str, generator: Any, operands: tuple[Any, ...], params: dict[str, Any]) -> Tensor:
        self._check_random()
        pairs = [self.unmapped(x) if type(x) in TENSORS else (x, False) for x in operands]
        value, mapped = self.below(self._drawn, sampler, generator, pairs, params)
        return make(Batched(self, value, mapped), None)

    def _drawn(self, sampler: str, generator: Any, pairs: list[Any], params: dict[str, Any]) -> tuple[Tensor, bool]:
        values, is_mapped = [x for x, _ in pairs], any(mapped for _, mapped in pairs)
        if self.randomness == "same" and not is_mapped:
            return drawn(sampler, generator, tuple(values), params), False
        if self.randomness == "different" and "size" in params:
            whole = [spread(x, mapped, self.count) if mapped else x for x, mapped in pairs]
            wide = [x if not hasattr(x, "shape") or not mapped else x[(slice(None), *(None,) * (
                len(params["size"]) + 1 - len(x.shape)))] for x, (_, mapped) in zip(whole, pairs, strict=True)]
            return drawn(sampler, generator, tuple(wide), {**params, "size": (self.count, *params["size"])}), True
        before = generator.get_state()
        parts = []
        for place in range(self.count):
            if self.randomness == "same":
                generator.set_state(before)
            example = tuple([x[place] if mapped else x for x, mapped in pairs])
            parts.append(drawn(sampler, generator, example, params)[None])
        return P.cat(*parts, dim=0), True


# --- all places along a dimension at once -----------------------------------------------------------------------------


def over_examples(run: Callable[[Sequence[Tensor]], Sequence[Any]], stacked: Sequence[Tensor], chunk: int | None,
                  randomness: str = "error", recording: bool = True) -> list[Tensor]:
    """What a function of tensors gives for each place along the first dimension of ``stacked``, stacked likewise:
    ``chunk`` of them at once, all if None; of 1 the function gets plain tensors, one place after the other. Unless
    ``recording``, nothing that it does is recorded at the present level."""
    count = stacked[0]._data.shape[0]
    chunk = count if chunk is None else max(1, min(chunk, count))
    if chunk == 1 and count > 0:
        singly = []
        for place in range(count):
            given = [x[place] for x in stacked]
            with set_grad_enabled(state.grad and recording):
                singly.append(run(given))
        return [P.cat(*[part[None] for part in column], dim=0) for column in zip(*singly, strict=True)]
    parts = []
    for start in range(0, max(count, 1), max(chunk, 1)):
        stop = min(start + chunk, count)
        taken = stacked if chunk == count else [x[start:stop] for x in stacked]
        with set_grad_enabled(state.grad and recording), BatchLevel(stop - start, randomness) as inside:
            results = [inside.unmapped(x) for x in run([inside.mapped(x) for x in taken])]
        parts.append([spread(x, mapped, stop - start) for x, mapped in results])
    return parts[0] if len(parts) == 1 else [P.cat(*column, dim=0) for column in zip(*parts, strict=True)]
