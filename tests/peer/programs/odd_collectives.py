"""Collectives on tensors of every dtype, and with odd arguments. See `odd_calls.py`."""

from datetime import timedelta

from odd_calls import Op, T, alone, dist, each, other, pair, rank, reduced, swapped, torch

DTYPES = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128".split()


def result_of(call, tensor):
    """What a call that writes a tensor leaves in it."""
    call(tensor)
    return tensor


def exchanged(tensor):
    """What rank 1 receives of rank 0."""
    dist.send(tensor, 1) if rank == 0 else dist.recv(tensor, 0)
    return tensor


def of_dtype(dtype):
    """Every collective on a dtype."""

    def t(*values):
        return T(values).to(dtype)

    parts = [t(0, 0), t(0, 0)]
    name = str(dtype).rpartition(".")[2]
    each(name, **{op: lambda op=op: reduced(t(1, 0, 3, 2 + rank), getattr(Op, op))
                  for op in ("SUM", "AVG", "PRODUCT", "MIN", "MAX", "BAND", "BOR", "BXOR")})
    each(
        name,
        reduce=lambda: result_of(lambda x: dist.reduce(x, 1), t(1, 0, 3)) if rank == 1 else dist.reduce(t(1, 0, 3), 1),
        broadcast=lambda: result_of(lambda x: dist.broadcast(x, 1), t(rank, 1, 3)),
        all_gather=lambda: (dist.all_gather(parts, t(rank, 1)), parts),
        reduce_scatter=lambda: result_of(lambda x: dist.reduce_scatter(x, [t(rank, 1), t(2, 3)]), t(0, 0)),
        all_to_all=lambda: result_of(lambda x: dist.all_to_all_single(x, t(rank, 1, 2, 3)), t(0, 0, 0, 0)),
        messages=lambda: exchanged(t(rank, 1, 3)),
    )


for dtype in DTYPES:
    of_dtype(getattr(torch, dtype))

each(
    "all_reduce",
    nothing=lambda: dist.all_reduce(None),
    number=lambda: dist.all_reduce(3),
    array=lambda: dist.all_reduce([1.0]),
    list_of_tensors=lambda: dist.all_reduce([torch.ones(1)]),
    zero_d=lambda: reduced(T(2.0)),
    empty=lambda: reduced(torch.zeros(0)),
    empty2=lambda: reduced(torch.zeros(0, 3)),
    strided=lambda: reduced(torch.arange(6.0).reshape(2, 3).t()),
    sliced=lambda: reduced(torch.arange(6.0)[::2]),
    expanded=lambda: reduced(torch.ones(1).expand(3)),
    string_op=lambda: reduced(torch.ones(2), "sum"),
    none_op=lambda: reduced(torch.ones(2), None),
    op_object=lambda: reduced(torch.ones(2), Op(Op.SUM)),
    int_op=lambda: reduced(torch.ones(2), 0),
    requires_grad=lambda: reduced(torch.ones(2, requires_grad=True)),
    leaf=lambda: (lambda p: (dist.all_reduce(p), p.detach()))(torch.nn.Parameter(torch.ones(2))),
    nonleaf=lambda: reduced(torch.ones(2, requires_grad=True) * 2),
    nan=lambda: reduced(T([float("nan"), float("inf"), -0.0])),
    meta=lambda: reduced(torch.ones(2, device="meta")),
    sparse=lambda: (lambda t: (dist.all_reduce(t), t.to_dense()))(torch.eye(2).to_sparse()),
    returns=lambda: dist.all_reduce(torch.ones(2)),
    async_twice=lambda: (
        lambda t: (lambda w: (w.wait(), w.wait(), w.is_completed(), t))(dist.all_reduce(t, async_op=True))
    )(torch.ones(2)),
    async_timeout=lambda: dist.all_reduce(torch.ones(2), async_op=True).wait(timedelta(seconds=5)),
    future=lambda: dist.all_reduce(torch.ones(2), async_op=True).get_future().wait(),
    future_value=lambda: (lambda f: (f.wait(), f.done(), f.value()))(
        dist.all_reduce(torch.ones(2), async_op=True).get_future()
    ),
    future_then=lambda: (
        dist.all_reduce(torch.ones(2), async_op=True).get_future().then(lambda f: f.value()[0] / 2).wait()
    ),
    result=lambda: (lambda w: (w.wait(), w.result()))(dist.all_reduce(torch.ones(2), async_op=True)),
    success=lambda: (lambda w: (w.wait(), w.is_success(), w.exception()))(
        dist.all_reduce(torch.ones(2), async_op=True)
    ),
    source_rank=lambda: (lambda w: (w.wait(), w.source_rank()))(dist.all_reduce(torch.ones(2), async_op=True)),
    not_in_group=lambda: (lambda t: (dist.all_reduce(t, group=alone), t))(torch.ones(2)),
    not_in_group_async=lambda: (lambda w: None if w is None else (w.wait(), "w"))(
        dist.all_reduce(torch.ones(2), group=alone, async_op=True)
    ),
    swapped=lambda: reduced(T([1.0 + rank]), group=swapped),
    group_string=lambda: dist.all_reduce(torch.ones(2), group="no"),
    group_int=lambda: dist.all_reduce(torch.ones(2), group=5),
    world=lambda: reduced(torch.ones(1), group=dist.group.WORLD),
    groupmember=lambda: reduced(torch.ones(1), group=dist.GroupMember.WORLD),
    non_member=lambda: dist.all_reduce(torch.ones(1), group=dist.GroupMember.NON_GROUP_MEMBER),
    keyword=lambda: dist.all_reduce(tensor=torch.ones(1), op=Op.MAX, group=None, async_op=False),
    unknown_keyword=lambda: dist.all_reduce(torch.ones(1), bogus=1),
)
each(
    "reduce",
    dst_out=lambda: dist.reduce(torch.ones(1), 5),
    dst_neg=lambda: dist.reduce(torch.ones(1), -1),
    dst_none=lambda: dist.reduce(torch.ones(1)),
    dst_both=lambda: dist.reduce(torch.ones(1), 0, group_dst=0),
    dst_group=lambda: (lambda t: (dist.reduce(t, group_dst=0, group=swapped), t if rank == 0 else 0))(torch.ones(1)),
    group_dst_out=lambda: dist.reduce(torch.ones(1), group_dst=7),
    dst_str=lambda: dist.reduce(torch.ones(1), "0"),
    dst_float=lambda: dist.reduce(torch.ones(1), 0.0),
    dst_bool=lambda: dist.reduce(torch.ones(1), True),
    notensor=lambda: dist.reduce(3, 0),
    in_alone=lambda: dist.reduce(torch.ones(1), 0, group=alone),
    in_alone1=lambda: dist.reduce(torch.ones(1), 1, group=alone),
    zero=lambda: dist.reduce(torch.zeros(0), 0),
    returns=lambda: dist.reduce(torch.ones(1), 0, async_op=True).wait(),
)
each(
    "broadcast",
    src_out=lambda: dist.broadcast(torch.ones(1), 5),
    src_neg=lambda: dist.broadcast(torch.ones(1), -1),
    none=lambda: dist.broadcast(torch.ones(1)),
    both=lambda: dist.broadcast(torch.ones(1), 0, group_src=0),
    notensor=lambda: dist.broadcast("x", 0),
    alone=lambda: dist.broadcast(torch.ones(1), 0, group=alone),
    alone1=lambda: dist.broadcast(torch.ones(1), 1, group=alone),
    zero_d=lambda: (lambda t: (dist.broadcast(t, 1), t))(T(float(rank))),
    empty=lambda: dist.broadcast(torch.zeros(0, 2), 0),
    strided=lambda: (lambda t: (dist.broadcast(t, 1), t))((torch.arange(6.0) + rank).reshape(2, 3).t()),
    channels=lambda: (lambda t: (dist.broadcast(t, 1), t))(
        (torch.arange(8.0) + rank).reshape(1, 2, 2, 2).contiguous(memory_format=torch.channels_last)
    ),
    work=lambda: dist.broadcast(torch.ones(1), 0, async_op=True).wait(),
    param=lambda: (lambda t: (dist.broadcast(t, 1), t.detach()))(torch.nn.Parameter(T([float(rank)]))),
)
each(
    "all_gather",
    too_few=lambda: dist.all_gather([torch.ones(1)], torch.ones(1)),
    too_many=lambda: dist.all_gather([torch.ones(1)] * 3, torch.ones(1)),
    empty_list=lambda: dist.all_gather([], torch.ones(1)),
    no_list=lambda: dist.all_gather(torch.ones(2), torch.ones(1)),
    tuple=lambda: dist.all_gather((torch.ones(1), torch.ones(1)), torch.ones(1)),
    none=lambda: dist.all_gather(None, torch.ones(1)),
    none2=lambda: dist.all_gather([torch.ones(1), torch.ones(1)], None),
    mixed=lambda: dist.all_gather([torch.ones(1), 3], torch.ones(1)),
    dtype=lambda: dist.all_gather([torch.ones(1, dtype=torch.float64)] * 2, torch.ones(1)),
    size=lambda: dist.all_gather([torch.ones(2), torch.ones(2)], torch.ones(1)),
    shape=lambda: (lambda l: (dist.all_gather(l, torch.ones(2, 1)), l))([torch.zeros(2), torch.zeros(2)]),
    zero_d=lambda: (lambda l: (dist.all_gather(l, T(1.0 + rank)), l))([T(0.0), T(0.0)]),
    zero_d_1=lambda: (lambda l: (dist.all_gather(l, T(1.0 + rank)), l))([torch.zeros(1), torch.zeros(1)]),
    empty=lambda: (lambda l: (dist.all_gather(l, torch.zeros(0)), l))([torch.zeros(0), torch.zeros(0)]),
    strided_in=lambda: (lambda l: (dist.all_gather(l, torch.arange(4.0).reshape(2, 2).t()), l))(
        [torch.zeros(2, 2), torch.zeros(2, 2)]
    ),
    strided_out=lambda: (lambda l: (dist.all_gather(l, torch.arange(4.0).reshape(2, 2)), l))(
        [torch.zeros(2, 2).t(), torch.zeros(2, 2).t()]
    ),
    alone=lambda: (lambda l: (dist.all_gather(l, torch.ones(1), group=alone), l))([torch.zeros(1)]),
    work=lambda: dist.all_gather([torch.zeros(1), torch.zeros(1)], torch.ones(1), async_op=True).wait(),
    fut=lambda: dist.all_gather([torch.zeros(1), torch.zeros(1)], torch.ones(1), async_op=True).get_future().wait(),
    views=lambda: (lambda t: (dist.all_gather(list(t.unbind(0)), T([1.0 + rank, 2.0])), t))(torch.zeros(2, 2)),
    uneven=lambda: (lambda l: (dist.all_gather(l, torch.ones(1 + rank)), l))([torch.zeros(1), torch.zeros(2)]),
)
each(
    "into",
    ok=lambda: (lambda o: (dist.all_gather_into_tensor(o, T([1.0 + rank])), o))(torch.zeros(2)),
    stack=lambda: (lambda o: (dist.all_gather_into_tensor(o, T([1.0 + rank, 3])), o))(torch.zeros(2, 2)),
    small=lambda: dist.all_gather_into_tensor(torch.zeros(1), torch.ones(1)),
    large=lambda: dist.all_gather_into_tensor(torch.zeros(5), torch.ones(1)),
    dtype=lambda: dist.all_gather_into_tensor(torch.zeros(2, dtype=torch.float64), torch.ones(1)),
    lists=lambda: dist.all_gather_into_tensor([torch.zeros(2)], torch.ones(1)),
    nonc_out=lambda: (lambda o: (dist.all_gather_into_tensor(o, T([1.0 + rank])), o))(torch.zeros(4)[::2]),
    nonc_in=lambda: (lambda o: (dist.all_gather_into_tensor(o, torch.arange(4.0)[::2]), o))(torch.zeros(4)),
    zero_d=lambda: (lambda o: (dist.all_gather_into_tensor(o, T(1.0 + rank)), o))(torch.zeros(2)),
    empty=lambda: (lambda o: (dist.all_gather_into_tensor(o, torch.zeros(0)), o))(torch.zeros(0)),
    old=lambda: (lambda o: (dist._all_gather_base(o, T([1.0 + rank])), o))(torch.zeros(2)),
    old2=lambda: (lambda o: (dist._reduce_scatter_base(o, T([1.0 + rank, 3.0])), o))(torch.zeros(1)),
    alone=lambda: (lambda o: (dist.all_gather_into_tensor(o, T([1.0]), group=alone), o))(torch.zeros(1)),
)
each(
    "gather",
    ok=lambda: (lambda l: (dist.gather(T([1.0 + rank]), l, 1), l))(
        [torch.zeros(1), torch.zeros(1)] if rank == 1 else None
    ),
    default=lambda: (lambda l: (dist.gather(T([1.0 + rank]), l), l))(
        [torch.zeros(1), torch.zeros(1)] if rank == 0 else None
    ),
    empty_list=lambda: (lambda l: (dist.gather(T([1.0 + rank]), l), l))(
        [torch.zeros(1), torch.zeros(1)] if rank == 0 else []
    ),
    group_dst=lambda: (lambda l: (dist.gather(T([1.0 + rank]), l, group_dst=1, group=swapped), l))(
        [torch.zeros(1), torch.zeros(1)] if rank == 1 else None
    ),
    out=lambda: dist.gather(torch.ones(1), [torch.zeros(1)] * 2, 7),
    alone=lambda: dist.gather(torch.ones(1), [torch.zeros(1)] if rank == 0 else None, 0, group=alone),
)
each(
    "scatter",
    ok=lambda: (lambda t: (dist.scatter(t, [T([1.0]), T([2.0])] if rank == 1 else None, 1), t))(torch.zeros(1)),
    default=lambda: (lambda t: (dist.scatter(t, [T([1.0]), T([2.0])] if rank == 0 else []), t))(torch.zeros(1)),
    group_src=lambda: (
        lambda t: (
            dist.scatter(
                t,
                [T([1.0]), T([2.0])] if rank == 1 else None,
                group_src=0 if dist.get_group_rank(swapped, 1) == 0 else 1,
                group=swapped,
            ),
            t,
        )
    )(torch.zeros(1)),
    out=lambda: dist.scatter(torch.ones(1), [torch.zeros(1)] * 2, 7),
    strided=lambda: (lambda t: (dist.scatter(t, [torch.arange(4.0).reshape(2, 2).t()] * 2 if rank == 0 else None), t))(
        torch.zeros(2, 2)
    ),
    strided_out=lambda: (lambda t: (dist.scatter(t, [torch.arange(4.0).reshape(2, 2)] * 2 if rank == 0 else None), t))(
        torch.zeros(2, 2).t()
    ),
    empty=lambda: (lambda t: (dist.scatter(t, [torch.zeros(0)] * 2 if rank == 0 else None), t))(torch.zeros(0)),
)
each(
    "rs",
    few=lambda: dist.reduce_scatter(torch.zeros(1), [torch.ones(1)]),
    none=lambda: dist.reduce_scatter(torch.zeros(1), None),
    dtype=lambda: dist.reduce_scatter(torch.zeros(1), [torch.ones(1, dtype=torch.int64)] * 2),
    size=lambda: dist.reduce_scatter(torch.zeros(1), [torch.ones(2)] * 2),
    max=lambda: (lambda o: (dist.reduce_scatter(o, [T([1.0 + rank]), T([5.0 - rank])], Op.MAX), o))(torch.zeros(1)),
    avg=lambda: (lambda o: (dist.reduce_scatter(o, [T([1.0 + rank]), T([5.0 - rank])], Op.AVG), o))(torch.zeros(1)),
    tensor=lambda: (lambda o: (dist.reduce_scatter_tensor(o, T([1.0 + rank, 2.0])), o))(torch.zeros(1)),
    tensor_size=lambda: dist.reduce_scatter_tensor(torch.zeros(1), torch.ones(3)),
    tensor_dtype=lambda: dist.reduce_scatter_tensor(torch.zeros(1), torch.ones(2, dtype=torch.float64)),
    tensor_2d=lambda: (lambda o: (dist.reduce_scatter_tensor(o, torch.ones(2, 3) * (rank + 1)), o))(torch.zeros(3)),
    tensor_nonc=lambda: (lambda o: (dist.reduce_scatter_tensor(o, torch.arange(4.0).reshape(2, 2).t()), o))(
        torch.zeros(2)
    ),
    tensor_async=lambda: (lambda o: (dist.reduce_scatter_tensor(o, T([1.0 + rank, 2.0]), async_op=True).wait(), o))(
        torch.zeros(1)
    ),
    lists=lambda: dist.reduce_scatter_tensor([torch.zeros(1)], torch.ones(2)),
)
each(
    "a2a",
    ok=lambda: (lambda o: (dist.all_to_all(o, [T([1.0 + rank]), T([5.0 + rank, 6.0])]), o))(
        [torch.zeros(1 + rank), torch.zeros(1 + rank)]
    ),
    few=lambda: dist.all_to_all([torch.zeros(1)], [torch.zeros(1)]),
    none=lambda: dist.all_to_all(None, None),
    dtype=lambda: dist.all_to_all([torch.zeros(1)] * 2, [torch.zeros(1, dtype=torch.int64)] * 2),
    splits=lambda: (
        lambda o: (dist.all_to_all_single(o, torch.arange(3.0) + 10 * rank, [2, 2] if rank == 1 else [1, 1], [1, 2]), o)
    )(torch.zeros(2 + 2 * rank)),
    splits0=lambda: (
        lambda o: (dist.all_to_all_single(o, torch.arange(2.0) + 10 * rank, [0, 0] if rank == 0 else [2, 2], [0, 2]), o)
    )(torch.zeros(0 if rank == 0 else 4)),
    splits_len=lambda: dist.all_to_all_single(torch.zeros(2), torch.zeros(2), [2], [2]),
    splits_sum=lambda: dist.all_to_all_single(torch.zeros(2), torch.zeros(2), [1, 2], [1, 2]),
    odd=lambda: dist.all_to_all_single(torch.zeros(3), torch.zeros(3)),
    rows=lambda: (lambda o: (dist.all_to_all_single(o, torch.arange(6.0).reshape(2, 3) + 10 * rank), o))(
        torch.zeros(2, 3)
    ),
    nonc=lambda: (lambda o: (dist.all_to_all_single(o, torch.arange(4.0).reshape(2, 2).t()), o))(torch.zeros(2, 2)),
    zero_d=lambda: dist.all_to_all_single(T(1.0), T(2.0)),
    dtypes=lambda: dist.all_to_all_single(torch.zeros(2, dtype=torch.float64), torch.zeros(2)),
    work=lambda: dist.all_to_all_single(torch.zeros(2), torch.zeros(2), async_op=True).wait(),
)
each(
    "p2p",
    self_send=lambda: dist.send(torch.ones(1), rank),
    notensor=lambda: dist.send(3, other),
    notensor_r=lambda: dist.recv(3, other),
    none=lambda: dist.send(torch.ones(1)),
    roundtrip=lambda: (lambda t: (dist.send(t, other), t) if rank == 0 else (dist.recv(t), t))(T([1.0 + rank])),
    recv_any=lambda: dist.send(torch.ones(1), 1) if rank == 0 else dist.recv(torch.ones(1)),
    recv_value=lambda: dist.send(torch.ones(1), 1) if rank == 0 else dist.recv(torch.ones(1), 0),
    tags=lambda: (
        (dist.isend(T([1.0]), 1, tag=5).wait(), dist.isend(T([2.0]), 1, tag=6).wait())
        if rank == 0
        else (lambda a, b: (dist.recv(a, 0, tag=5), dist.recv(b, 0, tag=6), a, b))(torch.zeros(1), torch.zeros(1))
    ),
    isend=lambda: (lambda w: (w.wait(), w.is_completed()))(
        dist.isend(torch.ones(1), 1) if rank == 0 else dist.irecv(torch.ones(1), 0)
    ),
    empty=lambda: (lambda t: (dist.send(t, 1), t) if rank == 0 else (dist.recv(t, 0), t))(torch.zeros(0)),
    zero_d=lambda: (lambda t: (dist.send(t, 1), t) if rank == 0 else (dist.recv(t, 0), t))(T(float(rank))),
    strided=lambda: (lambda t: (dist.send(t.contiguous(), 1), t) if rank == 0 else (dist.recv(t, 0), t))(
        (torch.arange(4.0) + rank).reshape(2, 2).contiguous()
    ),
    group=lambda: dist.send(torch.ones(1), 1, group=alone),
    group_dst=lambda: (
        lambda t: (
            (dist.send(t, group_dst=dist.get_group_rank(swapped, 1), group=swapped), t)
            if rank == 0
            else (dist.recv(t, group_src=dist.get_group_rank(swapped, 0), group=swapped), t)
        )
    )(T([5.0 + rank])),
    batch=lambda: (
        lambda t: (
            [
                w.wait()
                for w in dist.batch_isend_irecv(
                    [dist.P2POp(dist.isend, T([1.0 + rank]), other), dist.P2POp(dist.irecv, t, other)]
                )
            ],
            t,
        )
    )(torch.zeros(1)),
    batch_empty=lambda: dist.batch_isend_irecv([]),
    batch_wrong=lambda: dist.batch_isend_irecv([3]),
    batch_none=lambda: dist.batch_isend_irecv(None),
    op_wrong=lambda: dist.P2POp(dist.all_reduce, torch.ones(1), other),
    op_notensor=lambda: dist.P2POp(dist.isend, 3, other),
    op_out=lambda: dist.P2POp(dist.isend, torch.ones(1), 9),
    op_self=lambda: dist.P2POp(dist.isend, torch.ones(1), rank),
    op_none=lambda: dist.P2POp(dist.isend, torch.ones(1)),
    op_both=lambda: dist.P2POp(dist.isend, torch.ones(1), other, group_peer=0),
    op_group=lambda: dist.P2POp(dist.isend, torch.ones(1), group_peer=other, group=pair).peer,
    op_repr=lambda: repr(dist.P2POp(dist.isend, torch.ones(1), other)),
    batch_group=lambda: dist.batch_isend_irecv(
        [dist.P2POp(dist.isend, torch.ones(1), other), dist.P2POp(dist.irecv, torch.ones(1), other, pair)]
    ),
)
