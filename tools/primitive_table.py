"""Prints the table of all primitives, from the registry: ``python -m tools.primitive_table > docs/primitives.md``."""

from __future__ import annotations

import wengert  # noqa: F401  (fills the registry)
from wengert.core.batching import each
from wengert.core.primitive import P, Primitive

HEADER = """\
# The primitives

All {count} of them, as the registry has them; every other operation is composed of these. `vjp` is the derivative that
`backward()` uses, and `jvp` the forward derivative: a rule, or the `transpose` of the vjp. `batch` says how `vmap` runs
it: all examples at once, or in a `loop`, with the reason for it. `kernel` says whether machine code is generated for
large arrays.
This page is made by `python -m tools.primitive_table > docs/primitives.md`, and a test holds it against the registry.

| primitive | kind | operands | vjp | jvp | batch | kernel | what is missing, and why |
| --- | --- | ---: | :-: | :-: | :-: | :-: | --- |
"""


def table() -> str:
    """The page as text."""
    primitives = sorted(P, key=lambda primitive: primitive.name)
    return HEADER.format(count=len(primitives)) + "".join(map(row, primitives))


def row(primitive: Primitive) -> str:
    """One primitive's line."""
    vjp, lower = ("yes" if rule is not None else "–" for rule in (primitive.vjp, primitive.lower))
    transposed = primitive.jvp is None and primitive.vjp is not None
    jvp = "transpose" if transposed else "–" if primitive.jvp is None else "yes"
    batch = "–" if primitive.batch is None else "loop" if primitive.batch is each else "yes"
    rules = (vjp, jvp, batch, lower)
    lacking: dict[str, list[str]] = {}
    for name, reason in primitive.missing.items():
        if not (name == "jvp" and transposed):
            lacking.setdefault(reason, []).append(name)
    missing = "; ".join(f"{' and '.join(names)}: {reason}" for reason, names in lacking.items())
    operands = "any" if primitive.arity < 0 else str(primitive.arity)
    return f"| `{primitive.name}` | {primitive.kind} | {operands} | {' | '.join(rules)} | {missing} |\n"


if __name__ == "__main__":
    print(table(), end="")
