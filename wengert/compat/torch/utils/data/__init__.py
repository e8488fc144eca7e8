"""Parts of ``torch.utils.data`` that packages import."""
