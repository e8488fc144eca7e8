"""What an event says: summaries as TensorBoard's plugins read them."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Sequence
from typing import Any

import numpy as np
from google.protobuf import struct_pb2
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.plugins.hparams import plugin_data_pb2 as hparams_data
from tensorboard.plugins.mesh import metadata as mesh_metadata
from tensorboard.plugins.mesh import plugin_data_pb2 as mesh_data
from tensorboard.plugins.pr_curve.plugin_data_pb2 import PrCurvePluginData
from tensorboard.plugins.text.plugin_data_pb2 import TextPluginData

from ...core import dtypes
from ...tensors.tensor import Tensor
from . import pictures
from .pictures import as_array

__all__ = [
    "audio", "compute_curve", "custom_scalars", "histogram", "histogram_raw", "hparams", "image", "image_boxes",
    "make_histogram", "mesh", "pr_curve", "pr_curve_raw", "scalar", "tensor_proto", "text", "video",
]

MOST_THRESHOLDS = 127


def _one(tag: str, **content: Any) -> Any:
    return Summary(value=[Summary.Value(tag=tag, **content)])


def _plugin(name: str, content: bytes = b"") -> Any:
    return SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=name, content=content))


def _shape(sizes: Sequence[int]) -> Any:
    return TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in sizes])


def scalar(name: str, tensor: Any, collections: Any = None, new_style: bool = False, double_precision: bool = False
           ) -> Any:
    """One number. Raises AssertionError for more."""
    numbers = as_array(tensor).squeeze()
    if numbers.ndim:
        raise AssertionError(f"Tensor should contain one element (0 dimensions). Was given size: {numbers.size} and "
                             f"{numbers.ndim} dimensions.")
    number = float(numbers)
    if not new_style:
        return _one(name, simple_value=number)
    held = TensorProto(double_val=[number], dtype="DT_DOUBLE") if double_precision else TensorProto(
        float_val=[number], dtype="DT_FLOAT")
    return _one(name, tensor=held, metadata=_plugin("scalars"))


def _bits(values: Any) -> list[int]:
    """The two bytes of numbers in half precision."""
    halves = values.detach().contiguous().view(dtypes.int16).flatten().tolist()
    return [half & 0xFFFF for half in halves]


_KINDS: dict[Any, tuple[str, str]] = {
    dtypes.float16: ("DT_HALF", "half_val"), dtypes.bfloat16: ("DT_BFLOAT16", "half_val"),
    dtypes.float32: ("DT_FLOAT", "float_val"), dtypes.float64: ("DT_DOUBLE", "double_val"),
    dtypes.int8: ("DT_INT8", "int_val"), dtypes.int16: ("DT_INT16", "int_val"), dtypes.int32: ("DT_INT32", "int_val"),
    dtypes.int64: ("DT_INT64", "int64_val"), dtypes.uint8: ("DT_UINT8", "int_val"),
    dtypes.bool_: ("DT_BOOL", "bool_val"),
    dtypes.complex64: ("DT_COMPLEX64", "scomplex_val"), dtypes.complex128: ("DT_COMPLEX128", "dcomplex_val"),
}


def tensor_proto(tag: str, tensor: Tensor) -> Any:
    """All elements of a tensor. Raises ValueError for 2 GB and more, and for a dtype that event files do not have."""
    if tensor.numel() * tensor.itemsize >= 1 << 31:
        raise ValueError("tensor is bigger than protocol buffer's hard limit of 2GB in size")
    if tensor.dtype not in _KINDS:
        raise ValueError(f"{tag} has unsupported tensor dtype {tensor.dtype}")
    dtype, field = _KINDS[tensor.dtype]
    flat = tensor.detach().flatten()
    numbers: list[Any] = _bits(flat) if field == "half_val" else flat.tolist()
    if tensor.is_complex():
        numbers = [part for number in numbers for part in (number.real, number.imag)]
    held = TensorProto(dtype=dtype, tensor_shape=_shape(tensor.shape), **{field: numbers})
    return _one(tag, tensor=held, metadata=_plugin("tensor"))


def histogram_raw(name: str, min: float, max: float, num: int, sum: float, sum_squares: float,
                  bucket_limits: Any, bucket_counts: Any) -> Any:
    """How many numbers are in each bucket, counted already."""
    return _one(name, histo=HistogramProto(min=min, max=max, num=num, sum=sum, sum_squares=sum_squares,
                                           bucket_limit=list(bucket_limits), bucket=list(bucket_counts)))


def histogram(name: str, values: Any, bins: Any, max_bins: int | None = None) -> Any:
    """How many of the values are in each of the bins, which are numpy's."""
    return _one(name, histo=make_histogram(as_array(values).astype(float), bins, max_bins))


def make_histogram(values: np.ndarray, bins: Any, max_bins: int | None = None) -> Any:
    """The counts without the empty bins at both ends, but for one before the first. Raises ValueError without
    values."""
    if not values.size:
        raise ValueError("The input has no element.")
    values = values.reshape(-1)
    counts, limits = np.histogram(values, bins=bins)
    if max_bins is not None and len(counts) > max_bins:
        together = len(counts) // max_bins
        counts = np.pad(counts, [0, -len(counts) % together]).reshape(-1, together).sum(-1)
        limits = np.append(limits[:-1:together], limits[-1])
    filled = np.flatnonzero(counts)
    if not filled.size:
        raise ValueError("[add_histogram] a value inside the bins was expected")
    first, last = int(filled[0]), int(filled[-1])
    kept = counts[first - 1 : last + 1] if first else np.concatenate([[0], counts[: last + 1]])
    return HistogramProto(min=values.min(), max=values.max(), num=len(values), sum=values.sum(),
                          sum_squares=values.dot(values), bucket_limit=limits[first : last + 2].tolist(),
                          bucket=kept.tolist())


def _image(pixels: np.ndarray, file: bytes) -> Any:
    height, width, channels = pixels.shape
    return Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=file)


def image(tag: str, tensor: Any, rescale: float = 1, dataformats: str = "NCHW") -> Any:
    """Images in one picture."""
    pixels = pictures.as_bytes(pictures.to_hwc(as_array(tensor), dataformats))
    return _one(tag, image=_image(pixels, pictures.png(pixels, rescale)))


def image_boxes(tag: str, tensor_image: Any, tensor_boxes: Any, rescale: float = 1, dataformats: str = "CHW",
                labels: list[str] | None = None) -> Any:
    """An image with boxes (N, 4) drawn in it."""
    pixels = pictures.as_bytes(pictures.to_hwc(as_array(tensor_image), dataformats))
    return _one(tag, image=_image(pixels, pictures.png(pixels, rescale, as_array(tensor_boxes), labels)))


def video(tag: str, tensor: Any, fps: float = 4) -> Any:
    """Films (N, T, C, H, W) as one GIF."""
    frames = pictures.film(as_array(tensor))
    return _one(tag, image=_image(frames[0], pictures.gif(frames, fps)))


def audio(tag: str, tensor: Any, sample_rate: int = 44100) -> Any:
    """A sound of numbers from -1 to 1, beyond which it is cut."""
    sound = as_array(tensor).squeeze()
    if sound.ndim != 1:
        raise AssertionError(f"input tensor should be 1 dimensional; got shape {sound.shape}")
    samples = (sound.clip(-1, 1) * np.iinfo(np.int16).max).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, sample_rate, 0, "NONE", "not compressed"))
        out.writeframes(samples.tobytes())
    held = Summary.Audio(sample_rate=sample_rate, num_channels=1, length_frames=len(samples),
                         encoded_audio_string=file.getvalue(), content_type="audio/wav")
    return _one(tag, audio=held)


def _string(content: bytes, sizes: Sequence[int] = ()) -> Any:
    return TensorProto(dtype="DT_STRING", string_val=[content], tensor_shape=_shape(sizes))


def text(tag: str, text: str) -> Any:
    """A text, which TensorBoard reads as Markdown."""
    return _one(f"{tag}/text_summary", metadata=_plugin("text", TextPluginData(version=0).SerializeToString()),
                tensor=_string(text.encode(), [1]))


def custom_scalars(layout: dict[str, dict[str, Any]]) -> Any:
    """Which scalars charts have: ``{category: {chart: ["Multiline" or "Margin", tags]}}``."""
    categories = []
    for category, charts in layout.items():
        drawn = []
        for title, (kind, tags) in charts.items():
            if kind != "Margin":
                content = {"multiline": layout_pb2.MultilineChartContent(tag=tags)}
            elif len(tags) == 3:
                series = layout_pb2.MarginChartContent.Series(value=tags[0], lower=tags[1], upper=tags[2])
                content = {"margin": layout_pb2.MarginChartContent(series=[series])}
            else:
                raise AssertionError(f"Expected 3 tags, got {len(tags)}.")
            drawn.append(layout_pb2.Chart(title=title, **content))
        categories.append(layout_pb2.Category(title=category, chart=drawn))
    held = layout_pb2.Layout(category=categories).SerializeToString()
    return _one("custom_scalars__config__", tensor=_string(held), metadata=_plugin("custom_scalars"))


def pr_curve_raw(tag: str, tp: Any, fp: Any, tn: Any, fn: Any, precision: Any, recall: Any,
                 num_thresholds: int = MOST_THRESHOLDS, weights: Any = None) -> Any:
    """A curve of precision and recall, counted already."""
    rows = np.stack([as_array(row) for row in (tp, fp, tn, fn, precision, recall)])
    count = min(num_thresholds, MOST_THRESHOLDS)
    held = TensorProto(dtype="DT_FLOAT", float_val=rows.reshape(-1).tolist(), tensor_shape=_shape(rows.shape))
    content = PrCurvePluginData(version=0, num_thresholds=count).SerializeToString()
    return _one(tag, tensor=held, metadata=_plugin("pr_curves", content))


def pr_curve(tag: str, labels: Any, predictions: Any, num_thresholds: int = MOST_THRESHOLDS, weights: Any = None
             ) -> Any:
    """The curve of precision and recall of predictions from 0 to 1 for labels that are 0 or 1."""
    count = min(num_thresholds, MOST_THRESHOLDS)
    tp, fp, tn, fn, precision, recall = compute_curve(as_array(labels), as_array(predictions), count, weights)
    return pr_curve_raw(tag, tp, fp, tn, fn, precision, recall, count)


def compute_curve(labels: np.ndarray, predictions: np.ndarray, num_thresholds: int, weights: Any = None) -> np.ndarray:
    """True and false positives, true and false negatives, precision and recall at each threshold, as rows."""
    bucket = np.floor(predictions * (num_thresholds - 1)).astype(np.int32)
    weights = 1.0 if weights is None else weights
    truth = labels.astype(np.float64)
    tp, fp = (np.cumsum(np.histogram(bucket, num_thresholds, (0, num_thresholds - 1), weights=share * weights)[0][::-1])
              [::-1] for share in (truth, 1.0 - truth))
    tn, fn = fp[0] - fp, tp[0] - tp
    return np.stack((tp, fp, tn, fn, tp / np.maximum(1e-7, tp + fp), tp / np.maximum(1e-7, tp + fn)))


def mesh(tag: str, vertices: Any, colors: Any, faces: Any, config_dict: dict[str, Any] | None, display_name: str = "",
         description: str = "") -> Any:
    """Points (N, V, 3), their colours (N, V, 3) and the faces (N, F, 3) between them, the latter two perhaps None."""
    parts = [(vertices, mesh_data.MeshPluginData.VERTEX, "float32"), (faces, mesh_data.MeshPluginData.FACE, "int32"),
             (colors, mesh_data.MeshPluginData.COLOR, "uint8")]
    given = [(as_array(part), kind, dtype) for part, kind, dtype in parts if part is not None]
    components = mesh_metadata.get_components_bitmask([kind for _, kind, _ in given])
    config = json.dumps(config_dict, sort_keys=True)
    values = []
    for numbers, kind, dtype in given:
        field, name = ("float_val", "DT_FLOAT") if dtype == "float32" else ("int_val", f"DT_{dtype.upper()}")
        held = TensorProto(dtype=name, tensor_shape=_shape(numbers.shape), **{field: numbers.reshape(-1).tolist()})
        told = mesh_metadata.create_summary_metadata(tag, display_name, kind, components, numbers.shape, description,
                                                     json_config=config)
        values.append(Summary.Value(tag=mesh_metadata.get_instance_name(tag, kind), tensor=held, metadata=told))
    return Summary(value=values)


def _hparam(name: str, value: Any, choices: list[Any] | None) -> tuple[Any, dict[str, Any]]:
    """What is said of a setting, and its value as a field."""
    if isinstance(value, Tensor):
        value = as_array(value).reshape(-1)[0].item()
    for kinds, kind, field in ((bool, "BOOL", "bool_value"), ((int, float), "FLOAT64", "number_value"),
                               (str, "STRING", "string_value")):
        if isinstance(value, kinds):
            domain = None if choices is None else struct_pb2.ListValue(
                values=[struct_pb2.Value(**{field: choice}) for choice in choices])
            number = api_pb2.DataType.Value(f"DATA_TYPE_{kind}")
            return api_pb2.HParamInfo(name=name, type=number, domain_discrete=domain), {field: value}
    raise ValueError(f"value should be one of int, float, str, bool, or torch.Tensor; got {type(value).__name__} for "
                     f"{name}")


def hparams(hparam_dict: Any = None, metric_dict: Any = None, hparam_domain_discrete: Any = None
            ) -> tuple[Any, Any, Any]:
    """Settings of a run and the names of what it measures, as three summaries: the experiment, its start, its end.
    Raises TypeError for what is no dictionary, and ValueError for a setting that is neither number, text, bool nor
    tensor."""
    for name, given in (("hparam_dict", hparam_dict), ("metric_dict", metric_dict),
                        ("hparam_domain_discrete", hparam_domain_discrete or {})):
        if not isinstance(given, dict):
            raise TypeError(f"parameter: {name} should be a dictionary, nothing logged.")
    choices = hparam_domain_discrete or {}
    for name, several in choices.items():
        if name not in hparam_dict or not isinstance(several, list) or not all(
                isinstance(choice, type(hparam_dict[name])) for choice in several):
            raise TypeError(f"parameter: hparam_domain_discrete[{name}] should be a list of same type as "
                            f"hparam_dict[{name}].")
    start, told = hparams_data.SessionStartInfo(), []
    for name, value in hparam_dict.items():
        if value is None:
            continue
        info, fields = _hparam(name, value, choices.get(name))
        told.append(info)
        for field, held in fields.items():
            setattr(start.hparams[name], field, held)
    metrics = [api_pb2.MetricInfo(name=api_pb2.MetricName(tag=name)) for name in metric_dict]
    end = hparams_data.SessionEndInfo(status=api_pb2.Status.Value("STATUS_SUCCESS"))
    experiment = api_pb2.Experiment(hparam_infos=told, metric_infos=metrics)
    return (_session(hparams_metadata.EXPERIMENT_TAG, experiment=experiment),
            _session(hparams_metadata.SESSION_START_INFO_TAG, session_start_info=start),
            _session(hparams_metadata.SESSION_END_INFO_TAG, session_end_info=end))


def _session(tag: str, **content: Any) -> Any:
    held = hparams_data.HParamsPluginData(version=hparams_metadata.PLUGIN_DATA_VERSION, **content)
    return _one(tag, metadata=_plugin(hparams_metadata.PLUGIN_NAME, held.SerializeToString()))
