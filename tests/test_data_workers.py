"""Loading with worker processes. Every test runs a program of its own under a time limit: what hangs, fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="forks and signals")

LIMIT = 40
START = """
import os, random, signal, sys, time, warnings
import numpy as np
import wengert as torch
from wengert.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

class Numbers(Dataset):
    def __init__(self, count=24):
        self.count = count
    def __len__(self):
        return self.count
    def __getitem__(self, index):
        return torch.full((3,), float(index)), index

def segments():
    with open("/proc/self/maps") as file:
        return sum("memfd:wengert" in line for line in file)
"""


def program(tmp_path: Path, text: str, limit: float = LIMIT) -> subprocess.CompletedProcess[str]:
    """Runs a program after `START`; with `if __name__`, since spawn imports it again."""
    path = tmp_path / "program.py"
    body, main = textwrap.dedent(text).split("# main\n")
    path.write_text(START + body + "\nif __name__ == '__main__':\n" + textwrap.indent(main, "    "))
    return subprocess.run(
        [sys.executable, "-W", "error", str(path)], capture_output=True, text=True, timeout=limit, check=False
    )


def output(tmp_path: Path, text: str) -> list[str]:
    """The lines that a program prints, which ends well and silently."""
    done = program(tmp_path, text)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.splitlines()


def test_the_same_batches_for_any_number_of_workers_and_any_start_method(tmp_path: Path) -> None:
    lines = output(tmp_path, """
        # main
        warnings.simplefilter("ignore")  # more workers than processors
        for options in ({}, {"num_workers": 1}, {"num_workers": 3}, {"num_workers": 2, "prefetch_factor": 5},
                        {"num_workers": 2, "multiprocessing_context": "spawn"},
                        {"num_workers": 2, "multiprocessing_context": "forkserver"},
                        {"num_workers": 2, "persistent_workers": True}):
            torch.manual_seed(7)
            loader = DataLoader(Numbers(25), 4, shuffle=True, **options)
            print([(x.tolist(), y.tolist()) for x, y in loader], torch.rand(1).item(), len(loader))
            if not loader.persistent_workers:  # whose seed is drawn but once, as PyTorch draws it
                print([y.tolist() for _, y in loader])
        """)
    assert len(lines) == 13 and set(lines) == {*lines[:2]} and lines[0].startswith("[([[")


def test_seeds_of_torch_random_and_numpy(tmp_path: Path) -> None:
    """The numbers are PyTorch 2.13's for the same program."""
    lines = output(tmp_path, """
        class Drawing(Numbers):
            def __getitem__(self, index):
                return torch.rand(1).item(), random.random(), np.random.rand()
        # main
        torch.manual_seed(5)
        for batch in DataLoader(Drawing(4), 2, num_workers=2):
            print(*(f"{value:.6f}" for column in batch for value in column))
        """)
    assert lines == GOLDEN_DRAWS


def test_what_a_worker_knows_about_itself(tmp_path: Path) -> None:
    lines = output(tmp_path, """
        class Asking(Numbers):
            def __getitem__(self, index):
                info = get_worker_info()
                return info.id, info.num_workers, info.dataset is self, info.seed == torch.initial_seed(), self.mark, \\
                    torch.get_num_threads()
        def mark(number):
            get_worker_info().dataset.mark = number * 10
        # main
        assert get_worker_info() is None
        for batch in DataLoader(Asking(8), 2, num_workers=2, worker_init_fn=mark):
            print(*(column.tolist() for column in batch))
        """)
    assert lines == ["[0, 0] [2, 2] [True, True] [True, True] [0, 0] [1, 1]",
                     "[1, 1] [2, 2] [True, True] [True, True] [10, 10] [1, 1]"] * 2


def test_iterable_datasets(tmp_path: Path) -> None:
    lines = output(tmp_path, """
        class Count(IterableDataset):
            def __init__(self, shared):
                self.shared = shared
            def __iter__(self):
                info = get_worker_info()
                if self.shared or info is None:
                    return iter(range(5))
                return iter(range(info.id, 12 if info.id else 5, info.num_workers))
        # main
        for shared in (True, False):
            for options in ({}, {"drop_last": True}, {"batch_size": None}, {"persistent_workers": True}):
                loader = DataLoader(Count(shared), **{"batch_size": 2, "num_workers": 2, **options})
                print(*([getattr(batch, "tolist", lambda: batch)() for batch in loader] for _ in range(2)))
        """)
    assert lines[0] == lines[3] == " ".join(["[[0, 1], [0, 1], [2, 3], [2, 3], [4], [4]]"] * 2)
    assert lines[1] == " ".join(["[[0, 1], [0, 1], [2, 3], [2, 3]]"] * 2)
    assert lines[2] == "[0, 0, 1, 1, 2, 2, 3, 3, 4, 4] [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]"
    # One worker ends early; the other goes on in its order.
    assert lines[4] == lines[7] == " ".join(["[[0, 2], [1, 3], [4], [5, 7], [9, 11]]"] * 2)


def test_what_is_raised_in_a_worker_is_raised_here_with_its_traceback(tmp_path: Path) -> None:
    lines = output(tmp_path, """
        class Odd(Exception):
            def __init__(self, a, b):
                super().__init__(a, b)
        class Failing(Numbers):
            def __getitem__(self, index):
                if index == 3:
                    raise self.error
                return index
        def bad_collate(batch):
            raise OSError("collate")
        def bad_init(number):
            raise LookupError("init")
        class BadSampler(torch.utils.data.Sampler):
            def __iter__(self):
                yield 1
                raise ArithmeticError("sampler")
        class Local:
            def __reduce__(self):
                raise TypeError("cannot be sent")
        def unpicklable(batch):
            return Local()
        def attempt(**options):
            try:
                for _ in DataLoader(num_workers=2, **options):
                    pass
            except Exception as error:
                lines = str(error).splitlines()
                print(type(error).__name__, lines[0], lines[1:2], lines[-1], any("in __getitem__" in x for x in lines))
        # main
        def with_error(error):
            dataset = Failing(8)
            dataset.error = error
            return dataset
        attempt(dataset=with_error(ValueError("bad")))
        attempt(dataset=with_error(KeyError("key")))
        attempt(dataset=with_error(Odd(1, 2)))
        class Nested(Exception): pass
        attempt(dataset=Numbers(), collate_fn=bad_collate)
        attempt(dataset=Numbers(), worker_init_fn=bad_init)
        attempt(dataset=Numbers(), collate_fn=unpicklable)
        attempt(dataset=Numbers(), sampler=BadSampler())
        def local():
            class Hidden(Exception): pass
            return Hidden("hidden")
        attempt(dataset=with_error(local()))
        loader = iter(DataLoader(with_error(ValueError("bad")), num_workers=2))
        seen = []
        while True:
            try:
                seen.append(next(loader).item())
            except ValueError:
                seen.append("failed")
            except StopIteration:
                break
        print(seen)
        """)
    first = "['Original Traceback (most recent call last):']"
    assert lines == [
        f"ValueError Caught ValueError in DataLoader worker process 1. {first} ValueError: bad True",
        f"KeyError Caught KeyError in DataLoader worker process 1. {first} KeyError: 'key' True",
        f"RuntimeError Caught Odd in DataLoader worker process 1. {first} Odd: (1, 2) True",
        f"OSError Caught OSError in DataLoader worker process 0. {first} OSError: collate False",
        f"LookupError Caught LookupError in DataLoader worker process 0. {first} LookupError: init False",
        f"TypeError Caught TypeError in DataLoader worker process 0. {first} TypeError: cannot be sent False",
        "ArithmeticError sampler [] sampler False",
        f"RuntimeError Caught Hidden in DataLoader worker process 1. {first} local.<locals>.Hidden: hidden True",
        "[0, 1, 2, 'failed', 4, 5, 6, 7]",
    ]


def test_a_worker_that_is_killed_or_leaves(tmp_path: Path) -> None:
    lines = output(tmp_path, """
        class Dying(Numbers):
            def __getitem__(self, index):
                if index == 5:
                    self.die()
                return index
            def die(self):
                os.kill(os.getpid(), self.signal) if self.signal else os._exit(3)
        # main
        for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGINT, None):
            dataset = Dying(8)
            dataset.signal = number
            loader = iter(DataLoader(dataset, num_workers=2))
            try:
                for _ in range(6):
                    next(loader)
            except RuntimeError as error:
                expected = "exited unexpectedly" in str(error)
                print(str(error).split("(pid")[0], expected, str(error.__cause__).split(")")[1])
            try:
                next(loader)
            except RuntimeError as error:
                print(str(error)[:40])
        """)
    left = " exited with code {}, by itself or in code that it called; num_workers=0 may show where"
    killed = " is killed by signal: "
    reasons = [killed + "Killed", killed + "Segmentation fault", left.format(0), left.format(3)]
    ended = "[DataLoader] this iteration was ended: w"
    assert lines == [each for why in reasons for each in (f"DataLoader worker  True {why}", ended)]


def test_timeouts(tmp_path: Path) -> None:
    lines = output(tmp_path, """
        class Slow(Numbers):
            def __getitem__(self, index):
                time.sleep(60 if index == 2 else 0)
                return index
        # main
        torch.utils.data.iterators.PATIENCE = 0.5
        for in_order in (True, False):
            try:
                for batch in DataLoader(Slow(3), num_workers=1, timeout=1.5, in_order=in_order):
                    print(batch.item())
            except RuntimeError as error:
                print(error)
        """)
    assert lines == ["0", "1", "DataLoader timed out after 1.5 seconds"] * 2


def test_breaking_off_and_ending_with_a_living_iterator(tmp_path: Path) -> None:
    lines = output(tmp_path, """
        # main
        for _ in range(3):
            for x, y in DataLoader(Numbers(1000), 4, num_workers=2):
                break
        print(x.tolist()[1], y.tolist())
        persistent = DataLoader(Numbers(1000), 2, num_workers=2, persistent_workers=True)
        for _ in range(3):
            for x, y in persistent:
                print(y.tolist())
                break
        kept = iter(DataLoader(Numbers(1000), 4, num_workers=2))
        print(next(kept)[1].tolist())
        """)
    assert lines == ["[1.0, 1.0, 1.0] [0, 1, 2, 3]", *["[0, 1]"] * 3, "[0, 1, 2, 3]"]


def test_no_worker_outlives_its_process(tmp_path: Path) -> None:
    """Neither after an exception nor after a kill, whatever the workers are doing."""
    for end in ("raise ValueError('here')", "os.kill(os.getpid(), signal.SIGKILL)"):
        done = program(tmp_path, f"""
            class Busy(Numbers):
                def __getitem__(self, index):
                    time.sleep(0.01)
                    return torch.zeros(100_000)
            # main
            loader = iter(DataLoader(Busy(1000), 4, num_workers=2))
            next(loader)
            other = iter(DataLoader(Busy(1000), 4, num_workers=2))
            next(other)
            print(*(each.pid for each in loader._crew.processes + other._crew.processes), flush=True)
            {end}
            """)
        assert done.returncode in (1, -signal.SIGKILL) and "BrokenPipe" not in done.stderr
        workers = [int(pid) for pid in done.stdout.split()]
        assert len(workers) == 4
        until = time.monotonic() + 10
        while any(alive(pid) for pid in workers):
            assert time.monotonic() < until, "workers go on without their process"
            time.sleep(0.05)


def alive(pid: int) -> bool:
    """Whether there is such a process, and it is more than an entry in its parent's list."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("group", [True, False])
def test_interrupts(tmp_path: Path, group: bool) -> None:
    """Ctrl-C reaches the process alone, or with its workers; it is a KeyboardInterrupt, once, and nothing is left."""
    path = tmp_path / "program.py"
    path.write_text(START + textwrap.dedent("""
        class Slow(Numbers):
            def __getitem__(self, index):
                time.sleep(0.05 if index < 4 else 2)
                return index
        loader = iter(DataLoader(Slow(100), 2, num_workers=2))
        try:
            for batch in loader:
                print("ready", flush=True)
        except KeyboardInterrupt:
            print("interrupted", [each for each in loader._crew.processes])
        try:
            next(loader)
        except RuntimeError as error:
            print(error)
        """))
    process = subprocess.Popen(
        [sys.executable, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == process.stdout.readline() == "ready\n"
    time.sleep(0.3)
    (os.killpg if group else os.kill)(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=LIMIT)
    assert (process.returncode, err) == (0, "")
    assert out.splitlines() == [
        "interrupted []",
        "[DataLoader] this iteration was ended: KeyboardInterrupt came while it waited; begin another one",
    ]


def test_things_that_cannot_be_pickled_under_spawn(tmp_path: Path) -> None:
    lines = output(tmp_path, """
        # main
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                iter(DataLoader(Numbers(), num_workers=2, collate_fn=lambda x: x, multiprocessing_context="spawn"))
            except Exception as error:
                print("lambda" in str(error))
        print("cannot be pickled" in str(caught[0].message))
        print(len(list(DataLoader(Numbers(), 4, num_workers=2, collate_fn=lambda x: x))))
        """)
    assert lines == ["True", "True", "6"]


def test_memory_is_shared_and_given_back(tmp_path: Path) -> None:
    lines = output(tmp_path, """
        class Large(Numbers):
            def __getitem__(self, index):
                return torch.full((5000,), float(index)), torch.tensor(index)
        def raw(batch):
            table = torch.utils.data.default_collate([x for x, _ in batch])
            half = table.bfloat16()[:, ::2]
            return table, table[1:], np.full(9000, 4.0), torch.nn.Parameter(table + 1), half, "x" * 50000
        # main
        loader = DataLoader(Large(200), 2, num_workers=2, persistent_workers=True)
        numbers = [(x[0, 0].item(), x[1, -1].item(), x.is_shared(), y.is_shared()) for x, y in loader]
        print(numbers == [(2.0 * i, 2.0 * i + 1, True, False) for i in range(100)])
        print("few segments:", segments() <= 12)
        kept = [x for x, _ in loader]
        print(len(kept), all((x[0] == 2 * i).all() and (x[1] == 2 * i + 1).all() for i, x in enumerate(kept)))
        print("as many as are kept:", segments() >= 100)
        kept = None
        for x, y in loader:
            x.mul_(0)
        print("and no more:", segments() <= 20, x.sum().item())
        del x, loader
        print("at last:", segments())
        for whole, part, array, parameter, half, text in DataLoader(Large(4), 2, num_workers=2, collate_fn=raw):
            print(whole.data_ptr() + 20000 == part.data_ptr(), array.sum(), parameter.requires_grad, half[1, 0].item(),
                  type(parameter).__name__, half.dtype, half.shape, len(text), array.flags.writeable)
        """)
    kinds = "Parameter torch.bfloat16 torch.Size([2, 2500]) 50000 True"
    assert lines == [
        "True", "few segments: True", "100 True", "as many as are kept: True", "and no more: True 0.0", "at last: 0",
        f"True 36000.0 True 1.0 {kinds}", f"True 36000.0 True 3.0 {kinds}",
    ]


def test_a_dataset_may_keep_what_it_hands_out(tmp_path: Path) -> None:
    lines = output(tmp_path, """
        class Cached(Numbers):
            cache = {}
            def __getitem__(self, index):
                if index not in self.cache:
                    self.cache[index] = torch.utils.data.default_collate([torch.full((9000,), float(index))] * 2)
                return self.cache[index]
        # main
        loader = DataLoader(Cached(6), None, num_workers=1, persistent_workers=True)
        for _ in range(3):
            print([(x.min().item(), x.max().item()) for x in loader])
        """)
    assert lines == [str([(float(i), float(i)) for i in range(6)])] * 3


def test_a_forked_child_keeps_the_batches_it_has_got(tmp_path: Path) -> None:
    """Their memory is not written again, although this process has given it up."""
    lines = output(tmp_path, """
        class Large(Numbers):
            def __getitem__(self, index):
                return torch.full((9000,), float(index))
        # main
        loader = iter(DataLoader(Large(400), 2, num_workers=1))
        kept = [next(loader) for _ in range(3)]
        child = os.fork()
        if child == 0:
            time.sleep(0.5)
            os._exit(0 if [x[0, 0].item() for x in kept] == [0, 2, 4] else 1)
        del kept
        print([x[1, -1].item() for x in loader] == [float(i) for i in range(7, 400, 2)], os.waitpid(child, 0)[1])
        """)
    assert lines == ["True 0"]


def test_long_messages_both_ways(tmp_path: Path) -> None:
    """Neither side waits for the other to read."""
    lines = output(tmp_path, """
        class Echo(Numbers):
            def __getitem__(self, index):
                return index
        # main
        lists = [list(range(i, i + 100_000)) for i in range(12)]
        loader = DataLoader(Echo(10**6), batch_sampler=lists, num_workers=2, prefetch_factor=6, collate_fn=list)
        print([(len(batch), batch[0]) for batch in loader] == [(100_000, i) for i in range(12)])
        """)
    assert lines == ["True"]


def test_out_of_order(tmp_path: Path) -> None:
    lines = output(tmp_path, """
        import multiprocessing
        gone = multiprocessing.Event()
        class Uneven(Numbers):
            def __getitem__(self, index):
                if index == 0:
                    gone.wait(30)
                elif index == 3:  # after 1, of the same worker
                    gone.set()
                return index
        # main
        batches = [x.item() for x in DataLoader(Uneven(8), num_workers=2, in_order=False)]
        print(sorted(batches) == list(range(8)), batches[0] != 0)
        """)
    assert lines == ["True True"]


def test_large_kernels_in_workers_after_large_kernels_here(tmp_path: Path) -> None:
    """A fork takes none of the threads along that have just been working."""
    lines = output(tmp_path, """
        class Heavy(Numbers):
            def __getitem__(self, index):
                x = torch.full((600, 600), 0.5)
                return (x @ x).exp().tanh().sum().item()
        # main
        torch.set_num_threads(2)
        big = torch.full((1500, 1500), 0.1)
        before = Heavy()[0]
        for _ in range(3):
            (big.exp() @ big).tanh()
            batches = list(DataLoader(Heavy(4), 2, num_workers=2))
            print(all(value == before for batch in batches for value in batch.tolist()))
        print(torch.get_num_threads())
        """)
    assert lines == ["True"] * 3 + ["2"]


def test_loaders_inside_threads_and_beside_each_other(tmp_path: Path) -> None:
    lines = output(tmp_path, """
        import threading
        # main
        sums = []
        def work():
            sums.append(sum(y.sum().item() for _, y in DataLoader(Numbers(40), 4, num_workers=2)))
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        loader = DataLoader(Numbers(8), 2, num_workers=2)
        print(sums, [(a[1] == b[1]).all().item() for a, b in zip(loader, loader)])
        """)
    assert lines == ["[780, 780, 780] [True, True, True, True]"]


# What PyTorch 2.13 draws.
GOLDEN_DRAWS = [
    "0.710601 0.348306 0.973206 0.099168 0.485250 0.247569",
    "0.290519 0.585715 0.734741 0.421098 0.080727 0.924265",
]
