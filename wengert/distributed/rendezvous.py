"""How the ranks find each other, and `init_process_group` to `destroy_process_group`."""

from __future__ import annotations

import os
import secrets
import socket
import time
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qs, urlsplit

from .._missing import answers
from ..core.device import device as as_device
from .channel import connect
from .collectives import barrier, group_of
from .environment import is_started_by_mpi, master, says
from .groups import ProcessGroup, current, default_group, groups
from .start import is_used, start_server, token
from .store import OWN, Store, TCPStore
from .watch import DistStoreError
from .work import seconds
from .world import NEEDED, World, join, join_by_mpi, leave

PATIENCE = timedelta(minutes=30)
SERVED = "WENGERT_DISTRIBUTED_SERVED"
"""Set by the launcher, whose server it is then."""
default_pg_timeout = PATIENCE


class Backend(str):
    """The name of what carries messages. Whichever of "gloo" and "mpi" is asked for, MPI does.

    >>> from wengert import distributed
    >>> distributed.Backend("GLOO")
    'gloo'
    """

    UNDEFINED, GLOO, NCCL, MPI, UCC, XCCL = "undefined", "gloo", "nccl", "mpi", "ucc", "xccl"
    default_device_backend_map: ClassVar[dict[str, str]] = {"cpu": GLOO}
    """By kind of device, what carries its tensors where no backend is named."""

    def __new__(cls, name: str) -> Backend:
        if not isinstance(name, str):
            raise ValueError(f"[Backend] a string was expected; got {name!r}")
        return super().__new__(cls, name.lower())


class GroupMember:
    """What a process may be in a group.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.GroupMember.WORLD is dist.group.WORLD
    True
    >>> dist.destroy_process_group()
    """

    NON_GROUP_MEMBER = -100

    WORLD: ProcessGroup | None = None


class _Group:
    """``group.WORLD`` is the default group, None before `init_process_group`."""

    NON_GROUP_MEMBER = -100

    @property
    def WORLD(self) -> ProcessGroup | None:
        return current.default


group = _Group()


class _Joined:
    """The one world that a process can have."""

    world: World | None = None


_joined = _Joined()


def is_available() -> bool:
    """Whether several processes can work together here: whether mpi4py is installed.

    >>> from wengert import distributed as dist
    >>> dist.is_available()
    True

    >>> from wengert import distributed as dist
    >>> dist.is_gloo_available()
    True

    >>> from wengert import distributed as dist
    >>> isinstance(dist.is_mpi_available(), bool)
    True
    """
    return find_spec("mpi4py") is not None


is_gloo_available = is_mpi_available = is_available


def is_nccl_available() -> bool:
    """False: it is for GPUs.

    >>> from wengert import distributed as dist
    >>> dist.is_nccl_available()
    False
    """
    return False


is_ucc_available = answers(False, "Whether UCC is there: never.")
is_xccl_available = answers(False, "Whether XCCL is there: never.")


def is_backend_available(backend: str) -> bool:
    """Whether `init_process_group` takes this name of a backend.

    >>> from wengert import distributed
    >>> distributed.is_backend_available("nccl")
    False
    """
    return backend.lower() in (Backend.GLOO, Backend.MPI) and is_available()


def is_torchelastic_launched() -> bool:
    """Whether a launcher (`wengert launch`) started this process.

    >>> from wengert import distributed as dist
    >>> dist.is_torchelastic_launched()
    False
    """
    return "TORCHELASTIC_RUN_ID" in os.environ


def is_initialized() -> bool:
    """Whether `init_process_group` was called.

    >>> from wengert import distributed as dist
    >>> dist.is_initialized()
    False
    """
    return current.default is not None


def chosen_backend(backend: Any) -> str:
    """What ``backend`` names. Raises ValueError for what there is not."""
    if backend in (None, "undefined"):
        return "gloo"
    name = str(Backend(backend))
    if ":" in name:  # "cpu:gloo,cuda:nccl": tensors are on the CPU
        parts = dict(part.split(":", 1) for part in name.split(","))
        name = parts.get("cpu", "nccl")
    if name == "nccl":
        raise ValueError("[init_process_group] backend 'gloo' or 'mpi' was expected; got 'nccl', which moves memory of "
                         "GPUs, and wengert has none; give backend='gloo'")
    if name not in ("gloo", "mpi"):
        raise ValueError(f"[init_process_group] backend 'gloo' or 'mpi' was expected; got {name!r}")
    return name


def _number(value: int, text: str | None, name: str, variable: str) -> int:
    """A number that is given, or that the environment says."""
    if value >= 0:
        return int(value)
    if text is None:
        raise ValueError(f"[init_process_group] Error initializing torch.distributed using env:// rendezvous: "
                         f"environment variable {variable} expected, but not set; set it, give {name}, or start the "
                         "program by `wengert launch`, `srun` or `mpiexec`")
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"[init_process_group] a whole number was expected in {variable}; got {text!r}") from None


class _Meeting(NamedTuple):
    """Where the ranks of a world meet, and which of them this process is."""

    host: str
    port: int
    token: str
    rank: int
    size: int
    server: Any = None
    """The process that serves, where this one has started it."""
    file: Path | None = None
    """The file that says so, of which there is no need once all ranks have come."""


def _serving(host: str, port: int, secret: str | None = None) -> tuple[int, Any]:
    """The port of a server at this address, and the server's process: this process starts it, unless it has one there
    from a world that it has left."""
    if _joined.world is not None and port:
        try:
            connect(host, port, token() if secret is None else secret, 5.0, kind="store").close()
            return port, None
        except OSError:
            pass  # nobody is there any more
    found = start_server(host, port, secret)
    return found.port, found.process


def _meeting(init_method: str | None, rank: int, size: int, limit: float) -> _Meeting:
    """The meeting that a method's URL names; rank 0 starts the server."""
    method = init_method or "env://"
    parts = urlsplit(method)
    query = {name: int(values[0]) for name, values in parse_qs(parts.query).items() if name in ("rank", "world_size")}
    rank, size = query.get("rank", rank), query.get("world_size", size)
    if parts.scheme == "env":
        rank = _number(rank, says("RANK"), "rank", "RANK")
        size = _number(size, says("WORLD_SIZE"), "world_size", "WORLD_SIZE")
        host, text = master()
        if host is None:
            raise ValueError("[init_process_group] Error initializing torch.distributed using env:// rendezvous: "
                             "environment variable MASTER_ADDR expected, but not set; it is the machine of rank 0")
        port, server = _number(-1, text, "init_method", "MASTER_PORT"), None
        if rank == 0 and SERVED not in os.environ:
            port, server = _serving(host, port)
        return _Meeting(host, port, token(), rank, size, server)
    if parts.scheme not in ("tcp", "file"):
        raise RuntimeError(f"No rendezvous handler for {parts.scheme}://")
    if rank < 0 or size < 0:
        raise ValueError(f"[init_process_group] rank and world_size were expected with {parts.scheme}://; got "
                         f"rank={rank}, world_size={size}")
    if parts.scheme == "tcp":
        if parts.port is None or parts.hostname is None:
            raise ValueError(f"[init_process_group] tcp://HOST:PORT was expected; got {method!r}")
        port, server = _serving(parts.hostname, parts.port) if rank == 0 else (parts.port, None)
        return _Meeting(parts.hostname, port, token(), rank, size, server)
    return _by_file(Path(parts.path or parts.netloc), rank, size, limit)


def _by_store(store: Store, rank: int, size: int) -> _Meeting:
    """The meeting at a store's own server, or at one whose address rank 0 puts into the store."""
    if rank < 0 or size < 0:
        raise ValueError("[init_process_group] rank and world_size were expected with a store; give both")
    if isinstance(store, TCPStore):
        return _Meeting(store.host, store.port, token(), rank, size)
    if not isinstance(store, Store):
        raise ValueError(f"[init_process_group] a Store was expected; got {type(store).__name__}")
    if rank == 0:
        host, secret = os.environ.get("MASTER_ADDR", "127.0.0.1"), secrets.token_hex(16)
        port, server = _serving(host, 0, secret)
        store.set(f"{OWN}meeting", f"{host} {port} {secret}")
        return _Meeting(host, port, secret, rank, size, server)
    host, text, secret = store.get(f"{OWN}meeting").decode().split()
    return _Meeting(host, int(text), secret, rank, size)


def _by_file(path: Path, rank: int, size: int, limit: float) -> _Meeting:
    """The meeting whose address rank 0 writes into a file that all machines see."""
    if rank == 0:
        host = os.environ.get("MASTER_ADDR", "127.0.0.1")
        secret = secrets.token_hex(16)
        port, server = _serving(host, 0, secret)
        beside = path.with_name(f"{path.name}.{os.getpid()}")
        beside.touch(mode=0o600)
        beside.write_text(f"{host} {port} {secret}\n", encoding="utf-8")
        beside.replace(path)
        return _Meeting(host, port, secret, rank, size, server, path)
    deadline = time.monotonic() + limit
    while True:
        words = _words(path)
        if len(words) == 3 and words[1].isdecimal():
            found = _Meeting(words[0], int(words[1]), words[2], rank, size)
            if is_used(found.host, found.port, found.token):  # an earlier job may have left the file
                return found
        if time.monotonic() > deadline:
            raise DistStoreError(f"[init_process_group] rank 0's address was expected in {path} within {limit:g} s; it "
                                 "is not there; is rank 0 running, and the file where all machines see it?")
        time.sleep(0.02)


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return []


def _by_mpi(limit: float) -> World:
    """The world of processes that MPI's own launcher started."""
    server: Any = None

    def address(alone: bool) -> tuple[str, int, str]:
        nonlocal server
        host = os.environ.get("MASTER_ADDR") or ("127.0.0.1" if alone else socket.getfqdn())
        secret = secrets.token_hex(16)
        port, server = _serving(host, int(os.environ.get("MASTER_PORT", "0")), secret)
        return host, port, secret

    world = join_by_mpi(address, limit)
    world.watch.server = server
    return world


def _world(init_method: str | None, store: Store | None, rank: int, size: int, limit: float) -> World:
    """The world that the arguments name: the one that this process is in, or another that it joins."""
    before = _joined.world
    if before is not None and (rank, size) in ((before.rank, before.size), (-1, -1)):
        return before
    if before is None and store is None and init_method in (None, "env://") and (rank, size) == (-1, -1) \
            and is_started_by_mpi():
        return _by_mpi(limit)
    meeting = _by_store(store, rank, size) if store is not None else _meeting(init_method, rank, size, limit)
    if before is not None:
        leave(before)
    world = join(meeting.host, meeting.port, meeting.token, meeting.rank, meeting.size, limit)
    world.watch.server = meeting.server
    if meeting.file is not None:
        meeting.file.unlink(missing_ok=True)
    return world


def init_process_group(backend: str | None = None, init_method: str | None = None, timeout: timedelta | None = None,
                       world_size: int = -1, rank: int = -1, store: Store | None = None, group_name: str = "",
                       pg_options: Any = None, device_id: Any = None) -> None:
    """Joins the processes of a job, and makes the default group of them all.

    ``backend``: "gloo" or "mpi", which mean the same here. ``init_method``: ``"env://"`` (which reads ``RANK``,
    ``WORLD_SIZE``, ``MASTER_ADDR`` and ``MASTER_PORT``, under Slurm its own variables, and under ``mpiexec`` asks MPI),
    ``"tcp://HOST:PORT"`` or ``"file:///PATH"``; or a `Store`. ``timeout`` bounds this and every collective.

    After `destroy_process_group` a process joins another world with another ``rank`` or ``world_size``; all its ranks
    have been in one world before, as MPI cannot take in new processes.

    Raises ImportError where the extra ``wengert[distributed]`` is not installed, ValueError for a backend that is not
    there and for what is not said, DistStoreError that names the ranks that did not come, DistNetworkError where rank 0
    is not found, RuntimeError for ranks that MPI cannot bring together.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.get_rank(), dist.get_world_size()
    (0, 1)
    >>> dist.destroy_process_group()
    """
    if current.default is not None:
        raise ValueError("trying to initialize the default process group twice!")
    name = chosen_backend(backend)
    if not is_available():
        raise ImportError(NEEDED)
    limit = seconds(timeout or PATIENCE)
    assert limit is not None
    if limit <= 0:
        raise ValueError(f"[init_process_group] a timeout above 0 was expected; got {timeout}")
    if store is not None and init_method is not None:
        raise ValueError("[init_process_group] Cannot specify both init_method and store.")
    world = _joined.world = _world(init_method, store, rank, world_size, limit)
    world.watch.doing = world.what_it_does
    world.groups += 1
    world.watch.timeout = limit
    communicator = world.communicator.Dup() if world.groups > 1 else world.communicator
    current.default = ProcessGroup._of(world, communicator, range(world.size), "world", limit, name, "default_pg")
    GroupMember.WORLD = current.default
    _tell_lower_floors(True)
    barrier()


def _tell_lower_floors(begun: bool) -> None:
    """Layers and samplers below this floor ask for the group where these two are put. (Imported here, so that the
    launcher need not load them.)"""
    from ..nn.layers import normalization
    from ..utils.data import distributed as sampler
    from .batch_norm import synchronised

    sampler.default_group = (lambda: (get_rank(), get_world_size())) if begun else None
    normalization.synchronised = synchronised if begun else None


def destroy_process_group(group: Any = None) -> None:
    """Ends a group, or with none given all of them. Waits for what is under way in it.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.is_initialized()
    True
    >>> dist.destroy_process_group()
    """
    if group in (None, current.default):
        default = default_group()
        default.drain()
        current.default = GroupMember.WORLD = None
        groups.clear()
        _tell_lower_floors(False)
    elif isinstance(group, ProcessGroup) and group in groups:
        group.drain()
        groups.discard(group)
    elif group != GroupMember.NON_GROUP_MEMBER:
        raise ValueError(f"[destroy_process_group] a group that is there was expected; got {group!r}")


def _rank_not_in_group(group: Any) -> bool:
    """Whether this process is outside of the group."""
    return group is not None and group_of(group) is None


class EndedError(ValueError, KeyError):
    """A group that has been destroyed. (PyTorch raises a ValueError or a KeyError, by call.)

    >>> from wengert.distributed.rendezvous import EndedError
    >>> issubclass(EndedError, ValueError) and issubclass(EndedError, KeyError)
    True
    """

    __str__ = Exception.__str__  # a KeyError's shows its text in quotes


def _there(group: Any, name: str) -> ProcessGroup | None:
    """`group_of`, of one that has not been destroyed."""
    found = group_of(group)
    if found is not None and found not in groups:
        raise EndedError(f"[{name}] a group that is there was expected; got {found!r}, which was destroyed")
    return found


def get_rank(group: Any = None) -> int:
    """This process's number in the group; -1 outside of it.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.get_rank()
    0
    >>> dist.destroy_process_group()
    """
    found = _there(group, "get_rank")
    return -1 if found is None else found.rank()


def get_world_size(group: Any = None) -> int:
    """How many ranks the group has; -1 outside of it.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.get_world_size()
    1
    >>> dist.destroy_process_group()
    """
    found = group_of(group)
    return -1 if found is None else found.size()


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """``LOCAL_RANK``: this process's number on its machine.

    >>> from wengert import distributed as dist
    >>> dist.get_node_local_rank(fallback_rank=0)
    0
    """
    text = says("LOCAL_RANK")
    if text is not None:
        return int(text)
    if fallback_rank is None:
        raise RuntimeError("LOCAL_RANK is not in the environment. Consider passing fallback_rank to allow "
                           "`get_node_local_rank` to work, assuming you are not running in a multi-device context.")
    return int(fallback_rank)


def get_backend(group: Any = None) -> str:
    """The name that the group's backend was asked for by.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.get_backend()
    'gloo'
    >>> dist.destroy_process_group()
    """
    found = _there(group, "get_backend")
    if found is None:
        raise ValueError("Invalid process group specified")
    return Backend(found.backend)


def get_backend_config(group: Any = None) -> str:
    """The backend of a group by kind of device.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.get_backend_config()
    'cpu:gloo'
    >>> dist.destroy_process_group()
    """
    return f"cpu:{get_backend(group)}"


def get_default_backend_for_device(device: Any) -> str:
    """The backend of a device's tensors where none is named. Raises ValueError for a device that has none.

    >>> from wengert import distributed as dist
    >>> dist.get_default_backend_for_device("cpu")
    'gloo'
    """
    kind = as_device(device).type
    if kind not in Backend.default_device_backend_map:
        raise ValueError(f"Default backend not registered for device : {device}")
    return Backend.default_device_backend_map[kind]


def get_pg_count() -> int:
    """How many groups there are.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.get_pg_count()
    1
    >>> dist.destroy_process_group()
    """
    return len(groups)


def get_process_group_ranks(group: Any = None) -> list[int]:
    """The ranks of a group.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.get_process_group_ranks(dist.new_group([0]))
    [0]
    >>> dist.destroy_process_group()
    """
    found = _there(group, "get_process_group_ranks")
    return [] if found is None else list(found.ranks)


def get_global_rank(group: ProcessGroup, group_rank: int) -> int:
    """The rank in the world of one in a group.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.get_global_rank(dist.new_group([0]), 0)
    0
    >>> dist.destroy_process_group()
    """
    found = group_of(group)
    if found is None or not 0 <= group_rank < found.size():
        raise ValueError(f"Group rank {group_rank} is not part of group {group}")
    return found.ranks[group_rank]


def get_group_rank(group: ProcessGroup, global_rank: int) -> int:
    """The rank in a group of one in the world.

    >>> from wengert import distributed as dist
    >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    >>> dist.get_group_rank(dist.new_group([0]), 0)
    0
    >>> dist.destroy_process_group()
    """
    found = group_of(group)
    if found is None:
        raise ValueError(f"Group {group} is not registered, please create group with torch.distributed.new_group API")
    return found.number_of(global_rank)

