"""What the programs of odd calls share: two ranks, groups of them, and a line for what comes of each call.

The arguments are the package (torch or wengert), the rank, and a file in which the ranks meet.
"""

import importlib
import sys
import warnings
from datetime import timedelta

warnings.simplefilter("ignore")
package, rank, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
torch = importlib.import_module(package)
dist = importlib.import_module(f"{package}.distributed")
dist.init_process_group("gloo", init_method=f"file://{path}", rank=rank, world_size=2, timeout=timedelta(seconds=20))
alone = dist.new_group([0])
pair = dist.new_group([0, 1])
swapped = dist.new_group([1, 0])
Op = dist.ReduceOp
other = 1 - rank
T = torch.tensor



def shown(value):
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype).rpartition('.')[2]}{list(value.shape)}{value.tolist()}"
    if isinstance(value, (list, tuple)):
        return type(value).__name__ + "[" + ", ".join(map(shown, value)) + "]"
    if isinstance(value, dist.Work):
        return "Work"
    if isinstance(value, dist.ProcessGroup):
        return f"Group{dist.get_process_group_ranks(value)}"
    if isinstance(value, (int, float, str, bytes, bool, type(None), dict, timedelta)):
        return repr(value)
    return type(value).__name__



def each(_of, /, **calls):
    """Makes some calls, and says of each what it returns, or which classes its error is of."""
    for key, call in calls.items():
        try:
            said = shown(call())
        except Exception as error:
            said = "!" + " ".join(kind.__name__ for kind in type(error).__mro__[:-2]) + f" # {str(error)[:150]!r}"
        print(f"{_of}.{key} | {said}", flush=True)



def reduced(tensor, op=Op.SUM, group=None):
    dist.all_reduce(tensor, op, group)
    return tensor
