"""How sums of products are ordered: by wengert's own rule, whatever is set here."""

from .._missing import answers

is_available = answers(False, "False.")
enabled, strategy = False, None
