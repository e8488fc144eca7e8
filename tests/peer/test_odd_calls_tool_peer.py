"""`tools.odd_calls`: what is right is alike, what is made odd is found, and a call that dies is told of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from tools.odd_calls import report
from tools.odd_calls.cases import Case, cases, groups, pattern
from tools.odd_calls.walk import Found, walk


def test_patterns_of_every_group_are_right_calls() -> None:
    assert {"functional", "nn", "optim", "utils"} <= set(groups())
    for group in groups():
        assert cases(group), group


def test_a_difference_is_found_and_shown_in_its_column() -> None:
    same = walk([pattern("torch.add", "torch.add({t(2, 3)}, {t(3)}, alpha={2})")])
    assert same.calls > 60 and same.died == []
    other = walk([pattern("one", "torch.tensor({1}) + (1 if torch.__name__ == 'wengert' else 0)")])
    assert "values" in {line[4] for line in other.differing}
    assert report.row("one", other).count("|") == report.HEAD.count("|")


def test_a_call_that_dies_does_not_end_the_walk() -> None:
    def call(lib: object, given: list[object]) -> object:
        if given == [None] and lib is torch:
            os._exit(3)
        return 0

    found = walk([Case("dies", [True], call, lambda place, word: word)])
    assert found.died == ["None"] and found.calls == 9


def test_integers_of_any_size_are_made_odd() -> None:
    for number in (-2**63, 2**63 - 1, 2**63, 2**64):
        found = walk([pattern("big", f"abs({{{number}}})")])
        assert found.died == [] and found.calls > 20, number


def test_a_page_keeps_the_rows_of_other_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "PAGE", tmp_path / "page.md")
    report.PAGE.write_text(report.page({"b": report.row("b", Found(10))}))
    both = report.page({"a": report.row("a", Found(20))})
    assert [line.split("|")[1:3] for line in both.splitlines() if line.startswith("| ")][2:] == [
        [" a ", " 20 "], [" b ", " 10 "]]
