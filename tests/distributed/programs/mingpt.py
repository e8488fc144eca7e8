"""A small GPT trained as minGPT's distributed example is: torchrun's variables, a Trainer with snapshots, resuming."""

import os
import sys
from dataclasses import asdict, dataclass

import torch
import torch.distributed as dist
import torch.nn as nn
import torch.nn.functional as F
from torch.distributed import destroy_process_group, init_process_group
from torch.distributed.elastic.multiprocessing.errors import record
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data import DataLoader, Dataset, random_split
from torch.utils.data.distributed import DistributedSampler


class CharDataset(Dataset):
    def __init__(self, text, block):
        chars = sorted(set(text))
        self.stoi = {ch: i for i, ch in enumerate(chars)}
        self.vocabulary, self.block, self.data = len(chars), block, text

    def __len__(self):
        return len(self.data) - self.block

    def __getitem__(self, index):
        dix = [self.stoi[s] for s in self.data[index : index + self.block + 1]]
        return torch.tensor(dix[:-1], dtype=torch.long), torch.tensor(dix[1:], dtype=torch.long)


@dataclass
class Config:
    vocabulary: int
    block: int = 8
    layers: int = 2
    heads: int = 2
    width: int = 16


class CausalSelfAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads = config.heads
        self.c_attn, self.c_proj = nn.Linear(config.width, 3 * config.width), nn.Linear(config.width, config.width)
        mask = torch.tril(torch.ones(config.block, config.block)).view(1, 1, config.block, config.block)
        self.register_buffer("mask", mask)

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = (each.view(B, T, self.heads, C // self.heads).transpose(1, 2) for each in self.c_attn(x).split(C, 2))
        att = (q @ k.transpose(-2, -1)) * (1.0 / (k.size(-1) ** 0.5))
        att = F.softmax(att.masked_fill(self.mask[:, :, :T, :T] == 0, float("-inf")), dim=-1)
        return self.c_proj((att @ v).transpose(1, 2).contiguous().view(B, T, C))


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.attn = CausalSelfAttention(config)
        self.mlp = nn.Sequential(nn.Linear(config.width, 4 * config.width), nn.GELU(),
                                 nn.Linear(4 * config.width, config.width))

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.tok_emb = nn.Embedding(config.vocabulary, config.width)
        self.pos_emb = nn.Parameter(torch.zeros(1, config.block, config.width))
        self.blocks = nn.Sequential(*[Block(config) for _ in range(config.layers)])
        self.ln_f = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.vocabulary, bias=False)
        self.tok_emb.weight = self.head.weight  # weight tying
        self.apply(self._init_weights)

    def _init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            module.weight.data.normal_(mean=0.0, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                module.bias.data.zero_()

    def forward(self, idx, targets=None):
        x = self.tok_emb(idx) + self.pos_emb[:, : idx.size(1), :]
        logits = self.head(self.ln_f(self.blocks(x)))
        loss = None if targets is None else F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))
        return logits, loss


@dataclass
class Snapshot:
    model_state: dict
    optimizer_state: dict
    finished_epoch: int


class Trainer:
    def __init__(self, model, optimizer, train, test, path):
        self.local_rank, self.global_rank = int(os.environ["LOCAL_RANK"]), int(os.environ["RANK"])
        self.train_loader = self._loader(train)
        self.test_loader = self._loader(test)
        self.epochs_run, self.model, self.optimizer, self.path = 0, model, optimizer, path
        self._load_snapshot()
        self.model = DDP(self.model)

    def _loader(self, data):
        return DataLoader(data, batch_size=16, pin_memory=True, shuffle=False, num_workers=0,
                          sampler=DistributedSampler(data))

    def _load_snapshot(self):
        if not os.path.exists(self.path):
            print("Snapshot not found. Training model from scratch")
            return
        with open(self.path, "rb") as file:
            snapshot = Snapshot(**torch.load(file, map_location="cpu"))
        self.model.load_state_dict(snapshot.model_state)
        self.optimizer.load_state_dict(snapshot.optimizer_state)
        self.epochs_run = snapshot.finished_epoch
        print(f"Resuming training from snapshot at Epoch {self.epochs_run}")

    def _save_snapshot(self, epoch):
        raw = self.model.module if hasattr(self.model, "module") else self.model
        snapshot = Snapshot(raw.state_dict(), self.optimizer.state_dict(), epoch)
        torch.save(asdict(snapshot), self.path)
        print(f"Snapshot saved at epoch {epoch}")

    def _run_batch(self, source, targets, train):
        with torch.set_grad_enabled(train), torch.amp.autocast(device_type="cpu", enabled=False):
            _, loss = self.model(source, targets)
        if train:
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
        return loss.item()

    def _run_epoch(self, epoch, loader, train):
        loader.sampler.set_epoch(epoch)
        for number, (source, targets) in enumerate(loader):
            loss = self._run_batch(source, targets, train)
            if number % 2 == 0:
                print(f"[GPU{self.global_rank}] Epoch {epoch} | Iter {number} | {'Train' if train else 'Eval'} Loss "
                      f"{loss:.4f}")

    def train(self, epochs):
        for epoch in range(self.epochs_run, epochs):
            epoch += 1
            self._run_epoch(epoch, self.train_loader, train=True)
            if self.local_rank == 0:
                self._save_snapshot(epoch)
            self._run_epoch(epoch, self.test_loader, train=False)
            dist.barrier()


@record
def main():
    init_process_group(backend="gloo")
    torch.manual_seed(1)
    text = "the quick brown fox jumps over the lazy dog. " * 5
    dataset = CharDataset(text, 8)
    train, test = random_split(dataset, [int(len(dataset) * 0.75), len(dataset) - int(len(dataset) * 0.75)])
    model = GPT(Config(dataset.vocabulary))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.95), weight_decay=0.1)
    Trainer(model, optimizer, train, test, sys.argv[1]).train(int(sys.argv[2]))
    destroy_process_group()


if __name__ == "__main__":
    main()
