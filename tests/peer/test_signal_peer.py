"""`wengert.signal.windows` against PyTorch: every window, over lengths, dtypes and settings; values and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import wengert  # noqa: E402

SETTINGS: dict[str, list[dict[str, Any]]] = {
    "bartlett": [{}], "blackman": [{}], "cosine": [{}], "hamming": [{}], "hann": [{}], "nuttall": [{}],
    "exponential": [{}, {"tau": 3.5}, {"center": 1.5, "sym": False}, {"center": 1.0}, {"tau": 0}, {"tau": -1.0}],
    "gaussian": [{}, {"std": 2.5}, {"std": 0.0}], "kaiser": [{}, {"beta": 0.0}, {"beta": 5.5}, {"beta": -1.0}],
    "general_cosine": [{"a": [0.5, 0.25, 0.125]}, {"a": (1,)}, {"a": []}, {"a": 3}],
    "general_hamming": [{}, {"alpha": 0.3}],
}


def window(side: Any, name: str, count: Any, options: dict[str, Any]) -> Any:
    given = {key: getattr(side, value) if key in ("dtype", "layout") else value for key, value in options.items()}
    try:
        return getattr(side.signal.windows, name)(count, **given)
    except Exception as error:  # noqa: BLE001
        return type(error)


def agree(name: str, count: Any, options: dict[str, Any]) -> None:
    ours, theirs = window(wengert, name, count, options), window(torch, name, count, options)
    if isinstance(theirs, type):
        assert isinstance(ours, type) and issubclass(ours, theirs), (ours, theirs)
        return
    assert not isinstance(ours, type), ours
    assert str(ours.dtype) == str(theirs.dtype) and ours.requires_grad == theirs.requires_grad
    tolerance = 1e-13 if theirs.dtype is torch.float64 else 2e-6
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=tolerance, atol=tolerance)


def test_every_name() -> None:
    assert set(wengert.signal.windows.__all__) == set(torch.signal.windows.__all__) == set(SETTINGS)


@pytest.mark.parametrize("dtype", ["float32", "float64", None])
@pytest.mark.parametrize("name", SETTINGS)
def test_windows(name: str, dtype: str | None) -> None:
    for settings in SETTINGS[name]:
        for count in (0, 1, 2, 3, 8, 51, -1):
            for sym in (True, False):
                options = {"sym": sym, **settings} | ({} if dtype is None else {"dtype": dtype})
                agree(name, count, options)
                agree(name, count, options | {"requires_grad": True})


@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_refused(name: str) -> None:
    for options in ({"dtype": "float16"}, {"dtype": "complex64"}, {"dtype": "int64"}):
        agree(name, 4, SETTINGS[name][0] | options)
