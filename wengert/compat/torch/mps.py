"""``torch.mps``: there are no such devices here."""

from ..other_devices import fill

fill(vars(), "mps")
