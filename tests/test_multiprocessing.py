"""`torch.multiprocessing` and memory that processes share. Programs of their own, under a time limit."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import wengert as torch
from wengert import multiprocessing as mp
from wengert import nn

pytestmark = pytest.mark.skipif(os.name != "posix", reason="descriptors")

PROGRAM = """
import os, signal, sys, time
import wengert as torch
import wengert.multiprocessing as mp
from wengert import nn

def train(rank, model, steps):
    torch.manual_seed(rank)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(steps):
        x = torch.randn(16, 4)
        optimizer.zero_grad()
        ((model(x) - x.sum(1, keepdim=True)) ** 2).mean().backward()
        optimizer.step()

def answer(queue, back):
    x = queue.get()
    x += 5
    back.put(("sum", x.sum().item(), x.is_shared(), type(x).__name__, x.dtype, x.shape, x.stride()))
    while queue.get() is not None:
        pass

def fail(rank, how):
    if rank == 1:
        time.sleep(100)
    if how == "raise":
        raise ValueError("bad rank")
    os._exit(7) if how == "leave" else os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
"""


def output(tmp_path: Path, text: str) -> list[str]:
    """The lines that a program prints, which ends well and silently."""
    path = tmp_path / "program.py"
    path.write_text(PROGRAM + textwrap.indent(textwrap.dedent(text), "    "))
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_train_one_model(tmp_path: Path, method: str) -> None:
    lines = output(tmp_path, f"""
        context = mp.get_context("{method}")
        model = nn.Linear(4, 1).share_memory()
        processes = [context.Process(target=train, args=(rank, model, 150)) for rank in range(2)]
        for process in processes: process.start()
        for process in processes: process.join()
        print([process.exitcode for process in processes], (model.weight - 1).abs().max().item() < 0.1)
        """)
    assert lines == ["[0, 0] True"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_tensors_through_queues_share_memory(tmp_path: Path, method: str) -> None:
    lines = output(tmp_path, f"""
        context = mp.get_context("{method}")
        queue, back = context.Queue(), context.Queue()
        process = context.Process(target=answer, args=(queue, back))
        process.start()
        x = torch.zeros(3, 4).t()
        queue.put(x)
        print(back.get(timeout=30), x.sum().item(), x.is_shared())
        for _ in range(3):
            queue.put(nn.Parameter(torch.ones(2)))
        queue.put(None)
        process.join(30)
        print(process.exitcode)
        """)
    assert lines == ["('sum', 60.0, True, 'Tensor', torch.float32, torch.Size([4, 3]), (1, 4)) 60.0 True", "0"]


def test_spawn_waits_and_passes_on_what_goes_wrong(tmp_path: Path) -> None:
    lines = output(tmp_path, """
        model = nn.Linear(4, 1).share_memory()
        print(mp.spawn(train, args=(model, 3), nprocs=2))
        context = mp.spawn(train, args=(model, 3), nprocs=2, join=False)
        while not context.join(timeout=0.1):
            pass
        print(len(context.pids()))
        for how in ("raise", "leave", "kill"):
            try:
                mp.start_processes(fail, args=(how,), nprocs=2, start_method="fork")
            except mp.ProcessRaisedException as error:
                print(str(error).splitlines()[2], str(error).splitlines()[-1], error.error_index, error.pid > 0)
            except mp.ProcessExitedException as error:
                print(error, error.exit_code, error.signal_name)
        """)
    assert lines == [
        "None", "2", "-- Process 0 terminated with the following error: ValueError: bad rank 0 True",
        "process 0 terminated with exit code 7 7 None", "process 0 terminated with signal SIGKILL -9 SIGKILL",
    ]


def test_everything_of_the_standard_library_is_there() -> None:
    assert all(getattr(mp, name) is getattr(multiprocessing, name) for name in multiprocessing.__all__)
    assert mp.get_sharing_strategy() in mp.get_all_sharing_strategies()
    mp.set_sharing_strategy("file_system")
    assert mp.get_sharing_strategy() == "file_system"
    mp.set_sharing_strategy("file_descriptor")
    with pytest.raises(AssertionError, match="one of"):
        mp.set_sharing_strategy("by post")
    with pytest.raises(AttributeError, match="no attribute 'Procces'"):
        mp.Procces  # noqa: B018


def test_everything_in_one_memory_moves_together() -> None:
    whole = torch.arange(6.0).reshape(2, 3)
    row, detached, column, bits = whole[1], whole.detach(), whole.t()[2], whole.view(torch.int32)
    assert not whole.is_shared()
    assert whole.share_memory_() is whole
    whole[1, 2] = 50
    assert row.is_shared() and row.tolist() == [3, 4, 50] and row.storage_offset() == 3
    assert detached[1, 2] == 50 and column.tolist() == [2, 50] and bits[1, 2] == 0x42480000
    assert row.untyped_storage() == whole.untyped_storage() and whole.share_memory_().data_ptr() == detached.data_ptr()


def test_moving_keeps_history_dtype_and_layout() -> None:
    w = nn.Parameter(torch.tensor([1.0, 2.0]))
    loss = (w * w).sum()
    w.share_memory_()
    loss.backward()
    assert w.grad.tolist() == [2, 4] and w.is_leaf and w.requires_grad
    for tensor in (
        torch.empty(0),
        torch.tensor(3.0),
        torch.ones(2, 3).t(),
        torch.ones(3, dtype=torch.bfloat16),
        torch.ones(4)[::2],
        torch.from_numpy(np.ones((2, 2), order="F")),
        torch.ones(2, dtype=torch.bool),
    ):
        before = (tensor.tolist(), tensor.dtype, tensor.stride())
        assert (tensor.share_memory_().tolist(), tensor.dtype, tensor.stride()) == before and tensor.is_shared()
        tensor.zero_()
        assert not tensor.any()


def test_a_module_moves_whole() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).share_memory()
    assert all(tensor.is_shared() for tensor in [*model.parameters(), *model.buffers()])
    saved = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(saved)
    assert model[0].weight.is_shared()
    assert not pickle.loads(pickle.dumps(model[0].weight)).is_shared()


def test_a_tensor_with_a_history_is_not_sent() -> None:
    x = torch.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="Cowardly refusing to serialize non-leaf tensor"):
        multiprocessing.reduction.ForkingPickler.dumps(x)


def test_children_of_a_program_under_wengert_run_see_wengert_as_torch(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent("""
        import torch
        import torch.multiprocessing as mp
        from torch.utils.data import DataLoader, Dataset

        class Squares(Dataset):
            def __len__(self):
                return 4
            def __getitem__(self, index):
                return torch.tensor(index * index)

        def work(rank, x):
            x[rank] += 1 + rank

        if __name__ == "__main__":
            for method in mp.get_all_start_methods():
                loader = DataLoader(Squares(), 2, num_workers=2, multiprocessing_context=method)
                print([batch.tolist() for batch in loader])
            x = torch.zeros(2).share_memory_()
            mp.spawn(work, args=(x,), nprocs=2)
            print(x, torch.nn.Module.__module__.partition(".")[0])
        """))
    command = [sys.executable, "-m", "wengert.cli", "run", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    *batches, last = done.stdout.splitlines()
    assert set(batches) == {"[[0, 1], [4, 9]]"} and last == "tensor([1., 2.]) wengert" and done.stderr == ""
