"""The generated code that shares a kernel among threads: one job at a time, taken by whoever is there.

A job is a kernel, its operands and a number of elements, cut into chunks. The first chunk may be shorter (its
``lead``), so that the others begin where the output is aligned. The chunks are dealt out in as many segments as there
may be threads; a thread takes chunks of its own segment first (so that it meets the same part of an array again in its
own cache) and then of the others. The calling thread is one of them. It never waits for a worker to come: if none
does, it computes everything itself; it waits only for those that have taken a chunk. Which thread computes a chunk
never changes a result.

Note [resting]: a worker may lose its processor in the middle of a chunk. The caller spins for some microseconds, and
then rests in short sleeps: an idle processor is what makes the system's scheduler fetch the waiting worker.

The control block is a table of 8-byte slots, what different threads write on different cache lines.

Note [joining]: a worker counts itself in (``inside``) and only then reads ``ticket``; the caller clears ``ticket``
and only then waits for ``inside`` to reach 0. All four are sequentially consistent: either the worker sees the ticket
cleared and leaves, or the caller sees the worker and waits. A worker that counted itself in late and finds the
*next* job's ticket may join that: its fields were written before its ticket.
"""

from __future__ import annotations

OPERANDS = 4
"""The most operands of a kernel, the output included."""

LINE = 8
TICKET, INSIDE, STOP, JOB = 0, LINE, 2 * LINE, 3 * LINE
KERNEL, COUNT, CHUNK, BACK, SEGMENTS, CHUNKS, REST = range(JOB, JOB + 7)
OPERAND = 5 * LINE
SEGMENT = 6 * LINE
"""Slots of the control block; the counter of segment k stands in slot ``SEGMENT + k * LINE``."""

SPIN = 500
"""Rounds (tens of nanoseconds each) that the caller spins for a worker's last chunk; see Note [resting]."""


def control_slots(threads: int) -> int:
    """The length of a control block."""
    return SEGMENT + threads * LINE


def runtime_module(triple: str) -> str:
    """The IR of ``direct``, ``launch`` and ``serve``.

    ``direct(kernel, count, lead, operands...)`` runs a kernel on the calling thread. ``launch(control, ticket, kernel,
    count, chunk, lead, operands...)`` runs it with the workers' help; tickets are positive and each is used once; ``lead``
    is less than ``chunk`` and at most ``count``. ``serve(control, segment, ticket, patience)`` is a worker: it joins jobs
    until none came for ``patience`` rounds, and returns the last ticket that it saw, or -1 when it was told to stop.
    In ``control`` the slot ``REST`` holds the address of a C function of one int that sleeps for a moment, such as
    ``usleep``.
    """
    pause = _PAUSE.get(triple.split("-")[0], "")
    operands = range(OPERANDS)
    parameters = ", ".join(f"i64 %o{k}" for k in operands)
    store_local = "\n".join(f"  %l{k} = getelementptr i64, ptr %table, i64 {k}\n  store i64 %o{k}, ptr %l{k}" for k in operands)
    store_shared = "\n".join(f"  %s{k} = getelementptr i64, ptr %control, i64 {OPERAND + k}\n  store i64 %o{k}, ptr %s{k}"
                             for k in operands)
    declaration = pause.replace("call", "declare").replace("i32 1", "i32")
    return f"""
{declaration}

define void @direct(ptr %kernel, i64 %count, i64 %lead, {parameters}) nounwind {{
  %table = alloca [{OPERANDS} x i64]
{store_local}
  call void %kernel(ptr %table, i64 0, i64 %lead)
  call void %kernel(ptr %table, i64 %lead, i64 %count)
  ret void
}}

define internal void @work(ptr %control, i64 %me) nounwind {{
entry:
{_loads(KERNEL, COUNT, CHUNK, BACK, SEGMENTS, CHUNKS)}
  %kernel = inttoptr i64 %f{KERNEL} to ptr
  %table = getelementptr i64, ptr %control, i64 {OPERAND}
  %padded = add i64 %f{CHUNKS}, %f{SEGMENTS}
  %less = sub i64 %padded, 1
  %each = udiv i64 %less, %f{SEGMENTS}
  br label %segment
segment:
  %turn = phi i64 [ 0, %entry ], [ %turn.next, %exhausted ]
  %sum = add i64 %me, %turn
  %k = urem i64 %sum, %f{SEGMENTS}
  %first = mul i64 %k, %each
  %end.full = add i64 %first, %each
  %over = icmp ugt i64 %end.full, %f{CHUNKS}
  %end = select i1 %over, i64 %f{CHUNKS}, i64 %end.full
  %line = mul i64 %k, {LINE}
  %slot = add i64 %line, {SEGMENT}
  %counter = getelementptr i64, ptr %control, i64 %slot
  br label %claim
claim:
  %taken = atomicrmw add ptr %counter, i64 1 monotonic
  %chunk = add i64 %first, %taken
  %open = icmp ult i64 %chunk, %end
  br i1 %open, label %run, label %exhausted
run:
  %place = mul i64 %chunk, %f{CHUNK}
  %start.full = sub i64 %place, %f{BACK}
  %stop.full = add i64 %start.full, %f{CHUNK}
  %before = icmp slt i64 %start.full, 0
  %start = select i1 %before, i64 0, i64 %start.full
  %beyond = icmp ugt i64 %stop.full, %f{COUNT}
  %stop = select i1 %beyond, i64 %f{COUNT}, i64 %stop.full
  call void %kernel(ptr %table, i64 %start, i64 %stop)
  br label %claim
exhausted:
  %turn.next = add i64 %turn, 1
  %more = icmp ult i64 %turn.next, %f{SEGMENTS}
  br i1 %more, label %segment, label %done
done:
  ret void
}}

define void @launch(ptr %control, i64 %ticket, ptr %kernel, i64 %count, i64 %chunk, i64 %lead, {parameters}) nounwind {{
entry:
  %kernel.address = ptrtoint ptr %kernel to i64
  %short = sub i64 %chunk, %lead
  %back = urem i64 %short, %chunk
  %moved = add i64 %count, %back
  %grown = add i64 %moved, %chunk
  %grown.less = sub i64 %grown, 1
  %chunks = udiv i64 %grown.less, %chunk
{_store(KERNEL, "%kernel.address")}
{_store(COUNT, "%count")}
{_store(CHUNK, "%chunk")}
{_store(BACK, "%back")}
{_store(CHUNKS, "%chunks")}
{store_shared}
{_loads(SEGMENTS, REST)}
  %rest = inttoptr i64 %f{REST} to ptr
  %ticket.slot = getelementptr i64, ptr %control, i64 {TICKET}
  %inside.slot = getelementptr i64, ptr %control, i64 {INSIDE}
  br label %reset
reset:
  %k = phi i64 [ 0, %entry ], [ %k.next, %reset ]
  %line = mul i64 %k, {LINE}
  %slot = add i64 %line, {SEGMENT}
  %counter = getelementptr i64, ptr %control, i64 %slot
  store i64 0, ptr %counter
  %k.next = add i64 %k, 1
  %k.more = icmp ult i64 %k.next, %f{SEGMENTS}
  br i1 %k.more, label %reset, label %publish
publish:
  store atomic i64 %ticket, ptr %ticket.slot seq_cst, align 8
  call void @work(ptr %control, i64 0)
  store atomic i64 0, ptr %ticket.slot seq_cst, align 8
  br label %wait
wait:
  %waited = phi i64 [ 0, %publish ], [ %waited.next, %again ]
  %inside = load atomic i64, ptr %inside.slot seq_cst, align 8
  %busy = icmp ne i64 %inside, 0
  br i1 %busy, label %linger, label %done
linger:
  {pause}
  %waited.next = add i64 %waited, 1
  %long = icmp ugt i64 %waited.next, {SPIN}
  br i1 %long, label %rest.once, label %again
rest.once:
  %ignored = call i32 %rest(i32 1)
  br label %again
again:
  br label %wait
done:
  ret void
}}

define i64 @serve(ptr %control, i64 %segment, i64 %ticket, i64 %patience) nounwind {{
entry:
  %ticket.slot = getelementptr i64, ptr %control, i64 {TICKET}
  %inside.slot = getelementptr i64, ptr %control, i64 {INSIDE}
  %stop.slot = getelementptr i64, ptr %control, i64 {STOP}
  br label %look
look:
  %seen = phi i64 [ %ticket, %entry ], [ %seen, %idle ], [ %joined, %leave ], [ %seen, %late ]
  %rounds = phi i64 [ 0, %entry ], [ %rounds.next, %idle ], [ 0, %leave ], [ %rounds, %late ]
  %now = load atomic i64, ptr %ticket.slot acquire, align 8
  %some = icmp ne i64 %now, 0
  %new = icmp ne i64 %now, %seen
  %come = and i1 %some, %new
  br i1 %come, label %enter, label %pause
enter:
  %before = atomicrmw add ptr %inside.slot, i64 1 seq_cst
  %joined = load atomic i64, ptr %ticket.slot seq_cst, align 8
  %gone = icmp eq i64 %joined, 0
  br i1 %gone, label %late, label %join
late:
  %after.late = atomicrmw sub ptr %inside.slot, i64 1 seq_cst
  br label %look
join:
  call void @work(ptr %control, i64 %segment)
  br label %leave
leave:
  %after = atomicrmw sub ptr %inside.slot, i64 1 seq_cst
  br label %look
pause:
  %stop = load atomic i64, ptr %stop.slot monotonic, align 8
  %ending = icmp ne i64 %stop, 0
  br i1 %ending, label %stopped, label %idle
idle:
  {pause}
  %rounds.next = add i64 %rounds, 1
  %tired = icmp ugt i64 %rounds.next, %patience
  br i1 %tired, label %sleep, label %look
sleep:
  ret i64 %seen
stopped:
  ret i64 -1
}}
"""


_PAUSE = {
    "x86_64": "call void @llvm.x86.sse2.pause()",
    "amd64": "call void @llvm.x86.sse2.pause()",
    "i686": "call void @llvm.x86.sse2.pause()",
    "aarch64": "call void @llvm.aarch64.hint(i32 1)",
    "arm64": "call void @llvm.aarch64.hint(i32 1)",
}


def _loads(*slots: int) -> str:
    return "\n".join(f"  %a{slot} = getelementptr i64, ptr %control, i64 {slot}\n  %f{slot} = load i64, ptr %a{slot}"
                     for slot in slots)


def _store(slot: int, value: str) -> str:
    return f"  %w{slot} = getelementptr i64, ptr %control, i64 {slot}\n  store i64 {value}, ptr %w{slot}"
