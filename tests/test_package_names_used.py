"""Names that packages take from PyTorch's inside, used: each does here what it does there, or says that it is not."""

from __future__ import annotations

import io
from collections import OrderedDict, defaultdict
from typing import Any

import pytest

import wengert as torch
from wengert import fx, nn
from wengert.compat import torch_is_wengert
from wengert.compat.report import missing_part, names_asked
from wengert.func import functional_call
from wengert.nn.utils._per_sample_grad import call_for_per_sample_grads
from wengert.utils import _pytree
from wengert.utils.data import DataLoader, IterDataPipe, MapDataPipe, functional_datapipe
from wengert.utils.data.datapipes.iter import IterableWrapper


@pytest.mark.parametrize("reduce", ["sum", "mean", "prod", "max", "min"])
def test_runs_are_reduced_as_slices_are(reduce: str) -> None:
    data = torch.rand(5, 3, dtype=torch.float64).requires_grad_()
    lengths = torch.tensor([2, 1, 2])
    out = torch.segment_reduce(data, reduce, lengths=lengths)
    slices = [getattr(torch, f"a{reduce}" if reduce[:2] in ("ma", "mi") else reduce)(part, 0)
              for part in data.split(lengths.tolist())]
    assert torch.allclose(out, torch.stack(slices))
    assert torch.autograd.gradcheck(lambda x: torch.segment_reduce(x, reduce, lengths=lengths), (data,))
    assert out.grad_fn.name() == "SegmentReduceBackward0"


@pytest.mark.parametrize("lengths", [[2, 2], [-1, 6], [[2, 3]]])
def test_runs_that_do_not_fit_are_errors(lengths: Any) -> None:
    with pytest.raises(RuntimeError, match="lengths"):
        torch.segment_reduce(torch.rand(5), "sum", lengths=torch.tensor(lengths))


def test_groups_are_multiplied_each_by_its_own() -> None:
    x, weights = torch.rand(5, 2).requires_grad_(), torch.rand(2, 2, 3).requires_grad_()
    ends = torch.tensor([2, 4], dtype=torch.int32)
    out = nn.functional.grouped_mm(x, weights, offs=ends)
    assert torch.equal(out, torch.cat([x[:2] @ weights[0], x[2:4] @ weights[1], torch.zeros(1, 3)]))
    out.sum().backward()
    assert weights.grad.shape == (2, 2, 3) and bool((x.grad[4] == 0).all())
    assert nn.functional.grouped_mm(x[:4].T, x[:4], offs=ends).shape == (2, 2, 2)
    with pytest.raises(RuntimeError, match="offsets"):
        nn.functional.grouped_mm(x, weights)


def test_scaled_products_are_products_of_the_scaled() -> None:
    recipe = nn.functional.ScalingType.RowWise
    x, y = torch.rand(4, 6).to(torch.float8_e4m3fn), torch.rand(6, 5).to(torch.float8_e4m3fn)
    left, right = torch.rand(4, 1), torch.rand(1, 5)
    out = nn.functional.scaled_mm(x, y, left, recipe, right, recipe, output_dtype=torch.float32)
    assert torch.allclose(out, (x.float() * left) @ (y.float() * right), atol=1e-6)
    with pytest.raises(NotImplementedError, match="TensorWise or RowWise"):
        nn.functional.scaled_mm(x, y, left, nn.functional.ScalingType.BlockWise1x32, right, recipe)


@pytest.mark.parametrize("batch_first", [True, False])
def test_gradients_of_each_example(batch_first: bool) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    x = torch.rand(5, 6, 3) if batch_first else torch.rand(6, 5, 3)
    out = call_for_per_sample_grads(model, batch_first=batch_first)(x)
    assert torch.allclose(out, model(x), atol=1e-6)
    out.square().sum().backward()
    assert model[0].weight.grad is None
    for number in range(5):
        alone = model(x[number] if batch_first else x[:, number]).square().sum()
        expected = torch.autograd.grad(alone, tuple(model.parameters()))
        for parameter, gradient in zip(model.parameters(), expected, strict=True):
            assert torch.allclose(parameter.grad_sample[number], gradient, atol=1e-5)


def test_a_module_has_other_tensors_for_a_while() -> None:
    layer = nn.Linear(2, 1)
    own, other = layer.weight, {"weight": torch.ones(1, 2), "bias": torch.zeros(1)}
    with nn.utils.stateless._reparametrize_module(layer, other):
        assert layer.weight is other["weight"]
        inside = layer(torch.ones(2))
    assert layer.weight is own and torch.equal(inside, functional_call(layer, other, torch.ones(2)))


@pytest.mark.parametrize("tree", [{"a": [1, (2, 3)], "b": None}, OrderedDict(b=1, a=[2]), defaultdict(list, x=[1]), 3])
def test_forms_are_written_and_read(tree: Any) -> None:
    form = _pytree.tree_structure(tree)
    assert _pytree.treespec_loads(_pytree.treespec_dumps(form)) == form


def test_registered_types_are_written_by_their_name() -> None:
    class Pair:
        def __init__(self, first: Any, second: Any) -> None:
            self.first, self.second = first, second

    _pytree.register_pytree_node(Pair, lambda pair: ((pair.first, pair.second), None),
                                 lambda members, context: Pair(*members), serialized_type_name="tests.Pair")
    form = _pytree.tree_structure([Pair(1, 2)])
    text = _pytree.treespec_dumps(form)
    assert "tests.Pair" in text and _pytree.treespec_loads(text).unflatten([3, 4])[0].second == 4
    with pytest.raises(NotImplementedError, match="not registered"):
        _pytree.treespec_loads(text.replace("tests.Pair", "tests.Other"))


def test_pipes_are_made_of_pipes() -> None:
    @functional_datapipe("doubled_for_a_test")
    class Doubled(IterDataPipe):
        def __init__(self, pipe: Any) -> None:
            self.pipe = pipe

        def __iter__(self) -> Any:
            return (2 * x for x in self.pipe)

    numbers = IterableWrapper(range(6))
    assert list(numbers.doubled_for_a_test().filter(lambda x: x > 2).batch(2)) == [[4, 6], [8, 10]]
    assert sorted(numbers.shuffle()) == list(range(6)) and len(numbers.batch(4)) == 2
    assert [x.tolist() for x in DataLoader(numbers.map(float), batch_size=4)] == [[0, 1, 2, 3], [4, 5]]
    with pytest.raises(Exception, match="already taken"):
        functional_datapipe("batch")(Doubled)
    assert not hasattr(MapDataPipe(), "batch")


def test_names_that_a_file_asks_for_are_listed_and_not_run() -> None:
    file = io.BytesIO()
    torch.save(nn.Linear(1, 1), file)
    names = torch.serialization.get_unsafe_globals_in_checkpoint(file)
    assert names == ["wengert.nn.layers.linear.Linear"]
    with torch.serialization.safe_globals([nn.Linear]):
        assert torch.serialization.get_unsafe_globals_in_checkpoint(file) == []
    plain = io.BytesIO()
    torch.save({"x": torch.ones(2)}, plain)
    assert torch.serialization.get_unsafe_globals_in_checkpoint(plain) == []


def test_what_is_of_devices_can_be_asked() -> None:
    assert not isinstance(torch.ones(2), torch.cuda.FloatTensor)
    assert not isinstance(torch.ones(2), torch.cuda.sparse.LongTensor)
    with pytest.raises(TypeError, match=r"type torch\.cuda\.FloatTensor not available"):
        torch.cuda.FloatTensor(2)
    before = torch.backends.cuda.flash_sdp_enabled()
    torch.backends.cuda.enable_flash_sdp(False)
    assert before and not torch.backends.cuda.flash_sdp_enabled()
    torch.backends.cuda.enable_flash_sdp(True)
    with pytest.raises(NotImplementedError, match="__torch_dispatch__"):
        torch.Tensor._make_wrapper_subclass(torch.Tensor, (2,))


def test_what_exists_under_the_name_of_torch_alone() -> None:
    with torch_is_wengert():
        import torch as named
        from torch._dynamo.exc import Unsupported
        from torch._tensor import _rebuild_from_type_v2
        from torch.profiler.profiler import _default_schedule_fn

        class Kind(named.Tensor):
            pass

        made = _rebuild_from_type_v2(lambda: named.ones(2), Kind, (), {"word": "kept"})
        assert type(made) is Kind and made.word == "kept"
        start = named.tensor(0), named.ones(1)
        assert named.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, 2 * x), start)[1] == 8
        with pytest.raises(RuntimeError, match=r"torch\.linalg\.solve"):
            named.solve(named.eye(2), named.eye(2))
        with pytest.raises(Unsupported):
            named.compile(lambda x: x if x.sum() > 0 else -x, fullgraph=True)(named.ones(2))
        assert _default_schedule_fn(0) is named.profiler.ProfilerAction.RECORD


def test_what_is_assigned_in_a_function_is_no_name_of_torch() -> None:
    source = "from torch.distributions import transforms\ndef f():\n    transforms = []\n    transforms.append(1)\n"
    assert [use.name for use in names_asked(source, "x.py")] == ["torch.distributions.transforms"]


@pytest.mark.parametrize(("name", "of_pytorch"), [("torch.logerfc", False), ("torch.nested.narrow", True)])
def test_what_pytorch_has_not_either_is_told_apart(name: str, of_pytorch: bool) -> None:
    with torch_is_wengert():
        gap = missing_part(name)
    assert gap is not None and gap.of_pytorch == of_pytorch
    assert gap.name == name


@pytest.mark.parametrize("tree", [torch.Size([2, 3]), fx.immutable_collections.immutable_list([1, 2]),
                                  fx.immutable_collections.immutable_dict(a=1)])
def test_containers_of_wengert_s_own_are_taken_apart(tree: Any) -> None:
    leaves, form = _pytree.tree_flatten(tree)
    assert leaves == list(tree.values() if isinstance(tree, dict) else tree)
    assert _pytree.tree_map(lambda x: x, tree) == tree and form.type is type(tree)


def test_a_class_may_be_a_module_too() -> None:
    class Shift(torch.distributions.Transform, nn.Module):
        domain = codomain = torch.distributions.constraints.real

        def __init__(self) -> None:
            super().__init__(cache_size=1)
            self.layer = nn.Linear(1, 1)

    class Flow(torch.distributions.Distribution, nn.Module):
        def __init__(self) -> None:
            super().__init__(validate_args=False)
            self.layer = nn.Linear(1, 1)

    assert [name for name, _ in Shift().named_parameters()] == ["layer.weight", "layer.bias"]
    assert len(list(Flow().parameters())) == 2
