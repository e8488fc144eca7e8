"""What is printed of an error that nobody caught: the program's lines, the nearest keyword, the shapes drawn."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert as torch
from wengert import nn
from wengert.core import display
from wengert.examination.failure import describe, shorten
from wengert.examination.shapes import cures, drawing, picture
from wengert.nn import functional

HEAD = "import wengert as torch\nfrom wengert import nn\nF = nn.functional\n"


def printed(folder: Path, source: str, **environment: str) -> str:
    (folder / "program.py").write_text(HEAD + source, encoding="utf-8")
    done = subprocess.run([sys.executable, "program.py"], cwd=folder, capture_output=True, text=True,
                          env={**os.environ, **environment}, timeout=60)
    assert done.returncode == 1
    return done.stderr


def test_a_shape_error_shows_the_lines_of_the_program_and_draws_the_shapes(tmp_path: Path) -> None:
    source = ("class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
              "        self.fc = nn.Linear(4, 2)\n    def forward(self, x):\n        h = x.transpose(0, 1)\n"
              "        return self.fc(h)\nNet()(torch.ones(5, 4))\n")
    text = printed(tmp_path, source)
    head, *rest = text.splitlines()
    assert head == "Traceback (most recent call last):"
    files = [line for line in rest if line.startswith("  File ")]
    assert len(files) == 2 and all("program.py" in line for line in files)
    assert text.endswith("""
    x       (4, 5)  h, from program.py:9
                ^
    weight  (2, 4)  weight of Linear(in_features=4, out_features=2, bias=True)
                ^
    bias    (2,)  bias of Linear(in_features=4, out_features=2, bias=True)
    try: move the axis of size 4 to the end: movedim(0, -1)
    try: in_features=5 for the layer, which now has 4
""")
    full = printed(tmp_path, source, WENGERT_TRACEBACK="full")
    assert full.count("  File ") > 6 and "not aligned" in full


@pytest.mark.parametrize("call, said", [
    ("torch.zeros(2, dytpe=torch.float32)", "torch.zeros() has no argument 'dytpe'; did you mean 'dtype'?"),
    ("torch.optim.SGD([torch.ones(2)], learning_rate=3)",
     "torch.optim.SGD() has no argument 'learning_rate'; did you mean 'lr'?"),
    ("nn.LSTM(2, 3, batchfirst=True)", "nn.LSTM() has no argument 'batchfirst'; did you mean 'batch_first'?"),
    ("nn.Conv2d(1, 1, 3, pading=1)", "nn.Conv2d() has no argument 'pading'; did you mean 'padding'?"),
    ("torch.ones(2).sum(axes=1)", "torch.ones(2).sum() has no argument 'axes'; did you mean 'dim'?"),
    ("F.dropout(torch.ones(2),\n    prob=0.1)", "F.dropout() has no argument 'prob'; did you mean 'p'?"),
    ("torch.max(torch.ones(2), dm=0)", "torch.max() has no argument 'dm'; did you mean 'dim'?"),
    ("torch.relu(torch.ones(2), quickly=True)", "torch.relu() has no argument 'quickly'; it takes input"),
    ("torch.ones(2).argmax(dimm=0)", "torch.ones(2).argmax() has no argument 'dimm'; did you mean 'dim'?"),
    ("torch.full((2,), fill=1)", "torch.full() has no argument 'fill'; did you mean 'fill_value'?"),
    ("torch.stack([], dimension=1)", "torch.stack() has no argument 'dimension'; did you mean 'dim'?"),
    ("torch.compile(F.relu, fullgrap=True)", "torch.compile() has no argument 'fullgrap'; did you mean 'fullgraph'?"),
    ("layer = nn.Linear(1, 1)\nlayer(inptu=torch.ones(1))", "layer() has no argument 'inptu'; did you mean 'input'?"),
    ("torch.optim.adam(nn.Linear(1, 1).parameters())",
     "torch.optim.adam is a module; did you mean torch.optim.Adam?"),
    ("x = {'f': torch.zeros}\nx['f'](2, dytpe=1)", ""),  # only running the program would tell
])
def test_an_unknown_keyword_is_answered_with_the_nearest(tmp_path: Path, call: str, said: str) -> None:
    text = printed(tmp_path, call + "\n")
    assert text.count("  File ") == 1
    *_, last = text.splitlines()
    assert last == said if said else last.startswith("TypeError: ")


@pytest.mark.parametrize("name, shapes, first", [
    ("linear", ((4, 3, 16, 16), (10, 768), (10,)), "flatten(1) before it: 768 = 3 * 16 * 16"),
    ("linear", ((4, 1568), (10, 100)), "in_features=1568 for the layer, which now has 100"),
    ("matmul", ((3, 4), (3, 5)), "the first operand transposed: .mT"),
    ("matmul", ((3, 4), (5, 4)), "the second operand transposed: .mT"),
    ("matmul", ((3, 4), (5, 3)), "the operands in the other order"),
    ("mv", ((2, 3), (2,)), "the first operand transposed: .mT"),
    ("mul", ((8,), (8, 5)), "unsqueeze(1) of the shorter one, if its elements go with the rows"),
    ("add", ((8, 2, 3), (8,)), "reshape(8, 1, 1) of the shorter one, if its elements go with the first axis"),
    ("add", ((2, 3), (3, 2)), "one of them transposed: .mT"),
])
def test_a_cure_makes_the_shapes_fit(name: str, shapes: tuple[tuple[int, ...], ...], first: str) -> None:
    assert cures(name, shapes)[0] == first


@pytest.mark.parametrize("call, rows", [
    (lambda x: torch.cat([x, torch.ones(2, 4)]), ["tensors[0]  (2, 3)  x", "tensors[1]  (2, 4)"]),
    (lambda x: x + torch.ones(4), ["x1  (2, 3)  x", "x2  (4,)"]),
    (lambda x: torch.nn.functional.mse_loss(x, torch.ones(5)), ["(2, 3)", "(5,)"]),
    (lambda x: torch.einsum("ij,ij->i", x, torch.ones(2, 4)), ["(2, 3)", "(2, 4)"]),
    (lambda x: torch.where(torch.ones(4) > 0, x, x), ["(4,)", "(2, 3)"]),
    (lambda x: torch.addmm(torch.ones(2, 2), x, torch.ones(2, 2)), ["(2, 3)", "(2, 2)"]),
    (lambda x: torch.stack([x, x[0]]), ["(2, 3)", "(3,)"]),
])
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_the_operands_are_drawn(call: object, rows: list[str]) -> None:
    with pytest.raises(RuntimeError) as caught:
        call(torch.ones(2, 3))  # type: ignore[operator]
    text = "\n".join(drawing(caught.value))
    assert all(row in text for row in rows) and "^" in text


def test_an_error_that_nobody_foresaw_keeps_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    space: dict[str, Any] = {}
    inside = str(Path(torch.__file__).with_name("inner.py"))
    exec(compile("def broken(*operands, **options):\n    return {}['a fault of its own']\n", inside, "exec"), space)
    monkeypatch.setattr(functional.affine.P.linear, "run", space["broken"])
    with pytest.raises(KeyError) as caught:
        torch.nn.Linear(2, 2)(torch.ones(1, 2))
    text = describe(caught.value)
    assert "affine.py" in text and "inner.py" in text and "module.py" in text


def test_a_shell_is_given_the_lines_of_the_program() -> None:
    def program() -> None:
        torch.ones(2) + torch.ones(3)

    with pytest.raises(RuntimeError) as caught:
        program()
    trace, names = shorten(caught.value), []
    while trace is not None:
        names.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    assert names == ["test_a_shell_is_given_the_lines_of_the_program", "program"]
    assert caught.value.__cause__ is None


class Shell:
    """What of IPython is asked here; with a ``kernel`` it is a notebook's."""

    def __init__(self, **parts: Any) -> None:
        self.custom_exceptions: tuple[Any, ...] = ()
        self.published: list[Any] = []
        self.shown: list[Any] = []
        vars(self).update(parts)
        self.display_pub = self

    def set_custom_exc(self, kinds: tuple[Any, ...], handler: Any) -> None:
        self.custom_exceptions, self.handler = kinds, handler

    def showtraceback(self, shown: tuple[Any, ...], tb_offset: int | None) -> None:
        self.shown.append(shown)

    def publish(self, data: dict[str, str]) -> None:
        self.published.append(data)


@pytest.mark.parametrize("parts", [{}, {"kernel": None}], ids=["terminal", "notebook"])
def test_in_ipython_the_drawing_is_printed_or_shown(parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch,
                                                    capsys: pytest.CaptureFixture[str]) -> None:
    shell = Shell(**parts)
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    display.install()
    with pytest.raises(RuntimeError) as caught:
        torch.ones(3, 4) @ torch.ones(3, 5)
    shell.handler(shell, caught.type, caught.value, caught.value.__traceback__)
    (kind, error, trace), = shell.shown
    assert error is caught.value and trace.tb_next is None and trace.tb_frame is not None
    if not parts:
        assert "try: the first operand transposed" in capsys.readouterr().err and not shell.published
        return
    page = shell.published[0]["text/html"]
    assert page == picture(caught.value) and page.count("#c0392b") == 4 and "<code>the first operand" in page


def test_a_line_of_a_notebook_is_named_by_its_cell(monkeypatch: pytest.MonkeyPatch,
                                                   capsys: pytest.CaptureFixture[str]) -> None:
    """In a finding, in an answer about gradients, and in what compiling says."""
    compiler = types.SimpleNamespace(format_code_name=lambda name: ("Cell", "In[7]") if name == "/tmp/k/1.py" else None)
    monkeypatch.setitem(sys.modules, "IPython",
                        types.SimpleNamespace(get_ipython=lambda: types.SimpleNamespace(compile=compiler)))
    space: dict[str, Any] = {"torch": torch, "nn": nn}
    source = ("report = torch.doctor(nn.Linear(3, 1), (torch.ones(4, 3), torch.ones(4)), nn.functional.mse_loss)\n"
              "w = torch.ones(2, requires_grad=True)\n"
              "with torch.autograd.watch():\n    loss = (w * 2).detach().sum()\n"
              "why = torch.autograd.why_none(w, loss)\n"
              "def f(x):\n    print(x * 2)\n    return x\ntorch.compile(f)(torch.ones(2))\n")
    with pytest.warns(UserWarning, match=r"In\[7\]:7 prints while f is recorded"):
        exec(compile(source, "/tmp/k/1.py", "exec"), space)
    assert "(In[7]:1)" in str(space["report"]) and "In[7]:4" in str(space["why"])
    assert "made at In[7]:7" in capsys.readouterr().out


def test_a_hook_of_the_programs_own_stays(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("import sys\nsys.excepthook = lambda *a: print('mine', file=sys.stderr)\n"
                                         "import wengert\nwengert.ones(2) + wengert.ones(3)\n")
    done = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stderr == "mine\n"


def test_what_python_suggests_for_a_name_is_still_said(tmp_path: Path) -> None:
    for line, end in (("import math; math.sinn", "Did you mean: 'sin'?"),
                      ("wengert.cuda.is_avaliable", "Did you mean: 'is_available'?"),
                      ("wengert.nn.Linear(1, 1).wieght", "Did you mean: 'weight'?"),
                      ("wengert.linalg.inversion", "wengert.linalg.inversion is not a name of PyTorch's"),
                      ("wengrt", "Did you mean: 'wengert'?"),
                      ("from wengert.nn import Linnear", "did you mean wengert.nn.Linear?")):
        (tmp_path / "program.py").write_text(f"import wengert\n{line}\n")
        done = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60,
                              env={**os.environ, "PYTHONPATH": str(Path(torch.__file__).parents[1])})
        last = done.stderr.splitlines()[-1]
        assert last.endswith(end) and done.stderr.count("Traceback") == 1, done.stderr


LAYERS: list[tuple[Any, Any, str, str]] = [
    (nn.BatchNorm2d(3), (2, 4, 5, 5), "num_features", "num_features=4 for the layer, which now has 3"),
    (nn.BatchNorm1d(6), (2, 5, 6), "num_features", "where the layer looks for it: movedim(2, 1)"),
    (nn.LayerNorm(5), (2, 4), "normalized_shape", "normalized_shape=(4,) for the layer, which now has (5,)"),
    (nn.LayerNorm((3, 5)), (2, 3, 4), "normalized_shape", "normalized_shape=(3, 4) for the layer"),
    (nn.LSTM(3, 4), (5, 2, 7), "input_size", "input_size=7 for the layer, which now has 3"),
    (nn.GRU(3, 4), (5, 3, 7), "input_size", "movedim(1, -1)"),
]


@pytest.mark.parametrize("layer, shape, setting, change", LAYERS, ids=[repr(case[0])[:12] for case in LAYERS])
def test_a_layer_that_does_not_fit_says_by_which_setting(layer: Any, shape: tuple[int, ...], setting: str, change: str
                                                         ) -> None:
    with pytest.raises((RuntimeError, ValueError)) as caught:
        layer(torch.ones(shape))
    text = describe(caught.value)
    assert f"    {setting}  (" in text and change in text and f"({', '.join(map(str, shape))})" in text


def test_shapes_are_drawn_whatever_the_error_is_called() -> None:
    attention, x = nn.MultiheadAttention(4, 2), torch.ones(2, 3, 5)
    scores = torch.ones(4, 3)
    for call, rows in (
        (lambda: attention(x, x, x), ["embed_dim  (4,)", "try: embed_dim=5"]),
        (lambda: nn.functional.cross_entropy(scores, torch.ones(5).long()), ["input   (4, 3)", "target  (5,)"]),
        (lambda: nn.functional.cross_entropy(scores, torch.ones(4, 1).long()), ["its axis of size 1: squeeze(1)"]),
        (lambda: torch.bmm(torch.ones(2, 3, 4), torch.ones(3, 4, 5)), ["input  (2, 3, 4)\n            ^\n"]),
        (lambda: torch.ones(4, 6).view(3, 7), ["24 elements", "21 elements", "try: view(3, 8), which has 24"]),
        (lambda: torch.ones(3, 4).expand(3, 5), ["the shape   (3, 5)", "15 elements"]),
        (lambda: torch.ones(3, 4).gather(1, torch.zeros(4, 1).long()), ["index  (4, 1)"]),
    ):
        with pytest.raises((RuntimeError, ValueError, AssertionError)) as caught:
            call()
        text = describe(caught.value)
        assert all(row in text for row in rows), text
    with pytest.raises(RuntimeError) as caught:
        torch.zeros(3).scatter(0, torch.tensor([5]), 1.0)
    assert "^" not in describe(caught.value).partition("RuntimeError")[2]  # an index is no matter of shapes


def test_parameters_without_their_brackets_are_told_of() -> None:
    with pytest.raises(TypeError, match=r"got the function parameters itself; call it: parameters\(\)"):
        torch.optim.Adam(nn.Linear(1, 1).parameters)  # type: ignore[arg-type]


X = torch.arange(6.0).view(2, 3)
DRAWN: list[tuple[Any, str, str]] = [
    # (the call, its drawing without what is said of where the operands are from, the first change)
    (lambda: nn.Conv2d(3, 4, 3)(torch.ones(2, 8, 8, 3)), "(2, 8, 8, 3)|    ^|(4, 3, 3, 3)|    ^|(4,)",
     "channels first: permute(0, 3, 1, 2)"),
    (lambda: nn.Conv2d(3, 4, 3)(torch.ones(8, 8, 3)), "(8, 8, 3)| ^|(4, 3, 3, 3)|    ^|(4,)",
     "channels first: permute(2, 0, 1)"),
    (lambda: nn.Conv1d(3, 4, 3)(torch.ones(2, 9, 3)), "(2, 9, 3)|    ^|(4, 3, 3)|    ^|(4,)",
     "channels first: permute(0, 2, 1)"),
    (lambda: nn.ConvTranspose2d(3, 4, 3)(torch.ones(2, 8, 8, 3)), "(2, 8, 8, 3)|    ^|(3, 4, 3, 3)| ^|(4,)",
     "channels first: permute(0, 3, 1, 2)"),
    (lambda: nn.ConvTranspose2d(3, 4, 3)(torch.ones(2, 5, 8, 8)), "(2, 5, 8, 8)|    ^|(3, 4, 3, 3)| ^|(4,)",
     "in_channels=5 for the layer, which now has 3"),
    (lambda: nn.Conv2d(4, 4, 3, groups=2)(torch.ones(2, 6, 8, 8)), "(2, 6, 8, 8)|    ^|(4, 2, 3, 3)|    ^|(4,)",
     "in_channels=6 for the layer, which now has 4"),
    (lambda: nn.Conv2d(3, 4, 9)(torch.ones(2, 3, 8, 9)), "(2, 3, 8, 9)|       ^|(4, 3, 9, 9)|       ^|(4,)", ""),
    (lambda: functional.conv2d(torch.ones(2, 3, 8, 8), torch.ones(4, 3, 3, 3), torch.ones(5)),
     "(2, 3, 8, 8)|(4, 3, 3, 3)| ^|(5,)| ^", ""),
    (lambda: torch.bmm(torch.ones(3, 4), torch.ones(4, 5)), "(3, 4)|(4, 5)", "mm or @"),
    (lambda: torch.cat([X, torch.ones(2, 4)]), "(2, 3)|    ^|(2, 4)|    ^", "along another axis: dim=1"),
    (lambda: torch.cat([X, torch.ones(3, 4)], 1), "(2, 3)| ^|(3, 4)| ^", ""),
    (lambda: torch.cat([X, torch.ones(3)]), "(2, 3)|(3,)| ^", ""),
    (lambda: nn.LSTM(3, 4)(torch.ones(5, 2, 3), (torch.ones(1, 3, 4), torch.ones(1, 3, 4))),
     "(1, 3, 4)|    ^|(1, 2, 4)|    ^", ""),
    (lambda: nn.LSTM(3, 4)(torch.ones(5, 2, 3), (torch.ones(2, 1, 4), torch.ones(2, 1, 4))),
     "(2, 1, 4)| ^  ^|(1, 2, 4)| ^  ^", "its axes exchanged: transpose(0, 1)"),
    (lambda: nn.GRU(3, 4)(torch.ones(5, 2, 3), torch.ones(2, 2, 4)), "(2, 2, 4)| ^|(1, 2, 4)| ^", ""),
    (lambda: nn.GRUCell(3, 4)(torch.ones(2, 3), torch.ones(2, 5)), "(2, 3)|(2, 5)|    ^", ""),
    (lambda: nn.MultiheadAttention(4, 2)(*[torch.ones(2, 3, 4)] * 3, attn_mask=torch.ones(3, 3)),
     "(3, 3)| ^  ^|(2, 2)| ^  ^", ""),
    (lambda: functional.scaled_dot_product_attention(torch.ones(5, 4), torch.ones(6, 4), torch.ones(5, 4)),
     "(5, 4)| ^|(6, 4)| ^|(5, 4)| ^", ""),
    (lambda: torch.einsum("bi,bj->bij", X, torch.ones(3, 4)), "(2, 3)| ^|(3, 4)| ^", ""),
    (lambda: torch.ones(3).add_(X), "(3,)|(2, 3)| ^", "not in place"),
    (lambda: X.clone().copy_(torch.ones(3, 2)), "(3, 2)| ^  ^|(2, 3)| ^  ^", "its axes exchanged: transpose(0, 1)"),
    (lambda: X.clone().__setitem__(0, torch.ones(2)), "(2,)| ^|(3,)| ^", ""),
    (lambda: X.clone().__setitem__((slice(None), 0), torch.ones(2, 1)), "(2, 1)| ^  ^|(2,)| ^",
     "without its axis of size 1: squeeze(1)"),
    (lambda: X[torch.ones(3).bool()], "(3,)| ^|(2, 3)| ^", "along axis 1: x[:, mask]"),
    (lambda: X[torch.tensor([0, 1]), torch.tensor([0, 1, 2])], "(2,)| ^|(3,)| ^", "x[i[:, None], j]"),
    (lambda: nn.CrossEntropyLoss()(X, torch.ones(2, 1).long()), "(2, 3)|(2, 1)|    ^", "the target without its axis"),
    (lambda: nn.NLLLoss()(X, torch.ones(5).long()), "(2, 3)| ^|(5,)| ^", ""),
    (lambda: nn.BCEWithLogitsLoss()(torch.ones(4, 1), torch.ones(4)), "(4, 1)|(4,)| ^", "unsqueeze(1)"),
    (lambda: nn.CosineEmbeddingLoss()(X, X, torch.ones(3)), "(2, 3)|(2, 3)|(3,)| ^", ""),
    (lambda: nn.Bilinear(3, 4, 5)(X, torch.ones(2, 5)), "(2, 3)|(2, 5)|    ^", ""),
    (lambda: torch.tensordot(X, X, dims=1), "(2, 3)|    ^|(2, 3)| ^", "dims=([1], [1])"),
    (lambda: X.reshape(-1, 4), "(2, 3)| ^  ^|(-1, 4)| ^^  ^", "reshape(-1, 3)"),
    (lambda: functional.grid_sample(torch.ones(2, 3, 8, 8), torch.ones(3, 4, 4, 2), align_corners=False),
     "(2, 3, 8, 8)| ^|(3, 4, 4, 2)| ^", ""),
    (lambda: torch.cdist(X, torch.ones(2, 4)), "(2, 3)|    ^|(2, 4)|    ^", ""),
    (lambda: X.scatter(1, torch.zeros(2, 3).long(), torch.ones(2, 2)), "(2, 3)|(2, 3)|    ^|(2, 2)|    ^", ""),
    (lambda: torch.func.vmap(torch.add)(X, torch.ones(3)), "(2, 3)| ^|(3,)| ^", ""),
    (lambda: torch.utils.data.TensorDataset(X, torch.ones(3)), "(2, 3)| ^|(3,)| ^", ""),
]


@pytest.mark.parametrize(("call", "rows", "change"), DRAWN, ids=range(len(DRAWN)))
def test_sizes_are_marked_as_the_function_compares_them_and_the_change_fits(call: Any, rows: str, change: str) -> None:
    with pytest.raises((RuntimeError, ValueError, AssertionError, IndexError)) as caught:
        call()
    lines = describe(caught.value).rpartition("\n\n")[2].splitlines()
    changes = [line.removeprefix("    try: ") for line in lines if line.startswith("    try: ")]
    shown = []
    for line in lines[: len(lines) - len(changes)]:
        shape = re.search(r"\([-\d, ]*\)", line)
        if shape is not None:
            start = shape.start()
        shown.append(line[start:].rstrip() if shape is None else shape[0])
    assert "|".join(shown) == rows
    assert changes[0].startswith(change) if change else not changes


def test_an_error_of_dtypes_or_of_values_is_no_matter_of_shapes() -> None:
    for call in (lambda: nn.CrossEntropyLoss()(X, torch.ones(2)), lambda: nn.Linear(3, 2)(X.double()),
                 lambda: nn.Embedding(3, 2)(torch.tensor([7])), lambda: X.index_select(1, torch.tensor([7]))):
        with pytest.raises((RuntimeError, IndexError)) as caught:
            call()
        assert "    try: " not in describe(caught.value)


@pytest.mark.parametrize(("owner", "name", "meant"), [
    (nn, "Relu", "wengert.nn.ReLU"), (nn, "linear", "wengert.nn.Linear"), (nn, "Conv2D", "wengert.nn.Conv2d"),
    (torch.optim, "Sgd", "wengert.optim.SGD"), (nn, "LSTMcell", "wengert.nn.LSTMCell"),
    (functional, "crossentropy", "wengert.nn.functional.cross_entropy"), (torch, "Softmax", "wengert.nn.Softmax"),
    (torch, "float_32", "wengert.float32"), (nn, "Dense", "wengert.nn.Linear"),
    (torch, "expand_dims", "wengert.unsqueeze"),
    (torch, "set_seed", "wengert.manual_seed"), (torch.ones(1), "astype", "Tensor.to"),
    (torch.ones(1), "copy", "Tensor.clone"), (torch.ones(1), "clone_", "Tensor.clone"), (torch, "quantum", ""),
])
def test_a_name_that_is_not_there_is_answered_with_the_one_meant(owner: Any, name: str, meant: str) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(owner, name)
    assert str(caught.value).endswith(f"did you mean {meant}?" if meant else "is not a name of PyTorch's")


@pytest.mark.filterwarnings("ignore")
def test_an_unknown_argument_is_refused_by_the_public_name() -> None:
    """By every public function that Python does not need another argument for first."""
    from tools import reference

    wrong, told = [], 0
    for page in reference.PAGES:
        if page.startswith(("wengert.distributed", "wengert.multiprocessing", "wengert.vision", "wengert.utils")):
            continue
        for name, value in reference.members(page):
            if reference.standing_in(value):
                continue
            try:
                value(*[X] * (page == reference.TENSOR), no_such_argument=1)
            except TypeError as error:
                told += "no_such_argument" in str(error)
                wrong += [f"{page}.{name}: {error}"] if "<locals>" in str(error) else []
            except RuntimeError:
                continue
            else:
                wrong.append(f"{page}.{name} takes anything")
    free = {"Tensor", "types.Tensor", "nn.Identity", "autograd.Function", "jit.ignore", "autograd.record_lines",
            "autograd.strict_zero", "overrides.DisableTorchFunction", "overrides.DisableTorchFunctionSubclass"}
    assert [each for each in wrong if each.removeprefix("wengert.").removesuffix(" takes anything") not in free] == []
    assert told > 1000


def test_a_module_refuses_an_unknown_argument_of_to() -> None:
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'dtpye'"):
        nn.Linear(1, 1).to(dtpye=torch.float64)


@pytest.mark.parametrize("params", [None, [nn.Linear(1, 1)], nn.Linear(1, 1).state_dict(), nn.Linear(1, 1), 3])
def test_what_is_no_parameters_is_told_to_be_models_parameters(params: Any) -> None:
    with pytest.raises(TypeError, match=r"model\.parameters\(\)"):
        torch.optim.Adam(params)


@pytest.mark.parametrize("call", [*[case[0] for case in DRAWN], *[lambda case=case: case[0](torch.ones(case[1]))
                                                                  for case in LAYERS], *[
    lambda: nn.CrossEntropyLoss()(X, torch.tensor([3, 0])), lambda: nn.Embedding(3, 4)(torch.tensor([3])),
    lambda: nn.MaxPool2d(9)(torch.ones(2, 3, 8, 8)), lambda: X.sum(dim=5), lambda: torch.floor(X > 0),
    lambda: nn.Linear(3, 2)(X.double()), lambda: torch.linalg.inv(X), lambda: torch.linalg.inv(torch.zeros(2, 2)),
    lambda: X.sum().backward(), lambda: torch.normal(torch.ones(2), torch.ones(3)), lambda: torch.multinomial(-X, 1),
]])
def test_no_error_is_its_own_cause_and_a_shell_is_shown_the_lines_of_the_program_alone(call: Any) -> None:
    with pytest.raises((RuntimeError, ValueError, AssertionError, IndexError, TypeError)) as caught:
        call()
    error: Any = caught.value
    before = {id(error)}
    while (error := error.__cause__ or error.__context__) is not None:
        assert id(error) not in before
        before.add(id(error))
    trace: Any = shorten(caught.value)
    assert caught.value.__cause__ is None and caught.value.__suppress_context__ or caught.value.__context__ is None
    while trace is not None:
        assert trace.tb_frame.f_code.co_filename == __file__
        trace = trace.tb_next
    assert describe(caught.value).count("Traceback (most") == 1


@pytest.mark.filterwarnings("ignore")
def test_constructors_speak_in_the_name_of_the_class_that_was_called() -> None:
    asked = 0
    for package in (nn, torch.distributions):
        for kind in vars(package).values():
            if not isinstance(kind, type) or not issubclass(kind, (nn.Module, torch.distributions.Distribution)):
                continue
            for given in ({}, {"no_such_argument": 1}):
                with contextlib.suppress(AssertionError, NotImplementedError, ValueError, AttributeError):
                    try:
                        kind(**given)
                    except TypeError as error:
                        asked += 1
                        owner = re.match(r"(?:__init__|(\w+)(?:\.\w+)?)\(\)", str(error))
                        assert owner is None or owner[1] in (kind.__name__, "RNNBase"), error
    assert asked > 200
    for call, who in ((lambda: torch.ones(2).polygamma(), "polygamma"), (lambda: torch.ones(2).where(True), "where"),
                      (lambda: torch.lu(), "lu"), (lambda: torch.ones(2).fill_diagonal_(no=1), "fill_diagonal")):
        with pytest.raises(TypeError, match=rf"^{who}\(\) "):
            call()


@pytest.mark.parametrize("call, said", [
    (lambda: nn.MSELoss(torch.ones(2), torch.ones(2)), r"a loss is made before it is called"),
    (lambda: nn.CrossEntropyLoss(torch.ones(2, 3), torch.tensor([0, 1])), r"a loss is made before it is called"),
    (lambda: nn.LSTM(4, 8)(torch.ones(5, 3, 4), torch.zeros(1, 3, 8)), r"\[1, 3, 8\]; write \(h_0, c_0\)"),
    (lambda: nn.Linear(4, 3)(torch.ones(2, 4).double()), r"convert them first, as the first by \.to\(torch\.float32\)"),
    (lambda: torch.gather(torch.ones(2, 3), 1, torch.tensor([[3]])), r"out of bounds for dimension 1 with size 3"),
    (lambda: nn.Linear(2, 1)(np.ones((1, 2))), r"must be Tensor, not ndarray; torch\.as_tensor\(x, dtype="),
    (lambda: torch.relu([1.0]), r"must be Tensor, not list; torch\.tensor\(x\) makes it one"),
    (lambda: torch.optim.SGD([{"lr": 1}], lr=0.1), r"\[SGD\] a dictionary with the key 'params' was expected"),
    (lambda: torch.utils.data.default_collate([{"a": 1}, {"b": 1}]), r"the key 'a' was expected; got one without it"),
    (lambda: torch.randint(0, 3), r"must be tuple of ints, not int; write randint\(0, 3, \(n,\)\)"),
    (lambda: torch.einsum(torch.ones(2)), r"^einsum\(\): must specify the equation string and at least one operand"),
    (lambda: nn.Embedding(10, 3)(torch.tensor([11])), r"index out of range in self: index 11 .* from 0 to 9 .* num_"),
])
def test_common_mistakes_are_told_with_their_cure(call: Callable[[], object], said: str) -> None:
    with pytest.raises((RuntimeError, LookupError, TypeError, ValueError), match=said):
        call()


def test_a_state_that_is_carried_on_is_told_to_be_detached() -> None:
    hidden = torch.ones(2, requires_grad=True) * 2
    hidden.sum().backward()
    with pytest.raises(RuntimeError, match=r"a second time.*needs a detach\(\)"):
        hidden.exp().sum().backward()
