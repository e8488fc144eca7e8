"""tensorboard: everything that `SummaryWriter` writes, read back by TensorBoard's own reader."""

import glob
import tempfile

import numpy as np
import torch
from matplotlib import pyplot
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util import tensor_util
from torch.utils.tensorboard import SummaryWriter

torch.manual_seed(0)
folder = tempfile.mkdtemp()
weight = torch.randn(7, 5, requires_grad=True)
with SummaryWriter(folder, purge_step=0) as writer:
    for step in range(3):
        writer.add_scalar("loss", (weight**2).mean() / (step + 1), step)
        writer.add_scalars("both", {"one": step, "two": 2.0 * step}, step)
    writer.add_scalar("exact", 1 / 3, 7, new_style=True, double_precision=True)
    writer.add_histogram("weights", weight, 1)
    writer.add_histogram("few", weight, 1, bins=10, max_bins=4)
    writer.add_histogram_raw("raw", 0.0, 2.0, 3, 4.0, 6.0, [1.0, 2.0], [1, 2], 1)
    writer.add_image("image", torch.rand(3, 6, 4))
    writer.add_image("grey", np.full((5, 4), 7, np.uint8), dataformats="HW")
    writer.add_images("images", torch.rand(9, 1, 3, 4), 2)
    writer.add_image_with_boxes("boxes", torch.zeros(3, 40, 40), torch.tensor([[5.0, 6.0, 30.0, 31.0]]))
    writer.add_figure("figure", pyplot.figure(figsize=(2, 1)))
    writer.add_text("text", "**bold** words", 4)
    writer.add_audio("sound", torch.linspace(-1, 1, 50), sample_rate=100)
    writer.add_tensor("tensor", torch.arange(6.0).reshape(2, 3).half())
    writer.add_pr_curve("curve", torch.tensor([1, 0, 1, 1]), torch.tensor([0.9, 0.2, 0.4, 0.6]), num_thresholds=5)
    writer.add_mesh("mesh", torch.rand(1, 4, 3), torch.ones(1, 4, 3, dtype=torch.uint8), torch.tensor([[[0, 1, 2]]]))
    writer.add_custom_scalars({"losses": {"all": ["Multiline", ["loss"]], "band": ["Margin", ["loss", "a", "b"]]}})
    writer.add_hparams({"rate": 0.1, "name": "sgd", "size": torch.tensor([3])}, {"best": 0.5}, {"name": ["sgd"]}, "run")
    writer.add_embedding(torch.arange(6.0).reshape(3, 2), ["a", "b", "c"], torch.rand(3, 3, 2, 2), 5)

events = EventAccumulator(folder, size_guidance={"tensors": 0})
events.Reload()
print("tags", *[len(events.Tags()[kind]) for kind in ("scalars", "histograms", "images", "audio", "tensors")])
for event in events.Scalars("loss"):
    print("loss", event.step, event.value)
for tag in ("weights", "few", "raw"):
    held = events.Histograms(tag)[0].histogram_value
    print(tag, held.min, held.max, held.num, held.sum, held.sum_squares, *held.bucket_limit, *held.bucket)
for tag in ("image", "grey", "images", "boxes", "figure"):
    print(tag, events.Images(tag)[0].step, events.Images(tag)[0].width, events.Images(tag)[0].height)
print("sound", events.Audio("sound")[0].sample_rate, events.Audio("sound")[0].length_frames)
for tag in ("exact", "curve", "mesh_VERTEX", "mesh_FACE", "mesh_COLOR"):
    print(tag, events.Tensors(tag)[0].step, *tensor_util.make_ndarray(events.Tensors(tag)[0].tensor_proto).reshape(-1))
text = tensor_util.make_ndarray(events.Tensors("text/text_summary")[0].tensor_proto)
assert text.tolist() == [b"**bold** words"]
half = events.Tensors("tensor")[0].tensor_proto
print("tensor", *[dim.size for dim in half.tensor_shape.dim])
print("custom", len(events.Tensors("custom_scalars__config__")[0].tensor_proto.string_val[0]))
for run in ("both_one", "both_two", "run"):
    part = EventAccumulator(f"{folder}/{run}")
    part.Reload()
    tag = part.Tags()["scalars"][0]
    print(run, *[number for event in part.Scalars(tag) for number in (event.step, event.value)])
    if run == "run":
        plugins = [value.metadata.plugin_data.plugin_name for file in glob.glob(f"{folder}/run/*")
                   for event in EventFileLoader(file).Load() for value in event.summary.value]
        assert plugins.count("hparams") == 3, plugins
print("embedding", *open(f"{folder}/00005/default/tensors.tsv").read().split())
assert open(f"{folder}/00005/default/metadata.tsv").read() == "a\nb\nc\n"
assert 'tensor_path: "00005/default/tensors.tsv"' in open(f"{folder}/projector_config.pbtxt").read()
