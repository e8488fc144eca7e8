"""Patterns of calls of classes and of functions that take functions: see `calls.py`, whose slots these have, and what
stands around them there (``use``, ``draw``, ``schedule``, ``step``)."""

from __future__ import annotations

CLASS_PATTERNS: dict[str, list[str]] = {}


def _pattern(name: str, *texts: str) -> None:
    CLASS_PATTERNS.setdefault(name, []).extend(texts)


# --- distributions: made, drawn from, and asked for all that they tell ------------------------------------------------

for _name, *_arguments in (
    ("Bernoulli", "{0.5}"),
    ("Beta", "{0.5}", "{1.5}"),
    ("Binomial", "{4}", "{t(3)}"),
    ("Categorical", "{t(2, 3)}"),
    ("Cauchy", "{0.5}", "{1.5}"),
    ("Chi2", "{1.5}"),
    ("ContinuousBernoulli", "{0.3}"),
    ("Dirichlet", "{t(2, 3)}"),
    ("Exponential", "{1.5}"),
    ("FisherSnedecor", "{1.5}", "{2.5}"),
    ("Gamma", "{1.5}", "{2.5}"),
    ("GeneralizedPareto", "{0.5}", "{1.5}", "{0.1}"),
    ("Geometric", "{0.5}"),
    ("Gumbel", "{0.5}", "{1.5}"),
    ("HalfCauchy", "{1.5}"),
    ("HalfNormal", "{1.5}"),
    ("InverseGamma", "{1.5}", "{2.5}"),
    ("Kumaraswamy", "{1.5}", "{2.5}"),
    ("LKJCholesky", "{3}", "{1.5}"),
    ("Laplace", "{0.5}", "{1.5}"),
    ("LogNormal", "{0.5}", "{1.5}"),
    ("LogisticNormal", "{t(3)}", "{t(3)}"),
    ("LowRankMultivariateNormal", "{t(3)}", "{t(3, 2)}", "{t(3)}"),
    ("Multinomial", "{4}", "{t(2, 3)}"),
    ("MultivariateNormal", "{t(3)}", "{torch.eye(3)}"),
    ("NegativeBinomial", "{4}", "{0.5}"),
    ("Normal", "{0.5}", "{1.5}"),
    ("OneHotCategorical", "{t(2, 3)}"),
    ("Pareto", "{1.5}", "{2.5}"),
    ("Poisson", "{1.5}"),
    ("RelaxedBernoulli", "{0.5}", "{0.3}"),
    ("RelaxedOneHotCategorical", "{0.5}", "{t(2, 3)}"),
    ("StudentT", "{3.5}", "{0.5}", "{1.5}"),
    ("Uniform", "{0.5}", "{1.5}"),
    ("VonMises", "{0.5}", "{1.5}"),
    ("Weibull", "{1.5}", "{2.5}"),
    ("Wishart", "{4.5}", "{torch.eye(3)}"),
):
    _given = ", ".join(_arguments)
    _pattern(
        f"D.{_name}",
        f"use(D.{_name}({_given}), ({{2}}, {{3}}))",
        f"use(D.{_name}({_given.replace('{0.5}', '{t(2, 3)}').replace('{1.5}', '{t(2, 3)}')}), ({{2}},), {{t(2, 3)}})",
        f"use(D.{_name}({_given}, validate_args=False), (), {{t(3)}})",
    )
_pattern("D.Independent", "use(D.Independent(D.Normal({t(2, 3)}, {t(2, 3)}), {1}), ({2},))")
_pattern("D.MixtureSameFamily", "use(D.MixtureSameFamily(D.Categorical({t(3)}), D.Normal({t(3)}, {t(3)})), ({2},))")
_pattern(
    "D.TransformedDistribution",
    "use(D.TransformedDistribution(D.Normal({t(3)}, {t(3)}), "
    "[D.AffineTransform({0.5}, {2.0}), D.ExpTransform()]), ({2},))",
    "use(D.TransformedDistribution(D.Uniform({t(4)}, {2.0}), [D.ReshapeTransform(({4},), ({2}, {2}))]), ({2},))",
)
_pattern(
    "D.kl_divergence",
    "D.kl_divergence(D.Normal({t(3)}, {t(3)}), D.Normal({t(3)}, {1.5}))",
    "D.kl_divergence(D.Gamma({1.5}, {t(3)}), D.Gamma({t(3)}, {1.5}))",
    "D.kl_divergence(D.Categorical({t(2, 3)}), D.Categorical({t(2, 3)}))",
    "D.kl_divergence(D.Dirichlet({t(2, 3)}), D.Dirichlet({t(2, 3)}))",
)
for _name in (
    "Abs",
    "CorrCholesky",
    "Exp",
    "LowerCholesky",
    "PositiveDefinite",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "StickBreaking",
    "Tanh",
):
    _pattern(
        f"D.{_name}Transform",
        f"turn(D.{_name}Transform(cache_size={{0}}), {{t(2, 3)}})",
        f"turn(D.{_name}Transform(), {{t(3, 3)}})",
    )
_pattern("D.PowerTransform", "turn(D.PowerTransform({2.0}), {t(2, 3)})")
_pattern("D.ReshapeTransform", "turn(D.ReshapeTransform(({2}, {3}), ({6},)), {t(4, 2, 3)})")
_pattern(
    "D.CatTransform", "turn(D.CatTransform([D.ExpTransform(), D.AbsTransform()], dim={0}, lengths=[{1}, {2}]), {t(3)})"
)
_pattern("D.StackTransform", "turn(D.StackTransform([D.ExpTransform(), D.AbsTransform()], dim={0}), {t(2, 3)})")

# --- optimisers, and schedules over five steps ------------------------------------------------------------------------

for _name, _options in {
    "SGD": "lr={0.1}, momentum={0.9}, dampening={0.1}, weight_decay={0.1}, nesterov={False}",
    "Adam": "lr={0.1}, betas=({0.9}, {0.99}), eps={1e-8}, weight_decay={0.1}, amsgrad={True}",
    "AdamW": "lr={0.1}, betas=({0.9}, {0.99}), eps={1e-8}, weight_decay={0.1}, maximize={True}",
    "NAdam": "lr={0.1}, betas=({0.9}, {0.99}), momentum_decay={0.1}",
    "RAdam": "lr={0.1}, betas=({0.9}, {0.99})",
    "Adamax": "lr={0.1}, betas=({0.9}, {0.99}), eps={1e-8}",
    "Adadelta": "lr={0.1}, rho={0.9}, eps={1e-6}",
    "Adagrad": "lr={0.1}, lr_decay={0.1}, initial_accumulator_value={0.1}, eps={1e-8}",
    "SparseAdam": "lr={0.1}, betas=({0.9}, {0.99}), eps={1e-8}",
    "Adafactor": "lr={0.1}, beta2_decay={-0.8}, eps=({None}, {0.001}), d={1.0}",
    "RMSprop": "lr={0.1}, alpha={0.9}, eps={1e-8}, momentum={0.1}, centered={True}",
    "Rprop": "lr={0.1}, etas=({0.5}, {1.2}), step_sizes=({1e-6}, {50.0})",
    "ASGD": "lr={0.1}, lambd={1e-4}, alpha={0.75}, t0={1.0}",
    "Muon": "lr={0.1}, momentum={0.9}, ns_steps={5}",
    "LBFGS": "lr={0.1}, max_iter={3}, max_eval={5}, tolerance_grad={1e-7}, history_size={4}",
}.items():
    _pattern(
        f"optim.{_name}", f"step('{_name}', {{t(4, 5)}}, {_options})", f"step('{_name}', {{t(40, 50)}}, {_options})"
    )
for _name, _options in {
    "StepLR": "{2}, gamma={0.1}",
    "MultiStepLR": "[{2}, {4}], gamma={0.1}",
    "ExponentialLR": "{0.9}",
    "ConstantLR": "factor={0.5}, total_iters={3}",
    "LinearLR": "start_factor={0.5}, end_factor={1.0}, total_iters={3}",
    "PolynomialLR": "total_iters={3}, power={1.5}",
    "CosineAnnealingLR": "{4}, eta_min={0.1}",
    "CosineAnnealingWarmRestarts": "{2}, T_mult={2}, eta_min={0.1}",
    "CyclicLR": "{0.1}, {0.9}, step_size_up={2}, step_size_down={3}, gamma={0.9}, mode={'exp_range'}",
    "ReduceLROnPlateau": "factor={0.1}, patience={1}, threshold={1e-4}, cooldown={1}, min_lr={0.1}, eps={1e-8}",
    "OneCycleLR": "{0.9}, total_steps={9}, pct_start={0.3}, div_factor={25.0}, final_div_factor={1e4}",
}.items():
    _pattern(
        f"scheduler.{_name}",
        f"schedule('{_name}', {_options}, last_epoch={{-1}})"
        if _name != "ReduceLROnPlateau"
        else f"schedule('{_name}', {_options})",
    )

for _text in (
    "schedule('LambdaLR', {lambda epoch: 0.9}, last_epoch={-1})",
    "schedule('MultiplicativeLR', {lambda epoch: 0.9})",
    "torch.optim.lr_scheduler.SequentialLR(_optimizer, [torch.optim.lr_scheduler.ConstantLR(_optimizer)] * 2, [{3}])",
    "torch.optim.lr_scheduler.ChainedScheduler([torch.optim.lr_scheduler.ConstantLR(_optimizer), {None}])",
    "torch.optim.swa_utils.SWALR(_optimizer, {0.1}, anneal_epochs={3}, anneal_strategy={'cos'}, last_epoch={-1})",
):
    _pattern(f"scheduler.{_text.partition('(')[0]}",
             _text.replace("_optimizer", "torch.optim.SGD(leaves(t(3)), lr=0.5)"))
for _text in (
    "AveragedModel({nn.Linear(3, 2)}, avg_fn={None}, use_buffers={False}).update_parameters({nn.Linear(3, 2)})",
    "AveragedModel(nn.Linear(3, 2), avg_fn=torch.optim.swa_utils.get_ema_avg_fn({0.9})).update_parameters("
    "nn.Linear(3, 2))",
    "get_ema_multi_avg_fn({0.9})([{t(3)}], [{t(3)}], {t()})",
    "get_swa_avg_fn()({t(3)}, {t(3)}, {t()})",
    "get_swa_multi_avg_fn()([{t(3)}], [{t(3)}], {t()})",
    "update_bn([{t(4, 3)}], {nn.BatchNorm1d(3)})",
):
    _pattern(f"optim.{_text.partition('(')[0]}", f"torch.optim.swa_utils.{_text}")

# --- data -------------------------------------------------------------------------------------------------------------

for _text in (
    "RandomSampler(Rows({5}), replacement={True}, num_samples={3})",
    "SequentialSampler(Rows({5}))",
    "WeightedRandomSampler([{0.5}, {0.2}, {0.3}], {4}, replacement={True})",
    "SubsetRandomSampler([{1}, {2}])",
    "BatchSampler(Rows({5}), {2}, {False})",
    "DistributedSampler(Rows({5}), {2}, {0}, seed={0}, drop_last={False})",
    "random_split(Rows({10}), [{3}, {7}])",
    "random_split(Rows({10}), [{0.3}, {0.7}])",
    "TensorDataset({t(3, 2)}, {t(3)})",
    "Subset(Rows({5}), [{1}, {2}])",
    "ConcatDataset([Rows({2}), Rows({3})])",
    "StackDataset({t(3)}, {t(3)})",
    "DataChunk({[1, 2]})",
    "functional_datapipe({'a_name'})({data.IterDataPipe})",
    "DataLoader({t(5, 2)}, batch_size={2}, drop_last={False}, shuffle={True})",
    "DataLoader({t(5, 2)}, batch_size={2}, num_workers={0}, prefetch_factor={None}, timeout={0})",
    "DataLoader(Rows({5}), sampler=data.RandomSampler(Rows({4}), num_samples={3}), batch_size={2})",
    "default_collate([{t(3)}, {t(3)}])",
    "default_collate([{1}, {2.0}])",
):
    _pattern(f"data.{_text.partition('(')[0]}", f"draw(data.{_text})")

_pattern("data.default_convert", "data.default_convert({[1, 2]})")
_pattern("data.ChainDataset", "draw(data.ChainDataset([{Rows(3)}, {[1, 2]}]))")

# --- pictures ---------------------------------------------------------------------------------------------------------

_PICTURE = "{t(3, 9, 8, dtype='uint8')}"
for _text in (
    "adjust_brightness(*, {0.5})",
    "adjust_contrast(*, {0.5})",
    "adjust_gamma(*, {0.5}, gain={1.0})",
    "adjust_hue(*, {0.2})",
    "adjust_saturation(*, {0.5})",
    "adjust_sharpness(*, {0.5})",
    "autocontrast(*)",
    "equalize(*)",
    "invert(*)",
    "affine(*, {10.0}, [{1}, {2}], {0.5}, [{5.0}])",
    "center_crop(*, [{4}, {5}])",
    "crop(*, {1}, {2}, {4}, {3})",
    "convert_image_dtype(*, {torch.float32})",
    "elastic_transform(*, {t(1, 9, 8, 2)})",
    "erase(*, {1}, {2}, {3}, {4}, {t(3, 3, 4, dtype='uint8')})",
    "five_crop(*, {4})",
    "ten_crop(*, [{4}, {5}])",
    "gaussian_blur(*, [{3}, {5}], [{0.5}, {1.5}])",
    "hflip(*)",
    "vflip(*)",
    "normalize({t(3, 9, 8)}, [{0.5}, {0.5}, {0.5}], [{0.1}, {0.2}, {0.3}])",
    "pad(*, [{1}, {2}], fill={0}, padding_mode={'edge'})",
    "pad(*, {2}, padding_mode={'reflect'})",
    "posterize(*, {3})",
    "resize(*, [{4}, {5}])",
    "resize(*, {4}, max_size={9})",
    "perspective(*, [[{0}, {0}], [{7}, {0}], [{7}, {8}], [{0}, {8}]], [[{1}, {0}], [{7}, {1}], [{6}, {8}], [0, 7]])",
    "resized_crop(*, {1}, {2}, {4}, {3}, [{5}, {6}])",
    "rgb_to_grayscale(*, {1})",
    "rotate(*, {30.0}, expand={True}, center=[{2}, {3}])",
    "solarize(*, {100.0})",
    "get_dimensions(*)",
    "to_pil_image(*)",
    "get_image_size(*)",
    "get_image_num_channels(*)",
    "to_tensor({TF.to_pil_image(t(3, 9, 8))})",
    "pil_to_tensor({TF.to_pil_image(t(3, 9, 8))})",
    "to_grayscale({TF.to_pil_image(t(3, 9, 8))}, {1})",
):
    _pattern(f"TF.{_text.partition('(')[0]}", f"TF.{_text.replace('*', _PICTURE, 1)}")
for _text in (
    "CenterCrop({4})",
    "ColorJitter({0.5}, {0.5}, {0.5}, {0.2})",
    "ElasticTransform({50.0}, {5.0})",
    "FiveCrop({4})",
    "GaussianBlur({3}, ({0.1}, {2.0}))",
    "Grayscale({1})",
    "Pad({2})",
    "RandAugment(2, {9})",
    "RandomCrop({4}, padding={1})",
    "RandomAffine({30.0}, translate=({0.1}, {0.2}), scale=({0.5}, {1.5}), shear={5.0})",
    "RandomErasing({0.5}, ({0.02}, {0.3}))",
    "RandomAdjustSharpness({2.0}, {0.5})",
    "RandomAutocontrast({0.5})",
    "RandomEqualize({0.5})",
    "RandomGrayscale({0.5})",
    "RandomHorizontalFlip({0.5})",
    "RandomInvert({0.5})",
    "RandomPerspective({0.5}, {0.9})",
    "RandomPosterize({3}, {0.5})",
    "RandomResizedCrop({4}, ({0.1}, {1.0}), ({0.7}, {1.3}))",
    "RandomRotation({30.0})",
    "RandomSolarize({100.0}, {0.5})",
    "Resize({4})",
    "TenCrop({4})",
    "Compose([T.CenterCrop({4}), {T.Grayscale()}])",
    "ConvertImageDtype({torch.float32})",
    "Lambda({torch.neg})",
    "LinearTransformation({t(216, 216)}, {t(216)})",
    "Normalize([{0.5}, {0.5}, {0.5}], {[0.1, 0.2, 0.3]})",
    "RandomApply([T.CenterCrop({4})], {0.5})",
    "RandomChoice([T.CenterCrop({4}), {T.Grayscale()}], {[0.5, 0.5]})",
    "RandomOrder([T.CenterCrop({4}), {T.Grayscale()}])",
    "RandomVerticalFlip({0.5})",
    "ToPILImage({None})",
    "ToTensor()",
    "PILToTensor()",
    "TrivialAugmentWide({31})",
    "AugMix({3}, {2}, {1}, {1.0})",
    "AutoAugment()",
):
    _pattern(f"T.{_text.partition('(')[0]}", f"T.{_text}({_PICTURE})")

# --- functions of functions -------------------------------------------------------------------------------------------

_pattern(
    "func.vmap",
    "func.vmap(torch.add, in_dims=({0}, {0}), out_dims={0})({t(3, 2)}, {t(3, 2)})",
    "func.vmap(torch.mv, in_dims=({None}, {0}), chunk_size={2})({t(4, 2)}, {t(3, 2)})",
    "func.vmap(torch.cumsum, in_dims=({0}, {None}))({t(3, 2, 4)}, {1})",
    "func.vmap(lambda x: x.sum({0}).reshape({-1}))({t(3, 2, 4)})",
)
_pattern(
    "func.grad",
    "func.grad(lambda x, y: (x * y).sum(), argnums={0})({t(3)}, {t(3)})",
    "func.grad(lambda x: x[{0}] * {2.0})({t(3)})",
)
for _name in ("jacrev", "jacfwd", "hessian"):
    _pattern(
        f"func.{_name}",
        f"func.{_name}(lambda x, y: (x * y).sum(), argnums={{0}})({{t(3)}}, {{t(3)}})",
        f"func.{_name}(lambda x: x[:2].sin())({{t(2, 2)}})",
    )
_pattern(
    "func.jvp", "func.jvp(torch.mul, ({t(3)}, {t(3)}), ({t(3)}, {t(3)}))", "func.jvp(torch.sin, ({t(3)},), ({t(3)},))"
)
_pattern(
    "func.vjp", "func.vjp(torch.sin, {t(3)})[1]({t(3)})", "func.vjp(torch.matmul, {t(2, 3)}, {t(3, 2)})[1]({t(2, 2)})"
)
_pattern(
    "func.functional_call", "func.functional_call(nn.Linear(3, 2), dict(weight={t(2, 3)}, bias={t(2)}), ({t(4, 3)},))"
)
_pattern("utils.clip_grad_norm_", "nn.utils.clip_grad_norm_(leaves({t(3)}, {t(2, 2)}), {1.0}, norm_type={2.0})")
_pattern("utils.clip_grad_value_", "nn.utils.clip_grad_value_(leaves({t(3)}), {0.1})")
_pattern("utils.vector_to_parameters", "nn.utils.vector_to_parameters({t(7)}, leaves({t(3)}, {t(2, 2)}))")
_pattern("utils.parameters_to_vector", "nn.utils.parameters_to_vector([{t(3)}, {t(2, 2)}])")
_pattern("utils.weight_norm", "nn.utils.weight_norm(nn.Linear({3}, {2}), dim={0})({t(4, 3)})")
_pattern(
    "utils.spectral_norm",
    "nn.utils.spectral_norm(nn.Linear({3}, {2}), n_power_iterations=1, eps={1e-12}, dim={0})({t(4, 3)})",
)
for _text in (
    "clip_grad_norm(leaves({t(3)}), {1.0}, {2.0})",
    "clip_grads_with_norm_(leaves({t(3)}), {1.0}, {t()})",
    "get_total_norm([{t(3)}, {t(2, 2)}], {2.0}, {False})",
    "convert_conv2d_weight_memory_format({nn.Conv2d(3, 2, 3)}, {torch.channels_last})",
    "convert_conv3d_weight_memory_format({nn.Conv3d(3, 2, 3)}, {torch.channels_last_3d})",
    "fuse_conv_bn_eval({nn.Conv2d(3, 2, 3).eval()}, {nn.BatchNorm2d(2).eval()}, {False})",
    "fuse_conv_bn_weights({t(2, 3, 3, 3)}, {t(2)}, {t(2)}, {t(2)}, {1e-5}, {t(2)}, {t(2)})",
    "fuse_linear_bn_eval({nn.Linear(3, 2).eval()}, {nn.BatchNorm1d(2).eval()})",
    "fuse_linear_bn_weights({t(2, 3)}, {t(2)}, {t(2)}, {t(2)}, {1e-5}, {t(2)}, {t(2)})",
    "remove_spectral_norm({nn.utils.spectral_norm(nn.Linear(3, 2))}, {'weight'})",
    "remove_weight_norm({nn.utils.weight_norm(nn.Linear(3, 2))}, {'weight'})",
    "skip_init({nn.Linear}, {3}, {2})",
    "spectral_norm({nn.Linear(3, 2)}, {'weight'}, {1}, {1e-12}, {0})({t(4, 3)})",
    "parametrizations.spectral_norm({nn.Linear(3, 2)}, {'weight'}, {1}, {1e-12}, {0})({t(4, 3)})",
    "parametrizations.weight_norm({nn.Linear(3, 2)}, {'weight'}, {0})({t(4, 3)})",
    "parametrizations.orthogonal({nn.Linear(3, 2)}, {'weight'}, {None})({t(4, 3)})",
    "parametrize.register_parametrization({nn.Linear(3, 2)}, {'weight'}, {nn.Tanh()})({t(4, 3)})",
    "parametrize.remove_parametrizations({nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))}, {'weight'}, {True})",
    "parametrize.is_parametrized({nn.Linear(3, 2)}, {'weight'})",
    "parametrize.type_before_parametrizations({nn.Linear(3, 2)})",
    "parametrize.transfer_parametrizations_and_params({nn.Linear(3, 2)}, {nn.Linear(3, 2)}, {None})",
    "prune.identity({nn.Linear(3, 2)}, {'weight'})",
    "prune.random_unstructured({nn.Linear(3, 2)}, {'weight'}, {0.5})",
    "prune.l1_unstructured({nn.Linear(3, 2)}, {'weight'}, {2}, {None})",
    "prune.random_structured({nn.Linear(3, 2)}, {'weight'}, {1}, {0})",
    "prune.ln_structured({nn.Linear(3, 2)}, {'weight'}, {1}, {2}, {0}, {None})",
    "prune.global_unstructured([({nn.Linear(3, 2)}, {'weight'})], nn.utils.prune.L1Unstructured, amount={0.5})",
    "prune.custom_from_mask({nn.Linear(3, 2)}, {'weight'}, {t(2, 3, dtype='bool')})",
    "prune.remove({nn.utils.prune.identity(nn.Linear(3, 2), 'weight')}, {'weight'})",
    "prune.is_pruned({nn.Linear(3, 2)})",
    "rnn.pack_padded_sequence({t(4, 3, 5)}, {[4, 2, 1]}, {False}, {True})",
    "rnn.pad_packed_sequence({rnn.pack_sequence([t(3), t(2)])}, {False}, {0.0}, {4})",
    "rnn.pad_sequence([{t(3)}, {t(2)}], {False}, {0.0}, {'right'})",
    "rnn.unpad_sequence({t(4, 3, 5)}, {t(3, dtype='int64')}, {False})",
    "rnn.pack_sequence([{t(3)}, {t(2)}], {True})",
    "rnn.unpack_sequence({rnn.pack_sequence([t(3), t(2)])})",
    "rnn.invert_permutation({t(3, dtype='int64')})",
):
    _pattern(f"utils.{_text.partition('(')[0]}", f"nn.utils.{_text}")
for _text in (
    "uniform_({t(3, 4)}, {0.0}, {1.0})",
    "normal_({t(3, 4)}, {0.0}, {1.0})",
    "constant_({t(3)}, {0.5})",
    "eye_({t(3, 4)})",
    "dirac_({t(3, 2, 3)}, groups={1})",
    "xavier_uniform_({t(3, 4)}, gain={1.0})",
    "kaiming_normal_({t(3, 4)}, a={0.0}, mode={'fan_in'})",
    "orthogonal_({t(3, 4)}, gain={1.0})",
    "ones_({t(3)})",
    "zeros_({t(3)})",
    "calculate_gain({'leaky_relu'}, {0.1})",
    "xavier_normal_({t(3, 4)}, {1.0})",
    "kaiming_uniform_({t(3, 4)}, {0.0}, {'fan_in'}, {'leaky_relu'})",
    "sparse_({t(3, 4)}, {0.5}, std={0.01})",
    "trunc_normal_({t(3, 4)}, {0.0}, {1.0}, {-2.0}, {2.0})",
):
    _pattern(f"init.{_text.partition('(')[0]}", f"init.{_text}")
_pattern(
    "Generator",
    "torch.Generator().manual_seed({5}).get_state()",
    "torch.Generator().set_state({t(5056, dtype='uint8')})",
    "torch.rand({3}, generator=torch.Generator().manual_seed({2**63}))",
)
_pattern("nn.Transformer", "nn.Transformer({8}, {2}, {1}, {1}, dim_feedforward={16})({t(5, 3, 8)}, {t(4, 3, 8)})")
_pattern(
    "nn.TransformerEncoder",
    "nn.TransformerEncoder(nn.TransformerEncoderLayer({8}, {2}, {16}), {2}, enable_nested_tensor=False)({t(5, 3, 8)})",
)
_pattern("storage", "{t(5)}.storage()[{1}]", "{t(5)}.untyped_storage().tolist()[{1}]")
_pattern(
    "autograd.grad",
    "torch.autograd.grad(({t(3, grad=True)} * 2), {t(3, grad=True)}, {t(3)}, allow_unused=True)",
    "(lambda x: torch.autograd.grad(x * x, x, {t(3)}))({t(3, grad=True)})",
)
_pattern(
    "autograd.functional",
    "torch.autograd.functional.jacobian(torch.sin, {t(3)})",
    "torch.autograd.functional.hvp(lambda x: (x ** {2.0}).sum(), {t(3)}, {t(3)})",
)
_pattern(
    "checkpoint",
    "torch.utils.checkpoint.checkpoint_sequential([nn.Tanh(), nn.Tanh()], {2}, {t(3, grad=True)}, use_reentrant=False)",
)
