"""Objects, groups, meshes and stores with odd arguments, and what is left after the end. See `odd_calls.py`."""

from datetime import timedelta
from importlib import import_module

from odd_calls import Op, T, alone, dist, each, other, package, pair, rank, reduced, shown, swapped, torch

class Bad:
    def __reduce__(self):
        raise ValueError("unpicklable")


each(
    "objects",
    all_gather=lambda: (lambda l: (dist.all_gather_object(l, {"r": rank, "n": [1] * (rank * 5)}), l))([None, None]),
    few=lambda: dist.all_gather_object([None], 1),
    many=lambda: (lambda l: (dist.all_gather_object(l, rank), l))([None] * 3),
    nolist=lambda: dist.all_gather_object(None, 1),
    bad=lambda: dist.all_gather_object([None, None], Bad()),
    gather=lambda: (lambda l: (dist.gather_object(("r", rank), l, 1), l))([None, None] if rank == 1 else None),
    tensors=lambda: (lambda l: (dist.all_gather_object(l, T([1.0 + rank])), l))([None, None]),
    gather_short=lambda: dist.gather_object(1, None, 9),
    broadcast=lambda: (lambda l: (dist.broadcast_object_list(l, 1), l))([rank, "a" * rank, None]),
    bc_out=lambda: dist.broadcast_object_list([1], 9),
    bc_none=lambda: (lambda l: (dist.broadcast_object_list(l), l))([rank]),
    bc_both=lambda: dist.broadcast_object_list([1], 0, group_src=0),
    scatter=lambda: (lambda l: (dist.scatter_object_list(l, [{"a": 1}, "b"] if rank == 0 else None, 0), l))([None]),
    scatter_empty=lambda: dist.scatter_object_list([], [1, 2]),
    scatter_two=lambda: (lambda l: (dist.scatter_object_list(l, [1, 2] if rank == 0 else None), l))([None, None]),
    scatter_none=lambda: dist.scatter_object_list(None, [1, 2]),
    scatter_bad=lambda: dist.scatter_object_list([None], [1, 2], 9),
    send=lambda: (lambda l: (dist.send_object_list(l, 1) if rank == 0 else dist.recv_object_list(l, 0), l))(
        [rank + 5, "x"]
    ),
    send_self=lambda: dist.send_object_list([1], rank),
    recv_self=lambda: dist.recv_object_list([1], rank),
    alone=lambda: (lambda l: (dist.all_gather_object(l, rank, group=alone), l))([None]),
    bc_alone=lambda: dist.broadcast_object_list([1], 0, group=alone),
)
each(
    "groups",
    new_all=lambda: shown(dist.new_group()),
    dup=lambda: dist.new_group([0, 0]),
    out=lambda: dist.new_group([0, 5]),
    neg=lambda: dist.new_group([-1, 0]),
    empty=lambda: shown(dist.new_group([])),
    string=lambda: dist.new_group("01"),
    floats=lambda: dist.new_group([0.0, 1.0]),
    nested=lambda: shown(dist.new_group([1])),
    ranks_of=lambda: dist.get_process_group_ranks(pair),
    ranks_swapped=lambda: dist.get_process_group_ranks(swapped),
    ranks_none=lambda: dist.get_process_group_ranks(None),
    ranks_world=lambda: dist.get_process_group_ranks(dist.group.WORLD),
    rank_alone=lambda: dist.get_rank(alone),
    size_alone=lambda: dist.get_world_size(alone),
    rank_swapped=lambda: dist.get_rank(swapped),
    type_non=lambda: type(alone).__name__,
    non=lambda: alone is dist.GroupMember.NON_GROUP_MEMBER,
    eq=lambda: alone == dist.GroupMember.NON_GROUP_MEMBER,
    global_rank=lambda: dist.get_global_rank(swapped, 0),
    global_out=lambda: dist.get_global_rank(pair, 5),
    group_rank=lambda: dist.get_group_rank(pair, 1),
    group_out=lambda: dist.get_group_rank(pair, 7),
    global_world=lambda: dist.get_global_rank(dist.group.WORLD, 1),
    backend=lambda: dist.get_backend(),
    backend_pair=lambda: dist.get_backend(pair),
    backend_alone=lambda: dist.get_backend(alone),
    rank_str=lambda: dist.get_rank("x"),
    size=lambda: pair.size(),
    rank=lambda: pair.rank(),
    desc=lambda: (pair.group_desc, dist.group.WORLD.group_desc),
    subgroups=lambda: (lambda p: (shown(p[0]), len(p[1])))(dist.new_subgroups(1)),
    subgroups_bad=lambda: dist.new_subgroups(3),
    subgroups_zero=lambda: dist.new_subgroups(0),
    enum=lambda: (lambda p: (shown(p[0]), len(p[1])))(dist.new_subgroups_by_enumeration([[0], [1]])),
    enum_dup=lambda: dist.new_subgroups_by_enumeration([[0], [0, 1]]),
    enum_empty=lambda: dist.new_subgroups_by_enumeration([]),
    enum_none=lambda: dist.new_subgroups_by_enumeration(None),
    group_method=lambda: (lambda t: (pair.allreduce([t]).wait(), t))(torch.ones(2)),
    barrier_method=lambda: pair.barrier().wait(),
    bcast_method=lambda: (lambda t: (pair.broadcast([t], 1).wait(), t))(T([float(rank)])),
    bcast_method1=lambda: (lambda t: (pair.broadcast(t, 1).wait(), t))(T([float(rank)])),
    ag_method=lambda: (lambda l: (pair.allgather([l], [T([float(rank)])]).wait(), l))([torch.zeros(1), torch.zeros(1)]),
    allreduce1=lambda: (lambda t: (pair.allreduce(t).wait(), t))(torch.ones(2)),
    send_method=lambda: (
        pair.send([torch.ones(1)], 1, 0).wait() if rank == 0 else pair.recv([torch.ones(1)], 0, 0).wait()
    ),
    local=lambda: shown(dist.new_group([rank], use_local_synchronization=True)),
    by_desc=lambda: dist.new_group([0, 1], group_desc="mine").group_desc,
    dist_init_twice=lambda: dist.init_process_group("gloo"),
    is_init=lambda: dist.is_initialized(),
    wbackend=lambda: dist.is_backend_available("gloo"),
    wbackend2=lambda: dist.is_backend_available("GLOO"),
    wbackend3=lambda: dist.is_backend_available("no"),
    split=lambda: dist.split_group(),
    node_local=lambda: dist.get_node_local_rank(3),
    node_local_none=lambda: dist.get_node_local_rank(),
    not_in=lambda: dist.distributed_c10d._rank_not_in_group(alone) if hasattr(dist, "distributed_c10d") else rank == 1,
    mon=lambda: dist.monitored_barrier(),
    mon_t=lambda: dist.monitored_barrier(timeout=timedelta(seconds=5), wait_all_ranks=True),
    mon_alone=lambda: dist.monitored_barrier(alone),
    barrier=lambda: dist.barrier(),
    barrier_async=lambda: dist.barrier(async_op=True).wait(),
    barrier_alone=lambda: dist.barrier(alone),
    barrier_ids=lambda: dist.barrier(device_ids=[0]),
)


def coalesced():
    a, b = T([1.0 + rank]), T([3.0])
    with dist._coalescing_manager() as cm:
        dist.all_reduce(a)
        dist.all_reduce(b)
    return a, b


def coalesced_async():
    a, b = T([1.0 + rank]), T([3.0])
    with dist._coalescing_manager(async_ops=True) as cm:
        dist.all_reduce(a)
        dist.all_reduce(b)
    cm.wait()
    return a, b


def coalesced_function():
    l = [T([1.0 + rank]), T([3.0])]
    dist.all_reduce_coalesced(l)
    return l


def gather_coalesced():
    o = [[torch.zeros(1), torch.zeros(2)] for _ in range(2)]
    dist.all_gather_coalesced(o, [T([1.0 + rank]), T([3.0, rank])])
    return o


each(
    "coalesced",
    manager=coalesced,
    manager_async=coalesced_async,
    function=coalesced_function,
    gather=gather_coalesced,
    function_bad=lambda: dist.all_reduce_coalesced([torch.ones(1), torch.ones(1, dtype=torch.int64)]),
    function_tensor=lambda: (lambda t: (dist.all_reduce_coalesced(t), t))(torch.ones(1)),
)
each(
    "ops",
    eq=lambda: Op.SUM == Op.SUM,
    eq2=lambda: Op.SUM == Op.MAX,
    eqop=lambda: Op(Op.SUM) == Op.SUM,
    hash=lambda: len({Op.SUM: 1, Op.MAX: 2}),
    isin=lambda: isinstance(Op.SUM, Op),
    isin2=lambda: isinstance(Op.SUM, Op.RedOpType),
    pickle=lambda: __import__("pickle").loads(__import__("pickle").dumps(Op.SUM)) == Op.SUM,
    deep=lambda: __import__("copy").deepcopy(Op.SUM) == Op.SUM,
    from_int=lambda: Op(0) == Op.SUM,
    int=lambda: int(Op.SUM),
    value=lambda: Op.MAX.value,
    nm=lambda: Op.MAX.name,
)

dm = import_module(f"{package}.distributed.device_mesh")
mesh = dm.init_device_mesh("cpu", (2,), mesh_dim_names=("dp",))
two = dm.init_device_mesh("cpu", (2, 1), mesh_dim_names=("dp", "tp"))
each(
    "mesh",
    size=lambda: mesh.size(),
    size0=lambda: two.size(0),
    size1=lambda: two.size(1),
    size9=lambda: two.size(9),
    ndim=lambda: two.ndim,
    shape=lambda: two.shape,
    ranks=lambda: two.mesh,
    group=lambda: shown(mesh.get_group()),
    group_name=lambda: shown(two.get_group("tp")),
    group_none=lambda: two.get_group(),
    group_bad=lambda: two.get_group("no"),
    group_9=lambda: two.get_group(9),
    local=lambda: mesh.get_local_rank(),
    local2=lambda: two.get_local_rank("dp"),
    local_none=lambda: two.get_local_rank(),
    coord=lambda: two.get_coordinate(),
    rank=lambda: two.get_rank(),
    item=lambda: shown(two["dp"].mesh),
    item2=lambda: shown(two["dp", "tp"].mesh),
    item_rev=lambda: two["tp", "dp"],
    item_bad=lambda: two["no"],
    item_dup=lambda: two["dp", "dp"],
    eq=lambda: mesh == dm.init_device_mesh("cpu", (2,), mesh_dim_names=("dp",)),
    names=lambda: two.mesh_dim_names,
    all_groups=lambda: [shown(g) for g in two.get_all_groups()],
    wrong_shape=lambda: dm.init_device_mesh("cpu", (3,)),
    names_dup=lambda: dm.init_device_mesh("cpu", (2, 1), mesh_dim_names=("a", "a")),
    names_len=lambda: dm.init_device_mesh("cpu", (2, 1), mesh_dim_names=("a",)),
    dev=lambda: dm.init_device_mesh("cpu:0", (2,)),
    direct=lambda: dm.DeviceMesh("cpu", [0, 1]).mesh,
    flat=lambda: shown(two._flatten().mesh),
    from_group=lambda: dm.DeviceMesh.from_group(pair, "cpu").mesh,
    device=lambda: mesh.device_type,
    hash=lambda: hash(mesh) == hash(mesh),
    no_names=lambda: dm.init_device_mesh("cpu", (2,))["x"],
    ctx=lambda: [None for _ in [1] if mesh.__enter__() is mesh],
)
hs = dist.HashStore()
each(
    "store",
    set_int=lambda: hs.set("a", 3),
    set_key=lambda: hs.set(3, "a"),
    add_float=lambda: hs.add("n", 1.5),
    add_str=lambda: hs.add("n", "1"),
    add_ok=lambda: hs.add("n", 2),
    add_on_text=lambda: (hs.set("t", "abc"), hs.add("t", 1)),
    wait_str=lambda: hs.wait("a"),
    wait_empty=lambda: hs.wait([]),
    wait_timeout_type=lambda: hs.wait(["zz"], 1),
    cmp=lambda: (hs.compare_set("c", "", "x"), hs.compare_set("c", "x", "y"), hs.compare_set("c", "no", "z")),
    delete=lambda: (hs.set("d", "1"), hs.delete_key("d"), hs.delete_key("d")),
    num=lambda: isinstance(hs.num_keys(), int),
    bytes_=lambda: (hs.set("b", b"\x00\xff"), hs.get("b")),
    unicode=lambda: (hs.set("u", "é"), hs.get("u")),
    empty_value=lambda: (hs.set("e", ""), hs.get("e")),
    empty_key=lambda: (hs.set("", "v"), hs.get("")),
    check=lambda: (hs.check(["e"]), hs.check([]), hs.check(["never"])),
    set_timeout=lambda: (hs.set_timeout(timedelta(milliseconds=50)), hs.timeout),
    get_missing=lambda: hs.get("missing"),
    wait_missing=lambda: hs.wait(["missing"]),
    timeout_int=lambda: hs.set_timeout(3),
    get_none=lambda: hs.get(None),
    multi=lambda: (hs.multi_set(["x", "y"], ["1", "2"]), hs.multi_get(["y", "x"])),
    append=lambda: (hs.append("ap", "1"), hs.append("ap", "2"), hs.get("ap")),
    prefix=lambda: (
        lambda p: (
            p.set("k", "v"),
            hs.get("p/k"),
            p.get("k"),
            p.num_keys() == hs.num_keys(),
            p.underlying_store is hs or type(p.underlying_store).__name__,
        )
    )(dist.PrefixStore("p", hs)),
    prefix_bad=lambda: dist.PrefixStore("p", 3),
    tcp_bad=lambda: dist.TCPStore("127.0.0.1", 1, timeout=timedelta(seconds=0.3)),
    tcp_port=lambda: dist.TCPStore("127.0.0.1", 99999, timeout=timedelta(seconds=0.3)),
    store_itself=lambda: dist.Store().get("a"),
    nested_prefix=lambda: (lambda p: (p.set("k", "v"), hs.get("p/q/k")))(
        dist.PrefixStore("q", dist.PrefixStore("p", hs))
    ),
    extended=lambda: hs.has_extended_api(),
)
each(
    "last",
    unused=lambda: (
        dist.get_default_backend_for_device("cpu") if hasattr(dist, "get_default_backend_for_device") else "gloo"
    ),
    bad_backend=lambda: dist.Backend(3),
    backend_undefined=lambda: dist.Backend.UNDEFINED,
    work_after=lambda: (lambda w: (dist.destroy_process_group(pair), w.wait()))(
        dist.all_reduce(torch.ones(1), group=pair, async_op=True)
    ),
    destroyed=lambda: dist.all_reduce(torch.ones(1), group=pair),
    destroyed_twice=lambda: dist.destroy_process_group(pair),
    destroyed_rank=lambda: dist.get_rank(pair),
    destroyed_size=lambda: dist.get_world_size(pair),
    destroyed_ranks=lambda: dist.get_process_group_ranks(pair),
    destroyed_backend=lambda: dist.get_backend(pair),
    destroy_alone=lambda: dist.destroy_process_group(alone),
    destroy_str=lambda: dist.destroy_process_group("x"),
    world_still=lambda: reduced(torch.ones(1)),
    destroy=lambda: dist.destroy_process_group(),
    after_rank=lambda: dist.get_rank(),
    after_reduce=lambda: dist.all_reduce(torch.ones(1)),
    after_init=lambda: dist.is_initialized(),
    after_barrier=lambda: dist.barrier(),
    after_new=lambda: dist.new_group([0]),
    after_world=lambda: dist.group.WORLD,
    after_object=lambda: dist.all_gather_object([None, None], 1),
    after_isend=lambda: dist.isend(torch.ones(1), other),
    after_mesh=lambda: mesh.size(),
    after_backend=lambda: dist.get_backend(),
)
