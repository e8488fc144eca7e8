# ruff: noqa: E501  (recipes)
"""Random training steps, as text: any public function in any order, with forward, backward and an update.

A program is the source of a function ``make()``, which sets up state (leaves, buffers, modules, an optimiser) and gives
a function of two tensors and the tensors that it may change. `outcomes` calls it three times, as it is or through a
wrapper such as `compile`, and says all that it left behind.

The one idea to know: nothing says which arguments a function takes. Lines are drawn, from recipes and from the
signatures of all public functions, and tried; one that raises is not written down.
"""

from __future__ import annotations

import functools
import inspect
import random
import re
import warnings
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

import wengert as torch
from wengert.ops.registry import FUNCTIONS, METHODS

__all__ = ["Step", "fit", "outcomes", "random_step"]

SHAPES = ((3, 4), (4, 4), (2, 3, 4), (5,), (), (1, 4), (2, 2, 3, 3))


def fit(tensor: Any, *shape: int) -> Any:
    """The elements of a tensor, repeated and cut so that they fill a shape; real, of the default dtype, and finite."""
    flat = (tensor.real if tensor.is_complex() else tensor).to(torch.get_default_dtype()).reshape(-1)
    size = int(np.prod(shape))
    if not flat.numel():
        flat = torch.ones(1)
    flat = torch.tanh(flat.nan_to_num())
    return flat.repeat(-(-size // flat.numel()))[:size].reshape(shape)


def ints(tensor: Any, below: int, *shape: int) -> Any:
    """Integers from 0 to ``below`` - 1 that depend on a tensor."""
    return (fit(tensor.detach(), *shape) * 1000).long().remainder(below)


def mask(tensor: Any, *shape: int) -> Any:
    """Truths that depend on a tensor."""
    return fit(tensor.detach(), *shape) > 0


def positive(tensor: Any, *shape: int) -> Any:
    """Numbers between 0.1 and 0.9."""
    return fit(tensor, *shape) * 0.4 + 0.5


def definite(tensor: Any, *shape: int) -> Any:
    """Symmetric positive definite matrices."""
    square = fit(tensor, *shape)
    return square @ square.mT + torch.eye(shape[-1])


HELPERS = {"fit": fit, "ints": ints, "mask": mask, "positive": positive, "definite": definite}
_KINDS = {"": "fit", "b": "mask", "p": "positive", "s": "definite"}

RECIPES = """
F.conv1d(<2,3,8>, <4,3,3>, <4>, padding=1) | F.conv1d(<2,4,9>, <4,2,3>, stride=2, groups=2)
F.conv2d(<2,3,6,5>, <4,3,3,2>, <4>) | F.conv2d(<1,2,6,6>, <2,1,3,3>, groups=2, dilation=2, padding="same")
F.conv3d(<1,2,3,4,4>, <2,2,2,2,2>) | F.conv_transpose1d(<2,3,4>, <3,2,3>, stride=2, output_padding=1)
F.conv_transpose2d(<1,3,3,3>, <3,2,2,2>, <2>) | F.conv_transpose3d(<1,2,2,2,2>, <2,1,2,2,2>)
F.conv_tbc(<5,2,3>, <2,3,4>, <4>, 1) | F.unfold(<1,2,4,4>, 2) | F.fold(<1,8,9>, (4, 4), 2)
F.max_pool1d(<2,3,8>, 2) | F.max_pool2d(<2,3,6,6>, 3, 2, 1) | F.max_pool3d(<1,2,4,4,4>, 2)
F.max_pool2d(<1,2,4,4>, 2, return_indices=True)[0] | F.avg_pool1d(<2,3,8>, 3, 1, 1) | F.avg_pool2d(<2,3,6,6>, 2)
F.avg_pool3d(<1,2,4,4,4>, 2) | F.adaptive_avg_pool2d(<2,3,5,7>, (2, 3)) | F.adaptive_max_pool2d(<2,3,5,7>, 2)
F.adaptive_avg_pool1d(<2,3,7>, 3) | F.adaptive_max_pool1d(<2,3,7>, 3) | F.lp_pool2d(<1,2,4,4>, 2.0, 2)
F.max_unpool2d(<1,2,2,2>, ints(<>, 16, 1, 2, 2, 2), 2) | F.fractional_max_pool2d(<1,2,6,6>, 2, output_size=3)
F.batch_norm(<5,3>, None, None, training=True) | F.batch_norm(<5,3>, <3>.detach(), <p3>.detach(), <3>, <3>)
F.batch_norm(<4,3,2>, None, None, <3>, <3>, True) | F.layer_norm(<4,3,2>, (3, 2), <3,2>, <3,2>)
F.group_norm(<2,4,3>, 2, <4>, <4>) | F.instance_norm(<2,3,5>) | F.rms_norm(<3,4>, (4,), <4>)
F.local_response_norm(<2,4,5>, 3) | F.normalize(<3,4>, dim=1) | F.linear(<3,4>, <2,4>, <2>) | F.bilinear(<3,2>, <3,4>, <5,2,4>)
F.softmax(<3,4>, -1) | F.log_softmax(<3,4>, 0) | F.softmin(<3,4>, 1) | F.gumbel_softmax(<3,4>, tau=0.7)
F.gumbel_softmax(<3,4>, hard=True) | F.scaled_dot_product_attention(<2,3,4>, <2,5,4>, <2,5,4>)
F.scaled_dot_product_attention(<1,2,3,4>, <1,2,3,4>, <1,2,3,4>, is_causal=True) | F.pixel_shuffle(<1,4,2,3>, 2)
F.scaled_dot_product_attention(<2,3,4>, <2,3,4>, <2,3,4>, <b2,3,3>) | F.glu(<3,4>, 1) | F.prelu(<2,3>, <3>)
F.pixel_unshuffle(<1,1,4,4>, 2) | F.channel_shuffle(<1,4,2,2>, 2) | F.pad(<2,3,4>, (1, 2)) | F.pad(<2,3,4>, (1, 2), "reflect")
F.pad(<2,3,4>, (1, 1), mode="replicate") | F.pad(<2,3,4>, (1, 1), mode="circular") | F.one_hot(<i5:3>, 5)
F.interpolate(<1,2,3,3>, scale_factor=2) | F.interpolate(<1,2,3,3>, size=(5, 4), mode="bilinear", align_corners=False)
F.interpolate(<1,2,4>, size=7, mode="linear") | F.interpolate(<1,1,4,4>, size=(6, 6), mode="bicubic")
F.grid_sample(<1,2,4,4>, <1,3,3,2>, align_corners=False) | F.affine_grid(<1,2,3>, (1, 1, 3, 3), align_corners=False)
F.embedding(<i5:2,3>, <5,4>) | F.embedding(<i5:3>, <5,4>, padding_idx=1) | F.embedding_bag(<i5:2,3>, <5,4>, mode="sum")
F.embedding_bag(<i5:6>, <5,4>, torch.tensor([0, 2])) | F.cosine_similarity(<3,4>, <3,4>) | F.pdist(<4,3>) | torch.cdist(<3,4>, <2,4>)
F.pairwise_distance(<3,4>, <3,4>) | F.cross_entropy(<4,5>, <i5:4>) | F.cross_entropy(<4,5>, <i5:4>, <p5>.detach(), label_smoothing=0.1)
F.cross_entropy(<4,5>, <4,5>.softmax(1)) | F.cross_entropy(<2,5,3>, <i5:2,3>, reduction="sum") | F.nll_loss(<4,5>, <i5:4>)
F.nll_loss(<4,5>, <i5:4>, reduction="none") | F.mse_loss(<3,4>, <3,4>) | F.l1_loss(<3,4>, <3,4>, reduction="sum")
F.smooth_l1_loss(<3,4>, <3,4>) | F.huber_loss(<3,4>, <3,4>, delta=0.5) | F.kl_div(<3,4>, <p3,4>, reduction="batchmean")
F.binary_cross_entropy(<p3,4>, <p3,4>) | F.binary_cross_entropy_with_logits(<3,4>, <p3,4>, pos_weight=<p4>)
F.poisson_nll_loss(<3,4>, <p3,4>) | F.gaussian_nll_loss(<3,4>, <3,4>, <p3,4>) | F.hinge_embedding_loss(<3,4>, <3,4>.sign())
F.margin_ranking_loss(<4>, <4>, <4>.sign()) | F.cosine_embedding_loss(<3,4>, <3,4>, <3>.sign()) | F.soft_margin_loss(<3,4>, <3,4>.sign())
F.multi_margin_loss(<4,5>, <i5:4>) | F.multilabel_margin_loss(<3,4>, <i4:3,4>) | F.multilabel_soft_margin_loss(<3,4>, <p3,4>)
F.triplet_margin_loss(<3,4>, <3,4>, <3,4>) | F.ctc_loss(<6,2,5>.log_softmax(2), torch.tensor([[1, 2], [3, 1]]), (6, 6), (2, 2))
F.dropout(<3,4>, 0.5) | F.dropout(<3,4>, 0.3, training=False) | F.dropout2d(<2,3,4,4>) | F.alpha_dropout(<3,4>) | F.rrelu(<3,4>, training=True)
torch.rand(3, 4) | torch.randn(2, 3) | torch.rand_like(<>) | torch.randn_like(<2,3>) | torch.randint(0, 5, (3,)) | torch.randperm(5)
torch.bernoulli(<p3,4>) | torch.normal(<3>, <p3>) | torch.multinomial(<p5>, 3) | torch.multinomial(<p2,5>, 4, True) | torch.poisson(<p3,4> * 5)
torch.normal(0.0, 1.0, (3, 4)) | torch.binomial(torch.full((3,), 5.0), <p3>) | torch.empty(3).uniform_() | torch.empty(3, 4).normal_()
torch.empty(4).exponential_() | torch.empty(3).bernoulli_(0.3) | torch.empty(3).log_normal_() | torch.empty(3).geometric_(0.5) | torch.empty(3).cauchy_()
torch.linalg.cholesky(<s3,3>) | torch.linalg.inv(<s3,3>) | torch.linalg.det(<s3,3>) | torch.linalg.slogdet(<s3,3>)[1] | torch.linalg.solve(<s3,3>, <3,2>)
torch.linalg.eigh(<s3,3>)[0] | torch.linalg.eigvalsh(<s3,3>) | torch.linalg.svdvals(<3,4>) | torch.linalg.svd(<3,4>, full_matrices=False)[1]
torch.linalg.qr(<4,3>)[0] | torch.linalg.qr(<s3,3>)[1] | torch.linalg.pinv(<s3,3>) | torch.linalg.matrix_norm(<3,4>) | torch.linalg.matrix_norm(<3,4>, "nuc")
torch.linalg.matrix_norm(<3,4>, 2) | torch.linalg.vector_norm(<3,4>, 3, dim=1) | torch.linalg.norm(<3,4>) | torch.linalg.norm(<3,4>, 1)
torch.linalg.solve_triangular(<s3,3>.tril(), <3,2>, upper=False) | torch.linalg.lstsq(<4,3>, <4,2>)[0] | torch.linalg.matrix_exp(<3,3>)
torch.linalg.lu(<s3,3>)[1] | torch.linalg.lu_factor(<s3,3>)[0] | torch.linalg.multi_dot([<2,3>, <3,4>, <4,2>]) | torch.linalg.cross(<2,3>, <2,3>)
torch.linalg.tensorsolve(<s4,4>.reshape(2, 2, 4), <2,2>) | torch.linalg.cond(<s3,3>) | torch.linalg.matrix_power(<3,3>, 3) | torch.linalg.vecdot(<3,4>, <3,4>)
torch.cholesky_solve(<3,2>, torch.linalg.cholesky(<s3,3>)) | torch.cholesky_inverse(torch.linalg.cholesky(<s3,3>)) | torch.logdet(<s3,3>)
torch.triangular_solve(<3,2>, <s3,3>.triu())[0] | torch.lu_solve(<3,2>, *torch.linalg.lu_factor(<s3,3>)) | torch.linalg.eig(<s3,3>)[0].real.sort()[0]
torch.norm(<3,4>) | torch.norm(<3,4>, p=1, dim=0) | torch.norm(<3,4>, p=float("inf")) | torch.norm(<3,4>, "fro") | <3,4>.norm(2, -1, True) | torch.renorm(<3,4>, 2, 0, 0.5)
torch.einsum("ij,jk->ik", <2,3>, <3,4>) | torch.einsum("bij,bjk->bik", <2,2,3>, <2,3,4>) | torch.einsum("ii->i", <3,3>) | torch.tensordot(<2,3,4>, <3,4,2>, 2)
torch.addmm(<2,4>, <2,3>, <3,4>, beta=0.5) | torch.addmv(<2>, <2,3>, <3>) | torch.addr(<2,3>, <2>, <3>) | torch.baddbmm(<2,2,4>, <2,2,3>, <2,3,4>)
torch.addbmm(<2,4>, <2,2,3>, <2,3,4>) | torch.bmm(<2,2,3>, <2,3,4>) | torch.mm(<2,3>, <3,4>) | torch.mv(<2,3>, <3>) | torch.dot(<3>, <3>) | <3,4> @ <4>
torch.outer(<3>, <4>) | torch.kron(<2,2>, <2,3>) | torch.vdot(<3>, <3>) | torch.chain_matmul(<2,3>, <3,2>) | torch.block_diag(<2,2>, <1,3>)
torch.addcmul(<3,4>, <3,4>, <4>, value=0.5) | torch.addcdiv(<3,4>, <3,4>, <p4>) | torch.lerp(<3,4>, <3,4>, 0.3) | torch.lerp(<3>, <3>, <p3>)
torch.where(<b3,4>, <3,4>, <3,4>) | torch.where(<b3,4>, <3,4>, 0.0) | torch.masked_fill(<3,4>, <b3,4>, 1.5) | torch.masked_scatter(<3,4>, <b3,4>, <12>)
torch.gather(<3,4>, 1, <i4:3,2>) | torch.scatter(<3,4>, 1, <i4:3,2>, <3,2>) | torch.scatter(<3,4>, 0, <i3:2,4>, 2.0) | torch.scatter_add(<3,4>, 1, <i4:3,4>, <3,4>)
torch.scatter_reduce(<3,4>, 1, <i4:3,4>, <3,4>, "amax") | torch.scatter_reduce(<3,4>, 0, <i3:3,4>, <3,4>, "mean") | torch.index_select(<3,4>, 0, <i3:5>)
torch.scatter_reduce(<3,4>, 1, <i4:3,4>, <3,4>, "prod", include_self=False) | torch.index_add(<3,4>, 0, <i3:2>, <2,4>, alpha=0.5)
torch.index_copy(<3,4>, 1, torch.tensor([0, 2]), <3,2>) | torch.index_fill(<3,4>, 1, <i4:2>, 0.5) | torch.index_put(<3,4>, (<i3:2>, <i4:2>), <2>, accumulate=True)
torch.take(<3,4>, <i12:2,3>) | torch.take_along_dim(<3,4>, <i4:3,2>, 1) | torch.put(<3,4>, <i12:3>, <3>, accumulate=True) | torch.select(<3,4>, 1, 2)
torch.select_scatter(<3,4>, <4>, 0, 1) | torch.slice_scatter(<3,4>, <3,2>, 1, 0, 4, 2) | torch.diagonal_scatter(<3,4>, <3>) | torch.narrow(<3,4>, 1, 1, 2)
torch.as_strided(<3,4>, (2, 3), (1, 2)) | <3,4>.unfold(1, 2, 1) | <5>.unfold(0, 3, 2) | torch.unflatten(<2,6>, 1, (2, 3)) | <1,4>.expand(3, 4) | <3,1>.expand_as(<3,4>)
torch.cat([<3,4>, <2,4>]) | torch.stack([<3>, <3>], 1) | torch.cat((<3,2>, <3,1>), dim=-1) | torch.split(<5,2>, 2)[1] | torch.chunk(<5,2>, 2, 0)[1]
torch.tensor_split(<5,2>, (1, 3))[1] | torch.unbind(<3,4>, 1)[2] | torch.meshgrid(<3>, <2>, indexing="ij")[0] | torch.hstack((<3>, <2>)) | torch.vstack((<3>, <2,3>))
torch.roll(<3,4>, 1, 0) | torch.rot90(<3,4>) | torch.tile(<3,2>, (2, 1)) | <3,2>.repeat(2, 2) | torch.repeat_interleave(<3,2>, 2, 0) | torch.combinations(<4>)
torch.cartesian_prod(<2>, <3>) | torch.broadcast_to(<1,3>, (2, 3)) | torch.broadcast_tensors(<1,3>, <2,1>)[0] | torch.permute(<2,3,4>, (2, 0, 1)) | torch.movedim(<2,3,4>, 0, 2)
torch.flip(<3,4>, (0, 1)) | torch.fliplr(<3,4>) | torch.sort(<3,4>, 1)[0] | torch.sort(<3,4>, 0, True)[1] | torch.topk(<3,4>, 2)[0] | torch.kthvalue(<3,4>, 2)[0]
torch.max(<3,4>, 1)[0] | torch.min(<3,4>, 0, True)[0] | torch.median(<3,4>) | torch.median(<3,4>, 1)[0] | torch.mode(<3,4>)[0] | torch.cummax(<3,4>, 1)[0]
torch.quantile(<3,4>, 0.3) | torch.nanquantile(<3,4>, 0.5, 1) | torch.std_mean(<3,4>, 1)[0] | torch.var_mean(<3,4>)[1] | torch.aminmax(<3,4>)[1] | torch.logsumexp(<3,4>, (0, 1))
torch.histc(<3,4>, 4, -1, 1) | torch.searchsorted(torch.arange(5.0), <3>) | torch.bucketize(<3>, torch.arange(3.0)) | torch.cov(<3,4>) | torch.corrcoef(<3,4>)
torch.trapezoid(<3,4>) | torch.cumulative_trapezoid(<3,4>) | torch.diff(<3,4>) | torch.gradient(<5>)[0] | torch.cross(<2,3>, <2,3>, dim=1) | torch.vander(<3>)
torch.complex(<3>, <3>) | torch.polar(<p3>, <3>) | torch.view_as_real(torch.complex(<3>, <3>)) | torch.view_as_complex(<3,2>) | torch.complex(<3>, <3>).abs()
torch.fft.fft(<5>) | torch.fft.rfft(<3,4>) | torch.fft.irfft(torch.fft.rfft(<6>)) | torch.fft.fft2(<3,4>) | torch.fft.ifft(<5>).real | torch.fft.fftshift(<5>)
torch.stft(<16>, 8, return_complex=True, window=torch.ones(8)) | torch.polygamma(1, <p3>) | torch.special.zeta(<p3> + 1.5, <p3>) | torch.mvlgamma(<p3> + 2, 2)
torch.special.xlog1py(<3>, <p3>) | torch.igamma(<p3>, <p3>) | torch.ldexp(<3>, <i3:3>) | torch.frexp(<3>)[0] | torch.nan_to_num(<3> / 0.0) | torch.clamp(<3,4>, -0.2, 0.3)
torch.clamp(<3,4>, min=<4>) | <3,4>.to(torch.float64) | <3,4>.double().float() | <3,4>.half() | <3,4>.bfloat16() | <3,4>.long() | <3,4>.int() | <3,4>.bool()
<3,4>.type_as(<2>.double()) | <3,4>.to(<2>) | torch.zeros_like(<3,4>) | torch.ones(3, 4) | torch.full((3,), 2.5) | torch.arange(5.0) | torch.linspace(0, 1, 5) | torch.eye(3)
<3>.new_zeros(2, 3) | <3>.new_full((2,), 1.5) | torch.tensor([1.0, 2.0]) | torch.tensor(0.5) | torch.zeros(0, 3) | torch.empty_like(<3,4>).fill_(1.0) | torch.tril(<3,4>, -1)
<3,4>.detach() | <3,4>.data | <3,4>.clone() | <3,4>.contiguous() | <3,4>.t().contiguous() | <3,4>.mT.reshape(-1) | <3,4>.t().flatten() | <3,4>.view(2, 6) | <3,4>.view(-1)
<3,4>[0] | <3,4>[:, 1] | <3,4>[..., -1] | <3,4>[1:, ::2] | <3,4>[None] | <3,4>[:, None, 1] | <3,4>[<i3:2>] | <3,4>[:, <i4:2>] | <3,4>[<i3:2>, <i4:2>]
<3,4>[<i3:2,2>, 1] | <2,3,4>[0, <i3:2>] | <2,3,4>[:, <i3:2>, <i4:2>] | <2,3,4>[<i2:2>, :, <i4:2>] | <3,4>[[0, 2]] | <3,4>[[0, 2], [1, 3]] | <3,4>[(0, 1)] | <5>[-2:] | <3,4>[2, 3]
<2,3,4>[None, ..., <i4:2>] | <3,4>[torch.tensor(1)] | <3,4>[:, [True, False, True, False]] | <3,4>[torch.tensor([True, False, True])] | <3,4>[0:0]
<> + 1.5 | 2 * <> | 1.0 / (<> + 3) | <> ** 2 | 2.0 ** fit(<>, 3) | -<> | <> - <> | <3,4> * <4> | <3,4> / <p4> | <3,4> // <p4> | <3,4> % <p4> | abs(<>) | <3,4> > <4> | <i5:3> + <3>
<> & True | <b3> | <b3> & <b3> | ~<b3> | <i7:3> << 1 | <i7:3> ^ 3 | <i7:3> // 2 | <i7:3> / 2 | <b3> * <3> | <i5:3,4>.sum(1) | <i5:3> ** 2 | <b3>.sum() | <3,4>.argmax(1) | <b3,4>.any(0)
torch.relu(<>) | torch.sigmoid(<>) | torch.tanh(<>) | <>.sum() | <>.mean() | torch.exp(-fit(<>, 3)) | F.gelu(<>) | F.silu(<>) | torch.isnan(<>) | torch.isfinite(<>)
torch.nn.utils.rnn.pad_sequence([<3,2>, <2,2>]) | torch.utils.checkpoint.checkpoint(lambda t: t.sin() * t, <3,4>, use_reentrant=False)
torch.autograd.grad((<3,4> ** 3).sum(), w0, create_graph=True, allow_unused=True)[0] | torch.func.grad(lambda t: (t.sin() * t).sum())(<3>)
torch.func.vmap(lambda t: (t * 2).sum())(<3,4>) | torch.autograd.grad(w0.sin().sum(), w0, create_graph=True)[0]
""".strip()

MODULES = """
Linear(4, 3) <5,4> | BatchNorm1d(3) <5,3> | BatchNorm2d(2) <3,2,2,2> | LayerNorm(4) <3,4> | GroupNorm(2, 4) <3,4> | InstanceNorm1d(3, affine=True) <2,3,4>
Conv1d(2, 3, 3) <2,2,6> | Conv2d(2, 3, 2, bias=False) <1,2,4,4> | ConvTranspose2d(2, 2, 2) <1,2,3,3> | Dropout(0.3) <3,4> | PReLU() <3,4> | RReLU() <3,4> | Embedding(5, 3) <i5:4>
RNNCell(3, 4) <2,3> | LSTMCell(3, 4) <2,3> | GRUCell(3, 4) <2,3> | RNN(3, 4) <5,2,3> | LSTM(3, 4, 2) <5,2,3> | GRU(3, 4, bidirectional=True) <5,2,3> | MultiheadAttention(4, 2) <3,2,4>*3
TransformerEncoderLayer(4, 2, 8) <3,2,4> | Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4), torch.nn.ReLU(), torch.nn.Linear(4, 2)) <6,4> | RMSNorm(4) <3,4>
BatchNorm1d(3, momentum=None) <5,3> | Bilinear(2, 3, 4) <5,2>,<5,3> | Softmax(1) <3,4> | Flatten() <2,3,2> | EmbeddingBag(5, 3) <i5:2,3> | Dropout2d(0.4) <2,3,2,2> | LazyLinear(3) <4,5>
""".strip()  # noqa: E501

OPTIMIZERS = (
    "SGD({}, lr=0.1)", "SGD({}, lr=0.1, momentum=0.9, weight_decay=0.01)", "Adam({}, lr=0.01)", "AdamW({}, lr=0.01)",
    "RMSprop({}, lr=0.01)", "Adagrad({}, lr=0.01)", "Adadelta({})",
)

WRITES = """
add_(<=>) | sub_(0.5) | mul_(0.9) | copy_(<=>) | zero_() | sin_() | fill_(0.3) | div_(2.0) | clamp_(-0.5, 0.5) | relu_() | tanh_() | sigmoid_() | abs_() | neg_() | pow_(2) | lerp_(<=>, 0.1)
addcmul_(<=>, <=>, value=0.1) | addcdiv_(<=>, <=>.abs() + 1) | masked_fill_(<=> > 0, 0.1) | normal_() | uniform_() | bernoulli_(0.5) | exponential_() | t_() | unsqueeze_(0) | squeeze_() | transpose_(0, -1)
cumsum_(0) | tril_() | round_() | floor_() | exp_() | index_fill_(0, torch.tensor([0]), 0.5) | index_add_(0, torch.tensor([0]), <=>[:1]) | scatter_(0, torch.zeros_like(<=>, dtype=torch.long), 0.2)
clamp_min_(0.1) | hypot_(<=>) | nan_to_num_() | fmod_(0.7) | swapaxes_(0, -1) | detach_() | requires_grad_() | index_copy_(0, torch.tensor([0]), <=>[:1]) | put_(torch.tensor([0]), torch.tensor([0.5])) | erf_()
""".strip()

ASSIGNMENTS = """
<~>[0] = 0.5 | <~>[..., 0] = <~>[..., -1] | <~>[:] = <~> * 2 | <~>[<~> > 0] = 0.1 | <~>[1:] += 1.0 | <~> += 0.25 | <~> *= 0.5 | <~>[torch.tensor([0, 0])] = 0.3 | <~>[0, 0] = <>.sum()
<~>[..., None][...] = 0.2 | <~>.view(-1)[0] = 0.7 | <~>.t()[0].mul_(0.5) | <~>.detach().mul_(0.5) | <~>.data.add_(0.1) | <~>[None, 0].copy_(<~>[0]) | <~>[[0]] = <~>[[0]] | <~>.diagonal().fill_(0.1)
""".strip()

_LEFT_OUT = re.compile(
    # what gives no tensor, gives memory, depends on values in its shape, or changes the world
    r"(manual_seed|seed|initial_seed|[gs]et_rng_state|from_|to_dlpack|frombuffer|apply_|map_|share|storage|set_|resize|"
    r"numpy|tolist|item|is_|can_cast|nonzero|argwhere|unique|masked_select|bincount|equal$|allclose|empty|new$|new_empty|"
    r"pin_memory|cuda|type$|histogram|as_tensor|asarray|tensor$|new_tensor|annotations|__|result_type|broadcast_shapes|"
    r"triplet_margin_with_distance|sparse|linear_cross_entropy|multi_head_attention_forward|_dirichlet|_sample|_standard)"
)

_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "dim": ("0", "-1", "1"), "dim0": ("0",), "dim1": ("-1", "1"), "dim2": ("0",), "axis0": ("0",), "axis1": ("-1",),
    "keepdim": ("True", "False"), "source": ("0",), "destination": ("-1",), "dims": ("0", "(0,)", "(0, -1)"),
    "p": ("2", "1", "0.5"), "n": ("1", "2"), "min": ("-0.2",), "max": ("0.4",), "value": ("0.5",), "size": ("(3, 4)",),
    "threshold": ("0.1",), "exponent": ("2", "2.0", "0.5"), "diagonal": ("0", "1"), "offset": ("0", "1"),
    "eps": ("1e-5",), "alpha": ("0.5",), "beta": ("0.5",), "reduction": ('"none"', '"mean"', '"sum"'),
    "dtype": ("torch.float64", "torch.float32"), "descending": ("True",), "chunks": ("2",), "steps": ("4",),
    "start": ("0",), "end": ("3",), "shape": ("(-1,)",), "correction": ("0", "1"), "unbiased": ("False",),
    "decimals": ("1",), "weight": ("0.3",), "shifts": ("1",), "k": ("1", "2"), "q": ("0.4",), "repeats": ("2",),
    "kernel_size": ("2",), "output_size": ("2",), "upscale_factor": ("2",), "downscale_factor": ("2",),
    "normalized_shape": ("(4,)",), "num_groups": ("2",), "training": ("True",), "ord": ("1", "2"), "sizes": ("(1, -1)",),
    "length": ("1",), "index": ("0",), "num_samples": ("2",), "pad": ("(1, 1)",), "lambd": ("0.2",), "norm": ('"ortho"',),
    "negative_slope": ("0.2",), "tau": ("0.5",), "delta": ("0.3",), "rounding_mode": ('"floor"', '"trunc"'),
    "upper": ("False", "True"), "UPLO": ('"U"',), "window_length": ("5",), "row": ("3",), "col": ("3",),
    "fill_value": ("1.5",), "other": ("2.0", "0.5"), "decimals_": ("1",), "maxnorm": ("0.5",), "groups": ("2",),
}
_OPTIONAL = frozenset({"dim", "keepdim", "p", "dtype", "diagonal", "offset", "alpha", "reduction", "descending", "min",
                       "max", "correction", "unbiased", "norm", "ord", "rounding_mode", "eps", "decimals"})


@functools.cache
def functions() -> dict[str, tuple[list[str], list[str]]]:
    """Every public function that steps are made of: how it is called, its required parameters, and optional ones."""
    spaces: dict[str, Any] = {"torch": FUNCTIONS, "F": vars(torch.nn.functional), "torch.linalg": vars(torch.linalg),
              "torch.special": vars(torch.special), "torch.fft": vars(torch.fft)}
    found = {f"{space}.{name}": value for space, names in spaces.items() for name, value in names.items()
             if not name.startswith("_") and inspect.isroutine(value)}
    found |= {f".{name}": value for name, value in METHODS.items()}
    result = {}
    for called, function in found.items():
        name = called.rsplit(".", 1)[-1]
        plain = METHODS.get(name[:-1], function) if name.endswith("_") else function
        if _LEFT_OUT.match(name):
            continue
        parameters = list(inspect.signature(plain).parameters.values())
        required = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty]
        required += ["*" + p.name for p in parameters if p.kind is p.VAR_POSITIONAL]
        optional = [p.name for p in parameters if p.kind is not p.VAR_KEYWORD and p.default is not p.empty]
        result[called] = required, [p for p in optional if p in _OPTIONAL]
    return result


@functools.cache
def _listed(text: str) -> list[str]:
    return [entry.strip() for line in text.splitlines() for entry in line.split(" | ")]


class Step:
    """A program: its ``source``, which `make` runs, and its ``number``."""

    def __init__(self, number: int, setup: list[str], lines: list[str], states: list[str]) -> None:
        self.number, self.file = number, f"<step {number}>"
        body = [*lines[:-1], lines[-1]]
        self.source = "\n".join(["def make():", *(f"    {line}" for line in setup), "    def step(x, y):",
                                 *(f"        {line}" for line in body),
                                 f"    return step, [{', '.join(states)}]"])

    def make(self, library: Any = torch) -> tuple[Callable[[Any, Any], Any], list[Any]]:
        """The function, on fresh state, and the state; of wengert's tensors, or of those of PyTorch."""
        world = {**globals(), "torch": library}  # in which the helpers find their library, and each other
        helpers = {name: FunctionType(helper.__code__, world) for name, helper in HELPERS.items()}
        world |= helpers
        space: dict[str, Any] = {"torch": library, "F": library.nn.functional, **helpers}
        exec(compile(self.source, self.file, "exec"), space)
        function, states = space["make"]()
        return function, states


class _Writer:
    """Writes one program by trying lines out on the way."""

    def __init__(self, seed: int) -> None:
        self.choose = random.Random(seed)
        self.space: dict[str, Any] = {"torch": torch, "F": torch.nn.functional, **HELPERS}
        self.setup, self.lines = ["torch.manual_seed(0)"], list[str]()
        self.leaves, self.states, self.modules = list[str](), list[str](), list[str]()
        self.variables = ["x", "y"]
        self.number = 0

    def one_of(self, text: str) -> str:
        return self.choose.choice(_listed(text))

    def set_up(self, line: str) -> None:
        exec(line, self.space)
        self.setup.append(line)

    def tried(self, line: str) -> bool:
        """Whether a line works; it is written down if it does."""
        state = torch.get_rng_state()
        try:
            exec(line, self.space)
        except Exception:
            torch.set_rng_state(state)
            return False
        self.lines.append(line)
        return True

    def variable(self, shape: Any = None) -> str:
        """A tensor that there is, of a shape where there is one."""
        names = [*self.variables[-6:], *self.states, *self.leaves, "x"]
        if shape is not None:
            alike = [name for name in names if tuple(self.space[name].shape) == shape]
            names = alike or names
        return self.choose.choice(names)

    def filled(self, text: str, shape: Any = None, target: str | None = None) -> str:
        """A recipe with tensors in its places."""
        def place(found: re.Match[str]) -> str:
            inside = found[1]
            if inside == "":
                return self.variable(shape)
            if inside == "=":
                return self.variable(shape)
            if inside == "~":
                return str(target)
            kind, below, dims = re.fullmatch(r"([bpsi]?)(?:(\d+):)?([\d,]*)", inside).groups()  # type: ignore[union-attr]
            if kind == "i":
                return f"ints({self.variable()}, {below}, {dims})"
            wanted = tuple(map(int, dims.split(",")))
            name = self.variable(wanted)
            if not kind and tuple(self.space[name].shape) == wanted and self.choose.random() < 0.8:
                return name
            return f"{_KINDS[kind]}({name}, {dims})"

        return re.sub(r"<([^<>\s]*)>", place, text)

    # --- kinds of lines -----------------------------------------------------------------------------------------------

    def recipe(self) -> str:
        return self.filled(self.one_of(RECIPES))

    def call(self) -> str:
        """A call of a public function, by the names of its parameters."""
        name, (required, optional) = self.choose.choice(list(functions().items()))
        first = self.variable()
        shape = tuple(self.space[first].shape)
        arguments = [first]
        for parameter in required[1:]:
            if parameter.startswith("*"):
                arguments += self.choose.choice(([], [self.variable(shape)], ["0"], ["0", "-1"], ["0.5"]))
            else:
                choices = [self.variable(shape), *_ARGUMENTS.get(parameter, ())]
                arguments.append(self.choose.choice(choices[-2:] if parameter in _ARGUMENTS else choices))
        if required and required[0] in ("tensors", "*tensors"):
            arguments = [f"[{first}, {self.variable(shape)}]"]
        arguments += [f"{p}={self.choose.choice(_ARGUMENTS[p])}" for p in optional if self.choose.random() < 0.3]
        if name.startswith("."):
            return f"{first}{name}({', '.join(arguments[1:])})"
        return f"{name}({', '.join(arguments)})"

    def write(self) -> str:
        target = self.variable()
        if target in ("x", "y") and self.choose.random() < 0.5:
            target = self.variable()
        shape = tuple(self.space[target].shape)
        if self.choose.random() < 0.3:
            line = self.filled(self.one_of(ASSIGNMENTS), shape, target)
        else:
            line = f"{target}.{self.filled(self.one_of(WRITES), shape)}"
        leaf = target in self.leaves or self.choose.random() < 0.1
        return f"with torch.no_grad(): {line}" if leaf else line

    def module(self) -> str:
        made, _, operands = self.one_of(MODULES).rpartition(" ")
        name = f"m{len(self.modules)}"
        self.set_up(f"{name} = torch.nn.{made}")
        if self.choose.random() < 0.2:
            self.set_up(f"{name}.eval()")
        self.modules.append(name)
        if operands.endswith("*3"):
            operands = ",".join([operands[:-2]] * 3)
        arguments = self.filled(operands)
        return f"{name}({arguments})"

    def statement(self) -> None:
        """One more line, if it works."""
        kind = self.choose.choices(("recipe", "call", "write", "module"), (45, 25, 20, 6))[0]
        try:
            text = getattr(self, kind)()
        except (IndexError, KeyError, TypeError):
            return
        if kind == "write":
            self.tried(text)
            return
        name = f"v{self.number}"
        if not self.tried(f"{name} = {text}"):
            return
        made = self.space[name]
        while isinstance(made, (tuple, list)) and made:
            self.tried(f"{name} = {name}[0]")
            made = self.space[name]
        if isinstance(made, torch.Tensor) and made.numel() <= 4096:
            self.number += 1
            self.variables.append(name)
        else:
            self.lines.pop()
            while self.lines and self.lines[-1].startswith(f"{name} = "):
                self.lines.pop()

    def begin(self) -> None:
        """State: leaves, buffers."""
        torch.manual_seed(0)
        for i in range(self.choose.randint(1, 2)):
            self.set_up(f"w{i} = torch.randn({self.choose.choice(SHAPES)}).requires_grad_()")
            self.leaves.append(f"w{i}")
        for i in range(self.choose.randint(0, 2)):
            made = self.choose.choice(("torch.rand({})", "torch.rand({}).mT", "torch.rand({})[..., ::2]"))
            try:
                self.set_up(f"s{i} = {made.format(self.choose.choice(SHAPES))}")
            except (RuntimeError, IndexError):
                self.set_up(f"s{i} = torch.rand(3)")
            self.states.append(f"s{i}")
        self.space |= {"x": torch.randn(3, 4), "y": torch.rand(4)}

    def end(self, outside: bool) -> None:
        """The loss, backward and update; or the results, to be differentiated outside."""
        live = [name for name in self.variables if name not in ("x", "y") and self.space[name].requires_grad]
        terms = [f"{name}.{'abs().' if self.space[name].is_complex() else ''}sum()" for name in
                 self.choose.sample(live, min(3, len(live)))]
        returned = ", ".join(dict.fromkeys(self.choose.choices([*self.variables, *self.leaves], k=3)))
        if outside or not terms:
            total = " + ".join([*terms, "w0.sum()"])
            self.lines.append(f"return [{total}, {returned}]")
            return
        parameters = "[" + ", ".join([*self.leaves, *(f"*{name}.parameters()" for name in self.modules)]) + "]"
        self.set_up(f"optimizer = torch.optim.{self.choose.choice(OPTIMIZERS).format(parameters)}")
        clear = self.choose.choice(("optimizer.zero_grad()", "optimizer.zero_grad(set_to_none=False)", None))
        self.lines[:0] = [clear] if clear else []
        self.lines += [f"loss = {' + '.join(terms)}", "loss.backward()"]
        if self.choose.random() < 0.3:
            self.lines.append(f"torch.nn.utils.clip_grad_norm_({parameters}, 1.0)")
        detached = ", ".join(f"{name}.detach()" for name in returned.split(", "))
        self.lines += ["optimizer.step()", f"return [loss.detach(), {detached}]"]


def _written(seed: int, length: int) -> Step:
    writer = _Writer(seed)
    writer.begin()
    for _ in range(20 * length):
        if len(writer.lines) >= length:
            break
        writer.statement()
    writer.end(outside=writer.choose.random() < 0.3)
    states = [*writer.leaves, *writer.states, *(f"*{m}.parameters()" for m in writer.modules),
              *(f"*{m}.buffers()" for m in writer.modules)]
    return Step(seed, writer.setup, writer.lines, states)


def random_step(seed: int, length: int = 8) -> tuple[Step, list[Any]]:
    """A random step that works, the same for the same seed, and its `outcomes`."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for again in range(100):
            try:
                step = _written(seed + again * 1_000_000_007, length)
                step.number, step.file = seed, f"<step {seed}>"
                return step, outcomes(step)
            except Exception:
                continue
    raise RuntimeError(f"no working step was found for seed {seed}")


def outcomes(step: Step, wrap: Callable[[Any], Any] = lambda function: function, calls: int = 3,
             shaken: int | None = None, library: Any = torch) -> list[Any]:
    """All that ``calls`` calls of a step give and leave behind: results, arguments, state, gradients, the generator.
    ``shaken`` is the seed of changes of some units in the last place of all that the step is given."""
    function, states = step.make(library)
    function = wrap(function)
    library.manual_seed(1)
    found: list[Any] = []
    units = np.random.default_rng(shaken)
    for call in range(calls):
        x, y = library.randn(3, 4), library.rand(4)
        if shaken is not None:
            for tensor in (x, y, *(() if call else states)):
                _shake(tensor, units)
        results = function(x, y)
        if results[0].requires_grad:
            results[0].backward()
        found.append([_numbers(t) for t in (*results, x, y, *states, *(t.grad for t in states))])
    return [*found, [_numbers(library.get_rng_state())]]


def _shake(tensor: Any, units: np.random.Generator) -> None:
    array = tensor._data
    if array.dtype.kind == "f":
        array *= (1 + units.integers(-16, 17, array.shape) * np.finfo(array.dtype).eps).astype(array.dtype)


def _numbers(tensor: Any) -> Any:
    if tensor is None:
        return None
    plain = tensor.detach()
    if isinstance(plain, torch.Tensor):
        return plain._data.copy()
    plain = plain.resolve_conj().resolve_neg()
    return plain.float().numpy().astype(torch.bfloat16.numpy) if "bfloat16" in str(plain.dtype) else plain.numpy().copy()
