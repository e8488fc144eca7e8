"""Parts of ``torch.utils`` that packages import."""
