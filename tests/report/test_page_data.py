"""JSON inside a page: no text can end the element that it is in."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gisteval.report.page_data import embedded_json


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
