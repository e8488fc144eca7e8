"""`save` and `load`: which form an object takes, and which reader a file is for."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import IO, Any

import numpy as np

from ..core.device import device, is_meta
from ..ops.storage import UntypedStorage
from ..tensors.tensor import Tensor, wrap
from ..utils.serialization import config
from .archive import Archive, end_of_archive
from .decoding import decode
from .encoding import NotPlainError, encode
from .errors import CheckpointEndError, CheckpointError, reporting
from .files import is_path
from .layout import Arrays, HeaderError, length_of, read_arrays, write_arrays
from .legacy import MAGIC, LegacyFile
from .options import skip_data
from .reading import Reader, locator, put, tensors_in
from .writing import write_archive, write_legacy

DOCUMENT = "wengert"
"""Under this name the metadata of a safetensors file holds what is not a tensor."""

_HEAD = 512

_safe: dict[str, Any] = {}


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = pickle,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Saves an object to ``f``, a path or a binary file object. A path is replaced as a whole or not at all.

    The file is a zip archive as PyTorch's, which ``torch.load`` reads as well; or, where
    ``_use_new_zipfile_serialization`` is False, of the form that PyTorch wrote before 1.6. Memory is written whole,
    also where a tensor is a part of it, and tensors that share memory do so again when they are loaded. What is neither
    tensor nor number, string or container of such, a whole model for one, is pickled by name; `load` then asks for
    ``weights_only=False``, since loading it runs code. ``pickle_protocol`` is that of the pickle in the file, and
    ``_disable_byteorder_record`` leaves out in which order the bytes of numbers lie.

    ``pickle_module`` is a module that is used as `pickle` is: its ``Pickler`` makes the pickle. Where that is written
    in Python (dill's) PyTorch reads the file as well; where it is not, wengert alone.

    Raises RuntimeError for tensors that read one memory as numbers of two types (`wengert.io.save_plain` keeps them).

    >>> import io
    >>> import wengert as torch
    >>> file = io.BytesIO()
    >>> torch.save({"weight": torch.ones(2), "step": 3}, file)
    >>> file.seek(0)
    0
    >>> torch.load(file)
    {'weight': tensor([1., 1.]), 'step': 3}
    """
    if type(pickle_protocol) is not int or not 0 <= pickle_protocol <= pickle.HIGHEST_PROTOCOL:
        raise ValueError(f"[save] a pickle protocol must be <= {pickle.HIGHEST_PROTOCOL}; got {pickle_protocol!r}")
    if _use_new_zipfile_serialization:
        write_archive(obj, f, pickle_protocol, byteorder=not _disable_byteorder_record, module=pickle_module)
    else:
        write_legacy(obj, f, pickle_protocol, pickle_module)


def save_plain(obj: Any, f: Any) -> None:
    """Saves tensors and containers in the safetensors layout, in which nothing can be hidden: the numbers as they are
    in memory, all else as JSON in the file's header. `load` reads it; any reader of that layout finds the tensors.

    Holds tensors, numbers, strings, bytes, numpy arrays, and dicts, lists, tuples and sets of these. Of a tensor that
    is a part of a larger one the part is stored; tensors that share memory do so again when they are loaded. Raises
    TypeError, saying where it is, for anything else.

    >>> import io
    >>> file = io.BytesIO()
    >>> torch.io.save_plain({"weight": torch.ones(2), "step": 3}, file)
    >>> _ = file.seek(0)
    >>> torch.load(file)
    {'weight': tensor([1., 1.]), 'step': 3}
    """
    try:
        text, arrays = encode(obj)
        write_arrays(f, arrays, {DOCUMENT: text})
    except (NotPlainError, HeaderError) as error:
        raise TypeError(f"[save_plain] tensors, numbers, strings and containers of them were expected; {error}; use "
                        "save") from error


def save_torch(obj: Any, f: Any) -> None:
    """Saves tensors and containers as `save` does, for PyTorch's ``torch.load`` to read.

    Raises TypeError for anything that ``torch.load`` would refuse with its default ``weights_only=True``.
    """
    write_archive(obj, f, strict=True)


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Loads what `save` or PyTorch's ``torch.save`` wrote, or any ``.safetensors`` file (as a dict of tensors).

    ``f`` is a path or a binary file object, read from where it stands. The file's content says what it is, not its
    name. Unless ``weights_only`` is False, only tensors and containers can come out, and the file cannot make any code
    run. With ``weights_only=False`` a pickle in the file is run as it is: **do so only with files that you would also
    run as programs.** ``map_location``, as in PyTorch, says where tensors saved from a GPU go; here that is the CPU.
    With ``mmap=True`` numbers are read from ``f``, a path, when they are looked at, and the file must stay as it is.

    Raises `CheckpointError` for a file that is damaged, of another kind, or asks for more than it may; EOFError for an
    empty one.

    >>> model = nn.Linear(3, 2)
    >>> torch.save(model.state_dict(), "model.pt")
    >>> again = nn.Linear(3, 2)
    >>> again.load_state_dict(torch.load("model.pt"))
    <All keys matched successfully>
    >>> torch.equal(again.weight, model.weight)
    True
    """
    if weights_only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    weights_only = _forced(weights_only, pickle_module is None)
    if weights_only and pickle_load_args:
        raise TypeError(f"[load] no further arguments were expected with weights_only; got {sorted(pickle_load_args)}")
    options = {**pickle_load_args, **({} if pickle_module is None else {"module": pickle_module})}
    if skip_data.active:
        raise RuntimeError("`torch.load` called within a torch.serialization.skip_data context is not supported; call "
                           "it outside of it")
    if isinstance(map_location, (str, device)) and is_meta(map_location):
        return _on_meta(load(f, None, pickle_module, weights_only=weights_only, **pickle_load_args))
    locate = locator(map_location)
    mapped = config.load.mmap if mmap is None else mmap
    if is_path(f):
        with open(f, "rb") as file:
            if file.seekable():
                name = os.path.realpath(os.fsdecode(f)) if mapped else None
                return _from_file(file, locate, weights_only, options, name)
            return _from_file(io.BytesIO(file.read()), locate, weights_only, options)
    if mapped:
        raise ValueError("[load] f must be a file path in order to use the mmap argument; got "
                         f"{type(f).__name__}")
    if not hasattr(f, "read"):
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'read' attribute; got "
            f"{type(f).__name__}"
        )
    data = f.read()
    if not isinstance(data, (bytes, bytearray)):
        raise (CheckpointError if data else CheckpointEndError)(
            f"[load] a file of bytes was expected; reading it gave {type(data).__name__}; open it with 'rb'"
        )
    own = io.BytesIO(_own_part(f, data))
    made = _from_file(own, locate, weights_only, options)
    if _is_legacy(data) and hasattr(f, "seek") and hasattr(f, "tell"):
        f.seek(f.tell() - len(data) + own.tell())
    return made


def _forced(weights_only: bool | None, default: bool) -> bool:
    """Whether only tensors and containers may come out, by the argument and by PyTorch's two environment variables."""
    always, never = (os.environ.get(f"TORCH_FORCE_{word}_LOAD", "0") in ("1", "y", "yes", "true")
                     for word in ("WEIGHTS_ONLY", "NO_WEIGHTS_ONLY"))
    if always and never:
        raise RuntimeError("[load] Only one of TORCH_FORCE_WEIGHTS_ONLY_LOAD and TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD "
                           "should be set, but both were set")
    if always:
        return True
    if weights_only is None:
        return default and not never
    return weights_only


def _own_part(f: Any, data: bytes | bytearray) -> bytes | bytearray:
    """Of what was read of a file object the part that `load` is to look at: a file that says where it ends is looked at
    alone, and the object is left there, so that what was saved behind it can be loaded next."""
    if not hasattr(f, "seek") or not hasattr(f, "tell"):
        return data
    if data[8:9] == b"{":
        length = length_of(data)
    elif data.startswith(b"PK"):
        length = end_of_archive(data)
    else:
        length = len(data)
    if length < len(data):
        f.seek(f.tell() - len(data) + length)
    return data[:length]


def _on_meta(made: Any) -> Any:
    """What was read, its tensors on the meta device."""
    for tensor in tensors_in(made):
        tensor.data = tensor.data.to("meta")
    return made


def _from_file(file: IO[bytes], locate: Any, weights_only: bool, options: dict[str, Any],
               mapped: str | None = None) -> Any:
    head = file.read(_HEAD)
    if not head:
        raise CheckpointEndError(
            "[load] a checkpoint (a safetensors file, or a file of PyTorch's) was expected; got an empty file, or one "
            "that was read to its end: seek(0) first"
        )
    if _is_pytorch(head):
        if mapped is not None and not head.startswith(b"PK"):
            raise RuntimeError("[load] mmap can only be used with files of safetensors, and those that PyTorch writes "
                               "since 1.6; this one is older: save it anew")
        archive = Archive(file, mapped) if head.startswith(b"PK") else LegacyFile(file)
        reader = Reader(archive, locate, _safe)
        return reader.restricted() if weights_only else reader.unrestricted(**options)
    refuse_others(head)
    arrays, metadata = read_arrays(file, mapped)
    if DOCUMENT in metadata:
        made = decode(metadata[DOCUMENT], arrays)
    else:
        with reporting("a safetensors file"):
            made = tensors_of(arrays)
    return put(made, [(UntypedStorage(array), "cpu") for array in arrays.values()], locate)


def _is_pytorch(head: bytes) -> bool:
    return head.startswith(b"PK") or _is_legacy(head)


def _is_legacy(head: bytes | bytearray) -> bool:
    return head.startswith(b"\x80") and MAGIC in head[:32]


def tensors_of(arrays: Arrays) -> dict[str, Any]:
    """Tensors around arrays. Raises for dtypes that only numpy has."""
    tensors = {}
    for name, array in arrays.items():
        tensors[name] = wrap(array)
        tensors[name].dtype  # noqa: B018  (raises where there is none)
    return tensors


def refuse_others(head: bytes) -> None:
    """Raises `CheckpointError`, saying what the file is, unless it may be in the safetensors layout."""
    if head[8:9] == b"{":
        return
    if not head:
        kind = "an empty file"
    elif _is_pytorch(head):
        kind = "a file of PyTorch's; read it with load"
    elif head[257:262] == b"ustar":
        kind = (
            "a tar archive, as PyTorch before 0.1.10 wrote, which wengert does not read; load it in PyTorch and save "
            "it again"
        )
    elif MAGIC.startswith(head[2:]) and head[0] == 0x80:
        raise CheckpointEndError("[load] a checkpoint was expected; got the first bytes of one; take the file from "
                                 "where it was written once more")
    elif head[0] == 0x80 and len(head) > 1 and head[1] <= 5:
        kind = (
            "a bare pickle, which wengert does not read; if you trust it, open it with Python's pickle, which runs "
            "what it says, and save its tensors with save"
        )
    else:
        kind = f"a file that begins with {head[:8]!r}; it is of another kind, or damaged"
    raise CheckpointError(
        f"[load] a checkpoint (a safetensors file, or a file of PyTorch's) was expected; got {kind}"
    )


# -- names that the user declares safe ---------------------------------------------------------------------------------


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Lets `load` with ``weights_only=True`` bring in these classes and functions (or pairs of one and its full name).

    Files may then make objects of these classes, set their state, and call these functions, with any arguments.

    >>> import datetime
    >>> torch.serialization.add_safe_globals([datetime.date])
    >>> datetime.date in torch.serialization.get_safe_globals()
    True
    >>> torch.serialization.clear_safe_globals()
    """
    for item in safe_globals:
        value, name = item if isinstance(item, tuple) else (item, f"{item.__module__}.{item.__qualname__}")
        _safe[name] = value


def get_safe_globals() -> list[Any]:
    """What `add_safe_globals` has been given.

    >>> torch.serialization.get_safe_globals()
    []
    """
    return list(_safe.values())


def clear_safe_globals() -> None:
    """Forgets what `add_safe_globals` has been given.

    >>> torch.serialization.clear_safe_globals()
    >>> torch.serialization.get_safe_globals()
    []
    """
    _safe.clear()


@contextmanager
def safe_globals(safe_globals: list[Any]) -> Iterator[None]:
    """A context in which these classes and functions are safe, as after `add_safe_globals`.

    >>> import datetime
    >>> torch.save({"day": datetime.date(2026, 1, 1)}, "day.pt")
    >>> with torch.serialization.safe_globals([datetime.date]):
    ...     torch.load("day.pt")
    {'day': datetime.date(2026, 1, 1)}
    """
    before = dict(_safe)
    add_safe_globals(safe_globals)
    try:
        yield
    finally:
        clear_safe_globals()
        _safe.update(before)


def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """The names that a file of PyTorch's asks for and that `load` would refuse, sorted; nothing of it is run. A file
    in wengert's own layout asks for none.

    >>> import io
    >>> file = io.BytesIO()
    >>> torch.save(nn.Linear(1, 1), file)
    >>> torch.serialization.get_unsafe_globals_in_checkpoint(file)
    ['wengert.nn.layers.linear.Linear']
    """
    with open(f, "rb") if is_path(f) else nullcontext(f) as file:
        file.seek(0)
        head = file.read(_HEAD)
        if not _is_pytorch(head):
            refuse_others(head)
            return []
        return Reader(Archive(file) if head.startswith(b"PK") else LegacyFile(file), locator(None), _safe).refused()


def save_file(
    tensors: dict[str, Any], filename: str | os.PathLike[str], metadata: dict[str, str] | None = None
) -> None:
    """Writes a dict of tensors as a plain ``.safetensors`` file, for any reader of that format; atomically.

    Tensors that share memory are each written whole. Raises TypeError for anything but a dict of tensors, for metadata
    that are no strings, and for complex128, which the format lacks; ValueError for names that it cannot hold.
    """
    if not isinstance(tensors, dict) or not all(
        isinstance(k, str) and isinstance(v, Tensor) for k, v in tensors.items()
    ):
        raise TypeError("[save_file] a dict of tensors by name was expected; use save for anything else")
    if metadata is not None and not all(type(part) is str for pair in metadata.items() for part in pair):
        raise TypeError("[save_file] strings by name were expected as metadata; got others; make them strings")
    arrays = {}
    for name, tensor in tensors.items():
        array = tensor._concrete("save_file")
        if array.dtype == np.complex128:
            raise TypeError("[save_file] a type that safetensors has was expected; got complex128; use save for it")
        arrays[name] = np.ascontiguousarray(array).reshape(array.shape)
    write_arrays(filename, arrays, metadata)


def load_file(filename: str | os.PathLike[str], device: Any = "cpu") -> dict[str, Any]:
    """The tensors of a ``.safetensors`` file by name. Raises `CheckpointError` for a damaged one, or another kind."""
    locator(device)
    with open(filename, "rb") as file, reporting("a safetensors file"):
        refuse_others(file.read(_HEAD))
        return tensors_of(read_arrays(file)[0])
