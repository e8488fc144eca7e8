"""What of several processes needs no MPI: stores, the launcher's options, buckets, what is said before the
beginning."""

from __future__ import annotations

import argparse
import os

import pytest

import wengert as torch
from wengert import distributed as dist
from wengert.distributed import environment
from wengert.distributed import run as launcher
from wengert.distributed.channel import connect
from wengert.distributed.reducer import MEGABYTE, cut
from wengert.distributed.start import start_server


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    launcher.add_options(parser)
    return parser.parse_args(arguments)


def test_the_launchers_environment() -> None:
    plan = launcher.Plan(options("--nnodes", "2", "--node_rank=1", "--nproc-per-node", "3", "--rdzv-endpoint", "a:5",
                                 "--rdzv_id", "job", "train.py", "--lr", "1"))
    found = plan.environment(2, 5, "secret", 0)
    assert {name: found[name] for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK",
                                           "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RUN_ID")} == {
        "RANK": "5", "LOCAL_RANK": "2", "WORLD_SIZE": "6", "LOCAL_WORLD_SIZE": "3", "GROUP_RANK": "1",
        "MASTER_ADDR": "a", "MASTER_PORT": "5", "TORCHELASTIC_RUN_ID": "job"}
    assert plan.command()[1:] == ["-m", "wengert", "run", "train.py", "--lr", "1"]
    assert launcher.Plan(options("--no-python", "echo", "a")).command() == ["echo", "a"]
    assert launcher.Plan(options("-m", "package.train")).command()[-2:] == ["-m", "package.train"]
    assert launcher.Plan(options("--nproc-per-node", "auto", "x.py")).local >= 1


@pytest.mark.parametrize(("arguments", "words"), [
    (("--nproc-per-node", "gpu", "x.py"), "got gpu, of which there is none"),
    (("--nproc-per-node", "0", "x.py"), "--nproc-per-node: a whole number, 1 or more, was expected; got '0'"),
    (("--nnodes", "2", "x.py"), "--rdzv-endpoint: HOST:PORT of the first machine is needed"),
    (("--nnodes", "2", "--node-rank", "2", "x.py"), "a number from 0 to 1 was expected; got 2"),
    (("--nnodes", "2", "--node-rank", "1", "x.py"), "--rdzv-endpoint: HOST:PORT of the first machine is needed"),
    (("--nnodes", "2", "--standalone", "--node-rank", "1", "x.py"), "--standalone: one machine was expected"),
    (("--max-restarts", "-1", "x.py"), "--max-restarts"),
    (("--rdzv-backend", "etcd-v2", "x.py"), "static or c10d was expected; got etcd-v2"),
    (("--rdzv-conf", "join_timeout", "x.py"), "KEY=VALUE,... was expected, .*; got 'join_timeout'"),
    (("--rdzv-conf", "join_timeout=soon", "x.py"), "a whole number, 1 or more, was expected; got 'soon'"),
    (("--rdzv-conf", "is_host=perhaps", "x.py"), "true or false was expected; got 'perhaps'"),
    (("--redirects", "4", "x.py"), "--redirects: a number from 0 to 3, or RANK:NUMBER,..., was expected; got '4'"),
    (("--tee", "0:3;1:1", "x.py"), "--tee: a number from 0 to 3"),
    (("--local-ranks-filter", "0-2", "x.py"), "--local-ranks-filter: numbers of ranks"),
    (("--signals-to-handle", "SIGTERM,SIGKILL", "x.py"), "that can be handled, such as SIGTERM, were expected; got "
                                                         "'SIGKILL'"),
    (("--local-addr", "192.0.2.7", "x.py"), r"an address of this machine was expected, .*127\.0\.0\.1.*; got 192"),
    (("--event-log-handler", "console", "x.py"), "null was expected; got console"),
    (("--logs-specs", "mine", "x.py"), "default was expected; got mine"),
    (("--numa-binding", "node", "x.py"), "beside their GPUs, and wengert has none"),
    (("--no-python", "-m", "x"), "a program to be run by Python was expected; got --no-python too"),
])
def test_options_that_make_no_sense(arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        launcher.Plan(options(*arguments))


def test_options_that_say_where_and_how() -> None:
    plan = launcher.Plan(options("--nproc-per-node", "2", "--local-addr", "127.0.0.1", "--virtual-local-rank",
                                 "--rdzv-conf", "join_timeout=7,is_host=true,read_timeout=3", "--run-path",
                                 "--no-python", "/tmp/x.py", "--device", "${local_rank}"))
    assert plan.environment(1, 5, "", 0)["LOCAL_RANK"] == "0" and plan.environment(1, 5, "", 0)["RANK"] == "1"
    assert plan.environment(1, 5, "", 0)["UCX_NET_DEVICES"] == "lo" and plan.host == "127.0.0.1"
    assert plan.command(1)[1:] == ["-m", "wengert", "run", "/tmp/x.py", "--device", "1"] and plan.patience == 7
    other = launcher.Plan(options("--nnodes", "1:2", "--rdzv-endpoint", "a:1", "--rdzv-conf", "is_host=0", "x.py"))
    assert other.nodes == 2 and other.node is None and not other.may_be_first
    assert launcher.Plan(options("--nnodes", "2", "--rdzv-endpoint", "a:1", "--rdzv-conf", "is_host=1", "x")).node == 0
    assert launcher.Plan(options("--rdzv-endpoint", "[::1]:5", "x.py")).host == "::1"


def test_the_environment_gives_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PET_NPROC_PER_NODE", "3")
    monkeypatch.setenv("PET_NO_PYTHON", "1")
    monkeypatch.setenv("PET_MODULE", "0")
    plan = launcher.Plan(options("echo", "a"))
    assert plan.local == 3 and plan.command() == ["echo", "a"]
    assert launcher.Plan(options("--nproc-per-node", "2", "echo")).local == 2


def test_who_does_not_know_the_token_is_refused() -> None:
    server = start_server("127.0.0.1", 0, "secret")
    try:
        with pytest.raises(PermissionError, match="the token was not the server's"):
            connect("127.0.0.1", server.port, "guess", 5.0, kind="store")
        user = connect("127.0.0.1", server.port, "secret", 5.0, kind="store")  # a server that nobody uses is waited for
        with pytest.raises(dist.DistNetworkError, match="a free port was expected at 127.0.0.1"):
            start_server("127.0.0.1", server.port, "secret")
        user.close()
    finally:
        server.process.kill()
        server.process.wait()


def test_machines_in_slurms_words() -> None:
    assert list(environment.hosts_of("node[01-03,7],login,x[1-2]y[3,4]")) == [
        "node01", "node02", "node03", "node7", "login", "x1y3", "x1y4", "x2y3", "x2y4"]


@pytest.mark.parametrize(("variables", "by_mpi", "rank", "size"), [
    ({"RANK": "1", "WORLD_SIZE": "2", "PMI_RANK": "0", "PMI_FD": "5"}, False, "1", "2"),
    ({"PMI_RANK": "0", "PMI_SIZE": "2", "PMI_FD": "5", "SLURM_PROCID": "3", "SLURM_NTASKS": "9"}, True, "3", "9"),
    ({"SLURM_PROCID": "3", "SLURM_NTASKS": "9", "PMIX_RANK": "3"}, False, "3", "9"),
    ({"SLURM_PROCID": "3", "SLURM_NTASKS": "9", "SLURM_STEP_NUM_TASKS": "4"}, False, "3", "4"),
    ({"OMPI_COMM_WORLD_RANK": "1"}, True, None, None), ({}, False, None, None),
])
def test_who_said_which_rank_this_is(variables: dict[str, str], by_mpi: bool, rank: str | None, size: str | None,
                                     monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("SLURM", "PMI", "OMPI")) or name in ("RANK", "WORLD_SIZE"):
            monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert environment.is_started_by_mpi() is by_mpi
    assert (environment.says("RANK"), environment.says("WORLD_SIZE")) == (rank, size)


def test_where_a_job_of_slurms_meets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MASTER_ADDR", "MASTER_PORT", *environment.NODES):
        monkeypatch.delenv(name, raising=False)
    assert environment.master() == (None, None)
    monkeypatch.setenv("SLURM_PROCID", "0")
    monkeypatch.setenv("SLURM_JOB_NODELIST", "n[3-4]")
    monkeypatch.setenv("SLURM_JOB_ID", "20007")
    assert environment.master() == ("n3", "15007")
    monkeypatch.setenv("MASTER_ADDR", "other")
    monkeypatch.setenv("MASTER_PORT", "1")
    assert environment.master() == ("other", "1")


def test_numbers_that_are_none_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "first")
    monkeypatch.setattr("wengert.distributed.rendezvous.is_available", lambda: True)
    with pytest.raises(ValueError, match="a whole number was expected in RANK; got 'first'"):
        dist.init_process_group("gloo")


def test_buckets_keep_their_order_and_size() -> None:
    parameters = [torch.zeros(size) for size in (300_000, 10, 20, 100_000, 100_000)]
    parameters.append(torch.zeros(5, dtype=torch.float64))
    buckets = cut(parameters, [5, 4, 3, 2, 1, 0], [MEGABYTE // 2, MEGABYTE])
    assert [bucket.indices for bucket in buckets] == [[4], [3, 2, 1], [5], [0]]
    assert [bucket.array.dtype.name for bucket in buckets] == ["float32", "float32", "float64", "float32"]


def test_what_is_said_before_the_beginning() -> None:
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        dist.all_reduce(torch.ones(1))
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(1, 1))
    with pytest.raises(ValueError, match="'nccl', which moves memory of GPUs"):
        dist.init_process_group("nccl")
    with pytest.raises(ValueError, match="backend 'gloo' or 'mpi' was expected; got 'smoke'"):
        dist.init_process_group("smoke")
    with pytest.raises(RuntimeError, match="a group is made by new_group"):
        dist.ProcessGroup()
    assert dist.Backend("GLOO") == dist.Backend.GLOO and dist.get_node_local_rank(3) == 3


def test_without_the_extra_its_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wengert.distributed.rendezvous.find_spec", lambda name: None)
    assert not dist.is_available()
    with pytest.raises(ImportError, match=r"pip install 'wengert\[distributed\]'"):
        dist.init_process_group("gloo")


def test_a_second_epoch_without_its_number_is_warned_of() -> None:
    told = torch.utils.data.DistributedSampler(range(4), 2, 0)
    for epoch in range(2):
        told.set_epoch(epoch)
        assert list(told) == list(told)  # to evaluate on it, perhaps
    sampler = torch.utils.data.DistributedSampler(range(4), 2, 0)
    list(sampler)
    with pytest.warns(UserWarning, match="set_epoch was expected between two epochs"):
        list(sampler)
