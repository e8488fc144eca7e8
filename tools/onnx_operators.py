"""What `wengert.onnx.load` runs of ONNX, by the ONNX project's own tests of nodes.

``python -m tools.onnx_operators`` prints the share of the operators of ONNX's default domain all of whose tests in
float32 pass (and in integers and truth values, where an operator has these alone), and what fails;
``--write`` keeps the list in ``docs/onnx_operators.md``. It needs the extra ``wengert[onnx]``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import wengert as torch

PAGE = Path(__file__).parents[1] / "docs" / "onnx_operators.md"
WIDE = {1, 2, 3, 5, 6, 7, 9, 12, 13, 4}
"""float32, integers and truth values, by ONNX's numbers."""


class Result(NamedTuple):
    """What became of one test: the operator, the test's name, and why it failed, if it did."""

    operator: str
    name: str
    failure: str | None


def cases() -> Iterator[tuple[str, Any]]:
    """The project's tests of single nodes in the default domain, those in other floating types and of strings left out,
    each with its operator."""
    from onnx.backend.test.loader import load_model_tests

    for case in load_model_tests(kind="node"):
        model: Any = case.model
        graph = model.graph
        domains = {node.domain for node in graph.node}
        operator = operator_of(case)
        if domains - {"", "ai.onnx"} or operator is None or not (kinds(graph) <= WIDE):
            continue
        yield operator, case


def operator_of(case: Any) -> str | None:
    """The operator that a test is for; None for those that have it expanded into others."""
    if case.name.endswith("_expanded") or "_expanded_" in case.name:
        return None
    nodes = [node.op_type for node in case.model.graph.node]
    named = case.name.removeprefix("test_").replace("_", "")
    matching = [op for op in nodes if named.startswith(op.lower())]
    return max(matching, key=len) if matching else nodes[-1]


def kinds(graph: Any) -> set[int]:
    """The element types of what a graph takes and gives."""
    found = set()
    for value in (*graph.input, *graph.output):
        kind = value.type
        if kind.HasField("optional_type"):
            kind = kind.optional_type.elem_type
        if kind.HasField("sequence_type"):
            kind = kind.sequence_type.elem_type
        found.add(kind.tensor_type.elem_type)
    return found


def tensors(value: Any) -> Any:
    """What a test gives as tensors: arrays, sequences of them, and None."""
    if isinstance(value, list):
        return [tensors(each) for each in value]
    return None if value is None else torch.from_numpy(np.array(value))


def arrays(value: Any) -> Any:
    """Tensors as arrays."""
    if isinstance(value, list):
        return [arrays(each) for each in value]
    return None if value is None else value.detach().numpy()


def compare(found: Any, wanted: Any, case: Any) -> None:
    """Raises AssertionError where two results differ by more than the test allows."""
    from onnx.numpy_helper import to_array

    if isinstance(wanted, list):
        assert len(found) == len(wanted), f"{len(wanted)} values were expected; got {len(found)}"
        for one, other in zip(found, wanted, strict=True):
            compare(one, other, case)
    elif wanted is None:
        assert found is None
    else:
        wanted = to_array(wanted) if hasattr(wanted, "data_type") else np.asarray(wanted)
        assert found.shape == wanted.shape, f"shape {wanted.shape} was expected; got {found.shape}"
        assert found.dtype == wanted.dtype, f"{wanted.dtype} was expected; got {found.dtype}"
        np.testing.assert_allclose(found, wanted, rtol=case.rtol, atol=max(case.atol, 1e-7))


RANDOM = {"Bernoulli", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial"}
"""Operators that draw: what is drawn is the runtime's own, so that only shapes and dtypes are compared."""


def run(operator: str, case: Any) -> Result:
    """One test."""
    try:
        model = torch.onnx.load(case.model)
        for inputs, outputs in case.data_sets:
            with torch.no_grad():
                found = model(*map(tensors, inputs))
            found = [found] if len(model.output_names) == 1 else list(found)
            for one, wanted in zip(found, outputs, strict=True):
                draws = operator == "Dropout" and "training" in case.name and "zero_ratio" not in case.name
                if operator in RANDOM or draws:
                    assert arrays(one).shape == np.asarray(wanted).shape
                else:
                    compare(arrays(one), wanted, case)
    except Exception as error:  # whatever goes wrong is what is counted
        return Result(operator, case.name, f"{type(error).__name__}: {error}".strip().replace("\n", " ")[:200])
    return Result(operator, case.name, None)


def results() -> list[Result]:
    """All tests."""
    return [run(operator, case) for operator, case in cases()]


def summary(found: list[Result]) -> tuple[list[str], dict[str, list[Result]]]:
    """The operators all of whose tests pass, and the others with the tests that fail."""
    failing: dict[str, list[Result]] = {}
    for result in found:
        if result.failure is not None:
            failing.setdefault(result.operator, []).append(result)
    passing = sorted({result.operator for result in found} - failing.keys())
    return passing, failing


def page(found: list[Result]) -> str:
    """The list as a page."""
    passing, failing = summary(found)
    count = len(passing) + len(failing)
    passed = len([result for result in found if result.failure is None])
    lines = ["# ONNX's operators", "",
             f"`wengert.onnx.load` runs **{len(passing)} of {count}** operators of ONNX's default domain as the ONNX "
             "project's own tests",
             f"of nodes ask, in float32, integers and truth values ({100 * len(passing) / count:.0f} %; {passed} of "
             f"{len(found)} tests). Made by", "`python -m tools.onnx_operators --write`; a test holds the list.", "",
             "## Those that do not pass", "", "| operator | tests | why |", "|---|---:|---|"]
    for operator in sorted(failing):
        first = failing[operator][0]
        total = len([result for result in found if result.operator == operator])
        words = (first.failure or "").replace("|", "/")[:110]
        lines.append(f"| `{operator}` | {len(failing[operator])} of {total} | {words} |")
    lines += ["", "## Those that pass", "", ", ".join(f"`{operator}`" for operator in passing), ""]
    return "\n".join(lines)


def main() -> None:
    """Prints the share and what fails; with ``--write`` the page is written."""
    found = results()
    passing, failing = summary(found)
    print(f"{len(passing)} of {len(passing) + len(failing)} operators, "
          f"{len([r for r in found if r.failure is None])} of {len(found)} tests")
    for each in failing.values():
        for result in each:
            print(f"{result.operator:28} {result.name}: {result.failure}")
    if "--write" in sys.argv:
        PAGE.write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
