"""Layers and functions for fewer programs: sampling, fractional pooling, adaptive softmax, import paths, hooks of all
modules; averaged models, Adafactor and Muon."""

from __future__ import annotations

from typing import Any

import pytest

import wengert as torch
from wengert import nn
from wengert.nn import functional as F
from wengert.nn.modules import module as module_path


def close(x: torch.Tensor, y: Any, tolerance: float = 1e-5) -> bool:
    return torch.allclose(x, torch.as_tensor(y, dtype=x.dtype), atol=tolerance)


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("align", [True, False])
def test_the_grid_of_the_identity_reads_the_image(mode: str, align: bool) -> None:
    image = torch.arange(24.0).reshape(1, 2, 3, 4)
    grid = F.affine_grid(torch.tensor([[[1.0, 0, 0], [0, 1, 0]]]), [1, 2, 3, 4], align_corners=align)
    assert close(F.grid_sample(image, grid, mode, align_corners=align), image, 1e-4)


def test_what_lies_outside_an_image() -> None:
    image = torch.tensor([[[[1.0, 2.0, 3.0]]]])
    grid = torch.tensor([[[[-2.0, 0.0], [2.0, 0.0], [0.5, 0.0]]]])
    read = {p: F.grid_sample(image, grid, padding_mode=p, align_corners=True)[0, 0, 0].tolist()
            for p in ("zeros", "border", "reflection")}
    assert read == {"zeros": [0.0, 0.0, 2.5], "border": [1.0, 3.0, 2.5], "reflection": [2.0, 2.0, 2.5]}


def test_gradients_of_sampling_against_differences() -> None:
    torch.manual_seed(0)
    image = torch.randn(1, 2, 4, 3, dtype=torch.float64, requires_grad=True)
    grid = (torch.rand(1, 3, 2, 2, dtype=torch.float64) * 1.6 - 0.8).requires_grad_()
    for mode in ("bilinear", "bicubic"):
        for padding in ("zeros", "border", "reflection"):
            torch.autograd.gradcheck(
                lambda x, g, m=mode, p=padding: F.grid_sample(x, g, m, p, align_corners=False), (image, grid)
            )


def test_fractional_windows_cover_the_plane() -> None:
    torch.manual_seed(0)
    x = torch.arange(49.0).reshape(1, 1, 7, 7)
    out, places = nn.FractionalMaxPool2d(2, output_size=4, return_indices=True)(x)
    assert out.shape == (1, 1, 4, 4) and torch.equal(x.flatten()[places], out)
    assert out[0, 0, -1, -1] == 48 and bool((out.diff(dim=-1) > 0).all())
    with pytest.raises(ValueError, match="do not fit"):
        F.fractional_max_pool2d(x, 3, output_size=6)


def test_smooth_shrinking() -> None:
    ramp = torch.arange(8.0).reshape(1, 1, 1, 8)
    smooth = F.interpolate(ramp, (1, 4), mode="bilinear", antialias=True)
    assert close(smooth[0, 0, 0], [0.7142857, 2.5, 4.5, 6.2857143])
    constant = F.interpolate(torch.full((1, 1, 9, 7), 3.0), (4, 5), mode="lanczos", antialias=True)
    assert close(constant, torch.full((1, 1, 4, 5), 3.0))


def test_adaptive_softmax_is_a_distribution() -> None:
    torch.manual_seed(0)
    layer = nn.AdaptiveLogSoftmaxWithLoss(6, 10, [2, 5], div_value=1.5)
    x, target = torch.randn(12, 6), torch.arange(12) % 10
    log_prob = layer.log_prob(x)
    assert close(log_prob.exp().sum(1), torch.ones(12))
    output, loss = layer(x, target)
    assert close(output, log_prob.gather(1, target.unsqueeze(1)).squeeze(1)) and close(loss, -output.mean())
    assert torch.equal(layer.predict(x), log_prob.argmax(1))


def test_margins_of_several_labels() -> None:
    scores = torch.tensor([[0.1, 0.2, 0.4, 0.8]])
    # The example of the documentation of Torch 7: labels 3 and 0 of four.
    assert close(F.multilabel_margin_loss(scores, torch.tensor([[3, 0, -1, 1]])), 0.85)


def test_distances_of_all_pairs() -> None:
    assert close(F.pdist(torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])), [5.0, 1.0, 18**0.5])


def test_public_classes_do_not_pass_for_each_other() -> None:
    assert not isinstance(nn.SiLU(), nn.ReLU) and not isinstance(nn.Dropout2d(), nn.Dropout)
    assert not isinstance(nn.CrossEntropyLoss(), nn.NLLLoss) and not isinstance(nn.LogSoftmax(1), nn.Softmax)
    assert isinstance(nn.ZeroPad2d(1), nn.ConstantPad2d) and isinstance(nn.ReLU6(), nn.Hardtanh)


def test_names_that_programs_import() -> None:
    from wengert.nn.modules.batchnorm import _BatchNorm
    from wengert.nn.modules.conv import _ConvNd
    from wengert.nn.modules.utils import _pair

    from wengert.nn.attention import SDPBackend, sdpa_kernel
    from wengert.nn.parameter import UninitializedParameter
    from wengert.optim.swa_utils import AveragedModel

    assert isinstance(nn.Conv1d(1, 1, 1), _ConvNd) and isinstance(nn.BatchNorm2d(1), _BatchNorm)
    assert _pair(3) == (3, 3) and nn.modules.conv.Conv2d is nn.Conv2d and AveragedModel is not None
    assert UninitializedParameter is nn.UninitializedParameter
    with sdpa_kernel(SDPBackend.MATH):
        pass
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        nn.parallel.DistributedDataParallel(nn.Linear(1, 1))
    with pytest.raises(AttributeError, match="wengert.nn.modules.conv.Conv4d is not in wengert yet"):
        nn.modules.conv.Conv4d  # noqa: B018


def test_data_parallel_calls_the_module() -> None:
    layer = nn.Linear(2, 1)
    spread = nn.DataParallel(layer)
    assert torch.equal(spread(torch.ones(3, 2)), layer(torch.ones(3, 2)))
    assert list(spread.state_dict()) == ["module.weight", "module.bias"]


def test_hooks_of_all_modules_come_and_go() -> None:
    seen: list[str] = []
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    with module_path.register_module_forward_hook(lambda m, args, out: seen.append(type(m).__name__)):
        net(torch.ones(1, 2))
    net(torch.ones(1, 2))
    assert seen == ["Linear", "ReLU", "Sequential"]
    with module_path.register_module_parameter_registration_hook(lambda m, name, p: seen.append(name)):
        nn.Linear(2, 2, bias=False)
    assert seen[-1] == "weight"


def test_lazy_buffers_stay_lazy_when_converted() -> None:
    layer = nn.LazyBatchNorm1d().double()
    assert layer(torch.ones(4, 3, dtype=torch.float64)).dtype is torch.float64
    assert layer.running_mean.dtype is torch.float64 and layer.running_mean.shape == (3,)


def test_to_empty_and_compile() -> None:
    layer = nn.Linear(2, 2)
    weight = layer.weight
    assert layer.to_empty(device="cpu").weight is weight
    plain = layer(torch.ones(1, 2))
    layer.compile()
    assert layer(torch.ones(1, 2)).tolist() == plain.tolist()


# --- optimisers -------------------------------------------------------------------------------------------------------


def test_the_mean_of_a_walk() -> None:
    model = nn.Linear(1, 1, bias=False)
    mean = torch.optim.swa_utils.AveragedModel(model)
    for value in (1.0, 2.0, 6.0):
        model.weight.data.fill_(value)
        mean.update_parameters(model)
    assert close(mean.module.weight, [[3.0]]) and int(mean.n_averaged) == 3
    ema = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    for value in (0.0, 10.0):
        model.weight.data.fill_(value)
        ema.update_parameters(model)
    assert close(ema.module.weight, [[1.0]])


def test_update_bn_takes_the_mean_over_a_pass() -> None:
    net = nn.Sequential(nn.BatchNorm1d(1))
    torch.optim.swa_utils.update_bn([torch.tensor([[1.0], [3.0]]), torch.tensor([[5.0], [7.0]])], net)
    assert close(net[0].running_mean, [4.0]) and net[0].momentum == 0.1 and int(net[0].num_batches_tracked) == 2


def test_swalr_reaches_its_rate_and_stays() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = torch.optim.swa_utils.SWALR(optimizer, swa_lr=0.2, anneal_epochs=4, anneal_strategy="linear")
    rates = []
    for _ in range(6):
        optimizer.step()
        schedule.step()
        rates.append(round(schedule.get_last_lr()[0], 6))
    assert rates == [0.8, 0.6, 0.4, 0.2, 0.2, 0.2]


def test_adafactor_keeps_a_number_a_row_and_a_column() -> None:
    weight = torch.tensor([[3.0, -2.0, 1.0], [0.5, 4.0, -1.0]], requires_grad=True)
    optimizer = torch.optim.Adafactor([weight], lr=0.5)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = (weight**2).sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 1e-2 * losses[0]
    assert {name: tuple(x.shape) for name, x in optimizer.state[weight].items()} == {
        "step": (), "row_var": (2, 1), "col_var": (1, 3)
    }


def test_muon_steps_along_nearly_orthogonal_matrices() -> None:
    pytest.importorskip("ml_dtypes")
    torch.manual_seed(0)
    weight = torch.randn(4, 6).requires_grad_()
    before = weight.detach().clone()
    optimizer = torch.optim.Muon([weight], lr=1.0, weight_decay=0.0)
    weight.grad = torch.randn(4, 6)
    optimizer.step()
    sizes = torch.linalg.svdvals(before - weight.detach())
    assert bool(((sizes > 0.4) & (sizes < 1.6)).all())
    with pytest.raises(ValueError, match="only supports 2D parameters"):
        torch.optim.Muon([torch.zeros(3, requires_grad=True)])


# --- known bug --------------------------------------------------------------------------------------------------------

KEEPERS: dict[str, Any] = {
    "MaxPool1d": lambda: nn.MaxPool1d(2)(torch.randn(1, 2, 6, requires_grad=True)),
    "MaxPool2d": lambda: nn.MaxPool2d(2)(torch.randn(1, 2, 6, 6, requires_grad=True)),
    "GRU": lambda: nn.GRU(2, 3)(torch.randn(4, 1, 2))[0],
    "RNN": lambda: nn.RNN(2, 3)(torch.randn(4, 1, 2))[0],
    "GRUCell": lambda: nn.GRUCell(2, 3)(torch.randn(4, 2)),
    "LSTMCell": lambda: nn.LSTMCell(2, 3)(torch.randn(4, 2))[0],
}


@pytest.mark.parametrize("name", list(KEEPERS))
def test_results_that_may_be_overwritten(name: str) -> None:
    """As in ``nn.Sequential(nn.MaxPool2d(2), nn.ReLU(inplace=True))``."""
    out = KEEPERS[name]()
    nn.functional.relu(out, inplace=True).sum().backward()
