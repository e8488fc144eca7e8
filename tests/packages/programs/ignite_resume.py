"""A training with a schedule of rates, a moving average and checkpoints, ended in its middle and resumed from the last
checkpoint by ignite"""

import tempfile
from pathlib import Path

import torch
from ignite.contrib.handlers import PiecewiseLinear
from ignite.engine import Engine, Events, create_supervised_evaluator
from ignite.handlers import Checkpoint, DiskSaver, EarlyStopping, EMAHandler, TerminateOnNan
from ignite.metrics import Accuracy, ConfusionMatrix, Loss, RunningAverage, mIoU
from torch import nn

from tests.packages.printing import attempt, seeded

torch.manual_seed(0)
FEATURES = torch.randn(96, 6)
CLASSES = (FEATURES[:, 0] > 0).long() + (FEATURES[:, 1] > 0.5).long()
BATCHES = [(FEATURES[i : i + 16], CLASSES[i : i + 16]) for i in range(0, 80, 16)]
HELD_OUT = [(FEATURES[80:], CLASSES[80:])]


def made(folder):
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    loss = nn.CrossEntropyLoss()

    def step(engine, batch):
        model.train()
        optimizer.zero_grad()
        found = loss(model(batch[0]), batch[1])
        found.backward()
        optimizer.step()
        return found.item()

    trainer = Engine(step)
    evaluator = create_supervised_evaluator(model, {"accuracy": Accuracy(), "loss": Loss(loss)})
    rates = PiecewiseLinear(optimizer, "lr", milestones_values=[(0, 0.01), (5, 0.2), (30, 0.02)])
    trainer.add_event_handler(Events.ITERATION_STARTED, rates)
    trainer.add_event_handler(Events.ITERATION_COMPLETED, TerminateOnNan())
    RunningAverage(output_transform=lambda out: out).attach(trainer, "loss")
    average = EMAHandler(model, momentum=0.1)
    average.attach(trainer, name="momentum", event=Events.ITERATION_COMPLETED)
    stopping = EarlyStopping(3, lambda engine: -engine.state.metrics["loss"], trainer)
    evaluator.add_event_handler(Events.COMPLETED, stopping)
    kept = {"model": model, "optimizer": optimizer, "trainer": trainer, "rates": rates, "average": average.ema_model}
    saver = Checkpoint(kept, DiskSaver(folder, create_dir=True, require_empty=False), n_saved=2,
                       global_step_transform=lambda *_: trainer.state.epoch)
    trainer.add_event_handler(Events.EPOCH_COMPLETED, saver)
    history = []

    @trainer.on(Events.EPOCH_COMPLETED)
    def evaluate(engine):
        evaluator.run(HELD_OUT)
        history.append((engine.state.metrics["loss"], evaluator.state.metrics["loss"]))

    return model, optimizer, trainer, kept, saver, history


def resumed():
    with tempfile.TemporaryDirectory() as folder:
        model, optimizer, trainer, kept, saver, history = made(folder)
        trainer.run(BATCHES, max_epochs=3)
        last = Path(folder) / saver.last_checkpoint
        model, optimizer, trainer, kept, saver, further = made(folder)
        Checkpoint.load_objects(kept, torch.load(last))
        trainer.run(BATCHES, max_epochs=6)
        matrix = ConfusionMatrix(num_classes=3)
        evaluator = create_supervised_evaluator(model, {"matrix": matrix, "iou": mIoU(matrix)})
        state = evaluator.run(HELD_OUT)
        weights = [p.detach() for p in (*model.parameters(), *kept["average"].parameters())]
        return [*(x for pair in (*history, *further) for x in pair), optimizer.param_groups[0]["lr"],
                trainer.state.epoch, trainer.state.iteration, state.metrics["matrix"], state.metrics["iou"], *weights]


attempt("resumed", seeded(resumed))
