"""``wengert run``: programs and notebooks that import torch, their arguments, errors, exit codes and reports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import wengert
from wengert import cli
from wengert import cuda as torch_cuda
from wengert.compat import torch_is_wengert
from wengert.compat.compare import compare_numbers
from wengert.compat.finder import MissingModuleError
from wengert.compat.program import _in_torchs_terms, missing_name, run_script
from wengert.compat.report import describe, missing_part, names_asked

ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-m", "wengert.cli", "run"]


def run(folder: Path, source: str, *arguments: str, options: tuple[str, ...] = (), name: str = "train.py") -> Any:
    """Runs a program in a folder of its own; the finished process."""
    (folder / name).write_text(source, encoding="utf-8")
    return subprocess.run(
        [*COMMAND, *options, name, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, env=ENVIRONMENT
    )


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}

PROGRAM = """\
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim
from torch.utils.data import DataLoader, TensorDataset
from torch.optim.lr_scheduler import StepLR

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
torch.backends.cudnn.deterministic = True
torch.backends.cudnn.benchmark = False
torch.manual_seed(0)
torch.cuda.manual_seed_all(0)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 1)

    def forward(self, x):
        return self.fc(x)

if __name__ == "__main__":
    epochs = int(sys.argv[sys.argv.index("--epochs") + 1])
    x = torch.linspace(-1, 1, 20).reshape(10, 2)
    loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=5, shuffle=True)
    model = torch.compile(Net().to(device))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    scheduler = StepLR(optimizer, 10)
    for epoch in range(epochs):
        for inputs, targets in loader:
            loss = F.mse_loss(model(inputs.to(device)), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        scheduler.step()
    print(sys.argv[1:], epochs, loss.item() < 1)
    sys.exit(7)
"""


def test_a_program_with_arguments_and_an_exit_code(tmp_path: Path) -> None:
    done = run(tmp_path, PROGRAM, "--epochs", "3", "--report", "-x", "--", "rest")
    assert done.stdout == "['--epochs', '3', '--report', '-x', '--', 'rest'] 3 True\n"
    assert done.returncode == 7
    assert done.stderr.count("Warning") == 0


def test_a_report_lists_names_before_and_after(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("import torch\nnorm = torch.linalg.norm\n")
    done = run(tmp_path, PROGRAM + "\n", "--epochs", "1", options=("--report",))
    assert "train.py asks for 19 names" in done.stderr and "all there" in done.stderr
    assert "torch.nn.Linear " in done.stderr and "line 18" in done.stderr
    source = "import torch, helper\nprint(torch.ones(1).item())\n"
    done = run(tmp_path, source, options=("--report",))
    assert done.returncode == 0 and done.stdout == "1.0\n"
    before, after = done.stderr.split("after the run: ")
    assert "torch.linalg" not in before and "helper.py:2" in after and "torch.linalg.norm" in after


@pytest.mark.parametrize("source, line, name", [
    ("import torch\n\ndef f():\n    return torch.no_such_function(1)\nf()\n", 4, "torch.no_such_function"),
    ("import torch\nfrom torch import nn, no_such_name\n", 2, "torch.no_such_name"),
    ("from torch.nn import NoSuchLayer\n", 1, "torch.nn.NoSuchLayer"),
    ("import torch.no_such_module\n", 1, "torch.no_such_module"),
    ("import torch.nn.no_such_module as x\n", 1, "torch.nn.no_such_module"),
    ("import torch\nx = torch.ones(2)\nx.no_such_method()\n", 3, "Tensor.no_such_method"),
    ("import torch.nn.functional as F\nF.no_such_loss(1)\n", 2, "torch.nn.functional.no_such_loss"),
])
def test_a_missing_name_fails_with_one_line(tmp_path: Path, source: str, line: int, name: str) -> None:
    done = run(tmp_path, source)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"train.py:{line}: {name} is not a name of PyTorch's")


@pytest.mark.parametrize("source, line, name", [
    ("import torch.nn.init as init\ninit.no_such_(1)\n", 2, "torch.nn.init.no_such_"),
    ("from torch.cuda.nope import x\n", 1, "torch.cuda.nope"),
    ("from torch.linalg.deeper.still import x\n", 1, "torch.linalg.deeper"),
    ("import importlib\nimportlib.import_module('torch.nope')\n", 2, "torch.nope"),
    ("import torch\ngetattr(torch, 'no' + 'pe')\n", 2, "torch.nope"),
    ("import torch\ntorch.Tensor.nope(torch.ones(1))\n", 2, "Tensor.nope"),
    ("import torch\ntorch.backends.nope.x = 1\n", 2, "torch.backends.nope"),
    ("import torch\ntorch.ops.no_such_library.nms(1)\n", 2, "torch.ops.no_such_library"),
    ("from torch.optim import *\nimport torch\nx = [torch.nope for _ in (1,)]\n", 3, "torch.nope"),
    ("import torch\n\n@torch.nope\ndef f(): pass\n", 3, "torch.nope"),
    ("import torch\ntry:\n    import torch.nope\nexcept ImportError:\n    f = torch.nope2\n", 5, "torch.nope2"),
    ("import torch.distributed as d\nd.no_such_thing(1)\n", 2, "torch.distributed.no_such_thing"),
    ("import torch\nlayer = torch.nn.Linear(1, 1)\nlayer.nope()\n", 3, "Linear.nope"),
    ("import torch\ntorch.nn.Linear.nope\n", 2, "Linear.nope"),
    ("import torch\no = torch.optim.SGD([torch.ones(1)], 0.1)\no.nope = o.nope2\n", 3, "SGD.nope2"),
    ("import torch\ntorch.ones(2).shape.nope\n", 2, "Size.nope"),
    ("import torch\nfor x in torch.utils.data.DataLoader([1]).nope: pass\n", 2, "DataLoader.nope"),
    ("import torch\ngetattr(torch.Generator(), 'nope')\n", 2, "Generator.nope"),
])
def test_a_missing_name_in_any_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    source: str, line: int, name: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text(source, encoding="utf-8")
    assert run_script("train.py", []) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"train.py:{line}: {name} is not ") and said.count("\n") == 1


def test_a_file_that_is_no_program_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# A page\n\nIt's no program.\n")
    (tmp_path / "parses.md").write_text("# A page\n\ntext\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "train.txt").write_text("#!/usr/bin/env python\nprint(1)\n")
    (tmp_path / "numbers.bin").write_bytes(bytes(range(256)))
    (tmp_path / "train").write_text("print(1)\n")  # a script needs no suffix
    for name, code, said in (*[(name, 2, f"wengert run: '{name}' is no program: ")
                               for name in ("README.md", "parses.md", "pyproject.toml")], ("train.txt", 0, ""),
                             ("numbers.bin", 2, "wengert run: 'numbers.bin' is no program: "), ("train", 0, "")):
        done = subprocess.run([*COMMAND, name], cwd=tmp_path, capture_output=True, text=True, timeout=60,
                              env=ENVIRONMENT)
        assert done.returncode == code and done.stderr.startswith(said) and done.stderr.count("\n") <= 1
    for command in ("graph", "doctor"):
        done = subprocess.run([*COMMAND[:-1], command, "parses.md"], cwd=tmp_path, capture_output=True, text=True,
                              timeout=60, env=ENVIRONMENT)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"wengert {command}: 'parses.md' is no program: ")


def test_an_option_that_goes_to_the_program_is_told_of(tmp_path: Path) -> None:
    done = run(tmp_path, "import sys\nprint(sys.argv[1:])\n", "--compare")
    assert done.stdout == "['--compare']\n"
    assert done.stderr.startswith("wengert run: --compare stands behind the program")
    done = run(tmp_path, "import sys\nassert sys.argv[1] == '--compare'\n", "--compare")
    assert (done.returncode, done.stderr) == (0, "")  # it is the program's own too


def test_what_a_class_of_the_program_lacks_is_its_own_mistake(tmp_path: Path) -> None:
    source = "import torch\nclass Net(torch.nn.Module):\n    pass\n\nNet().layer1\n"
    done = run(tmp_path, source)
    assert done.returncode == 1 and done.stderr.startswith("Traceback (most recent call last):")
    assert 'line 5, in <module>' in done.stderr and "'Net' object has no attribute 'layer1'" in done.stderr


def test_a_missing_name_in_a_thread(tmp_path: Path) -> None:
    source = "import torch, threading\nt = threading.Thread(target=lambda: torch.nope, name='T')\nt.start(); t.join()\n"
    done = run(tmp_path, source + "print('end')\n")
    assert (done.returncode, done.stdout) == (0, "end\n")
    assert done.stderr == "Exception in thread T:\ntrain.py:2: torch.nope is not a name of PyTorch's\n"


def test_names_of_torchvision_are_called_so() -> None:
    error = AttributeError("x", name="nope", obj=sys.modules["wengert"])
    assert missing_name(error) == "torch.nope is not a name of PyTorch's"
    assert _in_torchs_terms("wengert.vision.models") == "torchvision.models"


def test_input_from_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import sys\nprint(input(), sys.stdin.read(), __file__)\n")
    done = subprocess.run([*COMMAND, "train.py"], cwd=tmp_path, input="one\ntwo", capture_output=True, text=True,
                          timeout=60, env=ENVIRONMENT)
    assert done.stdout == "one two train.py\n"


def test_the_extra_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['tensorboard'] = None\n")
    (tmp_path / "train.py").write_text("from torch.utils.tensorboard import SummaryWriter\n")
    environment = {**ENVIRONMENT, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([*COMMAND, "train.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60,
                          env=environment)
    assert done.returncode == 1
    assert "pip install 'wengert[tensorboard]'" in done.stderr.splitlines()[-1]


def test_cuda_without_a_device() -> None:
    for ask in (torch_cuda.Event, torch_cuda.Stream, torch_cuda.current_stream, torch_cuda.mem_get_info):
        with pytest.raises(RuntimeError, match="a CUDA device was expected"):
            ask()
    with torch_cuda.stream(None):
        assert torch_cuda.get_arch_list() == []


def test_the_nearest_name_is_given(tmp_path: Path) -> None:
    assert "did you mean torch.matmul?" in run(tmp_path, "import torch\ntorch.matmull(1)\n").stderr


def test_programs_can_ask_what_there_is(tmp_path: Path) -> None:
    source = "import torch\nprint(hasattr(torch, 'no_such_name'))\ntry:\n    import torch.nope\n"
    done = run(tmp_path, source + "except ImportError:\n    print('not there')\n")
    assert done.stdout == "False\nnot there\n" and done.returncode == 0


def test_tracebacks_show_the_lines_of_the_program(tmp_path: Path) -> None:
    source = "import torch\ndef f(x):\n    return x @ x\n\nf(torch.ones(2, 3))\n"
    done = run(tmp_path, source)
    lines = done.stderr.splitlines()
    assert done.returncode == 1 and lines[0] == "Traceback (most recent call last):"
    assert '  File "train.py", line 3, in f' in lines and "    return x @ x" in lines
    assert "wengert/" not in done.stderr and "ShapeError: [matmul]" in lines[lines.index("") - 1]
    assert "    x  (2, 3)  x" in lines  # and the shapes are drawn


def test_errors_of_the_program_are_those_of_python(tmp_path: Path) -> None:
    done = run(tmp_path, "try:\n    1 / 0\nexcept ZeroDivisionError:\n    open('/no/such/file')\n")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr and "During handling" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("FileNotFoundError: ")
    done = run(tmp_path, "def f(:\n")
    assert done.returncode == 1 and 'File "train.py", line 1' in done.stderr and "SyntaxError" in done.stderr
    done = run(tmp_path, "raise SystemExit('enough')\n")
    assert (done.returncode, done.stderr) == (1, "enough\n")


def test_main_modules_beside_the_program_and_pickles(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("import torch\nvalue = torch.ones(2).sum().item()\n")
    source = (
        "import pickle, sys, beside, torch, wengert, torch.nn\n"
        "class Thing:\n    pass\n"
        "assert type(pickle.loads(pickle.dumps(Thing()))) is Thing\n"
        "assert torch.Tensor is wengert.Tensor and torch.nn is wengert.nn and sys.modules['torch'] is torch\n"
        "assert torch.nn.__spec__.name == 'wengert.nn'\n"
        "print(__name__, __file__, beside.value)\n"
    )
    assert run(tmp_path, source).stdout == "__main__ train.py 2.0\n"


def test_an_installed_pytorch_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise SystemError('the other one')\n")
    assert run(tmp_path, "import torch\nprint(torch.nn.Module.__module__)\n").stdout.startswith("wengert")


def test_an_interrupt(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import time, torch\nprint('on', flush=True)\ntime.sleep(50)\n")
    process = subprocess.Popen(
        [*COMMAND, "train.py"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    assert process.stdout is not None and process.stdout.readline() == "on\n"
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and errors == "wengert: interrupted\n"


def test_an_interrupt_of_the_whole_group(tmp_path: Path) -> None:
    """Ctrl-C at a terminal goes to the workers of a DataLoader as well: one line, no worker is left, no lock."""
    (tmp_path / "train.py").write_text(
        "import os, time, torch\n"
        "from torch.utils.data import DataLoader\n"
        "class Slow:\n"
        "    def __len__(self): return 1000\n"
        "    def __getitem__(self, i):\n"
        "        time.sleep(0.05)\n"
        "        return torch.tensor([i, os.getpid()])\n"
        "if __name__ == '__main__':\n"
        "    for batch in DataLoader(Slow(), batch_size=1, num_workers=2):\n"
        "        print(batch[0, 1].item(), flush=True)\n"
    )
    process = subprocess.Popen([*COMMAND, "train.py"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, env=ENVIRONMENT, start_new_session=True)
    assert process.stdout is not None
    workers = {int(process.stdout.readline()) for _ in range(2)}
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and errors == "wengert: interrupted\n"
    assert len(workers) == 2
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


MODULE = """\
import sys, torch
from .beside import value
print(__name__, __package__, sys.argv[1:], value)
sys.exit(3)
"""


@pytest.mark.parametrize("name", ["package.train", "package"])
def test_a_module(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "__init__.py").write_text("import torch\n")
    (folder / "beside.py").write_text("import torch\nvalue = torch.ones(2).sum().item()\n")
    for file in ("train.py", "__main__.py"):
        (folder / file).write_text(MODULE)
    done = subprocess.run([sys.executable, "-m", "wengert", "run", "-m", name, "--epochs", "3"], cwd=tmp_path,
                          capture_output=True, text=True, timeout=60, env=ENVIRONMENT)
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout == "__main__ package ['--epochs', '3'] 2.0\n"


@pytest.mark.parametrize("name", ["no_such_module", "no_such.module", "math", "..x", "none.py"])
def test_no_module(tmp_path: Path, name: str) -> None:
    done = run(tmp_path, "print('not this')", options=("-m", name))
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    assert "cannot find a module" in done.stderr


@pytest.mark.parametrize("options", [
    ("none.py",), ("--rtol", "-1", "none.py"), ("--out", "x.ipynb", "none.py"), ("--compare", "none.ipynb"),
    ("--nonsense", "none.py"), (), ("broken.ipynb",), ("list.ipynb",), ("--out", "/no/such/folder/x", "good.ipynb"),
])
def test_bad_arguments_get_one_line_and_code_2(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "broken.ipynb").write_text("{")
    (tmp_path / "list.ipynb").write_text("[1]")
    (tmp_path / "good.ipynb").write_text(json.dumps(notebook("1")))
    done = subprocess.run([*COMMAND, *options], cwd=tmp_path, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1


# -- notebooks -----------------------------------------------------------------------------------------------------


def notebook(*cells: str) -> dict[str, Any]:
    code = [
        {"cell_type": "code", "source": cell.splitlines(keepends=True), "metadata": {}, "outputs": [{"old": 1}],
         "execution_count": None} for cell in cells
    ]
    text = {"cell_type": "markdown", "source": "# a title", "metadata": {}}
    return {"cells": [text, *code], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def run_notebook(folder: Path, *cells: str, options: tuple[str, ...] = ()) -> tuple[Any, list[dict[str, Any]]]:
    done = run(folder, json.dumps(notebook(*cells)), name="lesson.ipynb", options=options)
    target = folder / (options[1] if "--out" in options else "lesson.executed.ipynb")
    written = json.loads(target.read_text(encoding="utf-8"))
    assert written["cells"][0]["source"] == "# a title" and written["nbformat"] == 4
    return done, written["cells"][1:]


def test_a_notebook(tmp_path: Path) -> None:
    done, cells = run_notebook(
        tmp_path,
        "%matplotlib inline\nimport torch\nx = torch.ones(2)",
        "print('sum', x.sum().item())\nprint('more')\nx * 2",
        "x;",
        "def f():\n    return 3\nf()",
        "%%bash\nls",
        "",
    )
    assert done.returncode == 0 and done.stdout == "sum 2.0\nmore\ntensor([2., 2.])\n3\n"
    assert "%matplotlib inline" in done.stderr and "%%bash" in done.stderr
    assert cells[0]["outputs"] == [] and cells[2]["outputs"] == []
    stream, result = cells[1]["outputs"]
    assert stream == {"output_type": "stream", "name": "stdout", "text": "sum 2.0\nmore\n"}
    assert result["data"] == {"text/plain": "tensor([2., 2.])"} and result["execution_count"] == 2
    assert [cell["execution_count"] for cell in cells] == [1, 2, 3, 4, 5, 6]
    assert json.loads((tmp_path / "lesson.ipynb").read_text())["cells"][1]["outputs"] == [{"old": 1}]


def test_a_notebook_that_fails_is_written_as_far_as_it_came(tmp_path: Path) -> None:
    done, cells = run_notebook(
        tmp_path, "import torch", "y = 1\ntorch.no_such_name", "print(2)", options=("--out", "copy.ipynb")
    )
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == "lesson.ipynb, cell 2:2: torch.no_such_name is not a name of PyTorch's\n"
    assert cells[1]["outputs"][0]["output_type"] == "error" and cells[2]["outputs"] == []
    done, cells = run_notebook(tmp_path, "def f():\n    return 1 / 0", "f()")
    assert 'File "lesson.ipynb, cell 1", line 2, in f\n    return 1 / 0' in done.stderr
    assert cells[1]["outputs"][0]["ename"] == "ZeroDivisionError"


# -- the parts -----------------------------------------------------------------------------------------------------


def test_names_asked() -> None:
    source = (
        "import torch as t, torch.nn\nimport wengert\nfrom torch.nn import functional as F, Linear\nimport os.path\n"
        "t.ones(1).sum()\ntorch.nn.ReLU()(F.relu(t.nn.init.xavier_normal_))\nwengert.zeros(1)\nos.path.join\n"
        "def f(t, torch=3):\n    t.size\n    lambda F: F.no\nLinear.forward\n"
    )
    found = {(use.name, use.line) for use in names_asked(source, "x.py")}
    assert found == {
        ("torch", 1), ("torch.nn", 1), ("torch", 2), ("torch.nn.functional", 3), ("torch.nn.Linear", 3),
        ("torch.ones", 5), ("torch.nn.ReLU", 6), ("torch.nn.functional.relu", 6), ("torch.nn.init.xavier_normal_", 6),
        ("torch.zeros", 7), ("torch.nn.Linear.forward", 12),
    }


def test_missing_parts() -> None:
    assert missing_part("torch.nn.Linear.forward") is None and missing_part("torch.nn.functional.relu") is None
    assert missing_part("torch.__version__") is None and missing_part("torch.Tensor.add_") is None
    gap = missing_part("torch.nn.Lineer.forward")
    assert gap is not None and gap.name == "torch.nn.Lineer" and gap.nearest == "torch.nn.Linear"
    assert missing_part("torch.Tensor.no_such_method") is not None
    text = describe(names_asked("import torch\ntorch.onees\ntorch.ones\ntorch.nn.qat.Linear\n", "a.py"), "a.py")
    first, *rows = text.splitlines()
    assert first == ("a.py asks for 4 names of torch, 1 of them missing; PyTorch has not 1 either: misspelt, or of "
                     "another version")
    assert [row.split(maxsplit=3) for row in rows[:2]] == [
        ["torch.nn.qat.Linear", "line", "4", "MISSING"],
        ["torch.onees", "line", "2", "not a name of PyTorch's; did you mean torch.ones?"]]


def test_the_context_restores_what_was_there() -> None:
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "torch"}
    with torch_is_wengert():
        import torch
        import torch.optim.lr_scheduler as schedules

        assert torch.ones is wengert.ones and schedules is wengert.optim.lr_scheduler
        with pytest.raises(MissingModuleError, match="torch.nowhere is not a name of PyTorch's"):
            import torch.nowhere  # noqa: F401
    after = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "torch"}
    assert before == after and wengert.optim.__spec__.name == "wengert.optim"


@pytest.mark.parametrize("ours, theirs, agreed, differs", [
    ("loss 0.5000, conv2d 3", "loss 0.50001, conv2d 3", 2, False),
    ("loss 0.5", "loss 0.6", 0, True),
    ("1 2 3", "1 2", 2, True),
    ("nan inf -inf", "nan inf -inf", 3, False),
    ("nan", "1.0", 0, True),
    ("a 1e-3 [2.5, -4]", "b 0.001 [2.5, -4.0]", 3, False),
    ("", "", 0, False),
])
def test_comparing_numbers(ours: str, theirs: str, agreed: int, differs: bool) -> None:
    result = compare_numbers(ours, theirs, 1e-3, 1e-5)
    assert result.agreed == agreed and (result.differing is not None) == differs


# -- mixed precision and compilation -------------------------------------------------------------------------------


def test_autocast_for_a_device_that_is_not_there_says_so() -> None:
    with pytest.warns(UserWarning, match="CUDA is not available"):
        context = wengert.cuda.amp.autocast()
    assert isinstance(wengert.autocast("cpu"), wengert.amp.autocast)
    with context:
        assert (wengert.ones(2, 2) @ wengert.ones(2, 2)).dtype is wengert.float32
    with pytest.raises(RuntimeError, match="unsupported autocast device_type 'toaster'"):
        wengert.amp.autocast("toaster")


def test_grad_scaler() -> None:
    with pytest.warns(UserWarning, match="CUDA is not available"):
        disabled = wengert.cuda.amp.GradScaler()
    scaler = wengert.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
    parameter = wengert.nn.Parameter(wengert.ones(1))
    optimizer = wengert.optim.SGD([parameter], lr=0.5)
    for each, steps in ((disabled, 1), (scaler, 2)):
        for _ in range(steps):
            optimizer.zero_grad()
            each.scale((parameter * 1.0).sum()).backward()
            each.step(optimizer)
            each.update()
    assert parameter.item() == -0.5 and scaler.get_scale() == 16.0 and disabled.get_scale() == 1.0
    parameter.grad = wengert.tensor([float("inf")])
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.unscale_(optimizer)
    assert scaler.step(optimizer) is None and parameter.item() == -0.5
    scaler.update()
    assert scaler.get_scale() == 8.0
    twin = wengert.amp.GradScaler("cpu")
    twin.load_state_dict(scaler.state_dict())
    assert twin.get_scale() == 8.0 and disabled.state_dict() == {}


def test_what_inference_mode_makes_is_marked() -> None:
    with wengert.inference_mode():
        x = wengert.ones(2) * 2
    assert x.is_inference() and wengert.is_inference(x) and not x.clone().is_inference()


def test_the_arguments_of_compile() -> None:
    model = wengert.nn.Linear(1, 1)
    assert wengert.compile(model, mode="reduce-overhead")(wengert.ones(1, 1)).shape == (1, 1)
    assert wengert.compile(disable=True)(len) is len
    with pytest.raises(TypeError, match="unexpected keyword argument 'speed'"):
        wengert.compile(model, speed=3)
    with pytest.raises(RuntimeError, match="Unrecognized mode=fast"):
        wengert.compile(model, mode="fast")
    with pytest.raises(RuntimeError, match="a backend among"):
        wengert.compile(model, backend=lambda graph, inputs: graph)
    with pytest.raises(TypeError, match="a function or a module was expected"):
        wengert.compile(3)


# --- wengert check ----------------------------------------------------------------------------------------------------


def test_check_reads_a_package(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    package = tmp_path / "package"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("import torch\nx = torch.ones(2)\n")
    (package / "inner" / "layers.py").write_text("from torch import nn\n\nnn.Linear(1, 1)\nnn.qat.Linear(1, 1)\n")
    assert cli.main(["check", str(package)]) == 1
    out = capsys.readouterr().out
    assert "1 of them missing" in out.splitlines()[0] and len(out.splitlines()) == 2
    assert "torch.nn.qat.Linear" in out and "package/inner/layers.py:4" in out and "MISSING" in out.splitlines()[1]
    (package / "inner" / "layers.py").write_text("from torch import nn\n")
    assert cli.main(["check", str(package)]) == 0
    assert capsys.readouterr().out.endswith("of torch, all there\n")


def test_check_tells_of_what_cannot_be_read_or_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.py").write_text("def (:\n")
    (tmp_path / "good.py").write_text("import torch\n")
    (tmp_path / "_C.abi3.so").write_bytes(b"\x7fELF" + b"libtorch_cpu.so\0")
    assert cli.main(["check", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "bad.py cannot be read" in out and "_C.abi3.so is compiled code for PyTorch's libraries" in out


@pytest.mark.parametrize("name", ["no_such_package", "no/such/folder", ""])
def test_check_of_nothing(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", name]) == 2
    assert capsys.readouterr().err.startswith("wengert check: ")


def test_a_module_below_one_that_is_no_package_is_missing() -> None:
    """As torch.nested.inner, or any that no one has made."""
    from importlib import util

    for name in ("torch.nested.inner", "torch.overrides.inner", "torch.nn.functional.inner",
                 "torch.nn.modules.conv.inner", "torch.no.such.thing"):
        with torch_is_wengert(), pytest.raises((MissingModuleError, ModuleNotFoundError)):
            util.find_spec(name)
    assert missing_part("torch.nested.inner.Module") is not None


@pytest.mark.parametrize("missing", [
    "libtorch_cpu.so: cannot open shared object file: No such file or directory",
    "package/_C.so: undefined symbol: _ZN3c106detail14torchCheckFailEPKc",
    "dlopen(package/_C.so, 0x0002): Library not loaded: @rpath/libc10.dylib",
])
def test_an_extension_for_pytorch_s_libraries_is_one_line(tmp_path: Path, missing: str,
                                                          capsys: pytest.CaptureFixture[str]) -> None:
    package = tmp_path / "package"
    package.mkdir()
    error = f"raise ImportError({missing!r}, name='package._C', path='package/_C.so')\n"
    (package / "__init__.py").write_text(error)
    (tmp_path / "train.py").write_text("import package\n")
    assert cli.main(["run", str(tmp_path / "train.py")]) == 1
    err = capsys.readouterr().err
    assert err == (f"{package / '__init__.py'}:1: package._C is compiled code that wants PyTorch's own libraries, "
                   "which are not in wengert\n")
