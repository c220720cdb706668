"""What a margin is given in, and the controls that a share of their gap needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gated_runs import gate
from run_folders import claim_run, make_generation, make_system, write_records

from gisteval.errors import GistevalError, InvalidRun
from gisteval.gate.margins import Allowance, allowance, parse_margin
from gisteval.gate.measures import gate_metric
from gisteval.gate.sides import Side, shared_examples
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example

MakeRun = Callable[..., Path]


def test_margins_as_texts() -> None:
    assert parse_margin("5").text == "5"
    assert parse_margin("10%gap").text == "10% of the controls' gap"
    assert parse_margin("90% retained").size == pytest.approx(0.1)
    for wrong in ("", "five", "5%", "120%gap", "0%retained", "nan"):
        with pytest.raises(GistevalError, match="--margin"):
            parse_margin(wrong)


def test_a_run_without_controls_has_no_gap(make_run: MakeRun) -> None:
    run = make_run("run", [0.5] * 20)
    with pytest.raises(InvalidRun, match="no controls: give --margin in points"):
        gate(run, run, margin=0.1, margin_kind="gap")


def test_a_share_is_of_the_controls_gap_or_of_the_baselines_gain(tmp_path: Path) -> None:
    """Four examples: the positive control gets all right, the negative control one, the baseline three."""
    examples = [Example(f"e{n}", "t", "test", f"say {n}", "", f"word {n}") for n in range(4)]
    right = [example.output for example in examples]
    outputs = {"pos": right, "gist-1": [*right[:3], "no"], "neg": [right[0], "no", "no", "no"]}
    systems = [
        make_system("pos", "positive"),
        make_system("gist-1", reference="pos"),
        make_system("neg", "negative", reference="pos"),
    ]
    run = claim_run(tmp_path / "run", {"test": examples}, systems)
    for system in systems:
        texts = zip(examples, outputs[system.name], strict=True)
        write_records(run.generations(system.name), (make_generation(system, *pair) for pair in texts))
    side = Side(RunFolder.open(run.path), "gist-1")
    baseline = np.array([100.0, 100.0, 100.0, 0.0])
    metric, compared = gate_metric("exact_match"), shared_examples(side, side, "test")

    def allowed(text: str) -> Allowance | None:
        return allowance(parse_margin(text), metric, (side, side), "test", compared, baseline, None)

    assert allowed("5") is None
    gap, gain = allowed("10%gap"), allowed("90%retained")
    assert gap is not None and gain is not None
    assert gap.values.tolist() == [0.0, 10.0, 10.0, 10.0] and gap.reach == 1.1
    np.testing.assert_allclose(gain.values, [0.0, 10.0, 10.0, 0.0])
    assert (gain.mean, gain.reach) == (pytest.approx(5.0), 1.0)
