"""The tree that a model is: named parameters, buffers and children, how they are adopted, found and walked.

The one idea: a module keeps three dictionaries, ``_parameters``, ``_buffers`` and ``_modules``, beside its ordinary
attributes. Assigning a `Parameter`, a `Buffer` or another module puts it into its dictionary; reading an attribute
looks there when Python finds nothing in the usual places. `Stateful` and `Module` build on this class, and
`Module` says that it is the ``Child`` of the types here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Set
from typing import Any, Generic, TypeVar

from ..tensors.tensor import Tensor
from .parameter import Buffer, Parameter

Child = TypeVar("Child", bound="ModuleTree[Any]")
# Where a name may be found: the dictionary, what its members are called, and the types that error messages expect.
_TABLES = (
    ("_parameters", "parameter", "torch.nn.Parameter or None"),
    ("_modules", "child module", "torch.nn.Module or None"),
    ("_buffers", "buffer", "torch.nn.Buffer, torch.Tensor or None"),
)


registration_hooks: dict[str, OrderedDict[int, Callable[..., Any]]] = {table: OrderedDict() for table, _, _ in _TABLES}
"""Functions that see, and may replace, what any module adopts, by the dictionary that it goes into."""


def type_name(value: object) -> str:
    """How error messages name a value's type: ``torch.FloatTensor``, ``int``, ``package.module.Class``."""
    if isinstance(value, Tensor):
        return value.type()
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


class ModuleTree(Generic[Child]):
    """A node of the tree: what it owns by name, and what lies beneath it."""

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Child | None]
    _non_persistent_buffers_set: set[str]

    def __init__(self) -> None:
        # Written past __setattr__, which needs them to be there.
        self.__dict__.update(training=True, _parameters={}, _buffers={}, _non_persistent_buffers_set=set(), _modules={})

    # -- attributes ------------------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        if "_parameters" in own and name in own["_parameters"]:
            return own["_parameters"][name]
        if "_modules" in own and name in own["_modules"]:
            return own["_modules"][name]
        if "_buffers" in own and name in own["_buffers"]:
            return own["_buffers"][name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter):
            if type(self).register_parameter is _OWN["parameter"]:
                self._adopt("_parameters", "parameters", name, value)
            else:  # a program's, which may change what it registers
                self._make_room("_parameters", "parameters", name)
                self.register_parameter(name, value)
        elif isinstance(value, ModuleTree):
            self._adopt("_modules", "module", name, value)
        elif isinstance(value, Buffer):
            if name in self.__dict__:
                raise KeyError(f"attribute '{name}' already exists")
            if type(self).register_buffer is _OWN["buffer"]:
                self._adopt("_buffers", "buffers", name, value)
            else:
                self._make_room("_buffers", "buffers", name)
                self.register_buffer(name, value, value.persistent)
            (set.discard if value.persistent else set.add)(self._non_persistent_buffers_set, name)
        else:
            for table, kind, expected in _TABLES:
                if name in self.__dict__.get(table, ()):
                    if value is not None and not (table == "_buffers" and isinstance(value, Tensor)):
                        raise TypeError(f"cannot assign '{type_name(value)}' as {kind} '{name}' ({expected} expected)")
                    self.__dict__[table][name] = value
                    return
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        for table, _, _ in _TABLES:
            if name in self.__dict__.get(table, ()):
                del self.__dict__[table][name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        names = {*dir(type(self)), *self.__dict__, *self._parameters, *self._modules, *self._buffers}
        return sorted(name for name in names if not name[:1].isdigit())

    def _adopt(self, table: str, plural: str, name: str, value: Any) -> None:
        """Puts ``value`` into ``table`` and takes its name away from wherever else it stood."""
        if table == "_parameters":
            _check_leaf(name, value)
        self._make_room(table, plural, name)
        self.__dict__[table][name] = self._seen_by_hooks(table, name, value)

    def _make_room(self, table: str, plural: str, name: str) -> None:
        if table not in self.__dict__:
            raise AttributeError(f"cannot assign {plural} before Module.__init__() call")
        self.__dict__.pop(name, None)
        for other, _, _ in _TABLES:
            if other != table:
                self.__dict__[other].pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def _seen_by_hooks(self, table: str, name: str, value: Any) -> Any:
        for hook in list(registration_hooks[table].values()):
            changed = hook(self, name, value)
            value = value if changed is None else changed
        return value

    # -- registration ----------------------------------------------------------------------------------------------

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Adds a parameter under ``name``; None reserves the name.

        Raises TypeError, KeyError or ValueError for a bad value, a bad or taken name, or a tensor with a history.
        """
        self._check_new_name("_parameters", "parameter", name)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{type_name(param)}' object to parameter '{name}' (torch.nn.Parameter or None required)"
            )
        if param is not None:
            _check_leaf(name, param)
        self._parameters[name] = None if param is None else self._seen_by_hooks("_parameters", name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Adds a tensor that belongs to the module's state but is not a parameter.

        A buffer that is not ``persistent`` stays out of `state_dict`. None reserves the name. Raises TypeError or
        KeyError for a bad value, or a bad or taken name.
        """
        self._check_new_name("_buffers", "buffer", name)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{type_name(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        self._buffers[name] = self._seen_by_hooks("_buffers", name, tensor)
        (set.discard if persistent else set.add)(self._non_persistent_buffers_set, name)

    def add_module(self, name: str, module: Child | None) -> None:
        """Adds a child under ``name``; None reserves the name.

        Raises TypeError or KeyError for a bad value, or a bad or taken name.
        """
        if module is not None and not isinstance(module, ModuleTree):
            raise TypeError(f"{type_name(module)} is not a Module subclass")
        self._check_new_name("_modules", "module", name)
        self._modules[name] = self._seen_by_hooks("_modules", name, module)

    def register_module(self, name: str, module: Child | None) -> None:
        """The same as `add_module`."""
        self.add_module(name, module)

    def _check_new_name(self, table: str, kind: str, name: str) -> None:
        if table not in self.__dict__:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {type_name(name)}")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain "."' + (f", got: {name}" if kind == "module" else ""))
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if hasattr(self, name) and name not in self.__dict__[table]:
            raise KeyError(f"attribute '{name}' already exists")

    # -- finding ---------------------------------------------------------------------------------------------------

    def get_submodule(self, target: str) -> Child:
        """The module at the dotted path ``target``; the empty string is this module. Raises AttributeError."""
        found: Any = self
        for name in target.split(".") if target else ():
            if not hasattr(found, name):
                raise AttributeError(f"{found._get_name()} has no attribute `{name}`")
            found = getattr(found, name)
            if not isinstance(found, ModuleTree):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return found

    def set_submodule(self, target: str, module: Child, strict: bool = False) -> None:
        """Puts ``module`` at the dotted path ``target``. With ``strict`` there must be one already."""
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, ModuleTree):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), ModuleTree):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at the dotted path ``target``. Raises AttributeError."""
        found = self._get_member(target)
        if not isinstance(found, Parameter):
            raise AttributeError(f"`{target.rpartition('.')[2]}` is not an nn.Parameter")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at the dotted path ``target``. Raises AttributeError."""
        found = self._get_member(target)
        path, _, name = target.rpartition(".")
        if name not in self.get_submodule(path)._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return found

    def _get_member(self, target: str) -> Any:
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        if not hasattr(owner, name):
            raise AttributeError(f"{owner._get_name()} has no attribute `{name}`")
        return getattr(owner, name)

    def _get_name(self) -> str:
        return type(self).__name__

    # -- walking ---------------------------------------------------------------------------------------------------

    def _named_members(self, get_members_fn: Callable[[Child], Any], prefix: str = "", recurse: bool = True,
                       remove_duplicate: bool = True) -> Iterator[tuple[str, Any]]:
        seen: set[Any] = set()
        all_modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        modules: Any = all_modules if recurse else ((prefix, self),)
        for path, module in modules:
            for name, member in get_members_fn(module):
                if member is None or member in seen:
                    continue
                if remove_duplicate:
                    seen.add(member)
                yield (f"{path}.{name}" if path else name), member

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their dotted paths, each once unless ``remove_duplicate`` is False."""
        return self._named_members(lambda module: module._parameters.items(), prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, of this module alone unless ``recurse``."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their dotted paths, each once unless ``remove_duplicate`` is False."""
        return self._named_members(lambda module: module._buffers.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, of this module alone unless ``recurse``."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_children(self) -> Iterator[tuple[str, Child]]:
        """The direct children with their names, each once."""
        seen: set[Child] = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Child]:
        """The direct children."""
        for _, module in self.named_children():
            yield module

    def named_modules(
        self, memo: Set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Child]]:
        """This module and all beneath it with their dotted paths, parents first.

        ``memo`` is a set of modules to leave out; it grows with those that are found.
        """
        seen: Any = set() if memo is None else memo
        if self in seen:
            return
        if remove_duplicate:
            seen.add(self)
        yield prefix, self  # type: ignore[misc]  # every node of the tree is one of its children
        for name, module in self._modules.items():
            if module is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(seen, path, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Child]:
        """This module and all beneath it, each once unless ``remove_duplicate`` is False."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module


_OWN = {"parameter": ModuleTree.register_parameter, "buffer": ModuleTree.register_buffer}
"""How wengert registers; programs may put their own in the place of these methods (accelerate's empty weights do)."""


def _check_leaf(name: str, parameter: Parameter) -> None:
    if parameter.grad_fn is not None:
        raise ValueError(
            f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. To "
            f"express '{name}' as a function of another Tensor, compute the value in the forward() method."
        )
