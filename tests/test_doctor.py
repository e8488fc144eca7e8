"""`wengert.doctor`: each mistake is found with its line, and a sound model is left alone."""

from __future__ import annotations

import inspect
import warnings
from itertools import permutations
from typing import Any

import pytest

import wengert as torch
from wengert import nn
from wengert.examination import losses
from wengert.nn import functional as F
from wengert.tensors import overrides


def line_of(thing: Any, text: str) -> str:
    """The place of the first line of the source of ``thing`` that has ``text`` in it."""
    lines, start = inspect.getsourcelines(thing)
    return f"{__file__}:{start + next(i for i, line in enumerate(lines) if text in line)}"


def examine(model: Any, features: int = 3, optimizer: Any = None, loss: Any = F.mse_loss) -> Any:
    torch.manual_seed(0)
    return torch.doctor(model, (torch.randn(16, features), torch.randn(16, 1)), loss, optimizer)


class Listed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = [nn.Linear(3, 4), nn.Linear(4, 4)]
        self.table = {"a": nn.Linear(2, 2)}
        self.scale = torch.ones(1, requires_grad=True)
        self.head = nn.Linear(4, 1)

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x).tanh()
        return self.head(x) * self.scale


def test_unregistered_layers() -> None:
    report = examine(Listed())
    found = report.of("unregistered")
    assert [symptom.line for symptom in found] == [
        line_of(Listed, f"self.{name}") for name in ("layers", "table", "scale")
    ]
    assert "nn.ModuleList" in found[0].cure and "nn.ModuleDict" in found[1].cure and "nn.Parameter" in found[2].cure


class Spare(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.spare = nn.Linear(4, 4)
        self.cut = nn.Linear(3, 4)
        self.head = nn.Linear(4, 1)

    def forward(self, x: Any) -> Any:
        return self.head(self.first(x) + self.cut(x).detach())


def test_unused_and_cut_off_parameters() -> None:
    report = examine(Spare())
    assert {symptom.text.split()[0] for symptom in report.of("unused")} == {"spare.weight", "spare.bias"}
    assert report.of("unused")[0].line == line_of(Spare, "self.spare")
    assert report.of("cut")[0].line == line_of(Spare, ".detach()")
    assert report.kinds == ["unused", "cut"]


def test_broadcast_by_accident() -> None:
    model, batch = nn.Linear(3, 1), (torch.randn(8, 3), torch.randn(8))
    for loss in (F.mse_loss, F.l1_loss, nn.MSELoss(), lambda out, y: ((out - y) ** 2).mean()):
        (symptom,) = torch.doctor(model, batch, loss)
        assert symptom.kind == "broadcast"
        assert "[8, 1] and [8] to [8, 8]" in symptom.text
        assert symptom.line.startswith(__file__)


def test_broadcasting_that_is_meant() -> None:
    model = nn.Linear(3, 4)
    batch = torch.randn(8, 3), torch.randn(8, 4)
    assert len(torch.doctor(model, batch, lambda out, y: ((out - y.mean(0)) ** 2 * torch.ones(8, 1)).mean())) == 0


class Dropping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5))
        self.head = nn.Linear(4, 1)

    def forward(self, x: Any) -> Any:
        return self.head(self.body(x))


def test_train_mode_during_evaluation() -> None:
    model = Dropping()
    assert "train_mode" not in examine(model).kinds
    with torch.no_grad():
        (symptom,) = examine(model).of("train_mode")
    assert "body.1 (Dropout)" in symptom.text and symptom.line == line_of(Dropping, "self.body")
    model.eval()
    with torch.no_grad():
        assert "train_mode" not in examine(model).kinds
    model.body.train()
    assert examine(model).kinds == ["train_mode"]


class Dead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(3, 4), nn.Linear(4, 1)
        with torch.no_grad():
            self.first.bias.fill_(-100.0)

    def forward(self, x: Any) -> Any:
        return self.head(self.first(x).relu())


def test_dead_units() -> None:
    report = examine(Dead())
    (symptom,) = report.of("dead_units")
    assert "4 of 4 units" in symptom.text and symptom.line == line_of(Dead, ".relu()")
    zero = report.of("zero_gradient")
    assert any("first.weight" in each.text and "relu" in each.text for each in zero)


class Deep(nn.Module):
    def __init__(self, scale: float, function: Any) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(3, 3, bias=False) for _ in range(12)])
        self.head = nn.Linear(3, 1)
        self.function = function
        with torch.no_grad():
            for layer in self.layers:
                layer.weight.copy_(torch.eye(3) * scale)

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = self.function(layer(x))
        return self.head(x)


def test_vanishing_and_exploding_gradients() -> None:
    vanishing = examine(Deep(0.1, torch.sigmoid)).of("vanishing")
    assert "layers.0.weight" in vanishing[0].text and vanishing[0].line == line_of(Deep, "self.layers")
    exploding = examine(Deep(8.0, lambda x: x)).of("exploding")
    assert any("layers.0.weight" in symptom.text for symptom in exploding)


def test_a_nan() -> None:
    (symptom,) = examine(nn.Linear(3, 1), loss=lambda out, y: (out - out).sqrt().log().mean())
    assert symptom.kind == "not_finite" and "log" in symptom.text


def test_a_loss_without_history() -> None:
    (symptom,) = examine(nn.Linear(3, 1), loss=lambda out, y: out.detach().mean())
    assert symptom.kind == "no_history" and "detach" in symptom.text
    frozen = nn.Linear(3, 1).requires_grad_(False)
    assert examine(frozen).kinds == ["no_history"]


def test_weights_that_do_not_change() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    assert examine(model, optimizer=torch.optim.SGD(model.parameters(), lr=0.1)).kinds == []
    still = examine(model, optimizer=torch.optim.SGD(model.parameters(), lr=0.0))
    assert still.kinds == ["not_changing"] and len(still) == 1 and "in 3 other parts: 0.bias" in str(still)
    partly = examine(model, optimizer=torch.optim.Adam(model[0].parameters(), lr=0.1))
    assert [symptom.text.split()[0] for symptom in partly.of("not_optimized")] == ["2.weight", "2.bias"]
    other = examine(model, optimizer=torch.optim.SGD(nn.Linear(3, 1).parameters(), lr=0.1))
    assert "another model" in other.of("not_optimized")[0].text


def test_the_examination_changes_nothing() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model[0].weight.grad = torch.ones(4, 3)
    before = {name: value.tolist() for name, value in model.state_dict().items()}
    batch = torch.randn(8, 3), torch.randn(8, 1)
    generator = torch.get_rng_state().tolist()
    torch.doctor(model, batch, F.mse_loss, optimizer)
    assert {name: value.tolist() for name, value in model.state_dict().items()} == before
    assert model[0].weight.grad.tolist() == [[1.0] * 3] * 4 and model[3].weight.grad is None
    assert torch.get_rng_state().tolist() == generator


def test_several_arguments_and_wrong_losses() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 1)

        def forward(self, x: Any, y: Any) -> Any:
            return self.layer(x) + self.layer(y)

    report = torch.doctor(Two(), ((torch.ones(2, 3), torch.ones(2, 3)), torch.zeros(2, 1)), F.mse_loss)
    assert str(report) == "doctor: nothing found"
    assert len(torch.doctor(nn.Linear(3, 1), torch.ones(2, 3), lambda out: out.mean())) == 0
    with pytest.raises(ValueError, match="one element; got one of shape"):
        torch.doctor(nn.Linear(3, 1), torch.ones(2, 3), lambda out: out)


class Bent(nn.Module):
    def __init__(self, function: Any, scale: float) -> None:
        super().__init__()
        self.first, self.head, self.function = nn.Linear(3, 4), nn.Linear(4, 1), function
        with torch.no_grad():
            self.first.bias.fill_(scale)

    def forward(self, x: Any) -> Any:
        return self.head(self.function(self.first(x)))


@pytest.mark.parametrize("function", [torch.sigmoid, torch.tanh, F.hardtanh, F.relu6, F.hardsigmoid])
def test_saturated_units(function: Any) -> None:
    (symptom,) = examine(Bent(function, 50.0)).of("saturated")
    assert "4 of 4 units" in symptom.text and symptom.line == line_of(Bent, "self.function(")
    assert "saturated" not in examine(Bent(function, 0.0)).kinds


@pytest.mark.parametrize("function", [F.elu, F.gelu, F.silu])
def test_units_flat_on_the_left(function: Any) -> None:
    assert "saturated" in examine(Bent(function, -50.0)).kinds
    assert "saturated" not in examine(Bent(function, 50.0)).kinds


def test_a_leaky_relu_is_never_dead() -> None:
    assert examine(Bent(F.leaky_relu, -50.0)).kinds == []


def test_dead_channels_and_dead_features() -> None:
    convolution = nn.Sequential(nn.Conv1d(1, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(12, 1))
    with torch.no_grad():
        convolution[0].bias.copy_(torch.tensor([-100.0, -100.0, -100.0, 100.0]))
    batch = torch.randn(8, 1, 3), torch.randn(8, 1)
    (symptom,) = torch.doctor(convolution, batch, F.mse_loss).of("dead_units")
    assert "3 of 4 units" in symptom.text
    sequence = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
    with torch.no_grad():
        sequence[0].bias.copy_(torch.tensor([-100.0, -100.0, -100.0, 100.0]))
    batch = torch.randn(8, 3, 2), torch.randn(8, 3, 1)
    (symptom,) = torch.doctor(sequence, batch, F.mse_loss).of("dead_units")
    assert "3 of 4 units" in symptom.text, "the features of a sequence are its last dimension"


def test_a_softmax_taken_twice() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Softmax(1))
    batch = torch.randn(8, 3), torch.zeros(8, dtype=torch.int64)
    (symptom,) = torch.doctor(model, batch, F.cross_entropy)
    assert symptom.kind == "twice" and "leave the softmax out" in symptom.cure
    model = nn.Sequential(nn.Linear(3, 1), nn.Sigmoid())
    batch = torch.randn(8, 3), torch.zeros(8, 1)
    assert torch.doctor(model, batch, F.binary_cross_entropy_with_logits).kinds == ["twice"]
    assert torch.doctor(model, batch, F.binary_cross_entropy).kinds == []


def test_eval_mode_while_training() -> None:
    model = Dropping()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert examine(model, optimizer=optimizer).kinds == []
    model.eval()
    (symptom,) = examine(model, optimizer=optimizer)
    assert symptom.kind == "eval_mode" and symptom.line == line_of(Dropping, "self.body")
    assert examine(model).kinds == []


def test_arguments_by_name() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 1)

        def forward(self, *, left: Any, right: Any) -> Any:
            return self.layer(left - right)

    batch = {"left": torch.randn(4, 3), "right": torch.randn(4, 3)}, torch.randn(4, 1)
    assert torch.doctor(Named(), batch, F.mse_loss).kinds == []


def test_every_finding_has_a_line_and_a_cure() -> None:
    plain = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    plain.extra = [nn.Linear(2, 2)]
    models = [Listed(), Spare(), Dead(), Deep(0.1, torch.sigmoid), Deep(8.0, lambda x: x), plain]
    models += [Bent(torch.tanh, 50.0), nn.Linear(3, 1).requires_grad_(False)]
    seen = []
    for model in models:
        parameters = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.SGD(parameters, lr=0.0) if parameters else None
        for symptom in examine(model, optimizer=optimizer):
            seen.append(symptom.kind)
            assert symptom.line and symptom.line.rpartition(":")[2].isdigit(), symptom
            assert symptom.cure and symptom.text
    assert len(set(seen)) >= 9


def test_what_many_layers_have_in_common_is_one_finding() -> None:
    torch.manual_seed(0)
    layers = [layer for _ in range(20) for layer in (nn.Linear(4, 4), nn.Sigmoid())]
    report = torch.doctor(nn.Sequential(*layers, nn.Linear(4, 3)), (torch.randn(16, 4), torch.randint(3, (16,))),
                          F.cross_entropy)
    assert report.kinds == ["vanishing"] and len(report) == 1
    assert "0.weight" in str(report) and "other parts: 2.weight" in str(report)
    assert "relu instead of sigmoid" in str(report)


def test_a_cure_of_vanishing_gradients_does_not_name_what_is_there_already() -> None:
    (symptom,) = examine(Deep(0.05, lambda x: torch.relu(x + 1) - 1)).of("vanishing")[:1]
    assert "relu" not in symptom.cure and "residual" in symptom.cure


def test_a_loss_that_left_the_tape_is_one_finding() -> None:
    model = nn.Sequential(nn.Linear(3, 8), nn.Softplus(), nn.Linear(8, 3))
    (symptom,) = torch.doctor(model, (torch.randn(4, 3), CLASSES),
                              lambda out, y: torch.tensor(F.cross_entropy(out, y).item(), requires_grad=True))
    assert symptom.kind == "cut" and "item()" in symptom.text and "3 other parts: 0.bias" in symptom.text


CLASSES = torch.tensor([0, 1, 2, 0])


@pytest.mark.parametrize("last, expected", [
    (nn.Identity(), "gets scores"), (nn.Softmax(1), "gets probabilities"), (nn.LogSoftmax(1), None),
])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_loss_of_log_probabilities(last: Any, expected: str | None, dtype: Any) -> None:
    model = nn.Sequential(nn.Linear(3, 3), last).to(dtype)
    report = torch.doctor(model, (torch.randn(4, 3, dtype=dtype), CLASSES), F.nll_loss)
    assert report.kinds == ([] if expected is None else ["not_log"])
    assert (expected or "nothing") in str(report)


SIGNS, SCORES = torch.tensor([[1.0], [-1.0], [1.0], [-1.0]]), torch.linspace(-2, 3, 12).view(4, 3)
WRONG: list[tuple[str, Any, Any, str, str]] = [
    # (the loss, what the model gives, the targets, the kind of finding, what its cure says)
    ("kl_div", lambda out: out, SCORES.softmax(1), "not_log", "log_softmax before"),
    ("kl_div", lambda out: out.softmax(1), SCORES.softmax(1), "not_log", "in the place of softmax"),
    ("kl_div", lambda out: out.log_softmax(1), SCORES, "targets", "softmax makes such"),
    ("kl_div", lambda out: out.log_softmax(1), SCORES.softmax(1), "", ""),
    ("binary_cross_entropy_with_logits", lambda out: out[:, :1], SIGNS, "targets", "(target + 1) / 2"),
    ("binary_cross_entropy", lambda out: out[:, :1].sigmoid(), SIGNS, "targets", "(target + 1) / 2"),
    ("binary_cross_entropy", lambda out: out[:, :1].sigmoid(), SIGNS > 0, "", ""),
    ("cross_entropy", lambda out: out, SCORES, "targets", "softmax"),
    ("cross_entropy", lambda out: out, SCORES.softmax(1), "", ""),
    ("soft_margin_loss", lambda out: out[:, :1], SIGNS > 0, "targets", "2 * target - 1"),
    ("soft_margin_loss", lambda out: out[:, :1], SIGNS, "", ""),
    ("hinge_embedding_loss", lambda out: out[:, :1], SIGNS > 0, "targets", "2 * target - 1"),
    ("poisson_nll_loss", lambda out: out[:, :1], SIGNS, "targets", "mse_loss"),
    ("nll_loss", lambda out: out.softmax(1).log(), CLASSES, "", ""),
]


@pytest.mark.parametrize(("name", "last", "targets", "kind", "cure"), WRONG)
@pytest.mark.parametrize("layer", [False, True])
def test_a_loss_of_what_it_does_not_want(name: str, last: Any, targets: Any, kind: str, cure: str, layer: bool) -> None:
    class Net(nn.Linear):
        def forward(self, input: Any) -> Any:
            return last(super().forward(input))

    layers = {"binary_cross_entropy_with_logits": "BCEWithLogitsLoss", "binary_cross_entropy": "BCELoss",
              "kl_div": "KLDivLoss", "poisson_nll_loss": "PoissonNLLLoss", "nll_loss": "NLLLoss",
              "soft_margin_loss": "SoftMarginLoss", "cross_entropy": "CrossEntropyLoss",
              "hinge_embedding_loss": "HingeEmbeddingLoss"}
    loss = getattr(nn, layers[name])() if layer else getattr(F, name)
    targets = targets.float() if targets.dtype == torch.bool else targets
    with warnings.catch_warnings(action="ignore"):
        report = torch.doctor(Net(3, 3), (torch.randn(4, 3), targets), loss)
    found = [symptom for symptom in report if symptom.kind in ("targets", "not_log")]
    assert [(symptom.kind, cure in symptom.cure) for symptom in found] == ([(kind, True)] if kind else []), str(report)


@pytest.mark.parametrize("loss", [
    lambda out, y: F.cross_entropy(y, out), lambda out, y: nn.BCELoss()((y > 0).float(), out[:, 0].sigmoid()),
    lambda out, y: nn.NLLLoss()(y, out), lambda out, y: F.kl_div(F.one_hot(y, 3).float(), out.log_softmax(1)),
])
def test_a_loss_whose_arguments_are_swapped(loss: Any) -> None:
    report = torch.doctor(nn.Linear(3, 3), (torch.randn(4, 3), CLASSES), loss)
    assert "swapped" in report.kinds and "(output, target)" in report.of("swapped")[0].cure


@pytest.mark.parametrize("loss", [
    F.cross_entropy, F.multi_margin_loss, lambda out, y: F.nll_loss(out.log_softmax(1), y),
    lambda out, y: -out.log_softmax(1)[torch.arange(4), y.abs()].mean(),
    lambda out, y: out.gather(1, y.abs()[:, None]).mean(), lambda out, y: (out - F.one_hot(y.abs(), 3)).square().mean(),
])
def test_labels_outside_the_classes_however_the_loss_reads_them(loss: Any) -> None:
    for targets in (CLASSES + 1, CLASSES - 5):
        assert torch.doctor(nn.Linear(3, 3), (torch.randn(4, 3), targets), loss).kinds == ["labels"]


def test_a_learning_rate_that_explodes_later_or_unseen() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(60, 3), CLASSES.repeat(15)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 3))
    momentum = torch.optim.SGD(model.parameters(), lr=20.0, momentum=0.99)
    assert torch.doctor(model, (x, y), F.cross_entropy, momentum).kinds == ["learning_rate"]
    assert torch.doctor(model, (x, y), F.cross_entropy, torch.optim.Adam(model.parameters(), 1e-2)).kinds == []
    saturating = nn.Sequential(nn.Linear(3, 8), nn.Tanh())
    steps = torch.optim.SGD(saturating.parameters(), lr=1e4)
    assert "learning_rate" in torch.doctor(saturating, (x, torch.randn(60, 8)), F.mse_loss, steps).kinds


@pytest.mark.parametrize("targets", [CLASSES + 1, CLASSES - 1])
def test_a_label_outside_the_classes_is_a_finding(targets: Any) -> None:
    report = torch.doctor(nn.Linear(3, 3), (torch.randn(4, 3), targets), F.cross_entropy)
    assert report.kinds == ["labels"] and f"from {targets.min()} to {targets.max()}" in str(report)


def test_an_error_of_the_loss_that_labels_do_not_cause_stays_one() -> None:
    with pytest.raises(IndexError, match="mine"):
        torch.doctor(nn.Linear(3, 3), (torch.randn(4, 3), torch.randn(4, 3)), raises)


def raises(*_: Any) -> Any:
    raise IndexError("mine")


@pytest.mark.parametrize("rate, found", [(1e-2, False), (0.5, False), (1e6, True), (1e30, True)])
def test_a_learning_rate_that_explodes(rate: float, found: bool) -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 3)
    before = [parameter.clone() for parameter in model.parameters()]
    report = torch.doctor(model, (torch.randn(60, 3), CLASSES.repeat(15)), F.cross_entropy,
                          torch.optim.SGD(model.parameters(), lr=rate))
    assert report.kinds == (["learning_rate"] if found else [])
    assert all(torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True))


def test_a_loader_and_swapped_arguments() -> None:
    from wengert.utils.data import DataLoader, TensorDataset

    loader = DataLoader(TensorDataset(torch.randn(4, 3), CLASSES), batch_size=2)
    assert torch.doctor(nn.Linear(3, 3), loader, F.cross_entropy).kinds == []
    model, batch = nn.Linear(3, 3), (torch.randn(4, 3), CLASSES + 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for order in permutations((model, batch, nn.CrossEntropyLoss(), optimizer)):
        assert torch.doctor(*order).kinds == ["labels"]
    assert torch.doctor(model, [(torch.randn(4, 3), CLASSES)] * 3, F.cross_entropy).kinds == []  # batches in a list


CLASSIFIER = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 3))
BROKEN = {
    "labels that are floats": (CLASSIFIER, torch.ones(4, 3), CLASSES.float(), F.cross_entropy, "the loss",
                               "cure: convert it with .long()"),
    "one-hot integers": (CLASSIFIER, torch.ones(4, 3), F.one_hot(CLASSES, 3), F.cross_entropy, "the loss", "(4,)"),
    "scores as probabilities": (nn.Linear(3, 1), 9 * torch.ones(4, 3), torch.ones(4, 1), F.binary_cross_entropy,
                                "the loss", "between 0 and 1"),
    "another batch": (CLASSIFIER, torch.ones(5, 3), CLASSES, F.cross_entropy, "the loss", "target batch_size (4)"),
    "another number of features": (CLASSIFIER, torch.ones(4, 5), CLASSES, F.cross_entropy, "the model",
                                   "cure: in_features=5 for the layer, which now has 3"),
    "a batch of one": (nn.BatchNorm1d(3), torch.ones(1, 3), CLASSES[:1], F.cross_entropy, "the model", "more than 1"),
    "another dtype": (CLASSIFIER, torch.ones(4, 3).double(), CLASSES, F.cross_entropy, "the model", "x.float()"),
    "an array": (CLASSIFIER, torch.ones(4, 3).numpy(), CLASSES, F.cross_entropy, "the model", "must be Tensor"),
    "a word that is not there": (nn.Embedding(3, 3), torch.tensor([0, 1, 2, 3]), CLASSES, F.cross_entropy, "the model",
                                 "from 0 to 2"),
    "images with their channels last": (nn.Conv2d(3, 4, 2), torch.ones(2, 8, 8, 3), torch.ones(2, 4, 7, 7), F.mse_loss,
                                        "the model", "cure: channels first: permute(0, 3, 1, 2)"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_raises_is_a_finding(name: str) -> None:
    model, x, y, loss, where, said = BROKEN[name]
    report = torch.doctor(model, (x, y), loss)
    assert report.kinds == ["raises"], str(report)
    assert f"[raises] {where} raises" in str(report) and said in str(report)


def test_the_loss_may_come_before_the_batch() -> None:
    batch = torch.ones(4, 3), CLASSES
    first, second = torch.doctor(CLASSIFIER, F.cross_entropy, batch), torch.doctor(CLASSIFIER, batch, F.cross_entropy)
    assert first.kinds == second.kinds
    given: list[tuple[tuple[Any, ...], str]] = [
        ((CLASSIFIER, F.cross_entropy, *batch), r"call doctor\(model, \(inputs, targets\), loss_fn, optimizer\)"),
        ((CLASSIFIER, batch, nn.CrossEntropyLoss), "got Sequential, tuple, the class CrossEntropyLoss itself"),
        ((CLASSIFIER, batch, F.cross_entropy, torch.optim.SGD), "the class SGD itself"),
        ((CLASSIFIER, batch, "mse"), "str"),
        ((CLASSIFIER, batch[0], F.cross_entropy), r"'target'; give \(inputs, targets\) as the batch"),
        ((CLASSIFIER, batch, nn.CTCLoss()), "'input_lengths'; give a function"),
    ]
    for arguments, said in given:
        with pytest.raises(TypeError, match=said):
            torch.doctor(*arguments)
    with pytest.raises(ZeroDivisionError):  # a mistake of the program's own
        torch.doctor(CLASSIFIER, batch, lambda out, y: 1 / 0)


@pytest.mark.parametrize("name", ["nll_loss", "cross_entropy"])
def test_losses_are_known_when_functions_ask_for_torch_function(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then what a function's name has is code that hands over to the function as it was."""
    overrides.arm()
    monkeypatch.setattr(losses, "_NAMED", {})
    assert F.nll_loss.__code__ not in losses._named()
    assert name in losses._named().values()
    report = torch.doctor(nn.Linear(3, 3), (torch.randn(4, 3), CLASSES), lambda out, y: getattr(F, name)(y, out))
    assert "swapped" in report.kinds
