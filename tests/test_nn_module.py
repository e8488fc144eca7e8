"""`nn.Module`: adopting, walking, converting, saving, hooks and printing, without PyTorch at hand."""

from __future__ import annotations

import copy
import io
import operator
import pickle
import traceback
import weakref
from collections import OrderedDict
from typing import Any

import pytest

import wengert
from wengert import Tensor, nn


class Net(nn.Module):
    """A small network with a bit of everything."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
        self.head = nn.Linear(4, 2)
        self.register_buffer("count", wengert.zeros(()))
        self.register_buffer("scratch", wengert.zeros(2), persistent=False)
        self.name = "net"

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))


TEXT = """\
Net(
  (body): Sequential(
    (0): Linear(in_features=3, out_features=4, bias=True)
    (1): ReLU()
  )
  (head): Linear(in_features=4, out_features=2, bias=True)
)"""


def test_printing() -> None:
    assert repr(Net()) == TEXT
    assert repr(nn.Sequential()) == "Sequential()"
    assert repr(nn.Identity()) == "Identity()"


def test_extra_repr_of_several_lines_and_with_children() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.child = nn.ReLU()

        def extra_repr(self) -> str:
            return "a=1\nb=2"

    assert repr(Odd()) == "Odd(\n  a=1\n  b=2\n  (child): ReLU()\n)"


def test_walking() -> None:
    net = Net()
    assert [name for name, _ in net.named_parameters()] == ["body.0.weight", "body.0.bias", "head.weight", "head.bias"]
    assert [name for name, _ in net.named_buffers()] == ["count", "scratch"]
    assert [name for name, _ in net.named_modules()] == ["", "body", "body.0", "body.1", "head"]
    assert [name for name, _ in net.named_children()] == ["body", "head"]
    assert list(net.state_dict()) == ["count", "body.0.weight", "body.0.bias", "head.weight", "head.bias"]
    assert sum(parameter.numel() for parameter in net.parameters()) == 3 * 4 + 4 + 4 * 2 + 2


def test_shared_modules_and_parameters_count_once() -> None:
    net = Net()
    net.again = net.head
    net.tied = net.head.weight
    assert [name for name, _ in net.named_parameters()] == [
        "tied",
        "body.0.weight",
        "body.0.bias",
        "head.weight",
        "head.bias",
    ][:1] + ["body.0.weight", "body.0.bias", "head.bias"]
    assert len(list(net.named_parameters(remove_duplicate=False))) == 7
    assert net.again is net.head


def test_attributes_move_between_the_tables() -> None:
    module = nn.Module()
    module.x = 3
    module.x = nn.Parameter(wengert.ones(1))
    assert "x" not in module.__dict__ and list(module._parameters) == ["x"]
    module.x = None
    assert module.x is None and list(module.parameters()) == []
    module.x = nn.Parameter(wengert.ones(1))
    module.x = nn.ReLU()
    assert list(module._modules) == ["x"] and not module._parameters
    del module.x
    assert not hasattr(module, "x")
    module.b = nn.Buffer(wengert.ones(2), persistent=False)
    assert list(module._buffers) == ["b"] and list(module.state_dict()) == []
    module.b = wengert.zeros(2)
    assert module.b.tolist() == [0, 0] and list(module._buffers) == ["b"]
    assert {"b", "training", "forward"} <= set(dir(module))


def test_submodules_by_path() -> None:
    net = Net()
    assert net.get_submodule("") is net
    assert net.get_submodule("body.0") is net.body[0]
    assert net.get_parameter("body.0.weight") is net.body[0].weight
    assert net.get_buffer("count") is net.count
    net.set_submodule("body.1", nn.Tanh())
    assert isinstance(net.body[1], nn.Tanh)
    with pytest.raises(AttributeError, match="Sequential has no attribute `9`"):
        net.get_submodule("body.9")


def test_conversion_keeps_identity_and_integers() -> None:
    net = Net()
    net.register_buffer("steps", wengert.zeros(2, dtype=wengert.int64))
    weight = net.head.weight
    net(wengert.ones(1, 3)).sum().backward()
    net.double()
    assert net.head.weight is weight
    assert weight.dtype is wengert.float64 and weight.grad is not None and weight.grad.dtype is wengert.float64
    assert net.steps.dtype is wengert.int64 and net.count.dtype is wengert.float64
    assert net.to(wengert.float32) is net and weight.dtype is wengert.float32
    assert net.to("cpu").to(wengert.zeros(1).double()).head.weight.dtype is wengert.float64
    assert net.to(device="cpu", dtype=wengert.float32).head.weight.requires_grad
    with pytest.raises(TypeError, match="nn.Module.to only accepts floating point"):
        net.to(wengert.int32)
    with pytest.raises(RuntimeError):
        net.cuda()


def test_training_mode_and_gradients() -> None:
    net = Net()
    assert net.training and not net.eval().head.training and net.train().head.training
    net.requires_grad_(False)
    assert not any(parameter.requires_grad for parameter in net.parameters())
    net.requires_grad_()
    net(wengert.ones(1, 3)).sum().backward()
    net.zero_grad(set_to_none=False)
    assert net.head.weight.grad is not None and not net.head.weight.grad.any()
    net.zero_grad()
    assert net.head.weight.grad is None


def test_apply_visits_children_first() -> None:
    seen: list[str] = []
    Net().apply(lambda module: seen.append(type(module).__name__))
    assert seen == ["Linear", "ReLU", "Sequential", "Linear", "Net"]


# --- saving and loading -----------------------------------------------------------------------------------------------


def test_state_goes_out_and_in() -> None:
    first, second = Net(), Net()
    result = second.load_state_dict(first.state_dict())
    assert repr(result) == "<All keys matched successfully>" and result.missing_keys == []
    x = wengert.rand(5, 3)
    assert wengert.equal(first(x), second(x))
    assert second.head.weight is not first.head.weight


def test_state_shares_memory_and_is_detached() -> None:
    net = Net()
    state = net.state_dict()
    assert not state["head.bias"].requires_grad
    net.head.bias.data.fill_(7)
    assert state["head.bias"].tolist() == [7, 7]
    assert net.state_dict(keep_vars=True)["head.bias"] is net.head.bias


def test_loading_says_what_did_not_fit() -> None:
    net = Net()
    state = net.state_dict()
    state["extra"] = state.pop("head.bias")
    state["head.weight"] = wengert.zeros(1)
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(state)
    assert str(caught.value) == (
        "Error(s) in loading state_dict for Net:\n"
        '\tMissing key(s) in state_dict: "head.bias". \n'
        '\tUnexpected key(s) in state_dict: "extra". \n'
        "\tsize mismatch for head.weight: copying a param with shape torch.Size([1]) from checkpoint, the shape in "
        "current model is torch.Size([2, 4])."
    )
    del state["head.weight"]
    result = net.load_state_dict(state, strict=False)
    assert result.missing_keys == ["head.weight", "head.bias"] and result.unexpected_keys == ["extra"]
    assert repr(result) == "_IncompatibleKeys(missing_keys=['head.weight', 'head.bias'], unexpected_keys=['extra'])"


def test_loading_by_assignment() -> None:
    net = Net()
    state = {name: tensor.double() for name, tensor in net.state_dict().items()}
    net.load_state_dict(state, assign=True)
    assert net.head.weight.dtype is wengert.float64 and isinstance(net.head.weight, nn.Parameter)
    assert net.head.weight.requires_grad


def test_extra_state() -> None:
    class Counter(nn.Module):
        steps = 0

        def get_extra_state(self) -> Any:
            return {"steps": self.steps}

        def set_extra_state(self, state: Any) -> None:
            self.steps = state["steps"]

    counter, other = Counter(), Counter()
    counter.steps = 5
    assert counter.state_dict() == {"_extra_state": {"steps": 5}}
    other.load_state_dict(counter.state_dict())
    assert other.steps == 5


def test_hooks_of_saving_and_loading() -> None:
    net, log = Net(), []
    net.register_state_dict_pre_hook(lambda module, prefix, keep_vars: log.append("pre"))
    net.register_state_dict_post_hook(lambda module, state, prefix, metadata: state.update(extra=1))
    net.register_load_state_dict_pre_hook(lambda module, state, *rest: log.append(state.pop("extra")))
    net.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
    state = net.state_dict()
    del state["count"]
    net.load_state_dict(state)
    assert log == ["pre", 1]


def test_copies_and_pickles() -> None:
    net = Net()
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert repr(twin) == TEXT and twin.name == "net"
        assert isinstance(twin.head.weight, nn.Parameter) and twin.head.weight.requires_grad
        assert wengert.equal(twin.head.weight, net.head.weight)
        twin.head.weight.data.fill_(0)
        assert net.head.weight.abs().sum() > 0
        assert list(twin.state_dict()) == list(net.state_dict())


def test_deepcopy_keeps_sharing() -> None:
    net = Net()
    net.tied = net.head.weight
    twin = copy.deepcopy(net)
    assert twin.tied is twin.head.weight and twin.tied is not net.tied


# --- calls and hooks --------------------------------------------------------------------------------------------------


def test_forward_is_missing() -> None:
    with pytest.raises(NotImplementedError, match=r'Module \[Module\] is missing the required "forward" function'):
        nn.Module()(1)


def test_an_error_names_the_module() -> None:
    net = nn.Sequential(nn.Identity(), Net())
    with pytest.raises(RuntimeError) as caught:
        net(wengert.ones(2, 5))
    text = "".join(traceback.format_exception(caught.value))
    assert "[nn] raised in the module Sequential.1.body.0 (Linear)" in text
    assert text.count("[nn] raised in") == 1


def test_forward_hooks() -> None:
    layer = nn.Linear(2, 2)
    x = wengert.ones(1, 2)
    plain = layer(x)
    pre = layer.register_forward_pre_hook(lambda module, args: args[0] * 2)
    post = layer.register_forward_hook(lambda module, args, out: out + 1)
    assert wengert.allclose(layer(x), nn.functional.linear(x * 2, layer.weight, layer.bias) + 1)
    pre.remove()
    with post:
        assert wengert.allclose(layer(x), plain + 1)
    assert wengert.equal(layer(x), plain)


def test_forward_hooks_with_keywords() -> None:
    class Scale(nn.Module):
        def forward(self, x: Tensor, by: float = 1.0) -> Tensor:
            return x * by

    scale, seen = Scale(), []
    scale.register_forward_pre_hook(lambda m, args, kwargs: (args, {"by": kwargs["by"] + 1}), with_kwargs=True)
    scale.register_forward_hook(lambda m, args, kwargs, out: seen.append(kwargs), with_kwargs=True)
    assert scale(wengert.ones(1), by=2.0).item() == 3.0 and seen == [{"by": 3.0}]
    scale.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match="forward pre-hook must return None or a tuple"):
        scale(wengert.ones(1), by=2.0)


def test_hooks_that_always_run() -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError("broken")

    module, log = Broken(), []
    module.register_forward_hook(lambda m, args, out: log.append("never"))
    module.register_forward_hook(lambda m, args, out: log.append(out), always_call=True)
    with pytest.raises(ValueError, match="broken"):
        module(wengert.ones(1))
    assert log == [None]


def test_backward_hooks() -> None:
    layer, log = nn.Linear(2, 1, bias=False), []
    layer.weight.data.fill_(2)
    layer.register_full_backward_pre_hook(lambda m, ct: (ct[0] * 10,))
    layer.register_full_backward_hook(lambda m, for_input, ct: log.append((for_input[0].tolist(), ct[0].tolist())))
    x = wengert.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    assert log == [([[20.0, 20.0]], [[10.0]])]
    assert x.grad.tolist() == [[20, 20]] and layer.weight.grad.tolist() == [[10, 10]]


def test_backward_hooks_of_several_inputs_and_outputs() -> None:
    class Swap(nn.Module):
        def forward(self, x: Tensor, number: int, y: Tensor) -> tuple[Tensor, Tensor]:
            return y * number, x

    swap, log = Swap(), []
    swap.register_full_backward_hook(
        lambda m, gi, go: log.append(([g if g is None else g.item() for g in gi], len(go)))
    )
    x, y = wengert.ones((), requires_grad=True), wengert.ones((), requires_grad=True)
    a, b = swap(x, 3, y)
    (a + 5 * b).backward()
    assert log == [([5.0, None, 3.0], 2)]


def test_a_backward_hook_replaces_the_gradient() -> None:
    relu = nn.ReLU()
    relu.register_full_backward_hook(lambda m, gi, go: (gi[0] * 7,))
    x = wengert.ones(1, requires_grad=True)
    relu(x).backward()
    assert x.grad.item() == 7
    relu.register_full_backward_hook(lambda m, gi, go: (gi[0], gi[0]))
    with pytest.raises(RuntimeError, match="invalid number of grad_input, got 2, but expected 1"):
        relu(x).backward()


def test_the_old_backward_hook() -> None:
    layer, log = nn.Linear(2, 1), []
    layer.register_backward_hook(lambda m, gi, go: log.append(go[0].tolist()))
    with pytest.warns(FutureWarning, match="multiple autograd Nodes"):
        layer(wengert.ones(1, 2)).sum().backward()
    assert log == [[[1.0]]]
    with pytest.raises(RuntimeError, match="Cannot use both regular backward hooks and full backward hooks"):
        layer.register_full_backward_hook(lambda m, gi, go: None)


def test_a_module_goes_when_its_last_reference_goes() -> None:
    net = Net()
    net(wengert.ones(1, 3)).sum().backward()
    reference = weakref.ref(net)
    del net
    assert reference() is None


# --- containers -------------------------------------------------------------------------------------------------------


def test_sequential_is_a_list_of_modules() -> None:
    a, b, c = nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)
    chain = nn.Sequential(a, b)
    assert chain.append(c) is chain and len(chain) == 3 and list(chain) == [a, b, c]
    assert chain[-1] is c and list(chain[1:]) == [b, c] and isinstance(chain[:2], nn.Sequential)
    assert list(chain[1:]._modules) == ["1", "2"]
    del chain[1]
    assert list(chain._modules) == ["0", "1"] and list(chain) == [a, c]
    chain.insert(1, b)
    assert list(chain) == [a, b, c] and chain.pop(0) is a and list(chain) == [b, c]
    chain[0] = a
    assert (
        list(chain + nn.Sequential(b)) == [a, c, b]
        and list(chain * 2) == [a, c, a, c]
        and list(2 * chain) == [a, c, a, c]
    )
    chain += nn.Sequential(b)
    assert list(chain) == [a, c, b]
    chain *= 2
    assert len(chain) == 6
    del chain[::2]
    assert list(chain) == [c, a, b]
    with pytest.raises(IndexError, match="index 9 is out of range"):
        chain[9]


def test_sequential_with_names() -> None:
    chain = nn.Sequential(OrderedDict(first=nn.Linear(2, 3), second=nn.ReLU()))
    assert chain.first is chain[0] and chain(wengert.ones(1, 2)).shape == (1, 3)


def test_module_list_and_dict() -> None:
    a, b, c = nn.ReLU(), nn.Tanh(), nn.Sigmoid()
    listed = nn.ModuleList([a, b])
    listed += [c]
    assert listed[-1] is c and list(listed[:2]) == [a, b] and len(listed + [a]) == 4 and listed.pop(0) is a
    listed.insert(0, a)
    listed.extend([b])
    assert list(listed) == [a, b, c, b]
    with pytest.raises(NotImplementedError):
        listed(1)
    named = nn.ModuleDict({"x": a})
    named.update([("y", b)])
    named["z"] = c
    assert list(named) == ["x", "y", "z"] and "y" in named and named.pop("y") is b and len(named) == 2
    assert list(named.keys()) == ["x", "z"] and list(named.values()) == [a, c] and dict(named.items())["z"] is c
    del named["x"]
    named.clear()
    assert repr(named) == "ModuleDict()"


def test_parameter_list_and_dict() -> None:
    listed = nn.ParameterList([wengert.ones(2), nn.Parameter(wengert.zeros(1)), "x"])
    assert len(list(listed.parameters())) == 2 and isinstance(listed[0], nn.Parameter) and listed[2] == "x"
    listed.append(wengert.ones(1)).extend([wengert.ones(1)])
    listed[0] = wengert.zeros(2)
    assert len(listed) == 5 and len(listed[1:3]) == 2 and list(listed.state_dict()) == ["0", "1", "3", "4"]
    named = nn.ParameterDict({"b": wengert.ones(2), "a": 3})
    assert list(named) == ["a", "b"] and named.get("c") is None and named.setdefault("c", wengert.ones(1)) is named["c"]
    assert len(list(named.parameters())) == 2 and list(reversed(named)) == ["c", "b", "a"]
    both = named | nn.ParameterDict({"d": wengert.ones(1)})
    assert list(both) == ["a", "b", "c", "d"] and both.popitem()[0] == "d" and both.pop("a") == 3
    both.clear()
    assert len(both) == 0 and list(named.fromkeys(["q"], 1).items()) == [("q", 1)]


# --- parameters -------------------------------------------------------------------------------------------------------


def test_parameters() -> None:
    data = wengert.zeros(2)
    parameter = nn.Parameter(data)
    assert isinstance(parameter, Tensor) and parameter.is_leaf and parameter.requires_grad
    assert repr(parameter) == "Parameter containing:\ntensor([0., 0.], requires_grad=True)"
    data.fill_(3)
    assert parameter.tolist() == [3, 3]
    assert type(parameter * 2) is Tensor and nn.Parameter().shape == (0,)
    assert not nn.Parameter(data, requires_grad=False).requires_grad
    assert nn.Parameter((parameter * 2).sum()).grad_fn is None
    parameter.label = "w"
    stored = io.BytesIO()
    pickle.dump(parameter, stored)
    again = pickle.loads(stored.getvalue())
    assert type(again) is nn.Parameter and again.label == "w" and again.requires_grad and again.tolist() == [3, 3]
    with pytest.raises(RuntimeError):
        nn.Parameter(wengert.zeros(2, dtype=wengert.int64))


def test_a_parameter_refuses_what_is_not_a_leaf() -> None:
    module = nn.Module()
    with pytest.raises(ValueError, match="Cannot assign non-leaf Tensor to parameter 'w'"):
        module.register_parameter("w", make_non_leaf())


def make_non_leaf() -> Any:
    parameter = nn.Parameter(wengert.ones(1))
    with wengert.no_grad():
        view = nn.Parameter(wengert.ones(2), requires_grad=False)
    view.mul_(parameter)
    return view


def test_names_that_are_not_there_yet() -> None:
    with pytest.raises(AttributeError, match=r"wengert.nn.qat is not in wengert yet"):
        nn.qat  # noqa: B018


def test_lazy_modules_of_ones_own() -> None:
    class Scale(nn.modules.lazy.LazyModuleMixin, nn.Module):
        cls_to_become = None

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.UninitializedParameter()

        def initialize_parameters(self, x: Any) -> None:
            self.weight.materialize(x.shape[-1:])
            nn.init.constant_(self.weight, 2.0)

        def forward(self, x: Any) -> Any:
            return x * self.weight

    layer = Scale()
    assert layer.has_uninitialized_params() and len(layer._forward_pre_hooks) == 1
    assert nn.parameter.is_lazy(layer.state_dict()["weight"])
    assert layer(wengert.ones(3)).tolist() == [2.0] * 3
    assert not layer._forward_pre_hooks and not layer._load_state_dict_pre_hooks
    loaded = Scale()
    loaded.load_state_dict({"weight": wengert.full((4,), 3.0)})
    assert loaded.weight.tolist() == [3.0] * 4


def test_lazy_layers_are_copied_and_pickled_before_they_know_their_sizes() -> None:
    layer = nn.Sequential(nn.LazyConv2d(2, 3), nn.LazyBatchNorm2d())
    for each in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), layer):
        assert each(wengert.ones(2, 3, 5, 5)).shape == (2, 2, 3, 3)
        assert type(each[0]) is nn.Conv2d and type(each[1]) is nn.BatchNorm2d


def test_conversion_swaps_or_replaces_parameters_where_that_is_asked_for() -> None:
    from wengert.nn import conversion

    layer = nn.Linear(2, 2)
    weight, identity = layer.weight, layer.weight._cdata
    layer.weight.grad = wengert.ones(2, 2)
    layer.double()
    assert layer.weight is weight and weight._cdata == identity
    conversion.set_swap_module_params_on_conversion(True)
    try:
        layer.float()
        assert layer.weight is weight and weight._cdata != identity
        assert weight.dtype is weight.grad.dtype is wengert.float32
        layer.load_state_dict({name: value.double() for name, value in nn.Linear(2, 2).state_dict().items()})
        assert layer.weight is weight and isinstance(weight, nn.Parameter) and weight.requires_grad
    finally:
        conversion.set_swap_module_params_on_conversion(False)
    conversion.set_overwrite_module_params_on_conversion(True)
    try:
        layer.half()
        assert layer.weight is not weight and weight.dtype is wengert.float32
    finally:
        conversion.set_overwrite_module_params_on_conversion(False)


def test_a_state_dict_is_an_ordered_dict() -> None:
    state = nn.BatchNorm1d(2).state_dict()
    assert type(state) is OrderedDict
    assert state._metadata[""] == {"version": 2}
    assert repr(nn.Linear(1, 1).state_dict()).startswith("OrderedDict(")


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda: nn.GRU(3, 5, bias=0), TypeError, "bias should be of type bool, got: int"),
        (lambda: nn.LSTM(3, 5, batch_first="x"), TypeError, "batch_first should be of type bool, got: str"),
        (lambda: nn.RNN(0, 5), ValueError, "input_size must be greater than zero"),
        (lambda: nn.RNN(3.0, 5), TypeError, "input_size should be of type int, got: float"),
        (lambda: nn.HuberLoss(delta=1j), TypeError, "delta must be a float or int"),
        (lambda: nn.GRUCell(3, 5)(wengert.ones(2, 3), wengert.ones(2, 6)), RuntimeError, "hidden0 has inconsistent"),
        (lambda: nn.RNNCell(3, 5)(wengert.ones(2, 3), wengert.ones(4, 5)), RuntimeError, "doesn't match hidden0 batch"),
        (lambda: nn.CircularPad1d(1)(wengert.ones(1, 2, 3, 4)), ValueError, "expected 2D or 3D input"),
        (lambda: nn.BatchNorm1d(2, eps=0)(wengert.ones(3, 2)), ValueError, "eps must be positive"),
        (lambda: nn.MultiMarginLoss()(wengert.ones(5, 3), wengert.zeros(3, dtype=wengert.long)), RuntimeError,
         "Expected target size .5., but got .3."),
        (lambda: nn.MaxPool2d(2)(wengert.ones(3, 4)), RuntimeError, "non-empty 3D or 4D"),
    ],
)
def test_layers_refuse_what_makes_no_sense(make: Any, kind: Any, words: str) -> None:
    with pytest.raises(kind, match=words):
        make()


def test_response_normalisation_of_lua_torch() -> None:
    x = wengert.arange(1.0, 6).reshape(1, 5, 1, 1)
    out = nn.CrossMapLRN2d(3, alpha=3.0, beta=1.0, k=0.0)(x).flatten()
    # Neighbours on either side, and the first channel, which is never taken out again.
    sums = [5, 14, 29 + 1, 50 + 1, 41 + 1]
    assert out.tolist() == pytest.approx([x / total for x, total in zip(range(1, 6), sums, strict=True)])


def test_modules_are_laid_out_with_channels_last() -> None:
    layer = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Linear(2, 2))
    kept = layer[0].weight.tolist()
    layer.to(memory_format=wengert.channels_last)
    assert layer[0].weight.is_contiguous(memory_format=wengert.channels_last)
    assert not layer[0].weight.is_contiguous() and layer[0].weight.tolist() == kept
    assert layer[1].weight.is_contiguous()
    assert not nn.Conv2d(2, 3, 3).to(wengert.float64, memory_format=wengert.channels_last).weight.is_contiguous()


def test_what_a_program_puts_in_the_place_of_registering_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """As tools do that make a model without numbers: parameters and buffers that layers set go through it."""
    register, seen = nn.Module.register_parameter, []

    def emptied(module: nn.Module, name: str, param: Any) -> None:
        register(module, name, param)
        if param is not None:
            seen.append(name)
            module._parameters[name] = nn.Parameter(module._parameters[name].to("meta"))

    monkeypatch.setattr(nn.Module, "register_parameter", emptied)
    layer = nn.Linear(3, 2)
    assert seen == ["weight", "bias"] and layer.weight.is_meta and layer.bias.is_meta

    class Doubled(nn.Module):
        def register_buffer(self, name: str, tensor: Any, persistent: bool = True) -> None:
            super().register_buffer(name, 2 * tensor, persistent)

    module = Doubled()
    module.scale = nn.Buffer(wengert.ones(1))
    assert module.scale.item() == 2.0


@pytest.mark.parametrize("name", ["relu", "nn.functional.conv1d", "nn.functional.gelu", "cat", "linalg.norm", "fft.fft",
                                  "special.expit", "zeros_like", "einsum"])
def test_a_function_as_an_attribute_of_a_class_is_no_method(name: str) -> None:
    """PyTorch's functions are builtins: `conv = torch.conv2d` in a class takes no `self`."""
    function: Any = operator.attrgetter(name)(wengert)

    class Holds(nn.Module):
        held = function
        forward = nn.ReLU.forward  # a method stays one

        def own(self) -> Any:
            return self.held

    class Inherits(Holds):
        pass

    assert Holds().held is Inherits().own() is Holds.held is function
    assert Inherits.forward is nn.ReLU.forward


def test_what_classes_of_other_packages_call_by_name() -> None:
    """`super().__setstate__`, `_call_impl` beside a `__call__`, lists' `_get_abs_string_index`, names of weights."""

    class Counted(nn.Linear):
        def __call__(self, x: Any) -> Any:
            return self._call_impl(x) + 1

        def __setstate__(self, state: dict[str, Any]) -> None:
            super().__setstate__(state)
            self.restored = True

    layer = Counted(2, 3)
    layer.register_forward_hook(lambda module, args, out: out * 2)
    x = wengert.ones(1, 2)
    assert copy.deepcopy(layer).restored
    assert wengert.equal(layer(x), layer.forward(x) * 2 + 1)
    assert nn.ModuleList([layer, layer])._get_abs_string_index(-1) == "1"
    lstm = nn.LSTM(2, 3, num_layers=2, bidirectional=True, proj_size=2)
    assert lstm._flat_weights_names == [name for name, _ in lstm.named_parameters()]
    assert [id(p) for p in lstm._flat_weights] == [id(p) for p in lstm.parameters()]
    assert [len(names) for names in lstm._all_weights] == [5] * 4
