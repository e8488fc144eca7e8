"""Runs programs one after another, each in a fork of a process that has imported the library already:

    python run_programs.py torch FOLDER program.py ...
    python run_programs.py wengert FOLDER program.py ...

What each prints goes to FOLDER, as do its errors; those of programs that fail keep the exit code in their last line.
"""

from __future__ import annotations

import os
import runpy
import sys
import warnings
from pathlib import Path


def main(library: str, folder: str, *programs: str) -> None:
    if library == "torch":
        import torch.nn
        import torch.optim  # noqa: F401
    else:
        import wengert.nn
        import wengert.optim  # noqa: F401
        from wengert.compat.program import run_script
    for program in programs:
        child = os.fork()
        if child == 0:
            with open(Path(folder, f"{Path(program).stem}.{library}"), "w", encoding="utf-8") as output:
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
            warnings.simplefilter("ignore")
            sys.argv = [program]
            try:
                code = 0 if library == "torch" else run_script(program, [])
                if library == "torch":
                    runpy.run_path(program, run_name="__main__")
            finally:
                sys.stdout.flush()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        if status:
            with open(Path(folder, f"{Path(program).stem}.{library}"), "a", encoding="utf-8") as output:
                output.write(f"\nended with the status {status}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
