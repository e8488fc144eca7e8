"""``torch.distributed.distributed_c10d``: names alone."""

from __future__ import annotations

from ..hollows import fill

fill(vars(), classes="ProcessGroup Store", functions="_get_default_group _rank_not_in_group")
