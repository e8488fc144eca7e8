"""Generated code on disk: what is kept, what is trusted, and what processes that share it do to each other."""

from __future__ import annotations

import ctypes
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wengert.compiler import cache, code, jit

ROOT = Path(__file__).parent.parent
PROGRAM = """
import numpy as np
from wengert.compiler import kernels
kernel = kernels.compile_elementwise(lambda b, x: b.exp(b.mul(x, {factor})), "float32")
x = np.linspace(-1, 1, 100_000, dtype=np.float32)
np.testing.assert_allclose(kernel(np.empty_like(x), x), np.exp(x * np.float32({factor})), rtol=1e-6)
print(kernels.statistics.compiled, kernels.statistics.cache_hits)
"""


def start(program: str, folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "WENGERT_CACHE_DIR": str(folder), "PYTHONPATH": str(ROOT), "WENGERT_NUM_THREADS": "2"}
    return subprocess.Popen([sys.executable, "-W", "always", "-c", program], env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    return out.strip(), err


def run(program: str, folder: Path) -> tuple[str, str]:
    return finish(start(program, folder))


@pytest.fixture(scope="module")
def _filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    assert run(PROGRAM.format(factor=1), folder)[0] == "2 0"
    return folder


@pytest.fixture
def warm(_filled: Path, tmp_path: Path) -> Path:
    """A folder with what `PROGRAM` needs."""
    return Path(shutil.copytree(_filled, tmp_path / "warm"))


def objects(folder: Path) -> list[Path]:
    return sorted(folder.glob("*" + cache.SUFFIX))


def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    program = PROGRAM.format(factor=1)
    assert run(program, tmp_path)[0] == "2 0"  # the kernel, and the code that shares it among threads
    assert len(objects(tmp_path)) == 2
    assert run(program, tmp_path)[0] == "0 2"
    assert run(PROGRAM.format(factor=2), tmp_path)[0] == "1 1"


def test_corrupted_files_are_made_again(warm: Path) -> None:
    program = PROGRAM.format(factor=1)
    sound = [path.read_bytes() for path in objects(warm)]
    first, second = objects(warm)
    first.write_bytes(sound[0][:-100] + bytes([sound[0][-100] ^ 1]) + sound[0][-99:])
    second.write_bytes(sound[1][: len(sound[1]) // 2])
    assert run(program, warm)[0] == "2 0"
    assert [path.read_bytes() for path in objects(warm)] == sound
    for path in objects(warm):
        path.write_bytes(b"")
    assert run(program, warm)[0] == "2 0"


TANH = """
import numpy as np, wengert as torch
x = np.linspace(-1, 1, 100_000, dtype=np.float32)
np.testing.assert_allclose(torch.{name}(torch.from_numpy(x)).numpy(), np.{name}(x), rtol=1e-5, atol=1e-7)
from wengert.compiler import kernels
print(kernels.statistics.compiled, kernels.statistics.cache_hits)
"""


def test_an_entry_under_the_name_of_another_is_made_again(tmp_path: Path) -> None:
    assert run(TANH.format(name="exp"), tmp_path)[0] == "2 0"
    old = set(objects(tmp_path))
    assert run(TANH.format(name="tanh"), tmp_path)[0] == "1 1"
    (mine,) = set(objects(tmp_path)) - old
    sound = mine.read_bytes()
    for other in old:
        mine.write_bytes(other.read_bytes())
        assert run(TANH.format(name="tanh"), tmp_path)[0] == "1 1"
        assert mine.read_bytes() == sound


def test_an_object_that_cannot_be_linked_is_made_again(warm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = PROGRAM.format(factor=1)
    first, second = objects(warm)
    sound = [path.read_bytes() for path in (first, second)]
    monkeypatch.setenv("WENGERT_CACHE_DIR", str(warm))
    cache.write(first.stem, b"no object")
    without_kernel = jit.engine().compile("define void @other() { ret void }")
    cache.write(second.stem, without_kernel)
    assert cache.read(second.stem) == without_kernel
    assert run(program, warm)[0] == "2 0"
    assert [path.read_bytes() for path in (first, second)] == sound
    assert run(program, warm)[0] == "0 2"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such files here")
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "huge"])
def test_what_is_no_ordinary_file_is_no_hang(kind: str, warm: Path) -> None:
    for path in objects(warm):
        path.unlink()
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "device":
            path.symlink_to("/dev/zero")
        elif kind == "folder":
            path.mkdir()
        else:
            with open(path, "wb") as file:
                file.truncate(2**42)
    out, errors = run(PROGRAM.format(factor=1), warm)
    assert out == "2 0"
    assert errors.count("WENGERT_CACHE_DIR") == (kind == "folder")
    assert all(path.is_file() and not path.is_symlink() for path in objects(warm)) == (kind != "folder")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owner here")
def test_files_that_others_may_have_written_are_not_trusted(warm: Path) -> None:
    program = PROGRAM.format(factor=1)
    for path in objects(warm):
        path.chmod(0o666)
    assert run(program, warm)[0] == "2 0"
    assert {stat.S_IMODE(path.stat().st_mode) for path in objects(warm)} == {0o600}
    if os.geteuid() == 0:
        for path in objects(warm):
            os.chown(path, 12_345, -1)
        assert run(program, warm)[0] == "2 0"
    assert run(program, warm)[0] == "0 2"


def test_a_full_disk_is_said_once_and_leaves_nothing(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    assert resource is not None
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))"
    out, errors = run(limit + PROGRAM.format(factor=1), tmp_path)
    assert out == "2 0"
    assert errors.count("WENGERT_CACHE_DIR") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_only_be_read_serves(warm: Path) -> None:
    warm.chmod(0o500)
    try:
        out, errors = run(PROGRAM.format(factor=1), warm)
    finally:
        warm.chmod(0o700)
    assert (out, errors) == ("0 2", "")


def test_what_killed_writers_leave_goes_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WENGERT_CACHE_DIR", str(tmp_path))
    for name, age in ((".new-old", 2 * cache.ABANDONED_AFTER), (".new-young", 0)):
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    cache.sweep()
    assert [path.name for path in tmp_path.iterdir()] == [".new-young"]


def test_an_interrupted_writer_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WENGERT_CACHE_DIR", str(tmp_path))

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cache.write("key", b"object")
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_that_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    out, err = run(PROGRAM.format(factor=1), tmp_path / "file" / "below")
    assert out == "2 0"
    assert err.count("WENGERT_CACHE_DIR") == 1


def test_processes_that_write_the_same_files(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "cache"
    crew = [start(PROGRAM.format(factor=1), folder) for _ in range(4)]
    for process in crew:
        assert finish(process)[0] in ("2 0", "1 1", "0 2")
    assert len(objects(folder)) == 2 and not list(folder.glob(".new-*"))
    assert run(PROGRAM.format(factor=1), folder)[0] == "0 2"


def test_the_cache_is_capped_and_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WENGERT_CACHE_DIR", str(tmp_path / "cache"))
    assert cache.clear_cache() == 0
    for age, key in enumerate("abcd"):
        cache.write(key, key.encode() * 1000)
        os.utime(tmp_path / "cache" / (key + cache.SUFFIX), (10**9 - age, 10**9 - age))
    assert cache.read("d") == b"d" * 1000  # and is now the one used last
    cache.sweep(limit=2500)
    assert [path.stem for path in objects(tmp_path / "cache")] == ["a", "d"]
    assert cache.read("b") is None
    assert cache.clear_cache() == 2
    assert cache.read("a") is None


def numbered(number: int) -> tuple[str, tuple[str, ...]]:
    """A module of a function that gives a number, and its name."""
    written = code.Code(f"number{number}", {}, "i64")
    written.done(code.word(number))
    return code.module(written), (written.name,)


def test_several_threads_compile_what_one_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, images = [], []
    for threads in (1, 3):
        monkeypatch.setenv("WENGERT_CACHE_DIR", str(tmp_path / str(threads)))
        libraries = jit.engine().load_all([numbered(n) for n in range(100, 107)], threads)
        found.append([ctypes.CFUNCTYPE(ctypes.c_int64)(library.addresses[f"number{n}"])()
                      for n, library in enumerate(libraries, start=100)])
        images.append({path.name: path.read_bytes() for path in (tmp_path / str(threads)).iterdir()})
    assert found == [[*range(100, 107)]] * 2
    assert images[0] == images[1] and len(images[0]) == 7
    before = jit.statistics.cache_hits
    jit.engine().load_all([numbered(n) for n in range(100, 108)], 3)
    assert jit.statistics.cache_hits == before + 7


def test_a_module_that_is_wrong_is_an_error_in_any_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WENGERT_CACHE_DIR", str(tmp_path))
    for place in range(3):
        modules = [numbered(n) for n in range(200, 203)]
        modules[place] = "define void @wrong() { ret i64 1 }", ("wrong",)
        with pytest.raises(RuntimeError, match="parsing error"):
            jit.engine().load_all(modules, 2)


def test_the_key_is_the_content() -> None:
    assert cache.key_of("ab", "c") != cache.key_of("a", "bc")
    assert cache.key_of("a", "b") == cache.key_of("a", "b")
    identity = jit.engine().identity
    assert f"emitter {code.EMITTER_VERSION}" in identity and jit.engine().cpu in identity


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_has_its_own_workers(tmp_path: Path) -> None:
    program = PROGRAM.format(factor=1) + """
import os, sys, warnings
from wengert.compiler import threads
threads.set_num_threads(3)
expected = kernel(np.empty_like(x), x)
big = np.tile(x, 20)
kernel(np.empty_like(big), big)
warnings.simplefilter("ignore")
child = os.fork()
if child == 0:
    same = np.array_equal(kernel(np.empty_like(big), big), np.tile(expected, 20))
    os._exit(0 if same and len(threads.pool()._workers) == 2 else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert run(program, tmp_path)[0].endswith("\n0")


def test_importing_needs_no_llvm(tmp_path: Path) -> None:
    program = "import sys, wengert.compiler.kernels; print('llvmlite' in sys.modules)"
    assert run(program, tmp_path)[0] == "False"
