"""Gradients that come in parts: what the views of one tensor give back, each among zeros, and their sum.

The backward pass of ``q, k, v = x.split(n)`` is a sum of three tensors, each of which has one part and zeros. Where
parts do not meet, their sum is these parts side by side, and nothing needs to be filled with zeros and added up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ..ir import Instr, Value

LARGEST = 2**22
"""Elements up to which it is looked at where the parts lie."""


class Parts:
    """The sums of parts among instructions: ``sums`` has the adjoints of views that one consists of, and whether they
    fill it; ``skipped`` are the instructions that nothing else needs then."""

    def __init__(self, instrs: Sequence[Instr], uses: Counter[Value]) -> None:
        self.sums: dict[Value, tuple[list[Instr], bool]] = {}
        self.skipped: set[Value] = set()
        found: dict[Value, tuple[list[Instr], Any]] = {}
        for instr in instrs:
            out, name = instr.results[0], instr.primitive.name
            if name == "view_adjoint" and type(instr.operands[0]) is Value and 0 < prod(out.spec.shape) <= LARGEST:
                primitive, params = instr.params["step"]
                if primitive.name == "slice" and instr.operands[0].spec.dtype is out.spec.dtype:
                    covered = np.zeros(out.spec.shape, bool)
                    primitive.run(covered, **params)[...] = True
                    found[out] = [instr], covered
            elif name == "add" and all(x in found and uses[x] == 1 for x in instr.operands):
                (left, mine), (right, its) = (found[x] for x in instr.operands)
                if mine.shape == its.shape == tuple(out.spec.shape) and not (mine & its).any():
                    self.skipped.update(instr.operands)
                    found[out] = [*left, *right], mine | its
        for value, (adjoints, covered) in found.items():
            if len(adjoints) > 1 and value not in self.skipped:
                self.sums[value] = adjoints, bool(covered.all())
