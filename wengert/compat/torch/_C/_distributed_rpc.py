"""``torch._C._distributed_rpc``: calls to other processes, which are not in wengert."""

from __future__ import annotations

from ...._missing import answers
from ...hollows import fill

_is_current_rpc_agent_set = answers(False, "False: there are no agents for remote calls.")
fill(vars(), classes="RpcBackendOptions WorkerInfo TensorPipeAgent", functions="_get_current_rpc_agent")
