"""The inside of ``torch.multiprocessing``."""
