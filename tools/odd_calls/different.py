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


DIFFERENT = tuple(Different(name, odd, kind, message, why) for names, odd, kind, message, why in (
    ("F.relu6 F.hardtanh F.hardshrink F.softshrink F.hardswish F.elu F.celu F.selu", "*nan*", "gradient", "*",
     "at NaN PyTorch's vector code gives another gradient than its code for single elements"),
    ("F.group_norm F.batch_norm F.instance_norm", "*", "values", "*",
     "PyTorch folds weight and statistics into one factor, so that infinities and huge numbers cancel to NaN or noise"),
    ("F.group_norm", "0*", "gradient", "*", "so too: of variance 0, divided by"),
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
    ("F.huber_loss", "*", "backward: taken RuntimeError", "*",
     "PyTorch has no derivative for a target of another dtype"),
    ("F.soft_margin_loss", "bool", "backward: taken RuntimeError", "*", "so too"),
    ("F.embedding_bag", "one nan", "values", "*", "the largest of numbers with NaN is NaN; in PyTorch by their order"),
    ("F.embedding_bag", "more@0", "refused RuntimeError", "*", "PyTorch takes offsets that decrease, and reads on"),
    ("F.pdist", "*", "gradient", "*", "where several differences are largest, their shares add up to 1"),
    ("F.fractional_max_pool*", "*", "refused *", "*",
     "windows of no size give -inf in PyTorch, and an empty batch channels of nothing"),
    ("F.cross_entropy", "*", "refused RuntimeError", "*label_smoothing must be between*",
     "PyTorch ignores a smoothing that is negative or NaN"),
    ("F.scaled_dot_product_attention", "*", "refused RuntimeError", "*",
     "PyTorch reads beyond keys and values that do not fit"),
    ("F.scaled_dot_product_attention", "*", "values", "values: 0.0 expected*nan came*",
     "PyTorch gives 0 where the scores are NaN"),
    ("F.grid_sample", "one*inf", "gradient", "*", "infinity times a weight of 0 is NaN"),
) for name in names.split())


def reason(name: str, odd: str, kind: str, message: str) -> str | None:
    """Why a difference is meant, or None."""
    for each in DIFFERENT:
        asked = zip((name, odd, kind, message), each, strict=False)
        if all(fnmatchcase(text, wanted) for text, wanted in asked):
            return each.why
    return None
