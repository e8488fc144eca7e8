"""The stores of keys and values: every kind does the same, across threads and processes, and waits no longer than it
was told."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from wengert import distributed as dist

SHORT = timedelta(seconds=0.1)


@pytest.fixture(params=["tcp", "file", "hash", "prefix"])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Any, Any]]:
    """A store, and another way to the same keys."""
    if request.param == "tcp":
        store: Any = dist.TCPStore("127.0.0.1", 0, is_master=True, timeout=timedelta(seconds=5))
    elif request.param == "file":
        store = dist.FileStore(str(tmp_path / "keys"), 2)
    else:
        store = dist.HashStore()
        store = dist.PrefixStore("inside", store) if request.param == "prefix" else store
    yield store, store.clone()


def later(action: Callable[[], Any]) -> threading.Timer:
    timer = threading.Timer(0.2, action)
    timer.start()
    return timer


def test_keys_and_values(both: tuple[Any, Any]) -> None:
    store, other = both
    at_first = store.num_keys()
    store.set("a", "1")
    assert other.get("a") == b"1" and other.check(["a"]) and not other.check(["a", "b"])
    store.set("a", b"\0\xff" * 1000)
    assert other.get("a") == b"\0\xff" * 1000
    assert store.add("n", 2) == 2 and other.add("n", -5) == -3 and other.get("n") == b"-3"
    store.append("x", "1")
    other.append("x", "2")
    assert store.get("x") == b"12"
    assert other.compare_set("x", "12", "3") == b"3" and store.compare_set("x", "nothing", "4") == b"3"
    assert other.compare_set("new", "", "5") == b"5" and store.compare_set("none", "6", "7") == b"6"
    assert store.num_keys() == at_first + 4 and not store.check(["none"])
    assert other.delete_key("x") and not store.delete_key("x") and not store.check(["x"])
    store.multi_set(["p", "q"], ["1", b"2"])
    assert other.multi_get(["q", "p"]) == [b"2", b"1"] and store.has_extended_api()
    assert {"a", "n", "new", "p", "q"} <= {key.rpartition("/")[2] for key in other.list_keys()}
    with pytest.raises(ValueError, match="a number was expected under"):
        store.add("a", 1)


def test_waiting(both: tuple[Any, Any]) -> None:
    store, other = both
    timer = later(lambda: other.multi_set(["late", "too"], ["x", "y"]))
    store.wait(["late", "too"])
    timer.join()
    timer = later(lambda: other.set("later", "z"))
    assert store.get("later") == b"z"
    timer.join()
    began = time.monotonic()
    with pytest.raises(dist.DistStoreError, match=r"keys were expected within 0.1 s; .*never did not come"):
        store.wait(["late", "never"], SHORT)
    store.set_timeout(SHORT)
    assert store.timeout == SHORT
    with pytest.raises(dist.DistStoreError, match="within 0.1 s; .*never did not come"):
        store.get("never")
    assert time.monotonic() - began < 10  # of the 30 s without a limit of their own


def test_queues(both: tuple[Any, Any]) -> None:
    store, other = both
    before = store.num_keys()
    assert store.queue_len("q") == 0
    store.queue_push("q", "1")
    other.queue_push("q", b"2")
    assert store.queue_len("q") == 2 and store.num_keys() == before
    assert other.queue_pop("q") == b"1" and store.queue_pop("q", block=False) == b"2"
    with pytest.raises(dist.QueueEmptyError, match="the queue is empty"):
        store.queue_pop("q", block=False)
    timer = later(lambda: other.queue_push("q", "3"))
    assert store.queue_pop("q") == b"3"
    timer.join()
    store.set_timeout(SHORT)
    with pytest.raises(dist.DistStoreError, match="within 0.1 s"):
        store.queue_pop("q")


def test_a_barrier(both: tuple[Any, Any]) -> None:
    store, other = both
    store.barrier("alone", 1)
    timer = later(lambda: other.barrier("both", 2, timedelta(seconds=5)))
    store.barrier("both", 2, timedelta(seconds=5))
    timer.join()
    with pytest.raises(dist.DistStoreError, match=r"within 0.1 s"):
        store.barrier("nobody", 2, SHORT)


def test_many_threads_add(both: tuple[Any, Any]) -> None:
    threads = [threading.Thread(target=lambda store=store: [store.add("n", 1) for _ in range(25)])
               for store in both * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert both[0].add("n", 0) == 100


def test_the_class_alone_keeps_nothing() -> None:
    for call in (lambda: dist.Store().set("a", "1"), lambda: dist.Store().clone()):
        with pytest.raises(NotImplementedError, match="the class Store alone keeps nothing"):
            call()


ADDS = """import sys, wengert.distributed as dist
store = dist.FileStore(sys.argv[1], 3)
for _ in range(50):
    store.add("n", 1)
store.set(f"done {sys.argv[2]}", "")
"""


def test_a_file_is_shared_by_processes_and_goes_with_the_last(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    store = dist.FileStore(str(path), 3)
    ranks = [subprocess.Popen([sys.executable, "-c", ADDS, str(path), str(rank)]) for rank in range(2)]
    store.wait(["done 0", "done 1"], timedelta(seconds=20))
    assert [rank.wait(20) for rank in ranks] == [0, 0] and store.add("n", 0) == 100
    assert path.stat().st_mode & 0o777 == 0o600
    del store
    assert not path.exists()


def test_a_writer_that_was_killed_leaves_the_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    store, other = dist.FileStore(str(path)), dist.FileStore(str(path))
    store.set("a", "1")
    with path.open("ab") as file:
        file.write(b"\0\0\0\x40\0\0")  # the beginning of a frame
    assert other.get("a") == b"1"
    other.set("b", "2")
    assert store.get("b") == b"2" and dist.FileStore(str(path)).multi_get(["a", "b"]) == [b"1", b"2"]


def test_a_path_that_cannot_be_written_is_named() -> None:
    with pytest.raises(dist.DistStoreError, match="a file that can be read and written was expected at /no/where"):
        dist.FileStore("/no/where", 1)


def test_stores_reach_other_processes(tmp_path: Path) -> None:
    tcp = dist.TCPStore("127.0.0.1", 0, is_master=True, timeout=timedelta(seconds=5))
    for store in (tcp, dist.FileStore(str(tmp_path / "keys"))):
        store.set("a", "1")
        copy = pickle.loads(pickle.dumps(store))
        assert copy.get("a") == b"1" and type(copy) is type(store)
    assert repr(tcp) == f"TCPStore(127.0.0.1:{tcp.port})"


def test_a_child_that_is_forked_off_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    store = dist.FileStore(str(path), 1)
    child = os.fork()
    if child == 0:
        store.__del__()
        os._exit(0)
    os.waitpid(child, 0)
    assert path.exists()


@pytest.mark.parametrize("number", [19, 9])  # SIGSTOP and SIGKILL
def test_a_server_that_does_not_answer_is_an_error(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wengert.distributed.store.ANSWERS_WITHIN", 0.5)
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, timeout=timedelta(seconds=2))
    assert store._server is not None
    store._server.process.send_signal(number)
    time.sleep(0.1)
    began = time.monotonic()
    with pytest.raises(dist.DistNetworkError, match=r"an answer of the store at .* was expected|is gone"):
        store.set("a", "1")
    with pytest.raises(dist.DistNetworkError):
        store.get("a")
    assert time.monotonic() - began < 5
    store._server.process.kill()
