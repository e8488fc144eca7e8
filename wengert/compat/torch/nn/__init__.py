"""Parts of ``torch.nn`` that packages import."""
