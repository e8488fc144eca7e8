"""Parts of ``torch.nn.parallel`` that packages import."""
