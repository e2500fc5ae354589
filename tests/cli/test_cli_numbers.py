"""How numbers look in tables: nothing is cut, whatever the width."""

from __future__ import annotations

import re

import pytest
from rich.console import Console
from rich.table import Table

from precepts.cli import numbers
from precepts.cli.numbers import cell, counts, grid, number, show
from precepts.types import Evidence


def evidence(value: float | None = 0.5, *, n: int = 20, unscored: int = 0, baseline: str | None = None) -> Evidence:
    return Evidence(
        claim="align/refusal_rate", slice={"arm": "base", "set": "test"}, value=value, low=0.25, high=0.75, n=n,
        n_unscored=unscored, estimator="wilson@1", model="m", inputs=(), baseline=baseline,
    )  # fmt: skip


def test_a_number_has_its_interval_and_its_n() -> None:
    assert cell(evidence()) == "0.50 [0.25, 0.75] n=20"
    assert cell(evidence(unscored=5)) == "0.50 [0.25, 0.75] n=20 of 25"
    assert number(evidence(baseline="base")) == "+0.50 [0.25, 0.75]"
    assert number(evidence(), "\n") == "0.50\n[0.25, 0.75]"
    assert (number(None), number(evidence(None)), cell(evidence(None))) == ("–", "–", "–")


def test_one_n_stands_for_all_arms_that_share_it() -> None:
    assert counts([evidence(), None, evidence()]) == "20"
    assert counts([evidence(), evidence(n=3, unscored=17)]) == "20, 3 of 20"


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_width_cuts_a_number(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    def build(between: str) -> Table:
        table = grid("Arms", ("", "base", "policy in prompt", "sft"))
        table.add_row("a_claim_of_a_rather_long_name", *[number(evidence(), between)] * 3)
        return table

    monkeypatch.setattr(numbers, "console", lambda stderr=False: Console(width=width, highlight=False))
    show(build)
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert len(re.findall(r"\[0\.25, 0\.75\]", shown)) == 3
    assert len(re.findall(r"0\.50", shown)) == 3
    assert max(map(len, shown.splitlines())) <= width


def test_a_file_is_no_narrow_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    table = grid("Arms", ("", *(f"arm {i}" for i in range(6))))
    table.add_row("refusal_rate", *[number(evidence())] * 6)
    show(lambda between: table)
    assert capsys.readouterr().out.rstrip().splitlines()[-1].count("0.50 [0.25, 0.75]") == 6
