"""Data handling: custom datasets, iterable ones, collate functions, samplers, stacked and nested batches, seeds."""

import random

import numpy as np
import torch
from torch.utils.data import (ChainDataset, DataLoader, Dataset, IterableDataset, RandomSampler, SequentialSampler,
                              StackDataset, TensorDataset, default_collate, get_worker_info, random_split)


class Squares(Dataset):
    def __init__(self, n, transform=None):
        self.n, self.transform = n, transform

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        sample = {"x": np.array([i, i * i], dtype=np.float32), "name": f"n{i}", "pair": (i, float(i) / 2), "flag": i % 2 == 0}
        return self.transform(sample) if self.transform else sample


class ToTensor:
    def __call__(self, sample):
        return {**sample, "x": torch.from_numpy(sample["x"])}


class Stream(IterableDataset):
    def __init__(self, start, stop):
        self.start, self.stop = start, stop

    def __iter__(self):
        assert get_worker_info() is None
        return iter(range(self.start, self.stop))


def seed_worker(worker_id):
    np.random.seed(torch.initial_seed() % 2**32)
    random.seed(torch.initial_seed() % 2**32)


generator = torch.Generator()
generator.manual_seed(0)
loader = DataLoader(Squares(7, ToTensor()), batch_size=3, shuffle=True, worker_init_fn=seed_worker, generator=generator)
for batch in loader:
    print(batch)
print(len(loader), len(DataLoader(Squares(7), 3, drop_last=True)), loader.batch_size, type(loader.sampler).__name__)
for batch in DataLoader(ChainDataset([Stream(0, 3), Stream(10, 13)]), batch_size=4):
    print(batch)
print(default_collate([(1, 2.0), (3, 4.0)]), default_collate(["a", "b"]), default_collate([{"k": [1, 2]}, {"k": [3, 4]}]))
print([list(s) for s in random_split(range(10), [0.5, 0.3, 0.2], torch.Generator().manual_seed(1))])
print(list(RandomSampler(range(6), replacement=True, num_samples=4, generator=torch.Generator().manual_seed(3))), list(SequentialSampler(range(3))))
x, y = torch.randn(5, 2, generator=generator), torch.arange(5)
dataset = TensorDataset(x, y)
print(dataset[1:3], dataset[-1], len(dataset), len(dataset.tensors))
print(StackDataset(image=x, label=y)[2], next(iter(DataLoader(dataset, batch_size=None))))
images, labels = next(iter(DataLoader(dataset, batch_size=5)))
print(images.mean(0), labels.float().mean())
both = dataset + TensorDataset(x * 2, y + 5)
print(len(both), both[7])
it = iter(DataLoader(both, batch_size=4, shuffle=False))
print(next(it)[1], next(it)[1], next(it)[1], next(it, "end"))
try:
    default_collate([torch.ones(2), torch.ones(3)])
except RuntimeError as error:
    print("RuntimeError")
try:
    DataLoader(dataset, shuffle=True, sampler=SequentialSampler(dataset))
except ValueError as error:
    print(error)
torch.manual_seed(3)
print([b.tolist() for (b,) in DataLoader(TensorDataset(torch.arange(6)), 2, shuffle=True)])
