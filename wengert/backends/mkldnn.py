

from .._missing import answers

enabled = True
is_available = answers(False, "False.")
