"""The functions of a program, dealt out to modules, which LLVM compiles at the same time.

The one idea to know: functions that call each other stay together, and the others are dealt out by how many lines they
have. So the modules depend on the program alone, and the cache on disk finds them again however many threads there are.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from ..compiler.code import Code, module

LARGEST, MOST = 2**11, 8
"""Lines from which on a module is cut in two, and how many there may be: a module costs some milliseconds."""


def modules_of(functions: Sequence[Code], wanted: Container[str]) -> list[tuple[list[str], str]]:
    """Modules with all these functions. Each has a table ``functions`` of the addresses of those among it whose names
    are ``wanted``: the names in the table's order, and the module's text."""
    groups = [(sum(code.length for code in group), group) for group in _callers(functions)]
    count = min(MOST, len(groups), max(1, -(-sum(size for size, _ in groups) // LARGEST)))
    sizes: list[int] = [0] * count
    dealt: list[list[Code]] = [[] for _ in range(count)]
    for size, group in sorted(groups, key=lambda pair: -pair[0]):
        least = sizes.index(min(sizes))
        sizes[least] += size
        dealt[least] += group
    return [_with_table(each, [code.name for code in each if code.name in wanted]) for each in dealt]


def _with_table(functions: Sequence[Code], names: list[str]) -> tuple[list[str], str]:
    listed = ", ".join([f"ptr @{name}" for name in names])
    table = f"@functions = constant [{len(names)} x ptr] [{listed}]\n" if names else ""
    return names, table + module(*functions)


def _callers(functions: Sequence[Code]) -> list[list[Code]]:
    """The functions in groups, none of which calls one of another group."""
    group = {code.name: [code] for code in functions}
    for code in functions:
        for called in code.declarations:
            mine, other = group[code.name], group.get(called)
            if other is not None and other is not mine:
                mine += other
                group.update(dict.fromkeys([each.name for each in other], mine))
    return list({id(each): each for each in group.values()}.values())
