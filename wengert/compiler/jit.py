"""From LLVM IR to callable addresses, through llvmlite: optimise, emit an object, keep it on disk, link it.

llvmlite is imported the first time something is compiled or linked, never before. Code is linked by LLJIT, one library
a module; a library's code lives as long as the `Library` object, and is freed with it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from threading import Lock
from typing import Any

from . import cache as disk
from .code import EMITTER_VERSION
from .vectors import Machine


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
        self.target = llvm.Target.from_triple(self.triple).create_target_machine(
            cpu=self.cpu, features=self.features, opt=2, reloc="pic", codemodel="small", jit=True)
        self.linker = llvm.create_lljit_compiler(self.target)
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
        key = disk.key_of(self.identity, ir)
        with self._lock:
            image = disk.read(key)
            tracker = self._linked(image, symbols) if image is not None else None
            if tracker is None:
                image = self.compile(ir)
                statistics.compiled += 1
                tracker = self._link(image, symbols)
                disk.write(key, image)
            else:
                statistics.cache_hits += 1
        return Library(tracker, {symbol: tracker[symbol] for symbol in symbols}, self)

    def _link(self, image: bytes, symbols: Sequence[str]) -> Any:
        """The object in memory, as a library of its own. Raises `RuntimeError` with LLVM's words where it is none."""
        builder = self.llvm.JITLibraryBuilder().add_object_img(image).add_current_process()
        for symbol in symbols:
            builder.export_symbol(symbol)
        return builder.link(self.linker, f"kernel{next(self._names)}")

    def _linked(self, image: bytes, symbols: Sequence[str]) -> Any:
        """The same for an object from the disk; None where it cannot be linked."""
        try:
            return self._link(image, symbols)
        except RuntimeError:
            return None


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
        return Machine(vector_bytes=16, fused=True, avx512=False)
    has = features.get
    if has("avx512f") and has("avx512dq") and has("avx512vl") and has("fma"):
        return Machine(vector_bytes=64, fused=True, avx512=True)
    return Machine(vector_bytes=32 if has("avx2") else 16, fused=bool(has("fma")), avx512=False)
