"""What the environment says of this process: its rank, how many there are, and where they meet.

`wengert launch`, as torchrun, sets ``RANK``, ``WORLD_SIZE``, ``MASTER_ADDR`` and ``MASTER_PORT``. Under Slurm's
``srun`` what of these is missing is taken from Slurm's own variables. Under MPI's launcher (``mpiexec``) nothing is
needed: MPI itself knows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

OTHERS = {"RANK": ("SLURM_PROCID",), "WORLD_SIZE": ("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"),
          "LOCAL_RANK": ("MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID"),
          "LOCAL_WORLD_SIZE": ("MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE")}
"""By a variable of torchrun's, those of Slurm's and of MPI's launchers that say the same."""
NODES = ("SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST", "SLURM_NODELIST")
PORTS = range(15_000, 25_000)
"""Where jobs of Slurm meet unless ``MASTER_PORT`` is set: at one of these, by the job's number."""


def says(variable: str) -> str | None:
    """The value of a variable of torchrun's, or of the one that stands for it; None where there is none."""
    for name in (variable, *OTHERS.get(variable, ())):
        if name in os.environ:
            return os.environ[name]
    return None


def is_started_by_mpi() -> bool:
    """Whether MPI's own launcher started this process, and nobody gave it a rank."""
    if "RANK" in os.environ:
        return False
    if "PMI_RANK" in os.environ and not os.environ.keys().isdisjoint(("PMI_FD", "PMI_PORT")):
        return True
    return "SLURM_PROCID" not in os.environ and not os.environ.keys().isdisjoint(
        ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"))


def wanted_size() -> int | None:
    """How many processes MPI's launcher says that it started."""
    for name in ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE"):
        if name in os.environ:
            return int(os.environ[name])
    return None


def master() -> tuple[str | None, str | None]:
    """Host and port at which the processes meet, where the environment says them."""
    host, port = os.environ.get("MASTER_ADDR"), os.environ.get("MASTER_PORT")
    if "SLURM_PROCID" in os.environ:
        nodes = next((os.environ[name] for name in NODES if name in os.environ), None)
        if host is None and nodes:
            host = next(hosts_of(nodes))
        if port is None and "SLURM_JOB_ID" in os.environ:
            port = str(PORTS[int(os.environ["SLURM_JOB_ID"]) % len(PORTS)])
    return host, port


def hosts_of(nodes: str) -> Iterator[str]:
    """The machines of a list in Slurm's words, in order.

    >>> list(hosts_of("a[1,09-11]-x,b"))
    ['a1-x', 'a09-x', 'a10-x', 'a11-x', 'b']
    """
    for part in re.findall(r"(?:[^,\[]|\[[^\]]*\])+", nodes):
        yield from _spelt_out(part)


def _spelt_out(part: str) -> Iterator[str]:
    head, bracket, rest = part.partition("[")
    if not bracket:
        yield part
        return
    numbers, _, tail = rest.partition("]")
    for number in numbers.split(","):
        first, _, last = number.partition("-")
        for each in range(int(first), int(last or first) + 1):
            for end in _spelt_out(tail):
                yield f"{head}{each:0{len(first)}d}{end}"
