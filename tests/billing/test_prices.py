"""Dated price sheets."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gisteval.billing.prices import GenaiSheet, Price, Prices, Sheet
from gisteval.errors import GistevalError

OWN = """\
read: 2026-01-01
source: a contract
models:
  ours:
    cache: {seconds: 60, minimum: 10}
    prices:
      - {since: 2025-01-01, input: 2, output: 4, cache_read: 1}
      - {since: 2025-07-01, input: 1, output: 4, cache_write: 1.5, cache_read: 0.5}
  plain:
    prices: [{input: 2, output: 4}]
"""


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.fixture
def own(tmp_path: Path) -> Path:
    file = tmp_path / "own.yaml"
    file.write_text(OWN)
    return file


def test_the_price_of_the_day_counts(own: Path) -> None:
    prices = Prices.named(str(own))
    assert prices.at("ours", moment("2025-06-30T23:59:59")) == Price(2, 4, 2, 1, 60, 10)
    assert prices.at("vendor/ours-20250701", moment("2025-07-01")) == Price(1, 4, 1.5, 0.5, 60, 10)
    assert prices.at("plain", 0.0) == Price(2, 4, 2, 2, 0, None)
    with pytest.raises(GistevalError, match="no price of ours on 2024-12-31"):
        prices.at("ours", moment("2024-12-31"))
    with pytest.raises(GistevalError, match=r"no price of model 'ors' .did you mean 'ours'"):
        prices.at("ors", 0.0)


@pytest.mark.parametrize("wrong", ["input: -1", "input: .nan", "output: 1, input: 1, cost: 2", "input: a"])
def test_a_wrong_sheet_is_one_line(wrong: str, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(f"read: 2026-01-01\nsource: x\nmodels:\n  m: {{prices: [{{{wrong}}}]}}\n")
    with pytest.raises(GistevalError, match=r"price sheet .*own.yaml: models.m.prices.0"):
        Sheet.read(file)


def test_the_bundled_sheet_says_when_and_where_it_was_read() -> None:
    sheet = Sheet.read()
    assert "read 2026-11-28" in sheet.source and "genai-prices 0.2.3" in sheet.source
    assert sheet.at("claude-haiku-4-5-20251001", moment("2026-11-28")) == Price(1, 5, 1.25, 0.1, 300, 4096)


def test_the_bundled_sheet_is_that_of_genai_prices() -> None:
    pytest.importorskip("genai_prices")
    bundled, package = Sheet.read(), GenaiSheet()
    for model in (
        "claude-opus-4-5",
        "claude-opus-4-1",
        "claude-sonnet-4-5",
        "gpt-5",
        "gpt-5-mini",
        "gpt-4.1",
    ):
        ours, theirs = (sheet.at(model, moment("2026-11-28")) for sheet in (bundled, package))
        assert (ours.fresh, ours.output, ours.write, ours.read) == (
            theirs.fresh,
            theirs.output,
            theirs.write,
            theirs.read,
        )


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "genai_prices", None)
    with pytest.raises(GistevalError, match=r"pip install 'gisteval\[prices\]'"):
        Prices.named("genai-prices")
