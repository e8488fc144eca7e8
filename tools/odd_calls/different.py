"""What differs from PyTorch on purpose: where PyTorch crashes, gives nonsense, or says what only it can mean."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import NamedTuple


class Different(NamedTuple):
    """Patterns, as of file names, of a case's name, of what is odd, of the kind of difference, and of its message."""

    name: str
    odd: str
    kind: str
    message: str
    why: str


_NORMS = "F.*_norm nn.*Norm* nn.Transformer*"
_MATRICES = "linalg.qr torch.qr torch.geqrf linalg.solve* linalg.inv* torch.inverse linalg.lstsq linalg.lu* " \
            "torch.lu* linalg.cholesky_ex linalg.ldl* torch.ormqr torch.orgqr linalg.householder_product " \
            "torch.triangular_solve torch.cholesky_inverse linalg.matrix_power linalg.matrix_exp " \
            "linalg.det linalg.slogdet torch.slogdet torch.logdet linalg.tensor*"
_SINGULAR = _MATRICES + " linalg.eig* linalg.svd* torch.svd* linalg.cond linalg.matrix_norm linalg.norm torch.norm " \
            "p.abs linalg.pinv torch.lobpcg"
_SHRINKS = "F.relu6 F.hardtanh F.hardshrink F.softshrink F.hardswish F.elu F.celu F.selu torch.selu torch.celu " \
           "nn.ReLU6 nn.Hardtanh nn.Hardshrink nn.Softshrink nn.Hardswish nn.ELU nn.CELU nn.SELU"

DIFFERENT = tuple(Different(name, odd, kind, message, why) for names, odd, kind, message, why in (
    ("*", "*9223372036854775808*", "class *", "*", "a number of 65 bits is an error, of one class or the other"),
    (_SHRINKS, "*nan*", "gradient", "*",
     "at NaN PyTorch's vector code gives another gradient than its code for single elements"),
    (_NORMS, "huge", "values", "*nan expected*",
     "a variance that overflows is infinite, so that what is divided by it is 0; in PyTorch it is NaN"),
    (_NORMS, "huge", "gradient", "*",
     "a variance that overflows is infinite, so that what is divided by it is 0; in PyTorch it is NaN"),
    *[("F.group_norm F.batch_norm F.instance_norm", odd, "values", "*",
       "PyTorch folds weight and statistics into one factor, so that infinities and huge numbers cancel to NaN or "
       "noise") for odd in ("one *inf", "huge", "1e-45")],
    ("F.group_norm", "0*", "gradient", "*", "of a variance of 0 PyTorch's gradient is infinite where it is NaN here"),
    ("F.group_norm", "None", "backward: taken RuntimeError", "*", "PyTorch's backward wants a weight, for no reason"),
    ("F.batch_norm F.instance_norm", "unsqueeze*", "backward: taken RuntimeError", "*",
     "weights of a further dimension of 1 are taken by PyTorch and then fail in backward"),
    ("F.instance_norm", "size0@0", "taken IndexError", "*",
     "an empty batch is an empty batch; PyTorch reads beyond it"),
    ("F.conv_tbc", "*", "refused *", "*",
     "PyTorch converts a bias of another dtype in silence, and takes kernels and padding of no size or a negative one"),
    ("F.conv_tbc", "*", "taken RuntimeError", "*view size*", "PyTorch refuses strided inputs"),
    ("F.conv_tbc", "*", "values", "* nan came*", "padding meets the weight, as in every convolution"),
    ("F.threshold_", "expanded", "refused RuntimeError", "*", "PyTorch writes one memory through many elements"),
    ("F.linear F.conv1d F.conv2d F.conv3d", "numpy", "taken TypeError", "*",
     "a bias that is an array is added; asking of each call would cost all of them"),
    ("F.huber_loss nn.HuberLoss", "*", "backward: taken RuntimeError", "*",
     "PyTorch has no derivative for a target of another dtype"),
    ("F.soft_margin_loss nn.SoftMarginLoss", "bool", "backward: taken RuntimeError", "*",
     "PyTorch has no derivative for a target of another dtype"),
    ("F.embedding_bag nn.EmbeddingBag", "one nan", "values", "*",
     "the largest of numbers with NaN is NaN; in PyTorch by their order"),
    ("F.embedding_bag nn.EmbeddingBag", "more@0", "refused RuntimeError", "*",
     "PyTorch takes offsets that decrease, and reads on"),
    ("F.pdist", "*", "gradient", "*", "where several differences are largest, their shares add up to 1"),
    ("F.fractional_max_pool* nn.FractionalMaxPool*", "*", "refused *", "*",
     "windows of no size give -inf in PyTorch, and an empty batch channels of nothing"),
    ("F.cross_entropy nn.CrossEntropyLoss nn.LinearCrossEntropyLoss", "*", "refused RuntimeError", "*label_smoothing*",
     "PyTorch ignores a smoothing that is negative or NaN"),
    ("F.scaled_dot_product_attention", "*", "refused RuntimeError", "*",
     "PyTorch reads beyond keys and values that do not fit"),
    ("F.scaled_dot_product_attention", "*", "values", "values: 0.0 expected*nan came*",
     "PyTorch gives 0 where the scores are NaN"),
    ("F.interpolate nn.Upsample", "one *", "values", "*", "an element of weight 0 has no say, be it NaN"),
    ("F.soft_margin_loss nn.SoftMarginLoss", "uint8", "gradient", "*", "PyTorch negates the target's bytes"),
    ("nn.LazyInstanceNorm*", "first", "taken ValueError", "*", "an input without a batch has its channels first"),
    ("nn.LazyInstanceNorm*", "size0@*", "taken IndexError", "*", "an empty batch is an empty batch"),
    ("nn.LazyConv*", "size0@1", "shape", "*", "PyTorch makes a layer of no outputs for an input of no channels"),
    ("nn.*", "*", "another thing", "*", "numbers of numpy's, and tensors, are shown as the numbers that they are"),
    ("scheduler.*", "*", "class KeyError -> TypeError", "*", "a last_epoch of another type is said to be that"),
    ("scheduler.*", "*", "refused *", "*", "what is no real number makes no schedule"),
    ("scheduler.*", "*", "gradient", "*", "rates are numbers and not on the tape"),
    ("scheduler.*", "*", "backward: taken RuntimeError", "*", "rates are numbers and not on the tape"),
    ("optim.*", "*float16", "values", "*", "half precision moves in float32, and is rounded once"),
    ("optim.Muon", "*", "values", "*", "products in bfloat16, rounded in another order"),
    *[("optim.*", odd, "values", "*", "with settings such as 1e30 it depends on the order of the operations what "
       "overflows") for odd in ("1e+30", "inf", "-inf")],
    ("optim.*", "tensor*", "taken TypeError", "*", "a setting that is a tensor of one element is a number"),
    ("optim.*", "True", "taken RuntimeError", "*", "True is 1"),
    ("optim.get_*", "*", "taken *", "*", "averages of other dtypes are converted"),
    ("utils.rnn.unpad_sequence", "*", "taken RuntimeError", "*", "PyTorch transposes its argument in place"),
    ("utils.rnn.invert_permutation", "*", "values", "*", "PyTorch leaves places of no permutation unwritten"),
    ("init.sparse_ init.trunc_normal_", "*", "refused ValueError", "*",
     "a share above 1 or below 0, a standard deviation below 0, and bounds out of reach are mistakes"),
    ("F.ctc_loss nn.CTCLoss", "*", "gradient", "*",
     "PyTorch's is no derivative but behind a log_softmax: it has a multiple of the probabilities more"),
    ("F.grid_sample", "one*inf", "gradient", "*", "infinity times a weight of 0 is NaN"),
    ("torch.igamma torch.igammac special.gammainc special.gammaincc D.Gamma D.Chi2 D.InverseGamma", "*",
     "backward: taken *", "*igamma*", "PyTorch has no derivative by the first argument; docs/distributions.md"),
    ("linalg.cond torch.vander linalg.vander D.Wishart", "*", "backward: taken RuntimeError",
     "*modified by an inplace*", "PyTorch writes over what its own backward needs"),
    ("fft.*", "*", "taken RuntimeError", "*MKL FFT error*", "of nothing there is nothing"),
    ("fft.ihfftn", "*", "*", "*", "PyTorch leaves out= as it was where there is one dimension"),
    ("torch.remainder Tensor*", "*", "backward: taken RuntimeError", "*aten::remainder*",
     "PyTorch has no derivative where a number is divided"),
    ("torch.scatter*", "*", "backward: taken RuntimeError", "*", "PyTorch's gradient has the shape of the index"),
    ("torch.index_reduce torch.scatter_reduce", "one*", "gradient", "*", "so is that of a mean of NaN or infinity"),
    ("linalg.* torch.*", "tiny", "values", "*",
     "numbers below the normal ones are computed with; MKL takes them for 0"),
    ("linalg.cholesky* torch.cholesky D.LowRankMultivariateNormal", "*inf", "taken RuntimeError", "*",
     "of an infinite pivot OpenBLAS makes a row of 0, and MKL one of NaN"),
    ("linalg.lstsq", "*nan*", "taken RuntimeError", "*INTERNAL ASSERT*", "PyTorch's words for a fault of its own"),
    ("linalg.lstsq linalg.solve", "unsqueeze0", "refused RuntimeError", "*",
     "PyTorch broadcasts the sizes of a vector as those of batches"),
    ("torch.lu_unpack", "*", "refused RuntimeError", "*",
     "PyTorch reads pivots of other batches as they lie in memory"),
    ("linalg.eig* linalg.eigvals", "one*inf", "refused RuntimeError", "*",
     "PyTorch hands infinities to MKL, which complains"),
    ("torch.poisson D.Poisson D.NegativeBinomial", "*", "*", "*", "rates without a distribution; PyTorch gives -2**63"),
    ("D.RelaxedBernoulli D.RelaxedOneHotCategorical", "*", "another thing", "PyTorch raises *",
     "a temperature that is a number has no .log() in PyTorch"),
    ("D.Kumaraswamy D.GeneralizedPareto", "*", "*", "*nan expected*", "PyTorch's mode and cdf are NaN by its formula"),
    ("func.jacfwd func.hessian func.jvp", "expanded", "taken RuntimeError", "*",
     "an input is read, and not written to"),
    ("func.jacfwd", "-*", "values", "*", "an argument counted from the end; PyTorch gives 0"),
    ("fft.*", "huge", "values", "*", "what huge numbers leave where they cancel depends on the order of the sums"),
    *[("F.conv* nn.Conv* nn.LazyConv*", "huge", kind, "*",
       "what huge numbers leave where they cancel depends on the order of the sums") for kind in
      ("values", "gradient")],
    *[("nn.InstanceNorm* nn.LazyInstanceNorm* nn.Transformer", odd, "gradient", "*",
       "where a variance is 0 its eps divides, which magnifies what rounding leaves") for odd in
      ("zeros", "ones", "tiny")],
    *[("nn.LazyLinear", odd, "values", "*", "PyTorch leaves a bias of a layer without inputs unwritten") for odd in
      ("empty", "size0@1")],
    ("F.gelu nn.GELU", "one inf", "values", "values: nan expected*", "of infinity PyTorch's vector code makes NaN"),
    ("F.max_unpool* nn.MaxUnpool* nn.NLLLoss2d", "noncontig", "backward: taken RuntimeError", "*",
     "PyTorch's backward wants contiguous operands"),
    ("rnn.pad_packed_sequence rnn.unpack_sequence", "*", "refused RuntimeError", "*batch sizes that never grow*",
     "PyTorch takes batch sizes that the data have not, and reads beyond these"),
    ("rnn.pack_padded_sequence utils.rnn.pack_padded_sequence", "*", "refused RuntimeError", "*the padded length*",
     "PyTorch takes lengths beyond the padded one, and gives fewer steps than it says"),
    ("D.LKJCholesky", "*", "values", "*", "the last element is what rounding leaves of 1 less the sum of squares"),
    ("D.LogisticNormal", "*", "gradient", "*", "the way back from the simplex loses digits, which a scale magnifies"),
    *[(name, "*", "values", f"values: *{wanted} expected*nan came*",
       "a draw of no distribution is NaN; PyTorch's clamp makes a number of it") for name, wanted in
      (("D.Gamma D.Chi2", "e-38"), ("D.Beta D.Dirichlet", ""))],
    ("*", "numpy*", "taken TypeError", "*numpy.bool*", "numpy's truth values are flags"),
    ("torch.empty* torch.Tensor.set_ Tensor.set_ Tensor.resize_ Tensor.resize_as_", "*", "values", "*",
     "memory that nobody has written to"),
    ("torch.Tensor.set_ Tensor.set_", "*", "refused NotImplementedError", "*",
     "PyTorch reads memory of another dtype as its own"),
    ("Tensor.logical_*_", "*", "refused RuntimeError", "*leaf Variable*",
     "PyTorch writes into a leaf that requires a gradient"),
    ("torch.bernoulli", "*", "backward: taken RuntimeError", "*aten::bernoulli*",
     "PyTorch has no derivative where it draws by a number"),
    *[("torch.topk torch.kthvalue", odd, "values", "*", "any of several equal elements may be found, in any order")
      for odd in ("int*", "uint8", "zeros", "ones", "nan", "more@1", "False")],
    ("torch.polar", "*", "gradient", "*",
     "PyTorch's derivative by the modulus is by the sign of the result, which is another where it is not positive"),
    ("torch.block_diag", "*", "gradient", "*", "PyTorch's backward leaves out the row of an empty matrix"),
    ("torch.cross linalg.cross", "huge", "values", "*", "products that cancel leave what their rounding left"),
    ("torch.prod", "one *", "gradient", "*nan expected*",
     "the derivative by an element is the product of the others; PyTorch divides by it"),
    ("torch.scatter_reduce", "size1@*", "gradient", "*", "an element that is not read has no gradient"),
    ("torch.std_mean torch.var_mean", "one *inf", "values", "*nan expected*",
     "a mean with an infinity is infinite; in PyTorch it is NaN"),
    ("torch.std torch.var torch.std_mean torch.var_mean", "()", "gradient", "*",
     "PyTorch's backward counts no element where all dimensions are reduced by an empty tuple"),
    ("torch.trapezoid", "*inf", "*", "*nan expected*",
     "trapezoids are added up; PyTorch takes half of the ends away from the sum"),
    *[("torch.sinc torch.cumsum torch.prod torch.corrcoef", odd, "gradient", "*",
       "half precision is computed with in float32, and is rounded once") for odd in ("float16", "bfloat16")],
    ("torch.atan2 torch.arctan2", "uint8", "gradient", "*", "PyTorch negates bytes"),
    ("torch.*", "bool", "backward: taken RuntimeError", "*bool tensor*", "PyTorch's backward subtracts truth values"),
    ("torch.*", "complex*", "backward: taken RuntimeError", "*isFloatingType(grad*",
     "PyTorch's words for a fault of its own"),
    ("*", "*", "*taken RuntimeError", "*INTERNAL ASSERT*", "PyTorch's words for a fault of its own"),
    ("*", "*9223372036854775808*", "backward: taken RuntimeError", "*int64_t without overflow*",
     "PyTorch's backward reads a factor that is no int64 as one"),
    ("torch.addcdiv", "*", "backward: taken RuntimeError", "*can't be cast*",
     "PyTorch's backward divides integers in place"),
    ("torch.addr", "*", "backward: taken RuntimeError", "*same dtype*", "PyTorch's backward takes one dtype alone"),
    ("torch.dist", "*", "backward: taken RuntimeError", "*undefined Tensor*", "PyTorch's words for a fault of its own"),
    ("torch.searchsorted torch.bucketize", "*nan", "values", "*", "boundaries with NaN are not in order"),
    *[(_MATRICES, odd, kind, "*",
       "what comes of NaN, infinities and overflow depends on the order of operations, which LAPACK's makers choose")
      for odd in ("nan", "one *", "huge") for kind in ("values", "gradient")],
    *[(_SINGULAR, odd, kind, "*",
       "of a matrix that is singular, vectors and derivatives are not determined, and 0/0 and 1/0 are rounding")
      for odd in ("ones", "zeros", "expanded", "more@*", "tiny") for kind in ("values", "gradient")],
    *[("linalg.matrix_exp torch.matrix_exp", odd, "values", "*inf expected*",
       "PyTorch's series overflows in half precision") for odd in ("float16", "bfloat16")],
    ("linalg.cond", "*", "values", "*inf expected*nan came*", "the condition of NaN is NaN"),
    ("linalg.cholesky* torch.cholesky torch.lobpcg", "tiny", "*taken RuntimeError", "*",
     "numbers below the normal ones are computed with; MKL takes them for 0"),
) for name in names.split())


def reason(name: str, odd: str, kind: str, message: str) -> str | None:
    """Why a difference is meant, or None."""
    for each in DIFFERENT:
        asked = zip((name, odd, kind, message), each, strict=False)
        if all(fnmatchcase(text, wanted) for text, wanted in asked):
            return each.why
    return None
