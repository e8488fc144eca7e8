"""Under which words PyTorch's nodes show what they have saved, by the names of their classes, and where it stands here.

Facts of PyTorch's ``derivatives.yaml``, read off its nodes. The one idea to know: a word stands at a place. ``0`` is an
operand, ``out`` the result and ``out.1`` one of several, ``.limit`` a parameter, ``shape.0`` the shape of an operand,
``=1`` that number, ``!name`` one of the functions below; a word alone stands where its role says. Nothing is kept for
being shown: words of values that backward does not read here are not there, and dimensions count from 0.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import prod
from typing import Any

import numpy as np

RESULTS = ("result", "output", "out")
ROLES = {"self": 0, "input": 0, "condition": 0, "mat1": 0, "other": 1, "exponent": 1, "mat2": 1, "weight": 1, "end": 1,
         "tensor1": 1, "tensor2": 2, "bias": 2}
"""At which operand's place PyTorch's word for a saved value stands."""

_CLASSES = """
self: Abs Acos Acosh Angle Asin Asinh Atan Atanh Cos Cosh Digamma Erf Erfc Erfinv Hardsigmoid Hardswish I0 Lgamma
self: LinalgMatrixExp Log Log10 Log1P Log2 LogSigmoid Mish NanToNum Sgn Silu Sin Sinc Sinh SpecialEntr SpecialLogNdtr
result: Exp Exp2 Expm1 Reciprocal Relu Rsqrt Sigmoid SpecialNdtri Sqrt Tan Tanh
self result: Copysign LinalgPinv Max1 Median Min1 Nanmedian SpecialErfcx SpecialI0E SpecialI1 SpecialI1E
self other: Atan2 Fmax Fmin Logaddexp Logaddexp2 Maximum Minimum Nextafter SpecialXlog1Py Vdot Xlogy
self=!number.0 other=!number.1: Div Mul
self other result: Hypot
self: PreluKernel
self exponent: Pow
self exponent result: Pow1
tensor1 tensor2 value: Addcdiv Addcmul
alpha==1: Add Rsub Sub
self mat2: Bmm
self mat2 self_sym_sizes self_sym_strides=!strides.0 mat2_sym_sizes=shape.1 mat2_sym_strides=!strides.1: Mm
mat1=1 mat2=2 mat1_sym_sizes=shape.1 mat2_sym_sizes=shape.2 mat1_sym_strides=!strides.1 mat2_sym_strides=!strides.2 \
alpha beta: Addmm/addmm
mat1=0 mat1_sym_sizes=shape.0 alpha==1 beta==1: Addmm/linear
mat=1 vec=2 alpha beta: Addmv/addmm
batch1=1 batch2=2 alpha beta: Baddbmm/addmm
self tensor=1: Dot
self vec=1: Mv
weight=2: Lerp
condition: Where
mask=1: MaskedFill MaskedSelect
self n: Polygamma
self=0 max=.high min=.low: Clamp1
self=0 max_val=.high min_val=.low: Hardtanh
self=0 threshold=.limit: Threshold
self=0 lambd=.limit: Hardshrink Softshrink
self alpha scale=!scale input_scale=!input_scale: Elu
self approximate=!approximate: Gelu
self negative_slope: LeakyRelu
self beta threshold: Softplus
self eps: Logit
self=0 target=1 reduction=!reduction: MseLoss
self=0 target=1 reduction=!reduction beta: SmoothL1Loss
self=0 target=1 reduction=!reduction delta: HuberLoss
self=0 target=1 reduction=!reduction: BinaryCrossEntropy BinaryCrossEntropyWithLogits
target=1 reduction=!reduction ignore_index: NllLoss
self result dim keepdim: Amax Amin Logsumexp
self result dim keepdim ord: LinalgVectorNorm
self_sym_sizes dim keepdim: Sum1
self_sym_sizes: Expand Squeeze Sum View
self_sym_sizes self_sym_numel=!numel: Mean
self_sym_sizes self_sym_numel=!numel dim keepdim: Mean1
self: Prod
self dim=!only_dim keepdim: Prod1
self result dim=!dims keepdim correction: Std
self result0=out.0 dim keepdim correction: StdMean
self dim=!dims keepdim correction: Var
self dim keepdim correction: VarMean
indices=out.1 dim keepdim self_sym_sizes: Max Median1 Min Mode Nanmedian1
indices=out.1 dim self_sym_sizes: Sort Topk
indices=out.1 dim: Cummax Cummin
self result dim: Cumprod
dim: Cat Cumsum Stack Unbind
result dim: LogSoftmax Logcumsumexp Softmax
dim self_sym_sizes split_size=!split_size: Split
dim self_sym_sizes split_sizes=.sizes: SplitWithSizes
dim index=1 sparse_grad==0: Gather
dim index=1: Scatter ScatterAdd
self result src=2 index=1 dim reduce include_self: ScatterReduce
indices=!indices self_sym_sizes: Index
indices=!indices accumulate: IndexPut
dim=!indexed_dim index=1 self_sym_sizes: IndexSelect
dim=!indexed_dim index=2: IndexAdd IndexCopy IndexFill
index=1: Take
dims: Flip Permute
dims shifts: Roll
dim0=!exchanged.0 dim1=!exchanged.1: Transpose
dim=!placed self_sym_sizes: Squeeze1
dim=!left_out self_sym_sizes: Squeeze2
dim=!placed: Unsqueeze
dim=!selected.0 index=!selected.1 self_sym_sizes: Select
dim=!sliced.0 start=!sliced.1 end=!sliced.2 step=!sliced.3 self_sym_sizes: Slice
offset dim1 dim2 self_sym_sizes: Diagonal
diagonal: Tril Triu
size stride storage_offset=.offset: AsStrided
dimension size step self_sym_sizes: Unfold
pad=!padding: ConstantPadNd
dim normalization=!forward_norm: FftR2C
dim normalization=!backward_norm: FftC2R
dim normalization=!norm forward=!is_forward: FftC2C
input weight stride padding dilation groups transposed=!transposed output_padding=!output_padding \
bias_sym_sizes_opt=!bias_sizes: Convolution
self kernel_size=.size stride padding dilation ceil_mode=.ceil: MaxPool2DWithIndices MaxPool3DWithIndices
kernel_size=.size stride padding dilation self_sym_argsize_minus_1=!size.-1 self_sym_argsize_minus_2=!size.-2: Im2Col
input normalized_shape=!normalized: NativeLayerNorm/normalize
input grid=1: GridSampler2D/grid_sample GridSampler3D/grid_sample
input eps training==1: NativeBatchNorm/normalize
A=0: LinalgDet
A=0 sign=out.0: LinalgSlogdet
L=out upper: LinalgCholeskyEx
input2=1 result upper: CholeskySolve
inverse=out: LinalgInvEx
LU=out.0 pivots=out.1 pivot==1: LinalgLuFactorEx
Q=out.0 R=out.1 mode: LinalgQr
U=out.0 S=out.1 Vh=out.2 full_matrices=.full S_sym_argsize_minus_1=!singular: LinalgSvd
eigenvalues=out.0 eigenvectors=out.1: LinalgEig LinalgEigh
self result upper unitriangular=.unit left==1: LinalgSolveTriangular
p=.ord result: Cdist
"""


@cache
def classes() -> dict[str, dict[str, dict[str, str]]]:
    """By the class's name, and by the primitive that has the words so (``""`` for all), the words and their places."""
    found: dict[str, dict[str, dict[str, str]]] = {name: {} for name in _COMPOSED}
    for line in _CLASSES.replace("\\\n", "").strip().splitlines():
        words, _, names = line.partition(": ")
        places = {word: place for word, _, place in (word.partition("=") for word in words.split())}
        for name in names.split():
            name, _, primitive = name.partition("/")
            full = f"{name[:-1]}Backward1" if name in _SECOND else f"{name[:-1]}Backward2" if name == "Squeeze2" \
                else f"{name}Backward0"
            found.setdefault(full, {})[primitive] = places
    return found


_SECOND = ("Max1", "Min1", "Pow1", "Clamp1", "Sum1", "Mean1", "Prod1", "Median1", "Nanmedian1", "Squeeze1")
_COMPOSED = ("UnsafeViewBackward0", "EmbeddingBackward0")
"""Classes whose nodes here are the last of several, and have saved what PyTorch's have not."""
_REDUCTIONS = ("none", "mean", "sum")
_FORWARD_NORMS, _BACKWARD_NORMS = ("backward", "ortho", "forward"), ("forward", "ortho", "backward")


def words_of(node: Any) -> dict[str, str] | None:
    """The words of a node, and where each stands; None for a node that is not in the table."""
    words = classes().get(node.name())
    return None if words is None else words.get(node.primitive.name, words.get("", {}))


def _new_place(node: Any) -> int:
    """The dimension by which one of two shapes has one more than the other."""
    shorter, longer = sorted((node.shape, node.saved[-1][0]), key=len)
    return next((i for i, (a, b) in enumerate(zip(shorter, longer, strict=False)) if a != b), len(shorter))


def _left_out(node: Any) -> tuple[int, ...]:
    given, kept, found = node.saved[-1][0], list(node.shape), []
    for i, size in enumerate(given):
        if kept and kept[0] == size and len(given) - i >= len(kept) + (size == 1 and len(given) - i > len(kept)):
            kept.pop(0)
        else:
            found.append(i)
    return tuple(found)


def _exchanged(node: Any) -> tuple[int, ...]:
    return tuple([i for i, dim in enumerate(node.params["dims"]) if i != dim]) or (0, 0)


def _selected(node: Any, which: int) -> int | None:
    """Dimension and position where one position was selected."""
    numbers = [(i, place) for i, place in enumerate(node.params["index"]) if not isinstance(place, slice)]
    return numbers[0][which] if len(numbers) == 1 else None


def _sliced(node: Any, which: int) -> int | None:
    """Dimension, start, end and step where one dimension was sliced."""
    slices = [(i, *place.indices(node.saved[-1][0][i])) for i, place in enumerate(node.params["index"])
              if place != slice(None)]
    return slices[0][which] if len(slices) == 1 else None


def _padding(node: Any) -> tuple[int, ...]:
    """The widths from the last dimension on, as far as there are any."""
    widths = [width for pair in reversed(node.params["widths"]) for width in pair]
    while len(widths) > 2 and not (widths[-1] or widths[-2]):
        del widths[-2:]
    return tuple(widths)


def _strides(node: Any, place: int) -> tuple[int, ...] | None:
    value = node.saved[place]
    if type(value) is not np.ndarray or not value.size:
        return None
    return tuple([stride // value.itemsize for stride in value.strides])


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "reduction": lambda node: _REDUCTIONS.index(node.params["reduction"]),
    "approximate": lambda node: "tanh" if "tanh" in node.primitive.name else "none",
    "scale": lambda node: node.params.get("scale", 1), "input_scale": lambda node: node.params.get("input_scale", 1),
    "numel": lambda node: prod(node.saved[-1][0]),
    "dims": lambda node: None if node.params.get("whole") else node.params["dim"],
    "only_dim": lambda node: node.params["dim"][0],
    "split_size": lambda node: node.params["sizes"][0], "indexed_dim": lambda node: len(node.params["places"]) - 1,
    "exchanged": lambda node, which: _exchanged(node)[which], "placed": _new_place, "left_out": _left_out,
    "selected": _selected, "sliced": _sliced, "padding": _padding, "strides": _strides,
    "forward_norm": lambda node: _FORWARD_NORMS.index(node.params["norm"]),
    "backward_norm": lambda node: _BACKWARD_NORMS.index(node.params["norm"]),
    "norm": lambda node: (_BACKWARD_NORMS if node.params["inverse"] else _FORWARD_NORMS).index(node.params["norm"]),
    "is_forward": lambda node: not node.params["inverse"],
    "transposed": lambda node: node.params.get("transposed", False),
    "output_padding": lambda node: (node.params.get("extra") if node.params.get("transposed") else None)
    or (0,) * len(node.params["stride"]),
    "bias_sizes": lambda node: node.saved[-1][2] if len(node.edges) > 2 else (0,),
    "size": lambda node, which: node.saved[-1][0][which],
    "normalized": lambda node: tuple([node.saved[-1][0][dim] for dim in node.params["dim"]]),
    "singular": lambda node: node.shape[1][-1],
}


def computed(node: Any, source: str) -> Any:
    """What one of the functions says of a node: ``name`` or ``name.number``."""
    name, _, which = source.partition(".")
    return _FUNCTIONS[name](node, int(which)) if which else _FUNCTIONS[name](node)
