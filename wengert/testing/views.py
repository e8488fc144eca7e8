"""The matrix of views and in-place writes: small programs, one for each way in which the two can meet.

Each is run by tests eagerly, to second order, recorded, and with PyTorch, and held against `programs.interpret`. A name
that ends in ``overwritten`` marks a program whose backward must fail, as it reads a value that was written over; one
that ends in ``refused`` has a statement that must fail and change nothing.
"""

from __future__ import annotations

from .programs import Statement


def leaf(*shape: int) -> Statement:
    return Statement("leaf", shape=shape)


def constant(*shape: int) -> Statement:
    return Statement("constant", shape=shape)


def compute(what: str, *operands: int, grad: bool = True) -> Statement:
    return Statement("compute", what, operands, grad)


def view(what: str, x: int, grad: bool = True) -> Statement:
    return Statement("view", what, (x,), grad)


def write(what: str, *operands: int, grad: bool = True) -> Statement:
    return Statement("write", what, operands, grad)


def detach(x: int) -> Statement:
    return Statement("detach", "", (x,))


def _square(*rest: Statement) -> tuple[Statement, ...]:
    """Variables 0 and 1 are leaves of shape (3, 3), 2 is the square of 0."""
    return leaf(3, 3), leaf(3, 3), compute("square", 0), *rest


MATRIX: dict[str, tuple[Statement, ...]] = {
    "view then write base": _square(view("first", 2), write("mul_", 2, 1), compute("square", 3)),
    "write then view": _square(write("mul_", 2, 1), view("first", 2), compute("square", 3)),
    "write view, read base": _square(view("first", 2), view("first", 1), write("mul_", 3, 4), compute("square", 2)),
    "siblings": _square(view("tail", 2), view("last", 2), write("sin_", 3), compute("square", 4)),
    "siblings, both written": _square(
        view("tail", 2),
        view("last", 2),
        write("sin_", 3),
        write("twice_", 4),
        compute("square", 2),
        compute("square", 3),
    ),
    "view of view": _square(
        view("tail", 2),
        view("transpose", 3),
        view("first", 4),
        write("sin_", 5),
        compute("square", 2),
        compute("square", 3),
        compute("square", 4),
    ),
    "view of view, base written": _square(view("tail", 2), view("first", 3), write("mul_", 2, 1), compute("square", 4)),
    "view, middle written": _square(view("tail", 2), view("first", 3), write("sin_", 3), compute("square", 4)),
    "two writes": _square(write("sin_", 2), write("mul_", 2, 1), write("sin_", 2)),
    "write by itself": _square(write("mul_", 2, 2)),
    "write by own view": _square(view("first", 2), write("mul_", 2, 3), write("add_", 3, 3)),
    "view written by base's view": _square(view("transpose", 2), write("add_", 2, 3)),
    "swap": _square(
        compute("twice", 2),
        view("first", 2),
        view("last", 2),
        compute("twice", 4),
        write("copy_", 4, 5),
        write("copy_", 5, 6),
    ),
    "copy over": _square(write("copy_", 2, 1), compute("square", 2)),
    "assign to view": _square(view("tail", 2), view("tail", 1), write("assign", 3, 4), compute("square", 2)),
    "zeroed part": _square(view("first", 2), write("zero_", 3), compute("square", 2)),
    "constant gets history by a write": (
        leaf(3),
        constant(3),
        view("tail", 1),
        write("mul_", 1, 0),
        compute("square", 2),
    ),
    "constant gets history by a view": (
        leaf(),
        constant(3),
        view("tail", 1),
        write("mul_", 2, 0),
        compute("square", 1),
    ),
    "save then write, overwritten": _square(compute("square", 2), write("add_", 2, 1)),
    "save then write a part, overwritten": _square(view("first", 2), compute("square", 2), write("twice_", 3)),
    "save a part, write another, overwritten": _square(
        view("first", 2), view("tail", 2), compute("square", 3), write("twice_", 4)
    ),
    "save then write what backward does not read": _square(compute("add", 2, 1), write("add_", 2, 1)),
    "save then write a detached twin, overwritten": _square(compute("square", 2), detach(2), write("twice_", 4)),
    "leaf, refused": _square(write("mul_", 0, 1), write("zero_", 0), write("copy_", 0, 1)),
    "view of leaf, refused": _square(view("first", 0), write("zero_", 3), view("first", 3), write("twice_", 4)),
    "leaf under no_grad": (leaf(3), write("twice_", 0, grad=False), compute("square", 0)),
    "no_grad write": _square(write("twice_", 2, grad=False), compute("square", 2)),
    "no_grad view, then read": _square(view("first", 2, grad=False), compute("square", 3)),
    "no_grad view, written, refused": _square(view("first", 2, grad=False), write("twice_", 3)),
    "no_grad view, base written, refused": _square(
        view("first", 2, grad=False), write("sin_", 2), compute("square", 3)
    ),
    "no_grad view of a constant, written with history, refused": (
        leaf(2),
        constant(3),
        view("tail", 1, grad=False),
        write("mul_", 2, 0),
    ),
    "no_grad view written under no_grad": _square(
        view("first", 2, grad=False), write("twice_", 3, grad=False), compute("square", 2)
    ),
    "detached": _square(detach(2), compute("mul", 3, 1)),
    "detached twin gets a history of its own": _square(detach(2), write("add_", 3, 1), compute("sin", 3)),
    "detached view": _square(view("tail", 2), detach(3), view("first", 4), write("add_", 4, 3)),
    "expanded": _square(view("expand", 2), compute("square", 3)),
    "expanded, base written": _square(view("expand", 2), write("mul_", 2, 1), compute("square", 3)),
    "expanded, written, refused": _square(view("expand", 2), write("twice_", 3), compute("sin", 2)),
    "part of expanded": _square(view("expand", 2), view("first", 3), write("mul_", 4, 1), compute("square", 3)),
    "transposed": _square(view("transpose", 2), write("mul_", 3, 1), compute("square", 2)),
    "diagonal": _square(view("diagonal", 2), view("first", 1), write("mul_", 3, 4), compute("square", 2)),
    "diagonal of transposed": _square(
        view("transpose", 2), view("diagonal", 3), write("sin_", 4), compute("square", 2)
    ),
    "strided": _square(view("strided", 2), write("sin_", 3), compute("square", 2)),
    "narrowed": _square(view("narrow", 2), write("sin_", 3), compute("square", 2)),
    "reshaped": _square(view("reshape", 2), write("sin_", 3), compute("square", 2)),
    "base of reshaped": _square(view("reshape", 2), write("sin_", 2), compute("square", 3)),
    "unsqueezed": _square(view("unsqueeze", 2), write("sin_", 3), compute("square", 2)),
    "zero-size part": _square(view("empty", 2), write("sin_", 3), compute("square", 2), compute("square", 3)),
    "zero-size": (leaf(0, 3), compute("twice", 0), view("transpose", 1), write("sin_", 2), compute("square", 1)),
    "0-d": (leaf(), compute("twice", 0), view("all", 1), write("sin_", 2), compute("square", 1)),
    "0-d part": (leaf(3), leaf(), compute("twice", 0), view("first", 2), write("mul_", 3, 1), compute("square", 2)),
    "0-d from a vector, refused": (leaf(), leaf(3), compute("twice", 0), write("add_", 2, 1)),
    "growing, refused": _square(view("first", 2), write("add_", 3, 1), write("copy_", 3, 1), write("assign", 3, 1)),
}
