"""Ctrl-C at every point at which Python looks for it: afterwards all is in force that was before, and nothing else.

Python looks where a function of Python begins and where one of C has returned, which are the events that a profiler
is told of: the one here raises KeyboardInterrupt at the event it is asked for, so that each run is the same.
"""

import gc
import io
import random
import sys
import zipfile
from pathlib import Path

import pytest

import wengert as torch
from wengert.autograd import engine, forward_ad
from wengert.core.state import state

F = torch.nn.functional
PLACES = (str(Path(torch.__file__).parent), __file__)
ENDS = {"__enter__", "__exit__", "leave", "_settle", "ends_with", "_put_back", "exit_dual_level", "_in_force"}
OTHERS = 150
"""Points beside those in the beginnings and ends of blocks that each activity is interrupted at."""


class Interrupt:
    """A profiler that raises KeyboardInterrupt at point ``number``; without a number it counts the points, and notes
    those in beginnings and ends of blocks."""

    def __init__(self, number=None):
        self.number, self.count, self.ends = number, 0, []

    def __call__(self, frame, event, argument):
        if event not in ("call", "c_return") or not frame.f_code.co_filename.startswith(PLACES):
            return
        self.count += 1
        if self.number is None:
            if frame.f_code.co_name in ENDS or (frame.f_back is not None and frame.f_back.f_code.co_name in ENDS):
                self.ends.append(self.count)
        elif self.count == self.number:
            sys.setprofile(None)
            raise KeyboardInterrupt

    def run(self, activity):
        """Whether the activity was interrupted (not where what raised is something whose errors Python only prints)."""
        before = sys.getprofile()
        try:
            sys.setprofile(self)
            activity()
        except KeyboardInterrupt:
            return True
        finally:
            sys.setprofile(before)
        return False


def model():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.BatchNorm1d(5), torch.nn.ReLU(), torch.nn.Dropout(0.1),
                               torch.nn.Linear(5, 3))


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, ct):
        (x,) = ctx.saved_tensors
        return ct * 3 * x * x


def trains():
    net = model()
    optimizer, x = torch.optim.Adam(net.parameters()), torch.randn(6, 4)
    optimizer.zero_grad()
    loss = F.cross_entropy(net(Cube.apply(x)), torch.tensor([0, 1, 2, 0, 1, 2]))
    loss.backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def evaluates():
    net, x = model().eval(), torch.randn(6, 4)
    with torch.no_grad():
        total = net(x).sum().item()
        with torch.enable_grad():
            assert x.requires_grad_().sum().requires_grad
    with torch.inference_mode():
        return total + net(x).sum().item()


def checkpoints():
    net, x = model(), torch.randn(6, 4, requires_grad=True)
    for reentrant in (False, True):
        torch.utils.checkpoint.checkpoint(net, x, use_reentrant=reentrant).sum().backward()
    return x.grad.sum().item()


def transforms():
    def cubes(x):
        return (x**3).sum()

    x = torch.arange(3.0)
    total = torch.func.grad(cubes)(x) + torch.func.hessian(cubes)(x).sum(0) + torch.func.jvp(cubes, (x,), (x,))[1]
    total = total + torch.func.vmap(torch.func.grad(cubes))(torch.ones(2, 3)).sum(0)
    with forward_ad.dual_level():
        total = total + forward_ad.unpack_dual(forward_ad.make_dual(x, x) * 2).tangent
    return total.sum().item()


def watches():
    x = torch.ones(3, requires_grad=True)
    graph = torch.autograd.graph
    for block in (torch.autograd.detect_anomaly(), graph.saved_tensors_hooks(lambda t: t, lambda t: t),
                  graph.save_on_cpu(), graph.disable_saved_tensors_hooks("none here"), torch.autograd.strict_zero(),
                  graph.allow_mutation_on_saved_tensors(), torch.autograd.profiler.profile()):
        with block:
            (x * x).sum().backward()
    return x.grad.sum().item()


def in_force():
    return torch.is_grad_enabled(), torch.is_inference_mode_enabled(), state.watcher, engine.innermost()


# A generator that is closed as it is let go of may be interrupted too: Python prints that, and goes on.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore:Anomaly Detection")
@pytest.mark.parametrize("activity", [trains, evaluates, checkpoints, transforms, watches])
def test_an_interrupt_anywhere_leaves_everything_as_it_was(activity):
    expected = activity()
    before, counting = in_force(), Interrupt()
    counting.run(activity)
    assert len(counting.ends) > 3
    chosen = random.Random(0).sample(range(1, counting.count + 1), min(OTHERS, counting.count))
    interrupted = 0
    for number in sorted({*counting.ends, *chosen}):
        interrupted += Interrupt(number).run(activity)
        assert in_force() == before, number
        if number in chosen[:30]:
            assert activity() == expected, number
    assert interrupted > 0.9 * len({*counting.ends, *chosen})


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
def test_a_block_ends_in_c():
    """What Python's own ``__exit__`` would be told to a profiler; these blocks must not show there."""
    seen = []
    blocks = [torch.no_grad(), torch.enable_grad(), torch.inference_mode(), torch.set_grad_enabled(True),
              torch.autograd.detect_anomaly(), torch.autograd.graph.save_on_cpu()]
    for block in blocks:
        with block:
            sys.setprofile(lambda frame, event, _: seen.append(frame.f_code.co_name) if event == "call" else None)
        sys.setprofile(None)
    assert not [name for name in seen if name != "<lambda>"]
    assert in_force() == (True, False, None, None)


@pytest.mark.parametrize("where", ["close", "write"])
@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_while_a_record_is_written_is_what_is_raised(where, monkeypatch, tmp_path):
    def interrupted(self, *given):
        raise KeyboardInterrupt

    path = tmp_path / "model"
    torch.save(torch.ones(3), path)
    before = path.read_bytes()
    with monkeypatch.context() as patched:
        with zipfile.ZipFile(io.BytesIO(), "w") as archive, archive.open("record", "w") as record:
            patched.setattr(type(record), where, interrupted)
            with pytest.raises(KeyboardInterrupt):
                torch.save(torch.zeros(4), path)
            patched.undo()
    gc.collect()
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
