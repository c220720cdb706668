"""The gate on the paper's released verdicts: what the data supports, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from gisteval.gate.gate import run_gate
from gisteval.gate.options import GateOptions
from gisteval.pipeline.imports.paper import import_paper


@pytest.fixture(scope="module")
def paper(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return import_paper(shared_data / "paper", tmp_path_factory.mktemp("paper") / "run").folder.path


def outcomes(run: Path, system: str, baseline: str, metric: str = "win_rate") -> dict[str, str]:
    options = GateOptions(run, run, metric=metric, system=system, baseline_system=baseline)
    return {split.split: split.outcome for split in run_gate(options).splits}


def test_one_gist_token_keeps_within_five_points_on_seen_and_unseen_only(paper: Path) -> None:
    found = outcomes(paper, "LLaMA-gist-1", "LLaMA-pos_control-1")
    assert found == {"seen": "PASS", "unseen": "PASS", "human": "INCONCLUSIVE"}


@pytest.mark.parametrize("metric", ["win_rate", "rougeL"])
def test_the_negative_control_fails_everywhere(paper: Path, metric: str) -> None:
    found = outcomes(paper, "LLaMA-neg_control-1", "LLaMA-gist-1", metric)
    assert set(found.values()) == {"FAIL"}


def test_the_counts_are_the_papers(paper: Path) -> None:
    options = GateOptions(paper, paper, splits=("human",))
    judged = run_gate(options).splits[0].candidate.judge
    assert judged is not None
    assert (judged.wins, judged.ties, judged.losses) == (100, 29, 123)
