"""What a launch is to do: torchrun's options, and the ranks that they ask for.

As with torchrun, ``PET_`` and an option's name in the environment (``PET_NPROC_PER_NODE``) stands for the option.
What makes no sense with this engine is refused with the reason.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import struct
import sys
from string import Template
from typing import Any

from ..core.processors import processors
from .channel import Channel
from .rendezvous import SERVED
from .start import TOKEN
from .store import PATIENCE, TCPStore

OUT, ERR = 1, 2
"""The bits of ``--redirects`` and ``--tee`` for standard output and standard error."""
NETWORKS = ("UCX_NET_DEVICES", "FI_TCP_IFACE")
"""The variables by which MPI is told which network to use."""
WAITS = ("timeout", "join_timeout")
"""The keys of ``--rdzv-conf`` that say how long to wait for the other machines."""
NOT_NEEDED = ("close_timeout", "heartbeat", "heartbeat_timeout", "keep_alive_interval", "keep_alive_max_attempt",
              "last_call_timeout", "num_heartbeats", "read_timeout", "store_type", "use_libuv")
"""Those that are about what this launcher does not do."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """torchrun's options."""

    def option(name: str, *more: str, default: Any = None, **settings: Any) -> None:
        spelt = name.replace("-", "_").replace("__", "--", 1)
        variable = f"PET_{spelt[2:].upper()}"
        if settings.get("action") == "store_true":
            default = os.environ.get(variable, "0") not in ("0", "")
        elif name != "--logs-specs" and name != "--numa-binding":  # which torchrun does not ask the environment for
            default = os.environ.get(variable, default)
        parser.add_argument(*more, name, *([spelt] if spelt != name else []), default=default, **settings)

    option("--nproc-per-node", default="1", metavar="N", help="ranks on this machine; auto: one a processor")
    option("--nnodes", default="1", metavar="N", help="machines; of a range LEAST:MOST the most, as MPI takes in none "
                                                      "later")
    option("--node-rank", type=int, metavar="K",
           help="which of the machines this is, from 0; without it they find out at the endpoint")
    option("--rdzv-endpoint", default="", metavar="HOST:PORT", help="where the first machine listens")
    option("--rdzv-backend", default="static", metavar="NAME", help="static or c10d, which mean the same here")
    option("--rdzv-id", default="none", metavar="ID", help="a name for the job")
    option("--rdzv-conf", default="", metavar="KEY=VALUE,...",
           help="timeout, join_timeout: seconds to wait for the other machines; is_host: whether this is the first")
    option("--master-addr", default="127.0.0.1", metavar="HOST", help="as in --rdzv-endpoint")
    option("--master-port", type=int, metavar="PORT", help="as in --rdzv-endpoint")
    option("--local-addr", metavar="ADDRESS", help="this machine's address in the network that its ranks are to use")
    option("--standalone", action="store_true", help="one machine, any free port (so it is without an endpoint too)")
    option("--max-restarts", type=int, default=0, metavar="N", help="how often to start all again")
    option("--monitor-interval", type=float, default=0.1, metavar="S", help="taken: the launcher notices at once")
    option("--start-method", default="spawn", choices=["spawn", "fork", "forkserver"],
           help="taken: ranks are programs of their own")
    option("--event-log-handler", default="null", metavar="NAME", help="null: there is no log of events")
    option("--role", default="default", metavar="NAME", help="a name for the ranks")
    option("--module", "-m", action="store_true", help="PROGRAM is a module's name, as after python -m")
    option("--no-python", action="store_true", help="PROGRAM is any command")
    option("--run-path", action="store_true", help="PROGRAM is a script, whatever --no-python and --module say")
    option("--log-dir", metavar="FOLDER",
           help="write each rank's output to FOLDER/ID_.../attempt_N/LOCAL_RANK/stdout.log and stderr.log; alone it "
                "is shown too, as with --tee 3")
    option("--redirects", "-r", default="0", metavar="N",
           help="write to files alone: 1 standard output, 2 standard error, 3 both; for some ranks 0:3,1:1")
    option("--tee", "-t", default="0", metavar="N", help="write to files and show; numbers as for --redirects")
    option("--local-ranks-filter", default="", metavar="R,R", help="of the machine's ranks, show these alone")
    option("--duplicate-stdout-filters", type=listed, default="", metavar="WORD,...",
           help="write the lines that are shown and have one of the words to filtered_stdout.log too")
    option("--duplicate-stderr-filters", type=listed, default="", metavar="WORD,...", help="as for standard output")
    option("--logs-specs", metavar="NAME", help="default: output goes where the options above say")
    option("--numa-binding", choices=["node", "socket", "exclusive", "core-complex"],
           help="refused: it is for processors beside GPUs")
    option("--signals-to-handle", default="SIGTERM,SIGINT,SIGHUP,SIGQUIT", metavar="NAME,...",
           help="signals that are passed on to the ranks and end the launch")
    option("--shutdown-timeout", type=int, default=os.environ.get("TORCH_ELASTIC_SHUTDOWN_TIMEOUT"), metavar="S",
           help="seconds in which ranks may end by themselves before they are killed (1.4)")
    option("--virtual-local-rank", action="store_true", help="LOCAL_RANK is 0 in every rank")
    parser.add_argument("training_script", metavar="PROGRAM", help="a script, in which torch is wengert")
    rest = parser.add_argument("training_script_args", metavar="...", nargs=argparse.REMAINDER,
                               help="its own arguments")
    rest.required = False


def listed(text: str) -> list[str]:
    """The words between commas; two commas stand for one inside a word.

    >>> listed("loss,a,,b")
    ['loss', 'a,b']
    """
    return [word.replace("\0", ",") for word in text.replace(",,", "\0").split(",")] if text else []


def by_rank(text: str, ranks: int, name: str) -> dict[int, int]:
    """The streams, `OUT` and `ERR`, that an option names for each rank of this machine.

    >>> by_rank("0:3,1:1", 3, "--tee")
    {0: 3, 1: 1, 2: 0}
    """
    if re.fullmatch("[0-3]", text):
        return dict.fromkeys(range(ranks), int(text))
    if not re.fullmatch(r"\d+:[0-3](,\d+:[0-3])*", text):
        raise ValueError(f"argument {name}: a number from 0 to 3, or RANK:NUMBER,..., was expected; got {text!r}")
    given = {int(rank): int(number) for rank, number in (each.split(":") for each in text.split(","))}
    return {rank: given.get(rank, 0) for rank in range(ranks)}


def signals_of(text: str) -> list[signal.Signals]:
    """Signals by their names. Raises ValueError for one that there is not, or that no process can handle."""
    found = []
    for name in filter(None, (each.strip() for each in text.split(","))):
        if name not in signal.Signals.__members__ or name in ("SIGKILL", "SIGSTOP"):
            raise ValueError("argument --signals-to-handle: names of signals that can be handled, such as SIGTERM, "
                             f"were expected; got {name!r}")
        found.append(signal.Signals[name])
    return found


class Plan:
    """What the options ask for. Raises ValueError for what makes no sense."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.local = _processes(options.nproc_per_node)
        self.nodes = _whole(options.nnodes.partition(":")[2] or options.nnodes, "--nnodes")
        host, _, port = options.rdzv_endpoint.rpartition(":") if ":" in options.rdzv_endpoint else (
            options.rdzv_endpoint, "", "")
        alone = options.local_addr if self.nodes == 1 else None
        self.host = (host or (alone if alone and options.master_addr == "127.0.0.1" else options.master_addr)
                     ).strip("[]")
        self.port = _whole(port, "--rdzv-endpoint", 0) if port else options.master_port or 0
        if options.standalone:
            if self.nodes > 1:
                raise ValueError(f"argument --standalone: one machine was expected; got --nnodes {self.nodes}")
            self.host, self.port = "127.0.0.1", 0
        self.node: int | None = 0 if self.nodes == 1 and options.node_rank is None else options.node_rank
        """Which of the machines this is; None until they have found out (`run.py:_number_of_this_machine`)."""
        self.server: TCPStore | Channel | None = None
        """The connection to the first machine's, which keeps that from ending while no rank has one."""
        self.patience = PATIENCE.total_seconds()
        """Seconds to wait for the first machine."""
        self.may_be_first = True
        self._take_conf(options.rdzv_conf)
        if self.node is not None and not 0 <= self.node < self.nodes:
            raise ValueError(f"argument --node-rank: a number from 0 to {self.nodes - 1} was expected; got {self.node}")
        if self.nodes > 1 and not self.port:
            raise ValueError("argument --rdzv-endpoint: HOST:PORT of the first machine is needed with several machines")
        if options.max_restarts < 0 or (options.max_restarts and self.nodes > 1):
            raise ValueError("argument --max-restarts: a number of 0 or more, and with several machines 0, was "
                             f"expected; got {options.max_restarts}")
        self.size = self.nodes * self.local
        self.redirects = by_rank(options.redirects, self.local, "--redirects")
        self.tee = by_rank(options.tee, self.local, "--tee")
        if options.log_dir and not any(self.redirects.values()) and not any(self.tee.values()):
            self.tee = dict.fromkeys(range(self.local), OUT | ERR)
        self.shown = _ranks(options.local_ranks_filter) or set(range(self.local))
        """The ranks of this machine whose output is shown."""
        self.signals = signals_of(options.signals_to_handle)
        self.network = _network(options.local_addr)
        _check_the_rest(options)

    def _take_conf(self, text: str) -> None:
        """``--rdzv-conf``."""
        for pair in filter(None, text.split(",")):
            key, equals, value = pair.partition("=")
            key, value = key.strip(), value.strip()
            if not equals or key not in (*WAITS, "is_host", *NOT_NEEDED):
                raise ValueError("argument --rdzv-conf: KEY=VALUE,... was expected, of the keys "
                                 f"{', '.join((*WAITS, 'is_host'))}; got {pair!r}")
            if key in WAITS:
                self.patience = float(_whole(value, f"--rdzv-conf {key}"))
            elif key == "is_host":
                if value.lower() not in ("0", "1", "true", "false", "t", "f", "yes", "no", "y", "n"):
                    raise ValueError(f"argument --rdzv-conf is_host: true or false was expected; got {value!r}")
                is_first = value.lower() in ("1", "true", "t", "yes", "y")
                self.may_be_first = is_first or self.nodes == 1
                if is_first and self.node is None:
                    self.node = 0

    def rank(self, local_rank: int) -> int:
        """The number in the world of a rank of this machine."""
        assert self.node is not None
        return self.node * self.local + local_rank

    def command(self, local_rank: int = 0) -> list[str]:
        """What a rank runs; ``${local_rank}`` in an argument is its number on this machine."""
        options = self.options
        arguments = [Template(each).safe_substitute(local_rank=local_rank) for each in options.training_script_args]
        if options.no_python and not options.run_path:
            return [options.training_script, *arguments]
        module = ["-m"] if options.module and not options.run_path else []
        return [os.environ.get("PYTHON_EXEC", sys.executable), "-m", "wengert", "run", *module,
                options.training_script, *arguments]

    def environment(self, local_rank: int, port: int, token: str, attempt: int) -> dict[str, str]:
        """The environment of one rank, with torchrun's names."""
        options = self.options
        set_here = {
            "RANK": self.rank(local_rank), "LOCAL_RANK": 0 if options.virtual_local_rank else local_rank,
            "WORLD_SIZE": self.size, "LOCAL_WORLD_SIZE": self.local, "GROUP_RANK": self.node,
            "GROUP_WORLD_SIZE": self.nodes, "ROLE_NAME": options.role, "ROLE_RANK": self.rank(local_rank),
            "ROLE_WORLD_SIZE": self.size, "MASTER_ADDR": self.host, "MASTER_PORT": port,
            "TORCHELASTIC_RUN_ID": options.rdzv_id, "TORCHELASTIC_RESTART_COUNT": attempt,
            "TORCHELASTIC_MAX_RESTARTS": options.max_restarts, "TORCHELASTIC_USE_AGENT_STORE": True,
            "PYTHONUNBUFFERED": 1, SERVED: 1, TOKEN: token,
        }
        threads = {} if "OMP_NUM_THREADS" in os.environ else {"OMP_NUM_THREADS": max(1, processors() // self.local)}
        more = {name: str(value) for name, value in (set_here | threads).items()}
        return {**self.network, **os.environ, **more}


def _check_the_rest(options: argparse.Namespace) -> None:
    """Raises ValueError for what this launcher has not, with the reason."""
    if options.rdzv_backend not in ("static", "c10d"):
        raise ValueError(f"argument --rdzv-backend: static or c10d was expected; got {options.rdzv_backend}, a service "
                         "beside the ranks: they meet at the first machine, with --rdzv-endpoint HOST:PORT")
    if options.event_log_handler != "null":
        raise ValueError(f"argument --event-log-handler: null was expected; got {options.event_log_handler}: this "
                         "launcher has no log of events; what happens is said on standard error")
    if options.logs_specs not in (None, "default"):
        raise ValueError(f"argument --logs-specs: default was expected; got {options.logs_specs}: output goes where "
                         "--log-dir, --redirects and --tee say")
    if options.numa_binding is not None:
        raise ValueError("argument --numa-binding: nothing was expected, as it binds ranks to the processors beside "
                         f"their GPUs, and wengert has none; got {options.numa_binding}; use numactl or taskset")
    if options.no_python and options.module and not options.run_path:
        raise ValueError("argument --module: a program to be run by Python was expected; got --no-python too; leave "
                         "out one of them")


def _network(address: str | None) -> dict[str, str]:
    """The variables by which MPI uses the network that has this address of the machine's."""
    if address is None:
        return {}
    if sys.platform != "linux":
        raise ValueError("argument --local-addr: nothing was expected on this system; say by UCX_NET_DEVICES or "
                         "FI_TCP_IFACE which network the ranks are to use")
    try:
        wanted = socket.gethostbyname(address)
    except OSError as error:
        raise ValueError(f"argument --local-addr: an address of this machine was expected; got {address!r}: {error}"
                         ) from None
    found = {_address_of(name): name for _, name in socket.if_nameindex()}
    if wanted not in found:
        there = ", ".join(sorted(each for each in found if each))
        raise ValueError(f"argument --local-addr: an address of this machine was expected, {there}; got {address}")
    return dict.fromkeys(NETWORKS, found[wanted])


def _address_of(interface: str) -> str:
    """The IPv4 address of a network interface, "" where it has none."""
    import fcntl

    SIOCGIFADDR = 0x8915
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            answer = fcntl.ioctl(any_socket, SIOCGIFADDR, struct.pack("256s", interface[:15].encode()))
        except OSError:
            return ""
    return socket.inet_ntoa(answer[20:24])


def _ranks(text: str) -> set[int]:
    if text and not re.fullmatch(r"\s*\d+\s*(,\s*\d+\s*)*", text):
        raise ValueError(f"argument --local-ranks-filter: numbers of ranks, R,R, were expected; got {text!r}")
    return {int(each) for each in text.split(",") if each}


def _processes(text: str) -> int:
    if text in ("auto", "cpu"):
        return processors()
    if text in ("gpu", "xpu"):
        raise ValueError(f"argument --nproc-per-node: a number, auto or cpu was expected; got {text}, of which there "
                         "is none")
    return _whole(text, "--nproc-per-node")


def _whole(text: str, name: str, least: int = 1) -> int:
    if not text.isdecimal() or int(text) < least:
        raise ValueError(f"argument {name}: a whole number, {least} or more, was expected; got {text!r}")
    return int(text)
