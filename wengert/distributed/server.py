"""The server that holds the ranks of one job together; a process of its own, started by the launcher or by rank 0.

It does three things: it hands out the keys by which MPI's processes find each other (the protocol PMI-1), it keeps a
store of keys and values, and it watches: every rank has a connection to it, by which it learns who failed, left or fell
silent, and tells the others. It knows neither tensors nor MPI, and loads the standard library alone.

The one idea to know: a rank that ends says so first (``bye``). A connection that closes without a word is a failure.
"""

from __future__ import annotations

import argparse
import errno
import os
import secrets
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __package__:
    from .channel import Channel, proof
    from .keys import Keys
else:  # run by its path, so that nothing of wengert is loaded
    sys.path.append(str(Path(__file__).parent))
    from channel import Channel, proof  # type: ignore[import-not-found, no-redef]
    from keys import Keys  # type: ignore[import-not-found, no-redef]

ANSWERS_WITHIN = 3.0
"""Seconds in which a rank that is asked where it is has to answer: on a busy machine it may not run for a while. Those
in which it answered nothing before count."""
BEAT = 1.0
LEAST_SILENCE = 3 * BEAT
"""Seconds of silence that mean nothing, however short a timeout is."""
LEFT_ALONE = 3.0
"""Seconds after a failure in which its ranks end."""
UNUSED = 60.0
"""Seconds after which a server to which nobody ever came ends."""


class Member:
    """A rank, as the server sees it."""

    def __init__(self, rank: int, host: str, pid: int, timeout: float, channel: Channel) -> None:
        self.rank, self.host, self.pid, self.timeout, self.channel = rank, host, pid, timeout, channel
        self.silent = 0.0
        """For how long nothing was heard of it, in seconds in which the server ran: where the machine had no time for
        the server, messages may be waiting."""
        self.left = self.beaten = False
        self.ended = False
        """Whether it has left for good, and comes to no other world."""
        self.of_mpi: list[Any] | None = None
        """Which MPI's world it is in already, and as which rank of it."""
        self.stays = False
        """Whether it still waits in MPI's end after it has left."""

    def beat(self) -> None:
        """Asks for a sign of life, unless the last was not answered yet: messages to a process that is stopped fill its
        connection, and whoever sends then waits."""
        if not self.beaten:
            self.beaten = True
            self.tell(op="beat")

    def tell(self, **message: Any) -> None:
        """Sends a message; that the rank is gone is noticed where its messages are read."""
        try:
            self.channel.send(**message)
        except OSError:
            pass


class Room:
    """The ranks of one world, and MPI's keys for them, under the server's lock."""

    def __init__(self, changed: threading.Condition) -> None:
        self.name = f"wengert-{secrets.token_hex(8)}"
        self.changed = changed
        self.members: dict[int, Member] = {}
        self.size: int | None = None
        self.began = False
        self.failure: str | None = None
        self.failed_at = 0.0
        self.keys: dict[str, str] = {}
        self.at_barrier: list[Channel] = []
        self.of_mpi: list[Channel] = []
        self.answers: dict[int, str] = {}
        self.asking = False
        self.claims: dict[str, dict[int, str]] = {}

    def beat(self, now: float) -> None:
        """Asks all ranks for a sign of life; one that has been silent for too long has failed. Ranks that are still
        there long after a failure are cut off, as the server would wait for them: their machine is gone, perhaps."""
        if self.failure is not None and now - self.failed_at > LEFT_ALONE:
            for member in self.members.values():
                member.channel.close()
            return
        for member in list(self.members.values()):
            if member.stays or not member.left:
                member.beat()
                member.silent += BEAT
                if self.began and member.silent > max(member.timeout, LEAST_SILENCE):
                    self.fail(member.rank, f"rank {member.rank} ({member.host}, process {member.pid}) has been silent "
                              f"for {member.silent:.0f} s: it is stopped, or cut off")
        if self.asking:
            self.changed.notify_all()  # one that is asked where it is may have been silent for long enough by now

    # --- ranks ------------------------------------------------------------------------------------------------------

    def rank(self, channel: Channel, hello: dict[str, Any]) -> None:
        """A rank's connection, as long as it lasts."""
        rank, size = int(hello["rank"]), int(hello["size"])
        with self.changed:
            wrong = None
            if self.size not in (None, size):
                wrong = f"a world of {self.size} ranks was expected, as others said; this one says {size}"
            elif rank in self.members:
                wrong = f"rank {rank} is there already (process {self.members[rank].pid}); give each process its own"
            elif not 0 <= rank < size:
                wrong = f"a rank from 0 to {size - 1} was expected; got {rank}"
            if wrong is not None:
                if self.is_over():  # a later job at the same port tries again until the server of this one has ended
                    channel.send(later=wrong)
                else:
                    channel.send(error=wrong)
                return
            self.size = size
            member = Member(rank, hello["machine"], int(hello["pid"]), float(hello["patience"]), channel)
            member.of_mpi = hello.get("of_mpi")
            channel.send(ok=True)
            self.members[rank] = member
            if len(self.members) == size and self.failure is None:
                self.began = True
                self.keys["PMI_process_mapping"] = self._mapping()
                for each in self.members.values():
                    each.silent = 0.0
                    each.tell(op="begin", hosts=[self.members[number].host for number in range(size)],
                              of_mpi=[self.members[number].of_mpi for number in range(size)], name=self.name)
                self.changed.notify_all()
            if self.failure is not None:
                member.tell(op="failed", rank=None, text=self.failure)
        try:
            while (frame := channel.receive()) is not None:
                member.silent, member.beaten = 0.0, False
                self._hear(member, *frame)
        except OSError:
            pass  # like a connection that closes
        with self.changed:
            if not member.left:
                member.left = True
                self.fail(rank, f"rank {rank} ({member.host}, process {member.pid}) ended without a word: it was "
                                "killed, or left by os._exit", begun=self.began)

    def _hear(self, member: Member, message: dict[str, Any], _: bytes) -> None:
        op, rank = message["op"], member.rank
        if op == "missing":
            with self.changed:
                if self.began or self.failure is not None:
                    return  # they are all there by now, or it is being told why not
                missing = sorted(set(range(self.size or 0)) - set(self.members))
                member.tell(op="missing", ranks=missing)
                member.left = True  # it gives up, so that there can be no world: nobody begins with it
                self.fail(rank, f"rank {rank} waited {member.timeout:g} s for the ranks {missing}, which did not come")
        elif op == "bye":
            with self.changed:
                member.left, member.stays = True, bool(message.get("stays"))
                member.ended = not message.get("goes_on", False)
                for other in self.members.values():
                    if other is not member and self.failure is None:
                        other.tell(op="left", rank=rank)
        elif op == "failed":
            with self.changed:
                member.left = True
                self.fail(rank, message["text"])
        elif op == "here":
            with self.changed:
                self.answers[rank] = message["text"]
                self.changed.notify_all()
        elif op == "late":
            threading.Thread(target=self._ask, args=(member, message), daemon=True).start()
        elif op == "claim":
            self._compare(rank, message)

    def is_over(self) -> bool:
        """Whether all its ranks have ended, or one of them has failed."""
        return self.began and (self.failure is not None or all(member.ended for member in self.members.values()))

    def fail(self, rank: int | None, text: str, begun: bool = True) -> None:
        """The first failure is told to all others; later ones follow from it."""
        with self.changed:
            if self.failure is not None or not begun:
                return
            self.failure, self.failed_at = text, time.monotonic()
            for member in self.members.values():
                if member.stays or not member.left:  # also the one that is thought silent, if it can still hear
                    member.tell(op="failed", rank=rank, text=text)
            for channel in self.of_mpi:
                channel.close()  # MPI, where it is still beginning, gives up

    def _ask(self, late: Member, message: dict[str, Any]) -> None:
        """Who waited too long is told where the others are."""
        with self.changed:
            if self.asking or self.failure is not None:
                return
            self.asking = True
            others = [self.members[rank] for rank in message["ranks"] if rank != late.rank and rank in self.members]
            for other in others:
                other.tell(op="where")
            self.changed.wait_for(lambda: all(o.left or o.rank in self.answers or o.silent >= ANSWERS_WITHIN
                                              for o in others), ANSWERS_WITHIN)
            lines = [message["text"]]
            for other in others:
                if other.left:
                    lines.append(f"rank {other.rank} has left: its program ended")
                elif other.rank in self.answers:
                    lines.append(f"rank {other.rank} {self.answers[other.rank]}")
                else:
                    lines.append(f"rank {other.rank} ({other.host}, process {other.pid}) does not answer: it is "
                                 "stopped, or cut off")
            self.fail(None, "; ".join(lines))

    def _compare(self, rank: int, message: dict[str, Any]) -> None:
        """The ranks of a group called different things, and each says here what: all are told."""
        with self.changed:
            claims = self.claims.setdefault(message["call"], {})
            claims[rank] = message["text"]
            if len(claims) < len(message["ranks"]):
                return
            calls: dict[str, list[int]] = {}
            for number in sorted(claims):
                calls.setdefault(claims[number], []).append(number)
            said = "; ".join(f"rank{'s' if len(ranks) > 1 else ''} {', '.join(map(str, ranks))}: {text}"
                             for text, ranks in calls.items())
            self.fail(None, f"the same collective was expected of all ranks; got {said}; every rank must call the "
                            "same ones in the same order, with the same shapes and dtypes")

    # --- MPI's keys, by PMI-1 ---------------------------------------------------------------------------------------

    def _mapping(self) -> str:
        """Which ranks share a machine, in MPICH's words: ``(vector,(first node, nodes, ranks a node),...)``."""
        nodes: dict[str, int] = {}
        blocks: list[list[int]] = []
        for rank in range(len(self.members)):
            node = nodes.setdefault(self.members[rank].host, len(nodes))
            if blocks and blocks[-1][0] == node:
                blocks[-1][1] += 1
            else:
                blocks.append([node, 1])
        return f"(vector,{','.join(f'({node},1,{count})' for node, count in blocks)})"

    def pmi(self, channel: Channel) -> None:
        """MPI's own connection, as long as it lasts."""
        channel.send(ok=True)
        with self.changed:
            self.of_mpi.append(channel)
        lines = channel.socket.makefile("r", newline="\n")
        for line in lines:
            words = dict(word.partition("=")[::2] for word in line.split())
            answer = self._pmi_answer(channel, words, line)
            if answer is not None:
                channel.socket.sendall(f"cmd={answer}\n".encode())

    def _pmi_answer(self, channel: Channel, words: dict[str, str], line: str) -> str | None:
        match words.get("cmd"):
            case "init":
                return "response_to_init pmi_version=1 pmi_subversion=1 rc=0"
            case "get_maxes":
                return "maxes rc=0 kvsname_max=256 keylen_max=64 vallen_max=1024"
            case "get_appnum":
                return "appnum rc=0 appnum=0"
            case "get_my_kvsname":
                return f"my_kvsname rc=0 kvsname={self.name}"
            case "get_universe_size":
                return f"universe_size rc=0 size={self.size}"
            case "put":
                with self.changed:
                    self.keys[words["key"]] = line.rstrip("\n").partition(" value=")[2]
                return "put_result rc=0"
            case "get":
                value = self.keys.get(words["key"])
                return "get_result rc=-1 msg=unknown_key" if value is None else f"get_result rc=0 value={value}"
            case "barrier_in":
                with self.changed:
                    self.at_barrier.append(channel)
                    if len(self.at_barrier) == self.size:
                        for each in self.at_barrier:
                            each.socket.sendall(b"cmd=barrier_out\n")
                        self.at_barrier.clear()
                return None
            case "finalize":
                return "finalize_ack rc=0"
            case _:
                return "error rc=-1 msg=unknown_command"


def memory_of(world: str) -> str:
    """What the names of the memory begin with that MPI's processes in a world share: MPICH makes it of the world's name
    by the hash FNV-1a, and appends the machine's number."""
    number = 2_166_136_261
    for byte in world.encode():
        number = (number ^ byte) * 16_777_619 & 0xFFFF_FFFF
    return f"mpich_shm_{number:x}"


class Server:
    """The state that the connections' threads share, under one lock."""

    def __init__(self, token: str, quit_alone: bool) -> None:
        self.token, self.quit_alone = token, quit_alone
        self.changed = threading.Condition(threading.RLock())
        self.rooms = [Room(self.changed)]
        """The first is that of new processes; each world that they join after leaving another has one more."""
        self.connections = 0
        self.served = False
        self.store = Keys()

    def room(self, hello: dict[str, Any]) -> Room:
        """The room of a rank: for one that was in a world before, that of the first world of the size which still lacks
        it."""
        if hello.get("of_mpi") is None:
            return self.rooms[0]
        with self.changed:
            for room in self.rooms[1:]:
                if not room.began and room.size == hello["size"] and hello["rank"] not in room.members:
                    return room
            made = Room(self.changed)
            made.size = hello["size"]
            self.rooms.append(made)
            return made

    # --- connections ------------------------------------------------------------------------------------------------

    def serve(self, listener: socket.socket) -> None:
        """Accepts connections until nobody is left."""
        threading.Thread(target=self._beat, daemon=True).start()
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self._greet, args=(Channel(connection),), daemon=True).start()

    def _greet(self, channel: Channel) -> None:
        with self.changed:
            self.connections += 1
            self.served = True
        try:
            nonce = secrets.token_hex(16)
            channel.socket.settimeout(10.0)
            channel.send(nonce=nonce)
            frame = channel.receive()
            if frame is None:
                return
            hello = frame[0]
            if not secrets.compare_digest(str(hello.get("proof")), proof(self.token, nonce)):
                channel.send(error="the token was not the server's: set WENGERT_DISTRIBUTED_TOKEN to the same on all "
                                   "machines")
                return
            channel.socket.settimeout(None)
            kinds: dict[str, Callable[[Channel, dict[str, Any]], None]] = {
                "rank": lambda channel, hello: self.room(hello).rank(channel, hello),
                "pmi": lambda channel, hello: self.rooms[0].pmi(channel), "store": self._store, "over": self._say_over}
            kinds[hello["kind"]](channel, hello)
        except (OSError, ValueError, KeyError):
            pass  # a connection that breaks, or speaks another language, is closed; of a rank's `_rank` makes a failure
        finally:
            channel.close()
            with self.changed:
                self.connections -= 1
                if not self.connections and self.quit_alone and all(room.is_over() for room in self.rooms):
                    self.end()  # at once, so that the next job may have the port

    def _beat(self) -> None:
        alone_since = time.monotonic()
        while True:
            time.sleep(BEAT)
            now = time.monotonic()
            with self.changed:
                for room in self.rooms:
                    room.beat(now)
                if self.connections:
                    alone_since = now
                elif self.quit_alone and now - alone_since > (2 * BEAT if self.served else UNUSED):
                    self.end()

    def end(self) -> None:
        """Ends this process, after the last rank of this machine. Memory whose name none of them came to take away, as
        it was killed while MPI began, loses it here."""
        for room in self.rooms:
            for path in Path("/dev/shm").glob(f"{memory_of(room.name)}_*"):
                path.unlink(missing_ok=True)
        os._exit(0)

    def _say_over(self, channel: Channel, hello: dict[str, Any]) -> None:
        """Tells who would serve at this port whether nobody uses this server any more."""
        channel.send(ok=True)
        with self.changed:
            channel.send(over=self.connections == 1 or all(room.is_over() for room in self.rooms))

    def breaks(self, what: threading.ExceptHookArgs) -> None:
        """Tells all ranks of an error in a thread of this server: it has no stderr."""
        said = "".join(traceback.format_exception(what.exc_type, what.exc_value, what.exc_traceback))
        with self.changed:
            for room in self.rooms:
                room.fail(None, f"the server failed, by a fault of its own: {said}")

    # --- the store --------------------------------------------------------------------------------------------------

    def _store(self, channel: Channel, hello: dict[str, Any]) -> None:
        channel.send(ok=True)
        while (frame := channel.receive()) is not None:
            answer, payload = self.store.answer(*frame)
            channel.send(payload, **answer)


def main() -> None:
    """``python server.py --host HOST --port PORT``: says ``ready PORT``, or ``failed WHY`` (``taken WHY`` where
    another listens there), and serves."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--quit-alone", action="store_true", help="end when all connections have")
    options = parser.parse_args()
    try:
        family = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((options.host, options.port), family=family, backlog=1024)
    except OSError as error:
        word = "taken" if error.errno == errno.EADDRINUSE else "failed"
        print(f"{word} {error.strerror or error}", flush=True)
        return
    print(f"ready {listener.getsockname()[1]}", flush=True)
    sys.stdout.close()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)  # whoever reads what the rank says that started this waits for all that hold its stderr
    server = Server(os.environ.pop("WENGERT_DISTRIBUTED_TOKEN", ""), options.quit_alone)
    threading.excepthook = server.breaks
    signal.signal(signal.SIGTERM, lambda number, frame: server.end())
    server.serve(listener)


if __name__ == "__main__":
    main()
