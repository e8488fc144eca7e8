"""Tools for training: clipping gradients, parameters as vectors, sequences of unequal length (`rnn`), weights computed
from others (`parametrize`, `parametrizations`), weights left out (`prune`)."""

from ..._public import publish as _publish
from . import (
    _per_sample_grad as _per_sample_grad, clip_grad as clip_grad, convert_parameters as convert_parameters,
    parametrizations as parametrizations, parametrize as parametrize, prune as prune, rnn as rnn,
    stateless as stateless,
)
from .clipping import (
    clip_grad_norm as clip_grad_norm, clip_grad_norm_ as clip_grad_norm_, clip_grad_value_ as clip_grad_value_,
    clip_grads_with_norm_ as clip_grads_with_norm_, get_total_norm as get_total_norm,
    parameters_to_vector as parameters_to_vector, vector_to_parameters as vector_to_parameters,
)
from .fusion import (
    fuse_conv_bn_eval as fuse_conv_bn_eval, fuse_conv_bn_weights as fuse_conv_bn_weights,
    fuse_linear_bn_eval as fuse_linear_bn_eval, fuse_linear_bn_weights as fuse_linear_bn_weights,
)
from .init import skip_init as skip_init
from .memory_format import (
    convert_conv2d_weight_memory_format as convert_conv2d_weight_memory_format,
    convert_conv3d_weight_memory_format as convert_conv3d_weight_memory_format,
)
from .spectral_norm import remove_spectral_norm as remove_spectral_norm, spectral_norm as spectral_norm
from .weight_norm import remove_weight_norm as remove_weight_norm, weight_norm as weight_norm

_publish(__name__, "_per_sample_grad clip_grad convert_parameters parametrizations parametrize prune rnn stateless")
