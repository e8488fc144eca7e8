"""Updates of parameters that are alike are recorded once and repeated: the graph is that of running each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert import optim
from wengert.ir import format_graph
from wengert.tensors.evaluation import Tracer
from wengert.tracing import repeats
from wengert.tracing.recorder import Recorder

SHAPES = [(3, 2), (4,), (), (1,), (5, 1, 2), (0, 3), (4,), (), (2, 2)]

OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, 0.1),
    "momentum": lambda p: optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.1, nesterov=True, maximize=True),
    "dampening": lambda p: optim.SGD(p, 0.1, momentum=0.9, dampening=0.5),
    "adam": lambda p: optim.Adam(p, 0.1),
    "amsgrad": lambda p: optim.Adam(p, 0.1, amsgrad=True, weight_decay=0.1),
    "adamw": lambda p: optim.AdamW(p, 0.1, maximize=True),
    "rate in a tensor": lambda p: optim.Adam(p, torch.tensor(0.1)),
    "all in tensors": lambda p: optim.AdamW(p, torch.tensor(0.1), betas=(torch.tensor(0.9), torch.tensor(0.99))),
    "one tensor for all": lambda p: (lambda t: optim.Adam(p, t, betas=(t, t)))(torch.tensor(0.5)),
    "groups": lambda p: optim.Adam([{"params": p[::2], "lr": 0.5}, {"params": p[1::2], "betas": (0.5, 0.6)}], 0.1),
    "nadam": lambda p: optim.NAdam(p, 0.1, weight_decay=0.1, decoupled_weight_decay=True),
    "radam": lambda p: optim.RAdam(p, 0.1),
    "adamax": lambda p: optim.Adamax(p, 0.1),
    "adagrad": lambda p: optim.Adagrad(p, 0.1, lr_decay=0.1),
    "adadelta": lambda p: optim.Adadelta(p, 0.1),
    "rmsprop": lambda p: optim.RMSprop(p, 0.1, momentum=0.9, centered=True),
    "rprop": lambda p: optim.Rprop(p, 0.1),
    "asgd": lambda p: optim.ASGD(p, 0.1, t0=0),
}
DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.complex64)


def parameters(dtypes: Sequence[Any]) -> list[torch.Tensor]:
    torch.manual_seed(0)
    made = [torch.randn(shape, dtype=dtypes[i % len(dtypes)]) for i, shape in enumerate(SHAPES)]
    return [p.requires_grad_() for p in made]


def stepping(make: Callable[[Any], Any], tensors: list[torch.Tensor]) -> Callable[[], Any]:
    optimizer = make(tensors)
    settings = [x for group in optimizer.param_groups for x in group.get("betas", ()) if isinstance(x, torch.Tensor)]

    def step() -> Any:
        optimizer.zero_grad()
        assert not settings or settings[0].shape == ()
        loss: Any = 0.0
        for i, p in enumerate(tensors):
            loss = loss + ((p * p.conj()).real * (i + 1.0)).sum().float()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def recorded(step: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, repeating: bool) -> tuple[str, dict[str, Any]]:
    """The text of the recording, what it takes its states to be in the end, and where histories are cut."""
    found: dict[str, Any] = {}
    release = Recorder.release

    def looked(self: Recorder) -> None:
        for memory, _ in self.memories.values():
            found[str(memory.source)] = self.shadows.known(memory.array).copy()
        cuts = sorted([(value.name, number) for value, number in self.cuts])
        found["operands without a history"] = np.array(cuts)
        release(self)

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "release", looked)
        if not repeating:
            patch.setattr(Recorder, "repeating", Tracer.repeating)
        program = torch.capture(step).record()
    return format_graph(program.graph, lines=True), found


def same_recordings(step: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> int:
    """Holds a recording against one in which nothing is repeated; returns how many runs were repeated."""
    count = 0
    repeat = repeats.Repeats._repeat

    def counting(*given: Any) -> None:
        nonlocal count
        count += 1
        repeat(*given)

    plain, numbers = recorded(step, monkeypatch, repeating=False)
    monkeypatch.setattr(repeats.Repeats, "_repeat", counting)
    text, found = recorded(step, monkeypatch, repeating=True)
    assert text == plain
    assert found.keys() == numbers.keys()
    for name, array in found.items():
        assert array.dtype == numbers[name].dtype and array.tobytes() == numbers[name].tobytes(), name
    return count


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_graph_is_the_one_of_running_each(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert same_recordings(stepping(OPTIMIZERS[name], parameters(DTYPES[:1])), monkeypatch) >= 4


@pytest.mark.parametrize("name", ["momentum", "adamw", "nadam", "asgd"])
def test_dtypes_that_differ(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first step and after it."""
    step = stepping(OPTIMIZERS[name], parameters(DTYPES))
    count = same_recordings(step, monkeypatch)
    step()
    assert same_recordings(step, monkeypatch) == count > 0


@pytest.mark.parametrize("of_one_memory", [False, True])
def test_recordings_are_run_as_eager_steps_are(of_one_memory: bool) -> None:
    ours, theirs = parameters((torch.float32,)), parameters((torch.float32,))
    if of_one_memory:
        ours, theirs = ([x.detach().requires_grad_() for x in torch.arange(12.0).split(4)] for _ in range(2))
    step, eager = torch.capture(stepping(OPTIMIZERS["adamw"], ours)), stepping(OPTIMIZERS["adamw"], theirs)
    for _ in range(3):
        assert step().item() == eager().item()
    for p, q in zip(ours, theirs, strict=True):
        assert p.detach().numpy().tobytes() == q.detach().numpy().tobytes()
        assert p.grad.numpy().tobytes() == q.grad.numpy().tobytes()


def test_what_is_computed_of_repeated_updates_is_known_where_it_is_needed() -> None:
    """An index that a repeated update decides is out of range, which shows at the line of the recording."""
    a, b = (torch.tensor([1.0, 2.0, 3.0], requires_grad=True) for _ in range(2))
    optimizer = optim.SGD([a, b], 1.0)

    def step() -> Any:
        optimizer.zero_grad()
        ((a * a).sum() + (b * torch.tensor([0.0, -5.0, 0.0])).sum()).backward()
        optimizer.step()
        return torch.arange(7.0)[b.detach().amax().long() - 1]

    with pytest.raises(IndexError, match="out of bounds"):
        torch.capture(lambda: torch.arange(6.0)[step().long() + b.detach().amax().long() - 1]).record()
    assert torch.capture(step).record()().item() == 6.0


STATES: dict[str, Callable[[], list[torch.Tensor]]] = {
    "views of one memory": lambda: list(torch.arange(12.0).split(4)),
    "turned": lambda: [torch.arange(6.0).reshape(2, 3).t() for _ in range(3)],
    "some frozen": lambda: [torch.ones(3), torch.ones(3), torch.ones(3)],
}


@pytest.mark.parametrize("name", STATES)
def test_tensors_that_lie_otherwise_are_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = [x.detach().requires_grad_() for x in STATES[name]()]
    if name == "some frozen":
        tensors[1].requires_grad_(False)
    same_recordings(stepping(OPTIMIZERS["adamw"], tensors), monkeypatch)


def test_gradients_that_are_one_tensor(monkeypatch: pytest.MonkeyPatch) -> None:
    """One parameter's gradient is its own value, others share one, and one is a rate's."""
    tensors = [torch.tensor([1.0, 2.0], requires_grad=True) for _ in range(4)]
    optimizer = optim.Adam(tensors, 0.1)

    def step() -> None:
        shared = tensors[0].detach() * 2
        for p in tensors[1:3]:
            p.grad = shared
        tensors[3].grad = tensors[3].detach()
        tensors[0].grad = torch.ones(2)
        optimizer.step()

    same_recordings(step, monkeypatch)


def test_steps_on_a_condition_and_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = parameters((torch.float32,))
    optimizer, scaler = optim.AdamW(tensors, 0.1), torch.amp.GradScaler("cpu", init_scale=4.0)

    def step() -> None:
        for rate in (0.1, 0.2):
            optimizer.param_groups[0]["lr"] = rate
            optimizer.zero_grad()
            loss: Any = sum([(p * p).sum() for p in tensors])
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()

    assert same_recordings(step, monkeypatch) >= 10


def test_a_run_that_meets_other_tensors_is_no_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run reads besides its own tensors and the shared ones may be another tensor in the next."""

    class Following(optim.SGD):
        others: dict[Any, Any] = {}

        def _numbers(self, group: Any, lr: Any, *share: Any) -> tuple[Any, ...]:
            return (lr * self.others[len(self.others) - self.left],)

        def _count(self, parameter: Any, *rest: Any) -> tuple[Any, ...]:
            self.left = len(self.others) - [p is parameter for p in self.listed].index(True)
            return ()

    tensors = [torch.tensor([1.0, 2.0], requires_grad=True) for _ in range(3)]
    Following.others = {i: torch.tensor(i + 1.0) for i in range(3)}
    optimizer = Following(tensors, 0.1)
    optimizer.listed = tensors
    step = stepping(lambda _: optimizer, tensors)
    assert same_recordings(step, monkeypatch) == 0
    assert np.isfinite(torch.capture(step)().item())
