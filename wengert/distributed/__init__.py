"""``torch.distributed``: several processes, on one machine or on several, by MPI (the extra ``wengert[distributed]``).

The floors inside, from the ground: ``channel`` and ``server`` (the process that holds the ranks together), ``watch``
(who failed), ``world`` (MPI), ``groups`` (how a collective runs), ``transport`` (arrays), ``collectives``,
``coalesced``, ``objects``, ``messages`` and ``group_calls`` (tensors), ``store``, ``environment``, ``debugging`` and
``rendezvous`` (how the ranks find each other), ``subgroups`` and ``device_mesh`` (some of them), ``algorithms``,
``parallel``, ``reducer``, ``zero`` and ``local_sgd`` (training), ``plan``, ``output`` and ``run`` (the launcher).
`docs/distributed.md` says how to use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._public import publish as _publish
from .collectives import (
    all_gather as all_gather, all_gather_into_tensor as all_gather_into_tensor, all_reduce as all_reduce,
    all_to_all as all_to_all, all_to_all_single as all_to_all_single, barrier as barrier, broadcast as broadcast,
    gather as gather, monitored_barrier as monitored_barrier, reduce as reduce, reduce_scatter as reduce_scatter,
    reduce_scatter_tensor as reduce_scatter_tensor, scatter as scatter,
)
from .coalesced import (
    _all_gather_base as _all_gather_base, _coalescing_manager as _coalescing_manager,
    _reduce_scatter_base as _reduce_scatter_base, all_gather_coalesced as all_gather_coalesced,
    all_gather_single as all_gather_single, all_reduce_coalesced as all_reduce_coalesced,
    reduce_scatter_single as reduce_scatter_single,
)
from .debugging import (
    DebugLevel as DebugLevel, get_debug_level as get_debug_level, set_debug_level as set_debug_level,
    set_debug_level_from_env as set_debug_level_from_env,
)
from .groups import ProcessGroup as ProcessGroup
from . import group_calls as group_calls
from .messages import (
    P2POp as P2POp, batch_isend_irecv as batch_isend_irecv, irecv as irecv, isend as isend, recv as recv, send as send,
)
from .objects import (
    all_gather_object as all_gather_object, broadcast_object_list as broadcast_object_list,
    gather_object as gather_object, recv_object_list as recv_object_list, scatter_object_list as scatter_object_list,
    send_object_list as send_object_list,
)
from .rendezvous import (
    _rank_not_in_group as _rank_not_in_group,
    Backend as Backend, GroupMember as GroupMember, default_pg_timeout as default_pg_timeout,
    destroy_process_group as destroy_process_group, get_backend as get_backend,
    get_backend_config as get_backend_config, get_default_backend_for_device as get_default_backend_for_device,
    get_pg_count as get_pg_count, get_global_rank as get_global_rank,
    get_group_rank as get_group_rank, get_node_local_rank as get_node_local_rank,
    get_process_group_ranks as get_process_group_ranks, get_rank as get_rank, get_world_size as get_world_size,
    group as group, init_process_group as init_process_group, is_available as is_available,
    is_backend_available as is_backend_available, is_gloo_available as is_gloo_available,
    is_initialized as is_initialized, is_mpi_available as is_mpi_available, is_nccl_available as is_nccl_available,
    is_torchelastic_launched as is_torchelastic_launched, is_ucc_available as is_ucc_available,
    is_xccl_available as is_xccl_available,
)
from .subgroups import (
    new_group as new_group, new_subgroups as new_subgroups,
    new_subgroups_by_enumeration as new_subgroups_by_enumeration, split_group as split_group,
)
from .store import (
    FileStore as FileStore, HashStore as HashStore, PrefixStore as PrefixStore, QueueEmptyError as QueueEmptyError,
    Store as Store, TCPStore as TCPStore,
)
from .transport import ReduceOp as ReduceOp, supports_complex as supports_complex
from .watch import (
    DistBackendError as DistBackendError, DistError as DistError, DistNetworkError as DistNetworkError,
    DistStoreError as DistStoreError,
)
from .work import Work as Work

if TYPE_CHECKING:
    from . import device_mesh as device_mesh, nn as nn
    from .device_mesh import DeviceMesh as DeviceMesh, init_device_mesh as init_device_mesh
    from .parallel import BuiltinCommHookType as BuiltinCommHookType
    from .reducer import GradBucket as GradBucket

_publish(__name__, modules="device_mesh nn",
         late={"device_mesh": "DeviceMesh init_device_mesh", "reducer": "GradBucket",
               "parallel": "BuiltinCommHookType"})
