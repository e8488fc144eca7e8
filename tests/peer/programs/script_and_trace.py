"""Programs that decorate with torch.jit, compile, profile or ask about distributed training, and run without."""

import contextlib
import warnings

import torch
import torch.nn as nn

warnings.simplefilter("ignore")


@torch.jit.script
def fused_gelu(x):
    return x * 0.5 * (1.0 + torch.erf(x / 1.41421))


class Cell(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.linear(x) + h)

    @torch.jit.export
    def helper(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1

    @torch.jit.ignore
    def print_me(self) -> int:
        return 3


torch.manual_seed(0)
cell = torch.jit.script(Cell())
x, h = torch.rand(3, 4), torch.rand(3, 4)
print(cell(x, h), cell.helper(x).sum(), fused_gelu(x).sum(), torch.jit.is_scripting())
traced = torch.jit.trace(Cell(), (x, h))
print(traced(x, h).sum())


@torch.compile(mode="reduce-overhead") if False else (lambda f: f)
def step(x):
    return x * 2


print(step(x).sum())
if torch.distributed.is_available() and torch.distributed.is_initialized():
    print("rank", torch.distributed.get_rank())
with torch.profiler.record_function("forward"):
    out = cell(x, h)
with torch.autograd.profiler.record_function("again"), contextlib.nullcontext():
    out = cell(x, out)
print(out.mean().item())
future = torch.futures.Future()
future.set_result(torch.ones(2))
print(future.wait(), future.done())
torch.testing.assert_close(torch.ones(2), torch.ones(2) + 1e-9)
try:
    torch.testing.assert_close(torch.ones(2), torch.zeros(2))
except AssertionError as error:
    print(str(error).splitlines()[0])
if torch.cuda.is_available():
    start = torch.cuda.Event(enable_timing=True)
print(torch.get_num_threads() > 0, torch.backends.cudnn.is_available(), torch.backends.mps.is_built())
