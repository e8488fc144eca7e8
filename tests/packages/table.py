"""The table of packages that run, made of the programs and of what is installed for them:
``python -m tests.packages.table`` prints it, and a test holds ``docs/run.md`` and ``README.md`` to it.

A program's file begins with the name of its package; its docstring says what it does.
"""

from __future__ import annotations

import ast
from pathlib import Path

HERE = Path(__file__).parent
DISTRIBUTIONS = {"backpack": "backpack-for-pytorch", "geometric": "torch-geometric", "ignite": "pytorch-ignite",
                 "metric": "pytorch-metric-learning", "optimizer": "pytorch-optimizer", "pyro": "pyro-ppl",
                 "sklearn": "scikit-learn", "sentence": "sentence-transformers"}
"""What packages are called where they are installed from, where that is another name."""


def rows() -> list[tuple[str, str, str]]:
    """Of each program the package, its version, and what the program does."""
    lines = (HERE / "requirements.txt").read_text("utf-8").splitlines()
    versions = dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    found = []
    for program in sorted((HERE / "programs").glob("*.py")):
        name = program.stem.partition("_")[0]
        package = DISTRIBUTIONS.get(name, name)
        words = " ".join((ast.get_docstring(ast.parse(program.read_text("utf-8"))) or "").split())
        found.append((package, versions[package], words.removesuffix(".")))
    return found


def table() -> str:
    """The rows as a table of Markdown."""
    head = ["| package | version | what the program does |", "|---|---|---|"]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows())])


def names() -> str:
    """The packages in one sentence."""
    return ", ".join(package for package, _, _ in rows())


if __name__ == "__main__":
    print(table())
