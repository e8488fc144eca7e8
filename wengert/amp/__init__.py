"""Mixed precision, as far as a CPU has use for it: `autocast` and `GradScaler`.

Everything here is computed in the precision of its tensors. `autocast` is accepted and changes nothing; for the CPU
it says so once (PyTorch would compute in bfloat16 there), for CUDA it warns as PyTorch does without a device.
"""

from . import cuda as cuda
from .contexts import autocast as autocast, is_autocast_available as is_autocast_available
from .scaler import GradScaler as GradScaler
from .switches import custom_bwd as custom_bwd, custom_fwd as custom_fwd
