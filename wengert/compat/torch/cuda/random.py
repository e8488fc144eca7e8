"""``torch.cuda.random``: there is no device whose generator it would be about."""

from __future__ import annotations

from ....cuda import (
    get_rng_state as get_rng_state,
)
from ....cuda import (
    get_rng_state_all as get_rng_state_all,
)
from ....cuda import (
    manual_seed as manual_seed,
)
from ....cuda import (
    manual_seed_all as manual_seed_all,
)
from ....cuda import (
    seed as seed,
)
from ....cuda import (
    seed_all as seed_all,
)
from ....cuda import (
    set_rng_state as set_rng_state,
)
from ....cuda import (
    set_rng_state_all as set_rng_state_all,
)
