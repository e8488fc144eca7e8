"""Ranks that others than `wengert launch` start: MPI's own launcher, Slurm, and launchers on several machines."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.distributed.ranks import PROGRAMS, Mark, ends, eventually, free_port, started, unused_shared_memory

PROGRAM = str(PROGRAMS / "starting.py")
MPIEXEC = shutil.which("mpiexec", path=str(Path(sys.executable).parent))


def sorted_lines(text: str) -> list[str]:
    return sorted(line.rpartition(" ")[0] for line in text.splitlines())


@pytest.mark.skipif(MPIEXEC is None, reason="needs the mpiexec of the package mpich")
@pytest.mark.parametrize(("what", "fails", "words"), [
    ("leaves its group", False, ""), ("goes on", False, "to the end"), ("raises", True, "ValueError: bad luck"),
    ("exits", True, "rank 1 has left, its program ended, and rank 0 waits for it in collective 3"),
])
def test_under_mpiexec_mpi_says_who_is_who(what: str, fails: bool, words: str) -> None:
    assert MPIEXEC is not None
    mark, before = Mark(), unused_shared_memory()
    environment = {name: value for name, value in mark.environment().items() if name not in ("RANK", "WORLD_SIZE")}
    done = subprocess.run([MPIEXEC, "-n", "2", sys.executable, PROGRAM, what], capture_output=True, text=True,
                          timeout=60, env=environment, check=False)
    assert words in done.stdout + done.stderr and {"0 2 1.0 0", "1 2 1.0 1"} <= set(sorted_lines(done.stdout)), done
    assert (done.returncode != 0) == fails, done
    assert eventually(lambda: mark.processes() == []), mark.processes()
    assert eventually(lambda: unused_shared_memory() <= before)


@pytest.mark.skipif(MPIEXEC is None, reason="needs the mpiexec of the package mpich")
@pytest.mark.parametrize(("what", "words"), [
    ("stops", r"rank 0 \(.*it is stopped"),
    ("lingers", "rank 1 has left, its program ended, and rank 0 waits for it in collective 3")])
def test_a_rank_that_waits_in_its_end_for_one_that_never_comes_is_ended(what: str, words: str) -> None:
    """MPI's own end would hold the interpreter, and nothing of this process hear that the other has failed."""
    assert MPIEXEC is not None
    mark = Mark()
    job = started([MPIEXEC, "-n", "2", sys.executable, PROGRAM, what], PYTHONUNBUFFERED="1",
                  **{Mark.NAME: mark.environment()[Mark.NAME]})
    [(code, out, err)] = ends([job], 30)
    assert "2 1.0" in out, (out, err)
    assert code != 0 and re.search(rf"\[rank 1\] ended, as another rank failed: {words}", err), err
    assert eventually(lambda: mark.processes() == []), mark.processes()


def srun(tasks: int, **variables: str) -> list[tuple[int, str, str]]:
    """Starts processes with the variables with which Slurm's srun starts them."""
    return ends([started([sys.executable, PROGRAM], SLURM_PROCID=str(task), SLURM_LOCALID=str(task % 2),
                         SLURM_NTASKS=str(tasks), **variables) for task in range(tasks)])


def test_under_slurm_its_variables_say_who_is_who() -> None:
    found = srun(2, MASTER_ADDR="127.0.0.1", MASTER_PORT=free_port())
    assert [sorted_lines(out) for _, out, _ in found] == [["0 2 1.0 0"], ["1 2 1.0 1"]], found


def test_under_slurm_the_first_node_and_the_jobs_number_say_where_to_meet() -> None:
    job = str(int(free_port()) - 15_000 + 10_000 * 7)  # of which the last four digits and the range make that port
    found = srun(2, SLURM_JOB_ID=job, SLURM_JOB_NODELIST="localhost", SLURM_STEP_NUM_TASKS="2")
    assert [sorted_lines(out) for _, out, _ in found] == [["0 2 1.0 0"], ["1 2 1.0 1"]], found


@pytest.fixture
def machines() -> Iterator[list[list[str]]]:
    """Two network namespaces with a cable between them, as commands that run another command in each."""
    if os.geteuid() != 0 or shutil.which("ip") is None or shutil.which("unshare") is None:
        pytest.skip("needs to be root, ip and unshare")
    names = [f"wengert{os.getpid()}{side}" for side in "ab"]

    def ip(*words: str, check: bool = True) -> None:
        subprocess.run(["ip", *words], check=check, capture_output=True)

    try:
        for name in names:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("link", "add", "cable", "netns", names[0], "type", "veth", "peer", "name", "cable", "netns", names[1])
        for number, name in enumerate(names):
            ip("-n", name, "addr", "add", f"10.99.7.{number + 1}/24", "dev", "cable")
            ip("-n", name, "link", "set", "cable", "up")
    except subprocess.CalledProcessError as error:
        for name in names:
            ip("netns", "del", name, check=False)
        pytest.skip(f"no network namespaces here: {error.stderr.decode()}")
    # Each has a name and shared memory of its own, where what a failure leaves is seen by no other test.
    yield [["ip", "netns", "exec", name, "unshare", "-u", "sh", "-c",
            f'hostname {side} && mount -t tmpfs shm /dev/shm && exec "$@"', "sh"]
           for name, side in zip(names, ("first", "second"), strict=True)]
    for name in names:
        ip("netns", "del", name, check=False)


def launchers(machines: list[list[str]], mark: Mark, *arguments: str) -> list[subprocess.Popen[str]]:
    """A launcher on each machine; MPI is told to use the network, as it sees that the machines are one."""
    return [started([*machine, sys.executable, "-m", "wengert", "launch", "--nnodes", "2", "--node-rank", str(node),
                     "--nproc-per-node", "2" if len(arguments) < 2 else "1", "--rdzv-endpoint", "10.99.7.1:29511",
                     PROGRAM, *arguments], WENGERT_DISTRIBUTED_TOKEN="known to both", UCX_TLS="tcp", FI_PROVIDER="tcp",
                    **{Mark.NAME: mark.environment()[Mark.NAME]}) for node, machine in enumerate(machines)]


def test_two_machines_with_a_network_between_them(machines: list[list[str]]) -> None:
    found = ends(launchers(machines, Mark()))
    assert [code for code, _, _ in found] == [0, 0], found
    assert [sorted(line.partition("] ")[2] for line in out.splitlines()) for _, out, _ in found] == [
        ["0 4 6.0 0 first", "1 4 6.0 1 first"], ["2 4 6.0 0 second", "3 4 6.0 1 second"]]


def test_a_cable_that_is_pulled_ends_both_machines(machines: list[list[str]]) -> None:
    mark = Mark()
    both = launchers(machines, mark, "waits", "3")
    began = [launcher.stdout.readline() for launcher in both if launcher.stdout is not None]
    subprocess.run([*machines[0][:4], "ip", "link", "set", "cable", "down"], check=True)
    found = ends(both, 15)
    assert ["2 1.0" in line for line in began] == [True, True], (began, found)
    assert [code for code, _, _ in found] == [1, 1], found
    assert "rank 1 (second, process" in found[0][2] and "it is stopped, or cut off" in found[0][2], found
    assert "nothing was heard of the server of rank 0" in found[1][2], found
    assert eventually(lambda: mark.processes() == []), mark.processes()
