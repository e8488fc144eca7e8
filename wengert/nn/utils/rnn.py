"""Sequences of unequal length: padded into one tensor, or packed without padding.

Packed, the first steps of all sequences stand first, then the second steps of those that have one, and so on; the
sequences are sorted by length, longest first, and ``sorted_indices`` and ``unsorted_indices`` lead there and back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

from ...core.dtypes import int64
from ...core.errors import ShapeError, in_words
from ...core.geometry import check_room
from ...ops import arange, cat, empty_like, full, tensor, where
from ...tensors.overrides import asking
from ...tensors.tensor import Tensor

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence",
    "pad_sequence", "unpack_sequence", "unpad_sequence",
]


class _Fields(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Fields):
    """What `pack_padded_sequence` and `pack_sequence` make, and recurrent layers take and give.

    ``data`` is ``(sum of lengths, ...)``; ``batch_sizes``, int64, the number of sequences at each step.

    >>> packed = nn.utils.rnn.pack_sequence([torch.ones(3, 4), torch.ones(2, 4)])
    >>> out, h = nn.GRU(4, 5)(packed)
    >>> type(out).__name__, out.data.shape
    ('PackedSequence', torch.Size([5, 5]))
    """

    __slots__ = ()

    def __new__(cls, data: Tensor, batch_sizes: Tensor | None = None, sorted_indices: Tensor | None = None,
                unsorted_indices: Tensor | None = None) -> Self:
        if batch_sizes is None:
            raise ValueError("batch_sizes must always be provided; use pack_padded_sequence or pack_sequence")
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _with(self, data: Tensor) -> Self:
        """This one with other data; itself where these are its own."""
        if data is self.data:
            return self
        return type(self)(data, self.batch_sizes, self.sorted_indices, self.unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Converts ``data`` as `Tensor.to` does: this one itself where that changes nothing."""
        return self._with(self.data.to(*args, **kwargs))

    def float(self) -> Self:
        """``data`` in float32."""
        return self._with(self.data.float())

    def double(self) -> Self:
        """``data`` in float64."""
        return self._with(self.data.double())

    def half(self) -> Self:
        """``data`` in float16."""
        return self._with(self.data.half())

    def long(self) -> Self:
        """``data`` in int64."""
        return self._with(self.data.long())

    def int(self) -> Self:
        """``data`` in int32."""
        return self._with(self.data.int())

    def short(self) -> Self:
        """``data`` in int16."""
        return self._with(self.data.short())

    def char(self) -> Self:
        """``data`` in int8."""
        return self._with(self.data.char())

    def byte(self) -> Self:
        """``data`` in uint8."""
        return self._with(self.data.byte())

    def is_pinned(self) -> bool:
        """Whether ``data`` is in pinned memory."""
        return bool(self.data.is_pinned())

    def pin_memory(self) -> Self:
        """``data`` in pinned memory, where there is such."""
        return self._with(self.data.pin_memory())

    def cpu(self) -> Self:
        """``data`` on the CPU."""
        return self._with(self.data.cpu())

    def cuda(self, *args: Any, **kwargs: Any) -> Self:
        """``data`` on a GPU. Raises: there is no such back end yet."""
        return self._with(self.data.cuda(*args, **kwargs))

    @property
    def is_cuda(self) -> bool:
        """Whether ``data`` is on a GPU."""
        return bool(self.data.is_cuda)


@in_words
def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes ``permutation``.

    >>> nn.utils.rnn.invert_permutation(torch.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    if permutation is None:
        return None
    inverse = empty_like(permutation)
    inverse[permutation] = arange(permutation.numel(), dtype=permutation.dtype)
    return inverse


def _sizes_at(lengths: Sequence[int]) -> list[int]:
    """How many sequences, of lengths that never grow, reach each step."""
    sizes, alive = [], len(lengths)
    for step in range(lengths[0] if lengths else 0):
        while lengths[alive - 1] <= step:
            alive -= 1
        sizes.append(alive)
    return sizes


@asking
@in_words
def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Packs ``input``, ``(T, N, ...)``, or ``(N, T, ...)`` with ``batch_first``, whose sequences have ``lengths``.

    ``lengths`` is a tensor or list of N positive ints, never growing unless ``enforce_sorted`` is False. Raises
    RuntimeError otherwise.

    >>> x = torch.tensor([[1, 2, 0], [3, 4, 5]])
    >>> packed = nn.utils.rnn.pack_padded_sequence(x, torch.tensor([2, 3]), batch_first=True, enforce_sorted=False)
    >>> packed.data, packed.batch_sizes
    (tensor([3, 1, 4, 2, 5]), tensor([2, 2, 1]))
    """
    counts = tensor(lengths, dtype=int64) if not isinstance(lengths, Tensor) else lengths.to(int64)
    order = None
    if not enforce_sorted:
        counts, order = counts.sort(descending=True)
        input = input.index_select(0 if batch_first else 1, order)
    if not input._data.size:
        raise RuntimeError("[pack_padded_sequence] Cannot pack empty tensors.")
    sizes = [int(n) for n in counts.tolist()]
    if batch_first:
        input = input.transpose(0, 1)
    if len(sizes) != input.shape[1]:
        raise RuntimeError(
            f"[pack_padded_sequence] Expected `len(lengths)` to be equal to batch_size, but got {len(sizes)} "
            f"(batch_size={input.shape[1]})"
        )
    if not sizes:
        raise RuntimeError("[pack_padded_sequence] Expected a batch of at least one sequence; got an empty one")
    if min(sizes) <= 0:
        raise RuntimeError(
            "[pack_padded_sequence] Length of all samples has to be greater than 0, but found an element in "
            "'lengths' that is <= 0"
        )
    if any(a < b for a, b in zip(sizes, sizes[1:], strict=False)):
        raise RuntimeError(
            "[pack_padded_sequence] `lengths` array must be sorted in decreasing "
            "order when `enforce_sorted` is True. You "
            "can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement"
        )
    if sizes[0] > input.shape[0]:
        raise RuntimeError(
            f"[pack_padded_sequence] Expected lengths of at most {input.shape[0]}, the padded length; got {sizes[0]}"
        )
    at = _sizes_at(sizes)
    batch = input.shape[1]
    if all(n == batch for n in at):
        data = input[: len(at)].reshape(-1, *input.shape[2:])
    else:
        rows = tensor([step * batch + k for step, n in enumerate(at) for k in range(n)])
        data = input.reshape(-1, *input.shape[2:]).index_select(0, rows)
    return PackedSequence(data, tensor(at), order)


@asking
@in_words
def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """The padded tensor, ``(T, N, ...)`` or ``(N, T, ...)``, and the lengths.

    ``total_length`` is the T that is wanted, at least the longest length: ValueError otherwise.

    >>> packed = nn.utils.rnn.pack_sequence([torch.tensor([3, 4, 5]), torch.tensor([1, 2])])
    >>> nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
    (tensor([[3, 4, 5],
            [1, 2, 0]]), tensor([3, 2]))
    """
    counts = sequence.batch_sizes
    if counts.dtype is not int64 or counts.dim() != 1:
        raise ShapeError(f"[pad_packed_sequence] 'lengths' argument should be a 1D CPU int64 tensor, but got "
                         f"{counts.dim()}D of {counts.dtype}")
    sizes = counts.tolist()
    if not sizes or sizes[-1] < 0 or sum(sizes) != len(sequence.data) or sizes != sorted(sizes, reverse=True):
        raise ShapeError(
            f"[pad_packed_sequence] batch sizes that never grow, and are {len(sequence.data)} together, were expected; "
            f"got {sizes!r:.100}"
        )
    longest, batch = len(sizes), sizes[0]
    steps = longest if total_length is None else total_length
    if steps < longest:
        raise ValueError(
            f"Expected total_length to be at least the length of the longest sequence in input, but got total_length="
            f"{total_length} and max sequence length being {longest}"
        )
    check_room("pad_packed_sequence", (steps, batch, *sequence.data.shape[1:]), sequence.data.element_size())
    lengths = tensor([sum(n > k for n in sizes) for k in range(batch)])
    data = sequence.data
    if steps == longest and sizes[-1] == batch:
        padded = data.reshape(longest, batch, *data.shape[1:])
    else:
        starts = [0]
        for n in sizes:
            starts.append(starts[-1] + n)
        inside = arange(steps).unsqueeze(1) < lengths
        first = tensor(starts[:-1] + [0] * (steps - longest)).unsqueeze(1)
        rows = ((first + arange(batch)) * inside).reshape(-1)
        there = inside.reshape(steps, batch, *(1,) * (data.dim() - 1))
        padded = data.index_select(0, rows).reshape(steps, batch, *data.shape[1:])
        padded = where(there, padded, full((), padding_value, dtype=data.dtype))
    if batch_first:
        padded = padded.transpose(0, 1)
    if sequence.unsorted_indices is not None:
        padded = padded.index_select(0 if batch_first else 1, sequence.unsorted_indices)
        lengths = lengths[sequence.unsorted_indices]
    return padded, lengths


@asking
@in_words
def pad_sequence(sequences: Tensor | Iterable[Tensor], batch_first: bool = False, padding_value: float = 0.0,
                 padding_side: str = "right") -> Tensor:
    """Tensors ``(length, ...)`` of different lengths as one, ``(T, N, ...)`` or with ``batch_first`` ``(N, T, ...)``.

    >>> import wengert as torch
    >>> nn.utils.rnn.pad_sequence([torch.tensor([1, 2]), torch.tensor([3])], batch_first=True)
    tensor([[1, 2],
            [3, 0]])
    """
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"[pad_sequence] Expected padding_side to be one of left or right, but got {padding_side}.")
    if not isinstance(sequences, Iterable):
        raise RuntimeError("pad_sequence: Expected iterable for input sequences, but got arg of type: "
                           f"{type(sequences)}")
    parts = list(sequences)
    if not parts:
        raise RuntimeError("[pad_sequence] received an empty list of sequences")
    longest = max(part.shape[0] for part in parts)
    filled = []
    for part in parts:
        part = part.to(parts[0].dtype)
        room = longest - part.shape[0]
        if room:
            rest = full((room, *part.shape[1:]), padding_value, dtype=part.dtype)
            part = cat([part, rest] if padding_side == "right" else [rest, part])
        filled.append(part.unsqueeze(0 if batch_first else 1))
    return cat(filled, 0 if batch_first else 1)


@in_words
def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences that `pad_sequence` has put together.

    >>> x, lengths = torch.tensor([[3, 4, 5], [1, 2, 0]]), torch.tensor([3, 2])
    >>> nn.utils.rnn.unpad_sequence(x, lengths, batch_first=True)
    [tensor([3, 4, 5]), tensor([1, 2])]
    """
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    if len(rows) != len(lengths):
        raise ShapeError(f"[unpad_sequence] a length for each of {len(rows)} sequences was expected; "
                         f"got {len(lengths)}")
    places = arange(rows.shape[1])
    return [row[places < length] for row, length in zip(rows, lengths, strict=True)]


@in_words
def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Packs tensors ``(length, ...)``, longest first unless ``enforce_sorted`` is False.

    >>> packed = nn.utils.rnn.pack_sequence([torch.tensor([3, 4, 5]), torch.tensor([1, 2])])
    >>> packed.data, packed.batch_sizes
    (tensor([3, 1, 4, 2, 5]), tensor([2, 2, 1]))
    """
    lengths = tensor([sequence.shape[0] for sequence in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


@in_words
def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that `pack_sequence` has put together.

    >>> packed = nn.utils.rnn.pack_sequence([torch.tensor([3, 4, 5]), torch.tensor([1, 2])])
    >>> nn.utils.rnn.unpack_sequence(packed)
    [tensor([3, 4, 5]), tensor([1, 2])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
