"""lightning: a Trainer with callbacks, a checkpoint that a second training goes on from, a log in CSV; and Fabric."""

import csv
import logging
import tempfile
import warnings
from pathlib import Path

import lightning
import torch
from lightning.fabric import Fabric
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities.model_summary import ModelSummary
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

warnings.simplefilter("ignore")
logging.getLogger("lightning").setLevel(logging.ERROR)
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
lightning.seed_everything(0, verbose=False)
x = torch.randn(96, 6)
y = (x.square().sum(1) > 5.3).long()
train, held = TensorDataset(x[:64], y[:64]), TensorDataset(x[64:], y[64:])


class Net(lightning.LightningModule):
    def __init__(self, width=16):
        super().__init__()
        self.save_hyperparameters()
        self.example_input_array = torch.zeros(2, 6)
        self.layers = nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Dropout(0.1), nn.Linear(width, 2))

    def forward(self, x):
        return self.layers(x)

    def training_step(self, batch, index):
        loss = nn.functional.cross_entropy(self(batch[0]), batch[1])
        self.log("train", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, index):
        found = self(batch[0])
        self.log("held", nn.functional.cross_entropy(found, batch[1]), prog_bar=True)
        self.log("right", (found.argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=0.02)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.5)]


def rows(folder):
    with next(Path(folder).rglob("metrics.csv")).open() as file:
        return list(csv.DictReader(file))


def trainer(folder, epochs, *callbacks):
    return lightning.Trainer(max_epochs=epochs, accelerator="cpu", devices=1, logger=CSVLogger(folder), callbacks=[
        *callbacks, LearningRateMonitor("epoch")], enable_progress_bar=False, enable_model_summary=False,
        log_every_n_steps=1, gradient_clip_val=1.0, accumulate_grad_batches=2)


found = ModelSummary(Net(), max_depth=2)
print("summary", found.total_parameters, found.total_flops, *found.param_nums)
with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
    kept = ModelCheckpoint(dirpath=first, filename="best", monitor="held", save_last=True)
    lightning.seed_everything(1, verbose=False)
    loaders = DataLoader(train, 16, shuffle=True), DataLoader(held, 16)
    trainer(first, 3, kept, EarlyStopping("held", patience=3)).fit(Net(), *loaders)
    for row in rows(first):
        print("fit", row["step"], *[row[name] for name in ("held", "right", "train", "lr-AdamW") if row[name]])
    print("best", kept.best_model_score.item())
    again = Net.load_from_checkpoint(kept.best_model_path)
    print("loaded", again.hparams.width, *again.eval()(x[:2]).flatten().tolist())
    lightning.seed_everything(2, verbose=False)
    going = trainer(second, 5)
    going.fit(Net(), *loaders, ckpt_path=kept.last_model_path)
    print("resumed", going.current_epoch, going.global_step)
    for row in rows(second):
        print("resumed", row["step"], *[row[name] for name in ("held", "train") if row[name]])
    print("test", *[value for found in going.validate(again, loaders[1], verbose=False) for value in found.values()])

fabric = Fabric(accelerator="cpu", devices=1)
fabric.launch()
fabric.seed_everything(3, verbose=False)
model = nn.Linear(6, 2)
model, optimizer = fabric.setup(model, torch.optim.SGD(model.parameters(), lr=0.1))
loader = fabric.setup_dataloaders(DataLoader(train, 16))
for x, y in loader:
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    fabric.backward(loss)
    fabric.clip_gradients(model, optimizer, max_norm=0.5)
    optimizer.step()
    print("fabric", loss.item())
with tempfile.TemporaryDirectory() as folder:
    fabric.save(f"{folder}/state.ckpt", {"model": model, "step": 4})
    state = {"model": model, "step": 0}
    fabric.load(f"{folder}/state.ckpt", state)
    print("state", state["step"], model.weight.sum().item())
