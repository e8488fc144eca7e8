"""The ground floor: dtypes, devices, shapes, errors, thread-local state, and what a primitive is.

Nothing here knows a tensor. Everything else in wengert may import from here; nothing here imports from elsewhere
in the package.
"""
