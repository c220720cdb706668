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


def test_the_layer_that_needs_the_gists_most_is_named() -> None:
    draw = np.random.default_rng(2)
    strict = draw.gamma(2.0, 1.0, 80)
    costs = {"hidden in layer 1": 0.1, "hidden in layer 2": 0.9, "hidden in layer 3": 0.4}
    by_setting = {name: strict + cost * (1 + draw.random(80)) for name, cost in costs.items()}
    by_setting |= {"leak 0": strict, "hidden in layers 1-2": strict + 9.0 + draw.random(80)}
    found = [
        item for name, values in by_setting.items() for item in observations("g", values.tolist(), name)
    ]
    (finding,) = summarise_strictness(Observed({"g": found}, {})).findings
    assert finding.brief == "layer 2 most"
    assert "“hidden in layers 1-2” changes the loss most" in finding.text
    assert "layer 2 needs the gists most" in finding.text and "layer 1 least" in finding.text


def test_the_layer_of_an_encoder_decoder_is_named_with_its_stack() -> None:
    draw = np.random.default_rng(3)
    strict = draw.gamma(2.0, 1.0, 80)
    costs = {"hidden in encoder layer 2": 0.2, "hidden in decoder layer 1": 0.8}
    by_setting = {name: strict + cost * (1 + draw.random(80)) for name, cost in costs.items()}
    by_setting |= {"leak 0": strict, "hidden in decoder layers 1-2": strict + 9.0 + draw.random(80)}
    found = [
        item for name, values in by_setting.items() for item in observations("g", values.tolist(), name)
    ]
    (finding,) = summarise_strictness(Observed({"g": found}, {})).findings
    assert finding.brief == "decoder layer 1 most"
    assert "decoder layer 1 needs the gists most" in finding.text
    assert "encoder layer 2 least" in finding.text
