"""`Module`: a function with parameters.

Subclass it, make parameters and children in ``__init__`` after ``super().__init__()``, and say in ``forward`` what a
call computes. What a module owns and how it is found is in `tree`, saving and loading in `state`, the machinery of
hooks in `hooks`; here is what remains: calling, converting, switching between training and evaluation, printing.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, Self, TypeVar

from ..core.device import device as Device
from ..core.dtypes import DType
from ..core.errors import NoDataError, name_constructor
from ..ops import empty_like
from ..tensors.tape import RemovableHandle
from ..tensors.tensor import Tensor
from .conversion import converted
from .hooks import Hook, add_hook, call_with_hooks
from .parameter import is_lazy
from .state import Stateful

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result", covariant=True)


class _Forwards(Protocol[Arguments, Result]):
    """What has a `forward`: calling it takes the same arguments and gives the same result."""

    @property
    def forward(self) -> Callable[Arguments, Result]: ...


def _forward_missing(self: Module, *args: Any, **kwargs: Any) -> Any:
    raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')


class Module(Stateful["Module"]):
    """The base of every layer and every model.

    >>> import wengert as torch
    >>> from wengert import nn
    >>> class Line(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.slope = nn.Parameter(torch.ones(1))
    ...     def forward(self, x):
    ...         return self.slope * x
    >>> Line()(torch.tensor([2.0]))
    tensor([2.], grad_fn=<MulBackward0>)
    """

    forward: Callable[..., Any] = _forward_missing
    dump_patches: bool = False
    call_super_init: bool = False

    def __init_subclass__(cls, **rest: Any) -> None:
        """Functions of wengert's among the attributes of a program's class (``conv = torch.conv2d``) stay functions:
        PyTorch's are builtins, which are not bound as methods."""
        super().__init_subclass__(**rest)
        package = __name__.partition(".")[0]
        if cls.__module__.partition(".")[0] == package:
            name_constructor(cls)
            return
        for name, value in list(vars(cls).items()):
            if (isinstance(value, FunctionType) and str(value.__module__).partition(".")[0] == package
                    and value.__qualname__.isidentifier()):  # no method of a layer
                setattr(cls, name, staticmethod(value))

    if TYPE_CHECKING:

        def __call__(self: _Forwards[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            """What `forward` gives, with its types, and what hooks make of it."""

    else:

        def __call__(self, *args, **kwargs):
            try:
                if self._hooks is None:
                    return self.forward(*args, **kwargs)
                return call_with_hooks(self, self._hooks, args, kwargs)
            except Exception as error:
                _note_path(error, self)
                raise

        _call_impl = _wrapped_call_impl = __call__  # PyTorch's names, for classes with a ``__call__`` of their own

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    # -- conversion ------------------------------------------------------------------------------------------------

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Calls ``fn`` on every module beneath this one and then on this one."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replaces what every parameter, gradient and buffer holds by ``fn`` of it. Parameters keep their identity."""
        for module in self.children() if recurse else ():
            module._apply(fn)
        for name, parameter in self._parameters.items():
            if parameter is not None:
                self._parameters[name] = converted(parameter, fn, f"{self._get_name()}.{name}")
        for name, buffer in self._buffers.items():
            if is_lazy(buffer):
                buffer.data = fn(buffer.data)  # type: ignore[union-attr]  # it stays without a shape
            elif buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Moves or converts parameters and buffers, in place: ``to(device)``, ``to(dtype)``, ``to(device, dtype)``,
        ``to(tensor)``. With ``memory_format`` those of four or five dimensions are laid out so.

        Only floating and complex tensors change their dtype. Raises TypeError for an integer dtype.
        """
        device, dtype = _parse_to(*args, **kwargs)
        layout = kwargs.get("memory_format")
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )

        def convert(tensor: Tensor) -> Tensor:
            wanted = dtype if tensor.is_floating_point() or tensor.is_complex() else None
            if tensor.is_meta and device is not None and Device(device).type != "meta":
                raise NoDataError("[to] Cannot copy out of meta tensor; no data! Please use torch.nn.Module.to_empty() "
                                  "instead of torch.nn.Module.to() when moving module from meta to a different device.")
            laid_out = {"memory_format": layout} if layout is not None and tensor.dim() in (4, 5) else {}
            return tensor.to(device=device, dtype=tensor.dtype if wanted is None else wanted, **laid_out)

        return self._apply(convert)

    def type(self, dst_type: Any) -> Self:
        """Converts all parameters and buffers to ``dst_type``."""
        return self._apply(lambda tensor: tensor.type(dst_type))

    def float(self) -> Self:
        """Converts floating parameters and buffers to float32."""
        return self._apply(lambda tensor: tensor.float() if tensor.is_floating_point() else tensor)

    def double(self) -> Self:
        """Converts floating parameters and buffers to float64."""
        return self._apply(lambda tensor: tensor.double() if tensor.is_floating_point() else tensor)

    def half(self) -> Self:
        """Converts floating parameters and buffers to float16."""
        return self._apply(lambda tensor: tensor.half() if tensor.is_floating_point() else tensor)

    def bfloat16(self) -> Self:
        """Converts floating parameters and buffers to bfloat16."""
        return self._apply(lambda tensor: tensor.bfloat16() if tensor.is_floating_point() else tensor)

    def cpu(self) -> Self:
        """Moves all parameters and buffers to the CPU."""
        return self._apply(lambda tensor: tensor.cpu())

    def cuda(self, device: Any = None) -> Self:
        """Moves all parameters and buffers to a GPU. Raises: there is no such back end yet."""
        return self._apply(lambda tensor: tensor.cuda(device))

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Moves parameters and buffers to ``device`` without what they hold: it is yet to be written."""
        return self._apply(lambda tensor: empty_like(tensor, device=device), recurse=recurse)

    def compile(self, **options: Any) -> None:
        """Has this module's ``forward`` run compiled from now on; the options are those of `torch.compile`."""
        from ..tracing.compiled import compile_function

        self.__dict__["forward"] = compile_function(self.forward, **options)

    def share_memory(self) -> Self:
        """Moves all parameters and buffers to shared memory, as `Tensor.share_memory_` does."""
        return self._apply(lambda tensor: tensor.share_memory_())

    # -- training --------------------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Sets ``training`` here and everywhere beneath; dropout and batch normalisation look at it."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """The same as ``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Sets ``requires_grad`` of every parameter."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops every parameter's gradient, or fills it with zeros if ``set_to_none`` is False."""
        for parameter in self.parameters():
            if parameter.grad is None:
                continue
            if set_to_none:
                parameter.grad = None
            else:
                if parameter.grad.grad_fn is not None:
                    parameter.grad.detach_()
                else:
                    parameter.grad.requires_grad_(False)
                parameter.grad.zero_()

    # -- hooks -----------------------------------------------------------------------------------------------------

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Calls ``hook(module, args)`` before every forward; what it returns, if not None, takes the arguments' place.

        With ``with_kwargs`` it is ``hook(module, args, kwargs)``, which returns None or both.
        """
        return add_hook(self._own_hooks().forward_pre, Hook(hook, with_kwargs), prepend)

    def register_forward_hook(self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False,
                              always_call: bool = False) -> RemovableHandle:
        """Calls ``hook(module, args, output)`` after every forward; what it returns, if not None, is the output then.

        With ``with_kwargs`` it is ``hook(module, args, kwargs, output)``; with ``always_call`` it also runs when
        ``forward`` has raised.
        """
        return add_hook(self._own_hooks().forward, Hook(hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(module, grad_output)`` when backward reaches the module's outputs; it may return others."""
        return add_hook(self._own_hooks().backward_pre, Hook(hook), prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(module, grad_input, grad_output)`` when backward has reached the module's inputs.

        What it returns, if not None, takes the place of ``grad_input``. Where no input requires a gradient, it is
        called as soon as the gradients of the outputs are known.
        """
        if self._own_hooks().legacy_backward:
            raise RuntimeError(_BOTH_KINDS)
        return add_hook(self._own_hooks().backward, Hook(hook), prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """The deprecated form of `register_full_backward_hook`, which sees only the last operation of ``forward``."""
        if self._own_hooks().backward:
            raise RuntimeError(_BOTH_KINDS)
        return add_hook(self._own_hooks().legacy_backward, Hook(hook))

    # -- printing --------------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What stands between the parentheses when the module is printed. Subclasses override it."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): " + _indent(repr(module)) for name, module in self._modules.items()]
        if len(lines) == 1 and not children:
            return f"{self._get_name()}({extra})"
        body = "".join(f"\n  {line}" for line in lines + children)
        return f"{self._get_name()}({body}\n)" if body else f"{self._get_name()}()"


name_constructor(Module)


_BOTH_KINDS = (
    "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only one of them."
)


def _indent(text: str) -> str:
    return text.replace("\n", "\n  ")


def _parse_to(*args: Any, **kwargs: Any) -> tuple[Any, DType | None]:
    """The device and the dtype in the arguments of `Module.to`."""
    unknown = kwargs.keys() - {"device", "dtype", "tensor", "non_blocking", "copy", "memory_format"}
    if unknown:
        raise TypeError(f"to() got an unexpected keyword argument {min(unknown)!r}; it takes device, dtype, tensor, "
                        "non_blocking, copy and memory_format")
    device, dtype = kwargs.get("device"), kwargs.get("dtype")
    given = (*args, kwargs["tensor"]) if "tensor" in kwargs else args
    for argument in given:
        if isinstance(argument, Tensor):
            device, dtype = argument.device, argument.dtype
        elif isinstance(argument, DType):
            dtype = argument
        elif isinstance(argument, (Device, str)) or (isinstance(argument, int) and not isinstance(argument, bool)):
            device = argument
        elif argument is not None and not isinstance(argument, bool):
            raise TypeError(
                f"to() received an invalid argument: a device, a dtype or a tensor was expected; got {argument!r}"
            )
    return device, dtype


def _note_path(error: Exception, module: Module) -> None:
    """Names, in a note below the error's message, the module in which it was raised.

    The innermost module is noted first, and each module outside it puts its own part in front on the way up.
    """
    inner, path = getattr(error, "_module_path", (None, f" ({module._get_name()})"))
    if inner is not None and inner is not module:
        name = next((name for name, child in module._modules.items() if child is inner), None)
        if name is None:
            return
        path = f".{name}{path}"
    notes = [note for note in getattr(error, "__notes__", ()) if not note.startswith(_NOTE)]
    error._module_path = (module, path)  # type: ignore[attr-defined]
    error.__notes__ = [*notes, f"{_NOTE}{module._get_name()}{path}" if inner is not None else f"{_NOTE}{path.strip()}"]


_NOTE = "[nn] raised in the module "
