"""Getting files: downloads with checksums and a progress bar, and archives unpacked without leaving their folder.

Every file is written beside its place under a temporary name and moved there when it is whole and its checksum is
right (Note [atomic] in `io.files`), so that an interrupted download leaves nothing that looks like a data set.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import shutil
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterable, Sequence
from http.client import HTTPException
from pathlib import PurePosixPath
from typing import IO, Any

from ...io.files import replacing

Path = str | os.PathLike[str]
CHUNK = 1 << 18
SECONDS_WITHOUT_AN_ANSWER = 30
# What can go wrong between here and a server.
NETWORK_ERRORS = (OSError, HTTPException)


def calculate_md5(fpath: Path, chunk_size: int = 1 << 20) -> str:
    """The MD5 checksum of a file, in hexadecimal digits."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(fpath, "rb") as file:
        while chunk := file.read(chunk_size):
            digest.update(chunk)
    return digest.hexdigest()


def check_md5(fpath: Path, md5: str, **kwargs: Any) -> bool:
    """Whether a file has the checksum."""
    return calculate_md5(fpath, **kwargs) == md5


def check_integrity(fpath: Path, md5: str | None = None) -> bool:
    """Whether a file is there and has the checksum, if one is given."""
    return os.path.isfile(fpath) and (md5 is None or check_md5(fpath, md5))


def _progress(total: int | None, what: str) -> Any:
    """A bar that counts bytes: in a terminal a line, in a notebook a widget."""
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError("downloads show their progress with tqdm: pip install 'wengert[vision]'") from error
    return tqdm(total=total, unit="B", unit_scale=True, desc=what)


def _fetch(url: str, target: str, md5: str | None) -> None:
    """Downloads one file. Raises what the network raises, and RuntimeError for a wrong checksum."""
    request = urllib.request.Request(url, headers={"User-Agent": "wengert"})
    digest = hashlib.md5(usedforsecurity=False)
    with urllib.request.urlopen(request, timeout=SECONDS_WITHOUT_AN_ANSWER) as answer, replacing(target) as file:
        total = answer.length
        with _progress(total, os.path.basename(target)) as bar:
            received = 0
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                digest.update(chunk)
                received += len(chunk)
                bar.update(len(chunk))
        if total is not None and received != total:
            raise RuntimeError(f"the connection ended after {received} of {total} bytes")
        if md5 is not None and digest.hexdigest() != md5:
            raise RuntimeError(f"its MD5 checksum should be {md5}, and is {digest.hexdigest()}")


def download_from(urls: Sequence[str], target: Path, md5: str | None = None) -> None:
    """Downloads a file from the first of several addresses that has it, unless it is there with this checksum.

    Raises RuntimeError, which lists what each address answered.
    """
    target = os.fspath(target)
    if check_integrity(target, md5):
        return
    os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
    answers = []
    for url in urls:
        if not url.startswith(("https://", "http://")):
            raise ValueError(f"[download] an address that begins with https:// or http:// was expected; got {url!r}")
        try:
            return _fetch(url, target, md5)
        except (*NETWORK_ERRORS, RuntimeError) as error:
            answers.append(f"  {url}: {getattr(error, 'reason', None) or error or type(error).__name__}")
    raise RuntimeError(f"[download] {os.path.basename(target)} could not be downloaded:\n" + "\n".join(answers) + "\n"
                       f"If this machine has no network, get the file elsewhere and put it at {target}")


def download_url(
    url: str, root: Path, filename: Path | None = None, md5: str | None = None, max_redirect_hops: int = 3
) -> None:
    """Downloads a file into the folder ``root``; see `download_from`. (Redirects are followed as `urllib` does.)"""
    root = os.path.expanduser(root)
    download_from([url], os.path.join(root, filename or os.path.basename(url)), md5)


def download_and_extract_archive(
    url: str,
    download_root: Path,
    extract_root: Path | None = None,
    filename: Path | None = None,
    md5: str | None = None,
    remove_finished: bool = False,
) -> None:
    """`download_url`, then `extract_archive` into ``extract_root``, by default the folder of the download."""
    download_root = os.path.expanduser(download_root)
    archive = os.path.join(download_root, filename or os.path.basename(url))
    download_url(url, download_root, filename, md5)
    extract_archive(archive, extract_root or download_root, remove_finished)


_COMPRESSIONS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_ALIASES = {".tgz": ".tar.gz", ".tbz": ".tar.bz2", ".tbz2": ".tar.bz2"}


def open_compressed(path: Path) -> IO[bytes]:
    """A file for reading, through the decompression that its name asks for."""
    opener = _COMPRESSIONS.get(os.path.splitext(path)[1])
    file: IO[bytes] = open(path, "rb") if opener is None else opener(path, "rb")
    return file


def extract_archive(from_path: Path, to_path: Path | None = None, remove_finished: bool = False) -> str:
    """Unpacks a ``.tar`` (``.gz``, ``.bz2``, ``.xz``, ``.tgz``), a ``.zip``, or a compressed file into a folder.

    Returns the folder, or the one file. Only folders and plain files are made: raises RuntimeError, before anything is
    written, for an archive with links or devices, or with names that lead out of the folder.
    """
    path = os.fspath(from_path)
    folder = os.fspath(os.path.dirname(path) if to_path is None else to_path)
    stem, suffix = os.path.splitext(path)
    if suffix in _ALIASES:
        path_as_named = stem + _ALIASES[suffix]
        stem, suffix = os.path.splitext(path_as_named)
    inner = os.path.splitext(stem)[1]
    if suffix == ".zip":
        _unpack_zip(path, folder)
    elif suffix == ".tar" or (suffix in _COMPRESSIONS and inner == ".tar"):
        _unpack_tar(path, folder)
    elif suffix in _COMPRESSIONS:
        folder = os.path.join(folder, os.path.basename(stem))
        with open_compressed(path) as source, replacing(folder) as target:
            shutil.copyfileobj(source, target, CHUNK)
    else:
        known = sorted({".tar", ".zip", *_ALIASES, *_COMPRESSIONS})
        raise RuntimeError(f"Unknown compression or archive type: {suffix!r}. Known suffixes are: {known}.")
    if remove_finished:
        os.remove(path)
    return folder


def _place(folder: str, name: str, archive: str) -> str:
    """Where a member of an archive goes. Raises RuntimeError if that is outside of the folder."""
    parts = PurePosixPath(name.replace("\\", "/"))
    target = os.path.realpath(os.path.join(folder, *parts.parts))
    inside = os.path.realpath(folder)
    if parts.is_absolute() or ":" in name or os.path.commonpath([inside, target]) != inside:
        raise RuntimeError(f"[extract_archive] {archive} has a member that leads out of its folder: {name!r}")
    return target


def _unpack_tar(path: str, folder: str) -> None:
    with tarfile.open(path) as archive:
        members = archive.getmembers()
        for member in members:
            if not (member.isfile() or member.isdir()):
                raise RuntimeError(f"[extract_archive] {path} has a member that is no plain file: {member.name!r}")
            _place(folder, member.name, path)
        for member in members:
            source = archive.extractfile(member)
            _unpack_member(source, _place(folder, member.name, path))


def _unpack_zip(path: str, folder: str) -> None:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            _place(folder, member.filename, path)
        for member in archive.infolist():
            source = None if member.is_dir() else archive.open(member)
            _unpack_member(source, _place(folder, member.filename, path))


def _unpack_member(source: IO[bytes] | None, target: str) -> None:
    """Writes one file, or makes a folder where there is no source."""
    os.makedirs(target if source is None else os.path.dirname(target), exist_ok=True)
    if source is not None:
        with source, replacing(target) as file:
            shutil.copyfileobj(source, file, CHUNK)


def list_dir(root: Path, prefix: bool = False) -> list[str]:
    """The folders in a folder, with ``prefix`` with its path."""
    return _listed(root, prefix, os.path.isdir)


def list_files(root: Path, suffix: str | tuple[str, ...], prefix: bool = False) -> list[str]:
    """The files in a folder whose names end so, with ``prefix`` with its path."""
    return [name for name in _listed(root, prefix, os.path.isfile) if name.endswith(suffix)]


def _listed(root: Path, prefix: bool, kind: Callable[[str], bool]) -> list[str]:
    root = os.path.expanduser(root)
    names = [name for name in os.listdir(root) if kind(os.path.join(root, name))]
    return [os.path.join(root, name) for name in names] if prefix else names


def verify_str_arg(
    value: Any, arg: str | None = None, valid_values: Iterable[str] | None = None, custom_msg: str | None = None
) -> str:
    """``value``, if it is a string, and one of ``valid_values`` if there are any. Raises ValueError."""
    if not isinstance(value, str):
        place = "" if arg is None else f" for argument {arg}"
        raise ValueError(f"Expected type str{place}, but got type {type(value)}.")
    if valid_values is not None and value not in (known := tuple(valid_values)):
        listed = ", ".join(repr(one) for one in known)
        raise ValueError(custom_msg or f"Unknown value {value!r} for argument {arg}. Valid values are {{{listed}}}.")
    return value
