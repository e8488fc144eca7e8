"""How much of the communication of a step goes on behind its backward: ``python -m benchmarks.hiding`` in each rank.

Both are measured in the step itself: how long the reductions take, in whichever thread, and how much of that lies after
the end of backward, where the step waits for it. (The difference between the steps with and without communication is
no measure: it is a fraction of a millisecond of steps that vary by more, and on a machine with a core a rank what goes
on behind backward takes the processor from it.)

Once as it is, by memory that the ranks share, which keeps a processor busy; and once with a network that is simulated:
a reduction sleeps as long as it would take at 10 Gbit/s (`scaling.ring`).
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter, sleep
from typing import Any

from benchmarks import networks
from benchmarks.report import duration, lined_up
from benchmarks.scaling import Network, ring

SIMULATED = Network(20e-6, 10e9 / 8)
BUCKETS = {"mlp": (25.0, 0.1), "resnet20": (25.0, 0.25), "wide": (25.0, 4.0)}
"""By network, the sizes of buckets in megabytes, of which 25 is what is used unless another is asked for."""
STEPS = {"mlp": 40, "resnet20": 6, "wide": 10}


def wide(torch: Any) -> networks.Step:
    """1024-1024-1024-1024-1024 with ReLU, a batch of 256: 17 MB of gradients."""
    nn = torch.nn
    torch.manual_seed(0)
    layers = [layer for _ in range(4) for layer in (nn.Linear(1024, 1024), nn.ReLU())]
    model = nn.Sequential(*layers, nn.Linear(1024, 10))
    inputs, labels = torch.rand(256, 1024), torch.randint(10, (256,))
    return networks.training_step(torch, model, inputs, labels, torch.optim.SGD(model.parameters(), lr=0.01))


class Clock:
    """Notes when the reductions of one step begin and end, and when its backward is over."""

    def __init__(self, transport: Any, reducer: Any, network: Network | None, ranks: int) -> None:
        self.spans: list[tuple[float, float]] = []
        self.over = 0.0
        self._network, self._ranks = network, ranks
        self._transport, self._plain = transport, transport.allreduce
        self._reducer, self._finish = reducer, reducer.finish

    def __enter__(self) -> Clock:
        self._transport.allreduce, self._reducer.finish = self._reduce, self._finished
        return self

    def __exit__(self, *error: object) -> None:
        self._transport.allreduce = self._plain
        del self._reducer.finish

    def _reduce(self, call: Any, array: Any, op: Any) -> None:
        began = perf_counter()
        if self._network is not None:
            sleep(ring(self._ranks, array.nbytes, self._network))
        self._plain(call, array, op)
        self.spans.append((began, perf_counter()))

    def _finished(self) -> None:
        self.over = perf_counter()
        self._finish()

    def figures(self) -> tuple[float, float]:
        """Seconds of communication in the step, and those of them that it waited for after its backward."""
        whole = sum(end - began for began, end in self.spans)
        return whole, sum(max(0.0, end - max(began, self.over)) for began, end in self.spans)


def shares(torch: Any, parallel: Callable[[Any, Callable[[Any], Any], str], tuple[Any, networks.Step]]
           ) -> dict[str, list[float]]:
    """For each network, size of buckets and way: seconds of communication, seconds exposed, number of buckets.

    ``parallel(torch, wrap, name)`` makes a network in ``wrap`` and its step.
    """
    transport = importlib.import_module(f"{torch.__name__}.distributed.transport")
    dist = importlib.import_module(f"{torch.__name__}.distributed")
    ddp = importlib.import_module(f"{torch.__name__}.nn.parallel").DistributedDataParallel
    networks.wide = wide  # type: ignore[attr-defined]  # beside the others, where `parallel` looks
    found: dict[str, list[float]] = {}
    for name, sizes in BUCKETS.items():
        for size in sizes:
            model, step = parallel(torch, partial(ddp, bucket_cap_mb=size), name)
            step()
            step()  # with the order of the first backward
            for way, network in (("memory", None), ("10 Gbit/s", SIMULATED)):
                figures = []
                for _ in range(STEPS[name]):
                    with Clock(transport, model.reducer, network, dist.get_world_size()) as clock:
                        step()
                    figures.append(clock.figures())
                whole, exposed = (median(each) for each in zip(*figures, strict=True))
                found[f"{name}, {size:g}, {way}"] = [whole, exposed, len(model.reducer.buckets)]
            model.reducer.remove()
    return found


def table(found: dict[str, list[float]]) -> str:
    """A line for each."""
    rows: list[tuple[str, ...]] = [("step", "buckets", "by", "communication", "waited for", "hidden")]
    for name, (whole, exposed, count) in found.items():
        step, size, way = name.split(", ")
        rows.append((step, f"{count:g} (at most {size} MB)", way, duration(whole), duration(exposed),
                     f"{1 - exposed / whole:.0%}"))
    return lined_up(rows)


def main() -> None:
    from benchmarks.distributed_rank import parallel_step

    torch: Any = importlib.import_module("wengert")
    dist: Any = importlib.import_module("wengert.distributed")
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    found = shares(torch, parallel_step)
    if dist.get_rank() == 0:
        print(json.dumps(found) if "--json" in sys.argv else table(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
