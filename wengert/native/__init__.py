"""From a recorded graph to one native program: expressions, loops, machine code, and how it is run.

`Translation` turns instructions into expressions over places and into steps (`plan`); `loops` is the IR of the passes
over memory, with a meaning of its own; `joining` makes fewer of them; `emission` writes each as LLVM's text; `schedule`
lays out memory; `blueprint` is what is left of it when code is written, `keeping` has it on disk; `program` links the
code and runs it. What has no native form is a numpy call between native parts.
"""

from .account import StepInfo, table
from .calls import lines_of_call
from .program import WRITTEN, NativeProgram, Runner, native
from .shared import SharedCode
from .stages import Stages, told

__all__ = ["WRITTEN", "NativeProgram", "Runner", "SharedCode", "Stages", "StepInfo", "lines_of_call", "native", "table",
           "told"]
