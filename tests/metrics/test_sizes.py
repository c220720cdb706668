"""Sizes are fields of the record."""

from __future__ import annotations

from dataclasses import replace

import pytest
from metric_records import EXAMPLE, GENERATION

from gisteval.metrics.sizes import Bytes, Kept, OutputTokens, Size, SourceTokens, TemplateTokens, Unfinished


@pytest.mark.parametrize("kind", [Bytes, Kept, OutputTokens, SourceTokens, TemplateTokens])
def test_the_value_is_the_field_of_the_metrics_name(kind: type[Size]) -> None:
    assert kind().value(replace(GENERATION, **{kind.name: 17}), EXAMPLE) == 17.0
    assert kind().value(replace(GENERATION, **{kind.name: None}), EXAMPLE) is None


@pytest.mark.parametrize(("finished", "value"), [(True, 0.0), (False, 100.0), (None, None)])
def test_an_output_at_the_limit_is_unfinished(finished: bool | None, value: float | None) -> None:
    assert Unfinished().value(replace(GENERATION, finished=finished), EXAMPLE) == value
