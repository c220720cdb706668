"""The comparison with the stock model, shared by the systems of one model."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gisteval.compressors.spec import build_compressor
from gisteval.generation.selfcheck import AgainstStock, check_cached_path, stock
from gisteval.generation.selfcheck.passes import stock_reading
from gisteval.generation.selfcheck.rows import make_rows
from gisteval.models.running.decoder import DecoderModel
from gisteval.records.budget import Budget
from gisteval.records.schema import Example

TEXTS = [("say", "cats", "yes"), ("say the first word " * 2, "", "no"), ("repeat yes", "worlds", "cats")]
EXAMPLES = [Example(str(number), "tiny", "test", *texts) for number, texts in enumerate(TEXTS)]


@pytest.fixture
def stock_passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with each pass of a stock model."""
    passes: list[int] = []

    def counted(*arguments: object) -> object:
        passes.append(1)
        return stock_reading(*arguments)

    monkeypatch.setattr(stock, "stock_reading", counted)
    return passes


def test_systems_of_one_model_share_it_and_get_the_figures_that_each_finds_alone(
    tiny_model: Callable[[str, int], DecoderModel], stock_passes: list[int]
) -> None:
    model = tiny_model("llama", 1)
    systems = [
        (build_compressor(name), budget and Budget(budget))
        for name, budget in [("full", None), ("keydiff", 4), ("keydiff", 2), ("truncate", 3)]
    ]
    alone = [check_cached_path(model, *system, EXAMPLES) for system in systems]
    assert len(stock_passes) == len(EXAMPLES) * len(systems)
    stock_passes.clear()
    shared = AgainstStock()
    assert [check_cached_path(model, *system, EXAMPLES, stock=shared) for system in systems] == alone
    assert len(stock_passes) == len(EXAMPLES)


def test_other_rows_are_read_anew(
    tiny_model: Callable[[str, int], DecoderModel], stock_passes: list[int]
) -> None:
    model, shared = tiny_model("llama", 1), AgainstStock()
    for examples in (EXAMPLES, EXAMPLES[:2], EXAMPLES):
        rows = make_rows(model, build_compressor("full"), None, examples)
        differences, passes = shared.differences(model, rows)
        assert len(differences) == len(passes[0].readings) == len(examples)
    assert len(stock_passes) == 3 + 2 + 3
