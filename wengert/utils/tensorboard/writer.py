"""`SummaryWriter`: what a training measures, into files that TensorBoard shows."""

from __future__ import annotations

import os
import socket
import time
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from google.protobuf import text_format
from tensorboard.compat.proto.event_pb2 import Event, SessionLog, TaggedRunMetadata
from tensorboard.plugins.projector.projector_config_pb2 import EmbeddingInfo, ProjectorConfig
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from . import pictures, summary
from .graph import graph
from .pictures import as_array

__all__ = ["FileWriter", "SummaryWriter"]


class FileWriter:
    """One event file in ``log_dir``, written by a thread of its own."""

    def __init__(self, log_dir: Any, max_queue: int = 10, flush_secs: int = 120, filename_suffix: str = "") -> None:
        self.event_writer = EventFileWriter(str(log_dir), max_queue, flush_secs, filename_suffix)

    def get_logdir(self) -> str:
        """The folder of the file."""
        return self.event_writer.get_logdir()

    def add_event(self, event: Any, step: int | None = None, walltime: float | None = None) -> None:
        """Writes an event, with the time now or ``walltime``."""
        event.wall_time = time.time() if walltime is None else walltime
        if step is not None:
            event.step = int(step)
        self.event_writer.add_event(event)

    def add_summary(self, summary: Any, global_step: int | None = None, walltime: float | None = None) -> None:
        """Writes a summary as an event."""
        self.add_event(Event(summary=summary), global_step, walltime)

    def flush(self) -> None:
        """Waits until all is written."""
        self.event_writer.flush()

    def close(self) -> None:
        """Writes the rest and ends."""
        self.event_writer.close()

    def reopen(self) -> None:
        """Goes on with a file of its own; events after `close` go there."""
        self.event_writer.reopen()


def _default_bins() -> list[float]:
    """TensorFlow's: each a tenth further from zero than the last."""
    steps = []
    edge = 1e-12
    while edge < 1e20:
        steps.append(edge)
        edge *= 1.1
    return [*(-step for step in reversed(steps)), 0.0, *steps]


class SummaryWriter:
    """Writes what a training measures to event files in ``log_dir``, by default ``runs/DATE_HOST`` and ``comment``.

    ``purge_step``: events of this step and later, from a run that was broken off, are hidden. ``max_queue`` events wait
    at most, and no longer than ``flush_secs`` seconds. It is a context, and closed at its end.

        with SummaryWriter("runs/first") as writer:
            for step in range(100):
                writer.add_scalar("loss", loss, step)

    Numbers may be Python's, arrays or tensors, which may require gradients.
    """

    def __init__(self, log_dir: Any = None, comment: str = "", purge_step: int | None = None, max_queue: int = 10,
                 flush_secs: int = 120, filename_suffix: str = "") -> None:
        now = datetime.now().strftime("%b%d_%H-%M-%S")
        self.log_dir = log_dir or os.path.join("runs", f"{now}_{socket.gethostname()}{comment}")
        self.purge_step, self.max_queue, self.flush_secs = purge_step, max_queue, flush_secs
        self.filename_suffix = filename_suffix
        self.default_bins = _default_bins()
        self.file_writer: FileWriter | None = None
        self.all_writers: dict[str, FileWriter] | None = None
        self._projector = ProjectorConfig()
        self._get_file_writer()

    def _writer_at(self, folder: Any) -> FileWriter:
        return FileWriter(folder, self.max_queue, self.flush_secs, self.filename_suffix)

    def _get_file_writer(self) -> FileWriter:
        if self.file_writer is None or self.all_writers is None:
            self.file_writer = self._writer_at(self.log_dir)
            self.all_writers = {self.file_writer.get_logdir(): self.file_writer}
            if self.purge_step is not None:
                self.file_writer.add_event(Event(step=self.purge_step, file_version="brain.Event:2"))
                started = SessionLog(status=SessionLog.START)
                self.file_writer.add_event(Event(step=self.purge_step, session_log=started))
                self.purge_step = None
        return self.file_writer

    def _add(self, made: Any, step: int | None, walltime: float | None = None) -> None:
        self._get_file_writer().add_summary(made, step, walltime)

    def get_logdir(self) -> Any:
        """The folder of the event files."""
        return self.log_dir

    def add_hparams(self, hparam_dict: dict[str, Any], metric_dict: dict[str, Any],
                    hparam_domain_discrete: dict[str, list[Any]] | None = None, run_name: str | None = None,
                    global_step: int | None = None) -> None:
        """The settings of a run and what came of it, in a folder ``run_name`` of its own, by default the time."""
        if type(hparam_dict) is not dict or type(metric_dict) is not dict:
            raise TypeError("hparam_dict and metric_dict should be dictionary.")
        told = summary.hparams(hparam_dict, metric_dict, hparam_domain_discrete)
        folder = os.path.join(self._get_file_writer().get_logdir(), run_name or str(time.time()))
        with SummaryWriter(log_dir=folder) as run:
            for each in told:
                run._add(each, global_step)
            for name, value in metric_dict.items():
                run.add_scalar(name, value, global_step)

    def add_scalar(self, tag: str, scalar_value: Any, global_step: int | None = None, walltime: float | None = None,
                   new_style: bool = False, double_precision: bool = False) -> None:
        """One number."""
        made = summary.scalar(tag, scalar_value, new_style=new_style, double_precision=double_precision)
        self._add(made, global_step, walltime)

    def add_scalars(self, main_tag: str, tag_scalar_dict: dict[str, Any], global_step: int | None = None,
                    walltime: float | None = None) -> None:
        """Several numbers for one chart, each in a run ``main_tag_name`` of its own."""
        walltime = time.time() if walltime is None else walltime
        root = self._get_file_writer().get_logdir()
        assert self.all_writers is not None
        for tag, value in tag_scalar_dict.items():
            folder = f"{root}/{main_tag.replace('/', '_')}_{tag}"
            if folder not in self.all_writers:
                self.all_writers[folder] = self._writer_at(folder)
            self.all_writers[folder].add_summary(summary.scalar(main_tag, value), global_step, walltime)

    def add_tensor(self, tag: str, tensor: Any, global_step: int | None = None, walltime: float | None = None) -> None:
        """All elements of a tensor."""
        self._add(summary.tensor_proto(tag, tensor), global_step, walltime)

    def add_histogram(self, tag: str, values: Any, global_step: int | None = None, bins: Any = "tensorflow",
                      walltime: float | None = None, max_bins: int | None = None) -> None:
        """How the values are spread, in TensorFlow's bins or numpy's, of which ``max_bins`` stay."""
        bins = self.default_bins if isinstance(bins, str) and bins == "tensorflow" else bins
        self._add(summary.histogram(tag, values, bins, max_bins), global_step, walltime)

    def add_histogram_raw(self, tag: str, min: float, max: float, num: int, sum: float, sum_squares: float,
                          bucket_limits: Any, bucket_counts: Any, global_step: int | None = None,
                          walltime: float | None = None) -> None:
        """A histogram that is counted already. Raises ValueError where limits and counts are not as many."""
        if len(bucket_limits) != len(bucket_counts):
            raise ValueError("len(bucket_limits) != len(bucket_counts), see the document.")
        self._add(summary.histogram_raw(tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts),
                  global_step, walltime)

    def add_image(self, tag: str, img_tensor: Any, global_step: int | None = None, walltime: float | None = None,
                  dataformats: str = "CHW") -> None:
        """An image of numbers from 0 to 1 or of bytes, whose dimensions ``dataformats`` names."""
        self._add(summary.image(tag, img_tensor, dataformats=dataformats), global_step, walltime)

    def add_images(self, tag: str, img_tensor: Any, global_step: int | None = None, walltime: float | None = None,
                   dataformats: str = "NCHW") -> None:
        """Images side by side."""
        self._add(summary.image(tag, img_tensor, dataformats=dataformats), global_step, walltime)

    def add_image_with_boxes(self, tag: str, img_tensor: Any, box_tensor: Any, global_step: int | None = None,
                             walltime: float | None = None, rescale: float = 1, dataformats: str = "CHW",
                             labels: Any = None) -> None:
        """An image with boxes (N, 4) drawn in it, and their labels where there are as many."""
        labels = [labels] if isinstance(labels, str) else labels
        if labels is not None and len(labels) != box_tensor.shape[0]:
            labels = None
        self._add(summary.image_boxes(tag, img_tensor, box_tensor, rescale, dataformats, labels), global_step, walltime)

    def add_figure(self, tag: str, figure: Any, global_step: int | None = None, close: bool = True,
                   walltime: float | None = None) -> None:
        """A figure of matplotlib, or a list of them, which are closed afterwards if ``close``."""
        dataformats = "NCHW" if isinstance(figure, list) else "CHW"
        self.add_image(tag, pictures.figure(figure, close), global_step, walltime, dataformats)

    def add_video(self, tag: str, vid_tensor: Any, global_step: int | None = None, fps: float = 4,
                  walltime: float | None = None) -> None:
        """Films (N, T, C, H, W) of numbers from 0 to 1 or of bytes."""
        self._add(summary.video(tag, vid_tensor, fps), global_step, walltime)

    def add_audio(self, tag: str, snd_tensor: Any, global_step: int | None = None, sample_rate: int = 44100,
                  walltime: float | None = None) -> None:
        """A sound (L) of numbers from -1 to 1."""
        self._add(summary.audio(tag, snd_tensor, sample_rate), global_step, walltime)

    def add_text(self, tag: str, text_string: str, global_step: int | None = None, walltime: float | None = None
                 ) -> None:
        """A text, which TensorBoard reads as Markdown."""
        self._add(summary.text(tag, text_string), global_step, walltime)

    def add_graph(self, model: Any, input_to_model: Any = None, verbose: bool = False, use_strict_trace: bool = True
                  ) -> None:
        """The graph of one call of ``model`` with ``input_to_model``, a tensor or a tuple of arguments: its operations
        in the boxes of its modules. With ``verbose`` it is printed too. Raises ValueError without an input.

        ``wengert.graph(model(x))`` draws the same with values and gradients.
        """
        if input_to_model is None:
            raise ValueError("[add_graph] an input of the model was expected, which is called with it; got None")
        drawn, where = graph(model, input_to_model, verbose)
        writer = self._get_file_writer()
        writer.add_event(Event(graph_def=drawn.SerializeToString()))
        writer.add_event(Event(tagged_run_metadata=TaggedRunMetadata(
            tag="step1", run_metadata=where.SerializeToString())))

    def add_onnx_graph(self, prototxt: Any) -> NoReturn:
        """Raises NotImplementedError: a file of ONNX is shown by other programs."""
        raise NotImplementedError("[add_onnx_graph] is not in wengert; look at the file with a viewer for ONNX")

    def add_embedding(self, mat: Any, metadata: Any = None, label_img: Any = None, global_step: int | None = None,
                      tag: str = "default", metadata_header: list[str] | None = None) -> None:
        """Points (N, D) for the projector, perhaps with a label (or a row of them under ``metadata_header``) and a
        small image (N, C, H, W) each. Raises AssertionError where these are not as many."""
        points = as_array(mat)
        if points.ndim != 2:
            raise AssertionError("mat should be 2D, where mat.size(0) is the number of data points")
        step = f"{global_step or 0:05d}"
        subfolder = f"{step}/{_encoded(tag)}"
        folder = Path(self._get_file_writer().get_logdir(), subfolder)
        info = EmbeddingInfo(tensor_name=f"{tag}:{step}", tensor_path=f"{subfolder}/tensors.tsv")
        folder.mkdir(parents=True, exist_ok=True)
        if metadata is not None:
            if len(metadata) != len(points):
                raise AssertionError("#labels should equal with #data points")
            rows = [metadata_header, *metadata] if metadata_header else [[label] for label in metadata]
            (folder / "metadata.tsv").write_text(_table(rows), "utf-8")
            info.metadata_path = f"{subfolder}/metadata.tsv"
        if label_img is not None:
            images = as_array(label_img)
            if len(images) != len(points):
                raise AssertionError("#images should equal with #data points")
            (folder / "sprite.png").write_bytes(_sprite(images))
            info.sprite.image_path = f"{subfolder}/sprite.png"
            info.sprite.single_image_dim.extend([images.shape[3], images.shape[2]])
        (folder / "tensors.tsv").write_text(_table(points.tolist()), "utf-8")
        self._projector.embeddings.append(info)
        config = Path(self._get_file_writer().get_logdir(), "projector_config.pbtxt")
        config.write_text(text_format.MessageToString(self._projector), "utf-8")

    def add_pr_curve(self, tag: str, labels: Any, predictions: Any, global_step: int | None = None,
                     num_thresholds: int = 127, weights: Any = None, walltime: float | None = None) -> None:
        """Precision and recall of predictions from 0 to 1 for labels that are 0 or 1, at up to 127 thresholds."""
        self._add(summary.pr_curve(tag, labels, predictions, num_thresholds, weights), global_step, walltime)

    def add_pr_curve_raw(self, tag: str, true_positive_counts: Any, false_positive_counts: Any,
                         true_negative_counts: Any, false_negative_counts: Any, precision: Any, recall: Any,
                         global_step: int | None = None, num_thresholds: int = 127, weights: Any = None,
                         walltime: float | None = None) -> None:
        """Precision and recall that are counted already."""
        made = summary.pr_curve_raw(tag, true_positive_counts, false_positive_counts, true_negative_counts,
                                    false_negative_counts, precision, recall, num_thresholds, weights)
        self._add(made, global_step, walltime)

    def add_custom_scalars(self, layout: dict[str, dict[str, Any]]) -> None:
        """Which scalars charts have: ``{category: {chart: ["Multiline" or "Margin", tags]}}``."""
        self._add(summary.custom_scalars(layout), None)

    def add_custom_scalars_multilinechart(self, tags: list[str], category: str = "default", title: str = "untitled"
                                          ) -> None:
        """A chart of several scalars."""
        self.add_custom_scalars({category: {title: ["Multiline", tags]}})

    def add_custom_scalars_marginchart(self, tags: list[str], category: str = "default", title: str = "untitled"
                                       ) -> None:
        """A chart of three scalars: a value and what it lies between."""
        self.add_custom_scalars({category: {title: ["Margin", tags]}})

    def add_mesh(self, tag: str, vertices: Any, colors: Any = None, faces: Any = None,
                 config_dict: dict[str, Any] | None = None, global_step: int | None = None,
                 walltime: float | None = None) -> None:
        """Points (N, V, 3) in space, perhaps with colours (N, V, 3) of bytes, and faces (N, F, 3) between them."""
        self._add(summary.mesh(tag, vertices, colors, faces, config_dict), global_step, walltime)

    def flush(self) -> None:
        """Waits until all is written."""
        for writer in (self.all_writers or {}).values():
            writer.flush()

    def close(self) -> None:
        """Writes the rest and ends; a second time does nothing."""
        for writer in (self.all_writers or {}).values():
            writer.flush()
            writer.close()
        self.file_writer = self.all_writers = None

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()


def _encoded(tag: str) -> str:
    """A tag as the name of a folder."""
    for letter in "%/\\":
        tag = tag.replace(letter, f"%{ord(letter):02x}")
    return tag


def _table(rows: list[Any]) -> str:
    return "".join("\t".join(map(str, row)) + "\n" for row in rows)


def _sprite(images: np.ndarray) -> bytes:
    """Small images in a square of them."""
    side = int(np.ceil(np.sqrt(len(images))))
    tiled = pictures.grid(images, side)
    square = np.zeros((3, tiled.shape[2], tiled.shape[2]), tiled.dtype)
    square[:, : tiled.shape[1]] = tiled
    return pictures.png(pictures.as_bytes(square.transpose(1, 2, 0)))
