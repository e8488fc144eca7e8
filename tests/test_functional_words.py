"""What `torch.autograd.functional` says of wrong arguments: which function, which argument, what it was."""

from __future__ import annotations

from typing import Any

import pytest

import wengert as torch
from wengert.autograd import functional

PRODUCTS = {name: getattr(functional, name) for name in ("vjp", "jvp", "vhp", "hvp")}
OTHERS = {"jacobian": functional.jacobian, "hessian": functional.hessian}


def one(x: Any, *rest: Any) -> Any:
    return x.exp().sum()


@pytest.mark.parametrize("name", [*PRODUCTS, *OTHERS])
def test_inputs_and_outputs_are_tensors(name: str) -> None:
    run = {**PRODUCTS, **OTHERS}[name]
    x = torch.rand(3)
    with pytest.raises(TypeError, match=f"The inputs given to {name} must be either a Tensor or a tuple of Tensors "
                                        "but the value at index 1 has type <class 'int'>"):
        run(one, (x, 2))
    with pytest.raises(TypeError, match=f"The outputs of the user-provided function given to {name} must"):
        run(lambda x: (one(x), "bar"), x, **({"v": x} if name in ("jvp", "vhp", "hvp") else {}))


@pytest.mark.parametrize("name", PRODUCTS)
def test_vectors(name: str) -> None:
    run, x = PRODUCTS[name], torch.rand(3)
    with pytest.raises(TypeError, match=f"The v given to {name} must be"):
        run(one, x, (x, 2))
    words = "function returns a single" if name == "vjp" else "input to the user-provided function is a single"
    with pytest.raises(RuntimeError, match=f"can only be None if the .*{words}"):
        run(lambda x: x * 2 if name == "vjp" else one(x), x)


@pytest.mark.parametrize("name", ["vhp", "hvp", "hessian"])
def test_a_single_number(name: str) -> None:
    run, x = {**PRODUCTS, **OTHERS}[name], torch.rand(3)
    given = () if name == "hessian" else (x,)
    with pytest.raises(RuntimeError, match=f"The Tensor returned by the function given to {name} should contain a"):
        run(lambda x: x * 2, x, *given)
    with pytest.raises(RuntimeError, match=f"The function given to {name} should return a single Tensor"):
        run(lambda x: (one(x), one(x)), x, *given)


def test_strict_forward_tells_a_still_output_from_one_of_another_history() -> None:
    x = torch.rand(3)
    with pytest.raises(RuntimeError, match="Output 0 of the user-provided function does not require gradients"):
        functional.jvp(lambda a: a.detach(), x, x, strict=True)
    with pytest.raises(RuntimeError, match="is independent of input 0"):
        functional.jvp(lambda a: a.long().float().requires_grad_().clone(), x, x, strict=True)


def test_the_standard_basis() -> None:
    parts = functional._construct_standard_basis_for([torch.rand(2), torch.rand(3, dtype=torch.float64)], (2, 3))
    assert [part.dtype for part in parts] == [torch.float32, torch.float64]
    assert torch.cat([part.float() for part in parts], 1).tolist() == torch.eye(5).tolist()
