"""Inference tensors: beside tests/peer/programs/inference_tensors.py, what is wengert's own."""

from __future__ import annotations

import pytest

import wengert as torch


def test_a_refused_write_leaves_the_memory_as_it_was() -> None:
    with torch.inference_mode():
        x = torch.ones(3)
    for write in (lambda: x.add_(1), lambda: x.mul_(2.0), lambda: x.zero_(), lambda: x[:1].fill_(3)):
        with pytest.raises(RuntimeError, match="Inplace update to inference tensor outside"):
            write()
    assert x.tolist() == [1, 1, 1]


def test_compiled_functions_run_inside_and_their_results_are_marked() -> None:
    f = torch.compile(lambda x: (x * 2).sum(0), fullgraph=True)
    x = torch.ones(3, 2)
    f(x)
    with torch.inference_mode():
        found = [f(x) for _ in range(3)]
    assert all(y.is_inference() and y.tolist() == [6, 6] for y in found) and not f(x).is_inference()


def test_a_recording_is_none_of_inference_tensors() -> None:
    def f(x: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            y = x * 2
            y.add_(1)
        return y.clone()

    assert torch.compile(f, fullgraph=True)(torch.ones(2)).tolist() == f(torch.ones(2)).tolist() == [3, 3]


def test_transformations_inside() -> None:
    with torch.inference_mode():
        assert torch.func.vmap(lambda x: x.sin().sum())(torch.zeros(3, 2)).tolist() == [0, 0, 0]
        assert torch.func.grad(lambda x: (x * x).sum())(torch.ones(2)).tolist() == [2, 2]


def test_the_mode_is_left_whatever_happens() -> None:
    with pytest.raises(ZeroDivisionError), torch.inference_mode():
        raise ZeroDivisionError
    assert not torch.ones(1).is_inference() and torch.is_grad_enabled() and not torch.is_inference_mode_enabled()


def test_a_view_made_in_inference_mode_says_so() -> None:
    for context, word in ((torch.no_grad, "no_grad"), (torch.inference_mode, "inference")):
        base = torch.ones(2, 3, requires_grad=True).clone()
        with context():
            view = base.view(-1)
        with pytest.raises(RuntimeError, match=f"A view was created in {word} mode and is being modified inplace"):
            view.add_(1)


def test_an_inference_tensor_may_be_resized_where_it_may_be_written() -> None:
    with torch.inference_mode():
        x = torch.ones(2, 3, requires_grad=True)
        x.resize_(1, 2)
        assert x.shape == (1, 2) and x.is_inference() and x.requires_grad
