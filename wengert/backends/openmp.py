

from .._missing import answers

is_available = answers(False, "False.")
