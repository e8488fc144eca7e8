"""How many images a second a `DataLoader` with two workers delivers, on wengert and on PyTorch.

python -m benchmarks.loading [--rounds N]

The same program runs in a process of each library in turn. A *first* epoch includes the start of the workers; a *next*
one is with workers that are there (``persistent_workers``). The consumer only looks at an
element of each batch: work of its own would compete with the workers for the processors.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.comparison import environment
from benchmarks.sides import LIBRARIES

WORKERS, BATCH = 2, 64


def augment(lib: Any, image: Any) -> Any:
    """To float, normalised, padded by two and cropped at random, flipped half of the time."""
    image = (image.float() / 255 - 0.1307) / 0.3081
    image = lib.nn.functional.pad(image, (2, 2, 2, 2))
    top, left = lib.randint(0, 5, (2,)).tolist()
    image = image[:, top : top + 28, left : left + 28]
    return image.flip(2) if lib.rand(1).item() < 0.5 else image


def normalise(lib: Any, image: Any) -> Any:
    """To float, normalised."""
    return (image.float() / 255 - 0.1307) / 0.3081


CASES: dict[str, tuple[tuple[int, ...], int, Callable[[Any, Any], Any]]] = {
    "28x28, augmented": ((1, 28, 28), 6400, augment),
    "28x28, normalised": ((1, 28, 28), 12800, normalise),
    "3x128x128, normalised": ((3, 128, 128), 1280, normalise),
}


def dataset_of(lib: Any, shape: tuple[int, ...], count: int, transform: Callable[[Any, Any], Any]) -> Any:
    """Images of random bytes with labels; the transform runs on every image when it is asked for."""

    class Images(lib.utils.data.Dataset):
        def __init__(self) -> None:
            self.images = lib.randint(0, 256, (count, *shape), dtype=lib.uint8)
            self.labels = lib.randint(0, 10, (count,))

        def __len__(self) -> int:
            return count

        def __getitem__(self, index: int) -> Any:
            return transform(lib, self.images[index]), self.labels[index]

    return Images()


def epoch(loader: Any) -> float:
    """The seconds of a run through the loader."""
    start = perf_counter()
    for images, _labels in loader:
        images[-1, 0, 0, 0].item()
    return perf_counter() - start


def measure(library: str) -> dict[str, tuple[float, float]]:
    """Images a second of every case: in a first epoch, and in the next ones."""
    lib = import_module(library)
    import_module(f"{library}.nn.functional")
    import_module(f"{library}.utils.data")
    figures = {}
    for name, (shape, count, transform) in CASES.items():
        loader = lib.utils.data.DataLoader(
            dataset_of(lib, shape, count, transform), BATCH, True, num_workers=WORKERS, persistent_workers=True
        )
        first = epoch(loader)
        figures[name] = count / first, count / median(epoch(loader) for _ in range(3))
    return figures


def main() -> None:
    """Prints a table: the median of alternating runs, and of wengert's over PyTorch's throughput in the same round."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loading", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="runs of each library")
    parser.add_argument("--library", choices=LIBRARIES, help="measure one library, here, and print JSON")
    options = parser.parse_args()
    if options.library:
        print(json.dumps(measure(options.library)))
        return
    rounds: list[dict[str, Any]] = []
    for turn in range(options.rounds):
        order = LIBRARIES if turn % 2 else LIBRARIES[::-1]
        rounds.append({library: run(library) for library in order})
    print(f"{'images a second, 2 workers':<28} {'epoch':<6} {'wengert':>9} {'PyTorch':>9} {'ratio':>6}")
    for name in CASES:
        for position, kind in enumerate(("first", "next")):
            pairs = [tuple(each[library][name][position] for library in LIBRARIES) for each in rounds]
            ours, theirs = (median(column) for column in zip(*pairs, strict=True))
            ratio = median(mine / other for mine, other in pairs)
            print(f"{name:<28} {kind:<6} {ours:9.0f} {theirs:9.0f} {ratio:6.2f}")


def run(library: str) -> Any:
    """What `measure` finds in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.loading", "--library", library]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment(), timeout=600)
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
