"""``wengert check PACKAGE``: which of the names of torch that a package's source asks for are there, by file and line.

The package is read, not run: it need not be importable, nor PyTorch installed.
"""

from __future__ import annotations

import importlib.util
import warnings
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from .finder import torch_is_wengert
from .report import Use, describe, missing_part, names_asked


class PackageError(ValueError):
    """A name of no package whose source could be read."""


def check(package: str) -> tuple[str, int]:
    """What is to be said of a package, and how many names or files stand in its way; names that PyTorch has not either
    are told, and not counted. ``package`` is the name of an installed one, or the path of a folder or file. Raises
    `PackageError`."""
    files, root = sources(package)
    uses: list[Use] = []
    unread: list[str] = []
    for file in files:
        shown = file.relative_to(root).as_posix()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of escapes in the package's strings
                uses += names_asked(file.read_bytes(), shown)
        except (SyntaxError, ValueError, OSError) as error:
            unread.append(f"  {shown} cannot be read: {error}\n")
    with torch_is_wengert():
        head, *gaps = describe(uses, package, gaps_alone=True).splitlines(keepends=True)
        missing = [each for each in {use.name for use in uses} if (gap := missing_part(each)) and gap.of_pytorch]
    if compiled := linked(files):
        unread.append(f"  {compiled} is compiled code for PyTorch's libraries, which cannot run without them\n")
    return "".join([head, *gaps, *unread]), len(missing) + len(unread)


def missing_names(package: str) -> list[str]:
    """The names of torch that an installed package's source asks for and that wengert does not have, sorted. Raises
    `PackageError`."""
    files, _ = sources(package)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asked = {use.name for file in files for use in names_asked(file.read_bytes(), file.name)}
    with torch_is_wengert():
        return sorted({gap.name for gap in map(missing_part, asked) if gap is not None and gap.of_pytorch})


def sources(package: str) -> tuple[list[Path], Path]:
    """The files of a package, and the folder that they are named from."""
    path = Path(package)
    if not package or not path.exists():
        try:
            spec = importlib.util.find_spec(package) if package.isidentifier() else None
        except (ImportError, ValueError) as error:
            raise PackageError(f"cannot find {package!r}: {error}") from error
        if spec is None or spec.origin is None:
            raise PackageError(f"cannot find a package or a path {package!r}")
        path = Path(spec.origin)
        path = path.parent if path.name == "__init__.py" else path
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    if not files:
        raise PackageError(f"there is no Python source in {package!r}")
    return files, path.parent


def linked(files: list[Path]) -> str:
    """The name of a compiled extension beside the sources that wants PyTorch's libraries; "" where there is none."""
    for folder in sorted({file.parent for file in files}):
        for suffix in EXTENSION_SUFFIXES:
            for extension in sorted(folder.glob(f"*{suffix}")):
                if b"libtorch" in extension.read_bytes() or b"libc10" in extension.read_bytes():
                    return extension.name
    return ""
