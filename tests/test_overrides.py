"""``__torch_function__``: who is asked in the place of a function, in which order, and what stays as it is."""

from __future__ import annotations

import inspect
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import wengert as torch
from wengert import nn
from wengert.tensors import overrides as mechanism

F = nn.functional


class Foreign:
    """No tensor; answers every function by its name and what it was called with."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func, types, args, kwargs


class Declining:
    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return NotImplemented


class Base(torch.Tensor):
    pass


class Derived(Base):
    pass


class Apart(torch.Tensor):
    pass


class Logging(torch.Tensor):
    calls: list[str] = []

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        cls.calls.append(func.__name__)
        return super().__torch_function__(func, types, args, kwargs)


@pytest.fixture(autouse=True)
def nothing_stays_switched() -> Iterator[None]:
    yield
    assert torch.overrides._get_current_function_mode_stack() == []
    assert torch.overrides.has_torch_function((Foreign(),))


def overridable() -> list[Any]:
    return [pytest.param(function, id=name) for name, function in torch.overrides._functions()
            if not name.startswith("torch.Tensor.")]


@pytest.mark.parametrize("function", overridable())
def test_every_function_asks_an_object_among_its_arguments(function: Any) -> None:
    foreign = Foreign()
    for args, kwargs in [((foreign,), {}), ((torch.ones(2), foreign), {}), (([torch.ones(2), foreign],), {}),
                         ((), {"input": foreign}), ((1, 2), {"out": foreign})]:
        assert function(*args, **kwargs) == (function, (Foreign,), args, kwargs)


def test_a_function_that_loads_after_the_first_object_asks_too() -> None:
    program = ("import wengert as torch\nclass Tagged(torch.Tensor): pass\nclass Foreign:\n    @classmethod\n"
               "    def __torch_function__(cls, function, types, args=(), kwargs=None): return 'asked'\n"
               "print(torch.lobpcg(Foreign()))")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "asked\n", done


def methods() -> list[Any]:
    return [pytest.param(name.rpartition(".")[2], id=name) for name, _ in torch.overrides._functions()
            if name.startswith("torch.Tensor.")]


@pytest.mark.parametrize("name", methods())
def test_every_method_asks_its_arguments(name: str) -> None:
    x, foreign = torch.ones(2), Foreign()
    answered = getattr(torch.Tensor, name)(x, foreign)
    assert answered[1:] == ((Foreign,), (x, foreign), {})


@pytest.mark.parametrize("name", [name for name, value in vars(torch.Tensor).items() if isinstance(value, property)])
def test_every_attribute_of_a_subclass_asks_it(name: str) -> None:
    if name == "__dict__":
        return
    x = torch.ones(2, 2).as_subclass(Logging)
    Logging.calls.clear()
    try:
        getattr(x, name)
    except RuntimeError:
        assert name in ("imag", "H")
    assert Logging.calls[0] == "__get__"


OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "@", "==", "<", ">=", "&", "|", "<<"]


@pytest.mark.parametrize("sign", OPERATORS)
def test_operators_ask_either_operand(sign: str) -> None:
    x, foreign = torch.ones(2), Foreign()
    func, types, args, _ = eval(f"x {sign} foreign")
    assert types == (Foreign,) and args == (x, foreign) and callable(func)


def test_an_operator_is_told_as_the_method_that_does_the_same() -> None:
    assert (torch.ones(2) + Foreign())[0] is torch.Tensor.add
    assert (torch.ones(2) @ Foreign())[0] is torch.Tensor.matmul


def test_all_decline() -> None:
    for call in (lambda: torch.add(Declining(), 1), lambda: torch.cat([torch.ones(1), Declining()]),
                 lambda: F.relu(Declining()), lambda: torch.ones(1) + Declining()):
        with pytest.raises(TypeError, match="no implementation found|unsupported operand"):
            call()


def test_the_other_operand_is_asked_where_the_first_declines() -> None:
    class Reflected(Declining):
        def __radd__(self, other: Any) -> str:
            return "reflected"

    assert torch.ones(2) + Reflected() == "reflected"


def test_subclasses_come_before_their_bases() -> None:
    asked: list[Any] = []

    class First(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            asked.append((cls.__name__, [kind.__name__ for kind in types]))
            return NotImplemented

    class Second(First):
        pass

    with pytest.raises(TypeError):
        torch.cat([torch.ones(1).as_subclass(First), torch.ones(1).as_subclass(Second)])
    assert asked == [("Second", ["Second", "First"]), ("First", ["Second", "First"])]


def test_a_subclass_is_kept_through_operations() -> None:
    x = Base([1.0, 2.0])
    for result in (x + 1, 1 - x, x * torch.ones(2), torch.ones(2) / x, x.sum(), x[0], x.view(2, 1), torch.stack([x, x]),
                   torch.cat([torch.ones(1), x]), F.relu(x), F.mse_loss(x, torch.ones(2)), nn.Linear(2, 2)(x), x == x,
                   x.detach(), x.clone(), -x, x.max(0)[0], x.split(1)[1], x.to(torch.float64), torch.zeros_like(x)):
        assert type(result) is Base
    assert repr(x) == "Base([1., 2.])"
    assert type(x.shape) is torch.Size and x.tolist() == [1.0, 2.0] and x.sum().item() == 3.0
    assert type(torch.ones(2)) is torch.Tensor is type(torch.ones(2) + 1)


def test_the_most_derived_class_wins_and_strangers_do_not_meet() -> None:
    base, derived = Base([1.0]), Derived([2.0])
    assert type(base + derived) is Derived is type(derived + base)
    with pytest.raises(TypeError):
        base + Apart([1.0])


def test_parameters_are_not_asked() -> None:
    weight = nn.Parameter(torch.ones(2))
    assert type(weight + 1) is torch.Tensor
    assert not torch.overrides.has_torch_function((weight,))
    assert type(weight + Base([1.0, 2.0])) is Base


def test_gradients_go_through_a_subclass() -> None:
    x = Base([1.0, 2.0]).requires_grad_()
    (x * x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]
    assert type(x.grad) is torch.Tensor


def test_a_class_sees_what_is_called() -> None:
    x = torch.ones(2, 2).as_subclass(Logging)
    Logging.calls.clear()
    y = x + 1
    (y @ y).sum()
    F.relu(y)
    assert Logging.calls == ["add", "matmul", "sum", "relu"]
    with torch.overrides.DisableTorchFunctionSubclass():
        assert type(x + 1) is torch.Tensor
    assert Logging.calls == ["add", "matmul", "sum", "relu"]


class Recording(torch.overrides.TorchFunctionMode):
    def __init__(self) -> None:
        self.calls: list[Any] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.calls.append(func)
        return func(*args, **(kwargs or {}))


def test_a_mode_stands_in_the_place_of_functions() -> None:
    x = torch.ones(2)
    with Recording() as mode:
        y = x * 2
        assert y.shape == (2,)
        F.mse_loss(x, y)
        torch.zeros(1)
    x + 1
    assert [func.__name__ for func in mode.calls] == ["mul", "__get__", "mse_loss", "zeros"]
    assert mode.calls[0] is torch.Tensor.mul and mode.calls[2] is F.mse_loss

    class Nothing(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return 0 if func is torch.randn else func(*args, **(kwargs or {}))

    with Nothing():
        assert torch.randn(3) == 0
        assert torch.ones(1).item() == 1


def test_modes_nest_from_the_inside_and_leave_on_errors() -> None:
    with Recording() as outer, Recording() as inner:
        torch.ones(1)
    assert (len(outer.calls), len(inner.calls)) == (1, 1)
    with pytest.raises(RuntimeError), Recording() as mode:
        torch.ones(2) @ torch.ones(3)
    assert len(mode.calls) == 3
    assert torch.overrides._get_current_function_mode() is None
    with torch.overrides.BaseTorchFunctionMode(), torch.overrides.DisableTorchFunction():
        assert not torch.overrides.has_torch_function((Foreign(),))


def test_a_mode_belongs_to_its_thread() -> None:
    with Recording() as mode:
        thread = threading.Thread(target=lambda: torch.ones(1) + 1)
        thread.start()
        thread.join()
    assert mode.calls == []


def test_functions_of_ones_own() -> None:
    @torch.overrides.wrap_torch_function(lambda x, y: (x, y))
    def own(x: Any, y: Any) -> Any:
        return "own"

    foreign = Foreign()
    assert own(1, 2) == "own"
    assert own(foreign, 2) == (own, (Foreign,), (foreign, 2), {})
    with pytest.raises(TypeError, match="no implementation found"):
        own(Declining(), 1)


def test_what_asks_can_be_listed_and_named() -> None:
    functions = torch.overrides.get_overridable_functions()
    assert torch.add in functions[torch] and F.relu in functions[F] and torch.Tensor.backward in functions[torch.Tensor]
    assert torch.is_tensor in torch.overrides.get_ignored_functions()
    assert torch.overrides.resolve_name(F.relu) == "torch.nn.functional.relu"
    assert torch.overrides.resolve_name(torch.Tensor.backward) == "torch.Tensor.backward"
    assert torch.overrides.resolve_name(len) is None
    assert torch.overrides.is_tensor_method_or_property(torch.Tensor.shape.__get__)
    stands_in = torch.overrides.get_testing_overrides()
    assert inspect.signature(stands_in[F.relu]) == inspect.signature(F.relu) and stands_in[torch.add](1, 2) == -1
    assert [torch.overrides.is_tensor_like(x) for x in (torch.ones(1), Foreign(), 3)] == [True, True, False]


def in_a_new_process(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_nobody_pays_before_the_first_sign() -> None:
    """Functions are as they were written; an object's first call arms them, whoever had imported one before."""
    assert in_a_new_process(
        "import wengert as torch\n"
        "from wengert.nn.functional import relu\n"
        "from wengert.tensors.overrides import is_armed\n"
        "code = relu.__code__\n"
        "torch.nn.Linear(2, 2)(torch.ones(1, 2)).sum().backward()\n"
        "assert not is_armed()\n"
        "class Mine:\n"
        "    @classmethod\n"
        "    def __torch_function__(cls, func, types, args=(), kwargs=None): return func.__name__\n"
        "print(torch.mean(Mine()), torch.where(torch.ones(1) > 0, Mine(), 1.0), torch.ones(1) + Mine(), relu(Mine()))\n"
        "assert relu.__code__ is not code\n") == "mean where add relu"


def test_a_subclass_that_is_defined_late_is_kept() -> None:
    assert in_a_new_process(
        "import wengert as torch\n"
        "from wengert import exp\n"
        "class Mine(torch.Tensor): pass\n"
        "print(type(exp(Mine([1.0]))).__name__, type(torch.ones(1) + Mine([1.0])).__name__)\n") == "Mine Mine"


def test_arming_keeps_signatures_and_names() -> None:
    assert mechanism.is_armed()
    assert str(inspect.signature(F.relu)) == "(input: 'Tensor', inplace: 'bool' = False) -> 'Tensor'"
    assert F.relu.__name__ == "relu" and F.relu.__doc__


def test_lines_are_the_programs_when_functions_are_armed() -> None:
    from wengert.core.frames import user_line

    class Asked:
        @classmethod
        def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return user_line()

    assert torch.add(Asked(), 1).startswith(__file__)
    assert mechanism.is_armed()
    x = torch.ones(2, requires_grad=True)
    with torch.autograd.watch():
        cut = x.detach() * 2
        answer = torch.autograd.why_none(x, (cut + torch.ones(2, requires_grad=True)).sum())
    assert answer.line is None or answer.line.startswith(__file__)


def test_armed_functions_are_no_lines_of_the_program() -> None:
    """What names the user's line looks past them."""
    assert mechanism.is_armed()
    with pytest.raises(RuntimeError, match="test_overrides.py"):
        torch.func.vmap(lambda x: x if x.sum() > 0 else -x)(torch.ones(3, 2))


def test_attributes_that_are_functions_too_can_be_set() -> None:
    x = torch.zeros(2, dtype=torch.complex64)
    x.real = torch.ones(2)
    assert x.real.tolist() == [1.0, 1.0] and torch.real(x).tolist() == [1.0, 1.0]


def test_sizes_that_a_recorded_program_reads_are_seen_where_functions_are_armed() -> None:
    assert mechanism.is_armed()
    run = torch.compile(lambda x: x * 2 if (x + 1).shape[0] > 5 or x.size(0) == 3 else x * 3, dynamic=True)
    assert [run(torch.ones(n))[0].item() for n in (2, 3, 4, 5, 6, 7)] == [3.0, 2.0, 3.0, 3.0, 2.0, 2.0]


def test_warnings_point_at_the_program_when_functions_are_armed() -> None:
    mechanism.arm()
    with pytest.warns(UserWarning) as caught:
        nn.functional.softmax(torch.ones(2))
        nn.Softmax()(torch.ones(2))
        nn.functional.mse_loss(torch.ones(2), torch.ones(2, 1))
        torch.sum(torch.ones(2, 2), 0, out=torch.ones(3))
        torch.tensor(torch.ones(2))
    assert len(caught) == 5 and {warning.filename for warning in caught} == {__file__}


FIRST = '''
import inspect, os, sys
import wengert as torch
from wengert import overrides

class Stranger:
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return func

failed = []
for name, function in list(overrides._functions())[int(sys.argv[1])::int(sys.argv[2])]:
    if name.startswith("torch.Tensor.") or not name.startswith(("torch.nn.functional.", "torch.linalg.", "torch.fft.",
                                                                "torch.special.")) or "__" in name:
        continue
    needed = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty and p.kind < 2]
    child = os.fork()
    if not child:
        try:
            answer = function(*[Stranger() for _ in needed or [0]])
        except Exception as error:
            answer = error
        os._exit(answer is not function)
    if os.waitpid(child, 0)[1]:
        failed.append(name)
print(*failed)
'''
# Their signature says *args, of which they want more than one, or they give what they are given without a look at it.
TAKE_MORE = {*"""
    adaptive_max_pool1d_with_indices adaptive_max_pool2d_with_indices adaptive_max_pool3d_with_indices
    feature_alpha_dropout fractional_max_pool2d_with_indices fractional_max_pool3d_with_indices
    max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices
""".split()}


def test_a_stranger_is_asked_by_whatever_function_comes_first() -> None:
    """Each function in a process in which nobody has been asked before, with objects that are no tensors."""
    found = subprocess.run([sys.executable, "-W", "ignore", "-c", FIRST, "0", "3"], capture_output=True, text=True,
                           check=True)
    assert {name.rpartition(".")[2] for name in found.stdout.split()} <= TAKE_MORE


@pytest.mark.parametrize("name", [
    "native_batch_norm", "native_group_norm", "native_dropout", "convolution", "lstm", "gru_cell", "rnn_relu",
    "ctc_loss", "poisson_nll_loss", "grid_sampler", "embedding_bag", "norm_except_dim",
    "margin_ranking_loss", "dropout_",
])
def test_functions_of_layers_at_the_top_level_ask(name: str) -> None:
    class Answers:
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return func, args

    function, x = getattr(torch, name), Answers()
    given = [x] * max(1, sum(parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
                             for parameter in inspect.signature(function).parameters.values()))
    asked, args = function(*given)
    assert asked.__name__ == name and list(args) == given


def test_what_a_class_is_told_of_attributes_rows_and_modules() -> None:
    told: list[Any] = []

    class Told(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            told.append(torch.overrides.resolve_name(func))
            return super().__torch_function__(func, types, args, kwargs or {})

    class Names(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            told.append(torch.overrides.resolve_name(func))
            return func(*args, **(kwargs or {}))

    x = torch.ones(3, 2).as_subclass(Told)
    told.clear()
    x.requires_grad = True
    x.grad = None
    assert told == ["torch.Tensor.requires_grad.__set__", "torch.Tensor.grad.__set__"]
    assert [type(row) for row in x] == [Told] * 3
    told.clear()
    with Names():
        torch.ones(2).exp()
    assert not [name for name in told if "__getattr__" in name]
