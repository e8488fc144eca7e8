"""``torch._C._functorch``: what packages ask about tensors inside function transformations."""

from __future__ import annotations

from ...._missing import answers

is_batchedtensor = is_gradtrackingtensor = is_functorch_wrapped_tensor = is_functionaltensor = answers(
    False, "False: transformations here wrap no tensors that a program could see.")
is_legacy_batchedtensor = is_batchedtensor
maybe_current_level = answers(None, "None.")
