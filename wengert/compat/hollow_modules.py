"""Modules of PyTorch's that packages import names from and that wengert has nothing of: each exists under
``import torch`` alone, and its names are hollow, but for the placements of tensors, which are values and no more. A
name that begins with a capital is a class, another one a function.

A module that wengert has is found before one of these.
"""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from types import ModuleType

from .hollows import fill
from .placements import PLACEMENTS

TABLE = {
    "_C._distributed_c10d": "Reducer",
    "_inductor.cpu_vec_isa": "pick_vec_isa",
    "_inductor.runtime.cache_dir_utils": "cache_dir",
    "_prims_common": "is_contiguous_or_false",
    "ao.quantization": "FakeQuantizeBase ObserverBase",
    "ao.quantization.fx._decomposed": "",
    "autograd.profiler_legacy": "profile",
    "cuda.profiler": "profile start stop",
    "export._trace": "",
    "fx._pytree": "register_pytree_flatten_spec tree_flatten_spec",
    "fx.passes.infra.pass_base": "PassBase PassResult",
    "jit._recursive": "concrete_type_store create_script_module",
    "nested": "as_nested_tensor nested_tensor nested_tensor_from_jagged to_padded_tensor",
    "onnx._internal.exporter": "ONNXProgram",
    "onnx.symbolic_helper": "cast_pytorch_to_onnx parse_args",
    "onnx.symbolic_opset12": "dropout",
    "onnx.symbolic_opset9": "masked_fill softmax",
    "utils._sympy.numbers": "IntInfinity",
    "utils._sympy.value_ranges": "ValueRanges",
    "_higher_order_ops.associative_scan": "associative_scan",
    "distributed._functional_collectives": "all_to_all_single_autograd wait_tensor AsyncCollectiveTensor",
    "distributed._tensor": "DTensor DeviceMesh Partial Placement Replicate Shard distribute_tensor",
    "distributed._tensor.experimental": "context_parallel implicit_replication local_map",
    "distributed.algorithms._checkpoint.checkpoint_wrapper":
        "CheckpointImpl CheckpointWrapper apply_activation_checkpointing checkpoint_wrapper offload_wrapper",
    "distributed.checkpoint":
        "FileSystemReader FileSystemWriter load load_state_dict save save_state_dict async_save",
    "distributed.checkpoint._consolidate_hf_safetensors": "consolidate_safetensors_files",
    "distributed.checkpoint.default_planner": "DefaultLoadPlanner DefaultSavePlanner",
    "distributed.checkpoint.format_utils":
        "_EmptyStateDictLoadPlanner _load_state_dict dcp_to_torch_save torch_save_to_dcp",
    "distributed.checkpoint.hf_storage": "HuggingFaceStorageReader HuggingFaceStorageWriter",
    "distributed.checkpoint.optimizer": "load_sharded_optimizer_state_dict",
    "distributed.checkpoint.state_dict":
        "StateDictOptions get_model_state_dict get_optimizer_state_dict get_state_dict set_model_state_dict "
        "set_optimizer_state_dict set_state_dict",
    "distributed.checkpoint.state_dict_loader": "_load_state_dict load",
    "distributed.fsdp":
        "BackwardPrefetch CPUOffload CPUOffloadPolicy FSDPModule FullOptimStateDictConfig FullStateDictConfig "
        "FullyShardedDataParallel LocalOptimStateDictConfig LocalStateDictConfig MixedPrecision MixedPrecisionPolicy "
        "OffloadPolicy OptimStateKeyType ShardedOptimStateDictConfig ShardedStateDictConfig ShardingStrategy "
        "StateDictType UnshardHandle fully_shard register_fsdp_forward_method",
    "distributed.fsdp.sharded_grad_scaler": "ShardedGradScaler",
    "distributed.fsdp.wrap":
        "ModuleWrapPolicy CustomPolicy _or_policy always_wrap_policy enable_wrap lambda_auto_wrap_policy "
        "size_based_auto_wrap_policy transformer_auto_wrap_policy wrap",
    "distributed.launcher.api": "LaunchConfig elastic_launch",
    "distributed.pipelining": "PipelineStage Schedule1F1B ScheduleGPipe SplitPoint pipeline pipe_split",
    "distributed.rpc": "TensorPipeRpcBackendOptions init_rpc rpc_async rpc_sync shutdown remote",
    "distributed.rpc.api": "_all_gather _require_initialized",
    "distributed.tensor": "DTensor DeviceMesh Partial Placement Replicate Shard distribute_module distribute_tensor",
    "distributed.tensor._utils": "compute_local_shape_and_global_offset",
    "distributed.tensor.experimental": "context_parallel",
    "distributed.tensor.experimental._attention": "set_rotate_method",
    "distributed.tensor.parallel":
        "ColwiseParallel ParallelStyle PrepareModuleInput PrepareModuleInputOutput PrepareModuleOutput RowwiseParallel "
        "SequenceParallel loss_parallel parallelize_module",
    "distributed.tensor.placement_types": "Partial Placement Replicate Shard _StridedShard",
    "export.decomp_utils": "CustomDecompTable",
    "nn.attention.flex_attention": "AuxRequest BlockMask create_block_mask flex_attention and_masks or_masks "
        "_DEFAULT_SPARSE_BLOCK_SIZE",
    "numa.binding": "AffinityMode NumaOptions",
    "utils.cpp_extension": "BuildExtension CppExtension CUDAExtension load load_inline",
    "utils.data.graph_settings": "apply_shuffle_settings",
}
TABLE["distributed.fsdp.api"] = TABLE["distributed.fsdp.fully_sharded_data_parallel"] = TABLE["distributed.fsdp"]
ABOVE = {f"torch.{name[:place]}" for name in TABLE for place, letter in enumerate(name) if letter == "."}
"""Every module above one of these: what is asked of it is answered by others, or by nothing."""

WORDS = "Not in wengert: names that can be imported."
_made: dict[str, ModuleType] = {}


def hollow_module(name: str) -> ModuleType | None:
    """The module that stands for PyTorch's ``name``, always the same one; None if it is not in the table."""
    inner = name.removeprefix("torch.")
    if name not in _made and (inner in TABLE or name in ABOVE):
        made = ModuleType(name, WORDS)
        made.__spec__ = ModuleSpec(name, None, is_package=True)
        made.__path__ = []
        names = TABLE.get(inner, "").split()
        classes = [name for name in names if name.lstrip("_")[0].isupper()]
        fill(vars(made), classes=" ".join(classes), functions=" ".join(set(names) - set(classes)))
        vars(made).update({name: PLACEMENTS[name] for name in names if name in PLACEMENTS})
        _made[name] = made
    return _made.get(name)
