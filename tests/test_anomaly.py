"""Finding where a NaN came from, and the source lines of nodes and writes."""

from __future__ import annotations

import sys
import threading
import warnings
from typing import Any

import pytest

import wengert as torch
from wengert.autograd import (
    detect_anomaly,
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    record_lines,
    set_detect_anomaly,
)
from wengert.core.errors import InplaceError
from wengert.core.state import state

pytestmark = pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled", "ignore:Error detected in",
                                        "ignore:Previous calculation was induced by")


def leaf(*values: float) -> Any:
    return torch.tensor(values, requires_grad=True)


def here(offset: int = 0) -> str:
    """The place of the caller's line, as messages give it."""
    frame = sys._getframe(1)
    return f"{__file__}:{frame.f_lineno + offset}"


def test_forward_nan_and_inf_raise_at_their_line() -> None:
    zero = leaf(0.0)
    with detect_anomaly():
        with pytest.raises(RuntimeError, match=r"\[div\] made nan") as caught:
            line = here(1)
            zero / zero
        assert line in str(caught.value)
        with pytest.raises(RuntimeError, match=r"\[log\] made inf"):
            zero.log()
        with pytest.raises(RuntimeError, match=r"\[exp\] made inf"):
            leaf(1000.0).exp()
        with pytest.raises(RuntimeError, match=r"\[sqrt\] made nan"):
            leaf(-1.0).detach().sqrt()


def test_what_was_not_finite_before_passes() -> None:
    infinite = torch.tensor([float("inf"), 1.0])
    with detect_anomaly():
        assert (infinite * 2).tolist() == [float("inf"), 2.0]
        assert torch.ones(2).masked_fill(torch.tensor([True, False]), float("-inf")).tolist() == [float("-inf"), 1.0]
        nan = torch.tensor([float("nan")]) + 1
        assert nan.isnan().item()
        with pytest.raises(RuntimeError, match="made nan"):
            infinite - infinite


def test_backward_names_the_node_and_its_forward_line() -> None:
    x = leaf(0.0)
    with detect_anomaly():
        y = x.sqrt()
        line = here(-1)
        with pytest.raises(
            RuntimeError, match="Function 'SqrtBackward0' returned inf values in its 0th output"
        ) as caught:
            y.sum().backward()
    assert line in str(caught.value)
    assert x.grad is None
    y = x.sqrt() * 0
    with detect_anomaly(), pytest.raises(RuntimeError, match="returned nan values.*ran outside detect_anomaly"):
        y.sum().backward()


def test_check_nan_off_records_lines_only() -> None:
    x = leaf(0.0)
    with detect_anomaly(check_nan=False):
        y = x / x
        line = here(-1)
        assert is_anomaly_enabled() and not is_anomaly_check_nan_enabled()
    assert y.grad_fn.line == line
    assert not is_anomaly_enabled()


def test_set_detect_anomaly() -> None:
    zero = leaf(0.0)
    set_detect_anomaly(True)
    try:
        assert is_anomaly_enabled() and is_anomaly_check_nan_enabled()
        with set_detect_anomaly(False):
            assert not is_anomaly_enabled()
            zero / zero
        assert is_anomaly_enabled()
        with pytest.raises(RuntimeError, match="made nan"):
            zero / zero
    finally:
        set_detect_anomaly(False)
    assert state.watcher is None
    with set_detect_anomaly(True, check_nan=False):
        assert is_anomaly_enabled() and not is_anomaly_check_nan_enabled()
        with record_lines():
            set_detect_anomaly(False)
            assert not is_anomaly_enabled() and isinstance(state.watcher, record_lines)
    assert state.watcher is None


def test_other_threads_are_not_watched() -> None:
    seen = []
    with detect_anomaly():
        thread = threading.Thread(target=lambda: seen.append(is_anomaly_enabled()))
        thread.start()
        thread.join()
    assert seen == [False]


def test_lines_of_nodes() -> None:
    x = leaf(1.0, 2.0)
    assert (x * x).grad_fn.line is None
    with record_lines():
        y = x * x
        line = here(-1)
        y[0] = x[1]
        written = here(-1)
    assert y.grad_fn.line == written
    assert y.grad_fn.next_functions[0][0].line == line


def test_an_overwritten_value_names_both_lines() -> None:
    x = leaf(1.0, 2.0)
    with record_lines():
        y = x * 1
        z = y.exp() * y
        saved = here(-1)
        y.add_(1)
        wrote = here(-1)
    with pytest.raises(InplaceError) as caught:
        z.sum().backward()
    assert f"saved by MulBackward0 at {saved}" in str(caught.value)
    assert f"it was written at {wrote}" in str(caught.value)


def test_freed_graphs_name_the_line() -> None:
    x = leaf(1.0, 2.0)
    with record_lines():
        y = (x * x).sum()
        line = here(-1)
    y.backward()
    with pytest.raises(RuntimeError) as caught:
        y.backward()
    assert f"MulBackward0 at {line}" in str(caught.value)


def test_results_are_the_same_when_watched() -> None:
    """Views, writes and fast paths mean the same on the path on which evaluation is watched."""

    def program() -> list[Any]:
        x = leaf(1.0, 2.0, 3.0)
        y = x * x
        y[1:] *= x[0]
        y.add_(x)
        z = y.reshape(3, 1).expand(3, 2).sum() + y.max() + (y @ y)
        z.backward()
        with torch.no_grad():
            x.mul_(2)
        return [y.tolist(), z.item(), x.grad.tolist(), x.tolist()]

    with detect_anomaly():
        watched = program()
    assert watched == program()
    with record_lines():
        with pytest.raises(RuntimeError, match="single memory location"):
            torch.zeros(1).expand(3).add_(1)


def test_free_when_off() -> None:
    y = leaf(1.0) * 2
    assert state.watcher is None and y.grad_fn.rare is None


def test_watching_leaves_index_checks_in_force() -> None:
    x, index = torch.arange(3.0), torch.tensor([3])
    with record_lines(), pytest.raises(RuntimeError, match="index 3 is out of bounds"):
        x.gather(0, index)


def test_what_is_said_when_backward_fails() -> None:
    with pytest.warns(UserWarning) as said, pytest.raises(InplaceError), detect_anomaly():
        x = leaf(1.0)
        y = x + 1
        line = here(1)
        z = y**2
        y += 1
        z.backward()
    texts = [str(warning.message) for warning in said]
    assert "Anomaly Detection has been enabled" in texts[0] and len(texts) == 2
    assert "Error detected in PowBackward0" in texts[1] and line in texts[1] and "z = y**2" in texts[1]
    root = leaf(0.0).sqrt()
    with pytest.warns(UserWarning, match="No forward pass information"), pytest.raises(RuntimeError), detect_anomaly():
        root.backward()


class Nan(torch.autograd.Function):
    """Its backward is not a number."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 1

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad * 0 / 0


def test_a_backward_of_ones_own_is_named() -> None:
    with detect_anomaly(), pytest.raises(RuntimeError, match="Function 'NanBackward' returned nan values in its 0th"):
        Nan.apply(leaf(1.0)).backward()


def test_the_operation_whose_backward_recorded_the_one_that_failed() -> None:
    with pytest.warns(UserWarning) as said, pytest.raises(RuntimeError), detect_anomaly():
        x = leaf(0.0)
        (first,) = torch.autograd.grad(x**1.5, x, create_graph=True)
        torch.autograd.grad(first, x)
    texts = [str(warning.message) for warning in said]
    assert any("Previous calculation was induced by PowBackward0" in text for text in texts)


def test_lines_are_the_users_where_functions_ask_for_their_overrides() -> None:
    from wengert.tensors.overrides import arm

    arm()
    with record_lines():
        line = here(1)
        y = leaf(1.0) * 2
    assert y.grad_fn.line == line


def test_where_warnings_are_errors_the_line_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.warns(UserWarning, match="Anomaly Detection has been enabled"):
        mode = detect_anomaly().__enter__()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InplaceError):
            y = torch.ones(2, requires_grad=True) + 1
            z = y**2
            y += 1
            z.sum().backward()
    mode.leave()
    assert "Error detected in PowBackward0" in capsys.readouterr().err
