"""How ranks find each other: every method, several launchers, `spawn`; and who does not come is named."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.distributed.ranks import PROGRAMS, Mark, ends, eventually, free_port, launch, started


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return started([sys.executable, str(PROGRAMS / "meeting.py"), *arguments], **environment)


@pytest.mark.parametrize("how", ["tcp", "file", "env", "store", "file store", "prefix store"])
def test_ranks_that_are_started_one_by_one_meet(how: str, tmp_path: Path) -> None:
    port = free_port()
    where = {"tcp": f"tcp://127.0.0.1:{port}", "file": f"file://{tmp_path}/meet", "env": "", "store": port,
             "file store": f"{tmp_path}/keys", "prefix store": port}[how]
    found = ends([start(how, str(rank), "2", where, MASTER_ADDR="127.0.0.1", MASTER_PORT=port, RANK=str(rank),
                        WORLD_SIZE="2") for rank in (1, 0)])
    assert [out for _, out, _ in found] == ["1 2 1.0\n", "0 2 1.0\n"], found


def test_who_does_not_come_is_named() -> None:
    [(code, _, err)] = ends([start("tcp", "0", "3", f"tcp://127.0.0.1:{free_port()}", "1.5")])
    assert code == 1 and "3 ranks were expected within 1.5 s" in err and "ranks 1, 2 did not come" in err, err


def test_rank_0_does_not_come() -> None:
    [(code, _, err)] = ends([start("tcp", "1", "2", f"tcp://127.0.0.1:{free_port()}", "1")])
    assert code == 1 and "a server of rank 0 was expected at 127.0.0.1:" in err, err


def test_a_wrong_token_is_refused() -> None:
    where = f"tcp://127.0.0.1:{free_port()}"
    found = ends([start("tcp", "0", "2", where, "3", WENGERT_DISTRIBUTED_TOKEN="a"),
                  start("tcp", "1", "2", where, "3", WENGERT_DISTRIBUTED_TOKEN="b")])
    assert "ranks 1 did not come" in found[0][2].replace("rank 1 did", "ranks 1 did")
    assert "the token was not the server's" in found[1][2]


def test_a_rank_that_is_there_already_is_refused() -> None:
    where = f"tcp://127.0.0.1:{free_port()}"
    found = ends([start("tcp", "0", "3", where, "4"), start("tcp", "1", "3", where, "4"),
                  start("tcp", "1", "3", where, "4")])
    assert sum("rank 1 is there already" in err for _, _, err in found) == 1, found


SUM = """import os, torch, torch.distributed as dist
dist.init_process_group()
x = torch.ones(1)
dist.all_reduce(x)
print(x.item(), dist.get_rank(), os.environ["LOCAL_RANK"], os.environ["GROUP_RANK"])
"""


@pytest.mark.parametrize("numbered", [True, False])
def test_two_launchers_make_one_world(numbered: bool, tmp_path: Path) -> None:
    program = tmp_path / "sum.py"
    program.write_text(SUM)
    command = [sys.executable, "-m", "wengert.distributed.run", "--nnodes=2", "--nproc_per_node=1",
               "--rdzv_backend=c10d", "--rdzv_id=job", f"--rdzv_endpoint=127.0.0.1:{free_port()}"]
    found = ends([started([*command, *(["--node-rank", str(node)] if numbered else []), str(program)])
                  for node in (0, 1)])
    said = [out for _, out, _ in found]
    assert (said if numbered else sorted(said)) == ["[0] 2.0 0 0 0\n", "[1] 2.0 1 0 1\n"], found


def test_a_launcher_too_many_is_refused(tmp_path: Path) -> None:
    program = tmp_path / "waits.py"
    program.write_text("import time\ntime.sleep(60)\n")
    command = [sys.executable, "-m", "wengert.distributed.run", "--nnodes=2", "--nproc_per_node=1",
               f"--rdzv_endpoint=127.0.0.1:{free_port()}", str(program)]
    first, second = started(command), started(command)
    third = started(command)
    assert eventually(lambda: any(each.poll() is not None for each in (first, second, third)), 120)
    ended = [each for each in (first, second, third) if each.poll() is not None]
    for each in (first, second, third):
        each.terminate()
    [refused] = ends(ended)
    ends([each for each in (first, second, third) if each not in ended])
    assert refused[0] == 2, refused
    assert "as many launchers as machines, 2, were expected; this is number 3" in refused[2], refused


def spawned(*arguments: str) -> subprocess.CompletedProcess[str]:
    mark = Mark()
    command = [sys.executable, "-m", "wengert", "run", str(PROGRAMS / "spawning.py"), free_port(), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=mark.environment())
    assert eventually(lambda: mark.processes() == []), mark.processes()  # the server ends when nobody is connected
    return done


def test_spawn() -> None:
    done = spawned()
    assert done.returncode == 0 and re.fullmatch(r"-?\d+\.\d{6}\n", done.stdout), done


def test_spawn_says_what_was_raised() -> None:
    done = spawned("fails")
    assert done.returncode == 1 and "ValueError: bad luck" in done.stderr, done


@pytest.mark.parametrize(("ignored", "sent"), [
    ((), [signal.SIGTERM]), ((), [signal.SIGINT]), ((), [signal.SIGHUP]), ((), [signal.SIGINT, signal.SIGTERM]),
    ((signal.SIGINT,), [signal.SIGTERM]),  # as a shell's script starts what ends with &
    ((signal.SIGINT, signal.SIGHUP), [signal.SIGHUP, signal.SIGINT, signal.SIGTERM]),  # and nohup
])
def test_a_signal_ends_all_ranks(ignored: tuple[signal.Signals, ...], sent: list[signal.Signals], tmp_path: Path
                                 ) -> None:
    program = tmp_path / "sleeps.py"
    program.write_text("import time, torch.distributed as dist\ndist.init_process_group()\nprint('here')\n"
                       "time.sleep(60)\n")
    mark = Mark()
    code = "import runpy, signal, sys\n" + "".join(f"signal.signal({int(each)}, signal.SIG_IGN)\n" for each in ignored)
    command = [sys.executable, "-c", code + "runpy.run_module('wengert', run_name='__main__')", "launch",
               "--nproc-per-node", "2", str(program)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=mark.environment())
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.readline()
    assert len(mark.processes()) == 4  # the launcher, the server and the ranks
    for number in sent:
        assert process.poll() is None
        process.send_signal(number)
        if number in ignored:
            time.sleep(0.3)
            assert len(mark.processes()) == 4
    began = time.monotonic()
    assert process.wait(20) == 130 and time.monotonic() - began < 10
    process.stdout.close()
    assert mark.processes() == []


SPEAKS = """import os, sys
from torch.distributed.elastic.multiprocessing.errors import record
@record
def main():
    print('rank', os.environ['RANK'], os.environ['OMP_NUM_THREADS'], sys.argv[1:])
    print('loss of', os.environ['RANK'], file=sys.stderr)
    if os.environ['RANK'] == '1' and 'fails' in sys.argv:
        raise ValueError('bad luck')
main()
"""


@pytest.fixture
def speaks(tmp_path: Path) -> Path:
    program = tmp_path / "speaks.py"
    program.write_text(SPEAKS)
    return program


def attempt(folder: Path, number: int = 0) -> Path:
    [run] = folder.iterdir()
    assert run.name.startswith("job_")
    return run / f"attempt_{number}"


def test_output_in_files_and_of_some_ranks(speaks: Path, tmp_path: Path) -> None:
    done = launch(speaks, "--x", "1", options=("--local-ranks-filter", "1", "--log-dir", str(tmp_path / "logs"),
                                               "--rdzv-id", "job"))
    threads = max(1, len(os.sched_getaffinity(0)) // 2) if "OMP_NUM_THREADS" not in os.environ else None
    wanted = f"rank 1 {threads or os.environ['OMP_NUM_THREADS']} ['--x', '1']"
    assert done.out == f"[1] {wanted}\n" and done.err == "[1] loss of 1\n", done
    files = attempt(tmp_path / "logs")
    assert (files / "0" / "stdout.log").read_text().startswith("rank 0")
    assert (files / "0" / "stderr.log").read_text() == "loss of 0\n"


def test_output_in_files_alone_of_a_rank_that_fails(speaks: Path, tmp_path: Path) -> None:
    """Rank 0's standard output and all of rank 1's; what is shown of words that are asked for is in a file too."""
    done = launch(speaks, "fails", options=("--redirects", "0:1,1:3", "--tee", "0:2", "--log-dir", str(tmp_path / "l"),
                                            "--duplicate-stderr-filters", "loss,,,nothing", "--rdzv-id", "job",
                                            "--max-restarts", "1", "--duplicate-stdout-filters", "rank"))
    files = attempt(tmp_path / "l", 1)
    failed = [line for line in done.err.splitlines() if line.startswith("wengert launch: rank 1 ")]
    assert done.code == 1 and done.out == "" and "Traceback" not in done.err and len(failed) == 2, done
    assert f"what it said is in {files / '1' / 'stdout.log'} and {files / '1' / 'stderr.log'}" in failed[1], done
    assert "ValueError: bad luck" in (files / "1" / "stderr.log").read_text()
    assert json.loads((files / "1" / "error.json").read_text())["message"]["message"] == "ValueError: bad luck"
    assert {path.name for path in (files / "0").iterdir()} == {"stdout.log", "stderr.log"}
    assert (files / "filtered_stdout.log").read_text() == "" == (files / "filtered_stderr.log").read_text()
    assert attempt(tmp_path / "l", 0).is_dir()


WAITS_FOR_A_SIGNAL = """import os, signal, sys, time
def heard(number, frame):
    time.sleep(2)
    print('heard', signal.Signals(number).name, flush=True)
    sys.exit(0)
signal.signal(signal.SIGUSR1, heard)
print('here', flush=True)
time.sleep(60)
"""


def test_a_signal_is_passed_on_and_time_is_given_to_end(tmp_path: Path) -> None:
    program = tmp_path / "waits.py"
    program.write_text(WAITS_FOR_A_SIGNAL)
    job = started([sys.executable, "-m", "wengert", "launch", "--signals-to-handle", "SIGTERM,SIGUSR1",
                   "--shutdown-timeout", "20", str(program)], TORCHELASTIC_LOG_LINE_PREFIX_TEMPLATE="<${role_name}> ")
    assert job.stdout is not None and job.stdout.readline() == "<default> here\n"
    job.send_signal(signal.SIGUSR1)
    assert ends([job], 30) == [(130, "<default> heard SIGUSR1\n", "")]
