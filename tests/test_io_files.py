"""What saving and loading leave behind, and say, when they are killed, the disk is full, or memory is short."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import wengert as torch
from wengert.io import CheckpointError, save_torch
from wengert.io.files import replacing

posix = pytest.mark.skipif(os.name != "posix", reason="needs locks and limits of POSIX")


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


@posix
def test_the_next_save_removes_what_killed_ones_left(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    (tmp_path / ".a.pt.0123456789ab.tmp").write_bytes(b"half")
    (tmp_path / ".b.pt.0123456789ab.tmp").write_bytes(b"another's")
    (tmp_path / ".a.pt.notes.tmp").write_bytes(b"somebody's")
    torch.save([1], path)
    assert names(tmp_path) == [".a.pt.notes.tmp", ".b.pt.0123456789ab.tmp", "a.pt"]


@posix
def test_what_is_being_written_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    program = (
        "import sys\nfrom wengert.io.files import replacing\n"
        "with replacing(sys.argv[1]) as file:\n file.write(b'slow')\n print(flush=True)\n input()"
    )
    slow = subprocess.Popen([sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert slow.stdout is not None and slow.stdin is not None
    slow.stdout.readline()
    torch.save([1], path)
    assert len(names(tmp_path)) == 2
    slow.communicate(b"\n")
    assert slow.returncode == 0 and path.read_bytes() == b"slow" and names(tmp_path) == ["a.pt"]


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "a"):
        1 / 0  # noqa: B018
    assert names(tmp_path) == []


def under_limit(limit: str, program: str, folder: Path) -> list[str]:
    """The lines that a program prints where a resource is short."""
    lines = ["import resource, wengert as torch", "from wengert.io import CheckpointError, save_torch",
             "x = {'x': torch.zeros(1000)}", limit]
    done = subprocess.run([sys.executable, "-c", "\n".join([*lines, program])], cwd=folder, capture_output=True,
                          text=True, check=True)
    return done.stdout.splitlines()


@posix
@pytest.mark.parametrize("write", ["torch.save", "save_torch"])
def test_a_disk_without_room(write: str, tmp_path: Path) -> None:
    torch.save([1], tmp_path / "a.pt")
    program = (
        f"try: {write}(x, 'a.pt')\nexcept CheckpointError as error:\n"
        " print(isinstance(error, OSError), error.errno)\n print(error)"
    )
    kind, message = under_limit("resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))", program, tmp_path)
    assert kind == "True 27" and message.startswith("[save] a disk with room") and "old file" in message
    assert names(tmp_path) == ["a.pt"] and torch.load(tmp_path / "a.pt") == [1]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_device() -> None:
    with pytest.raises(CheckpointError, match=r"^\[save\] a disk with room"):
        torch.save({"x": torch.zeros(10)}, "/dev/full")


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of memory that Linux keeps")
@pytest.mark.parametrize("write", [torch.save, save_torch], ids=["save", "save_torch"])
def test_short_of_memory(write: object, tmp_path: Path) -> None:
    write({"x": torch.zeros(50_000_000)}, tmp_path / "a.pt")  # type: ignore[operator]
    program = (
        "try: torch.load('a.pt')\nexcept CheckpointError as error:\n print(isinstance(error, MemoryError))\n"
        " print(error)"
    )
    limit = ("taken = 4096 * int(open('/proc/self/statm').read().split()[0]) + 100_000_000\n"
             "resource.setrlimit(resource.RLIMIT_AS, (taken, taken))")
    kind, message = under_limit(limit, program, tmp_path)
    assert kind == "True" and message.startswith("[load] memory for all tensors") and "damaged" not in message


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path: Path) -> None:
    for path, error in ((tmp_path, IsADirectoryError), (tmp_path / "none", FileNotFoundError)):
        with pytest.raises(error):
            torch.load(path)


@posix
def test_a_pipe_is_read_as_it_is(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "a.pt")
    program = "import wengert as torch; print(torch.load('/dev/stdin'))"
    with open(tmp_path / "a.pt", "rb") as file:
        done = subprocess.run([sys.executable, "-c", program], input=file.read(), capture_output=True, check=True)
    assert done.stdout == b"[1, 2]\n"


class Slotted:
    """What has slots, and a dict beside them or none."""

    __slots__ = ("value", "__dict__")


def test_objects_with_slots_load_by_consent(tmp_path: Path) -> None:
    given = Slotted()
    given.value, given.other = torch.ones(2), 3  # type: ignore[attr-defined]
    torch.save(given, tmp_path / "a.pt")
    with pytest.raises(CheckpointError):
        torch.load(tmp_path / "a.pt")
    with torch.serialization.safe_globals([Slotted]):
        back = torch.load(tmp_path / "a.pt")
    assert torch.equal(back.value, given.value) and back.other == 3


@pytest.mark.parametrize("form", [True, False])
@pytest.mark.parametrize("weights_only", [True, False])
def test_a_file_cut_anywhere_is_said_to_be_damaged(form: bool, weights_only: bool) -> None:
    file = io.BytesIO()
    torch.save([torch.arange(20.0), "a"], file, _use_new_zipfile_serialization=form)
    whole = file.getvalue()
    for size in range(0, len(whole), 7):
        with pytest.raises(CheckpointError):
            torch.load(io.BytesIO(whole[:size]), weights_only=weights_only)


def test_what_cannot_be_written_raises_both_classes(tmp_path: Path) -> None:
    for kind in (IsADirectoryError, RuntimeError):
        with pytest.raises(kind):
            torch.save(1, tmp_path)
    for other in (AttributeError, pickle.PicklingError):
        with pytest.raises(other):
            torch.save(lambda: 1, tmp_path / "a.pt")
