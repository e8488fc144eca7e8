"""What `torch.save` writes `torch.load` gives back: objects, shared memory, places, refusals, damaged files."""

from __future__ import annotations

import collections
import copy
import enum
import io
import os
import pathlib
import pickle
import tempfile
import warnings
import zipfile
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.testing._internal.common_utils import TestCase

DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128, torch.int8,
          torch.int16, torch.int32, torch.int64, torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.bool)
UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)


class Pair(NamedTuple):
    """Two of anything."""

    first: Any
    second: Any


class Color(enum.Enum):
    """Two colours."""

    RED = 1
    BLUE = "b"


@dataclass
class Point:
    """A place."""

    x: float
    tensor: Any = None


class Slotted:
    """What has a slot and a state of its own."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Stateful:
    """What says itself what is kept of it."""

    def __init__(self) -> None:
        self.kept, self.lost = torch.ones(2), open

    def __getstate__(self) -> dict[str, Any]:
        return {"kept": self.kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.lost = None


class Tagged(torch.Tensor):
    """A subclass with nothing of its own."""


class Doubled(nn.Module):
    """A parametrization."""

    def forward(self, x: Any) -> Any:
        return x * 2


class Net(nn.Module):
    """Layers that share a weight, and a buffer that is not kept."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.second = nn.Linear(3, 3, bias=False)
        self.second.weight = self.first.weight
        self.register_buffer("kept", torch.arange(3.0))
        self.register_buffer("passing", torch.ones(1), persistent=False)

    def forward(self, x: Any) -> Any:
        return self.second(self.first(x)) + self.kept


def written(value: Any, **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    torch.save(value, file, **options)
    file.seek(0)
    return file


def again(value: Any, weights_only: bool = False, **options: Any) -> Any:
    return torch.load(written(value, **options), weights_only=weights_only)


def refusal(call: Any) -> str:
    """The classes of what a call raises, which the other library's error has to be of, or that it raises nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            call()
        except Exception as error:  # noqa: BLE001 - its class is what is recorded
            return " ".join(["raises", *(kind.__name__ for kind in type(error).__mro__ if kind.__module__ in
                                         ("builtins", "_pickle"))])
    return "nothing"


def address(tensor: Any) -> int:
    return tensor.untyped_storage().data_ptr()


class TestSaving(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "it.pt")
        torch.manual_seed(0)

    # --- tensors ------------------------------------------------------------------------------------------------------

    def test_dtypes(self) -> None:
        for dtype in DTYPES:
            for form in (True, False)[:1 + (dtype not in UNSIGNED)]:
                x = torch.arange(6).reshape(2, 3).to(dtype)
                back = again(x, True, _use_new_zipfile_serialization=form)
                self.assertEqual(back.dtype, dtype)
                self.assertTrue(torch.equal(back, x) if dtype not in UNSIGNED else back.tolist() == x.tolist())

    def test_shapes_and_strides(self) -> None:
        base = torch.arange(24.0).reshape(2, 3, 4)
        for x in (base, base.transpose(0, 2), base[:, 1], base[..., ::2], base[1, 2, 3], base.expand(5, 2, 3, 4),
                  torch.empty(0), torch.tensor(3)):
            back = again(x, True)
            self.record(back, back.stride(), back.storage_offset(), back.untyped_storage().nbytes())

    def test_flags(self) -> None:
        for x in (torch.ones(2, requires_grad=True), nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2), False),
                  torch.ones(2, requires_grad=True) * 2, nn.Buffer(torch.ones(2)),
                  nn.Buffer(torch.ones(2), persistent=False)):
            back = again(x, True)
            self.record(isinstance(back, nn.Parameter), isinstance(back, nn.Buffer), back.requires_grad, back.is_leaf,
                        getattr(back, "persistent", None))

    def test_hooks_warn_and_stay_behind(self) -> None:
        x = torch.ones(2, requires_grad=True)
        x.register_hook(lambda grad: grad * 2)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            back = again(x)
        self.record(len(seen) > 0, back)

    def test_gradients_stay_behind(self) -> None:
        x = torch.ones(2, requires_grad=True)
        x.sum().backward()
        self.record(again(x).grad, copy.deepcopy(x).grad)

    def test_conjugate_and_negative(self) -> None:
        x = torch.tensor([1 + 2j, 3 - 1j])
        for y in (x.conj(), x.conj().imag, x.conj().conj()):
            back = again(y, True)
            self.record(back)

    def test_sparse(self) -> None:
        dense = torch.tensor([[0.0, 1, 0], [2, 0, 3]])
        for x in (dense.to_sparse(), dense.to_sparse().coalesce(), dense.to_sparse_csr(), dense.to_sparse_csc(),
                  torch.sparse_coo_tensor(torch.tensor([[0, 0]]), torch.ones(2), (3,))):
            back = again(x, True)
            self.record(str(back.layout), back.to_dense(), back.shape)
            if back.layout == torch.sparse_coo:
                self.record(back.is_coalesced())

    def test_attributes(self) -> None:
        x = torch.ones(2)
        x.note, x.other = "kept", torch.zeros(1)
        back = again(x)
        self.record(back.note, back.other)
        parameter = nn.Parameter(torch.ones(2))
        parameter.tag = 3
        self.record(again(parameter).tag, again({"p": parameter}, True)["p"].tag)

    def test_subclasses(self) -> None:
        x = torch.arange(3.0).as_subclass(Tagged)
        back = again(x)
        self.record(type(back).__name__, refusal(lambda: again(x, True)))
        with torch.serialization.safe_globals([Tagged]):
            self.record(type(again(x, True)).__name__)

    def test_meta(self) -> None:
        x = torch.ones(2, 3, device="meta")
        back = again(x, True)
        self.record(str(back.device), back.shape, torch.load(written(torch.ones(3)), map_location="meta").shape)

    # --- shared memory ------------------------------------------------------------------------------------------------

    def test_views_share(self) -> None:
        base = torch.arange(10.0)
        for form in (True, False):
            back, part, other = again([base, base[2:5], base.view(2, 5)], True, _use_new_zipfile_serialization=form)
            part.fill_(-1)
            self.record(back, other, address(back) == address(part) == address(other))

    def test_a_part_keeps_the_whole(self) -> None:
        part = torch.arange(1000.0)[:2]
        self.record(again(part).untyped_storage().nbytes(), again(part.clone()).untyped_storage().nbytes())
        self.record(len(written(part).getvalue()) > 4000 > len(written(part.clone()).getvalue()))

    def test_the_same_object_twice(self) -> None:
        x, names = torch.ones(2), ["a"]
        back = again({"one": x, "two": x, "names": names, "again": names})
        self.record(back["one"] is back["two"], back["names"] is back["again"])

    def test_detached_share(self) -> None:
        weight = nn.Parameter(torch.ones(2))
        back, alias = again([weight, weight.detach()], True)
        self.record(address(back) == address(alias), back.requires_grad, alias.requires_grad)

    def test_storages(self) -> None:
        x = torch.arange(4.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tensor, typed = again([x, x.storage()])
            self.record(type(typed).__name__, list(typed), typed.data_ptr() == tensor.data_ptr())
            untyped = again(x.untyped_storage())
            self.record(untyped.nbytes(), bytes(list(untyped)).hex())

    def test_other_dtypes_on_one_storage(self) -> None:
        x = torch.arange(4, dtype=torch.int32)
        self.record(refusal(lambda: written([x, x.view(torch.float32)])))
        self.record(refusal(lambda: written([x, x.view(torch.float32)], _use_new_zipfile_serialization=False)))

    def test_cycles(self) -> None:
        ring: list[Any] = [torch.ones(1)]
        ring.append(ring)
        back = again(ring)
        self.record(back[1] is back)

    def test_writes_after_saving(self) -> None:
        x = torch.ones(2)
        file = written(x)
        x.zero_()
        self.record(torch.load(file))

    # --- other objects ------------------------------------------------------------------------------------------------

    def test_plain_objects(self) -> None:
        for weights_only in (True, False):
            self.record(again([1, -2**70, 1.5, float("inf"), "é", b"x", None, True, (), {"a": {1, 2}}, {3: (4,)},
                               1 + 2j], weights_only))

    def test_plain_objects_by_types(self) -> None:
        values = [bytearray(b"ab"), range(3), slice(1, 2), ..., collections.OrderedDict(a=1),
                  collections.Counter("aab"), collections.defaultdict(list, a=[1]), collections.deque([1]),
                  pathlib.PurePosixPath("a"), torch.Size([2, 3]), torch.float32, torch.device("cpu"), torch.strided,
                  Color.RED, Pair(1, 2), Point(1.0), type, len,
                  torch.nn.functional.relu]
        for value in values:
            back = again(value)
            self.assertEqual(type(back), type(value))
            self.record(getattr(value, "__name__", str(back)), refusal(lambda value=value: again(value, True)))

    def test_own_classes(self) -> None:
        back = again([Point(1.0, torch.ones(2)), Pair(torch.zeros(1), 2), Color.BLUE])
        self.record(back[0].tensor, back[1]._fields, back[2] is Color.BLUE)
        self.record(again(Stateful()).lost, again(Stateful()).kept)
        self.record(again(Slotted(3)).value)

    def test_own_classes_by_consent(self) -> None:
        for value in (Point(1.0, torch.ones(2)), Pair(1, 2), Color.RED, Stateful(), Slotted(3)):
            self.record(refusal(lambda value=value: again(value, True)))
            with torch.serialization.safe_globals([type(value)]):
                self.record(refusal(lambda value=value: again(value, True)))

    def test_consent_is_taken_back(self) -> None:
        torch.serialization.add_safe_globals([Point])
        self.record([each.__name__ for each in torch.serialization.get_safe_globals() if each is Point])
        self.record(refusal(lambda: again(Point(1.0), True)))
        torch.serialization.clear_safe_globals()
        self.record(torch.serialization.get_safe_globals(), refusal(lambda: again(Point(1.0), True)))

    def test_what_a_file_asks_for(self) -> None:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(written([Point(1.0), torch.ones(1), Color.RED]))
        self.record(sorted(name.rpartition(".")[2] for name in names))

    def test_functions_cannot_be_saved(self) -> None:
        self.record(refusal(lambda: written(lambda x: x)), refusal(lambda: written(open(os.devnull))))

    def test_generators_and_random_states(self) -> None:
        state = torch.get_rng_state()
        self.record(torch.equal(again(state, True), state))
        generator = torch.Generator().manual_seed(3)
        self.record(refusal(lambda: again(generator)))

    # --- modules and optimizers ---------------------------------------------------------------------------------------

    def test_modules(self) -> None:
        net = Net()
        back = again(net)
        self.record(back.second.weight is back.first.weight, torch.equal(net(torch.ones(3)), back(torch.ones(3))))
        self.record(back.training, list(back.state_dict()), back.passing, refusal(lambda: again(net, True)))

    def test_state_dicts(self) -> None:
        state = Net().state_dict()
        back = again(state, True)
        self.record(type(back).__name__, list(back), back._metadata[""], address(back["first.weight"]) ==
                    address(back["second.weight"]), [type(each).__name__ for each in back.values()])
        self.record(str(Net().load_state_dict(back)))

    def test_state_dicts_assigned(self) -> None:
        state = again(Net().state_dict(), True)
        net = Net()
        net.load_state_dict(state, assign=True)
        self.record(net.first.weight.requires_grad, address(net.first.weight) == address(state["first.weight"]))

    def test_parametrized(self) -> None:
        layer = nn.Linear(2, 2)
        parametrize.register_parametrization(layer, "weight", Doubled())
        self.record(refusal(lambda: written(layer)), list(again(layer.state_dict(), True)))
        other = nn.Linear(2, 2)
        parametrize.register_parametrization(other, "weight", Doubled())
        other.load_state_dict(again(layer.state_dict(), True))
        self.record(torch.equal(other.weight, layer.weight))

    def test_optimizers(self) -> None:
        net = nn.Linear(2, 1)
        optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
        net(torch.ones(2)).backward()
        optimizer.step()
        back = again(optimizer.state_dict(), True)
        self.record(sorted(back), back["state"][0]["step"], back["param_groups"][0]["lr"], sorted(back["state"][0]))
        self.record(type(again(optimizer)).__name__)

    def test_layers_with_hooks(self) -> None:
        layer = nn.Linear(2, 2)
        layer.register_forward_hook(print)
        self.record(len(again(layer)._forward_hooks))

    # --- files --------------------------------------------------------------------------------------------------------

    def test_paths(self) -> None:
        for path in (self.path, pathlib.Path(self.path)):
            torch.save([1, torch.ones(2)], path)
            self.record(torch.load(path), os.path.exists(path))
        self.record(refusal(lambda: torch.load(self.path + "x")), refusal(lambda: torch.save(1, self.folder.name)))
        self.record(refusal(lambda: torch.save(1, os.path.join(self.folder.name, "no", "where"))))

    def test_file_objects(self) -> None:
        with open(self.path, "wb") as file:
            torch.save(torch.ones(2), file)
        with open(self.path, "rb") as file:
            self.record(torch.load(file))
        self.record(refusal(lambda: torch.save(1, 3)), refusal(lambda: torch.load(3)),
                    refusal(lambda: torch.load(io.StringIO())),
                    refusal(lambda: torch.save(1, io.StringIO())), refusal(lambda: torch.load(None)))

    def test_one_after_another(self) -> None:
        file = io.BytesIO()
        for number in range(3):
            torch.save(torch.full((2,), number), file, _use_new_zipfile_serialization=False)
        file.seek(0)
        self.record([torch.load(file) for _ in range(3)], refusal(lambda: torch.load(file)))

    def test_behind_other_bytes(self) -> None:
        for form in (True, False):
            file = io.BytesIO()
            file.write(b"other bytes")
            torch.save(torch.ones(2), file, _use_new_zipfile_serialization=form)
            file.seek(len(b"other bytes"))
            self.record(refusal(lambda file=file: torch.load(file)))

    def test_the_position_afterwards(self) -> None:
        file = written(torch.ones(2), _use_new_zipfile_serialization=False)
        torch.load(file)
        self.record(file.tell() == len(file.getvalue()))

    def test_records(self) -> None:
        torch.save({"a": torch.ones(2)}, self.path)
        with zipfile.ZipFile(self.path) as archive:
            self.record(sorted(archive.namelist()), archive.testzip(),
                        {each.compress_type for each in archive.infolist()} == {0})
        self.record(sorted(zipfile.ZipFile(written(1)).namelist()))

    def test_protocols(self) -> None:
        for protocol in (2, 3, 4, 5):
            for form in (True, False):
                file = written({"a": torch.ones(2), "b": ("é", 1)}, pickle_protocol=protocol,
                               _use_new_zipfile_serialization=form)
                self.record(torch.load(file, weights_only=False))

    def test_own_pickle_modules(self) -> None:
        self.record(torch.load(written(torch.ones(2), pickle_module=pickle), pickle_module=pickle, weights_only=False))
        self.record(refusal(lambda: torch.load(written(1), pickle_module=pickle, weights_only=True)))

    # --- damaged files ------------------------------------------------------------------------------------------------

    def test_cut_files(self) -> None:
        whole = written([torch.arange(100.0), "a"]).getvalue()
        old = written([torch.arange(100.0), "a"], _use_new_zipfile_serialization=False).getvalue()
        for data in (whole, old):
            for share in (0.0, 0.01, 0.5, 0.9, 0.999):
                cut = data[:int(len(data) * share)]
                for weights_only in (True, False):
                    self.record(refusal(lambda cut=cut, w=weights_only: torch.load(io.BytesIO(cut), weights_only=w)))

    def test_other_files(self) -> None:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as made:
            made.writestr("x/other", b"1")
        for data in (b"", b"\0" * 100, archive.getvalue(), pickle.dumps(1), pickle.dumps([1, "a"], 2)):
            for weights_only in (True, False):
                self.record(refusal(lambda data=data, w=weights_only: torch.load(io.BytesIO(data), weights_only=w)))

    def test_a_record_is_missing(self) -> None:
        source = zipfile.ZipFile(written([torch.ones(2)]))
        for lost in ("data.pkl", "data/0", "version", "byteorder"):
            file = io.BytesIO()
            with zipfile.ZipFile(file, "w") as made:
                for name in source.namelist():
                    if not name.endswith(lost):
                        made.writestr(name, source.read(name))
            self.record(lost, refusal(lambda file=file: torch.load(file)))

    def test_plain_pickles_with_weights_only(self) -> None:
        self.record(refusal(lambda: torch.load(io.BytesIO(pickle.dumps(torch.ones(2))), weights_only=True)))

    # --- places -------------------------------------------------------------------------------------------------------

    def test_map_location(self) -> None:
        file = written([torch.ones(2), nn.Parameter(torch.ones(1))])
        for place in ("cpu", torch.device("cpu"), {"cpu": "cpu"}, {"cuda:0": "cpu"}, {},
                      lambda storage, location: storage,
                      lambda storage, location: None, "meta", torch.device("meta"), None):
            file.seek(0)
            self.record([[str(each.device), each.requires_grad] for each in torch.load(file, map_location=place)])
        for place in ("nowhere", 3.5, "cpu:x"):
            file.seek(0)
            self.record(refusal(lambda place=place: torch.load(file, map_location=place)))

    def test_map_location_is_told(self) -> None:
        told = []
        torch.load(written(torch.ones(3)), map_location=lambda storage, location: told.append(
            [location, type(storage).__name__, storage.nbytes()]) or storage)
        self.record(told)

    def test_default_device(self) -> None:
        with torch.device("meta"):
            self.record(str(torch.load(written(torch.ones(2)), map_location="cpu").device))
            self.record(str(torch.load(io.BytesIO(CPU.getvalue())).device))

    def test_skip_data(self) -> None:
        with torch.serialization.skip_data():
            file = written(torch.ones(3))
        self.record(torch.load(file).shape)

    # --- memory maps --------------------------------------------------------------------------------------------------

    def test_mmap(self) -> None:
        torch.save({"a": torch.arange(5.0), "b": torch.ones(2, 2).t()}, self.path)
        back = torch.load(self.path, mmap=True)
        self.record(back)
        back["a"].fill_(-1)
        self.record(torch.load(self.path)["a"])

    def test_mmap_refusals(self) -> None:
        torch.save(torch.ones(2), self.path, _use_new_zipfile_serialization=False)
        self.record(refusal(lambda: torch.load(self.path, mmap=True)))
        self.record(refusal(lambda: torch.load(written(torch.ones(2)), mmap=True)))
        torch.save(torch.ones(2), self.path)
        with open(self.path, "rb") as file:
            self.record(refusal(lambda: torch.load(file, mmap=True)))
        self.record(refusal(lambda: torch.load(pathlib.Path(self.path), mmap=True)))

    def test_mmap_assigned(self) -> None:
        torch.save(Net().state_dict(), self.path)
        net = Net()
        net.load_state_dict(torch.load(self.path, mmap=True, weights_only=True), assign=True)
        net(torch.ones(3)).sum().backward()
        self.record(net.first.weight.grad is not None)

    def test_mmap_options(self) -> None:
        self.record(torch.serialization.get_default_mmap_options())
        self.record(refusal(lambda: torch.serialization.set_default_mmap_options(12345)))

    def test_crc32(self) -> None:
        before = torch.serialization.get_crc32_options()
        torch.serialization.set_crc32_options(False)
        self.record(torch.load(written(torch.ones(2))), torch.serialization.get_crc32_options())
        torch.serialization.set_crc32_options(before)

    def test_byte_order(self) -> None:
        self.record(torch.serialization.get_default_load_endianness())
        self.record(torch.load(written(torch.arange(3), _disable_byteorder_record=True)))

    # --- copies and pickles -------------------------------------------------------------------------------------------

    def test_pickle(self) -> None:
        base = torch.arange(4.0)
        whole, part = pickle.loads(pickle.dumps([base, base[1:3]]))
        self.record(whole, part)
        self.record(type(pickle.loads(pickle.dumps(nn.Parameter(base)))).__name__)

    def test_deepcopy(self) -> None:
        base = torch.arange(4.0)
        whole, part = copy.deepcopy([base, base[1:3]])
        self.record(address(whole) == address(part), address(whole) == address(base), part.storage_offset())
        self.record(refusal(lambda: copy.deepcopy(nn.Parameter(base) * 2)))

    def test_options_by_name(self) -> None:
        for options in ({"weights_only": "x"}, {"weights_only": 0}, {"unknown": 1}):
            self.record(refusal(lambda options=options: torch.load(written(1), **options)))
        self.record(refusal(lambda: torch.save(1)),
                    refusal(lambda: torch.save(1, io.BytesIO(), pickle_protocol=99)))


CPU = io.BytesIO()
torch.save(torch.ones(2), CPU)
