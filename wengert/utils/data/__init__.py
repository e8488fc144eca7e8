"""Datasets, the order in which they are visited, and the batches they are visited in."""

from typing import TYPE_CHECKING

from ..._public import publish as _publish
from .collate import default_collate as default_collate, default_convert as default_convert
from .dataloader import DataLoader as DataLoader
from .dataset import (
    ChainDataset as ChainDataset, ConcatDataset as ConcatDataset, Dataset as Dataset,
    IterableDataset as IterableDataset, StackDataset as StackDataset, Subset as Subset, TensorDataset as TensorDataset,
    random_split as random_split,
)
from .distributed import DistributedSampler as DistributedSampler
from .sampler import (
    BatchSampler as BatchSampler, RandomSampler as RandomSampler, Sampler as Sampler,
    SequentialSampler as SequentialSampler, SubsetRandomSampler as SubsetRandomSampler,
    WeightedRandomSampler as WeightedRandomSampler,
)
from .worker import get_worker_info as get_worker_info

if TYPE_CHECKING:
    from . import datapipes as datapipes
    from .datapipes import (
        DataChunk as DataChunk, DFIterDataPipe as DFIterDataPipe, IterDataPipe as IterDataPipe,
        MapDataPipe as MapDataPipe, functional_datapipe as functional_datapipe,
    )

_publish(__name__, "datapipes",
         {"datapipes": "DFIterDataPipe DataChunk IterDataPipe MapDataPipe functional_datapipe"})
