"""A system's k: gist tokens count where the checkpoint was trained to read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gisteval.models.checkpoints.checkpoint import Checkpoint, GistRecord
from gisteval.models.running.architecture import DECODER
from gisteval.suite.system import System


@pytest.mark.parametrize(
    ("role", "compressor", "k"),
    [
        ("candidate", "gist", 3),
        ("candidate", "empty", 3),
        ("candidate", "truncate", 0),
        ("candidate", "gist+int8", 3),
        ("positive", "full", 3),
        ("negative", "empty", 3),
    ],
)
def test_a_compressor_without_training_counts_no_gist_tokens(role, compressor, k) -> None:
    checkpoint = Checkpoint(Path("own"), GistRecord("own", "gist", 3), DECODER, False, None)
    assert System("own", checkpoint, role, None, None, compressor).k == k
