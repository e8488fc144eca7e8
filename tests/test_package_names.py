"""What packages import from PyTorch beside its documented names: each is there, and does what they need of it."""

from __future__ import annotations

import importlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert
from wengert import nn
from wengert.compat import hollow_modules, torch_is_wengert
from wengert.compat.finder import MissingModuleError
from wengert.compat.hollows import is_hollow

NAMES = """__version__ utils.hooks.RemovableHandle autograd.function.FunctionCtx autograd.function.once_differentiable
    autograd.function.InplaceFunction autograd.function.NestedIOFunction types.Device serialization.MAP_LOCATION
    futures.Future __config__.show utils._pytree.tree_flatten utils._pytree.tree_map utils._pytree.tree_map_only
    utils._pytree.register_pytree_node utils._pytree.SUPPORTED_NODES utils._pytree.TreeSpec _C._log_api_usage_once
    _C._get_tracing_state _C._functorch _C.ScriptObject _C._nn._parse_to _C.is_autocast_enabled _C._TensorMeta
    compiler.disable compiler.is_compiling compiler.allow_in_graph _dynamo.disable _dynamo.is_compiling
    _dynamo.allow_in_graph _dynamo.mark_static_address _dynamo.config _dynamo.eval_frame.OptimizedModule
    fx.symbolic_trace fx.Graph fx.GraphModule fx.Node fx.Proxy fx.Tracer fx.wrap fx.Interpreter fx.Transformer
    fx.replace_pattern fx.node.map_arg fx.passes.shape_prop.ShapeProp fx._symbolic_trace fx.graph_module
    overrides.is_tensor_like overrides.TorchFunctionMode overrides.handle_torch_function overrides.has_torch_function
    overrides.get_overridable_functions _subclasses.FakeTensorMode _subclasses.fake_tensor.is_fake
    nn.parallel.DistributedDataParallel uint16 uint32 uint64 float8_e4m3fn float8_e5m2 complex32 qint8 quint8 qint32
    nn.parameter.UninitializedTensorMixin hub.get_dir hub.load_state_dict_from_url hub.download_url_to_file
    hub.HASH_REGEX hub._get_torch_home profiler.kineto_available profiler.schedule
    profiler.tensorboard_trace_handler cuda.CUDAGraph cuda.graph cuda.Event cuda.StreamContext
    distributions.transforms._InverseTransform distributions.kl.register_kl quasirandom.SobolEngine _jit_internal
    jit._overload utils.data.dataloader._BaseDataLoaderIter utils.flop_counter.FlopCounterMode
    library.custom_op library.register_fake library.register_autograd nn.init._calculate_correct_fan
    nn.modules.module._EXTRA_STATE_KEY_SUFFIX nn.modules.transformer._get_activation_fn optim.optimizer._params_t
    optim.optimizer._use_grad_for_differentiable xpu.is_available mps.empty_cache mtia.is_available
    get_device_module sym_max _check_with ops.aten.alias.default _tensor_str.PRINT_OPTS backends.opt_einsum.enabled
    distributed.fsdp.wrap.size_based_auto_wrap_policy distributed.checkpoint.state_dict.StateDictOptions
    distributed.algorithms.ddp_comm_hooks.default_hooks export.ExportedProgram
    distributed.ReduceOp.RedOpType distributed.constants.default_pg_timeout distributed.tensor.parallel.ParallelStyle
    distributed.distributed_c10d.is_xccl_available distributed.Backend.default_device_backend_map
    nn.attention.flex_attention.BlockMask fx.experimental.proxy_tensor.get_proxy_mode torch.Tensor
    ao.quantization.ObserverBase cuda.nvtx.range hub.tqdm utils.data._utils.collate.collate_tensor_fn
    utils.data._utils.worker._generate_state backends.__allow_nonbracketed_mutation""".split()


def test_spans_of_a_profiler_may_be_decorators_and_say_that_there_is_no_device() -> None:
    with torch_is_wengert():
        nvtx = importlib.import_module("torch.cuda.nvtx")

        @nvtx.range("a span")
        def span() -> None: ...

        for call in (span, nvtx.mark, lambda: nvtx.range_push("a span")):
            with pytest.raises(RuntimeError, match="NVTX functions not installed"):
                call()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_there(name: str) -> None:
    with torch_is_wengert():
        found: Any = importlib.import_module("torch")
        path = "torch"
        for part in name.split("."):
            path = f"{path}.{part}"
            try:
                found = getattr(found, part)
            except AttributeError:
                found = importlib.import_module(path)
        assert found is not None


@pytest.mark.parametrize("name", hollow_modules.TABLE)
def test_parts_of_pytorch_that_are_not_here_can_be_imported(name: str) -> None:
    with torch_is_wengert():
        module = importlib.import_module(f"torch.{name}")
        for each in hollow_modules.TABLE[name].split():
            found = getattr(module, each)
            if is_hollow(found):
                with pytest.raises(NotImplementedError, match="not in wengert"):
                    found()
        with pytest.raises(MissingModuleError, match="not in wengert yet|not a name of PyTorch"):
            importlib.import_module(f"torch.{name}.nothing_of_this_name")


def test_a_part_is_imported_from_the_module_above() -> None:
    with torch_is_wengert():
        scope: dict[str, Any] = {}
        exec("from torch.distributed import rpc", scope)
        assert is_hollow(scope["rpc"].init_rpc)


@pytest.mark.parametrize("name", ["_tensor", "tensor", "tensor.placement_types"])
def test_placements_are_values(name: str) -> None:
    with torch_is_wengert():
        module = importlib.import_module(f"torch.distributed.{name}")
        shard, whole, part = module.Shard(1), module.Replicate(), module.Partial("avg")
        assert [repr(each) for each in (shard, whole, part)] == ["Shard(dim=1)", "Replicate()", "Partial(avg)"]
        assert [str(each) for each in (shard, whole, part)] == ["S(1)", "R", "P(avg)"]
        assert all(isinstance(each, module.Placement) for each in (shard, whole, part))
        assert [shard.is_shard(), shard.is_shard(1), shard.is_shard(0), whole.is_shard(), part.is_shard()] == [
            True, True, False, False, False]
        assert [each.is_replicate() for each in (shard, whole, part)] == [False, True, False]
        assert [part.is_partial(), part.is_partial("avg"), part.is_partial("sum"), whole.is_partial()] == [
            True, True, False, False]
        assert shard == module.Shard(dim=1) != module.Shard(0) and module.Partial() == module.Partial("sum") != part
        assert len({whole, module.Replicate(), shard, module.Shard(1)}) == 2
        for each in (shard, whole, part):
            assert pickle.loads(pickle.dumps(each)) == each
        with pytest.raises(AttributeError):
            shard.dim = 2
        for wrong in (lambda: module.Shard("a"), lambda: module.Shard(1.5), lambda: module.Partial(3)):
            with pytest.raises(TypeError, match="was expected; got"):
                wrong()


def test_placements_are_the_same_wherever_they_are_imported_from() -> None:
    with torch_is_wengert():
        from torch.distributed import _tensor, tensor
        from torch.distributed.tensor import placement_types

        assert _tensor.Shard is tensor.Shard is placement_types.Shard


def test_what_a_reduction_is_called_by_its_inner_class() -> None:
    kinds = wengert.distributed.ReduceOp.RedOpType
    assert isinstance(wengert.distributed.ReduceOp.SUM, kinds) and kinds.MAX is wengert.distributed.ReduceOp.MAX
    assert "RedOpType" not in wengert.distributed.ReduceOp.__members__


def test_dtypes_that_are_names_alone_say_so() -> None:
    with torch_is_wengert():
        import torch

        assert str(torch.qint8) == "torch.qint8" and torch.qint8 != torch.int8 and isinstance(torch.qint8, torch.dtype)
        with pytest.raises(TypeError, match="NamedType"):
            torch.zeros(2, dtype=torch.qint8)


def test_devices_of_other_makers_are_asked() -> None:
    with torch_is_wengert():
        import torch

        assert not torch.xpu.is_available() and torch.mps.device_count() == torch.xpu.device_count() == 0
        with pytest.raises(RuntimeError, match="wengert has no"):
            torch.xpu.set_device(0)


def test_operations_are_counted_by_module() -> None:
    with torch_is_wengert():
        import torch
        from torch.utils.flop_counter import FlopCounterMode

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.conv, self.head = nn.Conv2d(1, 2, 3), nn.Linear(8, 3)

            def forward(self, x: Any) -> Any:
                return self.head(self.conv(x).flatten(1))

        with FlopCounterMode(display=False) as counter:
            Net()(torch.ones(2, 1, 4, 4)).sum()
        # 2 samples · 4 places · 2 channels · 9 weights, and 2 · 8 · 3: two operations each.
        assert counter.get_total_flops() == 2 * 2 * 4 * 2 * 9 + 2 * 2 * 8 * 3
        assert counter.get_flop_counts()["Net.head"] == {"aten.addmm": 96} and "Net.conv" in counter.get_table(2)


def test_operators_of_ones_own() -> None:
    @wengert.library.custom_op("tests::scaled", mutates_args=())
    def scaled(x: wengert.Tensor, by: float = 2.0) -> wengert.Tensor:
        return wengert.from_numpy(x.numpy() * by)

    x = wengert.tensor([1.0, 3.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="no autograd formula was registered"):
        scaled(x).sum().backward()
    scaled.register_autograd(lambda ctx, grad: (grad * ctx.by, None),
                             setup_context=lambda ctx, inputs, output: setattr(ctx, "by", inputs[1]))
    wengert.ops.tests.scaled(x, by=5.0).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [5.0, 5.0]
    scaled.register_fake(lambda x, by: wengert.empty_like(x))
    assert scaled(wengert.ones(4, device="meta")).shape == (4,)
    with pytest.raises(ValueError, match="namespace::name"):
        wengert.library.custom_op("nameless", lambda x: x, mutates_args=())

    @wengert.library.custom_op("tests::zero", mutates_args={"x"})
    def zero(x: wengert.Tensor) -> None:
        x.zero_()

    y = wengert.ones(2)
    zero(y)
    assert y.tolist() == [0.0, 0.0]
    with pytest.raises(RuntimeError, match="non-functional"):
        zero.register_autograd(lambda ctx, grad: grad)


def test_a_file_is_a_storage(tmp_path: Path) -> None:
    path = tmp_path / "numbers"
    path.write_bytes(np.arange(6, dtype=np.float32).tobytes())
    own = wengert.UntypedStorage.from_file(path, False, 24)
    numbers = wengert.asarray(own[8:24], dtype=wengert.uint8).view(wengert.float32)
    numbers[0] = 9.0
    assert numbers.tolist() == [9.0, 3.0, 4.0, 5.0] and np.fromfile(path, np.float32)[2] == 2.0
    shared = wengert.UntypedStorage.from_file(path, True, 24)
    shared[0] = 1
    assert path.read_bytes()[0] == 1
    with pytest.raises(RuntimeError, match="at least 25 bytes"):
        wengert.UntypedStorage.from_file(path, False, 25)


def test_forms_of_trees_are_made_of_parts() -> None:
    from wengert.utils._pytree import SUPPORTED_NODES, LeafSpec, TreeSpec, _get_node_type, tree_flatten

    for tree in ([1, (2, 3)], {"b": 1, "a": [2]}, (1,)):
        kind = _get_node_type(tree)
        members, context = SUPPORTED_NODES[kind].flatten_fn(tree)
        spec = TreeSpec(kind, context, [tree_flatten(member)[1] for member in members])
        assert spec == tree_flatten(tree)[1] and SUPPORTED_NODES[kind].unflatten_fn(members, context) == tree
    assert TreeSpec(None) == LeafSpec() and int not in SUPPORTED_NODES
    assert len(SUPPORTED_NODES) == len(list(SUPPORTED_NODES))


def test_scrambled_sequences_follow_the_seed_of_the_program() -> None:
    found = []
    for seed in (3, 3, 4):
        wengert.manual_seed(seed)
        found.append(wengert.quasirandom.SobolEngine(2, scramble=True).draw(4).tolist())
    assert found[0] == found[1] != found[2]


def test_the_references_of_functions_are_the_functions() -> None:
    """``torch._refs`` is PyTorch's second implementation; here there is one of each."""
    from wengert.compat.torch import _refs
    from wengert.compat.torch._refs import _conversions

    assert _refs.exp is wengert.exp and _refs.special.erfcx is wengert.special.erfcx
    assert _refs.nn.functional.relu is wengert.nn.functional.relu
    assert _refs.T(wengert.ones(2, 3)).shape == (3, 2) and _refs.new_zeros(wengert.ones(1), 2).tolist() == [0, 0]
    assert _conversions.double(wengert.ones(1)).dtype is wengert.float64
    with pytest.raises(AttributeError):
        _ = _refs.no_such_function


def test_a_dictionary_of_weak_keys_goes_by_identity_and_forgets() -> None:
    from wengert.compat.torch.utils.weak import WeakIdKeyDictionary, WeakTensorKeyDictionary

    x, y = wengert.ones(2), wengert.ones(2)
    seen = WeakTensorKeyDictionary({x: 1})
    seen[y] = 2
    assert seen[x] == 1 and seen[y] == 2 and wengert.ones(2) not in seen and 3 not in seen
    assert seen == seen.copy() and (seen | {}) == seen and dict(WeakIdKeyDictionary(seen).items())[y] == 2
    del y
    assert len(seen) == 1 and list(seen) == [x]
    del seen[x]
    assert not seen


def test_a_reference_to_a_memory_does_not_keep_it() -> None:
    from wengert.compat.torch.multiprocessing.reductions import StorageWeakRef

    x = wengert.ones(3)
    reference = StorageWeakRef(x.untyped_storage())
    assert reference == StorageWeakRef(x[1:].untyped_storage()) and not reference.expired()
    assert reference != StorageWeakRef(wengert.ones(3).untyped_storage())
    del x
    assert reference.expired()


@pytest.mark.parametrize("name", ["torch.functional.einsum", "torch.amp.grad_scaler.OptState",
                                  "torch.amp.autocast_mode.autocast", "torch.masked._input_mask",
                                  "torch._C._nn.avg_pool2d", "torch._C._nn.log_sigmoid"])
def test_names_by_their_modules(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    with torch_is_wengert():
        assert callable(getattr(importlib.import_module(module), attribute))
