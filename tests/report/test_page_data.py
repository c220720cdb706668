"""JSON inside a page: no text can end the element that it is in."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gisteval.report.data import read_runs
from gisteval.report.page_data import _sample, embedded_json, samples_json
from gisteval.report.samples import collect_samples


@given(
    some.recursive(
        some.none() | some.text(), lambda part: some.lists(part) | some.dictionaries(some.text(), part)
    )
)
def test_what_is_embedded_is_read_back(value: object) -> None:
    text = embedded_json(value)
    assert json.loads(text) == value
    assert not set(text) & set("<>&\u2028\u2029")


@pytest.mark.parametrize("text", ["</script><script>", "<!--", "]]>", "\ud800 alone", "&lt;"])
def test_no_text_ends_the_element(text: str) -> None:
    found = embedded_json([text])
    assert "<" not in found and found.encode("utf-8") and json.loads(found) == [text]


def test_numbers_that_json_lacks_are_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        embedded_json(float("nan"))


def test_samples_are_written_one_at_a_time_as_if_all_at_once(small_run) -> None:
    samples = collect_samples(read_runs([small_run]))
    text = samples_json(samples)
    whole = json.loads(text)
    assert len(whole["samples"]) == len(samples.samples) > 1
    assert embedded_json({**whole, "samples": [_sample(samples, one) for one in samples.samples]}) == text
    assert json.loads(samples_json(replace(samples, samples=())))["samples"] == []
