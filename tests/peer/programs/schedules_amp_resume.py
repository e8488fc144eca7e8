"""Warm-up and cosine schedules, gradient accumulation, autocast and GradScaler for CUDA-if-available, early stopping,
checkpoints with resume, exponential moving averages, stochastic weight averaging."""

import copy
import os
import tempfile

import torch
import torch.nn as nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, OneCycleLR, SequentialLR
from torch.optim.swa_utils import SWALR, AveragedModel, update_bn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
use_amp = device.type == "cuda"


class EarlyStopping:
    def __init__(self, patience=2, delta=0.0):
        self.patience, self.delta, self.counter, self.best, self.stop = patience, delta, 0, None, False

    def __call__(self, loss, model, path):
        if self.best is None or loss < self.best - self.delta:
            self.best, self.counter = loss, 0
            torch.save(model.state_dict(), path)
        else:
            self.counter += 1
            print(f"EarlyStopping counter: {self.counter} out of {self.patience}")
            self.stop = self.counter >= self.patience


class EMA:
    def __init__(self, model, decay):
        self.decay = decay
        self.shadow = copy.deepcopy(model).eval()
        for p in self.shadow.parameters():
            p.requires_grad_(False)

    @torch.no_grad()
    def update(self, model):
        for s, p in zip(self.shadow.parameters(), model.parameters()):
            s.mul_(self.decay).add_(p, alpha=1 - self.decay)
        for s, b in zip(self.shadow.buffers(), model.buffers()):
            s.copy_(b)


def build():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(5, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 1)).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=1e-2)
    scheduler = SequentialLR(optimizer, [LinearLR(optimizer, 0.1, total_iters=3), CosineAnnealingLR(optimizer, 10)], [3])
    return model, optimizer, scheduler


X = torch.randn(48, 5)
Y = (X[:, :1] * X[:, 1:2]).tanh()
model, optimizer, scheduler = build()
scaler = torch.amp.GradScaler("cuda", enabled=use_amp)
ema, swa_model = EMA(model, 0.9), AveragedModel(model)
stopper = EarlyStopping()
folder = tempfile.mkdtemp()
path = os.path.join(folder, "checkpoint.pt")
for epoch in range(6):
    model.train()
    loader = DataLoader(TensorDataset(X, Y), batch_size=8, shuffle=True, pin_memory=use_amp)
    optimizer.zero_grad(set_to_none=True)
    for step, (x, y) in enumerate(loader):
        x, y = x.to(device, non_blocking=True), y.to(device, non_blocking=True)
        with torch.autocast(device_type=device.type, dtype=torch.bfloat16, enabled=use_amp):
            loss = nn.functional.mse_loss(model(x), y) / 2
        scaler.scale(loss).backward()
        if (step + 1) % 2 == 0:
            scaler.unscale_(optimizer)
            total = torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad(set_to_none=True)
            ema.update(model)
    scheduler.step()
    model.eval()
    with torch.no_grad():
        valid = nn.functional.mse_loss(model(X), Y).item()
    swa_model.update_parameters(model)
    print(f"epoch {epoch} loss {loss.item():.5f} valid {valid:.5f} norm {total:.4f} lr {scheduler.get_last_lr()[0]:.5f}",
          scaler.get_scale())
    stopper(valid, model, path)
    if epoch == 2:
        torch.save({"epoch": epoch, "model": model.state_dict(), "optimizer": optimizer.state_dict(),
                    "scheduler": scheduler.state_dict(), "scaler": scaler.state_dict(),
                    "rng": torch.get_rng_state()}, os.path.join(folder, "resume.pt"))
    if stopper.stop:
        break
update_bn(loader, swa_model)
print("ema", sum(p.sum() for p in ema.shadow.parameters()), "swa", swa_model(X).mean(), swa_model.n_averaged)

checkpoint = torch.load(os.path.join(folder, "resume.pt"), map_location=device, weights_only=True)
model, optimizer, scheduler = build()
model.load_state_dict(checkpoint["model"])
optimizer.load_state_dict(checkpoint["optimizer"])
scheduler.load_state_dict(checkpoint["scheduler"])
torch.set_rng_state(checkpoint["rng"])
print("resumed at", checkpoint["epoch"], scheduler.last_epoch, optimizer.state_dict()["param_groups"][0]["lr"])
for step, (x, y) in enumerate(DataLoader(TensorDataset(X, Y), batch_size=16, shuffle=True)):
    loss = nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print("resumed step", step, loss)
cycle = OneCycleLR(optimizer, max_lr=0.1, steps_per_epoch=2, epochs=3)
swa_scheduler = SWALR(torch.optim.SGD(model.parameters(), lr=0.5), anneal_epochs=2, swa_lr=0.05)
for _ in range(4):
    optimizer.step()
    cycle.step()
    swa_scheduler.step()
    print([round(v, 6) for v in cycle.get_last_lr() + swa_scheduler.get_last_lr()], optimizer.param_groups[0]["betas"])
