"""``torch._dynamo.exc``: what programs catch around a compiled function. A function that cannot be recorded is a
`TraceError` here, which is what `Unsupported` names; the others are reasons of PyTorch's recorder, never raised here.
"""

from __future__ import annotations

from ..core.errors import TraceError

Unsupported = TraceError


class TorchDynamoException(RuntimeError):
    """What PyTorch's recorder raises derives from this."""


class BackendCompilerFailed(TorchDynamoException):
    """A back end of others has failed: there are none here."""


class FailOnRecompileLimitHit(Exception):
    """A function was to be recorded too often: here it runs as it is."""


class InternalTorchDynamoError(TorchDynamoException):
    """A mistake of the recorder itself."""


class RecompileError(TorchDynamoException):
    """A function was to be recorded again though that was forbidden."""


class ResetRequired(TorchDynamoException):
    """The back end was changed between two calls."""


class TorchRuntimeError(TorchDynamoException):
    """An operation failed on tensors without numbers."""


class UncapturedHigherOrderOpError(TorchDynamoException):
    """A function that takes functions could not be recorded."""


class UserError(TorchDynamoException):
    """The program asked for what cannot be."""


class RestartAnalysis(TorchDynamoException):
    """The recorder begins anew."""


class TensorifyScalarRestartAnalysis(RestartAnalysis):
    """The recorder begins anew, as a number was to be a tensor."""
