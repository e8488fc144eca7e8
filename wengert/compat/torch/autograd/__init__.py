"""``torch.autograd``: its inside."""
