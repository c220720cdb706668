"""Serving a log by oneself, at the measured times of a profile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from measured_profiles import profile

from gisteval.billing.hosting import Hosting, hosted, read_hosting
from gisteval.billing.usage import Request
from gisteval.errors import GistevalError
from gisteval.records.store import write_json


def test_serving_by_oneself_adds_up_measured_times() -> None:
    """At 3,600 dollars an hour a second costs one; a batch of two halves it; loading takes its time."""
    month = 30 * 86400.0
    requests = [Request(0.0, "a", "m", 10, 1, 1), Request(month, "a", "m", 10, 1, 5)]
    found = hosted(requests, Hosting(profile(), 3600.0, 0.5, 1e9))
    gist = (1 + 1 + 4 * 0.5) / 2
    use = [(8 + 8 + 4 * 0.5) / 2, (2 + 2 + 4 * 0.5) / 2 + 2 * 4, gist + 2 * 1, gist + 2 * 7 / 2]
    made, kept = [0, 6 / 2, 7 / 2, 0], [0, 0.5 * 4, 0.5 * 1, 0]
    assert found.ways == ("no cache", "whole-prompt cache", "gist-1, stored", "gist-1, made anew")
    np.testing.assert_allclose(found.dollars, [np.add(np.add(use, made), kept)])
    assert found.hit_rates == (None, 0.5, 0.5, None)


def test_the_largest_batch_serves_and_a_profile_without_one_is_refused(tmp_path: Path) -> None:
    measured = profile()
    (batch,) = measured.batches
    write_json(
        tmp_path / "report" / "profile.json",
        replace(measured, batches=(batch, replace(batch, batch_size=8), batch)).to_json(),
    )
    assert read_hosting(tmp_path, 1.0, 0.0, None).batch.batch_size == 8
    write_json(tmp_path / "profile.json", replace(measured, batches=()).to_json())
    with pytest.raises(GistevalError, match="holds no measured times: give what gisteval profile --model"):
        read_hosting(tmp_path, 1.0, 0.0, None)
