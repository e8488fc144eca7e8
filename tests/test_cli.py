"""The command `wengert`: its options, its errors and exit codes, on a terminal, in a pipe and when interrupted."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios
from importlib import util
from pathlib import Path

import pytest

import wengert
from wengert import cli

COMMAND = [sys.executable, "-m", "wengert.cli"]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of the command, run in this process."""
    try:
        code = cli.main(arguments)
    except SystemExit as stop:
        code = stop.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version") == (0, f"wengert {wengert.__version__}\n", "")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["demo", "--help"]])
def test_help(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, err) == (0, "")
    assert out.startswith("usage: wengert")


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ("demo --epochs -3", "--epochs"),
        ("demo --epochs 0", "--epochs"),
        ("demo --epochs 2.5", "--epochs"),
        ("demo --epochs", "--epochs"),
        ("demo --lr nan", "--lr"),
        ("demo --lr abc", "--lr"),
        ("demo --lr 0", "--lr"),
        ("demo --lr=-inf", "--lr"),
        ("demo --seed -1", "--seed"),
        ("demo --seed 18446744073709551616", "--seed"),
        ("demo --seed 1e3", "--seed"),
        ("demo --out /dev/null/pictures", "--out"),
        ("demo --speed 3", "--speed"),
        ("demo extra", "extra"),
        ("dem", "dem"),
    ],
)
def test_a_bad_value_gets_one_line_and_code_2(
    capsys: pytest.CaptureFixture[str], arguments: str, names: str
) -> None:
    code, out, err = run(capsys, *arguments.split())
    assert (code, out) == (2, "")
    assert err.count("\n") == 1 and names in err


def test_out_may_not_be_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    code, _, err = run(capsys, "demo", "--out", str(tmp_path / "taken"))
    assert code == 2 and err.count("\n") == 1 and str(tmp_path / "taken") in err
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.parametrize("module", ["matplotlib", "tqdm"])
def test_a_missing_extra_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, module: str
) -> None:
    find = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name: None if name == module else find(name))
    code, out, err = run(capsys, "demo", "--out", str(tmp_path))
    assert (code, out) == (1, "")
    assert err == f"wengert demo: the demo needs {module}: pip install 'wengert[demo]'\n"


def test_piped_output_has_no_bar_and_fits_an_ascii_terminal(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "demo", "--epochs", "3", "--lr", "0.1", "--out", str(tmp_path / "new" / "folder")],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"+- da/dv = 1 -- v = u + b = 7" in done.stdout
    assert done.stdout.count(b"0.12142") == 3
    assert {path.name for path in (tmp_path / "new" / "folder").iterdir()} == {
        "loss.png", "decision.png", "graph.svg", "graph.html", "adaline.svg", "adaline.html"}


def test_a_terminal_sees_a_progress_bar(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    os.set_blocking(ours, False)
    with subprocess.Popen(
        [*COMMAND, "demo", "--epochs", "2", "--out", str(tmp_path)], stdout=subprocess.PIPE, stderr=theirs
    ) as process:
        out, _ = process.communicate(timeout=60)
    shown = os.read(ours, 1 << 16)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0
    assert b"| 0/2 [" in shown
    assert b"| 0/2 [" not in out


def test_an_interrupt_gets_one_line_and_code_130(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "demo", "--epochs", "1000000", "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        while b"0.38849" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"wengert: interrupted\n")


def test_a_reader_that_stops_reading_is_no_error(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "demo", "--epochs", "5000", "--out", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
        process.wait(timeout=60)
    assert (process.returncode, err) == (1, b"")


def test_a_picture_that_cannot_be_written_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "loss.png").mkdir()
    done = subprocess.run([*COMMAND, "demo", "--epochs", "1", "--out", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == f"wengert demo: cannot write {tmp_path / 'loss.png'}: Is a directory\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_gets_one_line(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, "demo", "--epochs", "1", "--out", str(tmp_path)], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    assert done.stderr == "wengert demo: cannot write standard output: No space left on device\n"
