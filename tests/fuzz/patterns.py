"""How functions are called whose arguments depend on each other: patterns of calls, with valid arguments in slots.

A slot is ``{text}``; `calls.py` puts something hostile in the place of some. Sizes stand on both sides of those from
which generated code takes over.
"""

from __future__ import annotations

PATTERNS: dict[str, list[str]] = {}


def _pattern(name: str, *texts: str) -> None:
    PATTERNS.setdefault(name, []).extend(texts)


for _r, _sizes, _big in ((1, "9", "5001"), (2, "9, 8", "40, 41"), (3, "5, 6, 7", "9, 10, 11")):
    _k = ", ".join("3" * _r)
    for _s in (_sizes, _big):
        _pattern(f"F.conv{_r}d", f"F.conv{_r}d({{t(2, 4, {_s})}}, {{t(6, 4, {_k})}}, {{t(6)}}, stride={{1}}, "
                 "padding={1}, dilation={1}, groups={1})",
                 f"F.conv{_r}d({{t(2, 4, {_s})}}, {{t(6, 2, {_k})}}, {{None}}, stride={{2}}, padding={{0}}, "
                 "dilation={2}, groups={2})")
        _pattern(f"F.conv_transpose{_r}d", f"F.conv_transpose{_r}d({{t(2, 4, {_s})}}, {{t(4, 3, {_k})}}, {{t(6)}}, "
                 "stride={2}, padding={1}, output_padding={1}, groups={2}, dilation={1})")
        for _p in ("max", "avg"):
            _more = ", dilation={1}" if _p == "max" else ""
            _pattern(f"F.{_p}_pool{_r}d", f"F.{_p}_pool{_r}d({{t(2, 3, {_s})}}, {{3}}, stride={{2}}, padding={{1}}"
                     f"{_more}, ceil_mode={{False}})")
        _pattern(f"F.lp_pool{_r}d", f"F.lp_pool{_r}d({{t(2, 3, {_s})}}, {{2.0}}, {{2}}, stride={{2}})")
        for _p in ("avg", "max"):
            _pattern(f"F.adaptive_{_p}_pool{_r}d", f"F.adaptive_{_p}_pool{_r}d({{t(2, 3, {_s})}}, {{3}})")
    _pattern(f"nn.Conv{_r}d", f"nn.Conv{_r}d({{4}}, {{6}}, {{3}}, stride={{1}}, padding={{1}}, dilation={{1}}, "
             f"groups={{2}}, padding_mode={{'zeros'}})({{t(2, 4, {_sizes})}})",
             f"nn.Conv{_r}d({{4}}, {{6}}, {{3}}, padding={{1}}, padding_mode={{'circular'}})({{t(2, 4, {_sizes})}})")
    _pattern(f"nn.ConvTranspose{_r}d", f"nn.ConvTranspose{_r}d({{4}}, {{6}}, {{3}}, stride={{2}}, padding={{1}}, "
             f"output_padding={{1}}, groups={{2}}, dilation={{1}})({{t(2, 4, {_sizes})}})")
    _pattern(f"F.max_unpool{_r}d", f"F.max_unpool{_r}d({{t(1, 2, {', '.join('3' * _r)})}}, {{t(1, 2, "
             f"{', '.join('3' * _r)}, dtype='int64')}}, {{2}}, stride={{2}}, padding={{0}})")
    _pattern(f"nn.BatchNorm{_r}d", f"nn.BatchNorm{_r}d({{4}}, momentum={{0.1}})({{t(3, 4, {_sizes})}})")
    _pattern(f"nn.InstanceNorm{_r}d", f"nn.InstanceNorm{_r}d({{4}}, affine=True)({{t(3, 4, {_sizes})}})")
    for _kind in ("Reflection", "Replication", "Zero", "Constant", "Circular"):
        _pattern(f"nn.{_kind}Pad{_r}d", f"nn.{_kind}Pad{_r}d({{1}}{', {0.5}' if _kind == 'Constant' else ''})"
                 f"({{t(2, 3, {_sizes})}})")
for _r, _sizes in ((2, "9, 8"), (3, "6, 7, 8")):
    _pattern(f"F.fractional_max_pool{_r}d",
             f"F.fractional_max_pool{_r}d({{t(2, 3, {_sizes})}}, {{2}}, output_size={{3}})",
             f"F.fractional_max_pool{_r}d({{t(2, 3, {_sizes})}}, {{2}}, output_ratio={{0.5}})")
for _k in ("LSTM", "GRU", "RNN"):
    _h = "({t(2, 3, 8)}, {t(2, 3, 8)})" if _k == "LSTM" else "{t(2, 3, 8)}"
    _pattern(f"nn.{_k}", f"nn.{_k}({{5}}, {{8}}, num_layers={{2}})({{t(6, 3, 5)}}, {_h})",
             f"nn.{_k}({{5}}, {{64}}, num_layers={{1}}, bidirectional=True, batch_first=True)({{t(3, 20, 5)}})",
             f"nn.{_k}({{5}}, {{128}})(rnn.PackedSequence({{t(9, 5)}}, torch.tensor([{{4}}, {{3}}, {{2}}])))",
             f"nn.{_k}({{5}}, {{8}}, bidirectional=True)(rnn.PackedSequence({{t(9, 5)}}, "
             "torch.tensor([{4}, {3}, {2}])))")
    _h = "({t(3, 8)}, {t(3, 8)})" if _k == "LSTM" else "{t(3, 8)}"
    _pattern(f"nn.{_k}Cell", f"nn.{_k}Cell({{5}}, {{8}})({{t(3, 5)}}, {_h})")
_pattern("rnn.pack_padded_sequence", "rnn.pack_padded_sequence({t(5, 3, 2)}, [{5}, {4}, {2}])")
_pattern("rnn.pad_packed_sequence", "rnn.pad_packed_sequence(rnn.PackedSequence({t(9, 5)}, torch.tensor([{4}, {3}, "
         "{2}])), total_length={4})")
_pattern("rnn.unpack_sequence", "rnn.unpack_sequence(rnn.PackedSequence({t(9, 5)}, torch.tensor([{4}, {3}, {2}])))")
_pattern("F.unfold", "F.unfold({t(2, 3, 9, 8)}, {3}, dilation={1}, padding={1}, stride={2})")
_pattern("F.fold", "F.fold({t(2, 12, 12)}, ({4}, {5}), {2}, dilation={1}, padding={0}, stride={1})")
_pattern("F.interpolate", *[
    f"F.interpolate({{t(2, 3, {s})}}, {what}, mode={{'{mode}'}})" for s, modes in
    (("7", ("nearest", "linear", "area")), ("6, 7", ("nearest", "bilinear", "bicubic", "area", "nearest-exact")),
     ("4, 5, 6", ("nearest", "trilinear"))) for mode in modes for what in ("size={4}", "scale_factor={2.0}")],
    "F.interpolate({t(1, 2, 6, 7)}, size={3}, mode={'bilinear'}, antialias=True)")
_pattern("F.grid_sample", "F.grid_sample({t(2, 3, 5, 6)}, {t(2, 4, 4, 2)}, mode={'bilinear'}, align_corners={False})",
         "F.grid_sample({t(2, 3, 4, 5, 6)}, {t(2, 3, 3, 3, 3)}, mode={'nearest'}, align_corners={True})")
_pattern("F.affine_grid", "F.affine_grid({t(2, 2, 3)}, [{2}, {3}, {5}, {6}], align_corners={False})")
_pattern("F.pad", *[f"F.pad({{t(2, 3, 6, 7)}}, ({{1}}, {{2}}, {{1}}, {{0}}), mode={{'{mode}'}})"
                    for mode in ("constant", "reflect", "replicate", "circular")])
_pattern("F.pixel_shuffle", "F.pixel_shuffle({t(2, 8, 3, 3)}, {2})")
_pattern("F.pixel_unshuffle", "F.pixel_unshuffle({t(2, 3, 4, 4)}, {2})")
_pattern("F.channel_shuffle", "F.channel_shuffle({t(2, 4, 3, 3)}, {2})")
_pattern("F.embedding", "F.embedding({t(3, 4, dtype='int64')}, {t(5, 6)}, padding_idx={1})",
         "F.embedding({t(3, 4, dtype='int64')}, {t(5, 6)}, max_norm={1.0})")
_pattern("F.embedding_bag", *[f"F.embedding_bag({{t(7, dtype='int64')}}, {{t(5, 6)}}, torch.tensor([{{0}}, {{3}}]), "
                              f"mode={{'{mode}'}})" for mode in ("sum", "mean", "max")],
         "F.embedding_bag({t(3, 4, dtype='int64')}, {t(5, 6)}, mode={'mean'})")
_pattern("F.one_hot", "F.one_hot({t(3, 4, dtype='int64')}, {4})")
_pattern("F.cross_entropy", "F.cross_entropy({t(4, 5)}, {t(4, dtype='int64')}, {t(5)}, ignore_index={-100}, "
         "label_smoothing={0.0})", "F.cross_entropy({t(2, 5, 3)}, {t(2, 3, dtype='int64')})",
         "F.cross_entropy({t(200, 100)}, {t(200, dtype='int64')})")
_pattern("F.nll_loss", "F.nll_loss({t(4, 5)}, {t(4, dtype='int64')}, {t(5)}, ignore_index={-100})",
         "F.nll_loss({t(2, 5, 3)}, {t(2, 3, dtype='int64')})")
_pattern("F.multi_margin_loss", "F.multi_margin_loss({t(4, 5)}, {t(4, dtype='int64')}, p={1}, margin={1.0})")
_pattern("F.multilabel_margin_loss", "F.multilabel_margin_loss({t(4, 5)}, {t(4, 5, dtype='int64')})")
_pattern("F.ctc_loss", "F.ctc_loss({t(9, 2, 5)}.log_softmax(-1), {t(2, 4, dtype='int64', fill=1)}, "
         "torch.tensor([{9}, {9}]), torch.tensor([{4}, {2}]), blank={0})")
_pattern("F.layer_norm", "F.layer_norm({t(4, 5, 6)}, ({5}, {6}), {t(5, 6)}, {t(5, 6)})",
         "F.layer_norm({t(70, 600)}, ({600},), {t(600)}, {t(600)})")
_pattern("F.group_norm", "F.group_norm({t(2, 6, 5)}, {3}, {t(6)}, {t(6)})")
_pattern("F.rms_norm", "F.rms_norm({t(4, 5, 6)}, ({6},), {t(6)})")
_pattern("F.batch_norm", "F.batch_norm({t(4, 5, 6)}, {t(5)}, {t(5)}, {t(5)}, {t(5)}, training={True})",
         "F.batch_norm({t(40, 5, 16, 16)}, {t(5)}, {t(5)}, {t(5)}, {t(5)}, training={True})")
_pattern("F.local_response_norm", "F.local_response_norm({t(2, 5, 4)}, {3})")
_pattern("F.softmax", "F.softmax({t(300, 100)}, {-1})", "F.softmax({t(3, 4)}, {0})")
_pattern("F.log_softmax", "F.log_softmax({t(300, 100)}, {-1})", "F.log_softmax({t(3, 4)}, {0})")
_pattern("F.scaled_dot_product_attention", "F.scaled_dot_product_attention({t(2, 3, 5, 4)}, {t(2, 3, 6, 4)}, "
         "{t(2, 3, 6, 4)}, dropout_p={0.0})")
_pattern("nn.MultiheadAttention", "nn.MultiheadAttention({8}, {2})({t(5, 3, 8)}, {t(6, 3, 8)}, {t(6, 3, 8)})")
_pattern("nn.TransformerEncoderLayer", "nn.TransformerEncoderLayer({8}, {2}, dim_feedforward={16})({t(5, 3, 8)})")
_pattern("nn.Linear", "nn.Linear({5}, {6})({t(3, 5)})", "nn.Linear({200}, {300})({t(100, 200)})")
_pattern("nn.Bilinear", "nn.Bilinear({5}, {6}, {3})({t(4, 5)}, {t(4, 6)})")
_pattern("nn.Embedding", "nn.Embedding({5}, {6}, padding_idx={1})({t(3, dtype='int64')})")
_pattern("nn.EmbeddingBag", "nn.EmbeddingBag({5}, {6})({t(3, 2, dtype='int64')})")
_pattern("nn.LayerNorm", "nn.LayerNorm({6})({t(3, 6)})")
_pattern("nn.GroupNorm", "nn.GroupNorm({2}, {4})({t(3, 4, 5)})")
_pattern("nn.Unflatten", "nn.Unflatten({1}, ({2}, {3}))({t(4, 6)})")
_pattern("nn.AdaptiveLogSoftmaxWithLoss", "nn.AdaptiveLogSoftmaxWithLoss({8}, {10}, [{3}, {6}])({t(4, 8)}, "
         "{t(4, dtype='int64')})")
_pattern("nn.UpsamplingNearest2d", "nn.UpsamplingNearest2d(scale_factor={2})({t(1, 2, 4, 5)})")
for _n in ("gather", "scatter", "scatter_add"):
    _src = ", {t(3, 4)}" if "scatter" in _n else ""
    _pattern(f"torch.{_n}", f"torch.{_n}({{t(5, 4)}}, {{0}}, {{t(3, 4, dtype='int64')}}{_src})")
_pattern("torch.scatter_reduce", *[f"torch.scatter_reduce({{t(5, 4)}}, {{0}}, {{t(3, 4, dtype='int64')}}, {{t(3, 4)}}, "
                                   f"{{'{how}'}})" for how in ("sum", "prod", "mean", "amax", "amin")])
_pattern("torch.index_select", "torch.index_select({t(5, 4)}, {0}, {t(7, dtype='int64')})")
_pattern("torch.index_add", "torch.index_add({t(5, 4)}, {0}, {t(3, dtype='int64')}, {t(3, 4)})")
_pattern("torch.index_copy", "torch.index_copy({t(5, 4)}, {0}, {t(3, dtype='int64')}, {t(3, 4)})")
_pattern("torch.index_fill", "torch.index_fill({t(5, 4)}, {0}, {t(3, dtype='int64')}, {1.0})")
_pattern("torch.index_put", "torch.index_put({t(5, 4)}, ({t(3, dtype='int64')}, {t(3, dtype='int64')}), {t(3)}, "
         "accumulate={True})")
_pattern("torch.put", "torch.put({t(5, 4)}, {t(3, dtype='int64')}, {t(3)}, {False})")
_pattern("torch.take", "torch.take({t(5, 4)}, {t(3, dtype='int64')})")
_pattern("torch.as_strided", "torch.as_strided({t(5, 4)}, ({2}, {3}), ({1}, {2}), {1})")
_pattern("torch.empty_strided", "torch.empty_strided(({2}, {3}), ({3}, {1}))")
_pattern("Tensor.unfold", "{t(5, 9)}.unfold({1}, {3}, {2})")
_pattern("Tensor.set_", "torch.Tensor.set_(t(5), {t(20)}, {2}, ({3}, {2}), ({2}, {1}))")
_pattern("Tensor.getitem", "{t(5, 6)}[{1}]", "{t(5, 6)}[{1}:{4}:{2}]", "{t(5, 6)}[{t(3, dtype='int64')}, {1}]",
         "{t(5, 6)}[..., None, {t(6, dtype='bool')}]", "{t(500, 600)}[{t(100, dtype='int64')}]",
         "{t(5, 6)}[{t(5, 6, dtype='bool')}]")
_pattern("Tensor.setitem", "t(5, 6).__setitem__({1}, {t(6)})", "t(5, 6).__setitem__(slice({1}, {4}, {2}), {2.0})",
         "t(5, 6).__setitem__({t(3, dtype='int64')}, {t(3, 6)})")
_pattern("Tensor.resize_", "t(5, 6).resize_({3}, {4})")
_pattern("torch.stft", "torch.stft({t(2, 200)}, {16}, hop_length={4}, win_length={16}, window={t(16)}, center={True}, "
         "return_complex=True)")
_pattern("torch.istft", "torch.istft({t(9, 51, dtype='complex64')}, {16}, hop_length={4}, win_length={16}, "
         "window={t(16)})")
_pattern("torch.matmul", "torch.matmul({t(3, 4)}, {t(4, 5)})", "torch.matmul({t(2, 3, 4)}, {t(2, 4, 5)})",
         "torch.matmul({t(65, 70)}, {t(70, 67)})", "torch.matmul({t(5, 33, 70)}, {t(5, 70, 35)})",
         "torch.matmul({t(4)}, {t(4)})")
_pattern("torch.einsum", "torch.einsum({'ij,jk->ik'}, {t(3, 4)}, {t(4, 5)})")
_pattern("torch.addmm", "torch.addmm({t(3, 5)}, {t(3, 4)}, {t(4, 5)}, beta={1}, alpha={2})")
_pattern("torch.baddbmm", "torch.baddbmm({t(2, 3, 5)}, {t(2, 3, 4)}, {t(2, 4, 5)})")
_pattern("torch.bmm", "torch.bmm({t(2, 3, 4)}, {t(2, 4, 5)})")
_pattern("torch.randperm", "torch.randperm({20})", "torch.randperm({40000})")
_pattern("torch.multinomial", "torch.multinomial({t(3, 6)}, {2}, replacement={False})")
_pattern("torch.randint", "torch.randint({0}, {5}, ({2}, {3}))")
_pattern("torch.normal", "torch.normal({t(3, 4)}, {t(3, 4)})", "torch.normal({0.0}, {1.0}, ({3}, {40000}))")
for _n in ("rand", "randn", "zeros", "ones", "empty"):
    _pattern(f"torch.{_n}", f"torch.{_n}({{2}}, {{3}}, dtype={{torch.float32}})", f"torch.{_n}({{40000}})")
_pattern("torch.full", "torch.full(({2}, {3}), {1.5})")
_pattern("torch.eye", "torch.eye({3}, {4})")
_pattern("torch.repeat_interleave", "torch.repeat_interleave({t(3, 2)}, {2}, dim={0})",
         "torch.repeat_interleave({t(3, 2)}, {t(3, dtype='int64')}, dim={0}, output_size={3})")
_pattern("torch.bincount", "torch.bincount({t(9, dtype='int64')}, {t(9)}, minlength={4})")
_pattern("torch.searchsorted", "torch.searchsorted({t(9)}, {t(3)})")
_pattern("torch.tensordot", "torch.tensordot({t(3, 4)}, {t(4, 5)}, dims={1})")
_pattern("torch.cdist", "torch.cdist({t(3, 4)}, {t(5, 4)}, p={2.0})")
_pattern("torch.cross", "torch.cross({t(4, 3)}, {t(4, 3)}, dim={-1})")
_pattern("torch.block_diag", "torch.block_diag({t(2, 3)}, {t(1, 2)})")
_pattern("torch.unravel_index", "torch.unravel_index({t(4, dtype='int64')}, ({2}, {3}))")
_pattern("torch.unflatten", "torch.unflatten({t(4, 6)}, {1}, ({2}, {3}))")
_pattern("torch.where", "torch.where({t(3, 4, dtype='bool')}, {t(3, 4)}, {t(3, 4)})",
         "torch.where({t(300, 100, dtype='bool')}, {t(300, 100)}, {2.0})")
for _n in ("add", "mul", "div", "sub", "pow", "maximum", "fmod", "remainder", "atan2"):
    _pattern(f"torch.{_n}", f"torch.{_n}({{t(3, 4)}}, {{t(3, 4)}})", f"torch.{_n}({{t(129, 129)}}, {{t(129, 129)}})",
             f"torch.{_n}({{t(3, 4)}}, {{t(4)}})")
for _n in ("exp", "log", "sin", "tanh", "sigmoid", "erf", "sqrt", "relu"):
    _pattern(f"torch.{_n}", f"torch.{_n}({{t(129, 129)}})", f"torch.{_n}({{t(3, 4)}})", f"torch.{_n}({{t(65537)}})")
for _n in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad"):
    _pattern(f"optim.{_n}", f"step('{_n}', {{t(40, 50)}}, lr={{0.1}}, weight_decay={{0.1}})")
