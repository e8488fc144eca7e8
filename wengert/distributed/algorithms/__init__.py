"""Ways of putting gradients together."""
