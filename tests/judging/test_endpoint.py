"""Addresses of servers that can't be asked are refused before anything is sent."""

from __future__ import annotations

import pytest

from gisteval.errors import GistevalError
from gisteval.judging.endpoint import Endpoint


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1:bad/v1", "must be like http://host:8000/v1"),
        ("127.0.0.1:8000", "must be like"),
        ("ftp://host/v1", "must be like"),
        ("http://", "must be like"),
        ("", "must be like"),
        ("http://[::1/v1", "can't be read"),
        ("https://user:secret@host/v1", "holds a user, password or query"),
        ("https://host/v1?key=secret", "holds a user, password or query"),
    ],
)
def test_an_address_that_is_none_is_refused(url: str, message: str) -> None:
    with pytest.raises(GistevalError, match=message) as caught:
        Endpoint(url, "m", "OPENAI_API_KEY")
    assert "secret" not in str(caught.value)


def test_twice_as_many_comparisons_are_in_progress_as_requests() -> None:
    assert Endpoint("http://127.0.0.1:8000/v1", "m", "OPENAI_API_KEY", concurrency=3).workers == 6
