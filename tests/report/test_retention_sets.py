"""Retentions without an interval are said as Fieller's sets, others are not said again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from run_folders import claim_run, make_generation, make_system, write_records

from gisteval.pipeline.imports.records import NoOutput
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example
from gisteval.report.retention_sets import unbounded_retentions
from gisteval.scores.rows import run_rows
from gisteval.stats.fieller import fieller_set

N = 40
SYSTEMS = [
    make_system("pos", "positive", reference="pos"),
    make_system("gist-1", reference="pos", negative="neg"),
    make_system("neg", "negative", reference="pos"),
]


def run_of(path: Path, right: dict[str, np.ndarray], lost: int = 0) -> RunFolder:
    """A finished run of which these outputs are right; the candidate lacks the last so many."""
    examples = [Example(str(n), "t", "s", f"say {n // 2}", "", f"word{n}") for n in range(N)]
    folder = claim_run(path, {"s": examples}, SYSTEMS, metrics=("exact_match",))
    for system in SYSTEMS:
        known = examples[: N - lost] if system.name == "gist-1" else examples
        made = [
            make_generation(system, example, example.output if is_right else "no")
            for example, is_right in zip(known, right[system.name], strict=False)
        ]
        write_records(folder.generations(system.name), made)
    if lost:
        failed = [NoOutput(example, "it broke") for example in examples[N - lost :]]
        folder.note_failures({("gist-1", "s"): failed})
    folder.write_results(list(run_rows(folder)), "t")
    return folder


@pytest.mark.parametrize("lost", [0, 5])
def test_controls_that_nearly_meet_give_the_set_of_the_examples_by_hand(tmp_path: Path, lost: int) -> None:
    draw = np.random.default_rng(8)
    right = {name: draw.random(N) < share for name, share in (("pos", 0.55), ("neg", 0.5), ("gist-1", 0.9))}
    found = list(unbounded_retentions(run_of(tmp_path / "run", right, lost)))
    right["gist-1"][N - lost :] = False
    ours, above, below = (100.0 * right[name] for name in ("gist-1", "pos", "neg"))
    known = fieller_set(ours - below, above - below, [f"{n // 2}" for n in range(N)])
    assert known.shape != "bounded"
    assert f"retention of gist-1 on s by exact match: {known.words()}" in found


def test_controls_that_are_apart_need_no_set(tmp_path: Path) -> None:
    right = {"pos": np.arange(N) < 36, "neg": np.arange(N) < 2, "gist-1": np.arange(N) % 2 == 0}
    folder = run_of(tmp_path / "run", right)
    retained = [row for row in folder.results() if row.system == "gist-1" and row.retention is not None]
    assert retained and all(row.retention_ci_low is not None for row in retained)
    assert list(unbounded_retentions(folder)) == []
