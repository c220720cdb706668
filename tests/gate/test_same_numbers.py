"""Gate, comparison and report say the same of the same outputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from gisteval.gate.compare import compare
from gisteval.gate.gate import run_gate
from gisteval.gate.options import GateOptions
from gisteval.gate.sides import choose_side
from gisteval.importer.records import ImportedOutputs, SystemLabel
from gisteval.pipeline.imports.records import claim_folder, write_generations
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example
from gisteval.records.store import write_json
from gisteval.report.margins import margins
from gisteval.scores.rows import run_rows

EXAMPLES = tuple(
    Example(str(n), "small", "test", f"say {n // 2}", f"{n}", f"word{n} is the answer") for n in range(160)
)
CANDIDATE = SystemLabel("mine", "x", "gist", 4)
POSITIVE = SystemLabel("all.csv", "x", "pos_control", 1)
NEGATIVE = SystemLabel("none.csv", "x", "neg_control", 1)


def write(folder: Path, right: Sequence[int], missing: Sequence[int], split: str = "test") -> RunFolder:
    """A run whose candidate is right, wrong or silent on these examples; the positive control is right."""
    parts = []
    for label in (POSITIVE, CANDIDATE, NEGATIVE):
        texts = {}
        for n, example in enumerate(EXAMPLES):
            if label is CANDIDATE and n in missing:
                continue
            knows = label is POSITIVE or (label is CANDIDATE and n in right)
            texts[example.content_id] = example.output if knows else "nothing"
        parts.append(ImportedOutputs(label, split, EXAMPLES, texts, "here"))
    labels = [part.system for part in parts]
    run = claim_folder(folder, "small", {split: EXAMPLES}, labels, {}, ["x"])
    write_generations(run, parts)
    named = [{"system": "mine", "split": split, "example": str(n)} for n in missing]
    write_json(run.path / "failures.json", named)
    run.write_results(list(run_rows(run)), "a:b")
    return run


@pytest.mark.parametrize(
    ("right", "missing", "outcome", "finding"),
    [
        (range(160), (), "PASS", "within 5"),
        (range(12), (), "FAIL", "below"),
        (range(156), range(80), "FAIL", "below"),  # half of its outputs are missing
        (range(0, 160, 40), range(1, 160, 40), "FAIL", "below"),
        (range(154), (), "INCONCLUSIVE", "open"),
    ],
)
@pytest.mark.parametrize("metric", ["rougeL", "exact_match"])
def test_the_difference_its_interval_and_the_conclusion_agree(
    tmp_path: Path,
    right: Sequence[int],
    missing: Sequence[int],
    outcome: str,
    finding: str,
    metric: str,
) -> None:
    run = write(tmp_path / "run", right, missing)
    (row,) = [r for r in run.results() if (r.system, r.metric) == ("mine", metric)]
    sides = [choose_side(run.path, name, "--system") for name in ("mine", "all.csv")]
    (compared,) = [d for d in compare(*sides).differences if d.metric == metric]
    options = GateOptions(run.path, run.path, metric=metric, system="mine", baseline_system="all.csv")
    result = run_gate(options)
    check = result.splits[0].checks[0]
    assert row.difference == pytest.approx(compared.difference)
    assert row.difference == pytest.approx(check.estimate.value)
    assert (row.difference_ci_low, row.difference_ci_high) == pytest.approx(
        (compared.ci_low, compared.ci_high)
    )
    assert row.p_value == pytest.approx(compared.p_value)
    # The gate's interval is the same at 90%.
    assert (
        row.difference_ci_low <= check.estimate.ci_low <= check.estimate.ci_high <= row.difference_ci_high
    )
    assert result.outcome == outcome
    if metric == "rougeL":
        (margin,) = margins(run.results())[1]
        assert margin.finding == finding
