"""accelerate: a training with accumulation, clipping and a schedule; its state saved and loaded again."""

import tempfile

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

set_seed(0)
x = torch.randn(64, 5)
y = x @ torch.randn(5, 1) + 0.1 * torch.randn(64, 1)
accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
model = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 16)
model, optimizer, loader, schedule = accelerator.prepare(
    model, optimizer, DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True), schedule)


def epoch():
    for inputs, targets in loader:
        with accelerator.accumulate(model):
            loss = nn.functional.mse_loss(model(inputs), targets)
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                print("norm", accelerator.clip_grad_norm_(model.parameters(), 1.0).item())
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        print("loss", loss.item(), schedule.get_last_lr()[0])


epoch()
print("gathered", accelerator.gather_for_metrics(model(x)).sum().item(), accelerator.num_processes)
with tempfile.TemporaryDirectory() as folder:
    accelerator.save_state(folder)
    epoch()
    after = model[0].weight.sum().item()
    accelerator.load_state(folder)
    epoch()
    print("again", after, model[0].weight.sum().item())
    accelerator.save_model(model, folder)
print("unwrapped", sum(p.numel() for p in accelerator.unwrap_model(model).parameters()))
