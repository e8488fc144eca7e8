"""The program of docs/distributed.md runs, goes on after a stop, and gives the weights of one that was not stopped."""

from __future__ import annotations

import re
from pathlib import Path

from tests.distributed.ranks import launch

PAGE = Path(__file__).parents[2] / "docs" / "distributed.md"
BEFORE = """import sys, torch
torch.manual_seed(0)
dataset = torch.utils.data.TensorDataset(torch.randn(64, 4), torch.randn(64, 1))
def make_model():
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
loss_of = torch.nn.functional.mse_loss
"""
AFTER = """
print(f"{sum(float(p.sum()) for p in model.parameters()):.6f}")
"""


def test_the_program_of_the_page(tmp_path: Path) -> None:
    [program] = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    path = tmp_path / "train.py"
    path.write_text(BEFORE + program.replace('"last.pt"', f'"{tmp_path}/last.pt"') + AFTER)
    done = launch(path)
    assert done.code == 0, done.err
    assert done.lines(0) == done.lines(1) and len(done.lines(0)) == 1, done
    assert (tmp_path / "last.pt").exists() and "Warning" not in done.err, done.err


def test_options_and_variables_of_the_page_are_there() -> None:
    text = PAGE.read_text("utf-8")
    plan = (PAGE.parents[1] / "wengert" / "distributed" / "plan.py").read_text("utf-8")
    source = "".join(path.read_text("utf-8") for path in (PAGE.parents[1] / "wengert" / "distributed").glob("*.py"))
    commands = re.findall(r"wengert launch ([^\n`]*)|^\| (`--[^|]*) \|", text, re.MULTILINE)
    options = {option for command in commands for option in re.findall(r"--[a-z-]+", "".join(command))}
    assert {"--nproc-per-node", "--nnodes", "--node-rank", "--rdzv-endpoint", "--max-restarts", "--local-addr", "--tee"
            } <= options
    assert [option for option in options if f'"{option}"' not in plan] == []
    variables = set(re.findall(r"`((?:SLURM|MASTER|LOCAL|WENGERT|OMP)_[A-Z_]+|RANK|WORLD_SIZE)`", text))
    assert len(variables) >= 8 and [name for name in variables if name not in source] == []
