

from .._missing import answers

is_available = is_built = answers(False, "False.")
