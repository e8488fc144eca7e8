"""Benchmarks of wengert beside its peers on the same machine in the same minutes: `python -m benchmarks SUITE`.

A suite is a module of `WORKLOADS`: `eager`, `func` (functions of functions), or `compiled`, whose networks are in
`networks` and `architectures`. Each is written once, as a function of the library. `sides` says what takes part,
`worker` is the process that runs workloads on one side, `comparison` the one that keeps a worker for each and lets them
take turns, `first_call` measures first calls and memory in fresh processes, and `report` turns the figures into tables.
"""
