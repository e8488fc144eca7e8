"""How the ranks find each other, and `init_process_group` to `destroy_process_group`."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Sequence
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from .collectives import barrier, group_of
from .groups import ProcessGroup, current, default_group
from .start import start_server, token
from .store import Store, TCPStore
from .watch import DistStoreError
from .work import seconds
from .world import NEEDED, World, join

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
    """What a process may be in a group."""

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
    groups = 0


_joined = _Joined()


def is_available() -> bool:
    """Whether several processes can work together here: whether mpi4py is installed."""
    return find_spec("mpi4py") is not None


is_gloo_available = is_mpi_available = is_available


def is_nccl_available() -> bool:
    """False: it is for GPUs."""
    return False


def is_torchelastic_launched() -> bool:
    """Whether a launcher (`wengert launch`) started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def is_initialized() -> bool:
    """Whether `init_process_group` was called."""
    return current.default is not None


def _chosen(backend: Any) -> str:
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


def _number(value: int, name: str, variable: str) -> int:
    if value >= 0:
        return int(value)
    text = os.environ.get(variable)
    if text is None:
        raise ValueError(f"[init_process_group] Error initializing torch.distributed using env:// rendezvous: "
                         "environment "
                         f"variable {variable} expected, but not set; set it, give {name}, or start the program by "
                         "`wengert launch`")
    return int(text)


def _address(init_method: str | None, rank: int, size: int, limit: float) -> tuple[str, int, str, int, int]:
    """Host, port, token, rank and world size by a method's URL; rank 0 starts the server."""
    method = init_method or "env://"
    parts = urlsplit(method)
    query = {name: int(values[0]) for name, values in parse_qs(parts.query).items() if name in ("rank", "world_size")}
    rank, size = query.get("rank", rank), query.get("world_size", size)
    if parts.scheme == "env":
        rank, size = _number(rank, "rank", "RANK"), _number(size, "world_size", "WORLD_SIZE")
        host = os.environ.get("MASTER_ADDR")
        if host is None:
            raise ValueError("[init_process_group] Error initializing torch.distributed using env:// rendezvous: "
                             "environment variable MASTER_ADDR expected, but not set; it is the machine of rank 0")
        port = _number(-1, "init_method", "MASTER_PORT")
        if rank == 0 and SERVED not in os.environ:
            port = start_server(host, port).port
        return host, port, token(), rank, size
    if parts.scheme not in ("tcp", "file"):
        raise RuntimeError(f"No rendezvous handler for {parts.scheme}://")
    if rank < 0 or size < 0:
        raise ValueError(f"[init_process_group] rank and world_size were expected with {parts.scheme}://; got "
                         f"rank={rank}, world_size={size}")
    if parts.scheme == "tcp":
        if parts.port is None or parts.hostname is None:
            raise ValueError(f"[init_process_group] tcp://HOST:PORT was expected; got {method!r}")
        port = start_server(parts.hostname, parts.port).port if rank == 0 else parts.port
        return parts.hostname, port, token(), rank, size
    return (*_by_file(Path(parts.path or parts.netloc), rank, limit), rank, size)


def _by_file(path: Path, rank: int, limit: float) -> tuple[str, int, str]:
    """Host, port and token, which rank 0 writes into a file that all machines see."""
    if rank == 0:
        host = os.environ.get("MASTER_ADDR", "127.0.0.1")
        secret = secrets.token_hex(16)
        port = start_server(host, 0, secret).port
        beside = path.with_name(f"{path.name}.{os.getpid()}")
        beside.touch(mode=0o600)
        beside.write_text(f"{host} {port} {secret}\n", encoding="utf-8")
        beside.replace(path)
        return host, port, secret
    deadline = time.monotonic() + limit
    while True:
        words = path.read_text(encoding="utf-8").split() if path.exists() else []
        if len(words) == 3:
            return words[0], int(words[1]), words[2]
        if time.monotonic() > deadline:
            raise DistStoreError(f"[init_process_group] rank 0's address was expected in {path} within {limit:g} s; it "
                                 "is not there; is rank 0 running, and the file where all machines see it?")
        time.sleep(0.02)


def init_process_group(backend: str | None = None, init_method: str | None = None, timeout: timedelta | None = None,
                       world_size: int = -1, rank: int = -1, store: Store | None = None, group_name: str = "",
                       pg_options: Any = None, device_id: Any = None) -> None:
    """Joins the processes of a job, and makes the default group of them all.

    ``backend``: "gloo" or "mpi", which mean the same here. ``init_method``: ``"env://"`` (which reads ``RANK``,
    ``WORLD_SIZE``, ``MASTER_ADDR`` and ``MASTER_PORT``), ``"tcp://HOST:PORT"`` or ``"file:///PATH"``; or a `TCPStore`.
    ``timeout`` bounds this and every collective. Raises ImportError where the extra ``wengert[distributed]`` is not
    installed, ValueError for a backend that is not there and for what is not said, DistStoreError that names the ranks
    that did not come, DistNetworkError where rank 0 is not found.
    """
    if current.default is not None:
        raise ValueError("trying to initialize the default process group twice!")
    name = _chosen(backend)
    if not is_available():
        raise ImportError(NEEDED)
    limit = seconds(timeout or PATIENCE)
    assert limit is not None
    if limit <= 0:
        raise ValueError(f"[init_process_group] a timeout above 0 was expected; got {timeout}")
    world = _joined.world
    if world is None:
        if store is not None:
            if init_method is not None:
                raise ValueError("[init_process_group] Cannot specify both init_method and store.")
            if not isinstance(store, TCPStore):
                raise ValueError(f"[init_process_group] a TCPStore was expected; got {type(store).__name__}")
            host, port, secret = store.host, store.port, token()
            if rank < 0 or world_size < 0:
                raise ValueError("[init_process_group] rank and world_size were expected with a store; give both")
        else:
            host, port, secret, rank, world_size = _address(init_method, rank, world_size, limit)
        world = _joined.world = join(host, port, secret, rank, world_size, limit)
        world.address = (host, port, secret)
        world.watch.doing = world.what_it_does
    elif (rank, world_size) not in ((world.rank, world.size), (-1, -1)):
        raise RuntimeError(f"[init_process_group] MPI begins once in a process: rank {world.rank} of {world.size} was "
                           f"expected again; got rank {rank} of {world_size}; start new processes")
    _joined.groups += 1
    world.watch.timeout = limit
    communicator = world.communicator.Dup() if _joined.groups > 1 else world.communicator
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
    """Ends a group, or with none given all of them. Waits for what is under way in it."""
    if group in (None, current.default):
        default = default_group()
        default.drain()
        current.default = GroupMember.WORLD = None
        _tell_lower_floors(False)
    elif isinstance(group, ProcessGroup):
        group.drain()


def new_group(ranks: Sequence[int] | None = None, timeout: timedelta | None = None, backend: str | None = None,
              pg_options: Any = None, use_local_synchronization: bool = False, group_desc: str | None = None,
              device_id: Any = None) -> Any:
    """A group of some ranks. All ranks of the world call it, in the same order; those that are not in it get a value of
    which collectives do nothing."""
    world_group = default_group()
    world = world_group.world
    name = _chosen(backend if backend is not None else world_group.backend)
    chosen = list(range(world.size)) if ranks is None else sorted(int(each) for each in ranks)
    if len(set(chosen)) != len(chosen) or not all(0 <= each < world.size for each in chosen):
        raise ValueError(f"[new_group] different ranks from 0 to {world.size - 1} were expected; got "
                         f"{list(ranks or ())}")
    limit = seconds(timeout) or world_group.timeout
    _joined.groups += 1
    number = _joined.groups
    if not use_local_synchronization:
        world_group.run("new_group", f"of {chosen}", lambda call: None)
    if world.rank not in chosen:
        return GroupMember.NON_GROUP_MEMBER
    of_world = world.communicator.Get_group()
    communicator = world.communicator.Create_group(of_world.Incl(chosen), 0 if use_local_synchronization else number)
    return ProcessGroup._of(world, communicator, chosen, f"group {number}", limit, name, group_desc or "undefined")


def new_subgroups(group_size: int | None = None, group: Any = None, timeout: timedelta | None = None,
                  backend: str | None = None, pg_options: Any = None, group_desc: str | None = None
                  ) -> tuple[Any, list[Any]]:
    """Groups of ``group_size`` ranks that follow each other; returns this rank's, and all of them."""
    size = get_world_size()
    group_size = int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if group_size is None else group_size
    if group_size <= 0 or size % group_size:
        raise ValueError(f"The world size ({size}) must be divisible by group_size={group_size}.")
    ranks = [list(range(start, start + group_size)) for start in range(0, size, group_size)]
    return new_subgroups_by_enumeration(ranks, timeout, backend)


def new_subgroups_by_enumeration(ranks_per_subgroup_list: Sequence[Sequence[int]], timeout: timedelta | None = None,
                                 backend: str | None = None, pg_options: Any = None, group_desc: str | None = None
                                 ) -> tuple[Any, list[Any]]:
    """Groups of the given ranks; returns this rank's, and all of them."""
    groups = [new_group(ranks, timeout, backend) for ranks in ranks_per_subgroup_list]
    mine = next((made for made in groups if isinstance(made, ProcessGroup)), None)
    return mine, groups


def get_rank(group: Any = None) -> int:
    """This process's number in the group; -1 outside of it."""
    found = group_of(group)
    return -1 if found is None else found.rank()


def get_world_size(group: Any = None) -> int:
    """How many ranks the group has; -1 outside of it."""
    found = group_of(group)
    return -1 if found is None else found.size()


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """``LOCAL_RANK``: this process's number on its machine."""
    if "LOCAL_RANK" in os.environ:
        return int(os.environ["LOCAL_RANK"])
    if fallback_rank is None:
        raise RuntimeError("LOCAL_RANK is not in the environment. Consider passing fallback_rank to allow "
                           "`get_node_local_rank` to work, assuming you are not running in a multi-device context.")
    return int(fallback_rank)


def get_backend(group: Any = None) -> str:
    """The name that the group's backend was asked for by."""
    found = group_of(group)
    if found is None:
        raise ValueError("Invalid process group specified")
    return Backend(found.backend)


def get_process_group_ranks(group: Any = None) -> list[int]:
    """The ranks of a group."""
    found = group_of(group)
    return [] if found is None else list(found.ranks)


def get_global_rank(group: ProcessGroup, group_rank: int) -> int:
    """The rank in the world of one in a group."""
    found = group_of(group)
    if found is None or not 0 <= group_rank < found.size():
        raise ValueError(f"Group rank {group_rank} is not part of group {group}")
    return found.ranks[group_rank]


def get_group_rank(group: ProcessGroup, global_rank: int) -> int:
    """The rank in a group of one in the world."""
    found = group_of(group)
    if found is None:
        raise ValueError(f"Group {group} is not registered, please create group with torch.distributed.new_group API")
    return found.number_of(global_rank)

