"""``torch.hub``: models that are downloaded, with their code, from repositories. wengert downloads no programs."""

from __future__ import annotations

import os
import re
from typing import Any, NoReturn
from urllib.parse import urlparse as urlparse

from ._public import publish as _publish

__all__ = [
    "download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir",
]

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
"""Where the name of a file of weights has the beginning of its SHA-256."""

_folder: str | None = None


def _refuse(what: str, instead: str) -> NotImplementedError:
    return NotImplementedError(f"[hub.{what}] wengert downloads nothing from hubs; {instead}")


def load(repo_or_dir: Any, model: str, *args: Any, **options: Any) -> NoReturn:
    """Raises NotImplementedError: it would download and run a program of ``repo_or_dir``.

    >>> torch.hub.load("someone/models", "resnet18")
    Traceback (most recent call last):
        ...
    NotImplementedError: [hub.load] wengert downloads nothing from hubs; take the ...
    """
    raise _refuse("load", f"take the source of {model!r} from {repo_or_dir!r} yourself, import it, and load its "
                          "weights with torch.load")


def list(github: Any, *args: Any, **options: Any) -> NoReturn:
    """Raises NotImplementedError.

    >>> torch.hub.list("someone/models")
    Traceback (most recent call last):
        ...
    NotImplementedError: [hub.list] wengert downloads nothing from hubs; look at ...
    """
    raise _refuse("list", f"look at {github!r} itself")


def help(github: Any, model: str, *args: Any, **options: Any) -> NoReturn:
    """Raises NotImplementedError.

    >>> torch.hub.help("someone/models", "resnet18")
    Traceback (most recent call last):
        ...
    NotImplementedError: [hub.help] wengert downloads nothing from hubs; look at ...
    """
    raise _refuse("help", f"look at {github!r} itself")


def load_state_dict_from_url(url: str, *args: Any, **options: Any) -> NoReturn:
    """Raises NotImplementedError.

    >>> torch.hub.load_state_dict_from_url("https://example.com/model.pt")
    Traceback (most recent call last):
        ...
    NotImplementedError: [hub.load_state_dict_from_url] wengert downloads nothing ...
    """
    raise _refuse("load_state_dict_from_url", f"download {url!r} yourself and torch.load the file")


def download_url_to_file(url: str, dst: str, *args: Any, **options: Any) -> NoReturn:
    """Raises NotImplementedError.

    >>> torch.hub.download_url_to_file("https://example.com/model.pt", "model.pt")
    Traceback (most recent call last):
        ...
    NotImplementedError: [hub.download_url_to_file] wengert downloads nothing from ...
    """
    raise _refuse("download_url_to_file", f"download {url!r} to {dst!r} yourself")


def _get_torch_home() -> str:
    cache = os.environ.get("XDG_CACHE_HOME", os.path.join("~", ".cache"))
    return os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(cache, "torch")))


def get_dir() -> str:
    """The folder where PyTorch would keep what it downloaded.

    >>> torch.hub.get_dir().endswith("hub")
    True
    """
    return os.path.join(_get_torch_home(), "hub") if _folder is None else _folder


def set_dir(d: str | os.PathLike[str]) -> None:
    """Sets the folder that `get_dir` gives. Raises TypeError for what is no path.

    >>> before = torch.hub.get_dir()
    >>> torch.hub.set_dir("models")
    >>> torch.hub.get_dir()
    'models'
    >>> torch.hub.set_dir(before)
    """
    global _folder
    _folder = os.path.expanduser(d)


# PyTorch imports the class of progress bars here, and packages take it from here.
_publish(__name__, late={"std": "tqdm"}, base="tqdm")
