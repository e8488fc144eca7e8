"""What the code of each step assumes is seen to by one function: `native.checks.check` refuses a step that would read
or write outside of its buffers, whichever class it is of and whichever place is wrong."""

from __future__ import annotations

import copy
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

import wengert as torch
from tests.training_steps import classifying_step
from wengert import compiler, nn
from wengert.core.errors import ShapeError
from wengert.native.checks import CHECKS, check, check_computed
from wengert.native.loops import Buffer, LoopError, Nest, Place
from wengert.native.steps import Call, Guard, Kernel, Layout, Product, Step, places_read, places_written

pytestmark = pytest.mark.filterwarnings("error")


class Reader(nn.Module):
    """An embedding, a recurrence and attention."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.cell = nn.Embedding(9, 12), nn.LSTM(12, 16, batch_first=True)
        self.look, self.out = nn.MultiheadAttention(16, 2, batch_first=True), nn.Linear(16, 5)

    def forward(self, x: Any) -> Any:
        x = self.cell(self.table(x))[0]
        return self.out(self.look(x, x, x, need_weights=False)[0].mean(1))


def trained(model: nn.Module, x: Any, classes: int) -> Callable[[], Any]:
    step = torch.compile(classifying_step(model, torch.optim.Adam(model.parameters())), fullgraph=True)
    step(x, torch.arange(len(x)) % classes)
    return step


PROGRAMS: dict[str, Callable[[], Any]] = {
    "dense": lambda: trained(nn.Sequential(nn.Linear(300, 200), nn.Tanh(), nn.LayerNorm(200), nn.Linear(200, 7)),
                             torch.rand(64, 300), 7),
    "pictures": lambda: trained(
        nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 3),
                      nn.BatchNorm2d(16),
                      nn.AvgPool2d(2), nn.Flatten(), nn.Linear(144, 10)), torch.rand(8, 1, 16, 16), 10),
    "sequences": lambda: trained(Reader(), torch.randint(0, 9, (6, 7)), 5),
    "numpy": lambda: torch.compile(lambda x: torch.linalg.inv(x @ x.t() + torch.eye(8)).exp().sum(), fullgraph=True),
}


def steps_of(name: str) -> list[Step]:
    torch.manual_seed(0)
    made = PROGRAMS[name]()
    if name == "numpy":
        made(torch.rand(8, 8))
    runner = made.programs[0]._run
    return list(runner.program.schedule.steps)


def moved(step: Any, by: Callable[[Place], Place], number: int) -> Any:
    """The step with one of its places changed, counted in the order in which they are found."""
    left = number

    def change(x: Any) -> Any:
        nonlocal left
        if type(x) is Place:
            left -= 1
            return by(x) if left == -1 else x
        if type(x) is list:
            return [change(each) for each in x]
        if type(x) is tuple:
            return tuple([change(each) for each in x])
        if type(x).__name__ == "Matrices":
            return type(x)(change(x.place), x.shape)
        return x

    other = copy.copy(step)
    for field in type(step).__slots__:
        setattr(other, field, change(getattr(step, field)))
    return other if left < 0 else None


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_step_with_a_place_outside_of_its_buffer_is_refused(name: str) -> None:
    refused = 0
    for step in steps_of(name):
        check(step)
        if type(step) is Nest:
            continue  # below, as its places stand in expressions
        for number in range(100):
            before = moved(step, lambda p: Place(p.buffer, p.offset - p.buffer.size - 1, p.strides), number)
            if before is None:
                break
            after = moved(step, lambda p: Place(p.buffer, p.offset + p.buffer.size, p.strides), number)
            for wrong in (before, after):
                with pytest.raises(LoopError):
                    check(wrong)
                refused += 1
    assert refused or name == "numpy"


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_step_whose_buffers_are_too_small_is_refused(name: str) -> None:
    for step in steps_of(name):
        used = {place.buffer for place in (*places_read(step), *places_written(step))}
        for buffer in used:
            size, buffer.size = buffer.size, 0
            try:
                with pytest.raises(LoopError):
                    check(step)
            finally:
                buffer.size = size
        check(step)


def products() -> Iterator[Product]:
    for name in ("dense", "sequences"):
        yield from (step for step in steps_of(name) if type(step) is Product)


def test_a_product_that_its_cut_is_not_of_is_refused() -> None:
    cut = next(step for step in products() if step.cut is not None)
    plain = copy.copy(cut)
    plain.cut = None
    for field in ("left", "right", "out"):
        side = getattr(cut, field)
        turned = type(side)(Place(side.place.buffer, side.place.offset, side.place.strides[::-1]), side.shape[::-1])
        for step in (copy.copy(cut), copy.copy(plain)):
            setattr(step, field, turned)
            with pytest.raises(LoopError):
                check(step)
    for field in ("panels", "dtype"):
        step = copy.copy(cut)
        setattr(step, field, None if field == "panels" else "int64")
        with pytest.raises(LoopError):
            check(step)
    step = copy.copy(cut)
    step.out = type(step.out)(Place(step.left.place.buffer, 0, step.out.place.strides), step.out.shape)
    with pytest.raises(LoopError):
        check(step)


def test_every_class_of_steps_has_its_check_and_is_met_above() -> None:
    assert set(get_args(Step)) == set(CHECKS)
    met = {type(step) for name in PROGRAMS for step in steps_of(name)}
    assert met == {Nest, Kernel, Layout, Product, Call, Guard}


WRITERS = {"Writer", "Cell", "Sums", "Ending"}
"""What writes code and is no form of a step: those of a cell are `Panels` and `Walk`, and only eager mode runs those of
weights' gradients."""


def test_every_form_of_code_says_how_far_it_goes() -> None:
    forms = []
    for module in pkgutil.iter_modules(compiler.__path__):
        for name, value in vars(importlib.import_module(f"wengert.compiler.{module.name}")).items():
            if inspect.isclass(value) and hasattr(value, "written") and name[0] != "_" and name not in WRITERS:
                forms.append(value)
                assert callable(getattr(value, "extents", None)), value
    assert len(forms) >= 5


def test_what_numpy_computes_has_the_shape_that_the_code_is_for() -> None:
    call = next(step for step in steps_of("numpy") if type(step) is Call)
    check_computed(call.instr, [np.zeros((8, 8), np.float32)])
    for wrong in (np.zeros((8, 7), np.float32), np.zeros((8, 8)), np.zeros(64, np.float32)):
        with pytest.raises(ShapeError):
            check_computed(call.instr, [wrong])


def test_a_guard_looks_at_a_count() -> None:
    check(Guard(Place(Buffer(0, "arena", "int64", 1), 0, ())))
    for buffer, offset in ((Buffer(0, "arena", "float32", 1), 0), (Buffer(0, "arena", "int64", 1), 1)):
        with pytest.raises(LoopError):
            check(Guard(Place(buffer, offset, ())))


def test_layouts_of_another_operand_are_refused() -> None:
    layout = next(step for name in PROGRAMS for step in steps_of(name) if type(step) is Layout)
    other = copy.copy(layout)
    other.right = not layout.right
    with pytest.raises(LoopError):
        check(other)


def test_the_page_names_every_entry_and_who_looks() -> None:
    page = (Path(__file__).parent.parent / "docs/design/kernels.md").read_text("utf-8")
    rows = re.findall(r"^\| `([\w/.]+):([\w.]+)` \| .+ \| `([\w/.]+):([\w.]+)` \|$", page, re.MULTILINE)
    for path, name in {pair for row in rows for pair in (row[:2], row[2:])}:
        found: Any = importlib.import_module(f"wengert.{path.removesuffix('.py').replace('/', '.')}")
        for part in name.split("."):
            found = getattr(found, part)
        assert callable(found), (path, name)
    listed = {row[0] for row in rows}
    package = Path(torch.__file__).parent
    runs = {path.relative_to(package).as_posix() for path in (package / "compiler").glob("*.py")
            if re.search(r"threads\.Parts\(|pool\(\)\.run\(", path.read_text("utf-8"))}
    assert runs - {"compiler/threads.py"} <= listed  # which runs what the others give it
    assert {kind.__name__ for kind in CHECKS} <= {row[1] for row in rows}


def test_the_kernels_of_random_numbers_are_given_what_they_assume() -> None:
    from wengert.sampling import kernels

    for wrong in (np.zeros(16), np.zeros(15, np.float32), np.zeros((4, 32), np.float32)[:, ::2]):
        with pytest.raises(AssertionError):
            kernels.check_blocks(wrong)
    order = np.arange(4)
    for partners in (np.arange(5), np.array([0, 4]), np.array([-1]), np.array([0], np.int32), np.arange(8)[::2]):
        with pytest.raises(AssertionError):
            kernels.check_exchange(order, partners)
    kernels.check_blocks(np.zeros(32, np.float32))
    kernels.check_exchange(order, np.array([3, 1]))
