"""What a recorded function leaves to the end of each of its calls: the steps of schedules.

The one idea to know: a schedule's step changes no tensor that the program writes, but Python's numbers, which each call
reads anew. So it need not be recorded, only be run when all else has, where nothing that comes after it in the function
looks at what it changes. That is seen to while the function is recorded: from its step on a schedule is `Stepped`, and
its optimiser makes no other update.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from ..core.errors import TraceError


class Stepped:
    """What a schedule is, in a recording, once it has made its step."""

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("__"):  # what the recording itself asks of all that it meets
            return object.__getattribute__(self, name)
        raise TraceError(f"[lr_scheduler] the step of a schedule was expected to be the last that is done with it in a "
                         f"function that is being recorded, as it is made at the end of each call; got a look at its "
                         f"{name} after it; do that outside the function")


class Step(NamedTuple):
    """The step of a schedule, and how it is made."""

    schedule: Any
    kind: type
    optimizer: Any
    run: Callable[[], None]


class Later:
    """The steps that are left to the end of a call, in their order."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.young: list[Any] = []
        """Schedules that the function has made itself."""
        self.failed: Exception | None = None
        """What a step has raised, when all else had been done."""

    def leave(self, schedule: Any, run: Callable[[], None]) -> None:
        """Leaves the step of a schedule to the end."""
        self.steps.append(Step(schedule, type(schedule), schedule.optimizer, run))
        schedule.__class__ = Stepped

    def begin(self) -> None:
        """Makes schedules what they are, when the function has been recorded."""
        self.young.clear()
        for step in self.steps:
            object.__setattr__(step.schedule, "__class__", step.kind)

    def run(self) -> None:
        """Makes the steps. What one of them raises is kept, for whoever else would take it for the program's."""
        for step in self.steps:
            try:
                step.run()
            except Exception as error:
                self.failed = error
                raise

    def is_behind(self, group: dict[str, Any]) -> bool:
        """Whether a schedule of a group's optimiser has made its step."""
        return any(group is each for step in self.steps for each in step.optimizer.param_groups)

    def kept(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """All that the steps may change beside tensors, each with what is in it now."""
        holders = [vars(schedule) for schedule in _parts([step.schedule for step in self.steps])]
        holders += [group for step in self.steps for group in step.optimizer.param_groups]
        return [(holder, dict(holder)) for holder in holders]

    @property
    def words(self) -> list[str]:
        """What is done at the end of each call."""
        return [f"step {step.kind.__name__}" for step in self.steps]


def _parts(schedules: Sequence[Any]) -> Iterator[Any]:
    for schedule in schedules:
        yield schedule
        yield from _parts(getattr(schedule, "_schedulers", ()))
