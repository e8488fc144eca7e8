"""Benchmarks of wengert against PyTorch on the same machine in the same minutes: `python -m benchmarks eager`.

`eager` says what is measured, each workload once, as a function of the library. `worker` is the process that runs
workloads with one library, `comparison` the one that keeps a worker for each and lets them take turns, and `report`
turns the figures into a table.
"""
