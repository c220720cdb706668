"""How a prompt is shown with what is kept of it. What is kept: tests/pipeline/test_compress.py."""

from __future__ import annotations

import pytest

from gisteval.cli.compress import marked


@pytest.mark.parametrize(
    ("tokens", "shares", "text"),
    [
        (["say", " it"], [1.0, 0.25], "say[100] it[25]"),
        (["a", "\n", "b"], [0.0, 0.5, 0.001], "a[50]\nb[1]"),
        (["12", "7"], [0.0, 1.0], "12 7[100]"),
    ],
)
def test_each_token_bears_its_share(tokens: list[str], shares: list[float], text: str) -> None:
    assert marked(tokens, shares) == text
