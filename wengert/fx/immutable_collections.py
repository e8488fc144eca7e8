"""Lists and dicts that refuse to be changed: a node's arguments, which change by being set anew."""

from __future__ import annotations

from typing import Any, NoReturn

from ..utils._pytree import MappingKey, register_pytree_node


def _refuse(self: Any, *arguments: Any, **options: Any) -> NoReturn:
    raise NotImplementedError(f"'{type(self).__name__}' object does not support mutation. If you are attempting to "
                              f"modify the kwargs or args of a torch.fx.Node object, instead create a new copy of it "
                              f"and assign the copy to the node")


_OF_LISTS = "append clear extend insert pop remove reverse sort __delitem__ __iadd__ __imul__ __setitem__"
_OF_DICTS = "clear pop popitem setdefault update __delitem__ __setitem__ __ior__"

immutable_list: Any = type("immutable_list", (list,), {
    **dict.fromkeys(_OF_LISTS.split(), _refuse), "__module__": __name__, "__doc__": "A list that stays as it is made.",
    "__hash__": lambda self: hash(tuple(self)), "__reduce__": lambda self: (immutable_list, (tuple(self),)),
})
immutable_dict: Any = type("immutable_dict", (dict,), {
    **dict.fromkeys(_OF_DICTS.split(), _refuse), "__module__": __name__, "__doc__": "A dict that stays as it is made.",
    "__hash__": lambda self: hash(frozenset(self.items())),
    "__reduce__": lambda self: (immutable_dict, (tuple(self.items()),)),
})
register_pytree_node(
    immutable_list, lambda value: (list(value), None), lambda members, context: immutable_list(members))
register_pytree_node(
    immutable_dict, lambda value: (list(value.values()), list(value)),
    lambda members, keys: immutable_dict(zip(keys, members, strict=True)),
    flatten_with_keys_fn=lambda value: ([(MappingKey(key), each) for key, each in value.items()], list(value)))
