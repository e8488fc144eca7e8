"""The public names of PyTorch's that are not there: made by ``python -m tools.absent_names``.

A module by its full name in PyTorch, a class by its own name; those of which nothing is absent are in
`WHOLE`, and in `INSIDE` modules and other names that are there under ``import torch`` alone."""

ABSENT = {
    "Adagrad": """
share_memory
""",
    "Attribute": """
count type value
""",
    "Backend": """
FAKE backend_capability backend_list backend_type_map register_backend
""",
    "BuiltinCommHookType": """
value
""",
    "CUDAGraph": """
capture_begin capture_end debug_dump enable_debug_mode get_graph_data instantiate pool raw_cuda_graph
raw_cuda_graph_exec replay reset
""",
    "CheckpointFunction": """
boxed_grads_call dirty_tensors mark_dirty mark_non_differentiable mark_shared_storage materialize_grads
maybe_clear_saved_tensors metadata needs_input_grad next_functions non_differentiable register_hook register_prehook
requires_grad save_for_backward save_for_forward saved_for_forward saved_tensors saved_variables set_materialize_grads
to_save
""",
    "CodeGen": """
additional_globals gen_fn_def generate_output process_inputs process_outputs
""",
    "DFIterDataPipe": """
getstate_hook reduce_ex_hook repr_hook set_getstate_hook set_reduce_ex_hook str_hook
""",
    "DType": """
abbr
""",
    "DataParallel": """
gather parallel_apply replicate scatter
""",
    "DebugLevel": """
value
""",
    "DeviceMesh": """
device_type
""",
    "Event": """
device elapsed_time event_id from_ipc_handle ipc_handle query record synchronize wait
""",
    "EventList": """
export_chrome_trace export_stacks supported_export_stacks_metrics
""",
    "ExportedProgram": """
buffers call_spec constants dialect example_inputs graph graph_module graph_signature module module_call_graph
named_buffers named_parameters parameters range_constraints run_decompositions state_dict tensor_constants validate
verifier verifiers
""",
    "FileStore": """
path
""",
    "Function": """
boxed_grads_call dirty_tensors mark_dirty mark_non_differentiable mark_shared_storage materialize_grads
maybe_clear_saved_tensors metadata needs_input_grad next_functions non_differentiable register_hook register_prehook
requires_grad save_for_backward save_for_forward saved_for_forward saved_tensors saved_variables set_materialize_grads
to_save
""",
    "FunctionEvent": """
append_kernel cpu_time_str cpu_time_total_str cuda_time cuda_time_total device_time_str device_time_total_str
metadata_json self_cpu_memory_usage self_cpu_time_total_str self_cuda_memory_usage self_cuda_time_total
self_device_memory_usage self_device_time_total_str set_cpu_parent
""",
    "GRU": """
check_forward_args check_hidden_size check_input get_expected_hidden_size permute_hidden
""",
    "Generator": """
get_offset graphsafe_get_state graphsafe_set_state set_offset
""",
    "GradientEdge": """
ownership_token
""",
    "Graph": """
create_size_node create_storage_offset_node create_stride_node materialize_symint materialize_symints on_generate_code
owning_module process_inputs process_outputs set_codegen
""",
    "GraphModule": """
to_folder
""",
    "Interpreter": """
boxed_run
""",
    "LSTM": """
check_forward_args check_hidden_size check_input get_expected_cell_size get_expected_hidden_size permute_hidden
""",
    "MapDataPipe": """
getstate_hook reduce_ex_hook repr_hook set_getstate_hook set_reduce_ex_hook str_hook
""",
    "Measurement": """
as_row_name env has_warnings meets_confidence merge metadata significant_figures
""",
    "Module": """
T_destination ipu mtia xpu
""",
    "MultiheadAttention": """
merge_masks
""",
    "Node": """
graph meta normalized_arguments op target type users
""",
    "ONNXProgram": """
call_reference compute_values model_proto optimize rename_axes
""",
    "OperatorExportTypes": """
value
""",
    "PrefixStore": """
underlying_store
""",
    "ProcessExitedException": """
error_index error_pid exit_code
""",
    "ProcessGroup": """
BackendType CUSTOM GLOO MPI NCCL UCC UNDEFINED XCCL abort all_gather_single all_gather_single_coalesced
all_to_all_single allgather_coalesced allgather_into_tensor_coalesced bound_device_id boxed get_group_store group_desc
group_name merge_remote_group reduce_scatter_single reduce_scatter_single_coalesced reduce_scatter_tensor_coalesced
set_timeout shutdown split_group unbox use_pg_for_symm_mem_rendezvous
""",
    "ProcessRaisedException": """
error_index error_pid
""",
    "ProfilerAction": """
DEVICE_STOPPED
""",
    "ProfilerActivity": """
HPU MTIA PrivateUse1 value
""",
    "PyTorchFileReader": """
get_all_records get_record get_record_header_offset get_record_offset get_record_offset_no_read get_record_size
get_storage_from_record has_record serialization_id
""",
    "PyTorchFileWriter": """
archive_name get_all_written_records serialization_id set_min_version write_end_of_file write_record
write_record_metadata
""",
    "RNN": """
check_forward_args check_hidden_size check_input get_expected_hidden_size permute_hidden
""",
    "RNNBase": """
check_forward_args check_hidden_size check_input get_expected_hidden_size permute_hidden
""",
    "ReduceOp": """
PREMUL_SUM factor op
""",
    "RemovableHandle": """
next_id
""",
    "SDPBackend": """
value
""",
    "ScalingType": """
value
""",
    "ScriptFunction": """
code get_debug_state graph graph_for inlined_graph qualified_name save save_to_buffer schema
""",
    "ScriptModule": """
code code_with_constants dump dump_to_str get_debug_state getattr hasattr qualified_name save save_to_buffer setattr
""",
    "ScriptObject": """
getattr hasattr setattr
""",
    "StorageType": """
dtype
""",
    "Stream": """
device device_index device_type is_capturing native_handle query record_event stream_id synchronize wait_event
wait_stream
""",
    "SwizzleType": """
value
""",
    "SymFloat": """
as_integer_ratio conjugate hex is_integer
""",
    "SymInt": """
as_integer_ratio bit_length conjugate
""",
    "TCPStore": """
host libuvBackend port
""",
    "Tensor": """
const_data_ptr dequantize eig index int_repr ipu is_distributed is_ipu is_maia is_mtia is_vulkan is_xla lstsq map2_
mtia name q_per_channel_axis q_per_channel_scales q_per_channel_zero_points q_scale q_zero_point qscheme record_stream
reinforce slice_inverse solve symeig to_mkldnn to_padded_tensor volatile xpu
""",
    "Timer": """
adaptive_autorange autorange collect_callgrind repeat
""",
    "Tracer": """
check_mutable_operations get_fresh_qualname proxy_buffer_attributes trace_asserts traced_func_name
""",
    "TrainingMode": """
value
""",
    "Transformer": """
boxed_run
""",
    "TypedStorage": """
cuda float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz from_buffer hpu is_hpu is_shared is_sparse pin_memory
resizable share_memory_ to
""",
    "UninitializedBuffer": """
cls_to_become
""",
    "UninitializedParameter": """
cls_to_become
""",
    "UntypedStorage": """
bfloat16 bool byte byteswap char complex_double complex_float cuda double float float8_e4m3fn float8_e4m3fnuz
float8_e5m2 float8_e5m2fnuz from_buffer half hpu int is_hpu is_shared is_sparse is_sparse_csr long mps new pin_memory
resizable share_memory_ short to type
""",
    "Work": """
block_current_stream boxed get_future_result unbox
""",
    "enable_grad": """
clone
""",
    "finfo": """
bits dtype eps max min resolution smallest_normal tiny
""",
    "graph": """
default_capture_stream
""",
    "iinfo": """
bits dtype max min
""",
    "inference_mode": """
clone
""",
    "no_grad": """
clone
""",
    "profile": """
config create_trace_id default_trace_id export_stacks toggle_collection_dynamic
""",
    "set_grad_enabled": """
clone
""",
    "set_multithreading_enabled": """
clone
""",
    "torch": """
AVG AcceleratorError AggregationType AliasDb AnyType Argument ArgumentSpec AwaitType BenchmarkConfig
BenchmarkExecutionStats Block BoolType BufferDict CallStack Capsule ClassType Code CompilationUnit
CompleteArgumentSpec ComplexType ConcreteModuleType ConcreteModuleTypeBuilder DeepCopyMemoTable
DeserializationStorageContext DeviceObjType DictType DisableTorchFunction DisableTorchFunctionSubclass DispatchKey
DispatchKeySet EnumType ErrorReport ExcludeDispatchKeyGuard ExecutionPlan FatalError FileCheck FloatType
FunctionSchema FutureType Gradient Graph GraphExecutorState IODescriptor InferredType IntType InterfaceType
JITException ListType LiteScriptModule LockingLogger LoggerBase ModuleDict Node NoneType NoopLogger NumberType
OperatorInfo OptionalType ParameterDict PyObjectType QInt32Storage QInt8Storage QUInt2x4Storage QUInt4x2Storage
QUInt8Storage RRefType SUM ScriptClass ScriptClassFunction ScriptDict ScriptDictIterator ScriptDictKeyIterator
ScriptList ScriptListIterator ScriptMethod ScriptModuleSerializer ScriptObjectProperty SerializationStorageContext
StaticModule Storage StorageBase StreamObjType StringType SymBoolType SymIntType Tag TensorType ThroughputBenchmark
TracingState TupleType Type UnionType Use Value ao batch_norm_backward_elemt batch_norm_backward_reduce
batch_norm_elemt batch_norm_gather_stats batch_norm_gather_stats_with_counts batch_norm_stats batch_norm_update_stats
bit bits16 bits1x8 bits2x4 bits4x2 bits8 ccol_indices_copy choose_qparams_optimized classproperty col_indices_copy
compiled_with_cxx11_abi cond contrib cpp crow_indices_copy cudnn_affine_grid_generator cudnn_batch_norm
cudnn_convolution cudnn_convolution_add_relu cudnn_convolution_relu cudnn_convolution_transpose cudnn_grid_sampler
cudnn_is_acceptable dequantize empty_quantized fake_quantize_per_channel_affine fake_quantize_per_tensor_affine
fbgemm_linear_fp16_weight fbgemm_linear_fp16_weight_fp32_activation fbgemm_linear_int8_weight
fbgemm_linear_int8_weight_fp32_activation fbgemm_linear_quantize_weight fbgemm_pack_gemm_matrix_fp16
fbgemm_pack_quantized_matrix fork frobenius_norm fused_moving_avg_obs_fake_quant get_autocast_ipu_dtype
get_autocast_xla_dtype get_device get_file_path has_lapack has_mkl has_openmp has_spectral import_ir_module
import_ir_module_from_buffer indices_copy init_num_threads int_repr is_autocast_ipu_enabled is_autocast_xla_enabled
is_distributed is_vulkan_available merge_type_from_type_comment miopen_batch_norm miopen_convolution
miopen_convolution_add_relu miopen_convolution_relu miopen_convolution_transpose miopen_ctc_loss
miopen_depthwise_convolution miopen_rnn mkldnn_adaptive_avg_pool2d mkldnn_convolution mkldnn_linear_backward_weights
mkldnn_max_pool2d mkldnn_max_pool3d mkldnn_rnn_layer monitor native_norm nativert nested nuclear_norm numa package
parse_ir parse_schema parse_type_comment prepare_multiprocessing_environment
profiler_allow_cudagraph_cupti_lazy_reinit_cuda12 q_per_channel_axis q_per_channel_scales q_per_channel_zero_points
q_scale q_zero_point qscheme quantization quantize_per_channel quantize_per_tensor quantize_per_tensor_dynamic
quantized_batch_norm quantized_gru quantized_gru_cell quantized_lstm quantized_lstm_cell quantized_max_pool1d
quantized_max_pool2d quantized_max_pool3d quantized_rnn_relu_cell quantized_rnn_tanh_cell resize_as_sparse_
row_indices_copy set_anomaly_enabled set_autocast_ipu_dtype set_autocast_ipu_enabled set_autocast_xla_dtype
set_autocast_xla_enabled slice_copy slice_inverse sym_constrain_range sym_constrain_range_for_size sym_fresh_size
sym_sqrt thread_safe_generator unify_type_list values_copy wait
""",
    "torch.autograd": """
DeviceType NestedIOFunction ProfilerActivity ProfilerConfig ProfilerEvent ProfilerState enforce_grad_layout_policy
has_torch_function profiler_legacy
""",
    "torch.autograd.graph": """
region_activation_memory_budget set_override_stale_capture_stream set_warn_on_accumulate_grad_stream_mismatch
""",
    "torch.autograd.profiler": """
DeviceType EnforceUnique KinetoStepTracker MemRecordsAcc ProfilerActivity ProfilerConfig ProfilerState
kineto_available load_nvprof parse_nvprof_trace
""",
    "torch.backends": """
cpu cusparselt kleidiai mha miopen nnpack python_native quantized xeon xnnpack
""",
    "torch.compiler": """
CacheInfo F config get_default_backend keep_portable_guards_unsafe keep_tensor_guards_unsafe load_cache_artifacts
nested_compile_region save_cache_artifacts set_default_backend set_enable_guard_collectives skip_all_guards_unsafe
skip_guard_on_all_nn_modules_unsafe skip_guard_on_globals_unsafe skip_guard_on_inbuilt_nn_modules_unsafe
substitute_in_graph
""",
    "torch.cpu": """
StreamContext get_capabilities
""",
    "torch.cuda": """
BFloat16Storage BoolStorage ByteStorage CUDAPluggableAllocator CharStorage ComplexDoubleStorage ComplexFloatStorage
CudaError DeferredCudaCallError DoubleStorage ExternalStream FloatStorage GreenContext HalfStorage IntStorage
LongStorage MemPool ShortStorage caching_allocator_alloc caching_allocator_delete caching_allocator_disabled
caching_allocator_enable can_device_access_peer change_current_allocator check_error clock_rate comm cudaStatus
current_blas_handle current_solver_handle device_memory_used device_of gds get_allocator_backend get_gencode_flags
get_per_process_memory_fraction get_stream_from_external get_sync_debug_mode graph_pool_handle graphs green_contexts
has_half has_magma host_memory_stats host_memory_stats_as_nested_dict initial_seed is_tf32_supported jiterator
list_gpu_processes make_graphed_callables max_memory_cached memory memory_cached memory_snapshot
memory_stats_as_nested_dict memory_summary memory_usage nccl power_draw profiler reset_accumulated_host_memory_stats
reset_accumulated_memory_stats reset_max_memory_cached reset_peak_host_memory_stats set_per_process_memory_fraction
set_stream set_sync_debug_mode streams temperature tunable use_mem_pool utilization
""",
    "torch.cuda.amp": """
amp_definitely_not_available autocast_mode common grad_scaler
""",
    "torch.distributed": """
AllToAllOptions AllreduceCoalescedOptions AllreduceOptions BackendConfig BarrierOptions BroadcastOptions GatherOptions
GroupName Logger ProcessGroupGloo ReduceOptions ReduceScatterOptions Reducer ScatterOptions argparse_util autograd
breakpoint c10d_logger checkpoint collective_utils config debug flight_recorder fsdp launch launcher logging_handlers
pipelining record_comm reduce_op register_rendezvous_handler remote_device rpc shrink_group tensor
""",
    "torch.export": """
AdditionalInputs Constraint CustomDecompTable ExportBackwardSignature ExportGraphSignature FlatArgsAdapter
ModuleCallEntry ModuleCallSignature ShapesCollection UnflattenedModule custom_obj custom_ops decomp_utils
default_decompositions draft_export dynamic_shapes experimental exported_program graph_signature passes pt2_archive
unflatten
""",
    "torch.fft": """
Tensor
""",
    "torch.futures": """
S T
""",
    "torch.fx": """
PH ProxyableClassMeta annotate config operator_schemas tensor_type traceback
""",
    "torch.jit": """
CompilationUnit ONNXTracedModule RecursiveScriptClass RecursiveScriptModule ScriptWarning TopLevelTracedModule
TracedModule TracingCheckError enable_onednn_fusion export_opnames frontend fuser generate_bytecode
jit_module_from_flatbuffer last_executed_optimized_graph mobile onednn_fusion_enabled optimized_execution quantized
run_frozen_optimizations save_jit_module_to_flatbuffer set_fusion_strategy strict_fusion supported_ops
unsupported_tensor_ops
""",
    "torch.library": """
Library define fallthrough_kernel get_ctx get_kernel impl impl_abstract infer_schema opcheck register_autocast
register_torch_dispatch register_vmap triton_op wrap_triton
""",
    "torch.masked": """
MaskedTensor as_masked_tensor is_masked_tensor masked_tensor maskedtensor
""",
    "torch.mps": """
Event compile_shader event load_metallib profiler set_per_process_memory_fraction
""",
    "torch.multiprocessing": """
init_reductions pool queue
""",
    "torch.nested": """
as_nested_tensor masked_select narrow nested_tensor nested_tensor_from_jagged to_padded_tensor
""",
    "torch.nn": """
backends cpp intrinsic qat quantizable quantized
""",
    "torch.nn.attention": """
activate_flash_attention_impl bias current_flash_attention_impl experimental flex_attention list_flash_attention_impls
register_flash_attention_impl restore_flash_attention_impl varlen
""",
    "torch.nn.functional": """
assert_int_or_pair has_torch_function has_torch_function_unary has_torch_function_variadic scaled_grouped_mm
""",
    "torch.nn.parallel": """
DistributedDataParallelCPU comm data_parallel gather parallel_apply replicate scatter
""",
    "torch.nn.utils.rnn": """
PackedSequence_ bind
""",
    "torch.onnx": """
ExportableModule InputObserver JitScalarType TensorProtoDataType ops register_custom_op_symbolic
select_model_mode_for_export symbolic_helper symbolic_opset10 symbolic_opset11 symbolic_opset12 symbolic_opset13
symbolic_opset14 symbolic_opset15 symbolic_opset16 symbolic_opset17 symbolic_opset18 symbolic_opset19 symbolic_opset20
symbolic_opset7 symbolic_opset8 symbolic_opset9 testing unregister_custom_op_symbolic utils verification
""",
    "torch.optim": """
swap_in_optimizer_params_and_state
""",
    "torch.overrides": """
redispatch_function
""",
    "torch.package": """
Directory EmptyMatchError GlobGroup Importer ObjMismatchError ObjNotFoundError OrderedImporter PackageExporter
PackageImporter PackagingError analyze file_structure_representation find_file_dependencies glob_group importer
is_from_package package_exporter package_importer sys_importer
""",
    "torch.profiler": """
DeviceType ExecutionTraceObserver RecordScope itt python_tracer
""",
    "torch.random": """
thread_safe_generator
""",
    "torch.serialization": """
T mkdtemp validate_cuda_device validate_hpu_device
""",
    "torch.signal.windows": """
windows
""",
    "torch.sparse": """
SparseSemiStructuredTensor SparseSemiStructuredTensorCUSPARSELT SparseSemiStructuredTensorCUTLASS semi_structured
solve spsolve to_sparse_semi_structured
""",
    "torch.utils": """
ThroughputBenchmark backcompat backend_registration bundled_inputs collect_env cpp_backtrace cpp_extension debug_log
deterministic file_baton generate_methods_for_privateuse1_backend get_cpp_backtrace hipify jit mkldnn mobile_optimizer
model_dump module_tracker rename_privateuse1_backend set_module show_pickle throughput_benchmark viz
""",
    "torch.utils.benchmark": """
CallgrindStats Colorize Compare CopyIfCallgrind FunctionCount FunctionCounts FuzzedParameter FuzzedSparseTensor
FuzzedTensor Fuzzer Language ParameterAlias TaskSpec examples op_fuzzers ordered_unique select_unit set_torch_threads
timer trim_sigfig unit_to_english utils
""",
    "torch.utils.checkpoint": """
DefaultDeviceType SavedTensor
""",
    "torch.utils.data": """
argument_validation backward_compatibility graph graph_settings guaranteed_datapipes_determinism non_deterministic
runtime_validation runtime_validation_disabled
""",
    "torch.utils.dlpack": """
DLDeviceType
""",
    "torch.utils.hooks": """
BackwardHook
""",
    "torch.xpu": """
Event MemPool Stream StreamContext XPUGraph XPUPluggableAllocator can_device_access_peer change_current_allocator
clock_rate default_generators device_memory_used device_of get_arch_list get_gencode_flags
get_per_process_memory_fraction get_stream_from_external graph graph_pool_handle graphs initial_seed
make_graphed_callables max_memory_reserved memory memory_snapshot memory_stats memory_stats_as_nested_dict
memory_usage power_draw random reset_accumulated_memory_stats set_per_process_memory_fraction set_stream stream
streams temperature use_mem_pool utilization
""",
    "torchvision": """
disable_beta_transforms_warning extension get_video_backend image set_video_backend version
""",
    "torchvision.datasets": """
CLEVRClassification CREStereo Caltech101 Caltech256 CarlaStereo Cityscapes CocoCaptions CocoDetection Country211 DTD
ETH3DStereo EuroSAT FER2013 FGVCAircraft FallingThingsStereo Flickr30k Flickr8k Flowers102 FlyingChairs FlyingThings3D
Food101 GTSRB HD1K HMDB51 Imagenette InStereo2k Kinetics Kitti Kitti2012Stereo Kitti2015Stereo KittiFlow LFWPairs
LFWPeople LSUN LSUNClass Middlebury2014Stereo MovingMNIST Omniglot OxfordIIITPet PCAM PhotoTour RenderedSST2 SBDataset
SBU SEMEION STL10 SUN397 SVHN SceneFlowStereo Sintel SintelStereo StanfordCars UCF101 USPS VOCDetection
VOCSegmentation WIDERFace caltech cityscapes clevr coco country211 dtd eurosat fer2013 fgvc_aircraft flickr flowers102
food101 gtsrb hmdb51 imagenette kinetics kitti lfw lsun moving_mnist omniglot oxford_iiit_pet pcam phototour
rendered_sst2 samplers sbd sbu semeion stanford_cars stl10 sun397 svhn ucf101 usps video_utils voc widerface
wrap_dataset_for_transforms_v2
""",
    "torchvision.io": """
decode_avif decode_gif decode_heic decode_webp video
""",
    "torchvision.models": """
ConvNeXt ConvNeXt_Base_Weights ConvNeXt_Large_Weights ConvNeXt_Small_Weights ConvNeXt_Tiny_Weights EfficientNet
EfficientNet_B0_Weights EfficientNet_B1_Weights EfficientNet_B2_Weights EfficientNet_B3_Weights
EfficientNet_B4_Weights EfficientNet_B5_Weights EfficientNet_B6_Weights EfficientNet_B7_Weights
EfficientNet_V2_L_Weights EfficientNet_V2_M_Weights EfficientNet_V2_S_Weights GoogLeNet GoogLeNetOutputs
GoogLeNet_Weights MNASNet MNASNet0_5_Weights MNASNet0_75_Weights MNASNet1_0_Weights MNASNet1_3_Weights MaxVit
MaxVit_T_Weights RegNet RegNet_X_16GF_Weights RegNet_X_1_6GF_Weights RegNet_X_32GF_Weights RegNet_X_3_2GF_Weights
RegNet_X_400MF_Weights RegNet_X_800MF_Weights RegNet_X_8GF_Weights RegNet_Y_128GF_Weights RegNet_Y_16GF_Weights
RegNet_Y_1_6GF_Weights RegNet_Y_32GF_Weights RegNet_Y_3_2GF_Weights RegNet_Y_400MF_Weights RegNet_Y_800MF_Weights
RegNet_Y_8GF_Weights ResNeXt101_64X4D_Weights ShuffleNetV2 ShuffleNet_V2_X0_5_Weights ShuffleNet_V2_X1_0_Weights
ShuffleNet_V2_X1_5_Weights ShuffleNet_V2_X2_0_Weights SwinTransformer Swin_B_Weights Swin_S_Weights Swin_T_Weights
Swin_V2_B_Weights Swin_V2_S_Weights Swin_V2_T_Weights ViT_B_16_Weights ViT_B_32_Weights ViT_H_14_Weights
ViT_L_16_Weights ViT_L_32_Weights VisionTransformer Weights convnext convnext_base convnext_large convnext_small
convnext_tiny detection efficientnet efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_b4
efficientnet_b5 efficientnet_b6 efficientnet_b7 efficientnet_v2_l efficientnet_v2_m efficientnet_v2_s
get_model_builder get_model_weights get_weight googlenet maxvit maxvit_t mnasnet mnasnet0_5 mnasnet0_75 mnasnet1_0
mnasnet1_3 mobilenet optical_flow quantization regnet regnet_x_16gf regnet_x_1_6gf regnet_x_32gf regnet_x_3_2gf
regnet_x_400mf regnet_x_800mf regnet_x_8gf regnet_y_128gf regnet_y_16gf regnet_y_1_6gf regnet_y_32gf regnet_y_3_2gf
regnet_y_400mf regnet_y_800mf regnet_y_8gf resnext101_64x4d segmentation shufflenet_v2_x0_5 shufflenet_v2_x1_0
shufflenet_v2_x1_5 shufflenet_v2_x2_0 shufflenetv2 swin_b swin_s swin_t swin_transformer swin_v2_b swin_v2_s swin_v2_t
video vision_transformer vit_b_16 vit_b_32 vit_h_14 vit_l_16 vit_l_32
""",
    "torchvision.ops": """
ciou_loss diou_loss drop_block focal_loss giou_loss
""",
    "torchvision.utils": """
draw_bounding_boxes draw_keypoints draw_segmentation_masks flow_to_image
""",
}

WHOLE = """
ASGD AbsTransform Adadelta Adafactor Adam AdamW Adamax AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d
AdaptiveLogSoftmaxWithLoss AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d AffineTransform AlphaDropout
AuthenticationError AveragedModel AvgPool1d AvgPool2d AvgPool3d BCELoss BCEWithLogitsLoss BasePruningMethod
BaseTorchFunctionMode BatchNorm1d BatchNorm2d BatchNorm3d BatchSampler Bernoulli Beta Bilinear Binomial Buffer
BufferTooShort CELU CTCLoss CatTransform Categorical Cauchy ChainDataset ChainedScheduler ChannelShuffle
CheckpointError CheckpointPolicy Chi2 CircularPad1d CircularPad2d CircularPad3d ComposeTransform ConcatDataset
ConstantLR ConstantPad1d ConstantPad2d ConstantPad3d Container ContinuousBernoulli Conv1d Conv2d Conv3d
ConvTranspose1d ConvTranspose2d ConvTranspose3d CorrCholeskyTransform CosineAnnealingLR CosineAnnealingWarmRestarts
CosineEmbeddingLoss CosineSimilarity CrossEntropyLoss CrossMapLRN2d CumulativeDistributionTransform CustomFromMask
CyclicLR DataChunk DataLoader Dataset Dim Dirichlet DistBackendError DistError DistNetworkError DistStoreError
DistributedSampler Distribution Dropout Dropout1d Dropout2d Dropout3d ELU Embedding EmbeddingBag Error ExpTransform
Exponential ExponentialFamily ExponentialLR FeatureAlphaDropout FisherSnedecor Flatten Fold FractionalMaxPool2d
FractionalMaxPool3d Future GELU GLU GRUCell Gamma GaussianNLLLoss GeneralizedPareto Geometric GradBucket GradScaler
GraphExecGroup GroupMember GroupNorm Gumbel HalfCauchy HalfNormal Hardshrink Hardsigmoid Hardswish Hardtanh HashStore
HingeEmbeddingLoss HuberLoss Identity Independent IndependentTransform InstanceNorm1d InstanceNorm2d InstanceNorm3d
InverseGamma KLDivLoss Kumaraswamy L1Loss L1Unstructured LBFGS LKJCholesky LPPool1d LPPool2d LPPool3d LRScheduler
LSTMCell LambdaLR Laplace LayerNorm LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d LazyConv1d LazyConv2d LazyConv3d
LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d
LazyLinear LeakyReLU LinAlgError Linear LinearCrossEntropyLoss LinearCrossEntropyOptions LinearLR LnStructured
LoadEndianness LocalResponseNorm LogNormal LogSigmoid LogSoftmax LogisticNormal LowRankMultivariateNormal
LowerCholeskyTransform MSELoss MarginRankingLoss MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d
Mish MixtureSameFamily ModuleDict ModuleList MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss MultiStepLR
Multinomial MultiplicativeLR MultivariateNormal Muon NAdam NLLLoss NLLLoss2d NegativeBinomial Normal OneCycleLR
OneHotCategorical OneHotCategoricalStraightThrough OnnxExporterError Optimizer OutOfMemoryError P2POp PReLU
PackedSequence PairwiseDistance Parameter ParameterDict ParameterList ParametrizationList Pareto PixelShuffle
PixelUnshuffle Poisson PoissonNLLLoss PolynomialLR PositiveDefiniteTransform PowerTransform Process ProcessContext
ProcessError Proxy PruningContainer QueueEmptyError RAdam RMSNorm RMSprop RNNCell RNNCellBase RReLU RandomSampler
RandomStructured RandomUnstructured ReLU ReLU6 ReduceLROnPlateau ReflectionPad1d ReflectionPad2d ReflectionPad3d
RelaxedBernoulli RelaxedOneHotCategorical ReplicationPad1d ReplicationPad2d ReplicationPad3d ReshapeTransform Rprop
SELU SGD SWALR Sampler SavedTensor SelectiveCheckpointContext Sequential SequentialLR SequentialSampler SiLU Sigmoid
SigmoidTransform Size SmoothL1Loss SobolEngine SoftMarginLoss Softmax Softmax2d SoftmaxTransform Softmin Softplus
SoftplusTransform Softshrink Softsign SourceChangeWarning SparseAdam SpawnContext StackDataset StackTransform StepLR
StickBreakingTransform Store StudentT Subset SubsetRandomSampler SymBool SyncBatchNorm Tanh TanhTransform Tanhshrink
TensorDataset Threshold TimeoutError TorchFunctionMode TracerWarning Transform TransformedDistribution
TransformerDecoder TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer TripletMarginLoss
TripletMarginWithDistanceLoss Unflatten Unfold Uniform UnpackedDualTensor Upsample UpsamplingBilinear2d
UpsamplingNearest2d VonMises Weibull WeightedRandomSampler Wishart ZeroPad1d ZeroPad2d ZeroPad3d autocast
check_sparse_tensor_invariants detect_anomaly device functional_datapipe layout memory_format record_function
save_on_cpu saved_tensors_hooks set_default_mmap_options set_detect_anomaly skip_data stream torch.amp
torch.autograd.forward_ad torch.autograd.functional torch.distributions torch.func torch.hub torch.linalg
torch.nn.init torch.nn.utils torch.nn.utils.parametrizations torch.nn.utils.parametrize torch.nn.utils.prune
torch.optim.lr_scheduler torch.optim.swa_utils torch.quasirandom torch.special torch.testing torch.types
torchvision.transforms torchvision.transforms.functional torchvision.transforms.v2
torchvision.transforms.v2.functional torchvision.tv_tensors
"""

INSIDE = """
torch.Event torch.Future torch.PyTorchFileReader torch.PyTorchFileWriter torch.ScriptFunction torch.ScriptModule
torch.ScriptObject torch.Stream torch.SymBool torch.SymFloat torch.SymInt torch.eig torch.float4_e2m1fn_x2
torch.functional torch.get_device_module torch.int1 torch.int2 torch.int3 torch.int4 torch.int5 torch.int6 torch.int7
torch.lstsq torch.matrix_rank torch.mps torch.mtia torch.qint32 torch.qint8 torch.quint2x4 torch.quint4x2 torch.quint8
torch.solve torch.storage torch.sym_float torch.sym_int torch.sym_ite torch.sym_max torch.sym_min torch.sym_not
torch.sym_sum torch.symeig torch.uint1 torch.uint2 torch.uint3 torch.uint4 torch.uint5 torch.uint6 torch.uint7
torch.while_loop torch.amp.autocast_mode torch.amp.grad_scaler torch.cpu.amp torch.cuda.amp torch.cuda.nvtx
torch.cuda.random torch.cuda.sparse torch.distributed.constants torch.distributed.distributed_c10d
torch.distributed.elastic torch.distributed.optim torch.distributed.utils torch.fx.experimental torch.jit.annotations
torch.multiprocessing.reducer torch.multiprocessing.reductions torch.nn.parallel.distributed
torch.nn.parallel.scatter_gather torch.profiler.profiler torch.utils.flop_counter torch.utils.model_zoo
torch.utils.weak
"""
