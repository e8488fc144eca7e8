"""Damage: to the bytes of a file, and to the meaning of JSON in it."""

from __future__ import annotations

import random
from typing import Any


def damaged(content: bytes, chance: random.Random) -> bytes:
    """The content after one to four small accidents."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        at, length = chance.randrange(len(data) + 1), chance.choice((1, 1, 2, 4, 8, 40))
        match chance.randrange(8):
            case 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                data[at : at + length] = chance.choice((b"\xff", b"\x00", b"\x7f", b"\x80")) * length
            case 2:
                del data[at : at + length]
            case 3:
                data[at:at] = data[at : at + length]
            case 4:
                data[at:at] = chance.randbytes(length)
            case 5:
                other = chance.randrange(len(data) + 1)
                data[at : at + length] = data[other : other + length]
            case 6:
                del data[at:]
            case 7 if data:
                bit = chance.randrange(8 * len(data))
                data[bit // 8] ^= 1 << bit % 8
        if not data:
            break
    return bytes(data)


VALUES: list[Any] = [
    None, True, False, -1, 0, 1, 2, 2**31, 2**63, -(2**64), 2**60 + 1, 10**400, 1.5, -0.0, 1e308, "", "x", "a",
    "\ud800", "\x00\x1b", "nan", [], {}, [[]], {"tensor": 0}, {"dict": {}}, {"set": [[]]}, {"record": "a"}, [0, 0],
    [9, 9], [-4], [2**60 + 1, 16], "../a", "complex64", "__class__", {"tuple": [{}]},
]


def altered(node: Any, chance: random.Random, words: tuple[str, ...] = ()) -> Any:
    """The JSON value with one part of it replaced, removed, renamed (to another's name, or one of ``words``), repeated
    or nested in itself."""
    if chance.random() < 0.15 or not isinstance(node, (dict, list)) or not node:
        return nudged(node, chance) if chance.random() < 0.4 else chance.choice(VALUES)
    copied = dict(node) if isinstance(node, dict) else list(node)
    key = chance.choice(list(copied)) if isinstance(copied, dict) else chance.randrange(len(copied))
    action = chance.random()
    if action < 0.75:
        copied[key] = altered(copied[key], chance, words)
    elif action < 0.83:
        del copied[key]
    elif action < 0.86:
        copied[key] = node
    elif isinstance(copied, dict):
        name = chance.choice([*copied, *words])
        copied[name] = copied.pop(key)
    else:
        copied.append(copied[key])
    return copied


def nudged(value: Any, chance: random.Random) -> Any:
    """A value near this one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + chance.choice((-8, -4, -1, 1, 2, 4, 8, 2**32, 2**63)) if chance.random() < 0.7 else -value
    if isinstance(value, float):
        return value * chance.choice((-1, 0, 2, 1e300))
    if isinstance(value, str):
        at = chance.randrange(len(value) + 1)
        return value[:at] + chance.choice(("", "x", "\x00", "\ud800", "\n", '"', "<&>", value)) + value[at + 1 :]
    return [value, value]
