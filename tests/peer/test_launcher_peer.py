"""The launcher's options beside those of PyTorch's: each is there by each of its names, with its default, and works or
is refused with a reason."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch.distributed.run as theirs

from wengert.distributed import run as ours
from wengert.distributed.plan import Plan

THEIRS = {action.dest: action for action in theirs.get_args_parser()._actions}
OURS = {action.dest: action for action in ours.get_args_parser()._actions}
OTHER_DEFAULTS = {
    "nnodes": "1",  # theirs is a range of 1:1
    "node_rank": None,  # they find out who is the first
    "duplicate_stdout_filters": "", "duplicate_stderr_filters": "",  # which is parsed to theirs
}


@pytest.mark.parametrize("name", THEIRS)
def test_an_option(name: str) -> None:
    assert set(THEIRS[name].option_strings) <= set(OURS[name].option_strings)
    assert OURS[name].default == OTHER_DEFAULTS.get(name, THEIRS[name].default)
    assert OURS[name].nargs == THEIRS[name].nargs or THEIRS[name].nargs is None, name
    assert THEIRS[name].choices is None or list(OURS[name].choices or ()) == list(THEIRS[name].choices)


def test_no_option_is_of_our_own() -> None:
    assert OURS.keys() == THEIRS.keys()


VALUES = {
    "nnodes": ["1", "1:1"], "nproc_per_node": ["2", "auto", "cpu"], "rdzv_backend": ["static", "c10d"],
    "rdzv_endpoint": ["localhost:0", "127.0.0.1"], "rdzv_id": ["a"], "rdzv_conf": ["timeout=5", "is_host=1"],
    "standalone": [None], "max_restarts": ["2"], "monitor_interval": ["0.5"], "start_method": ["fork", "forkserver"],
    "event_log_handler": ["null"], "role": ["trainer"], "module": [None], "no_python": [None], "run_path": [None],
    "log_dir": ["x"], "redirects": ["3", "0:1,1:2"], "tee": ["1", "0:3"], "local_ranks_filter": ["0,1"],
    "duplicate_stdout_filters": ["a,b"], "duplicate_stderr_filters": ["a"], "node_rank": ["0"],
    "master_addr": ["127.0.0.1"], "master_port": ["29500"], "local_addr": ["127.0.0.1"], "logs_specs": ["default"],
    "signals_to_handle": ["SIGTERM,SIGUSR1"], "shutdown_timeout": ["3"], "virtual_local_rank": [None],
}
REFUSED = {"numa_binding": ["node", "socket", "exclusive", "core-complex"], "event_log_handler": ["console"],
           "rdzv_backend": ["etcd", "etcd-v2"], "logs_specs": ["mine"], "nproc_per_node": ["gpu", "xpu"]}


def parsed(parser: argparse.ArgumentParser, name: str, value: str | None) -> argparse.Namespace:
    option = f"--{name.replace('_', '-')}"
    return parser.parse_args([option, *([] if value is None else [value]), "train.py", "--lr", "1"])


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in VALUES.items() for value in values])
def test_a_value_is_parsed_as_theirs_and_works(name: str, value: str | None) -> None:
    mine, its = parsed(ours.get_args_parser(), name, value), parsed(theirs.get_args_parser(), name, value)
    assert getattr(mine, name) == getattr(its, name)
    assert (mine.training_script, mine.training_script_args) == (its.training_script, its.training_script_args)
    Plan(mine)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in REFUSED.items() for value in values])
def test_a_value_is_refused_with_a_reason(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=rf"argument --{name.replace('_', '-')}: .* expected.*; got {value}"):
        Plan(parsed(ours.get_args_parser(), name, value))


def test_no_option_is_left_out_above() -> None:
    assert VALUES.keys() | REFUSED.keys() == THEIRS.keys() - {"help", "training_script", "training_script_args"}


SPEAKS = "import os, sys\nprint('out', os.environ['LOCAL_RANK'])\nprint('err', file=sys.stderr)\n"


def files_of(folder: Path) -> dict[str, str]:
    """The files below the one folder of a run, and what they hold."""
    [run] = folder.iterdir()
    return {str(path.relative_to(run)): path.read_text() for path in run.rglob("*") if path.is_file()}


@pytest.mark.parametrize("options", [("--redirects", "0:3,1:2"), ("--redirects", "1", "--tee", "1:2"),
                                     ("--tee", "3", "--local-ranks-filter", "1")])
def test_the_same_files_and_the_same_on_the_screen(options: tuple[str, ...], tmp_path: Path) -> None:
    program = tmp_path / "speaks.py"
    program.write_text(SPEAKS)
    found = []
    for module in ("wengert.distributed.run", "torch.distributed.run"):
        folder = tmp_path / module
        done = subprocess.run([sys.executable, "-m", module, "--nproc-per-node", "2", "--rdzv-id", "job", "--log-dir",
                               str(folder), *options, str(program)], capture_output=True, text=True, timeout=120,
                              check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        shown = [sorted(re.findall(r"^(?:\[(?:default)?\d\]:? ?)?(out \d|err)$", said, re.MULTILINE))
                 for said in (done.stdout, done.stderr)]
        found.append((files_of(folder), shown))
    assert found[0] == found[1]
