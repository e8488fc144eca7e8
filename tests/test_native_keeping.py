"""Plans on disk: what a second process finds there, what it trusts, and what it does where it finds something else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert.compiler import cache
from wengert.core.primitive import P
from wengert.native import Runner, keeping
from wengert.native.program import NativeProgram
from wengert.nn import functional as F

ROOT = Path(__file__).parent.parent
PROGRAM = """
import sys
import wengert as torch
from wengert.nn import functional as F
torch.manual_seed(0)

class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(50, 24)
        self.convolution = torch.nn.Conv1d(24, 16, 3, padding=1)
        self.norm = torch.nn.LayerNorm(16)
        self.line = torch.nn.Linear(16, 50)

    def forward(self, x):
        x = F.relu(self.convolution(self.embedding(x).transpose(1, 2))).transpose(1, 2)
        return self.line(F.dropout(self.norm(x), 0.2).sort(-1).values)

network = Network()
optimizer = torch.optim.AdamW(network.parameters(), 0.01)
x, y = torch.randint(0, 50, (4, 12)), torch.randint(0, 50, (4, 12))

@torch.compile(fullgraph=True)
def step(x, y):
    optimizer.zero_grad()
    logits = network(x)
    loss = F.cross_entropy(logits.flatten(0, 1), y.flatten())
    loss.backward()
    optimizer.step()
    return loss, logits[:, 0]

@torch.compile
def outside(x):
    return F.softmax(x @ network.line.weight, 1) * torch.arange(16)

for _ in range(3):
    loss, first = step(x, y)
outside(first).sum().backward()
found = [*loss.reshape(1).tolist(), *first.flatten().tolist(), *network.line.weight.grad.flatten().tolist()]
planned = ["planning" in program.stages.seconds for program in (step.last, outside.last)]
print(hash(tuple(found)), sum(planned))
print(step.explain() if "explain" in sys.argv else "")
"""


def run(folder: Path, *arguments: str) -> tuple[str, int, str]:
    """The hash of the results, how many programs were planned, and what is told of the first."""
    return finish(start(folder, *arguments))


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "WENGERT_CACHE_DIR": str(folder), "PYTHONPATH": str(ROOT), "WENGERT_NUM_THREADS": "2"}
    return subprocess.Popen([sys.executable, "-W", "error", "-c", PROGRAM, *arguments], env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[str]) -> tuple[str, int, str]:
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    head, _, told = out.partition("\n")
    numbers, planned = head.split()
    return numbers, int(planned), "\n".join([line for line in told.splitlines() if "made in" not in line])


def plans(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*" + cache.SUFFIX)) if b'{"arrays"' in path.read_bytes()[:60]]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A folder that a process has filled, its results, and what it tells."""
    folder = tmp_path_factory.mktemp("filled")
    numbers, planned, told = run(folder, "explain")
    assert planned == 2
    return folder, numbers, told


@pytest.fixture
def filled(first: tuple[Path, str, str], tmp_path: Path) -> Path:
    return Path(shutil.copytree(first[0], tmp_path / "filled"))


def test_a_second_process_plans_nothing_and_computes_and_tells_the_same(filled: Path, first: Any) -> None:
    assert len(plans(filled)) >= 3  # the step, the two halves of what is differentiated outside
    assert run(filled) == (first[1], 0, "")
    assert run(filled, "explain") == (first[1], 0, first[2])


def test_spoiled_plans_are_made_again(filled: Path, first: Any) -> None:
    sound = {path: path.read_bytes() for path in plans(filled)}
    for spoil in (lambda content: content[:-7], lambda content: b"",
                  lambda content: content[:200] + bytes([content[200] ^ 1]) + content[201:]):
        for path, content in sound.items():
            path.write_bytes(spoil(content))
        assert run(filled)[:2] == (first[1], 2)
        assert {path: path.read_bytes() for path in plans(filled)} == sound


def test_sound_plans_of_something_else_are_made_again(
        filled: Path, first: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WENGERT_CACHE_DIR", str(filled))
    found = plans(filled)
    contents = [cache.read(path.stem) for path in found]
    for path, content in zip(found, [*contents[1:], contents[0]], strict=True):
        assert content is not None
        cache.write(path.stem, content)
    assert run(filled)[:2] == (first[1], 2)
    assert [cache.read(path.stem) for path in found] == contents


def test_a_plan_whose_code_is_gone_is_made_again(filled: Path, first: Any) -> None:
    kept = plans(filled)
    for path in filled.glob("*" + cache.SUFFIX):
        if path not in kept:
            path.unlink()
    assert run(filled)[:2] == (first[1], 2)
    assert run(filled)[:2] == (first[1], 0)


def test_processes_that_begin_together(tmp_path: Path, first: Any) -> None:
    found = [finish(process) for process in [start(tmp_path), start(tmp_path)]]
    assert [numbers for numbers, _, _ in found] == [first[1]] * 2
    assert run(tmp_path)[:2] == (first[1], 0)


def test_other_source_is_another_plan(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "wengert"
    for name in keeping._PACKAGES:
        shutil.copytree(ROOT / "wengert" / name, package / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(keeping, "__file__", str(package / "native" / "keeping.py"))
    before = keeping._source.__wrapped__()
    rules = package / "native" / "rules.py"
    rules.write_text(rules.read_text().replace("1", "2", 1))
    after = keeping._source.__wrapped__()
    assert before is not None and after is not None and before != after
    monkeypatch.undo()
    assert keeping._source.__wrapped__() == before


# --- within a process -------------------------------------------------------------------------------------------------


def program_of(function: Callable[..., Any], *arguments: Any) -> tuple[NativeProgram, list[np.ndarray]]:
    recorded = torch.capture(function).record(*arguments)
    runner = Runner(recorded.graph, True)
    arrays = [x._data.copy() for x in arguments]
    runner(arrays)
    assert runner.program is not None
    return runner.program, arrays


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WENGERT_CACHE_DIR", str(tmp_path))
    return tmp_path


def some(x: Any, y: Any) -> Any:
    known = torch.tensor(np.linspace(0, 1, 96, dtype=np.float32).reshape(8, 12))
    left = F.conv1d(x.reshape(2, 4, 12), known[:3, :12].reshape(3, 4, 3), padding=1).reshape(6, 12)
    x.add_(1.0)
    return (left @ known.T).exp(), torch.sort(x)[0] @ y, x


SHAPES = (1, 5), (5, 1), (1, 1), (3, 1, 4), (1, 1, 6), (2, 1, 1, 3), (0, 1)


def test_what_is_kept_is_read_whatever_sizes_are_one(folder: Path) -> None:
    """And results lie as they do in eager mode, whose steps of such dimensions users can see."""
    def step(*arguments: Any) -> Any:
        found = []
        for x in arguments:
            turned = x.movedim(0, -1)
            found += torch.autograd.grad((turned.exp() * turned).sum(), x)
            found += [turned.contiguous() * 2, x.sum(0, keepdim=True), x.sum(-1, keepdim=True), torch.stack([x, x])]
        return found

    arguments = [torch.rand(shape, requires_grad=True) for shape in SHAPES]
    recorded = torch.capture(step).record(*arguments)
    arrays = [x.detach()._data for x in arguments]
    runner = Runner(recorded.graph, True)
    _, results = runner(arrays)
    key = keeping.key_of(recorded.graph, arrays, True)
    assert key is not None and keeping.read(key, recorded.graph, arrays, True) is not None
    for found, expected in zip(results, step(*arguments), strict=True):
        assert found.shape == expected.shape and np.allclose(found, expected.detach()._data)
        assert not found.size or [n // 4 for n in found.strides] == [*expected.stride()]


def test_gradients_of_layers_with_sizes_of_one_are_kept_and_lie_in_rows(folder: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 6, 5, padding=2), torch.nn.Conv2d(6, 1, 1), torch.nn.Linear(9, 1))

    def step(x: Any) -> Any:
        return torch.autograd.grad(network(x).square().sum(), [*network.parameters()])

    x = torch.rand(2, 1, 9, 9)
    planned = []
    for _ in range(2):
        compiled = torch.compile(step, fullgraph=True)
        for found, expected in zip(compiled(x), step(x), strict=True):
            assert found.stride() == expected.stride()
        planned.append("planning" in compiled.last.stages.seconds)
    assert planned == [True, False]


def kept(folder: Path) -> tuple[str, dict[str, Any], bytes, Any, list[np.ndarray]]:
    """The name of a plan, its data, the numbers behind, and what it is for."""
    program, arrays = program_of(some, torch.rand(8, 12), torch.rand(12, 40))
    key = keeping.key_of(program.graph, arrays, True)
    assert key is not None
    content = cache.read(key)
    assert content is not None
    text, _, numbers = content.partition(b"\n")
    return key, json.loads(text), numbers, program.graph, arrays


def leaves(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(data, (dict, list)):
        for name, part in (data.items() if isinstance(data, dict) else enumerate(data)):
            yield from leaves(part, (*path, name))
        yield path
    else:
        yield path


def changed(data: Any, path: tuple[Any, ...], to: Any) -> Any:
    copy = json.loads(json.dumps(data))
    part = copy
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = to
    return copy


def test_what_is_read_is_held_against_the_graph(folder: Path) -> None:
    key, data, numbers, graph, arrays = kept(folder)

    def read(other: Any, behind: bytes = numbers) -> Any:
        cache.write(key, json.dumps(other).encode() + b"\n" + behind)
        return keeping.read(key, graph, arrays, True)

    assert read(data) is not None
    kinds = [array[0] for array in data["arrays"]]
    (numpy,) = [number for number, step in enumerate(data["steps"]) if step[0] == "numpy"]
    work = next(number for number, step in enumerate(data["steps"]) if step[0] == "work" and step[1])
    wrong: list[tuple[tuple[Any, ...], Any]] = [
        (("arena",), -1), (("arena",), "much"), (("arena",), 0), (("arrays", 0, 2), 5), (("arrays", 0, 1), "float64"),
        (("arrays", kinds.index("fresh"), 2), 10**9), (("arrays", kinds.index("called"), 2), 3),
        (("arrays", kinds.index("constant"), 0), "fresh"), (("arrays", 1, 0), "constant"),
        (("fresh", 0, 0), 0), (("fresh", 0, 1), [3]), (("fresh", 0, 0), 99), (("outputs", 0), [True, 99]),
        (("fresh", 0, 2), [1, 0]), (("fresh", 0, 2), [0, 0]), (("fresh", 0, 2), [0]),
        (("outputs", 0), [False, 0]), (("outputs", 0), [1, 0]), (("effects", 0), 0), (("effects",), []),
        (("frames", 0, 0), data["arena"]), (("frames", 0, 0), 3), (("frames", 0, 2), 10**9), (("frames", 0, 3), "0"),
        (("steps", work, 1), "other"), (("steps", work, 4), 99), (("steps", work, 4), 4), (("steps", work, 5), 10**9),
        (("steps", work, 5), -8), (("steps", work, 1), ""), (("steps", work, 0), "play"), (("steps", work, 2), 1.5),
        (("steps", numpy, 1), 999), (("steps", numpy, 2), []), (("steps", numpy, 3, 0), 7),
        (("steps", numpy, 2, 0, 2), 10**9), (("steps", numpy, 2, 0, 4), [99, 99]), (("steps", numpy, 2, 0), "x"),
        (("steps", numpy, 2, 0, 0), "Open"), (("modules", 0, 0), "../../other"), (("modules", 0, 1), [3]),
        (("constants", 0), ["O", [96]]), (("constants", 0), ["<f4", [2]]), (("cycles",), None),
    ]
    for path, to in wrong:
        assert read(changed(data, path, to)) is None, (path, to)
    assert read(data, numbers[:-1]) is None and read(data, numbers + b"\0") is None
    for name in data:
        assert read({key: part for key, part in data.items() if key != name}) is None, name
    assert read([]) is None and read(None) is None and read("plan") is None


def test_no_change_of_a_text_is_more_than_a_plan_made_anew(folder: Path) -> None:
    key, data, numbers, graph, arrays = kept(folder)
    reader = keeping._Reader(graph, arrays, True)
    for path in leaves(data):
        for to in (None, -1, 2**63, "x", [], {}, [[[]]], True, float("nan")):
            if path:
                cache.write(key, json.dumps(changed(data, path, to)).encode() + b"\n" + numbers)
                found = keeping.read(key, graph, arrays, True)
                assert found is None or all(x.kind != "given" or x == y for x, y in zip(
                    found.arrays, reader.blueprint(data, numbers).arrays, strict=True)), (path, to)


def test_a_key_tells_apart_what_is_planned_otherwise(folder: Path) -> None:
    def key(function: Callable[..., Any], *arguments: Any, in_place: bool = True, loose: Any = frozenset()
            ) -> str | None:
        recorded = torch.capture(function).record(*arguments)
        return keeping.key_of(recorded.graph, [x._data for x in arguments], in_place, loose)

    x = torch.rand(6, 6)
    table = np.arange(6, dtype=np.float32)
    found = [
        key(lambda x: x * 2.0, x), key(lambda x: x * 2, x), key(lambda x: x * 3.0, x), key(lambda x: x + 2.0, x),
        key(lambda x: x * 2.0, x.T), key(lambda x: x * 2.0, x.double()), key(lambda x: x * 2.0, torch.rand(6, 5)),
        key(lambda x: x * 2.0, x, in_place=False), key(lambda x: x[1:] * 2.0, x), key(lambda x: x[2:] * 2.0, x),
        key(lambda x: x * torch.tensor(table), x), key(lambda x: x * torch.tensor(table + 1), x),
        key(lambda x: x * torch.tensor(np.arange(100) + 6)[:6], x),
        key(lambda x: x * torch.tensor(np.arange(100) + 7)[:6], x), key(lambda x: (x * 2.0, x.exp()), x),
        key(lambda x: x * 2.0, x, loose=frozenset([0])), key(lambda x: x.mul_(2.0), x),
        key(lambda x: x.sum(0), x), key(lambda x: x.sum(1), x),
    ]
    assert None not in found and len({*found}) == len(found)
    assert key(lambda x: x * 2.0, x) == found[0]


def test_what_has_no_text_of_its_own_is_not_kept() -> None:
    assert keeping._told((1, 2.5, "a", None, slice(1, None), P.exp, torch.float32, ..., [True], {"a": b""})) == (
        "tuple(1, 2.5, 'a', None, slicetuple(1, None, None), P.exp, dtype float32, ..., list(True), {'a': b''})")
    for value in (np.zeros(3), object(), {1, 2}, np.float64(1.0), lambda: 1):
        with pytest.raises(TypeError, match="a parameter of a known type was expected"):
            keeping._told((value,))


def test_large_constants_are_not_kept(folder: Path) -> None:
    many = [1.0] * (keeping.LARGEST // 4 + 1)
    program_of(lambda x: x + torch.tensor(many), torch.rand(len(many)))
    assert plans(folder) == []


def test_a_folder_that_cannot_be_written_is_no_hindrance(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WENGERT_CACHE_DIR", str(folder / "file"))
    (folder / "file").write_text("")
    monkeypatch.setitem(cache._state, "warned", False)
    with pytest.warns(UserWarning, match="compiled kernels cannot be kept"):
        program, arrays = program_of(lambda x: x.exp() * 3, torch.rand(7, 9))
    _, (found,) = program(arrays)
    np.testing.assert_allclose(found, np.exp(arrays[0]) * 3, rtol=1e-6)


def test_a_program_takes_as_many_arrays_as_its_graph_has() -> None:
    program, arrays = program_of(lambda x, y: x * 2 + y, torch.ones(8), torch.ones(8))
    for given in (arrays[:-1], [*arrays, np.ones(8, np.float32)]):
        with pytest.raises(ValueError, match=f"the 2 arrays of inputs and states were expected; got {len(given)}"):
            program(given)
    _, (found,) = program(arrays)
    assert found.tolist() == [3.0] * 8
