"""Products of matrices group by group, and of scaled ones: `grouped_mm`, `scaled_mm`."""

from __future__ import annotations

from enum import Enum
from typing import Any

from ...core.dtypes import DType, bfloat16, float32, int32
from ...core.errors import ShapeError
from ...ops import cat, matmul, stack, zeros
from ...tensors.overrides import asking
from ...tensors.tensor import Tensor


class ScalingType(Enum):
    """What each scale of a matrix is for: all of it, a row, or a block of so many rows and columns.

    >>> nn.functional.ScalingType.RowWise.value
    1
    """

    TensorWise = 0
    RowWise = 1
    BlockWise1x16 = 2
    BlockWise1x32 = 3
    BlockWise1x128 = 4
    BlockWise128x128 = 5


class SwizzleType(Enum):
    """How the scales lie in memory: in order, or as a device wants them.

    >>> nn.functional.SwizzleType.NO_SWIZZLE.value
    0
    """

    NO_SWIZZLE = 0
    SWIZZLE_32_4_4 = 1


@asking
def grouped_mm(mat_a: Tensor, mat_b: Tensor, *, offs: Tensor | None = None, bias: Tensor | None = None,
               out_dtype: DType | None = None) -> Tensor:
    """The products of groups of ``mat_a`` with groups of ``mat_b``. ``offs`` (G,), of int32, says where each group ends
    in the dimension that is divided:

    - (M, K) by (G, K, N): rows of ``mat_a``, the result (M, N), zero beyond the last group;
    - (G, M, K) by (K, N): columns of ``mat_b``, the result (M, N);
    - (M, K) by (K, N): the dimension that is summed over, the result (G, M, N).

    (G, M, K) by (G, K, N) are divided already, without ``offs``. Raises RuntimeError for other shapes and offsets.

    >>> x = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> weights = torch.stack([torch.eye(2), 10 * torch.eye(2)])
    >>> nn.functional.grouped_mm(x, weights, offs=torch.tensor([1, 3], dtype=torch.int32))
    tensor([[ 1.,  2.],
            [30., 40.],
            [50., 60.]])
    """
    if bias is not None:
        raise RuntimeError("[grouped_mm] Bias not supported yet")
    ranks = (mat_a.ndim, mat_b.ndim)
    if ranks not in ((2, 2), (2, 3), (3, 2), (3, 3)) or mat_a.shape[-1] != mat_b.shape[-2]:
        raise ShapeError(f"[grouped_mm] contraction dimension of mat_a and mat_b must match, in matrices or groups of "
                         f"them; got {tuple(mat_a.shape)} and {tuple(mat_b.shape)}")
    if (offs is None) != (ranks == (3, 3)):
        raise RuntimeError("[grouped_mm] Have to provide offsets if there is a 2d matrix, or no offset if both "
                           "matrices are 3d")
    if offs is None:
        out = matmul(mat_a, mat_b)
        return out if out_dtype is None else out.to(out_dtype)
    if offs.dtype is not int32:
        raise RuntimeError(f"[grouped_mm] Offsets have to be int32; got {offs.dtype}")
    ends = offs.tolist()
    groups = list(zip([0, *ends], ends, strict=False))
    given = {(2, 3): mat_b.shape[0], (3, 2): mat_a.shape[0]}.get(ranks, len(ends))
    if given != len(ends):
        raise ShapeError(f"[grouped_mm] as many offsets as groups were expected; got {len(ends)} for {given}")
    if ranks == (2, 3):
        parts = [matmul(mat_a[begin:end], mat_b[group]) for group, (begin, end) in enumerate(groups)]
        left = mat_a.shape[0] - (ends[-1] if ends else 0)
        out = cat([*parts, zeros((left, mat_b.shape[-1]), dtype=mat_a.dtype)] if left else parts)
    elif ranks == (3, 2):
        parts = [matmul(mat_a[group], mat_b[:, begin:end]) for group, (begin, end) in enumerate(groups)]
        left = mat_b.shape[1] - (ends[-1] if ends else 0)
        out = cat([*parts, zeros((mat_a.shape[1], left), dtype=mat_a.dtype)] if left else parts, 1)
    else:
        out = stack([matmul(mat_a[:, begin:end], mat_b[begin:end]) for begin, end in groups])
    return out if out_dtype is None else out.to(out_dtype)


def scaled_mm(mat_a: Tensor, mat_b: Tensor, scale_a: Any, scale_recipe_a: Any, scale_b: Any, scale_recipe_b: Any,
              swizzle_a: Any = None, swizzle_b: Any = None, bias: Tensor | None = None,
              output_dtype: DType | None = bfloat16, contraction_dim: Any = (), use_fast_accum: bool = False) -> Tensor:
    """(``mat_a`` scaled) by (``mat_b`` scaled), of float8 or any floating dtype, computed in float32. The scales are
    one number, or with ``ScalingType.RowWise`` one for each row of ``mat_a`` (M, 1) and column of ``mat_b`` (1, N).
    Raises NotImplementedError for blocks, and ShapeError for scales of other shapes.

    >>> x = torch.tensor([[1.0, 2.0]]).to(torch.float8_e4m3fn)
    >>> whole, two = nn.functional.ScalingType.TensorWise, torch.tensor(2.0)
    >>> nn.functional.scaled_mm(x, x.T, two, whole, two, whole)
    tensor([[20.]], dtype=torch.bfloat16)
    """
    for recipe in (scale_recipe_a, scale_recipe_b):
        if (recipe[0] if isinstance(recipe, (list, tuple)) else recipe) not in (ScalingType.TensorWise,
                                                                                 ScalingType.RowWise):
            raise NotImplementedError(f"[scaled_mm] ScalingType.TensorWise or RowWise was expected; got {recipe}; "
                                      "multiply the blocks by their scales first")
    left, right = (each[0] if isinstance(each, (list, tuple)) else each for each in (scale_a, scale_b))
    return _scaled_mm(mat_a, mat_b, left, right, bias, None, output_dtype, use_fast_accum)


def _scaled_mm(input: Tensor, mat2: Tensor, scale_a: Tensor, scale_b: Tensor, bias: Tensor | None = None,
               scale_result: Tensor | None = None, out_dtype: DType | None = None, use_fast_accum: bool = False
               ) -> Tensor:
    """PyTorch's older form of `scaled_mm`: the shapes of the scales say what they are for."""
    rows, columns = input.shape[0], mat2.shape[-1]
    for scale, wanted, name in ((scale_a, (rows, 1), "scale_a"), (scale_b, (1, columns), "scale_b")):
        if scale.numel() != 1 and tuple(scale.shape) != wanted:
            raise ShapeError(f"[scaled_mm] one number or a shape of {wanted} was expected for {name}; got "
                             f"{tuple(scale.shape)}")
    out = matmul(input.to(float32), mat2.to(float32)) * (scale_a.to(float32) * scale_b.to(float32))
    if bias is not None:
        out = out + bias.to(float32)
    if scale_result is not None:
        out = out * scale_result
    return out.to(input.dtype if out_dtype is None else out_dtype)

