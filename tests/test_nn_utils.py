"""`nn.utils`: weights that are computed, normalised, pruned and fused; modules called with other tensors."""

from __future__ import annotations

import copy
import pickle

import pytest

import wengert as torch
from wengert import nn
from wengert.nn.utils import parametrizations, parametrize, prune


def rows_of(weight: torch.Tensor) -> torch.Tensor:
    return (weight * weight).sum(1).sqrt()


@pytest.mark.parametrize("old", [True, False])
def test_weight_norm_keeps_the_weight_and_parts_it(old: bool) -> None:
    layer = nn.Linear(4, 3)
    before = layer.weight.detach().clone()
    if old:
        with pytest.warns(FutureWarning, match="parametrizations.weight_norm"):
            nn.utils.weight_norm(layer)
        g, v = layer.weight_g, layer.weight_v
    else:
        parametrizations.weight_norm(layer)
        g, v = layer.parametrizations.weight.original0, layer.parametrizations.weight.original1
    assert torch.allclose(layer.weight, before)
    assert g.shape == (3, 1) and torch.allclose(g.squeeze(1), rows_of(before))
    with torch.no_grad():
        g.fill_(2.0)
        v.mul_(5.0)
    layer(torch.ones(1, 4))
    assert torch.allclose(rows_of(layer.weight), torch.full((3,), 2.0))


@pytest.mark.parametrize("old", [True, False])
def test_spectral_norm_brings_the_largest_singular_value_to_one(old: bool) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(2, 4, 3)
    (nn.utils.spectral_norm if old else parametrizations.spectral_norm)(layer, n_power_iterations=30)
    layer(torch.ones(1, 2, 4, 4))
    assert abs(torch.linalg.matrix_norm(layer.weight.reshape(4, -1), 2).item() - 1) < 1e-4
    layer.eval()
    first = layer(torch.ones(1, 2, 4, 4))
    assert torch.equal(first, layer(torch.ones(1, 2, 4, 4)))


@pytest.mark.parametrize("kind", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)])
def test_orthogonal_matrices_stay_so_while_they_learn(kind: str, shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer = parametrizations.orthogonal(nn.Linear(shape[1], shape[0]).double(), orthogonal_map=kind)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    start = layer.weight.detach().clone()
    for _ in range(5):
        optimizer.zero_grad()
        (layer(torch.ones(2, shape[1], dtype=torch.float64)) ** 2).sum().backward()
        optimizer.step()
    weight = layer.weight
    product = weight.T @ weight if shape[0] >= shape[1] else weight @ weight.T
    assert torch.allclose(product, torch.eye(min(shape), dtype=torch.float64), atol=1e-10)
    assert not torch.allclose(weight, start)


class Positive(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.exp()

    def right_inverse(self, x: torch.Tensor) -> torch.Tensor:
        return x.log()


def test_a_parametrised_layer_is_still_its_class_and_learns() -> None:
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 4.0]]))
    parametrize.register_parametrization(layer, "weight", Positive())
    assert isinstance(layer, nn.Linear) and type(layer).__name__ == "ParametrizedLinear"
    assert torch.allclose(layer.weight, torch.tensor([[1.0, 4.0]]))
    assert [name for name, _ in layer.named_parameters()] == ["bias", "parametrizations.weight.original"]
    layer.weight = torch.tensor([[2.0, 3.0]])
    layer(torch.ones(1, 2)).sum().backward()
    original = layer.parametrizations.weight.original
    assert torch.allclose(original.grad, torch.tensor([[2.0, 3.0]]))
    again = copy.deepcopy(layer)
    assert torch.equal(again.weight, layer.weight)
    with parametrize.cached():
        assert layer.weight is layer.weight
    with pytest.raises(RuntimeError, match="only supported through state_dict"):
        pickle.dumps(layer)
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear and torch.allclose(layer.weight, torch.tensor([[2.0, 3.0]]))


def test_parametrizations_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="may not change the shape"):
        parametrize.register_parametrization(nn.Linear(2, 2), "weight", nn.Flatten(0))
    with pytest.raises(ValueError, match="does not have a parameter, a buffer"):
        parametrize.register_parametrization(nn.Linear(2, 2), "weights", Positive())
    with pytest.raises(ValueError, match="does not have a parametrization on weight"):
        parametrize.remove_parametrizations(nn.Linear(2, 2), "weight")


def test_pruning_one_after_another() -> None:
    torch.manual_seed(1)
    layer = nn.Linear(5, 4)
    prune.l1_unstructured(layer, "weight", amount=5)
    assert int((layer.weight == 0).sum()) == 5 and prune.is_pruned(layer)
    smallest = layer.weight_orig.abs().flatten().sort().values[:5]
    assert torch.equal(layer.weight_orig[layer.weight_mask == 0].abs().sort().values, smallest)
    prune.l1_unstructured(layer, "weight", amount=0.2)  # of the 15 left
    assert int((layer.weight_mask == 0).sum()) == 8
    prune.ln_structured(layer, "weight", amount=1, n=2, dim=0)
    assert bool((layer.weight_mask.sum(1) == 0).any())
    layer(torch.ones(1, 5)).sum().backward()
    assert bool((layer.weight_orig.grad[layer.weight_mask == 0] == 0).all())
    kept = layer.weight.detach().clone()
    prune.remove(layer, "weight")
    assert torch.equal(layer.weight, kept) and isinstance(layer.weight, nn.Parameter) and not prune.is_pruned(layer)


def test_pruning_all_layers_as_one() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    with torch.no_grad():
        net[0].weight.fill_(0.01)
        net[1].weight.fill_(1.0)
    prune.global_unstructured([(net[0], "weight"), (net[1], "weight")], prune.L1Unstructured, amount=0.5)
    assert bool((net[0].weight == 0).all()) and bool((net[1].weight == 1).all())


def test_pruning_that_fails_leaves_the_layer_as_it_was() -> None:
    layer = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="should be smaller than the number of parameters"):
        prune.l1_unstructured(layer, "weight", amount=9)
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    with pytest.raises(ValueError, match="has to be pruned before"):
        prune.remove(layer, "weight")


@pytest.mark.parametrize("transposed", [False, True])
def test_fused_layers_compute_the_same(transposed: bool) -> None:
    torch.manual_seed(0)
    conv = (nn.ConvTranspose2d if transposed else nn.Conv2d)(2, 3, 3, bias=transposed)
    norm = nn.BatchNorm2d(3)
    norm(conv(torch.randn(4, 2, 5, 5)))
    x = torch.randn(2, 2, 5, 5)
    fused = nn.utils.fuse_conv_bn_eval(conv.eval(), norm.eval(), transposed)
    assert torch.allclose(fused(x), norm(conv(x)), atol=1e-5)
    with pytest.raises(AssertionError, match="only for eval"):
        nn.utils.fuse_conv_bn_eval(conv.train(), norm)


def test_functional_call_leaves_the_module_as_it_was() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    state = {name: value.clone() for name, value in net.state_dict().items()}
    given = {"0.weight": torch.eye(2).requires_grad_(), "1.running_mean": torch.zeros(2)}
    out = nn.utils.stateless.functional_call(net, given, torch.tensor([[1.0, 2.0], [3.0, 5.0]]))
    (out * torch.tensor([[1.0, 2.0], [4.0, 3.0]])).sum().backward()
    assert given["0.weight"].grad is not None and net[0].weight.grad is None
    assert bool((given["1.running_mean"] != 0).any())
    assert torch.equal(net[1].running_mean, state["1.running_mean"])
    nn.utils.stateless.functional_call(net, {"0.weights": torch.eye(2)}, torch.ones(2, 2))  # unknown names pass
    assert not hasattr(net[0], "weights")
    with pytest.raises(RuntimeError, match="Unexpected key"):
        nn.utils.stateless.functional_call(net, {**state, "0.weights": torch.eye(2)}, torch.ones(2, 2), strict=True)
    with pytest.raises(RuntimeError, match="Missing key"):
        nn.utils.stateless.functional_call(net, {"0.weight": torch.eye(2)}, torch.ones(2, 2), strict=True)


def test_skip_init_draws_nothing() -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    layer = nn.utils.skip_init(nn.Linear, 3, 2)
    assert layer.weight.shape == (2, 3) and torch.equal(torch.rand(1), expected)
