"""The generated code that shares a kernel among threads: one job at a time, taken by whoever is there.

A job is a kernel, its operands and a number of elements, cut into chunks. The first chunk may be shorter (its
``lead``), so that the others begin where the output is aligned. The chunks are dealt out in as many segments as there
may be threads; a thread takes chunks of its own segment first (so that it meets the same part of an array again in its
own cache) and then of the others. The calling thread is one of them. It never waits for a worker to come: if none
does, it computes everything itself; it waits only for those that have taken a chunk. Which thread computes a chunk
never changes a result.

The control block is a table of 8-byte slots, what different threads write on different cache lines. A kernel's
descriptor is another such table.

Note [joining]: a worker counts itself in (``INSIDE``) and only then reads ``TICKET``; the caller clears ``TICKET``
and only then waits for ``INSIDE`` to reach 0. All four are sequentially consistent: either the worker sees the ticket
cleared and leaves, or the caller sees the worker and waits. A worker that counted itself in late and finds the
*next* job's ticket may join that: its fields were written before its ticket.

Note [resting]: a worker may lose its processor in the middle of a chunk. The caller spins for some microseconds, and
then rests in short sleeps, so that its own processor is free for the worker.
"""

from __future__ import annotations

OPERANDS = 4
"""The most operands of a kernel, the output included."""

LINE = 8
TICKET, INSIDE, STOP, BUSY = 0, LINE, 2 * LINE, 3 * LINE
JOB = 4 * LINE
KERNEL, COUNT, CHUNK, BACK, CHUNKS, LAST_TICKET, SEGMENTS, REST, DATA = range(JOB, JOB + 9)
OPERAND = JOB + 2 * LINE
SEGMENT = OPERAND + LINE
"""Slots of the control block; the counter of segment k stands in slot ``SEGMENT + k * LINE``. Whoever makes the block
sets ``SEGMENTS`` (the number of threads), ``REST`` (the address of a C function of one int that sleeps for a moment,
such as ``usleep``) and ``DATA`` (where in an array object the pointer to its elements stands); the rest is 0."""

CODE, ARRAYS, SIZE_SHIFT, LARGEST_CHUNK, SMALLEST_CHUNK = range(5)
"""Slots of a descriptor: the kernel's address; a bit an operand, set for arrays and clear for scalars; the binary
logarithm of the output's element size; the elements of the largest chunk and of the smallest."""

CHUNKS_PER_THREAD = 4
SPIN = 500
"""Rounds (tens of nanoseconds each) that the caller spins for a worker's last chunk; see Note [resting]."""


def control_slots(threads: int) -> int:
    """The length of a control block."""
    return SEGMENT + threads * LINE


def runtime_module(triple: str) -> str:
    """The IR of ``launch`` and ``serve``.

    ``launch(control, descriptor, count, operands...)`` runs a kernel over ``count`` elements, with the workers' help
    where that pays and no other thread has a job. An operand is the address of an array object, or the bits of a
    float64. ``serve(control, segment, ticket, patience)`` is a worker: it joins jobs until none came for ``patience``
    rounds, and returns the last ticket that it saw, or -1 when it was told to stop.
    """
    pause = _PAUSE.get(triple.split("-")[0], "")
    declaration = pause.replace("call", "declare").replace("i32 1", "i32")
    return "\n".join((declaration, _WORK, _launch(pause), _serve(pause)))


_PAUSE = {
    "x86_64": "call void @llvm.x86.sse2.pause()",
    "amd64": "call void @llvm.x86.sse2.pause()",
    "i686": "call void @llvm.x86.sse2.pause()",
    "aarch64": "call void @llvm.aarch64.hint(i32 1)",
    "arm64": "call void @llvm.aarch64.hint(i32 1)",
}


def _load(table: str, slot: int, name: str) -> str:
    return f"  %at.{name} = getelementptr i64, ptr %{table}, i64 {slot}\n  %{name} = load i64, ptr %at.{name}"


def _store(slot: int, value: str) -> str:
    return f"  %to.{slot} = getelementptr i64, ptr %control, i64 {slot}\n  store i64 {value}, ptr %to.{slot}"


_WORK = f"""
define internal void @work(ptr %control, i64 %me) nounwind {{
entry:
{_load("control", KERNEL, "code")}
{_load("control", COUNT, "count")}
{_load("control", CHUNK, "size")}
{_load("control", BACK, "back")}
{_load("control", CHUNKS, "chunks")}
{_load("control", SEGMENTS, "segments")}
  %kernel = inttoptr i64 %code to ptr
  %table = getelementptr i64, ptr %control, i64 {OPERAND}
  %padded = add i64 %chunks, %segments
  %less = sub i64 %padded, 1
  %each = udiv i64 %less, %segments
  br label %segment
segment:
  %turn = phi i64 [ 0, %entry ], [ %turn.next, %exhausted ]
  %sum = add i64 %me, %turn
  %k = urem i64 %sum, %segments
  %first = mul i64 %k, %each
  %end = add i64 %first, %each
  %end.most = call i64 @llvm.umin.i64(i64 %end, i64 %chunks)
  %line = mul i64 %k, {LINE}
  %slot = add i64 %line, {SEGMENT}
  %counter = getelementptr i64, ptr %control, i64 %slot
  br label %claim
claim:
  %taken = atomicrmw add ptr %counter, i64 1 monotonic
  %chunk = add i64 %first, %taken
  %open = icmp ult i64 %chunk, %end.most
  br i1 %open, label %run, label %exhausted
run:
  %place = mul i64 %chunk, %size
  %start = sub i64 %place, %back
  %stop = add i64 %start, %size
  %start.least = call i64 @llvm.smax.i64(i64 %start, i64 0)
  %stop.most = call i64 @llvm.umin.i64(i64 %stop, i64 %count)
  call void %kernel(ptr %table, i64 %start.least, i64 %stop.most)
  br label %claim
exhausted:
  %turn.next = add i64 %turn, 1
  %more = icmp ult i64 %turn.next, %segments
  br i1 %more, label %segment, label %done
done:
  ret void
}}
declare i64 @llvm.umin.i64(i64, i64)
declare i64 @llvm.umax.i64(i64, i64)
declare i64 @llvm.smax.i64(i64, i64)
"""


def _launch(pause: str) -> str:
    operands = range(OPERANDS)
    return f"""
define void @launch(ptr %control, ptr %descriptor, i64 %count, {', '.join(f'i64 %o{k}' for k in operands)}) nounwind {{
entry:
  %table = alloca [{OPERANDS} x i64]
{_load("descriptor", CODE, "code")}
{_load("descriptor", ARRAYS, "arrays")}
{_load("descriptor", SIZE_SHIFT, "shift")}
{_load("descriptor", LARGEST_CHUNK, "largest")}
{_load("descriptor", SMALLEST_CHUNK, "smallest")}
{_load("control", SEGMENTS, "segments")}
{_load("control", DATA, "data")}
{_load("control", REST, "rest")}
  %kernel = inttoptr i64 %code to ptr
  %resting = inttoptr i64 %rest to ptr
{chr(10).join(_operand(k) for k in operands)}
  %out = load i64, ptr %table
  %negative = sub i64 0, %out
  %bytes = and i64 %negative, 63
  %elements = lshr i64 %bytes, %shift
  %lead = call i64 @llvm.umin.i64(i64 %elements, i64 %count)
  %shares = mul i64 %segments, {CHUNKS_PER_THREAD}
  %share = udiv i64 %count, %shares
  %share.up = add i64 %share, 63
  %share.even = and i64 %share.up, -64
  %share.least = call i64 @llvm.umax.i64(i64 %share.even, i64 %smallest)
  %chunk = call i64 @llvm.umin.i64(i64 %share.least, i64 %largest)
  %small = icmp ule i64 %count, %chunk
  %single = icmp eq i64 %segments, 1
  %alone = or i1 %small, %single
  br i1 %alone, label %direct, label %lock
direct:
  call void %kernel(ptr %table, i64 0, i64 %lead)
  call void %kernel(ptr %table, i64 %lead, i64 %count)
  ret void
lock:
  %busy.slot = getelementptr i64, ptr %control, i64 {BUSY}
  %held = atomicrmw xchg ptr %busy.slot, i64 1 acquire
  %taken = icmp ne i64 %held, 0
  br i1 %taken, label %direct, label %prepare
prepare:
  %short = sub i64 %chunk, %lead
  %back = urem i64 %short, %chunk
  %moved = add i64 %count, %back
  %grown = add i64 %moved, %chunk
  %grown.less = sub i64 %grown, 1
  %chunks = udiv i64 %grown.less, %chunk
{_load("control", LAST_TICKET, "last")}
  %ticket = add i64 %last, 1
{_store(KERNEL, "%code")}
{_store(COUNT, "%count")}
{_store(CHUNK, "%chunk")}
{_store(BACK, "%back")}
{_store(CHUNKS, "%chunks")}
{_store(LAST_TICKET, "%ticket")}
  %shared = getelementptr i64, ptr %control, i64 {OPERAND}
  %operands = load [{OPERANDS} x i64], ptr %table
  store [{OPERANDS} x i64] %operands, ptr %shared
  %ticket.slot = getelementptr i64, ptr %control, i64 {TICKET}
  %inside.slot = getelementptr i64, ptr %control, i64 {INSIDE}
  br label %reset
reset:
  %k = phi i64 [ 0, %prepare ], [ %k.next, %reset ]
  %line = mul i64 %k, {LINE}
  %slot = add i64 %line, {SEGMENT}
  %counter = getelementptr i64, ptr %control, i64 %slot
  store i64 0, ptr %counter
  %k.next = add i64 %k, 1
  %k.more = icmp ult i64 %k.next, %segments
  br i1 %k.more, label %reset, label %publish
publish:
  store atomic i64 %ticket, ptr %ticket.slot seq_cst, align 8
  call void @work(ptr %control, i64 0)
  store atomic i64 0, ptr %ticket.slot seq_cst, align 8
  br label %wait
wait:
  %waited = phi i64 [ 0, %publish ], [ %waited.next, %again ]
  %inside = load atomic i64, ptr %inside.slot seq_cst, align 8
  %waiting = icmp ne i64 %inside, 0
  br i1 %waiting, label %linger, label %done
linger:
  {pause}
  %waited.next = add i64 %waited, 1
  %long = icmp ugt i64 %waited.next, {SPIN}
  br i1 %long, label %sleep, label %again
sleep:
  %ignored = call i32 %resting(i32 1)
  br label %again
again:
  br label %wait
done:
  store atomic i64 0, ptr %busy.slot release, align 8
  ret void
}}
"""


def _operand(k: int) -> str:
    """Slot k of the kernel's table: the elements' address, read from the array object, or a scalar's bits."""
    return f"""
  %place.{k} = getelementptr i64, ptr %table, i64 {k}
  store i64 %o{k}, ptr %place.{k}
  %bit.{k} = and i64 %arrays, {1 << k}
  %scalar.{k} = icmp eq i64 %bit.{k}, 0
  %field.{k} = add i64 %o{k}, %data
  %pointer.{k} = inttoptr i64 %field.{k} to ptr
  %source.{k} = select i1 %scalar.{k}, ptr %place.{k}, ptr %pointer.{k}
  %value.{k} = load i64, ptr %source.{k}
  store i64 %value.{k}, ptr %place.{k}"""


def _serve(pause: str) -> str:
    return f"""
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
  br i1 %come, label %enter, label %check
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
check:
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
