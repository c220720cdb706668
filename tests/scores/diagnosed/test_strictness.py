"""What a less strict mask changes."""

from __future__ import annotations

import numpy as np
import pytest
from observations import observations

from gisteval.scores.diagnosed.rows import Observed
from gisteval.scores.diagnosed.strictness import summarise_strictness


def test_a_change_of_strictness_is_paired_and_corrected() -> None:
    draw = np.random.default_rng(1)
    strict = draw.gamma(2.0, 1.0, 80)
    by_setting = {"leak 0": strict, "leak 1": strict - 0.2 - 0.05 * draw.random(80)}
    by_setting |= {f"noise {n}": strict + 0.01 * draw.standard_normal(80) for n in range(6)}
    found = [
        item for name, values in by_setting.items() for item in observations("g", values.tolist(), name)
    ]
    summary = summarise_strictness(Observed({"g": found}, {}))
    changes = {row.setting: row.value for row in summary.rows if row.metric == "delta_nll"}
    assert changes["leak 1"] == pytest.approx(np.mean(by_setting["leak 1"] - strict))
    assert "leak 0" not in changes
    assert summary.findings[0].text.endswith("shown to lower it: leak 1")
