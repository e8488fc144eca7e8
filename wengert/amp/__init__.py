"""Mixed precision: `autocast` and `GradScaler`.

`autocast` computes on the CPU what PyTorch computes in bfloat16 or float16 there, in the same precision and with
results of the same dtypes; there is no other device, and for CUDA it warns as PyTorch does without one.
"""

from . import cuda as cuda
from .contexts import autocast as autocast, is_autocast_available as is_autocast_available
from .scaler import GradScaler as GradScaler
from .switches import custom_bwd as custom_bwd, custom_fwd as custom_fwd
