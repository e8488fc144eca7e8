"""Every layer of ``torch.nn`` against PyTorch over the grid of `nn_cases`: text, initial weights bit for bit, results,
gradients and buffers, in training and in evaluation."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

pytest.importorskip("torch")
from tests.peer.layer_pairs import SIDES, agree, numbers  # noqa: E402
from tests.peer.nn_cases import LAYERS, Case  # noqa: E402
from tests.peer.nn_grid import SINGLE, arrays_of, dtypes, numbered, run, tensors_of  # noqa: E402


@dtypes
@pytest.mark.parametrize("name, case", numbered(LAYERS))
@pytest.mark.filterwarnings("ignore")
def test_layers(name: str, case: Case, dtype: str) -> None:
    layers = []
    for side in SIDES:
        side.lib.manual_seed(7)
        layers.append(getattr(side.nn, name)(*case.args, **case.kwargs))
    assert repr(layers[0]) == repr(layers[1])
    arrays = arrays_of(case, dtype)
    # What one call leaves behind for the next shows in the second.
    for mode in (True, True, False) if list(layers[1].buffers()) else (True, False):
        found = []
        for side, layer in zip(SIDES, layers, strict=True):
            layer.to(getattr(side.lib, dtype)).train(mode)
            if name.startswith("Lazy"):
                side.lib.manual_seed(5)
                layer(*tensors_of(side, arrays))
            found.append(run(side, layer, arrays, layer.parameters()) + numbers(layer.buffers()))
        agree(*found, "float32" if name in SINGLE else dtype)
    states = [layer.state_dict() for layer in layers]
    assert list(states[0]) == list(states[1])
    assert repr(layers[0]) == repr(layers[1])


@dtypes
@pytest.mark.parametrize("name", [name for name in LAYERS if not name.startswith("Lazy")])
@pytest.mark.filterwarnings("ignore")
def test_initial_weights_bit_for_bit(name: str, dtype: str) -> None:
    for seed in (0, 11):
        for case in {repr((case.args, case.kwargs)): case for case in LAYERS[name]}.values():
            states = []
            for side in SIDES:
                cls = getattr(side.nn, name)
                made = {"dtype": getattr(side.lib, dtype)} if "dtype" in inspect.signature(cls).parameters else {}
                side.lib.manual_seed(seed)
                states.append(cls(*case.args, **case.kwargs, **made).state_dict())
                states[-1]["the next number drawn"] = side.lib.rand(1)
            assert list(states[0]) == list(states[1])
            for key in states[0]:
                mine, its = (state[key].numpy() for state in states)
                assert mine.dtype == its.dtype and np.array_equal(mine, its), key
