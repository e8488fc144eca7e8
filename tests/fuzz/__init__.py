"""Fuzzers: cases made from a seed, run in a process of their own, each held to the same promises.

``python -m tests.fuzz TARGET --count N --seed S --seconds T`` runs N cases from seed S on, for T seconds at most, and
says every ten seconds what has come of them; without a target it lists them. `tests/test_fuzz.py` runs a few of each
with the plain suite. `target.py` says what a target is; every other module here has a table ``TARGETS`` of them, and is
named in `registry.py`.

The one idea to know: a case is a function of its target's name and one number, so that whatever goes wrong is run again
by ``python -m tests.fuzz TARGET --count 1 --seed S``.
"""
