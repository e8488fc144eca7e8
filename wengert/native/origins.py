"""Which step of a schedule computes a value of the graph: for people, who look at it (`view.program`).

The one idea to know: a value that lies in memory is of the step that writes it there; one that is an expression is of
the first step that has its node. What was made anew on the way (seen through a view, say) is of its first user's step.
"""

from __future__ import annotations

from ..ir import Value
from .loops import Buffer, Nest, Node
from .schedule import Schedule
from .steps import Call, Product, places_read, places_written


def steps_of_values(schedule: Schedule) -> dict[Value, int]:
    """For the results of instructions the numbers of their steps, those of the first where there are several; without
    those that nothing is left of."""
    if schedule.like is not None:
        known = steps_of_values(schedule.like)
        pairs = zip(schedule.like.graph.instrs, schedule.graph.instrs, strict=True)
        return {now: known[was] for one, other in pairs for was, now in zip(one.results, other.results, strict=True)
                if was in known}
    writers: dict[Buffer, int] = {}
    nodes: dict[Node, int] = {}
    found: dict[Value, int] = {}
    for number, step in enumerate(schedule.steps):
        for place in places_written(step):
            writers.setdefault(place.buffer, number)
        nest = step.tail if isinstance(step, Product) else step
        if isinstance(step, Product):
            writers.setdefault(step.out.place.buffer, number)
        if isinstance(nest, Nest):
            for node in nest.nodes():
                nodes.setdefault(node, number)
        elif isinstance(step, Call):
            found.update(dict.fromkeys(step.instr.results, number))
    for value, expr in schedule.translation.values.items():
        node = expr.node
        at = writers.get(node.args[0].buffer) if node.op == "load" else nodes.get(node)
        if at is not None:
            found.setdefault(value, at)
    guessed: dict[Value, int] = {}
    for instr in reversed(schedule.graph.instrs):
        own = [found[result] for result in instr.results if result in found]
        if own:
            number = found.get(instr.results[0], own[0])
            found.update(dict.fromkeys(instr.results, number))
            for operand in instr.values():
                if operand not in found or operand in guessed:
                    guessed[operand] = found[operand] = min(number, found.get(operand, number))
    made = {result for instr in schedule.graph.instrs for result in instr.results}
    return {value: number for value, number in found.items() if value in made}


def helpers(schedule: Schedule, steps: dict[Value, int]) -> dict[int, list[int]]:
    """The steps that compute no value of the graph, as products to which the next step adds the bias, by the first step
    that reads what they write and computes one."""
    own = set(steps.values())
    found: dict[int, list[int]] = {}
    homes: dict[int, int] = {}
    reads = [{place.buffer for place in places_read(step)} for step in schedule.steps]
    for number in reversed(range(len(schedule.steps))):
        if number in own:
            continue
        written = {place.buffer for place in places_written(schedule.steps[number])}
        user = next((at for at in range(number + 1, len(reads)) if reads[at] & written), None)
        home = user if user in own else homes.get(-1 if user is None else user)
        if home is not None:
            homes[number] = home
            found.setdefault(home, []).insert(0, number)
    return found
