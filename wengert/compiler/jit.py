"""From LLVM IR to callable addresses, through llvmlite: optimise, emit an object, keep it on disk, link it.

llvmlite is imported the first time something is compiled or linked, never before. Code is linked by LLJIT, one library
a module; a library's code lives as long as the `Library` object, and is freed with it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from threading import Lock, Thread
from typing import Any

from . import cache as disk
from .code import EMITTER_VERSION
from .vectors import Machine

LINKED_TOGETHER = 64
"""LLJIT keeps some kilobytes for every library that it has ever had, until it goes with the last of them: so it is
another one after so many."""


@dataclass(slots=True)
class Statistics:
    """What this process has done so far: modules compiled, and modules whose object the disk cache had."""

    compiled: int = 0
    cache_hits: int = 0


statistics = Statistics()


class Engine:
    """The host's target machine and the linker; `engine()` is the one instance."""

    def __init__(self) -> None:
        import llvmlite.binding as llvm

        self.llvm = llvm
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.triple = llvm.get_process_triple()
        self.cpu = llvm.get_host_cpu_name()
        features = llvm.get_host_cpu_features()
        self.features = features.flatten()
        self.target = self._target_machine()
        self._linker: Any = None
        self.machine = machine_of(self.triple, features)
        versions = f"emitter {EMITTER_VERSION}, llvm {llvm.llvm_version_info}"
        self.identity = "\n".join((versions, self.triple, self.cpu, self.features))
        self._names = count()
        self._lock = Lock()
        if hasattr(os, "register_at_fork"):  # a child must not begin in the middle of a compilation
            os.register_at_fork(before=self._lock.acquire, after_in_child=self._lock.release,
                                after_in_parent=self._lock.release)

    def compile(self, ir: str) -> bytes:
        """The object file of a module. Raises `RuntimeError` with LLVM's words where the IR is wrong."""
        module = self.llvm.parse_assembly(ir)
        module.triple = self.triple
        module.verify()
        return self.target.emit_object(module)

    def load(self, ir: str, *symbols: str) -> Library:
        """The linked module, its object from the disk cache where that has a sound one."""
        return self.load_all([(ir, symbols)], 1)[0]

    def load_all(self, modules: Sequence[tuple[str, Sequence[str]]], threads: int) -> list[Library]:
        """`load` of several modules, compiled by so many threads where the cache lacks them."""
        keys = [self.key(ir) for ir, _ in modules]
        with self._lock:
            trackers = [self._kept(key, symbols) for key, (_, symbols) in zip(keys, modules, strict=True)]
            missing = [number for number, tracker in enumerate(trackers) if tracker is None]
            statistics.compiled += len(missing)
            statistics.cache_hits += len(modules) - len(missing)
            compiled = self._compiled([modules[number][0] for number in missing], threads)
            for number, image in zip(missing, compiled, strict=True):
                trackers[number] = self._link(image, modules[number][1])
                disk.write(keys[number], image)
        return [Library(tracker, {symbol: tracker[symbol] for symbol in symbols}, self)
                for tracker, (_, symbols) in zip(trackers, modules, strict=True)]

    def key(self, ir: str) -> str:
        """The name of a module's object in the disk cache."""
        return disk.key_of(self.identity, ir)

    def load_kept(self, modules: Sequence[tuple[str, Sequence[str]]]) -> list[Library] | None:
        """`load_all` of modules of which the `key` is given, in the place of their texts; None where the disk cache
        lacks one."""
        found = []
        with self._lock:
            for key, symbols in modules:
                tracker = self._kept(key, symbols)
                if tracker is None:
                    return None
                found.append(Library(tracker, {symbol: tracker[symbol] for symbol in symbols}, self))
            statistics.cache_hits += len(found)
        return found

    def _kept(self, key: str, symbols: Sequence[str]) -> Any:
        """An object from the disk as a library; None where there is none that can be linked."""
        image = disk.read(key)
        if image is None:
            return None
        try:
            return self._link(image, symbols)
        except RuntimeError:
            return None

    def _compiled(self, texts: Sequence[str], threads: int) -> list[bytes]:
        """The objects of modules, the longest begun first. Raises what compiling one of them raised."""
        if threads == 1 or len(texts) < 2:
            return [self.compile(ir) for ir in texts]
        images: dict[int, bytes] = {}
        errors: list[BaseException] = []
        waiting = sorted(range(len(texts)), key=lambda number: len(texts[number]))

        def work() -> None:
            try:
                while waiting and not errors:
                    number = waiting.pop()
                    images[number] = self._compile_apart(texts[number])
            except IndexError:
                pass  # another thread has just taken the last one
            except BaseException as error:
                errors.append(error)

        workers = [Thread(target=work, name=f"wengert-compiler-{number}")
                   for number in range(1, min(threads, len(texts)))]
        try:
            for worker in workers:
                worker.start()
            work()
        finally:
            for worker in workers:
                if worker.ident is not None:
                    worker.join()
        if errors:
            raise errors[0]
        return [images[number] for number in range(len(texts))]

    def _compile_apart(self, ir: str) -> bytes:
        """`compile` with a context and a target machine of its own, which LLVM wants of each thread. llvmlite lets one
        thread at a time into LLVM; the long part goes round that."""
        from llvmlite.binding import ffi

        emit = getattr(ffi.lib.LLVMPY_TargetMachineEmitToMemory, "_cfn", ffi.lib.LLVMPY_TargetMachineEmitToMemory)
        target, module = self._target_machine(), self.llvm.parse_assembly(ir, self.llvm.create_context())
        module.triple = self.triple
        module.verify()
        with ffi.OutputString() as error:
            buffer = emit(target, module, 1, error)
            if not buffer:
                raise RuntimeError(str(error))
        try:
            return ctypes.string_at(ffi.lib.LLVMPY_GetBufferStart(buffer), ffi.lib.LLVMPY_GetBufferSize(buffer))
        finally:
            ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)

    def _target_machine(self) -> Any:
        return self.llvm.Target.from_triple(self.triple).create_target_machine(
            cpu=self.cpu, features=self.features, opt=2, reloc="pic", codemodel="small", jit=True)

    def _link(self, image: bytes, symbols: Sequence[str]) -> Any:
        """The object in memory, as a library of its own. Raises `RuntimeError` with LLVM's words where it is none."""
        builder = self.llvm.JITLibraryBuilder().add_object_img(image).add_current_process()
        for symbol in symbols:
            builder.export_symbol(symbol)
        number = next(self._names)
        if number % LINKED_TOGETHER == 0:
            self._linker = self.llvm.create_lljit_compiler(self.target)
        return builder.link(self._linker, f"kernel{number}")


@dataclass(slots=True)
class Library:
    """Linked machine code. ``addresses`` are valid as long as this object lives."""

    tracker: Any
    addresses: dict[str, int]
    engine: Engine


@cache
def engine() -> Engine:
    """The process's one engine, made at the first call (which imports llvmlite)."""
    return Engine()


def machine_of(triple: str, features: dict[str, bool]) -> Machine:
    """What generated code may use, from LLVM's names of the processor's features."""
    if not triple.startswith(("x86_64", "i686", "amd64")):
        return Machine(vector_bytes=16, fused=True, avx512=False, halves=True)
    has = features.get
    halves = bool(has("f16c"))
    if has("avx512f") and has("avx512dq") and has("avx512vl") and has("fma"):
        return Machine(vector_bytes=64, fused=True, avx512=True, halves=halves)
    return Machine(vector_bytes=32 if has("avx2") else 16, fused=bool(has("fma")), avx512=False, halves=halves)
