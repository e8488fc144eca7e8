"""What programs ask of PyTorch beside tensors: jit, futures, hub, onnx, distributed, profiler, autocast's switches."""

from __future__ import annotations

import json
import sys
import threading
import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest

import wengert as torch
from wengert import jit
from wengert.autograd.profiler_util import EventList, FunctionEvent
from wengert.distributed import get_rank, is_available, is_initialized
from wengert.profiler import ProfilerAction, ProfilerActivity, profile, record_function, schedule


def test_script_returns_its_argument_and_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jit, "_said", False)

    def double(x: torch.Tensor) -> torch.Tensor:
        return x * 2

    with pytest.warns(UserWarning, match="torch.jit.script returns its argument") as said:
        assert torch.jit.script(double) is double
        model = torch.nn.Linear(2, 2)
        assert torch.jit.trace(model, torch.ones(1, 2)) is model
    assert len(said) == 1 and said[0].filename == __file__
    assert torch.jit.ignore(double) is double and torch.jit.ignore(drop=True)(double) is double
    assert torch.jit.export(double) is double and torch.jit.unused(double) is double
    assert not torch.jit.is_scripting() and not isinstance(model, torch.jit.ScriptModule)
    assert torch.jit.wait(torch.jit.fork(double, torch.ones(1))).item() == 2


def test_script_files_are_refused(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = torch.jit.script(torch.nn.Linear(2, 2))
    for call in (lambda: model.save("model.pt"), lambda: torch.jit.save(model, "model.pt"),
                 lambda: torch.jit.load("model.pt")):
        with pytest.raises(NotImplementedError, match="TorchScript files are not in wengert"):
            call()
    with pytest.raises(RuntimeError, match="eval"):
        torch.jit.freeze(model)
    assert torch.jit.freeze(model.eval()) is model


def test_a_future_waits_for_another_thread() -> None:
    future = torch.futures.Future()
    after = future.then(lambda done: done.value() + 1)
    with pytest.raises(RuntimeError, match="finished future"):
        future.value()
    thread = threading.Timer(0.05, future.set_result, [41])
    thread.start()
    assert after.wait() == 42 and future.done()
    thread.join()
    with pytest.raises(RuntimeError, match="already completed"):
        future.set_result(1)
    failed = torch.futures.Future()
    failed.set_exception(KeyError("k"))
    with pytest.raises(KeyError):
        torch.futures.wait_all([future, failed])
    assert torch.futures.wait_all([future, after]) == [41, 42]
    assert torch.futures.collect_all([]).wait() == []


def test_hub_refuses_clearly() -> None:
    with pytest.raises(NotImplementedError, match=r"\[hub.load\].*downloads nothing.*'resnet18'"):
        torch.hub.load("pytorch/vision", "resnet18")
    assert torch.hub.get_dir().endswith("hub")


def test_onnx_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from wengert.onnx.packages import needs

    needs.cache_clear()
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"ONNX models need the package onnx: pip install 'wengert\[onnx\]'"):
        torch.onnx.export(torch.nn.Linear(1, 1), (torch.ones(1),), "model.onnx")


def test_distributed_training_waits_for_its_beginning() -> None:
    assert is_available() == (find_spec("mpi4py") is not None) and not is_initialized()
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        get_rank()
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        torch.distributed.all_reduce(torch.ones(1))
    with pytest.raises(AttributeError, match="distributed.breakpoint is not in wengert yet"):
        _ = torch.distributed.breakpoint


def test_a_profile_knows_operations_spans_and_derivatives(tmp_path: Path) -> None:
    x = torch.ones(3, 3, requires_grad=True)
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as prof, record_function("step"):
        (x @ x).tanh().sum().backward()
    averages = {row.key: row for row in prof.key_averages()}
    assert {"aten::matmul", "aten::tanh", "aten::sum", "TanhBackward0", "step"} <= set(averages)
    assert averages["step"].cpu_time_total >= averages["aten::matmul"].cpu_time_total > 0
    total = sum(row.self_cpu_time_total for row in averages.values())
    assert total == pytest.approx(averages["step"].cpu_time_total, rel=0.5)
    table = prof.key_averages(group_by_input_shape=True).table(sort_by="self_cpu_time_total", row_limit=3)
    assert "Self CPU %" in table and "# of Calls" in table and len(table.splitlines()) == 8
    with pytest.raises(ValueError, match="sort_by"):
        prof.key_averages().table(sort_by="colour")
    prof.export_chrome_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert {"aten::matmul", "step"} <= {event["name"] for event in events}
    before = len(prof.events())
    _ = x + 1
    assert len(prof.events()) == before
    events = prof.events()
    assert [event.time_range.start for event in events] == sorted(event.time_range.start for event in events)
    (step,) = [event for event in events if event.name == "step"]
    assert {"aten::matmul", "aten::tanh"} <= {event.name for event in step.cpu_children} and step.count == 1
    assert [event.input_shapes for event in events if event.name == "aten::matmul"][0] == [[3, 3], [3, 3]]
    assert prof.self_cpu_time_total == pytest.approx(total, rel=1e-6)


def test_events_lie_within_the_smallest_that_is_long_enough() -> None:
    spans = [(1, 0, 1), (1, 1, 2), (0, 0, 2), (0, 1, 2), (0, 1, 3)]
    events = EventList([FunctionEvent(id=i, name="f", thread=thread, start_us=start, end_us=end)
                        for i, (thread, start, end) in enumerate(spans)])
    events._populate_cpu_children()
    assert [[child.id for child in event.cpu_children] for event in events] == [[], [], [], [], [3]]
    (average,) = events.key_averages()
    assert (average.key, average.count, average.cpu_time_total, average.cpu_time) == ("f", 5, 7, 1.4)
    average.add(average)
    assert average.count == 10 and average.self_cpu_time_total == 12
    with pytest.raises(AssertionError, match="called 'f' were expected"):
        average.add(FunctionEvent(id=9, name="g", thread=0, start_us=0, end_us=1))


def test_events_are_averaged_by_shape_and_printed() -> None:
    with profile(record_shapes=True) as prof:
        torch.ones(3, 4).exp()
        torch.ones(3, 4).exp()
        torch.ones(5).exp()
    events = prof.events()
    by_shape = [(row.count, row.input_shapes) for row in events.key_averages(group_by_input_shapes=True)]
    assert by_shape == [(2, [[3, 4]]), (1, [[5]])]
    (by_name,) = events.key_averages()
    assert by_name.count == 3 and not by_name.input_shapes
    assert events.total_average().count == len(events) == 3 and events.total_average().key == "Total"
    for table in (events.key_averages(True).table(sort_by="count"),
                  prof.key_averages(group_by_input_shape=True).table("count", row_limit=-1)):
        line, heads, _, first, second, *_ = table.splitlines()
        assert heads.split()[-2:] == ["Input", "Shapes"] and len(heads) == len(line)
        assert first.split()[0] == "aten::exp" and first.endswith("2" + " " * 8 + "[[3, 4]]") and "[[5]]" in second
    assert "Shapes" not in events.key_averages().table(header="What ran") and len(events.table(row_limit=1)) > 0
    with pytest.raises(ValueError, match="sort_by expected a column"):
        events.table(sort_by="height")


def test_a_schedule_of_profiled_steps() -> None:
    plan = schedule(wait=1, warmup=1, active=2, repeat=1, skip_first=1)
    none, warm, record, save = ProfilerAction.NONE, ProfilerAction.WARMUP, ProfilerAction.RECORD, ProfilerAction(3)
    assert [plan(step) for step in range(7)] == [none, none, warm, record, save, none, none]
    ready = []
    with profile(schedule=schedule(wait=1, warmup=1, active=2), on_trace_ready=ready.append) as prof:
        for _ in range(4):
            torch.ones(2) + 1
            prof.step()
    assert ready == [prof] and [row.count for row in prof.key_averages()] == [2]


def test_functions_of_layers_at_the_top_level() -> None:
    x = torch.arange(8.0).view(1, 2, 4)
    assert torch.max_pool1d(x, 2).tolist() == [[[1, 3], [5, 7]]]
    assert torch.dropout(x, 0.5, False) is not None and torch.conv1d(x, torch.ones(1, 2, 4)).item() == 28
    assert "conv2d" in dir(torch)


def test_older_names_of_autocast() -> None:
    with torch.cpu.amp.autocast():
        assert torch.is_autocast_enabled("cpu") and torch.is_autocast_cpu_enabled()
    assert torch.get_autocast_dtype("cpu") is torch.bfloat16
    assert torch.cuda.amp.custom_fwd(len).__wrapped__ is len and torch.cuda.amp.custom_bwd(len).__wrapped__ is len
    with pytest.raises(TypeError, match="device_type"):
        torch.amp.custom_fwd(len)
    assert torch.GradScaler is torch.amp.GradScaler


def test_jit_asks_for_the_types_of_what_is_contained() -> None:
    of = torch.jit.isinstance
    for value, kind, wanted in (
        ([1, 2], list[int], True), ([1, "a"], list[int], False), ([], list[int], True),
        ((1, "a"), tuple[int, str], True), ((1,), tuple[int, str], False), ({"a": [1]}, dict[str, list[int]], True),
        ({"a": 1}, dict[str, str], False),
        (None, int | None, True), (1.0, int | str, False), (3, int, True),
        ([[1]], (dict[str, int], list[list[int]]), True),
    ):
        assert of(value, kind) is wanted, (value, kind)
    for kind in (list, tuple, dict):
        with pytest.raises(RuntimeError, match="types of what"):
            of([1], kind)
