"""What a store holds, keys with values and queues of values, and what each request does to it.

The server, a store of one process and a store in a file all have one of these; the server loads this file by its path:
it needs the standard library alone.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

CHANGES = frozenset({"set", "add", "append", "compare_set", "delete", "push", "pop"})
"""The requests that change something."""


class Keys:
    """Keys and queues, which several threads may ask at once."""

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.values: dict[str, bytes] = {}
        self.queues: dict[str, deque[bytes]] = {}

    def answer(self, message: dict[str, Any], value: bytes) -> tuple[dict[str, Any], bytes]:
        """The answer to one request, a header and bytes; ``missing`` are the keys that did not come in time."""
        with self.changed:
            answer, found = self._answered(message["op"], message.get("key", ""), value, message)
            if message["op"] in CHANGES:
                self.changed.notify_all()
            return answer, found

    def _answered(self, op: str, key: str, value: bytes, message: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        values = self.values
        match op:
            case "set":
                values[key] = value
            case "get" | "wait":
                keys = [key] if op == "get" else message["keys"]
                if not self.changed.wait_for(lambda: all(k in values for k in keys), message["timeout"]):
                    return {"missing": [k for k in keys if k not in values]}, b""
                return {}, values[key] if op == "get" else b""
            case "add":
                before = values.get(key, b"0")
                try:
                    total = int(before) + message["amount"]
                except ValueError:
                    return {"wrong": f"a number was expected under {key!r}; got {before[:40]!r}"}, b""
                values[key] = str(total).encode()
                return {"value": total}, b""
            case "append":
                values[key] = values.get(key, b"") + value
            case "compare_set":
                expected = bytes.fromhex(message["expected"])
                if values.get(key, b"") == expected:
                    values[key] = value
                return {}, values.get(key, expected)
            case "delete":
                return {"value": values.pop(key, None) is not None}, b""
            case "check":
                return {"value": all(k in values for k in message["keys"])}, b""
            case "count":
                return {"value": len(values)}, b""
            case "keys":
                return {"value": sorted(values)}, b""
            case "push":
                self.queues.setdefault(key, deque()).append(value)
            case "pop":
                if not self.changed.wait_for(lambda: self.queues.get(key), message["timeout"]):
                    return {"missing": [key]}, b""
                return {}, self.queues[key].popleft()
            case "length":
                return {"value": len(self.queues.get(key, ()))}, b""
            case _:
                return {"wrong": f"a request that this store knows was expected; got {op!r}"}, b""
        return {}, b""
