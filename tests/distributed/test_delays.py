"""What is slow, stopped for a while or comes at another time than expected: a busy machine is no failure."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.distributed.ranks import PROGRAMS, Mark, ends, eventually, free_port, started
from wengert.distributed import server, world
from wengert.distributed.channel import Channel, connect, packed
from wengert.distributed.start import start_server
from wengert.distributed.watch import DistBackendError, DistNetworkError, DistStoreError, Watch

# --- jobs one after the other -----------------------------------------------------------------------------------------


def one_by_one(*arguments: str, order: tuple[int, int] = (1, 0), apart: float = 0.0, **environment: str
               ) -> list[tuple[int, str, str]]:
    """How two ranks of ``meeting.py`` end that are started in this order, so many seconds apart."""
    ranks = []
    for rank in order:
        command = [sys.executable, str(PROGRAMS / "meeting.py"), arguments[0], str(rank), "2", *arguments[1:]]
        ranks.append(started(command, RANK=str(rank), WORLD_SIZE="2", **environment))
        time.sleep(apart)
    return sorted(ends(ranks), key=lambda each: each[1])


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("how", ["tcp", "env"])
def test_a_job_follows_another_at_the_same_port(how: str, order: tuple[int, int]) -> None:
    port = free_port()
    for _ in range(3):
        found = one_by_one(how, f"tcp://127.0.0.1:{port}", order=order, MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
        assert [out for _, out, _ in found] == ["0 2 1.0\n", "1 2 1.0\n"], found


def test_a_job_follows_another_in_the_same_file(tmp_path: Path) -> None:
    for _ in range(2):
        found = one_by_one("file", f"file://{tmp_path}/meet", apart=1.0)
        assert [out for _, out, _ in found] == ["0 2 1.0\n", "1 2 1.0\n"], found
        assert not (tmp_path / "meet").exists()


@pytest.mark.parametrize("listens", [False, True])
def test_a_file_that_a_killed_job_has_left(listens: bool, tmp_path: Path) -> None:
    """Its server may be gone, or another process may listen there by now."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1] if listens else free_port()
        (tmp_path / "meet").write_text(f"127.0.0.1 {port} token\n")
        if listens:
            threading.Thread(target=_refuse_all, args=(other,), daemon=True).start()
        found = one_by_one("file", f"file://{tmp_path}/meet", apart=2.0)
    assert [out for _, out, _ in found] == ["0 2 1.0\n", "1 2 1.0\n"], found


def _refuse_all(listener: socket.socket) -> None:
    try:
        while True:
            listener.accept()[0].close()
    except OSError:
        pass  # it was closed


def test_a_rank_that_comes_seconds_before_the_first() -> None:
    port = free_port()
    found = one_by_one("env", "", apart=4.0, MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    assert [out for _, out, _ in found] == ["0 2 1.0\n", "1 2 1.0\n"], found


def test_a_port_at_which_somebody_else_listens_is_refused_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        threading.Thread(target=_refuse_all, args=(other,), daemon=True).start()
        began = time.monotonic()
        with pytest.raises(DistNetworkError, match=r"a free port was expected .* Address already in use"):
            start_server("127.0.0.1", other.getsockname()[1])
        assert time.monotonic() - began < 8


GOES_FIRST = """import os, sys, time, torch, torch.distributed as dist
dist.init_process_group()
x = torch.ones(1)
dist.all_reduce(x)
print(x.item())
time.sleep(4 * dist.get_rank())
"""


def test_who_reads_what_rank_0_says_waits_for_rank_0_alone(tmp_path: Path) -> None:
    """Not for the server that it has started, which goes on as long as the others do."""
    program = tmp_path / "first.py"
    program.write_text(GOES_FIRST)
    port = free_port()
    ranks = [started([sys.executable, "-m", "wengert", "run", str(program)], RANK=str(rank), WORLD_SIZE="2",
                     MASTER_ADDR="127.0.0.1", MASTER_PORT=port) for rank in (0, 1)]
    first = ranks[0].communicate(timeout=60)
    assert ranks[1].poll() is None and first == ("2.0\n", ""), first
    assert ends(ranks[1:]) == [(0, "2.0\n", "")]


STORE_FIRST = """import os, time, torch, torch.distributed as dist
store = dist.TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
store.set("a", "b")
del store
time.sleep(5)
dist.init_process_group()
x = torch.ones(1)
dist.all_reduce(x)
print(x.item())
"""


def test_the_launchers_server_stays_while_no_rank_is_connected(tmp_path: Path) -> None:
    program = tmp_path / "first.py"
    program.write_text(STORE_FIRST)
    [(code, out, err)] = ends([started([sys.executable, "-m", "wengert", "launch", "--nproc-per-node", "2",
                                        str(program)])])
    assert code == 0 and out.count("2.0") == 2, (out, err)


# --- the launcher is slow ---------------------------------------------------------------------------------------------

FAILS = """import os, signal, sys, time, torch, torch.distributed as dist
dist.init_process_group()
x = torch.ones(1)
dist.all_reduce(x)
print("there", flush=True)
time.sleep(1)
if dist.get_rank() == int(sys.argv[1]):
    {}
dist.all_reduce(x)
"""


@pytest.mark.parametrize("rank", ["0", "1"])
@pytest.mark.parametrize(("what", "code", "words"), [
    ("os.kill(os.getpid(), signal.SIGKILL)", 137, "was ended by SIGKILL"),
    ("sys.exit(3)", 3, "failed with exit code 3"),
    ("raise ValueError('bad luck')", 1, "failed with exit code 1")])
def test_all_have_ended_before_the_launcher_looks(what: str, code: int, words: str, rank: str, tmp_path: Path) -> None:
    """The first that failed is told from those that followed, though their ends are seen at once."""
    program = tmp_path / "fails.py"
    program.write_text(FAILS.format(what))
    mark = Mark()
    launcher = started([sys.executable, "-m", "wengert", "launch", "--nproc-per-node", "2", str(program), rank],
                       **{Mark.NAME: mark.environment()[Mark.NAME]})
    assert launcher.stdout is not None
    for _ in range(2):
        assert "there" in launcher.stdout.readline()
    launcher.send_signal(signal.SIGSTOP)
    assert eventually(lambda: not [line for line in mark.by_id().values() if " run " in line], 60)
    launcher.send_signal(signal.SIGCONT)
    [(found, _, err)] = ends([launcher])
    assert found == code and f"wengert launch: rank {rank} " in err and words in err, (found, err)
    assert err.count("Traceback (most recent call last)") <= 1, err
    assert what[:5] != "raise" or "ValueError: bad luck\n" in err, err


# --- the server is slow, or asked at the wrong moment -----------------------------------------------------------------


class Line:
    """A connection of which it is kept what was sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send(self, payload: bytes = b"", **header: Any) -> None:
        self.sent.append(header)

    def close(self) -> None:
        self.sent.append({"op": "closed"})


def room(size: int, patience: float) -> server.Room:
    """A room whose ranks have all come."""
    found = server.Room(threading.Condition(threading.RLock()))
    found.size, found.began = size, True
    for rank in range(size):
        found.members[rank] = server.Member(rank, "here", 1, patience, Line())  # type: ignore[arg-type]
    return found


def test_time_in_which_the_server_did_not_run_is_no_silence() -> None:
    """Between two beats an hour may go by, as on a machine that slept: what the ranks sent is waiting to be read."""
    here, now = room(2, 3.0), time.monotonic()
    for hour in range(3):
        here.beat(now + 3600 * hour)
    assert here.failure is None
    for member in here.members.values():
        member.silent = 0.0  # it was heard
    here.beat(now + 3600 * 4)
    assert here.failure is None
    for beat in range(5):
        here.members[0].silent = 0.0
        here.beat(now + 3600 * 4 + beat)
    assert here.failure is not None and "rank 1 (here, process 1) has been silent for" in here.failure


@pytest.mark.parametrize("patience", [0.1, 0.5, 1.0])
def test_a_timeout_below_a_second_asks_for_no_beats_of_its_own(patience: float) -> None:
    here, now = room(2, patience), time.monotonic()
    for beat in range(5):
        here.beat(now + beat)
        for member in here.members.values():
            member.silent, member.beaten = 0.0, False
    assert here.failure is None


def test_who_is_asked_where_it_is_may_answer_late() -> None:
    here = room(2, 3.0)

    def answer() -> None:
        time.sleep(2.0)
        here._hear(here.members[1], {"op": "here", "text": "is at train.py:3"}, b"")

    threading.Thread(target=answer, daemon=True).start()
    here._ask(here.members[0], {"text": "rank 0 waited", "ranks": [0, 1]})
    assert here.failure == "rank 0 waited; rank 1 is at train.py:3"


def test_a_rank_that_comes_when_another_asks_who_is_missing() -> None:
    """All are there by then, and none is missing: there is nothing to say."""
    here = room(2, 3.0)
    here._hear(here.members[0], {"op": "missing"}, b"")
    assert here.members[0].channel.sent == []  # type: ignore[attr-defined]


def test_a_world_that_a_rank_has_given_up_does_not_begin() -> None:
    """Who comes a moment later is told, and MPI is not begun with ranks that leave."""
    here = room(2, 3.0)
    here.began = False
    here.size = 3
    here._hear(here.members[1], {"op": "missing"}, b"")
    assert here.members[1].channel.sent == [{"op": "missing", "ranks": [2]}]  # type: ignore[attr-defined]
    text = "rank 1 waited 3 s for the ranks [2], which did not come"
    assert here.members[0].channel.sent == [{"op": "failed", "rank": 1, "text": text}]  # type: ignore[attr-defined]
    late = Late()
    here.rank(late, {"rank": 2, "size": 3, "machine": "there", "pid": 2, "patience": 3.0})  # type: ignore[arg-type]
    assert not here.began and [each.get("op") for each in late.sent] == [None, "failed"]


class Late(Line):
    """A connection that has nothing to say."""

    def receive(self) -> None:
        return None


class Peer(contextlib.AbstractContextManager["Peer"]):
    """A server that does with its one connection what a test says."""

    def __init__(self, *frames: dict[str, Any], wait: float = 0.0) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._frames, self._wait = frames, wait
        self._channel: Channel | None = None
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        channel = self._channel = Channel(self._listener.accept()[0])
        self._listener.close()
        channel.send(nonce="n")
        channel.receive()
        for frame in self._frames:
            data = packed(frame, b"")
            channel.socket.sendall(data[:5])
            time.sleep(self._wait)  # in the midst of a message
            channel.socket.sendall(data[5:])
        if not self._frames:
            channel.close()

    def __exit__(self, *error: object) -> None:
        if self._channel is not None:
            self._channel.close()


BEGIN = {"op": "begin", "hosts": ["a", "b"], "of_mpi": [None, None], "name": "w"}


@pytest.mark.parametrize("frames", [({"op": "missing", "ranks": []}, BEGIN), ({"op": "beat"}, BEGIN)])
def test_messages_come_in_pieces_and_when_nobody_is_missing_any_more(frames: tuple[dict[str, Any], ...]) -> None:
    with Peer({"ok": True}, *frames, wait=1.2) as peer:
        watch = Watch("127.0.0.1", peer.port, "", 0, 2, 30.0)
        assert watch.begin()[0] == ["a", "b"]
        watch.bye()


def test_who_does_not_come_is_named_by_its_number() -> None:
    with Peer({"ok": True}, {"op": "missing", "ranks": [1]}) as peer:
        watch = Watch("127.0.0.1", peer.port, "", 0, 2, 30.0)
        with pytest.raises(DistStoreError, match="rank 1 did not come"):
            watch.begin()
        watch.channel.close()


def test_a_server_that_closes_is_no_refusal() -> None:
    """As one does that gave up waiting for this process's first words: it is to be asked again."""
    with Peer() as peer, pytest.raises(ConnectionError, match="closed the connection"):
        connect("127.0.0.1", peer.port, "", 5.0, kind="store")
    said = "rank 1 is there already"
    with Peer({"later": said}) as peer, pytest.raises(ConnectionError, match=said):
        connect("127.0.0.1", peer.port, "", 5.0, kind="rank")
    with Peer({"error": "the token"}) as peer, pytest.raises(PermissionError, match="the token"):
        connect("127.0.0.1", peer.port, "", 5.0, kind="rank")


# --- a rank is slow ---------------------------------------------------------------------------------------------------


class Told:
    """What `World.wait` asks of the connection to the server."""

    def __init__(self, left: dict[int, float]) -> None:
        self.failure, self.left, self.said = None, left, list[str]()

    def gone(self, text: str) -> None:
        self.said.append(text)

    def late(self, text: str, ranks: list[int]) -> None:
        self.said.append(text)

    def wait_for_failure(self, otherwise: str, seconds: float = 0.0) -> str:
        return otherwise


class Request:
    """A message that is there, though this process had no time to look: only the next look finds it."""

    def __init__(self, comes: bool, looks: int) -> None:
        self._comes, self._looks = comes, looks

    def Test(self) -> bool:
        self._looks -= 1
        return self._comes and self._looks < 0


class Waiting:
    """A call that waits for rank 1."""

    name, behind, timeout = "recv", True, 1.0

    def __init__(self, deadline: float) -> None:
        self.deadline, self.group = deadline, self
        self.ranks = [0, 1]

    def needs(self) -> list[int]:
        return [1]

    def described(self) -> str:
        return "recv"


@pytest.mark.parametrize("why", ["has left", "waited 1 s"])
@pytest.mark.parametrize("comes", [True, False])
def test_what_has_arrived_is_found_before_a_rank_gives_up(comes: bool, why: str) -> None:
    long_ago = time.monotonic() - 100.0
    told = Told({1: long_ago} if why == "has left" else {})
    here = object.__new__(world.World)
    here.watch, here.rank, here.abandoned = told, 0, []  # type: ignore[assignment]
    call = Waiting(time.monotonic() + 100 if why == "has left" else long_ago)
    if comes:
        here.wait(Request(True, 3), call)
        assert told.said == []
    else:
        with pytest.raises(DistBackendError, match=why):
            here.wait(Request(False, 3), call)
