"""The generated code that shares a kernel among threads: one job at a time, taken by whoever is there.

A job is a kernel, its operands and a number of elements, cut into chunks. The first chunk may be shorter (its
``lead``), so that the others begin where the output is aligned. The chunks are dealt out in as many segments as there
may be threads; a thread takes chunks of its own segment first (so that it meets the same part of an array again in its
own cache) and then of the others. Of two jobs one after the other, one takes the chunks of a segment from the first to
the last and the other from the last to the first: so it begins with what the cache has just been left with. The calling
thread is one of them. It never waits for a worker to come: if none does, it computes everything itself; it waits only
for those that have taken a chunk. Which thread computes a chunk never changes a result.

The control block is a table of 8-byte slots, what different threads write on different cache lines. A kernel's
descriptor is another such table.

Note [joining]: a worker counts itself in (``INSIDE``) and only then reads ``TICKET``; the caller clears ``TICKET``
and only then waits for ``INSIDE`` to reach 0. All four are sequentially consistent: either the worker sees the ticket
cleared and leaves, or the caller sees the worker and waits. A worker that counted itself in late and finds the
*next* job's ticket may join that: its fields were written before its ticket.

Note [guards]: Python runs the handler of a signal between any two of its instructions, and Ctrl-C raises there. What
must be put back, as a library's number of threads, is therefore changed and put back within one foreign call.

Note [forks]: a child has a copy of the library's own locks, and nobody to unlock those that another thread of its
parent held. So who forks waits, in one foreign call, until no kernel with the guard runs, and others that come wait
until it has forked. All of FORKS and LOCK is sequentially consistent: either who enters sees the fork, or who forks
sees that it enters.

Note [resting]: a worker may lose its processor in the middle of a chunk. The caller spins for some microseconds, and
then rests in short sleeps, so that its own processor is free for the worker.

Note [naps]: on a busy machine the caller loses its processor for some milliseconds in the middle of a program. A worker
that spun all the time would use up its own share of a processor, and one that slept until it is rung for would miss the
rest of the program, as nothing rings in it. So it looks again after short sleeps for a while: it is there soon after
the caller is, and as it has hardly run since, the system lets it run at once.
"""

from __future__ import annotations

from .code import POINTER, WORD, Code, Operand, module, word

OPERANDS = 7
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

CODE, ARRAYS, SIZE_SHIFT, LARGEST_CHUNK, SMALLEST_CHUNK, GUARD = range(6)
"""Slots of a descriptor: the kernel's address; a bit per operand, set for arrays and clear for scalars; the binary
logarithm of the output's element size; the elements of the largest chunk and of the smallest; a guard or 0."""

LOCK, USERS, FORKS, USUAL, GET, SET = range(6)
"""Slots of a guard, of a library that has threads of its own: while any kernel with this guard runs, it has one. 1
while a thread changes the guard; how many kernels run; how many threads are about to fork; the library's threads
without kernels; the addresses of its functions that tell and set how many it has. See Notes [guards] and [forks]."""

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
    float64. ``serve(control, segment, ticket, patience, naps)`` is a worker: it joins jobs until none came for
    ``patience`` rounds and then so many ``naps``, and returns the last ticket that it saw, or -1 when it was told to
    stop. See Note [naps].
    """
    processor = triple.split("-")[0]
    return module(_work(), _share(processor), _enter(), _leave(), _launch(), _serve(processor), _hush(), _resume())


def _pause(code: Code, processor: str) -> None:
    """Tells the processor that this thread spins."""
    if processor in ("x86_64", "amd64", "i686"):
        code.call("void", "llvm.x86.sse2.pause")
    elif processor in ("aarch64", "arm64"):
        code.call("void", "llvm.aarch64.hint", Operand("1", "i32"))


def _counter(code: Code, control: Operand, segment: Operand) -> Operand:
    """Where the counter of a segment stands."""
    return code.at(WORD, control, code.add(code.mul(segment, LINE), SEGMENT))


def _lower(code: Code, x: Operand, y: Operand) -> Operand:
    """The smaller of two numbers without a sign."""
    return code.call(WORD, "llvm.umin.i64", x, y)


def _higher(code: Code, x: Operand, y: Operand) -> Operand:
    """The larger of two numbers without a sign."""
    return code.call(WORD, "llvm.umax.i64", x, y)


def _work() -> Code:
    """``work(control, me)`` takes chunks of the job until there are none left, those of segment ``me`` first."""
    code = Code("work", {"control": POINTER, "me": WORD}, visible=False)
    control, me = code.parameters
    kernel = code.address(control, KERNEL)
    count, size, back, chunks, segments = (code.word(control, slot) for slot in (COUNT, CHUNK, BACK, CHUNKS, SEGMENTS))
    table = code.at(WORD, control, OPERAND)
    turned = code.compare("ne", code.binary("and", code.word(control, LAST_TICKET), 1), 0)
    each = code.div(code.sub(code.add(chunks, segments), 1), segments)
    with code.loop(segments) as turn:
        segment = code.rest(code.add(me, turn.index), segments)
        first = code.mul(segment, each)
        end = _lower(code, code.add(first, each), chunks)
        counter = _counter(code, control, segment)
        code.fall("claim")
        number = code.atomic_update("add", counter, 1, "monotonic")
        forth = code.add(first, number)
        code.branch(code.compare("ult", forth, end), "run", "exhausted")
        code.label("run")
        chunk = code.select(turned, code.sub(code.sub(end, number), 1), forth)
        start = code.sub(code.mul(chunk, size), back)
        stop = _lower(code, code.add(start, size), count)
        code.call("void", kernel, table, code.call(WORD, "llvm.smax.i64", start, word(0)), stop)
        code.jump("claim")
        code.label("exhausted")
    code.done()
    return code


_JOB = {"control": POINTER, "descriptor": POINTER, "count": WORD, **{f"operand{k}": WORD for k in range(OPERANDS)}}


def _launch() -> Code:
    code = Code("launch", _JOB)
    control, descriptor = code.parameters[:2]
    guard = code.address(descriptor, GUARD)
    guarded = code.compare("ne", code.word(descriptor, GUARD), 0)
    with code.when(guarded):
        code.call("void", "enter", control, guard)
    code.call("void", "share", *code.parameters)
    with code.when(guarded):
        code.call("void", "leave", control, guard)
    code.done()
    return code


def _enter() -> Code:
    """``enter(control, guard)``: the library has one thread, until as many have left as have entered."""
    code = Code("enter", {"control": POINTER, "guard": POINTER}, visible=False)
    guard = _locked(code, unless_forking=True)
    users = code.word(guard, USERS)
    with code.when(code.compare("eq", users, 0)):
        usual = code.convert("zext", code.call("i32", code.address(guard, GET)), WORD)
        code.store(usual, code.at(WORD, guard, USUAL), align=8)
        code.call("void", code.address(guard, SET), Operand("1", "i32"))
    code.store(code.add(users, 1), code.at(WORD, guard, USERS), align=8)
    code.atomic_store(0, code.at(WORD, guard, LOCK), "release")
    code.done()
    return code


def _leave() -> Code:
    """``leave(control, guard)``: the last to leave gives the library its threads back."""
    code = Code("leave", {"control": POINTER, "guard": POINTER}, visible=False)
    guard = _locked(code)
    users = code.sub(code.word(guard, USERS), 1)
    code.store(users, code.at(WORD, guard, USERS), align=8)
    with code.when(code.compare("eq", users, 0)):
        code.call("void", code.address(guard, SET), code.convert("trunc", code.word(guard, USUAL), "i32"))
    code.atomic_store(0, code.at(WORD, guard, LOCK), "release")
    code.done()
    return code


def _locked(code: Code, unless_forking: bool = False) -> Operand:
    """The guard, which no other thread changes until its lock is 0 again. Others are rarely met, so this rests."""
    control, guard = code.parameters
    lock = code.at(WORD, guard, LOCK)
    code.fall("knock")
    taken = code.compare("ne", code.atomic_update("xchg", lock, 1, "seq_cst"), 0)
    code.branch(taken, "taken", "mine")
    code.label("taken")
    code.call("i32", code.address(control, REST), Operand("1", "i32"))
    code.jump("knock")
    code.label("mine")
    if unless_forking:
        forks = code.atomic_load(code.at(WORD, guard, FORKS), "seq_cst")
        code.branch(code.compare("ne", forks, 0), "yield", "stay")
        code.label("yield")
        code.atomic_store(0, lock, "release")
        code.jump("taken")
        code.label("stay")
    return guard


def _hush() -> Code:
    """``hush(guard, rest)`` returns when no kernel with this guard runs, and lets none begin before `_resume`; ``rest``
    is as in a control block. See Note [forks]."""
    code = Code("hush", {"guard": POINTER, "rest": POINTER})
    guard, rest = code.parameters
    code.atomic_update("add", code.at(WORD, guard, FORKS), 1, "seq_cst")
    code.fall("look")
    changing = code.atomic_load(code.at(WORD, guard, LOCK), "seq_cst")
    users = code.atomic_load(code.at(WORD, guard, USERS), "seq_cst")
    code.branch(code.compare("ne", code.binary("or", changing, users), 0), "wait", "quiet")
    code.label("wait")
    code.call("i32", rest, Operand("1", "i32"))
    code.jump("look")
    code.label("quiet")
    code.done()
    return code


def _resume() -> Code:
    """``resume(guard)`` ends what `_hush` began."""
    code = Code("resume", {"guard": POINTER})
    code.atomic_update("sub", code.at(WORD, code.parameters[0], FORKS), 1, "seq_cst")
    code.done()
    return code


def _share(processor: str) -> Code:
    """``share`` is `launch` without a guard."""
    code = Code("share", _JOB, visible=False)
    control, descriptor, count, *given = code.parameters
    table_type = f"[{OPERANDS} x i64]"
    table = code.stack(table_type)
    kernel = code.address(descriptor, CODE)
    arrays, shift, largest, smallest = (
        code.word(descriptor, slot) for slot in (ARRAYS, SIZE_SHIFT, LARGEST_CHUNK, SMALLEST_CHUNK))
    segments, data = code.word(control, SEGMENTS), code.word(control, DATA)
    for k, operand in enumerate(given):
        _operand(code, table, k, operand, arrays, data)
    ahead = code.binary("and", code.sub(0, code.word(table, 0)), 63)
    lead = _lower(code, code.binary("lshr", ahead, shift), count)
    share = code.div(count, code.mul(segments, CHUNKS_PER_THREAD))
    share = code.binary("and", code.add(share, 63), -64)
    chunk = _lower(code, _higher(code, share, smallest), largest)
    alone = code.binary("or", code.compare("ule", count, chunk), code.compare("eq", segments, 1))
    code.branch(alone, "direct", "lock")

    code.label("direct")
    code.call("void", kernel, table, word(0), lead)
    code.call("void", kernel, table, lead, count)
    code.done()

    code.label("lock")
    busy = code.at(WORD, control, BUSY)
    taken = code.compare("ne", code.atomic_update("xchg", busy, 1, "acquire"), 0)
    code.branch(taken, "direct", "prepare")

    code.label("prepare")
    back = code.rest(code.sub(chunk, lead), chunk)
    chunks = code.div(code.sub(code.add(code.add(count, back), chunk), 1), chunk)
    ticket = code.add(code.word(control, LAST_TICKET), 1)
    for slot, value in ((KERNEL, kernel), (COUNT, count), (CHUNK, chunk), (BACK, back), (CHUNKS, chunks),
                        (LAST_TICKET, ticket)):
        code.store(value, code.at(WORD, control, slot), align=8)
    code.store(code.load(table_type, table, align=8), code.at(WORD, control, OPERAND), align=8)
    with code.loop(segments) as segment:
        code.store(word(0), _counter(code, control, segment.index), align=8)
    place, inside = code.at(WORD, control, TICKET), code.at(WORD, control, INSIDE)
    code.atomic_store(ticket, place, "seq_cst")
    code.call("void", "work", control, word(0))
    code.atomic_store(0, place, "seq_cst")
    _wait(code, inside, code.address(control, REST), processor)
    code.atomic_store(0, busy, "release")
    code.done()
    return code


def _operand(code: Code, table: Operand, k: int, given: Operand, arrays: Operand, data: Operand) -> None:
    """Slot k of the kernel's table: the elements' address, read from the array object, or a scalar's bits."""
    place = code.at(WORD, table, k)
    code.store(given, place, align=8)
    scalar = code.compare("eq", code.binary("and", arrays, 1 << k), 0)
    field = code.convert("inttoptr", code.add(given, data), POINTER)
    code.store(code.load(WORD, code.select(scalar, place, field), align=8), place, align=8)


def _wait(code: Code, inside: Operand, resting: Operand, processor: str) -> None:
    """Until no worker is inside any more: Note [resting]."""
    before = code.block
    code.fall("wait")
    waited = code.phi(WORD, (0, before))
    some = code.compare("ne", code.atomic_load(inside, "seq_cst"), 0)
    code.branch(some, "linger", "alone")
    code.label("linger")
    _pause(code, processor)
    following = code.add(waited, 1)
    with code.when(code.compare("ugt", following, SPIN)):
        code.call("i32", resting, Operand("1", "i32"))
    waited.edge(following, code.block)
    code.jump("wait")
    code.label("alone")


def _serve(processor: str) -> Code:
    code = Code("serve", {"control": POINTER, "segment": WORD, "ticket": WORD, "patience": WORD, "naps": WORD}, WORD)
    control, segment, ticket, patience, naps = code.parameters
    enough = code.add(patience, naps)
    place, inside, stop = (code.at(WORD, control, slot) for slot in (TICKET, INSIDE, STOP))
    code.fall("look")
    seen, rounds = code.phi(WORD, (ticket, "begin")), code.phi(WORD, (0, "begin"))
    now = code.atomic_load(place, "acquire")
    new = code.binary("and", code.compare("ne", now, 0), code.compare("ne", now, seen))
    code.branch(new, "enter", "check")

    code.label("enter")  # Note [joining]
    code.atomic_update("add", inside, 1, "seq_cst")
    joined = code.atomic_load(place, "seq_cst")
    code.branch(code.compare("eq", joined, 0), "late", "join")
    code.label("late")
    code.atomic_update("sub", inside, 1, "seq_cst")
    code.jump("look")
    code.label("join")
    code.call("void", "work", control, segment)
    code.atomic_update("sub", inside, 1, "seq_cst")
    code.jump("look")

    code.label("check")
    ending = code.compare("ne", code.atomic_load(stop, "monotonic"), 0)
    code.branch(ending, "stopped", "idle")
    code.label("idle")
    _pause(code, processor)
    following = code.add(rounds, 1)
    code.branch(code.compare("ugt", following, patience), "tired", "look")
    code.label("tired")
    code.branch(code.compare("ugt", following, enough), "asleep", "nap")
    code.label("nap")
    code.call("i32", code.address(control, REST), Operand("1", "i32"))
    code.jump("look")
    code.label("asleep")
    code.done(seen)
    code.label("stopped")
    code.done(word(-1))

    for block, last, spent in (("idle", seen, following), ("nap", seen, following), ("join", joined, word(0)),
                               ("late", seen, rounds)):
        seen.edge(last, block)
        rounds.edge(spent, block)
    return code
