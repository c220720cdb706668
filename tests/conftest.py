"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder that holds paper/, alpaca_plus/ and p3/; skips the test where it is absent."""
    folder = os.environ.get("GISTEVAL_SHARED_DATA")
    if not folder:
        pytest.skip("GISTEVAL_SHARED_DATA is not set: it names the folder that holds paper/")
    path = Path(folder)
    if not (path / "paper").is_dir():
        pytest.skip(f"GISTEVAL_SHARED_DATA={folder} has no folder paper/")
    return path
