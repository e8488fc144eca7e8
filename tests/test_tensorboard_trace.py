"""`torch.profiler.tensorboard_trace_handler` writes traces, compressed where that is asked for."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

import wengert as torch


@pytest.mark.parametrize("packed", [False, True])
def test_a_trace_is_written(tmp_path: Path, packed: bool) -> None:
    handler = torch.profiler.tensorboard_trace_handler(str(tmp_path / "runs"), "worker", use_gzip=packed)
    with torch.profiler.profile(on_trace_ready=handler):
        torch.ones(3).sum()
    [file] = (tmp_path / "runs").iterdir()
    assert file.name.startswith("worker.")
    assert file.name.endswith(".pt.trace.json.gz" if packed else ".pt.trace.json")
    text = gzip.decompress(file.read_bytes()) if packed else file.read_bytes()
    assert json.loads(text)["traceEvents"]
