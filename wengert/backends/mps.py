

from .._missing import answers

is_available = is_built = answers(False, "False.")
is_macos_or_newer = is_available
