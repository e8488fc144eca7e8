"""What a fork server imports for a program that runs under wengert: see `wengert.compat.children`."""

from .finder import install

install()
