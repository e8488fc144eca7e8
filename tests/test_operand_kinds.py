"""Every public function given something that is no tensor, first and second: the error names the argument, and is no
failure from inside."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import wengert as torch
from wengert.core.errors import KindError

F = torch.nn.functional
t = torch.ones(2, 2)
HOMES = {"torch": torch, "F": F, "linalg": torch.linalg, "special": torch.special, "fft": torch.fft}
STATE = {"compile", "load", "save", "seed", "use_deterministic_algorithms", "inference_mode", "enable_grad", "no_grad"}
CALLS = {f"{home}.{name}": getattr(module, name) for home, module in HOMES.items() for name in dir(module)
         if inspect.isfunction(getattr(module, name)) and name[0] != "_" and "set_" not in name
         and name not in STATE}


@pytest.mark.parametrize("args", [("x",), (None,), (object(),), (t, "x"), (t, object())])
def test_what_is_no_tensor_is_no_failure_from_inside(args: tuple[Any, ...]) -> None:
    inside = {}
    for name, function in CALLS.items():
        try:
            function(*args)
        except AttributeError as error:
            if error.obj is args[-1] and not isinstance(error, TypeError):
                inside[name] = str(error)
        except Exception:  # noqa: S112 - any word about the call will do here
            continue
    assert not inside
    assert len(CALLS) > 700


@pytest.mark.parametrize(("name", "args"), [
    ("torch.max_pool2d", (t, "x")), ("torch.addr", (t, t, "x")), ("torch.outer", (t, "x")), ("torch.cross", (t, "x")),
    ("torch.bitwise_and", (t, "x")), ("torch.rot90", (t, t, "x")), ("torch.argmax", (t, t, "x")),
    ("torch.lu_unpack", (t, t, "x")), ("torch.quantile", (t, "x")), ("torch.where", (t, t, "x")),
    ("torch.arange", (t, object())), ("torch.polygamma", (t, "x")), ("linalg.cond", (t, object())),
    ("F.avg_pool3d", (t, "x")), ("F.layer_norm", (t, "x")), ("F.unfold", (t, object())),
])
def test_a_word_or_a_bare_object_is_named_whatever_fails_first(name: str, args: tuple[Any, ...]) -> None:
    with pytest.raises(KindError, match=r"argument '\w+' \(position \d\) must be|\(\) received an "
                                        r"invalid combination of arguments"):
        CALLS[name](*args)


@pytest.mark.parametrize(("call", "words"), [
    (lambda: torch.kron(t, "x"), r"kron\(\): argument 'other' \(position 2\) must be Tensor, not str"),
    (lambda: torch.abs_("x"), r"abs_\(\): argument 'input' \(position 1\) must be Tensor, not str"),
    (lambda: torch.ones(2).lerp_(3, torch.ones(2)), r"lerp\(\): argument 'end' \(position 2\) must be Tensor, not int"),
    (lambda: t.clone().addcmul_(t, 2), r"addcmul\(\): argument 'tensor2' .* must be Tensor, not int"),
    (lambda: torch.argmax(t, 0, "x"), r"argmax\(\): argument 'keepdim' \(position 3\) must be bool, not str"),
    (lambda: F.linear(None, t), r"linear\(\): argument 'input' \(position 1\) must be Tensor, not NoneType"),
    (lambda: F.conv1d("x", t), r"conv1d\(\): argument 'input' \(position 1\) must be Tensor, not str"),
    (lambda: F.softmax(t, "x"), r"softmax\(\): argument 'dim' \(position 2\) must be int, not str"),
    (lambda: torch.chain_matmul(t, "x"), r"chain_matmul\(\): argument 'matrices' .* must be Tensor, not str"),
])
def test_the_argument_is_named(call: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        call()
