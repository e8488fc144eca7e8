"""The inside of ``torch.amp``: its modules by their names."""
