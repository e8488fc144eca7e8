"""The public names, each from where it is defined: made by `python -m tools.public_stub > wengert/__init__.pyi`."""

from collections.abc import Callable as _Callable
from typing import Any as _Any

from .ops.legacy import TensorType as _TensorType
from .ops.storage import StorageType as _StorageType
from . import (
    accelerator as accelerator, amp as amp, array_api as array_api, autograd as autograd, backends as backends,
    compiler as compiler, core as core, cpu as cpu, cuda as cuda, distributed as distributed,
    distributions as distributions, export as export, fft as fft, func as func, futures as futures, fx as fx,
    hub as hub, io as io, jit as jit, library as library, linalg as linalg, masked as masked,
    multiprocessing as multiprocessing, nn as nn, onnx as onnx, ops as ops, optim as optim, overrides as overrides,
    prims as prims, profiler as profiler, quasirandom as quasirandom, random as random, return_types as return_types,
    sampling as sampling, serialization as serialization, settings as settings, signal as signal, sparse as sparse,
    special as special, tensors as tensors, testing as testing, torch_version as torch_version, types as types,
    utils as utils, version as version, vision as vision, xpu as xpu,
)
from .amp.contexts import autocast as autocast
from .amp.scaler import GradScaler as GradScaler
from .amp.switches import (
    autocast_decrement_nesting as autocast_decrement_nesting, autocast_increment_nesting as autocast_increment_nesting,
    clear_autocast_cache as clear_autocast_cache, get_autocast_cpu_dtype as get_autocast_cpu_dtype,
    get_autocast_dtype as get_autocast_dtype, get_autocast_gpu_dtype as get_autocast_gpu_dtype,
    is_autocast_cache_enabled as is_autocast_cache_enabled, is_autocast_cpu_enabled as is_autocast_cpu_enabled,
    is_autocast_enabled as is_autocast_enabled, set_autocast_cache_enabled as set_autocast_cache_enabled,
    set_autocast_cpu_dtype as set_autocast_cpu_dtype, set_autocast_cpu_enabled as set_autocast_cpu_enabled,
    set_autocast_dtype as set_autocast_dtype, set_autocast_enabled as set_autocast_enabled,
    set_autocast_gpu_dtype as set_autocast_gpu_dtype,
)
from .autograd.modes import (
    enable_grad as enable_grad, inference_mode as inference_mode, is_grad_enabled as is_grad_enabled,
    is_inference_mode_enabled as is_inference_mode_enabled, no_grad as no_grad, set_grad_enabled as set_grad_enabled,
)
from .autograd.watchers import (
    is_anomaly_check_nan_enabled as is_anomaly_check_nan_enabled, is_anomaly_enabled as is_anomaly_enabled,
)
from .compat.extension import (
    load_ipython_extension as load_ipython_extension, unload_ipython_extension as unload_ipython_extension,
)
from .core.device import device as device
from .core.dtypes import (
    bfloat16 as bfloat16, bool_ as _bool, complex128 as _cdouble, complex64 as _cfloat, complex32 as _chalf,
    complex128 as complex128, complex32 as complex32, complex64 as complex64, float64 as _double, DType as _dtype,
    finfo as finfo, float32 as _float, float16 as float16, float32 as float32, float64 as float64,
    float8_e4m3fn as float8_e4m3fn, float8_e4m3fnuz as float8_e4m3fnuz, float8_e5m2 as float8_e5m2,
    float8_e5m2fnuz as float8_e5m2fnuz, float8_e8m0fnu as float8_e8m0fnu, get_default_dtype as get_default_dtype,
    float16 as _half, iinfo as iinfo, int32 as _int, int16 as int16, int32 as int32, int64 as int64, int8 as int8,
    int64 as _long, promote_types as promote_types, set_default_dtype as set_default_dtype, int16 as _short,
    uint16 as uint16, uint32 as uint32, uint64 as uint64, uint8 as uint8,
)
from .core.errors import OutOfMemoryError as OutOfMemoryError
from .core.layout import (
    channels_last as channels_last, channels_last_3d as channels_last_3d, contiguous_format as contiguous_format,
    layout as layout, memory_format as memory_format, preserve_format as preserve_format, sparse_bsc as sparse_bsc,
    sparse_bsr as sparse_bsr, sparse_coo as sparse_coo, sparse_csc as sparse_csc, sparse_csr as sparse_csr,
    strided as strided,
)
from .core.spec import Size as Size
from .examination.doctor import doctor as doctor
from .func.batching import vmap as vmap
from .io.checkpoint import load as load, save as save
from .nn.compiled import compile as compile
from .nn.functional.activations import (
    celu_ as celu_, rrelu as rrelu, rrelu_ as rrelu_, selu_ as selu_, threshold_ as threshold_,
)
from .nn.functional.affine import (
    bilinear as bilinear, cosine_similarity as cosine_similarity, norm_except_dim as norm_except_dim,
    pairwise_distance as pairwise_distance, pdist as pdist,
)
from .nn.functional.convolution import (
    conv1d as conv1d, conv2d as conv2d, conv3d as conv3d, conv_transpose1d as conv_transpose1d,
    conv_transpose2d as conv_transpose2d, conv_transpose3d as conv_transpose3d,
)
from .nn.functional.legacy import (
    conv_tbc as conv_tbc, max_pool1d_with_indices as max_pool1d_with_indices,
    native_channel_shuffle as native_channel_shuffle,
)
from .nn.functional.native import (
    affine_grid_generator as affine_grid_generator, alpha_dropout_ as alpha_dropout_,
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits, convolution as convolution,
    cosine_embedding_loss as cosine_embedding_loss, ctc_loss as ctc_loss, dropout_ as dropout_,
    embedding_renorm_ as embedding_renorm_, feature_alpha_dropout_ as feature_alpha_dropout_,
    feature_dropout as feature_dropout, feature_dropout_ as feature_dropout_, grid_sampler as grid_sampler,
    grid_sampler_2d as grid_sampler_2d, grid_sampler_3d as grid_sampler_3d, gru as gru, gru_cell as gru_cell,
    hinge_embedding_loss as hinge_embedding_loss, kl_div as kl_div, lstm as lstm, lstm_cell as lstm_cell,
    margin_ranking_loss as margin_ranking_loss, native_batch_norm as native_batch_norm,
    native_group_norm as native_group_norm, native_layer_norm as native_layer_norm,
    poisson_nll_loss as poisson_nll_loss, rnn_relu as rnn_relu, rnn_relu_cell as rnn_relu_cell, rnn_tanh as rnn_tanh,
    rnn_tanh_cell as rnn_tanh_cell, triplet_margin_loss as triplet_margin_loss,
)
from .nn.functional.normalization import group_norm as group_norm, layer_norm as layer_norm, rms_norm as rms_norm
from .nn.functional.pooling import (
    adaptive_avg_pool1d as adaptive_avg_pool1d, avg_pool1d as avg_pool1d, max_pool1d as max_pool1d,
    max_pool2d as max_pool2d, max_pool3d as max_pool3d,
)
from .nn.functional.toplevel import (
    adaptive_max_pool1d as adaptive_max_pool1d, alpha_dropout as alpha_dropout, batch_norm as batch_norm,
    constant_pad_nd as constant_pad_nd, dropout as dropout, embedding as embedding, embedding_bag as embedding_bag,
    feature_alpha_dropout as feature_alpha_dropout, instance_norm as instance_norm, native_dropout as native_dropout,
)
from .nn.functional.upsampling import (
    channel_shuffle as channel_shuffle, pixel_shuffle as pixel_shuffle, pixel_unshuffle as pixel_unshuffle,
)
from .ops.activations import (
    celu as celu, hardshrink as hardshrink, prelu as prelu, selu as selu, threshold as threshold,
)
from .ops.arithmetic import (
    add as add, addcdiv as addcdiv, addcmul as addcmul, div as div, div as _divide, float_power as float_power,
    floor_divide as floor_divide, fmod as fmod, ldexp as ldexp, mul as mul, mul as _multiply, pow as pow,
    remainder as remainder, rsub as rsub, sub as sub, sub as _subtract, true_divide as true_divide,
)
from .ops.assorted import (
    fill as fill, frexp as frexp, gradient as gradient, hash_tensor as hash_tensor, is_inference as is_inference,
    is_same_size as is_same_size, is_signed as is_signed, unravel_index as unravel_index,
)
from .ops.comparison import (
    allclose as allclose, bitwise_not as bitwise_not, equal as equal, isclose as isclose, isneginf as isneginf,
    isposinf as isposinf, isreal as isreal, logical_not as logical_not,
)
from .ops.conversion import (
    can_cast as can_cast, clone as clone, is_complex as is_complex, is_floating_point as is_floating_point,
    is_nonzero as is_nonzero, is_tensor as is_tensor, numel as numel, result_type as result_type,
)
from .ops.copies import (
    as_strided_scatter as as_strided_scatter, narrow_copy as narrow_copy, nonzero_static as nonzero_static,
    unsafe_chunk as unsafe_chunk, unsafe_split as unsafe_split, unsafe_split_with_sizes as unsafe_split_with_sizes,
)
from .ops.creation import (
    arange as arange, as_tensor as as_tensor, asarray as asarray, complex_ as _complex,
    empty_permuted as empty_permuted, empty_strided as empty_strided, eye as eye, from_numpy as from_numpy,
    frombuffer as frombuffer, full as full, full_like as full_like, linspace as linspace, logspace as logspace,
    polar as polar, range_ as _range, scalar_tensor as scalar_tensor, tensor as tensor, vander as vander,
)
from .ops.decompositions import (
    chain_matmul as chain_matmul, cholesky as cholesky, cholesky_inverse as cholesky_inverse,
    cholesky_solve as cholesky_solve, cross as cross, det as det, inverse as inverse, logdet as logdet,
    matrix_exp as matrix_exp, matrix_power as matrix_power, norm as norm, pinverse as pinverse, qr as qr,
    slogdet as slogdet, svd as svd, triangular_solve as triangular_solve,
)
from .ops.eigenpairs import lobpcg as lobpcg
from .ops.factorizations import geqrf as geqrf, lu_unpack as lu_unpack, ormqr as ormqr
from .ops.indexing import (
    argwhere as argwhere, diagonal_scatter as diagonal_scatter, gather as gather, index_add as index_add,
    index_copy as index_copy, index_fill as index_fill, index_put as index_put, index_reduce as index_reduce,
    index_select as index_select, isin as isin, masked_fill as masked_fill, masked_scatter as masked_scatter,
    masked_select as masked_select, nonzero as nonzero, scatter_add as scatter_add, scatter_reduce as scatter_reduce,
    select_scatter as select_scatter, slice_scatter as slice_scatter, take as take, take_along_dim as take_along_dim,
)
from .ops.interop import from_dlpack as from_dlpack, to_dlpack as to_dlpack
from .ops.joining import (
    atleast_1d as atleast_1d, atleast_2d as atleast_2d, atleast_3d as atleast_3d, block_diag as block_diag,
    cartesian_prod as cartesian_prod, cat as cat, chunk as chunk, column_stack as column_stack,
    combinations as combinations, cat as _concat, cat as _concatenate, diag as diag, diag_embed as diag_embed,
    diagflat as diagflat, dstack as dstack, flip as flip, fliplr as fliplr, flipud as flipud, hstack as hstack,
    meshgrid as meshgrid, repeat_interleave as repeat_interleave, roll as roll, rot90 as rot90, vstack as _row_stack,
    split as split, split_with_sizes as split_with_sizes, stack as stack, tensor_split as tensor_split, tile as tile,
    unbind as unbind, vstack as vstack,
)
from .ops.legacy import set_default_tensor_type as set_default_tensor_type, typename as typename
from .ops.lowrank import pca_lowrank as pca_lowrank, svd_lowrank as svd_lowrank
from .ops.matrix import (
    addbmm as addbmm, addmm as addmm, addmv as addmv, addr as addr, baddbmm as baddbmm, bmm as bmm, cdist as cdist,
    dot as dot, einsum as einsum, outer as _ger, inner as inner, kron as kron, matmul as matmul, mm as mm, mv as mv,
    outer as outer, tensordot as tensordot, trace as trace, vdot as vdot,
)
from .ops.pointwise import (
    angle as angle, clamp as clamp, clamp_max as clamp_max, clamp_min as clamp_min, clamp as _clip, conj as conj,
    conj_physical as conj_physical, deg2rad as deg2rad, digamma as digamma, frac as frac, igamma as igamma,
    igammac as igammac, lerp as lerp, logit as logit, mvlgamma as _multigammaln, mvlgamma as mvlgamma,
    nan_to_num as nan_to_num, polygamma as polygamma, positive as positive, digamma as _psi, rad2deg as rad2deg,
    round as round, sign as sign, square as square, where as where, xlogy as xlogy,
)
from .ops.randomness import (
    _dirichlet_grad as _dirichlet_grad, _sample_dirichlet as _sample_dirichlet, _standard_gamma as _standard_gamma,
    _standard_gamma_grad as _standard_gamma_grad, bernoulli as bernoulli, binomial as binomial,
    get_rng_state as get_rng_state, initial_seed as initial_seed, manual_seed as manual_seed,
    multinomial as multinomial, normal as normal, poisson as poisson, randint as randint, randint_like as randint_like,
    randperm as randperm, seed as seed, set_rng_state as set_rng_state,
)
from .ops.reductions import (
    aminmax as aminmax, count_nonzero as count_nonzero, dist as dist, logsumexp as logsumexp, max as max, mean as mean,
    min as min, nanmean as nanmean, nansum as nansum, prod as prod, renorm as renorm, std as std, std_mean as std_mean,
    sum as sum, var as var, var_mean as var_mean,
)
from .ops.scans import (
    cummax as cummax, cummin as cummin, cumprod as cumprod, cumsum as cumsum,
    cumulative_trapezoid as cumulative_trapezoid, diff as diff, logcumsumexp as logcumsumexp, trapezoid as trapezoid,
    trapezoid as _trapz,
)
from .ops.segments import segment_reduce as segment_reduce
from .ops.shapes import (
    adjoint as adjoint, as_strided as as_strided, broadcast_shapes as broadcast_shapes,
    broadcast_tensors as broadcast_tensors, broadcast_to as broadcast_to, diagonal as diagonal, flatten as flatten,
    imag as imag, is_conj as is_conj, is_neg as is_neg, movedim as _moveaxis, movedim as movedim, narrow as narrow,
    permute as permute, ravel as ravel, real as real, reshape as reshape, resolve_conj as resolve_conj,
    resolve_neg as resolve_neg, select as select, squeeze as squeeze, swapaxes as swapaxes, swapaxes as _swapdims,
    t as t, transpose as transpose, unflatten as unflatten, unsqueeze as unsqueeze, view_as_complex as view_as_complex,
    view_as_real as view_as_real,
)
from .ops.sorting import (
    _unique as _unique, _unique2 as _unique2, argsort as argsort, bucketize as bucketize, kthvalue as kthvalue,
    msort as msort, searchsorted as searchsorted, sort as sort, topk as topk, unique as unique,
    unique_consecutive as unique_consecutive,
)
from .ops.sparse.making import (
    sparse_bsc_tensor as sparse_bsc_tensor, sparse_bsr_tensor as sparse_bsr_tensor,
    sparse_compressed_tensor as sparse_compressed_tensor, sparse_coo_tensor as sparse_coo_tensor,
    sparse_csc_tensor as sparse_csc_tensor, sparse_csr_tensor as sparse_csr_tensor,
)
from .ops.sparse.products import (
    mm as _dsmm, hspmm as _hsmm, hspmm as hspmm, addmm as _saddmm, smm as smm, mm as _spmm, sspaddmm as sspaddmm,
)
from .ops.statistics import (
    bincount as bincount, corrcoef as corrcoef, cov as cov, histc as histc, histogram as histogram,
    histogramdd as histogramdd, mode as mode, nanquantile as nanquantile, quantile as quantile,
)
from .ops.storage import (
    TypedStorage as TypedStorage, UntypedStorage as UntypedStorage, from_file as from_file, is_storage as is_storage,
)
from .ops.windows import (
    bartlett_window as bartlett_window, blackman_window as blackman_window, hamming_window as hamming_window,
    hann_window as hann_window, istft as istft, kaiser_window as kaiser_window, stft as stft,
)
from .settings import (
    are_deterministic_algorithms_enabled as are_deterministic_algorithms_enabled,
    get_default_device as get_default_device, get_deterministic_debug_mode as get_deterministic_debug_mode,
    get_float32_matmul_precision as get_float32_matmul_precision, get_num_interop_threads as get_num_interop_threads,
    get_num_threads as get_num_threads,
    is_deterministic_algorithms_warn_only_enabled as is_deterministic_algorithms_warn_only_enabled,
    is_warn_always_enabled as is_warn_always_enabled, set_default_device as set_default_device,
    set_deterministic as set_deterministic, set_deterministic_debug_mode as set_deterministic_debug_mode,
    set_float32_matmul_precision as set_float32_matmul_precision, set_flush_denormal as set_flush_denormal,
    set_num_interop_threads as set_num_interop_threads, set_num_threads as set_num_threads,
    set_warn_always as set_warn_always, use_deterministic_algorithms as use_deterministic_algorithms,
)
from .tensors.generator import Generator as Generator, default_generator as default_generator
from .tensors.printing import set_printoptions as set_printoptions
from .tensors.tensor import Tensor as Tensor
from .tracing.function import capture as capture
from .version import __version__ as __version__
from .view.entry import graph as graph
from .view.layers import summary as summary
from math import e as e, inf as inf, nan as nan, pi as pi

BFloat16Storage: _StorageType
BFloat16Tensor: _TensorType
BoolStorage: _StorageType
BoolTensor: _TensorType
ByteStorage: _StorageType
ByteTensor: _TensorType
CharStorage: _StorageType
CharTensor: _TensorType
ComplexDoubleStorage: _StorageType
ComplexFloatStorage: _StorageType
DoubleStorage: _StorageType
DoubleTensor: _TensorType
Float8_e4m3fnTensor: _TensorType
Float8_e4m3fnuzTensor: _TensorType
Float8_e5m2Tensor: _TensorType
Float8_e5m2fnuzTensor: _TensorType
Float8_e8m0fnuTensor: _TensorType
FloatStorage: _StorageType
FloatTensor: _TensorType
HalfStorage: _StorageType
HalfTensor: _TensorType
IntStorage: _StorageType
IntTensor: _TensorType
LongStorage: _StorageType
LongTensor: _TensorType
ShortStorage: _StorageType
ShortTensor: _TensorType
abs: _Callable[..., Tensor]
abs_: _Callable[..., Tensor]
absolute: _Callable[..., Tensor]
acos: _Callable[..., Tensor]
acos_: _Callable[..., Tensor]
acosh: _Callable[..., Tensor]
acosh_: _Callable[..., Tensor]
addmv_: _Callable[..., Tensor]
alias_copy: _Callable[..., _Any]
all: _Callable[..., Tensor]
amax: _Callable[..., Tensor]
amin: _Callable[..., Tensor]
any: _Callable[..., Tensor]
arccos: _Callable[..., Tensor]
arccos_: _Callable[..., Tensor]
arccosh: _Callable[..., Tensor]
arccosh_: _Callable[..., Tensor]
arcsin: _Callable[..., Tensor]
arcsin_: _Callable[..., Tensor]
arcsinh: _Callable[..., Tensor]
arcsinh_: _Callable[..., Tensor]
arctan: _Callable[..., Tensor]
arctan2: _Callable[..., Tensor]
arctan_: _Callable[..., Tensor]
arctanh: _Callable[..., Tensor]
arctanh_: _Callable[..., Tensor]
argmax: _Callable[..., Tensor]
argmin: _Callable[..., Tensor]
as_strided_: _Callable[..., Tensor]
as_strided_copy: _Callable[..., _Any]
asin: _Callable[..., Tensor]
asin_: _Callable[..., Tensor]
asinh: _Callable[..., Tensor]
asinh_: _Callable[..., Tensor]
atan: _Callable[..., Tensor]
atan2: _Callable[..., Tensor]
atan_: _Callable[..., Tensor]
atanh: _Callable[..., Tensor]
atanh_: _Callable[..., Tensor]
bitwise_and: _Callable[..., Tensor]
bitwise_left_shift: _Callable[..., Tensor]
bitwise_or: _Callable[..., Tensor]
bitwise_right_shift: _Callable[..., Tensor]
bitwise_xor: _Callable[..., Tensor]
bool = _bool
cdouble = _cdouble
ceil: _Callable[..., Tensor]
ceil_: _Callable[..., Tensor]
cfloat = _cfloat
chalf = _chalf
clamp_: _Callable[..., Tensor]
clamp_max_: _Callable[..., Tensor]
clamp_min_: _Callable[..., Tensor]
clip = _clip
clip_: _Callable[..., Tensor]
complex = _complex
concat = _concat
concatenate = _concatenate
conj_physical_: _Callable[..., Tensor]
copysign: _Callable[..., Tensor]
cos: _Callable[..., Tensor]
cos_: _Callable[..., Tensor]
cosh: _Callable[..., Tensor]
cosh_: _Callable[..., Tensor]
deg2rad_: _Callable[..., Tensor]
detach: _Callable[..., Tensor]
detach_: _Callable[..., Tensor]
detach_copy: _Callable[..., _Any]
diagonal_copy: _Callable[..., _Any]
divide = _divide
double = _double
dsmm = _dsmm
dsplit: _Callable[..., tuple[Tensor, ...]]
dtype = _dtype
empty: _Callable[..., Tensor]
empty_like: _Callable[..., Tensor]
eq: _Callable[..., Tensor]
erf: _Callable[..., Tensor]
erf_: _Callable[..., Tensor]
erfc: _Callable[..., Tensor]
erfc_: _Callable[..., Tensor]
erfinv: _Callable[..., Tensor]
exp: _Callable[..., Tensor]
exp2: _Callable[..., Tensor]
exp2_: _Callable[..., Tensor]
exp_: _Callable[..., Tensor]
expand_copy: _Callable[..., _Any]
expm1: _Callable[..., Tensor]
expm1_: _Callable[..., Tensor]
fill_: _Callable[..., Tensor]
fix: _Callable[..., Tensor]
fix_: _Callable[..., Tensor]
float = _float
floor: _Callable[..., Tensor]
floor_: _Callable[..., Tensor]
fmax: _Callable[..., Tensor]
fmin: _Callable[..., Tensor]
frac_: _Callable[..., Tensor]
gcd: _Callable[..., Tensor]
gcd_: _Callable[..., Tensor]
ge: _Callable[..., Tensor]
ger = _ger
greater: _Callable[..., Tensor]
greater_equal: _Callable[..., Tensor]
gt: _Callable[..., Tensor]
half = _half
heaviside: _Callable[..., Tensor]
hsmm = _hsmm
hsplit: _Callable[..., tuple[Tensor, ...]]
hypot: _Callable[..., Tensor]
i0: _Callable[..., Tensor]
i0_: _Callable[..., Tensor]
index_put_: _Callable[..., Tensor]
int = _int
isfinite: _Callable[..., Tensor]
isinf: _Callable[..., Tensor]
isnan: _Callable[..., Tensor]
lcm: _Callable[..., Tensor]
lcm_: _Callable[..., Tensor]
ldexp_: _Callable[..., Tensor]
le: _Callable[..., Tensor]
less: _Callable[..., Tensor]
less_equal: _Callable[..., Tensor]
lgamma: _Callable[..., Tensor]
log: _Callable[..., Tensor]
log10: _Callable[..., Tensor]
log10_: _Callable[..., Tensor]
log1p: _Callable[..., Tensor]
log1p_: _Callable[..., Tensor]
log2: _Callable[..., Tensor]
log2_: _Callable[..., Tensor]
log_: _Callable[..., Tensor]
log_softmax: _Callable[..., Tensor]
logaddexp: _Callable[..., Tensor]
logaddexp2: _Callable[..., Tensor]
logical_and: _Callable[..., Tensor]
logical_or: _Callable[..., Tensor]
logical_xor: _Callable[..., Tensor]
logit_: _Callable[..., Tensor]
long = _long
lt: _Callable[..., Tensor]
lu: _Callable[..., _Any]
lu_solve: _Callable[..., Tensor]
maximum: _Callable[..., Tensor]
median: _Callable[..., _Any]
minimum: _Callable[..., Tensor]
moveaxis = _moveaxis
multigammaln = _multigammaln
multiply = _multiply
nan_to_num_: _Callable[..., Tensor]
nanmedian: _Callable[..., _Any]
ne: _Callable[..., Tensor]
neg: _Callable[..., Tensor]
neg_: _Callable[..., Tensor]
negative: _Callable[..., Tensor]
negative_: _Callable[..., Tensor]
newaxis: None
nextafter: _Callable[..., Tensor]
not_equal: _Callable[..., Tensor]
ones: _Callable[..., Tensor]
ones_like: _Callable[..., Tensor]
orgqr: _Callable[..., Tensor]
permute_copy: _Callable[..., _Any]
psi = _psi
put: _Callable[..., Tensor]
rad2deg_: _Callable[..., Tensor]
rand: _Callable[..., Tensor]
rand_like: _Callable[..., Tensor]
randn: _Callable[..., Tensor]
randn_like: _Callable[..., Tensor]
range = _range
reciprocal: _Callable[..., Tensor]
reciprocal_: _Callable[..., Tensor]
relu: _Callable[..., Tensor]
relu_: _Callable[..., Tensor]
resize_as_: _Callable[..., Tensor]
round_: _Callable[..., Tensor]
row_stack = _row_stack
rsqrt: _Callable[..., Tensor]
rsqrt_: _Callable[..., Tensor]
saddmm = _saddmm
scatter: _Callable[..., Tensor]
select_copy: _Callable[..., _Any]
sgn: _Callable[..., Tensor]
short = _short
sigmoid: _Callable[..., Tensor]
sigmoid_: _Callable[..., Tensor]
signbit: _Callable[..., Tensor]
sin: _Callable[..., Tensor]
sin_: _Callable[..., Tensor]
sinc: _Callable[..., Tensor]
sinc_: _Callable[..., Tensor]
sinh: _Callable[..., Tensor]
sinh_: _Callable[..., Tensor]
softmax: _Callable[..., Tensor]
split_copy: _Callable[..., _Any]
split_with_sizes_copy: _Callable[..., _Any]
spmm = _spmm
sqrt: _Callable[..., Tensor]
sqrt_: _Callable[..., Tensor]
square_: _Callable[..., Tensor]
squeeze_copy: _Callable[..., _Any]
subtract = _subtract
swapdims = _swapdims
t_copy: _Callable[..., _Any]
tan: _Callable[..., Tensor]
tan_: _Callable[..., Tensor]
tanh: _Callable[..., Tensor]
tanh_: _Callable[..., Tensor]
transpose_copy: _Callable[..., _Any]
trapz = _trapz
tril: _Callable[..., Tensor]
tril_indices: _Callable[..., Tensor]
triu: _Callable[..., Tensor]
triu_indices: _Callable[..., Tensor]
trunc: _Callable[..., Tensor]
trunc_: _Callable[..., Tensor]
unbind_copy: _Callable[..., _Any]
unfold_copy: _Callable[..., _Any]
unsqueeze_copy: _Callable[..., _Any]
view_as_complex_copy: _Callable[..., _Any]
view_as_real_copy: _Callable[..., _Any]
view_copy: _Callable[..., _Any]
vsplit: _Callable[..., tuple[Tensor, ...]]
xlogy_: _Callable[..., Tensor]
zero_: _Callable[..., Tensor]
zeros: _Callable[..., Tensor]
zeros_like: _Callable[..., Tensor]
